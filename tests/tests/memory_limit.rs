//! The memory limit holds for the whole program, whatever floods it, and it goes on to answer.
#![forbid(unsafe_code)]

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};

use wrtracker_tests::http_client::{HttpClient, announce_target, request};
use wrtracker_tests::server::Server;
use wrtracker_tests::udp_client::{Announce, UdpClient};

/// The torrent that was there before the flood.
const OLD: [u8; 20] = [0xee; 20];

/// Announces each of `announces` and expects an answer to each.
fn flood(client: &UdpClient, announces: impl Iterator<Item = Announce>) {
    let mut announces = announces.peekable();
    while announces.peek().is_some() {
        let mut sent = 0;
        for announce in announces.by_ref().take(16) {
            client.send(&announce.emit(client.connection, 7));
            sent += 1;
        }
        for _ in 0..sent {
            assert_eq!(client.receive()[..8], [0, 0, 0, 1, 0, 0, 0, 7]);
        }
    }
}

fn numbered(number: u32) -> [u8; 20] {
    let mut hash = [0x5a; 20];
    hash[..4].copy_from_slice(&number.to_be_bytes());
    hash
}

/// The old swarm still hands out the other two of its three peers, over UDP and HTTP.
fn old_swarm_answers(server: &Server) {
    let client = UdpClient::connect(server.udp_v4());
    for port in 1..=3 {
        let answer = client.announce(&Announce::leecher(port).with_hash(OLD));
        assert_eq!(answer.peers.len(), 2, "{answer:?}");
    }
    let target = announce_target(&OLD, 1, 1000, "");
    let answer = HttpClient::connect(server.tcp_v4()).announce(&target);
    assert_eq!(answer.peers.len(), 2, "{answer:?}");
}

#[test]
fn floods_of_all_kinds_stay_within_the_least_limit() {
    flood_all(1 << 20, "1M");
}

#[test]
fn floods_of_all_kinds_stay_within_a_larger_limit() {
    flood_all(3 << 20, "3M");
}

/// Torrents, peers, connections and half requests, each more than there is room for.
fn flood_all(limit: u64, option: &str) {
    let server = Server::start(&["-m", option]);
    let idle = server.anonymous_bytes();
    let within = |what: &str| {
        let now = server.anonymous_bytes();
        assert!(
            now.is_none_or(|now| now <= limit),
            "{now:?} bytes with {what}, {idle:?} at first"
        );
        now
    };
    let client = UdpClient::connect(server.udp_v4());
    for port in 1..=3 {
        client.announce(&Announce::leecher(port).with_hash(OLD));
    }

    // Many more torrents than there is room for, from an address of their own.
    let from = |host| {
        let ip = IpAddr::V4(Ipv4Addr::new(127, 0, 0, host));
        let mut client = UdpClient::bound_to(ip, server.udp_v4());
        client.connection = client.fresh_connection();
        client
    };
    let hostile = from(2);
    flood(
        &hostile,
        (0..100_000).map(|number| Announce::leecher(9).with_hash(numbered(number))),
    );
    let flooded = within("torrents");
    assert!(
        flooded.is_none() || flooded > idle,
        "the flood was stored nowhere"
    );
    old_swarm_answers(&server);

    // Many more peers than there is room for, all in two torrents.
    for host in 3..6 {
        let hostile = from(host);
        let peer = |port: u32| Announce::leecher(port as u16 | 1).with_hash(numbered(port % 2));
        flood(&hostile, (0..60_000).map(peer));
    }
    within("peers");
    old_swarm_answers(&server);

    // Connections that say nothing, that say half of something, and that don't take their replies.
    let tcp: SocketAddr = server.tcp_v4();
    let mut connections = Vec::new();
    let half = [b"GET /announce?info_hash=".as_slice(), &[b'a'; 8000]].concat();
    for number in 0..400 {
        let mut stream = TcpStream::connect(tcp).expect("to connect");
        if number % 4 != 0 {
            // The server may have closed it already to make room.
            let _ = stream.write_all(&half);
        }
        connections.push(stream);
    }
    let many = request(&announce_target(&numbered(0), 9, 1000, "&numwant=200")).repeat(200);
    for number in 0..40 {
        let mut stream = TcpStream::connect(tcp).expect("to connect");
        stream.set_nonblocking(true).expect("not to block");
        for _ in 0..number {
            let _ = stream.write(many.as_bytes());
        }
        connections.push(stream);
        if number % 10 == 0 {
            old_swarm_answers(&server);
        }
    }
    let most = within("connections");
    old_swarm_answers(&server);
    eprintln!("{idle:?} bytes idle, {most:?} of {limit} flooded");

    drop(connections);
    old_swarm_answers(&server);
    assert_eq!(server.terminate().code(), Some(0));
}
