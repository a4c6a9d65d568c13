//! Torrents and their downloads, as text.
//!
//! ```text
//! # wrtracker torrents 1
//! 0123456789ABCDEF0123456789ABCDEF01234567:29920001:42
//! # end 1 0badc0de
//! ```
//!
//! The first line names format and version. The lines between are those of [`StateLine`], in no
//! order, one for each torrent with downloads. The last line has their number and the CRC-32 (as in
//! gzip) of all bytes before it. Lists of info hashes are read from such a file too.

use core::fmt::Write as _;

use super::Damage;
use crate::gzip::checksum::Checksum;
use crate::store::{Progress, Walk};
use crate::time::Secs;
use crate::tracker::Tracker;
use crate::wire::Out;
use crate::wire::state_line::{Line, Lines, StateLine, number};

/// Writes the torrents of a tracker that have downloads, bit by bit.
#[derive(Clone, Debug)]
pub struct TorrentsWriter {
    stage: Stage,
    walk: Walk,
    /// The number of the torrent that was written last of this part.
    last: u32,
    count: u32,
    sum: Checksum,
}

/// What comes next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    Head,
    Torrents,
    End,
    Nothing,
}

const KIND: &[u8] = b"# wrtracker torrents ";
const VERSION: &[u8] = b"1";
const END: &[u8] = b"# end ";

impl Default for TorrentsWriter {
    fn default() -> Self {
        Self::new()
    }
}

impl TorrentsWriter {
    /// The room in a buffer without which nothing is written.
    pub const LEAST_ROOM: usize = StateLine::LONGEST;

    /// At the start of the file.
    pub fn new() -> Self {
        Self {
            stage: Stage::Head,
            walk: Walk::default(),
            last: 0,
            count: 0,
            sum: Checksum::default(),
        }
    }

    /// Torrents written.
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// Writes what fits into `out`, of the next `pages` pages of the store at most. Work: a look at
    /// 102 torrents for each page.
    pub fn fill(
        &mut self,
        tracker: &Tracker<'_>,
        now: Secs,
        pages: u32,
        out: &mut Out<'_>,
    ) -> Progress {
        if out.room().len() < Self::LEAST_ROOM {
            return self.progress();
        }
        let start = out.len();
        if self.stage == Stage::Head {
            out.put(KIND);
            out.put(VERSION);
            out.put(b"\n");
            self.stage = Stage::Torrents;
            self.walk = Walk::through(tracker.parts());
        }
        if self.stage == Stage::Torrents {
            self.torrents(tracker, now, pages, out);
        }
        self.sum.add(out.written().get(start..).unwrap_or_default());
        if self.stage == Stage::End && out.room().len() >= Self::LEAST_ROOM {
            out.put(END);
            out.number(self.count);
            // There is room for it.
            let _ = writeln!(out, " {:08x}", self.sum.crc());
            self.stage = Stage::Nothing;
        }
        self.progress()
    }

    fn progress(&self) -> Progress {
        match self.stage {
            Stage::Nothing => Progress::Done,
            _ => Progress::More,
        }
    }

    fn torrents(&mut self, tracker: &Tracker<'_>, now: Secs, pages: u32, out: &mut Out<'_>) {
        let (last, count) = (&mut self.last, &mut self.count);
        for _ in 0..pages {
            let (mut walk, mut full) = (self.walk, false);
            let part = tracker.part(walk.part());
            let store = part.store();
            let progress = store.walk_torrents(&mut walk, 1, &mut |id| {
                let completed = store.completed(id);
                // Numbers grow on the way.
                if full || u32::from(id) <= *last || completed == 0 {
                    return;
                }
                full = out.room().len() < Self::LEAST_ROOM;
                if full {
                    return;
                }
                let line = StateLine {
                    hash: store.info_hash(id),
                    minutes: tracker.minutes_since_1970(now, store.idle(id, now)),
                    completed,
                };
                line.emit(out);
                *last = u32::from(id);
                *count = count.saturating_add(1);
            });
            if full {
                return;
            }
            if walk.part() != self.walk.part() {
                *last = 0;
            }
            self.walk = walk;
            if progress == Progress::Done {
                self.stage = Stage::End;
                return;
            }
        }
    }
}

/// Writes the same of torrents that are elsewhere, one by one.
#[derive(Clone, Debug, Default)]
pub struct TorrentsText {
    count: u32,
    sum: Checksum,
}

impl TorrentsText {
    /// The first line.
    pub fn head(&mut self, out: &mut Out<'_>) {
        self.counted(out, |out| {
            out.put(KIND);
            out.put(VERSION);
            out.put(b"\n");
        });
    }

