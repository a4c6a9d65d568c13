//! What the files have, taken back at the start.
//!
//! A file of ours is read twice: to know whether it is whole, and then to use it. All or nothing of
//! it is used.

use core::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use wrtracker_core::state::{Damage, PeersReader, TorrentsReader};
use wrtracker_core::store::Restored;
use wrtracker_core::time::Secs;
use wrtracker_core::tracker::{Denied, Tracker};
use wrtracker_core::wire::state_line::{Skipped, StateLines};

use super::replace::set_aside;
use super::{Count, EARLIEST, Kind};
use crate::log;

/// What came of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Found {
    /// All of it was taken.
    All,
    /// Some of it wasn't.
    Partly,
    /// There is none, or none any more.
    Nothing,
    /// There is something that must not be replaced.
    Unusable,
}

/// Bytes read by one system call, into the stack.
const PIECE: usize = 8 << 10;

/// Takes back torrents, from a file of ours or a whole dump of opentracker's.
pub(super) fn torrents(path: &Path, tracker: &mut Tracker<'_>, now: Secs) -> Found {
    let kind = Kind::Torrents;
    let mut file = match open(path) {
        Ok(Some(file)) => file,
        Ok(None) => return Found::Nothing,
        Err(error) => return unreadable(kind, path, &error),
    };
    let (mut reader, mut whole) = (TorrentsReader::new(), Ok(()));
    let read = pieces(&mut file, &mut |bytes| {
        whole = reader.push(bytes, |_| ());
        whole.is_ok()
    });
    if let Err(error) = read {
        return unreadable(kind, path, &error);
    }
    let mut tally = Tally::new(kind);
    let read = match whole.and_then(|()| reader.finish()) {
        Ok(_) => {
            let mut reader = TorrentsReader::new();
            again(&mut file, &mut |bytes| {
                let each = |line| tally.add(tracker.restore_torrent(&line, now));
                reader.push(bytes, each).is_ok()
            })
        }
        Err(Damage::Foreign) if is_dump(&mut file) => {
            let mut lines = StateLines::new();
            again(&mut file, &mut |bytes| {
                lines.push(bytes, |line| tally.add(tracker.restore_torrent(&line, now)));
                true
            })
        }
        Err(damage) => return damaged(kind, path, damage),
    };
    tally.tell(path, read)
}

/// Takes back peers, which are older by the time since they were written, if the clock is set now
/// and was then, and hasn't gone back.
pub(super) fn peers(
    path: &Path,
    tracker: &mut Tracker<'_>,
    now: Secs,
    wall_clock: Option<u64>,
) -> Found {
    let kind = Kind::Peers;
    let mut file = match open(path) {
        Ok(Some(file)) => file,
        Ok(None) => return Found::Nothing,
        Err(error) => return unreadable(kind, path, &error),
    };
    let (mut reader, mut whole) = (PeersReader::new(), Ok(()));
    let read = pieces(&mut file, &mut |bytes| {
        whole = reader.push(bytes, |_| ());
        whole.is_ok()
    });
    if let Err(error) = read {
        return unreadable(kind, path, &error);
    }
    let saved = reader.saved();
    if let Err(damage) = whole.and_then(|()| reader.finish()) {
        return damaged(kind, path, damage);
    }
    let older = older(saved, wall_clock);
    let (mut reader, mut tally) = (PeersReader::new(), Tally::new(kind));
    let read = again(&mut file, &mut |bytes| {
        let each = |peer| tally.add(tracker.restore_peer(&peer, older, now));
        reader.push(bytes, each).is_ok()
    });
    tally.tell(path, read)
}

/// Takes torrents from opentracker's dump, as far as its lines are any.
pub(super) fn dump(path: &Path, tracker: &mut Tracker<'_>, now: Secs) {
    let mut tally = Tally::new(Kind::Torrents);
    tally.name = Name::Dump;
    let mut lines = StateLines::new();
    let read = open(path).and_then(|file| {
        let mut file = file.ok_or(io::ErrorKind::NotFound)?;
        pieces(&mut file, &mut |bytes| {
            lines.push(bytes, |line| tally.add(tracker.restore_torrent(&line, now)));
            true
        })
    });
    tally.skipped = lines.finish(|line| tally.add(tracker.restore_torrent(&line, now)));
    tally.tell(path, read);
}

/// Seconds since a file was written, as far as that can be known.
fn older(saved: u64, wall_clock: Option<u64>) -> u32 {
    match wall_clock {
        Some(now) if saved >= EARLIEST => {
            u32::try_from(now.saturating_sub(saved)).unwrap_or(u32::MAX)
        }
        _ => 0,
    }
}

/// Whether a file is a dump of opentracker's and nothing else, whole lines to its end.
fn is_dump(file: &mut File) -> bool {
    let (mut lines, mut count, mut last) = (StateLines::new(), 0u32, 0);
    let read = again(file, &mut |bytes| {
        lines.push(bytes, |_| count = count.saturating_add(1));
        last = bytes.last().copied().unwrap_or(last);
        true
    });
    read.is_ok() && count > 0 && last == b'\n' && lines.finish(|_| ()).lines == 0
}

