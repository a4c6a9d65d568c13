//! What is to tell the other trackers, in packets.

use crate::time::Secs;
use crate::tracker::{Announce, Event};
use crate::wire::live_sync::{Flags, HEAD_BYTES, Kind, LARGEST, Record, TrackerId, emit_head};
use crate::wire::{InfoHash, Out, PeerAddr};

/// Seconds after which a packet is sent though it isn't full: opentracker's number.
pub const MOST_AGE: u32 = 15;

/// A peer that goes on announcing is told of once in so many seconds: opentracker's number.
pub const RENEWAL: u32 = 600;

/// Full packets that may wait to be sent. A host that sends after each batch of at most 256
/// announces never has more than eight.
pub const FULL_PACKETS: usize = 10;

/// The memory of an [`Outbox`]: two packets that are being filled and [`FULL_PACKETS`]. All zero
/// while it is empty.
pub struct Memory {
    v4: Packet,
    v6: Packet,
    full: [Packet; FULL_PACKETS],
}

impl Memory {
    /// Without packets.
    pub const EMPTY: Self = Self {
        v4: Packet::EMPTY,
        v6: Packet::EMPTY,
        full: [Packet::EMPTY; FULL_PACKETS],
    };

    const fn open(&mut self, kind: Kind) -> &mut Packet {
        match kind {
            Kind::V4 => &mut self.v4,
            Kind::V6 => &mut self.v6,
        }
    }
}

/// What is to tell the other trackers.
///
/// Peers of IPv4 and of IPv6 go into packets of their own. When more packets are full than may
/// wait, the oldest is lost and its records are counted in [`lost`](Self::lost): what a peer did
/// last counts most.
pub struct Outbox<'m> {
    id: TrackerId,
    memory: &'m mut Memory,
    /// The place of the oldest full packet, and how many there are.
    oldest: usize,
    waiting: usize,
    told: u64,
    lost: u64,
}

impl<'m> Outbox<'m> {
    /// Nothing to tell yet. `id` should be random, so that no other tracker has the same.
    pub fn new(memory: &'m mut Memory, id: TrackerId) -> Self {
        *memory = Memory::EMPTY;
        Self {
            id,
            memory,
            oldest: 0,
            waiting: 0,
            told: 0,
            lost: 0,
        }
    }

    /// By which this tracker knows its own packets.
    pub const fn id(&self) -> TrackerId {
        self.id
    }

    /// Takes note of what a peer announced here, if that is to be told.
    ///
    /// `since` is how many seconds ago it announced before, `None` if it is new or unknown;
    /// `flags.completed` is whether a download was counted. Told are new peers, completed downloads,
    /// whoever leaves (also one that is unknown), and a renewal of others where a multiple of
    /// [`RENEWAL`] seconds lies between the two announces. That is once in ten minutes also for who
    /// announces every minute, and would be forgotten elsewhere if each announce was compared to the
    /// one before, as in opentracker.
    ///
    /// Work: one record, and to copy one packet if it becomes full.
    pub fn note(
        &mut self,
        info_hash: &InfoHash,
        peer: &PeerAddr,
        flags: Flags,
        since: Option<u32>,
        now: Secs,
    ) {
        let renewed = since.is_none_or(|since| {
            now.0 / RENEWAL != now.0.saturating_sub(since) / RENEWAL || since >= RENEWAL
        });
        if !(renewed || flags.completed || flags.stopped) {
            return;
        }
        if let Ok(record) = Record::new(*info_hash, *peer, flags) {
            self.put(&record, now);
        }
    }

    /// The same of an announce. `since` is how many seconds ago the peer announced before, `None` if
    /// it is new or unknown; `completed` is whether a download was counted.
    #[inline]
    pub(crate) fn note_announce(
        &mut self,
        announce: &Announce,
        since: Option<u32>,
        completed: bool,
        now: Secs,
    ) {
        let flags = Flags {
            seeder: announce.left == Some(0),
            completed,
            stopped: announce.event == Event::Stopped,
        };
        self.note(&announce.info_hash, &announce.peer, flags, since, now);
    }

