//! Pages of a few lines, which MRTG reads: two figures, how long it has run, and a name.

use core::fmt::{self, Write};

use super::{Mode, VERSION, View};
use crate::wire::Out;

/// Writes a page that is one section, and says whether `mode` is one.
pub(super) fn page(view: &View<'_, '_>, mode: Mode, out: &mut Out<'_>) -> Result<bool, fmt::Error> {
    let (totals, counters) = (&view.totals, &view.tracker.counters);
    let per_second = |count| view.per_second(count);
    let torrents = totals.torrents;
    let connections = counters.connections.saturating_add(counters.udp_datagrams);
    let udp_success = counters.udp_announces.saturating_add(counters.udp_connects);
    let success = counters.http_announces.saturating_add(udp_success);
    let both = |out: &mut Out<'_>, connections, success| {
        let (connections, success) = (per_second(connections), per_second(success));
        write!(out, " {connections} conns/s :: {success} success/s.")
    };
    match mode {
        Mode::Peer => {
            let (peers, seeds) = (totals.peers, totals.seeders);
            write!(
                out,
                "{peers}\n{seeds}\nopentracker serving {torrents} torrents\nopentracker"
            )?;
        }
        Mode::Torr => write!(
            out,
            "{torrents}\n0\nopentracker serving {torrents} torrents\nopentracker"
        )?,
        Mode::Conn => {
            head(view, connections, success, out)?;
            out.put(b"opentracker connections,");
            both(out, connections, success)?;
        }
        Mode::Udp4 => {
            head(view, counters.udp_datagrams, udp_success, out)?;
            out.put(b"opentracker udp4 stats,");
            both(out, counters.udp_datagrams, udp_success)?;
        }
        Mode::Tcp4 => {
            head(view, counters.connections, counters.http_announces, out)?;
            out.put(b"opentracker tcp4 stats,");
            both(out, counters.connections, counters.http_announces)?;
        }
        Mode::Scrp => {
            let (tcp, udp) = (counters.http_scrapes, counters.udp_scrapes);
            head(view, tcp, udp, out)?;
            let all = per_second(tcp.saturating_add(udp));
            write!(
                out,
                "opentracker scrape stats, {all} scrape/s (tcp and udp)"
            )?;
        }
        Mode::Fscr => {
            let (count, size) = (counters.full_scrapes, counters.full_scrape_bytes);
            head(view, count.saturating_mul(1000), size, out)?;
            let (count, size) = (per_second(count), per_second(size));
            write!(
                out,
                "opentracker full scrape stats, {count} conns/s :: {size} bytes/s."
            )?;
        }
        Mode::Completed => {
            head(view, counters.completed, 0, out)?;
            let rate = counters.completed / u64::from((view.uptime() / 3600).max(1));
            write!(out, "opentracker, {rate} completed/h.")?;
        }
        Mode::Syncs => {
            head(view, counters.synced, 0, out)?;
            out.put(b"opentracker connections,");
            both(out, connections, success)?;
        }
        Mode::Version => writeln!(out, "wrtracker {VERSION}")?,
        _ => return Ok(false),
    }
    Ok(true)
}

fn head(view: &View<'_, '_>, first: u64, second: u64, out: &mut Out<'_>) -> fmt::Result {
    let uptime = view.uptime();
    let hours = uptime / 3600;
    write!(out, "{first}\n{second}\n{uptime} seconds ({hours} hours)\n")
}

/// A line of [`Mode::Herr`]. The label of opentracker's last three belong to the classes behind the
/// ones it shows; here they belong together.
pub(super) fn http_errors(
    view: &View<'_, '_>,
    at: u16,
    out: &mut Out<'_>,
) -> Result<bool, fmt::Error> {
    const LINES: [(&str, usize); 7] = [
        ("302 RED", 0),
        ("400 ...", 1),
        ("400 PAR", 2),
        ("400 COM", 3),
        ("403 IP ", 6),
        ("404 INV", 7),
        ("500 SRV", 8),
    ];
    let Some(&(label, class)) = LINES.get(usize::from(at)) else {
        return Ok(false);
    };
    writeln!(out, "{label} {}", view.http_error(class))?;
    Ok(true)
}

/// A line of [`Mode::Renew`].
pub(super) fn renewals(
    view: &View<'_, '_>,
    at: u16,
    out: &mut Out<'_>,
) -> Result<bool, fmt::Error> {
    let Some(count) = view.tracker.counters.renewed.get(usize::from(at)) else {
        return Ok(false);
    };
    writeln!(out, "{at:02} {count}")?;
    Ok(true)
}

/// A line of [`Mode::NumWants`].
pub(super) fn wanted(view: &View<'_, '_>, at: u16, out: &mut Out<'_>) -> Result<bool, fmt::Error> {
    let Some(count) = view.tracker.counters.wanted.get(usize::from(at)) else {
        return Ok(false);
    };
    writeln!(out, "{at:03} => {count}")?;
    Ok(true)
}
