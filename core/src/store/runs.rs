//! Runs: pieces of pages, in sizes by class, that hold the peers of a small swarm or a part of a
//! large one.
//!
//! All runs of a class and of a share lie densely in the pages of that class: only its last page
//! has room. When a run is given back, the last one moves into its place, so memory never fragments
//! and an empty page is free for any other use. A run that moves is found again through its first
//! word, its owner; see [`Owner`].

use super::arena::{Arena, PAGE_WORDS, Page};
use super::torrents::TorrentId;

/// Run sizes in words. Steps are about a seventh where most runs of large swarms are, and each size
/// leaves little of a page over.
const SIZES: [u16; CLASSES as usize] = [
    6, 8, 10, 12, 14, 18, 22, 26, 30, 36, 42, 50, 56, 64, 72, 84, 92, 102, 112, 128, 146, 170, 204,
    256, 340, 512, 1024,
];
const CLASSES: u32 = 27;

/// Which runs share pages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Share {
    /// Swarms that a reply could carry whole, and what all swarms need. Never taken back.
    Small,
    /// The peers of large swarms: what makes room when there is none.
    Large,
}

/// What the page's word of a torrent page and of an index page says in the place of a class.
pub(super) const TORRENT_PAGE: u32 = 63;
pub(super) const INDEX_PAGE: u32 = 62;
/// The same for a page that came back.
pub(super) const FREE_PAGE: u32 = 61;
const CLASS_SHIFT: u32 = 26;

/// The class that a page's word names, or [`TORRENT_PAGE`] or [`INDEX_PAGE`].
pub(super) const fn page_class(word: u32) -> u32 {
    word >> CLASS_SHIFT
}

pub(super) const fn page_word(class: u32, rest: u32) -> u32 {
    (class << CLASS_SHIFT) | page_rest(rest)
}

/// What a page's word says besides.
pub(super) const fn page_rest(word: u32) -> u32 {
    word & ((1 << CLASS_SHIFT) - 1)
}

/// Whose run it is and what is in it: the first word of every run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Owner {
    pub(super) kind: Kind,
    pub(super) torrent: TorrentId,
}

/// What is in a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// All peers that a small swarm has of a family.
    Whole,
    /// The list of the buckets of a large swarm.
    Directory,
    /// The peers in one bucket of a large swarm.
    Bucket,
}

impl Owner {
    pub(super) const fn to_word(self, v6: bool) -> u32 {
        ((self.kind as u32) << 30) | ((v6 as u32) << 29) | self.torrent.to_word()
    }

    /// The owner and whether the run is of IPv6.
    pub(super) const fn from_word(word: u32) -> Option<(Self, bool)> {
        let kind = match word >> 30 {
            0 => Kind::Whole,
            1 => Kind::Directory,
            2 => Kind::Bucket,
            _ => return None,
        };
        match TorrentId::from_word(word & ((1 << 29) - 1)) {
            Some(torrent) => Some((Self { kind, torrent }, word & (1 << 29) != 0)),
            None => None,
        }
    }
}

/// The runs of one class and share.
#[derive(Clone, Copy)]
struct Pool {
    /// The page with room, or the fullest last one; its word names the page before.
    last: Option<Page>,
    /// Runs in the last page.
    used: u32,
}

pub(super) struct Runs {
    pools: [Pool; 2 * CLASSES as usize],
    /// Pages of small and of large swarms.
    pages: [u32; 2],
}

impl Runs {
    pub(super) const fn new() -> Self {
        Self {
            pools: [Pool {
                last: None,
                used: 0,
            }; 2 * CLASSES as usize],
            pages: [0; 2],
        }
    }

    /// The pages of a share.
    pub(super) const fn pages_of(&self, share: Share) -> u32 {
        let [small, large] = self.pages;
        match share {
            Share::Small => small,
            Share::Large => large,
        }
    }

    fn pages_mut(&mut self, number: u32) -> &mut u32 {
        let [small, large] = &mut self.pages;
        if number < CLASSES { small } else { large }
    }

    /// The words of the smallest class that holds `words`, if any does.
    pub(super) fn size_for(words: u32) -> Option<u32> {
        SIZES
            .iter()
            .map(|&size| u32::from(size))
            .find(|&size| size >= words)
    }

