//! Bytes to values and back, with no state.

mod info_hash;
mod peer;
pub mod udp;

pub use info_hash::InfoHash;
pub use peer::PeerAddr;
