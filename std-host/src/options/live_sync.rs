//! Options of trackers that tell each other of peers.

use core::net::{IpAddr, SocketAddrV4};

use wrtracker_core::policy::Right;

use super::{Action, Entry, NETWORK, Range, Reason};
use crate::address;
use crate::settings::Settings;

/// opentracker's port.
const DEFAULT_SYNC_PORT: u16 = 9696;

pub(super) static ENTRIES: &[Entry] = &[
    Entry {
        flag: Some('s'),
        value: "port",
        default: "none",
        range: Range::Numbers(1, 65_535),
        help: "live sync on this port and the address of the -i before it; once",
        action: Action::Text(|settings, value| {
            let port = address::parse_port(value)?;
            let ip = settings.address.ok_or(Reason::NotIpv4)?;
            live_sync(settings, ip, port)
        }),
        ..Entry::BLANK
    },
    Entry {
        directive: Some("livesync.cluster.listen"),
        value: "ip[:port]",
        default: "none",
        help: "live sync on the interface with this IPv4 address, port 9696 if none is given; once",
        action: Action::Text(|settings, value| {
            let (ip, port) = address::parse(value)?;
            live_sync(settings, ip, port.unwrap_or(DEFAULT_SYNC_PORT))
        }),
        ..Entry::BLANK
    },
    Entry {
        directive: Some("livesync.cluster.node_ip"),
        value: "ip[/bits]",
        range: NETWORK,
        help: "a network whose trackers are believed; may be repeated",
        action: Action::Grant(Right::Sync),
        ..Entry::BLANK
    },
];

fn live_sync(settings: &mut Settings, ip: IpAddr, port: u16) -> Result<(), Reason> {
    let IpAddr::V4(ip) = ip else {
        return Err(Reason::NotIpv4);
    };
    if port == 0 {
        return Err(Reason::NotANumber(1, 65_535));
    }
    if settings.live_sync.is_some() {
        return Err(Reason::Twice);
    }
    settings.live_sync = Some(SocketAddrV4::new(ip, port));
    Ok(())
}
