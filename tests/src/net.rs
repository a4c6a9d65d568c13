//! A network in one value: a tracker, clients, and a clock that the test sets.
//!
//! Datagrams take their time, get lost, come twice and overtake each other; HTTP clients send their
//! requests in pieces. The clients keep to BEP 15 and BEP 3. All of it follows from a seed, with no
//! threads, sockets or waiting.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use wrtracker_core::http::{Connections, Next};
use wrtracker_core::random::Random;
use wrtracker_core::time::Secs;
use wrtracker_core::tracker::Tracker;
use wrtracker_core::udp;

use crate::bencode::Value;
use crate::family::Family;
use crate::http_client::{announce_target, request};
use crate::peers::parse_compact;
use crate::udp_client::{Announce, MAGIC, head, parse_announced};

/// What the network does to datagrams.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// Datagrams lost, of a hundred, each way.
    pub lost: u32,
    /// Datagrams that come twice, of a hundred.
    pub doubled: u32,
    /// The longest that one takes, in seconds.
    pub slowest: u32,
}

/// A client of the tracker.
pub struct Client {
    /// Where it sends from and takes connections.
    pub address: SocketAddr,
    /// Its torrent.
    pub torrent: u8,
    /// Whether it has everything.
    pub seeder: bool,
    /// Whether it speaks HTTP.
    pub http: bool,
    /// Whether it is still there.
    pub alive: bool,
    /// The peers it was told of, ever.
    pub known: BTreeSet<SocketAddr>,
    /// Announces that were answered.
    pub answered: u32,
    /// When it acts next.
    due: u32,
    /// The connection id and when it came (BEP 15: good for a minute).
    connection: Option<(u64, u32)>,
    /// Requests sent since the last answer.
    tries: u32,
    /// The request in the air: its transaction.
    waiting: Option<u32>,
}

/// One under way.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Datagram {
    /// When it arrives.
    at: u32,
    /// In which order they were sent.
    number: u32,
    client: usize,
    to_tracker: bool,
    bytes: Vec<u8>,
}

/// The network.
pub struct Net<'m> {
    /// The tracker in its middle.
    pub tracker: Tracker<'m>,
    /// Its TCP connections.
    pub connections: Connections<'m>,
    /// The clients around it.
    pub clients: Vec<Client>,
    /// The time, in seconds.
    pub now: u32,
    weather: Weather,
    random: Random,
    /// What is under way, the next to arrive first.
    air: BinaryHeap<Reverse<Datagram>>,
    sent: u32,
}

impl<'m> Net<'m> {
    /// A network without clients.
    pub fn new(
        tracker: Tracker<'m>,
        connections: Connections<'m>,
        weather: Weather,
        seed: u64,
        now: u32,
    ) -> Self {
        let (clients, air) = (Vec::new(), BinaryHeap::new());
        let random = Random::new(seed);
        Self {
            tracker,
            connections,
            clients,
            now,
            weather,
            random,
            air,
            sent: 0,
        }
    }

