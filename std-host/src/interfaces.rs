//! What the machine's network interfaces tell of the LAN.

use core::fmt;
use core::net::IpAddr;
use std::io;

use wrtracker_core::network::Network;
use wrtracker_core::policy::Lan;
use wrtracker_core::reach::{is_global_v4, is_global_v6};
use wrtracker_core::time::Secs;

use crate::log;
use crate::settings::LanAuto;
use crate::sys::ifaddrs::{self, Address};

/// The addresses of the interfaces that are up, the loopback interface aside.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found(Vec<Address>);

impl Found {
    /// Asks the kernel. Allocates a little: for once a minute.
    ///
    /// # Errors
    ///
    /// The kernel's, if it doesn't tell.
    pub fn read() -> io::Result<Self> {
        Ok(Self::of(ifaddrs::addresses()?))
    }

    fn of(mut addresses: Vec<Address>) -> Self {
        addresses.retain(|address| address.usable);
        Self(addresses)
    }

    /// Adds to `lan` what `auto` asks for, and in any case our own address in each family:
    ///
    /// - networks: those of the interfaces' private addresses (RFC 1918, RFC 4193), up to 16 in
    ///   all. On a router behind another one the network between them is among these; who minds
    ///   names the LAN instead.
    /// - public addresses, where none is named: the first global one of each family, of IPv6 rather
    ///   one outside the LAN. Behind another router there is none of IPv4.
    /// - our own addresses: the first of each family in any of the LAN's networks.
    pub fn fill(&self, auto: LanAuto, lan: &mut Lan) {
        if auto.networks {
            for address in &self.0 {
                let Some(network) = private_network(address) else {
                    continue;
                };
                if !lan.networks.contains(&network) && lan.networks.push(network).is_err() {
                    break;
                }
            }
        }
        for address in &self.0 {
            let inside = lan.networks.iter().any(|net| net.contains(address.ip));
            match address.ip {
                IpAddr::V4(ip) if inside => lan.own_v4 = lan.own_v4.or(Some(ip)),
                IpAddr::V6(ip) if inside => lan.own_v6 = lan.own_v6.or(Some(ip)),
                _ => {}
            }
        }
        if auto.public_address {
            let v4 = self.0.iter().find_map(|address| match address.ip {
                IpAddr::V4(ip) if is_global_v4(ip) => Some(ip),
                _ => None,
            });
            let global_v6 = self.0.iter().filter_map(|address| match address.ip {
                IpAddr::V6(ip) if is_global_v6(ip) => Some(ip),
                _ => None,
            });
            let inside = |ip| lan.networks.iter().any(|net| net.contains(IpAddr::V6(ip)));
            let v6 = global_v6.clone().find(|&ip| !inside(ip));
            let v6 = v6.or_else(|| global_v6.clone().next());
            lan.public_v4 = lan.public_v4.or(v4);
            lan.public_v6 = lan.public_v6.or(v6);
        }
    }
}

/// The network of a private address, if there are others in it. Never more than the private space.
fn private_network(address: &Address) -> Option<Network> {
    let space = match address.ip {
        IpAddr::V4(ip) => match ip.octets() {
            [10, ..] => 8,
            [172, 16..=31, ..] => 12,
            [192, 168, ..] => 16,
            _ => return None,
        },
        IpAddr::V6(ip) if ip.is_unique_local() => 7,
        IpAddr::V6(_) => return None,
    };
    let whole = if address.ip.is_ipv4() { 32 } else { 128 };
    if address.bits >= whole {
        return None;
    }
    Network::new(address.ip, address.bits.max(space)).ok()
}

/// Keeps what the core knows of the LAN up to date.
#[derive(Debug)]
pub struct LanWatch {
    configured: Lan,
    auto: LanAuto,
    /// When to look again.
    next: Secs,
    /// What the operator was told last.
    told: Option<Result<Lan, io::ErrorKind>>,
}

impl LanWatch {
    /// For a LAN of which the operator named `configured`, and wants `auto` found out.
    pub const fn new(configured: Lan, auto: LanAuto) -> Self {
        Self {
            configured,
            auto,
            next: Secs(0),
            told: None,
        }
    }

