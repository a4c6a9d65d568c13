//! A tracker under full scrapes, and what one round comes to.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use wrtracker_tests::load::work::Work;
use wrtracker_tests::process;

use super::announcer;
use super::fetch::{Fetched, fetch, fetch_slowly, step_back};
use crate::Failure;
use crate::trackers::{LOAD_CORE, Running};

/// A tracker that holds all torrents, asked in one way.
pub(super) struct Subject<'t> {
    pub(super) tracker: &'t Tracker,
    pub(super) gzip: bool,
    pub(super) samples: Vec<Sample>,
}

pub(super) struct Tracker {
    pub(super) name: &'static str,
    pub(super) running: Running,
}

/// What one round came to.
#[derive(Clone, Copy, Default)]
pub(super) struct Sample {
    pub(super) bytes: usize,
    /// Clients that got nothing at all.
    pub(super) failed: usize,
    pub(super) seconds: f64,
    /// Of the tracker's processor time.
    pub(super) busy: f64,
    /// Growth in bytes of anonymous memory from before to after, or while a slow reader read.
    pub(super) growth: f64,
    /// Growth in bytes of the peak of memory.
    pub(super) peak: f64,
}

/// What announces met with in one round, in seconds.
#[derive(Clone, Copy)]
pub(super) struct Latency {
    pub(super) count: usize,
    /// Clients that got nothing at all.
    pub(super) failed: usize,
    pub(super) median: f64,
    pub(super) hundredth: f64,
    pub(super) worst: f64,
}

impl Subject<'_> {
    pub(super) fn name(&self) -> String {
        let form = if self.gzip { "gzip" } else { "plain" };
        format!("{}, {form}", self.tracker.name)
    }

    /// So many full scrapes at the same time, by clients that let others go first or don't.
    pub(super) fn fetch_all(&self, clients: usize, modest: bool) -> Result<Vec<Fetched>, Failure> {
        let server = self.tracker.running.tcp.ok_or("no TCP")?;
        let client = || {
            process::pin(LOAD_CORE);
            if modest {
                step_back();
            }
            fetch(server, self.gzip)
        };
        thread::scope(|scope| {
            let clients: Vec<_> = (0..clients).map(|_| scope.spawn(client)).collect();
            let ended = clients.into_iter().map(|client| client.join());
            ended
                .map(|fetched| Ok(fetched.map_err(|_| "a client panicked")??))
                .collect()
        })
    }

    pub(super) fn sample(&self, clients: usize) -> Result<Sample, Failure> {
        let pid = self.tracker.running.pid;
        let before = Memory::at_start(pid)?;
        let busy = process::processor_time(pid)?;
        let fetched = self.fetch_all(clients, false)?;
        let busy = process::processor_time(pid)?.saturating_sub(busy);
        let after = Memory::now(pid)?;
        let longest = fetched.iter().map(|fetched| fetched.time).max();
        Ok(Sample {
            bytes: fetched.iter().map(|fetched| fetched.wire.len()).sum(),
            failed: failed(&fetched),
            seconds: longest.unwrap_or_default().as_secs_f64(),
            busy: busy.as_secs_f64(),
            growth: after.anonymous - before.anonymous,
            peak: after.peak - before.peak,
        })
    }

    pub(super) fn sample_slow(&self, time: Duration) -> Result<Sample, Failure> {
        let Running { pid, tcp, .. } = self.tracker.running;
        let before = Memory::at_start(pid)?;
        let busy = process::processor_time(pid)?;
        let start = Instant::now();
        let mut most = before.anonymous;
        let bytes = fetch_slowly(tcp.ok_or("no TCP")?, self.gzip, time, || {
            if let Ok(now) = process::anonymous_bytes(pid) {
                most = most.max(now as f64);
            }
        })?;
        let busy = process::processor_time(pid)?.saturating_sub(busy);
        Ok(Sample {
            bytes,
            failed: usize::from(bytes == 0),
            seconds: start.elapsed().as_secs_f64(),
            busy: busy.as_secs_f64(),
            growth: most - before.anonymous,
            peak: process::peak_bytes(pid)? as f64 - before.peak,
        })
    }

    /// Announces while so many clients take a full scrape, or for 200 ms if there is none.
    pub(super) fn latency(
        &self,
        work: &Work,
        clients: usize,
        seed: u64,
    ) -> Result<Latency, Failure> {
        let over = AtomicBool::new(false);
        let running = &self.tracker.running;
        let (begun, begins) = mpsc::channel();
        let (times, failed) = thread::scope(|scope| {
            let announcer = scope.spawn(|| {
                let times = announcer::announce(running, work, seed, begun, &over);
                times.map_err(|error| error.to_string())
            });
            // If it can't begin, it says why in the end.
            let _ = begins.recv();
            // Some announces before and after do no harm: they are the fast ones.
            let fetched = if clients == 0 {
                thread::sleep(Duration::from_millis(200));
                Ok(Vec::new())
            } else {
                self.fetch_all(clients, true)
            };
            over.store(true, Ordering::Relaxed);
            let times = announcer.join().map_err(|_| "the announcer panicked")?;
            Ok::<_, Failure>((times?, failed(&fetched?)))
        })?;
        let at = |share: f64| times[(share * (times.len() - 1) as f64) as usize];
        Ok(Latency {
            count: times.len(),
            failed,
            median: at(0.5),
            hundredth: at(0.99),
            worst: at(1.0),
        })
    }
}

/// Clients that got nothing at all.
fn failed(fetched: &[Fetched]) -> usize {
    let nothing = |fetched: &&Fetched| fetched.wire.is_empty();
    fetched.iter().filter(nothing).count()
}

/// What a process holds, in bytes.
struct Memory {
    anonymous: f64,
    peak: f64,
}

impl Memory {
    fn now(pid: u32) -> Result<Self, Failure> {
        Ok(Self {
            anonymous: process::anonymous_bytes(pid)? as f64,
            peak: process::peak_bytes(pid)? as f64,
        })
    }

    /// Now, from where the peak begins anew.
    fn at_start(pid: u32) -> Result<Self, Failure> {
        process::forget_peak(pid)?;
        Self::now(pid)
    }
}
