//! Who is compared.

use crate::in_process::work;
use crate::rounds::WRTRACKER;
use crate::trackers::Program;
use crate::trackers::rivals::Rival;

/// One tracker.
pub(super) struct Column {
    pub(super) name: &'static str,
    /// As it answers UDP fastest, with memory for all that is asked.
    pub(super) under_udp: Program,
    /// As it answers HTTP, if it does.
    pub(super) over_http: Option<Program>,
    /// As it is without a word about its size.
    pub(super) idle: Program,
}

/// wrtracker first, then all that are there or can be built, and start. Says plainly which don't. A
/// quick run builds none.
pub(super) fn all(quick: bool) -> Vec<Column> {
    let mut columns = vec![Column {
        name: "wrtracker",
        under_udp: WRTRACKER,
        over_http: Some(WRTRACKER),
        idle: Program::Wrtracker(0),
    }];
    let others = [
        opentracker("opentracker", |worker| Program::Opentracker { worker }),
        aquatic(Program::Aquatic, Rival::Udp, quick),
    ];
    let more = [
        has_own_opentracker().then(|| {
            opentracker("own opentracker", |worker| Program::OwnOpentracker {
                worker,
            })
        }),
        Some(aquatic(Program::AquaticRing, Rival::UdpRing, quick)),
    ];
    for column in others.into_iter().chain(more.into_iter().flatten()) {
        match column.and_then(starts) {
            Ok(column) => columns.push(column),
            Err(reason) => println!("{reason}: left out."),
        }
    }
    columns
}

/// The UDP worker is faster, and HTTP has no use for one.
fn opentracker(name: &'static str, program: fn(bool) -> Program) -> Result<Column, String> {
    match program(false).installed() {
        Some(_) => Ok(Column {
            name,
            under_udp: program(true),
            over_http: Some(program(false)),
            idle: program(false),
        }),
        None => Err(format!("{name} is not installed")),
    }
}

fn aquatic(program: Program, rival: Rival, quick: bool) -> Result<Column, String> {
    if program.installed().is_none() {
        if quick {
            let name = program.name();
            return Err(format!("{name} is not built, and a quick run builds none"));
        }
        rival.install()?;
    }
    Ok(Column {
        name: program.name(),
        under_udp: program,
        over_http: None,
        idle: program,
    })
}

/// Whether the user names an opentracker that isn't the system's.
fn has_own_opentracker() -> bool {
    let own = Program::OwnOpentracker { worker: false }.installed();
    own.is_some() && own != Program::Opentracker { worker: false }.installed()
}

/// The kernel may not allow what a program needs.
fn starts(column: Column) -> Result<Column, String> {
    match column.under_udp.start(&work(1, 1)) {
        Ok(_) => Ok(column),
        Err(error) => Err(format!("{} can't be run: {error}", column.name)),
    }
}
