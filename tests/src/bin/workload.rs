//! Answers requests in process: `workload KIND COUNT`. That is what `cargo instruction-gate` and
//! `cargo bench-instructions-routers` count the instructions of, built as the program for routers is.
#![forbid(unsafe_code)]

use std::env;
use std::process::ExitCode;

use wrtracker_tests::in_process::workload::Kind;

fn main() -> ExitCode {
    let words: Vec<_> = env::args().skip(1).collect();
    let parsed = match &words[..] {
        [kind, count] => Kind::find(kind).zip(count.parse().ok()),
        _ => None,
    };
    let Some((kind, count)) = parsed else {
        let names = Kind::ALL.map(Kind::name).join(" | ");
        eprintln!("usage: workload {names} COUNT");
        return ExitCode::from(2);
    };
    match kind.run(count) {
        Ok(answered) => {
            println!("{answered}");
            ExitCode::SUCCESS
        }
        Err(what) => {
            eprintln!("workload: {what}");
            ExitCode::FAILURE
        }
    }
}
