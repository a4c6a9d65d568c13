//! Tar archives and gzip files in which nothing depends on the time or the machine.
//!
//! They come out as GNU tar writes them with sorted names, numeric owners and one time for
//! all: that is what OpenWrt's own tool packs, and what its package managers are used to.

use std::collections::BTreeMap;

use tar::{EntryType, Header};
use zopfli::{Format, Options};

use crate::Result;

/// A tree of files as root owns it.
///
/// Directories come by themselves, with mode 0755.
#[derive(Clone, Default)]
pub(crate) struct Tree {
    /// By the names along the path, so that a directory's members follow it at once.
    nodes: BTreeMap<Vec<String>, Node>,
}

/// What a name in a [`Tree`] stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    Directory,
    File { mode: u32, bytes: Vec<u8> },
}

impl Tree {
    /// Adds a file, and the directories on the way to it. The path is absolute.
    pub(crate) fn file(&mut self, path: &str, mode: u32, bytes: impl Into<Vec<u8>>) {
        let names = self.parents(path);
        self.nodes.insert(
            names,
            Node::File {
                mode,
                bytes: bytes.into(),
            },
        );
    }

    /// Adds a directory that may stay empty.
    pub(crate) fn directory(&mut self, path: &str) {
        let names = self.parents(path);
        self.nodes.insert(names, Node::Directory);
    }

    /// Everything in it, by path from the root, without a slash at either end.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (String, &Node)> {
        self.nodes
            .iter()
            .map(|(names, node)| (names.join("/"), node))
    }

    /// Whether there is a file at this absolute path.
    pub(crate) fn has_file(&self, path: &str) -> bool {
        matches!(self.nodes.get(&names(path)), Some(Node::File { .. }))
    }

    /// The bytes of the file at this absolute path, or none if there is none.
    pub(crate) fn file_bytes(&self, path: &str) -> &[u8] {
        match self.nodes.get(&names(path)) {
            Some(Node::File { bytes, .. }) => bytes,
            _ => &[],
        }
    }

    /// The tree as a tar archive, every member as old as `seconds` since 1970 say.
    ///
    /// # Errors
    ///
    /// If a path is too long for its field.
    pub(crate) fn tar(&self, seconds: u64) -> Result<Vec<u8>> {
        let mut members = vec![member("./", &Node::Directory, seconds)?];
        for (path, node) in self.iter() {
            let slash = if *node == Node::Directory { "/" } else { "" };
            members.push(member(&format!("./{path}{slash}"), node, seconds)?);
        }
        Ok(archive(members))
    }

    fn parents(&mut self, path: &str) -> Vec<String> {
        let names = names(path);
        for length in 1..names.len() {
            self.nodes
                .entry(names[..length].to_vec())
                .or_insert(Node::Directory);
        }
        names
    }
}

impl Node {
    /// The bytes in it.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Directory => 0,
            Self::File { bytes, .. } => bytes.len(),
        }
    }
}

/// A tar archive of files alone, in the order given.
///
/// # Errors
///
/// If a name is too long for its field.
pub(crate) fn tar_in_order(files: &[(&str, Vec<u8>)], seconds: u64) -> Result<Vec<u8>> {
    let mut members = Vec::new();
    for (name, bytes) in files {
        let node = Node::File {
            mode: 0o644,
            bytes: bytes.clone(),
        };
        members.push(member(&format!("./{name}"), &node, seconds)?);
    }
    Ok(archive(members))
}

/// Packs as tightly as a gzip file can be, with no name and no time.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    pack(bytes, Format::Gzip)
}

/// Packs the same way, with no head and no sum.
pub(crate) fn deflate(bytes: &[u8]) -> Vec<u8> {
    pack(bytes, Format::Deflate)
}

fn pack(bytes: &[u8], format: Format) -> Vec<u8> {
    let mut packed = Vec::new();
    zopfli::compress(Options::default(), format, bytes, &mut packed).expect("memory is written to");
    packed
}

