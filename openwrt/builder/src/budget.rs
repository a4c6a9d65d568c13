//! What programs and packages may weigh: the file `openwrt/size-budget.txt`, and the verdict on what
//! they do weigh.

use crate::Result;
use crate::package::Variant;
use crate::target::Target;

/// One line of the file: how many bytes a target's program and its package had when they were last
/// looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) target: &'static Target,
    pub(crate) variant: Variant,
    pub(crate) weight: Weight,
}

/// Bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Weight {
    pub(crate) program: u64,
    pub(crate) package: u64,
}

/// How a number of bytes compares with what was allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// By more than one per cent.
    Grown,
    /// Within one per cent.
    Held,
    /// By more than one per cent: the file may hold that from now on.
    Shrunk,
}

/// Reads the file.
///
/// # Errors
///
/// If a line isn't a target, a variant and two numbers, or repeats another's target and variant. The
/// reason begins with the line's number.
pub(crate) fn parse(text: &str) -> Result<Vec<Entry>> {
    let mut entries: Vec<Entry> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let entry = entry(line).map_err(|reason| format!("{}: {reason}", index + 1))?;
        if entries
            .iter()
            .any(|other| (other.target, other.variant) == (entry.target, entry.variant))
        {
            return Err(format!(
                "{}: there is a line for this target and variant",
                index + 1
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
    for Entry {
        target,
        variant,
        weight,
    } in entries
    {
        text += &format!(
            "{:8} {:6} {:>8} {:>8}\n",
            target.name,
            variant.name(),
            weight.program,
            weight.package
        );
    }
    text
}

/// What to say of `now` where `allowed` was allowed.
pub(crate) fn verdict(now: u64, allowed: u64) -> Verdict {
    // Nothing here comes near where this would wrap.
    if now * 100 > allowed * 101 {
        Verdict::Grown
    } else if now * 100 < allowed * 99 {
        Verdict::Shrunk
    } else {
        Verdict::Held
    }
}

/// What the design wants a target to weigh at most: its program and its package.
pub(crate) fn goal(target: &Target) -> (Option<u64>, Option<u64>) {
    const KIB: u64 = 1024;
    match target.name {
        "mips" | "mipsel" => (Some(170 * KIB), Some(80 * KIB)),
        "armv7" => (Some(130 * KIB), None),
        _ => (None, None),
    }
}

fn entry(line: &str) -> Result<Entry> {
    let words: Vec<_> = line.split_whitespace().collect();
    let [target, variant, program, package] = words[..] else {
        return Err("not a target, a variant, and the bytes of a program and a package".to_owned());
    };
    let number = |word: &str| {
        word.parse::<u32>()
            .map_err(|_| format!("{word}: no number of bytes"))
    };
    Ok(Entry {
        target: Target::find(target)?,
        variant: Variant::find(variant)?,
        weight: Weight {
            program: number(program)?.into(),
            package: number(package)?.into(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "# One.\n# Two.\nmips     full     200000    90000\nmips     small    150000    70000\n";

    #[test]
    fn what_is_written_is_what_was_read() {
        let entries = parse(TEXT).unwrap();
        assert_eq!(entries.len(), 2);
        assert_eq!(entries[1].variant, Variant::Small);
        assert_eq!(
            entries[1].weight,
            Weight {
                program: 150_000,
                package: 70_000
            }
        );
        assert_eq!(render(TEXT, &entries), TEXT);
    }

    #[test]
    fn blanks_and_empty_lines_are_free() {
        assert_eq!(parse("\n  mips\tfull 1  2\n\n").unwrap().len(), 1);
        assert_eq!(parse(""), Ok(Vec::new()));
    }

    #[test]
    fn a_wrong_line_is_told_by_its_number() {
        for (text, reason) in [
            ("# x\nmips full 1\n", "2: not a target"),
            ("mips full 1 2 3\n", "1: not a target"),
            ("vax full 1 2\n", "1: vax: no such target"),
            ("mips tiny 1 2\n", "1: tiny: no such variant"),
            ("mips full 1k 2\n", "1: 1k: no number of bytes"),
            ("mips full 1 -2\n", "1: -2: no number of bytes"),
            (
                "mips full 1 4294967296\n",
                "1: 4294967296: no number of bytes",
            ),
            ("mips full 1 2\nmips full 3 4\n", "2: there is a line"),
        ] {
            let told = parse(text).unwrap_err();
            assert!(told.starts_with(reason), "{told}");
        }
    }

    #[test]
    fn one_per_cent_is_the_limit_both_ways() {
        assert_eq!(verdict(101_000, 100_000), Verdict::Held);
        assert_eq!(verdict(101_001, 100_000), Verdict::Grown);
        assert_eq!(verdict(99_000, 100_000), Verdict::Held);
        assert_eq!(verdict(98_999, 100_000), Verdict::Shrunk);
        assert_eq!(verdict(50, 50), Verdict::Held);
        assert_eq!(verdict(51, 50), Verdict::Grown);
        assert_eq!(verdict(1, 0), Verdict::Grown);
    }

    #[test]
    fn the_goals_are_the_designs() {
        let goal = |name| goal(Target::find(name).unwrap());
        assert_eq!(goal("mips"), (Some(174_080), Some(81_920)));
        assert_eq!(goal("mipsel"), goal("mips"));
        assert_eq!(goal("armv7"), (Some(133_120), None));
        assert_eq!(goal("x86_64"), (None, None));
    }
}
