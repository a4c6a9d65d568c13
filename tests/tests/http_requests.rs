//! Which requests the real program takes over HTTP, in which pieces, and how it refuses the others.

use wrtracker_tests::for_both_families;
use wrtracker_tests::http_client::{
    Announced, HASH, HttpClient, announce_target, leecher, percent_encode, request, scrape_target,
};
use wrtracker_tests::peers::ports;
use wrtracker_tests::server::Server;

/// Announces as real clients write them, byte for byte but for ids and addresses, all of one hash.
const CLIENTS: [(&str, &str); 8] = [
    (
        "libtorrent 2.0.8",
        "GET /announce?info_hash=%0a%ff~%21z%2b%2f%3d%00AB-_.%28%29%27%2aYZ\
         &peer_id=-lt2080-uR.a.8s%7eMkY(&port=1001&uploaded=0&downloaded=0&left=262144&corrupt=0\
         &key=1C8C5F0A&event=started&numwant=200&compact=1&no_peer_id=1&supportcrypto=1\
         &redundant=0 HTTP/1.1\r\nHost: 10.9.9.1:6969\r\nUser-Agent: libtorrent/2.0.8.0\r\n\
         Accept-Encoding: gzip\r\nConnection: close\r\n\r\n",
    ),
    (
        "Transmission 3.00",
        "GET /announce?info_hash=%0A%FF~%21z%2B%2F%3D%00AB-_.%28%29%27%2AYZ\
         &peer_id=-TR3000-84y6tqcmsxzi&port=1002&uploaded=0&downloaded=0\
         &left=9223372036854775807&numwant=80&key=5df2b9a&compact=1&supportcrypto=1\
         &event=started HTTP/1.1\r\nHost: 10.9.9.1:6969\r\nUser-Agent: Transmission/3.00\r\n\
         Accept: */*\r\nAccept-Encoding: deflate, gzip, br, zstd\r\n\r\n",
    ),
    (
        "aria2 1.36",
        "GET /announce?info_hash=%0A%FF~%21z%2B%2F%3D%00AB-_.%28%29%27%2AYZ\
         &peer_id=A2-1-36-0-%03%F0%9D%11%22%C5%EE%07%B9%00&uploaded=0&downloaded=0&left=262144\
         &compact=1&key=%03%F0%9D%11%22%C5%EE%07&numwant=50&no_peer_id=1&port=1003&event=started\
         &supportcrypto=1 HTTP/1.1\r\nUser-Agent: aria2/1.36.0\r\nAccept: */*\r\n\
         Host: 10.9.9.1:6969\r\nPragma: no-cache\r\nCache-Control: no-cache\r\n\
         Want-Digest: SHA-512;q=1, SHA-256;q=1, SHA;q=0.1\r\n\r\n",
    ),
    (
        "rtorrent 0.9.8",
        "GET /announce?info_hash=%0A%FF%7E%21z%2B%2F%3D%00AB%2D%5F%2E%28%29%27%2AYZ\
         &peer_id=%2Dlt0D80%2D%B5%DA%17%F2%24%8F%E9%20%AB%11%5C%C2&key=4f8b21d6&compact=1\
         &port=1004&uploaded=0&downloaded=0&left=262144&event=started HTTP/1.1\r\n\
         Host: 10.9.9.1:6969\r\nUser-Agent: rtorrent/0.9.8/0.13.8\r\nAccept: */*\r\n\
         Accept-Encoding: deflate, gzip\r\n\r\n",
    ),
    (
        "ctorrent dnh3.3.2",
        "GET /announce?info_hash=%0a%ff%7e!z%2b%2f%3d%00AB-_.()'*YZ&peer_id=-CD0303-%81%c4%1d%9f\
         %e8%07%b3%90%6c%0f%a2%55&port=1005&key=Xb4Tq90z&event=started&uploaded=0&downloaded=0\
         &left=262144&compact=1&numwant=100 HTTP/1.0\r\nUser-Agent: CTorrent/dnh3.3.2\r\n\r\n",
    ),
    (
        "unworkable 0.53",
        "GET /announce?info_hash=%0a%ff%7e%21%7a%2b%2f%3d%00%41%42%2d%5f%2e%28%29%27%2a%59%5a\
         &peer_id=%2d%55%4e%30%30%35%33%2d%30%30%30%30%30%30%30%30%30%30%30%30&port=1006\
         &uploaded=0&downloaded=0&left=262144&compact=1&event=started HTTP/1.0\r\n\
         Host: 10.9.9.1\r\nUser-agent: unworkable/0.53\r\n\r\n",
    ),
    (
        "Transmission 4.1",
        "GET /announce?info_hash=%0A%FF~%21z%2B%2F%3D%00AB-_.%28%29%27%2AYZ\
         &peer_id=-TR4100-6ch2m0ekys1q&port=1007&uploaded=0&downloaded=0&left=262144&corrupt=0\
         &numwant=80&key=0C4E7AF1&compact=1&supportcrypto=1&requirecrypto=1&ipv4=10.9.9.7\
         &ipv6=fd99%3A%3A7&event=started HTTP/1.1\r\nHost: 10.9.9.1:6969\r\n\
         User-Agent: Transmission/4.1.0\r\nAccept: */*\r\n\r\n",
    ),
    (
        "raw bytes that need no encoding but should have it",
        "GET /announce?info_hash=%0A%FF~!z+/=%00AB-_.()'*YZ&peer_id=12345678901234567890&port=1008\
         &left=1&trackerid=&hide_link&empty=&=&&a=b=c&cryptoport=1 HTTP/1.1\nHost: a\n\n",
    ),
];

