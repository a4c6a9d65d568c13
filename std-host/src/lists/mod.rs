//! Access lists and keys from files: loaded at start, loaded anew on SIGHUP or when they change, and changed
//! one hash at a time through FIFOs.
//!
//! All of it happens in the turns of the event loop, a bounded share in each, so that announces are
//! answered meanwhile. `Loader` reads a file in shares, `Watch` tells when it has changed,
//! `Fifo` is one named pipe.
//!
//! A file is in force when it was read whole, and not before: one that is missing, unreadable, no
//! file, too long, or not the same at its end as at its start leaves the list as it was. After a
//! load the list is what the file says; what FIFOs changed before is gone (opentracker does the
//! same). FIFOs wait while files are loaded, so a change that is written after a SIGHUP survives
//! it.
//!
//! Paths count from the folder and the root that the program has when [`Lists::new`] is called.

mod fifo;
mod key_file;
mod loader;
mod settings;
mod watch;

use core::fmt;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;

use rustix::event::epoll::EventFlags;
use wrtracker_core::access::{Access, AccessList, ChangeBytes, Changes, Granted, Keys};

use crate::log;
use crate::sys::memory::{Reserved, reserve_bytes, reserve_longs, reserve_words};

use fifo::{Change, Fifo};
use key_file::KeyFile;
use loader::{LoadError, Loader, Progress};
use watch::Watch;

pub use settings::{Entries, ListSettings};

/// Where the access lists come from, and what is still to be done about them.
///
/// The default has no lists.
#[derive(Default)]
pub struct Lists {
    sources: Vec<Source>,
    /// The source being loaded, by its place.
    loading: Option<(usize, Loader)>,
    keys: Option<KeyFile>,
    watch: Option<Watch>,
    fifos: Vec<Fifo>,
}

/// The file of one list.
struct Source {
    role: Role,
    path: PathBuf,
    /// Where the list's memory lies.
    memory: Reserved,
    /// Whether the file must be loaded, or loaded once more after the load that goes on.
    due: bool,
    /// How often in a row the file had changed while it was read.
    disturbed: u32,
}

/// Which list it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Role {
    Whitelist,
    Blacklist,
}

/// Whether this build has keys; without them nothing of their file is built either.
const HAS_KEYS: bool = cfg!(feature = "private");

/// How often a file that changes while it is read is read again before the list stays as it was.
const MOST_DISTURBED: u32 = 5;

impl Lists {
    /// Reserves the lists' memory, begins to watch, and opens the FIFOs. The lists are empty until
    /// [`load`](Self::load).
    ///
    /// What is wrong with files and FIFOs is told as a warning: a whitelist that can't be loaded
    /// admits nothing until it can, a blacklist everything. `key` comes from the system's random
    /// source.
    ///
    /// # Errors
    ///
    /// The kernel's, if it does not have the memory to promise.
    pub fn new(
        settings: ListSettings,
        entries: Entries,
        key: &[u8; 16],
    ) -> io::Result<(Self, Access<'static>)> {
        let (mut lists, mut access) = (Self::default(), Access::default());
        for (role, path, entries) in [
            (Role::Whitelist, settings.whitelist, entries.whitelist),
            (Role::Blacklist, settings.blacklist, entries.blacklist),
        ] {
            let Some(path) = path else {
                continue;
            };
            let (words, memory) = reserve_longs(AccessList::words(entries))?;
            *role.slot(&mut access) = Some(AccessList::new(words, key));
            lists.sources.push(Source {
                role,
                path,
                memory,
                due: true,
                disturbed: 0,
            });
        }
        if HAS_KEYS && entries.keys > 0 {
            let memory = reserve_words(Keys::words(entries.keys))?;
            access.keys = Some(Keys::new(memory, entries.keys, key));
            lists.keys = settings.keys.map(KeyFile::new);
        }
        if entries.granted > 0 {
            let memory = reserve_words(Granted::words(entries.granted))?;
            access.granted = Some(Granted::new(memory, key));
        }
        let changes = reserve_bytes(entries.changes * size_of::<ChangeBytes>())?;
        access.changes = Changes::new(changes.as_chunks_mut().0);
        if settings.watch && lists.is_loading() {
            let paths = lists.sources.iter().map(|source| &source.path);
            let paths = paths.chain(lists.keys.iter().map(KeyFile::path));
            lists.watch = watch_all(paths.cloned());
        }
        for (path, change) in [
            (settings.fifo_add, Change::Add),
            (settings.fifo_delete, Change::Delete),
        ] {
            let Some(path) = path else {
                continue;
            };
            let name = path.display().to_string();
            if lists.sources.is_empty() {
                log::warning(format_args!(
                    "{name}: not opened: there is neither a whitelist nor a blacklist to change"
                ));
                continue;
            }
            match Fifo::open(path, change) {
                Ok(fifo) => lists.fifos.push(fifo),
                Err(error) => log::warning(format_args!("{name}: {error}; going on without it")),
            }
        }
        Ok((lists, access))
    }

