//! wrtracker beside opentracker and aquatic_udp: one table, a line for each quantity.

mod columns;
mod footprint;
mod lines;
mod load_test;
mod recorder;

use std::time::Duration;

use wrtracker_tests::load::work::Work;
use wrtracker_tests::load::{Mix, Protocol, Report};

use crate::Failure;
use crate::in_process::work;
use crate::memory::{hold, name_of, shapes};
use crate::rounds::{ANNOUNCES, Effort, MIXED, Subject, measure};
use crate::trackers::{Program, build};
use columns::Column;
use lines::{Better, Line};

/// Prints both tables.
///
/// # Errors
///
/// If wrtracker itself can't be measured. Another's program that can't be is left out, which a line
/// says.
pub(crate) fn run(quick: bool) -> Result<(), Failure> {
    build()?;
    let columns = columns::all(quick);
    let names: Vec<_> = columns.iter().map(|column| column.name).collect();
    let effort = Effort {
        rounds: if quick { 1 } else { 7 },
        time: Duration::from_millis(if quick { 100 } else { 1_500 }),
    };
    let under_load = work(if quick { 100 } else { 1_000 }, 100);

    let mut lines = Vec::new();
    lines.extend(udp(&columns, &under_load, ANNOUNCES, effort)?);
    lines.extend(udp(&columns, &under_load, MIXED, effort)?);
    lines.extend(http(&columns, &under_load, effort)?);
    lines.extend(on_one_core(&columns, &under_load, effort)?);
    lines.extend(memory(&columns, quick)?);
    lines.extend(footprint::measure(&columns, quick)?);
    println!(
        "\nOne core for the tracker, one for the load; medians of {} rounds in turn. UDP and HTTP: {} \
         torrents of {} peers, 30 wanted. The mix is of connects, announces and scrapes as 50 : 50 : 1.",
        effort.rounds, under_load.torrents, under_load.peers
    );
    lines::show(&names, &lines, true);
    load_test::run(&columns, quick)
}

/// Replies per second over UDP, and what one costs.
fn udp(columns: &[Column], work: &Work, mix: Mix, effort: Effort) -> Result<[Line; 3], Failure> {
    let programs = columns.iter().map(|column| column.under_udp);
    let mut subjects: Vec<_> = programs
        .chain([Program::SocketLoop])
        .map(|program| Subject::new(program, Protocol::Udp))
        .collect();
    measure(&mut subjects, work, mix, 30, effort)?;
    describe(&subjects);
    let bare = subjects.pop().ok_or("no socket loop")?;
    let what = if mix == ANNOUNCES { "announces" } else { "mix" };
    let rates = subjects.iter().map(|one| one.figure(Report::rate));
    let nanos: Vec<_> = subjects.iter().map(Subject::nanos).collect();
    let to_bare = |nanos: &Option<f64>| Some((*nanos)? / bare.nanos()?);
    let to_bare = nanos.iter().map(to_bare).collect();
    Ok([
        Line {
            limit: bare.figure(Report::rate),
            ..Line::new(
                &format!("UDP {what}: replies/s"),
                Better::Higher,
                rates.collect(),
            )
        },
        Line {
            limit: bare.nanos(),
            ..Line::new(
                &format!("UDP {what}: ns of processor per reply"),
                Better::Lower,
                nanos.clone(),
            )
        },
        Line {
            better: None,
            decimals: 2,
            limit: Some(1.0),
            ..Line::new(
                &format!("UDP {what}: the same to the socket loop's"),
                Better::Lower,
                to_bare,
            )
        },
    ])
}

