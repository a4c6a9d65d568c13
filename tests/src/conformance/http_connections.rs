//! What is a request, and what becomes of its connection.

use super::lab::{Conn, Lab, Reply, announce};
use super::{Absent, Differs, SKIPPED, Same};
use crate::server::ipv6_works;

promises! { $ http_connections_probes "http_connections":
    a_head_ends_at_an_empty_line_however_lines_end("2.1") => "ok ok ok", Same;
    a_request_needs_no_header("2.1") => "ok", Same;
    a_request_needs_no_version("2.1") => "ok", Same;
    a_request_may_come_byte_by_byte("2.1") => "ok", Same;
    a_request_of_8192_bytes_is_served("2.1") => "ok", Same;
    a_longer_one_is_refused("2.1") => "414",
        Differs("500", "414 is what Transmission takes for a hint to ask for less at once");
    one_that_never_ends_is_refused("2.1") => "414", Differs("500", WHY_414);
    head_and_post_are_refused("2.1") => "400 400 400", Same;
    a_request_with_a_body_is_refused("2.1") => "400",
        Differs("ok", "it never looks at headers: what follows would be taken for a request here, \
            where connections stay open");
    the_absolute_form_is_taken("2.1") => "ok",
        Differs("400", "clients that believe in a proxy send it (RFC 9112 section 3.2.2)");
    a_version_that_is_not_1_is_refused("2.1") => "400 400",
        Differs("ok ok", "it never looks at the version; how the reply ends depends on it here");
    a_header_line_without_colon_is_refused("2.1") => "400",
        Differs("ok", "it never looks at headers; two readings of one request are how requests \
            are smuggled past proxies (RFC 9112 section 11.2)");
    a_connection_stays_open_with_http_1_1("2.1") => "ok, then ok",
        Differs("ok, then (closed)", KEEP);
    a_connection_closes_if_asked_to("2.1") => "ok, closed", Same;
    a_connection_closes_with_http_1_0("2.1") => "ok, closed", Same;
    keep_alive_with_http_1_0_is_kept("2.1") => "ok, Connection: keep-alive, then ok",
        Differs("ok, no Connection, then (closed)", KEEP);
    an_error_in_a_path_leaves_the_connection_open("2.1") => "404, then ok",
        Differs("404, then (closed)", KEEP);
    a_request_that_is_none_closes_the_connection("2.1") => "400, closed", Same;
    pipelined_requests_are_answered_in_order("2.1") => "1 2 3 4 5 6 7 8 9 10",
        Differs("1 (closed) (closed) (closed) (closed) (closed) (closed) (closed) (closed) \
            (closed)", KEEP);
    replies_have_neither_date_nor_server("2.1") => "Content-Type Content-Length", Same;
    a_client_may_finish_sending_before_it_reads("2.1") => "ok", Same;
    many_connections_that_say_nothing_keep_nobody_out("2.1") => "ok", Same;
    ipv6_is_served_like_ipv4("2.1") => "ok", Absent(V4_ONLY);
}

const KEEP: &str = "it closes after each reply; a connection that stays open makes announces cheap";
const WHY_414: &str = "one status for both, see above";
pub(super) const V4_ONLY: &str = "as Debian builds it, it knows IPv4 only";

/// An announce that is not a whole request yet.
fn target(lab: &Lab) -> String {
    announce(&lab.hash(), 1001, 1)
}

fn a_head_ends_at_an_empty_line_however_lines_end(lab: &Lab) -> String {
    let tracker = lab.open();
    let ends = ["\r\n\r\n", "\n\n", "\r\n\n"].map(|end| {
        let text = format!("GET {} HTTP/1.0\r\nHost: a{end}", target(lab));
        tracker.send(text).outcome()
    });
    ends.join(" ")
}

fn a_request_needs_no_header(lab: &Lab) -> String {
    let text = format!("GET {} HTTP/1.1\r\n\r\n", target(lab));
    lab.open().send(text).outcome()
}

fn a_request_needs_no_version(lab: &Lab) -> String {
    let text = format!("GET {}\n\n", target(lab));
    lab.open().send(text).outcome()
}

fn a_request_may_come_byte_by_byte(lab: &Lab) -> String {
    let tracker = lab.open();
    let mut conn = tracker.connect();
    let text = format!("GET {} HTTP/1.1\r\nHost: a\r\n\r\n", target(lab));
    for byte in text.bytes() {
        conn.send([byte]);
    }
    conn.receive().outcome()
}

fn a_request_of_8192_bytes_is_served(lab: &Lab) -> String {
    lab.open().send(long_request(lab, 8192)).outcome()
}

fn a_longer_one_is_refused(lab: &Lab) -> String {
    lab.open().send(long_request(lab, 8193)).status()
}

/// A request of this many bytes.
fn long_request(lab: &Lab, length: usize) -> String {
    let start = format!("GET {} HTTP/1.1\r\nX: ", target(lab));
    let rest = length - start.len() - 4;
    format!("{start}{}\r\n\r\n", "x".repeat(rest))
}

fn one_that_never_ends_is_refused(lab: &Lab) -> String {
    let text = format!("GET /announce?{}", "x".repeat(8300));
    lab.open().send(text).status()
}

fn statuses(lab: &Lab, starts: &[&str], end: &str) -> String {
    let tracker = lab.open();
    let replies = starts.iter().map(|start| {
        let text = format!("{start} {}{end}", target(lab));
        tracker.send(text).outcome()
    });
    replies.collect::<Vec<_>>().join(" ")
}

