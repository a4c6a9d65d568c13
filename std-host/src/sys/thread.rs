//! Threads, by the C library's own.
//!
//! `libc` and not `std::thread`, whose names, hooks, scopes and guard pages would weigh 25 KB on a
//! router. A panic in such a thread ends the program.

use core::ffi::c_void;
use core::mem::MaybeUninit;
use core::ptr;
use std::io;

/// A thread. Dropping it lets the thread run on.
#[derive(Debug)]
pub struct Thread(libc::pthread_t);

/// What a thread does.
type Run = Box<dyn FnOnce() + Send>;

impl Thread {
    /// Starts a thread with so many bytes of stack, at least what the C library needs.
    ///
    /// # Errors
    ///
    /// The kernel's, for want of memory or of threads. `run` is dropped then.
    pub fn start(stack: usize, run: Run) -> io::Result<Self> {
        let attributes = Attributes::new(stack)?;
        let run = Box::into_raw(Box::new(run));
        let mut id = MaybeUninit::uninit();
        // SAFETY: the attributes are initialized; `begin` takes the pointer for what it is, and it
        // alone has it if the thread starts.
        let result = unsafe {
            libc::pthread_create(id.as_mut_ptr(), &raw const attributes.0, begin, run.cast())
        };
        if result != 0 {
            // SAFETY: it came from a box, and no thread has it.
            drop(unsafe { Box::from_raw(run) });
            return Err(io::Error::from_raw_os_error(result));
        }
        // SAFETY: pthread_create succeeded, so it has written the id.
        Ok(Self(unsafe { id.assume_init() }))
    }

    /// Waits until the thread has ended.
    pub fn join(self) {
        // SAFETY: the id is of a thread that was started here and neither joined nor detached. The
        // only error would be that a thread waits for itself.
        let _ = unsafe { libc::pthread_join(self.0, ptr::null_mut()) };
    }
}

extern "C" fn begin(run: *mut c_void) -> *mut c_void {
    // SAFETY: it is what `start` made of a box of this type, and gave away.
    let run = unsafe { Box::from_raw(run.cast::<Run>()) };
    run();
    ptr::null_mut()
}

/// What a thread is started with.
struct Attributes(libc::pthread_attr_t);

impl Attributes {
    fn new(stack: usize) -> io::Result<Self> {
        let mut attributes = MaybeUninit::uninit();
        // SAFETY: there is room for them.
        let result = unsafe { libc::pthread_attr_init(attributes.as_mut_ptr()) };
        if result != 0 {
            return Err(io::Error::from_raw_os_error(result));
        }
        // SAFETY: pthread_attr_init succeeded.
        let mut attributes = Self(unsafe { attributes.assume_init() });
        // SAFETY: they are initialized.
        let result = unsafe { libc::pthread_attr_setstacksize(&raw mut attributes.0, stack) };
        match result {
            0 => Ok(attributes),
            error => Err(io::Error::from_raw_os_error(error)),
        }
    }
}

impl Drop for Attributes {
    fn drop(&mut self) {
        // SAFETY: they are initialized, and nobody uses them afterwards.
        let _ = unsafe { libc::pthread_attr_destroy(&raw mut self.0) };
    }
}

#[cfg(test)]
#[cfg(not(miri))]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::Thread;

    const STACK: usize = 256 << 10;

    #[test]
    fn threads_run_with_what_they_were_given_and_are_waited_for() {
        let sum = Arc::new(AtomicU32::new(0));
        let threads = (1..=5).map(|more| {
            let sum = Arc::clone(&sum);
            let run = move || {
                sum.fetch_add(more, Ordering::Relaxed);
            };
            Thread::start(STACK, Box::new(run)).unwrap()
        });
        let threads: Vec<_> = threads.collect();
        threads.into_iter().for_each(Thread::join);
        assert_eq!(sum.load(Ordering::Relaxed), 15);
        assert_eq!(Arc::strong_count(&sum), 1);
    }

    #[test]
    fn what_can_not_run_is_dropped() {
        let held = Arc::new(());
        let more = Arc::clone(&held);
        // Too little for any C library.
        assert!(Thread::start(1, Box::new(move || drop(more))).is_err());
        assert_eq!(Arc::strong_count(&held), 1);
    }
}
