//! Servers that answer what a test tells them to.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread;

const LOOPBACK: (IpAddr, u16) = (IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Takes datagrams until the test's process ends: `answer` gets each and the way back.
pub(super) fn udp(mut answer: impl FnMut(&[u8], &dyn Fn(&[u8])) + Send + 'static) -> SocketAddr {
    let socket = UdpSocket::bind(LOOPBACK).expect("a port");
    let address = socket.local_addr().expect("an address");
    thread::spawn(move || {
        let mut buffer = [0; 2048];
        while let Ok((length, client)) = socket.recv_from(&mut buffer) {
            answer(&buffer[..length], &|reply| {
                let _ = socket.send_to(reply, client);
            });
        }
    });
    address
}

/// The transaction's number of a request, and what was asked for.
pub(super) fn transaction(request: &[u8]) -> ([u8; 4], u8) {
    (request[12..16].try_into().expect("4 bytes"), request[11])
}

/// A tracker that answers connects properly, and anything else with what `answer` makes behind the
/// head: its action and bytes.
pub(super) fn udp_tracker(action: u8, answer: &'static [u8]) -> SocketAddr {
    udp(move |request, reply| {
        let (transaction, asked) = transaction(request);
        match asked {
            0 => reply(&[&[0; 4][..], &transaction, b"connects"].concat()),
            _ => reply(&[&[0, 0, 0, action][..], &transaction, answer].concat()),
        }
    })
}

/// What an HTTP server was asked for.
pub(super) type Requests = Arc<Mutex<Vec<String>>>;

/// Takes connections until the test's process ends: `answer` gets each whole request, after which
/// the connection is closed.
pub(super) fn tcp(
    mut answer: impl FnMut(&str, &mut TcpStream) + Send + 'static,
) -> (SocketAddr, Requests) {
    let listener = TcpListener::bind(LOOPBACK).expect("a port");
    let address = listener.local_addr().expect("an address");
    let requests = Requests::default();
    let seen = Arc::clone(&requests);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let request = request(&mut stream);
            seen.lock().expect("requests").push(request.clone());
            answer(&request, &mut stream);
        }
    });
    (address, requests)
}

/// Reads one request with its body.
fn request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("Content-Length: "));
            if body.len() >= length.map_or(0, |length| length.parse().expect("a number")) {
                return text.into_owned();
            }
        }
        match stream.read(&mut buffer) {
            Ok(length) if length > 0 => bytes.extend(&buffer[..length]),
            _ => return String::from_utf8_lossy(&bytes).into_owned(),
        }
    }
}

/// An HTTP server that answers everything with these bytes.
pub(super) fn http(reply: impl Into<Vec<u8>>) -> SocketAddr {
    let reply = reply.into();
    let (address, _) = tcp(move |_, stream| {
        let _ = stream.write_all(&reply);
    });
    address
}

/// A reply with a body.
pub(super) fn reply(status: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}
