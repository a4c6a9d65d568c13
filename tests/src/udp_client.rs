//! A client of the UDP tracker protocol (BEP 15), written from the specification.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::family::Family;
use crate::patience::whole_wait;
use crate::peers::parse_compact;

/// How long a reply may take before a test fails. On loopback none gets lost.
const DEADLINE: Duration = Duration::from_secs(30);

/// The number that opens every connect request.
pub const MAGIC: u64 = 0x0417_2710_1980;

/// A socket that speaks to one tracker, and the connection id that the tracker gave it.
pub struct UdpClient {
    socket: UdpSocket,
    family: Family,
    /// What [`announce`](Self::announce) and [`scrape`](Self::scrape) send; 0 before the connect.
    pub connection: u64,
}

/// The fields of an announce request. [`Default`] is a leecher that wants as many peers as it can
/// get.
#[derive(Clone, Debug)]
pub struct Announce {
    /// The torrent.
    pub info_hash: [u8; 20],
    /// The client.
    pub peer_id: [u8; 20],
    /// Bytes.
    pub downloaded: u64,
    /// Bytes.
    pub left: u64,
    /// Bytes.
    pub uploaded: u64,
    /// 0 none, 1 completed, 2 started, 3 stopped, 4 paused.
    pub event: u32,
    /// An IPv4 address that the tracker shall use instead, which it must not.
    pub ip: u32,
    /// A number that stays when the address changes.
    pub key: u32,
    /// Peers wanted, -1 for the tracker's choice.
    pub wanted: i32,
    /// The port that others shall connect to.
    pub port: u16,
    /// What follows (BEP 41).
    pub options: Vec<u8>,
}

/// No event.
pub const NONE: u32 = 0;
/// The download is complete.
pub const COMPLETED: u32 = 1;
/// The first announce.
pub const STARTED: u32 = 2;
/// The client leaves.
pub const STOPPED: u32 = 3;
/// A partial seed, as libtorrent says it.
pub const PAUSED: u32 = 4;

/// The reply to an announce.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Announced {
    /// Seconds.
    pub interval: u32,
    /// Peers that have not everything.
    pub leechers: u32,
    /// Peers that have everything.
    pub seeders: u32,
    /// In the order sent.
    pub peers: Vec<SocketAddr>,
}

/// What a scrape tells of one torrent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Scraped {
    /// Peers that have everything.
    pub seeders: u32,
    /// Downloads completed.
    pub completed: u32,
    /// Peers that have not everything.
    pub leechers: u32,
}

impl Default for Announce {
    fn default() -> Self {
        Self {
            info_hash: *b"abcdefghij0123456789",
            peer_id: *b"-WR0001-000000000000",
            downloaded: 0,
            left: 1000,
            uploaded: 0,
            event: NONE,
            ip: 0,
            key: 0x0123_4567,
            wanted: -1,
            port: 6881,
            options: Vec::new(),
        }
    }
}

impl Announce {
    /// A peer that downloads.
    pub fn leecher(port: u16) -> Self {
        Self {
            port,
            ..Self::default()
        }
    }

    /// A peer that has everything and came with it.
    pub fn seeder(port: u16) -> Self {
        Self {
            left: 0,
            ..Self::leecher(port)
        }
    }

    /// The same with another event.
    pub fn with_event(self, event: u32) -> Self {
        Self { event, ..self }
    }

    /// The same that wants some other number of peers.
    pub fn with_wanted(self, wanted: i32) -> Self {
        Self { wanted, ..self }
    }

    /// The same for some other torrent.
    pub fn with_hash(self, info_hash: [u8; 20]) -> Self {
        Self { info_hash, ..self }
    }

    /// The packet.
    pub fn emit(&self, connection: u64, transaction: u32) -> Vec<u8> {
        let mut packet = head(connection, 1, transaction);
        packet.extend(self.info_hash);
        packet.extend(self.peer_id);
        packet.extend(self.downloaded.to_be_bytes());
        packet.extend(self.left.to_be_bytes());
        packet.extend(self.uploaded.to_be_bytes());
        packet.extend(self.event.to_be_bytes());
        packet.extend(self.ip.to_be_bytes());
        packet.extend(self.key.to_be_bytes());
        packet.extend(self.wanted.to_be_bytes());
        packet.extend(self.port.to_be_bytes());
        packet.extend(&self.options);
        packet
    }
}

