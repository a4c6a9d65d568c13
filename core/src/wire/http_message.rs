//! The head of a request that may have a body, for the interface that programs use (RFC 9110, RFC
//! 9112). Trackers' own requests never have one: see [`super::http`].

use super::http::{BadRequest, Connection, Persistence, Version, line};
use super::scan::split;

/// What a request asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Message<'h> {
    /// What is to be done, as it came.
    pub method: &'h [u8],
    /// The target up to the first `?`, as it came, with its leading `/`.
    pub path: &'h [u8],
    /// What follows that `?`, as it came.
    pub query: Option<&'h [u8]>,
    /// Bytes of the body.
    pub length: Length,
    /// What becomes of the connection.
    pub persistence: Persistence,
}

/// How long a body is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Length {
    /// So many bytes; 0 if nothing is said.
    Bytes(u32),
    /// Whoever sends it doesn't know yet.
    Chunked,
}

impl<'h> Message<'h> {
    /// Parses the head that `bytes` begin with, and returns how many of them it is, the empty line
    /// at its end included. Work: one pass.
    ///
    /// # Errors
    ///
    /// [`BadRequest`] for what [`Request`](super::http::Request) takes for bad, but for methods and
    /// bodies; for two lengths, and for one that isn't a number below 2^32.
    pub fn parse(bytes: &'h [u8]) -> Result<(Self, usize), BadRequest> {
        let (first, mut rest) = line(bytes)?;
        let (method, target) = split(first, b' ');
        let (target, version) = split(target.ok_or(BadRequest)?, b' ');
        let version = Version::parse(version)?;
        let is_token = !method.is_empty() && method.iter().all(u8::is_ascii_alphanumeric);
        if !is_token || target.first() != Some(&b'/') {
            return Err(BadRequest);
        }
        let mut connection = Connection::default();
        let mut length = None;
        loop {
            let (line, behind) = self::line(rest)?;
            rest = behind;
            if line.is_empty() {
                break;
            }
            let (name, value) = split(line, b':');
            let said = if name.eq_ignore_ascii_case(b"content-length") {
                Length::Bytes(number(value.unwrap_or_default().trim_ascii())?)
            } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
                Length::Chunked
            } else {
                connection.header(line)?;
                continue;
            };
            // Two lengths are how requests are smuggled (RFC 9112 section 11.2).
            if length.replace(said).is_some() {
                return Err(BadRequest);
            }
        }
        let (path, query) = split(target, b'?');
        let message = Self {
            method,
            path,
            query,
            length: length.unwrap_or(Length::Bytes(0)),
            persistence: connection.persistence(version),
        };
        Ok((message, bytes.len().saturating_sub(rest.len())))
    }
}

fn number(text: &[u8]) -> Result<u32, BadRequest> {
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let text = core::str::from_utf8(text).map_err(|_| BadRequest)?;
    let number = text.parse().map_err(|_| BadRequest);
    if digits { number } else { Err(BadRequest) }
}

#[cfg(test)]
mod tests {
    use super::{BadRequest, Length, Message};
    use crate::wire::http::Persistence;

    #[test]
    fn a_message_has_a_method_a_target_and_a_length() {
        let bytes =
            b"POST /api/v1/keys?token=t HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\n{}";
        let (message, length) = Message::parse(bytes).unwrap();
        assert_eq!(length, bytes.len() - 2);
        assert_eq!(
            message,
            Message {
                method: b"POST",
                path: b"/api/v1/keys",
                query: Some(b"token=t"),
                length: Length::Bytes(12),
                persistence: Persistence::Keep,
            }
        );
        let (message, _) = Message::parse(b"DELETE / HTTP/1.0\n\n").unwrap();
        assert_eq!(message.length, Length::Bytes(0));
        assert_eq!(message.persistence, Persistence::Close);
        let chunked = b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(Message::parse(chunked).unwrap().0.length, Length::Chunked);
    }

    #[test]
    fn what_two_servers_might_read_differently_is_refused() {
        for head in [
            "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 1, 1\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length:\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 4294967296\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length : 1\r\n\r\n",
            "PO ST / HTTP/1.1\r\n\r\n",
            " / HTTP/1.1\r\n\r\n",
            "POST\r\n\r\n",
            "GET x HTTP/1.1\r\n\r\n",
            "GET / HTTP/3.0\r\n\r\n",
            "G{T / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\n",
        ] {
            assert_eq!(Message::parse(head.as_bytes()), Err(BadRequest), "{head:?}");
        }
    }
}
