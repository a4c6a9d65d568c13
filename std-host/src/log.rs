//! Lines for the operator, on standard error or in the machine's log.
//!
//! A line is made in a buffer on the stack and leaves in one system call; nothing is allocated for
//! it. A line longer than [`LONGEST`] bytes is cut. Control characters in it become question marks:
//! what came from outside can't make a line of its own.
//!
//! A tracker that serves doesn't wait for whoever reads its log: a line that can't leave at once is
//! lost. Errors before and after that are waited for.

use core::fmt::{self, Write as _};
use core::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::io::{self, Write as _};
use std::process;
use std::sync::OnceLock;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::syslog::{self, Severity, Syslog};

/// Most bytes in a line, all included: what RFC 3164 section 4.1 allows.
pub const LONGEST: usize = 1024;

/// How much an operator wants to know. Each includes those before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
#[repr(u8)]
pub enum Level {
    /// Why the program ends, or what else failed.
    Error,
    /// What may be wrong, while the program goes on.
    Warning,
    /// What happens.
    #[default]
    Info,
    /// What only helps to find a fault.
    Debug,
}

/// Where the lines go.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Destination {
    /// Standard error.
    #[default]
    Stderr,
    /// The machine's log, and errors to standard error too: whoever starts the program sees why it
    /// ends.
    Syslog,
}

static MOST: AtomicU8 = AtomicU8::new(Level::Info as u8);
static SYSLOG: OnceLock<Syslog> = OnceLock::new();
static SERVING: AtomicBool = AtomicBool::new(false);

/// Says where lines go from now on, and which. Until this is called they go to standard error, up
/// to [`Level::Info`].
///
/// To be called before the root directory changes. If the machine's log can't be reached, that is a
/// warning on standard error, and it is looked for again at each line. Where lines go can't be
/// changed a second time.
pub fn start(to: Destination, most: Level) {
    set_level(most);
    if to == Destination::Stderr {
        return;
    }
    match Syslog::open(syslog::PATH) {
        Ok((opened, connected)) => {
            if let Err(error) = connected {
                warning(format_args!("{}: {error}", syslog::PATH));
            }
            let _ = SYSLOG.set(opened);
        }
        Err(error) => warning(format_args!("{}: {error}", syslog::PATH)),
    }
}

/// Says which lines are written from now on.
pub fn set_level(most: Level) {
    MOST.store(most as u8, Ordering::Relaxed);
}

/// Says whether others are being served: while they are, no line is waited for.
pub fn set_serving(serving: bool) {
    SERVING.store(serving, Ordering::Relaxed);
}

/// Tells of an error.
pub fn error(message: impl fmt::Display) {
    put(Level::Error, &message);
}

/// Tells of what may be wrong.
pub fn warning(message: impl fmt::Display) {
    put(Level::Warning, &message);
}

/// Tells what happens.
pub fn info(message: impl fmt::Display) {
    put(Level::Info, &message);
}

/// Tells what only helps to find a fault.
pub fn debug(message: impl fmt::Display) {
    put(Level::Debug, &message);
}

/// Writes a text of any length to standard error as it is.
///
/// What can't be written is lost: a tracker doesn't die of a closed log.
pub fn text(message: impl fmt::Display) {
    let _ = io::stderr().write_all(message.to_string().as_bytes());
}

fn put(level: Level, message: &dyn fmt::Display) {
    if level as u8 > MOST.load(Ordering::Relaxed) {
        return;
    }
    let syslog = SYSLOG.get();
    if let Some(syslog) = syslog {
        let mut line = Line::new();
        let (priority, id) = (severity(level).priority(), process::id());
        let _ = write!(line, "<{priority}>wrtracker[{id}]: {message}");
        syslog.send(line.text());
    }
    if syslog.is_none() || level == Level::Error {
        let mut line = Line::new();
        let _ = write!(line, "wrtracker: {}{message}", mark(level));
        line.end();
        let waits = level == Level::Error && !SERVING.load(Ordering::Relaxed);
        if waits || stderr_takes() {
            let _ = io::stderr().write_all(line.text());
        }
    }
}

