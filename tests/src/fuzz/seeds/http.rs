//! What clients send over HTTP.

use super::Seed;
use crate::fuzz::{KEY, LIMITED};

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

pub(super) fn query() -> Vec<Seed> {
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

pub(super) fn http_request() -> Vec<Seed> {
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

pub(super) fn connections() -> Vec<Seed> {
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
