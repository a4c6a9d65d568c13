//! Runs each fuzz target for a short while: `fuzz_smoke [SECONDS]`, 25 each unless told.
//!
//! Needs a nightly compiler and cargo-fuzz. Starts from the committed corpus; what is found on the
//! way goes to `corpus-run`, which is not committed, and what breaks a target to `artifacts`.

use std::env;
use std::path::Path;
use std::process::{Command, ExitCode};

use wrtracker_tests::fuzz::TARGETS;

fn main() -> ExitCode {
    let seconds = env::args().nth(1).unwrap_or_else(|| "25".into());
    let Ok(seconds) = seconds.parse::<u32>() else {
        eprintln!("usage: fuzz_smoke [SECONDS]");
        return ExitCode::from(2);
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let mut broken = Vec::new();
    for (target, _) in TARGETS {
        println!("{target}: {seconds} s");
        if !fuzz(&folder, target, seconds) {
            broken.push(target);
        }
    }
    if broken.is_empty() {
        println!("all targets held");
        return ExitCode::SUCCESS;
    }
    eprintln!("broken: {}", broken.join(", "));
    ExitCode::FAILURE
}

fn fuzz(folder: &Path, target: &str, seconds: u32) -> bool {
    let found = folder.join("corpus-run").join(target);
    if let Err(error) = std::fs::create_dir_all(&found) {
        eprintln!("{}: {error}", found.display());
        return false;
    }
    // The program under test forbids unsafe code, so a sanitizer would only slow it down.
    let status = Command::new("cargo")
        .env_remove("CARGO")
        .env_remove("RUSTUP_TOOLCHAIN")
        .args(["+nightly", "fuzz", "run", "--sanitizer", "none"])
        .arg("--fuzz-dir")
        .arg(folder)
        .arg(target)
        .arg(found)
        .arg(folder.join("corpus").join(target))
        .arg("--")
        .arg(format!("-max_total_time={seconds}"))
        .args(["-max_len=20000", "-timeout=10", "-rss_limit_mb=512"])
        .args(["-print_final_stats=1", "-verbosity=0"])
        .status();
    match status {
        Ok(status) => status.success(),
        Err(error) => {
            eprintln!("cargo: {error}");
            false
        }
    }
}
