//! What an announce and a scrape do, whatever protocol they came by.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use siphasher::sip::SipHasher13;

use crate::access::Access;
use crate::cookie::Cookies;
use crate::counters::Counters;
use crate::decoys::{Decoys, Draw};
use crate::interval::{Load, interval};
use crate::journal::{Completed, Journal, Note};
use crate::policy::Policy;
use crate::random::Random;
use crate::reach::{self, Near, Scope};
use crate::stats::{RequestLog, Woodpeckers};
use crate::store::{Counts, Outcome, Selection, Status, Store, Summary, TooSmall, TorrentId};
use crate::survey::Survey;
use crate::sync::Outbox;
use crate::time::Secs;
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

/// The answer to an announce, all but the peers: [`Tracker::choose_v4`] and [`Tracker::choose_v6`]
/// give those.
///
/// Valid until the next call that changes the tracker.
#[derive(Clone, Debug)]
pub struct Announced {
    /// The swarm's counts, the announcer included unless it left or found no room.
    pub counts: Counts,
    /// Seconds until the client should announce again, jittered.
    pub interval: u32,
    /// Seconds before which it should not.
    pub min_interval: u32,
    /// Peers stored of each family: what a reply can carry at most.
    pub v4_peers: u32,
    /// See [`v4_peers`](Self::v4_peers).
    pub v6_peers: u32,
    torrent: Option<TorrentId>,
    selection: Selection,
    /// Whether the peers are changed after they are chosen: see [`Changes`].
    pub(crate) changed: bool,
}

/// What is done to the peers of a reply after they are chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Changes {
    /// They get the addresses at which they are reached from there, or are left out.
    asker: Option<Scope>,
    /// Others are put among them.
    decoys: Option<Draw>,
}

/// The torrent isn't allowed here. Its owner may be to blame, or the operator's list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Denied;

/// What nobody outside may guess, from the system's random source.
#[derive(Clone)]
pub struct Secrets {
    /// The key of the index.
    pub index: [u8; 16],
    /// The key of the connection ids.
    pub cookies: [u8; 16],
    /// Where the choice of peers starts from.
    pub choice: [u8; 8],
}

impl Secrets {
    /// Takes 40 random bytes apart.
    pub const fn new(random: &[u8; 40]) -> Self {
        let (mut index, mut cookies, mut choice) = ([0; 16], [0; 16], [0; 8]);
        let (first, rest) = random.split_at(16);
        let (second, third) = rest.split_at(16);
        index.copy_from_slice(first);
        cookies.copy_from_slice(second);
        choice.copy_from_slice(third);
        Self {
            index,
            cookies,
            choice,
        }
    }

    /// A number that anybody may know. It tells nothing about the rest.
    fn id(&self) -> u32 {
        let hash = SipHasher13::new_with_key(&self.index).hash(b"tracker id");
        let [_, _, _, _, id @ ..] = hash.to_be_bytes();
        u32::from_be_bytes(id)
    }
}

