//! The driver for machines without an operating system, on a cable whose weather the test makes, at
//! a time that the test sets.

use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4};
use std::rc::Rc;
use std::time::Duration;

use smoltcp::wire::{IpProtocol, TcpControl};
use wrtracker_core::bare::{Driver, FRAMES, Ipv4, Ipv6, Room, Setup, SetupError, Sizes};
use wrtracker_core::policy::Policy;
use wrtracker_core::random::Random;
use wrtracker_core::tracker::{Secrets, Tracker};
use wrtracker_tests::ether::{Cable, Connection, End, FAIR, Host, Weather, bad};
use wrtracker_tests::http_client::{announce_target, request, scrape_target};
use wrtracker_tests::udp_client::{Announce, MAGIC, head};

const FOUL: Weather = Weather {
    lost: 10,
    doubled: 10,
    slowest: 40,
};

const MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
const V4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 1);
const PORT: u16 = 6969;

const HOST_MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];
const HOST_V4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
const HOST_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 2);

const CONNECTIONS: usize = 8;

/// A tracker at one end of a cable, a host at the other.
struct Lan {
    driver: Driver<'static>,
    tracker: Tracker<'static>,
    device: End,
    host: Host<End>,
    /// Where frames of others can be put in.
    cable: Rc<RefCell<Cable>>,
    now: Duration,
    transaction: u32,
}

const SETUP: Setup = Setup {
    mac: MAC,
    port: PORT,
    name: "tracker",
    ipv4: Ipv4::Static {
        address: V4,
        bits: 24,
        router: Some(Ipv4Addr::new(192, 0, 2, 254)),
    },
    ipv6: Ipv6 {
        automatic: true,
        address: Some((V6, 64)),
        router: None,
    },
    seed: 7,
};

fn tracker(policy: Policy) -> Tracker<'static> {
    let memory = vec![0; 1 << 18].leak();
    let mut tracker = Tracker::new(memory, &Secrets::new(&[3; 40]), policy).unwrap();
    tracker.set_workspace(vec![0; 4096].leak());
    tracker
}

fn driver(setup: &Setup, device: &mut End) -> Result<Driver<'static>, SetupError> {
    driver_of::<CONNECTIONS>(setup, Sizes::DEFAULT, device)
}

fn driver_of<const N: usize>(
    setup: &Setup,
    sizes: Sizes,
    device: &mut End,
) -> Result<Driver<'static>, SetupError> {
    let room = Box::leak(Box::new(Room::<N>::new()));
    let bytes = vec![0; sizes.bytes(N)].leak();
    Driver::new(setup, room, bytes, sizes, device, Duration::ZERO)
}

impl Lan {
    fn new(weather: Weather, seed: u64) -> Self {
        let (cable, mut device, end) = Cable::new(weather, seed);
        Self {
            driver: driver(&SETUP, &mut device).unwrap(),
            tracker: tracker(Policy::DEFAULT),
            device,
            host: Host::new(HOST_MAC, HOST_V4, HOST_V6, None, end),
            cable,
            now: Duration::from_secs(5),
            transaction: 77,
        }
    }

    fn step(&mut self) {
        self.host.poll(self.now);
        let rest = self
            .driver
            .poll(self.now, &mut self.device, &mut self.tracker);
        assert!(rest <= Duration::from_secs(1), "{rest:?}");
        self.now += Duration::from_millis(1);
    }

    /// Steps until `done` has something, for at most a minute of the clock.
    fn until<T>(&mut self, mut done: impl FnMut(&mut Host<End>) -> Option<T>) -> Option<T> {
        for _ in 0..60_000 {
            if let Some(value) = done(&mut self.host) {
                return Some(value);
            }
            self.step();
        }
        None
    }

    /// Asks over UDP, once a second until there is a reply.
    fn ask(&mut self, to: IpAddr, packet: &dyn Fn(u32) -> Vec<u8>) -> Vec<u8> {
        self.transaction += 1;
        let transaction = self.transaction;
        let to = SocketAddr::new(to, PORT);
        for _ in 0..100 {
            self.host.ask(to, &packet(transaction));
            for _ in 0..1000 {
                self.step();
                while let Some(heard) = self.host.heard() {
                    if heard.bytes[4..8] == transaction.to_be_bytes() {
                        assert_eq!(heard.from, to, "not from where it was asked");
                        return heard.bytes;
                    }
                }
            }
        }
        panic!("no answer from {to}");
    }

    fn connect_id(&mut self, to: IpAddr) -> u64 {
        let reply = self.ask(to, &|transaction| head(MAGIC, 0, transaction));
        assert_eq!((reply.len(), &reply[..4]), (16, &[0; 4][..]));
        u64::from_be_bytes(reply[8..].try_into().unwrap())
    }

