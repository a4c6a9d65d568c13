//! Torrent records: ten words each, cut from pages of their own. A record never moves.

use core::ops::RangeInclusive;

use super::arena::{Arena, PAGE_WORDS, Page};
use super::runs::{TORRENT_PAGE, page_class, page_word};
use crate::time::Secs;
use crate::wire::InfoHash;

/// A torrent in the store, good until the next call that changes the store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TorrentId(u32);

impl From<TorrentId> for u32 {
    /// A number to remember it by; [`Store::torrent_at`](super::Store::torrent_at) leads back.
    fn from(id: TorrentId) -> Self {
        id.0
    }
}

/// Words of a record.
const WORDS: u32 = 10;
/// Records in a page; the words left over link the pages that have room.
const PER_PAGE: u32 = PAGE_WORDS / WORDS;
const SLOT_BITS: u32 = 7;
const ID_BITS: u32 = 29;

/// The fields of a record, by their offset in words.
mod field {
    /// The info hash, five words, big-endian.
    pub(super) const HASH: u32 = 0;
    /// The next torrent in the same bucket of the index, or the next free slot.
    pub(super) const NEXT: u32 = 5;
    /// Downloads completed.
    pub(super) const COMPLETED: u32 = 6;
    /// Where the IPv4 peers are, or the only peer's address.
    pub(super) const V4: u32 = 7;
    /// Where the IPv6 peers are, or the rest of the only peer.
    pub(super) const V6: u32 = 8;
    /// Flags, and when the last announce came.
    pub(super) const STATE: u32 = 9;
    pub(super) const PAGE_BEFORE: u32 = super::PER_PAGE * super::WORDS;
    pub(super) const PAGE_AFTER: u32 = PAGE_BEFORE + 1;
}

const USED: u32 = 1 << 31;
const INLINE: u32 = 1 << 30;
const LARGE_V4: u32 = 1 << 29;
const LARGE_V6: u32 = 1 << 28;
const STAMP_MASK: u32 = 0xffff;
/// Seconds in one step of the stamp, which comes round after 48 days.
const STAMP_SECONDS: u32 = 64;

impl TorrentId {
    /// What stands for the torrent in memory: 29 bits, never 0.
    pub(super) const fn to_word(self) -> u32 {
        self.0
    }

    pub(super) const fn from_word(word: u32) -> Option<Self> {
        if word == 0 || word >> ID_BITS != 0 {
            None
        } else {
            Some(Self(word))
        }
    }

    const fn new(page: Page, slot: u32) -> Self {
        Self((page.number() << SLOT_BITS) | slot)
    }

    const fn slot(self) -> u32 {
        self.0 & ((1 << SLOT_BITS) - 1)
    }
}

/// Where a torrent's peers of one family are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// There are none.
    Empty,
    /// In the record itself: the only peer of the torrent, an IPv4 one.
    Inline,
    /// In one run, at this address.
    Whole(u32),
    /// In the buckets of a directory at this address.
    Large(u32),
}

/// The pages of records and the free slots in them.
pub(super) struct Torrents {
    /// The first of the pages with a free slot, a list in both directions.
    roomy: Option<Page>,
    pages: u32,
    most_pages: u32,
    count: u32,
}

impl Torrents {
    pub(super) const fn new(most_pages: u32) -> Self {
        Self {
            roomy: None,
            pages: 0,
            most_pages,
            count: 0,
        }
    }

    pub(super) const fn count(&self) -> u32 {
        self.count
    }

    /// Records that there are pages for, used or not.
    pub(super) const fn slots(&self) -> u32 {
        self.pages * PER_PAGE
    }

    /// Records in a page.
    pub(super) const PER_PAGE: u32 = PER_PAGE;

    /// Takes a record for a torrent without peers; `None` if there is no page for it.
    pub(super) fn take(
        &mut self,
        arena: &mut Arena<'_>,
        hash: &[u32; 5],
        now: Secs,
    ) -> Option<TorrentId> {
        let page = match self.roomy {
            Some(page) => page,
            None => self.add_page(arena)?,
        };
        let (used, slot) = page_state(arena, page);
        let id = TorrentId::new(page, slot);
        let next = id.field(arena, field::NEXT);
        set_page_state(arena, page, used + 1, next);
        if used + 1 == PER_PAGE {
            self.unlink(arena, page);
        }
        self.count += 1;
        let at = id.address(arena);
        arena.slice_mut(at, 5).copy_from_slice(hash);
        arena
            .slice_mut(at + field::NEXT, WORDS - field::NEXT)
            .fill(0);
        arena.set(at + field::STATE, USED | stamp(now));
        Some(id)
    }

