//! Check mode: what the settings mean on this machine, without starting anything.
//!
//! It goes through the same steps as a start and opens what can be opened without disturbing a
//! tracker that runs: no port is bound, no file is written, no memory is reserved.

mod files;
mod text;

use core::fmt;
use core::net::{IpAddr, SocketAddr};
use std::io::{self, Write as _};
use std::path::Path;

use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with};
use rustix::process::geteuid;
use wrtracker_core::access::Mode;
use wrtracker_core::policy::Policy;

use crate::lists::Entries;
use crate::log;
use crate::machine;
use crate::plan::Plan;
use crate::privileges::DEFAULT_USER;
use crate::settings::{Listen, Settings};
use crate::size::Bytes;
use crate::tls::Credentials;
use crate::users::{self, Identity};

use self::files::{Files, Problem};

/// What a check comes to, from the best to the worst.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Verdict {
    /// The tracker would start.
    Fine,
    /// A file, an address or the like isn't there.
    Missing,
    /// Settings can't be used.
    BadSettings,
}

/// A check that goes on.
struct Check {
    /// What is to be said on standard output.
    said: String,
    verdict: Verdict,
}

/// Says what `settings` mean on standard output, and what is wrong on standard error. Reads list
/// files to their end.
///
/// In a frame of its own, which is large, and not part of one that the server needs.
#[inline(never)]
pub fn run(settings: &Settings) -> Verdict {
    let mut check = Check {
        said: String::new(),
        verdict: Verdict::Fine,
    };
    if !settings.errors.is_empty() {
        check.verdict = Verdict::BadSettings;
    } else if settings.unread {
        check.verdict = Verdict::Missing;
    }
    check.listeners(settings);
    let entries = check.files(settings);
    match settings.policy() {
        Ok(policy) => check.policy(settings, &policy),
        Err(conflict) => check.problem(Verdict::BadSettings, conflict),
    }
    check.memory(settings, entries);
    check.privileges(settings);
    // Who closes standard output doesn't want to know.
    let _ = io::stdout().write_all(check.said.as_bytes());
    check.verdict
}

impl Check {
    /// Says a line.
    fn say(&mut self, line: impl fmt::Display) {
        self.said += &format!("{line}\n");
    }

    /// Tells of something that would keep the tracker from its work.
    fn problem(&mut self, verdict: Verdict, problem: impl fmt::Display) {
        log::error(problem);
        self.verdict = self.verdict.max(verdict);
    }

    fn listeners(&mut self, settings: &Settings) {
        for place in settings.listeners() {
            let Listen {
                tcp,
                udp,
                ip,
                port,
                mode,
                tls,
            } = place;
            let mode = mode.map_or(String::new(), |mode| format!(", {mode}"));
            let protocols = match (tcp, udp) {
                _ if tls => "tls",
                (true, true) => "tcp and udp",
                (true, false) => "tcp",
                _ => "udp",
            };
            match ip {
                Some(ip) => {
                    self.say(format_args!(
                        "listen: {protocols} {}{mode}",
                        SocketAddr::new(ip, port)
                    ));
                    self.local(ip);
                }
                None => self.say(format_args!(
                    "listen: {protocols}, any address, port {port}{mode}"
                )),
            }
        }
        for place in settings.api_listeners() {
            let protocol = if place.tls { "tls" } else { "tcp" };
            let tokens = settings.draft.api_tokens.len();
            let place = match place.ip {
                Some(ip) => SocketAddr::new(ip, place.port).to_string(),
                None => format!("any address, port {}", place.port),
            };
            self.say(format_args!(
                "api: {protocol} {place}, {tokens} of the tokens open it"
            ));
        }
        let asks = match settings.mode() {
            Mode::Public => "nothing",
            Mode::Listed => "a torrent that is listed or signed",
            Mode::Private => "a key",
            Mode::PrivateListed => "a key, and a torrent that is listed or signed",
        };
        self.say(format_args!("mode: {}, asks for {asks}", settings.mode()));
        match settings.udp_workers {
            0 => self.say("UDP: answered by the event loop"),
            workers => self.say(format_args!("UDP: answered by {workers} threads")),
        }
        if let Some(address) = settings.live_sync {
            self.say(format_args!("live sync: {address}"));
            self.local((*address.ip()).into());
        }
    }

    /// Tells if the address is none of this machine's.
    fn local(&mut self, ip: IpAddr) {
        if let Err(error) = can_be_bound(ip) {
            self.problem(Verdict::Missing, format_args!("{ip}: {error}"));
        }
    }

