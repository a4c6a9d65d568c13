//! What was granted while the tracker ran: a journal, to whose end the latest is added.
//!
//! Records of 68 bytes, the first of them the head. Numbers have their first byte first.
//!
//! | bytes | in the head | in all others |
//! |--:|---|---|
//! | 63 | `# wrtracker grants 1`, a line end, zeros | the change, as [`Change::to_bytes`] has it without its last byte |
//! | 1 | 0 | 1 for the first of a batch, and 2 for the last: 3 for one alone |
//! | 4 | checksum | checksum |
//!
//! The checksum is the CRC-32 (as in gzip) of the number of the record in 4 bytes, 0 for the head,
//! and the 64 bytes. So each record is known by itself, in its place alone.
//!
//! Zeros may follow the last record, for those to come: a file that doesn't change its length with each
//! of them has less to be written.
//!
//! A batch is what was acknowledged together. The last one counts whole or not at all: power was cut
//! while it was written. Before it, what is damaged is passed over, and the rest counts.

use super::Damage;
use crate::access::{Change, ChangeBytes};
use crate::gzip::checksum::Checksum;

/// Bytes of a record.
pub const RECORD_BYTES: usize = 68;

/// A record as bytes.
pub type RecordBytes = [u8; RECORD_BYTES];

/// A record that is whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Record {
    /// What it tells.
    pub change: Change,
    /// Whether a batch begins with it.
    pub first: bool,
    /// Whether a batch ends with it.
    pub last: bool,
}

const HEAD: &[u8] = b"# wrtracker grants ";
const VERSION: &[u8] = b"1\n";
const FIRST: u8 = 1;
const LAST: u8 = 2;

/// The first record of a file.
pub fn head() -> RecordBytes {
    let mut bytes = [0; 64];
    let text = HEAD.iter().chain(VERSION);
    bytes
        .iter_mut()
        .zip(text)
        .for_each(|(to, from)| *to = *from);
    sealed(0, &bytes)
}

/// The record with this number, from 1 on.
pub fn record(number: u32, change: &ChangeBytes, first: bool, last: bool) -> RecordBytes {
    let mut bytes = *change;
    if let Some(place) = bytes.last_mut() {
        *place = if first { FIRST } else { 0 } | if last { LAST } else { 0 };
    }
    sealed(number, &bytes)
}

/// What the record with this number, from 1 on, tells; `None` if it is damaged.
pub fn read(number: u32, bytes: &RecordBytes) -> Option<Record> {
    let mut change = unsealed(number, bytes)?;
    let flags = core::mem::take(change.last_mut()?);
    (flags & !(FIRST | LAST) == 0).then_some(())?;
    Some(Record {
        change: Change::parse(&change)?,
        first: flags & FIRST != 0,
        last: flags & LAST != 0,
    })
}

fn sealed(number: u32, bytes: &[u8; 64]) -> RecordBytes {
    let mut record = [0; RECORD_BYTES];
    let all = bytes.iter().copied().chain(checksum(number, bytes));
    record.iter_mut().zip(all).for_each(|(to, from)| *to = from);
    record
}

fn unsealed(number: u32, record: &RecordBytes) -> Option<[u8; 64]> {
    let (bytes, sum) = record.split_first_chunk::<64>()?;
    (*sum == checksum(number, bytes)).then_some(*bytes)
}

fn checksum(number: u32, bytes: &[u8; 64]) -> [u8; 4] {
    let mut sum = Checksum::default();
    sum.add(&number.to_be_bytes());
    sum.add(bytes);
    sum.crc().to_be_bytes()
}

/// Looks through a file, record by record, and finds what of it counts.
#[derive(Clone, Debug, Default)]
pub struct GrantsSurvey {
    found: GrantsFound,
    /// The number of the next record.
    next: u32,
    /// Whether the head is there; that of another version is told at the end.
    has_head: bool,
    other_version: bool,
    /// Records that are whole, the head not among them.
    whole: u32,
    /// Records behind what counts that were never written like that, not even in part.
    bad: u32,
    /// Whether anything but zeros is behind what counts.
    has_tail: bool,
    /// Damaged records and zeros behind what counts.
    not_whole: u32,
    /// The batch that has begun: whether nothing of it is damaged so far.
    batch: Option<bool>,
}

/// What of a file counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct GrantsFound {
    /// Records that count, the head and damaged ones among them; what follows doesn't.
    pub end: u32,
    /// Damaged ones among them.
    pub damaged: u32,
    /// What follows.
    pub tail: Tail,
}

