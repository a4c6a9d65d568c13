//! Looking at everything, a few pages at a time.

use core::num::NonZeroU16;
use core::ops::RangeInclusive;

use super::arena::Page;
use super::peer::{self, Family, V4, V6};
use super::runs::{Kind, Owner};
use super::swarm::records;
use super::torrents::{Place, TorrentId, Torrents};
use super::{Status, Store};
use crate::time::Secs;
use crate::wire::PeerAddr;

/// How far a walk through a store, or several, has come.
///
/// What stays in the store all the while is seen: a torrent once, a peer once unless it was moved
/// meanwhile, which may show it twice or not at all. What comes or goes may be seen or not.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Walk {
    /// Pages that are done.
    pages: u32,
    /// The part of the swarms that the pages are of.
    part: u32,
    /// How many parts follow it.
    behind: u32,
}

impl Walk {
    /// A walk through so many stores, one after another; a default one is through one.
    pub const fn through(parts: u32) -> Self {
        Self {
            pages: 0,
            part: 0,
            behind: parts.saturating_sub(1),
        }
    }

    /// Which of them comes next.
    pub const fn part(&self) -> u32 {
        self.part
    }

    /// The same walk from its start.
    pub(crate) const fn again(&self) -> Self {
        Self::through(self.part.saturating_add(self.behind).saturating_add(1))
    }

    /// Goes on to the next store, if there is one.
    const fn next_part(&mut self) -> Progress {
        let Some(behind) = self.behind.checked_sub(1) else {
            return Progress::Done;
        };
        (self.pages, self.part, self.behind) = (0, self.part.saturating_add(1), behind);
        Progress::More
    }
}

/// Whether there is more of something that is done bit by bit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// There is.
    More,
    /// That was all.
    Done,
}

/// A peer as a walk shows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SeenPeer {
    /// Its torrent.
    pub torrent: TorrentId,
    /// Where it can be reached.
    pub peer: PeerAddr,
    /// How far it is.
    pub status: Status,
    /// Whether it has told that it completed its download.
    pub completed: bool,
    /// Seconds since its last announce, to within eight.
    pub age: u32,
}

impl Store<'_> {
    /// Shows the torrents of the next pages: at most `pages` times 102 of them.
    pub fn walk_torrents(
        &self,
        walk: &mut Walk,
        pages: u32,
        see: &mut dyn FnMut(TorrentId),
    ) -> Progress {
        self.walk(walk, pages, &mut |page| self.torrents_on(page, see))
    }

    /// Shows the torrents of the next pages whose info hash begins with one of these words, together
    /// with that: at most `pages` times 102 of them.
    pub fn walk_hashes(
        &self,
        walk: &mut Walk,
        pages: u32,
        words: RangeInclusive<u32>,
        see: &mut dyn FnMut(TorrentId, u32),
    ) -> Progress {
        self.walk(walk, pages, &mut |page| {
            if Torrents::on_page(&self.arena, page) {
                Torrents::by_hash(&self.arena, page, &words, see);
            }
        })
    }

    /// Shows the peers of the next pages: at most `pages` times 680 of them.
    pub fn walk_peers(
        &self,
        walk: &mut Walk,
        pages: u32,
        now: Secs,
        see: &mut dyn FnMut(SeenPeer),
    ) -> Progress {
        self.walk(walk, pages, &mut |page| {
            self.torrents_on(page, &mut |torrent| {
                if torrent.place(&self.arena, false) == Place::Inline {
                    let at = torrent.inline_address(&self.arena);
                    let records = V4::records(self.arena.slice(at, V4::WORDS));
                    show::<V4>(torrent, records, now, see);
                }
            });
            for run in self.runs.on_page(&self.arena, page) {
                match Owner::from_word(self.arena.get(run)) {
                    Some((Owner { kind, torrent }, v6)) if kind != Kind::Directory => {
                        if v6 {
                            show::<V6>(torrent, records::<V6>(&self.arena, run), now, see);
                        } else {
                            show::<V4>(torrent, records::<V4>(&self.arena, run), now, see);
                        }
                    }
                    _ => {}
                }
            }
        })
    }

    fn walk(&self, walk: &mut Walk, pages: u32, see: &mut dyn FnMut(Page)) -> Progress {
        for _ in 0..pages {
            if walk.pages >= self.arena.carved() {
                return walk.next_part();
            }
            walk.pages += 1;
            if let Some(page) = Page::from_word(walk.pages) {
                see(page);
            }
        }
        if walk.pages >= self.arena.carved() {
            walk.next_part()
        } else {
            Progress::More
        }
    }

    fn torrents_on(&self, page: Page, see: &mut dyn FnMut(TorrentId)) {
        if Torrents::on_page(&self.arena, page) {
            for slot in 0..Torrents::PER_PAGE {
                if let Some(id) = Torrents::at(&self.arena, page, slot) {
                    see(id);
                }
            }
        }
    }
}

fn show<F: Family>(
    torrent: TorrentId,
    records: &[F::Record],
    now: Secs,
    see: &mut dyn FnMut(SeenPeer),
) {
    for record in records {
        let state = F::state(record);
        if let Some(port) = NonZeroU16::new(peer::port(state)) {
            see(SeenPeer {
                torrent,
                peer: PeerAddr::new(F::ip(record), port),
                status: peer::status(state),
                completed: peer::has_completed(state),
                age: peer::age(state, now),
            });
        }
    }
}
