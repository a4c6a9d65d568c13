//! Datagrams of one length to one client that the kernel takes as one message and cuts again (UDP
//! segmentation, Linux 4.18).
//!
//! The way through the kernel's layers is most of what a reply costs, and this goes it once for many.

use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd};
use std::ptr;

use libc::{c_int, cmsghdr, msghdr};

use super::origin::Control;

/// The option and the control message (`linux/udp.h`), which libc has for some C libraries only.
const UDP_SEGMENT: c_int = 103;

/// Most bytes in one message. A driver that takes no scattered memory needs it in one piece, and a
/// larger one than four pages is hard to find on a router that has run for weeks.
const MOST_BYTES: usize = 15_000;

/// What the kernel is told of a message: how long its datagrams are, and from which address they go.
///
/// What comes first is always there; the address is if requests tell theirs.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
pub(super) struct Told {
    header: cmsghdr,
    length: u16,
    address: Control,
    /// How much of the address is there.
    bytes: ControlLength,
}

/// The type of `msg_controllen`, which differs from one C library to the other.
#[cfg(target_env = "musl")]
type ControlLength = libc::socklen_t;
#[cfg(not(target_env = "musl"))]
type ControlLength = libc::size_t;

// SAFETY: CMSG_SPACE and CMSG_LEN only compute.
const SPACE: usize = unsafe { libc::CMSG_SPACE(size_of::<u16>() as u32) } as usize;
// SAFETY: as above.
const LENGTH: usize = unsafe { libc::CMSG_LEN(size_of::<u16>() as u32) } as usize;
const _: () = assert!(core::mem::offset_of!(Told, address) == SPACE);

impl Told {
    pub(super) const EMPTY: Self = Self {
        header: Control::EMPTY.header,
        length: 0,
        address: Control::EMPTY,
        bytes: 0,
    };

    /// What is told of datagrams of `length` bytes, along with the first `bytes` of an address.
    /// Returns how many bytes of this are to be told.
    fn set(&mut self, length: u16, address: Option<(Control, usize)>) -> usize {
        self.header.cmsg_len = LENGTH as _;
        self.header.cmsg_level = libc::SOL_UDP;
        self.header.cmsg_type = UDP_SEGMENT;
        self.length = length;
        let (address, bytes) = address.unwrap_or((Control::EMPTY, 0));
        self.address = address;
        self.bytes = bytes as _;
        SPACE + bytes
    }

    /// What it tells: the length and the address.
    #[cfg(test)]
    pub(super) const fn parts(&self) -> (u16, [u32; 5]) {
        (self.length, self.address.data)
    }

    /// The address alone, for a message with one datagram.
    pub(super) fn address(&mut self) -> (*mut libc::c_void, ControlLength) {
        if self.bytes == 0 {
            return (ptr::null_mut(), 0);
        }
        (ptr::from_mut(&mut self.address).cast(), self.bytes)
    }
}

/// The message that was staged last, as long as more may join it.
pub(super) struct Run {
    /// Its first datagram replies to the one received with this number.
    pub(super) input: usize,
    /// Bytes of each of its datagrams.
    length: usize,
    /// Bytes of all of them.
    bytes: usize,
    /// Bytes of what is told of its address.
    control: usize,
}

impl Run {
    pub(super) const fn new(input: usize, length: usize, control: usize) -> Self {
        Self {
            input,
            length,
            bytes: length,
            control,
        }
    }

    /// Whether a datagram joins that goes to the same client from the same address. None is joined
    /// behind one that is shorter: the kernel takes that for the last.
    pub(super) fn takes(&self, length: usize, control: usize) -> bool {
        length == self.length
            && control == self.control
            && self.bytes.saturating_add(length) <= MOST_BYTES
    }

    /// Adds a datagram to the message.
    pub(super) fn add(&mut self, message: &mut msghdr, told: &mut Told, address: &Control) {
        self.bytes = self.bytes.saturating_add(self.length);
        message.msg_iovlen += 1;
        if message.msg_iovlen == 2 {
            let address = (self.control > 0).then_some((*address, self.control));
            // What takes part is no longer than `MOST_BYTES`.
            let length = u16::try_from(self.length).unwrap_or(u16::MAX);
            message.msg_controllen = told.set(length, address) as _;
            message.msg_control = ptr::from_mut(told).cast();
        }
    }
}

/// Whether the kernel knows of segmentation, and does it: a datagram of two is sent to ourselves.
///
/// One that doesn't know it would send all datagrams of a message as one, and emulators lose on the
/// way what they don't know, whatever the kernel beneath them says.
pub(super) fn known(socket: BorrowedFd<'_>) -> bool {
    is_an_option(socket) && cuts().unwrap_or(false)
}

fn cuts() -> io::Result<bool> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.connect(socket.local_addr()?)?;
    socket.set_nonblocking(true)?;
    let mut told = Told::EMPTY;
    let control = told.set(1, None);
    let mut vector = libc::iovec {
        iov_base: c"ab".as_ptr().cast_mut().cast(),
        iov_len: 2,
    };
    let mut message = super::empty_header().msg_hdr;
    message.msg_iov = &raw mut vector;
    message.msg_iovlen = 1;
    message.msg_control = (&raw mut told).cast();
    message.msg_controllen = control as _;
    send(socket.as_fd(), &message)?;
    let mut bytes = [0; 4];
    let first = socket.recv(&mut bytes)?;
    Ok(first == 1 && socket.recv(&mut bytes)? == 1)
}

fn send(socket: BorrowedFd<'_>, message: &msghdr) -> io::Result<()> {
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: the message points to a vector and a control message that the caller still has, and is
    // only read.
    match unsafe { libc::sendmsg(socket.as_raw_fd(), message, flags as _) } {
        0.. => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn is_an_option(socket: BorrowedFd<'_>) -> bool {
    let mut value: c_int = 0;
    let mut size = size_of::<c_int>() as libc::socklen_t;
    // SAFETY: value and size are an int and its size, and live through the call.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_UDP,
            UDP_SEGMENT,
            (&raw mut value).cast(),
            &raw mut size,
        )
    };
    result == 0
}
