//! Trackers that tell each other of peers: the real program, each on a machine of its own, and
//! packets that the test makes and takes apart by itself.
//!
//! The machines are network namespaces with a cable to a switch; the test is one more machine at
//! it.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, SocketType, sockopt};
use wrtracker_tests::conf::Conf;
use wrtracker_tests::http_client::{HttpClient, announce_target};
use wrtracker_tests::namespace::{enter_test, has_ipv6, skip};
use wrtracker_tests::patience::whole_wait;
use wrtracker_tests::server::{Server, binary, emulated};
use wrtracker_tests::udp_client::{Announce, COMPLETED, STARTED, STOPPED, Scraped, UdpClient};

const HASH: [u8; 20] = *b"abcdefghij0123456789";
/// Of peers that only fill packets.
const FILLER: [u8; 20] = *b"filler filler filler";
const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 23, 5);
const PORT: u16 = 9696;
/// How long something may take to arrive.
const DEADLINE: Duration = Duration::from_secs(30);
/// The addresses of the test's own machine.
const HERE: u8 = 254;
const HERE_TOO: u8 = 253;

const fn v4(host: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 5, 0, host)
}

const fn v6(host: u8) -> Ipv6Addr {
    Ipv6Addr::new(0xfd00, 5, 0, 0, 0, 0, 0, host as u16)
}

fn sh(script: &str) {
    let status = Command::new("sh").args(["-ec", script]).status();
    assert!(status.expect("sh").success(), "{script}");
}

/// Whether the program has no system call that live sync needs.
fn no_live_sync() -> bool {
    emulated("live sync: QEMU emulates no IP_MULTICAST_IF")
}

/// Enters a namespace for the test `name` and builds the switch. False if the test isn't to go on.
fn enter_switch(name: &str) -> bool {
    if no_live_sync() || !enter_test(name) {
        return false;
    }
    if !has_ipv6() {
        skip(&format!("{name}: no IPv6 in the namespace"));
        return false;
    }
    let bridge = Command::new("ip")
        .args([
            "link",
            "add",
            "br0",
            "type",
            "bridge",
            "mcast_snooping",
            "0",
        ])
        .output()
        .expect("ip");
    if !bridge.status.success() {
        let why = String::from_utf8_lossy(&bridge.stderr);
        skip(&format!("{name}: no bridge: {}", why.trim()));
        return false;
    }
    sh(&format!(
        "ip addr add {}/24 dev br0; ip addr add {}/24 dev br0; ip link set br0 up
         ip -6 addr add {}/64 dev br0 nodad",
        v4(HERE),
        v4(HERE_TOO),
        v6(HERE)
    ));
    true
}

/// A tracker on a machine of its own.
struct Node {
    /// `None` when it has ended.
    server: Option<Server>,
    host: u8,
    _conf: Conf,
    /// The last port of a filler: others than those of other nodes, which it knows already.
    fillers: u16,
}

impl Node {
    /// Starts one at `host` that syncs on `port` and believes `nodes`.
    fn start(host: u8, port: u16, nodes: &[u8]) -> Self {
        let mut conf = format!("livesync.cluster.listen {}:{port}\n", v4(host));
        for &node in nodes {
            conf.push_str(&format!("livesync.cluster.node_ip {}\n", v4(node)));
        }
        let conf = Conf::new(conf);
        let mut command = Command::new("unshare");
        command.args(["--net", "sh", "-ec"]);
        command.arg(format!(
            "ip link set lo up
             ip link add eth0 type veth peer name port{host} netns $PPID
             ip addr add {}/24 dev eth0; ip -6 addr add {}/64 dev eth0 nodad
             ip link set eth0 up; exec \"$@\"",
            v4(host),
            v6(host)
        ));
        command.arg("sh").arg(binary());
        command
            .args(["-m", "4M", "-p", "6969", "-P", "6969", "-f"])
            .arg(conf.path());
        let server = Server::try_start_command(command)
            .unwrap_or_else(|exited| panic!("{}: {}", exited.status, exited.stderr));
        sh(&format!("ip link set port{host} master br0 up"));
        let node = Self {
            server: Some(server),
            host,
            _conf: conf,
            fillers: u16::from(host) * 1000,
        };
        node.wait_for_network();
        node
    }

