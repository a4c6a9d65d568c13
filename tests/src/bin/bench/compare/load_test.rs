//! The same trackers under the load of `aquatic_udp_load_test`, so that figures don't depend on our
//! own client.

use std::fs;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::thread;

use wrtracker_tests::folder::Folder;
use wrtracker_tests::process;

use super::columns::Column;
use super::lines::{self, Better, Line};
use super::recorder::Recorder;
use crate::Failure;
use crate::in_process::work;
use crate::table::median;
use crate::trackers::rivals::Rival;
use crate::trackers::{Killed, LOAD_CORE, Program};

const TORRENTS: u64 = 10_000;
const PEERS: u64 = 100_000;
/// The tool counts in steps of five seconds; the first step fills the tracker.
const SECONDS: u32 = 10;
const COUNTED: u32 = 5;
const ROUNDS: usize = 3;

/// Prints the table.
pub(super) fn run(columns: &[Column], quick: bool) -> Result<(), Failure> {
    if quick {
        println!("\naquatic_udp_load_test takes too long for --quick: left out.");
        return Ok(());
    }
    if let Err(reason) = Rival::LoadTest.install() {
        println!("\n{reason}: left out.");
        return Ok(());
    }
    let torrents = match recorded() {
        Ok(torrents) => torrents,
        Err(error) => {
            println!("\naquatic_udp_load_test can't be run: {error}: left out.");
            return Ok(());
        }
    };
    let mut rates = vec![Vec::new(); columns.len()];
    let mut errors = vec![0.0; columns.len()];
    for round in 0..ROUNDS {
        let mut order: Vec<_> = (0..columns.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for nth in order {
            let column = &columns[nth];
            match load(column.under_udp, &torrents) {
                Ok(report) => {
                    rates[nth].push(report.replies);
                    errors[nth] += report.errors / ROUNDS as f64;
                }
                Err(error) => println!("{}: {error}: not counted.", column.name),
            }
        }
    }
    println!(
        "\nUnder aquatic_udp_load_test: {TORRENTS} torrents, {PEERS} peers, 30 wanted, connects, \
         announces and scrapes as 50 : 50 : 1; medians of {ROUNDS} rounds in turn, as that tool tells \
         them."
    );
    for (column, errors) in columns.iter().zip(&errors) {
        if *errors > 0.0 {
            println!(
                "{}: {errors:.0} of them per second are errors.",
                column.name
            );
        }
    }
    let names: Vec<_> = columns.iter().map(|column| column.name).collect();
    let figures = rates.iter().map(|rates| median(rates)).collect();
    let line = Line::new("replies/s", Better::Higher, figures);
    lines::show(&names, &[line], false);
    Ok(())
}

/// What the tool says of one run.
struct Report {
    /// Replies per second, errors included.
    replies: f64,
    /// Those of them that are errors.
    errors: f64,
}

/// Which torrents the tool asks for: it draws the same ones in each run.
fn recorded() -> Result<Vec<[u8; 20]>, Failure> {
    let recorder = Recorder::new()?;
    let folder = Folder::new("bench");
    // No seconds are no end.
    let mut command = command(recorder.address()?, 0, 0, &folder)?;
    let _tool = Killed(
        command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?,
    );
    // Each peer comes once in so many: what is lost on the way comes again.
    Ok(recorder.record(3 * PEERS)?)
}

/// Has the tool ask a tracker that is started afresh.
fn load(program: Program, torrents: &[[u8; 20]]) -> Result<Report, Failure> {
    let tracker = program.start_on_port(&work(1, 1), torrents)?;
    let folder = Folder::new("bench");
    let mut command = command(tracker.udp, SECONDS, COUNTED, &folder)?;
    // Its threads inherit the core of the one that starts it.
    let output = thread::scope(|scope| {
        let run = scope.spawn(|| {
            process::pin(LOAD_CORE);
            command.output()
        });
        run.join().map_err(|_| "the tool does not start")
    })??;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    parse(&said).ok_or_else(|| format!("the tool says nothing of replies:\n{said}").into())
}

/// The report at the end of what the tool says.
fn parse(said: &str) -> Option<Report> {
    let (_, report) = said.split_once("load test report")?;
    let figure = |name: &str| {
        let (_, rest) = report.split_once(name)?;
        rest.split_whitespace().next()?.parse().ok()
    };
    Some(Report {
        replies: figure("Average responses per second:")?,
        errors: figure("Error responses:")?,
    })
}

fn command(
    server: SocketAddr,
    seconds: u32,
    counted: u32,
    folder: &Folder,
) -> Result<Command, Failure> {
    let config = folder.join("config");
    let text = format!(
        "server_address = \"{server}\"\nworkers = 1\nduration = {seconds}\n\
         summarize_last = {counted}\nextra_statistics = false\n\
         [requests]\nnumber_of_torrents = {TORRENTS}\nnumber_of_peers = {PEERS}\n\
         announce_peers_wanted = 30\nweight_connect = 50\nweight_announce = 50\n\
         weight_scrape = 1\n"
    );
    fs::write(&config, text)?;
    let mut command = Command::new(Rival::LoadTest.file());
    command.arg("-c").arg(config).stdin(Stdio::null());
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_at_the_end_counts() {
        let said = "Responses in: 1.00/second\n  - Error responses:    9.00\n\n\
                    # a load test report\n\nAverage responses per second: 2000.50\n\
                      - Connect responses:  1000.00\n  - Error responses:    0.50\n";
        let report = parse(said).unwrap();
        assert_eq!((report.replies, report.errors), (2000.5, 0.5));
        assert!(parse("Average responses per second: 1").is_none());
    }
}
