//! Who is let in where a proof is asked for: a key, a signature.
//!
//! Nothing of this is reached where the mode of the listener asks for none: see
//! [`Tracker::wants_proof`].

use core::num::NonZeroU8;

use crate::access::{Given, Key, Mode, Opened, Refusal, is_signed};
use crate::announce::{Announce, Event};
use crate::store::Counts;
use crate::time::Secs;
use crate::tracker::Tracker;
use crate::wire::InfoHash;

/// What somebody may scrape.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Scope {
    /// Any torrent.
    All,
    /// The one of its key.
    One(InfoHash),
    /// None: all counts are told as zeros.
    Nothing,
}

impl Tracker<'_> {
    /// Says in which mode it is, where no listener says otherwise; which decides what files of state
    /// and other trackers may tell of.
    pub fn set_mode(&mut self, mode: Mode) {
        self.usual = mode;
        self.serve_as(mode);
    }

    /// Says in which mode requests are answered from now on: that of the listener that they come to.
    /// Not shared with others.
    pub fn serve_as(&mut self, mode: Mode) {
        self.mode = mode;
        let signed = mode.has_list() && !self.policy.signers.is_empty();
        self.proof = cfg!(feature = "private") && (mode.has_keys() || signed);
    }

    /// The mode in which requests are answered.
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether announces must show something, so that what their URL carries is looked at.
    #[inline]
    pub(crate) const fn wants_proof(&self) -> bool {
        // A build without the feature has nothing of what this decides about.
        cfg!(feature = "private") && self.proof
    }

    /// Whether scrapes must show a key. Those over UDP have no place for one (BEP 41 has options for
    /// announces alone), and are answered as those without one.
    #[inline]
    pub(crate) const fn scrapes_need_key(&self) -> bool {
        self.wants_proof() && self.mode.has_keys()
    }

    /// Tells the wall-clock time, in seconds since 1970, by which keys expire; nothing else does. To
    /// be called about once a second, where there are keys. Removes keys that expired a day ago,
    /// looking at a bounded share of them.
    pub fn set_wall_clock(&mut self, seconds: u64) {
        if let Some(keys) = &mut self.common.proofs_mut().keys {
            keys.set_wall_clock(seconds);
            keys.sweep(SWEPT);
        }
    }

    /// Lets an announce in, or says why not and counts that.
    #[cold]
    pub(crate) fn admit(
        &mut self,
        announce: &Announce,
        given: &Given,
        now: Secs,
    ) -> Result<(), Refusal> {
        self.look_at(announce, given, now)
            .map_err(|refusal| self.refused(refusal))
    }

    fn look_at(&mut self, announce: &Announce, given: &Given, now: Secs) -> Result<(), Refusal> {
        let leaves = announce.event == Event::Stopped;
        let limited = if self.mode.has_keys() {
            self.open(given, &announce.info_hash, now)?
        } else {
            None
        };
        if !leaves {
            self.admit_torrent(&announce.info_hash, given, now)?;
        }
        let Some((key, most)) = limited else {
            return Ok(());
        };
        let timeout = self.policy.peer_timeout;
        let mut access = self.common.proofs_mut();
        let Some(keys) = &mut access.keys else {
            return Err(Refusal::UnknownKey);
        };
        if leaves {
            keys.leave_place(&key, most, given.from);
        } else if !keys.take_place(&key, most, given.from, now, timeout) {
            return Err(Refusal::ManyPeers);
        }
        Ok(())
    }

    /// Looks at the key; returns it if its peers are limited.
    fn open(
        &mut self,
        given: &Given,
        torrent: &InfoHash,
        now: Secs,
    ) -> Result<Option<(Key, NonZeroU8)>, Refusal> {
        self.refuse_blocked(given, now)?;
        let key = given.key.ok_or(Refusal::NoKey)?;
        let opened = {
            let access = self.common.access();
            let keys = access.keys.as_ref();
            keys.map_or(Err(Refusal::UnknownKey), |keys| keys.open(&key, torrent))
        };
        match opened {
            Ok(Opened::Plain) => Ok(None),
            Ok(Opened::Limited(most)) => Ok(Some((key, most))),
            Err(refusal) => {
                if refusal == Refusal::UnknownKey {
                    self.note_failure(given, now);
                }
                Err(refusal)
            }
        }
    }

    /// Looks for the torrent in the lists, then at what it may be signed with.
    fn admit_torrent(
        &mut self,
        torrent: &InfoHash,
        given: &Given,
        now: Secs,
    ) -> Result<(), Refusal> {
        let unknown = if self.mode.has_keys() {
            Refusal::Unregistered
        } else {
            Refusal::Denied
        };
        {
            let access = self.common.access();
            if access.is_blacklisted(torrent) {
                return Err(unknown);
            }
            let unsigned = self.policy.signers.is_empty();
            let listed = access.is_listed(torrent).unwrap_or(unsigned);
            if !self.mode.has_list() || listed {
                return Ok(());
            }
            if unsigned {
                return Err(unknown);
            }
        }
        // What is stored has been let in before.
        if self.policy.stored_is_signed && {
            let part = self.common.part(self.common.part_of(torrent));
            part.store.find(torrent).is_some()
        } {
            return Ok(());
        }
        let signature = given.signature.ok_or(unknown)?;
        self.refuse_blocked(given, now)?;
        if !self.common.proofs_mut().verifications.take(now) {
            return Err(Refusal::Busy);
        }
        if is_signed(torrent, &signature, &self.policy.signers) {
            return Ok(());
        }
        self.note_failure(given, now);
        Err(Refusal::BadSignature)
    }

    /// Refuses whoever has failed too often, which is one failure more.
    fn refuse_blocked(&mut self, given: &Given, now: Secs) -> Result<(), Refusal> {
        let blocked = self.common.access().guesses.is_blocked(given.from, now);
        if blocked {
            self.note_failure(given, now);
            return Err(Refusal::Blocked);
        }
        Ok(())
    }

    fn note_failure(&mut self, given: &Given, now: Secs) {
        let mut access = self.common.proofs_mut();
        access.guesses.note_failure(given.from, now);
    }

    /// What may be scraped with what was given.
    pub(crate) fn scope(&mut self, given: &Given, now: Secs) -> Scope {
        if self.refuse_blocked(given, now).is_err() {
            return Scope::Nothing;
        }
        let Some(key) = given.key else {
            return Scope::Nothing;
        };
        let found = {
            let access = self.common.access();
            let keys = access.keys.as_ref();
            keys.and_then(|keys| {
                keys.get(&key)
                    .map(|terms| (terms, keys.has_expired(&terms)))
            })
        };
        match found {
            Some((terms, false)) => terms.info_hash.map_or(Scope::All, Scope::One),
            Some((_, true)) => Scope::Nothing,
            None => {
                self.note_failure(given, now);
                Scope::Nothing
            }
        }
    }

    /// The counts of a torrent within a scope, zeros outside of it.
    pub(crate) fn scrape_within(&mut self, scope: Scope, torrent: &InfoHash) -> Counts {
        match scope {
            Scope::All => self.scrape(torrent),
            Scope::One(one) if one == *torrent => self.scrape(torrent),
            Scope::One(_) | Scope::Nothing => Counts::default(),
        }
    }

    /// Counts a refusal.
    #[cold]
    pub(crate) fn refused(&mut self, refusal: Refusal) -> Refusal {
        self.counters.denied += 1;
        self.counters.refused(refusal);
        refusal
    }

    /// Whether a torrent is let in that a file of state or another tracker tells of. Where there are
    /// signers one that nobody has listed may have been signed.
    pub(crate) fn admits_told(&self, torrent: &InfoHash) -> bool {
        let signed = cfg!(feature = "private") && !self.policy.signers.is_empty();
        let mode = if signed { Mode::Public } else { self.usual };
        self.common.admits(torrent, mode)
    }
}

/// Keys looked at in a second, for those that expired long ago.
const SWEPT: usize = 64;
