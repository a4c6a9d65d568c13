//! The memory that everything in the store lives in: words of 32 bits, cut into pages.
//!
//! ```text
//! | a word for each page | the index's table of pages | page 1 | page 2 | ...
//! ```
//!
//! Pages are handed out in order, so that memory becomes resident from the front and only as far as
//! it is used; pages that come back are handed out first. A page of 1,024 words is what the
//! processor's memory management calls a page too. Every access is checked and total: an address
//! outside reads as 0 and writes nowhere, so that nothing here can panic.

use super::runs::{FREE_PAGE, page_rest, page_word};

/// Words in a page.
pub(super) const PAGE_WORDS: u32 = 1024;
const PAGE_SHIFT: u32 = PAGE_WORDS.trailing_zeros();
/// Most pages of an arena: 16 GiB less one page, the reach of a 32-bit word address.
const MOST_PAGES: usize = (1 << (32 - PAGE_SHIFT)) - 2;

/// The number of a page, from 1. In memory, 0 stands for none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Page(u32);

impl Page {
    /// The page of a number read from memory, if it is one.
    pub(super) const fn from_word(word: u32) -> Option<Self> {
        if word == 0 { None } else { Some(Self(word)) }
    }

    pub(super) const fn number(self) -> u32 {
        self.0
    }

    /// What stands for `page` in memory.
    pub(super) const fn to_word(page: Option<Self>) -> u32 {
        match page {
            Some(page) => page.0,
            None => 0,
        }
    }
}

pub(super) struct Arena<'m> {
    words: &'m mut [u32],
    table_base: u32,
    page_base: u32,
    pages: u32,
    /// Pages handed out at least once.
    carved: u32,
    /// The first of the pages that came back, each naming the next in its word.
    returned: Option<Page>,
    free: u32,
}

impl<'m> Arena<'m> {
    /// An arena of all whole pages that fit into `words`, each with its share of the tables.
    pub(super) fn new(words: &'m mut [u32]) -> Self {
        let pages = Self::pages_in(words.len());
        let table_base = pages + 1;
        // Pages begin where the memory management's pages do, if `words` does.
        let page_base = (table_base + table_words(pages)).next_multiple_of(PAGE_WORDS);
        Self {
            words,
            table_base,
            page_base,
            pages,
            carved: 0,
            returned: None,
            free: pages,
        }
    }

    /// The pages of an arena of so many words.
    pub(super) fn pages_in(words: usize) -> u32 {
        let words = words.min((MOST_PAGES + 1) << PAGE_SHIFT);
        let mut pages = u32::try_from(words >> PAGE_SHIFT).unwrap_or(0);
        let needs = |pages: u32| {
            let tables = (pages + 1 + table_words(pages)).next_multiple_of(PAGE_WORDS);
            (tables as usize) + ((pages as usize) << PAGE_SHIFT)
        };
        while pages > 0 && needs(pages) > words {
            // The tables are under two words a page, so few steps do.
            let excess = (needs(pages) - words) >> (PAGE_SHIFT + 1);
            pages = pages.saturating_sub(u32::try_from(excess).unwrap_or(0).max(1));
        }
        pages
    }

    pub(super) const fn pages(&self) -> u32 {
        self.pages
    }

    /// Pages that are in use or have been.
    pub(super) const fn carved(&self) -> u32 {
        self.carved
    }

    pub(super) const fn free(&self) -> u32 {
        self.free
    }

    /// Takes a page unless that would leave fewer than `reserve`. Its contents are whatever they
    /// were.
    pub(super) fn take_page(&mut self, reserve: u32) -> Option<Page> {
        if self.free <= reserve {
            return None;
        }
        let page = if let Some(page) = self.returned {
            self.returned = Page::from_word(page_rest(self.page_word(page)));
            page
        } else {
            self.carved += 1;
            Page(self.carved)
        };
        self.free -= 1;
        Some(page)
    }

    pub(super) fn give_page(&mut self, page: Page) {
        self.set_page_word(page, page_word(FREE_PAGE, Page::to_word(self.returned)));
        self.returned = Some(page);
        self.free += 1;
    }

