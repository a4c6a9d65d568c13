//! The program as a process: signals, rights, root directory.

use std::fs;
use std::process::Command;

use rustix::process::Signal;

use super::lab::{Hash, Lab, Outcome, Running, Tracker, free_port, hex, until};
use super::{Absent, Differs, Same};
use crate::udp_client::{Announce, COMPLETED};

promises! { $ process_probes "process":
    sigint_ends_it_well("9") => "0", Same;
    sigterm_ends_it_well("9") => "0", Differs("signal 15", "it dies of it and saves nothing");
    a_hangup_does_not_end_it("9") => "goes on", Same;
    neither_do_pipe_and_alarm("9") => "goes on", Same;
    a_second_one_on_the_same_port_is_refused("9") => "111",
        Differs("listens", "both share the port, and clients find half of the peers");
    an_address_that_is_taken_is_told("9") => "111, told", Same;
    it_stays_in_the_foreground("9") => "one process, ours", Same;
    root_becomes_nobody("9", Root) => "nobody", Same;
    root_becomes_the_user_that_is_named("9", Root) => "daemon daemon", Same;
    root_is_refused_as_that_user("9", Root) => "111", Same;
    an_unknown_user_is_a_warning_and_not_root("9", Root) => "told, not root", Same;
    other_groups_are_given_up("9", Root) => "none", Differs("4 20", "it keeps them");
    a_root_directory_is_changed_to("9", Root) => "the folder", Same;
    lists_are_looked_for_in_it("9", Root) => "ok", Same;
    without_it_the_root_is_the_working_directory("9", Root) => "/", Same;
    sigint_ends_it_well_in_a_root_directory("9", Root) => "0",
        Differs("signal 6", "it looks for a library there to end its threads with");
    completed_downloads_are_told_if_so_configured("6.3") =>
        "time=TIME event=completed info_hash=HASH peer_id=2D5752303030312D303030303030303030303030 \
         ip=127.0.0.1", Absent("it isn't compiled in");
    the_peer_id_is_told_over_udp_too("6.3") =>
        "time=TIME event=completed info_hash=HASH peer_id=2D5752303030312D303030303030303030303030 \
         ip=127.0.0.1", Absent("it isn't compiled in, and where it is, it leaves that empty");
    without_that_they_are_not("6.3") => "silent", Same;
    a_low_port_is_taken_before_rights_are_given_up("9", Namespace) => "tcp 127.0.0.1:81", Same;
}

fn sigint_ends_it_well(lab: &Lab) -> String {
    lab.open().end(Signal::INT).status
}

fn sigterm_ends_it_well(lab: &Lab) -> String {
    lab.open().end(Signal::TERM).status
}

/// Whether it still answers after these.
fn after(lab: &Lab, signals: &[Signal]) -> String {
    let mut tracker = lab.open();
    for signal in signals {
        tracker.running.signal(*signal);
    }
    let outcome = tracker.announce(&lab.hash(), 1001, 1, "").outcome();
    match tracker.running.status() {
        Some(_) => tracker.running.wait().status,
        None if outcome == "ok" => "goes on".to_owned(),
        None => outcome,
    }
}

fn a_hangup_does_not_end_it(lab: &Lab) -> String {
    after(lab, &[Signal::HUP, Signal::HUP])
}

fn neither_do_pipe_and_alarm(lab: &Lab) -> String {
    after(lab, &[Signal::PIPE, Signal::ALARM])
}

fn a_second_one_on_the_same_port_is_refused(lab: &Lab) -> String {
    let tracker = lab.open();
    let port = tracker.tcp().port().to_string();
    lab.run(&["-i", "127.0.0.1", "-p", &port]).status()
}

fn an_address_that_is_taken_is_told(lab: &Lab) -> String {
    // By a program that shares with nobody.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("its address").port().to_string();
    match lab.run(&["-i", "127.0.0.1", "-p", &port]) {
        Outcome::Ended(ended) => {
            let told = ended.said.contains("in use");
            format!(
                "{}, {}",
                ended.status,
                if told { "told" } else { "not told" }
            )
        }
        Outcome::Listens(_) => "listens".to_owned(),
    }
}

