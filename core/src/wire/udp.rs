//! UDP tracker packets (BEP 15) and the options behind an announce (BEP 41).
//!
//! Requests are parsed whole or not at all; whatever follows the known fields is allowed, since
//! clients append options (libtorrent 11 bytes, aria2 two zeros). All numbers are big-endian.

use crate::wire::{InfoHash, PeerId};

/// What a connect request starts with, in the place of a connection id.
pub const PROTOCOL_ID: u64 = 0x0417_2710_1980;

/// The number by which a client knows which request is answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TransactionId(pub [u8; 4]);

/// A request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Request<'a> {
    /// Asks for a connection id.
    Connect {
        /// To be repeated in the reply.
        transaction: TransactionId,
    },
    /// Asks for peers.
    Announce(Announce<'a>),
    /// Asks for counts.
    Scrape {
        /// Proof of the source address.
        connection: u64,
        /// To be repeated in the reply.
        transaction: TransactionId,
        /// What is asked about; a trailing piece of a hash is left out.
        hashes: &'a [[u8; 20]],
    },
}

/// An announce request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Announce<'a> {
    /// Proof of the source address.
    pub connection: u64,
    /// To be repeated in the reply.
    pub transaction: TransactionId,
    /// The torrent.
    pub info_hash: InfoHash,
    /// The client's name for itself.
    pub peer_id: PeerId,
    /// Bytes downloaded so far.
    pub downloaded: u64,
    /// Bytes still to download. All 64 bits count: Transmission joins magnet links with 2^63-1.
    pub left: u64,
    /// 0 none, 1 completed, 2 started, 3 stopped, 4 paused (libtorrent).
    pub event: u32,
    /// Peers wanted; negative leaves it to the tracker.
    pub wanted: i32,
    /// The port on which the client takes connections; 0 is no port.
    pub port: u16,
    /// What follows.
    pub options: Options<'a>,
}

/// The options of an announce (BEP 41), none or more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options<'a>(&'a [u8]);

/// Why a datagram is no request. It isn't answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ParseError {
    /// Shorter than its kind of request.
    Short,
    /// A connect request that doesn't start with [`PROTOCOL_ID`].
    Protocol,
    /// An action that clients don't ask for; error packets that come back have one too.
    Action,
}

impl core::fmt::Display for ParseError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Short => "datagram too short",
            Self::Protocol => "no tracker protocol",
            Self::Action => "unknown action",
        })
    }
}

impl core::error::Error for ParseError {}

impl<'a> Request<'a> {
    /// Parses a datagram.
    ///
    /// # Errors
    ///
    /// [`ParseError`], by the sender's fault; BEP 15 answers with silence.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, ParseError> {
        let mut fields = Fields(datagram);
        let connection = fields.u64()?;
        let action = fields.u32()?;
        let transaction = TransactionId(fields.take()?);
        match action {
            action::CONNECT if connection == PROTOCOL_ID => Ok(Self::Connect { transaction }),
            action::CONNECT => Err(ParseError::Protocol),
            action::ANNOUNCE => {
                Announce::parse(connection, transaction, fields).map(Self::Announce)
            }
            action::SCRAPE => {
                let (hashes, _) = fields.0.as_chunks();
                Ok(Self::Scrape {
                    connection,
                    transaction,
                    hashes,
                })
            }
            _ => Err(ParseError::Action),
        }
    }
}

impl<'a> Announce<'a> {
    fn parse(
        connection: u64,
        transaction: TransactionId,
        mut fields: Fields<'a>,
    ) -> Result<Self, ParseError> {
        let info_hash = InfoHash(fields.take()?);
        let peer_id = PeerId(fields.take()?);
        let downloaded = fields.u64()?;
        let left = fields.u64()?;
        let _uploaded = fields.u64()?;
        let event = fields.u32()?;
        // A client's word about its address is no proof of it.
        let _ip = fields.u32()?;
        let _key = fields.u32()?;
        let wanted = i32::from_be_bytes(fields.take()?);
        let port = u16::from_be_bytes(fields.take()?);
        let options = Options(fields.0);
        Ok(Self {
            connection,
            transaction,
            info_hash,
            peer_id,
            downloaded,
            left,
            event,
            wanted,
            port,
            options,
        })
    }
}

