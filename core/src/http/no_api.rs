//! In the place of the interface for programs, where it isn't built in.

use core::net::IpAddr;

use super::reply::Status;
use super::serve::{Served, Stop, refuse};
use super::streams::Streams;
use crate::time::Secs;
use crate::tracker::Tracker;
use crate::wire::Out;

/// Tells everybody that there is nothing.
pub(super) fn serve(
    bytes: &[u8],
    _remote: IpAddr,
    _streams: &mut Streams,
    tracker: &mut Tracker<'_>,
    _now: Secs,
    out: &mut Out<'_>,
) -> Served {
    refuse(Status::NotFound, tracker, out);
    Served {
        consumed: bytes.len(),
        answered: true,
        stop: Stop::Close,
    }
}
