//! The load over UDP.

use std::io;
use std::net::UdpSocket;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use wrtracker::sys::mmsg::Batch;

use super::packets::{self, Reply, Request};
use super::work::{Item, Work, source_address};
use super::{Config, Counts, Extent, Plan, phase};

/// How long to wait for a reply before the request is sent again or given up, in microseconds.
const PATIENCE: u64 = 300_000;
/// How long a connection id is used: BEP 15 lets it live for a minute.
const ID_LIFE: u64 = 45_000_000;
/// How long nothing at all may come back.
const SILENCE: u64 = 5_000_000;
/// Most datagrams in one system call.
const BATCH: usize = 64;
/// Transaction ids from here up ask for a new connection id of the socket that the low half names.
const RENEWAL: u32 = 0xffff_0000;
const SLOT_BITS: u32 = 12;

/// One thread's share of the load. Returns the counts when its plan is done.
pub(super) fn run(plan: Plan<'_>, start: Instant) -> io::Result<Counts> {
    let config = plan.config;
    let sockets = (0..config.work.sources)
        .map(|source| Socket::open(config, source))
        .collect::<io::Result<_>>()?;
    let window = config.window.clamp(1, 1 << SLOT_BITS);
    let mut client = Client {
        plan,
        start,
        sockets,
        batch: Batch::new(BATCH, packets::LARGEST)?,
        slots: vec![Slot::default(); window],
        free: (0..window).rev().collect(),
        counts: Counts::default(),
        counting: false,
        heard: start.elapsed().as_micros() as u64,
    };
    client.connect()?;
    client.work()?;
    Ok(client.counts)
}

/// A request that waits for its reply.
#[derive(Clone, Copy, Default)]
struct Slot {
    transaction: u32,
    waiting: Option<(Request, Item)>,
    socket: usize,
    sent: u64,
}

/// One source address.
struct Socket {
    udp: UdpSocket,
    connection: Option<[u8; 8]>,
    renew: u64,
    /// Requests to send, each with its transaction id.
    queue: Vec<(Request, Item, u32)>,
}

impl Socket {
    fn open(config: &Config, source: u32) -> io::Result<Self> {
        let mut from = source_address(config.server, source);
        if config.work.sources == 1 && config.server.ip().is_loopback() {
            // What stands between us and the tracker may know the one address alone.
            from.set_ip(config.server.ip());
        }
        let udp = UdpSocket::bind(from)?;
        udp.connect(config.server)?;
        udp.set_nonblocking(true)?;
        // Room for a whole window of the longest replies; more than the system allows is cut.
        rustix::net::sockopt::set_socket_recv_buffer_size(&udp, 4 << 20)?;
        Ok(Self {
            udp,
            connection: None,
            renew: 0,
            queue: Vec::new(),
        })
    }

    /// Sends what is queued. What the system doesn't take is lost, as on any network.
    fn flush(&mut self, batch: &mut Batch, work: &Work) {
        let connection = self.connection.unwrap_or_default();
        for some in self.queue.chunks(BATCH) {
            for &(request, item, transaction) in some {
                batch.push(|out| packets::emit(request, item, work, &connection, transaction, out));
            }
            batch.send(&self.udp);
        }
        self.queue.clear();
    }
}

struct Client<'c> {
    plan: Plan<'c>,
    start: Instant,
    sockets: Vec<Socket>,
    batch: Batch,
    slots: Vec<Slot>,
    free: Vec<usize>,
    counts: Counts,
    counting: bool,
    heard: u64,
}

