//! The shape of the records that an encoder is made for.

use super::codes::Codes;
use crate::wire::{InfoHash, Out};

/// Most numbers of a record, as the encoder counts them (see [`Style::High`]).
pub const MOST_FIELDS: usize = 3;

/// What all records of a format have in common: `lead`, the info hash, for each field a constant
/// text and a number, and `close`.
#[derive(Debug)]
pub struct Template {
    /// The codes that fit such records.
    pub(super) codes: &'static Codes,
    /// What stands before the info hash.
    pub(super) lead: &'static [u8],
    /// How the info hash is written.
    pub(super) hash: HashText,
    /// The numbers, each behind its constant text; at most [`MOST_FIELDS`].
    pub(super) fields: &'static [Field],
    /// What stands behind the last number.
    pub(super) close: &'static [u8],
}

/// A number and the constant text before it.
pub(super) type Field = (&'static [u8], Style);

/// How an info hash is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum HashText {
    /// Its 20 bytes.
    Raw,
    /// 40 hex digits in upper case.
    UpperHex,
    /// Percent-encoded: unreserved characters as they are, all others in lower-case hex (RFC 3986
    /// sections 2.1 and 2.3).
    Percent,
}

/// How a number is written. Equal numbers of one style are equal text, and the other way round.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Style {
    /// In decimal.
    Decimal,
    /// In 4 bytes, the highest first.
    BigEndian,
    /// The first part of a decimal number that is split because its first digits hardly change:
    /// all but its last four digits; nothing if there are no more than four.
    High,
    /// The other part: see [`split`].
    Low,
}

/// A number as the values of two fields, [`Style::High`] and [`Style::Low`].
///
/// The lower part has 10,000 added if there is a higher one, so that its zeros are written.
pub const fn split(number: u32) -> [u32; 2] {
    let (high, low) = (number / 10_000, number % 10_000);
    [high, if high == 0 { low } else { low + 10_000 }]
}

/// Where the parts of a record's text after the hash begin: each field's constant and number.
pub(super) type Marks = [(usize, usize); MOST_FIELDS];

impl Template {
    /// Writes what stands before the numbers: at most 3 + 60 bytes.
    pub fn head(&self, hash: &InfoHash, out: &mut Out<'_>) {
        out.put(self.lead);
        self.hash(hash, out);
    }

    /// Writes the info hash: at most 60 bytes.
    pub(super) fn hash(&self, hash: &InfoHash, out: &mut Out<'_>) {
        match self.hash {
            HashText::Raw => out.put(&hash.0),
            HashText::UpperHex => {
                for byte in hash.0 {
                    out.put(&hex(byte, b"0123456789ABCDEF"));
                }
            }
            HashText::Percent => {
                for byte in hash.0 {
                    if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                        out.put(&[byte]);
                    } else {
                        let [high, low] = hex(byte, b"0123456789abcdef");
                        out.put(&[b'%', high, low]);
                    }
                }
            }
        }
    }

    /// Writes what stands behind the info hash, at most [`LONGEST_TAIL`] bytes, and says where its
    /// parts begin.
    pub(super) fn marked_tail(&self, values: &Values, out: &mut Out<'_>) -> Marks {
        let start = out.len();
        let mut marks = Marks::default();
        for ((mark, &(text, style)), &value) in marks.iter_mut().zip(self.fields).zip(values) {
            mark.0 = out.len().saturating_sub(start);
            out.put(text);
            mark.1 = out.len().saturating_sub(start);
            style.write(value, out);
        }
        out.put(self.close);
        marks
    }

    /// Writes what stands behind the info hash: at most 77 bytes.
    pub fn tail(&self, values: &Values, out: &mut Out<'_>) {
        self.marked_tail(values, out);
    }

    /// How far into the text behind the info hash the constant of field `nth` begins.
    pub(super) fn offset(&self, nth: usize, values: &Values) -> usize {
        let parts = self.fields.iter().zip(values).take(nth);
        parts
            .map(|(&(text, style), &value)| text.len().saturating_add(style.width(value)))
            .sum()
    }
}

/// The numbers of a record, those that its template has no field for 0.
pub type Values = [u32; MOST_FIELDS];

/// Most bytes of what stands behind an info hash, with the next record's lead.
pub(super) const LONGEST_TAIL: usize = 80;

impl Style {
    fn write(self, value: u32, out: &mut Out<'_>) {
        match self {
            Self::BigEndian => out.put(&value.to_be_bytes()),
            Self::High if value == 0 => {}
            Self::Low if value >= 10_000 => {
                let digit = |unit: u32| {
                    let [ones, ..] = (value / unit % 10).to_le_bytes();
                    b'0' | ones
                };
                out.put(&[digit(1_000), digit(100), digit(10), digit(1)]);
            }
            Self::Decimal | Self::High | Self::Low => out.number(value),
        }
    }

    fn width(self, value: u32) -> usize {
        match self {
            Self::BigEndian => 4,
            Self::High if value == 0 => 0,
            Self::Low if value >= 10_000 => 4,
            Self::Decimal | Self::High | Self::Low => digits(value),
        }
    }
}

fn digits(number: u32) -> usize {
    const LIMITS: [u32; 9] = [
        10,
        100,
        1_000,
        10_000,
        100_000,
        1_000_000,
        10_000_000,
        100_000_000,
        1_000_000_000,
    ];
    let more = LIMITS.iter().take_while(|&&limit| number >= limit);
    more.count().saturating_add(1)
}

fn hex(byte: u8, digits: &[u8; 16]) -> [u8; 2] {
    let digit = |nibble: u8| digits.get(usize::from(nibble)).copied().unwrap_or_default();
    [digit(byte >> 4), digit(byte & 15)]
}

pub static BEN: Template = Template {
    codes: &super::codes::RAW,
    lead: b"20:",
    hash: HashText::Raw,
    fields: &[
        (b"d8:completei", Style::Decimal),
        (b"e10:downloadedi", Style::Decimal),
        (b"e10:incompletei", Style::Decimal),
    ],
    close: b"ee",
};
pub static BIN: Template = Template {
    codes: &super::codes::BINARY,
    lead: b"",
    hash: HashText::Raw,
    fields: &[(b"", Style::BigEndian), (b"", Style::BigEndian)],
    close: b"",
};
pub static TXT: Template = Template {
    codes: &super::codes::HEX,
    lead: b"",
    hash: HashText::UpperHex,
    fields: &[(b":", Style::Decimal), (b":", Style::Decimal)],
    close: b"\n",
};
pub static TXT_PLUS: Template = Template {
    codes: &super::codes::HEX,
    lead: b"",
    hash: HashText::UpperHex,
    fields: &[
        (b":", Style::Decimal),
        (b":", Style::Decimal),
        (b":", Style::Decimal),
    ],
    close: b"\n",
};
pub static URL: Template = Template {
    codes: &super::codes::PERCENT,
    lead: b"",
    hash: HashText::Percent,
    fields: &[(b":", Style::Decimal), (b":", Style::Decimal)],
    close: b"\n",
};
pub static STATE_DUMP: Template = Template {
    codes: &super::codes::HEX,
    lead: b"",
    hash: HashText::UpperHex,
    fields: &[
        (b":", Style::High),
        (b"", Style::Low),
        (b":", Style::Decimal),
    ],
    close: b"\n",
};
