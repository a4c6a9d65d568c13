//! Datagrams by the batch: one system call receives many, one sends many.
//!
//! A server calls [`Batch::receive`], [`Batch::reply`] for each datagram received, and
//! [`Batch::send`]. A client with a connected socket calls [`Batch::push`] for each datagram to
//! send, [`Batch::send`], and [`Batch::receive`] for the answers. Nothing is allocated after
//! [`Batch::new`].
//!
//! `libc` and not `rustix`, which has no `recvmmsg` and whose `sendmmsg` wants its headers built
//! anew for each call.

use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use core::{mem, ptr};
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd};

use libc::{c_int, c_uint, cmsghdr, iovec, mmsghdr, msghdr, sockaddr_in6};

use super::memory::Region;

/// Most bytes of a datagram that are received; of a longer one the rest is lost. No request is half
/// as long.
pub const LARGEST_DATAGRAM: usize = 2048;

/// Buffers for a number of datagrams to receive and as many to send.
pub struct Batch {
    /// Datagrams received by the last call and not yet overwritten: indices below this are valid.
    received: usize,
    /// Datagrams to send so far.
    staged: usize,
    reply_bytes: usize,
    inputs: Region,
    outputs: Region,
    names: Vec<sockaddr_in6>,
    controls: Vec<Control>,
    /// Held for their addresses alone: the headers point to them.
    _input_vectors: Vec<iovec>,
    output_vectors: Vec<iovec>,
    input_headers: Vec<mmsghdr>,
    output_headers: Vec<mmsghdr>,
}

// SAFETY: all pointers in it lead to memory that the batch itself owns and that doesn't move with it;
// none is shared with anything that stays behind in another thread.
unsafe impl Send for Batch {}

/// What became of the datagrams of one [`Batch::send`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sent {
    /// The kernel took these.
    pub sent: usize,
    /// The kernel refused these one by one: no route, a firewall.
    pub refused: usize,
    /// The socket's buffer was full.
    pub dropped: usize,
}

/// A control message with the local address of a datagram (`struct in_pktinfo` or `struct
/// in6_pktinfo`).
///
/// It goes out as it came in, which makes the reply leave from the address that the request came
/// to.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Control {
    header: cmsghdr,
    data: [u32; 5],
}

// What the kernel writes for an in6_pktinfo fills a `Control`, padding at the end included. Its
// alignment is that of a size_t; musl's cmsghdr asks for less on 64-bit machines.
// SAFETY: CMSG_SPACE only computes.
const _: () = assert!(size_of::<Control>() == unsafe { libc::CMSG_SPACE(20) } as usize);

impl Batch {
    /// Buffers for `capacity` datagrams, and for as many replies of up to `reply_bytes` each.
    ///
    /// # Errors
    ///
    /// The kernel's, if it has not enough memory.
    pub fn new(capacity: usize, reply_bytes: usize) -> io::Result<Self> {
        let mut batch = Self {
            received: 0,
            staged: 0,
            reply_bytes,
            inputs: Region::new(capacity * LARGEST_DATAGRAM)?,
            outputs: Region::new(capacity * reply_bytes)?,
            names: vec![empty_name(); capacity],
            controls: vec![empty_control(); capacity],
            _input_vectors: Vec::with_capacity(capacity),
            output_vectors: Vec::with_capacity(capacity),
            input_headers: vec![empty_header(); capacity],
            output_headers: vec![empty_header(); capacity],
        };
        // Zeros that were never written take no memory yet, and none of these vectors ever grows,
        // so the addresses hold as long as the batch does, wherever it is moved to. They are all
        // made from the start of their vector, as one made from an element reaches that element
        // alone.
        let (inputs, outputs) = (batch.inputs.start(), batch.outputs.start());
        let (names, controls) = (batch.names.as_mut_ptr(), batch.controls.as_mut_ptr());
        for nth in 0..capacity {
            batch._input_vectors.push(iovec {
                iov_base: inputs.wrapping_add(nth * LARGEST_DATAGRAM).cast(),
                iov_len: LARGEST_DATAGRAM,
            });
            batch.output_vectors.push(iovec {
                iov_base: outputs.wrapping_add(nth * reply_bytes).cast(),
                iov_len: 0,
            });
        }
        let (input_vectors, output_vectors) = (
            batch._input_vectors.as_mut_ptr(),
            batch.output_vectors.as_mut_ptr(),
        );
        for nth in 0..capacity {
            let input = &mut batch.input_headers[nth].msg_hdr;
            input.msg_name = names.wrapping_add(nth).cast();
            input.msg_iov = input_vectors.wrapping_add(nth);
            input.msg_iovlen = 1;
            input.msg_control = controls.wrapping_add(nth).cast();
            ready(input);
            let output = &mut batch.output_headers[nth].msg_hdr;
            output.msg_iov = output_vectors.wrapping_add(nth);
            output.msg_iovlen = 1;
        }
        Ok(batch)
    }

