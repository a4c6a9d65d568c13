//! Options of the interface for programs.

use wrtracker_core::access::{Role, Token};

use super::listen::ANY;
use super::{Action, Entry, Range, Reason};
use crate::address;
use crate::settings::{Listen, Settings};

/// Torrust's port.
pub(crate) const DEFAULT_API_PORT: u16 = 1212;

pub(super) static ENTRIES: &[Entry] = &[
    Entry {
        directive: Some("api.token"),
        value: "role token",
        range: Range::Length(70),
        help: "what opens the interface for programs, read or admin and 8 to 64 characters; 4 in all",
        action: Action::Text(token),
        ..Entry::BLANK
    },
    Entry {
        directive: Some("api.listen"),
        value: "address[:port]",
        default: "127.0.0.1:1212 if there is a token",
        help: "where that interface is, on port 1212 if none is given; may be repeated",
        action: Action::Text(|settings, value| listen(settings, false, value)),
        ..Entry::BLANK
    },
    Entry {
        directive: Some("api.tls"),
        value: "address[:port]",
        help: "the same with TLS, https in URLs; needs a tls.certificate and a tls.key",
        action: Action::Text(|settings, value| listen(settings, true, value)),
        ..Entry::BLANK
    },
    Entry {
        directive: Some("api.whitelist_entries"),
        value: "number",
        default: "4096 if a mode is listed or private_listed",
        unit: "hashes",
        range: Range::Numbers(0, 100_000_000),
        help: "most hashes that programs can list; 27.4 bytes of the memory for each",
        action: Action::Number(|settings, number| settings.api_whitelist_entries = Some(number)),
        ..Entry::BLANK
    },
    Entry {
        directive: Some("api.status"),
        value: "http|torrust",
        default: "http",
        help: "statuses and words of errors: as HTTP means them, or as Torrust Tracker has them",
        action: Action::Choice(&[
            ("http", |settings| {
                settings.draft.api_torrust_statuses = false;
            }),
            ("torrust", |settings| {
                settings.draft.api_torrust_statuses = true;
            }),
        ]),
        ..Entry::BLANK
    },
];

fn listen(settings: &mut Settings, tls: bool, value: &str) -> Result<(), Reason> {
    let (ip, port) = address::parse(value)?;
    settings.api_listen.push(Listen {
        tcp: true,
        udp: false,
        ip: Some(ip).filter(|ip| *ip != ANY),
        port: port.unwrap_or(DEFAULT_API_PORT),
        mode: None,
        tls,
    });
    Ok(())
}

fn token(settings: &mut Settings, value: &str) -> Result<(), Reason> {
    let (role, text) = value
        .split_once(|one: char| one.is_ascii_whitespace())
        .ok_or(Reason::NotAToken)?;
    let role = match role {
        "read" => Role::Read,
        "admin" => Role::Admin,
        _ => return Err(Reason::NotAToken),
    };
    let token = Token::parse(role, text.trim_ascii()).ok_or(Reason::NotAToken)?;
    let tokens = &mut settings.draft.api_tokens;
    let pushed = tokens.push(token);
    pushed.map_err(|_| Reason::TooMany(tokens.len()))
}