impl UdpClient {
    /// A client on a free port, with a connection id.
    ///
    /// # Panics
    ///
    /// If the tracker doesn't answer; so do all functions here.
    pub fn connect(server: SocketAddr) -> Self {
        let mut client = Self::unconnected(server);
        client.connection = client.fresh_connection();
        client
    }

    /// A client on a free port, without a connection id.
    pub fn unconnected(server: SocketAddr) -> Self {
        let family = if server.is_ipv4() {
            Family::V4
        } else {
            Family::V6
        };
        let any = match family {
            Family::V4 => IpAddr::from([0; 4]),
            Family::V6 => IpAddr::from([0; 16]),
        };
        Self::bound_to(any, server)
    }

    /// A client that sends from `ip`, without a connection id.
    pub fn bound_to(ip: IpAddr, server: SocketAddr) -> Self {
        let socket = UdpSocket::bind((ip, 0)).unwrap_or_else(|error| panic!("{ip}: {error}"));
        // From here on the kernel drops whatever comes from another address than `server`.
        socket.connect(server).unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        let family = if ip.is_ipv4() { Family::V4 } else { Family::V6 };
        Self {
            socket,
            family,
            connection: 0,
        }
    }

    /// The address and port of this side.
    pub fn local(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    /// The family that it speaks over.
    pub const fn family(&self) -> Family {
        self.family
    }

    /// Sends one datagram.
    pub fn send(&self, packet: &[u8]) {
        let sent = self.socket.send(packet).unwrap();
        assert_eq!(sent, packet.len());
    }

    /// Waits for one datagram.
    pub fn receive(&self) -> Vec<u8> {
        let mut buffer = vec![0; 65_536];
        match whole_wait(|| self.socket.recv(&mut buffer)) {
            Ok(length) => {
                buffer.truncate(length);
                buffer
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                let (here, there) = (self.local(), self.socket.peer_addr());
                panic!("no answer in {DEADLINE:?} from {there:?} to {here}")
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Sends one datagram and waits for one.
    pub fn exchange(&self, packet: &[u8]) -> Vec<u8> {
        self.send(packet);
        self.receive()
    }

    /// Sends a connect request and returns the id of the reply.
    pub fn fresh_connection(&self) -> u64 {
        let transaction = fresh_transaction();
        let reply = self.exchange(&head(MAGIC, 0, transaction));
        assert_eq!(reply.len(), 16, "{reply:02x?}");
        assert_eq!(number(&reply, 0), 0, "{reply:02x?}");
        assert_eq!(number(&reply, 4), transaction, "{reply:02x?}");
        u64::from_be_bytes(reply[8..16].try_into().unwrap())
    }

    /// Announces and takes the reply apart, which must be one to an announce.
    pub fn announce(&self, announce: &Announce) -> Announced {
        let transaction = fresh_transaction();
        let reply = self.exchange(&announce.emit(self.connection, transaction));
        parse_announced(&reply, transaction, self.family)
    }

    /// Announces and returns the text of the error reply that must come.
    pub fn announce_refused(&self, announce: &Announce) -> Vec<u8> {
        let transaction = fresh_transaction();
        let reply = self.exchange(&announce.emit(self.connection, transaction));
        parse_error(&reply, transaction)
    }

    /// Scrapes and takes the reply apart, which must be one to a scrape.
    pub fn scrape(&self, hashes: &[[u8; 20]]) -> Vec<Scraped> {
        let transaction = fresh_transaction();
        let reply = self.exchange(&scrape_packet(self.connection, transaction, hashes));
        parse_scraped(&reply, transaction)
    }

    /// Sends a packet and proves that nothing answers it: the next reply is the one to a connect
    /// request sent after it.
    ///
    /// The tracker answers the datagrams of one socket in order.
    pub fn assert_silence(&self, packet: &[u8]) {
        self.send(packet);
        self.fresh_connection();
    }
}

/// The first 16 bytes of any request.
pub fn head(connection: u64, action: u32, transaction: u32) -> Vec<u8> {
    let mut packet = connection.to_be_bytes().to_vec();
    packet.extend(action.to_be_bytes());
    packet.extend(transaction.to_be_bytes());
    packet
}

/// A scrape request.
pub fn scrape_packet(connection: u64, transaction: u32, hashes: &[[u8; 20]]) -> Vec<u8> {
    let mut packet = head(connection, 2, transaction);
    packet.extend(hashes.as_flattened());
    packet
}

/// Takes the reply to an announce apart.
///
/// # Panics
///
/// If it is anything else, or too long for the family; so do the two below.
pub fn parse_announced(reply: &[u8], transaction: u32, family: Family) -> Announced {
    assert!(reply.len() >= 20, "{reply:02x?}");
    assert_eq!(number(reply, 0), 1, "{reply:02x?}");
    assert_eq!(number(reply, 4), transaction, "{reply:02x?}");
    let peers = parse_compact(&reply[20..], family);
    assert!(
        peers.len() <= family.most_udp_peers(),
        "{} peers",
        peers.len()
    );
    Announced {
        interval: number(reply, 8),
        leechers: number(reply, 12),
        seeders: number(reply, 16),
        peers,
    }
}

/// Takes the reply to a scrape apart.
pub fn parse_scraped(reply: &[u8], transaction: u32) -> Vec<Scraped> {
    assert!(reply.len() >= 8, "{reply:02x?}");
    assert_eq!(number(reply, 0), 2, "{reply:02x?}");
    assert_eq!(number(reply, 4), transaction, "{reply:02x?}");
    assert_eq!((reply.len() - 8) % 12, 0, "{reply:02x?}");
    reply[8..]
        .chunks(12)
        .map(|counts| Scraped {
            seeders: number(counts, 0),
            completed: number(counts, 4),
            leechers: number(counts, 8),
        })
        .collect()
}

/// Takes an error reply apart and returns its text.
pub fn parse_error(reply: &[u8], transaction: u32) -> Vec<u8> {
    assert!(reply.len() >= 8, "{reply:02x?}");
    assert_eq!(number(reply, 0), 3, "{reply:02x?}");
    assert_eq!(number(reply, 4), transaction, "{reply:02x?}");
    reply[8..].to_vec()
}

/// A transaction id that no other request of this process has.
pub fn fresh_transaction() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(0x8000_0001);
    NEXT.fetch_add(0x0101, Ordering::Relaxed)
}

fn number(packet: &[u8], offset: usize) -> u32 {
    u32::from_be_bytes(packet[offset..offset + 4].try_into().unwrap())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_where_bep_15_puts_them() {
        let packet = Announce {
            downloaded: 0x11,
            left: 0x22,
            uploaded: 0x33,
            event: 2,
            ip: 0x0102_0304,
            key: 0x0506_0708,
            wanted: -1,
            port: 0x1AE1,
            options: vec![0, 0],
            ..Announce::default()
        }
        .emit(0x99, 0x77);
        assert_eq!(packet.len(), 100);
        assert_eq!(packet[7], 0x99);
        assert_eq!(number(&packet, 8), 1);
        assert_eq!(number(&packet, 12), 0x77);
        assert_eq!(&packet[16..36], b"abcdefghij0123456789");
        assert_eq!(&packet[36..44], b"-WR0001-");
        assert_eq!((packet[63], packet[71], packet[79]), (0x11, 0x22, 0x33));
        assert_eq!(number(&packet, 80), 2);
        assert_eq!(number(&packet, 84), 0x0102_0304);
        assert_eq!(number(&packet, 88), 0x0506_0708);
        assert_eq!(number(&packet, 92), u32::MAX);
        assert_eq!(packet[96..], [0x1A, 0xE1, 0, 0]);
    }
}
