//! One list: the set in force, and the set that a reload fills.

use siphasher::sip::SipHasher24;

use super::table::{Full, Table};
use crate::wire::InfoHash;

/// A set of info hashes that can be loaded anew while it is in use.
///
/// Its memory has two halves. One holds the set in force; a reload [begins](Self::begin) to fill
/// the other, and [`commit`](Self::commit) swaps them when the new set is whole. Outside of a load
/// the other half is all zero, so its pages need not be resident.
///
/// What is kept of an info hash is a fingerprint of 8 bytes: its SipHash-2-4 under a key that
/// nobody outside knows. A torrent that isn't in a list of n is taken for one that is with a
/// probability of n / 2^64 (for a million hashes: one in 18 million million). Nobody can look for
/// such a torrent without the key.
pub struct AccessList<'m> {
    hasher: SipHasher24,
    active: Table<'m>,
    other: Table<'m>,
}

impl<'m> AccessList<'m> {
    /// An empty list in `memory`, which must be all zero. `key` comes from the system's random
    /// source.
    ///
    /// [`words`](Self::words) says how much memory is needed for how many hashes.
    pub fn new(memory: &'m mut [u64], key: &[u8; 16]) -> Self {
        let half = memory.len() / 2;
        let (active, rest) = memory.split_at_mut(half);
        // An odd word is of no use to either half.
        let (other, _) = rest.split_at_mut(half);
        Self {
            hasher: SipHasher24::new_with_key(key),
            active: Table::new(active),
            other: Table::new(other),
        }
    }

    /// Words of 8 bytes for a list of so many hashes, both halves together: 18.3 bytes for each
    /// hash.
    pub const fn words(hashes: usize) -> usize {
        Table::slots_for(hashes).saturating_mul(2)
    }

    /// Hashes in force.
    pub const fn len(&self) -> usize {
        self.active.len()
    }

    /// Whether no hash is in force.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Most hashes in force, after the last [`begin`](Self::begin) and [`commit`](Self::commit).
    pub const fn capacity(&self) -> usize {
        self.active.capacity()
    }

    /// Hashes loaded so far, not yet in force.
    pub const fn loaded(&self) -> usize {
        self.other.len()
    }

    /// Whether the hash is in force.
    ///
    /// Looks at 2.5 words next to each other on average in a list that is half full, 8.5 in one
    /// that has as many hashes as were expected, 32 in a full one; the fingerprints being random,
    /// nobody outside can make it more.
    pub fn contains(&self, hash: &InfoHash) -> bool {
        self.active.contains(self.fingerprint(hash))
    }

    /// Adds a hash to those in force, until the next [`commit`](Self::commit); true if it wasn't
    /// in. Work as for [`contains`](Self::contains).
    ///
    /// # Errors
    ///
    /// [`Full`] if the list has as many hashes as it can.
    pub fn insert(&mut self, hash: &InfoHash) -> Result<bool, Full> {
        self.active.insert(self.fingerprint(hash))
    }

    /// Removes a hash from those in force, until the next [`commit`](Self::commit); true if it was
    /// in. Work as for [`contains`](Self::contains), twice.
    pub fn remove(&mut self, hash: &InfoHash) -> bool {
        self.active.remove(self.fingerprint(hash))
    }

    /// Begins a load of at most `expected` hashes, and gives one up that had begun; `zero` as with
    /// [`commit`](Self::commit).
    ///
    /// The fewer are expected, the fewer pages of the memory become resident: 10.7 bytes for each.
    /// No more than that fit, by and by: with [`usize::MAX`] as many as there is memory for.
    pub fn begin(&mut self, expected: usize, zero: impl FnOnce(&mut [u64])) {
        self.other.clear(zero);
        self.other.spread(expected);
    }

    /// Adds a hash to those that will be in force after [`commit`](Self::commit). Twice the same is
    /// once. Work as for [`contains`](Self::contains).
    ///
    /// # Errors
    ///
    /// [`Full`] if the list has as many hashes as it can; the load should be aborted then.
    pub fn add(&mut self, hash: &InfoHash) -> Result<(), Full> {
        self.other.insert(self.fingerprint(hash)).map(drop)
    }

    /// Ends a load: what was added since the last one is in force, and nothing else.
    ///
    /// `zero` must make the slice that it is given, the half that was in force, all zero: by
    /// `fill(0)`, or by giving its pages back to the kernel. If it does not, answers are wrong.
    /// Work: what `zero` does to 9.2 bytes for each hash of the capacity.
    pub fn commit(&mut self, zero: impl FnOnce(&mut [u64])) {
        core::mem::swap(&mut self.active, &mut self.other);
        self.other.clear(zero);
    }

