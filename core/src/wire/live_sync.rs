//! Live sync packets: how the trackers of a cluster tell each other of peers, as opentracker does.
//!
//! ```text
//! | tracker id 4 | kind 4 | record | record | ...
//! record: | info hash 20 | IPv4 4 or IPv6 16 | port 2 | flags 1 | age 1 |
//! ```
//!
//! All records of a packet are of its kind: 0 is IPv4 and 28 bytes each, 1 is IPv6 and 40 bytes.
//! Numbers are big-endian. The age is always 0 and nobody looks at it.

use core::net::IpAddr;
use core::num::NonZeroU16;

use crate::wire::{InfoHash, Out, PeerAddr};

/// Most bytes of a packet that is sent: opentracker's number. Whole records make 1,464 at most, which
/// an Ethernet frame carries.
pub const LARGEST: usize = 1480;

/// Most bytes of a packet that is received. opentracker's full packets of IPv6 peers are of that
/// length, since it looks for room only after it has written.
pub const LARGEST_RECEIVED: usize = HEAD_BYTES + MOST_V6_RECEIVED * V6_BYTES;

/// Most records of a packet: 52 make 1,464 bytes, with which opentracker sends one too.
pub const MOST_V4: usize = (LARGEST - HEAD_BYTES) / V4_BYTES;

/// Most records of a packet that is sent: 36 make 1,448 bytes.
pub const MOST_V6: usize = (LARGEST - HEAD_BYTES) / V6_BYTES;

/// Most records of a packet that is received: opentracker sends one more than fits.
pub const MOST_V6_RECEIVED: usize = MOST_V6 + 1;

/// By which a tracker knows its own packets: random for each start, not secret.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TrackerId(pub [u8; 4]);

/// Which peers a packet tells of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Those of IPv4.
    V4,
    /// Those of IPv6.
    V6,
}

/// A packet that was received.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Packet<'a> {
    /// Who sent it, in its own words.
    pub from: TrackerId,
    /// The kind of its records.
    pub kind: Kind,
    records: &'a [u8],
}

/// What is told of one peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Record {
    info_hash: InfoHash,
    peer: PeerAddr,
    flags: Flags,
}

/// What a peer does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Flags {
    /// It has everything.
    pub seeder: bool,
    /// It has just completed its download.
    pub completed: bool,
    /// It leaves.
    pub stopped: bool,
}

/// Why a datagram is no packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ParseError {
    /// Not longer than the head.
    Short,
    /// A kind of records that we don't know.
    Kind,
}

impl core::fmt::Display for ParseError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Short => "packet too short",
            Self::Kind => "unknown kind of records",
        })
    }
}

impl core::error::Error for ParseError {}

/// An address that leads nowhere, or that means another machine to everybody: port 0, unspecified,
/// multicast, loopback, link-local.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NoWay;

impl core::fmt::Display for NoWay {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("an address that others can't use")
    }
}

impl core::error::Error for NoWay {}

impl<'a> Packet<'a> {
    /// Parses a datagram; of more than [`LARGEST_RECEIVED`] bytes only so many count.
    ///
    /// # Errors
    ///
    /// [`ParseError`], by the sender's fault.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, ParseError> {
        let (from, rest) = datagram.split_first_chunk().ok_or(ParseError::Short)?;
        let (kind, records) = rest.split_first_chunk().ok_or(ParseError::Short)?;
        if records.is_empty() {
            return Err(ParseError::Short);
        }
        let kind = match kind {
            KIND_V4 => Kind::V4,
            KIND_V6 => Kind::V6,
            _ => return Err(ParseError::Kind),
        };
        Ok(Self {
            from: TrackerId(*from),
            kind,
            records,
        })
    }

    /// Its records in order: at most [`MOST_V4`] or [`MOST_V6_RECEIVED`]. A trailing piece of one
    /// is left out.
    pub fn records(&self) -> impl Iterator<Item = Result<Record, NoWay>> + use<'a> {
        let (parse, most): (fn(&[u8]) -> _, _) = match self.kind {
            Kind::V4 => (Record::parse::<4>, MOST_V4),
            Kind::V6 => (Record::parse::<16>, MOST_V6_RECEIVED),
        };
        let each = self.records.chunks_exact(self.kind.record_bytes());
        each.take(most).map(parse)
    }
}

