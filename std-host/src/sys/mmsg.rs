//! Datagrams by the batch: one system call receives many, one sends many.
//!
//! A server calls [`Batch::receive`], [`Batch::reply`] for each datagram received, and
//! [`Batch::send`]. A client with a connected socket calls [`Batch::push`] for each datagram to
//! send, [`Batch::send`], and [`Batch::receive`] for the answers. Nothing is allocated after
//! [`Batch::new`].
//!
//! `libc` and not `rustix`, which has no `recvmmsg` and whose `sendmmsg` wants its headers built
//! anew for each call.

use core::net::SocketAddr;
use core::{mem, ptr};
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd};

use libc::{c_uint, iovec, mmsghdr, msghdr, sockaddr_in6};

use super::memory::Region;

mod origin;
mod segments;

use origin::{Control, address, empty_name, same};
use segments::{Run, Told};

/// Most bytes of a datagram that are received; of a longer one the rest is lost. No request is half
/// as long.
pub const LARGEST_DATAGRAM: usize = 2048;

/// Buffers for a number of datagrams to receive and as many to send.
pub struct Batch {
    /// Datagrams received by the last call and not yet overwritten: indices below this are valid.
    received: usize,
    /// Datagrams to send so far.
    staged: usize,
    /// Messages that they are sent as.
    messages: usize,
    /// The last of them, while more may join it.
    run: Option<Run>,
    /// Whether the kernel takes several datagrams as one message.
    joins: bool,
    reply_bytes: usize,
    inputs: Region,
    outputs: Region,
    names: Vec<sockaddr_in6>,
    controls: Vec<Control>,
    /// Held for their addresses alone: the headers point to them.
    _input_vectors: Vec<iovec>,
    output_vectors: Vec<iovec>,
    /// From which headers are given their vectors.
    output_vectors_start: *mut iovec,
    input_headers: Vec<mmsghdr>,
    output_headers: Vec<mmsghdr>,
    output_controls: Vec<Told>,
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
            messages: 0,
            run: None,
            joins: false,
            reply_bytes,
            inputs: Region::new(capacity * LARGEST_DATAGRAM)?,
            outputs: Region::new(capacity * reply_bytes)?,
            names: vec![empty_name(); capacity],
            controls: vec![Control::EMPTY; capacity],
            _input_vectors: Vec::with_capacity(capacity),
            output_vectors: Vec::with_capacity(capacity),
            output_vectors_start: ptr::null_mut(),
            input_headers: vec![empty_header(); capacity],
            output_headers: vec![empty_header(); capacity],
            output_controls: vec![Told::EMPTY; capacity],
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
        }
        batch.output_vectors_start = output_vectors;
        Ok(batch)
    }

    /// From now on joins replies of one length to one client that are staged one after another, if
    /// the kernel can cut them again: a client that asks for many torrents at once costs less.
    /// `socket` is any that replies go to.
    pub fn join_replies(&mut self, socket: impl AsFd) {
        self.joins = segments::known(socket.as_fd());
    }

    /// Bytes of memory that a batch takes for each datagram of its capacity.
    pub const fn bytes_per_datagram(reply_bytes: usize) -> usize {
        LARGEST_DATAGRAM
            + reply_bytes
            + size_of::<sockaddr_in6>()
            + size_of::<Control>()
            + size_of::<Told>()
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
        self.received = 0;
        self.forget_staged();
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
        let written = written.min(self.reply_bytes);
        self.output_vectors[self.staged].iov_len = written;
        self.staged += 1;
        let control = self.address_to_send(nth);
        if self.joined(nth, written, control) {
            return;
        }
        let input = &self.input_headers[nth].msg_hdr;
        let (name, name_len) = (input.msg_name, input.msg_namelen);
        let told = (control > 0).then_some((input.msg_control, input.msg_controllen));
        let to = self.new_message();
        (to.msg_name, to.msg_namelen) = (name, name_len);
        if let Some((control, bytes)) = told {
            (to.msg_control, to.msg_controllen) = (control, bytes);
        }
        if self.joins {
            self.run = Some(Run::new(nth, written, control));
        }
    }

    /// How many bytes of the control message of a datagram received are to go out with its reply.
    fn address_to_send(&mut self, nth: usize) -> usize {
        let input = &self.input_headers[nth].msg_hdr;
        // Its type differs from one C library to the other.
        #[allow(clippy::unnecessary_cast)]
        let control = input.msg_controllen as usize;
        let usable = control != 0
            && input.msg_flags & libc::MSG_CTRUNC == 0
            && self.controls[nth].reverse(control);
        if usable { control } else { 0 }
    }

    /// Whether the reply that was staged last has joined the message before it.
    fn joined(&mut self, nth: usize, written: usize, control: usize) -> bool {
        let Some(run) = &mut self.run else {
            return false;
        };
        let address = &self.controls[nth];
        let joins = run.takes(written, control)
            && same(&self.names[nth], &self.names[run.input])
            && (control == 0 || address.data == self.controls[run.input].data);
        if joins && let Some(last) = self.messages.checked_sub(1) {
            let message = &mut self.output_headers[last].msg_hdr;
            run.add(message, &mut self.output_controls[last], address);
        }
        joins
    }

    /// The next message, of the datagram that was staged last.
    fn new_message(&mut self) -> &mut msghdr {
        let vector = self.output_vectors_start.wrapping_add(self.staged - 1);
        let to = &mut self.output_headers[self.messages].msg_hdr;
        self.messages += 1;
        to.msg_name = ptr::null_mut();
        to.msg_namelen = 0;
        to.msg_control = ptr::null_mut();
        to.msg_controllen = 0;
        to.msg_iov = vector;
        to.msg_iovlen = 1;
        to
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
        let written = write(output).min(self.reply_bytes);
        self.output_vectors[self.staged].iov_len = written;
        self.staged += 1;
        self.new_message();
        true
    }

    fn forget_staged(&mut self) {
        (self.staged, self.messages, self.run) = (0, 0, None);
    }

    /// Datagrams that wait for [`send`](Self::send).
    pub fn staged(&self) -> usize {
        self.staged
    }

    /// Sends what was staged, without waiting. What the socket doesn't take is dropped, as any
    /// router on the way may do.
    pub fn send(&mut self, socket: impl AsFd) -> Sent {
        let socket = socket.as_fd();
        let mut outcome = Sent::default();
        let mut next = 0;
        let mut done = 0;
        while let Some(headers) = self.output_headers.get_mut(next..self.messages)
            && !headers.is_empty()
        {
            match sendmmsg(socket, headers) {
                Ok(count) => {
                    // The kernel never answers 0 here; if it did, going on would be for ever.
                    let count = count.max(1);
                    let sent: usize = headers.iter().take(count).map(datagrams).sum();
                    next += count;
                    done += sent;
                    outcome.sent += sent;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    outcome.dropped += self.staged - done;
                    break;
                }
                // The error is that of the first message; the others are not to blame. Some routes
                // and drivers don't take several datagrams in one, or want them to be smaller.
                Err(_) => {
                    let count = datagrams(&headers[0]);
                    if count > 1 {
                        outcome.add(self.send_singly(socket, next, done, count));
                    } else {
                        outcome.refused += 1;
                    }
                    next += 1;
                    done += count;
                }
            }
        }
        self.forget_staged();
        outcome
    }

    /// Sends the datagrams of one message, from the one staged as number `first`, one by one.
    fn send_singly(
        &mut self,
        socket: BorrowedFd<'_>,
        message: usize,
        first: usize,
        count: usize,
    ) -> Sent {
        let mut outcome = Sent::default();
        let mut single = self.output_headers[message];
        let told = &mut self.output_controls[message];
        (single.msg_hdr.msg_control, single.msg_hdr.msg_controllen) = told.address();
        single.msg_hdr.msg_iovlen = 1;
        for nth in first..first + count {
            single.msg_hdr.msg_iov = self.output_vectors_start.wrapping_add(nth);
            loop {
                match sendmmsg(socket, core::slice::from_mut(&mut single)) {
                    Ok(_) => outcome.sent += 1,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => outcome.dropped += 1,
                    Err(_) => outcome.refused += 1,
                }
                break;
            }
        }
        outcome
    }
}

impl Sent {
    const fn add(&mut self, other: Self) {
        self.sent += other.sent;
        self.refused += other.refused;
        self.dropped += other.dropped;
    }
}

/// How many datagrams a message has.
fn datagrams(message: &mmsghdr) -> usize {
    // Its type differs from one C library to the other.
    #[allow(clippy::unnecessary_cast)]
    let count = message.msg_hdr.msg_iovlen as usize;
    count
}

/// Makes a header ready to receive into: the kernel overwrites these two.
fn ready(header: &mut msghdr) {
    header.msg_namelen = size_of::<sockaddr_in6>() as _;
    header.msg_controllen = size_of::<Control>() as _;
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
