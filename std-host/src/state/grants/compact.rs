//! The file written anew without what doesn't count any more, a share in each turn.
//!
//! It is copied from the old file, record by record, and not from the tables, which change meanwhile.
//! What is granted is copied as long as it is true. What is taken back is copied if it was written
//! since the copying began: something older says the opposite, and isn't copied any more, but may have
//! been before. Whatever is added to the old file meanwhile comes in its turn, and the new file takes
//! the old one's place when it has all of it and is on the disk.

use std::io;
use std::path::{Path, PathBuf};

use wrtracker_core::access::Change;
use wrtracker_core::state::grants::{RECORD_BYTES, head, record};

use super::disk::Disk;
use super::journal::{Journal, PIECE, place_of};
use crate::state::replace::beside;
use crate::sys::aio::Sync;

/// A file that is being written anew.
pub(super) struct Compaction<D: Disk> {
    temp: PathBuf,
    file: D::File,
    /// The next record of the old file.
    next: u32,
    /// The old file's end when this began.
    began: u32,
    /// The new file's end.
    end: u32,
    /// Whether all that was copied is on the disk or on its way.
    synced: bool,
    sync: Option<Sync>,
}

/// Whether what a change grants is still so.
pub(super) type IsTrue<'a> = &'a dyn Fn(&Change) -> bool;

impl<D: Disk> Compaction<D> {
    /// Begins.
    pub(super) fn begin(disk: &D, old: &Journal<D>) -> io::Result<Self> {
        let temp = beside(&old.path, ".tmp");
        disk.remove(&temp)?;
        let file = disk.create(&temp)?;
        let new = Self {
            temp,
            file,
            next: 1,
            began: old.end,
            end: 1,
            synced: false,
            sync: None,
        };
        let begun = disk.lock(&new.file);
        match begun.and_then(|()| disk.write(&new.file, &head(), 0)) {
            Ok(()) => Ok(new),
            Err(error) => {
                new.abandon(disk);
                Err(error)
            }
        }
    }

    /// Whether [`step`](Self::step) has something to do at once, and not only to look whether the
    /// disk is done.
    pub(super) const fn has_more(&self) -> bool {
        self.sync.is_none()
    }

    /// Copies the next 120 records, or looks whether the disk is done. True when the new file is in
    /// the old one's place, which is kept under `keep`.
    pub(super) fn step(
        &mut self,
        disk: &D,
        old: &mut Journal<D>,
        keep: Option<&str>,
        is_true: IsTrue<'_>,
    ) -> io::Result<bool> {
        if let Some(sync) = &mut self.sync {
            let Some(result) = sync.poll(false) else {
                return Ok(false);
            };
            self.sync = None;
            result?;
        }
        self.copy(disk, old, is_true)?;
        if self.next < old.end {
            return Ok(false);
        }
        if !self.synced {
            self.synced = true;
            self.sync = disk.begin_sync(&self.file);
            if self.sync.is_some() {
                return Ok(false);
            }
        }
        self.finish(disk, old, keep)?;
        Ok(true)
    }

    /// Does all of it.
    pub(super) fn run(
        mut self,
        disk: &D,
        old: &mut Journal<D>,
        keep: Option<&str>,
        is_true: IsTrue<'_>,
    ) -> io::Result<Self> {
        let copied = loop {
            match self.copy(disk, old, is_true) {
                Ok(()) if self.next < old.end => {}
                other => break other,
            }
        };
        match copied.and_then(|()| self.finish(disk, old, keep)) {
            Ok(()) => Ok(self),
            Err(error) => {
                self.abandon(disk);
                Err(error)
            }
        }
    }

    /// Gives it up.
    pub(super) fn abandon(self, disk: &D) {
        // One that is left is removed at the next start.
        let _ = disk.remove(&self.temp);
    }

    fn copy(&mut self, disk: &D, old: &Journal<D>, is_true: IsTrue<'_>) -> io::Result<()> {
        let mut bytes = [[0; RECORD_BYTES]; PIECE];
        let (began, start, mut count) = (self.began, self.end, 0);
        let to = old.end.min(self.next.saturating_add(PIECE as u32));
        old.each(disk, self.next, to, &mut |number, whole| {
            let Some(change) = whole else {
                return;
            };
            let stays = match change {
                Change::NoKey(_) | Change::NotListed(_) => number >= began,
                _ => is_true(&change),
            };
            if let (true, Some(place)) = (stays, bytes.get_mut(count)) {
                *place = record(start + count as u32, &change.to_bytes(), true, true);
                count += 1;
            }
        })?;
        if count > 0 {
            let all = bytes.get(..count).unwrap_or_default();
            disk.write(&self.file, all.as_flattened(), place_of(self.end))?;
            self.end += count as u32;
        }
        self.next = to.max(self.next);
        Ok(())
    }

    /// Waits for what isn't on the disk yet, which is little unless it is all, and puts the new file
    /// in the old one's place.
    fn finish(&mut self, disk: &D, old: &mut Journal<D>, keep: Option<&str>) -> io::Result<()> {
        disk.sync(&self.file)?;
        if let Some(end) = keep {
            copy_file(disk, old, &beside(&old.path, end))?;
        }
        // From here on the new file counts, whatever comes: it has all that the old one has.
        disk.rename(&self.temp, &old.path)?;
        Ok(())
    }

    /// The new file, which is in the old one's place.
    pub(super) fn into_journal(self, disk: &D, path: PathBuf) -> Journal<D> {
        let unnamed = disk.sync_folder(&path).is_err();
        Journal {
            path,
            file: self.file,
            length: place_of(self.end),
            end: self.end,
            torn: false,
            unnamed,
        }
    }
}

/// Copies the old file as it is. Not a second name for it: not every file system has those.
fn copy_file<D: Disk>(disk: &D, old: &Journal<D>, to: &Path) -> io::Result<()> {
    disk.remove(to)?;
    let copy = disk.create(to)?;
    let (mut bytes, mut at) = ([0; PIECE * RECORD_BYTES], 0);
    loop {
        let got = disk.read(&old.file, &mut bytes, at)?;
        if got == 0 {
            return disk.sync(&copy);
        }
        disk.write(&copy, bytes.get(..got).unwrap_or_default(), at)?;
        at += got as u64;
    }
}
