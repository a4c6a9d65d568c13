//! The shape of the records that an encoder is made for.

use super::codes::{self, Codes};
use crate::wire::{InfoHash, Out};

/// What all records of a format have in common.
///
/// A record is a lead, the info hash, and a tail: for each field a constant text and a number, and
/// a close.
#[derive(Debug)]
pub struct Template {
    /// The codes that fit such records.
    pub(super) codes: &'static Codes,
    pub(super) lead: &'static [u8],
    pub(super) hash: HashText,
    pub(super) fields: &'static [Field],
    pub(super) close: &'static [u8],
}

/// Most fields of a record.
pub(super) const MOST_FIELDS: usize = 3;

/// The numbers of a record in the order of its template's fields, those without a field 0.
pub type Values = [u32; MOST_FIELDS];

/// A constant text, and how the number behind it is written.
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

/// How a number is written. In one style, equal numbers are equal text and the other way round.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Style {
    /// In decimal.
    Decimal,
    /// In 4 bytes, the highest first.
    BigEndian,
    /// The first part of a number that was [`split`]: in decimal, but nothing for 0.
    High,
    /// The other part: its last four digits if it has five, else in decimal.
    Low,
}

/// A number as two fields: all but its last four digits, and those.
///
/// That is for times, whose first digits hardly change. The second has 10,000 added if the first
/// isn't 0, so that its zeros are written.
pub const fn split(number: u32) -> [u32; 2] {
    let (high, low) = (number / 10_000, number % 10_000);
    [high, if high == 0 { low } else { low + 10_000 }]
}

/// Where a field begins, in bytes behind the info hash.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Mark {
    /// Its constant text.
    pub(super) constant: u8,
    /// Its number.
    pub(super) number: u8,
}

/// Where a record's fields begin, and behind them where its close does.
pub(super) type Marks = [Mark; MOST_FIELDS + 1];

/// Most bytes of a lead and an info hash.
pub(super) const LONGEST_HASH: usize = 60;

/// Most bytes of what stands behind an info hash, with the next record's lead.
pub(super) const LONGEST_TAIL: usize = 77;

/// Most bytes of a record.
pub(super) const LONGEST_RECORD: usize = 97;

impl Template {
    /// Writes a record as it is: at most 97 bytes.
    pub fn record(&self, hash: &InfoHash, values: &Values, out: &mut Out<'_>) {
        self.head(hash, out);
        self.tail(values, out);
    }

    /// Writes the lead and the info hash.
    pub(super) fn head(&self, hash: &InfoHash, out: &mut Out<'_>) {
        out.put(self.lead);
        self.hash(hash, out);
    }

    /// Writes the info hash.
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

    /// Writes what stands behind the info hash.
    fn tail(&self, values: &Values, out: &mut Out<'_>) {
        self.marked_tail(values, out);
    }

    /// Writes what stands behind the info hash, and says where its parts begin.
    pub(super) fn marked_tail(&self, values: &Values, out: &mut Out<'_>) -> Marks {
        let start = out.len();
        let behind = |out: &Out<'_>| u8::try_from(out.len().saturating_sub(start)).unwrap_or(0);
        let mut marks = Marks::default();
        for (nth, mark) in marks.iter_mut().enumerate() {
            mark.constant = behind(out);
            let (Some(&(text, style)), Some(&value)) = (self.fields.get(nth), values.get(nth))
            else {
                break;
            };
            out.put(text);
            mark.number = behind(out);
            style.write(value, out);
        }
        out.put(self.close);
        marks
    }

    /// Where the constant text of field `nth` begins, in bytes behind the info hash.
    pub(super) fn offset(&self, nth: usize, values: &Values) -> u16 {
        let parts = self.fields.iter().zip(values).take(nth);
        let lengths = parts.map(|(&(text, style), &value)| {
            u16::try_from(text.len())
                .unwrap_or(0)
                .saturating_add(style.width(value))
        });
        lengths.sum()
    }
}

impl Style {
    fn write(self, value: u32, out: &mut Out<'_>) {
        match self {
            Self::BigEndian => out.put(&value.to_be_bytes()),
            Self::High if value == 0 => {}
            Self::Low if value >= 10_000 => {
                for unit in [1_000, 100, 10, 1] {
                    out.number(value / unit % 10);
                }
            }
            Self::Decimal | Self::High | Self::Low => out.number(value),
        }
    }

    /// How many bytes [`write`](Self::write) writes.
    fn width(self, value: u32) -> u16 {
        match self {
            Self::BigEndian => 4,
            Self::High if value == 0 => 0,
            Self::Low if value >= 10_000 => 4,
            Self::Decimal | Self::High | Self::Low => digits(value),
        }
    }
}

fn digits(number: u32) -> u16 {
    let [log, ..] = number.checked_ilog10().unwrap_or(0).to_le_bytes();
    u16::from(log).saturating_add(1)
}

fn hex(byte: u8, digits: &[u8; 16]) -> [u8; 2] {
    let digit = |nibble: u8| digits.get(usize::from(nibble)).copied().unwrap_or_default();
    [digit(byte >> 4), digit(byte & 15)]
}

