//! One file, written bit by bit.

use core::fmt;
use std::io;

use wrtracker_core::state::{PeersWriter, TorrentsWriter};
use wrtracker_core::store::Progress;
use wrtracker_core::time::Secs;
use wrtracker_core::tracker::Tracker;
use wrtracker_core::wire::Out;

use super::replace::Replacement;
use super::{Kept, Kind, wall_clock};

/// A file that is being written.
pub(super) struct Saving {
    pub(super) kind: Kind,
    mark: u32,
    writer: Writer,
    file: Replacement,
    /// Whether all is written and has yet to reach the disk. Routers' disks are slow, and the
    /// tracker has other things to do.
    waits: bool,
}

enum Writer {
    Torrents(TorrentsWriter),
    Peers(PeersWriter),
}

/// What was written.
pub(super) struct Done {
    /// See [`Kept::written`].
    pub(super) mark: u32,
    /// How many torrents or peers.
    pub(super) count: u32,
}

/// Bytes written by one system call, from the stack.
const PIECE: usize = 8 << 10;
/// Pages of the store looked at for one piece.
const PAGES: u32 = 8;

impl Saving {
    /// Begins to write a file.
    pub(super) fn begin(kept: &Kept, tracker: &Tracker<'_>) -> io::Result<Self> {
        let Kept {
            kind,
            path,
            precious,
            ..
        } = kept;
        let writer = match kind {
            Kind::Torrents => Writer::Torrents(TorrentsWriter::new()),
            Kind::Peers => Writer::Peers(PeersWriter::new(wall_clock().unwrap_or(0))),
        };
        Ok(Self {
            kind: *kind,
            // What changes meanwhile may be written or not, and will have to be.
            mark: kind.mark(tracker),
            writer,
            file: Replacement::begin(path, kind.mode(), *precious)?,
            waits: false,
        })
    }

    /// Whether there is more to write, and not only to wait for.
    pub(super) const fn has_more(&self) -> bool {
        !self.waits
    }

    /// Writes the next piece, or looks whether the waiting has come to an end: then what came of it.
    pub(super) fn step(&mut self, tracker: &Tracker<'_>, now: Secs) -> Option<io::Result<Done>> {
        if self.waits {
            return self.poll(false);
        }
        match write(&mut self.writer, &mut self.file, tracker, now) {
            Ok(Progress::More) => None,
            Ok(Progress::Done) => {
                self.waits = true;
                self.file.begin_commit().err().map(Err)
            }
            Err(error) => Some(Err(error)),
        }
    }

    /// Writes all to the end, from the beginning, and waits for the disk.
    pub(super) fn finish(mut self, tracker: &Tracker<'_>, now: Secs) -> io::Result<Done> {
        while write(&mut self.writer, &mut self.file, tracker, now)? == Progress::More {}
        let done = self.done();
        self.file.commit()?;
        Ok(done)
    }

    /// Gives up what isn't written to the end: `None`. If it is, waits for the disk.
    pub(super) fn abandon(mut self) -> Option<io::Result<Done>> {
        while self.waits {
            // Nothing comes only of signals in between.
            if let Some(result) = self.poll(true) {
                return Some(result);
            }
        }
        None
    }

    fn poll(&mut self, wait: bool) -> Option<io::Result<Done>> {
        let result = self.file.poll(wait)?;
        Some(result.map(|()| self.done()))
    }

    const fn done(&self) -> Done {
        Done {
            mark: self.mark,
            count: self.writer.count(),
        }
    }
}

impl fmt::Debug for Saving {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "Saving({:?})", self.kind)
    }
}

impl Writer {
    const fn count(&self) -> u32 {
        match self {
            Self::Torrents(writer) => writer.count(),
            Self::Peers(writer) => writer.count(),
        }
    }
}

/// Writes a piece.
fn write(
    writer: &mut Writer,
    file: &mut Replacement,
    tracker: &Tracker<'_>,
    now: Secs,
) -> io::Result<Progress> {
    let mut bytes = [0; PIECE];
    let mut out = Out::new(&mut bytes);
    let progress = match writer {
        Writer::Torrents(writer) => writer.fill(tracker, now, PAGES, &mut out),
        Writer::Peers(writer) => writer.fill(tracker, now, PAGES, &mut out),
    };
    if !out.is_empty() {
        file.write(out.written())?;
    }
    Ok(progress)
}
