//! Options of what is told.

use super::{Action, Entry, NETWORK, Reason};
use crate::settings::{LogLevel, LogTo};

pub(super) static ENTRIES: &[Entry] = &[
    Entry {
        directive: Some("log.to"),
        value: "stderr|syslog",
        default: "stderr",
        help: "where messages go",
        action: Action::Choice(&[
            ("stderr", |settings| settings.log_to = LogTo::Stderr),
            ("syslog", |settings| settings.log_to = LogTo::Syslog),
        ]),
        ..Entry::BLANK
    },
    Entry {
        directive: Some("log.level"),
        value: "error|warning|info|debug",
        default: "info",
        help: "the least important messages that are told",
        action: Action::Choice(&[
            ("error", |settings| settings.log_level = LogLevel::Error),
            ("warning", |settings| settings.log_level = LogLevel::Warning),
            ("info", |settings| settings.log_level = LogLevel::Info),
            ("debug", |settings| settings.log_level = LogLevel::Debug),
        ]),
        ..Entry::BLANK
    },
    Entry {
        directive: Some("log.completed"),
        value: "on|off",
        default: "off",
        help: "tell of each completed download",
        action: Action::Choice(&[
            ("on", |settings| settings.draft.tell_completed = true),
            ("off", |settings| settings.draft.tell_completed = false),
        ]),
        ..Entry::BLANK
    },
    Entry {
        directive: Some("log.requests"),
        value: "ip[/bits]",
        default: "none",
        range: NETWORK,
        help: "a network whose HTTP requests are kept for mode=fulllog; 8 in all",
        action: Action::Network(|settings, network| {
            let networks = &mut settings.draft.log_requests;
            let pushed = networks.push(network);
            pushed.map_err(|_| Reason::TooMany(networks.len()))
        }),
        ..Entry::BLANK
    },
];
