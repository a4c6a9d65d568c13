//! The real program with UDP workers: threads that share the swarms with each other and with HTTP.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::thread;

use rustix::process::Signal;
use wrtracker_tests::conf::Conf;
use wrtracker_tests::family::Family;
use wrtracker_tests::for_both_families;
use wrtracker_tests::http_client::{HttpClient, announce_target, scrape_target};
use wrtracker_tests::peers::ports;
use wrtracker_tests::server::Server;
use wrtracker_tests::udp_client::{Announce, COMPLETED, STOPPED, UdpClient, parse_announced};

const WORKERS: &str = "listen.tcp_udp 0.0.0.0:0\nlisten.tcp_udp [::]:0\nlisten.udp.workers 3\n";

fn target(port: u16) -> String {
    announce_target(&Announce::default().info_hash, port, 1000, "")
}

/// All counters.
fn json(http: &mut HttpClient) -> String {
    String::from_utf8(http.get("/stats?mode=json").body).unwrap()
}

/// A program with three workers, and the file it was started with.
fn start(more: &str, args: &[&str]) -> (Server, Conf) {
    let conf = Conf::new(format!("{WORKERS}{more}"));
    let mut all = vec!["-f", conf.path()];
    all.extend(args);
    (Server::start(&all), conf)
}

for_both_families! {
    fn peers_that_came_over_udp_are_told_over_http_and_the_other_way_round(family: Family) {
        let (server, _conf) = start("", &[]);
        family.udp(&server).announce(&Announce::leecher(1001));
        family.http(&server).announce(&target(1002));
        // Each socket of a client may be another worker's.
        for _ in 0..20 {
            let reply = family.udp(&server).announce(&Announce::leecher(1003));
            assert_eq!(ports(&reply.peers), [1001, 1002]);
        }
        let reply = family.http(&server).announce(&target(1002));
        assert_eq!(ports(&reply.peers_of(family)), [1001, 1003]);
        family.udp(&server).announce(&Announce::leecher(1001).with_event(STOPPED));
        let reply = family.http(&server).announce(&target(1002));
        assert_eq!(ports(&reply.peers_of(family)), [1003]);
    }
}

#[test]
fn who_has_a_reply_is_in_the_statistics() {
    let (server, _conf) = start("", &[]);
    let udp = UdpClient::connect(server.udp_v4());
    let mut http = HttpClient::connect(server.tcp_v4());
    for count in 1..=200u16 {
        udp.announce(&Announce::seeder(1000 + count).with_event(COMPLETED));
        let page = json(&mut http);
        let announces = format!("\"announces\":{count},\"scrapes\":0,\"mismatches\":0");
        assert!(page.contains(&announces), "{count}: {page}");
        assert!(page.contains(&format!("\"peers\":{count},")), "{page}");
        assert!(page.contains(&format!("\"completed\":{count},")), "{page}");
    }
}

#[test]
fn many_clients_at_once_get_replies_that_are_theirs() {
    const CLIENTS: u8 = 8;
    const ROUNDS: u16 = 2_000;
    let (server, _conf) = start("", &[]);
    let hash = |client: u8, round: u16| {
        // Some torrents that all of them use, some of their own, all over the space of hashes.
        let first = if round.is_multiple_of(2) {
            round as u8
        } else {
            client
        };
        let mut hash = [first.wrapping_mul(37); 20];
        hash[19] = if round.is_multiple_of(2) { 0 } else { 1 };
        hash
    };
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            let server = &server;
            scope.spawn(move || {
                let udp = UdpClient::connect(server.udp_v4());
                let rounds: Vec<u16> = (0..ROUNDS).collect();
                for batch in rounds.chunks(16) {
                    for &round in batch {
                        let announce = Announce::leecher(1000 + u16::from(client));
                        let announce = announce.with_hash(hash(client, round));
                        udp.send(&announce.emit(udp.connection, u32::from(round)));
                    }
                    let mut told = Vec::new();
                    for _ in batch {
                        let reply = udp.receive();
                        let transaction = u32::from_be_bytes(reply[4..8].try_into().unwrap());
                        let reply = parse_announced(&reply, transaction, Family::V4);
                        let own = reply
                            .peers
                            .iter()
                            .filter(|it| it.port() == 1000 + u16::from(client));
                        assert_eq!(own.count(), 0, "never the announcer itself");
                        if !transaction.is_multiple_of(2) {
                            assert_eq!((reply.leechers, reply.peers.len()), (1, 0));
                        }
                        told.push(transaction);
                    }
                    told.sort_unstable();
                    let asked: Vec<u32> = batch.iter().map(|&round| round.into()).collect();
                    assert_eq!(told, asked);
                }
            });
        }
    });
    let page = json(&mut HttpClient::connect(server.tcp_v4()));
    let announces = u64::from(CLIENTS) * u64::from(ROUNDS);
    assert!(
        page.contains(&format!("\"announces\":{announces},")),
        "{page}"
    );
    // 256 shared torrents at most, each with all clients.
    let shared = hash(0, 0);
    let counts = UdpClient::connect(server.udp_v4()).scrape(&[shared])[0];
    assert_eq!(counts.leechers, u32::from(CLIENTS));
}

