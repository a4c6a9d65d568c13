//! TCP: the sockets of the connections whose bytes [`wrtracker_core::http`] understands.

mod connection;
mod slots;

use core::cmp::Reverse;
use std::io;

use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{SocketFlags, acceptfrom_with};
use wrtracker_core::http::{Connections, LARGEST_REPLY, Slot};
use wrtracker_core::time::Secs;
use wrtracker_core::tracker::Tracker;

use crate::listen::Listener;
use crate::plan::Plan;
use crate::state::grants::Grants;
use crate::sys::memory::reserve_bytes;
use crate::sys::row::Row;
use crate::tls::{Credentials, Session, Tls};

use self::connection::{Connection, Pace};
use self::slots::Room;

pub(crate) use self::connection::Step;

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

/// All connections, open or not.
pub(crate) struct Tcp {
    core: Connections<'static>,
    room: Room,
    /// By the index of [`ConnectionId`]. It grows as the core uses more slots, which it does in order,
    /// so that slots never used take no memory.
    sockets: Row<Option<Connection>>,
    input: &'static mut [u8],
    output: &'static mut [u8],
    tls: Tls,
    /// Whether a long body may wait for the end of another.
    waiting: bool,
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
        let mut room = Room::new(plan.connections)?;
        let first = room.take();
        Ok(Self {
            core: Connections::new(first, buffers),
            room,
            sockets: Row::new(plan.connections)?,
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
            while self.sockets.len() <= id.index() && self.sockets.push(None).is_ok() {}
            if let Some(place) = self.sockets.get_mut(id.index()) {
                // If another connection had to give way its socket is closed here.
                *place = Some(Connection::new(socket, id, listener, session));
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
            .filter_map(|it| Some((something(it.session()?), it.id())))
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
        let id = connection.id();
        let streamed = connection.streams.is_some();
        let over = connection.turn(core, tls, input, output, around) == Step::Close;
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
        for place in &mut *self.sockets {
            if let Some(connection) = place
                && connection.streams == Some(Pace::NextTick)
            {
                connection.streams = Some(Pace::Now);
                if !connection.watch(&self.core, epoll) {
                    self.core.close(connection.id());
                    *place = None;
                }
            }
        }
    }

    /// Closes the connections whose time is over, and goes on with the bodies that had to wait.
    pub(crate) fn tick(&mut self, around: &mut Surroundings<'_>) {
        while let Some(id) = self.core.expire(around.now) {
            if let Some(place) = self.sockets.get_mut(id.index()) {
                if let Some(connection) = place {
                    connection.say_goodbye();
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
