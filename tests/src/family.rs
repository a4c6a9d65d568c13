//! The two families of addresses, so that one test proves its point over each.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::http_client::HttpClient;
use crate::server::Server;
use crate::udp_client::UdpClient;

/// IPv4 or IPv6.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Family {
    /// IPv4: 6 bytes for a compact peer.
    V4,
    /// IPv6: 18 bytes for a compact peer.
    V6,
}

impl Family {
    /// The other one.
    pub const fn other(self) -> Self {
        match self {
            Self::V4 => Self::V6,
            Self::V6 => Self::V4,
        }
    }

    /// The loopback address.
    pub const fn loopback(self) -> IpAddr {
        match self {
            Self::V4 => IpAddr::V4(Ipv4Addr::LOCALHOST),
            Self::V6 => IpAddr::V6(Ipv6Addr::LOCALHOST),
        }
    }

    /// Most peers that a UDP reply carries: the longest reply is 1,220 bytes over IPv4 and 1,208
    /// over IPv6.
    pub const fn most_udp_peers(self) -> usize {
        match self {
            Self::V4 => 200,
            Self::V6 => 66,
        }
    }

    /// The key of a compact list in an HTTP reply.
    pub const fn peers_key(self) -> &'static str {
        match self {
            Self::V4 => "peers",
            Self::V6 => "peers6",
        }
    }

    /// Where `server` takes datagrams.
    pub fn udp_address(self, server: &Server) -> SocketAddr {
        match self {
            Self::V4 => server.udp_v4(),
            Self::V6 => server.udp_v6(),
        }
    }

    /// Where `server` takes connections.
    pub fn tcp_address(self, server: &Server) -> SocketAddr {
        match self {
            Self::V4 => server.tcp_v4(),
            Self::V6 => server.tcp_v6(),
        }
    }

    /// A UDP client on a free port, with a connection id.
    pub fn udp(self, server: &Server) -> UdpClient {
        UdpClient::connect(self.udp_address(server))
    }

    /// An HTTP connection.
    pub fn http(self, server: &Server) -> HttpClient {
        HttpClient::connect(self.tcp_address(server))
    }

    /// A peer on the loopback address.
    pub const fn peer(self, port: u16) -> SocketAddr {
        SocketAddr::new(self.loopback(), port)
    }
}

/// Makes of each `fn name(family: Family)` the tests `ipv4::name` and `ipv6::name`.
///
/// Over IPv6 they pass unproved, and say so, where the machine has none.
#[macro_export]
macro_rules! for_both_families {
    ($($(#[doc = $doc:literal])* fn $name:ident($family:ident: Family) $body:block)*) => {
        $($(#[doc = $doc])* fn $name($family: $crate::family::Family) $body)*
        mod ipv4 {
            $(#[test] fn $name() {
                super::$name($crate::family::Family::V4);
            })*
        }
        mod ipv6 {
            $(#[test] fn $name() {
                if $crate::server::ipv6_works() {
                    super::$name($crate::family::Family::V6);
                }
            })*
        }
    };
}
