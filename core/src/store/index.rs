//! From an info hash to its torrent: linear hashing under a secret key.
//!
//! There is exactly one bucket for each torrent. A bucket is a word that names the first torrent in
//! it; the others follow by a link in their records. When a torrent comes, one bucket is split in
//! two, and when one goes, two are merged, so the index grows and shrinks with the torrents, a page
//! at a time, and never has to be built anew. The hash is SipHash-1-3 under a random key: whoever
//! picks info hashes can't pick buckets.

use core::hash::Hasher;

use siphasher::sip::SipHasher13;

use super::arena::{Arena, PAGE_WORDS};
use super::runs::{INDEX_PAGE, page_word};
use super::torrents::TorrentId;

pub(super) struct Index {
    hasher: SipHasher13,
    buckets: u32,
}

/// The keyed hash of an info hash.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Hashed(u32);

impl Index {
    pub(super) fn new(key: &[u8; 16]) -> Self {
        Self {
            hasher: SipHasher13::new_with_key(key),
            buckets: 0,
        }
    }

    pub(super) fn hash(&self, hash: &[u32; 5]) -> Hashed {
        let mut hasher = self.hasher;
        let [a, b, c, d, e] = hash.map(u64::from);
        hasher.write_u64((a << 32) | b);
        hasher.write_u64((c << 32) | d);
        hasher.write_u64(e);
        let [.., w, x, y, z] = hasher.finish().to_be_bytes();
        Hashed(u32::from_be_bytes([w, x, y, z]))
    }

    /// The torrent of an info hash. Visits the torrents of one bucket: 1.5 on average.
    #[inline]
    pub(super) fn find(
        &self,
        arena: &Arena<'_>,
        hashed: Hashed,
        hash: &[u32; 5],
    ) -> Option<TorrentId> {
        if self.buckets == 0 {
            return None;
        }
        let mut next = head(arena, address(self.buckets, hashed));
        while let Some(id) = next {
            if id.has_hash(arena, hash) {
                return Some(id);
            }
            next = id.next(arena);
        }
        None
    }

    /// Makes a bucket for one torrent more; false if there is no page for it.
    pub(super) fn grow(&mut self, arena: &mut Arena<'_>) -> bool {
        let new = self.buckets;
        if new.is_multiple_of(PAGE_WORDS) {
            let Some(page) = arena.take_page(0) else {
                return false;
            };
            arena.set_page_word(page, page_word(INDEX_PAGE, 0));
            arena.set_table(new / PAGE_WORDS, Some(page));
        }
        self.buckets += 1;
        set_head(arena, new, None);
        if new > 0 {
            let old = new - top_bit(new);
            let mut next = head(arena, old);
            set_head(arena, old, None);
            while let Some(id) = next {
                next = id.next(arena);
                let hashed = self.hash(&id.hash(arena));
                self.insert(arena, id, hashed);
            }
        }
        true
    }

    /// Takes a torrent out and merges the last bucket into its other half.
    pub(super) fn remove(&mut self, arena: &mut Arena<'_>, id: TorrentId) {
        let hash = id.hash(arena);
        let bucket = address(self.buckets, self.hash(&hash));
        let after = id.next(arena);
        let mut next = head(arena, bucket);
        if next == Some(id) {
            set_head(arena, bucket, after);
        } else {
            while let Some(before) = next {
                next = before.next(arena);
                if next == Some(id) {
                    before.set_next(arena, after);
                    break;
                }
            }
        }
        self.shrink(arena);
    }

    /// Takes the last bucket away again, its torrents going to its other half.
    pub(super) fn shrink(&mut self, arena: &mut Arena<'_>) {
        let last = self.buckets - 1;
        let mut next = head(arena, last);
        self.buckets = last;
        while let Some(id) = next {
            next = id.next(arena);
            let hashed = self.hash(&id.hash(arena));
            self.insert(arena, id, hashed);
        }
        if last.is_multiple_of(PAGE_WORDS) {
            if let Some(page) = arena.table(last / PAGE_WORDS) {
                arena.give_page(page);
            }
            arena.set_table(last / PAGE_WORDS, None);
        }
    }

    pub(super) const fn buckets(&self) -> u32 {
        self.buckets
    }

    /// The first torrent of a bucket.
    pub(super) fn first(&self, arena: &Arena<'_>, bucket: u32) -> Option<TorrentId> {
        head(arena, bucket)
    }

    /// Adds a torrent that isn't in, after [`grow`](Self::grow).
    pub(super) fn insert(&self, arena: &mut Arena<'_>, id: TorrentId, hashed: Hashed) {
        let bucket = address(self.buckets, hashed);
        id.set_next(arena, head(arena, bucket));
        set_head(arena, bucket, Some(id));
    }
}

/// The bucket of a hash when there are `buckets` of them, at least one (linear hashing: the buckets
/// below the split have as many bits as the top one, the others one fewer).
const fn address(buckets: u32, hashed: Hashed) -> u32 {
    super::directory::linear_address(buckets, hashed.0)
}

fn top_bit(n: u32) -> u32 {
    1 << n.ilog2()
}

fn head(arena: &Arena<'_>, bucket: u32) -> Option<TorrentId> {
    let page = arena.table(bucket / PAGE_WORDS)?;
    TorrentId::from_word(arena.get(arena.address(page) + bucket % PAGE_WORDS))
}

fn set_head(arena: &mut Arena<'_>, bucket: u32, id: Option<TorrentId>) {
    if let Some(page) = arena.table(bucket / PAGE_WORDS) {
        let at = arena.address(page) + bucket % PAGE_WORDS;
        arena.set(at, id.map_or(0, TorrentId::to_word));
    }
}
