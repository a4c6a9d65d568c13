//! One file, written bit by bit.

use core::{fmt, mem};
use std::io;
use std::thread::{self, JoinHandle};

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
    stage: Stage,
}

enum Stage {
    Writing(Writer, Replacement),
    /// What waits for the disk. Routers' disks are slow, and the tracker has other things to do.
    Waiting(u32, JoinHandle<io::Result<()>>),
    /// What came of it is told.
    Over,
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
/// Bytes of the stack of the thread that waits.
const STACK: usize = 64 << 10;

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
            stage: Stage::Writing(writer, Replacement::begin(path, kind.mode(), *precious)?),
        })
    }

    /// Whether there is more to write, and not only to wait for.
    pub(super) const fn has_more(&self) -> bool {
        matches!(self.stage, Stage::Writing(..))
    }

    /// Writes the next piece, or looks whether the waiting has come to an end: then what came of it.
    pub(super) fn step(&mut self, tracker: &Tracker<'_>, now: Secs) -> Option<io::Result<Done>> {
        match mem::replace(&mut self.stage, Stage::Over) {
            Stage::Writing(mut writer, mut file) => {
                match write(&mut writer, &mut file, tracker, now) {
                    Ok(Progress::More) => self.stage = Stage::Writing(writer, file),
                    Ok(Progress::Done) => {
                        // If there is no thread, the file is gone as well.
                        let thread = thread::Builder::new().stack_size(STACK);
                        match thread.spawn(move || file.commit()) {
                            Ok(thread) => self.stage = Stage::Waiting(writer.count(), thread),
                            Err(error) => return Some(Err(error)),
                        }
                    }
                    Err(error) => return Some(Err(error)),
                }
                None
            }
            Stage::Waiting(count, thread) if thread.is_finished() => Some(self.join(count, thread)),
            stage => {
                self.stage = stage;
                None
            }
        }
    }

    /// Writes all to the end, from the beginning, and waits for the disk.
    pub(super) fn finish(self, tracker: &Tracker<'_>, now: Secs) -> io::Result<Done> {
        let Self { mark, stage, .. } = self;
        let Stage::Writing(mut writer, mut file) = stage else {
            return Err(io::Error::other("has come to its end"));
        };
        while write(&mut writer, &mut file, tracker, now)? == Progress::More {}
        file.commit()?;
        let count = writer.count();
        Ok(Done { mark, count })
    }

    /// Gives up what isn't written to the end: `None`. If it is, waits for the disk.
    pub(super) fn abandon(mut self) -> Option<io::Result<Done>> {
        match mem::replace(&mut self.stage, Stage::Over) {
            Stage::Writing(..) | Stage::Over => None,
            Stage::Waiting(count, thread) => Some(self.join(count, thread)),
        }
    }

    fn join(&self, count: u32, thread: JoinHandle<io::Result<()>>) -> io::Result<Done> {
        let ended = thread.join();
        ended.unwrap_or_else(|_| Err(io::Error::other("the thread that writes has ended")))?;
        let mark = self.mark;
        Ok(Done { mark, count })
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
        Writer::Peers(writer) => writer.fill(tracker.store(), now, PAGES, &mut out),
    };
    if !out.is_empty() {
        file.write(out.written())?;
    }
    Ok(progress)
}
