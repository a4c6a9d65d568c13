//! What the query of an announce or a scrape says.

use core::net::IpAddr;
use core::num::NonZeroU16;

use crate::policy::{Policy, ProxyHeader, Right};
use crate::reach::{Scope, is_unicast, may_name};
use crate::tracker::{Announce, Event};
use crate::wire::forwarded;
use crate::wire::query::{BadValue, Encoded, Pairs};
use crate::wire::{InfoHash, PeerAddr, PeerId};

use super::failure::Failure;
use super::serve::Asker;

/// An announce and how its client wants the peers.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) announce: Announce,
    /// Most peers in the reply, 0 to [`Policy::most_wanted`].
    pub(super) wanted: u16,
    /// Whether as strings (BEP 23) rather than as a list of dictionaries.
    pub(super) compact: bool,
}

/// Where a request comes from: the address of the connection, or the one that a trusted proxy at
/// that address names.
///
/// The first header of the policy's name counts; if what it names is no address, the connection's
/// does. Nobody else's headers are looked at.
///
/// # Errors
///
/// Where a LAN is known, [`Failure::BadAddress`] for no address and for one of this machine or of a
/// link: a stranger whose words a proxy passes on shall not be taken for the proxy, which is told
/// what only the LAN is.
pub(super) fn source(asker: &Asker<'_>, policy: &Policy) -> Result<IpAddr, Failure> {
    if !policy.allows(asker.remote, Right::Proxy) {
        return Ok(asker.remote);
    }
    let header = |name| asker.header(name);
    let named = match policy.proxy_header {
        ProxyHeader::XForwardedFor => {
            header(b"x-forwarded-for").and_then(forwarded::x_forwarded_for)
        }
        ProxyHeader::XRealIp => header(b"x-real-ip").and_then(forwarded::single),
        ProxyHeader::CfConnectingIp => header(b"cf-connecting-ip").and_then(forwarded::single),
        ProxyHeader::Forwarded => header(b"forwarded").and_then(forwarded::forwarded),
    };
    if policy.lan.networks.is_empty() {
        return Ok(named.unwrap_or(asker.remote));
    }
    named
        .filter(|&ip| Scope::of(ip, &policy.lan) <= Scope::Lan)
        .ok_or(Failure::BadAddress)
}

