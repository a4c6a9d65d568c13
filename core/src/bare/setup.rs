//! How a driver is set up.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What a driver must be told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Setup {
    /// The address of the network device.
    pub mac: [u8; 6],
    /// The port of the tracker, over UDP and TCP: from 1.
    pub port: u16,
    /// What DHCP servers are told that the device is called, which many make a name in their network
    /// of: up to 63 letters, digits and hyphens, empty for none.
    pub name: &'static str,
    /// Where the IPv4 address comes from.
    pub ipv4: Ipv4,
    /// Where IPv6 addresses come from.
    pub ipv6: Ipv6,
    /// Another at each start, best from a random source: sequence numbers of TCP follow from it.
    pub seed: u64,
}

/// Where the IPv4 address comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ipv4 {
    /// There is none.
    Off,
    /// From DHCP.
    Dhcp,
    /// From here.
    Static {
        /// The address.
        address: Ipv4Addr,
        /// Bits of it that are the network's, 1 to 32.
        bits: u8,
        /// The router to other networks, in this network.
        router: Option<Ipv4Addr>,
    },
}

/// Where IPv6 addresses come from. Unless it is [`OFF`](Self::OFF) there is one on the link that
/// follows from the MAC address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ipv6 {
    /// Whether one is made from what a router advertises (RFC 4862), networks of 64 bits only.
    pub automatic: bool,
    /// One that is given, and the bits of it that are the network's, 1 to 128.
    pub address: Option<(Ipv6Addr, u8)>,
    /// The router to other networks, if none advertises itself.
    pub router: Option<Ipv6Addr>,
}

impl Ipv6 {
    /// No IPv6 at all.
    pub const OFF: Self = Self {
        automatic: false,
        address: None,
        router: None,
    };

    /// From a router's advertisements.
    pub const AUTOMATIC: Self = Self {
        automatic: true,
        ..Self::OFF
    };
}

/// A driver can't be set up like this. The firmware's fault, or its operator's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SetupError {
    /// The device isn't Ethernet, or carries less than 1,280 bytes at a time, as IPv6 needs.
    Device,
    /// The MAC address isn't one of a single device.
    Mac,
    /// This address can't be one of a single device in its network.
    Address(IpAddr),
    /// Port 0 can't be listened on.
    Port,
    /// The name is no label of a domain name (RFC 1123 section 2.1).
    Name,
    /// There is room for less than two connections, or fewer bytes than
    /// [`Sizes::bytes`](super::Sizes::bytes) says, or one of the sizes is too small.
    Memory,
}

impl fmt::Display for SetupError {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Device => to.write_str("not an Ethernet device of at least 1280 bytes"),
            Self::Mac => to.write_str("not the MAC address of one device"),
            Self::Address(ip) => write!(to, "{ip} can't be a device's address in its network"),
            Self::Port => to.write_str("port 0 can't be listened on"),
            Self::Name => to.write_str("not a name of letters, digits and hyphens"),
            Self::Memory => to.write_str("too little memory for connections"),
        }
    }
}

impl core::error::Error for SetupError {}
