//! The sockets that the tracker listens on.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SocketFlags, SocketType, bind, getsockname, listen, socket_with, sockopt,
};

use wrtracker_core::access::Mode;
use wrtracker_core::http::Door;

use crate::settings::Listen;
use crate::size::Bytes;
use crate::sys::pktinfo;

/// TCP or UDP.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protocol {
    /// For HTTP.
    Tcp,
    /// For the UDP tracker protocol.
    Udp,
}

impl fmt::Display for Protocol {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        })
    }
}

/// A socket that listens.
#[derive(Debug)]
pub struct Listener {
    /// What it takes.
    pub protocol: Protocol,
    /// Where it is bound; the port is never 0.
    pub address: SocketAddr,
    /// What is asked of announces that come here, if the place says so.
    pub mode: Option<Mode>,
    /// What answers here.
    pub(crate) door: Door,
    /// Connections carry TLS.
    pub(crate) tls: bool,
    pub(crate) socket: Arc<OwnedFd>,
}

impl Listener {
    /// What is asked of announces that come here.
    pub(crate) fn mode(&self) -> Mode {
        self.mode.unwrap_or_default()
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.door, self.tls) {
            (Door::Tracker, true) => write!(to, "tls {}", self.address),
            (Door::Tracker, false) => write!(to, "{} {}", self.protocol, self.address),
            (Door::Api, true) => write!(to, "api-tls {}", self.address),
            (Door::Api, false) => write!(to, "api {}", self.address),
        }
    }
}

/// A socket could not be bound.
#[derive(Debug)]
pub struct CannotListen {
    protocol: Protocol,
    address: SocketAddr,
    error: io::Error,
}

impl fmt::Display for CannotListen {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "can't listen on {} {}: ", self.protocol, self.address)?;
        match self.error.kind() {
            io::ErrorKind::AddrInUse => to.write_str("address in use; is another tracker running?"),
            io::ErrorKind::PermissionDenied => {
                to.write_str("permission denied; ports below 1024 are root's")
            }
            _ => self.error.fmt(to),
        }
    }
}

impl core::error::Error for CannotListen {}

/// What happened to a place that was not opened, while the program goes on.
#[derive(Debug)]
pub enum NotOpened {
    /// The machine has one family of two.
    Missing(CannotListen),
    /// A place of any address, of the same family, protocol and port, takes what comes there.
    Covered(Protocol, SocketAddr),
}

impl fmt::Display for NotOpened {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(problem) => problem.fmt(to),
            Self::Covered(protocol, address) => {
                let any = SocketAddr::new(any_like(address.ip()), address.port());
                write!(to, "{protocol} {address} is served by {any}")
            }
        }
    }
}

/// Opens all that `places` ask for, each socket once even if it is asked for twice.
///
/// Any address means an IPv4 and an IPv6 socket. What another place covers, in whatever order they
/// come, isn't opened: opentracker's users write `0.0.0.0` and an address of the machine, and only
/// one of two such sockets would get anything. That, and a family that the machine does not have,
/// is handed to `tell`. UDP sockets ask the kernel for `waiting` bytes for datagrams that wait, see
/// [`waiting_room`].
///
/// # Errors
///
/// [`CannotListen`] for the first socket that can't be bound. A missing family is one only if both
/// are.
pub fn open_all(
    places: &[Listen],
    waiting: usize,
    mut tell: impl FnMut(&NotOpened),
) -> Result<Vec<Listener>, CannotListen> {
    let mut open = |protocol, address| open(protocol, address, waiting);
    open_with(places, &mut open, &mut tell)
}

fn open_with(
    places: &[Listen],
    open: &mut Open<'_>,
    tell: &mut dyn FnMut(&NotOpened),
) -> Result<Vec<Listener>, CannotListen> {
    let mut listeners = Vec::new();
    for place in places {
        open_place(*place, places, open, &mut listeners, tell)?;
    }
    Ok(listeners)
}

/// Whether one of `places` is any address, with the same protocol and port.
fn covered(places: &[Listen], protocol: Protocol, address: SocketAddr) -> bool {
    let any = any_like(address.ip());
    address.ip() != any
        && address.port() != 0
        && places.iter().any(|place| {
            let same_protocol = match protocol {
                Protocol::Tcp => place.tcp,
                Protocol::Udp => place.udp,
            };
            same_protocol && place.port == address.port() && place.ip.is_none_or(|ip| ip == any)
        })
}

/// Any address of the same family.
const fn any_like(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    }
}

/// How a socket is opened; tests do it without a kernel.
type Open<'f> = dyn FnMut(Protocol, SocketAddr) -> io::Result<Listener> + 'f;

/// Opens what `place` asks for. With port 0 the kernel picks a port for the first socket, and the
/// others take the same: one line of a configuration is one port. Where that one isn't free for
/// them all (a connection that has just ended holds a port for a minute, too), another is picked;
/// after [`ATTEMPTS`] the sockets have ports of their own.
fn open_place(
    place: Listen,
    places: &[Listen],
    open: &mut Open<'_>,
    listeners: &mut Vec<Listener>,
    tell: &mut dyn FnMut(&NotOpened),
) -> Result<(), CannotListen> {
    let before = listeners.len();
    let mut rejected = Vec::new();
    let told = loop {
        let mut told = Vec::new();
        let last = place.port != 0 || rejected.len() >= ATTEMPTS;
        match open_once(place, places, open, listeners, &mut told, last) {
            Ok(()) => break told,
            Err(problem) if last || problem.error.kind() != io::ErrorKind::AddrInUse => {
                return Err(problem);
            }
            // Held until another is found, so that the kernel doesn't pick it again.
            Err(_) => rejected.push(listeners.split_off(before)),
        }
    };
    for what in &told {
        tell(what);
    }
    Ok(())
}

