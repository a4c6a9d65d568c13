//! What becomes of announces and peers at the memory limit, when ten times as many come as there is
//! room for.
//!
//! The shares come from the core in process: there time is an argument, so that hours of announces,
//! renewals and time-outs pass in seconds and the same in each run. Memory is the real program's,
//! after one announce of each of the same peers.

mod flood;
mod population;
mod reference;
mod shares;
mod simulation;

use wrtracker::plan::{Plan, Wanted};
use wrtracker::size::Bytes;
use wrtracker_core::policy::Policy;

use crate::Failure;
use crate::table::{grouped, print};
use crate::trackers::build;
use population::{Population, room};
use shares::{CLASSES, Class, Shares};
use simulation::Simulation;

/// How many times more peers come than there is room for.
const TIMES: u64 = 10;

/// Intervals that pass before anything is counted: after them the memory has long been full.
const BEFORE: u32 = 2;

/// What came of one limit.
struct Outcome {
    limit: u64,
    fits: Population,
    comes: Population,
    shares: Shares,
    torrents_held: u32,
    peers_held: u32,
    memory: u64,
}

/// Prints both tables.
///
/// # Errors
///
/// If the program doesn't start or doesn't answer.
pub(crate) fn run(quick: bool) -> Result<(), Failure> {
    build()?;
    let (limits, intervals): (&[u64], u32) = if quick { (&[1], 3) } else { (&[1, 4, 16], 6) };
    let outcomes = limits
        .iter()
        .map(|mebibytes| at_limit(mebibytes << 20, intervals))
        .collect::<Result<Vec<_>, _>>()?;
    let policy = Policy::DEFAULT;
    println!(
        "\nSwarms by Zipf's law: of T torrents the one of rank r has T / r peers. Half of the peers are \
         seeders. Each announces every {} minutes for {} hours and then makes way for a new one of its \
         torrent, half of them without a word. {TIMES} times the peers come that fit. Counted from \
         interval {} to {intervals}, in process with a clock of its own; memory is the program's.",
        policy.interval / 60,
        simulation::STAY * policy.interval / 3600,
        BEFORE + 1
    );
    print_shares(&outcomes);
    println!(
        "An announce is served if it got at least one peer, of those where a tracker without a limit \
         had one that announced within {} minutes and is of use. A reply's fill is the peers in it, of \
         the 50 wanted or as many as such a tracker had.",
        policy.peer_timeout / 60
    );
    for outcome in &outcomes {
        print_classes(outcome);
    }
    Ok(())
}

fn at_limit(limit: u64, intervals: u32) -> Result<Outcome, Failure> {
    let plan = Plan::new(Bytes(limit), usize::MAX, &Wanted::default())
        .map_err(|error| error.to_string())?;
    let mut memory = vec![0; plan.arena_words];
    let fits = room(&mut memory)?;
    let comes = Population::with_peers(TIMES * fits.peers());
    memory.fill(0);
    let mut simulation = Simulation::new(&mut memory, &comes)?;
    let mut shares = Shares::default();
    for interval in 0..intervals {
        if interval == BEFORE {
            shares = Shares::default();
        }
        simulation.pass(interval, &mut shares)?;
    }
    let part = simulation.part();
    let store = part.store();
    let (torrents_held, peers_held) = (store.torrents(), store.peers());
    Ok(Outcome {
        limit,
        torrents_held,
        peers_held,
        memory: flood::memory_after(limit, &comes)?,
        fits,
        comes,
        shares,
    })
}

fn print_shares(outcomes: &[Outcome]) {
    let count = |number: u64| grouped(number as f64);
    let row = |outcome: &Outcome| {
        let Outcome {
            limit,
            fits,
            comes,
            shares,
            memory,
            ..
        } = outcome;
        let all = shares.all();
        let new_torrents = shares.refused_torrents;
        vec![
            format!("{} MiB", limit >> 20),
            format!(
                "{} in {}",
                count(fits.peers()),
                count(fits.torrents().into())
            ),
            format!(
                "{} in {}",
                count(comes.peers()),
                count(comes.torrents().into())
            ),
            format!(
                "{} in {}",
                count(outcome.peers_held.into()),
                count(outcome.torrents_held.into())
            ),
            count(all.announces),
            percent(all.served, all.servable),
            percent(all.stored, all.new),
            count(shares.evicted_peers),
            count(shares.refused_peers - new_torrents),
            count(new_torrents),
            format!("{} KiB", count(memory >> 10)),
            percent(*memory, *limit),
        ]
    };
    print(
        &[
            "limit",
            "peers that fit",
            "peers that come",
            "held in the end",
            "announces",
            "served",
            "new peers stored",
            "peers of large swarms that made room",
            "announces refused, torrent known",
            "announces refused, torrent new",
            "anonymous memory",
            "of the limit",
        ],
        &outcomes.iter().map(row).collect::<Vec<_>>(),
    );
}

fn print_classes(outcome: &Outcome) {
    println!("\nBy size of swarm, with {} MiB:", outcome.limit >> 20);
    let row = |(name, class): (&&str, &Class)| {
        vec![
            (*name).to_owned(),
            grouped(class.announces as f64),
            percent(class.served, class.servable),
            percent(class.listed, class.listable),
            percent(class.stored, class.new),
        ]
    };
    let classes = CLASSES.iter().map(|(name, _)| name);
    print(
        &[
            "peers alive",
            "announces",
            "served",
            "fill of replies",
            "new peers stored",
        ],
        &classes
            .zip(&outcome.shares.classes)
            .map(row)
            .collect::<Vec<_>>(),
    );
}

fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "-".into();
    }
    format!("{:.1} %", 100.0 * part as f64 / whole as f64)
}
