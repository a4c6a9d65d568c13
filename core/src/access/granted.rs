//! The torrents that were listed one at a time while the tracker ran, whole, so that they can be
//! told.
//!
//! Open addressing with linear probing under a secret hash, and removal by moving back. A slot is
//! six words: the info hash, and a word that isn't 0 where there is one.

use siphasher::sip::SipHasher24;

use super::table::Full;
use crate::wire::InfoHash;

/// Info hashes in memory that its owner gives. No allocation, all zero when empty.
pub struct Granted<'m> {
    hasher: SipHasher24,
    slots: &'m mut [Slot],
    len: usize,
}

/// Where a walk goes on. The default is at the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct GrantedCursor(usize);

type Slot = [u32; SLOT_WORDS];
const SLOT_WORDS: usize = 6;

impl<'m> Granted<'m> {
    /// None yet, in `memory`, which must be all zero and [`words`](Self::words) long. `secret` comes
    /// from the system's random source.
    pub fn new(memory: &'m mut [u32], secret: &[u8; 16]) -> Self {
        Self {
            hasher: SipHasher24::new_with_key(secret),
            slots: memory.as_chunks_mut().0,
            len: 0,
        }
    }

    /// Words of 4 bytes for so many torrents: 27.4 bytes for each.
    pub const fn words(entries: usize) -> usize {
        let slots = entries.saturating_add(entries.div_ceil(7));
        slots.saturating_mul(SLOT_WORDS)
    }

    /// Torrents that are listed.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Most torrents.
    pub const fn capacity(&self) -> usize {
        self.slots
            .len()
            .saturating_sub(self.slots.len().div_ceil(8))
    }

    /// Whether the torrent is listed. Work: as for any open addressing, 8.5 slots on average in a
    /// table that is as full as it may be; nobody outside can make it more.
    pub fn contains(&self, hash: &InfoHash) -> bool {
        self.find(hash).is_ok()
    }

    /// Lists a torrent; true if it wasn't listed. Work: as for [`contains`](Self::contains).
    ///
    /// # Errors
    ///
    /// [`Full`] if there is no room for a new one.
    pub fn insert(&mut self, hash: &InfoHash) -> Result<bool, Full> {
        let Err(empty) = self.find(hash) else {
            return Ok(false);
        };
        if self.len >= self.capacity() {
            return Err(Full);
        }
        let slot = empty.and_then(|at| self.slots.get_mut(at)).ok_or(Full)?;
        *slot = words_of(hash);
        self.len = self.len.saturating_add(1);
        Ok(true)
    }

    /// Takes a torrent off the list; whether it was listed. Work: as for
    /// [`contains`](Self::contains), twice.
    pub fn remove(&mut self, hash: &InfoHash) -> bool {
        let Ok(mut hole) = self.find(hash) else {
            return false;
        };
        self.len = self.len.saturating_sub(1);
        // Who is farther from home than the hole is moves into it.
        let mut at = hole;
        for _ in 0..self.slots.len() {
            at = self.after(at);
            let Some(&slot) = self.slots.get(at).filter(|slot| is_used(slot)) else {
                break;
            };
            let home = self.home(&hash_in(&slot));
            if self.distance(home, at) >= self.distance(hole, at) {
                if let Some(to) = self.slots.get_mut(hole) {
                    *to = slot;
                }
                hole = at;
            }
        }
        if let Some(slot) = self.slots.get_mut(hole) {
            *slot = [0; SLOT_WORDS];
        }
        true
    }

    /// The next torrent from `cursor` on, which goes on behind it. One that is listed or taken off
    /// between two calls may have others told twice or not at all. Work: visits slots up to the next.
    pub fn next(&self, cursor: &mut GrantedCursor) -> Option<InfoHash> {
        let rest = self.slots.get(cursor.0..)?;
        let found = rest.iter().position(is_used)?;
        cursor.0 = cursor.0.saturating_add(found).saturating_add(1);
        rest.get(found).map(hash_in)
    }

    /// Where the torrent is; else the empty slot that may take it, if there is one.
    fn find(&self, hash: &InfoHash) -> Result<usize, Option<usize>> {
        let wanted = words_of(hash);
        let mut at = self.home(hash);
        for _ in 0..self.slots.len() {
            let slot = self.slots.get(at).ok_or(None)?;
            if !is_used(slot) {
                return Err(Some(at));
            }
            if *slot == wanted {
                return Ok(at);
            }
            at = self.after(at);
        }
        Err(None)
    }

    /// The slot at which the search for a torrent begins.
    fn home(&self, hash: &InfoHash) -> usize {
        let [.., a, b, c, d] = self.hasher.hash(&hash.0).to_be_bytes();
        let place = u64::from(u32::from_be_bytes([a, b, c, d]));
        let slots = u64::try_from(self.slots.len()).unwrap_or(u64::MAX);
        usize::try_from(place.saturating_mul(slots) >> 32).unwrap_or(0)
    }

    const fn after(&self, at: usize) -> usize {
        let next = at.saturating_add(1);
        if next < self.slots.len() { next } else { 0 }
    }

    /// Steps from one slot to another.
    const fn distance(&self, from: usize, to: usize) -> usize {
        match to.checked_sub(from) {
            Some(steps) => steps,
            None => self.slots.len().saturating_sub(from).saturating_add(to),
        }
    }
}

const fn is_used(slot: &Slot) -> bool {
    let [.., mark] = slot;
    *mark != 0
}

fn words_of(hash: &InfoHash) -> Slot {
    let mut slot = [1; SLOT_WORDS];
    for (word, bytes) in slot.iter_mut().zip(hash.0.as_chunks().0) {
        *word = u32::from_be_bytes(*bytes);
    }
    slot
}

fn hash_in(slot: &Slot) -> InfoHash {
    let mut hash = [0; 20];
    for (bytes, word) in hash.as_chunks_mut().0.iter_mut().zip(slot) {
        *bytes = word.to_be_bytes();
    }
    InfoHash(hash)
}

#[cfg(test)]
mod tests {
    use super::Granted;
    use crate::access::Full;
    use crate::wire::InfoHash;

    #[test]
    fn without_memory_there_is_none_and_no_room() {
        let mut granted = Granted::new(&mut [], &[0; 16]);
        let hash = InfoHash([1; 20]);
        assert!(granted.is_empty() && !granted.contains(&hash) && !granted.remove(&hash));
        assert_eq!(granted.insert(&hash), Err(Full));
    }
}
