//! UDP workers against the event loop: replies per second with all processors for tracker and load.
//!
//! Nothing is tied to a processor, since what is asked is what becomes of them together. On a
//! machine with two of them the load takes its share of both.

use std::time::Duration;

use wrtracker_tests::conf::Conf;
use wrtracker_tests::load::{self, Config, Extent, Report};
use wrtracker_tests::{in_process, server};

use crate::Failure;
use crate::memory::load_for;
use crate::rounds::ANNOUNCES;
use crate::table::{grouped, median, print};
use crate::trackers::{Running, build};

/// Threads of the load, each with a socket of its own: one client that asks as fast as it can, and
/// some.
const CLIENTS: [usize; 2] = [1, 4];

/// Numbers of workers.
const WORKERS: [u8; 4] = [0, 1, 2, 4];

/// Prints the table.
pub(crate) fn run(quick: bool) -> Result<(), Failure> {
    build()?;
    let rounds = if quick { 1 } else { 7 };
    let time = Duration::from_millis(if quick { 100 } else { 1_500 });
    let mut reports: Vec<Vec<Report>> = Vec::new();
    reports.resize_with(WORKERS.len() * CLIENTS.len(), Vec::new);
    for _ in 0..rounds {
        let settings = WORKERS
            .iter()
            .flat_map(|workers| CLIENTS.map(|clients| (*workers, clients)));
        for (place, (workers, clients)) in settings.enumerate() {
            reports[place].push(load_one(workers, clients, time)?);
        }
    }
    println!(
        "UDP announces, 30 peers wanted, 1,000 torrents of 100 peers, nothing tied to a processor:"
    );
    let rows: Vec<_> = WORKERS
        .iter()
        .zip(reports.chunks(CLIENTS.len()))
        .map(|(workers, of_clients)| {
            let mut row = vec![match workers {
                0 => "the event loop".to_owned(),
                1 => "1 worker".to_owned(),
                more => format!("{more} workers"),
            }];
            for reports in of_clients {
                let rates: Vec<_> = reports.iter().map(Report::rate).collect();
                let nanos: Vec<_> = reports.iter().filter_map(Report::nanos_per_reply).collect();
                for figures in [rates, nanos] {
                    row.push(median(&figures).map_or_else(String::new, grouped));
                }
            }
            row
        })
        .collect();
    print(
        &[
            "answered by",
            "1 client: replies/s",
            "ns of processor per reply",
            "4 clients: replies/s",
            "ns of processor per reply",
        ],
        &rows,
    );
    Ok(())
}

fn load_one(workers: u8, clients: usize, time: Duration) -> Result<Report, Failure> {
    let conf = Conf::new(format!(
        "listen.tcp_udp 127.0.0.1:0\nlisten.udp.workers {workers}\n"
    ));
    let mut command = server::command();
    command.args(["-f", conf.path(), "-m", "64M"]);
    let tracker = Running::own(command)?;
    let fill = load_for(&tracker, &in_process::work(1_000, 100));
    load::run(&Config {
        core: None,
        ..fill.clone()
    })?;
    Ok(load::run(&Config {
        mix: ANNOUNCES,
        wanted: 30,
        extent: Extent::Time(time),
        warm_up: time / 5,
        threads: clients,
        core: None,
        ..fill
    })?)
}
