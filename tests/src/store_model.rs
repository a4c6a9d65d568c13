//! The store against a simple reference: whatever happens, what is in the store is what should be
//! there.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU16;

use wrtracker_core::policy::Policy;
use wrtracker_core::random::Random;
use wrtracker_core::store::{Outcome as Fate, Progress, Selection, Status, Store, Walk};
use wrtracker_core::time::Secs;
use wrtracker_core::wire::{InfoHash, PeerAddr};

/// One thing that happens to a store.
#[derive(Clone, Debug)]
pub enum Op {
    /// A run of peers announces, with consecutive numbers.
    Announce {
        /// Which torrent.
        torrent: u8,
        /// The first peer's number.
        peer: u16,
        /// How many.
        count: u16,
        /// Whether over IPv6.
        v6: bool,
        /// 0 leecher, 1 partial seed, 2 seeder, 3 seeder that has just completed.
        kind: u8,
    },
    /// A run of peers leaves.
    Leave {
        /// Which torrent.
        torrent: u8,
        /// The first peer's number.
        peer: u16,
        /// How many.
        count: u16,
        /// Whether over IPv6.
        v6: bool,
    },
    /// Many torrents appear, with one peer each.
    Flood {
        /// The first one's number.
        first: u16,
        /// How many.
        count: u16,
    },
    /// Time passes and the sweep goes on.
    Wait {
        /// How long, in seconds.
        seconds: u16,
        /// Steps of the sweep.
        steps: u16,
    },
    /// Somebody asks for peers.
    Choose {
        /// Which torrent.
        torrent: u8,
        /// The announcer's number.
        peer: u16,
        /// How many.
        wanted: u8,
        /// Whether IPv6 ones.
        v6: bool,
        /// Whether seeders are of use.
        seeders: bool,
    },
}

impl Op {
    /// An operation drawn at random.
    pub fn random(random: &mut Random) -> Self {
        let torrent = random.below(6) as u8;
        // Most numbers are low, so that peers and torrents meet again.
        let spread = 1 + random.below(1200);
        let peer = random.below(spread) as u16;
        let most = random.below(200);
        let count = 1 + random.below(1 + most) as u16;
        let v6 = random.below(3) == 0;
        match random.below(10) {
            0..=3 => Self::Announce {
                torrent,
                peer,
                count,
                v6,
                kind: random.below(4) as u8,
            },
            4 | 5 => Self::Leave {
                torrent,
                peer,
                count,
                v6,
            },
            6 => Self::Flood {
                first: random.below(2000) as u16,
                count,
            },
            7 => {
                let most = random.below(1500);
                let seconds = 1 + random.below(1 + most) as u16;
                Self::Wait {
                    seconds,
                    steps: random.below(3000) as u16,
                }
            }
            _ => Self::Choose {
                torrent,
                peer,
                wanted: random.below(80) as u8,
                v6,
                seeders: random.below(2) == 0,
            },
        }
    }
}

struct Peer {
    status: Status,
    completed: bool,
    seen: u32,
}

#[derive(Default)]
struct Torrent {
    peers: BTreeMap<PeerAddr, Peer>,
    completed: u32,
    /// Whether it had no peers for a while, so that it may have made room and come anew.
    deserted: bool,
}

/// What happened over a run, so that a test can see that it met what it wanted to meet.
#[derive(Default, Debug, Clone, Copy)]
pub struct Outcome {
    /// Peers that made room.
    pub evicted: u64,
    /// Announcers that found none.
    pub refused: u64,
    /// The most peers at a time.
    pub most_peers: u32,
}

struct Bench<'m> {
    store: Store<'m>,
    model: BTreeMap<InfoHash, Torrent>,
    random: Random,
    policy: Policy,
    now: u32,
    /// Peers in the reference.
    peers: u32,
    /// Peers evicted when store and reference were last compared.
    evicted: u64,
    /// How often they were.
    compared: u32,
}

/// Comparisons for one with a walk.
const WALK_EVERY: u32 = 16;

