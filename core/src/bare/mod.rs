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
//! 3. Make a [`Tracker`] of the words, with secrets from a random source and a
//!    [`Policy`](crate::policy::Policy). Give it access lists, if there are some.
//! 4. Say in a [`Setup`] which addresses the device has or where they come from, and make a
//!    [`Driver`].
//! 5. For ever: call [`Driver::poll`] with the time since the start. It says how long nothing is to
//!    be done unless a frame comes: sleep until then, or until the device's interrupt.
//! 6. If the device can tell, call [`Driver::link_up`] when its link comes back.
//!
//! What a poll does:
//!
//! 1. It takes up to [`FRAMES`] frames from the device, and looks at each.
//! 2. A datagram for the tracker's port is answered at once: [`udp::answer`] writes the reply, which
//!    goes back to the neighbor that handed us the datagram, from the address it was sent to. There
//!    is no queue that could fill up, and no neighbor to be asked for: a flood from one address
//!    keeps no reply to another waiting.
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
//! many of the flood as there are places. When all others are in use [`Connections::open`] says who gives way.
//!
//! **What is believed.** A connection id proves that a datagram's source address gets what is sent to
//! it. Since replies go back to the neighbor that asked, somebody on the same Ethernet can claim any
//! address there, which claiming it by ARP would allow too; nobody farther away can.
//!
//! **What isn't there.** UDP to other ports is dropped without a word, as if the device weren't
//! there. There is no name for the device by mDNS: a responder needs a parser of DNS messages of its
//! own, probes and defends its name (RFC 6762 sections 8 and 9), and answers whoever asks on the
//! link. Instead DHCP is told a name, which most routers then know. Statistics of the driver are in `mode=network`.

mod address;
mod counts;
mod frame;
mod once;
mod room;
mod seat;
mod setup;

use core::net::IpAddr;
use core::time::Duration;

use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken};
use smoltcp::socket::{dhcpv4, tcp};
use smoltcp::time::Instant;
use smoltcp::wire::EthernetAddress;

use crate::http::{BUFFER_BYTES, ConnectionId, Connections, LARGEST_REPLY};
use crate::stats::Share;
use crate::time::Secs;
use crate::tracker::Tracker;
use crate::udp;

use counts::Counts;
use frame::{Arrival, Own, Segment};
use once::Once;
use seat::{Around, Phase, Seat};

pub use room::{Room, Sizes};
pub use setup::{Ipv4, Ipv6, Setup, SetupError};
/// The stack, of the version that a device's driver must have: `smoltcp::phy::Device` is all that
/// anybody needs of it.
pub use smoltcp;

/// Most frames that one [`Driver::poll`] takes from the device.
pub const FRAMES: usize = 32;

