//! gzip.
mod bits;
mod codes;
mod recent;
pub mod template;

pub use template::{Template, Values, split};

use crate::wire::{InfoHash, Out};
use bits::{Bits, Spare};
use codes::{Code, Codes, END};
use crc::{Crc, Digest, Table};
use recent::Recent;
use template::{LONGEST_TAIL, MOST_FIELDS};

static CRC: Crc<u32, Table<1>> = Crc::<u32, Table<1>>::new(&crc::CRC_32_ISO_HDLC);

/// Encoder.
#[derive(Clone)]
pub struct Encoder {
    template: &'static Template,
    recent: Recent,
    pending: Option<Values>,
    spare: Spare,
    digest: Digest<'static, u32, Table<1>>,
    size: u32,
}

/// No room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NoRoom;

/// Most bytes of record.
pub const LARGEST_RECORD: usize = 192;
/// first
pub const LARGEST_BEGIN: usize = 200;

impl Encoder {
    /// New.
    pub fn new(template: &'static Template) -> Self {
        Self {
            template,
            recent: Recent::EMPTY,
            pending: None,
            spare: Spare::default(),
            digest: CRC.digest(),
            size: 0,
        }
    }

    /// Begin.
    pub fn begin(&mut self, out: &mut Out<'_>) -> Result<(), NoRoom> {
        if out.room().len() < LARGEST_BEGIN {
            return Err(NoRoom);
        }
        out.put(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
        self.write(out, |_, to| {
            for (byte, count) in to.codes.header() {
                to.bits.put(byte.into(), count);
            }
        });
        Ok(())
    }

    /// Record.
    pub fn record(
        &mut self,
        hash: &InfoHash,
        values: Values,
        out: &mut Out<'_>,
    ) -> Result<(), NoRoom> {
        if out.room().len() < LARGEST_RECORD {
            return Err(NoRoom);
        }
        self.write(out, |this, to| {
            if !this.flush(true, to) {
                this.literals(this.template.lead, to);
            }
            let mut bytes = [0; 60];
            let mut plain = Out::new(&mut bytes);
            this.template.hash(hash, &mut plain);
            this.literals(plain.written(), to);
            this.pending = Some(values);
        });
        Ok(())
    }

    /// Text.
    pub fn text(&mut self, bytes: &[u8], out: &mut Out<'_>) -> Result<(), NoRoom> {
        if out.room().len() < LARGEST_RECORD + 2 * bytes.len() {
            return Err(NoRoom);
        }
        self.write(out, |this, to| {
            this.flush(false, to);
            this.recent = Recent::EMPTY;
            this.literals(bytes, to);
        });
        Ok(())
    }

    /// End.
    pub fn end(&mut self, out: &mut Out<'_>) -> Result<(), NoRoom> {
        if out.room().len() < LARGEST_RECORD + 16 {
            return Err(NoRoom);
        }
        self.write(out, |this, to| {
            this.flush(false, to);
            to.code(to.codes.symbol(END));
            to.bits.align();
        });
        out.put(&self.digest.clone().finalize().to_le_bytes());
        out.put(&self.size.to_le_bytes());
        Ok(())
    }

    fn write(&mut self, out: &mut Out<'_>, emit: impl FnOnce(&mut Self, &mut Symbols<'_>)) {
        out.fill(usize::MAX, |room| {
            let mut to = Symbols {
                codes: self.template.codes,
                bits: Bits::resume(self.spare, room),
            };
            emit(self, &mut to);
            let (used, spare) = to.bits.pause();
            self.spare = spare;
            used
        });
    }

    fn plain(&mut self, bytes: &[u8]) {
        self.digest.update(bytes);
        self.size = self
            .size
            .wrapping_add(u32::try_from(bytes.len()).unwrap_or_default());
    }

    fn literals(&mut self, bytes: &[u8], to: &mut Symbols<'_>) {
        self.plain(bytes);
        to.literals(bytes);
    }

    fn flush(&mut self, join: bool, to: &mut Symbols<'_>) -> bool {
        let Some(values) = self.pending.take() else {
            return false;
        };
        let mut bytes = [0; LONGEST_TAIL];
        let mut plain = Out::new(&mut bytes);
        let marks = self.template.marked_tail(&values, &mut plain);
        if join {
            plain.put(self.template.lead);
        }
        let bytes = plain.written();
        let template = self.template;
        let fields = template.fields.len();
        let closing = template.offset(fields, &values);
        let mark = |nth: usize| {
            if nth < fields {
                marks.get(nth).copied().unwrap_or_default()
            } else {
                (closing, bytes.len())
            }
        };
        let at = self.size;
        let mut field = 0;
        for _ in 0..=MOST_FIELDS {
            let (start, mut end) = mark(field);
            let found = self.recent.find(template, field, at, &values);
            if let Some(found) = found {
                field += found.numbers;
                end = mark(field).1;
            }
            to.stretch(
                bytes.get(start..end).unwrap_or_default(),
                found.map(|f| f.distance),
            );
            if field >= fields {
                break;
            }
            to.literals(bytes.get(end..mark(field + 1).0).unwrap_or_default());
            field += 1;
        }
        self.plain(bytes);
        self.recent.remember(at, &values);
        true
    }
}

struct Symbols<'b> {
    codes: &'static Codes,
    bits: Bits<'b>,
}

impl Symbols<'_> {
    #[inline]
    fn code(&mut self, code: Code) {
        let count = 15 - code.leading_zeros();
        self.bits.put((code & !(1 << count)).into(), count);
    }

    fn literals(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.code(self.codes.symbol(byte.into()));
        }
    }

    fn stretch(&mut self, bytes: &[u8], distance: Option<usize>) {
        if let Some(distance) = distance
            && bytes.len() >= 3
        {
            let l = bytes.len() as u32 - 3;
            let (ls, le) = if l < 8 {
                (257 + l, 0)
            } else {
                let e = 29 - l.leading_zeros();
                (257 + 4 * e + (l >> e), e)
            };
            let d = distance as u32 - 1;
            let (ds, de) = if d < 4 {
                (d, 0)
            } else {
                let e = 30 - d.leading_zeros();
                (2 * e + (d >> e), e)
            };
            let lc = self.codes.symbol(ls as usize);
            let dc = self.codes.distance(ds as usize);
            if lc != 0 && dc != 0 {
                let cost = 15 - lc.leading_zeros() + le + 15 - dc.leading_zeros() + de;
                let literal: u32 = bytes
                    .iter()
                    .map(|&b| 15 - self.codes.symbol(b.into()).leading_zeros())
                    .sum();
                if cost < literal {
                    self.code(lc);
                    self.bits.put(l & ((1 << le) - 1), le);
                    self.code(dc);
                    self.bits.put(d & ((1 << de) - 1), de);
                    return;
                }
            }
        }
        self.literals(bytes);
    }
}
