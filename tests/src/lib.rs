//! What the tests of wrtracker share: the running program and clients that know nothing of its
//! code.
//!
//! Nothing here uses `wrtracker-core`, so that a mistake in its packets is not made twice and goes
//! unseen; except for [`fuzz`], which calls it without the program around it.
#![forbid(unsafe_code)]

pub mod bencode;
pub mod family;
pub mod fuzz;
pub mod http_client;
pub mod namespace;
pub mod peers;
pub mod real_client;
pub mod server;
pub mod torrent;
pub mod udp_client;
