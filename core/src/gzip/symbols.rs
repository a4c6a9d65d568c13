//! Literals and matches as bits (RFC 1951 section 3.2.5).

use super::bits::{Bits, Spare};
use super::codes::{Code, Codes, END};

/// A stretch that is longer than this is never cheaper as literals: those take at least 4 bits
/// each, and the largest match 48.
const LONG: usize = 11;

/// Writes what a block is made of. The slice must have room for all that is written to it.
pub(super) struct Symbols<'b> {
    codes: &'static Codes,
    bits: Bits<'b>,
}

/// A code and the bits behind it that say which of its values is meant.
#[derive(Clone, Copy)]
struct Coded {
    code: Code,
    extra: u32,
    extra_count: u32,
}

impl<'b> Symbols<'b> {
    pub(super) fn resume(codes: &'static Codes, spare: Spare, to: &'b mut [u8]) -> Self {
        let bits = Bits::resume(spare, to);
        Self { codes, bits }
    }

    /// See [`Bits::pause`].
    pub(super) fn pause(self) -> (usize, Spare) {
        self.bits.pause()
    }

    /// Begins the last block.
    pub(super) fn begin(&mut self) {
        for (bits, count) in self.codes.header() {
            self.bits.put(bits.into(), count);
        }
    }

    /// Ends the last block.
    pub(super) fn end(&mut self) {
        self.code(self.codes.symbol(END));
        self.bits.align();
    }

    /// Writes bytes one by one.
    pub(super) fn literals(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.code(self.codes.symbol(byte.into()));
        }
    }

    /// Writes `bytes` as a match with the same bytes `distance` before, or one by one if that is
    /// shorter. `distance` must be at most 32,768; 0: there are none.
    pub(super) fn stretch(&mut self, bytes: &[u8], distance: u16) {
        match (self.length(bytes.len()), self.distance(distance)) {
            (Some(length), Some(distance))
                if bytes.len() > LONG || length.cost() + distance.cost() < self.cost(bytes) =>
            {
                self.coded(length);
                self.coded(distance);
            }
            _ => self.literals(bytes),
        }
    }

    /// A length of 3 to 257; others aren't used.
    fn length(&self, length: usize) -> Option<Coded> {
        let above = u32::try_from(length).ok()?.checked_sub(3)?;
        let extra_count = (u32::BITS - above.leading_zeros()).saturating_sub(3);
        let symbol = 257 + 4 * extra_count + (above >> extra_count);
        if symbol > 284 {
            return None;
        }
        let code = self.codes.symbol(usize::try_from(symbol).ok()?);
        Coded::new(code, above, extra_count)
    }

    fn distance(&self, distance: u16) -> Option<Coded> {
        let above = u32::from(distance).checked_sub(1)?;
        let extra_count = (u32::BITS - above.leading_zeros()).saturating_sub(2);
        let symbol = 2 * extra_count + (above >> extra_count);
        let code = self.codes.distance(usize::try_from(symbol).ok()?);
        Coded::new(code, above, extra_count)
    }

    /// The bits of `bytes` one by one.
    fn cost(&self, bytes: &[u8]) -> u32 {
        let codes = bytes.iter().map(|&byte| self.codes.symbol(byte.into()));
        codes.map(bits_of).sum()
    }

    #[inline]
    fn code(&mut self, code: Code) {
        let count = bits_of(code);
        self.bits.put(u32::from(code) ^ 1 << count, count);
    }

    fn coded(&mut self, coded: Coded) {
        self.code(coded.code);
        self.bits.put(coded.extra, coded.extra_count);
    }
}

impl Coded {
    /// `None` if the symbol has no code.
    fn new(code: Code, above: u32, extra_count: u32) -> Option<Self> {
        let extra = above & !(u32::MAX << extra_count);
        (code != 0).then_some(Self {
            code,
            extra,
            extra_count,
        })
    }

    fn cost(self) -> u32 {
        bits_of(self.code) + self.extra_count
    }
}

/// How long a code is.
#[inline]
fn bits_of(code: Code) -> u32 {
    code.checked_ilog2().unwrap_or(0)
}
