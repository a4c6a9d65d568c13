//! One HTTP/1.1 request on a connection of its own.
//!
//! No TLS, no compression, no redirection is followed.

use core::fmt::Write as _;
use core::net::SocketAddr;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::deadline::Deadline;
use super::failure::Failure;
use super::reply::{Progress, Reader, Reply};
use super::resolve::{Family, first_answer, resolve};
use super::url::Url;

/// A request.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// Where to.
    pub url: &'a Url,
    /// `GET`, `POST` or `DELETE`.
    pub method: &'static str,
    /// Path and query: printable ASCII without blanks.
    pub target: String,
    /// What proves who asks.
    pub token: Option<&'a str>,
    /// JSON to be sent along; not with `GET`.
    pub body: &'a str,
}

/// A reply, who sent it and how long that took: from the first byte sent to the last one received.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// What came.
    pub reply: Reply,
    /// Where from.
    pub address: SocketAddr,
    /// How long it took.
    pub took: Duration,
}

impl Request<'_> {
    /// Head and body as they are sent.
    pub fn emit(&self) -> String {
        let Self {
            method,
            target,
            body,
            ..
        } = self;
        let mut text = format!(
            "{method} {target} HTTP/1.1\r\nHost: {}\r\nUser-Agent: wrtracker/{}\r\n\
             Accept-Encoding: identity\r\nConnection: close\r\n",
            self.url.authority(),
            env!("CARGO_PKG_VERSION"),
        );
        // Writing to a string doesn't fail.
        if let Some(token) = self.token {
            let _ = write!(text, "Authorization: Bearer {token}\r\n");
        }
        if *method == "POST" {
            if !body.is_empty() {
                text += "Content-Type: application/json\r\n";
            }
            let _ = write!(text, "Content-Length: {}\r\n", body.len());
        }
        text + "\r\n" + body
    }

    /// Sends the request to the first address of the host that takes it, and reads a reply with a
    /// body of at most `most` bytes.
    ///
    /// # Errors
    ///
    /// [`Failure`], but not for the reply's status.
    pub fn send(
        &self,
        family: Option<Family>,
        most: usize,
        deadline: Deadline,
    ) -> Result<Answer, Failure> {
        let addresses = resolve(&self.url.host, self.url.port, family, deadline)?;
        let request = self.emit();
        first_answer(&addresses, deadline, |address, deadline| {
            exchange(address, request.as_bytes(), most, deadline)
        })
    }
}

fn exchange(
    address: SocketAddr,
    request: &[u8],
    most: usize,
    deadline: Deadline,
) -> Result<Answer, Failure> {
    let mut stream = TcpStream::connect_timeout(&address, deadline.left()?)?;
    let sent = Instant::now();
    // All of it fits into the socket's buffer, or the time-out is for each part.
    stream.set_write_timeout(Some(deadline.left()?))?;
    stream.set_nodelay(true)?;
    let written = stream.write_all(request);
    let mut reader = Reader::new(most);
    let mut buffer = vec![0; 16 << 10];
    loop {
        stream.set_read_timeout(Some(deadline.left()?))?;
        let length = match stream.read(&mut buffer) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(written.err().unwrap_or(error).into()),
        };
        let bytes = buffer.get(..length).unwrap_or_default();
        if length == 0 || reader.push(bytes)? == Progress::Done {
            // Who refuses may do so before all of the request is there.
            return Ok(Answer {
                reply: reader.finish()?,
                address,
                took: sent.elapsed(),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Request, Url};

    #[test]
    fn requests_are_written() {
        let url = Url::parse("http://[::1]:1212/base").unwrap();
        let mut request = Request {
            url: &url,
            method: "GET",
            target: "/a?b".into(),
            token: None,
            body: "",
        };
        let version = env!("CARGO_PKG_VERSION");
        let head = format!(
            "Host: [::1]:1212\r\nUser-Agent: wrtracker/{version}\r\n\
             Accept-Encoding: identity\r\nConnection: close\r\n"
        );
        assert_eq!(request.emit(), format!("GET /a?b HTTP/1.1\r\n{head}\r\n"));
        request.method = "POST";
        request.token = Some("secret");
        assert_eq!(
            request.emit(),
            format!(
                "POST /a?b HTTP/1.1\r\n{head}Authorization: Bearer secret\r\n\
                 Content-Length: 0\r\n\r\n"
            )
        );
        request.body = "[]";
        assert_eq!(
            request.emit(),
            format!(
                "POST /a?b HTTP/1.1\r\n{head}Authorization: Bearer secret\r\n\
                 Content-Type: application/json\r\nContent-Length: 2\r\n\r\n[]"
            )
        );
    }
}
