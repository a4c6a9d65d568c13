//! What a poll does, as the module's page says it.

use core::net::IpAddr;
use core::time::Duration;

use smoltcp::iface::PollResult;
use smoltcp::phy::{Device, DeviceCapabilities, RxToken, TxToken};
use smoltcp::socket::{dhcpv4, tcp};
use smoltcp::time::Instant;

use super::frame::{Arrival, Own, Segment, headers};
use super::once::Once;
use super::seat::{Around, Phase, Seat};
use super::{Driver, address, instant, secs};
use crate::http::ConnectionId;
use crate::time::Secs;
use crate::tracker::Tracker;
use crate::udp;

/// Most frames that one [`Driver::poll`] takes from the device.
pub const FRAMES: usize = 32;

/// Most rounds in which a poll has each connection send a segment.
const ROUNDS: usize = 4;

impl Driver<'_> {
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
            if sent == PollResult::None {
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
                    let most = most.saturating_sub(headers(datagram.local));
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

    fn hand_on<T: TxToken>(&mut self, now: Instant, mut once: Once<'_, T>) {
        self.counts.stack = self.counts.stack.wrapping_add(1);
        let sockets = &mut self.sockets;
        self.interface.poll_ingress_single(now, &mut once, sockets);
    }

    /// Tells the stack by which neighbor it reaches the sender of a segment.
    fn introduce<T: TxToken>(
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
