//! What the fuzz targets do with their input: each is a function that panics if a promise of the
//! core is broken.
//!
//! `tests/fuzz` hands them to libFuzzer; the ordinary tests hand them the committed corpus and
//! random changes of it.
pub mod client;
pub mod conf;
pub mod connections;
pub mod gzip;
pub mod hash_lines;
pub mod http_request;
pub mod live_sync;
pub mod query;
pub mod seeds;
pub mod state;
pub mod store_ops;
pub mod udp_request;

use core::net::IpAddr;
use std::fmt::Debug;

use wrtracker_core::policy::Policy;
use wrtracker_core::store::Store;
use wrtracker_core::time::Secs;
use wrtracker_core::tracker::{Secrets, Tracker};

/// A target's name and its function.
pub type Target = (&'static str, fn(&[u8]));

/// All targets, under the names that they have in `tests/fuzz`.
pub const TARGETS: [Target; 14] = [
    ("client_http", client::http),
    ("client_json", client::json),
    ("client_torrent", client::torrent),
    ("client_udp", client::udp),
    ("conf", conf::run),
    ("connections", connections::run),
    ("gzip", gzip::run),
    ("hash_lines", hash_lines::run),
    ("http_request", http_request::run),
    ("live_sync", live_sync::run),
    ("query", query::run),
    ("state", state::run),
    ("store_ops", store_ops::run),
    ("udp_request", udp_request::run),
];

/// When the targets' time begins.
const START: Secs = Secs(1_000);

/// Words of memory of a target's tracker: little, so that it fills.
const WORDS: usize = Store::LEAST_WORDS;

/// A tracker whose replies are the same for the same requests.
fn tracker(memory: &mut [u32]) -> Tracker<'_> {
    Tracker::new(memory, &Secrets::new(&[7; 40]), Policy::DEFAULT).expect("enough memory")
}

/// Fuzz input, taken from its start.
struct Input<'d>(&'d [u8]);

impl<'d> Input<'d> {
    fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(byte)
    }

    /// The next `count` bytes, or what there is.
    fn bytes(&mut self, count: usize) -> &'d [u8] {
        let (bytes, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        bytes
    }
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// Panics with both values if they differ.
#[track_caller]
fn same<T: PartialEq + Debug>(what: &str, left: T, right: T) {
    assert!(left == right, "{what}: {left:?} is not {right:?}");
}
