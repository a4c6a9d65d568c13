//! Datagrams from several sources to one tracker.
//!
//! Input: any number of `flags`, `length`, `length` bytes of datagram. Of the flags, bits 0 to 2
//! choose the source, bit 3 puts in the connection id that the source was given, bit 4 lets ten
//! seconds pass first, bit 5 leaves little room for the reply, bit 6 asks for a key.

use core::net::{IpAddr, SocketAddr};

use wrtracker_core::access::Mode;
use wrtracker_core::time::Secs;
use wrtracker_core::tracker::Tracker;
use wrtracker_core::udp;

use super::{Input, KEY, LIMITED, START, WORDS, ip, tracker_with_keys};

/// The flag that puts in a valid connection id.
pub const CONNECTED: u8 = 1 << 3;
const LATER: u8 = 1 << 4;
const LITTLE_ROOM: u8 = 1 << 5;
/// The flag that asks for a key.
pub const PRIVATE: u8 = 1 << 6;

/// The sources; the last three can't be answered.
pub const SOURCES: [(&str, u16); 8] = [
    ("192.0.2.1", 6_881),
    ("192.0.2.2", 1),
    ("2001:db8::1", 6_881),
    ("fe80::1", 65_535),
    ("::ffff:192.0.2.3", 6_881),
    ("192.0.2.9", 0),
    ("224.0.0.1", 6_881),
    ("ff02::1", 6_881),
];
const ANSWERABLE: usize = 5;

/// Runs it.
pub fn run(data: &[u8]) {
    let mut memory = vec![0; WORDS];
    let mut keys = Vec::new();
    let mut tracker = tracker_with_keys(&mut memory, &mut keys);
    let mut out = vec![0; udp::LARGEST_REPLY];
    let mut now = START;
    let mut input = Input(data);
    while let (Some(flags), Some(length)) = (input.byte(), input.byte()) {
        let mut datagram = input.bytes(length.into()).to_vec();
        let index = usize::from(flags & 7);
        let (address, port) = SOURCES[index];
        let source = SocketAddr::new(ip(address), port);
        if flags & LATER != 0 {
            now = now.plus(10);
            tracker.tick(now);
        }
        let connected = flags & CONNECTED != 0 && index < ANSWERABLE && datagram.len() >= 8;
        if connected {
            datagram[..8].copy_from_slice(&connect(&mut tracker, source, now));
        }
        let private = flags & PRIVATE != 0;
        tracker.serve_as(if private { Mode::Private } else { Mode::Public });
        let room = if flags & LITTLE_ROOM != 0 {
            100
        } else {
            out.len()
        };
        let count = udp::answer(&mut tracker, source, &datagram, now, &mut out[..room]);
        assert!(count <= room);
        let reply = &out[..count];
        if count == 0 {
            continue;
        }
        assert!(index < ANSWERABLE, "a reply to {source}");
        assert!(connected || count <= datagram.len(), "more than was sent");
        assert_eq!(reply[4..8], datagram[12..16], "another transaction");
        if private && reply[..4] == [0, 0, 0, 1] {
            let keys = [KEY, LIMITED];
            let shown = |key: &str| key.bytes().all(|byte| datagram.contains(&byte));
            assert!(keys.iter().any(|key| shown(key)), "peers without a key");
        }
        check(reply, source.ip().to_canonical());
    }
}

/// A connection id for `source`.
fn connect(tracker: &mut Tracker<'_>, source: SocketAddr, now: Secs) -> [u8; 8] {
    let mut reply = [0; 16];
    let request = b"\0\0\x04\x17\x27\x10\x19\x80\0\0\0\0abcd";
    assert_eq!(udp::answer(tracker, source, request, now, &mut reply), 16);
    reply[8..].try_into().expect("8 bytes")
}

/// Checks the form of a reply to a client at `ip` (BEP 15).
fn check(reply: &[u8], ip: IpAddr) {
    let stride = if ip.is_ipv4() { 6 } else { 18 };
    match reply[..4] {
        [0, 0, 0, 0] => assert_eq!(reply.len(), 16),
        [0, 0, 0, 1] => {
            assert!(reply.len() >= 20);
            for peer in reply[20..].chunks(stride) {
                assert_eq!(peer.len(), stride);
                assert_ne!(peer[stride - 2..], [0, 0], "a peer at port 0");
            }
        }
        [0, 0, 0, 2] => assert_eq!(reply.len() % 12, 8),
        [0, 0, 0, 3] => assert!(reply.len() > 8),
        _ => panic!("an action that there is not: {reply:?}"),
    }
}
