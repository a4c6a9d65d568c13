//! Time and memory of full scrapes, and what they do to those who announce meanwhile.

mod announcer;
mod fetch;
mod in_process;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, setrlimit};
use wrtracker_tests::load::work::Work;
use wrtracker_tests::{load, process};

use crate::Failure;
use crate::in_process::work;
use crate::memory::load_for;
use crate::table::{grouped, median, print};
use crate::trackers::{Program, Running, build, installed};
use fetch::{Fetched, check, fetch, fetch_slowly, on_load_core};

pub(crate) use in_process::{counted, run as in_process};

/// How many clients at a time there are where there are several.
const SEVERAL: usize = 4;

/// Room for all that is asked for here, as an operator would set it.
const LIMIT: u64 = 32 << 10;

/// How much of everything.
#[derive(Clone, Copy)]
struct Effort {
    rounds: usize,
    slow: Duration,
}

/// A tracker that holds all torrents, asked in one way.
struct Subject<'t> {
    tracker: &'t Tracker,
    gzip: bool,
    samples: Vec<Sample>,
}

struct Tracker {
    name: &'static str,
    running: Running,
}

/// What one round came to.
#[derive(Clone, Copy, Default)]
struct Sample {
    bytes: usize,
    /// Clients that got nothing at all.
    failed: usize,
    seconds: f64,
    /// Of the tracker's processor time.
    busy: f64,
    /// Growth in bytes of anonymous memory from before to after, or while a slow reader read.
    growth: f64,
    /// Growth in bytes of the peak of memory.
    peak: f64,
}

/// What announces met with in one round, in seconds.
#[derive(Clone, Copy)]
struct Latency {
    count: usize,
    /// Clients that got nothing at all.
    failed: usize,
    median: f64,
    hundredth: f64,
    worst: f64,
}

/// Prints all tables.
pub(crate) fn run(quick: bool) -> Result<(), Failure> {
    build()?;
    let effort = Effort {
        rounds: if quick { 1 } else { 7 },
        slow: Duration::from_secs(if quick { 1 } else { 4 }),
    };
    // opentracker sends by reference, for which Linux locks memory: by default 8 MiB for each user.
    // With more on the way it closes the connection.
    let unlimited = Rlimit {
        current: None,
        maximum: None,
    };
    let note = match setrlimit(Resource::Memlock, unlimited) {
        Ok(()) => "The limit of locked memory is lifted: opentracker sends more than 8 MiB then.",
        Err(_) => "Locked memory is limited, and opentracker can't send more of it at a time.",
    };
    println!("\nOne core for the tracker, one for its clients. {note}");
    let scale = if quick { 40 } else { 1 };

    let fewer = work(100_000 / scale, 5);
    let trackers = filled(&fewer)?;
    let mut subjects = subjects(&trackers);
    bodies(&subjects, &fewer)?;
    one(&mut subjects, effort)?;
    drop(trackers);

    let work = work(200_000 / scale, 5);
    let trackers = filled(&work)?;
    let mut subjects = self::subjects(&trackers);
    bodies(&subjects, &work)?;
    one(&mut subjects, effort)?;
    slow(&mut subjects, effort)?;
    several(&mut subjects, effort)?;
    announces(&subjects, &work, effort)?;
    in_process(quick)
}

/// All trackers with all of `work`.
fn filled(work: &Work) -> Result<Vec<Tracker>, Failure> {
    let torrents = grouped(work.torrents.into());
    println!("\n## {torrents} torrents with {} peers each", work.peers);
    let mut trackers = Vec::new();
    for program in installed(&[
        Program::Wrtracker(LIMIT),
        Program::Opentracker { worker: true },
    ]) {
        let running = program.start(work)?;
        let report = load::run(&load_for(&running, work))?;
        if report.counts.wrong + report.counts.refused > 0 {
            println!("{}: {:?}", program.name(), report.counts);
        }
        let name = program.name();
        trackers.push(Tracker { name, running });
    }
    Ok(trackers)
}

/// Each tracker, plain and compressed.
fn subjects(trackers: &[Tracker]) -> Vec<Subject<'_>> {
    let of = |gzip| {
        trackers.iter().map(move |tracker| Subject {
            tracker,
            gzip,
            samples: Vec::new(),
        })
    };
    of(false).chain(of(true)).collect()
}