    /// Bytes of memory that a batch takes for each datagram of its capacity.
    pub const fn bytes_per_datagram(reply_bytes: usize) -> usize {
        LARGEST_DATAGRAM
            + reply_bytes
            + size_of::<sockaddr_in6>()
            + size_of::<Control>()
            + 2 * size_of::<iovec>()
            + 2 * size_of::<mmsghdr>()
    }

    /// Datagrams that one call receives or sends at most.
    pub fn capacity(&self) -> usize {
        self.names.len()
    }

    /// Receives what has arrived, up to the capacity, without waiting, and returns how many. What
    /// the last call received is overwritten, what was not sent yet is forgotten.
    ///
    /// # Errors
    ///
    /// The kernel's. On a connected socket an answer of the network, such as "connection refused",
    /// is one.
    pub fn receive(&mut self, socket: impl AsFd) -> io::Result<usize> {
        for header in self.input_headers.iter_mut().take(self.received) {
            ready(&mut header.msg_hdr);
        }
        (self.received, self.staged) = (0, 0);
        loop {
            match recvmmsg(socket.as_fd(), &mut self.input_headers) {
                Ok(received) => {
                    self.received = received;
                    return Ok(received);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(0),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The datagram with that number of the last [`receive`](Self::receive); empty if there was
    /// none.
    pub fn datagram(&self, nth: usize) -> &[u8] {
        self.len(nth)
            .and_then(|len| {
                self.inputs
                    .bytes()
                    .get(nth * LARGEST_DATAGRAM..)?
                    .get(..len)
            })
            .unwrap_or_default()
    }

    /// Where that datagram came from.
    pub fn source(&self, nth: usize) -> Option<SocketAddr> {
        self.len(nth)?;
        address(self.names.get(nth)?)
    }

    fn len(&self, nth: usize) -> Option<usize> {
        let header = self.input_headers.get(..self.received)?.get(nth)?;
        Some((header.msg_len as usize).min(LARGEST_DATAGRAM))
    }

    /// Has `answer` write the reply to a datagram received, given its source, its bytes and the
    /// room for the reply.
    ///
    /// `answer` returns how many bytes it wrote; 0 sends nothing. Each datagram should be replied
    /// to once at most: the replies are sent in the order of these calls, and there is room for
    /// [`capacity`](Self::capacity) of them.
    pub fn reply(
        &mut self,
        nth: usize,
        answer: impl FnOnce(SocketAddr, &[u8], &mut [u8]) -> usize,
    ) {
        let Some(source) = self.source(nth) else {
            return;
        };
        let len = self.len(nth).unwrap_or(0);
        let start = self.staged * self.reply_bytes;
        let Some(output) = self
            .outputs
            .bytes_mut()
            .get_mut(start..start + self.reply_bytes)
        else {
            return;
        };
        let start = nth * LARGEST_DATAGRAM;
        let input = self
            .inputs
            .bytes()
            .get(start..start + len)
            .unwrap_or_default();
        let written = answer(source, input, output);
        if written == 0 {
            return;
        }
        let input = &self.input_headers[nth].msg_hdr;
        let to = &mut self.output_headers[self.staged].msg_hdr;
        to.msg_name = input.msg_name;
        to.msg_namelen = input.msg_namelen;
        to.msg_control = ptr::null_mut();
        to.msg_controllen = 0;
        // Its type differs from one C library to the other.
        #[allow(clippy::unnecessary_cast)]
        let control = input.msg_controllen as usize;
        if control != 0
            && input.msg_flags & libc::MSG_CTRUNC == 0
            && self.controls[nth].reverse(control)
        {
            to.msg_control = input.msg_control;
            to.msg_controllen = input.msg_controllen;
        }
        self.stage(written);
    }

    /// Has `write` write a datagram for the other end of a connected socket; it returns the bytes
    /// written.
    ///
    /// Returns whether there was room.
    pub fn push(&mut self, write: impl FnOnce(&mut [u8]) -> usize) -> bool {
        let start = self.staged * self.reply_bytes;
        let Some(output) = self
            .outputs
            .bytes_mut()
            .get_mut(start..start + self.reply_bytes)
        else {
            return false;
        };
        let written = write(output);
        let to = &mut self.output_headers[self.staged].msg_hdr;
        to.msg_name = ptr::null_mut();
        to.msg_namelen = 0;
        to.msg_control = ptr::null_mut();
        to.msg_controllen = 0;
        self.stage(written);
        true
    }

    fn stage(&mut self, written: usize) {
        self.output_vectors[self.staged].iov_len = written.min(self.reply_bytes);
        self.staged += 1;
    }

    /// Datagrams that wait for [`send`](Self::send).
    pub fn staged(&self) -> usize {
        self.staged
    }

    /// Sends what was staged, without waiting. What the socket doesn't take is dropped, as any
    /// router on the way may do.
    pub fn send(&mut self, socket: impl AsFd) -> Sent {
        let mut outcome = Sent::default();
        let mut next = 0;
        while let Some(headers) = self.output_headers.get_mut(next..self.staged)
            && !headers.is_empty()
        {
            match sendmmsg(socket.as_fd(), headers) {
                Ok(count) => {
                    // The kernel never answers 0 here; if it did, going on would be for ever.
                    next += count.max(1);
                    outcome.sent += count;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    outcome.dropped = self.staged - next;
                    break;
                }
                // The error is that of the first datagram; the others are not to blame.
                Err(_) => {
                    outcome.refused += 1;
                    next += 1;
                }
            }
        }
        self.staged = 0;
        outcome
    }
}

impl Control {
    /// Makes what came with a request fit for its reply. False if it is nothing that a reply could
    /// use.
    fn reverse(&mut self, len: usize) -> bool {
        match (self.header.cmsg_level, self.header.cmsg_type) {
            // in_pktinfo: interface, local address, destination. The kernel sends from the local
            // address; with the interface cleared it picks the route as for any packet.
            (libc::IPPROTO_IP, libc::IP_PKTINFO) if len >= size_of::<cmsghdr>() + 12 => {
                self.data[0] = 0;
                true
            }
            // in6_pktinfo: address, interface. Link-local addresses mean nothing without their
            // interface.
            (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) if len >= size_of::<cmsghdr>() + 20 => {
                let [first, .., interface] = &mut self.data;
                let [one, two, ..] = first.to_ne_bytes();
                if [one, two & 0xc0] != [0xfe, 0x80] {
                    *interface = 0;
                }
                one != 0xff
            }
            _ => false,
        }
    }
}

/// Makes a header ready to receive into: the kernel overwrites these two.
fn ready(header: &mut msghdr) {
    header.msg_namelen = size_of::<sockaddr_in6>() as _;
    header.msg_controllen = size_of::<Control>() as _;
}

fn address(name: &sockaddr_in6) -> Option<SocketAddr> {
    let port = u16::from_be(name.sin6_port);
    match c_int::from(name.sin6_family) {
        // A sockaddr_in has its address where a sockaddr_in6 has the flow.
        libc::AF_INET => {
            let ip = Ipv4Addr::from(name.sin6_flowinfo.to_ne_bytes());
            Some(SocketAddrV4::new(ip, port).into())
        }
        libc::AF_INET6 => {
            let ip = Ipv6Addr::from(name.sin6_addr.s6_addr);
            Some(SocketAddrV6::new(ip, port, name.sin6_flowinfo, name.sin6_scope_id).into())
        }
        _ => None,
    }
}

const fn empty_name() -> sockaddr_in6 {
    // SAFETY: a structure of integers, for which zero is a value.
    unsafe { mem::zeroed() }
}

const fn empty_control() -> Control {
    // SAFETY: a structure of integers, for which zero is a value.
    unsafe { mem::zeroed() }
}

const fn empty_header() -> mmsghdr {
    // SAFETY: a structure of integers and pointers, for which zero is a value.
    unsafe { mem::zeroed() }
}

fn recvmmsg(socket: BorrowedFd<'_>, headers: &mut [mmsghdr]) -> io::Result<usize> {
    let count = c_uint::try_from(headers.len()).unwrap_or(c_uint::MAX);
    let (start, none) = (headers.as_mut_ptr(), ptr::null_mut());
    // SAFETY: `Batch::new` made each header point to a name, a vector and a control message of its
    // own, of the sizes that `ready` and the vector say, which live as long as the batch and which
    // nothing refers to during the call.
    let result = unsafe {
        libc::recvmmsg(
            socket.as_raw_fd(),
            start,
            count,
            libc::MSG_DONTWAIT as _,
            none,
        )
    };
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

fn sendmmsg(socket: BorrowedFd<'_>, headers: &mut [mmsghdr]) -> io::Result<usize> {
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // Called by number, since musl's function sends one datagram at a time on 64-bit machines.
    // SAFETY: as for `recvmmsg`; names and control messages are those of datagrams received, or
    // null.
    let result = unsafe {
        libc::syscall(
            libc::SYS_sendmmsg,
            socket.as_raw_fd(),
            headers.as_mut_ptr(),
            headers.len(),
            flags,
        )
    };
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

#[cfg(test)]
mod tests;
