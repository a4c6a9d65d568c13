//! What an announce over HTTP gets back.

use std::collections::BTreeSet;

use super::announce_parameters::fill;
use super::http_connections::V4_ONLY;
use super::http_paths::{FAILURE, V11};
use super::lab::{Conn, Lab, Reply, announce, show};
use super::{Absent, Differs, SKIPPED, Same};
use crate::bencode::Value;
use crate::server::ipv6_works;

promises! { $ announce_replies_probes "announce_replies":
    the_head_has_these_bytes("2.4") =>
        "HTTP/1.1 200 OK\\r\\nContent-Type: text/plain\\r\\nContent-Length: N", Same;
    the_first_leecher_gets_these_bytes("2.4") =>
        "d8:completei0e10:downloadedi0e11:external ip4:\\x7f\\x00\\x00\\x0110:incompletei1e\
         8:intervaliIe12:min intervaliMe5:peers0:e",
        Differs("d8:completei0e10:downloadedi0e10:incompletei1e8:intervaliIe12:min intervaliMe\
         5:peers6:\\x7f\\x00\\x00\\x01\\x03\\xe9e", SELF_AND_BEP_24);
    the_second_leecher_gets_the_first("2.4") =>
        "d8:completei0e10:downloadedi0e11:external ip4:\\x7f\\x00\\x00\\x0110:incompletei2e\
         8:intervaliIe12:min intervaliMe5:peers6:\\x7f\\x00\\x00\\x01\\x03\\xe9e",
        Differs("d8:completei0e10:downloadedi0e10:incompletei2e8:intervaliIe12:min intervaliMe\
         5:peers12:\\x7f\\x00\\x00\\x01\\x03\\xe9\\x7f\\x00\\x00\\x01\\x03\\xeae", SELF_AND_BEP_24);
    counts_are_those_of_the_torrent("2.4") => "complete 2, downloaded 1, incomplete 2", Same;
    the_interval_is_half_an_hour_give_or_take_three_minutes("2.4") => "1620 to 1979", Same;
    the_interval_is_drawn_for_each_reply("2.4") => "more than 10 of 50", Same;
    the_min_interval_is_half_of_it("2.4") => "half", Same;
    leechers_come_before_seeders("2.4") => "leechers first", Same;
    nobody_gets_itself("2.4") => "0 of 1, 1 of 2, 2 of 3",
        Differs("1 of 1, 2 of 2, 3 of 3", "one's own address is of no use to a client");
    seeders_get_no_seeders("2.4") => "2 leechers, 0 seeders",
        Differs("2 leechers, 3 seeders", "one seeder is of no use to another; it is itself in it \
            too");
    with_numwant_0_peers_is_empty("2.4") => "peers0:", Same;
    stopped_gets_these_bytes("2.4") =>
        "d8:completei1e10:downloadedi0e11:external ip4:\\x7f\\x00\\x00\\x0110:incompletei1e\
         8:intervaliIe12:min intervaliMe5:peers0:e",
        Differs("d8:completei1e10:incompletei1e8:intervaliIe12:min intervaliMe5:peers0:e",
            "one form for all replies");
    stopped_of_an_unknown_torrent_gets_zeros("2.4") => "complete 0, incomplete 0, then unknown",
        Same;
    stopped_is_not_asked_for_in_lists("2.4") => "ok", Same;
    a_torrent_that_is_not_allowed_is_told_in_these_words("2.4") =>
        "Requested download is not authorized for use with this tracker.", Same;
    that_refusal_has_these_bytes("2.4") =>
        "d14:failure reason63:Requested download is not authorized for use with this tracker.\
         8:intervali1800ee",
        Differs("d14:failure reason63:Requested download is not authorized for use with this \
            tracker.e", "ours also says when to ask again, for lists change");
    all_keys_are_in_order("2.4") => "in order", Same;
    ipv6_peers_come_as_peers6("2.4") => "peers0: peers6 18 bytes", Absent(V4_ONLY);
    both_families_share_a_reply_in_proportion("2.4") => "25+25, 100+100, 1+1", Absent(V4_ONLY);
    an_ipv6_client_is_told_its_address("2.4") => "16 bytes", Absent(V4_ONLY);
    dictionaries_hold_both_families("2.4") => "127.0.0.1 ::1", Absent(V4_ONLY);
    the_longest_reply_is_whole("2.4") => "200 peers, all different", Same;
    a_reply_to_a_whole_swarm_is_a_fair_sample("2.4") => "at least 90 of 100 in 40 replies", Same;
    an_error_has_these_bytes("2.5") =>
        "HTTP/1.1 404 Not Found\\r\\nContent-Type: text/html\\r\\nContent-Length: 25\\r\\n\\r\\n\
         <title>Not Found</title>\\n",
        Differs("HTTP/1.0 404 Not Found\\r\\nContent-Type: text/html\\r\\nContent-Length: 25\\r\\n\
         \\r\\n<title>Not Found</title>\\n", V11);
    a_bad_request_has_these_bytes("2.5") =>
        "HTTP/1.1 400 Invalid Request\\r\\nContent-Type: text/html\\r\\nContent-Length: 31\\r\\n\
         Connection: close\\r\\n\\r\\n<title>Invalid Request</title>\\n",
        Differs("HTTP/1.0 400 Invalid Request\\r\\nContent-Type: text/html\\r\\nContent-Length: 31\
         \\r\\n\\r\\n<title>Invalid Request</title>\\n", V11);
    refused_statistics_have_these_bytes("2.5") =>
        "HTTP/1.1 403 Access Denied\\r\\nContent-Type: text/html\\r\\nContent-Length: 29\\r\\n\\r\\n\
         <title>Access Denied</title>\\n",
        Differs("HTTP/1.0 403 Access Denied\\r\\nContent-Type: text/html\\r\\nContent-Length: 29\
         \\r\\n\\r\\n<title>Access Denied</title>\\n", V11);
    a_bad_mode_has_these_bytes("2.5") =>
        "HTTP/1.1 400 Invalid Request\\r\\nContent-Type: text/html\\r\\nContent-Length: 31\\r\\n\
         \\r\\n<title>Invalid Request</title>\\n",
        Differs("HTTP/1.0 400 Invalid Request\\r\\nContent-Type: text/html\\r\\nContent-Length: 31\
         \\r\\n\\r\\n<title>Invalid Request</title>\\n", V11);
    a_page_that_is_not_there_has_these_bytes("2.5") =>
        "HTTP/1.1 500 Internal Server Error\\r\\nContent-Type: text/html\\r\\nContent-Length: 37\
         \\r\\n\\r\\n<title>Internal Server Error</title>\\n",
        Differs("HTTP/1.0 500 Internal Server Error\\r\\nContent-Type: text/html\\r\\n\
         Content-Length: 37\\r\\n\\r\\n<title>Internal Server Error</title>\\n", V11);
    failures_of_announces_have_status_200("2.5") => "200 200 200",
        Differs("400 400 400", FAILURE);
}

