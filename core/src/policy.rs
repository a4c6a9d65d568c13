//! The numbers that an operator may want to change, with opentracker's values as defaults.

/// Intervals, time-outs and limits on what one reply carries.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Seconds between two announces that a client is asked for, before jitter. 1 to 86,400.
    pub interval: u32,
    /// Seconds that the interval may differ from [`interval`](Self::interval) either way, drawn
    /// anew for each reply so that clients which started together don't come back together.
    /// Less than the interval.
    pub interval_jitter: u32,
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
}

impl Policy {
    /// What opentracker does.
    pub const DEFAULT: Self = Self {
        interval: 1800,
        interval_jitter: 180,
        peer_timeout: 45 * 60,
        torrent_timeout: 24 * 3600,
        default_wanted: 50,
        most_wanted: 200,
        most_wanted_udp_v6: 66,
        most_scraped_http: 64,
        most_scraped_udp: 75,
    };
}

impl Default for Policy {
    fn default() -> Self {
        Self::DEFAULT
    }
}
