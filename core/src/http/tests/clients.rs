//! The requests of real clients, each in its own dialect.

use std::format;
use std::string::String;

use super::with;
use crate::http::Next;
use crate::wire::InfoHash;

/// One torrent's name with everything in it that clients encode differently.
const HASH: InfoHash = InfoHash(*b"\x00\x0a\x0d !~*'()_-.+%&=\x7f\x80\xff");

/// How a client writes bytes: which it leaves as they are, and its hex digits.
fn encode(bytes: &[u8], plain: &str, upper: bool) -> String {
    bytes
        .iter()
        .map(|&byte| match char::from(byte) {
            text if text.is_ascii_alphanumeric() || plain.contains(text) => text.into(),
            _ if upper => format!("%{byte:02X}"),
            _ => format!("%{byte:02x}"),
        })
        .collect()
}

/// Everything encoded, letters and digits too.
fn encode_all(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("%{byte:02x}")).collect()
}

/// The request must be answered with the counts that it makes, and the connection go on as `next`
/// says.
#[track_caller]
fn expect(request: &str, persistence: &str, next: Next) {
    with(1, 0, |bench| {
        let id = bench.open();
        let (reply, then) = bench.receive(id, request.as_bytes());
        let reply = String::from_utf8_lossy(&reply);
        assert!(
            reply.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: "),
            "{reply}"
        );
        assert!(
            reply.contains(&format!("{persistence}\r\n\r\nd8:complete")),
            "{reply}"
        );
        assert_eq!(
            reply.matches("Connection").count(),
            usize::from(!persistence.is_empty())
        );
        assert!(reply.ends_with("5:peers0:e"), "{reply}");
        assert_eq!(then, next);
        let counts = bench.tracker.scrape(&HASH);
        assert_eq!(counts.seeders + counts.leechers, 1);
        assert_eq!(bench.tracker.counters.http_announces, 1);
    });
}

#[test]
fn libtorrent() {
    let hash = encode(&HASH.0, "~()*!.'-_", false);
    expect(
        &format!(
            "GET /announce?info_hash={hash}&peer_id=-LT2080-abc%21%7edefghij&port=6881&uploaded=0\
             &downloaded=0&left=16384&corrupt=0&key=0A1B2C3D&event=started&numwant=200&compact=1\
             &no_peer_id=1&supportcrypto=1&redundant=0 HTTP/1.1\r\nHost: tracker:6969\r\n\
             User-Agent: libtorrent/2.0.8.0\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n"
        ),
        "\r\nConnection: close",
        Next::Close,
    );
}

#[test]
fn transmission() {
    let hash = encode(&HASH.0, "-._~", false);
    expect(
        &format!(
            "GET /announce?info_hash={hash}&peer_id=-TR3000-abcdefghijkl&port=51413&uploaded=0\
             &downloaded=0&left=9223372036854775807&numwant=80&key=7d1f2a0&compact=1\
             &supportcrypto=1&event=started&ipv4=192.0.2.1&ipv6=2001%3adb8%3a%3a1 HTTP/1.1\r\n\
             Host: tracker:6969\r\nUser-Agent: Transmission/3.00\r\nAccept: */*\r\n\
             Accept-Encoding: deflate, gzip, br, zstd\r\n\r\n"
        ),
        "",
        Next::Read,
    );
}

#[test]
fn aria2() {
    let hash = encode(&HASH.0, "-._~", true);
    expect(
        &format!(
            "GET /announce?info_hash={hash}&peer_id=A2-1-36-0-%AB%CD%EFabcdefg&uploaded=0\
             &downloaded=0&left=0&compact=1&key=%FE%26%3D%00%25%80%0A%7F&numwant=50&no_peer_id=1\
             &port=6883&event=started&supportcrypto=1 HTTP/1.1\r\nUser-Agent: aria2/1.36.0\r\n\
             Accept: */*\r\nHost: tracker:6969\r\nPragma: no-cache\r\nCache-Control: no-cache\r\n\
             Want-Digest: SHA-512;q=1, SHA-256;q=1, SHA;q=0.1\r\nConnection: Keep-Alive\r\n\r\n"
        ),
        "",
        Next::Read,
    );
}

#[test]
fn rtorrent() {
    let hash = encode(&HASH.0, "", true);
    expect(
        &format!(
            "GET /announce?info_hash={hash}&peer_id=-lt0D80-%01%02%03%04%05%06%07%08%09%10%11%12\
             &key=57be6f5c&compact=1&port=6900&uploaded=0&downloaded=0&left=262144&event=started \
             HTTP/1.1\r\nHost: tracker:6969\r\nUser-Agent: rtorrent/0.9.8/0.13.8\r\n\
             Accept: */*\r\nAccept-Encoding: deflate, gzip\r\n\r\n"
        ),
        "",
        Next::Read,
    );
}

#[test]
fn ctorrent_without_a_host() {
    let hash = encode(&HASH.0, "", true);
    expect(
        &format!(
            "GET /announce?info_hash={hash}&peer_id=-CD0303-%01%02%03%04%05%06%07%08%09%10%11%12\
             &port=2706&key=aB3dE5g7&event=started&uploaded=0&downloaded=0&left=262144&compact=1\
             &numwant=100 HTTP/1.0\r\n\r\n"
        ),
        "",
        Next::Close,
    );
}

#[test]
fn unworkable_with_everything_encoded() {
    let hash = encode_all(&HASH.0);
    let id = encode_all(b"-UW0530-abcdefghijkl");
    expect(
        &format!(
            "GET /announce?info_hash={hash}&peer_id={id}&port=6668&uploaded=0&downloaded=0\
             &left=262144&compact=1&event=started HTTP/1.0\r\nHost: tracker\r\n\
             User-Agent: Unworkable/0.53\r\n\r\n"
        ),
        "",
        Next::Close,
    );
}

#[test]
fn a_shell_script_with_netcat() {
    let hash = encode(&HASH.0, "", true);
    expect(
        &format!("GET /announce?info_hash={hash}&peer_id=nnnnnnnnnnnnnnnnnnnn&port=1\n\n"),
        "",
        Next::Close,
    );
}

#[test]
fn an_old_client_that_keeps_its_connection() {
    let hash = encode(&HASH.0, "", true);
    expect(
        &format!(
            "GET /announce?info_hash={hash}&peer_id=nnnnnnnnnnnnnnnnnnnn&port=1 HTTP/1.0\r\n\
             Connection: Keep-Alive\r\n\r\n"
        ),
        "\r\nConnection: keep-alive",
        Next::Read,
    );
}

#[test]
fn raw_bytes_where_they_need_no_encoding() {
    with(1, 0, |bench| {
        let hash = b"+\x80\xff;:@/?,<>\"'{}|^`~!";
        let target = [
            b"/announce?info_hash=",
            &hash[..],
            b"&peer_id=",
            hash,
            b"&port=1",
        ]
        .concat();
        let reply = bench.get("192.0.2.1", &target);
        assert!(
            reply.starts_with(b"d8:complete"),
            "{}",
            reply.escape_ascii()
        );
        assert_eq!(bench.tracker.scrape(&InfoHash(*hash)).leechers, 1);
    });
}
