//! The memory limit, spent: bytes in, counts out, then fixed.

use core::fmt;

use wrtracker_core::stats::SWARMS;
use wrtracker_core::store::{Capacity, Store};
use wrtracker_core::{http, udp};

use crate::size::Bytes;
use crate::sys::mmsg::Batch;
use crate::{tcp, tls, workers};

/// How many of everything the tracker has. Nothing grows beyond it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Plan {
    /// The limit that the counts are made from.
    pub limit: Bytes,
    /// Datagrams received, and replies sent, by one system call.
    pub datagrams: usize,
    /// TCP connections open at the same time.
    pub connections: usize,
    /// Connections among them with an incomplete request or an unsent reply.
    pub held: usize,
    /// TLS sessions among them at the same time; 0 if none is wanted.
    pub sessions: usize,
    /// Bytes that all sessions together may hold of what is not complete or not taken.
    pub session_bytes: usize,
    /// What is there beside the swarms because the operator wants it.
    pub wanted: Wanted,
    /// Bytes for walks over everything: full scrapes and statistics.
    pub survey_bytes: usize,
    /// Words of 4 bytes for the swarms.
    pub arena_words: usize,
}

/// What the operator wants beside swarms. The default is nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Wanted {
    /// Most hashes in the whitelist; 0 is no list.
    pub whitelist: usize,
    /// Most hashes in the blacklist; 0 is no list.
    pub blacklist: usize,
    /// Bytes for what programs grant; 0 is nothing.
    pub granted_bytes: usize,
    /// Bytes for keys; 0 is none.
    pub key_bytes: usize,
    /// TLS.
    pub tls: bool,
    /// Live sync.
    pub sync: bool,
    /// Requests are kept for `mode=fulllog`.
    pub log_requests: bool,
    /// Threads that answer UDP.
    pub workers: u8,
}

/// The limit is too small for what is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooLittle {
    /// The limit.
    pub limit: Bytes,
    /// The least that would do, in whole MiB.
    pub least: Bytes,
    /// How much of it is for access lists.
    pub lists: Bytes,
    /// How much of it is for keys.
    pub keys: Bytes,
}

impl fmt::Display for TooLittle {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            limit,
            least,
            lists,
            keys,
        } = self;
        write!(
            to,
            "a memory limit of {limit} is too small: the least is {least}"
        )?;
        if lists.0 > 0 {
            write!(to, ", of which access lists take {lists}")?;
        }
        if keys.0 > 0 {
            write!(to, ", of which keys take {keys}")?;
        }
        Ok(())
    }
}

impl core::error::Error for TooLittle {}

/// Bytes for the requests that are kept for `mode=fulllog`.
pub const LOG_BYTES: usize = 32 << 10;

/// Bytes for live sync: packets that wait to be sent, and those being received.
pub(crate) const SYNC_BYTES: usize = 16 * 1500;

/// Bytes for the replies that are made while they are sent.
const STREAM_BYTES: usize = 4 << 10;

/// Bytes of a page of memory.
const PAGE: usize = 4 << 10;

impl Wanted {
    /// Bytes for access lists: each has two halves, one in force and one to load, with a table of 8
    /// bytes for each slot of which seven in eight are filled.
    pub fn list_bytes(&self) -> usize {
        let slots = |hashes: usize| hashes.saturating_add(hashes.div_ceil(7));
        slots(self.whitelist)
            .saturating_add(slots(self.blacklist))
            .saturating_mul(2 * size_of::<u64>())
    }

    const fn sync_bytes(&self) -> usize {
        if self.sync { SYNC_BYTES } else { 0 }
    }

    pub(crate) const fn log_bytes(&self) -> usize {
        if self.log_requests { LOG_BYTES } else { 0 }
    }
}

impl Plan {
    /// The least limit that is of use, if nothing is wanted but swarms.
    pub const LEAST: Bytes = Bytes(MIB);

    /// The most that is taken of a machine when no limit is set.
    const MOST_BY_DEFAULT: u64 = 1 << 30;

    /// What the program takes before it serves anybody: code that the loader changed, stack, small
    /// allocations. Measured, with the largest C library and room to spare.
    const FIXED: u64 = 320 << 10;

    /// The least memory for swarms that is of use, in bytes.
    const LEAST_ARENA: u64 = 448 << 10;

