//! The one table of options: command line, configuration file, `--help` and the README's table are
//! made from it.

use core::fmt;
use core::net::IpAddr;
use std::ffi::OsStr;

use crate::address::{self, DEFAULT_PORT};
use crate::settings::{Listen, Settings};
use crate::size::Bytes;

/// One thing that an operator can set.
pub struct Entry {
    /// The letter on the command line.
    pub flag: Option<char>,
    /// The word on the command line, for the two that everybody tries.
    pub long: Option<&'static str>,
    /// The keyword in a configuration file.
    pub directive: Option<&'static str>,
    /// What the value is called; empty if there is none.
    pub value: &'static str,
    /// What holds if it is never given.
    pub default: &'static str,
    /// What the value counts, if it is a number.
    pub unit: &'static str,
    /// What it does, in a sentence or two without a full stop at the end.
    pub help: &'static str,
    /// What the program does on seeing it.
    pub action: Action,
}

/// What the program does on seeing an option.
#[derive(Clone, Copy)]
pub enum Action {
    /// Stores a value that is text with neither blanks nor `#` in it, so that a comment may follow
    /// in a file.
    Set(fn(&mut Settings, &str) -> Result<(), Reason>),
    /// Reads a configuration file here and now.
    ReadFile,
    /// Prints the help and ends.
    Help,
    /// Prints the version and ends.
    Version,
}

/// Every option, in the order of the help.
pub static TABLE: &[Entry] = &[
    Entry {
        flag: Some('i'),
        long: None,
        directive: None,
        value: "ip",
        default: "any",
        unit: "",
        help: "address for the -p and -P that follow; :: stands for any, IPv4 included",
        action: Action::Set(|settings, value| {
            settings.address = Some(address::parse_ip(value)?);
            Ok(())
        }),
    },
    Entry {
        flag: Some('p'),
        long: None,
        directive: None,
        value: "port",
        default: "6969",
        unit: "",
        help: "listen on this TCP port, 0 for any free one; may be repeated",
        action: Action::Set(|settings, value| {
            let port = address::parse_port(value)?;
            settings.listen_here(true, false, port);
            Ok(())
        }),
    },
    Entry {
        flag: Some('P'),
        long: None,
        directive: None,
        value: "port",
        default: "6969",
        unit: "",
        help: "listen on this UDP port, 0 for any free one; may be repeated",
        action: Action::Set(|settings, value| {
            let port = address::parse_port(value)?;
            settings.listen_here(false, true, port);
            Ok(())
        }),
    },
    Entry {
        flag: None,
        long: None,
        directive: Some("listen.tcp_udp"),
        value: "address[:port]",
        default: "",
        unit: "",
        help: "listen on TCP and UDP, on port 6969 if none is given; may be repeated",
        action: Action::Set(|settings, value| listen(settings, true, true, value)),
    },
    Entry {
        flag: None,
        long: None,
        directive: Some("listen.tcp"),
        value: "address[:port]",
        default: "",
        unit: "",
        help: "the same for TCP alone",
        action: Action::Set(|settings, value| listen(settings, true, false, value)),
    },
    Entry {
        flag: None,
        long: None,
        directive: Some("listen.udp"),
        value: "address[:port]",
        default: "",
        unit: "",
        help: "the same for UDP alone",
        action: Action::Set(|settings, value| listen(settings, false, true, value)),
    },
    Entry {
        flag: Some('m'),
        long: None,
        directive: Some("tracker.memory"),
        value: "bytes[K|M|G]",
        default: "1/8 of the machine's, at most 1G",
        unit: "bytes",
        help: "most memory that the program takes, everything included",
        action: Action::Set(|settings, value| {
            settings.memory = Some(Bytes::parse(value)?);
            Ok(())
        }),
    },
    Entry {
        flag: Some('w'),
        long: None,
        directive: Some("access.whitelist"),
        value: "value",
        default: "",
        unit: "",
        help: "stands for access.whitelist",
        action: Action::Set(|settings, value| {
            settings.lists.whitelist = Some(value.into());
            Ok(())
        }),
    },
    Entry {
        flag: Some('b'),
        long: None,
        directive: Some("access.blacklist"),
        value: "value",
        default: "",
        unit: "",
        help: "stands for access.blacklist",
        action: Action::Set(|settings, value| {
            settings.lists.blacklist = Some(value.into());
            Ok(())
        }),
    },
    Entry {
        flag: None,
        long: None,
        directive: Some("access.fifo_add"),
        value: "value",
        default: "",
        unit: "",
        help: "stands for access.fifo_add",
        action: Action::Set(|settings, value| {
            settings.lists.fifo_add = Some(value.into());
            Ok(())
        }),
    },
    Entry {
        flag: None,
        long: None,
        directive: Some("access.fifo_delete"),
        value: "value",
        default: "",
        unit: "",
        help: "stands for access.fifo_delete",
        action: Action::Set(|settings, value| {
            settings.lists.fifo_delete = Some(value.into());
            Ok(())
        }),
    },
    Entry {
        flag: None,
        long: None,
        directive: Some("access.watch"),
        value: "value",
        default: "",
        unit: "",
        help: "stands for access.watch",
        action: Action::Set(|settings, value| {
            settings.lists.watch = value == "on";
            Ok(())
        }),
    },
    Entry {
        flag: None,
        long: None,
        directive: Some("access.entries"),
        value: "value",
        default: "",
        unit: "",
        help: "stands for access.entries",
        action: Action::Set(|settings, value| {
            settings.lists.entries = value.parse().ok();
            Ok(())
        }),
    },
    Entry {
        flag: None,
        long: None,
        directive: Some("access.udp_reject_interval"),
        value: "value",
        default: "",
        unit: "",
        help: "stands for access.udp_reject_interval",
        action: Action::Set(|settings, value| {
            settings.udp_refusal_interval = value.parse().ok();
            Ok(())
        }),
    },
    Entry {
        flag: Some('f'),
        long: None,
        directive: None,
        value: "file",
        default: "",
        unit: "",
        help: "read this configuration file; may be repeated",
        action: Action::ReadFile,
    },
    Entry {
        flag: Some('h'),
        long: Some("--help"),
        directive: None,
        value: "",
        default: "",
        unit: "",
        help: "print this and end",
        action: Action::Help,
    },
    Entry {
        flag: Some('v'),
        long: Some("--version"),
        directive: None,
        value: "",
        default: "",
        unit: "",
        help: "print the version and end",
        action: Action::Version,
    },
];

