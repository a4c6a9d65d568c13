//! What an announce URL carries beside the announce: a key, a signature.
//!
//! The same forms hold over HTTP and in the URL data of UDP announces (BEP 41).

use core::net::IpAddr;

use super::key::Key;
use crate::wire::query::{Encoded, Pairs};
use crate::wire::udp::Options;

/// What somebody shows to be let in.
#[derive(Clone, Copy, Debug)]
pub struct Given {
    /// Where it comes from: the proven source of the request, not what the client says it is.
    pub from: IpAddr,
    /// The key.
    pub key: Option<Key>,
    /// The signature of the torrent.
    pub signature: Option<[u8; 64]>,
}

/// Characters of a signature: 64 bytes in base64url without padding (RFC 4648 section 5).
const SIGNATURE: usize = 86;

/// Most bytes of path and query that are read of a UDP announce in several options.
const LONGEST_URL: usize = 512;

/// Most segments of a path that are looked at.
const SEGMENTS: usize = 8;

impl Given {
    /// Nothing, from `from`.
    pub const fn nothing(from: IpAddr) -> Self {
        Self {
            from,
            key: None,
            signature: None,
        }
    }

    /// What path and query carry. A segment of the path that is 32 letters and digits is a key, and
    /// so is the value of `passkey`; one that is 86 characters of base64url is a signature, and so is
    /// the value of `sig`. Of several the first counts. Work: one pass.
    #[cold]
    pub fn in_url(from: IpAddr, path: &[u8], query: &[u8]) -> Self {
        let mut given = Self::nothing(from);
        let segments = path.split(|&byte| byte == b'/');
        for segment in segments.filter(|one| !one.is_empty()).take(SEGMENTS) {
            let segment = Encoded(segment);
            given.key = given.key.or_else(|| key(segment));
            given.signature = given.signature.or_else(|| signature(segment));
        }
        for (name, value) in Pairs::new(query) {
            let Some(value) = value else { continue };
            match name.plain(&mut [0; 16]) {
                b"passkey" => given.key = given.key.or_else(|| key(value)),
                b"sig" => given.signature = given.signature.or_else(|| signature(value)),
                _ => {}
            }
        }
        given
    }

    /// What the options of a UDP announce carry (BEP 41). Of path and query that come in several
    /// options the first 512 bytes are read.
    #[cold]
    pub fn in_options(from: IpAddr, options: Options<'_>) -> Self {
        let mut pieces = options.url_data();
        let Some(first) = pieces.next() else {
            return Self::nothing(from);
        };
        let mut joined = [0; LONGEST_URL];
        let mut used = 0usize;
        let url = match pieces.next() {
            None => first,
            Some(second) => {
                for byte in [first, second].into_iter().chain(pieces).flatten() {
                    let Some(to) = joined.get_mut(used) else {
                        break;
                    };
                    *to = *byte;
                    used = used.saturating_add(1);
                }
                joined.get(..used).unwrap_or_default()
            }
        };
        let mut halves = url.splitn(2, |&byte| byte == b'?');
        let path = halves.next().unwrap_or_default();
        Self::in_url(from, path, halves.next().unwrap_or_default())
    }
}

/// The path behind a key or signature that it begins with, if it begins with one.
pub(crate) fn behind_proof(path: &[u8]) -> Option<&[u8]> {
    let start = path.iter().position(|&byte| byte != b'/')?;
    let path = path.get(start..)?;
    let end = path.iter().position(|&byte| byte == b'/')?;
    let (first, rest) = path.split_at_checked(end)?;
    let first = Encoded(first);
    (key(first).is_some() || signature(first).is_some()).then_some(rest)
}

fn key(text: Encoded<'_>) -> Option<Key> {
    // Hardly any other segment or value is as long, and hardly anybody encodes letters.
    match text.0.len() {
        ..Key::LENGTH => None,
        Key::LENGTH => Key::parse(text.0).ok(),
        _ => Key::parse(&text.array::<{ Key::LENGTH }>().ok()?).ok(),
    }
}

fn signature(text: Encoded<'_>) -> Option<[u8; 64]> {
    (text.0.len() >= SIGNATURE).then_some(())?;
    base64url(&text.array::<SIGNATURE>().ok()?)
}

