//! Taking back what a store held before, from a file.
//!
//! What comes back makes no room for itself: without any it is left out, or in a swarm that has more
//! peers than any reply carries, it takes the place of the one that has been silent longest.
//! Downloads that were counted once aren't counted again.

use core::net::IpAddr;

use super::peer::{self, Family, V4, V6};
use super::torrents::{TorrentId, hash_words};
use super::{Full, Status, Store};
use crate::time::Secs;
use crate::wire::{InfoHash, PeerAddr};

/// What came of taking something back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Restored {
    /// It is in the store, or was.
    Taken,
    /// It says nothing: a torrent without downloads, or a peer that has been silent for too long.
    Nothing,
    /// There is no room, or a limit of the policy. Nothing has changed.
    Full,
}

impl Store<'_> {
    /// Makes a torrent with `completed` downloads, last in use now. One that is there keeps the
    /// larger of both numbers, so that it doesn't matter how often the same is told.
    ///
    /// With no downloads nothing is made. Visits one bucket of the index.
    pub fn restore_torrent(&mut self, hash: &InfoHash, completed: u32, now: Secs) -> Restored {
        if completed == 0 {
            return Restored::Nothing;
        }
        let Ok((id, _)) = self.find_or_create(hash, now) else {
            return Restored::Full;
        };
        if id.completed(&self.arena) < completed {
            id.set_completed(&mut self.arena, completed);
            self.count_change();
        }
        Restored::Taken
    }

    /// Adds a peer that announced `age` seconds ago, and its torrent if that is new. One that is
    /// there stays as it is.
    ///
    /// `completed` is whether it has reported a completed download, which isn't counted. The age is
    /// rounded up, by eight seconds at most, so that nobody stays for ever by way of files. Visits
    /// one run, at most 255 peers, and one bucket of the index.
    pub fn restore_peer(
        &mut self,
        hash: &InfoHash,
        peer: &PeerAddr,
        status: Status,
        completed: bool,
        age: u32,
        now: Secs,
    ) -> Restored {
        if age >= self.peer_timeout {
            return Restored::Nothing;
        }
        let Ok((id, new)) = self.find_or_create(hash, now) else {
            return Restored::Full;
        };
        let state = peer::state(peer.port().get(), status, completed, now);
        let state = peer::aged(state, age);
        let added = match peer.ip() {
            IpAddr::V4(_) => self.restore::<V4>(id, &V4::address(peer), state, now),
            IpAddr::V6(_) => self.restore::<V6>(id, &V6::address(peer), state, now),
        };
        if added.is_ok() {
            return Restored::Taken;
        }
        if new {
            self.delete(id);
        }
        Restored::Full
    }

    /// Downloads completed of a torrent.
    pub fn completed(&self, id: TorrentId) -> u32 {
        id.completed(&self.arena)
    }

    /// A number that changes when a download is counted or a torrent with downloads forgotten: the
    /// counts are the same as long as it is the same, for 2^32 changes.
    pub const fn changes(&self) -> u32 {
        self.changes
    }

    pub(super) const fn count_change(&mut self) {
        self.changes = self.changes.wrapping_add(1);
    }

    /// The torrent, and whether it is new.
    fn find_or_create(&mut self, hash: &InfoHash, now: Secs) -> Result<(TorrentId, bool), Full> {
        let hash = hash_words(hash);
        let hashed = self.index.hash(&hash);
        match self.index.find(&self.arena, hashed, &hash) {
            Some(id) => Ok((id, false)),
            None => Ok((self.create(&hash, hashed, now)?, true)),
        }
    }

    fn restore<F: Family>(
        &mut self,
        id: TorrentId,
        address: &F::Address,
        state: u32,
        now: Secs,
    ) -> Result<(), Full> {
        if self.locate::<F>(id, address, peer::port(state)).is_some() {
            return Ok(());
        }
        if self.has_most::<F>(id) {
            return Err(Full);
        }
        self.add::<F>(id, &F::record(address, state), now)
    }
}

#[cfg(test)]
mod tests {
    use core::num::NonZeroU16;
    use std::vec;
    use std::vec::Vec;

    use super::*;
    use crate::policy::Policy;
    use crate::store::Walk;

    const HASH: InfoHash = InfoHash([7; 20]);

    fn peer(number: u16) -> PeerAddr {
        let ip = IpAddr::from([10, 1, 1, 1]);
        PeerAddr::new(ip, NonZeroU16::new(number).unwrap())
    }

