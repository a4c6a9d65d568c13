//! Text that came from others, shown on a terminal.

use core::fmt::{self, Write as _};

/// Bytes that came from others, as text that does nothing to a terminal: what would move the cursor
/// or change the order of characters is written as `\u{1b}`, bytes that are no UTF-8 as `\xff`, and
/// a backslash twice.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a>(pub &'a [u8]);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                match character {
                    '\\' => to.write_str("\\\\")?,
                    _ if acts(character) => write!(to, "\\u{{{:x}}}", u32::from(character))?,
                    _ => to.write_char(character)?,
                }
            }
            for byte in chunk.invalid() {
                write!(to, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

/// Whether a character is none to be seen but does something to those that are: controls, line
/// ends, and those that set the direction of writing.
pub fn acts(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// Bytes in hexadecimal.
#[derive(Clone, Copy, Debug)]
pub struct Hex<'a>(pub &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(to, "{byte:02x}"))
    }
}

/// Reads `N` bytes in hexadecimal, in either case; `None` for anything else.
pub fn hex<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let (pairs, rest) = text.as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        let digit = |digit: u8| char::from(digit).to_digit(16);
        *byte = u8::try_from(digit(*high)? << 4 | digit(*low)?).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::{Hex, Shown, hex};

    #[test]
    fn what_acts_is_seen() {
        for (bytes, shown) in [
            (&b"plain text"[..], "plain text"),
            ("\u{b5}\u{1f4a9}".as_bytes(), "\u{b5}\u{1f4a9}"),
            (b"\x1b]0;x\x07", "\\u{1b}]0;x\\u{7}"),
            (b"a\r\nb\t\x7f", "a\\u{d}\\u{a}b\\u{9}\\u{7f}"),
            ("\u{9b}31m\u{202e}".as_bytes(), "\\u{9b}31m\\u{202e}"),
            (b"\x9b\xff", "\\x9b\\xff"),
            (b"\\u{1b}", "\\\\u{1b}"),
        ] {
            assert_eq!(Shown(bytes).to_string(), shown);
        }
    }

    #[test]
    fn hexadecimal_there_and_back() {
        assert_eq!(hex(b"00fFa5"), Some([0, 0xff, 0xa5]));
        assert_eq!(Hex(&[0, 0xff, 0xa5]).to_string(), "00ffa5");
        for text in [
            "", "0", "00f", "00ffa", "00ffa5a", "00ffa5a5", "00ffg5", "+0ffa5",
        ] {
            assert_eq!(hex::<3>(text.as_bytes()), None, "{text}");
        }
    }
}
