//! Memory for the slots of connections that nobody has opened yet.

use std::io;

use wrtracker_core::http::{MOST_PIECES, Slot};

use crate::sys::row;

/// As many slots are there from the start, or half as many, unless that made too many pieces.
const FIRST_SLOTS: usize = 16;

/// Slots that no connection has needed yet: promised, and not there before one does.
pub(super) struct Room {
    slots: row::Room<Slot>,
    /// As many as the next piece has, if there are so many.
    piece: usize,
    given: usize,
}

impl Room {
    /// Room for so many slots, each piece of which is as large as those before it together.
    ///
    /// # Errors
    ///
    /// The kernel's, for want of memory.
    pub(super) fn new(slots: usize) -> io::Result<Self> {
        let mut piece = slots;
        for _ in 1..MOST_PIECES {
            if piece > FIRST_SLOTS {
                piece = piece.div_ceil(2);
            }
        }
        Ok(Self {
            slots: row::Room::new(slots)?,
            piece,
            given: 0,
        })
    }

    /// The next slots; none if there are no more.
    pub(super) fn take(&mut self) -> &'static mut [Slot] {
        let piece = self.slots.take(self.piece, &Slot::EMPTY);
        self.given += piece.len();
        self.piece = self.given;
        piece
    }
}

#[cfg(test)]
mod tests {
    use wrtracker_core::http::MOST_PIECES;

    use super::Room;

    #[test]
    fn all_slots_are_given_in_as_many_pieces_as_the_core_takes() {
        for slots in [0, 1, 15, 16, 17, 100, 1024, 4097, 32_768, 100_000] {
            let mut room = Room::new(slots).expect("memory");
            let mut pieces = Vec::new();
            while let piece @ 1.. = room.take().len() {
                pieces.push(piece);
            }
            assert_eq!(pieces.iter().sum::<usize>(), slots);
            assert!(pieces.len() <= MOST_PIECES, "{slots}: {pieces:?}");
            let first = pieces.first().copied().unwrap_or_default();
            assert!(first <= 16.max(slots.div_ceil(1 << 11)), "{slots}: {first}");
        }
    }
}
