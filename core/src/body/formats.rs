//! placeholder until the encoder is merged
use crate::wire::InfoHash;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Entry {
    pub(crate) hash: InfoHash,
    pub(crate) seeders: u32,
    pub(crate) leechers: u32,
    pub(crate) completed: u32,
    pub(crate) base_minutes: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Format {
    Ben,
}
