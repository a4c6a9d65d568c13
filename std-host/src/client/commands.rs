//! The table of the client's commands and options: it drives the command line, the help, and the
//! README's table.

use core::fmt;

/// What can be asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verb {
    /// Peers from a tracker.
    Announce,
    /// Counts from a tracker.
    Scrape,
    /// Whether all listeners answer.
    Check,
    /// A new key.
    KeyNew,
    /// All keys.
    KeyList,
    /// A key gone.
    KeyDelete,
    /// Torrents allowed.
    WhitelistAdd,
    /// Torrents not allowed any more.
    WhitelistRemove,
    /// All torrents that are allowed.
    WhitelistList,
    /// A file of torrents allowed.
    WhitelistUpload,
}

/// A command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Command {
    /// What it does.
    pub verb: Verb,
    /// One word or two, with a blank between them.
    pub words: &'static str,
    /// What stands behind them, beside options.
    pub operands: &'static str,
    /// How many operands there are at least.
    pub least: usize,
    /// How many there are at most.
    pub most: usize,
    /// What it does, in words.
    pub help: &'static str,
}

/// All commands.
pub const COMMANDS: [Command; 10] = [
    command(
        Verb::Announce,
        "announce",
        "[URL] INFO_HASH|TORRENT_FILE...",
        (1, usize::MAX),
        "announce to a tracker, or to those in the torrent files, and print the peers",
    ),
    command(
        Verb::Scrape,
        "scrape",
        "URL INFO_HASH|TORRENT_FILE...",
        (2, usize::MAX),
        "ask a tracker for the counts of torrents",
    ),
    command(
        Verb::Check,
        "check",
        "[URL|ADDRESS:PORT...]",
        (0, usize::MAX),
        "ask whether all listeners of a tracker answer",
    ),
    command(
        Verb::KeyNew,
        "key new",
        "",
        (0, 0),
        "have a private tracker make a key or take one",
    ),
    command(Verb::KeyList, "key list", "", (0, 0), "print all keys"),
    command(
        Verb::KeyDelete,
        "key delete",
        "KEY...",
        (1, usize::MAX),
        "have keys forgotten",
    ),
    command(
        Verb::WhitelistAdd,
        "whitelist add",
        "INFO_HASH|TORRENT_FILE...",
        (1, usize::MAX),
        "allow torrents",
    ),
    command(
        Verb::WhitelistRemove,
        "whitelist remove",
        "INFO_HASH|TORRENT_FILE...",
        (1, usize::MAX),
        "allow torrents no longer",
    ),
    command(
        Verb::WhitelistList,
        "whitelist list",
        "",
        (0, 0),
        "print all torrents that are allowed",
    ),
    command(
        Verb::WhitelistUpload,
        "whitelist upload",
        "FILE",
        (1, 1),
        "allow all torrents in a file, 40 hex digits at the start of a line",
    ),
];

const fn command(
    verb: Verb,
    words: &'static str,
    operands: &'static str,
    (least, most): (usize, usize),
    help: &'static str,
) -> Command {
    Command {
        verb,
        words,
        operands,
        least,
        most,
        help,
    }
}

/// An option.
#[derive(Clone, Copy, Debug)]
pub struct Flag {
    /// With two dashes before it.
    pub name: &'static str,
    /// A letter that stands for it, with one dash.
    pub letter: Option<char>,
    /// What stands behind it; empty if nothing does.
    pub value: &'static str,
    /// What holds without it.
    pub default: &'static str,
    /// What it does.
    pub help: &'static str,
    /// Which commands have it.
    pub of: &'static [Verb],
}

const ANNOUNCE: &[Verb] = &[Verb::Announce];
const TRACKER: &[Verb] = &[Verb::Announce, Verb::Scrape, Verb::Check];
const KEY_NEW: &[Verb] = &[Verb::KeyNew];
const API: &[Verb] = &[
    Verb::KeyNew,
    Verb::KeyList,
    Verb::KeyDelete,
    Verb::WhitelistAdd,
    Verb::WhitelistRemove,
    Verb::WhitelistList,
    Verb::WhitelistUpload,
];
/// That of all commands.
const ALL: &[Verb] = &[
    Verb::Announce,
    Verb::Scrape,
    Verb::Check,
    Verb::KeyNew,
    Verb::KeyList,
    Verb::KeyDelete,
    Verb::WhitelistAdd,
    Verb::WhitelistRemove,
    Verb::WhitelistList,
    Verb::WhitelistUpload,
];

