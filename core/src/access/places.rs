//! Which addresses use the keys that are limited in peers.
//!
//! A key that is good for n peers has n numbered places, each at a spot of the table that a secret
//! hash of key and number decides; so nothing needs to be counted, nothing points from a key to its
//! places, and a place that nobody renews is free by itself.

use core::num::NonZeroU8;

use crate::time::Secs;

/// One place: `[tag, tag, address, last seen]`; free if the tag is 0.
type Place = [u32; PLACE_WORDS];

/// Words of a place.
pub(super) const PLACE_WORDS: usize = 4;
/// Places among which one is looked for.
const WAYS: usize = 4;

/// See the module.
pub(super) struct Places<'m> {
    buckets: &'m mut [[Place; WAYS]],
}

impl<'m> Places<'m> {
    /// Places in `memory`, which must be all zero: one for every 16 bytes.
    pub(super) fn new(memory: &'m mut [u32]) -> Self {
        let (places, _) = memory.as_chunks_mut();
        let (buckets, _) = places.as_chunks_mut();
        Self { buckets }
    }

    /// Words for at least so many places.
    pub(super) const fn words(places: usize) -> usize {
        places.div_ceil(WAYS).saturating_mul(WAYS * PLACE_WORDS)
    }

    /// Takes or renews a place for `address` among the `most` of the key whose secret hash is `key`.
    /// False if others have them all. Who finds no room in the table has none that anybody counts,
    /// and is let in.
    ///
    /// A place is free again when it wasn't renewed for `timeout` seconds. Work: looks at four places
    /// for each of `most`.
    pub(super) fn take(
        &mut self,
        key: u64,
        most: NonZeroU8,
        address: u32,
        now: Secs,
        timeout: u32,
    ) -> bool {
        let mut vacant = None;
        for nth in 0..most.get() {
            let tag = tag(key, nth);
            match self.find(tag) {
                Some([_, _, found, seen]) if *found == address => {
                    *seen = now.0;
                    return true;
                }
                Some([_, _, _, seen]) if now.since(Secs(*seen)) <= timeout => {}
                _ => vacant = vacant.or(Some(tag)),
            }
        }
        let Some(tag) = vacant else {
            return false;
        };
        let free = |place: &Place| {
            let [low, high, _, seen] = *place;
            (low, high) == (0, 0) || now.since(Secs(seen)) > timeout
        };
        // Its own if it has one, lest it have two.
        let place = match self.find(tag) {
            Some(place) => Some(place),
            None => self.bucket(tag).iter_mut().find(|place| free(place)),
        };
        if let Some(place) = place {
            *place = [tag.0, tag.1, address, now.0];
        }
        true
    }

    /// Frees the place of `address`.
    pub(super) fn leave(&mut self, key: u64, most: NonZeroU8, address: u32) {
        for nth in 0..most.get() {
            if let Some(place) = self.find(tag(key, nth))
                && place[2] == address
            {
                *place = [0; PLACE_WORDS];
            }
        }
    }

    fn find(&mut self, tag: (u32, u32)) -> Option<&mut Place> {
        let mut bucket = self.bucket(tag).iter_mut();
        bucket.find(|place| (place[0], place[1]) == tag)
    }

    fn bucket(&mut self, tag: (u32, u32)) -> &mut [Place] {
        let count = self.buckets.len() as u64;
        let at = u64::from(tag.0).wrapping_mul(count) >> 32;
        let bucket = usize::try_from(at)
            .ok()
            .and_then(|at| self.buckets.get_mut(at));
        bucket.map_or(&mut [], |bucket| bucket.as_mut_slice())
    }
}

/// What a place of a key is known by, never 0: as good as random to whoever doesn't know the hash of
/// the key (the last steps of MurmurHash3).
fn tag(key: u64, nth: u8) -> (u32, u32) {
    let mut mixed = key ^ u64::from(nth).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    mixed ^= mixed >> 33;
    let [a, b, c, d, e, f, g, h] = mixed.to_be_bytes();
    (
        u32::from_be_bytes([a, b, c, d]),
        u32::from_be_bytes([e, f, g, h]).max(1),
    )
}

#[cfg(test)]
mod tests {
    use core::num::NonZeroU8;
    use std::vec;

    use super::Places;
    use crate::time::Secs;

    const TIMEOUT: u32 = 100;

    #[test]
    fn a_key_has_as_many_places_as_it_is_good_for() {
        let mut memory = vec![0; Places::words(2_000)];
        let mut places = Places::new(&mut memory);
        for most in [1, 2, 3, 7, 255] {
            let (key, most) = (u64::from(most) << 40, NonZeroU8::new(most).unwrap());
            let count = u32::from(most.get());
            for _ in 0..3 {
                for address in 0..count {
                    assert!(places.take(key, most, address, Secs(5), TIMEOUT));
                }
            }
            for address in count..count + 9 {
                assert!(!places.take(key, most, address, Secs(105), TIMEOUT));
            }
            // Who leaves makes room for one.
            places.leave(key, most, count - 1);
            places.leave(key, most, 77_777);
            assert!(places.take(key, most, 1_000, Secs(105), TIMEOUT));
            assert!(!places.take(key, most, 1_001, Secs(105), TIMEOUT));
            // Who is silent does too, and who came later stays.
            assert!(places.take(key, most, 1_000, Secs(106), TIMEOUT));
            for address in 0..count - 1 {
                assert!(places.take(key, most, 2_000 + address, Secs(106), TIMEOUT));
            }
            assert!(!places.take(key, most, 0, Secs(106), TIMEOUT));
        }
    }

    #[test]
    fn who_finds_no_room_is_let_in() {
        for words in [0, 16] {
            let mut memory = vec![0; words];
            let mut places = Places::new(&mut memory);
            let one = NonZeroU8::MIN;
            for key in 0..50 {
                assert!(places.take(key, one, 1, Secs(5), TIMEOUT));
            }
            // Nobody else's place was taken for that.
            let refused = (0..50).filter(|&key| !places.take(key, one, 2, Secs(5), TIMEOUT));
            assert_eq!(refused.count(), words / 4);
        }
    }
}
