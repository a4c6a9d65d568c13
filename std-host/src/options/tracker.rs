//! Options of the program as a whole, and of what the tracker tells clients.

use super::{Action, Entry, PATH, Range, Reason};
use crate::settings::Settings;
use crate::size::Bytes;

/// The program as a whole.
pub(super) static PROGRAM: &[Entry] = &[
    Entry {
        flag: Some('m'),
        directive: Some("tracker.memory"),
        value: "bytes[K|M|G]",
        default: "1/8 of the machine's, at most 1G",
        unit: "bytes",
        range: Range::Said("from 1M"),
        help: "most memory that the program takes, everything included",
        action: Action::Text(|settings, value| {
            settings.memory = Some(Bytes::parse(value)?);
            Ok(())
        }),
        ..Entry::BLANK
    },
    Entry {
        flag: Some('f'),
        value: "file",
        range: PATH,
        help: "read this configuration file here and now; may be repeated",
        action: Action::ReadFile,
        ..Entry::BLANK
    },
    Entry {
        flag: Some('c'),
        long: Some("--check"),
        help: "read everything, say what it means, start nothing and end",
        action: Action::Check,
        ..Entry::BLANK
    },
    Entry {
        flag: Some('u'),
        directive: Some("tracker.user"),
        value: "name",
        default: "nobody",
        range: Range::Length(64),
        help: "become this user if started as root: a name, uid or uid:gid, but not root",
        action: Action::Text(user),
        ..Entry::BLANK
    },
    Entry {
        flag: Some('d'),
        directive: Some("tracker.rootdir"),
        value: "folder",
        default: "none",
        range: PATH,
        help: "the folder to chroot to as root, to change to otherwise",
        action: Action::Path(|settings| &mut settings.rootdir),
        ..Entry::BLANK
    },
    Entry {
        flag: Some('r'),
        directive: Some("tracker.redirect_url"),
        value: "url",
        default: "none",
        range: Range::Length(256),
        help: "where GET / is sent",
        action: Action::Text(redirect),
        ..Entry::BLANK
    },
    Entry {
        flag: Some('h'),
        long: Some("--help"),
        help: "print this and end",
        action: Action::Help,
        ..Entry::BLANK
    },
    Entry {
        flag: Some('v'),
        long: Some("--version"),
        help: "print the version and end",
        action: Action::Version,
        ..Entry::BLANK
    },
];

/// Longest interval: leaves an hour until peers are forgotten, after [`LONGEST_TIMEOUT`] at most.
const LONGEST_INTERVAL: u32 = 7 * 3_600;

/// Longest time after which a peer is forgotten: what its age can count.
pub(crate) const LONGEST_TIMEOUT: u32 = 8 * 3_600;

