//! What one tracker tells and another believes.

use core::net::IpAddr;
use core::num::NonZeroU16;
use std::boxed::Box;
use std::vec;
use std::vec::Vec;

use super::{MOST_AGE, Memory, Outbox, Refused, apply};
use crate::access::{Access, AccessList};
use crate::network::Network;
use crate::policy::{Grant, Policy, Right};
use crate::store::{Counts, Store};
use crate::time::Secs;
use crate::tracker::{Announce, Event, Secrets, Tracker};
use crate::wire::live_sync::{Kind, ParseError, TrackerId, emit_head};
use crate::wire::{InfoHash, PeerAddr};

const HASH: InfoHash = InfoHash([7; 20]);
const NOW: Secs = Secs(5_000);

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn policy() -> Policy {
    let mut policy = Policy::DEFAULT;
    for (net, right) in [("10.0.0.1", Right::Sync), ("10.0.0.2", Right::All)] {
        let network = Network::of(ip(net));
        policy.grants.push(Grant { network, right }).unwrap();
    }
    policy
}

/// Two trackers that are called `idA.` and `idB.`; only the first tells.
fn with_two(test: impl FnOnce(&mut Tracker<'_>, &mut Tracker<'_>)) {
    let secrets = Secrets::new(&[7; 40]);
    let (mut memory, mut other) = (vec![0; Store::LEAST_WORDS], vec![0; Store::LEAST_WORDS]);
    let (mut outbox, mut unused) = (Box::new(Memory::EMPTY), Box::new(Memory::EMPTY));
    let mut teller = Tracker::new(&mut memory, &secrets, policy()).unwrap();
    teller.set_sync(Outbox::new(&mut outbox, TrackerId(*b"idA.")));
    let mut hearer = Tracker::new(&mut other, &secrets, policy()).unwrap();
    hearer.set_sync(Outbox::new(&mut unused, TrackerId(*b"idB.")));
    test(&mut teller, &mut hearer);
}

fn announce(address: &str, left: u64, event: Event) -> Announce {
    Announce {
        info_hash: HASH,
        peer: PeerAddr::new(ip(address), NonZeroU16::new(6881).unwrap()),
        peer_id: None,
        event,
        left: Some(left),
        downloaded: 1,
    }
}

fn packets(tracker: &mut Tracker<'_>, now: Secs) -> Vec<Vec<u8>> {
    let mut sync = tracker.sync_mut();
    let outbox = sync.as_mut().unwrap();
    let mut packets = Vec::new();
    while let Some(packet) = outbox.due(now) {
        packets.push(packet.to_vec());
        outbox.done(true);
    }
    packets
}

/// Brings over what one tracker has to tell, and returns how many records that were.
fn carry(from: &mut Tracker<'_>, to: &mut Tracker<'_>) -> u32 {
    let each = packets(from, NOW.plus(MOST_AGE));
    let each = each
        .iter()
        .map(|packet| apply(to, ip("10.0.0.1"), packet, NOW));
    each.map(Result::unwrap).sum()
}

const fn counts(seeders: u32, leechers: u32, completed: u32) -> Counts {
    Counts {
        seeders,
        leechers,
        partial: 0,
        completed,
    }
}

#[test]
fn what_happens_at_one_tracker_happens_at_the_other() {
    with_two(|teller, hearer| {
        let mut round = |one: Announce, expected| {
            teller.announce(&one, NOW).unwrap();
            assert_eq!(carry(teller, hearer), 1);
            assert_eq!(hearer.scrape(&HASH), expected, "{one:?}");
        };
        round(announce("10.1.0.1", 5, Event::Started), counts(0, 1, 0));
        round(announce("2001:db8::1", 0, Event::Started), counts(1, 1, 0));
        round(announce("10.1.0.1", 0, Event::Completed), counts(2, 0, 1));
        round(announce("2001:db8::1", 0, Event::Stopped), counts(1, 0, 1));
        round(announce("10.1.0.1", 0, Event::Stopped), counts(0, 0, 1));
        // Also of a peer that nobody knows.
        round(announce("10.1.0.9", 0, Event::Stopped), counts(0, 0, 1));
        assert_eq!(
            (hearer.counters.synced, hearer.counters.sync_refused),
            (6, 0)
        );
        assert_eq!(hearer.counters.completed, 1);
        assert_eq!(teller.scrape(&HASH), hearer.scrape(&HASH));
    });
}

#[test]
fn what_was_told_is_not_told_on() {
    with_two(|teller, hearer| {
        for event in [Event::Started, Event::Completed, Event::Stopped] {
            teller
                .announce(&announce("10.1.0.1", 0, event), NOW)
                .unwrap();
            assert_eq!(carry(teller, hearer), 1);
        }
        assert!(hearer.sync().as_ref().unwrap().is_empty());
    });
}

#[test]
fn a_completed_download_is_told_and_counted_once() {
    with_two(|teller, hearer| {
        let completed = announce("10.1.0.1", 0, Event::Completed);
        teller.announce(&completed, NOW).unwrap();
        assert_eq!(carry(teller, hearer), 1);
        teller.announce(&completed, NOW).unwrap();
        assert_eq!(carry(teller, hearer), 0);
        assert_eq!(hearer.scrape(&HASH), counts(1, 0, 1));
        // Who says "completed" and has something left has completed nothing.
        let liar = announce("10.1.0.2", 9, Event::Completed);
        teller.announce(&liar, NOW).unwrap();
        assert_eq!(carry(teller, hearer), 1);
        assert_eq!(hearer.scrape(&HASH), counts(1, 1, 1));
        let packet = [&emit_head(TrackerId(*b"idA."), Kind::V4), &HASH.0[..]].concat();
        let packet = [&packet, &b"\x0a\x01\x00\x03\x00\x01\x40\x00"[..]].concat();
        assert_eq!(apply(hearer, ip("10.0.0.1"), &packet, NOW), Ok(1));
        assert_eq!(hearer.scrape(&HASH), counts(1, 2, 1));
    });
}

