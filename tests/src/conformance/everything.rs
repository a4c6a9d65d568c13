//! The page `mode=everything` as the programs read it that are fed by it: some by the names of
//! elements, some by their position.

use std::collections::BTreeSet;

use super::lab::{Lab, Tracker, scrape};
use xml::Element;

mod xml;
use super::{Differs, Same};

promises! { $ everything_probes "everything":
    it_begins_and_ends_like_this("6.1") =>
        "<?xml version=\\\"1.0\\\" encoding=\\\"UTF-8\\\"?>\\n<stats>\\n  <tracker_id>...</stats>", Same;
    it_is_plain_text("6.1") => "200 text/plain", Same;
    it_is_well_formed("6.1") => "well-formed", Same;
    elements_come_in_this_order("6.1") =>
        "tracker_id version uptime torrents{count_mutex count_iterator} peers{count} seeds{count} \
         completed{count} connections{tcp{accept announce scrape} udp{overall connect announce \
         scrape missmatch} livesync{count}} debug{renew{count*45} http_error{count*9} \
         mutex_stall{count}}", Same;
    renew_has_an_interval_for_each_minute("6.1") => "00 to 44", Same;
    http_errors_have_these_codes("6.1") =>
        "302 Redirect, 400 Parse Error, 400 Invalid Parameter, 400 Invalid Parameter (compact=0), \
         400 Not Modest, 402 Payment Required, 403 Access Denied, 404 Not found, 500 Internal \
         Server Error", Same;
    every_leaf_but_the_version_is_a_number("6.1") => "numbers", Same;
    counts_by_name_are_true("6.1") =>
        "torrents +2 +2, peers +4, seeds +1, completed +1, tcp +4 +2 +1, udp +5 +2 +2 +1 +0, \
         livesync +0", Same;
    counts_by_position_are_true("6.1") =>
        "torrents +2 +2, peers +4, seeds +1, completed +1, tcp +4 +2 +1, udp +5 +2 +2 +1 +0, \
         livesync +0", Same;
    a_missmatch_is_counted("6.1") => "+1", Same;
    renewals_are_counted("6.1") => "+2 at 00", Same;
    errors_are_counted_by_their_codes("6.1") =>
        "302 Redirect +1, 400 Parse Error +1, 403 Access Denied +1, 404 Not found +1, 500 Internal \
         Server Error +1", Same;
    stopped_peers_are_not_in_it("6.1") => "peers +0", Same;
    the_tracker_id_is_another_after_each_start("6.1") => "different", Same;
    the_uptime_is_seconds("6.1") => "seconds", Same;
    it_is_whole_with_many_torrents("6.1") => "torrents +3000", Same;
    it_is_not_for_everybody("6.1") => "403", Same;
    there_is_no_such_page_for_clients("6.1") => "400",
        Differs("200", "opentracker 1.0 refuses a hash too");
}

fn text(tracker: &Tracker) -> String {
    String::from_utf8_lossy(&tracker.stats("everything").body).into_owned()
}

fn read(tracker: &Tracker) -> Element {
    let text = text(tracker);
    Element::parse(&text).unwrap_or_else(|error| panic!("{error}: {text:.300}"))
}

fn it_begins_and_ends_like_this(lab: &Lab) -> String {
    let text = text(&lab.open());
    let start = text
        .find("<tracker_id>")
        .map_or(text.len().min(40), |at| at + 12);
    let end = text.len().saturating_sub(8).max(start);
    let [start, end] = [&text[..start], &text[end..]].map(|part| part.escape_debug().to_string());
    format!("{start}...{end}")
}

fn it_is_plain_text(lab: &Lab) -> String {
    let reply = lab.open().stats("everything");
    format!(
        "{} {}",
        reply.status(),
        reply.header("content-type").unwrap_or_default()
    )
}

fn it_is_well_formed(lab: &Lab) -> String {
    match Element::parse(&text(&lab.open())) {
        Ok(_) => "well-formed".to_owned(),
        Err(error) => error,
    }
}

fn elements_come_in_this_order(lab: &Lab) -> String {
    read(&lab.open()).outline()
}

fn renew_has_an_interval_for_each_minute(lab: &Lab) -> String {
    let counts = read(&lab.open()).counts("renew");
    let intervals: Vec<_> = counts
        .iter()
        .map(|(interval, _)| interval.clone())
        .collect();
    let expected: Vec<_> = (0..45).map(|minute| format!("{minute:02}")).collect();
    if intervals == expected {
        "00 to 44".to_owned()
    } else {
        intervals.join(" ")
    }
}

fn http_errors_have_these_codes(lab: &Lab) -> String {
    let counts = read(&lab.open()).counts("http_error");
    let codes: Vec<_> = counts.into_iter().map(|(code, _)| code).collect();
    codes.join(", ")
}

fn every_leaf_but_the_version_is_a_number(lab: &Lab) -> String {
    let root = read(&lab.open());
    let other = root
        .leaves()
        .into_iter()
        .find(|leaf| leaf.name != "version" && leaf.text.parse::<u64>().is_err());
    other.map_or_else(|| "numbers".to_owned(), |leaf| format!("{leaf:?}"))
}

/// Two torrents, four peers of which one completed, two scrapes, one of them over HTTP.
fn traffic(tracker: &Tracker, lab: &Lab) {
    let (one, other) = (lab.hash(), lab.hash());
    tracker.announce(&one, 1001, 1, "");
    tracker.announce(&one, 1002, 0, "&event=completed");
    tracker.get(&scrape(&[one]));
    let udp = tracker.udp();
    udp.join(one, 1003, 1);
    udp.join(other, 1001, 1);
    udp.counts(one);
}

