//! What each parameter of an announce over HTTP means, and what it may be.

use super::http_paths::FAILURE;
use super::lab::{Lab, Tracker, announce};
use super::{Absent, Differs, Same};
use crate::http_client::percent_encode;

promises! { $ announce_parameters_probes "announce_parameters":
    an_info_hash_is_20_bytes("2.3") => "0: failure, 19: failure, 21: failure, 40: failure",
        Differs("0: 400, 19: 400, 21: 400, 40: 400", FAILURE);
    a_second_info_hash_is_a_failure("2.3") => "failure", Differs("400", FAILURE);
    a_missing_info_hash_is_told_in_these_words("2.3") =>
        "d14:failure reason80:Your client forgot to send your torrent's info_hash. Please upgrade \
         your client.8:intervali1800e8:retry in5:nevere",
        Differs("d14:failure reason80:Your client forgot to send your torrent's info_hash. Please \
         upgrade your client.e", "ours also says that asking again won't help (BEP 31)");
    a_port_beyond_65535_is_a_failure("2.3") => "failure", Differs("400", FAILURE);
    a_port_that_is_no_number_is_a_failure("2.3") => "failure failure",
        Differs("400 400", FAILURE);
    a_missing_port_is_a_failure("2.3") => "failure, 0/0/0", Differs("ok, 0/0/1", PORT_0);
    port_0_is_a_failure("2.3") => "failure, 0/0/0", Differs("ok, 0/0/1", PORT_0);
    a_negative_port_is_a_failure("2.3") => "failure, 0/0/0",
        Differs("ok, 0/0/1", "-1 becomes 65535 (UPSTREAM-BUG)");
    nothing_left_is_a_seeder("2.3") => "1/0/0", Same;
    something_left_is_a_leecher("2.3") => "0/0/1", Same;
    a_missing_left_is_a_leecher("2.3") => "0/0/1", Same;
    a_negative_left_is_a_leecher("2.3") => "0/0/1", Same;
    a_left_of_4_gib_is_a_leecher("2.3") => "0/0/1",
        Differs("1/0/0", "the number wraps after 32 bits (UPSTREAM-BUG)");
    a_left_of_64_bits_is_a_leecher("2.3") => "0/0/1", Same;
    an_empty_left_is_a_failure("2.3") => "failure", Differs("400", FAILURE);
    a_left_that_is_no_number_is_a_failure("2.3") => "failure",
        Differs("ok", "it takes whatever it can't read for a seeder");
    started_and_unknown_events_are_none("2.3") => "0/0/4", Same;
    events_are_case_sensitive("2.3") => "0/0/1", Same;
    completed_counts_a_download("2.3") => "1/1/0", Same;
    stopped_removes_the_peer("2.3") => "0/0/0", Same;
    stopped_after_completed_wins("2.3") => "0/0/0", Same;
    completed_after_stopped_wins("2.3") => "1/1/0",
        Differs("0/0/0", "its events add up; here the last of a doubled name counts");
    numwant_is_50_unless_said("2.3") => "50", Same;
    numwant_is_at_most_200("2.3") => "200 200", Same;
    numwant_below_0_is_50("2.3") => "50", Same;
    numwant_0_is_none("2.3") => "0", Same;
    numwant_beyond_32_bits_is_200("2.3") => "200",
        Differs("50", "4294967346 wraps to 50 (UPSTREAM-BUG)");
    an_empty_numwant_is_a_failure("2.3") => "failure", Differs("400", FAILURE);
    a_numwant_that_is_no_number_is_a_failure("2.3") => "failure", Differs("400", FAILURE);
    compact_1_and_none_are_compact("2.3") => "6 bytes, 6 bytes", Same;
    compact_0_gives_dictionaries("2.3") => "[127.0.0.1 port 1001]",
        Differs("400", "BEP 3 has no other form, and BEP 23 lets clients ask for it");
    any_other_compact_is_compact("2.3") => "6 bytes, 6 bytes",
        Differs("6 bytes, 400", "a wish that isn't understood is no reason to fail");
    a_peer_id_may_be_missing("2.3") => "ok", Same;
    a_peer_id_is_20_bytes("2.3") => "failure failure", Differs("400 400", FAILURE);
    an_ip_is_ignored("2.3") => "127.0.0.1, ok", Same;
    an_ip_is_believed_if_so_configured("2.3") => "10.1.2.3, 2001:db8::7", Absent(IP);
    an_ip_that_is_none_is_a_failure_if_believed("2.3") => "failure", Absent(IP);
    lognet_is_ignored("2.3") => "ok", Same;
    peers_are_told_apart_by_address_and_port("2.3") => "0/0/3", Same;
    peer_id_and_key_do_not_tell_peers_apart("2.3") => "0/0/1", Same;
    of_a_doubled_name_the_last_counts("2.3") => "1001", Same;
}