    /// Announces over UDP and returns (leechers, seeders, bytes of peers).
    fn announce(&mut self, to: IpAddr, announce: &Announce) -> (u32, u32, Vec<u8>) {
        let id = self.connect_id(to);
        let reply = self.ask(to, &|transaction| announce.emit(id, transaction));
        assert_eq!(reply[..4], [0, 0, 0, 1], "{reply:?}");
        let number = |at: usize| u32::from_be_bytes(reply[at..at + 4].try_into().unwrap());
        (number(12), number(16), reply[20..].to_vec())
    }

    /// Sends a request on a connection of its own and returns all that comes until its end.
    fn fetch(&mut self, to: IpAddr, target: &str) -> Option<Vec<u8>> {
        let request = format!("GET {target} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
        let mut connection = self
            .host
            .connect(SocketAddr::new(to, PORT), request.as_bytes());
        self.until(|host| {
            host.turn(&mut connection);
            connection.over.then_some(())
        })?;
        self.host.close(&connection);
        self.step();
        self.host.forget(&connection);
        Some(connection.received)
    }

    /// The body of a reply with status 200, taken out of its chunks if it is in some.
    fn body(&mut self, to: IpAddr, target: &str) -> Vec<u8> {
        for _ in 0..20 {
            let reply = self.fetch(to, target).unwrap_or_default();
            let Some(end) = reply.windows(4).position(|at| at == b"\r\n\r\n") else {
                // A SYN that is lost every time, or a reset.
                continue;
            };
            let head = String::from_utf8(reply[..end].to_vec()).unwrap();
            assert!(head.starts_with("HTTP/1.1 200"), "{head}");
            let body = &reply[end + 4..];
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("Content-Length: "));
            if let Some(length) = length {
                assert_eq!(body.len(), length.parse::<usize>().unwrap());
                return body.to_vec();
            }
            return unchunk(body);
        }
        panic!("no reply to {target}");
    }

    fn stat(&mut self, name: &str) -> u64 {
        let page = self.body(V4.into(), "/stats?mode=network");
        let page = String::from_utf8(page).unwrap();
        let mut lines = page.lines().filter_map(|line| line.split_once(' '));
        let (count, _) = lines
            .find(|(_, of)| *of == name)
            .unwrap_or_else(|| panic!("{name} in {page}"));
        count.parse().unwrap()
    }
}

fn unchunk(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let end = rest
            .windows(2)
            .position(|at| at == b"\r\n")
            .expect("a chunk");
        let length = usize::from_str_radix(str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        rest = &rest[end + 2..];
        if length == 0 {
            assert_eq!(rest, b"\r\n");
            return body;
        }
        body.extend_from_slice(&rest[..length]);
        rest = &rest[length + 2..];
    }
}

/// What must come through whole, whatever the weather.
fn everything(lan: &mut Lan) {
    for (nth, to) in [IpAddr::V4(V4), IpAddr::V6(V6)].into_iter().enumerate() {
        let hash = [nth as u8 + 1; 20];
        for port in 1..=60 {
            lan.announce(to, &Announce::leecher(port).with_hash(hash));
        }
        let (leechers, seeders, peers) = lan.announce(to, &Announce::seeder(99).with_hash(hash));
        let stride = if to.is_ipv4() { 6 } else { 18 };
        assert_eq!((leechers, seeders, peers.len()), (60, 1, 60 * stride));
        let reply = lan.body(to, &announce_target(&hash, 4321, 0, "&numwant=80"));
        assert!(
            reply.windows(12).any(|at| at == b"8:completei2"),
            "{}",
            reply.escape_ascii()
        );
        assert!(reply.len() > 60 * stride, "{}", reply.escape_ascii());
        let reply = lan.body(to, &scrape_target(&[hash]));
        assert!(
            reply.windows(14).any(|at| at == b"incompletei60e"),
            "{}",
            reply.escape_ascii()
        );
    }
    let page = lan.body(V6.into(), "/stats?mode=everything");
    assert!(page.ends_with(b"</stats>"), "{}", page.escape_ascii());
}

#[test]
fn all_comes_through_in_fair_weather() {
    everything(&mut Lan::new(FAIR, 1));
}

#[test]
fn all_comes_through_though_frames_are_lost_doubled_and_overtaken() {
    for seed in 2..6 {
        everything(&mut Lan::new(FOUL, seed));
    }
}

