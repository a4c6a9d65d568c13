//! Trackers that share the swarms, against one that has them alone, and in threads.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::string::String;
use std::sync::atomic::{AtomicU32, Ordering};
use std::vec::Vec;
use std::{thread, vec};

use super::{Shared, place};
use crate::access::{Access, AccessList};
use crate::body::Format;
use crate::body::{Body, Filled, FullScrape, Walked};
use crate::counters::Counters;
use crate::http::{self, BUFFER_BYTES, Connections, Slot};
use crate::policy::{Policy, StatsFor};
use crate::random::Random;
use crate::state::{PeersReader, PeersWriter, TorrentsReader, TorrentsWriter};
use crate::store::{Progress, Store};
use crate::sync::{Memory, Outbox};
use crate::time::Secs;
use crate::tracker::{Announce, Event, Secrets, Tracker};
use crate::udp;
use crate::wire::live_sync::TrackerId;
use crate::wire::{InfoHash, Out, PeerAddr};

const NOW: Secs = Secs(1_000);
const WORDS: usize = 64 * Store::LEAST_WORDS;

fn secrets() -> Secrets {
    Secrets::new(&[7; 40])
}

fn shared(memory: &mut [u32], parts: u32, policy: Policy) -> Shared<'_> {
    Shared::new(memory, parts, 0, &secrets(), policy).unwrap()
}

/// One of a thousand announces, of 97 torrents all over the space of hashes.
fn announce(number: u32) -> Announce {
    let mut random = Random::new(u64::from(number));
    let torrent = random.below(97);
    let hash = InfoHash::starting(torrent * (u32::MAX / 97) + 5);
    let ip = Ipv4Addr::from_bits(0x0b00_0000 | random.below(700));
    let ip: IpAddr = match random.below(4) {
        0 => ip
            .to_ipv6_mapped()
            .to_bits()
            .wrapping_add(0x2001 << 112)
            .into_ip(),
        _ => ip.into(),
    };
    Announce {
        info_hash: hash,
        peer: PeerAddr::new(ip, 6881.try_into().unwrap()),
        peer_id: None,
        event: match random.below(8) {
            0 => Event::Completed,
            1 => Event::Stopped,
            _ => Event::None,
        },
        left: Some(random.below(2).into()),
        downloaded: 1,
    }
}

trait IntoIp {
    fn into_ip(self) -> IpAddr;
}

impl IntoIp for u128 {
    fn into_ip(self) -> IpAddr {
        IpAddr::V6(self.into())
    }
}

/// All that a body writes, through small buffers.
fn text(mut body: Body, tracker: &mut Tracker<'_>) -> Vec<u8> {
    let mut text = Vec::new();
    for _ in 0..10_000 {
        let mut buffer = [0; 2048];
        let mut out = Out::new(&mut buffer);
        let filled = body.fill(tracker, NOW, &mut out);
        text.extend_from_slice(out.written());
        match filled {
            Filled::More => {}
            Filled::Later => tracker.tick(NOW),
            Filled::Done => return text,
            Filled::Broken => panic!("broken"),
        }
    }
    panic!("no end");
}

/// What a tracker shows of its swarms, all of it, in an order that doesn't depend on parts.
fn shown(tracker: &mut Tracker<'_>) -> Vec<Vec<u8>> {
    let mut pages = Vec::new();
    for format in Format::ALL {
        let body = Body::FullScrape(FullScrape::new(format, false, tracker));
        pages.push(text(body, tracker));
    }
    let top = Body::Walked(Walked::top(100, tracker));
    pages.push(text(top, tracker));
    let networks = Body::Walked(Walked::networks(tracker));
    pages.push(text(networks, tracker));
    let mut writer = TorrentsWriter::new();
    let lines = written(|out| writer.fill(tracker, NOW, 1, out));
    let mut reader = TorrentsReader::new();
    pages.push(sorted(|each| {
        reader
            .push(&lines, |line| each(std::format!("{line:?}")))
            .unwrap();
    }));
    let mut writer = PeersWriter::new(0);
    let bytes = written(|out| writer.fill(tracker, NOW, 1, out));
    let mut reader = PeersReader::new();
    pages.push(sorted(|each| {
        reader
            .push(&bytes, |peer| each(std::format!("{peer:?}")))
            .unwrap();
    }));
    pages
}

/// All that a file's writer writes, through small buffers.
fn written(mut fill: impl FnMut(&mut Out<'_>) -> Progress) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        let mut buffer = [0; 1000];
        let mut out = Out::new(&mut buffer);
        let progress = fill(&mut out);
        all.extend_from_slice(out.written());
        if progress == Progress::Done {
            return all;
        }
    }
}

fn sorted(read: impl FnOnce(&mut dyn FnMut(String))) -> Vec<u8> {
    let mut lines = Vec::new();
    read(&mut |line| lines.push(line));
    assert!(lines.len() > 20);
    lines.sort_unstable();
    lines.join("\n").into_bytes()
}

