//! What announces and scrapes over UDP get back from the real program (BEP 15).

use std::collections::BTreeSet;
use std::net::IpAddr;

use wrtracker_tests::family::Family;
use wrtracker_tests::for_both_families;
use wrtracker_tests::peers::ports;
use wrtracker_tests::server::Server;
use wrtracker_tests::udp_client::{
    Announce, COMPLETED, NONE, PAUSED, STARTED, STOPPED, Scraped, UdpClient,
};

const HASH: [u8; 20] = *b"abcdefghij0123456789";

for_both_families! {
    fn connect_announce_and_scrape_have_the_bytes_of_bep_15(family: Family) {
        let server = Server::start(&[]);
        let client = UdpClient::unconnected(family.udp_address(&server));

        let reply = client.exchange(b"\x00\x00\x04\x17\x27\x10\x19\x80\0\0\0\0\x12\x34\x56\x78");
        assert_eq!(reply.len(), 16);
        assert_eq!(reply[..8], *b"\0\0\0\0\x12\x34\x56\x78");
        let connection = &reply[8..];

        let mut announce = connection.to_vec();
        announce.extend(b"\0\0\0\x01\xca\xfe\xba\xbe");
        announce.extend(b"\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a");
        announce.extend(b"\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14");
        announce.extend(b"-WR0001-golden-bytes");
        announce.extend(b"\0\0\0\0\0\0\0\0"); // downloaded
        announce.extend(b"\0\0\0\0\0\0\x40\0"); // left
        announce.extend(b"\0\0\0\0\0\0\0\0"); // uploaded
        announce.extend(b"\0\0\0\x02\0\0\0\0\x11\x22\x33\x44\xff\xff\xff\xff");
        announce.extend(b"\x1a\xe1");
        let reply = client.exchange(&announce);
        assert_eq!(reply.len(), 20);
        assert_eq!(reply[..8], *b"\0\0\0\x01\xca\xfe\xba\xbe");
        assert_eq!(reply[12..], *b"\0\0\0\x01\0\0\0\0", "one leecher, no seeder");

        // The second one gets the first.
        announce[97] = 0xe2;
        let reply = client.exchange(&announce);
        assert_eq!(reply[12..20], *b"\0\0\0\x02\0\0\0\0");
        match family {
            Family::V4 => assert_eq!(reply[20..], *b"\x7f\0\0\x01\x1a\xe1"),
            Family::V6 => {
                assert_eq!(reply[20..], *b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x1a\xe1");
            }
        }

        let mut scrape = connection.to_vec();
        scrape.extend(b"\0\0\0\x02\x00\xc0\xff\xee");
        scrape.extend(&announce[16..36]);
        let reply = client.exchange(&scrape);
        assert_eq!(reply, b"\0\0\0\x02\x00\xc0\xff\xee\0\0\0\0\0\0\0\0\0\0\0\x02");
    }

    fn leechers_get_seeders_and_leechers(family: Family) {
        let server = Server::start(&[]);
        let client = family.udp(&server);
        client.announce(&Announce::leecher(1001));
        client.announce(&Announce::seeder(1002));
        let reply = client.announce(&Announce::leecher(1003));
        assert_eq!(ports(&reply.peers), [1001, 1002]);
        assert!(reply.peers.iter().all(|peer| peer.ip() == family.loopback()));
    }

    fn seeders_get_leechers_only(family: Family) {
        let server = Server::start(&[]);
        let client = family.udp(&server);
        client.announce(&Announce::leecher(1001));
        client.announce(&Announce::seeder(1002));
        client.announce(&Announce::seeder(1003));
        let joined_before = Announce { downloaded: 1000, ..Announce::seeder(1004) };
        for announce in [
            Announce::seeder(1004),
            joined_before.clone(),
            joined_before.clone().with_event(STARTED),
            joined_before.with_event(COMPLETED),
        ] {
            assert_eq!(ports(&client.announce(&announce).peers), [1001], "{announce:?}");
        }
    }

    /// aria2 joins a magnet link like that: it doesn't know yet what there is to download.
    fn joining_with_nothing_left_and_nothing_downloaded_gets_seeders_once(family: Family) {
        let server = Server::start(&[]);
        let client = family.udp(&server);
        client.announce(&Announce::leecher(1001));
        client.announce(&Announce::seeder(1002));
        let reply = client.announce(&Announce::seeder(1003).with_event(STARTED));
        assert_eq!(ports(&reply.peers), [1001, 1002]);
        assert_eq!((reply.leechers, reply.seeders), (1, 2), "it counts as a seeder");
        let reply = client.announce(&Announce::seeder(1003));
        assert_eq!(ports(&reply.peers), [1001]);
    }

    fn nobody_gets_itself(family: Family) {
        let server = Server::start(&[]);
        let client = family.udp(&server);
        assert!(client.announce(&Announce::leecher(1001)).peers.is_empty());
        assert!(client.announce(&Announce::leecher(1001)).peers.is_empty());
        for port in 1002..1040 {
            client.announce(&Announce::leecher(port));
        }
        for port in 1001..1040 {
            let reply = client.announce(&Announce::leecher(port));
            let others: Vec<_> = (1001..1040).filter(|other| *other != port).collect();
            assert_eq!(ports(&reply.peers), others);
        }
    }

    fn numwant_limits_the_peers(family: Family) {
        let server = Server::start(&[]);
        let client = family.udp(&server);
        for port in 1..=300 {
            client.announce(&Announce::leecher(port).with_wanted(0));
        }
        let most = family.most_udp_peers();
        for (wanted, expected) in [
            (0, 0),
            (1, 1),
            (30, 30),
            (65, 65),
            (66, 66),
            (67, most.min(67)),
            (199, most.min(199)),
            (200, most),
            (201, most),
            (i32::MAX, most),
            (-1, most),
            (-5, most),
            (i32::MIN, most),
        ] {
            let reply = client.announce(&Announce::leecher(301).with_wanted(wanted));
            assert_eq!(reply.peers.len(), expected, "numwant {wanted}");
            assert_eq!((reply.leechers, reply.seeders), (301, 0));
        }
    }

    fn the_longest_replies_fit_every_link(family: Family) {
        let server = Server::start(&[]);
        let client = family.udp(&server);
        for port in 1..=1000 {
            client.announce(&Announce::leecher(port).with_wanted(0));
        }
        let packet = Announce::leecher(2000).emit(client.connection, 7);
        let expected = match family {
            Family::V4 => 1220,
            Family::V6 => 1208,
        };
        assert_eq!(client.exchange(&packet).len(), expected);
    }

    fn peers_are_chosen_at_random(family: Family) {
        let server = Server::start(&[]);
        let client = family.udp(&server);
        for port in 1..=50 {
            client.announce(&Announce::leecher(port).with_wanted(0));
        }
        let mut seen = BTreeSet::new();
        for _ in 0..400 {
            seen.extend(client.announce(&Announce::leecher(51).with_wanted(1)).peers);
        }
        // That so many draws miss a given peer happens once in 3,000 times.
        assert!(seen.len() >= 45, "only {} of 50 peers in 400 replies", seen.len());
    }

    fn counts_include_the_announcer(family: Family) {
        let server = Server::start(&[]);
        let client = family.udp(&server);
        let reply = client.announce(&Announce::leecher(1001));
        assert_eq!((reply.leechers, reply.seeders), (1, 0));
        let reply = client.announce(&Announce::seeder(1002));
        assert_eq!((reply.leechers, reply.seeders), (1, 1));
        let reply = client.announce(&Announce::seeder(1003).with_wanted(0));
        assert_eq!((reply.leechers, reply.seeders), (1, 2));
    }

    fn a_peer_that_comes_again_counts_once_and_as_what_it_is_now(family: Family) {
        let server = Server::start(&[]);
        let client = family.udp(&server);
        for (announce, leechers, seeders) in [
            (Announce::leecher(1001).with_event(STARTED), 1, 0),
            (Announce::leecher(1001), 1, 0),
            (Announce::leecher(1001).with_event(STARTED), 1, 0),
            (Announce::seeder(1001), 0, 1),
            (Announce::leecher(1001), 1, 0),
        ] {
            let reply = client.announce(&announce);
            assert_eq!((reply.leechers, reply.seeders), (leechers, seeders), "{announce:?}");
        }
    }

    fn a_completed_download_is_counted_once(family: Family) {
        let server = Server::start(&[]);
        let client = family.udp(&server);
        let completed = || client.scrape(&[HASH])[0].completed;
        client.announce(&Announce::leecher(1001).with_event(STARTED));
        client.announce(&Announce::seeder(1002));
        assert_eq!(completed(), 0);
        let done = Announce { downloaded: 1000, ..Announce::seeder(1001) };
        client.announce(&done.clone().with_event(COMPLETED));
        assert_eq!(completed(), 1);
        // The reply got lost and the client repeats itself.
        client.announce(&done.clone().with_event(COMPLETED));
        client.announce(&done.clone());
        assert_eq!(completed(), 1);
        client.announce(&Announce { port: 1003, ..done }.with_event(COMPLETED));
        assert_eq!(completed(), 2);
    }

    fn who_stops_is_gone(family: Family) {
        let server = Server::start(&[]);
        let client = family.udp(&server);
        client.announce(&Announce::leecher(1001));
        client.announce(&Announce::seeder(1002));
        client.announce(&Announce::leecher(1003));
        let reply = client.announce(&Announce::leecher(1001).with_event(STOPPED));
        assert_eq!((reply.leechers, reply.seeders), (1, 1));
        assert!(reply.peers.is_empty(), "{reply:?}");
        let reply = client.announce(&Announce::seeder(1002).with_event(STOPPED));
        assert_eq!((reply.leechers, reply.seeders), (1, 0));
        let reply = client.announce(&Announce::leecher(1004));
        assert_eq!(ports(&reply.peers), [1003]);
        // Again, and by one who was never there.
        for port in [1001, 1002, 1005] {
            let reply = client.announce(&Announce::leecher(port).with_event(STOPPED));
            assert_eq!((reply.leechers, reply.seeders), (2, 0));
        }
    }

    fn stopping_an_unknown_torrent_is_answered_with_zeros(family: Family) {
        let server = Server::start(&[]);
        let client = family.udp(&server);
        let reply = client.announce(&Announce::leecher(1001).with_event(STOPPED));
        assert_eq!((reply.leechers, reply.seeders), (0, 0));
        assert!(reply.peers.is_empty());
    }

    fn a_partial_seed_is_a_leecher_that_needs_no_seeders(family: Family) {
        let server = Server::start(&[]);
        let client = family.udp(&server);
        client.announce(&Announce::leecher(1001));
        client.announce(&Announce::seeder(1002));
        let reply = client.announce(&Announce::leecher(1003).with_event(PAUSED));
        assert_eq!((reply.leechers, reply.seeders), (2, 1));
        assert_eq!(ports(&reply.peers), [1001]);
        // To one who downloads it is worth as much as any other.
        let reply = client.announce(&Announce::leecher(1001));
        assert_eq!(ports(&reply.peers), [1002, 1003]);
        // It wants the rest after all.
        let reply = client.announce(&Announce::leecher(1003).with_event(NONE));
        assert_eq!(ports(&reply.peers), [1001, 1002]);
    }

    fn an_unknown_event_is_none(family: Family) {
        let server = Server::start(&[]);
        let client = family.udp(&server);
        client.announce(&Announce::seeder(1001));
        for event in [5, 99, 0x0100_0003, u32::MAX] {
            let reply = client.announce(&Announce::leecher(1002).with_event(event));
            assert_eq!((reply.leechers, reply.seeders), (1, 1), "event {event}");
            assert_eq!(ports(&reply.peers), [1001], "event {event}");
        }
    }

    /// Both ways that clients lengthen the announce, options cut short and options unheard of.
    fn options_after_the_announce_are_no_obstacle(family: Family) {
        let server = Server::start(&[]);
        let client = family.udp(&server);
        let mut long = b"\x02\xff".to_vec();
        long.resize(2 + 255, b'x');
        for (index, options) in [
            &b"\x02\x09/announce"[..],
            b"\0\0",
            b"\x00",
            b"\x01\x01\x01\x00",
            b"\x02",
            b"\x02\xffshort",
            b"\x02\x00",
            b"\x63\x03abc\x02\x02/a",
            &long,
            &[0xff; 1000],
        ]
        .into_iter()
        .enumerate()
        {
            let announce = Announce {
                options: options.to_vec(),
                ..Announce::leecher(1001)
            };
            let reply = client.announce(&announce.with_hash([u8::try_from(index).unwrap(); 20]));
            assert_eq!((reply.leechers, reply.seeders), (1, 0), "{options:02x?}");
        }
    }

    fn port_0_is_refused_in_words(family: Family) {
        let server = Server::start(&[]);
        let client = family.udp(&server);
        let text = client.announce_refused(&Announce::leecher(0));
        assert!(text.is_ascii() && text.len() > 4, "{text:02x?}");
        let none = Scraped { seeders: 0, completed: 0, leechers: 0 };
        assert_eq!(client.scrape(&[HASH]), [none], "it is not counted");
    }

    fn any_number_left_makes_a_leecher_but_zero(family: Family) {
        let server = Server::start(&[]);
        let client = family.udp(&server);
        for (port, left) in (1001..).zip([1, 1 << 32, i64::MAX as u64, 1 << 63, u64::MAX]) {
            let announce = Announce { left, ..Announce::leecher(port) };
            let reply = client.announce(&announce);
            assert_eq!((u32::from(port) - 1000, 0), (reply.leechers, reply.seeders), "{left}");
        }
    }

    fn torrents_do_not_mix(family: Family) {
        let server = Server::start(&[]);
        let client = family.udp(&server);
        let mut neighbour = HASH;
        neighbour[19] ^= 1;
        client.announce(&Announce::leecher(1001));
        client.announce(&Announce::leecher(1002).with_hash(neighbour));
        let reply = client.announce(&Announce::leecher(1003));
        assert_eq!(ports(&reply.peers), [1001]);
        let reply = client.announce(&Announce::leecher(1004).with_hash(neighbour));
        assert_eq!(ports(&reply.peers), [1002]);
    }

    fn the_address_in_the_packet_is_not_believed(family: Family) {
        let server = Server::start(&[]);
        let client = family.udp(&server);
        let announce = Announce { ip: 0x0a01_0203, ..Announce::leecher(1001) };
        client.announce(&announce);
        let reply = client.announce(&Announce::leecher(1002));
        assert_eq!(reply.peers, [family.peer(1001)]);
    }

    fn intervals_are_half_an_hour_with_jitter(family: Family) {
        let server = Server::start(&[]);
        let client = family.udp(&server);
        let intervals: BTreeSet<_> = (0..50)
            .map(|_| client.announce(&Announce::leecher(1001)).interval)
            .collect();
        assert!(intervals.iter().all(|it| (1620..=1979).contains(it)), "{intervals:?}");
        assert!(intervals.len() > 5, "{intervals:?}");
    }

    fn a_scrape_tells_of_each_hash_in_order(family: Family) {
        let server = Server::start(&[]);
        let client = family.udp(&server);
        let [a, b, unknown] = [[1; 20], [2; 20], [3; 20]];
        client.announce(&Announce::leecher(1001).with_hash(a));
        client.announce(&Announce::leecher(1002).with_hash(a));
        client.announce(&Announce::seeder(1003).with_hash(a).with_event(COMPLETED));
        client.announce(&Announce::seeder(1004).with_hash(b));
        let of_a = Scraped { seeders: 1, completed: 1, leechers: 2 };
        let of_b = Scraped { seeders: 1, completed: 0, leechers: 0 };
        let none = Scraped { seeders: 0, completed: 0, leechers: 0 };
        assert_eq!(client.scrape(&[a, b, unknown]), [of_a, of_b, none]);
        assert_eq!(client.scrape(&[unknown, b, a, b]), [none, of_b, of_a, of_b]);
        // Asking about it makes no torrent of it.
        assert_eq!(client.scrape(&[unknown]), [none]);
    }

    /// 75 hashes are what BEP 15 says a scrape may have, more or less.
    fn a_long_scrape_is_answered_in_part(family: Family) {
        let server = Server::start(&[]);
        let client = family.udp(&server);
        let hashes: Vec<_> = (0..200).map(|index| [index; 20]).collect();
        client.announce(&Announce::leecher(1001).with_hash(hashes[73]));
        for (asked, told) in [(1, 1), (74, 74), (75, 75), (76, 75), (100, 75), (200, 75)] {
            let reply = client.scrape(&hashes[..asked]);
            assert_eq!(reply.len(), told, "of {asked}");
            let found = reply.iter().position(|counts| counts.leechers == 1);
            assert_eq!(found, (asked > 73).then_some(73));
        }
    }

    fn part_of_a_hash_at_the_end_of_a_scrape_is_left_out(family: Family) {
        let server = Server::start(&[]);
        let client = family.udp(&server);
        for extra in [1, 3, 19] {
            let mut packet = client.connection.to_be_bytes().to_vec();
            packet.extend([0, 0, 0, 2, 9, 9, 9, 9]);
            packet.extend([7; 20]);
            packet.extend([8; 19].iter().take(extra));
            assert_eq!(client.exchange(&packet).len(), 8 + 12, "{extra} bytes more");
        }
    }

    fn a_scrape_without_hashes_is_answered_without_counts(family: Family) {
        let server = Server::start(&[]);
        let client = family.udp(&server);
        assert_eq!(client.scrape(&[]), []);
    }

    /// As many as the program may take from the socket at once, and more, from many sources.
    fn a_burst_is_answered_one_by_one(family: Family) {
        let server = Server::start(&[]);
        let clients: Vec<_> = (0..50).map(|_| family.udp(&server)).collect();
        for round in 0..3_u16 {
            for (port, client) in (1001..).zip(&clients) {
                let hash = [u8::try_from(port % 7).unwrap(); 20];
                let announce = Announce::leecher(port).with_hash(hash);
                client.send(&announce.emit(client.connection, u32::from(round * 100 + port)));
            }
            for (port, client) in (1001_u16..).zip(&clients) {
                let transaction = u32::from(round * 100 + port);
                let reply = wrtracker_tests::udp_client::parse_announced(
                    &client.receive(), transaction, family);
                assert!(reply.peers.iter().all(|peer| peer.port() != port));
                assert!(reply.peers.iter().all(|peer| peer.port() % 7 == port % 7));
            }
        }
        let hashes: Vec<_> = (0..7).map(|index| [index; 20]).collect();
        let counted: u32 = clients[0].scrape(&hashes).iter().map(|it| it.leechers).sum();
        assert_eq!(counted, 50);
    }

    fn peers_of_one_host_are_told_apart_by_port(family: Family) {
        let server = Server::start(&[]);
        let client = family.udp(&server);
        for port in [1, 80, 255, 256, 32_768, 65_535] {
            client.announce(&Announce::leecher(port));
        }
        let reply = client.announce(&Announce::leecher(1001));
        assert_eq!(ports(&reply.peers), [1, 80, 255, 256, 32_768, 65_535]);
    }
}

#[test]
fn peers_of_different_hosts_are_told_apart_by_address() {
    let server = Server::start(&[]);
    let hosts: Vec<IpAddr> = (2..=9).map(|host| [127, 0, 0, host].into()).collect();
    for &host in &hosts {
        let mut client = UdpClient::bound_to(host, server.udp_v4());
        client.connection = client.fresh_connection();
        client.announce(&Announce::leecher(6881));
    }
    let reply = UdpClient::connect(server.udp_v4()).announce(&Announce::leecher(6881));
    let mut found: Vec<_> = reply.peers.iter().map(|peer| peer.ip()).collect();
    found.sort_unstable();
    assert_eq!(found, hosts);
}
