//! Text for the operator, on standard error.

use core::fmt;
use std::io::{self, Write as _};

/// Writes a message as one line, after the program's name.
pub fn line(message: impl fmt::Display) {
    text(format_args!("wrtracker: {message}\n"));
}

/// As [`line()`], marked as a warning: the program goes on.
pub fn warning(message: impl fmt::Display) {
    line(format_args!("warning: {message}"));
}

/// Writes a message as it is, in one system call.
///
/// What can't be written is lost: a tracker doesn't die of a closed log.
pub fn text(message: impl fmt::Display) {
    let _ = io::stderr().write_all(message.to_string().as_bytes());
}
