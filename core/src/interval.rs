//! How long a client is asked to wait before it announces again.

use crate::policy::Policy;
use crate::random::Random;

/// Announces per second, smoothed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Load {
    /// Announces since the last [`tick`](Self::tick).
    fresh: u32,
    /// The average, in sixteenths of an announce per second.
    sixteenths: u32,
}

impl Load {
    /// Counts an announce.
    pub const fn count(&mut self) {
        self.fresh = self.fresh.saturating_add(1);
    }

    /// Ends a second. Each counts a sixteenth of the average.
    pub const fn tick(&mut self) {
        let kept = self.sixteenths - self.sixteenths / 16;
        self.sixteenths = kept.saturating_add(self.fresh);
        self.fresh = 0;
    }

    /// Adds announces that others have counted.
    #[cfg(feature = "threads")]
    pub(crate) const fn add(&mut self, announces: u32) {
        self.fresh = self.fresh.saturating_add(announces);
    }

    /// Takes the announces of this second, for others to add.
    #[cfg(feature = "threads")]
    pub(crate) const fn take(&mut self) -> u32 {
        core::mem::replace(&mut self.fresh, 0)
    }

    /// Sets the average that others have found.
    #[cfg(feature = "threads")]
    pub(crate) const fn set(&mut self, per_second: u32) {
        self.sixteenths = per_second.saturating_mul(16);
    }

    /// Announces per second, on average over the last quarter of a minute.
    pub const fn per_second(self) -> u32 {
        self.sixteenths / 16
    }
}

/// The seconds to wait for a peer of a swarm with so many peers under this load, jittered.
///
/// The interval grows in proportion to whatever is further above its threshold, up to
/// [`Policy::interval_most`].
pub fn interval(policy: &Policy, peers: u32, load: Load, random: &mut Random) -> u32 {
    let grown = grow(policy.interval, peers, policy.interval_swarm).max(grow(
        policy.interval,
        load.per_second(),
        policy.interval_load,
    ));
    let base = grown.min(policy.interval_most.max(policy.interval));
    let jitter = policy.interval_jitter;
    base.saturating_sub(jitter)
        .saturating_add(random.below(jitter.saturating_mul(2).max(1)))
}

fn grow(interval: u32, count: u32, threshold: u32) -> u32 {
    if threshold == 0 || count <= threshold {
        return interval;
    }
    let grown = u64::from(interval).saturating_mul(count.into()) / u64::from(threshold);
    u32::try_from(grown).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::{Load, interval};
    use crate::policy::Policy;
    use crate::random::Random;

    fn policy() -> Policy {
        Policy {
            interval_jitter: 0,
            interval_most: 5400,
            interval_swarm: 100,
            interval_load: 50,
            ..Policy::DEFAULT
        }
    }

    fn loaded(per_second: u32) -> Load {
        let mut load = Load::default();
        for _ in 0..200 {
            for _ in 0..per_second {
                load.count();
            }
            load.tick();
        }
        load
    }

    #[test]
    fn the_interval_grows_with_the_swarm_up_to_its_limit() {
        let mut random = Random::new(1);
        let mut of = |peers| interval(&policy(), peers, Load::default(), &mut random);
        assert_eq!([of(0), of(100), of(150), of(300)], [1800, 1800, 2700, 5400]);
        assert_eq!([of(301), of(u32::MAX)], [5400, 5400]);
    }

    #[test]
    fn the_interval_grows_with_the_load_and_shrinks_again() {
        let mut random = Random::new(1);
        let mut load = loaded(75);
        assert!((74..=75).contains(&load.per_second()), "{load:?}");
        assert!((2660..=2700).contains(&interval(&policy(), 0, load, &mut random)));
        for _ in 0..60 {
            load.tick();
        }
        assert_eq!(interval(&policy(), 0, load, &mut random), 1800);
    }

    #[test]
    fn by_default_the_interval_is_opentrackers() {
        let mut random = Random::new(7);
        let (mut least, mut most) = (u32::MAX, 0);
        for _ in 0..20_000 {
            let one = interval(&Policy::DEFAULT, 1_000_000, loaded(9), &mut random);
            (least, most) = (least.min(one), most.max(one));
        }
        assert_eq!((least, most), (1620, 1979));
    }
}
