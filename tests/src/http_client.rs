//! A client of the HTTP tracker protocol (BEP 3, 7, 23, 24, 48) that can send what no proper client
//! would.

use std::fmt::Write as _;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use rustix::net::{AddressFamily, SocketType};

use crate::bencode::Value;
use crate::family::Family;
use crate::patience::whole_wait;
use crate::peers::parse_compact;

/// How long a reply may take before a test fails.
const DEADLINE: Duration = Duration::from_secs(30);

/// The hash in most tests: some bytes of it must be percent-encoded, some may be, some look like
/// syntax.
pub const HASH: [u8; 20] = *b"\x00\xff !~+&=?%./:;abcXYZ";

/// One connection, which lives as long as both sides want.
pub struct HttpClient {
    stream: TcpStream,
    /// What has come and belongs to the next reply.
    received: Vec<u8>,
}

/// A reply, taken apart no further than HTTP goes.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The first line without the line end.
    pub status_line: String,
    /// For example 200.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// As many bytes as `Content-Length` said.
    pub body: Vec<u8>,
}

/// The reply to an announce that was not refused.
#[derive(Clone, Debug)]
pub struct Announced {
    /// Peers that have everything.
    pub complete: i64,
    /// Downloads completed.
    pub downloaded: i64,
    /// Peers that have not everything.
    pub incomplete: i64,
    /// Seconds.
    pub interval: i64,
    /// Seconds.
    pub min_interval: i64,
    /// Those of `peers`, then those of `peers6`.
    pub peers: Vec<SocketAddr>,
    /// The whole of it.
    pub value: Value,
}

impl HttpClient {
    /// Connects from any free port.
    ///
    /// # Panics
    ///
    /// If the tracker refuses, closes or says nothing; so do all functions here.
    pub fn connect(server: SocketAddr) -> Self {
        Self::over(TcpStream::connect_timeout(&server, DEADLINE).unwrap())
    }

    /// Connects from `ip`.
    pub fn bound_to(ip: IpAddr, server: SocketAddr) -> Self {
        let family = if ip.is_ipv4() {
            AddressFamily::INET
        } else {
            AddressFamily::INET6
        };
        let socket = rustix::net::socket(family, SocketType::STREAM, None).unwrap();
        rustix::net::bind(&socket, &SocketAddr::new(ip, 0))
            .unwrap_or_else(|error| panic!("{ip}: {error}"));
        rustix::net::connect(&socket, &server).unwrap();
        Self::over(TcpStream::from(socket))
    }

    fn over(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        // A test that sends byte after byte wants them to leave one by one.
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            received: Vec::new(),
        }
    }

    /// The address and port of this side.
    pub fn local(&self) -> SocketAddr {
        self.stream.local_addr().unwrap()
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Sends bytes that the tracker may refuse half-way by closing.
    pub fn try_send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Makes [`can_send`](Self::can_send) give up after 200 ms.
    pub fn give_up_sending_early(&mut self) {
        let limit = Some(Duration::from_millis(200));
        self.stream.set_write_timeout(limit).unwrap();
    }

    /// Sends bytes, and tells whether all of them went: neither is the way full nor did the
    /// tracker close.
    pub fn can_send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Tells the tracker that no more requests will come.
    pub fn finish_sending(&mut self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    /// Waits for one reply.
    pub fn receive(&mut self) -> Reply {
        let head = loop {
            if let Some(end) = find(&self.received, b"\r\n\r\n") {
                break self.received.drain(..end + 4).collect::<Vec<_>>();
            }
            assert!(self.read_some(), "closed in a head: {:?}", self.text());
        };
        let mut reply = Reply::parse_head(&head);
        if reply.header("transfer-encoding") == Some("chunked") {
            reply.body = self.chunks();
            return reply;
        }
        let length: usize = reply
            .header("content-length")
            .unwrap_or_else(|| panic!("no Content-Length in {reply:?}"))
            .parse()
            .unwrap();
        while self.received.len() < length {
            assert!(self.read_some(), "closed in a body: {:?}", self.text());
        }
        reply.body = self.received.drain(..length).collect();
        reply
    }

    /// Requests `target` with HTTP/1.1 and waits for the reply. The connection stays open.
    pub fn get(&mut self, target: &str) -> Reply {
        self.send(request(target).as_bytes());
        self.receive()
    }

    /// Announces and takes the reply apart, which must be no failure.
    pub fn announce(&mut self, target: &str) -> Announced {
        let reply = self.get(target);
        Announced::parse(&reply)
    }

    /// Whether the tracker closes before it sends anything more. Waits for one or the other.
    pub fn is_closed(&mut self) -> bool {
        self.received.is_empty() && !self.read_some()
    }

    /// Reads whatever comes, until the tracker closes.
    pub fn drain(&mut self) {
        while self.read_some() {
            self.received.clear();
        }
    }

    /// All that comes until the tracker closes.
    pub fn rest(&mut self) -> Vec<u8> {
        while self.read_some() {}
        std::mem::take(&mut self.received)
    }

    /// A body in chunks (RFC 9112 section 7.1), to its end.
    fn chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let line = self.take_to(b"\r\n");
            let line = str::from_utf8(&line).expect("the length of a chunk");
            let length = usize::from_str_radix(line.trim_end(), 16).expect("a length");
            while self.received.len() < length + 2 {
                assert!(self.read_some(), "closed in a chunk: {:?}", self.text());
            }
            body.extend(self.received.drain(..length));
            assert_eq!(self.take_to(b"\r\n"), b"\r\n");
            if length == 0 {
                return body;
            }
        }
    }

    /// What comes up to `end`, with it.
    fn take_to(&mut self, end: &[u8]) -> Vec<u8> {
        loop {
            if let Some(at) = find(&self.received, end) {
                return self.received.drain(..at + end.len()).collect();
            }
            assert!(self.read_some(), "closed in a line: {:?}", self.text());
        }
    }

    /// Reads what there is, and waits if there is nothing. False at the end.
    fn read_some(&mut self) -> bool {
        let mut buffer = [0; 4096];
        match whole_wait(|| self.stream.read(&mut buffer)) {
            Ok(0) => false,
            Ok(count) => {
                self.received.extend(&buffer[..count]);
                true
            }
            // What we sent last was not read before the tracker closed.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
            Err(error) => panic!("{error} after {:?}", self.text()),
        }
    }

    fn text(&self) -> String {
        self.received.escape_ascii().to_string()
    }
}

