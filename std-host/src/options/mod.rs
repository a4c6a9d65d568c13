//! The one table of options: command line, configuration file, `--help` and the README's table are
//! made from it.
//!
//! Each area has a file with its part of the table. An entry says what it takes in a form that the
//! program can check: a range of numbers, a choice, a path. So what the help promises is what is
//! enforced.

mod access;
mod api;
mod lan;
mod listen;
mod live_sync;
mod log;
mod print;
mod reason;
mod state;
mod tracker;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use wrtracker_core::network::Network;
use wrtracker_core::policy::{Grant, Right};

pub(crate) use self::api::DEFAULT_API_PORT;
pub(crate) use self::listen::ANY;
pub use self::print::{Help, Markdown, Usage, Version};
pub use self::reason::Reason;
pub(crate) use self::tracker::LONGEST_TIMEOUT;
use crate::settings::Settings;
use crate::{address, duration};

/// One thing that an operator can set.
pub struct Entry {
    /// The letter on the command line.
    pub flag: Option<char>,
    /// The word on the command line, for the few that everybody tries.
    pub long: Option<&'static str>,
    /// The keyword in a configuration file.
    pub directive: Option<&'static str>,
    /// What the value is called; empty if there is none.
    pub value: &'static str,
    /// What holds if it is never given.
    pub default: &'static str,
    /// What the value counts, if it is a number.
    pub unit: &'static str,
    /// What the value must be within.
    pub range: Range,
    /// What it does, in a sentence or two without a full stop at the end.
    pub help: &'static str,
    /// What the program does on seeing it.
    pub action: Action,
}

/// What a value must be within.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Range {
    /// There is nothing to say beyond the name of the value.
    Any,
    /// Whole numbers, the ends included.
    Numbers(u32, u32),
    /// So many bytes of text, and at least one.
    Length(usize),
    /// What the action itself checks, in words.
    Said(&'static str),
}

/// What the program does on seeing an option.
#[derive(Clone, Copy)]
pub enum Action {
    /// Stores text, which the function checks.
    Text(fn(&mut Settings, &str) -> Result<(), Reason>),
    /// Stores a whole number within the entry's range.
    Number(fn(&mut Settings, u32)),
    /// Stores a time in seconds, within the entry's range.
    Time(fn(&mut Settings, u32)),
    /// Stores one of a few words.
    Choice(&'static [Choice]),
    /// Stores a path of at most the entry's length: bytes but zeros.
    Path(fn(&mut Settings) -> &mut Option<PathBuf>),
    /// Grants a right to a network.
    Grant(Right),
    /// Adds a network to a list.
    Network(fn(&mut Settings, Network) -> Result<(), Reason>),
    /// Reads a configuration file here and now.
    ReadFile,
    /// Reads everything, says what it means and ends.
    Check,
    /// Prints the help and ends.
    Help,
    /// Prints the version and ends.
    Version,
}

/// A word and what it sets.
pub type Choice = (&'static str, fn(&mut Settings));

impl Entry {
    /// What an entry has where it says nothing.
    const BLANK: Self = Self {
        flag: None,
        long: None,
        directive: None,
        value: "",
        default: "",
        unit: "",
        range: Range::Any,
        help: "",
        action: Action::Help,
    };

    /// Stores `value` in `settings`, if it is of those that have one to store.
    ///
    /// # Errors
    ///
    /// [`Reason`], if the value isn't what the entry takes; then nothing is stored.
    pub(crate) fn store(&self, settings: &mut Settings, value: &OsStr) -> Result<(), Reason> {
        let text = || match value.to_str() {
            Some("") => Err(Reason::NoValue),
            Some(text) => Ok(text),
            None => Err(Reason::NotText),
        };
        match self.action {
            Action::Text(set) => {
                let text = text()?;
                match self.range {
                    Range::Length(most) if text.len() > most => Err(Reason::TooLong(most)),
                    _ => set(settings, text),
                }
            }
            Action::Number(set) => {
                let (least, most) = self.range.ends();
                let number = text()?;
                let number = Some(number).filter(|text| only_digits(text));
                let number = number.and_then(|text| text.parse().ok());
                let number = number.filter(|number| (least..=most).contains(number));
                set(settings, number.ok_or(Reason::NotANumber(least, most))?);
                Ok(())
            }
            Action::Time(set) => {
                let (least, most) = self.range.ends();
                let seconds = duration::parse(text()?);
                let seconds = seconds.filter(|seconds| (least..=most).contains(seconds));
                set(settings, seconds.ok_or(Reason::NotATime(least, most))?);
                Ok(())
            }
            Action::Choice(choices) => {
                let text = text()?;
                let chosen = choices.iter().find(|(word, _)| *word == text);
                let (_, set) = chosen.ok_or(Reason::NotAChoice(self.value))?;
                set(settings);
                Ok(())
            }
            Action::Path(place) => {
                let most = self.range.length();
                match value.as_bytes() {
                    [] => return Err(Reason::NoValue),
                    bytes if bytes.len() > most => return Err(Reason::TooLong(most)),
                    bytes if bytes.contains(&0) => return Err(Reason::Zero),
                    _ => {}
                }
                *place(settings) = Some(PathBuf::from(value));
                Ok(())
            }
            Action::Grant(right) => {
                let network = address::parse_network(text()?)?;
                let grants = &mut settings.draft.grants;
                let pushed = grants.push(Grant { network, right });
                pushed.map_err(|_| Reason::TooMany(grants.len()))
            }
            Action::Network(add) => {
                let network = address::parse_network(text()?)?;
                add(settings, network)
            }
            Action::ReadFile | Action::Check | Action::Help | Action::Version => Ok(()),
        }
    }
}

impl Range {
    /// The least and the most, where it is of numbers.
    const fn ends(self) -> (u32, u32) {
        match self {
            Self::Numbers(least, most) => (least, most),
            _ => (0, u32::MAX),
        }
    }

    /// The most bytes, where it is of text.
    const fn length(self) -> usize {
        match self {
            Self::Length(most) => most,
            _ => usize::MAX,
        }
    }
}

/// Every option, in the order of the help.
pub fn table() -> impl Iterator<Item = &'static Entry> {
    AREAS.iter().flat_map(|(_, entries)| *entries)
}

/// The parts of the table, each with its name.
static AREAS: &[(&str, &[Entry])] = &[
    ("listening", listen::ENTRIES),
    ("the program", tracker::PROGRAM),
    ("access", access::ENTRIES),
    ("programs", api::ENTRIES),
    ("the tracker", tracker::ENTRIES),
    ("the local network", lan::ENTRIES),
    ("a cluster", live_sync::ENTRIES),
    ("state", state::ENTRIES),
    ("the log", log::ENTRIES),
];

/// The entry of a letter.
pub fn by_flag(flag: char) -> Option<&'static Entry> {
    table().find(|entry| entry.flag == Some(flag))
}

/// The entry of a long word, dashes included.
pub fn by_long(word: &OsStr) -> Option<&'static Entry> {
    table().find(|entry| entry.long.is_some_and(|long| word == long))
}

/// The entry of a keyword in a file.
pub fn by_directive(keyword: &[u8]) -> Option<&'static Entry> {
    table().find(|entry| {
        entry
            .directive
            .is_some_and(|word| word.as_bytes() == keyword)
    })
}

/// Most bytes of a path: what the kernel takes.
const PATH: Range = Range::Length(4095);

/// How a network is written.
const NETWORK: Range = Range::Said("0 to 32 bits, for IPv6 0 to 128");

/// Whether `text` is digits and nothing else.
pub(crate) fn only_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests;
