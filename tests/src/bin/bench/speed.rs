//! Replies per second, and the tracker's processor time per reply.

use std::time::Duration;

use wrtracker_tests::load::work::Work;
use wrtracker_tests::load::{self, Config, Extent, Mix, Protocol, Report, options};

use crate::Failure;
use crate::in_process::work;
use crate::memory::load_for;
use crate::table::{grouped, median, print};
use crate::trackers::{Program, Running, build, installed};

/// Enough for all that is asked here.
const WRTRACKER: Program = Program::Wrtracker(64 << 10);

const ANNOUNCES: Mix = Mix {
    connect: 0,
    announce: 100,
    scrape: 0,
};

/// How long and how often.
#[derive(Clone, Copy)]
struct Effort {
    rounds: u32,
    time: Duration,
}

/// Prints all tables.
pub(crate) fn run(quick: bool) -> Result<(), Failure> {
    build()?;
    let effort = Effort {
        rounds: if quick { 1 } else { 5 },
        time: Duration::from_millis(if quick { 100 } else { 1_500 }),
    };
    let opentracker = Program::Opentracker { worker: true };
    let in_loop = Program::Opentracker { worker: false };
    let all = [
        WRTRACKER,
        Program::SocketLoop,
        opentracker,
        in_loop,
        Program::Aquatic,
    ];
    let udp = installed(&all);
    let of_100 = work(1_000, 100);
    let subject = |program: &Program| Subject::new(*program, Protocol::Udp);

    println!("\nUDP announces, 30 peers wanted, 1,000 torrents of 100 peers:");
    let mut subjects: Vec<_> = udp.iter().map(subject).collect();
    measure(&mut subjects, &of_100, ANNOUNCES, 30, effort)?;
    describe(&subjects);

    println!("\nUDP, connects, announces and scrapes as 50 : 50 : 1, otherwise the same:");
    let mixed = Mix {
        connect: 50,
        announce: 50,
        scrape: 1,
    };
    let mut subjects: Vec<_> = udp.iter().map(subject).collect();
    measure(&mut subjects, &of_100, mixed, 30, effort)?;
    describe(&subjects);

    println!("\nHTTP announces, 30 peers wanted, 1,000 torrents of 100 peers, 64 connections:");
    let closing = Protocol::Http { keep_alive: false };
    let mut subjects = vec![
        Subject::new(WRTRACKER, Protocol::Http { keep_alive: true }),
        Subject::new(WRTRACKER, closing),
    ];
    if udp.contains(&in_loop) {
        subjects.push(Subject::new(in_loop, closing));
    }
    measure(&mut subjects, &of_100, ANNOUNCES, 30, effort)?;
    describe(&subjects);

    println!("\nwrtracker's UDP announces by size of swarms, a million peers in all:");
    let fewer = Effort {
        rounds: effort.rounds.min(3),
        ..effort
    };
    let scale = if quick { 100 } else { 1 };
    let mut rows = Vec::new();
    for (torrents, peers, wanted) in [
        (200_000 / scale, 5, 5),
        (1, 1_000_000 / scale, 5),
        (200_000 / scale, 5, 30),
        (1, 1_000_000 / scale, 30),
    ] {
        let mut subjects = [Subject::new(WRTRACKER, Protocol::Udp)];
        measure(
            &mut subjects,
            &work(torrents, peers),
            ANNOUNCES,
            wanted,
            fewer,
        )?;
        let [subject] = &subjects;
        rows.push(vec![
            format!("{torrents} x {peers}, {wanted} wanted"),
            subject.figure(Report::rate).map_or("-".into(), grouped),
            subject.nanos().map_or("-".into(), grouped),
            format!(
                "{:.1}",
                subject.figure(Report::mean_peers).unwrap_or_default()
            ),
        ]);
    }
    print(
        &[
            "torrents x peers",
            "replies/s",
            "ns per reply",
            "peers in a reply",
        ],
        &rows,
    );
    Ok(())
}

/// One line of a table: a tracker, asked by one protocol.
struct Subject {
    program: Program,
    protocol: Protocol,
    reports: Vec<Report>,
}

impl Subject {
    const fn new(program: Program, protocol: Protocol) -> Self {
        Self {
            program,
            protocol,
            reports: Vec::new(),
        }
    }

    fn name(&self) -> String {
        let protocol = match self.protocol {
            Protocol::Udp => return self.program.name().into(),
            Protocol::Http { keep_alive: true } => "connections stay",
            Protocol::Http { keep_alive: false } => "a connection each",
        };
        format!("{}, {protocol}", self.program.name())
    }

    /// The median of all rounds.
    fn figure(&self, of: impl Fn(&Report) -> f64) -> Option<f64> {
        median(&self.reports.iter().map(of).collect::<Vec<_>>())
    }

    fn nanos(&self) -> Option<f64> {
        self.figure(|report| report.nanos_per_reply().unwrap_or_default())
    }
}

/// Measures all subjects in turn, several times, so that whatever else the machine does meets all.
fn measure(
    subjects: &mut [Subject],
    work: &Work,
    mix: Mix,
    wanted: i32,
    effort: Effort,
) -> Result<(), Failure> {
    for _ in 0..effort.rounds {
        for subject in &mut *subjects {
            let tracker = subject.program.start(work)?;
            let report = load_one(&tracker, subject, work, mix, wanted, effort.time)
                .map_err(|error| format!("{}: {error}", subject.name()))?;
            subject.reports.push(report);
        }
    }
    Ok(())
}

fn load_one(
    tracker: &Running,
    subject: &Subject,
    work: &Work,
    mix: Mix,
    wanted: i32,
    time: Duration,
) -> Result<Report, Failure> {
    let fill = load_for(tracker, work);
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
        ..fill
    })?)
}

/// Prints the medians, with ratios to the first subject and to the socket loop.
fn describe(subjects: &[Subject]) {
    let first = subjects
        .first()
        .and_then(|first| first.figure(Report::rate));
    let bare = subjects
        .iter()
        .find(|subject| subject.program == Program::SocketLoop)
        .and_then(Subject::nanos);
    let ratio = |one: Option<f64>, other: Option<f64>| match (one, other) {
        (Some(one), Some(other)) if other > 0.0 => format!("{:.2}", one / other),
        _ => "-".into(),
    };
    let line = |subject: &Subject| {
        let busy = |report: &Report| {
            let time = report.server_time.unwrap_or_default();
            100.0 * time.as_secs_f64() / report.elapsed.as_secs_f64()
        };
        let failed = |report: &Report| {
            (report.counts.wrong + report.counts.refused + report.counts.lost) as f64
        };
        let rate = subject.figure(Report::rate);
        let show = |figure: Option<f64>| figure.map_or("-".into(), grouped);
        vec![
            subject.name(),
            show(rate),
            ratio(first, rate),
            show(subject.nanos()),
            ratio(subject.nanos(), bare),
            show(subject.figure(busy)),
            format!(
                "{:.1}",
                subject.figure(Report::mean_peers).unwrap_or_default()
            ),
            show(subject.figure(failed)),
        ]
    };
    let rows: Vec<_> = subjects.iter().map(line).collect();
    print(
        &[
            "tracker",
            "replies/s",
            "first / this",
            "ns of processor per reply",
            "to the socket loop",
            "% busy",
            "peers in a reply",
            "wrong, refused, lost",
        ],
        &rows,
    );
    for subject in subjects {
        let wrong = subject
            .reports
            .iter()
            .find_map(|report| report.counts.first_wrong.as_ref());
        if let Some(wrong) = wrong {
            println!("{}: first wrong reply: {wrong}", subject.name());
        }
    }
}