#[test]
fn all_comes_through_with_as_little_memory_as_can_be() {
    let least = Sizes {
        receive: 256,
        send: 512,
        held: 1,
    };
    for (weather, seed) in [(FAIR, 1), (FOUL, 2)] {
        let mut lan = Lan::new(weather, seed);
        lan.driver = driver_of::<2>(&SETUP, least, &mut lan.device).unwrap();
        everything(&mut lan);
    }
}

#[test]
fn a_full_scrape_comes_through_whole_in_any_weather() {
    for (weather, seed) in [(FAIR, 1), (FOUL, 2), (FOUL, 3)] {
        let mut lan = Lan::new(weather, seed);
        let id = lan.connect_id(V4.into());
        // The host's own stack would take longer than the tracker for so many.
        for nth in 0..700_u32 {
            let mut hash = [9; 20];
            hash[..4].copy_from_slice(&nth.to_be_bytes());
            let announce = Announce::leecher(1).with_hash(hash).emit(id, nth);
            let mut out = [0; 1500];
            let source = SocketAddr::new(HOST_V4.into(), 40_000);
            let now = wrtracker_core::time::Secs(5);
            assert!(
                wrtracker_core::udp::answer(&mut lan.tracker, source, &announce, now, &mut out) > 0
            );
        }
        let body = lan.body(V4.into(), "/scrape");
        assert!(body.starts_with(b"d5:filesd20:") && body.ends_with(b"ee"));
        let found = body.windows(13).filter(|at| at == b"incompletei1e").count();
        assert_eq!(found, 700);
    }
}

#[test]
fn connections_stay_open_for_more_requests_and_in_pieces() {
    let mut lan = Lan::new(FAIR, 4);
    let mut connection = lan.host.connect(SocketAddr::new(V4.into(), PORT), b"");
    let all = request("/stats?mode=version").repeat(3);
    for byte in all.as_bytes().chunks(7) {
        lan.host.send(&mut connection, byte);
        lan.host.turn(&mut connection);
        (0..5).for_each(|_| lan.step());
    }
    let done = lan.until(|host| {
        host.turn(&mut connection);
        let found = connection
            .received
            .windows(15)
            .filter(|at| at == b"HTTP/1.1 200 OK");
        (found.count() == 3).then_some(())
    });
    assert!(done.is_some() && !connection.over);
    lan.host.close(&connection);
    let over = lan.until(|host| {
        host.turn(&mut connection);
        connection.over.then_some(())
    });
    assert!(over.is_some());
}

#[test]
fn more_clients_than_places_all_have_their_turn() {
    let mut lan = Lan::new(FAIR, 5);
    for round in 0..3 {
        let target = request("/stats?mode=version");
        let mut open: Vec<Connection> = (0..5 * CONNECTIONS)
            .map(|_| {
                let to = SocketAddr::new(V4.into(), PORT);
                let mut connection = lan.host.connect(to, target.as_bytes());
                for _ in 0..10 {
                    lan.host.turn(&mut connection);
                    lan.step();
                }
                connection
            })
            .collect();
        for (nth, connection) in open.iter_mut().enumerate() {
            let done = lan.until(|host| {
                host.turn(connection);
                (!connection.received.is_empty() || connection.over).then_some(())
            });
            assert!(done.is_some(), "round {round}, client {nth}");
            assert!(
                !connection.received.is_empty(),
                "round {round}, client {nth} was reset"
            );
        }
        for connection in &open {
            lan.host.forget(connection);
        }
    }
    assert!(lan.stat("connections reset") > 0);
}

/// The tracker answers a client that knows nothing of what else goes on.
fn still_answers(lan: &mut Lan) {
    let (leechers, ..) = lan.announce(V4.into(), &Announce::leecher(5).with_hash([0x55; 20]));
    assert_eq!(leechers, 1);
    lan.body(V4.into(), "/stats");
}

