//! What is granted while the program runs: keys and torrents, on the disk before anybody is told.
//!
//! `journal` is the file, to whose end each batch of changes is added; `compact` writes it anew when
//! most of it is old; `disk` is what both ask of the machine. The format is
//! [`wrtracker_core::state::grants`].
//!
//! - [`write`](Grants::write) returns when the changes are on the disk. If it fails, they count as not
//!   made, now and after a restart, and its caller takes them back.
//! - What is in the file keeps nobody from serving. What can be read is used; if something can't, the
//!   file is kept under another name, and one without it takes its place.
//! - The path counts from the folder and the root that the program has when [`Grants::open`] is
//!   called, and is used with the rights that it has then.

mod compact;
mod disk;
mod journal;

use core::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use wrtracker_core::access::{Access, CLOCK_IS_SET, Change, ChangeBytes, EXPIRED_FOR, Origin};
use wrtracker_core::state::Damage;
use wrtracker_core::state::grants::{GrantsFound, Tail};

use super::is_strangers_link;
use super::replace::beside;
use crate::log;

use compact::{Compaction, IsTrue};
use journal::{Journal, survey};

pub use disk::{Disk, Files};

/// The file of what was granted. The default is none: then nothing is written, and what is granted
/// is good until the program ends.
pub struct Grants<D: Disk = Files> {
    disk: D,
    kept: Kept<D>,
}

enum Kept<D: Disk> {
    /// No file is wanted.
    Nothing,
    /// A file is wanted and can't be written.
    Unusable,
    File(Open<D>),
}

/// A file that is written.
struct Open<D: Disk> {
    journal: Journal<D>,
    compaction: Option<Compaction<D>>,
    /// Records that make the file be written anew.
    enough: u32,
    /// Whether the file has more than was taken from it, so that it isn't to be lost.
    precious: bool,
}

/// Most that is in a file, for who makes room for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counted {
    /// Keys, those counted twice that are there twice.
    pub keys: usize,
    /// Torrents, likewise.
    pub torrents: usize,
}

/// A file of fewer records isn't written anew: 68 KiB.
const FEW: u32 = 1024;

impl Default for Grants {
    fn default() -> Self {
        Self {
            disk: Files,
            kept: Kept::Nothing,
        }
    }
}

impl Grants {
    /// Takes back what the file has, as [`open_on`](Self::open_on) does.
    pub fn open(path: PathBuf, access: &mut Access<'_>, wall_clock: u64) -> Self {
        if is_strangers_link(&path) {
            log::warning(format_args!(
                "state.grants: {}: a link of another user's; nothing can be granted",
                path.display()
            ));
            return Self {
                disk: Files,
                kept: Kept::Unusable,
            };
        }
        // Where a link leads is written, and the link stays.
        let path = fs::canonicalize(&path).unwrap_or(path);
        Self::open_on(Files, path, access, wall_clock)
    }
}

/// The most that a file has, before anything is made of it.
pub fn count(path: &Path) -> Counted {
    let mut counted = Counted::default();
    // What is wrong with it is told when it is opened.
    let _ = read(path, &mut |change| match change {
        Change::Key(..) => counted.keys += 1,
        Change::Listed(_) => counted.torrents += 1,
        _ => {}
    });
    counted
}

/// Hands on what a file has, the oldest first, as far as it is whole, and leaves it as it is.
///
/// # Errors
///
/// The disk's, and that it is no file of this kind.
pub fn read(path: &Path, each: &mut dyn FnMut(Change)) -> io::Result<()> {
    let disk = Files;
    let file = disk.open_to_read(path)?;
    let found = match survey(&disk, &file)?.0 {
        Ok(found) => found,
        Err(Damage::Empty) => return Ok(()),
        Err(damage) => return Err(io::Error::other(damage)),
    };
    let journal = Journal::<Files>::read_only(path, file, found.end);
    journal.each(&disk, 1, found.end.max(1), &mut |_, whole| {
        if let Some(change) = whole {
            each(change);
        }
    })
}

