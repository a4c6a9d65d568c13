//! What the tracker counts. Plain fields: whoever holds the tracker reads them.

use crate::access::Refusal;

mod histogram;

pub use histogram::{BUCKETS, Bounds, Histogram, MICROS, PEERS};

/// Counts since start. They wrap after 2^64, which no router lives to see.
#[derive(Clone, Debug)]
pub struct Counters {
    /// UDP datagrams that came, whatever they were.
    pub udp_datagrams: u64,
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
    /// HTTP requests answered with status 200 and a failure reason: what opentracker answers with
    /// [`HttpError::Parameter`]. Refusals by the access lists are not among them.
    pub http_failures: u64,
    /// HTTP requests answered with another status than 200, by [`HttpError`].
    pub http_errors: [u64; HttpError::COUNT],
    /// Full scrapes begun, and pages like them.
    pub full_scrapes: u64,
    /// Bytes of full scrapes written, as sent.
    pub full_scrape_bytes: u64,
    /// Announces refused, for whatever reason: of torrents that aren't allowed here, without a key
    /// where one is needed.
    pub denied: u64,
    /// The same by [`Refusal`], in its order.
    pub refused: [u64; Refusal::COUNT],
    /// Downloads completed.
    pub completed: u64,
    /// Peers that live sync told of.
    pub synced: u64,
    /// Datagrams to the port of live sync that were not believed.
    pub sync_refused: u64,
    /// Announces of peers that were known, by the minutes since they announced before; the last is
    /// of all that took longer.
    pub renewed: [u64; RENEWED_MINUTES],
    /// Announces by the peers that they wanted, as far as they get them: 0 to 200.
    pub wanted: [u32; WANTED],
    /// TCP connections taken.
    pub connections: u64,
    /// TCP connections closed to make room for newer ones.
    pub connections_evicted: u64,
    /// TCP connections closed because the client took too long.
    pub connections_timed_out: u64,
    /// Announces by the peers in their replies: see [`PEERS`].
    pub peers_told: Histogram,
    /// Datagrams answered, by the microseconds from when they were received to when all replies of
    /// their batch were ready: see [`MICROS`]. The host counts it.
    pub udp_micros: Histogram,
    /// The same for what one read from a connection brought.
    pub http_micros: Histogram,
    /// How many of some of these came over IPv6.
    pub v6: V6Counters,
}

/// Counts of what came over IPv6, which the counts of the same names include.
#[derive(Clone, Copy, Debug, Default)]
#[allow(missing_docs, reason = "said where the others are")]
pub struct V6Counters {
    pub udp_datagrams: u64,
    pub udp_connects: u64,
    pub udp_announces: u64,
    pub udp_scrapes: u64,
    pub udp_errors: u64,
    pub http_announces: u64,
    pub http_scrapes: u64,
    pub connections: u64,
}

/// Minutes that renewals are counted by: opentracker's.
pub const RENEWED_MINUTES: usize = 45;

/// Numbers of wanted peers that are counted: 0 to 200.
pub const WANTED: usize = 201;

/// Why an HTTP request was answered with another status than 200, in opentracker's classes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HttpError {
    /// 302: led elsewhere.
    Redirect,
    /// 400: no request that we understand.
    Parse,
    /// 400: a parameter that can't be.
    Parameter,
    /// 400: `compact=0`, which is answered here.
    Compact,
    /// 402: a full scrape too soon after another.
    NotModest,
    /// 402 for other reasons: none.
    Payment,
    /// 403: not for this address.
    Forbidden,
    /// 404: no such path.
    NotFound,
    /// 414, 500, 503: too long, or not now.
    Server,
}

impl HttpError {
    /// How many classes there are.
    pub const COUNT: usize = 9;
}

impl Counters {
    /// Counts a reply that isn't status 200.
    pub fn http_error(&mut self, error: HttpError) {
        if let Some(count) = self.http_errors.get_mut(error as usize) {
            *count += 1;
        }
    }

    /// Counts an announce that was refused.
    pub fn refused(&mut self, refusal: Refusal) {
        if let Some(count) = self.refused.get_mut(refusal as usize) {
            *count += 1;
        }
    }

    /// Counts an announce of a known peer, so many seconds after its last.
    pub fn renewal(&mut self, seconds: u32) {
        let minutes = (seconds / 60) as usize;
        let last = self.renewed.len().saturating_sub(1);
        if let Some(count) = self.renewed.get_mut(minutes.min(last)) {
            *count += 1;
        }
    }

    /// Counts a reply by its peers.
    #[inline]
    pub(crate) fn told(&mut self, peers: usize) {
        let peers = u32::try_from(peers).unwrap_or(u32::MAX);
        self.peers_told.note(&PEERS, peers, 1);
    }

    /// Counts an announce by the peers that it wanted.
    pub fn wanting(&mut self, peers: u16) {
        let last = self.wanted.len().saturating_sub(1);
        if let Some(count) = self.wanted.get_mut(usize::from(peers).min(last)) {
            *count = count.wrapping_add(1);
        }
    }
}

