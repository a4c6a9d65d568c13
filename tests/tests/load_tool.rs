//! The load tool itself: whether it knows a right reply from a wrong one, and counts right.

use std::collections::HashSet;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use wrtracker_tests::load::packets::{self, Reply, Request};
use wrtracker_tests::load::replies::{self, Progress};
use wrtracker_tests::load::work::Work;
use wrtracker_tests::load::{self, Config, Extent, Mix, Protocol};
use wrtracker_tests::server::Server;

fn config(server: SocketAddr, torrents: u32, peers: u32) -> Config {
    Config {
        server,
        protocol: Protocol::Udp,
        work: Work {
            torrents,
            peers,
            sources: Work::sources_for(server.ip(), peers),
            seeders: 25,
            seed: 1,
        },
        wanted: 30,
        mix: Mix {
            connect: 1,
            announce: 1,
            scrape: 1,
        },
        extent: Extent::Fill,
        warm_up: Duration::ZERO,
        window: 64,
        threads: 1,
        core: None,
        pid: None,
    }
}

#[test]
fn right_udp_replies_are_accepted() {
    let check = |request, stride, reply: &[u8]| packets::check(request, 7, stride, reply);
    let connect = *b"\0\0\0\0\0\0\0\x07abcdefgh";
    assert_eq!(
        check(Request::Connect, 6, &connect),
        Ok(Reply::Connected(*b"abcdefgh"))
    );
    let announce = b"\0\0\0\x01\0\0\0\x07\0\0\x07\x08\0\0\0\x02\0\0\0\x01";
    let none = Ok(Reply::Announced(0));
    assert_eq!(check(Request::Announce(0), 6, announce), none);
    let two = [&announce[..], b"\x7f\0\0\x01\x1a\xe1\x7f\0\0\x02\x1a\0"].concat();
    assert_eq!(
        check(Request::Announce(2), 6, &two),
        Ok(Reply::Announced(2))
    );
    assert_eq!(
        check(Request::Announce(-1), 6, &two),
        Ok(Reply::Announced(2))
    );
    let one = [&announce[..], &[9; 18]].concat();
    assert_eq!(
        check(Request::Announce(30), 18, &one),
        Ok(Reply::Announced(1))
    );
    let scrape = b"\0\0\0\x02\0\0\0\x07\0\0\0\x05\0\0\0\x09\0\0\0\x06";
    assert_eq!(check(Request::Scrape(1), 6, scrape), Ok(Reply::Scraped(11)));
    let error = b"\0\0\0\x03\0\0\0\x07no";
    assert_eq!(check(Request::Scrape(1), 6, error), Ok(Reply::Refused));
}

#[test]
fn wrong_udp_replies_are_not_accepted() {
    use packets::Wrong;
    let announce = b"\0\0\0\x01\0\0\0\x07\0\0\x07\x08\0\0\0\x02\0\0\0\x01\x7f\0\0\x01\x1a\xe1";
    let port_0 = [&announce[..24], b"\0\0"].concat();
    let scrape = b"\0\0\0\x02\0\0\0\x07\0\0\0\x05\0\0\0\x09\0\0\0\x06";
    let cases: &[(Request, u32, &[u8], Wrong)] = &[
        (Request::Announce(5), 7, b"", Wrong::Length),
        (Request::Announce(5), 7, &announce[..7], Wrong::Length),
        (Request::Announce(5), 7, &announce[..8], Wrong::Length),
        (Request::Announce(5), 7, &announce[..25], Wrong::Length),
        (Request::Announce(5), 8, announce, Wrong::Transaction),
        (Request::Announce(0), 7, announce, Wrong::TooMany),
        (Request::Announce(5), 7, &port_0, Wrong::Port),
        (Request::Connect, 7, announce, Wrong::Action),
        (
            Request::Connect,
            7,
            &[0, 0, 0, 0, 0, 0, 0, 7, 1],
            Wrong::Length,
        ),
        (Request::Scrape(1), 7, announce, Wrong::Action),
        (Request::Scrape(0), 7, scrape, Wrong::TooMany),
        (Request::Scrape(1), 7, &scrape[..19], Wrong::Length),
    ];
    for &(request, transaction, reply, wrong) in cases {
        let checked = packets::check(request, transaction, 6, reply);
        assert_eq!(checked, Err(wrong), "{request:?} {reply:?}");
    }
}

#[test]
fn right_http_replies_are_accepted_when_they_are_whole() {
    let reply = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\ncontent-length: 40\r\n\r\n\
        d8:intervali1800e5:peers12:abcdefghijkle";
    let reply = [&reply[..], b"HTTP/1.1 200"].concat();
    let whole = reply.len() - 12;
    for length in 0..whole {
        assert_eq!(replies::check(&reply[..length]), Ok(Progress::More));
    }
    let done = Progress::Done {
        length: whole,
        peers: 2,
        refused: false,
    };
    assert_eq!(replies::check(&reply[..whole]), Ok(done));
    assert_eq!(replies::check(&reply), Ok(done));
    let refused = b"HTTP/1.0 200 OK\r\nContent-Length: 23\r\n\r\nd14:failure reason2:noe";
    let done = Progress::Done {
        length: refused.len(),
        peers: 0,
        refused: true,
    };
    assert_eq!(replies::check(refused), Ok(done));
}

