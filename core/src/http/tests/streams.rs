//! Full scrapes, as a host asks for them piece by piece.

use std::string::String;
use std::vec;
use std::vec::Vec;

use super::{BUFFER_BYTES, Bench, Connections, LARGEST_REPLY, NOW, Next, Slot};
use crate::http::ConnectionId;
use crate::policy::{FullScrape, Policy};
use crate::tracker::{Announce, Event, Secrets, Tracker};
use crate::wire::{InfoHash, PeerAddr};

const REQUEST: &[u8] = b"GET /scrape HTTP/1.1\r\n\r\n";

/// Room that is enough for some torrents at a time.
const LEAST: usize = 1200;

/// Runs `test` with torrents of these hashes, each with a seeder, and a workspace of so many words.
fn with(hashes: &[InfoHash], workspace: usize, policy: Policy, test: impl FnOnce(&mut Bench<'_>)) {
    let mut memory = vec![0; 1 << 18];
    let mut workspace = vec![0; workspace];
    let (mut slots, mut bytes) = (vec![Slot::EMPTY; 16], vec![0; 16 * BUFFER_BYTES]);
    let mut tracker = Tracker::new(&mut memory, &Secrets::new(&[1; 40]), policy).unwrap();
    tracker.set_workspace(&mut workspace);
    for hash in hashes {
        join(&mut tracker, *hash);
    }
    test(&mut Bench {
        tracker,
        connections: Connections::new(&mut slots, &mut bytes),
        now: NOW,
        out: vec![0; 2 * LARGEST_REPLY],
    });
}

fn join(tracker: &mut Tracker<'_>, info_hash: InfoHash) {
    let announce = Announce {
        info_hash,
        peer: PeerAddr::new([192, 0, 2, 1].into(), 6881.try_into().unwrap()),
        peer_id: None,
        event: Event::None,
        left: Some(0),
        downloaded: 1,
    };
    tracker.announce(&announce, NOW).unwrap();
}

/// Hashes as they come: spread evenly, in no order.
fn spread(count: u32) -> Vec<InfoHash> {
    (0..count)
        .map(|number| {
            let mut hash = [0; 20];
            for (nth, bytes) in hash.as_chunks_mut::<4>().0.iter_mut().enumerate() {
                let mixed = (number + 1)
                    .wrapping_mul(0x9e37_79b1)
                    .rotate_left(nth as u32 * 5);
                *bytes = mixed.to_be_bytes();
            }
            InfoHash(hash)
        })
        .collect()
}

/// Hashes that somebody chose so that only their ends differ.
fn chosen(count: u16) -> Vec<InfoHash> {
    (0..count)
        .map(|number| {
            let mut hash = [0xab; 20];
            hash[18..].copy_from_slice(&number.wrapping_mul(40_503).to_be_bytes());
            InfoHash(hash)
        })
        .collect()
}

fn expected(hashes: &[InfoHash]) -> Vec<u8> {
    let mut sorted = hashes.to_vec();
    sorted.sort();
    let mut bytes = b"d5:filesd".to_vec();
    for hash in sorted {
        bytes.extend(b"20:");
        bytes.extend(hash.0);
        bytes.extend(b"d8:completei1e10:downloadedi0e10:incompletei0ee");
    }
    bytes.extend(b"ee");
    bytes
}

/// What is sent until the body ends, with room for `size` bytes at a time.
fn rest(bench: &mut Bench<'_>, id: ConnectionId, size: usize) -> (Vec<u8>, Next) {
    let mut all = Vec::new();
    loop {
        let room = &mut bench.out[..size];
        let turn = bench
            .connections
            .resume(id, &mut bench.tracker, bench.now, room);
        assert!(turn.written <= size && turn.written <= BUFFER_BYTES);
        all.extend(&bench.out[..turn.written]);
        if turn.next != Next::Resume {
            return (all, turn.next);
        }
    }
}

/// The body of a reply in chunks, each of which must be complete.
fn unchunked(reply: &[u8]) -> Vec<u8> {
    let at = reply
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap()
        + 4;
    let head = String::from_utf8_lossy(&reply[..at]);
    assert_eq!(
        head,
        "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n\
         Transfer-Encoding: chunked\r\n\r\n"
    );
    let (mut rest, mut body) = (&reply[at..], Vec::new());
    loop {
        let line = rest.windows(2).position(|two| two == b"\r\n").unwrap();
        let size = usize::from_str_radix(str::from_utf8(&rest[..line]).unwrap(), 16).unwrap();
        rest = &rest[line + 2..];
        body.extend(&rest[..size]);
        assert_eq!(&rest[size..size + 2], b"\r\n");
        rest = &rest[size + 2..];
        if size == 0 {
            assert!(rest.is_empty());
            return body;
        }
    }
}

fn scrape(bench: &mut Bench<'_>, size: usize) -> Vec<u8> {
    let id = bench.open();
    let (mut reply, next) = bench.receive(id, REQUEST);
    assert_eq!(next, Next::Resume);
    let (more, next) = rest(bench, id, size);
    assert_eq!(next, Next::Read);
    reply.extend(more);
    bench.connections.close(id);
    unchunked(&reply)
}

#[test]
fn all_torrents_come_once_and_in_order_whatever_the_workspace_and_the_pieces() {
    for (hashes, most) in [(spread(3000), 8192), (chosen(700), 2048), (spread(1), 64)] {
        for workspace in [16, 64, 1000, most] {
            with(&hashes, workspace, Policy::DEFAULT, |bench| {
                for size in [1200, 3000, LARGEST_REPLY] {
                    assert!(
                        scrape(bench, size) == expected(&hashes),
                        "{} torrents, {workspace} words, {size} bytes",
                        hashes.len()
                    );
                }
            });
        }
    }
    with(&[], 64, Policy::DEFAULT, |bench| {
        assert_eq!(scrape(bench, LARGEST_REPLY), b"d5:filesdee");
    });
}

#[test]
fn what_stays_all_the_while_is_sent_though_others_come_and_go() {
    let hashes = spread(2000);
    let (stay, go) = hashes.split_at(1000);
    with(&hashes, 256, Policy::DEFAULT, |bench| {
        let id = bench.open();
        let (mut reply, _) = bench.receive(id, REQUEST);
        let mut others = chosen(1000).into_iter();
        for gone in go {
            let turn =
                bench
                    .connections
                    .resume(id, &mut bench.tracker, NOW, &mut bench.out[..1200]);
            reply.extend(&bench.out[..turn.written]);
            let leave = Announce {
                info_hash: *gone,
                peer: PeerAddr::new([192, 0, 2, 1].into(), 6881.try_into().unwrap()),
                peer_id: None,
                event: Event::Stopped,
                left: Some(0),
                downloaded: 1,
            };
            bench.tracker.announce(&leave, NOW).unwrap();
            join(&mut bench.tracker, others.next().unwrap());
        }
        reply.extend(rest(bench, id, LARGEST_REPLY).0);
        let body = unchunked(&reply);
        let mut hashes = Vec::new();
        let mut entries = &body[9..body.len() - 2];
        while let Some(entry) = entries.get(..70) {
            hashes.push(InfoHash(entry[3..23].try_into().unwrap()));
            entries = &entries[70..];
        }
        assert!(entries.is_empty());
        assert!(hashes.is_sorted_by(|one, other| one < other));
        assert!(stay.iter().all(|hash| hashes.binary_search(hash).is_ok()));
    });
}

#[test]
fn a_request_behind_a_full_scrape_is_answered_after_it() {
    let hashes = spread(500);
    with(&hashes, 64, Policy::DEFAULT, |bench| {
        let id = bench.open();
        let behind = b"GET /nowhere HTTP/1.1\r\n\r\nGET /scrape HTTP/1.1\r\n\r\n";
        let both = [REQUEST, behind].concat();
        let turn = bench
            .connections
            .receive(id, &both, &mut bench.tracker, NOW, &mut bench.out);
        assert_eq!((turn.consumed, turn.next), (REQUEST.len(), Next::Resume));
        let mut reply = bench.out[..turn.written].to_vec();
        assert_eq!(bench.connections.hold(id, &[], behind, NOW), Next::Resume);
        let (more, next) = rest(bench, id, LARGEST_REPLY);
        assert_eq!(next, Next::Read);
        reply.extend(more);
        let missing = b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\n\
            Content-Length: 25\r\n\r\n<title>Not Found</title>\n";
        let at = reply
            .windows(missing.len())
            .position(|window| window == missing)
            .unwrap();
        assert!(unchunked(&reply[..at]) == expected(&hashes));
        assert!(unchunked(&reply[at + missing.len()..]) == expected(&hashes));
    });
}

#[test]
fn what_the_socket_does_not_take_is_held_and_the_rest_follows() {
    let hashes = spread(500);
    with(&hashes, 64, Policy::DEFAULT, |bench| {
        let id = bench.open();
        let (mut reply, _) = bench.receive(id, REQUEST);
        loop {
            let out = &mut bench.out[..LARGEST_REPLY];
            let turn = bench.connections.resume(id, &mut bench.tracker, NOW, out);
            let (taken, unsent) = bench.out[..turn.written].split_at(turn.written / 3);
            reply.extend(taken);
            if !unsent.is_empty() {
                bench.connections.hold(id, unsent, &[], NOW);
                while !bench.connections.unsent(id).is_empty() {
                    let part = bench.connections.unsent(id).len().min(1000);
                    reply.extend(&bench.connections.unsent(id)[..part]);
                    bench.connections.sent(id, part, NOW);
                }
            }
            if turn.next == Next::Read {
                break;
            }
        }
        assert!(unchunked(&reply) == expected(&hashes));
    });
}

#[test]
fn a_client_too_old_for_chunks_gets_the_body_and_the_end() {
    let hashes = spread(300);
    with(&hashes, 64, Policy::DEFAULT, |bench| {
        for request in [
            &b"GET /scrape HTTP/1.0\r\n\r\n"[..],
            b"GET /scrape HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
            b"GET //scrape\r\n\r\n",
        ] {
            let id = bench.open();
            let (mut reply, _) = bench.receive(id, request);
            let (more, next) = rest(bench, id, LARGEST_REPLY);
            assert_eq!(next, Next::Close);
            reply.extend(more);
            bench.connections.close(id);
            let head: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n\r\n";
            assert!(reply.strip_prefix(head).unwrap() == expected(&hashes));
        }
    });
}

#[test]
fn one_scrapes_at_a_time_and_who_rests_makes_way() {
    let hashes = spread(2000);
    with(&hashes, 64, Policy::DEFAULT, |bench| {
        let (one, two) = (bench.open(), bench.open());
        let (mut first, _) = bench.receive(one, REQUEST);
        let (mut second, _) = bench.receive(two, REQUEST);
        let out = &mut bench.out[..LARGEST_REPLY];
        let turn = bench.connections.resume(one, &mut bench.tracker, NOW, out);
        first.extend(&bench.out[..turn.written]);
        let (more, next) = rest(bench, two, LARGEST_REPLY);
        assert_eq!(next, Next::Later);
        second.extend(more);
        bench.now = bench.now.plus(2);
        let (more, next) = rest(bench, two, LARGEST_REPLY);
        assert_eq!(next, Next::Read);
        second.extend(more);
        first.extend(rest(bench, one, LARGEST_REPLY).0);
        assert!(unchunked(&first) == expected(&hashes));
        assert!(unchunked(&second) == expected(&hashes));
    });
}

#[test]
fn who_reads_slowly_makes_way_in_turn_and_still_gets_all() {
    let hashes = spread(2000);
    with(&hashes, 64, Policy::DEFAULT, |bench| {
        let (slow, other) = (bench.open(), bench.open());
        let (mut first, _) = bench.receive(slow, REQUEST);
        let (mut second, _) = bench.receive(other, REQUEST);
        let piece = |bench: &mut Bench<'_>| {
            let out = &mut bench.out[..LEAST];
            let (tracker, now) = (&mut bench.tracker, bench.now);
            let turn = bench.connections.resume(slow, tracker, now, out);
            (bench.out[..turn.written].to_vec(), turn.next)
        };
        // A piece in each second keeps it busy.
        for _ in 0..5 {
            first.extend(piece(bench).0);
            let (more, next) = rest(bench, other, LARGEST_REPLY);
            assert_eq!(next, Next::Later);
            second.extend(more);
            bench.now = bench.now.plus(1);
        }
        first.extend(piece(bench).0);
        let (more, next) = rest(bench, other, LARGEST_REPLY);
        assert_eq!(next, Next::Read);
        second.extend(more);
        let (more, next) = rest(bench, slow, LEAST);
        assert_eq!(next, Next::Read);
        first.extend(more);
        assert!(unchunked(&first) == expected(&hashes));
        assert!(unchunked(&second) == expected(&hashes));
    });
}

