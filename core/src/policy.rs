//! What an operator may want to change, with opentracker's values as defaults. All of it can change
//! while the tracker runs.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use heapless::{String, Vec};

use crate::access::{MOST_SIGNERS, PublicKey, Tokens};
use crate::network::Network;

/// Intervals, time-outs, limits and switches.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Policy {
    /// Seconds between two announces that a client is asked for, before jitter. From 1, and less
    /// than [`peer_timeout`](Self::peer_timeout) with the jitter.
    pub interval: u32,
    /// Seconds that the interval may differ from [`interval`](Self::interval) either way, drawn
    /// anew for each reply so that clients which started together don't come back together.
    /// Less than the interval.
    pub interval_jitter: u32,
    /// Seconds that the interval grows to at most, before jitter, for large swarms or under load.
    /// Not less than the interval.
    pub interval_most: u32,
    /// Peers of a swarm above which its interval grows in proportion; 0 is never.
    pub interval_swarm: u32,
    /// Announces per second above which all intervals grow in proportion; 0 is never.
    pub interval_load: u32,
    /// Seconds after its last announce that a peer is forgotten. Up to 28,800 (8 hours).
    pub peer_timeout: u32,
    /// Seconds after its last announce that a torrent without peers is forgotten, if somebody
    /// completed it. Up to 4,000,000 (46 days).
    pub torrent_timeout: u32,
    /// Peers in an HTTP reply when the client names no number.
    pub default_wanted: u16,
    /// Most peers in one reply, IPv4 and IPv6 together (UDP: of IPv4). 200 of them make a UDP
    /// reply of 1,220 bytes.
    pub most_wanted: u16,
    /// Most peers in a UDP reply over IPv6. 66 of them make 1,208 bytes, which every IPv6 link
    /// carries (RFC 8200).
    pub most_wanted_udp_v6: u16,
    /// Most info hashes that one HTTP scrape answers; the rest are left out.
    pub most_scraped_http: u16,
    /// Most info hashes that one UDP scrape answers (BEP 15 says "about 74"); the rest are left
    /// out.
    pub most_scraped_udp: u16,
    /// Most peers that are stored; 0 is as many as there is memory for.
    pub most_peers: u32,
    /// Most peers that are stored of one torrent and family; 0 is as many as there is memory for.
    pub most_peers_per_torrent: u32,
    /// Seconds in a UDP reply without peers to whoever announces a torrent that isn't allowed;
    /// `None` is an error packet instead.
    pub udp_refusal_interval: Option<u32>,
    /// Whether `ip=` in an HTTP announce is believed, from anybody.
    pub ip_from_query: bool,
    /// The header in which a trusted proxy names its client.
    pub proxy_header: ProxyHeader,
    /// Whether there is a scrape of all torrents.
    pub full_scrape: FullScrape,
    /// Seconds between two full scrapes of one address, where they are [`FullScrape::Modest`].
    pub full_scrape_pause: u32,
    /// When full scrapes are compressed.
    pub gzip: Gzip,
    /// Who may see statistics.
    pub stats_for: StatsFor,
    /// The path of the statistics, without the slash at its beginning.
    pub stats_path: String<64>,
    /// Whether networks that announce too often are counted.
    pub woodpeckers: bool,
    /// Where `GET /` leads; empty is nowhere.
    pub redirect: String<256>,
    /// Whether completed downloads are told to the host.
    pub tell_completed: bool,
    /// Replies in a hundred that random peers are mixed into, 0 to 100.
    pub decoys: u8,
    /// Most random peers in one of these.
    pub decoys_most: u8,
    /// What opens the interface for programs.
    pub api_tokens: Tokens,
    /// Whether errors there have the statuses and words of Torrust Tracker.
    pub api_torrust_statuses: bool,
    /// What networks may do.
    pub grants: Vec<Grant, MOST_GRANTS>,
    /// Whether full scrapes are only for those who are granted them.
    pub full_scrape_listed: bool,
    /// The networks whose HTTP requests are kept for `mode=fulllog`.
    pub log_requests: Vec<Network, 8>,
    /// Whose signatures let torrents in where the mode asks for a list; without any none does.
    pub signers: Vec<PublicKey, MOST_SIGNERS>,
    /// Whether a torrent that is stored needs no signature: not so where some listeners let torrents
    /// in without one.
    pub stored_is_signed: bool,
    /// The local network.
    pub lan: Lan,
}

/// The path of the statistics if no other is set.
pub const DEFAULT_STATS_PATH: &str = "stats";

/// Most networks that may be granted anything: opentracker's number.
pub const MOST_GRANTS: usize = 64;

/// What a network may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Grant {
    /// Who.
    pub network: Network,
    /// What.
    pub right: Right,
}

