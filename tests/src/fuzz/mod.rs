//! What the fuzz targets do with their input: each is a function that panics if a promise of the
//! core is broken.
//!
//! `tests/fuzz` hands them to libFuzzer; the ordinary tests hand them the committed corpus and
//! random changes of it.
pub mod client;
pub mod conf;
pub mod connections;
pub mod frames;
pub mod grants;
pub mod gzip;
pub mod hash_lines;
pub mod http_request;
pub mod key_lines;
pub mod live_sync;
pub mod query;
pub mod seeds;
pub mod state;
pub mod store_ops;
pub mod udp_request;

use core::net::IpAddr;
use core::num::NonZeroU8;
use std::fmt::Debug;

use wrtracker_core::access::{Access, Key, Keys, Origin, Terms};
use wrtracker_core::policy::Policy;
use wrtracker_core::store::Store;
use wrtracker_core::time::Secs;
use wrtracker_core::tracker::{Secrets, Tracker};

/// A target's name and its function.
pub type Target = (&'static str, fn(&[u8]));

/// All targets, under the names that they have in `tests/fuzz`.
pub const TARGETS: [Target; 17] = [
    ("client_http", client::http),
    ("client_json", client::json),
    ("client_torrent", client::torrent),
    ("client_udp", client::udp),
    ("conf", conf::run),
    ("connections", connections::run),
    ("frames", frames::run),
    ("grants", grants::run),
    ("gzip", gzip::run),
    ("hash_lines", hash_lines::run),
    ("http_request", http_request::run),
    ("key_lines", key_lines::run),
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

/// A key that targets which ask for keys know.
pub const KEY: &str = "0123456789abcdefghijABCDEFGHIJxz";
/// The same for one peer.
pub const LIMITED: &str = "announceabcdefghijABCDEFGHIJxz01";
const KEYS: usize = 4;

/// The same with two keys, which are asked for where the target makes it private.
fn tracker_with_keys<'m>(memory: &'m mut [u32], keys: &'m mut Vec<u32>) -> Tracker<'m> {
    keys.resize(Keys::words(KEYS), 0);
    let mut table = Keys::new(keys, KEYS, &[7; 16]);
    for (key, most) in [(KEY, 0), (LIMITED, 1)] {
        let terms = Terms {
            valid_until: None,
            info_hash: None,
            most_peers: NonZeroU8::new(most),
            origin: Origin::Granted,
        };
        let key = Key::parse(key.as_bytes()).expect("a key");
        table.insert(&key, &terms).expect("room");
    }
    let mut tracker = tracker(memory);
    tracker.set_access(Access {
        keys: Some(table),
        ..Access::default()
    });
    tracker
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
