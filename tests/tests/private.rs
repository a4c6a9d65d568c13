//! Private trackers from outside: keys in each form, each refusal, listeners of different modes, files
//! of keys, signed torrents.
#![forbid(unsafe_code)]

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Instant, UNIX_EPOCH};

use rustix::process::Signal;
use wrtracker_tests::folder::Folder;
use wrtracker_tests::http_client::{
    Announced, HttpClient, Reply, announce_target, percent_encode, scrape_target,
};
use wrtracker_tests::server::{DEADLINE, Server};
use wrtracker_tests::udp_client::{Announce, STOPPED, UdpClient, fresh_transaction, parse_error};

const KEY: &str = "0123456789abcdefghijABCDEFGHIJKL";
const EXPIRED: &str = "expired0123456789abcdefghijABCDE";
const BOUND: &str = "sc0123456789abcdefghijABCDEFGHIJ";
const LIMITED: &str = "announce9abcdefghijABCDEFGHIJKLM";
const UNKNOWN: &str = "unknown6789abcdefghijABCDEFGHIJK";

const A: [u8; 20] = *b"aaaaaaaaaaaaaaaaaaaa";
const B: [u8; 20] = *b"bbbbbbbbbbbbbbbbbbbb";

/// Made by openssl: a public key, an info hash and its signature.
const SIGNER: &str = "ldivOcgBNDyLSK9v7Odqlif_27pB5plm9Q8q0oUYg5Y";
const SIGNED: [u8; 20] =
    *b"\x43\xf9\x8d\x54\xb5\x9d\x60\x64\x3e\x10\xad\x3a\xcd\x6c\xce\xa0\x1e\x57\xe2\x42";
const SIGNATURE: &str =
    "WDpPnY--cR6Bd4hBx144VB3t705A7JK52WQMztiBu0ZwvghM-aGHfcepm-mFHGKsH1gjfs_R6BEAttQZpE8IBw";

/// A program with these directives, in which `KEYS` and `LIST` stand for files.
fn start(folder: &Folder, directives: &str) -> Server {
    let hash: String = A.iter().map(|byte| format!("{byte:02x}")).collect();
    // Not so long ago that it is forgotten.
    let now = UNIX_EPOCH.elapsed().expect("a clock after 1970").as_secs();
    let past = now - 100;
    let keys = folder.write(
        "keys",
        format!("{KEY}\n{EXPIRED} {past}\n{BOUND} 4000000000 {hash}\n{LIMITED} - - 2 # two\n"),
    );
    let list = folder.write("list", format!("{hash}\n"));
    let text = directives.replace("KEYS", &keys).replace("LIST", &list);
    let conf = folder.write("conf", &text);
    Server::start(&["-f", &conf])
}

/// Where the program listens at this address.
fn at(server: &Server, protocol: &str, ip: &str) -> SocketAddr {
    let start = format!("wrtracker: listening on {protocol} ");
    let log = server.stderr();
    let mut places = log.lines().filter_map(|line| line.strip_prefix(&start));
    let place = places.find(|place| place.starts_with(ip));
    place.expect("a listener").parse().expect("an address")
}

/// What an announce comes to: the peers that it counts, or why not.
type Told = Result<u32, String>;

fn over_http(server: SocketAddr, from: &str, target: &str) -> Told {
    let from: IpAddr = from.parse().unwrap();
    told(&HttpClient::bound_to(from, server).get(target))
}

fn told(reply: &Reply) -> Told {
    if reply.bencode().find("failure reason").is_some() {
        return Err(reply.failure());
    }
    let reply = Announced::parse(reply);
    Ok(u32::try_from(reply.complete + reply.incomplete).unwrap())
}

/// The same path and query in the URL data of a UDP announce, in pieces of `piece` bytes.
fn url_data(url: &str, piece: usize) -> Vec<u8> {
    let mut options = Vec::new();
    for piece in url.as_bytes().chunks(piece) {
        options.extend([2, u8::try_from(piece.len()).unwrap()]);
        options.extend(piece);
    }
    options
}

fn over_udp(server: SocketAddr, from: &str, announce: &Announce) -> Told {
    let client = UdpClient::bound_to(from.parse().unwrap(), server);
    let connection = client.fresh_connection();
    let transaction = fresh_transaction();
    let reply = client.exchange(&announce.emit(connection, transaction));
    if reply[3] == 3 {
        let text = parse_error(&reply, transaction);
        let text = text.strip_suffix(b"\0").expect("a NUL at the end");
        return Err(String::from_utf8(text.to_vec()).unwrap());
    }
    let count = |at: usize| u32::from_be_bytes(reply[at..at + 4].try_into().unwrap());
    Ok(count(12) + count(16))
}

