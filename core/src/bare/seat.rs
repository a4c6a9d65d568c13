//! One TCP connection: bytes between its socket and [`Connections`].

use smoltcp::iface::SocketHandle;
use smoltcp::socket::tcp::{Socket, State};

use crate::http::{ConnectionId, Connections, Next, Turn};
use crate::time::Secs;
use crate::tracker::Tracker;

/// Seconds that a client has to complete a handshake.
const HANDSHAKE_SECONDS: u32 = 5;

/// Seconds that a client has to end what we have ended.
const ENDING_SECONDS: u32 = 10;

/// Most pieces of replies, or of input thrown away, before the other connections have their turn.
const PIECES: usize = 4;

/// The place of one connection, beside its socket.
#[derive(Clone, Copy)]
pub(super) struct Seat {
    pub(super) handle: Option<SocketHandle>,
    pub(super) phase: Phase,
    /// Which of all handshakes was its last.
    pub(super) handshake: u64,
}

/// What a connection is at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// It waits for a client.
    Free,
    /// A client's handshake isn't complete since then.
    Shaking(Secs),
    /// It is open.
    Open(Open),
    /// We have ended it then; the client hasn't.
    Ending(Secs),
}

/// An open connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Open {
    pub(super) id: ConnectionId,
    /// When a long body goes on, if one is on its way.
    streams: Option<Pace>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Pace {
    /// As soon as there is room.
    Now,
    /// Not in this second.
    After(Secs),
}

/// What became of a connection in a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    /// It waits for its client.
    Wait,
    /// It has had its share and has more to do.
    Again,
    /// Everything is sent: end our side.
    End,
    /// It is over.
    Reset,
}

/// What a step needs besides the connection.
pub(super) struct Around<'a, 'm, 't> {
    pub(super) core: &'a mut Connections<'m>,
    pub(super) tracker: &'a mut Tracker<'t>,
    pub(super) out: &'a mut [u8],
    pub(super) now: Secs,
}

/// What the driver is told of a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Told {
    /// There is more to do at once.
    pub(super) again: bool,
    /// Another connection lost its name to this one.
    pub(super) replaced: Option<ConnectionId>,
    /// A handshake was given up.
    pub(super) given_up: bool,
}

impl Seat {
    pub(super) const FREE: Self = Self {
        handle: None,
        phase: Phase::Free,
        handshake: 0,
    };

    /// Goes on with the connection, as far as it can without waiting. Work: at most [`PIECES`]
    /// replies or pieces of one.
    pub(super) fn step(
        &mut self,
        socket: &mut Socket<'_>,
        port: u16,
        around: &mut Around<'_, '_, '_>,
    ) -> Told {
        let mut told = Told::default();
        match self.phase {
            Phase::Free | Phase::Shaking(_) => match socket.state() {
                // A reset that is still to be sent goes first.
                State::Closed if socket.remote_endpoint().is_some() => {}
                State::Closed | State::TimeWait => {
                    self.phase = Phase::Free;
                    // It is closed, and the port isn't 0.
                    let _ = socket.listen(port);
                }
                State::Listen => self.phase = Phase::Free,
                State::SynReceived => match self.phase {
                    Phase::Shaking(since) if around.now.since(since) >= HANDSHAKE_SECONDS => {
                        self.listen_again(socket, port);
                        told.given_up = true;
                    }
                    Phase::Shaking(_) => {}
                    _ => self.phase = Phase::Shaking(around.now),
                },
                State::Established | State::CloseWait => {
                    let Some(remote) = socket.remote_endpoint() else {
                        socket.abort();
                        return told;
                    };
                    let opened = around
                        .core
                        .open((remote.addr, remote.port).into(), around.now);
                    told.replaced = opened.replaced.then_some(opened.id);
                    let open = Open {
                        id: opened.id,
                        streams: None,
                    };
                    self.phase = Phase::Open(open);
                    told.again = self.go_on(open, socket, around);
                }
                _ => socket.abort(),
            },
            Phase::Open(open) => told.again = self.go_on(open, socket, around),
            Phase::Ending(since) => {
                let late = around.now.since(since) >= ENDING_SECONDS;
                if late || discard(socket) == Step::Reset {
                    self.phase = Phase::Free;
                    if late {
                        socket.abort();
                    }
                    told.again = true;
                }
            }
        }
        told
    }

    /// Forgets a handshake, without a word to whoever began it.
    pub(super) fn listen_again(&mut self, socket: &mut Socket<'_>, port: u16) {
        self.phase = Phase::Free;
        socket.abort();
        let _ = socket.listen(port);
    }

    /// Ends a connection that the core has forgotten.
    pub(super) fn forgotten(&mut self, socket: &mut Socket<'_>, now: Secs) {
        if socket.send_queue() == 0 {
            socket.close();
            self.phase = Phase::Ending(now);
        } else {
            socket.abort();
            self.phase = Phase::Free;
        }
    }

