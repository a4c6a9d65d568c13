//! One program to put probes to, with a folder for its files.

use std::cell::{Cell, RefCell};
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::folder::Folder;
use crate::process::find_program;
use crate::server::{binary, ipv6_works};

pub(crate) use http::{Conn, Framing, Reply, announce, request, scrape};
pub(crate) use running::{Ended, Running, until, until_within};
pub(crate) use tracker::Tracker;
pub(crate) use udp::Udp;

mod http;
mod running;
mod sockets;
mod tracker;
mod udp;

/// The programs that can be compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Program {
    /// Ours.
    Wrtracker,
    /// Debian's package `opentracker`, built with a whitelist, restricted statistics and gzip.
    Opentracker,
}

impl Program {
    /// Where it is, if it is installed.
    pub fn file(self) -> Option<PathBuf> {
        match self {
            Self::Wrtracker => Some(binary().to_owned()),
            Self::Opentracker => env::var_os("OPENTRACKER")
                .map(PathBuf::from)
                .or_else(|| find_program("opentracker")),
        }
    }
}

/// A torrent.
pub(crate) type Hash = [u8; 20];

/// A program under test and a folder of its own, which everybody may read and write: the program
/// gives up its rights when it has started as root.
pub struct Lab {
    program: Program,
    folder: Folder,
    /// How many torrents were handed out.
    used: Cell<u32>,
    /// What started here, for who wants to know what it said.
    started: RefCell<Vec<Rc<running::Said>>>,
}

impl Lab {
    /// Prepares for `program`, and starts nothing yet.
    ///
    /// # Panics
    ///
    /// If there can be no folder.
    pub fn new(program: Program) -> Self {
        Self {
            program,
            folder: Folder::open_to_all("conformance"),
            used: Cell::new(1),
            started: RefCell::default(),
        }
    }

    /// Whether the program is wrtracker.
    pub(crate) fn ours(&self) -> bool {
        self.program == Program::Wrtracker
    }

    /// The first for wrtracker, the second for opentracker.
    pub(crate) fn pick<T>(&self, ours: T, theirs: T) -> T {
        if self.ours() { ours } else { theirs }
    }

    /// All that the programs have said that were started here.
    pub fn said(&self) -> String {
        let started = self.started.borrow();
        started.iter().map(|said| said.text()).collect()
    }

    /// A torrent that nobody else here uses and that opentracker's list has.
    pub(crate) fn hash(&self) -> Hash {
        let number = self.used.get();
        assert!(number < LISTED, "the list is too short for this probe");
        self.used.set(number + 1);
        hash(number)
    }

    /// A torrent that is on no list.
    pub(crate) fn unlisted(&self) -> Hash {
        let number = self.used.get();
        self.used.set(number + 1);
        hash(LISTED + number)
    }

