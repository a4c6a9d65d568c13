//! The query of a request: pairs, percent-encoding, numbers.

use super::scan::{position, split};

/// The pairs of a query in their order. Only `&` separates them (`;` is a character like others).
#[derive(Clone, Copy, Debug)]
pub struct Pairs<'q> {
    rest: Option<&'q [u8]>,
}

impl<'q> Pairs<'q> {
    /// The pairs of what follows the `?`.
    pub const fn new(query: &'q [u8]) -> Self {
        Self { rest: Some(query) }
    }
}

impl<'q> Iterator for Pairs<'q> {
    /// A name and its value; `None` for a name without `=`.
    type Item = (Encoded<'q>, Option<Encoded<'q>>);

    fn next(&mut self) -> Option<Self::Item> {
        let (pair, rest) = split(self.rest.take()?, b'&');
        self.rest = rest;
        let (name, value) = split(pair, b'=');
        Some((Encoded(name), value.map(Encoded)))
    }
}

/// A percent-encoded text as it came: any byte may be encoded or not, in hex of either case (RFC
/// 3986 section 2.1).
///
/// `+` stands for itself: info hashes are bytes, not form fields.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Encoded<'q>(pub &'q [u8]);

impl<'q> Encoded<'q> {
    /// The bytes it stands for, one after another; an error at each `%` without two hex digits.
    pub const fn decode(self) -> Decoded<'q> {
        Decoded(self.0)
    }

    /// The `N` bytes it stands for.
    ///
    /// # Errors
    ///
    /// [`BadValue`] if it isn't exactly `N` bytes.
    pub fn array<const N: usize>(self) -> Result<[u8; N], BadValue> {
        let mut array = [0; N];
        let mut bytes = self.decode();
        for to in &mut array {
            *to = bytes.next().ok_or(BadValue)??;
        }
        bytes.next().map_or(Ok(array), |_| Err(BadValue))
    }

    /// The number it stands for: decimal digits, perhaps behind a `-`.
    ///
    /// # Errors
    ///
    /// [`BadValue`] without a digit, with anything else in it, or beyond 2^64 - 1 either way.
    pub fn number(self) -> Result<Number, BadValue> {
        let mut negative = false;
        let mut magnitude = None;
        for byte in self.decode() {
            let byte = byte?;
            let digit = byte.wrapping_sub(b'0');
            if digit <= 9 {
                let tens = magnitude.unwrap_or(0u64).checked_mul(10);
                let sum = tens.and_then(|tens| tens.checked_add(digit.into()));
                magnitude = Some(sum.ok_or(BadValue)?);
            } else if byte == b'-' && !negative && magnitude.is_none() {
                negative = true;
            } else {
                return Err(BadValue);
            }
        }
        let magnitude = magnitude.ok_or(BadValue)?;
        Ok(Number {
            negative,
            magnitude,
        })
    }

    /// What it stands for, to compare with short known texts: itself if nothing in it is encoded,
    /// else decoded into `scratch`. Empty if that is too short or the encoding is wrong.
    pub fn plain<'p, const N: usize>(self, scratch: &'p mut [u8; N]) -> &'p [u8]
    where
        'q: 'p,
    {
        if position(self.0, b'%').is_none() {
            return self.0;
        }
        let mut used = 0usize;
        for byte in self.decode() {
            match (byte, scratch.get_mut(used)) {
                (Ok(byte), Some(to)) => *to = byte,
                _ => return &[],
            }
            used = used.saturating_add(1);
        }
        scratch.get(..used).unwrap_or_default()
    }
}

/// A decimal number of a query.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Number {
    /// Whether a `-` stood before it.
    pub negative: bool,
    /// The rest.
    pub magnitude: u64,
}

impl Number {
    /// Its value if it isn't negative; `-0` is not.
    pub const fn value(self) -> Option<u64> {
        if self.negative && self.magnitude != 0 {
            None
        } else {
            Some(self.magnitude)
        }
    }
}

/// A value that isn't what it should be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BadValue;

/// The bytes that an [`Encoded`] stands for.
#[derive(Clone, Debug)]
pub struct Decoded<'q>(&'q [u8]);