#[test]
fn the_place_of_one_that_goes_away_is_free_at_once() {
    let hashes = spread(2000);
    with(&hashes, 64, Policy::DEFAULT, |bench| {
        for _ in 0..20 {
            let gone = bench.open();
            bench.receive(gone, REQUEST);
            let out = &mut bench.out[..LARGEST_REPLY];
            let turn = bench.connections.resume(gone, &mut bench.tracker, NOW, out);
            assert_eq!(turn.next, Next::Resume);
            bench.connections.close(gone);
        }
        assert!(scrape(bench, LARGEST_REPLY) == expected(&hashes));
    });
}

#[test]
fn too_many_are_told_to_come_later_and_slow_ones_make_way() {
    with(&spread(500), 64, Policy::DEFAULT, |bench| {
        let ip = |n: u16| std::format!("198.51.100.{}", n % 2);
        let ids: Vec<_> = (0..8).map(|n| bench.open_from(&ip(n))).collect();
        for &id in &ids {
            bench.receive(id, REQUEST);
            let out = &mut bench.out[..LARGEST_REPLY];
            let turn = bench.connections.resume(id, &mut bench.tracker, NOW, out);
            bench
                .connections
                .hold(id, &bench.out[..turn.written.max(1)], &[], NOW);
        }
        let late = bench.open();
        let (reply, next) = bench.receive(late, REQUEST);
        assert!(
            reply.starts_with(b"HTTP/1.1 503 "),
            "{}",
            reply.escape_ascii()
        );
        assert_eq!(next, Next::Read);
        assert_eq!(bench.connections.expire(NOW.plus(4)), None);
        assert_eq!(bench.connections.expire(NOW.plus(5)), Some(ids[0]));
        assert_eq!(bench.connections.expire(NOW.plus(5)), None);
        assert_eq!(bench.receive(late, REQUEST).1, Next::Resume);
    });
}

