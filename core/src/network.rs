//! Networks: an address and how many of its leading bits count.

use core::fmt;
use core::net::IpAddr;

/// All addresses that begin with the same bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Network {
    /// The first address, the bits behind the prefix zero, in the form of IPv6: IPv4 is mapped. As
    /// bytes, so that a table of them has no gaps.
    first: [u8; 16],
    /// Bits of the prefix, 0 to 128.
    bits: u8,
}

/// More bits than the address has. The operator's fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooManyBits;

impl fmt::Display for TooManyBits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("more bits than the address has")
    }
}

impl core::error::Error for TooManyBits {}

/// Bits before an IPv4 address in the form of IPv6 (RFC 4291 section 2.5.5.2).
const MAPPED_BITS: u8 = 96;

impl Network {
    /// The network of the first `bits` of `ip`: 0 to 32 for IPv4, to 128 for IPv6. What else is set
    /// in `ip` doesn't count.
    ///
    /// # Errors
    ///
    /// [`TooManyBits`].
    pub fn new(ip: IpAddr, bits: u8) -> Result<Self, TooManyBits> {
        let bits = match ip {
            IpAddr::V4(_) if bits <= 32 => bits.saturating_add(MAPPED_BITS),
            IpAddr::V6(_) if bits <= 128 => bits,
            _ => return Err(TooManyBits),
        };
        Ok(Self {
            first: (wide(ip) & mask(bits)).to_be_bytes(),
            bits,
        })
    }

    /// The one address.
    pub fn of(ip: IpAddr) -> Self {
        Self {
            first: wide(ip).to_be_bytes(),
            bits: 128,
        }
    }

    /// Whether `ip` is in it. IPv4 in the form of IPv6 is IPv4.
    pub fn contains(&self, ip: IpAddr) -> bool {
        wide(ip) & mask(self.bits) == u128::from_be_bytes(self.first)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = core::net::Ipv6Addr::from(self.first);
        match (first.to_ipv4_mapped(), self.bits.checked_sub(MAPPED_BITS)) {
            (Some(ip), Some(bits)) => write!(f, "{ip}/{bits}"),
            _ => write!(f, "{first}/{}", self.bits),
        }
    }
}

fn wide(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().to_bits(),
        IpAddr::V6(ip) => ip.to_bits(),
    }
}

fn mask(bits: u8) -> u128 {
    u128::MAX
        .checked_shl(128u32.saturating_sub(bits.into()))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use core::net::IpAddr;
    use std::string::ToString as _;

    use super::{Network, TooManyBits};

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_network_has_the_addresses_with_its_prefix() {
        for (net, bits, inside, outside) in [
            ("192.168.1.7", 24, "192.168.1.255", "192.168.2.0"),
            ("10.0.0.1", 8, "10.255.255.255", "11.0.0.0"),
            ("192.0.2.1", 32, "192.0.2.1", "192.0.2.0"),
            ("2001:db8::1", 32, "2001:db8:ffff::", "2001:db9::"),
            ("fd00::", 8, "fdff::1", "fe00::"),
            ("::1", 128, "::1", "::2"),
            ("0.0.0.0", 0, "255.255.255.255", "::1"),
        ] {
            let network = Network::new(ip(net), bits).unwrap();
            assert!(network.contains(ip(net)) && network.contains(ip(inside)));
            assert!(!network.contains(ip(outside)), "{net}/{bits}");
        }
    }

    #[test]
    fn ipv4_and_ipv6_are_apart_but_for_mapped_addresses() {
        let network = Network::new(ip("192.0.2.0"), 24).unwrap();
        assert!(network.contains(ip("::ffff:192.0.2.9")));
        let all_of_ipv6 = Network::new(ip("::"), 0).unwrap();
        assert!(all_of_ipv6.contains(ip("2001:db8::1")) && all_of_ipv6.contains(ip("192.0.2.1")));
        assert!(!Network::new(ip("::"), 1).unwrap().contains(ip("8000::")));
        assert_eq!(Network::of(ip("192.0.2.1")).to_string(), "192.0.2.1/32");
    }

    #[test]
    fn bits_beyond_the_address_are_refused() {
        assert_eq!(Network::new(ip("1.2.3.4"), 33), Err(TooManyBits));
        assert_eq!(Network::new(ip("::1"), 129), Err(TooManyBits));
        assert_eq!(
            Network::new(ip("192.168.77.1"), 16).unwrap().to_string(),
            "192.168.0.0/16"
        );
        assert_eq!(
            Network::new(ip("2001:db8::7"), 32).unwrap().to_string(),
            "2001:db8::/32"
        );
    }
}
