//! `wrtracker check`

use std::net::UdpSocket;

use wrtracker_tests::conf::Conf;
use wrtracker_tests::server::Server;

use super::stubs::{self, reply};
use super::{HASH, Ran, run};

/// The lines without times: kind, URL and whether it answered.
fn report(ran: &Ran) -> Vec<String> {
    let lines = ran.stdout.lines();
    let text = lines.map(|line| {
        let mut words: Vec<_> = line.split_whitespace().collect();
        if words.get(4) == Some(&"ms") {
            words[3].parse::<f64>().expect("a number");
            words.drain(3..5);
        }
        words.join(" ")
    });
    text.collect()
}

#[test]
fn all_listeners_of_a_tracker_answer() {
    let server = Server::start(&["-i", "127.0.0.1", "-p", "0", "-P", "0"]);
    let [udp, tcp] = [server.udp_v4(), server.tcp_v4()];
    let ran = run(&[
        "check",
        &format!("udp://{udp}"),
        &format!("http://{tcp}/announce"),
    ]);
    ran.fine();
    assert_eq!(
        report(&ran),
        [
            format!("ok udp udp://{udp}"),
            format!("ok http http://{tcp}/announce")
        ]
    );
    // From the tracker's own configuration.
    let conf = format!("listen.udp {udp}\nlisten.tcp {tcp}\ntracker.memory 4M\n");
    let conf = Conf::new(conf);
    for option in ["-f", "--config"] {
        let ran = run(&["check", option, conf.path(), "--format", "json"]);
        ran.fine();
        assert_eq!(
            ran.timeless(),
            format!(
                "{{\"kind\":\"udp\",\"url\":\"udp://{udp}\",\"ok\":true,\"ms\":0,\"reason\":null}}\n\
                 {{\"kind\":\"http\",\"url\":\"http://{tcp}\",\"ok\":true,\"ms\":0,\"reason\":null}}\n"
            )
        );
    }
    // Nothing came of it but requests.
    let url = format!("http://{tcp}");
    let ran = run(&["scrape", &url, HASH]);
    assert!(
        ran.fine().contains("seeders 0, leechers 0, downloads 0"),
        "{ran:?}"
    );
}

#[test]
fn one_that_does_not_answer_is_enough() {
    let server = Server::start(&["-i", "127.0.0.1", "-p", "0"]);
    let free = UdpSocket::bind("127.0.0.1:0")
        .expect("a port")
        .local_addr()
        .unwrap();
    let tcp = server.tcp_v4();
    let ran = run(&[
        "check",
        &format!("http://{tcp}"),
        &free.to_string(),
        "--format",
        "json",
    ]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(1), ""), "{ran:?}");
    let lines: Vec<_> = ran.stdout.lines().collect();
    assert_eq!(lines.len(), 3, "{ran:?}");
    assert!(lines[0].contains("\"ok\":true"), "{ran:?}");
    for (line, kind) in lines[1..].iter().zip(["udp", "http"]) {
        let start = format!(
            "{{\"kind\":\"{kind}\",\"url\":\"{kind}://{free}\",\"ok\":false,\"ms\":null,\"reason\":\""
        );
        assert!(line.starts_with(&start), "{ran:?}");
    }
    // Somebody else's server isn't a tracker that answers.
    let other = stubs::http(reply("200 OK", "<html>"));
    let ran = run(&["check", &format!("http://{other}")]);
    assert_eq!(ran.code, Some(1));
    assert_eq!(
        report(&ran),
        [format!(
            "err http http://{other} (no proper answer: no bencode)"
        )]
    );
}

#[test]
fn a_refusal_is_an_answer() {
    let refuses = stubs::http(reply("200 OK", "d14:failure reason2:noe"));
    let ran = run(&["check", &format!("http://{refuses}")]);
    ran.fine();
    assert_eq!(
        report(&ran),
        [format!("ok http http://{refuses} (refused: no)")]
    );
    let refuses = stubs::udp_tracker(3, b"no");
    let ran = run(&["check", &format!("udp://{refuses}")]);
    ran.fine();
    assert_eq!(
        report(&ran),
        [format!("ok udp udp://{refuses} (refused: no)")]
    );
}

#[test]
fn an_api_is_asked_how_it_is() {
    for (status, body, code) in [
        ("200 OK", "{\"status\":\"Ok\"}", 0),
        ("200 OK", "{\"status\":1}", 1),
        ("200 OK", "Ok", 1),
        ("503 Unavailable", "{\"status\":\"Ok\"}", 1),
    ] {
        let (address, requests) = stubs::tcp(move |_, stream| {
            use std::io::Write as _;
            let _ = stream.write_all(&reply(status, body));
        });
        let api = format!("http://{address}");
        let ran = run(&["check", "--api", &api]);
        assert_eq!(ran.code, Some(code), "{ran:?}");
        assert!(ran.stdout.contains(&format!(" api {api}")), "{ran:?}");
        let request = requests.lock().unwrap().concat();
        assert!(
            request.starts_with("GET /api/health_check HTTP/1.1\r\n"),
            "{request}"
        );
        assert!(!request.contains("Authorization"), "{request}");
    }
}

#[test]
fn a_configuration_that_cannot_be_used_is_a_wrong_command_line() {
    let conf = Conf::new("tracker.memory 4 pounds\n");
    let ran = run(&["check", "-f", conf.path()]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{ran:?}");
    assert!(ran.stderr.contains("tracker.memory: "), "{ran:?}");
    let conf = Conf::new("listen.udp 127.0.0.1:0\n");
    let ran = run(&["check", "-f", conf.path()]);
    assert!(
        ran.failure(2)
            .contains("port 0, which only the tracker knows"),
        "{ran:?}"
    );
}
