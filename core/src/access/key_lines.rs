//! Keys as text, one on each line:
//!
//! ```text
//! KEY [valid_until|-] [info_hash|-] [peers|-]   # comment
//! ```
//!
//! A key is 32 letters and digits; a time is seconds since 1970, an info hash 40 hexadecimal digits,
//! the number of peers 1 to 255. `-` or nothing is no limit. Blanks and tabs separate them, `#` at the
//! start of a line or behind a blank begins a comment.

use core::fmt;
use core::num::NonZeroU8;

use super::key::Key;
use super::keys::{Origin, Terms};
use crate::wire::InfoHash;

/// Reads keys from text that comes in pieces of any size, in a line's memory.
#[derive(Clone, Debug)]
pub struct KeyLines {
    line: [u8; LONGEST],
    /// Bytes of this line, which may be more than were kept.
    length: usize,
    /// Lines that ended.
    number: u32,
}

/// What takes each line that isn't blank: its number, and the key or what is wrong with it.
pub type Each<'f> = &'f mut dyn FnMut(u32, Result<(Key, Terms), BadLine>);

/// Most bytes of a line that are read; a comment may go beyond.
const LONGEST: usize = 160;

/// What is wrong with a line. It never tells what is there: that may be most of a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum BadLine {
    /// It doesn't begin with a key.
    Key,
    /// What follows the key is no time.
    Time,
    /// What follows that is no info hash.
    InfoHash,
    /// What follows that is no number of peers.
    Peers,
    /// There is more.
    More,
}

impl fmt::Display for BadLine {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Self::Key => "no key of 32 letters and digits at its beginning",
            Self::Time => "no seconds since 1970 and no - behind the key",
            Self::InfoHash => "no info hash of 40 hexadecimal digits and no - behind the time",
            Self::Peers => "no number of peers from 1 to 255 and no - behind the info hash",
            Self::More => "more than key, time, info hash and peers",
        })
    }
}

impl core::error::Error for BadLine {}

impl Default for KeyLines {
    fn default() -> Self {
        Self::new()
    }
}

impl KeyLines {
    /// At the start of the first line.
    pub const fn new() -> Self {
        Self {
            line: [0; LONGEST],
            length: 0,
            number: 0,
        }
    }

    /// Takes the next piece of the text, and hands on what each line comes to, with the line's
    /// number. Work: a step for each byte.
    pub fn push(&mut self, bytes: &[u8], each: Each<'_>) {
        for &byte in bytes {
            if byte == b'\n' {
                self.end(each);
                continue;
            }
            if let Some(to) = self.line.get_mut(self.length) {
                *to = byte;
            }
            self.length = self.length.saturating_add(1);
        }
    }

    /// Ends the text: the last line need not end otherwise.
    pub fn finish(&mut self, each: Each<'_>) {
        self.end(each);
    }

    fn end(&mut self, each: Each<'_>) {
        self.number = self.number.saturating_add(1);
        let kept = self.line.get(..self.length).unwrap_or(&self.line);
        let was_cut = self.length > kept.len();
        self.length = 0;
        match parse(kept) {
            Some(Ok(_)) if was_cut && !has_comment(kept) => each(self.number, Err(BadLine::More)),
            Some(result) => each(self.number, result),
            None => {}
        }
    }
}

fn has_comment(line: &[u8]) -> bool {
    let mut pairs = line.windows(2);
    line.starts_with(b"#")
        || pairs.any(|pair| matches!(pair, [blank, b'#'] if blank.is_ascii_whitespace()))
}

/// What a line says; nothing if it is blank or a comment.
fn parse(line: &[u8]) -> Option<Result<(Key, Terms), BadLine>> {
    let words = line.split(|byte| byte.is_ascii_whitespace());
    let mut words = words
        .filter(|word| !word.is_empty())
        .take_while(|word| !word.starts_with(b"#"));
    let first = words.next()?;
    let mut word = || words.next().filter(|word| *word != b"-");
    let mut rest = || {
        let key = Key::parse(first).map_err(|_| BadLine::Key)?;
        let valid_until = word().map(|word| number(word, (1 << 48) - 1).ok_or(BadLine::Time));
        let info_hash = word().map(|word| hash(word).ok_or(BadLine::InfoHash));
        let peers = word().map(|word| {
            let number = number(word, 255).and_then(|number| u8::try_from(number).ok());
            number.and_then(NonZeroU8::new).ok_or(BadLine::Peers)
        });
        let terms = Terms {
            valid_until: valid_until.transpose()?,
            info_hash: info_hash.transpose()?,
            most_peers: peers.transpose()?,
            origin: Origin::File,
        };
        Ok((key, terms))
    };
    let result = rest();
    Some(match words.next() {
        Some(_) if result.is_ok() => Err(BadLine::More),
        _ => result,
    })
}

