//! The configuration of the firmware, which has no tests of its own where it is built.

use std::net::{IpAddr, Ipv4Addr};

use wrtracker_core::bare::{Ipv4, Ipv6};
use wrtracker_core::policy::{FullScrape, Policy, Right, StatsFor};

// As the firmware has it.
#[allow(unreachable_pub, missing_docs, dead_code)]
#[path = "../firmware/src/config.rs"]
mod config;

use config::{Config, List, NAMES};

/// What a text comes to, and the complaints.
fn read(text: &str) -> (Config, Vec<String>) {
    let mut complaints = Vec::new();
    let mut config = Config::DEFAULT;
    config.read(text.as_bytes(), |line, name, wrong| {
        complaints.push(format!("{line} {name}: {wrong}"));
    });
    (config, complaints)
}

#[test]
fn an_empty_page_is_the_default() {
    for text in ["", "\n\n", "# nothing\n", "  \t # nothing"] {
        let (config, complaints) = read(text);
        assert_eq!((config.policy, complaints), (Policy::DEFAULT, vec![]));
        assert_eq!(config.setup, Config::DEFAULT.setup);
    }
}

#[test]
fn directives_are_those_of_the_program_for_linux() {
    let linux: Vec<&str> = wrtracker::options::table()
        .filter_map(|entry| entry.directive)
        .collect();
    for name in NAMES {
        let own = name.starts_with("device.");
        assert!(own || linux.contains(name), "{name}");
        // Each of them wants a value, and knows its own name.
        let (_, complaints) = read(name);
        assert_eq!(complaints, [format!("1 {name}: the value is missing")]);
        let (_, complaints) = read(&format!("{name} \u{e9}"));
        assert_eq!(complaints.len(), 1, "{name}: {complaints:?}");
        assert!(
            !complaints[0].contains("no such directive"),
            "{complaints:?}"
        );
    }
}

#[test]
fn all_that_can_be_set_is_set() {
    let (config, complaints) = read(
        "tracker.interval 10m\ntracker.interval_jitter 5s\ntracker.interval_most 1h\n\
         tracker.interval_swarm 7\ntracker.interval_load 8\ntracker.peer_timeout 2h\n\
         tracker.torrent_timeout 2d\ntracker.numwant 20\ntracker.numwant_most 100\n\
         tracker.numwant_most_udp6 50\ntracker.most_peers 1000\n\
         tracker.most_peers_per_torrent 100\ntracker.ip_from_query on\n\
         tracker.fullscrape modest\ntracker.fullscrape_pause 1m\n\
         access.stats 192.0.2.0/24\naccess.fullscrape 2001:db8::1 # us\n\
         access.blacklist flash\ntracker.memory 100K\nlisten.tcp_udp 0.0.0.0:80\n\
         device.mac 02:00:00:0a:0b:0c\ndevice.address 192.0.2.9/24\ndevice.router 192.0.2.1\n\
         device.address 2001:db8::9/64\n",
    );
    assert_eq!(complaints, Vec::<String>::new());
    let policy = &config.policy;
    assert_eq!(
        (
            policy.interval,
            policy.interval_jitter,
            policy.interval_most
        ),
        (600, 5, 3600)
    );
    assert_eq!((policy.interval_swarm, policy.interval_load), (7, 8));
    assert_eq!(
        (policy.peer_timeout, policy.torrent_timeout),
        (7200, 172_800)
    );
    let wanted = (
        policy.default_wanted,
        policy.most_wanted,
        policy.most_wanted_udp_v6,
    );
    assert_eq!(wanted, (20, 100, 50));
    assert_eq!(
        (policy.most_peers, policy.most_peers_per_torrent),
        (1000, 100)
    );
    assert!(policy.ip_from_query && policy.full_scrape_listed);
    assert_eq!(
        (policy.full_scrape, policy.full_scrape_pause),
        (FullScrape::Modest, 60)
    );
    assert_eq!(policy.stats_for, StatsFor::Listed);
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    assert!(policy.allows(ip("192.0.2.77"), Right::Stats));
    assert!(policy.allows(ip("2001:db8::1"), Right::FullScrape));
    assert!(!policy.allows(ip("2001:db8::2"), Right::FullScrape));
    assert_eq!(
        (config.list, config.memory, config.setup.port),
        (List::Black, 102_400, 80)
    );
    assert_eq!(config.setup.mac, [2, 0, 0, 10, 11, 12]);
    let ipv4 = Ipv4::Static {
        address: Ipv4Addr::new(192, 0, 2, 9),
        bits: 24,
        router: Some(Ipv4Addr::new(192, 0, 2, 1)),
    };
    assert_eq!(config.setup.ipv4, ipv4);
    assert_eq!(
        config.setup.ipv6.address,
        Some(("2001:db8::9".parse().unwrap(), 64))
    );
    assert!(config.setup.ipv6.automatic);
    assert_eq!(read("device.address no-ipv6").0.setup.ipv6, Ipv6::OFF);
    assert_eq!(read("device.address no-ipv4").0.setup.ipv4, Ipv4::Off);
}

