//! What the journal asks of a disk, so that tests have one that fails whenever they like.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use crate::state::replace::folder;
use crate::sys::aio::Sync;

/// Files that can be brought to the disk. Each is one step, of which the disk may do a part if it
/// fails.
pub trait Disk {
    /// An open file.
    type File;

    /// Opens a file to be changed, and makes it if there is none, for its owner alone.
    ///
    /// # Errors
    ///
    /// The disk's; so for all below.
    fn open(&self, path: &Path) -> io::Result<Self::File>;
    /// Opens a file that is there only to be read.
    fn open_to_read(&self, path: &Path) -> io::Result<Self::File>;
    /// Makes a file that is not there, for its owner alone.
    fn create(&self, path: &Path) -> io::Result<Self::File>;
    /// Keeps other programs from using the file.
    fn lock(&self, file: &Self::File) -> io::Result<()>;
    /// Whether the file still has a name.
    fn has_name(&self, file: &Self::File) -> io::Result<bool>;
    /// Reads bytes from a place on, as many as there are.
    fn read(&self, file: &Self::File, bytes: &mut [u8], at: u64) -> io::Result<usize>;
    /// Writes bytes from a place on.
    fn write(&self, file: &Self::File, bytes: &[u8], at: u64) -> io::Result<()>;
    /// Cuts the file to a length.
    fn cut(&self, file: &Self::File, length: u64) -> io::Result<()>;
    /// Waits until what the file has is on the disk.
    fn sync(&self, file: &Self::File) -> io::Result<()>;
    /// Begins to bring it there; `None` if it can only be waited for.
    fn begin_sync(&self, file: &Self::File) -> Option<Sync>;
    /// Gives a file another name, in the place of whatever has it.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a name.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Waits until the names in a file's folder are on the disk.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;
}

/// The machine's files.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Files;

impl Disk for Files {
    type File = File;

    fn open(&self, path: &Path) -> io::Result<File> {
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false);
        plain(options.mode(MODE).custom_flags(FLAGS).open(path)?)
    }

    fn open_to_read(&self, path: &Path) -> io::Result<File> {
        let mut options = OpenOptions::new();
        plain(options.read(true).custom_flags(FLAGS).open(path)?)
    }

    fn create(&self, path: &Path) -> io::Result<File> {
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create_new(true);
        options.mode(MODE).open(path)
    }

    fn lock(&self, file: &File) -> io::Result<()> {
        match file.try_lock() {
            Err(fs::TryLockError::WouldBlock) => {
                Err(io::Error::other("another program has it in use"))
            }
            // Some file systems know no locks.
            Err(fs::TryLockError::Error(_)) | Ok(()) => Ok(()),
        }
    }

    fn has_name(&self, file: &File) -> io::Result<bool> {
        Ok(file.metadata()?.nlink() > 0)
    }

    fn read(&self, file: &File, bytes: &mut [u8], at: u64) -> io::Result<usize> {
        let mut count = 0;
        while let Some(room) = bytes.get_mut(count..).filter(|room| !room.is_empty()) {
            match file.read_at(room, at + count as u64) {
                Ok(0) => break,
                Ok(more) => count += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(count)
    }

    fn write(&self, file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
        file.write_all_at(bytes, at)
    }

    fn cut(&self, file: &File, length: u64) -> io::Result<()> {
        file.set_len(length)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    fn begin_sync(&self, file: &File) -> Option<Sync> {
        let file = file.try_clone().ok()?;
        Sync::begin(file.into()).ok()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        match fs::remove_file(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => result,
        }
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        // Who may not list a folder, or has a file system that can't, has nothing to do about it.
        let Ok(folder) = File::open(folder(path)) else {
            return Ok(());
        };
        match folder.sync_all() {
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
            result => result,
        }
    }
}

/// Keys are nobody else's business.
const MODE: u32 = 0o600;
/// Never wait, whatever the path leads to.
const FLAGS: i32 = libc::O_NONBLOCK | libc::O_NOCTTY;

fn plain(file: File) -> io::Result<File> {
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("not a file")),
    }
}
