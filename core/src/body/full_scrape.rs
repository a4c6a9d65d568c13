//! The counts of all torrents, in the order of their info hashes (BEP 48).

use super::sorted::{Batch, Next};
use super::{Entry, Filled, Format, Sink};
use crate::gzip::{LARGEST_RECORD, NoRoom};
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

    /// A part of one: see [`Sink::window`].
    #[cfg(feature = "api")]
    pub(crate) fn window(format: Format, window: (u32, u32), tracker: &mut Tracker<'_>) -> Self {
        Self {
            sink: Sink::window(format, window),
            ..Self::new(format, false, tracker)
        }
    }

    /// The name of its walk.
    pub(super) const fn ticket(&self) -> Ticket {
        self.ticket
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
        let mut rounds = 0u32;
        while !self.through {
            // Records that are passed over write nothing, and are work all the same.
            rounds = rounds.saturating_add(1);
            if out.room().len() < Sink::LARGEST_PIECE.saturating_mul(2) || rounds > MOST_ROUNDS {
                return Filled::More;
            }
            match tracker.survey.claim_in_turns(self.ticket, now) {
                Claim::Kept => {}
                Claim::Fresh => self.batch = None,
                Claim::Taken => return Filled::Later,
            }
            let (common, workspace) = (&tracker.common, &mut *tracker.survey.workspace);
            let from = self.from;
            let nth = common.part_of(&from);
            let part = common.part(nth);
            let store = part.store();
            let batch = self.batch.get_or_insert_with(|| {
                let like_these = store.torrents().saturating_mul(common.parts());
                Batch::new(from, common.end_of(nth), like_these, workspace)
            });
            if !batch.is_sorted() {
                if batch.gather(store, workspace, PAGES_PER_STEP) == Progress::More {
                    return Filled::More;
                }
                continue;
            }
            // The order of hashes is none of memory: several reads at a time wait less.
            let most = (out.room().len() / LARGEST_RECORD).min(AHEAD);
            let mut torrents = [None; AHEAD];
            let mut end = None;
            for place in torrents.iter_mut().take(most) {
                match batch.next(store, workspace) {
                    Next::Torrent(id, hash) => *place = Some((id, hash)),
                    other => {
                        end = Some(other);
                        break;
                    }
                }
            }
            let counts = torrents.map(|torrent| torrent.map(|(id, _)| store.summary(id).counts));
            let found = torrents.into_iter().zip(counts);
            for ((id, hash), counts) in found.filter_map(|(torrent, counts)| torrent.zip(counts)) {
                let entry = Entry {
                    hash,
                    seeders: counts.seeders,
                    leechers: counts.leechers,
                    completed: counts.completed,
                    base_minutes: tracker.minutes_since_1970(now, store.idle(id, now)),
                };
                let written = self.sink.record(&entry, out);
                debug_assert!(written.is_ok(), "there was room");
            }
            self.from = batch.from();
            let end = if self.sink.is_full() {
                Some(Next::End)
            } else {
                end
            };
            match end {
                None | Some(Next::Torrent(..)) => {}
                Some(Next::Range(from)) => {
                    self.from = from;
                    self.batch = None;
                }
                Some(Next::End) => {
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

/// Times that torrents are looked at in one call.
const MOST_ROUNDS: u32 = 256;

/// Torrents that are looked at before they are written.
const AHEAD: usize = 8;
