//! A client that takes a full scrape, as fast as it comes or slowly, and checks it.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};
use std::{str, thread};

use miniz_oxide::inflate::decompress_to_vec;
use rustix::process::setpriority_process;
use wrtracker_tests::bencode::Value;
use wrtracker_tests::load::work::Work;

use crate::Failure;

/// How long a tracker may send nothing.
const PATIENCE: Duration = Duration::from_secs(30);

/// Bytes that the slow reader takes in a second.
const SLOW: usize = 64 << 10;

/// Its steps in a second.
const SLOW_STEPS: u32 = 16;

/// A full scrape that was taken.
pub(super) struct Fetched {
    /// All that came, the head included.
    pub(super) wire: Vec<u8>,
    /// From the first byte of the request to the last of the reply, connecting included.
    pub(super) time: Duration,
}

/// Takes a full scrape as fast as it comes.
pub(super) fn fetch(server: SocketAddr, gzip: bool) -> io::Result<Fetched> {
    let start = Instant::now();
    let mut stream = ask(server, gzip)?;
    let mut wire = Vec::with_capacity(32 << 20);
    let mut piece = vec![0; 64 << 10];
    let mut time = start.elapsed();
    loop {
        let count = stream.read(&mut piece)?;
        if count == 0 {
            return Ok(Fetched { wire, time });
        }
        wire.extend_from_slice(&piece[..count]);
        time = start.elapsed();
    }
}

/// Takes 64 KiB in each second for so long, calls `look` after each step, and gives up. Returns the
/// bytes that came.
pub(super) fn fetch_slowly(
    server: SocketAddr,
    gzip: bool,
    time: Duration,
    mut look: impl FnMut(),
) -> io::Result<usize> {
    let start = Instant::now();
    let mut stream = ask(server, gzip)?;
    let mut piece = vec![0; SLOW / SLOW_STEPS as usize];
    let mut taken = 0;
    for step in 1.. {
        let count = stream.read(&mut piece)?;
        taken += count;
        look();
        if count == 0 || start.elapsed() >= time {
            break;
        }
        let next = Duration::from_secs(1) / SLOW_STEPS * step;
        thread::sleep(next.saturating_sub(start.elapsed()));
    }
    Ok(taken)
}

fn ask(server: SocketAddr, gzip: bool) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(server)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    // A client far away doesn't have megabytes on the way either.
    rustix::net::sockopt::set_socket_recv_buffer_size(&stream, 256 << 10)?;
    let accept = if gzip {
        "Accept-Encoding: gzip\r\n"
    } else {
        ""
    };
    let request =
        format!("GET /scrape HTTP/1.1\r\nHost: tracker.test\r\nConnection: close\r\n{accept}\r\n");
    stream.write_all(request.as_bytes())?;
    Ok(stream)
}

/// Makes the thread let others on its core go first.
pub(super) fn step_back() {
    // Of this thread alone, on Linux. If it is refused the figures are less steady.
    let _ = setpriority_process(None, 19);
}

impl Fetched {
    /// The bencode in the reply: without its head and its framing, inflated if it is compressed.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(super) fn plain(&self) -> Result<Vec<u8>, Failure> {
        let end = self.wire.windows(4).position(|four| four == b"\r\n\r\n");
        let (head, body) = self.wire.split_at(end.ok_or("no head")? + 4);
        let head = str::from_utf8(head)?.to_ascii_lowercase();
        if head.split(' ').nth(1) != Some("200") {
            return Err(format!("refused: {}", head.lines().next().unwrap_or_default()).into());
        }
        let header = |name: &str| {
            let mut lines = head.lines().filter_map(|line| line.split_once(": "));
            lines.find(|(of, _)| *of == name).map(|(_, value)| value)
        };
        let body = if header("transfer-encoding") == Some("chunked") {
            joined(body)?
        } else {
            if header("content-length").is_some_and(|length| length != body.len().to_string()) {
                return Err("not of the length that it says".into());
            }
            body.to_vec()
        };
        if header("content-encoding") == Some("gzip") {
            inflated(&body)
        } else {
            Ok(body)
        }
    }
}

/// The chunks of a body as one (RFC 9112 section 7.1).
fn joined(mut body: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut all = Vec::with_capacity(body.len());
    loop {
        let end = body.windows(2).position(|two| two == b"\r\n");
        let (size, rest) = body.split_at(end.ok_or("cut short in a chunk's size")?);
        let size = usize::from_str_radix(str::from_utf8(size)?, 16)?;
        let chunk = rest.get(2..2 + size).ok_or("cut short in a chunk")?;
        all.extend_from_slice(chunk);
        body = rest.get(2 + size..).unwrap_or_default();
        body = body.strip_prefix(b"\r\n").ok_or("no end of a chunk")?;
        if size == 0 {
            return Ok(all);
        }
    }
}

/// What a gzip stream without a name stands for (RFC 1952).
fn inflated(stream: &[u8]) -> Result<Vec<u8>, Failure> {
    let deflated = stream.get(10..).unwrap_or_default();
    if !stream.starts_with(&[0x1f, 0x8b, 8, 0]) || deflated.len() < 8 {
        return Err("no gzip".into());
    }
    let (deflated, trailer) = deflated.split_at(deflated.len() - 8);
    let plain = decompress_to_vec(deflated).map_err(|error| error.to_string())?;
    // The CRC is checked where our encoder is tested.
    if trailer[4..] != (plain.len() as u32).to_le_bytes() {
        return Err("another length in the trailer".into());
    }
    Ok(plain)
}

/// What a full scrape tells.
pub(super) struct Told {
    pub(super) torrents: usize,
    pub(super) peers: u64,
}

/// Reads a full scrape, which must be valid bencode, in order, and have every torrent of `work`.
///
/// # Errors
///
/// What is wrong with it.
pub(super) fn check(plain: &[u8], work: &Work) -> Result<Told, Failure> {
    let value = Value::parse(plain).map_err(|invalid| format!("{invalid:?}"))?;
    let Some(Value::Dict(files)) = value.find("files") else {
        return Err("no dictionary of files".into());
    };
    for torrent in 0..work.torrents {
        let hash = work.info_hash(torrent);
        if files
            .binary_search_by(|(name, _)| name.as_slice().cmp(&hash))
            .is_err()
        {
            return Err("a torrent is missing".into());
        }
    }
    let peers = files
        .iter()
        .map(|(_, counts)| counts.int("complete") + counts.int("incomplete"));
    Ok(Told {
        torrents: files.len(),
        peers: peers.map(i64::unsigned_abs).sum(),
    })
}
