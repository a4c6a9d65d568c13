//! What survives the end of the program.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use rustix::process::Signal;

use super::Absent;
use super::lab::{Hash, Lab, Tracker, hex, until};
use crate::udp_client::{Announce, COMPLETED};

promises! { $ state_probes "state":
    a_dump_brings_back_torrents_and_downloads("8.4") => "0/1/0", Absent(NONE);
    there_and_back_again_doubles_nothing("8.4") => "the same", Absent(NONE);
    bad_lines_of_a_dump_are_skipped("8.4") => "good: 0/7/0, 1 torrents", Absent(NONE);
    a_dump_that_is_not_there_is_told("8.4") => "told, and serves", Absent(NONE);
    a_dump_is_asked_for_in_lists("8.4") => "listed: 0/7/0, 1 torrents", Absent(NONE);
    a_large_dump_is_taken_whole("8.4") => "5000 torrents", Absent(NONE);
    downloads_survive_the_end("8.4") => "0/1/0", Absent(FILE);
    a_file_that_is_not_there_is_no_problem("8.4") => "ok, then written", Absent(FILE);
    sigint_saves_too("8.4") => "0/1/0", Absent(FILE);
    a_kill_leaves_the_old_file("8.4") => "0/1/0", Absent(FILE);
    it_saves_while_it_runs_if_so_configured("8.4") => "0/1/0", Absent(FILE);
    nonsense_in_the_file_is_told_and_does_not_end_the_start("8.4") => "told, and serves",
        Absent(FILE);
    a_file_that_was_cut_is_told_and_does_not_end_the_start("8.4") => "told, and serves",
        Absent(FILE);
    a_file_that_cannot_be_read_is_told("8.4") => "told, and serves", Absent(FILE);
    nothing_else_is_left_in_the_folder("8.4") => "conf saved", Absent(FILE);
    a_full_disk_is_told_and_leaves_the_old_file("8.4", Namespace) =>
        "told, then 0/1/0, nothing else left", Absent(FILE);
    peers_survive_the_end_if_so_configured("8.4") => "1/1/1, 127.0.0.1:1001", Absent(FILE);
    without_that_they_do_not("8.4") => "0/1/0", Absent(FILE);
}

const NONE: &str = "U21 can dump, but not load; opentracker 1.0 doubles what it loads";
const FILE: &str = "it saves nothing by itself";

/// A torrent that was completed once, whose peers have left.
fn completed(tracker: &Tracker, lab: &Lab) -> Hash {
    let hash = lab.hash();
    tracker.announce(&hash, 1001, 0, "&event=completed");
    tracker.announce(&hash, 1001, 0, "&event=stopped");
    hash
}

/// A tracker that has loaded a dump.
fn loaded(lab: &Lab, dump: &str, lines: &str) -> Tracker {
    let file = lab.write("dump", dump);
    lab.with_args(&["-l", &file], lines)
        .unwrap_or_else(|ended| panic!("{}", ended.said))
}

fn dump(tracker: &Tracker) -> String {
    String::from_utf8_lossy(&tracker.stats("statedump").body).into_owned()
}

fn now() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.expect("a date after 1970").as_secs() / 60
}

fn a_dump_brings_back_torrents_and_downloads(lab: &Lab) -> String {
    let first = lab.open();
    let hash = completed(&first, lab);
    let dump = dump(&first);
    drop(first);
    loaded(lab, &dump, "").counts(&hash)
}

fn there_and_back_again_doubles_nothing(lab: &Lab) -> String {
    let hash = lab.hash();
    let first = format!("{}:{}:5\n", hex(&hash), now());
    let again = dump(&loaded(lab, &first, ""));
    let third = dump(&loaded(lab, &again, ""));
    if third == first {
        "the same".to_owned()
    } else {
        format!("{first} then {third}")
    }
}

fn torrents(tracker: &Tracker) -> usize {
    tracker.full_scrape().len()
}

