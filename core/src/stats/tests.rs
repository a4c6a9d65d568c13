//! Golden bytes of the pages, and what holds for all of them.

mod text_format;

use core::net::{IpAddr, Ipv4Addr};
use core::num::NonZeroU16;
use std::string::{String, ToString as _};
use std::vec;
use std::vec::Vec;

use super::{LARGEST_PAGE, LARGEST_SECTION, Mode, VERSION, allowed, emit};
use crate::counters::HttpError;
use crate::network::Network;
use crate::policy::{Grant, Policy, Right, StatsFor};
use crate::store::Progress;
use crate::time::Secs;
use crate::tracker::{Announce, Event, Secrets, Tracker};
use crate::wire::{InfoHash, Out, PeerAddr};

const START: Secs = Secs(1_000);
const NOW: Secs = Secs(1_000 + 7_300);

/// Those that `emit` prints.
const PAGES: [Mode; 18] = [
    Mode::Memory,
    Mode::Peer,
    Mode::Torr,
    Mode::Conn,
    Mode::Udp4,
    Mode::Tcp4,
    Mode::Scrp,
    Mode::Fscr,
    Mode::Completed,
    Mode::Syncs,
    Mode::Herr,
    Mode::Renew,
    Mode::NumWants,
    Mode::Version,
    Mode::Woodpeckers,
    Mode::Everything,
    Mode::Json,
    Mode::Metrics,
];

