//! Frames, looked at before the stack sees them, and made without it.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use smoltcp::iface::Interface;
use smoltcp::phy::{ChecksumCapabilities, TxToken};
use smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, DHCP_CLIENT_PORT, DHCP_SERVER_PORT, EthernetAddress,
    EthernetFrame, EthernetProtocol, EthernetRepr, Icmpv6Packet, Icmpv6Repr, IpAddress, IpProtocol,
    Ipv4Packet, Ipv4Repr, Ipv6Packet, Ipv6Repr, NdiscNeighborFlags, NdiscRepr, TcpPacket,
    UdpPacket, UdpRepr,
};

use crate::reach::is_unicast;

/// What a frame is to us.
pub(super) enum Arrival<'f> {
    /// For somebody else, or of a kind that nobody here takes.
    Foreign,
    /// No proper packet, or from an address that can't send.
    Malformed,
    /// A part of a packet.
    Fragment,
    /// A datagram for the tracker.
    Datagram(Datagram<'f>),
    /// A segment of TCP, for the stack.
    Segment(Segment),
    /// For DHCP.
    Lease,
    /// For the stack.
    Other,
}

/// A datagram for the tracker.
pub(super) struct Datagram<'f> {
    pub(super) neighbor: EthernetAddress,
    pub(super) remote: SocketAddr,
    pub(super) local: IpAddr,
    pub(super) payload: &'f [u8],
}

/// A segment of TCP.
#[derive(Clone, Copy)]
pub(super) struct Segment {
    pub(super) neighbor: EthernetAddress,
    pub(super) remote: SocketAddr,
    pub(super) local: IpAddr,
    /// Whether it asks for a new connection.
    pub(super) opens: bool,
}

/// Who we are.
pub(super) struct Own<'i> {
    pub(super) mac: EthernetAddress,
    pub(super) port: u16,
    pub(super) interface: &'i Interface,
    pub(super) checksums: &'i ChecksumCapabilities,
}

/// Bytes of headers before the payload of a datagram.
pub(super) const fn headers(to: IpAddr) -> usize {
    let ip = match to {
        IpAddr::V4(_) => 20,
        IpAddr::V6(_) => 40,
    };
    EthernetFrame::<&[u8]>::header_len() + ip + UDP_HEADER
}

const UDP_HEADER: usize = 8;
const HOP_LIMIT: u8 = 64;

