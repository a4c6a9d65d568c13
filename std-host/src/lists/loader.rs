//! One file, read in shares.

use core::fmt;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use wrtracker_core::access::Full;
use wrtracker_core::wire::InfoHash;
use wrtracker_core::wire::hash_line::{HashLines, Skipped};

/// A file that is being read.
pub(super) struct Loader {
    file: File,
    lines: HashLines,
    stamp: Stamp,
}

/// What a share came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Progress {
    /// There is more to read.
    More,
    /// The file was read to its end.
    Whole(Told),
}

/// The lines that were skipped, for the end of a sentence.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Told(Skipped);

/// The file isn't to be used.
#[derive(Debug)]
pub(super) enum LoadError {
    /// It can't be opened or read.
    Unreadable(io::Error),
    /// A directory, a device or the like.
    NotAFile,
    /// More hashes than there is room for.
    Full,
    /// Somebody wrote to it meanwhile: what was read may be half of the old and half of the new.
    Changed,
}

/// What of a file is different when it was written to.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    length: u64,
    modified: (i64, i64),
}

/// Bytes read by one system call, into the stack.
const PIECE: usize = 8 << 10;
/// Pieces in a share.
const PIECES: usize = 4;

impl Loader {
    /// Opens a file. Never waits, whatever the path leads to.
    pub(super) fn open(path: &Path) -> Result<Self, LoadError> {
        let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
        let mut options = OpenOptions::new();
        let file = options.read(true).custom_flags(flags).open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(LoadError::NotAFile);
        }
        Ok(Self {
            file,
            lines: HashLines::new(),
            stamp: Stamp::of(&metadata),
        })
    }

    /// Reads the next 32 KiB and hands on the hashes in them.
    pub(super) fn step(
        &mut self,
        mut each: impl FnMut(InfoHash) -> Result<(), Full>,
    ) -> Result<Progress, LoadError> {
        let mut result = Ok(());
        let mut each = |hash| {
            if result.is_ok() {
                result = each(hash);
            }
        };
        let mut whole = false;
        let mut bytes = [0; PIECE];
        for _ in 0..PIECES {
            match self.file.read(&mut bytes) {
                Ok(0) => {
                    self.lines.finish(&mut each);
                    whole = true;
                    break;
                }
                Ok(count) => self.lines.push(&bytes[..count], &mut each),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        result.map_err(|Full| LoadError::Full)?;
        if !whole {
            return Ok(Progress::More);
        }
        if Stamp::of(&self.file.metadata()?) != self.stamp {
            return Err(LoadError::Changed);
        }
        Ok(Progress::Whole(Told(self.lines.skipped())))
    }
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

impl From<io::Error> for LoadError {
    fn from(error: io::Error) -> Self {
        Self::Unreadable(error)
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => error.fmt(to),
            Self::NotAFile => to.write_str("not a file"),
            Self::Full => to.write_str("more hashes than there is room for (see access.entries)"),
            Self::Changed => to.write_str("keeps changing while it is read"),
        }
    }
}

impl fmt::Display for Told {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Skipped { lines, first } = self.0;
        match lines {
            0 => Ok(()),
            1 => write!(to, ", 1 line skipped that is none, line {first}"),
            _ => write!(
                to,
                ", {lines} lines skipped that are none, the first is line {first}"
            ),
        }
    }
}
