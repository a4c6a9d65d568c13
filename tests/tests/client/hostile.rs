//! Servers that answer what no tracker should: a clear error each time, in bounded time and memory.

use std::io::{Read as _, Write as _};
use std::net::UdpSocket;
use std::thread;
use std::time::Duration;

use super::stubs::{self, reply, transaction, udp_tracker};
use super::{HASH, run};

/// Announces over UDP, and returns what was said of the failure.
fn udp_failure(address: std::net::SocketAddr) -> String {
    let url = format!("udp://{address}");
    let ran = run(&["announce", &url, HASH, "--timeout", "3"]);
    let start = format!("{url}: {HASH}: ");
    let failure = ran.failure(1);
    assert_eq!(ran.stdout, "");
    failure.strip_prefix(&start).expect(failure).to_owned()
}

#[test]
fn wrong_answers_over_udp_are_told() {
    for (action, answer, what) in [
        (
            3,
            &b"\x1b[31mno\x07\n"[..],
            "refused: \\u{1b}[31mno\\u{7}\\u{a}",
        ),
        (3, b"\xff", "refused: \\xff"),
        (3, b"", "refused: "),
        (2, &[0; 12], "no proper answer: an answer to something else"),
        (9, &[0; 12], "no proper answer: an answer to something else"),
        (1, &[0; 11], "no proper answer: an announce reply too short"),
        (1, &[0; 17], "no proper answer: a peer that is cut short"),
    ] {
        assert_eq!(udp_failure(udp_tracker(action, answer)), what);
    }
    let short = stubs::udp(|request, reply| {
        reply(&[&[0; 4][..], &transaction(request).0, b"short"].concat());
    });
    assert_eq!(
        udp_failure(short),
        "no proper answer: a connect reply too short"
    );
    let url = format!("udp://{}", udp_tracker(2, &[0; 23]));
    let ran = run(&["scrape", &url, HASH, HASH]);
    assert!(
        ran.failure(1).contains("fewer counts than hashes"),
        "{ran:?}"
    );
}

#[test]
fn answers_to_nothing_and_from_elsewhere_do_not_count() {
    let wrong = stubs::udp(|request, reply| {
        let (mut transaction, _) = transaction(request);
        transaction[0] ^= 1;
        reply(&[&[0; 4][..], &transaction, b"connects"].concat());
        reply(b"");
        reply(b"short");
    });
    let failure = udp_failure(wrong);
    assert!(failure.starts_with("no answer in time, but "), "{failure}");
    // Proper answers, but from another port.
    let other = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let listener = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        let mut buffer = [0; 2048];
        while let Ok((length, client)) = listener.recv_from(&mut buffer) {
            let (transaction, _) = transaction(&buffer[..length]);
            let _ = other.send_to(&[&[0; 4][..], &transaction, b"connects"].concat(), client);
        }
    });
    assert_eq!(udp_failure(address), "no answer in time");
}

#[test]
fn a_lost_datagram_is_sent_again() {
    let mut seen = [0; 2];
    let lossy = stubs::udp(move |request, reply| {
        let (transaction, action) = transaction(request);
        let action = usize::from(action);
        seen[action] += 1;
        if seen[action] == 1 {
            return;
        }
        match action {
            0 => reply(&[&[0; 4][..], &transaction, b"connects"].concat()),
            _ => reply(&[&[0, 0, 0, 1][..], &transaction, &[0; 12]].concat()),
        }
    });
    run(&[
        "announce",
        &format!("udp://{lossy}"),
        HASH,
        "--timeout",
        "3",
    ])
    .fine();
}

#[test]
fn the_longest_datagram_is_read_whole() {
    let address = stubs::udp(|request, reply| {
        let (transaction, action) = transaction(request);
        match action {
            0 => reply(&[&[0; 4][..], &transaction, b"connects"].concat()),
            _ => {
                let peers = b"\x7f\0\0\x01\x1a\xe1".repeat(10_900);
                reply(&[&[0, 0, 0, 1][..], &transaction, &[0; 12], &peers].concat());
            }
        }
    });
    let ran = run(&["announce", &format!("udp://{address}"), HASH]);
    assert_eq!(ran.fine().lines().count(), 10_902);
}

/// Announces over HTTP, and returns what was said of the failure.
fn http_failure(address: std::net::SocketAddr) -> String {
    let url = format!("http://{address}/announce");
    let ran = run(&["announce", &url, HASH, "--timeout", "2"]);
    let start = format!("{url}: {HASH}: ");
    let failure = ran.failure(1);
    assert_eq!(ran.stdout, "");
    failure.strip_prefix(&start).expect(failure).to_owned()
}

