//! Long random sequences of operations on the store, with memory so small that it is full most of
//! the time.

use proptest::prelude::*;
use wrtracker_core::random::Random;
use wrtracker_tests::store_model::{Op, run};

const LEAST_WORDS: usize = 9 * 1024;

/// Under Miri a dozen operations take longer than a thousand without.
const LENGTH: usize = if cfg!(miri) { 12 } else { 5000 };

fn sequence(seed: u64, length: usize) -> Vec<Op> {
    let mut random = Random::new(seed);
    (0..length).map(|_| Op::random(&mut random)).collect()
}

#[test]
fn a_store_that_is_always_full_keeps_what_it_promised() {
    let seeds = if cfg!(miri) { 1 } else { 6 };
    for seed in 0..seeds {
        let words = LEAST_WORDS + 1024 * (seed as usize % 3);
        let outcome = run(&sequence(seed, LENGTH), words, 0).unwrap();
        if !cfg!(miri) {
            assert!(outcome.refused > 1500, "{outcome:?}");
        }
    }
}

#[test]
fn large_swarms_make_room_for_small_ones() {
    let mut evicted = 0;
    for seed in 10..if cfg!(miri) { 11 } else { 13 } {
        let words = LEAST_WORDS + 1024 * (8 + 2 * seed as usize);
        let outcome = run(&sequence(seed, LENGTH), words, u32::MAX / 2).unwrap();
        evicted += outcome.evicted;
    }
    assert!(evicted > 0 || cfg!(miri));
}

#[test]
fn a_store_with_room_loses_nothing() {
    let outcome = run(&sequence(99, LENGTH), 400 * 1024, 4000).unwrap();
    assert_eq!((outcome.evicted, outcome.refused), (0, 0));
    assert!(outcome.most_peers > 2000 || cfg!(miri), "{outcome:?}");
}

fn any_op() -> impl Strategy<Value = Op> {
    let peer = 0u16..900;
    prop_oneof![
        4 => (0u8..4, peer.clone(), 1u16..150, any::<bool>(), 0u8..4)
            .prop_map(|(torrent, peer, count, v6, kind)| Op::Announce { torrent, peer, count, v6, kind }),
        2 => (0u8..4, peer.clone(), 1u16..150, any::<bool>())
            .prop_map(|(torrent, peer, count, v6)| Op::Leave { torrent, peer, count, v6 }),
        1 => (0u16..2000, 1u16..150).prop_map(|(first, count)| Op::Flood { first, count }),
        1 => (1u16..2000, 0u16..3000).prop_map(|(seconds, steps)| Op::Wait { seconds, steps }),
        1 => (0u8..4, peer, 0u8..80, any::<bool>(), any::<bool>())
            .prop_map(|(torrent, peer, wanted, v6, seeders)| {
                Op::Choose { torrent, peer, wanted, v6, seeders }
            }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 1 } else { 256 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_sequence_keeps_store_and_reference_alike(
        ops in prop::collection::vec(any_op(), 1..if cfg!(miri) { 4 } else { 80 }),
        pages in 9usize..40,
    ) {
        if let Err(reason) = run(&ops, pages * 1024, 77) {
            return Err(TestCaseError::fail(reason));
        }
    }
}