    /// Nothing to watch.
    pub const OFF: Self = Self::new(
        Lan::UNKNOWN,
        LanAuto {
            networks: false,
            public_address: false,
        },
    );

    /// The LAN as it is now, if it is another than `current`. Looks at once for the first time and
    /// then once a minute, if there is anything to find out, and tells the operator what is new.
    ///
    /// If the kernel doesn't tell, everything stays as it is.
    pub fn look(&mut self, current: &Lan, now: Secs) -> Option<Lan> {
        let auto = self.auto;
        let nothing = !auto.networks && !auto.public_address && self.configured.networks.is_empty();
        if nothing || now < self.next {
            return None;
        }
        self.next = now.plus(PERIOD);
        match Found::read() {
            Ok(found) => {
                let mut lan = self.configured.clone();
                found.fill(auto, &mut lan);
                self.tell(Ok(lan.clone()));
                (lan != *current).then_some(lan)
            }
            Err(error) => {
                self.tell(Err(error.kind()));
                None
            }
        }
    }

    /// Tells it unless it was told last.
    fn tell(&mut self, told: Result<Lan, io::ErrorKind>) {
        if self.told.as_ref() == Some(&told) {
            return;
        }
        match &told {
            Ok(lan) => {
                log::info(Describe(lan));
                if self.auto.public_address && lan.public_v4.is_none() && lan.public_v6.is_none() {
                    log::warning(
                        "no interface has a public address: who is outside is told of nobody in \
                         the LAN, unless lan.public_address names it",
                    );
                }
            }
            Err(kind) => {
                log::warning(format_args!("can't see the network interfaces: {kind}"));
            }
        }
        self.told = Some(told);
    }
}

/// Seconds between two looks at the interfaces.
const PERIOD: u32 = 60;

/// A LAN, in words.
struct Describe<'l>(&'l Lan);

impl fmt::Display for Describe<'_> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Lan {
            networks,
            public_v4,
            public_v6,
            own_v4,
            own_v6,
        } = self.0;
        to.write_str("the LAN is")?;
        if networks.is_empty() {
            to.write_str(" unknown")?;
        }
        for network in networks {
            write!(to, " {network}")?;
        }
        list(to, ", here", own_v4.map(Into::into), own_v6.map(Into::into))?;
        let public = [public_v4.map(Into::into), public_v6.map(Into::into)];
        list(to, ", from outside", public[0], public[1])
    }
}