    /// Resets a connection that must make room.
    pub(super) fn reset(&mut self, socket: &mut Socket<'_>, core: &mut Connections<'_>) {
        if let Phase::Open(open) = self.phase {
            core.close(open.id);
        }
        socket.abort();
        self.phase = Phase::Free;
    }

    /// Whether there is more to do at once.
    fn go_on(
        &mut self,
        mut open: Open,
        socket: &mut Socket<'_>,
        around: &mut Around<'_, '_, '_>,
    ) -> bool {
        let mut step = Step::Again;
        for _ in 0..PIECES {
            step = open.piece(socket, around);
            if step != Step::Again {
                break;
            }
        }
        self.phase = match step {
            Step::Wait | Step::Again => Phase::Open(open),
            Step::End => {
                around.core.close(open.id);
                socket.close();
                Phase::Ending(around.now)
            }
            Step::Reset => {
                around.core.close(open.id);
                socket.abort();
                Phase::Free
            }
        };
        step == Step::Again || step == Step::Reset
    }
}

impl Open {
    fn piece(&mut self, socket: &mut Socket<'_>, around: &mut Around<'_, '_, '_>) -> Step {
        if !socket.may_send() {
            return Step::Reset;
        }
        let unsent = around.core.unsent(self.id);
        if !unsent.is_empty() {
            let Ok(count) = socket.send_slice(unsent) else {
                return Step::Reset;
            };
            let next = around.core.sent(self.id, count, around.now);
            if !around.core.unsent(self.id).is_empty() {
                return Step::Wait;
            }
            if next == Next::Close {
                return Step::End;
            }
            self.streams = Some(Pace::Now);
            return Step::Again;
        }
        // Where the last reply mostly waits to be acknowledged, another must wait too, rather than
        // be held.
        let free = socket.send_capacity().saturating_sub(socket.send_queue());
        if free < socket.send_capacity() / 2 {
            return Step::Wait;
        }
        match self.streams {
            Some(Pace::After(second)) if second == around.now => Step::Wait,
            Some(_) => {
                let Around {
                    core,
                    tracker,
                    out,
                    now,
                } = around;
                let turn = core.resume(self.id, tracker, *now, out);
                self.deliver(turn, socket, around)
            }
            None => self.receive(socket, around),
        }
    }

    fn receive(&mut self, socket: &mut Socket<'_>, around: &mut Around<'_, '_, '_>) -> Step {
        if !socket.can_recv() {
            // A client that has ended its side has had all its replies.
            return if socket.may_recv() {
                Step::Wait
            } else {
                Step::End
            };
        }
        let turn = socket.recv(|bytes| {
            let Around {
                core,
                tracker,
                out,
                now,
            } = around;
            let turn = core.receive(self.id, bytes, tracker, *now, out);
            (turn.consumed.min(bytes.len()), turn)
        });
        let Ok(turn) = turn else {
            return Step::Reset;
        };
        if turn.consumed == 0 && turn.written == 0 && turn.next == Next::Read {
            return Step::Wait;
        }
        self.deliver(turn, socket, around)
    }

    /// Sends what a turn of the core wrote.
    fn deliver(
        &mut self,
        turn: Turn,
        socket: &mut Socket<'_>,
        around: &mut Around<'_, '_, '_>,
    ) -> Step {
        let resumed = self.streams.is_some();
        self.streams = match turn.next {
            Next::Resume => Some(Pace::Now),
            Next::Later => Some(Pace::After(around.now)),
            // What was held along with a reply may be more than one turn of it.
            Next::Read if resumed && turn.written > 0 => Some(Pace::Now),
            Next::Read | Next::Close => None,
        };
        let written = around.out.get(..turn.written).unwrap_or_default();
        if !written.is_empty() {
            let Ok(count) = socket.send_slice(written) else {
                return Step::Reset;
            };
            let unsent = written.get(count..).unwrap_or_default();
            if !unsent.is_empty() {
                let next = around.core.hold(self.id, unsent, &[], around.now);
                // Nothing held means that there was no buffer for it: the client must do without.
                let lost = next == Next::Close && around.core.unsent(self.id).is_empty();
                return if lost { Step::Reset } else { Step::Wait };
            }
        }
        match turn.next {
            Next::Close => Step::End,
            Next::Later => Step::Wait,
            Next::Read | Next::Resume => Step::Again,
        }
    }
}

/// Throws away what the client still sends.
fn discard(socket: &mut Socket<'_>) -> Step {
    for _ in 0..PIECES {
        if !socket.can_recv() {
            break;
        }
        // What can be received is.
        let _ = socket.recv(|bytes| (bytes.len(), ()));
    }
    match socket.state() {
        State::Closed | State::TimeWait | State::Listen => Step::Reset,
        _ => Step::Wait,
    }
}
