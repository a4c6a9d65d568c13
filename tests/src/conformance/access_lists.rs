//! Which torrents are served: lists in files, and changes to them while the tracker runs.

use std::fs;

use rustix::process::Signal;

use super::lab::{Hash, Lab, Tracker, first_listed, hex, until};
use super::{Absent, Differs, Same};

promises! { $ access_lists_probes "access_lists":
    a_whitelist_serves_what_is_on_it("7.1") => "listed: ok, other: failure", Same;
    a_blacklist_serves_what_is_not_on_it("7.1") => "listed: failure, other: ok", Absent(WHITE);
    both_lists_together_are_refused_or_both_hold("7.1") => "one on both: failure", Absent(WHITE);
    hex_may_be_of_either_case("7.1") => "ok ok", Same;
    anything_may_follow_a_hash("7.1") => "ok ok ok", Same;
    lines_may_end_with_cr_lf("7.1") => "ok", Same;
    the_last_line_needs_no_end("7.1") => "ok", Same;
    a_file_of_40_bytes_is_a_list_of_one("7.1") => "ok", Same;
    what_is_no_hash_is_skipped("7.1") => "39: failure, 42: failure, indented: failure, good: ok",
        Same;
    a_hash_may_be_there_twice("7.1") => "ok", Same;
    an_empty_whitelist_serves_nothing("7.1") => "failure", Same;
    an_empty_blacklist_serves_everything("7.1") => "ok", Absent(WHITE);
    a_whitelist_that_is_not_there_serves_nothing_and_is_told("7.1") => "failure, told", Same;
    a_blacklist_that_is_not_there_serves_everything_and_is_told("7.1") => "ok, told",
        Absent(WHITE);
    a_list_that_cannot_be_read_is_told("7.1") => "failure, told", Same;
    a_large_list_is_taken_whole("7.1") => "5000 of 5000, other: failure", Same;
    a_hangup_reads_the_list_again("7.1") => "new: ok, old: failure", Same;
    a_list_of_comments_alone_is_empty("7.1") => "failure", Same;
    a_list_that_was_emptied_is_empty("7.1") => "failure",
        Differs("ok", "it takes an empty file for one that can't be read (UPSTREAM-BUG)");
    a_list_that_was_removed_leaves_the_old_one("7.1") => "ok, told", Same;
    a_list_larger_than_its_room_leaves_the_old_one("7.1") => "old: ok, told", Absent(OURS);
    lists_are_read_by_themselves_if_so_configured("7.1") => "new: ok, old: failure",
        Absent("only a fork can do that");
    http_tells_who_is_refused("7.2") => "failure", Same;
    scrapes_are_not_asked_for_in_lists("7.2") => "ok", Same;
    stopped_is_not_asked_for_in_lists("7.2") => "ok", Same;
    torrents_that_are_denied_later_stay_visible("7.2") => "0/0/1", Same;
}

const WHITE: &str = "one binary has one kind of list there; this one has a whitelist";

const OURS: &str = "it has no limit of memory";

fn white(lab: &Lab, lines: &str) -> Tracker {
    white_with(lab, lines, "")
}

/// A tracker with a whitelist of these lines.
pub(super) fn white_with(lab: &Lab, lines: &str, more: &str) -> Tracker {
    let list = lab.write("white", lines);
    lab.with(&format!("access.whitelist {list}\n{more}"))
}

fn black(lab: &Lab, lines: &str) -> Tracker {
    let list = lab.write("black", lines);
    lab.with(&format!("access.blacklist {list}\n"))
}

pub(super) fn line(hash: &Hash) -> String {
    hex(hash) + "\n"
}

pub(super) fn outcome(tracker: &Tracker, hash: &Hash) -> String {
    tracker.announce(hash, 1001, 1, "").outcome()
}

fn a_whitelist_serves_what_is_on_it(lab: &Lab) -> String {
    let (listed, other) = (lab.hash(), lab.unlisted());
    let tracker = white(lab, &line(&listed));
    format!(
        "listed: {}, other: {}",
        outcome(&tracker, &listed),
        outcome(&tracker, &other)
    )
}

fn a_blacklist_serves_what_is_not_on_it(lab: &Lab) -> String {
    let (listed, other) = (lab.hash(), lab.hash());
    let tracker = black(lab, &line(&listed));
    format!(
        "listed: {}, other: {}",
        outcome(&tracker, &listed),
        outcome(&tracker, &other)
    )
}

