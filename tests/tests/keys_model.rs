//! The table of keys against plain maps: whatever happens, what is in force is what should be.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use wrtracker_core::access::{CLOCK_IS_SET, Cursor, EXPIRED_FOR, Full, Key, Keys, Origin, Terms};
use wrtracker_core::wire::InfoHash;

/// One thing that happens to the table.
#[derive(Clone, Copy, Debug)]
enum Op {
    Grant(u8, u8),
    Remove(u8),
    Begin,
    Load(u8, u8),
    Commit,
    Abort,
    Sweep(u8),
    Clock(u8),
}

const NUMBERS: u8 = 12;

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (0..NUMBERS, 0..6u8).prop_map(|(key, terms)| Op::Grant(key, terms)),
        4 => (0..NUMBERS).prop_map(Op::Remove),
        2 => Just(Op::Begin),
        8 => (0..NUMBERS, 0..6u8).prop_map(|(key, terms)| Op::Load(key, terms)),
        2 => Just(Op::Commit),
        1 => Just(Op::Abort),
        3 => (0..20u8).prop_map(Op::Sweep),
        1 => (0..6u8).prop_map(Op::Clock),
    ]
}

fn key(number: u8) -> Key {
    Key::parse(format!("{number:032}").as_bytes()).expect("a key")
}

fn terms(kind: u8, origin: Origin) -> Terms {
    Terms {
        valid_until: (kind > 2).then_some(time(kind)),
        info_hash: (kind % 2 == 1).then_some(InfoHash([kind; 20])),
        most_peers: (kind == 5).then_some(std::num::NonZeroU8::MIN),
        origin,
    }
}

/// Days that a clock shows, the first before it is set.
fn time(days: u8) -> u64 {
    CLOCK_IS_SET - EXPIRED_FOR + u64::from(days) * EXPIRED_FOR
}

/// What should be.
#[derive(Default)]
struct Model {
    in_force: BTreeMap<u8, Terms>,
    loading: Option<BTreeMap<u8, Terms>>,
    clock: u64,
    /// How many the table may still have of an earlier load.
    left: usize,
}

impl Model {
    fn loaded(&self) -> usize {
        self.loading.as_ref().map_or(self.left, BTreeMap::len)
    }

    fn full(&self, capacity: usize) -> bool {
        self.in_force.len() + self.loaded() >= capacity
    }

    /// Whether a sweep removes it.
    fn is_over(&self, terms: &Terms) -> bool {
        let until = terms.valid_until.unwrap_or(u64::MAX);
        self.clock >= CLOCK_IS_SET && until.saturating_add(EXPIRED_FOR) < self.clock
    }
}

/// Returns how often the table was full.
fn run(ops: &[Op], entries: usize, secret: [u8; 16]) -> Result<u32, TestCaseError> {
    let mut memory = vec![0; Keys::words(entries)];
    let mut keys = Keys::new(&mut memory, entries, &secret);
    let mut model = Model::default();
    let (capacity, mut full) = (keys.capacity(), 0);
    for op in ops {
        match *op {
            Op::Grant(number, kind) => {
                let terms = terms(kind, Origin::Granted);
                let known = model.in_force.contains_key(&number);
                let expected = match known {
                    true => Ok(false),
                    false if model.full(capacity) => Err(Full),
                    false => Ok(true),
                };
                prop_assert_eq!(keys.insert(&key(number), &terms), expected);
                if expected.is_ok() {
                    model.in_force.insert(number, terms);
                    model
                        .loading
                        .as_mut()
                        .map(|loading| loading.remove(&number));
                } else {
                    full += 1;
                }
            }
            Op::Remove(number) => {
                let removed = model.in_force.remove(&number);
                prop_assert_eq!(keys.remove(&key(number)), removed);
                model
                    .loading
                    .as_mut()
                    .map(|loading| loading.remove(&number));
            }
            Op::Begin => {
                // What a load that is given up has loaded must be swept first.
                model.left = model.loaded();
                model.loading = (model.left == 0).then(BTreeMap::new);
                prop_assert_eq!(keys.begin(), model.loading.is_some());
            }
            Op::Load(number, kind) => {
                let terms = terms(kind, Origin::File);
                let granted = model.in_force.get(&number);
                let granted = granted.is_some_and(|terms| terms.origin == Origin::Granted);
                let is_full = model.full(capacity);
                let expected = match &mut model.loading {
                    Some(loading) if !granted => {
                        if is_full && !loading.contains_key(&number) {
                            full += 1;
                            Err(Full)
                        } else {
                            loading.insert(number, terms);
                            Ok(())
                        }
                    }
                    _ => Ok(()),
                };
                prop_assert_eq!(keys.load(&key(number), &terms), expected);
            }
            Op::Commit => {
                if let Some(loading) = model.loading.take() {
                    let before = model.in_force.len();
                    model
                        .in_force
                        .retain(|_, terms| terms.origin == Origin::Granted);
                    model.left = before - model.in_force.len();
                    model.in_force.extend(loading);
                }
                let of_file = model.in_force.values();
                let of_file = of_file.filter(|terms| terms.origin == Origin::File).count();
                prop_assert_eq!(keys.commit(), of_file);
            }
            Op::Abort => {
                model.left = model.loaded();
                model.loading = None;
                keys.abort();
            }
            Op::Sweep(steps) => {
                // In part whatever is next, which the model doesn't know; then all.
                keys.sweep(steps.into());
                keys.sweep(1_000);
                let mut over = std::mem::take(&mut model.in_force);
                over.retain(|_, terms| !model.is_over(terms));
                model.in_force = over;
                model.left = 0;
                prop_assert!(keys.is_swept());
            }
            Op::Clock(days) => {
                model.clock = time(days);
                keys.set_wall_clock(model.clock);
            }
        }
        prop_assert_eq!(keys.len(), model.in_force.len());
        for number in 0..NUMBERS {
            prop_assert_eq!(keys.get(&key(number)), model.in_force.get(&number).copied());
        }
        let mut cursor = Cursor::default();
        let mut listed = BTreeMap::new();
        while let Some((key, terms)) = keys.next(&mut cursor) {
            let number = key.text().parse::<u8>().expect("a number");
            prop_assert_eq!(listed.insert(number, terms), None, "listed twice");
        }
        prop_assert_eq!(&listed, &model.in_force);
    }
    for number in 0..NUMBERS {
        keys.remove(&key(number));
    }
    keys.abort();
    keys.sweep(1_000);
    prop_assert!(memory.iter().all(|word| *word == 0), "something is left");
    Ok(full)
}

#[test]
fn the_table_is_like_plain_maps() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let full = std::cell::Cell::new(0);
    let strategy = (vec(op(), 0..120), 0..14usize, any::<[u8; 16]>());
    let result = runner.run(&strategy, |(ops, entries, secret)| {
        full.set(full.get() + run(&ops, entries, secret)?);
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
    assert!(full.get() > 1_000, "full {} times", full.get());
}
