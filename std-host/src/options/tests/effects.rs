//! Every directive does what it says.

use core::net::Ipv4Addr;
use std::path::Path;

use wrtracker_core::access::Mode;
use wrtracker_core::policy::{FullScrape, Gzip, Policy, ProxyHeader, Right, StatsFor};

use crate::conf;
use crate::options::table;
use crate::settings::{Listen, LogLevel, LogTo, Settings};
use crate::size::Bytes;

type Effect = fn(&Settings, &Policy) -> bool;

/// A line for each directive, and what must hold then and not without it.
const EFFECTS: &[(&str, Effect)] = &[
    ("api.token read a-token-of-the-tests", |_, policy| {
        policy.api_tokens.len() == 1
    }),
    (
        "api.listen 1.2.3.4\napi.token admin a-token-of-the-tests",
        |settings, _| {
            settings.api_listen
                == [Listen {
                    port: 1212,
                    ..at(true, false)
                }]
        },
    ),
    #[cfg(feature = "tls")]
    (
        "api.tls 1.2.3.4\napi.token admin a-token-of-the-tests\n\
         tls.certificate c\ntls.key k",
        |settings, _| {
            settings.api_listeners()
                == [Listen {
                    port: 1212,
                    tls: true,
                    ..at(true, false)
                }]
        },
    ),
    #[cfg(feature = "tls")]
    (
        "listen.tls 1.2.3.4\ntls.certificate c\ntls.key k",
        |settings, _| {
            settings.listen
                == [Listen {
                    port: 443,
                    tls: true,
                    ..at(true, false)
                }]
        },
    ),
    #[cfg(feature = "tls")]
    (
        "tls.certificate c\ntls.key k\nlisten.tls 1.2.3.4",
        |settings, _| settings.tls_certificate.as_deref() == Some(Path::new("c")),
    ),
    #[cfg(feature = "tls")]
    (
        "tls.key k\ntls.certificate c\nlisten.tls 1.2.3.4",
        |settings, _| settings.tls_key.as_deref() == Some(Path::new("k")),
    ),
    ("api.whitelist_entries 7", |settings, _| {
        settings.api_whitelist_entries == Some(7)
    }),
    ("api.status torrust", |_, policy| {
        policy.api_torrust_statuses
    }),
    ("listen.tcp_udp 1.2.3.4:5", |settings, _| {
        settings.listen == [at(true, true)]
    }),
    ("listen.tcp 1.2.3.4:5", |settings, _| {
        settings.listen == [at(true, false)]
    }),
    ("listen.udp 1.2.3.4:5", |settings, _| {
        settings.listen == [at(false, true)]
    }),
    ("listen.udp.workers 64", |settings, _| {
        settings.udp_workers == 64
    }),
    ("tracker.memory 8M", |settings, _| {
        settings.memory == Some(Bytes(8 << 20))
    }),
    ("tracker.user _me", |settings, _| {
        settings.user.as_deref() == Some("_me")
    }),
    ("tracker.rootdir /a b", |settings, _| {
        settings.rootdir.as_deref() == Some(Path::new("/a b"))
    }),
    ("tracker.redirect_url http://x/#y # z", |_, policy| {
        policy.redirect == "http://x/#y"
    }),
    ("access.whitelist /w # all of them", |settings, _| {
        settings.whitelist.as_deref() == Some(Path::new("/w"))
    }),
    ("tracker.mode public # to all", |settings, _| {
        settings.mode == Some(Mode::Public)
    }),
    #[cfg(feature = "private")]
    ("tracker.mode private", |settings, policy| {
        settings.mode == Some(Mode::Private)
            && policy.full_scrape_listed
            && policy.stats_for == StatsFor::Listed
    }),
    ("access.keys k", |settings, _| {
        settings.keys.as_deref() == Some(Path::new("k"))
    }),
    ("access.key_entries 7", |settings, _| {
        settings.key_entries == Some(7)
    }),
    #[cfg(feature = "signed")]
    (
        "access.signed_by __________________________________________8",
        |settings, policy| {
            settings.mode() == Mode::Listed && policy.stored_is_signed && policy.signers.len() == 1
        },
    ),
    ("access.blacklist b", |settings, _| {
        settings.blacklist.as_deref() == Some(Path::new("b"))
    }),
    ("access.entries 5", |settings, _| {
        settings.access_entries == Some(5)
    }),
    ("access.watch on", |settings, _| settings.watch),
    ("access.fifo_add a", |settings, _| {
        settings.fifo_add.as_deref() == Some(Path::new("a"))
    }),
    ("access.fifo_delete d", |settings, _| {
        settings.fifo_delete.as_deref() == Some(Path::new("d"))
    }),
    ("access.udp_reject_interval 6h", |_, policy| {
        policy.udp_refusal_interval == Some(21_600)
    }),
    ("access.stats 192.0.2.0/24", |_, policy| {
        granted(policy, Right::Stats) && policy.stats_for == StatsFor::Listed
    }),
    ("access.stats_for nobody", |_, policy| {
        policy.stats_for == StatsFor::Nobody
    }),
    ("access.stats_path my/stats", |_, policy| {
        policy.stats_path() == "my/stats"
    }),
    ("access.fullscrape 192.0.2.0/24", |_, policy| {
        granted(policy, Right::FullScrape) && policy.full_scrape_listed
    }),
    ("tracker.fullscrape modest", |_, policy| {
        policy.full_scrape == FullScrape::Modest
    }),
    ("tracker.fullscrape_pause 1m", |_, policy| {
        policy.full_scrape_pause == 60
    }),
    ("tracker.gzip always", |_, policy| {
        policy.gzip == Gzip::Always
    }),
    ("access.proxy 192.0.2.0/24", |_, policy| {
        granted(policy, Right::Proxy) && policy.stats_for == StatsFor::Everybody
    }),
    ("access.proxy_header forwarded", |_, policy| {
        policy.proxy_header == ProxyHeader::Forwarded
    }),
    ("tracker.ip_from_query on", |_, policy| policy.ip_from_query),
    ("tracker.interval 60", |_, policy| {
        policy.interval == 60 && policy.interval_jitter == 6 && policy.interval_most == 60
    }),
    ("tracker.interval_jitter 0", |_, policy| {
        policy.interval_jitter == 0
    }),
    ("tracker.interval_most 2h", |_, policy| {
        policy.interval_most == 7_200 && policy.peer_timeout == 10_800
    }),
    ("tracker.interval_swarm 9", |_, policy| {
        policy.interval_swarm == 9
    }),
    ("tracker.interval_load 9", |_, policy| {
        policy.interval_load == 9
    }),
    ("tracker.peer_timeout 8h", |_, policy| {
        policy.peer_timeout == 28_800
    }),
    ("tracker.torrent_timeout 9", |_, policy| {
        policy.torrent_timeout == 9
    }),
    ("tracker.numwant 200", |_, policy| {
        policy.default_wanted == 200
    }),
    ("tracker.numwant_most 30", |_, policy| {
        (
            policy.most_wanted,
            policy.default_wanted,
            policy.most_wanted_udp_v6,
        ) == (30, 30, 30)
    }),
    ("tracker.numwant_most_udp6 9", |_, policy| {
        policy.most_wanted_udp_v6 == 9
    }),
    ("tracker.most_peers 9", |_, policy| policy.most_peers == 9),
    ("tracker.most_peers_per_torrent 9", |_, policy| {
        policy.most_peers_per_torrent == 9
    }),
    ("tracker.decoys 100", |_, policy| policy.decoys == 100),
    ("tracker.decoys_most 200", |_, policy| {
        policy.decoys_most == 200
    }),
    ("stats.woodpeckers on", |_, policy| policy.woodpeckers),
    ("lan.network 192.0.2.0/24", |settings, policy| {
        policy.lan.networks.len() == 1 && !settings.lan_auto.networks
    }),
    ("lan.public_address 192.0.2.1", |settings, policy| {
        policy.lan.public_v4 == Some(Ipv4Addr::new(192, 0, 2, 1))
            && !settings.lan_auto.public_address
    }),
    ("livesync.cluster.listen 1.2.3.4", |settings, _| {
        settings.live_sync == "1.2.3.4:9696".parse().ok()
    }),
    ("livesync.cluster.node_ip 192.0.2.0/24", |_, policy| {
        granted(policy, Right::Sync)
    }),
    ("state.file s", |settings, _| {
        settings.state_file.as_deref() == Some(Path::new("s"))
    }),
    (
        "state.grants g\napi.token read a-token-of-the-tests",
        |settings, _| settings.grants_file.as_deref() == Some(Path::new("g")),
    ),
    ("state.interval 1d", |settings, _| {
        settings.state_interval == 86_400
    }),
    ("state.peers_file p", |settings, _| {
        settings.peers_file.as_deref() == Some(Path::new("p"))
    }),
    ("log.to syslog", |settings, _| {
        settings.log_to == LogTo::Syslog
    }),
    ("log.level debug", |settings, _| {
        settings.log_level == LogLevel::Debug
    }),
    ("log.completed on", |_, policy| policy.tell_completed),
    ("log.requests 192.0.2.0/24", |_, policy| {
        policy.log_requests.len() == 1
    }),
];

