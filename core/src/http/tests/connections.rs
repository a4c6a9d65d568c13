//! Connections: splits, pipelines, limits, full tables.

use std::format;
use std::string::String;
use std::vec::Vec;

use super::{Bench, NOW, announce, assert_bytes, with};
use crate::http::{BUFFER_BYTES, ConnectionId, IDLE_SECONDS, LARGEST_REPLY, Next};
use crate::http::{REQUEST_SECONDS, SEND_SECONDS};

/// Four requests in one go: an announce, an error that keeps the connection, a scrape, an announce
/// that closes it.
fn pipeline() -> Vec<u8> {
    [
        b"GET ",
        &announce(1, 7, "&left=0")[..],
        b" HTTP/1.1\r\nHost: t\r\n\r\n\r\nGET /nothing HTTP/1.1\r\nHost: t\r\n\r\n",
        b"GET /scrape?info_hash=%01%01%01%01%01%01%01%01%01%01%01%01%01%01%01%01%01%01%01%01",
        b" HTTP/1.1\n\nGET ",
        &announce(1, 8, "&numwant=0"),
        b" HTTP/1.0\r\n\r\n",
    ]
    .concat()
}

fn replies(pieces: &[&[u8]]) -> (Vec<u8>, Next) {
    let mut result = None;
    with(1, 1, |bench| {
        let id = bench.open();
        let mut written = Vec::new();
        let mut next = Next::Read;
        for piece in pieces {
            let (more, then) = bench.receive(id, piece);
            written.extend(more);
            next = then;
        }
        result = Some((written, next));
    });
    result.unwrap()
}

#[test]
fn requests_split_anywhere_are_answered_the_same() {
    let requests = pipeline();
    let whole = replies(&[&requests]);
    assert_eq!(whole.0.windows(9).filter(|w| w == b"HTTP/1.1 ").count(), 4);
    assert_eq!(whole.1, Next::Close);
    for at in 0..=requests.len() {
        let (first, second) = requests.split_at(at);
        assert_eq!(replies(&[first, second]), whole, "{at}");
        let (second, third) = second.split_at(second.len() / 2);
        assert_eq!(replies(&[first, second, third]), whole, "{at}");
    }
    let bytes: Vec<_> = requests.chunks(1).collect();
    assert_eq!(replies(&bytes), whole);
}

#[test]
fn a_bad_request_is_answered_behind_the_good_ones_and_ends_the_connection() {
    with(1, 1, |bench| {
        for bad in [
            "POST /announce HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
            "\x16\x03\x01\r\n\r\n",
            "GET /announce HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ] {
            let id = bench.open();
            let request = format!("GET / HTTP/1.1\r\n\r\n{bad}GET / HTTP/1.1\r\n\r\n");
            let (reply, next) = bench.receive(id, request.as_bytes());
            assert_bytes(
                &reply,
                b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 25\r\n\r\n\
                  <title>Not Found</title>\n\
                  HTTP/1.1 400 Invalid Request\r\nContent-Type: text/html\r\nContent-Length: 31\r\n\
                  Connection: close\r\n\r\n<title>Invalid Request</title>\n",
            );
            assert_eq!(next, Next::Close);
            // Whatever else it sends is lost on us.
            let (reply, next) = bench.receive(id, b"GET / HTTP/1.1\r\n\r\n");
            assert_eq!((reply.len(), next), (0, Next::Close));
            bench.connections.close(id);
            assert!(bench.connections.is_empty());
        }
        assert_eq!(bench.tracker.counters.http_errors.iter().sum::<u64>(), 6);
    });
}

/// A request of `length` bytes.
fn long(length: usize) -> Vec<u8> {
    let (start, end) = (b"GET /?", b" HTTP/1.1\r\n\r\n");
    let fill = std::vec![b'x'; length - start.len() - end.len()];
    [start, &fill[..], end].concat()
}

