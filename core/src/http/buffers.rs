//! The buffers that connections hold while a request is incomplete or a reply unsent.

use core::num::NonZeroU16;

use super::BUFFER_BYTES;

/// Names a buffer that somebody holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct BufferId(NonZeroU16);

/// Pieces of [`BUFFER_BYTES`], at most 65,535 of them.
///
/// One that nobody has held yet is not touched, so that its memory need not be there.
pub(super) struct Buffers<'m> {
    pieces: &'m mut [[u8; BUFFER_BYTES]],
    /// How many have ever been held: those before this index.
    touched: u16,
    /// The first of those that were given back; its first two bytes name the next. 0 is the end.
    free: u16,
}

impl<'m> Buffers<'m> {
    /// All of `bytes`, but for what doesn't make a whole piece.
    pub(super) fn new(bytes: &'m mut [u8]) -> Self {
        let (pieces, _) = bytes.as_chunks_mut();
        Self {
            pieces,
            touched: 0,
            free: 0,
        }
    }

    /// A buffer that nobody else holds, with anything in it.
    pub(super) fn take(&mut self) -> Option<BufferId> {
        if let Some(free) = NonZeroU16::new(self.free) {
            let id = BufferId(free);
            let &next = self.piece(id)?.first_chunk()?;
            self.free = u16::from_be_bytes(next);
            return Some(id);
        }
        let next = self.touched.checked_add(1)?;
        if usize::from(next) > self.pieces.len() {
            return None;
        }
        self.touched = next;
        NonZeroU16::new(next).map(BufferId)
    }

    /// Takes a buffer back.
    pub(super) fn give(&mut self, id: BufferId) {
        let next = self.free.to_be_bytes();
        if let Some(link) = self.piece_mut(id).and_then(|piece| piece.first_chunk_mut()) {
            *link = next;
            self.free = id.0.get();
        }
    }

    /// What is in a buffer.
    pub(super) fn piece(&self, id: BufferId) -> Option<&[u8; BUFFER_BYTES]> {
        self.pieces.get(usize::from(id.0.get()).checked_sub(1)?)
    }

    /// What is in a buffer, to change.
    pub(super) fn piece_mut(&mut self, id: BufferId) -> Option<&mut [u8; BUFFER_BYTES]> {
        self.pieces.get_mut(usize::from(id.0.get()).checked_sub(1)?)
    }
}

#[cfg(test)]
mod tests {
    use std::vec;

    use super::{BUFFER_BYTES, Buffers};

    #[test]
    fn buffers_are_handed_out_once_and_come_back() {
        let mut bytes = vec![0; 3 * BUFFER_BYTES + 100];
        let mut buffers = Buffers::new(&mut bytes);
        let taken: [_; 3] = core::array::from_fn(|_| buffers.take().unwrap());
        assert!(buffers.take().is_none());
        assert!(taken[0] != taken[1] && taken[1] != taken[2] && taken[0] != taken[2]);
        for (byte, &id) in (1..).zip(&taken) {
            buffers.piece_mut(id).unwrap().fill(byte);
        }
        for (byte, &id) in (1..).zip(&taken) {
            assert!(buffers.piece(id).unwrap().iter().all(|&b| b == byte));
        }
        buffers.give(taken[1]);
        buffers.give(taken[0]);
        assert_eq!(buffers.take(), Some(taken[0]));
        assert_eq!(buffers.take(), Some(taken[1]));
        assert!(buffers.take().is_none());
    }

    #[test]
    fn untouched_buffers_stay_untouched() {
        let mut bytes = vec![7; 2 * BUFFER_BYTES];
        let mut buffers = Buffers::new(&mut bytes);
        let id = buffers.take().unwrap();
        buffers.give(id);
        let id = buffers.take().unwrap();
        buffers.piece_mut(id).unwrap().fill(1);
        buffers.give(id);
        assert!(bytes[BUFFER_BYTES..].iter().all(|&byte| byte == 7));
    }
}
