//! The file as records: what of it counts, and more at its end.

use std::io;
use std::path::{Path, PathBuf};

use wrtracker_core::access::{Change, ChangeBytes};
use wrtracker_core::state::Damage;
use wrtracker_core::state::grants::{GrantsFound, GrantsSurvey, RECORD_BYTES, head, read, record};

use super::disk::Disk;

/// An open file of records.
#[derive(Debug)]
pub(super) struct Journal<D: Disk> {
    pub(super) path: PathBuf,
    pub(super) file: D::File,
    /// Records that count, the head among them; 0 in an empty file.
    pub(super) end: u32,
    /// Bytes of the file, zeros at its end included.
    pub(super) length: u64,
    /// Whether there may be something else behind them.
    pub(super) torn: bool,
    /// Whether the file's name isn't on the disk yet.
    pub(super) unnamed: bool,
}

/// Records read or written by one system call, by way of the stack: 8 KiB.
pub(super) const PIECE: usize = 120;

impl<D: Disk> Journal<D> {
    /// A file that is only to be read.
    pub(super) fn read_only(path: &Path, file: D::File, end: u32) -> Self {
        Self {
            path: path.into(),
            file,
            end,
            length: place_of(end),
            torn: false,
            unnamed: false,
        }
    }

    /// Adds a batch, which is on the disk then. If that goes wrong all is as before, but for what
    /// may be behind the records that count: the next call removes that first.
    pub(super) fn add(&mut self, disk: &D, batch: &[ChangeBytes]) -> io::Result<()> {
        if !disk.has_name(&self.file)? {
            return Err(io::Error::other("the file was removed or replaced"));
        }
        self.mend(disk)?;
        let written = self.append(disk, batch);
        match written {
            Ok(end) => {
                self.end = end;
                self.torn = false;
            }
            Err(_) => {
                let _ = self.mend(disk);
            }
        }
        written.map(|_| ())
    }

    fn append(&mut self, disk: &D, batch: &[ChangeBytes]) -> io::Result<u32> {
        let mut end = self.end;
        self.torn = true;
        let length = place_of(next(end, batch.len() + 1)?);
        if length > self.length {
            // As long as there are zeros to write over, only bytes change and not the length.
            self.length = length.next_multiple_of(GROWTH);
            disk.cut(&self.file, self.length)?;
        }
        let mut bytes = [[0; RECORD_BYTES]; PIECE];
        let mut rest = batch;
        // The head comes with the first batch.
        let mut heads = usize::from(end == 0);
        if let (1, Some(place)) = (heads, bytes.first_mut()) {
            *place = head();
        }
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(PIECE - heads));
            let places = bytes.iter_mut().skip(heads);
            let at = place_of(end);
            end = next(end, heads)?;
            let start = end;
            for (nth, (place, change)) in places.zip(now).enumerate() {
                let first = rest.len() == batch.len() && nth == 0;
                let last = later.is_empty() && nth + 1 == now.len();
                *place = record(end, change, first, last);
                end = next(end, 1)?;
            }
            debug_assert_eq!(end - start, now.len() as u32);
            let all = bytes.get(..heads + now.len()).unwrap_or_default();
            disk.write(&self.file, all.as_flattened(), at)?;
            rest = later;
            heads = 0;
        }
        disk.sync(&self.file)?;
        Ok(end)
    }

    /// Brings what an earlier failure left to what counts.
    fn mend(&mut self, disk: &D) -> io::Result<()> {
        if self.torn {
            disk.cut(&self.file, place_of(self.end))?;
            self.length = place_of(self.end);
            disk.sync(&self.file)?;
            self.torn = false;
        }
        if self.unnamed {
            disk.sync_folder(&self.path)?;
            self.unnamed = false;
        }
        Ok(())
    }

    /// Hands on the records from one number to before another, with `None` for what is damaged.
    pub(super) fn each(
        &self,
        disk: &D,
        from: u32,
        to: u32,
        each: &mut dyn FnMut(u32, Option<Change>),
    ) -> io::Result<()> {
        let mut bytes = [[0; RECORD_BYTES]; PIECE];
        let mut number = from;
        while number < to {
            let count = usize::try_from(to - number).unwrap_or(PIECE).min(PIECE);
            let piece = bytes.get_mut(..count).unwrap_or_default();
            let got = disk.read(&self.file, piece.as_flattened_mut(), place_of(number))?;
            if got < count * RECORD_BYTES {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            for bytes in piece {
                let whole = read(number, bytes);
                each(number, whole.map(|record| record.change));
                number += 1;
            }
        }
        Ok(())
    }
}

/// Bytes that the file grows by.
const GROWTH: u64 = 4 << 10;

/// What of a file counts, and its length.
pub(super) fn survey<D: Disk>(
    disk: &D,
    file: &D::File,
) -> io::Result<(Result<GrantsFound, Damage>, u64)> {
    let mut survey = GrantsSurvey::default();
    let mut bytes = [[0; RECORD_BYTES]; PIECE];
    let mut at = 0;
    loop {
        let got = disk.read(file, bytes.as_flattened_mut(), at)?;
        let all = bytes.as_flattened().get(..got).unwrap_or_default();
        let (records, rest) = all.as_chunks();
        records.iter().for_each(|record| survey.push(record));
        if got < size_of_val(&bytes) {
            return Ok((survey.finish(rest), at + got as u64));
        }
        at += got as u64;
    }
}

/// Where a record is in the file.
pub(super) fn place_of(number: u32) -> u64 {
    u64::from(number) * RECORD_BYTES as u64
}

fn next(number: u32, more: usize) -> io::Result<u32> {
    let more = u32::try_from(more).ok();
    let next = more.and_then(|more| number.checked_add(more));
    next.ok_or_else(|| io::ErrorKind::FileTooLarge.into())
}
