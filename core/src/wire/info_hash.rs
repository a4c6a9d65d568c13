//! The name of a torrent.

/// The 20 bytes that name a torrent: SHA-1 of its info dictionary (BEP 3), or the first 20 bytes of
/// the SHA-256 (BEP 52).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct InfoHash(pub [u8; 20]);

impl InfoHash {
    /// The first 4 bytes, which lie in the order that hashes have.
    #[inline]
    pub(crate) fn prefix(&self) -> u32 {
        let Self([a, b, c, d, ..]) = *self;
        u32::from_be_bytes([a, b, c, d])
    }

    /// The first of those with such a [`prefix`](Self::prefix).
    pub(crate) fn starting(prefix: u32) -> Self {
        let mut hash = [0; 20];
        if let Some(first) = hash.first_chunk_mut() {
            *first = prefix.to_be_bytes();
        }
        Self(hash)
    }
}
