//! The command line, and what its commands do.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Result;
use crate::apk::Apk;
use crate::contents;
use crate::cross::{self, Product};
use crate::elf;
use crate::ipk::Ipk;
use crate::package::Variant;
use crate::release;
use crate::size_gate;
use crate::target::{self, Architecture, Target};

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    RouterBuild {
        product: Product,
        variant: Variant,
        targets: Vec<&'static Target>,
    },
    Ipk(Packages),
    Apk(Packages),
    SizeGate {
        targets: Vec<&'static Target>,
        update: bool,
    },
}

/// Which packages are made of what.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Packages {
    variant: Variant,
    architectures: Vec<(&'static Target, &'static Architecture)>,
    /// A program to pack in place of one that is built.
    program: Option<PathBuf>,
    /// A folder to write into in place of the usual one.
    output: Option<PathBuf>,
}

/// Reads the command line, without the program's own name.
///
/// # Errors
///
/// If there is no such command, option, target or architecture.
pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Command> {
    let command = arguments.next().unwrap_or_else(|| "--help".to_owned());
    let options: &[&str] = match command.as_str() {
        "-h" | "--help" => return Ok(Command::Help),
        "router-build" => &["--small", "--workload"],
        "ipk" | "apk" => &["--small", "--program", "--output"],
        "size-gate" => &["--update"],
        _ => return Err(format!("{command}: no such command; see --help")),
    };
    let mut words = Words::default();
    while let Some(argument) = arguments.next() {
        if argument == "-h" || argument == "--help" {
            return Ok(Command::Help);
        }
        if argument.starts_with('-') && !options.contains(&argument.as_str()) {
            return Err(format!("{argument}: no option of {command}; see --help"));
        }
        let mut value = || {
            arguments
                .next()
                .ok_or_else(|| format!("{argument}: what follows is missing"))
        };
        match argument.as_str() {
            "--small" => words.small = true,
            "--workload" => words.workload = true,
            "--update" => words.update = true,
            "--program" => words.program = Some(value()?.into()),
            "--output" => words.output = Some(value()?.into()),
            _ => words.rest.push(argument),
        }
    }
    match command.as_str() {
        "router-build" => words.router_build(),
        "ipk" => words.packages().map(Command::Ipk),
        "apk" => words.packages().map(Command::Apk),
        _ => words.size_gate(),
    }
}

/// The options and words behind the command.
#[derive(Default)]
struct Words {
    small: bool,
    workload: bool,
    update: bool,
    program: Option<PathBuf>,
    output: Option<PathBuf>,
    rest: Vec<String>,
}

impl Words {
    fn router_build(self) -> Result<Command> {
        if self.small && self.workload {
            return Err("--workload is there in one variant".to_owned());
        }
        let mut targets = self.targets()?;
        if targets.is_empty() {
            targets.extend(target::TARGETS);
        }
        let product = if self.workload {
            Product::Workload
        } else {
            Product::Tracker
        };
        Ok(Command::RouterBuild {
            product,
            variant: self.variant(),
            targets,
        })
    }

    fn size_gate(self) -> Result<Command> {
        Ok(Command::SizeGate {
            targets: self.targets()?,
            update: self.update,
        })
    }

    fn packages(self) -> Result<Packages> {
        let mut architectures = Vec::new();
        for word in &self.rest {
            architectures.extend(target::architectures(word)?);
        }
        if architectures.is_empty() {
            architectures.extend(target::usual());
        }
        if self.program.is_some()
            && architectures
                .iter()
                .any(|(of, _)| *of != architectures[0].0)
        {
            return Err("--program is for architectures of one target".to_owned());
        }
        Ok(Packages {
            variant: self.variant(),
            architectures,
            program: self.program,
            output: self.output,
        })
    }

    fn targets(&self) -> Result<Vec<&'static Target>> {
        self.rest.iter().map(|word| Target::find(word)).collect()
    }

    fn variant(&self) -> Variant {
        if self.small {
            Variant::Small
        } else {
            Variant::Full
        }
    }
}

impl Command {
    /// Does it, and prints what came of it.
    ///
    /// # Errors
    ///
    /// If anything fails; what was done before stays.
    pub(crate) fn run(self) -> Result<()> {
        match self {
            Self::Help => {
                print!("{USAGE}{}", target::table());
                Ok(())
            }
            Self::RouterBuild {
                product,
                variant,
                targets,
            } => {
                cross::prepare(&targets)?;
                for target in targets {
                    let bytes = cross::build_product(product, target, variant)?.len();
                    println!("{}: {bytes} bytes", product.path(target).display());
                }
                Ok(())
            }
            Self::SizeGate { targets, update } => size_gate::run(&targets, update),
            Self::Ipk(packages) => packages.make(|program, variant, architecture| {
                let ipk = Ipk {
                    variant,
                    version: &release::full_version()?,
                    architecture: architecture.name,
                    time: release::time()?,
                };
                Ok((
                    ipk.file_name(),
                    ipk.bytes(&contents::tree(variant, program)?)?,
                ))
            }),
            Self::Apk(packages) => packages.make(|program, variant, architecture| {
                let apk = Apk {
                    variant,
                    version: &release::full_version()?,
                    architecture: architecture.name,
                    time: release::time()?,
                };
                Ok((
                    apk.file_name(),
                    apk.bytes(&contents::tree(variant, program)?),
                ))
            }),
        }
    }
}

