//! A package in the format of apk, OpenWrt's package manager from release 25.12 on.
//!
//! What opkg reads from a package's files of control, OpenWrt's scripts look for on the router in
//! `/lib/apk/packages/`: so those are among the package's own files.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::adb::{Container, Pool, Value};
use crate::archive::{Node, Tree, deflate};
use crate::contents::{KEPT, kept, lines};
use crate::package::{self, Variant};
use crate::scripts;

/// What differs from package to package.
pub(crate) struct Apk<'a> {
    pub(crate) variant: Variant,
    /// With the package's own release: `1.2.3-r4`.
    pub(crate) version: &'a str,
    pub(crate) architecture: &'a str,
    /// The seconds since 1970 that every file bears.
    pub(crate) time: u64,
}

/// The files of each folder, by name.
type Folders<'a> = BTreeMap<&'a str, BTreeMap<&'a str, &'a Node>>;

impl Apk<'_> {
    /// What the file is called. It lies in a folder for its architecture, which isn't in its name.
    pub(crate) fn file_name(&self) -> String {
        format!(
            "{}/{}-{}.apk",
            self.architecture,
            self.variant.package(),
            self.version
        )
    }

    /// The package's bytes: the same from the same files, whenever and wherever it is made. Nobody
    /// has signed them.
    pub(crate) fn bytes(&self, tree: &Tree) -> Vec<u8> {
        let tree = self.with_lists(tree);
        let paths: Vec<_> = tree.iter().collect();
        let folders = folders(&paths);

        let mut container = Container::package(&self.pool(&folders));
        for (place, files) in folders.values().enumerate() {
            for (index, node) in files.values().enumerate() {
                if let Node::File { bytes, .. } = node
                    && !bytes.is_empty()
                {
                    container.file(place + 1, index + 1, bytes);
                }
            }
        }
        [b"ADBd".to_vec(), deflate(&container.into_bytes())].concat()
    }

    /// The tree with the lists that OpenWrt's scripts read.
    fn with_lists(&self, tree: &Tree) -> Tree {
        let path = |kind| format!("/lib/apk/packages/{}.{kind}", self.variant.package());
        let mut tree = tree.clone();
        let sums: Vec<_> = kept(&tree)
            .0
            .into_iter()
            .map(|file| format!("{file} {}", hex(&Sha256::digest(tree.file_bytes(file)))))
            .collect();
        tree.file(&path("rusers"), 0o644, format!("{}\n", package::USER));
        tree.file(&path("list"), 0o644, "");
        let files = tree.iter().filter(|(_, node)| **node != Node::Directory);
        let files: String = files.map(|(path, _)| format!("/{path}\n")).collect();
        tree.file(&path("list"), 0o644, files);
        tree.file(&path("conffiles"), 0o644, lines(KEPT));
        tree.file(&path("conffiles_static"), 0o644, lines(&sums));
        tree
    }

    /// All that the package says of itself and its files.
    fn pool(&self, folders: &Folders<'_>) -> Vec<u8> {
        let mut pool = Pool::new();
        // Changes when anything of the package does; made when all else is there.
        let identity = pool.blob([0; IDENTITY]);
        let info = self.info(&mut pool, folders, identity);
        let paths = self.paths(&mut pool, folders);
        let scripts = self.scripts(&mut pool);
        let root = pool.object(&[
            (package_field::INFO, info),
            (package_field::PATHS, paths),
            (package_field::SCRIPTS, scripts),
        ]);
        let mut bytes = pool.finish(root);
        let position = Pool::position(identity);
        let sum = Sha256::digest(&bytes);
        bytes[position..position + IDENTITY].copy_from_slice(&sum[..IDENTITY]);
        bytes
    }

    fn info(&self, pool: &mut Pool, folders: &Folders<'_>, identity: Value) -> Value {
        let size: usize = folders
            .values()
            .flat_map(BTreeMap::values)
            .map(|node| node.len())
            .sum();
        let fields = [
            (info_field::NAME, pool.blob(self.variant.package())),
            (info_field::VERSION, pool.blob(self.version)),
            (info_field::IDENTITY, identity),
            (
                info_field::DESCRIPTION,
                pool.blob(self.variant.description().join(" ")),
            ),
            (info_field::ARCHITECTURE, pool.blob(self.architecture)),
            (info_field::LICENSE, pool.blob(package::LICENSE)),
            (info_field::ORIGIN, pool.blob(package::SOURCE)),
            (info_field::MAINTAINER, pool.blob(package::MAINTAINER)),
            (info_field::INSTALLED_SIZE, pool.number(size as u64)),
            (info_field::PROVIDES, self.provides(pool)),
        ];
        pool.object(&fields)
    }

    /// The package in whose place this is. Of all that provide the same name with a version, apk
    /// installs one: that is how they exclude each other.
    fn provides(&self, pool: &mut Pool) -> Value {
        let Some(name) = self.variant.provides() else {
            return Value::NULL;
        };
        let name = pool.blob(name);
        let version = pool.blob(self.version);
        let provided = pool.object(&[(1, name), (2, version)]);
        pool.list(&[provided])
    }

    fn paths(&self, pool: &mut Pool, folders: &Folders<'_>) -> Value {
        let mut list = Vec::new();
        for (path, files) in folders {
            let mut members = Vec::new();
            for (name, node) in files {
                let Node::File { mode, bytes } = node else {
                    continue;
                };
                let fields = [
                    (file_field::NAME, pool.blob(name)),
                    (file_field::RIGHTS, rights(pool, *mode)),
                    (file_field::SIZE, pool.number(bytes.len() as u64)),
                    (file_field::TIME, pool.number(self.time)),
                    (file_field::SUM, pool.blob(Sha256::digest(bytes))),
                ];
                members.push(pool.object(&fields));
            }
            let fields = [
                (folder_field::NAME, pool.blob(path)),
                (folder_field::RIGHTS, rights(pool, 0o755)),
                (folder_field::FILES, pool.list(&members)),
            ];
            list.push(pool.object(&fields));
        }
        pool.list(&list)
    }

    fn scripts(&self, pool: &mut Pool) -> Value {
        let name = self.variant.package();
        let fields = [
            (
                script_field::POST_INSTALL,
                pool.blob(scripts::post_install(name)),
            ),
            (
                script_field::PRE_DEINSTALL,
                pool.blob(scripts::pre_deinstall(name)),
            ),
            (
                script_field::POST_UPGRADE,
                pool.blob(scripts::post_upgrade(name)),
            ),
        ];
        pool.object(&fields)
    }
}

