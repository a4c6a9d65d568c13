//! Numbers that nobody can guess: transactions' numbers are what a reply is known by.

use std::io;

use rustix::rand::{GetRandomFlags, getrandom};

/// Fills `bytes`, at most 256.
///
/// # Errors
///
/// The system's word, if it has no random numbers.
pub fn fill(bytes: &mut [u8]) -> io::Result<()> {
    // Up to 256 bytes come whole or not at all (getrandom(2)).
    loop {
        match getrandom(&mut *bytes, GetRandomFlags::empty()) {
            Err(rustix::io::Errno::INTR) => {}
            done => return Ok(done.map(drop)?),
        }
    }
}

/// A number of 32 bits.
///
/// # Errors
///
/// As [`fill`].
pub fn number() -> io::Result<u32> {
    let mut bytes = [0; 4];
    fill(&mut bytes)?;
    Ok(u32::from_be_bytes(bytes))
}
