//! One connection's TLS.

use core::mem::take;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncodeTlsData, InsufficientSizeError, UnbufferedStatus,
};
use wrtracker_core::time::Secs;

use crate::tcp::Step;

use super::{Bounds, Credentials, INPUT, Tls};

/// Most bytes of a record, its head included: 16 KiB of text, and what TLS 1.2 lets a cipher add
/// (RFC 5246 section 6.2.3).
pub(super) const LARGEST_RECORD: usize = 5 + (16 << 10) + (2 << 10);

/// Most bytes that a handshake may take of a client: some times what any sends that has no
/// certificate to show.
const LARGEST_HANDSHAKE: usize = 16 << 10;

/// More than a record adds to what is in it.
const OVERHEAD: usize = 256;

/// A session. What it holds is given back when it is dropped.
pub(crate) struct Session(Box<Inner>);

struct Inner {
    tls: UnbufferedServerConnection,
    bounds: Arc<Bounds>,
    /// What came of a record that isn't complete.
    incoming: Vec<u8>,
    /// What the client said and the core has not taken yet, up to here.
    plain: Vec<u8>,
    taken: usize,
    /// What the socket did not take yet.
    outgoing: Vec<u8>,
    /// Bytes that came before the handshake was done.
    handshake: usize,
    /// When the client last said something.
    last: Secs,
    /// The client says no more.
    ended: bool,
    /// We say no more.
    leaving: bool,
    /// Nothing can be said or understood any more.
    failed: bool,
    /// Bytes of the above that `bounds` knows of.
    counted: usize,
}

/// What a session is to say.
#[derive(Clone, Copy)]
enum Say<'s> {
    Nothing,
    Text(&'s [u8]),
    Goodbye,
}

/// The other side doesn't follow the protocol, or the session is over.
struct Failed;