const PORT_0: &str = "nobody can connect to port 0, so handing it out is of no use";
const IP: &str = "not compiled in";

fn outcome(lab: &Lab, change: impl Fn(String) -> String) -> String {
    lab.open()
        .get(&change(announce(&lab.hash(), 1001, 1)))
        .outcome()
}

/// The outcome of an announce with `from` replaced, and what the torrent has then.
fn then_counts(lab: &Lab, from: &str, to: &str) -> String {
    let (tracker, hash) = (lab.open(), lab.hash());
    let target = announce(&hash, 1001, 1).replace(from, to);
    let outcome = tracker.get(&target).outcome();
    let counts = tracker.counts(&hash).replace("unknown", "0/0/0");
    format!("{outcome}, {counts}")
}

fn counts(lab: &Lab, more: &[&str]) -> String {
    let (tracker, hash) = (lab.open(), lab.hash());
    for (port, more) in (1001..).zip(more) {
        let target = format!(
            "/announce?info_hash={}&peer_id=-WR0001-000000000000&port={port}{more}",
            percent_encode(&hash)
        );
        tracker.get(&target);
    }
    tracker.counts(&hash).replace("unknown", "0/0/0")
}

fn an_info_hash_is_20_bytes(lab: &Lab) -> String {
    let tracker = lab.open();
    let outcomes = [0, 19, 21, 40].map(|length| {
        let hash = "a".repeat(length);
        let target = format!("/announce?info_hash={hash}&port=1&left=1");
        format!("{length}: {}", tracker.get(&target).outcome())
    });
    outcomes.join(", ")
}

fn a_second_info_hash_is_a_failure(lab: &Lab) -> String {
    let second = lab.hash();
    outcome(lab, |target| {
        format!("{target}&info_hash={}", percent_encode(&second))
    })
}

fn a_missing_info_hash_is_told_in_these_words(lab: &Lab) -> String {
    lab.open()
        .get("/announce?port=1001&left=1")
        .text()
        .replace("\\'", "'")
}

fn a_port_beyond_65535_is_a_failure(lab: &Lab) -> String {
    outcome(lab, |target| target.replace("port=1001", "port=65536"))
}

fn a_port_that_is_no_number_is_a_failure(lab: &Lab) -> String {
    let empty = outcome(lab, |target| target.replace("port=1001", "port="));
    let word = outcome(lab, |target| target.replace("port=1001", "port=x"));
    format!("{empty} {word}")
}

fn a_missing_port_is_a_failure(lab: &Lab) -> String {
    then_counts(lab, "&port=1001", "")
}

fn port_0_is_a_failure(lab: &Lab) -> String {
    then_counts(lab, "port=1001", "port=0")
}

fn a_negative_port_is_a_failure(lab: &Lab) -> String {
    then_counts(lab, "port=1001", "port=-1")
}

fn nothing_left_is_a_seeder(lab: &Lab) -> String {
    counts(lab, &["&left=0"])
}

fn something_left_is_a_leecher(lab: &Lab) -> String {
    counts(lab, &["&left=1"])
}

fn a_missing_left_is_a_leecher(lab: &Lab) -> String {
    counts(lab, &[""])
}

fn a_negative_left_is_a_leecher(lab: &Lab) -> String {
    counts(lab, &["&left=-1"])
}

fn a_left_of_4_gib_is_a_leecher(lab: &Lab) -> String {
    counts(lab, &["&left=4294967296"])
}

fn a_left_of_64_bits_is_a_leecher(lab: &Lab) -> String {
    counts(lab, &["&left=18446744073709551615"])
}

fn an_empty_left_is_a_failure(lab: &Lab) -> String {
    outcome(lab, |target| target.replace("left=1", "left="))
}

