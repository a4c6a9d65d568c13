//! Which peers an announcer gets.

use super::directory;
use super::peer::{self, Family, Tally};
use super::swarm::{read_tally, records};
use super::torrents::{Place, TorrentId};
use super::{Selection, Status, Store};
use crate::random::Random;

/// Peers of a large swarm that are looked at for one reply, to within a bucket. A leecher needs
/// about twice as many as it wants; a seeder among seeders goes on looking for leechers, but not
/// for ever.
const MOST_SEEN: usize = 1200;
/// Buckets that are looked at: after a collapse most of them are nearly empty.
const MOST_LOOKS: u32 = 256;

impl Store<'_> {
    /// Fills `out` with compact peers, as many as fit and suit, and returns the bytes used. A small
    /// swarm is searched whole, of a large one 256 buckets and about 1,200 peers at most.
    pub(super) fn choose<F: Family>(
        &self,
        id: TorrentId,
        selection: &Selection,
        random: &mut Random,
        out: &mut [u8],
    ) -> usize {
        let mut list = List::<F>::new(selection, out);
        match id.place(&self.arena, F::V6) {
            Place::Empty => {}
            Place::Inline => {
                let words = self.arena.slice(id.inline_address(&self.arena), F::WORDS);
                list.take(F::records(words), 1, random);
            }
            Place::Whole(run) => {
                if list.needs(read_tally(&self.arena, run)) {
                    list.take(records::<F>(&self.arena, run), u32::MAX, random);
                }
            }
            Place::Large(root) => {
                if list.needs(directory::tally(&self.arena, root)) {
                    self.choose_large(root, &mut list, random);
                }
            }
        }
        list.finish()
    }

    fn choose_large<F: Family>(&self, root: u32, list: &mut List<'_, F>, random: &mut Random) {
        let buckets = directory::buckets(&self.arena, root);
        let mut seen = 0;
        for (number, left) in Walk::new(buckets, random).zip((1..=buckets).rev()) {
            if list.room() == 0 || seen >= MOST_SEEN || buckets - left >= MOST_LOOKS {
                break;
            }
            // Half of each of a few buckets, so that full ones give more than others; more where
            // there are hardly more peers than wanted; and all that suit where few do.
            let share = (list.room() / left).saturating_mul(4);
            let share = if list.seeders { share } else { u32::MAX };
            if let Some(run) = directory::bucket(&self.arena, root, number) {
                let records = records::<F>(&self.arena, run);
                seen += records.len();
                let half = u32::try_from(records.len().div_ceil(2)).unwrap_or(u32::MAX);
                list.take(records, share.max(half), random);
            }
        }
    }
}

/// Compact peers in the making: seeders behind the others, since opentracker has them there.
struct List<'a, F: Family> {
    out: &'a mut [u8],
    /// Bytes of peers that aren't seeders, at the start.
    used: usize,
    /// Bytes of seeders, at the end.
    behind: usize,
    seeders: bool,
    /// The announcer's address, if it is of the family.
    exclude: Option<(F::Address, u16)>,
}

impl<'a, F: Family> List<'a, F> {
    fn new(selection: &Selection, out: &'a mut [u8]) -> Self {
        let peer = &selection.exclude;
        let exclude = (peer.ip().is_ipv6() == F::V6).then(|| (F::address(peer), peer.port().get()));
        let whole = out.len() - out.len() % F::COMPACT;
        Self {
            out: out.get_mut(..whole).unwrap_or_default(),
            used: 0,
            behind: 0,
            seeders: selection.seeders,
            exclude,
        }
    }

    /// How many more peers fit.
    fn room(&self) -> u32 {
        let used = self.used.saturating_add(self.behind);
        u32::try_from(self.out.len().saturating_sub(used) / F::COMPACT).unwrap_or(u32::MAX)
    }

    /// Whether it is worth looking at peers of this tally.
    const fn needs(&self, tally: Tally) -> bool {
        self.seeders || tally.peers > tally.seeders
    }

    /// Takes up to `most` of the records that suit, in an order of its own.
    fn take(&mut self, records: &[F::Record], most: u32, random: &mut Random) {
        let count = u32::try_from(records.len()).unwrap_or(0);
        let end = self.out.len().saturating_sub(self.behind);
        let free = self.out.get_mut(self.used..end).unwrap_or_default();
        let mut slots = free.chunks_exact_mut(F::COMPACT);
        let mut left = most.min(u32::try_from(slots.len()).unwrap_or(u32::MAX));
        if left == 0 {
            return;
        }
        for nth in Walk::new(count, random) {
            let Some(record) = records.get(nth as usize) else {
                break;
            };
            let state = F::state(record);
            let seeder = peer::status(state) == Status::Seeder;
            if seeder && !self.seeders {
                continue;
            }
            if let Some((address, port)) = &self.exclude
                && peer::port(state) == *port
                && F::matches(record, address)
            {
                continue;
            }
            let slot = if seeder {
                self.behind += F::COMPACT;
                slots.next_back()
            } else {
                self.used += F::COMPACT;
                slots.next()
            };
            if let Some(slot) = slot {
                F::emit(record, slot);
            }
            left -= 1;
            if left == 0 {
                break;
            }
        }
    }

    /// Joins both parts and returns the bytes that they have.
    fn finish(self) -> usize {
        let start = self.out.len().saturating_sub(self.behind);
        if self.behind > 0 && start > self.used {
            self.out.copy_within(start.., self.used);
        }
        self.used.saturating_add(self.behind)
    }
}

/// The numbers below a bound, each once, from a random one on and in random steps.
struct Walk {
    at: u32,
    step: u32,
    count: u32,
    left: u32,
}

impl Walk {
    fn new(count: u32, random: &mut Random) -> Self {
        let at = random.below(count);
        // A step that shares no factor with the count meets every number once, and one of a quarter
        // to a half of it soon gets everywhere. Of eight in a row one nearly always does.
        let first = (count / 4 + random.below(count / 4 + 1)).max(1);
        let step = (first..first + 8)
            .find(|&step| coprime(step, count))
            .unwrap_or(1)
            % count.max(1);
        Self {
            at,
            step,
            count,
            left: count,
        }
    }
}

impl Iterator for Walk {
    type Item = u32;

    #[inline]
    fn next(&mut self) -> Option<u32> {
        self.left = self.left.checked_sub(1)?;
        let at = self.at;
        // The count is below 2^31, so the sum fits.
        self.at += self.step;
        if self.at >= self.count {
            self.at -= self.count;
        }
        Some(at)
    }
}

const fn coprime(mut a: u32, mut b: u32) -> bool {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a == 1
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::Walk;
    use crate::random::Random;

    #[test]
    fn a_walk_meets_every_number_once() {
        let mut random = Random::new(1);
        for count in 0..300 {
            let mut met: Vec<u32> = Walk::new(count, &mut random).collect();
            met.sort_unstable();
            assert_eq!(met, (0..count).collect::<Vec<_>>());
        }
    }

    #[test]
    fn walks_start_everywhere() {
        let mut random = Random::new(2);
        let mut starts = [0u32; 7];
        for _ in 0..7000 {
            starts[Walk::new(7, &mut random).next().unwrap() as usize] += 1;
        }
        assert!(starts.iter().all(|n| (850..1150).contains(n)), "{starts:?}");
    }
}
