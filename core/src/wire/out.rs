//! A bounded place to write a reply to.

use core::fmt;

/// Bytes written one after another into a slice that never grows.
///
/// A write that doesn't fit is left out whole and remembered: see [`overflowed`](Self::overflowed).
/// Whoever sizes the slice by the largest reply never sees that.
#[derive(Debug)]
pub struct Out<'b> {
    bytes: &'b mut [u8],
    used: usize,
    overflowed: bool,
}

impl<'b> Out<'b> {
    /// Nothing written yet, into `bytes`.
    pub const fn new(bytes: &'b mut [u8]) -> Self {
        Self {
            bytes,
            used: 0,
            overflowed: false,
        }
    }

    /// Bytes written.
    pub const fn len(&self) -> usize {
        self.used
    }

    /// Whether nothing is written.
    pub const fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// Whether something didn't fit.
    pub const fn overflowed(&self) -> bool {
        self.overflowed
    }

    /// What is written.
    pub fn written(&self) -> &[u8] {
        self.bytes.get(..self.used).unwrap_or_default()
    }

    /// The room that is left.
    pub fn room(&mut self) -> &mut [u8] {
        self.bytes.get_mut(self.used..).unwrap_or_default()
    }

    /// Appends `bytes`.
    #[inline]
    pub fn put(&mut self, bytes: &[u8]) {
        if let Some(to) = self.room().get_mut(..bytes.len()) {
            to.copy_from_slice(bytes);
            self.used = self.used.saturating_add(bytes.len());
        } else {
            self.overflowed = true;
        }
    }

    /// Appends a number in decimal, without leading zeros.
    pub fn number(&mut self, number: u32) {
        let mut digits = [0; 10];
        let mut rest = number;
        let mut start = digits.len();
        for digit in digits.iter_mut().rev() {
            let [ones, ..] = (rest % 10).to_le_bytes();
            *digit = b'0' | ones;
            start = start.saturating_sub(1);
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        self.put(digits.get(start..).unwrap_or_default());
    }

    /// Has `fill` write up to `most` bytes, fewer if there is less room; appends as many as it says
    /// and returns that number.
    pub fn fill(&mut self, most: usize, fill: impl FnOnce(&mut [u8]) -> usize) -> usize {
        let room = self.room();
        let most = most.min(room.len());
        let count = fill(room.get_mut(..most).unwrap_or_default()).min(most);
        self.used = self.used.saturating_add(count);
        count
    }

    /// Has `write` append at most `most` bytes, as if there were no more room.
    pub fn within<T>(&mut self, most: usize, write: impl FnOnce(&mut Out<'_>) -> T) -> T {
        let room = self.room();
        let most = most.min(room.len());
        let mut part = Out::new(room.get_mut(..most).unwrap_or_default());
        let result = write(&mut part);
        let (used, overflowed) = (part.used, part.overflowed);
        self.used = self.used.saturating_add(used);
        self.overflowed |= overflowed;
        result
    }

    /// Writes over what is written, from the byte `at` on.
    pub fn patch(&mut self, at: usize, bytes: &[u8]) {
        let end = at.saturating_add(bytes.len()).min(self.used);
        if let Some(to) = self.bytes.get_mut(at..end)
            && to.len() == bytes.len()
        {
            to.copy_from_slice(bytes);
        }
    }

    /// Goes back to the first `len` bytes.
    pub fn truncate(&mut self, len: usize) {
        self.used = self.used.min(len);
    }

    /// Appends the `count` bytes that stand `from` bytes from the start, at or behind the end of
    /// what is written.
    pub fn reuse(&mut self, from: usize, count: usize) {
        let end = from.saturating_add(count);
        if from < self.used || end > self.bytes.len() {
            self.overflowed = true;
            return;
        }
        if from > self.used {
            self.bytes.copy_within(from..end, self.used);
        }
        self.used = self.used.saturating_add(count);
    }
}

impl fmt::Write for Out<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.put(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Out;

    #[test]
    fn numbers_have_no_leading_zeros() {
        for (number, text) in [
            (0, "0"),
            (9, "9"),
            (10, "10"),
            (1_800, "1800"),
            (u32::MAX, "4294967295"),
        ] {
            let mut bytes = [0; 10];
            let mut out = Out::new(&mut bytes);
            out.number(number);
            assert_eq!(out.written(), text.as_bytes());
            assert!(!out.overflowed());
        }
    }

    #[test]
    fn what_does_not_fit_is_left_out_whole() {
        let mut bytes = [0; 4];
        let mut out = Out::new(&mut bytes);
        out.put(b"abc");
        out.put(b"de");
        assert_eq!(out.written(), b"abc");
        assert!(out.overflowed());
        out.truncate(2);
        out.put(b"de");
        assert_eq!(out.written(), b"abde");
        assert!(out.room().is_empty());
        assert!(out.overflowed());
    }

    #[test]
    fn a_part_has_bounds_of_its_own() {
        let mut bytes = [0; 8];
        let mut out = Out::new(&mut bytes);
        out.put(b"ab");
        out.within(3, |part| {
            part.put(b"cd");
            assert_eq!(part.room().len(), 1);
        });
        assert_eq!(out.written(), b"abcd");
        out.within(2, |part| part.put(b"efg"));
        assert!(out.overflowed());
        out.patch(1, b"XY");
        out.patch(3, b"ZZ");
        assert_eq!(out.written(), b"aXYd");
    }

    #[test]
    fn bytes_behind_the_end_are_moved_down() {
        let mut bytes = *b"....body..";
        let mut out = Out::new(&mut bytes);
        out.put(b"ab");
        out.reuse(4, 4);
        assert_eq!(out.written(), b"abbody");
        out.reuse(6, 4);
        assert_eq!(out.len(), 10);
        out.reuse(10, 1);
        assert!(out.overflowed());
    }
}
