//! The event loop: one thread, one epoll, everything non-blocking.
//!
//! A turn is: wait for events; read the clock once; take each event, with a bound on the work that
//! one socket gets; and, once a second while there is anything to forget, let the tracker forget
//! it. Events only say where to look: what happens is decided by what the system calls then return,
//! so that an event which comes too late does no harm.

use core::fmt;
use core::time::Duration;
use std::io;
use std::sync::Arc;

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::rand::{GetRandomFlags, getrandom};
use wrtracker_core::access::{Changes, Mode};
use wrtracker_core::policy::Policy;
use wrtracker_core::stats::RequestLog;
use wrtracker_core::sync::Outbox;
use wrtracker_core::time::Secs;
use wrtracker_core::tracker::{Secrets, Tracker};
use wrtracker_core::udp::LARGEST_REPLY;

use crate::interfaces::LanWatch;
use crate::listen::{Listener, Protocol};
use crate::lists::{Entries, ListSettings, Lists};
use crate::plan::Plan;
use crate::settings::StateSettings;
use crate::state::State;
use crate::state::grants::{Grants, is_true};
use crate::sync::LiveSync;
use crate::sys::clock::wall_seconds;
use crate::sys::memory::{reserve_bytes, reserve_words};
use crate::sys::mmsg::Batch;
use crate::sys::signals::{Request, Signals};
use crate::tcp::{Accepted, Surroundings, Tcp};
use crate::telling::tell;
use crate::tls::Credentials;
use crate::udp;
use crate::uptime::Uptime;
use crate::workers::{Crew, Workers};

/// The tracker with its sockets.
pub struct Server {
    tracker: Tracker<'static>,
    listeners: Vec<Listener>,
    signals: Option<Signals>,
    batch: Batch,
    tcp: Tcp,
    lists: Lists,
    sync: Option<Arc<LiveSync>>,
    workers: Workers,
    state: State,
    grants: Grants,
    lan: LanWatch,
    /// Whether no connections are accepted until the next tick, for want of something.
    starved: bool,
    epoll: OwnedFd,
    events: Vec<Event>,
    uptime: Uptime,
    ticked: Secs,
}

/// What a turn comes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Turned {
    /// There will be more.
    Running,
    /// A signal asked for everything that can be read again to be read again.
    Reload,
    /// A signal asked for the end.
    Ended,
}

/// The server can't start.
#[derive(Debug)]
pub enum StartError {
    /// The kernel does not promise that much memory.
    Memory(io::Error),
    /// The kernel refuses something else.
    System(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory(error) => {
                write!(
                    to,
                    "can't reserve the memory: {error}; set a lower limit with -m"
                )
            }
            Self::System(error) => write!(to, "can't start: {error}"),
        }
    }
}

impl core::error::Error for StartError {}

impl From<rustix::io::Errno> for StartError {
    fn from(error: rustix::io::Errno) -> Self {
        Self::System(error.into())
    }
}

/// Events taken from the kernel at a time.
const EVENTS: usize = 64;

/// What an event is about, as the upper half of its data; the lower is an index.
pub(crate) mod about {
    pub(crate) const LISTENER: u32 = 0;
    pub(crate) const CONNECTION: u32 = 1;
    pub(crate) const SIGNALS: u32 = 2;
    pub(crate) const LISTS: u32 = 3;
    pub(crate) const SYNC: u32 = 4;
}