#[test]
fn full_scrapes_and_scrapes_see_all_parts() {
    let (server, _conf) = start("", &["-m", "64M"]);
    let udp = UdpClient::connect(server.udp_v4());
    let hashes: Vec<[u8; 20]> = (0..=255).map(|first| [first; 20]).collect();
    for hash in &hashes {
        udp.announce(&Announce::leecher(1001).with_hash(*hash));
    }
    for some in hashes.chunks(64) {
        assert!(udp.scrape(some).iter().all(|counts| counts.leechers == 1));
    }
    let mut http = HttpClient::connect(server.tcp_v4());
    let some = http.get(&scrape_target(&hashes[..40]));
    let counted = b"10:incompletei1e";
    let counts = some.body.windows(counted.len()).filter(|it| it == counted);
    assert_eq!(counts.count(), 40);
    // Without chunks, which came with HTTP/1.1.
    let mut plain = TcpStream::connect(server.tcp_v4()).unwrap();
    plain
        .write_all(b"GET /stats?mode=tpbs&format=txt HTTP/1.0\r\n\r\n")
        .unwrap();
    let mut reply = String::new();
    plain.read_to_string(&mut reply).unwrap();
    let (_, text) = reply.split_once("\r\n\r\n").expect("a head");
    let lines: Vec<String> = (0..=255u8)
        .map(|first| format!("{}:0:1", format!("{first:02X}").repeat(20)))
        .collect();
    assert_eq!(text.lines().collect::<Vec<_>>(), lines);
}

#[test]
fn a_reload_reaches_all_workers() {
    let (server, conf) = start("tracker.interval 1000\ntracker.interval_jitter 0\n", &[]);
    let interval = || {
        let udp = UdpClient::connect(server.udp_v4());
        udp.announce(&Announce::leecher(1001)).interval
    };
    assert!((0..20).all(|_| interval() == 1000));
    conf.write(format!(
        "{WORKERS}tracker.interval 2000\ntracker.interval_jitter 0\n"
    ));
    server.signal(Signal::HUP);
    server.wait_for_stderr("read the configuration again");
    assert!((0..20).all(|_| interval() == 2000));
}

#[test]
fn the_end_waits_for_the_workers_and_counts_what_they_did() {
    let (server, _conf) = start("", &[]);
    for port in 1001..1051 {
        UdpClient::connect(server.udp_v4()).announce(&Announce::leecher(port));
    }
    let stderr = {
        server.signal(Signal::TERM);
        server.wait_for_stderr("ended with 1 torrents and 50 peers");
        server.stderr()
    };
    assert!(!stderr.contains("worker"), "{stderr}");
    assert!(server.terminate().success());
}

#[test]
fn the_memory_limit_holds_for_all_threads_together() {
    const LIMIT: u64 = 4 << 20;
    let (server, _conf) = start("", &["-m", "4M"]);
    thread::scope(|scope| {
        for client in 0..4u32 {
            let server = &server;
            scope.spawn(move || {
                let udp = UdpClient::connect(server.udp_v4());
                let announces: Vec<u32> = (0..60_000).collect();
                for batch in announces.chunks(64) {
                    for &number in batch {
                        let mut hash = [0; 20];
                        // Spread as real ones are.
                        let mixed = (number * 4 + client).wrapping_mul(0x9e37_79b1);
                        hash[..4].copy_from_slice(&mixed.to_be_bytes());
                        let announce = Announce::leecher(1001).with_hash(hash);
                        udp.send(&announce.emit(udp.connection, number));
                    }
                    for _ in batch {
                        udp.receive();
                    }
                }
            });
        }
    });
    if let Some(bytes) = server.anonymous_bytes() {
        assert!(bytes <= LIMIT, "{bytes} bytes");
    }
    // New peers of what is there find room still.
    let mut http = HttpClient::connect(server.tcp_v4());
    let page = json(&mut http);
    assert!(!page.contains("\"refused_torrents\":0"), "{page}");
    http.announce(&announce_target(&[0xab; 20], 1001, 1000, ""));
}
