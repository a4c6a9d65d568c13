//! A file of keys, read in pieces by the core and line by line by a simpler reader that must agree.

use std::num::NonZeroU8;

use wrtracker_core::access::{KeyLines, Origin, Terms};
use wrtracker_core::wire::InfoHash;

use super::same;

/// The longest line of which the core reads all.
const LONGEST: usize = 160;

/// Runs it. The first byte is the size of the pieces.
pub fn run(data: &[u8]) {
    let Some((&size, text)) = data.split_first() else {
        return;
    };
    let (mut lines, mut found) = (KeyLines::new(), Vec::new());
    let mut each = |number: u32, result: Result<_, _>| {
        let line = result
            .map(|(key, terms): (wrtracker_core::access::Key, _)| (key.text().to_owned(), terms));
        found.push((number, line.ok()));
    };
    for piece in text.chunks(usize::from(size).max(1)) {
        lines.push(piece, &mut each);
    }
    lines.finish(&mut each);
    let mut expected = Vec::new();
    for (nth, line) in text.split(|&byte| byte == b'\n').enumerate() {
        // What is longer is cut, which a comment alone survives.
        let kept = &line[..line.len().min(LONGEST)];
        let said = words(kept);
        if let Some((first, rest)) = said.split_first() {
            let whole = said.len() < count(kept) || kept.len() == line.len();
            let parsed = parse(first, rest).filter(|_| whole);
            expected.push((u32::try_from(nth + 1).expect("few lines"), parsed));
        }
    }
    same("keys", &found, &expected);
}

fn count(line: &[u8]) -> usize {
    let words = line.split(u8::is_ascii_whitespace);
    words.filter(|word| !word.is_empty()).count()
}

fn words(line: &[u8]) -> Vec<&[u8]> {
    let words = line.split(u8::is_ascii_whitespace);
    let words = words.filter(|word| !word.is_empty());
    words.take_while(|word| word[0] != b'#').collect()
}

fn parse(key: &[u8], rest: &[&[u8]]) -> Option<(String, Terms)> {
    let is_key = key.len() == 32 && key.iter().all(u8::is_ascii_alphanumeric);
    (is_key && rest.len() <= 3).then_some(())?;
    let field = |nth: usize| rest.get(nth).filter(|word| **word != b"-");
    let digits = |word: &[u8]| {
        let plain = word.iter().all(u8::is_ascii_digit);
        let number = str::from_utf8(word).ok()?.parse::<u128>().ok();
        number.filter(|_| plain)
    };
    let mut terms = Terms {
        valid_until: None,
        info_hash: None,
        most_peers: None,
        origin: Origin::File,
    };
    if let Some(word) = field(0) {
        let number = digits(word).and_then(|number| u64::try_from(number).ok());
        terms.valid_until = Some(number.filter(|number| *number < 1 << 48)?);
    }
    if let Some(word) = field(1) {
        let plain = word.len() == 40 && word.iter().all(u8::is_ascii_hexdigit);
        plain.then_some(())?;
        let text = str::from_utf8(word).expect("digits");
        terms.info_hash = Some(InfoHash(std::array::from_fn(|at| {
            u8::from_str_radix(&text[2 * at..2 * at + 2], 16).expect("two digits")
        })));
    }
    if let Some(word) = field(2) {
        let number = digits(word).and_then(|number| u8::try_from(number).ok());
        terms.most_peers = Some(number.and_then(NonZeroU8::new)?);
    }
    Some((str::from_utf8(key).expect("letters").to_owned(), terms))
}
