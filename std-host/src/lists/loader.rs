//! One file, read in shares.

use core::fmt;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use wrtracker_core::access::Full;
use wrtracker_core::wire::InfoHash;
use wrtracker_core::wire::hash_line::{HashLines, Skipped};

/// A list that is being read.
pub(super) struct Loader {
    pieces: Pieces,
    lines: HashLines,
}

/// A file that is being read.
pub(super) struct Pieces {
    file: File,
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
    /// More of something than there is room for, and the directive that gives room.
    Full(&'static str, &'static str),
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

impl Pieces {
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
            stamp: Stamp::of(&metadata),
        })
    }

    /// Reads the next 32 KiB and hands on what it reads, then `None` at the end of the file. True if
    /// that was reached.
    pub(super) fn step(&mut self, take: &mut dyn FnMut(Option<&[u8]>)) -> Result<bool, LoadError> {
        let mut bytes = [0; PIECE];
        for _ in 0..PIECES {
            match self.file.read(&mut bytes) {
                Ok(0) => {
                    take(None);
                    return Ok(true);
                }
                Ok(count) => take(Some(&bytes[..count])),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(false)
    }

    /// Fails if somebody wrote to it since it was opened.
    pub(super) fn check_unchanged(&self) -> Result<(), LoadError> {
        if Stamp::of(&self.file.metadata()?) == self.stamp {
            Ok(())
        } else {
            Err(LoadError::Changed)
        }
    }
}

impl Loader {
    /// Opens a list, as [`Pieces::open`].
    pub(super) fn open(path: &Path) -> Result<Self, LoadError> {
        Ok(Self {
            pieces: Pieces::open(path)?,
            lines: HashLines::new(),
        })
    }

    /// Most hashes that can be in the file, as long as it is now.
    pub(super) fn most_hashes(&self) -> usize {
        // 40 digits and a line end; the last one may go without.
        usize::try_from(self.pieces.stamp.length.div_ceil(41)).unwrap_or(usize::MAX)
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
        let lines = &mut self.lines;
        let whole = self.pieces.step(&mut |piece| match piece {
            Some(bytes) => lines.push(bytes, &mut each),
            None => lines.finish(&mut each),
        })?;
        if result.is_ok() && !whole {
            return Ok(Progress::More);
        }
        self.pieces.check_unchanged()?;
        result.map_err(|Full| LoadError::Full("hashes", "access.entries"))?;
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
            Self::Full(what, directive) => {
                write!(to, "more {what} than there is room for (see {directive})")
            }
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;

    use super::*;

    fn write(name: &str, text: &str) -> std::path::PathBuf {
        let name = format!("wrtracker-loader-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn text(count: usize) -> String {
        (0..count).map(|nth| format!("{nth:040x}\n")).collect()
    }

    #[test]
    fn a_file_is_read_whole_in_shares() {
        let share = PIECE * PIECES;
        for count in [0, 1, 199, 200, share / 41, share / 41 + 1, 3 * share / 41] {
            let path = write("shares", &text(count));
            let mut loader = Loader::open(&path).unwrap();
            assert_eq!(loader.most_hashes(), count);
            let (mut hashes, mut shares) = (Vec::new(), 1);
            let mut each = |hash| {
                hashes.push(hash);
                Ok(())
            };
            while let Progress::More = loader.step(&mut each).unwrap() {
                shares += 1;
            }
            fs::remove_file(path).unwrap();
            let number = |hash: &InfoHash| usize::from_be_bytes(*hash.0.last_chunk().unwrap());
            assert!(hashes.iter().map(number).eq(0..count), "{count}");
            // The last read is the one that finds the end.
            let reads = (count * 41).div_ceil(PIECE) + 1;
            assert_eq!(shares, reads.div_ceil(PIECES));
        }
    }

    #[test]
    fn a_file_that_is_written_to_meanwhile_is_not_used() {
        let path = write("changed", &text(2000));
        let mut loader = Loader::open(&path).unwrap();
        assert!(matches!(loader.step(|_| Ok(())), Ok(Progress::More)));
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(text(1).as_bytes()).unwrap();
        let end = loop {
            match loader.step(|_| Ok(())) {
                Ok(Progress::More) => {}
                end => break end,
            }
        };
        fs::remove_file(&path).unwrap();
        assert!(matches!(end, Err(LoadError::Changed)), "{end:?}");
    }

    #[test]
    fn a_full_list_ends_it() {
        let path = write("full", &text(2000));
        let mut loader = Loader::open(&path).unwrap();
        let mut asked = 0;
        let end = loader.step(|_| {
            asked += 1;
            if asked > 5 { Err(Full) } else { Ok(()) }
        });
        fs::remove_file(&path).unwrap();
        assert!(matches!(end, Err(LoadError::Full(..))), "{end:?}");
        assert_eq!(asked, 6);
    }

    #[test]
    fn what_is_no_file_is_not_opened_and_what_fails_in_the_middle_is_told() {
        for path in ["/", "/dev/zero"] {
            let end = Loader::open(Path::new(path)).err();
            assert!(matches!(end, Some(LoadError::NotAFile)), "{path} {end:?}");
        }
        let missing = Loader::open(Path::new("/nowhere/at/all")).err().unwrap();
        assert!(missing.to_string().starts_with("No such file"), "{missing}");
        // A file to the eye, and there is nothing to read at its start.
        let mut memory = Loader::open(Path::new("/proc/self/mem")).unwrap();
        let end = memory.step(|_| Ok(()));
        assert!(matches!(end, Err(LoadError::Unreadable(_))), "{end:?}");
    }
}