fn number(word: &[u8], most: u64) -> Option<u64> {
    let mut number = 0u64;
    for byte in word {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit <= 9)?;
        number = number.checked_mul(10)?.checked_add(digit.into())?;
    }
    (number <= most && !word.is_empty()).then_some(number)
}

fn hash(word: &[u8]) -> Option<InfoHash> {
    let digits: &[u8; 40] = word.try_into().ok()?;
    let mut hash = [0; 20];
    for (to, pair) in hash.iter_mut().zip(digits.as_chunks::<2>().0) {
        let [high, low] = pair.map(|digit| char::from(digit).to_digit(16));
        *to = u8::try_from(high? << 4 | low?).ok()?;
    }
    Some(InfoHash(hash))
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::{BadLine, InfoHash, KeyLines, LONGEST, NonZeroU8};

    const KEY: &str = "0123456789abcdefghijABCDEFGHIJxz";
    const HASH: &str = "0123456789abcdefABCD0123456789abcdefABCD";

    type Line = (u32, Result<(Option<u64>, bool, Option<u8>), BadLine>);

    fn read(text: &str, piece: usize) -> Vec<Line> {
        let text = text.replace("KEY", KEY).replace("HASH", HASH);
        let (mut lines, mut found) = (KeyLines::new(), Vec::new());
        let mut each = |number, result: Result<(super::Key, super::Terms), _>| {
            let seen = result.map(|(key, terms)| {
                assert_eq!(key.text(), KEY);
                let hash = terms.info_hash;
                assert!(hash.is_none_or(|InfoHash(hash)| hash[..3] == [1, 0x23, 0x45]));
                let peers = terms.most_peers.map(NonZeroU8::get);
                (terms.valid_until, hash.is_some(), peers)
            });
            found.push((number, seen));
        };
        for piece in text.as_bytes().chunks(piece) {
            lines.push(piece, &mut each);
        }
        lines.finish(&mut each);
        found
    }

    #[test]
    fn a_line_is_a_key_and_its_limits() {
        for (line, expected) in [
            ("KEY", (None, false, None)),
            ("  KEY\t \r", (None, false, None)),
            ("KEY 1893456000", (Some(1_893_456_000), false, None)),
            ("KEY - HASH", (None, true, None)),
            ("KEY - - 255 # for all", (None, false, Some(255))),
            ("KEY 0 HASH 1#", (None, false, None)),
            ("KEY 0 HASH 1 #x y z", (Some(0), true, Some(1))),
            ("KEY - - - # x", (None, false, None)),
            ("KEY #5", (None, false, None)),
        ] {
            let expected = match line {
                "KEY 0 HASH 1#" => Err(BadLine::Peers),
                _ => Ok(expected),
            };
            assert_eq!(read(line, 999), [(1, expected)], "{line}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (line, expected) in [
            ("KEYx", BadLine::Key),
            ("KE", BadLine::Key),
            ("- 5", BadLine::Key),
            ("KEY x", BadLine::Time),
            ("KEY -5", BadLine::Time),
            ("KEY 281474976710656", BadLine::Time),
            ("KEY 99999999999999999999", BadLine::Time),
            ("KEY HASH", BadLine::Time),
            ("KEY - HASH0", BadLine::InfoHash),
            ("KEY - 5", BadLine::InfoHash),
            ("KEY - - 0", BadLine::Peers),
            ("KEY - - 256", BadLine::Peers),
            ("KEY - - 5 5", BadLine::More),
            ("KEY - - - -", BadLine::More),
            ("KEY KEY KEY KEY KEY KEY", BadLine::Time),
        ] {
            assert_eq!(read(line, 999), [(1, Err(expected))], "{line}");
        }
        let long = std::format!("KEY{}# x", " ".repeat(LONGEST));
        assert_eq!(read(&long, 999), [(1, Err(BadLine::More))]);
        let comment = std::format!("KEY # {}", "x ".repeat(LONGEST));
        assert_eq!(read(&comment, 999), [(1, Ok((None, false, None)))]);
        let comment = std::format!("#{}", "x ".repeat(LONGEST));
        assert_eq!(read(&comment, 999), []);
    }

    #[test]
    fn pieces_of_any_size_come_to_the_same() {
        let text = "# keys\n\nKEY 5 HASH 3 # x\r\nwrong\n   \nKEY";
        let whole = read(text, 9999);
        assert_eq!(
            whole,
            [
                (3, Ok((Some(5), true, Some(3)))),
                (4, Err(BadLine::Key)),
                (6, Ok((None, false, None))),
            ]
        );
        for piece in 1..=text.len() {
            assert_eq!(read(text, piece), whole);
        }
    }
}
