//! TLS: the tracker and the interface for programs, asked by a client that is not ours.
#![cfg(feature = "tls")]
#![forbid(unsafe_code)]

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use rustix::net::sockopt::set_socket_recv_buffer_size;
use rustix::process::Signal;
use rustls::version::{TLS12, TLS13};
use wrtracker_tests::bencode::Value;
use wrtracker_tests::folder::Folder;
use wrtracker_tests::http_client::{HttpClient, announce_target, request};
use wrtracker_tests::server::{Server, command};

use client::{Client, ECDSA, RSA, certificate, certify};

mod client;
#[path = "../in_process/mod.rs"]
mod in_process;
mod stalls;

const TOKEN: &str = "admin-token-of-the-tests";

/// A tracker with TLS and without, which shows `one.pem`.
fn start_in(folder: &Folder, directives: &str) -> Server {
    let conf = folder.write(
        "conf",
        format!(
            "listen.tls 127.0.0.1:0\nlisten.tcp_udp 127.0.0.1:0\napi.tls 127.0.0.1:0\n\
             api.listen 127.0.0.1:0\napi.token admin {TOKEN}\n\
             tls.certificate {}\ntls.key {}\n{directives}",
            folder.path("one.pem"),
            folder.path("one.key"),
        ),
    );
    Server::start(&["-f", &conf])
}

fn start() -> (Folder, Server) {
    let folder = Folder::new("tls");
    certify(&folder, "one", ECDSA);
    let server = start_in(&folder, "");
    (folder, server)
}

fn target(torrent: u16, port: u16, left: u64) -> String {
    let mut hash = [b'h'; 20];
    hash[..2].copy_from_slice(&torrent.to_be_bytes());
    announce_target(&hash, port, left, "")
}

fn incomplete(reply: &[u8]) -> i64 {
    Value::parse(reply).expect("bencode").int("incomplete")
}

