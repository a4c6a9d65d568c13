//! The address of a client, as the proxy in front of the tracker tells it.
//!
//! What isn't an address (`unknown`, a name, an obfuscated one) is none. A mapped IPv4 address is
//! plain IPv4 in all of them.

use core::net::IpAddr;

use super::scan::split;

/// The address that `text` is, and nothing else: `192.0.2.1`, `2001:db8::1` or `::ffff:192.0.2.1`.
pub fn literal(text: &[u8]) -> Option<IpAddr> {
    let ip: IpAddr = str::from_utf8(text).ok()?.parse().ok()?;
    Some(ip.to_canonical())
}

/// The value of `X-Real-IP` and `CF-Connecting-IP`: one address, an IPv6 one perhaps in brackets.
pub fn single(value: &[u8]) -> Option<IpAddr> {
    match value {
        [b'[', ip @ .., b']'] => bracketed(ip),
        _ => literal(value),
    }
}

/// The value of `X-Forwarded-For`: the leftmost address, that of the client. Each proxy on the way
/// adds the one that it was asked from on the right.
///
/// What follows the address is ignored: a port, other addresses. The proxy must replace what comes
/// from strangers, else they name whom they like; opentracker trusts it likewise.
pub fn x_forwarded_for(value: &[u8]) -> Option<IpAddr> {
    let (first, _) = split(value, b',');
    let words = first.split(u8::is_ascii_whitespace);
    node(words.into_iter().find(|word| !word.is_empty())?)
}

/// The value of `Forwarded` (RFC 7239 section 4): the leftmost `for=`.
///
/// Backslashes in a quoted address, which needs none, make it no address.
pub fn forwarded(value: &[u8]) -> Option<IpAddr> {
    let mut rest = Some(value);
    while let Some(text) = rest {
        let (pair, behind) = pair(text);
        rest = behind;
        let (name, value) = split(pair, b'=');
        if name.trim_ascii().eq_ignore_ascii_case(b"for") {
            return node(match value?.trim_ascii() {
                [b'"', quoted @ .., b'"'] => quoted,
                token => token,
            });
        }
    }
    None
}

/// An address, an IPv6 one perhaps in brackets, perhaps with a port (RFC 7239 section 6).
fn node(text: &[u8]) -> Option<IpAddr> {
    if let Some(inner) = text.strip_prefix(b"[") {
        let (ip, behind) = split(inner, b']');
        return match behind? {
            [] | [b':', ..] => bracketed(ip),
            _ => None,
        };
    }
    literal(text).or_else(|| {
        let (ip, port) = split(text, b':');
        literal(ip).filter(|ip| ip.is_ipv4() && port.is_some())
    })
}

/// What may stand in brackets: IPv6, also for a mapped address.
fn bracketed(text: &[u8]) -> Option<IpAddr> {
    text.contains(&b':').then(|| literal(text))?
}

/// The text up to the first `,` or `;` that isn't in quotes, and what stands behind it.
fn pair(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    let (mut quoted, mut escaped) = (false, false);
    let end = text.iter().position(|&byte| {
        if escaped {
            escaped = false;
        } else if quoted && byte == b'\\' {
            escaped = true;
        } else if byte == b'"' {
            quoted = !quoted;
        }
        !quoted && matches!(byte, b',' | b';')
    });
    end.and_then(|end| text.split_at_checked(end))
        .map_or((text, None), |(pair, behind)| {
            (pair, behind.split_first().map(|(_, behind)| behind))
        })
}

#[cfg(test)]
mod tests {
    use core::net::IpAddr;

    use super::{forwarded, literal, single, x_forwarded_for};

    /// Asserts what `parse` makes of each text; an empty address is none.
    #[track_caller]
    fn assert_all(parse: fn(&[u8]) -> Option<IpAddr>, cases: &[(&str, &str)]) {
        for (text, ip) in cases {
            let expected = ip.parse::<IpAddr>().ok();
            assert_eq!(expected.is_none(), ip.is_empty(), "{ip}");
            assert_eq!(parse(text.as_bytes()), expected, "{text:?}");
        }
    }

