//! What the operator asked for: the command line and the configuration files, read but not yet
//! acted on.

use core::fmt;
use core::net::IpAddr;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::Path;

use crate::address::DEFAULT_PORT;
use crate::conf;
use crate::options::{self, Action, Entry, Reason};
use crate::size::Bytes;

/// What the operator asked for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Settings {
    /// The address of the `-p` and `-P` that follow; `None` is any.
    pub address: Option<IpAddr>,
    /// Where to listen, in the order given.
    pub listen: Vec<Listen>,
    /// The memory limit; `None` is a share of the machine's.
    pub memory: Option<Bytes>,
    /// The access lists.
    pub lists: crate::lists::ListSettings,
    /// Stands for a policy.
    pub udp_refusal_interval: Option<u32>,
    /// What was wrong with lines that don't matter, to be told: the first [`MOST_TOLD`].
    pub warnings: Vec<String>,
    /// What was wrong with lines that do matter: the program must not start. The first
    /// [`MOST_TOLD`].
    pub errors: Vec<String>,
}

/// Most warnings that are told, and most errors: a file that is none of ours has one on each line.
/// That there are more is told too.
pub const MOST_TOLD: usize = 20;

/// One place to listen at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Listen {
    /// On TCP.
    pub tcp: bool,
    /// On UDP.
    pub udp: bool,
    /// `None` is any address of either family.
    pub ip: Option<IpAddr>,
    /// 0 lets the kernel pick.
    pub port: u16,
}

/// What a command line comes to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// Start with these settings.
    Run(Settings),
    /// Print the help.
    Help,
    /// Print the version.
    Version,
}

/// What was wrong with a command line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UsageError(pub String);

impl Command {
    /// Reads a command line, without the program's name, from left to right; files named in it are
    /// read on the way.
    ///
    /// # Errors
    ///
    /// [`UsageError`] at the first argument that can't be understood.
    pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, UsageError> {
        let mut settings = Settings::default();
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let unknown = || UsageError(format!("unknown argument {}", argument.display()));
            if let Some(entry) = options::by_long(&argument) {
                if let Some(end) = settings.apply(entry, OsStr::new("")) {
                    return Ok(end);
                }
                continue;
            }
            // As with getopt: here the options end. What follows would be operands, and there are
            // none.
            if argument == "--" {
                match arguments.next() {
                    None => break,
                    Some(operand) => {
                        return Err(UsageError(format!(
                            "unknown argument {}",
                            operand.display()
                        )));
                    }
                }
            }
            let mut letters = match argument.as_bytes().split_first() {
                Some((b'-', letters)) if !letters.is_empty() => letters,
                _ => return Err(unknown()),
            };
            // As with getopt: -m5 and -m 5 are the same, and so are -hv and -h -v.
            while let Some((&letter, rest)) = letters.split_first() {
                let entry = options::by_flag(char::from(letter)).ok_or_else(unknown)?;
                letters = rest;
                let value = if entry.value.is_empty() {
                    OsString::new()
                } else if rest.is_empty() {
                    arguments
                        .next()
                        .ok_or_else(|| refused(letter, None, Reason::NoValue))?
                } else {
                    letters = &[];
                    OsString::from_vec(rest.to_vec())
                };
                match settings.try_apply(entry, &value) {
                    Ok(None) => {}
                    Ok(Some(end)) => return Ok(end),
                    Err(reason) => return Err(refused(letter, Some(&value), reason)),
                }
            }
        }
        Ok(Self::Run(settings))
    }
}

fn tell(problems: &mut Vec<String>, problem: fmt::Arguments<'_>) {
    if problems.len() < MOST_TOLD {
        problems.push(problem.to_string());
    } else if problems.len() == MOST_TOLD {
        problems.push("and more".into());
    }
}

fn refused(letter: u8, value: Option<&OsStr>, reason: Reason) -> UsageError {
    let letter = char::from(letter);
    UsageError(match value {
        Some(value) => format!("-{letter} {}: {reason}", value.display()),
        None => format!("-{letter}: {reason}"),
    })
}

impl Settings {
    /// Listens at the current address.
    pub(crate) fn listen_here(&mut self, tcp: bool, udp: bool, port: u16) {
        let ip = self.address.filter(|ip| *ip != options::ANY);
        self.listen.push(Listen { tcp, udp, ip, port });
    }

    /// Where to listen: what was asked for, or TCP and UDP on opentracker's port if nothing was.
    pub fn listeners(&self) -> Vec<Listen> {
        let mut all = Self {
            address: self.address,
            listen: self.listen.clone(),
            ..Self::default()
        };
        if all.listen.is_empty() {
            all.listen_here(true, true, DEFAULT_PORT);
        }
        all.listen
    }

    /// Adds to the warnings, unless there are too many.
    pub(crate) fn warn(&mut self, problem: fmt::Arguments<'_>) {
        tell(&mut self.warnings, problem);
    }

