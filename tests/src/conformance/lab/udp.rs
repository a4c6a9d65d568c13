//! UDP as clients speak it that look at every byte.

use std::net::{IpAddr, SocketAddr, UdpSocket};

use super::Hash;
use super::running::DEADLINE;
use crate::patience::whole_wait;
use crate::udp_client::{Announce, MAGIC, fresh_transaction, head, scrape_packet};

/// A socket that speaks to one tracker, with the connection id that the tracker gave it.
pub(crate) struct Udp {
    socket: UdpSocket,
    /// What the packets that are made here begin with.
    pub(crate) id: u64,
}

impl Udp {
    /// A socket on any address, with a connection id.
    pub(crate) fn to(server: SocketAddr) -> Self {
        let any = match server {
            SocketAddr::V4(_) => IpAddr::from([0; 4]),
            SocketAddr::V6(_) => IpAddr::from([0; 16]),
        };
        Self::from(any, server)
    }

    /// A socket on `ip`, with a connection id.
    pub(crate) fn from(ip: IpAddr, server: SocketAddr) -> Self {
        let socket = UdpSocket::bind((ip, 0)).expect("our address");
        socket.connect(server).expect("an address");
        socket.set_read_timeout(Some(DEADLINE)).expect("a time-out");
        let mut udp = Self { socket, id: 0 };
        udp.id = udp.fresh_id();
        udp
    }

    /// A new connection id.
    pub(crate) fn fresh_id(&self) -> u64 {
        let transaction = fresh_transaction();
        self.send(&head(MAGIC, 0, transaction));
        let reply = self.receive();
        assert_eq!(reply.len(), 16, "the reply to a connect: {reply:02x?}");
        assert_eq!(reply[..4], [0; 4]);
        assert_eq!(reply[4..8], transaction.to_be_bytes());
        u64::from_be_bytes(reply[8..].try_into().expect("8 bytes"))
    }

    pub(crate) fn send(&self, packet: &[u8]) {
        self.socket.send(packet).expect("to send");
    }

    pub(crate) fn receive(&self) -> Vec<u8> {
        let mut buffer = vec![0; 65_536];
        let length = whole_wait(|| self.socket.recv(&mut buffer)).expect("a reply");
        buffer.truncate(length);
        buffer
    }

    /// Sends a packet and returns what answers it; `None` is silence, which the reply to a connect
    /// request proves that is sent after it: datagrams of one socket are answered in order.
    pub(crate) fn ask(&self, packet: &[u8]) -> Option<Vec<u8>> {
        let transaction = fresh_transaction();
        self.send(packet);
        self.send(&head(MAGIC, 0, transaction));
        let is_mark = |reply: &[u8]| reply.get(4..8) == Some(&transaction.to_be_bytes()[..]);
        let first = self.receive();
        if is_mark(&first) {
            return None;
        }
        let second = self.receive();
        assert!(is_mark(&second), "{first:02x?} and then {second:02x?}");
        Some(first)
    }

    /// Announces and returns the reply without its action and transaction id, or `None`.
    pub(crate) fn announce(&self, announce: &Announce) -> Option<Told> {
        let transaction = fresh_transaction();
        let reply = self.ask(&announce.emit(self.id, transaction))?;
        Told::parse(&reply, transaction)
    }

    /// The same of an announce that is answered for sure, by one of several workers perhaps, whose
    /// replies may come in any order: all others are passed over.
    pub(crate) fn announce_to_any(&self, announce: &Announce) -> Option<Told> {
        let transaction = fresh_transaction();
        self.send(&announce.emit(self.id, transaction));
        loop {
            let reply = self.receive();
            if reply.get(4..8) == Some(&transaction.to_be_bytes()[..]) {
                return Told::parse(&reply, transaction);
            }
        }
    }

    /// Announces that a peer is there, without asking for others.
    pub(crate) fn join(&self, hash: Hash, port: u16, left: u64) {
        let announce = Announce {
            left,
            ..Announce::leecher(port)
        };
        let announce = announce.with_hash(hash).with_wanted(0);
        self.send(&announce.emit(self.id, 1));
        self.receive();
    }

    /// The same of a scrape.
    pub(crate) fn scrape(&self, hashes: &[Hash]) -> Option<Told> {
        let transaction = fresh_transaction();
        let reply = self.ask(&scrape_packet(self.id, transaction, hashes))?;
        Told::parse(&reply, transaction)
    }

    /// The scrape of one torrent as `seeders/completed/leechers`.
    pub(crate) fn counts(&self, hash: Hash) -> String {
        let told = self.scrape(&[hash]).expect("a reply to a scrape");
        format!("{}/{}/{}", told.word(0), told.word(1), told.word(2))
    }
}

/// A reply with the transaction id of its request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Told {
    pub(crate) action: u32,
    /// What follows the head.
    pub(crate) rest: Vec<u8>,
}

impl Told {
    fn parse(reply: &[u8], transaction: u32) -> Option<Self> {
        let action = u32::from_be_bytes(reply.get(..4)?.try_into().ok()?);
        assert_eq!(reply[4..8], transaction.to_be_bytes(), "{reply:02x?}");
        Some(Self {
            action,
            rest: reply[8..].to_vec(),
        })
    }

    /// The number at a multiple of four bytes.
    pub(crate) fn word(&self, index: usize) -> u32 {
        let bytes = self.rest.get(index * 4..index * 4 + 4);
        u32::from_be_bytes(bytes.expect("a longer reply").try_into().expect("4 bytes"))
    }

    /// The bytes of peers in the reply to an announce.
    pub(crate) fn peers(&self) -> &[u8] {
        self.rest.get(12..).unwrap_or_default()
    }

    /// The ports of the IPv4 peers in the reply to an announce, in the order in which they came.
    pub(crate) fn ports(&self) -> Vec<u16> {
        let chunks = self.peers().chunks_exact(6);
        chunks
            .map(|peer| u16::from_be_bytes([peer[4], peer[5]]))
            .collect()
    }
}
