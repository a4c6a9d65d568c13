//! The networks with most peers.

use core::fmt::{self, Write};
use core::net::{IpAddr, Ipv4Addr};

use super::page;
use crate::store::{Progress, Store, Walk};
use crate::time::Secs;
use crate::wire::Out;

/// Two walks through all peers: the first finds the networks of IPv4 that may have most of them,
/// /28 and /24, the second counts them. Up to 128 of each are shown.
///
/// The first keeps K candidates of each size and is right about the large ones whatever comes in
/// whatever order (Misra and Gries, "Finding repeated elements", 1982):
///
/// - The counts shown are exact, but for peers that came, went or moved during the walks.
/// - A network that has more than one in K + 1 of all IPv4 peers is shown for sure, unless 128
///   larger ones are.
/// - If no more than K networks have peers, the page is exact altogether.
/// - Otherwise a smaller network may be missing, though a still smaller one is shown.
///
/// K is three quarters of the places of a table. Both tables are in a workspace that the caller
/// hands to each call, the same each time and touched by nobody else: 4 words for a place of both.
/// 1,024 words make a K of 192, 4,096 words one of 768, which is the most that is used.
#[derive(Clone, Debug)]
pub struct Networks {
    walk: Walk,
    counting: bool,
    /// Places of each table.
    places: usize,
    /// Candidates in each table.
    taken: [usize; TABLES],
}

/// A candidate: its prefix and one, and its count. A prefix of 0 is a free place.
type Place = [u32; 2];

const TABLES: usize = 2;
/// Bits of the prefixes.
const BITS: [u32; TABLES] = [28, 24];
const MOST_PLACES: usize = 1024;
/// Networks of one size that are shown: opentracker's number.
const MOST_SHOWN: usize = 128;