    /// Loads the files to the end.
    pub fn load(&mut self, access: &mut Access<'_>) {
        while self.is_loading() {
            self.load_share(access);
        }
    }

    /// The descriptors that the event loop must tell of, with the number that
    /// [`ready`](Self::ready) is to be called with, and how.
    pub fn descriptors(&self) -> impl Iterator<Item = (BorrowedFd<'_>, usize, EventFlags)> {
        let watch = self.watch.iter().map(|watch| (watch.fd(), EventFlags::IN));
        // Edges: a FIFO that nobody has open for writing is readable for ever.
        let flags = EventFlags::IN | EventFlags::ET;
        let fifos = self.fifos.iter().map(move |fifo| (fifo.fd(), flags));
        let first = usize::from(self.watch.is_none());
        watch
            .chain(fifos)
            .enumerate()
            .map(move |(nth, (fd, flags))| (fd, nth + first, flags))
    }

    /// Takes note that there is something to read at a descriptor.
    pub fn ready(&mut self, number: usize) {
        match number.checked_sub(1) {
            None => self.look_for_changes(),
            Some(nth) => {
                if let Some(fifo) = self.fifos.get_mut(nth) {
                    fifo.ready();
                }
            }
        }
    }

    /// Begins to load all files anew. Keys that came from elsewhere stay. What waits in the FIFOs is carried out when that is done.
    pub fn reload(&mut self) {
        if let Some(watch) = &mut self.watch {
            watch.renew();
        }
        for source in &mut self.sources {
            source.due = true;
            source.disturbed = 0;
        }
        if let Some(keys) = &mut self.keys {
            keys.reload();
        }
    }

    /// Whether [`step`](Self::step) has something to do at once.
    pub fn work_left(&self) -> bool {
        self.is_loading() || self.fifos.iter().any(Fifo::is_ready)
    }

    /// Does one turn's share of what there is to do: reads 32 KiB of a file, which are 800 hashes,
    /// or as much from each FIFO. At the end of a load also gives back the memory of the old list.
    pub fn step(&mut self, access: &mut Access<'_>) {
        if self.is_loading() {
            self.load_share(access);
        } else {
            self.read_fifos(access);
        }
    }

    fn is_loading(&self) -> bool {
        self.is_loading_list() || HAS_KEYS && self.keys.as_ref().is_some_and(KeyFile::has_work)
    }

    fn is_loading_list(&self) -> bool {
        self.loading.is_some() || self.sources.iter().any(|source| source.due)
    }

    fn look_for_changes(&mut self) {
        let (watch, sources, keys) = (&mut self.watch, &mut self.sources, &mut self.keys);
        if let Some(watch) = watch {
            watch.read(|nth| match sources.get_mut(nth) {
                Some(source) => {
                    source.due = true;
                    source.disturbed = 0;
                }
                None => keys.iter_mut().for_each(KeyFile::reload),
            });
        }
    }

