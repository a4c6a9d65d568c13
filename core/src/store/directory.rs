//! Large swarms: buckets chosen by a hash of the peer's address, listed in a directory.
//!
//! Linear hashing keeps the buckets at a steady average without ever building anything anew: when
//! the swarm grows, one bucket is split into two, when it shrinks, the last two halves are merged.
//! A bucket is a run of just the size that it needs, so that buckets of different load waste
//! nothing.
//!
//! ```text
//! directory: | owner | buckets | peers | seeders | partial seeds | bucket 0 | bucket 1 | ... |
//! ```
//!
//! A directory that outgrows a run names pages of 1,024 buckets each in the place of the buckets.

use super::arena::{Arena, PAGE_WORDS, Page};
use super::peer::{Family, Tally};
use super::runs::{INDEX_PAGE, Kind, Owner, Runs, Share, page_word};
use super::swarm::{RUN_HEAD, append, read_tally, record, records};
use super::torrents::{Place, TorrentId};
use super::{Full, Store};
use crate::time::Secs;

/// Words before the buckets.
const HEAD: u32 = 5;
const BUCKETS: u32 = 1;
const TALLY: u32 = 2;
/// In the word of the bucket count: the buckets are in pages of their own.
const PAGED: u32 = 1 << 31;
/// Most buckets while they fit into the directory's own run.
const MOST_DIRECT: u32 = PAGE_WORDS - HEAD;
/// Most pages of buckets, and with that about 40 million IPv4 peers in a swarm.
const MOST_PAGES: u32 = PAGE_WORDS - HEAD;
/// The most words of a run that holds peers.
const MOST_RUN: u32 = PAGE_WORDS / 2;

/// Linear hashing: the bucket of a hash when there are `buckets`, at least one.
pub(super) const fn linear_address(buckets: u32, hash: u32) -> u32 {
    let top = 1 << buckets.ilog2();
    let address = hash & (top | (top - 1));
    if address < buckets {
        address
    } else {
        address - top
    }
}

pub(super) fn buckets(arena: &Arena<'_>, root: u32) -> u32 {
    arena.get(root + BUCKETS) & !PAGED
}

fn is_paged(arena: &Arena<'_>, root: u32) -> bool {
    arena.get(root + BUCKETS) & PAGED != 0
}

fn set_buckets(arena: &mut Arena<'_>, root: u32, buckets: u32) {
    let paged = arena.get(root + BUCKETS) & PAGED;
    arena.set(root + BUCKETS, buckets | paged);
}

pub(super) fn tally(arena: &Arena<'_>, root: u32) -> Tally {
    Tally {
        peers: arena.get(root + TALLY),
        seeders: arena.get(root + TALLY + 1),
        partial: arena.get(root + TALLY + 2),
    }
}

pub(super) fn set_tally(arena: &mut Arena<'_>, root: u32, tally: Tally) {
    arena.set(root + TALLY, tally.peers);
    arena.set(root + TALLY + 1, tally.seeders);
    arena.set(root + TALLY + 2, tally.partial);
}

/// Pages that hold the buckets of a directory, besides its own run.
pub(super) fn pages(arena: &Arena<'_>, root: u32) -> u32 {
    if is_paged(arena, root) {
        buckets(arena, root).div_ceil(PAGE_WORDS)
    } else {
        0
    }
}

/// The run of a bucket; `None` while it is empty.
#[inline]
pub(super) fn bucket(arena: &Arena<'_>, root: u32, bucket: u32) -> Option<u32> {
    match arena.get(entry(arena, root, bucket)?) {
        0 => None,
        at => Some(at),
    }
}

pub(super) fn set_bucket(arena: &mut Arena<'_>, root: u32, bucket: u32, run: Option<u32>) {
    if let Some(at) = entry(arena, root, bucket) {
        arena.set(at, run.unwrap_or(0));
    }
}

/// The address of a bucket's word.
fn entry(arena: &Arena<'_>, root: u32, bucket: u32) -> Option<u32> {
    if is_paged(arena, root) {
        let page = Page::from_word(arena.get(root + HEAD + bucket / PAGE_WORDS))?;
        Some(arena.address(page) + bucket % PAGE_WORDS)
    } else {
        Some(root + HEAD + bucket)
    }
}

