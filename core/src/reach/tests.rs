//! Who is told of whom, by a tracker with each kind of LAN.

use core::net::{IpAddr, SocketAddr};
use std::string::{String, ToString};
use std::vec;
use std::vec::Vec;

use super::{Scope, external, is_global_v4, is_global_v6, may_name};
use crate::answer::Answer;
use crate::network::Network;
use crate::policy::{Lan, Policy};
use crate::time::Secs;
use crate::tracker::{Announce, Event, Secrets, Tracker};
use crate::wire::{InfoHash, PeerAddr};

const NOW: Secs = Secs(1_000);

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A LAN of 192.168.77.0/24, fd77::/64 and the global 2001:db8:77::/64.
fn lan() -> Lan {
    let mut lan = Lan {
        public_v4: Some("203.0.113.1".parse().unwrap()),
        public_v6: Some("2001:db8:1::1".parse().unwrap()),
        own_v4: Some("192.168.77.1".parse().unwrap()),
        own_v6: Some("fd77::1".parse().unwrap()),
        ..Lan::UNKNOWN
    };
    for (text, bits) in [("192.168.77.0", 24), ("fd77::", 64), ("2001:db8:77::", 64)] {
        lan.networks
            .push(Network::new(ip(text), bits).unwrap())
            .unwrap();
    }
    lan
}

