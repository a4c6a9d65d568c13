//! Figures of all parts together.

use crate::store::{Losses, Store, Usage};

/// What the stores hold, all together. The counts are those of one moment each: while others change
/// the store they may not add up.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// Torrents stored.
    pub torrents: u32,
    /// Peers stored, in all torrents.
    pub peers: u32,
    /// Seeders among them.
    pub seeders: u32,
    /// Changes of counts of downloads. Wraps.
    pub changes: u32,
    /// Bytes of memory for swarms: all pages.
    pub bytes: u64,
    /// What the pages are used for.
    pub usage: Usage,
    /// What was lost for want of memory.
    pub losses: Losses,
}

impl Totals {
    /// Adds what is in one store.
    pub(crate) fn add(&mut self, store: &Store<'_>) {
        self.torrents = self.torrents.saturating_add(store.torrents());
        self.peers = self.peers.saturating_add(store.peers());
        self.seeders = self.seeders.saturating_add(store.seeders());
        self.changes = self.changes.wrapping_add(store.changes());
        self.bytes = self.bytes.saturating_add(store.bytes());
        let (sum, more) = (&mut self.usage, store.usage());
        sum.torrents = sum.torrents.saturating_add(more.torrents);
        sum.index = sum.index.saturating_add(more.index);
        sum.small = sum.small.saturating_add(more.small);
        sum.large = sum.large.saturating_add(more.large);
        sum.directories = sum.directories.saturating_add(more.directories);
        sum.free = sum.free.saturating_add(more.free);
        let (sum, more) = (&mut self.losses, store.losses());
        sum.evicted_peers = sum.evicted_peers.wrapping_add(more.evicted_peers);
        sum.refused_peers = sum.refused_peers.wrapping_add(more.refused_peers);
        sum.refused_torrents = sum.refused_torrents.wrapping_add(more.refused_torrents);
    }

    /// Peers that aren't seeders.
    pub const fn leechers(&self) -> u32 {
        self.peers.saturating_sub(self.seeders)
    }
}
