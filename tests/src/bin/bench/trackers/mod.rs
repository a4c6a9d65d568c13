//! The trackers under measurement, each started afresh, and ended when the value is dropped.

mod foreign;
pub(crate) mod rivals;

use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use std::{env, io, thread};

use wrtracker_tests::folder::Folder;
use wrtracker_tests::load::work::Work;
use wrtracker_tests::process;
use wrtracker_tests::server::{Server, binary};

use crate::Failure;
use rivals::{Rival, target_folder};

/// The core for the tracker; the load gets [`LOAD_CORE`].
pub(crate) const TRACKER_CORE: usize = 0;
/// The core for the load.
pub(crate) const LOAD_CORE: usize = 1;

/// What can be measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Program {
    /// With this many KiB as its limit, 0 for the limit that it sets itself.
    Wrtracker(u64),
    /// The smallest build of it, with the limit that it sets itself.
    SmallWrtracker,
    /// The program's way through the sockets, without a tracker.
    SocketLoop,
    /// The system's, with one UDP worker, or with UDP in its event loop.
    Opentracker { worker: bool },
    /// The one that `OPENTRACKER` names, likewise.
    OwnOpentracker { worker: bool },
    /// With one worker.
    Aquatic,
    /// The same on io_uring.
    AquaticRing,
}

impl Program {
    /// How tables call it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Wrtracker(_) => "wrtracker",
            Self::SmallWrtracker => "wrtracker, small",
            Self::SocketLoop => "socket loop",
            Self::Opentracker { worker: false } => "opentracker, event loop",
            Self::Opentracker { worker: true } => "opentracker, one worker",
            Self::OwnOpentracker { worker: false } => "own opentracker, event loop",
            Self::OwnOpentracker { worker: true } => "own opentracker, one worker",
            Self::Aquatic => "aquatic_udp",
            Self::AquaticRing => "aquatic_udp, io_uring",
        }
    }

    /// Whether it's ours.
    pub(crate) const fn is_own(self) -> bool {
        matches!(
            self,
            Self::Wrtracker(_) | Self::SmallWrtracker | Self::SocketLoop
        )
    }

    /// Its file, if it is installed. Our own are always there.
    pub(crate) fn installed(self) -> Option<PathBuf> {
        let named = |variable| env::var_os(variable).map(PathBuf::from);
        let file = match self {
            Self::Wrtracker(_) => Some(binary().to_owned()),
            Self::SmallWrtracker => {
                Some(target_folder().join("x86_64-unknown-linux-musl/small/wrtracker"))
            }
            Self::SocketLoop => env::current_exe()
                .ok()
                .map(|own| own.with_file_name("socket_loop")),
            Self::Opentracker { .. } => {
                process::find_program("opentracker").or_else(|| named("OPENTRACKER"))
            }
            Self::OwnOpentracker { .. } => named("OPENTRACKER"),
            Self::Aquatic => process::find_program("aquatic_udp")
                .or_else(|| named("AQUATIC_UDP"))
                .or_else(|| Some(Rival::Udp.file())),
            Self::AquaticRing => Some(Rival::UdpRing.file()),
        };
        file.filter(|file| file.exists())
    }

    /// Starts it for the torrents of `work`, on the tracker's core.
    ///
    /// # Errors
    ///
    /// If it doesn't start or doesn't answer.
    pub(crate) fn start(self, work: &Work) -> Result<Running, Failure> {
        if !self.is_own() {
            return self.start_on_port(work, &[]);
        }
        let command = self.command(Path::new("."), 0, work, &[])?;
        on_a_core_of_its_own(|| Running::own(command).map_err(|error| error.to_string()))
    }

    /// The same on a port that we choose, whatever the program: its answers alone tell when it
    /// serves. If it keeps a list, the torrents of `more` are on it too.
    ///
    /// # Errors
    ///
    /// If it doesn't start or doesn't answer.
    pub(crate) fn start_on_port(self, work: &Work, more: &[[u8; 20]]) -> Result<Running, Failure> {
        let lists = match self {
            Self::Opentracker { .. } | Self::OwnOpentracker { .. } => {
                foreign::lists(&self.file()?)?
            }
            _ => false,
        };
        on_a_core_of_its_own(|| {
            let command = |folder: &Path, port| self.command(folder, port, work, more);
            Running::on_port(command, work, lists)
                .map_err(|error| format!("{}: {error}", self.name()))
        })
    }

    fn file(self) -> io::Result<PathBuf> {
        self.installed()
            .ok_or_else(|| io::Error::other(format!("{} is not installed", self.name())))
    }

    /// The program with all that it is told: to listen on `port` of 127.0.0.1 alone, with its files
    /// in `folder`.
    fn command(
        self,
        folder: &Path,
        port: u16,
        work: &Work,
        more: &[[u8; 20]],
    ) -> io::Result<Command> {
        let file = self.file()?;
        let own = |limit: u64| {
            let mut command = Command::new(&file);
            if limit > 0 {
                command.args(["-m", &format!("{limit}K")]);
            }
            let port = port.to_string();
            command.args(["-i", "127.0.0.1", "-p", &port, "-P", &port]);
            command
        };
        match self {
            Self::Wrtracker(limit) => Ok(own(limit)),
            Self::SmallWrtracker => Ok(own(0)),
            Self::SocketLoop => Ok(Command::new(file)),
            Self::Opentracker { worker } | Self::OwnOpentracker { worker } => {
                foreign::opentracker(&file, folder, port, worker, work, more)
            }
            Self::Aquatic => foreign::aquatic(&file, folder, port, false),
            Self::AquaticRing => foreign::aquatic(&file, folder, port, true),
        }
    }
}