    fn with_store(policy: &Policy, test: impl FnOnce(&mut Store<'_>)) {
        let mut memory = vec![0; Store::LEAST_WORDS];
        let mut store = Store::new(&mut memory, &[7; 16], policy).unwrap();
        test(&mut store);
        store.check().unwrap();
    }

    fn ages(store: &Store<'_>, now: Secs) -> Vec<(u16, u32)> {
        let mut ages = Vec::new();
        let mut see = |seen: crate::store::SeenPeer| ages.push((seen.peer.port().get(), seen.age));
        store.walk_peers(&mut Walk::default(), 100, now, &mut see);
        ages.sort_unstable();
        ages
    }

    #[test]
    fn counts_never_double_and_never_shrink() {
        with_store(&Policy::DEFAULT, |store| {
            let count = |store: &Store<'_>| {
                store
                    .find(&HASH)
                    .map(|id| store.summary(id).counts.completed)
            };
            assert_eq!(store.restore_torrent(&HASH, 0, Secs(0)), Restored::Nothing);
            assert_eq!((count(store), store.changes()), (None, 0));
            for (told, expected, changes) in [(5, 5, 1), (5, 5, 1), (3, 5, 1), (0, 5, 1), (9, 9, 2)]
            {
                store.restore_torrent(&HASH, told, Secs(0));
                assert_eq!(count(store), Some(expected));
                assert_eq!(store.changes(), changes);
            }
            store.announce(&HASH, &peer(1), Status::Seeder, true, Secs(0));
            assert_eq!((count(store), store.changes()), (Some(10), 3));
            assert_eq!(store.idle(store.find(&HASH).unwrap(), Secs(128)), 128);
        });
    }

    #[test]
    fn a_completed_download_is_not_counted_again() {
        with_store(&Policy::DEFAULT, |store| {
            let now = Secs(0);
            for v6 in [false, true] {
                let peer = if v6 {
                    PeerAddr::new("2001:db8::1".parse().unwrap(), NonZeroU16::MIN)
                } else {
                    peer(1)
                };
                let done = store.restore_peer(&HASH, &peer, Status::Seeder, true, 100, now);
                assert_eq!(done, Restored::Taken);
                let stored = store.announce(&HASH, &peer, Status::Seeder, true, Secs(1));
                assert!(!stored.completed);
                let other = store.announce(&HASH, &peer, Status::Leecher, false, Secs(2));
                let counts = store.summary(other.torrent.unwrap()).counts;
                assert_eq!(counts.completed, 0);
            }
            assert_eq!(store.changes(), 0);
        });
    }

    /// On a clock that has just begun, too.
    #[test]
    fn ages_go_on_where_they_were() {
        let timeout = Policy::DEFAULT.peer_timeout;
        for now in [Secs(0), Secs(3), Secs(100_000), Secs(u32::MAX - 9_000)] {
            with_store(&Policy::DEFAULT, |store| {
                let told = [0, 1, 7, 8, 100, timeout - 1, timeout, u32::MAX];
                for (port, age) in (1..).zip(told) {
                    let expected = if age < timeout {
                        Restored::Taken
                    } else {
                        Restored::Nothing
                    };
                    let status = Status::Leecher;
                    let done = store.restore_peer(&HASH, &peer(port), status, false, age, now);
                    assert_eq!(done, expected);
                }
                for ((port, age), told) in ages(store, now).into_iter().zip(told) {
                    assert!(age > told && age <= told + 8, "{port} {told} {age}");
                }
                assert_eq!(store.peers(), 6);
                // One that is there stays as it is.
                store.restore_peer(&HASH, &peer(1), Status::Seeder, false, 900, now);
                assert_eq!((store.peers(), store.seeders()), (6, 0));
                store.sweep(now.plus(8), 1_000);
                assert_eq!(store.peers(), 5);
                store.sweep(now.plus(timeout), 1_000);
                assert_eq!((store.peers(), store.torrents()), (0, 0));
            });
        }
    }

    #[test]
    fn what_finds_no_room_is_left_out_and_nobody_goes_for_it() {
        with_store(&Policy::DEFAULT, |store| {
            let mut taken = 0;
            for number in 0..5_000u32 {
                let mut hash = [0; 20];
                hash[..4].copy_from_slice(&number.to_be_bytes());
                let status = Status::Leecher;
                match store.restore_peer(&InfoHash(hash), &peer(1), status, false, 0, Secs(0)) {
                    Restored::Taken => taken += 1,
                    other => assert_eq!(other, Restored::Full),
                }
                assert_eq!((store.peers(), store.torrents()), (taken, taken));
            }
            assert!((100..5_000).contains(&taken), "{taken}");
            assert_eq!(store.restore_torrent(&HASH, 1, Secs(0)), Restored::Full);
            assert_eq!(
                store.losses().refused_peers + store.losses().evicted_peers,
                0
            );
        });
    }

    #[test]
    fn limits_of_the_policy_hold() {
        let policy = Policy {
            most_peers: 3,
            most_peers_per_torrent: 2,
            ..Policy::DEFAULT
        };
        with_store(&policy, |store| {
            let mut restore = |hash, port| {
                let hash = InfoHash([hash; 20]);
                store.restore_peer(&hash, &peer(port), Status::Seeder, false, 0, Secs(0))
            };
            let tried = [(1, 1), (1, 2), (1, 3), (2, 1), (3, 1), (1, 1)];
            let done = tried.map(|(hash, port)| restore(hash, port));
            let [t, f] = [Restored::Taken, Restored::Full];
            assert_eq!(done, [t, t, f, t, f, t]);
            assert_eq!((store.torrents(), store.seeders()), (2, 3));
        });
    }
}
