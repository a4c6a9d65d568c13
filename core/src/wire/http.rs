//! The head of an HTTP request: where it ends, and the little of it that a tracker needs (RFC
//! 9112).

use core::fmt;

use super::scan::{position, position_of_either, split};

/// Finds where the head of a request ends, piece by piece: at the first empty line.
///
/// A line ends with LF; a CR before it is part of the end (RFC 9112 section 2.2). Three states, so
/// that a head that arrives a byte at a time costs no more than one that arrives whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum HeadEnd {
    /// Within a line.
    #[default]
    InLine,
    /// Behind an LF.
    LineStart,
    /// Behind an LF and a CR.
    LineStartCr,
}

impl HeadEnd {
    /// Looks at the next `bytes`; returns how many of them still belong to the head if it ends
    /// within them.
    pub fn find(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0usize;
        loop {
            let rest = bytes.get(at..)?;
            let passed = match (*self, rest.first()) {
                (Self::InLine, _) => {
                    let passed = position(rest, b'\n')?.checked_add(1)?;
                    *self = Self::LineStart;
                    passed
                }
                (_, None) => return None,
                (_, Some(b'\n')) => {
                    *self = Self::InLine;
                    return at.checked_add(1);
                }
                (Self::LineStart, Some(b'\r')) => {
                    *self = Self::LineStartCr;
                    1
                }
                (_, Some(_)) => {
                    *self = Self::InLine;
                    1
                }
            };
            at = at.checked_add(passed)?;
        }
    }
}

/// What a request asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Request<'h> {
    /// The target up to the first `?`, as it came, with its leading `/`.
    pub path: &'h [u8],
    /// What follows that `?`, as it came; `None` if there is none.
    pub query: Option<&'h [u8]>,
    /// What becomes of the connection.
    pub persistence: Persistence,
}

/// Whether a connection stays open after the reply, and what the reply must say about it (RFC 9112
/// section 9.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Persistence {
    /// It stays open, as HTTP/1.1 has it.
    Keep,
    /// It stays open, which an HTTP/1.0 client must be told.
    KeepSaid,
    /// It is closed, as HTTP/1.0 has it.
    Close,
    /// It is closed, which an HTTP/1.1 client must be told.
    CloseSaid,
}

impl Persistence {
    /// Whether the connection is closed after the reply.
    pub const fn closes(self) -> bool {
        matches!(self, Self::Close | Self::CloseSaid)
    }
}

/// A request that nobody should send.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BadRequest;

impl fmt::Display for BadRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a request that a tracker takes")
    }
}

impl core::error::Error for BadRequest {}

impl<'h> Request<'h> {
    /// Parses the head that `bytes` begin with, and returns how many of them it is, the empty line
    /// at its end included. Work: one pass.
    ///
    /// Takes what small clients send: no `Host`, HTTP/1.0, no version at all, lines that end with
    /// LF alone.
    ///
    /// # Errors
    ///
    /// [`BadRequest`] for another method than `GET`, for a target with a blank in it, for a request
    /// with a body, for header lines that a proxy might read differently (RFC 9112 sections 2.2,
    /// 5.1, 5.2 and 11.2), and for a head that isn't all there: [`HeadEnd`] tells those apart.
    pub fn parse(bytes: &'h [u8]) -> Result<(Self, usize), BadRequest> {
        let (line, mut rest) = line(bytes)?;
        let (target, version) = request_line(line)?;
        let mut connection = Connection::default();
        loop {
            let (line, behind) = self::line(rest)?;
            rest = behind;
            if line.is_empty() {
                break;
            }
            connection.header(line)?;
        }
        let (path, query) = split(target, b'?');
        let request = Self {
            path,
            query,
            persistence: connection.persistence(version),
        };
        Ok((request, bytes.len().saturating_sub(rest.len())))
    }
}

#[derive(Clone, Copy)]
pub(super) enum Version {
    None,
    Http10,
    Http11,
}

impl Version {
    pub(super) fn parse(version: Option<&[u8]>) -> Result<Self, BadRequest> {
        match version {
            None => Ok(Self::None),
            Some(b"HTTP/1.0") => Ok(Self::Http10),
            Some([b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'1'..=b'9']) => Ok(Self::Http11),
            Some(_) => Err(BadRequest),
        }
    }
}

