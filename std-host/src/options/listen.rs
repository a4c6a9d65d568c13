//! Options of where to listen.

use core::net::{IpAddr, Ipv6Addr};

use wrtracker_core::access::Mode;

use super::{Action, Entry, PATH, Range, Reason};
use crate::address::{self, DEFAULT_PORT};
use crate::settings::{Listen, Settings};

/// opentracker's word for any address of either family.
pub(crate) const ANY: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);

/// The modes, as they are named.
pub(super) const MODES: &str = "public|listed|private|private_listed";

/// Where a URL with https leads that names no port.
const DEFAULT_TLS_PORT: u16 = 443;

const PORT: Range = Range::Numbers(0, 65_535);

pub(super) static ENTRIES: &[Entry] = &[
    Entry {
        flag: Some('i'),
        value: "ip",
        default: "any",
        help: "address for the -p, -P and -s that follow; :: stands for any, IPv4 included",
        action: Action::Text(|settings, value| {
            settings.address = Some(address::parse_ip(value)?);
            Ok(())
        }),
        ..Entry::BLANK
    },
    Entry {
        flag: Some('p'),
        value: "port",
        default: "6969",
        range: PORT,
        help: "listen on this TCP port, 0 for any free one; may be repeated",
        action: Action::Text(|settings, value| {
            let port = address::parse_port(value)?;
            settings.listen_here(true, false, port);
            Ok(())
        }),
        ..Entry::BLANK
    },
    Entry {
        flag: Some('P'),
        value: "port",
        default: "6969",
        range: PORT,
        help: "listen on this UDP port, 0 for any free one; may be repeated",
        action: Action::Text(|settings, value| {
            let port = address::parse_port(value)?;
            settings.listen_here(false, true, port);
            Ok(())
        }),
        ..Entry::BLANK
    },
    Entry {
        directive: Some("listen.tcp_udp"),
        value: "address[:port] [mode]",
        help: "listen on TCP and UDP, on port 6969 if none is given; may be repeated",
        action: Action::Text(|settings, value| listen(settings, true, true, false, value)),
        ..Entry::BLANK
    },
    Entry {
        directive: Some("listen.tcp"),
        value: "address[:port] [mode]",
        help: "the same for TCP alone",
        action: Action::Text(|settings, value| listen(settings, true, false, false, value)),
        ..Entry::BLANK
    },
    Entry {
        directive: Some("listen.udp"),
        value: "address[:port] [mode]",
        help: "the same for UDP alone",
        action: Action::Text(|settings, value| listen(settings, false, true, false, value)),
        ..Entry::BLANK
    },
    Entry {
        directive: Some("listen.udp.workers"),
        value: "number",
        default: "0",
        unit: "threads",
        range: Range::Numbers(0, 64),
        help: "threads that answer UDP, for machines with several processors; 0: the event loop does",
        action: Action::Number(|settings, number| {
            settings.udp_workers = u8::try_from(number).unwrap_or(u8::MAX);
        }),
        ..Entry::BLANK
    },
    Entry {
        directive: Some("listen.tls"),
        value: "address[:port] [mode]",
        help: "listen on TCP with TLS, https in URLs, on port 443 if none is given; may be repeated",
        action: Action::Text(|settings, value| listen(settings, true, false, true, value)),
        ..Entry::BLANK
    },
    Entry {
        directive: Some("tls.certificate"),
        value: "file",
        default: "none",
        range: PATH,
        help: "PEM of the certificate for TLS, then of those that signed it; read again on SIGHUP",
        action: Action::Path(|settings| &mut settings.tls_certificate),
        ..Entry::BLANK
    },
    Entry {
        directive: Some("tls.key"),
        value: "file",
        default: "none",
        range: PATH,
        help: "PEM of its private key; read again on SIGHUP, if the tracker's user may",
        action: Action::Path(|settings| &mut settings.tls_key),
        ..Entry::BLANK
    },
];

fn listen(
    settings: &mut Settings,
    tcp: bool,
    udp: bool,
    tls: bool,
    value: &str,
) -> Result<(), Reason> {
    let (address, word) = match value.split_once(|one: char| one.is_ascii_whitespace()) {
        Some((address, word)) => (address, Some(word.trim_ascii())),
        None => (value, None),
    };
    let (ip, port) = address::parse(address)?;
    let mode = word.map(|word| Mode::named(word).ok_or(Reason::NotAChoice(MODES)));
    settings.listen.push(Listen {
        tcp,
        udp,
        ip: Some(ip).filter(|ip| *ip != ANY),
        port: port.unwrap_or(if tls { DEFAULT_TLS_PORT } else { DEFAULT_PORT }),
        mode: mode.transpose()?,
        tls,
    });
    Ok(())
}
