//! Whether a program is a static one for the processor that a package is for.

use object::elf::{FileHeader32, FileHeader64, PT_INTERP};
use object::read::elf::{FileHeader, ProgramHeader};
use object::{Endianness, FileKind};

use crate::Result;
use crate::target::Processor;

/// Checks the heads of a program.
///
/// # Errors
///
/// If it isn't an ELF program, is for another processor, or needs libraries.
pub(crate) fn check(program: &[u8], processor: &Processor) -> Result<()> {
    match FileKind::parse(program) {
        Ok(FileKind::Elf32) => check_as::<FileHeader32<Endianness>>(program, processor),
        Ok(FileKind::Elf64) => check_as::<FileHeader64<Endianness>>(program, processor),
        _ => Err("not an ELF program".to_owned()),
    }
}

fn check_as<E: FileHeader<Endian = Endianness>>(
    program: &[u8],
    processor: &Processor,
) -> Result<()> {
    let broken = |error| format!("a broken ELF program: {error}");
    let head = E::parse(program).map_err(broken)?;
    let endian = head.endian().map_err(broken)?;
    let machine = head.e_machine(endian);
    if machine != processor.machine || head.is_big_endian() != processor.big_endian {
        return Err(format!(
            "a program for another processor: machine {}, {} endian",
            machine.0,
            if head.is_big_endian() {
                "big"
            } else {
                "little"
            }
        ));
    }
    let segments = head.program_headers(endian, program).map_err(broken)?;
    if segments
        .iter()
        .any(|segment| segment.p_type(endian) == PT_INTERP)
    {
        return Err("a program that needs libraries, where the package needs none".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use object::elf::{EM_MIPS, PT_LOAD, ProgramType};

    use super::*;

    const MIPS: Processor = Processor {
        machine: EM_MIPS,
        big_endian: true,
    };

    /// A big-endian ELF head of 32 bits with one segment of this type.
    fn program(machine: u16, segment: ProgramType) -> Vec<u8> {
        let mut head = b"\x7fELF\x01\x02\x01\0\0\0\0\0\0\0\0\0\0\x02".to_vec();
        head.extend(machine.to_be_bytes());
        // Version, entry, where the segments are told (at 52), sections, flags.
        for word in [1u32, 0, 52, 0, 0] {
            head.extend(word.to_be_bytes());
        }
        // The sizes: this head, a segment's, one segment; no sections.
        for half in [52u16, 32, 1, 0, 0, 0] {
            head.extend(half.to_be_bytes());
        }
        head.extend(segment.0.to_be_bytes());
        head.resize(52 + 32, 0);
        head
    }

    #[test]
    fn a_static_program_for_the_processor_passes() {
        assert_eq!(check(&program(8, PT_LOAD), &MIPS), Ok(()));
    }

    #[test]
    fn others_are_refused_with_the_reason() {
        let little = Processor {
            machine: EM_MIPS,
            big_endian: false,
        };
        for (program, processor, reason) in [
            (program(8, PT_INTERP), &MIPS, "needs libraries"),
            (
                program(40, PT_LOAD),
                &MIPS,
                "another processor: machine 40, big endian",
            ),
            (
                program(8, PT_LOAD),
                &little,
                "another processor: machine 8, big endian",
            ),
            (program(8, PT_LOAD)[..60].to_vec(), &MIPS, "broken"),
            (b"#!/bin/sh\n".to_vec(), &MIPS, "not an ELF program"),
            (Vec::new(), &MIPS, "not an ELF program"),
        ] {
            let told = check(&program, processor).unwrap_err();
            assert!(told.contains(reason), "{told}");
        }
    }
}
