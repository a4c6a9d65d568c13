//! Asks a tracker as fast as it answers, and checks every answer. `load --help` tells how.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use wrtracker_tests::load::{self, options};

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args().skip(1).collect();
    if args.iter().any(|arg| arg == "--help" || arg == "-h") {
        print!("{}", options::HELP);
        return ExitCode::SUCCESS;
    }
    let (config, key_values) = match options::parse(&args) {
        Ok(parsed) => parsed,
        Err(what) => {
            eprintln!("load: {what}; load --help tells more");
            return ExitCode::from(2);
        }
    };
    match load::run(&config) {
        Ok(report) => {
            if key_values {
                println!("{}", options::key_values(&report));
            } else {
                print!("{}", options::describe(&report, &config));
            }
            if report.counts.wrong == 0 {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}
