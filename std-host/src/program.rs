//! The program from its command line to its exit code.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use rustix::process::geteuid;
use wrtracker_core::http::Door;

use crate::check::{self, Verdict};
use crate::client;
use crate::interfaces::LanWatch;
use crate::listen::{self, NotOpened};
use crate::lists::Entries;
use crate::log;
use crate::machine;
use crate::notify::Notify;
use crate::options::{Help, Usage, Version};
use crate::plan::{Plan, TooLittle, Wanted};
use crate::privileges::{self, Dropped, Wanted as Identity};
use crate::server::Server;
use crate::settings::{Command, Settings, resolve};
use crate::size::Bytes;
use crate::sync::LiveSync;
use crate::sys::signals::Signals;
use crate::sys::stack;
use crate::tls::Credentials;

/// A command line that can't be understood; opentracker's number.
const USAGE: u8 = 1;
/// A setting that can't be used.
const SETTINGS: u8 = 2;
/// A resource that the system does not give; opentracker's number.
const SYSTEM: u8 = 111;

/// Runs the program with these arguments, the program's name left out, until a signal ends it.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    if let Some(code) = client::run(&arguments) {
        return code;
    }
    let settings = match Command::parse(arguments.iter().cloned()) {
        Ok(Command::Run(settings)) => settings,
        Ok(Command::Check(settings)) => {
            tell(&settings);
            return ExitCode::from(match check::run(&settings) {
                Verdict::Fine => 0,
                Verdict::Missing => SYSTEM,
                Verdict::BadSettings => SETTINGS,
            });
        }
        Ok(Command::Help) => {
            log::text(Help);
            return ExitCode::SUCCESS;
        }
        Ok(Command::Version) => {
            log::text(format_args!("{Version}\n"));
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            log::error(format_args!("{}; {Usage}", error.0));
            return ExitCode::from(USAGE);
        }
    };
    log::start(settings.log_to, settings.log_level);
    tell(&settings);
    if !settings.errors.is_empty() {
        return ExitCode::from(SETTINGS);
    }
    match serve(settings, &arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err((code, message)) => {
            log::error(message);
            ExitCode::from(code)
        }
    }
}

/// Tells what is wrong with the settings.
fn tell(settings: &Settings) {
    for warning in &settings.warnings {
        log::warning(warning);
    }
    for error in &settings.errors {
        log::error(error);
    }
}

/// Why the program ends before its time: its status and what to tell.
type Failure = (u8, String);

/// Serves until a signal asks for the end.
fn serve(mut settings: Box<Settings>, arguments: &[OsString]) -> Result<(), Failure> {
    let (mut server, notify) = start(&mut settings)?;
    stack::give_back_unused();
    log::info("ready");
    log::set_serving(true);
    notify.ready();
    let mut reload = |server: &mut Server| {
        notify.reloading();
        reload(arguments, &settings, server);
        notify.ready();
    };
    server
        .run(&mut reload)
        .map_err(|error| (SYSTEM, error.to_string()))?;
    log::set_serving(false);
    notify.stopping();
    server.save_state();
    let totals = server.tracker().totals();
    log::info(format_args!(
        "ended with {} torrents and {} peers; {}",
        totals.torrents, totals.peers, totals.losses
    ));
    Ok(())
}

/// Gets everything ready to serve, in the order in which it must be done.
///
/// In a frame of its own, which is large and not needed any more when it is done.
#[inline(never)]
fn start(settings: &mut Settings) -> Result<(Box<Server>, Notify), Failure> {
    let settings_error = |error: &dyn core::error::Error| (SETTINGS, error.to_string());
    let system_error = |error: &dyn core::error::Error| (SYSTEM, error.to_string());
    let policy = settings.policy().map_err(|error| settings_error(&error))?;
    let limit = settings
        .memory
        .unwrap_or_else(|| Plan::default_limit(machine::memory().unwrap_or(0)));
    Plan::new(limit, usize::MAX, &settings.wanted(Entries::default()))
        .map_err(|error| settings_error(&error))?;
    let notify = Notify::from_environment().unwrap_or_else(|problem| {
        log::warning(problem);
        Notify::default()
    });
    let signals = Signals::take().map_err(|error| system_error(&error))?;
    let tell = |what: &NotOpened| match what {
        NotOpened::Missing(_) => log::warning(what),
        NotOpened::Covered(..) => log::info(what),
    };
    let mut listeners = listen::open_all(&settings.listeners(), listen::waiting_room(limit), tell)
        .map_err(|error| system_error(&error))?;
    let api = listen::open_all(&settings.api_listeners(), 0, tell);
    for mut listener in api.map_err(|error| system_error(&error))? {
        listener.door = Door::Api;
        listeners.push(listener);
    }
    let others = listeners.len() + usize::from(settings.wanted(Entries::default()).workers);
    let connections = connections(limit, others).map_err(|error| settings_error(&error))?;
    let sync = settings.live_sync.map(LiveSync::open).transpose();
    let sync = sync.map_err(|error| system_error(&error))?;
    let credentials = Credentials::load(settings, |path| {
        resolve(settings.rootdir.as_deref(), geteuid().is_root(), path)
    });
    let credentials = credentials.map_err(|error| settings_error(&error))?;
    // All that needs root's rights, or the whole tree of files, is done.
    give_up_rights(settings).map_err(|error| system_error(&error))?;
    let lists = settings.lists();
    let entries = lists.entries();
    let wanted = settings.wanted(entries);
    let plan = Plan::new(limit, connections, &wanted).map_err(|error| settings_error(&error))?;
    let lan = LanWatch::new(policy.lan.clone(), settings.lan_auto);
    let server = Server::new(&plan, policy, listeners, Some(signals));
    let mut server = Box::new(server.map_err(|error| system_error(&error))?);
    if let Some(credentials) = credentials {
        server.set_credentials(credentials);
    }
    server.watch_lan(lan);
    server.set_mode(settings.mode());
    server
        .set_lists(lists, entries)
        .map_err(|error| system_error(&error))?;
    for listener in server.listeners() {
        log::info(format_args!("listening on {listener}"));
    }
    if let Some(sync) = sync {
        log::info(&sync);
        server
            .set_sync(sync)
            .map_err(|error| system_error(&error))?;
    }
    server.set_state(settings.state());
    server
        .start_workers()
        .map_err(|error| system_error(&error))?;
    log::info(plan);
    Ok((server, notify))
}

