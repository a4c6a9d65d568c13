//! What the tests and benches of wrtracker share: the running program, clients that know nothing
//! of its code, and a reference that the store is held against.
//!
//! Of these only [`store_model`], [`granted`], [`stub_disk`], [`net`], [`ether`], [`entries`], [`in_process`] and [`fuzz`] use
//! `wrtracker-core`: a
//! mistake in its packets must not be made twice and go unseen.
#![forbid(unsafe_code)]

pub mod bencode;
pub mod conf;
pub mod conformance;
pub mod cross;
pub mod entries;
pub mod ether;
pub mod family;
pub mod folder;
pub mod fuzz;
pub mod granted;
pub mod http_client;
pub mod in_process;
pub mod inflate;
pub mod load;
pub mod namespace;
pub mod net;
pub mod openwrt;
pub mod patience;
pub mod peers;
pub mod process;
pub mod real_client;
pub mod router;
pub mod server;
pub mod store_model;
pub mod stub_disk;
pub mod table;
pub mod torrent;
pub mod udp_client;