/// Runs `test` with a tracker that has three peers of two torrents, and counts to tell apart.
fn with(test: impl FnOnce(&mut Tracker<'_>)) {
    let mut memory = vec![0; 1 << 14];
    let mut tracker = Tracker::new(&mut memory, &Secrets::new(&[1; 40]), Policy::DEFAULT).unwrap();
    tracker.set_started(START);
    let mut announce = |torrent, host, left, event, seconds| {
        let ip = IpAddr::V4(Ipv4Addr::new(192, 0, 2, host));
        let announce = Announce {
            info_hash: InfoHash([torrent; 20]),
            peer: PeerAddr::new(ip, NonZeroU16::MIN),
            peer_id: None,
            event,
            left: Some(left),
            downloaded: 0,
        };
        tracker.announce(&announce, START.plus(seconds)).unwrap();
    };
    announce(1, 1, 0, Event::None, 0);
    announce(1, 2, 5, Event::Started, 0);
    announce(2, 3, 5, Event::Started, 0);
    announce(1, 2, 0, Event::Completed, 1_900);
    announce(2, 3, 5, Event::None, 64);
    announce(2, 3, 5, Event::None, 128);
    let counters = &mut tracker.counters;
    counters.connections = 14_600;
    counters.connections_evicted = 4;
    counters.connections_timed_out = 5;
    counters.udp_datagrams = 73_000;
    counters.udp_connects = 7_300;
    counters.udp_announces = 14_600;
    counters.udp_scrapes = 29_200;
    counters.udp_mismatches = 6;
    counters.udp_errors = 7;
    counters.udp_ignored = 8;
    counters.http_announces = 7_301;
    counters.http_scrapes = 14_601;
    counters.http_failures = 100;
    counters.full_scrapes = 7_300;
    counters.full_scrape_bytes = 730_000;
    counters.denied = 9;
    counters.synced = 11;
    for (count, class) in counters.http_errors.iter_mut().zip(20..) {
        *count = class;
    }
    counters.wanting(50);
    counters.wanting(50);
    counters.wanting(200);
    test(&mut tracker);
}

/// A page, through buffers of `room` bytes.
fn page(tracker: &Tracker<'_>, mode: Mode, room: usize) -> Vec<u8> {
    let mut written = Vec::new();
    let mut cursor = 0;
    loop {
        let mut buffer = vec![0; room];
        let mut out = Out::new(&mut buffer);
        let progress = emit(mode, tracker, NOW, &mut cursor, &mut out);
        assert!(!out.overflowed());
        written.extend_from_slice(out.written());
        match progress {
            Progress::Done => return written,
            Progress::More => assert!(!out.is_empty(), "{mode:?} doesn't come on"),
        }
    }
}

fn text(tracker: &Tracker<'_>, mode: Mode) -> String {
    String::from_utf8(page(tracker, mode, LARGEST_PAGE)).unwrap()
}

#[test]
fn pages_of_a_few_lines_are_opentrackers() {
    with(|tracker| {
        for (mode, expected) in [
            (
                Mode::Peer,
                "3\n2\nopentracker serving 2 torrents\nopentracker",
            ),
            (
                Mode::Torr,
                "2\n0\nopentracker serving 2 torrents\nopentracker",
            ),
            (
                Mode::Conn,
                "87600\n29201\n7300 seconds (2 hours)\n\
                 opentracker connections, 12 conns/s :: 4 success/s.",
            ),
            (
                Mode::Udp4,
                "73000\n21900\n7300 seconds (2 hours)\n\
                 opentracker udp4 stats, 10 conns/s :: 3 success/s.",
            ),
            (
                Mode::Tcp4,
                "14600\n7301\n7300 seconds (2 hours)\n\
                 opentracker tcp4 stats, 2 conns/s :: 1 success/s.",
            ),
            (
                Mode::Scrp,
                "14601\n29200\n7300 seconds (2 hours)\n\
                 opentracker scrape stats, 6 scrape/s (tcp and udp)",
            ),
            (
                Mode::Fscr,
                "7300000\n730000\n7300 seconds (2 hours)\n\
                 opentracker full scrape stats, 1 conns/s :: 100 bytes/s.",
            ),
            (
                Mode::Completed,
                "1\n0\n7300 seconds (2 hours)\nopentracker, 0 completed/h.",
            ),
            (
                Mode::Syncs,
                "11\n0\n7300 seconds (2 hours)\n\
                 opentracker connections, 12 conns/s :: 4 success/s.",
            ),
            (
                Mode::Herr,
                "302 RED 20\n400 ... 21\n400 PAR 122\n400 COM 23\n403 IP  26\n404 INV 27\n\
                 500 SRV 28\n",
            ),
            (Mode::Version, "wrtracker 0.1.0\n"),
        ] {
            assert_eq!(text(tracker, mode), expected, "{mode:?}");
        }
    });
}

#[test]
fn rates_of_the_first_second_divide_by_one() {
    with(|tracker| {
        tracker.set_started(NOW);
        assert_eq!(
            text(tracker, Mode::Completed),
            "1\n0\n0 seconds (0 hours)\nopentracker, 1 completed/h."
        );
        assert!(text(tracker, Mode::Tcp4).ends_with(" 14600 conns/s :: 7301 success/s."));
        // A host whose clock was set wrong: no more than that is wrong then.
        tracker.set_started(NOW.plus(5));
        assert!(text(tracker, Mode::Conn).contains("\n0 seconds (0 hours)\n"));
    });
}

#[test]
fn renewals_are_45_lines() {
    with(|tracker| {
        let page = text(tracker, Mode::Renew);
        assert_eq!(page.lines().count(), 45);
        assert!(page.starts_with("00 0\n01 2\n02 0\n"), "{page}");
        assert!(page.contains("\n31 1\n"), "{page}");
        assert!(page.ends_with("\n44 0\n"));
    });
}

#[test]
fn wanted_peers_are_201_lines() {
    with(|tracker| {
        let page = text(tracker, Mode::NumWants);
        assert_eq!(page.lines().count(), 201);
        assert!(page.starts_with("000 => 0\n001 => 0\n"));
        assert!(page.contains("\n050 => 2\n"));
        assert!(page.ends_with("\n199 => 0\n200 => 1\n"));
    });
}

#[test]
fn everything_is_opentrackers_xml() {
    with(|tracker| {
        let page = text(tracker, Mode::Everything);
        let renewals: String = (0..45)
            .map(|minutes| {
                let count = match minutes {
                    1 => 2,
                    31 => 1,
                    _ => 0,
                };
                std::format!("      <count interval=\"{minutes:02}\">{count}</count>\n")
            })
            .collect();
        let expected = std::format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<stats>
  <tracker_id>{}</tracker_id>
  <version>
wrtracker {VERSION}
  </version>
  <uptime>7300</uptime>
  <torrents>
    <count_mutex>2</count_mutex>
    <count_iterator>2</count_iterator>
  </torrents>
  <peers>
    <count>3</count>
  </peers>
  <seeds>
    <count>2</count>
  </seeds>
  <completed>
    <count>1</count>
  </completed>
  <connections>
    <tcp>
      <accept>14600</accept>
      <announce>7301</announce>
      <scrape>14601</scrape>
    </tcp>
    <udp>
      <overall>73000</overall>
      <connect>7300</connect>
      <announce>14600</announce>
      <scrape>29200</scrape>
      <missmatch>6</missmatch>
    </udp>
    <livesync>
      <count>11</count>
    </livesync>
  </connections>
  <debug>
    <renew>
{renewals}    </renew>
    <http_error>
      <count code=\"302 Redirect\">20</count>
      <count code=\"400 Parse Error\">21</count>
      <count code=\"400 Invalid Parameter\">122</count>
      <count code=\"400 Invalid Parameter (compact=0)\">23</count>
      <count code=\"400 Not Modest\">24</count>
      <count code=\"402 Payment Required\">25</count>
      <count code=\"403 Access Denied\">26</count>
      <count code=\"404 Not found\">27</count>
      <count code=\"500 Internal Server Error\">28</count>
    </http_error>
    <mutex_stall>
      <count>0</count>
    </mutex_stall>
  </debug>
</stats>",
            tracker.id()
        );
        assert_eq!(page, expected);
    });
}

