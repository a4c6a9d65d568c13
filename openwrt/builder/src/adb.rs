//! The containers of apk, OpenWrt's package manager from release 25.12 on.
//!
//! A container is a head and blocks. The first block is a pool of values: words of 32 bits, little
//! endian, whose high four bits say what the rest is: a small number, or where in the pool a number, a
//! string of bytes, a list or an object lies. An object is a list whose places have meanings. What
//! refers comes after what it refers to, and the pool's head refers to the last, the root.
//!
//! The format is apk-tools' version 3. Nothing is written twice here for being equal: packing makes up
//! for that.

/// A value, or where one lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Value(u32);

impl Value {
    /// Nothing: what isn't there.
    pub(crate) const NULL: Self = Self(0);
}

/// The first block: all values.
pub(crate) struct Pool {
    bytes: Vec<u8>,
}

impl Pool {
    /// An empty one.
    pub(crate) fn new() -> Self {
        // The versions that can read it and that wrote it, both 0; then the root, at the end.
        Self {
            bytes: vec![0; HEAD],
        }
    }

    /// A number.
    pub(crate) fn number(&mut self, number: u64) -> Value {
        match u32::try_from(number) {
            Ok(small) if small <= WITHIN => Value(NUMBER | small),
            Ok(word) => self.put(NUMBER_32, 4, &[&word.to_le_bytes()]),
            Err(_) => self.put(NUMBER_64, 8, &[&number.to_le_bytes()]),
        }
    }

    /// A string of bytes; an empty one is nothing.
    pub(crate) fn blob(&mut self, bytes: impl AsRef<[u8]>) -> Value {
        let bytes = bytes.as_ref();
        let length = u32::try_from(bytes.len()).expect("files are smaller than 4 GiB");
        let head = length.to_le_bytes();
        match length {
            0 => Value::NULL,
            1..=0xff => self.put(BLOB_8, 1, &[&head[..1], bytes]),
            0x100..=0xffff => self.put(BLOB_16, 2, &[&head[..2], bytes]),
            _ => self.put(BLOB_32, 4, &[&head, bytes]),
        }
    }

    /// A list of values that are there.
    pub(crate) fn list(&mut self, values: &[Value]) -> Value {
        self.slots(LIST, values)
    }

    /// An object with these values at these places, counted from 1.
    pub(crate) fn object(&mut self, fields: &[(usize, Value)]) -> Value {
        let places = fields.iter().map(|(place, _)| *place).max().unwrap_or(0);
        let mut values = vec![Value::NULL; places];
        for (place, value) in fields {
            values[place - 1] = *value;
        }
        // What is missing at the end isn't written.
        while values.last() == Some(&Value::NULL) {
            values.pop();
        }
        self.slots(OBJECT, &values)
    }

    /// The pool with its root.
    pub(crate) fn finish(mut self, root: Value) -> Vec<u8> {
        self.bytes[HEAD - 4..HEAD].copy_from_slice(&root.0.to_le_bytes());
        self.bytes
    }

    /// Where a string of at most 255 bytes lies in what [`Self::finish`] returns.
    pub(crate) fn position(blob: Value) -> usize {
        assert_eq!(blob.0 & !WITHIN, BLOB_8, "a short string");
        (blob.0 & WITHIN) as usize + 1
    }

    /// The number of places, itself counted, and the values.
    fn slots(&mut self, kind: u32, values: &[Value]) -> Value {
        if values.is_empty() {
            return Value::NULL;
        }
        let count = u32::try_from(values.len() + 1).expect("there are few values");
        let words: Vec<_> = values
            .iter()
            .flat_map(|value| value.0.to_le_bytes())
            .collect();
        self.put(kind, 4, &[&count.to_le_bytes(), &words])
    }

    fn put(&mut self, kind: u32, alignment: usize, parts: &[&[u8]]) -> Value {
        self.bytes
            .resize(self.bytes.len().next_multiple_of(alignment), 0);
        let position = u32::try_from(self.bytes.len()).expect("pools are smaller than 4 GiB");
        assert!(position <= WITHIN, "pools are smaller than 256 MiB");
        for part in parts {
            self.bytes.extend_from_slice(part);
        }
        Value(kind | position)
    }
}

/// A container: a head that says what the root is, and then blocks.
pub(crate) struct Container(Vec<u8>);

impl Container {
    /// A package with this pool.
    pub(crate) fn package(pool: &[u8]) -> Self {
        let mut container = Self(b"ADB.pckg".to_vec());
        container.block(POOL_BLOCK, &[pool]);
        container
    }