fn listen(settings: &mut Settings, tcp: bool, udp: bool, value: &str) -> Result<(), Reason> {
    let (ip, port) = address::parse(value)?;
    settings.listen.push(Listen {
        tcp,
        udp,
        ip: Some(ip).filter(|ip| *ip != ANY),
        port: port.unwrap_or(DEFAULT_PORT),
    });
    Ok(())
}

/// opentracker's word for any address of either family.
pub(crate) const ANY: IpAddr = IpAddr::V6(core::net::Ipv6Addr::UNSPECIFIED);

/// The entry of a letter.
pub fn by_flag(flag: char) -> Option<&'static Entry> {
    TABLE.iter().find(|entry| entry.flag == Some(flag))
}

/// The entry of a long word, dashes included.
pub fn by_long(word: &OsStr) -> Option<&'static Entry> {
    TABLE
        .iter()
        .find(|entry| entry.long.is_some_and(|long| word == long))
}

/// The entry of a keyword in a file.
pub fn by_directive(keyword: &[u8]) -> Option<&'static Entry> {
    TABLE.iter().find(|entry| {
        entry
            .directive
            .is_some_and(|word| word.as_bytes() == keyword)
    })
}

/// Why a value was refused. The operator is to blame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Reason {
    /// The value is missing.
    NoValue,
    /// Bytes that are no UTF-8 where text is wanted.
    NotText,
    /// Neither an IPv4 nor an IPv6 address, or no address in the syntax of `listen.*`.
    NotAnAddress,
    /// Not a whole number from 0 to 65535.
    NotAPort,
    /// Not a number with K, M or G after it or nothing.
    NotASize,
    /// 2^64 bytes or more.
    SizeTooLarge,
}

impl fmt::Display for Reason {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Self::NoValue => "the value is missing",
            Self::NotText => "the value is not UTF-8 text",
            Self::NotAnAddress => {
                "not an address such as 192.0.2.1, 192.0.2.1:6969 or [2001:db8::1]:6969"
            }
            Self::NotAPort => "not a port from 0 to 65535",
            Self::NotASize => "not a number of bytes such as 500000, 512K, 8M or 1G",
            Self::SizeTooLarge => "more bytes than there are",
        })
    }
}

