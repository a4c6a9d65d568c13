//! Which files the package puts where on the router.
//!
//! The feed's Makefile installs the same ones; a test runs its recipe and compares.

use std::fs;

use crate::Result;
use crate::archive::Tree;
use crate::package::Variant;
use crate::release;

/// One file of the package.
pub(crate) struct File {
    pub(crate) source: Source,
    /// An absolute path on the router.
    pub(crate) destination: &'static str,
    pub(crate) mode: u32,
}

/// Where a file's bytes come from.
pub(crate) enum Source {
    /// The tracker itself.
    Program,
    /// This file of `openwrt/wrtracker/files/`.
    Files(&'static str),
}

/// All files of the package.
pub(crate) const FILES: &[File] = &[
    file(Source::Program, "/usr/sbin/wrtracker", 0o755),
    file(
        Source::Files("wrtracker.init"),
        "/etc/init.d/wrtracker",
        0o755,
    ),
    file(
        Source::Files("wrtracker.config"),
        "/etc/config/wrtracker",
        0o600,
    ),
    file(
        Source::Files("wrtracker-notrack-in.nft"),
        "/usr/share/nftables.d/chain-post/raw_prerouting/50-wrtracker.nft",
        0o644,
    ),
    file(
        Source::Files("wrtracker-notrack-out.nft"),
        "/usr/share/nftables.d/chain-post/raw_output/50-wrtracker.nft",
        0o644,
    ),
];

/// Directories that the package brings, empty.
pub(crate) const DIRECTORIES: &[&str] = &["/etc/wrtracker"];

/// What stays as the operator left it when the package or the firmware is replaced. A directory ends
/// in a slash.
pub(crate) const KEPT: &[&str] = &["/etc/config/wrtracker", "/etc/wrtracker/"];

const fn file(source: Source, destination: &'static str, mode: u32) -> File {
    File {
        source,
        destination,
        mode,
    }
}

/// Everything that goes into the router's file system.
///
/// # Errors
///
/// If a file of `openwrt/wrtracker/files/` can't be read.
pub(crate) fn tree(variant: Variant, program: &[u8]) -> Result<Tree> {
    let mut tree = Tree::default();
    for directory in DIRECTORIES {
        tree.directory(directory);
    }
    for File {
        source,
        destination,
        mode,
    } in FILES
    {
        let bytes = match source {
            Source::Program => program.to_vec(),
            Source::Files(name) => {
                let path = release::root().join("openwrt/wrtracker/files").join(name);
                fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?
            }
        };
        tree.file(destination, *mode, bytes);
    }
    let (_, rest) = kept(&tree);
    if !rest.is_empty() {
        // What isn't a file of the package, `sysupgrade` is told of here.
        tree.file(
            &format!("/lib/upgrade/keep.d/{}", variant.package()),
            0o644,
            lines(&rest),
        );
    }
    Ok(tree)
}

/// What of [`KEPT`] is a file of the package, and the rest.
pub(crate) fn kept(tree: &Tree) -> (Vec<&'static str>, Vec<&'static str>) {
    KEPT.iter().partition(|path| tree.has_file(path))
}

/// One line of text for each.
pub(crate) fn lines(of: &[impl AsRef<str>]) -> String {
    of.iter()
        .map(|line| format!("{}\n", line.as_ref()))
        .collect()
}