#[test]
fn wrong_http_replies_are_not_accepted() {
    use replies::Wrong;
    let with_body = |body: &str| {
        format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let cases = [
        ("HTTP/1.1 404 Not Found\r\n".into(), Wrong::Status),
        ("HTTP/2 200 OK\r\n\r\n".into(), Wrong::Status),
        ("d8:intervali1800ee".into(), Wrong::Status),
        ("HTTP/1.1 200 OK\r\n\r\nde".into(), Wrong::ContentLength),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nde".into(),
            Wrong::ContentLength,
        ),
        (with_body(""), Wrong::Bencode),
        (with_body("i1e"), Wrong::Bencode),
        (with_body("de "), Wrong::Bencode),
        (with_body("d1:bi1e1:ai1ee"), Wrong::Bencode),
        (with_body("d5:peers6:abcde"), Wrong::Bencode),
        (with_body("d5:peers5:abcdee"), Wrong::Peers),
        (with_body("d6:peers612:abcdefghijkle"), Wrong::Peers),
    ];
    for (reply, wrong) in cases {
        assert_eq!(replies::check(reply.as_bytes()), Err(wrong), "{reply}");
    }
}

#[test]
fn a_fill_of_the_real_program_arrives_whole() {
    let server = Server::start(&[]);
    let mut config = config(server.udp_v4(), 7, 40);
    config.pid = Some(server.pid());
    let report = load::run(&config).unwrap();
    assert_eq!(report.counts.announces, 280, "{report:?}");
    assert_eq!(
        (report.counts.wrong, report.counts.refused),
        (0, 0),
        "{report:?}"
    );
    config.extent = Extent::Verify;
    let report = load::run(&config).unwrap();
    assert_eq!(report.counts.peers_scraped, 280, "{report:?}");
    config.extent = Extent::Replies(300);
    let report = load::run(&config).unwrap();
    assert_eq!(report.counts.replies(), 300, "{report:?}");
    assert!(report.counts.peers_listed > 0, "{report:?}");
    assert!(report.counts.connects > 50, "{report:?}");
}

#[test]
fn announces_and_scrapes_over_http_arrive() {
    let server = Server::start(&[]);
    for keep_alive in [true, false] {
        let mut config = config(server.tcp_v4(), 7, 40);
        config.protocol = Protocol::Http { keep_alive };
        config.extent = Extent::Replies(200);
        config.mix.connect = 0;
        config.window = 8;
        let counts = load::run(&config).unwrap().counts;
        assert_eq!(counts.announces + counts.scrapes, 200, "{counts:?}");
        assert!(counts.announces > 50 && counts.scrapes > 50, "{counts:?}");
        assert!(counts.peers_listed > 0, "{counts:?}");
    }
}

/// A stand-in that loses the first copy of every third announce, and answers the second.
#[test]
fn what_a_network_loses_is_sent_again() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let patience = Some(Duration::from_millis(20));
    socket.set_read_timeout(patience).unwrap();
    let address = socket.local_addr().unwrap();
    let over = AtomicBool::new(false);
    let (report, announced) = thread::scope(|scope| {
        let stand_in = scope.spawn(|| {
            let (mut asked, mut answered) = (HashSet::new(), HashSet::new());
            let mut request = [0; 2048];
            while !over.load(Ordering::Relaxed) {
                let Ok((length, source)) = socket.recv_from(&mut request) else {
                    continue;
                };
                let announce = length == 98;
                let what = (source.ip(), request[..length].to_vec());
                if announce && asked.insert(what) && asked.len() % 3 == 0 {
                    continue;
                }
                let mut reply = request[8..16].to_vec();
                reply.resize(if announce { 20 } else { 16 }, 0);
                socket.send_to(&reply, source).unwrap();
                if announce {
                    answered.insert((
                        request[16..36].to_vec(),
                        source.ip(),
                        request[96..98].to_vec(),
                    ));
                }
            }
            answered.len()
        });
        let report = load::run(&config(address, 10, 30)).unwrap();
        over.store(true, Ordering::Relaxed);
        (report, stand_in.join().unwrap())
    });
    assert_eq!(report.counts.announces, 300);
    assert_eq!(announced, 300);
    assert!(report.counts.resent >= 100, "{report:?}");
}

#[test]
fn a_tracker_that_lies_is_found_out() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let patience = Some(Duration::from_millis(20));
    socket.set_read_timeout(patience).unwrap();
    let address = socket.local_addr().unwrap();
    let over = AtomicBool::new(false);
    let report = thread::scope(|scope| {
        scope.spawn(|| {
            let mut request = [0; 2048];
            while !over.load(Ordering::Relaxed) {
                if let Ok((length, source)) = socket.recv_from(&mut request) {
                    let mut reply = request[8..16].to_vec();
                    // An announce gets one byte too many.
                    reply.resize(if length == 98 { 21 } else { 16 }, 1);
                    socket.send_to(&reply, source).unwrap();
                }
            }
        });
        let report = load::run(&config(address, 10, 10)).unwrap();
        over.store(true, Ordering::Relaxed);
        report
    });
    assert_eq!((report.counts.announces, report.counts.wrong), (0, 100));
    assert_eq!(report.counts.first_wrong.as_deref(), Some("wrong length"));
}
