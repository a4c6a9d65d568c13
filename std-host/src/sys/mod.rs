//! System calls that need `unsafe`, and nothing else that does.
//!
//! Everything here is a thin, safe wrapper: one call per function, with the reason that it is
//! sound. What `rustix` has safely is called where it is needed instead.
#![allow(unsafe_code)]

pub mod aio;
pub mod clock;
pub mod counting_alloc;
pub mod ifaddrs;
pub mod memory;
pub mod mmsg;
pub mod pktinfo;
pub mod row;
pub mod signals;
pub(crate) mod stack;
#[cfg(feature = "workers")]
pub mod thread;
