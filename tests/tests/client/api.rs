//! `wrtracker key` and `wrtracker whitelist`, against a server that stands in for the API.

use std::io::Write as _;
use std::net::SocketAddr;

use wrtracker_tests::folder::Folder;
use wrtracker_tests::server::command;

use super::stubs::{self, Requests, reply};
use super::{HASH, OTHER, Ran, run, run_with};

/// An API that answers each request by its first line and body.
fn api(
    mut answer: impl FnMut(&str, &str) -> (&'static str, String) + Send + 'static,
) -> (SocketAddr, Requests) {
    stubs::tcp(move |request, stream| {
        let line = request.lines().next().unwrap_or_default();
        let (_, body) = request.split_once("\r\n\r\n").unwrap_or_default();
        let (status, body) = answer(line, body);
        let _ = stream.write_all(&reply(status, body));
    })
}

/// Runs a command with a token in the environment.
fn with_token(api: SocketAddr, args: &[&str]) -> Ran {
    let api = format!("http://{api}");
    let mut command = command();
    command.env("WRTRACKER_TOKEN", "secret").args(args);
    run_with(command.args(["--api", &api]))
}

fn line_and_body(request: &str) -> (&str, &str) {
    let (head, body) = request.split_once("\r\n\r\n").expect("a head");
    (head.lines().next().expect("a line"), body)
}

const KEY: &str =
    "{\"key\":\"abc\",\"valid_until\":1900000000,\"expiry_time\":\"2030-03-17 17:46:40 UTC\"}";

#[test]
fn keys_are_made() {
    let (address, requests) = api(|_, _| ("200 OK", KEY.into()));
    let ran = with_token(address, &["key", "new"]);
    assert_eq!(ran.fine(), "abc until 2030-03-17 17:46:40 UTC\n");
    let ran = with_token(
        address,
        &[
            "key",
            "new",
            "--format",
            "json",
            "--key",
            "a\"b",
            "--seconds",
            "60",
            "--info-hash",
            OTHER,
            "--most-peers",
            "3",
        ],
    );
    assert_eq!(
        ran.fine(),
        "{\"key\":\"abc\",\"valid_until\":1900000000,\"expiry_time\":\"2030-03-17 17:46:40 UTC\",\
         \"info_hash\":null,\"most_peers\":null}\n"
    );
    let requests = requests.lock().unwrap();
    let (line, body) = line_and_body(&requests[0]);
    assert_eq!(line, "POST /api/v1/keys HTTP/1.1");
    let nothing = "{\"key\":null,\"seconds_valid\":null,\"info_hash\":null,\"most_peers\":null}";
    assert_eq!(body, nothing);
    assert!(requests[0].contains("\r\nAuthorization: Bearer secret\r\n"));
    let (_, body) = line_and_body(&requests[1]);
    let hash = OTHER.to_lowercase();
    assert_eq!(
        body,
        format!(
            "{{\"key\":\"a\\\"b\",\"seconds_valid\":60,\"info_hash\":\"{hash}\",\"most_peers\":3}}"
        )
    );
}

#[test]
fn keys_are_listed_a_page_at_a_time() {
    // Fewer than are asked for, as an API may have it.
    let (address, requests) = api(|line, _| {
        let page = if line.contains("?offset=0&") {
            format!("[{KEY},{{\"key\":\"b\\u001b\",\"valid_until\":null,\"origin\":\"file\"}}]")
        } else if line.contains("?offset=2&") {
            format!("[{{\"key\":\"c\",\"info_hash\":\"{HASH}\",\"most_peers\":2}}]")
        } else {
            "[]".into()
        };
        ("200 OK", page)
    });
    let ran = with_token(address, &["key", "list"]);
    assert_eq!(
        ran.fine(),
        format!(
            "abc until 2030-03-17 17:46:40 UTC\nb\\u{{1b}} for ever\nc for ever, for {HASH} alone, \
             2 peers\n"
        )
    );
    assert_eq!(requests.lock().unwrap().len(), 3);
    let ran = with_token(address, &["key", "list", "--format", "json"]);
    let lines: Vec<_> = ran.fine().lines().collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(
        lines[1],
        "{\"key\":\"b\\u001b\",\"valid_until\":null,\"expiry_time\":null,\"info_hash\":null,\
         \"most_peers\":null,\"origin\":\"file\"}"
    );
}

#[test]
fn keys_are_forgotten_and_torrents_allowed_or_not() {
    let (address, requests) = api(|line, _| match line.contains("bad") {
        true => ("404 Not Found", "no such key\x1b\n".into()),
        false => ("200 OK", "{\"status\":\"ok\"}".into()),
    });
    let ran = with_token(address, &["key", "delete", "a/b", "bad"]);
    assert_eq!(ran.stdout, "deleted a/b\n");
    assert_eq!(ran.failure(1), "bad: HTTP status 404: no such key\\u{1b}");
    with_token(address, &["whitelist", "add", HASH]).fine();
    let ran = with_token(address, &["whitelist", "remove", OTHER, "--format", "json"]);
    let hash = OTHER.to_lowercase();
    assert_eq!(
        ran.fine(),
        format!("{{\"info_hash\":\"{hash}\",\"status\":\"ok\"}}\n")
    );
    let lines: Vec<_> = requests
        .lock()
        .unwrap()
        .iter()
        .map(|r| line_and_body(r).0.into())
        .collect();
    let expected: [String; 4] = [
        "DELETE /api/v1/key/a%2fb HTTP/1.1".into(),
        "DELETE /api/v1/key/bad HTTP/1.1".into(),
        format!("POST /api/v1/whitelist/{HASH} HTTP/1.1"),
        format!("DELETE /api/v1/whitelist/{hash} HTTP/1.1"),
    ];
    let lines: Vec<String> = lines;
    assert_eq!(lines, expected);
}

#[test]
fn a_whitelist_is_listed() {
    let (address, _) = api(|line, _| {
        let page = match line.contains("?offset=0&limit=") {
            true => format!("[\"{HASH}\"]"),
            false => "[]".into(),
        };
        ("200 OK", page)
    });
    assert_eq!(
        with_token(address, &["whitelist", "list"]).fine(),
        format!("{HASH}\n")
    );
    let ran = with_token(address, &["whitelist", "list", "--format", "json"]);
    assert_eq!(ran.fine(), format!("{{\"info_hash\":\"{HASH}\"}}\n"));
}

#[test]
fn an_upload_is_split_into_requests_of_at_most_8_kib() {
    let (address, requests) = api(|_, body| {
        let count = body.matches("\",").count() + 1;
        ("200 OK", format!("{{\"added\":{count}}}"))
    });
    let mut text = String::from("# comment\nno hash\n");
    for nth in 0..1_000 {
        text += &format!("{nth:040X} comment\n");
    }
    text += HASH;
    let folder = Folder::new("client");
    let file = folder.write("upload", &text);
    let ran = with_token(address, &["whitelist", "upload", &file]);
    assert_eq!(
        ran.fine(),
        "1001 sent in 6 requests, 1001 added\n1 lines skipped, the first is line 2\n"
    );
    let mut expected: Vec<_> = (0..1_000).map(|nth| format!("{nth:040x}")).collect();
    expected.push(HASH.into());
    let mut got = Vec::new();
    for request in requests.lock().unwrap().iter() {
        assert!(request.len() <= 8 << 10, "{} bytes", request.len());
        let (line, body) = line_and_body(request);
        assert_eq!(line, "POST /api/v1/whitelist HTTP/1.1");
        let inner = body
            .strip_prefix("[\"")
            .and_then(|body| body.strip_suffix("\"]"));
        got.extend(inner.expect("an array").split("\",\"").map(String::from));
    }
    assert_eq!(got, expected);
}

#[test]
fn an_upload_that_fails_says_how_far_it_came() {
    let mut count = 0;
    let (address, _) = api(move |_, _| {
        count += 1;
        match count {
            1 => ("200 OK", "{\"added\":5}".into()),
            _ => ("503 Service Unavailable", "the list is full".into()),
        }
    });
    let text: String = (0..1_000).map(|nth| format!("{nth:040x}\n")).collect();
    let folder = Folder::new("client");
    let file = folder.write("upload", &text);
    let ran = with_token(address, &["whitelist", "upload", &file, "--format", "json"]);
    let failure = ran.failure(1);
    assert!(
        failure.ends_with(" hashes: HTTP status 503: the list is full"),
        "{failure}"
    );
    assert!(
        ran.stdout
            .contains("\"added\":5,\"requests\":1,\"skipped_lines\":0,"),
        "{ran:?}"
    );
    let empty = folder.write("empty", "");
    let ran = with_token(address, &["whitelist", "upload", &empty]);
    assert_eq!(ran.fine(), "0 sent in 0 requests, 0 added\n");
}

#[test]
fn a_token_comes_from_a_file_or_the_environment_and_cannot_break_out() {
    let (address, requests) = api(|_, _| ("200 OK", KEY.into()));
    let url = format!("http://{address}/base/");
    let folder = Folder::new("client");
    let file = folder.write("token", "from-file\n");
    let mut other = command();
    other.env("WRTRACKER_TOKEN", "from-environment");
    let args = ["key", "new", "--api", &url, "--token-file", &file];
    run_with(other.args(args)).fine();
    let request = requests.lock().unwrap().concat();
    assert!(request.starts_with("POST /base/api/v1/keys "), "{request}");
    assert!(
        request.contains("\r\nAuthorization: Bearer from-file\r\n"),
        "{request}"
    );
    for token in ["a\r\nX: y", "a b", "\u{e4}", &"x".repeat(1025)] {
        let file = folder.write("bad-token", token);
        let ran = run(&["key", "list", "--api", &url, "--token-file", &file]);
        assert!(ran.failure(2).contains("not a token"), "{ran:?}");
    }
    let ran = run(&["key", "list", "--token-file", "/nonexistent/file"]);
    assert!(
        ran.failure(2)
            .starts_with("--token-file /nonexistent/file: "),
        "{ran:?}"
    );
    assert_eq!(requests.lock().unwrap().len(), 1);
}

#[test]
fn what_an_api_should_not_answer_is_told() {
    for (status, body, what) in [
        (
            "401 Unauthorized",
            "no such token",
            "HTTP status 401: no such token",
        ),
        (
            "200 OK",
            "<html>",
            "no proper answer: something else than JSON",
        ),
        (
            "200 OK",
            "{}",
            "no proper answer: something else than a key",
        ),
        (
            "200 OK",
            "{\"key\":1}",
            "no proper answer: something else than a key",
        ),
        ("500 x", "", "HTTP status 500"),
    ] {
        let (address, _) = api(move |_, _| (status, body.into()));
        assert_eq!(with_token(address, &["key", "new"]).failure(1), what);
    }
    let (address, _) = api(|_, _| ("200 OK", "x".repeat((1 << 20) + 1)));
    let ran = with_token(address, &["key", "list"]);
    assert_eq!(ran.failure(1), "no proper answer: more than 1048576 bytes");
    let (address, _) = api(|_, _| ("200 OK", "[1]".into()));
    let ran = with_token(address, &["whitelist", "list"]);
    assert_eq!(
        ran.failure(1),
        "no proper answer: something else than an info hash"
    );
}