    /// Waits until it is reached: the switch's own time to see the cable.
    fn wait_for_network(&self) {
        for address in [SocketAddr::new(v4(self.host).into(), 6969), self.at_v6()] {
            let any: IpAddr = if address.is_ipv4() {
                Ipv4Addr::UNSPECIFIED.into()
            } else {
                Ipv6Addr::UNSPECIFIED.into()
            };
            let socket = UdpSocket::bind((any, 0)).unwrap();
            socket
                .set_read_timeout(Some(Duration::from_millis(20)))
                .unwrap();
            until("the network", || {
                let connect = b"\0\0\x04\x17\x27\x10\x19\x80\0\0\0\0tran";
                let answered = socket.send_to(connect, address);
                answered
                    .and_then(|_| socket.recv(&mut [0; 16]))
                    .is_ok()
                    .then_some(())
            });
        }
    }

    fn at_v4(&self) -> SocketAddr {
        SocketAddr::new(v4(self.host).into(), 6969)
    }

    fn at_v6(&self) -> SocketAddr {
        SocketAddr::new(v6(self.host).into(), 6969)
    }

    fn udp(&self) -> UdpClient {
        let mut client = UdpClient::bound_to(v4(HERE).into(), self.at_v4());
        client.connection = client.fresh_connection();
        client
    }

    fn udp_v6(&self) -> UdpClient {
        let mut client = UdpClient::bound_to(v6(HERE).into(), self.at_v6());
        client.connection = client.fresh_connection();
        client
    }

    fn http(&self) -> HttpClient {
        HttpClient::bound_to(v4(HERE).into(), self.at_v4())
    }

    fn http_v6(&self) -> HttpClient {
        HttpClient::bound_to(v6(HERE).into(), self.at_v6())
    }

    /// Fills a packet with so many peers of each family that what was to tell before goes.
    fn push(&mut self) {
        let (v4, mut v6) = (self.udp(), self.http_v6());
        for _ in 0..52 {
            self.fillers += 1;
            v4.announce(&filler(self.fillers));
        }
        for _ in 0..36 {
            self.fillers += 1;
            announce(&mut v6, &FILLER, self.fillers, 1, "");
        }
    }

    /// What it says of a torrent.
    fn scrape(&self, hash: [u8; 20]) -> Scraped {
        self.udp().scrape(&[hash])[0]
    }

    /// Ends it as a service manager does.
    fn end(&mut self) {
        let server = self.server.take().expect("a running node");
        assert!(server.terminate().success());
    }

    /// Waits until it says so of [`HASH`].
    fn wait_for(&self, seeders: u32, leechers: u32, completed: u32) {
        let expected = Scraped {
            seeders,
            completed,
            leechers,
        };
        let client = self.udp();
        let mut last = None;
        let deadline = Instant::now() + DEADLINE;
        while last != Some(expected) {
            assert!(Instant::now() < deadline, "{last:?} is not {expected:?}");
            thread::sleep(Duration::from_millis(2));
            last = client.scrape(&[HASH]).first().copied();
        }
    }
}

fn filler(port: u16) -> Announce {
    Announce::leecher(port).with_hash(FILLER).with_wanted(0)
}

fn announce(client: &mut HttpClient, hash: &[u8; 20], port: u16, left: u64, more: &str) {
    let reply = client.get(&announce_target(hash, port, left, more));
    let text = reply.text();
    assert!(reply.status == 200 && !text.contains("failure"), "{text}");
}