impl Kind {
    /// Bytes of a record.
    pub const fn record_bytes(self) -> usize {
        match self {
            Self::V4 => V4_BYTES,
            Self::V6 => V6_BYTES,
        }
    }
}

impl Record {
    /// A record, if others can make use of the peer's address.
    ///
    /// # Errors
    ///
    /// [`NoWay`].
    pub fn new(info_hash: InfoHash, peer: PeerAddr, flags: Flags) -> Result<Self, NoWay> {
        if !has_one_meaning(peer.ip()) {
            return Err(NoWay);
        }
        Ok(Self {
            info_hash,
            peer,
            flags,
        })
    }

    /// The torrent.
    pub const fn info_hash(&self) -> &InfoHash {
        &self.info_hash
    }

    /// The peer. IPv4 in the form of IPv6 has become plain.
    pub const fn peer(&self) -> &PeerAddr {
        &self.peer
    }

    /// What it does.
    pub const fn flags(&self) -> Flags {
        self.flags
    }

    /// The kind of packet that it goes into.
    pub const fn kind(&self) -> Kind {
        match self.peer.ip() {
            IpAddr::V4(_) => Kind::V4,
            IpAddr::V6(_) => Kind::V6,
        }
    }

    /// Appends it to a packet of its [`kind`](Self::kind).
    pub fn emit(&self, packet: &mut Out<'_>) {
        packet.put(&self.info_hash.0);
        match self.peer.ip() {
            IpAddr::V4(ip) => packet.put(&ip.octets()),
            IpAddr::V6(ip) => packet.put(&ip.octets()),
        }
        packet.put(&self.peer.port().get().to_be_bytes());
        packet.put(&[self.flags.to_byte(), AGE]);
    }

    /// Parses a record whose address has `IP` bytes.
    fn parse<const IP: usize>(bytes: &[u8]) -> Result<Self, NoWay>
    where
        IpAddr: From<[u8; IP]>,
    {
        // The iterator hands in whole records, so that no part is ever missing.
        let (hash, rest) = bytes.split_first_chunk().ok_or(NoWay)?;
        let (ip, rest) = rest.split_first_chunk::<IP>().ok_or(NoWay)?;
        let (port, rest) = rest.split_first_chunk().ok_or(NoWay)?;
        let flags = *rest.first().ok_or(NoWay)?;
        let port = NonZeroU16::new(u16::from_be_bytes(*port)).ok_or(NoWay)?;
        Self::new(
            InfoHash(*hash),
            PeerAddr::new(IpAddr::from(*ip), port),
            Flags::from_byte(flags),
        )
    }
}

impl Flags {
    const fn to_byte(self) -> u8 {
        let mut byte = 0;
        if self.seeder {
            byte |= SEEDER;
        }
        if self.completed {
            byte |= COMPLETED;
        }
        if self.stopped {
            byte |= STOPPED;
        }
        byte
    }

    /// What else is set means nothing between trackers.
    const fn from_byte(byte: u8) -> Self {
        Self {
            seeder: byte & SEEDER != 0,
            completed: byte & COMPLETED != 0,
            stopped: byte & STOPPED != 0,
        }
    }
}

/// The head of a packet; its records follow.
pub const fn emit_head(from: TrackerId, kind: Kind) -> [u8; HEAD_BYTES] {
    let mut head = [0; HEAD_BYTES];
    let (left, right) = head.split_at_mut(4);
    left.copy_from_slice(&from.0);
    right.copy_from_slice(match kind {
        Kind::V4 => KIND_V4,
        Kind::V6 => KIND_V6,
    });
    head
}