fn head_and_post_are_refused(lab: &Lab) -> String {
    statuses(
        lab,
        &["HEAD", "POST", "get"],
        " HTTP/1.1\r\nHost: a\r\n\r\n",
    )
}

fn a_request_with_a_body_is_refused(lab: &Lab) -> String {
    statuses(lab, &["GET"], " HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc")
}

fn the_absolute_form_is_taken(lab: &Lab) -> String {
    let text = format!("GET http://tracker.test{} HTTP/1.1\r\n\r\n", target(lab));
    lab.open().send(text).outcome()
}

fn a_version_that_is_not_1_is_refused(lab: &Lab) -> String {
    let first = statuses(lab, &["GET"], " HTTP/2.0\r\n\r\n");
    format!("{first} {}", statuses(lab, &["GET"], " FTP/1.1\r\n\r\n"))
}

fn a_header_line_without_colon_is_refused(lab: &Lab) -> String {
    statuses(lab, &["GET"], " HTTP/1.1\r\nno colon\r\n\r\n")
}

/// The outcome, or what came instead of a reply.
fn short(reply: &Reply) -> String {
    match reply.outcome() {
        outcome if outcome.starts_with("(closed") => "(closed)".to_owned(),
        outcome => outcome,
    }
}

/// What comes of two requests over one connection.
fn two(lab: &Lab, first: &str) -> (Reply, String) {
    let tracker = lab.open();
    let mut conn = tracker.connect();
    conn.send(first);
    let reply = conn.receive();
    let second = short(&conn.get(&target(lab)));
    (reply, second)
}

fn a_connection_stays_open_with_http_1_1(lab: &Lab) -> String {
    let (first, second) = two(
        lab,
        &format!("GET {} HTTP/1.1\r\nHost: a\r\n\r\n", target(lab)),
    );
    format!("{}, then {second}", first.outcome())
}

/// What comes after the reply to a request.
fn after(lab: &Lab, request: &str) -> String {
    let tracker = lab.open();
    let mut conn = tracker.connect();
    conn.send(request);
    let first = conn.receive().outcome();
    format!("{first}, {}", conn.then())
}

fn a_connection_closes_if_asked_to(lab: &Lab) -> String {
    let target = target(lab);
    after(
        lab,
        &format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
    )
}

fn a_connection_closes_with_http_1_0(lab: &Lab) -> String {
    after(
        lab,
        &format!("GET {} HTTP/1.0\r\nHost: a\r\n\r\n", target(lab)),
    )
}

fn keep_alive_with_http_1_0_is_kept(lab: &Lab) -> String {
    let text = format!(
        "GET {} HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        target(lab)
    );
    let (first, second) = two(lab, &text);
    let said = first
        .header("connection")
        .map(|value| format!("Connection: {value}"));
    let said = said.unwrap_or_else(|| "no Connection".to_owned());
    format!("{}, {said}, then {second}", first.outcome())
}

fn an_error_in_a_path_leaves_the_connection_open(lab: &Lab) -> String {
    let (first, second) = two(lab, "GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n");
    format!("{}, then {second}", first.status())
}

fn a_request_that_is_none_closes_the_connection(lab: &Lab) -> String {
    after(lab, "\x13BitTorrent protocol\r\n\r\n")
}

fn pipelined_requests_are_answered_in_order(lab: &Lab) -> String {
    let tracker = lab.open();
    let hash = lab.hash();
    let mut conn = tracker.connect();
    let all: String = (1..=10)
        .map(|port| {
            format!(
                "GET {} HTTP/1.1\r\nHost: a\r\n\r\n",
                announce(&hash, port, 1)
            )
        })
        .collect();
    conn.send(all);
    let told = (0..10).map(|_| {
        let reply = conn.receive();
        match reply.bencode() {
            Ok(value) if reply.status() == "200" => value.int("incomplete").to_string(),
            _ => short(&reply),
        }
    });
    told.collect::<Vec<_>>().join(" ")
}

fn replies_have_neither_date_nor_server(lab: &Lab) -> String {
    let reply = lab.open().get(&target(lab));
    let names = reply
        .headers
        .iter()
        .filter_map(|line| line.split(':').next());
    names.collect::<Vec<_>>().join(" ")
}

fn a_client_may_finish_sending_before_it_reads(lab: &Lab) -> String {
    let tracker = lab.open();
    let mut conn = tracker.connect();
    conn.send(format!("GET {} HTTP/1.1\r\nHost: a\r\n\r\n", target(lab)));
    conn.finish();
    conn.receive().outcome()
}

fn many_connections_that_say_nothing_keep_nobody_out(lab: &Lab) -> String {
    let tracker = lab.open();
    let silent: Vec<_> = (0..300)
        .map(|_| {
            let mut conn = tracker.connect();
            conn.send("GET /announce?info_hash=");
            conn
        })
        .collect();
    let outcome = tracker.get(&target(lab)).outcome();
    drop(silent);
    outcome
}

fn ipv6_is_served_like_ipv4(lab: &Lab) -> String {
    if !ipv6_works() {
        return format!("{SKIPPED}no IPv6 on this machine");
    }
    Conn::to(lab.open().tcp6()).get(&target(lab)).outcome()
}