fn with(lan: Lan, test: impl FnOnce(&mut Tracker<'_>)) {
    let mut memory = vec![0; 1 << 16];
    let policy = Policy {
        lan,
        ..Policy::DEFAULT
    };
    test(&mut Tracker::new(&mut memory, &Secrets::new(&[1; 40]), policy).unwrap());
}

fn announce<'t, 'm>(tracker: &'t mut Tracker<'m>, peer: &str, event: Event) -> Answer<'t, 'm> {
    let peer: SocketAddr = peer.parse().unwrap();
    let announce = Announce {
        info_hash: InfoHash([7; 20]),
        peer: PeerAddr::new(peer.ip(), peer.port().try_into().unwrap()),
        peer_id: None,
        event,
        left: Some(1),
        downloaded: 0,
    };
    tracker.announce(&announce, NOW).unwrap()
}

/// The compact peers that `peer` gets from room for so many of each family, in order.
fn told(tracker: &mut Tracker<'_>, peer: &str, room: usize) -> Vec<String> {
    let peers = peers(&mut announce(tracker, peer, Event::None), room);
    announce(tracker, peer, Event::Stopped);
    peers
}

fn peers(answer: &mut Answer<'_, '_>, room: usize) -> Vec<String> {
    let mut v4 = vec![0; room * 6];
    let used = answer.choose_v4(&mut v4);
    let v4 = v4[..used].chunks(6).map(|peer| {
        let (ip, port) = peer.split_first_chunk::<4>().unwrap();
        SocketAddr::from((*ip, u16::from_be_bytes(port.try_into().unwrap())))
    });
    let mut peers: Vec<_> = v4.collect();
    let mut v6 = vec![0; room * 18];
    let used = answer.choose_v6(&mut v6);
    peers.extend(v6[..used].chunks(18).map(|peer| {
        let (ip, port) = peer.split_first_chunk::<16>().unwrap();
        SocketAddr::from((*ip, u16::from_be_bytes(port.try_into().unwrap())))
    }));
    peers.sort_unstable();
    peers.iter().map(ToString::to_string).collect()
}

/// Peers and askers of each scope, of each family.
const V4: [&str; 4] = ["198.51.100.5", "192.168.77.5", "169.254.0.5", "127.0.0.5"];
const V6: [&str; 4] = ["2001:db8:9::5", "fd77::5", "fe80::5", "::1"];

fn at(ip: &str, port: u16) -> String {
    SocketAddr::new(self::ip(ip), port).to_string()
}

#[test]
fn each_is_told_of_each_as_the_table_says() {
    let (public_v4, own_v4) = (Some("203.0.113.1"), Some("192.168.77.1"));
    let (public_v6, own_v6) = (Some("2001:db8:1::1"), Some("fd77::1"));
    for known in 0..4 {
        let (public_known, own_known) = (known & 1 != 0, known & 2 != 0);
        let mut lan = lan();
        if !public_known {
            (lan.public_v4, lan.public_v6) = (None, None);
        }
        if !own_known {
            (lan.own_v4, lan.own_v6) = (None, None);
        }
        for (family, public, own) in [(V4, public_v4, own_v4), (V6, public_v6, own_v6)] {
            let public = public.filter(|_| public_known);
            let own = own.filter(|_| own_known);
            for askers in [V4, V6] {
                let [world, of_lan, link, _] = family;
                let as_stored = family.map(Some);
                for (asker, expected) in askers.into_iter().zip([
                    // In the world, in the LAN, on a link, on the router.
                    [Some(world), public, None, public],
                    [Some(world), Some(of_lan), None, own.or(public)],
                    [Some(world), Some(of_lan), Some(link), own.or(public)],
                    as_stored,
                ]) {
                    for (stored, expected) in family.into_iter().zip(expected) {
                        with(lan.clone(), |tracker| {
                            announce(tracker, &at(stored, 7), Event::None);
                            let expected: Vec<_> =
                                expected.map(|ip| at(ip, 7)).into_iter().collect();
                            let got = told(tracker, &at(asker, 9), 50);
                            assert_eq!(got, expected, "{asker} of {stored}");
                        });
                    }
                }
            }
        }
    }
}

#[test]
fn without_a_lan_only_what_nobody_else_could_use_is_kept_back() {
    let private = [
        "10.1.2.3",
        "172.16.0.9",
        "192.168.1.9",
        "100.64.0.9",
        "fd00::9",
    ];
    for stored in V4.into_iter().chain(V6).chain(private) {
        for asker in V4.into_iter().chain(V6).chain(private) {
            let (of, to) = (
                Scope::of(ip(stored), &Lan::UNKNOWN),
                Scope::of(ip(asker), &Lan::UNKNOWN),
            );
            with(Lan::UNKNOWN, |tracker| {
                announce(tracker, &at(stored, 7), Event::None);
                let expected = if of > to { vec![] } else { vec![at(stored, 7)] };
                assert_eq!(
                    told(tracker, &at(asker, 9), 50),
                    expected,
                    "{asker} of {stored}"
                );
            });
        }
    }
}

#[test]
fn private_addresses_outside_the_lan_are_like_any() {
    with(lan(), |tracker| {
        announce(tracker, "10.0.0.5:7", Event::None);
        announce(tracker, "192.168.77.5:8", Event::None);
        for asker in ["10.0.0.6:9", "192.168.78.5:9"] {
            assert_eq!(told(tracker, asker, 50), ["10.0.0.5:7", "203.0.113.1:8"]);
        }
        let asker = "192.168.77.6:9";
        assert_eq!(told(tracker, asker, 50), ["10.0.0.5:7", "192.168.77.5:8"]);
    });
}

#[test]
fn a_global_prefix_of_the_lan_is_for_everybody_and_who_asks_from_it_is_inside() {
    with(lan(), |tracker| {
        announce(tracker, "[2001:db8:77::5]:7", Event::None);
        announce(tracker, "192.168.77.5:8", Event::None);
        announce(tracker, "[::1]:9", Event::None);
        let outside = told(tracker, "[2001:db8:9::1]:1", 50);
        assert_eq!(
            outside,
            ["203.0.113.1:8", "[2001:db8:1::1]:9", "[2001:db8:77::5]:7"]
        );
        let inside = told(tracker, "[2001:db8:77::6]:1", 50);
        assert_eq!(
            inside,
            ["192.168.77.5:8", "[2001:db8:77::5]:7", "[fd77::1]:9"]
        );
    });
}

#[test]
fn who_comes_from_the_public_address_is_inside_and_stored_there() {
    with(lan(), |tracker| {
        announce(tracker, "192.168.77.5:7", Event::None);
        announce(tracker, "203.0.113.1:8", Event::None);
        assert_eq!(
            told(tracker, "203.0.113.1:9", 50),
            ["192.168.77.5:7", "203.0.113.1:8"]
        );
        assert_eq!(
            told(tracker, "[2001:db8:1::1]:9", 50),
            ["192.168.77.5:7", "203.0.113.1:8"]
        );
        assert_eq!(
            told(tracker, "198.51.100.1:9", 50),
            ["203.0.113.1:7", "203.0.113.1:8"]
        );
    });
}

#[test]
fn peers_that_look_the_same_are_told_once() {
    with(lan(), |tracker| {
        for peer in [
            "192.168.77.5:7",
            "192.168.77.6:7",
            "192.168.77.7:8",
            "127.0.0.1:7",
        ] {
            announce(tracker, peer, Event::None);
        }
        for peer in [
            "203.0.113.1:7",
            "203.0.113.1:1031",
            "192.168.77.1:8",
            "198.51.100.7:7",
        ] {
            announce(tracker, peer, Event::None);
        }
        assert_eq!(
            told(tracker, "198.51.100.1:9", 50),
            [
                "198.51.100.7:7",
                "203.0.113.1:7",
                "203.0.113.1:8",
                "203.0.113.1:1031"
            ]
        );
        let inside = told(tracker, "192.168.77.9:9", 50);
        assert_eq!(inside.len(), 8, "{inside:?}");
        announce(tracker, "127.0.0.1:8", Event::None);
        assert_eq!(told(tracker, "192.168.77.9:9", 50), inside);
    });
}

#[test]
fn a_large_swarm_with_a_few_unreachable_peers_still_fills_a_reply() {
    for (strangers, wanted, least) in [(300, 200, 200), (300, 1, 1), (30_000, 200, 200)] {
        with(Lan::UNKNOWN, |tracker| {
            for number in 0..strangers {
                let peer = at("198.51.100.5", 1_000 + number);
                announce(tracker, &peer, Event::None);
            }
            for number in 0..20 {
                announce(tracker, &at("127.0.0.1", 1_000 + number), Event::None);
            }
            for _ in 0..50 {
                let mut got = told(tracker, "192.0.2.1:9", wanted);
                assert!(got.len() >= least, "{} of {wanted}", got.len());
                assert!(got.iter().all(|peer| peer.starts_with("198.51.100.5:")));
                got.dedup();
                assert!(got.len() >= least, "doubled peers");
            }
        });
    }
}

#[test]
fn all_peers_of_a_reply_may_be_behind_one_address() {
    with(lan(), |tracker| {
        for number in 0..250u16 {
            let peer = std::format!("192.168.77.{number}:{}", 1_000 + number % 240);
            announce(tracker, &peer, Event::None);
        }
        let mut got = told(tracker, "198.51.100.1:9", 240);
        let count = got.len();
        assert!(count > 200, "{count}");
        got.dedup();
        assert_eq!(got.len(), count);
        assert!(got.iter().all(|peer| peer.starts_with("203.0.113.1:")));
    });
}

#[test]
fn a_lan_that_becomes_known_holds_for_peers_stored_before() {
    with(Lan::UNKNOWN, |tracker| {
        announce(tracker, "192.168.77.5:7", Event::None);
        assert_eq!(told(tracker, "198.51.100.1:9", 50), ["192.168.77.5:7"]);
        let policy = Policy {
            lan: lan(),
            ..tracker.policy().clone()
        };
        tracker.set_policy(policy);
        assert_eq!(told(tracker, "198.51.100.1:9", 50), ["203.0.113.1:7"]);
        assert_eq!(told(tracker, "192.168.77.6:9", 50), ["192.168.77.5:7"]);
        tracker.set_policy(Policy::DEFAULT);
        assert_eq!(told(tracker, "198.51.100.1:9", 50), ["192.168.77.5:7"]);
    });
}

#[test]
fn nothing_is_looked_at_again_as_long_as_all_peers_are_of_the_world() {
    with(lan(), |tracker| {
        for peer in ["198.51.100.7:7", "10.0.0.1:7", "[2001:db8:77::5]:7"] {
            assert!(announce(tracker, peer, Event::None).changes.is_none());
        }
        let changed = |tracker: &mut Tracker<'_>, peer: &str| {
            announce(tracker, peer, Event::None).changes.is_some()
        };
        assert!(!changed(tracker, "192.168.77.5:7"));
        assert!(changed(tracker, "198.51.100.7:7"));
        // The LAN is told of itself as it is.
        assert!(!changed(tracker, "192.168.77.5:7"));
        assert!(!changed(tracker, "127.0.0.1:7"));
        assert!(changed(tracker, "192.168.77.5:7"));
        // Until nobody is left.
        let peers = ["198.51.100.7:7", "10.0.0.1:7", "[2001:db8:77::5]:7"];
        for peer in peers.into_iter().chain(["192.168.77.5:7", "127.0.0.1:7"]) {
            announce(tracker, peer, Event::Stopped);
        }
        tracker.tick(NOW);
        assert!(!changed(tracker, "198.51.100.7:7"));
    });
}

