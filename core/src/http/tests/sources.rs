//! Whose address an announce is stored under: the connection's, a proxy's word, or its own.

use std::format;
use std::string::String;
use std::vec::Vec;

use super::{Bench, announce, body, with};
use crate::network::Network;
use crate::policy::{Grant, Policy, ProxyHeader, Right};

const PROXY: &str = "198.51.100.1";

/// Runs `test` with a proxy at [`PROXY`] and at 2001:db8:5::/48.
fn with_proxy(header: ProxyHeader, ip_from_query: bool, test: impl FnOnce(&mut Bench<'_>)) {
    with(1, 0, |bench| {
        let mut policy = Policy {
            proxy_header: header,
            ip_from_query,
            ..bench.tracker.policy().clone()
        };
        for (ip, bits, right) in [
            (PROXY, 32, Right::Proxy),
            ("2001:db8:5::", 48, Right::All),
            ("203.0.113.0", 24, Right::Stats),
        ] {
            let network = Network::new(ip.parse().unwrap(), bits).unwrap();
            policy.grants.push(Grant { network, right }).unwrap();
        }
        bench.tracker.set_policy(policy);
        test(bench);
    });
}

/// The body of the reply to an announce of `port` by `ip`, with those header lines.
fn ask(bench: &mut Bench<'_>, ip: &str, port: u16, more: &str, headers: &str) -> String {
    let id = bench.open_from(ip);
    let target = String::from_utf8(announce(1, port, more)).unwrap();
    let request = format!("GET {target} HTTP/1.1\r\nHost: t\r\n{headers}\r\n");
    let (reply, _) = bench.receive(id, request.as_bytes());
    bench.connections.close(id);
    format!("{}", body(&reply).escape_ascii())
}

/// All peers as a stranger sees them, and how its own address is told to it.
fn stored(bench: &mut Bench<'_>) -> Vec<String> {
    let reply = ask(bench, "192.0.2.99", 9, "&compact=0&event=paused", "");
    let mut ips: Vec<_> = reply
        .split("d2:ip")
        .skip(1)
        .map(|entry| {
            let (ip, _) = entry.split_once("4:port").unwrap();
            String::from(ip.split_once(':').unwrap().1)
        })
        .collect();
    ips.sort_unstable();
    ips
}

fn external(octets: &[u8]) -> String {
    format!("external ip{}:{}", octets.len(), octets.escape_ascii())
}

#[test]
fn a_trusted_proxy_names_its_client_in_the_chosen_header() {
    for (header, value) in [
        (
            ProxyHeader::XForwardedFor,
            "x-FORWARDED-for:192.0.2.7, 10.0.0.1",
        ),
        (ProxyHeader::XRealIp, "X-Real-Ip:  ::ffff:192.0.2.7\t"),
        (ProxyHeader::CfConnectingIp, "CF-Connecting-IP: 192.0.2.7"),
        (ProxyHeader::Forwarded, "Forwarded: for=\"192.0.2.7:99\""),
    ] {
        for proxy in [PROXY, "2001:db8:5::9"] {
            with_proxy(header, false, |bench| {
                let reply = ask(bench, proxy, 7, "", &format!("{value}\r\n{value}8\r\n"));
                assert!(reply.contains(&external(&[192, 0, 2, 7])), "{reply}");
                assert_eq!(stored(bench), ["192.0.2.7"], "{value}");
            });
        }
        // Another header, or another sender, is not believed.
        with_proxy(header, false, |bench| {
            ask(bench, PROXY, 7, "", "X-Client-IP: 192.0.2.7\r\n");
            ask(bench, "203.0.113.5", 7, "", &format!("{value}\r\n"));
            assert_eq!(stored(bench), [PROXY, "203.0.113.5"], "{value}");
        });
    }
}

#[test]
fn a_client_over_ipv6_behind_a_proxy_over_ipv4_is_an_ipv6_peer() {
    with_proxy(ProxyHeader::XForwardedFor, false, |bench| {
        let header = "X-Forwarded-For: 2001:db8::7\r\n";
        let reply = ask(bench, PROXY, 7, "", header);
        let mut octets = [0; 16];
        (octets[0], octets[1], octets[2], octets[3], octets[15]) = (0x20, 1, 0x0d, 0xb8, 7);
        assert!(reply.contains(&external(&octets)), "{reply}");
        assert_eq!(stored(bench), ["2001:db8::7"]);
        ask(bench, PROXY, 7, "&event=stopped", header);
        assert!(stored(bench).is_empty());
    });
}

#[test]
fn a_word_that_is_no_address_leaves_the_address_of_the_connection() {
    with_proxy(ProxyHeader::XForwardedFor, false, |bench| {
        for (port, header) in [
            (1, "X-Forwarded-For: unknown\r\n"),
            (2, "X-Forwarded-For:\r\nX-Forwarded-For: 192.0.2.7\r\n"),
            (3, ""),
        ] {
            let reply = ask(bench, PROXY, port, "", header);
            assert!(reply.contains(&external(&[198, 51, 100, 1])), "{reply}");
        }
        assert_eq!(stored(bench), [PROXY; 3]);
    });
}

#[test]
fn nobody_becomes_a_peer_that_is_no_machine() {
    let text = "The ip is not an address at which others could reach a peer.";
    for ip in [
        "0.0.0.0",
        "255.255.255.255",
        "224.0.0.1",
        "::",
        "ff02::1",
        "::ffff:0.0.0.0",
    ] {
        with_proxy(ProxyHeader::XForwardedFor, true, |bench| {
            for (more, header) in [
                (format!("&ip={ip}"), String::new()),
                (String::new(), format!("X-Forwarded-For: {ip}\r\n")),
            ] {
                let reply = ask(bench, PROXY, 7, &more, &header);
                let expected = format!("d14:failure reason{}:{text}8:intervali1800ee", text.len());
                assert_eq!(reply, expected, "{more} {header}");
            }
            assert_eq!(bench.tracker.totals().peers, 0);
            assert_eq!(bench.tracker.counters.http_failures, 2);
        });
    }
}

#[test]
fn the_address_of_the_query_counts_before_all_where_it_is_switched_on() {
    let header = "X-Forwarded-For: 192.0.2.8\r\n";
    for (from, more, headers, expected) in [
        ("203.0.113.5", "&ip=192.0.2.7", "", "192.0.2.7"),
        ("203.0.113.5", "&%69p=%31%392.0.2.7", "", "192.0.2.7"),
        ("203.0.113.5", "&ip=%3A%3Affff%3a192.0.2.7", "", "192.0.2.7"),
        ("203.0.113.5", "&ip=2001:db8::7", "", "2001:db8::7"),
        (
            "203.0.113.5",
            "&ip=2001:0db8:1111:2222:3333:4444:255.255.255.255",
            "",
            "2001:db8:1111:2222:3333:4444:ffff:ffff",
        ),
        ("203.0.113.5", "&ip=192.0.2.6&ip=192.0.2.7", "", "192.0.2.7"),
        ("2001:db8::5", "&ip=192.0.2.7", "", "192.0.2.7"),
        ("203.0.113.5", "&ip", "", "203.0.113.5"),
        (
            "203.0.113.5",
            "&ipv4=192.0.2.7&ipv6=2001:db8::7",
            "",
            "203.0.113.5",
        ),
        (PROXY, "&ip=192.0.2.7", header, "192.0.2.7"),
        (PROXY, "", header, "192.0.2.8"),
    ] {
        with_proxy(ProxyHeader::XForwardedFor, true, |bench| {
            ask(bench, from, 7, more, headers);
            assert_eq!(stored(bench), [expected], "{more}");
        });
    }
    with_proxy(ProxyHeader::XForwardedFor, true, |bench| {
        let reply = ask(bench, "203.0.113.5", 7, "&ip=192.0.2.7", "");
        // Where the tracker sees the client, not where the client says it is (BEP 24).
        assert!(reply.contains(&external(&[203, 0, 113, 5])), "{reply}");
    });
}

#[test]
fn an_address_in_the_query_that_is_none_is_a_failure() {
    for value in [
        "",
        "unknown",
        "192.0.2.256",
        "[2001:db8::7]",
        "%zz",
        "192.0.2.7:80",
        "%00",
    ] {
        with_proxy(ProxyHeader::XForwardedFor, true, |bench| {
            let reply = ask(bench, "203.0.113.5", 7, &format!("&ip={value}"), "");
            assert!(
                reply.starts_with("d14:failure reason60:"),
                "{value}: {reply}"
            );
        });
        // Without the switch it is like any name that means nothing, for a proxy's client too.
        for from in ["203.0.113.5", PROXY] {
            with_proxy(ProxyHeader::XForwardedFor, false, |bench| {
                ask(bench, from, 7, &format!("&ip={value}"), "");
                ask(bench, from, 8, "&ip=192.0.2.7", "");
                assert_eq!(stored(bench), [from; 2], "{value}");
            });
        }
    }
}

/// Found by a review: a proxy that appends to what its client sends was taken for that client, and
/// told what only the LAN is.
#[test]
fn a_proxy_that_names_nobody_is_no_way_into_the_lan() {
    with_proxy(ProxyHeader::XForwardedFor, false, |bench| {
        let mut policy = bench.tracker.policy().clone();
        let loopback = Network::of("127.0.0.1".parse().unwrap());
        let right = Right::Proxy;
        policy
            .grants
            .push(Grant {
                network: loopback,
                right,
            })
            .unwrap();
        let lan = Network::new("192.168.1.0".parse().unwrap(), 24).unwrap();
        policy.lan.networks.push(lan).unwrap();
        policy.lan.public_v4 = Some("198.51.100.200".parse().unwrap());
        policy.lan.own_v4 = Some("192.168.1.1".parse().unwrap());
        bench.tracker.set_policy(policy);
        ask(bench, "192.168.1.50", 51_413, "", "");
        for words in [
            "unknown, 203.0.113.9",
            "127.0.0.1, 203.0.113.9",
            "169.254.1.1",
            "",
        ] {
            let headers = format!("X-Forwarded-For: {words}\r\n");
            let reply = ask(bench, "127.0.0.1", 22, "&compact=0", &headers);
            assert!(reply.contains("failure reason"), "{words}: {reply}");
        }
        let reply = ask(bench, "127.0.0.1", 22, "&compact=0", "");
        assert!(reply.contains("failure reason"), "{reply}");
        let headers = "X-Forwarded-For: 203.0.113.9\r\n";
        let reply = ask(bench, "127.0.0.1", 23, "&compact=0", headers);
        assert!(
            reply.contains("14:198.51.100.200") && !reply.contains("192.168"),
            "{reply}"
        );
    });
}
