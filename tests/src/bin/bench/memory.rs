//! Bytes of memory per peer.

use std::time::Duration;

use wrtracker_tests::load::work::Work;
use wrtracker_tests::load::{self, Config, Extent, Mix, Protocol, options};
use wrtracker_tests::process;

use crate::Failure;
use crate::table::print;
use crate::trackers::{LOAD_CORE, Program, Running, build, installed};

/// Torrents, and peers of each.
const SHAPES: [(u32, u32); 4] = [(1_000_000, 1), (200_000, 5), (1_000, 1_000), (20, 50_000)];

/// What one tracker came to.
struct Held {
    /// Growth in bytes.
    growth: u64,
    /// Peers that it holds in the end.
    peers: u64,
}

/// Prints the table of growth per peer.
pub(crate) fn run(quick: bool) -> Result<(), Failure> {
    build()?;
    let others = installed(&[Program::Opentracker { worker: true }, Program::Aquatic]);
    let mut rows = Vec::new();
    for (mut torrents, mut peers) in SHAPES {
        if quick {
            (torrents, peers) = (torrents.div_ceil(100), peers.div_ceil(10));
        }
        let work = Work {
            torrents,
            peers,
            sources: Work::sources_for([127, 0, 0, 1].into(), peers),
            seeders: 25,
            seed: 1,
        };
        let mut row = vec![format!("{torrents} x {peers}")];
        let mut figures = Vec::new();
        for name in ["opentracker", "aquatic_udp"] {
            let program = others.iter().find(|other| other.name().starts_with(name));
            let per_peer = match program {
                Some(program) => Some(per_peer(&hold(&program.start(&work)?, &work)?, &work)),
                None => None,
            };
            figures.push(per_peer);
            row.push(per_peer.map_or("-".into(), |bytes| format!("{bytes:.1} B")));
        }
        let (limit, held) = ours(&work)?;
        let own = per_peer(&held, &work);
        row.push(format!("{own:.1} B"));
        for other in figures {
            row.push(other.map_or("-".into(), |other| format!("{:.2}", own / other)));
        }
        row.push(format!("{:.1} MiB", limit as f64 / 1024.0));
        row.push(format!("{} of {}", held.peers, work.len()));
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

fn per_peer(held: &Held, work: &Work) -> f64 {
    if held.peers < work.len() {
        println!("Holds {} of {} peers.", held.peers, work.len());
    }
    held.growth as f64 / held.peers.max(1) as f64
}

/// Has all peers announce themselves, and measures.
fn hold(tracker: &Running, work: &Work) -> Result<Held, Failure> {
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
    let peers = load::run(&config)?.counts.peers_scraped;
    Ok(Held {
        growth: after.saturating_sub(before),
        peers,
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

/// The growth with the lowest limit, in steps of an eighth, that holds all: an operator wouldn't
/// set it higher, and it decides how large the index is. Returns the limit in KiB as well.
fn ours(work: &Work) -> Result<(u64, Held), Failure> {
    let mut limit = 1024;
    loop {
        let tracker = Program::Wrtracker(limit).start(work)?;
        if promises(&tracker.said, work) {
            let held = hold(&tracker, work)?;
            if held.peers >= work.len() || limit > 4 << 20 {
                return Ok((limit, held));
            }
        }
        limit += limit / 8;
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
