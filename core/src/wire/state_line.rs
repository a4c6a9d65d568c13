//! Torrents as lines of text, `HASH:MINUTES:COMPLETED`: what opentracker's `mode=statedump` writes
//! and its `-l` reads, and what our own state file has between its first line and its last.
//!
//! The hash is 40 hexadecimal digits, the minutes count from 1970 to when the torrent was last in
//! use, and the end of a line may be CR LF.

use super::{InfoHash, Out};

/// One torrent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StateLine {
    /// Its name.
    pub hash: InfoHash,
    /// When it was last in use, in minutes since 1970.
    pub minutes: u32,
    /// Downloads that were completed.
    pub completed: u32,
}

/// A line is something else. Whoever wrote it is to blame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NoStateLine;

impl core::fmt::Display for NoStateLine {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("not HASH:MINUTES:COMPLETED")
    }
}

impl core::error::Error for NoStateLine {}

impl StateLine {
    /// Most bytes of a line, its end included.
    pub const LONGEST: usize = 40 + 1 + 10 + 1 + 10 + 1;

    /// Parses a line without its end.
    ///
    /// # Errors
    ///
    /// [`NoStateLine`], also for numbers above 2^32 - 1.
    pub fn parse(line: &[u8]) -> Result<Self, NoStateLine> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let (digits, rest) = line.split_first_chunk::<40>().ok_or(NoStateLine)?;
        let mut parts = rest.split(|&byte| byte == b':');
        let (Some([]), Some(minutes), Some(completed), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(NoStateLine);
        };
        Ok(Self {
            hash: hash(digits)?,
            minutes: number(minutes)?,
            completed: number(completed)?,
        })
    }

    /// Appends the line, with its end.
    pub fn emit(&self, out: &mut Out<'_>) {
        for byte in self.hash.0 {
            out.put(&[byte >> 4, byte & 0x0f].map(digit));
        }
        out.put(b":");
        out.number(self.minutes);
        out.put(b":");
        out.number(self.completed);
        out.put(b"\n");
    }
}

/// Cuts text that comes in pieces of any size into lines, in 64 bytes of memory.
#[derive(Clone, Debug)]
pub(crate) struct Lines {
    line: [u8; StateLine::LONGEST],
    /// Bytes of this line; more than [`StateLine::LONGEST`] if it is longer.
    length: usize,
}