impl<'a> Options<'a> {
    /// The pieces of path and query that the client would have asked for over HTTP, in order; they
    /// are to be read as if joined. Unknown options are passed over, and a truncated one ends
    /// the list: aria2 pads with zeros.
    pub fn url_data(self) -> impl Iterator<Item = &'a [u8]> {
        let mut rest = self.0;
        core::iter::from_fn(move || {
            loop {
                let (&kind, tail) = rest.split_first()?;
                match kind {
                    option::END => return None,
                    option::NOP => rest = tail,
                    _ => {
                        let (&length, tail) = tail.split_first()?;
                        let (data, tail) = tail.split_at_checked(usize::from(length))?;
                        rest = tail;
                        if kind == option::URL_DATA {
                            return Some(data);
                        }
                    }
                }
            }
        })
    }
}

/// Writes the reply to a connect request.
pub const fn emit_connect(
    transaction: TransactionId,
    connection: u64,
) -> [u8; CONNECT_REPLY_BYTES] {
    let mut packet = [0; CONNECT_REPLY_BYTES];
    let (head, tail) = packet.split_at_mut(HEAD_BYTES);
    head.copy_from_slice(&emit_head(action::CONNECT, transaction));
    tail.copy_from_slice(&connection.to_be_bytes());
    packet
}

/// Writes the fixed part of the reply to an announce; compact peers follow it.
pub const fn emit_announce(
    transaction: TransactionId,
    interval: u32,
    leechers: u32,
    seeders: u32,
) -> [u8; ANNOUNCE_REPLY_BYTES] {
    let mut packet = [0; ANNOUNCE_REPLY_BYTES];
    let (head, tail) = packet.split_at_mut(HEAD_BYTES);
    head.copy_from_slice(&emit_head(action::ANNOUNCE, transaction));
    // Leechers come first here; in a scrape reply seeders do.
    tail.copy_from_slice(&three(interval, leechers, seeders));
    packet
}

/// Writes the head of the reply to a scrape; an [`emit_scraped`] for each hash follows it.
pub const fn emit_scrape(transaction: TransactionId) -> [u8; HEAD_BYTES] {
    emit_head(action::SCRAPE, transaction)
}

/// Writes what a scrape reply says of one torrent.
pub const fn emit_scraped(seeders: u32, completed: u32, leechers: u32) -> [u8; SCRAPED_BYTES] {
    three(seeders, completed, leechers)
}

/// Writes the head of an error packet; the text follows it.
pub const fn emit_error(transaction: TransactionId) -> [u8; HEAD_BYTES] {
    emit_head(action::ERROR, transaction)
}

const fn emit_head(action: u32, transaction: TransactionId) -> [u8; HEAD_BYTES] {
    let mut head = [0; HEAD_BYTES];
    let (left, right) = head.split_at_mut(4);
    left.copy_from_slice(&action.to_be_bytes());
    right.copy_from_slice(&transaction.0);
    head
}

const fn three(first: u32, second: u32, third: u32) -> [u8; 12] {
    let mut bytes = [0; 12];
    let (left, right) = bytes.split_at_mut(4);
    left.copy_from_slice(&first.to_be_bytes());
    let (left, right) = right.split_at_mut(4);
    left.copy_from_slice(&second.to_be_bytes());
    right.copy_from_slice(&third.to_be_bytes());
    bytes
}

/// A cursor over the fields of a datagram.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    const fn take<const N: usize>(&mut self) -> Result<[u8; N], ParseError> {
        match self.0.split_first_chunk() {
            Some((field, rest)) => {
                self.0 = rest;
                Ok(*field)
            }
            None => Err(ParseError::Short),
        }
    }

    fn u32(&mut self) -> Result<u32, ParseError> {
        self.take().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Result<u64, ParseError> {
        self.take().map(u64::from_be_bytes)
    }
}

mod action {
    pub(super) const CONNECT: u32 = 0;
    pub(super) const ANNOUNCE: u32 = 1;
    pub(super) const SCRAPE: u32 = 2;
    pub(super) const ERROR: u32 = 3;
}

mod option {
    pub(super) const END: u8 = 0;
    pub(super) const NOP: u8 = 1;
    pub(super) const URL_DATA: u8 = 2;
}