#[test]
fn a_flood_of_syns_keeps_nobody_out() {
    let mut lan = Lan::new(FAIR, 6);
    let at = SocketAddrV4::new(V4, PORT);
    let mut random = Random::new(6);
    let mut flood = |lan: &mut Lan, count: u32| {
        for _ in 0..count {
            // Addresses of the same network and of others.
            let ip = match random.below(2) {
                0 => Ipv4Addr::new(192, 0, 2, 10 + random.below(200) as u8),
                _ => Ipv4Addr::from(0x0b00_0000 | random.below(1 << 24)),
            };
            let from = SocketAddrV4::new(ip, 1024 + random.below(60_000) as u16);
            let mac = [2, 0, 0, 1, 0, random.below(256) as u8];
            let frame = bad::syn(mac, MAC, from, at, random.next() as i32);
            lan.cable
                .borrow_mut()
                .send(0, &frame, wrtracker_tests::ether::instant(lan.now));
        }
    };
    for _ in 0..50 {
        flood(&mut lan, 100);
        lan.step();
    }
    // While it goes on, UDP is as ever.
    let id = lan.connect_id(V4.into());
    for nth in 0..100 {
        flood(&mut lan, 20);
        let packet = Announce::leecher(7).emit(id, nth);
        lan.host.ask(SocketAddr::new(V4.into(), PORT), &packet);
        (0..4).for_each(|_| lan.step());
        assert!(lan.host.heard().is_some(), "announce {nth}");
    }
    // A handshake that takes less than a few of the flood's.
    flood(&mut lan, 3);
    still_answers(&mut lan);
    assert!(lan.stat("handshakes given up") > 1000);
}

#[test]
fn handshakes_that_stay_half_open_are_given_up() {
    let mut lan = Lan::new(FAIR, 7);
    let at = SocketAddrV4::new(V4, PORT);
    for nth in 0..CONNECTIONS as u16 {
        let from = SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 77), 2000 + nth);
        let frame = bad::syn([2, 0, 0, 0, 0, 77], MAC, from, at, 1);
        lan.host.device.send(&frame, lan.now);
        (0..5).for_each(|_| lan.step());
    }
    still_answers(&mut lan);
    (0..7000).for_each(|_| lan.step());
    assert_eq!(lan.stat("handshakes given up"), CONNECTIONS as u64);
}

#[test]
fn a_syn_that_comes_again_is_no_second_connection() {
    let mut lan = Lan::new(FAIR, 8);
    let (at, from) = (SocketAddrV4::new(V4, PORT), SocketAddrV4::new(HOST_V4, 999));
    for _ in 0..10 {
        lan.host
            .device
            .send(&bad::syn(HOST_MAC, MAC, from, at, 1), lan.now);
        lan.step();
    }
    assert_eq!(lan.stat("dropped: repeated SYN"), 9);
}

#[test]
fn neighbors_by_the_thousand_are_no_matter() {
    let mut lan = Lan::new(FAIR, 9);
    let mut random = Random::new(9);
    for _ in 0..200 {
        for _ in 0..30 {
            let mac = [2, 9, 9, 9, random.below(256) as u8, random.below(256) as u8];
            let ip = Ipv4Addr::new(192, 0, 2, 3 + random.below(200) as u8);
            lan.host.device.send(&bad::arp(mac, ip, V4), lan.now);
        }
        lan.step();
    }
    // Each of a hundred neighbors is answered at once, by way of itself, though the stack knows
    // sixteen; and so is one from beyond the router.
    let id = lan.connect_id(V4.into());
    assert_ne!(id, 0);
    for nth in 0..100_u8 {
        let mac = [2, 0, 0, 3, 0, nth];
        let from = match nth % 2 {
            0 => Ipv4Addr::new(192, 0, 2, 100 + nth),
            _ => Ipv4Addr::new(198, 51, 100, nth),
        };
        let mut udp = vec![0x12, 0x34, 0x1b, 0x39, 0, 24, 0, 0];
        udp.extend_from_slice(&head(MAGIC, 0, nth.into()));
        let frame = bad::ipv4(mac, MAC, from, V4, IpProtocol::Udp, &udp, |_| {});
        lan.host.device.send(&frame, lan.now);
        let wire = lan.cable.clone();
        lan.driver.poll(lan.now, &mut lan.device, &mut lan.tracker);
        assert_eq!(wire.borrow().waiting(1), 1, "neighbor {nth}");
        let mut reply = None;
        if let Some((frame, _)) = smoltcp::phy::Device::receive(
            &mut lan.host.device,
            wrtracker_tests::ether::instant(lan.now),
        ) {
            smoltcp::phy::RxToken::consume(frame, |frame| reply = Some(frame.to_vec()));
        }
        let reply = reply.unwrap();
        assert_eq!((&reply[..6], &reply[6..12]), (&mac[..], &MAC[..]));
        assert_eq!(
            (&reply[26..30], &reply[30..34]),
            (&V4.octets()[..], &from.octets()[..])
        );
        assert_eq!(reply.len(), 14 + 20 + 8 + 16);
    }
    // TCP likewise: its neighbor is the one that sent the segment.
    for nth in 0..100_u8 {
        let mac = [2, 0, 0, 4, 0, nth];
        let from = SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 100 + nth), 5000);
        let frame = bad::syn(mac, MAC, from, SocketAddrV4::new(V4, PORT), 1);
        lan.host.device.send(&frame, lan.now);
        lan.driver.poll(lan.now, &mut lan.device, &mut lan.tracker);
        let mut replies = Vec::new();
        while let Some((frame, _)) = smoltcp::phy::Device::receive(
            &mut lan.host.device,
            wrtracker_tests::ether::instant(lan.now),
        ) {
            smoltcp::phy::RxToken::consume(frame, |frame| replies.push(frame.to_vec()));
        }
        let mine = replies.iter().find(|frame| frame[..6] == mac);
        let mine = mine.unwrap_or_else(|| panic!("neighbor {nth}: {replies:?}"));
        // SYN and ACK.
        assert_eq!(mine[14 + 20 + 13], 0x12);
    }
    still_answers(&mut lan);
}

