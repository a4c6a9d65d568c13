//! One connection: its socket, and what it waits for.
//!
//! What a connection waits for follows from what the core holds of it: something unsent means that
//! the socket must take more, otherwise it must bring more. A connection that ends before the
//! client has sent all it wants to lingers: our side is shut down and its input thrown away until
//! the client closes too, since closing a socket with unread input resets the connection, and the
//! client may lose the reply.

use rustix::event::epoll::{self, EventFlags};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, Shutdown, recv, send, shutdown};
use wrtracker_core::access::Mode;
use wrtracker_core::counters::MICROS;
use wrtracker_core::http::{ConnectionId, Connections, Door, Next, Turn};
use wrtracker_core::time::Secs;

use super::Surroundings;
use crate::listen::Listener;
use crate::server::{about, data};
use crate::sys::clock::monotonic_micros;
use crate::tls::{Session, Tls};

/// Most pieces of a long body sent before the other connections have their turn.
const PIECES: usize = 2;

/// Most pieces of input thrown away before the other connections have their turn.
const DISCARDS: usize = 16;

/// An open connection.
pub(super) struct Connection {
    socket: OwnedFd,
    id: ConnectionId,
    /// What is asked of its announces.
    mode: Mode,
    /// What answers its requests.
    door: Door,
    /// What makes of the socket's bytes those that the core understands, and the other way round.
    session: Option<Session>,
    watched: Watched,
    /// The core said that it is over, and everything is sent: only the client's end is awaited.
    lingers: bool,
    /// The core wrote nothing in its last turn: what came was part of a request, or nothing of it
    /// has been dealt with. More may be on its way, whatever the core makes of it.
    partial: bool,
    /// A long body goes on when the socket has room, or at the next tick.
    pub(super) streams: Option<Pace>,
}

/// When a long body goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Pace {
    Now,
    NextTick,
}

/// What the event loop wakes us for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Watched {
    /// Not told to the kernel yet: many connections end before there is any need to.
    Nothing,
    /// For the time being.
    NoMore,
    Input,
    Room,
}

/// What is to be done with a connection after a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// Wait for it.
    Wait,
    /// Nothing more is to be sent, and nothing to be read: close it.
    Close,
    /// Nothing more is to be sent, but the client may still be sending: linger.
    Linger,
}

impl Connection {
    /// One that `listener` has just taken.
    pub(super) fn new(
        socket: OwnedFd,
        id: ConnectionId,
        listener: &Listener,
        session: Option<Session>,
    ) -> Self {
        Self {
            socket,
            id,
            mode: listener.mode(),
            door: listener.door,
            session,
            watched: Watched::Nothing,
            lingers: false,
            partial: false,
            streams: None,
        }
    }

    pub(super) const fn id(&self) -> ConnectionId {
        self.id
    }

    pub(super) const fn session(&self) -> Option<&Session> {
        self.session.as_ref()
    }

    /// Goes on with what it waits for: [`Step::Close`] if it is over then, else [`Step::Wait`].
    pub(super) fn turn(
        &mut self,
        core: &mut Connections<'static>,
        tls: &mut Tls,
        input: &mut [u8],
        output: &mut [u8],
        around: &mut Surroundings<'_>,
    ) -> Step {
        around.tracker.serve_as(self.mode);
        let step = if self.lingers {
            self.discard(input)
        } else if let Some(step) = self.send_secret() {
            step
        } else if self.streams == Some(Pace::NextTick) {
            // We asked for no event, so it is one that nobody can turn off: the client is gone.
            Step::Close
        } else if !core.unsent(self.id).is_empty() {
            self.send(core, output, around)
        } else if self.streams.is_some() {
            self.go_on(core, output, around)
        } else {
            self.receive(core, tls, input, output, around)
        };
        let step = match step {
            Step::Wait => self.receive_rest(core, tls, input, output, around),
            step => step,
        };
        match step {
            Step::Linger => self.linger(input),
            step => step,
        }
    }

    /// Tells the client of a session that it is over, if the socket has room for that.
    pub(super) fn say_goodbye(&mut self) {
        if let Some(session) = &mut self.session {
            session.say_goodbye();
            session.flush(&self.socket);
        }
    }

