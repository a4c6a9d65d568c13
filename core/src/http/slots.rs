//! The table of the slots, which grows in the memory that its owner gives.

use super::slot::Slot;

/// Most pieces that a table is made of.
pub const MOST_PIECES: usize = 12;

/// Slots in a few pieces of memory, so that one that nobody has needed yet need not be there.
pub(super) struct Slots<'m> {
    pieces: [&'m mut [Slot]; MOST_PIECES],
    len: usize,
}

impl<'m> Slots<'m> {
    pub(super) fn new(first: &'m mut [Slot]) -> Self {
        let mut this = Self {
            pieces: [(); MOST_PIECES].map(|()| Default::default()),
            len: 0,
        };
        this.add(first);
        this
    }

    /// Adds a piece behind the others, if there are fewer than [`MOST_PIECES`] and it isn't empty.
    pub(super) fn add(&mut self, piece: &'m mut [Slot]) {
        if let Some(place) = self.pieces.iter_mut().find(|piece| piece.is_empty()) {
            self.len = self.len.saturating_add(piece.len());
            *place = piece;
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) fn get(&self, index: usize) -> Option<&Slot> {
        let mut index = index;
        for piece in &self.pieces {
            match index.checked_sub(piece.len()) {
                None => return piece.get(index),
                Some(behind) => index = behind,
            }
        }
        None
    }

    pub(super) fn get_mut(&mut self, index: usize) -> Option<&mut Slot> {
        let mut index = index;
        for piece in &mut self.pieces {
            match index.checked_sub(piece.len()) {
                None => return piece.get_mut(index),
                Some(behind) => index = behind,
            }
        }
        None
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Slot> {
        self.pieces.iter().flat_map(|piece| piece.iter())
    }
}

#[cfg(test)]
mod tests {
    use std::vec;

    use super::{MOST_PIECES, Slot, Slots};
    use crate::time::Secs;

    #[test]
    fn pieces_are_one_table() {
        let mut memory: [_; 4] = [3, 0, 1, 5].map(|len| vec![Slot::EMPTY; len]);
        let [first, empty, one, rest] = &mut memory;
        let mut slots = Slots::new(first);
        assert_eq!((slots.len(), slots.iter().count()), (3, 3));
        assert!(slots.get(3).is_none() && slots.get_mut(3).is_none());
        for piece in [empty, one, rest] {
            slots.add(piece);
        }
        assert_eq!(slots.len(), 9);
        for index in 0..9 {
            slots.get_mut(index).unwrap().since = Secs(index as u32);
        }
        for (index, slot) in slots.iter().enumerate() {
            assert_eq!(slot.since, Secs(index as u32));
            assert_eq!(slots.get(index).unwrap().since, slot.since);
        }
        assert!(slots.get(9).is_none() && slots.get_mut(usize::MAX).is_none());
    }

    #[test]
    fn pieces_beyond_the_most_are_left_out() {
        let mut memory = vec![[const { Slot::EMPTY }; 2]; MOST_PIECES + 1];
        let mut pieces = memory.iter_mut();
        let mut slots = Slots::new(pieces.next().unwrap());
        for piece in pieces {
            slots.add(piece);
        }
        assert_eq!(slots.len(), 2 * MOST_PIECES);
        assert_eq!(slots.iter().count(), slots.len());
    }
}
