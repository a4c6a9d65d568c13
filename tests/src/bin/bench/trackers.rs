//! The trackers under measurement, each started afresh, and ended when the value is dropped.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, io, thread};

use wrtracker_tests::load::packets::{self, Reply, Request};
use wrtracker_tests::load::work::{Item, Work};
use wrtracker_tests::process;
use wrtracker_tests::server::{Server, binary};

use crate::Failure;

/// The core for the tracker; the load gets [`LOAD_CORE`].
pub(crate) const TRACKER_CORE: usize = 0;
/// The core for the load.
pub(crate) const LOAD_CORE: usize = 1;

/// How long another tracker may take to answer first, or to read its list.
const PATIENCE: Duration = Duration::from_secs(30);

/// What can be measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Program {
    /// With this many KiB as its limit.
    Wrtracker(u64),
    /// The program's way through the sockets, without a tracker.
    SocketLoop,
    /// With one UDP worker, or with UDP in its event loop.
    Opentracker { worker: bool },
    /// With one worker.
    Aquatic,
}

impl Program {
    /// How tables call it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Wrtracker(_) => "wrtracker",
            Self::SocketLoop => "socket loop",
            Self::Opentracker { worker: false } => "opentracker, event loop",
            Self::Opentracker { worker: true } => "opentracker, one worker",
            Self::Aquatic => "aquatic_udp",
        }
    }

    /// Its file, if it is installed. Our own are always there.
    fn installed(self) -> Option<PathBuf> {
        let (variable, name) = match self {
            Self::Wrtracker(_) => return Some(binary().to_owned()),
            Self::SocketLoop => {
                return env::current_exe()
                    .ok()?
                    .with_file_name("socket_loop")
                    .into();
            }
            Self::Opentracker { .. } => ("OPENTRACKER", "opentracker"),
            Self::Aquatic => ("AQUATIC_UDP", "aquatic_udp"),
        };
        process::find_program(name).or_else(|| env::var_os(variable).map(PathBuf::from))
    }

    /// Starts it for the torrents of `work`, on the tracker's core.
    ///
    /// # Errors
    ///
    /// If it doesn't start or doesn't answer.
    pub(crate) fn start(self, work: &Work) -> Result<Running, Failure> {
        let file = self
            .installed()
            .ok_or_else(|| format!("{} is not installed", self.name()))?;
        // A child inherits the cores of the thread that starts it.
        thread::scope(|scope| {
            let start = || {
                process::pin(TRACKER_CORE);
                match self {
                    Self::Wrtracker(kibibytes) => {
                        let limit = format!("{kibibytes}K");
                        let mut command = Command::new(file);
                        command.args(["-m", &limit, "-i", "127.0.0.1", "-p", "0", "-P", "0"]);
                        Running::own(command)
                    }
                    Self::SocketLoop => Running::own(Command::new(file)),
                    Self::Opentracker { worker } => Running::other(
                        |folder, port| opentracker(&file, folder, port, worker, work),
                        work,
                        true,
                    ),
                    Self::Aquatic => {
                        Running::other(|folder, port| aquatic(&file, folder, port), work, false)
                    }
                }
                .map_err(|error| error.to_string())
            };
            let started = scope.spawn(start).join();
            Ok(started.map_err(|_| format!("{} does not start", self.name()))??)
        })
    }
}

/// Those of `programs` that are installed. Says plainly which are not.
pub(crate) fn installed(programs: &[Program]) -> Vec<Program> {
    let there = |program: &Program| {
        let there = program.installed().is_some_and(|file| file.exists());
        if !there {
            println!("{} is not installed: not measured.", program.name());
        }
        there
    };
    programs.iter().copied().filter(there).collect()
}

