//! Announces: exact replies, every parameter, every failure.

use std::format;
use std::string::String;
use std::vec::Vec;

use super::{announce, assert_bytes, with};

const ALICE: &str = "192.0.2.1";
const BOB: &str = "2001:db8::2";

#[test]
fn peers_of_both_families_in_exact_bytes() {
    with(1, 0, |bench| {
        assert_bytes(
            &bench.get(ALICE, &announce(1, 0x1ae1, "&left=0")),
            b"d8:completei1e10:downloadedi0e11:external ip4:\xc0\0\x02\x0110:incompletei0e\
              8:intervali1800e12:min intervali900e5:peers0:e",
        );
        assert_bytes(
            &bench.get(BOB, &announce(1, 0x1ae2, "&left=5")),
            b"d8:completei1e10:downloadedi0e11:external ip16:\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\
              \x0210:incompletei1e8:intervali1800e12:min intervali900e\
              5:peers6:\xc0\0\x02\x01\x1a\xe1e",
        );
        assert_bytes(
            &bench.get("::ffff:192.0.2.3", &announce(1, 0x1ae3, "&left=5")),
            b"d8:completei1e10:downloadedi0e11:external ip4:\xc0\0\x02\x0310:incompletei2e\
              8:intervali1800e12:min intervali900e5:peers6:\xc0\0\x02\x01\x1a\xe1\
              6:peers618:\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\x1a\xe2e",
        );
        assert_eq!(bench.tracker.counters.http_announces, 3);
    });
}

#[test]
fn peers_are_listed_as_dictionaries_without_ids_on_request() {
    with(1, 0, |bench| {
        bench.get(ALICE, &announce(1, 1, ""));
        bench.get(BOB, &announce(1, 65_535, ""));
        let reply = bench.get("192.0.2.9", &announce(1, 3, "&compact=0&no_peer_id=0"));
        assert_bytes(
            &reply,
            b"d8:completei0e10:downloadedi0e11:external ip4:\xc0\0\x02\x0910:incompletei3e\
              8:intervali1800e12:min intervali900e5:peersl\
              d2:ip9:192.0.2.14:porti1eed2:ip11:2001:db8::24:porti65535eeee",
        );
        let none = bench.get("192.0.2.9", &announce(2, 3, "&compact=%30"));
        assert!(none.ends_with(b"5:peerslee"), "{}", none.escape_ascii());
    });
}

#[test]
fn a_stopped_client_gets_counts_and_an_empty_list() {
    with(1, 0, |bench| {
        bench.get(ALICE, &announce(1, 1, "&left=0"));
        bench.get(BOB, &announce(1, 2, "&left=1"));
        let reply = bench.get(BOB, &announce(1, 2, "&left=1&event=stopped&numwant=0"));
        assert_bytes(
            &reply,
            b"d8:completei1e10:downloadedi0e11:external ip16:\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\
              \x0210:incompletei0e8:intervali1800e12:min intervali900e5:peers0:e",
        );
    });
}

/// The lengths of `peers` and `peers6` of a compact reply, in peers.
fn peers(reply: &[u8]) -> (usize, usize) {
    let string = |key: &[u8], size: usize| {
        let at = reply.windows(key.len()).position(|bytes| bytes == key)?;
        let rest = &reply[at + key.len()..];
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit());
        let length: String = digits.map(|&byte| char::from(byte)).collect();
        let length: usize = length.parse().unwrap();
        assert_eq!(length % size, 0);
        Some(length / size)
    };
    (
        string(b"5:peers", 6).unwrap(),
        string(b"6:peers6", 18).unwrap_or(0),
    )
}

