//! Who can reach whom: on a router some addresses mean something only on the machine itself, on
//! one link, or in the LAN, and a reply names each peer by the address at which the asker reaches
//! it.
//!
//! Peers are stored at the address that they announce from. What an asker is told of a peer:
//!
//! | peer | asker on the router | on a link | in the LAN | in the world |
//! |---|---|---|---|---|
//! | world | as it is | as it is | as it is | as it is |
//! | LAN | as it is | as it is | as it is | public address |
//! | link | as it is | as it is | nothing | nothing |
//! | router | as it is | own, else public | own, else public | public address |
//!
//! Public and own are the router's addresses of that family outside and in the LAN, with the peer's
//! port; where they aren't known the peer is left out.
//!
//! - Loopback addresses are the router's own, fe80::/10 and 169.254/16 those of a link. They are
//!   kept from others even when nothing is configured, since nobody could use them.
//! - An address of a configured network is of the LAN unless it is global: a LAN's global IPv6
//!   addresses are good for everybody. Whoever asks from one is in the LAN all the same.
//! - Other private addresses, and all of them when no LAN is configured, are handed out as they are,
//!   as opentracker does: we can't know where they mean something. Whoever asks from one is in the
//!   world.
//! - Who comes from the public address is inside: a router that does network address translation
//!   for its own LAN (hairpin) gave it that source. It is told the LAN's addresses, and stored at
//!   the public one, which the world can use and the LAN by another hairpin. One that does so with
//!   its LAN address hides who it is: the LAN reaches such a peer only if that port leads to it.
//! - A link is taken for the LAN: who asks from it is told the LAN's addresses, which a neighbour on
//!   the other side of the router can't use.

mod address;
mod view;

use core::net::IpAddr;

pub(crate) use self::address::is_unicast;
pub use self::address::{is_global_v4, is_global_v6};
pub(crate) use self::view::{Near, adapt};
use crate::policy::Lan;

/// How far an address means something, nearer ones behind.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Scope {
    /// Everywhere, or we don't know better.
    World,
    /// In the LAN.
    Lan,
    /// On one link.
    Link,
    /// On the router itself.
    Host,
}

impl Scope {
    /// Where a peer that is stored at `ip` can be reached. Work: looks at each network of the LAN
    /// if the address is private.
    pub fn of(ip: IpAddr, lan: &Lan) -> Self {
        match address::near(ip) {
            Some(scope) => scope,
            None if address::is_global(ip) => Self::World,
            None if lan.networks.iter().any(|network| network.contains(ip)) => Self::Lan,
            None => Self::World,
        }
    }

    /// From where somebody looks who comes from `ip`. Work: looks at each network of the LAN.
    #[inline]
    pub fn of_asker(ip: IpAddr, lan: &Lan) -> Self {
        let public = || match ip {
            IpAddr::V4(ip) => lan.public_v4 == Some(ip),
            IpAddr::V6(ip) => lan.public_v6 == Some(ip),
        };
        match address::near(ip) {
            Some(scope) => scope,
            None if public() || lan.networks.iter().any(|net| net.contains(ip)) => Self::Lan,
            None => Self::World,
        }
    }
}

/// Whether somebody who comes from `source` may say that it is reached at `ip`: not if that means
/// something only nearer to us, or a stranger could have us send the LAN to a port of the router.
pub(crate) fn may_name(source: IpAddr, ip: IpAddr, lan: &Lan) -> bool {
    ip == source || Scope::of(ip, lan) <= Scope::of_asker(source, lan)
}

/// The address by which the world knows somebody who comes from `ip` (BEP 24).
pub(crate) fn external(ip: IpAddr, lan: &Lan) -> IpAddr {
    if Scope::of(ip, lan) == Scope::World {
        return ip;
    }
    match ip {
        IpAddr::V4(_) => lan.public_v4.map_or(ip, IpAddr::V4),
        IpAddr::V6(_) => lan.public_v6.map_or(ip, IpAddr::V6),
    }
}

#[cfg(test)]
mod tests;
