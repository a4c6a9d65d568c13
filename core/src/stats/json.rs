//! All counters as one JSON object. Names and nesting stay as they are; more may come.
//!
//! ```text
//! {"name":"wrtracker","version":"0.1.0",
//!  "tracker_id":N,                  random, another one after each start
//!  "uptime":N,                      seconds
//!  "torrents":N,"peers":N,"seeders":N,"leechers":N,
//!  "completed":N,                   downloads since the start
//!  "connections":{
//!   "tcp":{"accepted":N,"evicted":N,"timed_out":N,"announces":N,"scrapes":N,"failures":N},
//!   "udp":{"datagrams":N,"ignored":N,"connects":N,"announces":N,"scrapes":N,"mismatches":N,
//!          "errors":N}},
//!  "denied":N,                      announces of torrents that aren't allowed
//!  "http_errors":{"redirect":N,"parse":N,"parameter":N,"compact":N,"not_modest":N,"payment":N,
//!                 "forbidden":N,"not_found":N,"server":N},
//!  "full_scrapes":{"count":N,"bytes":N},
//!  "livesync":{"peers":N},          peers that other trackers told of
//!  "memory":{"bytes":N,"free":N,    of the swarms
//!            "evicted_peers":N,"refused_peers":N,"refused_torrents":N},
//!  "renewed":[N,...]}               announces by the minutes since the one before: 45
//! ```
//!
//! Numbers are integers of up to 64 bits.

use core::fmt::{self, Write};

use super::{VERSION, View};
use crate::counters::RENEWED_MINUTES;
use crate::wire::Out;

/// Writes one section and says whether there is such a number.
pub(super) fn section(view: &View<'_, '_>, at: u16, out: &mut Out<'_>) -> Result<bool, fmt::Error> {
    let at = usize::from(at);
    if at == 0 {
        write!(out, "{{\"name\":\"wrtracker\",\"version\":\"{VERSION}\"")?;
    } else if let Some((before, value)) = MEMBERS.get(at.saturating_sub(1)) {
        out.put(before.as_bytes());
        write!(out, "{}", value(view))?;
    } else if let Some(minutes) = at.checked_sub(MEMBERS.len().saturating_add(1)) {
        let renewed = &view.tracker.counters.renewed;
        match renewed.get(minutes) {
            Some(count) if minutes == 0 => write!(out, "}},\"renewed\":[{count}")?,
            Some(count) => write!(out, ",{count}")?,
            None if minutes == RENEWED_MINUTES => out.put(b"]}\n"),
            None => return Ok(false),
        }
    }
    Ok(true)
}

/// What stands before a figure, and the figure.
type Member = (&'static str, fn(&View<'_, '_>) -> u64);

static MEMBERS: [Member; 38] = [
    (",\"tracker_id\":", |view| view.tracker.id().into()),
    (",\"uptime\":", |view| view.uptime().into()),
    (",\"torrents\":", |view| view.totals.torrents.into()),
    (",\"peers\":", |view| view.totals.peers.into()),
    (",\"seeders\":", |view| view.totals.seeders.into()),
    (",\"leechers\":", |view| view.totals.leechers().into()),
    (",\"completed\":", |view| view.tracker.counters.completed),
    (",\"connections\":{\"tcp\":{\"accepted\":", |view| {
        view.tracker.counters.connections
    }),
    (",\"evicted\":", |view| {
        view.tracker.counters.connections_evicted
    }),
    (",\"timed_out\":", |view| {
        view.tracker.counters.connections_timed_out
    }),
    (",\"announces\":", |view| {
        view.tracker.counters.http_announces
    }),
    (",\"scrapes\":", |view| view.tracker.counters.http_scrapes),
    (",\"failures\":", |view| view.tracker.counters.http_failures),
    ("},\"udp\":{\"datagrams\":", |view| {
        view.tracker.counters.udp_datagrams
    }),
    (",\"ignored\":", |view| view.tracker.counters.udp_ignored),
    (",\"connects\":", |view| view.tracker.counters.udp_connects),
    (",\"announces\":", |view| {
        view.tracker.counters.udp_announces
    }),
    (",\"scrapes\":", |view| view.tracker.counters.udp_scrapes),
    (",\"mismatches\":", |view| {
        view.tracker.counters.udp_mismatches
    }),
    (",\"errors\":", |view| view.tracker.counters.udp_errors),
    ("}},\"denied\":", |view| view.tracker.counters.denied),
    (",\"http_errors\":{\"redirect\":", |view| view.errors(0)),
    (",\"parse\":", |view| view.errors(1)),
    (",\"parameter\":", |view| view.errors(2)),
    (",\"compact\":", |view| view.errors(3)),
    (",\"not_modest\":", |view| view.errors(4)),
    (",\"payment\":", |view| view.errors(5)),
    (",\"forbidden\":", |view| view.errors(6)),
    (",\"not_found\":", |view| view.errors(7)),
    (",\"server\":", |view| view.errors(8)),
    ("},\"full_scrapes\":{\"count\":", |view| {
        view.tracker.counters.full_scrapes
    }),
    (",\"bytes\":", |view| {
        view.tracker.counters.full_scrape_bytes
    }),
    ("},\"livesync\":{\"peers\":", |view| {
        view.tracker.counters.synced
    }),
    ("},\"memory\":{\"bytes\":", |view| view.totals.bytes),
    (",\"free\":", |view| view.totals.usage.free),
    (",\"evicted_peers\":", |view| {
        view.totals.losses.evicted_peers
    }),
    (",\"refused_peers\":", |view| {
        view.totals.losses.refused_peers
    }),
    (",\"refused_torrents\":", |view| {
        view.totals.losses.refused_torrents
    }),
];
