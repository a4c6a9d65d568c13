//! Announces and scrapes against the program itself.

use wrtracker_tests::bencode::Value;
use wrtracker_tests::family::Family;
use wrtracker_tests::folder::Folder;
use wrtracker_tests::for_both_families;
use wrtracker_tests::server::Server;
use wrtracker_tests::torrent::{Privacy, Torrent};

use super::stubs;
use super::{HASH, OTHER, run};

/// Its URLs: over UDP and over HTTP.
fn urls(family: Family, server: &Server) -> [String; 2] {
    let (udp, tcp) = match family {
        Family::V4 => (server.udp_v4(), server.tcp_v4()),
        Family::V6 => (server.udp_v6(), server.tcp_v6()),
    };
    [
        format!("udp://{udp}/announce"),
        format!("http://{tcp}/announce"),
    ]
}

for_both_families! {
    fn announces_and_scrapes_over_both_protocols_agree(family: Family) {
        let server = Server::start(&[]);
        let ip = family.loopback();
        for (nth, url) in urls(family, &server).iter().enumerate() {
            let hash = [HASH, OTHER][nth];
            let lower = hash.to_lowercase();
            run(&["announce", url, hash, "--port", "1001", "--left", "0"]).fine();
            let ran = run(&["announce", url, hash, "--port=1002", "--format", "json"]);
            ran.fine();
            let text = ran.timeless();
            let address = url.split('/').nth(2).unwrap();
            let start = format!(
                "{{\"url\":\"{url}\",\"address\":\"{address}\",\"info_hash\":\"{lower}\",\"interval\":"
            );
            assert!(text.starts_with(&start), "{text}");
            let peers = format!("\"peers\":[{{\"ip\":\"{ip}\",\"port\":1001,\"peer_id\":null}}],");
            assert!(text.contains(&peers), "{text}");
            assert!(text.contains("\"complete\":1,\"incomplete\":1,"), "{text}");
            assert!(text.ends_with("\"tracker_id\":null,\"warning\":null,".to_owned().as_str())
                || text.ends_with(&format!("{peers}\"ms\":0}}\n")), "{text}");
            let external = match nth {
                0 => "\"external_ip\":null".to_owned(),
                _ => format!("\"external_ip\":\"{ip}\""),
            };
            assert!(text.contains(&external), "{text}");

            let ran = run(&["scrape", url, hash, "--format=json"]);
            ran.fine();
            assert_eq!(
                ran.timeless(),
                format!(
                    "{{\"url\":\"{url}\",\"info_hash\":\"{lower}\",\"address\":\"{address}\",\
                     \"complete\":1,\"downloaded\":0,\"incomplete\":1,\"ms\":0}}\n"
                )
            );

            let ran = run(&["announce", url, hash, "--port", "1002", "--event", "stopped"]);
            ran.fine();
            let ran = run(&["scrape", url, hash]);
            let text = ran.fine();
            let counts = format!("  {lower}: seeders 1, leechers 0, downloads 0\n");
            assert!(text.starts_with(&format!("{url} ({address}): ")), "{text}");
            assert!(text.ends_with(&counts), "{text}");
        }
    }

    fn more_hashes_than_one_request_has_room_for(family: Family) {
        let server = Server::start(&[]);
        for url in urls(family, &server) {
            let hashes: Vec<_> = (0..150).map(|nth| format!("{nth:040x}")).collect();
            run(&["announce", &url, &hashes[149], "--left", "0"]).fine();
            let mut args = vec!["scrape", &url, "--format", "json"];
            args.extend(hashes.iter().map(String::as_str));
            let ran = run(&args);
            let lines: Vec<_> = ran.fine().lines().collect();
            assert_eq!(lines.len(), 150);
            for (line, hash) in lines.iter().zip(&hashes) {
                assert!(line.contains(hash), "{line}");
            }
            assert!(lines[149].contains("\"complete\":1,"), "{}", lines[149]);
        }
    }
}

#[test]
fn peers_can_be_asked_for_as_dictionaries() {
    let server = Server::start(&[]);
    let url = format!("http://{}/announce", server.tcp_v4());
    run(&["announce", &url, HASH, "--port", "1001"]).fine();
    let ran = run(&["announce", &url, HASH, "--compact", "0", "--port", "1002"]);
    let text = ran.fine();
    assert!(text.ends_with("1 peer\n  127.0.0.1:1001\n"), "{text}");
    assert!(text.contains("seeders 0, leechers 2"), "{text}");
}

#[test]
fn a_torrent_file_names_its_trackers() {
    let server = Server::start(&[]);
    let [udp, http] = [
        format!("udp://{}/announce", server.udp_v4()),
        format!("http://{}/announce", server.tcp_v4()),
    ];
    let torrent = Torrent::new(1, 1000, &udp, Privacy::Public);
    let hash: String = torrent
        .info_hash
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    // The same again with a list of trackers, one of which can't be asked.
    let Ok(Value::Dict(mut pairs)) = Value::parse(&torrent.metainfo) else {
        panic!("a dictionary");
    };
    let tier = |url: &str| Value::List(vec![Value::bytes(url)]);
    let list = Value::List(vec![tier(&udp), tier("https://x/announce"), tier(&http)]);
    pairs.insert(1, (b"announce-list".to_vec(), list));
    let folder = Folder::new("client");
    let file = folder.write("torrent", Value::Dict(pairs).emit());
    let ran = run(&["announce", &file, "--format", "json"]);
    let told = "https://x/announce: ";
    assert!(ran.failure(1).starts_with(told), "{ran:?}");
    assert!(ran.failure(1).contains("there is no TLS"), "{ran:?}");
    let lines: Vec<_> = ran.stdout.lines().collect();
    assert_eq!(lines.len(), 3, "{ran:?}");
    for (line, url) in lines.iter().zip([&udp, "https://x/announce", &http]) {
        assert!(line.starts_with(&format!("{{\"url\":\"{url}\",")), "{line}");
        assert!(line.contains(&hash), "{line}");
    }
    // With a URL the file only has a hash.
    let ran = run(&["scrape", &http, &file]);
    assert!(
        ran.fine()
            .contains(&format!("{hash}: seeders 0, leechers 1")),
        "{ran:?}"
    );
    let empty = folder.write("no-torrent", "d4:infoi1ee");
    let ran = run(&["announce", &empty]);
    assert!(
        ran.failure(2)
            .contains("no torrent file: it has no dictionary info"),
        "{ran:?}"
    );
}

