//! Ethernet without a kernel: a cable whose weather the test makes, and a host at its end with a
//! network stack of its own, at a time that the test sets.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{self, Device, DeviceCapabilities, Medium};
use smoltcp::socket::{tcp, udp};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, IpCidr};
use wrtracker_core::random::Random;

/// Bytes of the longest frame.
pub const FRAME: usize = 1514;

/// What a cable does to frames.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// Frames in a hundred that are lost.
    pub lost: u32,
    /// Frames in a hundred that come twice.
    pub doubled: u32,
    /// Milliseconds that a frame takes at most; each takes its own time, so they overtake.
    pub slowest: u32,
}

/// Nothing is lost, and order is kept.
pub const FAIR: Weather = Weather {
    lost: 0,
    doubled: 0,
    slowest: 0,
};

/// A cable between two ends.
pub struct Cable {
    weather: Weather,
    random: Random,
    /// Frames on their way to each end, with the time at which they come.
    under_way: [VecDeque<(Instant, Vec<u8>)>; 2],
    /// Whether it is plugged in.
    pub plugged: bool,
    /// Frames that wait at an end at most, as in a device; more are lost.
    pub room: usize,
    /// The last frame sent towards end 0.
    pub last: Vec<u8>,
    /// Whether its ends look at no checksums.
    pub trusting: bool,
}

/// One end of a cable: a network device.
pub struct End {
    cable: Rc<RefCell<Cable>>,
    side: usize,
}

impl Cable {
    /// A cable that behaves the same for the same `seed`, and its two ends.
    pub fn new(weather: Weather, seed: u64) -> (Rc<RefCell<Self>>, End, End) {
        let cable = Rc::new(RefCell::new(Self {
            weather,
            random: Random::new(seed),
            under_way: [VecDeque::new(), VecDeque::new()],
            plugged: true,
            room: 512,
            last: Vec::new(),
            trusting: false,
        }));
        let end = |side| End {
            cable: Rc::clone(&cable),
            side,
        };
        let (one, other) = (end(0), end(1));
        (cable, one, other)
    }

    /// Sends a frame towards an end.
    pub fn send(&mut self, side: usize, frame: &[u8], now: Instant) {
        if side == 0 {
            self.last = frame.to_vec();
        }
        if !self.plugged || self.random.below(100) < self.weather.lost {
            return;
        }
        let copies = 1 + usize::from(self.random.below(100) < self.weather.doubled);
        for _ in 0..copies {
            let wait = self.random.below(self.weather.slowest + 1);
            // Without delay it is there, whatever the clocks of the ends say.
            let at = match self.weather.slowest {
                0 => Instant::ZERO,
                _ => now + smoltcp::time::Duration::from_millis(wait.into()),
            };
            let queue = &mut self.under_way[side];
            if queue.len() < self.room {
                let place = queue.iter().position(|(other, _)| *other > at);
                queue.insert(place.unwrap_or(queue.len()), (at, frame.to_vec()));
            }
        }
    }

    /// Loses what is on its way.
    pub fn clear(&mut self) {
        self.under_way.iter_mut().for_each(VecDeque::clear);
    }

    /// What is on its way to an end.
    pub fn frames(&self, side: usize) -> Vec<Vec<u8>> {
        let frames = self.under_way[side].iter();
        frames.map(|(_, frame)| frame.clone()).collect()
    }

    /// Frames on their way to an end.
    pub fn waiting(&self, side: usize) -> usize {
        self.under_way[side].len()
    }
}

impl End {
    /// Sends a frame as it is.
    pub fn send(&self, frame: &[u8], now: Duration) {
        let mut cable = self.cable.borrow_mut();
        cable.send(1 - self.side, frame, instant(now));
    }
}

/// A frame that came.
pub struct Received(Vec<u8>);

/// Room for one.
pub struct Room {
    cable: Rc<RefCell<Cable>>,
    to: usize,
    now: Instant,
}

impl phy::RxToken for Received {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, look: F) -> R {
        look(&self.0)
    }
}

impl phy::TxToken for Room {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, make: F) -> R {
        let mut frame = vec![0; length];
        let made = make(&mut frame);
        self.cable.borrow_mut().send(self.to, &frame, self.now);
        made
    }
}

