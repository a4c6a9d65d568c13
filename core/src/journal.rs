//! What a host is told about besides replies.

use core::net::IpAddr;

use heapless::Deque;

use crate::wire::{InfoHash, PeerId};

/// Something that an operator may want to read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Note {
    /// A download was completed.
    Completed(Completed),
    /// This address is being sent all torrents.
    FullScrape(IpAddr),
}

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

/// Notes that the host hasn't taken yet, at most 64. One more takes the place of the oldest.
#[derive(Debug, Default)]
pub(crate) struct Journal(Deque<Note, 64>);

impl Journal {
    pub(crate) fn add(&mut self, note: Note) {
        if self.0.is_full() {
            self.0.pop_front();
        }
        // There is room now.
        let _ = self.0.push_back(note);
    }

    pub(crate) fn next(&mut self) -> Option<Note> {
        self.0.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use core::net::{IpAddr, Ipv4Addr};

    use super::{Completed, Journal, Note};
    use crate::wire::InfoHash;

    fn note(number: u8) -> Note {
        Note::Completed(Completed {
            info_hash: InfoHash([number; 20]),
            peer_id: None,
            ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
        })
    }

    #[test]
    fn the_newest_are_kept_in_order() {
        let mut journal = Journal::default();
        for number in 0..70 {
            journal.add(note(number));
        }
        for number in 6..70 {
            assert_eq!(journal.next(), Some(note(number)));
        }
        assert!(journal.next().is_none());
    }
}
