//! Who is told of whom, against a plain reading of the rules, for random LANs, peers and askers.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use proptest::prelude::*;
use proptest::sample::{Index, select};
use wrtracker_core::network::Network;
use wrtracker_core::policy::{Lan, Policy};
use wrtracker_core::time::Secs;
use wrtracker_core::tracker::{Announce, Event, Secrets, Tracker};
use wrtracker_core::wire::{InfoHash, PeerAddr};

const PUBLIC: [&str; 2] = ["203.0.113.1", "2001:db8:1::1"];
const OWN: [&str; 2] = ["192.168.77.1", "fd77::1"];
/// A network, and whether its addresses mean something only inside.
const NETWORKS: [(&str, u8, bool); 5] = [
    ("192.168.77.0", 24, true),
    ("10.0.0.0", 8, true),
    ("198.51.100.0", 25, false),
    ("fd77::", 64, true),
    ("2001:db8:77::", 64, false),
];
const IPS: [&str; 24] = [
    "127.0.0.1",
    "127.8.8.8",
    "169.254.1.1",
    "169.254.1.2",
    "192.168.77.1",
    "192.168.77.5",
    "192.168.77.6",
    "192.168.78.5",
    "10.1.2.3",
    "10.1.2.4",
    "100.64.0.1",
    "198.51.100.5",
    "198.51.100.200",
    "203.0.113.1",
    "203.0.113.9",
    "::1",
    "fe80::1",
    "fe80::2",
    "fd77::1",
    "fd77::5",
    "fd78::5",
    "2001:db8:77::5",
    "2001:db8:1::1",
    "2001:db8:9::9",
];

#[derive(Clone, Debug)]
struct Case {
    networks: Vec<Index>,
    public: [bool; 2],
    own: [bool; 2],
    peers: BTreeSet<SocketAddr>,
    asker: &'static str,
    room: usize,
}

fn cases() -> impl Strategy<Value = Case> {
    let peer = (select(&IPS[..]), 1_u16..6).prop_map(|(ip, port)| SocketAddr::new(parse(ip), port));
    (
        prop::collection::vec(any::<Index>(), 0..4),
        any::<[bool; 2]>(),
        any::<[bool; 2]>(),
        prop::collection::btree_set(peer, 0..60),
        select(&IPS[..]),
        1_usize..80,
    )
        .prop_map(|(networks, public, own, peers, asker, room)| Case {
            networks,
            public,
            own,
            peers,
            asker,
            room,
        })
}

fn parse(ip: &str) -> IpAddr {
    ip.parse().expect("an address")
}

impl Case {
    fn lan(&self) -> Lan {
        let mut lan = Lan::UNKNOWN;
        for index in &self.networks {
            let (ip, bits, _) = index.get(&NETWORKS);
            let network = Network::new(parse(ip), *bits).expect("bits");
            lan.networks.push(network).expect("room");
        }
        let known = |known: bool, ip: &str| known.then(|| parse(ip));
        let v4 = |ip| match ip {
            Some(IpAddr::V4(ip)) => Some(ip),
            _ => None,
        };
        let v6 = |ip| match ip {
            Some(IpAddr::V6(ip)) => Some(ip),
            _ => None,
        };
        lan.public_v4 = v4(known(self.public[0], PUBLIC[0]));
        lan.public_v6 = v6(known(self.public[1], PUBLIC[1]));
        lan.own_v4 = v4(known(self.own[0], OWN[0]));
        lan.own_v6 = v6(known(self.own[1], OWN[1]));
        lan
    }

    /// Whether `ip` is in the LAN, by its text, and whether that means something only there.
    fn in_lan(&self, ip: &str) -> Option<bool> {
        let prefixes = ["192.168.77.", "10.", "198.51.100.", "fd77:", "2001:db8:77:"];
        let mut found = None;
        for index in &self.networks {
            let nth = index.index(NETWORKS.len());
            if ip.starts_with(prefixes[nth]) && ip != "198.51.100.200" {
                found = Some(NETWORKS[nth].2);
            }
        }
        found
    }

    /// What is told of a peer at `ip`, by the rules as people say them.
    fn told(&self, ip: &str) -> Option<&str> {
        let family = usize::from(ip.contains(':'));
        let public = self.public[family].then_some(PUBLIC[family]);
        let own = self.own[family].then_some(OWN[family]);
        let is_router = |ip: &str| ip.starts_with("127.") || ip == "::1";
        let is_link = |ip: &str| ip.starts_with("169.254.") || ip.starts_with("fe80:");
        let from_public = (0..2).any(|n| self.public[n] && self.asker == PUBLIC[n]);
        let inside = is_link(self.asker) || self.in_lan(self.asker).is_some() || from_public;
        if is_router(self.asker) {
            // The router reaches everything.
            IPS.into_iter().find(|&known| known == ip)
        } else if is_router(ip) {
            if inside { own.or(public) } else { public }
        } else if is_link(ip) {
            let on_link = is_link(self.asker);
            IPS.into_iter().find(|&known| known == ip && on_link)
        } else if self.in_lan(ip) == Some(true) && !inside {
            public
        } else {
            IPS.into_iter().find(|&known| known == ip)
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn everybody_is_told_what_the_rules_say(case in cases()) {
        let mut memory = vec![0; 1 << 14];
        let policy = Policy { lan: case.lan(), ..Policy::DEFAULT };
        let secrets = Secrets::new(&[3; 40]);
        let mut tracker = Tracker::new(&mut memory, &secrets, policy).expect("memory");
        let announce = |peer: SocketAddr| Announce {
            info_hash: InfoHash([1; 20]),
            peer: PeerAddr::new(peer.ip(), peer.port().try_into().expect("a port")),
            peer_id: None,
            event: Event::None,
            left: Some(1),
            downloaded: 0,
        };
        for &peer in &case.peers {
            tracker.announce(&announce(peer), Secs(1)).expect("no lists");
        }
        // On a port that nobody else has.
        let asking = announce(SocketAddr::new(parse(case.asker), 99));
        let mut answer = tracker.announce(&asking, Secs(1)).expect("no lists");
        let expected: BTreeSet<SocketAddr> = case
            .peers
            .iter()
            .filter_map(|peer| {
                let ip = IPS.into_iter().find(|ip| parse(ip) == peer.ip()).expect("known");
                Some(SocketAddr::new(parse(case.told(ip)?), peer.port()))
            })
            .collect();
        for v6 in [false, true] {
            let expected: BTreeSet<_> =
                expected.iter().copied().filter(|peer| peer.is_ipv6() == v6).collect();
            let size = if v6 { 18 } else { 6 };
            let mut out = vec![0; case.room * size];
            let used = if v6 {
                answer.choose_v6(&mut out)
            } else {
                answer.choose_v4(&mut out)
            };
            prop_assert_eq!(used % size, 0);
            let told: BTreeSet<SocketAddr> = out[..used].chunks(size).map(compact).collect();
            prop_assert_eq!(told.len(), used / size, "doubled peers");
            prop_assert!(told.is_subset(&expected), "{:?} {:?}", told, expected);
            prop_assert_eq!(told.len(), expected.len().min(case.room));
        }
    }
}

fn compact(peer: &[u8]) -> SocketAddr {
    let (ip, port) = peer.split_last_chunk::<2>().expect("a port");
    let ip = match <[u8; 4]>::try_from(ip) {
        Ok(octets) => IpAddr::from(octets),
        Err(_) => IpAddr::from(<[u8; 16]>::try_from(ip).expect("an address")),
    };
    SocketAddr::new(ip, u16::from_be_bytes(*port))
}