#[test]
fn wrong_lines_are_named_and_change_nothing() {
    for (line, why) in [
        ("tracker.intervall 5", "no such directive"),
        ("tracker.interval 0", "not a time from 1 to 25200 seconds"),
        ("tracker.interval 8h", "not a time from 1 to 25200 seconds"),
        ("tracker.interval +5", "not a time from 1 to 25200 seconds"),
        (
            "tracker.interval 99999999999d",
            "not a time from 1 to 25200 seconds",
        ),
        ("tracker.numwant 201", "not a whole number from 0 to 200"),
        ("tracker.numwant 5 6", "not a whole number from 0 to 200"),
        ("tracker.fullscrape maybe", "not one of on|off|modest"),
        (
            "access.stats 192.0.2.0/33",
            "not an address or network such as 192.0.2.0/24",
        ),
        (
            "access.whitelist /etc/list",
            "the only list is the one in flash: say flash",
        ),
        (
            "tracker.memory 35K",
            "not a number of bytes such as 50000 or 100K, from 36K",
        ),
        (
            "tracker.memory 5000000K",
            "not a number of bytes such as 50000 or 100K, from 36K",
        ),
        ("listen.tcp_udp 0.0.0.0:0", "not a port from 1 to 65535"),
        (
            "listen.tcp_udp 6969",
            "it listens on all its addresses: say 0.0.0.0 and a port",
        ),
        (
            "device.mac 02:00:00:00:00",
            "not a MAC address such as 02:00:00:00:00:01",
        ),
        (
            "device.mac 02:00:00:00:00:01:02",
            "not a MAC address such as 02:00:00:00:00:01",
        ),
        (
            "device.address 192.0.2.1",
            "not an address or network such as 192.0.2.0/24",
        ),
        ("device.router gateway", "not an address"),
        ("device.random 00", "not 80 hexadecimal digits"),
        ("\u{feff}", "no such directive"),
    ] {
        let (config, complaints) = read(line);
        assert_eq!(complaints.len(), 1, "{line}: {complaints:?}");
        let (_, reason) = complaints[0].split_once(": ").unwrap();
        assert_eq!(reason, why, "{line}");
        assert_eq!(
            (config.policy, config.setup),
            (Policy::DEFAULT, Config::DEFAULT.setup),
            "{line}"
        );
    }
    let mut complaints = 0;
    Config::DEFAULT
        .clone()
        .read(b"\xff\xfe\ntracker.interval 60\n\x80", |_, _, _| {
            complaints += 1;
        });
    assert_eq!(complaints, 2);
}

#[test]
fn what_does_not_go_together_is_made_to() {
    let (config, complaints) = read("tracker.interval 60\ntracker.interval_jitter 60");
    assert_eq!(config.policy.interval_jitter, 0);
    assert_eq!(complaints.len(), 1, "{complaints:?}");
    let (config, complaints) = read("tracker.peer_timeout 30m");
    assert_eq!(config.policy.peer_timeout, 2 * 1980);
    assert_eq!(complaints.len(), 1, "{complaints:?}");
    let (config, complaints) = read("tracker.interval 7h\ntracker.numwant_most 10");
    assert_eq!(
        (config.policy.peer_timeout, config.policy.default_wanted),
        (28_800, 10)
    );
    assert_eq!(
        (config.policy.most_wanted_udp_v6, complaints.len()),
        (10, 0)
    );
    let (config, complaints) = read("device.address 192.0.2.255/24\nlisten.tcp_udp 0.0.0.0:80");
    assert_eq!(config.setup, Config::DEFAULT.setup);
    let why =
        "0 device.*: 192.0.2.255 can't be a device's address in its network: the default holds";
    assert_eq!(complaints, [why]);
}
