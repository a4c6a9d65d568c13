//! What is behind locks.
//!
//! The locks are those of the standard library, which let threads sleep: a spinning one would waste
//! a router's only processor on whoever waits for the thread that it keeps from running. No lock
//! outlives a call of the tracker that takes it, but for a part that an answer holds until its peers
//! are chosen.

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::boxed::Box;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::vec::Vec;

use super::Part;
use crate::access::Access;
use crate::counters::Counters;
use crate::policy::Policy;
use crate::reach::Near;
use crate::stats::Woodpeckers;
use crate::store::{Store, TooSmall};
use crate::sync::Outbox;
use crate::tracker::Secrets;

/// What some trackers share: see [`Tracker::sharing`](crate::tracker::Tracker::sharing).
pub struct Shared<'m> {
    /// The parts are one more than these, and a power of two.
    first: RwLock<Part<'m>>,
    rest: Box<[RwLock<Part<'m>>]>,
    access: RwLock<Access<'m>>,
    /// Whether there may be lists in it.
    has_lists: AtomicBool,
    sync: RwLock<Option<Outbox<'m>>>,
    has_sync: AtomicBool,
    woodpeckers: RwLock<Woodpeckers>,
    policy: RwLock<Policy>,
    /// Changes of the policy. Wraps.
    changes: AtomicU32,
    /// What was counted and isn't yet in the counters of the tracker that shows them.
    ledger: RwLock<Ledger>,
    /// Announces in a second, of all trackers.
    load: AtomicU32,
}

/// What trackers have counted.
#[derive(Default)]
struct Ledger {
    counters: Counters,
    announces: u32,
}

impl<'m> Shared<'m> {
    /// Most parts.
    pub const MOST_PARTS: u32 = 64;

    /// Swarms in `memory`, which must be all zero, cut into as many parts as is a power of two, not
    /// above `parts` nor [`MOST_PARTS`](Self::MOST_PARTS), and leaves each part at least
    /// `least_words` words. Each part has its share of [`Policy::most_peers`].
    ///
    /// The list of parts is the only thing that is allocated.
    ///
    /// # Errors
    ///
    /// [`TooSmall`] if `memory` holds fewer than [`Store::LEAST_WORDS`] words.
    pub fn new(
        memory: &'m mut [u32],
        parts: u32,
        least_words: usize,
        secrets: &Secrets,
        policy: Policy,
    ) -> Result<Self, TooSmall> {
        let least = least_words.max(Store::LEAST_WORDS);
        let room = u32::try_from(memory.len() / least).unwrap_or(u32::MAX);
        let wanted = parts.min(room).clamp(1, Self::MOST_PARTS);
        let parts = 1 << wanted.ilog2();
        let words = memory.len() / parts;
        let mut stores = Vec::with_capacity(parts);
        for memory in memory.chunks_exact_mut(words.max(1)).take(parts) {
            stores.push(RwLock::new(Part::new(Store::new(
                memory,
                &secrets.index,
                &policy,
            )?)));
        }
        let first = stores.pop().ok_or(TooSmall)?;
        let this = Self {
            first,
            rest: stores.into_boxed_slice(),
            access: RwLock::default(),
            has_lists: AtomicBool::new(false),
            sync: RwLock::new(None),
            has_sync: AtomicBool::new(false),
            woodpeckers: RwLock::new(Woodpeckers::new()),
            policy: RwLock::new(Policy::DEFAULT),
            changes: AtomicU32::new(0),
            ledger: RwLock::default(),
            load: AtomicU32::new(0),
        };
        this.set_policy(policy);
        Ok(this)
    }

    pub(super) fn parts(&self) -> u32 {
        u32::try_from(self.rest.len()).map_or(u32::MAX, |rest| rest.saturating_add(1))
    }

    pub(super) fn part(&self, nth: u32) -> RwLockReadGuard<'_, Part<'m>> {
        read(self.lock_of(nth))
    }

    pub(super) fn part_mut(&self, nth: u32) -> RwLockWriteGuard<'_, Part<'m>> {
        write(self.lock_of(nth))
    }

