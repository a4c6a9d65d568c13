//! What the host does with connections that misbehave, or that are many, with the time in the
//! test's hand.
#![forbid(unsafe_code)]

use std::io::{ErrorKind, Read, Write};

use rustix::net::sockopt::set_socket_recv_buffer_size;
use wrtracker_tests::http_client::{announce_target, request, scrape_target};

use in_process::{Local, is_closed, receive};

mod in_process;

const PLENTY: u64 = 8 << 20;
const LITTLE: u64 = 1 << 20;

fn announce() -> String {
    request(&announce_target(&[7; 20], 7000, 5, ""))
}

/// opentracker closes such connections only when something else wakes its loop.
#[test]
fn silent_connections_are_closed_on_time_though_nothing_else_happens() {
    let mut local = Local::start(PLENTY, 10);
    let silent = local.connect();
    let partial = local.connect();
    (&partial)
        .write_all(b"GET /announce?info_ha")
        .expect("to send");
    let idle = local.accepted();
    assert_eq!(local.server.connections(), 3);

    local.server.skip(29);
    local.turn();
    let mut partial_got = Vec::new();
    assert!(!is_closed(&silent) && !receive(&partial, &mut partial_got) && !is_closed(&idle));
    // Without a time-out: the server must wake by itself.
    local.server.skip(1);
    while local.server.connections() > 1 {
        local.turn_within(None);
    }
    assert!(is_closed(&silent) && is_closed(&partial) && !is_closed(&idle));
    local.server.skip(30);
    while local.server.connections() > 0 {
        local.turn_within(None);
    }
    assert!(is_closed(&idle));
}

#[test]
fn more_of_a_request_does_not_extend_its_time() {
    let mut local = Local::start(PLENTY, 10);
    let slow = local.connect();
    for _ in 0..31 {
        let _ = (&slow).write_all(b"G");
        local.server.skip(1);
        local.turn();
    }
    local.until(|| is_closed(&slow).then_some(()));
}

#[test]
fn the_newest_of_too_many_connections_is_served_and_the_oldest_gives_way() {
    let mut local = Local::start(PLENTY, 5);
    let mut clients = Vec::new();
    for number in 0..50 {
        local.server.skip(1);
        clients.push(local.accepted());
        assert_eq!(local.server.connections(), 5.min(number + 1));
        let oldest_open = clients.iter().position(|client| !is_closed(client));
        assert_eq!(oldest_open, Some((number + 1usize).saturating_sub(5)));
    }
    // The ones that stayed still work.
    for client in &clients[45..] {
        local.exchange(client, announce().as_bytes(), b"e");
    }
}

/// The table of connections grows piece by piece.
#[test]
fn as_many_connections_as_there_is_room_for_are_open_and_served() {
    let mut local = Local::start(PLENTY, 200);
    let mut clients = Vec::new();
    for number in 1..=200 {
        clients.push(local.accepted());
        assert_eq!(local.server.connections(), number);
    }
    for client in clients.iter().rev() {
        assert!(!is_closed(client));
        local.exchange(client, announce().as_bytes(), b"e");
    }
    assert_eq!(local.server.connections(), 200);
}

#[test]
fn half_open_requests_without_number_keep_nobody_from_being_served() {
    let mut local = Local::start(PLENTY, 40);
    let client = local.accepted();
    let mut flood = Vec::new();
    for _ in 0..200 {
        let half = local.connect();
        (&half)
            .write_all(b"GET /announce?info_hash=")
            .expect("to send");
        flood.push(half);
        local.turn();
        // Kept open by asking now and then: it never waits longest.
        if flood.len() % 10 == 0 {
            local.server.skip(1);
            local.exchange(&client, announce().as_bytes(), b"e");
            // In two pieces, which needs a buffer.
            let request = announce();
            let (first, second) = request.as_bytes().split_at(60);
            (&client).write_all(first).expect("to send");
            local.turn();
            local.exchange(&client, second, b"e");
        }
    }
    assert!(local.server.connections() <= 40);
}

