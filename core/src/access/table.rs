//! A set of non-zero numbers in a fixed slice: open addressing with linear probing.
//!
//! The numbers must be as good as random, which fingerprints under a secret key are. The slot where
//! the search for a number begins is in the same proportion to all slots as the number is to 2^64,
//! so any count of slots will do, and a table for few numbers uses few of its slots. Removing moves what follows back, so there are no tombstones and
//! the time of a search depends on what is in the table now, not on what has been.

use core::fmt;

/// No room for one more entry. The operator may give more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Full;

impl fmt::Display for Full {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("the table is full")
    }
}

impl core::error::Error for Full {}

/// See the module. A slot that is zero is empty.
pub(super) struct Table<'m> {
    slots: &'m mut [u64],
    /// Slots in use, at the start; the others stay zero.
    used: usize,
    entries: usize,
}

/// Where a search ended.
enum Found {
    /// The number is in this slot.
    Here(usize),
    /// It isn't in; this slot is empty and the first that may take it.
    Empty(usize),
    /// It isn't in, and there is no empty slot.
    Nowhere,
}

impl<'m> Table<'m> {
    /// An empty table in `slots`, which must be all zero. It uses all of them, up to 2^32.
    pub(super) fn new(slots: &'m mut [u64]) -> Self {
        let mut table = Self {
            slots,
            used: 0,
            entries: 0,
        };
        table.spread(usize::MAX);
        table
    }

    /// Uses so many slots that a quarter of them is empty with so many entries, or all there are.
    /// The table must be empty.
    pub(super) fn spread(&mut self, entries: usize) {
        debug_assert!(self.entries == 0);
        let most = usize::try_from(u32::MAX).unwrap_or(usize::MAX);
        let wanted = entries.saturating_add(entries.div_ceil(3)).max(2);
        self.used = wanted.min(self.slots.len()).min(most);
    }

    /// The slots that a table for so many entries needs, at least one of them always empty.
    pub(super) const fn slots_for(entries: usize) -> usize {
        // 8/7 of it, rounded up.
        entries.saturating_add(entries.div_ceil(7))
    }

    pub(super) const fn len(&self) -> usize {
        self.entries
    }

    /// Most entries: seven eighths of the slots in use, rounded down.
    pub(super) const fn capacity(&self) -> usize {
        self.used.saturating_sub(self.used.div_ceil(8))
    }

    /// Whether the number is in.
    pub(super) fn contains(&self, number: u64) -> bool {
        matches!(self.find(number), Found::Here(_))
    }

    /// Puts the number in; true if it wasn't.
    pub(super) fn insert(&mut self, number: u64) -> Result<bool, Full> {
        match self.find(number) {
            Found::Here(_) => Ok(false),
            Found::Empty(at) if self.entries < self.capacity() => {
                self.set(at, number);
                self.entries = self.entries.saturating_add(1);
                Ok(true)
            }
            Found::Empty(_) | Found::Nowhere => Err(Full),
        }
    }

    /// Takes the number out; true if it was in.
    pub(super) fn remove(&mut self, number: u64) -> bool {
        let Found::Here(mut hole) = self.find(number) else {
            return false;
        };
        let mut at = hole;
        for _ in 1..self.used {
            at = self.after(at);
            let follows = self.slots.get(at).copied().unwrap_or(0);
            if follows == 0 {
                break;
            }
            // It may move back unless its search begins behind the hole.
            if self.distance(self.home(follows), at) >= self.distance(hole, at) {
                self.set(hole, follows);
                hole = at;
            }
        }
        self.set(hole, 0);
        self.entries = self.entries.saturating_sub(1);
        true
    }

    /// Empties the table with `zero`, which must make the slots all zero. Not called if they are.
    pub(super) fn clear(&mut self, zero: impl FnOnce(&mut [u64])) {
        if self.entries > 0 {
            zero(self.slots.get_mut(..self.used).unwrap_or_default());
            self.entries = 0;
        }
    }