    /// Says where files are and what is in them, and for how many hashes the lists have room.
    fn files(&mut self, settings: &Settings) -> Entries {
        let files = Files::new(settings);
        let entries = files.entries(settings);
        for (name, path, room) in [
            ("whitelist", &settings.whitelist, entries.whitelist),
            ("blacklist", &settings.blacklist, entries.blacklist),
        ] {
            let Some(path) = path else {
                continue;
            };
            let shown = path.display();
            match files.count(path) {
                Ok(counted) => {
                    self.say(format_args!("{name}: {shown}: {counted}, room for {room}"));
                    if counted.hashes > room {
                        self.problem(
                            Verdict::BadSettings,
                            format_args!("{shown}: more hashes than access.entries"),
                        );
                    }
                }
                Err(problem) => self.missing(&files, path, &problem),
            }
        }
        if let Some(path) = &settings.keys
            && cfg!(feature = "private")
        {
            let shown = path.display();
            let room = entries.keys;
            match files.count_keys(path) {
                Ok((keys, wrong)) => {
                    self.say(format_args!(
                        "keys: {shown}: {keys} keys, {wrong} wrong lines, room for {room}"
                    ));
                    if keys > room {
                        self.problem(
                            Verdict::BadSettings,
                            format_args!("{shown}: more keys than access.key_entries"),
                        );
                    }
                }
                Err(problem) => self.missing(&files, path, &problem),
            }
        } else if entries.keys > 0 {
            self.say(format_args!("keys: no file, room for {}", entries.keys));
        }
        self.credentials(settings, &files);
        let lists = settings.whitelist.is_some() || settings.blacklist.is_some();
        for (name, path, found) in [
            (
                "access.fifo_add",
                &settings.fifo_add,
                Files::fifo as files::Look,
            ),
            ("access.fifo_delete", &settings.fifo_delete, Files::fifo),
            ("state.file", &settings.state_file, Files::written),
            ("state.peers_file", &settings.peers_file, Files::written),
            ("state.grants", &settings.grants_file, Files::written),
            ("-l", &settings.load_file, Files::read),
        ] {
            let Some(path) = path else {
                continue;
            };
            self.say(format_args!("{name}: {}", path.display()));
            if let Err(problem) = found(&files, path) {
                self.missing(&files, path, &problem);
            }
            if name.starts_with("access") && !lists {
                log::warning(format_args!("{name}: there is no list to change"));
            }
        }
        if settings.state_file.is_some() || settings.peers_file.is_some() {
            match settings.state_interval {
                0 => self.say("state: written at the end only"),
                seconds => self.say(format_args!("state: written every {seconds} seconds")),
            }
        }
        entries
    }

    /// Says which certificate is shown, and tells if it can't be.
    fn credentials(&mut self, settings: &Settings, files: &Files) {
        match Credentials::load(settings, |path| files.resolve(path)) {
            Ok(None) => {}
            Ok(Some(credentials)) => self.say(format_args!("TLS: {credentials}")),
            Err(problem) => self.problem(Verdict::Missing, problem),
        }
    }

    /// Tells what is wrong with the file, by the name that it has outside.
    fn missing(&mut self, files: &Files, path: &Path, problem: &Problem) {
        let path = files.resolve(path);
        self.problem(
            Verdict::Missing,
            format_args!("{}: {problem}", path.display()),
        );
    }

    fn policy(&mut self, settings: &Settings, policy: &Policy) {
        self.said += &text::Meaning { settings, policy }.to_string();
    }

    fn memory(&mut self, settings: &Settings, entries: Entries) {
        let limit = settings
            .memory
            .unwrap_or_else(|| Plan::default_limit(machine::memory().unwrap_or(0)));
        match Plan::new(limit, usize::MAX, &settings.wanted(entries)) {
            Ok(plan) => {
                self.say(plan);
                for (what, bytes) in plan.shares() {
                    if bytes > 0 {
                        self.say(format_args!("  {what}: {}", Bytes(bytes)));
                    }
                }
            }
            Err(error) => self.problem(Verdict::BadSettings, error),
        }
    }

    fn user(&mut self, user: &str) {
        let who = identity(user).unwrap_or_else(|| {
            log::warning(format_args!("there is no user {user}"));
            Identity::NOBODY
        });
        let (uid, gid) = (who.uid.as_raw(), who.gid.as_raw());
        self.say(format_args!(
            "privileges: root becomes user {uid} of group {gid}"
        ));
        if uid == 0 || gid == 0 {
            let problem = format_args!("{user}: the tracker refuses to run as root");
            self.problem(Verdict::Missing, problem);
        }
    }

    fn privileges(&mut self, settings: &Settings) {
        if geteuid().is_root() {
            self.user(settings.user.as_deref().unwrap_or(DEFAULT_USER));
        } else {
            self.say("privileges: those of whoever starts it");
        }
        if let Some(path) = &settings.rootdir {
            let shown = path.display();
            let how = if geteuid().is_root() {
                "the root of all paths"
            } else {
                "where relative paths begin"
            };
            self.say(format_args!("rootdir: {shown}, {how}"));
            if !path.is_dir() {
                self.problem(Verdict::Missing, format_args!("{shown}: no such folder"));
            }
        }
    }
}

/// Whom root becomes.
fn identity(user: &str) -> Option<Identity> {
    let read = |path| users::read(path).unwrap_or_default();
    Identity::find(user, &read(users::PASSWD), &read(users::GROUP))
}

/// Whether `ip` is an address of this machine: a socket can have it, on a port that nobody has.
fn can_be_bound(ip: IpAddr) -> io::Result<()> {
    let family = match ip {
        IpAddr::V4(_) => AddressFamily::INET,
        IpAddr::V6(_) => AddressFamily::INET6,
    };
    let socket = socket_with(family, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    bind(&socket, &SocketAddr::new(ip, 0))?;
    Ok(())
}
