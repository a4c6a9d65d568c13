//! What becomes of peers and torrents.

use std::collections::BTreeSet;
use std::time::Duration;

use super::announce_parameters::fill;
use super::lab::{Lab, until_within};
use super::{Absent, Same};

promises! { $ swarm_probes "swarm":
    completed_is_counted_once_for_each_peer("5.3") => "1 1 1 2", Same;
    a_completed_with_something_left_is_no_download("5.3") => "0/0/1", Same;
    a_peer_that_is_new_may_have_completed("5.3") => "1/1/0", Same;
    it_counts_again_after_stopped("5.3") => "2", Same;
    a_peer_is_what_it_said_last("5.3") => "0/0/1 1/0/0 0/0/1", Same;
    stopped_removes_that_address_and_port_alone("5.3") => "0/0/2", Same;
    a_download_is_remembered_without_peers("5.3") => "0/1/0", Same;
    torrents_do_not_mix("5.3") => "1001, 1002", Same;
    hashes_that_differ_in_the_last_bit_do_not_mix("5.3") => "0/0/1 1/0/0",
        Absent("its list has no such hashes");
    all_peers_are_told_if_they_fit("5.5") => "49", Same;
    otherwise_a_random_choice("5.5") => "different each time", Same;
    none_is_told_twice("5.5") => "no port twice", Same;
    a_large_swarm_is_like_a_small_one("5.5") => "200 of 2000, all known", Same;
    a_peer_is_forgotten_after_its_time_and_its_download_is_not("5.4") => "1/1/0, then 0/1/0",
        Absent(COMPILED);
    the_interval_may_be_changed("5.7") => "600 to 600, min 300", Absent(COMPILED);
    the_jitter_may_be_changed("5.7") => "590 to 610", Absent(COMPILED);
    the_interval_may_grow_with_the_swarm("5.7") => "small 600, large 1200, larger 1800",
        Absent(COMPILED);
    the_most_peers_in_a_reply_may_be_changed("5.7") => "default 5, most 8, udp 8",
        Absent(COMPILED);
    there_may_be_a_cap_on_peers_of_a_torrent("5.9") => "10 of 30", Absent(COMPILED);
    there_may_be_a_cap_on_all_peers("5.9") => "at most 40", Absent(COMPILED);
    random_peers_may_be_mixed_in("10") => "mixed in", Absent("it can't");
    but_never_where_there_are_none("10") => "0", Absent("it can't");
    without_that_no_peer_is_invented("10") => "1", Same;
}

const COMPILED: &str = "it is decided when it is compiled";

fn downloads(lab: &Lab, announces: &[(u16, u64, &str)]) -> Vec<String> {
    let (tracker, hash) = (lab.open(), lab.hash());
    let told = announces.iter().map(|(port, left, more)| {
        tracker.announce(&hash, *port, *left, more);
        tracker.counts(&hash)
    });
    told.collect()
}

/// The second of the three counts.
fn completed(counts: &[String]) -> String {
    let middle = counts
        .iter()
        .map(|counts| counts.split('/').nth(1).unwrap_or_default());
    middle.collect::<Vec<_>>().join(" ")
}

const COMPLETED: &str = "&event=completed";
const STOPPED: &str = "&event=stopped";

fn completed_is_counted_once_for_each_peer(lab: &Lab) -> String {
    completed(&downloads(
        lab,
        &[
            (1001, 0, COMPLETED),
            (1001, 0, COMPLETED),
            (1001, 0, ""),
            (1002, 0, COMPLETED),
        ],
    ))
}

fn a_completed_with_something_left_is_no_download(lab: &Lab) -> String {
    downloads(lab, &[(1001, 1, COMPLETED)]).concat()
}

fn a_peer_that_is_new_may_have_completed(lab: &Lab) -> String {
    downloads(lab, &[(1001, 0, COMPLETED)]).concat()
}

fn it_counts_again_after_stopped(lab: &Lab) -> String {
    let counts = downloads(
        lab,
        &[
            (1001, 0, COMPLETED),
            (1002, 0, ""),
            (1001, 0, STOPPED),
            (1001, 0, COMPLETED),
        ],
    );
    completed(&counts[3..])
}

fn a_peer_is_what_it_said_last(lab: &Lab) -> String {
    downloads(lab, &[(1001, 1, ""), (1001, 0, ""), (1001, 1, "")]).join(" ")
}

