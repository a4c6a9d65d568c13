//! What an announce and a scrape do, whatever protocol they came by.

use core::net::IpAddr;

use crate::access::{Access, Given, Mode, Refusal};
use crate::answer::{Answer, Changes};
#[cfg(feature = "threads")]
use crate::common::Shared;
use crate::common::{Common, Held, Notes, Part, Seen, Totals};
use crate::cookie::Cookies;
use crate::counters::Counters;
use crate::decoys::Decoys;
#[cfg(feature = "api")]
use crate::grant::KeyMaker;
use crate::interval::{Load, interval};
use crate::journal::{Completed, Journal, Note};
use crate::policy::Policy;
use crate::random::Random;
use crate::reach::{Near, Scope};
use crate::stats::{MOST_SHARES, RequestLog, Share};
use crate::store::{Counts, Outcome, Selection, Status, Store, Stored, Summary, TooSmall};
use crate::survey::Survey;
use crate::time::Secs;
use crate::wire::InfoHash;

pub use crate::announce::{Announce, Event};
pub use crate::secrets::Secrets;

/// The torrent isn't allowed here. Its owner may be to blame, or the operator's list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Denied;

/// The tracker: swarms, policy and counters. One value, no I/O, no clock.
pub struct Tracker<'m> {
    /// What it may share with other trackers.
    pub(crate) common: Common<'m>,
    pub(crate) policy: Policy,
    /// What is asked of announces: see [`serve_as`](Self::serve_as).
    pub(crate) mode: Mode,
    /// See [`set_mode`](Self::set_mode).
    pub(crate) usual: Mode,
    /// Whether that is something that their URL must carry.
    pub(crate) proof: bool,
    /// Of which change of the shared policy this one is.
    #[cfg(feature = "threads")]
    policy_change: u32,
    pub(crate) random: Random,
    #[cfg(feature = "api")]
    pub(crate) key_maker: KeyMaker,
    /// Somebody asked for the files of lists to be read again.
    pub(crate) reload_wanted: bool,
    load: Load,
    journal: Journal,
    told_full_scrape: Option<Secs>,
    pub(crate) survey: Survey<'m>,
    /// Minutes from 1970 to second 0 of the clock.
    epoch: u32,
    decoys: Decoys,
    pub(crate) cookies: Cookies,
    /// See [`id`](Self::id).
    id: u32,
    /// When it began, for the statistics.
    pub(crate) started: Secs,
    /// What the host spends its memory limit on, for [`Mode::Memory`](crate::stats::Mode::Memory).
    pub(crate) shares: heapless::Vec<Share, MOST_SHARES>,
    /// What the network driver has counted, for [`Mode::Network`](crate::stats::Mode::Network).
    #[cfg(feature = "smoltcp")]
    pub(crate) network: crate::stats::network::Lines,
    /// Requests as they came, of those whose requests the policy wants kept.
    pub requests: RequestLog<'m>,
    /// Counted by the protocols as they answer.
    pub counters: Counters,
}

impl<'m> Tracker<'m> {
    /// A tracker that keeps its swarms in `memory` and nowhere else.
    ///
    /// `memory` must be all zero. `secrets` come from the system's random source: connection ids
    /// and the index are only as safe as they are.
    ///
    /// # Errors
    ///
    /// [`TooSmall`] if `memory` holds fewer than [`Store::LEAST_WORDS`] words.
    pub fn new(memory: &'m mut [u32], secrets: &Secrets, policy: Policy) -> Result<Self, TooSmall> {
        let store = Store::new(memory, &secrets.index, &policy)?;
        Ok(Self::of(store, secrets, policy))
    }

    /// A tracker that keeps its swarms in `store`, which is made with the same secrets and policy.
    /// It is built where it stays: with [`new`](Self::new) it lies on the stack for a moment.
    #[inline]
    pub fn of(store: Store<'m>, secrets: &Secrets, policy: Policy) -> Self {
        Self::with(Common::own(Part::new(store)), secrets, policy, 0)
    }

