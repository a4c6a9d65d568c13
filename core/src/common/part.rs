//! A share of the swarms, which one call has to itself.

use core::net::IpAddr;

use crate::policy::Lan;
use crate::reach::{Near, Scope};
use crate::store::Store;
use crate::wire::PeerAddr;

/// A store, and what is known of where its peers are.
pub struct Part<'m> {
    pub(crate) store: Store<'m>,
    pub(crate) near: Near,
}

impl<'m> Part<'m> {
    pub(crate) fn new(store: Store<'m>) -> Self {
        Self {
            store,
            near: Near::default(),
        }
    }

    /// The swarms of this part.
    pub const fn store(&self) -> &Store<'m> {
        &self.store
    }

    /// Takes note of where a peer can be reached that has just been stored and wasn't before.
    pub(crate) fn note_reach(&mut self, peer: &PeerAddr, lan: &Lan) {
        self.near.note(peer.ip(), lan);
    }

    /// Where somebody at `source` is, if peers of this part may have to be told differently there.
    pub(crate) fn asker(&self, source: IpAddr, lan: &Lan) -> Option<Scope> {
        let asker = Scope::of_asker(source, lan);
        self.near.matters_to(asker).then_some(asker)
    }
}
