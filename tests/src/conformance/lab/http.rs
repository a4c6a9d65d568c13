//! HTTP as clients speak it that look at every byte: nothing is taken for granted, and what is wrong
//! is told as text.

use std::fmt::Write as _;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use rustix::net::{AddressFamily, SocketType};

use super::running::DEADLINE;
use super::{Hash, show};
use crate::bencode::Value;
use crate::family::Family;
use crate::http_client::percent_encode;
use crate::patience::whole_wait;
use crate::peers::parse_compact;

/// One connection.
pub(crate) struct Conn {
    stream: TcpStream,
    received: Vec<u8>,
    ended: bool,
}

/// How a body says where it ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Framing {
    Length,
    Chunked,
    /// The connection was closed.
    Close,
}

/// A reply, or what came instead.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    /// The first line; instead of a reply what was wrong, in parentheses.
    pub(crate) line: String,
    /// Header lines as they came.
    pub(crate) headers: Vec<String>,
    pub(crate) body: Vec<u8>,
    pub(crate) framing: Framing,
    /// The sizes of chunks, the last of which is 0.
    pub(crate) chunks: Vec<usize>,
}

impl Conn {
    /// Connects from any address.
    pub(crate) fn to(server: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&server, DEADLINE)
            .unwrap_or_else(|error| panic!("connect to {server}: {error}"));
        Self::over(stream)
    }

    /// Connects from `ip`.
    pub(crate) fn from(ip: IpAddr, server: SocketAddr) -> Self {
        let family = match ip {
            IpAddr::V4(_) => AddressFamily::INET,
            IpAddr::V6(_) => AddressFamily::INET6,
        };
        let socket = rustix::net::socket(family, SocketType::STREAM, None).expect("a socket");
        rustix::net::bind(&socket, &SocketAddr::new(ip, 0)).expect("our address");
        rustix::net::connect(&socket, &server)
            .unwrap_or_else(|error| panic!("connect to {server}: {error}"));
        Self::over(TcpStream::from(socket))
    }

    fn over(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(DEADLINE)).expect("a time-out");
        stream
            .set_write_timeout(Some(DEADLINE))
            .expect("a time-out");
        stream.set_nodelay(true).expect("no delay");
        Self {
            stream,
            received: Vec::new(),
            ended: false,
        }
    }

    /// Gives up earlier than others, where silence is what is expected of a program.
    pub(crate) fn patience(&mut self, time: Duration) {
        self.stream
            .set_read_timeout(Some(time))
            .expect("a time-out");
    }

    /// Sends bytes; the tracker may have closed.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref());
    }

    /// Says that no more will be sent.
    pub(crate) fn finish(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Waits for one reply.
    pub(crate) fn receive(&mut self) -> Reply {
        self.try_receive().unwrap_or_else(|what| Reply {
            line: format!("({what})"),
            headers: Vec::new(),
            body: Vec::new(),
            framing: Framing::Close,
            chunks: Vec::new(),
        })
    }

    /// Sends a request for `target` with HTTP/1.1 and waits for the reply.
    pub(crate) fn get(&mut self, target: &str) -> Reply {
        self.send(request(target));
        self.receive()
    }

    /// Waits for what comes next without a request: `closed`, `silent` or `sends more`.
    pub(crate) fn then(&mut self) -> &'static str {
        if !self.received.is_empty() {
            return "sends more";
        }
        match self.more() {
            Ok(true) => "sends more",
            Ok(false) => "closed",
            Err(_) => "silent",
        }
    }

    /// Reads a little, as a slow client does, and returns how much.
    pub(crate) fn sip(&mut self, most: usize) -> usize {
        let mut buffer = vec![0; most];
        let count = self.stream.read(&mut buffer).unwrap_or(0);
        self.received.extend(&buffer[..count]);
        count
    }

    fn try_receive(&mut self) -> Result<Reply, String> {
        let head = loop {
            if let Some(end) = find(&self.received, b"\r\n\r\n") {
                break self.received.drain(..end + 4).collect::<Vec<_>>();
            }
            self.need()?;
        };
        let head = String::from_utf8(head).map_err(|_| "a head that is no text")?;
        let mut lines = head.trim_end().split("\r\n").map(str::to_owned);
        let line = lines.next().unwrap_or_default();
        let mut reply = Reply {
            line,
            headers: lines.collect(),
            body: Vec::new(),
            framing: Framing::Close,
            chunks: Vec::new(),
        };
        let chunked = reply.header("Transfer-Encoding").as_deref() == Some("chunked");
        if chunked {
            reply.framing = Framing::Chunked;
            while self.chunk(&mut reply)? {}
        } else if let Some(length) = reply.header("Content-Length") {
            reply.framing = Framing::Length;
            let length: usize = length.parse().map_err(|_| "a length that is no number")?;
            while self.received.len() < length {
                self.need()?;
            }
            reply.body = self.received.drain(..length).collect();
        } else {
            while self.more()? {}
            reply.body = std::mem::take(&mut self.received);
        }
        Ok(reply)
    }

    /// Reads one chunk; false if it was the last.
    fn chunk(&mut self, reply: &mut Reply) -> Result<bool, String> {
        let end = loop {
            match find(&self.received, b"\r\n") {
                Some(end) => break end,
                None => self.need()?,
            }
        };
        let line: Vec<u8> = self.received.drain(..end + 2).collect();
        let digits = str::from_utf8(&line[..end]).map_err(|_| "a chunk size that is no text")?;
        let size = usize::from_str_radix(digits, 16)
            .map_err(|_| format!("the chunk size {}", show(digits.as_bytes())))?;
        while self.received.len() < size + 2 {
            self.need()?;
        }
        reply.body.extend(self.received.drain(..size));
        let end: Vec<u8> = self.received.drain(..2).collect();
        if end != b"\r\n" {
            return Err(format!("a chunk of {size} that ends with {}", show(&end)));
        }
        reply.chunks.push(size);
        Ok(size > 0)
    }

    /// Reads more, of which there must be some.
    fn need(&mut self) -> Result<(), String> {
        match self.more()? {
            true => Ok(()),
            false if self.received.is_empty() => Err("closed".to_owned()),
            false => Err(format!("closed after {}", show(&self.received))),
        }
    }

    /// Reads more; false at the end.
    fn more(&mut self) -> Result<bool, String> {
        if self.ended {
            return Ok(false);
        }
        let mut buffer = vec![0; 65_536];
        match whole_wait(|| self.stream.read(&mut buffer)) {
            Ok(0) => self.ended = true,
            Ok(count) => self.received.extend(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => self.ended = true,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return Err("no reply".to_owned());
            }
            Err(error) => return Err(error.to_string()),
        }
        Ok(!self.ended)
    }
}