#[test]
fn the_longest_request_is_served_and_a_longer_one_refused_however_split() {
    for (length, status) in [
        (BUFFER_BYTES, "404 Not Found"),
        (BUFFER_BYTES + 1, "414 Request-URI Too Long"),
        (3 * BUFFER_BYTES, "414 Request-URI Too Long"),
    ] {
        let request = long(length);
        for piece in [1, 1_000, BUFFER_BYTES - 1, BUFFER_BYTES, length] {
            let pieces: Vec<_> = request.chunks(piece).collect();
            let (reply, _) = replies(&pieces);
            let reply = String::from_utf8(reply).unwrap();
            assert!(
                reply.starts_with(&format!("HTTP/1.1 {status}\r\n")),
                "{length} {piece}"
            );
            assert_eq!(
                reply.contains("Connection: close"),
                status.starts_with('4') && length > BUFFER_BYTES
            );
            assert_eq!(reply.matches("HTTP/1.1").count(), 1);
        }
    }
}

#[test]
fn empty_lines_alone_are_nothing_and_hold_nothing() {
    with(1, 0, |bench| {
        let id = bench.open();
        for _ in 0..10 {
            assert_eq!(bench.receive(id, b"\r\n\n\r\n\r"), (Vec::new(), Next::Read));
        }
        let (reply, next) = bench.receive(id, b"\r\nGET / HTTP/1.1\r\n\r\n");
        assert!(reply.starts_with(b"HTTP/1.1 404"));
        assert_eq!(next, Next::Read);
    });
}

#[test]
fn little_room_for_replies_consumes_as_many_requests_as_it_holds() {
    with(1, 1, |bench| {
        let id = bench.open();
        let request = b"GET / HTTP/1.1\r\n\r\n";
        let (one, _) = bench.receive(id, request);
        let many = request.repeat(100);
        bench.out.truncate(LARGEST_REPLY + one.len());
        let turn = bench
            .connections
            .receive(id, &many, &mut bench.tracker, NOW, &mut bench.out);
        assert_eq!(turn.consumed, 2 * request.len());
        assert_eq!(turn.written, 2 * one.len());
        assert_eq!(turn.next, Next::Read);
        let (replies, _) = bench.receive(id, &many);
        assert_eq!(replies, one.repeat(100));
        // Too little for any reply is the host's mistake, and no reason to spin.
        let turn = bench
            .connections
            .receive(id, request, &mut bench.tracker, NOW, &mut [0; 100]);
        assert_eq!(
            (turn.consumed, turn.written, turn.next),
            (request.len(), 0, Next::Close)
        );
    });
}

/// Sends what is held, `step` bytes at a time, and goes on with what is held behind it.
fn drain(bench: &mut Bench<'_>, id: ConnectionId, step: usize) -> (Vec<u8>, Next) {
    let mut sent = Vec::new();
    loop {
        while !bench.connections.unsent(id).is_empty() {
            let unsent = bench.connections.unsent(id);
            let count = step.min(unsent.len());
            sent.extend_from_slice(&unsent[..count]);
            if bench.connections.sent(id, count, NOW) == Next::Close
                && bench.connections.unsent(id).is_empty()
            {
                return (sent, Next::Close);
            }
        }
        let turn = bench
            .connections
            .resume(id, &mut bench.tracker, NOW, &mut bench.out);
        if turn.written == 0 {
            return (sent, turn.next);
        }
        let written = bench.out[..turn.written].to_vec();
        let next = bench.connections.hold(id, &written, &[], NOW);
        assert_eq!(next, turn.next);
    }
}

#[test]
fn a_socket_that_takes_nothing_loses_nothing() {
    let requests = pipeline();
    let whole = replies(&[&requests]);
    for at in 0..requests.len() {
        for step in [1, 7, 10_000] {
            with(1, 1, |bench| {
                let id = bench.open();
                let (now, later) = requests.split_at(at);
                let turn =
                    bench
                        .connections
                        .receive(id, now, &mut bench.tracker, NOW, &mut bench.out);
                let written = bench.out[..turn.written].to_vec();
                let next = bench.connections.hold(id, &written, later, NOW);
                assert_eq!(next, turn.next);
                assert_eq!(bench.connections.unsent(id), written);
                assert_eq!(drain(bench, id, step), whole, "{at} {step}");
            });
        }
    }
}