/// Decodes base64url without padding, and only its canonical form: `N` bytes of `M` characters.
pub(crate) fn base64url<const N: usize, const M: usize>(text: &[u8; M]) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let mut places = bytes.iter_mut();
    let (mut bits, mut count) = (0u32, 0u32);
    for &character in text {
        let value = match character {
            b'A'..=b'Z' => character.wrapping_sub(b'A'),
            b'a'..=b'z' => character.wrapping_sub(b'a').wrapping_add(26),
            b'0'..=b'9' => character.wrapping_sub(b'0').wrapping_add(52),
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count = count.saturating_add(6);
        if count >= 8 {
            count = count.saturating_sub(8);
            let [.., byte] = (bits >> count).to_be_bytes();
            *places.next()? = byte;
            bits &= (1 << count) - 1;
        }
    }
    (places.next().is_none() && bits == 0).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use core::net::{IpAddr, Ipv4Addr};
    use std::string::String;
    use std::vec::Vec;

    use super::{Given, base64url, behind_proof};
    use crate::wire::udp::Request;

    const FROM: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const KEY: &str = "announceannounceannounceannounce";
    const OTHER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";

    fn signature() -> String {
        "_-".repeat(42) + "_w"
    }

    #[test]
    fn a_key_is_found_in_each_form() {
        let encoded: String = KEY
            .bytes()
            .map(|byte| std::format!("%{byte:02x}"))
            .collect();
        for (path, query, expected) in [
            ("/announce", "info_hash=x", None),
            ("/announce/KEY", "", Some(KEY)),
            ("/KEY/announce", "a=b", Some(KEY)),
            ("//KEY//announce/", "", Some(KEY)),
            ("/scrape/KEY", "", Some(KEY)),
            ("/a/ENCODED", "", Some(KEY)),
            ("/announce", "key=OTHER&passkey=KEY&port=1", Some(KEY)),
            ("/announce", "passkey=ENCODED", Some(KEY)),
            ("/announce", "pass%6bey=KEY", Some(KEY)),
            ("/announce/KEY", "passkey=OTHER", Some(KEY)),
            ("/announce/OTHER/KEY", "", Some(OTHER)),
            ("/announce", "passkey=x&passkey=KEY", Some(KEY)),
            ("/announce/KEY0", "passkey", None),
            ("/announce/KE", "passkey=", None),
            ("/1/2/3/4/5/6/7/8/KEY", "", None),
        ] {
            let fill = |text: &str| {
                let text = text.replace("KEY", KEY).replace("OTHER", OTHER);
                text.replace("ENCODED", &encoded)
            };
            let given = Given::in_url(FROM, fill(path).as_bytes(), fill(query).as_bytes());
            let found = given.key.map(|key| String::from(key.text()));
            assert_eq!(found.as_deref(), expected, "{path} {query}");
        }
    }

    #[test]
    fn a_signature_stands_in_the_path_or_in_the_query() {
        let text = signature();
        let bytes = base64url::<64, 86>(text.as_bytes().try_into().unwrap());
        assert_eq!(bytes.unwrap()[..6], [0xff, 0xef, 0xfe, 0xff, 0xef, 0xfe]);
        let found = |path: &str, query: &str| {
            let (path, query) = (path.replace('S', &text), query.replace('S', &text));
            let given = Given::in_url(FROM, path.as_bytes(), query.as_bytes());
            (given.key.is_some(), given.signature.is_some())
        };
        assert_eq!(found("/announce/S", ""), (false, true));
        assert_eq!(found("/S/announce", ""), (false, true));
        assert_eq!(found("/announce", "sig=S"), (false, true));
        assert_eq!(found(&std::format!("/{KEY}/announce/S"), ""), (true, true));
        assert_eq!(found("/announce/SA", "sig=S="), (false, false));
    }

    #[test]
    fn base64url_has_one_form() {
        assert_eq!(base64url(b"AA"), Some([0]));
        assert_eq!(base64url(b"_w"), Some([0xff]));
        assert_eq!(base64url(b"Zm9vYmE"), Some(*b"fooba"));
        // Bits that say nothing, padding, the other alphabet.
        assert_eq!(base64url::<1, 2>(b"AB"), None);
        assert_eq!(base64url::<1, 4>(b"AA=="), None);
        assert_eq!(base64url::<1, 2>(b"/w"), None);
        // Too many or too few for the characters.
        assert_eq!(base64url::<2, 2>(b"AA"), None);
        assert_eq!(base64url::<0, 2>(b"AA"), None);
    }

    fn datagram(options: &[u8]) -> Vec<u8> {
        let mut bytes = std::vec![0; 98];
        bytes[11] = 1;
        bytes.extend(options);
        bytes
    }

    fn over_udp(options: &[u8]) -> Option<String> {
        let bytes = datagram(options);
        let Ok(Request::Announce(announce)) = Request::parse(&bytes) else {
            panic!("an announce");
        };
        let given = Given::in_options(FROM, announce.options);
        given.key.map(|key| key.text().into())
    }

    #[test]
    fn a_key_is_found_in_options_however_they_are_cut() {
        let url = std::format!("/announce/{KEY}?x=y");
        for piece in 1..=url.len() {
            let mut options = std::vec![1, 9, 2, b'n', b'o'];
            for piece in url.as_bytes().chunks(piece) {
                options.extend([2, u8::try_from(piece.len()).unwrap()]);
                options.extend(piece);
                options.push(1);
            }
            options.push(0);
            assert_eq!(over_udp(&options).as_deref(), Some(KEY), "{piece}");
        }
        // What clients send that have none, what has been cut off, what is too long.
        assert_eq!(over_udp(b"\x02\x09/announce"), None);
        assert_eq!(over_udp(b"\x00\x00"), None);
        assert_eq!(over_udp(b""), None);
        assert_eq!(
            over_udp(&[&b"\x02\x2b/announce/"[..], KEY.as_bytes()].concat()),
            None
        );
        let mut long = Vec::new();
        for _ in 0..3 {
            long.extend([2, 250]);
            long.extend([b'/'; 250]);
        }
        long.extend([2, 32]);
        long.extend(KEY.as_bytes());
        assert_eq!(over_udp(&long), None);
    }

    #[test]
    fn a_proof_at_the_beginning_of_a_path_is_passed_over() {
        let path = std::format!("/{KEY}/scrape");
        assert_eq!(behind_proof(path.as_bytes()), Some(&b"/scrape"[..]));
        let path = std::format!("//{}/scrape/x", signature());
        assert_eq!(behind_proof(path.as_bytes()), Some(&b"/scrape/x"[..]));
        let path = std::format!("/announce/{KEY}");
        for path in ["", "/", "/x", path.as_str(), &path["/announce".len()..]] {
            assert_eq!(behind_proof(path.as_bytes()), None, "{path}");
        }
    }
}