#[test]
fn a_client_that_reads_late_gets_every_reply_in_order() {
    let mut local = Local::start(LITTLE, 10);
    let client = local.accepted();
    // Little room at the client makes little at the server.
    set_socket_recv_buffer_size(&client, 16_384).expect("a smaller buffer");
    // Announces make all replies different: each torrent has one peer more than the one before.
    let hashes: Vec<_> = (0..60u8).map(|number| [number; 20]).collect();
    for (number, hash) in hashes.iter().enumerate() {
        for port in 0..number {
            let target = announce_target(hash, 1000 + port as u16, 5, "&numwant=0");
            local.exchange(&client, request(&target).as_bytes(), b"e");
        }
    }
    // Requests until nobody takes any more, the last of them perhaps in part.
    let scrapes: Vec<_> = hashes
        .iter()
        .map(|hash| request(&scrape_target(&[*hash; 10])))
        .collect();
    let mut requests = 0;
    let mut stuck = 0;
    let mut rest = "".as_bytes();
    while stuck < 100 {
        if rest.is_empty() {
            rest = scrapes[requests % scrapes.len()].as_bytes();
            requests += 1;
        }
        match (&client).write(rest) {
            Ok(len) => (rest, stuck) = (&rest[len..], 0),
            Err(_) => stuck += 1,
        }
        local.turn();
        assert!(requests < 500_000, "the sockets have no end");
    }
    // Now everything comes, each reply once and in order, whatever pieces it was held in.
    let mut replies = Vec::new();
    let mut count = 0;
    local.until(|| {
        if let Ok(len) = (&client).write(rest) {
            rest = &rest[len..];
        }
        assert!(
            !receive(&client, &mut replies),
            "closed after {count} of {requests}"
        );
        while let Some(len) = first_reply(&replies) {
            let text = String::from_utf8_lossy(&replies[..len]);
            let leechers = format!("10:incompletei{}e", count % hashes.len());
            assert!(text.contains(&leechers), "reply {count}: {text}");
            replies.drain(..len);
            count += 1;
        }
        (count == requests).then_some(())
    });
    assert!(replies.is_empty());
    local.exchange(&client, announce().as_bytes(), b"e");
}

/// What is written at a time must fit a buffer, however much more the client asks for.
#[test]
fn many_announces_at_once_and_a_slow_reader_cost_no_connection() {
    let mut local = Local::start(PLENTY, 10);
    let client = local.accepted();
    // A swarm that makes replies about as long as they get.
    for port in 1..=200 {
        let target = announce_target(&[7; 20], port, 5, "&numwant=0");
        local.exchange(&client, request(&target).as_bytes(), b"e");
    }
    const REQUESTS: usize = 10_000;
    let one = request(&announce_target(&[7; 20], 7000, 5, "&numwant=200"));
    let requests = one.repeat(REQUESTS);
    let mut rest = requests.as_bytes();
    let mut replies = Vec::new();
    let mut count = 0;
    let mut piece = [0; 16_384];
    while count < REQUESTS {
        // Nothing is read until nothing more is taken, then a little at a time.
        let mut stuck = 0;
        while stuck < 3 && !rest.is_empty() {
            match (&client).write(rest) {
                Ok(len) => (rest, stuck) = (&rest[len..], 0),
                Err(_) => stuck += 1,
            }
            local.turn();
        }
        let len = local.until(|| match (&client).read(&mut piece) {
            Ok(len) => Some(len),
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            Err(error) => panic!("{error} after {count} replies"),
        });
        assert_ne!(len, 0, "closed after {count} replies");
        replies.extend_from_slice(&piece[..len]);
        while let Some(len) = first_reply(&replies) {
            assert!(replies.starts_with(b"HTTP/1.1 200 OK\r\n") && replies[len - 1] == b'e');
            replies.drain(..len);
            count += 1;
        }
    }
    assert!(replies.is_empty());
    local.exchange(&client, announce().as_bytes(), b"e");
}

/// The length of the first reply, if all of it is there.
fn first_reply(replies: &[u8]) -> Option<usize> {
    let head = replies.windows(4).position(|at| at == b"\r\n\r\n")? + 4;
    let text = str::from_utf8(&replies[..head]).expect("a head");
    let length = text
        .lines()
        .find_map(|line| line.strip_prefix("Content-Length: "));
    let total = head
        + length
            .expect("a length")
            .parse::<usize>()
            .expect("a number");
    (replies.len() >= total).then_some(total)
}

#[test]
fn a_reply_survives_input_that_nobody_reads() {
    let mut local = Local::start(PLENTY, 10);
    for length in [9_000, 100_000, 1_000_000] {
        let client = local.connect();
        let mut request = b"GET /".to_vec();
        request.resize(length, b'a');
        let mut rest = request.as_slice();
        let mut reply = Vec::new();
        let mut ended = false;
        local.until(|| {
            if !rest.is_empty()
                && let Ok(len) = (&client).write(rest)
            {
                rest = &rest[len..];
            }
            ended = ended || receive(&client, &mut reply);
            (ended && rest.is_empty()).then_some(())
        });
        assert!(
            reply.starts_with(b"HTTP/1.1 414"),
            "{}",
            reply.escape_ascii()
        );
        drop(client);
        local.turn();
    }
    settle(&mut local);
}

#[test]
fn a_client_that_is_gone_frees_its_place() {
    let mut local = Local::start(PLENTY, 10);
    for _ in 0..100 {
        drop(local.accepted());
        let half = local.connect();
        (&half).write_all(b"GET /").expect("to send");
        drop(half);
    }
    settle(&mut local);
}

/// Gives the server the turns that it needs to notice that everybody is gone.
fn settle(local: &mut Local) {
    for _ in 0..100 {
        local.turn();
    }
    assert_eq!(local.server.connections(), 0);
}
