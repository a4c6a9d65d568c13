//! Forgetting what has expired, a step at a time, all round the store.

use super::Store;
use super::arena::Page;
use super::directory;
use super::peer::{Family, V4, V6};
use super::torrents::{Place, TorrentId, Torrents};
use crate::time::Secs;

/// How far the sweep has come.
#[derive(Clone, Copy, Default)]
pub(super) struct Cursor {
    /// The page's number less one.
    page: u32,
    slot: u32,
    v6: bool,
    bucket: u32,
}

impl Store<'_> {
    /// Takes `steps` steps of the sweep. A step looks at one torrent, at one bucket of a large swarm (at most 255 peers),
    /// or at a page without torrents.
    pub fn sweep(&mut self, now: Secs, steps: u32) {
        for _ in 0..steps {
            self.step(now, false);
        }
    }

    /// The steps that the sweep takes to come round once, about: more while the store fills.
    pub fn sweep_round(&self) -> u32 {
        let slots = self
            .torrents
            .count()
            .saturating_add(self.torrents.count() / 8);
        slots
            .saturating_add(self.arena.carved())
            .saturating_add(self.peers / 16)
    }

    /// One step. Under pressure, torrents without peers go too, though somebody completed them.
    pub(super) fn step(&mut self, now: Secs, pressed: bool) {
        if self.cursor.page >= self.arena.carved() {
            self.cursor = Cursor::default();
        }
        let Some(page) = Page::from_word(self.cursor.page + 1) else {
            return;
        };
        if self.cursor.slot >= Torrents::PER_PAGE || !Torrents::on_page(&self.arena, page) {
            self.cursor = Cursor {
                page: self.cursor.page + 1,
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
