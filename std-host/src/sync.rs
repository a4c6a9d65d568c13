//! Live sync: the sockets by which the trackers of a cluster tell each other of peers.
//!
//! As with opentracker this is IPv4 multicast to [`GROUP`] that no router passes on, and nobody
//! proves who it is but by its address. Two things are otherwise. Packets go to the port that is
//! configured, not to 9696 always: a cluster on another port works here, and opentracker trackers
//! join it only on 9696. And what is sent to the port without the group is not taken, so that a
//! sender elsewhere on the Internet has nothing to forge an address for.
//!
//! Two trackers on one machine don't hear each other, since what is sent doesn't come back to it.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use core::sync::atomic::{AtomicBool, Ordering};
use std::io;
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, recvfrom, sendto,
    socket_with, sockopt,
};
use wrtracker_core::sync::{self, MOST_AGE, Memory, Outbox};
use wrtracker_core::time::Secs;
use wrtracker_core::tracker::Tracker;
use wrtracker_core::wire::live_sync::{LARGEST_RECEIVED, TrackerId};

use crate::log;
use crate::plan::SYNC_BYTES;

/// The multicast group of opentracker's clusters.
pub const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 23, 5);

/// Bytes that live sync takes, beside its sockets.
pub const BYTES: usize = size_of::<Memory>();

// The memory limit has room for it.
const _: () = assert!(BYTES + LARGEST_RECEIVED <= SYNC_BYTES);

/// Packets that are taken at a time. The rest is there at the next turn.
const PACKETS: usize = 16;

/// The sockets of live sync.
#[derive(Debug)]
pub struct LiveSync {
    at: SocketAddrV4,
    pub(crate) incoming: OwnedFd,
    outgoing: OwnedFd,
    /// Whether the last packet could not be sent, and that was told.
    failing: AtomicBool,
}

impl fmt::Display for LiveSync {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "live sync on {} with group {GROUP}", self.at)
    }
}

/// Live sync could not be set up.
#[derive(Debug)]
pub struct CannotSync {
    at: SocketAddrV4,
    step: &'static str,
    error: io::Error,
}

impl fmt::Display for CannotSync {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, step, error } = self;
        write!(to, "can't {step} for live sync on {at}: {error}")
    }
}

impl core::error::Error for CannotSync {}

impl LiveSync {
    /// Opens the sockets on the interface that has the address of `at`.
    ///
    /// # Errors
    ///
    /// [`CannotSync`], if the address isn't of this machine, the port is in use, the interface knows
    /// no multicast, or the address is any: whom to tell of all peers is not left to the kernel.
    pub fn open(at: SocketAddrV4) -> Result<Self, CannotSync> {
        let at_step = |step| {
            move |error: Errno| CannotSync {
                at,
                step,
                error: error.into(),
            }
        };
        if at.ip().is_unspecified() {
            return Err(CannotSync {
                at,
                step: "choose an interface",
                error: io::Error::other("name the address of one"),
            });
        }
        let outgoing = open_outgoing(at).map_err(at_step("send"))?;
        let incoming = open_incoming(at).map_err(at_step("receive"))?;
        sockopt::set_ip_add_membership(&incoming, &GROUP, at.ip())
            .map_err(at_step("join the multicast group"))?;
        Ok(Self {
            at,
            incoming,
            outgoing,
            failing: AtomicBool::new(false),
        })
    }

    /// Has `tracker` keep what is to tell. Takes [`BYTES`] of memory for good.
    pub(crate) fn attach(tracker: &mut Tracker<'static>, id: [u8; 4]) {
        let memory = Box::leak(Box::new(Memory::EMPTY));
        tracker.set_sync(Outbox::new(memory, TrackerId(id)));
    }

    /// Takes what the others have sent: at most 16 packets, 52 peers each.
    pub(crate) fn receive(&self, tracker: &mut Tracker<'_>, now: Secs) {
        let mut packet = [0; LARGEST_RECEIVED];
        for _ in 0..PACKETS {
            // Whatever is wrong, the next turn tells of it again or there is no more.
            let Ok((length, _, source)) =
                recvfrom(&self.incoming, &mut packet[..], RecvFlags::empty())
            else {
                return;
            };
            let source = source.and_then(|source| SocketAddr::try_from(source).ok());
            let ip = source.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |source| source.ip());
            // What was refused is counted, and that is all that a stranger may make us do.
            let _ = sync::apply(tracker, ip, packet.get(..length).unwrap_or_default(), now);
        }
    }

    /// Sends what is due: at most twelve packets. What the kernel can't take now stays, what it never
    /// takes is lost and counted.
    pub(crate) fn flush(&self, tracker: &mut Tracker<'_>, now: Secs) {
        let mut sync = tracker.sync_mut();
        let Some(outbox) = &mut *sync else {
            return;
        };
        while let Some(packet) = outbox.due(now) {
            let to = SocketAddrV4::new(GROUP, self.at.port());
            let sent = sendto(&self.outgoing, packet, SendFlags::empty(), &to);
            match sent {
                Err(Errno::AGAIN | Errno::NOBUFS | Errno::INTR) => return,
                Err(error) => {
                    outbox.done(false);
                    if !self.failing.swap(true, Ordering::Relaxed) {
                        log::warning(format_args!("live sync: can't send: {error}"));
                    }
                }
                Ok(_) => {
                    outbox.done(true);
                    if self.failing.swap(false, Ordering::Relaxed) {
                        log::info("live sync: sending again");
                    }
                }
            }
        }
    }

    /// Sends all that there is to tell, due or not: the program ends.
    pub(crate) fn finish(&self, tracker: &mut Tracker<'_>, now: Secs) {
        self.flush(tracker, now.plus(MOST_AGE));
    }
}

fn open_incoming(at: SocketAddrV4) -> Result<OwnedFd, Errno> {
    let socket = open()?;
    bind(&socket, &SocketAddrV4::new(GROUP, at.port()))?;
    Ok(socket)
}

fn open_outgoing(at: SocketAddrV4) -> Result<OwnedFd, Errno> {
    let socket = open()?;
    sockopt::set_ip_multicast_if(&socket, at.ip())?;
    sockopt::set_ip_multicast_ttl(&socket, 1)?;
    sockopt::set_ip_multicast_loop(&socket, false)?;
    // Nobody reads what is sent to its own address.
    sockopt::set_socket_recv_buffer_size(&socket, 0)?;
    bind(&socket, &at)?;
    Ok(socket)
}

fn open() -> Result<OwnedFd, Errno> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    socket_with(AddressFamily::INET, SocketType::DGRAM, flags, None)
}

#[cfg(test)]
mod tests {
    use super::LiveSync;

    fn problem(at: &str) -> String {
        LiveSync::open(at.parse().unwrap()).unwrap_err().to_string()
    }

    #[test]
    fn an_interface_must_be_named_and_be_there() {
        assert_eq!(
            problem("0.0.0.0:9696"),
            "can't choose an interface for live sync on 0.0.0.0:9696: name the address of one"
        );
        let absent = problem("192.0.2.1:9696");
        let start = "can't send for live sync on 192.0.2.1:9696: ";
        assert!(absent.starts_with(start), "{absent}");
    }

    #[test]
    fn a_port_in_use_is_refused() {
        let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let at = taken.local_addr().unwrap().to_string();
        let used = problem(&at);
        assert!(used.contains("can't send for live sync on"), "{used}");
        assert!(used.contains("in use"), "{used}");
    }
}
