//! What the package says of itself. The feed's Makefile says the same; a test compares them.

use crate::Result;

/// With all of the program in it, or with what the smallest routers have room for.
///
/// Both install the same files under the same names, so a router has one or the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Variant {
    Full,
    Small,
}

impl Variant {
    /// As the size budget calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Small => "small",
        }
    }

    /// The variant with this name.
    pub(crate) fn find(name: &str) -> Result<Self> {
        [Self::Full, Self::Small]
            .into_iter()
            .find(|variant| variant.name() == name)
            .ok_or_else(|| format!("{name}: no such variant; there are full, small"))
    }

    /// What the package is called.
    pub(crate) fn package(self) -> &'static str {
        match self {
            Self::Full => "wrtracker",
            Self::Small => "wrtracker-small",
        }
    }

    /// The packages that can't be installed beside it.
    pub(crate) fn conflicts(self) -> Option<&'static str> {
        match self {
            Self::Full => None,
            Self::Small => Some("wrtracker"),
        }
    }

    /// The packages that it serves as.
    pub(crate) fn provides(self) -> Option<&'static str> {
        self.conflicts()
    }

    /// What cargo is told beyond the profile.
    pub(crate) fn cargo_arguments(self) -> &'static [&'static str] {
        match self {
            Self::Full => &["--no-default-features", "--features", "wrtracker/router"],
            Self::Small => &["--no-default-features"],
        }
    }

    /// What it is, in lines.
    pub(crate) fn description(self) -> &'static [&'static str] {
        match self {
            Self::Full => DESCRIPTION,
            Self::Small => SMALL_DESCRIPTION,
        }
    }
}

/// Where the package's source lies in the project.
pub(crate) const SOURCE: &str = "openwrt/wrtracker";
pub(crate) const LICENSE: &str = "MIT OR Apache-2.0";
pub(crate) const LICENSE_FILE: &str = "LICENSE";
pub(crate) const SECTION: &str = "net";
pub(crate) const MAINTAINER: &str = "wrtracker developers <developers@wrtracker.example>";
/// The user whose rights the tracker runs with, with its numbers.
pub(crate) const USER: &str = "wrtracker=6969:wrtracker=6969";

const DESCRIPTION: &[&str] = &[
    "A BitTorrent tracker that never takes more memory than it was given. It answers",
    "over UDP and HTTP, IPv4 and IPv6, and takes opentracker's options.",
];
const SMALL_DESCRIPTION: &[&str] = &[
    "A BitTorrent tracker that never takes more memory than it was given, without",
    "check mode, gzip, live sync and files of state, for routers with little flash.",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variant_is_found_by_its_name() {
        assert_eq!(Variant::find("small"), Ok(Variant::Small));
        assert_eq!(Variant::find("full"), Ok(Variant::Full));
        assert!(Variant::find("tiny").is_err());
    }
}
