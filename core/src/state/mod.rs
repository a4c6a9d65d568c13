//! What outlives the program: torrents with the downloads that were completed, as text, and peers,
//! in a form of their own.
//!
//! A writer fills a buffer of any size from where it stopped, a reader takes pieces of any size;
//! neither does I/O. Both files begin with what they are and end with how much there is and a
//! checksum, so that one that was cut or changed is told from a whole one. A reader that is whole to
//! the end has promised nothing before: who wants all or nothing reads twice.
//!
//! [`grants`] is what is written while the tracker runs, a record for each change.
//!
//! Nothing expires by wall-clock time in here. A torrent that is taken back counts as last in use
//! then; a peer is as old as when it was written, and as much older as the host knows.

pub mod grants;
mod peers;
mod torrents;

use core::fmt;

pub use peers::{PeersReader, PeersWriter, StoredPeer};
pub use torrents::{TorrentsReader, TorrentsText, TorrentsWriter};

use crate::reach::is_unicast;
use crate::store::Restored;
use crate::time::Secs;
use crate::tracker::{Denied, Tracker};
use crate::wire::state_line::StateLine;

/// Why a file isn't what its reader reads. Nothing of it should be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Damage {
    /// There is nothing in it.
    Empty,
    /// It is something else.
    Foreign,
    /// It is of another version of the program.
    Version,
    /// Something is in it that is never written.
    Malformed,
    /// Its end is missing.
    Cut,
    /// There is not as much in it as it says.
    Count,
    /// Something in it has changed.
    Checksum,
    /// Something follows its end.
    Behind,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "empty",
            Self::Foreign => "not a file of this kind",
            Self::Version => "of another version",
            Self::Malformed => "damaged: it has something that is never written",
            Self::Cut => "damaged: its end is missing",
            Self::Count => "damaged: there is not as much in it as it says",
            Self::Checksum => "damaged: the checksum is another",
            Self::Behind => "damaged: something follows its end",
        })
    }
}

impl core::error::Error for Damage {}

impl Tracker<'_> {
    /// Makes a torrent with so many downloads, or raises the number of one that is there to that.
    /// See [`Store::restore_torrent`](crate::store::Store::restore_torrent).
    ///
    /// # Errors
    ///
    /// [`Denied`] if the access lists don't admit it.
    pub fn restore_torrent(&mut self, line: &StateLine, now: Secs) -> Result<Restored, Denied> {
        if !self.admits_told(&line.hash) {
            return Err(Denied);
        }
        let mut part = self.common.part_mut(self.common.part_of(&line.hash));
        Ok(part.store.restore_torrent(&line.hash, line.completed, now))
    }

    /// Takes back a peer that is `older` seconds older than it says. See
    /// [`Store::restore_peer`](crate::store::Store::restore_peer).
    ///
    /// # Errors
    ///
    /// [`Denied`] if the access lists don't admit its torrent.
    pub fn restore_peer(
        &mut self,
        stored: &StoredPeer,
        older: u32,
        now: Secs,
    ) -> Result<Restored, Denied> {
        if !self.admits_told(&stored.info_hash) {
            return Err(Denied);
        }
        let StoredPeer {
            info_hash,
            peer,
            status,
            completed,
            age,
        } = stored;
        // No announce could have brought it.
        if !is_unicast(peer.ip()) {
            return Ok(Restored::Nothing);
        }
        let age = age.saturating_add(older);
        let mut part = self.common.part_mut(self.common.part_of(info_hash));
        let restored = part
            .store
            .restore_peer(info_hash, peer, *status, *completed, age, now);
        part.note_reach(peer, &self.policy.lan);
        Ok(restored)
    }
}

#[cfg(test)]
mod tests;
