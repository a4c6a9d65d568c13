//! Bencode out (BEP 3).

use core::ops::Range;

use super::Out;

/// A dictionary on its way into an [`Out`].
///
/// Keys are given the way they are sent (`b"5:peers"`), and must come sorted as raw bytes and once
/// each; debug builds assert both.
pub struct Dict<'o, 'b> {
    out: &'o mut Out<'b>,
    last: Range<usize>,
}

impl<'o, 'b> Dict<'o, 'b> {
    /// Opens a dictionary.
    pub fn begin(out: &'o mut Out<'b>) -> Self {
        out.put(b"d");
        Self { out, last: 0..0 }
    }

    /// Closes the dictionary.
    pub fn end(self) {
        self.out.put(b"e");
    }

    /// Adds a number.
    pub fn integer(&mut self, key: &[u8], value: u32) {
        self.key(key);
        self.out.put(b"i");
        self.out.number(value);
        self.out.put(b"e");
    }

    /// Adds a string.
    pub fn bytes(&mut self, key: &[u8], value: &[u8]) {
        self.key(key);
        string(self.out, value);
    }

    /// Adds a string of at most `most` bytes that `fill` writes into the slice it is given; it
    /// returns how many it wrote.
    ///
    /// The slice is shorter than `most` if there is no more room.
    pub fn filled(
        &mut self,
        key: &[u8],
        most: usize,
        fill: impl FnOnce(&mut [u8]) -> usize,
    ) -> usize {
        self.key(key);
        let start = self.out.len();
        length(self.out, most);
        let first = self.out.len();
        let count = self.out.fill(most, fill);
        self.out.truncate(start);
        length(self.out, count);
        self.out.reuse(first, count);
        count
    }

    /// As [`filled`](Self::filled), but adds nothing at all if `fill` writes nothing.
    pub fn filled_unless_empty(
        &mut self,
        key: &[u8],
        most: usize,
        fill: impl FnOnce(&mut [u8]) -> usize,
    ) -> usize {
        let (start, last) = (self.out.len(), self.last.clone());
        let used = self.filled(key, most, fill);
        if used == 0 {
            self.out.truncate(start);
            self.last = last;
        }
        used
    }

    /// Adds a dictionary, which must be ended before this one goes on.
    pub fn dict(&mut self, key: &[u8]) -> Dict<'_, 'b> {
        self.key(key);
        Dict::begin(self.out)
    }

    /// Adds a list, which `emit` fills.
    pub fn list(&mut self, key: &[u8], emit: impl FnOnce(&mut Out<'b>)) {
        self.key(key);
        self.out.put(b"l");
        emit(self.out);
        self.out.put(b"e");
    }

    /// The room behind what is written: for scratch data, which the next thing added may overwrite.
    pub fn room(&mut self) -> &mut [u8] {
        self.out.room()
    }

    fn key(&mut self, key: &[u8]) {
        debug_assert!(is_string(key), "a key in its encoded form");
        let last = self.out.written().get(self.last.clone());
        debug_assert!(
            text(last.unwrap_or_default()) < text(key),
            "keys sorted, and once each"
        );
        let start = self.out.len();
        self.out.put(key);
        self.last = start..self.out.len();
    }
}

/// Emits a string.
pub fn string(out: &mut Out<'_>, value: &[u8]) {
    length(out, value.len());
    out.put(value);
}

fn length(out: &mut Out<'_>, length: usize) {
    // No slice of 4 GiB is ever written.
    out.number(u32::try_from(length).unwrap_or(u32::MAX));
    out.put(b":");
}

/// What stands behind the colon of an encoded string; `None` sorts before everything.
fn text(encoded: &[u8]) -> Option<&[u8]> {
    let colon = encoded.iter().position(|&byte| byte == b':')?;
    encoded.get(colon.checked_add(1)?..)
}

fn is_string(encoded: &[u8]) -> bool {
    let mut bytes = [0; 16];
    let mut prefix = Out::new(&mut bytes);
    let text = text(encoded).unwrap_or_default();
    length(&mut prefix, text.len());
    encoded.starts_with(prefix.written())
}

#[cfg(test)]
mod tests {
    use super::Dict;
    use crate::wire::Out;

    #[test]
    fn a_dictionary_of_everything() {
        let mut bytes = [0; 128];
        let mut out = Out::new(&mut bytes);
        let mut dict = Dict::begin(&mut out);
        dict.integer(b"1:a", 7);
        dict.bytes(b"2:bb", b"xyz");
        let mut inner = dict.dict(b"1:c");
        inner.integer(b"1:a", 0);
        inner.end();
        dict.list(b"1:d", |out| out.put(b"i1e"));
        let filled = dict.filled(b"1:e", 100, |slot| {
            slot[..2].copy_from_slice(b"hi");
            2
        });
        assert_eq!(filled, 2);
        dict.filled_unless_empty(b"1:f", 100, |_| 0);
        dict.end();
        assert_eq!(
            out.written(),
            b"d1:ai7e2:bb3:xyz1:cd1:ai0ee1:dli1ee1:e2:hie"
        );
    }

    #[test]
    fn a_filled_string_never_leaves_the_room() {
        let mut bytes = [0; 12];
        let mut out = Out::new(&mut bytes);
        let mut dict = Dict::begin(&mut out);
        dict.filled(b"1:a", 100, |slot| {
            assert_eq!(slot.len(), 4);
            usize::MAX
        });
        dict.end();
        assert_eq!(out.written(), b"d1:a4:\0\0\0\0e");
    }

    #[test]
    #[should_panic(expected = "keys sorted")]
    #[cfg(debug_assertions)]
    fn keys_out_of_order_are_noticed() {
        let mut bytes = [0; 64];
        let mut out = Out::new(&mut bytes);
        let mut dict = Dict::begin(&mut out);
        dict.integer(b"8:interval", 1);
        dict.integer(b"8:complete", 1);
    }

    #[test]
    #[should_panic(expected = "encoded form")]
    #[cfg(debug_assertions)]
    fn a_key_of_the_wrong_length_is_noticed() {
        let mut bytes = [0; 64];
        let mut out = Out::new(&mut bytes);
        Dict::begin(&mut out).integer(b"7:interval", 1);
    }
}
