//! Memory straight from the kernel: reserved now, resident when it is first written.

use core::ffi::c_void;
use core::ptr;
use std::io;

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous};

/// Reserves `count` words of zeros, which are never given back.
///
/// A page of them becomes resident when something is written to it, not before.
///
/// # Errors
///
/// The kernel's, if it does not have that much to promise.
pub fn reserve_words(count: usize) -> io::Result<&'static mut [u32]> {
    let bytes = count
        .checked_mul(size_of::<u32>())
        .ok_or(io::ErrorKind::OutOfMemory)?;
    if bytes == 0 {
        return Ok(&mut []);
    }
    let start = map(bytes)?;
    // SAFETY: the mapping is `bytes` long, aligned to a page, readable, writable and zero, nobody else has it, and
    // nothing ever unmaps it. All bit patterns are words.
    Ok(unsafe { core::slice::from_raw_parts_mut(start.cast(), count) })
}

/// Reserves `count` zero bytes, otherwise as [`reserve_words`].
///
/// # Errors
///
/// The kernel's, if it does not have that much to promise.
pub fn reserve_bytes(count: usize) -> io::Result<&'static mut [u8]> {
    if count == 0 {
        return Ok(&mut []);
    }
    let start = map(count)?;
    // SAFETY: as in `reserve_words`. All bit patterns are bytes.
    Ok(unsafe { core::slice::from_raw_parts_mut(start.cast(), count) })
}

fn map(bytes: usize) -> io::Result<*mut c_void> {
    let (access, kind) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
    // SAFETY: a new anonymous mapping at an address of the kernel's choice touches no memory that anybody has.
    let start = unsafe { mmap_anonymous(ptr::null_mut(), bytes, access, kind) }?;
    small_pages(start, bytes);
    Ok(start)
}

/// Asks for small pages, so that one torrent doesn't make 2 MiB resident. A kernel without large ones refuses: fine.
fn small_pages(start: *mut c_void, bytes: usize) {
    // SAFETY: the advice changes how the pages are backed, never what they hold.
    let _ = unsafe { madvise(start, bytes, Advice::LinuxNoHugepage) };
}

#[cfg(test)]
mod tests {
    use super::{reserve_bytes, reserve_words};

    #[test]
    fn reserved_memory_is_zero_and_writable() {
        let words = reserve_words(100_000).expect("400 kB");
        assert!(words.len() == 100_000 && words.iter().all(|word| *word == 0));
        words.fill(7);
        let bytes = reserve_bytes(1).expect("a byte");
        assert_eq!(bytes, [0]);
        assert!(reserve_bytes(0).expect("nothing").is_empty());
        assert!(words.iter().all(|word| *word == 7));
    }

    #[test]
    fn what_nobody_has_is_refused() {
        assert!(reserve_words(usize::MAX).is_err());
        assert!(reserve_bytes(usize::MAX / 2).is_err());
    }
}
