//! Waiting for the disk while others are served: `fsync` by the kernel's own asynchronous I/O
//! (io_submit(2)), which takes neither a thread nor a library.

use core::ptr::null_mut;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};

/// A file that is on its way to the disk. Dropped, it waits until it is there.
#[derive(Debug)]
pub struct Sync {
    context: Context,
    /// Open as long as the kernel is at work on it.
    _file: OwnedFd,
    done: bool,
}

/// The kernel's number for a queue, which is given back with the value.
#[derive(Debug)]
struct Context(libc::c_ulong);

/// The kernel's `struct iocb`: what is to be done.
#[repr(C)]
#[derive(Default)]
struct Order {
    data: u64,
    /// The kernel writes one half of it, which one depends on the byte order.
    key_and_flags: [u32; 2],
    opcode: u16,
    priority: i16,
    file: u32,
    buffer: u64,
    bytes: u64,
    offset: i64,
    reserved: u64,
    flags: u32,
    event_file: u32,
}

/// The kernel's `struct io_event`: what came of it.
#[repr(C)]
#[derive(Default)]
struct Outcome {
    data: u64,
    order: u64,
    result: i64,
    more: i64,
}

/// `IOCB_CMD_FSYNC`, since Linux 4.18.
const FSYNC: u16 = 2;

impl Sync {
    /// Begins to write a file's bytes, or a folder's names, to the disk.
    ///
    /// # Errors
    ///
    /// The kernel's, if it is too old for this or was built without.
    pub fn begin(file: OwnedFd) -> io::Result<Self> {
        let context = Context::new()?;
        let number = u32::try_from(file.as_raw_fd()).map_err(io::Error::other)?;
        context.submit(&mut Order {
            opcode: FSYNC,
            file: number,
            ..Order::default()
        })?;
        Ok(Self {
            context,
            _file: file,
            done: false,
        })
    }

    /// What came of it, once, if it has come to its end; waits for that if `wait`.
    pub fn poll(&mut self, wait: bool) -> Option<io::Result<()>> {
        if self.done {
            return None;
        }
        let mut outcome = Outcome::default();
        match self.context.next(&mut outcome, wait) {
            Ok(0) => return None,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return None,
            Err(error) => {
                self.done = true;
                return Some(Err(error));
            }
        }
        self.done = true;
        Some(match outcome.result {
            0.. => Ok(()),
            error => Err(io::Error::from_raw_os_error(
                i32::try_from(error.saturating_neg()).unwrap_or(libc::EIO),
            )),
        })
    }
}

impl Context {
    fn new() -> io::Result<Self> {
        let mut context: libc::c_ulong = 0;
        // SAFETY: io_setup(2) writes one number, for which there is room; it must be 0 before.
        let result = unsafe { libc::syscall(libc::SYS_io_setup, 1, &raw mut context) };
        checked(result).map(|_| Self(context))
    }

    fn submit(&self, order: &mut Order) -> io::Result<()> {
        let mut list = [&raw mut *order];
        // SAFETY: the list has one order, which has the layout of the kernel's and names no buffer.
        // The kernel reads both, and writes the key, before the call returns.
        let result = unsafe { libc::syscall(libc::SYS_io_submit, self.0, 1, list.as_mut_ptr()) };
        checked(result).map(drop)
    }

    /// How many outcomes there were: 0 or 1.
    fn next(&self, outcome: &mut Outcome, wait: bool) -> io::Result<libc::c_long> {
        // No time at all, as long as the kernel's number of bits may be.
        let mut at_once = [0u64; 2];
        let timeout = if wait {
            null_mut()
        } else {
            at_once.as_mut_ptr()
        };
        let least = libc::c_long::from(wait);
        let most: libc::c_long = 1;
        let outcome = &raw mut *outcome;
        // SAFETY: there is room for one outcome of the kernel's layout, and no more are asked for;
        // the time is as long as a timespec or null.
        let result = unsafe {
            libc::syscall(
                libc::SYS_io_getevents,
                self.0,
                least,
                most,
                outcome,
                timeout,
            )
        };
        checked(result)
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: the number is of a queue that we made; nobody uses it after this.
        unsafe { libc::syscall(libc::SYS_io_destroy, self.0) };
    }
}

fn checked(result: libc::c_long) -> io::Result<libc::c_long> {
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(result)
}

const _: () = assert!(size_of::<Order>() == 64 && size_of::<Outcome>() == 32);

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::io::Write as _;
    use std::time::{Duration, Instant};

    use super::Sync;

    /// Whether this kernel can; containers and emulators often can't.
    fn begin(file: File) -> Option<Sync> {
        match Sync::begin(file.into()) {
            Ok(sync) => Some(sync),
            Err(error) => {
                eprintln!("skipped: no asynchronous fsync: {error}");
                None
            }
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri has no such system calls")]
    fn files_and_folders_come_to_the_disk() {
        let name = format!("wrtracker-aio-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        for wait in [false, true] {
            let mut file = File::create(&path).unwrap();
            file.write_all(&[7; 100_000]).unwrap();
            let folder = File::open(std::env::temp_dir()).unwrap();
            for file in [file, folder] {
                let Some(mut sync) = begin(file) else { return };
                let deadline = Instant::now() + Duration::from_secs(10);
                let result = loop {
                    if let Some(result) = sync.poll(wait) {
                        break result;
                    }
                    assert!(Instant::now() < deadline);
                };
                result.unwrap();
                assert!(sync.poll(wait).is_none());
            }
        }
        fs::remove_file(path).unwrap();
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri has no such system calls")]
    fn what_has_no_disk_is_an_error() {
        // A socket has nothing to write anywhere.
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        if let Ok(mut sync) = Sync::begin(socket.into()) {
            assert!(sync.poll(true).unwrap().is_err());
        }
    }
}