#[test]
fn the_memory_page_adds_up_to_the_limit() {
    with(|tracker| {
        let words = |page: &[u8]| -> Vec<(u64, String)> {
            let text = String::from_utf8(page.to_vec()).unwrap();
            let lines = text.lines().map(|line| line.split_once(' ').unwrap());
            lines
                .map(|(bytes, name)| (bytes.parse().unwrap(), name.to_string()))
                .collect()
        };
        // Of a host that said nothing: the swarms alone.
        let alone = words(&page(tracker, Mode::Memory, LARGEST_PAGE));
        assert_eq!(alone[0], (tracker.totals().bytes, "swarms".to_string()));
        let whole = alone[0].0 + 5_000;
        tracker.set_shares(&[("datagrams", 77), ("swarms", whole), ("the rest", 1)]);
        let lines = words(&page(tracker, Mode::Memory, LARGEST_PAGE));
        assert_eq!(lines[0], (whole + 78, "limit".to_string()));
        let sum = |inside: bool| -> u64 {
            let some = lines[1..]
                .iter()
                .filter(|line| line.1.contains(':') == inside);
            some.map(|line| line.0).sum()
        };
        assert_eq!((sum(false), sum(true)), (whole + 78, whole));
        assert!(
            lines.contains(&(4096, "swarms: torrents".to_string())),
            "{lines:?}"
        );
        assert!(
            lines.contains(&(5_000, "swarms: tables of pages".to_string())),
            "{lines:?}"
        );
    });
}

#[test]
fn json_has_every_counter_by_name() {
    with(|tracker| {
        let part = tracker.part(0);
        let store = part.store();
        let (bytes, free) = (store.bytes(), store.usage().free);
        assert!(free < bytes && bytes <= 4 << 14);
        let renewed: Vec<_> = tracker
            .counters
            .renewed
            .iter()
            .map(u64::to_string)
            .collect();
        let expected = std::format!(
            "{{\"name\":\"wrtracker\",\"version\":\"{VERSION}\",\"tracker_id\":{},\
             \"uptime\":7300,\"torrents\":2,\"peers\":3,\"seeders\":2,\"leechers\":1,\
             \"completed\":1,\
             \"connections\":{{\"tcp\":{{\"accepted\":14600,\"evicted\":4,\"timed_out\":5,\
             \"announces\":7301,\"scrapes\":14601,\"failures\":100}},\
             \"udp\":{{\"datagrams\":73000,\"ignored\":8,\"connects\":7300,\"announces\":14600,\
             \"scrapes\":29200,\"mismatches\":6,\"errors\":7}}}},\
             \"denied\":9,\
             \"http_errors\":{{\"redirect\":20,\"parse\":21,\"parameter\":22,\"compact\":23,\
             \"not_modest\":24,\"payment\":25,\"forbidden\":26,\"not_found\":27,\
             \"server\":28}},\
             \"full_scrapes\":{{\"count\":7300,\"bytes\":730000}},\
             \"livesync\":{{\"peers\":11}},\
             \"memory\":{{\"bytes\":{bytes},\"free\":{free},\"evicted_peers\":0,\
             \"refused_peers\":0,\"refused_torrents\":0}},\
             \"renewed\":[{}]}}\n",
            tracker.id(),
            renewed.join(","),
        );
        assert_eq!(text(tracker, Mode::Json), expected);
    });
}