/// All options.
pub const FLAGS: [Flag; 24] = [
    flag(
        "event",
        "started|stopped|completed|none",
        "started",
        "what happened",
        ANNOUNCE,
    ),
    flag("uploaded", "bytes", "0", "bytes uploaded so far", ANNOUNCE),
    flag(
        "downloaded",
        "bytes",
        "0",
        "bytes downloaded so far",
        ANNOUNCE,
    ),
    flag(
        "left",
        "bytes",
        "1",
        "bytes still to download; 0 is a seeder",
        ANNOUNCE,
    ),
    flag(
        "port",
        "port",
        "6881",
        "where peers are told to connect, 0 to 65535",
        ANNOUNCE,
    ),
    flag(
        "ip",
        "ip",
        "none",
        "the address to say, over UDP IPv4 only",
        ANNOUNCE,
    ),
    flag(
        "peer-id",
        "id",
        "-WR0001- and 12 random digits",
        "20 characters, or 40 hex digits",
        ANNOUNCE,
    ),
    flag(
        "key",
        "number",
        "random",
        "0 to 4294967295, or hexadecimal after 0x",
        ANNOUNCE,
    ),
    flag(
        "compact",
        "0|1",
        "1",
        "over HTTP, 0 asks for peers as dictionaries",
        ANNOUNCE,
    ),
    flag(
        "numwant",
        "number",
        "left to the tracker",
        "peers wanted, 0 to 1000000",
        ANNOUNCE,
    ),
    flag(
        "family",
        "4|6",
        "any",
        "ask over IPv4 or IPv6 only",
        TRACKER,
    ),
    Flag {
        letter: Some('f'),
        ..flag(
            "config",
            "file",
            "none",
            "check the listeners in this configuration file of the tracker",
            &[Verb::Check],
        )
    },
    flag(
        "key",
        "key",
        "made by the tracker",
        "the key itself",
        KEY_NEW,
    ),
    flag(
        "seconds",
        "number",
        "for ever",
        "how long the key is good, 1 to 4294967295",
        KEY_NEW,
    ),
    flag(
        "info-hash",
        "hash",
        "all torrents",
        "the one torrent that the key is good for",
        KEY_NEW,
    ),
    flag(
        "most-peers",
        "number",
        "the tracker's",
        "most peers that announce with the key, 1 to 255",
        KEY_NEW,
    ),
    flag(
        "api",
        "url",
        "http://127.0.0.1:1212",
        "where the tracker's API is",
        API,
    ),
    flag("api", "url", "none", "check this API too", &[Verb::Check]),
    flag(
        "token-file",
        "file",
        "none",
        "a file with the API's token; else it is in the environment variable WRTRACKER_TOKEN",
        API,
    ),
    flag(
        "timeout",
        "seconds",
        "45",
        "for each tracker and request, 1 to 3600",
        &[Verb::Announce, Verb::Scrape],
    ),
    flag(
        "timeout",
        "seconds",
        "5",
        "for each listener, 1 to 3600",
        &[Verb::Check],
    ),
    flag(
        "timeout",
        "seconds",
        "30",
        "for each request, 1 to 3600",
        API,
    ),
    flag(
        "format",
        "text|json",
        "text",
        "json: one object on each line",
        ALL,
    ),
    Flag {
        letter: Some('h'),
        ..flag("help", "", "", "print this and end", ALL)
    },
];

const fn flag(
    name: &'static str,
    value: &'static str,
    default: &'static str,
    help: &'static str,
    of: &'static [Verb],
) -> Flag {
    Flag {
        name,
        letter: None,
        value,
        default,
        help,
        of,
    }
}

