//! BitTorrent clients that others wrote, each driven to seed or download one torrent.

use std::fs::{self, File};
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

/// A client.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// libtorrent-rasterbar, by its Python binding: what qBittorrent and Deluge are made of.
    Libtorrent,
    /// transmission-daemon.
    Transmission,
    /// aria2c.
    Aria2,
}

/// All of them.
pub const KINDS: [Kind; 3] = [Kind::Libtorrent, Kind::Transmission, Kind::Aria2];

/// What a client is started with.
pub struct Task<'a> {
    /// A torrent file, or a magnet link (not for Transmission).
    pub torrent: &'a str,
    /// Where the content is or comes to be.
    pub downloads: &'a Path,
    /// For whatever the client keeps. It has no other home.
    pub home: &'a Path,
    /// The address it uses.
    pub ip: IpAddr,
    /// The port it listens on, and no other client of this machine does.
    pub port: u16,
    /// Whether it announces over UDP.
    pub udp: bool,
}

/// A running client. Dropping it kills and reaps the process.
pub struct Client {
    kind: Kind,
    child: Child,
}

impl Kind {
    /// The name it is known by.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Libtorrent => "libtorrent",
            Self::Transmission => "transmission",
            Self::Aria2 => "aria2",
        }
    }

    /// The version installed here, or why there is none.
    ///
    /// # Errors
    ///
    /// A line that says what is missing.
    pub fn version(self) -> Result<String, String> {
        let mut command = match self {
            Self::Libtorrent => {
                let mut command = Command::new(python());
                command.args(["-c", "import libtorrent; print(libtorrent.version)"]);
                command
            }
            Self::Transmission => {
                let mut command = Command::new("transmission-daemon");
                command.arg("-V");
                command
            }
            Self::Aria2 => {
                let mut command = Command::new("aria2c");
                command.arg("-v");
                command
            }
        };
        let output = command.stdin(Stdio::null()).output();
        let output = output.map_err(|error| format!("{command:?}: {error}"))?;
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        if output.status.success() {
            Ok(text.lines().next().unwrap_or_default().to_owned())
        } else {
            Err(text.lines().last().unwrap_or_default().to_owned())
        }
    }

    /// The parts of its log's lines by which it says that something is wrong with a tracker.
    pub const fn complaints(self) -> &'static [&'static str] {
        match self {
            Self::Libtorrent => &["tracker_error", "tracker_warning", "scrape_failed"],
            Self::Transmission => &[
                " Could not connect to tracker (",
                "nnounce error:",
                "crape error:",
                "racker warning:",
                "Tracker gave HTTP",
            ],
            Self::Aria2 => &["Tracker returned", "UDPT received bad", "UDPT fail"],
        }
    }

    /// The part of a line by which it says that a scrape succeeded, if it does.
    pub const fn praise(self) -> Option<&'static str> {
        match self {
            Self::Libtorrent => Some("scrape_reply"),
            // It scrapes only when no announce has told it the same.
            Self::Transmission | Self::Aria2 => None,
        }
    }

    /// Starts the client. It goes on until it is stopped, whether it has everything or not.
    ///
    /// It looks for peers nowhere but at the tracker: no DHT, no peer exchange, no local discovery.
    /// aria2 is the exception: it speaks UDP to trackers only with DHT, which then has nobody to
    /// speak to.
    ///
    /// # Errors
    ///
    /// Those of the file system and of starting a process.
    pub fn start(self, task: &Task<'_>) -> io::Result<Client> {
        fs::create_dir_all(task.home)?;
        fs::create_dir_all(task.downloads)?;
        let mut command = match self {
            Self::Libtorrent => libtorrent(task),
            Self::Transmission => transmission(task)?,
            Self::Aria2 => aria2(task),
        };
        let log = File::create(task.home.join("log"))?;
        let path = std::env::var_os("PATH").unwrap_or_default();
        let child = command
            .env_clear()
            .env("PATH", path)
            .env("HOME", task.home)
            // Makes Transmission say on standard error what it does with the peers it gets.
            .env("TR_DEBUG_FD", "2")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        Ok(Client { kind: self, child })
    }
}

impl Client {
    /// Asks the client to leave its torrent and end, and waits up to 10 seconds for it.
    ///
    /// Returns whether it tells the tracker, as it should. Transmission 3.00 may end without.
    pub fn stop(mut self) -> bool {
        let signal = match self.kind {
            // At any other it ends at once.
            Kind::Aria2 => Signal::INT,
            _ => Signal::TERM,
        };
        let _ = rustix::process::kill_process(Pid::from_child(&self.child), signal);
        let deadline = Instant::now() + Duration::from_secs(10);
        while !self.has_ended() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(20));
        }
        self.kind != Kind::Transmission
    }

    /// Whether it has ended by itself, which none of them should.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The Python that distributions put their libtorrent into.
fn python() -> PathBuf {
    let system = PathBuf::from("/usr/bin/python3");
    if system.exists() {
        system
    } else {
        "python3".into()
    }
}