    /// Looks from the number's home to the first empty slot, and around the end if need be.
    fn find(&self, number: u64) -> Found {
        let home = self.home(number);
        let used = self.slots.get(..self.used).unwrap_or_default();
        let Some((before, after)) = used.split_at_checked(home) else {
            return Found::Nowhere;
        };
        let ends = |slot: &u64| *slot == number || *slot == 0;
        let behind = after.iter().position(ends);
        let at = behind.map(|nth| home.saturating_add(nth));
        let Some(at) = at.or_else(|| before.iter().position(ends)) else {
            return Found::Nowhere;
        };
        match self.slots.get(at) {
            Some(0) | None => Found::Empty(at),
            Some(_) => Found::Here(at),
        }
    }

    /// Where the search for a number begins; below the count of slots in use, if there are any.
    fn home(&self, number: u64) -> usize {
        // Both factors are below 2^32.
        usize::try_from((number >> 32).wrapping_mul(self.used as u64) >> 32).unwrap_or(0)
    }

    const fn after(&self, at: usize) -> usize {
        let next = at.saturating_add(1);
        if next < self.used { next } else { 0 }
    }

    /// Slots from one to the other, around the end if need be.
    const fn distance(&self, from: usize, to: usize) -> usize {
        if from <= to {
            to.saturating_sub(from)
        } else {
            self.used.saturating_sub(from).saturating_add(to)
        }
    }

    fn set(&mut self, at: usize, number: u64) {
        if let Some(slot) = self.slots.get_mut(at) {
            *slot = number;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::vec;

    use super::{Full, Table};
    use crate::random::Random;

    #[test]
    fn sizes_leave_an_eighth_empty_and_never_nothing() {
        for entries in 0..200 {
            let slots = Table::slots_for(entries);
            let mut memory = vec![0; slots];
            let table = Table::new(&mut memory);
            assert!(table.capacity() >= entries && (slots == 0 || table.capacity() < slots));
            assert!(slots <= entries + entries / 7 + 1);
        }
        assert_eq!(Table::slots_for(usize::MAX), usize::MAX);
    }

    #[test]
    fn a_table_for_few_uses_few_slots_and_has_room_for_them() {
        for few in 0..150 {
            let mut memory = vec![0; 200];
            let mut table = Table::new(&mut memory);
            table.spread(few);
            assert!(table.capacity() >= few);
            for number in 0..few as u64 {
                assert_eq!(table.insert((number << 56) + number + 1), Ok(true));
            }
            let used = (few + few.div_ceil(3)).max(2);
            assert!(memory[used..].iter().all(|slot| *slot == 0));
        }
    }

    #[test]
    fn a_table_without_slots_is_full() {
        let mut table = Table::new(&mut []);
        assert_eq!(table.insert(1), Err(Full));
        assert!(!table.contains(1) && !table.remove(1));
    }

    /// Numbers that all begin at the last slots, so that every search goes around the end.
    #[test]
    fn what_is_removed_leaves_the_rest_to_be_found() {
        let mut random = Random::new(3);
        for slots in 1..20u32 {
            let mut memory = vec![0; slots as usize];
            let mut table = Table::new(&mut memory);
            let mut model = BTreeSet::new();
            for _ in 0..if cfg!(miri) { 50 } else { 3_000 } {
                let number = u64::MAX - u64::from(random.below(20)) * (1 << 58);
                if random.below(2) == 0 {
                    let room = model.len() < table.capacity();
                    let expected = match model.contains(&number) {
                        true => Ok(false),
                        false if room => Ok(model.insert(number)),
                        false => Err(Full),
                    };
                    assert_eq!(table.insert(number), expected);
                } else {
                    assert_eq!(table.remove(number), model.remove(&number));
                }
                assert_eq!(table.len(), model.len());
                for nth in 0..20 {
                    let number = u64::MAX - nth * (1 << 58);
                    assert_eq!(table.contains(number), model.contains(&number));
                }
            }
            table.clear(|slots| slots.fill(0));
            assert!(memory.iter().all(|slot| *slot == 0));
        }
    }

    #[test]
    fn memory_that_is_not_zero_gives_wrong_answers_and_no_endless_search() {
        let mut memory = [5; 9];
        let mut table = Table::new(&mut memory);
        assert!(!table.contains(1) && !table.remove(1));
        assert_eq!(table.insert(1), Err(Full));
        assert!(table.remove(5));
    }
}
