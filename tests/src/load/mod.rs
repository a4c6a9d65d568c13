//! An own load tool for UDP and HTTP: it asks as fast as the tracker answers, and checks every
//! answer.
//!
//! Each thread keeps a window of requests outstanding: a reply makes room for the next request, so
//! the tracker sets the pace and its receive buffer doesn't overflow. Torrents, peers and their
//! order follow from numbers ([`work`]).

pub mod http;
pub mod options;
pub mod packets;
pub mod replies;
mod udp;
pub mod work;

use std::io;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use crate::process;
use work::{Item, Random, Work};

/// By what the tracker is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protocol {
    /// BEP 15.
    Udp,
    /// Over TCP, with one connection per request or with connections that stay.
    Http {
        /// Whether they stay.
        keep_alive: bool,
    },
}

/// When the load ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Extent {
    /// After a time, with requests drawn at random by [`Mix`].
    Time(Duration),
    /// After this many replies, with requests drawn at random by [`Mix`].
    Replies(u64),
    /// When each peer of each torrent has announced once and was answered.
    Fill,
    /// When each torrent was scraped once: the report tells how many peers the tracker holds.
    Verify,
}

/// How many of each kind of request, as weights.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mix {
    /// For a connection id; none over HTTP.
    pub connect: u32,
    /// Announces.
    pub announce: u32,
    /// Scrapes of ten torrents (HTTP: one).
    pub scrape: u32,
}

/// What to do.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the tracker listens.
    pub server: SocketAddr,
    /// By what it is asked.
    pub protocol: Protocol,
    /// About which torrents and peers.
    pub work: Work,
    /// How many peers an announce asks for; negative for as many as the tracker likes.
    pub wanted: i32,
    /// Which requests, where they are drawn at random.
    pub mix: Mix,
    /// When it ends.
    pub extent: Extent,
    /// Time before the counts begin; only with [`Extent::Time`].
    pub warm_up: Duration,
    /// Requests outstanding in each thread, or connections over HTTP. 1 to 4096.
    pub window: usize,
    /// Threads, at least 1.
    pub threads: usize,
    /// The processor core that they are tied to.
    pub core: Option<usize>,
    /// The tracker's process, to measure.
    pub pid: Option<u32>,
}

/// What one thread, and in the end all of them, counted.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Connects answered right.
    pub connects: u64,
    /// Announces answered right.
    pub announces: u64,
    /// Scrapes answered right.
    pub scrapes: u64,
    /// Requests refused by the tracker with an error of the protocol.
    pub refused: u64,
    /// Replies that are none, whatever the request.
    pub wrong: u64,
    /// Requests given up for want of a reply.
    pub lost: u64,
    /// Requests sent again for want of a reply.
    pub resent: u64,
    /// Peers in the replies to announces.
    pub peers_listed: u64,
    /// Seeders and leechers in the replies to scrapes.
    pub peers_scraped: u64,
    /// What was wrong with the first wrong reply.
    pub first_wrong: Option<String>,
}

impl Counts {
    /// Replies that answer their request.
    pub const fn replies(&self) -> u64 {
        self.connects + self.announces + self.scrapes
    }

    fn add(&mut self, other: Self) {
        self.connects += other.connects;
        self.announces += other.announces;
        self.scrapes += other.scrapes;
        self.refused += other.refused;
        self.wrong += other.wrong;
        self.lost += other.lost;
        self.resent += other.resent;
        self.peers_listed += other.peers_listed;
        self.peers_scraped += other.peers_scraped;
        self.first_wrong = self.first_wrong.take().or(other.first_wrong);
    }

    fn note_wrong(&mut self, what: &dyn std::fmt::Display) {
        self.wrong += 1;
        if self.first_wrong.is_none() {
            self.first_wrong = Some(what.to_string());
        }
    }
}

/// What came of a load.
#[derive(Clone, Debug)]
pub struct Report {
    /// The counts of all threads.
    pub counts: Counts,
    /// The time that they are of.
    pub elapsed: Duration,
    /// The processor time that the tracker used meanwhile, if its process was given.
    pub server_time: Option<Duration>,
    /// The tracker's anonymous memory before and after, in bytes, if its process was given.
    pub memory: Option<(u64, u64)>,
}

impl Report {
    /// Replies per second.
    pub fn rate(&self) -> f64 {
        self.counts.replies() as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }

    /// Nanoseconds of the tracker's processor time per reply.
    pub fn nanos_per_reply(&self) -> Option<f64> {
        let replies = self.counts.replies().max(1);
        self.server_time
            .map(|time| time.as_nanos() as f64 / replies as f64)
    }

    /// Peers per announce reply.
    pub fn mean_peers(&self) -> f64 {
        self.counts.peers_listed as f64 / self.counts.announces.max(1) as f64
    }
}

