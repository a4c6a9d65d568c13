//! Which torrents and peers the load is about. All of it follows from numbers, so that every run
//! asks the same.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// A generator of random numbers (SplitMix64) that is cheap and gives the same for the same seed.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// A generator; any seed will do.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number below `bound`, which must not be 0.
    pub const fn below(&mut self, bound: u64) -> u64 {
        ((self.next() as u128 * bound as u128) >> 64) as u64
    }
}

const fn mix(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// One peer of one torrent, by number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Item {
    /// The torrent, from 0.
    pub torrent: u32,
    /// The peer within the torrent, from 0.
    pub peer: u32,
}

/// The torrents and the peers of each.
#[derive(Clone, Debug)]
pub struct Work {
    /// How many torrents, at least 1.
    pub torrents: u32,
    /// How many peers each of them has, at least 1. They differ in address or port.
    pub peers: u32,
    /// From how many addresses the peers come, at least 1.
    pub sources: u32,
    /// How many of 100 peers are seeders.
    pub seeders: u32,
    /// Another seed makes other torrents.
    pub seed: u64,
}

/// Announced ports lie from here up.
const FIRST_PORT: u32 = 1024;
const PORTS: u32 = 64_000;

impl Work {
    /// As many source addresses as the peers of a torrent need to be distinct, and as spread the
    /// load well.
    pub fn sources_for(server: IpAddr, peers: u32) -> u32 {
        if server.is_ipv4() && server.is_loopback() {
            peers.div_ceil(PORTS).max(16)
        } else {
            1
        }
    }

    /// How many pairs of torrent and peer there are.
    pub fn len(&self) -> u64 {
        u64::from(self.torrents) * u64::from(self.peers)
    }

    /// Never: there is always one.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Pair number `n`, modulo [`len`](Self::len): all torrents get their first peer before one
    /// gets a second.
    pub fn nth(&self, n: u64) -> Item {
        let torrents = u64::from(self.torrents);
        Item {
            torrent: narrow(n % torrents),
            peer: narrow((n / torrents) % u64::from(self.peers)),
        }
    }

    /// Any pair, all equally likely.
    pub fn random(&self, random: &mut Random) -> Item {
        self.nth(random.below(self.len()))
    }

    /// The torrent's name.
    pub fn info_hash(&self, torrent: u32) -> [u8; 20] {
        let mut random = Random::new(mix(self.seed ^ (u64::from(torrent) << 20)));
        let mut hash = [0; 20];
        for chunk in hash.chunks_mut(8) {
            chunk.copy_from_slice(&random.next().to_be_bytes()[..chunk.len()]);
        }
        hash
    }

    /// The number of the address that a peer announces from, below [`sources`](Self::sources).
    pub fn source(&self, item: Item) -> u32 {
        (item.peer % self.sources + item.torrent % self.sources) % self.sources
    }

    /// The port that a peer announces: with the source, no two peers of a torrent have the same for
    /// up to 64,000 peers per source.
    pub fn port(&self, item: Item) -> u16 {
        let offset = narrow(mix(u64::from(item.torrent)) % u64::from(PORTS));
        let port = FIRST_PORT + (item.peer / self.sources + offset) % PORTS;
        u16::try_from(port).unwrap_or(u16::MAX)
    }

    /// Whether a peer has everything.
    pub fn seeds(&self, item: Item) -> bool {
        let pair = (u64::from(item.torrent) << 32) | u64::from(item.peer);
        mix(self.seed.wrapping_add(pair).wrapping_mul(3)) % 100 < u64::from(self.seeders)
    }
}

/// The address to send from to `server` as source number `source`: one of 127.0.0.0/8 each if the
/// server is there.
pub fn source_address(server: SocketAddr, source: u32) -> SocketAddr {
    let ip = match server.ip() {
        IpAddr::V4(ip) if ip.is_loopback() => {
            let [_, _, high, low] = (0x0101 + source / 250 * 0x100 + source % 250).to_be_bytes();
            Ipv4Addr::new(127, 0, high, low).into()
        }
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
    };
    SocketAddr::new(ip, 0)
}

fn narrow(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn work(torrents: u32, peers: u32) -> Work {
        let sources = Work::sources_for([127, 0, 0, 1].into(), peers);
        Work {
            torrents,
            peers,
            sources,
            seeders: 25,
            seed: 1,
        }
    }

    #[test]
    fn every_pair_comes_once_and_the_peers_of_a_torrent_differ() {
        for (torrents, peers) in [(1, 1), (3, 1), (7, 50), (2, 100_000), (1, 1_030_000)] {
            let work = work(torrents, peers);
            let mut all: Vec<_> = (0..work.len())
                .map(|n| {
                    let item = work.nth(n);
                    (item.torrent, work.source(item), work.port(item))
                })
                .collect();
            assert!(
                all.iter()
                    .all(|&(_, source, port)| source < work.sources && port >= 1024)
            );
            all.sort_unstable();
            all.dedup();
            assert_eq!(all.len() as u64, work.len());
        }
    }

    #[test]
    fn torrents_have_names_of_their_own() {
        let work = work(1, 1);
        let names: HashSet<_> = (0..10_000).map(|n| work.info_hash(n)).collect();
        assert_eq!(names.len(), 10_000);
    }

    #[test]
    fn the_share_of_seeders_is_kept() {
        let work = work(100, 1000);
        let seeds = (0..work.len()).filter(|&n| work.seeds(work.nth(n))).count();
        assert!((24_000..26_000).contains(&seeds), "{seeds}");
    }

    #[test]
    fn sources_are_distinct_loopback_addresses() {
        let server = "127.0.0.1:80".parse().unwrap();
        let all: HashSet<_> = (0..2000).map(|n| source_address(server, n)).collect();
        assert_eq!(all.len(), 2000);
        assert!(all.iter().all(|address| address.ip().is_loopback()));
    }
}
