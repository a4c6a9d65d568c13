//! Where a tracker or an API is.

use core::fmt;

use crate::address;

/// How to talk to what a [`Url`] leads to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scheme {
    /// HTTP/1.1 on TCP.
    Http,
    /// BEP 15.
    Udp,
}

/// A URL of the scheme `http` or `udp`: printable ASCII without blanks, at most [`LONGEST`] bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Url {
    /// How to talk there.
    pub scheme: Scheme,
    /// A name or an address, without brackets.
    pub host: String,
    /// Not 0.
    pub port: u16,
    /// From the first slash to the query; empty if there is no slash.
    pub path: String,
    /// What stands behind the question mark.
    pub query: Option<String>,
    /// All of it, as it was written.
    pub text: String,
}

/// Most bytes of a URL.
pub const LONGEST: usize = 2048;

/// Why a text is no URL that leads anywhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum NotUrl {
    /// Neither `http://` nor `udp://`.
    Scheme,
    /// `https://` or `wss://`.
    Tls,
    /// No host, or one that nobody can have.
    Host,
    /// No port from 1 to 65535, which UDP needs.
    Port,
    /// A name and password.
    User,
    /// Other bytes than may be in a URL, or too many.
    Bytes,
}

impl fmt::Display for NotUrl {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Self::Scheme => "not a URL that begins with http:// or udp://",
            Self::Tls => "there is no TLS in this program: only http:// and udp:// can be asked",
            Self::Host => "a URL without a proper host",
            Self::Port => "a URL without a port from 1 to 65535, which udp:// needs",
            Self::User => "a URL with a user, which isn't sent in the clear",
            Self::Bytes => "a URL with blanks or other bytes that may not be in one, or too long",
        })
    }
}

impl core::error::Error for NotUrl {}

impl Url {
    /// Reads a URL. What follows `#` is left out.
    ///
    /// # Errors
    ///
    /// [`NotUrl`].
    pub fn parse(text: &str) -> Result<Self, NotUrl> {
        let printable = text.bytes().all(|byte| byte.is_ascii_graphic());
        if !printable || text.len() > LONGEST {
            return Err(NotUrl::Bytes);
        }
        let (scheme, rest) = text.split_once("://").ok_or(NotUrl::Scheme)?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" => Scheme::Http,
            "udp" => Scheme::Udp,
            "https" | "wss" => return Err(NotUrl::Tls),
            _ => return Err(NotUrl::Scheme),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let (rest, query) = match rest.split_once('?') {
            Some((rest, query)) => (rest, Some(query)),
            None => (rest, None),
        };
        let (authority, path) = match rest.find('/') {
            Some(slash) => rest.split_at_checked(slash).unwrap_or((rest, "")),
            None => (rest, ""),
        };
        if authority.contains('@') {
            return Err(NotUrl::User);
        }
        let (host, port) = match authority.strip_prefix('[') {
            Some(bracketed) => bracketed.split_once(']').ok_or(NotUrl::Host)?,
            None => match authority.rfind(':') {
                Some(colon) => authority.split_at_checked(colon).ok_or(NotUrl::Host)?,
                None => (authority, ""),
            },
        };
        // An IPv6 address stands in brackets, and nothing else does.
        if host.is_empty() || host.contains(':') != authority.starts_with('[') {
            return Err(NotUrl::Host);
        }
        let port = match (port.strip_prefix(':'), scheme) {
            (Some(port), _) => address::parse_port(port).map_err(|_| NotUrl::Port)?,
            (None, Scheme::Http) if port.is_empty() => 80,
            (None, Scheme::Udp) if port.is_empty() => return Err(NotUrl::Port),
            (None, _) => return Err(NotUrl::Host),
        };
        if port == 0 {
            return Err(NotUrl::Port);
        }
        Ok(Self {
            scheme,
            host: host.into(),
            port,
            path: path.into(),
            query: query.map(Into::into),
            text: text.into(),
        })
    }

    /// Host and port as they stand in a request's header (RFC 9112 section 3.2).
    pub fn authority(&self) -> String {
        let Self { host, port, .. } = self;
        match (host.contains(':'), *port) {
            (true, 80) => format!("[{host}]"),
            (true, port) => format!("[{host}]:{port}"),
            (false, 80) => host.clone(),
            (false, port) => format!("{host}:{port}"),
        }
    }

    /// Path and query, as a tracker over UDP is told them (BEP 41); empty if there is nothing to
    /// tell.
    pub fn url_data(&self) -> String {
        match &self.query {
            Some(query) => format!("{}?{query}", self.path),
            None if self.path == "/" => String::new(),
            None => self.path.clone(),
        }
    }