impl Store<'_> {
    pub(super) fn bucket_of<F: Family>(&self, buckets: u32, record: &F::Record) -> u32 {
        linear_address(buckets, F::mix(record, self.seed))
    }

    /// Makes a large swarm of one whose run is at its largest. On failure all stays as it was.
    pub(super) fn make_large<F: Family>(&mut self, id: TorrentId, run: u32) -> Result<(), Full> {
        let sum = read_tally(&self.arena, run);
        let buckets = (sum.peers / F::BUCKET_MEAN)
            .next_power_of_two()
            .min(MOST_FIRST);
        let mut sizes = [0; MOST_FIRST as usize];
        for record in records::<F>(&self.arena, run) {
            let bucket = self.bucket_of::<F>(buckets, record);
            if let Some(size) = sizes.get_mut(bucket as usize) {
                *size += 1;
            }
        }
        let root = self.take(Share::Small, HEAD + buckets, 0)?;
        self.arena.set(
            root,
            Owner {
                kind: Kind::Directory,
                torrent: id,
            }
            .to_word(F::V6),
        );
        self.arena.set(root + BUCKETS, buckets);
        set_tally(&mut self.arena, root, sum);
        for (bucket, &size) in (0..buckets).zip(&sizes) {
            set_bucket(&mut self.arena, root, bucket, None);
            if size == 0 {
                continue;
            }
            match self.new_bucket::<F>(id, size, 0) {
                Ok(at) => set_bucket(&mut self.arena, root, bucket, Some(at)),
                Err(full) => {
                    // Newest first, each is the last of its class, so nothing moves.
                    for bucket in (0..bucket).rev() {
                        if let Some(at) = self::bucket(&self.arena, root, bucket) {
                            self.give(at);
                        }
                    }
                    self.give(root);
                    return Err(full);
                }
            }
        }
        for nth in 0..sum.peers {
            let Some(record) = record::<F>(&self.arena, run, nth) else {
                break;
            };
            let number = self.bucket_of::<F>(buckets, &record);
            if let Some(at) = bucket(&self.arena, root, number) {
                append::<F>(&mut self.arena, at, &record);
            }
        }
        id.set_place(&mut self.arena, F::V6, Place::Large(root));
        self.give(run);
        Ok(())
    }

    /// Makes one run again of a large swarm that has become small. Does nothing if there is no room
    /// for it.
    pub(super) fn make_whole<F: Family>(&mut self, id: TorrentId, root: u32) {
        let sum = tally(&self.arena, root);
        if sum.peers == 0 {
            // Empty buckets have no runs.
            self.give_directory(id, root, F::V6, Place::Empty);
            return;
        }
        let Ok(run) = self.take(Share::Small, RUN_HEAD + sum.peers * F::WORDS, 0) else {
            return;
        };
        self.arena.set(
            run,
            Owner {
                kind: Kind::Whole,
                torrent: id,
            }
            .to_word(F::V6),
        );
        self.arena.set(run + 1, 0);
        let buckets = buckets(&self.arena, root);
        for number in 0..buckets {
            let Some(at) = bucket(&self.arena, root, number) else {
                continue;
            };
            self.append_all::<F>(at, run);
            set_bucket(&mut self.arena, root, number, None);
            self.give(at);
        }
        self.give_directory(id, root, F::V6, Place::Whole(run));
    }

    /// Gives a directory back whose buckets are gone, once the swarm is at another place.
    fn give_directory(&mut self, id: TorrentId, root: u32, v6: bool, place: Place) {
        for page in 0..pages(&self.arena, root) {
            self.give_bucket_page(root, page);
        }
        id.set_place(&mut self.arena, v6, place);
        self.give(root);
    }

    /// Adds a peer that isn't in the swarm. When there is no memory for one more it replaces the
    /// one of its bucket that has been silent longest: the swarm has more peers than a reply
    /// carries.
    pub(super) fn add_to_large<F: Family>(
        &mut self,
        id: TorrentId,
        root: u32,
        record: &F::Record,
        now: Secs,
    ) -> Result<(), Full> {
        let number = self.bucket_of::<F>(buckets(&self.arena, root), record);
        let run = match bucket(&self.arena, root, number) {
            Some(run) => match self.make_bucket_room::<F>(root, number, run, now) {
                Ok(run) => run,
                Err(Full) if self.can_spare::<F>(root) => {
                    self.replace_oldest::<F>(run, Some(root), record, now);
                    return Ok(());
                }
                Err(Full) => return Err(Full),
            },
            None => {
                // So few words that no reserve is kept from them.
                let run = self.new_bucket::<F>(id, 1, 0)?;
                set_bucket(&mut self.arena, root, number, Some(run));
                run
            }
        };
        append::<F>(&mut self.arena, run, record);
        let sum = tally(&self.arena, root).plus(Tally::of(F::state(record)));
        set_tally(&mut self.arena, root, sum);
        self.total = self.total.plus(Tally::of(F::state(record)));
        if sum.peers > buckets(&self.arena, root).saturating_mul(F::BUCKET_MEAN) {
            // Without memory for it the buckets just get fuller.
            let _ = self.split::<F>(id);
        }
        Ok(())
    }

    /// The address of a bucket's run once there is room for one more in it.
    fn make_bucket_room<F: Family>(
        &mut self,
        root: u32,
        number: u32,
        run: u32,
        now: Secs,
    ) -> Result<u32, Full> {
        let size = Runs::size_at(&self.arena, run);
        let peers = read_tally(&self.arena, run).peers;
        if peers < room::<F>(size) {
            return Ok(run);
        }
        let gone = self.forget_expired::<F>(run, now);
        if gone.peers > 0 {
            let sum = tally(&self.arena, root).minus(gone);
            set_tally(&mut self.arena, root, sum);
            return Ok(run);
        }
        if size >= MOST_RUN {
            return Err(Full);
        }
        let words = RUN_HEAD + (peers + 1) * F::WORDS;
        let bigger = self.take(Share::Large, words, self.reserve_from::<F>(root))?;
        self.move_bucket(root, number, run, bigger);
        Ok(bigger)
    }

    /// Whether a large swarm has more peers than a reply carries, so that it can do without one.
    pub(super) fn can_spare<F: Family>(&self, root: u32) -> bool {
        tally(&self.arena, root).peers >= F::MOST_WHOLE
    }

    /// The pages that a large swarm must leave to smaller ones; none while it could be one of them.
    fn reserve_from<F: Family>(&self, root: u32) -> u32 {
        if self.can_spare::<F>(root) {
            self.reserve
        } else {
            0
        }
    }

    /// Moves a bucket into another run, which must be of another class.
    fn move_bucket(&mut self, root: u32, number: u32, from: u32, to: u32) {
        let words = Runs::size_at(&self.arena, from).min(Runs::size_at(&self.arena, to));
        self.arena.copy(from, to, words);
        set_bucket(&mut self.arena, root, number, Some(to));
        self.give(from);
    }

    fn new_bucket<F: Family>(
        &mut self,
        id: TorrentId,
        peers: u32,
        reserve: u32,
    ) -> Result<u32, Full> {
        let at = self.take(Share::Large, RUN_HEAD + peers * F::WORDS, reserve)?;
        self.arena.set(
            at,
            Owner {
                kind: Kind::Bucket,
                torrent: id,
            }
            .to_word(F::V6),
        );
        self.arena.set(at + 1, 0);
        Ok(at)
    }

    /// Splits the bucket whose turn it is.
    fn split<F: Family>(&mut self, id: TorrentId) -> Result<(), Full> {
        let root = self.add_entry(id, F::V6)?;
        let new = buckets(&self.arena, root);
        let old = new - (1 << new.ilog2());
        set_bucket(&mut self.arena, root, new, None);
        let Some(run) = bucket(&self.arena, root, old) else {
            set_buckets(&mut self.arena, root, new + 1);
            return Ok(());
        };
        let peers = read_tally(&self.arena, run).peers;
        let goes = |store: &Self, record: &F::Record| store.bucket_of::<F>(new + 1, record) == new;
        let records = records::<F>(&self.arena, run);
        let moving = records
            .iter()
            .map(|record| u32::from(goes(self, record)))
            .sum();
        if moving == 0 || moving == peers {
            set_buckets(&mut self.arena, root, new + 1);
            if moving > 0 {
                set_bucket(&mut self.arena, root, new, Some(run));
                set_bucket(&mut self.arena, root, old, None);
            }
            return Ok(());
        }
        let Ok(stays) = self.new_bucket::<F>(id, peers - moving, self.reserve) else {
            self.drop_entry(root, new);
            return Err(Full);
        };
        let Ok(moves) = self.new_bucket::<F>(id, moving, self.reserve) else {
            // The last of its class, so nothing moves.
            self.give(stays);
            self.drop_entry(root, new);
            return Err(Full);
        };
        for nth in 0..peers {
            let Some(record) = record::<F>(&self.arena, run, nth) else {
                break;
            };
            let to = if goes(self, &record) { moves } else { stays };
            append::<F>(&mut self.arena, to, &record);
        }
        set_buckets(&mut self.arena, root, new + 1);
        set_bucket(&mut self.arena, root, old, Some(stays));
        set_bucket(&mut self.arena, root, new, Some(moves));
        self.give(run);
        Ok(())
    }

    /// Makes the directory long enough for one bucket more; returns its address.
    fn add_entry(&mut self, id: TorrentId, v6: bool) -> Result<u32, Full> {
        let Place::Large(root) = id.place(&self.arena, v6) else {
            return Err(Full);
        };
        let count = buckets(&self.arena, root);
        if !is_paged(&self.arena, root) {
            if HEAD + count < Runs::size_at(&self.arena, root) {
                return Ok(root);
            }
            if count < MOST_DIRECT {
                return self.move_directory(id, v6, root, HEAD + count + 1);
            }
            return self.make_paged(id, v6, root);
        }
        let pages = count / PAGE_WORDS;
        if !count.is_multiple_of(PAGE_WORDS) {
            return Ok(root);
        }
        if pages >= MOST_PAGES {
            return Err(Full);
        }
        let root = if HEAD + pages < Runs::size_at(&self.arena, root) {
            root
        } else {
            self.move_directory(id, v6, root, HEAD + pages + 1)?
        };
        let page = self.take_bucket_page()?;
        self.arena.set(root + HEAD + pages, page.number());
        Ok(root)
    }

    fn move_directory(
        &mut self,
        id: TorrentId,
        v6: bool,
        root: u32,
        words: u32,
    ) -> Result<u32, Full> {
        let other = self.take(Share::Small, words, self.reserve)?;
        let used = Runs::size_at(&self.arena, root).min(Runs::size_at(&self.arena, other));
        self.arena.copy(root, other, used);
        id.set_place(&mut self.arena, v6, Place::Large(other));
        self.give(root);
        Ok(other)
    }

    /// Moves the buckets of a full directory into a page of their own.
    fn make_paged(&mut self, id: TorrentId, v6: bool, root: u32) -> Result<u32, Full> {
        let page = self.take_bucket_page()?;
        let Ok(short) = self.take(Share::Small, HEAD + 2, self.reserve) else {
            self.arena.give_page(page);
            return Err(Full);
        };
        let count = buckets(&self.arena, root);
        self.arena.copy(root, short, HEAD);
        self.arena
            .copy(root + HEAD, self.arena.address(page), count);
        self.arena.set(short + BUCKETS, count | PAGED);
        self.arena.set(short + HEAD, page.number());
        id.set_place(&mut self.arena, v6, Place::Large(short));
        self.give(root);
        Ok(short)
    }

    fn take_bucket_page(&mut self) -> Result<Page, Full> {
        let page = self.arena.take_page(self.reserve).ok_or(Full)?;
        self.arena.set_page_word(page, page_word(INDEX_PAGE, 0));
        Ok(page)
    }

    fn give_bucket_page(&mut self, root: u32, nth: u32) {
        if let Some(page) = Page::from_word(self.arena.get(root + HEAD + nth)) {
            self.arena.give_page(page);
        }
    }

    /// Copies the peers of one run to the end of another, where there is room for them.
    fn append_all<F: Family>(&mut self, from: u32, to: u32) {
        for nth in 0..read_tally(&self.arena, from).peers {
            if let Some(record) = record::<F>(&self.arena, from, nth) {
                append::<F>(&mut self.arena, to, &record);
            }
        }
    }

    /// Fits a large swarm to what is left of it: at most one merge, or back to one run.
    pub(super) fn tidy_large<F: Family>(&mut self, id: TorrentId, root: u32) {
        let sum = tally(&self.arena, root);
        let buckets = buckets(&self.arena, root);
        if sum.peers <= F::MOST_WHOLE / 2 {
            self.make_whole::<F>(id, root);
        } else if buckets > 1 && sum.peers < buckets.saturating_mul(F::BUCKET_MEAN / 2) {
            self.merge::<F>(id, root);
            let words = HEAD + self::buckets(&self.arena, root);
            if !is_paged(&self.arena, root) && words * 4 <= Runs::size_at(&self.arena, root) {
                // Without memory for it the directory stays as long as it was.
                let _ = self.move_directory(id, F::V6, root, words);
            }
        }
    }

    /// Merges the last bucket into the other half that it was split from.
    fn merge<F: Family>(&mut self, id: TorrentId, root: u32) {
        let last = buckets(&self.arena, root) - 1;
        let into = last - (1 << last.ilog2());
        match (
            bucket(&self.arena, root, into),
            bucket(&self.arena, root, last),
        ) {
            (Some(one), Some(other)) => {
                let peers =
                    read_tally(&self.arena, one).peers + read_tally(&self.arena, other).peers;
                if peers > room::<F>(MOST_RUN) {
                    return;
                }
                let Ok(both) = self.new_bucket::<F>(id, peers, 0) else {
                    return;
                };
                for from in [one, other] {
                    self.append_all::<F>(from, both);
                }
                set_bucket(&mut self.arena, root, into, Some(both));
                // This may move the other one, which is still in its place in the directory.
                self.give(one);
                if let Some(other) = bucket(&self.arena, root, last) {
                    set_bucket(&mut self.arena, root, last, None);
                    set_buckets(&mut self.arena, root, last);
                    self.give(other);
                }
            }
            (None, other) => {
                set_bucket(&mut self.arena, root, into, other);
                set_bucket(&mut self.arena, root, last, None);
                set_buckets(&mut self.arena, root, last);
            }
            (Some(_), None) => set_buckets(&mut self.arena, root, last),
        }
        self.drop_entry(root, last);
    }

    /// Undoes what [`add_entry`](Self::add_entry) did for a bucket that there isn't, or is no more.
    fn drop_entry(&mut self, root: u32, number: u32) {
        if is_paged(&self.arena, root) && number.is_multiple_of(PAGE_WORDS) {
            self.give_bucket_page(root, number / PAGE_WORDS);
        }
    }

    /// Forgets what has expired in one bucket and fits its run to the rest.
    pub(super) fn sweep_bucket<F: Family>(&mut self, root: u32, number: u32, now: Secs) {
        let Some(run) = bucket(&self.arena, root, number) else {
            return;
        };
        let gone = self.forget_expired::<F>(run, now);
        let sum = tally(&self.arena, root).minus(gone);
        set_tally(&mut self.arena, root, sum);
        let left = read_tally(&self.arena, run).peers;
        if left == 0 {
            set_bucket(&mut self.arena, root, number, None);
            self.give(run);
            return;
        }
        let needed = Runs::size_for(RUN_HEAD + left * F::WORDS);
        if needed.is_some_and(|size| size * 4 <= Runs::size_at(&self.arena, run) * 3)
            && let Ok(smaller) = self.take(Share::Large, RUN_HEAD + left * F::WORDS, 0)
        {
            self.move_bucket(root, number, run, smaller);
        }
    }
}

/// Most buckets that a swarm starts with when it becomes large.
const MOST_FIRST: u32 = 8;

/// Peers that fit into a run of so many words.
pub(super) const fn room<F: Family>(size: u32) -> u32 {
    (size - RUN_HEAD) / F::WORDS
}

#[cfg(test)]
mod tests {
    use super::linear_address;

    #[test]
    fn a_new_bucket_takes_only_from_the_one_that_is_split() {
        for buckets in 1u32..200 {
            let old = buckets - (1 << buckets.ilog2());
            for hash in 0..2000u32 {
                let hash = hash.wrapping_mul(0x9e37_79b9);
                let (before, after) = (
                    linear_address(buckets, hash),
                    linear_address(buckets + 1, hash),
                );
                assert!(before < buckets);
                assert!(before == after || (before == old && after == buckets));
            }
        }
    }
}
