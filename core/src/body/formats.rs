//! The formats of a full scrape.

use crate::gzip::{Template, Values, split, template};
use crate::wire::InfoHash;

/// What a full scrape says of a torrent.
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

/// A format.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// Bencode.
    Ben,
    /// Binary.
    Bin,
    /// Text.
    Txt,
    /// Text.
    TxtPlus,
    /// Url.
    Url,
    /// State.
    StateDump,
}

impl Format {
    /// All.
    pub const ALL: [Self; 6] = [
        Self::Ben,
        Self::Bin,
        Self::Txt,
        Self::TxtPlus,
        Self::Url,
        Self::StateDump,
    ];

    /// Before the first record.
    pub const fn prefix(self) -> &'static [u8] {
        match self {
            Self::Ben => b"d5:filesd",
            _ => b"",
        }
    }
    /// Behind the last.
    pub const fn suffix(self) -> &'static [u8] {
        match self {
            Self::Ben => b"ee",
            _ => b"",
        }
    }
    /// shape
    pub const fn template(self) -> &'static Template {
        match self {
            Self::Ben => &template::BEN,
            Self::Bin => &template::BIN,
            Self::Txt => &template::TXT,
            Self::TxtPlus => &template::TXT_PLUS,
            Self::Url => &template::URL,
            Self::StateDump => &template::STATE_DUMP,
        }
    }
    /// numbers
    pub const fn values(self, entry: &Entry) -> Values {
        let Entry {
            seeders,
            leechers,
            completed,
            ..
        } = *entry;
        match self {
            Self::Ben => [seeders, completed, leechers],
            Self::Bin | Self::Txt | Self::Url => [seeders, leechers, 0],
            Self::TxtPlus => [seeders, leechers, completed],
            Self::StateDump => {
                let [high, low] = split(entry.base_minutes);
                [high, low, completed]
            }
        }
    }
}
