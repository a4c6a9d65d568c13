//! The table of TCP connections: what each has sent and is still to get.

mod serving;
mod streaming;

use core::mem::take;
use core::net::SocketAddr;
use core::ops::Range;

use crate::counters::Counters;
use crate::time::Secs;
use crate::tracker::Tracker;
use crate::wire::Out;

use super::BUFFER_BYTES;
use super::buffers::{BufferId, Buffers};
use super::slot::{Slot, State};
use super::slots::Slots;
use super::streams::Streams;

/// Names a connection, and nothing else while it is open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConnectionId(u32);

impl ConnectionId {
    /// Its place in the host's own table: 0 to the number of slots minus 1.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// What answers the requests of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Door {
    /// The tracker: announces, scrapes, statistics.
    #[default]
    Tracker,
    /// The interface for programs.
    Api,
}

/// A connection that was opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Opened {
    /// Its name.
    pub id: ConnectionId,
    /// Whether another connection had this name until now: the host drops its socket.
    pub replaced: bool,
}

/// What came of some input.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Turn {
    /// Bytes of the input that are dealt with. If that is not all of them, there was no room for
    /// another reply; or, if it is 0, a reply is still held.
    pub consumed: usize,
    /// Bytes written to `out`, to be sent.
    pub written: usize,
    /// What the host does after sending.
    pub next: Next,
}

/// What a host does with a connection when everything for it has been sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// Wait for more from the client.
    Read,
    /// Call [`Connections::resume`]: there is more to send.
    Resume,
    /// The same, but not before a second has passed: somebody else is at work.
    Later,
    /// Close it.
    Close,
}

/// All TCP connections: no sockets, but what stands between their bytes and the tracker.
///
/// Memory is what the caller gave. Each call says its bound on work; "a request" is at most
/// [`BUFFER_BYTES`].
pub struct Connections<'m> {
    slots: Slots<'m>,
    buffers: Buffers<'m>,
    streams: Streams,
    /// How many slots have ever been used: those before this index.
    touched: u32,
    /// One more than the index of the first slot given back, 0 for none; the rest through `since`.
    free: u32,
    open: u32,
    /// Where [`expire`](Self::expire) goes on.
    sweep: usize,
    /// Among connections that have waited equally long, the one from which on the next to give way
    /// is looked for: one more than the last, so that each has its turn.
    hand: usize,
    tally: Tally,
}

/// Counted since the tracker was last at hand.
#[derive(Default)]
struct Tally {
    opened: u32,
    opened_v6: u32,
    evicted: u32,
    timed_out: u32,
}

impl<'m> Connections<'m> {
    /// A table for as many connections as `slots`, of which there must be at least one, all
    /// [`Slot::EMPTY`].
    ///
    /// `buffers` is cut into pieces of [`BUFFER_BYTES`]; there may be fewer of them than slots. A
    /// connection holds one only while a request of it is incomplete or a reply unsent. Those not
    /// needed yet are not touched.
    pub fn new(slots: &'m mut [Slot], buffers: &'m mut [u8]) -> Self {
        Self {
            slots: Slots::new(slots),
            buffers: Buffers::new(buffers),
            streams: Streams::new(),
            touched: 0,
            free: 0,
            open: 0,
            sweep: 0,
            hand: 0,
            tally: Tally::default(),
        }
    }

    /// Adds room for as many connections as `slots`, all [`Slot::EMPTY`]: a host that has promised
    /// the memory need not touch it before [`is_full`](Self::is_full). There may be
    /// [`MOST_PIECES`](super::MOST_PIECES) pieces in all, the first included; more are left out.
    pub fn add_slots(&mut self, slots: &'m mut [Slot]) {
        self.slots.add(slots);
    }

    /// Whether the next connection takes the place of another.
    pub const fn is_full(&self) -> bool {
        self.len() >= self.slots.len()
    }

    /// How many connections are open.
    pub const fn len(&self) -> usize {
        self.open as usize
    }

