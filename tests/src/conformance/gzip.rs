//! When full scrapes are compressed, and that what comes can be read.

use super::full_scrape::{MANY, SWITCH, count, encoding, fill, gunzip, order, scrape_with};
use super::lab::Lab;
use super::{Absent, Differs, Same};

promises! { $ gzip_probes "gzip":
    gzip_is_sent_to_who_accepts_it("2.7") => "Content-Encoding: gzip, 5000 in order", Same;
    gzip_is_not_sent_to_others("2.7") => "no Content-Encoding", Same;
    gzip_with_q_0_is_not_accepted("2.7") => "no Content-Encoding",
        Differs("Content-Encoding: gzip", "it looks for the word in the request (UPSTREAM-BUG)");
    gzip_among_others_is_found("2.7") => "Content-Encoding: gzip", Same;
    gzip_in_another_header_is_not_accepted("2.7") => "no Content-Encoding",
        Differs("Content-Encoding: gzip", "it looks for the word in the request (UPSTREAM-BUG)");
    gzip_can_be_read_by_a_client_of_http_1_0("2.7") => "5 torrents", Same;
    gzip_of_few_torrents_is_whole("2.7") => "5 torrents", Same;
    announces_are_never_compressed("2.7") => "no Content-Encoding", Same;
    gzip_may_be_off("2.7") => "no Content-Encoding", Absent(SWITCH);
    gzip_may_be_always("2.7") => "Content-Encoding: gzip", Absent(SWITCH);
}

fn gzip_is_sent_to_who_accepts_it(lab: &Lab) -> String {
    let tracker = lab.open();
    let hashes = fill(&tracker, lab, MANY);
    let reply = scrape_with(&tracker, "1.1", "Accept-Encoding: gzip\r\n");
    let body = if reply.header("content-encoding").is_some() {
        gunzip(&reply.body)
    } else {
        reply.body.clone()
    };
    format!("{}, {}", encoding(&reply), order(&body, &hashes))
}

fn gzip_is_not_sent_to_others(lab: &Lab) -> String {
    encoding(&scrape_with(&lab.open(), "1.1", ""))
}

fn gzip_with_q_0_is_not_accepted(lab: &Lab) -> String {
    encoding(&scrape_with(
        &lab.open(),
        "1.1",
        "Accept-Encoding: gzip;q=0, identity\r\n",
    ))
}

fn gzip_among_others_is_found(lab: &Lab) -> String {
    let headers = "accept-encoding: deflate, gzip;q=0.8, br, zstd\r\n";
    encoding(&scrape_with(&lab.open(), "1.1", headers))
}

fn gzip_in_another_header_is_not_accepted(lab: &Lab) -> String {
    encoding(&scrape_with(
        &lab.open(),
        "1.1",
        "User-Agent: no gzip please\r\n",
    ))
}

fn gzipped_count(lab: &Lab, version: &str) -> String {
    let tracker = lab.open();
    fill(&tracker, lab, 5);
    let reply = scrape_with(&tracker, version, "Accept-Encoding: gzip\r\n");
    if reply.header("content-encoding").is_none() {
        return format!("not compressed: {}", count(&reply.body));
    }
    count(&gunzip(&reply.body))
}

fn gzip_can_be_read_by_a_client_of_http_1_0(lab: &Lab) -> String {
    gzipped_count(lab, "1.0")
}

fn gzip_of_few_torrents_is_whole(lab: &Lab) -> String {
    gzipped_count(lab, "1.1")
}

fn announces_are_never_compressed(lab: &Lab) -> String {
    let target = super::lab::announce(&lab.hash(), 1001, 1);
    let text = format!("GET {target} HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n");
    encoding(&lab.open().send(text))
}

fn gzip_may_be_off(lab: &Lab) -> String {
    let tracker = lab.with("tracker.gzip off\n");
    encoding(&scrape_with(&tracker, "1.1", "Accept-Encoding: gzip\r\n"))
}

fn gzip_may_be_always(lab: &Lab) -> String {
    encoding(&scrape_with(&lab.with("tracker.gzip always\n"), "1.1", ""))
}