/// The target in origin form, and the version. The absolute form is what a client sends that takes
/// the tracker for a proxy (RFC 9112 section 3.2.2).
fn request_line(line: &[u8]) -> Result<(&[u8], Version), BadRequest> {
    let (target, version) = split(line.strip_prefix(b"GET ").ok_or(BadRequest)?, b' ');
    let version = Version::parse(version)?;
    let target = match target.strip_prefix(b"http://") {
        Some(absolute) => {
            let slash = absolute
                .iter()
                .position(|&byte| byte == b'/')
                .ok_or(BadRequest)?;
            absolute.get(slash..).ok_or(BadRequest)?
        }
        None => target,
    };
    if target.first() == Some(&b'/') {
        Ok((target, version))
    } else {
        Err(BadRequest)
    }
}

/// The value of the first header of this name in a head that was parsed, without the blanks around
/// it. Names are alike in either case. Work: one pass.
pub fn header<'h>(head: &'h [u8], name: &[u8]) -> Option<&'h [u8]> {
    let (_, mut rest) = line(head).ok()?;
    loop {
        let (line, behind) = self::line(rest).ok()?;
        rest = behind;
        if line.is_empty() {
            return None;
        }
        let (this, value) = split(line, b':');
        if this.eq_ignore_ascii_case(name) {
            return value.map(<[u8]>::trim_ascii);
        }
    }
}

/// What the headers say about the connection.
#[derive(Clone, Copy, Default)]
pub(super) struct Connection {
    close: bool,
    keep_alive: bool,
}

impl Connection {
    /// What becomes of the connection.
    pub(super) const fn persistence(self, version: Version) -> Persistence {
        match (version, self) {
            (Version::Http11, Self { close: true, .. }) => Persistence::CloseSaid,
            (Version::Http11, _) => Persistence::Keep,
            (
                Version::Http10,
                Self {
                    close: false,
                    keep_alive: true,
                },
            ) => Persistence::KeepSaid,
            (Version::Http10 | Version::None, _) => Persistence::Close,
        }
    }

    pub(super) fn header(&mut self, line: &[u8]) -> Result<(), BadRequest> {
        let (name, value) = split(line, b':');
        // A line that begins with a blank, and a blank before the colon, are both read differently
        // by different servers.
        let (Some(first), Some(last), Some(value)) = (name.first(), name.last(), value) else {
            return Err(BadRequest);
        };
        if first.is_ascii_whitespace() || last.is_ascii_whitespace() {
            return Err(BadRequest);
        }
        if name.eq_ignore_ascii_case(b"connection") {
            for option in value.split(|&byte| byte == b',') {
                let option = option.trim_ascii();
                self.close |= option.eq_ignore_ascii_case(b"close");
                self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
            }
        } else if name.eq_ignore_ascii_case(b"transfer-encoding")
            || name.eq_ignore_ascii_case(b"content-length") && value.trim_ascii() != b"0"
        {
            return Err(BadRequest);
        }
        Ok(())
    }
}

/// The first line without its end, and what stands behind it. A CR elsewhere than before LF is an
/// error, and so is a line without an end.
pub(super) fn line(bytes: &[u8]) -> Result<(&[u8], &[u8]), BadRequest> {
    let end = position_of_either(bytes, b'\r', b'\n');
    let (line, rest) = end
        .and_then(|end| bytes.split_at_checked(end))
        .ok_or(BadRequest)?;
    match rest {
        [b'\n', rest @ ..] | [b'\r', b'\n', rest @ ..] => Ok((line, rest)),
        _ => Err(BadRequest),
    }
}

#[cfg(test)]
mod tests {
    use super::{BadRequest, HeadEnd, Persistence, Request, header};