/// Takes each body once and says whether it is right.
fn bodies(subjects: &[Subject<'_>], work: &Work) -> Result<(), Failure> {
    let mut rows = Vec::new();
    for subject in subjects {
        let fetched = subject.fetch_all(1)?.remove(0);
        let told = fetched.plain().and_then(|plain| {
            let told = check(&plain, work)?;
            Ok((told, plain.len()))
        });
        let mut row = vec![subject.name(), grouped(fetched.wire.len() as f64)];
        row.extend(match told {
            Ok((told, length)) => [
                grouped(length as f64),
                grouped(told.torrents as f64),
                grouped(told.peers as f64),
                "valid, in order, complete".into(),
            ],
            Err(what) => ["-".into(), "-".into(), "-".into(), what.to_string()],
        });
        rows.push(row);
    }
    println!("\nWhat a full scrape says:");
    print(
        &[
            "tracker",
            "bytes on the wire",
            "plain",
            "torrents",
            "peers",
            "the body is",
        ],
        &rows,
    );
    Ok(())
}

/// One client at a time.
fn one(subjects: &mut [Subject<'_>], effort: Effort) -> Result<(), Failure> {
    in_turn(subjects, effort.rounds, |subject| subject.sample(1))?;
    println!("\nOne full scrape at a time, medians of {}:", effort.rounds);
    describe(subjects);
    Ok(())
}

/// Several clients at a time.
fn several(subjects: &mut [Subject<'_>], effort: Effort) -> Result<(), Failure> {
    let rounds = effort.rounds.min(3);
    in_turn(subjects, rounds, |subject| subject.sample(SEVERAL))?;
    println!("\n{SEVERAL} full scrapes at a time, until all have ended, medians of {rounds}:");
    describe(subjects);
    Ok(())
}

/// A client that reads slowly and goes away.
fn slow(subjects: &mut [Subject<'_>], effort: Effort) -> Result<(), Failure> {
    in_turn(subjects, 1, |subject| subject.sample_slow(effort.slow))?;
    println!(
        "\nA client that takes 64 KiB/s for {:?} and goes away:",
        effort.slow
    );
    describe(subjects);
    Ok(())
}

/// Announces all the while.
fn announces(subjects: &[Subject<'_>], work: &Work, effort: Effort) -> Result<(), Failure> {
    let mut rows = Vec::new();
    for (clients, what) in [
        (0, "no full scrape"),
        (1, "one"),
        (SEVERAL, "four at a time"),
    ] {
        for subject in subjects {
            if clients == 0 && subject.gzip {
                continue;
            }
            let rounds: Result<Vec<_>, _> = (0..effort.rounds.min(5))
                .map(|round| subject.latency(work, clients, round as u64))
                .collect();
            let rounds = rounds.map_err(|error| format!("{}: {error}", subject.name()))?;
            let middle = |of: fn(&Latency) -> f64| {
                median(&rounds.iter().map(of).collect::<Vec<_>>()).unwrap_or_default()
            };
            let micros = |seconds: f64| grouped(seconds * 1e6);
            let name = if clients == 0 {
                subject.tracker.name.into()
            } else {
                subject.name()
            };
            rows.push(vec![
                name,
                what.into(),
                grouped(middle(|round| round.failed as f64)),
                grouped(middle(|round| round.count as f64)),
                micros(middle(|round| round.median)),
                micros(middle(|round| round.hundredth)),
                micros(middle(|round| round.worst)),
                micros(rounds.iter().map(|round| round.worst).fold(0.0, f64::max)),
            ]);
        }
    }
    println!("\nMicroseconds of UDP announces, one after the other, medians of the rounds:");
    print(
        &[
            "tracker",
            "full scrapes meanwhile",
            "clients without a reply",
            "announces",
            "median",
            "99 %",
            "worst",
            "worst of all rounds",
        ],
        &rows,
    );
    Ok(())
}

/// Measures all subjects in turn, several times, so that whatever else the machine does meets all.
fn in_turn(
    subjects: &mut [Subject<'_>],
    rounds: usize,
    mut sample: impl FnMut(&Subject<'_>) -> Result<Sample, Failure>,
) -> Result<(), Failure> {
    for subject in &mut *subjects {
        subject.samples.clear();
    }
    for _ in 0..rounds {
        for subject in &mut *subjects {
            let sample = sample(subject).map_err(|error| format!("{}: {error}", subject.name()))?;
            subject.samples.push(sample);
        }
    }
    Ok(())
}

fn describe(subjects: &[Subject<'_>]) {
    let rows: Vec<_> = subjects
        .iter()
        .map(|subject| {
            let middle = |of: fn(&Sample) -> f64| {
                median(&subject.samples.iter().map(of).collect::<Vec<_>>()).unwrap_or_default()
            };
            let most = |of: fn(&Sample) -> f64| {
                subject
                    .samples
                    .iter()
                    .map(of)
                    .fold(f64::NEG_INFINITY, f64::max)
            };
            vec![
                subject.name(),
                grouped(middle(|sample| sample.bytes as f64)),
                format!("{:.0}", most(|sample| sample.failed as f64)),
                format!("{:.3}", middle(|sample| sample.seconds)),
                format!("{:.1}", middle(|sample| sample.busy) * 1e3),
                format!("{:.0}", most(|sample| sample.growth) / 1024.0),
                format!("{:.0}", most(|sample| sample.peak) / 1024.0),
            ]
        })
        .collect();
    print(
        &[
            "tracker",
            "bytes on the wire",
            "clients without a reply",
            "seconds",
            "ms of processor",
            "anonymous memory, + KiB",
            "peak, + KiB",
        ],
        &rows,
    );
}

impl Subject<'_> {
    fn name(&self) -> String {
        let form = if self.gzip { "gzip" } else { "plain" };
        format!("{}, {form}", self.tracker.name)
    }

    /// So many full scrapes at the same time.
    fn fetch_all(&self, clients: usize) -> Result<Vec<Fetched>, Failure> {
        let server = self.tracker.running.tcp.ok_or("no TCP")?;
        let client = || {
            on_load_core();
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

    fn sample(&self, clients: usize) -> Result<Sample, Failure> {
        let pid = self.tracker.running.pid;
        let before = Memory::at_start(pid)?;
        let busy = process::processor_time(pid)?;
        let fetched = self.fetch_all(clients)?;
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

    fn sample_slow(&self, time: Duration) -> Result<Sample, Failure> {
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
    fn latency(&self, work: &Work, clients: usize, seed: u64) -> Result<Latency, Failure> {
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
                self.fetch_all(clients)
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
