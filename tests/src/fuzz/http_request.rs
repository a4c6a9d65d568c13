//! The bytes of one TCP connection, which must be answered the same however they are split and
//! however slowly the client takes the replies.
//!
//! Input: one byte that says how to split, and in its highest bit whether a key is asked for; then what
//! the client sends.

use core::net::SocketAddr;

use wrtracker_core::access::Mode;
use wrtracker_core::http::{BUFFER_BYTES, Connections, LARGEST_REPLY, Next, Slot};
use wrtracker_core::tracker::Tracker;

use super::{START, WORDS, ip, tracker_with_keys};
use crate::bencode::Value;

/// From here on the first byte asks for a key.
const PRIVATE: u8 = 0x80;

/// Runs it.
pub fn run(data: &[u8]) {
    let Some((&seed, stream)) = data.split_first() else {
        return;
    };
    let mode = match seed {
        ..PRIVATE => Mode::Public,
        PRIVATE.. => Mode::Private,
    };
    let whole = serve(&[stream], Socket::TakesAll, mode);
    check(&whole.sent);
    let pieces = split(stream, seed);
    assert_same(&serve(&pieces, Socket::TakesAll, mode), &whole, "split");
    if stream.len() <= 2_048 {
        let bytes: Vec<_> = stream.chunks(1).collect();
        assert_same(&serve(&bytes, Socket::TakesAll, mode), &whole, "bytes");
    }
    for step in [1 + usize::from(seed), LARGEST_REPLY] {
        let slow = serve(&pieces, Socket::Takes(step), mode);
        if slow.overran {
            // It sent more than can be held, so it was closed early. Pieces of a long body depend on
            // what is held with them.
            let chunked = whole.sent.windows(9).any(|word| word == b": chunked");
            assert!(chunked || whole.sent.starts_with(&slow.sent));
        } else {
            assert_same(&slow, &whole, "slow");
        }
    }
}

fn assert_same(some: &Outcome, whole: &Outcome, how: &str) {
    assert!(
        plain(&some.sent) == plain(&whole.sent) && some.closed == whole.closed,
        "{how}: {} {}\nwhole: {} {}",
        some.sent.escape_ascii(),
        some.closed,
        whole.sent.escape_ascii(),
        whole.closed
    );
}

/// Cuts `stream` into pieces of 1 to about 4 times `seed` bytes.
fn split(stream: &[u8], seed: u8) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    let mut rest = stream;
    let mut state = u32::from(seed);
    while !rest.is_empty() {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let most = u32::from(seed) * 4 + 1;
        let size = usize::try_from((state >> 16) % most).expect("small") + 1;
        let (piece, behind) = rest.split_at(size.min(rest.len()));
        pieces.push(piece);
        rest = behind;
    }
    pieces
}

/// How a socket takes replies.
#[derive(Clone, Copy)]
enum Socket {
    TakesAll,
    /// Nothing at first, then so many bytes at a time.
    Takes(usize),
}

#[derive(Default)]
struct Outcome {
    sent: Vec<u8>,
    closed: bool,
    /// Whether it was closed because a buffer could not hold what it was to get.
    overran: bool,
}

/// A host with one connection, to a new tracker.
fn serve(pieces: &[&[u8]], socket: Socket, mode: Mode) -> Outcome {
    let mut memory = vec![0; WORDS];
    let mut workspace = vec![0; 1024];
    let mut keys = Vec::new();
    let mut tracker = tracker_with_keys(&mut memory, &mut keys);
    tracker.serve_as(mode);
    tracker.set_workspace(&mut workspace);
    let mut slots = vec![Slot::EMPTY];
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut connections = Connections::new(&mut slots, &mut buffer);
    let mut out = vec![0; 2 * LARGEST_REPLY];
    let id = connections
        .open(SocketAddr::new(ip("192.0.2.1"), 1), START)
        .id;
    let mut outcome = Outcome::default();
    for piece in pieces {
        let mut rest = *piece;
        while !rest.is_empty() && !outcome.closed {
            let turn = connections.receive(id, rest, &mut tracker, START, &mut out);
            rest = &rest[turn.consumed..];
            let written = &out[..turn.written];
            assert!(
                turn.written > 0 || rest.is_empty(),
                "neither input nor output"
            );
            match socket {
                Socket::TakesAll => {
                    outcome.sent.extend_from_slice(written);
                    if turn.next == Next::Resume {
                        connections.hold(id, &[], rest, START);
                        rest = &[];
                        let step = BUFFER_BYTES;
                        trickle(
                            &mut connections,
                            &mut tracker,
                            id,
                            step,
                            &mut out,
                            &mut outcome,
                        );
                    }
                }
                Socket::Takes(step) if !written.is_empty() => {
                    let next = connections.hold(id, written, rest, START);
                    rest = &[];
                    if connections.unsent(id) != written {
                        assert!(next == Next::Close && connections.unsent(id).is_empty());
                        outcome.overran = true;
                        outcome.closed = true;
                        break;
                    }
                    trickle(
                        &mut connections,
                        &mut tracker,
                        id,
                        step,
                        &mut out,
                        &mut outcome,
                    );
                }
                Socket::Takes(_) => {}
            }
            outcome.closed |= turn.next == Next::Close;
        }
    }
    assert_eq!(connections.len(), 1);
    connections.close(id);
    assert!(connections.is_empty());
    outcome
}