    #[inline]
    fn with(common: Common<'m>, secrets: &Secrets, policy: Policy, nth: u32) -> Self {
        let seed = u64::from_be_bytes(secrets.choice) ^ u64::from(nth);
        Self {
            common,
            policy,
            mode: Mode::default(),
            usual: Mode::default(),
            proof: false,
            #[cfg(feature = "threads")]
            policy_change: 0,
            random: Random::new(seed),
            #[cfg(feature = "api")]
            key_maker: KeyMaker::new(secrets),
            reload_wanted: false,
            load: Load::default(),
            journal: Journal::default(),
            told_full_scrape: None,
            survey: Survey::new(&mut []),
            epoch: 0,
            decoys: Decoys::new(&secrets.index, nth),
            cookies: Cookies::new(&secrets.cookies),
            id: secrets.id(),
            started: Secs::default(),
            shares: heapless::Vec::new(),
            #[cfg(feature = "smoltcp")]
            network: heapless::Vec::new(),
            requests: RequestLog::default(),
            counters: Counters::default(),
        }
    }

    /// Whether somebody asked for the files of lists and keys to be read again since the last call.
    pub const fn take_reload(&mut self) -> bool {
        core::mem::replace(&mut self.reload_wanted, false)
    }

    /// A number that tells this run from others, for the cluster and the statistics.
    pub const fn id(&self) -> u32 {
        self.id
    }

    /// Says when it began, if the host's clock wasn't 0 then.
    pub const fn set_started(&mut self, now: Secs) {
        self.started = now;
    }

    /// The policy in force.
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Gives it memory to work in where it must look at everything: full scrapes and statistics of
    /// the largest swarms, which there are none of without. A thousandth of the store's memory
    /// makes about a hundred walks through the store for a full scrape.
    pub fn set_workspace(&mut self, workspace: &'m mut [u32]) {
        self.survey = Survey::new(workspace);
    }

    /// Tells it what the host spends its memory limit on, in bytes; the share named
    /// [`SWARMS`](crate::stats::SWARMS) is what it has itself. More than
    /// [`MOST_SHARES`] are left out.
    pub fn set_shares(&mut self, shares: &[Share]) {
        let shares = shares.get(..shares.len().min(MOST_SHARES));
        self.shares = heapless::Vec::from_slice(shares.unwrap_or_default()).unwrap_or_default();
    }

    /// Tells it the wall-clock time, in minutes since 1970, at second 0 of its clock. Only dumps of
    /// the state show it.
    pub const fn set_epoch(&mut self, minutes: u32) {
        self.epoch = minutes;
    }

    /// The wall-clock time so many seconds ago, in minutes since 1970.
    pub(crate) const fn minutes_since_1970(&self, now: Secs, ago: u32) -> u32 {
        self.epoch.saturating_add(now.0.saturating_sub(ago) / 60)
    }

    /// Changes the policy from now on, of all trackers that share the swarms.
    pub fn set_policy(&mut self, policy: Policy) {
        match &mut self.common {
            Common::Own(_) => {
                let mut part = self.common.part_mut(0);
                part.store.set_limits(&policy);
                if policy.lan.networks != self.policy.lan.networks && part.store.peers() > 0 {
                    part.near = Near::ANY;
                }
            }
            #[cfg(feature = "threads")]
            Common::Shared(shared) => shared.set_policy(policy.clone()),
        }
        self.policy = policy;
    }

    /// Decides which torrents may be announced from now on. Until then all may.
    pub fn set_access(&mut self, access: Access<'m>) {
        self.common.set_access(access);
    }

    /// Which torrents may be announced.
    pub fn access(&self) -> Seen<'_, Access<'m>> {
        self.common.access()
    }

    /// Which torrents may be announced, to change it.
    pub fn access_mut(&mut self) -> Held<'_, Access<'m>> {
        self.common.access_mut()
    }

    /// The keys, to change or to list them, who guesses, and the lists to look at: a host that lends
    /// keys to an API does so here. As long as it is held others wait.
    pub fn proofs_mut(&mut self) -> Held<'_, Access<'m>> {
        self.common.proofs_mut()
    }

