//! The tracker without sockets: datagrams straight into `udp::answer`, and what comes over HTTP straight
//! into `Connections` ([`http`]).
//!
//! Everything follows from numbers, the tracker's secrets too, so that every run does the same.

pub mod http;
pub mod workload;

use std::net::SocketAddr;

use wrtracker_core::policy::Policy;
use wrtracker_core::time::Secs;
use wrtracker_core::tracker::{Secrets, Tracker};
use wrtracker_core::udp::{self, LARGEST_REPLY};

use crate::load::packets::{self, Reply, Request, Wrong};
use crate::load::work::{Item, Random, Work};

/// When everything happens.
pub const NOW: Secs = Secs(1000);

/// Most bytes of a request that fits a frame.
const LARGEST_REQUEST: usize = 1500;
/// The transaction id of all requests.
const TRANSACTION: u32 = 7;

/// A tracker that holds all of some work.
pub struct InProcess<'m> {
    tracker: Tracker<'m>,
    work: Work,
    /// A connection id for each source.
    connections: Vec<[u8; 8]>,
    out: Vec<u8>,
}

/// Requests of one kind, ready to be answered.
pub struct Requests {
    kind: Request,
    bytes: Vec<u8>,
    /// Of each request: those of one kind are equally long.
    length: usize,
    sources: Vec<SocketAddr>,
}

/// Work of this shape, as over sockets.
pub fn work(torrents: u32, peers: u32) -> Work {
    Work {
        torrents,
        peers,
        sources: Work::sources_for([127, 0, 0, 1].into(), peers),
        seeders: 25,
        seed: 1,
    }
}

/// Memory in which a tracker has room for `work`, with some to spare.
pub fn memory_for(work: &Work) -> Vec<u32> {
    vec![0; usize::try_from(bytes_for(work) / 4).unwrap_or(usize::MAX)]
}

/// How much that is.
pub fn bytes_for(work: &Work) -> u64 {
    80 * u64::from(work.torrents) + 24 * work.len() + (1 << 20)
}

impl<'m> InProcess<'m> {
    /// A tracker in `memory`, filled.
    ///
    /// # Errors
    ///
    /// If the memory is too small or a reply is wrong.
    pub fn filled(memory: &'m mut [u32], work: &Work) -> Result<Self, String> {
        let secrets = Secrets::new(&[7; 40]);
        let tracker =
            Tracker::new(memory, &secrets, Policy::DEFAULT).map_err(|_| "too little memory")?;
        let mut this = Self {
            tracker,
            work: work.clone(),
            connections: vec![[0; 8]; work.sources as usize],
            out: vec![0; LARGEST_REPLY],
        };
        for source in 0..work.sources {
            let request = this.emit(Request::Connect, work.nth(0));
            let reply = this.answer(source_of(source), &request);
            let reply = packets::check(Request::Connect, TRANSACTION, STRIDE, reply);
            let Ok(Reply::Connected(id)) = reply else {
                return Err(format!("a connect was answered by {reply:?}"));
            };
            this.connections[source as usize] = id;
        }
        for n in 0..work.len() {
            let item = work.nth(n);
            let request = this.emit(Request::Announce(0), item);
            this.answer(source_of(work.source(item)), &request);
        }
        let held = u64::from(this.tracker.totals().peers);
        if held != work.len() {
            println!("Holds {held} of {} peers.", work.len());
        }
        Ok(this)
    }

    /// The tracker itself, to look at.
    pub const fn tracker(&self) -> &Tracker<'m> {
        &self.tracker
    }

    /// The tracker itself, to do anything with.
    pub const fn tracker_mut(&mut self) -> &mut Tracker<'m> {
        &mut self.tracker
    }

    /// Requests of random peers.
    pub fn requests(&self, count: usize, kind: Request, seed: u64) -> Requests {
        let mut random = Random::new(seed);
        let mut requests = Requests {
            kind,
            bytes: Vec::new(),
            length: 0,
            sources: Vec::with_capacity(count),
        };
        for _ in 0..count {
            let item = self.work.random(&mut random);
            let request = self.emit(kind, item);
            if requests.length == 0 {
                requests.length = request.len();
                requests.bytes.reserve_exact(count * request.len());
            }
            requests.bytes.extend(request);
            requests.sources.push(source_of(self.work.source(item)));
        }
        requests
    }

    /// Answers all, and returns the bytes of the replies. Never inlined: valgrind counts by its
    /// name.
    #[inline(never)]
    pub fn answer_all(&mut self, requests: &Requests) -> usize {
        requests
            .each()
            .map(|(source, request)| self.answer(source, request).len())
            .sum()
    }

    /// Answers all, and hands each reply that is right to `look`.
    ///
    /// # Errors
    ///
    /// What is wrong with the first that isn't.
    pub fn check_all(
        &mut self,
        requests: &Requests,
        mut look: impl FnMut(Reply),
    ) -> Result<(), Wrong> {
        for (source, request) in requests.each() {
            let reply = self.answer(source, request);
            look(packets::check(requests.kind, TRANSACTION, STRIDE, reply)?);
        }
        Ok(())
    }

    fn emit(&self, kind: Request, item: Item) -> Vec<u8> {
        let id = self.connections[self.work.source(item) as usize];
        let mut request = vec![0; LARGEST_REQUEST];
        let length = packets::emit(kind, item, &self.work, &id, TRANSACTION, &mut request);
        request.truncate(length);
        request
    }

    fn answer(&mut self, source: SocketAddr, request: &[u8]) -> &[u8] {
        let length = udp::answer(&mut self.tracker, source, request, NOW, &mut self.out);
        &self.out[..length]
    }
}

impl Requests {
    fn each(&self) -> impl Iterator<Item = (SocketAddr, &[u8])> {
        let requests = self.bytes.chunks_exact(self.length.max(1));
        self.sources.iter().copied().zip(requests)
    }
}

/// Bytes of a peer over IPv4.
const STRIDE: usize = 6;

/// Addresses of the internet, as a public tracker's peers have them: those of the loopback network
/// cost more.
fn source_of(source: u32) -> SocketAddr {
    let [_, high, middle, low] = source.to_be_bytes();
    SocketAddr::from(([11, high, middle, low], 40_000))
}
