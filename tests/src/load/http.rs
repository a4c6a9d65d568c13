//! The load over HTTP.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::packets::Request;
use super::replies::{self, Progress, Wrong};
use super::work::{Item, Work};
use super::{Config, Counts, Plan, phase};

/// How long to wait for a reply before the request is given up.
const PATIENCE: Duration = Duration::from_secs(2);

/// One thread's share of the load. Returns the counts when its plan is done.
///
/// The connections stand in a ring. The thread waits for the reply on the oldest, and only on that,
/// so that it needs few system calls and is seldom woken: the tracker is to be the slower of the
/// two.
pub(super) fn run(mut plan: Plan<'_>, keep_alive: bool, start: Instant) -> io::Result<Counts> {
    let mut counts = Counts::default();
    let mut counting = false;
    let mut ring: VecDeque<Connection> = VecDeque::new();
    let mut failures_in_a_row = 0;
    loop {
        let (count_now, over) = phase(plan.config, start.elapsed());
        if over {
            return Ok(counts);
        }
        if count_now != counting {
            counting = count_now;
            counts = Counts::default();
        }
        if ring.len() < plan.config.window
            && let Some((request, item)) = plan.take()
        {
            let mut connection = Connection::open(plan.config)?;
            connection.ask(plan.config, request, item, keep_alive)?;
            ring.push_back(connection);
            continue;
        }
        let Some(mut oldest) = ring.pop_front() else {
            return Ok(counts);
        };
        match oldest.answer(keep_alive) {
            Ok(Ok((peers, refused))) => {
                failures_in_a_row = 0;
                match oldest.request {
                    _ if refused => counts.refused += 1,
                    Request::Scrape(_) => counts.scrapes += 1,
                    _ => counts.announces += 1,
                }
                counts.peers_listed += u64::from(peers);
                if keep_alive && let Some((request, item)) = plan.take() {
                    // A tracker that closes all the same costs a new connection, which the loss
                    // shows.
                    if oldest.ask(plan.config, request, item, keep_alive).is_ok() {
                        ring.push_back(oldest);
                    } else {
                        counts.lost += 1;
                    }
                }
            }
            Ok(Err(wrong)) => {
                failures_in_a_row += 1;
                counts.note_wrong(&wrong);
            }
            Err(error) => {
                failures_in_a_row += 1;
                counts.lost += 1;
                if failures_in_a_row > 2 * plan.config.window {
                    return Err(error);
                }
            }
        }
    }
}

struct Connection {
    socket: TcpStream,
    request: Request,
    reply: Vec<u8>,
}

impl Connection {
    fn open(config: &Config) -> io::Result<Self> {
        let socket = TcpStream::connect(config.server)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        if matches!(config.protocol, super::Protocol::Http { keep_alive: true }) {
            socket.set_nodelay(true)?;
        }
        Ok(Self {
            socket,
            request: Request::Connect,
            reply: Vec::new(),
        })
    }

    fn ask(
        &mut self,
        config: &Config,
        request: Request,
        item: Item,
        keep_alive: bool,
    ) -> io::Result<()> {
        self.request = request;
        self.reply.clear();
        let bytes = emit(config.server, &config.work, request, item, keep_alive);
        self.socket.write_all(&bytes)
    }

    /// Reads the reply: the peers in it and whether it's a refusal.
    fn answer(&mut self, keep_alive: bool) -> io::Result<Result<(u32, bool), Wrong>> {
        let mut buffer = [0; 16 << 10];
        let mut done = None;
        loop {
            let count = self.socket.read(&mut buffer)?;
            if count == 0 {
                return Ok(done.ok_or(Wrong::Cut));
            }
            self.reply.extend_from_slice(&buffer[..count]);
            match replies::check(&self.reply) {
                Ok(Progress::More) => {}
                Ok(Progress::Done { length, .. }) if length != self.reply.len() => {
                    return Ok(Err(Wrong::ContentLength));
                }
                Ok(Progress::Done { peers, refused, .. }) => {
                    done = Some((peers, refused));
                    if keep_alive {
                        return Ok(Ok((peers, refused)));
                    }
                }
                Err(wrong) => return Ok(Err(wrong)),
            }
        }
    }
}

/// An announce, or a scrape of the item's torrent, as a client writes it to `server` (BEP 3, BEP 23).
pub fn emit(
    server: SocketAddr,
    work: &Work,
    request: Request,
    item: Item,
    keep_alive: bool,
) -> Vec<u8> {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let scrape = matches!(request, Request::Scrape(_));
    let mut out = Vec::with_capacity(400);
    out.extend_from_slice(if scrape {
        b"GET /scrape?info_hash="
    } else {
        b"GET /announce?info_hash="
    });
    for byte in work.info_hash(item.torrent) {
        out.push(b'%');
        out.push(HEX[usize::from(byte >> 4)]);
        out.push(HEX[usize::from(byte & 15)]);
    }
    if !scrape {
        let left: u64 = if work.seeds(item) { 0 } else { 1 << 30 };
        let port = work.port(item);
        let _ = write!(
            out,
            "&peer_id=-LT0001-{:012}&port={port}&uploaded=0&downloaded=1048576&left={left}",
            item.peer
        );
        let _ = write!(out, "&compact=1&key={:08X}", item.peer);
        if let Request::Announce(wanted @ 0..) = request {
            let _ = write!(out, "&numwant={wanted}");
        }
    }
    let _ = write!(out, " HTTP/1.1\r\nHost: {server}\r\n");
    out.extend_from_slice(b"User-Agent: load\r\nAccept-Encoding: identity\r\n");
    if !keep_alive {
        out.extend_from_slice(b"Connection: close\r\n");
    }
    out.extend_from_slice(b"\r\n");
    out
}