/// Reads the command line and its files again, and changes what can change while the server runs.
/// With anything wrong in them all stays as it is. The access lists are read again either way.
///
/// In a frame of its own, which is large and not needed while the server runs.
#[inline(never)]
fn reload(arguments: &[OsString], settings: &Settings, server: &mut Server) {
    match Command::parse(arguments.iter().cloned()) {
        Ok(Command::Run(mut new)) => {
            if settings.entered {
                new.enter_rootdir();
            }
            tell(&new);
            let differing: Vec<_> = settings.needs_restart(&new).collect();
            // Listeners stay as they are: what follows from their modes does too.
            new.mode = Some(settings.mode());
            new.listen = settings.listeners();
            new.api_listen = settings.api_listeners();
            new.whitelist.clone_from(&settings.whitelist);
            let policy = new.policy().map_err(log::error);
            if let (Ok(policy), true) = (policy, new.errors.is_empty() && !new.unread) {
                for directive in differing {
                    log::warning(format_args!("{directive} changes with a restart"));
                }
                log::set_level(new.log_level);
                let lan = LanWatch::new(policy.lan.clone(), new.lan_auto);
                server.set_policy(policy);
                server.watch_lan(lan);
                reload_credentials(&new, server);
                log::info("read the configuration again");
            } else {
                reload_credentials(settings, server);
                log::warning("the configuration stays as it was");
            }
        }
        Ok(_) => {}
        Err(error) => {
            log::warning(format_args!(
                "{}; the configuration stays as it was",
                error.0
            ));
        }
    }
    server.reload_lists();
}

/// Reads the certificate and its key again; with anything wrong they stay as they are.
fn reload_credentials(settings: &Settings, server: &mut Server) {
    match Credentials::load(settings, Path::to_path_buf) {
        Ok(Some(credentials)) => {
            log::info(format_args!("TLS from now on with {credentials}"));
            server.set_credentials(credentials);
        }
        Ok(None) => {}
        Err(problem) => {
            log::error(problem);
            log::warning("the certificate stays as it was");
        }
    }
}

fn give_up_rights(settings: &mut Settings) -> Result<(), privileges::Error> {
    let identity = Identity {
        user: settings.user.as_deref(),
        rootdir: settings.rootdir.as_deref(),
    };
    if let Dropped::Became(uid, gid) = privileges::drop(&identity)? {
        settings.enter_rootdir();
        log::info(format_args!(
            "running as user {} of group {}",
            uid.as_raw(),
            gid.as_raw()
        ));
    }
    Ok(())
}

/// Descriptors that are no listeners, connections or workers' event loops: standard streams,
/// signals, the event loop, files, pipes, live sync, and some to spare.
const OTHER_DESCRIPTORS: usize = 24;

/// The connections that `limit` makes and that there may be descriptors for, beside so many others.
fn connections(limit: Bytes, others: usize) -> Result<usize, TooLittle> {
    let others = OTHER_DESCRIPTORS + others;
    let connections = Plan::new(limit, usize::MAX, &Wanted::default())?.connections;
    let needed = connections + others;
    let got = machine::raise_descriptors(needed as u64);
    if got >= needed as u64 {
        return Ok(connections);
    }
    log::warning(format_args!(
        "only {got} open files are allowed, which makes fewer connections than the memory would"
    ));
    let got = usize::try_from(got).unwrap_or(needed);
    Ok(got.saturating_sub(others))
}
