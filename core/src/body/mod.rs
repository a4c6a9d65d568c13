//! Replies longer than a buffer, written piece by piece as their clients take them.

mod formats;
mod full_scrape;
#[cfg(feature = "api")]
mod listing;
mod sink;
mod sorted;
mod walked;

pub use formats::{Entry, Format};
pub(crate) use full_scrape::FullScrape;
#[cfg(feature = "api")]
pub(crate) use listing::Listing;
pub use sink::Sink;
pub(crate) use walked::Walked;

use crate::stats::{self, LARGEST_ENTRY, LARGEST_SECTION, Mode};
use crate::store::Progress;
use crate::survey::Ticket;
use crate::time::Secs;
use crate::tracker::Tracker;
use crate::wire::Out;

/// What is being sent.
#[allow(
    clippy::large_enum_variant,
    reason = "there are few of them, each in a place that is there anyway"
)]
#[derive(Debug)]
pub(crate) enum Body {
    /// The counts of all torrents.
    FullScrape(FullScrape),
    /// A page of statistics that needs a walk through everything.
    Walked(Walked),
    /// A page of statistics that is longer than one reply: from that section on.
    Page(Mode, u16),
    /// The requests that were kept, each of which is shown once.
    Requests,
    /// What was granted.
    #[cfg(feature = "api")]
    Listing(Listing),
    /// What is the same for everybody: the rest of it.
    #[cfg(feature = "api")]
    Text(&'static [u8]),
}

/// What came of writing a piece.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Filled {
    /// There is more, perhaps after some steps that write nothing.
    More,
    /// There is more, but somebody else is at work: not before a second has passed.
    Later,
    /// That was all.
    Done,
    /// It can't be completed.
    Broken,
}

/// The room that [`Body::fill`] needs to write anything.
pub(crate) const LEAST_ROOM: usize = LARGEST_ENTRY;

const _: () = assert!(Sink::LARGEST_PIECE <= LEAST_ROOM && LARGEST_SECTION <= LEAST_ROOM);

impl Body {
    /// The walk that it may have the place of [`Survey`](crate::survey::Survey) for.
    pub(crate) const fn ticket(&self) -> Option<Ticket> {
        match self {
            Self::FullScrape(body) => Some(body.ticket()),
            Self::Walked(body) => Some(body.ticket()),
            Self::Requests | Self::Page(..) => None,
            #[cfg(feature = "api")]
            Self::Listing(_) | Self::Text(_) => None,
        }
    }

    /// Writes what fits into `out`, or takes one step towards more. Work: what fits, and a walk over
    /// 64 pages of the store.
    pub(crate) fn fill(
        &mut self,
        tracker: &mut Tracker<'_>,
        now: Secs,
        out: &mut Out<'_>,
    ) -> Filled {
        match self {
            Self::FullScrape(body) => body.fill(tracker, now, out),
            Self::Walked(body) => body.fill(tracker, now, out),
            Self::Requests => match tracker.requests.drain(out) {
                Progress::More => Filled::More,
                Progress::Done => Filled::Done,
            },
            Self::Page(mode, section) => match stats::emit(*mode, tracker, now, section, out) {
                Progress::More => Filled::More,
                Progress::Done => Filled::Done,
            },
            #[cfg(feature = "api")]
            Self::Listing(body) => body.fill(tracker, out),
            #[cfg(feature = "api")]
            Self::Text(text) => {
                let (now, later) = text.split_at(text.len().min(out.room().len()));
                out.put(now);
                *text = later;
                if later.is_empty() {
                    Filled::Done
                } else {
                    Filled::More
                }
            }
        }
    }
}