/// Those of `programs` that are installed. Says plainly which are not.
pub(crate) fn installed(programs: &[Program]) -> Vec<Program> {
    let there = |program: &Program| {
        let there = program.installed().is_some();
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
    /// The time from its start to its first answer to a connect, if it was started on a port.
    pub(crate) first_answer: Option<Duration>,
    process: Process,
}

/// Held to be dropped.
enum Process {
    Own(Server),
    OnPort { _child: Killed, _folder: Folder },
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
            first_answer: None,
            process: Process::Own(server),
        })
    }

    /// Ends our own program as a service manager does.
    pub(crate) fn terminate(self) -> Option<ExitStatus> {
        match self.process {
            Process::Own(server) => Some(server.terminate()),
            Process::OnPort { .. } => None,
        }
    }

    /// Any tracker, which must be given a free port. One may be taken between our look and its.
    fn on_port(
        command: impl Fn(&Path, u16) -> io::Result<Command>,
        work: &Work,
        lists: bool,
    ) -> Result<Self, Failure> {
        let mut last = String::new();
        for _ in 0..5 {
            let port = free_port()?;
            let folder = Folder::new("bench");
            let mut command = command(&folder, port)?;
            process::pin(TRACKER_CORE);
            let start = Instant::now();
            let child = command
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()?;
            process::pin(LOAD_CORE);
            let mut child = Killed(child);
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            match foreign::wait_until_it_serves(address, work, lists, &mut child.0) {
                Ok(first_answer) => {
                    return Ok(Self {
                        pid: child.0.id(),
                        udp: address,
                        tcp: Some(address),
                        said: String::new(),
                        first_answer: Some(first_answer.duration_since(start)),
                        process: Process::OnPort {
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

/// A child inherits the cores of the thread that starts it: it is started in a thread of its own,
/// on the tracker's.
fn on_a_core_of_its_own(
    start: impl FnOnce() -> Result<Running, String> + Send,
) -> Result<Running, Failure> {
    thread::scope(|scope| {
        let started = scope.spawn(|| {
            process::pin(TRACKER_CORE);
            start()
        });
        Ok(started.join().map_err(|_| "a tracker does not start")??)
    })
}

/// A port free for both UDP and TCP a moment ago.
fn free_port() -> io::Result<u16> {
    let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = tcp.local_addr()?.port();
    UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).map(|_| port)
}

/// A process that ends with the value.
pub(crate) struct Killed(pub(crate) Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
