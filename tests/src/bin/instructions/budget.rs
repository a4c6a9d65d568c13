//! How many instructions a request may cost: the file `openwrt/instruction-budget.txt`, and the
//! verdict on what it does cost.

use wrtracker_tests::in_process::workload::Kind;

use crate::processor::Processor;

/// How much more than the budget is let pass, in per cent: for small choices of the compiler's that
/// come with any change of the source. What is counted is the same each time.
pub(crate) const TOLERANCE: u64 = 3;

/// One line of the file: what a request cost on a processor when somebody last looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) processor: &'static Processor,
    pub(crate) kind: Kind,
    /// At least 1.
    pub(crate) instructions: u64,
}

/// How a number of instructions compares with what was allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// By more than the tolerance.
    Grown,
    /// Within it.
    Held,
    /// By more than the tolerance: the file may hold that from now on.
    Shrunk,
}

/// Reads the file.
///
/// # Errors
///
/// If a line isn't a target, a request and a number, or repeats another's target and request. The
/// reason begins with the line's number.
pub(crate) fn parse(text: &str) -> Result<Vec<Entry>, String> {
    let mut entries: Vec<Entry> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let entry = entry(line).map_err(|reason| format!("{number}: {reason}"))?;
        if find(&entries, entry.processor, entry.kind).is_some() {
            return Err(format!(
                "{number}: there is a line for this target and request"
            ));
        }
        entries.push(entry);
    }
    Ok(entries)
}

/// The file with these entries, and the comments that it had.
pub(crate) fn render(text: &str, entries: &[Entry]) -> String {
    let comments = text.lines().filter(|line| line.starts_with('#'));
    let mut text: String = comments.map(|line| format!("{line}\n")).collect();
    for entry in entries {
        text += &format!(
            "{:8} {:13} {:>7}\n",
            entry.processor.name,
            entry.kind.name(),
            entry.instructions
        );
    }
    text
}

/// The line for a processor and a kind of request.
pub(crate) fn find(entries: &[Entry], processor: &Processor, kind: Kind) -> Option<usize> {
    entries
        .iter()
        .position(|entry| entry.processor == processor && entry.kind == kind)
}

/// What to say of `now` where `allowed` was allowed. Both have 32 bits at most.
pub(crate) fn verdict(now: u64, allowed: u64) -> Verdict {
    if now * 100 > allowed * (100 + TOLERANCE) {
        Verdict::Grown
    } else if now * 100 < allowed * (100 - TOLERANCE) {
        Verdict::Shrunk
    } else {
        Verdict::Held
    }
}

/// A change in per cent with two digits.
pub(crate) fn change(now: u64, allowed: u64) -> String {
    let sign = if now < allowed { '-' } else { '+' };
    let hundredths = now.abs_diff(allowed) * 10_000 / allowed.max(1);
    format!("{sign}{}.{:02}%", hundredths / 100, hundredths % 100)
}

fn entry(line: &str) -> Result<Entry, String> {
    let words: Vec<_> = line.split_whitespace().collect();
    let [target, request, number] = words[..] else {
        return Err("not a target, a request, and a number of instructions".to_owned());
    };
    Ok(Entry {
        processor: Processor::find(target)?,
        kind: kind(request)?,
        instructions: match number.parse::<u32>() {
            Ok(instructions @ 1..) if !number.starts_with('+') => instructions.into(),
            _ => return Err(format!("{number}: no number of instructions")),
        },
    })
}

fn kind(name: &str) -> Result<Kind, String> {
    Kind::find(name).ok_or_else(|| {
        let names = Kind::ALL.map(Kind::name).join(", ");
        format!("{name}: no such request; there are {names}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# One.
# Two.
mipsel   udp-announce     8015
armv7    http-announce   30000
";

    #[test]
    fn what_is_written_is_what_was_read() {
        let entries = parse(TEXT).unwrap();
        assert_eq!(entries.len(), 2);
        assert_eq!(entries[0].processor.name, "mipsel");
        assert_eq!(entries[0].instructions, 8015);
        assert_eq!(entries[1].kind.name(), "http-announce");
        assert_eq!(render(TEXT, &entries), TEXT);
    }

    #[test]
    fn blanks_and_empty_lines_are_free() {
        let text = "\n  mips\tudp-connect  1 \r\n   \nmips udp-scrape-1 4294967295";
        let entries = parse(text).unwrap();
        assert_eq!(entries.len(), 2);
        assert_eq!(entries[1].instructions, u64::from(u32::MAX));
        assert_eq!(parse(""), Ok(Vec::new()));
    }

    #[test]
    fn a_wrong_line_is_told_by_its_number() {
        for (text, reason) in [
            ("# x\nmips udp-announce\n", "2: not a target"),
            ("mips udp-announce 1 2\n", "1: not a target"),
            ("mips\n", "1: not a target"),
            (" # x\n", "1: not a target"),
            ("\u{feff}mips udp-announce 1\n", "1: \u{feff}mips: no such"),
            ("vax udp-announce 1\n", "1: vax: no such target"),
            ("MIPS udp-announce 1\n", "1: MIPS: no such target"),
            ("mips udp 1\n", "1: udp: no such request"),
            ("mips udp-announce 8,015\n", "1: 8,015: no number"),
            ("mips udp-announce -1\n", "1: -1: no number"),
            ("mips udp-announce +1\n", "1: +1: no number"),
            ("mips udp-announce 0\n", "1: 0: no number"),
            ("mips udp-announce 1e3\n", "1: 1e3: no number"),
            (
                "mips udp-announce 4294967296\n",
                "1: 4294967296: no number of instructions",
            ),
            (
                "mips udp-announce 1\narmv7 udp-announce 1\nmips udp-announce 1\n",
                "3: there is a line",
            ),
            (
                "mips udp-announce 1\nmips-unknown-linux-musl udp-announce 1\n",
                "2: there is a line",
            ),
        ] {
            let told = parse(text).unwrap_err();
            assert!(told.starts_with(reason), "{text:?}: {told}");
        }
    }

    #[test]
    fn three_per_cent_are_the_limit_both_ways() {
        assert_eq!(verdict(10_300, 10_000), Verdict::Held);
        assert_eq!(verdict(10_301, 10_000), Verdict::Grown);
        assert_eq!(verdict(9_700, 10_000), Verdict::Held);
        assert_eq!(verdict(9_699, 10_000), Verdict::Shrunk);
        assert_eq!(verdict(50, 50), Verdict::Held);
        assert_eq!(verdict(0, 1), Verdict::Shrunk);
        let most = u64::from(u32::MAX);
        assert_eq!(verdict(most, most), Verdict::Held);
        assert_eq!(verdict(most, most / 2), Verdict::Grown);
    }

    #[test]
    fn a_change_has_a_sign_and_two_digits() {
        assert_eq!(change(10_123, 10_000), "+1.23%");
        assert_eq!(change(9_999, 10_000), "-0.01%");
        assert_eq!(change(7, 7), "+0.00%");
        assert_eq!(change(30, 10), "+200.00%");
    }
}
