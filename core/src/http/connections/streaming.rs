//! A connection whose client is being sent a body that is longer than one reply.

use super::{ConnectionId, Connections, Next};
use crate::http::BUFFER_BYTES;
use crate::http::slot::State;
use crate::http::streams::{LEAST_ROOM, Piece, StreamId};
use crate::time::Secs;
use crate::tracker::Tracker;
use crate::wire::Out;

impl Connections<'_> {
    /// Remembers that a body is on its way. Nothing else is answered before it is sent.
    pub(super) fn begin_stream(&mut self, id: ConnectionId, stream: StreamId, now: Secs) -> Next {
        let Some(slot) = self.slots.get_mut(id.index()) else {
            self.streams.close(stream);
            return Next::Close;
        };
        slot.stream = Some(stream);
        slot.wait(State::Resuming, now);
        slot.next()
    }

    /// Goes on with a body, into as much of `out` as could be held beside what is held already.
    pub(super) fn go_on(
        &mut self,
        id: ConnectionId,
        tracker: &mut Tracker<'_>,
        now: Secs,
        out: &mut Out<'_>,
    ) -> Next {
        let Some(slot) = self.slots.get_mut(id.index()) else {
            return Next::Close;
        };
        let (State::Resuming, Some(stream)) = (slot.state, slot.stream) else {
            return slot.next();
        };
        let room = BUFFER_BYTES.saturating_sub(slot.input().len());
        if out.room().len().min(room) < LEAST_ROOM {
            return self.shut(id, now);
        }
        let streams = &mut self.streams;
        let piece = out.within(room, |out| streams.fill(stream, tracker, now, out));
        if piece != Piece::Later {
            slot.since = now;
        }
        match piece {
            Piece::More => Next::Resume,
            Piece::Later => Next::Later,
            Piece::Last { closes: true } => {
                slot.stream = None;
                self.shut(id, now)
            }
            Piece::Last { closes: false } => {
                slot.stream = None;
                if slot.input().is_empty() {
                    slot.wait(State::Idle, now);
                    self.release(id);
                    Next::Read
                } else {
                    Next::Resume
                }
            }
        }
    }

    /// Forgets the body that a connection was being sent.
    pub(super) fn end_stream(&mut self, id: ConnectionId) {
        if let Some(slot) = self.slots.get_mut(id.index())
            && let Some(stream) = slot.stream.take()
        {
            self.streams.close(stream);
        }
    }
}