    /// Reads once, and answers what can be answered.
    fn receive(
        &mut self,
        core: &mut Connections<'static>,
        tls: &mut Tls,
        input: &mut [u8],
        output: &mut [u8],
        around: &mut Surroundings<'_>,
    ) -> Step {
        let count = match &mut self.session {
            None => match recv(&self.socket, &mut *input, RecvFlags::DONTWAIT) {
                Ok((_, 0)) => return Step::Close,
                Ok((_, count)) => count,
                Err(Errno::AGAIN | Errno::INTR) => return Step::Wait,
                Err(_) => return Step::Close,
            },
            Some(session) => match session.read(&self.socket, tls, input, around.now) {
                Ok(count) => count,
                Err(step) => return step,
            },
        };
        let mut rest = input.get(..count).unwrap_or_default();
        let more = self.partial || count == input.len() || self.session.is_some();
        loop {
            let start = monotonic_micros();
            let turn = core.receive(self.id, rest, around.tracker, around.now, output);
            if turn.written > 0 {
                let micros = monotonic_micros().saturating_sub(start);
                let micros = u32::try_from(micros).unwrap_or(u32::MAX);
                let counters = &mut around.tracker.counters;
                counters.http_micros.note(&MICROS, micros, 1);
            }
            if !self.settle(around) {
                return Step::Close;
            }
            rest = rest.get(turn.consumed..).unwrap_or_default();
            self.partial = turn.written == 0;
            match self.deliver(core, output, turn, rest, around.now) {
                Some(Step::Linger) if !more => return Step::Close,
                Some(step) => return step,
                None if turn.next == Next::Resume => {
                    if !rest.is_empty() && core.hold(self.id, &[], rest, around.now) == Next::Close
                    {
                        return Step::Close;
                    }
                    return self.go_on(core, output, around);
                }
                // Nothing consumed and nothing written would be for ever.
                None if rest.is_empty() || turn.consumed == 0 && turn.written == 0 => {
                    return Step::Wait;
                }
                None => {}
            }
        }
    }

    /// Sends what a session holds, before anything else. `None` if the connection can go on.
    fn send_secret(&mut self) -> Option<Step> {
        let session = self.session.as_mut()?;
        if !session.has_unsent() {
            return None;
        }
        match session.flush(&self.socket) {
            None => Some(Step::Close),
            Some(false) => Some(Step::Wait),
            Some(true) if session.has_said_goodbye() => Some(Step::Linger),
            // That was the event; the body's turn comes.
            Some(true) if self.streams == Some(Pace::NextTick) => Some(Step::Wait),
            Some(true) => None,
        }
    }

    /// Goes on with what a session has read, and which the socket tells of no more, as long as the
    /// client takes the replies. A session has at most a record and what is read at a time.
    fn receive_rest(
        &mut self,
        core: &mut Connections<'static>,
        tls: &mut Tls,
        input: &mut [u8],
        output: &mut [u8],
        around: &mut Surroundings<'_>,
    ) -> Step {
        while let Some(session) = &self.session
            && session.has_input()
            && !session.has_unsent()
            && !self.lingers
            && self.streams.is_none()
            && core.unsent(self.id).is_empty()
        {
            match self.receive(core, tls, input, output, around) {
                Step::Wait => {}
                step => return step,
            }
        }
        Step::Wait
    }

    /// Enters what a session holds. False if all together hold too much.
    pub(super) fn is_within_budget(&mut self) -> bool {
        self.session.as_mut().is_none_or(Session::is_within_budget)
    }

    /// Sends what is held, and when that is gone answers what else was held.
    fn send(
        &mut self,
        core: &mut Connections<'static>,
        output: &mut [u8],
        around: &mut Surroundings<'_>,
    ) -> Step {
        let Some(count) = self.put(core.unsent(self.id), false) else {
            return Step::Close;
        };
        let next = core.sent(self.id, count, around.now);
        if !core.unsent(self.id).is_empty() {
            return Step::Wait;
        }
        if next == Next::Close {
            return Step::Linger;
        }
        self.go_on(core, output, around)
    }

