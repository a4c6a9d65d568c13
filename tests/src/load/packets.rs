//! UDP requests to bytes, and the checks on the replies (BEP 15).

use std::fmt;

use super::work::{Item, Work};

/// Most info hashes in one scrape: BEP 15 allows about 74, aquatic answers 70.
pub const MOST_SCRAPED: u32 = 70;

/// A request, as much as its reply must be checked against.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Request {
    /// For a connection id.
    Connect,
    /// For this many peers, if not negative.
    Announce(i32),
    /// For the counts of this many torrents, from the item's own on.
    Scrape(u32),
}

/// What a right reply says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reply {
    /// The connection id.
    Connected([u8; 8]),
    /// Peers listed.
    Announced(u32),
    /// Sum of the seeders and leechers of all torrents asked for.
    Scraped(u64),
    /// The tracker refuses, and says why.
    Refused,
}

/// What is wrong with a reply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wrong {
    /// No action that answers the request.
    Action,
    /// Not the request's transaction id.
    Transaction,
    /// Not the length that its kind has.
    Length,
    /// More peers or torrents than asked for.
    TooMany,
    /// A peer with port 0, which nobody can reach.
    Port,
}

impl fmt::Display for Wrong {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Action => "wrong action",
            Self::Transaction => "wrong transaction id",
            Self::Length => "wrong length",
            Self::TooMany => "more than asked for",
            Self::Port => "peer with port 0",
        })
    }
}

/// Most bytes of a request.
pub const LARGEST: usize = 16 + 20 * MOST_SCRAPED as usize;

/// Writes a request into `out`, of [`LARGEST`] bytes at least, and returns its length.
pub fn emit(
    request: Request,
    item: Item,
    work: &Work,
    connection: &[u8; 8],
    transaction: u32,
    out: &mut [u8],
) -> usize {
    let (action, connection) = match request {
        Request::Connect => (0_u32, &[0, 0, 4, 0x17, 0x27, 0x10, 0x19, 0x80]),
        Request::Announce(_) => (1, connection),
        Request::Scrape(_) => (2, connection),
    };
    out[..8].copy_from_slice(connection);
    out[8..12].copy_from_slice(&action.to_be_bytes());
    out[12..16].copy_from_slice(&transaction.to_be_bytes());
    match request {
        Request::Connect => 16,
        Request::Announce(wanted) => {
            let left: u64 = if work.seeds(item) { 0 } else { 1 << 30 };
            out[16..98].fill(0);
            out[16..36].copy_from_slice(&work.info_hash(item.torrent));
            out[36..44].copy_from_slice(b"-LT0001-");
            out[44..48].copy_from_slice(&item.torrent.to_be_bytes());
            out[48..52].copy_from_slice(&item.peer.to_be_bytes());
            out[56..64].copy_from_slice(&(1_u64 << 20).to_be_bytes());
            out[64..72].copy_from_slice(&left.to_be_bytes());
            out[88..92].copy_from_slice(&item.peer.to_be_bytes());
            out[92..96].copy_from_slice(&wanted.to_be_bytes());
            out[96..98].copy_from_slice(&work.port(item).to_be_bytes());
            98
        }
        Request::Scrape(count) => {
            for (to, torrent) in out[16..].chunks_mut(20).zip(0..count) {
                let torrent = (item.torrent + torrent) % work.torrents;
                to.copy_from_slice(&work.info_hash(torrent));
            }
            16 + 20 * count as usize
        }
    }
}

/// The transaction id of a reply, if it has one.
pub fn transaction(reply: &[u8]) -> Option<u32> {
    reply.get(4..8).map(word)
}

/// Checks a reply against its request. `stride` is the bytes of one peer: 6 for IPv4, 18 for IPv6.
///
/// # Errors
///
/// [`Wrong`] if it's not what BEP 15 says.
pub fn check(
    request: Request,
    transaction: u32,
    stride: usize,
    reply: &[u8],
) -> Result<Reply, Wrong> {
    if reply.len() < 8 {
        return Err(Wrong::Length);
    }
    if word(&reply[4..8]) != transaction {
        return Err(Wrong::Transaction);
    }
    let rest = &reply[8..];
    match (word(&reply[..4]), request) {
        (3, _) => Ok(Reply::Refused),
        (0, Request::Connect) => rest
            .try_into()
            .map(Reply::Connected)
            .map_err(|_| Wrong::Length),
        (1, Request::Announce(wanted)) => {
            let peers = rest.get(12..).ok_or(Wrong::Length)?;
            if peers.len() % stride != 0 {
                return Err(Wrong::Length);
            }
            if peers.chunks(stride).any(|peer| peer.ends_with(&[0, 0])) {
                return Err(Wrong::Port);
            }
            let count = peers.len() / stride;
            match usize::try_from(wanted) {
                Ok(wanted) if count > wanted => Err(Wrong::TooMany),
                _ => Ok(Reply::Announced(u32::try_from(count).unwrap_or(u32::MAX))),
            }
        }
        (2, Request::Scrape(count)) => {
            if !rest.len().is_multiple_of(12) {
                return Err(Wrong::Length);
            }
            if rest.len() / 12 > count as usize {
                return Err(Wrong::TooMany);
            }
            let counts = |entry: &[u8]| u64::from(word(entry)) + u64::from(word(&entry[8..]));
            Ok(Reply::Scraped(rest.chunks(12).map(counts).sum()))
        }
        _ => Err(Wrong::Action),
    }
}

fn word(bytes: &[u8]) -> u32 {
    bytes
        .iter()
        .take(4)
        .fold(0, |sum, &byte| (sum << 8) | u32::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ITEM: Item = Item {
        torrent: 3,
        peer: 5,
    };

    fn work() -> Work {
        Work {
            torrents: 10,
            peers: 10,
            sources: 1,
            seeders: 0,
            seed: 0,
        }
    }

    #[test]
    fn requests_have_the_shape_of_bep_15() {
        let mut out = [0; LARGEST];
        let id = [9; 8];
        assert_eq!(emit(Request::Connect, ITEM, &work(), &id, 7, &mut out), 16);
        assert_eq!(
            out[..16],
            *b"\0\0\x04\x17\x27\x10\x19\x80\0\0\0\0\0\0\0\x07"
        );
        let announce = Request::Announce(-1);
        assert_eq!(emit(announce, ITEM, &work(), &id, 7, &mut out), 98);
        assert_eq!(out[..16], *b"\t\t\t\t\t\t\t\t\0\0\0\x01\0\0\0\x07");
        assert_eq!(out[16..36], work().info_hash(3));
        assert_eq!(out[64..72], (1_u64 << 30).to_be_bytes());
        assert_eq!(out[80..88], [0; 8]);
        assert_eq!(out[92..96], [255; 4]);
        assert_eq!(out[96..98], work().port(ITEM).to_be_bytes());
        let scrape = Request::Scrape(2);
        assert_eq!(emit(scrape, ITEM, &work(), &id, 7, &mut out), 56);
        assert_eq!(out[36..56], work().info_hash(4));
    }
}