/// Builds our own programs in the profile of this one.
///
/// # Errors
///
/// If the socket loop can't be built.
pub(crate) fn build() -> Result<(), Failure> {
    binary();
    let status = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args([
            "build",
            "--quiet",
            "--release",
            "--package",
            "wrtracker-tests",
        ])
        .args(["--bin", "socket_loop"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()?;
    if status.success() {
        Ok(())
    } else {
        Err("the socket loop can't be built".into())
    }
}

/// A tracker that runs.
pub(crate) struct Running {
    pub(crate) pid: u32,
    pub(crate) udp: SocketAddr,
    pub(crate) tcp: Option<SocketAddr>,
    /// What it said when it started; only of our own.
    pub(crate) said: String,
    process: Process,
}

/// Held to be dropped.
enum Process {
    Own(Server),
    Other { _child: Killed, _folder: Folder },
}

impl Running {
    /// Our own program, which says where it listens.
    pub(crate) fn own(command: Command) -> Result<Self, Failure> {
        let server =
            Server::try_start_command(command).map_err(|exited| format!("ended: {exited:?}"))?;
        let said = server.stderr();
        Ok(Self {
            pid: server.pid(),
            udp: server.udp_v4(),
            tcp: said.contains("on tcp").then(|| server.tcp_v4()),
            said,
            process: Process::Own(server),
        })
    }

    /// Ends our own program as a service manager does.
    pub(crate) fn terminate(self) -> Option<ExitStatus> {
        match self.process {
            Process::Own(server) => Some(server.terminate()),
            Process::Other { .. } => None,
        }
    }

    /// Another tracker, which must be given a free port. One may be taken between our look and its.
    fn other(
        command: impl Fn(&Path, u16) -> io::Result<Command>,
        work: &Work,
        lists: bool,
    ) -> Result<Self, Failure> {
        let mut last = String::new();
        for _ in 0..5 {
            let port = free_port()?;
            let folder = Folder::new(port)?;
            let mut command = command(&folder.0, port)?;
            let child = command
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()?;
            let mut child = Killed(child);
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            match wait_until_it_serves(address, work, lists, &mut child.0) {
                Ok(()) => {
                    return Ok(Self {
                        pid: child.0.id(),
                        udp: address,
                        tcp: Some(address),
                        said: String::new(),
                        process: Process::Other {
                            _child: child,
                            _folder: folder,
                        },
                    });
                }
                Err(error) => last = format!("{command:?}: {error}"),
            }
        }
        Err(last.into())
    }
}

fn opentracker(
    file: &Path,
    folder: &Path,
    port: u16,
    worker: bool,
    work: &Work,
) -> io::Result<Command> {
    // Debian's serves only what is on its list. One more torrent is there to see when the list
    // counts.
    let mut list = String::new();
    for torrent in 0..=work.torrents {
        for byte in work.info_hash(torrent) {
            let _ = write!(list, "{byte:02x}");
        }
        list.push('\n');
    }
    fs::write(folder.join("list"), list)?;
    let config = folder.join("config");
    let workers = u32::from(worker);
    let text = format!("listen.udp.workers {workers}\nlisten.udp 127.0.0.1:{port}\n");
    fs::write(&config, text)?;
    let mut command = Command::new(file);
    command
        .args(["-i", "127.0.0.1", "-p", &port.to_string()])
        .arg("-f")
        .arg(config)
        .args(["-u", "nobody", "-w", "list", "-d"])
        .arg(folder);
    Ok(command)
}

fn aquatic(file: &Path, folder: &Path, port: u16) -> io::Result<Command> {
    let config = folder.join("config");
    let text = format!(
        "socket_workers = 1\n[network]\naddress = \"127.0.0.1:{port}\"\n\
         [cleaning]\ntorrent_cleaning_interval = 3600\n"
    );
    fs::write(&config, text)?;
    let mut command = Command::new(file);
    command.arg("-c").arg(config).current_dir(folder);
    Ok(command)
}

/// Returns when the tracker serves a torrent that no load asks for, and, if it keeps a list, denies
/// another. opentracker answers before it has read its list, and then serves all or none.
fn wait_until_it_serves(
    address: SocketAddr,
    work: &Work,
    lists: bool,
    child: &mut Child,
) -> Result<(), Failure> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.connect(address)?;
    socket.set_read_timeout(Some(Duration::from_millis(50)))?;
    let mut reply = [0; 2048];
    let mut ask = |request, torrent, id: &[u8; 8]| {
        let mut datagram = [0; packets::LARGEST];
        let item = Item { torrent, peer: 0 };
        let length = packets::emit(request, item, work, id, torrent, &mut datagram);
        // Refused as long as nobody listens.
        let received = socket
            .send(&datagram[..length])
            .and_then(|_| socket.recv(&mut reply))
            .unwrap_or(0);
        packets::check(request, torrent, 6, &reply[..received])
    };
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait()? {
            return Err(format!("ended with {status}").into());
        }
        if let Ok(Reply::Connected(id)) = ask(Request::Connect, 0, &[0; 8]) {
            let mut serves = |torrent| ask(Request::Announce(0), torrent, &id).is_ok();
            if serves(work.torrents) && !(lists && serves(work.torrents + 1)) {
                return Ok(());
            }
        }
        thread::sleep(Duration::from_millis(20));
    }
    Err("does not answer".into())
}

/// A port free for both UDP and TCP a moment ago.
fn free_port() -> io::Result<u16> {
    let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = tcp.local_addr()?.port();
    UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).map(|_| port)
}

/// A process that ends with the value.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A folder for another tracker's files, readable to all, removed with the value.
struct Folder(PathBuf);

impl Folder {
    fn new(port: u16) -> io::Result<Self> {
        let name = format!("wrtracker-bench-{}-{port}", std::process::id());
        let path = env::temp_dir().join(name);
        fs::create_dir(&path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
