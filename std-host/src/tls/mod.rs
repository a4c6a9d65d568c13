//! TLS on connections: [`rustls`] between a socket and the core.
//!
//! A session takes what came from the socket and gives what the client said, and the other way
//! round. It does no I/O of its own beyond one connection's socket, and rustls does none at all.
//!
//! rustls allocates: for each session some kibibytes at its start, which stay, and for each record
//! what is in it, which goes at once. So the rule that nothing is allocated per request does not
//! hold here, but a bound does: there are at most as many sessions as the plan says, each takes
//! [`BYTES_PER_SESSION`] at rest, and what they hold beyond that (records that have not come whole,
//! requests that wait, replies that the client does not take) is counted together and bounded by the
//! plan. When it is more, who holds most is disconnected.

mod credentials;
mod session;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use wrtracker_core::time::Secs;

pub use self::credentials::{CannotUse, Credentials};
use self::session::LARGEST_RECORD;
pub(crate) use self::session::Session;
use crate::plan::Plan;
use crate::sys::memory::reserve_bytes;

/// Bytes of memory that a session takes at rest, after its handshake or in the midst of it.
/// Measured, with room to spare: 3.5 KiB with TLS 1.3 or 1.2, and 4.1 KiB while a handshake is under
/// way.
pub(crate) const BYTES_PER_SESSION: usize = 8 << 10;

/// Bytes that a session can hold beyond that: a record that has come and another in part, and what
/// the client does not take.
pub(crate) const MOST_HELD: usize = 2 * LARGEST_RECORD + (16 << 10);

/// Bytes of memory that all sessions share.
pub(crate) const SCRATCH_BYTES: usize = INCOMING + FIXED;

/// Most bytes read from a socket at a time.
const INPUT: usize = 4096;

/// Room for a record that has come in part, and for what is read next.
const INCOMING: usize = LARGEST_RECORD + INPUT;

/// What rustls and the certificate take once, and what it takes for a record for as long as it
/// handles it.
const FIXED: usize = 64 << 10;

/// What sessions need: the certificate, and what bounds them.
pub(crate) struct Tls {
    credentials: Option<Credentials>,
    /// For what comes from a socket; of no meaning between calls.
    incoming: &'static mut [u8],
    bounds: Arc<Bounds>,
}

/// How many sessions there are, and how much they hold.
#[derive(Debug)]
struct Bounds {
    sessions: AtomicUsize,
    most_sessions: usize,
    /// Bytes.
    held: AtomicUsize,
    most_held: usize,
}

impl Tls {
    /// Room for the sessions that `plan` allows.
    ///
    /// # Errors
    ///
    /// The kernel's, for want of memory.
    pub(crate) fn new(plan: &Plan) -> io::Result<Self> {
        let incoming = if plan.sessions > 0 { INCOMING } else { 0 };
        Ok(Self {
            credentials: None,
            incoming: reserve_bytes(incoming)?,
            bounds: Arc::new(Bounds {
                sessions: AtomicUsize::new(0),
                most_sessions: plan.sessions,
                held: AtomicUsize::new(0),
                most_held: plan.session_bytes,
            }),
        })
    }

    /// Takes this certificate for sessions that begin from now on.
    pub(crate) fn set_credentials(&mut self, credentials: Credentials) {
        self.credentials = Some(credentials);
    }

    /// Whether another session can't begin before one ends.
    pub(crate) fn is_full(&self) -> bool {
        self.bounds.sessions.load(Ordering::Relaxed) >= self.bounds.most_sessions
    }

    /// Begins a session; `None` if there are too many, or no certificate.
    pub(crate) fn open(&self, now: Secs) -> Option<Session> {
        if self.is_full() {
            return None;
        }
        Session::new(self.credentials.as_ref()?, &self.bounds, now)
    }
}
