//! Bytes to values and back, with no state.

pub mod bencode;
pub mod forwarded;
pub mod hash_line;
mod hex;
pub mod http;
pub mod http_message;
mod info_hash;
pub mod live_sync;
mod out;
mod peer;
pub mod query;
mod scan;
pub mod state_line;
pub mod udp;

pub(crate) use hex::Hex;
pub use info_hash::InfoHash;
pub use out::Out;
pub use peer::{PeerAddr, PeerId};