impl Reply {
    fn parse_head(head: &[u8]) -> Self {
        let head = str::from_utf8(head).expect("head");
        let mut lines = head.trim_end().split("\r\n");
        let status_line = lines.next().unwrap().to_owned();
        let mut words = status_line.splitn(3, ' ');
        let version = words.next().unwrap();
        assert!(
            version == "HTTP/1.1" || version == "HTTP/1.0",
            "{status_line}"
        );
        let status = words
            .next()
            .unwrap_or_default()
            .parse()
            .expect(&status_line);
        let headers = lines
            .map(|line| {
                let (name, value) = line.split_once(':').expect(line);
                (name.to_ascii_lowercase(), value.trim().to_owned())
            })
            .collect();
        Self {
            status_line,
            status,
            headers,
            body: Vec::new(),
        }
    }

    /// The value of a header; the name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(of, _)| of == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The body, which must be valid bencode, with status 200.
    pub fn bencode(&self) -> Value {
        assert_eq!(self.status, 200, "{}: {}", self.status_line, self.text());
        Value::parse(&self.body).unwrap_or_else(|error| panic!("{error:?} in {}", self.text()))
    }

    /// The text of the failure that the body must be.
    pub fn failure(&self) -> String {
        let value = self.bencode();
        String::from_utf8(value.string("failure reason").to_vec()).unwrap()
    }

    /// The body, printable.
    pub fn text(&self) -> String {
        self.body.escape_ascii().to_string()
    }
}

impl Announced {
    /// Takes the reply apart, which must be no failure.
    pub fn parse(reply: &Reply) -> Self {
        let value = reply.bencode();
        let mut peers = parse_compact(value.string("peers"), Family::V4);
        if value.find("peers6").is_some() {
            peers.extend(parse_compact(value.string("peers6"), Family::V6));
        }
        Self {
            complete: value.int("complete"),
            downloaded: value.int("downloaded"),
            incomplete: value.int("incomplete"),
            interval: value.int("interval"),
            min_interval: value.int("min interval"),
            peers,
            value,
        }
    }

    /// The peers of one family.
    pub fn peers_of(&self, family: Family) -> Vec<SocketAddr> {
        let of = |peer: &&SocketAddr| peer.is_ipv4() == (family == Family::V4);
        self.peers.iter().filter(of).copied().collect()
    }
}

/// A request that leaves the connection open.
pub fn request(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: tracker.test\r\nUser-Agent: tests\r\n\r\n")
}

/// The target of an announce; `more` is appended as it is, for example `&event=started`.
pub fn announce_target(hash: &[u8], port: u16, left: u64, more: &str) -> String {
    format!(
        "/announce?info_hash={}&peer_id=-WR0001-000000000000&port={port}&uploaded=0&downloaded=0\
         &left={left}&compact=1{more}",
        percent_encode(hash)
    )
}

/// A download's announce for [`HASH`].
pub fn leecher(port: u16) -> String {
    announce_target(&HASH, port, 1000, "")
}

/// A seeder's announce for [`HASH`].
pub fn seeder(port: u16) -> String {
    announce_target(&HASH, port, 0, "")
}

/// The target of a scrape.
pub fn scrape_target(hashes: &[[u8; 20]]) -> String {
    let mut target = String::from("/scrape");
    for (index, hash) in hashes.iter().enumerate() {
        let mark = if index == 0 { '?' } else { '&' };
        let _ = write!(target, "{mark}info_hash={}", percent_encode(hash));
    }
    target
}

/// Every byte but letters and digits as `%XX`.
pub fn percent_encode(bytes: &[u8]) -> String {
    let mut text = String::new();
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes
        .windows(needle.len())
        .position(|window| window == needle)
}
