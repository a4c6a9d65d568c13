//! Replies longer than a buffer, written piece by piece as their clients take them.

mod formats;
mod full_scrape;
mod sink;
mod sorted;

pub(crate) use formats::{Entry, Format};
pub(crate) use full_scrape::FullScrape;
pub(crate) use sink::Writer;

use crate::time::Secs;
use crate::tracker::Tracker;
use crate::wire::Out;

/// What is being sent.
#[derive(Debug)]
pub(crate) enum Body {
    /// The counts of all torrents.
    FullScrape(FullScrape),
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
    #[expect(dead_code, reason = "for pages to come")]
    Broken,
}

/// The room that [`Body::fill`] needs to write anything.
pub(crate) const LEAST_ROOM: usize = Writer::LARGEST;

impl Body {
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
        }
    }
}