/// The templates of all formats.
impl Template {
    /// `20:HASHd8:completei%e10:downloadedi%e10:incompletei%ee`.
    pub const BEN: &'static Self = &Self {
        codes: &codes::RAW,
        lead: b"20:",
        hash: HashText::Raw,
        fields: &[
            (b"d8:completei", Style::Decimal),
            (b"e10:downloadedi", Style::Decimal),
            (b"e10:incompletei", Style::Decimal),
        ],
        close: b"ee",
    };

    /// The hash and two numbers of four bytes each.
    pub const BIN: &'static Self = &Self {
        codes: &codes::BINARY,
        lead: b"",
        hash: HashText::Raw,
        fields: &[(b"", Style::BigEndian), (b"", Style::BigEndian)],
        close: b"",
    };

    /// `HASH:%:%` and a line's end, in upper-case hex.
    pub const HEX_2: &'static Self = &Self {
        fields: &[(b":", Style::Decimal), (b":", Style::Decimal)],
        ..HEX
    };

    /// `HASH:%:%:%` and a line's end, in upper-case hex.
    pub const HEX_3: &'static Self = &Self {
        fields: &[
            (b":", Style::Decimal),
            (b":", Style::Decimal),
            (b":", Style::Decimal),
        ],
        ..HEX
    };

    /// `HASH:%:%` and a line's end, in upper-case hex; the first number is [`split`].
    pub const HEX_TIME: &'static Self = &Self {
        fields: &[
            (b":", Style::High),
            (b"", Style::Low),
            (b":", Style::Decimal),
        ],
        ..HEX
    };

    /// `HASH:%:%` and a line's end, percent-encoded.
    pub const PERCENT_2: &'static Self = &Self {
        codes: &codes::PERCENT,
        lead: b"",
        hash: HashText::Percent,
        fields: &[(b":", Style::Decimal), (b":", Style::Decimal)],
        close: b"\n",
    };
}

/// What lines in hex have in common.
const HEX: Template = Template {
    codes: &codes::HEX,
    lead: b"",
    hash: HashText::UpperHex,
    fields: &[],
    close: b"\n",
};

#[cfg(test)]
mod tests {
    use super::{LONGEST_RECORD, LONGEST_TAIL, Style, Template, digits, split};
    use crate::gzip::LARGEST_RECORD;
    use crate::wire::{InfoHash, Out};
    use std::string::String;
    use std::vec;
    use std::vec::Vec;

    const ALL: [&Template; 6] = [
        Template::BEN,
        Template::BIN,
        Template::HEX_2,
        Template::HEX_3,
        Template::HEX_TIME,
        Template::PERCENT_2,
    ];

    fn text(write: impl FnOnce(&mut Out<'_>)) -> Vec<u8> {
        let mut bytes = [0; 200];
        let mut out = Out::new(&mut bytes);
        write(&mut out);
        assert!(!out.overflowed());
        out.written().to_vec()
    }

    #[test]
    fn a_number_that_is_split_is_written_as_if_it_were_not() {
        for number in [0, 9, 10, 9_999, 10_000, 10_001, 29_920_007, u32::MAX] {
            let [high, low] = split(number);
            let text = text(|out| {
                Style::High.write(high, out);
                Style::Low.write(low, out);
            });
            let text = String::from_utf8(text).unwrap();
            assert_eq!(text, std::format!("{number}"));
            assert_eq!(
                text.len(),
                usize::from(Style::High.width(high) + Style::Low.width(low))
            );
        }
    }

    #[test]
    fn numbers_are_as_wide_as_their_text() {
        for power in 0..10 {
            let number = 10u32.pow(power);
            for number in [number - 1, number, number + 1, u32::MAX] {
                assert_eq!(usize::from(digits(number)), std::format!("{number}").len());
            }
        }
    }

    #[test]
    fn no_record_is_longer_than_promised() {
        for template in ALL {
            let hash = InfoHash([0xff; 20]);
            let record = text(|out| template.record(&hash, &[u32::MAX; 3], out));
            assert!(record.len() <= LONGEST_RECORD, "{}", record.len());
            let tail = text(|out| template.tail(&[u32::MAX; 3], out));
            assert!(tail.len() + template.lead.len() <= LONGEST_TAIL);
        }
    }

    /// However its bytes are chosen, and even if nothing in it was sent before.
    #[test]
    fn no_packed_record_is_larger_than_promised() {
        for template in ALL {
            let digits: &[u8] = match template.fields[0].1 {
                Style::BigEndian => &(0..=255).collect::<Vec<_>>(),
                _ => b"0123456789",
            };
            let cost = |byte: &u8| template.codes.bits(*byte);
            let worst = |bytes: &[u8]| bytes.iter().map(cost).max().unwrap();
            let tail = text(|out| template.tail(&[1_000_000_000; 3], out));
            let constant = [&tail, template.lead].concat();
            let numbers = 10 * u32::try_from(template.fields.len()).unwrap() * worst(digits);
            let hash = (0..=255).map(|byte| {
                let text = text(|out| template.hash(&InfoHash([byte; 20]), out));
                text.iter().map(cost).sum::<u32>()
            });
            let bits = constant.iter().map(cost).sum::<u32>() + numbers + hash.max().unwrap();
            // A match never takes more bits than the literals it stands for: see `symbols`.
            assert!(constant.iter().chain(digits).all(|byte| cost(byte) >= 4));
            let most = bits.div_ceil(8) + 1;
            assert!(most <= LARGEST_RECORD as u32, "{most}");
        }
    }

    #[test]
    fn marks_are_where_the_parts_begin() {
        let values = [5, 123, 65_534];
        let mut bytes = vec![0; 100];
        let mut out = Out::new(&mut bytes);
        out.put(b"before");
        let marks = Template::BEN.marked_tail(&values, &mut out);
        let begins = |at: u8, text: &[u8]| out.written()[6 + usize::from(at)..].starts_with(text);
        assert!(begins(marks[1].constant, b"e10:downloadedi123e"));
        assert!(begins(marks[2].number, b"65534ee"));
        assert!(begins(marks[3].constant, b"ee"));
        for (nth, mark) in marks.iter().enumerate() {
            let offset = Template::BEN.offset(nth, &values);
            assert_eq!(offset, u16::from(mark.constant));
        }
    }
}
