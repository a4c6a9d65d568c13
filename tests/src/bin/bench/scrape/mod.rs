//! Time and memory of full scrapes, and what they do to those who announce meanwhile.

mod announcer;
mod fetch;
mod in_process;
mod subject;

use std::time::Duration;

use rustix::process::{Resource, Rlimit, setrlimit};
use wrtracker_tests::load;
use wrtracker_tests::load::work::Work;

use crate::Failure;
use crate::in_process::work;
use crate::memory::load_for;
use crate::table::{grouped, median, print};
use crate::trackers::{Program, build, installed};
use fetch::check;
use subject::{Latency, Sample, Subject, Tracker};

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
        let fetched = subject.fetch_all(1, false)?.remove(0);
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
