//! The client's command line.

use core::fmt;
use core::net::IpAddr;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::Path;
use std::time::Duration;

use super::commands::{COMMANDS, Command, Flag};
use super::resolve::Family;
use super::text::Shown;
use super::torrent::Torrent;
use super::url::Url;

/// A command with what stands behind it, split up but not yet understood.
#[derive(Clone, Debug)]
pub struct Arguments {
    /// What is to be done.
    pub command: &'static Command,
    /// Options and their values, in order.
    flags: Vec<(&'static str, OsString)>,
    /// What is no option.
    pub operands: Vec<OsString>,
}

/// What a command line of the client comes to.
#[derive(Clone, Debug)]
pub enum Line {
    /// Do it.
    Do(Arguments),
    /// Print the help of a command.
    Help(&'static Command),
    /// Print all commands that begin with a word.
    Overview(&'static str),
}

/// What is wrong with a command line: the operator is to blame.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UsageError {
    /// What.
    pub what: String,
    /// Of which command, if that is known.
    pub command: Option<&'static Command>,
}

impl UsageError {
    fn of(command: &'static Command, what: impl fmt::Display) -> Self {
        Self {
            what: what.to_string(),
            command: Some(command),
        }
    }
}

/// The first word of a command as the table has it, if `argument` is one.
pub fn first_word(argument: &OsStr) -> Option<&'static str> {
    let mut words = COMMANDS
        .iter()
        .filter_map(|command| command.words.split(' ').next());
    words.find(|word| argument == *word)
}

impl Line {
    /// Reads what follows the first word.
    ///
    /// # Errors
    ///
    /// [`UsageError`] at the first argument that can't be understood.
    pub fn parse(
        first: &'static str,
        arguments: impl IntoIterator<Item = OsString>,
    ) -> Result<Self, UsageError> {
        let mut arguments = arguments.into_iter();
        let command = match COMMANDS.iter().find(|command| command.words == first) {
            Some(command) => command,
            None => {
                let second = arguments.next().unwrap_or_default();
                if second == "-h" || second == "--help" {
                    return Ok(Self::Overview(first));
                }
                let words = |command: &&Command| {
                    command
                        .words
                        .split_once(' ')
                        .is_some_and(|(one, two)| one == first && second == two)
                };
                COMMANDS.iter().find(words).ok_or_else(|| UsageError {
                    what: format!(
                        "{first} {}: there is no such command; see wrtracker {first} --help",
                        Shown(second.as_bytes())
                    ),
                    command: None,
                })?
            }
        };
        let mut read = Arguments {
            command,
            flags: Vec::new(),
            operands: Vec::new(),
        };
        while let Some(argument) = arguments.next() {
            let bytes = argument.as_bytes();
            if bytes == b"--" {
                read.operands.extend(arguments.by_ref());
            } else if bytes == b"-" || !bytes.starts_with(b"-") {
                read.operands.push(argument);
            } else {
                let (flag, value) = flag(command, bytes)?;
                let value = match (value, flag.value) {
                    (None, "") if flag.name == "help" => return Ok(Self::Help(command)),
                    (Some(value), "") => {
                        let what = format_args!("--{} {}: takes no value", flag.name, Shown(value));
                        return Err(UsageError::of(command, what));
                    }
                    (Some(value), _) => OsString::from_vec(value.into()),
                    (None, _) => arguments.next().ok_or_else(|| {
                        let what = format_args!("--{}: the value is missing", flag.name);
                        UsageError::of(command, what)
                    })?,
                };
                read.flags.push((flag.name, value));
            }
        }
        let count = read.operands.len();
        if count < command.least {
            let what = format_args!("{}: {} is missing", command.words, command.operands);
            return Err(UsageError::of(command, what));
        }
        if let Some(operand) = read.operands.get(command.most) {
            let what = format_args!("unknown argument {}", Shown(operand.as_bytes()));
            return Err(UsageError::of(command, what));
        }
        Ok(Self::Do(read))
    }
}

/// Which option an argument is, with the value that is part of it: `--name`, `--name=value`, `-x`
/// or `-xvalue`.
fn flag<'a>(
    command: &'static Command,
    argument: &'a [u8],
) -> Result<(&'static Flag, Option<&'a [u8]>), UsageError> {
    let (found, value) = match argument {
        [b'-', b'-', long @ ..] => {
            let equals = long.iter().position(|&byte| byte == b'=');
            let (name, value) = match equals {
                Some(equals) => {
                    let (name, value) = long.split_at_checked(equals).unwrap_or_default();
                    (name, value.strip_prefix(b"="))
                }
                None => (long, None),
            };
            let mut flags = command.verb.flags();
            (flags.find(|flag| flag.name.as_bytes() == name), value)
        }
        [_, letter, rest @ ..] => {
            let mut flags = command.verb.flags();
            let found = flags.find(|flag| flag.letter == Some(char::from(*letter)));
            (found, Some(rest).filter(|rest| !rest.is_empty()))
        }
        _ => (None, None),
    };
    let unknown = || {
        let what = format_args!("unknown option {}", Shown(argument));
        UsageError::of(command, what)
    };
    Ok((found.ok_or_else(unknown)?, value))
}

