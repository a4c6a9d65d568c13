//! Random peers among those of a reply, so that being in one reply of a tracker proves nothing about
//! anybody.
//!
//! Such a peer must not be told from a real one by what it looks like: its address is one of the
//! internet, and those of one torrent are drawn from the same few for an hour, so that they come
//! back as real ones do. Which they are depends on a key that nobody outside knows. Whoever asks
//! often and compares, or tries to connect, still learns who doesn't exist.
//!
//! A reply has 1 to [`Policy::decoys_most`] of them with the probability [`Policy::decoys`]. They
//! are of the announcer's family, in replies that have real peers of it, and are counted among the
//! leechers; scrapes count as many with the same probability, so that they don't give the difference
//! away. Full scrapes and statistics count real peers only: whoever minds switches them off. There
//! are none for those who leave, nor where a whitelist is in force.

use core::hash::Hasher as _;
use core::net::{Ipv4Addr, Ipv6Addr};

use siphasher::sip::SipHasher13;

use crate::policy::Policy;
use crate::random::Random;
use crate::reach::is_global_v4;
use crate::time::Secs;
use crate::wire::InfoHash;

/// Makes decoys up.
#[derive(Clone)]
pub(crate) struct Decoys {
    hasher: SipHasher13,
    replies: u64,
}

/// The decoys of one reply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Draw {
    /// How many: 1 to [`Policy::decoys_most`].
    pub(crate) count: u8,
    /// Whose they are: the torrent's, for this hour.
    pool: u64,
    /// The first of them in the pool, of which the others follow.
    first: u32,
    /// What decides their places.
    seed: u64,
}

impl Decoys {
    /// Decoys that depend on `key`, which must be secret and may have other uses, of one of several
    /// trackers that have the same key: `nth`.
    pub(crate) fn new(key: &[u8; 16], nth: u32) -> Self {
        let mut hasher = SipHasher13::new_with_key(key);
        hasher.write(b"decoys");
        Self {
            hasher,
            replies: u64::from(nth) << 32,
        }
    }

    /// Decides for one reply whether it has decoys, and which.
    pub(crate) fn draw(&mut self, hash: &InfoHash, policy: &Policy, now: Secs) -> Option<Draw> {
        let mut random = self.random();
        let count = Self::count(policy, &mut random)?;
        let hour = now.0 / POOL_SECONDS;
        Some(Draw {
            count,
            pool: self.number(&[b"pool", &hash.0, &hour.to_be_bytes()]),
            // As many again, so that a reply doesn't tell all that there are.
            first: random.below(u32::from(policy.decoys_most).saturating_add(1)),
            seed: (u64::from(random.next()) << 32) | u64::from(random.next()),
        })
    }

    /// How many decoys a scrape pretends that a torrent has: as an announce would.
    pub(crate) fn pretended(&mut self, policy: &Policy) -> u32 {
        let mut random = self.random();
        Self::count(policy, &mut random).unwrap_or(0).into()
    }

    /// Random numbers for one reply.
    fn random(&mut self) -> Random {
        self.replies = self.replies.wrapping_add(1);
        Random::new(self.number(&[b"reply", &self.replies.to_be_bytes()]))
    }

    fn count(policy: &Policy, random: &mut Random) -> Option<u8> {
        if random.below(100) >= policy.decoys.into() || policy.decoys_most == 0 {
            return None;
        }
        let count = random.below(policy.decoys_most.into()).saturating_add(1);
        u8::try_from(count).ok()
    }

    /// Puts IPv4 decoys among the compact peers that the first `used` bytes of `out` are, and
    /// returns the bytes that are used then. They take the places of real peers only where there is
    /// no more room, and never more than half of all places.
    pub(crate) fn mix_v4(&self, draw: &Draw, out: &mut [u8], used: usize) -> usize {
        self.mix(draw, out, used, |[ip, _, _, _, port]| {
            let octets = ip.to_be_bytes();
            let ip = Ipv4Addr::from(octets);
            let [.., host] = octets;
            let likely = is_global_v4(ip) && !ip.is_documentation() && host != 0 && host != 255;
            likely.then(|| peer::<6>(&octets, port))
        })
    }

