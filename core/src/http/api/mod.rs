//! The interface for programs under `/api/v1`: paths, parameters and fields of Torrust Tracker's,
//! and some of our own. It is reached at listeners of its own alone: see [`Door::Api`].
//!
//! | file | what it holds |
//! |---|---|
//! | `serve` | one request after another: its head, its body, who asks |
//! | `route` | what a path names, and which methods it takes |
//! | `problem` | what can be wrong, as HTTP has it and as Torrust says it |
//! | `reply` | replies of JSON and of text |
//! | `keys`, `whitelist` | keys and listed torrents: granted, taken back, told |
//! | `key_request` | a key as JSON asks for it |
//! | `torrents` | torrents and their peers |
//! | `stats` | counters under Torrust's names, memory |
//!
//! What is granted waits in [`Access::changes`](crate::access::Access::changes): the host writes it
//! down before it sends the reply that acknowledges it.

mod date;
mod key_request;
mod keys;
mod problem;
mod reply;
mod route;
mod serve;
mod stats;
mod torrents;
mod whitelist;

pub(crate) use keys::KeyObject;
pub(super) use serve::serve;

#[cfg(test)]
mod tests;
