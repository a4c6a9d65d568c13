//! Files that the settings name: whether they are there, and what is in lists.

use core::fmt;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::process::geteuid;
use wrtracker_core::access::KeyLines;
use wrtracker_core::wire::hash_line::{HashLines, Skipped};

use crate::lists::Entries;
use crate::log;
use crate::settings::{MOST_TOLD, Settings, resolve};

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
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Counted {
    /// Lines with a hash.
    pub(super) hashes: usize,
    /// Lines with something else, blanks and comments aside.
    skipped: Skipped,
}

impl fmt::Display for Counted {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{} hashes", self.hashes)?;
        let Skipped { lines, first } = self.skipped;
        match lines {
            0 => Ok(()),
            1 => write!(to, ", line {first} skipped"),
            many => write!(to, ", {many} lines skipped, line {first} first"),
        }
    }
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
    pub(super) fn resolve(&self, outside: &Path) -> PathBuf {
        resolve(self.rootdir.as_deref(), self.root, outside)
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

    /// Reads a list to its end.
    pub(super) fn count(&self, path: &Path) -> Result<Counted, Problem> {
        let mut file = self.open(path)?;
        let (mut lines, mut hashes) = (HashLines::new(), 0);
        let mut each = |_| hashes += 1;
        let mut piece = [0; 8 << 10];
        loop {
            match file.read(&mut piece) {
                Ok(0) => break,
                Ok(many) => lines.push(piece.get(..many).unwrap_or_default(), &mut each),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        lines.finish(&mut each);
        Ok(Counted {
            hashes,
            skipped: lines.skipped(),
        })
    }

    /// Reads keys to their end: how many there are, and how many lines are wrong, which are told.
    pub(super) fn count_keys(&self, path: &Path) -> Result<(usize, usize), Problem> {
        let mut file = self.open(path)?;
        let (mut lines, mut keys, mut wrong) = (KeyLines::new(), 0, 0);
        let mut each = |number: u32, line: Result<_, _>| match line {
            Ok(_) => keys += 1,
            Err(problem) => {
                wrong += 1;
                if wrong <= MOST_TOLD {
                    log::warning(format_args!("{}:{number}: {problem}", path.display()));
                }
            }
        };
        let mut piece = [0; 8 << 10];
        loop {
            match file.read(&mut piece) {
                Ok(0) => break,
                Ok(count) => lines.push(&piece[..count], &mut each),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        lines.finish(&mut each);
        Ok((keys, wrong))
    }

    /// For how many hashes and keys the program would make room.
    pub(super) fn entries(&self, settings: &Settings) -> Entries {
        let mut lists = settings.lists();
        for path in [
            &mut lists.whitelist,
            &mut lists.blacklist,
            &mut lists.keys,
            &mut lists.grants,
        ] {
            *path = path.take().map(|path| self.resolve(&path));
        }
        lists.entries()
    }
}