    /// Whether no connection is open.
    pub const fn is_empty(&self) -> bool {
        self.open == 0
    }

    /// Takes a connection from `remote`.
    ///
    /// When all slots are in use, the connection that has waited longest gives way: one that is
    /// only to be closed, with nothing held for it, before one that waits for a request, or for the
    /// rest of one, before one that is being sent a reply. Of those that have waited equally long
    /// each gives way in turn. Work: visits all slots then, one otherwise.
    pub fn open(&mut self, remote: SocketAddr, now: Secs) -> Opened {
        self.open_at(Door::Tracker, remote, now)
    }

    /// Takes a connection to another door; otherwise as [`open`](Self::open).
    pub fn open_at(&mut self, door: Door, remote: SocketAddr, now: Secs) -> Opened {
        self.tally.opened = self.tally.opened.saturating_add(1);
        if remote.ip().to_canonical().is_ipv6() {
            self.tally.opened_v6 = self.tally.opened_v6.saturating_add(1);
        }
        let (id, replaced) = match self.vacant() {
            Some(id) => (id, false),
            None => {
                let id = self.longest_waiting(|_| true).unwrap_or(ConnectionId(0));
                self.tally.evicted = self.tally.evicted.saturating_add(1);
                self.release(id);
                self.end_stream(id);
                self.open = self.open.saturating_sub(1);
                (id, true)
            }
        };
        if let Some(slot) = self.slots.get_mut(id.index()) {
            *slot = Slot {
                remote: remote.ip().to_canonical(),
                state: State::Opened,
                door,
                since: now,
                ..Slot::EMPTY
            };
            self.open = self.open.saturating_add(1);
        }
        Opened { id, replaced }
    }

    /// Deals with `bytes`, which came from the client behind all that came before: writes the
    /// replies to all requests that are complete into `out`, and holds the beginning of one that
    /// isn't.
    ///
    /// `out` must have room for [`LARGEST_REPLY`](super::LARGEST_REPLY); with less the connection is
    /// closed. With room for more, several replies are written at a time, which together may be more
    /// than [`hold`](Self::hold) can hold. Nothing is consumed while a reply is held.
    ///
    /// If no buffer is free to hold the beginning of a request, the connection that has waited
    /// longest for the rest of its request loses its own (or, if there is none, the one whose
    /// client has taken nothing of a reply for longest): [`expire`](Self::expire) returns it soon.
    /// Work: at most three passes over the bytes, the work of each request, and a visit of all
    /// slots if a buffer has to be found that way.
    pub fn receive(
        &mut self,
        id: ConnectionId,
        bytes: &[u8],
        tracker: &mut Tracker<'_>,
        now: Secs,
        out: &mut [u8],
    ) -> Turn {
        self.count_into(&mut tracker.counters);
        let mut out = Out::new(out);
        let (consumed, next) = self.serve_new(id, bytes, tracker, now, &mut out);
        Turn {
            consumed,
            written: out.len(),
            next,
        }
    }

    /// Holds what the socket did not take: `unsent`, the end of what was written, and `rest`, the
    /// input that was not consumed.
    ///
    /// Returns [`Next::Close`] if the connection is to be closed when everything is sent; or at
    /// once, with nothing held at all, if there is no buffer for it or it doesn't fit one. Work: as
    /// [`receive`](Self::receive).
    pub fn hold(&mut self, id: ConnectionId, unsent: &[u8], rest: &[u8], now: Secs) -> Next {
        let Some(slot) = self.slots.get(id.index()) else {
            return Next::Close;
        };
        let closing = slot.next() == Next::Close;
        let gone = matches!(slot.state, State::Free | State::Robbed);
        let rest = if closing { &[] } else { rest };
        let Range { start, end } = slot.input();
        let input = unsent.len();
        let held = input.saturating_add(end.saturating_sub(start));
        let total = held.saturating_add(rest.len());
        if gone || total > BUFFER_BYTES || !slot.unsent().is_empty() {
            return self.shut(id, now);
        }
        let piece = self
            .buffer(id)
            .and_then(|buffer| self.buffers.piece_mut(buffer));
        let (Some(piece), Some(slot)) = (piece, self.slots.get_mut(id.index())) else {
            return self.shut(id, now);
        };
        piece.copy_within(start..end, input);
        for (to, from) in [(0..input, unsent), (held..total, rest)] {
            if let Some(to) = piece.get_mut(to) {
                to.copy_from_slice(from);
            }
        }
        (slot.unsent, slot.input, slot.end) = (0, short(input), short(total));
        if !closing {
            slot.state = State::Sending;
        }
        slot.since = now;
        self.sent(id, 0, now)
    }