#[test]
fn an_announcer_is_shown_what_it_can_reach_from_where_it_is() {
    with(lan(), |tracker| {
        announce(tracker, "192.168.77.5:7", Event::None);
        // It says that it is in the LAN, or even on the router, and isn't.
        for said in ["192.168.77.6:9", "127.0.0.1:9"] {
            let told = {
                let mut answer = announce(tracker, said, Event::None);
                answer.show_to(ip("198.51.100.1"));
                peers(&mut answer, 50)
            };
            assert!(told.contains(&"203.0.113.1:7".into()));
            announce(tracker, said, Event::Stopped);
        }
        let mut answer = announce(tracker, "198.51.100.1:9", Event::None);
        answer.show_to(ip("192.168.77.6"));
        assert_eq!(peers(&mut answer, 50), ["192.168.77.5:7"]);
    });
}

#[test]
fn nobody_names_an_address_nearer_than_its_own() {
    let lan = lan();
    for (source, named, may) in [
        ("198.51.100.1", "198.51.100.2", true),
        ("198.51.100.1", "10.0.0.1", true),
        ("198.51.100.1", "192.168.77.5", false),
        ("198.51.100.1", "169.254.0.5", false),
        ("198.51.100.1", "127.0.0.1", false),
        ("198.51.100.1", "fe80::1", false),
        ("198.51.100.1", "::1", false),
        ("192.168.77.5", "198.51.100.1", true),
        ("192.168.77.5", "fd77::5", true),
        ("192.168.77.5", "127.0.0.1", false),
        ("2001:db8:77::5", "192.168.77.5", true),
        ("203.0.113.1", "192.168.77.5", true),
        ("127.0.0.1", "192.168.77.5", true),
        ("127.0.0.1", "::1", true),
        ("169.254.0.5", "169.254.0.5", true),
    ] {
        assert_eq!(
            may_name(ip(source), ip(named), &lan),
            may,
            "{source} {named}"
        );
    }
}