/// Most rounds in which a poll has each connection send a segment.
const ROUNDS: usize = 4;

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

    /// Does what there is to do, and says for how long there will be nothing unless a frame comes:
    /// at most a second.
    ///
    /// `now` is the time since some start, and only moves forward; what is before the last call is
    /// taken for the same. Work: at
    /// most [`FRAMES`] frames, each with one [`udp::answer`] at most, and a bounded step of each
    /// connection.
    #[inline(never)]
    pub fn poll<D: Device>(
        &mut self,
        now: Duration,
        device: &mut D,
        tracker: &mut Tracker<'_>,
    ) -> Duration {
        self.clock = self.clock.max(now);
        let (now, second) = (instant(self.clock), secs(self.clock));
        let mut frames = 0;
        while frames < FRAMES && self.take(now, second, device, tracker) {
            frames += 1;
        }
        let full = frames == FRAMES;
        self.counts.busy = self.counts.busy.wrapping_add(full.into());

        self.interface.poll_maintenance(now);
        if second != self.ticked {
            self.tick(second, tracker);
        }
        let again = self.serve(second, tracker);
        for _ in 0..ROUNDS {
            let sent = self.interface.poll_egress(now, device, &mut self.sockets);
            if sent == smoltcp::iface::PollResult::None {
                break;
            }
        }
        self.renew(now, device);
        if full || again {
            return Duration::ZERO;
        }
        self.rest(now)
    }

    /// Takes a frame from the device. False if there is none.
    #[inline(never)]
    fn take<D: Device>(
        &mut self,
        now: Instant,
        second: Secs,
        device: &mut D,
        tracker: &mut Tracker<'_>,
    ) -> bool {
        let capabilities = device.capabilities();
        let Some((frame, room)) = device.receive(now) else {
            return false;
        };
        let segment = frame.consume(|frame| {
            let counts = &mut self.counts;
            let count = |count: &mut u64| *count = count.wrapping_add(1);
            count(&mut counts.frames);
            if frame.len() > capabilities.max_transmission_unit {
                count(&mut counts.oversized);
                return None;
            }
            let own = Own {
                mac: self.mac,
                port: self.port,
                interface: &self.interface,
                checksums: &capabilities.checksum,
            };
            let mut segment = None;
            match own.sort(frame) {
                Arrival::Foreign => count(&mut counts.foreign),
                Arrival::Malformed => count(&mut counts.malformed),
                Arrival::Fragment => count(&mut counts.fragments),
                Arrival::Datagram(datagram) => {
                    count(&mut counts.datagrams);
                    let most = capabilities.max_transmission_unit;
                    let most = most.saturating_sub(frame::headers(datagram.local));
                    let most = most.min(udp::LARGEST_REPLY).min(self.out.len());
                    let out = self.out.get_mut(..most).unwrap_or_default();
                    let (remote, payload) = (datagram.remote, datagram.payload);
                    let length = udp::answer(tracker, remote, payload, second, out);
                    if length > 0 {
                        own.send(room, &datagram, out.get(..length).unwrap_or_default());
                    }
                }
                Arrival::Lease => {
                    count(&mut counts.stack);
                    if let Some((set, _)) = &mut self.dhcp {
                        let mut once = Once::new(frame, room, capabilities);
                        self.interface.poll_ingress_single(now, &mut once, set);
                    }
                }
                Arrival::Segment(arrived) => {
                    if arrived.opens && self.knows(&arrived) {
                        // The stack would take it for another connection. The first one's reply is
                        // sent again by itself.
                        self.counts.repeated = self.counts.repeated.wrapping_add(1);
                        return None;
                    }
                    segment = Some(arrived);
                    if arrived.opens {
                        self.keep_listening();
                    }
                    self.hand_on(now, Once::new(frame, room, capabilities));
                    if arrived.opens {
                        self.note_handshake(&arrived, second);
                    }
                }
                Arrival::Other => self.hand_on(now, Once::new(frame, room, capabilities)),
            }
            segment
        });
        let Some(segment) = segment else {
            return true;
        };
        let capabilities = device.capabilities();
        if let Some(room) = device.transmit(now) {
            self.introduce(now, &segment, room, capabilities);
        }
        true
    }

    fn hand_on<T: smoltcp::phy::TxToken>(&mut self, now: Instant, mut once: Once<'_, T>) {
        self.counts.stack = self.counts.stack.wrapping_add(1);
        let sockets = &mut self.sockets;
        self.interface.poll_ingress_single(now, &mut once, sockets);
    }

    /// Tells the stack by which neighbor it reaches the sender of a segment.
    fn introduce<T: smoltcp::phy::TxToken>(
        &mut self,
        now: Instant,
        segment: &Segment,
        room: T,
        capabilities: DeviceCapabilities,
    ) {
        let Some(hop) = address::next_hop(&mut self.interface, segment.remote.ip()) else {
            return;
        };
        let own = Own {
            mac: self.mac,
            port: self.port,
            interface: &self.interface,
            checksums: &capabilities.checksum,
        };
        let frame = own.introduction(segment.neighbor, hop, segment.local);
        let mut once = Once::new(&frame, room, capabilities);
        let sockets = &mut self.sockets;
        self.interface.poll_ingress_single(now, &mut once, sockets);
    }

    /// Whether there is a connection of the same addresses and ports that has more to come.
    fn knows(&self, segment: &Segment) -> bool {
        let mut handles = self.seats.iter().filter_map(|seat| seat.handle);
        handles.any(|handle| {
            let socket = self.sockets.get::<tcp::Socket<'_>>(handle);
            let state = socket.state();
            is_of(socket, segment)
                && matches!(
                    state,
                    tcp::State::SynReceived | tcp::State::Established | tcp::State::CloseWait
                )
        })
    }

    /// Notes which handshake is younger than which.
    fn note_handshake(&mut self, segment: &Segment, second: Secs) {
        for seat in self
            .seats
            .iter_mut()
            .filter(|seat| seat.phase == Phase::Free)
        {
            let socket = seat
                .handle
                .map(|handle| self.sockets.get::<tcp::Socket<'_>>(handle));
            if let Some(socket) = socket
                && socket.state() == tcp::State::SynReceived
                && is_of(socket, segment)
            {
                self.handshakes = self.handshakes.wrapping_add(1);
                seat.handshake = self.handshakes;
                seat.phase = Phase::Shaking(second);
            }
        }
    }

    /// Gives each connection its turn. True if one has more to do at once.
    fn serve(&mut self, second: Secs, tracker: &mut Tracker<'_>) -> bool {
        let lines = self.counts.lines();
        tracker.network.clear();
        let _ = tracker.network.extend_from_slice(&lines);
        let _ = tracker.network.extend_from_slice(&self.notes);
        let mut again = false;
        for nth in 0..self.seats.len() {
            let Some(seat) = self.seats.get_mut(nth) else {
                break;
            };
            let Some(handle) = seat.handle else {
                continue;
            };
            let socket = self.sockets.get_mut::<tcp::Socket<'_>>(handle);
            let mut around = Around {
                core: &mut self.core,
                tracker,
                out: self.out,
                now: second,
            };
            let told = seat.step(socket, self.port, &mut around);
            again |= told.again;
            let given_up = u64::from(told.given_up);
            self.counts.handshakes = self.counts.handshakes.wrapping_add(given_up);
            if let Some(id) = told.replaced {
                self.replace(id, nth);
            }
        }
        self.keep_listening();
        again
    }

    /// Ends the connection whose name another has now.
    fn replace(&mut self, id: ConnectionId, by: usize) {
        for (nth, seat) in self.seats.iter_mut().enumerate() {
            if nth != by
                && matches!(seat.phase, Phase::Open(open) if open.id == id)
                && let Some(handle) = seat.handle
            {
                seat.phase = Phase::Free;
                self.sockets.get_mut::<tcp::Socket<'_>>(handle).abort();
                self.counts.reset = self.counts.reset.wrapping_add(1);
            }
        }
    }

    /// Sees to it that somebody waits for a client.
    fn keep_listening(&mut self) {
        let sockets = &mut self.sockets;
        let mut waits = self.seats.iter().filter_map(|seat| seat.handle);
        if waits.any(|handle| sockets.get::<tcp::Socket<'_>>(handle).is_listening()) {
            return;
        }
        let order = |seat: &Seat| match seat.phase {
            Phase::Shaking(_) => Some((0, Secs(0), seat.handshake)),
            Phase::Ending(since) => Some((1, since, 0)),
            Phase::Free | Phase::Open(_) => None,
        };
        let oldest = self.seats.iter_mut().filter(|seat| order(seat).is_some());
        let Some(seat) = oldest.min_by_key(|seat| order(seat)) else {
            return;
        };
        let Some(handle) = seat.handle else {
            return;
        };
        let count = match seat.phase {
            Phase::Shaking(_) => &mut self.counts.handshakes,
            _ => &mut self.counts.reset,
        };
        *count = count.wrapping_add(1);
        seat.listen_again(sockets.get_mut(handle), self.port);
    }

    /// What is done once a second.
    fn tick(&mut self, second: Secs, tracker: &mut Tracker<'_>) {
        self.ticked = second;
        tracker.tick(second);
        while let Some(id) = self.core.expire(second) {
            for seat in self.seats.iter_mut() {
                if matches!(seat.phase, Phase::Open(open) if open.id == id)
                    && let Some(handle) = seat.handle
                {
                    seat.forgotten(self.sockets.get_mut(handle), second);
                }
            }
        }
        self.core.count_into(&mut tracker.counters);
    }

    /// Goes on with DHCP.
    fn renew(&mut self, now: Instant, device: &mut impl Device) {
        let Some((set, handle)) = &mut self.dhcp else {
            return;
        };
        self.interface.poll_egress(now, device, set);
        let lease = match set.get_mut::<dhcpv4::Socket<'_>>(*handle).poll() {
            None => return,
            Some(dhcpv4::Event::Deconfigured) => None,
            Some(dhcpv4::Event::Configured(lease)) => Some(lease),
        };
        let (old, leased) = (self.interface.ipv4_addr(), lease.is_some());
        if !address::lease(&mut self.interface, lease) {
            set.get_mut::<dhcpv4::Socket<'_>>(*handle).reset();
            return;
        }
        self.counts.leases = self.counts.leases.wrapping_add(leased.into());
        if old.is_some() && old != self.interface.ipv4_addr() {
            self.reset_all();
        }
    }

    /// Resets all connections: their address isn't ours any more.
    fn reset_all(&mut self) {
        for seat in self.seats.iter_mut() {
            if let Some(handle) = seat.handle
                && seat.phase != Phase::Free
            {
                self.counts.reset = self.counts.reset.wrapping_add(1);
                seat.reset(self.sockets.get_mut(handle), &mut self.core);
            }
        }
    }

    /// How long there is nothing to do.
    fn rest(&mut self, now: Instant) -> Duration {
        let mut rest = Duration::from_secs(1)
            .saturating_sub(Duration::from_nanos(self.clock.subsec_nanos().into()));
        let sets = [Some(&self.sockets), self.dhcp.as_ref().map(|(set, _)| set)];
        for set in sets.into_iter().flatten() {
            if let Some(wait) = self.interface.poll_delay(now, set) {
                rest = rest.min(wait.into());
            }
        }
        rest
    }
}

/// Whether a connection is that of a segment.
fn is_of(socket: &tcp::Socket<'_>, segment: &Segment) -> bool {
    let local = socket.local_endpoint();
    let remote = socket.remote_endpoint();
    local.is_some_and(|local| IpAddr::from(local.addr) == segment.local)
        && remote.is_some_and(|remote| {
            IpAddr::from(remote.addr) == segment.remote.ip() && remote.port == segment.remote.port()
        })
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