    /// What is held to be sent.
    pub fn unsent(&self, id: ConnectionId) -> &[u8] {
        let slot = self.slots.get(id.index());
        let held = slot.and_then(|slot| {
            let piece = self.buffers.piece(slot.buffer?)?;
            piece.get(slot.unsent())
        });
        held.unwrap_or_default()
    }

    /// Notes that the socket took the first `count` bytes of [`unsent`](Self::unsent).
    ///
    /// When nothing is left of it, the host calls [`resume`](Self::resume), or closes if that is
    /// returned. Taking a part of it gives the client no more time for the rest.
    pub fn sent(&mut self, id: ConnectionId, count: usize, now: Secs) -> Next {
        let Some(slot) = self.slots.get_mut(id.index()) else {
            return Next::Close;
        };
        if slot.state == State::Free {
            return Next::Close;
        }
        let left = slot.unsent();
        slot.unsent = short(left.start.saturating_add(count).min(left.end));
        if slot.unsent == slot.input {
            match slot.state {
                State::Sending if slot.input().is_empty() => {
                    let state = if slot.stream.is_some() {
                        State::Resuming
                    } else {
                        State::Idle
                    };
                    slot.wait(state, now);
                    self.release(id);
                }
                State::Sending => slot.wait(State::Resuming, now),
                State::Closing => self.release(id),
                _ => {}
            }
        }
        self.slots.get(id.index()).map_or(Next::Close, Slot::next)
    }

    /// Goes on with a body that is longer than one reply, then with the input that was held along
    /// with a reply, as [`receive`](Self::receive) does with new input.
    ///
    /// To be called when everything is sent, and again as long as it writes something that is then
    /// sent. [`Turn::consumed`] counts held bytes; what was not consumed is still held.
    pub fn resume(
        &mut self,
        id: ConnectionId,
        tracker: &mut Tracker<'_>,
        now: Secs,
        out: &mut [u8],
    ) -> Turn {
        self.count_into(&mut tracker.counters);
        let mut out = Out::new(out);
        let streaming = self.slots.get(id.index()).and_then(|slot| slot.stream);
        let (consumed, next) = match streaming {
            Some(_) => (0, self.go_on(id, tracker, now, &mut out)),
            None => self.serve_held(id, tracker, now, &mut out),
        };
        Turn {
            consumed,
            written: out.len(),
            next,
        }
    }

    /// Forgets a connection: the host has closed it.
    pub fn close(&mut self, id: ConnectionId) {
        self.release(id);
        self.end_stream(id);
        if let Some(slot) = self.slots.get_mut(id.index())
            && slot.state != State::Free
        {
            slot.wait(State::Free, Secs(self.free));
            self.free = id.0.saturating_add(1);
            self.open = self.open.saturating_sub(1);
        }
    }

    /// Forgets one connection whose time is over and returns it, for the host to close its socket.
    ///
    /// To be called about once a second, until it returns `None`. Work: visits each slot once until
    /// then.
    pub fn expire(&mut self, now: Secs) -> Option<ConnectionId> {
        let wanted = self.streams.is_full();
        let touched = self.slots.iter().take(self.touched as usize);
        let found = touched
            .skip(self.sweep)
            .position(|slot| slot.is_over(now) || wanted && slot.holds_up(now));
        let Some(found) = found else {
            self.sweep = 0;
            return None;
        };
        let index = self.sweep.saturating_add(found);
        self.sweep = index.saturating_add(1);
        let id = ConnectionId(u32::try_from(index).ok()?);
        if self.slots.get(index)?.state != State::Robbed {
            self.tally.timed_out = self.tally.timed_out.saturating_add(1);
        }
        self.close(id);
        Some(id)
    }

