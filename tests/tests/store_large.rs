//! The store with swarms and numbers that the reference is too slow for.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU16;

use wrtracker_core::policy::Policy;
use wrtracker_core::random::Random;
use wrtracker_core::store::{Selection, Status, Store};
use wrtracker_core::time::Secs;
use wrtracker_core::wire::{InfoHash, PeerAddr};

fn hash(number: u32) -> InfoHash {
    let mut hash = InfoHash([7; 20]);
    hash.0[..4].copy_from_slice(&number.to_be_bytes());
    hash
}

fn v4(number: u32) -> PeerAddr {
    let ip = IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + number / 7));
    PeerAddr::new(ip, NonZeroU16::new(1000 + (number % 7) as u16).unwrap())
}

fn v6(number: u32) -> PeerAddr {
    let ip = IpAddr::V6(Ipv6Addr::from_bits(
        (0x2001_0db8 << 96) + u128::from(number),
    ));
    PeerAddr::new(ip, NonZeroU16::new(6881).unwrap())
}

fn store(memory: &mut [u32], key: u8) -> Store<'_> {
    Store::new(memory, &[key; 16], &Policy::DEFAULT).unwrap()
}

fn announce(store: &mut Store<'_>, torrent: u32, peer: &PeerAddr, now: u32) {
    store.announce(&hash(torrent), peer, Status::Leecher, false, Secs(now));
}

/// Seconds in which the sweep comes round, as the tracker drives it.
fn sweep(store: &mut Store<'_>, from: u32, seconds: u32) {
    for now in from..from + seconds {
        let steps = store.sweep_round() / 90 + 64;
        store.sweep(Secs(now), steps);
    }
}

fn families(store: &Store<'_>, torrent: u32) -> (u32, u32) {
    let id = store.find(&hash(torrent)).expect("a torrent");
    let summary = store.summary(id);
    (summary.v4_peers, summary.v6_peers)
}

#[test]
fn a_swarm_of_a_hundred_thousand_grows_shrinks_and_expires() {
    // Beyond 40,000 IPv4 peers the directory has pages of its own.
    let mut memory = vec![0; 1 << 20];
    let mut store = store(&mut memory, 1);
    for number in 0..100_000 {
        announce(&mut store, 0, &v4(number), 0);
        if number % 2 == 0 {
            announce(&mut store, 0, &v6(number), 0);
        }
        if number % 9_999 == 0 {
            store.check().unwrap();
        }
    }
    assert_eq!(families(&store, 0), (100_000, 50_000));
    for number in (0..100_000).filter(|number| number % 5 > 0) {
        store.leave(&hash(0), &v4(number), Secs(10));
        if number % 9_999 == 0 {
            store.check().unwrap();
        }
    }
    assert_eq!(families(&store, 0), (20_000, 50_000));
    for number in (0..100_000).filter(|number| number % 1000 == 0) {
        announce(&mut store, 0, &v4(number), 1500);
    }
    sweep(&mut store, 2700, 100);
    store.check().unwrap();
    assert_eq!(
        families(&store, 0),
        (100, 0),
        "what expired is gone in one round"
    );
    sweep(&mut store, 4200, 100);
    store.check().unwrap();
    assert_eq!((store.torrents(), store.peers()), (0, 0));
}

#[test]
fn no_page_is_lost_when_memory_ends_where_a_directory_needs_one() {
    for key in 0..24 {
        let mut memory = vec![0; (120 + usize::from(key)) << 10];
        let mut store = store(&mut memory, key);
        for number in 0..60_000 {
            announce(&mut store, 0, &v4(number), number / 100);
        }
        store.check().unwrap();
        assert!(store.peers() > 30_000, "{} peers", store.peers());
    }
}

#[test]
fn swarms_that_can_spare_nobody_dont_shield_those_that_can() {
    let mut memory = vec![0; 1 << 20];
    let mut store = store(&mut memory, 3);
    for number in 0..200_000 {
        announce(&mut store, 0, &v4(number), 0);
    }
    // Just above the size from which a swarm may lose peers: none of them can.
    for torrent in 1..500 {
        for number in 0..256 {
            announce(&mut store, torrent, &v4(number), 1);
        }
    }
    let refused = store.losses().refused_torrents;
    for torrent in 10_000..30_000 {
        announce(&mut store, torrent, &v4(0), 2);
    }
    store.check().unwrap();
    assert_eq!(
        store.losses().refused_torrents,
        refused,
        "the giant had room to give"
    );
    for torrent in 1..500 {
        assert!(
            families(&store, torrent).0 >= 200,
            "{:?}",
            families(&store, torrent)
        );
    }
}

#[test]
fn sparse_records_are_swept_in_time() {
    let mut memory = vec![0; 1 << 22];
    let mut store = store(&mut memory, 4);
    for torrent in 0..200_000 {
        announce(&mut store, torrent, &v4(0), 0);
    }
    for torrent in (0..200_000).step_by(102) {
        announce(&mut store, torrent, &v4(0), 2000);
    }
    sweep(&mut store, 2700, 100);
    assert_eq!(store.torrents(), 200_000u32.div_ceil(102));
    sweep(&mut store, 4700, 100);
    assert_eq!(store.torrents(), 0);
    store.check().unwrap();
}

#[test]
fn every_peer_of_a_large_swarm_has_about_the_same_chance() {
    let mut memory = vec![0; 1 << 18];
    let mut store = store(&mut memory, 5);
    // Half of the buckets are split at this size, the others hold twice as many.
    let peers = 15_360;
    for number in 0..peers {
        announce(&mut store, 0, &v4(number), 0);
    }
    let id = store.find(&hash(0)).unwrap();
    let selection = Selection {
        exclude: v4(1 << 20),
        seeders: true,
    };
    let mut random = Random::new(1);
    let mut chosen = std::collections::HashMap::<[u8; 6], u32>::new();
    let mut out = [0; 50 * 6];
    for _ in 0..peers {
        assert_eq!(store.choose_v4(id, &selection, &mut random, &mut out), 300);
        for peer in out.as_chunks().0 {
            *chosen.entry(*peer).or_default() += 1;
        }
    }
    assert_eq!(chosen.len(), peers as usize, "somebody is never chosen");
    let (least, most) = (
        chosen.values().min().unwrap(),
        chosen.values().max().unwrap(),
    );
    // The mean is 50; chance alone makes it 25 to 80.
    assert!(*least >= 15 && *most <= 110, "from {least} to {most}");
}

#[test]
fn a_swarm_that_collapsed_still_gives_full_replies() {
    let mut memory = vec![0; 1 << 20];
    let mut store = store(&mut memory, 6);
    for number in 0..100_000 {
        announce(&mut store, 0, &v4(number), 0);
    }
    for number in (0..100_000).step_by(100) {
        announce(&mut store, 0, &v4(number), 2000);
    }
    let mut random = Random::new(2);
    let selection = Selection {
        exclude: v4(1 << 20),
        seeders: true,
    };
    for second in 0..200 {
        sweep(&mut store, 2700 + second, 1);
        let id = store.find(&hash(0)).unwrap();
        let mut out = [0; 50 * 6];
        let used = store.choose_v4(id, &selection, &mut random, &mut out);
        assert_eq!(used, 300, "after {second} s, {} peers left", store.peers());
    }
    assert_eq!(store.peers(), 1000);
}
