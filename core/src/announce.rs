//! An announce, whatever protocol it came by.

use crate::store::Status;
use crate::wire::{InfoHash, PeerAddr, PeerId};

/// What a client tells about itself with an announce (BEP 3, BEP 15, BEP 21).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// A regular announce, or an event that we don't know.
    None,
    /// The first one.
    Started,
    /// The download has just become complete.
    Completed,
    /// The client leaves.
    Stopped,
    /// A partial seed: it has all that it wants and isn't complete (BEP 21; event 4 over UDP).
    Paused,
}

/// One announce, parsed.
#[derive(Clone, Debug)]
pub struct Announce {
    /// The torrent.
    pub info_hash: InfoHash,
    /// The announcer, as others shall reach it.
    pub peer: PeerAddr,
    /// Its name for itself, if it told one.
    pub peer_id: Option<PeerId>,
    /// What happened.
    pub event: Event,
    /// Bytes still to download; `None` if the client didn't say, which makes it a leecher.
    pub left: Option<u64>,
    /// Bytes downloaded so far; 0 if the client didn't say.
    pub downloaded: u64,
}

impl Announce {
    /// How far the announcer is, unless it leaves.
    pub(crate) fn status(&self) -> Status {
        match (self.left, self.event) {
            (Some(0), _) => Status::Seeder,
            (_, Event::Paused) => Status::Partial,
            _ => Status::Leecher,
        }
    }

    /// Whether seeders are of use to the announcer.
    pub(crate) fn wants_seeders(&self) -> bool {
        // A magnet link joins with left=0 before it knows the size (aria2 does): until it announces
        // again it may need seeders as much as anybody.
        let magnet = self.event == Event::Started && self.downloaded == 0;
        magnet || self.status() == Status::Leecher
    }
}
