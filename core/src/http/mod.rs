//! The HTTP tracker protocol (BEP 3, BEP 7, BEP 21, BEP 23, BEP 24, BEP 31, BEP 48): bytes in, replies out.
//!
//! A host keeps one [`Connections`] and, for each TCP connection, its socket under the index of its [`ConnectionId`]:
//!
//! 1. A client connects: [`Connections::open`]. If it says `replaced`, drop the old socket of that index.
//! 2. Bytes came: [`Connections::receive`]. Send what it wrote. If it did not consume all, call it again with the rest.
//! 3. The socket does not take everything: [`Connections::hold`], and don't read from it until everything is sent. When it
//!    is writable send [`Connections::unsent`] and tell [`Connections::sent`] how much went; when nothing is left, call
//!    [`Connections::resume`] as often as it writes something.
//! 4. A call returned [`Next::Close`]: send what is still to send, close the socket, call [`Connections::close`].
//! 5. Once a second: [`Connections::expire`] until it returns `None`, closing the sockets that it names.

mod announce;
mod buffers;
mod connections;
mod failure;
mod reply;
mod request;
mod scrape;

pub use connections::ConnectionId;
pub use connections::Connections;
pub use connections::IDLE_SECONDS;
pub use connections::Next;
pub use connections::Opened;
pub use connections::REQUEST_SECONDS;
pub use connections::SEND_SECONDS;
pub use connections::Slot;
pub use connections::Turn;

use core::net::IpAddr;

use crate::time::Secs;
use crate::tracker::Tracker;
use crate::wire::Out;
use crate::wire::http::Request;
use crate::wire::query::Encoded;

use self::reply::Status;

/// Bytes of one buffer that a connection may hold, and of the longest request, its headers included.
pub const BUFFER_BYTES: usize = 8192;

/// The most bytes that a reply has, its head included.
pub const LARGEST_REPLY: usize = 8192;

/// Replies to one request. `out` has room for [`LARGEST_REPLY`] more bytes.
fn answer(
    request: &Request<'_>,
    remote: IpAddr,
    tracker: &mut Tracker<'_>,
    now: Secs,
    out: &mut Out<'_>,
) {
    let query = request.query.unwrap_or_default();
    match Resource::of(request.path) {
        Some(Resource::Announce) => {
            announce::answer(query, request.persistence, remote, tracker, now, out);
        }
        Some(Resource::Scrape) => scrape::answer(query, request.persistence, tracker, out),
        None => {
            tracker.counters.http_errors = tracker.counters.http_errors.saturating_add(1);
            reply::error(Status::NotFound, request.persistence, out);
        }
    }
}

/// What a path names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Resource {
    Announce,
    Scrape,
}

impl Resource {
    /// As opentracker has it: behind all leading slashes, `a` is an announce and `sc` a scrape, whatever follows, so that
    /// `/announce.php` and `/scrape/x` work too.
    fn of(path: &[u8]) -> Option<Self> {
        let slashes = path.iter().take_while(|&&byte| byte == b'/').count();
        let name = path.get(slashes..).unwrap_or_default();
        let mut name = Encoded(name).decode();
        match (name.next(), name.next()) {
            (Some(Ok(b'a')), _) => Some(Self::Announce),
            (Some(Ok(b's')), Some(Ok(b'c'))) => Some(Self::Scrape),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