#[test]
fn input_waits_while_a_reply_is_held() {
    with(1, 1, |bench| {
        let id = bench.open();
        let request = b"GET / HTTP/1.1\r\n\r\n";
        bench.connections.hold(id, b"reply", &[], NOW);
        let turn = bench
            .connections
            .receive(id, request, &mut bench.tracker, NOW, &mut bench.out);
        assert_eq!((turn.consumed, turn.written, turn.next), (0, 0, Next::Read));
        assert_eq!(bench.connections.sent(id, 99, NOW), Next::Read);
        let (reply, _) = bench.receive(id, request);
        assert!(reply.starts_with(b"HTTP/1.1 404"));
    });
}

#[test]
fn what_does_not_fit_a_buffer_closes_the_connection() {
    with(2, 1, |bench| {
        for (unsent, rest) in [
            (BUFFER_BYTES + 1, 0),
            (BUFFER_BYTES, 1),
            (0, BUFFER_BYTES + 1),
        ] {
            let id = bench.open();
            let (unsent, rest) = (std::vec![1; unsent], std::vec![2; rest]);
            assert_eq!(bench.connections.hold(id, &unsent, &rest, NOW), Next::Close);
            assert!(bench.connections.unsent(id).is_empty());
            bench.connections.close(id);
        }
        let id = bench.open();
        let full = std::vec![1; BUFFER_BYTES];
        assert_eq!(bench.connections.hold(id, &full, &[], NOW), Next::Read);
        assert_eq!(bench.connections.unsent(id), full);
    });
}

#[test]
fn with_no_buffers_whole_requests_are_still_served() {
    with(1, 0, |bench| {
        let id = bench.open();
        let (reply, next) = bench.receive(id, b"GET / HTTP/1.1\r\n\r\n");
        assert!(reply.starts_with(b"HTTP/1.1 404"));
        assert_eq!(next, Next::Read);
        let (reply, next) = bench.receive(id, b"GET / HTTP/1.1\r\n");
        assert_eq!((reply.len(), next), (0, Next::Close));
        assert_eq!(bench.connections.hold(id, b"reply", &[], NOW), Next::Close);
        assert!(bench.connections.unsent(id).is_empty());
    });
}

#[test]
fn whoever_waits_longest_for_its_request_gives_its_buffer() {
    with(4, 2, |bench| {
        let ids: Vec<_> = (0..4).map(|_| bench.open()).collect();
        for (index, &id) in ids.iter().enumerate().take(3) {
            bench.now = NOW.plus(index as u32);
            bench.connections.hold(id, &[], &[], bench.now);
            assert_eq!(bench.receive(id, b"GET /"), (Vec::new(), Next::Read));
        }
        // The first has lost its buffer to the third.
        assert_eq!(bench.receive(ids[0], b" HTTP/1.1\r\n\r\n").1, Next::Close);
        assert_eq!(bench.connections.expire(bench.now), Some(ids[0]));
        assert_eq!(bench.connections.expire(bench.now), None);
        for &id in &ids[1..3] {
            let (reply, next) = bench.receive(id, b" HTTP/1.1\r\n\r\n");
            assert!(reply.starts_with(b"HTTP/1.1 404"));
            assert_eq!(next, Next::Read);
        }
        assert_eq!(bench.tracker.counters.connections_evicted, 1);
        assert_eq!(bench.tracker.counters.connections_timed_out, 0);
        assert_eq!(bench.connections.len(), 3);
    });
}

