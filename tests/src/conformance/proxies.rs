//! Whom a proxy speaks for.

use super::lab::{Conn, Lab, Tracker, announce};
use super::{Absent, SKIPPED};
use crate::server::ipv6_works;

promises! { $ proxies_probes "proxies":
    a_proxy_names_its_client("2.6") => "203.0.113.7", Absent(NO_PROXY);
    who_is_no_proxy_names_nobody("2.6") => "127.0.0.1", Absent(NO_PROXY);
    capital_a_is_a_proxy_too("2.6") => "203.0.113.7", Absent(NO_PROXY);
    the_leftmost_address_counts("2.6") => "203.0.113.7", Absent(NO_PROXY);
    the_first_header_counts("2.6") => "203.0.113.7", Absent(NO_PROXY);
    the_name_of_the_header_has_no_case("2.6") => "203.0.113.7", Absent(NO_PROXY);
    blanks_before_the_address_do_not_count("2.6") => "203.0.113.7", Absent(NO_PROXY);
    a_port_behind_the_address_does_not_count("2.6") => "203.0.113.7", Absent(NO_PROXY);
    an_address_of_ipv4_in_the_form_of_ipv6_is_ipv4("2.6") => "203.0.113.7", Absent(NO_PROXY);
    an_ipv6_client_of_an_ipv4_proxy_is_ipv6("2.6") => "2001:db8::7", Absent(NO_PROXY);
    an_ipv4_client_of_an_ipv6_proxy_is_ipv4("2.6") => "203.0.113.7", Absent(NO_PROXY);
    what_is_no_address_counts_for_nothing("2.6") => "127.0.0.1 127.0.0.1 127.0.0.1",
        Absent(NO_PROXY);
    other_headers_count_for_nothing("2.6") => "127.0.0.1", Absent(NO_PROXY);
    another_header_may_be_chosen("2.6") => "203.0.113.7 203.0.113.7 203.0.113.7",
        Absent(NO_PROXY);
    the_chosen_header_is_the_only_one("2.6") => "127.0.0.1", Absent(NO_PROXY);
    proxies_may_be_a_network("2.6") => "203.0.113.7", Absent(NO_PROXY);
    the_client_is_told_the_address_that_counts("2.6") => "203.0.113.7", Absent(NO_PROXY);
    statistics_are_for_the_proxy_itself("2.6") => "127.0.0.1: 200, 127.0.0.2: 403",
        Absent(NO_PROXY);
}

const NO_PROXY: &str = "not compiled in";
const PROXY: &str = "access.proxy 127.0.0.1\n";

/// The address of a peer that is announced with these header lines.
fn stored(tracker: &Tracker, lab: &Lab, headers: &str) -> String {
    stored_over(tracker, lab, headers, tracker.connect())
}

fn stored_over(tracker: &Tracker, lab: &Lab, headers: &str, mut conn: Conn) -> String {
    let hash = lab.hash();
    conn.send(format!(
        "GET {} HTTP/1.1\r\nHost: a\r\n{headers}\r\n\r\n",
        announce(&hash, 1001, 1)
    ));
    let first = conn.receive().outcome();
    if first != "ok" {
        return first;
    }
    let peers = tracker.get_from(2, &announce(&hash, 1002, 1)).peers();
    let ips = peers.iter().map(|peer| peer.ip().to_string());
    ips.collect::<Vec<_>>().join(",")
}

fn forwarded(lab: &Lab, header: &str) -> String {
    stored(&lab.with(PROXY), lab, header)
}

fn a_proxy_names_its_client(lab: &Lab) -> String {
    forwarded(lab, "X-Forwarded-For: 203.0.113.7")
}

fn who_is_no_proxy_names_nobody(lab: &Lab) -> String {
    let tracker = lab.with("access.proxy 127.0.0.3\n");
    stored(&tracker, lab, "X-Forwarded-For: 203.0.113.7")
}

fn capital_a_is_a_proxy_too(lab: &Lab) -> String {
    match lab.with_args(&["-A", "127.0.0.1"], "") {
        Ok(tracker) => stored(&tracker, lab, "X-Forwarded-For: 203.0.113.7"),
        Err(ended) => ended.said,
    }
}

fn the_leftmost_address_counts(lab: &Lab) -> String {
    forwarded(lab, "X-Forwarded-For: 203.0.113.7, 198.51.100.1, 192.0.2.1")
}