/// Sends all that is held in steps, and what comes of the input behind it.
fn trickle(
    connections: &mut Connections<'_>,
    tracker: &mut Tracker<'_>,
    id: wrtracker_core::http::ConnectionId,
    step: usize,
    out: &mut [u8],
    outcome: &mut Outcome,
) {
    loop {
        while !connections.unsent(id).is_empty() {
            let unsent = connections.unsent(id);
            let count = step.min(unsent.len());
            outcome.sent.extend_from_slice(&unsent[..count]);
            outcome.closed |= connections.sent(id, count, START) == Next::Close;
        }
        if outcome.closed {
            return;
        }
        let turn = connections.resume(id, tracker, START, out);
        outcome.sent.extend_from_slice(&out[..turn.written]);
        outcome.closed |= turn.next == Next::Close;
        assert_ne!(turn.next, Next::Later, "nobody else is at work");
        if turn.written == 0 && turn.next != Next::Resume {
            return;
        }
    }
}

/// Checks that `sent` is a row of whole replies that any client can read.
fn check(sent: &[u8]) {
    for (head, body) in replies(sent) {
        let bencode = head.contains("\r\nContent-Type: text/plain\r\n") && body.starts_with(b"d");
        if head.starts_with("HTTP/1.1 200 OK\r\n") && bencode {
            let body = Value::parse(&body).expect("bencode");
            let keys = body.keys();
            assert!(
                ["failure reason", "files", "peers"]
                    .iter()
                    .any(|key| keys.iter().any(|found| found == key)),
                "{keys:?}"
            );
        } else if !head.starts_with("HTTP/1.1 200 OK\r\n") {
            let status = head.get(9..12).expect("a status");
            assert!(
                ["400", "402", "403", "404", "414", "500", "503"].contains(&status),
                "{head}"
            );
            assert!(body.starts_with(b"<title>") && body.ends_with(b"</title>\n"));
        }
    }
}

/// The replies in `sent` as they mean, whatever pieces they came in.
fn plain(sent: &[u8]) -> Vec<(String, Vec<u8>)> {
    replies(sent).collect()
}

/// The head and the body of each reply.
fn replies(sent: &[u8]) -> impl Iterator<Item = (String, Vec<u8>)> {
    let mut rest = sent;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = rest.windows(4).position(|four| four == b"\r\n\r\n");
        let (head, behind) = rest.split_at(end.expect("the end of a head") + 4);
        let head = str::from_utf8(head).expect("a head in ASCII");
        let body;
        let length = head.split("\r\nContent-Length: ").nth(1);
        if let Some(length) = length.and_then(|rest| rest.split("\r\n").next()) {
            let length: usize = length.parse().expect("a number");
            assert!(head.len() + length <= LARGEST_REPLY);
            let (whole, next) = behind.split_at(length);
            (body, rest) = (whole.to_vec(), next);
        } else if head.contains("\r\nTransfer-Encoding: chunked\r\n") {
            (body, rest) = unchunk(behind);
        } else {
            // To the end of the connection.
            (body, rest) = (behind.to_vec(), &[]);
        }
        Some((head.to_owned(), body))
    })
}

/// A body in chunks (RFC 9112 section 7.1), and what follows it.
fn unchunk(mut rest: &[u8]) -> (Vec<u8>, &[u8]) {
    let mut body = Vec::new();
    loop {
        let end = rest
            .windows(2)
            .position(|two| two == b"\r\n")
            .expect("a size");
        let size = str::from_utf8(&rest[..end]).expect("digits");
        let size = usize::from_str_radix(size, 16).expect("a size in hex");
        let chunk = &rest[end + 2..];
        body.extend_from_slice(&chunk[..size]);
        assert_eq!(&chunk[size..size + 2], b"\r\n");
        rest = &chunk[size + 2..];
        if size == 0 {
            return (body, rest);
        }
    }
}
