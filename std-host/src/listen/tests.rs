use core::net::SocketAddr;
use std::io;

use rustix::io::Errno;
use rustix::net::sockopt::socket_recv_buffer_size;

use wrtracker_core::http::Door;

use super::{Listener, NotOpened, Protocol, open, open_all, open_with, waiting_room};
use crate::settings::Listen;
use crate::size::Bytes;

const BOTH: Listen = Listen {
    tcp: true,
    udp: true,
    ip: None,
    port: 6969,
    mode: None,
    tls: false,
};

/// What opening `place` gives on a machine where `refuse` says what fails: the sockets and the
/// warnings.
fn try_open(
    place: Listen,
    refuse: impl Fn(Protocol, SocketAddr) -> Option<Errno>,
) -> Result<(Vec<String>, usize), String> {
    let (sockets, told) = try_open_all(&[place], refuse)?;
    Ok((sockets, told.len()))
}

fn try_open_all(
    places: &[Listen],
    refuse: impl Fn(Protocol, SocketAddr) -> Option<Errno>,
) -> Result<(Vec<String>, Vec<String>), String> {
    let mut told = Vec::new();
    let mut fake = |protocol, mut address: SocketAddr| match refuse(protocol, address) {
        Some(error) => Err(io::Error::from(error)),
        None => {
            if address.port() == 0 {
                address.set_port(4321);
            }
            let socket = std::sync::Arc::new(std::fs::File::open("/dev/null")?.into());
            Ok(Listener {
                door: Door::Tracker,
                tls: false,
                protocol,
                address,
                mode: None,
                socket,
            })
        }
    };
    let listeners = open_with(places, &mut fake, &mut |what| told.push(what.to_string()))
        .map_err(|error| error.to_string())?;
    Ok((listeners.iter().map(ToString::to_string).collect(), told))
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
    for (errno, part) in [
        (Errno::ADDRINUSE, "6969: address in use; is another"),
        (Errno::ACCESS, "6969: permission denied; ports below 1024"),
    ] {
        let error = try_open(named, |_, _| Some(errno)).unwrap_err();
        assert!(error.contains(part), "{error}");
    }
}

/// The complaint: opentracker binds them both, and one of them gets nothing.
#[test]
fn places_that_another_covers_are_not_opened() {
    let at = |ip: &str, port, tcp, udp| Listen {
        ip: ip.parse().ok(),
        port,
        tcp,
        udp,
        mode: None,
        tls: false,
    };
    let named = at("192.168.1.1", 6969, false, true);
    let all_v4 = at("0.0.0.0", 6969, true, true);
    let all = ["udp 0.0.0.0:6969", "tcp 0.0.0.0:6969"];
    let said = "udp 192.168.1.1:6969 is served by 0.0.0.0:6969";
    for order in [[named, all_v4], [all_v4, named]] {
        let (sockets, told) = try_open_all(&order, |_, _| None).unwrap();
        assert_eq!(
            (sockets, told),
            (all.map(String::from).to_vec(), vec![said.to_owned()])
        );
    }
    // Any of both families covers either.
    let named = [
        at("192.168.1.1", 6969, true, true),
        at("fd00::1", 6969, true, true),
        BOTH,
    ];
    let (sockets, told) = try_open_all(&named, |_, _| None).unwrap();
    assert!(
        sockets.len() == 4 && told.len() == 4,
        "{sockets:?} {told:?}"
    );
    assert!(
        sockets
            .iter()
            .all(|name| name.contains("0.0.0.0") || name.contains("[::]"))
    );
    // Another port, family or protocol doesn't, and neither does a port that is yet to be
    // picked.
    for other in [
        at("0.0.0.0", 6970, true, true),
        at("0.0.0.0", 0, true, true),
        at("::", 6969, true, true),
        at("0.0.0.0", 6969, true, false),
        at("192.168.1.2", 6969, true, true),
    ] {
        let place = at("192.168.1.1", 6969, false, true);
        let (sockets, told) = try_open_all(&[place, other], |_, _| None).unwrap();
        assert!(
            told.is_empty() && sockets[0] == "udp 192.168.1.1:6969",
            "{told:?}"
        );
    }
    let picked = at("192.168.1.1", 0, false, true);
    assert_eq!(
        try_open_all(&[BOTH, picked], |_, _| None).unwrap().1.len(),
        0
    );
}

#[test]
fn datagrams_have_at_least_the_usual_room() {
    let usual = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let room = |socket: &std::os::fd::OwnedFd| socket_recv_buffer_size(socket).unwrap();
    let usual = room(&usual.into());
    for waiting in [0, 1 << 10, 256 << 10, 8 << 20, usize::MAX] {
        let at = "127.0.0.1:0".parse().unwrap();
        let ours = room(&open(Protocol::Udp, at, waiting).unwrap().socket);
        assert!(ours >= usual, "{ours} {usual}");
    }
}

#[test]
fn a_router_keeps_less_waiting_than_a_server() {
    let room = |limit| waiting_room(Bytes(limit)) >> 10;
    let sizes = [1 << 20, 4 << 20, 16 << 20, 1 << 30, u64::MAX].map(room);
    assert_eq!(sizes, [256, 256, 1024, 8192, 8192]);
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

/// What was seen: one line, and the port for TCP was another than that for UDP, since a connection
/// that had just ended held it.
#[test]
fn a_port_that_is_not_free_for_all_is_not_taken_for_some() {
    let place = Listen { port: 0, ..BOTH };
    let mut next = 4320;
    let mut open = |protocol, mut address: SocketAddr| {
        if address.port() == 0 {
            next += 1;
            address.set_port(next);
        }
        if protocol == Protocol::Tcp && address.port() < 4325 {
            return Err(io::Error::from(Errno::ADDRINUSE));
        }
        let socket = std::sync::Arc::new(std::fs::File::open("/dev/null")?.into());
        Ok(Listener {
            door: Door::Tracker,
            tls: false,
            protocol,
            address,
            mode: None,
            socket,
        })
    };
    let quiet = &mut |what: &NotOpened| panic!("{what}");
    let listeners = open_with(&[place], &mut open, quiet).unwrap();
    let ports: Vec<_> = listeners.iter().map(|one| one.address.port()).collect();
    assert_eq!(ports, [4325; 4]);
}

#[test]
fn the_same_place_twice_is_opened_once() {
    let local = Listen {
        ip: "127.0.0.1".parse().ok(),
        port: 0,
        ..BOTH
    };
    let quiet = |what: &NotOpened| panic!("{what}");
    let first = open_all(&[local], 0, quiet).unwrap();
    let again = Listen {
        port: first[0].address.port(),
        ..local
    };
    drop(first);
    assert_eq!(open_all(&[again, again], 0, quiet).unwrap().len(), 2);
}

#[test]
fn a_port_in_use_is_refused() {
    for protocol in [Protocol::Tcp, Protocol::Udp] {
        let first = open(protocol, "127.0.0.1:0".parse().unwrap(), 0).unwrap();
        assert_ne!(first.address.port(), 0);
        let error = open(protocol, first.address, 0).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }
}
