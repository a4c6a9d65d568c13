//! TCP: the sockets of the connections whose bytes [`wrtracker_core::http`] understands.
//!
//! What a connection waits for follows from what the core holds of it: something unsent means that
//! the socket must take more, otherwise it must bring more. A connection that ends before the
//! client has sent all it wants to lingers: our side is shut down and its input thrown away until
//! the client closes too, since closing a socket with unread input resets the connection, and the
//! client may lose the reply.

use core::cmp::Reverse;
use std::io;

use rustix::event::epoll::{self, EventFlags};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{
    RecvFlags, SendFlags, Shutdown, SocketFlags, acceptfrom_with, recv, send, shutdown,
};
use wrtracker_core::access::Mode;
use wrtracker_core::counters::MICROS;
use wrtracker_core::http::{
    ConnectionId, Connections, Door, LARGEST_REPLY, MOST_PIECES, Next, Slot, Turn,
};
use wrtracker_core::time::Secs;
use wrtracker_core::tracker::Tracker;

use crate::listen::Listener;
use crate::plan::Plan;
use crate::server::{about, data};
use crate::state::grants::Grants;
use crate::sys::clock::monotonic_micros;
use crate::sys::memory::reserve_bytes;
use crate::tls::{Credentials, Session, Tls};

/// Bytes of memory that a connection takes, apart from a buffer if it holds one.
pub const BYTES_PER_CONNECTION: usize = size_of::<Slot>() + size_of::<Option<Connection>>();

/// Bytes of memory that all connections share.
pub const SCRATCH_BYTES: usize = INPUT + OUTPUT;

/// Most bytes read from a connection at a time. With a reply that is not taken they must fit one
/// buffer.
const INPUT: usize = 4096;

/// Room for replies, before they must be sent: for one, so that a client which asks for many and
/// reads them slowly never has more replies to take than a buffer can hold.
const OUTPUT: usize = LARGEST_REPLY;

/// Most connections accepted from one socket before the others have their turn.
const ACCEPTS: usize = 32;

/// Most pieces of a long body sent before the other connections have their turn.
const PIECES: usize = 2;

/// Most pieces of input thrown away before the other connections have their turn.
const DISCARDS: usize = 16;

/// All connections, open or not.
pub(crate) struct Tcp {
    core: Connections<'static>,
    room: Room,
    /// By the index of [`ConnectionId`]. It grows up to its capacity as the core uses more slots,
    /// which it does in order, so that slots never used take no memory.
    sockets: Vec<Option<Connection>>,
    input: &'static mut [u8],
    output: &'static mut [u8],
    tls: Tls,
    /// Whether a long body may wait for the end of another.
    waiting: bool,
}

/// Memory for slots that no connection has needed yet: promised, and not there before one does.
struct Room(Vec<Vec<Slot>>);

impl Room {
    /// Room for so many slots, each piece as many as those before it together, the last taken first.
    fn new(slots: usize) -> Self {
        let mut pieces = Vec::with_capacity(MOST_PIECES);
        let mut rest = slots;
        while rest > FIRST_SLOTS && pieces.len() + 1 < MOST_PIECES {
            let piece = rest / 2;
            pieces.push(Vec::with_capacity(piece));
            rest -= piece;
        }
        pieces.push(Vec::with_capacity(rest));
        Self(pieces)
    }

    /// The next slots; none if there are no more.
    fn take(&mut self) -> &'static mut [Slot] {
        let mut piece = self.0.pop().unwrap_or_default();
        piece.resize(piece.capacity(), Slot::EMPTY);
        piece.leak()
    }
}

/// About as many slots as are there from the start.
const FIRST_SLOTS: usize = 16;

/// An open connection.
struct Connection {
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
    streams: Option<Pace>,
}

/// When a long body goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Pace {
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

/// How accepting ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Accepted {
    /// For now; the event loop tells when there is more.
    All,
    /// The system has no descriptor or no memory for another connection, and won't have one at
    /// once.
    Starved,
}

/// What every step needs besides the connections.
pub(crate) struct Surroundings<'s> {
    pub(crate) epoll: &'s OwnedFd,
    pub(crate) tracker: &'s mut Tracker<'static>,
    pub(crate) grants: &'s mut Grants,
    pub(crate) now: Secs,
}

impl Surroundings<'_> {
    /// Brings to the disk what was granted. If that can't be, it is taken back, and must not be
    /// acknowledged.
    fn settle(&mut self) -> bool {
        self.grants.settle(&mut self.tracker.access_mut())
    }
}

impl Tcp {
    /// A table for the connections that `plan` allows.
    ///
    /// # Errors
    ///
    /// The kernel's, for want of memory.
    pub(crate) fn new(plan: &Plan) -> io::Result<Self> {
        let buffers = reserve_bytes(plan.buffer_bytes())?;
        let mut room = Room::new(plan.connections);
        let first = room.take();
        Ok(Self {
            core: Connections::new(first, buffers),
            room,
            sockets: Vec::with_capacity(plan.connections),
            input: reserve_bytes(INPUT)?,
            output: reserve_bytes(OUTPUT)?,
            tls: Tls::new(plan)?,
            waiting: false,
        })
    }

    /// Takes this certificate for connections that are accepted from now on.
    pub(crate) fn set_credentials(&mut self, credentials: Credentials) {
        self.tls.set_credentials(credentials);
    }

    /// Connections that are open.
    pub(crate) fn len(&self) -> usize {
        self.core.len()
    }

