//! The keys of a private tracker, in one table.
//!
//! A slot has 16 words: the key (8), an info hash (5), the low half of the time until which it is
//! good, the rest of that time beside a tag, and a word of flags. The search for a key begins at the
//! slot that a secret hash of it decides (open addressing, linear probing, removal by moving back),
//! and passes over slots of another tag. What is left is compared in the same time wherever it
//! differs, so that no timing tells how much of a guess is right: the hash tells nothing either
//! without the secret.
//!
//! Keys have an origin: those of the file are replaced when the file is read again, others stay. A
//! load puts the new ones beside the old, where nobody finds them yet; the commit only exchanges the
//! meaning of two marks, and the old ones are swept out share by share.

use core::fmt;
use core::net::IpAddr;
use core::num::NonZeroU8;

use siphasher::sip::SipHasher13;

use super::guesses;
use super::key::Key;
use super::places::Places;
use super::refusal::Refusal;
use super::table::Full;
use crate::time::Secs;
use crate::wire::InfoHash;

/// The keys of a private tracker. No allocation, all zero when empty.
pub struct Keys<'m> {
    hasher: SipHasher13,
    slots: &'m mut [Slot],
    places: Places<'m>,
    /// The mark of the file's keys that are in force, [`FILE_A`] or [`FILE_B`].
    file: u32,
    /// Whether a load goes on: then the other mark is that of its keys, else of what is to be swept.
    loading: bool,
    /// Keys in force.
    len: usize,
    /// How many of these are the file's.
    of_file: usize,
    /// Keys of the other mark.
    others: usize,
    /// Where the sweep goes on.
    sweep: usize,
    wall_clock: u64,
}

/// What a key is good for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Terms {
    /// The last second, since 1970, at which it is; `None` is for ever. Less than 2^48.
    pub valid_until: Option<u64>,
    /// The only torrent that it opens; `None` is any.
    pub info_hash: Option<InfoHash>,
    /// Most peers that use it at a time, by their addresses (of IPv6 the /64); `None` is any number.
    pub most_peers: Option<NonZeroU8>,
    /// Where it comes from.
    pub origin: Origin,
}

/// Where a key comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// The file of keys: it goes when it isn't in there any more.
    File,
    /// Anywhere else: it stays until it is removed.
    Granted,
}

/// What is to be done about an announce whose key is good.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Opened {
    /// Nothing.
    Plain,
    /// A [place](Keys::take_place) must be taken.
    Limited(NonZeroU8),
}

/// Where a walk through the keys goes on. The default is at the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Cursor(usize);

/// Seconds in which an expired key is still known, so that its owner is told what is wrong and the
/// operator sees it: a day.
pub const EXPIRED_FOR: u64 = 24 * 3600;

/// The wall clock is believed from 2026 on: a router without a battery begins in 1970, or when its
/// firmware was built.
pub const CLOCK_IS_SET: u64 = 1_767_225_600;

type Slot = [u32; SLOT_WORDS];
const SLOT_WORDS: usize = 16;
/// Where in a slot is what.
const UNTIL: usize = 13;
const UNTIL_AND_TAG: usize = 14;
const FLAGS: usize = 15;

/// The two low bits of the flags.
const ORIGIN: u32 = 3;
const EMPTY: u32 = 0;
const GRANTED: u32 = 1;
const FILE_A: u32 = 2;
const FILE_B: u32 = 3;
const EXPIRES: u32 = 1 << 2;
const BOUND: u32 = 1 << 3;
const MOST_PEERS: u32 = 8;

/// Places for peers of limited keys, for each key.
const PLACES_EACH: usize = 2;

