//! Questions to a tracker over UDP (BEP 15): a connection id first, repeated while nothing comes.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::net::UdpSocket;
use std::time::{Duration, Instant};

use super::deadline::Deadline;
use super::failure::Failure;
use super::packets::{self, Action, Reply};
use super::random;

/// How long the first datagram is waited for; each one after it twice as long as the one before.
pub const FIRST_WAIT: Duration = Duration::from_secs(15);

/// Most times that the wait doubles.
const MOST_DOUBLINGS: u32 = 8;

/// How long a connection id is good for.
const CONNECTION_LIFE: Duration = Duration::from_secs(60);

/// A tracker that is asked over UDP.
#[derive(Debug)]
pub struct UdpTracker {
    socket: UdpSocket,
    deadline: Deadline,
    /// How long the first datagram is waited for.
    first_wait: Duration,
    connection: Option<(u64, Instant)>,
    /// Datagrams that answered nothing.
    others: u32,
}

/// An answer and the time it took: from the first datagram that asked for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timed<T>(pub T, pub Duration);

impl UdpTracker {
    /// Opens a socket that takes datagrams from this address alone: the kernel drops those of
    /// others.
    ///
    /// All is over at `deadline`. If that leaves less than the first two waits of BEP 15, which are
    /// three times [`FIRST_WAIT`], these are shortened, so that one lost datagram is no failure.
    ///
    /// # Errors
    ///
    /// [`Failure::System`] if there is no way to the address.
    pub fn open(address: SocketAddr, deadline: Deadline) -> Result<Self, Failure> {
        let any: IpAddr = match address {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = UdpSocket::bind((any, 0))?;
        socket.connect(address)?;
        Ok(Self {
            socket,
            deadline,
            first_wait: FIRST_WAIT.min(deadline.left()? / 3),
            connection: None,
            others: 0,
        })
    }

    /// Asks for a connection id alone.
    ///
    /// # Errors
    ///
    /// As [`ask`](Self::ask).
    pub fn connect(&mut self) -> Result<(), Failure> {
        self.connection = None;
        let answer = self.repeat(Action::Connect, |_, transaction| {
            packets::emit_connect(transaction)
        })?;
        self.take_connection(&answer.unwrap_or_default())
    }

    /// Asks, with a connection id that is fresh enough. `emit` makes the request from a connection
    /// id and a transaction's number, `parse` reads what stands behind the answer's head.
    ///
    /// # Errors
    ///
    /// [`Failure`]: the tracker refused, it answered nonsense, or the time is over.
    pub fn ask<T>(
        &mut self,
        action: Action,
        emit: impl Fn(u64, u32) -> Vec<u8>,
        parse: impl Fn(&[u8]) -> Result<T, &'static str>,
    ) -> Result<Timed<T>, Failure> {
        loop {
            if self.fresh().is_none() {
                self.connect()?;
            }
            let asked = Instant::now();
            // None if the connection id became too old while nothing came.
            if let Some(answer) = self.repeat(action, &emit)? {
                let took = asked.elapsed();
                return Ok(Timed(parse(&answer).map_err(Failure::Nonsense)?, took));
            }
        }
    }

    /// The connection id, if it is good for a while.
    fn fresh(&self) -> Option<u64> {
        let (connection, since) = self.connection?;
        (since.elapsed() < CONNECTION_LIFE).then_some(connection)
    }

    fn take_connection(&mut self, answer: &[u8]) -> Result<(), Failure> {
        let connection = packets::parse_connect(answer).map_err(Failure::Nonsense)?;
        self.connection = Some((connection, Instant::now()));
        Ok(())
    }

    /// Sends a request until its answer comes, and returns what stands behind the answer's head;
    /// `None` if a connection id is needed and too old.
    fn repeat(
        &mut self,
        action: Action,
        emit: impl Fn(u64, u32) -> Vec<u8>,
    ) -> Result<Option<Vec<u8>>, Failure> {
        let transaction = random::number()?;
        for doublings in (0..=MOST_DOUBLINGS).chain(core::iter::repeat(MOST_DOUBLINGS)) {
            let connection = match (action, self.fresh()) {
                (Action::Connect, _) => 0,
                (_, Some(connection)) => connection,
                (_, None) => return Ok(None),
            };
            let packet = emit(connection, transaction);
            let sent = self.socket.send(&packet)?;
            if sent != packet.len() {
                return Err(Failure::Nonsense("a request that didn't go out whole"));
            }
            let wait = Deadline::after(self.first_wait.saturating_mul(1 << doublings));
            if let Some(answer) = self.receive(action, transaction, wait)? {
                return Ok(Some(answer));
            }
        }
        Err(Failure::TimedOut(self.others))
    }

    /// Waits for the answer; `None` when `wait` is over.
    fn receive(
        &mut self,
        action: Action,
        transaction: u32,
        wait: Deadline,
    ) -> Result<Option<Vec<u8>>, Failure> {
        let mut buffer = vec![0; packets::MOST_BYTES];
        loop {
            let left = self.deadline.left();
            let left = left.map_err(|_| Failure::TimedOut(self.others))?;
            let Ok(wait) = wait.left() else {
                return Ok(None);
            };
            self.socket.set_read_timeout(Some(wait.min(left)))?;
            let length = match self.socket.recv(&mut buffer).map_err(Failure::from) {
                Ok(length) => length,
                // Or interrupted: the time tells.
                Err(Failure::TimedOut(_)) => continue,
                Err(Failure::System(error)) if error.kind() == std::io::ErrorKind::Interrupted => {
                    continue;
                }
                Err(failure) => return Err(failure),
            };
            let datagram = buffer.get(..length).unwrap_or_default();
            match Reply::parse(datagram, action, transaction) {
                Reply::Answer(answer) => return Ok(Some(answer.to_vec())),
                Reply::Refused(words) => return Err(Failure::Refused(words.to_vec())),
                Reply::Wrong => {
                    return Err(Failure::Nonsense("an answer to something else"));
                }
                Reply::Other => self.others = self.others.saturating_add(1),
            }
        }
    }
}