    /// How many parts the swarms are in: 1 unless they are [shared](crate::common).
    pub fn parts(&self) -> u32 {
        self.common.parts()
    }

    /// A part of the swarms to look at, which nobody changes meanwhile. The first is part 0.
    pub fn part(&self, nth: u32) -> Seen<'_, Part<'m>> {
        self.common.part(nth)
    }

    /// What the stores of all parts hold. Looks at each part once.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for nth in 0..self.parts() {
            totals.add(&self.part(nth).store);
        }
        totals
    }

    /// Stores, refreshes or removes the announcer, and returns the answer.
    ///
    /// `event = stopped` removes, never creates a torrent, and selects no peers. When the store is
    /// full the announcer may go unstored; it is answered all the same.
    ///
    /// # Errors
    ///
    /// [`Refusal`] if the access lists don't admit the torrent, unless the announcer leaves it; or if
    /// the [mode](Self::serve_as) asks for a proof.
    pub fn announce(&mut self, announce: &Announce, now: Secs) -> Result<Answer<'_, 'm>, Refusal> {
        self.announce_with(announce, || Given::nothing(announce.peer.ip()), now)
    }

    /// The same for an announce whose URL carries something, which `give` finds out if the
    /// [mode](Self::serve_as) asks for it.
    ///
    /// # Errors
    ///
    /// [`Refusal`], if the announce isn't let in.
    #[inline]
    pub fn announce_with(
        &mut self,
        announce: &Announce,
        give: impl FnOnce() -> Given,
        now: Secs,
    ) -> Result<Answer<'_, 'm>, Refusal> {
        if self.wants_proof() {
            self.admit(announce, &give(), now)?;
        }
        self.enter(announce, now)
    }

    /// Carries an announce out that has shown what was asked for.
    #[inline]
    fn enter(&mut self, announce: &Announce, now: Secs) -> Result<Answer<'_, 'm>, Refusal> {
        self.load.count();
        let leaves = announce.event == Event::Stopped;
        let admitted = leaves || self.wants_proof();
        if !admitted && !self.common.admits(&announce.info_hash, self.mode) {
            return Err(self.refused(Refusal::Denied));
        }
        let decoys = self.policy.decoys > 0 && self.has_decoys();
        let nth = self.common.part_of(&announce.info_hash);
        let (mut part, mut notes) = self.common.hold(nth);
        let stored = if leaves {
            let left = part.store.leave(&announce.info_hash, &announce.peer, now);
            left.map(|id| Stored {
                torrent: Some(id),
                outcome: Outcome::Refused,
                completed: false,
            })
        } else {
            let status = announce.status();
            let completed = status == Status::Seeder && announce.event == Event::Completed;
            let Announce {
                info_hash, peer, ..
            } = announce;
            Some(part.store.announce(info_hash, peer, status, completed, now))
        };
        let torrent = stored.and_then(|stored| stored.torrent);
        let mut book = Book {
            policy: &self.policy,
            counters: &mut self.counters,
            journal: &mut self.journal,
        };
        book.note(
            announce,
            stored.filter(|_| !leaves),
            &mut part,
            &mut notes,
            now,
        );
        let wants_seeders = announce.wants_seeders();
        let mut summary = torrent.map(|id| part.store.summary(id)).unwrap_or_default();
        let peers = summary.v4_peers.saturating_add(summary.v6_peers);
        let interval = interval(&self.policy, peers, self.load, &mut self.random);
        // Hardly ever so on a public tracker.
        let changes = if part.near.is_any() || decoys {
            let asker = part.asker(announce.peer.ip(), &self.policy.lan);
            let policy = &self.policy;
            let draws = decoys && !leaves;
            let decoys = draws.then_some(&mut self.decoys);
            changes(announce, asker, decoys, policy, &mut summary, now)
        } else {
            None
        };
        Ok(Answer {
            counts: summary.counts,
            interval,
            min_interval: interval / 2,
            v4_peers: if leaves { 0 } else { summary.v4_peers },
            v6_peers: if leaves { 0 } else { summary.v6_peers },
            torrent: torrent.filter(|_| !leaves),
            selection: Selection {
                exclude: announce.peer,
                seeders: wants_seeders,
            },
            changes,
            part,
            policy: &self.policy,
            random: &mut self.random,
            decoys: &self.decoys,
        })
    }

    /// Whether decoys are of use: they are for a tracker of which anybody may ask anything.
    fn has_decoys(&self) -> bool {
        !self.wants_proof() && !self.common.access().has_whitelist()
    }

    /// Keeps a request, if the policy wants those of this address kept.
    pub(crate) fn log_request(&mut self, ip: IpAddr, now: Secs, head: &[u8]) {
        if !self.policy.log_requests.is_empty() {
            self.requests.note(&self.policy, ip, now, head);
        }
    }

    /// Tells the host of a full scrape, of one in a second: strangers shall not fill its log.
    pub(crate) fn note_full_scrape(&mut self, ip: IpAddr, now: Secs) {
        if self.told_full_scrape != Some(now) {
            self.told_full_scrape = Some(now);
            self.journal.add(Note::FullScrape(ip));
        }
    }

    /// The oldest note that the host wasn't told yet. Up to 64 are kept.
    pub fn next_note(&mut self) -> Option<Note> {
        self.journal.next()
    }

    /// The counts of a torrent; all zero if it is unknown. Leechers may be more than there are: see
    /// [`Policy::decoys`].
    pub fn scrape(&mut self, info_hash: &InfoHash) -> Counts {
        let mut counts = {
            let part = self.common.part(self.common.part_of(info_hash));
            let torrent = part.store.find(info_hash);
            let summary = torrent.map(|id| part.store.summary(id));
            summary.unwrap_or_default().counts
        };
        let empty = counts.seeders == 0 && counts.leechers == 0;
        if self.policy.decoys > 0 && !empty && self.has_decoys() {
            let pretended = self.decoys.pretended(&self.policy);
            counts.leechers = counts.leechers.saturating_add(pretended);
        }
        counts
    }

    /// Forgets what has expired, a bounded share of the swarms at a time. Call it once a second, of
    /// those that share the swarms for one.
    pub fn tick(&mut self, now: Secs) {
        self.tick_load();
        self.survey.tick();
        self.common.woodpeckers_mut().tick();
        for nth in 0..self.parts() {
            let mut steps = {
                let mut part = self.common.part_mut(nth);
                if part.store.peers() == 0 {
                    part.near = Near::default();
                }
                part.store.sweep_round() / ROUND_SECONDS + LEAST_STEPS
            };
            // Between some and some, whoever shares the part has its turn.
            while steps > 0 {
                let some = steps.min(STEPS_AT_ONCE);
                self.common.part_mut(nth).store.sweep(now, some);
                steps -= some;
            }
        }
    }

    #[cfg(not(feature = "threads"))]
    const fn tick_load(&mut self) {
        self.load.tick();
    }
}