impl Drop for Session {
    fn drop(&mut self) {
        let Inner {
            bounds, counted, ..
        } = &*self.0;
        bounds.held.fetch_sub(*counted, Ordering::Relaxed);
        bounds.sessions.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Session {
    /// Begins one; `None` if rustls can't, for want of random numbers.
    pub(super) fn new(credentials: &Credentials, bounds: &Arc<Bounds>, now: Secs) -> Option<Self> {
        let tls = UnbufferedServerConnection::new(Arc::clone(&credentials.config)).ok()?;
        bounds.sessions.fetch_add(1, Ordering::Relaxed);
        Some(Self(Box::new(Inner {
            tls,
            bounds: Arc::clone(bounds),
            incoming: Vec::new(),
            plain: Vec::new(),
            taken: 0,
            outgoing: Vec::new(),
            handshake: 0,
            last: now,
            ended: false,
            leaving: false,
            failed: false,
            counted: 0,
        })))
    }

    /// When the client last said something.
    pub(crate) fn last(&self) -> Secs {
        self.0.last
    }

    /// Bytes that it held when that was last entered.
    pub(crate) fn held(&self) -> usize {
        self.0.counted
    }

    /// Whether the socket must take more before anything else can be sent.
    pub(crate) fn has_unsent(&self) -> bool {
        !self.0.outgoing.is_empty()
    }

    /// Whether [`read`](Self::read) brings something whatever the socket has.
    pub(crate) fn has_input(&self) -> bool {
        self.0.ended || !self.0.plain.is_empty()
    }

    /// Enters what is held now. False if that is more than all sessions together may hold.
    pub(crate) fn is_within_budget(&mut self) -> bool {
        let inner = &mut *self.0;
        let held = inner.incoming.capacity() + inner.plain.capacity() + inner.outgoing.capacity();
        let all = &inner.bounds.held;
        if held >= inner.counted {
            all.fetch_add(held - inner.counted, Ordering::Relaxed);
        } else {
            all.fetch_sub(inner.counted - held, Ordering::Relaxed);
        }
        inner.counted = held;
        held == 0 || all.load(Ordering::Relaxed) <= inner.bounds.most_held
    }

    /// Reads once from the socket, unless there is input that was not taken, and fills `input` with
    /// what the client said: so many bytes, or what is to be done as there are none.
    pub(crate) fn read(
        &mut self,
        socket: &OwnedFd,
        shared: &mut Tls,
        input: &mut [u8],
        now: Secs,
    ) -> Result<usize, Step> {
        let inner = &mut *self.0;
        if inner.plain.is_empty() {
            if inner.ended {
                return Err(Step::Linger);
            }
            let kept = inner.incoming.len();
            let Some(place) = shared.incoming.get_mut(kept..kept + INPUT) else {
                return Err(Step::Close);
            };
            let count = match recv(socket, place, RecvFlags::DONTWAIT) {
                // The end without a word: whatever is unsent has been lost.
                Ok((_, 0)) => return Err(Step::Close),
                Ok((_, count)) => count,
                Err(Errno::AGAIN | Errno::INTR) => return Err(Step::Wait),
                Err(_) => return Err(Step::Close),
            };
            inner.last = now;
            let Some(all) = shared.incoming.get_mut(..kept + count) else {
                return Err(Step::Close);
            };
            if let Some(front) = all.get_mut(..kept) {
                front.copy_from_slice(&inner.incoming);
            }
            if inner.tls.is_handshaking() {
                inner.handshake += count;
            }
            match inner.advance(all, Say::Nothing) {
                Ok(done) => inner.incoming = all.get(done..).unwrap_or_default().to_vec(),
                Err(Failed) => inner.fail(),
            }
            let waits = inner.incoming.len();
            let shakes = inner.tls.is_handshaking() && inner.handshake > LARGEST_HANDSHAKE;
            if shakes || waits > LARGEST_RECORD {
                inner.fail();
            }
            if inner.flush(socket).is_none() {
                return Err(Step::Close);
            }
        }
        let rest = inner.plain.get(inner.taken..).unwrap_or_default();
        let count = rest.len().min(input.len());
        if let (Some(to), Some(from)) = (input.get_mut(..count), rest.get(..count)) {
            to.copy_from_slice(from);
        }
        inner.taken += count;
        if inner.taken >= inner.plain.len() {
            inner.plain = Vec::new();
            inner.taken = 0;
        }
        match count {
            0 if inner.ended => Err(Step::Linger),
            0 => Err(Step::Wait),
            _ => Ok(count),
        }
    }

    /// Sends bytes, and returns how many of them are sent or held here; `None` if the connection is
    /// broken.
    pub(crate) fn put(&mut self, socket: &OwnedFd, bytes: &[u8]) -> Option<usize> {
        let inner = &mut *self.0;
        if !inner.flush(socket)? {
            return Some(0);
        }
        if inner.tls.is_handshaking() || inner.say(Say::Text(bytes)).is_err() {
            inner.fail();
            return None;
        }
        inner.flush(socket)?;
        Some(bytes.len())
    }

    /// Sends what is held. Whether all is gone; `None` if the connection is broken.
    pub(crate) fn flush(&mut self, socket: &OwnedFd) -> Option<bool> {
        self.0.flush(socket)
    }

    /// Whether nothing is to be said after what is held.
    pub(crate) fn has_said_goodbye(&self) -> bool {
        self.0.leaving
    }

    /// Makes the last words, to be flushed, if there was a handshake at all.
    pub(crate) fn say_goodbye(&mut self) {
        if self.has_said_goodbye() {
            return;
        }
        self.0.leaving = true;
        let _ = self.0.say(Say::Goodbye);
    }
}

impl Inner {
    /// Appends something to what is to be sent.
    fn say(&mut self, what: Say<'_>) -> Result<(), Failed> {
        let mut kept = take(&mut self.incoming);
        let done = self.advance(&mut kept, what)?;
        kept.drain(..done);
        self.incoming = kept;
        Ok(())
    }

    /// Deals with `bytes`, which are what the last call left and what came since, and then says
    /// something, if the session is so far. Returns how many bytes are dealt with.
    ///
    /// rustls knows where in these bytes a message begins that has come in part: it panics if they
    /// are not there the next time, and so nothing else calls it.
    fn advance(&mut self, bytes: &mut [u8], what: Say<'_>) -> Result<usize, Failed> {
        if self.failed {
            return Err(Failed);
        }
        let mut start = 0;
        loop {
            let rest = bytes.get_mut(start..).unwrap_or_default();
            let UnbufferedStatus { discard, state, .. } = self.tls.process_tls_records(rest);
            start += discard;
            let Ok(state) = state else {
                // Why, for the client: that comes before anything is looked at.
                let rest = bytes.get_mut(start..).unwrap_or_default();
                let status = self.tls.process_tls_records(rest);
                if let Ok(ConnectionState::EncodeTlsData(data)) = status.state {
                    encode(data, &mut self.outgoing)?;
                }
                return Err(Failed);
            };
            match state {
                ConnectionState::ReadTraffic(mut traffic) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record.map_err(|_| Failed)?;
                        self.plain.extend_from_slice(record.payload);
                        start += record.discard;
                    }
                }
                ConnectionState::EncodeTlsData(data) => encode(data, &mut self.outgoing)?,
                // What is to be sent is sent in order, now or later.
                ConnectionState::TransmitTlsData(data) => data.done(),
                ConnectionState::PeerClosed => self.ended = true,
                ConnectionState::Closed => {
                    self.ended = true;
                    return Ok(start);
                }
                ConnectionState::BlockedHandshake => return Ok(start),
                ConnectionState::WriteTraffic(mut writer) => {
                    let outgoing = &mut self.outgoing;
                    match what {
                        Say::Nothing => {}
                        Say::Text(text) => {
                            let most = text.len() + OVERHEAD;
                            append(outgoing, most, |to| writer.encrypt(text, to))?;
                        }
                        Say::Goodbye => {
                            append(outgoing, OVERHEAD, |to| writer.queue_close_notify(to))?;
                        }
                    }
                    return Ok(start);
                }
                _ => return Err(Failed),
            }
        }
    }