fn bad_lines_of_a_dump_are_skipped(lab: &Lab) -> String {
    let good = lab.hash();
    let (other, now) = (hex(&lab.hash()), now());
    let short = &other[..39];
    let text = format!(
        "nonsense\n\n{short}:{now}:1\n{other}0:{now}:1\n{short}G:{now}:1\n{other}\n{other}:\n\
         {other}:{now}\n{other}:{now}:x\n{other}:x:1\n{other}:-1:1\n\
         {other}:{now}:99999999999999999999999\n{}:{now}:7\n",
        hex(&good)
    );
    let tracker = loaded(lab, &text, "");
    format!(
        "good: {}, {} torrents",
        tracker.counts(&good),
        torrents(&tracker)
    )
}

/// Whether something was said of a file, and whether the tracker serves.
fn told(lab: &Lab, tracker: &Tracker, file: &str) -> String {
    let told = until(|| tracker.running.said().contains(file).then_some(()));
    let serves = tracker.announce(&lab.hash(), 1001, 1, "").outcome() == "ok";
    let told = if told.is_some() { "told" } else { "silent" };
    format!(
        "{told}, and {}",
        if serves { "serves" } else { "does not serve" }
    )
}

fn a_dump_that_is_not_there_is_told(lab: &Lab) -> String {
    let file = lab.path("missing");
    match lab.with_args(&["-l", &file], "") {
        Ok(tracker) => told(lab, &tracker, &file),
        Err(ended) => format!("{}: {}", ended.status, ended.said),
    }
}

fn a_dump_is_asked_for_in_lists(lab: &Lab) -> String {
    let (listed, other) = (lab.hash(), lab.hash());
    let list = lab.write("white", hex(&listed) + "\n");
    let lines = [listed, other].map(|hash| format!("{}:{}:7\n", hex(&hash), now()));
    let tracker = loaded(lab, &lines.concat(), &format!("access.whitelist {list}\n"));
    format!(
        "listed: {}, {} torrents",
        tracker.counts(&listed),
        torrents(&tracker)
    )
}

fn a_large_dump_is_taken_whole(lab: &Lab) -> String {
    let line = |_| format!("{}:{}:1\n", hex(&lab.hash()), now());
    let text: String = (0..5000).map(line).collect();
    format!("{} torrents", torrents(&loaded(lab, &text, "")))
}

const SAVED: &str = "state.file {dir}/saved\n";

/// What a torrent counts that was completed before this signal ended the program.
fn after(lab: &Lab, signal: Signal) -> String {
    let first = lab.with(SAVED);
    let hash = completed(&first, lab);
    let ended = first.end(signal);
    if ended.status != "0" {
        return ended.status;
    }
    lab.with(SAVED).counts(&hash)
}

fn downloads_survive_the_end(lab: &Lab) -> String {
    after(lab, Signal::TERM)
}

fn sigint_saves_too(lab: &Lab) -> String {
    after(lab, Signal::INT)
}

fn a_file_that_is_not_there_is_no_problem(lab: &Lab) -> String {
    let tracker = lab.with(SAVED);
    let outcome = tracker.announce(&lab.hash(), 1001, 1, "").outcome();
    completed(&tracker, lab);
    tracker.end(Signal::TERM);
    let written = fs::metadata(lab.path("saved")).is_ok();
    format!(
        "{outcome}, then {}",
        if written { "written" } else { "not written" }
    )
}

fn a_kill_leaves_the_old_file(lab: &Lab) -> String {
    let first = lab.with(SAVED);
    let hash = completed(&first, lab);
    first.end(Signal::TERM);
    let second = lab.with(SAVED);
    second.announce(&hash, 1002, 0, "&event=completed");
    second.end(Signal::KILL);
    lab.with(SAVED).counts(&hash)
}

fn it_saves_while_it_runs_if_so_configured(lab: &Lab) -> String {
    let first = lab.with(&format!("{SAVED}state.interval 1\n"));
    let hash = completed(&first, lab);
    // The file may have been written before the torrent was there.
    let name = hex(&hash);
    until(|| {
        let text = fs::read_to_string(lab.path("saved")).ok()?;
        text.to_uppercase().contains(&name).then_some(())
    });
    first.end(Signal::KILL);
    lab.with(SAVED).counts(&hash)
}