/// Whether an address means the same machine to all trackers of a cluster, at least within their
/// site: private addresses do (RFC 1122 section 3.2.1.3, RFC 3927, RFC 4291 section 2.4).
const fn has_one_meaning(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => match ip.octets() {
            [0 | 127, ..] | [169, 254, ..] => false,
            [first, ..] => first < 224,
        },
        IpAddr::V6(ip) => {
            !(ip.is_unspecified()
                || ip.is_loopback()
                || ip.is_multicast()
                || ip.is_unicast_link_local())
        }
    }
}

/// Bytes before the records.
pub const HEAD_BYTES: usize = 8;
const V4_BYTES: usize = 28;
const V6_BYTES: usize = 40;

const KIND_V4: &[u8; 4] = &[0, 0, 0, 0];
const KIND_V6: &[u8; 4] = &[0, 0, 0, 1];

const SEEDER: u8 = 0x80;
const COMPLETED: u8 = 0x40;
const STOPPED: u8 = 0x20;
const AGE: u8 = 0;

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    const ID: TrackerId = TrackerId(*b"\xde\xad\xbe\xef");
    const HASH: InfoHash = InfoHash(*b"aaaaaaaaaaaaaaaaaaaa");

    fn peer(ip: &str, port: u16) -> PeerAddr {
        PeerAddr::new(ip.parse().unwrap(), NonZeroU16::new(port).unwrap())
    }

    fn flags(byte: u8) -> Flags {
        Flags::from_byte(byte)
    }

    /// The packet of some peers of one kind.
    fn emit(records: &[Record]) -> Vec<u8> {
        let mut bytes = [0; LARGEST_RECEIVED];
        let mut out = Out::new(&mut bytes);
        out.put(&emit_head(ID, records[0].kind()));
        for record in records {
            record.emit(&mut out);
        }
        assert!(!out.overflowed());
        out.written().to_vec()
    }

    fn parse(bytes: &[u8]) -> Vec<Result<Record, NoWay>> {
        let packet = Packet::parse(bytes).unwrap();
        assert_eq!(packet.from, ID);
        packet.records().collect()
    }

    #[test]
    fn a_packet_of_ipv4_peers_is_opentrackers() {
        let records = [
            Record::new(HASH, peer("192.0.2.1", 6881), flags(0x80)).unwrap(),
            Record::new(HASH, peer("10.0.0.9", 1), flags(0xc0)).unwrap(),
            Record::new(HASH, peer("192.168.1.77", 65535), flags(0x20)).unwrap(),
        ];
        let golden = b"\xde\xad\xbe\xef\0\0\0\0\
            aaaaaaaaaaaaaaaaaaaa\xc0\x00\x02\x01\x1a\xe1\x80\0\
            aaaaaaaaaaaaaaaaaaaa\x0a\x00\x00\x09\x00\x01\xc0\0\
            aaaaaaaaaaaaaaaaaaaa\xc0\xa8\x01\x4d\xff\xff\x20\0";
        assert_eq!(emit(&records), golden);
        assert_eq!(golden.len(), 8 + 3 * 28);
        assert_eq!(parse(golden), records.map(Ok));
    }

    #[test]
    fn a_packet_of_ipv6_peers_is_opentrackers() {
        let records = [
            Record::new(HASH, peer("2001:db8::7", 6881), flags(0)).unwrap(),
            Record::new(HASH, peer("fd00::1", 80), flags(0xe0)).unwrap(),
        ];
        let golden = b"\xde\xad\xbe\xef\0\0\0\x01\
            aaaaaaaaaaaaaaaaaaaa\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07\x1a\xe1\0\0\
            aaaaaaaaaaaaaaaaaaaa\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\x50\xe0\0";
        assert_eq!(emit(&records), golden);
        assert_eq!(golden.len(), 8 + 2 * 40);
        assert_eq!(parse(golden), records.map(Ok));
    }

    #[test]
    fn age_and_unknown_flags_are_passed_over() {
        let mut packet = emit(&[Record::new(HASH, peer("10.0.0.1", 1), flags(0x80)).unwrap()]);
        packet[34] |= 0x1f;
        packet[35] = 44;
        assert_eq!(
            parse(&packet),
            [Ok(
                Record::new(HASH, peer("10.0.0.1", 1), flags(0x80)).unwrap()
            )]
        );
    }

    #[test]
    fn full_packets_have_opentrackers_lengths() {
        assert_eq!((MOST_V4, HEAD_BYTES + MOST_V4 * 28), (52, 1464));
        assert_eq!((MOST_V6, HEAD_BYTES + MOST_V6 * 40), (36, 1448));
        assert_eq!(LARGEST_RECEIVED, 1488);
        for (ip, most) in [("10.0.0.1", 52), ("2001:db8::1", 37)] {
            let record = Record::new(HASH, peer(ip, 1), flags(0)).unwrap();
            let mut packet = emit(&[record]);
            for _ in 0..100 {
                packet.extend_from_within(8..8 + record.kind().record_bytes());
            }
            assert_eq!(parse(&packet).len(), most);
        }
    }

    #[test]
    fn what_is_no_packet_is_refused() {
        for length in 0..=8 {
            let packet = [0; 8];
            assert_eq!(
                Packet::parse(packet.get(..length).unwrap()),
                Err(ParseError::Short)
            );
        }
        for kind in [2, 0x0100, 0x0100_0000, u32::MAX] {
            let packet = [b"idid".as_slice(), &kind.to_be_bytes(), &[0; 40]].concat();
            assert_eq!(Packet::parse(&packet), Err(ParseError::Kind), "{kind}");
        }
    }

    #[test]
    fn a_trailing_piece_of_a_record_is_left_out() {
        for ip in ["10.0.0.1", "2001:db8::1"] {
            let record = Record::new(HASH, peer(ip, 1), flags(0)).unwrap();
            let packet = emit(&[record, record]);
            let first = 8 + record.kind().record_bytes();
            for length in 9..packet.len() {
                let whole = if length < first { 0 } else { 1 };
                assert_eq!(parse(packet.get(..length).unwrap()).len(), whole);
            }
        }
    }

    #[test]
    fn addresses_that_others_cant_use_are_refused() {
        for ip in [
            "0.0.0.0",
            "0.1.2.3",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.1.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "febf::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:224.0.0.1",
        ] {
            let refused = Record::new(HASH, peer(ip, 6881), flags(0));
            assert_eq!(refused, Err(NoWay), "{ip}");
            let ip: IpAddr = ip.parse().unwrap();
            let (kind, octets) = match ip {
                IpAddr::V4(ip) => (Kind::V4, ip.octets().to_vec()),
                IpAddr::V6(ip) => (Kind::V6, ip.octets().to_vec()),
            };
            let packet = [&emit_head(ID, kind), &HASH.0[..], &octets, &[1, 1, 0, 0]].concat();
            assert_eq!(parse(&packet), [Err(NoWay)], "{ip}");
        }
        for ip in ["10.1.2.3", "100.64.0.1", "172.16.0.1", "192.168.1.1"] {
            assert!(Record::new(HASH, peer(ip, 1), flags(0)).is_ok(), "{ip}");
        }
        for ip in ["fd00::1", "fec0::1", "2001:db8::1", "::ffff:192.0.2.1"] {
            assert!(Record::new(HASH, peer(ip, 1), flags(0)).is_ok(), "{ip}");
        }
    }

    #[test]
    fn port_0_is_refused() {
        for (ip, kind) in [(&[10, 0, 0, 1][..], Kind::V4), (&[0x20; 16], Kind::V6)] {
            let packet = [&emit_head(ID, kind), &HASH.0[..], ip, &[0, 0, 0, 0]].concat();
            assert_eq!(parse(&packet), [Err(NoWay)]);
        }
    }

    /// Nobody should send such, and BEP 7 has it for IPv4.
    #[test]
    fn ipv4_in_the_form_of_ipv6_becomes_plain() {
        let ip = b"\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\x00\x00\x01";
        let packet = [&emit_head(ID, Kind::V6), &HASH.0[..], ip, b"\0\x01\x80\0"].concat();
        let plain = Record::new(HASH, peer("10.0.0.1", 1), flags(0x80)).unwrap();
        assert_eq!(parse(&packet), [Ok(plain)]);
    }
}
