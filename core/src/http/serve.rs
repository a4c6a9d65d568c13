//! Requests one after another, each to what answers it.

use core::net::IpAddr;

use crate::access;
use crate::body::Format;
use crate::counters::HttpError;
use crate::policy::{DEFAULT_STATS_PATH, FullScrape};
use crate::stats::{Asked, Mode};
use crate::time::Secs;
use crate::tracker::Tracker;
use crate::wire::http::{HeadEnd, Persistence, Request};
use crate::wire::query::Encoded;
use crate::wire::{self, Out};

use super::reply::{self, Status};
use super::streams::{StreamId, Streams};
use super::{BUFFER_BYTES, LARGEST_REPLY, announce, full_scrape, scrape, stats};

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
    /// A body is on its way that is longer than a reply; its head is written.
    Stream(StreamId),
    /// Nothing more is to be read from this client.
    Close,
}

/// Replies to the requests at the start of `bytes`, one after another.
pub(super) fn serve(
    bytes: &[u8],
    remote: IpAddr,
    streams: &mut Streams,
    tracker: &mut Tracker<'_>,
    now: Secs,
    out: &mut Out<'_>,
) -> Served {
    let before = remote.is_ipv6().then(|| tracker.counters.v6_before());
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
        let mut stream = None;
        let (length, persists) = match Request::parse(rest) {
            Ok((request, length)) if length <= BUFFER_BYTES => {
                let asker = Asker {
                    remote,
                    head: rest.get(..length).unwrap_or_default(),
                    path: request.path,
                    query: request.query,
                    persistence: request.persistence,
                };
                tracker.log_request(asker.remote, now, asker.head);
                stream = answer(&asker, streams, tracker, now, out);
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
        if let Some(stream) = stream {
            break Stop::Stream(stream);
        }
        if !persists {
            break Stop::Close;
        }
    };
    if let Some(before) = before {
        before.note(&mut tracker.counters);
    }
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

/// Who asks, and how.
pub(super) struct Asker<'h> {
    /// The address of the connection.
    pub(super) remote: IpAddr,
    /// The whole head of the request.
    pub(super) head: &'h [u8],
    /// What stands before the `?`.
    pub(super) path: &'h [u8],
    /// What follows the `?`.
    pub(super) query: Option<&'h [u8]>,
    pub(super) persistence: Persistence,
}

impl<'h> Asker<'h> {
    /// The first header of this name, blanks around it left out. Work: one pass over the head.
    pub(super) fn header(&self, name: &[u8]) -> Option<&'h [u8]> {
        wire::http::header(self.head, name)
    }

    /// How a long body is framed, and what becomes of the connection: in chunks, unless the client
    /// is too old for them and reads until the end.
    pub(super) const fn framing(&self) -> (Persistence, bool) {
        match self.persistence {
            Persistence::Keep | Persistence::CloseSaid => (self.persistence, true),
            Persistence::KeepSaid | Persistence::Close => (Persistence::Close, false),
        }
    }
}

/// Replies to one request. `out` has room for [`LARGEST_REPLY`] more bytes. What is longer is on
/// its way afterwards.
fn answer(
    asker: &Asker<'_>,
    streams: &mut Streams,
    tracker: &mut Tracker<'_>,
    now: Secs,
    out: &mut Out<'_>,
) -> Option<StreamId> {
    let persistence = asker.persistence;
    let query = asker.query.unwrap_or_default();
    let (path, has_query) = (asker.path, asker.query.is_some());
    let resource = if tracker.wants_proof() {
        Resource::behind_proof(path)
    } else {
        None
    };
    match resource.or_else(|| Resource::of(path, has_query, tracker.policy().stats_path())) {
        Some(Resource::Announce) => {
            announce::answer(asker, tracker, now, out);
            return None;
        }
        Some(Resource::FullScrape) if tracker.policy().full_scrape != FullScrape::Off => {
            return full_scrape::answer(Format::Ben, true, asker, streams, tracker, now, out);
        }
        Some(Resource::Scrape | Resource::FullScrape) => {
            let scope = scrape::scope(asker, tracker, now);
            scrape::answer(query, persistence, scope, tracker, out);
            return None;
        }
        Some(Resource::Stats) => {
            let asked = Asked::parse(query);
            return stats::answer(asked, asker, streams, tracker, now, out);
        }
        Some(Resource::Metrics) => {
            let asked = Ok(Asked {
                mode: Mode::Metrics,
                format: None,
            });
            return stats::answer(asked, asker, streams, tracker, now, out);
        }
        Some(Resource::Root) if !tracker.policy().redirect.is_empty() => {
            tracker.counters.http_error(HttpError::Redirect);
            reply::redirect(&tracker.policy().redirect, persistence, out);
            return None;
        }
        Some(Resource::Root) | None => {}
    }
    error(Status::NotFound, persistence, tracker, out);
    None
}

/// What a path names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Resource {
    Root,
    Announce,
    Scrape,
    FullScrape,
    Stats,
    Metrics,
}

impl Resource {
    /// An announce or a scrape, if a key or a signature stands before it: `/KEY/announce`. With one
    /// there is no scrape of all torrents.
    #[cold]
    fn behind_proof(path: &[u8]) -> Option<Self> {
        match Self::of(access::behind_proof(path)?, true, "") {
            Some(found @ (Self::Announce | Self::Scrape)) => Some(found),
            _ => None,
        }
    }

    /// As opentracker has it: behind all leading slashes, `a` is an announce and `sc` a scrape,
    /// whatever follows, so that `/announce.php` and `/scrape/x` work too. Just `scrape` without a
    /// query is a scrape of all torrents.
    fn of(path: &[u8], has_query: bool, stats: &str) -> Option<Self> {
        let slashes = path.iter().take_while(|&&byte| byte == b'/').count();
        let path = Encoded(path.get(slashes..).unwrap_or_default());
        let is = |name: &[u8]| path.decode().eq(name.iter().map(|&byte| Ok(byte)));
        let mut name = path.decode();
        match (name.next(), name.next()) {
            (None, _) if !has_query => Some(Self::Root),
            (Some(Ok(b'a')), _) => Some(Self::Announce),
            (Some(Ok(b's')), Some(Ok(b'c'))) if !has_query && is(b"scrape") => {
                Some(Self::FullScrape)
            }
            (Some(Ok(b's')), Some(Ok(b'c'))) => Some(Self::Scrape),
            _ if is(stats.as_bytes()) => Some(Self::Stats),
            // Who hides the statistics behind another path hides them all.
            _ if stats == DEFAULT_STATS_PATH && is(b"metrics") => Some(Self::Metrics),
            _ => None,
        }
    }
}