fn list(
    to: &mut fmt::Formatter<'_>,
    what: &str,
    v4: Option<IpAddr>,
    v6: Option<IpAddr>,
) -> fmt::Result {
    if v4.is_some() || v6.is_some() {
        to.write_str(what)?;
    }
    for ip in [v4, v6].into_iter().flatten() {
        write!(to, " {ip}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use wrtracker_core::network::Network;
    use wrtracker_core::policy::Lan;
    use wrtracker_core::time::Secs;

    use super::{Address, Describe, Found, LanWatch};
    use crate::settings::LanAuto;

    const BOTH: LanAuto = LanAuto {
        networks: true,
        public_address: true,
    };
    const NEITHER: LanAuto = LanAuto {
        networks: false,
        public_address: false,
    };

    /// Interfaces as `name ip/bits`, those of a name with a `-` down.
    fn found(interfaces: &[&str]) -> Found {
        let addresses = interfaces.iter().map(|text| {
            let (interface, rest) = text.split_once(' ').unwrap();
            let (ip, bits) = rest.split_once('/').unwrap();
            Address {
                interface: interface.into(),
                ip: ip.parse().unwrap(),
                bits: bits.parse().unwrap(),
                usable: interface != "lo" && !interface.contains('-'),
            }
        });
        Found::of(addresses.collect())
    }

    /// What is known of the LAN then, in words.
    fn filled(interfaces: &[&str], auto: LanAuto, mut lan: Lan) -> String {
        found(interfaces).fill(auto, &mut lan);
        Describe(&lan).to_string()
    }

    const ROUTER: [&str; 8] = [
        "lo 127.0.0.1/8",
        "lo ::1/128",
        "wan 203.0.113.1/24",
        "wan 2001:db8:1::1/64",
        "br-lan- 192.168.1.1/24",
        "lan 192.168.77.1/24",
        "lan 2001:db8:77::1/64",
        "lan fe80::1/64",
    ];

    #[test]
    fn everything_is_found_on_a_router() {
        let mut interfaces = ROUTER.to_vec();
        interfaces.extend(["lan fd77::1/64", "guest 10.1.2.3/16", "vpn 10.9.0.1/32"]);
        assert_eq!(
            filled(&interfaces, BOTH, Lan::UNKNOWN),
            "the LAN is 192.168.77.0/24 fd77::/64 10.1.0.0/16, here 192.168.77.1 fd77::1, \
             from outside 203.0.113.1 2001:db8:1::1"
        );
        assert_eq!(filled(&ROUTER, NEITHER, Lan::UNKNOWN), "the LAN is unknown");
    }

    #[test]
    fn what_is_named_stays_and_only_the_rest_is_found() {
        let mut lan = Lan::UNKNOWN;
        let network = Network::new("2001:db8:77::".parse().unwrap(), 64).unwrap();
        lan.networks.push(network).unwrap();
        lan.public_v4 = Some("198.51.100.1".parse().unwrap());
        assert_eq!(
            filled(&ROUTER, NEITHER, lan.clone()),
            "the LAN is 2001:db8:77::/64, here 2001:db8:77::1, from outside 198.51.100.1"
        );
        assert_eq!(
            filled(&ROUTER, BOTH, lan),
            "the LAN is 2001:db8:77::/64 192.168.77.0/24, here 192.168.77.1 2001:db8:77::1, \
             from outside 198.51.100.1 2001:db8:1::1"
        );
    }

    #[test]
    fn a_router_behind_another_has_no_public_address() {
        let interfaces = [
            "wan 192.168.1.9/24",
            "lan 192.168.77.1/24",
            "lan fe80::1/64",
        ];
        assert_eq!(
            filled(&interfaces, BOTH, Lan::UNKNOWN),
            "the LAN is 192.168.1.0/24 192.168.77.0/24, here 192.168.1.9"
        );
        let interfaces = ["wan 100.64.1.9/10", "lan 192.168.77.1/24"];
        assert_eq!(
            filled(&interfaces, BOTH, Lan::UNKNOWN),
            "the LAN is 192.168.77.0/24, here 192.168.77.1"
        );
    }

    #[test]
    fn the_only_global_address_may_be_in_the_lan() {
        let mut lan = Lan::UNKNOWN;
        let network = Network::new("2001:db8:77::".parse().unwrap(), 64).unwrap();
        lan.networks.push(network).unwrap();
        assert_eq!(
            filled(&["lan 2001:db8:77::1/64"], BOTH, lan),
            "the LAN is 2001:db8:77::/64, here 2001:db8:77::1, from outside 2001:db8:77::1"
        );
    }

    #[test]
    fn odd_masks_and_many_networks_do_no_harm() {
        assert_eq!(
            filled(&["lan 10.0.0.1/0", "x fd00::1/0"], BOTH, Lan::UNKNOWN),
            "the LAN is 10.0.0.0/8 fc00::/7, here 10.0.0.1 fd00::1"
        );
        let many: Vec<_> = (0..40).map(|n| format!("i{n} 10.{n}.0.1/16")).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        let mut lan = Lan::UNKNOWN;
        found(&many).fill(BOTH, &mut lan);
        assert_eq!(lan.networks.len(), 16);
    }

    #[test]
    fn a_watch_looks_once_a_minute_and_tells_only_what_is_new() {
        let mut watch = LanWatch::OFF;
        assert_eq!(watch.look(&Lan::UNKNOWN, Secs(5)), None);
        let mut watch = LanWatch::new(Lan::UNKNOWN, BOTH);
        // Whatever this machine has, it is not this.
        let mut other = Lan::UNKNOWN;
        other.public_v4 = Some("192.0.2.77".parse().unwrap());
        let lan = watch.look(&other, Secs(5)).expect("something else");
        assert_eq!(watch.look(&other, Secs(64)), None);
        assert_eq!(watch.look(&other, Secs(65)), Some(lan.clone()));
        assert_eq!(watch.look(&lan, Secs(125)), None);
    }
}
