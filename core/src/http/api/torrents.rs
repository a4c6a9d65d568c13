//! Torrents and their peers.

use core::net::SocketAddr;

use crate::body::{Body, Format, FullScrape};
use crate::http::reply::begin_stream;
use crate::http::streams::{Stream, StreamId, Streams};
use crate::store::Counts;
use crate::tracker::Tracker;
use crate::wire::query::Pairs;
use crate::wire::{Hex, InfoHash, Out};

use super::keys::put;
use super::problem::Problem;
use super::reply::{self, JSON};
use super::route::info_hash;
use super::serve::Request;

/// Most torrents that are asked for by name: what fits a reply.
const MOST_NAMED: usize = 50;

/// Most peers that are told of a torrent: what fits a reply.
const MOST_PEERS: usize = 36;

/// `GET /torrents`: in the order of their info hashes, or those that `info_hash=` names.
pub(super) fn list(
    request: &Request<'_>,
    streams: &mut Streams,
    tracker: &mut Tracker<'_>,
    out: &mut Out<'_>,
) -> Result<Option<StreamId>, Problem> {
    let window = request.window()?;
    let pairs = Pairs::new(request.message.query.unwrap_or_default());
    let mut named = pairs.filter(|(name, _)| name.0 == b"info_hash").peekable();
    if named.peek().is_none() {
        let body = FullScrape::window(Format::Json, window, tracker);
        return stream(request, JSON, Body::FullScrape(body), streams, out);
    }
    let reply = reply::begin(JSON, request.message.persistence, out);
    out.put(b"[");
    let mut separator = "";
    for (_, value) in named.take(MOST_NAMED) {
        let text = value.and_then(|value| core::str::from_utf8(value.0).ok());
        let hash = info_hash(text.unwrap_or_default())?;
        // As Torrust does, those that aren't known are left out.
        if let Some(counts) = tracker.counts(&hash) {
            put(out, format_args!("{separator}{{"));
            summary(&hash, counts, out);
            out.put(b"}");
            separator = ",";
        }
    }
    out.put(b"]");
    reply.end(out);
    Ok(None)
}

/// `GET /torrent/HASH`: with some of its peers, at random. What isn't stored is `null`: peer ids,
/// amounts, times.
pub(super) fn one(
    request: &Request<'_>,
    hash: &InfoHash,
    tracker: &mut Tracker<'_>,
    out: &mut Out<'_>,
) -> Result<(), Problem> {
    let counts = tracker.counts(hash).ok_or(Problem::UnknownTorrent)?;
    let reply = reply::begin(JSON, request.message.persistence, out);
    out.put(b"{");
    summary(hash, counts, out);
    out.put(b",\"peers\":[");
    let mut separator = "";
    let (mut v4, mut v6) = ([0; MOST_PEERS * 6], [0; MOST_PEERS * 18]);
    let [used_v4, used_v6] = tracker.some_peers(hash, &mut v4, &mut v6);
    let v4 = v4.get(..used_v4).unwrap_or_default().as_chunks().0;
    let v6 = v6.get(..used_v6).unwrap_or_default().as_chunks().0;
    let v4 = v4
        .iter()
        .map(|&[a, b, c, d, e, f]| SocketAddr::from(([a, b, c, d], u16::from_be_bytes([e, f]))));
    let v6 = v6.iter().filter_map(|peer: &[u8; 18]| {
        let (ip, port) = peer.split_first_chunk::<16>()?;
        Some(SocketAddr::from((
            *ip,
            u16::from_be_bytes(*port.first_chunk()?),
        )))
    });
    for address in v4.chain(v6).take(MOST_PEERS) {
        put(
            out,
            format_args!(
                "{separator}{{\"peer_id\":{{\"id\":null,\"client\":null}},\"peer_addr\":\"{address}\",\
                 \"updated\":null,\"updated_milliseconds_ago\":null,\"uploaded\":null,\
                 \"downloaded\":null,\"left\":null,\"event\":null}}"
            ),
        );
        separator = ",";
    }
    out.put(b"]}");
    reply.end(out);
    Ok(())
}

fn summary(hash: &InfoHash, counts: Counts, out: &mut Out<'_>) {
    put(
        out,
        format_args!(
            "\"info_hash\":\"{}\",\"seeders\":{},\"completed\":{},\"leechers\":{}",
            Hex(&hash.0),
            counts.seeders,
            counts.completed,
            counts.leechers
        ),
    );
}

/// Sends a body on its way.
pub(super) fn stream(
    request: &Request<'_>,
    kind: &str,
    body: Body,
    streams: &mut Streams,
    out: &mut Out<'_>,
) -> Result<Option<StreamId>, Problem> {
    if !streams.admits(request.remote()) {
        return Err(Problem::Busy);
    }
    let (persistence, chunked) = request.framing();
    let stream = Stream {
        body,
        chunked,
        closes: persistence.closes(),
        remote: request.remote(),
    };
    begin_stream(kind.as_bytes(), false, chunked, persistence, out);
    Ok(streams.open(stream))
}
