//! A tracker that serves, and the questions that probes ask most.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::http::{Conn, Reply, announce, scrape};
use super::running::{Ended, Running, until};
use super::udp::Udp;
use super::{Hash, first_listed, show};
use crate::bencode::Value;
use crate::udp_client::{Announce, STOPPED};

/// A tracker that serves. It ends with the value.
pub(crate) struct Tracker {
    pub(crate) running: Running,
    sockets: Vec<String>,
}

impl Tracker {
    /// Waits until wrtracker says that it is ready.
    pub(crate) fn ours(mut running: Running) -> Result<Self, Ended> {
        match running.wait_until_it_listens(None) {
            Some(sockets) => Ok(Self { running, sockets }),
            None => Err(running.wait()),
        }
    }

    /// Waits until opentracker answers, and has read its list.
    pub(crate) fn theirs(mut running: Running, address: SocketAddr) -> Result<Self, Ended> {
        let udp = until(|| {
            if running.status().is_some() {
                return Some(None);
            }
            let socket = format!("udp {address}");
            running
                .sockets()
                .contains(&socket)
                .then(|| Some(Udp::to(address)))
        });
        let Some(Some(udp)) = udp else {
            return Err(running.wait());
        };
        let mut probe = Announce {
            info_hash: first_listed(),
            ..Announce::leecher(1)
        };
        // It answers before it has read its list, and denies then: no counts. A list that a probe
        // made may not have this torrent at all. Each is waited for, so that no worker still has
        // one in hand when another takes the last, and the peer stays.
        let start = Instant::now();
        while udp
            .announce_to_any(&probe)
            .is_none_or(|told| told.rest.is_empty())
            && start.elapsed() < Duration::from_millis(300)
        {}
        probe.event = STOPPED;
        udp.announce_to_any(&probe);
        match running.wait_until_it_listens(Some(2)) {
            Some(sockets) => Ok(Self { running, sockets }),
            None => Err(running.wait()),
        }
    }

    /// Where it takes connections over IPv4.
    pub(crate) fn tcp(&self) -> SocketAddr {
        self.address("tcp", false).expect("a TCP socket")
    }

    /// Where it takes connections over IPv6.
    pub(crate) fn tcp6(&self) -> SocketAddr {
        self.address("tcp", true).expect("a TCP socket for IPv6")
    }

    /// Where it takes datagrams over IPv4.
    pub(crate) fn udp_address(&self) -> SocketAddr {
        self.address("udp", false).expect("a UDP socket")
    }

    /// Where it takes datagrams over IPv6.
    pub(crate) fn udp6_address(&self) -> SocketAddr {
        self.address("udp", true).expect("a UDP socket for IPv6")
    }

    fn address(&self, protocol: &str, v6: bool) -> Option<SocketAddr> {
        let lines = self.sockets.iter();
        let mut found = lines.filter_map(|line| line.strip_prefix(protocol)?.trim().parse().ok());
        found.find(|address: &SocketAddr| address.is_ipv6() == v6)
    }

    /// A connection.
    pub(crate) fn connect(&self) -> Conn {
        Conn::to(self.tcp())
    }

    /// Sends bytes over a connection of their own and waits for one reply.
    pub(crate) fn send(&self, bytes: impl AsRef<[u8]>) -> Reply {
        let mut conn = self.connect();
        conn.send(bytes);
        conn.receive()
    }

    /// Requests `target` over a connection of its own.
    pub(crate) fn get(&self, target: &str) -> Reply {
        self.connect().get(target)
    }

    /// The same from an address of the loopback network: 127.0.0.`host`.
    pub(crate) fn get_from(&self, host: u8, target: &str) -> Reply {
        let ip = IpAddr::V4(Ipv4Addr::new(127, 0, 0, host));
        Conn::from(ip, self.tcp()).get(target)
    }

    /// Announces over HTTP; `more` is added to the query as it is.
    pub(crate) fn announce(&self, hash: &Hash, port: u16, left: u64, more: &str) -> Reply {
        self.get(&(announce(hash, port, left) + more))
    }

    /// A UDP socket with a connection id.
    pub(crate) fn udp(&self) -> Udp {
        Udp::to(self.udp_address())
    }

    /// The tracker with such a socket.
    pub(crate) fn udp_kept(self) -> (Self, Udp) {
        let udp = self.udp();
        (self, udp)
    }

    /// A page of statistics.
    pub(crate) fn stats(&self, mode: &str) -> Reply {
        self.get(&format!("/stats?mode={mode}"))
    }

    /// What a scrape tells of one torrent: `seeders/completed/leechers`.
    pub(crate) fn counts(&self, hash: &Hash) -> String {
        let value = match self.get(&scrape(&[*hash])).bencode() {
            Ok(value) => value,
            Err(error) => return error,
        };
        let Some(file) = value.find("files").and_then(|files| files.find(hash)) else {
            return "unknown".to_owned();
        };
        let number = |key| match file.find(key) {
            Some(Value::Int(number)) => number.to_string(),
            _ => "?".to_owned(),
        };
        let [seeders, completed, leechers] = ["complete", "downloaded", "incomplete"].map(number);
        format!("{seeders}/{completed}/{leechers}")
    }

    /// The body of a full scrape, decoded.
    pub(crate) fn full_scrape_body(&self) -> Vec<u8> {
        self.send("GET /scrape HTTP/1.1\r\nHost: a\r\n\r\n").body
    }

    /// The torrents that a full scrape names, in its order, without the one that opentracker is
    /// waited for with.
    pub(crate) fn full_scrape(&self) -> Vec<Hash> {
        let body = self.full_scrape_body();
        let Ok(value) = Value::parse(&body) else {
            panic!("no full scrape: {}", show(&body));
        };
        let Some(Value::Dict(files)) = value.find("files") else {
            panic!("no full scrape: {}", show(&body));
        };
        let hashes = files
            .iter()
            .filter_map(|(hash, _)| hash.as_slice().try_into().ok());
        hashes.filter(|hash| *hash != first_listed()).collect()
    }

    /// Sends a signal and waits until it ends.
    pub(crate) fn end(mut self, signal: Signal) -> Ended {
        self.running.signal(signal);
        self.running.wait()
    }
}