    /// Adds a client that starts within a minute.
    pub fn join(&mut self, torrent: u8, seeder: bool, http: bool, v6: bool) {
        let number = self.clients.len() as u16;
        let [high, low] = number.to_be_bytes();
        let ip = if v6 {
            IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 1, number))
        } else {
            IpAddr::V4(Ipv4Addr::new(10, 0, high, low))
        };
        self.clients.push(Client {
            address: SocketAddr::new(ip, 6881 + number % 5),
            torrent,
            seeder,
            http,
            alive: true,
            known: BTreeSet::new(),
            answered: 0,
            due: self.now + self.random.below(60),
            connection: None,
            tries: 0,
            waiting: None,
        });
    }

    /// Lets time pass, second by second.
    pub fn run(&mut self, seconds: u32) {
        for _ in 0..seconds {
            self.now += 1;
            while self
                .air
                .peek()
                .is_some_and(|Reverse(next)| next.at <= self.now)
            {
                match self.air.pop() {
                    Some(Reverse(next)) if next.to_tracker => self.answer(next.client, &next.bytes),
                    Some(Reverse(next)) => self.take_udp_reply(next.client, &next.bytes),
                    None => {}
                }
            }
            for client in 0..self.clients.len() {
                if self.clients[client].alive && self.clients[client].due <= self.now {
                    self.act(client);
                }
            }
            self.tracker.tick(Secs(self.now));
            while self.connections.expire(Secs(self.now)).is_some() {}
        }
    }

    /// The counts of a torrent as a scrape tells them.
    pub fn counts(&self, torrent: u8) -> (u32, u32) {
        let hash = wrtracker_core::wire::InfoHash([torrent; 20]);
        let part = self.tracker.part(0);
        let store = part.store();
        let torrent = store.find(&hash).map(|id| store.summary(id));
        let counts = torrent.unwrap_or_default().counts;
        (counts.seeders, counts.leechers)
    }

    /// A client tells that it leaves, and hears no more.
    pub fn leave(&mut self, client: usize) {
        self.clients[client].alive = false;
        let request = self.http_request(client, "stopped");
        self.over_http(client, &request);
    }

    fn act(&mut self, number: usize) {
        if self.clients[number].http {
            let event = if self.clients[number].answered == 0 {
                "started"
            } else {
                ""
            };
            let request = self.http_request(number, event);
            let reply = self.over_http(number, &request);
            self.take_http_reply(number, &reply);
            return;
        }
        // BEP 15: 15 seconds, then twice as long each time; an id is used for a minute.
        let client = &mut self.clients[number];
        client.due = self.now + (15 << client.tries.min(8));
        client.tries += 1;
        let transaction = self.random.next();
        client.waiting = Some(transaction);
        let bytes = match client.connection {
            Some((id, since)) if self.now - since < 60 => Announce {
                info_hash: [client.torrent; 20],
                left: if client.seeder { 0 } else { 1000 },
                event: if client.answered == 0 { 2 } else { 0 },
                downloaded: 1,
                port: client.address.port(),
                ..Announce::default()
            }
            .emit(id, transaction),
            _ => head(MAGIC, 0, transaction),
        };
        self.send(number, true, bytes);
    }

    fn send(&mut self, client: usize, to_tracker: bool, bytes: Vec<u8>) {
        let copies = 1 + u32::from(self.random.below(100) < self.weather.doubled);
        for _ in 0..copies {
            if self.random.below(100) >= self.weather.lost {
                self.sent += 1;
                let at = self.now + self.random.below(self.weather.slowest + 1);
                let (number, bytes) = (self.sent, bytes.clone());
                self.air.push(Reverse(Datagram {
                    at,
                    number,
                    client,
                    to_tracker,
                    bytes,
                }));
            }
        }
    }

    fn answer(&mut self, client: usize, bytes: &[u8]) {
        let mut out = [0; udp::LARGEST_REPLY];
        let source = self.clients[client].address;
        let used = udp::answer(&mut self.tracker, source, bytes, Secs(self.now), &mut out);
        if used > 0 {
            self.send(client, false, out[..used].to_vec());
        }
    }

    fn take_udp_reply(&mut self, number: usize, bytes: &[u8]) {
        let client = &mut self.clients[number];
        let waiting = client
            .waiting
            .filter(|_| client.alive)
            .map(u32::to_be_bytes);
        let (Some(transaction), Some(head)) = (waiting, bytes.first_chunk::<8>()) else {
            return;
        };
        if head[4..] != transaction {
            // The answer to a request that the client has given up.
            return;
        }
        if head[..4] == [0; 4] {
            let id = bytes.last_chunk().expect("a connection id");
            client.connection = Some((u64::from_be_bytes(*id), self.now));
            client.tries = 0;
            client.due = self.now;
            client.waiting = None;
        } else {
            let family = family_of(client.address);
            let reply = parse_announced(bytes, u32::from_be_bytes(transaction), family);
            self.take_peers(number, &reply.peers, reply.interval);
        }
    }

    fn take_http_reply(&mut self, number: usize, reply: &[u8]) {
        let at = reply
            .windows(4)
            .position(|end| end == b"\r\n\r\n")
            .expect("a head");
        let value = Value::parse(&reply[at + 4..]).expect("a dictionary");
        let mut peers = parse_compact(value.string("peers"), Family::V4);
        if value.find("peers6").is_some() {
            peers.extend(parse_compact(value.string("peers6"), Family::V6));
        }
        self.take_peers(
            number,
            &peers,
            value.int("interval").try_into().expect("seconds"),
        );
    }

    fn take_peers(&mut self, number: usize, peers: &[SocketAddr], interval: u32) {
        let client = &mut self.clients[number];
        assert!((1620..1980).contains(&interval), "interval {interval}");
        assert!(
            !peers.contains(&client.address),
            "a client was told of itself"
        );
        client.waiting = None;
        client.answered += 1;
        client.tries = 0;
        client.due = self.now + interval;
        client.known.extend(peers);
    }

    fn http_request(&self, number: usize, event: &str) -> String {
        let client = &self.clients[number];
        let left = if client.seeder { 0 } else { 1000 };
        let event = format!("&event={event}");
        let target = announce_target(&[client.torrent; 20], client.address.port(), left, &event);
        // A seeder that comes with nothing downloaded could be a magnet link.
        request(&target.replace("&downloaded=0", "&downloaded=1"))
    }

    /// Sends a request in pieces and returns the reply.
    fn over_http(&mut self, number: usize, request: &str) -> Vec<u8> {
        let now = Secs(self.now);
        let opened = self.connections.open(self.clients[number].address, now);
        let (mut reply, mut rest) = (Vec::new(), request.as_bytes());
        let mut out = vec![0; 16_384];
        while !rest.is_empty() {
            let most = 1 + self.random.below(90) as usize;
            let (piece, tail) = rest.split_at(most.min(rest.len()));
            let turn = self
                .connections
                .receive(opened.id, piece, &mut self.tracker, now, &mut out);
            assert_eq!((turn.consumed, turn.next), (piece.len(), Next::Read));
            reply.extend(&out[..turn.written]);
            rest = tail;
        }
        // Half of them go without a word.
        if self.random.below(2) == 0 {
            self.connections.close(opened.id);
        }
        reply
    }
}

fn family_of(address: SocketAddr) -> Family {
    if address.is_ipv4() {
        Family::V4
    } else {
        Family::V6
    }
}