fn until<T>(what: &str, mut done: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(result) = done() {
            return result;
        }
        assert!(Instant::now() < deadline, "no {what} in {DEADLINE:?}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// A member of the group that trusts nobody's code but its own.
struct Tap(UdpSocket);

impl Tap {
    fn on(port: u16) -> Self {
        let socket = UdpSocket::bind((GROUP, port)).unwrap();
        socket.join_multicast_v4(&GROUP, &v4(HERE)).unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        Self(socket)
    }

    fn receive(&self) -> (Vec<u8>, SocketAddr) {
        let mut packet = [0; 2000];
        let (length, source) = whole_wait(|| self.0.recv_from(&mut packet)).expect("a packet");
        (packet[..length].to_vec(), source)
    }

    /// What has come.
    fn drain(&self) -> Vec<Vec<u8>> {
        self.0.set_nonblocking(true).unwrap();
        let mut packets = Vec::new();
        loop {
            let mut packet = [0; 2000];
            match self.0.recv(&mut packet) {
                Ok(length) => packets.push(packet[..length].to_vec()),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::WouldBlock);
                    return packets;
                }
            }
        }
    }
}

/// Sends to the group from one of our addresses.
fn inject(from: u8, to: Ipv4Addr, packet: &[u8]) {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::DGRAM, None).unwrap();
    sockopt::set_ip_multicast_if(&socket, &v4(from)).unwrap();
    rustix::net::bind(&socket, &SocketAddrV4::new(v4(from), 0)).unwrap();
    let socket = UdpSocket::from(socket);
    assert_eq!(socket.send_to(packet, (to, PORT)).unwrap(), packet.len());
}

fn packet(id: &[u8; 4], kind: u8, records: &[Vec<u8>]) -> Vec<u8> {
    let mut packet = [&id[..], &[0, 0, 0, kind]].concat();
    packet.extend(records.concat());
    packet
}

fn record(hash: &[u8; 20], ip: impl Into<IpAddr>, port: u16, flags: u8) -> Vec<u8> {
    let mut record = hash.to_vec();
    match ip.into() {
        IpAddr::V4(ip) => record.extend(ip.octets()),
        IpAddr::V6(ip) => record.extend(ip.octets()),
    }
    record.extend(port.to_be_bytes());
    record.extend([flags, 0]);
    record
}

#[test]
fn what_one_tracker_hears_the_others_know() {
    if !enter_switch("what_one_tracker_hears_the_others_know") {
        return;
    }
    let tap = Tap::on(PORT);
    let mut a = Node::start(1, PORT, &[2]);
    let mut b = Node::start(2, PORT, &[1]);
    let udp = a.udp();
    udp.announce(&Announce::leecher(1001).with_hash(HASH).with_event(STARTED));
    announce(&mut a.http(), &HASH, 1002, 0, "&event=started");
    announce(&mut a.http_v6(), &HASH, 1003, 5, "&event=started");
    let seeder = Announce::seeder(1004).with_hash(HASH);
    a.udp_v6().announce(&seeder);
    a.push();
    b.wait_for(2, 2, 0);
    // Over each protocol and family, and as whom the client is known.
    let asking = Announce::leecher(1).with_hash(HASH).with_event(STARTED);
    let ports = |client: &UdpClient, ip: IpAddr| {
        let peers = client.announce(&asking).peers;
        assert!(peers.iter().all(|peer| peer.ip() == ip), "{peers:?}");
        client.announce(&asking.clone().with_event(STOPPED));
        let mut ports: Vec<_> = peers.iter().map(SocketAddr::port).collect();
        ports.sort_unstable();
        ports
    };
    assert_eq!(ports(&b.udp(), v4(HERE).into()), [1001, 1002]);
    assert_eq!(ports(&b.udp_v6(), v6(HERE).into()), [1003, 1004]);

    // A download that completes is counted at both, once.
    let completed = Announce::seeder(1001).with_hash(HASH).with_event(COMPLETED);
    udp.announce(&completed);
    udp.announce(&completed);
    announce(&mut a.http_v6(), &HASH, 1003, 0, "&event=completed");
    a.push();
    b.wait_for(4, 0, 2);

    // Until here only one has told of anything but the asking above, which it heard itself.
    let mut told = tap.drain();
    let first: [u8; 4] = told[0][..4].try_into().unwrap();
    assert!(told.iter().all(|packet| packet[..4] == first), "told on");

    // Who stops at the one is gone from the other, both ways.
    udp.announce(&Announce::seeder(1001).with_hash(HASH).with_event(STOPPED));
    announce(&mut a.http_v6(), &HASH, 1003, 0, "&event=stopped");
    a.push();
    b.wait_for(2, 0, 2);
    announce(&mut b.http(), &HASH, 1002, 0, "&event=stopped");
    b.udp_v6().announce(&seeder.with_event(STOPPED));
    b.push();
    a.wait_for(0, 0, 2);
    assert_eq!(a.scrape(HASH), b.scrape(HASH));

    told.extend(tap.drain());
    let mut ids: Vec<_> = told.iter().map(|packet| packet[..4].to_vec()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 2, "two trackers, two ids");
    assert!(told.iter().all(|packet| packet.len() <= 1480));
}

