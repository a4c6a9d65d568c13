//! What trackers answer, and how it is read from bencode (BEP 3, 7, 23, 24, 48).

use core::net::{Ipv4Addr, Ipv6Addr};

use super::bencode::{Dict, Invalid, List, Value};
use super::failure::Failure;

/// The answer to an announce; what the tracker didn't say is `None`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Announced {
    /// Seconds after which to announce again.
    pub interval: Option<i64>,
    /// Seconds before which not to.
    pub min_interval: Option<i64>,
    /// Seeders.
    pub complete: Option<i64>,
    /// Leechers.
    pub incomplete: Option<i64>,
    /// Completed downloads.
    pub downloaded: Option<i64>,
    /// The address that the tracker saw.
    pub external_ip: Option<String>,
    /// What the tracker wants to be told next time.
    pub tracker_id: Option<Vec<u8>>,
    /// The tracker's words to its users.
    pub warning: Option<Vec<u8>>,
    /// Others with the torrent.
    pub peers: Vec<Peer>,
}

/// Somebody with the torrent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Peer {
    /// An address, or over HTTP a name or whatever else was there.
    pub ip: Vec<u8>,
    /// Where it takes connections.
    pub port: u16,
    /// Its name for itself.
    pub id: Option<Vec<u8>>,
}

/// The counts of one torrent; what the tracker didn't say is `None`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Seeders.
    pub complete: Option<i64>,
    /// Completed downloads.
    pub downloaded: Option<i64>,
    /// Leechers.
    pub incomplete: Option<i64>,
}

impl From<Invalid> for Failure {
    fn from(Invalid(what): Invalid) -> Self {
        Self::Nonsense(what)
    }
}

/// Reads the answer to an HTTP announce.
///
/// # Errors
///
/// [`Failure::Refused`] with the tracker's reason, and [`Failure::Nonsense`] for what is no answer.
pub fn parse_announce(body: &[u8]) -> Result<Announced, Failure> {
    let answer = dictionary(body)?;
    let mut peers = match answer.find(b"peers") {
        Some(Value::Bytes(compact)) => Peer::compact_v4(compact).ok_or(CUT_PEER)?,
        Some(Value::List(list)) => Peer::listed(list)?,
        Some(_) => return Err(Failure::Nonsense("peers that are no list")),
        None => Vec::new(),
    };
    match answer.find(b"peers6") {
        Some(Value::Bytes(compact)) => peers.extend(Peer::compact_v6(compact).ok_or(CUT_PEER)?),
        Some(_) => return Err(Failure::Nonsense("peers6 that are no string")),
        None => {}
    }
    let owned = |key| answer.bytes(key).map(<[u8]>::to_vec);
    Ok(Announced {
        interval: answer.int(b"interval"),
        min_interval: answer.int(b"min interval"),
        complete: answer.int(b"complete"),
        incomplete: answer.int(b"incomplete"),
        downloaded: answer.int(b"downloaded"),
        external_ip: answer.bytes(b"external ip").and_then(address),
        tracker_id: owned(b"tracker id"),
        warning: owned(b"warning message"),
        peers,
    })
}

const CUT_PEER: Failure = Failure::Nonsense("a peer that is cut short");

/// Reads the answer to an HTTP scrape: for each hash its counts, or `None` if it isn't there.
///
/// # Errors
///
/// As [`parse_announce`].
pub fn parse_scrape(body: &[u8], hashes: &[[u8; 20]]) -> Result<Vec<Option<Counts>>, Failure> {
    let Some(Value::Dict(files)) = dictionary(body)?.find(b"files") else {
        return Err(Failure::Nonsense("a scrape without files"));
    };
    let counts = |hash: &[u8; 20]| match files.find(hash) {
        Some(Value::Dict(counts)) => Some(Counts {
            complete: counts.int(b"complete"),
            downloaded: counts.int(b"downloaded"),
            incomplete: counts.int(b"incomplete"),
        }),
        _ => None,
    };
    Ok(hashes.iter().map(counts).collect())
}

/// The reason why the tracker refuses, if `body` has one.
pub fn refusal(body: &[u8]) -> Option<&[u8]> {
    match Value::parse(body) {
        Ok(Value::Dict(answer)) => answer.bytes(b"failure reason"),
        _ => None,
    }
}

fn dictionary(body: &[u8]) -> Result<Dict<'_>, Failure> {
    let Value::Dict(answer) = Value::parse(body)? else {
        return Err(Failure::Nonsense("bencode that is no dictionary"));
    };
    match answer.bytes(b"failure reason") {
        Some(reason) => Err(Failure::Refused(reason.to_vec())),
        None => Ok(answer),
    }
}

/// An address of 4 or 16 bytes in text.
fn address(bytes: &[u8]) -> Option<String> {
    if let Ok(octets) = <[u8; 4]>::try_from(bytes) {
        return Some(Ipv4Addr::from(octets).to_string());
    }
    let octets: [u8; 16] = bytes.try_into().ok()?;
    Some(Ipv6Addr::from(octets).to_string())
}

