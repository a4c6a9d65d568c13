//! Addresses to listen on, in opentracker's syntax.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use wrtracker_core::network::Network;

use crate::options::{Reason, only_digits};

/// The port of a tracker that names none.
pub const DEFAULT_PORT: u16 = 6969;

/// Parses an address alone: `192.0.2.1` or `2001:db8::1`. One such as `::ffff:192.0.2.1` is IPv4,
/// since no IPv6 socket of ours takes that.
///
/// # Errors
///
/// [`Reason::NotAnAddress`]; host names are never looked up.
pub fn parse_ip(text: &str) -> Result<IpAddr, Reason> {
    match text.parse::<IpAddr>() {
        Ok(ip) => Ok(ip.to_canonical()),
        Err(_) => Err(Reason::NotAnAddress),
    }
}

/// Parses a port, 0 to 65535, where 0 lets the kernel pick one.
///
/// # Errors
///
/// [`Reason::NotAPort`] for anything but digits, and for numbers above 65535.
pub fn parse_port(text: &str) -> Result<u16, Reason> {
    if !only_digits(text) {
        return Err(Reason::NotAPort);
    }
    text.parse().map_err(|_| Reason::NotAPort)
}

/// Parses an address, which is a network of one, or an address and a number of bits:
/// `192.0.2.1`, `192.0.2.0/24`, `2001:db8::/32`. What is set behind the bits doesn't count. With
/// bits, octets may be missing at the end of an IPv4 address, as opentracker's manual page has it:
/// `192.168/16`.
///
/// # Errors
///
/// [`Reason::NotANetwork`] or [`Reason::TooManyBits`].
pub fn parse_network(text: &str) -> Result<Network, Reason> {
    let Some((ip, bits)) = text.split_once('/') else {
        return match text.parse() {
            Ok(ip) => Ok(Network::of(ip)),
            Err(_) => Err(Reason::NotANetwork),
        };
    };
    let ip = match ip.parse() {
        Ok(ip) => ip,
        Err(_) => short_ipv4(ip).ok_or(Reason::NotANetwork)?.into(),
    };
    if !only_digits(bits) {
        return Err(Reason::NotANetwork);
    }
    let bits = bits.parse().map_err(|_| Reason::TooManyBits)?;
    Network::new(ip, bits).map_err(|_| Reason::TooManyBits)
}

/// One to four octets, those that are missing zero.
fn short_ipv4(text: &str) -> Option<Ipv4Addr> {
    let mut octets = [0; 4];
    let mut places = octets.iter_mut();
    for part in text.split('.') {
        // Some read a number with a zero in front as octal: nobody shall have to guess.
        if !only_digits(part) || part.len() > 1 && part.starts_with('0') {
            return None;
        }
        *places.next()? = part.parse().ok()?;
    }
    Some(octets.into())
}

/// Parses an address with a port after it or without one:
/// `192.0.2.1`, `192.0.2.1:80`, `::1`, `[::1]`, `[::1]:80`, `[::1].80` or `::1.80`.
///
/// # Errors
///
/// [`Reason::NotAnAddress`] or [`Reason::NotAPort`].
pub fn parse(text: &str) -> Result<(IpAddr, Option<u16>), Reason> {
    if let Some(bracketed) = text.strip_prefix('[') {
        let (ip, rest) = bracketed.split_once(']').ok_or(Reason::NotAnAddress)?;
        let ip: Ipv6Addr = ip.parse().map_err(|_| Reason::NotAnAddress)?;
        let port = match rest.as_bytes().first() {
            None => None,
            Some(b':' | b'.') => Some(parse_port(&rest[1..])?),
            Some(_) => return Err(Reason::NotAnAddress),
        };
        return Ok((IpAddr::V6(ip).to_canonical(), port));
    }
    if let Ok(ip) = parse_ip(text) {
        return Ok((ip, None));
    }
    // What is left is IPv4 with a colon or bare IPv6 with a dot before the port. `::1:80` was taken
    // as an address above.
    let separator = if text.matches(':').count() > 1 {
        '.'
    } else {
        ':'
    };
    let (ip, port) = text.rsplit_once(separator).ok_or(Reason::NotAnAddress)?;
    let ip = parse_ip(ip)?;
    Ok((ip, Some(parse_port(port)?)))
}

#[cfg(test)]
mod tests {
    use super::{parse, parse_ip, parse_network, parse_port};
    use crate::options::Reason;

