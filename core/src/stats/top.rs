//! The largest swarms, by peers, by seeders, and by leechers.

use core::cmp::Ordering;
use core::fmt::{self, Write};

use super::page;
use crate::store::{Progress, Store, TorrentId, Walk};
use crate::wire::{InfoHash, Out};

/// A walk through all torrents that keeps the largest of them: up to a hundred in each of three
/// lists.
///
/// Of swarms of one size the later info hash comes first, as by opentracker. Counts are those of
/// the moment at which the walk passed; a torrent that goes before the page is written is left out.
/// The lists are in a workspace that the caller hands to each call, the same each time and touched
/// by nobody else: 9 words for each place, so that 900 are enough for a hundred. With fewer the
/// lists are shorter.
#[derive(Clone, Debug)]
pub struct Top {
    /// What the heading says.
    title: u16,
    /// Places in each list.
    places: usize,
    /// Places taken in each list.
    taken: [usize; LISTS],
    walk: Walk,
}

/// A torrent in a list: its count, the first bytes of its info hash, and what stands for it.
type Entry = [u32; 3];

const LISTS: usize = 3;
const HEADINGS: [&str; LISTS] = ["peers", "seeds", "leechers"];
const MOST: u16 = 100;

impl Top {
    /// A walk for lists of so many torrents, 100 at most.
    pub fn start(most: u16, workspace: &[u32]) -> Self {
        let title = most.min(MOST);
        Self {
            title,
            places: usize::from(title).min(workspace.len() / (LISTS * size_of::<Entry>() / 4)),
            taken: [0; LISTS],
            walk: Walk::default(),
        }
    }

    /// The same through the swarms in so many parts.
    #[must_use]
    pub const fn through(mut self, parts: u32) -> Self {
        self.walk = Walk::through(parts);
        self
    }

    /// Which part [`step`](Self::step) needs next.
    pub const fn part(&self) -> u32 {
        self.walk.part()
    }

    /// Walks through the next pages of the store: up to `pages` times 102 torrents, each of which
    /// takes at most one place in each list and moves those behind it.
    pub fn step(&mut self, workspace: &mut [u32], store: &Store<'_>, pages: u32) -> Progress {
        let places = self.places;
        let taken = &mut self.taken;
        store.walk_torrents(&mut self.walk, pages, &mut |id| {
            let counts = store.summary(id).counts;
            let peers = counts.seeders.saturating_add(counts.leechers);
            let lists = lists(workspace, places).zip(&mut *taken);
            for ((list, taken), count) in lists.zip([peers, counts.seeders, counts.leechers]) {
                insert(list, taken, count, id, store);
            }
        })
    }

    /// Writes whole lines from `cursor` on, as [`emit`](super::emit) does, once the walk is done.
    /// `hash_of` is [`Store::hash_of`] of the part that the prefix belongs to.
    pub fn emit(
        &self,
        workspace: &mut [u32],
        hash_of: &dyn Fn(u32, u32) -> Option<InfoHash>,
        cursor: &mut u16,
        out: &mut Out<'_>,
    ) -> Progress {
        page::emit(cursor, out, &mut |at, out| {
            self.section(workspace, hash_of, at, out)
        })
    }

    fn section(
        &self,
        workspace: &mut [u32],
        hash_of: &dyn Fn(u32, u32) -> Option<InfoHash>,
        at: u16,
        out: &mut Out<'_>,
    ) -> Result<bool, fmt::Error> {
        let block = self.places.saturating_add(1);
        let (nth, line) = (usize::from(at) / block, usize::from(at) % block);
        let Some(heading) = HEADINGS.get(nth) else {
            return Ok(false);
        };
        let Some(line) = line.checked_sub(1) else {
            writeln!(out, "Top {} torrents by {heading}:", self.title)?;
            return Ok(true);
        };
        let taken = self.taken.get(nth).copied().unwrap_or_default();
        let list = lists(workspace, self.places).nth(nth).unwrap_or_default();
        let entry = list.get(..taken).and_then(|list| list.get(line));
        if let Some(&[count, prefix, word]) = entry
            && let Some(hash) = hash_of(prefix, word)
        {
            write!(out, "\t{count}\t")?;
            for byte in hash.0 {
                write!(out, "{byte:02X}")?;
            }
            out.put(b"\n");
        }
        Ok(true)
    }
}

fn lists(workspace: &mut [u32], places: usize) -> impl Iterator<Item = &mut [Entry]> {
    let (entries, _) = workspace.as_chunks_mut();
    entries.chunks_exact_mut(places.max(1)).take(LISTS)
}

/// Puts a torrent where it belongs, if it does; the last makes room.
fn insert(list: &mut [Entry], taken: &mut usize, count: u32, id: TorrentId, store: &Store<'_>) {
    let Some(last) = list.len().checked_sub(1) else {
        return;
    };
    // Nearly all swarms are smaller than those of a full list.
    if count == 0 || (*taken > last && list.get(last).is_some_and(|last| last[0] > count)) {
        return;
    }
    let entry = [count, store.info_hash(id).prefix(), id.into()];
    let at = list
        .get(..*taken)
        .unwrap_or_default()
        .partition_point(|other| order(other, &entry, store) == Ordering::Greater);
    let end = taken.saturating_add(1).min(list.len());
    if let Some(moved) = list.get_mut(at..end)
        && let Some(kept) = moved.len().checked_sub(1)
    {
        moved.copy_within(..kept, 1);
        if let Some(place) = moved.first_mut() {
            *place = entry;
        }
        *taken = end;
    }
}

/// By count, then by info hash. Whose prefixes are the same are of one part: that of `store`.
fn order(one: &Entry, other: &Entry, store: &Store<'_>) -> Ordering {
    let [count, prefix, word] = one;
    let [other_count, other_prefix, other_word] = other;
    let hash = |&word| store.torrent_at(word).map(|id| store.info_hash(id));
    (count, prefix)
        .cmp(&(other_count, other_prefix))
        .then_with(|| hash(word).cmp(&hash(other_word)))
}
