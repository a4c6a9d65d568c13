//! Time per UDP announce, by number of torrents and size of swarms, without sockets.

mod plot;

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use wrtracker_tests::load::packets::Request;
use wrtracker_tests::load::work::Work;
use wrtracker_tests::process;

use crate::Failure;
use crate::in_process::{InProcess, bytes_for, memory_for, work};
use crate::table::{grouped, median, print};
use crate::trackers::TRACKER_CORE;
use plot::{Plot, Series};

const TORRENTS: [u32; 6] = [1, 1_000, 10_000, 100_000, 1_000_000, 10_000_000];
const SIZES: [u32; 8] = [1, 5, 30, 100, 1_000, 10_000, 100_000, 1_000_000];
const WANTED: i32 = 30;

/// Prints nanoseconds per announce with 30 peers wanted. A column is a size of swarms, a row a
/// number of torrents. With a folder, draws the same there: `growth-torrents.svg` and
/// `growth-swarms.svg`.
///
/// # Errors
///
/// If a reply is wrong or a picture can't be written.
pub(crate) fn run(quick: bool, pictures: Option<&str>) -> Result<(), Failure> {
    let (most, count) = if quick {
        (10_000, 2_000)
    } else {
        (10_000_000, 50_000)
    };
    process::pin(TRACKER_CORE);
    println!(
        "Combinations of more than {} peers are left out.",
        grouped(most as f64)
    );
    let mut times = Vec::new();
    for torrents in TORRENTS {
        for peers in SIZES {
            let work = work(torrents, peers);
            if work.len() <= most && has_memory(&work)? {
                times.push((torrents, peers, nanos(&work, count)?));
            }
        }
    }
    println!(
        "\nNanoseconds per UDP announce with {WANTED} peers wanted, in process, by size of swarms:"
    );
    print_all(&times);
    if let Some(folder) = pictures {
        let folder = Path::new(folder);
        fs::create_dir_all(folder)?;
        for (name, plot) in [
            ("growth-torrents.svg", by_torrents(&times)),
            ("growth-swarms.svg", by_swarms(&times)),
        ] {
            let file = folder.join(name);
            fs::write(&file, plot.svg())?;
            println!("{} is written.", file.display());
        }
    }
    Ok(())
}

/// Torrents, peers of each, and nanoseconds.
type Time = (u32, u32, f64);

/// Whether the machine has the memory free. If not, says so.
fn has_memory(work: &Work) -> Result<bool, Failure> {
    let (wanted, free) = (bytes_for(work), process::available_bytes()?);
    // Some is left to others.
    let enough = wanted < free / 4 * 3;
    if !enough {
        println!(
            "{} torrents of {} peers need {} MiB, {} are free: left out.",
            grouped(work.torrents.into()),
            grouped(work.peers.into()),
            wanted >> 20,
            free >> 20
        );
    }
    Ok(enough)
}

/// The median of five rounds of announces of random peers.
fn nanos(work: &Work, count: usize) -> Result<f64, Failure> {
    let mut memory = memory_for(work);
    let mut tracker = InProcess::filled(&mut memory, work)?;
    let mut times = Vec::new();
    for round in 0..5 {
        let requests = tracker.requests(count, Request::Announce(WANTED), round);
        let start = Instant::now();
        black_box(tracker.answer_all(&requests));
        times.push(start.elapsed().as_nanos() as f64 / count as f64);
    }
    Ok(median(&times).unwrap_or_default())
}

fn print_all(times: &[Time]) {
    let cell = |torrents: u32, peers: u32| {
        let time = times
            .iter()
            .find(|time| (time.0, time.1) == (torrents, peers));
        time.map_or(String::new(), |(.., nanos)| grouped(*nanos))
    };
    let rows: Vec<_> = TORRENTS
        .iter()
        .map(|&torrents| {
            let cells = SIZES.iter().map(|&peers| cell(torrents, peers));
            [grouped(torrents.into())]
                .into_iter()
                .chain(cells)
                .collect()
        })
        .collect();
    let mut head = vec!["torrents".to_owned()];
    head.extend(SIZES.iter().map(|&size| grouped(size.into())));
    let head: Vec<_> = head.iter().map(String::as_str).collect();
    print(&head, &rows);
}

fn by_torrents(times: &[Time]) -> Plot {
    Plot {
        title: "Time per UDP announce by number of torrents".into(),
        x: "torrents".into(),
        y: format!("nanoseconds per announce, {WANTED} peers wanted"),
        series: lines(
            times.iter().filter(|time| time.0 >= 1_000),
            |&(torrents, peers, nanos)| (peers, torrents, nanos),
            |peers| match peers {
                1 => "1 peer each".into(),
                _ => format!("{} peers each", grouped(peers.into())),
            },
        ),
    }
}

fn by_swarms(times: &[Time]) -> Plot {
    Plot {
        title: "Time per UDP announce by size of swarm".into(),
        x: "peers in each swarm".into(),
        y: format!("nanoseconds per announce, {WANTED} peers wanted"),
        series: lines(
            times.iter(),
            |&time| time,
            |torrents| match torrents {
                1 => "1 torrent".into(),
                _ => format!("{} torrents", grouped(torrents.into())),
            },
        ),
    }
}

/// One line for each value of what stays the same along it. A single point is none.
fn lines<'t>(
    times: impl Iterator<Item = &'t Time>,
    split: impl Fn(&Time) -> Time,
    name: impl Fn(u32) -> String,
) -> Vec<Series> {
    let mut all: Vec<_> = times.map(split).collect();
    // Stable: points stay from left to right.
    all.sort_by_key(|time| time.0);
    all.chunk_by(|one, other| one.0 == other.0)
        .filter(|line| line.len() > 1)
        .map(|line| Series {
            name: name(line[0].0),
            points: line
                .iter()
                .map(|&(_, along, nanos)| (along.into(), nanos))
                .collect(),
        })
        .collect()
}