    /// A torrent's.
    pub fn line(&mut self, line: &StateLine, out: &mut Out<'_>) {
        self.counted(out, |out| line.emit(out));
        self.count = self.count.saturating_add(1);
    }

    /// The last one.
    pub fn end(&self, out: &mut Out<'_>) {
        out.put(END);
        out.number(self.count);
        // What is too long is told by `out`.
        let _ = writeln!(out, " {:08x}", self.sum.crc());
    }

    fn counted(&mut self, out: &mut Out<'_>, write: impl FnOnce(&mut Out<'_>)) {
        let start = out.len();
        write(out);
        self.sum.add(out.written().get(start..).unwrap_or_default());
    }
}

/// Reads what [`TorrentsWriter`] wrote, in pieces of any size, and nothing else.
#[derive(Clone, Debug)]
pub struct TorrentsReader {
    lines: Lines,
    rest: Rest,
}

#[derive(Clone, Debug)]
struct Rest {
    stage: Stage,
    count: u32,
    sum: Checksum,
    outcome: Result<(), Damage>,
}

impl Default for TorrentsReader {
    fn default() -> Self {
        Self::new()
    }
}

impl TorrentsReader {
    /// At the start of the file.
    pub fn new() -> Self {
        Self {
            lines: Lines::new(),
            rest: Rest {
                stage: Stage::Head,
                count: 0,
                sum: Checksum::default(),
                outcome: Ok(()),
            },
        }
    }

    /// Takes the next piece, and hands on each torrent. Work: a few steps for each byte.
    ///
    /// # Errors
    ///
    /// [`Damage`], and the same from then on. What was handed on before may be wrong too.
    pub fn push(&mut self, bytes: &[u8], mut each: impl FnMut(StateLine)) -> Result<(), Damage> {
        let rest = &mut self.rest;
        self.lines.push(bytes, |line| {
            if rest.outcome.is_ok() {
                rest.outcome = rest.take(line, &mut each);
            }
        });
        rest.outcome
    }

    /// Ends the file, and returns how many torrents were in it.
    ///
    /// # Errors
    ///
    /// [`Damage`].
    pub fn finish(self) -> Result<u32, Damage> {
        self.rest.outcome?;
        match (self.rest.stage, self.lines.rest()) {
            (Stage::Nothing, Line::Whole([])) => Ok(self.rest.count),
            (Stage::Nothing, _) => Err(Damage::Behind),
            (Stage::Head, Line::Whole([])) => Err(Damage::Empty),
            (Stage::Head, Line::Whole(line)) if KIND.starts_with(line) => Err(Damage::Cut),
            (Stage::Head, Line::Whole(line)) if line.starts_with(KIND) => Err(Damage::Cut),
            (Stage::Head, _) => Err(Damage::Foreign),
            (Stage::Torrents | Stage::End, _) => Err(Damage::Cut),
        }
    }
}

impl Rest {
    fn take(&mut self, line: Line<'_>, each: &mut impl FnMut(StateLine)) -> Result<(), Damage> {
        let bytes = match line {
            Line::Whole(bytes) => bytes,
            Line::Start(_) if self.stage == Stage::Head => return Err(Damage::Foreign),
            Line::Start(_) => return Err(Damage::Malformed),
        };
        match self.stage {
            Stage::Head => {
                let version = bytes.strip_prefix(KIND).ok_or(Damage::Foreign)?;
                if version != VERSION {
                    return Err(Damage::Version);
                }
                self.stage = Stage::Torrents;
            }
            Stage::Torrents => match bytes.strip_prefix(END) {
                Some(end) => {
                    self.end(end)?;
                    self.stage = Stage::Nothing;
                }
                None => {
                    each(StateLine::parse(bytes).map_err(|_| Damage::Malformed)?);
                    self.count = self.count.saturating_add(1);
                }
            },
            Stage::End | Stage::Nothing => return Err(Damage::Behind),
        }
        self.sum.add(bytes);
        self.sum.add(b"\n");
        Ok(())
    }

    /// Compares with what the last line says.
    fn end(&self, bytes: &[u8]) -> Result<(), Damage> {
        let (count, crc) = bytes.split_last_chunk::<8>().ok_or(Damage::Malformed)?;
        let count = count.strip_suffix(b" ").ok_or(Damage::Malformed)?;
        let crc = str::from_utf8(crc).map_err(|_| Damage::Malformed)?;
        let crc = u32::from_str_radix(crc, 16).map_err(|_| Damage::Malformed)?;
        if crc != self.sum.crc() {
            return Err(Damage::Checksum);
        }
        if number(count) != Ok(self.count) {
            return Err(Damage::Count);
        }
        Ok(())
    }
}