/// A line without its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Line<'t> {
    Whole(&'t [u8]),
    /// Of one that is longer than [`StateLine::LONGEST`].
    Start(&'t [u8]),
}

impl Lines {
    pub(crate) const fn new() -> Self {
        Self {
            line: [0; StateLine::LONGEST],
            length: 0,
        }
    }

    /// Takes the next piece, and hands on each line without its end as soon as that has come. Of a
    /// line that is too long for any of ours that is the start. Work: a step for each byte.
    pub(crate) fn push(&mut self, bytes: &[u8], mut each: impl FnMut(Line<'_>)) {
        for &byte in bytes {
            if byte == b'\n' {
                each(self.rest());
                self.length = 0;
                continue;
            }
            if let Some(place) = self.line.get_mut(self.length) {
                *place = byte;
            }
            self.length = self.length.saturating_add(1);
        }
    }

    /// What stands behind the last line end.
    pub(crate) fn rest(&self) -> Line<'_> {
        match self.line.get(..self.length) {
            Some(line) => Line::Whole(line),
            None => Line::Start(&self.line),
        }
    }
}

/// Reads torrents from text that comes in pieces of any size and may be anything.
///
/// Lines that are none are skipped and counted, blank ones and those that begin with `#` are
/// skipped.
#[derive(Clone, Debug)]
pub struct StateLines {
    lines: Lines,
    /// Lines that ended.
    count: u32,
    skipped: Skipped,
}

pub use super::hash_line::Skipped;

impl Default for StateLines {
    fn default() -> Self {
        Self::new()
    }
}

impl StateLines {
    /// At the start of the first line.
    pub const fn new() -> Self {
        Self {
            lines: Lines::new(),
            count: 0,
            skipped: Skipped { lines: 0, first: 0 },
        }
    }

    /// Takes the next piece of the text, and hands on each torrent as soon as its line has ended.
    /// Work: a step for each byte.
    pub fn push(&mut self, bytes: &[u8], mut each: impl FnMut(StateLine)) {
        let (count, skipped) = (&mut self.count, &mut self.skipped);
        self.lines
            .push(bytes, |line| take(line, count, skipped, &mut each));
    }

    /// Ends the text: what stands behind the last line end is a line too.
    pub fn finish(mut self, mut each: impl FnMut(StateLine)) -> Skipped {
        let (count, skipped) = (&mut self.count, &mut self.skipped);
        match self.lines.rest() {
            Line::Whole([]) => {}
            line => take(line, count, skipped, &mut each),
        }
        self.skipped
    }
}

fn take(line: Line<'_>, count: &mut u32, skipped: &mut Skipped, each: &mut impl FnMut(StateLine)) {
    *count = count.saturating_add(1);
    match line {
        Line::Whole([b'#', ..]) | Line::Start([b'#', ..]) => return,
        Line::Whole(line) => match StateLine::parse(line) {
            Ok(line) => return each(line),
            Err(NoStateLine) if line.trim_ascii().is_empty() => return,
            Err(NoStateLine) => {}
        },
        Line::Start(_) => {}
    }
    skipped.lines = skipped.lines.saturating_add(1);
    if skipped.first == 0 {
        skipped.first = *count;
    }
}

fn hash(digits: &[u8; 40]) -> Result<InfoHash, NoStateLine> {
    let mut hash = InfoHash([0; 20]);
    for (byte, [high, low]) in hash.0.iter_mut().zip(digits.as_chunks::<2>().0) {
        *byte = value(*high)? << 4 | value(*low)?;
    }
    Ok(hash)
}

fn value(digit: u8) -> Result<u8, NoStateLine> {
    let value = char::from(digit).to_digit(16).ok_or(NoStateLine)?;
    u8::try_from(value).map_err(|_| NoStateLine)
}

/// A number in decimal, digits and nothing else.
pub(crate) fn number(digits: &[u8]) -> Result<u32, NoStateLine> {
    if digits.is_empty() {
        return Err(NoStateLine);
    }
    let mut number = 0u32;
    for &byte in digits {
        let digit = char::from(byte).to_digit(10).ok_or(NoStateLine)?;
        let shifted = number.checked_mul(10).ok_or(NoStateLine)?;
        number = shifted.checked_add(digit).ok_or(NoStateLine)?;
    }
    Ok(number)
}

/// The digit of a number from 0 to 15, in upper case.
const fn digit(value: u8) -> u8 {
    match value {
        0..=9 => b'0'.saturating_add(value),
        _ => (b'A' - 10).saturating_add(value),
    }
}

#[cfg(test)]
mod tests {
    use std::string::{String, ToString as _};
    use std::vec::Vec;
    use std::{format, vec};

    use super::*;

    const HEX: &str = "0123456789ABCDEFABCDEF987654321000FF7FA5";
    const LINE: StateLine = StateLine {
        hash: InfoHash([
            0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0xab, 0xcd, 0xef, 0x98, 0x76, 0x54,
            0x32, 0x10, 0x00, 0xff, 0x7f, 0xa5,
        ]),
        minutes: 29_920_001,
        completed: 42,
    };

    #[test]
    fn a_line_is_opentrackers() {
        let mut bytes = [0; StateLine::LONGEST];
        let mut out = Out::new(&mut bytes);
        LINE.emit(&mut out);
        assert_eq!(out.written(), format!("{HEX}:29920001:42\n").as_bytes());
        let most = StateLine {
            minutes: u32::MAX,
            completed: u32::MAX,
            ..LINE
        };
        out.truncate(0);
        most.emit(&mut out);
        assert_eq!((out.len(), out.overflowed()), (StateLine::LONGEST, false));
        let line = out.written().strip_suffix(b"\n").unwrap();
        assert_eq!(StateLine::parse(line), Ok(most));
    }

    #[test]
    fn what_is_no_line_is_refused() {
        let low = HEX.to_lowercase();
        for good in [
            format!("{HEX}:29920001:42"),
            format!("{low}:29920001:42\r"),
            format!("{HEX}:0029920001:0042"),
        ] {
            assert_eq!(StateLine::parse(good.as_bytes()), Ok(LINE), "{good}");
        }
        for bad in [
            String::new(),
            HEX.into(),
            format!("{HEX}:1"),
            format!("{HEX}::1"),
            format!("{HEX}:1:"),
            format!("{HEX}:1:2:3"),
            format!("{HEX}:1:2 "),
            format!("{HEX}:1:-2"),
            format!("{HEX}:+1:2"),
            format!("{HEX}:0x1:2"),
            format!("{HEX}:1:4294967296"),
            format!("{HEX}:4294967296:1"),
            format!("{HEX}:1:18446744073709551617"),
            format!("{HEX}0:1:2"),
            format!("{}:1:2", &HEX[1..]),
            format!(" {HEX}:1:2"),
            format!("{}g:1:2", &HEX[1..]),
            format!("{HEX}:1:2\r\r"),
        ] {
            assert_eq!(StateLine::parse(bad.as_bytes()), Err(NoStateLine), "{bad}");
        }
    }

    fn read(text: &str, piece: usize) -> (Vec<StateLine>, Skipped) {
        let (mut lines, mut found) = (StateLines::new(), Vec::new());
        for bytes in text.as_bytes().chunks(piece) {
            lines.push(bytes, |line| found.push(line));
        }
        let skipped = lines.finish(|line| found.push(line));
        (found, skipped)
    }

    #[test]
    fn text_in_pieces_of_any_size_is_the_same() {
        let long = "1".repeat(200);
        let text = format!(
            "# a comment\n\nH:1:2\n  \nH:1:2:3\nH:1:{long}\nno\nH:9:9\r\n#{}\nH:3:4",
            "H".repeat(5)
        )
        .replace('H', HEX);
        let whole = read(&text, text.len());
        assert_eq!(whole.1, Skipped { lines: 3, first: 5 });
        let numbers = whole.0.iter().map(|line| (line.minutes, line.completed));
        assert_eq!(numbers.collect::<Vec<_>>(), vec![(1, 2), (9, 9), (3, 4)]);
        for piece in 1..text.len() {
            assert_eq!(read(&text, piece), whole, "{piece}");
        }
    }

    #[test]
    fn a_long_line_is_skipped_and_the_next_one_is_whole() {
        for length in StateLine::LONGEST - 2..StateLine::LONGEST + 3 {
            let text = format!("{}\n{HEX}:1:2\n", "0".repeat(length));
            assert_eq!(read(&text, 100).0.len(), 1, "{length}");
            assert_eq!(read(&text, 100).1.first, 1);
        }
        assert_eq!(read(&"x".repeat(500), 7).1.lines, 1);
        assert_eq!(read("", 7).1.lines, 0);
        assert_eq!(NoStateLine.to_string(), "not HASH:MINUTES:COMPLETED");
    }
}