fn both_lists_together_are_refused_or_both_hold(lab: &Lab) -> String {
    let hash = lab.hash();
    let (white, black) = (
        lab.write("white", line(&hash)),
        lab.write("black", line(&hash)),
    );
    let lines = format!("access.whitelist {white}\naccess.blacklist {black}\n");
    match lab.try_with(&lines) {
        Ok(tracker) => format!("one on both: {}", outcome(&tracker, &hash)),
        Err(ended) if ended.status == "2" => "one on both: failure".to_owned(),
        Err(ended) => ended.said,
    }
}

fn hex_may_be_of_either_case(lab: &Lab) -> String {
    let (upper, lower) = (lab.hash(), lab.hash());
    let tracker = white(lab, &(line(&upper) + &line(&lower).to_lowercase()));
    format!(
        "{} {}",
        outcome(&tracker, &upper),
        outcome(&tracker, &lower)
    )
}

fn anything_may_follow_a_hash(lab: &Lab) -> String {
    let [a, b, c] = [lab.hash(), lab.hash(), lab.hash()];
    let lines = format!("{} a comment\n{}# one\n{}\tx\n", hex(&a), hex(&b), hex(&c));
    let tracker = white(lab, &lines);
    [a, b, c].map(|hash| outcome(&tracker, &hash)).join(" ")
}

fn lines_may_end_with_cr_lf(lab: &Lab) -> String {
    let hash = lab.hash();
    let lines = format!("# first\r\n{}\r\n", hex(&hash));
    outcome(&white(lab, &lines), &hash)
}

fn the_last_line_needs_no_end(lab: &Lab) -> String {
    let (first, last) = (lab.hash(), lab.hash());
    let tracker = white(lab, &format!("{}# more\n{}", line(&first), hex(&last)));
    outcome(&tracker, &last)
}

fn a_file_of_40_bytes_is_a_list_of_one(lab: &Lab) -> String {
    let hash = lab.hash();
    let list = lab.write("white", hex(&hash));
    match lab.try_with(&format!("access.whitelist {list}\n")) {
        Ok(mut tracker) => {
            let outcome = outcome(&tracker, &hash);
            match tracker.running.status() {
                None => outcome,
                Some(_) => format!("it ends with {}", tracker.running.wait().status),
            }
        }
        Err(ended) => format!("it ends with {}", ended.status),
    }
}

fn what_is_no_hash_is_skipped(lab: &Lab) -> String {
    let [short, long, indented, good] = [lab.hash(), lab.hash(), lab.hash(), lab.hash()];
    let lines = format!(
        "{}\n{}AB\n {}\nnonsense\n\n{}\n",
        &hex(&short)[..39],
        hex(&long),
        hex(&indented),
        hex(&good)
    );
    let tracker = white(lab, &lines);
    let [short, long, indented, good] =
        [short, long, indented, good].map(|hash| outcome(&tracker, &hash));
    format!("39: {short}, 42: {long}, indented: {indented}, good: {good}")
}

fn a_hash_may_be_there_twice(lab: &Lab) -> String {
    let hash = lab.hash();
    outcome(&white(lab, &line(&hash).repeat(3)), &hash)
}

fn an_empty_whitelist_serves_nothing(lab: &Lab) -> String {
    outcome(&white(lab, ""), &lab.hash())
}

fn an_empty_blacklist_serves_everything(lab: &Lab) -> String {
    outcome(&black(lab, ""), &lab.hash())
}

/// What an announce gets, and whether the program has said something of this file.
fn told(lab: &Lab, tracker: &Tracker, file: &str) -> String {
    let outcome = outcome(tracker, &lab.hash());
    let told = until(|| tracker.running.said().contains(file).then_some(()));
    format!(
        "{outcome}, {}",
        if told.is_some() { "told" } else { "silent" }
    )
}

fn a_whitelist_that_is_not_there_serves_nothing_and_is_told(lab: &Lab) -> String {
    let file = lab.path("missing");
    told(lab, &lab.with(&format!("access.whitelist {file}\n")), &file)
}

fn a_blacklist_that_is_not_there_serves_everything_and_is_told(lab: &Lab) -> String {
    let file = lab.path("missing");
    told(lab, &lab.with(&format!("access.blacklist {file}\n")), &file)
}

fn a_list_that_cannot_be_read_is_told(lab: &Lab) -> String {
    let folder = lab.make_folder("folder");
    told(
        lab,
        &lab.with(&format!("access.whitelist {folder}\n")),
        &folder,
    )
}

