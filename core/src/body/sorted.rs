//! All torrents in the order of their info hashes, from a store that keeps them in none.
//!
//! The torrents of a range of hashes are gathered by a walk through the store, sorted, and handed
//! out; then those of the next range. A range is as wide as is likely to fill the workspace, which
//! holds 8 bytes for each: with a workspace of a thousandth of the store's memory that makes about
//! a hundred walks for all of it. Hashes can be chosen by whoever announces, so a range that holds
//! more than the workspace does is cut in half on the way, as often as needed.

use core::cmp::Ordering;

use crate::store::{Progress, Store, TorrentId, Walk};
use crate::wire::InfoHash;

/// One range of hashes, gathered or handed out.
#[derive(Clone, Debug)]
pub(super) struct Batch {
    /// The first hash of the range.
    from: InfoHash,
    /// The first behind it; `None` if it is the last range.
    until: Option<InfoHash>,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    Gathering {
        walk: Walk,
        count: usize,
    },
    /// Sorted: those from `next` on are still to be handed out.
    Sorted {
        next: usize,
        count: usize,
    },
}

/// What comes next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Next {
    /// A torrent.
    Torrent(TorrentId, InfoHash),
    /// The range is through; the next begins with this hash.
    Range(InfoHash),
    /// That was all.
    End,
}

impl Batch {
    /// A range that begins with `from` and doesn't go beyond `last`, where all hashes that can be
    /// would have so many torrents.
    pub(super) fn new(
        from: InfoHash,
        last: Option<InfoHash>,
        torrents: u32,
        workspace: &[u32],
    ) -> Self {
        let likely = likely_end(from, torrents, workspace.len() / WORDS);
        Self {
            from,
            until: match (likely, last) {
                (Some(likely), Some(last)) => Some(likely.min(last)),
                (likely, last) => likely.or(last),
            },
            state: State::Gathering {
                walk: Walk::default(),
                count: 0,
            },
        }
    }

    /// Walks over at most `pages` pages of the store. Done when all is gathered and sorted: that is
    /// the most work, `n log n` comparisons for the workspace's `n` places.
    pub(super) fn gather(
        &mut self,
        store: &Store<'_>,
        workspace: &mut [u32],
        pages: u32,
    ) -> Progress {
        let (entries, _) = workspace.as_chunks_mut::<WORDS>();
        let State::Gathering { walk, count } = &mut self.state else {
            return Progress::Done;
        };
        let (from, until) = (self.from, &mut self.until);
        let edges = [
            from.prefix(),
            until.map_or(u32::MAX, |until| until.prefix()),
        ];
        let progress = store.walk_hashes(walk, pages, edges[0]..=edges[1], &mut |id, word| {
            // Between the edges the first word tells enough.
            if edges.contains(&word) || until.is_some_and(|until| word >= until.prefix()) {
                let hash = store.info_hash(id);
                if hash < from || until.is_some_and(|until| hash >= until) {
                    return;
                }
            }
            if *count >= entries.len() {
                let middle = cut(store, entries);
                *count = entries.len() / 2;
                *until = Some(middle);
                if store.info_hash(id) >= middle {
                    return;
                }
            }
            if let Some(place) = entries.get_mut(*count) {
                *place = [word, id.into()];
                *count = count.saturating_add(1);
            }
        });
        if progress == Progress::Done {
            let count = *count;
            if let Some(entries) = entries.get_mut(..count) {
                entries.sort_unstable_by(|one, other| order(store, one, other));
            }
            self.state = State::Sorted { next: 0, count };
        }
        progress
    }

    /// The next torrent of the range once it is gathered. Those that have gone meanwhile are passed
    /// over.
    pub(super) fn next(&mut self, store: &Store<'_>, workspace: &[u32]) -> Next {
        let (entries, _) = workspace.as_chunks::<WORDS>();
        if let State::Sorted { next, count } = &mut self.state {
            while *next < *count {
                let entry = entries.get(*next).copied().unwrap_or_default();
                *next = next.saturating_add(1);
                // A record may have got another torrent meanwhile: it must be the one that was
                // gathered, and behind all that were handed out.
                let [prefix, id] = entry;
                if let Some(id) = store.torrent_at(id) {
                    let hash = store.info_hash(id);
                    let in_range = hash >= self.from && self.until.is_none_or(|until| hash < until);
                    if hash.prefix() == prefix && in_range {
                        if let Some(after) = successor(hash) {
                            self.from = after;
                        } else {
                            *next = *count;
                            self.until = None;
                        }
                        return Next::Torrent(id, hash);
                    }
                }
            }
        }
        self.until
            .map_or(Next::End, |until| Next::Range(until.max(self.from)))
    }

    /// The first hash that hasn't been handed out.
    pub(super) const fn from(&self) -> InfoHash {
        self.from
    }

    /// Whether all is gathered.
    pub(super) const fn is_sorted(&self) -> bool {
        matches!(self.state, State::Sorted { .. })
    }
}

/// Words of an entry: the first of the hash, and what stands for the torrent.
const WORDS: usize = 2;

/// What entries are sorted by: see [`key`]. The store is asked only if their hashes begin alike.
fn order(store: &Store<'_>, one: &[u32; WORDS], other: &[u32; WORDS]) -> Ordering {
    one[0]
        .cmp(&other[0])
        .then_with(|| key(store, one).cmp(&key(store, other)))
}

/// What an entry stands for, in order. A record that got another torrent since is in the wrong place, and
/// passed over when its turn comes.
fn key(store: &Store<'_>, &[prefix, id]: &[u32; WORDS]) -> (u32, InfoHash) {
    let hash = store
        .torrent_at(id)
        .map_or(InfoHash([0; 20]), |id| store.info_hash(id));
    (prefix, hash)
}

/// Halves entries: the first half are those before the hash that is returned.
fn cut(store: &Store<'_>, entries: &mut [[u32; WORDS]]) -> InfoHash {
    let middle = entries.len() / 2;
    if middle >= entries.len() {
        return InfoHash([0; 20]);
    }
    let (_, &mut entry, _) =
        entries.select_nth_unstable_by(middle, |one, other| order(store, one, other));
    let (prefix, hash) = key(store, &entry);
    if hash.prefix() == prefix {
        return hash;
    }
    // That torrent is gone. All that begin like it are left to the next range.
    InfoHash::starting(prefix)
}

/// The end of a range that so many places are likely to hold, if hashes are spread evenly.
fn likely_end(from: InfoHash, torrents: u32, places: usize) -> Option<InfoHash> {
    let places = u64::try_from(places).unwrap_or(u64::MAX) / 8 * 7;
    let width = places
        .saturating_mul(1 << 32)
        .checked_div(torrents.into())?
        .max(1);
    let end = u64::from(from.prefix()).saturating_add(width);
    u32::try_from(end).ok().map(InfoHash::starting)
}

/// The next hash after this one, if there is one.
fn successor(hash: InfoHash) -> Option<InfoHash> {
    let mut next = hash;
    for byte in next.0.iter_mut().rev() {
        *byte = byte.wrapping_add(1);
        if *byte != 0 {
            return Some(next);
        }
    }
    None
}
