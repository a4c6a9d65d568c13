//! Waiting on a socket for the whole of its time-out.

use std::io::{self, ErrorKind};

/// What `wait` brings, which waits with a time-out. Such a wait ends early when the machine was
/// suspended, unlike one without, and is begun again then.
///
/// # Errors
///
/// Any other of `wait`'s.
pub fn whole_wait<T>(mut wait: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match wait() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