/// Announces per second over HTTP, and what one costs. Who can't keep connections open is compared by
/// what it does instead.
fn http(columns: &[Column], work: &Work, effort: Effort) -> Result<Vec<Line>, Failure> {
    let closing = Protocol::Http { keep_alive: false };
    let keeping = Protocol::Http { keep_alive: true };
    let over_http: Vec<_> = columns
        .iter()
        .filter_map(|column| column.over_http)
        .collect();
    let own = *over_http.first().ok_or("no wrtracker")?;
    let mut subjects: Vec<_> = over_http
        .iter()
        .map(|&program| Subject::new(program, closing))
        .chain([Subject::new(own, keeping)])
        .collect();
    measure(&mut subjects, work, ANNOUNCES, 30, effort)?;
    describe(&subjects);
    let kept = subjects.pop().ok_or("no wrtracker")?;
    let mut lines = Vec::new();
    for stay in [true, false] {
        let way = if stay {
            "connections stay (opentracker has but one for each)"
        } else {
            "a connection for each"
        };
        let figures = |of: &dyn Fn(&Subject) -> Option<f64>| {
            let figure = |column: &Column| {
                let program = column.over_http?;
                let mut closed = subjects.iter().filter(|one| one.program == program);
                if stay && program == own {
                    of(&kept)
                } else {
                    of(closed.next()?)
                }
            };
            columns.iter().map(figure).collect()
        };
        lines.push(Line::new(
            &format!("HTTP, {way}: announces/s"),
            Better::Higher,
            figures(&|one| one.figure(Report::rate)),
        ));
        lines.push(Line::new(
            &format!("HTTP, {way}: ns of processor per announce"),
            Better::Lower,
            figures(&Subject::nanos),
        ));
    }
    Ok(lines)
}

/// Rates with the load on the tracker's core.
fn on_one_core(columns: &[Column], work: &Work, effort: Effort) -> Result<[Line; 2], Failure> {
    let closing = Protocol::Http { keep_alive: false };
    let line = |what: &str, protocol, program: &dyn Fn(&Column) -> Option<Program>, limit| {
        let programs = columns.iter().map(program).chain([limit]);
        let mut subjects: Vec<_> = programs
            .flatten()
            .map(|program| Subject::new(program, protocol).on_one_core())
            .collect();
        measure(&mut subjects, work, ANNOUNCES, 30, effort)?;
        let rate = |program: Option<Program>| {
            let subject = subjects.iter().find(|one| Some(one.program) == program);
            subject.and_then(|one| one.figure(Report::rate))
        };
        Ok::<_, Failure>(Line {
            limit: rate(limit),
            ..Line::new(
                &format!("{what}, on one core with the load: replies/s"),
                Better::Higher,
                columns.iter().map(|column| rate(program(column))).collect(),
            )
        })
    };
    Ok([
        line(
            "UDP announces",
            Protocol::Udp,
            &|column| Some(column.under_udp),
            Some(Program::SocketLoop),
        )?,
        line(
            "HTTP, a connection for each",
            closing,
            &|column| column.over_http,
            None,
        )?,
    ])
}

/// Growth of anonymous memory per peer.
fn memory(columns: &[Column], quick: bool) -> Result<Vec<Line>, Failure> {
    let mut lines = Vec::new();
    for work in shapes(quick) {
        let mut figures = Vec::new();
        for column in columns {
            figures.push(match hold(column.under_udp, &work) {
                Ok(held) => Some(held.per_peer),
                Err(error) if column.under_udp.is_own() => return Err(error),
                Err(error) => {
                    println!("{}: {error}: not measured.", column.name);
                    None
                }
            });
        }
        lines.push(Line {
            decimals: 1,
            ..Line::new(
                &format!("memory: bytes per peer, {}", name_of(&work)),
                Better::Lower,
                figures,
            )
        });
    }
    Ok(lines)
}

/// Says what one must know to believe the figures: that replies were full and right.
fn describe(subjects: &[Subject]) {
    for subject in subjects {
        let (Some(peers), Some(failures)) =
            (subject.figure(Report::mean_peers), subject.failures())
        else {
            continue;
        };
        print!("{}: {peers:.1} peers in a reply", subject.name());
        if failures > 0.0 {
            print!(", {failures:.0} wrong, refused or lost");
        }
        match subject.first_wrong() {
            Some(wrong) => println!(", the first wrong one: {wrong}"),
            None => println!(),
        }
    }
}
