//! Peer records: the address, and one word of port, flags and age. 8 bytes for IPv4, 20 for IPv6.

use core::net::IpAddr;

use super::{Counts, Status};
use crate::time::Secs;
use crate::wire::PeerAddr;

/// An address family, as the store sees it.
pub(super) trait Family {
    /// The address of a peer, in words.
    type Address: Copy + PartialEq;
    /// A peer: the address and the word of [`state`].
    type Record: Copy;
    /// A compact peer (BEP 23, BEP 7), 6 or 18 bytes.
    type Compact: Copy;
    const V6: bool;
    /// Words of a record.
    const WORDS: u32;
    /// Peers up to which a swarm is kept in one run: somewhat more than a reply carries.
    const MOST_WHOLE: u32;
    /// Peers that the buckets of a large swarm have on average.
    const BUCKET_MEAN: u32;

    /// The family's address in a peer's, which must be of the family.
    fn address(peer: &PeerAddr) -> Self::Address;
    /// A record of an address and a state.
    fn record(address: &Self::Address, state: u32) -> Self::Record;
    /// The records in a piece of memory, which is a whole number of them.
    fn records(words: &[u32]) -> &[Self::Record];
    /// The words of a record.
    fn words(record: &Self::Record) -> &[u32];
    /// The last word of a record.
    fn state(record: &Self::Record) -> u32;
    /// Whether a record is of this address.
    fn matches(record: &Self::Record, address: &Self::Address) -> bool;
    /// The whole compact peers that fit into a piece of a reply.
    fn compact(out: &mut [u8]) -> &mut [Self::Compact];
    /// Writes a record as a compact peer.
    fn emit(record: &Self::Record, out: &mut Self::Compact);
    /// What the bucket of a record in a large swarm depends on.
    fn mix(record: &Self::Record, seed: u64) -> u32;
    /// The address back from a record.
    fn ip(record: &Self::Record) -> IpAddr;
}

pub(super) struct V4;
pub(super) struct V6;

impl Family for V4 {
    type Address = u32;
    type Record = [u32; 2];
    type Compact = [u8; 6];
    const V6: bool = false;
    const WORDS: u32 = 2;
    const MOST_WHOLE: u32 = 255;
    const BUCKET_MEAN: u32 = 40;

    fn address(peer: &PeerAddr) -> u32 {
        match peer.ip() {
            IpAddr::V4(ip) => ip.to_bits(),
            IpAddr::V6(_) => 0,
        }
    }

    fn record(address: &u32, state: u32) -> [u32; 2] {
        [*address, state]
    }

    fn records(words: &[u32]) -> &[[u32; 2]] {
        words.as_chunks().0
    }

    fn words(record: &[u32; 2]) -> &[u32] {
        record
    }

    fn compact(out: &mut [u8]) -> &mut [[u8; 6]] {
        out.as_chunks_mut().0
    }

    fn state(&[_, state]: &[u32; 2]) -> u32 {
        state
    }

    fn matches([ip, _]: &[u32; 2], address: &u32) -> bool {
        ip == address
    }

    #[inline]
    fn emit([ip, state]: &[u32; 2], out: &mut [u8; 6]) {
        let [a, b, c, d] = ip.to_be_bytes();
        let [e, f, _, _] = state.to_be_bytes();
        *out = [a, b, c, d, e, f];
    }

    fn mix(&[ip, state]: &[u32; 2], seed: u64) -> u32 {
        mix(seed, (u64::from(ip) << 16) | u64::from(port(state)))
    }

    fn ip(&[ip, _]: &[u32; 2]) -> IpAddr {
        IpAddr::V4(ip.into())
    }
}

impl Family for V6 {
    type Address = [u32; 4];
    type Record = [u32; 5];
    type Compact = [u8; 18];
    const V6: bool = true;
    const WORDS: u32 = 5;
    const MOST_WHOLE: u32 = 102;
    const BUCKET_MEAN: u32 = 24;

