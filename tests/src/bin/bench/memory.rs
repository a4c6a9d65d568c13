//! Bytes of memory per peer.

use std::time::Duration;

use wrtracker_tests::load::work::Work;
use wrtracker_tests::load::{self, Config, Extent, Mix, Protocol, options};
use wrtracker_tests::process;

use crate::Failure;
use crate::in_process::work;
use crate::table::{grouped, print};
use crate::trackers::{LOAD_CORE, Program, Running, build, installed};

/// Torrents, and peers of each.
const SHAPES: [(u32, u32); 4] = [(1_000_000, 1), (200_000, 5), (1_000, 1_000), (20, 50_000)];

/// What one tracker came to.
pub(crate) struct Held {
    /// Growth in bytes per peer that it holds in the end.
    pub(crate) per_peer: f64,
    /// Those peers.
    peers: u64,
    /// The memory limit in KiB, if it has one.
    limit: Option<u64>,
}

/// Prints the table of growth per peer.
pub(crate) fn run(quick: bool) -> Result<(), Failure> {
    build()?;
    let others = [Program::Opentracker { worker: true }, Program::Aquatic];
    let there = installed(&others);
    let mut rows = Vec::new();
    for work in shapes(quick) {
        let mut row = vec![name_of(&work)];
        let own = hold(Program::Wrtracker(0), &work)?;
        let mut ratios = Vec::new();
        for other in others {
            let held = there.contains(&other).then(|| hold(other, &work));
            let per_peer = held.transpose()?.map(|held| held.per_peer);
            row.push(per_peer.map_or("-".into(), |bytes| format!("{bytes:.1} B")));
            ratios
                .push(per_peer.map_or("-".into(), |other| format!("{:.2}", own.per_peer / other)));
        }
        row.push(format!("{:.1} B", own.per_peer));
        row.extend(ratios);
        let limit = own.limit.unwrap_or_default();
        row.push(format!("{:.1} MiB", limit as f64 / 1024.0));
        row.push(format!("{} of {}", own.peers, work.len()));
        rows.push(row);
    }
    println!("\nGrowth of anonymous memory per peer (IPv4):");
    print(
        &[
            "torrents x peers each",
            "opentracker",
            "aquatic_udp",
            "wrtracker",
            "wrtracker / opentracker",
            "wrtracker / aquatic_udp",
            "wrtracker's limit",
            "wrtracker holds",
        ],
        &rows,
    );
    Ok(())
}

/// The shapes that swarms come in: a million peers each, or less in a hurry.
pub(crate) fn shapes(quick: bool) -> impl Iterator<Item = Work> {
    SHAPES
        .into_iter()
        .map(move |(torrents, peers)| match quick {
            true => work(torrents.div_ceil(100), peers.div_ceil(10)),
            false => work(torrents, peers),
        })
}

/// How tables call a shape.
pub(crate) fn name_of(work: &Work) -> String {
    let count = |number: u32| grouped(number.into());
    format!("{} x {}", count(work.torrents), count(work.peers))
}

/// Has a tracker hold all of `work`, and measures. wrtracker is given the lowest limit, in steps of
/// an eighth, with which it does: an operator wouldn't set it higher, and it decides how large the
/// index is.
///
/// # Errors
///
/// If the tracker doesn't start or doesn't answer.
pub(crate) fn hold(program: Program, work: &Work) -> Result<Held, Failure> {
    if !matches!(program, Program::Wrtracker(_)) {
        let held = fill(program, &program.start(work)?, work)?;
        if held.peers < work.len() {
            let name = program.name();
            println!("{name} holds {} of {} peers.", held.peers, work.len());
        }
        return Ok(held);
    }
    let mut limit = 1024;
    loop {
        let tracker = Program::Wrtracker(limit).start(work)?;
        if promises(&tracker.said, work) {
            let held = fill(program, &tracker, work)?;
            if held.peers >= work.len() || limit > 4 << 20 {
                return Ok(Held {
                    limit: Some(limit),
                    ..held
                });
            }
        }
        limit += limit / 8;
    }
}

/// Has all peers announce themselves, and measures.
fn fill(program: Program, tracker: &Running, work: &Work) -> Result<Held, Failure> {
    let before = process::anonymous_bytes(tracker.pid)?;
    let mut config = load_for(tracker, work);
    let report = load::run(&config)?;
    if report.counts.wrong > 0 {
        println!(
            "{} wrong replies: {:?}",
            report.counts.wrong, report.counts.first_wrong
        );
    }
    let after = process::anonymous_bytes(tracker.pid)?;
    config.extent = Extent::Verify;
    let peers = if program == Program::AquaticRing {
        // It takes no requests as long as a scrape of many torrents. All announces were answered.
        work.len()
    } else {
        load::run(&config)?.counts.peers_scraped
    };
    Ok(Held {
        per_peer: after.saturating_sub(before) as f64 / peers.max(1) as f64,
        peers,
        limit: None,
    })
}

/// The load that fills a tracker.
pub(crate) fn load_for(tracker: &Running, work: &Work) -> Config {
    Config {
        server: tracker.udp,
        protocol: Protocol::Udp,
        work: work.clone(),
        wanted: 1,
        mix: Mix {
            connect: 0,
            announce: 1,
            scrape: 0,
        },
        extent: Extent::Fill,
        warm_up: Duration::ZERO,
        window: options::default_window(Protocol::Udp),
        threads: 1,
        core: Some(LOAD_CORE),
        pid: Some(tracker.pid),
    }
}

/// Whether the start-up line says that as much fits. A peer and a torrent share the memory.
fn promises(said: &str, work: &Work) -> bool {
    let count = |before: &str, after: &str| -> Option<f64> {
        let (_, rest) = said.split_once(before)?;
        rest.split_once(after)?.0.parse().ok()
    };
    match (
        count("up to ", " torrents"),
        count("torrents or ", " peers"),
    ) {
        (Some(torrents), Some(peers)) => {
            let large = work.len() as f64 / peers;
            let small = f64::from(work.torrents) / torrents;
            large.max(small) < 1.0
        }
        _ => true,
    }
}
