//! The program.

use std::env;
use std::process::ExitCode;

fn main() -> ExitCode {
    wrtracker::program::main(env::args_os().skip(1))
}
