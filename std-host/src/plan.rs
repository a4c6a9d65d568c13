//! The memory limit, spent: bytes in, counts out, then fixed.

use core::fmt;

use wrtracker_core::store::{Capacity, Store};
use wrtracker_core::{http, udp};

use crate::size::Bytes;
use crate::sys::mmsg::Batch;
use crate::tcp;

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
    /// Words of 4 bytes for the swarms.
    pub arena_words: usize,
}

/// The limit is below [`Plan::LEAST`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooLittle(pub Bytes);

impl fmt::Display for TooLittle {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            to,
            "a memory limit of {} is too small: the least is {}",
            self.0,
            Plan::LEAST
        )
    }
}

impl core::error::Error for TooLittle {}

impl Plan {
    /// The least limit that is of use.
    pub const LEAST: Bytes = Bytes(1 << 20);

    /// The most that is taken of a machine when no limit is set.
    const MOST_BY_DEFAULT: u64 = 1 << 30;

    /// What the program takes before it serves anybody: code that the loader changed, stack, small
    /// allocations. Measured, with the largest C library and room to spare.
    const FIXED: u64 = 256 << 10;

    /// The limit for a machine with so much memory: an eighth, from [`LEAST`](Self::LEAST) to 1
    /// GiB.
    pub fn default_limit(machine: u64) -> Bytes {
        Bytes((machine / 8).clamp(Self::LEAST.0, Self::MOST_BY_DEFAULT))
    }

    /// Spends `limit`: a fixed part for the program, an eighth at most for datagrams and
    /// connections, the rest for the swarms. At most `connections` connections, whatever the limit.
    ///
    /// # Errors
    ///
    /// [`TooLittle`] below [`LEAST`](Self::LEAST).
    pub fn new(limit: Bytes, connections: usize) -> Result<Self, TooLittle> {
        Self::with_lists(limit, connections, 0)
    }

    /// As [`new`](Self::new), with so many bytes for access lists.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn with_lists(limit: Bytes, connections: usize, lists: usize) -> Result<Self, TooLittle> {
        if limit < Self::LEAST {
            return Err(TooLittle(limit));
        }
        let scaled = |bytes_each: u64, least: usize, most: usize| {
            usize::try_from(limit.0 / bytes_each)
                .unwrap_or(most)
                .clamp(least, most)
        };
        let datagrams = scaled(256 << 10, 8, 64);
        // The table of connections is touched at start, so an idle tracker shouldn't have too large
        // a one.
        let many = scaled(64 << 10, 16, 640).max(scaled(2 << 20, 0, 1 << 20));
        let connections = many.min(connections).max(1);
        let held = (connections / 4).max(4.min(connections));
        let spent = Self::FIXED
            + (datagrams * Batch::bytes_per_datagram(udp::LARGEST_REPLY)) as u64
            + (connections * tcp::BYTES_PER_CONNECTION) as u64
            + (held * http::BUFFER_BYTES) as u64
            + tcp::SCRATCH_BYTES as u64
            + lists as u64;
        // An address space of 32 bits has less to give than the limit may say.
        let words = limit.0.saturating_sub(spent) / size_of::<u32>() as u64;
        let arena_words = usize::try_from(words).unwrap_or(usize::MAX / size_of::<u32>());
        if arena_words < Store::LEAST_WORDS {
            return Err(TooLittle(limit));
        }
        Ok(Self {
            limit,
            datagrams,
            connections,
            held,
            arena_words,
        })
    }

    /// Bytes for what connections hold.
    pub const fn buffer_bytes(&self) -> usize {
        self.held * http::BUFFER_BYTES
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Capacity {
            torrents, peers, ..
        } = Store::capacity(self.arena_words);
        write!(
            to,
            "memory limit {}: up to {torrents} torrents or {peers} peers, {} connections",
            self.limit, self.connections
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{Plan, TooLittle};
    use crate::size::Bytes;

    const ANY: usize = usize::MAX;

    #[test]
    fn a_limit_below_the_least_is_refused_with_the_least() {
        let error = Plan::new(Bytes(Plan::LEAST.0 - 1), ANY).unwrap_err();
        assert_eq!(error, TooLittle(Bytes(Plan::LEAST.0 - 1)));
        assert!(
            error.to_string().ends_with("the least is 1.0 MiB"),
            "{error}"
        );
        assert!(Plan::new(Plan::LEAST, ANY).is_ok());
    }

    #[test]
    fn everything_grows_with_the_limit_and_most_of_it_is_for_swarms() {
        let mut last = Plan::new(Plan::LEAST, ANY).unwrap();
        for shift in 21..=30 {
            let plan = Plan::new(Bytes(1 << shift), ANY).unwrap();
            assert!(plan.arena_words > last.arena_words && plan.connections >= last.connections);
            assert!(plan.datagrams >= last.datagrams && plan.held >= last.held);
            let arena = plan.arena_words as u64 * 4;
            assert!(
                arena < plan.limit.0 && arena > plan.limit.0 / 10 * 6,
                "{plan:?}"
            );
            last = plan;
        }
        assert_eq!(Plan::new(Bytes(8 << 20), ANY).unwrap().connections, 128);
    }

    #[test]
    fn fewer_descriptors_make_fewer_connections() {
        let plan = Plan::new(Bytes(64 << 20), 10).unwrap();
        assert_eq!((plan.connections, plan.held), (10, 4));
        assert_eq!(Plan::new(Bytes(64 << 20), 0).unwrap().connections, 1);
    }

    #[test]
    fn the_default_is_a_share_of_the_machine_within_bounds() {
        assert_eq!(Plan::default_limit(128 << 20), Bytes(16 << 20));
        assert_eq!(Plan::default_limit(0), Plan::LEAST);
        assert_eq!(Plan::default_limit(u64::MAX), Bytes(1 << 30));
    }
}
