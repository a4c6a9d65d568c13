//! Requests in what a connection brought, and in what is held of it.

use core::net::IpAddr;
use core::ops::Range;

use super::{ConnectionId, Connections, Door, Next, short};
use crate::http::reply::Status;
use crate::http::serve::{Served, Stop, refuse, serve};
use crate::http::slot::State;
use crate::http::streams::Streams;
use crate::http::{BUFFER_BYTES, LARGEST_REPLY, api};
use crate::time::Secs;
use crate::tracker::Tracker;
use crate::wire::Out;
use crate::wire::http::HeadEnd;

impl Connections<'_> {
    /// Deals with new input: completes the request that is held, if one is, then goes on without a
    /// copy.
    pub(super) fn serve_new(
        &mut self,
        id: ConnectionId,
        bytes: &[u8],
        tracker: &mut Tracker<'_>,
        now: Secs,
        out: &mut Out<'_>,
    ) -> (usize, Next) {
        let Some(slot) = self.slots.get_mut(id.index()) else {
            return (bytes.len(), Next::Close);
        };
        match slot.state {
            State::Free | State::Robbed | State::Closing => return (bytes.len(), Next::Close),
            State::Sending | State::Resuming => return (0, slot.next()),
            State::Opened | State::Idle | State::Reading => {}
        }
        if out.room().len() < LARGEST_REPLY {
            return (bytes.len(), self.shut(id, now));
        }
        let mut consumed = 0;
        if slot.state == State::Reading && slot.door == Door::Api {
            return self.serve_more(id, bytes, tracker, now, out);
        }
        if slot.state == State::Reading {
            let found = slot.head_end.find(bytes);
            consumed = found.unwrap_or(bytes.len());
            let held = usize::from(slot.end);
            let total = held.saturating_add(consumed);
            let whole = match found {
                Some(_) => total <= BUFFER_BYTES,
                None => total < BUFFER_BYTES,
            };
            let remote = slot.remote;
            let piece = slot
                .buffer
                .and_then(|buffer| self.buffers.piece_mut(buffer));
            let to = piece.and_then(|piece| piece.get_mut(..total));
            let (true, Some(head), Some(more)) = (whole, to, bytes.get(..consumed)) else {
                refuse(Status::UriTooLong, tracker, out);
                return (bytes.len(), self.shut(id, now));
            };
            if let Some(to) = head.get_mut(held..) {
                to.copy_from_slice(more);
            }
            if found.is_none() {
                slot.end = short(total);
                return (consumed, Next::Read);
            }
            slot.wait(State::Idle, now);
            let served = serve(head, remote, &mut self.streams, tracker, now, out);
            self.release(id);
            match served.stop {
                Stop::Close => return (bytes.len(), self.shut(id, now)),
                Stop::Stream(stream) => return (consumed, self.begin_stream(id, stream, now)),
                _ => {}
            }
        }
        let Some(slot) = self.slots.get_mut(id.index()) else {
            return (bytes.len(), Next::Close);
        };
        let rest = bytes.get(consumed..).unwrap_or_default();
        let serve = slot.door.serve();
        let served = serve(rest, slot.remote, &mut self.streams, tracker, now, out);
        consumed = consumed.saturating_add(served.consumed);
        if served.answered {
            slot.wait(State::Idle, now);
        }
        match served.stop {
            Stop::Empty | Stop::Full => (consumed, Next::Read),
            Stop::Close => (bytes.len(), self.shut(id, now)),
            Stop::Stream(stream) => (consumed, self.begin_stream(id, stream, now)),
            Stop::Incomplete(head_end) => {
                let rest = bytes.get(consumed..).unwrap_or_default();
                (bytes.len(), self.begin(id, rest, head_end, now))
            }
        }
    }

    /// Deals with more of a request that may have a body: adds it to what is held, and looks at all
    /// of that again. A request that comes byte by byte is looked at as often, 8,192 times at most.
    #[cold]
    fn serve_more(
        &mut self,
        id: ConnectionId,
        bytes: &[u8],
        tracker: &mut Tracker<'_>,
        now: Secs,
        out: &mut Out<'_>,
    ) -> (usize, Next) {
        let Some(slot) = self.slots.get_mut(id.index()) else {
            return (bytes.len(), Next::Close);
        };
        let held = usize::from(slot.end);
        let taken = bytes.len().min(BUFFER_BYTES.saturating_sub(held));
        let total = held.saturating_add(taken);
        let piece = slot
            .buffer
            .and_then(|buffer| self.buffers.piece_mut(buffer));
        let input = piece.and_then(|piece| piece.get_mut(..total));
        let (Some(input), Some(more)) = (input, bytes.get(..taken)) else {
            return (bytes.len(), self.shut(id, now));
        };
        if let Some(to) = input.get_mut(held..) {
            to.copy_from_slice(more);
        }
        let serve = slot.door.serve();
        let served = serve(input, slot.remote, &mut self.streams, tracker, now, out);
        let rest = served.consumed.min(total)..total;
        let next = match served.stop {
            Stop::Close => return (bytes.len(), self.shut(id, now)),
            Stop::Incomplete(head_end) => {
                let since = if served.answered { now } else { slot.since };
                let left = rest.len();
                input.copy_within(rest, 0);
                slot.end = short(left);
                slot.head_end = head_end;
                slot.wait(State::Reading, since);
                Next::Read
            }
            Stop::Empty => {
                slot.wait(State::Idle, now);
                self.release(id);
                Next::Read
            }
            // What isn't dealt with is held behind the reply, of which nothing is held yet.
            Stop::Full | Stop::Stream(_) => {
                (slot.unsent, slot.input, slot.end) =
                    (short(rest.start), short(rest.start), short(total));
                slot.wait(State::Resuming, now);
                if rest.is_empty() {
                    self.release(id);
                }
                match served.stop {
                    Stop::Stream(stream) => self.begin_stream(id, stream, now),
                    _ => Next::Resume,
                }
            }
        };
        (taken, next)
    }

    /// Deals with input that was held along with a reply.
    pub(super) fn serve_held(
        &mut self,
        id: ConnectionId,
        tracker: &mut Tracker<'_>,
        now: Secs,
        out: &mut Out<'_>,
    ) -> (usize, Next) {
        let Some(slot) = self.slots.get_mut(id.index()) else {
            return (0, Next::Close);
        };
        if slot.state != State::Resuming {
            return (0, slot.next());
        }
        let Range { start, end } = slot.input();
        let piece = slot
            .buffer
            .and_then(|buffer| self.buffers.piece_mut(buffer));
        let Some(piece) = piece.filter(|_| out.room().len() >= LARGEST_REPLY) else {
            return (0, self.shut(id, now));
        };
        let input = piece.get(start..end).unwrap_or_default();
        let serve = slot.door.serve();
        let served = serve(input, slot.remote, &mut self.streams, tracker, now, out);
        let from = start.saturating_add(served.consumed);
        let next = match served.stop {
            Stop::Empty => {
                slot.wait(State::Idle, now);
                self.release(id);
                Next::Read
            }
            Stop::Full => {
                (slot.unsent, slot.input) = (short(from), short(from));
                slot.since = now;
                Next::Resume
            }
            Stop::Incomplete(head_end) => {
                if from < end {
                    piece.copy_within(from..end, 0);
                }
                (slot.unsent, slot.input) = (0, 0);
                slot.end = short(end.saturating_sub(from));
                slot.head_end = head_end;
                slot.wait(State::Reading, now);
                Next::Read
            }
            Stop::Stream(stream) => {
                (slot.unsent, slot.input) = (short(from), short(from));
                let empty = slot.input().is_empty();
                if empty {
                    self.release(id);
                }
                self.begin_stream(id, stream, now)
            }
            Stop::Close => self.shut(id, now),
        };
        (served.consumed, next)
    }

    /// Holds the beginning of a request.
    fn begin(&mut self, id: ConnectionId, bytes: &[u8], head_end: HeadEnd, now: Secs) -> Next {
        let buffer = self.buffer(id);
        let piece = buffer.and_then(|buffer| self.buffers.piece_mut(buffer));
        let to = piece.and_then(|piece| piece.get_mut(..bytes.len()));
        let (Some(to), Some(slot)) = (to, self.slots.get_mut(id.index())) else {
            return self.shut(id, now);
        };
        to.copy_from_slice(bytes);
        slot.end = short(bytes.len());
        slot.head_end = head_end;
        // The time that a first request has runs from the start of the connection.
        let since = if slot.state == State::Opened {
            slot.since
        } else {
            now
        };
        slot.wait(State::Reading, since);
        Next::Read
    }
}

impl Door {
    /// What answers there.
    const fn serve(self) -> Serve {
        match self {
            Self::Tracker => serve,
            Self::Api => api::serve,
        }
    }
}

/// Replies to the requests at the start of some bytes.
type Serve = fn(&[u8], IpAddr, &mut Streams, &mut Tracker<'_>, Secs, &mut Out<'_>) -> Served;
