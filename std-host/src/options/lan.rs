//! Options of the local network.

use core::net::{IpAddr, Ipv4Addr};

use super::{Action, Entry, NETWORK, Reason};
use crate::address;
use crate::settings::Settings;

pub(super) static ENTRIES: &[Entry] = &[
    Entry {
        directive: Some("lan.network"),
        value: "auto|ip[/bits]",
        default: "none",
        range: NETWORK,
        help: "a LAN: its peers get their private addresses; auto: of the interfaces; up to 16",
        action: Action::Text(network),
        ..Entry::BLANK
    },
    Entry {
        directive: Some("lan.public_address"),
        value: "auto|ip",
        default: "none",
        help: "address of LAN peers for those outside, one of each family; auto: the interfaces'",
        action: Action::Text(public_address),
        ..Entry::BLANK
    },
];

fn network(settings: &mut Settings, value: &str) -> Result<(), Reason> {
    if value == "auto" {
        settings.lan_auto.networks = true;
        return Ok(());
    }
    let network = address::parse_network(value)?;
    let networks = &mut settings.draft.lan.networks;
    let pushed = networks.push(network);
    pushed.map_err(|_| Reason::TooMany(networks.len()))
}

/// The last of each family counts.
fn public_address(settings: &mut Settings, value: &str) -> Result<(), Reason> {
    if value == "auto" {
        settings.lan_auto.public_address = true;
        return Ok(());
    }
    let ip = address::parse_ip(value)?;
    if ip.is_unspecified() || ip.is_multicast() || ip == Ipv4Addr::BROADCAST {
        return Err(Reason::NotPublic);
    }
    match ip {
        IpAddr::V4(ip) => settings.draft.lan.public_v4 = Some(ip),
        IpAddr::V6(ip) => settings.draft.lan.public_v6 = Some(ip),
    }
    Ok(())
}
