//! The peers of one torrent and family, wherever they are: in the record, in one run, or in
//! buckets.
//!
//! ```text
//! run: | owner | tally | peer | peer | ... | unused |
//! ```

use core::net::IpAddr;

use super::arena::Arena;
use super::directory::{self, room};
use super::peer::{self, Family, Tally, V4, V6};
use super::runs::{Kind, Owner, Runs, Share};
use super::torrents::{Place, TorrentId};
use super::{Full, Status, Store};
use crate::time::Secs;
use crate::wire::PeerAddr;

/// Words before the first peer of a run.
pub(super) const RUN_HEAD: u32 = 2;
/// Words of a run for two IPv4 peers, which the only peer of a torrent moves to when another comes.
const SMALLEST_RUN: u32 = RUN_HEAD + 2 * V4::WORDS;

pub(super) fn read_tally(arena: &Arena<'_>, run: u32) -> Tally {
    Tally::from_word(arena.get(run + 1))
}

/// All peers of a run.
#[inline]
pub(super) fn records<'a, F: Family>(arena: &'a Arena<'_>, run: u32) -> &'a [F::Record] {
    let words = read_tally(arena, run).peers * F::WORDS;
    F::records(arena.slice(run + RUN_HEAD, words))
}

/// A copy of the `nth` peer of a run, to hold on to while memory moves.
#[inline]
pub(super) fn record<F: Family>(arena: &Arena<'_>, run: u32, nth: u32) -> Option<F::Record> {
    let words = arena.slice(run + RUN_HEAD + nth * F::WORDS, F::WORDS);
    F::records(words).first().copied()
}

/// Adds a peer at the end of a run, where there must be room for it.
pub(super) fn append<F: Family>(arena: &mut Arena<'_>, run: u32, record: &F::Record) {
    let tally = read_tally(arena, run);
    write_record::<F>(arena, run + RUN_HEAD + tally.peers * F::WORDS, record);
    arena.set(run + 1, tally.plus(Tally::of(F::state(record))).to_word());
}

fn write_record<F: Family>(arena: &mut Arena<'_>, at: u32, record: &F::Record) {
    for (to, from) in arena
        .slice_mut(at, F::WORDS)
        .iter_mut()
        .zip(F::words(record))
    {
        *to = *from;
    }
}

/// What came of a peer that announced.
pub(super) struct Upserted {
    /// Seconds since it announced before; `None` if it is new.
    pub(super) renewed: Option<u32>,
    /// Whether a download was counted.
    pub(super) completed: bool,
}

/// Where a peer is.
pub(super) struct Found {
    /// The address of its last word.
    state_at: u32,
    /// Its run, and its number in it; `None` if it is in the record.
    run: Option<(u32, u32)>,
    /// The directory of its swarm, if it is large.
    root: Option<u32>,
}

