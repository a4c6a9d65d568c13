//! Hours of announces, in process.

use core::net::{IpAddr, Ipv4Addr};
use core::num::NonZeroU16;

use wrtracker_core::common::{Part, Seen};
use wrtracker_core::policy::Policy;
use wrtracker_core::store::Losses;
use wrtracker_core::time::Secs;
use wrtracker_core::tracker::{Announce, Event, Secrets, Tracker};

use wrtracker_core::wire::{InfoHash, PeerAddr};
use wrtracker_tests::load::work::{Item, Work};

use super::population::Population;
use super::reference::Reference;
use super::shares::Shares;
use crate::Failure;

/// When it begins.
pub(super) const NOW: Secs = Secs(1000);

/// Announces of a peer before another takes its place.
pub(super) const STAY: u32 = 4;

/// Peers that an announce asks for.
const WANTED: u32 = 50;

/// A tracker and what it is asked.
pub(super) struct Simulation<'m> {
    tracker: Tracker<'m>,
    reference: Reference,
    work: Work,
    /// In the order in which they announce, in each interval.
    peers: Vec<Item>,
    now: Secs,
}

impl<'m> Simulation<'m> {
    /// An empty tracker in `memory`, which is all zero.
    pub(super) fn new(memory: &'m mut [u32], population: &Population) -> Result<Self, Failure> {
        let policy = Policy::DEFAULT;
        let reference = Reference::new(population.torrents(), policy.peer_timeout);
        let secrets = Secrets::new(&[7; 40]);
        Ok(Self {
            tracker: Tracker::new(memory, &secrets, policy).map_err(|_| "too little memory")?,
            reference,
            work: population.work(),
            peers: population.shuffled(),
            now: NOW,
        })
    }

    /// The swarms.
    pub(super) fn part(&self) -> Seen<'_, Part<'m>> {
        self.tracker.part(0)
    }

    fn losses(&self) -> Losses {
        self.part().store().losses().clone()
    }

    /// One interval, in which each peer announces once.
    pub(super) fn pass(&mut self, interval: u32, shares: &mut Shares) -> Result<(), Failure> {
        let length = self.tracker.policy().interval;
        let peers = std::mem::take(&mut self.peers);
        let before = self.losses();
        for (nth, &place) in peers.iter().enumerate() {
            let into = nth as u64 * u64::from(length) / peers.len() as u64;
            self.pass_to(NOW.0 + interval * length + u32::try_from(into).unwrap_or(length));
            self.turn(place, interval, shares)?;
        }
        let after = self.losses();
        shares.evicted_peers += after.evicted_peers - before.evicted_peers;
        shares.refused_peers += after.refused_peers - before.refused_peers;
        shares.refused_torrents += after.refused_torrents - before.refused_torrents;
        self.peers = peers;
        Ok(())
    }

    fn pass_to(&mut self, second: u32) {
        while self.now.0 < second {
            self.now = Secs(self.now.0 + 1);
            self.tracker.tick(self.now);
        }
        self.reference.pass_to(second);
    }

    /// Who has a place in a swarm announces, or makes way for another who does.
    fn turn(&mut self, place: Item, interval: u32, shares: &mut Shares) -> Result<(), Failure> {
        // Places change hands in different intervals.
        let turn = interval + place.peer % STAY;
        let first = interval == 0 || turn.is_multiple_of(STAY);
        let (holder, before) = (turn / STAY, (turn / STAY).wrapping_sub(1));
        let item = self.holder(place, holder);
        if first && interval > 0 && says_goodbye(place) {
            let gone = self.holder(place, before);
            self.reference.stop(gone, self.work.seeds(gone));
            let stopped = Announce {
                event: Event::Stopped,
                ..announce(&self.work, gone)
            };
            self.tracker
                .announce(&stopped, self.now)
                .map_err(|_| "denied")?;
        }
        let seeds = self.work.seeds(item);
        if first {
            self.reference.join(item, seeds);
        }
        if (turn + 1).is_multiple_of(STAY) && !says_goodbye(place) {
            self.reference.last_seen(item, seeds, self.now.0);
        }
        let refused = self.losses().refused_peers;
        let mut request = announce(&self.work, item);
        if first {
            request.event = Event::Started;
        }
        let mut answer = self
            .tracker
            .announce(&request, self.now)
            .map_err(|_| "denied")?;
        let mut out = [0; 6 * WANTED as usize];
        let listed = answer.choose_v4(&mut out) / 6;
        drop(answer);
        let of_use = self.reference.of_use(item, seeds);
        let class = shares.class(self.reference.swarm(item));
        class.announces += 1;
        class.servable += u64::from(of_use > 0);
        class.served += u64::from(of_use > 0 && listed > 0);
        class.listable += u64::from(of_use.min(WANTED));
        class.listed += (listed as u64).min(of_use.into());
        if first {
            class.new += 1;
            class.stored += u64::from(self.losses().refused_peers == refused);
        }
        Ok(())
    }

    /// One of two that hold a place by turns, the one of even number or the other: when one comes
    /// again its last announce is long forgotten.
    fn holder(&self, place: Item, number: u32) -> Item {
        Item {
            peer: place.peer + number % 2 * (self.work.peers / 2),
            ..place
        }
    }
}

/// Whether who has this place tells when it stops.
const fn says_goodbye(place: Item) -> bool {
    place.peer / STAY % 2 == place.torrent % 2
}

/// A peer's announce, as it comes while nothing happens.
pub(super) fn announce(work: &Work, item: Item) -> Announce {
    let [_, high, middle, low] = work.source(item).to_be_bytes();
    let port = NonZeroU16::new(work.port(item)).unwrap_or(NonZeroU16::MIN);
    Announce {
        info_hash: InfoHash(work.info_hash(item.torrent)),
        peer: PeerAddr::new(IpAddr::V4(Ipv4Addr::new(11, high, middle, low)), port),
        peer_id: None,
        event: Event::None,
        left: Some(if work.seeds(item) { 0 } else { 1 << 30 }),
        // Not 0: who begins with everything is of use to leechers alone.
        downloaded: 1 << 20,
    }
}
