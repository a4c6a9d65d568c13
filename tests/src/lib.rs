//! What the tests and benches of wrtracker share.
#![forbid(unsafe_code)]

pub mod store_model;