impl<'m> Keys<'m> {
    /// An empty table for `entries` keys in `memory`, which must be all zero and
    /// [`words`](Self::words) long. `secret` comes from the system's random source.
    pub fn new(memory: &'m mut [u32], entries: usize, secret: &[u8; 16]) -> Self {
        let words = slots_for(entries).saturating_mul(SLOT_WORDS);
        let (slots, places) = memory.split_at_mut(words.min(memory.len()));
        Self {
            hasher: SipHasher13::new_with_key(secret),
            slots: slots.as_chunks_mut().0,
            places: Places::new(places),
            file: FILE_A,
            loading: false,
            len: 0,
            of_file: 0,
            others: 0,
            sweep: 0,
            wall_clock: 0,
        }
    }

    /// Words of 4 bytes for so many keys: 105 bytes for each, of which 32 are for two peers of
    /// limited keys.
    pub const fn words(entries: usize) -> usize {
        let places = Places::words(entries.saturating_mul(PLACES_EACH));
        slots_for(entries)
            .saturating_mul(SLOT_WORDS)
            .saturating_add(places)
    }

    /// Keys in force, the expired ones included that aren't swept yet.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Keys among them that were [`Granted`](Origin::Granted).
    pub const fn granted(&self) -> usize {
        self.len.saturating_sub(self.of_file)
    }

    /// Whether there is no key.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Most keys. While a file is read again its old keys and its new ones need room together.
    pub const fn capacity(&self) -> usize {
        self.slots
            .len()
            .saturating_sub(self.slots.len().div_ceil(8))
    }

    /// Tells the time, in seconds since 1970. Until 2026 the clock isn't set and no key expires; it
    /// may jump either way at any time.
    pub const fn set_wall_clock(&mut self, seconds: u64) {
        self.wall_clock = seconds;
    }

    /// The time that was told, in seconds since 1970; `None` while the clock isn't set.
    pub fn wall_clock(&self) -> Option<u64> {
        (self.wall_clock >= CLOCK_IS_SET).then_some(self.wall_clock)
    }

    /// Whether a key of these terms has expired.
    pub fn has_expired(&self, terms: &Terms) -> bool {
        self.has_expired_for(terms, 0)
    }

    fn has_expired_for(&self, terms: &Terms, seconds: u64) -> bool {
        self.wall_clock >= CLOCK_IS_SET
            && terms
                .valid_until
                .is_some_and(|until| until.saturating_add(seconds) < self.wall_clock)
    }

    /// What a key is good for; `None` if it isn't known. An expired one is known until it is
    /// [swept](Self::sweep). Work: as for any open addressing, 8.5 slots on average in a table that
    /// is as full as it may be; nobody outside can make it more.
    pub fn get(&self, key: &Key) -> Option<Terms> {
        let at = self.find(key, self.in_force()).ok()?;
        self.slots.get(at).map(terms)
    }

    /// Adds a key, or changes what it is good for; true if it is new. Work: as for
    /// [`get`](Self::get), three times.
    ///
    /// # Errors
    ///
    /// [`Full`] if there is no room for a new one.
    pub fn insert(&mut self, key: &Key, terms: &Terms) -> Result<bool, Full> {
        let mark = match terms.origin {
            Origin::Granted => GRANTED,
            Origin::File => self.file,
        };
        let file = self.file;
        if let Ok(at) = self.find(key, self.in_force()) {
            if let Some(slot) = self.slots.get_mut(at) {
                self.of_file = self
                    .of_file
                    .saturating_sub(usize::from(slot[FLAGS] & ORIGIN == file))
                    .saturating_add(usize::from(mark == file));
                write(slot, key, terms, mark);
            }
            self.remove_loaded(key);
            return Ok(false);
        }
        self.put(key, terms, mark)?;
        self.len = self.len.saturating_add(1);
        if mark == file {
            self.of_file = self.of_file.saturating_add(1);
        } else {
            self.remove_loaded(key);
        }
        Ok(true)
    }

    /// Removes a key, and returns what it was good for. One that is in the file comes back when that
    /// is read again. Its peers stay until they are silent. Work: as for [`get`](Self::get), four
    /// times.
    pub fn remove(&mut self, key: &Key) -> Option<Terms> {
        self.remove_loaded(key);
        let at = self.find(key, self.in_force()).ok()?;
        let terms = self.slots.get(at).map(terms);
        self.remove_at(at);
        terms
    }