/// A field of `/proc/PID/status`.
fn field(running: &Running, name: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{}/status", running.pid())).unwrap_or_default();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_default()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

fn it_stays_in_the_foreground(lab: &Lab) -> String {
    let tracker = lab.open();
    let ours = field(&tracker.running, "PPid") == std::process::id().to_string();
    let pid = tracker.running.pid();
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let alone = children.unwrap_or_default().is_empty();
    match (alone, ours) {
        (true, true) => "one process, ours".to_owned(),
        other => format!("{other:?}"),
    }
}

/// The number that a user has here.
fn uid(name: &str) -> String {
    let output = Command::new("id").args(["-u", name]).output().expect("id");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// What it is, real, effective, saved and in file systems: a name that must be all of these.
fn is(tracker: &Tracker, name: &str) -> String {
    let all = field(&tracker.running, "Uid");
    if all == [uid(name).as_str(); 4].join(" ") {
        name.to_owned()
    } else {
        all
    }
}

fn root_becomes_nobody(lab: &Lab) -> String {
    is(&lab.open(), "nobody")
}

fn root_becomes_the_user_that_is_named(lab: &Lab) -> String {
    let by_file = is(&lab.with("tracker.user daemon\n"), "daemon");
    match lab.with_args(&["-u", "daemon"], "") {
        Ok(tracker) => format!("{by_file} {}", is(&tracker, "daemon")),
        Err(ended) => ended.said,
    }
}

fn root_is_refused_as_that_user(lab: &Lab) -> String {
    match lab.with_args(&["-u", "root"], "") {
        Ok(mut tracker) => tracker.running.wait().status,
        Err(ended) => ended.status,
    }
}

fn an_unknown_user_is_a_warning_and_not_root(lab: &Lab) -> String {
    match lab.with_args(&["-u", "nosuchuser"], "") {
        Ok(tracker) => {
            let told = !lab.ours() || tracker.running.says("nosuchuser");
            let root = field(&tracker.running, "Uid")
                .split(' ')
                .any(|uid| uid == "0");
            let told = if told { "told" } else { "silent" };
            format!("{told}, {}", if root { "root" } else { "not root" })
        }
        Err(ended) => format!("{}: {}", ended.status, ended.said),
    }
}

fn other_groups_are_given_up(lab: &Lab) -> String {
    let port = free_port();
    let conf = lab.write("conf", lab.listen(lab.pick(0, port)));
    let program = lab.command();
    let mut command = Command::new("setpriv");
    command
        .args(["--groups", "4,20"])
        .arg(program.get_program())
        .args(program.get_args());
    command.args(["-f", &conf]);
    let mut running = lab.spawn_command(command);
    running.wait_until_it_listens(lab.pick(None, Some(2)));
    // opentracker gives up its rights after it has opened its sockets.
    until(|| (field(&running, "Uid") != "0 0 0 0").then_some(()));
    let groups = field(&running, "Groups");
    if groups.is_empty() {
        "none".to_owned()
    } else {
        groups
    }
}

fn a_root_directory_is_changed_to(lab: &Lab) -> String {
    let folder = lab.make_folder("root");
    let tracker = lab.with(&format!(
        "tracker.rootdir {folder}\naccess.whitelist list\n"
    ));
    let root = fs::read_link(format!("/proc/{}/root", tracker.running.pid()));
    match root {
        Ok(root) if fs::canonicalize(&folder).is_ok_and(|folder| folder == root) => {
            "the folder".to_owned()
        }
        other => format!("{other:?}"),
    }
}

fn lists_are_looked_for_in_it(lab: &Lab) -> String {
    let folder = lab.make_folder("root");
    let hash = lab.hash();
    lab.list("root/list", &[hash]);
    let tracker = lab.with(&format!(
        "tracker.rootdir {folder}\naccess.whitelist /list\n"
    ));
    tracker.announce(&hash, 1001, 1, "").outcome()
}

fn without_it_the_root_is_the_working_directory(lab: &Lab) -> String {
    let tracker = lab.open();
    let folder = fs::read_link(format!("/proc/{}/cwd", tracker.running.pid()));
    folder.map_or_else(
        |error| error.to_string(),
        |folder| folder.display().to_string(),
    )
}

fn sigint_ends_it_well_in_a_root_directory(lab: &Lab) -> String {
    let folder = lab.make_folder("root");
    lab.list("root/list", &[]);
    let lines = format!("tracker.rootdir {folder}\naccess.whitelist /list\n");
    lab.with(&lines).end(Signal::INT).status
}

/// What is told of a torrent, from `time=` on.
fn told_of(lab: &Lab, tracker: &Tracker, hash: &Hash) -> String {
    let name = hex(hash);
    let line = until(|| {
        let said = tracker.running.said();
        let line = said
            .lines()
            .find(|line| line.to_uppercase().contains(&name))?;
        Some(line.to_owned())
    });
    let Some(line) = line else {
        return lab.said();
    };
    let from = line.find("time=").unwrap_or(0);
    let text = line[from..].replace(&name, "HASH");
    match text.split_once(' ') {
        // 2026-11-21T12:34:56 and a zone.
        Some((time, rest)) if time.len() >= 24 && time.as_bytes().get(15) == Some(&b'T') => {
            format!("time=TIME {rest}")
        }
        _ => text,
    }
}

fn completed_downloads_are_told_if_so_configured(lab: &Lab) -> String {
    let (tracker, hash) = (lab.with("log.completed on\n"), lab.hash());
    tracker.announce(&hash, 1001, 0, "&event=completed");
    told_of(lab, &tracker, &hash)
}

fn the_peer_id_is_told_over_udp_too(lab: &Lab) -> String {
    let (tracker, hash) = (lab.with("log.completed on\n"), lab.hash());
    let announce = Announce::seeder(1001).with_hash(hash).with_event(COMPLETED);
    tracker.udp().announce(&announce);
    told_of(lab, &tracker, &hash)
}

fn without_that_they_are_not(lab: &Lab) -> String {
    let (tracker, hash) = (lab.open(), lab.hash());
    tracker.announce(&hash, 1001, 0, "&event=completed");
    let said = tracker.end(Signal::INT).said;
    if said.contains("completed") {
        said
    } else {
        "silent".to_owned()
    }
}

fn a_low_port_is_taken_before_rights_are_given_up(lab: &Lab) -> String {
    match lab.run(&["-i", "127.0.0.1", "-p", "81"]) {
        Outcome::Listens(sockets) => sockets.join(", "),
        Outcome::Ended(ended) => ended.said,
    }
}
