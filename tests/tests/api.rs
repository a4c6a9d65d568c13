//! The interface for programs, from outside: what Torrust's users do with theirs, and what nobody
//! should.
#![forbid(unsafe_code)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

use wrtracker_tests::folder::Folder;
use wrtracker_tests::http_client::{HttpClient, announce_target};
use wrtracker_tests::server::{Server, binary};

const ADMIN: &str = "admin-token-of-the-tests";
const READER: &str = "reader-token";
const KEY: &str = "0123456789abcdefghijABCDEFGHIJKL";
const HASH: &str = "00112233445566778899aabbccddeeff00112233";

/// A program with these directives.
fn start(folder: &Folder, directives: &str) -> Server {
    let conf = folder.write(
        "conf",
        format!(
            "listen.tcp_udp 127.0.0.1:0\napi.listen 127.0.0.1:0\napi.token admin {ADMIN}\n\
             api.token read {READER}\n{directives}"
        ),
    );
    Server::start(&["-f", &conf])
}

/// An answer.
#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

/// Sends these bytes and reads to the end of the connection.
fn exchange(server: SocketAddr, bytes: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(server).expect("to connect");
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .expect("a time-out");
    stream.write_all(bytes).expect("to send");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    parse(&text)
}

fn parse(text: &str) -> Answer {
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    Answer {
        status: head[9..12].parse().expect("a status"),
        head: head.into(),
        body: body.into(),
    }
}

/// Asks as the admin.
fn ask(server: SocketAddr, method: &str, path: &str, json: Option<&str>) -> Answer {
    ask_as(server, ADMIN, method, path, json)
}

fn ask_as(server: SocketAddr, token: &str, method: &str, path: &str, json: Option<&str>) -> Answer {
    let body = json.unwrap_or_default();
    let kind = json.map_or("", |_| "Content-Type: application/json\r\n");
    let length = body.len();
    // Without chunks, to the end of the connection.
    let head = format!(
        "{method} {path} HTTP/1.0\r\nAuthorization: Bearer {token}\r\n{kind}Content-Length: {length}\r\n\r\n"
    );
    exchange(server, format!("{head}{body}").as_bytes())
}

fn get(server: SocketAddr, path: &str) -> Answer {
    ask(server, "GET", path, None)
}

fn now() -> u64 {
    UNIX_EPOCH.elapsed().expect("a clock after 1970").as_secs()
}

/// The text between the quotes behind a name.
fn field<'a>(json: &'a str, name: &str) -> &'a str {
    let start = json.find(&format!("\"{name}\":")).expect(name) + name.len() + 3;
    let rest = &json[start..];
    let end = rest.find([',', '}']).expect("an end");
    rest[..end].trim_matches('"')
}

fn announced(server: &Server, path: &str) -> bool {
    let target = announce_target(&[7; 20], 7000, 0, "").replace("/announce", path);
    HttpClient::connect(server.tcp_v4())
        .get(&target)
        .text()
        .contains("5:peers")
}

