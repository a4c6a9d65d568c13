//! Trackers under load in turn, several times, so that whatever else the machine does meets all.

use std::time::Duration;

use wrtracker_tests::load::work::Work;
use wrtracker_tests::load::{self, Config, Extent, Mix, Protocol, Report, options};

use crate::Failure;
use crate::memory::load_for;
use crate::table::median;
use crate::trackers::{LOAD_CORE, Program, TRACKER_CORE};

/// With enough memory for all that is asked under load.
pub(crate) const WRTRACKER: Program = Program::Wrtracker(64 << 10);

/// Announces alone.
pub(crate) const ANNOUNCES: Mix = Mix {
    connect: 0,
    announce: 100,
    scrape: 0,
};

/// Connects, announces and scrapes as clients have them.
pub(crate) const MIXED: Mix = Mix {
    connect: 50,
    announce: 50,
    scrape: 1,
};

/// How long and how often.
#[derive(Clone, Copy)]
pub(crate) struct Effort {
    pub(crate) rounds: u32,
    pub(crate) time: Duration,
}

/// One line of a table: a tracker, asked by one protocol.
pub(crate) struct Subject {
    pub(crate) program: Program,
    protocol: Protocol,
    /// Where the load runs.
    core: usize,
    reports: Vec<Report>,
    failed: bool,
}

impl Subject {
    pub(crate) const fn new(program: Program, protocol: Protocol) -> Self {
        Self {
            program,
            protocol,
            core: LOAD_CORE,
            reports: Vec::new(),
            failed: false,
        }
    }

    /// The same with the load on the tracker's core, as on a machine that has but one: neither waits
    /// for the other's to wake up.
    pub(crate) fn on_one_core(self) -> Self {
        Self {
            core: TRACKER_CORE,
            ..self
        }
    }

    /// How tables call it.
    pub(crate) fn name(&self) -> String {
        let protocol = match self.protocol {
            Protocol::Udp => return self.program.name().into(),
            Protocol::Http { keep_alive: true } => "connections stay",
            Protocol::Http { keep_alive: false } => "a connection each",
        };
        format!("{}, {protocol}", self.program.name())
    }

    /// The median of all rounds.
    pub(crate) fn figure(&self, of: impl Fn(&Report) -> f64) -> Option<f64> {
        median(&self.reports.iter().map(of).collect::<Vec<_>>())
    }

    /// The tracker's processor time per reply, in nanoseconds: the median.
    pub(crate) fn nanos(&self) -> Option<f64> {
        self.figure(|report| report.nanos_per_reply().unwrap_or_default())
    }

    /// Requests that weren't answered as they should: the median.
    pub(crate) fn failures(&self) -> Option<f64> {
        self.figure(|report| {
            let counts = &report.counts;
            (counts.wrong + counts.refused + counts.lost) as f64
        })
    }

    /// What was wrong with the first wrong reply, if there was one.
    pub(crate) fn first_wrong(&self) -> Option<&str> {
        self.reports
            .iter()
            .find_map(|report| report.counts.first_wrong.as_deref())
    }
}

/// Measures all subjects in turn, every other round in the opposite order. Another's program that
/// fails is left out from then on, which a line says.
///
/// # Errors
///
/// If one of our own fails.
pub(crate) fn measure(
    subjects: &mut [Subject],
    work: &Work,
    mix: Mix,
    wanted: i32,
    effort: Effort,
) -> Result<(), Failure> {
    for round in 0..effort.rounds {
        let mut order: Vec<_> = subjects.iter_mut().collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for subject in order {
            if subject.failed {
                continue;
            }
            match load_one(subject, work, mix, wanted, effort.time) {
                Ok(report) => subject.reports.push(report),
                Err(error) if subject.program.is_own() => {
                    return Err(format!("{}: {error}", subject.name()).into());
                }
                Err(error) => {
                    println!("{}: {error}: not measured.", subject.name());
                    subject.failed = true;
                    subject.reports.clear();
                }
            }
        }
    }
    Ok(())
}

fn load_one(
    subject: &Subject,
    work: &Work,
    mix: Mix,
    wanted: i32,
    time: Duration,
) -> Result<Report, Failure> {
    let tracker = subject.program.start(work)?;
    let fill = load_for(&tracker, work);
    if subject.program != Program::SocketLoop {
        load::run(&fill)?;
    }
    let server = match subject.protocol {
        Protocol::Udp => tracker.udp,
        Protocol::Http { .. } => tracker.tcp.ok_or("no TCP")?,
    };
    Ok(load::run(&Config {
        server,
        protocol: subject.protocol,
        mix,
        wanted,
        extent: Extent::Time(time),
        warm_up: time / 5,
        window: options::default_window(subject.protocol),
        core: Some(subject.core),
        ..fill
    })?)
}
