//! Tests of whole requests, handed in as a host does.

mod announce;
mod clients;
mod connections;
mod scrape;
mod sources;
mod stats;
mod streams;

use std::string::String;
use std::vec;
use std::vec::Vec;

use super::{BUFFER_BYTES, ConnectionId, Connections, LARGEST_REPLY, Next, Slot};
use crate::policy::Policy;
use crate::time::Secs;
use crate::tracker::{Secrets, Tracker};

const NOW: Secs = Secs(1_000);

/// A tracker and the connections to it, with an interval that doesn't vary.
struct Bench<'m> {
    tracker: Tracker<'m>,
    connections: Connections<'m>,
    now: Secs,
    out: Vec<u8>,
}

/// Runs `test` with a table of so many slots and buffers.
fn with(slots: usize, buffers: usize, test: impl FnOnce(&mut Bench<'_>)) {
    let mut memory = vec![0; 1 << 14];
    let policy = Policy {
        interval_jitter: 0,
        ..Policy::DEFAULT
    };
    let mut slots = vec![Slot::EMPTY; slots];
    let mut bytes = vec![0; buffers * BUFFER_BYTES];
    test(&mut Bench {
        tracker: Tracker::new(&mut memory, &Secrets::new(&[1; 40]), policy).unwrap(),
        connections: Connections::new(&mut slots, &mut bytes),
        now: NOW,
        out: vec![0; 2 * LARGEST_REPLY],
    });
}

impl Bench<'_> {
    fn open(&mut self) -> ConnectionId {
        self.open_from("192.0.2.1")
    }

    fn open_from(&mut self, ip: &str) -> ConnectionId {
        let remote = (ip.parse::<std::net::IpAddr>().unwrap(), 50_000).into();
        self.connections.open(remote, self.now).id
    }

    /// What the bytes are answered with; all of them must be consumed.
    fn receive(&mut self, id: ConnectionId, bytes: &[u8]) -> (Vec<u8>, Next) {
        let mut written = Vec::new();
        let mut rest = bytes;
        loop {
            let turn =
                self.connections
                    .receive(id, rest, &mut self.tracker, self.now, &mut self.out);
            written.extend_from_slice(&self.out[..turn.written]);
            rest = &rest[turn.consumed..];
            if rest.is_empty() || turn.next == Next::Close {
                return (written, turn.next);
            }
            assert!(turn.written > 0, "no progress");
        }
    }

    /// The body of the reply that `target` gets from `ip` over a connection of its own.
    fn get(&mut self, ip: &str, target: &[u8]) -> Vec<u8> {
        let id = self.open_from(ip);
        let request = [b"GET ", target, b" HTTP/1.1\r\nHost: t\r\n\r\n"].concat();
        let (reply, next) = self.receive(id, &request);
        assert_eq!(next, Next::Read);
        self.connections.close(id);
        assert!(reply.len() <= LARGEST_REPLY);
        body(&reply).to_vec()
    }
}

/// The body of the one reply that `reply` is, whose head must be that of a bencoded body.
fn body(reply: &[u8]) -> &[u8] {
    let at = reply
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap();
    let (head, body) = reply.split_at(at + 4);
    let expected = std::format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    assert_eq!(String::from_utf8_lossy(head), expected);
    body
}

/// An announce of `port` for the torrent `name` repeated, with `more` behind it.
fn announce(name: u8, port: u16, more: &str) -> Vec<u8> {
    let hash = std::format!("%{name:02x}").repeat(20);
    std::format!("/announce?info_hash={hash}&peer_id=-XX0001-abcdefghijkl&port={port}{more}").into()
}

#[track_caller]
fn assert_bytes(actual: &[u8], expected: &[u8]) {
    assert!(
        actual == expected,
        "\n  actual: {}\nexpected: {}",
        actual.escape_ascii(),
        expected.escape_ascii()
    );
}
