//! Which torrents may be announced: a whitelist, a blacklist, or both.
//!
//! A list is a set of info hashes in memory that its owner gives: `list` holds the one that is in
//! force beside the one that is being loaded, `table` is the set itself.

mod list;
mod table;

pub use list::AccessList;
pub use table::Full;

use crate::wire::InfoHash;

/// Which torrents may be announced. The default, without lists, admits all of them.
///
/// Only announces that store a peer are asked about: who leaves, and who scrapes, is answered as
/// ever.
#[derive(Default)]
pub struct Access<'m> {
    /// If there is one, only the torrents in it are admitted; an empty one admits none.
    pub whitelist: Option<AccessList<'m>>,
    /// The torrents in it are not admitted, even if the whitelist has them.
    pub blacklist: Option<AccessList<'m>>,
}

impl<'m> Access<'m> {
    /// Whether the torrent may be announced. Looks into each list once, see
    /// [`AccessList::contains`].
    pub fn admits(&self, hash: &InfoHash) -> bool {
        let wanted = self.whitelist.as_ref().is_none_or(|l| l.contains(hash));
        wanted && !self.blacklist.as_ref().is_some_and(|l| l.contains(hash))
    }

    /// The list that is changed one hash at a time while the tracker runs: the whitelist if there
    /// is one, else the blacklist.
    pub const fn changeable(&mut self) -> Option<&mut AccessList<'m>> {
        match &mut self.whitelist {
            Some(list) => Some(list),
            None => self.blacklist.as_mut(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Access, AccessList};
    use crate::wire::InfoHash;

    const A: InfoHash = InfoHash([1; 20]);
    const B: InfoHash = InfoHash([2; 20]);

    #[test]
    fn both_lists_are_in_force_and_none_admits_all() {
        type Hashes = Option<&'static [InfoHash]>;
        fn list<'m>(hashes: Hashes, memory: &'m mut [u64]) -> Option<AccessList<'m>> {
            let mut list = AccessList::new(memory, &[7; 16]);
            for hash in hashes? {
                list.insert(hash).unwrap();
            }
            Some(list)
        }
        let cases: [(Hashes, Hashes, [bool; 2]); 6] = [
            (None, None, [true, true]),
            (Some(&[]), None, [false, false]),
            (None, Some(&[]), [true, true]),
            (Some(&[A]), None, [true, false]),
            (None, Some(&[A]), [false, true]),
            (Some(&[A, B]), Some(&[A]), [false, true]),
        ];
        for (white, black, admitted) in cases {
            let mut memory = [[0; AccessList::words(2)]; 2];
            let [one, other] = &mut memory;
            let mut access = Access {
                whitelist: list(white, one),
                blacklist: list(black, other),
            };
            assert_eq!([A, B].map(|hash| access.admits(&hash)), admitted);
            // What changes is the whitelist, if there is one.
            let (white, black) = (access.whitelist.is_some(), access.blacklist.is_some());
            let Some(list) = access.changeable() else {
                continue;
            };
            let _ = list.insert(&B).unwrap();
            assert_eq!(access.admits(&B), white);
            assert!(access.changeable().unwrap().remove(&B));
            assert_eq!(access.admits(&B), black && !white);
        }
        assert!(Access::default().admits(&A));
    }
}
