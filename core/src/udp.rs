//! The UDP tracker protocol (BEP 15): one datagram in, at most one out.

use core::net::SocketAddr;

use crate::time::Secs;
use crate::tracker::Tracker;

/// The most bytes that a reply has.
pub const LARGEST_REPLY: usize = 1472;

/// Answers one datagram: writes the reply into `out` and returns its length, 0 for silence.
///
/// `out` should hold [`LARGEST_REPLY`] bytes; a smaller one gets fewer peers. The reply to a source that hasn't proved
/// its address is never longer than the request.
pub fn answer(
    _tracker: &mut Tracker<'_>,
    _source: SocketAddr,
    _datagram: &[u8],
    _now: Secs,
    _out: &mut [u8],
) -> usize {
    0
}
