//! A tracker in a network namespace of its own, with a cable to ours.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::process::Command;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use rustix::net::{AddressFamily, SocketType, sockopt};

use crate::conformance::SKIPPED;
use crate::conformance::lab::{Hash, Lab, Tracker, Udp, until};
use crate::patience::whole_wait;
use crate::udp_client::{MAGIC, head};

const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 23, 5);

/// A tracker on a machine of its own, and one that listens to it.
pub(super) struct Cluster {
    _tracker: Tracker,
    /// Of the network 10.5.`number`.0/24: the tracker is 1 in it, we are 254 and 253.
    pub(super) number: u8,
    pub(super) port: u16,
    pub(super) tap: UdpSocket,
}

impl Cluster {
    /// Starts a tracker that believes 10.5.`number`.254.
    pub(super) fn start(lab: &Lab, lines: &str) -> Result<Self, String> {
        static NEXT: AtomicU8 = AtomicU8::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self::on(lab, lines, number, 20_000 + u16::from(number))
    }

    pub(super) fn on(lab: &Lab, lines: &str, number: u8, port: u16) -> Result<Self, String> {
        let cable = format!(
            "ip link add sync{number} type veth peer name far{number} && \
             ip addr add 10.5.{number}.254/24 dev sync{number} && \
             ip addr add 10.5.{number}.253/24 dev sync{number} && ip link set sync{number} up"
        );
        let made = Command::new("sh")
            .args(["-c", &cable])
            .output()
            .expect("sh");
        if !made.status.success() {
            let why = String::from_utf8_lossy(&made.stderr);
            return Err(format!("{SKIPPED}no cable: {}", why.trim()));
        }
        let conf = lab.write(
            "conf",
            format!(
                "listen.tcp_udp 10.5.{number}.1:6969\n\
                 livesync.cluster.listen 10.5.{number}.1{}\n\
                 livesync.cluster.node_ip 10.5.{number}.254\n{}",
                if port == 9696 {
                    String::new()
                } else {
                    format!(":{port}")
                },
                lines.replace("{dir}", &lab.path(""))
            ),
        );
        // Its own end of the cable comes to it when its namespace is there.
        let program = lab.command();
        let mut command = Command::new("unshare");
        command.args(["--net", "sh", "-c"]);
        command.arg(format!(
            "while ! ip link set far{number} up 2>/dev/null; do sleep 0.01; done; \
             ip addr add 10.5.{number}.1/24 dev far{number}; ip link set lo up; exec \"$@\""
        ));
        command
            .arg("sh")
            .arg(program.get_program())
            .args(program.get_args());
        command.args(["-f", &conf]);
        let running = lab.spawn_command(command);
        let pid = running.pid().to_string();
        // Moving it succeeds as soon as the namespace is another than ours.
        let own = std::fs::read_link("/proc/self/ns/net").expect("our namespace");
        until(|| {
            let there = std::fs::read_link(format!("/proc/{pid}/ns/net")).ok()?;
            (there != own).then_some(())
        });
        let moved = Command::new("ip")
            .args(["link", "set", &format!("far{number}"), "netns", &pid])
            .status();
        assert!(
            moved.is_ok_and(|status| status.success()),
            "to move the cable"
        );
        let tap = UdpSocket::bind((GROUP, port)).expect("a socket for the group");
        let here = Ipv4Addr::new(10, 5, number, 254);
        tap.join_multicast_v4(&GROUP, &here)
            .expect("to join the group");
        tap.set_read_timeout(Some(Duration::from_secs(5)))
            .expect("a time-out");
        let tracker = Tracker::ours(running).map_err(|ended| ended.said)?;
        let cluster = Self {
            _tracker: tracker,
            number,
            port,
            tap,
        };
        // A cable takes a moment until it carries anything.
        let udp = UdpSocket::bind((here, 0)).expect("a socket");
        udp.set_read_timeout(Some(Duration::from_millis(50)))
            .expect("a time-out");
        let connect = head(MAGIC, 0, 1);
        until(|| {
            udp.send_to(&connect, cluster.address()).ok()?;
            udp.recv(&mut [0; 16]).ok()
        });
        Ok(cluster)
    }

    pub(super) const fn address(&self) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 5, self.number, 1)), 6969)
    }

    pub(super) fn udp(&self) -> Udp {
        Udp::from([10, 5, self.number, 254].into(), self.address())
    }

    /// The next packet to the group.
    pub(super) fn packet(&self) -> Vec<u8> {
        let mut packet = vec![0; 2000];
        let length = whole_wait(|| self.tap.recv(&mut packet)).expect("a packet");
        packet.truncate(length);
        packet
    }

    /// Has the tracker tell what it has: a packet goes when it is full.
    pub(super) fn fill(&self, lab: &Lab, udp: &Udp) {
        let hash = lab.hash();
        for port in 5001..=5052 {
            udp.join(hash, port, 1);
        }
    }

    /// Tells the tracker of peers, from 10.5.`number`.`host`.
    pub(super) fn tell(&self, host: u8, kind: u32, records: &[Vec<u8>]) {
        let from = Ipv4Addr::new(10, 5, self.number, host);
        let socket = rustix::net::socket(AddressFamily::INET, SocketType::DGRAM, None);
        let socket = socket.expect("a socket");
        sockopt::set_ip_multicast_if(&socket, &from).expect("the way");
        rustix::net::bind(&socket, &SocketAddrV4::new(from, 0)).expect("our address");
        let mut packet = b"othr".to_vec();
        packet.extend(kind.to_be_bytes());
        packet.extend(records.concat());
        let sent = UdpSocket::from(socket).send_to(&packet, (GROUP, self.port));
        assert_eq!(sent.expect("to send"), packet.len());
    }

    /// Waits until a torrent counts this, and returns what it counts.
    pub(super) fn comes_to(&self, hash: Hash, expected: &str) -> String {
        let udp = self.udp();
        until(|| (udp.counts(hash) == expected).then_some(()));
        udp.counts(hash)
    }
}
