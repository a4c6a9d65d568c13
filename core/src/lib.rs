//! A BitTorrent tracker that does no I/O: bytes and times go in, bytes come out.
//!
//! Layers, each knowing only those above it in this list:
//!
//! 1. [`wire`]: bytes to values and back, no state.
//! 2. [`store`]: the swarms, in one fixed arena.
//! 3. [`tracker`]: what an announce and a scrape do, whatever protocol they came by.
//! 4. [`udp`] and [`http`]: the protocols. A host holds a [`tracker::Tracker`], hands datagrams to
//!    [`udp::answer`] and the bytes of its TCP connections to [`http::Connections`]. [`stats`] is
//!    what they show of it, [`state`] what outlives it.
//!
//! A host calls with the time, in [`time::Secs`], and calls [`tracker::Tracker::tick`] once a
//! second.
#![no_std]
#![forbid(unsafe_code)]
// Input decides indices and lengths, so nothing here may panic by one.
#![cfg_attr(
    not(test),
    warn(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::panic
    )
)]

#[cfg(any(test, feature = "threads"))]
extern crate std;

pub mod access;
mod admit;
mod announce;
pub mod answer;
#[cfg(feature = "smoltcp")]
pub mod bare;
pub mod body;
pub mod common;
pub mod cookie;
pub mod counters;
mod decoys;
#[cfg(feature = "api")]
mod grant;
pub mod gzip;
pub mod http;
pub mod interval;
pub mod journal;
pub mod network;
pub mod policy;
pub mod random;
pub mod reach;
mod secrets;
pub mod state;
pub mod stats;
pub mod store;
mod survey;
pub mod sync;
pub mod time;
pub mod tracker;
pub mod udp;
pub mod wire;