impl Arguments {
    /// An error with this option's value.
    pub fn wrong(&self, name: &str, why: impl fmt::Display) -> UsageError {
        let value = self.value(name).unwrap_or_default();
        let what = format_args!("--{name} {}: {why}", Shown(value.as_bytes()));
        UsageError::of(self.command, what)
    }

    /// An error with this operand.
    pub fn wrong_operand(&self, operand: &OsStr, why: impl fmt::Display) -> UsageError {
        let what = format_args!("{}: {why}", Shown(operand.as_bytes()));
        UsageError::of(self.command, what)
    }

    /// The value of an option, the last one if it is there twice.
    pub fn value(&self, name: &str) -> Option<&OsStr> {
        let mut values = self.flags.iter().rev();
        let found = values.find(|(of, _)| *of == name);
        found.map(|(_, value)| value.as_os_str())
    }

    /// The value as UTF-8.
    ///
    /// # Errors
    ///
    /// [`UsageError`] if it is none; likewise those below for what is no value for them.
    pub fn text(&self, name: &str) -> Result<Option<&str>, UsageError> {
        match self.value(name) {
            None => Ok(None),
            Some(value) => match value.to_str() {
                Some(text) => Ok(Some(text)),
                None => Err(self.wrong(name, "not UTF-8 text")),
            },
        }
    }