/// Announces `hash` with a URL over both protocols, which must come to the same.
fn announce(server: &Server, hash: [u8; 20], path: &str, more: &str) -> Result<(), String> {
    let target = announce_target(&hash, 1001, 1000, &more.replace('?', "&"));
    let target = target.replacen("/announce", path, 1);
    let http = over_http(server.tcp_v4(), "127.0.0.1", &target);
    let announce = Announce {
        options: url_data(&format!("{path}{more}"), 255),
        ..Announce::leecher(1001).with_hash(hash)
    };
    let udp = over_udp(server.udp_v4(), "127.0.0.1", &announce);
    assert_eq!(http.is_ok(), udp.is_ok(), "{http:?} {udp:?}");
    assert_eq!(http.as_ref().err(), udp.as_ref().err());
    udp.map(|_| ())
}

const PRIVATE: &str = "listen.tcp_udp 127.0.0.1:0\ntracker.mode private\naccess.keys KEYS\n";

#[test]
fn a_key_opens_the_tracker_in_each_form() {
    let folder = Folder::new("private");
    let server = start(&folder, PRIVATE);
    for (path, more) in [
        (format!("/announce/{KEY}"), String::new()),
        (format!("/{KEY}/announce"), String::new()),
        (format!("/{LIMITED}/announce"), String::new()),
        (format!("/announce.php/{KEY}"), String::new()),
        ("/announce".into(), format!("?passkey={KEY}")),
        (format!("/announce/{KEY}"), format!("?passkey={UNKNOWN}")),
    ] {
        assert_eq!(announce(&server, B, &path, &more), Ok(()), "{path}{more}");
    }
    let none = "This tracker is private: the announce URL has no key.";
    for (path, more) in [
        ("/announce".into(), String::new()),
        ("/announce".into(), format!("?key={KEY}")),
        (format!("/announce/{KEY}0"), String::new()),
        (format!("/announce/{}", &KEY[1..]), String::new()),
    ] {
        assert_eq!(
            announce(&server, B, &path, &more),
            Err(none.into()),
            "{path}{more}"
        );
    }
    // In pieces, behind options that say nothing; and what clients send by themselves.
    let refused = |options: Vec<u8>| {
        let announce = Announce {
            options,
            ..Announce::leecher(1001)
        };
        over_udp(server.udp_v4(), "127.0.0.1", &announce).err()
    };
    let url = format!("/announce/{KEY}");
    for piece in [1, 2, 31, 32] {
        let options = [&[1, 1, 200, 2, 0, 0][..], &url_data(&url, piece), &[0]].concat();
        assert_eq!(refused(options), None, "{piece}");
    }
    for options in [
        &b""[..],
        b"\x02\x09/announce",
        b"\x00\x00",
        b"\x02\xff/announce",
    ] {
        assert_eq!(refused(options.to_vec()).as_deref(), Some(none));
    }
}

#[test]
fn each_refusal_has_its_reason() {
    let folder = Folder::new("private");
    let server = start(
        &folder,
        &PRIVATE.replace("private", "private_listed\naccess.whitelist LIST"),
    );
    for (key, hash, expected) in [
        (KEY, A, None),
        (KEY, B, Some("Unregistered torrent.")),
        (EXPIRED, A, Some("The key in the announce URL has expired.")),
        (BOUND, A, None),
        (
            BOUND,
            B,
            Some("The key in the announce URL is for another torrent."),
        ),
        (
            UNKNOWN,
            A,
            Some("The key in the announce URL is not known here."),
        ),
    ] {
        let path = format!("/announce/{key}");
        let found = announce(&server, hash, &path, "").err();
        assert_eq!(found.as_deref(), expected, "{key}");
    }
    // Who has another one's URL can never get better, who has an old one can.
    let mut client = HttpClient::connect(server.tcp_v4());
    for (path, never) in [
        ("/announce".into(), true),
        (format!("/announce/{BOUND}"), true),
        (format!("/announce/{EXPIRED}"), false),
        (format!("/announce/{UNKNOWN}"), false),
    ] {
        let target = announce_target(&B, 1001, 1000, "").replacen("/announce", &path, 1);
        let reply = client.get(&target).bencode();
        assert_eq!(reply.int("interval"), 1800);
        let found = reply.find("retry in").is_some();
        assert_eq!(found, never, "{path}");
    }
}