/// Runs the operations against a store of `words` words and a reference.
///
/// # Errors
///
/// What differs, after which operation.
pub fn run(ops: &[Op], words: usize, start: u32) -> Result<Outcome, String> {
    let mut memory = vec![0; words];
    let policy = Policy {
        peer_timeout: 1800,
        torrent_timeout: 7200,
        ..Policy::DEFAULT
    };
    let store = Store::new(&mut memory, b"key of the index", &policy).map_err(|e| e.to_string())?;
    let random = Random::new(words as u64);
    let mut bench = Bench {
        store,
        model: BTreeMap::new(),
        random,
        policy,
        now: start,
        peers: 0,
        evicted: 0,
        compared: 0,
    };
    let mut outcome = Outcome::default();
    for (number, op) in ops.iter().enumerate() {
        let failed = |reason: String| format!("operation {number} ({op:?}): {reason}");
        bench.apply(op).map_err(failed)?;
        bench.compare().map_err(failed)?;
        outcome.most_peers = outcome.most_peers.max(bench.store.peers());
    }
    outcome.evicted = bench.store.losses().evicted_peers;
    outcome.refused = bench.store.losses().refused_peers;
    Ok(outcome)
}

impl Bench<'_> {
    fn apply(&mut self, op: &Op) -> Result<(), String> {
        match *op {
            Op::Announce {
                torrent,
                peer,
                count,
                v6,
                kind,
            } => {
                for peer in peer..peer.saturating_add(count) {
                    self.announce(hash(u32::from(torrent)), address(peer, v6), kind)?;
                }
            }
            Op::Leave {
                torrent,
                peer,
                count,
                v6,
            } => {
                for peer in peer..peer.saturating_add(count) {
                    let (hash, peer) = (hash(u32::from(torrent)), address(peer, v6));
                    self.store.leave(&hash, &peer, Secs(self.now));
                    if let Some(torrent) = self.model.get_mut(&hash) {
                        self.peers -= u32::from(torrent.peers.remove(&peer).is_some());
                    }
                }
            }
            Op::Flood { first, count } => {
                for number in first..first.saturating_add(count) {
                    let peer = address(number % 7, number % 5 == 0);
                    self.announce(hash(1000 + u32::from(number)), peer, 0)?;
                }
            }
            Op::Wait { seconds, steps } => {
                self.now += u32::from(seconds);
                self.store.sweep(Secs(self.now), u32::from(steps));
            }
            Op::Choose {
                torrent,
                peer,
                wanted,
                v6,
                seeders,
            } => {
                self.choose(
                    hash(u32::from(torrent)),
                    address(peer, v6),
                    wanted,
                    v6,
                    seeders,
                )?;
            }
        }
        Ok(())
    }

    fn announce(&mut self, hash: InfoHash, peer: PeerAddr, kind: u8) -> Result<(), String> {
        let status = match kind {
            0 => Status::Leecher,
            1 => Status::Partial,
            _ => Status::Seeder,
        };
        let evicted = self.store.losses().evicted_peers > self.evicted;
        if evicted || self.store.peers() != self.peers {
            // The last announce made room or forgot the expired; the reference must follow at once,
            // since a peer that comes back afterwards counts as new.
            self.compare()?;
        }
        let refused = self.store.losses().refused_peers;
        let known = self
            .model
            .get(&hash)
            .is_some_and(|t| t.peers.contains_key(&peer));
        let stored = self
            .store
            .announce(&hash, &peer, status, kind == 3, Secs(self.now));
        let is_refused = stored.outcome == Fate::Refused;
        if is_refused != (self.store.losses().refused_peers > refused) {
            return Err("a refusal is told and not counted, or the other way round".into());
        }
        if is_refused {
            // Only somebody new can be refused: a peer that is stored keeps its place.
            let fresh = known && !self.is_expired(&hash, &peer);
            return if fresh {
                Err(format!("{peer:?} was stored and refused"))
            } else {
                Ok(())
            };
        }
        if stored.torrent.is_none() {
            return Err("nothing refused and nothing returned".into());
        }
        let (now, timeout) = (self.now, self.policy.peer_timeout);
        let torrent = self.model.entry(hash).or_default();
        torrent.deserted |= torrent
            .peers
            .values()
            .all(|peer| now - peer.seen + 8 > timeout);
        let before = torrent.peers.get(&peer);
        let old = before.is_some_and(|p| p.completed);
        if let Fate::Renewed(seconds) = stored.outcome {
            let seen = before.map(|p| now - p.seen);
            if seen.is_none_or(|seen| seconds.abs_diff(seen) >= 8) {
                return Err(format!("renewed after {seconds} s, not {seen:?}"));
            }
        } else if self.store.losses().evicted_peers == self.evicted
            && before.is_some_and(|p| now - p.seen + 8 <= timeout)
        {
            return Err("a peer that is stored is taken for a new one".into());
        }
        if stored.completed != (kind == 3 && !old) {
            return Err("a completed download is told wrongly".into());
        }
        if kind == 3 && !old {
            torrent.completed += 1;
        }
        let state = Peer {
            status,
            completed: old || kind == 3,
            seen: self.now,
        };
        self.peers += u32::from(torrent.peers.insert(peer, state).is_none());
        Ok(())
    }

    fn is_expired(&self, hash: &InfoHash, peer: &PeerAddr) -> bool {
        let seen = self
            .model
            .get(hash)
            .and_then(|t| t.peers.get(peer))
            .map_or(0, |p| p.seen);
        // Ages are in steps of eight seconds.
        self.now - seen + 8 > self.policy.peer_timeout
    }

    fn choose(
        &mut self,
        hash: InfoHash,
        exclude: PeerAddr,
        wanted: u8,
        v6: bool,
        seeders: bool,
    ) -> Result<(), String> {
        let Some(id) = self.store.find(&hash) else {
            return Ok(());
        };
        let size = if v6 { 18 } else { 6 };
        let mut out = vec![0; usize::from(wanted) * size + 3];
        let selection = Selection { exclude, seeders };
        let used = if v6 {
            self.store
                .choose_v6(id, &selection, &mut self.random, &mut out)
        } else {
            self.store
                .choose_v4(id, &selection, &mut self.random, &mut out)
        };
        let mut chosen: Vec<PeerAddr> = out[..used].chunks_exact(size).map(parse).collect();
        chosen.sort();
        let count = chosen.len();
        chosen.dedup();
        if chosen.len() != count || used % size != 0 {
            return Err("a peer was chosen twice".into());
        }
        let peers = &self
            .model
            .get(&hash)
            .ok_or("a torrent that nobody announced")?
            .peers;
        let suits = |addr: &PeerAddr, peer: &Peer| {
            addr.ip().is_ipv6() == v6
                && *addr != exclude
                && (seeders || peer.status != Status::Seeder)
        };
        if !chosen
            .iter()
            .all(|addr| peers.get(addr).is_some_and(|peer| suits(addr, peer)))
        {
            return Err("a peer was chosen that doesn't suit".into());
        }
        // A large swarm of seeders may give a seeder fewer than it has: that search is bounded.
        let suitable = peers
            .iter()
            .filter(|(addr, peer)| suits(addr, peer))
            .count();
        let summary = self.store.summary(id);
        let (v4, six) = (summary.v4_peers, summary.v6_peers);
        let whole = if v6 { six <= 102 } else { v4 <= 255 };
        if (seeders || whole) && count < usize::from(wanted).min(suitable) {
            return Err(format!(
                "{count} peers of {suitable} chosen, {wanted} wanted"
            ));
        }
        Ok(())
    }

    /// Walks through the store, three pages at a time: everything must be met just once.
    fn walk(&self, stored: &BTreeMap<InfoHash, BTreeMap<PeerAddr, Status>>) -> Result<(), String> {
        let (mut torrents, mut peers, mut seeders) = (Vec::new(), Vec::new(), 0);
        let mut walk = Walk::default();
        while let Progress::More = self.store.walk_torrents(&mut walk, 3, &mut |id| {
            torrents.push(self.store.info_hash(id));
        }) {}
        let mut walk = Walk::default();
        while let Progress::More =
            self.store
                .walk_peers(&mut walk, 3, Secs(self.now), &mut |seen| {
                    seeders += u32::from(seen.status == Status::Seeder);
                    peers.push((self.store.info_hash(seen.torrent), seen.peer, seen.status));
                })
        {}
        peers.sort();
        let expected: Vec<_> = stored
            .iter()
            .flat_map(|(hash, peers)| peers.iter().map(|(peer, status)| (*hash, *peer, *status)))
            .collect();
        if peers != expected {
            return Err("a walk meets other peers".into());
        }
        if seeders != self.store.seeders() {
            return Err("the count of all seeders is wrong".into());
        }
        let count = torrents.len();
        torrents.sort();
        torrents.dedup();
        if torrents.len() != count || count != self.store.torrents() as usize {
            return Err("a walk meets other torrents".into());
        }
        Ok(())
    }

    /// Compares the store with the reference and lets the reference follow in what the store was
    /// free to do: forget the expired, and make room.
    fn compare(&mut self) -> Result<(), String> {
        self.store.check()?;
        let mut stored: BTreeMap<InfoHash, BTreeMap<PeerAddr, Status>> = BTreeMap::new();
        self.store.visit(&mut |hash, peer, status| {
            stored.entry(hash).or_default().insert(peer, status);
        });
        // Walking takes as long as all the rest.
        self.compared += 1;
        if self.compared % WALK_EVERY == 1 {
            self.walk(&stored)?;
        }
        let full = self.store.losses().evicted_peers + self.store.losses().refused_peers > 0;
        for (hash, peers) in &stored {
            let torrent = self
                .model
                .get(hash)
                .ok_or("a torrent that nobody announced")?;
            for (peer, status) in peers {
                match torrent.peers.get(peer) {
                    Some(expected) if expected.status == *status => {}
                    _ => return Err(format!("{peer:?} as {status:?}")),
                }
            }
        }
        let (now, timeout) = (self.now, self.policy.peer_timeout);
        for (hash, torrent) in &mut self.model {
            let empty = BTreeMap::new();
            let peers = stored.get(hash).unwrap_or(&empty);
            let large = |v6| peers.keys().filter(|p| p.ip().is_ipv6() == v6).count();
            let (v4, v6) = (large(false), large(true));
            let mut lost = None;
            torrent.peers.retain(|addr, peer| {
                let expired = now - peer.seen + 8 > timeout;
                // A reply over IPv4 carries 200 peers, over IPv6 66.
                let spare = full
                    && if addr.ip().is_ipv6() {
                        v6 >= 66
                    } else {
                        v4 >= 200
                    };
                if !peers.contains_key(addr) && !expired && !spare {
                    lost = Some((*addr, peer.seen, v4, v6));
                }
                peers.contains_key(addr)
            });
            if let Some(addr) = lost {
                return Err(format!(
                    "{addr:?} of {hash:?} was lost though its swarm is small, now {now}"
                ));
            }
            let counts = self
                .store
                .find(hash)
                .map(|id| self.store.summary(id).counts);
            match counts {
                Some(counts) => {
                    let seeders = peers.values().filter(|s| **s == Status::Seeder).count();
                    let partial = peers.values().filter(|s| **s == Status::Partial).count();
                    let leechers = peers.len() - seeders;
                    if torrent.deserted && counts.completed < torrent.completed {
                        torrent.completed = counts.completed;
                    }
                    torrent.deserted = false;
                    let got = (
                        counts.seeders,
                        counts.leechers,
                        counts.partial,
                        counts.completed,
                    );
                    let want = (
                        seeders as u32,
                        leechers as u32,
                        partial as u32,
                        torrent.completed,
                    );
                    if got != want {
                        return Err(format!("counts {got:?}, not {want:?}"));
                    }
                }
                None if peers.is_empty() => torrent.completed = 0,
                None => return Err("a torrent with peers can't be found".into()),
            }
        }
        self.model
            .retain(|_, torrent| !torrent.peers.is_empty() || torrent.completed > 0);
        self.peers = self.store.peers();
        self.evicted = self.store.losses().evicted_peers;
        let peers: usize = self.model.values().map(|torrent| torrent.peers.len()).sum();
        if usize::try_from(self.peers) != Ok(peers) {
            return Err(format!("{} peers counted, {peers} there", self.peers));
        }
        Ok(())
    }
}

fn hash(number: u32) -> InfoHash {
    let mut hash = InfoHash([0xaa; 20]);
    hash.0[3..7].copy_from_slice(&number.to_be_bytes());
    hash
}

fn address(number: u16, v6: bool) -> PeerAddr {
    // Some peers share an address, some a port.
    let port = NonZeroU16::new(6881 + number % 3).unwrap();
    let [high, low] = (number / 3).to_be_bytes();
    let ip = if v6 {
        IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, number / 3))
    } else {
        IpAddr::V4(Ipv4Addr::new(10, 1, high, low))
    };
    PeerAddr::new(ip, port)
}

fn parse(compact: &[u8]) -> PeerAddr {
    let (ip, port) = compact.split_at(compact.len() - 2);
    let port = NonZeroU16::new(u16::from_be_bytes([port[0], port[1]])).expect("a port");
    let ip = match ip.len() {
        4 => IpAddr::from(<[u8; 4]>::try_from(ip).unwrap()),
        _ => IpAddr::from(<[u8; 16]>::try_from(ip).unwrap()),
    };
    PeerAddr::new(ip, port)
}
