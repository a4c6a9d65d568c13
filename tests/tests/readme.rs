//! The README is true where a program can tell.

use std::process::Command;

use wrtracker::client;
use wrtracker::options::Markdown;
use wrtracker::plan::{Plan, Wanted};
use wrtracker::size::Bytes;
use wrtracker_core::store::Store;

const README: &str = include_str!("../../README.md");

/// A second program came, and cargo no longer knew which one was meant.
#[test]
fn the_first_command_runs_the_tracker() {
    assert!(README.contains("\n    cargo run --release\n"));
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--no-deps", "--locked", "--offline"]);
    cargo.args(["--format-version", "1"]);
    let output = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).output();
    let output = output.expect("to run cargo");
    let told = String::from_utf8(output.stdout).expect("text");
    assert!(told.contains(r#""default_run":"wrtracker""#), "{told}");
}

#[test]
fn the_table_of_options_is_the_programs() {
    let table = Markdown.to_string();
    assert!(
        README.contains(&table),
        "the README lacks this table:\n\n{table}"
    );
}

#[test]
fn the_clients_commands_and_options_are_the_programs() {
    let table = client::Markdown.to_string();
    assert!(
        README.contains(&table),
        "the README lacks this table:\n\n{table}"
    );
    for command in &client::commands::COMMANDS {
        let words = command.words;
        assert!(README.contains(&format!("wrtracker {words}")), "{words}");
    }
}

/// The figures are of a processor with addresses of 64 bits.
#[test]
#[cfg(target_pointer_width = "64")]
fn the_table_of_limits_is_the_programs() {
    let mut table = String::new();
    for shift in [20, 22, 24, 26, 28, 30] {
        let plan = Plan::new(Bytes(1 << shift), usize::MAX, &Wanted::default()).unwrap();
        let capacity = Store::capacity(plan.arena_words);
        let limit = plan.limit.to_string().replace(".0", "");
        let torrents = in_threes(u64::from(capacity.torrents));
        let peers = in_threes(u64::from(capacity.peers));
        let connections = in_threes(u64::try_from(plan.connections).unwrap());
        table += &format!("| {limit} | {torrents} | {peers} | {connections} |\n");
    }
    assert!(
        README.contains(&table),
        "the README lacks these lines:\n\n{table}"
    );
}

fn in_threes(number: u64) -> String {
    match number {
        0..1_000 => number.to_string(),
        _ => format!("{},{:03}", in_threes(number / 1_000), number % 1_000),
    }
}

#[test]
fn the_aliases_that_it_names_exist() {
    let config = include_str!("../../.cargo/config.toml");
    let aliases: Vec<_> = config
        .lines()
        .filter_map(|line| line.split_once(" = \""))
        .collect();
    let of_cargo = ["run", "test", "build", "install", "doc", "miri", "fuzz"];
    let named = README.split("cargo ").skip(1).map(|rest| {
        let rest = rest.strip_prefix("+nightly ").unwrap_or(rest);
        rest.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
            .next()
            .unwrap_or("")
    });
    for name in named {
        let known = of_cargo.contains(&name) || aliases.iter().any(|(alias, _)| *alias == name);
        assert!(known, "there is no `cargo {name}`");
    }
}
