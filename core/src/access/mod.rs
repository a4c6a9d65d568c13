//! Which torrents may be announced: a whitelist, a blacklist, or both.
//!
//! | file | what it holds |
//! |---|---|
//! | `list`, `table` | a set of info hashes in memory that its owner gives, in force beside one that is being loaded; the set itself |
//! | `granted` | the info hashes that were listed one at a time while the tracker ran |
//! | `change` | what was granted, for the host to write down |
//! | `mode` | what a listener asks of announces |
//! | `key`, `key_lines`, `keys`, `places` | a key; keys as text; the table of keys; who uses those that are limited in peers |
//! | `given` | what an announce URL carries: keys, signatures |
//! | `signature` | torrents that are signed rather than listed |
//! | `guesses` | addresses that try one wrong key after another |
//! | `token` | what opens the interface for programs |
//! | `refusal` | why an announce is refused |

mod change;
mod given;
mod granted;
mod guesses;
mod key;
mod key_lines;
mod keys;
mod list;
mod mode;
mod places;
mod refusal;
mod signature;
mod table;
mod token;

pub use change::{Change, ChangeBytes, Changes, MOST_CHANGES};
pub use given::Given;
pub(crate) use given::behind_proof;
pub use granted::{Granted, GrantedCursor};
pub use guesses::Guesses;
pub use key::{Key, NotAKey};
pub use key_lines::{BadLine, Each, KeyLines};
pub(crate) use keys::Opened;
pub use keys::{CLOCK_IS_SET, Cursor, EXPIRED_FOR, Keys, Origin, Terms};
pub use list::AccessList;
pub use mode::Mode;
pub use refusal::{Again, Refusal};
pub(crate) use signature::is_signed;
pub use signature::{MOST_SIGNERS, MOST_VERIFICATIONS, PublicKey, Verifications};
pub use table::Full;
pub use token::{MOST_TOKENS, Role, Token, Tokens, role_of};

use crate::wire::InfoHash;

/// Which torrents may be announced. The default, without lists, admits all of them.
///
/// Only announces that store a peer are asked about: who leaves, and who scrapes, is answered as
/// ever.
#[derive(Default)]
pub struct Access<'m> {
    /// If there is one, only the torrents in it are admitted; an empty one admits none.
    pub whitelist: Option<AccessList<'m>>,
    /// More torrents that are admitted, as if they were in the whitelist; where there is this, there
    /// is a whitelist.
    pub granted: Option<Granted<'m>>,
    /// The torrents in it are not admitted, even if the whitelist has them.
    pub blacklist: Option<AccessList<'m>>,
    /// The keys that open it where the [`Mode`] asks for one; without them none does.
    pub keys: Option<Keys<'m>>,
    /// What was granted while it runs; without memory nothing can be.
    pub changes: Changes<'m>,
    /// Who has tried too many wrong ones.
    pub guesses: Guesses,
    /// How many signatures may still be looked at.
    pub verifications: Verifications,
}

impl<'m> Access<'m> {
    /// Whether the torrent may be announced. Looks into each list once, see
    /// [`AccessList::contains`].
    pub fn admits(&self, hash: &InfoHash) -> bool {
        self.is_listed(hash).unwrap_or(true) && !self.is_blacklisted(hash)
    }

    /// Whether only some torrents are admitted.
    pub const fn has_whitelist(&self) -> bool {
        self.whitelist.is_some() || self.granted.is_some()
    }

    /// Whether the torrent is among those that are admitted; `None` if all are.
    pub(crate) fn is_listed(&self, hash: &InfoHash) -> Option<bool> {
        self.has_whitelist().then(|| {
            self.whitelist.as_ref().is_some_and(|l| l.contains(hash))
                || self.granted.as_ref().is_some_and(|l| l.contains(hash))
        })
    }

    /// Whether the blacklist has the torrent.
    pub(crate) fn is_blacklisted(&self, hash: &InfoHash) -> bool {
        self.blacklist.as_ref().is_some_and(|l| l.contains(hash))
    }

    /// Whether the torrent may be announced in a mode, as far as lists go.
    #[inline]
    pub(crate) fn admits_in(&self, mode: Mode, hash: &InfoHash) -> bool {
        if mode.has_list() {
            self.admits(hash)
        } else {
            !self.is_blacklisted(hash)
        }
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
    use super::{Access, AccessList, Mode};
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
                ..Access::default()
            };
            assert_eq!([A, B].map(|hash| access.admits(&hash)), admitted);
            for mode in [Mode::Listed, Mode::PrivateListed] {
                assert_eq!([A, B].map(|hash| access.admits_in(mode, &hash)), admitted);
            }
            for mode in [Mode::Public, Mode::Private] {
                let admits = [A, B].map(|hash| access.admits_in(mode, &hash));
                assert_eq!(admits, [black.is_none_or(<[_]>::is_empty), true]);
            }
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
