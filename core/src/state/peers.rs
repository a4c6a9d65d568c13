//! Peers, in a form of their own.
//!
//! ```text
//! head:    "wrtpeers" | version 4 | seconds since 1970 when it was written, 0 if not known 8 |
//! torrent: | 01 | info hash 20 |
//! IPv4:    | 40 + flags | address 4 | port 2 | age 2 |
//! IPv6:    | 60 + flags | address 16 | port 2 | age 2 |
//! end:     | 00 | peers 4 | CRC-32 4 |
//! ```
//!
//! Numbers are big-endian. A head, then torrents, each with its peers behind it, in no order and a
//! torrent perhaps again, then the end. Flags are the status (0 leecher, 1 partial seed, 2 seeder)
//! and 4 for one that has reported a completed download. The age is in seconds since its last
//! announce. The checksum is of all bytes before it.

use core::net::IpAddr;
use core::num::NonZeroU16;

use super::Damage;
use crate::gzip::checksum::Checksum;
use crate::store::{Progress, SeenPeer, Status, Walk};
use crate::time::Secs;
use crate::tracker::Tracker;
use crate::wire::{InfoHash, Out, PeerAddr};

/// A peer, as the file tells of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StoredPeer {
    /// Its torrent.
    pub info_hash: InfoHash,
    /// Where it can be reached.
    pub peer: PeerAddr,
    /// How far it is.
    pub status: Status,
    /// Whether it has told that it completed its download.
    pub completed: bool,
    /// Seconds from its last announce to when it was written, at most 65,535.
    pub age: u32,
}

/// Writes the peers of a tracker, bit by bit.
#[derive(Clone, Debug)]
pub struct PeersWriter {
    stage: Stage,
    saved: u64,
    walk: Walk,
    /// Peers of the next page that are written already.
    within: u32,
    /// The torrent of the last peer written.
    torrent: Option<InfoHash>,
    count: u32,
    sum: Checksum,
}

/// What comes next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    Head,
    Records,
    End,
    Nothing,
}

const MAGIC: &[u8; 8] = b"wrtpeers";
const VERSION: u32 = 1;

/// What a record begins with; to the families the flags are added.
mod tag {
    pub(super) const END: u8 = 0x00;
    pub(super) const TORRENT: u8 = 0x01;
    pub(super) const V4: u8 = 0x40;
    pub(super) const V6: u8 = 0x60;
    pub(super) const FLAGS: u8 = 0x07;
}

const STATUS: u8 = 0x03;
const COMPLETED: u8 = 0x04;

/// Bytes of the head, of records, and of the end.
const HEAD: usize = 8 + 4 + 8;
const TORRENT: usize = 1 + 20;
const V4: usize = 1 + 4 + 2 + 2;
const V6: usize = 1 + 16 + 2 + 2;
const END: usize = 1 + 4 + 4;
const LARGEST: usize = 21;

impl PeersWriter {
    /// The room in a buffer without which nothing is written.
    pub const LEAST_ROOM: usize = TORRENT + V6;

    /// At the start of a file that is written so many seconds after the start of 1970; 0 if that
    /// isn't known.
    pub fn new(saved: u64) -> Self {
        Self {
            stage: Stage::Head,
            saved,
            walk: Walk::default(),
            within: 0,
            torrent: None,
            count: 0,
            sum: Checksum::default(),
        }
    }

    /// Peers written.
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// Writes what fits into `out`, of the next `pages` pages of the store at most. Work: a look at
    /// 680 peers for each page.
    pub fn fill(
        &mut self,
        tracker: &Tracker<'_>,
        now: Secs,
        pages: u32,
        out: &mut Out<'_>,
    ) -> Progress {
        if out.room().len() < Self::LEAST_ROOM {
            return self.progress();
        }
        let start = out.len();
        if self.stage == Stage::Head {
            out.put(MAGIC);
            out.put(&VERSION.to_be_bytes());
            out.put(&self.saved.to_be_bytes());
            self.stage = Stage::Records;
            self.walk = Walk::through(tracker.parts());
        }
        if self.stage == Stage::Records {
            self.records(tracker, now, pages, out);
        }
        let ends = self.stage == Stage::End && out.room().len() >= END;
        if ends {
            out.put(&[tag::END]);
            out.put(&self.count.to_be_bytes());
        }
        self.sum.add(out.written().get(start..).unwrap_or_default());
        if ends {
            out.put(&self.sum.crc().to_be_bytes());
            self.stage = Stage::Nothing;
        }
        self.progress()
    }

