//! The program from its command line to its exit code.

use std::ffi::OsString;
use std::process::ExitCode;

use crate::listen;
use crate::log;
use crate::machine;
use crate::options::{Help, Usage, Version};
use crate::plan::{Plan, TooLittle, Wanted};
use crate::server::Server;
use crate::settings::{Command, Settings};
use crate::size::Bytes;
use crate::sync::LiveSync;
use crate::sys::signals::Signals;

/// A command line that can't be understood; opentracker's number.
const USAGE: u8 = 1;
/// A setting that can't be used.
const SETTINGS: u8 = 2;
/// A resource that the system does not give; opentracker's number.
const SYSTEM: u8 = 111;

/// Runs the program with these arguments, the program's name left out, until a signal ends it.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let settings = match Command::parse(arguments) {
        Ok(Command::Run(settings) | Command::Check(settings)) => settings,
        Ok(Command::Help) => {
            log::text(Help);
            return ExitCode::SUCCESS;
        }
        Ok(Command::Version) => {
            log::text(format_args!("{Version}\n"));
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            log::line(format_args!("{}; {Usage}", error.0));
            return ExitCode::from(USAGE);
        }
    };
    for warning in &settings.warnings {
        log::warning(warning);
    }
    for error in &settings.errors {
        log::line(error);
    }
    if !settings.errors.is_empty() {
        return ExitCode::from(SETTINGS);
    }
    match serve(settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err((code, message)) => {
            log::line(message);
            ExitCode::from(code)
        }
    }
}

/// Serves until a signal asks for the end.
fn serve(settings: Box<Settings>) -> Result<(), (u8, String)> {
    let (memory, places) = (settings.memory, settings.listeners());
    let policy = settings
        .policy()
        .map_err(|error| (SETTINGS, error.to_string()))?;
    let live_sync = settings.live_sync;
    let wanted = Wanted {
        sync: live_sync.is_some(),
        ..Wanted::default()
    };
    // What was read is of no use any more, and this goes on for months.
    drop(settings);
    let refused = |code| move |error: &dyn core::error::Error| (code, error.to_string());
    let limit = memory.unwrap_or_else(|| Plan::default_limit(machine::memory().unwrap_or(0)));
    Plan::new(limit, usize::MAX, &wanted).map_err(|error| refused(SETTINGS)(&error))?;
    let signals = Signals::take().map_err(|error| refused(SYSTEM)(&error))?;
    let listeners = listen::open_all(&places, |problem| log::warning(problem))
        .map_err(|error| refused(SYSTEM)(&error))?;
    drop(places);
    let sync = live_sync.map(LiveSync::open).transpose();
    let sync = sync.map_err(|error| refused(SYSTEM)(&error))?;
    let plan =
        affordable(limit, listeners.len(), &wanted).map_err(|error| refused(SETTINGS)(&error))?;
    let mut server = Server::new(&plan, policy, listeners, Some(signals))
        .map_err(|error| refused(SYSTEM)(&error))?;
    for listener in server.listeners() {
        log::line(format_args!("listening on {listener}"));
    }
    if let Some(sync) = sync {
        log::line(&sync);
        server
            .set_sync(sync)
            .map_err(|error| refused(SYSTEM)(&error))?;
    }
    log::line(plan);
    log::line("ready");
    server.run().map_err(|error| refused(SYSTEM)(&error))?;
    let store = server.tracker().store();
    log::line(format_args!(
        "ended with {} torrents and {} peers; {}",
        store.torrents(),
        store.peers(),
        store.losses()
    ));
    Ok(())
}

/// Descriptors that are neither listeners nor connections: standard streams, signals, the event
/// loop, and some to spare.
const OTHER_DESCRIPTORS: usize = 16;

/// The plan for `limit` with as many connections as there may be descriptors.
fn affordable(limit: Bytes, listeners: usize, wanted: &Wanted) -> Result<Plan, TooLittle> {
    let others = OTHER_DESCRIPTORS + listeners;
    let plan = Plan::new(limit, usize::MAX, wanted)?;
    let needed = plan.connections + others;
    let got = machine::raise_descriptors(needed as u64);
    if got >= needed as u64 {
        return Ok(plan);
    }
    log::warning(format_args!(
        "only {got} open files are allowed, which makes fewer connections than the memory would"
    ));
    Plan::new(
        limit,
        usize::try_from(got)
            .unwrap_or(needed)
            .saturating_sub(others),
        wanted,
    )
}
