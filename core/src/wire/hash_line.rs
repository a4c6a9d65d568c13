//! Lists of info hashes as text: one in hexadecimal on each line, as opentracker reads them.
//!
//! A line is an info hash if it starts with 40 hexadecimal digits, in either case and without
//! blanks before them, and something else or the end of the file follows. What stands behind them
//! says nothing, so a line may have a comment. All other lines are skipped.

use super::InfoHash;
use super::scan::position;

/// Reads info hashes from text that comes in pieces of any size, in 40 bytes of memory.
#[derive(Clone, Debug)]
pub struct HashLines {
    state: State,
    /// The digits of this line, the last ones at the end.
    hash: [u8; 20],
    /// Lines that ended.
    lines: u32,
    skipped: u32,
    first_skipped: u32,
}

/// The lines that are neither an info hash nor blank nor a comment with `#`: most probably somebody
/// meant something else by them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Skipped {
    /// How many.
    pub lines: u32,
    /// The number of the first one, counting from 1; 0 if there is none.
    pub first: u32,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// So many digits from the start of the line, and nothing else.
    Digits(u8),
    /// Blanks from the start of the line.
    Blank,
    /// What is left of the line says nothing.
    Rest,
}

/// Digits of an info hash.
const DIGITS: u8 = 40;

impl Default for HashLines {
    fn default() -> Self {
        Self::new()
    }
}

impl HashLines {
    /// At the start of the first line.
    pub const fn new() -> Self {
        Self {
            state: State::Digits(0),
            hash: [0; 20],
            lines: 0,
            skipped: 0,
            first_skipped: 0,
        }
    }

    /// Takes the next piece of the text, and hands on each info hash as soon as the byte behind its
    /// digits has come. Work: a step for each byte.
    pub fn push(&mut self, mut bytes: &[u8], mut each: impl FnMut(InfoHash)) {
        loop {
            if matches!(self.state, State::Rest) {
                bytes = position(bytes, b'\n')
                    .and_then(|end| bytes.get(end..))
                    .unwrap_or_default();
            }
            let Some((&byte, rest)) = bytes.split_first() else {
                return;
            };
            bytes = rest;
            self.step(byte, &mut each);
        }
    }

    /// Ends the text: digits at its very end are an info hash too. After this it is at the start of
    /// a line.
    pub fn finish(&mut self, mut each: impl FnMut(InfoHash)) {
        self.step(b'\n', &mut each);
    }

    /// Ends a line that its writer has given up: it is no info hash, even if all digits have come.
    pub const fn give_up(&mut self) {
        if let State::Digits(1..) = self.state {
            self.skip();
        }
        self.end_line();
    }

    /// The lines that were skipped and aren't blank or comments.
    pub const fn skipped(&self) -> Skipped {
        Skipped {
            lines: self.skipped,
            first: self.first_skipped,
        }
    }

    fn step(&mut self, byte: u8, each: &mut impl FnMut(InfoHash)) {
        match (self.state, hex(byte)) {
            (State::Digits(count @ ..DIGITS), Some(digit)) => {
                if let Some(pair) = self.hash.get_mut(usize::from(count / 2)) {
                    *pair = *pair << 4 | digit;
                }
                self.state = State::Digits(count.saturating_add(1));
            }
            (State::Digits(DIGITS), None) => {
                each(InfoHash(self.hash));
                self.state = State::Rest;
            }
            (State::Digits(0) | State::Blank, None) => match byte {
                b'#' => self.state = State::Rest,
                _ if byte.is_ascii_whitespace() => self.state = State::Blank,
                _ => self.skip(),
            },
            (State::Digits(_) | State::Blank, _) => self.skip(),
            (State::Rest, _) => {}
        }
        if byte == b'\n' {
            self.end_line();
        }
    }

    /// The line is no info hash, and more than nothing.
    const fn skip(&mut self) {
        self.state = State::Rest;
        self.skipped = self.skipped.saturating_add(1);
        if self.first_skipped == 0 {
            self.first_skipped = self.lines.saturating_add(1);
        }
    }

    const fn end_line(&mut self) {
        self.state = State::Digits(0);
        self.lines = self.lines.saturating_add(1);
    }
}

const fn hex(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte & 0x0f),
        b'a'..=b'f' | b'A'..=b'F' => Some((byte & 0x0f).saturating_add(9)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::{HashLines, Skipped};
    use crate::wire::InfoHash;

    const HEX: &str = "0123456789abcdefABCDEF987654321000ff7fA5";
    const BYTES: [u8; 20] = [
        0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0xab, 0xcd, 0xef, 0x98, 0x76, 0x54, 0x32,
        0x10, 0x00, 0xff, 0x7f, 0xa5,
    ];

    fn read(text: &str, piece: usize) -> (Vec<InfoHash>, Skipped) {
        let (mut lines, mut found) = (HashLines::new(), Vec::new());
        for bytes in text.as_bytes().chunks(piece) {
            lines.push(bytes, |hash| found.push(hash));
        }
        lines.finish(|hash| found.push(hash));
        (found, lines.skipped())
    }

    #[test]
    fn a_line_counts_with_forty_digits_at_its_start_and_something_else_behind() {
        for (text, found, skipped) in [
            ("H", 1, 0),
            ("H\n", 1, 0),
            ("H\r\n", 1, 0),
            ("H # a comment", 1, 0),
            ("Hg\nH-1", 2, 0),
            ("H H\n", 1, 0),
            ("", 0, 0),
            ("\n\n \n\t\r\n", 0, 0),
            ("# H\n  #H\n", 0, 0),
            (" H\n\tH\n", 0, 2),
            ("H0\nHf", 0, 2),
            ("0\n", 0, 1),
            ("Hxello\n", 1, 0),
            ("magnet:?xt=urn:btih:H\n", 0, 1),
            ("H\0H\n\0\n", 1, 1),
        ] {
            let text = text.replace('H', HEX);
            let (hashes, counted) = read(&text, 7);
            assert_eq!((hashes.len(), counted.lines), (found, skipped), "{text:?}");
            assert!(hashes.iter().all(|hash| *hash == InfoHash(BYTES)));
        }
    }

    #[test]
    fn one_digit_too_few_is_none() {
        assert_eq!(read(&HEX[1..], 100).0, []);
        assert_eq!(read(&std::format!("{}\n", &HEX[1..]), 100).1.first, 1);
    }

    #[test]
    fn it_is_the_same_in_pieces_of_any_size() {
        let text = "# torrents\nH\n\nH # x\r\nno\n H\nH1\nHH\nh\nH".replace('H', HEX);
        let whole = read(&text, text.len());
        assert_eq!(whole.0.len(), 3);
        assert_eq!(whole.1, Skipped { lines: 5, first: 5 });
        for piece in 1..text.len() {
            assert_eq!(read(&text, piece), whole, "{piece}");
        }
    }

    #[test]
    fn a_line_that_is_given_up_is_none_and_the_next_one_is_whole() {
        for (cut, skipped) in [(0, 0), (1, 1), (40, 1)] {
            let (mut lines, mut found) = (HashLines::new(), Vec::new());
            lines.push(&HEX.as_bytes()[..cut], |hash| found.push(hash));
            lines.give_up();
            assert_eq!(found, []);
            lines.push(HEX.as_bytes(), |hash| found.push(hash));
            lines.push(b"\n", |hash| found.push(hash));
            assert_eq!((found.len(), lines.skipped().lines), (1, skipped));
        }
    }
}
