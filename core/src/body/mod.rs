//! Replies longer than a buffer, written piece by piece.

mod formats;
mod sink;

pub use formats::{Entry, Format};
pub use sink::Sink;
