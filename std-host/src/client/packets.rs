//! A client's side of UDP tracker packets (BEP 15) and of what goes with an announce (BEP 41).

use wrtracker_core::wire::udp::PROTOCOL_ID;

use super::answer::{Announced, Counts, Peer};
use super::question::Announce;

/// Most hashes in one scrape.
pub const MOST_HASHES: usize = 74;

/// Most bytes of a datagram, so that none is ever cut unseen.
pub const MOST_BYTES: usize = 65_536;

/// What a datagram is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reply<'a> {
    /// No answer to this request: too short, or with another transaction's number.
    Other,
    /// The tracker refuses, in these words.
    Refused(&'a [u8]),
    /// The answer: what stands behind its head.
    Answer(&'a [u8]),
    /// An answer to another kind of request, with this one's number.
    Wrong,
}

/// What can be asked for, by the number that it has in packets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Action {
    /// A connection id.
    Connect = 0,
    /// Peers.
    Announce = 1,
    /// Counts.
    Scrape = 2,
}

const ERROR: u32 = 3;

impl<'a> Reply<'a> {
    /// Finds out whether a datagram is the answer to a request.
    pub fn parse(datagram: &'a [u8], action: Action, transaction: u32) -> Self {
        let Some((head, rest)) = datagram.split_first_chunk::<8>() else {
            return Self::Other;
        };
        let head = u64::from_be_bytes(*head);
        if head & u64::from(u32::MAX) != u64::from(transaction) {
            return Self::Other;
        }
        match u32::try_from(head >> 32) {
            Ok(ERROR) => Self::Refused(rest),
            Ok(number) if number == action as u32 => Self::Answer(rest),
            _ => Self::Wrong,
        }
    }
}

fn head(connection: u64, action: Action, transaction: u32) -> Vec<u8> {
    let mut packet = connection.to_be_bytes().to_vec();
    packet.extend((action as u32).to_be_bytes());
    packet.extend(transaction.to_be_bytes());
    packet
}

/// Writes the request for a connection id.
pub fn emit_connect(transaction: u32) -> Vec<u8> {
    head(PROTOCOL_ID, Action::Connect, transaction)
}

/// Writes an announce; `url_data` is path and query of the tracker's URL, in pieces of at most 255
/// bytes (BEP 41).
pub fn emit_announce(
    connection: u64,
    transaction: u32,
    info_hash: &[u8; 20],
    announce: &Announce,
    url_data: &[u8],
) -> Vec<u8> {
    let mut packet = head(connection, Action::Announce, transaction);
    packet.extend(info_hash);
    packet.extend(announce.peer_id);
    packet.extend(announce.downloaded.to_be_bytes());
    packet.extend(announce.left.to_be_bytes());
    packet.extend(announce.uploaded.to_be_bytes());
    packet.extend(announce.event.number().to_be_bytes());
    packet.extend(announce.ipv4().map_or([0; 4], |ip| ip.octets()));
    packet.extend(announce.key.to_be_bytes());
    packet.extend(announce.wanted.unwrap_or(-1).to_be_bytes());
    packet.extend(announce.port.to_be_bytes());
    for piece in url_data.chunks(255) {
        packet.push(URL_DATA);
        packet.push(u8::try_from(piece.len()).unwrap_or(u8::MAX));
        packet.extend(piece);
    }
    packet
}

const URL_DATA: u8 = 2;

/// Writes a scrape of at most [`MOST_HASHES`].
pub fn emit_scrape(connection: u64, transaction: u32, hashes: &[[u8; 20]]) -> Vec<u8> {
    let mut packet = head(connection, Action::Scrape, transaction);
    packet.extend(hashes.iter().flatten());
    packet
}

/// Reads a connection id from behind the head; what follows is left to come.
///
/// # Errors
///
/// What is wrong with it, as with the two below.
pub fn parse_connect(answer: &[u8]) -> Result<u64, &'static str> {
    let (connection, _) = answer
        .split_first_chunk()
        .ok_or("a connect reply too short")?;
    Ok(u64::from_be_bytes(*connection))
}

/// Reads the answer to an announce from behind the head. Peers are of the family of the tracker's
/// address.
///
/// # Errors
///
/// If it is too short, or cuts a peer.
pub fn parse_announce(answer: &[u8], ipv6: bool) -> Result<Announced, &'static str> {
    let ([interval, leechers, seeders], peers) =
        three(answer).ok_or("an announce reply too short")?;
    Ok(Announced {
        interval: Some(interval.into()),
        complete: Some(seeders.into()),
        incomplete: Some(leechers.into()),
        peers: if ipv6 {
            Peer::compact_v6(peers)
        } else {
            Peer::compact_v4(peers)
        }
        .ok_or("a peer that is cut short")?,
        ..Announced::default()
    })
}

/// Reads the answer to a scrape of so many hashes from behind the head.
///
/// # Errors
///
/// If there are fewer counts.
pub fn parse_scrape(answer: &[u8], hashes: usize) -> Result<Vec<Counts>, &'static str> {
    let mut rest = answer;
    let mut counts = Vec::new();
    while counts.len() < hashes {
        let ([seeders, completed, leechers], after) =
            three(rest).ok_or("fewer counts than hashes that were asked for")?;
        rest = after;
        counts.push(Counts {
            complete: Some(seeders.into()),
            downloaded: Some(completed.into()),
            incomplete: Some(leechers.into()),
        });
    }
    Ok(counts)
}

