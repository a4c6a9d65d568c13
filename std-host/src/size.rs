//! Numbers of bytes as people write and read them: `512K`, `8M`, `1G`; `8.0 MiB`.

use core::fmt;

use crate::options::{Reason, only_digits};

/// A number of bytes that prints as `512 KiB`, `8.0 MiB` or `1.5 GiB`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Bytes(pub u64);

impl Bytes {
    /// The number that `text` names: decimal digits, then at most one of `K`, `M`, `G` in either
    /// case (powers of 1024).
    ///
    /// # Errors
    ///
    /// [`Reason::NotASize`] for anything else, [`Reason::SizeTooLarge`] from 2^64 bytes on.
    pub fn parse(text: &str) -> Result<Self, Reason> {
        let (digits, shift) = match text.as_bytes().last() {
            Some(b'k' | b'K') => (&text[..text.len() - 1], 10),
            Some(b'm' | b'M') => (&text[..text.len() - 1], 20),
            Some(b'g' | b'G') => (&text[..text.len() - 1], 30),
            _ => (text, 0),
        };
        if !only_digits(digits) {
            return Err(Reason::NotASize);
        }
        digits
            .parse()
            .ok()
            .and_then(|number: u64| number.checked_mul(1 << shift))
            .map(Self)
            .ok_or(Reason::SizeTooLarge)
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (shift, unit) = match self.0 {
            0..0x400 => return write!(to, "{} bytes", self.0),
            0x400..0x10_0000 => return write!(to, "{} KiB", self.0 >> 10),
            0x10_0000..0x4000_0000 => (20, "MiB"),
            _ => (30, "GiB"),
        };
        // Integers only: a router's processor has no floats.
        let tenths = ((self.0 >> (shift - 10)) * 10) >> 10;
        write!(to, "{}.{} {unit}", tenths / 10, tenths % 10)
    }
}

#[cfg(test)]
mod tests {
    use super::Bytes;
    use crate::options::Reason;

    #[test]
    fn sizes_are_digits_and_one_unit() {
        assert_eq!(Bytes::parse("0"), Ok(Bytes(0)));
        assert_eq!(Bytes::parse("123"), Ok(Bytes(123)));
        assert_eq!(Bytes::parse("512k"), Ok(Bytes(512 << 10)));
        assert_eq!(Bytes::parse("8M"), Ok(Bytes(8 << 20)));
        assert_eq!(Bytes::parse("1g"), Ok(Bytes(1 << 30)));
        for bad in [
            "", "M", "-1", "+1", "1.5M", "8MB", "8 M", "M8", "0x10", " 1", "1\u{b5}",
        ] {
            assert_eq!(Bytes::parse(bad), Err(Reason::NotASize), "{bad}");
        }
    }

    #[test]
    fn sizes_that_overflow_are_too_large() {
        assert_eq!(Bytes::parse("18446744073709551615"), Ok(Bytes(u64::MAX)));
        assert_eq!(
            Bytes::parse("17179869183G"),
            Ok(Bytes(17_179_869_183 << 30))
        );
        for bad in [
            "18446744073709551616",
            "17179869184G",
            "99999999999999999999999K",
        ] {
            assert_eq!(Bytes::parse(bad), Err(Reason::SizeTooLarge), "{bad}");
        }
    }

    #[test]
    fn sizes_print_with_one_decimal_from_a_mebibyte_on() {
        for (bytes, text) in [
            (0, "0 bytes"),
            (1023, "1023 bytes"),
            (1024, "1 KiB"),
            (512 << 10, "512 KiB"),
            (8 << 20, "8.0 MiB"),
            ((8 << 20) + (512 << 10), "8.5 MiB"),
            (1 << 30, "1.0 GiB"),
            (u64::MAX, "17179869183.9 GiB"),
        ] {
            assert_eq!(Bytes(bytes).to_string(), text);
        }
    }
}