#[test]
fn the_parts_have_equal_shares_of_all_hashes_in_order() {
    for parts in [1, 2, 8, 64] {
        assert_eq!(place(&InfoHash([0; 20]), parts), 0);
        assert_eq!(place(&InfoHash([0xff; 20]), parts), parts - 1);
        let mut memory = vec![0; 64 * Store::LEAST_WORDS];
        let shared = shared(&mut memory, parts, Policy::DEFAULT);
        let tracker = Tracker::sharing(&shared, &secrets(), 0);
        for nth in 0..parts {
            let end = tracker.common.end_of(nth);
            assert_eq!(end.is_none(), nth == parts - 1);
            let Some(end) = end else { continue };
            assert_eq!(place(&end, parts), nth + 1);
            let before = InfoHash::starting(end.prefix() - 1);
            assert_eq!(place(&before, parts), nth);
        }
    }
}

#[test]
fn as_many_parts_as_the_memory_has_room_for() {
    let parts = |words, wanted, least| {
        let mut memory = vec![0; words];
        let made = Shared::new(&mut memory, wanted, least, &secrets(), Policy::DEFAULT);
        made.map(|shared| shared.parts())
    };
    let least = Store::LEAST_WORDS;
    assert!(parts(least - 1, 4, 0).is_err());
    assert_eq!(parts(least, 4, 0), Ok(1));
    assert_eq!(parts(5 * least, 0, 0), Ok(1));
    assert_eq!(parts(5 * least, 4, 0), Ok(4));
    assert_eq!(parts(5 * least, 4, 2 * least), Ok(2));
    assert_eq!(parts(5 * least, 3, 0), Ok(2));
    assert_eq!(parts(100 * least, 1_000, 0), Ok(64));
}

#[test]
fn swarms_in_parts_are_shown_like_swarms_in_one() {
    let (mut memory, mut workspace) = (vec![0; WORDS], vec![0; 4096]);
    let mut alone = Tracker::new(&mut memory, &secrets(), Policy::DEFAULT).unwrap();
    alone.set_workspace(&mut workspace);
    for number in 0..1_000 {
        let _ = alone.announce(&announce(number), NOW).unwrap();
    }
    let expected = shown(&mut alone);
    for parts in [1, 2, 8] {
        // A workspace in which the torrents of a part have no room at once, too.
        for words in [2048, 4096] {
            let (mut memory, mut workspace) = (vec![0; WORDS], vec![0; words]);
            let shared = shared(&mut memory, parts, Policy::DEFAULT);
            let mut one = Tracker::sharing(&shared, &secrets(), 0);
            let mut other = Tracker::sharing(&shared, &secrets(), 1);
            one.set_workspace(&mut workspace);
            for number in 0..1_000 {
                let tracker = if number % 3 == 0 {
                    &mut one
                } else {
                    &mut other
                };
                let _ = tracker.announce(&announce(number), NOW).unwrap();
            }
            for (page, expected) in shown(&mut one).iter().zip(&expected) {
                let [page, expected] = [page, expected].map(|it| String::from_utf8_lossy(it));
                assert_eq!(page, expected, "{parts} parts, {words} words");
            }
            for nth in 0..parts {
                one.part(nth).store().check().unwrap();
            }
        }
    }
}

