//! The answer to an announce: counts, intervals, and the choice of peers.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::common::{Held, Part};
use crate::decoys::{Decoys, Draw};
use crate::policy::Policy;
use crate::random::Random;
use crate::reach::{self, Scope};
use crate::store::{Counts, Selection, TorrentId};

/// The answer to an announce. While it is there nobody changes the swarm: what it says of peers is
/// what [`choose_v4`](Self::choose_v4) and [`choose_v6`](Self::choose_v6) give.
pub struct Answer<'t, 'm> {
    /// The swarm's counts, the announcer included unless it left or found no room.
    pub counts: Counts,
    /// Seconds until the client should announce again, jittered.
    pub interval: u32,
    /// Seconds before which it should not.
    pub min_interval: u32,
    /// Peers stored of each family: what a reply can carry at most.
    pub v4_peers: u32,
    /// See [`v4_peers`](Self::v4_peers).
    pub v6_peers: u32,
    pub(crate) torrent: Option<TorrentId>,
    pub(crate) selection: Selection,
    /// `None` if peers are told as they are stored, as nearly always on a public tracker.
    pub(crate) changes: Option<Changes>,
    pub(crate) part: Held<'t, Part<'m>>,
    pub(crate) policy: &'t Policy,
    pub(crate) random: &'t mut Random,
    pub(crate) decoys: &'t Decoys,
}

/// What is done to the peers of a reply after they are chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Changes {
    /// They get the addresses at which they are reached from there, or are left out.
    pub(crate) asker: Option<Scope>,
    /// Others are put among them.
    pub(crate) decoys: Option<Draw>,
}

impl Changes {
    /// `None` if nothing is done.
    pub(crate) fn or_none(self) -> Option<Self> {
        (self != Self::default()).then_some(self)
    }
}

impl Answer<'_, '_> {
    /// Has the reply name peers as one reaches them from `source`, where the announcer really is,
    /// if that isn't the address that it is stored at.
    pub fn show_to(&mut self, source: IpAddr) {
        self.changes = Changes {
            asker: self.part.asker(source, &self.policy.lan),
            decoys: self.changes.and_then(|changes| changes.decoys),
        }
        .or_none();
    }

    /// Fills `out` with compact IPv4 peers of 6 bytes (BEP 23), as many as fit and there are, and
    /// returns the bytes used.
    ///
    /// Never the announcer; no seeders if the announcer needs none; with addresses that mean
    /// something where the announcer is: see [`reach`].
    #[inline]
    pub fn choose_v4(&mut self, out: &mut [u8]) -> usize {
        let Some(id) = self.torrent else {
            return 0;
        };
        let selection = &self.selection;
        let used = self.part.store.choose_v4(id, selection, self.random, out);
        match self.changes {
            Some(changes) => self.changed_v4(id, &changes, out, used),
            None => used,
        }
    }

    /// Fills `out` with compact IPv6 peers of 18 bytes (BEP 7), otherwise as
    /// [`choose_v4`](Self::choose_v4).
    pub fn choose_v6(&mut self, out: &mut [u8]) -> usize {
        let Some(id) = self.torrent else {
            return 0;
        };
        let selection = &self.selection;
        let used = self.part.store.choose_v6(id, selection, self.random, out);
        match self.changes {
            Some(changes) => self.changed_v6(id, &changes, out, used),
            None => used,
        }
    }

    #[cold]
    fn changed_v4(
        &mut self,
        id: TorrentId,
        changes: &Changes,
        out: &mut [u8],
        mut used: usize,
    ) -> usize {
        let (store, random, selection) = (&self.part.store, &mut *self.random, &self.selection);
        if let Some(asker) = changes.asker {
            used = reach::adapt::<Ipv4Addr>(&self.policy.lan, asker, out, used, |out| {
                store.choose_v4(id, selection, random, out)
            });
        }
        match &changes.decoys {
            Some(draw) if selection.exclude.ip().is_ipv4() => self.decoys.mix_v4(draw, out, used),
            _ => used,
        }
    }

    #[cold]
    fn changed_v6(
        &mut self,
        id: TorrentId,
        changes: &Changes,
        out: &mut [u8],
        mut used: usize,
    ) -> usize {
        let (store, random, selection) = (&self.part.store, &mut *self.random, &self.selection);
        if let Some(asker) = changes.asker {
            used = reach::adapt::<Ipv6Addr>(&self.policy.lan, asker, out, used, |out| {
                store.choose_v6(id, selection, random, out)
            });
        }
        match &changes.decoys {
            Some(draw) if selection.exclude.ip().is_ipv6() => self.decoys.mix_v6(draw, out, used),
            _ => used,
        }
    }
}
