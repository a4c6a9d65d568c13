//! All counters in opentracker's XML. Exporters read it by name and by place: nothing may be added
//! to it, and nothing change its place.

use core::fmt::{self, Write};

use super::{VERSION, View};
use crate::counters::{HttpError, RENEWED_MINUTES};
use crate::wire::Out;

/// Writes one section and says whether there is such a number.
pub(super) fn section(view: &View<'_, '_>, at: u16, out: &mut Out<'_>) -> Result<bool, fmt::Error> {
    let (totals, counters) = (&view.totals, &view.tracker.counters);
    let at = usize::from(at);
    if let Some(minutes) = at.checked_sub(FIXED)
        && let Some(count) = counters.renewed.get(minutes)
    {
        writeln!(
            out,
            "      <count interval=\"{minutes:02}\">{count}</count>"
        )?;
        return Ok(true);
    }
    if let Some(class) = at.checked_sub(BETWEEN + 1)
        && let Some(code) = CODES.get(class)
    {
        let count = view.http_error(class);
        writeln!(out, "      <count code=\"{code}\">{count}</count>")?;
        return Ok(true);
    }
    match at {
        0 => write!(
            out,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<stats>\n  \
             <tracker_id>{}</tracker_id>\n  <version>\nwrtracker {VERSION}\n  </version>\n  \
             <uptime>{}</uptime>\n",
            view.tracker.id(),
            view.uptime(),
        )?,
        1 => write!(
            out,
            "  <torrents>\n    <count_mutex>{0}</count_mutex>\n    \
             <count_iterator>{0}</count_iterator>\n  </torrents>\n",
            totals.torrents,
        )?,
        2 => write!(
            out,
            "  <peers>\n    <count>{}</count>\n  </peers>\n  \
             <seeds>\n    <count>{}</count>\n  </seeds>\n  \
             <completed>\n    <count>{}</count>\n  </completed>\n",
            totals.peers, totals.seeders, counters.completed,
        )?,
        3 => write!(
            out,
            "  <connections>\n    <tcp>\n      <accept>{}</accept>\n      \
             <announce>{}</announce>\n      <scrape>{}</scrape>\n    </tcp>\n",
            counters.connections, counters.http_announces, counters.http_scrapes,
        )?,
        4 => write!(
            out,
            "    <udp>\n      <overall>{}</overall>\n      <connect>{}</connect>\n",
            counters.udp_datagrams, counters.udp_connects,
        )?,
        5 => write!(
            out,
            "      <announce>{}</announce>\n      <scrape>{}</scrape>\n      \
             <missmatch>{}</missmatch>\n    </udp>\n",
            counters.udp_announces, counters.udp_scrapes, counters.udp_mismatches,
        )?,
        6 => write!(
            out,
            "    <livesync>\n      <count>{}</count>\n    </livesync>\n  </connections>\n  \
             <debug>\n    <renew>\n",
            counters.synced,
        )?,
        BETWEEN => out.put(b"    </renew>\n    <http_error>\n"),
        END => out.put(
            b"    </http_error>\n    <mutex_stall>\n      <count>0</count>\n    </mutex_stall>\n  \
              </debug>\n</stats>",
        ),
        _ => return Ok(false),
    }
    Ok(true)
}

/// Sections before those of the renewals.
const FIXED: usize = 7;
const BETWEEN: usize = FIXED + RENEWED_MINUTES;
const END: usize = BETWEEN + 1 + HttpError::COUNT;

/// The classes of errors in opentracker's words.
const CODES: [&str; HttpError::COUNT] = [
    "302 Redirect",
    "400 Parse Error",
    "400 Invalid Parameter",
    "400 Invalid Parameter (compact=0)",
    "400 Not Modest",
    "402 Payment Required",
    "403 Access Denied",
    "404 Not found",
    "500 Internal Server Error",
];
