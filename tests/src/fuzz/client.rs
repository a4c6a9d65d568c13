//! What the client reads from others: replies over UDP and HTTP, torrent files, JSON.

use wrtracker::client::answer::{parse_announce, parse_scrape, refusal};
use wrtracker::client::failure::Failure;
use wrtracker::client::json::Value;
use wrtracker::client::packets::{self, Action, Reply};
use wrtracker::client::reply::{Progress, Reader};
use wrtracker::client::text::{Shown, acts};
use wrtracker::client::torrent::{MOST_TRACKERS, Torrent};

use super::{Input, same};

/// The number by which the client knows its request.
pub(super) const TRANSACTION: u32 = 0x0102_0304;

/// The hash that is asked about.
pub(super) const HASH: [u8; 20] = [7; 20];

/// Most bytes of a body.
const MOST: usize = 4096;

/// A datagram, as the answer to each kind of request: it has no more peers and counts than bytes.
pub fn udp(data: &[u8]) {
    for action in [Action::Connect, Action::Announce, Action::Scrape] {
        match Reply::parse(data, action, TRANSACTION) {
            Reply::Answer(answer) => {
                let _ = packets::parse_connect(answer);
                for ipv6 in [false, true] {
                    if let Ok(announced) = packets::parse_announce(answer, ipv6) {
                        let bytes = announced.peers.len() * if ipv6 { 18 } else { 6 };
                        assert_eq!(bytes + 12, answer.len());
                    }
                }
                if let Ok(counts) = packets::parse_scrape(answer, 74) {
                    assert_eq!(counts.len(), 74);
                }
            }
            Reply::Refused(words) => shown(words),
            Reply::Other | Reply::Wrong => {}
        }
    }
}

/// A reply over HTTP, in pieces of a size that the first byte says and whole, which come to the
/// same; and its body, as the answer to an announce, a scrape, and an API.
pub fn http(data: &[u8]) {
    let mut input = Input(data);
    let size = usize::from(input.byte().unwrap_or(0)) + 1;
    let read = |size: usize| {
        let mut reader = Reader::new(MOST);
        for piece in input.0.chunks(size) {
            if reader.push(piece).map_err(|why| why.to_string())? == Progress::Done {
                break;
            }
        }
        reader.finish().map_err(|why| why.to_string())
    };
    let whole = read(input.0.len().max(1));
    same("whole and in pieces", &whole, &read(size));
    match whole {
        Ok(reply) => {
            assert!((200..600).contains(&reply.status) && reply.body.len() <= MOST);
            body(&reply.body);
        }
        Err(why) => assert!(!why.contains(acts)),
    }
}

/// The body of a reply.
fn body(body: &[u8]) {
    match parse_announce(body) {
        Ok(announced) => {
            assert!(announced.peers.len() <= body.len());
            for peer in &announced.peers {
                shown(&peer.ip);
            }
            assert_eq!(refusal(body), None);
        }
        Err(Failure::Refused(words)) => {
            assert_eq!(refusal(body), Some(words.as_slice()));
            shown(&words);
        }
        Err(failure) => assert!(!failure.to_string().contains(acts)),
    }
    if let Ok(counts) = parse_scrape(body, &[HASH, [8; 20]]) {
        assert_eq!(counts.len(), 2);
    }
}

/// JSON of an API: what is read comes out in one form, which is read as the same.
pub fn json(data: &[u8]) {
    if let Ok(value) = Value::parse(data) {
        let text = value.to_string();
        assert!(!text.contains(acts), "{text:?}");
        same("there and back", Value::parse(text.as_bytes()), Ok(value));
    }
}

/// A torrent file.
pub fn torrent(data: &[u8]) {
    match Torrent::parse(data) {
        Ok(torrent) => assert!(torrent.trackers.len() <= MOST_TRACKERS),
        Err(why) => assert!(!why.to_string().contains(acts)),
    }
}

/// What a terminal gets of others' words does nothing to it.
fn shown(words: &[u8]) {
    assert!(!Shown(words).to_string().contains(acts));
}