impl Client<'_> {
    fn now(&self) -> u64 {
        self.start.elapsed().as_micros() as u64
    }

    fn outstanding(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Gets a connection id for each socket.
    fn connect(&mut self) -> io::Result<()> {
        let mut asked = None;
        while self
            .sockets
            .iter()
            .any(|socket| socket.connection.is_none())
        {
            let now = self.now();
            if asked.is_none_or(|asked| now > asked + PATIENCE) {
                asked = Some(now);
                for index in 0..self.sockets.len() {
                    if self.sockets[index].connection.is_none() {
                        self.renew(index, now);
                    }
                }
            }
            self.flush();
            self.wait()?;
            self.receive(now)?;
            self.check_silence(now)?;
        }
        self.counts = Counts::default();
        Ok(())
    }

    fn work(&mut self) -> io::Result<()> {
        let mut next_check = 0;
        let mut idle = 0;
        loop {
            let now = self.now();
            let (counting, over) = phase(self.plan.config, Duration::from_micros(now));
            if over {
                return self.drain(now);
            }
            if counting != self.counting {
                self.counting = counting;
                self.counts = Counts::default();
            }
            self.issue(now);
            self.flush();
            if self.outstanding() == 0 {
                return Ok(());
            }
            idle = if self.receive(now)? == 0 { idle + 1 } else { 0 };
            // A thread that sleeps makes the tracker pay for waking it, so it looks around for a
            // while first.
            if idle > 200 {
                self.wait()?;
            }
            if now >= next_check {
                next_check = now + 10_000;
                self.check_overdue(now);
                self.check_silence(now)?;
            }
        }
    }

    /// Waits for what is still on its way, without counting it: sockets that vanish would cost the
    /// tracker errors.
    fn drain(&mut self, since: u64) -> io::Result<()> {
        let counts = self.counts.clone();
        while self.outstanding() > 0 && self.now() < since + PATIENCE / 3 {
            self.wait()?;
            self.receive(since)?;
        }
        self.counts = counts;
        Ok(())
    }

    /// Fills the window with new requests.
    fn issue(&mut self, now: u64) {
        while let Some(&index) = self.free.last() {
            let Some((request, item)) = self.plan.take() else {
                return;
            };
            self.free.pop();
            let slot = &mut self.slots[index];
            let turn = (slot.transaction >> SLOT_BITS) + 1;
            slot.transaction = (turn << SLOT_BITS) | index as u32;
            if slot.transaction >= RENEWAL {
                slot.transaction = index as u32;
            }
            slot.waiting = Some((request, item));
            slot.socket = self.plan.config.work.source(item) as usize;
            self.send(index, now);
        }
    }

    fn send(&mut self, index: usize, now: u64) {
        let slot = &mut self.slots[index];
        let Some((request, item)) = slot.waiting else {
            return;
        };
        slot.sent = now;
        let (number, transaction) = (slot.socket, slot.transaction);
        if now > self.sockets[number].renew {
            self.renew(number, now);
        }
        self.sockets[number]
            .queue
            .push((request, item, transaction));
    }

    fn renew(&mut self, number: usize, now: u64) {
        let socket = &mut self.sockets[number];
        socket.renew = now + PATIENCE;
        let transaction = RENEWAL | number as u32;
        let item = Item {
            torrent: 0,
            peer: 0,
        };
        socket.queue.push((Request::Connect, item, transaction));
    }

    fn flush(&mut self) {
        for socket in &mut self.sockets {
            socket.flush(&mut self.batch, &self.plan.config.work);
        }
    }

    /// Takes all replies that are there.
    fn receive(&mut self, now: u64) -> io::Result<usize> {
        let mut all = 0;
        for number in 0..self.sockets.len() {
            let heard = match self.batch.receive(&self.sockets[number].udp) {
                Ok(heard) => heard,
                // The tracker is not there yet or no more; silence tells for how long.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => 0,
                Err(error) => return Err(error),
            };
            for nth in 0..heard {
                self.take(number, nth, now);
            }
            all += heard;
        }
        if all > 0 {
            self.heard = now;
        }
        Ok(all)
    }

    fn take(&mut self, number: usize, nth: usize, now: u64) {
        let reply = self.batch.datagram(nth);
        let Some(transaction) = packets::transaction(reply) else {
            return self.counts.note_wrong(&packets::Wrong::Length);
        };
        if transaction >= RENEWAL {
            match packets::check(Request::Connect, RENEWAL | number as u32, 6, reply) {
                Ok(Reply::Connected(id)) => {
                    self.sockets[number].connection = Some(id);
                    self.sockets[number].renew = now + ID_LIFE;
                }
                Ok(_) => self.counts.refused += 1,
                Err(wrong) => self.counts.note_wrong(&wrong),
            }
            return;
        }
        let index = transaction as usize & ((1 << SLOT_BITS) - 1);
        let Some(slot) = self.slots.get_mut(index) else {
            return self.counts.note_wrong(&packets::Wrong::Transaction);
        };
        if slot.transaction != transaction || slot.waiting.is_none() {
            // A second reply to a request that was sent again: late, not wrong.
            return;
        }
        let Some((request, _)) = slot.waiting else {
            return;
        };
        let stride = if self.plan.config.server.is_ipv4() {
            6
        } else {
            18
        };
        match packets::check(request, transaction, stride, reply) {
            Ok(Reply::Connected(id)) => {
                self.counts.connects += 1;
                self.sockets[number].connection = Some(id);
                self.sockets[number].renew = now + ID_LIFE;
            }
            Ok(Reply::Announced(peers)) => {
                self.counts.announces += 1;
                self.counts.peers_listed += u64::from(peers);
            }
            Ok(Reply::Scraped(peers)) => {
                self.counts.scrapes += 1;
                self.counts.peers_scraped += peers;
            }
            Ok(Reply::Refused) => {
                self.counts.refused += 1;
                self.sockets[number].renew = 0;
                if self.must_all_arrive() {
                    // It stays in its slot and is sent again when it is overdue.
                    return;
                }
            }
            Err(wrong) => self.counts.note_wrong(&wrong),
        }
        self.slots[index].waiting = None;
        self.free.push(index);
    }

    fn must_all_arrive(&self) -> bool {
        !matches!(self.plan.config.extent, Extent::Time(_))
    }

    fn check_overdue(&mut self, now: u64) {
        let all = self.must_all_arrive();
        for index in 0..self.slots.len() {
            let slot = &mut self.slots[index];
            if slot.waiting.is_none() || now < slot.sent + PATIENCE {
                continue;
            }
            if all {
                self.counts.resent += 1;
                self.send(index, now);
            } else {
                slot.waiting = None;
                self.counts.lost += 1;
                self.free.push(index);
            }
        }
    }

    fn check_silence(&self, now: u64) -> io::Result<()> {
        if now > self.heard + SILENCE {
            let server = self.plan.config.server;
            let what = format!("{server} answers nothing for {} s", SILENCE / 1_000_000);
            return Err(io::Error::new(io::ErrorKind::TimedOut, what));
        }
        Ok(())
    }

    /// Sleeps until a reply comes, 10 ms at most.
    fn wait(&self) -> io::Result<()> {
        let mut fds: Vec<_> = self
            .sockets
            .iter()
            .map(|socket| PollFd::new(&socket.udp, PollFlags::IN))
            .collect();
        let timeout = Timespec {
            tv_sec: 0,
            tv_nsec: 10_000_000,
        };
        poll(&mut fds, Some(&timeout))?;
        Ok(())
    }
}