fn stopped_removes_that_address_and_port_alone(lab: &Lab) -> String {
    let (tracker, hash) = (lab.open(), lab.hash());
    let target = |port| super::lab::announce(&hash, port, 1);
    for (host, port) in [(2, 1001), (2, 1002), (3, 1001)] {
        tracker.get_from(host, &target(port));
    }
    tracker.get_from(2, &(target(1001) + STOPPED));
    tracker.get_from(4, &(target(1001) + STOPPED));
    tracker.counts(&hash)
}

fn a_download_is_remembered_without_peers(lab: &Lab) -> String {
    downloads(lab, &[(1001, 0, COMPLETED), (1001, 0, STOPPED)])
        .pop()
        .unwrap_or_default()
}

fn torrents_do_not_mix(lab: &Lab) -> String {
    let (tracker, one, other) = (lab.open(), lab.hash(), lab.hash());
    tracker.announce(&one, 1001, 1, "");
    tracker.announce(&other, 1002, 1, "");
    let seen = [one, other].map(|hash| {
        let ports = tracker.announce(&hash, 1003, 1, "").ports();
        let ports = ports.iter().filter(|port| **port != 1003);
        ports.map(u16::to_string).collect::<String>()
    });
    seen.join(", ")
}

fn hashes_that_differ_in_the_last_bit_do_not_mix(lab: &Lab) -> String {
    let (tracker, one) = (lab.open(), lab.hash());
    let mut other = one;
    other[19] ^= 1;
    tracker.announce(&one, 1001, 1, "");
    tracker.announce(&other, 1001, 0, "");
    format!("{} {}", tracker.counts(&one), tracker.counts(&other))
}

fn all_peers_are_told_if_they_fit(lab: &Lab) -> String {
    let (tracker, hash) = (lab.open(), lab.hash());
    fill(&tracker, &hash, 49);
    let ports: BTreeSet<_> = tracker
        .announce(&hash, 1001, 1, "")
        .ports()
        .into_iter()
        .collect();
    (1..=49)
        .filter(|port| ports.contains(port))
        .count()
        .to_string()
}

fn otherwise_a_random_choice(lab: &Lab) -> String {
    let (tracker, hash) = (lab.open(), lab.hash());
    fill(&tracker, &hash, 100);
    let choices: BTreeSet<_> = (0..10)
        .map(|_| {
            let mut ports = tracker.announce(&hash, 1, 1, "&numwant=10").ports();
            ports.sort_unstable();
            ports
        })
        .collect();
    match choices.len() {
        9.. => "different each time".to_owned(),
        few => few.to_string(),
    }
}

fn none_is_told_twice(lab: &Lab) -> String {
    let (tracker, hash) = (lab.open(), lab.hash());
    fill(&tracker, &hash, 60);
    for _ in 0..20 {
        let ports = tracker.announce(&hash, 1, 1, "").ports();
        let different: BTreeSet<_> = ports.iter().collect();
        if different.len() != ports.len() {
            return format!("{ports:?}");
        }
    }
    "no port twice".to_owned()
}

fn a_large_swarm_is_like_a_small_one(lab: &Lab) -> String {
    let (tracker, hash) = (lab.open(), lab.hash());
    fill(&tracker, &hash, 2000);
    let ports = tracker.announce(&hash, 1, 1, "&numwant=200").ports();
    let known = ports.iter().all(|port| (1..=2000).contains(port));
    format!(
        "{} of 2000, {}",
        ports.len(),
        if known { "all known" } else { "some unknown" }
    )
}

fn a_peer_is_forgotten_after_its_time_and_its_download_is_not(lab: &Lab) -> String {
    let tracker = lab.with(
        "tracker.interval 1\ntracker.interval_jitter 0\ntracker.interval_most 1\n\
         tracker.peer_timeout 2\n",
    );
    let hash = lab.hash();
    tracker.announce(&hash, 1001, 0, COMPLETED);
    let first = tracker.counts(&hash);
    // Time is counted in coarser steps than seconds, and what has expired is looked for in turn.
    let then = until_within(Duration::from_secs(30), || {
        Some(tracker.counts(&hash)).filter(|counts| *counts != first)
    });
    format!(
        "{first}, then {}",
        then.unwrap_or_else(|| "the same".to_owned())
    )
}