    /// The next key from `cursor` on, which goes on behind it. A key that is added or removed between
    /// two calls may have others told twice or not at all. Work: visits slots up to the next key.
    pub fn next(&self, cursor: &mut Cursor) -> Option<(Key, Terms)> {
        let rest = self.slots.get(cursor.0..)?;
        let found = rest
            .iter()
            .position(|slot| self.is_in_force(origin(slot)))?;
        cursor.0 = cursor.0.saturating_add(found).saturating_add(1);
        rest.get(found).map(|slot| (key(slot), terms(slot)))
    }

    /// Whether the key opens the torrent.
    pub(crate) fn open(&self, key: &Key, torrent: &InfoHash) -> Result<Opened, Refusal> {
        let terms = self.get(key).ok_or(Refusal::UnknownKey)?;
        if self.has_expired(&terms) {
            return Err(Refusal::ExpiredKey);
        }
        if terms.info_hash.is_some_and(|bound| bound != *torrent) {
            return Err(Refusal::OtherTorrent);
        }
        Ok(terms.most_peers.map_or(Opened::Plain, Opened::Limited))
    }

    /// Takes or renews a place among `most` for a peer at `ip`; false if others have them all. A
    /// place is free when it wasn't renewed for `timeout` seconds. Work: looks at four places for
    /// each of `most`.
    pub(crate) fn take_place(
        &mut self,
        key: &Key,
        most: NonZeroU8,
        ip: IpAddr,
        now: Secs,
        timeout: u32,
    ) -> bool {
        let (hash, address) = (self.hash(key), self.address(ip));
        self.places.take(hash, most, address, now, timeout)
    }

    /// Gives the place of a peer back that leaves. Work: as for [`take_place`](Self::take_place).
    pub(crate) fn leave_place(&mut self, key: &Key, most: NonZeroU8, ip: IpAddr) {
        let (hash, address) = (self.hash(key), self.address(ip));
        self.places.leave(hash, most, address);
    }

    /// Begins to load the file's keys anew, and gives a load up that had begun. False as long as
    /// what an earlier one left must be [swept](Self::sweep) before.
    pub fn begin(&mut self) -> bool {
        if self.loading {
            self.abort();
        }
        self.loading = self.others == 0;
        self.loading
    }

    /// Adds a key of the file, which is in force after [`commit`](Self::commit). Of a key that was
    /// there before the last line counts; one that was [`Granted`](Origin::Granted) stays as it is.
    /// Work: as for [`get`](Self::get), three times.
    ///
    /// # Errors
    ///
    /// [`Full`] if there is no room for it beside all that is in force; the load should be aborted.
    pub fn load(&mut self, key: &Key, terms: &Terms) -> Result<(), Full> {
        if !self.loading || self.find(key, 1 << GRANTED).is_ok() {
            return Ok(());
        }
        let mark = self.other();
        if let Ok(at) = self.find(key, 1 << mark) {
            if let Some(slot) = self.slots.get_mut(at) {
                write(slot, key, terms, mark);
            }
            return Ok(());
        }
        self.put(key, terms, mark)?;
        self.others = self.others.saturating_add(1);
        Ok(())
    }

    /// Ends a load: the file's keys are those that were loaded since its beginning. Returns how many.
    pub fn commit(&mut self) -> usize {
        if self.loading {
            self.loading = false;
            self.file = self.other();
            self.len = self
                .len
                .saturating_sub(self.of_file)
                .saturating_add(self.others);
            core::mem::swap(&mut self.of_file, &mut self.others);
        }
        self.of_file
    }

    /// Gives a load up: all is as before it.
    pub const fn abort(&mut self) {
        self.loading = false;
    }