fn the_first_header_counts(lab: &Lab) -> String {
    forwarded(
        lab,
        "X-Forwarded-For: 203.0.113.7\r\nX-Forwarded-For: 198.51.100.1",
    )
}

fn the_name_of_the_header_has_no_case(lab: &Lab) -> String {
    forwarded(lab, "x-fOrWaRdEd-fOr: 203.0.113.7")
}

fn blanks_before_the_address_do_not_count(lab: &Lab) -> String {
    forwarded(lab, "X-Forwarded-For:\t  203.0.113.7")
}

fn a_port_behind_the_address_does_not_count(lab: &Lab) -> String {
    forwarded(lab, "X-Forwarded-For: 203.0.113.7:5555")
}

fn an_address_of_ipv4_in_the_form_of_ipv6_is_ipv4(lab: &Lab) -> String {
    forwarded(lab, "X-Forwarded-For: ::ffff:203.0.113.7")
}

fn an_ipv6_client_of_an_ipv4_proxy_is_ipv6(lab: &Lab) -> String {
    forwarded(lab, "X-Forwarded-For: 2001:db8::7")
}

fn an_ipv4_client_of_an_ipv6_proxy_is_ipv4(lab: &Lab) -> String {
    if !ipv6_works() {
        return format!("{SKIPPED}no IPv6 on this machine");
    }
    let tracker = lab.with("access.proxy ::1\n");
    let conn = Conn::to(tracker.tcp6());
    stored_over(&tracker, lab, "X-Forwarded-For: 203.0.113.7", conn)
}

fn what_is_no_address_counts_for_nothing(lab: &Lab) -> String {
    let tracker = lab.with(PROXY);
    ["unknown", "", "1.2.3.4.5"]
        .map(|value| stored(&tracker, lab, &format!("X-Forwarded-For: {value}")))
        .join(" ")
}

fn other_headers_count_for_nothing(lab: &Lab) -> String {
    forwarded(
        lab,
        "X-Real-IP: 203.0.113.7\r\nCF-Connecting-IP: 203.0.113.7\r\nForwarded: for=203.0.113.7",
    )
}

fn another_header_may_be_chosen(lab: &Lab) -> String {
    let chosen = [
        ("x-real-ip", "X-Real-IP: 203.0.113.7"),
        ("cf-connecting-ip", "CF-Connecting-IP: 203.0.113.7"),
        (
            "forwarded",
            "Forwarded: proto=http;for=203.0.113.7, for=192.0.2.1",
        ),
    ]
    .map(|(name, header)| {
        let tracker = lab.with(&format!("{PROXY}access.proxy_header {name}\n"));
        stored(&tracker, lab, header)
    });
    chosen.join(" ")
}

fn the_chosen_header_is_the_only_one(lab: &Lab) -> String {
    let tracker = lab.with(&format!("{PROXY}access.proxy_header x-real-ip\n"));
    stored(&tracker, lab, "X-Forwarded-For: 203.0.113.7")
}

fn proxies_may_be_a_network(lab: &Lab) -> String {
    let tracker = lab.with("access.proxy 127.0.0.0/8\n");
    stored(&tracker, lab, "X-Forwarded-For: 203.0.113.7")
}

fn the_client_is_told_the_address_that_counts(lab: &Lab) -> String {
    let tracker = lab.with(PROXY);
    let target = announce(&lab.hash(), 1001, 1);
    let reply = tracker.send(format!(
        "GET {target} HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 203.0.113.7\r\n\r\n"
    ));
    match reply.bencode() {
        Ok(value) => match <[u8; 4]>::try_from(value.string("external ip")) {
            Ok(ip) => std::net::Ipv4Addr::from(ip).to_string(),
            Err(_) => value.show(),
        },
        Err(error) => error,
    }
}

fn statistics_are_for_the_proxy_itself(lab: &Lab) -> String {
    let tracker =
        lab.with("access.stats 127.0.0.1\naccess.proxy 127.0.0.1\naccess.proxy 127.0.0.2\n");
    let status = |host: u8, client: &str| {
        let mut conn = Conn::from([127, 0, 0, host].into(), tracker.tcp());
        conn.send(format!(
            "GET /stats HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: {client}\r\n\r\n"
        ));
        conn.receive().status()
    };
    let (first, second) = (status(1, "203.0.113.7"), status(2, "127.0.0.1"));
    format!("127.0.0.1: {first}, 127.0.0.2: {second}")
}
