//! The head of a reply, and replies that are nothing but a status.

use crate::counters::HttpError;
use crate::wire::Out;
use crate::wire::http::Persistence;

/// The outcome of a request, for its HTTP client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Status {
    Ok,
    InvalidRequest,
    /// A parameter that can't be; in the same words.
    BadParameter,
    NotFound,
    /// Too soon after another full scrape; opentracker's number.
    NotModest,
    Forbidden,
    /// In the words that make Transmission ask for fewer torrents in one scrape.
    UriTooLong,
    /// What can't be done here.
    Failed,
    /// Not now, for want of room or because others are being served.
    Busy,
}

impl Status {
    pub(super) const fn line(self) -> &'static [u8] {
        match self {
            Self::Ok => b"HTTP/1.1 200 OK\r\n",
            Self::InvalidRequest | Self::BadParameter => b"HTTP/1.1 400 Invalid Request\r\n",
            Self::NotFound => b"HTTP/1.1 404 Not Found\r\n",
            Self::NotModest => b"HTTP/1.1 402 Payment Required\r\n",
            Self::Forbidden => b"HTTP/1.1 403 Access Denied\r\n",
            Self::UriTooLong => b"HTTP/1.1 414 Request-URI Too Long\r\n",
            Self::Failed => b"HTTP/1.1 500 Internal Server Error\r\n",
            Self::Busy => b"HTTP/1.1 503 Service Unavailable\r\n",
        }
    }

    /// As what it is counted; nothing if it is no error.
    pub(super) const fn class(self) -> Option<HttpError> {
        match self {
            Self::Ok => None,
            Self::InvalidRequest => Some(HttpError::Parse),
            Self::BadParameter => Some(HttpError::Parameter),
            Self::NotFound => Some(HttpError::NotFound),
            Self::NotModest => Some(HttpError::NotModest),
            Self::Forbidden => Some(HttpError::Forbidden),
            Self::UriTooLong | Self::Failed | Self::Busy => Some(HttpError::Server),
        }
    }

    /// Its words, without the code.
    fn text(self) -> &'static [u8] {
        let line = self.line();
        line.get(13..line.len().saturating_sub(2))
            .unwrap_or_default()
    }
}

/// A reply whose body is being written.
pub(super) struct Reply {
    length: usize,
    body: usize,
}

/// More bytes than any head has.
pub(super) const LARGEST_HEAD: usize = 160;

/// Places for the digits of a `Content-Length` that is not known yet: those of the longest.
const LENGTH_DIGITS: &[u8; 4] = b"0000";
const _: () = assert!(super::LARGEST_REPLY <= 9_999);

impl Reply {
    /// Emits the head of a reply with a bencoded body, which is to be written next.
    pub(super) fn begin(persistence: Persistence, out: &mut Out<'_>) -> Self {
        Self::head(
            Status::Ok,
            b"Content-Type: text/plain\r\nContent-Length: ",
            persistence,
            out,
        )
    }

    /// Emits the head of a reply with a body of another type.
    pub(super) fn begin_as(kind: &[u8], persistence: Persistence, out: &mut Out<'_>) -> Self {
        out.put(Status::Ok.line());
        out.put(b"Content-Type: ");
        out.put(kind);
        out.put(b"\r\nContent-Length: ");
        Self::length(persistence, out)
    }

    /// Emits the head of a reply with a status, a type and fields of one's own, each field with its
    /// line end.
    #[cfg(feature = "api")]
    pub(super) fn begin_with(
        status: &str,
        kind: &str,
        fields: &str,
        persistence: Persistence,
        out: &mut Out<'_>,
    ) -> Self {
        out.put(b"HTTP/1.1 ");
        out.put(status.as_bytes());
        out.put(b"\r\nContent-Type: ");
        out.put(kind.as_bytes());
        out.put(b"\r\n");
        out.put(fields.as_bytes());
        out.put(b"Content-Length: ");
        Self::length(persistence, out)
    }

    fn head(status: Status, fields: &[u8], persistence: Persistence, out: &mut Out<'_>) -> Self {
        out.put(status.line());
        out.put(fields);
        Self::length(persistence, out)
    }

