//! The journal of what was granted against a plain map: whatever fails and whenever power is cut,
//! what was acknowledged is there, whole batches, and the start never fails.
#![forbid(unsafe_code)]

use std::num::NonZeroU8;
use std::path::{Path, PathBuf};

use proptest::collection::vec;
use proptest::prelude::*;
use wrtracker::state::grants::{Grants, is_true};
use wrtracker_core::access::{Access, Change, Origin, Terms};
use wrtracker_core::wire::InfoHash;
use wrtracker_tests::granted::{Map, Memory, enter, enter_in, key, told};
use wrtracker_tests::stub_disk::StubDisk;

const FILE: &str = "folder/grants";
const RECORD: usize = 68;

/// What somebody asks for.
#[derive(Clone, Copy, Debug)]
enum Ask {
    Key(u8, u8),
    NoKey(u8),
    Listed(u8),
    NotListed(u8),
}

impl Ask {
    fn change(self) -> Change {
        match self {
            Self::Key(number, kind) => Change::Key(
                key(number),
                Terms {
                    valid_until: (kind > 2).then_some(1 << (kind * 9)),
                    info_hash: (kind % 2 == 1).then_some(InfoHash([kind; 20])),
                    most_peers: NonZeroU8::new(kind),
                    origin: Origin::Granted,
                },
            ),
            Self::NoKey(number) => Change::NoKey(key(number)),
            Self::Listed(number) => Change::Listed(InfoHash([number; 20])),
            Self::NotListed(number) => Change::NotListed(InfoHash([number; 20])),
        }
    }
}

fn ask() -> impl Strategy<Value = Ask> {
    prop_oneof![
        4 => (0..9u8, 0..6u8).prop_map(|(key, kind)| Ask::Key(key, kind)),
        3 => (0..9u8).prop_map(Ask::NoKey),
        2 => (0..9u8).prop_map(Ask::Listed),
        2 => (0..9u8).prop_map(Ask::NotListed),
    ]
}

#[derive(Clone, Debug)]
enum Op {
    Write(Vec<Ask>),
    /// So many batches of one.
    Many(u16, Ask, Ask),
    Tick(u8),
    /// The program is killed.
    Kill,
    Fail(u64),
    CutPower(u64),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => vec(ask(), 1..9).prop_map(Op::Write),
        1 => vec(ask(), 100..300).prop_map(Op::Write),
        3 => (1..700u16, ask(), ask()).prop_map(|(n, one, other)| Op::Many(n, one, other)),
        4 => (1..12u8).prop_map(Op::Tick),
        1 => Just(Op::Kill),
        3 => (0..30u64).prop_map(Op::Fail),
        2 => (0..60u64).prop_map(Op::CutPower),
    ]
}

/// One tracker and its disk, and what it has acknowledged.
struct World {
    disk: StubDisk,
    acknowledged: Map,
    /// What there may be instead, after writes that failed.
    or: Vec<Map>,
}

impl World {
    /// Does one write as the program does it: enters, writes, and takes back what can't be written.
    fn write(&mut self, grants: &mut Grants<StubDisk>, access: &mut Access<'_>, asks: &[Ask]) {
        let mut new = self.acknowledged.clone();
        let changes: Vec<_> = asks.iter().map(|ask| ask.change()).collect();
        changes.iter().for_each(|change| enter(&mut new, change));
        let bytes: Vec<_> = changes.iter().map(Change::to_bytes).collect();
        match grants.write(&bytes) {
            Ok(()) => {
                changes.iter().for_each(|change| enter_in(access, change));
                self.acknowledged = new;
                self.or.clear();
            }
            Err(_) => self.or.push(new),
        }
    }

    /// Starts it anew: with a disk that works again everything must be well.
    fn restart<'m>(&mut self, memory: &'m mut Memory) -> (Grants<StubDisk>, Access<'m>) {
        if self.disk.is_dead() {
            self.disk.reboot();
        }
        let mut access = memory.access();
        let grants = Grants::open_on(self.disk.clone(), PathBuf::from(FILE), &mut access, 0);
        let found = told(&access);
        if grants.is_writable() {
            assert!(
                found == self.acknowledged || self.or.contains(&found),
                "{found:?}\n{:?}\n{:?}",
                self.acknowledged,
                self.or
            );
            self.acknowledged = found;
            self.or.clear();
        }
        (grants, access)
    }
}

