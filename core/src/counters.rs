//! What the tracker counts. Plain fields: whoever holds the tracker reads them.

/// Counts since start. They wrap after 2^64, which no router lives to see.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    /// UDP datagrams answered with a connection id.
    pub udp_connects: u64,
    /// UDP announces answered.
    pub udp_announces: u64,
    /// UDP scrapes answered.
    pub udp_scrapes: u64,
    /// UDP requests answered with an error packet.
    pub udp_errors: u64,
    /// UDP datagrams not answered: too short, of unknown kind, or from an address that no reply
    /// can go to.
    pub udp_ignored: u64,
    /// UDP requests whose connection id was wrong or too old.
    pub udp_mismatches: u64,
    /// HTTP announces answered with peers or counts.
    pub http_announces: u64,
    /// HTTP scrapes answered.
    pub http_scrapes: u64,
    /// HTTP requests answered with status 200 and a failure reason.
    pub http_failures: u64,
    /// HTTP requests answered with another status than 200.
    pub http_errors: u64,
    /// TCP connections taken.
    pub connections: u64,
    /// TCP connections closed to make room for newer ones.
    pub connections_evicted: u64,
    /// TCP connections closed because the client took too long.
    pub connections_timed_out: u64,
}