#[test]
fn what_is_counted_in_threads_is_all_there_and_the_stores_are_sound() {
    const THREADS: u32 = 4;
    const EACH: u32 = if cfg!(miri) { 40 } else { 20_000 };
    let policy = Policy {
        woodpeckers: true,
        ..Policy::DEFAULT
    };
    let mut memory = vec![0; WORDS];
    let mut packets = Memory::EMPTY;
    let shared = shared(&mut memory, 4, policy);
    let mut main = Tracker::sharing(&shared, &secrets(), 0);
    main.set_sync(Outbox::new(&mut packets, TrackerId(*b"test")));
    let running = AtomicU32::new(THREADS);
    let source = SocketAddr::from(([192, 0, 2, 1], 7));
    let id = main.cookies.issue(source.ip(), NOW);
    thread::scope(|scope| {
        for nth in 1..=THREADS {
            let (shared, running) = (&shared, &running);
            scope.spawn(move || {
                let mut tracker = Tracker::sharing(shared, &secrets(), nth);
                let mut out = [0; udp::LARGEST_REPLY];
                for number in 0..EACH {
                    tracker.take_up();
                    let one = announce(number * THREADS + nth);
                    let mut datagram = Vec::new();
                    datagram.extend_from_slice(&id.to_be_bytes());
                    datagram.extend_from_slice(&1u32.to_be_bytes());
                    datagram.extend_from_slice(&number.to_be_bytes());
                    datagram.extend_from_slice(&one.info_hash.0);
                    datagram.extend_from_slice(&[0; 20 + 8 + 8 + 8 + 4 + 4 + 4]);
                    datagram.extend_from_slice(&50u32.to_be_bytes());
                    datagram.extend_from_slice(&[1, nth as u8]);
                    let length = udp::answer(&mut tracker, source, &datagram, NOW, &mut out);
                    assert!(length >= 20 && (length - 20).is_multiple_of(6), "{length}");
                    // Another peer of the same torrent, or one that leaves.
                    let _ = tracker.announce(&one, NOW).unwrap();
                    tracker.put_down();
                }
                running.fetch_sub(1, Ordering::Release);
            });
        }
        // Meanwhile the one that shows statistics does its work, and changes what others use.
        let mut rounds = 0u32;
        while running.load(Ordering::Acquire) > 0 || rounds < 3 {
            main.tick(NOW);
            let policy = Policy {
                interval: 600 + rounds % 7,
                most_peers_per_torrent: 0,
                ..main.policy().clone()
            };
            main.set_policy(policy);
            main.set_access(Access::default());
            while let Some(outbox) = &mut *main.sync_mut()
                && outbox.due(NOW.plus(100)).is_some()
            {
                outbox.done(true);
            }
            rounds += 1;
            thread::yield_now();
        }
    });
    main.collect();
    let counted: &Counters = &main.counters;
    assert_eq!(counted.udp_announces, u64::from(THREADS * EACH));
    assert_eq!(counted.udp_datagrams, u64::from(THREADS * EACH));
    assert_eq!(counted.wanted[50], THREADS * EACH);
    for nth in 0..main.parts() {
        main.part(nth).store().check().unwrap();
    }
    let mut sums = (0, 0);
    for torrent in 0..97 {
        let counts = main.scrape(&InfoHash::starting(torrent * (u32::MAX / 97) + 5));
        sums = (sums.0 + counts.seeders, sums.1 + counts.leechers);
    }
    let totals = main.totals();
    assert_eq!((totals.seeders, totals.leechers()), sums);
}

/// Found under emulation: counts were collected once a turn of the event loop, and a page that was
/// asked for later in the same turn lacked what had been answered meanwhile.
#[test]
fn a_page_has_what_was_counted_up_to_its_request() {
    let mut memory = vec![0; WORDS];
    let policy = Policy {
        stats_for: StatsFor::Everybody,
        ..Policy::DEFAULT
    };
    let shared = shared(&mut memory, 2, policy);
    let mut main = Tracker::sharing(&shared, &secrets(), 0);
    let mut other = Tracker::sharing(&shared, &secrets(), 1);
    let mut slots = [Slot::EMPTY; 1];
    let mut buffers = vec![0; BUFFER_BYTES];
    let mut connections = Connections::new(&mut slots, &mut buffers);
    let id = connections
        .open(SocketAddr::from(([192, 0, 2, 1], 7)), NOW)
        .id;
    for count in 1..5 {
        other.counters.udp_announces += 1;
        other.put_down();
        let mut out = vec![0; http::LARGEST_REPLY];
        let request = b"GET /stats?mode=json HTTP/1.1\r\n\r\n";
        let turn = connections.receive(id, request, &mut main, NOW, &mut out);
        let reply = String::from_utf8_lossy(&out[..turn.written]);
        let counted = std::format!("\"announces\":{count},\"scrapes\":0,\"mismatches\"");
        assert!(reply.contains(&counted), "{reply}");
    }
}

#[test]
fn a_new_policy_and_new_lists_are_in_force_for_all() {
    let mut memory = vec![0; WORDS];
    let shared = shared(&mut memory, 8, Policy::DEFAULT);
    let mut main = Tracker::sharing(&shared, &secrets(), 0);
    let mut other = Tracker::sharing(&shared, &secrets(), 1);
    main.set_policy(Policy {
        interval: 77,
        interval_jitter: 0,
        ..Policy::DEFAULT
    });
    other.take_up();
    let one = announce(1);
    assert_eq!(other.announce(&one, NOW).unwrap().interval, 77);
    let mut list = AccessList::new(vec![0; AccessList::words(4)].leak(), &[7; 16]);
    list.insert(&one.info_hash).unwrap();
    main.set_access(Access {
        blacklist: Some(list),
        ..Access::default()
    });
    assert!(other.announce(&one, NOW).is_err());
    other.put_down();
    main.collect();
    assert_eq!(main.counters.denied, 1);
}

#[test]
fn a_limit_of_peers_holds_for_all_parts_together() {
    for most in [1, 5, 50] {
        let mut memory = vec![0; WORDS];
        let policy = Policy {
            most_peers: most,
            ..Policy::DEFAULT
        };
        let shared = shared(&mut memory, 8, policy);
        let mut tracker = Tracker::sharing(&shared, &secrets(), 0);
        for number in 0..2_000 {
            let one = Announce {
                event: Event::None,
                ..announce(number)
            };
            let _ = tracker.announce(&one, NOW).unwrap();
        }
        // Each part has its share, and none is without any.
        assert_eq!(tracker.totals().peers, most.max(8));
    }
}