impl Reply {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        self.headers.iter().find_map(|line| {
            let (of, value) = line.split_once(':')?;
            of.eq_ignore_ascii_case(name)
                .then(|| value.trim().to_owned())
        })
    }

    /// The status, or what came instead of a reply.
    pub(crate) fn status(&self) -> String {
        match self.line.split(' ').nth(1) {
            Some(status) if self.line.starts_with("HTTP/") => status.to_owned(),
            _ => self.line.clone(),
        }
    }

    /// The whole head and body as they came, but for the framing of chunks.
    pub(crate) fn whole(&self) -> String {
        let mut text = self.line.clone();
        for header in &self.headers {
            let _ = write!(text, "\\r\\n{header}");
        }
        format!("{text}\\r\\n\\r\\n{}", show(&self.body))
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        show(&self.body)
    }

    /// The body, which must be bencode.
    pub(crate) fn bencode(&self) -> Result<Value, String> {
        Value::parse(&self.body).map_err(|error| format!("{} {error:?} {}", self.line, self.text()))
    }

    /// The peers of a compact reply, IPv4 first; none if it isn't one.
    pub(crate) fn peers(&self) -> Vec<SocketAddr> {
        let Ok(value) = self.bencode() else {
            return Vec::new();
        };
        let list = |key, family| match value.find(key) {
            Some(Value::Bytes(bytes)) => parse_compact(bytes, family),
            _ => Vec::new(),
        };
        [list("peers", Family::V4), list("peers6", Family::V6)].concat()
    }

    /// Their ports, in the order in which they came.
    pub(crate) fn ports(&self) -> Vec<u16> {
        self.peers().iter().map(SocketAddr::port).collect()
    }

    /// The integer of a key, or -1.
    pub(crate) fn int(&self, key: &str) -> i64 {
        match self.bencode().as_ref().map(|value| value.find(key)) {
            Ok(Some(Value::Int(number))) => *number,
            _ => -1,
        }
    }

    /// The outcome of an announce or scrape in a word: `ok`, `failure` with status 200, or the
    /// status.
    pub(crate) fn outcome(&self) -> String {
        match (self.status().as_str(), self.bencode()) {
            ("200", Ok(value)) if value.find("failure reason").is_some() => "failure".to_owned(),
            ("200", Ok(_)) => "ok".to_owned(),
            ("200", Err(_)) if show(&self.body).contains("failure reason") => "failure".to_owned(),
            ("200", Err(error)) => error,
            (status, _) => status.to_owned(),
        }
    }
}

/// A request with the headers that any client sends.
pub(crate) fn request(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: tracker.test\r\nUser-Agent: tests\r\n\r\n")
}

/// The target of an announce with nothing in it but what must be.
pub(crate) fn announce(hash: &Hash, port: u16, left: u64) -> String {
    format!(
        "/announce?info_hash={}&peer_id=-WR0001-000000000000&port={port}&left={left}",
        percent_encode(hash)
    )
}

/// The target of a scrape.
pub(crate) fn scrape(hashes: &[Hash]) -> String {
    let pairs: Vec<_> = hashes
        .iter()
        .map(|hash| format!("info_hash={}", percent_encode(hash)))
        .collect();
    format!("/scrape?{}", pairs.join("&"))
}

fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes
        .windows(needle.len())
        .position(|window| window == needle)
}
