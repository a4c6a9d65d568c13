//! What the client says on standard output, and how it ends.

use core::fmt;
use core::time::Duration;
use std::io::{self, Write as _};
use std::process::ExitCode;

use crate::log;

/// Somebody refused, answered nonsense or didn't answer.
const FAILED: u8 = 1;
/// A command line that can't be understood.
const USAGE: u8 = 2;

/// How a command ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// All went well.
    Fine,
    /// Somebody refused, answered nonsense or didn't answer.
    Failed,
    /// A command line that can't be understood.
    Usage,
}

impl From<End> for ExitCode {
    fn from(end: End) -> Self {
        match end {
            End::Fine => Self::SUCCESS,
            End::Failed => Self::from(FAILED),
            End::Usage => Self::from(USAGE),
        }
    }
}

/// What the client says, and whether all has gone well so far.
#[derive(Debug)]
pub struct Output {
    /// Whether objects are wanted.
    pub json: bool,
    failed: bool,
}

impl Output {
    /// All has gone well so far.
    pub const fn new(json: bool) -> Self {
        Self {
            json,
            failed: false,
        }
    }

    /// Says a line or more, without the last line's end.
    pub fn say(&mut self, text: impl fmt::Display) {
        let text = format!("{text}\n");
        match io::stdout().write_all(text.as_bytes()) {
            // Who closes standard output doesn't want to know.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                self.fail(format_args!("standard output: {error}"));
            }
            _ => {}
        }
    }

    /// Tells what went wrong on standard error.
    pub fn fail(&mut self, what: impl fmt::Display) {
        self.failed = true;
        log::error(what);
    }

    /// Notes that something went wrong, which was said already.
    pub const fn failed(&mut self) {
        self.failed = true;
    }

    /// How all went.
    pub const fn end(&self) -> End {
        if self.failed { End::Failed } else { End::Fine }
    }
}

/// A time in milliseconds, with three places behind the point.
#[derive(Clone, Copy, Debug)]
pub struct Milliseconds(pub Duration);

impl fmt::Display for Milliseconds {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0.subsec_micros();
        let millis = self.0.as_secs().saturating_mul(1_000);
        let millis = millis.saturating_add(u64::from(micros / 1_000));
        write!(to, "{millis}.{:03}", micros % 1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, Milliseconds};

    #[test]
    fn times_are_in_milliseconds() {
        for (micros, shown) in [(0, "0.000"), (999, "0.999"), (1_234_567, "1234.567")] {
            let shown_as = Milliseconds(Duration::from_micros(micros)).to_string();
            assert_eq!(shown_as, shown);
        }
    }
}
