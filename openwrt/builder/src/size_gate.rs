//! The gate on bytes: builds what the budget names, weighs it, and fails when it has grown.

use std::ffi::OsString;
use std::fs;

use crate::Result;
use crate::budget::{self, Entry, Verdict, Weight, verdict};
use crate::contents;
use crate::cross::{self, Product};
use crate::ipk::Ipk;
use crate::package::Variant;
use crate::release;
use crate::symbols;
use crate::target::Target;

/// Builds and weighs all lines of the budget, or those of these targets, and prints a table and the
/// largest symbols of the first one.
///
/// # Errors
///
/// If anything has grown by more than one per cent, unless the budget is to be updated.
pub(crate) fn run(targets: &[&'static Target], update: bool) -> Result<()> {
    let path = release::root().join("openwrt/size-budget.txt");
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut entries =
        budget::parse(&text).map_err(|reason| format!("{}:{reason}", path.display()))?;
    let chosen = choose(&mut entries, targets, update)?;
    cross::prepare(
        &chosen
            .iter()
            .map(|index| entries[*index].target)
            .collect::<Vec<_>>(),
    )?;

    // First, so that the build that is measured is also the one that stays.
    let first = chosen
        .first()
        .ok_or_else(|| format!("{}: no lines", path.display()))?;
    let (target, variant) = (entries[*first].target, entries[*first].variant);
    let symbols = symbols::largest(&with_symbols(target, variant)?, LARGEST)?;

    let mut rows = Vec::new();
    for index in &chosen {
        let entry = &mut entries[*index];
        let now = weigh(entry)?;
        rows.push(Row { entry: *entry, now });
        if update {
            entry.weight = now;
        }
    }
    print!("{}", table(&rows));
    println!(
        "\nThe {LARGEST} largest symbols of {} {}:",
        target.name,
        variant.name()
    );
    for symbol in symbols {
        println!("{symbol}");
    }
    println!();
    if update {
        return fs::write(&path, budget::render(&text, &entries))
            .map_err(|error| format!("{}: {error}", path.display()));
    }
    judge(&rows)
}

/// Which entries to look at. A target that has none gets them when the budget is updated.
fn choose(
    entries: &mut Vec<Entry>,
    targets: &[&'static Target],
    update: bool,
) -> Result<Vec<usize>> {
    for target in targets {
        if entries.iter().any(|entry| entry.target == *target) {
            continue;
        }
        if !update {
            return Err(format!(
                "{}: not in the budget; --update adds it",
                target.name
            ));
        }
        for variant in [Variant::Full, Variant::Small] {
            entries.push(Entry {
                target,
                variant,
                weight: Weight {
                    program: 0,
                    package: 0,
                },
            });
        }
    }
    let chosen = |entry: &Entry| targets.is_empty() || targets.contains(&entry.target);
    Ok((0..entries.len())
        .filter(|index| chosen(&entries[*index]))
        .collect())
}

/// Builds a program and its package.
fn weigh(entry: &Entry) -> Result<Weight> {
    let program = cross::build(entry.target, entry.variant)?;
    let ipk = Ipk {
        variant: entry.variant,
        version: &release::full_version()?,
        architecture: entry.target.architecture().name,
        time: release::time()?,
    };
    let package = ipk.bytes(&contents::tree(entry.variant, &program)?)?;
    Ok(Weight {
        program: program.len() as u64,
        package: package.len() as u64,
    })
}

/// The same program as it is before its symbols are taken away.
fn with_symbols(target: &Target, variant: Variant) -> Result<Vec<u8>> {
    let mut arguments: Vec<OsString> =
        ["rustc", "--locked", "-p", "wrtracker", "--bin", "wrtracker"]
            .map(Into::into)
            .into();
    arguments.extend(cross::common_arguments(target, variant));
    arguments.extend(["--", "-Cstrip=none"].map(Into::into));
    cross::cargo(&arguments)?;
    let path = Product::Tracker.path(target);
    cross::read(&path)
}

/// An entry of the budget, and what it weighs now.
struct Row {
    entry: Entry,
    now: Weight,
}

impl Row {
    /// What is weighed: its name, its bytes, what was allowed, and what is wanted.
    fn things(&self) -> [(&'static str, u64, u64, Option<u64>); 2] {
        let Self { entry, now } = self;
        let (program, package) = budget::goal(entry.target);
        [
            ("program", now.program, entry.weight.program, program),
            ("ipk", now.package, entry.weight.package, package),
        ]
    }
}

fn table(rows: &[Row]) -> String {
    let mut text = format!(
        "{:8} {:6} {:8} {:>8} {:>8} {:>8}  {:>8}\n",
        "target", "", "", "bytes", "budget", "", "goal"
    );
    for row in rows {
        for (thing, now, allowed, goal) in row.things() {
            let goal = match goal {
                Some(goal) if now <= goal => format!("{goal:>8}  reached"),
                Some(goal) => format!("{goal:>8}  {} over", now - goal),
                None => String::new(),
            };
            let line = format!(
                "{:8} {:6} {thing:8} {now:>8} {allowed:>8} {:>8}  {goal}",
                row.entry.target.name,
                row.entry.variant.name(),
                change(now, allowed)
            );
            text += line.trim_end();
            text.push('\n');
        }
    }
    text
}

/// A change in per cent with two digits, or nothing where there was nothing.
fn change(now: u64, allowed: u64) -> String {
    if allowed == 0 {
        return "new".to_owned();
    }
    let sign = if now < allowed { '-' } else { '+' };
    let hundredths = now.abs_diff(allowed) * 10_000 / allowed;
    format!("{sign}{}.{:02}%", hundredths / 100, hundredths % 100)
}

fn judge(rows: &[Row]) -> Result<()> {
    let mut grown = Vec::new();
    for row in rows {
        for (thing, now, allowed, _) in row.things() {
            let name = format!(
                "{} {} {thing}",
                row.entry.target.name,
                row.entry.variant.name()
            );
            match verdict(now, allowed) {
                Verdict::Grown => grown.push(name),
                Verdict::Shrunk => println!("{name}: shrunk; --update holds it there"),
                Verdict::Held => {}
            }
        }
    }
    if grown.is_empty() {
        return Ok(());
    }
    Err(format!(
        "grown by more than 1%: {}; if that is worth it, cargo size-gate --update",
        grown.join(", ")
    ))
}

const LARGEST: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn row(target: &str, allowed: (u64, u64), now: (u64, u64)) -> Row {
        let weight = |(program, package)| Weight { program, package };
        let target = Target::find(target).unwrap();
        let entry = Entry {
            target,
            variant: Variant::Full,
            weight: weight(allowed),
        };
        Row {
            entry,
            now: weight(now),
        }
    }

    #[test]
    fn the_table_holds_bytes_against_budget_and_goal() {
        let rows = [
            row("mips", (180_000, 80_000), (182_700, 79_000)),
            row("x86_64", (100_000, 0), (100_000, 50_000)),
        ];
        assert_eq!(
            table(&rows),
            "\
target                      bytes   budget               goal
mips     full   program    182700   180000   +1.50%    174080  8620 over
mips     full   ipk         79000    80000   -1.25%     81920  reached
x86_64   full   program    100000   100000   +0.00%
x86_64   full   ipk         50000        0      new
"
        );
    }

    #[test]
    fn growth_of_anything_fails_and_names_it() {
        assert_eq!(judge(&[row("mips", (1000, 500), (1010, 505))]), Ok(()));
        assert_eq!(judge(&[row("mips", (1000, 500), (900, 400))]), Ok(()));
        let reason = judge(&[
            row("mips", (1000, 500), (1000, 506)),
            row("armv7", (1000, 500), (1011, 500)),
        ])
        .unwrap_err();
        assert!(
            reason.contains("mips full ipk, armv7 full program;"),
            "{reason}"
        );
    }

    #[test]
    fn a_target_that_is_not_in_the_budget_is_added_by_an_update_alone() {
        let mips = Target::find("mips").unwrap();
        let arm = Target::find("arm").unwrap();
        let entries = budget::parse("mips full 1 2\nmips small 1 2\n").unwrap();
        let choose = |targets: &[&'static Target], update| {
            let mut entries = entries.clone();
            let chosen = choose(&mut entries, targets, update)?;
            Ok::<_, String>((entries.len(), chosen))
        };
        assert_eq!(choose(&[], false), Ok((2, vec![0, 1])));
        assert_eq!(choose(&[mips], false), Ok((2, vec![0, 1])));
        assert_eq!(choose(&[arm], true), Ok((4, vec![2, 3])));
        assert!(
            choose(&[arm], false)
                .unwrap_err()
                .contains("not in the budget")
        );
    }
}
