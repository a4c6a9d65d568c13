//! For tests and fuzzing: a look at everything, and whether it fits together. Nothing of it runs in
//! a tracker.

use core::num::NonZeroU16;

use super::arena::{PAGE_WORDS, Page};
use super::directory;
use super::peer::{self, Family, Tally, V4, V6};
use super::runs::{Kind, Owner, Share};
use super::swarm::{read_tally, records};
use super::torrents::{Place, TorrentId, Torrents};
use super::{Status, Store};
use crate::wire::{InfoHash, PeerAddr};

impl Store<'_> {
    /// Calls `see` with every peer of every torrent, in no order.
    pub fn visit(&self, see: &mut dyn FnMut(InfoHash, PeerAddr, Status)) {
        self.visit_torrents(&mut |id| {
            let hash = id.info_hash(&self.arena);
            self.visit_family::<V4>(id, &mut |peer, status| see(hash, peer, status));
            self.visit_family::<V6>(id, &mut |peer, status| see(hash, peer, status));
        });
    }

    /// Walks through the whole store.
    ///
    /// # Errors
    ///
    /// A sentence about the first thing that doesn't fit: a bug of the store.
    pub fn check(&self) -> Result<(), &'static str> {
        let (mut torrents, mut pages) = (0, 0);
        let mut sum = Tally::default();
        let mut outcome = Ok(());
        self.visit_torrents(&mut |id| {
            torrents += 1;
            let found = self.index.find(
                &self.arena,
                self.index.hash(&id.hash(&self.arena)),
                &id.hash(&self.arena),
            );
            let families = self
                .check_family::<V4>(id)
                .and_then(|four| Ok((four, self.check_family::<V6>(id)?)));
            match families {
                _ if found != Some(id) => outcome = Err("the index doesn't lead to a torrent"),
                Ok((four, six)) => {
                    pages += four.1 + six.1;
                    sum = sum.plus(four.0).plus(six.0);
                }
                Err(reason) => outcome = Err(reason),
            }
        });
        outcome?;
        if torrents != self.torrents.count() || torrents != self.index.buckets() {
            return Err("the torrents are not as many as the index has buckets");
        }
        if sum != self.total {
            return Err("the counts of all peers are wrong");
        }
        self.check_pages(pages)
    }

    fn visit_torrents(&self, see: &mut dyn FnMut(TorrentId)) {
        for bucket in 0..self.index.buckets() {
            let mut next = self.index.first(&self.arena, bucket);
            while let Some(id) = next {
                see(id);
                next = id.next(&self.arena);
            }
        }
    }

    fn visit_family<F: Family>(&self, id: TorrentId, see: &mut dyn FnMut(PeerAddr, Status)) {
        let mut all = |records: &[F::Record]| {
            for record in records {
                let state = F::state(record);
                if let Some(port) = NonZeroU16::new(peer::port(state)) {
                    see(PeerAddr::new(F::ip(record), port), peer::status(state));
                }
            }
        };
        match id.place(&self.arena, F::V6) {
            Place::Empty => {}
            Place::Inline => all(F::records(
                self.arena.slice(id.inline_address(&self.arena), F::WORDS),
            )),
            Place::Whole(run) => all(records::<F>(&self.arena, run)),
            Place::Large(root) => {
                for number in 0..directory::buckets(&self.arena, root) {
                    if let Some(run) = directory::bucket(&self.arena, root, number) {
                        all(records::<F>(&self.arena, run));
                    }
                }
            }
        }
    }

    /// The tally of a family, counted peer by peer, and the pages of its directory.
    fn check_family<F: Family>(&self, id: TorrentId) -> Result<(Tally, u32), &'static str> {
        let mut pages = 0;
        match id.place(&self.arena, F::V6) {
            Place::Empty | Place::Inline => {}
            Place::Whole(run) => self.check_run::<F>(id, run, Kind::Whole)?,
            Place::Large(root) => {
                self.check_owner(id, root, Kind::Directory, F::V6)?;
                let buckets = directory::buckets(&self.arena, root);
                pages = directory::pages(&self.arena, root);
                for number in 0..buckets {
                    let Some(run) = directory::bucket(&self.arena, root, number) else {
                        continue;
                    };
                    self.check_run::<F>(id, run, Kind::Bucket)?;
                    let records = records::<F>(&self.arena, run);
                    if records
                        .iter()
                        .any(|record| self.bucket_of::<F>(buckets, record) != number)
                    {
                        return Err("a peer is in another bucket than its own");
                    }
                }
            }
        }
        let mut tally = Tally::default();
        self.visit_family::<F>(id, &mut |_, status| {
            tally = tally.plus(Tally {
                peers: 1,
                seeders: u32::from(status == Status::Seeder),
                partial: u32::from(status == Status::Partial),
            });
        });
        if tally == self.tally::<F>(id) {
            Ok((tally, pages))
        } else {
            Err("a tally is wrong")
        }
    }

    fn check_run<F: Family>(
        &self,
        id: TorrentId,
        run: u32,
        kind: Kind,
    ) -> Result<(), &'static str> {
        self.check_owner(id, run, kind, F::V6)?;
        let mut tally = Tally::default();
        for record in records::<F>(&self.arena, run) {
            tally = tally.plus(Tally::of(F::state(record)));
        }
        if tally != read_tally(&self.arena, run) {
            return Err("the tally of a run is wrong");
        }
        if tally.peers == 0 {
            Err("a run is empty")
        } else {
            Ok(())
        }
    }

    fn check_owner(
        &self,
        torrent: TorrentId,
        run: u32,
        kind: Kind,
        v6: bool,
    ) -> Result<(), &'static str> {
        let owner = Owner::from_word(self.arena.get(run));
        if owner == Some((Owner { kind, torrent }, v6)) {
            Ok(())
        } else {
            Err("a run names another owner")
        }
    }

    fn check_pages(&self, directories: u32) -> Result<(), &'static str> {
        let mut records = 0;
        let mut slots = 0;
        for number in 1..=self.arena.carved() {
            let Some(page) = Page::from_word(number) else {
                continue;
            };
            if Torrents::on_page(&self.arena, page) {
                records += 1;
                for slot in 0..Torrents::PER_PAGE {
                    slots += u32::from(Torrents::at(&self.arena, page, slot).is_some());
                }
            }
        }
        if slots != self.torrents.count() {
            return Err("the records are not as many as the torrents");
        }
        let counted = [Share::Small, Share::Large].map(|share| self.runs.pages_of(share));
        if counted.iter().sum::<u32>() != self.runs.pages(&self.arena) {
            return Err("the pages of runs are not as many as were counted");
        }
        let index = self.index.buckets().div_ceil(PAGE_WORDS);
        let used = records + index + directories + self.runs.pages(&self.arena);
        if used + self.arena.free() == self.arena.pages() {
            Ok(())
        } else {
            Err("a page is lost")
        }
    }
}
