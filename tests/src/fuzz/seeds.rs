//! The committed corpus: what real clients send, and what lies just beside it.

use std::num::NonZeroU8;

use wrtracker::options;
use wrtracker_core::access::{Change, Key, Origin, Terms};
use wrtracker_core::state::grants::{head, record};
use wrtracker_core::wire::InfoHash;

use super::client::{HASH, TRANSACTION};
use super::live_sync::{LATER, OWN};
use super::udp_request::{CONNECTED, PRIVATE};
use super::{KEY, LIMITED};

/// An input's name and bytes.
pub type Seed = (&'static str, Vec<u8>);

/// The committed inputs of a target.
pub fn of(target: &str) -> Vec<Seed> {
    match target {
        "client_http" => client_http(),
        "client_json" => client_json(),
        "client_torrent" => client_torrent(),
        "client_udp" => client_udp(),
        "conf" => conf(),
        "connections" => connections(),
        "frames" => frames(),
        "hash_lines" => hash_lines(),
        "grants" => grants(),
        "gzip" => gzip(),
        "http_request" => http_request(),
        "key_lines" => key_lines(),
        "live_sync" => live_sync(),
        "query" => query(),
        "state" => state(),
        "store_ops" => store_ops(),
        "udp_request" => udp_request(),
        _ => Vec::new(),
    }
}

/// Frames of each kind that the driver takes, one after the other.
fn frames() -> Vec<Seed> {
    use core::net::{Ipv4Addr, SocketAddrV4};

    use smoltcp::wire::{IpProtocol, TcpControl};

    use super::frames::{MAC, V4};
    use crate::ether::bad;

    let (mac, from) = ([2, 0, 0, 0, 0, 2], Ipv4Addr::new(192, 0, 2, 2));
    let own = Ipv4Addr::from(V4);
    let (client, at) = (SocketAddrV4::new(from, 5000), SocketAddrV4::new(own, 6969));
    let router = "fe80::99".parse().expect("an address");
    let prefix = "2001:db8:5::".parse().expect("an address");
    let segment = |control, seq, ack| bad::segment(mac, MAC, client, at, control, seq, ack);
    let ping = [8, 0, 0, 0, 0, 1, 0, 1, b'h', b'i'];
    let lists: [(&'static str, u8, Vec<Vec<u8>>); 5] = [
        ("arp", 0, vec![bad::arp(mac, from, own)]),
        ("udp", 0, vec![bad::connect(mac, MAC, from, own); 2]),
        (
            "tcp",
            0,
            vec![
                bad::syn(mac, MAC, client, at, 1),
                segment(TcpControl::Psh, 2, Some(1)),
                segment(TcpControl::Fin, 2, Some(1)),
                segment(TcpControl::Rst, 3, None),
            ],
        ),
        (
            "icmp",
            0,
            vec![
                bad::ipv4(mac, MAC, from, own, IpProtocol::Icmp, &ping, |_| {}),
                bad::router(mac, router, prefix, 64, 1800),
                bad::router(mac, router, prefix, 64, 0),
            ],
        ),
        (
            "dhcp",
            1,
            vec![bad::ipv4(
                mac,
                [0xff; 6],
                from,
                Ipv4Addr::BROADCAST,
                IpProtocol::Udp,
                &[&[0, 67, 0, 68, 1, 20, 0, 0][..], &[2; 268]].concat(),
                |_| {},
            )],
        ),
    ];
    let seed = |(name, dhcp, frames): (&'static str, u8, Vec<Vec<u8>>)| {
        let mut bytes = vec![dhcp];
        for frame in frames {
            bytes.push(9);
            let length = u16::try_from(frame.len()).expect("a frame");
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(&frame);
        }
        (name, bytes)
    };
    lists.map(seed).to_vec()
}

/// Announces as clients of 2023 send them over HTTP: the query, the version, the headers.
const CLIENTS: [(&str, &str, &str, &str); 6] = [
    (
        "libtorrent",
        "info_hash=%00%0a%0d%20!~*'()_-.%2b%25%26%3d%7f%80%ff&peer_id=-LT2080-abc%21%7edefghij\
         &port=6881&uploaded=0&downloaded=0&left=16384&corrupt=0&key=0A1B2C3D&event=started\
         &numwant=200&compact=1&no_peer_id=1&supportcrypto=1&redundant=0",
        "HTTP/1.1",
        "Host: tracker:6969\r\nUser-Agent: libtorrent/2.0.8.0\r\nAccept-Encoding: gzip\r\n\
         Connection: close\r\n",
    ),
    (
        "transmission",
        "info_hash=%00%0a%0d%20%21~%2a%27%28%29_-.%2b%25%26%3d%7f%80%ff\
         &peer_id=-TR3000-abcdefghijkl&port=51413&uploaded=0&downloaded=0&left=9223372036854775807&numwant=80&key=7d1f2a0\
         &compact=1&supportcrypto=1&event=started&ipv4=192.0.2.1&ipv6=2001%3adb8%3a%3a1",
        "HTTP/1.1",
        "Host: tracker:6969\r\nUser-Agent: Transmission/3.00\r\nAccept: */*\r\n\
         Accept-Encoding: deflate, gzip, br, zstd\r\n",
    ),
    (
        "aria2",
        "info_hash=%00%0A%0D%20%21~%2A%27%28%29_-.%2B%25%26%3D%7F%80%FF\
         &peer_id=A2-1-36-0-%AB%CD%EFabcdefg&uploaded=0&downloaded=0&left=0&compact=1\
         &key=%FE%26%3D%00%25%80%0A%7F&numwant=50&no_peer_id=1&port=6883&event=started\
         &supportcrypto=1",
        "HTTP/1.1",
        "User-Agent: aria2/1.36.0\r\nAccept: */*\r\nHost: tracker:6969\r\nPragma: no-cache\r\n\
         Cache-Control: no-cache\r\nWant-Digest: SHA-512;q=1, SHA-256;q=1, SHA;q=0.1\r\n",
    ),
    (
        "rtorrent",
        "info_hash=%00%0A%0D%20%21%7E%2A%27%28%29%5F%2D%2E%2B%25%26%3D%7F%80%FF\
         &peer_id=-lt0D80-%01%02%03%04%05%06%07%08%09%10%11%12&key=57be6f5c&compact=1&port=6900\
         &uploaded=0&downloaded=0&left=262144&event=started",
        "HTTP/1.1",
        "Host: tracker:6969\r\nUser-Agent: rtorrent/0.9.8/0.13.8\r\nAccept: */*\r\n\
         Accept-Encoding: deflate, gzip\r\n",
    ),
    (
        "ctorrent",
        "info_hash=%00%0A%0D%20%21%7E%2A%27%28%29%5F%2D%2E%2B%25%26%3D%7F%80%FF\
         &peer_id=-CD0303-%01%02%03%04%05%06%07%08%09%10%11%12&port=2706&key=aB3dE5g7\
         &event=started&uploaded=0&downloaded=0&left=262144&compact=1&numwant=100",
        "HTTP/1.0",
        "",
    ),
    (
        "unworkable",
        "info_hash=%00%0a%0d%20%21%7e%2a%27%28%29%5f%2d%2e%2b%25%26%3d%7f%80%ff\
         &peer_id=%2d%55%57%30%35%33%30%2d%61%62%63%64%65%66%67%68%69%6a%6b%6c&port=6668\
         &uploaded=0&downloaded=0&left=262144&compact=1&event=started",
        "HTTP/1.0",
        "Host: tracker\r\nUser-Agent: Unworkable/0.53\r\n",
    ),
];

/// Replies as trackers send them over HTTP, in pieces of a size that the first byte says.
fn client_http() -> Vec<Seed> {
    let reply = |size: u8, head: &str, body: &[u8]| {
        [
            &[size][..],
            b"HTTP/1.1 ",
            head.as_bytes(),
            b"\r\n\r\n",
            body,
        ]
        .concat()
    };
    let sized = |body: &[u8]| {
        let head = format!("200 OK\r\nContent-Length: {}", body.len());
        reply(6, &head, body)
    };
    let scrape = [
        &b"d5:filesd20:"[..],
        &HASH,
        b"d8:completei1e10:downloadedi2e10:incompletei3eeee",
    ];
    vec![
        (
            "announce",
            sized(
                b"d8:completei3e10:downloadedi9e11:external ip4:\xc0\0\x02\x0910:incompletei4e\
                  8:intervali1800e12:min intervali60e5:peers6:\xc0\0\x02\x01\x1a\xe1\
                  6:peers618:\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x1a\xe1\
                  10:tracker id2:id15:warning message4:soone",
            ),
        ),
        (
            "chunked",
            reply(
                0,
                "200 OK\r\nTransfer-Encoding: chunked",
                b"4;a=b\r\nd5:p\r\n7\r\neers0:e\r\n0\r\nX: y\r\n\r\n",
            ),
        ),
        (
            "continued",
            [b"\x09HTTP/1.1 100 x\r\n\r\n", &sized(b"de")[1..]].concat(),
        ),
        (
            "dictionaries",
            sized(b"d5:peersld2:ip3:::17:peer id2:ab4:porti1eed2:ip4:a.b!4:porti65535eeee"),
        ),
        ("refused", sized(b"d14:failure reason9:not \x1b[2Je")),
        ("scrape", sized(&scrape.concat())),
        ("sent", reply(3, "302 Found\r\nLocation: http://x/", b"")),
        ("until_close", reply(200, "200", b"d5:peers0:e")),
    ]
}

fn client_json() -> Vec<Seed> {
    vec![
        (
            "key",
            br#"{"key":"a\u00e4\ud83d\ude00\n","valid_until":1900000000,"expiry_time":null}"#
                .to_vec(),
        ),
        (
            "hashes",
            br#"[ "00", "11" , [], {} , true,false ]"#.to_vec(),
        ),
        ("numbers", b"[0,-1,1.5e+3,1E9,-0.0]".to_vec()),
    ]
}

fn client_torrent() -> Vec<Seed> {
    vec![
        (
            "trackers",
            b"d8:announce10:udp://a:1/13:announce-listll10:udp://a:1/9:http://b/el\
              10:udp://c:2/i1eee4:infod6:lengthi1e4:name1:xee"
                .to_vec(),
        ),
        (
            "deep",
            [b"d4:info".to_vec(), b"d1:al".repeat(15), b"ee".repeat(15)].concat(),
        ),
    ]
}

fn client_udp() -> Vec<Seed> {
    let reply = |action: u8, rest: &[u8]| {
        [&[0, 0, 0, action][..], &TRANSACTION.to_be_bytes(), rest].concat()
    };
    let peers = b"\0\0\x07\x08\0\0\0\x01\0\0\0\x02\xc0\0\x02\x01\x1a\xe1".repeat(3);
    vec![
        ("connect", reply(0, b"connects")),
        ("announce", reply(1, &peers)),
        ("scrape", reply(2, &[7; 74 * 12])),
        ("error", reply(3, b"no\x1b[2J\xff")),
    ]
}

fn query() -> Vec<Seed> {
    let clients = CLIENTS
        .iter()
        .map(|(name, query, ..)| (*name, query.as_bytes().to_vec()));
    clients
        .chain([(
            "odd",
            b"&&a&=&%zz=%z&b==;=+&left=-18446744073709551616&%69nfo%5Fhash=%".to_vec(),
        )])
        .collect()
}

fn state() -> Vec<Seed> {
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

fn http_request() -> Vec<Seed> {
    let mut seeds: Vec<Seed> = CLIENTS
        .iter()
        .map(|(name, query, version, headers)| {
            let text = format!("\x08GET /announce?{query} {version}\r\n{headers}\r\n");
            (*name, text.into_bytes())
        })
        .collect();
    let announce =
        "GET /announce?info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=bbbbbbbbbbbbbbbbbbbb&port=";
    let scrape = "GET /scrape?info_hash=aaaaaaaaaaaaaaaaaaaa&info_hash=%00%01%02%03%04%05%06%07%08\
                  %09%0a%0b%0c%0d%0e%0f%10%11%12%13 HTTP/1.1\r\nHost: t\r\n\r\n";
    let private = |key| {
        let path = format!("GET /announce/{key}?");
        announce.replace("GET /announce?", &path) + "1 HTTP/1.1\r\n\r\n"
    };
    seeds.extend([
        ("scrape", format!("\x10{scrape}").into_bytes()),
        (
            "pipeline",
            format!(
                "\x03{announce}1&left=0 HTTP/1.1\r\n\r\n\r\n{announce}2&compact=0 HTTP/1.1\n\n\
                 {scrape}GET / HTTP/1.1\r\n\r\n{announce}1&event=stopped HTTP/1.0\r\n\
                 Connection: keep-alive\r\n\r\nGET /scrape HTTP/1.1\r\nConnection: close\r\n\r\n"
            )
            .into_bytes(),
        ),
        ("script", format!("\x00{announce}9\n\n").into_bytes()),
        (
            "private",
            [
                &[0x83],
                format!(
                    "{}{announce}2&passkey={KEY} HTTP/1.1\r\n\r\n{announce}3 HTTP/1.1\r\n\r\n\
                 GET /{KEY}/scrape?info_hash=aaaaaaaaaaaaaaaaaaaa HTTP/1.1\r\n\r\n\
                 GET /{KEY}/scrape HTTP/1.1\r\n\r\n{scrape}{}",
                    private(KEY),
                    private(LIMITED)
                )
                .as_bytes(),
            ]
            .concat(),
        ),
        (
            "statistics",
            format!(
                "\x09{announce}1 HTTP/1.1\r\n\r\nGET /stats?mode=everything HTTP/1.1\r\n\r\n\
                 GET /metrics HTTP/1.1\r\n\r\nGET /stats?mode=tpbs&format=txt HTTP/1.1\r\n\
                 Accept-Encoding: gzip\r\n\r\nGET /stats?mode=top10 HTTP/1.1\r\n\r\n\
                 GET /scrape HTTP/1.0\r\n\r\n"
            )
            .into_bytes(),
        ),
        (
            "body",
            b"\x01POST /announce HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc".to_vec(),
        ),
        (
            "smuggled",
            b"\x05GET / HTTP/1.1\r\nTransfer-Encoding : chunked\r\n Content-Length: 9\r\n\r\n0\r\n\
              \r\n"
                .to_vec(),
        ),
        (
            "proxy",
            b"\x20GET http://t:6969/announce HTTP/1.1\r\nHost: t\r\n\r\n".to_vec(),
        ),
        (
            "tls",
            b"\x02\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n\n".to_vec(),
        ),
    ]);
    seeds
}

/// One datagram with its flags and length.
fn datagram(flags: u8, parts: &[&[u8]]) -> Vec<u8> {
    let bytes = parts.concat();
    let length = u8::try_from(bytes.len()).expect("at most 255 bytes");
    [&[flags, length], &bytes[..]].concat()
}

/// An announce (BEP 15) with `extra` behind it; the connection id is put in by the target.
fn announce(source: u8, event: u8, left: u64, wanted: i32, extra: &[u8]) -> Vec<u8> {
    datagram(
        source | CONNECTED,
        &[
            &[0; 8],
            b"\0\0\0\x01tran",
            &[0x11; 20],
            b"-XX0001-abcdefghijkl",
            &0u64.to_be_bytes(),
            &left.to_be_bytes(),
            &0u64.to_be_bytes(),
            &[0, 0, 0, event],
            &[0; 4],
            b"key!",
            &wanted.to_be_bytes(),
            &6_881u16.to_be_bytes(),
            extra,
        ],
    )
}

fn udp_request() -> Vec<Seed> {
    let connect = datagram(0, &[b"\0\0\x04\x17\x27\x10\x19\x80\0\0\0\0tran"]);
    let scrape = datagram(CONNECTED, &[&[0; 8], b"\0\0\0\x02tran", &[0x11; 40]]);
    let unproved = announce(0, 2, 1, -1, b"");
    let unproved = [&[0], &unproved[1..]].concat();
    let asked = |source: u8, options: &[u8]| {
        let mut announce = announce(source, 2, 1, 50, options);
        announce[0] |= PRIVATE;
        announce
    };
    let (path, query) = (format!("/announce/{KEY}"), format!("/x?passkey={LIMITED}"));
    let option = |data: &[u8]| [&[2, u8::try_from(data.len()).expect("short")], data].concat();
    let private = [
        asked(0, &option(path.as_bytes())),
        asked(
            1,
            &[
                option(&path.as_bytes()[..20]),
                vec![1],
                option(&path.as_bytes()[20..]),
            ]
            .concat(),
        ),
        asked(1, &option(query.as_bytes())),
        asked(2, &option(query.as_bytes())),
        asked(0, b"\x02\x09/announce"),
        asked(0, &option(b"/announce/0123456789abcdefghijABCDEFGHIJxx")),
    ];
    let swarm = [
        announce(0, 2, 0, 200, b"\x02\x09/announce"),
        announce(1, 2, 262_144, -1, b""),
        announce(2, 2, 1, 50, b"\0\0"),
        announce(3, 4, 1, 80, b""),
        announce(4, 1, 0, 80, b""),
        scrape.clone(),
        announce(0, 3, 0, 0, b"\x02\x09/announce"),
    ];
    vec![
        ("connect", connect),
        (
            "libtorrent",
            announce(0, 2, 16_384, 200, b"\x02\x09/announce"),
        ),
        (
            "transmission",
            announce(0, 2, i64::MAX.unsigned_abs(), 80, b""),
        ),
        ("aria2", announce(0, 2, 0, 50, b"\0\0")),
        ("rtorrent", announce(2, 2, 262_144, -1, b"")),
        ("scrape", scrape),
        ("unproved", unproved),
        ("swarm", swarm.concat()),
        ("private", private.concat()),
        (
            "short",
            datagram(CONNECTED, &[b"\0\0\0\0\0\0\0\0\0\0\0\x01tra"]),
        ),
    ]
}

/// The packet of another tracker, with its flags and length.
fn sync_packet(flags: u8, kind: u8, records: &[u8]) -> Vec<u8> {
    let packet = [b"them\0\0\0", &[kind][..], records].concat();
    let length = u16::try_from(packet.len()).expect("at most 65,535 bytes");
    [&[flags], &length.to_be_bytes()[..], &packet].concat()
}

fn live_sync() -> Vec<Seed> {
    let v4 = |host: u8, flags: u8| {
        [&[0x11; 20], &[192, 168, 1, host, 0x1a, 0xe1, flags, 0][..]].concat()
    };
    let v6 = |host: u8, flags: u8| {
        let ip = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, host];
        [&[0x11; 20], &ip[..], &[0x1a, 0xe1, flags, 0]].concat()
    };
    let life = [v4(1, 0), v4(2, 0x80), v4(1, 0xc0), v4(2, 0x20)].concat();
    let life6 = [v6(1, 0), v6(2, 0x80), v6(1, 0xc0), v6(2, 0x20)].concat();
    let full: Vec<u8> = (0..52).flat_map(|host| v4(host, 0)).collect();
    let full6: Vec<u8> = (0..37).flat_map(|host| v6(host, 0x80)).collect();
    let cluster = [
        sync_packet(0, 0, &life),
        sync_packet(1 | LATER, 1, &life6),
        sync_packet(2, 0, &v4(9, 0)),
        sync_packet(OWN, 0, &v4(8, 0)),
        sync_packet(LATER, 0, &[v4(7, 0x9f), vec![0; 27]].concat()),
    ];
    vec![
        ("ipv4", sync_packet(0, 0, &life)),
        ("ipv6", sync_packet(1, 1, &life6)),
        ("cluster", cluster.concat()),
        (
            "full",
            [sync_packet(0, 0, &full), sync_packet(LATER, 1, &full6)].concat(),
        ),
        (
            "short",
            [sync_packet(0, 0, b""), sync_packet(0, 2, &v4(1, 0))].concat(),
        ),
    ]
}

fn conf() -> Vec<Seed> {
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

fn hash_lines() -> Vec<Seed> {
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

fn key_lines() -> Vec<Seed> {
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

fn grants() -> Vec<Seed> {
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

fn connections() -> Vec<Seed> {
    // What happens, to which connection, how much.
    let steps = |steps: &[(u8, u8, u8)]| {
        let bytes = steps
            .iter()
            .flat_map(|&(what, index, much)| [what << 2 | index, much]);
        bytes.collect()
    };
    vec![
        (
            "eviction",
            steps(&[
                (0, 0, 0),
                (0, 0, 0),
                (0, 0, 0),
                (0, 0, 0),
                (7, 0, 9),
                (0, 0, 0),
                (1, 0, 18),
            ]),
        ),
        (
            "robbery",
            steps(&[
                (0, 0, 0),
                (0, 0, 0),
                (0, 0, 0),
                (1, 0, 5),
                (7, 0, 4),
                (3, 1, 40),
                (1, 2, 5),
                (1, 0, 13),
                (4, 1, 100),
                (1, 2, 13),
                (4, 1, 255),
                (1, 1, 18),
            ]),
        ),
        (
            "times",
            steps(&[
                (0, 0, 0),
                (1, 0, 20),
                (7, 0, 119),
                (1, 0, 16),
                (7, 0, 240),
                (0, 0, 0),
            ]),
        ),
    ]
}

fn gzip() -> Vec<Seed> {
    // A format, then records: some alike, some not, with texts between.
    let records = |format: u8, kinds: &[u8]| {
        let mut bytes = vec![format];
        for (nth, &kind) in (0..).zip(kinds) {
            bytes.push(kind);
            bytes.extend((0..27).map(|at: u8| if at < 21 { (at * 11) ^ nth } else { nth % 3 }));
        }
        bytes
    };
    vec![
        ("ben", records(0, &[32, 32, 80, 32, 255, 32, 32, 96, 32])),
        ("bin", records(1, &[32, 33, 128, 129, 254])),
        ("txt", records(2, &[64, 64, 64, 64, 65])),
        ("txtp", records(3, &[255, 254, 253, 32, 32])),
        ("url", records(4, &[32, 34, 36, 240])),
        ("statedump", records(5, &[248, 248, 248, 249, 250])),
        ("texts", records(0, &[1, 32, 15, 32, 32, 7])),
    ]
}

fn store_ops() -> Vec<Seed> {
    // A large swarm of both families, small ones beside it, questions, time, and their end.
    let operations = |size: u8, rounds: u8| {
        let mut bytes = vec![size];
        for round in 0..rounds {
            let [high, low] = (u16::from(round) * 70).to_be_bytes();
            bytes.extend([0, 1, high, low, 140, round, 0, 0]);
            bytes.extend([1, round, high, low, 3, round / 2, 0, 0]);
            bytes.extend([8, 1, high, low, 0, round, 60, 0]);
            bytes.extend([6, 0, high, low, 30, 0, 0, 0]);
            bytes.extend([7, 0, 1, low, 0, 0, 1, 0]);
            bytes.extend([4, 1, high, low, round, round, 0, 0]);
        }
        bytes
    };
    vec![
        ("ample", operations(31, 6)),
        ("tight", operations(0, 16)),
        ("few", operations(3, 1)),
    ]
}