    #[test]
    fn networks_are_addresses_with_bits_or_without() {
        for (text, shown) in [
            ("192.0.2.1", "192.0.2.1/32"),
            ("192.0.2.1/24", "192.0.2.0/24"),
            ("192.0.2.1/0", "0.0.0.0/0"),
            ("192.0.2.1/32", "192.0.2.1/32"),
            ("192.168/16", "192.168.0.0/16"),
            ("10/8", "10.0.0.0/8"),
            ("10.1.2/24", "10.1.2.0/24"),
            ("192.168/24", "192.168.0.0/24"),
            ("2001:db8::1", "2001:db8::1/128"),
            ("2001:db8::1/32", "2001:db8::/32"),
            ("::1/128", "::1/128"),
            ("::ffff:192.0.2.1", "192.0.2.1/32"),
            ("::ffff:192.0.2.1/120", "192.0.2.0/24"),
        ] {
            let network = parse_network(text);
            assert_eq!(
                network.map(|one| one.to_string()),
                Ok(shown.into()),
                "{text}"
            );
        }
        for text in [
            "",
            "/",
            "/8",
            "10",
            "192.168",
            "192.168.0",
            "10/",
            "10/+8",
            "10/-1",
            "10/x",
            "10/8/8",
            "10/ 8",
            " 10/8",
            "1.2.3.4.5/8",
            "1.2.3.256/8",
            "1..2/8",
            ".1/8",
            "1./8",
            "010/8",
            "+1/8",
            "::1/1 ",
            "localhost",
            "[::1]/8",
            "1.2.3.4:80",
            "fe80::1%eth0/64",
        ] {
            assert_eq!(parse_network(text), Err(Reason::NotANetwork), "{text}");
        }
        for text in [
            "1.2.3.4/33",
            "10/33",
            "::1/129",
            "1.2.3.4/256",
            "::1/99999999999999999999",
        ] {
            assert_eq!(parse_network(text), Err(Reason::TooManyBits), "{text}");
        }
    }

    #[test]
    fn every_form_of_opentracker_is_understood() {
        for (text, ip, port) in [
            ("1.2.3.4", "1.2.3.4", None),
            ("1.2.3.4:80", "1.2.3.4", Some(80)),
            ("1.2.3.4:0", "1.2.3.4", Some(0)),
            ("::1", "::1", None),
            ("[::1]", "::1", None),
            ("[::1]:80", "::1", Some(80)),
            ("[::1].80", "::1", Some(80)),
            ("::1.80", "::1", Some(80)),
            (
                "2001:db8:1:2:3:4:5:6.6969",
                "2001:db8:1:2:3:4:5:6",
                Some(6969),
            ),
            ("::1:1704", "::1:1704", None),
        ] {
            assert_eq!(parse(text), Ok((ip.parse().unwrap(), port)), "{text}");
        }
    }

    #[test]
    fn ipv4_in_the_form_of_ipv6_is_ipv4() {
        let ip = "1.2.3.4".parse().unwrap();
        assert_eq!(parse_ip("::ffff:1.2.3.4"), Ok(ip));
        assert_eq!(parse_ip("::ffff:102:304"), Ok(ip));
        for (text, port) in [
            ("::ffff:1.2.3.4", None),
            ("::ffff:1.2.3.4.80", Some(80)),
            ("[::ffff:1.2.3.4]", None),
            ("[::ffff:1.2.3.4]:80", Some(80)),
        ] {
            assert_eq!(parse(text), Ok((ip, port)), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "::1:17049",
            "*",
            "80",
            ":80",
            "localhost",
            "localhost:80",
            "1.2.3",
            "1.2.3.4.5",
            "1.2.3.256",
            "[::1",
            "[1.2.3.4]:80",
            "[::1]80",
            "[]",
            "::1 ",
            "1.2.3.4 :80",
            "fe80::1%eth0",
        ] {
            assert_eq!(parse(text), Err(Reason::NotAnAddress), "{text}");
        }
        for text in [
            "1.2.3.4:",
            "1.2.3.4:70000",
            "1.2.3.4:65536",
            "1.2.3.4:+1",
            "[::1]:",
            "::1.x",
        ] {
            assert_eq!(parse(text), Err(Reason::NotAPort), "{text}");
        }
    }

    #[test]
    fn ports_are_whole_and_in_range() {
        assert_eq!(parse_port("0"), Ok(0));
        assert_eq!(parse_port("65535"), Ok(65535));
        for text in [
            "",
            "65536",
            "70000",
            "17050x",
            "-1",
            "+1",
            " 1",
            "99999999999999999999",
        ] {
            assert_eq!(parse_port(text), Err(Reason::NotAPort), "{text}");
        }
    }
}