#[test]
fn what_is_no_proper_packet_is_dropped_and_counted() {
    let mut lan = Lan::new(FAIR, 10);
    let good = {
        let mut udp = vec![0x12, 0x34, 0x1b, 0x39, 0, 24, 0, 0];
        udp.extend_from_slice(&head(MAGIC, 0, 1));
        udp
    };
    let from = Ipv4Addr::new(192, 0, 2, 50);
    let udp = |from, change: &dyn Fn(&mut smoltcp::wire::Ipv4Packet<&mut [u8]>)| {
        bad::ipv4(HOST_MAC, MAC, from, V4, IpProtocol::Udp, &good, change)
    };
    // One that is good, so that the others are bad for their own reasons.
    let mut fragment_end = udp(from, &|packet| packet.set_frag_offset(1480));
    fragment_end[0] = MAC[0];
    let cases: Vec<(&str, Vec<Vec<u8>>)> = vec![
        ("datagrams for the tracker", vec![udp(from, &|_| {})]),
        (
            "dropped: malformed",
            vec![
                vec![],
                vec![0; 5],
                // Cut in the Ethernet, IP and UDP headers.
                udp(from, &|_| {})[..13].to_vec(),
                udp(from, &|_| {})[..20].to_vec(),
                udp(from, &|packet| packet.set_total_len(24)),
                udp(from, &|packet| packet.set_header_len(24)),
                udp(from, &|packet| packet.set_header_len(16)),
                udp(from, &|packet| packet.set_version(5)),
                udp(from, &|packet| packet.set_total_len(2000)),
                // From nobody, from all, from ourselves.
                udp(Ipv4Addr::UNSPECIFIED, &|_| {}),
                udp(Ipv4Addr::BROADCAST, &|_| {}),
                udp(Ipv4Addr::new(192, 0, 2, 255), &|_| {}),
                udp(Ipv4Addr::new(224, 0, 0, 1), &|_| {}),
                udp(Ipv4Addr::LOCALHOST, &|_| {}),
                udp(V4, &|_| {}),
                bad::ipv4(
                    [3, 0, 0, 0, 0, 1],
                    MAC,
                    from,
                    V4,
                    IpProtocol::Udp,
                    &good,
                    |_| {},
                ),
            ],
        ),
        (
            "dropped: fragments",
            vec![
                udp(from, &|packet| packet.set_more_frags(true)),
                udp(from, &|packet| packet.set_frag_offset(1480)),
                fragment_end,
            ],
        ),
        (
            "dropped: frames for others",
            vec![
                bad::ipv4(
                    HOST_MAC,
                    [2, 0, 0, 0, 0, 9],
                    from,
                    V4,
                    IpProtocol::Udp,
                    &good,
                    |_| {},
                ),
                bad::ipv4(
                    HOST_MAC,
                    MAC,
                    from,
                    Ipv4Addr::new(192, 0, 2, 9),
                    IpProtocol::Udp,
                    &good,
                    |_| {},
                ),
                bad::ipv4(
                    HOST_MAC,
                    [0xff; 6],
                    from,
                    Ipv4Addr::new(192, 0, 2, 255),
                    IpProtocol::Udp,
                    &good,
                    |_| {},
                ),
                bad::ipv4(HOST_MAC, MAC, from, V4, IpProtocol::Igmp, &good, |_| {}),
            ],
        ),
        ("dropped: oversized", vec![vec![0; 1515], vec![7; 9000]]),
    ];
    for (name, frames) in cases {
        let before = lan.stat(name);
        let more = if name == "datagrams for the tracker" {
            1
        } else {
            frames.len() as u64
        };
        for frame in &frames {
            lan.host.device.send(frame, lan.now);
        }
        (0..3).for_each(|_| lan.step());
        let after = lan.stat(name);
        assert_eq!(after - before, more, "{name}");
    }
    while lan.host.heard().is_some() {}
    still_answers(&mut lan);
}