    /// Opens the next file that is due, or reads on in the one that is open.
    fn load_share(&mut self, access: &mut Access<'_>) {
        if !self.is_loading_list() {
            if HAS_KEYS && let (Some(file), Some(keys)) = (&mut self.keys, &mut access.keys) {
                file.step(keys);
            }
            return;
        }
        let Some((nth, mut loader)) = self.loading.take().or_else(|| self.open_next(access)) else {
            return;
        };
        let Some(source) = self.sources.get_mut(nth) else {
            return;
        };
        let Some(list) = source.role.slot(access) else {
            return;
        };
        let clear = |half: &mut [u64]| source.memory.clear(half);
        match loader.step(|hash| list.add(&hash)) {
            Ok(Progress::More) => self.loading = Some((nth, loader)),
            Ok(Progress::Whole(skipped)) => {
                list.commit(clear);
                source.disturbed = 0;
                log::info(format_args!(
                    "{}: {} from {}{skipped}",
                    source.role,
                    Hashes(list.len()),
                    source.path.display()
                ));
                self.fifos.iter_mut().for_each(Fifo::forget_complaints);
            }
            Err(LoadError::Changed) if source.disturbed < MOST_DISTURBED => {
                list.abort(clear);
                source.disturbed += 1;
                source.due = true;
            }
            Err(error) => {
                list.abort(clear);
                source.complain(&error, list);
            }
        }
    }

    fn open_next(&mut self, access: &mut Access<'_>) -> Option<(usize, Loader)> {
        let nth = self.sources.iter().position(|source| source.due)?;
        let source = self.sources.get_mut(nth)?;
        source.due = false;
        let list = source.role.slot(access).as_mut()?;
        match Loader::open(&source.path) {
            Ok(loader) => {
                // What FIFOs may add needs all the room there is.
                let expected = match self.fifos.is_empty() {
                    true => loader.most_hashes(),
                    false => usize::MAX,
                };
                list.begin(expected, |half| source.memory.clear(half));
                Some((nth, loader))
            }
            Err(error) => {
                source.complain(&error, list);
                None
            }
        }
    }

    fn read_fifos(&mut self, access: &mut Access<'_>) {
        let name = match access.whitelist {
            Some(_) => Role::Whitelist,
            None => Role::Blacklist,
        };
        let Some(list) = access.changeable() else {
            return self.fifos.clear();
        };
        for fifo in &mut self.fifos {
            fifo.step(list, &name);
        }
    }
}

impl Source {
    /// Tells why the file isn't in force, and what is.
    fn complain(&self, error: &LoadError, list: &AccessList<'_>) {
        let (role, path) = (self.role, self.path.display());
        let why = format_args!("{role}: {path}: {error}");
        match (list.len(), role) {
            (0, Role::Whitelist) => log::warning(format_args!("{why}; no torrent is allowed")),
            (0, Role::Blacklist) => log::warning(format_args!("{why}; no torrent is refused")),
            (count, _) => log::warning(format_args!(
                "{why}; the list stays as it was, with {}",
                Hashes(count)
            )),
        }
    }
}

/// Watches the files; `None` with a warning if there can be no watch at all.
fn watch_all(paths: impl Iterator<Item = PathBuf>) -> Option<Watch> {
    match Watch::new(paths) {
        Ok(watch) => Some(watch),
        Err(error) => {
            log::warning(format_args!(
                "access.watch: {error}; lists are loaded anew only on SIGHUP"
            ));
            None
        }
    }
}

impl Role {
    /// Where its list is.
    const fn slot<'a, 'm>(self, access: &'a mut Access<'m>) -> &'a mut Option<AccessList<'m>> {
        match self {
            Self::Whitelist => &mut access.whitelist,
            Self::Blacklist => &mut access.blacklist,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Self::Whitelist => "whitelist",
            Self::Blacklist => "blacklist",
        })
    }
}

/// So many hashes, in words.
struct Hashes(usize);

impl fmt::Display for Hashes {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            1 => to.write_str("1 hash"),
            count => write!(to, "{count} hashes"),
        }
    }
}
