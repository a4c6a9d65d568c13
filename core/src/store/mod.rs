//! The swarms: every torrent and every peer, in one piece of memory that never grows.
//!
//! | file | what it holds |
//! |---|---|
//! | `arena` | the memory, cut into pages |
//! | `runs` | pieces of pages by size class, always dense |
//! | `torrents` | a record of 40 bytes for each torrent |
//! | `index` | from an info hash to its record: 4 bytes a torrent |
//! | `peer` | records of 8 bytes (IPv4) and 20 bytes (IPv6) |
//! | `swarm` | the peers of one torrent and family: one in the record, few in a run |
//! | `directory` | many: in buckets by a hash of the address |
//! | `choose` | which peers an announcer gets |
//! | `order` | numbers in a random order, to pick by |
//! | `sweep` | forgetting what has expired |
//! | `room` | what goes when all is full |
//! | `walk` | looking at everything, a few pages at a time |
//! | `restore` | taking back what a file says was there |
//! | `check` | for tests: whether all of that fits together |
//!
//! Invariants: a page belongs to one of records, index, one class of runs, or nobody. The runs of a
//! class are dense. A run's owner leads to the record or directory that leads to the run. A run has
//! at least one peer. The index has one bucket for each torrent. An address never outlives a call
//! of `Store::give`, which may move any other run.

mod arena;
mod check;
mod choose;
mod directory;
mod index;
mod order;
mod peer;
mod restore;
mod room;
mod runs;
mod swarm;
mod sweep;
mod torrents;
mod walk;

use core::net::IpAddr;

use arena::{Arena, PAGE_WORDS};
use index::{Hashed, Index};
use peer::{Family, Tally, V4, V6};
use runs::{Runs, Share};
use siphasher::sip::SipHasher13;
use sweep::Cursor;
use torrents::{Place, Torrents, hash_words};

use crate::policy::Policy;
use crate::random::Random;
use crate::time::Secs;
use crate::wire::{InfoHash, PeerAddr};

pub use restore::Restored;
pub use torrents::TorrentId;
pub use walk::{Progress, SeenPeer, Walk};

/// How far a peer is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
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

/// What the store knows of a swarm.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Summary {
    /// The counts, both families together.
    pub counts: Counts,
    /// Peers of IPv4.
    pub v4_peers: u32,
    /// Peers of IPv6.
    pub v6_peers: u32,
}

/// Which peers of a swarm suit an announcer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Selection {
    /// The announcer itself.
    pub exclude: PeerAddr,
    /// Whether seeders are of use to it.
    pub seeders: bool,
}

/// What was lost because memory is limited. The counts wrap after 2^64.
#[derive(Clone, Debug, Default)]
pub struct Losses {
    /// Peers of large swarms that made room for others, or for newer ones of their swarm.
    pub evicted_peers: u64,
    /// Announces answered without storing the announcer.
    pub refused_peers: u64,
    /// Those of them that would have made a new torrent.
    pub refused_torrents: u64,
}

impl core::fmt::Display for Losses {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self {
            evicted_peers,
            refused_peers,
            refused_torrents,
        } = self;
        write!(
            f,
            "{evicted_peers} peers made room for others, {refused_peers} found none, \
             {refused_torrents} of them with new torrents"
        )
    }
}

/// What the pages of a store are used for, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Usage {
    /// Records of torrents, each with its only peer if it has one.
    pub torrents: u64,
    /// From info hashes to records.
    pub index: u64,
    /// Peers of swarms that a reply could carry whole, and small directories of larger ones.
    pub small: u64,
    /// Peers of larger swarms.
    pub large: u64,
    /// Directories of the largest.
    pub directories: u64,
    /// Nothing yet, or no more.
    pub free: u64,
}

/// What a piece of memory holds at most.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Capacity {
    /// Torrents with one IPv4 peer each.
    pub torrents: u32,
    /// IPv4 peers in few, large swarms.
    pub peers: u32,
}

/// The memory given can't hold a useful store. The host's fault, or its operator's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooSmall;

