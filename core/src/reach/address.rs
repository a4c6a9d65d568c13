//! What an address is by itself.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Scope;

/// Whether packets to this address go to one machine (RFC 1122 section 3.2.1.3, RFC 4291 section
/// 2.7).
pub(crate) const fn is_unicast(ip: IpAddr) -> bool {
    !(ip.is_multicast() || ip.is_unspecified() || matches!(ip, IpAddr::V4(v4) if v4.is_broadcast()))
}

/// Whether the address is one of the internet: not private (RFC 1918), shared by a provider's
/// customers (RFC 6598), reserved, of a link, a loopback or for many. Networks for documentation
/// count as internet, because laboratories use them as that.
pub const fn is_global_v4(ip: Ipv4Addr) -> bool {
    !matches!(
        ip.octets(),
        [0 | 10 | 127 | 224..=255, ..]
            | [100, 64..=127, ..]
            | [169, 254, ..]
            | [172, 16..=31, ..]
            | [192, 168, ..]
            | [192, 0, 0, _]
            | [198, 18..=19, ..]
    )
}

/// Whether the address is one of the internet: in 2000::/3 (RFC 4291 section 2.4). Networks for
/// documentation are.
pub const fn is_global_v6(ip: Ipv6Addr) -> bool {
    matches!(ip.octets(), [0x20..=0x3f, ..])
}

/// The router or a link, if the address is of one.
#[inline]
pub(super) const fn near(ip: IpAddr) -> Option<Scope> {
    match ip {
        IpAddr::V4(ip) => match ip.octets() {
            [127, ..] => Some(Scope::Host),
            [169, 254, ..] => Some(Scope::Link),
            _ => None,
        },
        IpAddr::V6(ip) if ip.is_loopback() => Some(Scope::Host),
        IpAddr::V6(ip) if ip.is_unicast_link_local() => Some(Scope::Link),
        IpAddr::V6(_) => None,
    }
}

/// Whether the address is one of the internet.
pub(super) const fn is_global(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_global_v4(ip),
        IpAddr::V6(ip) => is_global_v6(ip),
    }
}