/// The least and the most interval of 40 announces to a swarm of this many.
fn intervals(tracker: &super::lab::Tracker, lab: &Lab, peers: u16) -> (i64, i64, i64) {
    let hash = lab.hash();
    fill(tracker, &hash, peers);
    let replies: Vec<_> = (0..40).map(|_| tracker.announce(&hash, 1, 1, "")).collect();
    let intervals = || replies.iter().map(|reply| reply.int("interval"));
    let min = replies
        .first()
        .map_or(-1, |reply| reply.int("min interval"));
    (
        intervals().min().unwrap_or(-1),
        intervals().max().unwrap_or(-1),
        min,
    )
}

fn the_interval_may_be_changed(lab: &Lab) -> String {
    let tracker = lab.with("tracker.interval 600\ntracker.interval_jitter 0\n");
    let (least, most, min) = intervals(&tracker, lab, 1);
    format!("{least} to {most}, min {min}")
}

fn the_jitter_may_be_changed(lab: &Lab) -> String {
    let tracker = lab.with("tracker.interval 600\ntracker.interval_jitter 10\n");
    let (least, most, _) = intervals(&tracker, lab, 1);
    if (590..=610).contains(&least) && (590..=610).contains(&most) && least < most {
        "590 to 610".to_owned()
    } else {
        format!("{least} to {most}")
    }
}

fn the_interval_may_grow_with_the_swarm(lab: &Lab) -> String {
    let tracker = lab.with(
        "tracker.interval 600\ntracker.interval_jitter 0\ntracker.interval_most 1800\n\
         tracker.interval_swarm 100\n",
    );
    let [small, large, larger] = [50, 200, 900].map(|peers| intervals(&tracker, lab, peers).1);
    format!("small {small}, large {large}, larger {larger}")
}

fn the_most_peers_in_a_reply_may_be_changed(lab: &Lab) -> String {
    let (tracker, hash) = (
        lab.with("tracker.numwant 5\ntracker.numwant_most 8\n"),
        lab.hash(),
    );
    fill(&tracker, &hash, 30);
    let count = |more| tracker.announce(&hash, 1, 1, more).ports().len();
    let udp = tracker.udp();
    let announce = crate::udp_client::Announce::leecher(1).with_hash(hash);
    let told = udp.announce(&announce).map_or(0, |told| told.ports().len());
    format!(
        "default {}, most {}, udp {told}",
        count(""),
        count("&numwant=200")
    )
}

fn there_may_be_a_cap_on_peers_of_a_torrent(lab: &Lab) -> String {
    let (tracker, hash) = (lab.with("tracker.most_peers_per_torrent 10\n"), lab.hash());
    fill(&tracker, &hash, 30);
    let counts = tracker.counts(&hash);
    format!("{} of 30", counts.rsplit('/').next().unwrap_or_default())
}

fn there_may_be_a_cap_on_all_peers(lab: &Lab) -> String {
    let tracker = lab.with("tracker.most_peers 40\n");
    let hashes: Vec<_> = (0..20).map(|_| lab.hash()).collect();
    let udp = tracker.udp();
    for hash in &hashes {
        for port in 1..=5 {
            udp.join(*hash, port, 1);
        }
    }
    let all = hashes
        .iter()
        .filter_map(|hash| tracker.counts(hash).rsplit('/').next()?.parse::<u32>().ok());
    match all.sum::<u32>() {
        1..=40 => "at most 40".to_owned(),
        other => other.to_string(),
    }
}

const DECOYS: &str = "tracker.decoys 100\ntracker.decoys_most 5\n";

fn random_peers_may_be_mixed_in(lab: &Lab) -> String {
    let (tracker, hash) = (lab.with(DECOYS), lab.hash());
    tracker.announce(&hash, 1001, 1, "");
    let peers: BTreeSet<_> = (0..20)
        .flat_map(|_| tracker.announce(&hash, 1002, 1, "").peers())
        .filter(|peer| !peer.ip().is_loopback())
        .collect();
    if peers.is_empty() {
        "none".to_owned()
    } else {
        "mixed in".to_owned()
    }
}

fn but_never_where_there_are_none(lab: &Lab) -> String {
    let (tracker, hash) = (lab.with(DECOYS), lab.hash());
    let count: usize = (0..20)
        .map(|_| tracker.announce(&hash, 1001, 1, "").peers().len())
        .sum();
    count.to_string()
}

fn without_that_no_peer_is_invented(lab: &Lab) -> String {
    let (tracker, hash) = (lab.open(), lab.hash());
    tracker.announce(&hash, 1001, 1, "");
    let ports = tracker.announce(&hash, 1002, 1, "").ports();
    ports
        .iter()
        .filter(|port| **port != 1002)
        .count()
        .to_string()
}
