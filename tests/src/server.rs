//! The real program, started for a test and ended with it.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use crate::namespace::skip;
use crate::process;

/// How long the program may take to start, or to end after a signal, before a test fails.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// A running wrtracker. Dropping it kills and reaps the process.
pub struct Server {
    child: Child,
    log: Arc<Log>,
    listeners: Vec<(Protocol, SocketAddr)>,
}

/// What the program said before it ended by itself, and how it ended.
#[derive(Debug)]
pub struct Exited {
    /// Its exit status.
    pub status: ExitStatus,
    /// All of its standard error.
    pub stderr: String,
}

impl Server {
    /// Starts the program and returns when it says `ready`.
    ///
    /// Without `-p`, `-P` and `-f` in `args` it listens on a free port of 127.0.0.1 and, if the
    /// machine has it, of ::1, TCP and UDP each.
    ///
    /// # Panics
    ///
    /// With the program's standard error, if it ends or isn't ready within [`DEADLINE`].
    pub fn start(args: &[&str]) -> Self {
        Self::try_start(args).unwrap_or_else(|exited| {
            panic!(
                "wrtracker {args:?} ended with {}:\n{}",
                exited.status, exited.stderr
            )
        })
    }

    /// As [`start`](Self::start), but a program that ends by itself is a result.
    ///
    /// # Errors
    ///
    /// [`Exited`] if the program ended before it said `ready`.
    ///
    /// # Panics
    ///
    /// With the program's standard error, if it neither is ready nor ends within [`DEADLINE`].
    pub fn try_start(args: &[&str]) -> Result<Self, Exited> {
        let mut all = args.to_vec();
        if !args.iter().any(|arg| matches!(*arg, "-p" | "-P" | "-f")) {
            all.extend(["-i", "127.0.0.1", "-p", "0", "-P", "0"]);
            if ipv6_works() {
                all.extend(["-i", "::1", "-p", "0", "-P", "0"]);
            }
        }
        let mut command = command();
        command.args(&all);
        Self::try_start_command(command)
    }