    /// Sends more of a long body, and answers what else was held.
    fn go_on(
        &mut self,
        core: &mut Connections<'static>,
        output: &mut [u8],
        around: &mut Surroundings<'_>,
    ) -> Step {
        self.streams = None;
        for _ in 0..PIECES {
            let turn = core.resume(self.id, around.tracker, around.now, output);
            if !self.settle(around) {
                return Step::Close;
            }
            self.streams = match turn.next {
                Next::Resume => Some(Pace::Now),
                Next::Later => Some(Pace::NextTick),
                Next::Read | Next::Close => None,
            };
            match self.deliver(core, output, turn, &[], around.now) {
                Some(step) => return step,
                None if turn.next == Next::Later => return Step::Wait,
                None if turn.written == 0 && turn.next == Next::Read => return Step::Wait,
                None => {}
            }
        }
        if self.streams.is_none() {
            self.streams = Some(Pace::Now);
        }
        Step::Wait
    }

    /// Sees to what was granted before that is acknowledged. False if it must not be.
    fn settle(&self, around: &mut Surroundings<'_>) -> bool {
        self.door != Door::Api || around.settle()
    }

    /// Sends what a turn of the core wrote. `None` if all is sent and the connection stays open.
    fn deliver(
        &mut self,
        core: &mut Connections<'static>,
        output: &[u8],
        turn: Turn,
        rest: &[u8],
        now: Secs,
    ) -> Option<Step> {
        let written = output.get(..turn.written).unwrap_or_default();
        if !written.is_empty() {
            let Some(count) = self.put(written, turn.next == Next::Close) else {
                return Some(Step::Close);
            };
            let unsent = written.get(count..).unwrap_or_default();
            if !unsent.is_empty() {
                let next = core.hold(self.id, unsent, rest, now);
                // Nothing held means that there was no buffer for it: the client must do without.
                let lost = next == Next::Close && core.unsent(self.id).is_empty();
                return Some(if lost { Step::Close } else { Step::Wait });
            }
        }
        (turn.next == Next::Close).then_some(Step::Linger)
    }

    /// Hands bytes to the socket and returns how many it took; `None` if the connection is broken.
    /// The last ones may wait for the end of our side, which follows at once if all of them are taken,
    /// and go in one packet with it.
    fn put(&mut self, bytes: &[u8], last: bool) -> Option<usize> {
        if let Some(session) = &mut self.session {
            return session.put(&self.socket, bytes);
        }
        let mut flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        flags.set(SendFlags::MORE, last);
        match send(&self.socket, bytes, flags) {
            Ok(count) => Some(count),
            Err(Errno::AGAIN | Errno::INTR) => Some(0),
            Err(_) => None,
        }
    }

    /// Ends our side and waits for the client's.
    fn linger(&mut self, input: &mut [u8]) -> Step {
        if let Some(session) = &mut self.session {
            session.say_goodbye();
            match session.flush(&self.socket) {
                None => return Step::Close,
                Some(false) => return Step::Wait,
                Some(true) => {}
            }
        }
        self.lingers = true;
        match shutdown(&self.socket, Shutdown::Write) {
            Ok(()) => self.discard(input),
            Err(_) => Step::Close,
        }
    }

    /// Throws away what the client still sends.
    fn discard(&self, input: &mut [u8]) -> Step {
        for _ in 0..DISCARDS {
            match recv(&self.socket, &mut *input, RecvFlags::DONTWAIT) {
                Ok((_, 0)) => return Step::Close,
                Ok(_) => {}
                Err(Errno::AGAIN | Errno::INTR) => return Step::Wait,
                Err(_) => return Step::Close,
            }
        }
        Step::Wait
    }

    /// Makes the event loop wake us for what the connection now waits for. False if it can't.
    pub(super) fn watch(&mut self, core: &Connections<'static>, epoll: &OwnedFd) -> bool {
        let secret = self.session.as_ref().is_some_and(Session::has_unsent);
        let (wanted, flags) = match self.streams {
            _ if secret => (Watched::Room, EventFlags::OUT),
            _ if !core.unsent(self.id).is_empty() => (Watched::Room, EventFlags::OUT),
            None => (Watched::Input, EventFlags::IN),
            // The socket has room: the event loop comes back when all others had their turn.
            Some(Pace::Now) => (Watched::Room, EventFlags::OUT),
            Some(Pace::NextTick) => (Watched::NoMore, EventFlags::empty()),
        };
        if self.watched == wanted {
            return true;
        }
        let about = data(about::CONNECTION, self.id.index());
        let result = if self.watched == Watched::Nothing {
            epoll::add(epoll, &self.socket, about, flags)
        } else {
            epoll::modify(epoll, &self.socket, about, flags)
        };
        self.watched = wanted;
        result.is_ok()
    }
}