impl Server {
    /// A server that has taken all the memory it will ever have.
    ///
    /// # Errors
    ///
    /// [`StartError`], if the kernel has not enough of something.
    pub fn new(
        plan: &Plan,
        policy: Policy,
        listeners: Vec<Listener>,
        signals: Option<Signals>,
    ) -> Result<Self, StartError> {
        let arena = reserve_words(plan.arena_words).map_err(StartError::Memory)?;
        let mut random = [0; 40];
        fill_random(&mut random)?;
        let (mut tracker, crew) = Crew::new(plan, arena, &Secrets::new(&random), policy)?;
        let workspace =
            reserve_words(plan.survey_bytes / size_of::<u32>()).map_err(StartError::Memory)?;
        tracker.set_workspace(workspace);
        tracker.set_shares(&plan.shares());
        let requests = reserve_bytes(plan.wanted.log_bytes()).map_err(StartError::Memory)?;
        tracker.requests = RequestLog::new(requests);
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        for (nth, listener) in listeners.iter().enumerate() {
            if listener.protocol == Protocol::Tcp || crew.is_empty() {
                let about = data(about::LISTENER, nth);
                epoll::add(&epoll, &listener.socket, about, EventFlags::IN)?;
            }
        }
        if let Some(signals) = &signals {
            epoll::add(&epoll, signals, data(about::SIGNALS, 0), EventFlags::IN)?;
        }
        let mut batch = Batch::new(plan.datagrams, LARGEST_REPLY).map_err(StartError::Memory)?;
        if let Some(listener) = listeners.iter().find(|it| it.protocol == Protocol::Udp) {
            batch.join_replies(&listener.socket);
        }
        Ok(Self {
            tracker,
            listeners,
            signals,
            batch,
            tcp: Tcp::new(plan).map_err(StartError::Memory)?,
            lists: Lists::default(),
            sync: None,
            workers: Workers::waiting(crew),
            state: State::default(),
            grants: Grants::default(),
            lan: LanWatch::OFF,
            starved: false,
            epoll,
            events: Vec::with_capacity(EVENTS),
            uptime: Uptime::start(),
            ticked: Secs(0),
        })
    }

    /// Takes this certificate for connections that are accepted from now on.
    pub fn set_credentials(&mut self, credentials: Credentials) {
        self.tcp.set_credentials(credentials);
    }

    /// Says what is asked of announces at listeners that say nothing else. To be called before what
    /// is stored is told or read.
    pub fn set_mode(&mut self, usual: Mode) {
        self.tracker.set_mode(usual);
        for listener in &mut self.listeners {
            listener.mode.get_or_insert(usual);
        }
    }

    /// Takes access lists and keys into force, loaded to their ends, and what was granted.
    ///
    /// # Errors
    ///
    /// [`StartError`], if the kernel has not enough of something.
    pub fn set_lists(
        &mut self,
        settings: ListSettings,
        entries: Entries,
    ) -> Result<(), StartError> {
        let mut key = [0; 16];
        fill_random(&mut key)?;
        let grants = settings.grants.clone();
        let (mut lists, mut access) =
            Lists::new(settings, entries, &key).map_err(StartError::Memory)?;
        // Before the file of keys, which leaves what was granted as it is.
        if let Some(path) = grants {
            self.grants = Grants::open(path, &mut access, wall_seconds());
        }
        if !self.grants.is_writable() {
            // Without room for changes nothing can be granted, and who tries is told so.
            access.changes = Changes::default();
        }
        lists.load(&mut access);
        for (descriptor, number, flags) in lists.descriptors() {
            epoll::add(&self.epoll, descriptor, data(about::LISTS, number), flags)?;
        }
        self.tracker.set_access(access);
        if cfg!(feature = "private") {
            self.tracker.set_wall_clock(wall_seconds());
        }
        self.lists = lists;
        Ok(())
    }

    /// Tells other trackers from now on, and listens to them. Not to be called twice.
    ///
    /// # Errors
    ///
    /// [`StartError`], if the kernel has not enough of something.
    pub fn set_sync(&mut self, sync: LiveSync) -> Result<(), StartError> {
        let id = self.tracker.id().to_be_bytes();
        LiveSync::attach(&mut self.tracker, id);
        let about = data(about::SYNC, 0);
        epoll::add(&self.epoll, &sync.incoming, about, EventFlags::IN)?;
        self.sync = Some(Arc::new(sync));
        Ok(())
    }

    /// Starts the UDP workers, if the plan has some. To be called when all else is set.
    ///
    /// # Errors
    ///
    /// [`StartError`], if the kernel has not enough of something.
    pub fn start_workers(&mut self) -> Result<(), StartError> {
        let (listeners, sync) = (&self.listeners, self.sync.as_ref());
        self.workers.start(listeners, sync, self.uptime)
    }

    /// The sockets that it listens on.
    pub fn listeners(&self) -> &[Listener] {
        &self.listeners
    }