/// As captured from opentracker, byte by byte; and to the port that is configured.
#[test]
fn packets_are_opentrackers() {
    if !enter_switch("packets_are_opentrackers") {
        return;
    }
    let tap = Tap::on(9797);
    let a = Node::start(1, 9797, &[]);
    let (udp, mut http) = (a.udp(), a.http_v6());
    let hash = |number: u16| {
        let mut hash = [0x5a; 20];
        hash[..2].copy_from_slice(&number.to_be_bytes());
        hash
    };
    let mut records = Vec::new();
    let mut tell = |announce: Announce, flags| {
        udp.announce(&announce.clone().with_wanted(0));
        records.push(record(&announce.info_hash, v4(HERE), announce.port, flags));
    };
    tell(Announce::leecher(1).with_hash(hash(0)), 0);
    tell(Announce::seeder(2).with_hash(hash(0)), 0x80);
    tell(
        Announce::seeder(1).with_hash(hash(0)).with_event(COMPLETED),
        0xc0,
    );
    tell(
        Announce::seeder(2).with_hash(hash(0)).with_event(STOPPED),
        0xa0,
    );
    tell(
        Announce::leecher(3).with_hash(hash(9)).with_event(STOPPED),
        0x20,
    );
    for number in 5..52 {
        tell(Announce::leecher(1000 + number).with_hash(hash(number)), 0);
        // Nothing new, nothing told.
        udp.announce(&Announce::leecher(1000 + number).with_hash(hash(number)));
    }
    let (bytes, source) = tap.receive();
    assert_eq!(source, SocketAddr::new(v4(1).into(), 9797));
    let id: [u8; 4] = bytes[..4].try_into().unwrap();
    assert_eq!(bytes, packet(&id, 0, &records));
    assert_eq!(bytes.len(), 1464);

    let mut records = Vec::new();
    for number in 0..36 {
        let left = u64::from(number % 2);
        announce(&mut http, &hash(number), 2000 + number, left, "");
        let flags = if left == 0 { 0x80 } else { 0 };
        records.push(record(&hash(number), v6(HERE), 2000 + number, flags));
    }
    let (bytes, _) = tap.receive();
    assert_eq!(bytes, packet(&id, 1, &records));
    assert_eq!(bytes.len(), 1448);
    assert!(tap.drain().is_empty());
}

