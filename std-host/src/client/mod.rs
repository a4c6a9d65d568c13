//! The client: asks trackers as a user's program does, checks whether they answer, and changes keys
//! and whitelists by the API.
//!
//! [`commands`] is the table of what there is and [`arguments`] reads the command line by it.
//! A file for each command: [`announce`], [`scrape`], [`probe`] (`check`), [`keys`], [`whitelist`].
//! They ask by way of [`tracker`] and [`api`], which are on [`udp`] and [`http`]; what is sent and
//! what comes is in [`question`], [`packets`], [`answer`], [`reply`], [`bencode`] and [`json`]. Whom
//! and what to ask: [`url`], [`resolve`], [`torrent`]. [`output`] and [`text`] print it.
//!
//! Others are hostile: every answer is bounded in bytes and in time, what isn't understood is a
//! [`failure`], and their words are shown without what a terminal would act on. Nothing of this
//! runs in a tracker.

pub mod announce;
pub mod answer;
pub mod api;
pub mod arguments;
pub mod bencode;
pub mod commands;
pub mod deadline;
pub mod failure;
pub mod http;
pub mod json;
pub mod keys;
pub mod output;
pub mod packets;
pub mod probe;
pub mod question;
pub mod random;
pub mod reply;
pub mod resolve;
pub mod scrape;
pub mod text;
pub mod torrent;
pub mod tracker;
pub mod udp;
pub mod url;
pub mod whitelist;

use std::ffi::OsString;
use std::process::ExitCode;

use self::arguments::{Arguments, Line, UsageError};
use self::commands::{Help, Usage, Verb};
pub use self::commands::{Markdown, Overview};
use self::output::End;
use crate::log;

/// Does what the command line asks for, the program's name left out; `None` if its first word is no
/// command of the client.
pub fn run(arguments: &[OsString]) -> Option<ExitCode> {
    let (first, rest) = arguments.split_first()?;
    let first = arguments::first_word(first)?;
    let end = match Line::parse(first, rest.iter().cloned()) {
        Ok(Line::Do(arguments)) => perform(&arguments),
        Ok(Line::Help(command)) => {
            log::text(Help(command));
            Ok(End::Fine)
        }
        Ok(Line::Overview(word)) => {
            log::text(Overview(Some(word)));
            Ok(End::Fine)
        }
        Err(error) => Err(error),
    };
    Some(end.unwrap_or_else(|error| refuse(&error)).into())
}

fn perform(arguments: &Arguments) -> Result<End, UsageError> {
    match arguments.command.verb {
        Verb::Announce => announce::run(arguments),
        Verb::Scrape => scrape::run(arguments),
        Verb::Check => probe::run(arguments),
        Verb::KeyNew => keys::new(arguments),
        Verb::KeyList => keys::list(arguments),
        Verb::KeyDelete => keys::delete(arguments),
        Verb::WhitelistAdd => whitelist::change(arguments, "POST"),
        Verb::WhitelistRemove => whitelist::change(arguments, "DELETE"),
        Verb::WhitelistList => whitelist::list(arguments),
        Verb::WhitelistUpload => whitelist::upload(arguments),
    }
}

fn refuse(error: &UsageError) -> End {
    match error.command {
        Some(command) => log::error(format_args!("{}; {}", error.what, Usage(command))),
        None => log::error(&error.what),
    }
    End::Usage
}