    /// Emits the place of the length and the end of the head.
    fn length(persistence: Persistence, out: &mut Out<'_>) -> Self {
        let length = out.len();
        out.put(LENGTH_DIGITS);
        out.put(end_of_head(persistence));
        Self {
            length,
            body: out.len(),
        }
    }

    /// Writes the length into the head, now that the body is there.
    pub(super) fn end(self, out: &mut Out<'_>) {
        let end = out.len();
        let body = end.saturating_sub(self.body);
        let rest = self.length.saturating_add(LENGTH_DIGITS.len());
        out.truncate(self.length);
        out.number(u32::try_from(body).unwrap_or(u32::MAX));
        out.reuse(rest, end.saturating_sub(rest));
    }
}

/// What follows the last field of a head.
pub(super) const fn end_of_head(persistence: Persistence) -> &'static [u8] {
    match persistence {
        Persistence::Keep | Persistence::Close => b"\r\n\r\n",
        Persistence::KeepSaid => b"\r\nConnection: keep-alive\r\n\r\n",
        Persistence::CloseSaid => b"\r\nConnection: close\r\n\r\n",
    }
}

/// Emits the head of a reply whose body is written piece by piece.
pub(super) fn begin_stream(
    kind: &[u8],
    gzip: bool,
    chunked: bool,
    persistence: Persistence,
    out: &mut Out<'_>,
) {
    out.put(Status::Ok.line());
    out.put(b"Content-Type: ");
    out.put(kind);
    if gzip {
        out.put(b"\r\nContent-Encoding: gzip");
    }
    if chunked {
        out.put(b"\r\nTransfer-Encoding: chunked");
    }
    out.put(end_of_head(persistence));
}

/// Emits a whole reply that leads to another place, in opentracker's form (RFC 9110 section 15.4.3).
pub(super) fn redirect(location: &str, persistence: Persistence, out: &mut Out<'_>) {
    out.put(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: ");
    out.put(location.as_bytes());
    out.put(end_of_head(persistence));
}

/// Emits a whole reply that tells a status and nothing else, in opentracker's form.
pub(super) fn error(status: Status, persistence: Persistence, out: &mut Out<'_>) {
    let reply = Reply::head(
        status,
        b"Content-Type: text/html\r\nContent-Length: ",
        persistence,
        out,
    );
    out.put(b"<title>");
    out.put(status.text());
    out.put(b"</title>\n");
    reply.end(out);
}

#[cfg(test)]
mod tests {
    use super::{Reply, Status, error};
    use crate::wire::Out;
    use crate::wire::http::Persistence;

    #[test]
    fn the_length_has_as_many_digits_as_it_needs() {
        for length in [0, 1, 9, 10, 99, 100, 999, 1_000, 7_000] {
            let mut bytes = [0; 8192];
            let mut out = Out::new(&mut bytes);
            out.put(b"before");
            let reply = Reply::begin(Persistence::CloseSaid, &mut out);
            for _ in 0..length {
                out.put(b"x");
            }
            reply.end(&mut out);
            let expected = std::format!(
                "beforeHTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\
                 Connection: close\r\n\r\n{}",
                "x".repeat(length)
            );
            assert_eq!(out.written(), expected.as_bytes());
        }
    }

    #[test]
    fn errors_have_the_form_that_opentracker_gives_them() {
        for (status, persistence, text) in [
            (
                Status::InvalidRequest,
                Persistence::CloseSaid,
                "HTTP/1.1 400 Invalid Request\r\nContent-Type: text/html\r\nContent-Length: 31\r\n\
                 Connection: close\r\n\r\n<title>Invalid Request</title>\n",
            ),
            (
                Status::NotFound,
                Persistence::Keep,
                "HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 25\r\n\r\n\
                 <title>Not Found</title>\n",
            ),
            (
                Status::UriTooLong,
                Persistence::Close,
                "HTTP/1.1 414 Request-URI Too Long\r\nContent-Type: text/html\r\n\
                 Content-Length: 36\r\n\r\n<title>Request-URI Too Long</title>\n",
            ),
        ] {
            let mut bytes = [0; 256];
            let mut out = Out::new(&mut bytes);
            error(status, persistence, &mut out);
            assert_eq!(out.written(), text.as_bytes());
        }
    }
}
