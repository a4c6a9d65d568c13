//! A named pipe that changes a list, one info hash on each line.
//!
//! Any number of programs may write to it. Writes of up to 4096 bytes don't mix with those of
//! others (pipe(7)), so each should be of whole lines. A line has an effect when the byte behind
//! its 40 digits has come; one that is left unfinished when the last writer closes has none, and
//! doesn't spoil the line that the next writer begins with.

use core::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, mkfifoat};
use wrtracker_core::access::{AccessList, Full};
use wrtracker_core::wire::hash_line::HashLines;

use super::Hashes;
use crate::log;

/// One named pipe, open for reading.
pub(super) struct Fifo {
    path: PathBuf,
    file: File,
    change: Change,
    lines: HashLines,
    /// Whether there may be something to read.
    ready: bool,
    /// Hashes that made a difference and aren't told of yet.
    changed: usize,
    /// Whether it was told that the list is full, and that lines were skipped.
    complained: (bool, bool),
}

/// What a line does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Change {
    /// Adds the hash.
    Add,
    /// Removes it.
    Delete,
}

/// The named pipe can't be used.
#[derive(Debug)]
pub(super) enum FifoError {
    /// It can't be made or opened.
    System(io::Error),
    /// Something else has the name.
    NotAFifo,
}

/// Bytes read by one system call, into the stack: what one write can have at most without being
/// mixed with others.
const PIECE: usize = 4 << 10;
/// Pieces taken in one turn.
const PIECES: usize = 8;

impl Fifo {
    /// Opens the named pipe, and makes one if there is nothing of that name: for the user that the
    /// program runs as, and root, to write to. One that was made before keeps its permissions, so
    /// that is how others are let in.
    pub(super) fn open(path: PathBuf, change: Change) -> Result<Self, FifoError> {
        match std::fs::metadata(&path) {
            Ok(found) if !found.file_type().is_fifo() => return Err(FifoError::NotAFifo),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => make(&path)?,
            Err(error) => return Err(error.into()),
        }
        let mut options = OpenOptions::new();
        let file = options
            .read(true)
            .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
            .open(&path)?;
        // Somebody may have been quicker.
        if !file.metadata()?.file_type().is_fifo() {
            return Err(FifoError::NotAFifo);
        }
        Ok(Self {
            path,
            file,
            change,
            lines: HashLines::new(),
            ready: false,
            changed: 0,
            complained: (false, false),
        })
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// Takes note that there is something to read.
    pub(super) const fn ready(&mut self) {
        self.ready = true;
    }

    /// Whether there may be something to read.
    pub(super) const fn is_ready(&self) -> bool {
        self.ready
    }

    /// What was told once may be told again.
    pub(super) const fn forget_complaints(&mut self) {
        self.complained = (false, false);
    }

    /// Carries out at most 32 KiB of what has been written. `name` is what the list is called.
    ///
    /// In a frame of its own, as the event loop's is always there.
    #[inline(never)]
    pub(super) fn step(&mut self, list: &mut AccessList<'_>, name: &dyn fmt::Display) {
        let skipped = self.lines.skipped().lines;
        let mut full = false;
        let mut bytes = [0; PIECE];
        for _ in 0..PIECES {
            match self.file.read(&mut bytes) {
                Ok(0) => {
                    self.lines.give_up();
                    self.ready = false;
                }
                Ok(count) => self.lines.push(&bytes[..count], |hash| {
                    let result = match self.change {
                        Change::Add => list.insert(&hash),
                        Change::Delete => Ok(list.remove(&hash)),
                    };
                    match result {
                        Ok(different) => self.changed += usize::from(different),
                        Err(Full) => full = true,
                    }
                }),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Nothing more for now; a pipe has no other errors.
                Err(_) => self.ready = false,
            }
            if !self.ready {
                break;
            }
        }
        self.tell(full, self.lines.skipped().lines != skipped, list, name);
    }

    /// Tells what came of it, when nothing more waits; and what was wrong, once.
    fn tell(&mut self, full: bool, skipped: bool, list: &AccessList<'_>, name: &dyn fmt::Display) {
        let path = self.path.display();
        if full && !self.complained.0 {
            self.complained.0 = true;
            log::warning(format_args!(
                "{name}: {path}: no room for more than {} (see access.entries)",
                Hashes(list.capacity())
            ));
        }
        if skipped && !self.complained.1 {
            self.complained.1 = true;
            log::warning(format_args!(
                "{name}: {path}: lines that are no info hashes were skipped"
            ));
        }
        if self.changed > 0 && !self.ready {
            let done = match self.change {
                Change::Add => "added",
                Change::Delete => "removed",
            };
            let changed = Hashes(self.changed);
            log::info(format_args!("{name}: {changed} {done} by {path}"));
            self.changed = 0;
        }
    }
}

/// Makes a named pipe; one that is there already is fine too.
fn make(path: &Path) -> io::Result<()> {
    match mkfifoat(CWD, path, Mode::RUSR | Mode::WUSR) {
        Ok(()) | Err(rustix::io::Errno::EXIST) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

impl From<io::Error> for FifoError {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

impl fmt::Display for FifoError {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System(error) => error.fmt(to),
            Self::NotAFifo => to.write_str("there is something else of this name, no FIFO"),
        }
    }
}
