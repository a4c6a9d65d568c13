//! Time per page of statistics, and of the walks through a million peers, without sockets.

use std::hint::black_box;
use std::net::Ipv4Addr;
use std::num::NonZeroU16;
use std::time::Instant;

use wrtracker_core::policy::Policy;
use wrtracker_core::random::Random;
use wrtracker_core::stats::{LARGEST_PAGE, Mode, Networks, Top, emit};
use wrtracker_core::store::{Progress, Status, Store};
use wrtracker_core::wire::{InfoHash, Out, PeerAddr};
use wrtracker_tests::process;

use crate::Failure;
use crate::in_process::{InProcess, NOW, memory_for, work};
use crate::table::{grouped, median, print};
use crate::trackers::TRACKER_CORE;

/// Pages of the store in a step.
const STEP: u32 = 64;
const WORKSPACE: usize = 4096;

const PAGES: [(&str, Mode); 6] = [
    ("peer", Mode::Peer),
    ("herr", Mode::Herr),
    ("renew", Mode::Renew),
    ("everything", Mode::Everything),
    ("json", Mode::Json),
    ("metrics", Mode::Metrics),
];

/// Prints nanoseconds per page, and for some shapes of a million peers the milliseconds of each
/// walk and the longest step of it.
pub(crate) fn run(quick: bool) -> Result<(), Failure> {
    let (shapes, rounds) = if quick {
        ([(1, 1_000), (100, 10), (1_000, 1)], 10)
    } else {
        ([(20, 50_000), (200_000, 5), (1_000_000, 1)], 20_000)
    };
    process::pin(TRACKER_CORE);
    let mut walks = Vec::new();
    for (torrents, peers) in shapes {
        let work = work(torrents, peers);
        let mut memory = memory_for(&work);
        let filled = InProcess::filled(&mut memory, &work)?;
        let name = format!("{torrents} x {peers}");
        walks.push(walked(name, filled.tracker().part(0).store()));
        if walks.len() == 1 {
            pages(&filled, rounds);
        }
    }
    // Of the addresses above many are of one network: these are of hardly any.
    let mut memory = memory_for(&work(1_000, 1_000));
    let store = scattered(&mut memory, if quick { 1_000 } else { 1_000_000 })?;
    walks.push(walked("1000 x 1000, from everywhere".to_owned(), &store));
    println!("Milliseconds of walks through the store, all and the longest step of {STEP} pages:");
    print(
        &[
            "torrents x peers",
            "top10",
            "step",
            "top100",
            "step",
            "s24s",
            "step",
        ],
        &walks,
    );
    Ok(())
}

/// A row of the table of walks.
fn walked(name: String, store: &Store<'_>) -> Vec<String> {
    let mut row = vec![name];
    for walk in [top10, top100, networks] {
        let mut totals = Vec::new();
        let mut longest = Vec::new();
        for _ in 0..5 {
            let mut steps = Vec::new();
            walk(store, &mut steps);
            totals.push(steps.iter().sum::<f64>());
            longest.push(steps.iter().fold(0.0, |one: f64, &other| one.max(other)));
        }
        // What else runs on the machine makes a step longer and never shorter.
        let longest = longest.into_iter().fold(f64::INFINITY, f64::min);
        for time in [median(&totals).unwrap_or_default(), longest] {
            row.push(format!("{:.2}", time * 1e3));
        }
    }
    row
}

/// So many peers of a thousand torrents, with addresses at random.
fn scattered(memory: &mut [u32], peers: u32) -> Result<Store<'_>, Failure> {
    let mut store = Store::new(memory, &[7; 16], &Policy::DEFAULT)?;
    let mut random = Random::new(1);
    for nth in 0..peers {
        let mut hash = InfoHash([7; 20]);
        hash.0[..4].copy_from_slice(&(nth % 1_000).to_be_bytes());
        let ip = Ipv4Addr::from_bits(random.next());
        let peer = PeerAddr::new(ip.into(), NonZeroU16::MIN);
        store.announce(&hash, &peer, Status::Leecher, false, NOW);
    }
    Ok(store)
}

fn pages(filled: &InProcess<'_>, rounds: u32) {
    let mut rows = Vec::new();
    let mut bytes = vec![0; LARGEST_PAGE];
    for (name, mode) in PAGES {
        let mut length = 0;
        let mut times = Vec::new();
        for _ in 0..5 {
            let start = Instant::now();
            for _ in 0..rounds {
                let mut out = Out::new(&mut bytes);
                let tracker = black_box(filled.tracker());
                black_box(emit(mode, tracker, NOW, &mut 0, &mut out));
                length = black_box(&out).len();
            }
            times.push(start.elapsed().as_nanos() as f64 / f64::from(rounds));
        }
        let time = median(&times).unwrap_or_default();
        rows.push(vec![name.to_owned(), length.to_string(), grouped(time)]);
    }
    println!("Nanoseconds per page of statistics, in process:");
    print(&["mode", "bytes", "ns"], &rows);
}

fn top10(store: &Store<'_>, steps: &mut Vec<f64>) {
    top(store, 10, steps);
}

fn top100(store: &Store<'_>, steps: &mut Vec<f64>) {
    top(store, 100, steps);
}

fn top(store: &Store<'_>, most: u16, steps: &mut Vec<f64>) {
    let mut workspace = vec![0; WORKSPACE];
    let mut top = Top::start(most, &workspace);
    timed(steps, || top.step(&mut workspace, store, STEP));
    black_box(workspace);
}

fn networks(store: &Store<'_>, steps: &mut Vec<f64>) {
    let mut workspace = vec![0; WORKSPACE];
    let mut networks = Networks::start(&mut workspace);
    timed(steps, || networks.step(&mut workspace, store, NOW, STEP));
    black_box(workspace);
}

/// Seconds of each step until all is done.
fn timed(steps: &mut Vec<f64>, mut step: impl FnMut() -> Progress) {
    loop {
        let start = Instant::now();
        let progress = step();
        steps.push(start.elapsed().as_secs_f64());
        if progress == Progress::Done {
            return;
        }
    }
}
