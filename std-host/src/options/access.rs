//! Options of who may do what, and of which torrents are served.

use wrtracker_core::access::{MOST_SIGNERS, Mode, PublicKey};
use wrtracker_core::policy::{FullScrape, Gzip, ProxyHeader, Right, StatsFor};

use super::listen::MODES;
use super::{Action, Entry, NETWORK, PATH, Range, Reason};
use crate::settings::Settings;

pub(super) static ENTRIES: &[Entry] = &[
    Entry {
        directive: Some("tracker.mode"),
        value: MODES,
        default: "listed if there is a whitelist or a signer, else public",
        help: "what announces must show where listen.* names no mode: nothing, a list, a key, both",
        action: Action::Choice(&[
            ("public", |settings| settings.mode = Some(Mode::Public)),
            ("listed", |settings| settings.mode = Some(Mode::Listed)),
            ("private", |settings| settings.mode = Some(Mode::Private)),
            ("private_listed", |settings| {
                settings.mode = Some(Mode::PrivateListed);
            }),
        ]),
        ..Entry::BLANK
    },
    Entry {
        directive: Some("access.keys"),
        value: "file",
        default: "none",
        range: PATH,
        help: "the keys that private modes ask for, each on a line with what it is good for",
        action: Action::Path(|settings| &mut settings.keys),
        ..Entry::BLANK
    },
    Entry {
        directive: Some("access.key_entries"),
        value: "number",
        default: "twice what the file has at the start, at least 512",
        unit: "keys",
        range: Range::Numbers(1, 10_000_000),
        help: "most keys, old and new while the file is read again; 105 bytes of the memory for each",
        action: Action::Number(|settings, number| settings.key_entries = Some(number)),
        ..Entry::BLANK
    },
    Entry {
        directive: Some("access.signed_by"),
        value: "key",
        range: Range::Length(64),
        help: "an Ed25519 public key: what it signed is as good as listed; may be repeated, 4 in all",
        action: Action::Text(signed_by),
        ..Entry::BLANK
    },
    Entry {
        flag: Some('A'),
        value: "ip[/bits]",
        range: NETWORK,
        help: "a network that may do everything below; may be repeated, 64 with those in files",
        action: Action::Grant(Right::All),
        ..Entry::BLANK
    },
    Entry {
        flag: Some('w'),
        directive: Some("access.whitelist"),
        value: "file",
        default: "none",
        range: PATH,
        help: "serve only the hashes in this file, 40 hex digits at the start of a line",
        action: Action::Path(|settings| &mut settings.whitelist),
        ..Entry::BLANK
    },
    Entry {
        flag: Some('b'),
        directive: Some("access.blacklist"),
        value: "file",
        default: "none",
        range: PATH,
        help: "don't serve the hashes in this file, even if the whitelist has them",
        action: Action::Path(|settings| &mut settings.blacklist),
        ..Entry::BLANK
    },
    Entry {
        directive: Some("access.entries"),
        value: "number",
        default: "twice what the file has at the start, at least 4096",
        unit: "hashes",
        range: Range::Numbers(1, 100_000_000),
        help: "most hashes in each list; 19 bytes of the memory for each",
        action: Action::Number(|settings, number| settings.access_entries = Some(number)),
        ..Entry::BLANK
    },
    Entry {
        directive: Some("access.watch"),
        value: "on|off",
        default: "off",
        help: "read a list again when its file changes, and not only on SIGHUP",
        action: Action::Choice(&[
            ("on", |settings| settings.watch = true),
            ("off", |settings| settings.watch = false),
        ]),
        ..Entry::BLANK
    },
    Entry {
        directive: Some("access.fifo_add"),
        value: "file",
        default: "none",
        range: PATH,
        help: "a named pipe that takes hashes to add to the list until it is read again",
        action: Action::Path(|settings| &mut settings.fifo_add),
        ..Entry::BLANK
    },
    Entry {
        directive: Some("access.fifo_delete"),
        value: "file",
        default: "none",
        range: PATH,
        help: "the same for hashes to take away from it",
        action: Action::Path(|settings| &mut settings.fifo_delete),
        ..Entry::BLANK
    },
    Entry {
        directive: Some("access.udp_reject_interval"),
        value: "time",
        default: "0",
        unit: "seconds",
        range: Range::Numbers(0, 86_400),
        help: "interval of UDP replies without peers, to announces of refused torrents; 0: error",
        action: Action::Time(|settings, seconds| {
            settings.draft.udp_refusal_interval = Some(seconds).filter(|seconds| *seconds > 0);
        }),
        ..Entry::BLANK
    },
    Entry {
        directive: Some("access.stats"),
        value: "ip[/bits]",
        range: NETWORK,
        help: "a network that may see statistics; may be repeated",
        action: Action::Grant(Right::Stats),
        ..Entry::BLANK
    },
    Entry {
        directive: Some("access.stats_for"),
        value: "everybody|listed|nobody",
        default: "listed if there is an access.stats or -A, else everybody",
        help: "who may see statistics",
        action: Action::Choice(&[
            ("everybody", |settings| {
                settings.stats_for = Some(StatsFor::Everybody);
            }),
            ("listed", |settings| {
                settings.stats_for = Some(StatsFor::Listed);
            }),
            ("nobody", |settings| {
                settings.stats_for = Some(StatsFor::Nobody);
            }),
        ]),
        ..Entry::BLANK
    },
    Entry {
        directive: Some("access.stats_path"),
        value: "path",
        default: "stats",
        range: Range::Length(64),
        help: "where the statistics are, without / before it; not metrics, not a... nor sc...",
        action: Action::Text(stats_path),
        ..Entry::BLANK
    },
    Entry {
        directive: Some("access.fullscrape"),
        value: "ip[/bits]",
        default: "everybody",
        range: NETWORK,
        help: "a network that may scrape all torrents, and others may not; may be repeated",
        action: Action::Grant(Right::FullScrape),
        ..Entry::BLANK
    },
    Entry {
        directive: Some("tracker.fullscrape"),
        value: "on|off|modest",
        default: "on",
        help: "whether all torrents can be scraped at once; modest: by an address now and then",
        action: Action::Choice(&[
            ("on", |settings| settings.draft.full_scrape = FullScrape::On),
            ("off", |settings| {
                settings.draft.full_scrape = FullScrape::Off;
            }),
            ("modest", |settings| {
                settings.draft.full_scrape = FullScrape::Modest;
            }),
        ]),
        ..Entry::BLANK
    },
    Entry {
        directive: Some("tracker.fullscrape_pause"),
        value: "time",
        default: "300",
        unit: "seconds",
        range: Range::Numbers(1, 86_400),
        help: "between two modest full scrapes of one address",
        action: Action::Time(|settings, seconds| settings.draft.full_scrape_pause = seconds),
        ..Entry::BLANK
    },
    Entry {
        directive: Some("tracker.gzip"),
        value: "on|off|always",
        default: "on",
        help: "compress full scrapes for those who accept it, for nobody, or for everybody",
        action: Action::Choice(&[
            ("on", |settings| settings.draft.gzip = Gzip::Accepted),
            ("off", |settings| settings.draft.gzip = Gzip::Off),
            ("always", |settings| settings.draft.gzip = Gzip::Always),
        ]),
        ..Entry::BLANK
    },
    Entry {
        directive: Some("access.proxy"),
        value: "ip[/bits]",
        range: NETWORK,
        help: "a network whose proxies are believed who their clients are; may be repeated",
        action: Action::Grant(Right::Proxy),
        ..Entry::BLANK
    },
    Entry {
        directive: Some("access.proxy_header"),
        value: "x-forwarded-for|x-real-ip|cf-connecting-ip|forwarded",
        default: "x-forwarded-for",
        help: "the header in which they say it",
        action: Action::Choice(&[
            ("x-forwarded-for", |settings| {
                settings.draft.proxy_header = ProxyHeader::XForwardedFor;
            }),
            ("x-real-ip", |settings| {
                settings.draft.proxy_header = ProxyHeader::XRealIp;
            }),
            ("cf-connecting-ip", |settings| {
                settings.draft.proxy_header = ProxyHeader::CfConnectingIp;
            }),
            ("forwarded", |settings| {
                settings.draft.proxy_header = ProxyHeader::Forwarded;
            }),
        ]),
        ..Entry::BLANK
    },
    Entry {
        directive: Some("tracker.ip_from_query"),
        value: "on|off",
        default: "off",
        help: "believe ip= in an HTTP announce, from anybody: anybody can then enter anybody",
        action: Action::Choice(&[
            ("on", |settings| settings.draft.ip_from_query = true),
            ("off", |settings| settings.draft.ip_from_query = false),
        ]),
        ..Entry::BLANK
    },
];

fn signed_by(settings: &mut Settings, value: &str) -> Result<(), Reason> {
    let key = PublicKey::parse(value).ok_or(Reason::NotAPublicKey)?;
    let signers = &mut settings.draft.signers;
    signers.push(key).map_err(|_| Reason::TooMany(MOST_SIGNERS))
}

/// A path that can match: announces and scrapes are told by how their path begins, and come first.
fn stats_path(settings: &mut Settings, value: &str) -> Result<(), Reason> {
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"?#%".contains(&byte);
    let taken = ["/", "a", "sc"]
        .iter()
        .any(|start| value.starts_with(start));
    if taken || value == "metrics" || !value.bytes().all(plain) {
        return Err(Reason::NotAStatsPath);
    }
    settings.draft.stats_path = value.try_into().map_err(|_| Reason::NotAStatsPath)?;
    Ok(())
}
