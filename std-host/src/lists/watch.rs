//! Files that are loaded anew when they change: inotify on the folders that they are in.
//!
//! The folder and not the file, because most programs write a new file and give it the old one's
//! name. A file counts as changed when somebody who could write to it closes it, or when a file
//! gets its name; not while it is being written, and not when it goes away.

use core::mem::MaybeUninit;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};

use crate::log;

/// Tells which of some files have changed.
pub(super) struct Watch {
    inotify: OwnedFd,
    files: Vec<Watched>,
}

/// One file, by its place among them.
struct Watched {
    path: PathBuf,
    /// The kernel's number for its folder; `None` if the folder can't be watched.
    folder: Option<i32>,
}

/// Bytes of events that are taken at a time, on the stack. One with the longest name has 272.
const PIECE: usize = 2 << 10;
/// Events taken in one turn; the rest is there at the next.
const MOST_EVENTS: usize = 256;

impl Watch {
    /// Begins to watch. A folder that can't be watched is told as a warning.
    pub(super) fn new(paths: impl Iterator<Item = PathBuf>) -> io::Result<Self> {
        let inotify = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
        let files = paths.map(|path| Watched { path, folder: None });
        let mut watch = Self {
            inotify,
            files: files.collect(),
        };
        watch.renew();
        Ok(watch)
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }

    /// Watches the folders that aren't watched any more, or never could be.
    pub(super) fn renew(&mut self) {
        let inotify = &self.inotify;
        for file in self.files.iter_mut().filter(|file| file.folder.is_none()) {
            let folder = match file.path.parent() {
                Some(folder) if folder != Path::new("") => folder,
                _ => Path::new("."),
            };
            let flags = WatchFlags::CLOSE_WRITE
                | WatchFlags::MOVED_TO
                | WatchFlags::MOVE_SELF
                | WatchFlags::ONLYDIR;
            match inotify::add_watch(inotify, folder, flags) {
                Ok(number) => file.folder = Some(number),
                Err(error) => log::warning(format_args!(
                    "{}: can't be watched: {error}; changes are seen after the next SIGHUP",
                    folder.display()
                )),
            }
        }
    }

    /// Hands on the place of each file that has changed, maybe more than once. Takes a bounded
    /// number of events.
    pub(super) fn read(&mut self, mut changed: impl FnMut(usize)) {
        let mut bytes = [MaybeUninit::uninit(); PIECE];
        let mut events = Reader::new(&self.inotify, &mut bytes);
        let mut lost = false;
        for _ in 0..MOST_EVENTS {
            // The error is that there are no more for now.
            let Ok(event) = events.next() else {
                break;
            };
            let what = event.events();
            if what.contains(ReadFlags::QUEUE_OVERFLOW) {
                (0..self.files.len()).for_each(&mut changed);
                continue;
            }
            let gone = what.intersects(ReadFlags::MOVE_SELF | ReadFlags::IGNORED);
            for (nth, file) in self.files.iter_mut().enumerate() {
                if file.folder != Some(event.wd()) {
                    continue;
                }
                if gone {
                    // The path may lead to another folder now, with another file in it.
                    file.folder = None;
                    lost = true;
                    changed(nth);
                } else if event.file_name().map(|name| name.to_bytes())
                    == file.path.file_name().map(|name| name.as_bytes())
                {
                    changed(nth);
                }
            }
            if what.contains(ReadFlags::MOVE_SELF) {
                // What goes on in the folder that was moved away is of no interest. The kernel
                // refuses only if it has forgotten the folder already.
                let _ = inotify::remove_watch(&self.inotify, event.wd());
            }
        }
        if lost {
            self.renew();
        }
    }
}
