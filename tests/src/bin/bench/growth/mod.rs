//! Time per UDP announce, by number of torrents and size of swarms, without sockets.

use std::hint::black_box;
use std::time::Instant;

use wrtracker_tests::process;

use crate::Failure;
use crate::in_process::{InProcess, memory_for, work};
use crate::table::{median, print};
use crate::trackers::TRACKER_CORE;

/// Prints nanoseconds per announce with 30 peers wanted. A column is a size of swarms, a row a
/// number of torrents; combinations of more than `most` peers are left out.
pub(crate) fn run(quick: bool) -> Result<(), Failure> {
    const SIZES: [u32; 8] = [1, 5, 30, 100, 1_000, 10_000, 100_000, 1_000_000];
    let (most, count) = if quick {
        (10_000, 2_000)
    } else {
        (4_000_000, 50_000)
    };
    process::pin(TRACKER_CORE);
    let mut rows = Vec::new();
    for torrents in [1, 1_000, 10_000, 100_000, 1_000_000_u32] {
        let mut row = vec![torrents.to_string()];
        for peers in SIZES {
            let work = work(torrents, peers);
            if work.len() > most {
                row.push(String::new());
                continue;
            }
            let mut memory = memory_for(&work);
            let mut tracker = InProcess::filled(&mut memory, &work)?;
            let mut times = Vec::new();
            for round in 0..5 {
                let requests = tracker.requests(count, 30, round);
                let start = Instant::now();
                black_box(tracker.answer_all(&requests));
                times.push(start.elapsed().as_nanos() as f64 / count as f64);
            }
            let time = median(&times).unwrap_or_default();
            row.push(format!("{time:.0}"));
        }
        rows.push(row);
    }
    println!("Nanoseconds per UDP announce with 30 peers wanted, in process, by size of swarms:");
    let mut head = vec!["torrents".to_owned()];
    head.extend(SIZES.iter().map(ToString::to_string));
    let head: Vec<_> = head.iter().map(String::as_str).collect();
    print(&head, &rows);
    Ok(())
}