    /// As [`try_start`](Self::try_start), with a program of the caller's that says the same when it
    /// starts.
    ///
    /// # Errors
    ///
    /// [`Exited`] if the program ended before it said `ready`.
    ///
    /// # Panics
    ///
    /// With the program's standard error, if it neither is ready nor ends within [`DEADLINE`].
    pub fn try_start_command(mut command: Command) -> Result<Self, Exited> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        let log = Arc::new(Log::default());
        if let Some(stderr) = child.stderr.take() {
            let log = Arc::clone(&log);
            // Reads to the end, so that the program never waits for us to take what it says.
            thread::spawn(move || log.drain(stderr));
        }
        let mut server = Self {
            child,
            log,
            listeners: Vec::new(),
        };
        let ready = server
            .log
            .wait_until(|text, ended| ended || text.lines().any(|line| line == "wrtracker: ready"));
        let stderr = server.stderr();
        assert!(ready, "{command:?} is not ready in {DEADLINE:?}:\n{stderr}");
        if !stderr.lines().any(|line| line == "wrtracker: ready") {
            let status = server.wait();
            return Err(Exited { status, stderr });
        }
        server.listeners = stderr.lines().filter_map(parse_listener).collect();
        Ok(server)
    }

    /// Where to send UDP over IPv4: the first such listener, a wildcard replaced by 127.0.0.1.
    ///
    /// # Panics
    ///
    /// If there is none; likewise the three below.
    pub fn udp_v4(&self) -> SocketAddr {
        self.listener(Protocol::Udp, false)
    }

    /// Where to send UDP over IPv6.
    pub fn udp_v6(&self) -> SocketAddr {
        self.listener(Protocol::Udp, true)
    }

    /// Where to connect over IPv4.
    pub fn tcp_v4(&self) -> SocketAddr {
        self.listener(Protocol::Tcp, false)
    }

    /// Where to connect over IPv6.
    pub fn tcp_v6(&self) -> SocketAddr {
        self.listener(Protocol::Tcp, true)
    }

    /// Where the interface for programs is.
    pub fn api(&self) -> SocketAddr {
        self.listener(Protocol::Api, false)
    }

    /// Where to connect with TLS over IPv4.
    pub fn tls(&self) -> SocketAddr {
        self.listener(Protocol::Tls, false)
    }

    /// Where the interface for programs is with TLS.
    pub fn api_tls(&self) -> SocketAddr {
        self.listener(Protocol::ApiTls, false)
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The bytes of anonymous memory that the program has resident, or `None` if it is emulated: the
    /// process is the emulator's then.
    ///
    /// # Panics
    ///
    /// If it has ended.
    pub fn anonymous_bytes(&self) -> Option<u64> {
        let bytes = process::anonymous_bytes(self.pid()).expect("a process");
        (!emulated("memory: the process is the emulator's")).then_some(bytes)
    }

    /// All that the program has said on standard error so far.
    pub fn stderr(&self) -> String {
        self.log.text()
    }

    /// Waits until standard error contains `needle`.
    ///
    /// # Panics
    ///
    /// If it doesn't within [`DEADLINE`], or the program ends without saying it.
    pub fn wait_for_stderr(&self, needle: &str) {
        self.log
            .wait_until(|text, ended| ended || text.contains(needle));
        let text = self.stderr();
        assert!(text.contains(needle), "{needle:?} is missing in:\n{text}");
    }

    /// Waits until standard error contains `needle` so many times.
    ///
    /// # Panics
    ///
    /// If it doesn't within [`DEADLINE`], or the program ends without saying it.
    pub fn wait_for_times(&self, needle: &str, times: usize) {
        let enough = |text: &str| text.matches(needle).count() >= times;
        self.log.wait_until(|text, ended| ended || enough(text));
        let text = self.stderr();
        assert!(enough(&text), "{needle:?} is not {times} times in:\n{text}");
    }

    /// Sends a signal to the program.
    ///
    /// # Panics
    ///
    /// If the system refuses.
    pub fn signal(&self, signal: Signal) {
        rustix::process::kill_process(Pid::from_child(&self.child), signal).expect("kill");
    }

    /// Ends the program as a service manager does, with SIGTERM, and returns its exit status.
    ///
    /// # Panics
    ///
    /// With the program's standard error, if it goes on for [`DEADLINE`].
    pub fn terminate(mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait()
    }

    /// Waits for the program to end by itself.
    ///
    /// # Panics
    ///
    /// With the program's standard error, if it goes on for [`DEADLINE`].
    pub fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(status) = self.child.try_wait().expect("wait for wrtracker") {
                return status;
            }
            assert!(
                Instant::now() < deadline,
                "wrtracker does not end:\n{}",
                self.stderr()
            );
            thread::sleep(Duration::from_millis(2));
        }
    }

    fn listener(&self, protocol: Protocol, v6: bool) -> SocketAddr {
        let mut address = self
            .listeners
            .iter()
            .find(|(of, address)| *of == protocol && address.is_ipv6() == v6)
            .unwrap_or_else(|| panic!("no such listener in:\n{}", self.stderr()))
            .1;
        if address.ip().is_unspecified() {
            address.set_ip(if v6 {
                Ipv6Addr::LOCALHOST.into()
            } else {
                Ipv4Addr::LOCALHOST.into()
            });
        }
        address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to kill and the status is still there to
        // take.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program under test.
///
/// That is the file named by `WRTRACKER_BIN`, else the one that
/// `cargo build -p wrtracker --bin wrtracker` makes, once, in the profile and for the target that
/// the running test was built with.
///
/// # Panics
///
/// If it can't be built.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| env::var_os("WRTRACKER_BIN").map_or_else(build, PathBuf::from))
}

/// The program under test, to be given its arguments.
///
/// `WRTRACKER_RUNNER` names what runs it if it is another machine's, with arguments between blanks:
/// `qemu-arm-static -cpu arm1176`.
///
/// # Panics
///
/// If it can't be built.
pub fn command() -> Command {
    let runner = env::var("WRTRACKER_RUNNER").unwrap_or_default();
    let mut words = runner.split_whitespace();
    let Some(emulator) = words.next() else {
        return Command::new(binary());
    };
    let mut command = Command::new(emulator);
    command.args(words).arg(binary());
    command
}

/// Whether an emulator runs the program. If so, says that `what` isn't tested.
pub fn emulated(what: &str) -> bool {
    let runner = env::var("WRTRACKER_RUNNER").unwrap_or_default();
    let emulated = !runner.trim().is_empty();
    if emulated {
        skip(&format!("{what} ({runner})"));
    }
    emulated
}

