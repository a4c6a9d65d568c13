//! A time by which all must be done.

use std::time::{Duration, Instant};

use super::failure::Failure;

/// A time by which all must be done.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    /// So far from now.
    pub fn after(timeout: Duration) -> Self {
        Self(Instant::now() + timeout)
    }

    /// What is left, more than nothing.
    ///
    /// # Errors
    ///
    /// [`Failure::TimedOut`] if that is nothing.
    pub fn left(self) -> Result<Duration, Failure> {
        let left = self.0.saturating_duration_since(Instant::now());
        // Sockets take a time-out of zero for none, and count in microseconds.
        if left < Duration::from_micros(1) {
            return Err(Failure::TimedOut(0));
        }
        Ok(left)
    }

    /// An equal share of what is left for the first of so many attempts.
    ///
    /// # Errors
    ///
    /// As [`left`](Self::left).
    pub fn share(self, attempts: usize) -> Result<Self, Failure> {
        let attempts = u32::try_from(attempts).unwrap_or(u32::MAX).max(1);
        Ok(Self::after(self.left()? / attempts))
    }
}
