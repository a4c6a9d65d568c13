//! A driver for machines without an operating system: the tracker on a network device, by way of
//! [smoltcp](https://docs.rs/smoltcp).
//!
//! It needs a network device, a clock, some random bytes, and memory that is given to it once; it
//! allocates nothing. This is all that a firmware does, step by step; `tests/firmware/src/main.rs`
//! does it on a Cortex-M3, `tests/examples/tap.rs` on Linux:
//!
//! 1. Write a driver for the network device: `smoltcp::phy::Device`, for Ethernet. Have it pass
//!    multicast frames, or there is no IPv6.
//! 2. Give memory: words for the swarms, at least [`Store::LEAST_WORDS`](crate::store::Store); a
//!    [`Room`] for so many connections; and as many bytes as [`Sizes::bytes`] says.
//! 3. Make a [`Tracker`](crate::tracker::Tracker) of the words, with secrets from a random source
//!    and a [`Policy`](crate::policy::Policy). Give it access lists, if there are some.
//! 4. Say in a [`Setup`] which addresses the device has or where they come from, and make a
//!    [`Driver`].
//! 5. For ever: call [`Driver::poll`] with the time since the start. It says how long nothing is to
//!    be done unless a frame comes: sleep until then, or until the device's interrupt.
//! 6. If the device can tell, call [`Driver::link_up`] when its link comes back.
//!
//! What a poll does:
//!
//! 1. It takes up to [`FRAMES`] frames from the device, and looks at each.
//! 2. A datagram for the tracker's port is answered at once: [`udp::answer`](crate::udp::answer)
//!    writes the reply, which goes back to the neighbor that handed us the datagram, from the
//!    address it was sent to. There is no socket, no queue that could fill up, and no neighbor to be
//!    asked for: a flood from one address keeps no reply to another waiting.
//! 3. What is malformed, a fragment, or for somebody else is counted and dropped. No reply is a
//!    fragment, and no client's request is.
//! 4. All else goes to the stack: TCP, ping, ARP and neighbor discovery, DHCP. With a segment of TCP
//!    the stack is told which neighbor brought it: by itself it would ask the network, once a
//!    second for all connections together, and know sixteen neighbors at a time.
//! 5. Each connection has its turn, a bounded one: bytes go to [`Connections`], its replies to the
//!    connection's socket.
//! 6. The stack sends what is to be sent.
//! 7. Once a second the tracker forgets what has expired, and so do connections.
//!
//! A quarter of the connections' places is kept for handshakes: when a client comes and no place is
//! free, the oldest handshake gives way. In a flood of them those come about that are faster than as
//! many of the flood as there are places. When all others are in use [`Connections::open`] says who
//! gives way.
//!
//! **What is believed.** A connection id proves that a datagram's source address gets what is sent to
//! it. Since replies go back to the neighbor that asked, somebody on the same Ethernet can claim any
//! address and prove it, which claiming the router's by ARP would allow too. Nobody farther away can.
//!
//! **What isn't there.** UDP to other ports is dropped without a word, as if the device weren't
//! there. There is no name for the device by mDNS: a responder needs a parser of DNS messages of its
//! own, probes and defends its name (RFC 6762 sections 8 and 9), and answers whoever asks on the
//! link. Instead DHCP is told a name, which most routers then know.
//!
//! What a driver counts, and what it dropped and why, is in the statistics: `mode=network`.

mod address;
mod counts;
mod frame;
mod once;
mod poll;
mod room;
mod seat;
mod setup;

use core::net::IpAddr;
use core::time::Duration;

use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{Device, Medium};
use smoltcp::socket::{dhcpv4, tcp};
use smoltcp::time::Instant;
use smoltcp::wire::EthernetAddress;

use crate::http::{BUFFER_BYTES, Connections, LARGEST_REPLY};
use crate::stats::Share;
use crate::time::Secs;

use counts::Counts;
use seat::Seat;

pub use poll::FRAMES;
pub use room::{Room, Sizes};
pub use setup::{Ipv4, Ipv6, Setup, SetupError};
/// The stack, of the version that a device's driver must have: `smoltcp::phy::Device` is all that
/// anybody needs of it.
pub use smoltcp;

/// The least that a device must carry at a time (RFC 8200 section 5).
const LEAST_MTU: usize = 1280;

/// The tracker's place in a network.
pub struct Driver<'m> {
    interface: Interface,
    sockets: SocketSet<'m>,
    /// Apart from the others, which needn't be asked whether a datagram is theirs.
    dhcp: Option<(SocketSet<'m>, SocketHandle)>,
    seats: &'m mut [Seat],
    core: Connections<'m>,
    /// For replies, one at a time.
    out: &'m mut [u8],
    mac: EthernetAddress,
    port: u16,
    clock: Duration,
    ticked: Secs,
    /// Handshakes that began.
    handshakes: u64,
    counts: Counts,
    /// What the firmware wants to be shown along with them.
    notes: heapless::Vec<Share, MOST_NOTES>,
}

