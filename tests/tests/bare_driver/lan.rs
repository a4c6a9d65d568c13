//! A tracker at one end of a cable, a host at the other, and a clock that the test sets.

use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use wrtracker_core::bare::{Driver, Ipv4, Ipv6, Room, Setup, SetupError, Sizes};
use wrtracker_core::policy::Policy;
use wrtracker_core::tracker::{Secrets, Tracker};
use wrtracker_tests::ether::{Cable, End, Host, Weather};
use wrtracker_tests::udp_client::{Announce, MAGIC, head};

pub(crate) const FOUL: Weather = Weather {
    lost: 10,
    doubled: 10,
    slowest: 40,
};

pub(crate) const MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
pub(crate) const V4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
pub(crate) const V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 1);
pub(crate) const PORT: u16 = 6969;

pub(crate) const HOST_MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];
pub(crate) const HOST_V4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
pub(crate) const HOST_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 2);

pub(crate) const CONNECTIONS: usize = 8;

/// A tracker at one end of a cable, a host at the other.
pub(crate) struct Lan {
    pub(crate) driver: Driver<'static>,
    pub(crate) tracker: Tracker<'static>,
    pub(crate) device: End,
    pub(crate) host: Host<End>,
    /// Where frames of others can be put in.
    pub(crate) cable: Rc<RefCell<Cable>>,
    pub(crate) now: Duration,
    pub(crate) transaction: u32,
}

pub(crate) const SETUP: Setup = Setup {
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

pub(crate) fn tracker(policy: Policy) -> Tracker<'static> {
    let memory = vec![0; 1 << 18].leak();
    let mut tracker = Tracker::new(memory, &Secrets::new(&[3; 40]), policy).unwrap();
    tracker.set_workspace(vec![0; 4096].leak());
    tracker
}

pub(crate) fn driver(setup: &Setup, device: &mut End) -> Result<Driver<'static>, SetupError> {
    driver_of::<CONNECTIONS>(setup, Sizes::DEFAULT, device)
}

pub(crate) fn driver_of<const N: usize>(
    setup: &Setup,
    sizes: Sizes,
    device: &mut End,
) -> Result<Driver<'static>, SetupError> {
    let room = Box::leak(Box::new(Room::<N>::new()));
    let bytes = vec![0; sizes.bytes(N)].leak();
    Driver::new(setup, room, bytes, sizes, device, Duration::ZERO)
}

impl Lan {
    pub(crate) fn new(weather: Weather, seed: u64) -> Self {
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

    pub(crate) fn step(&mut self) {
        self.host.poll(self.now);
        let rest = self
            .driver
            .poll(self.now, &mut self.device, &mut self.tracker);
        assert!(rest <= Duration::from_secs(1), "{rest:?}");
        self.now += Duration::from_millis(1);
    }

    /// Steps until `done` has something, for at most a minute of the clock.
    pub(crate) fn until<T>(
        &mut self,
        mut done: impl FnMut(&mut Host<End>) -> Option<T>,
    ) -> Option<T> {
        for _ in 0..60_000 {
            if let Some(value) = done(&mut self.host) {
                return Some(value);
            }
            self.step();
        }
        None
    }

    /// Asks over UDP, once a second until there is a reply.
    pub(crate) fn ask(&mut self, to: IpAddr, packet: &dyn Fn(u32) -> Vec<u8>) -> Vec<u8> {
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

    pub(crate) fn connect_id(&mut self, to: IpAddr) -> u64 {
        let reply = self.ask(to, &|transaction| head(MAGIC, 0, transaction));
        assert_eq!((reply.len(), &reply[..4]), (16, &[0; 4][..]));
        u64::from_be_bytes(reply[8..].try_into().unwrap())
    }

    /// Announces over UDP and returns (leechers, seeders, bytes of peers).
    pub(crate) fn announce(&mut self, to: IpAddr, announce: &Announce) -> (u32, u32, Vec<u8>) {
        let id = self.connect_id(to);
        let reply = self.ask(to, &|transaction| announce.emit(id, transaction));
        assert_eq!(reply[..4], [0, 0, 0, 1], "{reply:?}");
        let number = |at: usize| u32::from_be_bytes(reply[at..at + 4].try_into().unwrap());
        (number(12), number(16), reply[20..].to_vec())
    }

    /// Sends a request on a connection of its own and returns all that comes until its end.
    pub(crate) fn fetch(&mut self, to: IpAddr, target: &str) -> Option<Vec<u8>> {
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
    pub(crate) fn body(&mut self, to: IpAddr, target: &str) -> Vec<u8> {
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

    pub(crate) fn stat(&mut self, name: &str) -> u64 {
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
