//! Telling the service manager how it goes, in the way of `sd_notify(3)`.
//!
//! The manager names a datagram socket in the environment. If it names none, nothing happens.

use core::fmt;
use std::env;
use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use crate::sys::clock;

/// A connection to the service manager, if there is one.
///
/// It never waits: what the manager doesn't take at once is lost.
#[derive(Debug, Default)]
pub struct Notify(Option<UnixDatagram>);

/// The service manager can't be told.
#[derive(Debug)]
pub struct CannotNotify(io::Error);

impl fmt::Display for CannotNotify {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{VARIABLE}: {}", self.0)
    }
}

impl core::error::Error for CannotNotify {}

/// Where the manager names its socket.
const VARIABLE: &str = "NOTIFY_SOCKET";

impl Notify {
    /// Connects to the socket that the environment names. To be called before the root directory
    /// changes.
    ///
    /// # Errors
    ///
    /// [`CannotNotify`], if what the environment names is no socket, or none that we may send to.
    pub fn from_environment() -> Result<Self, CannotNotify> {
        env::var_os(VARIABLE).map_or_else(|| Ok(Self(None)), |name| Self::to(&name))
    }

    /// Connects to the socket of this name: an absolute path, or `@` and a name that is in no file
    /// system. An empty name is none.
    ///
    /// # Errors
    ///
    /// [`CannotNotify`].
    pub fn to(name: &OsStr) -> Result<Self, CannotNotify> {
        let address = match name.as_bytes() {
            [] => return Ok(Self(None)),
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
            [b'/', ..] => SocketAddr::from_pathname(name),
            _ => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "neither an absolute path nor @ and a name",
            )),
        };
        address.and_then(connect).map_err(CannotNotify)
    }

    /// Tells that the program serves, at first or after it has read its files again.
    pub fn ready(&self) {
        self.send(b"READY=1");
    }

    /// Tells that the program reads its files again. [`ready`](Self::ready) has to follow.
    pub fn reloading(&self) {
        // The time is how the manager knows that this is no reload from before it asked.
        let mut text = [0; 64];
        let mut rest = text.as_mut_slice();
        let time = clock::monotonic_micros();
        if write!(rest, "RELOADING=1\nMONOTONIC_USEC={time}").is_ok() {
            let unused = rest.len();
            self.send(text.split_at(text.len() - unused).0);
        }
    }

    /// Tells that the program is about to end.
    pub fn stopping(&self) {
        self.send(b"STOPPING=1");
    }

    fn send(&self, text: &[u8]) {
        if let Some(socket) = &self.0 {
            let _ = socket.send(text);
        }
    }
}

fn connect(address: SocketAddr) -> io::Result<Notify> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.connect_addr(&address)?;
    Ok(Notify(Some(socket)))
}

#[cfg(test)]
mod tests {
    use std::ffi::{OsStr, OsString};
    use std::fs;
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::ffi::OsStringExt as _;
    use std::os::unix::net::{SocketAddr, UnixDatagram};
    use std::time::Duration;

    use super::Notify;

    fn receive(manager: &UnixDatagram) -> String {
        let patience = Some(Duration::from_secs(10));
        manager.set_read_timeout(patience).unwrap();
        let mut text = [0; 100];
        let length = manager.recv(&mut text).unwrap();
        String::from_utf8(text[..length].to_vec()).unwrap()
    }

    fn tells(notify: &Notify, manager: &UnixDatagram) {
        notify.ready();
        assert_eq!(receive(manager), "READY=1");
        notify.reloading();
        let text = receive(manager);
        let (first, second) = text.split_once('\n').unwrap();
        let time: u64 = second
            .strip_prefix("MONOTONIC_USEC=")
            .unwrap()
            .parse()
            .unwrap();
        assert!(first == "RELOADING=1" && time > 0, "{text}");
        notify.stopping();
        assert_eq!(receive(manager), "STOPPING=1");
    }

    #[test]
    fn a_manager_is_told_by_path_and_by_name() {
        let name = format!("wrtracker-notify-{}", std::process::id());
        let path = std::env::temp_dir().join(&name);
        let _ = fs::remove_file(&path);
        let manager = UnixDatagram::bind(&path).unwrap();
        let notify = Notify::to(path.as_os_str()).unwrap();
        // As if the root directory had changed.
        fs::remove_file(&path).unwrap();
        tells(&notify, &manager);

        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let manager = UnixDatagram::bind_addr(&address).unwrap();
        tells(
            &Notify::to(OsStr::new(&format!("@{name}"))).unwrap(),
            &manager,
        );
    }

    #[test]
    fn names_that_are_none_are_errors() {
        let long = "x".repeat(200);
        let names = [
            "relative",
            "vsock:2:1234",
            "/nonexistent/socket",
            "@",
            "/",
            "/dev/null",
            &format!("/{long}"),
            &format!("@{long}"),
        ];
        let bytes = [b"/\0x".to_vec(), b"\xff".to_vec()].map(OsString::from_vec);
        for name in names.map(OsString::from).iter().chain(&bytes) {
            let error = Notify::to(name).expect_err("no such socket").to_string();
            assert!(error.starts_with("NOTIFY_SOCKET: "), "{error}");
        }
        Notify::to(OsStr::new("")).unwrap().ready();
    }

    #[test]
    fn a_manager_that_reads_nothing_stops_nobody() {
        let name = format!("wrtracker-notify-full-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let manager = UnixDatagram::bind_addr(&address).unwrap();
        let notify = Notify::to(OsStr::new(&format!("@{name}"))).unwrap();
        for _ in 0..10_000 {
            notify.ready();
        }
        drop(manager);
        notify.ready();
    }
}