#[test]
fn any_bytes_at_all_are_survived() {
    let mut lan = Lan::new(FAIR, 11);
    let mut random = Random::new(11);
    // Frames as they come, with bytes changed: more of them pass the first looks than of noise.
    let mut frames: Vec<Vec<u8>> = vec![
        bad::arp(HOST_MAC, HOST_V4, V4),
        bad::syn(
            HOST_MAC,
            MAC,
            SocketAddrV4::new(HOST_V4, 5),
            SocketAddrV4::new(V4, PORT),
            9,
        ),
    ];
    lan.announce(V6.into(), &Announce::leecher(5));
    frames.push(lan.cable.borrow().last.clone());
    lan.body(V6.into(), "/stats");
    frames.push(lan.cable.borrow().last.clone());
    for nth in 0..60_000_u32 {
        let mut frame = frames[random.below(frames.len() as u32) as usize].clone();
        for _ in 0..=random.below(4) {
            let at = random.below(frame.len() as u32) as usize;
            frame[at] = random.next() as u8;
        }
        if random.below(4) == 0 {
            frame.truncate(random.below(frame.len() as u32 + 1) as usize);
        }
        if random.below(8) == 0 {
            frame.resize(frame.len() + random.below(200) as usize, 0);
        }
        lan.host.device.send(&frame, lan.now);
        if nth % 16 == 0 {
            lan.driver.poll(lan.now, &mut lan.device, &mut lan.tracker);
            lan.now += Duration::from_millis(1);
        }
    }
    (0..2000).for_each(|_| lan.step());
    still_answers(&mut lan);
}

#[test]
fn segments_in_any_order_are_survived() {
    let mut lan = Lan::new(FAIR, 12);
    let mut random = Random::new(12);
    let at = SocketAddrV4::new(V4, PORT);
    let controls = [
        TcpControl::Syn,
        TcpControl::Fin,
        TcpControl::Rst,
        TcpControl::None,
        TcpControl::Psh,
    ];
    for nth in 0..40_000_u32 {
        let from = SocketAddrV4::new(HOST_V4, 1 + random.below(20) as u16);
        let control = controls[random.below(5) as usize];
        let ack = (random.below(2) == 0).then(|| random.next() as i32);
        let seq = random.below(3) as i32;
        lan.host.device.send(
            &bad::segment(HOST_MAC, MAC, from, at, control, seq, ack),
            lan.now,
        );
        if nth % 8 == 0 {
            lan.driver.poll(lan.now, &mut lan.device, &mut lan.tracker);
            lan.now += Duration::from_millis(3);
        }
    }
    (0..15_000).for_each(|_| lan.step());
    still_answers(&mut lan);
}

#[test]
fn a_cable_that_is_pulled_and_put_back_is_no_end() {
    let mut lan = Lan::new(FAIR, 13);
    still_answers(&mut lan);
    let mut half = lan
        .host
        .connect(SocketAddr::new(V4.into(), PORT), b"GET /stats HT");
    for _ in 0..100 {
        lan.host.turn(&mut half);
        lan.step();
    }
    lan.cable.borrow_mut().plugged = false;
    (0..90_000).for_each(|_| lan.step());
    lan.cable.borrow_mut().plugged = true;
    lan.driver.link_up();
    still_answers(&mut lan);
}

#[test]
fn a_clock_that_stands_still_or_goes_back_stops_nothing() {
    let mut lan = Lan::new(FAIR, 14);
    lan.now = Duration::from_secs(1000);
    still_answers(&mut lan);
    let frozen = lan.now;
    for back in [Duration::ZERO, Duration::from_secs(500)] {
        let target = request("/stats?mode=version");
        let mut connection = lan
            .host
            .connect(SocketAddr::new(V4.into(), PORT), target.as_bytes());
        for _ in 0..200 {
            lan.host.poll(lan.now);
            lan.host.turn(&mut connection);
            lan.driver
                .poll(frozen - back, &mut lan.device, &mut lan.tracker);
            lan.now += Duration::from_millis(1);
        }
        assert!(
            connection.received.starts_with(b"HTTP/1.1 200"),
            "{:?}",
            connection.received
        );
        lan.host
            .ask(SocketAddr::new(V4.into(), PORT), &head(MAGIC, 0, 3));
        for _ in 0..3 {
            lan.host.poll(lan.now);
            lan.driver
                .poll(frozen - back, &mut lan.device, &mut lan.tracker);
        }
        lan.host.poll(lan.now);
        assert!(lan.host.heard().is_some());
    }
    // And one that leaps.
    lan.now += Duration::from_secs(40 * 86_400);
    still_answers(&mut lan);
}

