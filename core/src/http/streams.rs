//! Bodies that are longer than one reply, each produced as its client takes it.

use core::net::IpAddr;
use core::num::NonZeroU8;

use heapless::Vec;

use crate::body::{Body, Filled};
use crate::survey::Ticket;
use crate::time::Secs;
use crate::tracker::Tracker;
use crate::wire::Out;

use super::full_scrape::{Recent, host};

/// Most bodies at a time. One costs some hundred bytes; whoever comes when all are in use is told
/// to come later.
pub(super) const STREAMS: usize = 8;

/// Most of them to one address, so that others have a chance.
const MOST_EACH: usize = STREAMS - 2;

/// A body on its way to a client.
pub(super) struct Stream {
    pub(super) body: Body,
    /// Whether each piece says how long it is (RFC 9112 section 7.1); otherwise the end of the
    /// connection is the end of the body.
    pub(super) chunked: bool,
    /// Whether the connection is closed at its end.
    pub(super) closes: bool,
    /// Who asked for it.
    pub(super) remote: IpAddr,
}

/// Names a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct StreamId(NonZeroU8);

impl StreamId {
    const fn index(self) -> usize {
        (self.0.get() - 1) as usize
    }
}

/// What came of a piece of a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Piece {
    /// There is more, as soon as this is taken.
    More,
    /// There is more, at the next tick: somebody else is at work.
    Later,
    /// That was all; whether the connection is to be closed.
    Last { closes: bool },
}

/// All streams.
pub(super) struct Streams {
    all: [Option<Stream>; STREAMS],
    /// The walks of those that were forgotten before their end: others may have their place.
    gone: Vec<Ticket, STREAMS>,
    /// Who had a full scrape lately.
    pub(super) recent: Recent,
}

impl Streams {
    pub(super) const fn new() -> Self {
        Self {
            all: [const { None }; STREAMS],
            gone: Vec::new(),
            recent: Recent::new(),
        }
    }

    /// Whether there is no room for another.
    pub(super) fn is_full(&self) -> bool {
        self.all.iter().all(Option::is_some)
    }

    /// Whether there is room for another from this address: nobody has all of it.
    pub(super) fn admits(&self, remote: IpAddr) -> bool {
        let own = |stream: &&Stream| host(stream.remote) == host(remote);
        let many = self.all.iter().flatten().filter(own).count();
        !self.is_full() && many < MOST_EACH
    }

    /// Takes a stream; `None` if there is no room for it.
    pub(super) fn open(&mut self, stream: Stream) -> Option<StreamId> {
        let index = self.all.iter().position(Option::is_none)?;
        *self.all.get_mut(index)? = Some(stream);
        let number = u8::try_from(index.checked_add(1)?).ok()?;
        NonZeroU8::new(number).map(StreamId)
    }

    /// Forgets a stream.
    pub(super) fn close(&mut self, id: StreamId) {
        let place = self.all.get_mut(id.index()).and_then(Option::take);
        if let Some(ticket) = place.and_then(|stream| stream.body.ticket()) {
            // If there are too many the place is free in two seconds all the same.
            let _ = self.gone.push(ticket);
        }
    }

    /// Writes as much of a stream as fits, at most what [`Body::fill`] does at a time. `out` must
    /// have room for [`LEAST_ROOM`].
    pub(super) fn fill(
        &mut self,
        id: StreamId,
        tracker: &mut Tracker<'_>,
        now: Secs,
        out: &mut Out<'_>,
    ) -> Piece {
        while let Some(ticket) = self.gone.pop() {
            tracker.survey.release(ticket);
        }
        let Some(Some(stream)) = self.all.get_mut(id.index()) else {
            return Piece::Last { closes: true };
        };
        let closes = stream.closes;
        let start = out.len();
        if stream.chunked {
            out.put(SIZE);
        }
        let body = out.len();
        let room = out.room().len().saturating_sub(TAIL);
        let filled = out.within(room, |out| stream.body.fill(tracker, now, out));
        let length = out.len().saturating_sub(body);
        tracker.counters.full_scrape_bytes += match stream.body {
            Body::FullScrape(_) => length as u64,
            _ => 0,
        };
        if stream.chunked {
            if length == 0 {
                out.truncate(start);
            } else {
                out.patch(start, &hex(length));
                out.put(b"\r\n");
            }
            if filled == Filled::Done {
                out.put(b"0\r\n\r\n");
            }
        }
        match filled {
            Filled::More => return Piece::More,
            Filled::Later => return Piece::Later,
            Filled::Done => {}
            // Without its last chunk the client knows that something is missing.
            Filled::Broken => {
                self.close(id);
                return Piece::Last { closes: true };
            }
        }
        self.close(id);
        Piece::Last { closes }
    }
}

/// The room that a piece needs: for the largest thing that a body writes at a time.
pub(super) const LEAST_ROOM: usize = SIZE.len() + crate::body::LEAST_ROOM + TAIL;

/// The size of a chunk before it is known: four hex digits.
const SIZE: &[u8; 6] = b"0000\r\n";

/// Bytes behind a chunk: its line end and the last chunk.
const TAIL: usize = 7;

const _: () = assert!(super::BUFFER_BYTES <= 0xffff && super::LARGEST_REPLY <= 0xffff);

fn hex(length: usize) -> [u8; 4] {
    let [.., a, b] = length.to_be_bytes();
    let digit = |nibble: u8| match nibble {
        0..=9 => b'0' + nibble,
        _ => b'a' - 10 + nibble,
    };
    [digit(a >> 4), digit(a & 0xf), digit(b >> 4), digit(b & 0xf)]
}
