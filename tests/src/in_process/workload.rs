//! What `cargo instruction-gate` counts: so many requests of one kind, answered in process.

use std::hint::black_box;

use super::http::{Memory, OverHttp};
use super::{InProcess, memory_for, work};
use crate::load::packets::{Reply, Request};

/// What is asked again and again, of random peers and torrents.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// For a connection id over UDP.
    UdpConnect,
    /// For [`WANTED`] peers over UDP.
    UdpAnnounce,
    /// For the counts of one torrent over UDP.
    UdpScrape,
    /// For those of [`MOST_SCRAPED`] torrents.
    UdpScrapeMost,
    /// For [`WANTED`] peers over HTTP, on connections that stay.
    HttpAnnounce,
}

/// Peers that an announce asks for, and gets.
pub const WANTED: u32 = 30;
/// Info hashes of the longest scrape that a frame carries.
pub const MOST_SCRAPED: u32 = 74;
/// Torrents that the tracker has.
pub const TORRENTS: u32 = 100;
/// Peers of each.
pub const PEERS: u32 = 100;
/// Requests that are made. When they are over, they come again, so that making them costs the same
/// however many are answered.
const DISTINCT: usize = 250;

impl Kind {
    /// All of them, the order that tables have.
    pub const ALL: [Self; 5] = [
        Self::UdpConnect,
        Self::UdpAnnounce,
        Self::UdpScrape,
        Self::UdpScrapeMost,
        Self::HttpAnnounce,
    ];

    /// A word for the command line and the budget.
    pub const fn name(self) -> &'static str {
        match self {
            Self::UdpConnect => "udp-connect",
            Self::UdpAnnounce => "udp-announce",
            Self::UdpScrape => "udp-scrape-1",
            Self::UdpScrapeMost => "udp-scrape-74",
            Self::HttpAnnounce => "http-announce",
        }
    }

    /// For people.
    pub const fn description(self) -> &'static str {
        match self {
            Self::UdpConnect => "UDP connect",
            Self::UdpAnnounce => "UDP announce, 30 peers",
            Self::UdpScrape => "UDP scrape of one torrent",
            Self::UdpScrapeMost => "UDP scrape of 74 torrents",
            Self::HttpAnnounce => "HTTP announce, 30 peers",
        }
    }

    /// The kind of this name.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Fills a tracker and has it answer about `count` requests: as many as make whole rounds of the
    /// same, two at least. The first round is checked. Returns how many were answered.
    ///
    /// # Errors
    ///
    /// If a reply is wrong, or no reply to such a request.
    pub fn run(self, count: usize) -> Result<usize, String> {
        let work = work(TORRENTS, PEERS);
        let mut memory = memory_for(&work);
        let mut tracker = InProcess::filled(&mut memory, &work)?;
        let rounds = count.div_ceil(DISTINCT).max(2);
        let answered = rounds * DISTINCT;
        let rounds = 1..rounds;
        let Some(request) = self.over_udp() else {
            let mut memory = Memory::of(&work);
            let mut http = OverHttp::new(&mut memory);
            let requests = tracker.http_announces(DISTINCT, WANTED.cast_signed(), 1);
            let mut least = u32::MAX;
            http.check_all(&mut tracker, &requests, |peers| least = least.min(peers))?;
            expect(least == WANTED, || format!("a reply has {least} peers"))?;
            for _ in rounds {
                black_box(http.answer_all(&mut tracker, &requests));
            }
            return Ok(answered);
        };
        let requests = tracker.requests(DISTINCT, request, 1);
        let mut odd = None;
        tracker
            .check_all(&requests, |reply| {
                let right = match reply {
                    Reply::Connected(_) => self == Self::UdpConnect,
                    Reply::Announced(peers) => peers == WANTED,
                    Reply::Scraped(peers) => match request {
                        Request::Scrape(torrents) => peers == u64::from(torrents * PEERS),
                        _ => false,
                    },
                    Reply::Refused => false,
                };
                if !right {
                    odd = Some(reply);
                }
            })
            .map_err(|wrong| wrong.to_string())?;
        expect(odd.is_none(), || format!("a reply is {odd:?}"))?;
        for _ in rounds {
            black_box(tracker.answer_all(&requests));
        }
        Ok(answered)
    }

    const fn over_udp(self) -> Option<Request> {
        Some(match self {
            Self::UdpConnect => Request::Connect,
            Self::UdpAnnounce => Request::Announce(WANTED.cast_signed()),
            Self::UdpScrape => Request::Scrape(1),
            Self::UdpScrapeMost => Request::Scrape(MOST_SCRAPED),
            Self::HttpAnnounce => return None,
        })
    }
}

fn expect(right: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if right { Ok(()) } else { Err(otherwise()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_answered_right() {
        for kind in Kind::ALL {
            assert_eq!(kind.run(0), Ok(2 * DISTINCT), "{}", kind.name());
            assert_eq!(Kind::find(kind.name()), Some(kind));
        }
        assert_eq!(Kind::find("udp"), None);
    }
}
