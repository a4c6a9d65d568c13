//! A journal of what was granted: whatever a file has, a program that starts with it starts, keeps
//! what it can't use, finds the same the next time, and can write.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use wrtracker::log::{self, Level};
use wrtracker::state::grants::{Grants, is_true};
use wrtracker_core::access::Change;
use wrtracker_core::state::grants::{RECORD_BYTES, RecordBytes, head, record};
use wrtracker_core::wire::InfoHash;

use super::same;
use crate::granted::{Memory, enter, told};
use crate::stub_disk::StubDisk;

/// Runs it. The first byte decides what is done to the file: its records are given their checksums
/// if it is odd, so that more than the first few bytes of them are looked at.
pub fn run(data: &[u8]) {
    let Some((&how, bytes)) = data.split_first() else {
        return;
    };
    log::set_level(Level::Error);
    let mut bytes = bytes.to_vec();
    if how % 2 == 1 {
        seal(&mut bytes);
    }
    let path = Path::new("grants");
    let bad = PathBuf::from("grants.bad");
    let disk = StubDisk::new(how.into());
    disk.put(path, &bytes);
    let mut memory = Memory::new();
    let mut access = memory.access();
    let mut grants = Grants::open_on(disk.clone(), path.into(), &mut access, 0);
    assert!(grants.is_writable());
    let found = told(&access);
    let kept = disk.contents(&bad);
    assert!(kept.is_none_or(|kept| kept == bytes));
    let more = Change::Listed(InfoHash([how; 20]));
    grants.write(&[more.to_bytes()]).expect("a disk that works");
    disk.put(&bad, b"");
    let mut access = memory.access();
    let mut grants = Grants::open_on(disk.clone(), path.into(), &mut access, 0);
    let mut expected = found;
    enter(&mut expected, &more);
    same("what is granted", &told(&access), &expected);
    same("what is kept", disk.contents(&bad), Some(Vec::new()));
    // Written anew it says the same.
    for _ in 0..1100 {
        grants.write(&[more.to_bytes()]).expect("a disk that works");
    }
    for _ in 0..40 {
        grants.tick(&|change| is_true(&access, change));
    }
    let length = disk.contents(path).expect("a file").len();
    let names: BTreeSet<_> = expected.keys().collect();
    assert!(length < (names.len() + 1102) * RECORD_BYTES + 4096);
    let mut access = memory.access();
    let _ = Grants::open_on(disk, path.into(), &mut access, 0);
    same("what is granted", &told(&access), &expected);
}

/// Makes the head of the first 68 bytes, and whole records of the others as far as they are any.
fn seal(bytes: &mut [u8]) {
    for (number, bytes) in (0u32..).zip(bytes.as_chunks_mut::<RECORD_BYTES>().0) {
        let (change, flags): ([u8; 64], u8) = (std::array::from_fn(|at| bytes[at]), bytes[63]);
        let sealed: RecordBytes = match number {
            0 => head(),
            _ => record(number, &change, flags & 1 != 0, flags & 2 != 0),
        };
        *bytes = sealed;
    }
}
