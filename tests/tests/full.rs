//! The real program beyond its memory limit: full is a normal state.

use std::net::IpAddr;

use wrtracker_tests::family::Family;
use wrtracker_tests::for_both_families;
use wrtracker_tests::peers::ports;
use wrtracker_tests::server::Server;
use wrtracker_tests::udp_client::{Announce, UdpClient, parse_announced};

/// Little, so that it is soon full.
const LIMIT: &str = "1M";
const LIMIT_BYTES: u64 = 1 << 20;

for_both_families! {
    fn a_flood_of_torrents_changes_nothing_for_those_that_are_there(family: Family) {
        let server = Server::start(&["-m", LIMIT]);
        let client = family.udp(&server);
        let known = Announce::default().info_hash;
        let peers: Vec<u16> = (1001..1041).collect();
        for &port in &peers {
            client.announce(&Announce::leecher(port).with_hash(known));
        }
        let (torrents, _) = capacity(&server);
        flood(&client, (0..2 * torrents).map(torrent));
        let reply = client.announce(&Announce::leecher(1041).with_hash(known));
        assert_eq!(ports(&reply.peers), peers);
        assert_limit(&server);
    }

    fn a_torrent_can_come_into_being_beside_a_flood_of_peers(family: Family) {
        let server = Server::start(&["-m", LIMIT]);
        let client = family.udp(&server);
        let (_, most) = capacity(&server);
        let hosts = match family {
            Family::V4 => 1 + u8::try_from(most / u32::from(u16::MAX)).unwrap(),
            // There is one loopback address, and a peer takes more than twice as much.
            Family::V6 => 1,
        };
        for host in 2..2 + hosts {
            let ip = match family {
                Family::V4 => IpAddr::from([127, 0, 0, host]),
                Family::V6 => family.loopback(),
            };
            let mut member = UdpClient::bound_to(ip, family.udp_address(&server));
            member.connection = member.fresh_connection();
            flood(&member, (1..=u16::MAX).map(|port| Announce::leecher(port).with_wanted(0)));
        }
        let young = [0x77; 20];
        client.announce(&Announce::leecher(1001).with_hash(young));
        let reply = client.announce(&Announce::leecher(1002).with_hash(young));
        assert_eq!(reply.peers, [family.peer(1001)]);
        // The crowd still gets as much as a reply carries, of itself.
        let reply = client.announce(&Announce::leecher(1003));
        assert_eq!(reply.peers.len(), family.most_udp_peers());
        assert_limit(&server);
    }
}

/// Sends announces, some ahead of their replies, and takes each reply apart.
fn flood(client: &UdpClient, announces: impl Iterator<Item = Announce>) {
    let announces: Vec<_> = (0..).zip(announces).collect();
    for batch in announces.chunks(64) {
        for (transaction, announce) in batch {
            client.send(&announce.emit(client.connection, *transaction));
        }
        for (transaction, _) in batch {
            parse_announced(&client.receive(), *transaction, client.family());
        }
    }
}

/// An announce of a torrent of its own.
fn torrent(number: u32) -> Announce {
    let mut hash = [0; 20];
    hash[..4].copy_from_slice(&number.to_le_bytes());
    hash[16..].copy_from_slice(&number.to_be_bytes());
    Announce::leecher(1001).with_hash(hash)
}

/// How many torrents or peers the program says it has room for at most.
fn capacity(server: &Server) -> (u32, u32) {
    let text = server.stderr();
    let (_, text) = text.split_once("up to ").expect(&text);
    let words = text.split_whitespace();
    let numbers: Vec<u32> = words.filter_map(|word| word.parse().ok()).collect();
    (numbers[0], numbers[1])
}

fn assert_limit(server: &Server) {
    if let Some(bytes) = server.anonymous_bytes() {
        assert!(bytes <= LIMIT_BYTES, "{bytes} bytes of anonymous memory");
    }
}