    /// A path in the folder.
    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.path(name)
    }

    /// Writes a file that everybody may read and write, and returns its path.
    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.folder.write(name, bytes);
        self.open_up(Path::new(&path));
        path
    }

    /// Writes a list of torrents with opentracker's way to see when it has read it.
    pub(crate) fn list(&self, name: &str, hashes: &[Hash]) -> String {
        let lines = [first_listed()]
            .iter()
            .chain(hashes)
            .map(|hash| hex(hash) + "\n")
            .collect::<String>();
        self.write(name, lines)
    }

    /// Makes a folder in the folder.
    pub(crate) fn make_folder(&self, name: &str) -> String {
        let path = self.path(name);
        fs::create_dir(&path).expect("to make a folder");
        self.open_up(Path::new(&path));
        path
    }

    fn open_up(&self, path: &Path) {
        fs::set_permissions(path, fs::Permissions::from_mode(0o777)).expect("to give rights");
    }

    /// The program in its simplest form: everybody may announce what [`hash`](Self::hash) gives, and
    /// 127.0.0.1 may see statistics.
    pub(crate) fn open(&self) -> Tracker {
        self.with("")
    }

    /// The same with more lines in the configuration file; `{dir}` in them is the folder.
    ///
    /// opentracker gets a list of all torrents, and the statistics for 127.0.0.1, if the lines say
    /// nothing of either, because as Debian has it it serves nothing without.
    pub(crate) fn with(&self, lines: &str) -> Tracker {
        self.try_with(lines).unwrap_or_else(|ended| {
            panic!("ended with {}: {}", ended.status, ended.said);
        })
    }

    /// The same, where the program may end by itself.
    pub(crate) fn try_with(&self, lines: &str) -> Result<Tracker, Ended> {
        self.with_args(&[], lines)
    }

    /// The same with more arguments behind the file.
    pub(crate) fn with_args(&self, args: &[&str], lines: &str) -> Result<Tracker, Ended> {
        let lines = lines.replace("{dir}", &self.path(""));
        let mut last = None;
        for attempt in 0..5 {
            let port = self.pick(0, free_port());
            let mut text = self.listen(port);
            if !self.ours() {
                if !lines.contains("access.whitelist") {
                    let list = self.path("every");
                    if attempt == 0 {
                        self.write("every", list_of_all());
                    }
                    let _ = writeln!(text, "access.whitelist {list}");
                }
                if !lines.contains("access.stats ") {
                    text.push_str("access.stats 127.0.0.1\n");
                }
            }
            text.push_str(&lines);
            let conf = self.write("conf", text);
            let all = [&["-f", &conf], args].concat();
            match self.start(&all, port) {
                Ok(tracker) => return Ok(tracker),
                Err(ended) => last = Some(ended),
            }
            if self.ours() {
                break;
            }
        }
        Err(last.expect("it ended"))
    }

    /// The lines that make it listen.
    pub(crate) fn listen(&self, port: u16) -> String {
        let mut text = format!("listen.tcp_udp 127.0.0.1:{port}\n");
        if self.ours() && ipv6_works() {
            let _ = writeln!(text, "listen.tcp_udp [::1]:{port}");
        }
        text
    }

    /// Starts the program with these arguments, of which opentracker must listen on `port` of
    /// 127.0.0.1, and waits until it serves.
    pub(crate) fn start(&self, args: &[&str], port: u16) -> Result<Tracker, Ended> {
        let running = self.spawn(args);
        if self.ours() {
            Tracker::ours(running)
        } else {
            Tracker::theirs(running, SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        }
    }

    /// Starts the program with these arguments and waits for nothing.
    pub(crate) fn spawn(&self, args: &[&str]) -> Running {
        let mut command = self.command();
        command.args(args);
        self.spawn_command(command)
    }

    /// The same with a command that was made of [`command`](Self::command).
    pub(crate) fn spawn_command(&self, command: Command) -> Running {
        let running = Running::spawn(command);
        self.started.borrow_mut().push(running.said_so_far());
        running
    }

    /// The program, or what runs it.
    pub(crate) fn command(&self) -> Command {
        let file = self.program.file().expect("the program is installed");
        match env::var_os("WRTRACKER_RUNNER") {
            Some(runner) if self.ours() => {
                let mut command = Command::new(runner);
                command.arg(file);
                command
            }
            _ => Command::new(file),
        }
    }

    /// Runs the program with arguments that make it end by itself. One that goes on instead is
    /// ended, and told by its sockets.
    pub(crate) fn run(&self, args: &[&str]) -> Outcome {
        self.run_until(args, 1)
    }

    /// The same for arguments that give a program which doesn't say when it is ready this many
    /// sockets.
    pub(crate) fn run_until(&self, args: &[&str], sockets: usize) -> Outcome {
        let mut running = self.spawn(args);
        let sockets = (!self.ours()).then_some(sockets);
        match running.wait_until_it_listens(sockets) {
            Some(sockets) => Outcome::Listens(sockets),
            None => Outcome::Ended(running.wait()),
        }
    }
}

/// What became of a program with some arguments.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    /// It ended by itself.
    Ended(Ended),
    /// It listens on these, for example `tcp 127.0.0.1:6969`, and was ended.
    Listens(Vec<String>),
}

impl Outcome {
    /// For example `1`, or `listens`.
    pub(crate) fn status(&self) -> String {
        match self {
            Self::Ended(ended) => ended.status.clone(),
            Self::Listens(_) => "listens".to_owned(),
        }
    }
}

/// Whether we are root.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A port of 127.0.0.1 that is free for TCP and UDP, below those that the kernel hands out by
/// itself, so that no client of ours gets it meanwhile.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    const FIRST: u32 = 12_000;
    const COUNT: u32 = 20_000;
    let start = std::process::id().wrapping_mul(97);
    let _alone = running::ALONE.lock();
    for _ in 0..COUNT {
        let number = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(FIRST + number % COUNT).expect("a port");
        let any = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        if TcpListener::bind((any, port)).is_ok() && UdpSocket::bind((any, port)).is_ok() {
            return port;
        }
    }
    panic!("no port is free");
}

/// How many torrents opentracker's list has. The first is only for waiting until it has read it.
const LISTED: u32 = 6_000;

/// The torrent that tells when a list has been read.
pub(crate) fn first_listed() -> Hash {
    hash(0)
}

/// Torrent `number`: 20 bytes that look random, and stay the same.
fn hash(number: u32) -> Hash {
    let mut state = u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut bytes = [0; 20];
    for byte in &mut bytes {
        state ^= state >> 30;
        state = state
            .wrapping_mul(0xbf58_476d_1ce4_e5b9)
            .wrapping_add(0x1234_5678_9abc_def1);
        *byte = state.to_be_bytes()[1];
    }
    bytes
}

/// The lines of a list of all torrents that [`Lab::hash`] gives.
fn list_of_all() -> &'static str {
    static LIST: OnceLock<String> = OnceLock::new();
    LIST.get_or_init(|| {
        let lines = (0..LISTED).map(|number| hex(&hash(number)) + "\n");
        lines.collect()
    })
}

/// Upper-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        let _ = write!(text, "{byte:02X}");
    }
    text
}

/// Bytes as text for an observation.
pub(crate) fn show(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{LISTED, hash};

    #[test]
    fn no_two_torrents_are_the_same() {
        let all: BTreeSet<_> = (0..2 * LISTED).map(hash).collect();
        assert_eq!(all.len(), 2 * LISTED as usize);
    }
}