impl Peer {
    /// Peers of 6 bytes each (BEP 23); `None` if the last one is cut short.
    pub fn compact_v4(bytes: &[u8]) -> Option<Vec<Self>> {
        let (peers, rest) = bytes.as_chunks::<6>();
        rest.is_empty().then(|| {
            let peer = |&[a, b, c, d, high, low]: &[u8; 6]| Self {
                ip: Ipv4Addr::new(a, b, c, d).to_string().into(),
                port: u16::from_be_bytes([high, low]),
                id: None,
            };
            peers.iter().map(peer).collect()
        })
    }

    /// Peers of 18 bytes each (BEP 7); `None` if the last one is cut short.
    pub fn compact_v6(bytes: &[u8]) -> Option<Vec<Self>> {
        let (peers, rest) = bytes.as_chunks::<18>();
        if !rest.is_empty() {
            return None;
        }
        let peer = |bytes: &[u8; 18]| {
            let (ip, port) = bytes.split_first_chunk::<16>()?;
            Some(Self {
                ip: Ipv6Addr::from(*ip).to_string().into(),
                port: u16::from_be_bytes(port.try_into().ok()?),
                id: None,
            })
        };
        peers.iter().map(peer).collect()
    }

    /// Peers as dictionaries (BEP 3).
    fn listed(list: List<'_>) -> Result<Vec<Self>, Failure> {
        let peer = |value| {
            let Value::Dict(peer) = value else {
                return None;
            };
            Some(Self {
                ip: peer.bytes(b"ip")?.into(),
                port: u16::try_from(peer.int(b"port")?).ok()?,
                id: peer.bytes(b"peer id").map(Into::into),
            })
        };
        let peers: Option<_> = list.iter().map(peer).collect();
        peers.ok_or(Failure::Nonsense("a peer without an address and a port"))
    }

    #[cfg(test)]
    pub(crate) fn at(address: &str) -> Self {
        let address: core::net::SocketAddr = address.parse().unwrap();
        Self {
            ip: address.ip().to_string().into(),
            port: address.port(),
            id: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Announced, Counts, Failure, Peer, parse_announce, parse_scrape};

    #[test]
    fn all_that_an_announce_may_say_is_read() {
        let mut body =
            b"d8:completei3e10:downloadedi9e11:external ip4:\xc0\0\x02\x0910:incompletei4e\
                         8:intervali1800e12:min intervali60e5:peers6:\xc0\0\x02\x01\x1a\xe1"
                .to_vec();
        body.extend(b"6:peers618:\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x1a\xe1");
        body.extend(b"10:tracker id2:id15:warning message4:soone");
        let expected = Announced {
            interval: Some(1800),
            min_interval: Some(60),
            complete: Some(3),
            incomplete: Some(4),
            downloaded: Some(9),
            external_ip: Some("192.0.2.9".into()),
            tracker_id: Some(b"id".into()),
            warning: Some(b"soon".into()),
            peers: vec![Peer::at("192.0.2.1:6881"), Peer::at("[2001:db8::1]:6881")],
        };
        assert_eq!(parse_announce(&body).unwrap(), expected);
        assert_eq!(parse_announce(b"de").unwrap(), Announced::default());
    }

    #[test]
    fn peers_may_be_dictionaries() {
        let body = b"d5:peersld2:ip3:::17:peer id2:ab4:porti1eed2:ip4:a.b!4:porti65535eeee";
        let peers = parse_announce(body).unwrap().peers;
        assert_eq!(peers[0].id.as_deref(), Some(&b"ab"[..]));
        assert_eq!(
            (peers[1].ip.as_slice(), peers[1].port),
            (&b"a.b!"[..], 65535)
        );
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        for body in [
            "",
            "i1e",
            "<html>",
            "d5:peersi1ee",
            "d5:peers5:abcdee",
            "d6:peers65:abcdee",
            "d6:peers6lee",
            "d5:peersli1eee",
            "d5:peersld2:ip1:aeee",
            "d5:peersld2:ip1:a4:porti65536eeee",
            "d5:peersld2:ip1:a4:porti-1eeee",
        ] {
            let answer = parse_announce(body.as_bytes());
            assert!(
                matches!(answer, Err(Failure::Nonsense(_))),
                "{body}: {answer:?}"
            );
        }
        let refused = parse_announce(b"d14:failure reason2:noe");
        assert!(matches!(refused, Err(Failure::Refused(words)) if words == b"no"));
    }

    #[test]
    fn counts_are_found_by_their_hash() {
        let body = [
            &b"d5:filesd20:"[..],
            &[7; 20],
            b"d8:completei1e10:downloadedi2e10:incompletei3eeee",
        ]
        .concat();
        let counts = parse_scrape(&body, &[[8; 20], [7; 20]]).unwrap();
        let known = Counts {
            complete: Some(1),
            downloaded: Some(2),
            incomplete: Some(3),
        };
        assert_eq!(counts, [None, Some(known)]);
        assert!(parse_scrape(b"de", &[]).is_err());
        assert!(parse_scrape(b"d5:filesi1ee", &[]).is_err());
        assert!(parse_scrape(b"d5:filesdee", &[]).unwrap().is_empty());
    }
}