    #[test]
    fn an_address_is_a_whole_address() {
        assert_all(
            literal,
            &[
                ("192.0.2.1", "192.0.2.1"),
                ("2001:DB8::1", "2001:db8::1"),
                ("::ffff:192.0.2.1", "192.0.2.1"),
                ("::ffff:c000:201", "192.0.2.1"),
                ("192.0.2.1 ", ""),
                ("192.0.2.01", ""),
                ("192.0.2.256", ""),
                ("192.0.2", ""),
                ("3221225985", ""),
                ("0xc0.0.2.1", ""),
                ("[2001:db8::1]", ""),
                ("fe80::1%eth0", ""),
                ("", ""),
                ("localhost", ""),
            ],
        );
        assert_eq!(literal(b"192.0.2.\xb9"), None);
        assert_eq!(literal(&[b':'; 8192]), None);
    }

    #[test]
    fn one_address_may_be_in_brackets() {
        assert_all(
            single,
            &[
                ("192.0.2.1", "192.0.2.1"),
                ("2001:db8::1", "2001:db8::1"),
                ("[2001:db8::1]", "2001:db8::1"),
                ("[::ffff:192.0.2.1]", "192.0.2.1"),
                ("[192.0.2.1]", ""),
                ("192.0.2.1, 192.0.2.2", ""),
                ("192.0.2.1:80", ""),
                ("[]", ""),
                ("[", ""),
                ("", ""),
            ],
        );
    }

    #[test]
    fn of_forwarded_addresses_the_leftmost_counts() {
        assert_all(
            x_forwarded_for,
            &[
                ("192.0.2.1", "192.0.2.1"),
                ("192.0.2.1, 192.0.2.2", "192.0.2.1"),
                ("192.0.2.1,192.0.2.2,", "192.0.2.1"),
                ("192.0.2.1:5555", "192.0.2.1"),
                ("192.0.2.1:5555, 192.0.2.2", "192.0.2.1"),
                (" \t192.0.2.1 or so", "192.0.2.1"),
                ("::ffff:192.0.2.1", "192.0.2.1"),
                ("2001:db8::1", "2001:db8::1"),
                ("2001:db8::1,192.0.2.2", "2001:db8::1"),
                ("[2001:db8::1]", "2001:db8::1"),
                ("[2001:db8::1]:5555, 192.0.2.2", "2001:db8::1"),
                ("[::ffff:192.0.2.1]:5555", "192.0.2.1"),
                ("[2001:db8::1]x", ""),
                ("[2001:db8::1", ""),
                ("[192.0.2.1]:80", ""),
                ("unknown", ""),
                ("unknown, 192.0.2.2", ""),
                ("unknown:80", ""),
                (", 192.0.2.2", ""),
                ("192.0.2.1x", ""),
                ("x192.0.2.1", ""),
                ("", ""),
                (" ", ""),
            ],
        );
    }

    #[test]
    fn of_a_forwarded_header_the_leftmost_for_counts() {
        assert_all(
            forwarded,
            &[
                ("for=192.0.2.1", "192.0.2.1"),
                ("For=192.0.2.1;proto=http;by=203.0.113.43", "192.0.2.1"),
                ("proto=http; for=192.0.2.1, for=192.0.2.2", "192.0.2.1"),
                ("for=192.0.2.1, for=unknown", "192.0.2.1"),
                ("for=\"192.0.2.1:4711\"", "192.0.2.1"),
                ("for=192.0.2.1:4711", "192.0.2.1"),
                ("for=\"[2001:db8::1]\"", "2001:db8::1"),
                ("for=\"[2001:db8::1]:4711\";by=_x", "2001:db8::1"),
                ("for=\"[2001:db8::1]:_port\"", "2001:db8::1"),
                ("for=[2001:db8::1]", "2001:db8::1"),
                ("for=2001:db8::1", "2001:db8::1"),
                (
                    "by=\"a,for=192.0.2.9;\\\"for=192.0.2.8\";for=192.0.2.1",
                    "192.0.2.1",
                ),
                ("for=_hidden", ""),
                ("for=_SEVKISEK, for=192.0.2.2", ""),
                ("for=unknown", ""),
                ("for=\"unknown:80\"", ""),
                ("for=\"\\192.0.2.1\"", ""),
                ("for=\"192.0.2.1", ""),
                ("for=\"", ""),
                ("for=", ""),
                ("for", ""),
                ("forx=192.0.2.1", ""),
                ("proto=http", ""),
                ("192.0.2.1", ""),
                ("", ""),
                (",;,", ""),
            ],
        );
    }
}
