//! The packer of full scrapes, in a build without it.

use super::{NoRoom, Template, Values};
use crate::wire::{InfoHash, Out};

/// What stands for an [`Encoder`](super::Encoder) where there is none.
#[derive(Clone, Debug)]
pub(crate) enum Packer {}

/// None, ever.
pub(crate) const fn packer(_: &'static Template) -> Option<Packer> {
    None
}

impl Packer {
    pub(crate) const fn begin(&mut self, _: &mut Out<'_>) -> Result<(), NoRoom> {
        match *self {}
    }

    pub(crate) const fn record(
        &mut self,
        _: &InfoHash,
        _: &Values,
        _: &mut Out<'_>,
    ) -> Result<(), NoRoom> {
        match *self {}
    }

    pub(crate) const fn text(&mut self, _: &[u8], _: &mut Out<'_>) -> Result<(), NoRoom> {
        match *self {}
    }

    pub(crate) const fn end(&mut self, _: &mut Out<'_>) -> Result<(), NoRoom> {
        match *self {}
    }
}
