//! Every directive, with values that are good and values that are not.

use std::fmt::Write as _;

use super::config::{listener, outcome};
use super::lab::{Lab, Outcome, free_port};
use super::{Absent, Differs};

promises! { $ directives_probes "directives":
    every_directive_of_opentracker_is_known("1.2") => "all known",
        Differs("unknown: access.blacklist access.fifo_add access.fifo_delete access.proxy \
            livesync.cluster.listen livesync.cluster.node_ip", "they aren't compiled in");
    directives_of_its_forks_are_known("1.2") => "all known", Absent(OURS);
    directives_of_ours_are_known("1.2") => "all known", Absent(OURS);
    bad_values_of_every_directive_are_refused("1.2") => "all refused", Absent(OURS);
    bad_values_are_told_with_their_place_and_reason("1.2") => "all told", Absent(OURS);
}

const OURS: &str = "these are not its own";

/// A directive with a good value (and lines that it is nothing without), and bad ones with `|`
/// between them.
type Directive = (&'static str, &'static str, &'static str);

const OPENTRACKERS: [Directive; 14] = [
    ("listen.udp.workers", "2", "x|-1"),
    ("access.whitelist", "{dir}/list", ""),
    ("access.blacklist", "{dir}/list", ""),
    ("access.fifo_add", "{dir}/add", ""),
    ("access.fifo_delete", "{dir}/delete", ""),
    (
        "access.stats",
        "192.0.2.1",
        "localhost|192.0.2.0/33|192.0.2|1.2.3.4/|1.2.3.4/x",
    ),
    ("access.stats_path", "stats", ""),
    ("access.proxy", "192.0.2.1", "localhost|2001:db8::/129"),
    (
        "livesync.cluster.listen",
        "127.0.0.1",
        "::1|localhost|127.0.0.1:x",
    ),
    ("livesync.cluster.node_ip", "127.0.0.1", "localhost"),
    ("tracker.rootdir", "{dir}", ""),
    ("tracker.user", "nobody", ""),
    ("tracker.redirect_url", "http://r.test/", ""),
    (
        "listen.udp",
        "127.0.0.1:PORT",
        "127.0.0.1:70000|127.0.0.1:80x|127.0.0.1:|nowhere",
    ),
];

const FORKS: [Directive; 1] = [("access.udp_reject_interval", "3600", "x|-1")];

const OURS_ALONE: [Directive; 33] = [
    ("tracker.memory", "4M", "lots|-1|4X|99999999999999999999"),
    ("access.entries", "5000", "x|-1"),
    ("access.watch", "on\naccess.whitelist {dir}/list", "maybe|1"),
    (
        "access.fullscrape",
        "192.0.2.0/24",
        "localhost|192.0.2.0/33",
    ),
    ("access.stats_for", "listed", "someone"),
    ("access.proxy_header", "x-real-ip", "x-other"),
    ("tracker.ip_from_query", "on", "maybe"),
    ("tracker.fullscrape", "modest", "maybe"),
    ("tracker.fullscrape_pause", "60", "x|-1"),
    ("tracker.gzip", "always", "maybe"),
    ("tracker.interval", "900", "x|0|-1|86401"),
    ("tracker.interval_jitter", "60", "x|-1"),
    ("tracker.interval_most", "3600", "x|-1"),
    ("tracker.interval_swarm", "1000", "x|-1"),
    ("tracker.interval_load", "1000", "x|-1"),
    ("tracker.peer_timeout", "2700", "x|-1|28801"),
    ("tracker.torrent_timeout", "86400", "x|-1|4000001"),
    ("tracker.numwant", "30", "x|-1|70000"),
    ("tracker.numwant_most", "100", "x|-1|70000"),
    ("tracker.numwant_most_udp6", "60", "x|-1|70000"),
    ("tracker.most_peers", "100000", "x|-1|4294967296"),
    ("tracker.most_peers_per_torrent", "1000", "x|-1|4294967296"),
    ("tracker.decoys", "10", "x|101|-1"),
    ("tracker.decoys_most", "5", "x|256|-1"),
    ("lan.network", "192.168.1.0/24", "localhost|192.168.1.0/33"),
    ("lan.public_address", "192.0.2.1", "localhost|192.0.2.0/24"),
    ("state.file", "{dir}/state", ""),
    ("state.interval", "3600\nstate.file {dir}/state", "x|-1"),
    ("state.peers_file", "{dir}/peers", ""),
    ("log.to", "stderr", "nowhere"),
    ("log.level", "info", "loud"),
    ("log.completed", "on", "maybe"),
    ("log.requests", "192.0.2.0/24", "localhost|192.0.2.0/33"),
];

/// Starts with one good line for each and names those that are told of as unknown or wrong.
fn known(lab: &Lab, directives: &[Directive]) -> String {
    lab.list("list", &[]);
    let mut unknown = String::new();
    for (name, good, _) in directives {
        let good = good.replace("PORT", &free_port().to_string());
        let line = format!("{name} {good}\n").replace("{dir}", &lab.path(""));
        let lines = listener() + &line.replace("//", "/").replace("http:/", "http://");
        let before = lab.said().len();
        let outcome = outcome(lab, &lines, 1);
        let said = lab.said().split_off(before);
        let complains = |line: &str| line.contains(name);
        if said.lines().any(complains) || matches!(outcome, Outcome::Ended(_)) {
            let _ = write!(unknown, " {name}");
        }
    }
    if unknown.is_empty() {
        "all known".to_owned()
    } else {
        format!("unknown:{unknown}")
    }
}

fn every_directive_of_opentracker_is_known(lab: &Lab) -> String {
    // A folder to live in and a user to become are for root, and told as such to others.
    known(lab, &OPENTRACKERS)
}

fn directives_of_its_forks_are_known(lab: &Lab) -> String {
    known(lab, &FORKS)
}

fn directives_of_ours_are_known(lab: &Lab) -> String {
    known(lab, &OURS_ALONE)
}

/// Every directive with every bad value that we know, and what became of the program.
fn bad_values(lab: &Lab, good: impl Fn(&Outcome, &str, &str) -> bool) -> Vec<String> {
    let all = OPENTRACKERS.iter().chain(&FORKS).chain(&OURS_ALONE);
    let pairs = all.flat_map(|(name, _, bad)| {
        bad.split('|')
            .filter(|bad| !bad.is_empty())
            .map(move |bad| (name, bad))
    });
    let mut wrong = Vec::new();
    for (name, bad) in pairs {
        let lines = format!("{}{name} {bad}\n", listener());
        let before = lab.said().len();
        let outcome = outcome(lab, &lines, 1);
        let said = lab
            .said()
            .split_off(before)
            .replace(&lab.path("conf"), "FILE");
        if !good(&outcome, &said, name) {
            wrong.push(format!("{name} {bad}"));
        }
    }
    wrong
}

fn bad_values_of_every_directive_are_refused(lab: &Lab) -> String {
    let wrong = bad_values(lab, |outcome, _, _| outcome.status() == "2");
    if wrong.is_empty() {
        "all refused".to_owned()
    } else {
        format!("taken: {}", wrong.join(", "))
    }
}

fn bad_values_are_told_with_their_place_and_reason(lab: &Lab) -> String {
    let wrong = bad_values(lab, |_, said, name| {
        let start = format!("FILE:2: {name}: ");
        said.lines().any(|line| {
            line.split_once(&start).is_some_and(|(_, reason)| {
                reason.len() > 5 && !reason.contains("unknown directive")
            })
        })
    });
    if wrong.is_empty() {
        "all told".to_owned()
    } else {
        format!("not told: {}", wrong.join(", "))
    }
}
