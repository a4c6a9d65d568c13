//! The counts of all torrents, in the order of their info hashes (BEP 48).

use super::sorted::{Batch, Next};
use super::{Entry, Filled, Format, Sink};
use crate::gzip::NoRoom;
use crate::store::Progress;
use crate::survey::{Claim, PAGES_PER_STEP, Ticket};
use crate::time::Secs;
use crate::tracker::Tracker;
use crate::wire::{InfoHash, Out};

/// A full scrape on its way.
#[derive(Debug)]
pub(crate) struct FullScrape {
    ticket: Ticket,
    sink: Sink,
    /// What is being gathered or handed out; nothing if the place was lost or not had yet.
    batch: Option<Batch>,
    /// The first hash that hasn't been written.
    from: InfoHash,
    begun: bool,
    /// Whether only the end is missing.
    through: bool,
}

impl FullScrape {
    /// A full scrape in this format, compressed or not.
    pub(crate) fn new(format: Format, gzip: bool, tracker: &mut Tracker<'_>) -> Self {
        Self {
            ticket: tracker.survey.ticket(),
            sink: Sink::new(format, gzip),
            batch: None,
            from: InfoHash([0; 20]),
            begun: false,
            through: false,
        }
    }

    /// Writes what fits, or takes one step towards more: see [`Body::fill`](super::Body::fill).
    pub(super) fn fill(
        &mut self,
        tracker: &mut Tracker<'_>,
        now: Secs,
        out: &mut Out<'_>,
    ) -> Filled {
        if !self.begun {
            if self.sink.begin(out).is_err() {
                return Filled::More;
            }
            self.begun = true;
        }
        while !self.through {
            if out.room().len() < Sink::LARGEST_PIECE {
                return Filled::More;
            }
            match tracker.survey.claim(self.ticket, now) {
                Claim::Kept => {}
                Claim::Fresh => self.batch = None,
                Claim::Taken => return Filled::Later,
            }
            let (store, workspace) = (&tracker.store, &mut *tracker.survey.workspace);
            let from = self.from;
            let batch = self
                .batch
                .get_or_insert_with(|| Batch::new(from, store.torrents(), workspace));
            if !batch.is_sorted() {
                if batch.gather(store, workspace, PAGES_PER_STEP) == Progress::More {
                    return Filled::More;
                }
                continue;
            }
            match batch.next(store, workspace) {
                Next::Torrent(id, hash) => {
                    let counts = store.summary(id).counts;
                    let written = self.sink.record(
                        &Entry {
                            hash,
                            seeders: counts.seeders,
                            leechers: counts.leechers,
                            completed: counts.completed,
                            base_minutes: tracker.minutes_since_1970(now, store.idle(id, now)),
                        },
                        out,
                    );
                    debug_assert!(written.is_ok(), "there was room");
                    self.from = batch.from();
                }
                Next::Range(from) => {
                    self.from = from;
                    self.batch = None;
                }
                Next::End => {
                    self.through = true;
                    tracker.survey.release(self.ticket);
                }
            }
        }
        match self.sink.end(out) {
            Ok(()) => Filled::Done,
            Err(NoRoom) => Filled::More,
        }
    }
}
