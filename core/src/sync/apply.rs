//! What the other trackers tell.

use core::net::IpAddr;

use crate::policy::Right;
use crate::store::{Outcome, Status};
use crate::time::Secs;
use crate::tracker::{Announce, Event, Tracker};
use crate::wire::live_sync::{Flags, Packet, ParseError, Record};

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
    if tracker.sync().map(Outbox::id) == Some(packet.from) {
        return Err(Refused::Own);
    }
    Ok(packet)
}

impl<'m> Tracker<'m> {
    /// Tells other trackers from now on of the peers that announce here.
    pub fn set_sync(&mut self, outbox: Outbox<'m>) {
        self.sync = Some(outbox);
    }

    /// What is to tell other trackers; `None` if there are none.
    pub const fn sync(&self) -> Option<&Outbox<'m>> {
        self.sync.as_ref()
    }

    /// The same, to send it.
    pub const fn sync_mut(&mut self) -> Option<&mut Outbox<'m>> {
        self.sync.as_mut()
    }

    /// Stores or removes a peer as another tracker tells: like an announce, but nobody is told on.
    /// False if the torrent isn't allowed; whoever leaves may do so all the same.
    pub fn synced(&mut self, record: &Record, now: Secs) -> bool {
        let (hash, peer, flags) = (record.info_hash(), record.peer(), record.flags());
        if flags.stopped {
            self.store.leave(hash, peer, now);
            return true;
        }
        if !self.access.admits(hash) {
            return false;
        }
        let status = if flags.seeder {
            Status::Seeder
        } else {
            Status::Leecher
        };
        let completed = flags.seeder && flags.completed;
        let stored = self.store.announce(hash, peer, status, completed, now);
        if stored.outcome == Outcome::New {
            self.note_reach(peer);
        }
        if stored.completed {
            self.counters.completed = self.counters.completed.wrapping_add(1);
        }
        true
    }

    /// Takes note of an announce for the other trackers, if there are any.
    ///
    /// `since` is how many seconds ago the peer announced before, `None` if it is new; `completed`
    /// is whether a download was counted.
    #[inline]
    pub(crate) fn tell(
        &mut self,
        announce: &Announce,
        since: Option<u32>,
        completed: bool,
        now: Secs,
    ) {
        if let Some(outbox) = &mut self.sync {
            let flags = Flags {
                seeder: announce.left == Some(0),
                completed,
                stopped: announce.event == Event::Stopped,
            };
            outbox.note(&announce.info_hash, &announce.peer, flags, since, now);
        }
    }
}