impl Networks {
    /// A walk that begins.
    pub fn start(workspace: &mut [u32]) -> Self {
        let places = workspace.len() / (TABLES * size_of::<Place>() / 4);
        let places = places.min(MOST_PLACES);
        tables(workspace, places).for_each(|table| table.fill([0; 2]));
        Self {
            walk: Walk::default(),
            counting: false,
            places,
            taken: [0; TABLES],
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

    /// Walks through the next pages of the store: up to `pages` times 680 peers. At worst each of
    /// them looks at all places of both tables; of all peers in the store that is one in K + 1. The
    /// last step also sorts the tables.
    pub fn step(
        &mut self,
        workspace: &mut [u32],
        store: &Store<'_>,
        now: Secs,
        pages: u32,
    ) -> Progress {
        let Self {
            walk,
            counting,
            places,
            taken,
        } = self;
        let (places, first) = (*places, !*counting);
        let progress = store.walk_peers(walk, pages, now, &mut |seen| {
            let IpAddr::V4(ip) = seen.peer.ip() else {
                return;
            };
            let tables = tables(workspace, places).zip(&mut *taken);
            for ((table, taken), bits) in tables.zip(BITS) {
                let prefix = ip.to_bits() >> (32 - bits);
                let key = prefix.saturating_add(1);
                if first {
                    propose(table, taken, key);
                } else if let Ok([_, count]) = find(table, key) {
                    *count = count.saturating_add(1);
                }
            }
        });
        match progress {
            Progress::Done if first => {
                let all = tables(workspace, places).flatten();
                all.for_each(|[_, count]| *count = 0);
                *counting = true;
                *walk = walk.again();
                Progress::More
            }
            Progress::Done => {
                tables(workspace, places).for_each(sort);
                Progress::Done
            }
            Progress::More => Progress::More,
        }
    }

    /// Writes whole lines from `cursor` on, as [`emit`](super::emit) does, once the walks are done.
    pub fn emit(&self, workspace: &mut [u32], cursor: &mut u16, out: &mut Out<'_>) -> Progress {
        page::emit(cursor, out, &mut |at, out| self.section(workspace, at, out))
    }

    fn section(
        &self,
        workspace: &mut [u32],
        at: u16,
        out: &mut Out<'_>,
    ) -> Result<bool, fmt::Error> {
        /// Sections of a block: heading, networks, the empty line at its end.
        const BLOCK: usize = MOST_SHOWN + 2;
        let at = usize::from(at);
        let Some(&bits) = BITS.get(at / BLOCK) else {
            return Ok(false);
        };
        match at % BLOCK {
            0 => writeln!(out, "Networks, limit /{bits}:")?,
            line @ 1..=MOST_SHOWN => {
                let table = tables(workspace, self.places).nth(at / BLOCK);
                let table = table.unwrap_or_default();
                if let Some(&[key, count]) = table.get(line.saturating_sub(1))
                    && count > 0
                {
                    let first = key.saturating_sub(1) << (32 - bits);
                    writeln!(out, "{count:08}: {}", Ipv4Addr::from_bits(first))?;
                }
            }
            _ => out.put(b"\n"),
        }
        Ok(true)
    }
}

fn tables(workspace: &mut [u32], places: usize) -> impl Iterator<Item = &mut [Place]> {
    let (all, _) = workspace.as_chunks_mut();
    all.chunks_exact_mut(places.max(1)).take(TABLES)
}

/// The place of a network, or the free one where it would be if there is one. Looks at each place
/// at most once.
fn find(table: &mut [Place], key: u32) -> Result<&mut Place, Option<&mut Place>> {
    let home = home(table.len(), key);
    let mut at = home;
    loop {
        match table.get(at) {
            Some(&[known, _]) if known == key => break,
            Some([0, _]) | None => break,
            Some(_) => at = after(table.len(), at),
        }
        if at == home {
            return Err(None);
        }
    }
    match table.get_mut(at) {
        Some(place) if place[0] == key => Ok(place),
        place => Err(place),
    }
}

/// Counts one for a network that is a candidate. One that isn't becomes one if there is room, and
/// takes one from all others if there is not: those who have none left then are no candidates.
fn propose(table: &mut [Place], taken: &mut usize, key: u32) {
    let most = most_taken(table.len());
    match find(table, key) {
        Ok([_, count]) => *count = count.saturating_add(1),
        Err(Some(place)) if *taken < most => {
            *place = [key, 1];
            *taken = taken.saturating_add(1);
        }
        Err(_) => {
            let mut least = u32::MAX;
            for [key, count] in &mut *table {
                *count = count.saturating_sub(1);
                least = least.min(if *key == 0 { u32::MAX } else { *count });
            }
            if least == 0 {
                *taken = drop_empty(table);
            }
        }
    }
}

/// Candidates that a table of so many places has at most: free places keep the ways short.
const fn most_taken(places: usize) -> usize {
    places.saturating_sub(places.div_ceil(4))
}

/// Drops the candidates whose count is 0, moves the others to where they are found now, and returns
/// how many those are.
fn drop_empty(table: &mut [Place]) -> usize {
    let mut left = 0usize;
    // Whoever comes first behind a free place is at home there, and the ways of all others lead
    // over places that have been seen to before.
    let mut at = table.iter().position(|place| place[0] == 0).unwrap_or(0);
    for _ in 0..table.len() {
        at = after(table.len(), at);
        let Some(&place @ [key, count]) = table.get(at) else {
            break;
        };
        if let Some(freed) = table.get_mut(at) {
            *freed = [0; 2];
        }
        if count > 0
            && let Err(Some(new)) = find(table, key)
        {
            *new = place;
            left = left.saturating_add(1);
        }
    }
    left
}

/// Where the search for a network begins.
fn home(places: usize, key: u32) -> usize {
    // Fibonacci hashing: neighbours end up far apart.
    let mixed = u64::from(key.wrapping_mul(0x9e37_79b9));
    let scaled = mixed.saturating_mul(places as u64) >> 32;
    usize::try_from(scaled).unwrap_or(0)
}

const fn after(places: usize, at: usize) -> usize {
    let next = at.saturating_add(1);
    if next >= places { 0 } else { next }
}

/// Sorts by count, the highest first, then by address (Shell, with the gaps of Ciura).
fn sort(table: &mut [Place]) {
    for gap in [701, 301, 132, 57, 23, 10, 4, 1] {
        for end in gap..table.len() {
            let mut at = end;
            while let Some(before) = at.checked_sub(gap)
                && rank(table, before) > rank(table, at)
            {
                table.swap(before, at);
                at = before;
            }
        }
    }
}

fn rank(table: &[Place], at: usize) -> (core::cmp::Reverse<u32>, u32) {
    let [key, count] = table.get(at).copied().unwrap_or_default();
    (core::cmp::Reverse(count), key)
}