    /// Gives a record back. Its peers must be gone and the index must not lead to it any more.
    pub(super) fn give(&mut self, arena: &mut Arena<'_>, id: TorrentId) {
        let page = Page::from_word(id.0 >> SLOT_BITS);
        let Some(page) = page else { return };
        let (used, first) = page_state(arena, page);
        id.set_field(arena, field::STATE, 0);
        id.set_field(arena, field::NEXT, first);
        set_page_state(arena, page, used - 1, id.slot());
        self.count -= 1;
        if used == PER_PAGE {
            self.link(arena, page);
        } else if used == 1 {
            self.unlink(arena, page);
            self.pages -= 1;
            arena.give_page(page);
        }
    }

    /// The used records of a page, if it is a page of records: at most 102.
    pub(super) fn on_page(arena: &Arena<'_>, page: Page) -> bool {
        page_class(arena.page_word(page)) == TORRENT_PAGE
    }

    /// The record at a slot of a page of records.
    pub(super) fn at(arena: &Arena<'_>, page: Page, slot: u32) -> Option<TorrentId> {
        let id = TorrentId::new(page, slot);
        (slot < PER_PAGE && id.field(arena, field::STATE) & USED != 0).then_some(id)
    }

    /// Shows the used records of a page of them whose hash begins with one of `words`, and that.
    pub(super) fn by_hash(
        arena: &Arena<'_>,
        page: Page,
        words: &RangeInclusive<u32>,
        see: &mut dyn FnMut(TorrentId, u32),
    ) {
        let (&start, &end) = (words.start(), words.end());
        let records = arena.slice(arena.address(page), PER_PAGE * WORDS);
        let (records, _) = records.as_chunks::<{ WORDS as usize }>();
        for (slot, record) in (0..).zip(records) {
            const { assert!(field::HASH == 0 && field::STATE == WORDS - 1) };
            let [word, .., state] = *record;
            // Most are of another range: one comparison tells.
            if word.wrapping_sub(start) <= end.wrapping_sub(start) && state & USED != 0 {
                see(TorrentId::new(page, slot), word);
            }
        }
    }

    /// The torrent that a number stands for, if its record is in use; it may be another torrent's by
    /// now.
    pub(super) fn by_number(arena: &Arena<'_>, number: u32) -> Option<TorrentId> {
        let id = TorrentId::from_word(number)?;
        let page = Page::from_word(id.0 >> SLOT_BITS)?;
        let there = page.number() <= arena.carved() && Self::on_page(arena, page);
        if there {
            Self::at(arena, page, id.slot())
        } else {
            None
        }
    }

    fn add_page(&mut self, arena: &mut Arena<'_>) -> Option<Page> {
        if self.pages >= self.most_pages {
            return None;
        }
        let page = arena.take_page(0)?;
        self.pages += 1;
        for slot in 0..PER_PAGE {
            let id = TorrentId::new(page, slot);
            id.set_field(arena, field::NEXT, slot + 1);
            id.set_field(arena, field::STATE, 0);
        }
        set_page_state(arena, page, 0, 0);
        self.link(arena, page);
        Some(page)
    }

    fn link(&mut self, arena: &mut Arena<'_>, page: Page) {
        let at = arena.address(page);
        arena.set(at + field::PAGE_BEFORE, 0);
        arena.set(at + field::PAGE_AFTER, Page::to_word(self.roomy));
        if let Some(after) = self.roomy {
            arena.set(arena.address(after) + field::PAGE_BEFORE, page.number());
        }
        self.roomy = Some(page);
    }

    fn unlink(&mut self, arena: &mut Arena<'_>, page: Page) {
        let at = arena.address(page);
        let before = Page::from_word(arena.get(at + field::PAGE_BEFORE));
        let after = Page::from_word(arena.get(at + field::PAGE_AFTER));
        match before {
            Some(before) => {
                arena.set(
                    arena.address(before) + field::PAGE_AFTER,
                    Page::to_word(after),
                );
            }
            None => self.roomy = after,
        }
        if let Some(after) = after {
            arena.set(
                arena.address(after) + field::PAGE_BEFORE,
                Page::to_word(before),
            );
        }
    }
}

/// A page's used records and its first free slot.
fn page_state(arena: &Arena<'_>, page: Page) -> (u32, u32) {
    let word = arena.page_word(page);
    ((word >> SLOT_BITS) & 0x7f, word & 0x7f)
}

fn set_page_state(arena: &mut Arena<'_>, page: Page, used: u32, first: u32) {
    arena.set_page_word(page, page_word(TORRENT_PAGE, (used << SLOT_BITS) | first));
}

const fn stamp(now: Secs) -> u32 {
    (now.0 / STAMP_SECONDS) & STAMP_MASK
}

/// An info hash as a record holds it.
pub(super) fn hash_words(hash: &InfoHash) -> [u32; 5] {
    let mut words = [0; 5];
    let (chunks, _) = hash.0.as_chunks::<4>();
    for (word, bytes) in words.iter_mut().zip(chunks) {
        *word = u32::from_be_bytes(*bytes);
    }
    words
}