    /// Looks at `steps` slots and removes what nobody needs: what a load replaced, and keys that
    /// expired a day ago. To be called once a second, and after a load until
    /// [`is_swept`](Self::is_swept).
    pub fn sweep(&mut self, steps: usize) {
        for _ in 0..steps.min(self.slots.len().saturating_mul(2)) {
            let Some(slot) = self.slots.get(self.sweep) else {
                self.sweep = 0;
                continue;
            };
            let mark = origin(slot);
            let over = self.is_in_force(mark) && self.has_expired_for(&terms(slot), EXPIRED_FOR);
            if over || mark == self.other() && !self.loading {
                // What follows moves here: it is looked at next.
                self.remove_at(self.sweep);
            } else {
                self.sweep = self.sweep.saturating_add(1);
            }
        }
    }

    /// Whether nothing is left of what a load replaced.
    pub const fn is_swept(&self) -> bool {
        self.loading || self.others == 0
    }

    /// The mark of the file's keys that aren't in force.
    const fn other(&self) -> u32 {
        self.file ^ FILE_A ^ FILE_B
    }

    /// The marks of what is in force, as a set of bits.
    const fn in_force(&self) -> u32 {
        1 << GRANTED | 1 << self.file
    }

    const fn is_in_force(&self, origin: u32) -> bool {
        self.in_force() >> origin & 1 == 1
    }

    /// Removes what a load that goes on has of the key: what somebody decides meanwhile counts.
    fn remove_loaded(&mut self, key: &Key) {
        if self.loading
            && let Ok(at) = self.find(key, 1 << self.other())
        {
            self.remove_at(at);
        }
    }

    /// Where the key is with one of these marks; else the empty slot that may take it, if there is
    /// one.
    #[inline(never)]
    fn find(&self, key: &Key, marks: u32) -> Result<usize, Option<usize>> {
        let hash = self.hash(key);
        let (mut at, tag) = (self.home(hash), tag(hash));
        for _ in 0..self.slots.len() {
            let slot = self.slots.get(at).ok_or(None)?;
            let mark = origin(slot);
            if mark == EMPTY {
                return Err(Some(at));
            }
            if slot[UNTIL_AND_TAG] & 0xffff == tag
                && marks >> mark & 1 == 1
                && self::key(slot) == *key
            {
                return Ok(at);
            }
            at = self.after(at);
        }
        Err(None)
    }

    /// Fills an empty slot.
    fn put(&mut self, key: &Key, terms: &Terms, mark: u32) -> Result<(), Full> {
        let used = self.len.saturating_add(self.others);
        let Err(Some(at)) = self.find(key, 0) else {
            return Err(Full);
        };
        let hash = self.hash(key);
        let has_room = used < self.capacity();
        match self.slots.get_mut(at) {
            Some(slot) if has_room => {
                slot[UNTIL_AND_TAG] = tag(hash);
                write(slot, key, terms, mark);
                Ok(())
            }
            _ => Err(Full),
        }
    }

    /// Empties a slot and moves back what its search would else not find.
    fn remove_at(&mut self, mut hole: usize) {
        let Some(mark) = self.slots.get(hole).map(origin) else {
            return;
        };
        if self.is_in_force(mark) {
            self.len = self.len.saturating_sub(1);
            self.of_file = self.of_file.saturating_sub(usize::from(mark == self.file));
        } else {
            self.others = self.others.saturating_sub(1);
        }
        let mut at = hole;
        for _ in 1..self.slots.len() {
            at = self.after(at);
            let Some(&follows) = self.slots.get(at).filter(|slot| origin(slot) != EMPTY) else {
                break;
            };
            // It may move back unless its search begins behind the hole.
            let home = self.home(self.hash(&key(&follows)));
            if self.distance(home, at) >= self.distance(hole, at) {
                self.set(hole, follows);
                hole = at;
            }
        }
        self.set(hole, [0; SLOT_WORDS]);
    }

    fn set(&mut self, at: usize, to: Slot) {
        if let Some(slot) = self.slots.get_mut(at) {
            *slot = to;
        }
    }

    fn hash(&self, key: &Key) -> u64 {
        self.hasher.hash(key.bytes())
    }