impl<D: Disk> Grants<D> {
    /// Takes back what the file has into the tables that there are, and makes the file if there is
    /// none. To be called before other keys are in the table, so that what is taken back in the file
    /// means what was granted there. What is wrong is told as a warning. `wall_clock` is in seconds
    /// since 1970.
    pub fn open_on(disk: D, path: PathBuf, access: &mut Access<'_>, wall_clock: u64) -> Self {
        let shown = path.display().to_string();
        // Of a program that was killed.
        let _ = disk.remove(&beside(&path, ".tmp"));
        match Open::load(&disk, path, access, wall_clock) {
            Ok(open) => Self {
                disk,
                kept: Kept::File(open),
            },
            Err(error) => {
                log::warning(format_args!(
                    "state.grants: {shown}: {error}; nothing can be granted"
                ));
                Self {
                    disk,
                    kept: Kept::Unusable,
                }
            }
        }
    }

    /// Whether something may be granted: false if a file is wanted for it and can't be written.
    pub const fn is_writable(&self) -> bool {
        !matches!(self.kept, Kept::Unusable)
    }

    /// Whether what is granted outlives the program.
    pub const fn outlives(&self) -> bool {
        matches!(self.kept, Kept::File(_))
    }

    /// Brings changes to the disk, in one batch: after a power cut all of them count or none.
    /// Returns when that is done, or at once if no file is wanted.
    ///
    /// # Errors
    ///
    /// The disk's. Then none of the changes counts, and the caller takes back what it has made of
    /// them; the next call tries anew.
    pub fn write(&mut self, changes: &[ChangeBytes]) -> io::Result<()> {
        if changes.is_empty() {
            return Ok(());
        }
        let open = match &mut self.kept {
            Kept::File(open) => open,
            Kept::Nothing => return Ok(()),
            Kept::Unusable => return Err(io::ErrorKind::ReadOnlyFilesystem.into()),
        };
        let disk = &self.disk;
        let mut written = open.journal.add(disk, changes);
        // What is on its way takes room too.
        if written.is_err()
            && let Some(compaction) = open.compaction.take()
        {
            compaction.abandon(disk);
            open.put_off();
            written = open.journal.add(disk, changes);
        }
        written
    }

    /// Brings to the disk what was granted in memory, before it is acknowledged; whether it may be.
    /// If not, that is told, and all of it is taken back.
    pub fn settle(&mut self, access: &mut Access<'_>) -> bool {
        let written = self.write(access.changes.waiting());
        if let Err(error) = &written {
            log::warning(format_args!(
                "state.grants: can't be written: {error}; what was granted is taken back"
            ));
            self.take_back(access);
        }
        access.changes.clear();
        written.is_ok()
    }

    /// Makes of the keys and torrents that wait to be written what the file says of them. A key of the
    /// file of keys comes back when that is read again. Work: reads the file once.
    fn take_back(&self, access: &mut Access<'_>) {
        let changes = core::mem::take(&mut access.changes);
        let subject = |change: Change| match change {
            Change::Key(key, _) | Change::NoKey(key) => Change::NoKey(key),
            Change::Listed(hash) | Change::NotListed(hash) => Change::NotListed(hash),
        };
        let waiting = changes.waiting().iter().filter_map(Change::parse);
        for change in waiting.clone() {
            apply(&subject(change), access, 0);
        }
        if let Kept::File(open) = &self.kept {
            let journal = &open.journal;
            // What can't be read can't be given back: the next start does.
            let _ = journal.each(&self.disk, 1, journal.end.max(1), &mut |_, whole| {
                let Some(old) = whole else {
                    return;
                };
                if waiting.clone().any(|new| subject(new) == subject(old)) {
                    apply(&old, access, 0);
                }
            });
        }
        access.changes = changes;
    }

    /// Whether [`step`](Self::step) has something to do at once.
    pub fn work_left(&self) -> bool {
        let compaction = self.compaction();
        compaction.is_some_and(Compaction::has_more)
    }

    /// Whether [`tick`](Self::tick) is to be called once a second although nothing else happens.
    pub fn waits(&self) -> bool {
        self.compaction().is_some()
    }

    fn compaction(&self) -> Option<&Compaction<D>> {
        match &self.kept {
            Kept::File(open) => open.compaction.as_ref(),
            _ => None,
        }
    }

