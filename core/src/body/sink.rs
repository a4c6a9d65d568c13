//! placeholder until the encoder is merged
use super::{Entry, Format};
use crate::wire::Out;

#[derive(Debug)]
pub(crate) struct Writer;

impl Writer {
    pub(crate) const LARGEST: usize = 200;
    pub(crate) fn new(_: Format, _: bool) -> Self {
        Self
    }
    pub(crate) fn begin(&mut self, out: &mut Out<'_>) {
        out.put(b"d5:filesd");
    }
    pub(crate) fn record(&mut self, entry: &Entry, out: &mut Out<'_>) {
        out.put(b"20:");
        out.put(&entry.hash.0);
        out.put(b"d8:completei");
        out.number(entry.seeders);
        out.put(b"e10:downloadedi");
        out.number(entry.completed);
        out.put(b"e10:incompletei");
        out.number(entry.leechers);
        out.put(b"ee");
        let _ = entry.base_minutes;
    }
    pub(crate) fn end(&mut self, out: &mut Out<'_>) {
        out.put(b"ee");
    }
}
