//! Instructions in user space per request on the processors of routers, of the program as routers get it.
//!
//! Time under an emulator says nothing of a router, and a router is no machine for measuring: so
//! instructions are counted. QEMU executes the program, and a plugin of its counts ([`counter`]): exactly,
//! and quickly enough for each change. What is told of a request is what more of them cost, divided by how
//! many more there were: what happens only once is not in it.
//!
//! - `instructions table [TARGET...]` prints a table, for people.
//! - `instructions gate [--update] [TARGET...]` fails when a figure is above `openwrt/instruction-budget.txt`.
#![forbid(unsafe_code)]

mod budget;
mod counter;
mod gate;
mod in_core;
mod in_program;
mod processor;

use std::env;
use std::process::ExitCode;

use wrtracker_tests::in_process::workload::Kind;
use wrtracker_tests::table::{grouped, print};

use counter::Counter;
use in_program::Asked;
use processor::{Processor, USUAL};

const HELP: &str = "\
usage: instructions table [TARGET...]
       instructions gate [--update] [TARGET...]

Targets are mipsel, mips, armv7, arm, aarch64 and x86_64. A table has x86_64, mipsel and armv7 if none is
named, the gate those of the budget.
";

fn main() -> ExitCode {
    let mut words: Vec<_> = env::args().skip(1).collect();
    let update = words.iter().any(|word| word == "--update");
    words.retain(|word| word != "--update");
    let Some((command, rest)) = words.split_first() else {
        eprint!("{HELP}");
        return ExitCode::from(2);
    };
    let find = |name: &String| Processor::find(name);
    let result = match (command.as_str(), rest.iter().map(find).collect()) {
        (_, Err(reason)) => Err(reason),
        ("table", Ok(processors)) if !update => table(processors),
        ("gate", Ok(processors)) => gate::run(&processors, update),
        _ => {
            eprint!("{HELP}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            eprintln!("instructions: {what}");
            ExitCode::FAILURE
        }
    }
}

fn table(mut processors: Vec<&'static Processor>) -> Result<(), String> {
    if processors.is_empty() {
        let usual = USUAL.into_iter().map(Processor::find);
        processors = usual.collect::<Result<_, _>>()?;
    }
    let mut counter = Counter::new()?;
    let core = Kind::ALL.into_iter().map(Kind::description);
    let program = Asked::ALL.into_iter().map(Asked::description);
    let mut rows: Vec<_> = core
        .chain(program)
        .map(|what| vec![what.to_owned()])
        .collect();
    let mut head = vec!["instructions per request"];
    for processor in processors {
        head.push(processor.name);
        let mut figures = in_core::count(&mut counter, processor)?;
        figures.extend(in_program::count(&mut counter, processor)?);
        for (row, figure) in rows.iter_mut().zip(figures) {
            row.push(grouped(figure as f64));
        }
    }
    print(&head, &rows);
    Ok(())
}

/// What each of `more` requests cost beyond the first ones, rounded.
fn per_request(few: u64, many: u64, more: u64) -> u64 {
    (many.saturating_sub(few) + more / 2) / more
}

#[cfg(test)]
mod tests {
    use super::per_request;

    #[test]
    fn what_happens_once_is_not_in_a_figure() {
        assert_eq!(per_request(7_000 + 10 * 80, 7_000 + 20 * 80, 10), 80);
        assert_eq!(per_request(0, 15, 10), 2);
        assert_eq!(per_request(0, 14, 10), 1);
        assert_eq!(per_request(5, 4, 10), 0);
    }
}