    /// What stands for an address among those that use a key.
    fn address(&self, ip: IpAddr) -> u32 {
        let hash = self.hasher.hash(&guesses::address(ip).to_be_bytes());
        u32::try_from(hash >> 32).unwrap_or(0)
    }

    /// Where the search for a key of this hash begins; below the count of slots, if there are any.
    fn home(&self, hash: u64) -> usize {
        // Both factors are below 2^32, or there would be more than 256 GiB of slots.
        usize::try_from((hash >> 32).wrapping_mul(self.slots.len() as u64) >> 32).unwrap_or(0)
    }

    const fn after(&self, at: usize) -> usize {
        let next = at.saturating_add(1);
        if next < self.slots.len() { next } else { 0 }
    }

    /// Slots from one to the other, around the end if need be.
    const fn distance(&self, from: usize, to: usize) -> usize {
        if from <= to {
            to.saturating_sub(from)
        } else {
            self.slots.len().saturating_sub(from).saturating_add(to)
        }
    }
}

/// How many there are. Never which.
impl fmt::Debug for Keys<'_> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{} of {} keys", self.len(), self.capacity())
    }
}

/// The slots that so many keys need, at least one of them always empty.
const fn slots_for(entries: usize) -> usize {
    entries.saturating_add(entries.div_ceil(7))
}

/// The bits of a hash by which most slots are passed over.
const fn tag(hash: u64) -> u32 {
    (hash & 0xffff) as u16 as u32
}

const fn origin(slot: &Slot) -> u32 {
    slot[FLAGS] & ORIGIN
}

fn key(slot: &Slot) -> Key {
    let mut bytes = [0; Key::LENGTH];
    let (words, _) = bytes.as_chunks_mut();
    for (to, word) in words.iter_mut().zip(slot) {
        *to = word.to_be_bytes();
    }
    Key::stored(bytes)
}

fn terms(slot: &Slot) -> Terms {
    let flags = slot[FLAGS];
    let until = u64::from(slot[UNTIL_AND_TAG] >> 16) << 32 | u64::from(slot[UNTIL]);
    let mut hash = [0; 20];
    let (words, _) = hash.as_chunks_mut();
    for (to, word) in words.iter_mut().zip(slot.iter().skip(Key::LENGTH / 4)) {
        *to = word.to_be_bytes();
    }
    Terms {
        valid_until: (flags & EXPIRES != 0).then_some(until),
        info_hash: (flags & BOUND != 0).then_some(InfoHash(hash)),
        most_peers: NonZeroU8::new(flags.to_be_bytes()[2]),
        origin: match flags & ORIGIN {
            GRANTED => Origin::Granted,
            _ => Origin::File,
        },
    }
}

/// Fills a slot whose tag is right.
fn write(slot: &mut Slot, key: &Key, terms: &Terms, mark: u32) {
    let (words, _) = key.bytes().as_chunks();
    let hash = terms.info_hash.unwrap_or(InfoHash([0; 20]));
    let (hash, _) = hash.0.as_chunks();
    for (to, word) in slot.iter_mut().zip(words.iter().chain(hash)) {
        *to = u32::from_be_bytes(*word);
    }
    let until = terms.valid_until.unwrap_or(0).min((1 << 48) - 1);
    let [_, _, a, b, c, d, e, f] = until.to_be_bytes();
    slot[UNTIL] = u32::from_be_bytes([c, d, e, f]);
    slot[UNTIL_AND_TAG] = slot[UNTIL_AND_TAG] & 0xffff | u32::from_be_bytes([a, b, 0, 0]);
    let most = terms.most_peers.map_or(0, NonZeroU8::get);
    slot[FLAGS] =
        mark | if terms.valid_until.is_some() {
            EXPIRES
        } else {
            0
        } | if terms.info_hash.is_some() { BOUND } else { 0 }
            | u32::from(most) << MOST_PEERS;
}

#[cfg(test)]
mod tests;
