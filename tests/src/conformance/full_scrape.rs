//! The scrape of all torrents, and the other forms that it comes in.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::lab::{
    Conn, Framing, Hash, Lab, Reply, Tracker, first_listed, hex, request, show, until,
};
use super::{Absent, Differs, Same};
use crate::bencode::Value;

promises! { $ full_scrape_probes "full_scrape":
    the_head_has_these_bytes("3.2") =>
        "HTTP/1.1 200 OK, Content-Type: application/octet-stream, Transfer-Encoding: chunked",
        Differs("HTTP/1.0 200 OK, Content-Type: text/plain, Content-Length: N", U21);
    an_empty_tracker_has_this_body("3.2") => "d5:filesdee", Same;
    each_torrent_has_these_bytes("3.2") =>
        "20:HASHd8:completei1e10:downloadedi1e10:incompletei2ee", Same;
    torrents_come_in_order("3.2") => "5000 in order", Same;
    torrents_without_peers_are_in_it("3.2") => "0/1/0", Same;
    the_chunks_of_many_torrents_are_right("3.2") => "chunked, the last of 0", Differs("Length", U21);
    a_client_of_http_1_0_gets_a_body_that_it_can_read("3.2") => "Close, 5 torrents, closed",
        Differs("Length, 5 torrents, closed", U21);
    a_slow_reader_gets_all_of_it("3.2") => "5000 in order", Same;
    a_slow_reader_holds_up_nobody("3.2") => "ok", Same;
    one_who_goes_away_half_way_does_no_harm("3.2") => "ok", Same;
    several_at_once_all_get_it("3.2") => "4 of 4", Same;
    full_scrapes_are_for_everybody("3.2") => "200", Same;
    full_scrapes_may_be_off("1.3") => "failure", Absent(SWITCH);
    full_scrapes_may_be_modest("3.2") => "200 402 200", Absent(SWITCH);
    too_many_have_these_bytes("2.5") =>
        "HTTP/1.1 402 Payment Required\\r\\nContent-Type: text/html\\r\\nContent-Length: 32\\r\\n\
         \\r\\n<title>Payment Required</title>\\n", Absent(SWITCH);
    who_may_do_it_can_be_chosen("3.2") => "127.0.0.2: 200, 127.0.0.3: 403", Absent(SWITCH);
    capital_a_always_may("3.2") => "200", Absent(SWITCH);
    each_is_told_on_standard_error("3.2") => "127.0.0.1 told", Same;
}

const U21: &str = "U21 makes the whole body first; opentracker 1.0 sends what we send";

pub(super) const SWITCH: &str = "it is decided when it is compiled";

/// As many torrents as a probe of many has.
pub(super) const MANY: usize = 5000;

/// Torrents of one leecher each.
pub(super) fn fill(tracker: &Tracker, lab: &Lab, count: usize) -> Vec<Hash> {
    let udp = tracker.udp();
    let hashes: Vec<_> = (0..count).map(|_| lab.hash()).collect();
    for hash in &hashes {
        udp.join(*hash, 1001, 1);
    }
    hashes
}

/// A torrent with one seeder, which has just completed it, and two leechers.
pub(super) fn one(tracker: &Tracker, lab: &Lab) -> Hash {
    let hash = lab.hash();
    tracker.announce(&hash, 1001, 1, "");
    tracker.announce(&hash, 1002, 1, "");
    tracker.announce(&hash, 1003, 0, "&event=completed");
    hash
}

/// The bytes of a full scrape without the torrent that opentracker is waited for with.
pub(super) fn clean(body: &[u8]) -> Vec<u8> {
    let entry = [
        &b"20:"[..],
        &first_listed(),
        b"d8:completei0e10:downloadedi0e10:incompletei0ee",
    ]
    .concat();
    match body.windows(entry.len()).position(|window| window == entry) {
        Some(at) => [&body[..at], &body[at + entry.len()..]].concat(),
        None => body.to_vec(),
    }
}

/// The same of lines that begin with the hash in hex.
pub(super) fn clean_lines(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let first = hex(&first_listed());
    let lines = text
        .split_inclusive('\n')
        .filter(|line| !line.starts_with(&first));
    lines.collect()
}

