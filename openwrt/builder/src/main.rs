//! Builds wrtracker for routers: the tight cross builds, the packages of OpenWrt, and the gate on
//! what they weigh.
//!
//! Each chore is one word of cargo's: `cargo router-build`, `cargo ipk`, `cargo apk`,
//! `cargo size-gate`. This is a
//! tool for developers and packagers; nothing of it goes into the router.
//!
//! Layers, each knowing only those above it in this list:
//!
//! 1. [`target`]: the processors, and what OpenWrt calls them. [`release`]: the version, and the time
//!    that files get. [`archive`]: tar and gzip without time and chance.
//! 2. [`contents`]: which files go where on the router. [`scripts`]: what runs there when they arrive
//!    and leave. [`elf`]: whether a program is one for that processor.
//! 3. [`cross`]: the program, built. [`ipk`], [`apk`]: packages in the formats of opkg and of apk, whose
//!    container is [`adb`].
//! 4. [`budget`]: what may weigh how much. [`symbols`]: what weighs most. [`size_gate`]: the verdict.
//! 5. [`arguments`]: the command line; `main` carries it out.
#![forbid(unsafe_code)]

use std::process::ExitCode;

mod adb;
mod apk;
mod archive;
mod arguments;
mod budget;
mod contents;
mod cross;
mod elf;
mod ipk;
mod package;
mod release;
mod scripts;
mod size_gate;
mod symbols;
mod target;

/// What went wrong, as a line to print.
type Result<T> = std::result::Result<T, String>;

fn main() -> ExitCode {
    match arguments::parse(std::env::args().skip(1)).and_then(arguments::Command::run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("wrtracker-openwrt: {reason}");
            ExitCode::FAILURE
        }
    }
}
