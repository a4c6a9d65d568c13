//! A tracker that is asked, whatever it speaks.

use core::net::SocketAddr;
use std::time::Duration;

use super::answer::{self, Announced, Counts};
use super::deadline::Deadline;
use super::failure::Failure;
use super::http::{Answer, Request};
use super::packets::{self, Action};
use super::question::Announce;
use super::resolve::{Family, first_answer, resolve};
use super::udp::{Timed, UdpTracker};
use super::url::{Scheme, Url, percent};

/// Most bytes of an answer to an announce.
pub const MOST_ANNOUNCE: usize = 64 << 10;
/// Most bytes of an answer to a scrape.
pub const MOST_SCRAPE: usize = 1 << 20;

/// Hashes in one HTTP scrape: their request is below 2 KiB, which everybody takes.
const HTTP_HASHES: usize = 20;

/// A tracker, and how it is to be asked.
#[derive(Clone, Copy, Debug)]
pub struct Tracker<'a> {
    /// Where it is.
    pub url: &'a Url,
    /// Only over this family.
    pub family: Option<Family>,
    /// For each request, with all that is needed for it.
    pub timeout: Duration,
}

/// An answer, who gave it and how long it took.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answered<T> {
    /// The answer.
    pub what: T,
    /// Who gave it.
    pub address: SocketAddr,
    /// Between request and answer.
    pub took: Duration,
}

impl Tracker<'_> {
    /// Announces.
    ///
    /// # Errors
    ///
    /// [`Failure`].
    pub fn announce(
        &self,
        info_hash: &[u8; 20],
        announce: &Announce,
    ) -> Result<Answered<Announced>, Failure> {
        match self.url.scheme {
            Scheme::Http => {
                let query = announce.query(info_hash);
                let path = self.url.announce_path();
                let answer = self.get(path, &query, MOST_ANNOUNCE)?;
                Ok(Answered {
                    what: answer::parse_announce(body(&answer)?)?,
                    address: answer.address,
                    took: answer.took,
                })
            }
            Scheme::Udp => {
                if announce.ip.is_some_and(|ip| ip.is_ipv6()) {
                    return Err(Failure::Impossible(
                        "UDP announces have no room for an IPv6 --ip",
                    ));
                }
                let url_data = self.url.url_data();
                self.over_udp(|tracker, address| {
                    tracker.ask(
                        Action::Announce,
                        |connection, transaction| {
                            let data = url_data.as_bytes();
                            packets::emit_announce(
                                connection,
                                transaction,
                                info_hash,
                                announce,
                                data,
                            )
                        },
                        |answer| packets::parse_announce(answer, address.is_ipv6()),
                    )
                })
            }
        }
    }

    /// How many hashes one [`scrape`](Self::scrape) may have.
    pub const fn most_hashes(&self) -> usize {
        match self.url.scheme {
            Scheme::Http => HTTP_HASHES,
            Scheme::Udp => packets::MOST_HASHES,
        }
    }

    /// Asks for the counts of each hash; `None` is a hash that the answer doesn't have.
    ///
    /// # Errors
    ///
    /// [`Failure`].
    pub fn scrape(&self, hashes: &[[u8; 20]]) -> Result<Answered<Vec<Option<Counts>>>, Failure> {
        match self.url.scheme {
            Scheme::Http => {
                let path = self.url.scrape_path().ok_or(Failure::Impossible(
                    "the URL has no announce in it to put scrape in its place (BEP 48)",
                ))?;
                let query: Vec<_> = hashes
                    .iter()
                    .map(|hash| format!("info_hash={}", percent(hash)))
                    .collect();
                let answer = self.get(&path, &query.join("&"), MOST_SCRAPE)?;
                Ok(Answered {
                    what: answer::parse_scrape(body(&answer)?, hashes)?,
                    address: answer.address,
                    took: answer.took,
                })
            }
            Scheme::Udp => self.over_udp(|tracker, _| {
                tracker.ask(
                    Action::Scrape,
                    |connection, transaction| packets::emit_scrape(connection, transaction, hashes),
                    |answer| {
                        let counts = packets::parse_scrape(answer, hashes.len())?;
                        Ok(counts.into_iter().map(Some).collect())
                    },
                )
            }),
        }
    }

    fn over_udp<T>(
        &self,
        ask: impl Fn(&mut UdpTracker, SocketAddr) -> Result<Timed<T>, Failure>,
    ) -> Result<Answered<T>, Failure> {
        let deadline = Deadline::after(self.timeout);
        let Url { host, port, .. } = self.url;
        let addresses = resolve(host, *port, self.family, deadline)?;
        first_answer(&addresses, deadline, |address, deadline| {
            let mut tracker = UdpTracker::open(address, deadline)?;
            let Timed(what, took) = ask(&mut tracker, address)?;
            Ok(Answered {
                what,
                address,
                took,
            })
        })
    }

    /// Asks for a path, with what the URL's query has before ours.
    fn get(&self, path: &str, query: &str, most: usize) -> Result<Answer, Failure> {
        let before = match self.url.query.as_deref() {
            None | Some("") => String::new(),
            Some(before) => format!("{before}&"),
        };
        let request = Request {
            url: self.url,
            method: "GET",
            target: format!("{path}?{before}{query}"),
            token: None,
            body: "",
        };
        request.send(self.family, most, Deadline::after(self.timeout))
    }
}

/// The body of a reply that is a success. Some trackers refuse with another status.
fn body(answer: &Answer) -> Result<&[u8], Failure> {
    let reply = &answer.reply;
    match (reply.status, answer::refusal(&reply.body)) {
        (200, _) => Ok(&reply.body),
        (_, Some(reason)) => Err(Failure::Refused(reason.to_vec())),
        (status @ 300..=399, None) => Err(Failure::Status(status, reply.location.clone())),
        (status, None) => Err(Failure::Status(status, Vec::new())),
    }
}