    /// Begins to write the file anew if most of it is old. Call it once a second.
    pub fn tick(&mut self, is_true: IsTrue<'_>) {
        if let Kept::File(open) = &mut self.kept
            && open.compaction.is_none()
            && open.journal.end >= open.enough
        {
            match Compaction::begin(&self.disk, &open.journal) {
                Ok(compaction) => open.compaction = Some(compaction),
                Err(error) => open.complain(&error),
            }
        }
        self.step(is_true);
    }

    /// Does one turn's share: copies 120 records. `is_true` says whether what a change grants is
    /// still so, such as [`is_true`].
    pub fn step(&mut self, is_true: IsTrue<'_>) {
        let Kept::File(open) = &mut self.kept else {
            return;
        };
        let Some(mut compaction) = open.compaction.take() else {
            return;
        };
        let (disk, keep) = (&self.disk, open.precious.then_some(".old"));
        match compaction.step(disk, &mut open.journal, keep, is_true) {
            Ok(false) => open.compaction = Some(compaction),
            Ok(true) => open.conclude(disk, compaction),
            Err(error) => {
                compaction.abandon(disk);
                open.complain(&error);
            }
        }
    }
}

/// Whether what a change grants is still so, as far as the tables are there to tell.
pub fn is_true(access: &Access<'_>, change: &Change) -> bool {
    match change {
        Change::Key(key, terms) => access.keys.as_ref().is_none_or(|keys| {
            keys.get(key).is_some_and(|mut now| {
                // No table has a later time than this.
                let most = |time: Option<u64>| time.map(|time| time.min(MOST_TIME));
                now.valid_until = most(now.valid_until);
                now.valid_until == most(terms.valid_until)
                    && (now.info_hash, now.most_peers, now.origin)
                        == (terms.info_hash, terms.most_peers, Origin::Granted)
            })
        }),
        Change::Listed(hash) => access
            .granted
            .as_ref()
            .is_none_or(|granted| granted.contains(hash)),
        Change::NoKey(_) | Change::NotListed(_) => true,
    }
}

const MOST_TIME: u64 = (1 << 48) - 1;

impl<D: Disk> Open<D> {
    fn load(disk: &D, path: PathBuf, access: &mut Access<'_>, wall_clock: u64) -> io::Result<Self> {
        let shown = path.display().to_string();
        let (mut file, refused) = match disk.open(&path) {
            Ok(file) => (file, None),
            // It may be there to be read.
            Err(error) => match disk.open_to_read(&path) {
                Ok(file) => (file, Some(error)),
                Err(_) => return Err(error),
            },
        };
        if refused.is_none() {
            disk.lock(&file)?;
        }
        let (found, mut length) = survey(disk, &file)?;
        let found = match found {
            Ok(found) => found,
            Err(Damage::Empty) => GrantsFound::default(),
            Err(damage) => {
                if let Some(error) = refused {
                    return Err(error);
                }
                let bad = beside(&path, ".bad");
                disk.rename(&path, &bad)?;
                log::warning(format_args!(
                    "state.grants: {shown}: {damage}; nothing of it is used, it is now {}",
                    bad.display()
                ));
                file = disk.open(&path)?;
                disk.lock(&file)?;
                length = 0;
                GrantsFound::default()
            }
        };
        let mut journal = Journal {
            path,
            file,
            end: found.end,
            length,
            torn: found.end == 0 && length > 0 || found.tail != Tail::Nothing,
            unnamed: true,
        };
        let mut tally = Tally::default();
        let taken = journal.each(disk, 1, found.end.max(1), &mut |_, whole| {
            if let Some(change) = whole {
                tally.add(apply(&change, access, wall_clock));
            }
        });
        let keys = access.keys.as_ref().map_or(0, |keys| keys.granted());
        let torrents = access.granted.as_ref().map_or(0, |granted| granted.len());
        if found.end > 1 {
            log::info(format_args!(
                "state.grants: {keys} keys and {torrents} torrents from {shown}{tally}"
            ));
        }
        taken?;
        if let Some(error) = refused {
            return Err(error);
        }
        let is_damaged = found.damaged > 0 || found.tail == Tail::Damaged;
        if is_damaged {
            journal = Self::repair(disk, journal, &found, access)?;
        } else if found.tail == Tail::Cut {
            log::info(format_args!(
                "state.grants: {shown}: the end was cut short while it was written, before anybody \
                 was told: left out"
            ));
        }
        let live = u32::try_from(keys + torrents).unwrap_or(u32::MAX);
        let mut open = Self {
            journal,
            compaction: None,
            enough: FEW.max(live.saturating_mul(2)),
            precious: tally.full > 0,
        };
        if tally.unwanted > 0 {
            // They stay in the file and make it no older.
            open.enough = open.enough.saturating_add(tally.unwanted.saturating_mul(2));
        }
        Ok(open)
    }

