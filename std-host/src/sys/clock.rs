//! The monotonic clock as a number, which the standard library keeps to itself.

use core::mem::MaybeUninit;

/// The monotonic clock in microseconds, or 0 if there is none.
pub fn monotonic_micros() -> u64 {
    let mut time = MaybeUninit::<libc::timespec>::zeroed();
    // SAFETY: `time` is writable and as large as a timespec.
    if unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, time.as_mut_ptr()) } != 0 {
        return 0;
    }
    // SAFETY: it was zeroed and then filled; all bit patterns are numbers.
    let time = unsafe { time.assume_init() };
    let (seconds, nanos) = (
        u64::try_from(time.tv_sec).unwrap_or(0),
        u64::try_from(time.tv_nsec).unwrap_or(0),
    );
    seconds
        .saturating_mul(1_000_000)
        .saturating_add(nanos / 1000)
}

#[cfg(test)]
mod tests {
    use super::monotonic_micros;

    /// Else the year 2038 is the last. 32-bit glibc alone still has 32 bits.
    #[test]
    #[cfg(any(target_env = "musl", target_pointer_width = "64"))]
    fn times_have_64_bits() {
        assert_eq!(size_of::<libc::time_t>(), 8);
    }

    #[test]
    fn it_goes_forward() {
        let first = monotonic_micros();
        assert!(first > 0 && monotonic_micros() >= first);
    }
}
