//! The access list against plain sets: whatever happens, what is in force is what should be.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use wrtracker_core::access::{AccessList, Full};
use wrtracker_core::wire::InfoHash;

/// One thing that happens to a list.
#[derive(Clone, Copy, Debug)]
enum Op {
    Insert(u8),
    Remove(u8),
    Begin(u8),
    Add(u8),
    Commit,
    Abort,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (0..24u8).prop_map(Op::Insert),
        4 => (0..24u8).prop_map(Op::Remove),
        1 => (0..12u8).prop_map(Op::Begin),
        6 => (0..24u8).prop_map(Op::Add),
        1 => Just(Op::Commit),
        1 => Just(Op::Abort),
    ]
}

fn hash(number: u8) -> InfoHash {
    InfoHash([number; 20])
}

/// What the list does to a set: as the set does, but for what is new when it is full.
fn put(set: &mut BTreeSet<u8>, number: u8, capacity: usize) -> Result<bool, Full> {
    if set.contains(&number) {
        Ok(false)
    } else if set.len() < capacity {
        Ok(set.insert(number))
    } else {
        Err(Full)
    }
}

fn zero(half: &mut [u64]) {
    assert!(half.iter().any(|word| *word != 0), "nothing to do");
    half.fill(0);
}

/// Returns how often the list was full.
fn run(ops: &[Op], words: usize, key: [u8; 16]) -> Result<u32, TestCaseError> {
    let mut memory = std::vec![0; words];
    let mut list = AccessList::new(&mut memory, &key);
    let (mut active, mut loaded) = (BTreeSet::new(), BTreeSet::new());
    // Of the set in force, and of the one that is loaded.
    let mut capacity = [list.capacity(); 2];
    let most = capacity[0];
    let mut full = 0;
    for op in ops {
        match *op {
            Op::Insert(number) => {
                let result = list.insert(&hash(number));
                prop_assert_eq!(result, put(&mut active, number, capacity[0]));
                full += u32::from(result.is_err());
            }
            Op::Remove(number) => {
                prop_assert_eq!(list.remove(&hash(number)), active.remove(&number));
            }
            Op::Begin(expected) => {
                list.begin(expected.into(), zero);
                loaded.clear();
                // A quarter of the slots stays empty, so an eighth does; and it is in the memory.
                let slots = (usize::from(expected) * 4)
                    .div_ceil(3)
                    .max(2)
                    .min(words / 2);
                capacity[1] = slots - slots.div_ceil(8);
                prop_assert!(capacity[1] >= usize::from(expected).min(most));
            }
            Op::Add(number) => {
                let result = list.add(&hash(number));
                prop_assert_eq!(result, put(&mut loaded, number, capacity[1]).map(drop));
                full += u32::from(result.is_err());
            }
            Op::Commit => {
                list.commit(zero);
                active = std::mem::take(&mut loaded);
                capacity.swap(0, 1);
            }
            Op::Abort => {
                list.abort(zero);
                loaded.clear();
            }
        }
        prop_assert_eq!((list.len(), list.loaded()), (active.len(), loaded.len()));
        prop_assert_eq!(list.capacity(), capacity[0]);
        for number in 0..24 {
            prop_assert_eq!(list.contains(&hash(number)), active.contains(&number));
        }
    }
    list.commit(zero);
    list.commit(zero);
    prop_assert!(memory.iter().all(|word| *word == 0));
    Ok(full)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 2 } else { 2_000 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_list_is_what_the_sets_are(
        ops in vec(op(), 0..200),
        words in 0..22usize,
        key in any::<[u8; 16]>(),
    ) {
        run(&ops, words, key)?;
    }
}

/// The sequences above would prove little if the lists in them were never full.
#[test]
fn small_lists_are_full_often() {
    let ops: Vec<_> = (0..200u8)
        .flat_map(|nth| {
            [
                Op::Insert(nth % 24),
                Op::Add(nth % 24),
                Op::Remove(nth / 2 % 24),
            ]
        })
        .collect();
    for words in 0..22 {
        let full = run(&ops, words, [9; 16]).expect("the sets and the list agree");
        assert!(full > 50, "{words}: {full}");
    }
}
