//! Counters under Torrust's names, the memory, and the description of the interface.

use crate::body::Body;
use crate::http::streams::{StreamId, Streams};
use crate::stats::Mode;
use crate::time::Secs;
use crate::tracker::Tracker;
use crate::wire::Out;

use super::keys::put;
use super::problem::Problem;
use super::reply::{self, JSON};
use super::serve::Request;
use super::torrents;

/// `GET /stats`: an object, or with `format=prometheus` what [`metrics`] tells.
pub(super) fn stats(
    request: &Request<'_>,
    streams: &mut Streams,
    tracker: &mut Tracker<'_>,
    now: Secs,
    out: &mut Out<'_>,
) -> Result<Option<StreamId>, Problem> {
    match request.parameter(b"format").map(|format| format.0) {
        None | Some(b"json") => {}
        Some(b"prometheus") => {
            return metrics(request, streams, tracker, out);
        }
        Some(_) => return Err(Problem::BadParameter),
    }
    tracker.collect();
    let totals = tracker.totals();
    let counters = &tracker.counters;
    let reply = reply::begin(JSON, request.message.persistence, out);
    put(
        out,
        format_args!(
            r#"{{"torrents":{},"seeders":{},"completed":{},"leechers":{}"#,
            totals.torrents,
            totals.seeders,
            counters.completed,
            totals.leechers()
        ),
    );
    let v6 = &counters.v6;
    let families = [
        (
            "tcp",
            "connections_handled",
            counters.connections,
            v6.connections,
        ),
        (
            "tcp",
            "announces_handled",
            counters.http_announces,
            v6.http_announces,
        ),
        (
            "tcp",
            "scrapes_handled",
            counters.http_scrapes,
            v6.http_scrapes,
        ),
        (
            "udp",
            "connections_handled",
            counters.udp_connects,
            v6.udp_connects,
        ),
        (
            "udp",
            "announces_handled",
            counters.udp_announces,
            v6.udp_announces,
        ),
        (
            "udp",
            "scrapes_handled",
            counters.udp_scrapes,
            v6.udp_scrapes,
        ),
        ("udp", "requests", counters.udp_datagrams, v6.udp_datagrams),
        ("udp", "errors_handled", counters.udp_errors, v6.udp_errors),
    ];
    for (protocol, name, all, v6) in families {
        let v4 = all.saturating_sub(v6);
        put(
            out,
            format_args!(r#","{protocol}4_{name}":{v4},"{protocol}6_{name}":{v6}"#),
        );
    }
    put(
        out,
        format_args!(
            r#","udp_requests_discarded":{},"udp_connection_id_errors":{},"denied":{},"uptime":{}}}"#,
            counters.udp_ignored,
            counters.udp_mismatches,
            counters.denied,
            now.since(tracker.started)
        ),
    );
    reply.end(out);
    Ok(None)
}

/// `GET /metrics`: the page of that name.
pub(super) fn metrics(
    request: &Request<'_>,
    streams: &mut Streams,
    tracker: &mut Tracker<'_>,
    out: &mut Out<'_>,
) -> Result<Option<StreamId>, Problem> {
    tracker.collect();
    let kind = Mode::Metrics.content_type();
    torrents::stream(request, kind, Body::Page(Mode::Metrics, 0), streams, out)
}

/// `GET /memory`: what the memory limit is spent on, in bytes.
pub(super) fn memory(request: &Request<'_>, tracker: &Tracker<'_>, out: &mut Out<'_>) {
    let reply = reply::begin(JSON, request.message.persistence, out);
    let totals = tracker.totals();
    let shares = tracker.shares.iter();
    let limit = shares.fold(0, |sum: u64, share| sum.saturating_add(share.1));
    put(out, format_args!(r#"{{"limit":{limit},"shares":["#));
    let mut separator = "";
    for (name, bytes) in &tracker.shares {
        put(
            out,
            format_args!(r#"{separator}{{"name":"{name}","bytes":{bytes}}}"#),
        );
        separator = ",";
    }
    let usage = &totals.usage;
    put(
        out,
        format_args!(
            r#"],"swarms":{{"torrents":{},"index":{},"small_swarms":{},"large_swarms":{},"directories":{},"free":{}}}}}"#,
            usage.torrents, usage.index, usage.small, usage.large, usage.directories, usage.free
        ),
    );
    reply.end(out);
}

/// `GET /openapi.json`.
pub(super) fn open_api(
    request: &Request<'_>,
    streams: &mut Streams,
    out: &mut Out<'_>,
) -> Result<Option<StreamId>, Problem> {
    torrents::stream(request, JSON, Body::Text(OPEN_API), streams, out)
}

/// The description of the interface (OpenAPI 3.1).
const OPEN_API: &[u8] = include_bytes!("openapi.json");
