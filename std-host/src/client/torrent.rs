//! What is to be asked about: an info hash, or a torrent file that has one.

use core::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use sha1_smol::Sha1;

use super::bencode::{Dict, Invalid, Value};
use super::text::hex;

/// Most bytes of a torrent file.
pub const MOST_BYTES: usize = 32 << 20;

/// Most trackers that are taken from one.
pub const MOST_TRACKERS: usize = 64;

/// What is to be asked about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Torrent {
    /// Its name.
    pub info_hash: [u8; 20],
    /// The trackers that its file names, each once, in order; none if it was no file.
    pub trackers: Vec<String>,
}

/// Why there is no such torrent.
#[derive(Debug)]
pub enum NoTorrent {
    /// The file can't be read.
    Unreadable(io::Error),
    /// The file has more than [`MOST_BYTES`].
    TooLong,
    /// The file is no bencode.
    NotBencode(Invalid),
    /// The file is something else than a torrent: no dictionary with a dictionary `info`.
    NoInfo,
    /// The torrent is one of BEP 52 alone, whose name is another.
    OnlyV2,
}

impl fmt::Display for NoTorrent {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => {
                write!(
                    to,
                    "neither an info hash of 40 hex digits nor a file: {error}"
                )
            }
            Self::TooLong => write!(to, "a torrent file of more than {MOST_BYTES} bytes"),
            Self::NotBencode(Invalid(what)) => write!(to, "no torrent file: {what}"),
            Self::NoInfo => to.write_str("no torrent file: it has no dictionary info"),
            Self::OnlyV2 => to.write_str(
                "a torrent of version 2 alone, whose info hash must be given: the first 40 digits",
            ),
        }
    }
}

impl core::error::Error for NoTorrent {}

impl Torrent {
    /// Takes 40 hexadecimal digits as an info hash, and anything else as the path of a torrent
    /// file.
    ///
    /// # Errors
    ///
    /// [`NoTorrent`].
    pub fn find(operand: &Path) -> Result<Self, NoTorrent> {
        if let Some(info_hash) = hex(operand.as_os_str().as_encoded_bytes()) {
            return Ok(Self {
                info_hash,
                trackers: Vec::new(),
            });
        }
        let mut bytes = Vec::new();
        let file = File::open(operand).map_err(NoTorrent::Unreadable)?;
        let limit = u64::try_from(MOST_BYTES).unwrap_or(u64::MAX);
        let read = file.take(limit.saturating_add(1)).read_to_end(&mut bytes);
        read.map_err(NoTorrent::Unreadable)?;
        Self::parse(&bytes)
    }

    /// Reads a torrent file (BEP 3, BEP 12).
    ///
    /// The info hash is of the dictionary's bytes as they are. A torrent of BEP 52 alone is refused:
    /// trackers know it by another hash, which isn't worked out here.
    ///
    /// # Errors
    ///
    /// [`NoTorrent`], but never that it is unreadable.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoTorrent> {
        if bytes.len() > MOST_BYTES {
            return Err(NoTorrent::TooLong);
        }
        let Value::Dict(torrent) = Value::parse(bytes).map_err(NoTorrent::NotBencode)? else {
            return Err(NoTorrent::NoInfo);
        };
        let info = torrent.iter().find_map(|(key, value, bytes)| match value {
            Value::Dict(info) if key == b"info" => Some((info, bytes)),
            _ => None,
        });
        let (info, bytes) = info.ok_or(NoTorrent::NoInfo)?;
        if info.int(b"meta version") == Some(2) && info.find(b"pieces").is_none() {
            return Err(NoTorrent::OnlyV2);
        }
        Ok(Self {
            info_hash: Sha1::from(bytes).digest().bytes(),
            trackers: trackers(torrent),
        })
    }
}

/// The trackers of a torrent file, those of `announce` first.
fn trackers(torrent: Dict<'_>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut take = |value: Value<'_>| {
        if let Value::Bytes(url) = value
            && let Ok(url) = str::from_utf8(url)
            && found.len() < MOST_TRACKERS
            && !found.iter().any(|other| other == url)
        {
            found.push(url.into());
        }
    };
    if let Some(value) = torrent.find(b"announce") {
        take(value);
    }
    if let Some(Value::List(tiers)) = torrent.find(b"announce-list") {
        for tier in tiers.iter() {
            if let Value::List(tier) = tier {
                tier.iter().for_each(&mut take);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{NoTorrent, Torrent};
    use crate::client::text::Hex;

    #[test]
    fn an_info_hash_is_one_in_either_case() {
        let found = Torrent::find(Path::new("0123456789abcdefABCDEF987654321000ff7fA5")).unwrap();
        assert_eq!(found.info_hash[..3], [0x01, 0x23, 0x45]);
        let missing = Torrent::find(Path::new("0123456789abcdefABCDEF987654321000ff7fA"));
        assert!(matches!(missing, Err(NoTorrent::Unreadable(_))));
    }

    #[test]
    fn a_file_has_an_info_hash_and_trackers() {
        let file = b"d8:announce10:udp://a:1/13:announce-listll10:udp://a:1/9:http://b/el\
                     10:udp://c:2/i1eee4:infod6:lengthi1e4:name1:xee";
        let torrent = Torrent::parse(file).unwrap();
        assert_eq!(torrent.trackers, ["udp://a:1/", "http://b/", "udp://c:2/"]);
        // sha1sum of `d6:lengthi1e4:name1:xe`.
        assert_eq!(
            Hex(&torrent.info_hash).to_string(),
            "607361303e836d09e97091ea3a6fc0ae34cb1ebd"
        );
    }

    #[test]
    fn a_torrent_of_version_2_alone_is_refused_and_one_of_both_is_not() {
        let only = Torrent::parse(b"d4:infod12:meta versioni2eee");
        assert!(matches!(only, Err(NoTorrent::OnlyV2)));
        assert!(Torrent::parse(b"d4:infod12:meta versioni2e6:pieces0:ee").is_ok());
    }

    #[test]
    fn what_is_no_torrent_is_refused() {
        for file in [
            "",
            "i1e",
            "de",
            "d4:infoi1ee",
            "d4:info",
            "d4:infod1:xee",
            "le",
        ] {
            assert!(Torrent::parse(file.as_bytes()).is_err(), "{file}");
        }
    }
}