    /// Adds to the errors, unless there are too many.
    pub(crate) fn refuse(&mut self, problem: fmt::Arguments<'_>) {
        tell(&mut self.errors, problem);
    }

    fn apply(&mut self, entry: &Entry, value: &OsStr) -> Option<Command> {
        self.try_apply(entry, value).ok().flatten()
    }

    fn try_apply(&mut self, entry: &Entry, value: &OsStr) -> Result<Option<Command>, Reason> {
        match entry.action {
            Action::Set(set) => set(self, value.to_str().ok_or(Reason::NotText)?).map(|()| None),
            Action::ReadFile => {
                conf::read(Path::new(value), self);
                Ok(None)
            }
            Action::Help => Ok(Some(Command::Help)),
            Action::Version => Ok(Some(Command::Version)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt as _;

    use super::{Command, Listen, Settings, UsageError};
    use crate::size::Bytes;

    fn parse(line: &str) -> Result<Command, UsageError> {
        Command::parse(line.split_whitespace().map(OsString::from))
    }

    fn settings(line: &str) -> Settings {
        match parse(line) {
            Ok(Command::Run(settings)) => settings,
            other => panic!("{line}: {other:?}"),
        }
    }

    fn error(line: &str) -> String {
        parse(line).expect_err(line).0
    }

    #[test]
    fn memory_is_taken_apart_or_together_and_the_last_wins() {
        assert_eq!(settings("-m5").memory, Some(Bytes(5)));
        assert_eq!(settings("-m 5").memory, Some(Bytes(5)));
        assert_eq!(settings("-m 8M").memory, Some(Bytes(8 << 20)));
        assert_eq!(settings("-m1K -m 2K -m3K").memory, Some(Bytes(3 << 10)));
        assert_eq!(settings("").memory, None);
        assert_eq!(error("-m"), "-m: the value is missing");
        assert!(error("-m 99999999999999999999").starts_with("-m 99999999999999999999: more"));
        assert!(error("-m=5").starts_with("-m =5: not a number of bytes"));
    }

    #[test]
    fn addresses_hold_for_what_follows() {
        let at = |tcp, ip: &str, port| Listen {
            tcp,
            udp: !tcp,
            ip: ip.parse().ok(),
            port,
        };
        assert_eq!(
            settings("-p 1 -i 127.0.0.1 -p2 -P 3 -i ::1 -P 0 -i :: -P 65535").listen,
            [
                at(true, "", 1),
                at(true, "127.0.0.1", 2),
                at(false, "127.0.0.1", 3),
                at(false, "::1", 0),
                at(false, "", 65535)
            ]
        );
        assert!(error("-i nowhere -p 1").starts_with("-i nowhere: not an address"));
    }

    #[test]
    fn nothing_said_is_both_protocols_on_the_last_address() {
        let both = |ip: &str| {
            [Listen {
                tcp: true,
                udp: true,
                ip: ip.parse().ok(),
                port: 6969,
            }]
        };
        assert_eq!(settings("").listeners(), both(""));
        assert_eq!(settings("-i 127.0.0.1 -i ::1").listeners(), both("::1"));
        assert_eq!(settings("-p 80").listeners().len(), 1);
        assert!(!settings("-p 80").listeners()[0].udp);
    }

    #[test]
    fn ports_outside_the_range_are_refused() {
        for line in ["-p 70000", "-P 65536", "-p -1", "-p 17050x", "-p=80"] {
            assert!(
                error(line).ends_with("not a port from 0 to 65535"),
                "{line}"
            );
        }
    }

    #[test]
    fn help_and_version_end_the_line() {
        assert_eq!(parse("-h -p 70000"), Ok(Command::Help));
        assert_eq!(parse("-p 1 --help"), Ok(Command::Help));
        assert_eq!(parse("-vh"), Ok(Command::Version));
        assert_eq!(parse("--version"), Ok(Command::Version));
    }

    #[test]
    fn two_dashes_end_the_options() {
        assert_eq!(settings("-m5 --"), settings("-m5"));
        assert_eq!(settings("--"), settings(""));
        assert_eq!(error("-- -p 80"), "unknown argument -p");
        // Unless they are the value of one.
        assert!(error("-p --").starts_with("-p --: not a port"));
    }

    #[test]
    fn what_is_no_option_is_refused() {
        for line in ["-x", "---", "-", "6969", "--port", "-hx -x6", "-\u{b5}"] {
            if line != "-hx -x6" {
                assert_eq!(error(line), format!("unknown argument {line}"));
            }
        }
        let bytes = Command::parse([OsString::from("-i"), OsString::from_vec(vec![0xff])]);
        assert!(bytes.unwrap_err().0.ends_with("not UTF-8 text"));
    }
}
