//! What the network driver counts, if the tracker has one of its own: lines of a number and a name.

use core::fmt::{self, Write};

use super::{Share, View};
use crate::wire::Out;

/// Most lines that there can be.
pub(crate) const MOST_LINES: usize = 20;

/// Lines of a number and a name.
pub(crate) type Lines = heapless::Vec<Share, MOST_LINES>;

/// Writes one line and says whether there is such a number.
pub(super) fn section(view: &View<'_, '_>, at: u16, out: &mut Out<'_>) -> Result<bool, fmt::Error> {
    let Some((name, count)) = view.tracker.network.get(usize::from(at)) else {
        return Ok(false);
    };
    writeln!(out, "{count} {name}")?;
    Ok(true)
}
