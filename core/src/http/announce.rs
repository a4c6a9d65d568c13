//! The reply to an announce.

use core::fmt::Write;
use core::net::IpAddr;

use crate::access::Given;
use crate::answer::Answer;
use crate::reach::external;
use crate::time::Secs;
use crate::tracker::Tracker;
use crate::wire::Out;
use crate::wire::bencode::Dict;

use super::failure::Failure;
use super::reply::Reply;
use super::request::Asked;
use super::serve::Asker;
use super::{failure, request};

/// Bytes of a reply that aren't peers: at most 91 of head and 184 of keys and numbers.
const FRAME: usize = 384;

/// Most bytes of one IPv6 peer in the dictionary form: `d2:ip39:` 39 bytes `4:porti65535ee`.
const LARGEST_ENTRY: usize = 61;

/// Most peers that fit a reply in either form, whatever their families.
const MOST_COMPACT: usize = (super::LARGEST_REPLY - FRAME) / V6;
pub(super) const MOST_LISTED: usize = (super::LARGEST_REPLY - FRAME) / LARGEST_ENTRY;

const V4: usize = 6;
const V6: usize = 18;

/// Replies to the announce of `asker`.
pub(super) fn answer(asker: &Asker<'_>, tracker: &mut Tracker<'_>, now: Secs, out: &mut Out<'_>) {
    let persistence = asker.persistence;
    let source = match request::source(asker, tracker.policy()) {
        Ok(source) => source,
        Err(failure) => return failure::answer(failure, persistence, tracker, out),
    };
    let query = asker.query.unwrap_or_default();
    let asked = match request::announce(query, source, tracker.policy()) {
        Ok(asked) => asked,
        Err(failure) => return failure::answer(failure, persistence, tracker, out),
    };
    tracker.counters.http_announces += 1;
    tracker.counters.wanting(asked.wanted);
    let external = external(source, &tracker.policy().lan);
    let give = || Given::in_url(source, asker.path, query);
    let mut result = tracker.announce_with(&asked.announce, give, now);
    // Where it is: an answer is large.
    let answer = match &mut result {
        Ok(answer) => answer,
        Err(refusal) => {
            let refusal = *refusal;
            drop(result);
            return failure::answer(Failure::Refused(refusal), persistence, tracker, out);
        }
    };
    if asked.announce.peer.ip() != source {
        answer.show_to(source);
    }
    let reply = Reply::begin(persistence, out);
    let mut dict = Dict::begin(out);
    dict.integer(b"8:complete", answer.counts.seeders);
    dict.integer(b"10:downloaded", answer.counts.completed);
    match external {
        IpAddr::V4(ip) => dict.bytes(b"11:external ip", &ip.octets()),
        IpAddr::V6(ip) => dict.bytes(b"11:external ip", &ip.octets()),
    }
    dict.integer(b"10:incomplete", answer.counts.leechers);
    dict.integer(b"8:interval", answer.interval);
    dict.integer(b"12:min interval", answer.min_interval);
    let peers = if asked.compact {
        compact_peers(&asked, answer, &mut dict)
    } else {
        listed_peers(&asked, answer, &mut dict)
    };
    dict.end();
    reply.end(out);
    drop(result);
    tracker.counters.told(peers);
}

/// Emits `peers` always, because some clients fail without it, and `peers6` if there are any.
/// Returns how many peers these are.
fn compact_peers(asked: &Asked, answer: &mut Answer<'_, '_>, dict: &mut Dict<'_, '_>) -> usize {
    let wanted = usize::from(asked.wanted).min(MOST_COMPACT);
    let most = v4_share(wanted, answer).saturating_mul(V4);
    let used = dict.filled(b"5:peers", most, |slot| {
        if slot.is_empty() {
            return 0;
        }
        answer.choose_v4(slot)
    });
    // What IPv4 left (the announcer is not among its own peers, and seeders may not suit it) is for
    // IPv6.
    let rest = wanted
        .saturating_sub(used / V4)
        .min(stored(answer.v6_peers));
    let mut used_v6 = 0;
    if rest > 0 {
        let most = rest.saturating_mul(V6);
        used_v6 = dict.filled_unless_empty(b"6:peers6", most, |slot| answer.choose_v6(slot));
    }
    (used / V4).saturating_add(used_v6 / V6)
}