    /// Takes a run of exactly `size` words, a class's, from a page that has room or a new one;
    /// `None` if a new page would leave fewer than `reserve`. Its contents are whatever they
    /// were.
    pub(super) fn take(
        &mut self,
        arena: &mut Arena<'_>,
        share: Share,
        size: u32,
        reserve: u32,
    ) -> Option<u32> {
        let number = number(share, size)?;
        let pool = self.pools.get_mut(number as usize)?;
        let page = match pool.last {
            Some(page) if pool.used < PAGE_WORDS / size => page,
            before => {
                let page = arena.take_page(reserve)?;
                arena.set_page_word(page, page_word(number, Page::to_word(before)));
                *pool = Pool {
                    last: Some(page),
                    used: 0,
                };
                *self.pages_mut(number) += 1;
                page
            }
        };
        let pool = self.pools.get_mut(number as usize)?;
        pool.used += 1;
        Some(arena.address(page) + (pool.used - 1) * size)
    }

    /// Gives a run back. If another one had to move into its place, returns true: that one's owner
    /// must learn its new address, which is `at`.
    #[must_use]
    pub(super) fn give(&mut self, arena: &mut Arena<'_>, at: u32) -> bool {
        let number = page_class(arena.page_word(arena.page_of(at)));
        let Some(pool) = self.pools.get_mut(number as usize) else {
            return false;
        };
        let Some(page) = pool.last else { return false };
        let size = size_of(number);
        pool.used -= 1;
        let last = arena.address(page) + pool.used * size;
        if last != at {
            arena.copy(last, at, size);
        }
        if pool.used == 0 {
            pool.last = page_before(arena, page);
            pool.used = if pool.last.is_some() {
                PAGE_WORDS / size
            } else {
                0
            };
            arena.give_page(page);
            *self.pages_mut(number) -= 1;
        }
        last != at
    }

    /// The words of the run at an address.
    pub(super) fn size_at(arena: &Arena<'_>, at: u32) -> u32 {
        size_of(page_class(arena.page_word(arena.page_of(at))))
    }

    /// Runs in the last page of the `nth` class of a share: so many must be given back to free a
    /// page. `None` if the class has none.
    pub(super) fn in_last_page(&self, share: Share, nth: u32) -> Option<u32> {
        let pool = self.pools.get(class_number(share, nth) as usize)?;
        pool.last.map(|_| pool.used)
    }

    /// The address of the run that lies `back` runs before the last of the `nth` class of a share.
    /// Walks back one page at a time.
    pub(super) fn nth_last(
        &self,
        arena: &Arena<'_>,
        share: Share,
        nth: u32,
        mut back: u32,
    ) -> Option<u32> {
        let number = class_number(share, nth);
        let pool = self.pools.get(number as usize)?;
        let (size, mut page, mut used) = (size_of(number), pool.last?, pool.used);
        while back >= used {
            back -= used;
            page = page_before(arena, page)?;
            used = PAGE_WORDS / size;
        }
        Some(arena.address(page) + (used - 1 - back) * size)
    }

    /// The runs in a page, by their addresses; none in a page of anything else.
    pub(super) fn on_page(&self, arena: &Arena<'_>, page: Page) -> impl Iterator<Item = u32> {
        let number = page_class(arena.page_word(page));
        let pool = self.pools.get(number as usize);
        let (start, size) = (arena.address(page), size_of(number));
        let runs = pool.map_or(0, |pool| {
            if pool.last == Some(page) {
                pool.used
            } else {
                PAGE_WORDS / size
            }
        });
        (0..runs).map(move |nth| start + nth * size)
    }

    /// The pages of all classes.
    pub(super) fn pages(&self, arena: &Arena<'_>) -> u32 {
        let mut pages = 0;
        for pool in &self.pools {
            let mut next = pool.last;
            while let Some(page) = next {
                pages += 1;
                next = page_before(arena, page);
            }
        }
        pages
    }

    /// How many classes there are.
    pub(super) const CLASSES: u32 = CLASSES;
}

/// The page of a class that was filled before another.
fn page_before(arena: &Arena<'_>, page: Page) -> Option<Page> {
    Page::from_word(page_rest(arena.page_word(page)))
}

const fn class_number(share: Share, nth: u32) -> u32 {
    share as u32 * CLASSES + nth
}

/// The number of a class and share, as in a page's word.
fn number(share: Share, size: u32) -> Option<u32> {
    let class = SIZES.iter().position(|&s| u32::from(s) == size)?;
    Some(class_number(share, u32::try_from(class).ok()?))
}

fn size_of(number: u32) -> u32 {
    let class = number % CLASSES;
    SIZES
        .get(class as usize)
        .map_or(PAGE_WORDS, |&size| u32::from(size))
}

const _: () = assert!(2 * CLASSES <= FREE_PAGE);
