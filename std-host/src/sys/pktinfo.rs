//! Asking the kernel for the address that each datagram was sent to.

use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd};

use libc::{c_int, c_void, socklen_t};

/// Makes `socket` tell the local address of every datagram that it receives.
///
/// # Errors
///
/// The kernel's, if the socket is of the other family.
pub fn receive(socket: impl AsFd, ipv6: bool) -> io::Result<()> {
    if ipv6 {
        switch_on(socket.as_fd(), libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO)
    } else {
        switch_on(socket.as_fd(), libc::IPPROTO_IP, libc::IP_PKTINFO)
    }
}

fn switch_on(socket: BorrowedFd<'_>, level: c_int, option: c_int) -> io::Result<()> {
    let on: c_int = 1;
    let (value, size) = (
        (&raw const on).cast::<c_void>(),
        size_of::<c_int>() as socklen_t,
    );
    // SAFETY: the value is an int that lives through the call, and its size is given.
    match unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, value, size) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