impl Verb {
    /// The command.
    pub fn command(self) -> Option<&'static Command> {
        COMMANDS.iter().find(|command| command.verb == self)
    }

    /// The options that the command has.
    pub fn flags(self) -> impl Iterator<Item = &'static Flag> {
        FLAGS.iter().filter(move |flag| flag.of.contains(&self))
    }
}

/// Prints how a command is used, in one line, without a line end.
#[derive(Clone, Copy, Debug)]
pub struct Usage(pub &'static Command);

impl fmt::Display for Usage {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Command {
            words, operands, ..
        } = self.0;
        let blank = if operands.is_empty() { "" } else { " " };
        write!(to, "usage: wrtracker {words} [OPTION]...{blank}{operands}")
    }
}

/// Prints the help of a command.
#[derive(Clone, Copy, Debug)]
pub struct Help(pub &'static Command);

impl fmt::Display for Help {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{}\n\n{}\n\n", Usage(self.0), self.0.help)?;
        for flag in self.0.verb.flags() {
            match flag.letter {
                Some(letter) => write!(to, "  -{letter}, --{} {}", flag.name, flag.value)?,
                None => write!(to, "  --{} {}", flag.name, flag.value)?,
            }
            write!(to, "\n        {}", flag.help)?;
            match flag.default {
                "" => to.write_str("\n")?,
                default => writeln!(to, " (default: {default})")?,
            }
        }
        to.write_str(
            "\nURLs begin with http:// or udp://; there is no TLS. Exit status: 0 all went well, \
             1 somebody refused,\nanswered nonsense or not at all, 2 a wrong command line.\n",
        )
    }
}

/// Prints how all commands that begin with a word are used, or all of them as a part of the
/// program's help.
#[derive(Clone, Copy, Debug)]
pub struct Overview(pub Option<&'static str>);

impl fmt::Display for Overview {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_none() {
            to.write_str(
                "Where a command is the first word it is a client, and no tracker; --help after it \
                 tells more:\n",
            )?;
        }
        for command in &COMMANDS {
            let first = command.words.split(' ').next();
            if self.0.is_none() || self.0 == first {
                let Command {
                    words,
                    operands,
                    help,
                    ..
                } = command;
                let blank = if operands.is_empty() { "" } else { " " };
                writeln!(to, "  wrtracker {words}{blank}{operands}\n        {help}")?;
            }
        }
        if self.0.is_none() {
            to.write_str("\n")?;
        }
        Ok(())
    }
}

/// Prints the table of the README, in Markdown.
#[derive(Clone, Copy, Debug)]
pub struct Markdown;

impl fmt::Display for Markdown {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("| option | value | default | of | what it does |\n|---|---|---|---|---|\n")?;
        for flag in &FLAGS {
            to.write_str("|")?;
            if let Some(letter) = flag.letter {
                write!(to, " `-{letter}`,")?;
            }
            let value = flag.value.replace('|', "\\|");
            write!(to, " `--{}` | {value} | {} | ", flag.name, flag.default)?;
            let of = |verbs: &[Verb]| flag.of == verbs;
            if of(ALL) {
                to.write_str("all")?;
            } else if of(API) {
                to.write_str("`key`, `whitelist`")?;
            } else {
                for (nth, command) in flag.of.iter().filter_map(|verb| verb.command()).enumerate() {
                    write!(to, "{}`{}`", if nth > 0 { ", " } else { "" }, command.words)?;
                }
            }
            writeln!(to, " | {} |", flag.help)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{ALL, API, COMMANDS, Help};

    #[test]
    fn every_command_has_each_option_once_and_a_line_of_help_for_it() {
        assert_eq!(COMMANDS.map(|command| command.verb), *ALL);
        for command in &COMMANDS {
            assert!(command.verb.command().is_some());
            let help = Help(command).to_string();
            let mut names: Vec<_> = command.verb.flags().map(|flag| flag.name).collect();
            for name in &names {
                assert_eq!(help.matches(&format!("--{name} ")).count(), 1, "{help}");
            }
            assert!(names.contains(&"timeout") && names.contains(&"format"));
            assert_eq!(API.contains(&command.verb), names.contains(&"token-file"));
            names.sort_unstable();
            let count = names.len();
            names.dedup();
            assert_eq!(names.len(), count);
        }
    }
}
