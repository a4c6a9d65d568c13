//! gzip for full scrapes: an encoder that knows what the records look like (RFC 1951, RFC 1952).
//!
//! A general compressor (miniz_oxide) takes 24 KiB of code and 319 KiB of heap for each stream,
//! and needs an allocator: too much of a router's 4 MiB, and impossible on firmware without a heap.
//! This one has at most [`STATE`] bytes of state, no heap, and little stack, because nothing has to
//! be searched for: a record is an info hash, which can't be compressed, and constant texts with
//! numbers between them, which have all been sent before. What is remembered of earlier records is
//! their numbers and where they stand, not their bytes. The Huffman codes are fixed when the
//! program is compiled (`codes.rs`), so the encoder never looks ahead either. Made-up torrents in
//! bencode become 0.34 to 0.38 of their size; `cargo bench-gzip` says what others make of them.
//!
//! Other bytes ([`Encoder::text`]) are packed correctly, but not well.

#[cfg(not(feature = "gzip"))]
mod absent;
mod bits;
pub(crate) mod checksum;
mod codes;
mod recent;
mod symbols;
mod template;

#[cfg(not(feature = "gzip"))]
pub(crate) use absent::{Packer, packer};
pub use template::{Template, Values, split};

use crate::wire::{InfoHash, Out};
use bits::Spare;
use checksum::Checksum;
use codes::Header;
use recent::{Found, Recent};
use symbols::Symbols;
use template::{LONGEST_HASH, LONGEST_RECORD, LONGEST_TAIL, MOST_FIELDS};

/// A gzip stream of one member that is being written.
///
/// Call [`begin`](Self::begin) once, then [`record`](Self::record) and [`text`](Self::text) as
/// often as needed, then [`end`](Self::end). Between calls it may lie about for as long as it likes.
/// The stream depends on what was written and never on how much room there was. Each call does work
/// in proportion to what it writes. No order of calls panics, but only that one makes a stream.
#[derive(Clone, Debug)]
pub struct Encoder {
    template: &'static Template,
    recent: Recent,
    /// The numbers of the record that was begun last: its end is written together with the next
    /// one's beginning.
    pending: Option<Values>,
    spare: Spare,
    sum: Checksum,
}

/// What packs full scrapes: an [`Encoder`] where the build has one.
#[cfg(feature = "gzip")]
pub(crate) type Packer = Encoder;

/// A packer of records of one shape, if the build has any.
#[cfg(feature = "gzip")]
pub(crate) fn packer(template: &'static Template) -> Option<Packer> {
    Some(Encoder::new(template))
}

/// Whether full scrapes can be packed.
pub(crate) const PACKS: bool = cfg!(feature = "gzip");

/// There is less room than the call may need. Nothing was written or remembered: make room, and
/// call again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NoRoom;

impl core::fmt::Display for NoRoom {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("no room for the next piece")
    }
}

impl core::error::Error for NoRoom {}

/// Most bytes that [`Encoder::begin`] writes.
pub const LARGEST_BEGIN: usize = HEADER.len() + Header::MOST;

/// Most bytes that [`Encoder::record`] writes.
pub const LARGEST_RECORD: usize = 128;

/// Most bytes that [`Encoder::end`] writes.
pub const LARGEST_END: usize = LARGEST_RECORD + 2 + 8;

/// Most bytes of an [`Encoder`].
pub const STATE: usize = 192;

const _: () = assert!(size_of::<Encoder>() <= STATE);
// A plain record needs no more room either.
const _: () = assert!(LONGEST_RECORD <= LARGEST_RECORD);

/// Deflate, no name, no time, no system (RFC 1952 section 2.3).
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

impl Encoder {
    /// A stream that hasn't begun, for records of one shape.
    pub fn new(template: &'static Template) -> Self {
        Self {
            template,
            recent: Recent::EMPTY,
            pending: None,
            spare: Spare::default(),
            sum: Checksum::default(),
        }
    }

    /// Writes the header.
    ///
    /// # Errors
    ///
    /// [`NoRoom`] if there is less than [`LARGEST_BEGIN`].
    pub fn begin(&mut self, out: &mut Out<'_>) -> Result<(), NoRoom> {
        needs(LARGEST_BEGIN, out)?;
        out.put(&HEADER);
        self.write(out, |_, to| to.begin());
        Ok(())
    }