fn libtorrent(task: &Task<'_>) -> Command {
    let listen = match task.ip {
        IpAddr::V4(ip) => format!("{ip}:{}", task.port),
        IpAddr::V6(ip) => format!("[{ip}]:{}", task.port),
    };
    let mut command = Command::new(python());
    command
        .args(["-c", LIBTORRENT, task.torrent])
        .arg(task.downloads)
        .arg(listen);
    command
}

/// Adds one torrent and prints what happens, until SIGTERM; then scrapes, leaves and ends.
const LIBTORRENT: &str = r#"
import signal, sys, time
import libtorrent

torrent, folder, listen = sys.argv[1:]
stop = []
signal.signal(signal.SIGTERM, lambda *_: stop.append(True))
session = libtorrent.session({
    "listen_interfaces": listen,
    "enable_dht": False, "enable_lsd": False, "enable_upnp": False, "enable_natpmp": False,
    "enable_outgoing_utp": False, "enable_incoming_utp": False,
    "allow_multiple_connections_per_ip": True,
    "alert_mask": libtorrent.alert.category_t.all_categories,
})
if torrent.startswith("magnet:"):
    params = libtorrent.parse_magnet_uri(torrent)
else:
    params = libtorrent.add_torrent_params()
    params.ti = libtorrent.torrent_info(torrent)
params.save_path = folder
handle = session.add_torrent(params)
while not stop:
    session.wait_for_alert(100)
    for alert in session.pop_alerts():
        if not isinstance(alert, (libtorrent.log_alert, libtorrent.peer_log_alert)):
            print(alert.what(), alert.message(), flush=True)
# Scrapes.
handle.scrape_tracker()
deadline = time.monotonic() + 5
scraped = False
while not scraped and time.monotonic() < deadline:
    session.wait_for_alert(100)
    for alert in session.pop_alerts():
        if isinstance(alert, (libtorrent.scrape_reply_alert, libtorrent.scrape_failed_alert)):
            print(alert.what(), alert.message(), flush=True)
            scraped = True
# Leaves, and waits until the tracker has answered that, not an announce before it.
handle.pause()
deadline = time.monotonic() + 5
telling = told = False
while not told and time.monotonic() < deadline:
    session.wait_for_alert(100)
    for alert in session.pop_alerts():
        if isinstance(alert, libtorrent.tracker_announce_alert):
            telling = telling or "stopped" in alert.message()
        told = told or telling and isinstance(alert, libtorrent.tracker_reply_alert)
"#;

fn transmission(task: &Task<'_>) -> io::Result<Command> {
    // It takes what lies there when it starts.
    let watched = task.home.join("watched");
    fs::create_dir_all(&watched)?;
    fs::copy(task.torrent, watched.join("a.torrent"))?;
    // HTTP goes out from the IPv4 address if there is one here, so there must be only one of them.
    let bind = match task.ip {
        IpAddr::V4(ip) => format!(r#""bind-address-ipv4": "{ip}""#),
        IpAddr::V6(ip) => format!(r#""bind-address-ipv6": "{ip}""#),
    };
    let settings = format!(
        r#"{{
            {bind},
            "peer-port": {},
            "download-dir": "{}",
            "watch-dir": "{}",
            "watch-dir-enabled": true,
            "start-added-torrents": true,
            "rpc-enabled": false,
            "dht-enabled": false,
            "lpd-enabled": false,
            "pex-enabled": false,
            "utp-enabled": false,
            "port-forwarding-enabled": false,
            "message-level": 3
        }}"#,
        task.port,
        task.downloads.display(),
        watched.display()
    );
    fs::write(task.home.join("settings.json"), settings)?;
    let mut command = Command::new("transmission-daemon");
    command
        .args(["--foreground", "--log-debug", "--config-dir"])
        .arg(task.home);
    Ok(command)
}

fn aria2(task: &Task<'_>) -> Command {
    let mut command = Command::new("aria2c");
    command
        .args([
            "--no-conf",
            "--enable-color=false",
            "--file-allocation=none",
        ])
        .args(["--console-log-level=info", "--summary-interval=0"])
        .args(["--async-dns=false", "--bt-enable-lpd=false"])
        .args(["--enable-dht6=false", "--enable-peer-exchange=false"])
        // Seeds what is there, and goes on when it has everything.
        .args(["--check-integrity=true", "--seed-ratio=0.0"])
        .args(["--max-upload-limit=0", "--bt-save-metadata=false"])
        .arg(format!("--listen-port={}", task.port))
        .arg(format!("--dir={}", task.downloads.display()));
    // It would use the address for UDP over IPv4 too, which fails with the other family.
    if !(task.udp && task.ip.is_ipv6()) {
        command.arg(format!("--interface={}", task.ip));
    }
    if task.udp {
        let dht = task.home.join("dht.dat");
        command
            .arg("--enable-dht=true")
            .arg(format!("--dht-listen-port={}", task.port))
            .arg(format!("--dht-file-path={}", dht.display()));
    } else {
        command.arg("--enable-dht=false");
    }
    command.arg(task.torrent);
    command
}