fn run(seed: u64, ops: &[Op]) {
    let mut memory = Memory::new();
    let mut world = World {
        disk: StubDisk::new(seed),
        acknowledged: Map::new(),
        or: Vec::new(),
    };
    let mut ops = ops.iter();
    // Each start has the memory anew.
    let mut more = true;
    while more {
        let (mut grants, mut access) = world.restart(&mut memory);
        if !grants.is_writable() {
            // Only an accident that was still to come does that, once.
            (grants, access) = {
                drop((grants, access));
                world.restart(&mut memory)
            };
        }
        more = false;
        for op in ops.by_ref() {
            match op {
                Op::Write(asks) => world.write(&mut grants, &mut access, asks),
                Op::Many(count, one, other) => {
                    for nth in 0..*count {
                        let ask = if nth % 2 == 0 { one } else { other };
                        world.write(&mut grants, &mut access, &[*ask]);
                    }
                }
                Op::Tick(steps) => {
                    let is_true = |entry: &_| is_true(&access, entry);
                    grants.tick(&is_true);
                    (0..*steps).for_each(|_| grants.step(&is_true));
                }
                Op::Kill => {
                    more = true;
                    break;
                }
                Op::Fail(calls) => world.disk.fail_at(*calls),
                Op::CutPower(calls) => world.disk.cut_power_at(*calls),
            }
            if world.disk.is_dead() {
                more = true;
                break;
            }
        }
    }
    // In the end all is well: there is room, and what is granted is kept.
    world.disk.reboot();
    let (mut grants, mut access) = world.restart(&mut memory);
    assert!(grants.is_writable());
    world.write(&mut grants, &mut access, &[Ask::Listed(200)]);
    assert!(world.or.is_empty(), "it can't be written");
    drop((grants, access));
    let _ = world.restart(&mut memory);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_acknowledged_stays_whatever_happens(seed: u64, ops in vec(op(), 1..60)) {
        run(seed, &ops);
    }
}

/// A file of batches, the map after each of them, and where each ends.
fn some_file() -> (Vec<u8>, Vec<Map>, Vec<usize>) {
    let disk = StubDisk::new(1);
    let mut memory = Memory::new();
    let mut access = memory.access();
    let mut grants = Grants::open_on(disk.clone(), PathBuf::from(FILE), &mut access, 0);
    let (mut map, mut maps, mut ends) = (Map::new(), vec![Map::new()], vec![RECORD]);
    let batches: [&[Ask]; 5] = [
        &[Ask::Key(1, 5)],
        &[Ask::Key(2, 4), Ask::Listed(1), Ask::Key(3, 1)],
        &[Ask::NoKey(1)],
        &[Ask::Listed(2), Ask::NotListed(1)],
        &[Ask::Key(4, 0)],
    ];
    for batch in batches {
        let bytes: Vec<_> = batch.iter().map(|ask| ask.change().to_bytes()).collect();
        grants.write(&bytes).expect("a disk that works");
        batch.iter().for_each(|ask| enter(&mut map, &ask.change()));
        maps.push(map.clone());
        ends.push(ends[ends.len() - 1] + RECORD * batch.len());
    }
    let bytes = disk.contents(Path::new(FILE)).expect("a file");
    let length = ends[ends.len() - 1];
    assert_eq!(bytes.len(), length.next_multiple_of(4096));
    assert!(bytes[length..].iter().all(|byte| *byte == 0));
    (bytes[..length].to_vec(), maps, ends)
}

