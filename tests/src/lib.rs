//! What the tests of wrtracker share: the running program and clients that know nothing of its
//! code.
//!
//! Nothing here uses `wrtracker-core`: a mistake in its packets must not be made twice and go
//! unseen.
#![forbid(unsafe_code)]

pub mod bencode;
pub mod family;
pub mod http_client;
pub mod load;
pub mod namespace;
pub mod peers;
pub mod process;
pub mod real_client;
pub mod server;
pub mod torrent;
pub mod udp_client;