    fn progress(&self) -> Progress {
        match self.stage {
            Stage::Nothing => Progress::Done,
            _ => Progress::More,
        }
    }

    fn records(&mut self, tracker: &Tracker<'_>, now: Secs, pages: u32, out: &mut Out<'_>) {
        let (torrent, count) = (&mut self.torrent, &mut self.count);
        for _ in 0..pages {
            let (mut walk, mut full) = (self.walk, false);
            let (mut nth, within) = (0u32, &mut self.within);
            let part = tracker.part(walk.part());
            let store = part.store();
            let progress = store.walk_peers(&mut walk, 1, now, &mut |seen| {
                nth = nth.saturating_add(1);
                if full || nth <= *within {
                    return;
                }
                full = out.room().len() < Self::LEAST_ROOM;
                if full {
                    return;
                }
                let hash = store.info_hash(seen.torrent);
                if *torrent != Some(hash) {
                    out.put(&[tag::TORRENT]);
                    out.put(&hash.0);
                    *torrent = Some(hash);
                }
                emit(&seen, out);
                *within = nth;
                *count = count.saturating_add(1);
            });
            if full {
                return;
            }
            (self.walk, self.within) = (walk, 0);
            if progress == Progress::Done {
                self.stage = Stage::End;
                return;
            }
        }
    }
}

fn emit(seen: &SeenPeer, out: &mut Out<'_>) {
    let status = match seen.status {
        Status::Leecher => 0,
        Status::Partial => 1,
        Status::Seeder => 2,
    };
    let flags = status | if seen.completed { COMPLETED } else { 0 };
    match seen.peer.ip() {
        IpAddr::V4(ip) => {
            out.put(&[tag::V4 | flags]);
            out.put(&ip.octets());
        }
        IpAddr::V6(ip) => {
            out.put(&[tag::V6 | flags]);
            out.put(&ip.octets());
        }
    }
    out.put(&seen.peer.port().get().to_be_bytes());
    let age = u16::try_from(seen.age).unwrap_or(u16::MAX);
    out.put(&age.to_be_bytes());
}

/// Reads what [`PeersWriter`] wrote, in pieces of any size, in less than 100 bytes of memory.
#[derive(Clone, Debug)]
pub struct PeersReader {
    stage: Stage,
    saved: u64,
    torrent: Option<InfoHash>,
    count: u32,
    sum: Checksum,
    /// The start of what comes next, as far as it has come.
    held: [u8; LARGEST],
    length: usize,
    outcome: Result<(), Damage>,
}

impl Default for PeersReader {
    fn default() -> Self {
        Self::new()
    }
}

impl PeersReader {
    /// At the start of the file.
    pub fn new() -> Self {
        Self {
            stage: Stage::Head,
            saved: 0,
            torrent: None,
            count: 0,
            sum: Checksum::default(),
            held: [0; LARGEST],
            length: 0,
            outcome: Ok(()),
        }
    }

    /// When the file was written, in seconds since 1970; 0 if its writer didn't know, or the head
    /// hasn't come yet.
    pub const fn saved(&self) -> u64 {
        self.saved
    }

    /// Takes the next piece, and hands on each peer. Work: a few steps for each byte.
    ///
    /// # Errors
    ///
    /// [`Damage`], and the same from then on. What was handed on before may be wrong too.
    pub fn push(&mut self, bytes: &[u8], mut each: impl FnMut(StoredPeer)) -> Result<(), Damage> {
        if self.outcome.is_ok() {
            self.outcome = self.take(bytes, &mut each);
        }
        self.outcome
    }

    /// Ends the file, and returns how many peers were in it.
    ///
    /// # Errors
    ///
    /// [`Damage`].
    pub fn finish(self) -> Result<u32, Damage> {
        self.outcome?;
        let held = self.held.get(..self.length).unwrap_or_default();
        match (self.stage, held) {
            (Stage::Nothing, _) => Ok(self.count),
            (Stage::Head, []) => Err(Damage::Empty),
            (Stage::Head, _) if !held.iter().zip(MAGIC).all(|(a, b)| a == b) => {
                Err(Damage::Foreign)
            }
            _ => Err(Damage::Cut),
        }
    }

