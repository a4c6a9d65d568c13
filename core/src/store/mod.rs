//! The swarms. (A flat list, which the arena replaces; the interface stays.)

use core::net::IpAddr;

use crate::random::Random;
use crate::time::Secs;
use crate::wire::{InfoHash, PeerAddr};

/// The memory given can't hold a useful store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooSmall;

/// A torrent in the store, until the next call that changes the store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TorrentId(u32);

/// How far a peer is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// It downloads.
    Leecher,
    /// It has all that it wants of the torrent, not all of it (BEP 21).
    Partial,
    /// It has everything.
    Seeder,
}

/// What a scrape tells of a torrent, both families together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Peers that have everything (`complete`).
    pub seeders: u32,
    /// Peers that have not (`incomplete`), partial seeds included.
    pub leechers: u32,
    /// Leechers that will not download more (BEP 21): `downloaders` is `leechers - partial`.
    pub partial: u32,
    /// Downloads completed (`downloaded`).
    pub completed: u32,
}

/// Which peers of a swarm suit an announcer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Selection {
    /// The announcer itself.
    pub exclude: PeerAddr,
    /// Whether seeders are of use to it.
    pub seeders: bool,
}

const ENTRY: usize = 12;

/// The swarms in one piece of memory.
pub struct Store<'m> {
    words: &'m mut [u32],
}

fn hash_words(hash: &InfoHash) -> [u32; 5] {
    let mut words = [0; 5];
    for (word, bytes) in words.iter_mut().zip(hash.0.chunks(4)) {
        *word = bytes
            .iter()
            .fold(0, |sum, &byte| (sum << 8) | u32::from(byte));
    }
    words
}

fn ip_words(ip: IpAddr) -> [u32; 4] {
    match ip {
        IpAddr::V4(ip) => [ip.to_bits(), 0, 0, 0],
        IpAddr::V6(ip) => {
            let bits = ip.to_bits();
            [
                (bits >> 96) as u32,
                (bits >> 64) as u32,
                (bits >> 32) as u32,
                bits as u32,
            ]
        }
    }
}

impl<'m> Store<'m> {
    /// The least memory, in words of 4 bytes.
    pub const LEAST_WORDS: usize = 1024;

    /// An empty store in `memory`, which must be all zero.
    ///
    /// # Errors
    ///
    /// [`TooSmall`] below [`LEAST_WORDS`](Self::LEAST_WORDS).
    pub fn new(
        memory: &'m mut [u32],
        _key: &[u8; 16],
        _peer_timeout: u32,
    ) -> Result<Self, TooSmall> {
        if memory.len() < Self::LEAST_WORDS {
            Err(TooSmall)
        } else {
            Ok(Self { words: memory })
        }
    }

    fn entries(&self) -> impl Iterator<Item = &[u32]> {
        self.words.chunks_exact(ENTRY).filter(|e| e[11] != 0)
    }

    /// Adds or refreshes a peer.
    pub fn announce(
        &mut self,
        hash: &InfoHash,
        peer: &PeerAddr,
        status: Status,
        _completed: bool,
        _now: Secs,
    ) -> Option<TorrentId> {
        self.leave(hash, peer, _now);
        let entry = self.words.chunks_exact_mut(ENTRY).find(|e| e[11] == 0)?;
        entry[..5].copy_from_slice(&hash_words(hash));
        entry[5..9].copy_from_slice(&ip_words(peer.ip()));
        entry[9] = u32::from(peer.port().get());
        entry[10] = status as u32;
        entry[11] = if peer.ip().is_ipv4() { 4 } else { 6 };
        self.find(hash)
    }

    /// Removes a peer.
    pub fn leave(&mut self, hash: &InfoHash, peer: &PeerAddr, _now: Secs) -> Option<TorrentId> {
        let (h, i) = (hash_words(hash), ip_words(peer.ip()));
        for e in self.words.chunks_exact_mut(ENTRY) {
            if e[11] != 0 && e[..5] == h && e[5..9] == i && e[9] == u32::from(peer.port().get()) {
                e.fill(0);
            }
        }
        self.find(hash)
    }

    /// The torrent of a name.
    pub fn find(&self, hash: &InfoHash) -> Option<TorrentId> {
        let h = hash_words(hash);
        self.words
            .chunks_exact(ENTRY)
            .position(|e| e[11] != 0 && e[..5] == h)
            .map(|at| TorrentId(at as u32))
    }

    fn swarm(&self, id: TorrentId) -> impl Iterator<Item = &[u32]> {
        let h = &self.words[id.0 as usize * ENTRY..][..5];
        self.entries().filter(move |e| e[..5] == *h)
    }

    /// Its counts.
    pub fn counts(&self, id: TorrentId) -> Counts {
        let mut counts = Counts::default();
        for e in self.swarm(id) {
            counts.seeders += u32::from(e[10] == 2);
            counts.leechers += u32::from(e[10] != 2);
            counts.partial += u32::from(e[10] == 1);
        }
        counts
    }

    /// Its peers of IPv4 and of IPv6.
    pub fn families(&self, id: TorrentId) -> (u32, u32) {
        let v4 = self.swarm(id).filter(|e| e[11] == 4).count() as u32;
        (v4, self.swarm(id).count() as u32 - v4)
    }

    fn choose(&self, id: TorrentId, selection: &Selection, family: u32, out: &mut [u8]) -> usize {
        let size = if family == 4 { 6 } else { 18 };
        let (x, p) = (
            ip_words(selection.exclude.ip()),
            u32::from(selection.exclude.port().get()),
        );
        let mut used = 0;
        let suits = |e: &&[u32]| {
            e[11] == family && (selection.seeders || e[10] != 2) && !(e[5..9] == x && e[9] == p)
        };
        for (slot, e) in out.chunks_exact_mut(size).zip(self.swarm(id).filter(suits)) {
            for (to, word) in slot.chunks_exact_mut(4).zip(&e[5..9]) {
                to.copy_from_slice(&word.to_be_bytes());
            }
            slot[size - 2..].copy_from_slice(&(e[9] as u16).to_be_bytes());
            used += size;
        }
        used
    }

    /// Compact IPv4 peers into `out`; returns the bytes used.
    pub fn choose_v4(
        &self,
        id: TorrentId,
        selection: &Selection,
        _random: &mut Random,
        out: &mut [u8],
    ) -> usize {
        self.choose(id, selection, 4, out)
    }

    /// Compact IPv6 peers into `out`; returns the bytes used.
    pub fn choose_v6(
        &self,
        id: TorrentId,
        selection: &Selection,
        _random: &mut Random,
        out: &mut [u8],
    ) -> usize {
        self.choose(id, selection, 6, out)
    }

    /// Forgets what has expired.
    pub const fn sweep(&mut self, _now: Secs, _budget: u32) {}

    /// Torrents stored.
    pub const fn torrents(&self) -> u32 {
        0
    }

    /// Peers stored.
    pub fn peers(&self) -> u32 {
        self.entries().count() as u32
    }
}