const SELF_AND_BEP_24: &str =
    "the announcer isn't told of itself, and is told its address (BEP 24)";

/// The body with the random interval as `I` and the half of it as `M`.
fn masked(reply: &Reply) -> String {
    let interval = reply.int("interval");
    let text = show(&reply.body).replace("\\'", "'");
    text.replace(&format!("8:intervali{interval}e"), "8:intervaliIe")
        .replace(
            &format!("12:min intervali{}e", interval / 2),
            "12:min intervaliMe",
        )
}

fn the_head_has_these_bytes(lab: &Lab) -> String {
    let reply = lab.open().announce(&lab.hash(), 1001, 1, "");
    let headers = reply.headers.join("\\r\\n");
    let length = reply.body.len();
    let headers = headers.replace(&format!("Length: {length}"), "Length: N");
    format!("{}\\r\\n{headers}", reply.line)
}

fn the_first_leecher_gets_these_bytes(lab: &Lab) -> String {
    masked(&lab.open().announce(&lab.hash(), 1001, 1, ""))
}

fn the_second_leecher_gets_the_first(lab: &Lab) -> String {
    let (tracker, hash) = (lab.open(), lab.hash());
    tracker.announce(&hash, 1001, 1, "");
    masked(&tracker.announce(&hash, 1002, 1, ""))
}

fn counts_are_those_of_the_torrent(lab: &Lab) -> String {
    let (tracker, hash) = (lab.open(), lab.hash());
    tracker.announce(&hash, 1001, 1, "");
    tracker.announce(&hash, 1002, 0, "");
    tracker.announce(&hash, 1003, 0, "&event=completed");
    let reply = tracker.announce(&hash, 1004, 1, "");
    let counts =
        ["complete", "downloaded", "incomplete"].map(|key| format!("{key} {}", reply.int(key)));
    counts.join(", ")
}

fn intervals(lab: &Lab) -> Vec<(i64, i64)> {
    let (tracker, hash) = (lab.open(), lab.hash());
    let replies = (0..50).map(|_| tracker.announce(&hash, 1001, 1, ""));
    let both = |reply: Reply| (reply.int("interval"), reply.int("min interval"));
    replies.map(both).collect()
}

fn the_interval_is_half_an_hour_give_or_take_three_minutes(lab: &Lab) -> String {
    let intervals = intervals(lab);
    match intervals
        .iter()
        .find(|(interval, _)| !(1620..=1979).contains(interval))
    {
        None => "1620 to 1979".to_owned(),
        Some((other, _)) => other.to_string(),
    }
}