impl core::fmt::Display for TooSmall {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("memory too small for a store")
    }
}

impl core::error::Error for TooSmall {}

/// What came of an announce.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stored {
    /// The torrent; `None` if it is new and found no room.
    pub torrent: Option<TorrentId>,
    /// What became of the peer.
    pub outcome: Outcome,
    /// Whether a download was counted.
    pub completed: bool,
}

/// What became of a peer that announced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It is stored, and wasn't before.
    New,
    /// It was there: so many seconds ago it announced, to within eight.
    Renewed(u32),
    /// It isn't stored: there is no room, or a limit of the policy.
    Refused,
}

/// There is no memory for what was asked. Nothing has changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Full;

/// The swarms in one piece of memory.
pub struct Store<'m> {
    arena: Arena<'m>,
    runs: Runs,
    torrents: Torrents,
    index: Index,
    cursor: Cursor,
    /// Decides the buckets of peers.
    seed: u64,
    peer_timeout: u32,
    torrent_timeout: u32,
    /// Free pages that large swarms leave to small ones.
    reserve: u32,
    /// All peers.
    total: Tally,
    /// Peers at which no new one is stored, in all and of a torrent and family.
    most_peers: u32,
    most_peers_per_torrent: u32,
    losses: Losses,
    /// Of counts of downloads.
    changes: u32,
}

impl<'m> Store<'m> {
    /// The least memory, in words of 4 bytes: eight pages.
    pub const LEAST_WORDS: usize = 9 * PAGE_WORDS as usize;

    /// An empty store in `memory`, which should be all zero so that no more of it becomes resident
    /// than is used.
    ///
    /// `key` must be secret and random. The time-outs come from the policy.
    ///
    /// # Errors
    ///
    /// [`TooSmall`] below [`LEAST_WORDS`](Self::LEAST_WORDS).
    pub fn new(memory: &'m mut [u32], key: &[u8; 16], policy: &Policy) -> Result<Self, TooSmall> {
        if memory.len() < Self::LEAST_WORDS {
            return Err(TooSmall);
        }
        let arena = Arena::new(memory);
        let pages = arena.pages();
        let mut store = Self {
            arena,
            runs: Runs::new(),
            torrents: Torrents::new(most_torrent_pages(pages)),
            index: Index::new(key),
            cursor: Cursor::default(),
            seed: SipHasher13::new_with_key(key).hash(b"buckets of peers"),
            peer_timeout: 0,
            torrent_timeout: 0,
            reserve: pages / RESERVE_SHARE,
            total: Tally::default(),
            most_peers: 0,
            most_peers_per_torrent: 0,
            losses: Losses::default(),
            changes: 0,
        };
        store.set_limits(policy);
        Ok(store)
    }

    /// Takes time-outs and limits from a policy. What is above a new limit stays until it expires.
    pub fn set_limits(&mut self, policy: &Policy) {
        let most = |limit| if limit == 0 { u32::MAX } else { limit };
        self.peer_timeout = policy.peer_timeout.min(peer::MOST_TIMEOUT);
        self.torrent_timeout = policy.torrent_timeout;
        self.most_peers = most(policy.most_peers);
        self.most_peers_per_torrent = most(policy.most_peers_per_torrent);
    }

    /// What so many words hold at most, of torrents or of peers.
    pub fn capacity(words: usize) -> Capacity {
        let pages = Arena::pages_in(words);
        // A page of the index serves ten pages of records.
        let records = most_torrent_pages(pages).min(pages - pages.div_ceil(11));
        let large = u64::from(pages - pages / RESERVE_SHARE);
        // Eight bytes and what directory, heads and half-full classes add: measured, 8.8.
        let peers = large * u64::from(PAGE_WORDS) * 4 * 10 / 88;
        Capacity {
            torrents: records.saturating_mul(Torrents::PER_PAGE),
            peers: u32::try_from(peers).unwrap_or(u32::MAX),
        }
    }

