//! What several trackers may share, so that each of some threads can answer with one of its own:
//! the swarms, the access lists, and what goes to other trackers.
//!
//! | file | what it holds |
//! |---|---|
//! | `held` | what is lent to a call: owned, or locked until it ends |
//! | `part` | a share of the swarms, which one call has to itself |
//! | `shared` | what is behind locks (with the feature `threads`) |
//! | `totals` | figures of all parts together |
//!
//! A tracker alone owns all of it, in one part, and takes no lock. Trackers that share it have the
//! swarms in parts by info hash, each behind a lock of its own, and hold one of them only while they
//! store a peer and write a reply's peers. A part's lock is never taken while another lock is held,
//! but access lists, outbox and woodpeckers may be locked for a moment while a part is: so nobody
//! waits in a circle.

mod held;
mod part;
#[cfg(feature = "threads")]
mod shared;
mod totals;

use core::net::IpAddr;

pub use held::{Held, Seen};
pub use part::Part;
#[cfg(feature = "threads")]
pub use shared::Shared;
pub use totals::Totals;

use crate::access::{Access, Mode};
use crate::stats::Woodpeckers;
use crate::sync::Outbox;
use crate::wire::InfoHash;

/// What a tracker has of it.
#[allow(clippy::large_enum_variant, reason = "there is one for each tracker")]
pub(crate) enum Common<'m> {
    /// All of it.
    Own(Own<'m>),
    /// The same as others.
    #[cfg(feature = "threads")]
    Shared(&'m Shared<'m>),
}

/// What a tracker alone has.
pub(crate) struct Own<'m> {
    part: Part<'m>,
    access: Access<'m>,
    sync: Option<Outbox<'m>>,
    woodpeckers: Woodpeckers,
}

/// What may be noted down while a part is held.
pub(crate) enum Notes<'t, 'm> {
    Own {
        sync: &'t mut Option<Outbox<'m>>,
        woodpeckers: &'t mut Woodpeckers,
    },
    #[cfg(feature = "threads")]
    Shared(&'t Shared<'m>),
}

impl<'m> Common<'m> {
    pub(crate) fn own(part: Part<'m>) -> Self {
        Self::Own(Own {
            part,
            access: Access::default(),
            sync: None,
            woodpeckers: Woodpeckers::new(),
        })
    }

    /// How many parts the swarms are in.
    pub(crate) fn parts(&self) -> u32 {
        match self {
            Self::Own(_) => 1,
            #[cfg(feature = "threads")]
            Self::Shared(shared) => shared.parts(),
        }
    }

    /// The part that a torrent belongs to. Parts are in the order of their info hashes, and each has
    /// as many of those that can be.
    #[inline]
    pub(crate) fn part_of(&self, hash: &InfoHash) -> u32 {
        match self {
            Self::Own(_) => place(hash, 1),
            #[cfg(feature = "threads")]
            Self::Shared(shared) => place(hash, shared.parts()),
        }
    }

    /// The first info hash behind a part; `None` if it is the last.
    pub(crate) fn end_of(&self, nth: u32) -> Option<InfoHash> {
        let start = u64::from(nth).saturating_add(1).saturating_mul(1 << 32);
        let word = start.div_ceil(self.parts().into());
        u32::try_from(word).ok().map(InfoHash::starting)
    }

    /// A part to look at; the first if there is no such number.
    pub(crate) fn part(&self, nth: u32) -> Seen<'_, Part<'m>> {
        match self {
            Self::Own(own) => {
                debug_assert!(nth == 0, "there is one part");
                Seen::Own(&own.part)
            }
            #[cfg(feature = "threads")]
            Self::Shared(shared) => Seen::Locked(shared.part(nth)),
        }
    }

    /// A part to change.
    #[inline]
    pub(crate) fn part_mut(&mut self, nth: u32) -> Held<'_, Part<'m>> {
        self.hold(nth).0
    }

    /// A part to change, and where to note that.
    #[inline]
    pub(crate) fn hold(&mut self, nth: u32) -> (Held<'_, Part<'m>>, Notes<'_, 'm>) {
        match self {
            Self::Own(own) => {
                debug_assert!(nth == 0, "there is one part");
                let notes = Notes::Own {
                    sync: &mut own.sync,
                    woodpeckers: &mut own.woodpeckers,
                };
                (Held::Own(&mut own.part), notes)
            }
            #[cfg(feature = "threads")]
            Self::Shared(shared) => (Held::Locked(shared.part_mut(nth)), Notes::Shared(shared)),
        }
    }