    /// Gives a load up: what was added since the last one is forgotten. `zero` as with
    /// [`commit`](Self::commit).
    pub fn abort(&mut self, zero: impl FnOnce(&mut [u64])) {
        self.other.clear(zero);
    }

    /// Never 0, which is an empty slot.
    fn fingerprint(&self, hash: &InfoHash) -> u64 {
        self.hasher.hash(&hash.0).max(1)
    }
}

#[cfg(test)]
mod tests {
    use std::vec;

    use super::{AccessList, Full};
    use crate::wire::InfoHash;

    const KEY: &[u8; 16] = b"0123456789abcdef";

    fn hash(number: u32) -> InfoHash {
        let mut hash = [0xaa; 20];
        hash[8..12].copy_from_slice(&number.to_be_bytes());
        InfoHash(hash)
    }

    #[test]
    fn a_load_is_in_force_when_it_is_committed_and_not_before() {
        let mut memory = vec![0; AccessList::words(100)];
        let mut list = AccessList::new(&mut memory, KEY);
        list.insert(&hash(0)).unwrap();
        for nth in 1..50 {
            list.add(&hash(nth)).unwrap();
        }
        assert!(list.contains(&hash(0)) && !list.contains(&hash(1)));
        assert_eq!((list.len(), list.loaded()), (1, 49));
        // Changes meanwhile are in force at once, and end with the old list.
        list.insert(&hash(77)).unwrap();
        assert!(list.remove(&hash(0)) && !list.contains(&hash(0)) && list.contains(&hash(77)));
        list.commit(|half| half.fill(0));
        assert_eq!((list.len(), list.loaded()), (49, 0));
        assert!((1..50).all(|nth| list.contains(&hash(nth))));
        assert!(!list.contains(&hash(0)) && !list.contains(&hash(77)));
        // One that is given up leaves no trace, and one of nothing empties the list.
        list.add(&hash(60)).unwrap();
        list.abort(|half| half.fill(0));
        assert_eq!(list.len(), 49);
        list.commit(|half| half.fill(0));
        assert!(list.is_empty());
        assert!(memory.iter().all(|word| *word == 0));
    }

    #[test]
    fn a_load_has_room_for_what_is_expected_and_for_no_more_than_there_is() {
        let mut memory = vec![0; AccessList::words(1000)];
        let mut list = AccessList::new(&mut memory, KEY);
        for (expected, least, most) in [
            (0, 0, 2),
            (10, 10, 13),
            (999, 999, 1000),
            (5000, 1000, 1000),
        ] {
            list.begin(expected, |half| half.fill(0));
            let added = (0..)
                .take_while(|nth| list.add(&hash(*nth)).is_ok())
                .count();
            assert!((least..=most).contains(&added), "{expected}: {added}");
            if expected < 999 {
                list.begin(expected, |half| half.fill(0));
                assert_eq!(list.loaded(), 0);
            }
            list.commit(|half| half.fill(0));
        }
        assert_eq!(list.len(), 1000);
        list.commit(|half| half.fill(0));
        assert!(memory.iter().all(|word| *word == 0));
    }

    #[test]
    fn a_full_list_has_as_many_as_were_asked_for() {
        for capacity in [0, 1, 2, 7, 8, 100, 4096] {
            let mut memory = vec![0; AccessList::words(capacity)];
            let mut list = AccessList::new(&mut memory, KEY);
            let count = u32::try_from(list.capacity()).unwrap();
            assert!(list.capacity() >= capacity);
            for nth in 0..count {
                assert_eq!(list.insert(&hash(nth)), Ok(true));
                list.add(&hash(nth)).unwrap();
            }
            assert_eq!(list.insert(&hash(count)), Err(Full));
            assert_eq!(list.add(&hash(count)), Err(Full));
            assert_eq!(list.insert(&hash(0)).is_ok(), count > 0, "not a new one");
            assert!((0..count).all(|nth| list.contains(&hash(nth)) && list.remove(&hash(nth))));
            assert!(list.is_empty() && list.loaded() == count as usize);
        }
    }

    #[test]
    fn other_keys_make_other_fingerprints() {
        let mut memory = vec![0; AccessList::words(8)];
        let list = AccessList::new(&mut memory, KEY);
        let mut memory = vec![0; AccessList::words(8)];
        let other = AccessList::new(&mut memory, b"0123456789abcdeg");
        assert_ne!(list.fingerprint(&hash(1)), other.fingerprint(&hash(1)));
        assert_ne!(list.fingerprint(&hash(1)), list.fingerprint(&hash(2)));
    }
}