/// What standard error has before a message, since it has no severities.
const fn mark(level: Level) -> &'static str {
    match level {
        Level::Error | Level::Info => "",
        Level::Warning => "warning: ",
        Level::Debug => "debug: ",
    }
}

const fn severity(level: Level) -> Severity {
    match level {
        Level::Error => Severity::Error,
        Level::Warning => Severity::Warning,
        Level::Info => Severity::Informational,
        Level::Debug => Severity::Debug,
    }
}

/// Whether a line can be written without waiting: a pipe that polls writable takes a whole line
/// (pipe(7)).
fn stderr_takes() -> bool {
    let stderr = io::stderr();
    let at_once = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let mut wanted = [PollFd::new(&stderr, PollFlags::OUT)];
    !matches!(poll(&mut wanted, Some(&at_once)), Ok(0))
}

/// A line in the making.
struct Line {
    bytes: [u8; LONGEST],
    length: usize,
}

impl Line {
    const fn new() -> Self {
        Self {
            bytes: [0; LONGEST],
            length: 0,
        }
    }

    fn text(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// Ends the line, for which there is always room.
    fn end(&mut self) {
        if let Some(end) = self.bytes.get_mut(self.length) {
            *end = b'\n';
            self.length += 1;
        }
    }
}

impl fmt::Write for Line {
    /// An error once the line is full, which ends the formatting.
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            let shown = if character.is_control() {
                '?'
            } else {
                character
            };
            let mut bytes = [0; 4];
            let bytes = shown.encode_utf8(&mut bytes).as_bytes();
            let end = self.length + bytes.len();
            // The last byte is for the line end.
            match self.bytes.get_mut(self.length..end) {
                Some(room) if end < LONGEST => room.copy_from_slice(bytes),
                _ => return Err(fmt::Error),
            }
            self.length = end;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use core::fmt::Write as _;

    use super::{LONGEST, Level, Line, mark};

    fn line(text: &str) -> Vec<u8> {
        let mut line = Line::new();
        let _ = write!(line, "wrtracker: {text}");
        line.end();
        line.text().to_vec()
    }

    #[test]
    fn lines_have_one_end() {
        assert_eq!(line("ready"), b"wrtracker: ready\n");
        assert_eq!(
            line("a\nb\r\x1b[0m\0\x7f\u{9b}"),
            b"wrtracker: a?b??[0m???\n"
        );
        assert_eq!(line("\u{b5}"), "wrtracker: \u{b5}\n".as_bytes());
    }

    #[test]
    fn long_lines_are_cut_between_characters() {
        for length in LONGEST - 30..LONGEST + 30 {
            for character in ["x", "\u{b5}", "\u{1f4a9}"] {
                let text = character.repeat(length);
                let cut = line(&text);
                let whole = "wrtracker: ".len() + text.len() + 1;
                assert!(cut.len() <= LONGEST && cut.len() >= whole.min(LONGEST - 3));
                let cut = String::from_utf8(cut).expect("whole characters");
                assert!(cut.ends_with('\n') && !cut.contains('\0'));
                assert_eq!(cut.matches('\n').count(), 1);
            }
        }
    }

    #[test]
    fn nothing_follows_what_was_cut() {
        let mut line = Line::new();
        let wide = "\u{1f4a9}".repeat(LONGEST);
        assert!(write!(line, "{wide}after").is_err());
        assert!(!line.text().contains(&b'a'));
    }

    #[test]
    fn levels_are_ordered_by_how_much_they_tell() {
        let all = [Level::Error, Level::Warning, Level::Info, Level::Debug];
        assert!(all.is_sorted());
        assert_eq!(all.map(mark), ["", "warning: ", "", "debug: "]);
    }
}