/// How some numbers change by that, in the order of the document.
fn change(lab: &Lab, read_all: impl Fn(&Element) -> [u64; 14]) -> String {
    let tracker = lab.open();
    let before = read_all(&read(&tracker));
    traffic(&tracker, lab);
    let now = read_all(&read(&tracker));
    let more: [u64; 14] = std::array::from_fn(|at| now[at].saturating_sub(before[at]));
    format!(
        "torrents +{} +{}, peers +{}, seeds +{}, completed +{}, tcp +{} +{} +{}, udp +{} +{} +{} \
         +{} +{}, livesync +{}",
        more[0],
        more[1],
        more[2],
        more[3],
        more[4],
        more[5],
        more[6],
        more[7],
        more[8],
        more[9],
        more[10],
        more[11],
        more[12],
        more[13]
    )
}

fn counts_by_name_are_true(lab: &Lab) -> String {
    change(lab, |root| {
        [
            "torrents/count_mutex",
            "torrents/count_iterator",
            "peers/count",
            "seeds/count",
            "completed/count",
            "connections/tcp/accept",
            "connections/tcp/announce",
            "connections/tcp/scrape",
            "connections/udp/overall",
            "connections/udp/connect",
            "connections/udp/announce",
            "connections/udp/scrape",
            "connections/udp/missmatch",
            "connections/livesync/count",
        ]
        .map(|path| root.named(path))
    })
}

fn counts_by_position_are_true(lab: &Lab) -> String {
    const PATHS: [&[usize]; 14] = [
        &[3, 0],
        &[3, 1],
        &[4, 0],
        &[5, 0],
        &[6, 0],
        &[7, 0, 0],
        &[7, 0, 1],
        &[7, 0, 2],
        &[7, 1, 0],
        &[7, 1, 1],
        &[7, 1, 2],
        &[7, 1, 3],
        &[7, 1, 4],
        &[7, 2, 0],
    ];
    change(lab, |root| PATHS.map(|path| root.at(path)))
}

fn a_missmatch_is_counted(lab: &Lab) -> String {
    let tracker = lab.open();
    let path = "connections/udp/missmatch";
    let before = read(&tracker).named(path);
    let udp = tracker.udp();
    udp.ask(&crate::udp_client::scrape_packet(!udp.id, 1, &[lab.hash()]));
    format!("+{}", read(&tracker).named(path) - before)
}

/// What of these counts has changed.
fn changed(before: &[(String, u64)], now: &[(String, u64)]) -> String {
    let changed = now
        .iter()
        .zip(before)
        .filter(|(now, before)| now != before)
        .map(|((name, now), (_, before))| format!("{name} +{}", now - before));
    changed.collect::<Vec<_>>().join(", ")
}

fn renewals_are_counted(lab: &Lab) -> String {
    let (tracker, hash) = (lab.open(), lab.hash());
    let before = read(&tracker).counts("renew");
    for _ in 0..3 {
        tracker.announce(&hash, 1001, 1, "");
    }
    let now = read(&tracker).counts("renew");
    match changed(&before, &now).split_once(' ') {
        Some((minute, more)) => format!("{more} at {minute}"),
        None => "none".to_owned(),
    }
}

fn errors_are_counted_by_their_codes(lab: &Lab) -> String {
    let tracker = lab.with("tracker.redirect_url http://r.test/\naccess.stats 127.0.0.1\n");
    let before = read(&tracker).counts("http_error");
    tracker.get("/");
    tracker.send("NOTHING\r\n\r\n");
    tracker.get_from(2, "/stats");
    tracker.get("/nowhere");
    tracker.stats("busy");
    changed(&before, &read(&tracker).counts("http_error"))
}

fn stopped_peers_are_not_in_it(lab: &Lab) -> String {
    let (tracker, hash) = (lab.open(), lab.hash());
    let before = read(&tracker).named("peers/count");
    tracker.announce(&hash, 1001, 1, "");
    tracker.announce(&hash, 1001, 1, "&event=stopped");
    format!("peers +{}", read(&tracker).named("peers/count") - before)
}

fn the_tracker_id_is_another_after_each_start(lab: &Lab) -> String {
    let ids: BTreeSet<_> = (0..3)
        .map(|_| {
            if !lab.ours() {
                // Its random numbers are those of the second in which it starts.
                std::thread::sleep(std::time::Duration::from_millis(1100));
            }
            read(&lab.open()).named("tracker_id")
        })
        .collect();
    let small = ids.iter().all(|id| u32::try_from(*id).is_ok());
    if ids.len() == 3 && small {
        "different".to_owned()
    } else {
        format!("{ids:?}")
    }
}

fn the_uptime_is_seconds(lab: &Lab) -> String {
    match read(&lab.open()).named("uptime") {
        0..=10 => "seconds".to_owned(),
        other => other.to_string(),
    }
}

fn it_is_whole_with_many_torrents(lab: &Lab) -> String {
    let tracker = lab.open();
    let before = read(&tracker).named("torrents/count_iterator");
    let udp = tracker.udp();
    for _ in 0..3000 {
        udp.join(lab.hash(), 1001, 1);
    }
    format!(
        "torrents +{}",
        read(&tracker).named("torrents/count_iterator") - before
    )
}

fn it_is_not_for_everybody(lab: &Lab) -> String {
    lab.with("access.stats 127.0.0.9\n")
        .stats("everything")
        .status()
}

fn there_is_no_such_page_for_clients(lab: &Lab) -> String {
    lab.open()
        .get("/stats?mode=everything&info_hash=12345678901234567890")
        .status()
}
