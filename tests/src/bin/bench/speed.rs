//! Replies per second, and the tracker's processor time per reply.

use std::time::Duration;

use wrtracker_tests::load::{Protocol, Report};

use crate::Failure;
use crate::in_process::work;
use crate::rounds::{ANNOUNCES, Effort, MIXED, Subject, WRTRACKER, measure};
use crate::table::{grouped, print};
use crate::trackers::{Program, build, installed};

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
    let mut subjects: Vec<_> = udp.iter().map(subject).collect();
    measure(&mut subjects, &of_100, MIXED, 30, effort)?;
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
            show(subject.failures()),
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
        if let Some(wrong) = subject.first_wrong() {
            println!("{}: first wrong reply: {wrong}", subject.name());
        }
    }
}