/// Parses the query of an announce from `source` in one pass (BEP 3).
///
/// - Names that mean nothing here are ignored, and so are names without a value and wrong encodings
///   in them: `uploaded`, `key`, `trackerid`, `no_peer_id` (no reply has peer ids) and whatever
///   clients invent. So are `ipv4` and `ipv6` (BEP 7), which name a second address: clients announce
///   over either family by themselves.
/// - `ip` is believed only with [`Policy::ip_from_query`], then from anybody, before what a proxy
///   says; a proxy passes on what its client asks for, so that without the switch it isn't believed
///   from there either. The last one counts. A failure is one that isn't an address, or that means
///   something only nearer to the tracker than `source` is.
/// - `info_hash` must be 20 bytes, and `peer_id` if there is one; `port` 1 to 65535. `peer_id` is
///   told to the log of completed downloads, if the operator has one, and not stored.
/// - `left`, `downloaded`: up to 2^64 - 1. A negative `left` is that of a client which doesn't know
///   (no metadata yet): a leecher, as with none. A negative `downloaded` has overflowed: more than
///   anything. It is only a hint, so that what is no number is ignored.
/// - `numwant`: none or a negative one is the default, too many are [`Policy::most_wanted`].
/// - An `event` that we don't know is none; `compact` is yes unless it is `0`.
/// - Of a doubled name the last counts, but for `info_hash`: whoever sends two doesn't mean an
///   announce.
///
/// # Errors
///
/// The first of what is wrong, then the first of what is missing.
pub(super) fn announce(query: &[u8], source: IpAddr, policy: &Policy) -> Result<Asked, Failure> {
    let mut ip = source;
    let mut info_hash = None;
    let mut peer_id = None;
    let mut port = None;
    let mut event = Event::None;
    let mut left = None;
    let mut downloaded = 0;
    let mut wanted = policy.default_wanted;
    let mut compact = true;
    for (name, value) in Pairs::new(query) {
        let Some(value) = value else { continue };
        let Some(parameter) = Parameter::of(name) else {
            continue;
        };
        match parameter {
            Parameter::InfoHash => {
                let bytes = value.array().map_err(|BadValue| Failure::BadInfoHash)?;
                if info_hash.replace(InfoHash(bytes)).is_some() {
                    return Err(Failure::ManyInfoHashes);
                }
            }
            Parameter::PeerId => {
                let bytes = value.array().map_err(|BadValue| Failure::BadPeerId)?;
                peer_id = Some(PeerId(bytes));
            }
            Parameter::Port => {
                let number = value.number().ok().and_then(|number| number.value());
                let number = number.and_then(|number| u16::try_from(number).ok());
                port = Some(number.and_then(NonZeroU16::new).ok_or(Failure::BadPort)?);
            }
            Parameter::Ip => {
                if policy.ip_from_query {
                    let mut scratch = [0; LONGEST_IP];
                    let text = value.plain(&mut scratch);
                    ip = forwarded::literal(text).ok_or(Failure::BadAddress)?;
                }
            }
            Parameter::Left => left = value.number()?.value(),
            Parameter::Downloaded => {
                if let Ok(number) = value.number() {
                    downloaded = number.value().unwrap_or(u64::MAX);
                }
            }
            Parameter::Event => event = self::event(value),
            Parameter::NumWant => {
                wanted = value.number()?.value().map_or(policy.default_wanted, |n| {
                    u16::try_from(n).unwrap_or(u16::MAX)
                });
            }
            Parameter::Compact => compact = value.plain(&mut [0; 16]) != b"0",
        }
    }
    let info_hash = info_hash.ok_or(Failure::NoInfoHash)?;
    if !is_unicast(ip) || !may_name(source, ip, &policy.lan) {
        return Err(Failure::BadAddress);
    }
    Ok(Asked {
        announce: Announce {
            info_hash,
            peer: PeerAddr::new(ip, port.ok_or(Failure::NoPort)?),
            peer_id,
            event,
            left,
            downloaded,
        },
        wanted: wanted.min(policy.most_wanted),
        compact,
    })
}

/// Characters of the longest text of an address: eight groups, the last two as IPv4.
const LONGEST_IP: usize = 45;

/// What an announce may say that matters here.
#[derive(Clone, Copy)]
enum Parameter {
    InfoHash,
    PeerId,
    Port,
    Ip,
    Left,
    Downloaded,
    Event,
    NumWant,
    Compact,
}

impl Parameter {
    fn of(name: Encoded<'_>) -> Option<Self> {
        // Hardly anybody encodes names, so they are only decoded if they mean nothing as they are.
        Self::named(name.0).or_else(|| Self::named(name.plain(&mut [0; 16])))
    }

    const fn named(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"info_hash" => Self::InfoHash,
            b"peer_id" => Self::PeerId,
            b"port" => Self::Port,
            b"ip" => Self::Ip,
            b"left" => Self::Left,
            b"downloaded" => Self::Downloaded,
            b"event" => Self::Event,
            b"numwant" => Self::NumWant,
            b"compact" => Self::Compact,
            _ => return None,
        })
    }
}

fn event(value: Encoded<'_>) -> Event {
    match value.plain(&mut [0; 16]) {
        b"started" => Event::Started,
        b"completed" => Event::Completed,
        b"stopped" => Event::Stopped,
        b"paused" => Event::Paused,
        _ => Event::None,
    }
}

/// The info hashes of a scrape in their order; everything else in it is ignored (BEP 48).
///
/// # Errors
///
/// [`Failure::BadInfoHash`] in place of each that isn't 20 bytes.
pub(super) fn info_hashes(query: &[u8]) -> impl Iterator<Item = Result<[u8; 20], Failure>> {
    Pairs::new(query)
        .filter(|(name, _)| name.plain(&mut [0; 16]) == b"info_hash")
        .map(|(_, value)| {
            value
                .ok_or(BadValue)
                .and_then(Encoded::array)
                .map_err(|BadValue| Failure::BadInfoHash)
        })
}
