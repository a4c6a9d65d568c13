//! State written and read back: random trackers with little memory, and buffers of any size.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU16;

use proptest::prelude::*;
use wrtracker_core::policy::Policy;
use wrtracker_core::random::Random;
use wrtracker_core::store::Store;
use wrtracker_core::time::Secs;
use wrtracker_core::tracker::{Announce, Event, Secrets, Tracker};
use wrtracker_core::wire::{InfoHash, PeerAddr};
use wrtracker_tests::fuzz::state::{again, write_peers, write_torrents};

/// Announces at random: some torrents are popular, most aren't, some are left by all.
fn fill(tracker: &mut Tracker<'_>, seed: u64, announces: u32, start: u32) {
    let mut random = Random::new(seed);
    for nth in 0..announces {
        let spread = 1 + random.below(1 + random.clone().below(300));
        let mut hash = [7; 20];
        hash[..4].copy_from_slice(&random.below(spread).to_be_bytes());
        let number = random.below(600);
        let ip = if random.below(3) == 0 {
            IpAddr::V6(Ipv6Addr::from_bits(0x2001_0db8 << 96 | u128::from(number)))
        } else {
            IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 | number))
        };
        let event = match random.below(8) {
            0 => Event::Stopped,
            1 => Event::Completed,
            2 => Event::Paused,
            _ => Event::None,
        };
        let announce = Announce {
            info_hash: InfoHash(hash),
            peer: PeerAddr::new(ip, NonZeroU16::new(6881).expect("a port")),
            peer_id: None,
            event,
            left: Some(u64::from(random.below(2))),
            downloaded: 0,
        };
        let now = Secs(start + nth * 900 / announces);
        tracker.announce(&announce, now).expect("no lists");
    }
}

fn with_tracker(words: usize, test: impl FnOnce(&mut Tracker<'_>)) {
    let mut memory = vec![0; words];
    let secrets = Secrets::new(&[7; 40]);
    let mut tracker = Tracker::new(&mut memory, &secrets, Policy::DEFAULT).expect("memory");
    test(&mut tracker);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 2 } else { 60 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn what_comes_back_is_what_was(
        seed: u64,
        pages in 0usize..12,
        announces in 1u32..4_000,
        room in 1usize..5_000,
    ) {
        with_tracker(Store::LEAST_WORDS + pages * 1_024, |tracker| {
            // The fuzz target's time is second 1,000.
            fill(tracker, seed, announces, 90);
            again(tracker, room);
            let text = write_torrents(tracker, 1 << 16);
            assert_eq!(write_torrents(tracker, room), text);
            let bytes = write_peers(tracker, 1 << 16);
            assert_eq!(write_peers(tracker, room), bytes);
        });
    }
}