impl Counters {
    /// Adds what another tracker has counted.
    #[cfg(feature = "threads")]
    pub(crate) fn add(&mut self, other: &Self) {
        // By name, so that none is forgotten.
        let Self {
            udp_datagrams,
            udp_connects,
            udp_announces,
            udp_scrapes,
            udp_errors,
            udp_ignored,
            udp_mismatches,
            http_announces,
            http_scrapes,
            http_failures,
            http_errors,
            full_scrapes,
            full_scrape_bytes,
            denied,
            refused,
            completed,
            synced,
            sync_refused,
            renewed,
            wanted,
            connections,
            connections_evicted,
            connections_timed_out,
            peers_told,
            udp_micros,
            http_micros,
            v6,
        } = self;
        peers_told.add(&other.peers_told);
        udp_micros.add(&other.udp_micros);
        http_micros.add(&other.http_micros);
        for (sum, more) in [
            (udp_datagrams, other.udp_datagrams),
            (udp_connects, other.udp_connects),
            (udp_announces, other.udp_announces),
            (udp_scrapes, other.udp_scrapes),
            (udp_errors, other.udp_errors),
            (udp_ignored, other.udp_ignored),
            (udp_mismatches, other.udp_mismatches),
            (http_announces, other.http_announces),
            (http_scrapes, other.http_scrapes),
            (http_failures, other.http_failures),
            (full_scrapes, other.full_scrapes),
            (full_scrape_bytes, other.full_scrape_bytes),
            (denied, other.denied),
            (completed, other.completed),
            (synced, other.synced),
            (sync_refused, other.sync_refused),
            (connections, other.connections),
            (connections_evicted, other.connections_evicted),
            (connections_timed_out, other.connections_timed_out),
            (&mut v6.udp_datagrams, other.v6.udp_datagrams),
            (&mut v6.udp_connects, other.v6.udp_connects),
            (&mut v6.udp_announces, other.v6.udp_announces),
            (&mut v6.udp_scrapes, other.v6.udp_scrapes),
            (&mut v6.udp_errors, other.v6.udp_errors),
            (&mut v6.http_announces, other.v6.http_announces),
            (&mut v6.http_scrapes, other.v6.http_scrapes),
            (&mut v6.connections, other.v6.connections),
        ] {
            *sum = sum.wrapping_add(more);
        }
        let errors = http_errors.iter_mut().zip(&other.http_errors);
        let errors = errors.chain(refused.iter_mut().zip(&other.refused));
        for (sum, more) in errors.chain(renewed.iter_mut().zip(&other.renewed)) {
            *sum = sum.wrapping_add(*more);
        }
        for (sum, more) in wanted.iter_mut().zip(&other.wanted) {
            *sum = sum.wrapping_add(*more);
        }
    }
}

impl Counters {
    /// What of these counts came over IPv6 if all of it did.
    const fn as_v6(&self) -> V6Counters {
        V6Counters {
            udp_datagrams: self.udp_datagrams,
            udp_connects: self.udp_connects,
            udp_announces: self.udp_announces,
            udp_scrapes: self.udp_scrapes,
            udp_errors: self.udp_errors,
            http_announces: self.http_announces,
            http_scrapes: self.http_scrapes,
            connections: 0,
        }
    }

    /// To be called before something is counted that came over IPv6, so that what came over IPv4
    /// costs nothing more.
    pub(crate) const fn v6_before(&self) -> V6Before {
        V6Before(self.as_v6())
    }
}

/// The counts before something was counted that came over IPv6.
pub(crate) struct V6Before(V6Counters);

impl V6Before {
    /// Counts what was counted since.
    pub(crate) const fn note(self, counters: &mut Counters) {
        let (Self(before), after) = (self, counters.as_v6());
        let v6 = &mut counters.v6;
        v6.udp_datagrams += after.udp_datagrams.wrapping_sub(before.udp_datagrams);
        v6.udp_connects += after.udp_connects.wrapping_sub(before.udp_connects);
        v6.udp_announces += after.udp_announces.wrapping_sub(before.udp_announces);
        v6.udp_scrapes += after.udp_scrapes.wrapping_sub(before.udp_scrapes);
        v6.udp_errors += after.udp_errors.wrapping_sub(before.udp_errors);
        v6.http_announces += after.http_announces.wrapping_sub(before.http_announces);
        v6.http_scrapes += after.http_scrapes.wrapping_sub(before.http_scrapes);
    }
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            udp_datagrams: 0,
            udp_connects: 0,
            udp_announces: 0,
            udp_scrapes: 0,
            udp_errors: 0,
            udp_ignored: 0,
            udp_mismatches: 0,
            http_announces: 0,
            http_scrapes: 0,
            http_failures: 0,
            http_errors: [0; HttpError::COUNT],
            full_scrapes: 0,
            full_scrape_bytes: 0,
            denied: 0,
            refused: [0; Refusal::COUNT],
            completed: 0,
            synced: 0,
            sync_refused: 0,
            renewed: [0; RENEWED_MINUTES],
            wanted: [0; WANTED],
            connections: 0,
            connections_evicted: 0,
            connections_timed_out: 0,
            peers_told: Histogram::default(),
            udp_micros: Histogram::default(),
            http_micros: Histogram::default(),
            v6: V6Counters::default(),
        }
    }
}
