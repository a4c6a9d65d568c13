//! Memory straight from the kernel: reserved now, resident when it is first written.

use core::ffi::c_void;
use core::mem::MaybeUninit;
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

/// Reserves room for `count` values of any type, which alone knows whether zeros are one of them.
/// Otherwise as [`reserve_words`].
///
/// # Errors
///
/// The kernel's, if it does not have that much to promise.
pub(super) fn reserve<T>(count: usize) -> io::Result<&'static mut [MaybeUninit<T>]> {
    const {
        assert!(
            size_of::<T>() > 0 && align_of::<T>() <= 4096,
            "a page has such"
        );
    };
    let bytes = count
        .checked_mul(size_of::<T>())
        .ok_or(io::ErrorKind::OutOfMemory)?;
    if bytes == 0 {
        return Ok(&mut []);
    }
    let start = map(bytes)?;
    // SAFETY: as in `reserve_words`, and these need not be values yet.
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

/// Where memory that is never unmapped lies, so that pages of it can be given back and still be
/// used.
#[derive(Debug)]
pub struct Reserved {
    start: usize,
    bytes: usize,
}

/// Reserves `count` words of 8 bytes, otherwise as [`reserve_words`], and tells what can give their
/// pages back.
///
/// # Errors
///
/// The kernel's, if it does not have that much to promise.
pub fn reserve_longs(count: usize) -> io::Result<(&'static mut [u64], Reserved)> {
    let bytes = count
        .checked_mul(size_of::<u64>())
        .ok_or(io::ErrorKind::OutOfMemory)?;
    if bytes == 0 {
        let nothing = Reserved { start: 0, bytes: 0 };
        return Ok((&mut [], nothing));
    }
    let start = map(bytes)?;
    let reserved = Reserved {
        start: start.addr(),
        bytes,
    };
    // SAFETY: as in `reserve_words`. All bit patterns are words.
    let words = unsafe { core::slice::from_raw_parts_mut(start.cast(), count) };
    Ok((words, reserved))
}

impl Reserved {
    /// Makes the words all zero. The pages that have nothing else in them aren't resident any more
    /// until something is written to them again.
    ///
    /// Words from elsewhere are made zero too, and stay resident.
    pub fn clear(&self, words: &mut [u64]) {
        let start = words.as_ptr().addr();
        let end = start + size_of_val(words);
        let ours = start >= self.start && end <= self.start + self.bytes;
        let page = page_size();
        let skipped = start.next_multiple_of(page) - start;
        let whole = (end - end % page).saturating_sub(start + skipped);
        // Miri knows no such advice.
        if !ours || whole == 0 || cfg!(miri) {
            return words.fill(0);
        }
        // Pages are a multiple of a word, and both are powers of two.
        let (before, rest) = words.split_at_mut(skipped / size_of::<u64>());
        let (pages, behind) = rest.split_at_mut(whole / size_of::<u64>());
        before.fill(0);
        behind.fill(0);
        let start = pages.as_mut_ptr().cast();
        // SAFETY: these are whole pages of a private anonymous mapping that stays, borrowed for
        // nobody but us; they hold zeros when they are next read, and zeros are words.
        if unsafe { madvise(start, whole, Advice::LinuxDontNeed) }.is_err() {
            pages.fill(0);
        }
    }
}

/// Bytes in a page, a power of two.
fn page_size() -> usize {
    // SAFETY: it only asks for a number.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(size).unwrap_or(64 << 10)
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
    // No slice may be longer, though 32-bit kernels may have it.
    isize::try_from(bytes).map_err(|_| io::ErrorKind::OutOfMemory)?;
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
    use super::{Region, page_size, reserve_bytes, reserve_longs, reserve_words};

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
    fn words_are_cleared_wherever_they_begin_and_their_neighbours_stay() {
        let page = page_size() / 8;
        let (words, reserved) = reserve_longs(4 * page).expect("four pages");
        for (start, end) in [
            (0, 4 * page),
            (0, page),
            (1, 3),
            (page - 1, page + 1),
            (5, 3 * page + 7),
            (page, 3 * page),
            (page + 1, 2 * page - 1),
            (7, 7),
        ]
        .into_iter()
        .take(if cfg!(miri) { 2 } else { 8 })
        {
            words.fill(7);
            reserved.clear(&mut words[start..end]);
            for (at, word) in words.iter().enumerate() {
                assert_eq!(*word == 0, (start..end).contains(&at), "{start} {end} {at}");
            }
            words[start..end].fill(8);
        }
        let mut elsewhere = vec![7; 3 * page];
        reserved.clear(&mut elsewhere);
        assert!(elsewhere.iter().all(|word| *word == 0));
        let (nothing, reserved) = reserve_longs(0).expect("nothing");
        reserved.clear(nothing);
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
        assert!(reserve_longs(usize::MAX).is_err());
        // What a slice can't have; a 32-bit program may well have half of all addresses.
        let much = usize::MAX / 2 + 1;
        assert!(reserve_bytes(much).is_err());
        assert!(Region::new(much).is_err());
        if cfg!(target_pointer_width = "64") {
            assert!(reserve_bytes(much - 1).is_err());
            assert!(Region::new(much - 1).is_err());
        }
    }
}