    /// The path of announces: `/announce` where the URL names none.
    pub fn announce_path(&self) -> &str {
        match self.path.as_str() {
            "" | "/" => "/announce",
            path => path,
        }
    }

    /// The path of scrapes: that of announces with `scrape` in the place of `announce` (BEP 48).
    /// What follows that segment stays, such as a user's key. `None` if there is no such segment.
    pub fn scrape_path(&self) -> Option<String> {
        let path = self.announce_path();
        let segments: Vec<_> = path.split('/').collect();
        let of = |word: &str| segments.iter().rposition(|part| part.starts_with(word));
        if of("scrape").is_some() {
            return Some(path.into());
        }
        let at = of("announce")?;
        let changed = segments.iter().enumerate().map(|(nth, part)| {
            let rest = part.strip_prefix("announce").filter(|_| nth == at);
            rest.map_or_else(|| (*part).into(), |rest| format!("scrape{rest}"))
        });
        Some(changed.collect::<Vec<_>>().join("/"))
    }
}

/// Bytes as a value of a query: all but letters, digits and `-._~` as `%2f` (RFC 3986 section 2).
pub fn percent(bytes: &[u8]) -> String {
    let mut text = String::new();
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text += &format!("%{byte:02x}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, NotUrl, Scheme, Url, percent};

    #[test]
    fn all_parts_are_read() {
        let url = Url::parse("udp://tracker.example:80/dir/announce?a=b&c=?d#e").unwrap();
        assert_eq!(
            (url.scheme, url.host.as_str(), url.port),
            (Scheme::Udp, "tracker.example", 80)
        );
        assert_eq!(url.path, "/dir/announce");
        assert_eq!(url.query.as_deref(), Some("a=b&c=?d"));
        assert_eq!(url.url_data(), "/dir/announce?a=b&c=?d");
        let url = Url::parse("HTTP://[::1]:6969?x").unwrap();
        assert_eq!(
            (url.host.as_str(), url.port, url.path.as_str()),
            ("::1", 6969, "")
        );
        assert_eq!(url.authority(), "[::1]:6969");
        assert_eq!(Url::parse("http://a").unwrap().authority(), "a");
        assert_eq!(Url::parse("udp://a:1/").unwrap().url_data(), "");
        assert_eq!(Url::parse("udp://a:1").unwrap().url_data(), "");
    }

    #[test]
    fn what_leads_nowhere_is_refused() {
        let long = format!("http://a/{}", "x".repeat(LONGEST));
        for (text, why) in [
            ("", NotUrl::Scheme),
            ("tracker.example:80", NotUrl::Scheme),
            ("ftp://a/", NotUrl::Scheme),
            ("https://a/announce", NotUrl::Tls),
            ("wss://a/", NotUrl::Tls),
            ("http://", NotUrl::Host),
            ("http:///announce", NotUrl::Host),
            ("http://:80/", NotUrl::Host),
            ("http://::1/", NotUrl::Host),
            ("http://[::1/", NotUrl::Host),
            ("http://[a]/", NotUrl::Host),
            ("http://[::1]80/", NotUrl::Host),
            ("udp://a/", NotUrl::Port),
            ("udp://a:0/", NotUrl::Port),
            ("udp://a:65536/", NotUrl::Port),
            ("udp://a:+1/", NotUrl::Port),
            ("http://a:/", NotUrl::Port),
            ("http://u:p@a/", NotUrl::User),
            ("http://a/ b", NotUrl::Bytes),
            ("http://a/\r\nX: y", NotUrl::Bytes),
            ("http://\u{e4}/", NotUrl::Bytes),
            (&long, NotUrl::Bytes),
        ] {
            assert_eq!(Url::parse(text).map(|url| url.text), Err(why), "{text}");
        }
    }

    #[test]
    fn the_path_of_scrapes_follows_from_that_of_announces() {
        for (path, scrape) in [
            ("", Some("/scrape")),
            ("/", Some("/scrape")),
            ("/announce", Some("/scrape")),
            ("/scrape", Some("/scrape")),
            ("/x/announce.php", Some("/x/scrape.php")),
            ("/announce/key", Some("/scrape/key")),
            ("/announce/announce", Some("/announce/scrape")),
            ("/a", None),
            ("/x%61nnounce", None),
        ] {
            let url = Url::parse(&format!("http://a{path}")).unwrap();
            assert_eq!(url.scrape_path().as_deref(), scrape, "{path}");
        }
    }

    #[test]
    fn bytes_of_all_kinds_go_into_a_query() {
        assert_eq!(
            percent(b"aZ09-._~ /%&=+\x00\xff"),
            "aZ09-._~%20%2f%25%26%3d%2b%00%ff"
        );
    }
}
