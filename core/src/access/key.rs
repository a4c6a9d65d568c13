//! A key as its owner has it.

use core::fmt;

/// A key: 32 characters `[0-9A-Za-z]`.
///
/// It is a password: what is printed of it for a log is its first four characters. Two are compared
/// in the same time wherever they differ.
#[derive(Clone, Copy, Eq)]
pub struct Key([u8; Self::LENGTH]);

/// No key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotAKey;

impl fmt::Display for NotAKey {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("not a key: 32 characters 0-9, A-Z or a-z")
    }
}

impl core::error::Error for NotAKey {}

impl Key {
    /// Characters of a key.
    pub const LENGTH: usize = 32;

    /// The key that is written like that.
    ///
    /// # Errors
    ///
    /// [`NotAKey`] if it isn't 32 letters and digits.
    pub fn parse(text: &[u8]) -> Result<Self, NotAKey> {
        let text: &[u8; Self::LENGTH] = text.try_into().map_err(|_| NotAKey)?;
        if text.iter().all(u8::is_ascii_alphanumeric) {
            Ok(Self(*text))
        } else {
            Err(NotAKey)
        }
    }

    /// A new key, from random bytes of the system's source: two for each character, so that no
    /// character is more frequent than another by more than a thousandth.
    pub fn random(bytes: &[u8; 2 * Self::LENGTH]) -> Self {
        let (pairs, _) = bytes.as_chunks();
        let mut key = [b'0'; Self::LENGTH];
        for (to, pair) in key.iter_mut().zip(pairs) {
            // Below 62.
            let nth = (u32::from(u16::from_be_bytes(*pair)) * 62) >> 16;
            *to = ALPHABET.get(nth as usize).copied().unwrap_or(b'0');
        }
        Self(key)
    }

    /// All of it, for its owner.
    pub fn text(&self) -> &str {
        core::str::from_utf8(&self.0).unwrap_or_default()
    }

    pub(super) const fn bytes(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }

    /// A key that was checked when it was stored.
    pub(super) const fn stored(bytes: [u8; Self::LENGTH]) -> Self {
        Self(bytes)
    }
}

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        let pairs = self.0.iter().zip(&other.0);
        let differences = pairs.fold(0, |all, (one, other)| all | (one ^ other));
        // Or the compiler might see that it can stop at the first.
        core::hint::black_box(differences) == 0
    }
}

/// The first four characters.
impl fmt::Display for Key {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(self.text().get(..4).unwrap_or_default())?;
        to.write_str("...")
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, to)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::format;

    use super::{Key, NotAKey};
    use crate::random::Random;

    #[test]
    fn a_key_is_32_letters_and_digits() {
        let text = b"0123456789abcdefghijABCDEFGHIJxz";
        let key = Key::parse(text).unwrap();
        assert_eq!(key.text().as_bytes(), text);
        for wrong in [
            &b""[..],
            &text[1..],
            b"0123456789abcdefghijABCDEFGHIJxz0",
            b"0123456789abcdefghijABCDEFGHIJx-",
            b"0123456789abcdefghijABCDEFGHIJx\xe4",
        ] {
            assert_eq!(Key::parse(wrong), Err(NotAKey));
        }
    }

    #[test]
    fn random_keys_are_keys_of_all_characters() {
        let mut random = Random::new(1);
        let mut seen = BTreeSet::new();
        for _ in 0..200 {
            let mut bytes = [0; 64];
            bytes.fill_with(|| u8::try_from(random.below(256)).unwrap());
            let key = Key::random(&bytes);
            assert_eq!(Key::parse(key.text().as_bytes()), Ok(key));
            seen.extend(key.text().bytes());
        }
        assert_eq!(seen.len(), 62);
        assert_eq!(Key::random(&[0; 64]).text(), "0".repeat(32));
        assert_eq!(Key::random(&[0xff; 64]).text(), "z".repeat(32));
    }

    #[test]
    fn keys_are_equal_if_all_of_them_is_and_printed_in_part() {
        let one = Key::parse(&[b'a'; 32]).unwrap();
        for at in 0..32 {
            let mut other = [b'a'; 32];
            other[at] = b'b';
            assert_ne!(one, Key::parse(&other).unwrap());
        }
        assert_eq!(one, Key::parse(&[b'a'; 32]).unwrap());
        assert_eq!(format!("{one} {one:?}"), "aaaa... aaaa...");
    }
}
