//! The gate: what requests cost against the budget.

use std::fs;
use std::path::Path;

use wrtracker_tests::in_process::workload::Kind;

use crate::budget::{self, Entry, TOLERANCE, Verdict, change, verdict};
use crate::counter::Counter;
use crate::in_core;
use crate::processor::Processor;

/// Counts for all processors of the budget, or for these, and prints a line for each figure.
///
/// # Errors
///
/// If any has grown beyond the tolerance, unless the budget is to be updated.
pub(crate) fn run(processors: &[&'static Processor], update: bool) -> Result<(), String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../openwrt/instruction-budget.txt");
    let name = "openwrt/instruction-budget.txt";
    let text = fs::read_to_string(&path).map_err(|error| format!("{name}: {error}"))?;
    let mut entries = budget::parse(&text).map_err(|reason| format!("{name}:{reason}"))?;
    let chosen =
        choose(&entries, processors, update).map_err(|reason| format!("{name}: {reason}"))?;
    let mut counter = Counter::new()?;
    let mut counted = Vec::new();
    for processor in chosen {
        let figures = in_core::count(&mut counter, processor)?;
        counted.extend(Kind::ALL.into_iter().zip(figures).map(|(kind, now)| Entry {
            processor,
            kind,
            instructions: now,
        }));
    }
    let judged = judge(&entries, &counted);
    if !update {
        return judged;
    }
    take_over(&mut entries, &counted);
    fs::write(&path, budget::render(&text, &entries)).map_err(|error| format!("{name}: {error}"))
}

/// The processors to count for. Of each, all figures have a line, unless the budget is to be updated.
fn choose(
    entries: &[Entry],
    processors: &[&'static Processor],
    update: bool,
) -> Result<Vec<&'static Processor>, String> {
    let mut chosen: Vec<&'static Processor> = Vec::new();
    let budgeted = entries.iter().map(|entry| entry.processor);
    let named = processors.iter().copied();
    for processor in named.chain(budgeted.filter(|_| processors.is_empty())) {
        if !chosen.contains(&processor) {
            chosen.push(processor);
        }
    }
    if chosen.is_empty() {
        return Err("no lines; --update with a target adds some".to_owned());
    }
    for processor in &chosen {
        for kind in Kind::ALL {
            if !update && budget::find(entries, processor, kind).is_none() {
                return Err(format!(
                    "no line for {} {}; cargo instruction-gate --update {} adds it",
                    processor.name,
                    kind.name(),
                    processor.name
                ));
            }
        }
    }
    Ok(chosen)
}

/// Puts what was counted into the budget.
fn take_over(entries: &mut Vec<Entry>, counted: &[Entry]) {
    for now in counted {
        match budget::find(entries, now.processor, now.kind) {
            Some(index) => entries[index] = *now,
            None => entries.push(*now),
        }
    }
}

/// Prints what was counted, and says which of it has grown.
fn judge(entries: &[Entry], counted: &[Entry]) -> Result<(), String> {
    let mut grown = String::new();
    println!(
        "{:8} {:13} {:>12} {:>8}",
        "target", "request", "instructions", "budget"
    );
    for now in counted {
        let allowed = budget::find(entries, now.processor, now.kind)
            .map_or(now.instructions, |index| entries[index].instructions);
        let (target, request) = (now.processor.name, now.kind.name());
        let now = now.instructions;
        let change = change(now, allowed);
        let note = match verdict(now, allowed) {
            Verdict::Held => "",
            Verdict::Shrunk => "  shrunk: --update holds it there",
            Verdict::Grown => {
                grown += &format!("\n  {target} {request}: {now}, budget {allowed}, {change}");
                "  GROWN"
            }
        };
        println!("{target:8} {request:13} {now:>12} {allowed:>8} {change:>8}{note}");
    }
    if grown.is_empty() {
        return Ok(());
    }
    Err(format!(
        "instructions have grown by more than {TOLERANCE}%:{grown}\n\
         If that is worth it, cargo instruction-gate --update writes what there is now into \
         openwrt/instruction-budget.txt."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of one processor, each request costing so much.
    fn lines(target: &str, instructions: u64) -> Vec<Entry> {
        let processor = Processor::find(target).unwrap();
        let line = |kind| Entry {
            processor,
            kind,
            instructions,
        };
        Kind::ALL.map(line).to_vec()
    }

    #[test]
    fn growth_of_anything_fails_and_names_it() {
        let budget = [lines("mips", 1000), lines("armv7", 500)].concat();
        assert_eq!(judge(&budget, &budget), Ok(()));
        assert_eq!(judge(&budget, &lines("mips", 1030)), Ok(()));
        assert_eq!(judge(&budget, &lines("mips", 1)), Ok(()));
        let mut counted = lines("mips", 1000);
        counted[1].instructions = 1031;
        counted.extend(&lines("armv7", 500)[..3]);
        counted[7].instructions = 600;
        let reason = judge(&budget, &counted).unwrap_err();
        assert_eq!(
            reason,
            "instructions have grown by more than 3%:
  mips udp-announce: 1031, budget 1000, +3.10%
  armv7 udp-scrape-1: 600, budget 500, +20.00%
If that is worth it, cargo instruction-gate --update writes what there is now into openwrt/instruction-budget.txt."
        );
    }

    #[test]
    fn the_processors_are_those_named_or_those_of_the_budget() {
        let budget = [lines("mips", 1), lines("armv7", 1)].concat();
        let [mips, arm, armv7] =
            ["mips", "arm", "armv7"].map(|name| Processor::find(name).unwrap());
        assert_eq!(choose(&budget, &[], false), Ok(vec![mips, armv7]));
        assert_eq!(choose(&budget, &[armv7, armv7], false), Ok(vec![armv7]));
        assert_eq!(choose(&budget, &[arm], true), Ok(vec![arm]));
        let reason = choose(&budget, &[mips, arm], false).unwrap_err();
        assert!(
            reason.starts_with("no line for arm udp-connect;"),
            "{reason}"
        );
        let reason = choose(&budget[1..], &[], false).unwrap_err();
        assert!(
            reason.starts_with("no line for mips udp-connect;"),
            "{reason}"
        );
        assert!(choose(&[], &[], true).is_err());
    }

    #[test]
    fn an_update_replaces_lines_and_adds_those_that_are_missing() {
        let mut budget = lines("mips", 1);
        budget.remove(0);
        take_over(&mut budget, &lines("mips", 2));
        take_over(&mut budget, &lines("arm", 3));
        let sum: u64 = budget.iter().map(|entry| entry.instructions).sum();
        assert_eq!((budget.len(), sum), (10, 25));
    }

    #[test]
    fn the_budget_of_the_repository_is_whole() {
        let text = include_str!("../../../../openwrt/instruction-budget.txt");
        let entries = budget::parse(text).unwrap();
        assert!(choose(&entries, &[], false).is_ok());
        assert_eq!(budget::render(text, &entries), text);
    }
}