#[test]
fn a_poll_takes_a_bounded_number_of_frames() {
    let mut lan = Lan::new(FAIR, 15);
    for _ in 0..3 * FRAMES {
        lan.host
            .device
            .send(&bad::arp(HOST_MAC, HOST_V4, V4), lan.now);
    }
    for left in [2, 1] {
        let rest = lan.driver.poll(lan.now, &mut lan.device, &mut lan.tracker);
        assert_eq!(rest, Duration::ZERO);
        assert_eq!(lan.cable.borrow().waiting(0), left * FRAMES);
    }
}

#[test]
fn what_can_not_be_set_up_is_refused_with_its_reason() {
    let (_, mut device, _) = Cable::new(FAIR, 1);
    let mut refused = |setup: Setup| driver(&setup, &mut device).err();
    assert_eq!(refused(SETUP), None);
    assert_eq!(refused(Setup { port: 0, ..SETUP }), Some(SetupError::Port));
    for mac in [[0; 6], [1, 0, 0, 0, 0, 1], [0xff; 6]] {
        assert_eq!(refused(Setup { mac, ..SETUP }), Some(SetupError::Mac));
    }
    for (address, bits, router) in [
        ("0.0.0.0", 24, None),
        ("127.0.0.1", 8, None),
        ("224.0.0.1", 24, None),
        ("192.0.2.255", 24, None),
        ("192.0.2.0", 24, None),
        ("192.0.2.1", 0, None),
        ("192.0.2.1", 33, None),
        ("192.0.2.1", 24, Some("198.51.100.1")),
        ("192.0.2.1", 24, Some("192.0.2.255")),
    ] {
        let ipv4 = Ipv4::Static {
            address: address.parse().unwrap(),
            bits,
            router: router.map(|router| router.parse().unwrap()),
        };
        let wrong: IpAddr = router.unwrap_or(address).parse().unwrap();
        assert_eq!(
            refused(Setup { ipv4, ..SETUP }),
            Some(SetupError::Address(wrong)),
            "{address}"
        );
    }
    for (address, bits) in [
        ("::", 64),
        ("ff02::1", 64),
        ("2001:db8::1", 129),
        ("::1", 128),
    ] {
        let ipv6 = Ipv6 {
            address: Some((address.parse().unwrap(), bits)),
            ..Ipv6::OFF
        };
        let wrong = SetupError::Address(address.parse().unwrap());
        assert_eq!(refused(Setup { ipv6, ..SETUP }), Some(wrong));
    }
    for name in ["a b", "a.b", "\u{e9}", &*"x".repeat(64).leak()] {
        assert_eq!(refused(Setup { name, ..SETUP }), Some(SetupError::Name));
    }
    let bytes = vec![0; Sizes::DEFAULT.bytes(CONNECTIONS) - 1].leak();
    let room = Box::leak(Box::new(Room::<CONNECTIONS>::new()));
    let small = Driver::new(
        &SETUP,
        room,
        bytes,
        Sizes::DEFAULT,
        &mut device,
        Duration::ZERO,
    );
    assert_eq!(small.err(), Some(SetupError::Memory));
}

#[test]
fn routers_give_addresses_and_bad_ones_nothing() {
    let mut lan = Lan::new(FAIR, 16);
    let mac = [2, 0, 0, 0, 0, 99];
    let from: Ipv6Addr = "fe80::99".parse().unwrap();
    let addresses = |lan: &Lan| lan.driver.addresses().collect::<Vec<_>>();
    let before = addresses(&lan);
    assert_eq!(before.len(), 3);
    for (prefix, bits) in [
        ("ff00::", 64),
        ("ff02::1", 64),
        ("::", 64),
        ("::1", 128),
        ("::", 0),
        ("fe80::", 64),
        ("2001:db8:5::", 0),
        ("2001:db8:5::", 128),
        ("2001:db8:5::", 129),
        ("2001:db8:5::", 255),
        ("::ffff:192.0.2.1", 96),
    ] {
        for seconds in [0, 1, 1800, u64::from(u32::MAX)] {
            let frame = bad::router(mac, from, prefix.parse().unwrap(), bits, seconds);
            lan.host.device.send(&frame, lan.now);
            (0..3).for_each(|_| lan.step());
        }
    }
    assert_eq!(addresses(&lan), before);
    let frame = bad::router(mac, from, "2001:db8:5::".parse().unwrap(), 64, 100);
    lan.host.device.send(&frame, lan.now);
    (0..3).for_each(|_| lan.step());
    let own: IpAddr = "2001:db8:5::ff:fe00:1".parse().unwrap();
    assert!(addresses(&lan).contains(&own), "{:?}", addresses(&lan));
    // It goes when it isn't advertised any more.
    (0..101_000).for_each(|_| lan.step());
    assert_eq!(addresses(&lan), before);
    still_answers(&mut lan);
}