/// The tracker: swarms, policy and counters. One value, no I/O, no clock.
pub struct Tracker<'m> {
    pub(crate) store: Store<'m>,
    /// What is to tell other trackers, if there are any.
    pub(crate) sync: Option<Outbox<'m>>,
    policy: Policy,
    random: Random,
    load: Load,
    journal: Journal,
    told_full_scrape: Option<Secs>,
    pub(crate) survey: Survey<'m>,
    /// Minutes from 1970 to second 0 of the clock.
    epoch: u32,
    pub(crate) access: Access<'m>,
    near: Near,
    decoys: Decoys,
    changes: Changes,
    pub(crate) cookies: Cookies,
    /// See [`id`](Self::id).
    id: u32,
    /// When it began, for the statistics.
    pub(crate) started: Secs,
    pub(crate) woodpeckers: Woodpeckers,
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
        Ok(Self {
            store,
            sync: None,
            policy,
            random: Random::new(u64::from_be_bytes(secrets.choice)),
            load: Load::default(),
            journal: Journal::default(),
            told_full_scrape: None,
            survey: Survey::new(&mut []),
            epoch: 0,
            access: Access::default(),
            near: Near::default(),
            decoys: Decoys::new(&secrets.index),
            changes: Changes::default(),
            cookies: Cookies::new(&secrets.cookies),
            id: secrets.id(),
            started: Secs::default(),
            woodpeckers: Woodpeckers::new(),
            requests: RequestLog::default(),
            counters: Counters::default(),
        })
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

    /// Tells it the wall-clock time, in minutes since 1970, at second 0 of its clock. Only dumps of
    /// the state show it.
    pub const fn set_epoch(&mut self, minutes: u32) {
        self.epoch = minutes;
    }

    /// The wall-clock time so many seconds ago, in minutes since 1970.
    pub(crate) const fn minutes_since_1970(&self, now: Secs, ago: u32) -> u32 {
        self.epoch.saturating_add(now.0.saturating_sub(ago) / 60)
    }

    /// Changes the policy from now on.
    pub fn set_policy(&mut self, policy: Policy) {
        self.store.set_limits(&policy);
        if policy.lan.networks != self.policy.lan.networks && self.store.peers() > 0 {
            self.near = Near::ANY;
        }
        self.policy = policy;
    }

    /// Decides which torrents may be announced from now on. Until then all may.
    pub fn set_access(&mut self, access: Access<'m>) {
        self.access = access;
    }

    /// Which torrents may be announced, to change it.
    pub const fn access_mut(&mut self) -> &mut Access<'m> {
        &mut self.access
    }

    /// The swarms, to look at.
    pub const fn store(&self) -> &Store<'m> {
        &self.store
    }

    /// Stores, refreshes or removes the announcer, and returns the counts.
    ///
    /// `event = stopped` removes, never creates a torrent, and selects no peers. When the store is
    /// full the announcer may go unstored; it is answered all the same.
    ///
    /// # Errors
    ///
    /// [`Denied`] if the access lists don't admit the torrent, unless the announcer leaves it.
    pub fn announce(&mut self, announce: &Announce, now: Secs) -> Result<Announced, Denied> {
        self.load.count();
        if announce.event != Event::Stopped && !self.access.admits(&announce.info_hash) {
            self.counters.denied += 1;
            return Err(Denied);
        }
        let seeder = announce.left == Some(0);
        let torrent = if announce.event == Event::Stopped {
            self.tell(announce, None, false, now);
            self.store.leave(&announce.info_hash, &announce.peer, now)
        } else {
            let status = match (seeder, announce.event) {
                (true, _) => Status::Seeder,
                (false, Event::Paused) => Status::Partial,
                (false, _) => Status::Leecher,
            };
            self.join(announce, status, now)
        };
        // A magnet link joins with left=0 before it knows the size (aria2 does): until it announces
        // again it may need seeders as much as anybody.
        let magnet = announce.event == Event::Started && announce.downloaded == 0;
        let wants_seeders = magnet || !(seeder || announce.event == Event::Paused);
        let mut summary = torrent.map(|id| self.store.summary(id)).unwrap_or_default();
        let peers = summary.v4_peers.saturating_add(summary.v6_peers);
        let interval = interval(&self.policy, peers, self.load, &mut self.random);
        let listed = announce.event != Event::Stopped;
        // Hardly ever so on a public tracker.
        let changed = if self.near.is_any() || self.policy.decoys > 0 {
            self.change(announce, wants_seeders, &mut summary, now)
        } else {
            false
        };
        Ok(Announced {
            counts: summary.counts,
            interval,
            min_interval: interval / 2,
            v4_peers: if listed { summary.v4_peers } else { 0 },
            v6_peers: if listed { summary.v6_peers } else { 0 },
            torrent: torrent.filter(|_| listed),
            selection: Selection {
                exclude: announce.peer,
                seeders: wants_seeders,
            },
            changed,
        })
    }

    /// Decides what is changed in the peers of the reply and counts its decoys as leechers; false
    /// if nothing is.
    #[cold]
    fn change(
        &mut self,
        announce: &Announce,
        wants_seeders: bool,
        summary: &mut Summary,
        now: Secs,
    ) -> bool {
        let asker = self.asker(announce.peer.ip());
        if asker.is_none() && self.policy.decoys == 0 {
            return false;
        }
        self.changes = Changes {
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
        let any = *peers > 1 && (wants_seeders || *leechers > own);
        let may = self.policy.decoys > 0 && self.access.whitelist.is_none();
        if any && may && announce.event != Event::Stopped {
            let draw = self.decoys.draw(&announce.info_hash, &self.policy, now);
            let count = draw.as_ref().map_or(0, |draw| draw.count.into());
            *leechers = leechers.saturating_add(count);
            *peers = peers.saturating_add(count);
            self.changes.decoys = draw;
        }
        self.changes != Changes::default()
    }

    /// Has the reply name peers as one reaches them from `source`, where the announcer really is,
    /// if that isn't the address that it is stored at.
    pub fn show_to(&mut self, source: IpAddr, announced: &mut Announced) {
        self.changes = Changes {
            asker: self.asker(source),
            decoys: self.changes.decoys.filter(|_| announced.changed),
        };
        announced.changed = self.changes != Changes::default();
    }

    fn asker(&self, source: IpAddr) -> Option<Scope> {
        let asker = Scope::of_asker(source, &self.policy.lan);
        self.near.matters_to(asker).then_some(asker)
    }

    /// Takes note of where a peer can be reached that has just been stored and wasn't before.
    pub(crate) fn note_reach(&mut self, peer: &PeerAddr) {
        self.near.note(peer.ip(), &self.policy.lan);
    }

    /// Stores or refreshes the announcer and counts what there is to count.
    #[inline]
    fn join(&mut self, announce: &Announce, status: Status, now: Secs) -> Option<TorrentId> {
        let Announce {
            info_hash, peer, ..
        } = announce;
        let completed = status == Status::Seeder && announce.event == Event::Completed;
        let stored = self.store.announce(info_hash, peer, status, completed, now);
        if stored.outcome == Outcome::New {
            self.note_reach(peer);
        }
        if let Outcome::Renewed(seconds) = stored.outcome {
            self.counters.renewal(seconds);
            if self.policy.woodpeckers {
                self.woodpeckers.note(peer.ip(), seconds);
            }
        }
        let since = match stored.outcome {
            Outcome::Renewed(seconds) => Some(seconds),
            Outcome::New | Outcome::Refused => None,
        };
        self.tell(announce, since, stored.completed, now);
        if stored.completed {
            self.counters.completed += 1;
            if self.policy.tell_completed {
                self.journal.add(Note::Completed(Completed {
                    info_hash: *info_hash,
                    peer_id: announce.peer_id,
                    ip: peer.ip(),
                }));
            }
        }
        stored.torrent
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

    /// Fills `out` with compact IPv4 peers of 6 bytes (BEP 23), as many as fit and there are, and
    /// returns the bytes used.
    ///
    /// Never the announcer; no seeders if the announcer needs none; with addresses that mean
    /// something where the announcer is: see [`reach`].
    #[inline]
    pub fn choose_v4(&mut self, announced: &Announced, out: &mut [u8]) -> usize {
        let Some(id) = announced.torrent else {
            return 0;
        };
        let selection = &announced.selection;
        let used = self.store.choose_v4(id, selection, &mut self.random, out);
        if announced.changed {
            self.changed_v4(id, selection, out, used)
        } else {
            used
        }
    }

    /// Fills `out` with compact IPv6 peers of 18 bytes (BEP 7), otherwise as
    /// [`choose_v4`](Self::choose_v4).
    pub fn choose_v6(&mut self, announced: &Announced, out: &mut [u8]) -> usize {
        let Some(id) = announced.torrent else {
            return 0;
        };
        let selection = &announced.selection;
        let used = self.store.choose_v6(id, selection, &mut self.random, out);
        if announced.changed {
            self.changed_v6(id, selection, out, used)
        } else {
            used
        }
    }

    #[cold]
    fn changed_v4(
        &mut self,
        id: TorrentId,
        selection: &Selection,
        out: &mut [u8],
        mut used: usize,
    ) -> usize {
        if let Some(asker) = self.changes.asker {
            let (store, random, lan) = (&self.store, &mut self.random, &self.policy.lan);
            used = reach::adapt::<Ipv4Addr>(lan, asker, out, used, |out| {
                store.choose_v4(id, selection, random, out)
            });
        }
        match &self.changes.decoys {
            Some(draw) if selection.exclude.ip().is_ipv4() => self.decoys.mix_v4(draw, out, used),
            _ => used,
        }
    }

    #[cold]
    fn changed_v6(
        &mut self,
        id: TorrentId,
        selection: &Selection,
        out: &mut [u8],
        mut used: usize,
    ) -> usize {
        if let Some(asker) = self.changes.asker {
            let (store, random, lan) = (&self.store, &mut self.random, &self.policy.lan);
            used = reach::adapt::<Ipv6Addr>(lan, asker, out, used, |out| {
                store.choose_v6(id, selection, random, out)
            });
        }
        match &self.changes.decoys {
            Some(draw) if selection.exclude.ip().is_ipv6() => self.decoys.mix_v6(draw, out, used),
            _ => used,
        }
    }

    /// The counts of a torrent; all zero if it is unknown. Leechers may be more than there are: see
    /// [`Policy::decoys`].
    pub fn scrape(&mut self, info_hash: &InfoHash) -> Counts {
        let torrent = self.store.find(info_hash);
        let summary = torrent.map(|id| self.store.summary(id)).unwrap_or_default();
        let mut counts = summary.counts;
        let empty = counts.seeders == 0 && counts.leechers == 0;
        if self.policy.decoys > 0 && !empty && self.access.whitelist.is_none() {
            let pretended = self.decoys.pretended(&self.policy);
            counts.leechers = counts.leechers.saturating_add(pretended);
        }
        counts
    }

    /// Forgets what has expired, a bounded share of the swarms at a time. Call it once a second.
    pub fn tick(&mut self, now: Secs) {
        self.load.tick();
        self.survey.tick();
        if self.store.peers() == 0 {
            self.near = Near::default();
        }
        self.woodpeckers.tick();
        let steps = self.store.sweep_round() / ROUND_SECONDS + LEAST_STEPS;
        self.store.sweep(now, steps);
    }
}

/// Seconds that the sweep takes to come round: how much longer than its time-out a peer may stay.
const ROUND_SECONDS: u32 = 90;
/// Steps of the sweep in a second when the store is nearly empty.
const LEAST_STEPS: u32 = 64;
