//! What is counted.

/// Sizes of swarms, each with the most peers that it stands for. From 255 peers on a swarm may have to
/// make room for others.
pub(super) const CLASSES: [(&str, u32); 5] = [
    ("1", 1),
    ("2 to 4", 4),
    ("5 to 49", 49),
    ("50 to 254", 254),
    ("from 255", u32::MAX),
];

/// Announces of swarms of one size.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Class {
    pub(super) announces: u64,
    /// Those for which a tracker without a limit had a peer.
    pub(super) servable: u64,
    /// Those of them that got one.
    pub(super) served: u64,
    /// Peers that a tracker without a limit would have listed.
    pub(super) listable: u64,
    /// Peers that were.
    pub(super) listed: u64,
    /// First announces of a peer.
    pub(super) new: u64,
    /// Those of them after which it was stored.
    pub(super) stored: u64,
}

/// All of them, and what the store says was lost.
#[derive(Default, Debug)]
pub(super) struct Shares {
    pub(super) classes: [Class; CLASSES.len()],
    pub(super) evicted_peers: u64,
    pub(super) refused_peers: u64,
    pub(super) refused_torrents: u64,
}

impl Shares {
    /// The class of a swarm with so many peers.
    pub(super) fn class(&mut self, peers: u32) -> &mut Class {
        let nth = CLASSES.iter().position(|&(_, most)| peers <= most);
        &mut self.classes[nth.unwrap_or(0)]
    }

    /// All classes together.
    pub(super) fn all(&self) -> Class {
        let mut all = Class::default();
        for class in &self.classes {
            all.announces += class.announces;
            all.servable += class.servable;
            all.served += class.served;
            all.listable += class.listable;
            all.listed += class.listed;
            all.new += class.new;
            all.stored += class.stored;
        }
        all
    }
}
