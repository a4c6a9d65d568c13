//! Counts of numbers by their size.

/// How often numbers were within some bounds, and their sum.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Histogram {
    /// By the first of the bounds that is not below them; the last are above all bounds. They wrap.
    pub counts: [u64; BUCKETS],
    /// The sum of all, which wraps.
    pub sum: u64,
}

/// Numbers of bounds, and one for what is above them.
pub const BUCKETS: usize = 9;

/// The bounds of a histogram, in rising order.
pub type Bounds = [u32; BUCKETS - 1];

/// By which peers in a reply are counted.
pub const PEERS: Bounds = [0, 1, 5, 10, 20, 30, 50, 100];

/// By which the time that a reply took is counted, in microseconds.
pub const MICROS: Bounds = [16, 64, 256, 1_000, 4_000, 16_000, 64_000, 256_000];

impl Histogram {
    /// Counts a number so many times.
    #[inline]
    pub fn note(&mut self, bounds: &Bounds, number: u32, times: u32) {
        let above = bounds.iter().take_while(|bound| **bound < number).count();
        if let Some(count) = self.counts.get_mut(above) {
            *count = count.wrapping_add(times.into());
        }
        let added = u64::from(number).saturating_mul(times.into());
        self.sum = self.sum.wrapping_add(added);
    }

    /// How many were counted in all.
    pub fn count(&self) -> u64 {
        self.counts
            .iter()
            .fold(0, |sum, count| sum.wrapping_add(*count))
    }

    /// How many were at or below the bound of that number, or all.
    pub fn up_to(&self, bound: usize) -> u64 {
        let counts = self.counts.iter().take(bound.saturating_add(1));
        counts.fold(0, |sum, count| sum.wrapping_add(*count))
    }

    /// Adds what somebody else has counted.
    #[cfg(feature = "threads")]
    pub(super) fn add(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count = count.wrapping_add(*more);
        }
        self.sum = self.sum.wrapping_add(other.sum);
    }
}

#[cfg(test)]
mod tests {
    use super::{Histogram, PEERS};

    #[test]
    fn numbers_are_counted_by_their_bounds() {
        let mut histogram = Histogram::default();
        for (number, times) in [
            (0, 1),
            (1, 2),
            (2, 1),
            (5, 1),
            (100, 3),
            (101, 1),
            (u32::MAX, 1),
        ] {
            histogram.note(&PEERS, number, times);
        }
        assert_eq!(histogram.counts, [1, 2, 2, 0, 0, 0, 0, 3, 2]);
        assert_eq!(histogram.count(), 10);
        assert_eq!(
            (histogram.up_to(0), histogram.up_to(2), histogram.up_to(8)),
            (1, 5, 10)
        );
        assert_eq!(histogram.sum, 2 + 2 + 5 + 300 + 101 + u64::from(u32::MAX));
    }
}