impl Own<'_> {
    /// Says what a frame is. Nothing that the stack could stumble over is for it: all sources are
    /// unicast addresses and none is our own.
    pub(super) fn sort<'f>(&self, frame: &'f [u8]) -> Arrival<'f> {
        let Ok(ethernet) = EthernetFrame::new_checked(frame) else {
            return Arrival::Malformed;
        };
        let neighbor = ethernet.src_addr();
        if !neighbor.is_unicast() || neighbor == self.mac {
            return Arrival::Malformed;
        }
        let to = ethernet.dst_addr();
        if to != self.mac && !to.is_multicast() {
            return Arrival::Foreign;
        }
        match ethernet.ethertype() {
            EthernetProtocol::Arp => Arrival::Other,
            EthernetProtocol::Ipv4 => self.sort_v4(neighbor, ethernet.payload()),
            EthernetProtocol::Ipv6 => self.sort_v6(neighbor, ethernet.payload()),
            EthernetProtocol::Unknown(_) => Arrival::Foreign,
        }
    }

    fn sort_v4<'f>(&self, neighbor: EthernetAddress, bytes: &'f [u8]) -> Arrival<'f> {
        let Ok(packet) = Ipv4Packet::new_checked(bytes) else {
            return Arrival::Malformed;
        };
        if packet.more_frags() || packet.frag_offset() != 0 {
            return Arrival::Fragment;
        }
        let Ok(repr) = Ipv4Repr::parse(&packet, self.checksums) else {
            return Arrival::Malformed;
        };
        let (from, to) = (repr.src_addr, repr.dst_addr);
        let ours = self.interface.has_ip_addr(to);
        if repr.next_header == IpProtocol::Udp {
            // Our address isn't ours yet when DHCP gives it.
            let ports = UdpPacket::new_checked(packet.payload());
            let ports = ports.map(|udp| (udp.src_port(), udp.dst_port()));
            if ports == Ok((DHCP_SERVER_PORT, DHCP_CLIENT_PORT)) {
                return Arrival::Lease;
            }
        }
        if !ours {
            return Arrival::Foreign;
        }
        if !self.can_send(from.into()) {
            return Arrival::Malformed;
        }
        match repr.next_header {
            IpProtocol::Udp => self.datagram(neighbor, from.into(), to.into(), packet.payload()),
            IpProtocol::Tcp => segment(neighbor, from.into(), to.into(), packet.payload()),
            IpProtocol::Icmp => Arrival::Other,
            _ => Arrival::Foreign,
        }
    }

    fn sort_v6<'f>(&self, neighbor: EthernetAddress, bytes: &'f [u8]) -> Arrival<'f> {
        let Ok(packet) = Ipv6Packet::new_checked(bytes) else {
            return Arrival::Malformed;
        };
        let Ok(repr) = Ipv6Repr::parse(&packet) else {
            return Arrival::Malformed;
        };
        let (from, to) = (repr.src_addr, repr.dst_addr);
        let ours = self.interface.has_ip_addr(to);
        if !ours && !to.is_multicast() {
            return Arrival::Foreign;
        }
        // Who looks whether an address is taken has none: it shall be.
        if !self.can_send(from.into()) {
            return Arrival::Malformed;
        }
        match repr.next_header {
            IpProtocol::Udp if ours => {
                self.datagram(neighbor, from.into(), to.into(), packet.payload())
            }
            IpProtocol::Tcp if ours => segment(neighbor, from.into(), to.into(), packet.payload()),
            IpProtocol::Icmpv6 => self.icmp_v6(from, to, packet.payload()),
            // Questions for multicast groups have one.
            IpProtocol::HopByHop if !ours => Arrival::Other,
            IpProtocol::Ipv6Frag => Arrival::Fragment,
            _ => Arrival::Foreign,
        }
    }

    /// The stack takes any prefix that a router advertises, and stumbles over some.
    fn icmp_v6<'f>(&self, from: Ipv6Addr, to: Ipv6Addr, bytes: &[u8]) -> Arrival<'f> {
        let Ok(packet) = Icmpv6Packet::new_checked(bytes) else {
            return Arrival::Malformed;
        };
        match Icmpv6Repr::parse(&from, &to, &packet, self.checksums) {
            Ok(Icmpv6Repr::Ndisc(NdiscRepr::RouterAdvert {
                prefix_info: Some(prefix),
                ..
            })) => {
                let [first, ..] = prefix.prefix.octets();
                // Global, unique local, and site local, which emulators still have.
                let proper = matches!(first, 0x20..0x40 | 0xfc..=0xfe)
                    && !prefix.prefix.is_unicast_link_local();
                if proper && prefix.prefix_len == 64 {
                    Arrival::Other
                } else {
                    Arrival::Malformed
                }
            }
            Ok(_) => Arrival::Other,
            Err(_) => Arrival::Malformed,
        }
    }

    /// Whether a packet may come from there.
    fn can_send(&self, ip: IpAddr) -> bool {
        let broadcast = |ip: Ipv4Addr| {
            let mut networks = self.interface.ip_addrs().iter();
            networks.any(|network| match network {
                smoltcp::wire::IpCidr::Ipv4(network) => network.broadcast() == Some(ip),
                smoltcp::wire::IpCidr::Ipv6(_) => false,
            })
        };
        // IPv4 in the form of IPv6 isn't for the wire.
        is_unicast(ip)
            && ip.to_canonical() == ip
            && !ip.is_loopback()
            && !self.interface.has_ip_addr(ip)
            && !matches!(ip, IpAddr::V4(ip) if broadcast(ip))
    }

    fn datagram<'f>(
        &self,
        neighbor: EthernetAddress,
        from: IpAddr,
        to: IpAddr,
        bytes: &'f [u8],
    ) -> Arrival<'f> {
        let Ok(packet) = UdpPacket::new_checked(bytes) else {
            return Arrival::Malformed;
        };
        if packet.dst_port() != self.port {
            return Arrival::Foreign;
        }
        let (source, target) = (IpAddress::from(from), IpAddress::from(to));
        let Ok(repr) = UdpRepr::parse(&packet, &source, &target, self.checksums) else {
            return Arrival::Malformed;
        };
        Arrival::Datagram(Datagram {
            neighbor,
            remote: SocketAddr::new(from, repr.src_port),
            local: to,
            payload: packet.payload(),
        })
    }

    /// Sends `payload` back the way a datagram came: from its target to its source, and to the
    /// neighbor that handed it to us. Nobody has to be asked where that is.
    pub(super) fn send<T: TxToken>(&self, room: T, asked: &Datagram<'_>, payload: &[u8]) {
        let udp = UdpRepr {
            src_port: self.port,
            dst_port: asked.remote.port(),
        };
        let ethernet = EthernetRepr {
            src_addr: self.mac,
            dst_addr: asked.neighbor,
            ethertype: match asked.local {
                IpAddr::V4(_) => EthernetProtocol::Ipv4,
                IpAddr::V6(_) => EthernetProtocol::Ipv6,
            },
        };
        let length = headers(asked.local).saturating_add(payload.len());
        let payload_len = UDP_HEADER.saturating_add(payload.len());
        room.consume(length, |bytes| {
            let mut frame = EthernetFrame::new_unchecked(bytes);
            ethernet.emit(&mut frame);
            let bytes = frame.payload_mut();
            let (next_header, hop_limit) = (IpProtocol::Udp, HOP_LIMIT);
            let bytes = match (asked.local, asked.remote.ip()) {
                (IpAddr::V4(src_addr), IpAddr::V4(dst_addr)) => {
                    let mut packet = Ipv4Packet::new_unchecked(bytes);
                    let repr = Ipv4Repr {
                        src_addr,
                        dst_addr,
                        next_header,
                        payload_len,
                        hop_limit,
                    };
                    repr.emit(&mut packet, self.checksums);
                    packet.into_inner().get_mut(20..)
                }
                (IpAddr::V6(src_addr), IpAddr::V6(dst_addr)) => {
                    let mut packet = Ipv6Packet::new_unchecked(bytes);
                    let repr = Ipv6Repr {
                        src_addr,
                        dst_addr,
                        next_header,
                        payload_len,
                        hop_limit,
                    };
                    repr.emit(&mut packet);
                    packet.into_inner().get_mut(40..)
                }
                _ => None,
            };
            let (source, target) = (asked.local.into(), asked.remote.ip().into());
            let mut packet = UdpPacket::new_unchecked(bytes.unwrap_or_default());
            udp.emit(
                &mut packet,
                &source,
                &target,
                payload.len(),
                |bytes| bytes.copy_from_slice(payload),
                self.checksums,
            );
        });
    }

    /// The frame by which a neighbor would tell us its address: the stack need not ask for it then,
    /// which it does only once a second.
    pub(super) fn introduction(
        &self,
        neighbor: EthernetAddress,
        ip: IpAddr,
        local: IpAddr,
    ) -> Introduction {
        let mut bytes = [0; INTRODUCTION];
        let ethertype = match ip {
            IpAddr::V4(_) => EthernetProtocol::Arp,
            IpAddr::V6(_) => EthernetProtocol::Ipv6,
        };
        let ethernet = EthernetRepr {
            src_addr: neighbor,
            dst_addr: self.mac,
            ethertype,
        };
        let mut frame = EthernetFrame::new_unchecked(&mut bytes[..]);
        ethernet.emit(&mut frame);
        match (ip, local) {
            (IpAddr::V4(ip), IpAddr::V4(local)) => {
                let arp = ArpRepr::EthernetIpv4 {
                    operation: ArpOperation::Reply,
                    source_hardware_addr: neighbor,
                    source_protocol_addr: ip,
                    target_hardware_addr: self.mac,
                    target_protocol_addr: local,
                };
                arp.emit(&mut ArpPacket::new_unchecked(frame.payload_mut()));
            }
            (IpAddr::V6(src_addr), IpAddr::V6(dst_addr)) => {
                let advert = Icmpv6Repr::Ndisc(NdiscRepr::NeighborAdvert {
                    flags: NdiscNeighborFlags::SOLICITED | NdiscNeighborFlags::OVERRIDE,
                    target_addr: src_addr,
                    lladdr: Some(neighbor.into()),
                });
                let repr = Ipv6Repr {
                    src_addr,
                    dst_addr,
                    next_header: IpProtocol::Icmpv6,
                    payload_len: advert.buffer_len(),
                    hop_limit: 255,
                };
                let mut packet = Ipv6Packet::new_unchecked(frame.payload_mut());
                repr.emit(&mut packet);
                let bytes = packet.payload_mut();
                let mut packet = Icmpv6Packet::new_unchecked(bytes);
                advert.emit(&src_addr, &dst_addr, &mut packet, self.checksums);
            }
            _ => {}
        }
        bytes
    }
}

/// Bytes of the frame by which a neighbor tells its address: of IPv6, the longer one.
const INTRODUCTION: usize = 14 + 40 + 32;
pub(super) type Introduction = [u8; INTRODUCTION];

fn segment<'f>(neighbor: EthernetAddress, from: IpAddr, to: IpAddr, bytes: &[u8]) -> Arrival<'f> {
    let Ok(packet) = TcpPacket::new_checked(bytes) else {
        return Arrival::Malformed;
    };
    Arrival::Segment(Segment {
        neighbor,
        remote: SocketAddr::new(from, packet.src_port()),
        local: to,
        opens: packet.syn() && !packet.ack() && packet.dst_port() != 0,
    })
}