#[test]
fn the_families_share_what_is_wanted_as_opentracker_has_it() {
    for (v4, v6, more, expected) in [
        (300, 300, "&numwant=200", (100, 100)),
        (300, 300, "", (25, 25)),
        (300, 300, "&numwant=-1", (25, 25)),
        (300, 300, "&numwant=9999999999", (100, 100)),
        (300, 300, "&numwant=0", (0, 0)),
        (300, 300, "&numwant=1", (0, 1)),
        (300, 10, "&numwant=100", (90, 10)),
        (10, 300, "&numwant=100", (10, 90)),
        (30, 40, "&numwant=100", (30, 40)),
        (300, 0, "", (50, 0)),
        (0, 300, "", (0, 50)),
        (0, 0, "", (0, 0)),
    ] {
        with(1, 0, |bench| {
            for index in 0..v4 {
                let ip = format!("198.51.{}.{}", index / 256, index % 256);
                bench.get(&ip, &announce(1, 7, "&numwant=0"));
            }
            for index in 0..v6 {
                let ip = format!("2001:db8::{index:x}");
                bench.get(&ip, &announce(1, 7, "&numwant=0"));
            }
            // It leaves in order not to be counted among the peers that it may get.
            let asked = announce(1, 9, &format!("&left=3{more}"));
            let got = peers(&bench.get("192.0.2.9", &asked));
            assert!(
                got.0.abs_diff(expected.0) <= 1 && got.1.abs_diff(expected.1) <= 1,
                "{v4} {v6} {more}: {got:?}"
            );
            assert_eq!(got.0 + got.1, expected.0 + expected.1, "{v4} {v6} {more}");
        });
    }
}

#[test]
fn the_largest_replies_fit() {
    with(1, 0, |bench| {
        let ip = |index: usize| format!("2001:db8:1111:1111:1111:1111:1111:1{index:03x}");
        for index in 0..300 {
            bench.get(&ip(index), &announce(1, 50_000, "&numwant=0"));
        }
        let compact = bench.get(&ip(0), &announce(1, 50_000, "&numwant=200"));
        assert_eq!(peers(&compact), (0, 200));
        let listed = bench.get(&ip(0), &announce(1, 50_000, "&numwant=200&compact=0"));
        let entries: Vec<_> = listed
            .windows(8)
            .filter(|bytes| bytes == b"d2:ip38:" || bytes == b"d2:ip39:")
            .collect();
        assert_eq!(entries.len(), super::super::announce::MOST_LISTED);
        assert!(listed.ends_with(b"4:porti50000eeee"));
    });
}

#[test]
fn each_failure_says_what_is_wrong() {
    let hash = "info_hash=aaaaaaaaaaaaaaaaaaaa";
    let id = "peer_id=bbbbbbbbbbbbbbbbbbbb";
    let missing =
        "Your client forgot to send your torrent's info_hash. Please upgrade your client.";
    let not_20 = "The info_hash is not 20 bytes.";
    let bad_port = "The port is not a number from 1 to 65535.";
    let bad_number = "One of left and numwant is not a number.";
    for (query, text) in [
        (String::new(), missing),
        (format!("?{id}&port=1"), missing),
        (format!("?info_hash&{id}&port=1"), missing),
        (
            format!("?Info_Hash=aaaaaaaaaaaaaaaaaaaa&{id}&port=1"),
            missing,
        ),
        (format!("?info_hash=&{id}&port=1"), not_20),
        (format!("?{hash}a&{id}&port=1"), not_20),
        (
            format!("?info_hash=aaaaaaaaaaaaaaaaaaa&{id}&port=1"),
            not_20,
        ),
        (
            format!("?info_hash=aaaaaaaaaaaaaaaaaaa%zz&{id}&port=1"),
            not_20,
        ),
        (
            format!("?info_hash=aaaaaaaaaaaaaaaaaaa%a&{id}&port=1"),
            not_20,
        ),
        (
            format!("?{hash}&{hash}&{id}&port=1"),
            "More than one info_hash in one announce.",
        ),
        (
            format!("?{hash}&peer_id=b&port=1"),
            "The peer_id is not 20 bytes.",
        ),
        (
            format!("?{hash}&{id}"),
            "Your client forgot to send its port.",
        ),
        (
            format!("?{hash}&{id}&port"),
            "Your client forgot to send its port.",
        ),
        (format!("?{hash}&{id}&port=0"), bad_port),
        (format!("?{hash}&{id}&port=65536"), bad_port),
        (format!("?{hash}&{id}&port=-1"), bad_port),
        (format!("?{hash}&{id}&port="), bad_port),
        (format!("?{hash}&{id}&port=1&left=x"), bad_number),
        (format!("?{hash}&{id}&port=1&left="), bad_number),
        (
            format!("?{hash}&{id}&port=1&left=18446744073709551616"),
            bad_number,
        ),
        (format!("?{hash}&{id}&port=1&numwant=many"), bad_number),
        (format!("?{hash}&{id}&port=1&numwant=%zz"), bad_number),
    ] {
        with(1, 0, |bench| {
            let reply = bench.get(ALICE, format!("/announce{query}").as_bytes());
            let retry = if text.contains("port") {
                ""
            } else {
                "8:retry in5:never"
            };
            let expected = format!(
                "d14:failure reason{}:{text}8:intervali1800e{retry}e",
                text.len()
            );
            assert_bytes(&reply, expected.as_bytes());
            assert_eq!(bench.tracker.counters.http_failures, 1);
            assert_eq!(bench.tracker.counters.http_announces, 0);
            assert_eq!(bench.tracker.totals().peers, 0);
        });
    }
}

