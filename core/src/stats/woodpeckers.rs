//! The networks whose peers announce too often.

use core::fmt::{self, Write};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::wire::Out;

/// Counts announces that came 1 to 19 minutes after the one before, by network: /24 of IPv4, /48 of
/// IPv6.
///
/// Up to 128 networks are kept. When all places are taken, a new one takes the place and the count
/// of one with the fewest (Space-Saving): no count is ever too low, and none is too high by more
/// than a 128th of what was counted. All counts halve every two minutes, so that who stops is soon
/// forgotten. 1,544 bytes.
#[derive(Clone, Debug)]
pub struct Woodpeckers {
    /// Networks and their counts, the highest first; those of count 0 are free.
    keys: [Key; PLACES],
    counts: [u32; PLACES],
    /// Seconds since the counts were halved.
    seconds: u32,
}

/// A network: of IPv4 its first address, of IPv6 its prefix with the top bit set.
type Key = u64;

const PLACES: usize = 128;
const V6: Key = 1 << 63;
/// Seconds after the last announce that are too few, and more than a restart of the client takes.
const TOO_SOON: core::ops::Range<u32> = 60..20 * 60;
const HALVED_EVERY: u32 = 120;

impl Woodpeckers {
    /// Nothing counted.
    pub(super) const NONE: &'static Self = &Self::new();

    /// Nothing counted yet.
    pub const fn new() -> Self {
        Self {
            keys: [0; PLACES],
            counts: [0; PLACES],
            seconds: 0,
        }
    }

    /// Counts an announce so many seconds after the one before, if that was too soon. Looks at each
    /// place at most twice.
    pub fn note(&mut self, ip: IpAddr, seconds: u32) {
        if !TOO_SOON.contains(&seconds) {
            return;
        }
        let key = key(ip);
        let used = self.counts.partition_point(|&count| count > 0);
        let mut keys = self.keys.iter().take(used);
        let at = keys.position(|&known| known == key).unwrap_or_else(|| {
            let at = used.min(PLACES - 1);
            if let Some(place) = self.keys.get_mut(at) {
                *place = key;
            }
            at
        });
        let Some(&count) = self.counts.get(at) else {
            return;
        };
        // The first of its equals grows, so that the order stays.
        let first = self.counts.partition_point(|&other| other > count);
        self.keys.swap(first, at);
        if let Some(place) = self.counts.get_mut(first) {
            *place = count.saturating_add(1);
        }
    }

    /// Halves all counts every 120th time. Call it once a second.
    pub fn tick(&mut self) {
        self.seconds = self.seconds.saturating_add(1);
        if self.seconds >= HALVED_EVERY {
            self.seconds = 0;
            self.counts.iter_mut().for_each(|count| *count /= 2);
        }
    }

    /// Writes one section of the page and says whether there is such a number.
    pub(super) fn section(&self, at: u16, out: &mut Out<'_>) -> Result<bool, fmt::Error> {
        /// Sections of a block: heading, networks, the empty line at its end.
        const BLOCK: usize = PLACES + 2;
        let at = usize::from(at);
        let v6 = at >= BLOCK;
        // opentracker's page is one block; the second comes only if there is something in it.
        let listed = |&(&key, &count): &(&Key, &u32)| count > 0 && (key & V6 != 0) == v6;
        let mut all = self.keys.iter().zip(&self.counts);
        let shown = !v6 || all.clone().any(|entry| listed(&entry));
        match at % BLOCK {
            _ if at >= 2 * BLOCK => return Ok(false),
            _ if !shown => {}
            0 => writeln!(out, "Networks, limit /{}:", if v6 { 48 } else { 24 })?,
            nth @ 1..=PLACES => {
                if let Some((&key, &count)) = all.nth(nth.saturating_sub(1)).filter(listed) {
                    writeln!(out, "{count:08}: {}", first_address(key))?;
                }
            }
            _ => out.put(b"\n"),
        }
        Ok(true)
    }
}

impl Default for Woodpeckers {
    fn default() -> Self {
        Self::new()
    }
}

fn key(ip: IpAddr) -> Key {
    match ip {
        IpAddr::V4(ip) => (ip.to_bits() & 0xffff_ff00).into(),
        IpAddr::V6(ip) => {
            let [a, b, c, ..] = ip.segments().map(Key::from);
            V6 | (a << 32) | (b << 16) | c
        }
    }
}

