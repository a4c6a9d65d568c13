//! A list of info hashes, read in pieces by the core and line by line by a simpler reader that must
//! agree.

use wrtracker_core::wire::InfoHash;
use wrtracker_core::wire::hash_line::{HashLines, Skipped};

use super::same;

/// Runs it. The first byte is the size of the pieces.
pub fn run(data: &[u8]) {
    let Some((&size, text)) = data.split_first() else {
        return;
    };
    let (mut lines, mut found) = (HashLines::new(), Vec::new());
    for piece in text.chunks(usize::from(size).max(1)) {
        lines.push(piece, |hash| found.push(hash));
    }
    let unfinished = found.len();
    let mut given_up = lines.clone();
    lines.finish(|hash| found.push(hash));
    assert!(found.len() <= unfinished + 1);
    let (hashes, skipped) = read(text);
    same("hashes", &found, &hashes);
    same("skipped", lines.skipped(), skipped);

    // After a line that was given up, everything is as at the start.
    given_up.give_up();
    let before = given_up.skipped().lines;
    let mut again = Vec::new();
    given_up.push(text, |hash| again.push(hash));
    given_up.finish(|hash| again.push(hash));
    same("again", &again, &hashes);
    same(
        "skipped again",
        given_up.skipped().lines - before,
        skipped.lines,
    );
}

fn read(text: &[u8]) -> (Vec<InfoHash>, Skipped) {
    let (mut hashes, mut skipped) = (Vec::new(), Skipped::default());
    for (nth, line) in text.split(|&byte| byte == b'\n').enumerate() {
        let count = line
            .iter()
            .take_while(|byte| byte.is_ascii_hexdigit())
            .count();
        let said = line.trim_ascii_start();
        if count == 40 {
            let digits = str::from_utf8(&line[..40]).expect("digits");
            hashes.push(InfoHash(std::array::from_fn(|at| {
                u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).expect("two digits")
            })));
        } else if !said.is_empty() && !said.starts_with(b"#") {
            skipped.lines += 1;
            if skipped.first == 0 {
                skipped.first = u32::try_from(nth + 1).expect("few lines");
            }
        }
    }
    (hashes, skipped)
}
