//! What somebody grants while the tracker runs, for a host to write down before it is acknowledged.

use core::num::NonZeroU8;

use super::key::Key;
use super::keys::{Origin, Terms};
use crate::wire::InfoHash;

/// Something that was granted or taken back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// A key is good for this.
    Key(Key, Terms),
    /// A key is good for nothing.
    NoKey(Key),
    /// A torrent is listed.
    Listed(InfoHash),
    /// A torrent is not listed.
    NotListed(InfoHash),
}

/// A change as bytes, to be written down: numbers have their first byte first.
///
/// | bytes | what |
/// |--:|---|
/// | 1 | what it is: 1 a key, 2 no key, 3 listed, 4 not listed |
/// | 32 | the key, or zeros |
/// | 8 | until when the key is good, in seconds since 1970; all ones for ever |
/// | 1 | whether the key is good for one torrent only, 0 or 1 |
/// | 20 | the info hash, or zeros |
/// | 1 | most peers that use the key at a time, 0 for any number |
/// | 1 | 0 |
pub type ChangeBytes = [u8; 64];

const KEY: u8 = 1;
const NO_KEY: u8 = 2;
const LISTED: u8 = 3;
const NOT_LISTED: u8 = 4;
const FOR_EVER: u64 = u64::MAX;

impl Change {
    /// The change as bytes.
    pub fn to_bytes(&self) -> ChangeBytes {
        let none = Terms {
            valid_until: None,
            info_hash: None,
            most_peers: None,
            origin: Origin::Granted,
        };
        let (kind, key, terms, hash) = match self {
            Self::Key(key, terms) => (KEY, Some(key), *terms, terms.info_hash),
            Self::NoKey(key) => (NO_KEY, Some(key), none, None),
            Self::Listed(hash) => (LISTED, None, none, Some(*hash)),
            Self::NotListed(hash) => (NOT_LISTED, None, none, Some(*hash)),
        };
        let mut bytes = [0; 64];
        let mut rest = bytes.as_mut_slice();
        let mut put = |part: &[u8]| {
            if let Some((place, behind)) =
                core::mem::take(&mut rest).split_at_mut_checked(part.len())
            {
                place.copy_from_slice(part);
                rest = behind;
            }
        };
        put(&[kind]);
        put(key.map_or(&[0; Key::LENGTH], |key| key.bytes()));
        put(&terms.valid_until.unwrap_or(FOR_EVER).to_be_bytes());
        put(&[u8::from(terms.info_hash.is_some())]);
        put(&hash.map_or([0; 20], |hash| hash.0));
        put(&[terms.most_peers.map_or(0, NonZeroU8::get)]);
        bytes
    }

    /// The change that the bytes are; `None` if they are none. What follows `to_bytes` is taken, and
    /// nothing else.
    pub fn parse(bytes: &ChangeBytes) -> Option<Self> {
        let (kind, rest) = bytes.split_first()?;
        let (key, rest) = rest.split_first_chunk::<{ Key::LENGTH }>()?;
        let (until, rest) = rest.split_first_chunk()?;
        let (bound, rest) = rest.split_first()?;
        let (hash, rest) = rest.split_first_chunk()?;
        let most_peers = NonZeroU8::new(*rest.first()?);
        let hash = InfoHash(*hash);
        let key = || Key::parse(key).ok();
        let until = u64::from_be_bytes(*until);
        let change = match *kind {
            KEY => Self::Key(
                key()?,
                Terms {
                    valid_until: (until != FOR_EVER).then_some(until),
                    info_hash: (*bound == 1).then_some(hash),
                    most_peers,
                    origin: Origin::Granted,
                },
            ),
            NO_KEY => Self::NoKey(key()?),
            LISTED => Self::Listed(hash),
            NOT_LISTED => Self::NotListed(hash),
            _ => return None,
        };
        (change.to_bytes() == *bytes).then_some(change)
    }
}

/// The changes that the host hasn't written down yet, the oldest first, in memory that it gives.
#[derive(Default)]
pub struct Changes<'m> {
    memory: &'m mut [ChangeBytes],
    len: usize,
}

/// Most changes that one request can make: what fits the longest request.
pub const MOST_CHANGES: usize = 256;

impl<'m> Changes<'m> {
    /// None yet. `memory` has room for as many as can be made between two looks at them.
    pub const fn new(memory: &'m mut [ChangeBytes]) -> Self {
        Self { memory, len: 0 }
    }

    /// How many more there is room for.
    pub const fn room(&self) -> usize {
        self.memory.len().saturating_sub(self.len)
    }

    /// Adds one. False if there is no room: nobody may grant anything then.
    pub fn add(&mut self, change: &Change) -> bool {
        let Some(place) = self.memory.get_mut(self.len) else {
            return false;
        };
        *place = change.to_bytes();
        self.len = self.len.saturating_add(1);
        true
    }

    /// What is to be written down.
    pub fn waiting(&self) -> &[ChangeBytes] {
        self.memory.get(..self.len).unwrap_or_default()
    }

    /// Forgets all: they are written down, or can't be.
    pub const fn clear(&mut self) {
        self.len = 0;
    }
}

#[cfg(test)]
mod tests {
    use core::num::NonZeroU8;

    use super::{Change, Changes};
    use crate::access::{Key, Origin, Terms};
    use crate::wire::InfoHash;

    fn some() -> [Change; 6] {
        let key = Key::parse(b"0123456789abcdefghijABCDEFGHIJ01").unwrap();
        let terms = |valid_until, info_hash, most_peers| Terms {
            valid_until,
            info_hash,
            most_peers: NonZeroU8::new(most_peers),
            origin: Origin::Granted,
        };
        let hash = InfoHash(*b"an info hash of 20 b");
        [
            Change::Key(key, terms(None, None, 0)),
            Change::Key(key, terms(Some(0x0102_0304_0506), Some(hash), 7)),
            Change::Key(key, terms(Some(0), Some(InfoHash([0; 20])), 255)),
            Change::NoKey(key),
            Change::Listed(hash),
            Change::NotListed(hash),
        ]
    }

    #[test]
    fn bytes_are_what_the_table_says_and_nothing_else_is_taken() {
        let bytes = some()[1].to_bytes();
        assert_eq!(
            bytes,
            *b"\x010123456789abcdefghijABCDEFGHIJ01\0\0\x01\x02\x03\x04\x05\x06\x01\
               an info hash of 20 b\x07\0"
        );
        for change in some() {
            let bytes = change.to_bytes();
            assert_eq!(Change::parse(&bytes), Some(change));
            for (at, odd) in [(0, 0), (0, 5), (41, 2), (63, 1)] {
                let mut bytes = bytes;
                bytes[at] = odd;
                assert_eq!(Change::parse(&bytes), None);
            }
        }
    }

    #[test]
    fn changes_wait_until_the_host_has_them() {
        let mut memory = [[0; 64]; 2];
        let mut changes = Changes::new(&mut memory);
        let [one, two, three, ..] = some();
        assert!(changes.add(&one) && changes.add(&two) && !changes.add(&three));
        assert_eq!(changes.waiting(), [one.to_bytes(), two.to_bytes()]);
        changes.clear();
        assert_eq!((changes.room(), changes.waiting().len()), (2, 0));
        assert!(!Changes::default().add(&one));
    }
}
