//! The configuration: a directive and its value on each line of a page of flash.
//!
//! Directives are those of the program for Linux, as far as they mean something without a file
//! system, and with the same ranges; `device.*` are this firmware's own. A line that is wrong is
//! named with its reason, and what it would have set stays as it is: a device that doesn't start
//! can't be told better.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr};

use wrtracker_core::bare::{Ipv4, Ipv6, Setup, SetupError};
use wrtracker_core::network::Network;
use wrtracker_core::policy::{FullScrape, Grant, Policy, Right, StatsFor};

/// All that can be configured.
#[derive(Clone, Debug)]
pub struct Config {
    pub policy: Policy,
    pub setup: Setup,
    /// The router over IPv4, if the address is given.
    router: Option<Ipv4Addr>,
    /// Most bytes for the swarms.
    pub memory: usize,
    /// What the list of info hashes in flash is.
    pub list: List,
    /// Random bytes, for a machine that has no source of them.
    pub random: Option<[u8; 40]>,
}

/// What the list of info hashes in flash is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum List {
    None,
    White,
    Black,
}

/// Why a line was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wrong {
    NotText,
    Unknown,
    NoValue,
    Number(u32, u32),
    Time(u32, u32),
    Size,
    Choice(&'static str),
    Address,
    Network,
    Port,
    TooMany,
    Mac,
    Random,
    NotFlash,
    NotAll,
    Jitter,
    Timeout,
    Setup(SetupError),
}

impl fmt::Display for Wrong {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Self::NotText => "not text",
            Self::Unknown => "no such directive",
            Self::NoValue => "the value is missing",
            Self::Number(least, most) => {
                return write!(to, "not a whole number from {least} to {most}");
            }
            Self::Time(least, most) => {
                return write!(to, "not a time from {least} to {most} seconds");
            }
            Self::Setup(wrong) => return write!(to, "{wrong}: the default holds"),
            Self::Size => "not a number of bytes such as 50000 or 100K, from 36K",
            Self::Choice(words) => return write!(to, "not one of {words}"),
            Self::Address => "not an address",
            Self::Network => "not an address or network such as 192.0.2.0/24",
            Self::Port => "not a port from 1 to 65535",
            Self::TooMany => "there are too many",
            Self::Mac => "not a MAC address such as 02:00:00:00:00:01",
            Self::Random => "not 80 hexadecimal digits",
            Self::NotFlash => "the only list is the one in flash: say flash",
            Self::NotAll => "it listens on all its addresses: say 0.0.0.0 and a port",
            Self::Jitter => "the jitter must be less than the interval: it is none now",
            Self::Timeout => "must be more than interval_most and the jitter: it is twice that now",
        })
    }
}

/// Seconds of the longest interval and the longest time-out.
const LONGEST: (u32, u32) = (25_200, 28_800);

impl Config {
    /// What holds without a word: DHCP, and IPv6 by what routers advertise.
    pub const DEFAULT: Self = Self {
        policy: Policy::DEFAULT,
        setup: Setup {
            mac: [0x52, 0x54, 0, 0x12, 0x34, 0x56],
            port: 6969,
            name: "wrtracker",
            ipv4: Ipv4::Dhcp,
            ipv6: Ipv6::AUTOMATIC,
            seed: 0,
        },
        router: None,
        memory: usize::MAX,
        list: List::None,
        random: None,
    };

    /// Reads `text` into the default, and tells `complain` of each line that is wrong: its number, its directive, the
    /// reason. What doesn't go together is told of with line 0.
    pub fn read(&mut self, text: &[u8], mut complain: impl FnMut(u32, &str, Wrong)) {
        let mut given = Given::default();
        for (nth, line) in (1..).zip(text.split(|byte| *byte == b'\n')) {
            let Ok(line) = core::str::from_utf8(line) else {
                complain(nth, "", Wrong::NotText);
                continue;
            };
            let line = line.split(" #").next().unwrap_or_default().trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (name, value) = line.split_once([' ', '\t']).unwrap_or((line, ""));
            if let Err(wrong) = self.set(&mut given, name, value.trim()) {
                complain(nth, name, wrong);
            }
        }
        self.settle(&given, &mut complain);
    }

