//! Files that outlive the program: torrents with their downloads, peers, and what was [granted](grants).
//!
//! `load` takes them back at the start, `replace` puts a new file in the place of an old one in
//! one step, `save` writes one bit by bit.
//!
//! - Both are written at a clean end, and every `state.interval` seconds if that is set: a few pages
//!   of the store in each turn of the event loop, and the kernel is left to bring it to the disk.
//!   Nothing is written that says what the file says already.
//! - A file that is damaged is moved aside and not used; one that can't be read stays, and isn't
//!   written. What is wrong with files keeps nobody from serving.
//! - The file of peers is removed once its peers are taken: a tracker that ends by a crash must not
//!   find the same peers again and again, each time as young as before.
//! - Paths count from the folder and the root that the program has when [`State::load`] is called,
//!   and are used with the rights that it has then.

pub mod grants;
mod load;
mod replace;
mod save;

use core::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};
use rustix::process::geteuid;
use wrtracker_core::time::Secs;
use wrtracker_core::tracker::Tracker;

use crate::log;
use crate::settings::StateSettings;
use crate::sys::clock;

use load::Found;
use replace::{beside, folder};
use save::{Done, Saving};

/// The files of state, and what is still to be done about them.
///
/// The default has no files.
#[derive(Debug, Default)]
pub struct State {
    kept: Vec<Kept>,
    interval: u32,
    /// When files are to be written again.
    due: Secs,
    saving: Option<Saving>,
}

/// A file that is kept.
#[derive(Debug)]
struct Kept {
    kind: Kind,
    path: PathBuf,
    /// What [`mark`](Kind::mark) was for what the file says, if that is known.
    written: Option<u32>,
    /// Whether the file has more than was taken from it, so that it isn't to be lost.
    precious: bool,
    /// Whether it is to be written as soon as no other is.
    waits: bool,
}

/// What is in a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Torrents,
    Peers,
}

impl fmt::Display for Kind {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Self::Torrents => "state.file",
            Self::Peers => "state.peers_file",
        })
    }
}

impl Kind {
    /// A number that stays the same as long as what would be written does.
    fn mark(self, tracker: &Tracker<'_>) -> u32 {
        match self {
            Self::Torrents => tracker.totals().changes,
            Self::Peers => tracker.totals().peers,
        }
    }

    /// Who may read the file: everybody, or only its owner, since addresses are in it.
    const fn mode(self) -> u32 {
        match self {
            Self::Torrents => 0o644,
            Self::Peers => 0o600,
        }
    }
}

impl State {
    /// Takes back what the files have: peers first, so that live swarms have the memory before old
    /// ones. What is wrong is told as a warning.
    pub fn load(settings: StateSettings, tracker: &mut Tracker<'_>, now: Secs) -> Self {
        set_epoch(tracker, now);
        let mut state = Self {
            kept: Vec::new(),
            interval: settings.interval,
            due: now.plus(settings.interval),
            saving: None,
        };
        for (kind, path) in [
            (Kind::Peers, settings.peers_file),
            (Kind::Torrents, settings.file),
        ] {
            if let Some(path) = path {
                state.kept.extend(Kept::load(kind, path, tracker, now));
            }
        }
        // At the end the smaller and more lasting one goes first.
        state.kept.reverse();
        if let Some(path) = settings.load_file {
            load::dump(&path, tracker, now);
        }
        state
    }

    /// Whether [`step`](Self::step) has something to do at once.
    pub fn work_left(&self) -> bool {
        self.saving.as_ref().is_some_and(Saving::has_more)
    }

    /// Whether [`tick`](Self::tick) is to be called once a second although nothing else happens.
    pub fn waits(&self, tracker: &Tracker<'_>) -> bool {
        self.saving.is_some()
            || self.interval > 0 && self.kept.iter().any(|kept| kept.is_old(tracker))
    }

    /// Begins to write what is due. Call it once a second.
    pub fn tick(&mut self, tracker: &mut Tracker<'_>, now: Secs) {
        set_epoch(tracker, now);
        self.step(tracker, now);
        if self.interval > 0 && now >= self.due {
            self.due = now.plus(self.interval);
            for kept in &mut self.kept {
                kept.waits = kept.is_due(tracker);
            }
        }
        if self.saving.is_none()
            && let Some(kept) = self.kept.iter_mut().find(|kept| kept.waits)
        {
            kept.waits = false;
            match Saving::begin(kept, tracker) {
                Ok(saving) => self.saving = Some(saving),
                Err(error) => log::warning(kept.not_written(&error)),
            }
        }
    }

    /// Does one turn's share: looks at 8 pages of the store, and writes 8 KiB at most.
    pub fn step(&mut self, tracker: &Tracker<'_>, now: Secs) {
        let Some(saving) = &mut self.saving else {
            return;
        };
        let Some(result) = saving.step(tracker, now) else {
            return;
        };
        let kind = saving.kind;
        self.saving = None;
        let Some(kept) = self.kept.iter_mut().find(|kept| kept.kind == kind) else {
            return;
        };
        match result {
            Ok(done) => log::debug(kept.conclude(&done)),
            Err(error) => log::warning(kept.not_written(&error)),
        }
    }