/// What follows the last batch that is whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Tail {
    /// Nothing but zeros.
    #[default]
    Nothing,
    /// A part of a batch: its writing was cut short, and nobody was told that it had been done.
    Cut,
    /// Something else.
    Damaged,
}

impl GrantsSurvey {
    /// Takes the next record. Work: a few steps for each byte.
    pub fn push(&mut self, bytes: &RecordBytes) {
        let number = self.next;
        self.next = number.saturating_add(1);
        if number == 0 {
            self.head(bytes);
            return;
        }
        let Some(record) = read(number, bytes) else {
            self.not_whole = self.not_whole.saturating_add(1);
            self.odd(bytes);
            self.batch = self.batch.map(|_| false);
            return;
        };
        self.whole = self.whole.saturating_add(1);
        self.has_tail = true;
        // A record whose batch has no beginning was in one that is damaged.
        let whole = record.first || self.batch.unwrap_or(false);
        self.batch = (!record.last).then_some(whole);
        if record.last && whole {
            self.count();
        }
    }

    /// What was looked at up to here counts.
    const fn count(&mut self) {
        self.found.end = self.next;
        self.found.damaged = self.found.damaged.saturating_add(self.not_whole);
        self.not_whole = 0;
        self.bad = 0;
        self.has_tail = false;
    }

    /// Takes note of a record that isn't whole. One that was written in part ends with zeros.
    fn odd(&mut self, bytes: &RecordBytes) {
        self.has_tail |= bytes.iter().any(|&byte| byte != 0);
        let ends = bytes.last().is_some_and(|&byte| byte != 0);
        self.bad = self.bad.saturating_add(u32::from(ends));
    }

    fn head(&mut self, bytes: &RecordBytes) {
        self.has_head = *bytes == head();
        self.other_version =
            !self.has_head && bytes.starts_with(HEAD) && unsealed(0, bytes).is_some();
        if self.has_head {
            self.count();
        } else {
            self.not_whole = 1;
            // The first bytes of the first batch may be all that has arrived.
            let same = bytes
                .iter()
                .zip(head())
                .take_while(|(one, other)| **one == *other);
            let rest = bytes.get(same.count()..).unwrap_or_default();
            if rest.iter().any(|&byte| byte != 0) {
                self.odd(bytes);
            }
        }
    }

    /// Ends the file, with what is behind the last whole record.
    ///
    /// # Errors
    ///
    /// [`Damage`]: nothing of it can be used. [`Empty`](Damage::Empty) is one whose head wasn't
    /// written to its end, too.
    pub fn finish(mut self, rest: &[u8]) -> Result<GrantsFound, Damage> {
        if self.other_version {
            return Err(Damage::Version);
        }
        let is_zero = rest.iter().all(|&byte| byte == 0);
        if self.whole == 0 && !self.has_head {
            let is_head = self.next == 0 && head().starts_with(rest);
            return Err(match !self.has_tail && (is_zero || is_head) {
                true => Damage::Empty,
                false => Damage::Foreign,
            });
        }
        if self.found.end == 0 {
            // No head and no batch that is whole, but something of ours: all of it is tail, and a
            // file is made anew.
            self.bad = 1;
        }
        self.found.tail = match (self.bad, self.has_tail || !is_zero) {
            (1.., _) => Tail::Damaged,
            (0, false) => Tail::Nothing,
            // A whole batch of which a part in the middle is missing was cut short too.
            (0, true) => Tail::Cut,
        };
        Ok(self.found)
    }
}

#[cfg(test)]
mod tests {
    use std::vec;
    use std::vec::Vec;

    use super::{GrantsFound, GrantsSurvey, RecordBytes, Tail, head, read, record};
    use crate::access::{Change, ChangeBytes};
    use crate::state::Damage;
    use crate::wire::InfoHash;

    const HASH: InfoHash = InfoHash(*b"an info hash of 20 b");

    fn listed(n: u8) -> ChangeBytes {
        Change::Listed(InfoHash([n; 20])).to_bytes()
    }

    /// A file of batches of so many records.
    fn file(batches: &[u32]) -> Vec<RecordBytes> {
        let mut records = vec![head()];
        for &count in batches {
            for nth in 0..count {
                let number = u32::try_from(records.len()).unwrap();
                records.push(record(number, &listed(1), nth == 0, nth + 1 == count));
            }
        }
        records
    }

    fn survey(records: &[RecordBytes], rest: &[u8]) -> Result<GrantsFound, Damage> {
        let mut survey = GrantsSurvey::default();
        records.iter().for_each(|record| survey.push(record));
        survey.finish(rest)
    }