/// Most lines that a firmware can add to `mode=network`.
pub const MOST_NOTES: usize = 4;

impl<'m> Driver<'m> {
    /// A driver with places for `N` connections, which cuts `bytes` as `sizes` say.
    ///
    /// # Errors
    ///
    /// [`SetupError`].
    pub fn new<const N: usize>(
        setup: &Setup,
        room: &'m mut Room<'m, N>,
        bytes: &'m mut [u8],
        sizes: Sizes,
        device: &mut impl Device,
        now: Duration,
    ) -> Result<Self, SetupError> {
        let small = sizes.receive < 256 || sizes.send < 512 || sizes.held < 1;
        if N < 2 || small || bytes.len() < sizes.bytes(N) {
            return Err(SetupError::Memory);
        }
        let capabilities = device.capabilities();
        let ethernet = capabilities.medium == Medium::Ethernet;
        if !ethernet || capabilities.ip_mtu() < LEAST_MTU {
            return Err(SetupError::Device);
        }
        setup.check()?;
        let mac = EthernetAddress(setup.mac);
        let mut config = Config::new(mac.into());
        config.random_seed = setup.seed;
        config.slaac = setup.ipv6.automatic;
        let mut interface = Interface::new(config, device, instant(now));
        address::begin(&mut interface, setup);

        let Room {
            storage,
            dhcp,
            options,
            seats,
            slots,
        } = room;
        let (out, bytes) = bytes.split_at_mut(LARGEST_REPLY);
        let (held, bytes) = bytes.split_at_mut(sizes.held.saturating_mul(BUFFER_BYTES));
        let mut sockets = SocketSet::new(&mut storage[..]);
        let mut pieces = bytes.chunks_exact_mut(sizes.receive.saturating_add(sizes.send));
        for seat in seats.iter_mut() {
            let (receive, send) = pieces
                .next()
                .ok_or(SetupError::Memory)?
                .split_at_mut(sizes.receive);
            let mut socket = tcp::Socket::new(
                tcp::SocketBuffer::new(receive),
                tcp::SocketBuffer::new(send),
            );
            socket.set_timeout(Some(smoltcp::time::Duration::from_secs(30)));
            // Replies are written whole: there is nothing to wait for.
            socket.set_nagle_enabled(false);
            let _ = socket.listen(setup.port);
            *seat = Seat {
                handle: Some(sockets.add(socket)),
                ..Seat::FREE
            };
        }
        let dhcp = (setup.ipv4 == Ipv4::Dhcp).then(|| {
            let mut set = SocketSet::new(&mut dhcp[..]);
            let mut socket = dhcpv4::Socket::new();
            if !setup.name.is_empty() {
                let [name] = options;
                name.data = setup.name.as_bytes();
                socket.set_outgoing_options(options);
            }
            let handle = set.add(socket);
            (set, handle)
        });
        let open = N.saturating_sub((N / 4).max(1));
        Ok(Self {
            interface,
            sockets,
            dhcp,
            seats,
            core: Connections::new(slots.get_mut(..open).unwrap_or_default(), held),
            out,
            mac,
            port: setup.port,
            clock: now,
            ticked: secs(now),
            handshakes: 0,
            counts: Counts::default(),
            notes: heapless::Vec::new(),
        })
    }

    /// The addresses that it has now.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        let networks = self.interface.ip_addrs().iter();
        networks.map(|network| network.address().into())
    }

    /// Shows a number in `mode=network`, under a name of its own. More than [`MOST_NOTES`] names are
    /// left out.
    pub fn note(&mut self, name: &'static str, count: u64) {
        let mut notes = self.notes.iter_mut();
        if let Some(note) = notes.find(|(known, _)| *known == name) {
            note.1 = count;
        } else {
            let _ = self.notes.push((name, count));
        }
    }

    /// To be called when the device's link comes back: asks DHCP anew, since it may be another
    /// network. Until there is an answer the old address holds.
    pub fn link_up(&mut self) {
        if let Some((set, handle)) = &mut self.dhcp {
            set.get_mut::<dhcpv4::Socket<'_>>(*handle).reset();
        }
    }
}

/// The time as the stack counts it.
fn instant(now: Duration) -> Instant {
    // Division of numbers as long as `as_millis` has takes a small processor thousands of steps.
    let seconds = now.as_secs().min(u32::MAX.into());
    let millis = seconds.saturating_mul(1000) + u64::from(now.subsec_millis());
    Instant::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
}

/// The time as the core counts it.
fn secs(now: Duration) -> Secs {
    Secs(u32::try_from(now.as_secs()).unwrap_or(u32::MAX))
}