    /// Writes the end of the record before and the beginning of this one.
    ///
    /// `values` are its numbers, those that its template has no field for 0.
    ///
    /// # Errors
    ///
    /// [`NoRoom`] if there is less than [`LARGEST_RECORD`].
    pub fn record(
        &mut self,
        hash: &InfoHash,
        values: &Values,
        out: &mut Out<'_>,
    ) -> Result<(), NoRoom> {
        needs(LARGEST_RECORD, out)?;
        self.write(out, |this, to| {
            let mut bytes = [0; LONGEST_HASH];
            let mut plain = Out::new(&mut bytes);
            if this.pending.is_some() {
                this.finish(this.template.lead, to);
                this.template.hash(hash, &mut plain);
            } else {
                this.template.head(hash, &mut plain);
            }
            this.literals(plain.written(), to);
            this.pending = Some(*values);
        });
        Ok(())
    }

    /// Writes any bytes, in up to 15 bits each.
    ///
    /// # Errors
    ///
    /// [`NoRoom`] if there is less than [`LARGEST_RECORD`] and two bytes for each of `bytes`.
    pub fn text(&mut self, bytes: &[u8], out: &mut Out<'_>) -> Result<(), NoRoom> {
        let most = bytes.len().saturating_mul(2);
        needs(most.saturating_add(LARGEST_RECORD), out)?;
        self.write(out, |this, to| {
            this.finish(b"", to);
            // Other records didn't end like the last one, and may soon be too far back.
            this.recent = Recent::EMPTY;
            this.literals(bytes, to);
        });
        Ok(())
    }

    /// Writes the end of the last record and the trailer. The stream is whole then.
    ///
    /// # Errors
    ///
    /// [`NoRoom`] if there is less than [`LARGEST_END`].
    pub fn end(&mut self, out: &mut Out<'_>) -> Result<(), NoRoom> {
        needs(LARGEST_END, out)?;
        self.write(out, |this, to| {
            this.finish(b"", to);
            to.end();
        });
        out.put(&self.sum.trailer());
        Ok(())
    }

    fn write(&mut self, out: &mut Out<'_>, emit: impl FnOnce(&mut Self, &mut Symbols<'_>)) {
        out.fill(usize::MAX, |room| {
            let mut to = Symbols::resume(self.template.codes, self.spare, room);
            emit(self, &mut to);
            let (used, spare) = to.pause();
            self.spare = spare;
            used
        });
    }

    /// Writes what stands behind the hash of the record that was begun, if one was, and `lead`.
    fn finish(&mut self, lead: &[u8], to: &mut Symbols<'_>) {
        let Some(values) = self.pending.take() else {
            return;
        };
        let mut bytes = [0; LONGEST_TAIL];
        let mut plain = Out::new(&mut bytes);
        let marks = self.template.marked_tail(&values, &mut plain);
        plain.put(lead);
        let bytes = plain.written();
        let at = self.sum.position();
        let alike = self.recent.compare(at, &values);
        let fields = self.template.fields.len();
        let mark = |nth: usize| marks.get(nth).copied().unwrap_or_default();
        let part = |from: u8, to: u8| bytes.get(from.into()..to.into()).unwrap_or_default();
        let mut field = 0usize;
        for _ in 0..=MOST_FIELDS {
            let start = mark(field).constant;
            let here = at.wrapping_add(start.into());
            let found = self.recent.find(self.template, field, here, &alike);
            let Found { numbers, distance } = found.unwrap_or_default();
            field = field.saturating_add(numbers);
            if field >= fields {
                let rest = bytes.get(start.into()..).unwrap_or_default();
                to.stretch(rest, distance);
                break;
            }
            let number = mark(field).number;
            to.stretch(part(start, number), distance);
            field = field.saturating_add(1);
            to.literals(part(number, mark(field).constant));
        }
        self.sum.add(bytes);
        self.recent.remember(at, &marks, &values, &alike);
    }

    fn literals(&mut self, bytes: &[u8], to: &mut Symbols<'_>) {
        to.literals(bytes);
        self.sum.add(bytes);
    }
}

fn needs(room: usize, out: &mut Out<'_>) -> Result<(), NoRoom> {
    if out.room().len() < room {
        return Err(NoRoom);
    }
    Ok(())
}
