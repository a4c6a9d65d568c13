//! The tight builds for the routers' processors.
//!
//! The set-up of `openwrt/cross` makes the libraries and writes cargo's configuration; it is run
//! first.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;
use crate::elf;
use crate::package::Variant;
use crate::release;
use crate::target::Target;

/// Builds the tracker and reads it.
///
/// # Errors
///
/// As [`build_product`].
pub(crate) fn build(target: &Target, variant: Variant) -> Result<Vec<u8>> {
    build_product(Product::Tracker, target, variant)
}

/// Builds a program and reads it.
///
/// # Errors
///
/// If the set-up or the build fails, or what comes out is no static program for the target.
pub(crate) fn build_product(
    product: Product,
    target: &Target,
    variant: Variant,
) -> Result<Vec<u8>> {
    let mut arguments: Vec<OsString> = ["build", "--locked", "-p", product.package(), "--bin"]
        .map(Into::into)
        .into();
    arguments.push(product.name().into());
    arguments.extend(common_arguments(target, variant));
    cargo(&arguments)?;
    let path = product.path(target);
    let program = read(&path)?;
    elf::check(&program, &target.processor)
        .map_err(|reason| format!("{}: {reason}", path.display()))?;
    Ok(program)
}

/// What can be built for a router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Product {
    /// The program that routers get.
    Tracker,
    /// The core of it without sockets, for `cargo instruction-gate` to count its instructions.
    Workload,
}

impl Product {
    /// Where cargo puts it, of the variant that was built last.
    pub(crate) fn path(self, target: &Target) -> PathBuf {
        let folder = target_directory().join(target.triple).join("small");
        folder.join(self.name())
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Tracker => "wrtracker",
            Self::Workload => "workload",
        }
    }

    const fn package(self) -> &'static str {
        match self {
            Self::Tracker => "wrtracker",
            Self::Workload => "wrtracker-tests",
        }
    }
}

/// The folder that packages are written into.
pub(crate) fn package_directory() -> PathBuf {
    target_directory().join("openwrt")
}

/// Makes what the targets lack to be built, and brings up to date what they have: where that is
/// nothing, it takes the set-up less than a second.
///
/// # Errors
///
/// If the set-up can't be started or fails.
pub(crate) fn prepare(targets: &[&Target]) -> Result<()> {
    let config = fs::read_to_string(configuration()?).unwrap_or_default();
    let triples: Vec<_> = targets.iter().map(|target| target.triple).collect();
    let missing: Vec<_> = triples
        .iter()
        .filter(|triple| !is_prepared(&config, triple))
        .collect();
    if !missing.is_empty() {
        eprintln!("nothing to build {missing:?} with yet: openwrt/cross/setup takes some minutes");
    }
    let setup = release::root().join("openwrt/cross/setup");
    // What is printed here is about packages alone.
    let status = Command::new(&setup)
        .args(triples)
        .stdout(io::stderr())
        .status()
        .map_err(|error| format!("{}: {error}", setup.display()))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{} failed: {status}", setup.display()))
    }
}

/// Runs cargo with the set-up's configuration.
pub(crate) fn cargo(arguments: &[OsString]) -> Result<()> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(&cargo);
    command
        .current_dir(release::root())
        .arg("--config")
        .arg(configuration()?)
        .args(arguments);
    // The configuration uses what stable compilers otherwise refuse.
    command.env("RUSTC_BOOTSTRAP", "1");
    // Any of these would replace the configuration's flags without a word.
    for name in [
        "RUSTFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_BUILD_RUSTFLAGS",
    ] {
        command.env_remove(name);
    }
    let status = command
        .status()
        .map_err(|error| format!("{}: {error}", cargo.to_string_lossy()))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("the build failed: {status}"))
    }
}

/// What `cargo build` and `cargo rustc` are both told.
pub(crate) fn common_arguments(target: &Target, variant: Variant) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = [
        "--profile",
        "small",
        "--target",
        target.triple,
        "--target-dir",
    ]
    .map(Into::into)
    .into();
    arguments.push(target_directory().into());
    arguments.extend(variant.cargo_arguments().iter().map(Into::into));
    arguments
}

/// Reads a whole file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// Where the set-up has put cargo's configuration, or will.
fn configuration() -> Result<PathBuf> {
    let folder = folder(|name| env::var_os(name))
        .ok_or("neither WRTRACKER_CROSS nor XDG_CACHE_HOME nor HOME is set")?;
    Ok(folder.join("router.toml"))
}

/// The set-up's folder, found as the set-up itself does. An empty variable is as good as none.
fn folder(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let path = |name| {
        variable(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    path("WRTRACKER_CROSS").or_else(|| {
        let cache = path("XDG_CACHE_HOME").or_else(|| Some(path("HOME")?.join(".cache")))?;
        Some(cache.join("wrtracker-cross"))
    })
}

/// Whether the configuration has a section for this target: it is written when all is there.
fn is_prepared(configuration: &str, triple: &str) -> bool {
    let section = format!("[target.{triple}]");
    configuration.lines().any(|line| line.trim_end() == section)
}

fn target_directory() -> PathBuf {
    // Relative to the top, where cargo is run.
    release::root().join(env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder_of(variables: &[(&str, &str)]) -> Option<PathBuf> {
        folder(|name| {
            let (_, value) = variables.iter().find(|(variable, _)| *variable == name)?;
            Some((*value).into())
        })
    }

    #[test]
    fn the_folder_is_the_set_ups() {
        let home = ("HOME", "/home/x");
        assert_eq!(
            folder_of(&[home]),
            Some("/home/x/.cache/wrtracker-cross".into())
        );
        assert_eq!(
            folder_of(&[home, ("XDG_CACHE_HOME", "/c")]),
            Some("/c/wrtracker-cross".into())
        );
        assert_eq!(
            folder_of(&[home, ("WRTRACKER_CROSS", "/w")]),
            Some("/w".into())
        );
        assert_eq!(
            folder_of(&[home, ("WRTRACKER_CROSS", "")]),
            Some("/home/x/.cache/wrtracker-cross".into())
        );
        assert_eq!(folder_of(&[]), None);
    }

    #[test]
    fn a_target_without_a_section_is_not_prepared() {
        let config = "[env]\nX = \"1\"\n\n[target.mips-unknown-linux-musl]\nlinker = \"ld\"\n";
        assert!(is_prepared(config, "mips-unknown-linux-musl"));
        assert!(!is_prepared(config, "mipsel-unknown-linux-musl"));
        assert!(!is_prepared("", "mips-unknown-linux-musl"));
    }
}
