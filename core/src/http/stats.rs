//! The request for a page of statistics: who may see it, and how it is sent.

use crate::body::{Body, Format, Walked};
use crate::policy::FullScrape;
use crate::stats::{self, Asked, BadRequest, Mode};
use crate::store::Progress;
use crate::time::Secs;
use crate::tracker::Tracker;
use crate::wire::Out;
use crate::wire::query::Encoded;

use super::full_scrape;
use super::reply::{self, Reply, Status};
use super::serve::{Asker, error};
use super::streams::{Stream, StreamId, Streams};

/// Replies with a page. What must look at everything first, or may be longer than one reply, is on
/// its way afterwards.
pub(super) fn answer(
    asked: Result<Asked<'_>, BadRequest>,
    asker: &Asker<'_>,
    streams: &mut Streams,
    tracker: &mut Tracker<'_>,
    now: Secs,
    out: &mut Out<'_>,
) -> Option<StreamId> {
    let mut refuse = |status, tracker: &mut Tracker<'_>| {
        error(status, asker.persistence, tracker, out);
        None
    };
    if !stats::allowed(tracker.policy(), asker.remote) {
        return refuse(Status::Forbidden, tracker);
    }
    let Ok(Asked { mode, format }) = asked else {
        // Counted as what a wrong parameter is to opentracker.
        return refuse(Status::BadParameter, tracker);
    };
    let format = match mode {
        Mode::Busy => return refuse(Status::Failed, tracker),
        Mode::Tpbs => match self::format(format) {
            Some(format) => Some(format),
            None => return refuse(Status::BadParameter, tracker),
        },
        Mode::StateDump => Some(Format::StateDump),
        _ => None,
    };
    if let Some(format) = format {
        if tracker.policy().full_scrape == FullScrape::Off {
            return refuse(Status::Failed, tracker);
        }
        return full_scrape::answer(format, false, asker, streams, tracker, now, out);
    }
    let body = match mode {
        Mode::Top10 => Body::Walked(Walked::top(10, tracker)),
        Mode::Top100 => Body::Walked(Walked::top(100, tracker)),
        Mode::S24s => Body::Walked(Walked::networks(tracker)),
        Mode::Metrics => {
            tracker.collect();
            Body::Page(mode, 0)
        }
        Mode::FullLog if !tracker.requests.is_empty() => Body::Requests,
        _ => {
            // Now and not earlier: whoever has a reply may ask whether it was counted.
            tracker.collect();
            page(mode, asker, tracker, now, out);
            return None;
        }
    };
    if !streams.admits(asker.remote)
        || mode.is_survey() && tracker.survey.workspace.len() < LEAST_WORKSPACE
    {
        return refuse(Status::Busy, tracker);
    }
    let (persistence, chunked) = asker.framing();
    let kind = mode.content_type().as_bytes();
    reply::begin_stream(kind, false, chunked, persistence, out);
    streams.open(Stream {
        body,
        chunked,
        closes: persistence.closes(),
        remote: asker.remote,
    })
}

/// Words of workspace that the walks need to be of any use.
const LEAST_WORKSPACE: usize = 1000;

/// A page that is printed from counters, all at once.
fn page(mode: Mode, asker: &Asker<'_>, tracker: &Tracker<'_>, now: Secs, out: &mut Out<'_>) {
    let kind = mode.content_type().as_bytes();
    let reply = Reply::begin_as(kind, asker.persistence, out);
    let progress = stats::emit(mode, tracker, now, &mut 0, out);
    debug_assert_eq!(progress, Progress::Done, "a page longer than the longest");
    reply.end(out);
}

/// The format of `mode=tpbs`: bencode if none is named, which opentracker never answers.
fn format(name: Option<Encoded<'_>>) -> Option<Format> {
    let Some(name) = name else {
        return Some(Format::Ben);
    };
    Some(match name.plain(&mut [0; 16]) {
        b"ben" => Format::Ben,
        b"bin" => Format::Bin,
        b"txt" => Format::Txt,
        b"txtp" => Format::TxtPlus,
        b"url" => Format::Url,
        _ => return None,
    })
}

const _: () = assert!(stats::LARGEST_PAGE + reply::LARGEST_HEAD <= super::LARGEST_REPLY);
