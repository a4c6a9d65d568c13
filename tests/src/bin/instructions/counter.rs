//! The counter: a plugin of QEMU's, whose count is a file.
//!
//! Other ways were weighed. `qemu -d exec` writes a line for each block, or with `-singlestep` for each
//! instruction: as exact (it told the same number of a whole run), and a thousand times slower.
//! `perf` counts the emulator's instructions. valgrind runs no MIPS program here; for x86-64 its
//! callgrind tells the same difference of two runs to the last instruction, so that one way does
//! for all.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use wrtracker_tests::folder::Folder;
use wrtracker_tests::process::find_program;

use crate::processor::Processor;

/// The plugin, compiled, in a folder of its own that goes with it.
pub(crate) struct Counter {
    folder: Folder,
    /// Counts so far.
    counts: u32,
}

/// A count that goes on as long as the program does.
pub(crate) struct Count {
    file: PathBuf,
}

impl Counter {
    /// Compiles the plugin.
    ///
    /// # Errors
    ///
    /// If there is no C compiler.
    pub(crate) fn new() -> Result<Self, String> {
        let folder = Folder::new("instructions");
        let this = Self { folder, counts: 0 };
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/bin/instructions/counter.c");
        let mut command = Command::new("cc");
        command.args([
            "-O2",
            "-Wall",
            "-shared",
            "-fPIC",
            "-fvisibility=hidden",
            "-o",
        ]);
        command.arg(this.plugin()).arg(source);
        match command.status() {
            Ok(status) if status.success() => Ok(this),
            Ok(status) => Err(format!("cc ended with {status}")),
            Err(error) => Err(format!("cc: {error}: a C compiler is needed")),
        }
    }

    /// A command that runs `program` in its folder, and its count, 0 until then. The environment is
    /// empty and the program's name has no folder: both stand at the top of its stack, and on how that is
    /// aligned depends what the C library's copying of memory costs.
    ///
    /// # Errors
    ///
    /// If there is no emulator that takes plugins.
    pub(crate) fn command(
        &mut self,
        processor: &Processor,
        program: &Path,
    ) -> Result<(Command, Count), String> {
        let emulator = find_program(processor.emulator).ok_or_else(|| {
            let name = processor.emulator;
            format!("{name} is not installed; it comes with Debian's package qemu-user, and not with qemu-user-static")
        })?;
        self.counts += 1;
        let file = self.folder.join(format!("count-{}", self.counts));
        fs::write(&file, [0; 8]).map_err(|error| format!("{}: {error}", file.display()))?;
        let mut command = Command::new(emulator);
        command.env_clear().args(processor.options).arg("-plugin");
        command.arg(format!("{},to={}", self.plugin().display(), file.display()));
        let (Some(folder), Some(name)) = (program.parent(), program.file_name()) else {
            return Err(format!("{}: no file in a folder", program.display()));
        };
        command.arg(name).current_dir(folder);
        Ok((command, Count { file }))
    }

    fn plugin(&self) -> PathBuf {
        self.folder.join("counter.so")
    }
}

impl Count {
    /// The instructions so far.
    ///
    /// # Errors
    ///
    /// If the file is gone, or nothing was counted, which no program is as short as.
    pub(crate) fn read(&self) -> Result<u64, String> {
        let bytes = fs::read(&self.file).map_err(|error| error.to_string())?;
        match bytes.try_into().map(u64::from_ne_bytes) {
            Ok(0) | Err(_) => Err("nothing was counted".to_owned()),
            Ok(count) => Ok(count),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn every_round_of_a_loop_is_counted_the_same() {
        use wrtracker_tests::namespace::skip;

        // Goes round as often as it has arguments.
        const LOOP: &str = "int main(int n, char **a) { volatile int i; for (i = 0; i < n; i++); }";
        // The number of arguments is on the stack; 60 ends the program.
        const START: &str = "
            .section .note.GNU-stack
            .text
            .globl start
            start: mov (%rsp), %rdi
            call main
            mov $60, %eax
            xor %edi, %edi
            syscall
        ";
        let processor = Processor::find("x86_64").unwrap();
        if find_program("cc").is_none() || find_program(processor.emulator).is_none() {
            return skip("counting instructions: there is no cc or no qemu-user");
        }
        let mut counter = Counter::new().unwrap();
        let program = counter.folder.join("loop");
        build(&program, &[("c", LOOP), ("s", START)]);
        let mut count = |arguments: usize| {
            let (mut command, count) = counter.command(processor, &program).unwrap();
            let status = command.args(vec!["x"; arguments]).status().unwrap();
            assert!(status.success(), "{status}");
            count.read().unwrap()
        };
        let counts = [0, 100, 200].map(&mut count);
        let per_round = (counts[1] - counts[0]) / 100;
        assert!((3..10).contains(&per_round), "{counts:?}");
        assert_eq!(counts[1] - counts[0], 100 * per_round);
        assert_eq!(counts[2] - counts[1], 100 * per_round);
        // All of it: 5 instructions of `start`, and of `main` some around the loop.
        assert!((10..30).contains(&(counts[0] - per_round)), "{counts:?}");
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn a_budget_kept_in_one_folder_was_broken_in_another() {
        use wrtracker_tests::namespace::skip;

        // Ends with where its stack is within a page, in steps of 16 bytes.
        const START: &str = "
            .section .note.GNU-stack
            .text
            .globl start
            start: mov %rsp, %rdi
            shr $4, %rdi
            mov $60, %eax
            syscall
        ";
        let processor = Processor::find("x86_64").unwrap();
        if find_program("cc").is_none() || find_program(processor.emulator).is_none() {
            return skip("where a stack is: there is no cc or no qemu-user");
        }
        let mut counter = Counter::new().unwrap();
        let mut stack = |folder: &str| {
            let folder = counter.folder.join(folder);
            fs::create_dir_all(&folder).unwrap();
            let program = folder.join("where");
            build(&program, &[("s", START)]);
            let (mut command, _) = counter.command(processor, &program).unwrap();
            command.status().unwrap().code().unwrap()
        };
        let near = stack("a");
        assert_eq!(stack("a/folder/that/is/far/from/all/others"), near);
    }

    /// Compiles a program without a C library, from texts in the languages of these file endings.
    #[cfg(target_arch = "x86_64")]
    fn build(program: &Path, sources: &[(&str, &str)]) {
        let mut compile = Command::new("cc");
        compile.args(["-O0", "-static", "-nostdlib", "-Wl,-e,start", "-o"]);
        compile.arg(program);
        for (ending, text) in sources {
            let source = program.with_extension(ending);
            fs::write(&source, text).unwrap();
            compile.arg(source);
        }
        assert!(compile.status().unwrap().success());
    }

    #[test]
    fn what_was_not_counted_is_told() {
        let folder = Folder::new("no-count");
        let count = Count {
            file: folder.join("count"),
        };
        assert!(count.read().is_err());
        fs::write(&count.file, [0; 8]).unwrap();
        assert_eq!(count.read(), Err("nothing was counted".to_owned()));
        fs::write(&count.file, [1; 7]).unwrap();
        assert!(count.read().is_err());
        fs::write(&count.file, 5_u64.to_ne_bytes()).unwrap();
        assert_eq!(count.read(), Ok(5));
    }
}
