//! The processors that are counted for.

/// One of the targets of `cargo router-build`, and the emulator of its programs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Processor {
    /// As `cargo router-build` and the budget call it.
    pub(crate) name: &'static str,
    /// As rustc calls it.
    pub(crate) triple: &'static str,
    /// QEMU's program, in the build that takes plugins: the static ones don't.
    pub(crate) emulator: &'static str,
    /// What it is told.
    pub(crate) options: &'static [&'static str],
}

/// Those that a table has if none is named.
pub(crate) const USUAL: [&str; 3] = ["x86_64", "mipsel", "armv7"];

pub(crate) const PROCESSORS: &[Processor] = &[
    of("mipsel", "mipsel-unknown-linux-musl", "qemu-mipsel"),
    of("mips", "mips-unknown-linux-musl", "qemu-mips"),
    of("armv7", "armv7-unknown-linux-musleabihf", "qemu-arm"),
    Processor {
        options: &["-cpu", "arm1176"],
        ..of("arm", "arm-unknown-linux-musleabi", "qemu-arm")
    },
    of("aarch64", "aarch64-unknown-linux-musl", "qemu-aarch64"),
    of("x86_64", "x86_64-unknown-linux-musl", "qemu-x86_64"),
];

const fn of(name: &'static str, triple: &'static str, emulator: &'static str) -> Processor {
    Processor {
        name,
        triple,
        emulator,
        options: &[],
    }
}

impl Processor {
    /// The processor of this name or triple.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub(crate) fn find(name: &str) -> Result<&'static Self, String> {
        PROCESSORS
            .iter()
            .find(|one| one.name == name || one.triple == name)
            .ok_or_else(|| {
                let names: Vec<_> = PROCESSORS.iter().map(|one| one.name).collect();
                format!("{name}: no such target; there are {}", names.join(", "))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_and_no_two_are_the_same() {
        for processor in PROCESSORS {
            assert_eq!(Processor::find(processor.name), Ok(processor));
            assert_eq!(Processor::find(processor.triple), Ok(processor));
        }
        for name in USUAL {
            assert!(Processor::find(name).is_ok());
        }
        assert!(Processor::find("vax").unwrap_err().contains("mipsel, mips"));
    }
}