    /// The word that describes a page; who has the page says what it means.
    pub(super) fn page_word(&self, page: Page) -> u32 {
        self.get(page.0)
    }

    pub(super) fn set_page_word(&mut self, page: Page, word: u32) {
        self.set(page.0, word);
    }

    /// Entry `at` of the index's table of pages.
    pub(super) fn table(&self, at: u32) -> Option<Page> {
        Page::from_word(self.get(self.table_base + at))
    }

    pub(super) fn set_table(&mut self, at: u32, page: Option<Page>) {
        self.set(self.table_base + at, Page::to_word(page));
    }

    /// The address of a page's first word.
    pub(super) const fn address(&self, page: Page) -> u32 {
        self.page_base.wrapping_add((page.0 - 1) << PAGE_SHIFT)
    }

    /// The page that an address lies in.
    pub(super) const fn page_of(&self, at: u32) -> Page {
        Page((at.wrapping_sub(self.page_base) >> PAGE_SHIFT) + 1)
    }

    #[inline]
    pub(super) fn get(&self, at: u32) -> u32 {
        self.words.get(at as usize).copied().unwrap_or(0)
    }

    #[inline]
    pub(super) fn set(&mut self, at: u32, word: u32) {
        if let Some(slot) = self.words.get_mut(at as usize) {
            *slot = word;
        }
    }

    /// `count` words from `at`, or none.
    #[inline]
    pub(super) fn slice(&self, at: u32, count: u32) -> &[u32] {
        self.words
            .get(at as usize..)
            .and_then(|w| w.get(..count as usize))
            .unwrap_or_default()
    }

    #[inline]
    pub(super) fn slice_mut(&mut self, at: u32, count: u32) -> &mut [u32] {
        let tail = self.words.get_mut(at as usize..);
        tail.and_then(|w| w.get_mut(..count as usize))
            .unwrap_or_default()
    }

    /// Copies `count` words; source and target may overlap.
    pub(super) fn copy(&mut self, from: u32, to: u32, count: u32) {
        let (from, to, count) = (from as usize, to as usize, count as usize);
        if from
            .max(to)
            .checked_add(count)
            .is_some_and(|end| end <= self.words.len())
        {
            self.words.copy_within(from..from + count, to);
        }
    }
}

/// Words for the index's table: one for each of its pages, with one bucket for each torrent that
/// fits.
const fn table_words(pages: u32) -> u32 {
    pages / 8 + 1
}

#[cfg(test)]
mod tests {
    use std::vec;

    use super::*;

    #[test]
    fn pages_fill_the_memory_and_never_overrun_it() {
        for words in (0..20_000)
            .step_by(7)
            .chain([1 << 20, (1 << 22) + 5, 3_000_001])
        {
            let mut memory = vec![0; words];
            let mut arena = Arena::new(&mut memory);
            let mut taken = 0;
            while let Some(page) = arena.take_page(0) {
                let start = arena.address(page);
                assert!((start + PAGE_WORDS) as usize <= words);
                assert_eq!(arena.page_of(start + PAGE_WORDS - 1), page);
                taken += 1;
            }
            assert_eq!(taken, arena.pages());
            let lost = words - (taken * PAGE_WORDS) as usize;
            assert!(
                lost < 3 * PAGE_WORDS as usize + words / 500,
                "{words} words: {lost} lost"
            );
        }
    }

    #[test]
    fn returned_pages_come_first_and_the_reserve_stays() {
        let mut memory = vec![0; 6 * 1024];
        let mut arena = Arena::new(&mut memory);
        let first = arena.take_page(0).unwrap();
        let second = arena.take_page(0).unwrap();
        arena.give_page(first);
        arena.give_page(second);
        assert_eq!(arena.take_page(0), Some(second));
        assert_eq!(arena.take_page(0), Some(first));
        let free = arena.free();
        assert_eq!(arena.take_page(free), None);
        assert_eq!(arena.free(), free);
    }
}