/// One piece of work for a thread: what it asks, and for how long.
pub(crate) struct Plan<'c> {
    pub(crate) config: &'c Config,
    random: Random,
    /// The next pair or block of torrents in [`Extent::Fill`] and [`Extent::Verify`], or replies
    /// still wanted.
    next: u64,
    end: u64,
}

impl<'c> Plan<'c> {
    fn new(config: &'c Config, thread: usize) -> Self {
        let (next, end) = match config.extent {
            Extent::Time(_) => (0, u64::MAX),
            Extent::Replies(count) => (thread as u64, count),
            Extent::Fill => (thread as u64, config.work.len()),
            Extent::Verify => {
                let blocks = u64::from(config.work.torrents).div_ceil(packets::MOST_SCRAPED.into());
                (thread as u64, blocks)
            }
        };
        Self {
            config,
            random: Random::new(config.work.seed ^ ((thread as u64 + 1) << 40)),
            next,
            end,
        }
    }

    /// The next request, or `None` if all have been asked.
    fn take(&mut self) -> Option<(packets::Request, Item)> {
        use packets::Request;
        if self.next >= self.end {
            return None;
        }
        let n = self.next;
        self.next += self.config.threads as u64;
        let Config { work, mix, .. } = self.config;
        match self.config.extent {
            Extent::Fill => Some((Request::Announce(self.config.wanted), work.nth(n))),
            Extent::Verify => {
                let first = n * u64::from(packets::MOST_SCRAPED);
                let torrent = u32::try_from(first).unwrap_or(u32::MAX);
                let count = (work.torrents - torrent).min(packets::MOST_SCRAPED);
                Some((Request::Scrape(count), Item { torrent, peer: 0 }))
            }
            Extent::Time(_) | Extent::Replies(_) => {
                let sum = mix.connect + mix.announce + mix.scrape;
                let drawn = if mix.announce == sum {
                    mix.connect
                } else {
                    self.random.below(sum.max(1).into()) as u32
                };
                let item = work.random(&mut self.random);
                let request = if drawn < mix.connect {
                    Request::Connect
                } else if drawn < mix.connect + mix.announce {
                    Request::Announce(self.config.wanted)
                } else {
                    Request::Scrape(10)
                };
                Some((request, item))
            }
        }
    }
}

/// Runs the load and returns when it is over.
///
/// # Errors
///
/// If a socket can't be had, or the tracker answers nothing for seconds.
///
/// # Panics
///
/// If a thread panics.
pub fn run(config: &Config) -> io::Result<Report> {
    let start = Instant::now();
    let memory = |pid: u32| process::anonymous_bytes(pid);
    let before = config.pid.map(memory).transpose()?;
    let mut begun = start;
    let mut time_before = config.pid.map(process::processor_time).transpose()?;
    let mut measured = None;
    let counts = thread::scope(|scope| -> io::Result<Counts> {
        let handles: Vec<_> = (0..config.threads)
            .map(|thread| {
                scope.spawn(move || {
                    if let Some(core) = config.core {
                        process::pin(core);
                    }
                    let plan = Plan::new(config, thread);
                    match config.protocol {
                        Protocol::Udp => udp::run(plan, start),
                        Protocol::Http { keep_alive } => http::run(plan, keep_alive, start),
                    }
                })
            })
            .collect();
        if let Extent::Time(duration) = config.extent {
            thread::sleep(config.warm_up.saturating_sub(start.elapsed()));
            begun = Instant::now();
            time_before = config.pid.map(process::processor_time).transpose()?;
            thread::sleep((config.warm_up + duration).saturating_sub(start.elapsed()));
            measured = Some((
                begun.elapsed(),
                config.pid.map(process::processor_time).transpose()?,
            ));
        }
        let mut counts = Counts::default();
        for handle in handles {
            counts.add(handle.join().expect("a thread of the load")?);
        }
        Ok(counts)
    })?;
    let (elapsed, time_after) = match measured {
        Some(measured) => measured,
        None => (
            begun.elapsed(),
            config.pid.map(process::processor_time).transpose()?,
        ),
    };
    let after = config.pid.map(memory).transpose()?;
    Ok(Report {
        counts,
        elapsed,
        server_time: time_after
            .zip(time_before)
            .map(|(after, before)| after.saturating_sub(before)),
        memory: before.zip(after),
    })
}

/// Whether counting has begun, and whether sending is over, `now` after the start.
pub(crate) fn phase(config: &Config, now: Duration) -> (bool, bool) {
    match config.extent {
        Extent::Time(duration) => (now >= config.warm_up, now >= config.warm_up + duration),
        _ => (true, false),
    }
}
