//! The reply to a scrape (BEP 48).

use crate::access::Given;
use crate::admit::Scope;
use crate::time::Secs;
use crate::tracker::Tracker;
use crate::wire::bencode::Dict;
use crate::wire::http::Persistence;
use crate::wire::{InfoHash, Out};

use super::failure::Failure;
use super::reply::Reply;
use super::serve::Asker;
use super::{failure, request};

/// Most torrents in one reply: opentracker's limit, and what fits
/// [`LARGEST_REPLY`](super::LARGEST_REPLY).
const MOST: usize = 64;

/// Bytes of one torrent in the reply: the hash with its `20:`, `d`, four keys, four numbers of at
/// most 12 bytes, `e`.
const LARGEST_ENTRY: usize = 23 + 1 + 10 + 13 + 14 + 13 + 4 * 12 + 1;

/// Bytes of a reply that aren't torrents: at most 91 of head, `d5:filesd`, and 52 of `ee` and
/// `flags`.
const FRAME: usize = 91 + 9 + 52;

const HASH: usize = 20;

const _: () = assert!(FRAME + MOST * LARGEST_ENTRY <= super::LARGEST_REPLY);

/// What `asker` may scrape: all, unless the listener asks for a key.
///
/// Who shows none, or one that isn't good for a torrent, is told zeros, as other trackers do it:
/// libtorrent and others take a failure or a missing torrent for a broken tracker, and scrapes over
/// UDP, which have no place for a key, are then answered alike.
pub(super) fn scope(asker: &Asker<'_>, tracker: &mut Tracker<'_>, now: Secs) -> Scope {
    if !tracker.scrapes_need_key() {
        return Scope::All;
    }
    let source = request::source(asker, tracker.policy()).unwrap_or(asker.remote);
    let query = asker.query.unwrap_or_default();
    tracker.scope(&Given::in_url(source, asker.path, query), now)
}

/// Replies to the scrape that `query` is.
///
/// Torrents come sorted and once each, because keys of a dictionary must; unknown ones with zeros,
/// because libtorrent takes a missing one for an error; those beyond the limit not at all.
pub(super) fn answer(
    query: &[u8],
    persistence: Persistence,
    scope: Scope,
    tracker: &mut Tracker<'_>,
    out: &mut Out<'_>,
) {
    let start = out.len();
    let reply = Reply::begin(persistence, out);
    let mut dict = Dict::begin(out);
    let mut files = dict.dict(b"5:files");
    let most = MOST.min(usize::from(tracker.policy().most_scraped_http));
    let places = hashes(files.room()).len();
    let count = match sort(query, most, hashes(files.room())) {
        Ok(count) => count,
        Err(failure) => {
            out.truncate(start);
            return failure::answer(failure, persistence, tracker, out);
        }
    };
    for index in 0..count {
        // The hashes stand at the very end of the room for all 64, so this one is read before an
        // entry can reach it. Entries may have covered those before it: counted from the end, its
        // place is still the same.
        let hashes = hashes(files.room());
        let place = hashes.len().checked_sub(places.saturating_sub(index));
        let Some(&hash) = place.and_then(|place| hashes.get(place)) else {
            break;
        };
        let mut key = *b"20:....................";
        if let Some(text) = key.last_chunk_mut() {
            *text = hash;
        }
        let counts = tracker.scrape_within(scope, &InfoHash(hash));
        let mut file = files.dict(&key);
        file.integer(b"8:complete", counts.seeders);
        file.integer(b"10:downloaded", counts.completed);
        file.integer(
            b"11:downloaders",
            counts.leechers.saturating_sub(counts.partial),
        );
        file.integer(b"10:incomplete", counts.leechers);
        file.end();
    }
    files.end();
    let mut flags = dict.dict(b"5:flags");
    flags.integer(b"20:min_request_interval", tracker.policy().interval / 2);
    flags.end();
    dict.end();
    reply.end(out);
    tracker.counters.http_scrapes += 1;
}

/// The last [`MOST`] places for hashes of `room`, or as many as it has, up to its very end.
fn hashes(room: &mut [u8]) -> &mut [[u8; HASH]] {
    let (_, hashes) = room.as_rchunks_mut();
    let start = hashes.len().saturating_sub(MOST);
    hashes.get_mut(start..).unwrap_or_default()
}

/// Sorts the first `most` different hashes of `query` into `hashes` and returns how many they are.
///
/// Work: `most` moves of at most `most` hashes.
fn sort(query: &[u8], most: usize, hashes: &mut [[u8; HASH]]) -> Result<usize, Failure> {
    let mut count = 0usize;
    let mut named = false;
    for hash in request::info_hashes(query) {
        let hash = hash?;
        named = true;
        let sorted = hashes.get(..count).unwrap_or_default();
        let Err(at) = sorted.binary_search(&hash) else {
            continue;
        };
        let end = count.saturating_add(1);
        if end > most {
            continue;
        }
        if let Some(moved) = hashes.get_mut(at..end) {
            moved.copy_within(..moved.len().saturating_sub(1), 1);
            if let Some(first) = moved.first_mut() {
                *first = hash;
                count = end;
            }
        }
    }
    if named {
        Ok(count)
    } else {
        Err(Failure::NoTorrents)
    }
}