    /// The oldest packet that must be sent by now: one that is full, or [`MOST_AGE`] seconds old.
    ///
    /// It stays until [`done`](Self::done). There are at most [`FULL_PACKETS`] and two.
    pub fn due(&mut self, now: Secs) -> Option<&[u8]> {
        if self.waiting == 0 {
            let late = [Kind::V4, Kind::V6].into_iter().find(|&kind| {
                let open = self.memory.open(kind);
                open.used > 0 && now.since(open.opened) >= MOST_AGE
            })?;
            self.close(late);
        }
        self.memory.full.get(self.oldest).map(Packet::bytes)
    }

    /// The packet that was due is sent, or can't be and is to be forgotten.
    pub fn done(&mut self, sent: bool) {
        if self.waiting == 0 {
            return;
        }
        if let Some(packet) = self.memory.full.get_mut(self.oldest) {
            let count = u64::from(packet.records);
            packet.used = 0;
            if sent {
                self.told = self.told.wrapping_add(count);
            } else {
                self.lost = self.lost.wrapping_add(count);
            }
        }
        self.oldest = next(self.oldest);
        self.waiting = self.waiting.saturating_sub(1);
    }

    /// Whether there is nothing to tell, now or later.
    pub fn is_empty(&self) -> bool {
        self.waiting == 0 && self.memory.v4.used == 0 && self.memory.v6.used == 0
    }

    /// Records sent. Wraps after 2^64.
    pub const fn told(&self) -> u64 {
        self.told
    }

    /// Records that weren't sent, since the network didn't take them in time. Wraps after 2^64.
    pub const fn lost(&self) -> u64 {
        self.lost
    }

    fn put(&mut self, record: &Record, now: Secs) {
        let kind = record.kind();
        let open = self.memory.open(kind);
        if open.used == 0 {
            open.start(&emit_head(self.id, kind), now);
        }
        open.append(record);
        if !open.has_room(kind) {
            self.close(kind);
        }
    }

    /// Puts the packet of a kind behind those that wait, whose oldest goes if there are too many.
    fn close(&mut self, kind: Kind) {
        if self.waiting == FULL_PACKETS {
            self.done(false);
        }
        let mut at = self.oldest;
        for _ in 0..self.waiting {
            at = next(at);
        }
        let Memory { v4, v6, full } = &mut *self.memory;
        let open = match kind {
            Kind::V4 => v4,
            Kind::V6 => v6,
        };
        if let Some(full) = full.get_mut(at) {
            full.copy_from(open);
            self.waiting = self.waiting.saturating_add(1);
        }
        open.used = 0;
    }
}

/// The place behind `at`, in a circle.
const fn next(at: usize) -> usize {
    let next = at.saturating_add(1);
    if next < FULL_PACKETS { next } else { 0 }
}

/// A packet, and how much there is of it.
struct Packet {
    bytes: [u8; LARGEST],
    /// Bytes written; 0 if it isn't begun.
    used: u16,
    records: u16,
    /// When it was begun.
    opened: Secs,
}

const _: () = assert!(LARGEST <= u16::MAX as usize);

impl Packet {
    const EMPTY: Self = Self {
        bytes: [0; LARGEST],
        used: 0,
        records: 0,
        opened: Secs(0),
    };

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.used.into()).unwrap_or_default()
    }

    fn start(&mut self, head: &[u8; HEAD_BYTES], now: Secs) {
        (self.used, self.records, self.opened) = (0, 0, now);
        self.write(|out| out.put(head));
    }

    fn append(&mut self, record: &Record) {
        self.write(|out| record.emit(out));
        self.records = self.records.saturating_add(1);
    }

    fn has_room(&self, kind: Kind) -> bool {
        usize::from(self.used).saturating_add(kind.record_bytes()) <= LARGEST
    }

    fn copy_from(&mut self, other: &Self) {
        let used = usize::from(other.used);
        if let (Some(to), Some(from)) = (self.bytes.get_mut(..used), other.bytes.get(..used)) {
            to.copy_from_slice(from);
        }
        (self.used, self.records, self.opened) = (other.used, other.records, other.opened);
    }

    fn write(&mut self, write: impl FnOnce(&mut Out<'_>)) {
        let room = self.bytes.get_mut(self.used.into()..).unwrap_or_default();
        let mut out = Out::new(room);
        write(&mut out);
        let count = u16::try_from(out.len()).unwrap_or(0);
        self.used = self.used.saturating_add(count);
    }
}

#[cfg(test)]
mod tests;