fn a_left_that_is_no_number_is_a_failure(lab: &Lab) -> String {
    outcome(lab, |target| target.replace("left=1", "left=x"))
}

fn started_and_unknown_events_are_none(lab: &Lab) -> String {
    let event = [
        "&left=1&event=started",
        "&left=1&event=",
        "&left=1&event=paused2",
        "&left=1",
    ];
    counts(lab, &event)
}

fn events_are_case_sensitive(lab: &Lab) -> String {
    counts(lab, &["&left=1&event=STOPPED"])
}

fn completed_counts_a_download(lab: &Lab) -> String {
    counts(lab, &["&left=0&event=completed"])
}

/// The announces of one peer one after another.
fn one_peer(lab: &Lab, more: &[&str]) -> String {
    let (tracker, hash) = (lab.open(), lab.hash());
    for more in more {
        tracker.get(&announce(&hash, 1001, 0).replace("&left=0", more));
    }
    tracker.counts(&hash).replace("unknown", "0/0/0")
}

fn stopped_removes_the_peer(lab: &Lab) -> String {
    one_peer(lab, &["&left=1", "&left=1&event=stopped"])
}

fn stopped_after_completed_wins(lab: &Lab) -> String {
    one_peer(lab, &["&left=0", "&left=0&event=completed&event=stopped"])
}

fn completed_after_stopped_wins(lab: &Lab) -> String {
    one_peer(lab, &["&left=0", "&left=0&event=stopped&event=completed"])
}

/// How many peers of 300 come with each of these.
fn numwants(lab: &Lab, more: &[&str]) -> String {
    let (tracker, hash) = (lab.open(), lab.hash());
    fill(&tracker, &hash, 300);
    let told = more.iter().map(|more| {
        let reply = tracker.announce(&hash, 1001, 1, more);
        match reply.bencode() {
            Ok(value) if reply.status() == "200" => {
                let peers = value
                    .find("peers")
                    .map_or(0, |_| value.string("peers").len() / 6);
                peers.to_string()
            }
            _ => reply.outcome(),
        }
    });
    told.collect::<Vec<_>>().join(" ")
}

/// Puts leechers with the ports 1 to `count` into a torrent.
pub(super) fn fill(tracker: &Tracker, hash: &[u8; 20], count: u16) {
    let udp = tracker.udp();
    for port in 1..=count {
        udp.join(*hash, port, 1);
    }
}

fn numwant_is_50_unless_said(lab: &Lab) -> String {
    numwants(lab, &[""])
}

fn numwant_is_at_most_200(lab: &Lab) -> String {
    numwants(lab, &["&numwant=200", "&numwant=201"])
}

fn numwant_below_0_is_50(lab: &Lab) -> String {
    numwants(lab, &["&numwant=-1"])
}

fn numwant_0_is_none(lab: &Lab) -> String {
    numwants(lab, &["&numwant=0"])
}

fn numwant_beyond_32_bits_is_200(lab: &Lab) -> String {
    numwants(lab, &["&numwant=4294967346"])
}

fn an_empty_numwant_is_a_failure(lab: &Lab) -> String {
    outcome(lab, |target| target + "&numwant=")
}

fn a_numwant_that_is_no_number_is_a_failure(lab: &Lab) -> String {
    outcome(lab, |target| target + "&numwant=x")
}

/// What comes as `peers` with each of these, in a torrent that has 127.0.0.1 port 1001.
fn forms(lab: &Lab, more: &[&str]) -> String {
    use crate::bencode::Value;
    let (tracker, hash) = (lab.open(), lab.hash());
    tracker.announce(&hash, 1001, 1, "");
    let told = more.iter().map(|more| {
        let reply = tracker.announce(&hash, 1001, 1, more);
        // opentracker tells the only peer of itself, wrtracker needs another one.
        let reply = if lab.ours() {
            tracker.announce(&hash, 1002, 1, more)
        } else {
            reply
        };
        if lab.ours() {
            tracker.announce(&hash, 1002, 1, "&event=stopped");
        }
        match reply.bencode().as_ref().map(|value| value.find("peers")) {
            Ok(Some(Value::Bytes(bytes))) => format!("{} bytes", bytes.len()),
            Ok(Some(Value::List(peers))) => {
                let peer = |peer: &Value| {
                    let ip = String::from_utf8_lossy(peer.string("ip")).into_owned();
                    format!("[{ip} port {}]", peer.int("port"))
                };
                peers.iter().map(peer).collect()
            }
            _ => reply.outcome(),
        }
    });
    told.collect::<Vec<_>>().join(", ")
}