#[test]
fn what_a_tracker_has_no_use_for_is_ignored() {
    with(1, 0, |bench| {
        let more = "&&=&x&%zz=1&y=%zz&uploaded=-x&key=%00&ip=1.2.3.4&ipv6=z&event=&compact=&left=0";
        let reply = bench.get(ALICE, &announce(1, 7, more));
        assert!(
            reply.starts_with(b"d8:completei1e"),
            "{}",
            reply.escape_ascii()
        );
    });
}

#[test]
fn a_download_count_that_is_no_number_is_no_failure() {
    with(1, 0, |bench| {
        for value in ["", "1.5", "x", "%zz", "18446744073709551616"] {
            let more = format!("&left=0&downloaded={value}");
            let reply = bench.get(ALICE, &announce(1, 7, &more));
            assert!(reply.starts_with(b"d8:completei1e"), "{more}");
        }
        assert_eq!(bench.tracker.counters.http_failures, 0);
    });
}

#[test]
fn left_tells_seeders_from_leechers() {
    for (more, seeder) in [
        ("&left=0", true),
        ("&left=00", true),
        ("&left=4294967296", false),
        ("&left=9223372036854775807", false),
        ("&left=18446744073709551615", false),
        ("&left=-1", false),
        ("", false),
        ("&left=0&left=1", false),
        ("&left=1&left=0", true),
        (
            "&left=0&downloaded=18446744073709551615&event=started",
            true,
        ),
        ("&left=0&downloaded=-5&event=completed", true),
        ("&left=0&event=paused", true),
    ] {
        with(1, 0, |bench| {
            let reply = bench.get(ALICE, &announce(1, 7, more));
            let expected: &[u8] = if seeder {
                b"d8:completei1e"
            } else {
                b"d8:completei0e"
            };
            assert!(
                reply.starts_with(expected),
                "{more} {}",
                reply.escape_ascii()
            );
        });
    }
}

#[test]
fn a_path_that_begins_like_announce_or_scrape_is_one() {
    with(1, 0, |bench| {
        for path in [
            "/announce",
            "//announce",
            "/announce.php",
            "/a",
            "/a/b?x",
            "/%61nnounce",
        ] {
            let reply = bench.get(ALICE, path.as_bytes());
            assert!(reply.starts_with(b"d14:failure reason80:"), "{path}");
        }
        for path in ["/scrape?", "/sc", "///scrape.php", "/%73%63"] {
            let reply = bench.get(ALICE, path.as_bytes());
            assert!(reply.starts_with(b"d14:failure reason41:"), "{path}");
        }
        let id = bench.open();
        for path in [
            "/",
            "//",
            "/?a",
            "/s",
            "/x/announce",
            "/favicon.ico",
            "/%zz",
            "/stat",
        ] {
            let request = format!("GET {path} HTTP/1.1\r\n\r\n");
            let (reply, next) = bench.receive(id, request.as_bytes());
            assert_bytes(
                &reply,
                b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 25\r\n\r\n\
                  <title>Not Found</title>\n",
            );
            assert_eq!(next, super::Next::Read);
        }
        assert_eq!(bench.tracker.counters.http_errors.iter().sum::<u64>(), 8);
    });
}