    /// Takes the connections that wait at `listener`, at most 32, and serves what they have sent
    /// already.
    pub(crate) fn accept(
        &mut self,
        listener: &Listener,
        around: &mut Surroundings<'_>,
    ) -> Accepted {
        for _ in 0..ACCEPTS {
            let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
            let (socket, remote) = match acceptfrom_with(&*listener.socket, flags) {
                Ok((socket, Some(remote))) => (socket, remote),
                Err(Errno::AGAIN) => break,
                // The client is gone again, or its network is; that is its affair (accept(2)).
                Ok((_, None))
                | Err(
                    Errno::CONNABORTED
                    | Errno::INTR
                    | Errno::NETDOWN
                    | Errno::PROTO
                    | Errno::NOPROTOOPT
                    | Errno::HOSTDOWN
                    | Errno::NONET
                    | Errno::HOSTUNREACH
                    | Errno::OPNOTSUPP
                    | Errno::NETUNREACH,
                ) => continue,
                // No descriptors, no memory, or something else that won't be over at once.
                Err(_) => return Accepted::Starved,
            };
            let Ok(remote) = remote.try_into() else {
                continue;
            };
            let session = if listener.tls {
                if self.tls.is_full() {
                    self.end_session(around, Session::last);
                }
                let Some(session) = self.tls.open(around.now) else {
                    continue;
                };
                Some(session)
            } else {
                None
            };
            if self.core.is_full() {
                self.core.add_slots(self.room.take());
            }
            let id = self.core.open_at(listener.door, remote, around.now).id;
            if self.sockets.len() <= id.index() && id.index() < self.sockets.capacity() {
                self.sockets.resize_with(id.index() + 1, || None);
            }
            if let Some(place) = self.sockets.get_mut(id.index()) {
                // If another connection had to give way its socket is closed here.
                *place = Some(Connection {
                    socket,
                    id,
                    mode: listener.mode(),
                    door: listener.door,
                    session,
                    watched: Watched::Nothing,
                    lingers: false,
                    partial: false,
                    streams: None,
                });
            }
            self.ready(id.index(), around);
        }
        Accepted::All
    }

    /// Closes the connection whose session has the least of something. Visits all connections.
    fn end_session<K: Ord>(
        &mut self,
        around: &mut Surroundings<'_>,
        something: impl Fn(&Session) -> K,
    ) {
        let open = self.sockets.iter().flatten();
        let least = open
            .filter_map(|it| Some((something(it.session.as_ref()?), it.id)))
            .min_by(|(one, _), (other, _)| one.cmp(other));
        if let Some((_, id)) = least {
            self.core.close(id);
            self.sockets[id.index()] = None;
            let evicted = &mut around.tracker.counters.connections_evicted;
            *evicted = evicted.saturating_add(1);
        }
    }

    /// Goes on with the connection at `index`, if there is one. An event for one that is closed
    /// does no harm.
    pub(crate) fn ready(&mut self, index: usize, around: &mut Surroundings<'_>) {
        let Some(Some(connection)) = self.sockets.get_mut(index) else {
            return;
        };
        let (core, input, output) = (&mut self.core, &mut *self.input, &mut *self.output);
        let tls = &mut self.tls;
        let id = connection.id;
        around.tracker.serve_as(connection.mode);
        let streamed = connection.streams.is_some();
        let step = if connection.lingers {
            connection.discard(input)
        } else if let Some(step) = connection.send_secret() {
            step
        } else if connection.streams == Some(Pace::NextTick) {
            // We asked for no event, so it is one that nobody can turn off: the client is gone.
            Step::Close
        } else if !core.unsent(id).is_empty() {
            connection.send(core, output, around)
        } else if connection.streams.is_some() {
            connection.go_on(core, output, around)
        } else {
            connection.receive(core, tls, input, output, around)
        };
        let step = match step {
            Step::Wait => connection.receive_rest(core, tls, input, output, around),
            step => step,
        };
        let over = match step {
            Step::Close => true,
            Step::Linger => connection.linger(input) == Step::Close,
            Step::Wait => false,
        };
        let within_budget = connection.is_within_budget();
        let streams = connection.streams;
        self.waiting |= streams == Some(Pace::NextTick);
        let closed = over || !connection.watch(core, around.epoll);
        if closed {
            self.core.close(id);
            self.sockets[index] = None;
        }
        if !within_budget {
            self.end_session(around, |session| Reverse(session.held()));
        }
        if streamed && self.waiting && (closed || streams.is_none()) {
            self.wake(around.epoll);
        }
    }

    /// Has all long bodies that wait try again at the next turn: one that they may have waited for
    /// is over. Visits all connections.
    fn wake(&mut self, epoll: &OwnedFd) {
        self.waiting = false;
        for place in &mut self.sockets {
            if let Some(connection) = place
                && connection.streams == Some(Pace::NextTick)
            {
                connection.streams = Some(Pace::Now);
                if !connection.watch(&self.core, epoll) {
                    self.core.close(connection.id);
                    *place = None;
                }
            }
        }
    }

    /// Closes the connections whose time is over, and goes on with the bodies that had to wait.
    pub(crate) fn tick(&mut self, around: &mut Surroundings<'_>) {
        while let Some(id) = self.core.expire(around.now) {
            if let Some(place) = self.sockets.get_mut(id.index()) {
                if let Some(Connection {
                    socket,
                    session: Some(session),
                    ..
                }) = place
                {
                    session.say_goodbye();
                    session.flush(socket);
                }
                *place = None;
            }
        }
        self.core.count_into(&mut around.tracker.counters);
        for index in 0..self.sockets.len() {
            let connection = self.sockets.get_mut(index).and_then(Option::as_mut);
            if let Some(connection) = connection
                && connection.streams == Some(Pace::NextTick)
            {
                connection.streams = Some(Pace::Now);
                self.ready(index, around);
            }
        }
    }
}

impl Connection {
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
    fn is_within_budget(&mut self) -> bool {
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
    fn watch(&mut self, core: &Connections<'static>, epoll: &OwnedFd) -> bool {
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
