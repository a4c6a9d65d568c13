//! What a host is told about besides replies: downloads that were completed.

use core::net::IpAddr;

use heapless::Deque;

use crate::wire::{InfoHash, PeerId};

/// A download that was completed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Completed {
    /// The torrent.
    pub info_hash: InfoHash,
    /// Who completed it, if it said.
    pub peer_id: Option<PeerId>,
    /// From where.
    pub ip: IpAddr,
}

/// Completed downloads that the host hasn't taken yet, at most 64. One more takes the place of the
/// oldest.
#[derive(Debug, Default)]
pub(crate) struct Journal(Deque<Completed, 64>);

impl Journal {
    pub(crate) fn note(&mut self, completed: Completed) {
        if self.0.is_full() {
            self.0.pop_front();
        }
        // There is room now.
        let _ = self.0.push_back(completed);
    }

    pub(crate) fn next(&mut self) -> Option<Completed> {
        self.0.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use core::net::{IpAddr, Ipv4Addr};

    use super::{Completed, Journal};
    use crate::wire::InfoHash;

    #[test]
    fn the_newest_are_kept_in_order() {
        let mut journal = Journal::default();
        for number in 0..70 {
            journal.note(Completed {
                info_hash: InfoHash([number; 20]),
                peer_id: None,
                ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            });
        }
        for number in 6..70 {
            assert_eq!(journal.next().unwrap().info_hash, InfoHash([number; 20]));
        }
        assert!(journal.next().is_none());
    }
}
