//! A new file in the place of an old one, in one step.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::sys::aio::Sync;

/// A file in the making. Until [`commit`](Self::commit) the old one stays as it is, whatever
/// happens; what was written is removed if it doesn't come to that.
#[derive(Debug)]
pub(super) struct Replacement {
    file: File,
    temp: PathBuf,
    path: PathBuf,
    keep_old: bool,
    done: bool,
    /// What the disk is busy with.
    sync: Option<Sync>,
}

impl Replacement {
    /// Begins a file beside the one that it will replace, which is kept with `.old` behind its name
    /// if `keep_old`.
    pub(super) fn begin(path: &Path, mode: u32, keep_old: bool) -> io::Result<Self> {
        let temp = beside(path, ".tmp");
        match fs::remove_file(&temp) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        // Never what somebody else has put there, nor through a link.
        let mut options = OpenOptions::new();
        let file = options
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&temp)?;
        Ok(Self {
            file,
            temp,
            path: path.into(),
            keep_old,
            done: false,
            sync: None,
        })
    }

    /// Appends bytes.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    /// Waits until all is on the disk, and puts it in the place of the old file.
    pub(super) fn commit(mut self) -> io::Result<()> {
        self.file.sync_all()?;
        self.rename()?;
        sync_folder(&self.path);
        Ok(())
    }

    /// Begins to do the same without waiting; [`poll`](Self::poll) goes on with it. Where the kernel
    /// can't, it waits after all.
    pub(super) fn begin_commit(&mut self) -> io::Result<()> {
        let begun = self
            .file
            .try_clone()
            .and_then(|file| Sync::begin(file.into()));
        self.sync = begun.ok();
        if self.sync.is_none() {
            self.file.sync_all()?;
        }
        Ok(())
    }

    /// What came of it, if it has come to its end; waits for that if `wait`.
    pub(super) fn poll(&mut self, wait: bool) -> Option<io::Result<()>> {
        loop {
            let outcome = match &mut self.sync {
                Some(sync) => sync.poll(wait)?,
                None => Ok(()),
            };
            self.sync = None;
            if self.done {
                // Of the folder: see `sync_folder`.
                return Some(Ok(()));
            }
            if let Err(error) = outcome.and_then(|()| self.rename()) {
                return Some(Err(error));
            }
            let folder = File::open(folder(&self.path));
            match folder.and_then(|folder| Sync::begin(folder.into())) {
                Ok(sync) => self.sync = Some(sync),
                Err(_) => sync_folder(&self.path),
            }
        }
    }

    fn rename(&mut self) -> io::Result<()> {
        if self.keep_old {
            keep(&self.path)?;
        }
        fs::rename(&self.temp, &self.path)?;
        self.done = true;
        Ok(())
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        if !self.done {
            let _ = fs::remove_file(&self.temp);
        }
    }
}

/// Gives a file a second name, with `.old` behind it, or only that one where there are no second
/// names.
fn keep(path: &Path) -> io::Result<()> {
    let old = beside(path, ".old");
    let _ = fs::remove_file(&old);
    match fs::hard_link(path, &old) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(_) => fs::rename(path, &old),
        Ok(()) => Ok(()),
    }
}

/// Gives a file another name, with `.bad` behind it, which is returned.
pub(super) fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let bad = beside(path, ".bad");
    fs::rename(path, &bad)?;
    sync_folder(path);
    Ok(bad)
}

/// The path with something behind its last name.
pub(super) fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(end);
    name.into()
}

/// The folder that a file is in.
pub(super) fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Waits until a new name is on the disk. Some file systems can't, and then there is nothing to do
/// about it: the file has its name all the same.
fn sync_folder(path: &Path) {
    if let Ok(folder) = File::open(folder(path)) {
        let _ = folder.sync_all();
    }
}
