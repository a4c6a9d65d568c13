//! The state of one connection.

use core::net::{IpAddr, Ipv4Addr};
use core::ops::Range;

use crate::time::Secs;
use crate::wire::http::HeadEnd;

use super::buffers::BufferId;
use super::connections::{Door, Next};
use super::streams::StreamId;

/// Seconds until a request must be complete: the first from the start of the connection, others
/// from when their beginning is held alone, with no reply before it that is still to be sent. More
/// bytes of a request don't extend that (opentracker's number).
pub const REQUEST_SECONDS: u32 = 30;

/// Seconds that a connection may stay open between two requests.
pub const IDLE_SECONDS: u32 = 60;

/// Seconds that a client has to take what is held for it, at most
/// [`BUFFER_BYTES`](super::BUFFER_BYTES) at a time. Taking a part of that doesn't extend them.
pub const SEND_SECONDS: u32 = 30;

/// Seconds that a long body may have to wait for others.
pub(super) const WAIT_SECONDS: u32 = 120;

/// Seconds that a client has to take a piece of a long body when others wait for their turn.
pub const STREAM_SECONDS: u32 = 5;

/// The state of one connection.
#[derive(Clone, Debug)]
pub struct Slot {
    pub(super) remote: IpAddr,
    pub(super) state: State,
    /// To what it was opened.
    pub(super) door: Door,
    /// How far the search for the end of the held request has come.
    pub(super) head_end: HeadEnd,
    pub(super) buffer: Option<BufferId>,
    /// The body that is being sent, if it is longer than one reply.
    pub(super) stream: Option<StreamId>,
    /// What is held: the reply from `unsent` to `input`, the request from `input` to `end`.
    pub(super) unsent: u16,
    pub(super) input: u16,
    pub(super) end: u16,
    /// When it began to wait for what its state waits for; the next free slot if it is free.
    pub(super) since: Secs,
}

/// What a connection waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    /// A slot without a connection.
    Free,
    /// The first byte since it was opened.
    Opened,
    /// The first byte of another request.
    Idle,
    /// The rest of a request whose beginning is held.
    Reading,
    /// The client to take what is held.
    Sending,
    /// The host to resume with the input that is held.
    Resuming,
    /// The client to take what is held, if anything is, and the host to close.
    Closing,
    /// The host to close: it had to give its buffer to another.
    Robbed,
}

impl Slot {
    /// A slot that no connection uses.
    pub const EMPTY: Self = Self {
        remote: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        state: State::Free,
        door: Door::Tracker,
        head_end: HeadEnd::InLine,
        buffer: None,
        stream: None,
        unsent: 0,
        input: 0,
        end: 0,
        since: Secs(0),
    };

    pub(super) fn is_over(&self, now: Secs) -> bool {
        let seconds = match self.state {
            State::Free => return false,
            State::Robbed => return true,
            State::Opened | State::Reading => REQUEST_SECONDS,
            State::Idle => IDLE_SECONDS,
            State::Resuming if self.stream.is_some() => WAIT_SECONDS,
            State::Sending | State::Resuming | State::Closing => SEND_SECONDS,
        };
        now.since(self.since) >= seconds
    }

    /// Whether its client takes so long for a piece of a body that others may have its place.
    pub(super) fn holds_up(&self, now: Secs) -> bool {
        self.stream.is_some()
            && self.state == State::Sending
            && now.since(self.since) >= STREAM_SECONDS
    }

    pub(super) const fn next(&self) -> Next {
        match self.state {
            State::Free | State::Closing | State::Robbed => Next::Close,
            State::Resuming if self.stream.is_some() => Next::Resume,
            _ => Next::Read,
        }
    }

    pub(super) fn unsent(&self) -> Range<usize> {
        usize::from(self.unsent)..usize::from(self.input)
    }

    pub(super) fn input(&self) -> Range<usize> {
        usize::from(self.input)..usize::from(self.end)
    }

    pub(super) const fn wait(&mut self, state: State, now: Secs) {
        self.state = state;
        self.since = now;
    }
}

const _: () = assert!(size_of::<Slot>() <= 40);
