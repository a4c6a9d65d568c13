//! Pages of statistics over HTTP: who gets which, and in which form.

use std::string::String;
use std::vec;
use std::vec::Vec;

use super::{BUFFER_BYTES, Bench, Connections, LARGEST_REPLY, NOW, Next, Slot, announce};
use crate::counters::HttpError;
use crate::network::Network;
use crate::policy::{Grant, Policy, Right, StatsFor};
use crate::stats::RequestLog;
use crate::tracker::{Secrets, Tracker};

/// Runs `test` with a workspace, room for requests, and three peers of two torrents.
fn with(policy: Policy, test: impl FnOnce(&mut Bench<'_>)) {
    let (mut memory, mut workspace) = (vec![0; 1 << 18], vec![0; 1024]);
    let mut requests = vec![0; 1 << 14];
    let (mut slots, mut bytes) = (vec![Slot::EMPTY; 16], vec![0; 16 * BUFFER_BYTES]);
    let mut tracker = Tracker::new(&mut memory, &Secrets::new(&[1; 40]), policy).unwrap();
    tracker.set_workspace(&mut workspace);
    tracker.requests = RequestLog::new(&mut requests);
    let mut bench = Bench {
        tracker,
        connections: Connections::new(&mut slots, &mut bytes),
        now: NOW,
        out: vec![0; 2 * LARGEST_REPLY],
    };
    for (torrent, port, left) in [(1, 1, "&left=0"), (1, 2, "&left=1"), (2, 3, "&left=1")] {
        bench.get("198.51.100.7", &announce(torrent, port, left));
    }
    test(&mut bench);
}

/// The whole reply that `target` gets from `ip`.
fn reply(bench: &mut Bench<'_>, ip: &str, target: &str) -> String {
    let id = bench.open_from(ip);
    let request = std::format!("GET {target} HTTP/1.1\r\n\r\n");
    let (mut reply, mut next) = bench.receive(id, request.as_bytes());
    while next == Next::Resume {
        let turn = bench
            .connections
            .resume(id, &mut bench.tracker, bench.now, &mut bench.out);
        reply.extend_from_slice(&bench.out[..turn.written]);
        next = turn.next;
    }
    assert_eq!(next, Next::Read);
    bench.connections.close(id);
    String::from_utf8(reply).unwrap()
}

fn whole(kind: &str, body: &str) -> String {
    let length = body.len();
    std::format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

fn chunked(chunks: &[&str]) -> String {
    let mut reply = String::from(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n",
    );
    for chunk in chunks {
        reply += &std::format!("{:04x}\r\n{chunk}\r\n", chunk.len());
    }
    reply + "0\r\n\r\n"
}

#[test]
fn short_pages_come_with_their_length_and_type() {
    with(Policy::DEFAULT, |bench| {
        let peer = "3\n1\nopentracker serving 2 torrents\nopentracker";
        let peer = whole("text/plain", peer);
        for target in [
            "/stats",
            "/stats?",
            "//stats?mode=peer",
            "/%73tats?m%6fde=peer",
        ] {
            assert_eq!(reply(bench, "192.0.2.1", target), peer, "{target}");
        }
        for (target, kind) in [
            ("/stats?mode=json", "application/json"),
            ("/stats?mode=everything", "text/plain"),
        ] {
            let reply = reply(bench, "192.0.2.1", target);
            let (_, body) = reply.split_once("\r\n\r\n").unwrap();
            assert!(!body.is_empty());
            assert_eq!(reply, whole(kind, body), "{target}");
        }
        for target in ["/stats?mode=metrics", "/metrics"] {
            let reply = reply(bench, "192.0.2.1", target);
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n\
                        Transfer-Encoding: chunked\r\n\r\n";
            assert!(
                reply.starts_with(head) && reply.ends_with("\r\n0\r\n\r\n"),
                "{target}"
            );
        }
    });
}

#[test]
fn walks_end_with_their_pages() {
    with(Policy::DEFAULT, |bench| {
        let (one, two) = ("01".repeat(20), "02".repeat(20));
        let top = std::format!(
            "Top 10 torrents by peers:\n\t2\t{one}\n\t1\t{two}\n\
             Top 10 torrents by seeds:\n\t1\t{one}\n\
             Top 10 torrents by leechers:\n\t1\t{two}\n\t1\t{one}\n"
        );
        assert_eq!(
            reply(bench, "192.0.2.1", "/stats?mode=top10"),
            chunked(&[&top])
        );
        let top100 = top.replace("Top 10 ", "Top 100 ");
        assert_eq!(
            reply(bench, "192.0.2.1", "/stats?mode=top100"),
            chunked(&[&top100])
        );
        assert_eq!(
            reply(bench, "192.0.2.1", "/stats?mode=s24s"),
            chunked(&["Networks, limit /28:\n00000003: 198.51.100.0\n\n\
                       Networks, limit /24:\n00000003: 198.51.100.0\n\n"])
        );
    });
}

#[test]
fn errors_are_opentrackers_and_counted_as_such() {
    let mut policy = Policy {
        stats_for: StatsFor::Listed,
        ..Policy::DEFAULT
    };
    let network = Network::of([192, 0, 2, 1].into());
    let right = Right::Stats;
    policy.grants.push(Grant { network, right }).unwrap();
    with(policy, |bench| {
        for (ip, target, status, class) in [
            (
                "192.0.2.1",
                "/stats?mode",
                "400 Invalid Request",
                HttpError::Parameter,
            ),
            (
                "192.0.2.1",
                "/stats?mode=top5",
                "400 Invalid Request",
                HttpError::Parameter,
            ),
            (
                "192.0.2.1",
                "/stats?info_hash=1",
                "400 Invalid Request",
                HttpError::Parameter,
            ),
            (
                "192.0.2.1",
                "/stats?mode=busy",
                "500 Internal Server Error",
                HttpError::Server,
            ),
            ("192.0.2.1", "/stats/", "404 Not Found", HttpError::NotFound),
            ("192.0.2.1", "/Stats", "404 Not Found", HttpError::NotFound),
            (
                "192.0.2.2",
                "/stats?mode=peer",
                "403 Access Denied",
                HttpError::Forbidden,
            ),
            (
                "192.0.2.2",
                "/stats?mode",
                "403 Access Denied",
                HttpError::Forbidden,
            ),
            (
                "192.0.2.2",
                "/metrics",
                "403 Access Denied",
                HttpError::Forbidden,
            ),
        ] {
            let before = bench.tracker.counters.http_errors;
            let text = reply(bench, ip, target);
            let title = std::format!("<title>{}</title>\n", &status[4..]);
            assert!(
                text.starts_with(&std::format!("HTTP/1.1 {status}\r\n")),
                "{target}: {text}"
            );
            assert!(text.ends_with(&title), "{target}: {text}");
            let after = bench.tracker.counters.http_errors;
            let counted: Vec<_> = (0..HttpError::COUNT)
                .filter(|&nth| after[nth] != before[nth])
                .collect();
            assert_eq!(counted, [class as usize], "{target}");
        }
    });
}

#[test]
fn requests_of_logged_networks_are_shown_once() {
    let mut policy = Policy::DEFAULT;
    let network = Network::of([203, 0, 113, 9].into());
    policy.log_requests.push(network).unwrap();
    with(policy, |bench| {
        let empty = whole("text/plain", "");
        assert_eq!(reply(bench, "192.0.2.1", "/stats?mode=fulllog"), empty);
        reply(bench, "203.0.113.9", "/a?x=1");
        reply(bench, "203.0.113.8", "/a?x=2");
        reply(bench, "203.0.113.9", "/nowhere");
        let now = NOW.0;
        let log = std::format!(
            "{now}: 203.0.113.9\nGET /a?x=1 HTTP/1.1\r\n\r\n\n*\n\n\
             {now}: 203.0.113.9\nGET /nowhere HTTP/1.1\r\n\r\n\n*\n\n"
        );
        assert_eq!(
            reply(bench, "192.0.2.1", "/stats?mode=fulllog"),
            chunked(&[&log])
        );
        assert_eq!(reply(bench, "192.0.2.1", "/stats?mode=fulllog"), empty);
    });
}