#[test]
fn keys_are_made_given_told_and_taken_back() {
    let folder = Folder::new("api");
    let server = start(&folder, "tracker.mode private\n");
    let api = server.api();
    assert!(!announced(&server, &format!("/announce/{KEY}")));

    let made = ask(api, "POST", "/api/v1/key/3600", None);
    assert_eq!(made.status, 200, "{made:?}");
    assert!(
        made.head
            .contains("Content-Type: application/json; charset=utf-8")
    );
    let key = field(&made.body, "key").to_string();
    let until: u64 = field(&made.body, "valid_until").parse().expect("a number");
    assert!(key.len() == 32 && key.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    assert!(
        (now() + 3590..=now() + 3600).contains(&until),
        "{}",
        made.body
    );
    assert!(field(&made.body, "expiry_time").ends_with(" UTC"));
    assert!(announced(&server, &format!("/announce/{key}")));

    // As Torrust's: null is for ever.
    let given = ask(
        api,
        "POST",
        "/api/v1/keys",
        Some(&format!(r#"{{"key":"{KEY}","seconds_valid":null}}"#)),
    );
    assert_eq!(
        given.body,
        format!(
            r#"{{"key":"{KEY}","valid_until":null,"expiry_time":null,"info_hash":null,"most_peers":null}}"#
        )
    );
    assert!(announced(&server, &format!("/announce/{KEY}")));

    let list = get(api, "/api/v1/keys").body;
    assert!(list.contains(KEY) && list.contains(&key) && list.contains(r#""origin":"granted""#));
    assert_eq!(get(api, "/api/v1/keys?offset=2").body, "[]");
    assert_eq!(
        get(api, "/api/v1/keys?limit=1&offset=1")
            .body
            .matches("valid_until")
            .count(),
        1
    );

    let gone = ask(api, "DELETE", &format!("/api/v1/key/{KEY}"), None);
    assert_eq!(
        (gone.status, gone.body.as_str()),
        (200, r#"{"status":"ok"}"#)
    );
    assert!(!announced(&server, &format!("/announce/{KEY}")));
    assert_eq!(
        ask(api, "DELETE", &format!("/api/v1/key/{KEY}"), None).status,
        404
    );
}

#[test]
fn keys_are_uploaded_together_or_not_at_all() {
    let folder = Folder::new("api");
    let server = start(&folder, "tracker.mode private\naccess.key_entries 100\n");
    let api = server.api();
    let upload = |from: usize, count: usize| {
        let keys: Vec<_> = (from..from + count)
            .map(|nth| format!(r#"{{"key":"{nth:032}","seconds_valid":60}}"#))
            .collect();
        ask(
            api,
            "POST",
            "/api/v1/keys",
            Some(&format!("[{}]", keys.join(", "))),
        )
    };
    assert_eq!(upload(0, 90).body, r#"{"added":90,"changed":0}"#);
    assert_eq!(upload(80, 20).body, r#"{"added":10,"changed":10}"#);
    let full = upload(90, 100);
    assert_eq!(full.status, 507, "{full:?}");
    let odd = format!(r#"[{{"key":"{KEY}"}},{{"key":"short"}}]"#);
    assert_eq!(ask(api, "POST", "/api/v1/keys", Some(&odd)).status, 400);
    let list = get(api, "/api/v1/keys").body;
    assert_eq!(list.matches("valid_until").count(), 100);
    assert!(!list.contains(KEY));
    let bound = format!(
        r#"{{"key":"{:032}","info_hash":"{HASH}","most_peers":3}}"#,
        5
    );
    let bound = ask(api, "POST", "/api/v1/keys", Some(&bound)).body;
    assert!(
        bound.contains(HASH) && bound.ends_with(r#""most_peers":3}"#),
        "{bound}"
    );
}

#[test]
fn torrents_are_listed_and_taken_off() {
    let folder = Folder::new("api");
    let server = start(&folder, "tracker.mode listed\n");
    let api = server.api();
    let seven = "07".repeat(20);
    assert!(!announced(&server, "/announce"));
    for _ in 0..2 {
        let added = ask(api, "POST", &format!("/api/v1/whitelist/{seven}"), None);
        assert_eq!(
            (added.status, added.body.as_str()),
            (200, r#"{"status":"ok"}"#)
        );
    }
    assert!(announced(&server, "/announce"));
    assert_eq!(get(api, "/api/v1/whitelist").body, format!("[\"{seven}\"]"));
    let more: Vec<_> = (0..180).map(|nth| format!("\"{nth:040x}\"")).collect();
    let more = ask(
        api,
        "POST",
        "/api/v1/whitelist",
        Some(&format!("[{}]", more.join(","))),
    );
    assert_eq!(more.body, r#"{"added":180}"#);
    assert_eq!(
        get(api, "/api/v1/whitelist").body.matches('"').count(),
        2 * 181
    );
    for _ in 0..2 {
        let gone = ask(api, "DELETE", &format!("/api/v1/whitelist/{seven}"), None);
        assert_eq!(gone.status, 200);
    }
    assert!(!announced(&server, "/announce"));
}

#[test]
fn files_are_read_again_when_asked() {
    let folder = Folder::new("api");
    let list = folder.write("list", "");
    let server = start(&folder, &format!("access.whitelist {list}\n"));
    assert!(!announced(&server, "/announce"));
    folder.write("list", "07".repeat(20));
    assert_eq!(
        get(server.api(), "/api/v1/whitelist/reload").body,
        r#"{"status":"ok"}"#
    );
    server.wait_for_stderr("whitelist: 1 hash");
    assert!(announced(&server, "/announce"));
    assert_eq!(get(server.api(), "/api/v1/keys/reload").status, 200);
}

#[test]
fn torrents_and_counters_are_told() {
    let folder = Folder::new("api");
    let server = start(&folder, "");
    let api = server.api();
    assert_eq!(get(api, "/api/v1/torrents").body, "[]");
    let mut client = HttpClient::connect(server.tcp_v4());
    for number in 0..200u8 {
        let left = u64::from(number % 3);
        client.announce(&announce_target(
            &[number; 20],
            7000 + u16::from(number),
            left,
            "",
        ));
    }
    let all = get(api, "/api/v1/torrents").body;
    assert_eq!(all.matches("info_hash").count(), 200);
    let hash = |number: u8| format!("{number:02x}").repeat(20);
    let of = |number: u8| {
        let (seeders, leechers) = if number.is_multiple_of(3) {
            (1, 0)
        } else {
            (0, 1)
        };
        let hash = hash(number);
        format!(
            r#"{{"info_hash":"{hash}","seeders":{seeders},"completed":0,"leechers":{leechers}}}"#
        )
    };
    assert!(
        all.starts_with(&format!("[{},{}", of(0), of(1))),
        "{}",
        &all[..300]
    );
    assert_eq!(
        get(api, "/api/v1/torrents?offset=10&limit=2").body,
        format!("[{},{}]", of(10), of(11))
    );
    assert_eq!(get(api, "/api/v1/torrents?offset=200").body, "[]");
    let named = format!(
        "/api/v1/torrents?info_hash={}&info_hash={}",
        hash(9),
        "e".repeat(40)
    );
    assert_eq!(get(api, &named).body, format!("[{}]", of(9)));
    let one = get(api, &format!("/api/v1/torrent/{}", hash(9))).body;
    assert!(one.contains(r#""seeders":1,"#) && one.contains(r#""peer_addr":"127.0.0.1:7009""#));
    let unknown = get(api, &format!("/api/v1/torrent/{HASH}"));
    assert_eq!(unknown.status, 404);
    let stats = ask_as(api, READER, "GET", "/api/v1/stats", None).body;
    for (name, value) in [
        ("torrents", "200"),
        ("seeders", "67"),
        ("leechers", "133"),
        ("completed", "0"),
        ("tcp4_announces_handled", "200"),
        ("tcp6_announces_handled", "0"),
        ("udp4_announces_handled", "0"),
    ] {
        assert_eq!(field(&stats, name), value, "{stats}");
    }
    assert!(
        get(api, "/api/v1/metrics")
            .body
            .contains("wrtracker_torrents 200")
    );
    assert!(
        get(api, "/api/v1/stats?format=prometheus")
            .body
            .contains("wrtracker_torrents 200")
    );
    assert!(get(api, "/api/v1/memory").body.starts_with(r#"{"limit":"#));
    assert!(get(api, "/api/v1/openapi.json").body.contains("openapi"));
}

#[test]
fn tokens_have_roles_and_are_needed() {
    let folder = Folder::new("api");
    let server = start(&folder, "tracker.mode private_listed\n");
    let api = server.api();
    let health = exchange(api, b"GET /api/health_check HTTP/1.0\r\n\r\n");
    assert_eq!(
        (health.status, health.body.as_str()),
        (200, r#"{"status":"Ok"}"#)
    );
    let without = exchange(api, b"GET /api/v1/stats HTTP/1.0\r\n\r\n");
    assert_eq!(without.status, 401);
    assert!(without.head.contains("WWW-Authenticate: Bearer"));
    let query = format!("GET /api/v1/stats?token={READER} HTTP/1.0\r\n\r\n");
    assert_eq!(exchange(api, query.as_bytes()).status, 200);
    assert_eq!(
        ask_as(api, "wrong-token", "GET", "/api/v1/stats", None).status,
        401
    );
    for (method, path) in [
        ("GET", "/api/v1/keys"),
        ("POST", "/api/v1/key/60"),
        ("POST", "/api/v1/keys"),
        ("POST", &format!("/api/v1/whitelist/{HASH}")),
        ("GET", "/api/v1/keys/reload"),
    ] {
        assert_eq!(
            ask_as(api, READER, method, path, None).status,
            403,
            "{method} {path}"
        );
    }
    // The tracker's own listeners have nothing of it.
    let client = &mut HttpClient::connect(server.tcp_v4());
    assert_eq!(
        client.get(&format!("/api/v1/stats?token={ADMIN}")).status,
        200
    );
    assert!(!server.stderr().contains(ADMIN) && !server.stderr().contains(READER));
}

#[test]
fn what_is_wrong_has_a_status_and_a_reason() {
    let folder = Folder::new("api");
    let server = start(&folder, "tracker.mode private_listed\n");
    let api = server.api();
    for (method, path, json, status) in [
        ("GET", "/", None, 404),
        ("GET", "/api/v1/nothing", None, 404),
        ("PUT", "/api/v1/keys", None, 405),
        ("DELETE", "/api/v1/stats", None, 405),
        ("POST", "/api/v1/key/-1", None, 400),
        ("POST", "/api/v1/key/18446744073709551615", None, 400),
        ("POST", "/api/v1/key/99999999999999999999999", None, 400),
        ("DELETE", "/api/v1/key/short", None, 400),
        ("POST", "/api/v1/whitelist/abc", None, 400),
        ("GET", "/api/v1/torrents?offset=-1", None, 400),
        ("GET", "/api/v1/torrents?limit=x", None, 400),
        ("GET", "/api/v1/torrents?limit=", None, 200),
        ("GET", "/api/v1/stats?format=xml", None, 400),
        ("POST", "/api/v1/keys", None, 415),
        ("POST", "/api/v1/keys", Some(""), 422),
        ("POST", "/api/v1/keys", Some("{"), 422),
        ("POST", "/api/v1/keys", Some(r#"{"key":5}"#), 422),
        ("POST", "/api/v1/keys", Some(r#"{"seconds_valid":-5}"#), 422),
        ("POST", "/api/v1/keys", Some(r#"{"most_peers":0}"#), 422),
        ("POST", "/api/v1/keys", Some(r#"{"most_peers":256}"#), 422),
        ("POST", "/api/v1/keys", Some(r#"{"key":"short"}"#), 400),
        ("POST", "/api/v1/keys", Some(r#"{"info_hash":"abc"}"#), 400),
        ("POST", "/api/v1/keys", Some(r#"[{"key":null}"#), 422),
        ("POST", "/api/v1/whitelist", Some("[1]"), 422),
        ("POST", "/api/v1/whitelist", Some(r#"["abc"]"#), 400),
    ] {
        let answer = ask(api, method, path, json);
        assert_eq!(
            answer.status, status,
            "{method} {path} {json:?}: {answer:?}"
        );
        assert!(!answer.body.is_empty());
    }
    let raw = |text: String| exchange(api, text.as_bytes());
    let bearer = format!("Authorization: Bearer {ADMIN}\r\n");
    assert_eq!(raw("nonsense\r\n\r\n".into()).status, 400);
    let chunked =
        format!("POST /api/v1/keys HTTP/1.1\r\n{bearer}Transfer-Encoding: chunked\r\n\r\n");
    assert_eq!(raw(chunked).status, 411);
    let long = format!("POST /api/v1/keys HTTP/1.1\r\n{bearer}Content-Length: 9000\r\n\r\n");
    assert_eq!(raw(long).status, 413);
    let head = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(9000));
    assert_eq!(raw(head).status, 413);
}

#[test]
fn an_empty_format_was_taken_and_the_description_denied_it() {
    let folder = Folder::new("api");
    let server = start(&folder, "");
    for path in ["stats?format=", "torrents?limit=", "torrents?offset="] {
        let answer = get(server.api(), &format!("/api/v1/{path}"));
        assert_eq!(answer.status, 200, "{path}");
    }
    let description = get(server.api(), "/api/v1/openapi.json").body;
    assert!(description.contains(r#""enum":["json","prometheus",""]"#));
}

#[test]
fn torrusts_words_for_those_who_look_for_them() {
    let folder = Folder::new("api");
    let server = start(&folder, "tracker.mode private_listed\napi.status torrust\n");
    let api = server.api();
    let without = exchange(api, b"GET /api/v1/stats HTTP/1.0\r\n\r\n");
    assert_eq!(without.status, 500);
    assert_eq!(
        without.body,
        r#"Unhandled rejection: Err { reason: "unauthorized" }"#
    );
    let wrong = ask_as(api, "wrong-token", "GET", "/api/v1/stats", None);
    assert_eq!(wrong.status, 500);
    assert_eq!(
        wrong.body,
        r#"Unhandled rejection: Err { reason: "token not valid" }"#
    );
    let unknown = get(api, &format!("/api/v1/torrent/{HASH}"));
    assert_eq!(
        (unknown.status, unknown.body.as_str()),
        (200, r#""torrent not known""#)
    );
    assert_eq!(get(api, "/nothing").body, "");
}

#[test]
fn requests_may_come_byte_by_byte_and_many_at_a_time() {
    let folder = Folder::new("api");
    let server = start(&folder, "tracker.mode private\n");
    let json = format!(r#"{{"key":"{KEY}"}}"#);
    let post = |persistence: &str| {
        format!(
            "POST /api/v1/keys HTTP/1.1\r\nAuthorization: Bearer {ADMIN}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n{persistence}\r\n{json}",
            json.len()
        )
    };
    let mut stream = TcpStream::connect(server.api()).expect("to connect");
    stream.set_nodelay(true).expect("to send at once");
    for byte in post("Connection: close\r\n").as_bytes() {
        stream.write_all(&[*byte]).expect("to send");
    }
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    assert!(parse(&text).body.contains(KEY), "{text}");
    // In one piece, a list between them, each in its turn.
    let list = format!("GET /api/v1/keys HTTP/1.1\r\nAuthorization: Bearer {ADMIN}\r\n\r\n");
    let many = format!(
        "{}{list}{}{}",
        post(""),
        post(""),
        post("Connection: close\r\n")
    );
    let mut stream = TcpStream::connect(server.api()).expect("to connect");
    stream.write_all(many.as_bytes()).expect("to send");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("answers");
    assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 4, "{text}");
    assert_eq!(text.matches("Transfer-Encoding: chunked").count(), 1);
}

#[test]
fn who_guesses_tokens_is_slowed_down_and_others_are_served() {
    let folder = Folder::new("api");
    let server = start(&folder, "");
    let api = server.api();
    let mut statuses = Vec::new();
    for number in 0..200 {
        let answer = ask_as(
            api,
            &format!("wrong-token-{number}"),
            "GET",
            "/api/v1/stats",
            None,
        );
        statuses.push(answer.status);
    }
    assert_eq!(statuses.first(), Some(&401));
    assert_eq!(statuses.last(), Some(&429));
    // The right one isn't looked at either, and announces go on.
    assert_eq!(get(api, "/api/v1/stats").status, 429);
    assert!(announced(&server, "/announce"));
}

#[test]
fn the_programs_own_commands_use_it() {
    let folder = Folder::new("api");
    let server = start(&folder, "tracker.mode private_listed\n");
    let list = folder.write("upload", format!("{HASH}\n{}\n", "07".repeat(20)));
    let token = folder.write("token", ADMIN);
    let wrtracker = |words: &[&str]| {
        let url = format!("http://{}", server.api());
        let output = Command::new(binary())
            .args(words)
            .args(["--api", &url, "--token-file", &token])
            .output()
            .expect("the program starts");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words:?}: {error}");
        String::from_utf8(output.stdout).expect("text")
    };
    let made = wrtracker(&["key", "new", "--format", "json"]);
    let key = field(&made, "key").to_string();
    wrtracker(&["whitelist", "upload", &list]);
    assert!(wrtracker(&["whitelist", "list"]).contains(HASH));
    assert!(wrtracker(&["key", "list"]).contains(&key));
    assert!(announced(&server, &format!("/announce/{key}")));
    wrtracker(&["whitelist", "remove", &"07".repeat(20)]);
    assert!(!announced(&server, &format!("/announce/{key}")));
    wrtracker(&["key", "delete", &key]);
    assert!(!wrtracker(&["key", "list"]).contains(&key));
}

#[test]
fn without_a_token_there_is_no_interface() {
    let folder = Folder::new("api");
    let conf = folder.write("conf", "listen.tcp 127.0.0.1:0\napi.listen 127.0.0.1:0\n");
    let server = Server::start(&["-f", &conf]);
    assert!(!server.stderr().contains("listening on api"));
    assert!(
        server
            .stderr()
            .contains("api.listen and api.tls do nothing without an api.token")
    );
}
