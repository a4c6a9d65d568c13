//! The machine's log, by way of its socket.

use std::io;
use std::os::unix::net::UnixDatagram;

/// Where the log of the machine listens.
pub const PATH: &str = "/dev/log";

/// A connection to the machine's log.
///
/// It never waits: what the log doesn't take at once is lost. If the log goes away and comes back,
/// the next line finds it, as long as its path can be reached from the root directory.
#[derive(Debug)]
pub struct Syslog {
    socket: UnixDatagram,
    path: &'static str,
}

/// How bad it is, by the numbers of RFC 3164 section 4.1.1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Severity {
    /// Something failed.
    Error = 3,
    /// Something may be wrong.
    Warning = 4,
    /// All is well.
    Informational = 6,
    /// For whoever looks for a fault.
    Debug = 7,
}

impl Severity {
    /// The number that a line starts with: this severity, from a daemon (facility 3).
    pub const fn priority(self) -> u8 {
        3 << 3 | self as u8
    }
}

impl Syslog {
    /// Connects to the log that listens at `path`. That may fail and is then tried again for each
    /// line; the second value tells.
    ///
    /// # Errors
    ///
    /// The kernel's, for want of descriptors.
    pub fn open(path: &'static str) -> io::Result<(Self, io::Result<()>)> {
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        let connected = socket.connect(path);
        Ok((Self { socket, path }, connected))
    }

    /// Sends one line, whose first part is `<PRIORITY>`. It has no line end.
    ///
    /// One system call, or three if the log isn't where it was.
    pub fn send(&self, line: &[u8]) {
        match self.socket.send(line) {
            // It is full, and that is no reason to look for another one.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => {
                if self.socket.connect(self.path).is_ok() {
                    let _ = self.socket.send(line);
                }
            }
            Ok(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::net::UnixDatagram;
    use std::time::Duration;

    use super::{Severity, Syslog};

    /// A path for a socket, which nobody ever frees: the program has one.
    fn path(name: &str) -> &'static str {
        let name = format!("wrtracker-log-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name).display().to_string();
        let _ = fs::remove_file(&path);
        path.leak()
    }

    fn receive(log: &UnixDatagram) -> Option<String> {
        log.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut line = [0; 100];
        let length = log.recv(&mut line).ok()?;
        Some(String::from_utf8_lossy(&line[..length]).into_owned())
    }

    #[test]
    fn priorities_are_those_of_a_daemon() {
        let all = [
            (Severity::Error, 27),
            (Severity::Warning, 28),
            (Severity::Informational, 30),
            (Severity::Debug, 31),
        ];
        for (severity, number) in all {
            assert_eq!(severity.priority(), number);
        }
    }

    #[test]
    fn a_log_that_comes_later_or_again_is_found() {
        let path = path("again");
        let (syslog, connected) = Syslog::open(path).unwrap();
        assert!(connected.is_err());
        syslog.send(b"lost");
        for text in ["first", "second"] {
            let log = UnixDatagram::bind(path).unwrap();
            syslog.send(text.as_bytes());
            assert_eq!(receive(&log).as_deref(), Some(text));
            drop(log);
            fs::remove_file(path).unwrap();
            syslog.send(b"lost");
        }
    }

    #[test]
    fn a_log_that_reads_nothing_stops_nobody() {
        let path = path("full");
        let log = UnixDatagram::bind(path).unwrap();
        let (syslog, connected) = Syslog::open(path).unwrap();
        connected.unwrap();
        for _ in 0..10_000 {
            syslog.send(b"<30>wrtracker[1]: one of many");
        }
        fs::remove_file(path).unwrap();
        log.set_nonblocking(true).unwrap();
        let mut line = [0; 100];
        let mut arrived = 0;
        while log.recv(&mut line).is_ok() {
            arrived += 1;
        }
        assert!(arrived > 0 && arrived < 10_000, "{arrived}");
        // The path is gone, and the connection isn't.
        syslog.send(b"once more");
        assert!(log.recv(&mut line).is_ok());
    }
}