for_both_families! {
    fn the_requests_of_all_clients_are_understood(family: Family) {
        let server = Server::start(&[]);
        for (index, (name, text)) in CLIENTS.iter().enumerate() {
            let mut client = family.http(&server);
            client.send(text.as_bytes());
            let reply = Announced::parse(&client.receive());
            let before: Vec<_> = (1001..).take(index).collect();
            assert_eq!(ports(&reply.peers), before, "{name}");
            let closes = text.contains("HTTP/1.0") || text.contains("Connection: close");
            if closes {
                assert!(client.is_closed(), "{name}");
            } else {
                client.get("/announce").failure();
            }
        }
    }

    fn percent_encoding_is_undone_whatever_its_style(family: Family) {
        let server = Server::start(&[]);
        let mut client = family.http(&server);
        let all_bytes: Vec<[u8; 20]> = (0..=255_u8)
            .map(|first| std::array::from_fn(|at| first.wrapping_add(u8::try_from(at).unwrap())))
            .collect();
        for hash in all_bytes.chunks(8) {
            for (port, hash) in (1001..).zip(hash) {
                let upper: String = hash.iter().map(|byte| format!("%{byte:02X}")).collect();
                let lower = upper.to_lowercase();
                let mixed: String = hash
                    .iter()
                    .map(|&byte| match byte {
                        b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => char::from(byte).to_string(),
                        b'-' | b'.' | b'_' | b'~' | b'!' | b'\'' | b'(' | b')' | b'*' | b'+' =>
                            char::from(byte).to_string(),
                        _ if byte % 2 == 0 => format!("%{byte:02x}"),
                        _ => format!("%{byte:02X}"),
                    })
                    .collect();
                for (count, text) in (1..).zip([upper, lower, mixed]) {
                    let port = port * 10 + count;
                    let target = format!("/announce?info_hash={text}\
                        &peer_id=12345678901234567890&port={port}&left=1");
                    let reply = client.announce(&target);
                    assert_eq!(reply.incomplete, i64::from(count), "{text}");
                }
            }
        }
    }

    /// A non-200 status is a hard failure to libtorrent, which then shows no reason.
    fn what_is_wrong_with_an_announce_is_told_with_status_200(family: Family) {
        let server = Server::start(&[]);
        let mut client = family.http(&server);
        let good = leecher(1001);
        let hash = format!("info_hash={}", percent_encode(&HASH));
        let peer_id = "peer_id=-WR0001-000000000000";
        for target in [
            "/announce".to_owned(),
            "/announce?".to_owned(),
            good.replace(&hash, ""),
            good.replace(&hash, "info_hash"),
            good.replace(&hash, "info_hash="),
            good.replace(&hash, "INFO_HASH=12345678901234567890"),
            good.replace(&hash, "info_hash=1234567890123456789"),
            good.replace(&hash, "info_hash=123456789012345678901"),
            good.replace(&hash, "info_hash=1234567890123456789%"),
            good.replace(&hash, "info_hash=1234567890123456789%4"),
            good.replace(&hash, "info_hash=1234567890123456789%4g"),
            good.replace(&hash, "info_hash=0123456789abcdef0123456789abcdef01234567"),
            format!("{good}&{hash}"),
            format!("{good}&info_hash=12345678901234567890"),
            good.replace(peer_id, "peer_id="),
            good.replace(peer_id, "peer_id=1234567890123456789"),
            good.replace(peer_id, "peer_id=123456789012345678901"),
            good.replace("port=1001", ""),
            good.replace("port=1001", "port"),
            good.replace("port=1001", "port="),
            good.replace("port=1001", "port=0"),
            good.replace("port=1001", "port=-1"),
            good.replace("port=1001", "port=65536"),
            good.replace("port=1001", "port=66537"), // 1001 in 16 bits
            good.replace("port=1001", "port=4294968297"), // 1001 in 32 bits
            good.replace("port=1001", "port=1001x"),
            good.replace("port=1001", "port=+1001"),
            good.replace("port=1001", "port=0x3e9"),
            good.replace("left=1000", "left=18446744073709551616"),
            good.replace("left=1000", "left=99999999999999999999999999999999999999"),
            good.replace("left=1000", "left=x"),
            good.replace("left=1000", "left="),
            format!("{good}&numwant=x"),
            format!("{good}&numwant=18446744073709551616"),
            format!("{good}&numwant="),
        ] {
            let reply = client.get(&target);
            let reason = reply.failure();
            assert!(reason.is_ascii() && !reason.is_empty(), "{target}");
            let interval = reply.bencode().int("interval");
            assert!(interval >= 300, "{target}: interval {interval}");
        }
        let reply = client.announce(&leecher(1002));
        assert!(reply.peers.is_empty(), "none of them was stored");
    }

    fn an_announce_without_a_hash_fails_in_opentrackers_words(family: Family) {
        let server = Server::start(&[]);
        let reply = family.http(&server).get("/announce?port=1001");
        assert_eq!(
            reply.failure(),
            "Your client forgot to send your torrent's info_hash. Please upgrade your client."
        );
    }

    fn all_paths_of_opentracker_lead_to_the_tracker(family: Family) {
        let server = Server::start(&[]);
        let mut client = family.http(&server);
        for path in ["/announce", "/announce.php", "//announce", "/a", "/announce/passkey"] {
            let target = leecher(1001).replacen("/announce", path, 1);
            assert_eq!(client.announce(&target).incomplete, 1, "{path}");
        }
        for path in ["/scrape", "/scrape.php", "//scrape", "/sc", "/scrape/passkey"] {
            let target = scrape_target(&[HASH]).replacen("/scrape", path, 1);
            assert!(client.get(&target).bencode().find("files").is_some(), "{path}");
        }
    }

    fn other_paths_are_not_found(family: Family) {
        let server = Server::start(&[]);
        let mut client = family.http(&server);
        for target in ["/", "//", "/?info_hash=x", "/favicon.ico", "/x/announce", "/s", "/Announce",
            "/index.html?a=b"] {
            let reply = client.get(target);
            assert_eq!(reply.status, 404, "{target}");
            assert_eq!(reply.text(), "<title>Not Found</title>\\n");
        }
        assert_eq!(client.announce(&leecher(1001)).incomplete, 1, "still open");
    }

    fn what_is_no_get_request_is_refused_and_the_connection_closed(family: Family) {
        let server = Server::start(&[]);
        for text in [
            "POST /announce HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
            "HEAD /announce HTTP/1.1\r\nHost: a\r\n\r\n",
            "get /announce HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET announce HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /announce HTTP/2.0\r\nHost: a\r\n\r\n",
            "GET /announce HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n",
            "GET /announce HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
            "GET /announce HTTP/1.1\r\nno colon\r\n\r\n",
            "\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n", // a TLS client that got the port wrong
            "\x13BitTorrent protocol\0\0\0\0\0\0\0\0\r\n\r\n",
        ] {
            let mut client = family.http(&server);
            client.send(text.as_bytes());
            let reply = client.receive();
            assert_eq!(reply.status, 400, "{text:?}");
            assert_eq!(reply.text(), "<title>Invalid Request</title>\\n");
            assert!(client.is_closed(), "{text:?}");
        }
        assert_eq!(family.http(&server).announce(&leecher(1001)).incomplete, 1);
    }

    fn a_request_of_8192_bytes_is_served_and_one_more_refused(family: Family) {
        let server = Server::start(&[]);
        let in_header = |length: usize| {
            let start = format!("GET {} HTTP/1.1\r\nHost: a\r\nX: ", leecher(1001));
            format!("{start}{}\r\n\r\n", "x".repeat(length - start.len() - 4))
        };
        let in_target = |length: usize| {
            let (start, end) = (format!("GET {}&x=", leecher(1001)), " HTTP/1.1\r\n\r\n");
            format!("{start}{}{end}", "x".repeat(length - start.len() - end.len()))
        };
        for text in [in_header(8192), in_target(8192)] {
            let mut client = family.http(&server);
            client.send(text.as_bytes());
            assert_eq!(Announced::parse(&client.receive()).incomplete, 1);
            client.send(text.as_bytes());
            assert_eq!(Announced::parse(&client.receive()).incomplete, 1, "again");
        }
        for text in [in_header(8193), in_target(8193), in_target(100_000)] {
            let mut client = family.http(&server);
            client.try_send(text.as_bytes());
            let reply = client.receive();
            assert_eq!(reply.status_line, "HTTP/1.1 414 Request-URI Too Long");
            assert!(client.is_closed());
        }
    }

    /// 8192 bytes without an end are enough to know that no request will come of them.
    fn a_request_without_end_is_refused(family: Family) {
        let server = Server::start(&[]);
        for text in ["x", "GET /announce?a", "GET /announce HTTP/1.1\r\nA: "] {
            let mut client = family.http(&server);
            client.try_send(text.as_bytes());
            client.try_send(&[b'a'; 20_000]);
            assert_eq!(client.receive().status, 414, "{text:?}");
            assert!(client.is_closed());
        }
    }

    fn a_request_may_come_in_any_pieces(family: Family) {
        let server = Server::start(&[]);
        let mut client = family.http(&server);
        let text = request(&leecher(1001));
        for byte in text.as_bytes() {
            client.send(&[*byte]);
        }
        assert_eq!(Announced::parse(&client.receive()).incomplete, 1);
        for at in 1..text.len() {
            let (first, second) = text.split_at(at);
            client.send(first.as_bytes());
            client.send(second.as_bytes());
            assert_eq!(Announced::parse(&client.receive()).incomplete, 1, "cut at {at}");
        }
    }

    fn a_connection_serves_one_request_after_another(family: Family) {
        let server = Server::start(&[]);
        let mut client = family.http(&server);
        for port in 1..=200 {
            assert_eq!(client.announce(&leecher(port)).incomplete, i64::from(port));
        }
        let closing = request(&leecher(1)).replace("User-Agent: tests", "Connection: close");
        client.send(closing.as_bytes());
        let reply = client.receive();
        assert_eq!(reply.header("connection"), Some("close"));
        assert!(client.is_closed());
    }

    fn http_1_0_is_closed_unless_asked_to_stay(family: Family) {
        let server = Server::start(&[]);
        let target = leecher(1001);
        let mut client = family.http(&server);
        client.send(format!("GET {target} HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").as_bytes());
        let reply = client.receive();
        let connection = reply.header("connection").map(str::to_ascii_lowercase);
        assert_eq!(connection.as_deref(), Some("keep-alive"));
        client.send(format!("GET {target} HTTP/1.0\r\n\r\n").as_bytes());
        assert_eq!(Announced::parse(&client.receive()).incomplete, 1);
        assert!(client.is_closed());
        let mut client = family.http(&server);
        client.send(format!("GET {target}\n\n").as_bytes());
        assert_eq!(Announced::parse(&client.receive()).incomplete, 1);
        assert!(client.is_closed());
    }

    fn pipelined_requests_are_answered_in_order(family: Family) {
        let server = Server::start(&[]);
        let mut client = family.http(&server);
        let count = 300;
        let text: String = (1..=count)
            .map(|port| match port % 10 {
                0 => request("/nowhere"),
                _ => request(&announce_target(&HASH, port, 1000, "&numwant=200")),
            })
            .collect();
        client.send(text.as_bytes());
        let mut announced = 0;
        for port in 1..=count {
            let reply = client.receive();
            if port % 10 == 0 {
                assert_eq!(reply.status, 404);
            } else {
                announced += 1;
                let reply = Announced::parse(&reply);
                assert_eq!(reply.incomplete, announced);
                let others = usize::try_from(announced - 1).unwrap();
                assert_eq!(reply.peers.len(), others.min(200));
            }
        }
        // A whole one, and a part of the next that is never finished.
        client.send((request(&leecher(1)) + "GET /announce").as_bytes());
        assert_eq!(Announced::parse(&client.receive()).incomplete, announced);
        client.finish_sending();
        assert!(client.is_closed());
    }

    fn a_client_that_has_finished_sending_is_answered(family: Family) {
        let server = Server::start(&[]);
        let mut client = family.http(&server);
        client.send(request(&leecher(1001)).as_bytes());
        client.finish_sending();
        assert_eq!(Announced::parse(&client.receive()).incomplete, 1);
        assert!(client.is_closed());
        let mut client = family.http(&server);
        client.send(b"GET /announce?info");
        client.finish_sending();
        assert!(client.is_closed());
        let mut client = family.http(&server);
        client.finish_sending();
        assert!(client.is_closed());
    }

    /// Twice as many as there is room for, with and without a part of a request.
    fn waiting_connections_do_not_keep_others_out(family: Family) {
        let server = Server::start(&[]);
        for part in ["", "GET /announce?info_hash=", "GET /announce HTTP/1.1\r\nHost: "] {
            let waiting: Vec<HttpClient> = (0..300)
                .map(|_| {
                    let mut client = family.http(&server);
                    client.try_send(part.as_bytes());
                    client
                })
                .collect();
            let mut client = family.http(&server);
            let (first, second) = ("GET /announce?a HTTP/1.1\r\n", "Host: a\r\n\r\n");
            client.send(first.as_bytes());
            client.send(second.as_bytes());
            client.receive().failure();
            drop(waiting);
        }
        assert_eq!(family.http(&server).announce(&leecher(1001)).incomplete, 1);
    }

    /// It asks for far more than any buffer holds and reads nothing before it has.
    fn a_client_that_does_not_read_harms_nobody(family: Family) {
        let server = Server::start(&[]);
        let mut other = family.http(&server);
        for port in 1..=300 {
            other.announce(&announce_target(&HASH, port, 1000, "&numwant=0"));
        }
        let text = request(&announce_target(&HASH, 1, 1000, "&numwant=200")).repeat(100);
        let mut rude = family.http(&server);
        rude.give_up_sending_early();
        for _ in 0..1000 {
            if !rude.can_send(text.as_bytes()) {
                break;
            }
        }
        assert_eq!(other.announce(&leecher(1)).incomplete, 300);
        assert_eq!(family.http(&server).announce(&leecher(1)).incomplete, 300);
    }

    /// The same fixed stream of random bytes each time, some of it made to look like requests.
    fn random_bytes_do_no_harm(family: Family) {
        let server = Server::start(&[]);
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut random = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        let good = request(&leecher(1001)).into_bytes();
        for round in 0..300 {
            let mut client = family.http(&server);
            let mut bytes = good.repeat(2);
            for _ in 0..=round % 7 {
                let at = usize::try_from(random()).unwrap() % bytes.len();
                match random() % 3 {
                    0 => bytes[at] = random().to_le_bytes()[0],
                    1 => drop(bytes.drain(at..bytes.len().min(at + 5))),
                    _ => bytes.insert(at, random().to_le_bytes()[0]),
                }
            }
            client.try_send(&bytes);
            client.finish_sending();
            client.drain();
        }
        assert!(family.http(&server).announce(&leecher(1001)).incomplete >= 1);
    }
}