#[test]
fn a_limited_key_is_for_so_many_addresses() {
    let folder = Folder::new("private");
    let server = start(&folder, PRIVATE);
    let target = |hash: [u8; 20], event: &str| {
        announce_target(&hash, 1001, 1000, &format!("{event}&passkey={LIMITED}"))
    };
    let http = |from, target: &str| over_http(server.tcp_v4(), from, target).err();
    let udp = |from, event| {
        let announce = Announce {
            options: url_data(&format!("/{LIMITED}/announce"), 9),
            ..Announce::leecher(1001).with_event(event)
        };
        over_udp(server.udp_v4(), from, &announce).err()
    };
    let full = Some("Too many peers use the key in the announce URL.".to_owned());
    assert_eq!(http("127.0.0.1", &target(A, "")), None);
    assert_eq!(udp("127.0.0.2", 0), None);
    // The same address may have more torrents.
    assert_eq!(http("127.0.0.2", &target(B, "")), None);
    assert_eq!(http("127.0.0.3", &target(A, "")), full);
    assert_eq!(udp("127.0.0.3", 0), full);
    // Who leaves makes room.
    assert_eq!(udp("127.0.0.2", STOPPED), None);
    assert_eq!(http("127.0.0.3", &target(A, "")), None);
    assert_eq!(udp("127.0.0.2", 0), full);
}

#[test]
fn scrapes_without_a_right_are_answered_with_zeros() {
    let folder = Folder::new("private");
    let server = start(&folder, PRIVATE);
    let announced = |hash| announce(&server, hash, &format!("/announce/{KEY}"), "");
    assert_eq!((announced(A), announced(B)), (Ok(()), Ok(())));
    let mut client = HttpClient::connect(server.tcp_v4());
    let mut leechers = |path: &str, more: &str| {
        let target = scrape_target(&[A, B]).replacen("/scrape", path, 1) + more;
        let reply = client.get(&target).bencode();
        let files = reply.find("files").expect("files");
        [A, B].map(|hash| files.find(hash).expect("a torrent").int("incomplete"))
    };
    for (path, more, expected) in [
        (format!("/scrape/{KEY}"), String::new(), [1, 1]),
        (format!("/{KEY}/scrape"), String::new(), [1, 1]),
        ("/scrape".into(), format!("&passkey={KEY}"), [1, 1]),
        (format!("/{BOUND}/scrape"), String::new(), [1, 0]),
        (format!("/{LIMITED}/scrape"), String::new(), [1, 1]),
        ("/scrape".into(), String::new(), [0, 0]),
        (format!("/scrape/{EXPIRED}"), String::new(), [0, 0]),
        (format!("/scrape/{UNKNOWN}"), String::new(), [0, 0]),
    ] {
        assert_eq!(leechers(&path, &more), expected, "{path}{more}");
    }
    let scraped = UdpClient::connect(server.udp_v4()).scrape(&[A, B]);
    assert!(
        scraped
            .iter()
            .all(|one| one.leechers == 0 && one.seeders == 0)
    );
    // A key opens neither statistics nor a scrape of all torrents.
    assert_eq!(client.get("/scrape").status, 403);
    let failure = client.get(&format!("/{KEY}/scrape")).failure();
    assert!(
        failure.starts_with("A scrape must name torrents"),
        "{failure}"
    );
    for path in ["/stats", "/metrics"] {
        let status = HttpClient::connect(server.tcp_v4()).get(path).status;
        assert_eq!(status, 403, "{path}");
    }
    let path = format!("/{KEY}/stats");
    assert_eq!(HttpClient::connect(server.tcp_v4()).get(&path).status, 404);
}

