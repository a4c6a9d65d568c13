//! What replies with decoys look like, and which have none.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::collections::{HashMap, HashSet};
use std::vec;
use std::vec::Vec;

use super::{Decoys, POOL_SECONDS};
use crate::access::{Access, AccessList};
use crate::answer::Answer;
use crate::policy::Policy;
use crate::reach::is_global_v4;
use crate::time::Secs;
use crate::tracker::{Announce, Event, Secrets, Tracker};
use crate::wire::{InfoHash, PeerAddr};

const NOW: Secs = Secs(1_000);
const HASH: InfoHash = InfoHash([7; 20]);

fn policy(decoys: u8, decoys_most: u8) -> Policy {
    Policy {
        decoys,
        decoys_most,
        ..Policy::DEFAULT
    }
}

fn with(policy: Policy, test: impl FnOnce(&mut Tracker<'_>)) {
    let mut memory = vec![0; 1 << 16];
    test(&mut Tracker::new(&mut memory, &Secrets::new(&[1; 40]), policy).unwrap());
}

/// An announce from 198.51.100.NUMBER, or 2001:db8::NUMBER.
fn announce<'t, 'm>(
    tracker: &'t mut Tracker<'m>,
    number: u8,
    v6: bool,
    left: u64,
    event: Event,
    now: Secs,
) -> Answer<'t, 'm> {
    let ip = if v6 {
        IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, number.into()])
    } else {
        IpAddr::from([198, 51, 100, number])
    };
    let announce = Announce {
        info_hash: HASH,
        peer: PeerAddr::new(ip, 7.try_into().unwrap()),
        peer_id: None,
        event,
        left: Some(left),
        downloaded: 1,
    };
    tracker.announce(&announce, now).unwrap()
}

/// The compact peers of one reply, real ones and others.
fn chosen(answer: &mut Answer<'_, '_>, room: usize) -> [Vec<IpAddr>; 2] {
    let mut v4 = vec![0; room * 6];
    let used = answer.choose_v4(&mut v4);
    let v4 = v4[..used].chunks_exact(6).map(|peer| {
        let ip = Ipv4Addr::from(*peer.first_chunk::<4>().unwrap());
        check(ip.into(), peer);
        IpAddr::from(ip)
    });
    let mut all: Vec<_> = v4.collect();
    let mut v6 = vec![0; room * 18];
    let used = answer.choose_v6(&mut v6);
    all.extend(v6[..used].chunks_exact(18).map(|peer| {
        let ip = Ipv6Addr::from(*peer.first_chunk::<16>().unwrap());
        check(ip.into(), peer);
        IpAddr::from(ip)
    }));
    let unique: HashSet<_> = all.iter().collect();
    assert_eq!(unique.len(), all.len(), "doubled peers");
    let (real, decoys) = all.into_iter().partition(|&ip| is_real(ip));
    [real, decoys]
}

fn is_real(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.octets().starts_with(&[198, 51, 100]),
        IpAddr::V6(ip) => ip.octets().starts_with(&[0x20, 1, 0x0d, 0xb8]),
    }
}

fn check(ip: IpAddr, peer: &[u8]) {
    let port = u16::from_be_bytes(*peer.last_chunk().unwrap());
    assert!(is_real(ip) || port >= 1024, "{ip} {port}");
    let fine = match ip {
        _ if is_real(ip) => true,
        IpAddr::V4(ip) => is_global_v4(ip) && !ip.is_documentation(),
        IpAddr::V6(ip) => matches!(ip.segments()[0] >> 4, 0x240 | 0x260 | 0x280 | 0x2a0),
    };
    assert!(fine, "{ip}");
}

#[test]
fn replies_have_as_many_decoys_as_their_counts_say() {
    for v6 in [false, true] {
        with(policy(100, 10), |tracker| {
            for number in 0..20 {
                announce(tracker, number, v6, 1, Event::None, NOW);
            }
            let mut seen = HashMap::new();
            for _ in 0..200 {
                let mut answer = announce(tracker, 0, v6, 1, Event::None, NOW);
                let claimed = answer.counts.leechers - 20;
                assert!((1..=10).contains(&claimed));
                let peers = if v6 { answer.v6_peers } else { answer.v4_peers };
                assert_eq!(peers, 20 + claimed);
                let [real, decoys] = chosen(&mut answer, 50);
                assert_eq!((real.len(), decoys.len()), (19, claimed as usize));
                *seen.entry(claimed).or_insert(0) += 1;
            }
            assert_eq!(seen.len(), 10, "{seen:?}");
        });
    }
}

#[test]
fn real_peers_give_way_only_where_there_is_no_room() {
    with(policy(100, 10), |tracker| {
        for number in 0..100 {
            announce(tracker, number, false, 1, Event::None, NOW);
        }
        for _ in 0..100 {
            let mut answer = announce(tracker, 0, false, 1, Event::None, NOW);
            let claimed = answer.counts.leechers as usize - 100;
            for room in [0, 1, 2, 5, 50, 98] {
                let [real, decoys] = chosen(&mut answer, room);
                assert_eq!(real.len() + decoys.len(), room);
                // One may take the place of another.
                assert!(decoys.len() <= claimed.min(room / 2));
                assert!(room < 2 || !decoys.is_empty());
            }
            let [real, decoys] = chosen(&mut answer, 101);
            assert_eq!(real.len() + decoys.len(), 101.min(99 + claimed));
            assert!(real.len() > 99 - claimed && decoys.len() <= claimed);
        }
    });
}