    fn address(peer: &PeerAddr) -> [u32; 4] {
        let mut words = [0; 4];
        if let IpAddr::V6(ip) = peer.ip() {
            for (word, bytes) in words.iter_mut().zip(ip.octets().as_chunks::<4>().0) {
                *word = u32::from_be_bytes(*bytes);
            }
        }
        words
    }

    fn record(&[a, b, c, d]: &[u32; 4], state: u32) -> [u32; 5] {
        [a, b, c, d, state]
    }

    fn records(words: &[u32]) -> &[[u32; 5]] {
        words.as_chunks().0
    }

    fn words(record: &[u32; 5]) -> &[u32] {
        record
    }

    fn compact(out: &mut [u8]) -> &mut [[u8; 18]] {
        out.as_chunks_mut().0
    }

    fn state(&[.., state]: &[u32; 5]) -> u32 {
        state
    }

    fn matches(&[a, b, c, d, _]: &[u32; 5], address: &[u32; 4]) -> bool {
        // The end of an address differs more often than its start.
        let [w, x, y, z] = *address;
        [d, c, b, a] == [z, y, x, w]
    }

    #[inline]
    fn emit([address @ .., state]: &[u32; 5], out: &mut [u8; 18]) {
        let (bytes, port) = out.split_at_mut(16);
        for (bytes, word) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(address) {
            *bytes = word.to_be_bytes();
        }
        let [e, f, _, _] = state.to_be_bytes();
        port.copy_from_slice(&[e, f]);
    }

    fn mix(&[a, b, c, d, state]: &[u32; 5], seed: u64) -> u32 {
        let half = mix(seed, (u64::from(a) << 32) | u64::from(b));
        let seed = seed ^ (u64::from(half) << 16) ^ u64::from(port(state));
        mix(seed, (u64::from(c) << 32) | u64::from(d))
    }

    fn ip([address @ .., _]: &[u32; 5]) -> IpAddr {
        let bits = address
            .iter()
            .fold(0, |bits, &word| (bits << 32) | u128::from(word));
        IpAddr::V6(bits.into())
    }
}

/// Spreads `value` over 32 bits, in a way that `seed` decides. A bucket that somebody manages to
/// overfill costs no more than a run, so speed counts here and not the strength of a keyed hash.
fn mix(seed: u64, value: u64) -> u32 {
    let mut mixed = (value ^ seed).wrapping_mul(0xff51_afd7_ed55_8ccd);
    mixed = (mixed ^ (mixed >> 33) ^ seed).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    let [a, b, c, d, ..] = mixed.to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}

const SEEDER: u32 = 1 << 15;
const PARTIAL: u32 = 1 << 14;
const COMPLETED: u32 = 1 << 13;
const STAMP_MASK: u32 = 0xfff;
/// Seconds in one step of a peer's age, which comes round after nine hours: long after the sweep
/// has been there.
const STAMP_SECONDS: u32 = 8;
/// Steps by which a stamp may be ahead of the clock.
const STEPS_AHEAD: u32 = 8;
/// The longest time-out for which a stamp that has come round can't be taken for a fresh one, if a
/// sweep comes by every hour.
pub(super) const MOST_TIMEOUT: u32 = STAMP_MASK * STAMP_SECONDS - 3600;

/// The last word of a record for a peer that announces now.
pub(super) fn state(port: u16, status: Status, completed: bool, now: Secs) -> u32 {
    let flags = match status {
        Status::Leecher => 0,
        Status::Partial => PARTIAL,
        Status::Seeder => SEEDER,
    };
    let completed = if completed { COMPLETED } else { 0 };
    (u32::from(port) << 16) | flags | completed | ((now.0 / STAMP_SECONDS) & STAMP_MASK)
}

/// The word as if the announce had come `age` seconds earlier, at most eight more than that.
pub(super) const fn aged(state: u32, age: u32) -> u32 {
    let stamp = state.wrapping_sub(age / STAMP_SECONDS + 1) & STAMP_MASK;
    (state & !STAMP_MASK) | stamp
}

/// A state that says nothing but the port, to look for a peer with.
pub(super) const fn port_only(port: u16) -> u32 {
    (port as u32) << 16
}

