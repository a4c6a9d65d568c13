//! The processors that are built for, and what OpenWrt calls them.

use object::elf::{EM_AARCH64, EM_ARM, EM_MIPS, EM_X86_64, Machine};

use crate::Result;

/// One of the targets that the cross set-up knows.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// A word for the command line and the size budget.
    pub(crate) name: &'static str,
    /// As rustc calls it.
    pub(crate) triple: &'static str,
    /// What the head of a program for it says.
    pub(crate) processor: Processor,
    /// OpenWrt's architectures that a static program of this target runs on. The first is the most
    /// common: it stands for the target.
    pub(crate) architectures: &'static [Architecture],
}

/// A name by which opkg and apk know what a package runs on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Architecture {
    pub(crate) name: &'static str,
    /// Whether it is built when none is named.
    pub(crate) usual: bool,
}

/// The fields of an ELF head that tell processors apart.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Processor {
    pub(crate) machine: Machine,
    pub(crate) big_endian: bool,
}

impl Target {
    /// The target with this short name or triple.
    pub(crate) fn find(name: &str) -> Result<&'static Self> {
        TARGETS
            .iter()
            .find(|target| target.is(name))
            .ok_or_else(|| {
                let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
                format!("{name}: no such target; there are {}", names.join(", "))
            })
    }

    /// The architecture that stands for the target.
    pub(crate) fn architecture(&self) -> &'static Architecture {
        &self.architectures[0]
    }

    fn is(&self, name: &str) -> bool {
        self.name == name || self.triple == name
    }
}

/// The architectures that a word of the command line stands for: one by its name, or the usual ones
/// of a target.
pub(crate) fn architectures(word: &str) -> Result<Vec<(&'static Target, &'static Architecture)>> {
    for target in TARGETS {
        if let Some(one) = target.architectures.iter().find(|one| one.name == word) {
            return Ok(vec![(target, one)]);
        }
    }
    let target = Target::find(word).map_err(|_| {
        format!(
            "{word}: neither an architecture nor a target; there are\n{}",
            table()
        )
    })?;
    Ok(usual().filter(|(of, _)| *of == target).collect())
}

/// The architectures that are built when none is named.
pub(crate) fn usual() -> impl Iterator<Item = (&'static Target, &'static Architecture)> {
    TARGETS.iter().flat_map(|target| {
        target
            .architectures
            .iter()
            .filter(|one| one.usual)
            .map(move |one| (target, one))
    })
}

/// All targets with their architectures, a line for each.
pub(crate) fn table() -> String {
    let mut text = String::new();
    for target in TARGETS {
        let names: Vec<_> = target.architectures.iter().map(|one| one.name).collect();
        text += &format!("  {:8} {}\n", target.name, names.join(" "));
    }
    text
}

/// Every target, the smallest routers first.
///
/// What keeps an architecture out: the bmips and bcm47xx ones (`mips_mips32`) lack the second release
/// of MIPS32, `arm_arm926ej-s`, `arm_fa526` and `arm_xscale` lack ARMv6.
pub(crate) const TARGETS: &[Target] = &[
    Target {
        name: "mipsel",
        triple: "mipsel-unknown-linux-musl",
        processor: Processor {
            machine: EM_MIPS,
            big_endian: false,
        },
        architectures: &[
            usually("mipsel_24kc"),
            on_demand("mipsel_24kc_24kf"),
            on_demand("mipsel_74kc"),
        ],
    },
    Target {
        name: "mips",
        triple: "mips-unknown-linux-musl",
        processor: Processor {
            machine: EM_MIPS,
            big_endian: true,
        },
        architectures: &[usually("mips_24kc"), on_demand("mips_4kec")],
    },
    Target {
        name: "armv7",
        triple: "armv7-unknown-linux-musleabihf",
        processor: Processor {
            machine: EM_ARM,
            big_endian: false,
        },
        architectures: &[
            usually("arm_cortex-a7_neon-vfpv4"),
            on_demand("arm_cortex-a5_vfpv4"),
            on_demand("arm_cortex-a7_vfpv4"),
            on_demand("arm_cortex-a8_vfpv3"),
            on_demand("arm_cortex-a9_neon"),
            on_demand("arm_cortex-a9_vfpv3-d16"),
            on_demand("arm_cortex-a15_neon-vfpv4"),
        ],
    },
    // Without an FPU, so that it serves the ARMv7 without one as well.
    Target {
        name: "arm",
        triple: "arm-unknown-linux-musleabi",
        processor: Processor {
            machine: EM_ARM,
            big_endian: false,
        },
        architectures: &[
            usually("arm_arm1176jzf-s_vfp"),
            on_demand("arm_mpcore"),
            on_demand("arm_cortex-a7"),
            on_demand("arm_cortex-a9"),
        ],
    },
    Target {
        name: "aarch64",
        triple: "aarch64-unknown-linux-musl",
        processor: Processor {
            machine: EM_AARCH64,
            big_endian: false,
        },
        architectures: &[
            usually("aarch64_cortex-a53"),
            on_demand("aarch64_cortex-a72"),
            on_demand("aarch64_cortex-a76"),
            on_demand("aarch64_generic"),
        ],
    },
    Target {
        name: "x86_64",
        triple: "x86_64-unknown-linux-musl",
        processor: Processor {
            machine: EM_X86_64,
            big_endian: false,
        },
        architectures: &[usually("x86_64")],
    },
];

const fn usually(name: &'static str) -> Architecture {
    Architecture { name, usual: true }
}

const fn on_demand(name: &'static str) -> Architecture {
    Architecture { name, usual: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(word: &str) -> Vec<&'static str> {
        architectures(word)
            .unwrap()
            .iter()
            .map(|(_, one)| one.name)
            .collect()
    }

    #[test]
    fn a_word_is_an_architecture_a_target_or_a_triple() {
        assert_eq!(names("mipsel_74kc"), ["mipsel_74kc"]);
        assert_eq!(names("mips"), ["mips_24kc"]);
        assert_eq!(names("aarch64-unknown-linux-musl"), ["aarch64_cortex-a53"]);
        assert_eq!(names("x86_64"), ["x86_64"]);
        let reason = architectures("vax").unwrap_err();
        assert!(
            reason.starts_with("vax: neither an architecture nor a target"),
            "{reason}"
        );
        assert!(reason.contains("mips_24kc"), "{reason}");
    }

    #[test]
    fn without_a_word_each_target_is_built_for_its_first_architecture() {
        let usual: Vec<_> = usual()
            .map(|(target, one)| (target.name, one.name))
            .collect();
        let first: Vec<_> = TARGETS
            .iter()
            .map(|one| (one.name, one.architecture().name))
            .collect();
        assert_eq!(usual, first);
    }

    #[test]
    fn no_architecture_has_two_targets() {
        let mut all: Vec<_> = TARGETS
            .iter()
            .flat_map(|target| target.architectures)
            .map(|one| one.name)
            .collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
