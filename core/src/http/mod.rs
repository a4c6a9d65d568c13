//! The HTTP tracker protocol (BEP 3, BEP 7, BEP 21, BEP 23, BEP 24, BEP 31, BEP 48): bytes in,
//! replies out.
//!
//! A host keeps one [`Connections`] and, for each TCP connection, its socket under the index of its
//! [`ConnectionId`]:
//!
//! 1. A client connects: [`Connections::open`]. If it says `replaced`, drop the old socket of that
//!    index.
//! 2. Bytes came: [`Connections::receive`]. Send what it wrote. If it did not consume all, call it
//!    again with the rest.
//! 3. The socket does not take everything: [`Connections::hold`], and don't read from it until
//!    everything is sent. When it is writable send [`Connections::unsent`] and tell
//!    [`Connections::sent`] how much went; when nothing is left, call [`Connections::resume`] as
//!    often as it writes something or says [`Next::Resume`].
//! 4. A call returned [`Next::Resume`]: a body that is longer than one reply is on its way. Hold
//!    what input there still is, and when everything is sent, [`Connections::resume`]. After
//!    [`Next::Later`] not before a second has passed.
//! 5. A call returned [`Next::Close`]: send what is still to send, close the socket, call
//!    [`Connections::close`].
//! 6. Once a second: [`Connections::expire`] until it returns `None`, closing the sockets that it
//!    names.

mod announce;
#[cfg(feature = "api")]
mod api;
#[cfg(not(feature = "api"))]
#[path = "no_api.rs"]
mod api;
mod buffers;
mod connections;
mod failure;
mod full_scrape;
mod reply;
mod request;
mod scrape;
mod serve;
mod slot;
mod slots;
mod stats;
mod streams;

#[cfg(feature = "api")]
pub(crate) use api::KeyObject;
pub use connections::{ConnectionId, Connections, Door, Next, Opened, Turn};
pub use slot::{IDLE_SECONDS, REQUEST_SECONDS, SEND_SECONDS, STREAM_SECONDS, Slot};
pub use slots::MOST_PIECES;

/// Bytes of one buffer that a connection may hold, and of the longest request, its headers
/// included.
pub const BUFFER_BYTES: usize = 8192;

/// The most bytes that a reply has, its head included.
pub const LARGEST_REPLY: usize = 8192;

#[cfg(test)]
mod tests;
