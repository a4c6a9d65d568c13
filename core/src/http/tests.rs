//! Tests of whole requests, as a host hands them in.

use std::net::SocketAddr;
use std::string::String;
use std::vec;
use std::vec::Vec;

use super::BUFFER_BYTES;
use super::ConnectionId;
use super::Connections;
use super::LARGEST_REPLY;
use super::Next;
use super::Slot;
use crate::policy::Policy;
use crate::time::Secs;
use crate::tracker::Tracker;

const NOW: Secs = Secs(1_000);

/// Without jitter, so that replies can be compared.
fn policy() -> Policy {
    Policy {
        interval_jitter: 0,
        ..Policy::DEFAULT
    }
}

/// Runs `test` with a tracker of little memory and a table of `slots` and `buffers`.
fn with(slots: usize, buffers: usize, test: impl FnOnce(&mut Tracker<'_>, &mut Connections<'_>)) {
    let mut memory = vec![0; 1 << 16];
    let mut tracker = Tracker::new(&mut memory, &[1; 32], policy(), NOW).unwrap();
    let mut slots = vec![Slot::EMPTY; slots];
    let mut bytes = vec![0; buffers * BUFFER_BYTES];
    let mut connections = Connections::new(&mut slots, &mut bytes);
    test(&mut tracker, &mut connections);
}

fn open(connections: &mut Connections<'_>) -> ConnectionId {
    connections.open("192.0.2.1:50000".parse().unwrap(), NOW).id
}

fn receive(
    connections: &mut Connections<'_>,
    tracker: &mut Tracker<'_>,
    id: ConnectionId,
    bytes: &[u8],
) -> (Vec<u8>, Next) {
    let mut out = vec![0; 2 * LARGEST_REPLY];
    let turn = connections.receive(id, bytes, tracker, NOW, &mut out);
    assert_eq!(turn.consumed, bytes.len());
    out.truncate(turn.written);
    (out, turn.next)
}

#[test]
fn smoke() {
    with(2, 1, |tracker, connections| {
        let id = open(connections);
        let (out, next) = receive(connections, tracker, id, b"GET /announce?info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=aaaaaaaaaaaaaaaaaaaa&port=1&compact=0 HTTP/1.1\r\n\r\nGET /scrape?info_hash=aaaaaaaaaaaaaaaaaaaa HTTP/1.1\r\n\r\n");
        std::println!("{}", String::from_utf8_lossy(&out));
        assert_eq!(next, Next::Read);
        let a: SocketAddr = "1.2.3.4:5".parse().unwrap();
        let _ = a;
    });
}