/// Three numbers from the start.
fn three(bytes: &[u8]) -> Option<([u32; 3], &[u8])> {
    let (numbers, rest) = bytes.split_at_checked(12)?;
    let (numbers, _) = numbers.as_chunks();
    let numbers = [numbers.first()?, numbers.get(1)?, numbers.get(2)?];
    Some((numbers.map(|bytes| u32::from_be_bytes(*bytes)), rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::question::Event;

    #[test]
    fn requests_are_those_of_bep_15() {
        assert_eq!(
            emit_connect(0x0102_0304),
            b"\0\0\x04\x17\x27\x10\x19\x80\0\0\0\0\x01\x02\x03\x04"
        );
        let announce = Announce {
            peer_id: *b"-WR0001-abcdefghijkl",
            downloaded: 1,
            left: 2,
            uploaded: 3,
            event: Event::Started,
            ip: "192.0.2.1".parse().ok(),
            key: 0x0a0b_0c0d,
            wanted: None,
            port: 6881,
            compact: true,
        };
        let golden = [
            &b"\x11\x12\x13\x14\x15\x16\x17\x18\0\0\0\x01\x01\x02\x03\x04"[..],
            &[7; 20],
            b"-WR0001-abcdefghijkl",
            b"\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x03",
            b"\0\0\0\x02\xc0\0\x02\x01\x0a\x0b\x0c\x0d\xff\xff\xff\xff\x1a\xe1",
        ]
        .concat();
        let connection = 0x1112_1314_1516_1718;
        let packet = emit_announce(connection, 0x0102_0304, &[7; 20], &announce, b"");
        assert_eq!((packet.len(), &packet), (98, &golden));
        let packet = emit_announce(connection, 0x0102_0304, &[7; 20], &announce, b"/a?b");
        assert_eq!(packet[98..], *b"\x02\x04/a?b");
        let packet = emit_announce(connection, 0x0102_0304, &[7; 20], &announce, &[b'x'; 256]);
        assert_eq!(packet[98..101], *b"\x02\xffx");
        assert_eq!(packet[98 + 257..], *b"\x02\x01x");
        let packet = emit_scrape(connection, 0x0102_0304, &[[7; 20], [8; 20]]);
        assert_eq!(
            packet[..16],
            *b"\x11\x12\x13\x14\x15\x16\x17\x18\0\0\0\x02\x01\x02\x03\x04"
        );
        assert_eq!(packet[16..], [[7; 20], [8; 20]].concat());
    }

    /// The core reads what is written here.
    #[test]
    fn the_core_takes_an_announce_with_url_data() {
        use wrtracker_core::wire::udp::Request;
        let data = b"/announce?".repeat(60);
        let packet = emit_announce(5, 6, &[7; 20], &Announce::default(), &data);
        let Ok(Request::Announce(read)) = Request::parse(&packet) else {
            panic!("an announce");
        };
        assert_eq!(read.connection, 5);
        assert_eq!(read.options.url_data().collect::<Vec<_>>().concat(), data);
    }

    #[test]
    fn replies_are_told_apart() {
        let reply = |bytes: &'static [u8]| Reply::parse(bytes, Action::Scrape, 0x0102_0304);
        assert_eq!(
            reply(b"\0\0\0\x02\x01\x02\x03\x04xyz"),
            Reply::Answer(b"xyz")
        );
        assert_eq!(
            reply(b"\0\0\0\x03\x01\x02\x03\x04no"),
            Reply::Refused(b"no")
        );
        assert_eq!(reply(b"\0\0\0\x01\x01\x02\x03\x04"), Reply::Wrong);
        assert_eq!(reply(b"\0\0\0\x02\x01\x02\x03\x05"), Reply::Other);
        assert_eq!(reply(b"\0\0\0\x02\x01\x02\x03"), Reply::Other);
        assert_eq!(reply(b""), Reply::Other);
    }

    #[test]
    fn answers_are_read_or_refused() {
        assert_eq!(parse_connect(b"\0\0\0\0\0\0\0\x07"), Ok(7));
        assert!(parse_connect(b"\0\0\0\0\0\0\0").is_err());
        let answer = b"\0\0\x07\x08\0\0\0\x01\0\0\0\x02\xc0\0\x02\x01\x1a\xe1";
        let announced = parse_announce(answer, false).unwrap();
        assert_eq!(announced.interval, Some(1800));
        assert_eq!(
            (announced.complete, announced.incomplete),
            (Some(2), Some(1))
        );
        assert_eq!(announced.peers, [Peer::at("192.0.2.1:6881")]);
        assert!(parse_announce(answer, true).is_err());
        assert!(parse_announce(&answer[..17], false).is_err());
        assert!(parse_announce(&answer[..11], false).is_err());
        let counts = parse_scrape(&answer[..12], 1).unwrap();
        assert_eq!(counts[0].complete, Some(1800));
        assert_eq!(
            (counts[0].downloaded, counts[0].incomplete),
            (Some(1), Some(2))
        );
        assert!(parse_scrape(answer, 2).is_err());
    }
}