/// Whether an emulator runs the program as on a big-endian machine. If so, says that `what` isn't
/// tested.
///
/// # Panics
///
/// If the program can't be read.
pub fn emulated_big_endian(what: &str) -> bool {
    // ELF's sixth byte.
    const BIG_ENDIAN: u8 = 2;
    if env::var_os("WRTRACKER_RUNNER").is_none() {
        return false;
    }
    let program = fs::read(binary()).expect("the program");
    program.get(5) == Some(&BIG_ENDIAN) && emulated(what)
}

/// Whether this machine has IPv6 on its loopback interface.
pub fn ipv6_works() -> bool {
    static WORKS: OnceLock<bool> = OnceLock::new();
    *WORKS.get_or_init(|| {
        let works = UdpSocket::bind((IpAddr::from(Ipv6Addr::LOCALHOST), 0)).is_ok();
        if !works {
            skip("no IPv6 on this machine, nothing is tested over it");
        }
        works
    })
}

/// Builds the program beside the running test: in `TARGET/PROFILE` or `TARGET/TRIPLE/PROFILE`.
fn build() -> PathBuf {
    let test = env::current_exe().expect("path of the running test");
    let mut folder = test.parent().expect("folder of the running test");
    if folder.ends_with("deps") || folder.ends_with("examples") {
        folder = folder.parent().expect("folder of the profile");
    }
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let parent = folder.parent().expect("target folder");
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(["build", "--quiet", "--package", "wrtracker"])
        .args(["--bin", "wrtracker", "--profile", profile])
        .args(if cfg!(feature = "tls") {
            ["--features", "tls"].as_slice()
        } else {
            &[]
        })
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    if parent.join("CACHEDIR.TAG").exists() {
        command.arg("--target-dir").arg(parent);
    } else {
        let triple = parent.file_name().expect("name of the target");
        let root = parent.parent().expect("target folder");
        command.arg("--target").arg(triple);
        command.arg("--target-dir").arg(root);
    }
    let status = command.status().expect("cargo starts");
    assert!(status.success(), "{command:?} failed");
    folder.join("wrtracker")
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Protocol {
    Udp,
    Tcp,
    Tls,
    Api,
    ApiTls,
}

/// One line such as `wrtracker: listening on udp [::]:6969`.
fn parse_listener(line: &str) -> Option<(Protocol, SocketAddr)> {
    let (protocol, address) = line
        .strip_prefix("wrtracker: listening on ")?
        .split_once(' ')?;
    let protocol = match protocol {
        "udp" => Protocol::Udp,
        "tcp" => Protocol::Tcp,
        "tls" => Protocol::Tls,
        "api" => Protocol::Api,
        "api-tls" => Protocol::ApiTls,
        _ => return None,
    };
    let address = address
        .parse()
        .unwrap_or_else(|_| panic!("not an address: {line}"));
    Some((protocol, address))
}

/// What the program has said, filled by a thread of its own.
#[derive(Default)]
struct Log {
    /// The text, and whether standard error was closed.
    said: Mutex<(String, bool)>,
    more: Condvar,
}

impl Log {
    fn drain(&self, stderr: ChildStderr) {
        let mut reader = BufReader::new(stderr);
        let mut line = Vec::new();
        loop {
            line.clear();
            let count = reader.read_until(b'\n', &mut line).unwrap_or(0);
            let mut said = self.said.lock().expect("log");
            said.0.push_str(&String::from_utf8_lossy(&line));
            said.1 = count == 0;
            self.more.notify_all();
            if said.1 {
                return;
            }
        }
    }

    fn text(&self) -> String {
        self.said.lock().expect("log").0.clone()
    }

    /// Waits up to [`DEADLINE`] and tells whether the condition came true.
    fn wait_until(&self, mut condition: impl FnMut(&str, bool) -> bool) -> bool {
        let said = self.said.lock().expect("log");
        let (_said, timeout) = self
            .more
            .wait_timeout_while(said, DEADLINE, |(text, ended)| !condition(text, *ended))
            .expect("log");
        !timeout.timed_out()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listener_lines_are_parsed() {
        assert_eq!(
            parse_listener("wrtracker: listening on udp [::]:6969"),
            Some((Protocol::Udp, "[::]:6969".parse().unwrap()))
        );
        assert_eq!(
            parse_listener("wrtracker: listening on tcp 127.0.0.1:80"),
            Some((Protocol::Tcp, "127.0.0.1:80".parse().unwrap()))
        );
        assert_eq!(parse_listener("wrtracker: ready"), None);
    }
}
