//! Datagrams and frames.

use super::Seed;
use crate::fuzz::live_sync::{LATER, OWN};
use crate::fuzz::udp_request::{CONNECTED, PRIVATE};
use crate::fuzz::{KEY, LIMITED};

/// Frames of each kind that the driver takes, one after the other.
pub(super) fn frames() -> Vec<Seed> {
    use core::net::{Ipv4Addr, SocketAddrV4};

    use smoltcp::wire::{IpProtocol, TcpControl};

    use crate::ether::bad;
    use crate::fuzz::frames::{MAC, V4};

    let (mac, from) = ([2, 0, 0, 0, 0, 2], Ipv4Addr::new(192, 0, 2, 2));
    let own = Ipv4Addr::from(V4);
    let (client, at) = (SocketAddrV4::new(from, 5000), SocketAddrV4::new(own, 6969));
    let router = "fe80::99".parse().expect("an address");
    let prefix = "2001:db8:5::".parse().expect("an address");
    let segment = |control, seq, ack| bad::segment(mac, MAC, client, at, control, seq, ack);
    let ping = [8, 0, 0, 0, 0, 1, 0, 1, b'h', b'i'];
    let lists: [(&'static str, u8, Vec<Vec<u8>>); 5] = [
        ("arp", 0, vec![bad::arp(mac, from, own)]),
        ("udp", 0, vec![bad::connect(mac, MAC, from, own); 2]),
        (
            "tcp",
            0,
            vec![
                bad::syn(mac, MAC, client, at, 1),
                segment(TcpControl::Psh, 2, Some(1)),
                segment(TcpControl::Fin, 2, Some(1)),
                segment(TcpControl::Rst, 3, None),
            ],
        ),
        (
            "icmp",
            0,
            vec![
                bad::ipv4(mac, MAC, from, own, IpProtocol::Icmp, &ping, |_| {}),
                bad::router(mac, router, prefix, 64, 1800),
                bad::router(mac, router, prefix, 64, 0),
            ],
        ),
        (
            "dhcp",
            1,
            vec![bad::ipv4(
                mac,
                [0xff; 6],
                from,
                Ipv4Addr::BROADCAST,
                IpProtocol::Udp,
                &[&[0, 67, 0, 68, 1, 20, 0, 0][..], &[2; 268]].concat(),
                |_| {},
            )],
        ),
    ];
    let seed = |(name, dhcp, frames): (&'static str, u8, Vec<Vec<u8>>)| {
        let mut bytes = vec![dhcp];
        for frame in frames {
            bytes.push(9);
            let length = u16::try_from(frame.len()).expect("a frame");
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(&frame);
        }
        (name, bytes)
    };
    lists.map(seed).to_vec()
}

/// One datagram with its flags and length.
fn datagram(flags: u8, parts: &[&[u8]]) -> Vec<u8> {
    let bytes = parts.concat();
    let length = u8::try_from(bytes.len()).expect("at most 255 bytes");
    [&[flags, length], &bytes[..]].concat()
}

/// An announce (BEP 15) with `extra` behind it; the connection id is put in by the target.
fn announce(source: u8, event: u8, left: u64, wanted: i32, extra: &[u8]) -> Vec<u8> {
    datagram(
        source | CONNECTED,
        &[
            &[0; 8],
            b"\0\0\0\x01tran",
            &[0x11; 20],
            b"-XX0001-abcdefghijkl",
            &0u64.to_be_bytes(),
            &left.to_be_bytes(),
            &0u64.to_be_bytes(),
            &[0, 0, 0, event],
            &[0; 4],
            b"key!",
            &wanted.to_be_bytes(),
            &6_881u16.to_be_bytes(),
            extra,
        ],
    )
}

pub(super) fn udp_request() -> Vec<Seed> {
    let connect = datagram(0, &[b"\0\0\x04\x17\x27\x10\x19\x80\0\0\0\0tran"]);
    let scrape = datagram(CONNECTED, &[&[0; 8], b"\0\0\0\x02tran", &[0x11; 40]]);
    let unproved = announce(0, 2, 1, -1, b"");
    let unproved = [&[0], &unproved[1..]].concat();
    let asked = |source: u8, options: &[u8]| {
        let mut announce = announce(source, 2, 1, 50, options);
        announce[0] |= PRIVATE;
        announce
    };
    let (path, query) = (format!("/announce/{KEY}"), format!("/x?passkey={LIMITED}"));
    let option = |data: &[u8]| [&[2, u8::try_from(data.len()).expect("short")], data].concat();
    let private = [
        asked(0, &option(path.as_bytes())),
        asked(
            1,
            &[
                option(&path.as_bytes()[..20]),
                vec![1],
                option(&path.as_bytes()[20..]),
            ]
            .concat(),
        ),
        asked(1, &option(query.as_bytes())),
        asked(2, &option(query.as_bytes())),
        asked(0, b"\x02\x09/announce"),
        asked(0, &option(b"/announce/0123456789abcdefghijABCDEFGHIJxx")),
    ];
    let swarm = [
        announce(0, 2, 0, 200, b"\x02\x09/announce"),
        announce(1, 2, 262_144, -1, b""),
        announce(2, 2, 1, 50, b"\0\0"),
        announce(3, 4, 1, 80, b""),
        announce(4, 1, 0, 80, b""),
        scrape.clone(),
        announce(0, 3, 0, 0, b"\x02\x09/announce"),
    ];
    vec![
        ("connect", connect),
        (
            "libtorrent",
            announce(0, 2, 16_384, 200, b"\x02\x09/announce"),
        ),
        (
            "transmission",
            announce(0, 2, i64::MAX.unsigned_abs(), 80, b""),
        ),
        ("aria2", announce(0, 2, 0, 50, b"\0\0")),
        ("rtorrent", announce(2, 2, 262_144, -1, b"")),
        ("scrape", scrape),
        ("unproved", unproved),
        ("swarm", swarm.concat()),
        ("private", private.concat()),
        (
            "short",
            datagram(CONNECTED, &[b"\0\0\0\0\0\0\0\0\0\0\0\x01tra"]),
        ),
    ]
}

/// The packet of another tracker, with its flags and length.
fn sync_packet(flags: u8, kind: u8, records: &[u8]) -> Vec<u8> {
    let packet = [b"them\0\0\0", &[kind][..], records].concat();
    let length = u16::try_from(packet.len()).expect("at most 65,535 bytes");
    [&[flags], &length.to_be_bytes()[..], &packet].concat()
}

pub(super) fn live_sync() -> Vec<Seed> {
    let v4 = |host: u8, flags: u8| {
        [&[0x11; 20], &[192, 168, 1, host, 0x1a, 0xe1, flags, 0][..]].concat()
    };
    let v6 = |host: u8, flags: u8| {
        let ip = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, host];
        [&[0x11; 20], &ip[..], &[0x1a, 0xe1, flags, 0]].concat()
    };
    let life = [v4(1, 0), v4(2, 0x80), v4(1, 0xc0), v4(2, 0x20)].concat();
    let life6 = [v6(1, 0), v6(2, 0x80), v6(1, 0xc0), v6(2, 0x20)].concat();
    let full: Vec<u8> = (0..52).flat_map(|host| v4(host, 0)).collect();
    let full6: Vec<u8> = (0..37).flat_map(|host| v6(host, 0x80)).collect();
    let cluster = [
        sync_packet(0, 0, &life),
        sync_packet(1 | LATER, 1, &life6),
        sync_packet(2, 0, &v4(9, 0)),
        sync_packet(OWN, 0, &v4(8, 0)),
        sync_packet(LATER, 0, &[v4(7, 0x9f), vec![0; 27]].concat()),
    ];
    vec![
        ("ipv4", sync_packet(0, 0, &life)),
        ("ipv6", sync_packet(1, 1, &life6)),
        ("cluster", cluster.concat()),
        (
            "full",
            [sync_packet(0, 0, &full), sync_packet(LATER, 1, &full6)].concat(),
        ),
        (
            "short",
            [sync_packet(0, 0, b""), sync_packet(0, 2, &v4(1, 0))].concat(),
        ),
    ]
}
