//! Instructions in user space per UDP announce, counted by valgrind, so that they don't depend on
//! the machine's load.

use std::collections::BTreeMap;
use std::env;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use wrtracker_tests::folder::Folder;
use wrtracker_tests::load::packets::Request;
use wrtracker_tests::load::{self, Extent};
use wrtracker_tests::process;
use wrtracker_tests::server::binary;

use crate::Failure;
use crate::in_process::{InProcess, memory_for, work};
use crate::memory::load_for;
use crate::table::{grouped, print};
use crate::trackers::Running;

const TORRENTS: u32 = 1_000;
const PEERS: u32 = 100;

/// Prints the instructions per announce with 30 peers wanted: in `udp::answer` alone, and in the
/// whole program. Both are the quotient of two differences, so what happens only once is not in it.
pub(crate) fn run(quick: bool) -> Result<(), Failure> {
    if process::find_program("valgrind").is_none() {
        println!("valgrind is not installed: nothing measured.");
        return Ok(());
    }
    let (few, many) = if quick {
        (1_000, 3_000)
    } else {
        (20_000, 120_000)
    };
    let per_announce = |few_counted: u64, many_counted: u64| {
        let more = many_counted.saturating_sub(few_counted);
        grouped(more as f64 / (many - few) as f64)
    };
    // The program may become another user, as whom valgrind then writes.
    let folder = Folder::open_to_all("bench-instructions");
    let profile = folder.join("in-process");
    let inside = [few, many].map(|count| in_process(count, &profile));
    let [few_inside, many_inside] = inside;
    let (few_inside, many_inside) = (few_inside?, many_inside?);
    let whole = folder.join("whole");
    fs::write(&whole, "")?;
    fs::set_permissions(&whole, Permissions::from_mode(0o666))?;
    let (few_whole, many_whole) = (whole_program(few, &whole)?, whole_program(many, &whole)?);
    println!(
        "Instructions per UDP announce with 30 peers wanted, {TORRENTS} torrents of {PEERS} peers:"
    );
    print(
        &["what", "instructions"],
        &[
            vec!["udp::answer".into(), per_announce(few_inside, many_inside)],
            vec![
                "whole program, system calls not counted".into(),
                per_announce(few_whole, many_whole),
            ],
        ],
    );
    print_profile(&profile, many)
}

/// What valgrind runs: so many announces of random peers.
pub(crate) fn counted(count: &str) -> Result<(), Failure> {
    let work = work(TORRENTS, PEERS);
    let mut memory = memory_for(&work);
    let mut tracker = InProcess::filled(&mut memory, &work)?;
    let mut left: usize = count.parse()?;
    // All requests are the same few, so that making them counts the same however many are answered.
    let requests = tracker.requests(1_000, Request::Announce(30), 1);
    while left > 0 {
        std::hint::black_box(tracker.answer_all(&requests));
        left = left.saturating_sub(1_000);
    }
    Ok(())
}

fn valgrind(profile: &Path) -> Command {
    let mut command = Command::new("valgrind");
    let mut out = std::ffi::OsString::from("--callgrind-out-file=");
    out.push(profile);
    command.args(["--tool=callgrind", "-q"]).arg(out);
    command
}

fn in_process(count: u64, profile: &Path) -> Result<u64, Failure> {
    let status = valgrind(profile)
        .arg("--toggle-collect=*answer_all*")
        .arg(env::current_exe()?)
        .args(["in-process", &count.to_string()])
        .stdout(Stdio::null())
        .status()?;
    if !status.success() {
        return Err(format!("valgrind ended with {status}").into());
    }
    total(profile)
}

/// The program's own instructions while it answers a number of announces.
fn whole_program(count: u64, profile: &Path) -> Result<u64, Failure> {
    let work = work(TORRENTS, PEERS);
    let mut command = valgrind(profile);
    command.arg(binary());
    command.args(["-m", "16M", "-i", "127.0.0.1", "-p", "0", "-P", "0"]);
    let tracker = Running::own(command)?;
    let mut config = load_for(&tracker, &work);
    config.core = None;
    load::run(&config)?;
    config.extent = Extent::Replies(count);
    config.wanted = 30;
    config.warm_up = Duration::ZERO;
    let report = load::run(&config)?;
    if report.counts.announces != count {
        return Err(format!("{} of {count} announces answered", report.counts.announces).into());
    }
    let status = tracker.terminate();
    if !status.is_some_and(|status| status.success()) {
        return Err(format!("the program ended with {status:?}").into());
    }
    total(profile)
}

/// The sum that callgrind wrote at the end of its file.
fn total(profile: &Path) -> Result<u64, Failure> {
    let text = fs::read_to_string(profile)?;
    let line = text
        .lines()
        .rev()
        .find_map(|line| {
            line.strip_prefix("totals: ")
                .or(line.strip_prefix("summary: "))
        })
        .ok_or("valgrind counted nothing")?;
    Ok(line.trim().parse()?)
}

/// Prints the functions that take most, each with what was inlined into it.
fn print_profile(profile: &Path, announces: u64) -> Result<(), Failure> {
    let output = Command::new("callgrind_annotate")
        .arg("--threshold=100")
        .arg(profile)
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut functions: BTreeMap<&str, u64> = BTreeMap::new();
    // The list of functions, without the head before it and the source code after it.
    let list = text
        .lines()
        .skip_while(|line| !line.contains("file:function"))
        .skip(2)
        .take_while(|line| !line.trim().is_empty());
    for line in list {
        // Such as `1,234 (5.67%)  core/src/random.rs:module::function [path of the program]`.
        let Some((count, rest)) = line.trim().split_once(" (") else {
            continue;
        };
        let name = rest
            .split_once(')')
            .and_then(|(_, rest)| rest.trim().split_once(':'))
            .map(|(_, name)| name.split(" [").next().unwrap_or(name));
        if let (Ok(count), Some(name)) = (count.replace(',', "").parse::<u64>(), name) {
            *functions.entry(name).or_default() += count;
        }
    }
    let mut functions: Vec<_> = functions.into_iter().collect();
    functions.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
    let sum: u64 = functions.iter().map(|(_, count)| count).sum();
    let row = |&(name, count): &(&str, u64)| {
        vec![
            format!("`{name}`"),
            grouped(count as f64 / announces as f64),
            format!("{:.1} %", 100.0 * count as f64 / sum.max(1) as f64),
        ]
    };
    let rows: Vec<_> = functions.iter().take(16).map(row).collect();
    println!("Where those in `udp::answer` are, inlined functions counted where they are inlined:");
    print(&["function", "instructions per announce", "share"], &rows);
    Ok(())
}
