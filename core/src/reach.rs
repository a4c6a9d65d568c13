//! Who can reach whom.

use core::net::IpAddr;

/// Whether packets to this address go to one machine (RFC 1122 section 3.2.1.3, RFC 4291 section
/// 2.7).
pub(crate) const fn is_unicast(ip: IpAddr) -> bool {
    !(ip.is_multicast() || ip.is_unspecified() || matches!(ip, IpAddr::V4(v4) if v4.is_broadcast()))
}
