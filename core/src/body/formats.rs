//! The formats of a full scrape.

use crate::gzip::{Template, Values, split};
use crate::wire::InfoHash;

/// What a full scrape tells of a torrent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Its name.
    pub hash: InfoHash,
    /// Peers that have all of it.
    pub seeders: u32,
    /// Peers that don't.
    pub leechers: u32,
    /// Downloads that were completed.
    pub completed: u32,
    /// When it was last in use, in minutes since 1970.
    pub base_minutes: u32,
}

/// How a full scrape is written: a prefix, a record for each torrent, and a suffix.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// Bencode, as for a scrape of some torrents (BEP 48).
    Ben,
    /// 28 bytes: info hash, seeders, leechers, in network byte order.
    Bin,
    /// `HASH:SEEDERS:LEECHERS` in lines, the hash in upper-case hex.
    Txt,
    /// The same with `:COMPLETED` behind it.
    TxtPlus,
    /// As [`Txt`](Self::Txt), the hash percent-encoded in lower case.
    Url,
    /// A JSON array of objects: only in a [window](super::Sink::window), and never packed.
    Json,
    /// `HASH:MINUTES:COMPLETED` in lines, the hash in upper-case hex.
    StateDump,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Ben,
        Self::Bin,
        Self::Txt,
        Self::TxtPlus,
        Self::Url,
        Self::StateDump,
    ];

    /// The format that `format=` names in opentracker's URLs.
    pub fn named(name: &[u8]) -> Option<Self> {
        match name {
            b"ben" => Some(Self::Ben),
            b"bin" => Some(Self::Bin),
            b"txt" => Some(Self::Txt),
            b"txtp" => Some(Self::TxtPlus),
            b"url" => Some(Self::Url),
            _ => None,
        }
    }

    /// What stands before the first record.
    pub const fn prefix(self) -> &'static [u8] {
        match self {
            Self::Ben => b"d5:filesd",
            Self::Json => b"[",
            Self::Bin | Self::Txt | Self::TxtPlus | Self::Url | Self::StateDump => b"",
        }
    }

    /// What stands behind the last record.
    pub const fn suffix(self) -> &'static [u8] {
        match self {
            Self::Ben => b"ee",
            Self::Json => b"]",
            Self::Bin | Self::Txt | Self::TxtPlus | Self::Url | Self::StateDump => b"",
        }
    }

    /// The shape of the records.
    pub(super) const fn template(self) -> &'static Template {
        match self {
            Self::Ben => Template::BEN,
            Self::Bin => Template::BIN,
            Self::Txt => Template::HEX_2,
            Self::TxtPlus | Self::Json => Template::HEX_3,
            Self::Url => Template::PERCENT_2,
            Self::StateDump => Template::HEX_TIME,
        }
    }

    /// The numbers of a record, in the order of the template's fields.
    pub(super) const fn values(self, entry: &Entry) -> Values {
        match self {
            Self::Ben => [entry.seeders, entry.completed, entry.leechers],
            Self::Bin | Self::Txt | Self::Url => [entry.seeders, entry.leechers, 0],
            Self::TxtPlus | Self::Json => [entry.seeders, entry.leechers, entry.completed],
            Self::StateDump => {
                let [high, low] = split(entry.base_minutes);
                [high, low, entry.completed]
            }
        }
    }
}
