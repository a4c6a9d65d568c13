//! Clients that stop half-way, with the time in the test's hand.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use rustls::ClientConnection;
use rustls::version::{TLS12, TLS13};
use wrtracker::conf;
use wrtracker::settings::Settings;
use wrtracker::tls::Credentials;
use wrtracker_tests::folder::Folder;
use wrtracker_tests::http_client::{announce_target, request};

use crate::client::{ECDSA, certify, session};
use crate::in_process::{Local, is_closed};

fn start(limit: u64) -> Local {
    let folder = Folder::new("tls");
    certify(&folder, "one", ECDSA);
    let mut settings = Settings::default();
    let lines = format!(
        "listen.tls 127.0.0.1\ntls.certificate {}\ntls.key {}\n",
        folder.path("one.pem"),
        folder.path("one.key")
    );
    conf::parse(&"conf", lines.as_bytes(), &mut settings);
    let mut local = Local::start_with(limit, 1000, true);
    let credentials = Credentials::load(&settings, Path::to_path_buf).expect("credentials");
    local.server.set_credentials(credentials.expect("TLS"));
    local
}

/// Sends and takes what there is to send and to take.
fn exchange(client: &mut ClientConnection, mut stream: &TcpStream) {
    while client.wants_write() {
        client.write_tls(&mut stream).expect("to send");
    }
    if client.read_tls(&mut stream).is_ok() {
        client.process_new_packets().expect("no alert");
    }
}

fn shake_hands(local: &mut Local, client: &mut ClientConnection, stream: &TcpStream) {
    // What is sent next does not wait until the server's kernel confirms this.
    stream.set_nodelay(true).expect("no delay");
    local.until(|| {
        exchange(client, stream);
        (!client.is_handshaking() && !client.wants_write()).then_some(())
    });
}

#[test]
fn a_handshake_that_stops_anywhere_ends_on_time() {
    for version in [&TLS12, &TLS13] {
        let mut hello = Vec::new();
        session(version).write_tls(&mut hello).expect("a hello");
        let mut local = start(8 << 20);
        // Nothing, a part of the first message, all of it, and no request afterwards.
        let streams: Vec<_> = [0, 1, 5, 20, hello.len() - 1, hello.len()]
            .into_iter()
            .map(|count| {
                let stream = local.connect();
                (&stream).write_all(&hello[..count]).expect("to send");
                local.turn();
                stream
            })
            .collect();
        let (mut client, stream) = (session(version), local.connect());
        shake_hands(&mut local, &mut client, &stream);
        assert_eq!(local.server.connections(), 7);
        local.server.skip(29);
        // Another byte gives no more time.
        let _ = (&streams[1]).write_all(&hello[1..2]);
        local.turn();
        assert_eq!(local.server.connections(), 7);
        local.server.skip(1);
        while local.server.connections() > 0 {
            local.turn_within(None);
        }
        for stream in &streams[..5] {
            assert!(is_closed(stream));
        }
        // Who has shaken hands is told of the end.
        local.until(|| {
            client.read_tls(&mut &stream).expect("the end");
            let state = client.process_new_packets().expect("no alert");
            state.peer_has_closed().then_some(())
        });
    }
}

#[test]
fn an_answered_client_may_stay_and_is_told_when_its_time_is_over() {
    let mut local = start(8 << 20);
    let (mut client, stream) = (session(&TLS13), local.connect());
    shake_hands(&mut local, &mut client, &stream);
    let question = request(&announce_target(&[7; 20], 7000, 5, ""));
    client.writer().write_all(question.as_bytes()).unwrap();
    let mut reply = Vec::new();
    local.until(|| {
        exchange(&mut client, &stream);
        let _ = client.reader().read_to_end(&mut reply);
        (!reply.is_empty()).then_some(())
    });
    assert!(reply.starts_with(b"HTTP/1.1 200 "));
    local.server.skip(59);
    local.turn();
    assert_eq!(local.server.connections(), 1);
    local.server.skip(1);
    local.turn();
    assert_eq!(local.server.connections(), 0);
}

#[test]
fn at_the_limit_the_client_that_was_silent_for_longest_gives_way() {
    // The least limit with TLS has room for so many sessions.
    let mut local = start(2 << 20);
    let mut clients: Vec<_> = (0..16)
        .map(|_| {
            let (mut client, stream) = (session(&TLS13), local.connect());
            shake_hands(&mut local, &mut client, &stream);
            local.server.skip(1);
            (client, stream)
        })
        .collect();
    assert_eq!(local.server.connections(), 16);
    // The first says something.
    let (client, stream) = &mut clients[0];
    client.writer().write_all(b"GET").unwrap();
    exchange(client, stream);
    local.turn();
    local.turn();
    let (mut client, stream) = (session(&TLS13), local.connect());
    shake_hands(&mut local, &mut client, &stream);
    assert_eq!(local.server.connections(), 16);
    let open: Vec<_> = clients
        .iter()
        .map(|(_, stream)| !is_closed(stream))
        .collect();
    let expected: Vec<_> = (0..16).map(|nth| nth != 1).collect();
    assert_eq!(open, expected);
}
