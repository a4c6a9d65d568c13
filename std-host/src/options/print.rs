//! The table in print: usage, help, and the README's Markdown.

use core::fmt;

use super::{AREAS, Entry, PATH, Range, table};
use crate::client::Overview;

/// Prints the usage in one line, without a line end.
pub struct Usage;

impl fmt::Display for Usage {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("usage: wrtracker")?;
        for entry in table() {
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
        to.write_str(concat!("wrtracker ", env!("CARGO_PKG_VERSION")))?;
        let mut before = ", without ";
        for name in LEFT_OUT.iter().flatten() {
            write!(to, "{before}{name}")?;
            before = ", ";
        }
        Ok(())
    }
}

/// The features that this build doesn't have.
const LEFT_OUT: [Option<&str>; 10] = [
    left_out("api", cfg!(feature = "api")),
    left_out("check", cfg!(feature = "check")),
    left_out("client", cfg!(feature = "client")),
    left_out("gzip", cfg!(feature = "gzip")),
    left_out("livesync", cfg!(feature = "livesync")),
    left_out("private", cfg!(feature = "private")),
    left_out("signed", cfg!(feature = "signed")),
    left_out("state", cfg!(feature = "state")),
    left_out("tls", cfg!(feature = "tls")),
    left_out("workers", cfg!(feature = "workers")),
];

const fn left_out(name: &str, built: bool) -> Option<&str> {
    match built {
        true => None,
        false => Some(name),
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
             {}Options, from left to right:",
            Overview(None)
        )?;
        for entry in table() {
            if let Some(flag) = entry.flag {
                write!(to, "  -{flag} {:14} {}", entry.value, entry.help)?;
                match (entry.directive, entry.default) {
                    // Which says the rest.
                    (Some(directive), _) => writeln!(to, " ({directive})")?,
                    (None, "") => to.write_str("\n")?,
                    (None, default) => writeln!(to, " (default: {default})")?,
                }
            }
        }
        to.write_str(
            "\nLines of a configuration file. # at the start or after a blank begins a comment. \
             The last line counts\nwhere there can be only one. A time is seconds, or minutes, \
             hours or days with m, h or d after it.\nA network is an address with /bits or \
             without; 192.168/16 is 192.168.0.0/16.\n",
        )?;
        for (area, entries) in AREAS {
            writeln!(to, "\n  # {area}")?;
            for entry in *entries {
                if let Some(directive) = entry.directive {
                    writeln!(to, "  {directive} {}\n        {}", entry.value, entry.help)?;
                    limits(to, entry)?;
                }
            }
        }
        Ok(())
    }
}

/// The line of the help with the range and the default, if there is anything to say.
fn limits(to: &mut fmt::Formatter<'_>, entry: &Entry) -> fmt::Result {
    let mut before = "        (";
    if entry.range != Range::Any && entry.range != PATH {
        write!(to, "{before}{}", entry.range)?;
        if matches!(entry.range, Range::Numbers(..)) {
            write!(to, " {}", entry.unit)?;
        }
        before = "; ";
    }
    if !entry.default.is_empty() {
        write!(to, "{before}default: {}", entry.default)?;
        before = "; ";
    }
    if before == "; " {
        to.write_str(")\n")?;
    }
    Ok(())
}

impl fmt::Display for Range {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => Ok(()),
            Self::Numbers(least, u32::MAX) => write!(to, "from {least}"),
            Self::Numbers(least, most) => write!(to, "{least} to {most}"),
            Self::Length(most) => write!(to, "1 to {most} bytes"),
            Self::Said(words) => to.write_str(words),
        }
    }
}

/// Prints the table of the README, in Markdown.
pub struct Markdown;

impl fmt::Display for Markdown {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("| option | in a file | value | range | default | unit | what it does |\n")?;
        to.write_str("|---|---|---|---|---|---|---|\n")?;
        for entry in table() {
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
                " | {} | {} | {} | {} |",
                entry.range, entry.default, entry.unit, entry.help
            )?;
        }
        Ok(())
    }
}
