//! Which path leads where, and how a query is read.

use super::lab::{Lab, announce, request, scrape};
use super::{Differs, Same};

promises! { $ http_paths_probes "http_paths":
    the_root_is_not_found_without_a_redirect("2.2") => "404 404", Same;
    the_root_redirects_if_there_is_somewhere("2.2") => "302 302", Same;
    the_root_with_a_query_is_not_found("2.2") => "404", Same;
    the_redirect_has_these_bytes("2.2") =>
        "HTTP/1.1 302 Found\\r\\nContent-Length: 0\\r\\nLocation: http://r.test/x\\r\\n\\r\\n",
        Differs("HTTP/1.0 302 Found\\r\\nContent-Length: 0\\r\\nLocation: http://r.test/x\\r\\n\\r\\n",
            V11);
    whatever_begins_with_a_is_an_announce("2.2") => "ok ok ok ok ok ok", Same;
    leading_slashes_do_not_count("2.2") => "ok ok", Same;
    whatever_begins_with_sc_is_a_scrape("2.2") => "ok ok ok ok", Same;
    the_statistics_have_exactly_one_path("2.2") => "200 404 404 404", Same;
    other_paths_are_not_found("2.2") => "404 404 404 404 404 404", Same;
    a_path_is_decoded_before_it_is_looked_at("2.2") => "ok ok 200", Same;
    a_path_that_cannot_be_decoded_is_not_found("2.2") => "404 404", Same;
    a_path_with_strange_characters_is_not_found("2.2") => "404 404 404 404 404", Same;
    a_blank_before_the_query_is_refused("2.2") => "400",
        Differs("ok", "a target with a blank in it is two targets to others (RFC 9112 section 3)");
    an_announce_without_query_is_a_failure("2.2") => "failure", Differs("400", FAILURE);
    a_scrape_with_an_empty_query_is_a_failure("2.2") => "failure", Differs("400", FAILURE);
    names_are_decoded("2.2") => "ok", Same;
    names_are_case_sensitive("2.2") => "failure", Same;
    a_plus_is_a_plus("2.2") => "ok", Same;
    both_cases_of_hex_digits_are_read("2.2") => "ok", Same;
    bytes_that_need_no_encoding_may_come_bare("2.2") => "ok", Same;
    a_wrong_encoding_in_a_hash_is_a_failure("2.2") => "failure", Differs("400", FAILURE);
    a_wrong_encoding_where_nobody_looks_does_no_harm("2.2") => "ok", Same;
    unknown_names_are_ignored("2.2") => "ok", Same;
    names_without_a_value_are_ignored("2.2") => "ok", Same;
    the_order_does_not_count("2.2") => "ok", Same;
    values_may_hold_what_looks_like_syntax("2.2") => "ok", Same;
    brackets_and_quotes_in_unknown_values_do_no_harm("2.2") => "ok ok ok ok",
        Differs("400 400 400 400", "clients send such values unencoded, for example IPv6 addresses \
            in brackets");
    a_number_with_letters_behind_it_is_none("2.2") => "failure", Differs("400", FAILURE);
}

pub(super) const V11: &str = "its errors say HTTP/1.0; ours leave HTTP/1.1 connections open";
pub(super) const FAILURE: &str =
    "libtorrent and others take another status than 200 for a dead tracker and show no reason";

fn outcomes(lab: &Lab, targets: &[String]) -> String {
    let tracker = lab.open();
    let outcomes = targets.iter().map(|target| tracker.get(target).outcome());
    outcomes.collect::<Vec<_>>().join(" ")
}

fn statuses(lab: &Lab, lines: &str, targets: &[&str]) -> String {
    let tracker = lab.with(lines);
    let statuses = targets.iter().map(|target| tracker.get(target).status());
    statuses.collect::<Vec<_>>().join(" ")
}

fn announces(lab: &Lab, paths: &[&str]) -> String {
    let targets = paths
        .iter()
        .map(|path| announce(&lab.hash(), 1001, 1).replacen("/announce", path, 1));
    outcomes(lab, &targets.collect::<Vec<_>>())
}

/// An announce with more in its query.
fn with_more(lab: &Lab, more: &str) -> String {
    outcomes(lab, &[announce(&lab.hash(), 1001, 1) + more])
}

const REDIRECT: &str = "tracker.redirect_url http://r.test/x\n";

fn the_root_is_not_found_without_a_redirect(lab: &Lab) -> String {
    statuses(lab, "", &["/", "//"])
}

fn the_root_redirects_if_there_is_somewhere(lab: &Lab) -> String {
    statuses(lab, REDIRECT, &["/", "//"])
}

fn the_root_with_a_query_is_not_found(lab: &Lab) -> String {
    statuses(lab, REDIRECT, &["/?a=b"])
}

fn the_redirect_has_these_bytes(lab: &Lab) -> String {
    lab.with(REDIRECT).get("/").whole()
}

fn whatever_begins_with_a_is_an_announce(lab: &Lab) -> String {
    let paths = [
        "/announce",
        "/announce.php",
        "/a",
        "/admin",
        "/abc/def",
        "/announce/passkey",
    ];
    announces(lab, &paths)
}

fn leading_slashes_do_not_count(lab: &Lab) -> String {
    announces(lab, &["//announce", "////announce"])
}

fn whatever_begins_with_sc_is_a_scrape(lab: &Lab) -> String {
    let targets = ["/scrape", "/sc", "/scrape.php", "//scrape/x"]
        .map(|path| scrape(&[lab.hash()]).replacen("/scrape", path, 1));
    outcomes(lab, &targets)
}

