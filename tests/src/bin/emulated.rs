//! Tests the program as routers get it, under QEMU: `emulated [TARGET...]`, by default for 32-bit
//! MIPS of both byte orders and for ARMv7.
//!
//! The tests are those of this machine; only the program is another's. What the emulator can't do
//! is left out and said. How many tests passed and failed is the last line of each target.

use std::env;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use wrtracker_tests::cross::{TARGETS, build};

/// The test files that run the program. Not among them is `live_sync`, whose multicast QEMU doesn't
/// emulate, and `conformance`, which asks the same in other words.
const FILES: [&str; 19] = [
    "access_lists",
    "both_protocols",
    "check",
    "connections",
    "full",
    "gzip",
    "host",
    "http",
    "http_requests",
    "lan",
    "memory_limit",
    "namespaces",
    "process",
    "proxies",
    "state",
    "stats_surveys",
    "udp",
    "udp_hostile",
    "workers",
];

const DEFAULT: [&str; 3] = [
    "mipsel-unknown-linux-musl",
    "mips-unknown-linux-musl",
    "armv7-unknown-linux-musleabihf",
];

fn main() -> ExitCode {
    let mut targets: Vec<String> = env::args().skip(1).collect();
    if targets.is_empty() {
        targets = DEFAULT.map(String::from).to_vec();
    }
    let mut sound = true;
    for target in &targets {
        let Some((_, runner)) = TARGETS.iter().find(|(name, _)| name == target) else {
            let names = TARGETS.map(|(name, _)| name).join(" ");
            eprintln!("no such target: {target}; there are: {names}");
            return ExitCode::from(2);
        };
        sound &= match build(target).and_then(|program| test(&program, runner)) {
            Ok(counts) => {
                println!(
                    "{target}: {} passed, {} failed in {} s",
                    counts.passed, counts.failed, counts.seconds
                );
                counts.failed == 0
            }
            Err(why) => {
                eprintln!("{target}: {why}");
                false
            }
        };
    }
    if sound {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

struct Counts {
    passed: u32,
    failed: u32,
    seconds: u64,
}

/// Runs the test files with that program, and shows all that they say.
fn test(program: &Path, runner: &str) -> Result<Counts, String> {
    let start = Instant::now();
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args([
            "test",
            "--locked",
            "--package",
            "wrtracker-tests",
            "--no-fail-fast",
        ])
        .args(FILES.iter().flat_map(|file| ["--test", file]))
        .env("WRTRACKER_BIN", program)
        .env("WRTRACKER_RUNNER", runner)
        .stdout(Stdio::piped());
    let mut child = command
        .spawn()
        .map_err(|error| format!("{command:?}: {error}"))?;
    let (mut passed, mut failed) = (0, 0);
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).lines() {
            let line = line.map_err(|error| error.to_string())?;
            println!("{line}");
            let Some(result) = line.strip_prefix("test result: ") else {
                continue;
            };
            // A test that runs once more in a namespace has a result of its own there.
            if result.contains("; 0 filtered out") {
                passed += number_before(result, " passed");
                failed += number_before(result, " failed");
            }
        }
    }
    let status = child.wait().map_err(|error| error.to_string())?;
    if !status.success() && failed == 0 {
        return Err(format!("{command:?}: {status}"));
    }
    let seconds = start.elapsed().as_secs();
    Ok(Counts {
        passed,
        failed,
        seconds,
    })
}

/// The number that ends where `word` begins, or 0.
fn number_before(text: &str, word: &str) -> u32 {
    let before = text.split_once(word).map_or("", |(before, _)| before);
    let digits = before.rsplit(|c: char| !c.is_ascii_digit()).next();
    digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::number_before;

    #[test]
    fn results_are_counted() {
        let result = "FAILED. 19 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out";
        assert_eq!(number_before(result, " passed"), 19);
        assert_eq!(number_before(result, " failed"), 2);
        assert_eq!(number_before("ok.", " failed"), 0);
    }
}
