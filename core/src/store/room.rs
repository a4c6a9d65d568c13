//! Making room when there is none, by value.
//!
//! 1. What has expired goes first, and torrents that have no peers.
//! 2. Then peers of swarms that have more than any reply carries: a page of them at a time, and
//!    never so many that a swarm has fewer than that. Their share of the pages has a limit too, so
//!    that small swarms have some to themselves before anybody has to go.
//! 3. Small swarms and their torrents never go for others. Who finds no room then is answered and
//!    not stored.

use super::directory;
use super::peer::{Family, V4, V6};
use super::runs::{Owner, Runs, Share};
use super::swarm::read_tally;
use super::{Losses, Store};
use crate::time::Secs;

/// Steps of the sweep that one announce may take to find room: 64 records or buckets.
const STEPS: u32 = 64;
/// Buckets that one announce may look at to free a page: more than the last page of any class has.
const LOOKS: u32 = 128;

impl Store<'_> {
    /// What was lost to make room, since the start.
    pub const fn losses(&self) -> &Losses {
        &self.losses
    }

    /// Tries to make room. Takes at most 64 steps of the sweep, and if no page is free then, looks
    /// at 128 buckets of large swarms at most.
    pub(super) fn make_room(&mut self, now: Secs) {
        for _ in 0..STEPS {
            self.step(now, true);
        }
        if self.arena.free() == 0 {
            self.reclaim_page();
        }
    }

    /// Drops buckets of large swarms that can spare them until a page is free. The classes with the
    /// fewest runs in their last page come first, since those are nearest to freeing it; which
    /// swarms are met is as good as random.
    fn reclaim_page(&mut self) {
        let mut tried = 0u32;
        let mut looks = LOOKS;
        while let Some((_, nth)) = (0..Runs::CLASSES)
            .filter(|nth| tried & (1 << nth) == 0)
            .filter_map(|nth| Some((self.runs.in_last_page(Share::Large, nth)?, nth)))
            .min()
        {
            tried |= 1 << nth;
            // A run that can't be spared is passed over; one that goes makes way for the last.
            let mut passed = 0;
            while let Some(run) = self.runs.nth_last(&self.arena, Share::Large, nth, passed) {
                if looks == 0 {
                    return;
                }
                looks -= 1;
                if !self.drop_bucket(run) {
                    passed += 1;
                } else if self.arena.free() > 0 {
                    return;
                }
            }
        }
    }

    /// Drops the peers of a bucket, unless its swarm would have too few left.
    fn drop_bucket(&mut self, run: u32) -> bool {
        let Some((root, number)) = self.bucket_at(run) else {
            return false;
        };
        let Some((_, v6)) = Owner::from_word(self.arena.get(run)) else {
            return false;
        };
        let gone = read_tally(&self.arena, run);
        let left = directory::tally(&self.arena, root).minus(gone);
        if left.peers < if v6 { V6::MOST_WHOLE } else { V4::MOST_WHOLE } {
            return false;
        }
        directory::set_tally(&mut self.arena, root, left);
        directory::set_bucket(&mut self.arena, root, number, None);
        self.total = self.total.minus(gone);
        self.losses.evicted_peers += u64::from(gone.peers);
        self.give(run);
        true
    }
}

#[cfg(test)]
mod tests {
    use std::vec;

    use crate::policy::Policy;
    use crate::store::{Outcome, Status, Store};
    use crate::time::Secs;
    use crate::wire::{InfoHash, PeerAddr};

    /// Found by a review: a new peer of a swarm at its limit had torrents without peers forgotten, as if
    /// memory were full.
    #[test]
    fn a_limit_of_the_policy_makes_nobody_go() {
        let policy = Policy {
            most_peers_per_torrent: 1,
            ..Policy::DEFAULT
        };
        let mut memory = vec![0; 1 << 18];
        let mut store = Store::new(&mut memory, &[1; 16], &policy).unwrap();
        let peer = |last: u8| PeerAddr::new([192, 0, 2, last].into(), 1.try_into().unwrap());
        let (done, full) = (InfoHash([1; 20]), InfoHash([2; 20]));
        store.announce(&done, &peer(1), Status::Seeder, true, Secs(9));
        store.leave(&done, &peer(1), Secs(9));
        let first = store.announce(&full, &peer(2), Status::Leecher, false, Secs(9));
        assert_eq!(first.outcome, Outcome::New);
        for last in 3..50 {
            let more = store.announce(&full, &peer(last), Status::Leecher, false, Secs(9));
            assert_eq!(
                (more.outcome, more.torrent),
                (Outcome::Refused, first.torrent)
            );
        }
        let id = store.find(&done).unwrap();
        assert_eq!(store.summary(id).counts.completed, 1);
        assert_eq!((store.peers(), store.losses().refused_peers), (1, 47));
    }
}