/// A server of DHCP that offers what it likes.
fn serve_dhcp(lan: &mut Lan, offer: Ipv4Addr, mask: Ipv4Addr, router: Ipv4Addr) {
    use smoltcp::wire::{DhcpMessageType, DhcpPacket, DhcpRepr};
    let server = Ipv4Addr::new(192, 0, 2, 254);
    for _ in 0..15_000 {
        lan.driver.poll(lan.now, &mut lan.device, &mut lan.tracker);
        lan.now += Duration::from_millis(1);
        let mut asked = None;
        let now = wrtracker_tests::ether::instant(lan.now);
        while let Some((frame, _)) = smoltcp::phy::Device::receive(&mut lan.host.device, now) {
            smoltcp::phy::RxToken::consume(frame, |frame| {
                if frame.len() > 282 && frame[12..14] == [8, 0] && frame[23] == 17 {
                    asked = Some(frame[42..].to_vec());
                }
            });
        }
        let Some(asked) = asked else {
            continue;
        };
        let packet = DhcpPacket::new_checked(&asked[..]).unwrap();
        let name = packet.options().find(|option| option.kind == 12);
        assert_eq!(name.map(|option| option.data), Some(&b"tracker"[..]));
        let asked = DhcpRepr::parse(&packet).unwrap();
        let reply = DhcpRepr {
            message_type: match asked.message_type {
                DhcpMessageType::Discover => DhcpMessageType::Offer,
                _ => DhcpMessageType::Ack,
            },
            your_ip: offer,
            server_ip: server,
            server_identifier: Some(server),
            subnet_mask: Some(mask),
            router: Some(router),
            lease_duration: Some(60),
            parameter_request_list: None,
            client_identifier: None,
            requested_ip: None,
            max_size: None,
            ..asked
        };
        let mut udp = vec![0; 8 + reply.buffer_len()];
        let length = udp.len() as u16;
        udp[..8].copy_from_slice(&[0, 67, 0, 68, (length >> 8) as u8, length as u8, 0, 0]);
        reply
            .emit(&mut DhcpPacket::new_unchecked(&mut udp[8..]))
            .unwrap();
        let mac = [2, 0, 0, 0, 0, 254];
        let frame = bad::ipv4(mac, MAC, server, offer, IpProtocol::Udp, &udp, |_| {});
        lan.host.device.send(&frame, lan.now);
    }
}

#[test]
fn dhcp_gives_an_address_and_a_bad_server_none() {
    let mask = Ipv4Addr::new(255, 255, 255, 0);
    let router = Ipv4Addr::new(192, 0, 2, 254);
    for (offer, mask, router, taken) in [
        (V4, mask, router, true),
        (V4, mask, Ipv4Addr::BROADCAST, true),
        (V4, mask, Ipv4Addr::new(224, 0, 0, 1), true),
        (V4, mask, Ipv4Addr::new(198, 51, 100, 1), true),
        (V4, Ipv4Addr::UNSPECIFIED, router, false),
        (Ipv4Addr::new(192, 0, 2, 255), mask, router, false),
        (Ipv4Addr::new(224, 0, 0, 5), mask, router, false),
        (Ipv4Addr::LOCALHOST, mask, router, false),
        (Ipv4Addr::UNSPECIFIED, mask, router, false),
    ] {
        let mut lan = Lan::new(FAIR, 17);
        let setup = Setup {
            ipv4: Ipv4::Dhcp,
            ..SETUP
        };
        lan.driver = driver(&setup, &mut lan.device).unwrap();
        serve_dhcp(&mut lan, offer, mask, router);
        let has = lan.driver.addresses().any(|ip| ip == IpAddr::V4(offer));
        assert_eq!(has, taken, "{offer} {mask} {router}");
        if taken {
            (0..10).for_each(|_| lan.step());
            still_answers(&mut lan);
            // Nobody renews it: it goes after its minute.
            (0..70_000).for_each(|_| lan.step());
            assert!(!lan.driver.addresses().any(|ip| ip == IpAddr::V4(offer)));
            let (leechers, ..) =
                lan.announce(V6.into(), &Announce::leecher(9).with_hash([0x56; 20]));
            assert_eq!(leechers, 1);
        }
    }
}
