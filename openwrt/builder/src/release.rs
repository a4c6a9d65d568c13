//! Which version this is, and how old its files are.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;

/// The version of all crates of the workspace.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The top of the checkout that this program was built from.
pub(crate) fn root() -> PathBuf {
    let mut path = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    path.pop();
    path.pop();
    path
}

/// The version as OpenWrt writes it, with the package's own release: `1.2.3-r4`.
pub(crate) fn full_version() -> Result<String> {
    let path = root().join("openwrt/wrtracker/Makefile");
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let release = package_release(&text)
        .ok_or_else(|| format!("{}: no line PKG_RELEASE:=NUMBER", path.display()))?;
    Ok(format!("{VERSION}-r{release}"))
}

/// The seconds since 1970 that all files of a package bear: what `SOURCE_DATE_EPOCH` says, or else
/// when the last commit was made.
pub(crate) fn time() -> Result<u64> {
    const NAME: &str = "SOURCE_DATE_EPOCH";
    match env::var(NAME) {
        Ok(text) => text
            .parse()
            .map_err(|_| format!("{NAME}: {text} is no number of seconds")),
        Err(_) => commit_time(&root())
            .ok_or_else(|| format!("this is no git checkout; set {NAME} to the release's time")),
    }
}

fn commit_time(root: &Path) -> Option<u64> {
    let mut git = Command::new("git");
    let output = git
        .arg("-C")
        .arg(root)
        .args(["log", "-1", "--format=%ct"])
        .output()
        .ok()?;
    str::from_utf8(&output.stdout).ok()?.trim().parse().ok()
}

fn package_release(makefile: &str) -> Option<u32> {
    makefile
        .lines()
        .find_map(|line| line.strip_prefix("PKG_RELEASE:="))?
        .trim()
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_release_is_the_makefiles() {
        assert_eq!(package_release("PKG_NAME:=x\nPKG_RELEASE:=12\n"), Some(12));
        assert_eq!(package_release("PKG_RELEASE:=\n"), None);
        assert_eq!(package_release("# PKG_RELEASE:=1\n"), None);
    }

    #[test]
    fn where_there_is_no_repository_there_is_no_commit() {
        assert_eq!(commit_time(Path::new("/proc")), None);
    }
}
