//! What the other trackers tell.

use core::net::IpAddr;

use crate::common::{Common, Held, Seen};
use crate::policy::Right;
use crate::store::{Outcome, Status};
use crate::time::Secs;
use crate::tracker::Tracker;
use crate::wire::live_sync::{Packet, ParseError, Record};

use super::Outbox;

/// Why a datagram was not believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Refused {
    /// The source isn't granted [`Right::Sync`].
    Stranger,
    /// It is our own, come back.
    Own,
    /// It is no packet.
    Malformed(ParseError),
}

impl core::fmt::Display for Refused {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Stranger => f.write_str("sender not in the cluster"),
            Self::Own => f.write_str("our own packet"),
            Self::Malformed(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for Refused {}

/// Applies the datagram of another tracker, and returns how many of its records had an effect or
/// could have had one. Those that only name an address that others can't use, or a torrent that the
/// access lists don't allow, are passed over.
///
/// The source is all that is looked at: on a network where others can forge it, anybody can tell of
/// peers. Work: at most 52 announces.
///
/// # Errors
///
/// [`Refused`], by the sender's fault.
pub fn apply(
    tracker: &mut Tracker<'_>,
    source: IpAddr,
    datagram: &[u8],
    now: Secs,
) -> Result<u32, Refused> {
    let packet = admit(tracker, source, datagram);
    if !matches!(packet, Ok(_) | Err(Refused::Own)) {
        tracker.counters.sync_refused = tracker.counters.sync_refused.wrapping_add(1);
    }
    let mut applied = 0_u32;
    for record in packet?.records().flatten() {
        if tracker.synced(&record, now) {
            applied = applied.saturating_add(1);
        }
    }
    tracker.counters.synced = tracker.counters.synced.wrapping_add(applied.into());
    Ok(applied)
}

fn admit<'d>(
    tracker: &Tracker<'_>,
    source: IpAddr,
    datagram: &'d [u8],
) -> Result<Packet<'d>, Refused> {
    if !tracker.policy().allows(source, Right::Sync) {
        return Err(Refused::Stranger);
    }
    let packet = Packet::parse(datagram).map_err(Refused::Malformed)?;
    if tracker.sync().as_ref().map(Outbox::id) == Some(packet.from) {
        return Err(Refused::Own);
    }
    Ok(packet)
}

impl<'m> Tracker<'m> {
    /// Tells other trackers from now on of the peers that announce here.
    pub fn set_sync(&mut self, outbox: Outbox<'m>) {
        match &mut self.common {
            #[cfg(feature = "threads")]
            Common::Shared(shared) => shared.set_sync(outbox),
            common @ Common::Own(_) => *common.sync_mut() = Some(outbox),
        }
    }

    /// What is to tell other trackers; `None` in it if there are none.
    pub fn sync(&self) -> Seen<'_, Option<Outbox<'m>>> {
        self.common.sync()
    }

    /// The same, to send it.
    pub fn sync_mut(&mut self) -> Held<'_, Option<Outbox<'m>>> {
        self.common.sync_mut()
    }

    /// Stores or removes a peer as another tracker tells: like an announce, but nobody is told on.
    /// False if the torrent isn't allowed; whoever leaves may do so all the same.
    pub fn synced(&mut self, record: &Record, now: Secs) -> bool {
        let (hash, peer, flags) = (record.info_hash(), record.peer(), record.flags());
        let nth = self.common.part_of(hash);
        if flags.stopped {
            self.common.part_mut(nth).store.leave(hash, peer, now);
            return true;
        }
        if !self.admits_told(hash) {
            return false;
        }
        let status = if flags.seeder {
            Status::Seeder
        } else {
            Status::Leecher
        };
        let completed = flags.seeder && flags.completed;
        let stored = {
            let mut part = self.common.part_mut(nth);
            let stored = part.store.announce(hash, peer, status, completed, now);
            if stored.outcome == Outcome::New {
                part.note_reach(peer, &self.policy.lan);
            }
            stored
        };
        if stored.completed {
            self.counters.completed = self.counters.completed.wrapping_add(1);
        }
        true
    }
}