#[test]
fn listeners_have_modes_of_their_own_and_share_the_swarms() {
    let folder = Folder::new("private");
    for workers in ["", "listen.udp.workers 2\n"] {
        let server = start(
            &folder,
            &format!(
                "{workers}listen.tcp_udp 127.0.0.1:0 private\nlisten.tcp_udp 127.0.0.2:0 public\n\
             listen.udp 127.0.0.3:0 listed\nlisten.tcp 127.0.0.3:0\ntracker.mode private_listed\n\
             access.keys KEYS\naccess.whitelist LIST\n"
            ),
        );
        let mut port = 1000;
        let mut announce = |protocol: &str, ip: &str, hash, key: &str| {
            port += 1;
            let server = at(&server, protocol, ip);
            if protocol == "udp" {
                let announce = Announce {
                    options: url_data(&format!("/announce/{key}"), 255),
                    ..Announce::leecher(port).with_hash(hash)
                };
                over_udp(server, "127.0.0.1", &announce).map_err(|text| text[..12].to_owned())
            } else {
                let target = announce_target(&hash, port, 1, &format!("&passkey={key}"));
                let told = over_http(server, "127.0.0.1", &target);
                told.map_err(|text| text[..12].to_owned())
            }
        };
        let no = |text: &str| Err(text.to_owned());
        for protocol in ["udp", "tcp"] {
            let before = if protocol == "udp" { 0 } else { 3 };
            assert_eq!(announce(protocol, "127.0.0.1", B, ""), no("This tracker"));
            assert_eq!(
                announce(protocol, "127.0.0.1", B, UNKNOWN),
                no("The key in t")
            );
            assert_eq!(announce(protocol, "127.0.0.1", B, KEY), Ok(before + 1));
            assert_eq!(announce(protocol, "127.0.0.2", B, ""), Ok(before + 2));
            assert_eq!(announce(protocol, "127.0.0.2", B, UNKNOWN), Ok(before + 3));
        }
        assert_eq!(announce("udp", "127.0.0.3", B, KEY), no("Requested do"));
        assert_eq!(announce("udp", "127.0.0.3", A, ""), Ok(1));
        assert_eq!(announce("tcp", "127.0.0.3", A, ""), no("This tracker"));
        assert_eq!(announce("tcp", "127.0.0.3", B, KEY), no("Unregistered"));
        assert_eq!(announce("tcp", "127.0.0.3", A, KEY), Ok(2));
        assert!(server.terminate().success());
    }
}

/// Asks until it is so. Every question is a round trip, so this never spins.
fn until(mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !so() {
        assert!(Instant::now() < deadline, "it doesn't come true");
    }
}

#[test]
fn a_file_of_keys_is_read_again_and_wrong_lines_are_named() {
    let folder = Folder::new("private");
    let server = start(&folder, &format!("{PRIVATE}access.key_entries 2000\n"));
    let opens = |key: &str| {
        let target = announce_target(&B, 1001, 1000, &format!("&passkey={key}"));
        // Not from an address that guesses.
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let from = Ipv4Addr::from_bits(0x7f00_0100 + NEXT.fetch_add(1, Ordering::Relaxed));
        over_http(server.tcp_v4(), &from.to_string(), &target).is_ok()
    };
    assert!(opens(KEY) && !opens(UNKNOWN) && !opens(BOUND));
    server.wait_for_stderr("keys: 4 from ");
    let nth = |nth: u32| format!("{nth:032}");
    let many: String = (0..900).map(|one| nth(one) + "\n").collect();
    folder.write(
        "keys",
        format!("{UNKNOWN}\nsecretkeywithoutend 5\n{KEY} tomorrow\n{many}"),
    );
    server.signal(Signal::HUP);
    until(|| opens(UNKNOWN));
    assert!(!opens(KEY) && opens(&nth(0)) && opens(&nth(899)) && !opens(&nth(900)));
    server.wait_for_stderr("keys:2: no key of 32 letters and digits at its beginning");
    server.wait_for_stderr("keys:3: no seconds since 1970 and no - behind the key");
    server.wait_for_stderr("keys: 901 from ");
    server.wait_for_stderr(", 2 wrong lines left out");
    // One that can't be read, and one with too many, change nothing.
    fs::remove_file(folder.path("keys")).unwrap();
    server.signal(Signal::HUP);
    server.wait_for_stderr("they stay as they were, 901 of them");
    let many: String = (0..3_000).map(|one| nth(one) + "\n").collect();
    folder.write("keys", &many);
    server.signal(Signal::HUP);
    server.wait_for_stderr("more keys than there is room for (see access.key_entries)");
    assert!(opens(UNKNOWN) && opens(&nth(899)) && !opens(&nth(900)));
    folder.write("keys", format!("{KEY}\n"));
    server.signal(Signal::HUP);
    until(|| opens(KEY));
    assert!(!opens(UNKNOWN) && !opens(&nth(0)));
    let log = server.stderr();
    for key in [KEY, UNKNOWN, "secretkey", &nth(7)] {
        assert!(!log.contains(key), "{log}");
    }
}

