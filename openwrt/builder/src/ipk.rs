//! A package in the format of opkg, OpenWrt's package manager up to release 24.10.
//!
//! It is a packed tar archive of three files: the format's version, the packed file system, and the
//! packed files of control.

use crate::Result;
use crate::archive::{Tree, gzip, tar_in_order};
use crate::contents::{kept, lines};
use crate::package::{self, Variant};
use crate::scripts;

/// What differs from package to package.
pub(crate) struct Ipk<'a> {
    pub(crate) variant: Variant,
    /// With the package's own release: `1.2.3-r4`.
    pub(crate) version: &'a str,
    pub(crate) architecture: &'a str,
    /// The seconds since 1970 that every file bears.
    pub(crate) time: u64,
}

impl Ipk<'_> {
    /// What the file is called.
    pub(crate) fn file_name(&self) -> String {
        format!(
            "{}_{}_{}.ipk",
            self.variant.package(),
            self.version,
            self.architecture
        )
    }

    /// The package's bytes: the same from the same files, whenever and wherever it is made.
    ///
    /// # Errors
    ///
    /// If a path is too long for a tar archive.
    pub(crate) fn bytes(&self, tree: &Tree) -> Result<Vec<u8>> {
        let data = tree.tar(self.time)?;
        let control = self.control_files(tree, data.len()).tar(self.time)?;
        let members = [
            ("debian-binary", b"2.0\n".to_vec()),
            ("data.tar.gz", gzip(&data)),
            ("control.tar.gz", gzip(&control)),
        ];
        Ok(gzip(&tar_in_order(&members, self.time)?))
    }

    fn control_files(&self, tree: &Tree, installed_size: usize) -> Tree {
        let mut files = Tree::default();
        files.file("control", 0o644, self.control(installed_size));
        files.file("conffiles", 0o644, lines(&kept(tree).0));
        files.file("postinst", 0o755, scripts::POSTINST);
        files.file("prerm", 0o755, scripts::PRERM);
        files
    }

    /// What the package says of itself, in the order of OpenWrt's own tool.
    ///
    /// A static program depends on nothing, and so there is no field that says on what: opkg
    /// crashes where that field is empty. `Installed-Size` is what OpenWrt's tool makes it: the
    /// bytes of the unpacked archive of files.
    fn control(&self, installed_size: usize) -> String {
        let time = self.time.to_string();
        let size = installed_size.to_string();
        let fields = [
            ("Package", Some(self.variant.package())),
            ("Version", Some(self.version)),
            ("Conflicts", self.variant.conflicts()),
            ("Provides", self.variant.provides()),
            ("Source", Some(package::SOURCE)),
            ("SourceName", Some("wrtracker")),
            ("License", Some(package::LICENSE)),
            ("LicenseFiles", Some(package::LICENSE_FILE)),
            ("Section", Some(package::SECTION)),
            ("Require-User", Some(package::USER)),
            ("SourceDateEpoch", Some(&time)),
            ("Maintainer", Some(package::MAINTAINER)),
            ("Architecture", Some(self.architecture)),
            ("Installed-Size", Some(&size)),
        ];
        let mut text: String = fields
            .iter()
            .filter_map(|(name, value)| Some(format!("{name}: {}\n", (*value)?)))
            .collect();
        text += "Description:";
        for line in self.variant.description() {
            text += &format!(" {line}\n");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ipk(variant: Variant) -> Ipk<'static> {
        Ipk {
            variant,
            version: "1.2.3-r4",
            architecture: "mips_24kc",
            time: 5,
        }
    }

    #[test]
    fn the_file_is_named_as_opkg_expects() {
        assert_eq!(
            ipk(Variant::Full).file_name(),
            "wrtracker_1.2.3-r4_mips_24kc.ipk"
        );
        assert_eq!(
            ipk(Variant::Small).file_name(),
            "wrtracker-small_1.2.3-r4_mips_24kc.ipk"
        );
    }

    #[test]
    fn no_field_is_empty_and_the_small_one_takes_the_full_ones_place() {
        let full = ipk(Variant::Full).control(10);
        let small = ipk(Variant::Small).control(10);
        for text in [&full, &small] {
            assert!(
                text.lines().all(|line| !line.trim_end().ends_with(':')),
                "{text}"
            );
            assert!(!text.contains("Depends"), "{text}");
        }
        assert!(
            !full.contains("Conflicts") && !full.contains("Provides"),
            "{full}"
        );
        assert!(
            small.contains("\nConflicts: wrtracker\nProvides: wrtracker\n"),
            "{small}"
        );
    }
}