pub(super) const fn port(state: u32) -> u16 {
    let [a, b, _, _] = state.to_be_bytes();
    u16::from_be_bytes([a, b])
}

/// Whether it has reported a completed download since it came.
pub(super) const fn has_completed(state: u32) -> bool {
    state & COMPLETED != 0
}

pub(super) const fn is_seeder(state: u32) -> bool {
    state & SEEDER != 0
}

pub(super) const fn status(state: u32) -> Status {
    if is_seeder(state) {
        Status::Seeder
    } else if state & PARTIAL != 0 {
        Status::Partial
    } else {
        Status::Leecher
    }
}

/// Seconds since its last announce, to eight seconds; 0 if that is up to a minute ahead, as it may
/// be where the host's threads read the clock each for itself.
pub(super) const fn age(state: u32, now: Secs) -> u32 {
    let steps = (now.0 / STAMP_SECONDS).wrapping_sub(state) & STAMP_MASK;
    if steps > STAMP_MASK - STEPS_AHEAD {
        0
    } else {
        steps * STAMP_SECONDS
    }
}

/// How many peers there are of each kind: in words of a run, of a directory, or summed over both
/// families.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Tally {
    pub(super) peers: u32,
    pub(super) seeders: u32,
    pub(super) partial: u32,
}

impl Tally {
    pub(super) const fn of(state: u32) -> Self {
        let seeder = state & SEEDER != 0;
        Self {
            peers: 1,
            seeders: seeder as u32,
            partial: (state & PARTIAL != 0) as u32,
        }
    }

    pub(super) const fn plus(self, other: Self) -> Self {
        Self {
            peers: self.peers + other.peers,
            seeders: self.seeders + other.seeders,
            partial: self.partial + other.partial,
        }
    }

    pub(super) const fn minus(self, other: Self) -> Self {
        Self {
            peers: self.peers.saturating_sub(other.peers),
            seeders: self.seeders.saturating_sub(other.seeders),
            partial: self.partial.saturating_sub(other.partial),
        }
    }

    /// One word for the tally of a run, whose peers are fewer than 1,024.
    pub(super) const fn to_word(self) -> u32 {
        self.peers | (self.seeders << 10) | (self.partial << 20)
    }

    pub(super) const fn from_word(word: u32) -> Self {
        Self {
            peers: word & 0x3ff,
            seeders: (word >> 10) & 0x3ff,
            partial: (word >> 20) & 0x3ff,
        }
    }

    pub(super) const fn counts(self, completed: u32) -> Counts {
        Counts {
            seeders: self.seeders,
            leechers: self.peers.saturating_sub(self.seeders),
            partial: self.partial,
            completed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn age_survives_the_stamp_coming_round() {
        let wrap = (STAMP_MASK + 1) * STAMP_SECONDS;
        for then in [0, 5, wrap - 8, wrap + 3, 7 * wrap - 1] {
            let state = state(6881, Status::Seeder, false, Secs(then));
            assert_eq!(age(state, Secs(then.saturating_sub(60))), 0);
            for later in [0, 7, 8, 2700, MOST_TIMEOUT] {
                let age = age(state, Secs(then + later));
                assert!(
                    age.abs_diff(later) < 8,
                    "announced at {then}, {later} s later: {age}"
                );
            }
        }
    }

    #[test]
    fn a_record_is_a_compact_peer_and_a_word() {
        let now = Secs(80);
        let record = V4::record(&0x0a00_0001, state(6881, Status::Leecher, true, now));
        let mut compact = [0; 6];
        V4::emit(&record, &mut compact);
        assert_eq!(compact, [10, 0, 0, 1, 0x1a, 0xe1]);
        assert!(has_completed(record[1]));
        assert_eq!(status(record[1]), Status::Leecher);

        let state = state(6881, Status::Partial, false, now);
        let record = V6::record(&[0x2001_0db8, 0, 0, 7], state);
        let mut compact = [0; 18];
        V6::emit(&record, &mut compact);
        assert_eq!(
            compact,
            *b"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07\x1a\xe1"
        );
        assert_eq!(status(record[4]), Status::Partial);
    }
}
