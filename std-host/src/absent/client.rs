//! The client, in a build without it: its commands are known, and nothing more.

use core::fmt;
use std::ffi::OsString;
use std::process::ExitCode;

use crate::log;

/// The first words of its commands.
const WORDS: [&str; 5] = ["announce", "scrape", "check", "key", "whitelist"];

/// A command line that can't be understood.
const USAGE: u8 = 2;

/// Says that it is missing, if the first word is a command of it.
pub fn run(arguments: &[OsString]) -> Option<ExitCode> {
    let first = arguments.first()?;
    let word = WORDS.iter().find(|word| first == *word)?;
    log::error(format_args!("{word}: the client is left out of this build"));
    Some(ExitCode::from(USAGE))
}

/// Prints nothing: there is nothing to be used.
#[derive(Clone, Copy, Debug)]
pub struct Overview(pub Option<&'static str>);

impl fmt::Display for Overview {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}