/// Where an announce is noted down.
struct Book<'t> {
    policy: &'t Policy,
    counters: &'t mut Counters,
    journal: &'t mut Journal,
}

impl Book<'_> {
    /// Counts what there is to count of an announce, and tells whom it concerns. `stored` is what
    /// became of somebody who didn't leave.
    #[inline]
    fn note(
        &mut self,
        announce: &Announce,
        stored: Option<Stored>,
        part: &mut Part<'_>,
        notes: &mut Notes<'_, '_>,
        now: Secs,
    ) {
        let (mut since, mut completed) = (None, false);
        if let Some(stored) = stored {
            completed = stored.completed;
            match stored.outcome {
                Outcome::New => part.note_reach(&announce.peer, &self.policy.lan),
                Outcome::Renewed(seconds) => {
                    since = Some(seconds);
                    self.counters.renewal(seconds);
                    if self.policy.woodpeckers {
                        notes.woodpecker(announce.peer.ip(), seconds);
                    }
                }
                Outcome::Refused => {}
            }
        }
        notes.tell(|outbox| outbox.note_announce(announce, since, completed, now));
        if completed {
            self.counters.completed += 1;
            if self.policy.tell_completed {
                self.journal.add(Note::Completed(Completed {
                    info_hash: announce.info_hash,
                    peer_id: announce.peer_id,
                    ip: announce.peer.ip(),
                }));
            }
        }
    }
}

