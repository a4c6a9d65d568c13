//! Numbers in a random order, for peers and buckets that are picked from.

use core::hint::select_unpredictable;

use crate::random::Random;

/// The numbers below a bound, each once, from a random one on and in random steps.
pub(super) struct Order {
    at: u32,
    step: u32,
    count: u32,
    left: u32,
}

impl Order {
    pub(super) fn new(count: u32, random: &mut Random) -> Self {
        Self {
            at: random.below(count),
            step: Self::step(count, random),
            count,
            left: count,
        }
    }

    /// A step that shares no factor with the count and so meets every number. What leads from the
    /// count to a larger prime is one, and a prime is that doesn't divide it. Dividing takes as long
    /// as many steps, so short orders get by without.
    fn step(count: u32, random: &mut Random) -> u32 {
        if count <= SHORT {
            // Of a quarter to a half of the count it soon gets everywhere.
            let least = (count / 4 + random.below(count / 4 + 1)).max(1);
            let gap = PRIME_GAPS.get((count + least) as usize);
            return least + u32::from(gap.copied().unwrap_or(0));
        }
        // Of buckets one is as good as another. No number of 32 bits is divided by four of the primes.
        let first = random.below(PRIME_COUNT);
        let primes = PRIMES.iter().cycle().skip(first as usize).take(4);
        let prime = primes.copied().find(|prime| !count.is_multiple_of(*prime));
        prime.unwrap_or(1) % count
    }
}

impl Iterator for Order {
    type Item = u32;

    #[inline]
    fn next(&mut self) -> Option<u32> {
        self.left = self.left.checked_sub(1)?;
        let at = self.at;
        // The count is below 2^31, so the sum fits.
        let next = at + self.step;
        let round = next.wrapping_sub(self.count);
        self.at = select_unpredictable(next >= self.count, round, next);
        Some(at)
    }
}

/// Most numbers for whose order [`PRIME_GAPS`] has the step.
const SHORT: u32 = 255;

/// How far it is from each number to the next prime, 0 from a prime.
static PRIME_GAPS: [u8; (SHORT + SHORT / 2 + 1) as usize] = prime_gaps();

#[expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "it is carried out by the compiler, which would say so"
)]
const fn prime_gaps<const N: usize>() -> [u8; N] {
    let mut gaps = [0; N];
    let mut number = N;
    while number > 0 {
        number -= 1;
        let mut next = number;
        while !is_prime(next) {
            next += 1;
        }
        gaps[number] = (next - number) as u8;
    }
    gaps
}

const fn is_prime(number: usize) -> bool {
    let mut factor = 2;
    while factor < number && !number.is_multiple_of(factor) {
        factor += 1;
    }
    factor == number
}

const PRIME_COUNT: u32 = 16;
/// Primes for more numbers than [`SHORT`].
const PRIMES: [u32; PRIME_COUNT as usize] = [
    257, 263, 269, 271, 277, 281, 283, 293, 307, 311, 313, 317, 331, 337, 347, 349,
];

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::{Order, PRIMES, SHORT, is_prime};
    use crate::random::Random;

    #[test]
    fn an_order_meets_every_number_once() {
        let mut random = Random::new(1);
        let divided_by_primes = [257, 257 * 263, 257 * 349 * 2];
        for count in (0..1000).chain(divided_by_primes) {
            let mut met: Vec<u32> = Order::new(count, &mut random).collect();
            met.sort_unstable();
            assert_eq!(met, (0..count).collect::<Vec<_>>());
        }
    }

    #[test]
    fn whatever_is_drawn_a_step_leads_everywhere() {
        for seed in 0..1000 {
            let mut random = Random::new(seed);
            for count in 1..=SHORT + 1 {
                let step = Order::step(count, &mut random);
                assert!((1..=count).contains(&step), "{count}: {step}");
                let mut met = [false; SHORT as usize + 1];
                (0..count).for_each(|nth| met[(nth * step % count) as usize] = true);
                assert!(
                    met.iter().take(count as usize).all(|&met| met),
                    "{count}: {step}"
                );
            }
        }
        for prime in PRIMES {
            assert!(prime > SHORT && is_prime(prime as usize), "{prime}");
        }
    }

    #[test]
    fn orders_start_everywhere() {
        let mut random = Random::new(2);
        let mut starts = [0u32; 7];
        for _ in 0..7000 {
            starts[Order::new(7, &mut random).next().unwrap() as usize] += 1;
        }
        assert!(starts.iter().all(|n| (850..1150).contains(n)), "{starts:?}");
    }
}