/// What a start makes of a file, and whether it kept it as damaged. The next start finds the same and
/// nothing to complain about, and more can be written.
fn start_with(bytes: &[u8]) -> (Map, bool) {
    let disk = StubDisk::new(1);
    let bad = PathBuf::from(format!("{FILE}.bad"));
    disk.put(Path::new(FILE), bytes);
    let mut memory = Memory::new();
    let mut access = memory.access();
    let mut grants = Grants::open_on(disk.clone(), PathBuf::from(FILE), &mut access, 0);
    assert!(grants.is_writable());
    let found = told(&access);
    let kept = disk.contents(&bad);
    assert!(kept.as_ref().is_none_or(|kept| kept == bytes));
    let more = Ask::Listed(100).change();
    grants.write(&[more.to_bytes()]).expect("a disk that works");
    disk.put(&bad, b"");
    let mut access = memory.access();
    let _ = Grants::open_on(disk.clone(), PathBuf::from(FILE), &mut access, 0);
    let mut expected = found.clone();
    enter(&mut expected, &more);
    assert_eq!(told(&access), expected);
    assert_eq!(disk.contents(&bad).expect("the same"), b"", "damaged again");
    (found, kept.is_some())
}

#[test]
fn a_file_that_was_cut_has_all_whole_batches() {
    let (bytes, maps, ends) = some_file();
    for length in 0..=bytes.len() {
        let (found, bad) = start_with(&bytes[..length]);
        let whole = ends.iter().rposition(|end| *end <= length).unwrap_or(0);
        assert_eq!(found, maps[whole], "{length}");
        assert!(!bad, "{length}");
        // Disks leave zeros where something was to be.
        let mut zeros = bytes[..length].to_vec();
        zeros.resize(bytes.len() + 5, 0);
        let (found, bad) = start_with(&zeros);
        let last = zeros[..bytes.len()] == bytes[..];
        assert_eq!(found, maps[if last { 5 } else { whole }], "{length}");
        assert!(!bad, "{length}");
    }
}

#[test]
fn a_byte_that_changed_costs_one_record_and_the_file_is_kept() {
    let (bytes, maps, _) = some_file();
    let asks = [
        Ask::Key(1, 5),
        Ask::Key(2, 4),
        Ask::Listed(1),
        Ask::Key(3, 1),
        Ask::NoKey(1),
        Ask::Listed(2),
        Ask::NotListed(1),
        Ask::Key(4, 0),
    ];
    // With zeros behind it as without.
    let mut zeros = bytes.clone();
    zeros.resize(4096, 0);
    for (at, bytes) in (0..bytes.len()).flat_map(|at| [(at, &bytes), (at, &zeros)]) {
        let mut changed = bytes.clone();
        changed[at] ^= 1 << (at % 8);
        let (found, bad) = start_with(&changed);
        let mut expected = Map::new();
        for (nth, ask) in asks.iter().enumerate() {
            if at / RECORD != nth + 1 {
                enter(&mut expected, &ask.change());
            }
        }
        assert_eq!(found, expected, "{at}");
        assert!(bad, "{at}");
    }
    assert_eq!(start_with(&bytes), (maps[5].clone(), false));
}

#[test]
fn what_is_none_of_ours_is_kept_and_not_used() {
    for bytes in [&b"a list of something"[..], &[b'x'; 5000]] {
        assert_eq!(start_with(bytes), (Map::new(), true));
    }
}

#[test]
fn what_is_old_goes_when_there_is_much_of_it() {
    let disk = StubDisk::new(1);
    let mut memory = Memory::new();
    let mut access = memory.access();
    let mut grants = Grants::open_on(disk.clone(), PathBuf::from(FILE), &mut access, 0);
    let mut longest = 0;
    for nth in 0..20_000u32 {
        let ask = match nth % 2 {
            0 => Ask::Key((nth / 2 % 50) as u8, 1),
            _ => Ask::NoKey(((nth / 2 + 40) % 50) as u8),
        };
        enter_in(&mut access, &ask.change());
        let bytes = ask.change().to_bytes();
        grants.write(&[bytes]).expect("a disk that works");
        grants.tick(&|entry| is_true(&access, entry));
        longest = longest.max(disk.contents(Path::new(FILE)).expect("a file").len());
    }
    assert!(longest < 1100 * RECORD, "{longest}");
    let before = told(&access);
    assert!(before.len() > 8, "{}", before.len());
    let mut access = memory.access();
    let _ = Grants::open_on(disk, PathBuf::from(FILE), &mut access, 0);
    assert_eq!(told(&access), before);
}
