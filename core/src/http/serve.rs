//! Requests one after another, each to what answers it.

use core::net::IpAddr;

use crate::time::Secs;
use crate::tracker::Tracker;
use crate::wire::Out;
use crate::wire::http::{HeadEnd, Persistence, Request};
use crate::wire::query::Encoded;

use super::reply::{self, Status};
use super::{BUFFER_BYTES, LARGEST_REPLY, announce, scrape};

/// What [`serve`] did.
pub(super) struct Served {
    pub(super) consumed: usize,
    /// Whether at least one request was complete.
    pub(super) answered: bool,
    pub(super) stop: Stop,
}

/// Why [`serve`] stopped.
pub(super) enum Stop {
    /// There is nothing more.
    Empty,
    /// The rest is the beginning of a request.
    Incomplete(HeadEnd),
    /// The next reply might not fit.
    Full,
    /// Nothing more is to be read from this client.
    Close,
}

/// Replies to the requests at the start of `bytes`, one after another.
pub(super) fn serve(
    bytes: &[u8],
    remote: IpAddr,
    tracker: &mut Tracker<'_>,
    now: Secs,
    out: &mut Out<'_>,
) -> Served {
    let mut rest = bytes;
    let mut answered = false;
    let stop = loop {
        // Empty lines between requests are no requests (RFC 9112 section 2.2).
        while let Some((b'\r' | b'\n', behind)) = rest.split_first() {
            rest = behind;
        }
        if rest.is_empty() {
            break Stop::Empty;
        }
        if out.room().len() < LARGEST_REPLY {
            break Stop::Full;
        }
        // In one pass if all is well; otherwise it matters whether the head has an end at all.
        let (length, persists) = match Request::parse(rest) {
            Ok((request, length)) if length <= BUFFER_BYTES => {
                answer(&request, remote, tracker, now, out);
                (length, !request.persistence.closes())
            }
            _ => {
                let mut head_end = HeadEnd::default();
                let status = match head_end.find(rest) {
                    Some(length) if length <= BUFFER_BYTES => Status::InvalidRequest,
                    None if rest.len() < BUFFER_BYTES => break Stop::Incomplete(head_end),
                    _ => Status::UriTooLong,
                };
                refuse(status, tracker, out);
                (rest.len(), false)
            }
        };
        debug_assert!(!out.overflowed(), "a reply longer than the longest");
        answered = true;
        rest = rest.get(length..).unwrap_or_default();
        if !persists {
            break Stop::Close;
        }
    };
    Served {
        consumed: bytes.len().saturating_sub(rest.len()),
        answered,
        stop,
    }
}

/// Emits an error, after which the connection is closed.
pub(super) fn refuse(status: Status, tracker: &mut Tracker<'_>, out: &mut Out<'_>) {
    error(status, Persistence::CloseSaid, tracker, out);
}

/// Emits an error.
pub(super) fn error(
    status: Status,
    persistence: Persistence,
    tracker: &mut Tracker<'_>,
    out: &mut Out<'_>,
) {
    if let Some(class) = status.class() {
        tracker.counters.http_error(class);
    }
    reply::error(status, persistence, out);
}

/// Replies to one request. `out` has room for [`LARGEST_REPLY`] more bytes.
fn answer(
    request: &Request<'_>,
    remote: IpAddr,
    tracker: &mut Tracker<'_>,
    now: Secs,
    out: &mut Out<'_>,
) {
    let query = request.query.unwrap_or_default();
    match Resource::of(request.path) {
        Some(Resource::Announce) => {
            announce::answer(query, request.persistence, remote, tracker, now, out);
        }
        Some(Resource::Scrape) => scrape::answer(query, request.persistence, tracker, out),
        None => {
            error(Status::NotFound, request.persistence, tracker, out);
        }
    }
}

/// What a path names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Resource {
    Announce,
    Scrape,
}

impl Resource {
    /// As opentracker has it: behind all leading slashes, `a` is an announce and `sc` a scrape,
    /// whatever follows, so that `/announce.php` and `/scrape/x` work too.
    fn of(path: &[u8]) -> Option<Self> {
        let slashes = path.iter().take_while(|&&byte| byte == b'/').count();
        let name = path.get(slashes..).unwrap_or_default();
        let mut name = Encoded(name).decode();
        match (name.next(), name.next()) {
            (Some(Ok(b'a')), _) => Some(Self::Announce),
            (Some(Ok(b's')), Some(Ok(b'c'))) => Some(Self::Scrape),
            _ => None,
        }
    }
}