impl Device for End {
    type RxToken<'a> = Received;
    type TxToken<'a> = Room;

    fn receive(&mut self, now: Instant) -> Option<(Received, Room)> {
        let mut cable = self.cable.borrow_mut();
        let queue = &mut cable.under_way[self.side];
        queue.front().filter(|(at, _)| *at <= now)?;
        let (_, frame) = queue.pop_front()?;
        drop(cable);
        Some((Received(frame), self.transmit(now)?))
    }

    fn transmit(&mut self, now: Instant) -> Option<Room> {
        Some(Room {
            cable: Rc::clone(&self.cable),
            to: 1 - self.side,
            now,
        })
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = FRAME;
        if self.cable.borrow().trusting {
            let checksums = &mut capabilities.checksum;
            let none = smoltcp::phy::Checksum::Tx;
            checksums.ipv4 = none;
            checksums.udp = none;
            checksums.tcp = none;
            checksums.icmpv4 = none;
            checksums.icmpv6 = none;
        }
        capabilities
    }
}

/// A host with a network stack, which can ask a tracker.
pub struct Host<D> {
    /// Its network device.
    pub device: D,
    interface: Interface,
    sockets: SocketSet<'static>,
    udp: SocketHandle,
    next_port: u16,
}

/// A connection over TCP.
pub struct Connection {
    handle: SocketHandle,
    unsent: Vec<u8>,
    /// What came.
    pub received: Vec<u8>,
    /// Whether the other side has ended it, or it never came about.
    pub over: bool,
    was_open: bool,
}

/// What came over UDP.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Heard {
    /// From whom.
    pub from: SocketAddr,
    /// What.
    pub bytes: Vec<u8>,
}

impl<D: Device> Host<D> {
    /// A host with these addresses, in networks of 24 and 64 bits.
    pub fn new(
        mac: [u8; 6],
        v4: Ipv4Addr,
        v6: Ipv6Addr,
        router: Option<Ipv4Addr>,
        mut device: D,
    ) -> Self {
        let mut config = Config::new(EthernetAddress(mac).into());
        config.random_seed =
            u64::from_be_bytes([0, 0, mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]]);
        let mut interface = Interface::new(config, &mut device, Instant::ZERO);
        interface.update_ip_addrs(|all| {
            all.push(IpCidr::new(v4.into(), 24)).expect("room");
            all.push(IpCidr::new(v6.into(), 64)).expect("room");
        });
        if let Some(router) = router {
            interface
                .routes_mut()
                .add_default_ipv4_route(router)
                .expect("room");
        }
        let mut sockets = SocketSet::new(Vec::new());
        let buffer =
            || udp::PacketBuffer::new(vec![udp::PacketMetadata::EMPTY; 64], vec![0; 65_536]);
        let mut socket = udp::Socket::new(buffer(), buffer());
        socket.bind(40_000).expect("a port");
        let udp = sockets.add(socket);
        Self {
            device,
            interface,
            sockets,
            udp,
            next_port: 41_000,
        }
    }

    /// Does what there is to do.
    pub fn poll(&mut self, now: Duration) {
        self.interface
            .poll(instant(now), &mut self.device, &mut self.sockets);
    }

    /// Sends a datagram, or as soon as the neighbor is known.
    pub fn ask(&mut self, to: SocketAddr, bytes: &[u8]) {
        let socket = self.sockets.get_mut::<udp::Socket<'_>>(self.udp);
        socket.send_slice(bytes, to).expect("room to send");
    }

    /// Whether all datagrams are sent.
    pub fn asked(&self) -> bool {
        self.sockets.get::<udp::Socket<'_>>(self.udp).send_queue() == 0
    }

    /// A datagram that came.
    pub fn heard(&mut self) -> Option<Heard> {
        let socket = self.sockets.get_mut::<udp::Socket<'_>>(self.udp);
        let (bytes, from) = socket.recv().ok()?;
        let from = SocketAddr::new(from.endpoint.addr.into(), from.endpoint.port);
        Some(Heard {
            from,
            bytes: bytes.to_vec(),
        })
    }

    /// Connects, and sends `request` as soon as that is done.
    pub fn connect(&mut self, to: SocketAddr, request: &[u8]) -> Connection {
        let buffer = |bytes| tcp::SocketBuffer::new(vec![0; bytes]);
        let mut socket = tcp::Socket::new(buffer(4096), buffer(4096));
        self.next_port = self.next_port.checked_add(1).unwrap_or(41_000);
        let to = (to.ip(), to.port());
        let context = self.interface.context();
        socket
            .connect(context, to, self.next_port)
            .expect("a free port");
        Connection {
            handle: self.sockets.add(socket),
            unsent: request.to_vec(),
            received: Vec::new(),
            over: false,
            was_open: false,
        }
    }

    /// Sends and receives what can be.
    pub fn turn(&mut self, connection: &mut Connection) {
        let socket = self.sockets.get_mut::<tcp::Socket<'_>>(connection.handle);
        if socket.can_send() && !connection.unsent.is_empty() {
            let sent = socket.send_slice(&connection.unsent).unwrap_or(0);
            connection.unsent.drain(..sent);
        }
        while socket.can_recv() {
            let received = &mut connection.received;
            let _ = socket.recv(|bytes| {
                received.extend_from_slice(bytes);
                (bytes.len(), ())
            });
        }
        connection.was_open |= socket.may_send();
        let shut = connection.was_open && !socket.may_recv();
        connection.over |= shut || socket.state() == tcp::State::Closed;
    }

    /// More to send on a connection.
    pub fn send(&mut self, connection: &mut Connection, bytes: &[u8]) {
        connection.unsent.extend_from_slice(bytes);
    }

    /// Ends a connection.
    pub fn close(&mut self, connection: &Connection) {
        self.sockets
            .get_mut::<tcp::Socket<'_>>(connection.handle)
            .close();
    }

    /// Forgets a connection without a word.
    pub fn forget(&mut self, connection: &Connection) {
        self.sockets.remove(connection.handle);
    }
}