    /// A whole number within these ends.
    pub fn number(&self, name: &str, least: u64, most: u64) -> Result<Option<u64>, UsageError> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        match text.parse() {
            Ok(number) if crate::options::only_digits(text) && (least..=most).contains(&number) => {
                Ok(Some(number))
            }
            _ => Err(self.wrong(
                name,
                format_args!("not a whole number from {least} to {most}"),
            )),
        }
    }

    /// One of some words, which stand for values.
    pub fn choice<T: Copy>(
        &self,
        name: &str,
        words: &[(&str, T)],
    ) -> Result<Option<T>, UsageError> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        match words.iter().find(|(word, _)| *word == text) {
            Some((_, value)) => Ok(Some(*value)),
            None => {
                let names: Vec<_> = words.iter().map(|(word, _)| *word).collect();
                Err(self.wrong(name, format_args!("not one of {}", names.join(", "))))
            }
        }
    }

    /// An address.
    pub fn ip(&self, name: &str) -> Result<Option<IpAddr>, UsageError> {
        match self.text(name)?.map(str::parse) {
            None => Ok(None),
            Some(Ok(ip)) => Ok(Some(ip)),
            Some(Err(_)) => Err(self.wrong(name, "not an IPv4 or IPv6 address")),
        }
    }

    /// `--timeout`, with what holds without it.
    pub fn timeout(&self, default: u64) -> Result<Duration, UsageError> {
        let seconds = self.number("timeout", 1, 3600)?;
        Ok(Duration::from_secs(seconds.unwrap_or(default)))
    }

    /// `--family`
    pub fn family(&self) -> Result<Option<Family>, UsageError> {
        self.choice("family", &[("4", Family::V4), ("6", Family::V6)])
    }

    /// Whether `--format json` was asked for.
    pub fn json(&self) -> Result<bool, UsageError> {
        let chosen = self.choice("format", &[("text", false), ("json", true)])?;
        Ok(chosen.unwrap_or(false))
    }

    /// An operand as a URL.
    pub fn url(&self, operand: &OsStr) -> Result<Url, UsageError> {
        let text = operand
            .to_str()
            .ok_or_else(|| self.wrong_operand(operand, "not a URL"))?;
        Url::parse(text).map_err(|why| self.wrong_operand(operand, why))
    }

    /// Operands as torrents. Reads files.
    pub fn torrents(&self, operands: &[OsString]) -> Result<Vec<Torrent>, UsageError> {
        let torrent = |operand: &OsString| {
            Torrent::find(Path::new(operand)).map_err(|why| self.wrong_operand(operand, why))
        };
        operands.iter().map(torrent).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Arguments, Line, UsageError, first_word};
    use crate::client::resolve::Family;

    fn parse(line: &str) -> Result<Line, UsageError> {
        let mut words = line.split_whitespace();
        let first = first_word(words.next().unwrap().as_ref()).expect("a command");
        Line::parse(first, words.map(Into::into))
    }

    fn arguments(line: &str) -> Arguments {
        match parse(line) {
            Ok(Line::Do(arguments)) => arguments,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn options_and_operands_come_in_any_order() {
        let read = arguments("announce --port 1 udp://a:1 --left=5 --port=2 x -- --y");
        assert_eq!(read.operands, ["udp://a:1", "x", "--y"]);
        assert_eq!(read.number("port", 0, 65535), Ok(Some(2)));
        assert_eq!(read.number("left", 0, 9), Ok(Some(5)));
        assert_eq!(read.number("uploaded", 0, 9), Ok(None));
        assert!(read.number("left", 0, 4).is_err());
        let read = arguments("check -f a --family 6");
        assert_eq!(read.value("config"), Some("a".as_ref()));
        assert_eq!(read.family(), Ok(Some(Family::V6)));
        assert_eq!(arguments("check -fa").value("config"), Some("a".as_ref()));
        assert_eq!(arguments("key new --key=").value("key"), Some("".as_ref()));
    }

    #[test]
    fn the_first_words_decide() {
        assert_eq!(first_word("--announce".as_ref()), None);
        assert_eq!(first_word("new".as_ref()), None);
        assert!(matches!(parse("key --help"), Ok(Line::Overview("key"))));
        assert!(matches!(parse("key list -h x"), Ok(Line::Help(_))));
        assert!(matches!(parse("announce --help"), Ok(Line::Help(_))));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (line, what) in [
            (
                "key",
                "key : there is no such command; see wrtracker key --help",
            ),
            (
                "key x\u{1b}",
                "key x\\u{1b}: there is no such command; see wrtracker key --help",
            ),
            (
                "announce",
                "announce: [URL] INFO_HASH|TORRENT_FILE... is missing",
            ),
            (
                "scrape udp://a:1",
                "scrape: URL INFO_HASH|TORRENT_FILE... is missing",
            ),
            ("key list x", "unknown argument x"),
            ("scrape --port 1 a b", "unknown option --port"),
            ("scrape -x a b", "unknown option -x"),
            ("announce a --port", "--port: the value is missing"),
            ("announce a --help=x", "--help x: takes no value"),
        ] {
            assert_eq!(parse(line).map(drop).unwrap_err().what, what, "{line}");
        }
        let read = arguments("announce --port 65536 --event no --ip x --timeout 0 --format xml a");
        for (problem, what) in [
            (
                read.number("port", 0, 65535).map(drop),
                "--port 65536: not a whole number",
            ),
            (
                read.ip("ip").map(drop),
                "--ip x: not an IPv4 or IPv6 address",
            ),
            (
                read.timeout(1).map(drop),
                "--timeout 0: not a whole number from 1 to 3600",
            ),
            (read.json().map(drop), "--format xml: not one of text, json"),
        ] {
            let problem = problem.unwrap_err().what;
            assert!(problem.starts_with(what), "{problem}");
        }
    }
}
