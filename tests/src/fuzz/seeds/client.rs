//! What trackers and programs send to the client.

use super::Seed;
use crate::fuzz::client::{HASH, TRANSACTION};

/// Replies as trackers send them over HTTP, in pieces of a size that the first byte says.
pub(super) fn client_http() -> Vec<Seed> {
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

pub(super) fn client_json() -> Vec<Seed> {
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

pub(super) fn client_torrent() -> Vec<Seed> {
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

pub(super) fn client_udp() -> Vec<Seed> {
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
