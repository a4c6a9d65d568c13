//! Connection ids (BEP 15): proof that a UDP source gets what is sent to its address.

use core::net::IpAddr;

use siphasher::sip::SipHasher24;

use crate::time::Secs;

/// Seconds in one time slot: an id is accepted in the slot it was made in and in the next, so for
/// at least as long as this and at most twice as long (BEP 15 asks for two minutes).
pub const SLOT_SECONDS: u32 = 120;

/// Makes and checks connection ids without remembering any.
///
/// An id is the SipHash-2-4 of the source address and the time slot under a key that nobody knows.
/// The port isn't in it: libtorrent uses one id for all its sockets.
#[derive(Clone)]
pub struct Cookies(SipHasher24);

impl Cookies {
    /// Ids under `key`, which must come from a source of true randomness.
    pub fn new(key: &[u8; 16]) -> Self {
        Self(SipHasher24::new_with_key(key))
    }

    /// The id for `source` now.
    pub fn issue(&self, source: IpAddr, now: Secs) -> u64 {
        self.id(source, slot(now))
    }

    /// Whether `id` was issued to `source` in this slot or the one before.
    pub fn accepts(&self, id: u64, source: IpAddr, now: Secs) -> bool {
        let slot = slot(now);
        // The comparison takes as long as it takes: an id lives for minutes and one bit of
        // timing across a network doesn't come out of 2^64 in that time.
        id == self.id(source, slot)
            || slot
                .checked_sub(1)
                .is_some_and(|s| id == self.id(source, s))
    }

    fn id(&self, source: IpAddr, slot: u32) -> u64 {
        let mut message = [0; 20];
        let (address, time) = message.split_at_mut(16);
        match source {
            IpAddr::V4(ip) => address.copy_from_slice(&ip.to_ipv6_mapped().octets()),
            IpAddr::V6(ip) => address.copy_from_slice(&ip.octets()),
        }
        time.copy_from_slice(&slot.to_be_bytes());
        self.0.hash(&message)
    }
}

const fn slot(now: Secs) -> u32 {
    now.0 / SLOT_SECONDS
}

#[cfg(test)]
mod tests {
    use core::net::{IpAddr, Ipv4Addr};

    use super::{Cookies, SLOT_SECONDS};
    use crate::time::Secs;

    const A: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    const B: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));

    #[test]
    fn an_id_lives_for_two_to_four_minutes() {
        let cookies = Cookies::new(b"0123456789abcdef");
        // Every second, but for Miri, to which that is hours.
        let step = if cfg!(miri) { 97 } else { 1 };
        for issued in (0..1000)
            .chain(u32::MAX - 1000..=u32::MAX - 250)
            .step_by(step)
        {
            let id = cookies.issue(A, Secs(issued));
            for age in (0..=SLOT_SECONDS).step_by(if cfg!(miri) { 60 } else { 1 }) {
                assert!(
                    cookies.accepts(id, A, Secs(issued + age)),
                    "issued {issued}, age {age}"
                );
            }
            assert!(
                !cookies.accepts(id, A, Secs(issued + 2 * SLOT_SECONDS)),
                "issued {issued}"
            );
        }
    }

    #[test]
    fn an_id_is_good_for_one_address_and_one_key() {
        let cookies = Cookies::new(b"0123456789abcdef");
        let id = cookies.issue(A, Secs(500));
        assert!(!cookies.accepts(id, B, Secs(500)));
        assert!(!cookies.accepts(id ^ 1, A, Secs(500)));
        assert!(!Cookies::new(b"0123456789abcdeg").accepts(id, A, Secs(500)));
    }
}
