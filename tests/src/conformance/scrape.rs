//! What a scrape of some torrents tells.

use super::http_paths::FAILURE;
use super::lab::{Hash, Lab, Tracker, scrape, show};
use super::{Differs, Same};
use crate::bencode::Value;
use crate::http_client::percent_encode;

promises! { $ scrape_probes "scrape":
    a_scrape_of_one_has_these_bytes("3.1") =>
        "d5:filesd20:HASHd8:completei1e10:downloadedi1e11:downloadersi2e10:incompletei2eee\
         5:flagsd20:min_request_intervali900eee",
        Differs("d5:filesd20:HASHd8:completei1e10:downloadedi1e10:incompletei2eeee",
            "ours tells partial seeds apart (BEP 21) and how often to ask (BEP 48)");
    an_unknown_torrent_is_told_with_zeros("3.1") => "0/0/0",
        Differs("unknown", "libtorrent takes a torrent that is missing for an error");
    torrents_come_sorted("3.1") => "sorted",
        Differs("as asked", "keys of a dictionary must be sorted (BEP 3)");
    a_torrent_named_twice_comes_once("3.1") => "1",
        Differs("2", "keys of a dictionary are there once");
    up_to_64_are_told("3.1") => "64 of 64, 64 of 65",
        Same;
    a_bad_hash_among_them_is_a_failure("3.1") => "failure failure", Differs("400 400", FAILURE);
    no_hash_is_a_failure("3.1") => "failure failure", Differs("400 400", FAILURE);
    other_names_are_ignored("3.1") => "ok", Same;
    lists_do_not_apply("3.1") => "0/0/1", Same;
    it_makes_no_torrent_of_what_it_is_asked_for("3.1") => "not there", Same;
    the_head_is_like_any("3.1") => "HTTP/1.1 200 OK, Content-Type: text/plain, Content-Length: N",
        Same;
    partial_seeds_are_no_downloaders("3.1") => "downloaders 1 of 2",
        Differs("no downloaders", "it knows no partial seeds (BEP 21)");
}

fn a_scrape_of_one_has_these_bytes(lab: &Lab) -> String {
    let (tracker, hash) = (lab.open(), lab.hash());
    tracker.announce(&hash, 1001, 1, "");
    tracker.announce(&hash, 1002, 1, "");
    tracker.announce(&hash, 1003, 0, "&event=completed");
    let body = tracker.get(&scrape(&[hash])).body;
    show(&body).replace(&show(&hash), "HASH")
}

fn an_unknown_torrent_is_told_with_zeros(lab: &Lab) -> String {
    lab.open().counts(&lab.hash())
}

/// The hashes of a scrape's reply, which may be invalid bencode: each follows `20:`.
fn hashes(body: &[u8]) -> Vec<Hash> {
    let mut found = Vec::new();
    let mut rest = body.strip_prefix(b"d5:filesd").unwrap_or_default();
    while let Some(entry) = rest.strip_prefix(b"20:") {
        let Some((hash, behind)) = entry.split_first_chunk() else {
            break;
        };
        found.push(*hash);
        let end = behind.windows(2).position(|end| end == b"ee");
        rest = end
            .and_then(|end| behind.get(end + 2..))
            .unwrap_or_default();
    }
    found
}

/// A tracker with `count` torrents of one peer each.
fn torrents(lab: &Lab, count: usize) -> (Tracker, Vec<Hash>) {
    let tracker = lab.open();
    let udp = tracker.udp();
    let hashes: Vec<_> = (0..count).map(|_| lab.hash()).collect();
    for hash in &hashes {
        udp.join(*hash, 1001, 1);
    }
    (tracker, hashes)
}

fn torrents_come_sorted(lab: &Lab) -> String {
    let (tracker, mut asked) = torrents(lab, 5);
    asked.sort_unstable();
    asked.reverse();
    let told = hashes(&tracker.get(&scrape(&asked)).body);
    if told.len() != 5 {
        format!("{} torrents", told.len())
    } else if told == asked {
        "as asked".to_owned()
    } else if told.is_sorted() {
        "sorted".to_owned()
    } else {
        "in no order".to_owned()
    }
}

fn a_torrent_named_twice_comes_once(lab: &Lab) -> String {
    let (tracker, asked) = torrents(lab, 1);
    hashes(&tracker.get(&scrape(&[asked[0], asked[0]])).body)
        .len()
        .to_string()
}

fn up_to_64_are_told(lab: &Lab) -> String {
    let (tracker, asked) = torrents(lab, 65);
    let told = [64, 65].map(|count| {
        let reply = tracker.get(&scrape(&asked[..count]));
        format!("{} of {count}", hashes(&reply.body).len())
    });
    told.join(", ")
}

fn a_bad_hash_among_them_is_a_failure(lab: &Lab) -> String {
    let (tracker, asked) = torrents(lab, 1);
    let outcomes = ["&info_hash=short", "&info_hash="]
        .map(|more| tracker.get(&(scrape(&asked) + more)).outcome());
    outcomes.join(" ")
}

fn no_hash_is_a_failure(lab: &Lab) -> String {
    let tracker = lab.open();
    ["/scrape?", "/scrape?a=b"]
        .map(|target| tracker.get(target).outcome())
        .join(" ")
}

fn other_names_are_ignored(lab: &Lab) -> String {
    let target = format!("/scrape?x=1&info_hash={}&y", percent_encode(&lab.hash()));
    lab.open().get(&target).outcome()
}

fn lists_do_not_apply(lab: &Lab) -> String {
    let (listed, lists) = (lab.hash(), lab.path("white"));
    lab.list("white", &[listed]);
    let tracker = lab.with(&format!("access.whitelist {lists}\n"));
    tracker.announce(&listed, 1001, 1, "");
    // From now on it is denied, and still told of.
    lab.list("white", &[]);
    tracker.running.signal(rustix::process::Signal::HUP);
    super::lab::until(|| {
        (tracker.announce(&listed, 1002, 1, "").outcome() == "failure").then_some(())
    });
    tracker.announce(&listed, 1002, 1, "&event=stopped");
    tracker.counts(&listed)
}

fn it_makes_no_torrent_of_what_it_is_asked_for(lab: &Lab) -> String {
    let (tracker, hash) = (lab.open(), lab.hash());
    tracker.counts(&hash);
    let there = tracker.full_scrape().contains(&hash);
    if there { "there" } else { "not there" }.to_owned()
}

fn the_head_is_like_any(lab: &Lab) -> String {
    let reply = lab.open().get(&scrape(&[lab.hash()]));
    let length = format!("Length: {}", reply.body.len());
    let headers = reply.headers.join(", ").replace(&length, "Length: N");
    format!("{}, {headers}", reply.line)
}

fn partial_seeds_are_no_downloaders(lab: &Lab) -> String {
    let (tracker, hash) = (lab.open(), lab.hash());
    tracker.announce(&hash, 1001, 1, "");
    tracker.announce(&hash, 1002, 1, "&event=paused");
    let reply = tracker.get(&scrape(&[hash]));
    let Ok(value) = reply.bencode() else {
        return reply.outcome();
    };
    let file = value.find("files").and_then(|files| files.find(hash));
    match file.and_then(|file| file.find("downloaders")) {
        Some(Value::Int(number)) => format!("downloaders {number} of 2"),
        _ => "no downloaders".to_owned(),
    }
}