    /// The limit for a machine with so much memory: an eighth, from [`LEAST`](Self::LEAST) to 1
    /// GiB.
    pub fn default_limit(machine: u64) -> Bytes {
        Bytes((machine / 8).clamp(Self::LEAST.0, Self::MOST_BY_DEFAULT))
    }

    /// Spends `limit`: a fixed part for the program, what `wanted` needs, an eighth at most for
    /// datagrams and connections, the rest for the swarms. At most `connections` connections,
    /// whatever the limit.
    ///
    /// # Errors
    ///
    /// [`TooLittle`], if less than half a mebibyte would be left for the swarms.
    pub fn new(limit: Bytes, connections: usize, wanted: &Wanted) -> Result<Self, TooLittle> {
        let short = match Self::spend(limit, connections, wanted) {
            Ok(plan) => return Ok(plan),
            Err(short) => short,
        };
        // More memory makes more connections, which take up to an eighth of it: a few steps.
        let mut least = limit.0.saturating_add(short);
        while least < u64::MAX
            && let Err(short) = Self::spend(Bytes(least), connections, wanted)
        {
            least = least.saturating_add(short);
        }
        Err(TooLittle {
            limit,
            least: Bytes(least.checked_next_multiple_of(MIB).unwrap_or(u64::MAX)),
            lists: Bytes(wanted.list_bytes() as u64),
            keys: Bytes(wanted.key_bytes as u64),
        })
    }

    /// The plan, or the bytes that the limit lacks at least.
    fn spend(limit: Bytes, connections: usize, wanted: &Wanted) -> Result<Self, u64> {
        let scaled = |bytes_each: u64, least: usize, most: usize| {
            usize::try_from(limit.0 / bytes_each)
                .unwrap_or(most)
                .clamp(least, most)
        };
        let datagrams = scaled(256 << 10, 8, 64);
        // One that waits costs little, one that holds a buffer much: a thousand fit a router, if few
        // of them are slow.
        let many = scaled(16 << 10, 64, 1024).max(scaled(2 << 20, 0, 1 << 20));
        let connections = many.min(connections).max(1);
        let mut plan = Self {
            limit,
            datagrams,
            connections,
            held: scaled(256 << 10, 4, 160)
                .max(scaled(8 << 20, 0, 1 << 16))
                .min(connections),
            sessions: 0,
            session_bytes: 0,
            wanted: *wanted,
            survey_bytes: 0,
            arena_words: 0,
        };
        if wanted.tls && cfg!(feature = "tls") {
            // A sixteenth at rest, and as much for what waits.
            let each = tls::BYTES_PER_SESSION;
            plan.sessions = scaled(16 * each as u64, 8, usize::MAX).min(connections);
            plan.session_bytes =
                scaled(16, 64 << 10, usize::MAX).min(plan.sessions.saturating_mul(tls::MOST_HELD));
        }
        let spent = plan.shares().map(|(_, bytes)| bytes);
        let spent = spent.into_iter().fold(0, u64::saturating_add);
        let least = spent.saturating_add(Self::LEAST_ARENA + LEAST_SURVEY as u64);
        let least = least.max(Self::LEAST.0);
        if limit.0 < least {
            return Err(least - limit.0);
        }
        // An address space of 32 bits has less to give than the limit may say.
        let left = usize::try_from(limit.0 - spent).unwrap_or(usize::MAX - 3);
        plan.survey_bytes = (left / 1024)
            .next_multiple_of(PAGE)
            .clamp(LEAST_SURVEY, MOST_SURVEY);
        plan.arena_words = (left - plan.survey_bytes) / size_of::<u32>();
        debug_assert!(plan.arena_words >= Store::LEAST_WORDS);
        Ok(plan)
    }

    /// Bytes for what connections hold.
    pub const fn buffer_bytes(&self) -> usize {
        self.held * http::BUFFER_BYTES
    }

