//! What the interface for programs does with a tracker.

use core::net::{IpAddr, Ipv4Addr};
use core::num::NonZeroU16;

use siphasher::sip::SipHasher24;

use crate::access::{Change, Key, Terms};
use crate::secrets::Secrets;
use crate::store::{Counts, Selection};
use crate::tracker::Tracker;
use crate::wire::{InfoHash, PeerAddr};

/// Makes keys that nobody can guess, from what nobody can guess: each character is drawn with a
/// pseudo-random function of a number that never comes again in a run, under a secret of the run.
pub(crate) struct KeyMaker {
    function: SipHasher24,
    made: u64,
}

impl KeyMaker {
    pub(crate) fn new(secrets: &Secrets) -> Self {
        let derive = SipHasher24::new_with_key(&secrets.cookies);
        let mut secret = [0; 16];
        let halves = secret.as_chunks_mut::<8>().0;
        for (half, name) in halves.iter_mut().zip([b"keys, first ", b"keys, second"]) {
            *half = derive.hash(name).to_be_bytes();
        }
        Self {
            function: SipHasher24::new_with_key(&secret),
            made: 0,
        }
    }

    fn next(&mut self) -> Key {
        let mut random = [0; 2 * Key::LENGTH];
        for part in random.as_chunks_mut::<8>().0 {
            *part = self.function.hash(&self.made.to_be_bytes()).to_be_bytes();
            self.made = self.made.wrapping_add(1);
        }
        Key::random(&random)
    }
}

/// Why a key isn't granted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NotGranted {
    /// There are no keys here.
    NoKeys,
    /// There is no room for it.
    Full,
    /// There is no room to tell the host of it.
    Busy,
}

impl Tracker<'_> {
    /// Grants a key, one that it makes if none is given. Returns it, and whether it wasn't known.
    pub(crate) fn grant_key(
        &mut self,
        key: Option<Key>,
        terms: &Terms,
    ) -> Result<(Key, bool), NotGranted> {
        let mut access = self.common.access_mut();
        let access = &mut *access;
        let keys = access.keys.as_mut().ok_or(NotGranted::NoKeys)?;
        if access.changes.room() == 0 {
            return Err(NotGranted::Busy);
        }
        let key = key.unwrap_or_else(|| self.key_maker.next());
        let new = keys.insert(&key, terms).map_err(|_| NotGranted::Full)?;
        access.changes.add(&Change::Key(key, *terms));
        Ok((key, new))
    }

    /// The true counts of a torrent; `None` if it is unknown.
    pub(crate) fn counts(&self, info_hash: &InfoHash) -> Option<Counts> {
        let part = self.common.part(self.common.part_of(info_hash));
        let torrent = part.store.find(info_hash)?;
        Some(part.store.summary(torrent).counts)
    }

    /// Fills `v4` and `v6` with compact peers of a torrent, at random, as many as fit and there are,
    /// and returns the bytes used of each.
    pub(crate) fn some_peers(
        &mut self,
        info_hash: &InfoHash,
        v4: &mut [u8],
        v6: &mut [u8],
    ) -> [usize; 2] {
        // Nobody's.
        let exclude = PeerAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), NonZeroU16::MIN);
        let selection = Selection {
            exclude,
            seeders: true,
        };
        let part = self.common.part(self.common.part_of(info_hash));
        let Some(id) = part.store.find(info_hash) else {
            return [0, 0];
        };
        let store = &part.store;
        [
            store.choose_v4(id, &selection, &mut self.random, v4),
            store.choose_v6(id, &selection, &mut self.random, v6),
        ]
    }
}