#[test]
fn those_inside_are_known_outside_by_the_public_address() {
    let lan = lan();
    for (from, expected) in [
        ("198.51.100.1", "198.51.100.1"),
        ("192.168.77.5", "203.0.113.1"),
        ("127.0.0.1", "203.0.113.1"),
        ("169.254.0.1", "203.0.113.1"),
        ("10.0.0.1", "10.0.0.1"),
        ("fd77::5", "2001:db8:1::1"),
        ("2001:db8:77::5", "2001:db8:77::5"),
    ] {
        assert_eq!(external(ip(from), &lan), ip(expected), "{from}");
        assert_eq!(external(ip(from), &Lan::UNKNOWN), ip(from));
    }
}

#[test]
fn the_internet_is_told_from_what_is_not() {
    for (text, global) in [
        ("0.255.255.255", false),
        ("1.0.0.0", true),
        ("9.255.255.255", true),
        ("10.0.0.0", false),
        ("10.255.255.255", false),
        ("11.0.0.0", true),
        ("100.63.255.255", true),
        ("100.64.0.0", false),
        ("100.127.255.255", false),
        ("100.128.0.0", true),
        ("126.255.255.255", true),
        ("127.0.0.1", false),
        ("128.0.0.0", true),
        ("169.253.255.255", true),
        ("169.254.0.0", false),
        ("169.255.0.0", true),
        ("172.15.255.255", true),
        ("172.16.0.0", false),
        ("172.31.255.255", false),
        ("172.32.0.0", true),
        ("192.0.0.1", false),
        ("192.0.1.0", true),
        ("192.167.255.255", true),
        ("192.168.0.0", false),
        ("192.169.0.0", true),
        ("198.17.255.255", true),
        ("198.18.0.0", false),
        ("198.20.0.0", true),
        ("203.0.113.1", true),
        ("223.255.255.255", true),
        ("224.0.0.0", false),
        ("255.255.255.255", false),
        ("::1", false),
        ("1fff::", false),
        ("2000::", true),
        ("3fff::", true),
        ("4000::", false),
        ("fc00::", false),
        ("fe80::1", false),
        ("ff02::1", false),
    ] {
        let is = match ip(text) {
            IpAddr::V4(ip) => is_global_v4(ip),
            IpAddr::V6(ip) => is_global_v6(ip),
        };
        assert_eq!(is, global, "{text}");
    }
}
