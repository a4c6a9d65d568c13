//! Time per announce that live sync adds, without sockets.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU16;
use std::time::Instant;

use wrtracker_core::policy::Policy;
use wrtracker_core::sync::{Memory, Outbox, RENEWAL};
use wrtracker_core::time::Secs;
use wrtracker_core::tracker::{Announce, Event, Secrets, Tracker};
use wrtracker_core::wire::live_sync::TrackerId;
use wrtracker_core::wire::{InfoHash, PeerAddr};
use wrtracker_tests::load::work::Random;
use wrtracker_tests::process;

use crate::Failure;
use crate::table::print;
use crate::trackers::TRACKER_CORE;

/// What announces come to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cluster {
    None,
    /// Renewals that are too soon to be told.
    Silent,
    /// Renewals that are all told.
    Told,
}

/// Peers of the larger measurement.
const MOST_PEERS: usize = 100_000;

/// Prints nanoseconds per announce that chooses no peers, of few peers that the processor's caches
/// hold and of many.
pub(crate) fn run(quick: bool) -> Result<(), Failure> {
    let rounds = if quick { 3 } else { 31 };
    process::pin(TRACKER_CORE);
    let mut rows = Vec::new();
    for (cluster, name) in [
        (Cluster::None, "no live sync"),
        (Cluster::Silent, "live sync, no announce is told"),
        (Cluster::Told, "live sync, each announce is told"),
    ] {
        let mut row = vec![name.to_owned()];
        for peers in [100, MOST_PEERS as u32] {
            let (time, told) = measure(cluster, &announces(peers), rounds)?;
            row.extend([format!("{time:.1}"), told.to_string()]);
        }
        rows.push(row);
    }
    println!("Nanoseconds per announce, in process, in torrents of 100 peers, none wanted:");
    let head = [
        "",
        "100 peers",
        "records sent",
        "100,000 peers",
        "records sent",
    ];
    print(&head, &rows);
    Ok(())
}

/// The least time per announce of some rounds, and the records that were sent.
fn measure(cluster: Cluster, announces: &[Announce], rounds: usize) -> Result<(f64, u64), Failure> {
    let (mut memory, mut packets) = (vec![0; 4 << 20], Box::new(Memory::EMPTY));
    let mut tracker = Tracker::new(&mut memory, &Secrets::new(&[7; 40]), Policy::DEFAULT)?;
    if cluster != Cluster::None {
        tracker.set_sync(Outbox::new(&mut packets, TrackerId(*b"test")));
    }
    let mut now = Secs(RENEWAL);
    let mut best = f64::INFINITY;
    // The first rounds store the peers. Others disturb, nobody hastens: the least time is the cost.
    for _ in 0..rounds * MOST_PEERS / announces.len() {
        if cluster == Cluster::Told {
            now = now.plus(RENEWAL);
        }
        best = best.min(round(&mut tracker, announces, now));
    }
    Ok((best, tracker.sync().as_ref().map_or(0, Outbox::told)))
}

/// Announces all, and takes what is due after each 64. Never inlined, for profilers.
#[inline(never)]
fn round(tracker: &mut Tracker<'_>, announces: &[Announce], now: Secs) -> f64 {
    let start = Instant::now();
    for batch in announces.chunks(64) {
        for announce in batch {
            let _ = black_box(tracker.announce(announce, now));
        }
        if let Some(outbox) = &mut *tracker.sync_mut() {
            while let Some(packet) = outbox.due(now) {
                black_box(packet);
                outbox.done(true);
            }
        }
    }
    start.elapsed().as_nanos() as f64 / announces.len() as f64
}

/// One of each of so many peers, in random order.
fn announces(peers: u32) -> Vec<Announce> {
    let mut all: Vec<_> = (0..peers)
        .map(|number| {
            let mut hash = [0x5a; 20];
            hash[..4].copy_from_slice(&(number / 100).to_be_bytes());
            let ip = IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + number));
            Announce {
                info_hash: InfoHash(hash),
                peer: PeerAddr::new(ip, NonZeroU16::MIN),
                peer_id: None,
                event: Event::None,
                left: Some(u64::from(number % 4)),
                downloaded: 1,
            }
        })
        .collect();
    let mut random = Random::new(1);
    for last in (1..all.len()).rev() {
        let other = random.below(last as u64 + 1) as usize;
        all.swap(last, other);
    }
    all
}