fn the_interval_is_drawn_for_each_reply(lab: &Lab) -> String {
    let different: BTreeSet<_> = intervals(lab).into_iter().collect();
    match different.len() {
        11.. => "more than 10 of 50".to_owned(),
        few => few.to_string(),
    }
}

fn the_min_interval_is_half_of_it(lab: &Lab) -> String {
    match intervals(lab)
        .iter()
        .find(|(interval, min)| *min != interval / 2)
    {
        None => "half".to_owned(),
        Some(other) => format!("{other:?}"),
    }
}

fn leechers_come_before_seeders(lab: &Lab) -> String {
    let (tracker, hash) = (lab.open(), lab.hash());
    for port in 1001..1031 {
        tracker.announce(&hash, port, u64::from(port % 2), "&numwant=0");
    }
    let ports = tracker.announce(&hash, 2001, 1, "").ports();
    let seeder = |port: &u16| *port < 2000 && port.is_multiple_of(2);
    let first_seeder = ports.iter().position(seeder);
    let last_leecher = ports.iter().rposition(|port| !seeder(port));
    if ports.len() >= 30 && last_leecher < first_seeder {
        "leechers first".to_owned()
    } else {
        format!("{ports:?}")
    }
}

fn nobody_gets_itself(lab: &Lab) -> String {
    let (tracker, hash) = (lab.open(), lab.hash());
    let told = (1001..=1003).map(|port| {
        let peers = tracker.announce(&hash, port, 1, "").peers().len();
        format!("{peers} of {}", port - 1000)
    });
    told.collect::<Vec<_>>().join(", ")
}

fn seeders_get_no_seeders(lab: &Lab) -> String {
    let (tracker, hash) = (lab.open(), lab.hash());
    for (port, left) in [(1001, 1), (1002, 1), (2001, 0), (2002, 0)] {
        tracker.announce(&hash, port, left, "");
    }
    let ports = tracker.announce(&hash, 2003, 0, "").ports();
    let leechers = ports.iter().filter(|port| **port < 2000).count();
    format!("{leechers} leechers, {} seeders", ports.len() - leechers)
}

fn with_numwant_0_peers_is_empty(lab: &Lab) -> String {
    let (tracker, hash) = (lab.open(), lab.hash());
    tracker.announce(&hash, 1001, 1, "");
    let reply = tracker.announce(&hash, 1002, 1, "&numwant=0");
    match reply.bencode().as_ref().map(|value| value.find("peers")) {
        Ok(Some(Value::Bytes(bytes))) => format!("peers{}:", bytes.len()),
        Ok(None) => "no peers".to_owned(),
        _ => reply.outcome(),
    }
}

fn stopped_gets_these_bytes(lab: &Lab) -> String {
    let (tracker, hash) = (lab.open(), lab.hash());
    tracker.announce(&hash, 1001, 1, "");
    tracker.announce(&hash, 1002, 0, "");
    tracker.announce(&hash, 1003, 1, "");
    masked(&tracker.announce(&hash, 1003, 1, "&event=stopped"))
}

fn stopped_of_an_unknown_torrent_gets_zeros(lab: &Lab) -> String {
    let (tracker, hash) = (lab.open(), lab.hash());
    let reply = tracker.announce(&hash, 1001, 1, "&event=stopped");
    let counts = ["complete", "incomplete"].map(|key| format!("{key} {}", reply.int(key)));
    let listed = tracker.full_scrape().contains(&hash);
    let then = if listed { "known" } else { "unknown" };
    format!("{}, then {then}", counts.join(", "))
}

/// A tracker that allows one torrent, and that torrent's hash.
fn listed(lab: &Lab) -> super::lab::Tracker {
    let list = lab.list("white", &[lab.hash()]);
    lab.with(&format!("access.whitelist {list}\n"))
}

fn stopped_is_not_asked_for_in_lists(lab: &Lab) -> String {
    listed(lab)
        .announce(&lab.unlisted(), 1001, 1, "&event=stopped")
        .outcome()
}

fn a_torrent_that_is_not_allowed_is_told_in_these_words(lab: &Lab) -> String {
    let reply = listed(lab).announce(&lab.unlisted(), 1001, 1, "");
    match reply
        .bencode()
        .as_ref()
        .map(|value| value.find("failure reason"))
    {
        Ok(Some(Value::Bytes(text))) => show(text),
        _ => reply.outcome(),
    }
}

fn that_refusal_has_these_bytes(lab: &Lab) -> String {
    show(&listed(lab).announce(&lab.unlisted(), 1001, 1, "").body)
}