/// How many torrents a body names that must be all of `hashes`, and whether in order.
pub(super) fn order(body: &[u8], hashes: &[Hash]) -> String {
    let Ok(value) = Value::parse(body) else {
        return format!("no bencode: {}...", show(&body[..body.len().min(100)]));
    };
    let Some(Value::Dict(files)) = value.find("files") else {
        return value.show();
    };
    // The reader refuses keys out of order.
    let first = first_listed();
    let mut told = files
        .iter()
        .filter(|(hash, _)| hash.as_slice() != first)
        .map(|(hash, _)| hash);
    let mut sorted = hashes.to_vec();
    sorted.sort_unstable();
    let all = sorted
        .iter()
        .all(|hash| told.next().is_some_and(|it| it == hash.as_slice()));
    match (all, told.next()) {
        (true, None) => format!("{} in order", hashes.len()),
        _ => "others than those".to_owned(),
    }
}

pub(super) fn count(body: &[u8]) -> String {
    match Value::parse(&clean(body)) {
        Ok(value) => {
            let count = value.find("files").map_or(0, |files| files.keys().len());
            format!("{count} torrents")
        }
        Err(error) => format!("{error:?} in {}", show(&body[..body.len().min(100)])),
    }
}

/// A full scrape with these header lines.
pub(super) fn scrape_with(tracker: &Tracker, version: &str, headers: &str) -> Reply {
    tracker.send(format!(
        "GET /scrape HTTP/{version}\r\nHost: a\r\n{headers}\r\n"
    ))
}

pub(super) fn encoding(reply: &Reply) -> String {
    match reply.header("content-encoding") {
        Some(value) => format!("Content-Encoding: {value}"),
        None => "no Content-Encoding".to_owned(),
    }
}

/// What `gzip -d` makes of it.
pub(super) fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = Command::new("gzip")
        .arg("-dc")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("gzip is installed");
    let mut stdin = gzip.stdin.take().expect("standard input");
    let bytes = bytes.to_vec();
    // It may refuse what it gets, and then there is less to read.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&bytes)));
    let output = gzip.wait_with_output().expect("gzip ends");
    writer.join().expect("to write");
    assert!(output.status.success(), "gzip finds an error");
    output.stdout
}

fn the_head_has_these_bytes(lab: &Lab) -> String {
    let reply = scrape_with(&lab.open(), "1.1", "");
    let length = format!("Length: {}", reply.body.len());
    let headers = reply.headers.join(", ").replace(&length, "Length: N");
    format!("{}, {headers}", reply.line)
}

fn an_empty_tracker_has_this_body(lab: &Lab) -> String {
    show(&clean(&lab.open().full_scrape_body()))
}

fn each_torrent_has_these_bytes(lab: &Lab) -> String {
    let tracker = lab.open();
    let hash = one(&tracker, lab);
    let body = clean(&tracker.full_scrape_body());
    let entry = body
        .strip_prefix(b"d5:filesd")
        .and_then(|rest| rest.strip_suffix(b"ee"));
    show(entry.unwrap_or(&body)).replace(&show(&hash), "HASH")
}

fn torrents_come_in_order(lab: &Lab) -> String {
    let tracker = lab.open();
    let hashes = fill(&tracker, lab, MANY);
    order(&tracker.full_scrape_body(), &hashes)
}

fn torrents_without_peers_are_in_it(lab: &Lab) -> String {
    let (tracker, hash) = (lab.open(), lab.hash());
    tracker.announce(&hash, 1001, 0, "&event=completed");
    tracker.announce(&hash, 1001, 0, "&event=stopped");
    if tracker.full_scrape() == [hash] {
        tracker.counts(&hash)
    } else {
        "not there".to_owned()
    }
}

fn the_chunks_of_many_torrents_are_right(lab: &Lab) -> String {
    let tracker = lab.open();
    fill(&tracker, lab, MANY);
    let reply = scrape_with(&tracker, "1.1", "");
    match reply.framing {
        Framing::Chunked if reply.chunks.last() == Some(&0) => "chunked, the last of 0".to_owned(),
        other => format!("{other:?}"),
    }
}

