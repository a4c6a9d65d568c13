//! Changes to lists by fifos, while the tracker runs.

use std::fs;
use std::io::Write as _;

use rustix::process::Signal;

use super::Absent;
use super::access_lists::{line, outcome, white_with};
use super::lab::{Hash, Lab, Tracker, hex, until};

promises! { $ fifos_probes "fifos":
    a_fifo_adds_to_the_whitelist("7.3") => "ok", Absent(FIFO);
    a_fifo_deletes_from_the_whitelist("7.3") => "failure", Absent(FIFO);
    what_was_deleted_can_be_added_again("7.3") => "failure, then ok", Absent(FIFO);
    many_hashes_may_be_added_in_any_order("7.3") => "200 of 200", Absent(FIFO);
    a_line_needs_its_end("7.3") => "half: failure, whole: ok", Absent(FIFO);
    a_hangup_forgets_what_fifos_said("7.3") => "failure", Absent(FIFO);
    fifos_are_made_if_they_are_not_there("7.3") => "fifo fifo", Absent(FIFO);
    a_file_in_the_place_of_a_fifo_is_told("7.3") => "told, and serves", Absent(FIFO);
    a_fifo_adds_to_the_blacklist("7.3") => "failure", Absent(FIFO);
    nonsense_in_a_fifo_is_skipped("7.3") => "ok", Absent(FIFO);
}

const FIFO: &str = "U21 has no fifos, and those of opentracker 1.0 are broken (UPSTREAM-BUG)";

const FIFOS: &str = "access.fifo_add {dir}/add\naccess.fifo_delete {dir}/delete\n";

/// Writes to a fifo of the tracker's, once it is there.
fn feed(lab: &Lab, name: &str, lines: &str) {
    let path = lab.path(name);
    let there = || {
        fs::metadata(&path)
            .is_ok_and(|it| !it.is_file())
            .then_some(())
    };
    assert!(until(there).is_some(), "there is no fifo {name}");
    // Without a reader this would wait for ever.
    let fifo = rustix::fs::open(
        &path,
        rustix::fs::OFlags::WRONLY | rustix::fs::OFlags::NONBLOCK,
        rustix::fs::Mode::empty(),
    );
    let mut fifo = fs::File::from(fifo.expect("a fifo with a reader"));
    fifo.write_all(lines.as_bytes())
        .expect("to write to a fifo");
}

/// Waits until an announce gets this, and returns what it gets.
fn comes_to(tracker: &Tracker, hash: &Hash, expected: &str) -> String {
    until(|| (outcome(tracker, hash) == expected).then_some(()));
    outcome(tracker, hash)
}

fn a_fifo_adds_to_the_whitelist(lab: &Lab) -> String {
    let (listed, added) = (lab.hash(), lab.hash());
    let tracker = white_with(lab, &line(&listed), FIFOS);
    feed(lab, "add", &line(&added));
    comes_to(&tracker, &added, "ok")
}

fn a_fifo_deletes_from_the_whitelist(lab: &Lab) -> String {
    let listed = lab.hash();
    let tracker = white_with(lab, &line(&listed), FIFOS);
    feed(lab, "delete", &line(&listed));
    comes_to(&tracker, &listed, "failure")
}

fn what_was_deleted_can_be_added_again(lab: &Lab) -> String {
    let listed = lab.hash();
    let tracker = white_with(lab, &line(&listed), FIFOS);
    feed(lab, "delete", &line(&listed));
    let first = comes_to(&tracker, &listed, "failure");
    feed(lab, "add", &line(&listed));
    format!("{first}, then {}", comes_to(&tracker, &listed, "ok"))
}

fn many_hashes_may_be_added_in_any_order(lab: &Lab) -> String {
    let tracker = white_with(lab, &line(&lab.hash()), FIFOS);
    let hashes: Vec<_> = (0..200).map(|_| lab.hash()).collect();
    for some in hashes.chunks(50) {
        feed(lab, "add", &some.iter().map(line).collect::<String>());
    }
    comes_to(&tracker, hashes.last().expect("some"), "ok");
    let taken = hashes.iter().filter(|hash| outcome(&tracker, hash) == "ok");
    format!("{} of 200", taken.count())
}

fn a_line_needs_its_end(lab: &Lab) -> String {
    let (half, whole) = (lab.hash(), lab.hash());
    let tracker = white_with(lab, &line(&lab.hash()), FIFOS);
    feed(lab, "add", &line(&whole));
    let whole = comes_to(&tracker, &whole, "ok");
    feed(lab, "add", &hex(&half)[..39]);
    format!("half: {}, whole: {whole}", outcome(&tracker, &half))
}

fn a_hangup_forgets_what_fifos_said(lab: &Lab) -> String {
    let added = lab.hash();
    let tracker = white_with(lab, &line(&lab.hash()), FIFOS);
    feed(lab, "add", &line(&added));
    if comes_to(&tracker, &added, "ok") != "ok" {
        return "not added".to_owned();
    }
    tracker.running.signal(Signal::HUP);
    comes_to(&tracker, &added, "failure")
}

fn fifos_are_made_if_they_are_not_there(lab: &Lab) -> String {
    use std::os::unix::fs::FileTypeExt;
    let _tracker = white_with(lab, &line(&lab.hash()), FIFOS);
    let kind = |name: &str| {
        let path = lab.path(name);
        let kind = until(|| fs::metadata(&path).ok());
        match kind {
            Some(kind) if kind.file_type().is_fifo() => "fifo",
            Some(_) => "other",
            None => "missing",
        }
    };
    format!("{} {}", kind("add"), kind("delete"))
}

fn a_file_in_the_place_of_a_fifo_is_told(lab: &Lab) -> String {
    let listed = lab.hash();
    let file = lab.write("add", "");
    let list = lab.write("white", line(&listed));
    match lab.try_with(&format!(
        "access.whitelist {list}\naccess.fifo_add {file}\n"
    )) {
        Ok(tracker) => {
            let told = until(|| tracker.running.said().contains("/add").then_some(()));
            let told = if told.is_some() { "told" } else { "silent" };
            let serves = outcome(&tracker, &listed) == "ok";
            format!(
                "{told}, and {}",
                if serves { "serves" } else { "does not serve" }
            )
        }
        Err(ended) => format!("ends with {}: {}", ended.status, ended.said),
    }
}

fn a_fifo_adds_to_the_blacklist(lab: &Lab) -> String {
    let added = lab.hash();
    let list = lab.write("black", line(&lab.hash()));
    let tracker = lab.with(&format!("access.blacklist {list}\n{FIFOS}"));
    feed(lab, "add", &line(&added));
    comes_to(&tracker, &added, "failure")
}

fn nonsense_in_a_fifo_is_skipped(lab: &Lab) -> String {
    let added = lab.hash();
    let tracker = white_with(lab, &line(&lab.hash()), FIFOS);
    let long = "x".repeat(3000);
    feed(
        lab,
        "add",
        &format!("nonsense\n\n\0\n{long}\n{}", line(&added)),
    );
    comes_to(&tracker, &added, "ok")
}
