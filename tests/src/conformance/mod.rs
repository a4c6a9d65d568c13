//! What the program promises, one probe for each behaviour, in the order of what opentracker does:
//! each probe talks to the real program, and where Debian's `opentracker` is installed the same
//! probe talks to that.
//!
//! The table at the top of each topic is the promise; the functions below it find out. The tests
//! hold wrtracker against the table, `cargo conformance` holds both programs against it and prints
//! where they differ and why.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, Stdio};

use crate::namespace::{enter_test, skip};

pub use lab::{Lab, Program};

/// Makes the table `PROBES` of a topic, and a macro of the given name that calls another with the
/// names of all probes, so that each becomes a test of its own.
///
/// The first argument is a `$`, which no macro can write by itself.
macro_rules! promises {
    ($dollar:tt $list:ident $topic:literal: $(
        $name:ident($section:literal $(, $needs:ident)?) => $says:expr, $theirs:expr;
    )*) => {
        /// What is promised here.
        pub static PROBES: &[$crate::conformance::Probe] = &[$($crate::conformance::Probe {
            section: $section,
            topic: $topic,
            name: stringify!($name),
            needs: promises!(@needs $($needs)?),
            observe: $name,
            says: $says,
            theirs: $theirs,
        }),*];

        /// Calls another macro with the names of the probes.
        #[macro_export]
        macro_rules! $list {
            ($dollar each:ident) => { $dollar each! { $topic: $($name)* } };
        }
    };
    (@needs) => { $crate::conformance::Needs::Nothing };
    (@needs $needs:ident) => { $crate::conformance::Needs::$needs };
}
// What every topic begins with.
use Theirs::{Absent, Differs, Same};

pub mod access_lists;
pub mod announce_parameters;
pub mod announce_replies;
pub mod config;
pub mod connection_ids;
pub mod directives;
pub mod everything;
pub mod fifos;
pub mod full_scrape;
pub mod gzip;
pub mod http_connections;
pub mod http_paths;
mod lab;
pub mod live_sync;
pub mod options;
pub mod process;
pub mod proxies;
pub mod report;
pub mod scrape;
pub mod state;
pub mod statistics;
pub mod statistics_access;
pub mod statistics_switched;
pub mod swarm;
pub mod tpbs;
pub mod udp;
pub mod udp_scrapes;

/// The probes of each topic, in the order of the specification.
static TOPICS: &[&[Probe]] = &[
    options::PROBES,
    config::PROBES,
    directives::PROBES,
    http_connections::PROBES,
    http_paths::PROBES,
    announce_parameters::PROBES,
    announce_replies::PROBES,
    proxies::PROBES,
    scrape::PROBES,
    full_scrape::PROBES,
    gzip::PROBES,
    tpbs::PROBES,
    udp::PROBES,
    udp_scrapes::PROBES,
    connection_ids::PROBES,
    swarm::PROBES,
    statistics::PROBES,
    statistics_access::PROBES,
    statistics_switched::PROBES,
    everything::PROBES,
    access_lists::PROBES,
    fifos::PROBES,
    live_sync::PROBES,
    state::PROBES,
    process::PROBES,
];

/// One behaviour.
pub struct Probe {
    /// Where the description of opentracker tells of it, for example `2.4`.
    pub section: &'static str,
    /// The module that it is in.
    pub topic: &'static str,
    /// The promise, as a sentence.
    pub name: &'static str,
    /// What the machine must let us do.
    pub needs: Needs,
    /// Finds out what a program does.
    pub observe: fn(&Lab) -> String,
    /// What wrtracker does.
    pub says: &'static str,
    /// What opentracker as Debian 12 has it does.
    pub theirs: Theirs,
}

/// What the machine must let a probe do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Needs {
    /// Nothing more than to start a program that listens on the loopback interface.
    Nothing,
    /// To be root.
    Root,
    /// To make a namespace of networks and mounts.
    Namespace,
}

/// What opentracker does, beside what wrtracker does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Theirs {
    /// The same.
    Same,
    /// Something else, and why we don't.
    Differs(&'static str, &'static str),
    /// The probe can't be put to it, and why.
    Absent(&'static str),
}

/// All probes.
pub fn all() -> impl Iterator<Item = &'static Probe> {
    TOPICS.iter().copied().flatten()
}

/// The test of one probe, which runs as `topic::name`.
///
/// # Panics
///
/// If wrtracker doesn't do what is promised.
pub fn test(topic: &str, name: &str) {
    let probe = all()
        .find(|probe| probe.topic == topic && probe.name == name)
        .expect("a probe of this name");
    let full_name = format!("{topic}::{name}");
    match probe.needs {
        Needs::Nothing => {}
        Needs::Root if lab::is_root() => {}
        Needs::Root => return skip(&format!("{full_name}: only root can do this")),
        Needs::Namespace if !enter_test(&full_name) => return,
        Needs::Namespace if furnish_namespace() => {}
        Needs::Namespace => return skip(&format!("{full_name}: the namespace can have no /proc")),
    }
    let lab = Lab::new(Program::Wrtracker);
    let seen = (probe.observe)(&lab);
    if let Some(why) = seen.strip_prefix(SKIPPED) {
        return skip(&format!("{full_name}: {why}"));
    }
    assert!(
        seen == probe.says,
        "section {}\npromised: {}\nobserved: {seen}\nthe program said:\n{}",
        probe.section,
        probe.says,
        lab.said()
    );
}

/// Gives the namespace that we are in a `/proc` of its own, because ours tells of the processes
/// outside; false if the machine doesn't let us.
pub fn furnish_namespace() -> bool {
    let mount = Command::new("mount")
        .args(["-t", "proc", "proc", "/proc"])
        .stderr(Stdio::null())
        .status();
    mount.is_ok_and(|status| status.success())
}

/// What an observation begins with that could not be made on this machine.
pub const SKIPPED: &str = "skipped: ";

/// What `probe` finds out about `program`, a panic included.
pub fn observe(probe: &Probe, program: Program) -> String {
    let observed = catch_unwind(AssertUnwindSafe(|| (probe.observe)(&Lab::new(program))));
    observed.unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied());
        format!("panicked: {}", text.unwrap_or("without a word"))
    })
}