/// The time as the stack counts it.
pub fn instant(now: Duration) -> Instant {
    Instant::from_millis(i64::try_from(now.as_millis()).expect("a time of today"))
}

/// Frames that nobody should send.
pub mod bad {
    use std::net::{Ipv4Addr, SocketAddrV4};

    use smoltcp::phy::ChecksumCapabilities;
    use std::net::Ipv6Addr;

    use smoltcp::wire::{
        ArpOperation, ArpPacket, ArpRepr, EthernetAddress, EthernetFrame, EthernetProtocol,
        EthernetRepr, Icmpv6Packet, Icmpv6Repr, IpProtocol, Ipv4Packet, Ipv4Repr, Ipv6Packet,
        Ipv6Repr, NdiscPrefixInfoFlags, NdiscPrefixInformation, NdiscRepr, NdiscRouterFlags,
        TcpControl, TcpPacket, TcpRepr, TcpSeqNumber,
    };

    fn frame(from: [u8; 6], to: [u8; 6], protocol: EthernetProtocol, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; 14 + payload.len()];
        let mut frame = EthernetFrame::new_unchecked(&mut bytes);
        let repr = EthernetRepr {
            src_addr: EthernetAddress(from),
            dst_addr: EthernetAddress(to),
            ethertype: protocol,
        };
        repr.emit(&mut frame);
        frame.payload_mut().copy_from_slice(payload);
        bytes
    }

    /// Any packet of IPv4.
    pub fn ipv4(
        mac: [u8; 6],
        to: [u8; 6],
        from: Ipv4Addr,
        ip: Ipv4Addr,
        protocol: IpProtocol,
        payload: &[u8],
        change: impl FnOnce(&mut Ipv4Packet<&mut [u8]>),
    ) -> Vec<u8> {
        let mut bytes = vec![0; 20 + payload.len()];
        let repr = Ipv4Repr {
            src_addr: from,
            dst_addr: ip,
            next_header: protocol,
            payload_len: payload.len(),
            hop_limit: 64,
        };
        let mut packet = Ipv4Packet::new_unchecked(&mut bytes[..]);
        repr.emit(&mut packet, &ChecksumCapabilities::default());
        packet.payload_mut().copy_from_slice(payload);
        change(&mut packet);
        packet.fill_checksum();
        frame(mac, to, EthernetProtocol::Ipv4, &bytes)
    }

    /// A datagram that asks the tracker for a connection id.
    pub fn connect(mac: [u8; 6], to: [u8; 6], from: Ipv4Addr, ip: Ipv4Addr) -> Vec<u8> {
        let mut udp = vec![0x12, 0x34, 0x1b, 0x39, 0, 24, 0, 0];
        udp.extend_from_slice(&crate::udp_client::head(crate::udp_client::MAGIC, 0, 1));
        ipv4(mac, to, from, ip, IpProtocol::Udp, &udp, |_| {})
    }

    /// A SYN.
    pub fn syn(
        mac: [u8; 6],
        to: [u8; 6],
        from: SocketAddrV4,
        at: SocketAddrV4,
        seq: i32,
    ) -> Vec<u8> {
        segment(mac, to, from, at, TcpControl::Syn, seq, None)
    }

    /// Any segment of TCP without data.
    pub fn segment(
        mac: [u8; 6],
        to: [u8; 6],
        from: SocketAddrV4,
        at: SocketAddrV4,
        control: TcpControl,
        seq: i32,
        ack: Option<i32>,
    ) -> Vec<u8> {
        let repr = TcpRepr {
            src_port: from.port(),
            dst_port: at.port(),
            control,
            seq_number: TcpSeqNumber(seq),
            ack_number: ack.map(TcpSeqNumber),
            window_len: 1024,
            window_scale: None,
            max_seg_size: None,
            sack_permitted: false,
            sack_ranges: [None; 3],
            timestamp: None,
            payload: &[],
        };
        let mut bytes = vec![0; repr.buffer_len()];
        let (source, target) = ((*from.ip()).into(), (*at.ip()).into());
        repr.emit(
            &mut TcpPacket::new_unchecked(&mut bytes),
            &source,
            &target,
            &ChecksumCapabilities::default(),
        );
        ipv4(
            mac,
            to,
            *from.ip(),
            *at.ip(),
            IpProtocol::Tcp,
            &bytes,
            |_| {},
        )
    }

    /// An ARP request by which somebody makes himself known.
    pub fn arp(mac: [u8; 6], from: Ipv4Addr, about: Ipv4Addr) -> Vec<u8> {
        let repr = ArpRepr::EthernetIpv4 {
            operation: ArpOperation::Request,
            source_hardware_addr: EthernetAddress(mac),
            source_protocol_addr: from,
            target_hardware_addr: EthernetAddress([0; 6]),
            target_protocol_addr: about,
        };
        let mut bytes = vec![0; repr.buffer_len()];
        repr.emit(&mut ArpPacket::new_unchecked(&mut bytes));
        frame(mac, [0xff; 6], EthernetProtocol::Arp, &bytes)
    }

    /// A router that advertises itself and a prefix.
    pub fn router(
        mac: [u8; 6],
        from: Ipv6Addr,
        prefix: Ipv6Addr,
        bits: u8,
        seconds: u64,
    ) -> Vec<u8> {
        let lifetime = smoltcp::time::Duration::from_secs(seconds);
        let advert = Icmpv6Repr::Ndisc(NdiscRepr::RouterAdvert {
            hop_limit: 64,
            flags: NdiscRouterFlags::empty(),
            router_lifetime: lifetime,
            reachable_time: lifetime,
            retrans_time: lifetime,
            lladdr: Some(EthernetAddress(mac).into()),
            mtu: None,
            prefix_info: Some(NdiscPrefixInformation {
                prefix_len: bits,
                flags: NdiscPrefixInfoFlags::ADDRCONF | NdiscPrefixInfoFlags::ON_LINK,
                valid_lifetime: lifetime,
                preferred_lifetime: lifetime,
                prefix,
            }),
        });
        let all = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
        let repr = Ipv6Repr {
            src_addr: from,
            dst_addr: all,
            next_header: IpProtocol::Icmpv6,
            payload_len: advert.buffer_len(),
            hop_limit: 255,
        };
        let mut bytes = vec![0; 40 + advert.buffer_len()];
        let mut packet = Ipv6Packet::new_unchecked(&mut bytes[..]);
        repr.emit(&mut packet);
        advert.emit(
            &from,
            &all,
            &mut Icmpv6Packet::new_unchecked(packet.payload_mut()),
            &ChecksumCapabilities::default(),
        );
        frame(
            mac,
            [0x33, 0x33, 0, 0, 0, 1],
            EthernetProtocol::Ipv6,
            &bytes,
        )
    }
}