#[test]
fn metrics_are_what_prometheus_takes() {
    with(|tracker| {
        let page = text(tracker, Mode::Metrics);
        let samples = text_format::parse(&page).unwrap();
        for (name, labels, value) in [
            ("wrtracker_uptime_seconds", "", 7_300),
            ("wrtracker_torrents", "", 2),
            ("wrtracker_peers", "status=seeder", 2),
            ("wrtracker_peers", "status=leecher", 1),
            ("wrtracker_completed_total", "", 1),
            ("wrtracker_announces_total", "protocol=http", 7_301),
            ("wrtracker_announces_total", "protocol=udp", 14_600),
            ("wrtracker_http_errors_total", "error=redirect", 20),
            ("wrtracker_http_errors_total", "error=server", 28),
            ("wrtracker_renewed_total", "minutes=1", 2),
            ("wrtracker_renewed_total", "minutes=31", 1),
            ("wrtracker_renewed_total", "minutes=44", 0),
            ("wrtracker_refused_total", "what=torrent", 0),
            ("wrtracker_build_info", "version=0.1.0", 1),
        ] {
            let found = samples.get(&(name.to_string(), labels.to_string()));
            assert_eq!(found, Some(&value), "{name} {labels}");
        }
        assert_eq!(samples.len(), 130);
    });
}

#[test]
fn pages_are_the_same_through_every_buffer() {
    with(|tracker| {
        for mode in PAGES {
            let whole = page(tracker, mode, LARGEST_PAGE);
            assert!(!whole.is_empty());
            for room in LARGEST_SECTION..=whole.len() + 1 {
                assert_eq!(page(tracker, mode, room), whole, "{mode:?} by {room}");
            }
        }
    });
}

#[test]
fn the_longest_pages_fit_a_reply_and_the_longest_sections_a_buffer() {
    with(|tracker| {
        let counters = &mut tracker.counters;
        for count in [
            &mut counters.udp_datagrams,
            &mut counters.udp_connects,
            &mut counters.udp_announces,
            &mut counters.udp_scrapes,
            &mut counters.udp_errors,
            &mut counters.udp_ignored,
            &mut counters.udp_mismatches,
            &mut counters.http_announces,
            &mut counters.http_scrapes,
            &mut counters.http_failures,
            &mut counters.full_scrapes,
            &mut counters.full_scrape_bytes,
            &mut counters.denied,
            &mut counters.completed,
            &mut counters.synced,
            &mut counters.connections,
            &mut counters.connections_evicted,
            &mut counters.connections_timed_out,
        ] {
            *count = u64::MAX;
        }
        counters.renewed.fill(u64::MAX);
        counters.wanted.fill(u32::MAX);
        counters.http_errors.fill(u64::MAX);
        tracker.set_started(Secs(0));
        let mut policy = tracker.policy().clone();
        policy.woodpeckers = true;
        tracker.set_policy(policy);
        for network in 0..=255 {
            for _ in 0..2 {
                let v6 = [0x2001, 0xffff, 0xffff, 0, 0, 0, 0, network].into();
                let ip = Ipv4Addr::new(255, 255, network as u8, 255);
                tracker.common.woodpeckers_mut().note(IpAddr::V6(v6), 600);
                tracker.common.woodpeckers_mut().note(ip.into(), 600);
            }
        }
        // What the store counts is short here and may be as long as this.
        let store_digits = 6 * 10 + 5 * 20;
        for mode in PAGES {
            let mut cursor = 0;
            let mut length = 0;
            let mut bytes = vec![0; 1 << 14];
            let mut out = Out::new(&mut bytes);
            assert_eq!(
                emit(mode, tracker, Secs(u32::MAX), &mut cursor, &mut out),
                Progress::Done
            );
            length += out.len();
            // That one is sent piece by piece.
            let most = if mode == Mode::Metrics {
                3 * LARGEST_PAGE
            } else {
                LARGEST_PAGE
            };
            assert!(length + store_digits <= most, "{mode:?}: {length}");
        }
    });
}