    fn found(end: u32, damaged: u32, tail: Tail) -> Result<GrantsFound, Damage> {
        Ok(GrantsFound { end, damaged, tail })
    }

    #[test]
    fn bytes_are_what_the_table_says() {
        let mut expected = [0; 68];
        expected[..21].copy_from_slice(b"# wrtracker grants 1\n");
        expected[64..].copy_from_slice(&[0x16, 0xed, 0xf5, 0xef]);
        assert_eq!(head(), expected);
        let mut expected = [0; 68];
        expected[0] = 3;
        expected[33..41].fill(0xff);
        expected[42..62].copy_from_slice(&HASH.0);
        expected[63] = 3;
        expected[64..].copy_from_slice(&[0xac, 0x72, 0x2e, 0xaf]);
        let bytes = record(1, &Change::Listed(HASH).to_bytes(), true, true);
        assert_eq!(bytes, expected);
    }

    #[test]
    fn a_record_is_known_in_its_place_alone() {
        let bytes = record(7, &listed(1), false, true);
        let one = read(7, &bytes).unwrap();
        assert_eq!(
            (one.change, one.first, one.last),
            (Change::parse(&listed(1)).unwrap(), false, true)
        );
        assert_eq!(read(6, &bytes), None);
        for at in 0..bytes.len() {
            let mut bytes = bytes;
            bytes[at] ^= 0x10;
            assert_eq!(read(7, &bytes), None, "{at}");
        }
    }

    #[test]
    fn of_whole_batches_nothing_is_lost() {
        assert_eq!(survey(&file(&[]), b""), found(1, 0, Tail::Nothing));
        assert_eq!(survey(&file(&[1, 3, 1]), b""), found(6, 0, Tail::Nothing));
    }

    #[test]
    fn a_batch_that_was_cut_short_does_not_count() {
        let all = file(&[2, 3]);
        for length in 3..6 {
            let tail = if length == 3 {
                Tail::Nothing
            } else {
                Tail::Cut
            };
            assert_eq!(survey(&all[..length], b""), found(3, 0, tail));
            assert_eq!(survey(&all[..length], b"\x03"), found(3, 0, Tail::Cut));
            let mut zeros = all[..length].to_vec();
            zeros.resize(20, [0; 68]);
            assert_eq!(survey(&zeros, b"\0\0"), found(3, 0, tail));
            zeros[length][..60].copy_from_slice(&[b'a'; 60]);
            assert_eq!(survey(&zeros, b""), found(3, 0, Tail::Cut));
        }
        // Nor if its middle hasn't arrived, but its end has.
        let mut holes = all;
        holes[4] = [0; 68];
        assert_eq!(survey(&holes, b""), found(3, 0, Tail::Cut));
        holes[4] = [1; 68];
        assert_eq!(survey(&holes, b""), found(3, 0, Tail::Damaged));
    }

    #[test]
    fn what_is_damaged_takes_nothing_else_along() {
        for nth in 1..6 {
            let mut records = file(&[1, 3, 1, 1]);
            records[nth][9] ^= 1;
            assert_eq!(survey(&records, b""), found(7, 1, Tail::Nothing), "{nth}");
        }
        let mut records = file(&[1, 1, 1]);
        records[0] = [7; 68];
        assert_eq!(survey(&records, b""), found(4, 1, Tail::Nothing));
        records[3] = [7; 68];
        assert_eq!(survey(&records, b""), found(3, 1, Tail::Damaged));
        let records = [[7; 68], file(&[2])[1]];
        assert_eq!(survey(&records, b""), found(0, 0, Tail::Damaged));
    }

    #[test]
    fn what_is_none_of_ours_is_told_from_what_was_never_written() {
        assert_eq!(survey(&[], b""), Err(Damage::Empty));
        assert_eq!(survey(&[], &head()[..30]), Err(Damage::Empty));
        assert_eq!(survey(&[[0; 68]; 3], &[0; 9]), Err(Damage::Empty));
        let mut part = head();
        part[15..].fill(0);
        assert_eq!(survey(&[part, [0; 68]], b""), Err(Damage::Empty));
        assert_eq!(survey(&[], b"a list"), Err(Damage::Foreign));
        assert_eq!(survey(&[[b'a'; 68]; 3], b""), Err(Damage::Foreign));
        let mut next = head();
        next[19] = b'2';
        let sealed = super::sealed(0, next.first_chunk().unwrap());
        assert_eq!(survey(&[sealed], b""), Err(Damage::Version));
        // A head of which a bit has changed is no other version.
        assert_eq!(survey(&[next], b""), Err(Damage::Foreign));
    }
}
