//! Where each byte of the memory limit is: lines of a number and a name.
//!
//! ```text
//! 4194304 limit
//! 3579904 swarms
//! 819200 swarms: torrents
//! ...
//! 16384 walks over them
//! ```
//!
//! Lines with a colon are parts of the line above them without one. All others but the first add up
//! to the limit, but for some bytes that are no whole page. What is reserved is shown, used or not: it
//! becomes resident as it is used.

use core::fmt::{self, Write};

use super::View;
use crate::common::Totals;
use crate::wire::Out;

/// Most shares that a host can tell of.
pub const MOST_SHARES: usize = 12;

/// What a share of the limit is for, and its bytes.
pub type Share = (&'static str, u64);

/// By which name a share is known to be that of the swarms.
pub const SWARMS: &str = "swarms";

/// Writes one line and says whether there is such a number.
pub(super) fn section(view: &View<'_, '_>, at: u16, out: &mut Out<'_>) -> Result<bool, fmt::Error> {
    let (tracker, totals) = (view.tracker, &view.totals);
    let all = tracker.shares.iter();
    let limit = all.fold(0, |sum: u64, share| sum.saturating_add(share.1));
    // Without a host's word there are the swarms alone.
    let own = [(SWARMS, totals.bytes)];
    let shares = if limit > 0 { &tracker.shares[..] } else { &own };
    let lines = shares.iter().flat_map(|&(name, bytes)| {
        let inside = if name == SWARMS {
            self::swarms(totals, bytes)
        } else {
            [None; SWARM_PARTS]
        };
        let parts = inside.into_iter().flatten();
        core::iter::once(("", name, bytes))
            .chain(parts.map(|(name, bytes)| ("swarms: ", name, bytes)))
    });
    let head = (limit > 0).then_some(("", "limit", limit));
    let Some((of, name, bytes)) = head.into_iter().chain(lines).nth(at.into()) else {
        return Ok(false);
    };
    writeln!(out, "{bytes} {of}{name}")?;
    Ok(true)
}

const SWARM_PARTS: usize = 7;

fn swarms(totals: &Totals, bytes: u64) -> [Option<Share>; SWARM_PARTS] {
    let usage = &totals.usage;
    [
        Some(("torrents", usage.torrents)),
        Some(("index", usage.index)),
        Some(("peers of small swarms", usage.small)),
        Some(("peers of large swarms", usage.large)),
        Some(("directories of the largest swarms", usage.directories)),
        Some(("free", usage.free)),
        Some(("tables of pages", bytes.saturating_sub(totals.bytes))),
    ]
}