/// Starts with these bytes as the saved file.
fn with_saved(lab: &Lab, bytes: &[u8]) -> String {
    let file = lab.write("saved", bytes);
    match lab.try_with(SAVED) {
        Ok(tracker) => told(lab, &tracker, &file),
        Err(ended) => format!("{}: {}", ended.status, ended.said),
    }
}

fn nonsense_in_the_file_is_told_and_does_not_end_the_start(lab: &Lab) -> String {
    with_saved(lab, &b"\x7fELF nonsense \xff\0".repeat(500))
}

fn a_file_that_was_cut_is_told_and_does_not_end_the_start(lab: &Lab) -> String {
    let tracker = lab.with(SAVED);
    for _ in 0..100 {
        completed(&tracker, lab);
    }
    tracker.end(Signal::TERM);
    let Ok(bytes) = fs::read(lab.path("saved")) else {
        return "nothing was saved".to_owned();
    };
    with_saved(lab, &bytes[..bytes.len() / 2])
}

fn a_file_that_cannot_be_read_is_told(lab: &Lab) -> String {
    let folder = lab.make_folder("saved");
    match lab.try_with(SAVED) {
        Ok(tracker) => told(lab, &tracker, &folder),
        Err(ended) => format!("{}: {}", ended.status, ended.said),
    }
}

/// The names in a folder, in order.
fn names(folder: &str) -> String {
    let entries = fs::read_dir(folder).expect("a folder");
    let names = entries.map(|entry| entry.expect("a file").file_name().display().to_string());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names.join(" ")
}

fn nothing_else_is_left_in_the_folder(lab: &Lab) -> String {
    let tracker = lab.with(SAVED);
    completed(&tracker, lab);
    tracker.end(Signal::TERM);
    names(&lab.path(""))
}

fn a_full_disk_is_told_and_leaves_the_old_file(lab: &Lab) -> String {
    let disk = lab.make_folder("disk");
    let mount = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=64k,mode=777", "tmpfs", &disk])
        .status();
    if !mount.is_ok_and(|status| status.success()) {
        return format!("{}no small disk can be mounted", super::SKIPPED);
    }
    let lines = "state.file {dir}/disk/saved\n";
    let first = lab.with(lines);
    let hash = completed(&first, lab);
    first.end(Signal::TERM);
    let second = lab.with(lines);
    let udp = second.udp();
    for _ in 0..2000 {
        let announce = Announce::seeder(1001).with_hash(lab.hash());
        udp.announce(&announce.with_event(COMPLETED));
    }
    let filler = format!("{disk}/filler");
    fs::write(&filler, [0; 48_000]).expect("room for the filler");
    fs::set_permissions(&filler, fs::Permissions::from_mode(0o666)).expect("to give rights");
    let before = lab.said().len();
    second.end(Signal::TERM);
    let told = lab.said().split_off(before).contains("disk/saved");
    let left = names(&disk);
    let counts = lab.with(lines).counts(&hash);
    // So that the folder can go. It may be in use until the last tracker has ended.
    let _ = Command::new("umount").args(["-l", &disk]).status();
    let left = if left == "filler saved" {
        "nothing else left"
    } else {
        &left
    };
    format!(
        "{}, then {counts}, {left}",
        if told { "told" } else { "silent" }
    )
}

/// A torrent with a seeder and a leecher, after the end and a new start.
fn peers(lab: &Lab, lines: &str) -> (Tracker, Hash) {
    let first = lab.with(lines);
    let hash = lab.hash();
    first.announce(&hash, 1001, 1, "");
    first.announce(&hash, 1002, 0, "&event=completed");
    first.end(Signal::TERM);
    (lab.with(lines), hash)
}

fn peers_survive_the_end_if_so_configured(lab: &Lab) -> String {
    let (tracker, hash) = peers(lab, &format!("{SAVED}state.peers_file {{dir}}/peers\n"));
    let counts = tracker.counts(&hash);
    let peers = tracker.announce(&hash, 1003, 0, "").peers();
    let peers: Vec<_> = peers.iter().map(ToString::to_string).collect();
    format!("{counts}, {}", peers.join(" "))
}

fn without_that_they_do_not(lab: &Lab) -> String {
    let (tracker, hash) = peers(lab, SAVED);
    tracker.counts(&hash)
}
