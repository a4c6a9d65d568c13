//! The addresses of the machine's network interfaces.

use core::ffi::CStr;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::ptr;
use std::io;

use libc::{AF_INET, AF_INET6, ifaddrs, sa_family_t, sockaddr, sockaddr_in, sockaddr_in6};

/// One address of an interface.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Address {
    /// The interface's name.
    pub interface: String,
    /// The address.
    pub ip: IpAddr,
    /// Bits of it that are those of its network: 0 to 32 for IPv4, to 128 for IPv6.
    pub bits: u8,
    /// Whether the interface is up and isn't the loopback interface.
    pub usable: bool,
}

/// All addresses of all interfaces, in the kernel's order. Allocates, here and in the C library:
/// for once a minute, not for a request.
///
/// # Errors
///
/// The kernel's, if it doesn't tell.
pub fn addresses() -> io::Result<Vec<Address>> {
    let list = List::get()?;
    let mut addresses = Vec::new();
    let mut next = list.0.cast_const();
    // SAFETY: it is null or an entry of the list, which lives as long as `list`.
    while let Some(entry) = unsafe { next.as_ref() } {
        next = entry.ifa_next;
        // SAFETY: it is null or a socket address of the list.
        let Some(address) = (unsafe { entry.ifa_addr.as_ref() }) else {
            continue;
        };
        // SAFETY: an address has as many bytes as its family says.
        let ip = unsafe { ip(entry.ifa_addr, address.sa_family) };
        // SAFETY: a mask is null or as long as its address.
        let mask = unsafe { ip_or_null(entry.ifa_netmask, address.sa_family) };
        let (Some(ip), Some(mask)) = (ip, mask) else {
            continue;
        };
        // SAFETY: the name of an entry is a string with its end, and lives as long as `list`.
        let name = unsafe { CStr::from_ptr(entry.ifa_name) };
        addresses.push(Address {
            interface: name.to_string_lossy().into_owned(),
            ip,
            bits: leading_ones(mask),
            usable: entry.ifa_flags & (UP | LOOPBACK) == UP,
        });
    }
    Ok(addresses)
}

const UP: u32 = libc::IFF_UP as u32;
const LOOPBACK: u32 = libc::IFF_LOOPBACK as u32;

/// A list of the C library's, freed when it is dropped.
struct List(*mut ifaddrs);

impl List {
    fn get() -> io::Result<Self> {
        let mut first = ptr::null_mut();
        // SAFETY: it writes one pointer, to where there is room for one.
        match unsafe { libc::getifaddrs(&raw mut first) } {
            0 => Ok(Self(first)),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

impl Drop for List {
    fn drop(&mut self) {
        // SAFETY: it comes from getifaddrs, and nothing in it is borrowed any more.
        unsafe { libc::freeifaddrs(self.0) }
    }
}

/// The IPv4 or IPv6 address in a socket address.
///
/// # Safety
///
/// `address` has as many readable bytes as a socket address of `family`.
unsafe fn ip(address: *const sockaddr, family: sa_family_t) -> Option<IpAddr> {
    match i32::from(family) {
        AF_INET => {
            // SAFETY: the caller says that it is one.
            let address = unsafe { address.cast::<sockaddr_in>().read_unaligned() };
            Some(Ipv4Addr::from(address.sin_addr.s_addr.to_ne_bytes()).into())
        }
        AF_INET6 => {
            // SAFETY: the caller says that it is one.
            let address = unsafe { address.cast::<sockaddr_in6>().read_unaligned() };
            Some(Ipv6Addr::from(address.sin6_addr.s6_addr).into())
        }
        _ => None,
    }
}

/// The same, of a pointer that may be null.
///
/// # Safety
///
/// As for [`ip`], unless it is null.
unsafe fn ip_or_null(address: *const sockaddr, family: sa_family_t) -> Option<IpAddr> {
    if address.is_null() {
        return None;
    }
    // SAFETY: the caller says so.
    unsafe { ip(address, family) }
}

fn leading_ones(mask: IpAddr) -> u8 {
    let ones = match mask {
        IpAddr::V4(mask) => mask.to_bits().leading_ones(),
        IpAddr::V6(mask) => mask.to_bits().leading_ones(),
    };
    u8::try_from(ones).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use core::net::{IpAddr, Ipv4Addr};

    use super::{addresses, leading_ones};

    #[test]
    #[cfg_attr(miri, ignore = "no interfaces there")]
    fn the_loopback_interface_has_its_address() {
        let addresses = addresses().unwrap();
        let own = IpAddr::from(Ipv4Addr::LOCALHOST);
        let found = addresses.iter().find(|address| address.ip == own);
        let found = found.unwrap_or_else(|| panic!("{addresses:?}"));
        assert_eq!((found.bits, found.interface.as_str()), (8, "lo"));
        assert!(!found.usable);
    }

    #[test]
    fn a_mask_is_as_many_bits_as_it_begins_with() {
        for (mask, bits) in [
            ("0.0.0.0", 0),
            ("255.255.255.0", 24),
            ("255.255.255.255", 32),
            ("ffff:ffff:ffff:ffff::", 64),
            ("::", 0),
            ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 128),
        ] {
            assert_eq!(leading_ones(mask.parse().unwrap()), bits, "{mask}");
        }
    }
}
