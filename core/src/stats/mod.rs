//! The pages of statistics, in opentracker's layout, and two of our own: JSON and Prometheus text.
//!
//! | file | what it holds |
//! |---|---|
//! | `mode` | the pages by name |
//! | `asked` | the query of a request for one |
//! | `page` | a page bit by bit, through a buffer of any size |
//! | `short` | four lines for MRTG, and lists of counts |
//! | `everything` | all of it in opentracker's XML |
//! | `json`, `metrics` | all of it for programs of today |
//! | `memory` | where each byte of the limit is |
//! | `network` | what the driver counts of a tracker with a network stack of its own |
//! | `top` | the largest swarms: a walk through all torrents |
//! | `networks` | the networks with most peers: two walks through all peers |
//! | `woodpeckers` | the networks that announce too often |
//! | `request_log` | requests as they came |
//!
//! Most pages are printed from counters at once: [`emit`]. [`Top`] and [`Networks`] must walk
//! through the store first, a few pages at a time; they never run on the path of an announce.
//!
//! Who holds the tracker asks [`allowed`] before any of it.

mod asked;
mod everything;
mod json;
mod memory;
mod metrics;
mod mode;
#[cfg(feature = "smoltcp")]
pub(crate) mod network;
mod networks;
mod page;
mod request_log;
mod short;
mod top;
mod woodpeckers;

use core::fmt;
use core::net::IpAddr;

pub use asked::{Asked, BadRequest};
pub use memory::{MOST_SHARES, SWARMS, Share};
pub use mode::Mode;
pub use networks::Networks;
pub use page::LARGEST_SECTION;
pub use request_log::{LARGEST_ENTRY, MOST_LOGGED, RequestLog};
pub use top::Top;
pub use woodpeckers::Woodpeckers;

use crate::common::Totals;
use crate::counters::HttpError;
use crate::policy::{Policy, Right, StatsFor};
use crate::store::Progress;
use crate::time::Secs;
use crate::tracker::Tracker;
use crate::wire::Out;

/// What [`Mode::Version`] shows, behind its name.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Whether `ip` may see statistics: the address that the request came from, whatever a proxy says.
pub fn allowed(policy: &Policy, ip: IpAddr) -> bool {
    match policy.stats_for {
        StatsFor::Everybody => true,
        StatsFor::Listed => policy.allows(ip, Right::Stats),
        StatsFor::Nobody => false,
    }
}

/// Writes as many sections of a page as `out` has room for, from `cursor` on, which is 0 at the
/// beginning of a page.
///
/// Call it again with the same cursor and a new buffer as long as it says [`Progress::More`]. A
/// buffer of [`LARGEST_SECTION`] bytes is always enough to come on, and one of [`LARGEST_PAGE`] for
/// the whole of any page. Counters that change between two calls are shown as they are in each.
/// Nothing is written for modes that aren't printed from counters: walks, full scrapes, the log of
/// requests and [`Mode::Busy`]. Work: the sections written, none above 256 bytes.
pub fn emit(
    mode: Mode,
    tracker: &Tracker<'_>,
    now: Secs,
    cursor: &mut u16,
    out: &mut Out<'_>,
) -> Progress {
    let view = View {
        tracker,
        totals: tracker.totals(),
        now,
    };
    let section = match mode {
        Mode::Renew => short::renewals,
        Mode::NumWants => short::wanted,
        Mode::Herr => short::http_errors,
        Mode::Everything => everything::section,
        Mode::Json => json::section,
        Mode::Metrics => metrics::section,
        Mode::Memory => memory::section,
        #[cfg(feature = "smoltcp")]
        Mode::Network => network::section,
        Mode::Woodpeckers => woodpeckers,
        _ => {
            return page::emit(cursor, out, &mut |at, out| match at {
                0 => short::page(&view, mode, out),
                _ => Ok(false),
            });
        }
    };
    page::emit(cursor, out, &mut |at, out| section(&view, at, out))
}

/// Writes one section of [`Mode::Woodpeckers`]: of an empty page if they aren't counted.
fn woodpeckers(view: &View<'_, '_>, at: u16, out: &mut Out<'_>) -> Result<bool, fmt::Error> {
    let tracker = view.tracker;
    if tracker.policy().woodpeckers {
        tracker.common.woodpeckers().section(at, out)
    } else {
        Woodpeckers::NONE.section(at, out)
    }
}

/// More bytes than any page that [`emit`] writes has, whatever the counters say.
pub const LARGEST_PAGE: usize = 7936;

/// What there is to show, and when.
struct View<'t, 'm> {
    tracker: &'t Tracker<'m>,
    totals: Totals,
    now: Secs,
}

impl View<'_, '_> {
    /// Seconds since the start.
    const fn uptime(&self) -> u32 {
        self.now.since(self.tracker.started)
    }

    /// A count per second on average, rounded down.
    fn per_second(&self, count: u64) -> u64 {
        count / u64::from(self.uptime().max(1))
    }

    /// Errors of a class.
    fn errors(&self, class: usize) -> u64 {
        let counters = &self.tracker.counters;
        counters.http_errors.get(class).copied().unwrap_or_default()
    }

    /// Errors of a class, as opentracker counts them: it answers with 400 what is answered with a
    /// failure reason here.
    fn http_error(&self, class: usize) -> u64 {
        let count = self.errors(class);
        if class == HttpError::Parameter as usize {
            count.saturating_add(self.tracker.counters.http_failures)
        } else {
            count
        }
    }
}

#[cfg(test)]
mod tests;