    /// Puts a file without what is damaged in the place of one with it, which is kept.
    fn repair(
        disk: &D,
        mut journal: Journal<D>,
        found: &GrantsFound,
        access: &Access<'_>,
    ) -> io::Result<Journal<D>> {
        let bad = beside(&journal.path, ".bad");
        // What follows the end, too, is kept.
        let is_true = |change: &Change| is_true(access, change);
        let new = Compaction::begin(disk, &journal)?;
        let new = new.run(disk, &mut journal, Some(".bad"), &is_true)?;
        let behind = match found.tail {
            Tail::Damaged => " and the end",
            _ => "",
        };
        log::warning(format_args!(
            "state.grants: {}: damaged: {} records{behind} can't be used, all else is; the file as it \
             was is now {}",
            journal.path.display(),
            found.damaged,
            bad.display()
        ));
        Ok(new.into_journal(disk, journal.path))
    }

    fn conclude(&mut self, disk: &D, compaction: Compaction<D>) {
        let path = self.journal.path.clone();
        let before = self.journal.end;
        self.journal = compaction.into_journal(disk, path);
        self.precious = false;
        self.put_off();
        log::debug(format_args!(
            "state.grants: {} written anew, {} records in place of {before}",
            self.journal.path.display(),
            self.journal.end
        ));
    }

    /// Lets the file grow to twice its records before it is written anew.
    fn put_off(&mut self) {
        self.enough = FEW.max(self.journal.end.saturating_mul(2));
    }

    fn complain(&mut self, error: &io::Error) {
        self.put_off();
        log::warning(format_args!(
            "state.grants: {}: can't be written anew: {error}; it goes on growing",
            self.journal.path.display()
        ));
    }
}

/// What became of a record.
enum Applied {
    Done,
    /// There is no room.
    Full,
    /// There is no table for it.
    Unwanted,
}

fn apply(change: &Change, access: &mut Access<'_>, wall_clock: u64) -> Applied {
    match (change, &mut access.keys, &mut access.granted) {
        (Change::Key(..) | Change::NoKey(_), None, _) => Applied::Unwanted,
        (Change::Listed(_) | Change::NotListed(_), _, None) => Applied::Unwanted,
        (Change::Key(key, terms), Some(keys), _) => {
            let is_over = |until: u64| until.saturating_add(EXPIRED_FOR) < wall_clock;
            if wall_clock >= CLOCK_IS_SET && terms.valid_until.is_some_and(is_over) {
                keys.remove(key);
                return Applied::Done;
            }
            match keys.insert(key, terms) {
                Ok(_) => Applied::Done,
                Err(_) => Applied::Full,
            }
        }
        (Change::NoKey(key), Some(keys), _) => {
            if keys
                .get(key)
                .is_some_and(|terms| terms.origin == Origin::Granted)
            {
                keys.remove(key);
            }
            Applied::Done
        }
        (Change::Listed(hash), _, Some(granted)) => match granted.insert(hash) {
            Ok(_) => Applied::Done,
            Err(_) => Applied::Full,
        },
        (Change::NotListed(hash), _, Some(granted)) => {
            granted.remove(hash);
            Applied::Done
        }
    }
}

/// What of a file wasn't taken.
#[derive(Default)]
struct Tally {
    full: u32,
    unwanted: u32,
}

impl Tally {
    const fn add(&mut self, applied: Applied) {
        match applied {
            Applied::Done => {}
            Applied::Full => self.full += 1,
            Applied::Unwanted => self.unwanted += 1,
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.full > 0 {
            write!(to, ", {} found no room", self.full)?;
        }
        if self.unwanted > 0 {
            write!(to, ", {} that no mode asks for", self.unwanted)?;
        }
        Ok(())
    }
}