    fn set(&mut self, given: &mut Given, name: &str, value: &str) -> Result<(), Wrong> {
        let policy = &mut self.policy;
        if value.is_empty() && NAMES.contains(&name) {
            return Err(Wrong::NoValue);
        }
        match name {
            "tracker.interval" => policy.interval = time(value, 1, LONGEST.0)?,
            "tracker.interval_jitter" => given.jitter = Some(time(value, 0, LONGEST.0 - 1)?),
            "tracker.interval_most" => given.most = Some(time(value, 1, LONGEST.0)?),
            "tracker.interval_swarm" => policy.interval_swarm = number(value, 0, u32::MAX)?,
            "tracker.interval_load" => policy.interval_load = number(value, 0, u32::MAX)?,
            "tracker.peer_timeout" => given.timeout = Some(time(value, 2, LONGEST.1)?),
            "tracker.torrent_timeout" => policy.torrent_timeout = time(value, 1, 4_000_000)?,
            "tracker.numwant" => policy.default_wanted = short(value, 0, 200)?,
            "tracker.numwant_most" => policy.most_wanted = short(value, 1, 200)?,
            "tracker.numwant_most_udp6" => policy.most_wanted_udp_v6 = short(value, 1, 66)?,
            "tracker.most_peers" => policy.most_peers = number(value, 0, u32::MAX)?,
            "tracker.most_peers_per_torrent" => {
                policy.most_peers_per_torrent = number(value, 0, u32::MAX)?;
            }
            "tracker.ip_from_query" => policy.ip_from_query = switch(value)?,
            "tracker.fullscrape" => {
                policy.full_scrape = match value {
                    "on" => FullScrape::On,
                    "off" => FullScrape::Off,
                    "modest" => FullScrape::Modest,
                    _ => return Err(Wrong::Choice("on|off|modest")),
                };
            }
            "tracker.fullscrape_pause" => policy.full_scrape_pause = time(value, 1, 86_400)?,
            "access.stats" => self.grant(value, Right::Stats)?,
            "access.fullscrape" => {
                self.grant(value, Right::FullScrape)?;
                self.policy.full_scrape_listed = true;
            }
            "access.stats_for" => {
                given.stats_for = Some(match value {
                    "everybody" => StatsFor::Everybody,
                    "listed" => StatsFor::Listed,
                    "nobody" => StatsFor::Nobody,
                    _ => return Err(Wrong::Choice("everybody|listed|nobody")),
                });
            }
            "access.whitelist" | "access.blacklist" if value != "flash" => {
                return Err(Wrong::NotFlash);
            }
            "access.whitelist" => self.list = List::White,
            "access.blacklist" => self.list = List::Black,
            "tracker.memory" => {
                self.memory = size(value)
                    .filter(|size| *size >= 36 << 10)
                    .ok_or(Wrong::Size)?;
            }
            "listen.tcp_udp" => {
                let all = ["0.0.0.0:", "[::]:"].iter();
                let port = all.filter_map(|all| value.strip_prefix(all)).next();
                let port = port.ok_or(Wrong::NotAll)?.parse().ok();
                self.setup.port = port.filter(|port| *port != 0).ok_or(Wrong::Port)?;
            }
            "device.mac" => self.setup.mac = mac(value).ok_or(Wrong::Mac)?,
            "device.address" => self.address(value)?,
            "device.router" => match value.parse().map_err(|_| Wrong::Address)? {
                IpAddr::V4(router) => self.router = Some(router),
                IpAddr::V6(router) => self.setup.ipv6.router = Some(router),
            },
            "device.random" => {
                let mut bytes = [0; 40];
                self.random = Some(
                    hex(value, &mut bytes)
                        .map(|()| bytes)
                        .ok_or(Wrong::Random)?,
                );
            }
            _ => return Err(Wrong::Unknown),
        }
        Ok(())
    }

    fn address(&mut self, value: &str) -> Result<(), Wrong> {
        match value {
            "dhcp" => self.setup.ipv4 = Ipv4::Dhcp,
            "auto" => self.setup.ipv6.automatic = true,
            "no-ipv4" => self.setup.ipv4 = Ipv4::Off,
            "no-ipv6" => self.setup.ipv6 = Ipv6::OFF,
            _ => {
                let (ip, bits) = value.split_once('/').ok_or(Wrong::Network)?;
                let bits = bits.parse().map_err(|_| Wrong::Network)?;
                match ip.parse().map_err(|_| Wrong::Network)? {
                    IpAddr::V4(address) => {
                        let router = None;
                        self.setup.ipv4 = Ipv4::Static {
                            address,
                            bits,
                            router,
                        };
                    }
                    IpAddr::V6(address) => self.setup.ipv6.address = Some((address, bits)),
                }
            }
        }
        Ok(())
    }

    fn grant(&mut self, value: &str, right: Right) -> Result<(), Wrong> {
        let (ip, bits) = value
            .split_once('/')
            .map_or((value, None), |(ip, bits)| (ip, Some(bits)));
        let ip: IpAddr = ip.parse().map_err(|_| Wrong::Network)?;
        let network = match bits {
            None => Network::of(ip),
            Some(bits) => {
                let bits = bits.parse().map_err(|_| Wrong::Network)?;
                Network::new(ip, bits).map_err(|_| Wrong::Network)?
            }
        };
        let grants = &mut self.policy.grants;
        grants
            .push(Grant { network, right })
            .map_err(|_| Wrong::TooMany)
    }