/// The fields of a record.
impl TorrentId {
    fn address(self, arena: &Arena<'_>) -> u32 {
        Page::from_word(self.0 >> SLOT_BITS).map_or(u32::MAX - WORDS, |page| {
            arena.address(page) + self.slot() * WORDS
        })
    }

    #[inline]
    fn field(self, arena: &Arena<'_>, field: u32) -> u32 {
        arena.get(self.address(arena) + field)
    }

    fn set_field(self, arena: &mut Arena<'_>, field: u32, word: u32) {
        let at = self.address(arena) + field;
        arena.set(at, word);
    }

    #[inline]
    pub(super) fn has_hash(self, arena: &Arena<'_>, hash: &[u32; 5]) -> bool {
        arena.slice(self.address(arena) + field::HASH, 5) == hash
    }

    pub(super) fn hash(self, arena: &Arena<'_>) -> [u32; 5] {
        let slice = arena.slice(self.address(arena) + field::HASH, 5);
        slice.first_chunk().copied().unwrap_or_default()
    }

    pub(super) fn info_hash(self, arena: &Arena<'_>) -> InfoHash {
        let mut hash = InfoHash([0; 20]);
        for (bytes, word) in hash
            .0
            .as_chunks_mut::<4>()
            .0
            .iter_mut()
            .zip(self.hash(arena))
        {
            *bytes = word.to_be_bytes();
        }
        hash
    }

    /// The next torrent in the same bucket of the index.
    #[inline]
    pub(super) fn next(self, arena: &Arena<'_>) -> Option<Self> {
        Self::from_word(self.field(arena, field::NEXT))
    }

    pub(super) fn set_next(self, arena: &mut Arena<'_>, next: Option<Self>) {
        self.set_field(arena, field::NEXT, next.map_or(0, Self::to_word));
    }

    pub(super) fn completed(self, arena: &Arena<'_>) -> u32 {
        self.field(arena, field::COMPLETED)
    }

    pub(super) fn add_completed(self, arena: &mut Arena<'_>) {
        let sum = self.completed(arena).saturating_add(1);
        self.set_completed(arena, sum);
    }

    pub(super) fn set_completed(self, arena: &mut Arena<'_>, count: u32) {
        self.set_field(arena, field::COMPLETED, count);
    }

    /// Remembers when the last announce came.
    pub(super) fn touch(self, arena: &mut Arena<'_>, now: Secs) {
        let state = self.field(arena, field::STATE);
        self.set_field(arena, field::STATE, (state & !STAMP_MASK) | stamp(now));
    }

    /// Seconds since the last announce, to about a minute.
    pub(super) fn idle(self, arena: &Arena<'_>, now: Secs) -> u32 {
        let steps = stamp(now).wrapping_sub(self.field(arena, field::STATE)) & STAMP_MASK;
        steps * STAMP_SECONDS
    }

    /// Where the peers of a family are.
    #[inline]
    pub(super) fn place(self, arena: &Arena<'_>, v6: bool) -> Place {
        let state = self.field(arena, field::STATE);
        if state & INLINE != 0 {
            return if v6 { Place::Empty } else { Place::Inline };
        }
        let (field, large) = if v6 {
            (field::V6, state & LARGE_V6)
        } else {
            (field::V4, state & LARGE_V4)
        };
        match self.field(arena, field) {
            0 => Place::Empty,
            at if large != 0 => Place::Large(at),
            at => Place::Whole(at),
        }
    }

    /// Changes where the peers of a family are. From [`Place::Inline`] only IPv4 may change, to
    /// anything.
    pub(super) fn set_place(self, arena: &mut Arena<'_>, v6: bool, place: Place) {
        let (field, large) = if v6 {
            (field::V6, LARGE_V6)
        } else {
            (field::V4, LARGE_V4)
        };
        let mut state = self.field(arena, field::STATE);
        if state & INLINE != 0 && place != Place::Inline {
            // The other family's word holds a part of the peer.
            self.set_field(arena, field::V6, 0);
            state &= !INLINE;
        }
        state &= !large;
        match place {
            Place::Inline => state |= INLINE,
            Place::Large(_) => state |= large,
            Place::Empty | Place::Whole(_) => {}
        }
        self.set_field(arena, field::STATE, state);
        match place {
            Place::Empty => self.set_field(arena, field, 0),
            Place::Inline => {}
            Place::Whole(at) | Place::Large(at) => self.set_field(arena, field, at),
        }
    }

    /// The record of the only peer, where the place is [`Place::Inline`]: two words.
    pub(super) fn inline_address(self, arena: &Arena<'_>) -> u32 {
        self.address(arena) + field::V4
    }
}

const _: () = assert!(field::PAGE_AFTER < PAGE_WORDS);
const _: () = assert!(PER_PAGE < 1 << SLOT_BITS);
