//! Addresses that try one wrong key, token or signature after another.

use core::net::IpAddr;

use crate::time::Secs;

/// Counts failures by address, and says which address has had too many.
///
/// An address (of IPv6 its /64) that fails more than [`MOST`](Self::MOST) times faster than one
/// failure a second drains is blocked: its further tries should be refused without being looked at,
/// and told here as failures too, so that it stays blocked until it is quiet. That takes a minute or
/// two.
///
/// 128 addresses are kept, in 2,048 bytes. When there is no place for another one, it takes that of
/// the one with the fewest failures of some eight, so that an address that has never failed is never
/// blocked. All zero when empty. Work: looks at eight places.
#[derive(Clone, Debug)]
pub struct Guesses {
    sets: [[Entry; WAYS]; SETS],
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// 0 is a free place.
    address: u64,
    /// Failures that haven't drained at `since`.
    level: u32,
    since: Secs,
}

const WAYS: usize = 8;
const SETS: usize = 16;

impl Entry {
    const FREE: Self = Self {
        address: 0,
        level: 0,
        since: Secs(0),
    };

    const fn level(&self, now: Secs) -> u32 {
        self.level.saturating_sub(now.since(self.since))
    }
}

impl Guesses {
    /// Failures of an address that are too many.
    pub const MOST: u32 = 60;

    /// How far failures add up, which is how long a blocked address must be quiet.
    const HIGHEST: u32 = 2 * Self::MOST;

    /// Nobody has failed.
    pub const fn new() -> Self {
        Self {
            sets: [[Entry::FREE; WAYS]; SETS],
        }
    }

    /// Whether the address has failed too often.
    pub fn is_blocked(&self, ip: IpAddr, now: Secs) -> bool {
        let address = address(ip);
        let set = self.sets.get(set(address)).into_iter().flatten();
        set.filter(|entry| entry.address == address)
            .any(|entry| entry.level(now) > Self::MOST)
    }

    /// Notes a failure, or a try while it was blocked.
    pub fn note_failure(&mut self, ip: IpAddr, now: Secs) {
        let address = address(ip);
        let Some(set) = self.sets.get_mut(set(address)) else {
            return;
        };
        // The address itself, a free place, or the one with the fewest failures.
        let place = set.iter_mut().min_by_key(|entry| {
            if entry.address == address {
                0
            } else {
                entry.level(now).saturating_add(1)
            }
        });
        if let Some(entry) = place {
            let before = if entry.address == address {
                entry.level(now)
            } else {
                0
            };
            *entry = Entry {
                address,
                level: before.saturating_add(1).min(Self::HIGHEST),
                since: now,
            };
        }
    }
}

impl Default for Guesses {
    fn default() -> Self {
        Self::new()
    }
}

/// What is counted as one address; never 0.
pub(super) fn address(ip: IpAddr) -> u64 {
    match ip.to_canonical() {
        // IPv6 has no addresses that begin like that.
        IpAddr::V4(ip) => 1 << 32 | u64::from(ip.to_bits()),
        IpAddr::V6(ip) => {
            let [a, b, c, d, e, f, g, h, ..] = ip.octets();
            u64::from_be_bytes([a, b, c, d, e, f, g, h]).max(1)
        }
    }
}

/// The set of an address. Who has many addresses can fill any of them, and gains nothing.
fn set(address: u64) -> usize {
    let mixed = address.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 60;
    usize::try_from(mixed).unwrap_or(0)
}

const _: () = assert!(SETS == 16, "four bits name a set");

#[cfg(test)]
mod tests {
    use core::net::{IpAddr, Ipv4Addr};

    use super::Guesses;
    use crate::time::Secs;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_that_fails_too_often_is_blocked_until_it_is_quiet() {
        let mut guesses = Guesses::new();
        let bad = ip("192.0.2.1");
        for nth in 0..=Guesses::MOST {
            assert!(!guesses.is_blocked(bad, Secs(9)), "{nth}");
            guesses.note_failure(bad, Secs(9));
        }
        assert!(guesses.is_blocked(bad, Secs(9)));
        assert!(!guesses.is_blocked(ip("192.0.2.2"), Secs(9)));
        // It goes on, and is blocked for no longer than a minute after its last try.
        for _ in 0..10_000 {
            guesses.note_failure(bad, Secs(20));
        }
        assert!(guesses.is_blocked(bad, Secs(20 + 59)));
        assert!(!guesses.is_blocked(bad, Secs(20 + 60)));
        // One failure a second or fewer is never too much.
        let slow = ip("198.51.100.1");
        for now in 0..1_000 {
            guesses.note_failure(slow, Secs(now));
            assert!(!guesses.is_blocked(slow, Secs(now)));
        }
    }

    #[test]
    fn an_ipv6_network_is_one_address() {
        let mut guesses = Guesses::new();
        for nth in 0..=Guesses::MOST {
            let one = ip(&std::format!("2001:db8:0:1::{nth:x}"));
            guesses.note_failure(one, Secs(0));
        }
        assert!(guesses.is_blocked(ip("2001:db8:0:1:ffff::"), Secs(0)));
        assert!(!guesses.is_blocked(ip("2001:db8:0:2::1"), Secs(0)));
        // Neither has anything to do with IPv4, written either way.
        for nth in 0..=Guesses::MOST {
            let one = ["192.0.2.1", "::ffff:192.0.2.1"][nth as usize % 2];
            guesses.note_failure(ip(one), Secs(0));
        }
        assert!(guesses.is_blocked(ip("192.0.2.1"), Secs(0)));
        assert!(!guesses.is_blocked(ip("::ffff:192.0.2.2"), Secs(0)));
    }

    #[test]
    fn others_are_undisturbed_and_the_worst_stay_blocked_when_it_is_full() {
        let mut guesses = Guesses::new();
        let worst = ip("203.0.113.1");
        for _ in 0..200 {
            guesses.note_failure(worst, Secs(0));
        }
        for nth in 0..100_000 {
            let one = IpAddr::from(Ipv4Addr::from_bits(nth << 8));
            guesses.note_failure(one, Secs(1));
        }
        assert!(guesses.is_blocked(worst, Secs(1)));
        for nth in 0..100_000 {
            let one = IpAddr::from(Ipv4Addr::from_bits(nth << 8));
            assert!(!guesses.is_blocked(one, Secs(1)), "{one} failed once");
        }
    }
}