#[test]
fn only_listed_nodes_are_believed() {
    if !enter_switch("only_listed_nodes_are_believed") {
        return;
    }
    let b = Node::start(2, PORT, &[HERE_TOO]);
    let one = |port, flags| packet(b"idid", 0, &[record(&HASH, v4(77), port, flags)]);
    let three = |flags| {
        let peers = [1, 2, 3].map(|host| record(&HASH, v6(host), 80, flags));
        packet(b"idid", 1, &peers)
    };
    // None of these: an unlisted node, a listed one past the group, what is no packet, what means
    // nothing here.
    inject(HERE, GROUP, &one(1001, 0));
    inject(HERE, GROUP, &three(0x80));
    inject(HERE_TOO, v4(2), &one(1002, 0));
    for length in 0..8 {
        inject(HERE_TOO, GROUP, &one(1003, 0)[..length]);
    }
    inject(HERE_TOO, GROUP, &one(1003, 0)[..35]);
    inject(
        HERE_TOO,
        GROUP,
        &packet(b"idid", 2, &[record(&HASH, v4(77), 1003, 0)]),
    );
    let nowhere = [
        record(&HASH, Ipv4Addr::LOCALHOST, 1004, 0),
        record(&HASH, Ipv4Addr::new(169, 254, 1, 1), 1004, 0),
        record(&HASH, GROUP, 1004, 0),
        record(&HASH, v4(77), 0, 0),
    ];
    inject(HERE_TOO, GROUP, &packet(b"idid", 0, &nowhere));
    // These are, and come behind the others.
    inject(HERE_TOO, GROUP, &one(1005, 0x80));
    b.wait_for(1, 0, 0);
    let peers = b
        .udp()
        .announce(&Announce::leecher(1).with_hash(HASH))
        .peers;
    assert_eq!(peers, [SocketAddr::new(v4(77).into(), 1005)]);
    inject(HERE_TOO, GROUP, &three(0xc0));
    b.wait_for(4, 1, 3);
    // And neither is a stranger's word that somebody left.
    inject(HERE, GROUP, &three(0x20));
    inject(HERE_TOO, GROUP, &one(1005, 0x20));
    b.wait_for(3, 1, 3);
}

/// The 15 seconds of opentracker, once in real time: the tracker has nothing else to wake up for.
#[test]
fn what_fills_no_packet_goes_after_15_seconds_or_at_the_end() {
    if !enter_switch("what_fills_no_packet_goes_after_15_seconds_or_at_the_end") {
        return;
    }
    let tap = Tap::on(PORT);
    tap.0
        .set_read_timeout(Some(Duration::from_secs(18)))
        .unwrap();
    let a = Node::start(1, PORT, &[2]);
    let mut c = Node::start(3, PORT, &[2]);
    let begun = Instant::now();
    let stop = Announce::leecher(1001).with_hash(HASH).with_event(STOPPED);
    a.udp().announce(&stop);
    c.udp().announce(&stop.with_event(STARTED));
    c.end();
    let stopped = record(&HASH, v4(HERE), 1001, 0x20);
    let started = record(&HASH, v4(HERE), 1001, 0);
    let (bytes, source) = tap.receive();
    assert_eq!(
        (&bytes[4..], source.ip()),
        (&packet(b"....", 0, &[started])[4..], v4(3).into())
    );
    assert!(
        begun.elapsed() < Duration::from_secs(14),
        "only when it was late"
    );
    let (bytes, source) = tap.receive();
    assert_eq!(
        (&bytes[4..], source.ip()),
        (&packet(b"....", 0, &[stopped])[4..], v4(1).into())
    );
    assert!(begun.elapsed() > Duration::from_secs(13), "too early");
}

/// What can't be is said before anything is served, with opentracker's status.
#[test]
fn a_place_that_cannot_sync_ends_the_start() {
    if no_live_sync() {
        return;
    }
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for (ip, part) in [
        ("127.0.0.1", "in use"),
        ("192.0.2.1", "ssign requested address"),
    ] {
        let arguments = ["-i", "127.0.0.1", "-p", "0", "-i", ip, "-s", &port];
        let Err(exited) = Server::try_start(&arguments) else {
            panic!("started at {ip}");
        };
        assert_eq!(exited.status.code(), Some(111), "{}", exited.stderr);
        let start = format!("can't send for live sync on {ip}:{port}: ");
        assert!(exited.stderr.contains(&start), "{}", exited.stderr);
        assert!(exited.stderr.contains(part), "{}", exited.stderr);
    }
    let Err(exited) = Server::try_start(&["-i", "::1", "-p", "0", "-s", "9696"]) else {
        panic!("started on IPv6");
    };
    assert!(!exited.status.success(), "{}", exited.stderr);
    assert!(exited.stderr.contains("-s 9696: "), "{}", exited.stderr);
}