#[test]
fn who_guesses_is_slowed_down_and_nobody_else() {
    let folder = Folder::new("private");
    let server = start(&folder, PRIVATE);
    let client = UdpClient::bound_to("127.0.0.5".parse().unwrap(), server.udp_v4());
    let connection = client.fresh_connection();
    let guess = |key: &str| {
        let announce = Announce {
            options: url_data(&format!("/announce/{key}"), 255),
            ..Announce::leecher(1001)
        };
        let transaction = fresh_transaction();
        let reply = client.exchange(&announce.emit(connection, transaction));
        (reply[3] == 3).then(|| parse_error(&reply, transaction))
    };
    let blocked = |reply: Option<Vec<u8>>| {
        reply.is_some_and(|text| text.starts_with(b"Too many wrong keys from your address."))
    };
    assert_eq!(guess(KEY), None);
    let wrong = (0..10_000).position(|nth| blocked(guess(&format!("{nth:032}"))));
    assert!(wrong.is_some_and(|count| count >= 60), "{wrong:?}");
    // Now not even the right one helps, over HTTP neither.
    assert!(blocked(guess(KEY)));
    let target = announce_target(&B, 1001, 1000, &format!("&passkey={KEY}"));
    let mut http = HttpClient::bound_to("127.0.0.5".parse().unwrap(), server.tcp_v4());
    let reply = http.get(&target).bencode();
    assert_eq!((reply.int("interval"), reply.int("retry in")), (300, 5));
    assert!(over_http(server.tcp_v4(), "127.0.0.6", &target).is_ok());
}

#[test]
fn a_signed_torrent_needs_no_list() {
    let folder = Folder::new("private");
    let server = start(
        &folder,
        &format!("listen.tcp_udp 127.0.0.1:0\naccess.signed_by {SIGNER}\n"),
    );
    let denied = "Requested download is not authorized for use with this tracker.";
    let wrong = SIGNATURE.replacen(&SIGNATURE[9..10], "_", 1);
    let wrong = if wrong == SIGNATURE {
        "A".repeat(86)
    } else {
        wrong
    };
    let path = |signature: &str| format!("/announce/{signature}");
    assert_eq!(
        announce(&server, SIGNED, "/announce", ""),
        Err(denied.into())
    );
    let bad = Err("The signature in the announce URL is wrong.".into());
    assert_eq!(announce(&server, SIGNED, &path(&wrong), ""), bad);
    assert_eq!(announce(&server, SIGNED, &path(SIGNATURE), ""), Ok(()));
    // It is stored: nobody looks at signatures any more, and any number may come.
    assert_eq!(announce(&server, SIGNED, &path(&wrong), ""), Ok(()));
    assert_eq!(announce(&server, SIGNED, "/announce", ""), Ok(()));
    // Another torrent needs one of its own, and too many of them at a time have to wait.
    let busy = "The tracker is busy checking signatures. Come again in a minute.";
    let target = |nth: u32| {
        let hash = percent_encode(&[&A[..16], &nth.to_be_bytes()].concat());
        format!("/{SIGNATURE}/announce?info_hash={hash}&peer_id=-WR0001-000000000000&port=1")
    };
    let mut client = HttpClient::connect(server.tcp_v4());
    let (mut seen_wrong, mut seen_busy) = (false, false);
    for nth in 0..50 {
        let reply = client.get(&target(nth)).bencode();
        let text = reply.string("failure reason");
        seen_wrong |= text == b"The signature in the announce URL is wrong.";
        if text == busy.as_bytes() {
            seen_busy = true;
            assert_eq!((reply.int("interval"), reply.int("retry in")), (60, 1));
        }
    }
    assert!(seen_wrong && seen_busy);
}

#[test]
fn a_signature_is_looked_at_again_where_others_let_torrents_in() {
    let folder = Folder::new("private");
    let server = start(
        &folder,
        &format!(
            "listen.tcp_udp 127.0.0.1:0\nlisten.tcp 127.0.0.2:0 public\naccess.signed_by {SIGNER}\n\
         tracker.mode listed\n"
        ),
    );
    let target = announce_target(&SIGNED, 1001, 1000, "");
    let public = at(&server, "tcp", "127.0.0.2");
    assert_eq!(over_http(public, "127.0.0.1", &target), Ok(1));
    let listed = at(&server, "tcp", "127.0.0.1");
    assert!(over_http(listed, "127.0.0.1", &target).is_err());
    let target = format!("{target}&sig={SIGNATURE}");
    assert_eq!(over_http(listed, "127.0.0.1", &target), Ok(1));
}

#[test]
fn a_public_tracker_looks_at_no_url() {
    let server = Server::start(&[]);
    for url in [
        "/announce",
        "/x/announce",
        &format!("/announce/{KEY}?passkey={KEY}"),
    ] {
        let announce = Announce {
            options: url_data(url, 255),
            ..Announce::leecher(1001)
        };
        assert_eq!(over_udp(server.udp_v4(), "127.0.0.1", &announce), Ok(1));
    }
    let target = announce_target(&A, 1001, 1000, &format!("&passkey={KEY}"));
    assert_eq!(over_http(server.tcp_v4(), "127.0.0.1", &target), Ok(1));
}