#[test]
fn modest_scrapes_are_one_in_a_while_and_none_are_none() {
    let mut policy = Policy {
        full_scrape: FullScrape::Modest,
        ..Policy::DEFAULT
    };
    with(&spread(3), 64, policy.clone(), |bench| {
        assert_eq!(scrape(bench, LARGEST_REPLY), expected(&spread(3)));
        let id = bench.open();
        let reply = bench.receive(id, REQUEST).0;
        assert!(reply.starts_with(b"HTTP/1.1 402 Payment Required\r\n"));
        bench.now = bench.now.plus(300);
        scrape(bench, LARGEST_REPLY);
    });
    policy.full_scrape = FullScrape::Off;
    with(&spread(3), 64, policy.clone(), |bench| {
        let id = bench.open();
        let reply = String::from_utf8_lossy(&bench.receive(id, REQUEST).0).into_owned();
        assert!(reply.contains("14:failure reason"), "{reply}");
    });
    policy.full_scrape = FullScrape::On;
    policy.full_scrape_listed = true;
    with(&spread(3), 64, policy, |bench| {
        let id = bench.open();
        let reply = bench.receive(id, REQUEST).0;
        assert!(reply.starts_with(b"HTTP/1.1 403 Access Denied\r\n"));
    });
}

#[test]
fn nobody_has_all_places_or_waits_for_ever() {
    with(&spread(500), 64, Policy::DEFAULT, |bench| {
        let ids: Vec<_> = (0..6)
            .map(|n| bench.open_from(&std::format!("2001:db8::{n}")))
            .collect();
        for &id in &ids {
            assert_eq!(bench.receive(id, REQUEST).1, Next::Resume);
        }
        // One network of 64 bits is one client.
        let seventh = bench.open_from("2001:db8::ffff");
        assert!(
            bench
                .receive(seventh, REQUEST)
                .0
                .starts_with(b"HTTP/1.1 503 ")
        );
        bench.connections.close(seventh);
        let other = bench.open_from("2001:db8:0:1::1");
        assert_eq!(bench.receive(other, REQUEST).1, Next::Resume);
        // The first is at work and comes on all the time; who waits for its turn gives up once.
        let room = &mut bench.out[..LARGEST_REPLY];
        bench
            .connections
            .resume(ids[0], &mut bench.tracker, NOW, room);
        let turn = bench
            .connections
            .resume(ids[1], &mut bench.tracker, NOW, room);
        assert_eq!(turn.next, Next::Later);
        assert_eq!(bench.connections.expire(NOW.plus(119)), None);
        assert!(bench.connections.expire(NOW.plus(120)).is_some());
    });
}

#[test]
fn a_hidden_page_of_statistics_hides_the_metrics_too() {
    let mut policy = Policy::DEFAULT;
    with(&spread(1), 64, policy.clone(), |bench| {
        let id = bench.open();
        let request = b"GET /metrics HTTP/1.1\r\n\r\n";
        assert!(bench.receive(id, request).0.starts_with(b"HTTP/1.1 200 "));
    });
    policy.stats_path.push_str("s3cret").unwrap();
    with(&spread(1), 64, policy, |bench| {
        let id = bench.open();
        for (target, status) in [
            ("/metrics", "404"),
            ("/stats", "404"),
            ("/s3cret?mode=metrics", "200"),
        ] {
            let request = std::format!("GET {target} HTTP/1.1\r\n\r\n");
            let reply = bench.receive(id, request.as_bytes()).0;
            assert_eq!(&reply[9..12], status.as_bytes(), "{target}");
        }
    });
}