fn first_address(key: Key) -> IpAddr {
    let [_, _, a, b, low @ ..] = key.to_be_bytes();
    if key & V6 == 0 {
        Ipv4Addr::from_octets(low).into()
    } else {
        let [c, d, e, f] = low;
        Ipv6Addr::from_octets([a, b, c, d, e, f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).into()
    }
}

#[cfg(test)]
mod tests {
    use core::net::{IpAddr, Ipv4Addr};
    use std::collections::BTreeMap;
    use std::string::String;

    use super::{PLACES, Woodpeckers};
    use crate::random::Random;
    use crate::wire::Out;

    fn page(woodpeckers: &Woodpeckers) -> String {
        let mut page = String::new();
        for at in 0.. {
            let mut bytes = [0; 256];
            let mut out = Out::new(&mut bytes);
            if !woodpeckers.section(at, &mut out).unwrap() {
                return page;
            }
            page.push_str(std::str::from_utf8(out.written()).unwrap());
        }
        unreachable!()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn networks_are_listed_by_count_with_their_own_addresses() {
        let mut woodpeckers = Woodpeckers::new();
        assert_eq!(page(&woodpeckers), "Networks, limit /24:\n\n");
        for (text, seconds, times) in [
            ("192.0.2.77", 60, 2),
            ("198.51.100.1", 1199, 3),
            ("192.0.2.78", 300, 2),
            ("203.0.113.1", 59, 9),
            ("203.0.113.1", 1200, 9),
        ] {
            for _ in 0..times {
                woodpeckers.note(ip(text), seconds);
            }
        }
        assert_eq!(
            page(&woodpeckers),
            "Networks, limit /24:\n00000004: 192.0.2.0\n00000003: 198.51.100.0\n\n"
        );
        woodpeckers.note(ip("2001:db8:7:8::9"), 100);
        woodpeckers.note(ip("fe80::1"), 100);
        assert_eq!(
            page(&woodpeckers),
            "Networks, limit /24:\n00000004: 192.0.2.0\n00000003: 198.51.100.0\n\n\
             Networks, limit /48:\n00000001: 2001:db8:7::\n00000001: fe80::\n\n"
        );
    }

    #[test]
    fn counts_halve_every_two_minutes() {
        let mut woodpeckers = Woodpeckers::new();
        for _ in 0..5 {
            woodpeckers.note(ip("192.0.2.1"), 600);
        }
        woodpeckers.note(ip("198.51.100.1"), 600);
        for _ in 0..119 {
            woodpeckers.tick();
        }
        assert!(page(&woodpeckers).contains("00000005: 192.0.2.0\n"));
        woodpeckers.tick();
        assert_eq!(
            page(&woodpeckers),
            "Networks, limit /24:\n00000002: 192.0.2.0\n\n"
        );
        woodpeckers.note(ip("203.0.113.1"), 600);
        for _ in 0..240 {
            woodpeckers.tick();
        }
        assert_eq!(page(&woodpeckers), "Networks, limit /24:\n\n");
    }

    #[test]
    fn no_count_is_too_low_and_the_sum_is_right() {
        let mut woodpeckers = Woodpeckers::new();
        let mut random = Random::new(1);
        let mut truth = BTreeMap::new();
        let notes = 50_000;
        for _ in 0..notes {
            // A few networks often, a thousand now and then.
            let most = [10, 200, 1000][random.below(3) as usize];
            let network = random.below(most);
            let ip = Ipv4Addr::from_bits((network << 8) | random.below(256));
            woodpeckers.note(ip.into(), 600);
            *truth.entry(u64::from(network << 8)).or_insert(0) += 1;
        }
        assert!(woodpeckers.counts.is_sorted_by(|a, b| a >= b));
        assert_eq!(woodpeckers.counts.iter().sum::<u32>(), notes);
        let most_wrong = notes / PLACES as u32;
        for (key, &count) in woodpeckers.keys.iter().zip(&woodpeckers.counts) {
            assert!(count >= truth[key] && count - truth[key] <= most_wrong);
        }
        // Whoever has more than the error can't have been lost.
        for (key, &count) in &truth {
            assert!(count <= most_wrong || woodpeckers.keys.contains(key));
        }
    }
}