impl Store<'_> {
    #[inline]
    pub(super) fn tally<F: Family>(&self, id: TorrentId) -> Tally {
        match id.place(&self.arena, F::V6) {
            Place::Empty => Tally::default(),
            Place::Inline => Tally::of(self.arena.get(id.inline_address(&self.arena) + 1)),
            Place::Whole(run) => read_tally(&self.arena, run),
            Place::Large(root) => directory::tally(&self.arena, root),
        }
    }

    /// Adds a peer or refreshes it. Visits one run, at most 255 peers.
    pub(super) fn upsert<F: Family>(
        &mut self,
        id: TorrentId,
        address: &F::Address,
        port: u16,
        status: Status,
        completed: bool,
        now: Secs,
    ) -> Result<Upserted, Full> {
        if let Some(found) = self.locate::<F>(id, address, port) {
            let old = self.arena.get(found.state_at);
            let before = peer::has_completed(old);
            let new = peer::state(port, status, completed || before, now);
            self.arena.set(found.state_at, new);
            if Tally::of(old) != Tally::of(new) {
                self.retally(&found, Tally::of(old), Tally::of(new));
            }
            let completed = completed && !before;
            if completed {
                self.count_download(id);
            }
            return Ok(Upserted {
                renewed: Some(peer::age(old, now)),
                completed,
            });
        }
        if self.has_most::<F>(id) {
            return Err(Full);
        }
        let record = F::record(address, peer::state(port, status, completed, now));
        self.add::<F>(id, &record, now)?;
        if completed {
            self.count_download(id);
        }
        Ok(Upserted {
            renewed: None,
            completed,
        })
    }

    fn count_download(&mut self, id: TorrentId) {
        id.add_completed(&mut self.arena);
        self.count_change();
    }

    /// Whether a limit of the policy keeps a new peer out, of this torrent or of a new one.
    pub(super) fn is_limited(&self, id: Option<TorrentId>, peer: &PeerAddr) -> bool {
        match (id, peer.ip()) {
            (None, _) => self.total.peers >= self.most_peers,
            (Some(id), IpAddr::V4(_)) => self.has_most::<V4>(id),
            (Some(id), IpAddr::V6(_)) => self.has_most::<V6>(id),
        }
    }

    /// Whether there are as many peers as the policy wants, in all or of this torrent.
    pub(super) fn has_most<F: Family>(&self, id: TorrentId) -> bool {
        self.total.peers >= self.most_peers
            || self.tally::<F>(id).peers >= self.most_peers_per_torrent
    }

    /// Removes a peer if it is there. Visits one run, at most 255 peers.
    pub(super) fn remove<F: Family>(&mut self, id: TorrentId, address: &F::Address, port: u16) {
        let Some(found) = self.locate::<F>(id, address, port) else {
            return;
        };
        let Some((run, nth)) = found.run else {
            let gone = Tally::of(self.arena.get(found.state_at));
            self.total = self.total.minus(gone);
            id.set_place(&mut self.arena, F::V6, Place::Empty);
            return;
        };
        let gone = self.remove_nth::<F>(run, nth);
        let left = read_tally(&self.arena, run).peers;
        if let Some(root) = found.root {
            let sum = directory::tally(&self.arena, root).minus(gone);
            directory::set_tally(&mut self.arena, root, sum);
            if left == 0 {
                // The peer that is gone tells the bucket as well as one that is there.
                let number = self.bucket_of_peer::<F>(root, address, port);
                directory::set_bucket(&mut self.arena, root, number, None);
                self.give(run);
            }
            self.tidy_large::<F>(id, root);
        } else if left == 0 {
            id.set_place(&mut self.arena, F::V6, Place::Empty);
            self.give(run);
        }
    }

    /// The bucket of a large swarm that a peer is in if it is there.
    fn bucket_of_peer<F: Family>(&self, root: u32, address: &F::Address, port: u16) -> u32 {
        let record = F::record(address, peer::port_only(port));
        self.bucket_of::<F>(directory::buckets(&self.arena, root), &record)
    }

    pub(super) fn locate<F: Family>(
        &self,
        id: TorrentId,
        address: &F::Address,
        port: u16,
    ) -> Option<Found> {
        let (run, root) = match id.place(&self.arena, F::V6) {
            Place::Empty => return None,
            Place::Inline => {
                let at = id.inline_address(&self.arena);
                let record = F::records(self.arena.slice(at, F::WORDS)).first()?;
                let found = peer::port(F::state(record)) == port && F::matches(record, address);
                return found.then_some(Found {
                    state_at: at + F::WORDS - 1,
                    run: None,
                    root: None,
                });
            }
            Place::Whole(run) => (run, None),
            Place::Large(root) => {
                let number = self.bucket_of_peer::<F>(root, address, port);
                (directory::bucket(&self.arena, root, number)?, Some(root))
            }
        };
        let is_it = |record: &F::Record| {
            F::matches(record, address) && peer::port(F::state(record)) == port
        };
        let nth = records::<F>(&self.arena, run).iter().position(is_it)?;
        let nth = u32::try_from(nth).ok()?;
        let state_at = run + RUN_HEAD + (nth + 1) * F::WORDS - 1;
        Some(Found {
            state_at,
            run: Some((run, nth)),
            root,
        })
    }

    fn retally(&mut self, found: &Found, old: Tally, new: Tally) {
        self.total = self.total.minus(old).plus(new);
        if let Some((run, _)) = found.run {
            let tally = read_tally(&self.arena, run).minus(old).plus(new);
            self.arena.set(run + 1, tally.to_word());
        }
        if let Some(root) = found.root {
            let tally = directory::tally(&self.arena, root).minus(old).plus(new);
            directory::set_tally(&mut self.arena, root, tally);
        }
    }

    /// Adds a peer that isn't there yet. On failure nothing has changed.
    pub(super) fn add<F: Family>(
        &mut self,
        id: TorrentId,
        record: &F::Record,
        now: Secs,
    ) -> Result<(), Full> {
        match id.place(&self.arena, F::V6) {
            Place::Empty if !F::V6 && id.place(&self.arena, true) == Place::Empty => {
                let at = id.inline_address(&self.arena);
                id.set_place(&mut self.arena, false, Place::Inline);
                write_record::<F>(&mut self.arena, at, record);
                self.total = self.total.plus(Tally::of(F::state(record)));
                Ok(())
            }
            Place::Empty => {
                if id.place(&self.arena, false) == Place::Inline {
                    self.move_out(id)?;
                }
                let run = self.take(Share::Small, RUN_HEAD + F::WORDS, 0)?;
                let owner = Owner {
                    kind: Kind::Whole,
                    torrent: id,
                };
                self.arena.set(run, owner.to_word(F::V6));
                self.arena.set(run + 1, 0);
                self.append_to_whole::<F>(run, record);
                id.set_place(&mut self.arena, F::V6, Place::Whole(run));
                Ok(())
            }
            Place::Inline => {
                let run = self.move_out(id)?;
                self.append_to_whole::<F>(run, record);
                Ok(())
            }
            Place::Whole(run) => self.add_to_whole::<F>(id, run, record, now),
            Place::Large(root) => self.add_to_large::<F>(id, root, record, now),
        }
    }

    /// Moves the only peer of a torrent from its record into a run that holds two.
    fn move_out(&mut self, id: TorrentId) -> Result<u32, Full> {
        let run = self.take(Share::Small, SMALLEST_RUN, 0)?;
        let from = id.inline_address(&self.arena);
        let state = self.arena.get(from + 1);
        self.arena.set(
            run,
            Owner {
                kind: Kind::Whole,
                torrent: id,
            }
            .to_word(false),
        );
        self.arena.set(run + 1, Tally::of(state).to_word());
        self.arena.copy(from, run + RUN_HEAD, V4::WORDS);
        id.set_place(&mut self.arena, false, Place::Whole(run));
        Ok(run)
    }

    fn add_to_whole<F: Family>(
        &mut self,
        id: TorrentId,
        run: u32,
        record: &F::Record,
        now: Secs,
    ) -> Result<(), Full> {
        let size = Runs::size_at(&self.arena, run);
        let peers = read_tally(&self.arena, run).peers;
        let mut run = run;
        if peers >= room::<F>(size) && self.forget_expired::<F>(run, now).peers == 0 {
            if peers >= F::MOST_WHOLE {
                if self.make_large::<F>(id, run).is_err() {
                    self.replace_oldest::<F>(run, None, record, now);
                    return Ok(());
                }
                let Place::Large(root) = id.place(&self.arena, F::V6) else {
                    return Err(Full);
                };
                return self.add_to_large::<F>(id, root, record, now);
            }
            let bigger = self.take(Share::Small, RUN_HEAD + (peers + 1) * F::WORDS, 0)?;
            self.move_whole::<F>(id, run, bigger);
            run = bigger;
        }
        self.append_to_whole::<F>(run, record);
        Ok(())
    }

    /// Moves a small swarm into another run, which must be of another class.
    fn move_whole<F: Family>(&mut self, id: TorrentId, from: u32, to: u32) {
        let words = Runs::size_at(&self.arena, from).min(Runs::size_at(&self.arena, to));
        self.arena.copy(from, to, words);
        id.set_place(&mut self.arena, F::V6, Place::Whole(to));
        self.give(from);
    }

    fn append_to_whole<F: Family>(&mut self, run: u32, record: &F::Record) {
        append::<F>(&mut self.arena, run, record);
        self.total = self.total.plus(Tally::of(F::state(record)));
    }

    /// Puts a peer in the place of the one in the run that has been silent longest.
    pub(super) fn replace_oldest<F: Family>(
        &mut self,
        run: u32,
        root: Option<u32>,
        record: &F::Record,
        now: Secs,
    ) {
        let oldest = records::<F>(&self.arena, run)
            .iter()
            .zip(0u32..)
            .max_by_key(|(record, _)| peer::age(F::state(record), now));
        let Some((old, nth)) = oldest else { return };
        let old = Tally::of(F::state(old));
        let new = Tally::of(F::state(record));
        let at = run + RUN_HEAD + nth * F::WORDS;
        write_record::<F>(&mut self.arena, at, record);
        self.retally(
            &Found {
                state_at: at,
                run: Some((run, nth)),
                root,
            },
            old,
            new,
        );
        self.losses.evicted_peers += 1;
    }

    /// Removes the peers of a run that have been silent for too long, and returns how many of which
    /// kind there were.
    pub(super) fn forget_expired<F: Family>(&mut self, run: u32, now: Secs) -> Tally {
        let mut gone = Tally::default();
        let mut nth = read_tally(&self.arena, run).peers;
        while let Some(before) = nth.checked_sub(1) {
            nth = before;
            let state = self.arena.get(run + RUN_HEAD + (nth + 1) * F::WORDS - 1);
            if peer::age(state, now) >= self.peer_timeout {
                gone = gone.plus(self.remove_nth::<F>(run, nth));
            }
        }
        gone
    }

    /// Removes one peer of a run, the last one taking its place.
    fn remove_nth<F: Family>(&mut self, run: u32, nth: u32) -> Tally {
        let tally = read_tally(&self.arena, run);
        let at = run + RUN_HEAD + nth * F::WORDS;
        let gone = Tally::of(self.arena.get(at + F::WORDS - 1));
        let last = run + RUN_HEAD + tally.peers.saturating_sub(1) * F::WORDS;
        self.arena.copy(last, at, F::WORDS);
        self.arena.set(run + 1, tally.minus(gone).to_word());
        self.total = self.total.minus(gone);
        gone
    }

    /// Forgets what has expired of a family that isn't large, and fits its run to the rest.
    pub(super) fn sweep_small<F: Family>(&mut self, id: TorrentId, now: Secs) {
        match id.place(&self.arena, F::V6) {
            Place::Empty | Place::Large(_) => {}
            Place::Inline => {
                let state = self.arena.get(id.inline_address(&self.arena) + 1);
                if peer::age(state, now) >= self.peer_timeout {
                    id.set_place(&mut self.arena, false, Place::Empty);
                    self.total = self.total.minus(Tally::of(state));
                }
            }
            Place::Whole(run) => {
                self.forget_expired::<F>(run, now);
                let left = read_tally(&self.arena, run).peers;
                if left == 0 {
                    id.set_place(&mut self.arena, F::V6, Place::Empty);
                    self.give(run);
                    return;
                }
                let words = RUN_HEAD + left * F::WORDS;
                let size = Runs::size_at(&self.arena, run);
                // With some slack, so that a swarm that breathes doesn't move each time.
                if Runs::size_for(words).is_some_and(|needed| needed * 4 <= size * 3)
                    && let Ok(smaller) = self.take(Share::Small, words, 0)
                {
                    self.move_whole::<F>(id, run, smaller);
                }
            }
        }
    }

    /// Takes a run of the smallest class for so many words, unless a new page would leave fewer
    /// than `reserve`.
    pub(super) fn take(&mut self, share: Share, words: u32, reserve: u32) -> Result<u32, Full> {
        let size = Runs::size_for(words).ok_or(Full)?;
        self.runs
            .take(&mut self.arena, share, size, reserve)
            .ok_or(Full)
    }

    /// Gives a run back. Nothing may lead to it any more; any other run may have moved afterwards.
    pub(super) fn give(&mut self, run: u32) {
        if !self.runs.give(&mut self.arena, run) {
            return;
        }
        let Some((owner, v6)) = Owner::from_word(self.arena.get(run)) else {
            return;
        };
        let id = owner.torrent;
        match owner.kind {
            Kind::Whole => id.set_place(&mut self.arena, v6, Place::Whole(run)),
            Kind::Directory => id.set_place(&mut self.arena, v6, Place::Large(run)),
            Kind::Bucket => {
                if let Some((root, number)) = self.bucket_at(run) {
                    directory::set_bucket(&mut self.arena, root, number, Some(run));
                }
            }
        }
    }

    /// The directory and the number of the bucket in a run. A bucket that has a run is never empty,
    /// and any peer tells its number.
    pub(super) fn bucket_at(&self, run: u32) -> Option<(u32, u32)> {
        let (owner, v6) = Owner::from_word(self.arena.get(run))?;
        let Place::Large(root) = owner.torrent.place(&self.arena, v6) else {
            return None;
        };
        let buckets = directory::buckets(&self.arena, root);
        let number = if v6 {
            self.bucket_of::<V6>(buckets, &record::<V6>(&self.arena, run, 0)?)
        } else {
            self.bucket_of::<V4>(buckets, &record::<V4>(&self.arena, run, 0)?)
        };
        Some((root, number))
    }
}