/// Opens a file, if there is one. Never waits, whatever the path leads to.
fn open(path: &Path) -> io::Result<Option<File>> {
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("not a file"));
    }
    Ok(Some(file))
}

/// Hands on a file from its start.
fn again(file: &mut File, push: &mut dyn FnMut(&[u8]) -> bool) -> io::Result<()> {
    file.rewind()?;
    pieces(file, push)
}

/// Hands on a file in pieces, as long as they are wanted.
fn pieces(file: &mut File, push: &mut dyn FnMut(&[u8]) -> bool) -> io::Result<()> {
    let mut bytes = [0; PIECE];
    loop {
        match file.read(&mut bytes) {
            Ok(0) => return Ok(()),
            Ok(count) => {
                if !push(bytes.get(..count).unwrap_or_default()) {
                    return Ok(());
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Tells that a file can't be read. It may be good all the same, so it stays.
fn unreadable(kind: Kind, path: &Path, error: &io::Error) -> Found {
    let path = path.display();
    log::warning(format_args!(
        "{kind}: {path}: {error}; it is neither used nor written"
    ));
    Found::Unusable
}

/// Moves a file aside that is of no use to us, though perhaps to its owner.
fn damaged(kind: Kind, path: &Path, damage: Damage) -> Found {
    let name = path.display();
    if damage == Damage::Empty {
        log::warning(format_args!("{kind}: {name}: empty"));
        return Found::Nothing;
    }
    match set_aside(path) {
        Ok(bad) => {
            log::warning(format_args!(
                "{kind}: {name}: {damage}; nothing of it is used, it is now {}",
                bad.display()
            ));
            Found::Nothing
        }
        Err(error) => {
            log::warning(format_args!(
                "{kind}: {name}: {damage}; it is neither used nor written, since it can't be \
                 moved: {error}"
            ));
            Found::Unusable
        }
    }
}

/// What a file is called in the settings.
enum Name {
    Kept(Kind),
    Dump,
}

impl fmt::Display for Name {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kept(kind) => kind.fmt(to),
            Self::Dump => to.write_str("-l"),
        }
    }
}

/// What became of what is in a file.
struct Tally {
    kind: Kind,
    name: Name,
    taken: u32,
    nothing: u32,
    denied: u32,
    full: u32,
    skipped: Skipped,
}

impl Tally {
    fn new(kind: Kind) -> Self {
        Self {
            kind,
            name: Name::Kept(kind),
            taken: 0,
            nothing: 0,
            denied: 0,
            full: 0,
            skipped: Skipped::default(),
        }
    }

    fn add(&mut self, result: Result<Restored, Denied>) {
        let count = match result {
            Ok(Restored::Taken) => &mut self.taken,
            Ok(Restored::Nothing) => &mut self.nothing,
            Ok(Restored::Full) => &mut self.full,
            Err(Denied) => &mut self.denied,
        };
        *count = count.saturating_add(1);
    }

    /// Tells what was taken, and what went wrong on the way.
    fn tell(&self, path: &Path, read: io::Result<()>) -> Found {
        let (name, path) = (&self.name, path.display());
        if let Err(error) = &read {
            log::warning(format_args!("{name}: {path}: {error}"));
        }
        if read.is_ok() || self.taken > 0 {
            log::info(format_args!("{name}: {self} from {path}"));
        }
        if read.is_ok() && self.denied == 0 && self.full == 0 {
            Found::All
        } else {
            Found::Partly
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        Count(self.kind, self.taken).fmt(to)?;
        for (count, what) in [
            (
                self.nothing,
                match self.kind {
                    Kind::Torrents => "without downloads",
                    Kind::Peers => "expired",
                },
            ),
            (self.denied, "not allowed by the lists"),
            (self.full, "found no room"),
        ] {
            if count > 0 {
                write!(to, ", {count} {what}")?;
            }
        }
        match self.skipped {
            Skipped { lines: 0, .. } => Ok(()),
            Skipped { lines: 1, first } => write!(to, ", line {first} skipped"),
            Skipped { lines, first } => {
                write!(to, ", {lines} lines skipped, line {first} first")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{EARLIEST, older};

    #[test]
    fn peers_age_by_clocks_that_are_set() {
        for (saved, now, expected) in [
            (EARLIEST, Some(EARLIEST + 100), 100),
            (EARLIEST, Some(EARLIEST), 0),
            (EARLIEST + 100, Some(EARLIEST), 0),
            (EARLIEST, None, 0),
            (0, Some(EARLIEST), 0),
            (EARLIEST - 1, Some(EARLIEST + 100), 0),
            (u64::MAX, Some(EARLIEST + 100), 0),
            (EARLIEST, Some(u64::MAX), u32::MAX),
        ] {
            assert_eq!(older(saved, now), expected, "{saved} {now:?}");
        }
    }
}