#[test]
fn a_reply_on_its_way_keeps_its_buffer_from_half_open_requests() {
    with(3, 2, |bench| {
        let (sending, reading, third) = (bench.open(), bench.open(), bench.open());
        bench.connections.hold(sending, b"reply", &[], NOW);
        bench.now = NOW.plus(5);
        bench.receive(reading, b"G");
        bench.receive(third, b"G");
        assert_eq!(bench.connections.unsent(sending), b"reply");
        assert_eq!(bench.connections.expire(bench.now), Some(reading));
        assert_eq!(bench.connections.expire(bench.now), None);
        // With nobody half open but itself, a reply must do.
        bench.connections.hold(third, b"other", &[], bench.now);
        let newcomer = bench.open();
        bench.receive(newcomer, b"G");
        assert!(bench.connections.unsent(sending).is_empty());
        assert_eq!(bench.connections.sent(sending, 5, bench.now), Next::Close);
        assert_eq!(bench.connections.unsent(third), b"other");
    });
}

#[test]
fn a_full_table_lets_go_of_the_longest_wait() {
    with(3, 3, |bench| {
        let (sending, idle, fresh) = (bench.open(), bench.open(), bench.open());
        bench.connections.hold(sending, b"reply", &[], NOW);
        bench.now = NOW.plus(9);
        bench.receive(idle, b"GET / HTTP/1.1\r\n\r\n");
        let open = |bench: &mut Bench<'_>| {
            bench
                .connections
                .open(([192, 0, 2, 7], 1).into(), bench.now)
        };
        bench.now = NOW.plus(10);
        let first = open(bench);
        assert_eq!((first.id, first.replaced), (fresh, true));
        let second = open(bench);
        assert_eq!((second.id, second.replaced), (idle, true));
        assert_eq!(bench.connections.len(), 3);
        assert_eq!(bench.connections.unsent(sending), b"reply");
        bench.connections.close(second.id);
        let third = open(bench);
        assert_eq!((third.id, third.replaced), (idle, false));
        let (reply, _) = bench.receive(third.id, b"GET / HTTP/1.1\r\n\r\n");
        assert!(reply.starts_with(b"HTTP/1.1 404"));
        assert_eq!(bench.tracker.counters.connections, 6);
        assert_eq!(bench.tracker.counters.connections_evicted, 2);
    });
}

#[test]
fn connections_that_only_linger_give_way_before_one_that_may_still_ask() {
    with(4, 4, |bench| {
        let lingering = [bench.open(), bench.open()];
        let sending = bench.open();
        let held = bench.receive(sending, b"GET / HTTP/1.0\r\n\r\n").0;
        bench.connections.hold(sending, &held, &[], bench.now);
        let asking = bench.open();
        bench.now = NOW.plus(5);
        for id in lingering {
            assert_eq!(bench.receive(id, b"\x16\r\n\r\n").1, Next::Close);
        }
        bench.now = NOW.plus(6);
        assert_eq!([bench.open(), bench.open()], lingering);
        assert_eq!(bench.open(), asking);
        assert_eq!(bench.connections.unsent(sending), held);
    });
}

#[test]
fn a_flood_within_one_second_does_not_fight_over_one_place() {
    with(4, 0, |bench| {
        let ids: Vec<_> = (0..4).map(|_| bench.open()).collect();
        for _ in 0..3 {
            assert_eq!((0..4).map(|_| bench.open()).collect::<Vec<_>>(), ids);
        }
        // Whoever is older still gives way first, wherever the turn is.
        bench.open();
        bench.now = NOW.plus(1);
        bench.receive(ids[1], b"GET / HTTP/1.1\r\n\r\n");
        for &id in [&ids[2], &ids[3], &ids[0], &ids[1], &ids[2]] {
            assert_eq!(bench.open(), id);
        }
    });
}

#[test]
fn closed_slots_are_used_again_and_closing_twice_is_harmless() {
    with(3, 1, |bench| {
        let ids: Vec<_> = (0..3).map(|_| bench.open()).collect();
        for &id in &[ids[2], ids[0], ids[2], ids[0]] {
            bench.connections.close(id);
        }
        assert_eq!(bench.connections.len(), 1);
        assert_eq!(
            bench.receive(ids[0], b"GET / HTTP/1.1\r\n\r\n").1,
            Next::Close
        );
        assert_eq!(bench.connections.hold(ids[0], b"x", &[], NOW), Next::Close);
        assert_eq!(bench.connections.sent(ids[0], 1, NOW), Next::Close);
        assert_eq!(bench.open(), ids[0]);
        assert_eq!(bench.open(), ids[2]);
        assert!(
            bench
                .connections
                .open(([1, 1, 1, 1], 1).into(), NOW)
                .replaced
        );
        assert_eq!(bench.connections.len(), 3);
    });
}

