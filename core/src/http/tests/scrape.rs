//! Scrapes.

use std::format;
use std::string::String;
use std::vec;

use super::{announce, assert_bytes, body, with};
use crate::admit::Scope;
use crate::http::scrape::answer;
use crate::http::{LARGEST_REPLY, Next};
use crate::wire::Out;
use crate::wire::http::Request;

const ALICE: &str = "192.0.2.1";

#[test]
fn torrents_are_sorted_and_told_once() {
    with(1, 0, |bench| {
        bench.get(ALICE, &announce(b'b', 1, "&left=0"));
        bench.get(ALICE, &announce(b'b', 2, "&left=1"));
        bench.get(ALICE, &announce(b'b', 3, "&left=1&event=paused"));
        let (a, b) = ("a".repeat(20), "%62".repeat(20));
        let target = format!("/scrape?info_hash={b}&x=y&info_hash={a}&info_hash={b}");
        assert_bytes(
            &bench.get(ALICE, target.as_bytes()),
            b"d5:filesd\
              20:aaaaaaaaaaaaaaaaaaaad8:completei0e\
              10:downloadedi0e11:downloadersi0e10:incompletei0ee\
              20:bbbbbbbbbbbbbbbbbbbbd8:completei1e\
              10:downloadedi0e11:downloadersi1e10:incompletei2ee\
              e5:flagsd20:min_request_intervali900eee",
        );
        assert_eq!(bench.tracker.counters.http_scrapes, 1);
        assert_eq!(bench.tracker.totals().peers, 3);
    });
}

/// A scrape of `count` torrents, the last ones first, as a whole request.
fn scrape(count: u8) -> String {
    let hashes = (0..count)
        .rev()
        .map(|name| format!("info_hash={}", format!("%{name:02X}").repeat(20)))
        .collect::<std::vec::Vec<_>>();
    format!("GET /scrape?{} HTTP/1.1\r\n\r\n", hashes.join("&"))
}

#[test]
fn as_many_torrents_as_opentracker_tells_fit() {
    with(1, 0, |bench| {
        for name in 0..64 {
            bench.get(ALICE, &announce(name, 1, "&left=0"));
        }
        // All of it in the least room that a host may offer.
        bench.out.truncate(LARGEST_REPLY);
        let id = bench.open();
        for (asked, told) in [(1, 1..2), (2, 1..3), (63, 1..64), (64, 1..65), (90, 27..91)] {
            let (reply, next) = bench.receive(id, scrape(asked).as_bytes());
            assert_eq!(next, Next::Read);
            let mut rest = body(&reply).strip_prefix(b"d5:filesd").unwrap();
            for name in told.map(|name| name - 1) {
                let seeders = u8::from(name < 64);
                let (key, behind) = rest.split_at(23);
                assert_bytes(key, &[&b"20:"[..], &[name; 20]].concat());
                let counts = format!(
                    "d8:completei{seeders}e10:downloadedi0e11:downloadersi0e10:incompletei0ee"
                );
                rest = behind.strip_prefix(counts.as_bytes()).unwrap();
            }
            assert_bytes(rest, b"e5:flagsd20:min_request_intervali900eee");
        }
    });
}

/// As with full room and numbers of many digits.
#[test]
fn entries_that_fill_the_room_do_not_shift_the_hashes_that_are_still_to_come() {
    with(1, 0, |bench| {
        let request = scrape(64);
        let (request, _) = Request::parse(request.as_bytes()).unwrap();
        let (query, persistence) = (request.query.unwrap(), request.persistence);
        let mut told = |room: usize| {
            let mut bytes = vec![0; room];
            let mut out = Out::new(&mut bytes);
            answer(query, persistence, Scope::All, &mut bench.tracker, &mut out);
            assert!(!out.overflowed(), "{room}");
            out.written().to_vec()
        };
        let all = told(LARGEST_REPLY);
        // A few more for a length of four digits, of which it can't know before the end.
        for more in 8..100 {
            assert_bytes(&told(all.len() + more), &all);
        }
    });
}

#[test]
fn a_scrape_of_everything_and_a_wrong_hash_fail() {
    with(1, 0, |bench| {
        for target in ["/scrape/", "/scrape?", "/scrape?x=y", "/scrape?INFO_HASH=a"] {
            assert_bytes(
                &bench.get(ALICE, target.as_bytes()),
                b"d14:failure reason41:\
                  A scrape must name torrents by info_hash.\
                  8:intervali1800e8:retry in5:nevere",
            );
        }
        let good = "a".repeat(20);
        for target in [
            format!("/scrape?info_hash={good}&info_hash=a"),
            format!("/scrape?info_hash={good}a&info_hash={good}"),
            "/scrape?info_hash".into(),
            "/scrape?info_hash=%zz".into(),
        ] {
            assert_bytes(
                &bench.get(ALICE, target.as_bytes()),
                b"d14:failure reason30:The info_hash is not 20 bytes.\
                  8:intervali1800e8:retry in5:nevere",
            );
        }
        assert_eq!(bench.tracker.counters.http_failures, 8);
        assert_eq!(bench.tracker.counters.http_scrapes, 0);
    });
}