    /// The tracker inside.
    pub fn tracker(&self) -> &Tracker<'static> {
        &self.tracker
    }

    /// Sets the tracker's clock ahead, as if the machine had slept: a test need not wait for what
    /// takes minutes.
    pub const fn skip(&mut self, seconds: u32) {
        self.uptime.skip(seconds);
    }

    /// TCP connections that are open.
    pub fn connections(&self) -> usize {
        self.tcp.len()
    }

    /// Changes the policy from now on.
    pub fn set_policy(&mut self, policy: Policy) {
        self.tracker.set_policy(policy);
    }

    /// Finds out about the LAN, now and once a minute.
    pub fn watch_lan(&mut self, watch: LanWatch) {
        self.lan = watch;
        self.look_at_lan(self.now());
    }

    fn look_at_lan(&mut self, now: Secs) {
        if let Some(lan) = self.lan.look(&self.tracker.policy().lan, now) {
            let policy = Policy {
                lan,
                ..self.tracker.policy().clone()
            };
            self.tracker.set_policy(policy);
        }
    }

    /// Begins to read the access lists again.
    pub fn reload_lists(&mut self) {
        self.lists.reload();
    }

    /// Takes back what files of state have, and keeps them from now on. To be called when the lists
    /// are in force.
    pub fn set_state(&mut self, settings: StateSettings) {
        let now = self.now();
        self.state = State::load(settings, &mut self.tracker, now);
    }

    /// Writes the files of state, to the end.
    pub fn save_state(&mut self) {
        let now = self.now();
        self.state.save(&self.tracker, now);
    }

    /// Takes turns until a signal asks for the end. When one asks to read everything again, that is
    /// what `reload` does.
    ///
    /// # Errors
    ///
    /// Only what the event loop can't live with.
    pub fn run(&mut self, reload: &mut dyn FnMut(&mut Self)) -> io::Result<()> {
        loop {
            match self.turn(None)? {
                Turned::Running => {}
                Turned::Reload => reload(self),
                Turned::Ended => return Ok(()),
            }
        }
    }

    /// One turn. Waits for at most `timeout` if nothing happens, or without end if it is `None`.
    ///
    /// # Errors
    ///
    /// Only what the event loop can't live with.
    pub fn turn(&mut self, timeout: Option<Duration>) -> io::Result<Turned> {
        let patience = match (timeout, self.until_tick()) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        let busy = self.lists.work_left() || self.state.work_left() || self.grants.work_left();
        let patience = match busy {
            true => Some(Duration::ZERO),
            false => patience,
        };
        let patience = patience.and_then(|time| Timespec::try_from(time).ok());
        self.events.clear();
        match epoll::wait(
            &self.epoll,
            spare_capacity(&mut self.events),
            patience.as_ref(),
        ) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let now = self.now();
        if now != self.ticked && cfg!(feature = "private") {
            // Before anything is answered: there are no ticks while nothing is stored.
            self.tracker.set_wall_clock(wall_seconds());
        }
        let mut asked = Turned::Running;
        for nth in 0..self.events.len() {
            let Some(data) = self.events.get(nth).map(|event| event.data.u64()) else {
                break;
            };
            let (kind, index) = ((data >> 32) as u32, data as u32 as usize);
            match kind {
                about::SIGNALS => {
                    // The other events have their turn first: some are told only once.
                    asked = self.signalled()?;
                }
                about::CONNECTION => {
                    let mut around = Surroundings {
                        epoll: &self.epoll,
                        tracker: &mut self.tracker,
                        grants: &mut self.grants,
                        now,
                    };
                    self.tcp.ready(index, &mut around);
                    if self.tracker.take_reload() {
                        self.lists.reload();
                    }
                }
                about::LISTS => self.lists.ready(index),
                about::SYNC => {
                    if let Some(sync) = &self.sync {
                        sync.receive(&mut self.tracker, now);
                    }
                }
                _ => self.listener_ready(index, now)?,
            }
            tell(&mut self.tracker, self.sync.as_deref(), now);
        }
        // What is written to a FIFO after a signal to reload comes after the reload.
        if asked == Turned::Running && self.lists.work_left() {
            self.lists.step(&mut self.tracker.access_mut());
        }
        if self.state.work_left() {
            self.state.step(&self.tracker, now);
        }
        if self.grants.work_left() {
            let tracker = &self.tracker;
            self.grants
                .step(&|change| is_true(&tracker.access(), change));
        }
        if now != self.ticked {
            self.tick(now)?;
        }
        if asked == Turned::Ended {
            self.workers.end();
            self.tracker.collect();
            if let Some(sync) = &self.sync {
                sync.finish(&mut self.tracker, now);
            }
        }
        Ok(asked)
    }

    fn listener_ready(&mut self, index: usize, now: Secs) -> io::Result<()> {
        let Some(listener) = self.listeners.get(index) else {
            return Ok(());
        };
        let (socket, tracker) = (&listener.socket, &mut self.tracker);
        match listener.protocol {
            // What goes wrong with one datagram is between its sender and the network.
            Protocol::Udp => {
                tracker.serve_as(listener.mode());
                let _ = udp::serve(socket, &mut self.batch, tracker, now);
            }
            Protocol::Tcp => {
                let mut around = Surroundings {
                    epoll: &self.epoll,
                    tracker,
                    grants: &mut self.grants,
                    now,
                };
                let accepted = self.tcp.accept(listener, &mut around);
                if tracker.take_reload() {
                    self.lists.reload();
                }
                if accepted == Accepted::Starved {
                    // The listener stays readable; to be told so over and over would help nobody.
                    self.set_accepting(EventFlags::empty())?;
                    self.starved = true;
                }
            }
        }
        Ok(())
    }

    /// What is done once a second.
    fn tick(&mut self, now: Secs) -> io::Result<()> {
        self.ticked = now;
        self.tracker.tick(now);
        self.state.tick(&mut self.tracker, now);
        let tracker = &self.tracker;
        self.grants
            .tick(&|change| is_true(&tracker.access(), change));
        tell(&mut self.tracker, self.sync.as_deref(), now);
        self.look_at_lan(now);
        let mut around = Surroundings {
            epoll: &self.epoll,
            tracker: &mut self.tracker,
            grants: &mut self.grants,
            now,
        };
        self.tcp.tick(&mut around);
        if self.starved {
            self.starved = false;
            self.set_accepting(EventFlags::IN)?;
        }
        Ok(())
    }

    /// Sets what the event loop tells of the sockets that take connections.
    fn set_accepting(&self, flags: EventFlags) -> io::Result<()> {
        for (nth, listener) in self.listeners.iter().enumerate() {
            if listener.protocol == Protocol::Tcp {
                epoll::modify(
                    &self.epoll,
                    &listener.socket,
                    data(about::LISTENER, nth),
                    flags,
                )?;
            }
        }
        Ok(())
    }

    /// What signals ask for.
    fn signalled(&self) -> io::Result<Turned> {
        let mut asked = Turned::Running;
        let Some(signals) = &self.signals else {
            return Ok(asked);
        };
        while let Some(request) = signals.next()? {
            match request {
                Request::End => return Ok(Turned::Ended),
                Request::Reload => asked = Turned::Reload,
            }
        }
        Ok(asked)
    }

    /// Seconds since the start.
    fn now(&self) -> Secs {
        self.uptime.now()
    }

    /// The time until the next second begins, or `None` if nothing will have to be forgotten then.
    /// With workers there is always something: they don't wake us when they store a peer.
    fn until_tick(&self) -> Option<Duration> {
        if !self.workers.is_empty() {
            return Some(self.uptime.until_next());
        }
        let totals = self.tracker.totals();
        let empty = totals.torrents == 0 && totals.peers == 0;
        let told = self.tracker.sync().as_ref().is_none_or(Outbox::is_empty);
        let idle = empty
            && told
            && !self.state.waits(&self.tracker)
            && !self.grants.waits()
            && self.tcp.len() == 0
            && !self.starved;
        (!idle).then(|| self.uptime.until_next())
    }
}

/// Random bytes that nobody can guess. Early in a boot this waits until the kernel has some.
fn fill_random(bytes: &mut [u8]) -> Result<(), StartError> {
    // Up to 256 bytes come whole or not at all (getrandom(2)).
    loop {
        match getrandom(&mut *bytes, GetRandomFlags::empty()) {
            Ok(_) => return Ok(()),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

pub(crate) fn data(kind: u32, index: usize) -> EventData {
    EventData::new_u64(u64::from(kind) << 32 | index as u64)
}