#[test]
fn a_request_must_be_complete_in_time_whatever_trickles_in() {
    with(1, 1, |bench| {
        let id = bench.open();
        for second in 0..REQUEST_SECONDS {
            bench.now = NOW.plus(second);
            assert_eq!(bench.connections.expire(bench.now), None);
            assert_eq!(bench.receive(id, b"G").1, Next::Read);
        }
        bench.now = NOW.plus(REQUEST_SECONDS);
        assert_eq!(bench.connections.expire(bench.now), Some(id));
        assert_eq!(bench.connections.expire(bench.now), None);
        assert!(bench.connections.is_empty());
        // The buffer is free again.
        let id = bench.open();
        assert_eq!(bench.receive(id, b"G").1, Next::Read);
        assert_eq!(bench.tracker.counters.connections_timed_out, 1);
        assert_eq!(bench.tracker.counters.connections_evicted, 0);
    });
}

#[test]
fn an_idle_connection_gets_its_time_anew_with_each_request() {
    with(1, 1, |bench| {
        let id = bench.open();
        for _ in 0..3 {
            let (reply, _) = bench.receive(id, b"GET / HTTP/1.1\r\n\r\n");
            assert!(reply.starts_with(b"HTTP/1.1 404"));
            bench.now = bench.now.plus(IDLE_SECONDS - 1);
            assert_eq!(bench.connections.expire(bench.now), None);
        }
        // Empty lines don't count, a request that begins does.
        bench.receive(id, b"\r\n");
        bench.receive(id, b"G");
        bench.now = bench.now.plus(REQUEST_SECONDS - 1);
        assert_eq!(bench.connections.expire(bench.now), None);
        let (reply, _) = bench.receive(id, b"ET / HTTP/1.1\r\n\r\n\r\n");
        assert!(reply.starts_with(b"HTTP/1.1 404"));
        bench.now = bench.now.plus(IDLE_SECONDS);
        assert_eq!(bench.connections.expire(bench.now), Some(id));
    });
}

#[test]
fn a_client_that_takes_nothing_is_given_up() {
    with(3, 3, |bench| {
        let (stuck, slow, quick) = (bench.open(), bench.open(), bench.open());
        for id in [stuck, slow, quick] {
            bench.connections.hold(id, b"reply", &[], NOW);
        }
        bench.now = NOW.plus(SEND_SECONDS - 1);
        assert_eq!(bench.connections.expire(bench.now), None);
        assert_eq!(bench.connections.sent(stuck, 0, bench.now), Next::Read);
        assert_eq!(bench.connections.sent(quick, 5, bench.now), Next::Read);
        bench.connections.hold(quick, b"other", &[], bench.now);
        // Neither a byte at the last moment nor one now and then gives it more time.
        assert_eq!(bench.connections.sent(slow, 1, bench.now), Next::Read);
        bench.now = NOW.plus(SEND_SECONDS);
        assert_eq!(bench.connections.expire(bench.now), Some(stuck));
        assert_eq!(bench.connections.expire(bench.now), Some(slow));
        assert_eq!(bench.connections.expire(bench.now), None);
        // Who took all of it has the whole time for the next.
        assert_eq!(bench.connections.unsent(quick), b"other");
        bench.connections.close(quick);
        // One that the host doesn't close is found as well.
        let closing = bench.open();
        bench.receive(closing, b"GET / HTTP/1.0\r\n\r\n");
        bench.now = bench.now.plus(SEND_SECONDS);
        assert_eq!(bench.connections.expire(bench.now), Some(closing));
        assert!(bench.connections.is_empty());
    });
}
