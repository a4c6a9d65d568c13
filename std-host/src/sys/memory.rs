//! Memory straight from the kernel: reserved now, resident when it is first written.

use core::ffi::c_void;
use core::ptr::{self, NonNull};
use std::io;

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};

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
    // SAFETY: the mapping is `bytes` long, aligned to a page, readable, writable and zero, nobody
    // else has it, and nothing ever unmaps it. All bit patterns are words.
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

/// Zero bytes from the kernel, given back when dropped. The address stays the same wherever the
/// value is moved.
#[derive(Debug)]
pub struct Region {
    start: NonNull<u8>,
    bytes: usize,
}

impl Region {
    /// Reserves `bytes` zero bytes.
    ///
    /// # Errors
    ///
    /// The kernel's, if it does not have that much to promise.
    pub fn new(bytes: usize) -> io::Result<Self> {
        // An empty mapping is an error to the kernel; an unused byte costs nothing.
        let start = map(bytes.max(1))?;
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { start, bytes })
    }

    /// Where it starts. The pointer reaches all of it, and holds beside the slices below as long as
    /// those aren't used after it.
    pub const fn start(&self) -> *mut u8 {
        self.start.as_ptr()
    }

    /// Its bytes.
    pub const fn bytes(&self) -> &[u8] {
        // SAFETY: the mapping is readable, that long, and ours until it is dropped.
        unsafe { core::slice::from_raw_parts(self.start.as_ptr(), self.bytes) }
    }

    /// Its bytes, to be changed.
    pub const fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: the mapping is writable, that long, and ours alone until it is dropped.
        unsafe { core::slice::from_raw_parts_mut(self.start.as_ptr(), self.bytes) }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: it was mapped with this length, and with the value its last user is gone.
        let _ = unsafe { munmap(self.start.as_ptr().cast(), self.bytes.max(1)) };
    }
}

fn map(bytes: usize) -> io::Result<*mut c_void> {
    let (access, kind) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
    // SAFETY: a new anonymous mapping at an address of the kernel's choice touches no memory that
    // anybody has.
    let start = unsafe { mmap_anonymous(ptr::null_mut(), bytes, access, kind) }?;
    // Miri knows no such advice.
    if !cfg!(miri) {
        small_pages(start, bytes);
    }
    Ok(start)
}

/// Asks for small pages, so that one torrent doesn't make 2 MiB resident. A kernel without large
/// ones refuses: fine.
fn small_pages(start: *mut c_void, bytes: usize) {
    // SAFETY: the advice changes how the pages are backed, never what they hold.
    let _ = unsafe { madvise(start, bytes, Advice::LinuxNoHugepage) };
}

#[cfg(test)]
mod tests {
    use super::{Region, reserve_bytes, reserve_words};

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
    fn a_region_keeps_its_bytes_when_it_is_moved() {
        let mut region = Region::new(10_000).expect("10 kB");
        let start = region.start();
        region.bytes_mut()[9_999] = 7;
        let moved = Box::new(region);
        assert_eq!(
            (moved.start(), moved.bytes().len(), moved.bytes()[9_999]),
            (start, 10_000, 7)
        );
        assert!(Region::new(0).expect("nothing").bytes().is_empty());
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri has less memory to refuse than a kernel")]
    fn what_nobody_has_is_refused() {
        assert!(reserve_words(usize::MAX).is_err());
        assert!(reserve_bytes(usize::MAX / 2).is_err());
        assert!(Region::new(usize::MAX / 2).is_err());
    }
}