impl Packages {
    /// Makes each package by `pack`, which says its name and its bytes.
    fn make(
        &self,
        pack: impl Fn(&[u8], Variant, &Architecture) -> Result<(String, Vec<u8>)>,
    ) -> Result<()> {
        let folder = self.output.clone().unwrap_or_else(cross::package_directory);
        if self.program.is_none() {
            let targets: Vec<_> = self
                .architectures
                .iter()
                .map(|(target, _)| *target)
                .collect();
            cross::prepare(&targets)?;
        }
        let mut program = (None, Vec::new());
        for (target, architecture) in &self.architectures {
            // One target's program serves all its architectures.
            if program.0 != Some(*target) {
                program = (Some(*target), self.program_for(target)?);
            }
            let (name, bytes) = pack(&program.1, self.variant, architecture)?;
            let path = folder.join(name);
            write(&path, &bytes)?;
            println!("{}: {} bytes", path.display(), bytes.len());
        }
        Ok(())
    }

    fn program_for(&self, target: &Target) -> Result<Vec<u8>> {
        let Some(path) = &self.program else {
            return cross::build(target, self.variant);
        };
        let program = cross::read(path)?;
        elf::check(&program, &target.processor)
            .map_err(|reason| format!("{}: {reason}", path.display()))?;
        Ok(program)
    }
}

/// Writes a file, and makes the folders on the way to it.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, bytes))
        .map_err(|error| format!("{}: {error}", path.display()))
}

const USAGE: &str = "\
cargo router-build [--small] [--workload] [TARGET...]
    builds the smallest programs for routers, all targets if none is named
cargo ipk [--small] [--program FILE] [--output DIRECTORY] [ARCHITECTURE or TARGET...]
    makes packages for opkg, up to OpenWrt 24.10, for the first architecture of each target if none
    is named
cargo apk [--small] [--program FILE] [--output DIRECTORY] [ARCHITECTURE or TARGET...]
    the same for apk, from OpenWrt 25.12 on, in a folder for each architecture
cargo size-gate [--update] [TARGET...]
    builds what openwrt/size-budget.txt names, prints what it weighs and what weighs most, and fails
    if anything has grown by more than one per cent

  --small            leaves out check mode, gzip, live sync and files of state
  --workload         builds what cargo instruction-gate counts, the same way, in place of the program
  --program FILE     packs this program in place of one that is built
  --output DIRECTORY writes there in place of target/openwrt
  --update           writes what is weighed into the budget

What a build lacks, openwrt/cross/setup is run for. Files in packages are as old as SOURCE_DATE_EPOCH
says, or else as the last commit.

Targets, and the architectures that their programs run on:
";

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn a_build_takes_targets_and_a_variant() {
        let build = |product, variant| {
            Ok(Command::RouterBuild {
                product,
                variant,
                targets: vec![Target::find("mips").unwrap()],
            })
        };
        let small = build(Product::Tracker, Variant::Small);
        assert_eq!(parsed("router-build --small mips"), small);
        let workload = build(Product::Workload, Variant::Full);
        assert_eq!(parsed("router-build mips --workload"), workload);
        let Ok(Command::RouterBuild { targets, .. }) = parsed("router-build") else {
            panic!()
        };
        assert_eq!(targets.len(), target::TARGETS.len());
    }

    #[test]
    fn the_gate_takes_targets_and_may_update() {
        let targets = vec![Target::find("mips").unwrap(), Target::find("arm").unwrap()];
        let gate = Command::SizeGate {
            targets,
            update: true,
        };
        assert_eq!(parsed("size-gate mips --update arm"), Ok(gate));
    }

    #[test]
    fn packages_are_for_architectures_and_targets() {
        let Ok(Command::Ipk(packages)) = parsed("ipk mipsel mipsel_74kc --output /o") else {
            panic!()
        };
        let names: Vec<_> = packages
            .architectures
            .iter()
            .map(|(_, one)| one.name)
            .collect();
        assert_eq!(names, ["mipsel_24kc", "mipsel_74kc"]);
        assert_eq!(packages.output, Some("/o".into()));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (line, reason) in [
            ("make", "no such command"),
            ("ipk vax", "neither an architecture nor a target"),
            ("ipk --fast", "--fast: no option of ipk"),
            ("size-gate --small", "--small: no option of size-gate"),
            ("ipk --program", "what follows is missing"),
            ("ipk --program x mips mipsel", "one target"),
            ("ipk --program x", "one target"),
            (
                "router-build --output x",
                "--output: no option of router-build",
            ),
            ("router-build mips_24kc", "no such target"),
            ("router-build --small --workload mips", "one variant"),
            ("ipk --workload mips", "--workload: no option of ipk"),
        ] {
            let told = parsed(line).unwrap_err();
            assert!(told.contains(reason), "{line}: {told}");
        }
    }

    #[test]
    fn help_is_given_when_asked_for_and_when_nothing_is_asked() {
        assert_eq!(parsed(""), Ok(Command::Help));
        assert_eq!(parsed("--help"), Ok(Command::Help));
        assert_eq!(parsed("ipk --help"), Ok(Command::Help));
    }
}
