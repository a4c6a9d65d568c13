//! What announces and scrapes over HTTP get back from the real program (BEP 3, 7, 21, 23, 24, 48).

use std::collections::BTreeSet;

use wrtracker_tests::bencode::Value;
use wrtracker_tests::family::Family;
use wrtracker_tests::for_both_families;
use wrtracker_tests::http_client::{
    Announced, HASH, HttpClient, announce_target, leecher, scrape_target, seeder,
};
use wrtracker_tests::peers::ports;
use wrtracker_tests::server::Server;

for_both_families! {
    fn the_reply_to_an_announce_has_these_bytes(family: Family) {
        let server = Server::start(&[]);
        let mut client = family.http(&server);
        let reply = client.get(&leecher(6881));
        assert_eq!(reply.status_line, "HTTP/1.1 200 OK");
        assert_eq!(reply.header("content-type"), Some("text/plain"));
        let value = reply.bencode();
        let interval = value.int("interval");
        let (ip, address): (&str, &[u8]) = match family {
            Family::V4 => ("4:", b"\x7f\0\0\x01"),
            Family::V6 => ("16:", b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01"),
        };
        let mut expected = format!(
            "d8:completei0e10:downloadedi0e11:external ip{ip}").into_bytes();
        expected.extend(address);
        expected.extend(format!(
            "10:incompletei1e8:intervali{interval}e12:min intervali{}e5:peers0:e",
            interval / 2).bytes());
        assert_eq!(reply.body.escape_ascii().to_string(), expected.escape_ascii().to_string());

        // The second one gets the first.
        let reply = client.get(&leecher(0x1ae2));
        let list = [address, &[0x1a, 0xe1][..]].concat();
        assert_eq!(reply.bencode().string(family.peers_key()), list);
    }

    fn leechers_get_seeders_and_leechers(family: Family) {
        let server = Server::start(&[]);
        let mut client = family.http(&server);
        client.announce(&leecher(1001));
        client.announce(&seeder(1002));
        let reply = client.announce(&leecher(1003));
        assert_eq!(ports(&reply.peers_of(family)), [1001, 1002]);
        assert_eq!(reply.peers.len(), 2);
        assert!(reply.peers.iter().all(|peer| peer.ip() == family.loopback()));
        assert_eq!((reply.complete, reply.incomplete, reply.downloaded), (1, 2, 0));
    }

    fn seeders_get_leechers_only(family: Family) {
        let server = Server::start(&[]);
        let mut client = family.http(&server);
        client.announce(&leecher(1001));
        client.announce(&seeder(1002));
        for more in ["", "&event=", "&event=completed", "&event=started&downloaded=1000"] {
            let reply = client.announce(&announce_target(&HASH, 1003, 0, more));
            assert_eq!(ports(&reply.peers), [1001], "{more:?}");
        }
    }

    /// aria2 joins a magnet link like that: it doesn't know yet what there is to download.
    fn joining_with_nothing_left_and_nothing_downloaded_gets_seeders_once(family: Family) {
        let server = Server::start(&[]);
        let mut client = family.http(&server);
        client.announce(&leecher(1001));
        client.announce(&seeder(1002));
        let reply = client.announce(&announce_target(&HASH, 1003, 0, "&event=started"));
        assert_eq!(ports(&reply.peers), [1001, 1002]);
        assert_eq!((reply.complete, reply.incomplete), (2, 1), "it counts as a seeder");
        assert_eq!(ports(&client.announce(&seeder(1003)).peers), [1001]);
    }

    fn nobody_gets_itself(family: Family) {
        let server = Server::start(&[]);
        let mut client = family.http(&server);
        for port in 1001..1040 {
            client.announce(&leecher(port));
        }
        for port in 1001..1040 {
            let reply = client.announce(&leecher(port));
            let others: Vec<_> = (1001..1040).filter(|other| *other != port).collect();
            assert_eq!(ports(&reply.peers), others);
        }
    }

    fn numwant_limits_the_peers(family: Family) {
        let server = Server::start(&[]);
        let mut client = family.http(&server);
        for port in 1..=300 {
            client.announce(&announce_target(&HASH, port, 1000, "&numwant=0"));
        }
        for (more, expected) in [
            ("", 50),
            ("&numwant=0", 0),
            ("&numwant=1", 1),
            ("&numwant=49", 49),
            ("&numwant=200", 200),
            ("&numwant=201", 200),
            ("&numwant=4294967296", 200),
            ("&numwant=18446744073709551615", 200),
            ("&numwant=-1", 50),
            ("&numwant=-2147483648", 50),
        ] {
            let reply = client.announce(&announce_target(&HASH, 301, 1000, more));
            assert_eq!(reply.peers.len(), expected, "{more:?}");
            assert_eq!((reply.complete, reply.incomplete), (0, 301));
        }
    }

    /// The dictionary form of before BEP 23, for who says that compact is no good for it.
    fn compact_0_gets_a_list_of_dictionaries(family: Family) {
        let server = Server::start(&[]);
        let mut client = family.http(&server);
        client.announce(&leecher(1001));
        client.announce(&seeder(1002));
        let target = leecher(1003).replace("compact=1", "compact=0");
        let value = client.get(&target).bencode();
        assert!(value.find("peers6").is_none(), "{}", value.show());
        let mut found = BTreeSet::new();
        for peer in value.list("peers") {
            let ip = str::from_utf8(peer.string("ip")).unwrap();
            assert_eq!(ip.parse(), Ok(family.loopback()));
            found.insert(peer.int("port"));
        }
        assert_eq!(found, BTreeSet::from([1001, 1002]));
    }

    /// As many as the longest reply holds, and not one byte of it wrong.
    fn a_long_list_of_dictionaries_is_valid(family: Family) {
        let server = Server::start(&[]);
        let mut client = family.http(&server);
        for port in 10_001..=10_300 {
            client.announce(&announce_target(&HASH, port, 1000, "&numwant=0"));
        }
        let target = leecher(1).replace("compact=1", "compact=0&numwant=200");
        let value = client.get(&target).bencode();
        let list = value.list("peers");
        assert!((100..=200).contains(&list.len()), "{} peers", list.len());
        let ports: BTreeSet<_> = list.iter().map(|peer| peer.int("port")).collect();
        assert_eq!(ports.len(), list.len(), "a peer twice");
        assert!(ports.iter().all(|port| (10_001..=10_300).contains(port)));
    }

    fn without_compact_the_list_is_compact(family: Family) {
        let server = Server::start(&[]);
        let mut client = family.http(&server);
        client.announce(&leecher(1001));
        let reply = client.announce(&leecher(1002).replace("&compact=1", ""));
        assert_eq!(ports(&reply.peers), [1001]);
    }

    fn a_peer_that_comes_again_counts_once_and_as_what_it_is_now(family: Family) {
        let server = Server::start(&[]);
        let mut client = family.http(&server);
        for (target, complete, incomplete) in [
            (announce_target(&HASH, 1001, 1000, "&event=started"), 0, 1),
            (leecher(1001), 0, 1),
            (seeder(1001), 1, 0),
            (leecher(1001), 0, 1),
        ] {
            let reply = client.announce(&target);
            assert_eq!((reply.complete, reply.incomplete), (complete, incomplete), "{target}");
        }
    }

    fn a_completed_download_is_counted_once(family: Family) {
        let server = Server::start(&[]);
        let mut client = family.http(&server);
        client.announce(&announce_target(&HASH, 1001, 1000, "&event=started"));
        assert_eq!(client.announce(&seeder(1002)).downloaded, 0);
        let done = announce_target(&HASH, 1001, 0, "&event=completed");
        assert_eq!(client.announce(&done).downloaded, 1);
        assert_eq!(client.announce(&done).downloaded, 1);
        let done = announce_target(&HASH, 1003, 0, "&event=completed");
        assert_eq!(client.announce(&done).downloaded, 2);
        assert_eq!(client.announce(&leecher(1004)).downloaded, 2);
    }

    fn who_stops_is_gone_and_gets_a_valid_reply(family: Family) {
        let server = Server::start(&[]);
        let mut client = family.http(&server);
        client.announce(&leecher(1001));
        client.announce(&seeder(1002));
        client.announce(&leecher(1003));
        let stopped = announce_target(&HASH, 1001, 1000, "&numwant=0&event=stopped");
        for _ in 0..2 {
            let reply = client.announce(&stopped);
            assert_eq!((reply.complete, reply.incomplete), (1, 1));
            assert!(reply.peers.is_empty());
        }
        let reply = client.announce(&announce_target(&HASH, 1002, 0, "&event=stopped"));
        assert_eq!((reply.complete, reply.incomplete), (0, 1));
        assert!(reply.peers.is_empty(), "even if it wants some");
        assert_eq!(ports(&client.announce(&leecher(1004)).peers), [1003]);
        let reply = client.announce(&announce_target(&[9; 20], 1001, 0, "&event=stopped"));
        assert_eq!((reply.complete, reply.incomplete, reply.downloaded), (0, 0, 0));
    }

    fn a_partial_seed_is_incomplete_and_no_downloader(family: Family) {
        let server = Server::start(&[]);
        let mut client = family.http(&server);
        client.announce(&leecher(1001));
        client.announce(&seeder(1002));
        let paused = announce_target(&HASH, 1003, 1000, "&event=paused");
        let reply = client.announce(&paused);
        assert_eq!((reply.complete, reply.incomplete), (1, 2));
        assert_eq!(ports(&reply.peers), [1001], "it needs no seeders");
        assert_eq!(scraped(&mut client, &HASH), [1, 0, 1, 2]);
        client.announce(&leecher(1003));
        assert_eq!(scraped(&mut client, &HASH), [1, 0, 2, 2]);
        client.announce(&paused);
        assert_eq!(scraped(&mut client, &HASH), [1, 0, 1, 2]);
        client.announce(&announce_target(&HASH, 1003, 1000, "&event=stopped"));
        assert_eq!(scraped(&mut client, &HASH), [1, 0, 1, 1]);
    }

    fn an_unknown_event_is_none(family: Family) {
        let server = Server::start(&[]);
        let mut client = family.http(&server);
        client.announce(&seeder(1001));
        for event in ["", "empty", "Stopped", "STOPPED", "stoppedx", "%00", "resumed"] {
            let target = announce_target(&HASH, 1002, 1000, &format!("&event={event}"));
            let reply = client.announce(&target);
            assert_eq!((reply.complete, reply.incomplete), (1, 1), "{event:?}");
            assert_eq!(ports(&reply.peers), [1001], "{event:?}");
        }
    }

    fn only_0_left_makes_a_seeder(family: Family) {
        let server = Server::start(&[]);
        let mut client = family.http(&server);
        for (left, complete) in [
            ("&left=1", 0),
            ("&left=4294967296", 0),
            ("&left=9223372036854775807", 0),
            ("&left=18446744073709551615", 0),
            ("&left=-1", 0),
            ("", 0),
            ("&left=0", 1),
            ("&left=000", 1),
        ] {
            let target = leecher(1001).replace("&left=1000", left);
            assert_eq!(client.announce(&target).complete, complete, "{left:?}");
        }
    }

    fn intervals_are_half_an_hour_with_jitter(family: Family) {
        let server = Server::start(&[]);
        let mut client = family.http(&server);
        let mut intervals = BTreeSet::new();
        for _ in 0..50 {
            let reply = client.announce(&leecher(1001));
            assert!((1620..=1979).contains(&reply.interval), "{}", reply.interval);
            assert_eq!(reply.min_interval, reply.interval / 2);
            intervals.insert(reply.interval);
        }
        assert!(intervals.len() > 5, "{intervals:?}");
    }

    fn peers_are_chosen_at_random(family: Family) {
        let server = Server::start(&[]);
        let mut client = family.http(&server);
        for port in 1..=50 {
            client.announce(&announce_target(&HASH, port, 1000, "&numwant=0"));
        }
        let mut seen = BTreeSet::new();
        for _ in 0..400 {
            let target = announce_target(&HASH, 51, 1000, "&numwant=1");
            seen.extend(client.announce(&target).peers);
        }
        assert!(seen.len() >= 45, "only {} of 50 peers in 400 replies", seen.len());
    }

    fn torrents_do_not_mix(family: Family) {
        let server = Server::start(&[]);
        let mut client = family.http(&server);
        let mut neighbour = HASH;
        neighbour[19] ^= 1;
        client.announce(&leecher(1001));
        client.announce(&announce_target(&neighbour, 1002, 1000, ""));
        assert_eq!(ports(&client.announce(&leecher(1003)).peers), [1001]);
        let reply = client.announce(&announce_target(&neighbour, 1004, 1000, ""));
        assert_eq!(ports(&reply.peers), [1002]);
    }

    fn the_address_in_the_request_is_not_believed(family: Family) {
        let server = Server::start(&[]);
        let mut client = family.http(&server);
        let more = "&ip=10.1.2.3&ipv4=10.1.2.3&ipv6=fd00::1&localip=10.1.2.3";
        client.announce(&announce_target(&HASH, 1001, 1000, more));
        let target = leecher(1002);
        client.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 10.1.2.3\r\n\
             X-Real-IP: 10.1.2.3\r\nForwarded: for=10.1.2.3\r\n\r\n").as_bytes());
        assert_eq!(Announced::parse(&client.receive()).peers, [family.peer(1001)]);
        let reply = client.announce(&leecher(1003));
        assert_eq!(reply.peers.len(), 2);
        assert!(reply.peers.iter().all(|peer| peer.ip() == family.loopback()));
    }

    fn a_scrape_tells_of_each_hash_once_and_in_order_of_the_hashes(family: Family) {
        let server = Server::start(&[]);
        let mut client = family.http(&server);
        let [a, b, unknown] = [[0x10; 20], [0xfe; 20], [0x7f; 20]];
        client.announce(&announce_target(&a, 1001, 1000, ""));
        client.announce(&announce_target(&a, 1002, 0, "&event=completed"));
        client.announce(&announce_target(&b, 1003, 0, ""));
        let reply = client.get(&scrape_target(&[b, unknown, a, b]));
        // The reader refuses keys out of order and doubled ones.
        let value = reply.bencode();
        let Some(Value::Dict(files)) = value.find("files") else {
            panic!("{}", value.show())
        };
        let hashes: Vec<&[u8]> = files.iter().map(|(hash, _)| hash.as_slice()).collect();
        assert_eq!(hashes, [a, unknown, b]);
        let counts: Vec<_> = files.iter().map(|(_, file)| counts(file)).collect();
        assert_eq!(counts, [[1, 1, 1, 1], [0; 4], [1, 0, 0, 0]]);
        // Asking about it makes no torrent of it, and all that is asked for may be unknown.
        assert_eq!(scraped(&mut client, &unknown), [0; 4]);
    }

    /// What Transmission asks for at once, and more than one reply takes.
    fn a_long_scrape_is_answered_in_part(family: Family) {
        let server = Server::start(&[]);
        let mut client = family.http(&server);
        let hashes: Vec<_> = (0..100).map(|index| [index; 20]).collect();
        for (asked, told) in [(1, 1), (60, 60), (64, 64), (65, 64), (100, 64)] {
            let value = client.get(&scrape_target(&hashes[..asked])).bencode();
            assert_eq!(value.find("files").unwrap().keys().len(), told, "of {asked}");
        }
    }

    fn a_scrape_without_a_good_hash_fails_in_words(family: Family) {
        let server = Server::start(&[]);
        let mut client = family.http(&server);
        for target in [
            "/scrape/",
            "/scrape?",
            "/scrape?info_hash=short",
            "/scrape?info_hash=%zz345678901234567890",
            "/scrape?info_hash=123456789012345678901",
            "/scrape?info_hash=12345678901234567890&info_hash=",
        ] {
            assert!(!client.get(target).failure().is_empty(), "{target}");
        }
    }
}

/// Peers of both families are in one swarm: each gets both, in the keys of BEP 23 and BEP 7.
#[test]
fn ipv4_and_ipv6_peers_meet() {
    if !wrtracker_tests::server::ipv6_works() {
        return;
    }
    let server = Server::start(&[]);
    let mut v4 = Family::V4.http(&server);
    let mut v6 = Family::V6.http(&server);
    v4.announce(&leecher(1001));
    v6.announce(&leecher(1002));
    v4.announce(&seeder(1003));
    v6.announce(&seeder(1004));
    for client in [&mut v4, &mut v6] {
        let reply = client.announce(&leecher(1005));
        assert_eq!(ports(&reply.peers_of(Family::V4))[..2], [1001, 1003]);
        assert_eq!(ports(&reply.peers_of(Family::V6))[..2], [1002, 1004]);
        assert_eq!(reply.complete, 2);
    }
    // The same port on both addresses is two peers.
    assert_eq!(v4.announce(&leecher(1005)).incomplete, 4);
    let target = leecher(1005).replace("compact=1", "compact=0");
    assert_eq!(v4.get(&target).bencode().list("peers").len(), 5);
}

#[test]
fn a_reply_is_shared_between_the_families() {
    if !wrtracker_tests::server::ipv6_works() {
        return;
    }
    let server = Server::start(&[]);
    let mut v4 = Family::V4.http(&server);
    let mut v6 = Family::V6.http(&server);
    for port in 1..=300 {
        let target = announce_target(&HASH, port, 1000, "&numwant=0");
        v4.announce(&target);
        v6.announce(&target);
    }
    for (more, share) in [("", 25), ("&numwant=200", 100), ("&numwant=2", 1)] {
        let reply = v4.announce(&announce_target(&HASH, 1, 1000, more));
        let shares = [Family::V4, Family::V6].map(|family| reply.peers_of(family).len());
        assert_eq!(shares, [share; 2], "{more:?}");
        let reply = v6.announce(&announce_target(&HASH, 1, 1000, more));
        let shares = [Family::V4, Family::V6].map(|family| reply.peers_of(family).len());
        assert_eq!(shares, [share; 2], "{more:?}");
    }
}

/// `complete`, `downloaded`, `downloaders`, `incomplete` of one torrent.
fn scraped(client: &mut HttpClient, hash: &[u8; 20]) -> [i64; 4] {
    let value = client.get(&scrape_target(&[*hash])).bencode();
    let files = value.find("files").unwrap();
    counts(files.find(hash).unwrap())
}

fn counts(file: &Value) -> [i64; 4] {
    ["complete", "downloaded", "downloaders", "incomplete"].map(|key| file.int(key))
}
