//! Torrent files (BEP 3, BEP 27), made for a transfer that only the tracker can bring about.

use std::fs;
use std::io;
use std::path::Path;

use sha1_smol::Sha1;

use crate::bencode::Value;

/// The name of the one file in every torrent.
pub const FILE_NAME: &str = "file.bin";

const PIECE_BYTES: usize = 32 * 1024;

/// A torrent of one file.
pub struct Torrent {
    /// What identifies it.
    pub info_hash: [u8; 20],
    /// The torrent file.
    pub metainfo: Vec<u8>,
    /// The file.
    pub content: Vec<u8>,
}

/// Where else clients may look for peers and metadata.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Privacy {
    /// They ask nobody but the tracker (BEP 27).
    Private,
    /// They may give the metadata away to who joins by a magnet link.
    Public,
}

impl Torrent {
    /// A torrent of `length` bytes that look random and are the same for the same `seed`.
    pub fn new(seed: u32, length: usize, announce: &str, privacy: Privacy) -> Self {
        let mut state = u64::from(seed) ^ 0x9e37_79b9_7f4a_7c15;
        let content: Vec<u8> = (0..length)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                state.to_be_bytes()[3]
            })
            .collect();
        let pieces: Vec<u8> = content.chunks(PIECE_BYTES).flat_map(sha1).collect();
        let mut info = vec![
            ("length", Value::Int(length.try_into().unwrap())),
            ("name", Value::bytes(FILE_NAME)),
            ("piece length", Value::Int(PIECE_BYTES.try_into().unwrap())),
            ("pieces", Value::bytes(pieces)),
        ];
        if privacy == Privacy::Private {
            info.push(("private", Value::Int(1)));
        }
        let info = Value::dict(info);
        let info_hash = sha1(&info.emit());
        let metainfo = Value::dict([("announce", Value::bytes(announce)), ("info", info)]).emit();
        Self {
            info_hash,
            metainfo,
            content,
        }
    }

    /// Writes the file into `folder`.
    ///
    /// # Errors
    ///
    /// Those of the file system.
    pub fn write_content(&self, folder: &Path) -> io::Result<()> {
        fs::write(folder.join(FILE_NAME), &self.content)
    }

    /// Whether `folder` has the file, byte by byte.
    pub fn is_in(&self, folder: &Path) -> bool {
        fs::read(folder.join(FILE_NAME)).is_ok_and(|bytes| bytes == self.content)
    }

    /// A link that names the torrent and the tracker and nothing else (BEP 9).
    pub fn magnet(&self, announce: &str) -> String {
        use std::fmt::Write;
        let mut link = String::from("magnet:?xt=urn:btih:");
        for byte in self.info_hash {
            let _ = write!(link, "{byte:02x}");
        }
        let encoded = crate::http_client::percent_encode(announce.as_bytes());
        format!("{link}&tr={encoded}")
    }
}

fn sha1(bytes: &[u8]) -> [u8; 20] {
    Sha1::from(bytes).digest().bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_the_info_dictionary_as_it_stands_in_the_file() {
        let torrent = Torrent::new(1, 40_000, "http://a/announce", Privacy::Private);
        let value = Value::parse(&torrent.metainfo).unwrap();
        let info = value.find("info").unwrap();
        assert_eq!(info.string("pieces").len(), 2 * 20);
        assert_eq!(sha1(&info.emit()), torrent.info_hash);
        assert_eq!(value.keys(), ["announce", "info"]);
        // FIPS 180-4, the example of three bytes.
        let abc =
            b"\xa9\x99\x3e\x36\x47\x06\x81\x6a\xba\x3e\x25\x71\x78\x50\xc2\x6c\x9c\xd0\xd8\x9d";
        assert_eq!(sha1(b"abc"), *abc);
    }
}
