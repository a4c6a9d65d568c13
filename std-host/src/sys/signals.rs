//! Signals as readable events: they are blocked, and a file descriptor tells of them.

use core::mem::MaybeUninit;
use core::ptr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd as _, OwnedFd};

/// What a signal asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Request {
    /// SIGINT or SIGTERM: end.
    End,
    /// SIGHUP: read again what can be read again.
    Reload,
}

/// The signals that the program handles. They stay blocked when this is dropped.
///
/// Those that people and programs send by mistake and that would end the program are blocked as
/// well, and nothing tells of them: SIGPIPE, SIGALRM, SIGUSR1 and SIGUSR2. A tracker's swarms are
/// only in memory.
#[derive(Debug)]
pub struct Signals(OwnedFd);

impl Signals {
    /// Blocks the signals in this thread, and in those that it starts, and opens the descriptor
    /// that tells of them.
    ///
    /// # Errors
    ///
    /// The kernel's, for want of descriptors.
    pub fn take() -> io::Result<Self> {
        block(&set_of(&HARMLESS))?;
        let set = set_of(&[libc::SIGINT, libc::SIGTERM, libc::SIGHUP]);
        block(&set)?;
        signalfd(&set).map(Self)
    }

    /// The next request, or `None` if there is none at the moment.
    ///
    /// # Errors
    ///
    /// The kernel's; there is none that could happen.
    pub fn next(&self) -> io::Result<Option<Request>> {
        let mut record = [0; size_of::<libc::signalfd_siginfo>()];
        match rustix::io::read(&self.0, &mut record) {
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => Ok(None),
            Err(error) => Err(error.into()),
            // The record starts with the number of the signal (signalfd(2)).
            Ok(_) => match record
                .first_chunk()
                .map(|number| u32::from_ne_bytes(*number))
            {
                Some(number) if number == libc::SIGHUP as u32 => Ok(Some(Request::Reload)),
                _ => Ok(Some(Request::End)),
            },
        }
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Signals that shall do nothing.
const HARMLESS: [i32; 4] = [libc::SIGPIPE, libc::SIGALRM, libc::SIGUSR1, libc::SIGUSR2];

fn set_of(signals: &[i32]) -> libc::sigset_t {
    let mut set = empty_set();
    for signal in signals {
        add(&mut set, *signal);
    }
    set
}

fn empty_set() -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: `set` is writable and as large as a set.
    unsafe { libc::sigemptyset(set.as_mut_ptr()) };
    // SAFETY: sigemptyset has initialised it; it has no other errors.
    unsafe { set.assume_init() }
}

fn add(set: &mut libc::sigset_t, signal: i32) {
    // SAFETY: `set` is an initialised set; a signal that does not exist would only be refused.
    unsafe { libc::sigaddset(set, signal) };
}

fn block(set: &libc::sigset_t) -> io::Result<()> {
    // SAFETY: the set is initialised, and no old one is wanted.
    match unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, set, ptr::null_mut()) } {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

fn signalfd(set: &libc::sigset_t) -> io::Result<OwnedFd> {
    // SAFETY: the set is initialised; -1 asks for a new descriptor.
    let descriptor = unsafe { libc::signalfd(-1, set, libc::SFD_NONBLOCK | libc::SFD_CLOEXEC) };
    if descriptor < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is new, and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}