fn names(path: &str) -> Vec<String> {
    path.split('/')
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The head and the bytes of one member.
fn member(name: &str, node: &Node, seconds: u64) -> Result<(Header, Vec<u8>)> {
    let (kind, mode, bytes) = match node {
        Node::Directory => (EntryType::Directory, 0o755, Vec::new()),
        Node::File { mode, bytes } => (EntryType::Regular, *mode, bytes.clone()),
    };
    let mut header = Header::new_gnu();
    // Not by `set_path`, which takes the leading dot away.
    let field = &mut header.as_old_mut().name;
    if name.len() >= field.len() {
        return Err(format!(
            "{name}: longer than the {} bytes of tar",
            field.len() - 1
        ));
    }
    field[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(seconds);
    header.set_size(bytes.len() as u64);
    header.set_cksum();
    Ok((header, bytes))
}

fn archive(members: Vec<(Header, Vec<u8>)>) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (header, bytes) in &members {
        builder
            .append(header, bytes.as_slice())
            .expect("memory is written to");
    }
    let mut bytes = builder.into_inner().expect("memory is written to");
    // GNU tar fills its last record of twenty blocks.
    bytes.resize(bytes.len().next_multiple_of(RECORD), 0);
    bytes
}

const RECORD: usize = 20 * 512;

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::{DeflateDecoder, GzDecoder};

    use super::*;

    fn paths(tar: &[u8]) -> Vec<String> {
        let mut archive = tar::Archive::new(tar);
        let path = |entry: std::io::Result<tar::Entry<'_, &[u8]>>| {
            String::from_utf8(entry.unwrap().path_bytes().into_owned()).unwrap()
        };
        archive.entries().unwrap().map(path).collect()
    }

    #[test]
    fn members_are_sorted_name_by_name_and_directories_come_first() {
        let mut tree = Tree::default();
        tree.file("/etc/config/wrtracker", 0o600, "a");
        tree.file("/etc/config-old", 0o644, "b");
        tree.directory("/etc/wrtracker");
        tree.file("/usr/bin/x", 0o755, "c");
        // As bytes of whole paths the hyphen would come before the slash.
        assert_eq!(
            paths(&tree.tar(1).unwrap()),
            [
                "./",
                "./etc/",
                "./etc/config/",
                "./etc/config/wrtracker",
                "./etc/config-old",
                "./etc/wrtracker/",
                "./usr/",
                "./usr/bin/",
                "./usr/bin/x",
            ]
        );
        assert!(tree.has_file("/usr/bin/x") && !tree.has_file("/etc/wrtracker/"));
    }

    #[test]
    fn the_order_in_which_a_tree_grows_leaves_no_trace() {
        let (mut one, mut other) = (Tree::default(), Tree::default());
        one.file("/a/b", 0o644, "1");
        one.file("/a/c", 0o644, "2");
        other.file("/a/c", 0o644, "2");
        other.file("/a/b", 0o644, "1");
        assert_eq!(one.tar(7).unwrap(), other.tar(7).unwrap());
    }

    #[test]
    fn a_head_has_gnu_tars_fields() {
        let mut tree = Tree::default();
        tree.file("/x", 0o600, "abc");
        let tar = tree.tar(0o1234567).unwrap();
        assert_eq!(tar.len(), RECORD);
        let head = &tar[512..1024];
        assert_eq!(&head[..4], b"./x\0");
        assert_eq!(&head[100..108], b"0000600\0");
        assert_eq!(&head[108..124], b"0000000\x000000000\0");
        assert_eq!(&head[124..136], b"00000000003\0");
        assert_eq!(&head[136..148], b"00001234567\0");
        assert_eq!(head[156], b'0');
        assert_eq!(&head[257..265], b"ustar  \0");
        // No names of owners.
        assert!(head[265..].iter().all(|byte| *byte == 0));
        assert_eq!(&tar[1024..1028], b"abc\0");
    }

    #[test]
    fn a_name_that_does_not_fit_is_refused() {
        let mut tree = Tree::default();
        tree.file(&format!("/{}", "x".repeat(97)), 0o644, "");
        assert!(tree.tar(0).is_ok());
        tree.file(&format!("/{}", "x".repeat(98)), 0o644, "");
        assert!(
            tree.tar(0)
                .unwrap_err()
                .contains("longer than the 99 bytes")
        );
    }

    #[test]
    fn what_is_packed_can_be_unpacked() {
        let bytes = "wrtracker ".repeat(1000).into_bytes();
        let mut unpacked = Vec::new();
        GzDecoder::new(&*gzip(&bytes))
            .read_to_end(&mut unpacked)
            .unwrap();
        assert_eq!(unpacked, bytes);
        unpacked.clear();
        DeflateDecoder::new(&*deflate(&bytes))
            .read_to_end(&mut unpacked)
            .unwrap();
        assert_eq!(unpacked, bytes);
    }

    #[test]
    fn a_gzip_head_has_no_time_and_no_name() {
        assert_eq!(gzip(b"abc")[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 3]);
    }
}