#[test]
fn wrong_answers_over_http_are_told() {
    let nested = [b"l".repeat(60_000), b"e".repeat(5_000)].concat();
    for (answer, what) in [
        (vec![], "no proper answer: closed without a reply"),
        (b"SSH-2.0-x\r\n".to_vec(), "no proper answer: no HTTP"),
        (
            b"HTTP/1.1 200 OK\r\nConte".to_vec(),
            "no proper answer: an HTTP reply that is cut short",
        ),
        (reply("200 OK", "<html>"), "no proper answer: no bencode"),
        (
            reply("200 OK", ""),
            "no proper answer: bencode that is cut short",
        ),
        (
            reply("200 OK", "le"),
            "no proper answer: bencode that is no dictionary",
        ),
        (
            reply("200 OK", "d5:peers99:abce"),
            "no proper answer: bencode that is cut short",
        ),
        (
            reply("200 OK", "d5:peers7:abcdefge"),
            "no proper answer: a peer that is cut short",
        ),
        (
            reply("200 OK", "d5:peersi1ee"),
            "no proper answer: peers that are no list",
        ),
        (reply("200 OK", nested), "no proper answer: too many levels"),
        (
            reply("200 OK", b"x".repeat(65_537)),
            "no proper answer: more than 65536 bytes",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n".to_vec(),
            "no proper answer: a Content-Encoding, which wasn't asked for",
        ),
        (reply("404 Not Found", "nothing here"), "HTTP status 404"),
        (
            b"HTTP/1.1 302 x\r\nLocation: http://x/\x1b[2J\r\nContent-Length: 0\r\n\r\n".to_vec(),
            "HTTP status 302, sent to http://x/\\u{1b}[2J",
        ),
        (
            reply("403 Forbidden", "d14:failure reason9:\x1b]0;x\x07\u{9b}1e"),
            "refused: \\u{1b}]0;x\\u{7}\\u{9b}1",
        ),
    ] {
        assert_eq!(http_failure(stubs::http(answer)), what);
    }
}

#[test]
fn what_does_not_end_is_ended() {
    let (endless, _) = stubs::tcp(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while stream.write_all(&[b'x'; 1024]).is_ok() {}
    });
    assert_eq!(
        http_failure(endless),
        "no proper answer: more than 65536 bytes"
    );
    let (headers, _) = stubs::tcp(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
        while stream.write_all(b"X: y\r\n").is_ok() {}
    });
    assert_eq!(
        http_failure(headers),
        "no proper answer: more than 16384 bytes"
    );
    // A byte now and then: each is in time, all of them are not.
    let (slow, _) = stubs::tcp(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        let _ = stream.set_read_timeout(Some(Duration::from_millis(100)));
        while stream.write_all(b"d").is_ok() {
            // Until the client has gone, and in place of a pause.
            if matches!(stream.read(&mut [0]), Ok(0)) {
                return;
            }
        }
    });
    assert_eq!(http_failure(slow), "no answer in time");
    let (silent, _) = stubs::tcp(|_, stream| {
        let _ = stream.read(&mut [0]);
    });
    assert_eq!(http_failure(silent), "no answer in time");
}

#[test]
fn words_of_trackers_do_nothing_to_a_terminal() {
    let body =
        "d5:peersld2:ip5:\x1b[2J\n7:peer id3:\x00a\x074:porti1eee15:warning message4:\x1b[1me";
    let url = format!("http://{}/announce", stubs::http(reply("200 OK", body)));
    let ran = run(&["announce", &url, HASH]);
    let text = ran.fine();
    assert!(text.contains("  warning: \\u{1b}[1m\n"), "{text:?}");
    assert!(
        text.ends_with("  \\u{1b}[2J\\u{a}:1 \\u{0}a\\u{7}\n"),
        "{text:?}"
    );
    let ran = run(&["announce", &url, HASH, "--format", "json"]);
    let text = ran.fine();
    assert!(!text.trim_end().contains(char::is_control), "{text:?}");
    assert!(text.contains("\"warning\":\"\\u001b[1m\""), "{text}");
    assert!(text.contains("\"peer_id\":\"006107\""), "{text}");
}

#[test]
fn nobody_there_is_told_at_once() {
    // A port that was free a moment ago.
    let port = UdpSocket::bind("127.0.0.1:0")
        .expect("a port")
        .local_addr()
        .unwrap()
        .port();
    for scheme in ["udp", "http"] {
        let url = format!("{scheme}://127.0.0.1:{port}");
        let ran = run(&["scrape", &url, HASH]);
        assert!(ran.failure(1).contains("refused"), "{ran:?}");
    }
}