    #[test]
    fn a_head_ends_at_the_first_empty_line_however_lines_end() {
        for end in ["\r\n\r\n", "\n\n", "\r\n\n", "\n\r\n"] {
            let text = std::format!("GET / HTTP/1.1\r\nA: b{end}GET");
            let bytes = text.as_bytes();
            let whole = bytes.len() - 3;
            assert_eq!(HeadEnd::default().find(bytes), Some(whole), "{text:?}");
            for at in 0..whole {
                let mut search = HeadEnd::default();
                assert_eq!(search.find(&bytes[..at]), None, "{text:?} {at}");
                assert_eq!(search.find(&bytes[at..]), Some(whole - at), "{text:?} {at}");
            }
        }
        for text in ["GET /\r\n\r", "GET /\n\r\r\n", "\r\r\r", "\nx\n", "\n\rx\n"] {
            assert_eq!(HeadEnd::default().find(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn the_target_is_split_at_its_first_question_mark() {
        let bytes = b"GET /a/b?c=d?e HTTP/1.1\r\nHost: t\r\n\r\nGET /";
        let (request, length) = Request::parse(bytes).unwrap();
        assert_eq!(length, bytes.len() - 5);
        assert_eq!(request.path, b"/a/b");
        assert_eq!(request.query, Some(&b"c=d?e"[..]));
        let (request, _) =
            Request::parse(b"GET http://tracker:6969/announce HTTP/1.1\n\n").unwrap();
        assert_eq!(request.path, b"/announce");
        assert_eq!(request.query, None);
    }

    #[test]
    fn the_connection_persists_as_version_and_header_say() {
        for (head, persistence) in [
            ("GET / HTTP/1.1\r\n\r\n", Persistence::Keep),
            (
                "GET / HTTP/1.1\r\nConnection: Keep-Alive\r\n\r\n",
                Persistence::Keep,
            ),
            (
                "GET / HTTP/1.1\r\nconnection:close\r\n\r\n",
                Persistence::CloseSaid,
            ),
            (
                "GET / HTTP/1.1\nConnection: te, Close\n\n",
                Persistence::CloseSaid,
            ),
            ("GET / HTTP/1.0\r\n\r\n", Persistence::Close),
            (
                "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
                Persistence::KeepSaid,
            ),
            (
                "GET / HTTP/1.0\r\nConnection: keep-alive,close\r\n\r\n",
                Persistence::Close,
            ),
            (
                "GET /\r\nConnection: keep-alive\r\n\r\n",
                Persistence::Close,
            ),
            ("GET /\n\n", Persistence::Close),
        ] {
            let (request, length) = Request::parse(head.as_bytes()).unwrap();
            assert_eq!(length, head.len());
            assert_eq!(request.persistence, persistence, "{head:?}");
        }
    }

    #[test]
    fn a_header_is_found_by_its_name_in_any_case_and_the_first_counts() {
        let head =
            b"GET /a HTTP/1.1\r\nHost: a:b\nX-REAL-ip:\t 1 2\r\nx-real-ip: 3\r\nEmpty:\r\n\r\n\
            Behind: 4\r\n\r\n";
        assert!(Request::parse(head).is_ok());
        for (name, value) in [
            ("X-Real-IP", Some("1 2")),
            ("HOST", Some("a:b")),
            ("empty", Some("")),
            ("X-Real-I", None),
            ("X-Real-IPs", None),
            ("", None),
            ("Behind", None),
        ] {
            let value = value.map(str::as_bytes);
            assert_eq!(header(head, name.as_bytes()), value, "{name}");
        }
        assert_eq!(header(b"GET /a\n\nHost: a\n\n", b"host"), None);
    }

    #[test]
    fn what_cannot_be_a_request_is_refused() {
        for head in [
            "POST / HTTP/1.1\r\n\r\n",
            "HEAD / HTTP/1.1\r\n\r\n",
            "get / HTTP/1.1\r\n\r\n",
            "GET  / HTTP/1.1\r\n\r\n",
            "GET\t/ HTTP/1.1\r\n\r\n",
            "GET announce HTTP/1.1\r\n\r\n",
            "GET http://tracker HTTP/1.1\r\n\r\n",
            "GET * HTTP/1.1\r\n\r\n",
            "GET /announce ?a=b HTTP/1.1\r\n\r\n",
            "GET / HTTP/2.0\r\n\r\n",
            "GET / HTTP/1.1 \r\n\r\n",
            "GET / HTTP/1.10\r\n\r\n",
            "GET / http/1.1\r\n\r\n",
            "GET /a\rb HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nno colon\r\n\r\n",
            "GET / HTTP/1.1\r\n: no name\r\n\r\n",
            "GET / HTTP/1.1\r\nA : b\r\n\r\n",
            "GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n",
            "GET / HTTP/1.1\r\nA: b\rc\r\n\r\n",
            "GET / HTTP/1.1\r\nContent-Length: 1\r\n\r\n",
            "GET / HTTP/1.1\r\nContent-Length: 0\r\nContent-Length: 7\r\n\r\n",
            "GET / HTTP/1.1\r\ncontent-length:\r\n\r\n",
            "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "\r\n\r\n",
            "GET / HTTP/1.1",
        ] {
            assert_eq!(Request::parse(head.as_bytes()), Err(BadRequest), "{head:?}");
        }
        assert!(Request::parse(b"GET / HTTP/1.1\r\nContent-Length: 0\r\n\r\n").is_ok());
    }
}