/// Bytes on a plain connection, and all that comes back, until the end or a reset.
fn exchange(server: SocketAddr, bytes: &[u8], more: bool) -> Vec<u8> {
    let mut stream = TcpStream::connect(server).expect("to connect");
    let patience = Some(Duration::from_secs(60));
    stream.set_read_timeout(patience).expect("a time-out");
    let _ = stream.write_all(bytes);
    if !more {
        let _ = stream.shutdown(Shutdown::Write);
    }
    let mut all = Vec::new();
    let mut piece = [0; 4096];
    loop {
        match stream.read(&mut piece) {
            Ok(0) => return all,
            Ok(count) => all.extend_from_slice(&piece[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return all,
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn the_same_tracker_answers_with_tls_and_without() {
    for algorithm in [ECDSA, RSA] {
        let folder = Folder::new("tls");
        certify(&folder, "one", algorithm);
        let server = start_in(&folder, "");
        let mut plain = HttpClient::connect(server.tcp_v4());
        plain.announce(&target(1, 7000, 5));
        for version in [&TLS12, &TLS13] {
            let stream = TcpStream::connect(server.tls()).expect("to connect");
            let mut client = Client::with(stream, version);
            assert_eq!(client.certificate(), certificate(&folder, "one"));
            // The connection stays.
            for nth in 0..50 {
                let reply = client.get(&target(1, 7001 + nth, 5));
                assert!(incomplete(&reply) >= 2, "{}", reply.escape_ascii());
            }
            assert!(!client.get("/stats").is_empty());
        }
        let reply = plain.announce(&target(1, 7000, 5));
        assert_eq!(reply.incomplete, 51);
        assert!(!plain.get("/stats").text().is_empty());
        // The interface for programs is open to both.
        let stats = format!("/api/v1/stats?token={TOKEN}");
        let mut client = Client::connect(server.api_tls());
        let body = String::from_utf8(client.get(&stats)).expect("text");
        assert!(body.contains("torrents"), "{body}");
        let plain = HttpClient::connect(server.api()).get(&stats).text();
        assert!(plain.contains("torrents"), "{plain}");
    }
}

#[test]
fn many_requests_in_one_record_and_one_in_many() {
    let (_folder, server) = start();
    let mut client = Client::connect(server.tls());
    // Records of 16 KiB, several of them, which end in the midst of a request.
    let many: String = (0..300).map(|nth| request(&target(nth, 7000, 5))).collect();
    assert!(many.len() > 3 * (16 << 10));
    client.send(many.as_bytes());
    for _ in 0..300 {
        let (head, body) = client.receive();
        assert!(head.starts_with("HTTP/1.1 200 ") && incomplete(&body) == 1);
    }
    for byte in request(&target(3, 7001, 5)).bytes() {
        client.send(&[byte]);
    }
    assert_eq!(incomplete(&client.receive().1), 2);
}

#[test]
fn the_end_is_told_in_both_directions() {
    let (_folder, server) = start();
    let last = format!("GET {} HTTP/1.0\r\n\r\n", target(1, 7000, 5));
    let mut client = Client::connect(server.tls());
    client.send(last.as_bytes());
    assert!(client.rest().starts_with(b"HTTP/1.1 200 "));
    // With the end of what the client says in the same packet as its question.
    for version in [&TLS12, &TLS13] {
        let stream = TcpStream::connect(server.tls()).expect("to connect");
        let mut client = Client::with(stream, version);
        let session = &mut client.stream.conn;
        let question = request(&target(1, 7000, 5));
        session.writer().write_all(question.as_bytes()).unwrap();
        session.send_close_notify();
        assert!(client.rest().starts_with(b"HTTP/1.1 200 "));
    }
}

#[test]
fn a_slow_reader_gets_all_of_a_long_body() {
    let (_folder, server) = start();
    let mut client = Client::connect(server.tls());
    for first in (0..5_000).step_by(100) {
        let some = first..first + 100;
        let all: String = some.map(|nth| request(&target(nth, 7000, 5))).collect();
        client.send(all.as_bytes());
        for _ in 0..100 {
            client.receive();
        }
    }
    let question = b"GET /scrape HTTP/1.0\r\n\r\n";
    let plain = exchange(server.tcp_v4(), question, true);
    assert!(plain.len() > 300_000);
    for version in [&TLS12, &TLS13] {
        let stream = TcpStream::connect(server.tls()).expect("to connect");
        set_socket_recv_buffer_size(&stream, 4096).expect("a small buffer");
        let mut slow = Client::with(stream, version);
        slow.send(question);
        // The way is full; another is served meanwhile.
        for _ in 0..20 {
            client.get(&target(1, 7000, 5));
        }
        assert!(slow.rest() == plain);
    }
}

#[test]
fn what_is_no_tls_is_refused_and_harms_nobody() {
    let (_folder, server) = start();
    let mut client = Client::connect(server.tls());
    let reply = exchange(server.tls(), request(&target(1, 7000, 5)).as_bytes(), true);
    // An alert (RFC 8446 section 6).
    assert_eq!(reply.first(), Some(&21), "{}", reply.escape_ascii());
    let mut random = 1u32;
    for nth in 0..200u32 {
        let mut bytes: Vec<u8> = (0..nth * 7 % 600)
            .map(|_| {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (random >> 24) as u8
            })
            .collect();
        if nth % 2 == 0 {
            // The head of a handshake's record, and of its message, and then the noise.
            let mut head = vec![22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3];
            head.append(&mut bytes);
            bytes = head;
        }
        exchange(server.tls(), &bytes, false);
    }
    // A handshake without end, in records that are well made: its message would be 64 KB.
    let mut endless = Vec::new();
    for nth in 0..40 {
        endless.extend_from_slice(&[22, 3, 1, 0x04, 0]);
        let mut piece = [0; 1024];
        if nth == 0 {
            piece[..4].copy_from_slice(&[1, 0, 0xfa, 0]);
        }
        endless.extend_from_slice(&piece);
    }
    exchange(server.tls(), &endless, true);
    // A record that is not encrypted as it should be ends the session.
    let mut broken = Client::connect(server.tls());
    broken.stream.sock.write_all(&[23, 3, 3, 0, 40]).unwrap();
    broken.stream.sock.write_all(&[7; 40]).unwrap();
    let mut rest = Vec::new();
    assert!(broken.stream.read_to_end(&mut rest).is_err() && rest.is_empty());
    client.get(&target(1, 7000, 5));
}

#[test]
fn certificates_are_read_again_on_a_signal() {
    let (folder, server) = start();
    certify(&folder, "two", RSA);
    let mut old = Client::connect(server.tls());
    assert_eq!(old.certificate(), certificate(&folder, "one"));
    let first = certificate(&folder, "one");
    // A key alone fits nothing: the old ones stay.
    let keep = fs::read(folder.path("one.key")).unwrap();
    fs::copy(folder.path("two.key"), folder.path("one.key")).unwrap();
    server.signal(Signal::HUP);
    server.wait_for_stderr("the certificate stays as it was");
    server.wait_for_stderr("one.key: not the key of the certificate in ");
    assert_eq!(Client::connect(server.tls()).certificate(), first);
    fs::write(folder.path("one.key"), b"nothing").unwrap();
    server.signal(Signal::HUP);
    server.wait_for_stderr("one.key: no private key in PEM");
    fs::write(folder.path("one.key"), keep).unwrap();
    fs::rename(folder.path("one.pem"), folder.path("gone.pem")).unwrap();
    server.signal(Signal::HUP);
    server.wait_for_times("the certificate stays as it was", 3);
    assert_eq!(Client::connect(server.tls()).certificate(), first);
    // Both, and they are in force.
    fs::copy(folder.path("two.pem"), folder.path("one.pem")).unwrap();
    fs::copy(folder.path("two.key"), folder.path("one.key")).unwrap();
    server.signal(Signal::HUP);
    server.wait_for_stderr("TLS from now on with a certificate");
    let mut new = Client::connect(server.tls());
    assert_eq!(new.certificate(), certificate(&folder, "two"));
    new.get(&target(1, 7000, 5));
    // Who was there before goes on.
    assert_eq!(incomplete(&old.get(&target(1, 7001, 5))), 2);
}

#[test]
fn a_certificate_that_is_of_no_use_is_told_at_once() {
    let folder = Folder::new("tls");
    certify(&folder, "one", ECDSA);
    certify(&folder, "two", ECDSA);
    let conf = |certificate: &str, key: &str| {
        folder.write(
            "conf",
            format!(
                "listen.tls 127.0.0.1:0\ntls.certificate {}\ntls.key {}\n",
                folder.path(certificate),
                folder.path(key)
            ),
        )
    };
    for (certificate, key, expected) in [
        (
            "one.pem",
            "two.key",
            "two.key: not the key of the certificate in ",
        ),
        ("one.key", "one.key", "one.key: no certificate in PEM"),
        ("one.pem", "one.pem", "one.pem: no private key in PEM"),
        ("three.pem", "one.key", "three.pem: No such file"),
    ] {
        let conf = conf(certificate, key);
        let exited = Server::try_start(&["-f", &conf]).err().expect("an end");
        assert_eq!(exited.status.code(), Some(2), "{}", exited.stderr);
        assert!(exited.stderr.contains(expected), "{}", exited.stderr);
        let checked = command()
            .args(["-f", &conf, "-c"])
            .output()
            .expect("a check");
        assert!(!checked.status.success());
        let stderr = String::from_utf8(checked.stderr).expect("text");
        assert!(stderr.contains(expected), "{stderr}");
    }
    let conf = conf("one.pem", "one.key");
    let checked = command()
        .args(["-f", &conf, "-c"])
        .output()
        .expect("a check");
    let stdout = String::from_utf8(checked.stdout).expect("text");
    assert!(
        checked.status.success() && stdout.contains("TLS: a certificate\n"),
        "{stdout}"
    );
}

/// 16 sessions fit the least limit. More end those that were silent for longest, and none takes more
/// than there is, whatever clients leave incomplete.
#[test]
fn sessions_are_limited_and_so_is_what_they_hold() {
    let folder = Folder::new("tls");
    certify(&folder, "one", ECDSA);
    let server = start_in(&folder, "tracker.memory 2M\n");
    server.wait_for_stderr(" of them with TLS");
    let mut clients = Vec::new();
    for nth in 0..64 {
        let mut client = Client::connect(server.tls());
        client.get(&target(nth, 7000, 5));
        // Of a record of 16 KiB that never comes whole.
        let record = [[23, 3, 3, 0x40, 0].as_slice(), &[0; 16_000]].concat();
        let _ = client.stream.sock.write_all(&record);
        clients.push(client);
    }
    let mut last = Client::connect(server.tls());
    last.get(&target(1, 7000, 5));
    if let Some(bytes) = server.anonymous_bytes() {
        assert!(bytes <= 2 << 20, "{bytes}");
    }
    // Without TLS there is room for all the same.
    HttpClient::connect(server.tcp_v4()).announce(&target(1, 7000, 5));
}
