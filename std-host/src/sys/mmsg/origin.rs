//! Where a datagram comes from, and the address that it came to.

use core::mem;
use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use libc::{c_int, cmsghdr, sockaddr_in6};

/// A control message with the local address of a datagram (`struct in_pktinfo` or `struct
/// in6_pktinfo`).
///
/// It goes out as it came in, which makes the reply leave from the address that the request came
/// to.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
pub(super) struct Control {
    pub(super) header: cmsghdr,
    pub(super) data: [u32; 5],
}

// What the kernel writes for an in6_pktinfo fills a `Control`, padding at the end included. Its
// alignment is that of a size_t; musl's cmsghdr asks for less on 64-bit machines.
// SAFETY: CMSG_SPACE only computes.
const _: () = assert!(size_of::<Control>() == unsafe { libc::CMSG_SPACE(20) } as usize);

impl Control {
    // SAFETY: a structure of integers, for which zero is a value.
    pub(super) const EMPTY: Self = unsafe { mem::zeroed() };

    /// Makes what came with a request fit for its reply. False if it is nothing that a reply could
    /// use.
    pub(super) fn reverse(&mut self, len: usize) -> bool {
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

/// The name as an address; `None` if it is of another family.
pub(super) fn address(name: &sockaddr_in6) -> Option<SocketAddr> {
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

/// Whether two names are of the same client.
pub(super) fn same(one: &sockaddr_in6, other: &sockaddr_in6) -> bool {
    one.sin6_port == other.sin6_port
        && one.sin6_flowinfo == other.sin6_flowinfo
        && one.sin6_family == other.sin6_family
        && (c_int::from(one.sin6_family) == libc::AF_INET
            || (one.sin6_addr.s6_addr == other.sin6_addr.s6_addr
                && one.sin6_scope_id == other.sin6_scope_id))
}

pub(super) const fn empty_name() -> sockaddr_in6 {
    // SAFETY: a structure of integers, for which zero is a value.
    unsafe { mem::zeroed() }
}