fn compact_1_and_none_are_compact(lab: &Lab) -> String {
    forms(lab, &["&compact=1", ""])
}

fn compact_0_gives_dictionaries(lab: &Lab) -> String {
    forms(lab, &["&compact=0"])
}

fn any_other_compact_is_compact(lab: &Lab) -> String {
    forms(lab, &["&compact=2", "&compact=yes"])
}

fn a_peer_id_may_be_missing(lab: &Lab) -> String {
    outcome(lab, |target| {
        target.replace("&peer_id=-WR0001-000000000000", "")
    })
}

fn a_peer_id_is_20_bytes(lab: &Lab) -> String {
    let short = outcome(lab, |target| target.replace("000000000000", "00000000000"));
    let long = outcome(lab, |target| {
        target.replace("000000000000", "0000000000000")
    });
    format!("{short} {long}")
}

/// The peer that was announced last by another, with this in its announce.
fn stored_as(tracker: &Tracker, hash: &[u8; 20], more: &str) -> String {
    tracker.announce(hash, 1001, 1, more);
    let reply = tracker.announce(hash, 1002, 1, "");
    tracker.announce(hash, 1001, 1, &format!("{more}&event=stopped"));
    tracker.announce(hash, 1002, 1, "&event=stopped");
    reply
        .peers()
        .into_iter()
        .find(|peer| peer.port() == 1001)
        .map_or_else(|| reply.outcome(), |peer| peer.ip().to_string())
}

fn an_ip_is_ignored(lab: &Lab) -> String {
    let (tracker, hash) = (lab.open(), lab.hash());
    let stored = stored_as(&tracker, &hash, "&ip=10.1.2.3");
    format!(
        "{stored}, {}",
        tracker.announce(&hash, 1001, 1, "&ip=nonsense").outcome()
    )
}

fn an_ip_is_believed_if_so_configured(lab: &Lab) -> String {
    let (tracker, hash) = (lab.with("tracker.ip_from_query on\n"), lab.hash());
    let v4 = stored_as(&tracker, &hash, "&ip=10.1.2.3");
    format!("{v4}, {}", stored_as(&tracker, &hash, "&ip=2001:db8::7"))
}

fn an_ip_that_is_none_is_a_failure_if_believed(lab: &Lab) -> String {
    let tracker = lab.with("tracker.ip_from_query on\n");
    tracker
        .announce(&lab.hash(), 1001, 1, "&ip=nonsense")
        .outcome()
}

fn lognet_is_ignored(lab: &Lab) -> String {
    outcome(lab, |target| target + "&lognet=0.0.0.0/0")
}

fn peers_are_told_apart_by_address_and_port(lab: &Lab) -> String {
    let (tracker, hash) = (lab.open(), lab.hash());
    for (host, port) in [(1, 1001), (1, 1002), (2, 1001), (1, 1001)] {
        tracker.get_from(host, &announce(&hash, port, 1));
    }
    tracker.counts(&hash)
}

fn peer_id_and_key_do_not_tell_peers_apart(lab: &Lab) -> String {
    let (tracker, hash) = (lab.open(), lab.hash());
    tracker.announce(&hash, 1001, 1, "&key=1");
    tracker.get(&(announce(&hash, 1001, 1).replace("WR0001", "WR0002") + "&key=2"));
    tracker.counts(&hash)
}

fn of_a_doubled_name_the_last_counts(lab: &Lab) -> String {
    let (tracker, hash) = (lab.open(), lab.hash());
    tracker.get(&announce(&hash, 1001, 1).replace("port=1001", "port=1002&port=1001"));
    let reply = tracker.announce(&hash, 1003, 1, "");
    let ports: Vec<_> = reply.peers().iter().map(|peer| peer.port()).collect();
    let ports = ports.iter().filter(|port| **port != 1003);
    ports.map(u16::to_string).collect::<Vec<_>>().join(" ")
}
