//! What is written about the options and about memory, and the form of scripts.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use wrtracker::plan::{Plan, Wanted};
use wrtracker::size::Bytes;
use wrtracker_core::store::Store;
use wrtracker_tests::namespace::skip;
use wrtracker_tests::openwrt::{FILES, STAND_INS};
use wrtracker_tests::process::find_program;

use crate::options::{OPTIONS, OTHERS};

const README: &str = include_str!("../../../openwrt/README.md");

/// The options of the configuration that the package has, with what stands there: those in comments
/// too.
fn shipped_options() -> BTreeMap<String, (String, String)> {
    let text = fs::read_to_string(Path::new(FILES).join("wrtracker.config")).unwrap();
    let mut options = BTreeMap::new();
    let mut explained = false;
    for line in text.lines() {
        let line = line.trim();
        let (set, rest) = match line.strip_prefix('#') {
            Some(rest) => (false, rest),
            None => (true, line),
        };
        let mut words = rest.splitn(3, ' ');
        let (kind, name, value) = (words.next(), words.next(), words.next());
        match (kind, name, value) {
            (Some(kind @ ("option" | "list")), Some(name), Some(value)) => {
                assert!(explained, "{name} isn't explained");
                let value = if set { value.trim_matches('\'') } else { "" };
                options.insert(name.to_owned(), (kind.to_owned(), value.to_owned()));
            }
            _ => explained = !set,
        }
    }
    options
}

#[test]
fn every_option_is_explained_tested_and_in_the_table() {
    let shipped = shipped_options();
    let names: BTreeSet<_> = shipped.keys().map(String::as_str).collect();
    // By this file.
    let mut tested: BTreeSet<_> = OTHERS.into();
    for (options, ..) in OPTIONS {
        let named = options.lines().filter_map(|line| line.split(' ').nth(1));
        tested.extend(named);
    }
    assert_eq!(names, tested);
    // By the script.
    let script = fs::read_to_string(Path::new(FILES).join("wrtracker.init")).unwrap();
    let mut used = BTreeSet::new();
    for line in script.lines().map(str::trim) {
        let words: Vec<_> = line.split(' ').collect();
        let name = match words[..] {
            ["config_get", _, "\"$section\"", name, ..] => name,
            [
                "read_bool" | "read_port" | "plain" | "each" | "allowed",
                name,
                ..,
            ] => name,
            [_, "||" | "&&", "allowed", name, ..] => name,
            _ => continue,
        };
        used.insert(name);
    }
    used.extend([
        "fullscrape_from",
        "whitelist",
        "blacklist",
        "whitelist_file",
        "blacklist_file",
        "save_interval",
    ]);
    used.retain(|name| !name.contains(['$', '"']));
    assert_eq!(names, used);
    // The README's rows: option, kind, default.
    let readme = README;
    let mut rows = BTreeMap::new();
    for line in readme.lines() {
        let cells: Vec<_> = line.split(" | ").collect();
        if let [name, kind @ ("option" | "list"), default, _] = cells[..] {
            let name = name.trim_start_matches("| ").trim_matches('`');
            rows.insert(
                name.to_owned(),
                (kind.to_owned(), default.trim_matches('`').to_owned()),
            );
        }
    }
    let mut wanted = String::new();
    for (name, (kind, default)) in &shipped {
        let _ = writeln!(wanted, "| `{name}` | {kind} | `{default}` |");
    }
    assert_eq!(rows, shipped, "rows:\n{wanted}");
}

/// The figures are of a processor with addresses of 64 bits.
#[test]
#[cfg(target_pointer_width = "64")]
fn the_table_of_limits_is_the_programs() {
    for mib in [2, 4, 8, 16, 32, 64] {
        let plan = Plan::new(Bytes(mib << 20), usize::MAX, &Wanted::default()).unwrap();
        let capacity = Store::capacity(plan.arena_words);
        let row = format!(
            "| {mib}M | {} | {} | {} | ",
            in_threes(u64::from(capacity.torrents)),
            in_threes(u64::from(capacity.peers)),
            plan.connections
        );
        assert!(README.contains(&row), "{row}");
    }
}

#[cfg(target_pointer_width = "64")]
fn in_threes(number: u64) -> String {
    match number {
        0..1_000 => number.to_string(),
        _ => format!("{},{:03}", in_threes(number / 1_000), number % 1_000),
    }
}

#[test]
fn scripts_are_clean() {
    if find_program("shellcheck").is_none() {
        skip("scripts_are_clean: there is no shellcheck");
        return;
    }
    let mut scripts = vec![Path::new(FILES).join("wrtracker.init")];
    for script in [
        "etc/rc.common",
        "usr/bin/logger",
        "lib/functions.sh",
        "lib/functions/network.sh",
        "lib/functions/procd.sh",
    ] {
        scripts.push(Path::new(STAND_INS).join(script));
    }
    let output = Command::new("shellcheck")
        .args(["-s", "dash"])
        .args(scripts)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
}