#[test]
fn decoys_stand_anywhere_and_come_back_within_the_hour() {
    with(policy(100, 10), |tracker| {
        for number in 0..20 {
            announce(tracker, number, false, 1, Event::None, NOW);
        }
        let mut places = HashSet::new();
        let mut of_hours = Vec::new();
        for hour in 0..2 {
            let mut pool = HashSet::new();
            for _ in 0..300 {
                let now = Secs(hour * POOL_SECONDS + 7);
                let mut answer = announce(tracker, 0, false, 1, Event::None, now);
                let mut out = [0; 300];
                let used = answer.choose_v4(&mut out);
                for (place, peer) in out[..used].chunks_exact(6).enumerate() {
                    let ip = IpAddr::from(*peer.first_chunk::<4>().unwrap());
                    if !is_real(ip) {
                        places.insert(place);
                        pool.insert(peer.to_vec());
                    }
                }
            }
            assert_eq!(pool.len(), 20);
            of_hours.push(pool);
        }
        assert!((0..29).all(|place| places.contains(&place)), "{places:?}");
        assert!(of_hours[0].is_disjoint(&of_hours[1]));
    });
    // Another torrent has others.
    let mut decoys = Decoys::new(&[1; 16], 0);
    let mut pools = HashSet::new();
    for hash in 0..100 {
        let draw = decoys
            .draw(&InfoHash([hash; 20]), &policy(100, 1), NOW)
            .unwrap();
        pools.insert(draw.pool);
    }
    assert_eq!(pools.len(), 100);
}

#[test]
fn as_many_replies_have_decoys_as_the_policy_says() {
    for percent in [0, 1, 30, 99, 100] {
        let mut decoys = Decoys::new(&[1; 16], 0);
        let policy = policy(percent, 10);
        let drawn = (0..10_000).filter(|_| decoys.draw(&HASH, &policy, NOW).is_some());
        let drawn = drawn.count();
        let expected = usize::from(percent) * 100;
        assert!(drawn.abs_diff(expected) < 200, "{drawn} of {expected}");
        assert!(!matches!(percent, 0 | 100) || drawn == expected);
    }
    assert_eq!(
        Decoys::new(&[1; 16], 0).draw(&HASH, &policy(100, 0), NOW),
        None
    );
}

#[test]
fn scrapes_claim_decoys_too() {
    with(policy(50, 3), |tracker| {
        assert_eq!(tracker.scrape(&HASH).leechers, 0);
        for number in 0..5 {
            announce(tracker, number, false, 1, Event::None, NOW);
        }
        let mut seen = [0; 4];
        for _ in 0..1_000 {
            seen[tracker.scrape(&HASH).leechers as usize - 5] += 1;
        }
        assert!((400..600).contains(&seen[0]), "{seen:?}");
        assert!(seen[1..].iter().all(|n| (100..240).contains(n)), "{seen:?}");
    });
}

#[test]
fn there_are_no_decoys_alone_nor_for_who_leaves_nor_with_a_whitelist() {
    let none = |answer: &Answer<'_, '_>, peers: u32| {
        assert_eq!(answer.counts.leechers + answer.counts.seeders, peers);
        assert!(answer.changes.is_none());
    };
    with(policy(100, 10), |tracker| {
        none(&announce(tracker, 0, false, 1, Event::None, NOW), 1);
        // Peers of the other family alone.
        none(&announce(tracker, 1, true, 1, Event::None, NOW), 2);
        none(&announce(tracker, 0, false, 1, Event::Stopped, NOW), 1);
        announce(tracker, 2, true, 1, Event::None, NOW);
        none(&announce(tracker, 2, true, 1, Event::Stopped, NOW), 1);
    });
    // Seeders among seeders get nobody, nor do partial seeds.
    with(policy(100, 10), |tracker| {
        none(&announce(tracker, 0, false, 0, Event::None, NOW), 1);
        none(&announce(tracker, 1, false, 0, Event::None, NOW), 2);
        none(&announce(tracker, 2, false, 1, Event::Paused, NOW), 3);
        let mut answer = announce(tracker, 1, false, 0, Event::None, NOW);
        assert!(answer.changes.is_some());
        let [real, decoys] = chosen(&mut answer, 50);
        assert!(real.len() == 1 && !decoys.is_empty());
    });
    with(policy(100, 10), |tracker| {
        let mut list = AccessList::new(vec![0; AccessList::words(4)].leak(), &[7; 16]);
        list.insert(&HASH).unwrap();
        tracker.set_access(Access {
            whitelist: Some(list),
            ..Access::default()
        });
        for number in 0..5 {
            none(
                &announce(tracker, number, false, 1, Event::None, NOW),
                u32::from(number) + 1,
            );
        }
        assert_eq!(tracker.scrape(&HASH).leechers, 5);
    });
}

#[test]
fn decoys_of_ipv6_are_of_each_registry() {
    let mut decoys = Decoys::new(&[1; 16], 0);
    let mut nets = HashSet::new();
    for hash in 0..100 {
        let draw = decoys.draw(&InfoHash([hash; 20]), &policy(100, 1), NOW);
        let mut out = [0; 2 * 18];
        assert_eq!(decoys.mix_v6(&draw.unwrap(), &mut out, 18), 36);
        nets.extend(out.chunks_exact(18).map(|peer| peer[0]));
    }
    let mut nets: Vec<_> = nets.into_iter().collect();
    nets.sort_unstable();
    assert_eq!(nets, [0, 0x24, 0x26, 0x28, 0x2a]);
}
