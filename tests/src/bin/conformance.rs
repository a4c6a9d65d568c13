//! Puts every probe to wrtracker and, where it is installed, to Debian's opentracker, and prints
//! where they differ and why. Fails if wrtracker doesn't keep a promise, or if opentracker twice
//! does something that is not explained.
#![forbid(unsafe_code)]

use std::env;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use wrtracker_tests::conformance::{self, Needs, Probe, Program, SKIPPED, Theirs, report};
use wrtracker_tests::namespace::{Place, enter, skip};

const USAGE: &str = "usage: conformance [--observe] [part of a name]...\n\
    --observe prints what each program does, whatever is promised";

/// How it ends inside a namespace that it can't use.
const NO_PROC: u8 = 77;

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    if args.iter().any(|arg| arg == "-h" || arg == "--help") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    // Inside a namespace of its own nobody else listens on any port.
    let inside = match enter(&args.iter().map(String::as_str).collect::<Vec<_>>()) {
        Place::Inside if conformance::furnish_namespace() => true,
        Place::Inside => return ExitCode::from(NO_PROC),
        Place::Ran(status) if status.code() == Some(NO_PROC.into()) => {
            skip("probes that need a namespace: it can have no /proc");
            false
        }
        Place::Ran(status) => {
            return ExitCode::from(
                status
                    .code()
                    .and_then(|code| code.try_into().ok())
                    .unwrap_or(1),
            );
        }
        Place::Impossible(why) => {
            skip(&why);
            false
        }
    };
    let observe = args.iter().any(|arg| arg == "--observe");
    let parts: Vec<&String> = args.iter().filter(|arg| !arg.starts_with("--")).collect();
    let chosen: Vec<&Probe> = conformance::all()
        .filter(|probe| {
            let name = format!("{}::{}", probe.topic, probe.name);
            parts.is_empty() || parts.iter().any(|part| name.contains(*part))
        })
        .filter(|probe| inside || probe.needs != Needs::Namespace)
        .collect();
    if Program::Opentracker.file().is_none() {
        skip("opentracker is not installed, wrtracker alone is probed");
    }
    // What panics is told in its place.
    std::panic::set_hook(Box::new(|_| {}));
    let mut rows = put(&chosen);
    // opentracker's own races are not ours to answer for, so it may try again, alone.
    for row in rows.iter_mut().filter(|row| !row.explained()) {
        let again = conformance::observe(row.probe, Program::Opentracker);
        row.theirs_at_first = row.theirs.replace(again);
    }
    if observe {
        report::observations(&rows);
        return ExitCode::SUCCESS;
    }
    if report::print(&rows) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Puts the probes to both programs, a few at a time, and returns what they saw in order.
fn put(probes: &[&'static Probe]) -> Vec<report::Row> {
    let next = AtomicUsize::new(0);
    let rows = Mutex::new(Vec::new());
    let threads = thread::available_parallelism().map_or(2, |count| count.get() * 2);
    let there = Program::Opentracker.file().is_some();
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(probe) = probes.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let start = Instant::now();
                    let ours = conformance::observe(probe, Program::Wrtracker);
                    let put = there && !matches!(probe.theirs, Theirs::Absent(_));
                    let theirs = put.then(|| conformance::observe(probe, Program::Opentracker));
                    for seen in [Some(&ours), theirs.as_ref()].into_iter().flatten() {
                        if let Some(why) = seen.strip_prefix(SKIPPED) {
                            skip(&format!("{}::{}: {why}", probe.topic, probe.name));
                        }
                    }
                    let mut rows = rows.lock().expect("no panic in between");
                    rows.push(report::Row {
                        probe,
                        ours,
                        theirs,
                        theirs_at_first: None,
                        time: start.elapsed(),
                    });
                }
            });
        }
    });
    let mut rows = rows.into_inner().expect("no panic in between");
    rows.sort_by_key(|row| {
        probes
            .iter()
            .position(|probe| std::ptr::eq(*probe, row.probe))
    });
    rows
}