    /// Adds a peer to a torrent or refreshes it; makes the torrent if it is new.
    ///
    /// `completed` counts a download, once for as long as the peer stays. Without room for it, or at
    /// a limit of the policy, the peer isn't stored, nor a new torrent; both are counted in
    /// [`losses`](Self::losses). Visits at most one run (255 peers), one bucket of the index, and
    /// when full 64 steps of the sweep and one page.
    #[inline]
    pub fn announce(
        &mut self,
        hash: &InfoHash,
        peer: &PeerAddr,
        status: Status,
        completed: bool,
        now: Secs,
    ) -> Stored {
        let hash = hash_words(hash);
        let hashed = self.index.hash(&hash);
        if let Ok(stored) = self.try_announce(&hash, hashed, peer, status, completed, now) {
            return stored;
        }
        // A limit of the policy is no want of memory: nobody has to go for it.
        let found = self.index.find(&self.arena, hashed, &hash);
        if !self.is_limited(found, peer) {
            self.make_room(now);
            if let Ok(stored) = self.try_announce(&hash, hashed, peer, status, completed, now) {
                return stored;
            }
        }
        self.losses.refused_peers += 1;
        let known = self.index.find(&self.arena, hashed, &hash);
        if known.is_none() {
            self.losses.refused_torrents += 1;
        }
        Stored {
            torrent: known,
            outcome: Outcome::Refused,
            completed: false,
        }
    }

    /// Removes a peer, and its torrent if nobody is left who completed it. `None` if there is no
    /// such torrent, or no more.
    pub fn leave(&mut self, hash: &InfoHash, peer: &PeerAddr, now: Secs) -> Option<TorrentId> {
        let id = self.find(hash)?;
        let port = peer.port().get();
        match peer.ip() {
            IpAddr::V4(_) => self.remove::<V4>(id, &V4::address(peer), port),
            IpAddr::V6(_) => self.remove::<V6>(id, &V6::address(peer), port),
        }
        if self.is_deserted(id) && id.completed(&self.arena) == 0 {
            self.delete(id);
            return None;
        }
        id.touch(&mut self.arena, now);
        Some(id)
    }

    /// The torrent of an info hash.
    pub fn find(&self, hash: &InfoHash) -> Option<TorrentId> {
        let hash = hash_words(hash);
        self.index.find(&self.arena, self.index.hash(&hash), &hash)
    }

    /// What is known of a torrent's swarm.
    #[inline]
    pub fn summary(&self, id: TorrentId) -> Summary {
        let (v4, v6) = (self.tally::<V4>(id), self.tally::<V6>(id));
        Summary {
            counts: v4.plus(v6).counts(id.completed(&self.arena)),
            v4_peers: v4.peers,
            v6_peers: v6.peers,
        }
    }

    /// Fills `out` with compact IPv4 peers that suit, chosen at random, and returns the bytes used.
    ///
    /// Looks at 255 peers of a small swarm, or at 256 buckets and about 1,200 peers of a large one.
    #[inline]
    pub fn choose_v4(
        &self,
        id: TorrentId,
        selection: &Selection,
        random: &mut Random,
        out: &mut [u8],
    ) -> usize {
        self.choose::<V4>(id, selection, random, out)
    }

    /// Fills `out` with compact IPv6 peers, as [`choose_v4`](Self::choose_v4) does with IPv4 ones.
    pub fn choose_v6(
        &self,
        id: TorrentId,
        selection: &Selection,
        random: &mut Random,
        out: &mut [u8],
    ) -> usize {
        self.choose::<V6>(id, selection, random, out)
    }

    /// Torrents stored.
    pub const fn torrents(&self) -> u32 {
        self.torrents.count()
    }

    /// Peers stored, in all torrents.
    pub const fn peers(&self) -> u32 {
        self.total.peers
    }

    /// Seeders among them.
    pub const fn seeders(&self) -> u32 {
        self.total.seeders
    }

    /// Bytes of memory for swarms: all pages.
    pub fn bytes(&self) -> u64 {
        u64::from(self.arena.pages()).saturating_mul(u64::from(PAGE_WORDS) * 4)
    }