fn at(tcp: bool, udp: bool) -> Listen {
    Listen {
        tcp,
        udp,
        ip: "1.2.3.4".parse().ok(),
        port: 5,
        mode: None,
        tls: false,
    }
}

fn granted(policy: &Policy, right: Right) -> bool {
    let ip = "192.0.2.77".parse().unwrap();
    let of_others = policy.allows("192.0.3.1".parse().unwrap(), right);
    policy.grants.len() == 1 && policy.allows(ip, right) && !of_others
}

fn read(text: &str) -> (Settings, Policy) {
    let mut settings = Settings::default();
    conf::parse(&"conf", text.as_bytes(), &mut settings);
    assert!(
        settings.errors.is_empty() && settings.warnings.is_empty(),
        "{settings:?}"
    );
    let policy = settings.policy().expect(text);
    (settings, policy)
}

#[test]
fn each_line_of_a_file_does_what_it_says() {
    let (settings, policy) = read("");
    for (line, effect) in EFFECTS {
        assert!(!effect(&settings, &policy), "{line}");
        let (settings, policy) = read(line);
        assert!(effect(&settings, &policy), "{line}: {settings:?}");
    }
    for entry in table() {
        if let Some(directive) = entry.directive {
            if cfg!(not(feature = "signed")) && directive == "access.signed_by" {
                continue;
            }
            let secret = ["listen.tls", "api.tls", "tls.certificate", "tls.key"];
            if cfg!(not(feature = "tls")) && secret.contains(&directive) {
                continue;
            }
            let mut lines = EFFECTS.iter().map(|(line, _)| line.split(' ').next());
            assert!(lines.any(|word| word == Some(directive)), "{directive}");
        }
    }
}

#[test]
fn nothing_said_is_the_default_policy() {
    let (_, policy) = read("");
    assert_eq!(policy, Policy::DEFAULT);
}

#[test]
fn words_for_the_host_set_its_flags() {
    let (settings, policy) = read("lan.network auto\nlan.public_address auto");
    assert!(settings.lan_auto.networks && settings.lan_auto.public_address);
    assert_eq!(policy, Policy::DEFAULT);
    let (_, policy) = read("lan.public_address 192.0.2.1\nlan.public_address 2001:db8::1\n");
    assert!(policy.lan.public_v4.is_some() && policy.lan.public_v6.is_some());
}

#[test]
fn a_time_of_nothing_is_no_refusal_interval() {
    let (_, policy) = read("access.udp_reject_interval 5\naccess.udp_reject_interval 0");
    assert_eq!(policy.udp_refusal_interval, None);
}
