//! Files that the settings name: whether they are there, and what is in lists.

use core::fmt;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

use crate::log;
use crate::settings::Settings;

/// Where the program would look for files.
pub(super) struct Files {
    rootdir: Option<PathBuf>,
    root: bool,
}

/// One way to look at a file.
pub(super) type Look = fn(&Files, &Path) -> Result<(), Problem>;

/// Why a file is of no use.
#[derive(Debug)]
pub(super) enum Problem {
    /// The kernel's reason.
    System(io::Error),
    /// A directory, a device or the like.
    NotAFile,
    /// Something else than a named pipe is there.
    NotAFifo,
    /// There is no folder to make it in.
    NoFolder,
}

impl fmt::Display for Problem {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Self::System(error) => return error.fmt(to),
            Self::NotAFile => "not a file",
            Self::NotAFifo => "there is something else than a named pipe",
            Self::NoFolder => "there is no such folder to make it in",
        })
    }
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

/// What is in a list.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Counted {
    /// Lines with a hash.
    pub(super) hashes: usize,
    /// Lines with something else, blanks and comments aside.
    pub(super) skipped: usize,
    /// The number of the first of these, counting from 1.
    pub(super) first_skipped: usize,
}

impl fmt::Display for Counted {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{} hashes", self.hashes)?;
        match self.skipped {
            0 => Ok(()),
            1 => write!(to, ", line {} skipped", self.first_skipped),
            many => write!(
                to,
                ", {many} lines skipped, line {} first",
                self.first_skipped
            ),
        }
    }
}

/// Room for hashes in a list whose file holds few.
const LEAST_ROOM: usize = 4096;

/// For how many hashes a list has room whose file holds so many.
pub(super) fn room(settings: &Settings, hashes: usize) -> usize {
    let asked = settings.access_entries;
    let asked = asked.map(|entries| usize::try_from(entries).unwrap_or(usize::MAX));
    asked.unwrap_or(hashes.saturating_mul(2).max(LEAST_ROOM))
}

impl Files {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            rootdir: settings.rootdir.clone(),
            root: geteuid().is_root(),
        }
    }

    /// Where the path leads once root has changed its root directory, or anybody else the working
    /// directory.
    pub(super) fn resolve(&self, path: &Path) -> PathBuf {
        let path = if self.root {
            path.strip_prefix("/").unwrap_or(path)
        } else {
            path
        };
        let base = match (&self.rootdir, self.root) {
            (Some(rootdir), _) => rootdir.as_path(),
            (None, true) => Path::new("/"),
            (None, false) => return path.into(),
        };
        base.join(path)
    }

    /// Opens a file that is to be read, and warns if it is only root's.
    fn open(&self, path: &Path) -> Result<File, Problem> {
        let path = self.resolve(path);
        // Before it is opened: a named pipe would wait for somebody to write.
        let metadata = fs::metadata(&path)?;
        if !metadata.is_file() {
            return Err(Problem::NotAFile);
        }
        if self.root && metadata.permissions().mode() & 0o004 == 0 {
            log::warning(format_args!(
                "{}: not everybody may read it, so the tracker may not, once it is no more root",
                path.display()
            ));
        }
        Ok(File::open(path)?)
    }

    /// Looks at a file that is to be read.
    pub(super) fn read(&self, path: &Path) -> Result<(), Problem> {
        self.open(path).map(drop)
    }

    /// Looks where a file is to be written: beside it too, since it is replaced in one step.
    pub(super) fn written(&self, path: &Path) -> Result<(), Problem> {
        let path = self.resolve(path);
        let folder = path.parent().unwrap_or(&path);
        let folder = if folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            folder
        };
        if !folder.is_dir() {
            return Err(Problem::NoFolder);
        }
        if path.exists() && !path.is_file() {
            return Err(Problem::NotAFile);
        }
        Ok(())
    }

    /// Looks where a named pipe is, or is to be made.
    pub(super) fn fifo(&self, path: &Path) -> Result<(), Problem> {
        match fs::metadata(self.resolve(path)) {
            Ok(metadata) if metadata.file_type().is_fifo() => Ok(()),
            Ok(_) => Err(Problem::NotAFifo),
            Err(_) => self.written(path),
        }
    }

    /// Reads a list to its end. Stands in for the reader of lists.
    pub(super) fn count(&self, path: &Path) -> Result<Counted, Problem> {
        let mut file = self.open(path)?;
        let mut lines = Lines::default();
        let mut piece = [0; 8 << 10];
        loop {
            match file.read(&mut piece) {
                Ok(0) => break,
                Ok(many) => piece.iter().take(many).for_each(|byte| lines.take(*byte)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        lines.end();
        Ok(lines.counted)
    }
}

/// Lines of a list, byte by byte: 40 hexadecimal digits at the start and no more of them are a
/// hash.
#[derive(Default)]
struct Lines {
    counted: Counted,
    number: usize,
    digits: usize,
    /// Whether only digits came so far.
    hex: bool,
    /// Whether something came that is neither blank nor a comment.
    text: bool,
    /// Whether anything came.
    begun: bool,
}

impl Lines {
    fn take(&mut self, byte: u8) {
        if byte == b'\n' {
            return self.end();
        }
        if !self.begun {
            self.begun = true;
            self.hex = true;
        }
        if self.hex && byte.is_ascii_hexdigit() {
            self.digits = self.digits.saturating_add(1);
        } else {
            self.hex = false;
            if self.digits == 0 && !self.text && !byte.is_ascii_whitespace() {
                self.text = byte != b'#';
                // A comment ends what can be said of the line.
                self.digits = usize::from(byte == b'#') * usize::MAX;
            }
        }
    }

    fn end(&mut self) {
        self.number = self.number.saturating_add(1);
        let Counted {
            hashes,
            skipped,
            first_skipped,
        } = &mut self.counted;
        if self.digits == 40 {
            *hashes = hashes.saturating_add(1);
        } else if self.text || (self.digits > 0 && self.digits < usize::MAX) {
            if *skipped == 0 {
                *first_skipped = self.number;
            }
            *skipped = skipped.saturating_add(1);
        }
        (self.digits, self.hex, self.text, self.begun) = (0, false, false, false);
    }
}

#[cfg(test)]
mod tests {
    use super::{Counted, Lines};

    fn count(text: &str) -> Counted {
        let mut lines = Lines::default();
        text.bytes().for_each(|byte| lines.take(byte));
        lines.end();
        lines.counted
    }

    #[test]
    fn lines_with_a_hash_are_counted_and_others_told() {
        let hash = "0123456789abcdefABCDEF0123456789abcdef01";
        let text = format!(
            "{hash}\n\n# comment\n  \n{hash} # why\r\n {hash}\n{hash}0\nx\n{}\n#{hash}\n{hash}",
            &hash[1..]
        );
        assert_eq!(
            count(&text),
            Counted {
                hashes: 3,
                skipped: 4,
                first_skipped: 6
            }
        );
        assert_eq!(count(""), Counted::default());
    }
}