    /// The info hash of a torrent, known by its prefix and the number that stands for it in its part;
    /// `None` if it is there no more.
    pub(crate) fn hash_of(&self, prefix: u32, number: u32) -> Option<InfoHash> {
        let nth = self.part_of(&InfoHash::starting(prefix));
        self.part(nth).store.hash_of(prefix, number)
    }

    /// Whether a torrent may be announced, as far as lists go. Without any no lock is taken.
    #[inline]
    pub(crate) fn admits(&self, hash: &InfoHash, mode: Mode) -> bool {
        match self {
            Self::Own(own) => own.access.admits_in(mode, hash),
            #[cfg(feature = "threads")]
            Self::Shared(shared) => !shared.has_lists() || shared.access().admits_in(mode, hash),
        }
    }

    pub(crate) fn set_access(&mut self, access: Access<'m>) {
        match self {
            Self::Own(own) => own.access = access,
            #[cfg(feature = "threads")]
            Self::Shared(shared) => shared.set_access(access),
        }
    }

    pub(crate) fn access(&self) -> Seen<'_, Access<'m>> {
        match self {
            Self::Own(own) => Seen::Own(&own.access),
            #[cfg(feature = "threads")]
            Self::Shared(shared) => Seen::Locked(shared.access()),
        }
    }

    pub(crate) fn access_mut(&mut self) -> Held<'_, Access<'m>> {
        match self {
            Self::Own(own) => Held::Own(&mut own.access),
            #[cfg(feature = "threads")]
            Self::Shared(shared) => Held::Locked(shared.access_mut()),
        }
    }

    /// The same to change keys and guesses alone: no list is added by that.
    pub(crate) fn proofs_mut(&mut self) -> Held<'_, Access<'m>> {
        match self {
            Self::Own(own) => Held::Own(&mut own.access),
            #[cfg(feature = "threads")]
            Self::Shared(shared) => Held::Locked(shared.proofs_mut()),
        }
    }

    pub(crate) fn sync(&self) -> Seen<'_, Option<Outbox<'m>>> {
        match self {
            Self::Own(own) => Seen::Own(&own.sync),
            #[cfg(feature = "threads")]
            Self::Shared(shared) => Seen::Locked(shared.sync()),
        }
    }

    pub(crate) fn sync_mut(&mut self) -> Held<'_, Option<Outbox<'m>>> {
        match self {
            Self::Own(own) => Held::Own(&mut own.sync),
            #[cfg(feature = "threads")]
            Self::Shared(shared) => Held::Locked(shared.sync_mut()),
        }
    }

    pub(crate) fn woodpeckers(&self) -> Seen<'_, Woodpeckers> {
        match self {
            Self::Own(own) => Seen::Own(&own.woodpeckers),
            #[cfg(feature = "threads")]
            Self::Shared(shared) => Seen::Locked(shared.woodpeckers()),
        }
    }

    pub(crate) fn woodpeckers_mut(&mut self) -> Held<'_, Woodpeckers> {
        match self {
            Self::Own(own) => Held::Own(&mut own.woodpeckers),
            #[cfg(feature = "threads")]
            Self::Shared(shared) => Held::Locked(shared.woodpeckers_mut()),
        }
    }
}

/// The place of a hash among so many parts of all hashes.
#[inline]
fn place(hash: &InfoHash, parts: u32) -> u32 {
    let place = u64::from(hash.prefix()).saturating_mul(parts.into()) >> 32;
    u32::try_from(place).unwrap_or(0)
}

impl Notes<'_, '_> {
    /// Tells other trackers of an announce, if there are any.
    #[inline]
    pub(crate) fn tell(&mut self, tell: impl FnOnce(&mut Outbox<'_>)) {
        match self {
            Self::Own { sync, .. } => {
                if let Some(outbox) = sync {
                    tell(outbox);
                }
            }
            #[cfg(feature = "threads")]
            Self::Shared(shared) => {
                if shared.has_sync()
                    && let Some(outbox) = &mut *shared.sync_mut()
                {
                    tell(outbox);
                }
            }
        }
    }

    /// Notes somebody who announced so many seconds after the last time.
    pub(crate) fn woodpecker(&mut self, ip: IpAddr, seconds: u32) {
        match self {
            Self::Own { woodpeckers, .. } => woodpeckers.note(ip, seconds),
            #[cfg(feature = "threads")]
            Self::Shared(shared) => shared.woodpeckers_mut().note(ip, seconds),
        }
    }
}

#[cfg(all(test, feature = "threads"))]
mod tests;
