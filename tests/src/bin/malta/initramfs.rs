//! The files that a machine starts with, as the archive that Linux unpacks into memory: cpio's
//! format `newc`, numbers as eight hex digits.

use std::fs;
use std::io;
use std::path::Path;

/// An archive in the making.
pub(crate) struct Initramfs {
    bytes: Vec<u8>,
    entries: u32,
}

impl Initramfs {
    /// An archive with the folders and devices that a start needs.
    pub(crate) fn new() -> Self {
        let mut new = Self {
            bytes: Vec::new(),
            entries: 0,
        };
        for folder in ["bin", "cgroup", "dev", "proc", "sys", "tmp"] {
            new.add(folder, FOLDER | 0o755, (0, 0), &[]);
        }
        new.add("dev/console", DEVICE | 0o600, (5, 1), &[]);
        new
    }

    /// Adds a program or any other file.
    pub(crate) fn file(&mut self, name: &str, content: &[u8]) {
        self.add(name, FILE | 0o755, (0, 0), content);
    }

    /// Adds a file of this machine.
    pub(crate) fn copy(&mut self, name: &str, from: &Path) -> io::Result<()> {
        self.file(name, &fs::read(from)?);
        Ok(())
    }

    /// The whole archive.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.add("TRAILER!!!", 0, (0, 0), &[]);
        self.bytes
    }

    fn add(&mut self, name: &str, mode: u32, device: (u32, u32), content: &[u8]) {
        self.entries += 1;
        let length = |length: usize| u32::try_from(length).expect("a file of less than 4 GiB");
        let fields = [
            self.entries,
            mode,
            0, // root's
            0,
            1, // one name
            0, // of 1970
            length(content.len()),
            0,
            0,
            device.0,
            device.1,
            length(name.len() + 1),
            0,
        ];
        self.bytes.extend(b"070701");
        for field in fields {
            self.bytes.extend(format!("{field:08x}").bytes());
        }
        self.bytes.extend(name.bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend(content);
        self.pad();
    }

    /// Names and contents begin at multiples of four bytes.
    fn pad(&mut self) {
        let length = self.bytes.len().next_multiple_of(4);
        self.bytes.resize(length, 0);
    }
}

const FOLDER: u32 = 0o040_000;
const DEVICE: u32 = 0o020_000;
const FILE: u32 = 0o100_000;

#[cfg(test)]
mod tests {
    use super::Initramfs;

    #[test]
    fn entries_are_aligned_and_counted() {
        let mut archive = Initramfs::new();
        let before = archive.bytes.len();
        archive.file("init", b"#!/bin/sh\n");
        assert_eq!(archive.bytes[before..before + 14], *b"07070100000008");
        let text = String::from_utf8_lossy(&archive.bytes[before..]).into_owned();
        assert!(text.starts_with(&format!("07070100000008{:08x}", 0o100_755)));
        // 110 bytes of head, 5 of name and 1 to align it, 10 of content and 2.
        assert_eq!(archive.bytes.len() - before, 128);
        assert_eq!(&text[110..126], "init\0\0#!/bin/sh\n");
        let whole = archive.finish();
        assert_eq!(whole.len() % 4, 0);
        assert!(whole.ends_with(b"TRAILER!!!\0\0\0\0"));
    }
}