impl Iterator for Decoded<'_> {
    type Item = Result<u8, BadValue>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (&byte, rest) = self.0.split_first()?;
        self.0 = rest;
        if byte != b'%' {
            return Some(Ok(byte));
        }
        let Some((&[high, low], rest)) = rest.split_first_chunk() else {
            return Some(Err(BadValue));
        };
        Some(match (nibble(high), nibble(low)) {
            (Some(high), Some(low)) => {
                self.0 = rest;
                Ok((high << 4) | low)
            }
            _ => Err(BadValue),
        })
    }
}

const fn nibble(hex: u8) -> Option<u8> {
    match hex {
        b'0'..=b'9' => Some(hex & 0x0f),
        b'a'..=b'f' | b'A'..=b'F' => Some((hex & 0x07).saturating_add(9)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::{BadValue, Encoded, Pairs};

    fn pairs(query: &[u8]) -> Vec<(&[u8], Option<&[u8]>)> {
        Pairs::new(query)
            .map(|(name, value)| (name.0, value.map(|value| value.0)))
            .collect()
    }

    #[test]
    fn pairs_are_split_at_ampersands_and_the_first_equals_sign() {
        assert_eq!(
            pairs(b"a=1&b&c=&=d&&e==x=y;f=2"),
            [
                (&b"a"[..], Some(&b"1"[..])),
                (b"b", None),
                (b"c", Some(b"")),
                (b"", Some(b"d")),
                (b"", None),
                (b"e", Some(b"=x=y;f=2")),
            ]
        );
        assert_eq!(pairs(b""), [(&b""[..], None)]);
        assert_eq!(pairs(b"a&"), [(&b"a"[..], None), (b"", None)]);
    }

    #[test]
    fn every_byte_is_decoded_from_hex_of_either_case_and_from_itself() {
        for byte in 0..=255u8 {
            for text in [std::format!("%{byte:02x}"), std::format!("%{byte:02X}")] {
                assert_eq!(Encoded(text.as_bytes()).array(), Ok([byte]), "{text}");
            }
            if byte != b'%' {
                assert_eq!(Encoded(&[byte]).array(), Ok([byte]));
            }
        }
        assert_eq!(Encoded(b"a+%2B%41!~").array(), Ok(*b"a++A!~"));
    }

    #[test]
    fn a_bad_encoding_or_length_is_an_error() {
        for text in [
            &b"%"[..],
            b"%4",
            b"%zz",
            b"%4g",
            b"%%4",
            b"% 41",
            b"%+1",
            b"",
        ] {
            assert_eq!(Encoded(text).array::<1>(), Err(BadValue), "{text:?}");
        }
        assert_eq!(Encoded(b"abc").array::<2>(), Err(BadValue));
        assert_eq!(Encoded(b"ab%").array::<2>(), Err(BadValue));
        assert_eq!(Encoded(b"a").array::<2>(), Err(BadValue));
    }

    #[test]
    fn numbers_take_the_whole_range_and_nothing_else() {
        let value = |text: &[u8]| Encoded(text).number().map(super::Number::value);
        assert_eq!(value(b"0"), Ok(Some(0)));
        assert_eq!(value(b"%31%32"), Ok(Some(12)));
        assert_eq!(value(b"0018"), Ok(Some(18)));
        assert_eq!(value(b"18446744073709551615"), Ok(Some(u64::MAX)));
        assert_eq!(value(b"-1"), Ok(None));
        assert_eq!(value(b"%2d1"), Ok(None));
        assert_eq!(value(b"-0"), Ok(Some(0)));
        for text in [
            &b""[..],
            b"-",
            b"+1",
            b"1x",
            b"x",
            b" 1",
            b"1 ",
            b"1.0",
            b"0x1",
            b"--1",
            b"1-",
            b"%zz",
            b"1%",
            b"18446744073709551616",
            b"99999999999999999999999",
        ] {
            assert_eq!(value(text), Err(BadValue), "{text:?}");
        }
    }

    #[test]
    fn names_are_compared_decoded() {
        let plain = |text: &'static [u8]| Encoded(text).plain(&mut [0; 16]).to_vec();
        assert_eq!(plain(b"info_hash"), b"info_hash");
        assert_eq!(plain(b"%69nfo%5Fhash"), b"info_hash");
        assert_eq!(plain(b"%69nfo_hash_that_is_too_long"), b"");
        assert_eq!(plain(b"%6"), b"");
    }
}