impl core::error::Error for Reason {}

/// Prints the usage in one line, without a line end.
pub struct Usage;

impl fmt::Display for Usage {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("usage: wrtracker")?;
        for entry in TABLE {
            match (entry.flag, entry.value) {
                (Some(flag), "") => write!(to, " [-{flag}]")?,
                (Some(flag), value) => write!(to, " [-{flag} {value}]")?,
                (None, _) => {}
            }
        }
        Ok(())
    }
}

/// Prints the version in one line, without a line end.
pub struct Version;

impl fmt::Display for Version {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(concat!("wrtracker ", env!("CARGO_PKG_VERSION")))
    }
}

/// Prints the whole help.
pub struct Help;

impl fmt::Display for Help {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            to,
            "{Version}, a BitTorrent tracker\n{Usage}\n\n\
             Without -p, -P and listen.* it takes TCP and UDP on one port.\n\n\
             Options, from left to right:"
        )?;
        for entry in TABLE {
            if let Some(flag) = entry.flag {
                write!(to, "  -{flag} {:14} {}", entry.value, entry.help)?;
                default(to, entry)?;
            }
        }
        to.write_str("\nLines of a configuration file (# starts a comment):\n")?;
        for entry in TABLE {
            if let Some(directive) = entry.directive {
                write!(to, "  {directive} {}\n        {}", entry.value, entry.help)?;
                default(to, entry)?;
            }
        }
        Ok(())
    }
}

fn default(to: &mut fmt::Formatter<'_>, entry: &Entry) -> fmt::Result {
    if entry.default.is_empty() {
        to.write_str("\n")
    } else {
        writeln!(to, " (default: {})", entry.default)
    }
}

/// Prints the table of the README, in Markdown.
pub struct Markdown;

impl fmt::Display for Markdown {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("| option | in a file | value | default | unit | what it does |\n")?;
        to.write_str("|---|---|---|---|---|---|\n")?;
        for entry in TABLE {
            to.write_str("|")?;
            if let Some(flag) = entry.flag {
                write!(to, " `-{flag}`")?;
            }
            if let Some(long) = entry.long {
                write!(to, ", `{long}`")?;
            }
            to.write_str(" |")?;
            if let Some(directive) = entry.directive {
                write!(to, " `{directive}`")?;
            }
            to.write_str(" | ")?;
            for (nth, part) in entry.value.split('|').enumerate() {
                // A bar would end the cell.
                write!(to, "{}{part}", if nth > 0 { "\\|" } else { "" })?;
            }
            writeln!(
                to,
                " | {} | {} | {} |",
                entry.default, entry.unit, entry.help
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Action, Help, Markdown, TABLE, Usage};

    #[test]
    fn no_two_entries_have_the_same_name() {
        for (nth, entry) in TABLE.iter().enumerate() {
            assert!(entry.flag.is_some() || entry.directive.is_some());
            assert_eq!(
                entry.value.is_empty(),
                matches!(entry.action, Action::Help | Action::Version)
            );
            for other in &TABLE[nth + 1..] {
                assert!(entry.flag.is_none() || entry.flag != other.flag);
                assert!(entry.long.is_none() || entry.long != other.long);
                assert!(entry.directive.is_none() || entry.directive != other.directive);
            }
        }
    }

    #[test]
    fn help_usage_and_markdown_name_every_entry() {
        let (help, usage, markdown) = (Help.to_string(), Usage.to_string(), Markdown.to_string());
        for entry in TABLE {
            assert!(help.contains(entry.help) && markdown.contains(entry.help));
            if let Some(flag) = entry.flag {
                assert!(usage.contains(&format!("[-{flag}")), "{usage}");
                assert!(help.contains(&format!("\n  -{flag} ")), "{help}");
            }
            if let Some(directive) = entry.directive {
                assert!(help.contains(directive) && markdown.contains(directive));
            }
        }
        assert_eq!(usage.lines().count(), 1);
        assert!(
            help.is_ascii() && help.lines().all(|line| line.len() <= 120),
            "{help}"
        );
        let bars = |line: &str| line.replace("\\|", "").matches('|').count();
        assert!(markdown.lines().all(|line| bars(line) == 7), "{markdown}");
    }
}