    /// The same for IPv6.
    pub(crate) fn mix_v6(&self, draw: &Draw, out: &mut [u8], used: usize) -> usize {
        self.mix(draw, out, used, |[net, b, c, d, port]| {
            // What the registries give away of 2000::/3: 2400::/12, 2600::/12, 2800::/12, 2a00::/12.
            let a = ((0x240 + ((net >> 30) << 5)) << 20) | (net & 0x000f_ffff);
            let [a, b, c, d] = [a, b, c, d].map(u128::from);
            let ip = Ipv6Addr::from_bits(a << 96 | b << 64 | c << 32 | d);
            Some(peer::<18>(&ip.octets(), port))
        })
    }

    fn mix<const N: usize>(
        &self,
        draw: &Draw,
        out: &mut [u8],
        used: usize,
        make: impl Fn([u32; 5]) -> Option<[u8; N]>,
    ) -> usize {
        let (places, _) = out.as_chunks_mut::<N>();
        let mut count = used / N;
        if count == 0 {
            return used;
        }
        let mut random = Random::new(draw.seed);
        let decoys = usize::from(draw.count).min(places.len() / 2);
        for nth in (0..).take(decoys) {
            let index = draw.first.wrapping_add(nth);
            let tries = (0..MOST_TRIES).map(|attempt| self.words(draw.pool, index, attempt));
            let Some(decoy) = tries.into_iter().find_map(&make) else {
                continue;
            };
            let below = |bound: usize, random: &mut Random| {
                random.below(u32::try_from(bound).unwrap_or(u32::MAX)) as usize
            };
            // The one whose place it takes goes to the end, if there is room.
            let at = below(count.saturating_add(1).min(places.len()), &mut random);
            if let Some(displaced) = places.get(at).copied()
                && count < places.len()
            {
                if let Some(end) = places.get_mut(count) {
                    *end = displaced;
                }
                count = count.saturating_add(1);
            }
            if let Some(place) = places.get_mut(at) {
                *place = decoy;
            }
        }
        count.saturating_mul(N)
    }

    /// What a decoy is made of: all of it straight from the key, since a generator of 64 bits would
    /// be recognised by the 144 of an IPv6 peer.
    fn words(&self, pool: u64, index: u32, attempt: u32) -> [u32; 5] {
        let mut part = 0u32;
        [(); 5].map(|()| {
            part = part.wrapping_add(1);
            let place = (u128::from(index) << 64) | (u128::from(attempt) << 32) | u128::from(part);
            let number = self.number(&[&pool.to_be_bytes(), &place.to_be_bytes()]);
            u32::try_from(number >> 32).unwrap_or(0)
        })
    }

    /// A number that follows from the key and `parts`. Their lengths together are different for
    /// each use.
    fn number(&self, parts: &[&[u8]]) -> u64 {
        let mut hasher = self.hasher;
        for part in parts {
            hasher.write(part);
        }
        hasher.finish()
    }
}

/// Seconds that a torrent has the same decoys: somewhat more than a peer's announces hold.
const POOL_SECONDS: u32 = 3600;

/// Addresses that are tried until one is of the internet: of 7 in 8 IPv4 addresses are.
const MOST_TRIES: u32 = 32;

/// The compact peer at this address, with a port from 1024 on.
fn peer<const N: usize>(octets: &[u8], port: u32) -> [u8; N] {
    let port = u16::try_from(1024 + port % (65_536 - 1024)).unwrap_or(u16::MAX);
    let mut peer = [0; N];
    for (to, from) in peer
        .iter_mut()
        .zip(octets.iter().chain(&port.to_be_bytes()))
    {
        *to = *from;
    }
    peer
}

#[cfg(test)]
mod tests;
