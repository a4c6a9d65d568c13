//! The program as routers get it: cross-built to be as small as possible, and what runs it here.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The processors that are served: the compiler's name of each, and what runs its programs on
/// another machine. The same as in `.cargo/config.toml`.
pub const TARGETS: [(&str, &str); 6] = [
    ("mipsel-unknown-linux-musl", "qemu-mipsel-static"),
    ("mips-unknown-linux-musl", "qemu-mips-static"),
    ("armv7-unknown-linux-musleabihf", "qemu-arm-static"),
    ("arm-unknown-linux-musleabi", "qemu-arm-static -cpu arm1176"),
    ("aarch64-unknown-linux-musl", "qemu-aarch64-static"),
    ("x86_64-unknown-linux-musl", ""),
];

/// Builds the smallest program for a target, after what it takes to build it, and returns its path.
///
/// # Errors
///
/// If either fails, which has then been said.
pub fn build(target: &str) -> Result<PathBuf, String> {
    build_product(&[target], "wrtracker", target)
}

/// The same for `bin/workload.rs`.
///
/// # Errors
///
/// As [`build`].
pub fn build_workload(target: &str) -> Result<PathBuf, String> {
    build_product(&["--workload", target], "workload", target)
}

fn build_product(arguments: &[&str], name: &str, target: &str) -> Result<PathBuf, String> {
    let root = root();
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    succeed(
        Command::new(cargo)
            .arg("router-build")
            .args(arguments)
            .current_dir(&root),
    )?;
    let built = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let program = built.join(target).join("small").join(name);
    // Absolute, for programs that start elsewhere.
    program
        .canonicalize()
        .map_err(|error| format!("{}: {error}", program.display()))
}

/// The folder with a kernel and what it needs to start a whole 32-bit MIPS machine, fetched if it
/// isn't there.
///
/// # Errors
///
/// If it can't be had, which has then been said.
pub fn malta() -> Result<PathBuf, String> {
    set_up("malta")?;
    Ok(folder()?.join("malta"))
}

/// Where `openwrt/cross/setup` puts what it makes.
///
/// # Errors
///
/// If there is no home to put it into.
pub fn folder() -> Result<PathBuf, String> {
    if let Some(folder) = env::var_os("WRTRACKER_CROSS") {
        return Ok(folder.into());
    }
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || env::var_os("HOME").map(|home| Path::new(&home).join(".cache"));
    let cache = cache.or_else(home).ok_or("HOME isn't set")?;
    Ok(cache.join("wrtracker-cross"))
}

fn set_up(what: &str) -> Result<(), String> {
    succeed(Command::new(root().join("openwrt/cross/setup")).arg(what))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn succeed(command: &mut Command) -> Result<(), String> {
    let status = command.status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{command:?}: {status}")),
        Err(error) => Err(format!("{command:?}: {error}")),
    }
}
