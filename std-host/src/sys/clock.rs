//! The clocks as numbers.
//!
//! The standard library keeps the monotonic one to itself, and its wall clock panics on 32-bit
//! processors from 2038 on: it takes a C library with times of 32 bits for granted.

use core::mem::MaybeUninit;

/// The monotonic clock in microseconds, or 0 if there is none.
pub fn monotonic_micros() -> u64 {
    let (seconds, nanos) = read(libc::CLOCK_MONOTONIC).unwrap_or((0, 0));
    seconds
        .saturating_mul(1_000_000)
        .saturating_add(nanos / 1000)
}

/// The wall clock in seconds since 1970, or 0 if there is none or it is set before.
pub fn wall_seconds() -> u64 {
    read(libc::CLOCK_REALTIME).map_or(0, |(seconds, _)| seconds)
}

/// A clock in seconds and nanoseconds.
fn read(clock: libc::clockid_t) -> Option<(u64, u64)> {
    let mut time = MaybeUninit::<libc::timespec>::zeroed();
    // SAFETY: `time` is writable and as large as a timespec.
    if unsafe { libc::clock_gettime(clock, time.as_mut_ptr()) } != 0 {
        return None;
    }
    // SAFETY: it was zeroed and then filled; all bit patterns are numbers.
    let time = unsafe { time.assume_init() };
    Some((
        u64::try_from(time.tv_sec).ok()?,
        u64::try_from(time.tv_nsec).ok()?,
    ))
}

#[cfg(test)]
mod tests {
    use super::{monotonic_micros, wall_seconds};

    /// Else the year 2038 is the last. 32-bit glibc alone still has 32 bits.
    #[test]
    #[cfg(any(target_env = "musl", target_pointer_width = "64"))]
    fn times_have_64_bits() {
        assert_eq!(size_of::<libc::time_t>(), 8);
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri keeps the time of day to itself")]
    fn the_wall_clock_is_the_systems() {
        let now = || {
            let since = std::time::SystemTime::UNIX_EPOCH.elapsed();
            since.expect("a date after 1970").as_secs()
        };
        let (before, found, after) = (now(), wall_seconds(), now());
        assert!(
            (before..=after).contains(&found),
            "{before} {found} {after}"
        );
    }

    #[test]
    fn it_goes_forward() {
        let first = monotonic_micros();
        assert!(first > 0 && monotonic_micros() >= first);
    }
}
