//! The benches. They print figures as Markdown and assert none: times are for people to judge.
//!
//! `bench KIND`, each with `--quick` for a run that only shows that it runs. Other trackers are
//! measured where they are installed.
#![forbid(unsafe_code)]

mod compare;
mod growth;
mod gzip;
mod instructions;
mod limits;
mod lists;
mod memory;
mod rounds;
mod scrape;
mod speed;
mod state;
mod stats;
mod sync;
mod trackers;
mod workers;

use std::process::ExitCode;

use wrtracker_tests::{in_process, table};

const HELP: &str = "\
usage: bench KIND [--quick] [--svg FOLDER]

  compare       wrtracker beside opentracker and aquatic_udp, a line for each quantity
  limits        what becomes of announces and peers when ten times as many come as there is room for
  memory        bytes of memory per peer, for few large and many small swarms
  speed         replies per second and processor time per reply, over UDP and HTTP
  instructions  instructions per UDP announce, counted by valgrind
  growth        time per UDP announce by number of torrents and size of swarms, without sockets;
                drawn in FOLDER too
  gzip          size and speed of packed full scrapes, against general compressors
  lists         memory, time to load and time to ask of access lists
  state         size of the files of state, time to write them and to take them back
  stats         time per page of statistics, and per walk through a million peers
  scrape        time and memory of full scrapes, and how long announces wait meanwhile
  sync          time per announce that live sync adds, without sockets
  workers       replies per second with UDP workers, against the event loop

opentracker and aquatic_udp are measured too if they are on the search path, or where the variables
OPENTRACKER and AQUATIC_UDP say. An opentracker that the variable names beside the system's has a
column of its own in `compare`, which also builds aquatic's programs in the target folder, once.
";

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let quick = args.iter().any(|arg| arg == "--quick");
    let words: Vec<_> = args
        .iter()
        .map(String::as_str)
        .filter(|&arg| arg != "--quick")
        .collect();
    let result = match words[..] {
        ["growth", "--svg", folder] => growth::run(quick, Some(folder)),
        ["compare"] => compare::run(quick),
        ["limits"] => limits::run(quick),
        ["memory"] => memory::run(quick),
        ["speed"] => speed::run(quick),
        ["instructions"] => instructions::run(quick),
        ["growth"] => growth::run(quick, None),
        ["gzip"] => gzip::run(quick),
        // Where the constants of `core/src/gzip/codes.rs` come from.
        ["gzip", "codes"] => gzip::codes(),
        ["lists"] => lists::run(quick),
        ["state"] => state::run(quick),
        ["stats"] => stats::run(quick),
        ["scrape"] => scrape::run(quick),
        ["scrape", "in-process"] => scrape::in_process(quick),
        ["sync"] => sync::run(quick),
        ["workers"] => workers::run(quick),
        // What `instructions` has valgrind count.
        ["in-process", "scrape", form] => scrape::counted(form == "gzip"),
        ["in-process", count] => instructions::counted(count),
        _ => {
            eprint!("{HELP}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            eprintln!("bench: {what}");
            ExitCode::FAILURE
        }
    }
}

/// What goes wrong in a bench, for people.
type Failure = Box<dyn std::error::Error>;
