//! UDP workers: threads that answer datagrams, each with a tracker that shares the swarms with the
//! event loop's.
//!
//! Each has an event loop of its own over all UDP sockets, and a batch of datagrams. What it counted
//! is entered before its replies leave, so that whoever has a reply finds it in the statistics. It
//! allocates nothing once it runs.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventFlags};
use rustix::event::{EventfdFlags, eventfd};
use rustix::io::Errno;
use wrtracker_core::access::Mode;
use wrtracker_core::common::Shared;
use wrtracker_core::policy::Policy;
use wrtracker_core::tracker::{Secrets, Tracker};
use wrtracker_core::udp::LARGEST_REPLY;

use crate::listen::{Listener, Protocol};
use crate::log;
use crate::plan::Plan;
use crate::server::{StartError, data};
use crate::sync::LiveSync;
use crate::sys::mmsg::Batch;
use crate::sys::thread::Thread;
use crate::telling::tell;
use crate::udp;
use crate::uptime::Uptime;

/// Bytes of stack for each, of which some pages are ever touched.
const STACK: usize = 256 << 10;

/// Bytes that a worker touches besides its batch: stack, and what the C library has for a thread.
pub const BYTES_EACH: usize = 48 << 10;

/// Events taken from the kernel at a time.
const EVENTS: usize = 16;

/// What the event that ends a worker says; others have the number of a socket.
const END: u32 = 1;

/// Parts of the swarms for each worker: so many that two rarely want the same at a time, and so few
/// that each has room for a large swarm.
const PARTS_EACH: u32 = 8;

/// Least bytes of a part, for the same reason.
const LEAST_PART: usize = 1 << 20;

/// The workers' trackers and memory, before they start.
#[derive(Default)]
pub(crate) struct Crew(Vec<(Tracker<'static>, Batch)>);

impl Crew {
    /// A tracker for the event loop with its swarms in `arena`, and those of the workers that `plan`
    /// wants, which share them.
    ///
    /// # Errors
    ///
    /// For want of memory.
    pub(crate) fn new(
        plan: &Plan,
        arena: &'static mut [u32],
        secrets: &Secrets,
        policy: Policy,
    ) -> Result<(Tracker<'static>, Self), StartError> {
        let too_small = |_| StartError::Memory(io::ErrorKind::OutOfMemory.into());
        let workers = u32::from(plan.wanted.workers);
        if workers == 0 {
            let tracker = Tracker::new(arena, secrets, policy).map_err(too_small)?;
            return Ok((tracker, Self::default()));
        }
        let parts = (workers * PARTS_EACH).next_power_of_two();
        let least = LEAST_PART / size_of::<u32>();
        let shared = Shared::new(arena, parts, least, secrets, policy).map_err(too_small)?;
        let shared: &'static Shared<'static> = Box::leak(Box::new(shared));
        let mut crew = Vec::new();
        for nth in 1..=workers {
            let batch = Batch::new(plan.datagrams, LARGEST_REPLY).map_err(StartError::Memory)?;
            crew.push((Tracker::sharing(shared, secrets, nth), batch));
        }
        Ok((Tracker::sharing(shared, secrets, 0), Self(crew)))
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The threads. Dropping them leaves them running: [`end`](Self::end) waits for them.
pub(crate) struct Workers {
    /// Those that haven't started.
    waiting: Crew,
    threads: Vec<Thread>,
    end: Option<Arc<OwnedFd>>,
}

impl Workers {
    /// Workers that haven't started.
    pub(crate) const fn waiting(crew: Crew) -> Self {
        Self {
            waiting: crew,
            threads: Vec::new(),
            end: None,
        }
    }

    /// Starts a thread for each worker, to answer what comes to the UDP sockets among `listeners`.
    ///
    /// # Errors
    ///
    /// The kernel's, for want of something. Some threads may run then.
    pub(crate) fn start(
        &mut self,
        listeners: &[Listener],
        sync: Option<&Arc<LiveSync>>,
        uptime: Uptime,
    ) -> Result<(), StartError> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let end = Arc::new(eventfd(0, EventfdFlags::CLOEXEC)?);
        self.end = Some(Arc::clone(&end));
        for (tracker, mut batch) in self.waiting.0.drain(..) {
            let sockets: Vec<_> = listeners
                .iter()
                .filter(|listener| listener.protocol == Protocol::Udp)
                .map(|listener| (Arc::clone(&listener.socket), listener.mode()))
                .collect();
            if let Some((socket, _)) = sockets.first() {
                batch.join_replies(socket);
            }
            let worker = Worker {
                tracker,
                sockets,
                batch,
                sync: sync.cloned(),
                uptime,
                epoll: epoll::create(CreateFlags::CLOEXEC)?,
                end: Arc::clone(&end),
            };
            worker.watch()?;
            let thread = Thread::start(STACK, Box::new(move || worker.run()));
            self.threads.push(thread.map_err(StartError::System)?);
        }
        Ok(())
    }

    /// Whether there are none.
    pub(crate) const fn is_empty(&self) -> bool {
        self.threads.is_empty() && self.waiting.is_empty()
    }

    /// Ends all threads, after what they are doing.
    pub(crate) fn end(&mut self) {
        if let Some(end) = self.end.take() {
            let _ = rustix::io::write(&*end, &1u64.to_ne_bytes());
        }
        for thread in self.threads.drain(..) {
            thread.join();
        }
    }
}

/// One thread's.
struct Worker {
    tracker: Tracker<'static>,
    /// Each with what is asked of announces that come to it.
    sockets: Vec<(Arc<OwnedFd>, Mode)>,
    batch: Batch,
    sync: Option<Arc<LiveSync>>,
    uptime: Uptime,
    epoll: OwnedFd,
    end: Arc<OwnedFd>,
}

impl Worker {
    fn watch(&self) -> Result<(), Errno> {
        for (nth, (socket, _)) in self.sockets.iter().enumerate() {
            // One worker is woken for what comes, not all.
            let flags = EventFlags::IN | EventFlags::EXCLUSIVE;
            epoll::add(&self.epoll, socket, data(0, nth), flags)?;
        }
        epoll::add(&self.epoll, &self.end, data(END, 0), EventFlags::IN)
    }

    fn run(mut self) {
        if let Err(error) = self.turns() {
            log::error(format_args!("a UDP worker ends: {error}"));
        }
    }

    /// Takes turns until it is to end.
    fn turns(&mut self) -> io::Result<()> {
        let mut events: Vec<Event> = Vec::with_capacity(EVENTS);
        loop {
            events.clear();
            match epoll::wait(&self.epoll, spare_capacity(&mut events), None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            let now = self.uptime.now();
            for event in &events {
                let about = event.data.u64();
                if about >> 32 == u64::from(END) {
                    return Ok(());
                }
                let Some((socket, mode)) = self.sockets.get(about as u32 as usize) else {
                    continue;
                };
                self.tracker.take_up();
                self.tracker.serve_as(*mode);
                // What goes wrong with one datagram is between its sender and the network.
                let _ = udp::serve(socket, &mut self.batch, &mut self.tracker, now);
                tell(&mut self.tracker, self.sync.as_deref(), now);
            }
        }
    }
}
