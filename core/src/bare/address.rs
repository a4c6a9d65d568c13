//! The addresses of the device: given, from DHCP, or from a router's advertisements.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use smoltcp::iface::Interface;
use smoltcp::socket::dhcpv4;
use smoltcp::wire::{EthernetAddress, IpCidr, Ipv4Cidr, Ipv6Cidr};

use super::setup::{Ipv4, Ipv6, Setup, SetupError};
use crate::reach::is_unicast;

impl Setup {
    /// Looks whether a driver can be set up like this, as far as the device isn't needed for it.
    ///
    /// # Errors
    ///
    /// [`SetupError`].
    pub fn check(&self) -> Result<(), SetupError> {
        if self.port == 0 {
            return Err(SetupError::Port);
        }
        let mac = EthernetAddress(self.mac);
        if !mac.is_unicast() || self.mac == [0; 6] {
            return Err(SetupError::Mac);
        }
        let name = self.name.as_bytes();
        let good = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
        if name.len() > 63 || !name.iter().all(good) {
            return Err(SetupError::Name);
        }
        if let Ipv4::Static {
            address,
            bits,
            router,
        } = self.ipv4
        {
            if bits == 0 || bits > 32 || !is_host(address, bits) {
                return Err(SetupError::Address(address.into()));
            }
            if let Some(router) = router
                && !(is_host(router, bits) && Ipv4Cidr::new(address, bits).contains_addr(&router))
            {
                return Err(SetupError::Address(router.into()));
            }
        }
        if let Some((address, bits)) = self.ipv6.address
            && (bits == 0 || bits > 128 || !is_unicast(address.into()) || address.is_loopback())
        {
            return Err(SetupError::Address(address.into()));
        }
        match self.ipv6.router {
            Some(router) if !is_unicast(router.into()) => Err(SetupError::Address(router.into())),
            _ => Ok(()),
        }
    }
}

/// Gives the interface the addresses that are known from the start, of a setup that was checked.
pub(super) fn begin(interface: &mut Interface, setup: &Setup) {
    if let Ipv4::Static {
        address,
        bits,
        router,
    } = setup.ipv4
    {
        set_v4(interface, Some((address, bits, router)));
    }
    if setup.ipv6 == Ipv6::OFF {
        return;
    }
    let own = Some((link_local(setup.mac), 64));
    for (address, bits) in [own, setup.ipv6.address].into_iter().flatten() {
        interface.update_ip_addrs(|all| {
            // There is room for all that can be configured.
            let _ = all.push(IpCidr::Ipv6(Ipv6Cidr::new(address, bits)));
        });
    }
    if let Some(router) = setup.ipv6.router {
        let _ = interface.routes_mut().add_default_ipv6_route(router);
    }
}

/// Takes what DHCP says; `None` is that it says nothing any more. False for what can't be.
pub(super) fn lease(interface: &mut Interface, lease: Option<dhcpv4::Config<'_>>) -> bool {
    let Some(lease) = lease else {
        set_v4(interface, None);
        return true;
    };
    let (address, bits) = (lease.address.address(), lease.address.prefix_len());
    if bits == 0 || bits > 32 || !is_host(address, bits) {
        return false;
    }
    let router = lease
        .router
        .filter(|router| is_host(*router, bits) && lease.address.contains_addr(router));
    set_v4(interface, Some((address, bits, router)));
    true
}

fn set_v4(interface: &mut Interface, v4: Option<(Ipv4Addr, u8, Option<Ipv4Addr>)>) {
    interface.update_ip_addrs(|all| {
        all.retain(|address| matches!(address, IpCidr::Ipv6(_)));
        if let Some((address, bits, _)) = v4 {
            let _ = all.push(IpCidr::Ipv4(Ipv4Cidr::new(address, bits)));
        }
    });
    interface.routes_mut().remove_default_ipv4_route();
    if let Some((_, _, Some(router))) = v4 {
        let _ = interface.routes_mut().add_default_ipv4_route(router);
    }
}

/// Whether one machine can have the address in a network of so many bits.
fn is_host(address: Ipv4Addr, bits: u8) -> bool {
    let network = Ipv4Cidr::new(address, bits);
    is_unicast(address.into())
        && !address.is_loopback()
        && network.broadcast() != Some(address)
        && (bits > 30 || network.network().address() != address)
}

/// The address that the device has on its link (RFC 4291 appendix A).
pub(super) fn link_local(mac: [u8; 6]) -> Ipv6Addr {
    let [a, b, c, d, e, f] = mac.map(u16::from);
    Ipv6Addr::new(
        0xfe80,
        0,
        0,
        0,
        (a ^ 2) << 8 | b,
        c << 8 | 0xff,
        0xfe00 | d,
        e << 8 | f,
    )
}

/// To which address on the link packets for `remote` go: its own, or the router's.
pub(super) fn next_hop(interface: &mut Interface, remote: IpAddr) -> Option<IpAddr> {
    let address = remote.into();
    let mut networks = interface.ip_addrs().iter();
    if networks.any(|network| network.contains_addr(&address)) {
        return Some(remote);
    }
    let mut router = None;
    interface.routes_mut().update(|routes| {
        let mut routes = routes.iter();
        let route = routes.find(|route| route.cidr.contains_addr(&address));
        router = route.map(|route| route.via_router.into());
    });
    router
}