    fn lock_of(&self, nth: u32) -> &RwLock<Part<'m>> {
        let behind = nth.checked_sub(1).and_then(|nth| usize::try_from(nth).ok());
        behind
            .and_then(|nth| self.rest.get(nth))
            .unwrap_or(&self.first)
    }

    pub(super) fn access(&self) -> RwLockReadGuard<'_, Access<'m>> {
        read(&self.access)
    }

    /// To change the lists. Somebody may add one.
    pub(super) fn access_mut(&self) -> RwLockWriteGuard<'_, Access<'m>> {
        self.has_lists.store(true, Ordering::Release);
        write(&self.access)
    }

    /// To change what isn't a list.
    pub(super) fn proofs_mut(&self) -> RwLockWriteGuard<'_, Access<'m>> {
        write(&self.access)
    }

    pub(super) fn set_access(&self, access: Access<'m>) {
        // Keys have nothing to do with it: who asks for them looks at all.
        let any = access.has_whitelist() || access.blacklist.is_some();
        let mut held = self.access_mut();
        *held = access;
        self.has_lists.store(any, Ordering::Release);
    }

    pub(super) fn has_lists(&self) -> bool {
        self.has_lists.load(Ordering::Acquire)
    }

    pub(super) fn sync(&self) -> RwLockReadGuard<'_, Option<Outbox<'m>>> {
        read(&self.sync)
    }

    pub(super) fn sync_mut(&self) -> RwLockWriteGuard<'_, Option<Outbox<'m>>> {
        write(&self.sync)
    }

    /// Says that there are other trackers to tell.
    pub(crate) fn set_sync(&self, outbox: Outbox<'m>) {
        *self.sync_mut() = Some(outbox);
        self.has_sync.store(true, Ordering::Release);
    }

    pub(super) fn has_sync(&self) -> bool {
        self.has_sync.load(Ordering::Acquire)
    }

    pub(super) fn woodpeckers(&self) -> RwLockReadGuard<'_, Woodpeckers> {
        read(&self.woodpeckers)
    }

    pub(super) fn woodpeckers_mut(&self) -> RwLockWriteGuard<'_, Woodpeckers> {
        write(&self.woodpeckers)
    }

    /// Changes the policy of all trackers, each of which notices when it next takes up work.
    pub(crate) fn set_policy(&self, policy: Policy) {
        let mut of_part = policy.clone();
        let parts = self.parts();
        let lan_changed = read(&self.policy).lan.networks != policy.lan.networks;
        for nth in 0..parts {
            let mut part = self.part_mut(nth);
            if let Some(most) = policy.most_peers.checked_sub(1) {
                // In all as many as are wanted, and never none, which would mean no limit.
                of_part.most_peers = (most.saturating_sub(nth) / parts).saturating_add(1);
            }
            part.store.set_limits(&of_part);
            if lan_changed && part.store.peers() > 0 {
                part.near = Near::ANY;
            }
        }
        *write(&self.policy) = policy;
        self.changes.fetch_add(1, Ordering::Release);
    }

    /// How often the policy has changed.
    pub(crate) fn changes(&self) -> u32 {
        self.changes.load(Ordering::Acquire)
    }

    pub(crate) fn policy(&self) -> Policy {
        read(&self.policy).clone()
    }

    /// Enters what a tracker has counted, and begins its counters anew.
    pub(crate) fn enter(&self, counters: &mut Counters, announces: u32) {
        let mut ledger = write(&self.ledger);
        ledger.counters.add(counters);
        ledger.announces = ledger.announces.saturating_add(announces);
        drop(ledger);
        *counters = Counters::default();
    }

    /// Moves what others have counted into `counters`, and returns their announces.
    pub(crate) fn collect(&self, counters: &mut Counters) -> u32 {
        let mut ledger = write(&self.ledger);
        counters.add(&ledger.counters);
        ledger.counters = Counters::default();
        core::mem::take(&mut ledger.announces)
    }

    /// Announces in a second, of all trackers, as was told last.
    pub(crate) fn load(&self) -> u32 {
        self.load.load(Ordering::Relaxed)
    }

    pub(crate) fn set_load(&self, per_second: u32) {
        self.load.store(per_second, Ordering::Relaxed);
    }
}

/// A panic in another thread ends the program, and in a test it is what is looked at.
fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