/// Decides what is changed in the peers of the reply and counts its decoys as leechers.
#[cold]
fn changes(
    announce: &Announce,
    asker: Option<Scope>,
    decoys: Option<&mut Decoys>,
    policy: &Policy,
    summary: &mut Summary,
    now: Secs,
) -> Option<Changes> {
    let mut changes = Changes {
        asker,
        decoys: None,
    };
    let peers = if announce.peer.ip().is_ipv4() {
        &mut summary.v4_peers
    } else {
        &mut summary.v6_peers
    };
    let leechers = &mut summary.counts.leechers;
    let own = u32::from(announce.left != Some(0));
    // Never decoys alone, and the announcer itself isn't told.
    let any = *peers > 1 && (announce.wants_seeders() || *leechers > own);
    if let Some(decoys) = decoys.filter(|_| any) {
        let draw = decoys.draw(&announce.info_hash, policy, now);
        let count = draw.as_ref().map_or(0, |draw| draw.count.into());
        *leechers = leechers.saturating_add(count);
        *peers = peers.saturating_add(count);
        changes.decoys = draw;
    }
    changes.or_none()
}

/// What several trackers do that share the swarms.
#[cfg(feature = "threads")]
impl<'m> Tracker<'m> {
    /// A tracker that shares the swarms with others that are made of the same `shared` and
    /// `secrets`, each with another number `nth`. Each may be in a thread of its own.
    ///
    /// One of them is ticked, shows statistics, and collects what all have counted; the others only
    /// answer: see [`take_up`](Self::take_up) and [`put_down`](Self::put_down).
    pub fn sharing(shared: &'m Shared<'m>, secrets: &Secrets, nth: u32) -> Self {
        let mut this = Self::with(Common::Shared(shared), secrets, shared.policy(), nth);
        this.policy_change = shared.changes();
        this
    }

    fn tick_load(&mut self) {
        self.collect();
        self.load.tick();
        if let Common::Shared(shared) = &self.common {
            shared.set_load(self.load.per_second());
        }
    }
}

/// What those do around their work. A tracker alone has nothing to do then.
impl Tracker<'_> {
    /// To be called before some work: has what has changed meanwhile.
    #[inline]
    pub fn take_up(&mut self) {
        #[cfg(feature = "threads")]
        if let Common::Shared(shared) = &self.common {
            let changes = shared.changes();
            if changes != self.policy_change {
                self.policy = shared.policy();
                self.policy_change = changes;
            }
            self.load.set(shared.load());
        }
    }

    /// To be called after some work, before the replies go out: enters what was counted. Not for the
    /// one that [collects](Self::collect).
    #[inline]
    pub fn put_down(&mut self) {
        #[cfg(feature = "threads")]
        if let Common::Shared(shared) = &self.common {
            shared.enter(&mut self.counters, self.load.take());
        }
    }

    /// Has what others have counted in [`counters`](Self::counters), up to now. Statistics do it by
    /// themselves when they are asked for.
    #[inline]
    pub fn collect(&mut self) {
        #[cfg(feature = "threads")]
        if let Common::Shared(shared) = &self.common {
            self.load.add(shared.collect(&mut self.counters));
        }
    }
}

/// Seconds that the sweep takes to come round: how much longer than its time-out a peer may stay.
const ROUND_SECONDS: u32 = 90;
/// Steps of the sweep in a second when the store is nearly empty.
const LEAST_STEPS: u32 = 64;
/// Steps of the sweep for which others have to wait: some tens of microseconds.
const STEPS_AT_ONCE: u32 = 512;