/// Every folder, that at the top included, in the order of whole paths as bytes: so apk looks for them.
fn folders<'a>(paths: &'a [(String, &'a Node)]) -> Folders<'a> {
    let mut folders = Folders::from([("", BTreeMap::new())]);
    for (path, node) in paths {
        if **node == Node::Directory {
            folders.entry(path).or_default();
        } else {
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
            folders.entry(folder).or_default().insert(name, node);
        }
    }
    folders
}

/// A mode, for root.
fn rights(pool: &mut Pool, mode: u32) -> Value {
    let root = pool.blob("root");
    let mode = pool.number(mode.into());
    pool.object(&[(1, mode), (2, root), (3, root)])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of a package's identity, the first of a SHA-256 sum.
const IDENTITY: usize = 20;

/// Places in the object that is a package.
mod package_field {
    pub(super) const INFO: usize = 1;
    pub(super) const PATHS: usize = 2;
    pub(super) const SCRIPTS: usize = 3;
}

/// Places in what a package says of itself.
mod info_field {
    pub(super) const NAME: usize = 1;
    pub(super) const VERSION: usize = 2;
    pub(super) const IDENTITY: usize = 3;
    pub(super) const DESCRIPTION: usize = 4;
    pub(super) const ARCHITECTURE: usize = 5;
    pub(super) const LICENSE: usize = 6;
    pub(super) const ORIGIN: usize = 7;
    pub(super) const MAINTAINER: usize = 8;
    pub(super) const INSTALLED_SIZE: usize = 12;
    pub(super) const PROVIDES: usize = 16;
}

/// Places in a folder.
mod folder_field {
    pub(super) const NAME: usize = 1;
    pub(super) const RIGHTS: usize = 2;
    pub(super) const FILES: usize = 3;
}

/// Places in a file.
mod file_field {
    pub(super) const NAME: usize = 1;
    pub(super) const RIGHTS: usize = 2;
    pub(super) const SIZE: usize = 3;
    pub(super) const TIME: usize = 4;
    pub(super) const SUM: usize = 5;
}

/// Places among the scripts.
mod script_field {
    pub(super) const POST_INSTALL: usize = 3;
    pub(super) const PRE_DEINSTALL: usize = 4;
    pub(super) const POST_UPGRADE: usize = 7;
}
