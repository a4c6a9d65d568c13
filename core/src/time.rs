//! Time as the core sees it: a number that the host hands in.

/// Seconds on a clock that only moves forward.
///
/// The start is arbitrary (a host may take its boot or its own start) and the range is 136 years.
/// Nothing in the core reads a clock, and nothing expires by wall-clock time: routers have none at
/// boot.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Secs(pub u32);

impl Secs {
    /// The seconds from `earlier` to `self`; 0 if `earlier` is later.
    pub const fn since(self, earlier: Self) -> u32 {
        self.0.saturating_sub(earlier.0)
    }

    /// The time `seconds` later, at most the end of the range.
    pub const fn plus(self, seconds: u32) -> Self {
        Self(self.0.saturating_add(seconds))
    }
}