fn all_keys_are_in_order(lab: &Lab) -> String {
    let (tracker, hash) = (lab.open(), lab.hash());
    // The reader refuses keys out of order.
    match tracker.announce(&hash, 1001, 1, "").bencode() {
        Ok(_) => "in order".to_owned(),
        Err(error) => error,
    }
}

/// What an announce over IPv6 gets in a torrent that has one IPv6 peer.
fn over_ipv6(lab: &Lab, more: &str, tell: impl Fn(&Value) -> String) -> String {
    if !ipv6_works() {
        return format!("{SKIPPED}no IPv6 on this machine");
    }
    let (tracker, hash) = (lab.open(), lab.hash());
    Conn::to(tracker.tcp6()).get(&announce(&hash, 1001, 1));
    let target = announce(&hash, 1002, 1) + more;
    match Conn::to(tracker.tcp6()).get(&target).bencode() {
        Ok(value) => tell(&value),
        Err(error) => error,
    }
}

fn ipv6_peers_come_as_peers6(lab: &Lab) -> String {
    over_ipv6(lab, "", |value| {
        let (v4, v6) = (value.string("peers").len(), value.string("peers6").len());
        format!("peers{v4}: peers6 {v6} bytes")
    })
}

fn an_ipv6_client_is_told_its_address(lab: &Lab) -> String {
    over_ipv6(lab, "", |value| {
        format!("{} bytes", value.string("external ip").len())
    })
}

fn dictionaries_hold_both_families(lab: &Lab) -> String {
    if !ipv6_works() {
        return format!("{SKIPPED}no IPv6 on this machine");
    }
    let (tracker, hash) = (lab.open(), lab.hash());
    tracker.announce(&hash, 1001, 1, "");
    Conn::to(tracker.tcp6()).get(&announce(&hash, 1001, 1));
    let reply = tracker.announce(&hash, 1002, 1, "&compact=0");
    let Ok(value) = reply.bencode() else {
        return reply.outcome();
    };
    let ips = value
        .list("peers")
        .iter()
        .map(|peer| show(peer.string("ip")));
    ips.collect::<Vec<_>>().join(" ")
}

fn both_families_share_a_reply_in_proportion(lab: &Lab) -> String {
    if !ipv6_works() {
        return format!("{SKIPPED}no IPv6 on this machine");
    }
    let (tracker, hash) = (lab.open(), lab.hash());
    fill(&tracker, &hash, 300);
    let v6 = super::lab::Udp::to(tracker.udp6_address());
    for port in 1..=300 {
        v6.join(hash, port, 1);
    }
    let shares = ["", "&numwant=200", "&numwant=2"].map(|more| {
        let peers = tracker.announce(&hash, 1, 1, more).peers();
        let v4 = peers.iter().filter(|peer| peer.is_ipv4()).count();
        format!("{v4}+{}", peers.len() - v4)
    });
    shares.join(", ")
}

fn the_longest_reply_is_whole(lab: &Lab) -> String {
    let (tracker, hash) = (lab.open(), lab.hash());
    fill(&tracker, &hash, 300);
    // No peer may be in it twice, which the reader sees to.
    let peers = tracker.announce(&hash, 1001, 1, "&numwant=200").peers();
    format!("{} peers, all different", peers.len())
}

fn a_reply_to_a_whole_swarm_is_a_fair_sample(lab: &Lab) -> String {
    let (tracker, hash) = (lab.open(), lab.hash());
    fill(&tracker, &hash, 100);
    let mut seen = BTreeSet::new();
    for _ in 0..40 {
        seen.extend(tracker.announce(&hash, 1, 1, "&numwant=10").ports());
    }
    match seen.len() {
        90.. => "at least 90 of 100 in 40 replies".to_owned(),
        few => few.to_string(),
    }
}

fn an_error_has_these_bytes(lab: &Lab) -> String {
    lab.open().get("/nowhere").whole()
}

fn a_bad_request_has_these_bytes(lab: &Lab) -> String {
    lab.open().send("NOTHING\r\n\r\n").whole()
}

fn refused_statistics_have_these_bytes(lab: &Lab) -> String {
    lab.with("access.stats 127.0.0.9\n").get("/stats").whole()
}

fn a_bad_mode_has_these_bytes(lab: &Lab) -> String {
    lab.open().stats("nonsense").whole()
}

fn a_page_that_is_not_there_has_these_bytes(lab: &Lab) -> String {
    lab.open().stats("busy").whole()
}

fn failures_of_announces_have_status_200(lab: &Lab) -> String {
    let tracker = lab.open();
    let targets = [
        "/announce",
        "/announce?info_hash=short",
        "/scrape?info_hash=short",
    ];
    targets.map(|target| tracker.get(target).status()).join(" ")
}