#[test]
fn only_the_cluster_is_believed_and_never_oneself() {
    with_two(|teller, hearer| {
        teller
            .announce(&announce("10.1.0.1", 0, Event::None), NOW)
            .unwrap();
        let packet = &packets(teller, NOW.plus(MOST_AGE))[0];
        for stranger in ["10.0.0.3", "10.1.0.1", "::1", "127.0.0.1"] {
            let refused = apply(hearer, ip(stranger), packet, NOW);
            assert_eq!(refused, Err(Refused::Stranger), "{stranger}");
        }
        assert_eq!(
            (hearer.counters.synced, hearer.counters.sync_refused),
            (0, 4)
        );
        let own = [b"idB.", packet.get(4..).unwrap()].concat();
        assert_eq!(apply(hearer, ip("10.0.0.1"), &own, NOW), Err(Refused::Own));
        let short = Refused::Malformed(ParseError::Short);
        assert_eq!(apply(hearer, ip("10.0.0.1"), &own[..8], NOW), Err(short));
        assert_eq!(hearer.scrape(&HASH), Counts::default());
        assert_eq!(
            (hearer.counters.synced, hearer.counters.sync_refused),
            (0, 5)
        );
        // What everything is granted to is granted this too; and so is IPv4 in the form of IPv6.
        assert_eq!(apply(hearer, ip("10.0.0.2"), packet, NOW), Ok(1));
        assert_eq!(apply(hearer, ip("::ffff:10.0.0.1"), packet, NOW), Ok(1));
        assert_eq!(hearer.scrape(&HASH), counts(1, 0, 0));
    });
}

#[test]
fn addresses_that_others_cant_use_are_passed_over() {
    with_two(|_, hearer| {
        let mut packet = emit_head(TrackerId(*b"idA."), Kind::V4).to_vec();
        for record in [
            b"\x7f\0\0\x01\0\x01\0\0",
            b"\x0a\0\0\x01\0\0\0\0",
            b"\x0a\0\0\x01\0\x01\0\0",
            b"\xe0\0\0\x01\0\x01\0\0",
        ] {
            packet.extend(HASH.0);
            packet.extend(record);
        }
        assert_eq!(apply(hearer, ip("10.0.0.1"), &packet, NOW), Ok(1));
        assert_eq!(hearer.scrape(&HASH), counts(0, 1, 0));
        assert_eq!(hearer.counters.synced, 1);
    });
}

#[test]
fn access_lists_hold_for_what_is_told_but_let_everybody_leave() {
    let list = || {
        let memory = vec![0; AccessList::words(1)].leak();
        let mut list = AccessList::new(memory, &[7; 16]);
        list.insert(&HASH).unwrap();
        Some(list)
    };
    with_two(|teller, hearer| {
        // Not here: not told either.
        teller.set_access(Access {
            blacklist: list(),
            ..Access::default()
        });
        let joining = announce("10.1.0.1", 0, Event::Started);
        assert!(teller.announce(&joining, NOW).is_err());
        assert_eq!(carry(teller, hearer), 0);
        teller.set_access(Access {
            whitelist: list(),
            ..Access::default()
        });
        teller.announce(&joining, NOW).unwrap();
        assert_eq!(carry(teller, hearer), 1);
        // Not there.
        hearer.set_access(Access {
            blacklist: list(),
            ..Access::default()
        });
        teller
            .announce(&announce("10.1.0.2", 0, Event::Started), NOW)
            .unwrap();
        assert_eq!(carry(teller, hearer), 0);
        assert_eq!(hearer.scrape(&HASH), counts(1, 0, 0));
        assert_eq!(hearer.counters.synced, 1);
        teller
            .announce(&announce("10.1.0.1", 0, Event::Stopped), NOW)
            .unwrap();
        assert_eq!(carry(teller, hearer), 1);
        assert_eq!(hearer.scrape(&HASH), Counts::default());
    });
}

#[test]
fn a_renewal_keeps_a_peer_at_the_other_tracker() {
    with_two(|teller, hearer| {
        // Every nine minutes for three hours: each on its own is too soon to be told.
        for now in (0..10_800).step_by(540).map(Secs) {
            teller
                .announce(&announce("10.1.0.1", 0, Event::None), now)
                .unwrap();
            for packet in packets(teller, now.plus(MOST_AGE)) {
                apply(hearer, ip("10.0.0.1"), &packet, now.plus(MOST_AGE)).unwrap();
            }
            for second in 0..540 {
                hearer.tick(now.plus(second));
            }
            assert_eq!(hearer.scrape(&HASH), counts(1, 0, 0), "{now:?}");
        }
    });
}

#[test]
fn without_a_cluster_nothing_is_kept_and_nothing_believed() {
    let mut memory = vec![0; Store::LEAST_WORDS];
    let secrets = Secrets::new(&[7; 40]);
    let mut tracker = Tracker::new(&mut memory, &secrets, Policy::DEFAULT).unwrap();
    tracker
        .announce(&announce("10.1.0.1", 0, Event::None), NOW)
        .unwrap();
    assert!(tracker.sync().is_none());
    let refused = apply(&mut tracker, ip("10.0.0.1"), &[0; 100], NOW);
    assert_eq!(refused, Err(Refused::Stranger));
}
