//! What nobody should send, frame by frame, to the machine in QEMU.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::path::Path;
use std::time::{Duration, Instant};

use smoltcp::phy::{self, Device, DeviceCapabilities, Medium};
use smoltcp::wire::IpProtocol;
use wrtracker_core::random::Random;
use wrtracker_tests::ether::{FRAME, Host, bad};
use wrtracker_tests::http_client::request;
use wrtracker_tests::udp_client::{Announce, MAGIC, head};

use crate::checks::{number, promise};
use crate::machine::{Machine, Network};

const MAC: [u8; 6] = [0x52, 0x54, 0, 0x12, 0x34, 0x56];
const V4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 1);
const AT: SocketAddrV4 = SocketAddrV4::new(V4, 6969);
const CONFIG: &str = "device.address 192.0.2.1/24\n\
                      device.router 192.0.2.254\n\
                      device.address 2001:db8:1::1/64\n";

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A cable that is a socket: a datagram is a frame.
struct Wire {
    socket: UdpSocket,
    buffer: Vec<u8>,
}

struct Received<'a>(&'a [u8]);
struct Room<'a>(&'a UdpSocket);

impl phy::RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, look: F) -> R {
        look(self.0)
    }
}

impl phy::TxToken for Room<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, make: F) -> R {
        let mut frame = vec![0; length];
        let made = make(&mut frame);
        // What the other side has no room for is lost, as on any cable.
        let _ = self.0.send(&frame);
        made
    }
}

impl Device for Wire {
    type RxToken<'a> = Received<'a>;
    type TxToken<'a> = Room<'a>;

    fn receive(&mut self, _: smoltcp::time::Instant) -> Option<(Received<'_>, Room<'_>)> {
        let length = self.socket.recv(&mut self.buffer).ok()?;
        Some((Received(&self.buffer[..length]), Room(&self.socket)))
    }

    fn transmit(&mut self, _: smoltcp::time::Instant) -> Option<Room<'_>> {
        Some(Room(&self.socket))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = FRAME;
        capabilities
    }
}

/// A machine, and a host at the other end of its cable.
struct Lan {
    machine: Machine,
    host: Host<Wire>,
    begun: Instant,
    transaction: u32,
}

impl Lan {
    fn new(image: &Path) -> Result<Self, String> {
        let mut machine = Machine::start(image, &Network::Frames, CONFIG, "")?;
        machine.wait_for("address 2001:db8:1::1")?;
        let socket = machine.frames.take().ok_or("no cable")?;
        socket
            .set_nonblocking(true)
            .map_err(|error| error.to_string())?;
        let wire = Wire {
            socket,
            buffer: vec![0; 4096],
        };
        let mac = [2, 0, 0, 0, 0, 2];
        let v6 = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 2);
        Ok(Self {
            machine,
            host: Host::new(mac, Ipv4Addr::new(192, 0, 2, 2), v6, None, wire),
            begun: Instant::now(),
            transaction: 0,
        })
    }

    fn send(&self, frame: &[u8]) {
        let _ = self.host.device.socket.send(frame);
    }

    /// Goes on until `done` has something.
    fn until<T>(
        &mut self,
        limit: Duration,
        mut done: impl FnMut(&mut Host<Wire>) -> Option<T>,
    ) -> Option<T> {
        let deadline = Instant::now() + limit;
        while Instant::now() < deadline {
            self.host.poll(self.begun.elapsed());
            if let Some(value) = done(&mut self.host) {
                return Some(value);
            }
            std::thread::yield_now();
        }
        None
    }

    /// Asks over UDP until there is an answer.
    fn ask(&mut self, to: SocketAddr, packet: &dyn Fn(u32) -> Vec<u8>) -> Result<Vec<u8>, String> {
        self.transaction += 1;
        let transaction = self.transaction;
        for _ in 0..20 {
            self.host.ask(to, &packet(transaction));
            let heard = self.until(Duration::from_secs(1), |host| {
                let heard = host.heard()?;
                (heard.from == to && heard.bytes[4..8] == transaction.to_be_bytes())
                    .then_some(heard.bytes)
            });
            if let Some(heard) = heard {
                return Ok(heard);
            }
        }
        Err(format!("no answer from {to} to UDP"))
    }

    /// Announces over UDP to both addresses.
    fn announces(&mut self) -> Result<(), String> {
        for to in [
            SocketAddr::new(V4.into(), 6969),
            SocketAddr::new(V6.into(), 6969),
        ] {
            let reply = self.ask(to, &|transaction| head(MAGIC, 0, transaction))?;
            let id = u64::from_be_bytes(reply[8..16].try_into().expect("8 bytes"));
            let reply = self.ask(to, &|transaction| {
                Announce::leecher(5).emit(id, transaction)
            })?;
            promise(reply[..4] == [0, 0, 0, 1], "an announce")?;
        }
        Ok(())
    }

    /// Fetches a page, on as many connections as it takes.
    fn page(&mut self, mode: &str) -> Result<String, String> {
        let target = request(&format!("/stats?mode={mode}"));
        let target = target.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let mut connection = self.host.connect(SocketAddr::V4(AT), target.as_bytes());
            self.until(Duration::from_secs(3), |host| {
                host.turn(&mut connection);
                connection.over.then_some(())
            });
            self.host.close(&connection);
            self.host.poll(self.begun.elapsed());
            self.host.forget(&connection);
            if connection.received.starts_with(b"HTTP/1.1 200") {
                return Ok(String::from_utf8_lossy(&connection.received).into_owned());
            }
        }
        Err(format!("no page of mode={mode}"))
    }

    /// It answers, has not started again, and counted so many of this.
    fn is_well(&mut self, what: &str, counts: &[(&str, u64)]) -> Result<(), String> {
        self.announces().map_err(|why| format!("{what}: {why}"))?;
        let page = self
            .page("network")
            .map_err(|why| format!("{what}: {why}"))?;
        self.machine
            .is_well()
            .map_err(|why| format!("{what}: {why}"))?;
        let mut told = String::new();
        for (name, least) in counts {
            let count = number(&page, name)?;
            promise(
                count >= *least,
                &format!("{what}: {count} {name}, not {least}"),
            )?;
            told += &format!("; {count} {name}");
        }
        let seconds = self.begun.elapsed().as_secs_f32();
        println!("ok   {what}{told}, at {seconds:.1} s");
        Ok(())
    }
}

