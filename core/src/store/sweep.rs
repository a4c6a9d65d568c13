//! Forgetting what has expired, a step at a time, all round the store.

use super::Store;
use super::arena::Page;
use super::directory;
use super::peer::{Family, V4, V6};
use super::torrents::{Place, TorrentId, Torrents};
use crate::time::Secs;

/// How far the sweep has come.
#[derive(Clone, Copy, PartialEq, Default)]
pub(super) struct Cursor {
    /// The page's number less one.
    page: u32,
    slot: u32,
    v6: bool,
    bucket: u32,
    /// The steps of the whole round, as it was when this one began.
    round: u32,
}

impl Store<'_> {
    /// Takes `steps` steps of the sweep. A step looks at one family of a torrent, at two buckets of
    /// a large swarm (at most 255 peers each), or at a page without torrents.
    pub fn sweep(&mut self, now: Secs, steps: u32) {
        for _ in 0..steps {
            self.step(now, false);
        }
    }

    /// The steps that the sweep takes to come round once, about. What it forgets on its way makes
    /// the round no shorter.
    pub fn sweep_round(&self) -> u32 {
        self.cursor.round.max(self.whole_round())
    }

    fn whole_round(&self) -> u32 {
        let slots = self.torrents.slots().saturating_add(self.torrents.count());
        slots
            .saturating_add(self.arena.carved())
            .saturating_add(self.total.peers / 16)
    }

    /// One step. Under pressure, torrents without peers go too, though somebody completed them.
    pub(super) fn step(&mut self, now: Secs, pressed: bool) {
        if self.cursor.page >= self.arena.carved() {
            self.cursor = Cursor::default();
        }
        if self.cursor == Cursor::default() {
            self.cursor.round = self.whole_round();
        }
        let Some(page) = Page::from_word(self.cursor.page + 1) else {
            return;
        };
        if self.cursor.slot >= Torrents::PER_PAGE || !Torrents::on_page(&self.arena, page) {
            let (page, round) = (self.cursor.page + 1, self.cursor.round);
            self.cursor = Cursor {
                page,
                round,
                ..Cursor::default()
            };
            return;
        }
        let slot = self.cursor.slot;
        let done = match Torrents::at(&self.arena, page, slot) {
            Some(id) => {
                let done = if self.cursor.v6 {
                    self.step_family::<V6>(id, now)
                } else {
                    self.step_family::<V4>(id, now)
                };
                if done && self.cursor.v6 {
                    self.forget_torrent(id, now, pressed);
                }
                done
            }
            None => {
                self.cursor.v6 = true;
                true
            }
        };
        if !done {
            return;
        }
        self.cursor.bucket = 0;
        if self.cursor.v6 {
            self.cursor.v6 = false;
            self.cursor.slot = slot + 1;
        } else {
            self.cursor.v6 = true;
        }
    }

    /// Goes on with one family of a torrent; true when that is done.
    fn step_family<F: Family>(&mut self, id: TorrentId, now: Secs) -> bool {
        let Place::Large(root) = id.place(&self.arena, F::V6) else {
            self.sweep_small::<F>(id, now);
            return true;
        };
        let number = self.cursor.bucket;
        if number >= directory::buckets(&self.arena, root) {
            return true;
        }
        self.sweep_bucket::<F>(root, number, now);
        self.cursor.bucket = number + 1;
        // The last bucket may be merged into one that the sweep has passed.
        if let Some(last) = directory::buckets(&self.arena, root).checked_sub(1)
            && last > number
        {
            self.sweep_bucket::<F>(root, last, now);
        }
        self.tidy_large::<F>(id, root);
        false
    }

    fn forget_torrent(&mut self, id: TorrentId, now: Secs, pressed: bool) {
        if self.is_deserted(id)
            && (pressed
                || id.completed(&self.arena) == 0
                || id.idle(&self.arena, now) >= self.torrent_timeout)
        {
            self.delete(id);
        }
    }
}