    /// Makes what was given go together, as the program for Linux does where nothing was.
    fn settle(&mut self, given: &Given, complain: &mut impl FnMut(u32, &str, Wrong)) {
        let policy = &mut self.policy;
        let interval = policy.interval;
        policy.interval_jitter = given.jitter.unwrap_or(180.min(interval / 10));
        if policy.interval_jitter >= interval {
            complain(0, "tracker.interval_jitter", Wrong::Jitter);
            policy.interval_jitter = 0;
        }
        policy.interval_most = given.most.unwrap_or(interval).max(interval);
        let wait = policy.interval_most + policy.interval_jitter;
        let usual = (policy.interval_most / 2 * 3).clamp(45 * 60, LONGEST.1);
        policy.peer_timeout = given.timeout.unwrap_or(usual);
        if policy.peer_timeout <= wait {
            complain(0, "tracker.peer_timeout", Wrong::Timeout);
            policy.peer_timeout = (wait * 2).min(LONGEST.1);
        }
        policy.default_wanted = policy.default_wanted.min(policy.most_wanted);
        policy.most_wanted_udp_v6 = policy.most_wanted_udp_v6.min(policy.most_wanted);
        let listed = policy
            .grants
            .iter()
            .any(|grant| grant.right == Right::Stats);
        let usual = if listed {
            StatsFor::Listed
        } else {
            StatsFor::Everybody
        };
        policy.stats_for = given.stats_for.unwrap_or(usual);
        if let Ipv4::Static { router, .. } = &mut self.setup.ipv4 {
            *router = self.router;
        }
        if let Err(wrong) = self.setup.check() {
            complain(0, "device.*", Wrong::Setup(wrong));
            self.setup = Self::DEFAULT.setup;
        }
    }
}

/// What depends on other directives.
#[derive(Default)]
struct Given {
    jitter: Option<u32>,
    most: Option<u32>,
    timeout: Option<u32>,
    stats_for: Option<StatsFor>,
}

/// All directives.
pub const NAMES: &[&str] = &[
    "listen.tcp_udp",
    "tracker.memory",
    "tracker.interval",
    "tracker.interval_jitter",
    "tracker.interval_most",
    "tracker.interval_swarm",
    "tracker.interval_load",
    "tracker.peer_timeout",
    "tracker.torrent_timeout",
    "tracker.numwant",
    "tracker.numwant_most",
    "tracker.numwant_most_udp6",
    "tracker.most_peers",
    "tracker.most_peers_per_torrent",
    "tracker.ip_from_query",
    "tracker.fullscrape",
    "tracker.fullscrape_pause",
    "access.stats",
    "access.stats_for",
    "access.fullscrape",
    "access.whitelist",
    "access.blacklist",
    "device.mac",
    "device.address",
    "device.router",
    "device.random",
];

fn number(value: &str, least: u32, most: u32) -> Result<u32, Wrong> {
    let number = digits(value).filter(|number| (least..=most).contains(number));
    number.ok_or(Wrong::Number(least, most))
}

fn short(value: &str, least: u16, most: u16) -> Result<u16, Wrong> {
    let number = number(value, least.into(), most.into())?;
    u16::try_from(number).map_err(|_| Wrong::Number(least.into(), most.into()))
}

fn time(value: &str, least: u32, most: u32) -> Result<u32, Wrong> {
    let units = [("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400)];
    let mut units = units.iter();
    let unit = units.find_map(|(unit, seconds)| Some((value.strip_suffix(unit)?, *seconds)));
    let (value, seconds) = unit.unwrap_or((value, 1));
    let time = digits(value).and_then(|number| number.checked_mul(seconds));
    let time = time.filter(|time| (least..=most).contains(time));
    time.ok_or(Wrong::Time(least, most))
}

fn size(value: &str) -> Option<usize> {
    let (value, shift) = match value.as_bytes().last()? {
        b'k' | b'K' => (value.get(..value.len() - 1)?, 10),
        b'm' | b'M' => (value.get(..value.len() - 1)?, 20),
        _ => (value, 0),
    };
    let bytes = digits(value)?.checked_mul(1 << shift)?;
    usize::try_from(bytes).ok()
}

fn digits(value: &str) -> Option<u32> {
    let only = value.bytes().all(|byte| byte.is_ascii_digit());
    value.parse().ok().filter(|_| only)
}

fn switch(value: &str) -> Result<bool, Wrong> {
    match value {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(Wrong::Choice("on|off")),
    }
}

fn mac(value: &str) -> Option<[u8; 6]> {
    let mut mac = [0; 6];
    let mut parts = value.split(':');
    for byte in &mut mac {
        let part = parts.next().filter(|part| part.len() == 2)?;
        *byte = u8::from_str_radix(part, 16).ok()?;
    }
    parts.next().is_none().then_some(mac)
}

fn hex(value: &str, bytes: &mut [u8]) -> Option<()> {
    if value.len() != bytes.len() * 2 {
        return None;
    }
    for (nth, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(value.get(nth * 2..nth * 2 + 2)?, 16).ok()?;
    }
    Some(())
}
