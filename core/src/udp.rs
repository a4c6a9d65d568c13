//! The UDP tracker protocol (BEP 15): one datagram in, at most one out.

use core::net::{IpAddr, SocketAddr};
use core::num::NonZeroU16;

use crate::access::{Given, Refusal};
use crate::reach::is_unicast;
use crate::store::Counts;
use crate::time::Secs;
use crate::tracker::{Announce, Event, Tracker};
use crate::wire::udp::{self, Request, TransactionId};
use crate::wire::{InfoHash, Out, PeerAddr};

/// The most bytes that a reply has: what an Ethernet frame carries over IPv4.
pub const LARGEST_REPLY: usize = 1472;

/// Answers one datagram: writes the reply into `out` and returns its length, 0 for silence.
///
/// `out` should hold [`LARGEST_REPLY`] bytes; a smaller one gets fewer peers. Silence is for what
/// is no request, and for sources that no reply can go to. A source that hasn't proved its address
/// by a connection id never gets a reply longer than its request, so that the tracker is no
/// amplifier. Work is bounded by the limits of the policy.
pub fn answer(
    tracker: &mut Tracker<'_>,
    source: SocketAddr,
    datagram: &[u8],
    now: Secs,
    out: &mut [u8],
) -> usize {
    let ip = source.ip().to_canonical();
    if ip.is_ipv4() {
        return answer_to(tracker, ip, source.port(), datagram, now, out);
    }
    let before = tracker.counters.v6_before();
    let length = answer_to(tracker, ip, source.port(), datagram, now, out);
    before.note(&mut tracker.counters);
    length
}

#[inline]
fn answer_to(
    tracker: &mut Tracker<'_>,
    ip: IpAddr,
    port: u16,
    datagram: &[u8],
    now: Secs,
    out: &mut [u8],
) -> usize {
    tracker.counters.udp_datagrams += 1;
    let request = match Request::parse(datagram) {
        Ok(request) if port != 0 && is_unicast(ip) => request,
        _ => {
            tracker.counters.udp_ignored += 1;
            return 0;
        }
    };
    let mut reply = Out::new(out);
    match request {
        Request::Connect { transaction } => {
            tracker.counters.udp_connects += 1;
            reply.put(&udp::emit_connect(
                transaction,
                tracker.cookies.issue(ip, now),
            ));
        }
        Request::Announce(announce) => {
            let udp::Announce {
                connection,
                transaction,
                ..
            } = announce;
            if !tracker.cookies.accepts(connection, ip, now) {
                mismatch(tracker, transaction, datagram, &mut reply);
            } else if let Some(port) = NonZeroU16::new(announce.port) {
                tracker.counters.udp_announces += 1;
                self::announce(tracker, &announce, PeerAddr::new(ip, port), now, &mut reply);
            } else {
                error(
                    tracker,
                    transaction,
                    b"Port 0 can't be reached.\0",
                    &mut reply,
                );
            }
        }
        Request::Scrape {
            connection,
            transaction,
            hashes,
        } => {
            if tracker.cookies.accepts(connection, ip, now) {
                tracker.counters.udp_scrapes += 1;
                scrape(tracker, transaction, hashes, &mut reply);
            } else {
                mismatch(tracker, transaction, datagram, &mut reply);
            }
        }
    }
    reply.len()
}

fn announce(
    tracker: &mut Tracker<'_>,
    request: &udp::Announce<'_>,
    peer: PeerAddr,
    now: Secs,
    reply: &mut Out<'_>,
) {
    let event = match request.event {
        1 => Event::Completed,
        2 => Event::Started,
        3 => Event::Stopped,
        4 => Event::Paused,
        _ => Event::None,
    };
    // Peers of the source's own family: the stride of the list goes by it, not by a flag.
    let limit = if peer.ip().is_ipv4() {
        tracker.policy().most_wanted
    } else {
        tracker.policy().most_wanted_udp_v6
    };
    let wanted = if request.wanted < 0 {
        limit
    } else {
        u16::try_from(request.wanted).map_or(limit, |wanted| wanted.min(limit))
    };
    let announce = Announce {
        info_hash: request.info_hash,
        peer,
        peer_id: Some(request.peer_id),
        event,
        left: Some(request.left),
        downloaded: request.downloaded,
    };
    let peers = {
        let give = || Given::in_options(peer.ip(), request.options);
        let mut result = tracker.announce_with(&announce, give, now);
        // Where it is: an answer is large.
        let answer = match &mut result {
            Ok(answer) => answer,
            Err(refusal) => {
                let refusal = *refusal;
                drop(result);
                return refuse(refusal, tracker, request.transaction, reply);
            }
        };
        reply.put(&udp::emit_announce(
            request.transaction,
            answer.interval,
            answer.counts.leechers,
            answer.counts.seeders,
        ));
        if reply.overflowed() {
            return;
        }
        let most = usize::from(wanted);
        if peer.ip().is_ipv4() {
            reply.fill(most * 6, |room| answer.choose_v4(room)) / 6
        } else {
            reply.fill(most * 18, |room| answer.choose_v6(room)) / 18
        }
    };
    tracker.counters.wanting(wanted);
    tracker.counters.told(peers);
}

/// Tells whoever isn't let in, in an error packet. Many clients ask again soon then; where the policy
/// says so, those whose torrent isn't allowed get a reply without peers and a long interval, which
/// they keep to.
#[cold]
fn refuse(
    refusal: Refusal,
    tracker: &mut Tracker<'_>,
    transaction: TransactionId,
    reply: &mut Out<'_>,
) {
    match (refusal, tracker.policy().udp_refusal_interval) {
        (Refusal::Denied | Refusal::Unregistered, Some(interval)) => {
            reply.put(&udp::emit_announce(transaction, interval, 0, 0));
        }
        _ => {
            error(tracker, transaction, refusal.text().as_bytes(), reply);
            reply.put(b"\0");
        }
    }
}

fn scrape(
    tracker: &mut Tracker<'_>,
    transaction: TransactionId,
    hashes: &[[u8; 20]],
    reply: &mut Out<'_>,
) {
    reply.put(&udp::emit_scrape(transaction));
    for &hash in hashes
        .iter()
        .take(usize::from(tracker.policy().most_scraped_udp))
    {
        // There is no place for a key in it.
        let counts = if tracker.scrapes_need_key() {
            Counts::default()
        } else {
            tracker.scrape(&InfoHash(hash))
        };
        reply.put(&udp::emit_scraped(
            counts.seeders,
            counts.completed,
            counts.leechers,
        ));
    }
}

/// Tells the owner of a wrong or expired connection id to connect again, if that is no longer than
/// what it sent.
fn mismatch(
    tracker: &mut Tracker<'_>,
    transaction: TransactionId,
    datagram: &[u8],
    reply: &mut Out<'_>,
) {
    tracker.counters.udp_mismatches += 1;
    // To the letter what opentracker says, since scripts look for it.
    let text = b"Connection ID missmatch.\0";
    if udp::HEAD_BYTES + text.len() <= datagram.len() {
        error(tracker, transaction, text, reply);
    }
}

/// Writes an error packet. The text ends in a NUL as opentracker's do: some clients print up to it.
fn error(tracker: &mut Tracker<'_>, transaction: TransactionId, text: &[u8], reply: &mut Out<'_>) {
    tracker.counters.udp_errors += 1;
    reply.put(&udp::emit_error(transaction));
    reply.put(text);
}