    /// Moves what was counted since the last time into `counters`. [`receive`](Self::receive) and
    /// [`resume`](Self::resume) do it too.
    pub fn count_into(&mut self, counters: &mut Counters) {
        let tally = take(&mut self.tally);
        for (total, more) in [
            (&mut counters.connections, tally.opened),
            (&mut counters.v6.connections, tally.opened_v6),
            (&mut counters.connections_evicted, tally.evicted),
            (&mut counters.connections_timed_out, tally.timed_out),
        ] {
            *total = total.saturating_add(more.into());
        }
    }

    /// Nothing more is taken from the client or held for it.
    fn shut(&mut self, id: ConnectionId, now: Secs) -> Next {
        self.release(id);
        self.end_stream(id);
        if let Some(slot) = self.slots.get_mut(id.index())
            && slot.state != State::Free
        {
            slot.wait(State::Closing, now);
        }
        Next::Close
    }

    /// A slot that is free.
    fn vacant(&mut self) -> Option<ConnectionId> {
        if let Some(index) = self.free.checked_sub(1) {
            self.free = self.slots.get(index as usize)?.since.0;
            return Some(ConnectionId(index));
        }
        let index = self.touched;
        self.slots.get(index as usize)?;
        self.touched = index.checked_add(1)?;
        Some(ConnectionId(index))
    }

    /// The buffer of a connection: its own, or a new one, or that of the one that has waited
    /// longest.
    fn buffer(&mut self, id: ConnectionId) -> Option<BufferId> {
        let slot = self.slots.get(id.index())?;
        if slot.buffer.is_some() {
            return slot.buffer;
        }
        let buffer = match self.buffers.take() {
            Some(buffer) => buffer,
            None => {
                let victim = self.longest_waiting(|slot| slot.buffer.is_some())?;
                let slot = self.slots.get_mut(victim.index())?;
                let buffer = slot.buffer.take()?;
                (slot.unsent, slot.input, slot.end) = (0, 0, 0);
                slot.state = State::Robbed;
                self.tally.evicted = self.tally.evicted.saturating_add(1);
                buffer
            }
        };
        self.slots.get_mut(id.index())?.buffer = Some(buffer);
        Some(buffer)
    }

    fn release(&mut self, id: ConnectionId) {
        if let Some(slot) = self.slots.get_mut(id.index()) {
            (slot.unsent, slot.input, slot.end) = (0, 0, 0);
            if let Some(buffer) = slot.buffer.take() {
                self.buffers.give(buffer);
            }
        }
    }

    /// Among those that `suit`, whoever is only to be closed, else has waited longest for its
    /// client to send, else for it to receive.
    fn longest_waiting(&mut self, suit: impl Fn(&Slot) -> bool) -> Option<ConnectionId> {
        let order = |slot: &Slot| match slot.state {
            State::Robbed => (0, slot.since),
            State::Closing if slot.buffer.is_none() => (0, slot.since),
            State::Opened | State::Idle | State::Reading => (1, slot.since),
            _ => (2, slot.since),
        };
        let (index, _) = self
            .slots
            .iter()
            .enumerate()
            .filter(|(_, slot)| slot.state != State::Free && suit(slot))
            .min_by_key(|(index, slot)| (order(slot), index.wrapping_sub(self.hand)))?;
        self.hand = index.saturating_add(1);
        u32::try_from(index).ok().map(ConnectionId)
    }
}

/// A place in a buffer.
fn short(place: usize) -> u16 {
    const { assert!(BUFFER_BYTES <= u16::MAX as usize) };
    u16::try_from(place).unwrap_or(u16::MAX)
}