    /// What the pages are used for, in bytes. All but the tables of pages is in it.
    pub fn usage(&self) -> Usage {
        let bytes = |pages: u32| u64::from(pages).saturating_mul(u64::from(PAGE_WORDS) * 4);
        let mut usage = Usage {
            torrents: bytes(self.torrents.slots() / Torrents::PER_PAGE),
            index: bytes(self.index.buckets().div_ceil(PAGE_WORDS)),
            small: bytes(self.runs.pages_of(Share::Small)),
            large: bytes(self.runs.pages_of(Share::Large)),
            directories: 0,
            free: bytes(self.arena.free()),
        };
        let others = [
            usage.torrents,
            usage.index,
            usage.small,
            usage.large,
            usage.free,
        ];
        let others = others.into_iter().fold(0, u64::saturating_add);
        usage.directories = self.bytes().saturating_sub(others);
        usage
    }

    /// The info hash of a torrent.
    pub fn info_hash(&self, id: TorrentId) -> InfoHash {
        id.info_hash(&self.arena)
    }

    /// The torrent that was this number once, or another that took its place; `None` if there is
    /// none there.
    pub fn torrent_at(&self, number: u32) -> Option<TorrentId> {
        Torrents::by_number(&self.arena, number)
    }

    /// The info hash of the torrent that was this number once; `None` if there is none any more whose
    /// hash begins with `prefix`.
    pub fn hash_of(&self, prefix: u32, number: u32) -> Option<InfoHash> {
        let hash = self.info_hash(self.torrent_at(number)?);
        (hash.prefix() == prefix).then_some(hash)
    }

    /// Seconds since the last announce of a torrent, to about a minute.
    pub fn idle(&self, id: TorrentId, now: Secs) -> u32 {
        id.idle(&self.arena, now)
    }

    /// Announces as far as there is memory for it. On failure nothing has changed.
    fn try_announce(
        &mut self,
        hash: &[u32; 5],
        hashed: Hashed,
        peer: &PeerAddr,
        status: Status,
        completed: bool,
        now: Secs,
    ) -> Result<Stored, Full> {
        let id = match self.index.find(&self.arena, hashed, hash) {
            Some(id) => id,
            None => self.create(hash, hashed, now)?,
        };
        let port = peer.port().get();
        let stored = match peer.ip() {
            IpAddr::V4(_) => {
                self.upsert::<V4>(id, &V4::address(peer), port, status, completed, now)
            }
            IpAddr::V6(_) => {
                self.upsert::<V6>(id, &V6::address(peer), port, status, completed, now)
            }
        };
        if stored.is_ok() {
            id.touch(&mut self.arena, now);
        } else if self.is_deserted(id) && id.completed(&self.arena) == 0 {
            self.delete(id);
        }
        stored.map(|upserted| Stored {
            torrent: Some(id),
            outcome: upserted.renewed.map_or(Outcome::New, Outcome::Renewed),
            completed: upserted.completed,
        })
    }

    fn create(&mut self, hash: &[u32; 5], hashed: Hashed, now: Secs) -> Result<TorrentId, Full> {
        if !self.index.grow(&mut self.arena) {
            return Err(Full);
        }
        let Some(id) = self.torrents.take(&mut self.arena, hash, now) else {
            self.index.shrink(&mut self.arena);
            return Err(Full);
        };
        self.index.insert(&mut self.arena, id, hashed);
        Ok(id)
    }

    fn is_deserted(&self, id: TorrentId) -> bool {
        [false, true].map(|v6| id.place(&self.arena, v6)) == [Place::Empty; 2]
    }

    /// Removes a torrent that has no peers.
    fn delete(&mut self, id: TorrentId) {
        if id.completed(&self.arena) > 0 {
            self.count_change();
        }
        self.index.remove(&mut self.arena, id);
        self.torrents.give(&mut self.arena, id);
    }
}

/// One page in so many is left to small swarms.
const RESERVE_SHARE: u32 = 8;

/// Most pages of torrent records: three quarters, so that a flood of new torrents leaves some for
/// peers.
const fn most_torrent_pages(pages: u32) -> u32 {
    pages - pages.div_ceil(4)
}