/// How many ports are tried for a place with port 0.
const ATTEMPTS: usize = 16;

/// One attempt of [`open_place`]; it may leave sockets open that it opened before it failed.
fn open_once(
    place: Listen,
    places: &[Listen],
    open: &mut Open<'_>,
    listeners: &mut Vec<Listener>,
    told: &mut Vec<NotOpened>,
    ports_may_differ: bool,
) -> Result<(), CannotListen> {
    let any = [
        IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    ];
    let one = place.ip.map(|ip| [ip]);
    let ips = one.as_ref().map_or(any.as_slice(), |ip| ip);
    let mut port = place.port;
    for (wanted, protocol) in [(place.udp, Protocol::Udp), (place.tcp, Protocol::Tcp)] {
        let mut failed = None;
        let mut opened = 0;
        for ip in ips.iter().filter(|_| wanted) {
            let address = SocketAddr::new(*ip, port);
            if place.port != 0 && covered(places, protocol, address) {
                told.push(NotOpened::Covered(protocol, address));
                continue;
            }
            if port != 0
                && listeners
                    .iter()
                    .any(|other| other.protocol == protocol && other.address == address)
            {
                opened += 1;
                continue;
            }
            let mut result = open(protocol, address);
            if ports_may_differ && place.port == 0 && port != 0 && result.is_err() {
                result = open(protocol, SocketAddr::new(*ip, 0));
            }
            match result {
                Ok(mut listener) => {
                    listener.mode = place.mode;
                    listener.tls = place.tls && protocol == Protocol::Tcp;
                    port = listener.address.port();
                    listeners.push(listener);
                    opened += 1;
                }
                Err(error) => {
                    let absent = place.ip.is_none() && family_is_missing(&error);
                    let problem = CannotListen {
                        protocol,
                        address,
                        error,
                    };
                    if !absent {
                        return Err(problem);
                    }
                    failed = Some(problem);
                }
            }
        }
        match failed {
            Some(problem) if opened == 0 => return Err(problem),
            Some(problem) => told.push(NotOpened::Missing(problem)),
            None => {}
        }
    }
    Ok(())
}

fn family_is_missing(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::AFNOSUPPORT | Errno::ADDRNOTAVAIL | Errno::PROTONOSUPPORT)
    )
}

/// Most connections that the kernel keeps for us until we accept them; its own bound is lower.
const BACKLOG: i32 = 4096;

/// Bytes to ask for datagrams that wait in the kernel, at a memory limit: a sixteenth of it within
/// bounds. It is the kernel's memory and no part of the limit, taken only while datagrams wait. The
/// kernel gives twice that, for its own needs beside a datagram, and no more than twice
/// `net.core.rmem_max`.
pub fn waiting_room(limit: Bytes) -> usize {
    usize::try_from(limit.0 / 16)
        .map_or(MOST_WAITING, |room| room.clamp(LEAST_WAITING, MOST_WAITING))
}

const LEAST_WAITING: usize = 256 << 10;
const MOST_WAITING: usize = 8 << 20;

/// Asks for room for more datagrams. Whether there is at least as much as before: a kernel whose
/// most is below its usual gives less.
fn has_more_room(socket: &OwnedFd, waiting: usize) -> bool {
    let room = || sockopt::socket_recv_buffer_size(socket).unwrap_or(usize::MAX);
    let before = room();
    if before >= waiting.saturating_mul(2) {
        return true;
    }
    let _ = sockopt::set_socket_recv_buffer_size(socket, waiting);
    room() >= before
}

fn open(protocol: Protocol, address: SocketAddr, waiting: usize) -> io::Result<Listener> {
    let (family, kind) = match (address, protocol) {
        (SocketAddr::V4(_), Protocol::Tcp) => (AddressFamily::INET, SocketType::STREAM),
        (SocketAddr::V4(_), Protocol::Udp) => (AddressFamily::INET, SocketType::DGRAM),
        (SocketAddr::V6(_), Protocol::Tcp) => (AddressFamily::INET6, SocketType::STREAM),
        (SocketAddr::V6(_), Protocol::Udp) => (AddressFamily::INET6, SocketType::DGRAM),
    };
    let new = || {
        socket_with(
            family,
            kind,
            SocketFlags::NONBLOCK | SocketFlags::CLOEXEC,
            None,
        )
    };
    let mut socket = new()?;
    if protocol == Protocol::Udp && !has_more_room(&socket, waiting) {
        socket = new()?;
    }
    if address.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    match protocol {
        // Lets the tracker restart while old connections linger. Unlike SO_REUSEPORT it lets no
        // second tracker in.
        Protocol::Tcp => {
            sockopt::set_socket_reuseaddr(&socket, true)?;
            // The connections inherit it: a reply never waits for the client to confirm the one
            // before.
            sockopt::set_tcp_nodelay(&socket, true)?;
        }
        Protocol::Udp if address.ip().is_unspecified() => {
            pktinfo::receive(&socket, address.is_ipv6())?;
        }
        Protocol::Udp => {}
    }
    bind(&socket, &address)?;
    if protocol == Protocol::Tcp {
        listen(&socket, BACKLOG)?;
    }
    let address = SocketAddr::try_from(getsockname(&socket)?)?;
    Ok(Listener {
        protocol,
        address,
        mode: None,
        door: Door::Tracker,
        tls: false,
        socket: Arc::new(socket),
    })
}

#[cfg(test)]
mod tests;