#[test]
fn what_a_tracker_refuses_is_told_in_its_words() {
    let folder = Folder::new("client");
    let list = folder.write("list", format!("{HASH}\n"));
    let server = Server::start(&["-w", &list]);
    for url in [
        format!("udp://{}", server.udp_v4()),
        format!("http://{}", server.tcp_v4()),
    ] {
        run(&["announce", &url, HASH]).fine();
        let ran = run(&["announce", &url, OTHER, "--format", "json"]);
        let failure = ran.failure(1);
        let hash = OTHER.to_lowercase();
        assert!(
            failure.starts_with(&format!("{url}: {hash}: refused: ")),
            "{failure}"
        );
        let object = format!("{{\"url\":\"{url}\",\"info_hash\":\"{hash}\",\"error\":\"refused: ");
        assert!(ran.stdout.starts_with(&object), "{ran:?}");
    }
}

#[test]
fn every_option_reaches_the_tracker() {
    let (address, requests) = stubs::tcp(|_, stream| {
        use std::io::Write as _;
        let _ = stream.write_all(&stubs::reply("200 OK", "de"));
    });
    let url = format!("http://{address}/x/announce?pass=%41");
    let args = [
        "announce",
        &url,
        HASH,
        "--event",
        "completed",
        "--uploaded",
        "1",
        "--downloaded",
        "2",
        "--left",
        "18446744073709551615",
        "--port",
        "65535",
        "--ip",
        "2001:db8::1",
        "--peer-id",
        "-XX0001-abcdefghi/+ ",
        "--key",
        "0xDEADBEEF",
        "--numwant",
        "7",
        "--compact",
        "0",
    ];
    run(&args).fine();
    let request = requests.lock().unwrap().first().unwrap().clone();
    let expected = "GET /x/announce?pass=%41&info_hash=%01%23Eg%89%ab%cd%ef%01%23Eg%89%ab%cd%ef%01%23Eg\
                    &peer_id=-XX0001-abcdefghi%2f%2b%20&port=65535&uploaded=1&downloaded=2\
                    &left=18446744073709551615&compact=0&key=deadbeef&event=completed&numwant=7\
                    &ip=2001%3adb8%3a%3a1 HTTP/1.1\r\n";
    assert!(request.starts_with(expected), "{request}");
    assert!(
        request.contains(&format!("\r\nHost: {address}\r\n")),
        "{request}"
    );
    run(&["scrape", &url, HASH]);
    let request = requests.lock().unwrap().last().unwrap().clone();
    assert!(
        request.starts_with("GET /x/scrape?pass=%41&info_hash=%01%23Eg"),
        "{request}"
    );

    let (sender, receiver) = std::sync::mpsc::channel();
    let address = stubs::udp(move |request, reply| {
        let (transaction, action) = stubs::transaction(request);
        match action {
            0 => reply(&[&[0; 4][..], &transaction, b"connects"].concat()),
            _ => {
                let _ = sender.send(request.to_vec());
                reply(&[&[0, 0, 0, 1][..], &transaction, &[0; 12]].concat());
            }
        }
    });
    let url = format!("udp://{address}/x/announce?pass=%41");
    let mut args = args;
    args[1] = &url;
    args[14] = "192.0.2.1";
    run(&args).fine();
    let request = receiver.recv().unwrap();
    assert_eq!(request[..8], *b"connects");
    assert_eq!(request[36..56], *b"-XX0001-abcdefghi/+ ");
    let golden = b"\0\0\0\0\0\0\0\x02\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0\0\0\0\x01\
                   \0\0\0\x01\xc0\0\x02\x01\xde\xad\xbe\xef\0\0\0\x07\xff\xff\
                   \x02\x14/x/announce?pass=%41";
    assert_eq!(request[56..], *golden);
    args[14] = "2001:db8::1";
    let ran = run(&args);
    assert!(
        ran.failure(1).contains("no room for an IPv6 --ip"),
        "{ran:?}"
    );
}

#[test]
fn a_name_is_looked_up_and_a_family_can_be_asked_for() {
    let server = Server::start(&["-i", "127.0.0.1", "-p", "0", "-P", "0"]);
    let port = server.tcp_v4().port();
    // It may have addresses of both families; nobody listens on the other.
    for url in [
        format!("http://localhost:{port}/announce"),
        format!("udp://localhost:{}", server.udp_v4().port()),
    ] {
        run(&["scrape", &url, HASH, "--family", "4"]).fine();
        run(&["scrape", &url, HASH, "--timeout", "20"]).fine();
    }
    let url = format!("udp://127.0.0.1:{port}");
    let ran = run(&["scrape", &url, HASH, "--family", "6"]);
    assert!(
        ran.failure(1).contains("the host has no such address"),
        "{ran:?}"
    );
}