/// What the tracker tells clients.
pub(super) static ENTRIES: &[Entry] = &[
    Entry {
        directive: Some("tracker.interval"),
        value: "time",
        default: "1800",
        unit: "seconds",
        range: Range::Numbers(1, LONGEST_INTERVAL),
        help: "after which clients are to announce again",
        action: Action::Time(|settings, seconds| settings.draft.interval = seconds),
        ..Entry::BLANK
    },
    Entry {
        directive: Some("tracker.interval_jitter"),
        value: "time",
        default: "180, at most a tenth of the interval",
        unit: "seconds",
        range: Range::Numbers(0, LONGEST_INTERVAL - 1),
        help: "that the interval differs by either way, drawn for each reply; less than it",
        action: Action::Time(|settings, seconds| settings.interval_jitter = Some(seconds)),
        ..Entry::BLANK
    },
    Entry {
        directive: Some("tracker.interval_most"),
        value: "time",
        default: "the interval",
        unit: "seconds",
        range: Range::Numbers(1, LONGEST_INTERVAL),
        help: "that the interval grows to at most, by the two below",
        action: Action::Time(|settings, seconds| settings.interval_most = Some(seconds)),
        ..Entry::BLANK
    },
    Entry {
        directive: Some("tracker.interval_swarm"),
        value: "number",
        default: "0",
        unit: "peers",
        range: Range::Numbers(0, u32::MAX),
        help: "peers of a swarm above which its interval grows in proportion; 0: never",
        action: Action::Number(|settings, number| settings.draft.interval_swarm = number),
        ..Entry::BLANK
    },
    Entry {
        directive: Some("tracker.interval_load"),
        value: "number",
        default: "0",
        unit: "announces/s",
        range: Range::Numbers(0, u32::MAX),
        help: "announces per second above which all intervals grow in proportion; 0: never",
        action: Action::Number(|settings, number| settings.draft.interval_load = number),
        ..Entry::BLANK
    },
    Entry {
        directive: Some("tracker.peer_timeout"),
        value: "time",
        default: "2700, at least 3/2 of interval_most",
        unit: "seconds",
        range: Range::Numbers(2, LONGEST_TIMEOUT),
        help: "after which a silent peer is forgotten; more than interval_most and the jitter",
        action: Action::Time(|settings, seconds| settings.peer_timeout = Some(seconds)),
        ..Entry::BLANK
    },
    Entry {
        directive: Some("tracker.torrent_timeout"),
        value: "time",
        default: "86400",
        unit: "seconds",
        range: Range::Numbers(1, 4_000_000),
        help: "after which a completed torrent without peers is forgotten",
        action: Action::Time(|settings, seconds| settings.draft.torrent_timeout = seconds),
        ..Entry::BLANK
    },
    Entry {
        directive: Some("tracker.numwant"),
        value: "number",
        default: "50, at most numwant_most",
        unit: "peers",
        range: Range::Numbers(0, 200),
        help: "peers in an HTTP reply to a client that names no number",
        action: Action::Number(|settings, number| settings.numwant = Some(short(number))),
        ..Entry::BLANK
    },
    Entry {
        directive: Some("tracker.numwant_most"),
        value: "number",
        default: "200",
        unit: "peers",
        range: Range::Numbers(1, 200),
        help: "most peers in a reply",
        action: Action::Number(|settings, number| settings.draft.most_wanted = short(number)),
        ..Entry::BLANK
    },
    Entry {
        directive: Some("tracker.numwant_most_udp6"),
        value: "number",
        default: "66, at most numwant_most",
        unit: "peers",
        range: Range::Numbers(1, 66),
        help: "most peers in a UDP reply over IPv6: 66 pass every link",
        action: Action::Number(|settings, number| {
            settings.numwant_most_udp6 = Some(short(number));
        }),
        ..Entry::BLANK
    },
    Entry {
        directive: Some("tracker.most_peers"),
        value: "number",
        default: "0",
        unit: "peers",
        range: Range::Numbers(0, u32::MAX),
        help: "most peers that are stored; 0: as the memory allows",
        action: Action::Number(|settings, number| settings.draft.most_peers = number),
        ..Entry::BLANK
    },
    Entry {
        directive: Some("tracker.most_peers_per_torrent"),
        value: "number",
        default: "0",
        unit: "peers",
        range: Range::Numbers(0, u32::MAX),
        help: "most peers of one torrent and family that are stored; 0: as the memory allows",
        action: Action::Number(|settings, number| settings.draft.most_peers_per_torrent = number),
        ..Entry::BLANK
    },
    Entry {
        directive: Some("tracker.decoys"),
        value: "number",
        default: "0",
        unit: "%",
        range: Range::Numbers(0, 100),
        help: "percent of replies that random addresses are mixed into, so that they prove nothing",
        action: Action::Number(|settings, number| settings.draft.decoys = byte(number)),
        ..Entry::BLANK
    },
    Entry {
        directive: Some("tracker.decoys_most"),
        value: "number",
        default: "10",
        unit: "peers",
        range: Range::Numbers(1, 200),
        help: "most random addresses in one reply",
        action: Action::Number(|settings, number| settings.draft.decoys_most = byte(number)),
        ..Entry::BLANK
    },
    Entry {
        directive: Some("stats.woodpeckers"),
        value: "on|off",
        default: "off",
        help: "count the networks that announce too often, for mode=woodpeckers",
        action: Action::Choice(&[
            ("on", |settings| settings.draft.woodpeckers = true),
            ("off", |settings| settings.draft.woodpeckers = false),
        ]),
        ..Entry::BLANK
    },
];

/// The number as it is stored; the range sees to it that it fits.
fn short(number: u32) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}

fn byte(number: u32) -> u8 {
    u8::try_from(number).unwrap_or(u8::MAX)
}

/// A name that can stand in the file of users, or numbers.
fn user(settings: &mut Settings, value: &str) -> Result<(), Reason> {
    if !value
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'/')
    {
        return Err(Reason::NotAUser);
    }
    settings.user = Some(value.into());
    Ok(())
}

/// A URL that ends no line of an HTTP head.
fn redirect(settings: &mut Settings, value: &str) -> Result<(), Reason> {
    if !value.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Reason::NotAUrl);
    }
    settings.draft.redirect = value.try_into().map_err(|_| Reason::NotAUrl)?;
    Ok(())
}
