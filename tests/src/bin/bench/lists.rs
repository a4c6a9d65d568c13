//! Access lists: memory for each hash, time to load them, time to ask.

use std::hint::black_box;
use std::time::Instant;

use rustix::process::Signal;
use wrtracker_core::access::AccessList;
use wrtracker_core::random::Random;
use wrtracker_core::wire::InfoHash;
use wrtracker_tests::folder::Folder;
use wrtracker_tests::process::{self, anonymous_bytes};
use wrtracker_tests::server::Server;

use crate::Failure;
use crate::table::{grouped, median, print};
use crate::trackers::TRACKER_CORE;

/// Prints one row for each length of a list.
pub(crate) fn run(quick: bool) -> Result<(), Failure> {
    let sizes: &[u32] = match quick {
        true => &[1_000],
        false => &[1_000, 100_000, 400_000, 500_000],
    };
    let mut rows = Vec::new();
    for &size in sizes {
        let loaded = load(size)?;
        let (hit, miss) = ask(size as usize)?;
        rows.push(vec![
            grouped(size.into()),
            format!("{:.1}", loaded.bytes),
            format!("{:.1}", loaded.millis),
            format!("{hit:.0}"),
            format!("{miss:.0}"),
        ]);
    }
    println!(
        "Whitelists: growth of anonymous memory, time of a reload by SIGHUP, and of a question:"
    );
    print(
        &[
            "hashes",
            "B per hash",
            "ms to load",
            "ns if in it",
            "ns if not",
        ],
        &rows,
    );
    Ok(())
}

struct Loaded {
    bytes: f64,
    millis: f64,
}

/// Has the program load the list at start and once more by SIGHUP, and compares its memory with
/// that of one with a list of one hash.
fn load(size: u32) -> Result<Loaded, Failure> {
    let folder = Folder::new("bench-lists");
    let start = |size: u32| {
        let lines = (0..size).map(|nth| format!("{:040x}\n", u64::from(nth) + 1));
        let list = folder.write("list", lines.collect::<String>());
        Server::start(&["-P", "0", "-m", "64M", "-w", &list])
    };
    let before = anonymous_bytes(start(1).pid())?;
    let server = start(size);
    let start = Instant::now();
    server.signal(Signal::HUP);
    server.wait_for_times(&format!("whitelist: {size} hashes from "), 2);
    let time = start.elapsed();
    let after = anonymous_bytes(server.pid())?;
    Ok(Loaded {
        bytes: after.saturating_sub(before) as f64 / f64::from(size),
        millis: time.as_secs_f64() * 1e3,
    })
}

/// Nanoseconds for a hash that is in the list, and for one that isn't, asked in no order.
fn ask(size: usize) -> Result<(f64, f64), Failure> {
    process::pin(TRACKER_CORE);
    let mut memory = vec![0; AccessList::words(2 * size)];
    let mut list = AccessList::new(&mut memory, &[7; 16]);
    list.begin(size, |half| half.fill(0));
    for number in 0..size as u32 {
        list.add(&hash(number, 1))?;
    }
    list.commit(|half| half.fill(0));
    let mut random = Random::new(1);
    let numbers: Vec<_> = (0..100_000).map(|_| random.below(size as u32)).collect();
    let [hit, miss] = [1, 2].map(|kind| {
        let questions: Vec<_> = numbers.iter().map(|&number| hash(number, kind)).collect();
        let rounds: Vec<_> = (0..7)
            .map(|_| {
                let start = Instant::now();
                let found = questions.iter().filter(|hash| list.contains(hash)).count();
                assert_eq!(black_box(found) > 0, kind == 1);
                start.elapsed().as_nanos() as f64 / questions.len() as f64
            })
            .collect();
        median(&rounds).unwrap_or_default()
    });
    Ok((hit, miss))
}

fn hash(number: u32, kind: u8) -> InfoHash {
    let mut hash = [kind; 20];
    hash[..4].copy_from_slice(&number.to_be_bytes());
    InfoHash(hash)
}