/// Action and transaction id, which every reply starts with.
pub const HEAD_BYTES: usize = 8;
/// A connect reply.
pub const CONNECT_REPLY_BYTES: usize = 16;
/// An announce reply without its peers.
pub const ANNOUNCE_REPLY_BYTES: usize = 20;
/// What a scrape reply has for each info hash.
pub const SCRAPED_BYTES: usize = 12;

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    fn announce_bytes() -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(0x0102_0304_0506_0708u64.to_be_bytes());
        bytes.extend([0, 0, 0, 1]);
        bytes.extend(*b"tran");
        bytes.extend(*b"aaaaaaaaaaaaaaaaaaaa");
        bytes.extend(*b"-XX0001-bbbbbbbbbbbb");
        bytes.extend(7u64.to_be_bytes());
        bytes.extend(u64::MAX.to_be_bytes());
        bytes.extend(9u64.to_be_bytes());
        bytes.extend([0, 0, 0, 2]);
        bytes.extend([10, 0, 0, 1]);
        bytes.extend(*b"key!");
        bytes.extend((-1i32).to_be_bytes());
        bytes.extend(6881u16.to_be_bytes());
        bytes
    }

    #[test]
    fn connect_is_the_packet_of_bep_15() {
        let packet = [
            0, 0, 4, 0x17, 0x27, 0x10, 0x19, 0x80, 0, 0, 0, 0, 1, 2, 3, 4,
        ];
        let transaction = TransactionId([1, 2, 3, 4]);
        assert_eq!(
            Request::parse(&packet),
            Ok(Request::Connect { transaction })
        );
        assert_eq!(
            emit_connect(transaction, 0x1122_3344_5566_7788),
            [
                0, 0, 0, 0, 1, 2, 3, 4, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88
            ]
        );
    }

    #[test]
    fn announce_is_98_bytes_and_may_be_longer() {
        let mut bytes = announce_bytes();
        assert_eq!(bytes.len(), 98);
        let expected = Announce {
            connection: 0x0102_0304_0506_0708,
            transaction: TransactionId(*b"tran"),
            info_hash: InfoHash(*b"aaaaaaaaaaaaaaaaaaaa"),
            peer_id: PeerId(*b"-XX0001-bbbbbbbbbbbb"),
            downloaded: 7,
            left: u64::MAX,
            event: 2,
            wanted: -1,
            port: 6881,
            options: Options(&[]),
        };
        assert_eq!(
            Request::parse(&bytes),
            Ok(Request::Announce(expected.clone()))
        );
        for length in 0..bytes.len() {
            let short = Request::parse(bytes.get(..length).unwrap_or_default());
            assert_eq!(short, Err(ParseError::Short), "{length} bytes");
        }
        bytes.extend(b"\x02\x09/announce");
        let with_options = Announce {
            options: Options(b"\x02\x09/announce"),
            ..expected
        };
        assert_eq!(Request::parse(&bytes), Ok(Request::Announce(with_options)));
    }

    #[test]
    fn announce_reply_says_leechers_before_seeders() {
        assert_eq!(
            emit_announce(TransactionId(*b"tran"), 1800, 3, 2),
            *b"\0\0\0\x01tran\0\0\x07\x08\0\0\0\x03\0\0\0\x02"
        );
    }

    #[test]
    fn scrape_leaves_out_a_trailing_piece() {
        let mut bytes = [0u8; 16 + 45];
        bytes[11] = 2;
        bytes[16..36].fill(b'x');
        let Ok(Request::Scrape { hashes, .. }) = Request::parse(&bytes) else {
            panic!("no scrape");
        };
        assert_eq!(hashes, [[b'x'; 20], [0; 20]]);
        assert_eq!(emit_scraped(1, 2, 3), [0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3]);
    }

    #[test]
    fn other_datagrams_are_refused() {
        assert_eq!(Request::parse(&[0; 16]), Err(ParseError::Protocol));
        let mut error_that_came_back = [0u8; 33];
        error_that_came_back[11] = 3;
        assert_eq!(
            Request::parse(&error_that_came_back),
            Err(ParseError::Action)
        );
        assert_eq!(Request::parse(&[0; 15]), Err(ParseError::Short));
    }

    #[test]
    fn url_data_is_joined_and_the_rest_passed_over() {
        let pieces = |bytes| Options(bytes).url_data().collect::<Vec<_>>();
        assert_eq!(pieces(b""), Vec::<&[u8]>::new());
        assert_eq!(pieces(b"\x02\x09/announce"), [b"/announce".as_slice()]);
        // As aria2 pads.
        assert_eq!(pieces(b"\0\0"), Vec::<&[u8]>::new());
        assert_eq!(
            pieces(b"\x01\x07\x02ab\x02\x01/\x01\x02\x00\x02\x01a\0\x02\x01b"),
            [b"/".as_slice(), b"", b"a"]
        );
        // The last one says ten bytes and has two.
        assert_eq!(pieces(b"\x02\x01/\x02\x0aab"), [b"/".as_slice()]);
        assert_eq!(pieces(b"\x02"), Vec::<&[u8]>::new());
    }
}