fn a_large_list_is_taken_whole(lab: &Lab) -> String {
    let hashes: Vec<_> = (0..5000).map(|_| lab.hash()).collect();
    let mut lines = line(&first_listed());
    lines.extend(hashes.iter().map(line));
    let tracker = white(lab, &lines);
    let (_, udp) = (&tracker, tracker.udp());
    let taken = hashes.iter().filter(|hash| {
        let announce = crate::udp_client::Announce::leecher(1)
            .with_hash(**hash)
            .with_wanted(0);
        udp.announce(&announce)
            .is_some_and(|told| told.action == 1 && told.rest.len() == 12)
    });
    let taken = taken.count();
    format!(
        "{taken} of 5000, other: {}",
        outcome(&tracker, &lab.unlisted())
    )
}

/// Writes the list anew, sends a hangup, and waits until an announce of `hash` gets `expected`;
/// returns what it gets then.
fn reload(lab: &Lab, tracker: &Tracker, lines: &str, hash: &Hash, expected: &str) -> String {
    lab.write("white", lines);
    tracker.running.signal(Signal::HUP);
    until(|| (outcome(tracker, hash) == expected).then_some(()));
    outcome(tracker, hash)
}

fn a_hangup_reads_the_list_again(lab: &Lab) -> String {
    let (old, new) = (lab.hash(), lab.hash());
    let tracker = white(lab, &line(&old));
    let then = reload(lab, &tracker, &line(&new), &new, "ok");
    format!("new: {then}, old: {}", outcome(&tracker, &old))
}

fn a_list_of_comments_alone_is_empty(lab: &Lab) -> String {
    let hash = lab.hash();
    let tracker = white(lab, &line(&hash));
    reload(lab, &tracker, "# nothing\n", &hash, "failure")
}

fn a_list_that_was_emptied_is_empty(lab: &Lab) -> String {
    let hash = lab.hash();
    let tracker = white(lab, &line(&hash));
    if lab.ours() {
        return reload(lab, &tracker, "", &hash, "failure");
    }
    lab.write("white", "");
    tracker.running.signal(Signal::HUP);
    // It complains when it has looked.
    until(|| tracker.running.said().contains("accesslist").then_some(()));
    outcome(&tracker, &hash)
}

fn a_list_that_was_removed_leaves_the_old_one(lab: &Lab) -> String {
    let hash = lab.hash();
    let tracker = white(lab, &line(&hash));
    let file = lab.path("white");
    fs::remove_file(&file).expect("to remove a file");
    let before = tracker.running.said().len();
    tracker.running.signal(Signal::HUP);
    let told = until(|| {
        tracker
            .running
            .said()
            .get(before..)?
            .contains("white")
            .then_some(())
    });
    let told = if told.is_some() { "told" } else { "silent" };
    format!("{}, {told}", outcome(&tracker, &hash))
}

fn a_list_larger_than_its_room_leaves_the_old_one(lab: &Lab) -> String {
    let hash = lab.hash();
    let tracker = white_with(lab, &line(&hash), "access.entries 10\n");
    let lines: String = (0..50).map(|_| line(&lab.hash())).collect();
    lab.write("white", lines);
    let before = tracker.running.said().len();
    tracker.running.signal(Signal::HUP);
    let told = until(|| {
        tracker
            .running
            .said()
            .get(before..)?
            .contains("white")
            .then_some(())
    });
    let told = if told.is_some() { "told" } else { "silent" };
    format!("old: {}, {told}", outcome(&tracker, &hash))
}

fn lists_are_read_by_themselves_if_so_configured(lab: &Lab) -> String {
    let (old, new) = (lab.hash(), lab.hash());
    let tracker = white_with(lab, &line(&old), "access.watch on\n");
    lab.write("white", line(&new));
    until(|| (outcome(&tracker, &new) == "ok").then_some(()));
    format!(
        "new: {}, old: {}",
        outcome(&tracker, &new),
        outcome(&tracker, &old)
    )
}

fn http_tells_who_is_refused(lab: &Lab) -> String {
    outcome(&white(lab, &line(&lab.hash())), &lab.unlisted())
}

fn scrapes_are_not_asked_for_in_lists(lab: &Lab) -> String {
    let tracker = white(lab, &line(&lab.hash()));
    tracker
        .get(&super::lab::scrape(&[lab.unlisted()]))
        .outcome()
}

fn stopped_is_not_asked_for_in_lists(lab: &Lab) -> String {
    let tracker = white(lab, &line(&lab.hash()));
    tracker
        .announce(&lab.unlisted(), 1001, 1, "&event=stopped")
        .outcome()
}

fn torrents_that_are_denied_later_stay_visible(lab: &Lab) -> String {
    let hash = lab.hash();
    let tracker = white(lab, &line(&hash));
    outcome(&tracker, &hash);
    let then = reload(lab, &tracker, "# nothing\n", &hash, "failure");
    if then == "failure" {
        tracker.counts(&hash)
    } else {
        then
    }
}