pub(crate) fn run(image: &Path) -> Result<(), String> {
    let mut lan = Lan::new(image)?;
    let mut random = Random::new(1);
    lan.is_well("answers on a cable of its own, IPv4 and IPv6", &[])?;

    for nth in 0..20_000_u32 {
        let ip = Ipv4Addr::from(0x0b00_0000 | random.below(1 << 24));
        let from = SocketAddrV4::new(ip, 1024 + random.below(60_000) as u16);
        lan.send(&bad::syn(
            [2, 0, 0, 1, 0, 1],
            MAC,
            from,
            AT,
            random.next() as i32,
        ));
        if nth % 2000 == 0 {
            lan.announces()?;
        }
    }
    lan.is_well("a flood of 20,000 SYNs", &[("handshakes given up", 100)])?;

    for nth in 0..8 {
        let from = SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 77), 2000 + nth);
        lan.send(&bad::syn([2, 0, 0, 0, 0, 77], MAC, from, AT, 1));
    }
    lan.is_well("handshakes that stay half open", &[])?;

    let mut udp = vec![0x12, 0x34, 0x1b, 0x39, 0, 24, 0, 0];
    udp.extend_from_slice(&head(MAGIC, 0, 1));
    let from = Ipv4Addr::new(192, 0, 2, 50);
    let mac = [2, 0, 0, 0, 0, 50];
    for nth in 0..100 {
        // Few enough at a time that the device has room for them.
        if nth % 10 == 0 {
            lan.announces()?;
        }
        let packet = |change: &dyn Fn(&mut smoltcp::wire::Ipv4Packet<&mut [u8]>)| {
            bad::ipv4(mac, MAC, from, V4, IpProtocol::Udp, &udp, change)
        };
        lan.send(&packet(&|packet| packet.set_more_frags(true)));
        lan.send(&packet(&|packet| packet.set_frag_offset(1480)));
        lan.send(&packet(&|packet| packet.set_total_len(2000)));
        lan.send(&packet(&|packet| packet.set_header_len(44)));
        let long = vec![0; 1600 + random.below(400) as usize];
        lan.send(&bad::ipv4(
            mac,
            MAC,
            from,
            V4,
            IpProtocol::Udp,
            &long,
            |_| {},
        ));
    }
    let counts = [("dropped: fragments", 100), ("dropped: malformed", 100)];
    lan.is_well(
        "fragments, wrong lengths and frames that are too long",
        &counts,
    )?;

    for _ in 0..10_000 {
        let mac = [2, 9, 9, 9, random.below(256) as u8, random.below(256) as u8];
        let ip = Ipv4Addr::new(192, 0, 2, 3 + random.below(200) as u8);
        lan.send(&bad::arp(mac, ip, V4));
        lan.send(&bad::ipv4(mac, MAC, ip, V4, IpProtocol::Udp, &udp, |_| {}));
    }
    lan.is_well("10,000 requests of as many neighbors", &[])?;

    let seed = bad::syn([2, 0, 0, 0, 0, 2], MAC, SocketAddrV4::new(from, 5), AT, 9);
    for _ in 0..20_000 {
        let mut frame = seed.clone();
        for _ in 0..=random.below(4) {
            let at = random.below(frame.len() as u32) as usize;
            frame[at] = random.next() as u8;
        }
        frame.truncate(frame.len() - random.below(20) as usize);
        lan.send(&frame);
    }
    lan.is_well("20,000 frames with bytes changed", &[])?;

    lan.machine.monitor("set_link net off")?;
    lan.machine.wait_for("link down")?;
    promise(lan.ask_once().is_none(), "answers without a cable")?;
    lan.machine.monitor("set_link net on")?;
    lan.machine.wait_for("link up")?;
    lan.is_well(
        "a cable that was pulled and put back",
        &[("frames received", 5000)],
    )?;
    let page = lan.page("network")?;
    print!("{}", page.split("\r\n\r\n").last().unwrap_or_default());
    Ok(())
}

impl Lan {
    /// Asks once, and waits a second.
    fn ask_once(&mut self) -> Option<()> {
        while self.host.heard().is_some() {}
        self.host.ask(SocketAddr::V4(AT), &head(MAGIC, 0, 1));
        self.until(Duration::from_secs(1), |host| host.heard().map(drop))
    }
}
