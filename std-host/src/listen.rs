//! The sockets that the tracker listens on.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::io;
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SocketFlags, SocketType, bind, getsockname, listen, socket_with, sockopt,
};

use crate::settings::Listen;
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
    pub(crate) socket: OwnedFd,
}

impl fmt::Display for Listener {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{} {}", self.protocol, self.address)
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
        write!(
            to,
            "can't listen on {} {}: {}",
            self.protocol, self.address, self.error
        )
    }
}

impl core::error::Error for CannotListen {}

/// Opens all that `places` ask for, each socket once even if it is asked for twice.
///
/// Any address means an IPv4 and an IPv6 socket. A family that the machine does not have is handed
/// to `missing`.
///
/// # Errors
///
/// [`CannotListen`] for the first socket that can't be bound. A missing family is one only if both
/// are.
pub fn open_all(
    places: &[Listen],
    mut missing: impl FnMut(&CannotListen),
) -> Result<Vec<Listener>, CannotListen> {
    let mut listeners = Vec::new();
    for place in places {
        open_place(*place, &mut open, &mut listeners, &mut missing)?;
    }
    Ok(listeners)
}

/// How a socket is opened; tests do it without a kernel.
type Open<'f> = dyn FnMut(Protocol, SocketAddr) -> io::Result<Listener> + 'f;

fn open_place(
    place: Listen,
    open: &mut Open<'_>,
    listeners: &mut Vec<Listener>,
    missing: &mut dyn FnMut(&CannotListen),
) -> Result<(), CannotListen> {
    let any = [
        IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    ];
    let one = place.ip.map(|ip| [ip]);
    let ips = one.as_ref().map_or(any.as_slice(), |ip| ip);
    // With port 0 the kernel picks one for the first socket, and the others take the same if it is
    // free.
    let mut port = place.port;
    for (wanted, protocol) in [(place.udp, Protocol::Udp), (place.tcp, Protocol::Tcp)] {
        let mut failed = None;
        let mut opened = 0;
        for ip in ips.iter().filter(|_| wanted) {
            let address = SocketAddr::new(*ip, port);
            if port != 0
                && listeners
                    .iter()
                    .any(|other| other.protocol == protocol && other.address == address)
            {
                opened += 1;
                continue;
            }
            let mut result = open(protocol, address);
            if place.port == 0 && port != 0 && result.is_err() {
                result = open(protocol, SocketAddr::new(*ip, 0));
            }
            match result {
                Ok(listener) => {
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
            Some(problem) => missing(&problem),
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

fn open(protocol: Protocol, address: SocketAddr) -> io::Result<Listener> {
    let (family, kind) = match (address, protocol) {
        (SocketAddr::V4(_), Protocol::Tcp) => (AddressFamily::INET, SocketType::STREAM),
        (SocketAddr::V4(_), Protocol::Udp) => (AddressFamily::INET, SocketType::DGRAM),
        (SocketAddr::V6(_), Protocol::Tcp) => (AddressFamily::INET6, SocketType::STREAM),
        (SocketAddr::V6(_), Protocol::Udp) => (AddressFamily::INET6, SocketType::DGRAM),
    };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(family, kind, flags, None)?;
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
        socket,
    })
}

#[cfg(test)]
mod tests {
    use core::net::SocketAddr;
    use std::io;

    use rustix::io::Errno;

    use super::{Listener, Protocol, open, open_all, open_place};
    use crate::settings::Listen;

    const BOTH: Listen = Listen {
        tcp: true,
        udp: true,
        ip: None,
        port: 6969,
    };

    /// What opening `place` gives on a machine where `refuse` says what fails: the sockets and the
    /// warnings.
    fn try_open(
        place: Listen,
        refuse: impl Fn(Protocol, SocketAddr) -> Option<Errno>,
    ) -> Result<(Vec<String>, usize), String> {
        let (mut listeners, mut warnings) = (Vec::new(), 0);
        let mut fake = |protocol, mut address: SocketAddr| match refuse(protocol, address) {
            Some(error) => Err(io::Error::from(error)),
            None => {
                if address.port() == 0 {
                    address.set_port(4321);
                }
                let socket = std::fs::File::open("/dev/null")?.into();
                Ok(Listener {
                    protocol,
                    address,
                    socket,
                })
            }
        };
        open_place(place, &mut fake, &mut listeners, &mut |_| warnings += 1)
            .map_err(|error| error.to_string())?;
        Ok((
            listeners.iter().map(ToString::to_string).collect(),
            warnings,
        ))
    }

    #[test]
    fn any_address_is_both_families() {
        let all = [
            "udp 0.0.0.0:6969",
            "udp [::]:6969",
            "tcp 0.0.0.0:6969",
            "tcp [::]:6969",
        ];
        assert_eq!(
            try_open(BOTH, |_, _| None),
            Ok((all.map(String::from).to_vec(), 0))
        );
    }

    #[test]
    fn a_missing_family_is_a_warning_and_two_are_an_error() {
        let (sockets, warnings) = try_open(BOTH, |_, address| {
            address.is_ipv6().then_some(Errno::AFNOSUPPORT)
        })
        .unwrap();
        assert_eq!((sockets.len(), warnings), (2, 2), "{sockets:?}");
        let (sockets, warnings) = try_open(BOTH, |_, address| {
            address.is_ipv4().then_some(Errno::ADDRNOTAVAIL)
        })
        .unwrap();
        assert_eq!((sockets.len(), warnings), (2, 2), "{sockets:?}");
        assert!(try_open(BOTH, |_, _| Some(Errno::AFNOSUPPORT)).is_err());
    }

    #[test]
    fn an_address_that_was_named_must_be_there() {
        let named = Listen {
            ip: "::1".parse().ok(),
            ..BOTH
        };
        assert!(try_open(named, |_, _| Some(Errno::ADDRNOTAVAIL)).is_err());
        let taken = |_, address: SocketAddr| address.is_ipv6().then_some(Errno::ADDRINUSE);
        assert_eq!(
            try_open(BOTH, taken).map_err(|error| error.split(": ").next().unwrap().to_owned()),
            Err("can't listen on udp [::]:6969".to_owned())
        );
    }

    #[test]
    fn port_0_is_one_port_for_all_if_it_is_free() {
        let place = Listen { port: 0, ..BOTH };
        let (sockets, _) = try_open(place, |_, _| None).unwrap();
        assert!(
            sockets.len() == 4 && sockets.iter().all(|name| name.ends_with(":4321")),
            "{sockets:?}"
        );
        let taken = |protocol, address: SocketAddr| {
            (protocol == Protocol::Tcp && address.port() == 4321).then_some(Errno::ADDRINUSE)
        };
        assert_eq!(try_open(place, taken).unwrap().0.len(), 4);
    }

    #[test]
    fn the_same_place_twice_is_opened_once() {
        let local = Listen {
            ip: "127.0.0.1".parse().ok(),
            port: 0,
            ..BOTH
        };
        let first = open_all(&[local], |_| {}).unwrap();
        let again = Listen {
            port: first[0].address.port(),
            ..local
        };
        drop(first);
        assert_eq!(open_all(&[again, again], |_| {}).unwrap().len(), 2);
    }

    #[test]
    fn a_port_in_use_is_refused() {
        for protocol in [Protocol::Tcp, Protocol::Udp] {
            let first = open(protocol, "127.0.0.1:0".parse().unwrap()).unwrap();
            assert_ne!(first.address.port(), 0);
            let error = open(protocol, first.address).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        }
    }
}