fn the_statistics_have_exactly_one_path(lab: &Lab) -> String {
    statuses(lab, "", &["/stats", "/stats/", "/statsx", "/Stats"])
}

fn other_paths_are_not_found(lab: &Lab) -> String {
    let paths = [
        "/x/announce",
        "/favicon.ico",
        "/s",
        "/Announce",
        "/index.html?a=b",
        "/.",
    ];
    statuses(lab, "", &paths)
}

fn a_path_is_decoded_before_it_is_looked_at(lab: &Lab) -> String {
    let hash = lab.hash();
    let announce = announce(&hash, 1001, 1).replacen("/announce", "/%61nnounce", 1);
    let scrape = scrape(&[hash]).replacen("/scrape", "/s%63rape", 1);
    let tracker = lab.open();
    let [announce, scrape] = [announce, scrape].map(|target| tracker.get(&target).outcome());
    format!("{announce} {scrape} {}", tracker.get("/%73tats").status())
}

fn a_path_that_cannot_be_decoded_is_not_found(lab: &Lab) -> String {
    statuses(lab, "", &["/x%zz", "/%"])
}

fn a_path_with_strange_characters_is_not_found(lab: &Lab) -> String {
    statuses(lab, "", &["/x=y", "/x&y", "/x[y]", "/x{y}", "/\"x\""])
}

fn a_blank_before_the_query_is_refused(lab: &Lab) -> String {
    announces(lab, &["/announce "])
}

fn an_announce_without_query_is_a_failure(lab: &Lab) -> String {
    outcomes(lab, &["/announce".to_owned()])
}

fn a_scrape_with_an_empty_query_is_a_failure(lab: &Lab) -> String {
    outcomes(lab, &["/scrape?".to_owned()])
}

fn names_are_decoded(lab: &Lab) -> String {
    let target = announce(&lab.hash(), 1001, 1).replace("info_hash", "%69nfo%5fhash");
    outcomes(lab, &[target])
}

fn names_are_case_sensitive(lab: &Lab) -> String {
    let target = announce(&lab.hash(), 1001, 1).replace("info_hash", "Info_hash");
    outcomes(lab, &[target])
}

/// Announces a torrent whose hash is written as `text`, which is on no list of opentracker's: that
/// it is understood shows in that it is not allowed.
fn hash_written(lab: &Lab, text: &str) -> String {
    let target = format!("/announce?info_hash={text}&peer_id=-WR0001-000000000000&port=1&left=1");
    let reply = lab.open().get(&target);
    if !lab.ours() && reply.text().contains("not authorized") {
        return "ok".to_owned();
    }
    reply.outcome()
}

fn a_plus_is_a_plus(lab: &Lab) -> String {
    // As a blank it would be as long: what tells is the torrent that it is counted for.
    let tracker = lab.open();
    let plus = *b"++++++++++++++++++++";
    if lab.ours() {
        let target = announce(&plus, 1, 1).replace("%2B", "+");
        tracker.get(&target);
        let counts = tracker.counts(&plus);
        return if counts == "0/0/1" {
            "ok".to_owned()
        } else {
            counts
        };
    }
    hash_written(lab, "++++++++++++++++++++")
}

fn both_cases_of_hex_digits_are_read(lab: &Lab) -> String {
    hash_written(
        lab,
        "%ab%cd%ef%AB%CD%EF%aB%Cd%eF%00%0a%0A%1b%1B%2c%2C%3d%3D%4e%4E",
    )
}

fn bytes_that_need_no_encoding_may_come_bare(lab: &Lab) -> String {
    hash_written(lab, "-._~!'()*,;:@/?+Az09")
}

fn a_wrong_encoding_in_a_hash_is_a_failure(lab: &Lab) -> String {
    outcomes(
        lab,
        &["/announce?info_hash=%zz345678901234567890&port=1&left=1".to_owned()],
    )
}

fn a_wrong_encoding_where_nobody_looks_does_no_harm(lab: &Lab) -> String {
    with_more(lab, "&x=%zz")
}

fn unknown_names_are_ignored(lab: &Lab) -> String {
    with_more(
        lab,
        "&uploaded=0&downloaded=0&key=1C8C5F0A&trackerid=x&no_peer_id=1&supportcrypto=1\
         &ipv4=10.9.9.7&ipv6=fd99%3A%3A7&corrupt=0&redundant=0&requirecrypto=1&azudp=1&hide=1",
    )
}

fn names_without_a_value_are_ignored(lab: &Lab) -> String {
    with_more(lab, "&hide_link&")
}

fn the_order_does_not_count(lab: &Lab) -> String {
    let target = announce(&lab.hash(), 1001, 1);
    let (path, query) = target.split_once('?').expect("a query");
    let backwards: Vec<_> = query.split('&').rev().collect();
    outcomes(lab, &[format!("{path}?{}", backwards.join("&"))])
}

fn values_may_hold_what_looks_like_syntax(lab: &Lab) -> String {
    with_more(lab, "&x=a=b?c@d,/:;<>+*'()!~.-_")
}

fn brackets_and_quotes_in_unknown_values_do_no_harm(lab: &Lab) -> String {
    let tracker = lab.open();
    let outcomes = ["&ipv6=[fd99::7]", "&x={a}", "&x=\"a\"", "&x=a|b"].map(|more| {
        let target = announce(&lab.hash(), 1001, 1) + more;
        tracker.send(request(&target)).outcome()
    });
    outcomes.join(" ")
}

fn a_number_with_letters_behind_it_is_none(lab: &Lab) -> String {
    outcomes(
        lab,
        &[announce(&lab.hash(), 1001, 1).replace("port=1001", "port=1001x")],
    )
}