    fn take(&mut self, mut bytes: &[u8], each: &mut impl FnMut(StoredPeer)) -> Result<(), Damage> {
        while let Some(&next) = bytes.first() {
            let first = match self.length {
                0 => next,
                _ => self.held.first().copied().unwrap_or_default(),
            };
            let whole = self.whole(first)?;
            let (taken, rest) = bytes.split_at(whole.saturating_sub(self.length).min(bytes.len()));
            bytes = rest;
            let end = self.length.saturating_add(taken.len());
            if let Some(place) = self.held.get_mut(self.length..end) {
                place.copy_from_slice(taken);
            }
            self.length = end;
            if end >= whole {
                let held = self.held;
                self.length = 0;
                self.record(held.get(..whole).unwrap_or_default(), each)?;
            }
        }
        Ok(())
    }

    /// Bytes of what comes next and begins so.
    fn whole(&self, first: u8) -> Result<usize, Damage> {
        match self.stage {
            Stage::Head => Ok(HEAD),
            Stage::End | Stage::Nothing => Err(Damage::Behind),
            Stage::Records => match first {
                tag::END => Ok(END),
                tag::TORRENT => Ok(TORRENT),
                _ if first & !tag::FLAGS == tag::V4 => Ok(V4),
                _ if first & !tag::FLAGS == tag::V6 => Ok(V6),
                _ => Err(Damage::Malformed),
            },
        }
    }

    /// Takes the head, a record or the end, which is whole.
    fn record(&mut self, bytes: &[u8], each: &mut impl FnMut(StoredPeer)) -> Result<(), Damage> {
        if self.stage == Stage::Head {
            let head = bytes.split_first_chunk().ok_or(Damage::Cut)?;
            self.head(head)?;
            self.sum.add(bytes);
            self.stage = Stage::Records;
            return Ok(());
        }
        let (&[first], rest) = bytes.split_first_chunk().ok_or(Damage::Cut)?;
        match first {
            tag::END => {
                let (before, crc) = bytes.split_last_chunk().ok_or(Damage::Cut)?;
                self.sum.add(before);
                if u32::from_be_bytes(*crc) != self.sum.crc() {
                    return Err(Damage::Checksum);
                }
                let count = before.last_chunk().ok_or(Damage::Cut)?;
                if u32::from_be_bytes(*count) != self.count {
                    return Err(Damage::Count);
                }
                self.stage = Stage::Nothing;
                return Ok(());
            }
            tag::TORRENT => self.torrent = rest.first_chunk().copied().map(InfoHash),
            _ => {
                each(self.peer(first, rest).ok_or(Damage::Malformed)?);
                self.count = self.count.saturating_add(1);
            }
        }
        self.sum.add(bytes);
        Ok(())
    }

    fn head(&mut self, (magic, rest): (&[u8; 8], &[u8])) -> Result<(), Damage> {
        if magic != MAGIC {
            return Err(Damage::Foreign);
        }
        let (version, saved) = rest.split_first_chunk().ok_or(Damage::Cut)?;
        if u32::from_be_bytes(*version) != VERSION {
            return Err(Damage::Version);
        }
        let saved = saved.first_chunk().ok_or(Damage::Cut)?;
        self.saved = u64::from_be_bytes(*saved);
        Ok(())
    }

    fn peer(&self, first: u8, bytes: &[u8]) -> Option<StoredPeer> {
        let (ip, rest) = if first & !tag::FLAGS == tag::V6 {
            let (ip, rest) = bytes.split_first_chunk::<16>()?;
            (IpAddr::from(*ip), rest)
        } else {
            let (ip, rest) = bytes.split_first_chunk::<4>()?;
            (IpAddr::from(*ip), rest)
        };
        let (port, age) = rest.split_first_chunk()?;
        let port = NonZeroU16::new(u16::from_be_bytes(*port))?;
        Some(StoredPeer {
            info_hash: self.torrent?,
            peer: PeerAddr::new(ip, port),
            status: match first & STATUS {
                0 => Status::Leecher,
                1 => Status::Partial,
                2 => Status::Seeder,
                _ => return None,
            },
            completed: first & COMPLETED != 0,
            age: u16::from_be_bytes(*age.first_chunk()?).into(),
        })
    }
}

const _: () = assert!(HEAD <= LARGEST && TORRENT <= LARGEST && V6 <= LARGEST);
const _: () = assert!(HEAD <= PeersWriter::LEAST_ROOM && END <= PeersWriter::LEAST_ROOM);
