//! The name of a torrent.

/// The 20 bytes that name a torrent: SHA-1 of its info dictionary (BEP 3), or the first 20 bytes of
/// the SHA-256 (BEP 52).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct InfoHash(pub [u8; 20]);