    /// What the limit is spent on, in bytes. Together that is at most the limit.
    pub fn shares(&self) -> [(&'static str, u64); 12] {
        let connections = self.connections * tcp::BYTES_PER_CONNECTION
            + self.buffer_bytes()
            + tcp::SCRATCH_BYTES
            + STREAM_BYTES;
        let sessions = if self.sessions > 0 {
            let at_rest = self.sessions.saturating_mul(tls::BYTES_PER_SESSION);
            at_rest
                .saturating_add(self.session_bytes)
                .saturating_add(tls::SCRATCH_BYTES)
        } else {
            0
        };
        let datagrams = self.datagrams * Batch::bytes_per_datagram(udp::LARGEST_REPLY);
        let workers = usize::from(self.wanted.workers) * (datagrams + workers::BYTES_EACH);
        [
            (SWARMS, (self.arena_words * size_of::<u32>()) as u64),
            ("walks over them", self.survey_bytes as u64),
            ("datagrams", datagrams as u64),
            ("UDP workers", workers as u64),
            ("connections", connections as u64),
            ("TLS sessions", sessions as u64),
            ("access lists", self.wanted.list_bytes() as u64),
            ("keys", self.wanted.key_bytes as u64),
            ("what programs grant", self.wanted.granted_bytes as u64),
            ("live sync", self.wanted.sync_bytes() as u64),
            ("logged requests", self.wanted.log_bytes() as u64),
            ("the program itself", Self::FIXED),
        ]
    }
}

/// The least memory for walks: what it takes to tell the largest networks from others.
const LEAST_SURVEY: usize = 16 << 10;

/// The largest memory for walks: to sort more at a time would keep others waiting.
const MOST_SURVEY: usize = 256 << 10;

const MIB: u64 = 1 << 20;

impl fmt::Display for Plan {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Capacity {
            torrents, peers, ..
        } = Store::capacity(self.arena_words);
        write!(
            to,
            "memory limit {}: up to {torrents} torrents or {peers} peers, {} connections",
            self.limit, self.connections
        )?;
        if self.sessions > 0 {
            write!(to, ", {} of them with TLS", self.sessions)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use wrtracker_core::access::Keys;

    use super::{Plan, TooLittle, Wanted};
    use crate::size::Bytes;

    const ANY: usize = usize::MAX;

    fn plan(limit: u64) -> Plan {
        Plan::new(Bytes(limit), ANY, &Wanted::default()).unwrap()
    }

    fn sum(plan: &Plan) -> u64 {
        plan.shares().iter().map(|(_, bytes)| bytes).sum()
    }

    #[test]
    fn a_limit_below_the_least_is_refused_with_the_least() {
        for limit in [0, 100 << 10, Plan::LEAST.0 - 1] {
            let error = Plan::new(Bytes(limit), ANY, &Wanted::default()).unwrap_err();
            let expected = TooLittle {
                limit: Bytes(limit),
                least: Plan::LEAST,
                lists: Bytes(0),
                keys: Bytes(0),
            };
            assert_eq!(error, expected);
            assert!(
                error.to_string().ends_with("the least is 1.0 MiB"),
                "{error}"
            );
        }
        plan(Plan::LEAST.0);
    }

    #[test]
    fn everything_grows_with_the_limit_and_most_of_it_is_for_swarms() {
        let mut last = plan(Plan::LEAST.0);
        for shift in 21..=30 {
            let plan = plan(1 << shift);
            assert!(plan.arena_words > last.arena_words && plan.connections >= last.connections);
            assert!(plan.datagrams >= last.datagrams && plan.held >= last.held);
            let arena = plan.arena_words as u64 * 4;
            assert!(
                arena < plan.limit.0 && arena > plan.limit.0 / 10 * 6,
                "{plan:?}"
            );
            let survey = plan.survey_bytes as u64;
            assert!(
                survey.is_multiple_of(4096)
                    && survey >= (arena / 1024).clamp(16 << 10, 256 << 10)
                    && survey <= (arena / 1024 + 8192).max(16 << 10),
                "{plan:?}"
            );
            last = plan;
        }
        assert_eq!(plan(8 << 20).connections, 512);
        assert_eq!(plan(16 << 20).connections, 1024);
    }

    #[test]
    fn the_shares_are_the_whole_limit_and_no_more() {
        let wanted = Wanted {
            granted_bytes: 4000,
            whitelist: 10_000,
            blacklist: 3,
            key_bytes: 53_760,
            tls: true,
            sync: true,
            log_requests: true,
            workers: 2,
        };
        for limit in [2 << 20, 8 << 20, (8 << 20) + 4097, 1 << 30] {
            for wanted in [Wanted::default(), wanted] {
                let plan = Plan::new(Bytes(limit), ANY, &wanted).unwrap();
                assert!(sum(&plan) <= limit && sum(&plan) > limit - 4, "{plan:?}");
            }
        }
    }

    #[test]
    fn what_is_wanted_is_taken_from_the_swarms() {
        let none = plan(8 << 20);
        let with = |wanted: Wanted| Plan::new(Bytes(8 << 20), ANY, &wanted).unwrap();
        let taken = |wanted| (none.arena_words - with(wanted).arena_words) * 4;
        let (whitelist, sync, log) = (
            Wanted {
                whitelist: 7_000,
                ..Wanted::default()
            },
            Wanted {
                sync: true,
                ..Wanted::default()
            },
            Wanted {
                log_requests: true,
                ..Wanted::default()
            },
        );
        assert_eq!(taken(whitelist), 8_000 * 16);
        assert_eq!(whitelist.list_bytes(), 8_000 * 16);
        assert_eq!((taken(sync), taken(log)), (24_000, 32 << 10));
    }

    #[test]
    fn lists_that_do_not_fit_are_refused_with_the_least_that_would_do() {
        for hashes in [40_000, 1_000_000, 100_000_000, usize::MAX] {
            let wanted = Wanted {
                whitelist: hashes,
                blacklist: hashes / 2,
                ..Wanted::default()
            };
            let error = Plan::new(Plan::LEAST, ANY, &wanted).unwrap_err();
            let text = error.to_string();
            assert!(text.contains("of which access lists take "), "{text}");
            if hashes < usize::MAX {
                Plan::new(error.least, ANY, &wanted).unwrap();
                let less = Bytes(error.least.0 - (1 << 20));
                assert!(Plan::new(less, ANY, &wanted).is_err(), "{text}");
            }
        }
        // The smallest list fits the smallest limit.
        let wanted = Wanted {
            whitelist: 4096,
            sync: true,
            log_requests: true,
            ..Wanted::default()
        };
        Plan::new(Plan::LEAST, ANY, &wanted).unwrap();
        // So do it and the smallest table of keys.
        let wanted = Wanted {
            whitelist: 4096,
            key_bytes: Keys::words(512) * 4,
            ..Wanted::default()
        };
        Plan::new(Plan::LEAST, ANY, &wanted).unwrap();
        let wanted = Wanted {
            key_bytes: 10 << 20,
            ..wanted
        };
        let error = Plan::new(Plan::LEAST, ANY, &wanted).unwrap_err();
        let text = error.to_string();
        assert!(text.ends_with(", of which keys take 10.0 MiB"), "{text}");
        Plan::new(error.least, ANY, &wanted).unwrap();
    }

    #[cfg(feature = "tls")]
    #[test]
    fn sessions_are_a_share_of_the_connections() {
        let wanted = Wanted {
            tls: true,
            ..Wanted::default()
        };
        let sessions = |limit, connections| {
            let plan = Plan::new(Bytes(limit), connections, &wanted).unwrap();
            assert!(plan.sessions <= plan.connections && sum(&plan) <= limit);
            plan.sessions
        };
        assert_eq!(sessions(2 << 20, ANY), 16);
        assert_eq!(sessions(16 << 20, ANY), 128);
        assert_eq!(sessions(64 << 20, ANY), 512);
        assert_eq!(sessions(1 << 30, ANY), 1024);
        for connections in [0, 1, 7] {
            assert_eq!(sessions(8 << 20, connections), connections.max(1));
        }
        assert!(Plan::new(Plan::LEAST, ANY, &wanted).is_err());
    }

    #[test]
    fn fewer_descriptors_make_fewer_connections() {
        let few = |connections| Plan::new(Bytes(64 << 20), connections, &Wanted::default());
        let plan = few(10).unwrap();
        assert_eq!((plan.connections, plan.held), (10, 10));
        assert_eq!(few(0).unwrap().connections, 1);
    }

    #[test]
    fn the_default_is_a_share_of_the_machine_within_bounds() {
        assert_eq!(Plan::default_limit(128 << 20), Bytes(16 << 20));
        assert_eq!(Plan::default_limit(0), Plan::LEAST);
        assert_eq!(Plan::default_limit(u64::MAX), Bytes(1 << 30));
    }
}
