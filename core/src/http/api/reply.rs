//! Replies of JSON and of text.

use core::fmt::Write;

use crate::http::reply::Reply;
use crate::tracker::Tracker;
use crate::wire::Out;
use crate::wire::http::Persistence;

use super::problem::Problem;

/// What Torrust says of its JSON.
pub(super) const JSON: &str = "application/json; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

/// Emits the head of a reply whose body is written next.
pub(super) fn begin(kind: &str, persistence: Persistence, out: &mut Out<'_>) -> Reply {
    Reply::begin_with("200 OK", kind, "", persistence, out)
}

/// Emits a reply that says that something is done, in Torrust's words.
pub(super) fn done(persistence: Persistence, out: &mut Out<'_>) {
    let reply = begin(JSON, persistence, out);
    out.put(br#"{"status":"ok"}"#);
    reply.end(out);
}

/// Emits a reply that says what is wrong.
pub(super) fn problem(
    problem: Problem,
    persistence: Persistence,
    tracker: &Tracker<'_>,
    out: &mut Out<'_>,
) {
    let torrust = tracker.policy().api_torrust_statuses;
    if torrust && problem == Problem::UnknownTorrent {
        let reply = begin(JSON, persistence, out);
        out.put(br#""torrent not known""#);
        return reply.end(out);
    }
    let status = if torrust {
        problem.torrust_status()
    } else {
        problem.status()
    };
    let reply = Reply::begin_with(status, TEXT, problem.fields(), persistence, out);
    match problem.torrust_text().filter(|_| torrust) {
        Some(text) => out.put(text.as_bytes()),
        // What doesn't fit was left out, which no text here is long enough for.
        None => drop(writeln!(out, "{problem}")),
    }
    reply.end(out);
}