    /// Writes all that isn't written yet, to the end.
    pub fn save(&mut self, tracker: &Tracker<'_>, now: Secs) {
        // What has begun and not come to its end would be old: it is begun anew.
        if let Some(saving) = self.saving.take()
            && let Some(kept) = self.kept.iter_mut().find(|kept| kept.kind == saving.kind)
            && let Some(Ok(done)) = saving.abandon()
        {
            kept.conclude(&done);
        }
        for kept in &mut self.kept {
            if !kept.is_due(tracker) {
                continue;
            }
            match Saving::begin(kept, tracker).and_then(|saving| saving.finish(tracker, now)) {
                Ok(done) => log::info(kept.conclude(&done)),
                Err(error) => log::error(kept.not_written(&error)),
            }
        }
    }
}

/// Whether a path is a symbolic link that somebody else made, as anybody can in a folder like `/tmp`:
/// it may lead to a file that only we could write.
fn is_strangers_link(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|link| {
        let owner = link.uid();
        link.is_symlink() && owner != 0 && owner != geteuid().as_raw()
    })
}

impl Kept {
    /// Takes back what a file has; `None` if it must not be written.
    fn load(kind: Kind, path: PathBuf, tracker: &mut Tracker<'_>, now: Secs) -> Option<Self> {
        if is_strangers_link(&path) {
            log::warning(format_args!(
                "{}: a link of another user's; going on without this file",
                path.display()
            ));
            return None;
        }
        // Where a link leads is written, and the link stays.
        let path = fs::canonicalize(&path).unwrap_or(path);
        // Of a program that was killed.
        let _ = fs::remove_file(beside(&path, ".tmp"));
        let found = match kind {
            Kind::Torrents => load::torrents(&path, tracker, now),
            Kind::Peers => load::peers(&path, tracker, now, wall_clock()),
        };
        let mut kept = Self {
            kind,
            written: Some(kind.mark(tracker)),
            precious: found == Found::Partly,
            path,
            waits: false,
        };
        match (found, kind) {
            (Found::Unusable, _) => return None,
            (Found::All | Found::Partly, Kind::Peers) => {
                kept.written = kept.discard().then_some(0);
            }
            (Found::Nothing, Kind::Peers) => kept.written = Some(0),
            (Found::Nothing, Kind::Torrents) => kept.written = None,
            (Found::All | Found::Partly, Kind::Torrents) => {}
        }
        kept.look_at_folder();
        Some(kept)
    }

    /// Whether the file says something else than would be written now. Peers grow older, so that is
    /// true as long as there are any.
    fn is_old(&self, tracker: &Tracker<'_>) -> bool {
        let mark = self.kind.mark(tracker);
        self.written != Some(mark) || self.kind == Kind::Peers && mark > 0
    }

    /// Whether the file is to be written again: also if somebody has removed it.
    fn is_due(&self, tracker: &Tracker<'_>) -> bool {
        self.is_old(tracker) || self.kind == Kind::Torrents && !self.path.exists()
    }

    /// Removes the file; whether that went well.
    fn discard(&self) -> bool {
        let removed = fs::remove_file(&self.path);
        if let Err(error) = &removed {
            log::warning(format_args!(
                "{}: {}: can't be removed: {error}; its peers come back with each start",
                self.kind,
                self.path.display()
            ));
        }
        removed.is_ok()
    }

    /// Warns at once if nothing can be written at the end.
    fn look_at_folder(&self) {
        let folder = folder(&self.path);
        if let Err(error) = access(folder, Access::WRITE_OK | Access::EXEC_OK) {
            log::warning(format_args!(
                "{}: nothing can be written in {}: {error}",
                self.kind,
                folder.display()
            ));
        }
    }

    /// Takes note of what was written, and tells it.
    fn conclude(&mut self, done: &Done) -> impl fmt::Display + use<'_> {
        self.written = Some(done.mark);
        self.precious = false;
        Written {
            kept: self,
            count: done.count,
        }
    }

    fn not_written(&self, error: &std::io::Error) -> String {
        format!(
            "{}: {}: can't be written: {error}",
            self.kind,
            self.path.display()
        )
    }
}

struct Written<'k> {
    kept: &'k Kept,
    count: u32,
}

impl fmt::Display for Written<'_> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Kept { kind, path, .. } = self.kept;
        write!(
            to,
            "{kind}: {} written to {}",
            Count(*kind, self.count),
            path.display()
        )
    }
}

/// So many of a kind, in words.
struct Count(Kind, u32);

impl fmt::Display for Count {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(kind, count) = self;
        let name = match kind {
            Kind::Torrents => "torrent",
            Kind::Peers => "peer",
        };
        write!(to, "{count} {name}{}", if *count == 1 { "" } else { "s" })
    }
}

/// The time before which no clock is right: this was written later. In seconds since 1970, the start
/// of 2026.
const EARLIEST: u64 = 1_767_225_600;

/// Seconds since 1970; `None` if the machine's clock isn't set, as at a router's boot.
fn wall_clock() -> Option<u64> {
    Some(clock::wall_seconds()).filter(|&seconds| seconds >= EARLIEST)
}

/// Tells the tracker what its clock is in wall-clock time, which dumps show, if that is known.
fn set_epoch(tracker: &mut Tracker<'_>, now: Secs) {
    let start = wall_clock().map(|wall| wall.saturating_sub(now.0.into()) / 60);
    if let Some(Ok(minutes)) = start.map(u32::try_from) {
        tracker.set_epoch(minutes);
    }
}