fn a_client_of_http_1_0_gets_a_body_that_it_can_read(lab: &Lab) -> String {
    let tracker = lab.open();
    fill(&tracker, lab, 5);
    let mut conn = tracker.connect();
    conn.send("GET /scrape HTTP/1.0\r\n\r\n");
    let reply = conn.receive();
    format!(
        "{:?}, {}, {}",
        reply.framing,
        count(&reply.body),
        conn.then()
    )
}

/// A client that has asked and taken no more than the first bytes of the reply.
fn slow(tracker: &Tracker) -> Conn {
    let mut conn = tracker.connect();
    conn.send(request("/scrape"));
    conn.sip(10);
    conn
}

fn a_slow_reader_gets_all_of_it(lab: &Lab) -> String {
    let tracker = lab.open();
    let hashes = fill(&tracker, lab, MANY);
    let mut conn = slow(&tracker);
    // Taking little at a time, with pauses in which the way fills up.
    for _ in 0..100 {
        if conn.sip(100) == 0 {
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    order(&conn.receive().body, &hashes)
}

fn a_slow_reader_holds_up_nobody(lab: &Lab) -> String {
    let tracker = lab.open();
    fill(&tracker, lab, MANY);
    let slow: Vec<_> = (0..20).map(|_| slow(&tracker)).collect();
    let outcome = tracker.announce(&lab.hash(), 1001, 1, "").outcome();
    drop(slow);
    outcome
}

fn one_who_goes_away_half_way_does_no_harm(lab: &Lab) -> String {
    let tracker = lab.open();
    fill(&tracker, lab, MANY);
    for _ in 0..20 {
        drop(slow(&tracker));
    }
    tracker.announce(&lab.hash(), 1001, 1, "").outcome()
}

fn several_at_once_all_get_it(lab: &Lab) -> String {
    let tracker = lab.open();
    let hashes = fill(&tracker, lab, MANY);
    let mut conns: Vec<_> = (0..4).map(|_| slow(&tracker)).collect();
    let told: Vec<_> = conns
        .iter_mut()
        .map(|conn| {
            let reply = conn.receive();
            format!("{}: {}", reply.status(), order(&reply.body, &hashes))
        })
        .collect();
    match told.iter().find(|told| *told != "200: 5000 in order") {
        None => "4 of 4".to_owned(),
        Some(_) => told.join("; "),
    }
}

fn full_scrapes_are_for_everybody(lab: &Lab) -> String {
    let tracker = lab.with("access.stats 127.0.0.9\n");
    scrape_with(&tracker, "1.1", "").status()
}

fn full_scrapes_may_be_off(lab: &Lab) -> String {
    lab.with("tracker.fullscrape off\n")
        .get("/scrape")
        .outcome()
}

pub(super) const MODEST: &str = "tracker.fullscrape modest\n";

fn full_scrapes_may_be_modest(lab: &Lab) -> String {
    let tracker = lab.with(MODEST);
    [2, 2, 3]
        .map(|host| tracker.get_from(host, "/scrape").status())
        .join(" ")
}

fn too_many_have_these_bytes(lab: &Lab) -> String {
    let tracker = lab.with(MODEST);
    tracker.get("/scrape");
    tracker.get("/scrape").whole()
}

fn who_may_do_it_can_be_chosen(lab: &Lab) -> String {
    let tracker = lab.with("access.fullscrape 127.0.0.2\n");
    let status = |host| tracker.get_from(host, "/scrape").status();
    format!("127.0.0.2: {}, 127.0.0.3: {}", status(2), status(3))
}

fn capital_a_always_may(lab: &Lab) -> String {
    match lab.with_args(&["-A", "127.0.0.4"], "access.fullscrape 127.0.0.2\n") {
        Ok(tracker) => tracker.get_from(4, "/scrape").status(),
        Err(ended) => ended.said,
    }
}

fn each_is_told_on_standard_error(lab: &Lab) -> String {
    let tracker = lab.open();
    tracker.get("/scrape");
    let told = until(|| {
        let said = tracker.running.said();
        said.to_lowercase()
            .replace(' ', "")
            .contains("fullscrape")
            .then_some(said)
    });
    match told {
        Some(said) if said.contains("127.0.0.1") => "127.0.0.1 told".to_owned(),
        Some(said) => said,
        None => "silent".to_owned(),
    }
}