#[test]
fn networks_that_announce_too_often_are_listed_if_they_are_counted() {
    with(|tracker| {
        let empty = "Networks, limit /24:\n\n";
        assert_eq!(text(tracker, Mode::Woodpeckers), empty);
        let announce = |tracker: &mut Tracker<'_>, seconds| {
            let ip = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 9));
            let announce = Announce {
                info_hash: InfoHash([9; 20]),
                peer: PeerAddr::new(ip, NonZeroU16::MIN),
                peer_id: None,
                event: Event::None,
                left: None,
                downloaded: 0,
            };
            tracker.announce(&announce, NOW.plus(seconds)).unwrap();
        };
        announce(tracker, 0);
        announce(tracker, 120);
        assert_eq!(text(tracker, Mode::Woodpeckers), empty);
        let mut policy = tracker.policy().clone();
        policy.woodpeckers = true;
        tracker.set_policy(policy.clone());
        assert_eq!(text(tracker, Mode::Woodpeckers), empty);
        // The first two of these come too soon.
        for seconds in [240, 360, 390, 2_000] {
            announce(tracker, seconds);
        }
        let page = "Networks, limit /24:\n00000002: 198.51.100.0\n\n";
        assert_eq!(text(tracker, Mode::Woodpeckers), page);
        for _ in 0..120 {
            tracker.tick(NOW);
        }
        let page = "Networks, limit /24:\n00000001: 198.51.100.0\n\n";
        assert_eq!(text(tracker, Mode::Woodpeckers), page);
        policy.woodpeckers = false;
        tracker.set_policy(policy);
        assert_eq!(text(tracker, Mode::Woodpeckers), empty);
    });
}

#[test]
fn what_is_no_page_of_counters_writes_nothing() {
    with(|tracker| {
        for mode in [
            Mode::Busy,
            Mode::FullLog,
            Mode::Top10,
            Mode::S24s,
            Mode::Tpbs,
        ] {
            assert_eq!(page(tracker, mode, LARGEST_SECTION), b"");
        }
    });
}

#[test]
fn statistics_are_for_those_whom_the_policy_names() {
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    let mut policy = Policy::DEFAULT;
    for (text, right) in [
        ("192.0.2.1", Right::Stats),
        ("192.0.2.2", Right::All),
        ("192.0.2.3", Right::Proxy),
    ] {
        let network = Network::of(ip(text));
        policy.grants.push(Grant { network, right }).unwrap();
    }
    for (stats_for, admitted) in [
        (StatsFor::Everybody, [true; 4]),
        (StatsFor::Listed, [true, true, false, false]),
        (StatsFor::Nobody, [false; 4]),
    ] {
        policy.stats_for = stats_for;
        let found = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1"]
            .map(|text| allowed(&policy, ip(text)));
        assert_eq!(found, admitted, "{stats_for:?}");
    }
}

#[test]
fn an_id_tells_runs_apart() {
    let id = |random| {
        let mut memory = vec![0; 1 << 14];
        let tracker = Tracker::new(&mut memory, &Secrets::new(&[random; 40]), Policy::DEFAULT);
        tracker.unwrap().id()
    };
    assert_eq!(id(1), id(1));
    assert_ne!(id(1), id(2));
}

#[test]
fn error_classes_stand_where_the_pages_look() {
    assert_eq!(HttpError::Redirect as usize, 0);
    assert_eq!(HttpError::Compact as usize, 3);
    assert_eq!(HttpError::Forbidden as usize, 6);
    assert_eq!(HttpError::NotFound as usize, 7);
    assert_eq!(HttpError::Server as usize, 8);
}
