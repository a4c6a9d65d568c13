//! A full scrape without sockets: what the core takes for it, call by call.

use std::hint::black_box;
use std::net::SocketAddr;
use std::time::Instant;

use wrtracker_core::http::{BUFFER_BYTES, Connections, LARGEST_REPLY, Next, Slot};
use wrtracker_core::tracker::Tracker;

use crate::Failure;
use crate::in_process::{InProcess, NOW, memory_for, work};
use crate::table::{grouped, median, print};

/// Prints the time of a full scrape and of its longest call, by torrents and workspace.
pub(crate) fn run(quick: bool) -> Result<(), Failure> {
    let shapes: &[(u32, u32)] = if quick {
        &[(2_000, 5)]
    } else {
        &[(20_000, 5), (200_000, 5), (1_000_000, 1)]
    };
    let mut rows = Vec::new();
    for &(torrents, peers) in shapes {
        let work = work(torrents, peers);
        let mut memory = memory_for(&work);
        let mut filled = InProcess::filled(&mut memory, &work)?;
        // What an operator's limit gives: a little over a thousandth, and the most.
        let thousandth = (80 * torrents + 24 * torrents * peers) / 1024 / 4;
        for words in [thousandth.next_multiple_of(1024), 64 << 10] {
            let workspace = vec![0; words as usize];
            filled.tracker_mut().set_workspace(workspace.leak());
            let mut row = vec![
                format!("{} x {peers}", grouped(torrents.into())),
                format!("{} KiB", words * 4 / 1024),
            ];
            for gzip in [false, true] {
                let (mut totals, mut longest) = (Vec::new(), Vec::new());
                let mut calls = 0;
                for _ in 0..if quick { 1 } else { 5 } {
                    let times = scrape(filled.tracker_mut(), gzip)?;
                    calls = times.len();
                    totals.push(times.iter().sum::<f64>());
                    longest.push(times.into_iter().fold(0.0, f64::max));
                }
                row.push(calls.to_string());
                // What else runs on the machine makes a call longer and never shorter.
                let longest = longest.into_iter().fold(f64::INFINITY, f64::min);
                row.push(format!("{:.1}", median(&totals).unwrap_or_default() * 1e3));
                row.push(format!("{:.0}", longest * 1e6));
            }
            rows.push(row);
        }
    }
    println!("\nA full scrape in process, all calls and the longest of them:");
    print(
        &[
            "torrents x peers",
            "workspace",
            "plain: calls",
            "ms",
            "longest, us",
            "gzip: calls",
            "ms",
            "longest, us",
        ],
        &rows,
    );
    Ok(())
}

/// Has valgrind count one full scrape of 20,000 torrents.
pub(crate) fn counted(gzip: bool) -> Result<(), Failure> {
    let work = work(20_000, 5);
    let mut memory = memory_for(&work);
    let mut filled = InProcess::filled(&mut memory, &work)?;
    filled.tracker_mut().set_workspace(vec![0; 8 << 10].leak());
    black_box(scrape(filled.tracker_mut(), gzip)?);
    Ok(())
}

/// The seconds of each call of one full scrape. Never inlined: a profiler asks for it by its name.
#[inline(never)]
fn scrape(tracker: &mut Tracker<'_>, gzip: bool) -> Result<Vec<f64>, Failure> {
    let mut slots = [Slot::EMPTY];
    let mut buffers = vec![0; BUFFER_BYTES];
    let mut out = vec![0; LARGEST_REPLY];
    let mut connections = Connections::new(&mut slots, &mut buffers);
    let id = connections
        .open(SocketAddr::from(([11, 0, 0, 1], 40_000)), NOW)
        .id;
    let request: &[u8] = if gzip {
        b"GET /scrape HTTP/1.1\r\nConnection: close\r\nAccept-Encoding: gzip\r\n\r\n"
    } else {
        b"GET /scrape HTTP/1.1\r\nConnection: close\r\n\r\n"
    };
    let mut turn = connections.receive(id, request, tracker, NOW, &mut out);
    let mut times = Vec::new();
    while turn.next == Next::Resume {
        black_box(&out[..turn.written]);
        let start = Instant::now();
        turn = connections.resume(id, tracker, NOW, &mut out);
        times.push(start.elapsed().as_secs_f64());
    }
    if turn.next == Next::Close {
        Ok(times)
    } else {
        Err(format!("a full scrape stopped: {turn:?}").into())
    }
}
