//! The tracker's clock: seconds since the start, which only move forward.

use core::time::Duration;
use std::time::Instant;

use wrtracker_core::time::Secs;

/// A clock. Copies of it tell the same time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Uptime {
    started: Instant,
    /// Seconds that the clock is ahead of the time since the start.
    ahead: u32,
}

impl Uptime {
    /// A clock at 0.
    pub(crate) fn start() -> Self {
        Self {
            started: Instant::now(),
            ahead: 0,
        }
    }

    /// Sets it ahead.
    pub(crate) const fn skip(&mut self, seconds: u32) {
        self.ahead = self.ahead.saturating_add(seconds);
    }

    /// Seconds since the start.
    pub(crate) fn now(&self) -> Secs {
        Secs(u32::try_from(self.started.elapsed().as_secs()).unwrap_or(u32::MAX)).plus(self.ahead)
    }

    /// The time until the next second begins.
    pub(crate) fn until_next(&self) -> Duration {
        let into = Duration::from_nanos(self.started.elapsed().subsec_nanos().into());
        Duration::from_secs(1).saturating_sub(into)
    }
}