/// Emits both families in one list, as before BEP 23. There are no peer ids in it: none are kept.
/// Returns how many peers these are.
fn listed_peers(asked: &Asked, answer: &mut Answer<'_, '_>, dict: &mut Dict<'_, '_>) -> usize {
    let mut peers = 0;
    let wanted = usize::from(asked.wanted).min(MOST_LISTED);
    let most = v4_share(wanted, answer);
    dict.list(b"5:peers", |out| {
        let used = list::<V4>(most, out, |peers| answer.choose_v4(peers));
        let rest = wanted.saturating_sub(used).min(stored(answer.v6_peers));
        let used_v6 = list::<V6>(rest, out, |peers| answer.choose_v6(peers));
        peers = used.saturating_add(used_v6);
    });
    peers
}

/// Emits at most `most` peers that `choose` gives as `N` bytes each, and returns how many.
///
/// They are chosen into the end of the room. An entry is longer than what it is made of, and there
/// is room for all entries, so each peer is read before an entry can reach it.
fn list<const N: usize>(
    most: usize,
    out: &mut Out<'_>,
    choose: impl FnOnce(&mut [u8]) -> usize,
) -> usize {
    let most = most.saturating_mul(N);
    let room = out.room();
    let start = room.len().checked_sub(most);
    let Some(peers) = start.and_then(|start| room.get_mut(start..)) else {
        return 0;
    };
    if peers.is_empty() {
        return 0;
    }
    let count = choose(peers) / N;
    for index in 0..count {
        let room = out.room();
        let back = most.saturating_sub(index.saturating_mul(N));
        let peer = room.len().checked_sub(back).and_then(|at| room.get(at..));
        let Some(&peer) = peer.and_then(|peers| peers.first_chunk::<N>()) else {
            return index;
        };
        entry(&peer, out);
    }
    count
}

/// Emits one peer, whose compact form is `peer`, as a dictionary.
fn entry(peer: &[u8], out: &mut Out<'_>) {
    let Some((ip, &port)) = peer.split_last_chunk() else {
        return;
    };
    let ip = match (<[u8; 4]>::try_from(ip), <[u8; 16]>::try_from(ip)) {
        (Ok(v4), _) => IpAddr::from(v4),
        (_, Ok(v6)) => IpAddr::from(v6),
        _ => return,
    };
    let mut text = [0; 39];
    let mut text = Out::new(&mut text);
    // An Out never fails, it overflows; 39 bytes hold the longest address.
    let _ = write!(text, "{ip}");
    let mut dict = Dict::begin(out);
    dict.bytes(b"2:ip", text.written());
    dict.integer(b"4:port", u32::from(u16::from_be_bytes(port)));
    dict.end();
}

/// How many of `wanted` peers are IPv4. When a swarm has more than `wanted`, each family gets a
/// quarter or all it has, and the rest goes in proportion to what each has left, as opentracker
/// does it.
fn v4_share(wanted: usize, answer: &Answer<'_, '_>) -> usize {
    let (v4, v6) = (stored(answer.v4_peers), stored(answer.v6_peers));
    if v4.saturating_add(v6) <= wanted {
        return v4;
    }
    let (least_v4, least_v6) = (v4.min(wanted / 4), v6.min(wanted / 4));
    let rest = wanted.saturating_sub(least_v4).saturating_sub(least_v6);
    let left_v4 = u64::from(answer.v4_peers).saturating_sub(wide(least_v4));
    let left_v6 = u64::from(answer.v6_peers).saturating_sub(wide(least_v6));
    let share = wide(rest)
        .saturating_mul(left_v4)
        .checked_div(left_v4.saturating_add(left_v6));
    least_v4.saturating_add(
        share
            .and_then(|share| usize::try_from(share).ok())
            .unwrap_or(0),
    )
}

fn stored(peers: u32) -> usize {
    usize::try_from(peers).unwrap_or(usize::MAX)
}

fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
