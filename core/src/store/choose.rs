//! Which peers an announcer gets.

use core::hint::select_unpredictable;

use super::directory;
use super::order::Order;
use super::peer::{self, Family, Tally};
use super::swarm::{read_tally, records};
use super::torrents::{Place, TorrentId};
use super::{Selection, Store};
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
        // Many announces want no peers.
        if list.room() == 0 {
            return 0;
        }
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
        for (number, left) in Order::new(buckets, random).zip((1..=buckets).rev()) {
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
    out: &'a mut [F::Compact],
    /// Peers that aren't seeders end here: they are at the start.
    front: usize,
    /// Seeders begin here: they are at the end.
    back: usize,
    seeders: bool,
    /// The announcer's address, if it is of the family.
    exclude: Option<(F::Address, u16)>,
}

impl<'a, F: Family> List<'a, F> {
    fn new(selection: &Selection, out: &'a mut [u8]) -> Self {
        let peer = &selection.exclude;
        let exclude = (peer.ip().is_ipv6() == F::V6).then(|| (F::address(peer), peer.port().get()));
        let out = F::compact(out);
        Self {
            front: 0,
            back: out.len(),
            out,
            seeders: selection.seeders,
            exclude,
        }
    }

    /// How many more peers fit.
    fn room(&self) -> u32 {
        u32::try_from(self.back - self.front).unwrap_or(u32::MAX)
    }

    /// Whether it is worth looking at peers of this tally.
    const fn needs(&self, tally: Tally) -> bool {
        self.seeders || tally.peers > tally.seeders
    }

    /// Takes up to `most` of the records that suit, in an order of its own.
    ///
    /// Each is written where it would go, and counts if it suits: which of them are seeders can't be
    /// predicted, so a branch on it would cost more than all the rest.
    fn take(&mut self, records: &[F::Record], most: u32, random: &mut Random) {
        let count = u32::try_from(records.len()).unwrap_or(0);
        let spare = self.room().saturating_sub(most) as usize;
        let per_seeder = usize::from(self.seeders);
        let (mut front, mut back) = (self.front, self.back);
        let mut order = Order::new(count, random);
        while back - front > spare {
            let Some(record) = order.next().and_then(|nth| records.get(nth as usize)) else {
                break;
            };
            let state = F::state(record);
            if self.excludes(record, state) {
                continue;
            }
            let seeder = peer::is_seeder(state);
            if let Some(place) = self
                .out
                .get_mut(select_unpredictable(seeder, back - 1, front))
            {
                F::emit(record, place);
            }
            front += usize::from(!seeder);
            back -= select_unpredictable(seeder, per_seeder, 0);
        }
        (self.front, self.back) = (front, back);
    }

    fn excludes(&self, record: &F::Record, state: u32) -> bool {
        self.exclude.as_ref().is_some_and(|(address, port)| {
            peer::port(state) == *port && F::matches(record, address)
        })
    }

    /// Joins both parts and returns the bytes that they have.
    fn finish(self) -> usize {
        let seeders = self.out.len() - self.back;
        if self.front < self.back {
            self.out.copy_within(self.back.., self.front);
        }
        (self.front + seeders) * size_of::<F::Compact>()
    }
}
