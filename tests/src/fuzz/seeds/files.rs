//! Lines and records of files.

use std::num::NonZeroU8;

use wrtracker::options;
use wrtracker_core::access::{Change, Key, Origin, Terms};
use wrtracker_core::state::grants::{head, record};
use wrtracker_core::wire::InfoHash;

use super::Seed;
use crate::fuzz::{KEY, LIMITED};

pub(super) fn state() -> Vec<Seed> {
    let hex = "0123456789abcdefABCDEF987654321000ff7fA5";
    let text = |size: &str, text: &str| {
        let text = text.replace('H', hex);
        [size.as_bytes(), text.as_bytes()].concat()
    };
    vec![
        (
            "dump",
            text("\x10", "H:29920000:42\nH:0:0\r\nH:4294967295:4294967295"),
        ),
        (
            "odd_dump",
            text(
                "\x01",
                "\n# H:1:2\n H:1:2\nH:1:\nH::1\nH:1:2:3\nH1:1:1\nH:4294967296:1\n\0",
            ),
        ),
        (
            "torrents",
            text(
                "\x20",
                "# wrtracker torrents 1\nH:29920100:3\n# end 1 00000000\n",
            ),
        ),
        (
            "whole_torrents",
            text("\x03", "# wrtracker torrents 1\n# end 0 fbbe5b29\n"),
        ),
        (
            "peers",
            b"\x07wrtpeers\0\0\0\x01\0\0\0\0\0\0\0\x05\x01abcdefghij0123456789\
              \x46\xc0\0\x02\x01\x1a\xe1\0\x50\x41\xc0\0\x02\x02\x12\x34\0\0\
              \x60\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07\0\x07\x0a\x8c\
              \x01ABCDEFGHIJ0123456789\x42\x7f\0\0\x01\0\x01\0\0\0\0\0\0\x04\0\0\0\0"
                .to_vec(),
        ),
    ]
}

pub(super) fn conf() -> Vec<Seed> {
    let text: [(&str, &[u8]); 3] = [
        (
            "opentracker",
            b"# a comment\nlisten.tcp_udp 0.0.0.0:6969\nlisten.udp [::]:6969\n\n\
              listen.tcp 192.0.2.1:80\naccess.stats 192.0.2.9\ntracker.user nobody\n",
        ),
        (
            "blanks",
            b"  listen.udp\t 0.0.0.0:0 \r\n\t# x\r\nlisten.tcp\n",
        ),
        (
            "odd",
            b"listen.udp 1.2.3.4:99999\nlisten.udp \xff\xfe\n\0\nno.such thing",
        ),
    ];
    let mut seeds: Vec<_> = text
        .into_iter()
        .map(|(name, text)| (name, text.to_vec()))
        .collect();
    seeds.push(("everything", every_directive()));
    seeds
}

/// Each directive once, with a value that it takes.
fn every_directive() -> Vec<u8> {
    let mut text = String::new();
    for entry in options::table() {
        let Some(directive) = entry.directive else {
            continue;
        };
        // Defaults go together.
        let default = entry.default.split([' ', ',']).next().unwrap_or_default();
        let number = if default.parse::<u32>().is_ok() {
            default
        } else {
            "1800"
        };
        let value = match entry.value {
            "number" | "time" => number,
            "bytes[K|M|G]" => "8M",
            "ip[:port]" | "address[:port]" => "192.0.2.1:6969",
            "ip[/bits]" | "auto|ip[/bits]" => "192.0.2.0/24",
            "auto|ip" => "192.0.2.1",
            "url" => "http://example.org/",
            other => other.split('|').next().unwrap_or(other),
        };
        text += &format!("{directive} {value}\n");
    }
    text.into()
}

pub(super) fn hash_lines() -> Vec<Seed> {
    let hash = "0123456789abcdefABCDEF98765432100fF1e2d3";
    let list = format!("# torrents\n{hash}\n\n{hash} # one more\r\n  # none\n{hash}");
    let odd = format!(
        " {hash}\n{hash}0\n{}\n{hash}\0{hash}\n\t\r\n\u{ff}\n",
        &hash[1..]
    );
    vec![
        ("list", [&[3], list.as_bytes()].concat()),
        ("odd", [&[0], odd.as_bytes()].concat()),
        ("one", [&[255], hash.as_bytes()].concat()),
    ]
}

pub(super) fn key_lines() -> Vec<Seed> {
    let hash = "0123456789abcdefABCDEF98765432100fF1e2d3";
    let good = format!(
        "# who is who\n{KEY}\n{LIMITED} - - 1 # for one\r\n\n{KEY} 4000000000 {hash} 255\n{KEY} 0 {hash}"
    );
    let bad = format!(
        "{KEY}0\n{KEY} {hash}\n{KEY} - {hash}0\n{KEY} - - 256\n{KEY} - - - -\n{KEY} 281474976710656\n\
         {KEY} +5\n - {KEY}\n{KEY}{}# cut\n{KEY} #{}\n\u{ff}",
        " ".repeat(150),
        "x".repeat(200)
    );
    vec![
        ("good", [&[3], good.as_bytes()].concat()),
        ("bad", [&[0], bad.as_bytes()].concat()),
        ("one", [&[255], KEY.as_bytes()].concat()),
    ]
}

pub(super) fn grants() -> Vec<Seed> {
    let key = |text: &str| Key::parse(text.as_bytes()).expect("a key");
    let terms = |valid_until, info_hash, most_peers| Terms {
        valid_until,
        info_hash,
        most_peers: NonZeroU8::new(most_peers),
        origin: Origin::Granted,
    };
    let hash = InfoHash([7; 20]);
    let changes = [
        (Change::Key(key(KEY), terms(None, None, 0)), true, true),
        (
            Change::Key(key(LIMITED), terms(Some(4_000_000_000), Some(hash), 3)),
            true,
            false,
        ),
        (Change::Listed(hash), false, false),
        (Change::Listed(InfoHash([8; 20])), false, true),
        (Change::NoKey(key(KEY)), true, true),
        (Change::NotListed(hash), true, true),
    ];
    let records = (1..).zip(&changes);
    let records = records
        .map(|(number, (change, first, last))| record(number, &change.to_bytes(), *first, *last));
    let all: Vec<u8> = [head()].into_iter().chain(records).flatten().collect();
    let zeros = vec![0; 4096 - all.len()];
    vec![
        ("whole", [&[0], &all[..], &zeros].concat()),
        ("sealed", [&[1], &all[..]].concat()),
        ("cut", [&[2], &all[..4 * 68 + 30], &[0; 100]].concat()),
        ("other", b"\0# wrtracker torrents 1\n".to_vec()),
    ]
}