/// What needs to be granted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Right {
    /// Everything (`-A`).
    All,
    /// To see statistics.
    Stats,
    /// To name the address of a client.
    Proxy,
    /// To scrape all torrents.
    FullScrape,
    /// To tell of peers by live sync.
    Sync,
}

/// In which header a proxy names its client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProxyHeader {
    /// `X-Forwarded-For`: the leftmost address.
    XForwardedFor,
    /// `X-Real-IP`.
    XRealIp,
    /// `CF-Connecting-IP`.
    CfConnectingIp,
    /// `Forwarded` (RFC 7239): the leftmost `for=`.
    Forwarded,
}

/// Whether there is a scrape of all torrents.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FullScrape {
    /// There is none.
    Off,
    /// There is.
    On,
    /// There is, once in a while for each address.
    Modest,
}

/// When full scrapes are compressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Gzip {
    /// Never.
    Off,
    /// For clients that accept it.
    Accepted,
    /// Always, whatever the client says.
    Always,
}

/// Who may see statistics.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StatsFor {
    /// Everybody.
    Everybody,
    /// Those who are granted [`Right::Stats`].
    Listed,
    /// Nobody.
    Nobody,
}

/// What is known of the local network, for addresses that mean something only there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lan {
    /// Its networks; if there are none, nothing is known and private addresses are like any.
    pub networks: Vec<Network, 16>,
    /// The address by which the world reaches peers inside over IPv4.
    pub public_v4: Option<Ipv4Addr>,
    /// The same over IPv6.
    pub public_v6: Option<Ipv6Addr>,
    /// The router's own address inside, by which the LAN reaches peers on the router itself.
    pub own_v4: Option<Ipv4Addr>,
    /// The same over IPv6.
    pub own_v6: Option<Ipv6Addr>,
}

impl Lan {
    /// Nothing is known.
    pub const UNKNOWN: Self = Self {
        networks: Vec::new(),
        public_v4: None,
        public_v6: None,
        own_v4: None,
        own_v6: None,
    };
}

impl Policy {
    /// What opentracker does.
    pub const DEFAULT: Self = Self {
        interval: 1800,
        interval_jitter: 180,
        interval_most: 1800,
        interval_swarm: 0,
        interval_load: 0,
        peer_timeout: 45 * 60,
        torrent_timeout: 24 * 3600,
        default_wanted: 50,
        most_wanted: 200,
        most_wanted_udp_v6: 66,
        most_scraped_http: 64,
        most_scraped_udp: 75,
        most_peers: 0,
        most_peers_per_torrent: 0,
        udp_refusal_interval: None,
        ip_from_query: false,
        proxy_header: ProxyHeader::XForwardedFor,
        full_scrape: FullScrape::On,
        full_scrape_pause: 300,
        gzip: Gzip::Accepted,
        stats_for: StatsFor::Everybody,
        // "stats": the default for an empty one, since a const can't fill it.
        stats_path: String::new(),
        woodpeckers: false,
        redirect: String::new(),
        tell_completed: false,
        decoys: 0,
        decoys_most: 10,
        api_tokens: Vec::new(),
        api_torrust_statuses: false,
        grants: Vec::new(),
        full_scrape_listed: false,
        log_requests: Vec::new(),
        signers: Vec::new(),
        stored_is_signed: false,
        lan: Lan::UNKNOWN,
    };

    /// Whether `ip` is granted `right`. Work: looks at each grant.
    pub fn allows(&self, ip: IpAddr, right: Right) -> bool {
        self.grants.iter().any(|grant| {
            (grant.right == right || grant.right == Right::All) && grant.network.contains(ip)
        })
    }

    /// The path of the statistics, without the slash at its beginning.
    pub fn stats_path(&self) -> &str {
        if self.stats_path.is_empty() {
            DEFAULT_STATS_PATH
        } else {
            &self.stats_path
        }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self::DEFAULT
    }
}

#[cfg(test)]
mod tests {
    use core::net::IpAddr;

    use super::{Grant, Policy, Right};
    use crate::network::Network;

    #[test]
    fn a_grant_of_everything_is_one_of_each() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let mut policy = Policy::DEFAULT;
        assert!(!policy.allows(ip("192.0.2.1"), Right::Stats));
        for (text, right) in [("192.0.2.0", Right::Stats), ("198.51.100.0", Right::All)] {
            let network = Network::new(ip(text), 24).unwrap();
            policy.grants.push(Grant { network, right }).unwrap();
        }
        assert!(policy.allows(ip("192.0.2.1"), Right::Stats));
        assert!(!policy.allows(ip("192.0.2.1"), Right::Proxy));
        assert!(!policy.allows(ip("192.0.3.1"), Right::Stats));
        for right in [Right::Stats, Right::Proxy, Right::FullScrape, Right::Sync] {
            assert!(policy.allows(ip("198.51.100.9"), right));
        }
    }
}