    /// Adds the bytes of a file, which is known by its folder's place in the package's list and its
    /// own in the folder's, both from 1.
    pub(crate) fn file(&mut self, folder: usize, file: usize, bytes: &[u8]) {
        let place = |number| {
            u32::try_from(number)
                .expect("there are few files")
                .to_le_bytes()
        };
        self.block(DATA_BLOCK, &[&place(folder), &place(file), bytes]);
    }

    /// All bytes, as they are before they are packed.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn block(&mut self, kind: u32, parts: &[&[u8]]) {
        let length = 4 + parts.iter().map(|part| part.len()).sum::<usize>();
        let length = u32::try_from(length).expect("blocks are smaller than 1 GiB");
        assert!(length < 1 << 30, "blocks are smaller than 1 GiB");
        self.0.extend((kind << 30 | length).to_le_bytes());
        for part in parts {
            self.0.extend_from_slice(part);
        }
        self.0.resize(self.0.len().next_multiple_of(8), 0);
    }
}

const HEAD: usize = 8;
/// What fits into a value itself.
const WITHIN: u32 = 0x0fff_ffff;
const NUMBER: u32 = 0x1000_0000;
const NUMBER_32: u32 = 0x2000_0000;
const NUMBER_64: u32 = 0x3000_0000;
const BLOB_8: u32 = 0x8000_0000;
const BLOB_16: u32 = 0x9000_0000;
const BLOB_32: u32 = 0xa000_0000;
const LIST: u32 = 0xd000_0000;
const OBJECT: u32 = 0xe000_0000;
const POOL_BLOCK: u32 = 0;
const DATA_BLOCK: u32 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_short_as_they_can_be() {
        let mut pool = Pool::new();
        assert_eq!(pool.number(0), Value(0x1000_0000));
        assert_eq!(pool.number(0x0fff_ffff), Value(0x1fff_ffff));
        assert_eq!(pool.number(0x1000_0000), Value(0x2000_0008));
        assert_eq!(pool.number(0x1_0000_0002), Value(0x3000_0010));
        let bytes = pool.finish(Value::NULL);
        assert_eq!(
            bytes[8..],
            [0, 0, 0, 0x10, 0, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0]
        );
    }

    #[test]
    fn strings_have_their_length_before_them() {
        let mut pool = Pool::new();
        assert_eq!(pool.blob(""), Value::NULL);
        let short = pool.blob("ab");
        assert_eq!((short, Pool::position(short)), (Value(0x8000_0008), 9));
        assert_eq!(pool.blob([7; 256]), Value(0x9000_000c));
        assert_eq!(pool.blob([7; 65536]), Value(0xa000_0110));
        let bytes = pool.finish(Value::NULL);
        assert_eq!(bytes[8..16], [2, b'a', b'b', 0, 0, 1, 7, 7]);
        assert_eq!(bytes[0x110..0x115], [0, 0, 1, 0, 7]);
    }

    #[test]
    fn objects_have_places_and_lists_have_items() {
        let mut pool = Pool::new();
        let one = pool.number(1);
        let object = pool.object(&[(3, one), (1, one), (5, Value::NULL)]);
        assert_eq!(object, Value(0xe000_0008));
        assert_eq!(pool.list(&[object]), Value(0xd000_0018));
        assert_eq!(pool.list(&[]), Value::NULL);
        assert_eq!(pool.object(&[(2, Value::NULL)]), Value::NULL);
        let bytes = pool.finish(object);
        assert_eq!(bytes[..8], [0, 0, 0, 0, 8, 0, 0, 0xe0]);
        let words = [4, 0x1000_0001, 0, 0x1000_0001, 2, 0xe000_0008u32];
        assert_eq!(bytes[8..], words.map(u32::to_le_bytes).concat());
    }

    #[test]
    fn blocks_are_told_by_kind_and_length_and_filled_to_eight() {
        let mut container = Container::package(&[9; 8]);
        container.file(1, 2, b"xyz");
        assert_eq!(
            container.into_bytes(),
            [
                &b"ADB.pckg"[..],
                &[12, 0, 0, 0, 9, 9, 9, 9, 9, 9, 9, 9, 0, 0, 0, 0],
                &[15, 0, 0, 0x80, 1, 0, 0, 0, 2, 0, 0, 0, b'x', b'y', b'z', 0],
            ]
            .concat()
        );
    }
}
