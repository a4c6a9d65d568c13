//! Who announces: many small swarms and a few large ones.

use wrtracker_core::policy::Policy;
use wrtracker_core::tracker::{Secrets, Tracker};
use wrtracker_tests::load::work::{Item, Work};

use super::simulation::{NOW, announce};
use crate::Failure;

/// Half of the peers.
const SEEDERS: u32 = 50;

/// Torrents with swarms by Zipf's law: of `n` torrents the one of rank `r` has `n / r` peers, so that
/// half of the torrents have one.
pub(super) struct Population {
    torrents: u32,
    peers: u64,
}

impl Population {
    pub(super) fn new(torrents: u32) -> Self {
        let sizes = (1..=torrents).map(|rank| u64::from(torrents / rank));
        Self {
            torrents,
            peers: sizes.sum(),
        }
    }

    /// The smallest that has so many peers.
    pub(super) fn with_peers(peers: u64) -> Self {
        let enough = |torrents: u32| Self::new(torrents).peers >= peers;
        // There are more peers than torrents.
        let most = u32::try_from(peers).unwrap_or(u32::MAX);
        Self::new(first_that(1, most, enough))
    }

    pub(super) const fn torrents(&self) -> u32 {
        self.torrents
    }

    pub(super) const fn peers(&self) -> u64 {
        self.peers
    }

    /// Names, addresses and ports, over sockets and without: enough for the largest swarm twice,
    /// since who leaves makes way for another.
    pub(super) fn work(&self) -> Work {
        let most = self.torrents.saturating_mul(2);
        Work {
            torrents: self.torrents,
            peers: most,
            sources: Work::sources_for([127, 0, 0, 1].into(), most),
            seeders: SEEDERS,
            seed: 1,
        }
    }

    /// All peers in an order that has nothing to do with their torrents.
    pub(super) fn shuffled(&self) -> Vec<Item> {
        let mut items = Vec::with_capacity(usize::try_from(self.peers).unwrap_or(0));
        for torrent in 0..self.torrents {
            let size = self.torrents / (torrent + 1);
            items.extend((0..size).map(|peer| Item { torrent, peer }));
        }
        let mut random = wrtracker_tests::load::work::Random::new(7);
        for nth in (1..items.len()).rev() {
            let other = random.below(nth as u64 + 1);
            items.swap(nth, usize::try_from(other).unwrap_or(nth));
        }
        items
    }
}

/// The largest population that a store in `memory` has room for: it is tried.
pub(super) fn room(memory: &mut [u32]) -> Result<Population, Failure> {
    let most = u32::try_from(memory.len()).unwrap_or(u32::MAX);
    let mut wrong = None;
    let too_many = first_that(2, most, |torrents| match fits(memory, torrents) {
        Ok(fits) => !fits,
        Err(error) => {
            wrong = Some(error);
            true
        }
    });
    match wrong {
        Some(error) => Err(error),
        None => Ok(Population::new(too_many - 1)),
    }
}

fn fits(memory: &mut [u32], torrents: u32) -> Result<bool, Failure> {
    let population = Population::new(torrents);
    // A peer takes 8 bytes at least, and needn't be tried.
    if population.peers > memory.len() as u64 {
        return Ok(false);
    }
    memory.fill(0);
    let secrets = Secrets::new(&[7; 40]);
    let mut tracker =
        Tracker::new(memory, &secrets, Policy::DEFAULT).map_err(|_| "too little memory")?;
    let work = population.work();
    for item in population.shuffled() {
        let _ = tracker.announce(&announce(&work, item), NOW);
        let losses = tracker.totals().losses;
        if losses.refused_peers + losses.evicted_peers > 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The first number from `low` up to `high` for which something is so, if it's so for all after it.
fn first_that(mut low: u32, mut high: u32, mut so: impl FnMut(u32) -> bool) -> u32 {
    while low < high {
        let middle = low + (high - low) / 2;
        if so(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_torrents_have_one_peer() {
        let population = Population::new(1000);
        let items = population.shuffled();
        assert_eq!(items.len() as u64, population.peers());
        let of = |torrent| items.iter().filter(|item| item.torrent == torrent).count();
        assert_eq!([0, 1, 9, 499, 500, 999].map(of), [1000, 500, 100, 2, 1, 1]);
    }

    #[test]
    fn a_population_has_as_many_peers_as_wanted() {
        let population = Population::with_peers(10_000);
        assert!(population.peers() >= 10_000);
        assert!(Population::new(population.torrents() - 1).peers() < 10_000);
    }
}
