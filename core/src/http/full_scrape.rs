//! The request for a full scrape: who may have one, how often, and in which form it comes.

use core::net::{IpAddr, Ipv6Addr};

use heapless::Vec;

use crate::body::{Body, Format, FullScrape};
use crate::gzip;
use crate::policy::{self, Gzip, Policy, Right};
use crate::time::Secs;
use crate::tracker::Tracker;
use crate::wire::Out;

use super::reply::{self, Status};
use super::serve::Asker;
use super::streams::{Stream, StreamId, Streams};

/// When each address had its last full scrape, where they are modest; one IPv6 network of 64 bits
/// counts as an address. The oldest makes room, so that somebody with more addresses than this
/// isn't held back.
pub(super) struct Recent(Vec<(IpAddr, Secs), 64>);

impl Recent {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    /// Whether `ip` may have a full scrape now; notes that it has.
    fn admits(&mut self, ip: IpAddr, pause: u32, now: Secs) -> bool {
        let ip = host(ip);
        self.0.retain(|&(_, last)| now.since(last) < pause);
        if self.0.iter().any(|&(other, _)| other == ip) {
            return false;
        }
        if self.0.is_full() {
            self.0.remove(0);
        }
        // There is room now.
        let _ = self.0.push((ip, now));
        true
    }
}

/// What stands for the one who has an address: of IPv6 a whole network of 64 bits, which is what a
/// subscriber gets at least (RFC 6177).
pub(super) fn host(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & (u128::MAX << 64))),
    }
}

/// Begins a full scrape, or says why there is none.
///
/// `modest` asks for the pause between two of them, which `/scrape` has and the statistics don't.
pub(super) fn answer(
    format: Format,
    modest: bool,
    asker: &Asker<'_>,
    streams: &mut Streams,
    tracker: &mut Tracker<'_>,
    now: Secs,
    out: &mut Out<'_>,
) -> Option<StreamId> {
    let policy = tracker.policy();
    let granted = policy.allows(asker.remote, Right::FullScrape);
    let (mut refusal, pause) = (None, policy.full_scrape_pause);
    if policy.full_scrape_listed && !granted {
        refusal = Some(Status::Forbidden);
    } else if tracker.survey.workspace.len() < LEAST_WORKSPACE || !streams.admits(asker.remote) {
        refusal = Some(Status::Busy);
    } else if modest
        && policy.full_scrape == policy::FullScrape::Modest
        && !streams.recent.admits(asker.remote, pause, now)
    {
        refusal = Some(Status::NotModest);
    }
    if let Some(status) = refusal {
        super::serve::error(status, asker.persistence, tracker, out);
        return None;
    }
    let gzip = is_compressed(asker, tracker.policy());
    let body = Body::FullScrape(FullScrape::new(format, gzip, tracker));
    let (persistence, chunked) = asker.framing();
    tracker.counters.full_scrapes += 1;
    tracker.note_full_scrape(asker.remote, now);
    reply::begin_stream(b"application/octet-stream", gzip, chunked, persistence, out);
    streams.open(Stream {
        body,
        chunked,
        closes: persistence.closes(),
        remote: asker.remote,
    })
}

/// Words without which nothing can be sorted.
const LEAST_WORKSPACE: usize = 16;

/// Whether the client takes gzip: it says so in `Accept-Encoding` and not with `q=0` (RFC 9110
/// section 12.5.3), or, as with opentracker, anywhere in its query. Never where the build can't.
fn is_compressed(asker: &Asker<'_>, policy: &Policy) -> bool {
    match policy.gzip {
        _ if !gzip::PACKS => false,
        Gzip::Off => false,
        Gzip::Always => true,
        Gzip::Accepted => {
            let query = asker.query.unwrap_or_default();
            query.windows(4).any(|word| word == b"gzip")
                || asker.header(b"accept-encoding").is_some_and(accepts_gzip)
        }
    }
}

/// Whether a value of `Accept-Encoding` admits gzip.
fn accepts_gzip(value: &[u8]) -> bool {
    let mut any = false;
    for coding in value.split(|&byte| byte == b',') {
        let mut parts = coding.split(|&byte| byte == b';');
        let name = parts.next().unwrap_or_default().trim_ascii();
        let refused = parts.any(|parameter| {
            let parameter = parameter.trim_ascii();
            let value = parameter
                .strip_prefix(b"q=")
                .or_else(|| parameter.strip_prefix(b"Q="));
            // q=0, q=0.0, q=0.000
            value.is_some_and(|value| {
                value.first() == Some(&b'0') && value.iter().all(|byte| matches!(byte, b'0' | b'.'))
            })
        });
        if name.eq_ignore_ascii_case(b"gzip") || name.eq_ignore_ascii_case(b"x-gzip") {
            return !refused;
        }
        any |= name == b"*" && !refused;
    }
    any
}

#[cfg(test)]
mod tests {
    use core::net::IpAddr;

    use super::{Recent, accepts_gzip};
    use crate::time::Secs;

    #[test]
    fn gzip_is_taken_by_who_names_it_and_not_by_who_refuses_it() {
        for value in [
            "gzip",
            "deflate, gzip;q=1.0, *;q=0.5",
            "GZIP",
            "x-gzip",
            "*",
            "br;q=0, *",
            "gzip ; q=0.001",
        ] {
            assert!(accepts_gzip(value.as_bytes()), "{value}");
        }
        for value in [
            "",
            "identity",
            "gzip;q=0",
            "gzip;q=0.000",
            "gzip; q=0, *",
            "*;q=0",
            "gzipped",
            "deflate",
        ] {
            assert!(!accepts_gzip(value.as_bytes()), "{value}");
        }
    }

    #[test]
    fn an_address_has_one_in_a_while_and_the_oldest_is_forgotten() {
        let ip = |number: u32| IpAddr::V4(number.into());
        let mut recent = Recent::new();
        assert!(recent.admits(ip(1), 300, Secs(1000)));
        assert!(!recent.admits(ip(1), 300, Secs(1299)));
        assert!(recent.admits(ip(1), 300, Secs(1300)));
        for number in 2..70 {
            assert!(recent.admits(ip(number), 300, Secs(1301)));
        }
        assert!(recent.admits(ip(1), 300, Secs(1301)));
        assert!(!recent.admits(ip(69), 300, Secs(1301)));
    }
}