    /// There is no more to be had of this session.
    fn fail(&mut self) {
        self.failed = true;
        self.ended = true;
        self.plain = Vec::new();
        self.taken = 0;
        self.incoming = Vec::new();
    }

    fn flush(&mut self, socket: &OwnedFd) -> Option<bool> {
        if self.outgoing.is_empty() {
            return Some(true);
        }
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        let count = match send(socket, &self.outgoing, flags) {
            Ok(count) => count,
            Err(Errno::AGAIN | Errno::INTR) => 0,
            Err(_) => return None,
        };
        if count >= self.outgoing.len() {
            self.outgoing = Vec::new();
            return Some(true);
        }
        if count > 0 {
            // In a piece of its own size, so that what is gone counts no more.
            self.outgoing = self.outgoing.get(count..).unwrap_or_default().to_vec();
        }
        Some(false)
    }
}

/// Appends what rustls has to say to `outgoing`.
fn encode(
    mut data: EncodeTlsData<'_, ServerConnectionData>,
    outgoing: &mut Vec<u8>,
) -> Result<(), Failed> {
    match data.encode(&mut []) {
        Err(EncodeError::InsufficientSize(InsufficientSizeError { required_size })) => {
            append(outgoing, required_size, |to| data.encode(to))
        }
        Ok(_) => Ok(()),
        Err(_) => Err(Failed),
    }
}

/// Appends at most `most` bytes to `outgoing`.
fn append<E>(
    outgoing: &mut Vec<u8>,
    most: usize,
    fill: impl FnOnce(&mut [u8]) -> Result<usize, E>,
) -> Result<(), Failed> {
    let before = outgoing.len();
    outgoing.reserve_exact(most);
    outgoing.resize(before + most, 0);
    let count = fill(outgoing.get_mut(before..).unwrap_or_default());
    outgoing.truncate(before + count.as_ref().copied().unwrap_or(0));
    count.map(drop).map_err(|_| Failed)
}
