//! A tracker without a limit: how many peers it would have for an announcer.

use std::collections::VecDeque;

use wrtracker_tests::load::work::Item;

/// Peers alive, by torrent. One is alive from its first announce until it says that it stops, or its
/// time-out has passed since its last.
pub(super) struct Reference {
    /// Leechers and seeders.
    alive: Vec<[u32; 2]>,
    /// Who vanished without a word, in the order of their time-outs.
    vanished: VecDeque<(u32, u32, bool)>,
    timeout: u32,
}

impl Reference {
    pub(super) fn new(torrents: u32, timeout: u32) -> Self {
        Self {
            alive: vec![[0; 2]; torrents as usize],
            vanished: VecDeque::new(),
            timeout,
        }
    }

    /// Forgets whose time-outs have passed.
    pub(super) fn pass_to(&mut self, now: u32) {
        while let Some(&(until, torrent, seeds)) = self.vanished.front() {
            if until > now {
                return;
            }
            self.vanished.pop_front();
            self.alive[torrent as usize][usize::from(seeds)] -= 1;
        }
    }

    /// A peer has come.
    pub(super) fn join(&mut self, item: Item, seeds: bool) {
        self.alive[item.torrent as usize][usize::from(seeds)] += 1;
    }

    /// It said that it stops.
    pub(super) fn stop(&mut self, item: Item, seeds: bool) {
        self.alive[item.torrent as usize][usize::from(seeds)] -= 1;
    }

    /// It announced now, for the last time. To be told in the order of time.
    pub(super) fn last_seen(&mut self, item: Item, seeds: bool, now: u32) {
        let until = now + self.timeout;
        self.vanished.push_back((until, item.torrent, seeds));
    }

    /// Peers alive of a torrent.
    pub(super) fn swarm(&self, item: Item) -> u32 {
        let [leechers, seeders] = self.alive[item.torrent as usize];
        leechers + seeders
    }

    /// Those of them that are of use to one of them: seeders are of none to each other.
    pub(super) fn of_use(&self, item: Item, seeds: bool) -> u32 {
        let [leechers, seeders] = self.alive[item.torrent as usize];
        if seeds {
            leechers
        } else {
            leechers + seeders - 1
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_vanishes_is_forgotten_when_its_time_is_over() {
        let (one, mut all) = (
            Item {
                torrent: 0,
                peer: 0,
            },
            Reference::new(1, 10),
        );
        all.join(one, true);
        all.join(one, false);
        assert_eq!((all.of_use(one, true), all.of_use(one, false)), (1, 1));
        all.last_seen(one, true, 5);
        all.pass_to(14);
        assert_eq!(all.swarm(one), 2);
        all.pass_to(15);
        assert_eq!((all.swarm(one), all.of_use(one, false)), (1, 0));
        all.stop(one, false);
        assert_eq!(all.swarm(one), 0);
    }
}
