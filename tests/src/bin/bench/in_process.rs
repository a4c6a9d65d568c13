//! The tracker without sockets: datagrams straight into `udp::answer`.

use std::net::SocketAddr;

use wrtracker_core::policy::Policy;
use wrtracker_core::time::Secs;
use wrtracker_core::tracker::{Secrets, Tracker};
use wrtracker_core::udp::{self, LARGEST_REPLY};
use wrtracker_tests::load::packets::{self, Request};
use wrtracker_tests::load::work::{Item, Random, Work};

use crate::Failure;

/// When everything happens.
pub(crate) const NOW: Secs = Secs(1000);
const ANNOUNCE: usize = 98;

/// A tracker that holds all of some work.
pub(crate) struct InProcess<'m> {
    tracker: Tracker<'m>,
    work: Work,
    /// A connection id for each source.
    connections: Vec<[u8; 8]>,
    out: Vec<u8>,
}

/// Announces, ready to be answered.
pub(crate) struct Requests {
    bytes: Vec<u8>,
    sources: Vec<SocketAddr>,
}

/// Work of this shape, as over sockets.
pub(crate) fn work(torrents: u32, peers: u32) -> Work {
    Work {
        torrents,
        peers,
        sources: Work::sources_for([127, 0, 0, 1].into(), peers),
        seeders: 25,
        seed: 1,
    }
}

/// Memory in which a tracker has room for `work`, with some to spare.
pub(crate) fn memory_for(work: &Work) -> Vec<u32> {
    vec![0; usize::try_from(bytes_for(work) / 4).unwrap_or(usize::MAX)]
}

/// How much that is.
pub(crate) fn bytes_for(work: &Work) -> u64 {
    80 * u64::from(work.torrents) + 24 * work.len() + (1 << 20)
}

impl<'m> InProcess<'m> {
    /// A tracker in `memory`, filled.
    ///
    /// # Errors
    ///
    /// If the memory is too small or a reply is wrong.
    pub(crate) fn filled(memory: &'m mut [u32], work: &Work) -> Result<Self, Failure> {
        let secrets = Secrets::new(&[7; 40]);
        let tracker =
            Tracker::new(memory, &secrets, Policy::DEFAULT).map_err(|_| "too little memory")?;
        let mut this = Self {
            tracker,
            work: work.clone(),
            connections: Vec::new(),
            out: vec![0; LARGEST_REPLY],
        };
        for source in 0..work.sources {
            let mut request = [0; packets::LARGEST];
            let item = work.nth(0);
            let length = packets::emit(Request::Connect, item, work, &[0; 8], 7, &mut request);
            let reply = this.answer(source_of(source), &request[..length]);
            let reply = packets::check(Request::Connect, 7, 6, reply);
            let Ok(packets::Reply::Connected(id)) = reply else {
                return Err(format!("a connect was answered by {reply:?}").into());
            };
            this.connections.push(id);
        }
        for n in 0..work.len() {
            let item = work.nth(n);
            let request = this.request(item, 0);
            this.answer(source_of(work.source(item)), &request);
        }
        let held = u64::from(this.tracker.store().peers());
        if held != work.len() {
            println!("Holds {held} of {} peers.", work.len());
        }
        Ok(this)
    }

    /// The tracker itself, to look at.
    pub(crate) const fn tracker(&self) -> &Tracker<'m> {
        &self.tracker
    }

    /// The tracker itself, to do anything with.
    pub(crate) const fn tracker_mut(&mut self) -> &mut Tracker<'m> {
        &mut self.tracker
    }

    /// Announces of random peers.
    pub(crate) fn requests(&self, count: usize, wanted: i32, seed: u64) -> Requests {
        let mut random = Random::new(seed);
        let mut requests = Requests {
            bytes: Vec::with_capacity(count * ANNOUNCE),
            sources: Vec::with_capacity(count),
        };
        for _ in 0..count {
            let item = self.work.random(&mut random);
            requests.bytes.extend(self.request(item, wanted));
            requests.sources.push(source_of(self.work.source(item)));
        }
        requests
    }

    /// Answers all, and returns the bytes of the replies. Never inlined: valgrind counts by its
    /// name.
    #[inline(never)]
    pub(crate) fn answer_all(&mut self, requests: &Requests) -> usize {
        let each = requests.bytes.chunks_exact(ANNOUNCE).zip(&requests.sources);
        each.map(|(request, &source)| self.answer(source, request).len())
            .sum()
    }

    fn request(&self, item: Item, wanted: i32) -> [u8; ANNOUNCE] {
        let source = self.work.source(item);
        let id = self.connections[source as usize];
        let mut request = [0; ANNOUNCE];
        let kind = Request::Announce(wanted);
        packets::emit(kind, item, &self.work, &id, 7, &mut request);
        request
    }

    fn answer(&mut self, source: SocketAddr, request: &[u8]) -> &[u8] {
        let length = udp::answer(&mut self.tracker, source, request, NOW, &mut self.out);
        &self.out[..length]
    }
}

/// Addresses of the internet, as a public tracker's peers have them: those of the loopback network
/// cost more.
fn source_of(source: u32) -> SocketAddr {
    let [_, high, middle, low] = source.to_be_bytes();
    SocketAddr::from(([11, high, middle, low], 40_000))
}
