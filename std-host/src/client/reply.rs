//! An HTTP/1.1 reply (RFC 9112), read as its bytes come.

use core::mem;

use super::failure::Failure;

/// Most bytes of a reply's heads, chunks' sizes and trailers together.
pub const MOST_HEAD: usize = 16 << 10;

/// A whole reply.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Reply {
    /// 200 to 599.
    pub status: u16,
    /// Where a redirection leads.
    pub location: Vec<u8>,
    /// What it is about.
    pub body: Vec<u8>,
}

/// Reads one reply from bytes that come in pieces of any size. It never holds more than
/// [`MOST_HEAD`] bytes and a body of the size that was allowed.
#[derive(Clone, Debug)]
pub struct Reader {
    most: usize,
    state: State,
    /// The line that has not ended.
    line: Vec<u8>,
    /// Bytes of lines so far.
    head: usize,
    length: Option<u64>,
    chunked: bool,
    reply: Reply,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Status,
    Header,
    /// So many bytes are missing.
    Body(u64),
    UntilClose,
    ChunkSize,
    Chunk(u64),
    ChunkEnd,
    Trailer,
    Done,
}

/// Whether more is needed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// The reply isn't whole.
    More,
    /// It is.
    Done,
}

impl Reader {
    /// For a reply with a body of at most `most` bytes.
    pub const fn new(most: usize) -> Self {
        Self {
            most,
            state: State::Status,
            line: Vec::new(),
            head: 0,
            length: None,
            chunked: false,
            reply: Reply {
                status: 0,
                location: Vec::new(),
                body: Vec::new(),
            },
        }
    }

    /// Takes the next bytes. What follows the reply is passed over.
    ///
    /// # Errors
    ///
    /// [`Failure::Nonsense`] for what is no reply, [`Failure::TooLong`] for one that is too long.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<Progress, Failure> {
        while self.state != State::Done && !bytes.is_empty() {
            let taken = match self.state {
                State::Body(left) | State::Chunk(left) => {
                    let left = usize::try_from(left).unwrap_or(usize::MAX);
                    let taken = bytes.len().min(left);
                    self.body(bytes.get(..taken).unwrap_or_default())?;
                    taken
                }
                State::UntilClose => {
                    self.body(bytes)?;
                    bytes.len()
                }
                _ => self.part_of_line(bytes)?,
            };
            bytes = bytes.get(taken..).unwrap_or_default();
        }
        Ok(match self.state {
            State::Done => Progress::Done,
            _ => Progress::More,
        })
    }

    /// The reply, when nothing more comes.
    ///
    /// # Errors
    ///
    /// [`Failure::Nonsense`] if it isn't whole.
    pub fn finish(self) -> Result<Reply, Failure> {
        match self.state {
            State::Done | State::UntilClose => Ok(self.reply),
            State::Status if self.head == 0 && self.line.is_empty() => {
                Err(Failure::Nonsense("closed without a reply"))
            }
            _ => Err(Failure::Nonsense("an HTTP reply that is cut short")),
        }
    }

    /// Adds to the body.
    fn body(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        if bytes.len() > self.most.saturating_sub(self.reply.body.len()) {
            return Err(Failure::TooLong(self.most));
        }
        self.reply.body.extend(bytes);
        let count = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        match &mut self.state {
            State::Body(left) => {
                *left = left.saturating_sub(count);
                if *left == 0 {
                    self.state = State::Done;
                }
            }
            State::Chunk(left) => {
                *left = left.saturating_sub(count);
                if *left == 0 {
                    self.state = State::ChunkEnd;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Takes bytes up to the end of a line, and the line when it has ended.
    fn part_of_line(&mut self, bytes: &[u8]) -> Result<usize, Failure> {
        let end = bytes.iter().position(|&byte| byte == b'\n');
        let taken = end.map_or(bytes.len(), |end| end + 1);
        self.head += taken;
        if self.head > MOST_HEAD {
            return Err(Failure::TooLong(MOST_HEAD));
        }
        self.line.extend(bytes.get(..taken).unwrap_or_default());
        if end.is_some() {
            let line = mem::take(&mut self.line);
            let line = line.strip_suffix(b"\n").unwrap_or(&line);
            self.whole_line(line.strip_suffix(b"\r").unwrap_or(line))?;
        }
        Ok(taken)
    }

    fn whole_line(&mut self, line: &[u8]) -> Result<(), Failure> {
        match self.state {
            State::Status => {
                self.reply.status = status(line).ok_or(Failure::Nonsense("no HTTP"))?;
                self.state = State::Header;
            }
            State::Header if line.is_empty() => self.end_of_head()?,
            State::Header => self.header(line)?,
            State::ChunkSize => {
                let size = line.split(|&byte| byte == b';').next().unwrap_or_default();
                let size = chunk_size(size.trim_ascii()).ok_or(Failure::Nonsense("no chunk"))?;
                self.state = match size {
                    0 => State::Trailer,
                    _ => State::Chunk(size),
                };
            }
            State::ChunkEnd if line.is_empty() => self.state = State::ChunkSize,
            State::ChunkEnd => return Err(Failure::Nonsense("a chunk that doesn't end")),
            State::Trailer if line.is_empty() => self.state = State::Done,
            _ => {}
        }
        Ok(())
    }

    fn header(&mut self, line: &[u8]) -> Result<(), Failure> {
        let colon = line.iter().position(|&byte| byte == b':');
        let colon = colon.ok_or(Failure::Nonsense("a header without a colon"))?;
        let (name, value) = line.split_at_checked(colon).unwrap_or_default();
        let value = value.strip_prefix(b":").unwrap_or(value).trim_ascii();
        if name.eq_ignore_ascii_case(b"content-length") {
            let length = decimal(value).ok_or(Failure::Nonsense("no Content-Length"))?;
            if self.length.is_some_and(|other| other != length) {
                return Err(Failure::Nonsense("two values of Content-Length"));
            }
            self.length = Some(length);
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            // Others weren't asked for.
            if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
                return Err(Failure::Nonsense("another Transfer-Encoding than chunked"));
            }
            self.chunked = true;
        } else if name.eq_ignore_ascii_case(b"content-encoding") {
            if !value.is_empty() && !value.eq_ignore_ascii_case(b"identity") {
                return Err(Failure::Nonsense(
                    "a Content-Encoding, which wasn't asked for",
                ));
            }
        } else if name.eq_ignore_ascii_case(b"location") {
            self.reply.location = value.to_vec();
        }
        Ok(())
    }

    /// Finds out how long the body is (RFC 9112 section 6.3).
    fn end_of_head(&mut self) -> Result<(), Failure> {
        self.state = match self.reply.status {
            // Not yet the reply.
            100..=199 => {
                self.length = None;
                self.chunked = false;
                self.reply = Reply::default();
                State::Status
            }
            204 | 304 => State::Done,
            _ if self.chunked => State::ChunkSize,
            _ => match self.length {
                Some(0) => State::Done,
                Some(length) => {
                    let most = u64::try_from(self.most).unwrap_or(u64::MAX);
                    if length > most {
                        return Err(Failure::TooLong(self.most));
                    }
                    State::Body(length)
                }
                None => State::UntilClose,
            },
        };
        Ok(())
    }
}

/// The status of a line such as `HTTP/1.1 200 OK`.
fn status(line: &[u8]) -> Option<u16> {
    let rest = line.strip_prefix(b"HTTP/1.")?;
    let ([version, b' ', status @ ..], _) = rest.split_first_chunk::<5>()? else {
        return None;
    };
    let ended = matches!(rest.get(5), None | Some(b' '));
    let status = u16::try_from(decimal(status)?).ok()?;
    (version.is_ascii_digit() && ended && (100..600).contains(&status)).then_some(status)
}

fn decimal(digits: &[u8]) -> Option<u64> {
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    str::from_utf8(digits).ok()?.parse().ok()
}

fn chunk_size(digits: &[u8]) -> Option<u64> {
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u64::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::{Failure, MOST_HEAD, Progress, Reader, Reply};

    /// Reads a reply whole, and in pieces of all sizes, which must come to the same.
    fn read(bytes: &[u8], closed: bool) -> Result<Reply, String> {
        let read = |size: usize| {
            let mut reader = Reader::new(20);
            let mut progress = Progress::More;
            for piece in bytes.chunks(size) {
                progress = reader.push(piece).map_err(|failure| failure.to_string())?;
            }
            if progress == Progress::More && !closed {
                return Err("more".into());
            }
            reader.finish().map_err(|failure| failure.to_string())
        };
        let whole = read(bytes.len().max(1));
        for size in 1..bytes.len() {
            assert_eq!(read(size), whole, "pieces of {size}");
        }
        whole
    }

    fn body(text: &str, closed: bool) -> Result<String, String> {
        let reply = read(text.as_bytes(), closed)?;
        Ok(String::from_utf8(reply.body).unwrap())
    }

    #[test]
    fn bodies_end_in_three_ways() {
        for (head, text) in [
            ("Content-Length: 3\r\n", "abc"),
            ("content-length:3\r\nContent-Length: 3\r\n", "abcde"),
            (
                "Transfer-Encoding: chunked\r\n",
                "2\r\nab\r\n01 ; x=y\r\nc\r\n0\r\nX: y\r\n\r\n",
            ),
            (
                "Transfer-Encoding: Chunked\r\nContent-Length: 99\r\n",
                "3\nabc\n0\n\n",
            ),
        ] {
            let reply = format!("HTTP/1.1 200 OK\r\n{head}\r\n{text}");
            assert_eq!(body(&reply, false).as_deref(), Ok("abc"), "{reply}");
        }
        let reply = "HTTP/1.0 200\n\nabc";
        assert_eq!(body(reply, true).as_deref(), Ok("abc"));
        assert_eq!(body(reply, false), Err("more".into()));
        let after = "HTTP/1.1 100 Continue\r\nContent-Length: 9\r\n\r\nHTTP/1.1 204 No\r\n\r\n";
        assert_eq!(
            read(after.as_bytes(), false).map(|reply| reply.status),
            Ok(204)
        );
        let sent = "HTTP/1.1 302 Found\r\nLocation: http://x/\r\nContent-Length: 0\r\n\r\n";
        let sent = read(sent.as_bytes(), false).unwrap();
        assert_eq!((sent.status, sent.location), (302, b"http://x/".to_vec()));
    }

    #[test]
    fn what_is_cut_short_is_no_reply() {
        let reply = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n";
        for length in 1..reply.len() {
            let cut = body(&reply[..length], true);
            assert!(cut.is_err(), "{cut:?}");
        }
        assert_eq!(body(reply, false).as_deref(), Ok("ab"));
        assert!(body("", true).unwrap_err().contains("closed without"));
    }

    #[test]
    fn what_is_none_is_refused() {
        for text in [
            "\r\n",
            "HTTP/2 200 OK\r\n",
            "HTTP/1.1 20 OK\r\n",
            "HTTP/1.1 2000\r\n",
            "SSH-2.0-x\r\n",
            "HTTP/1.1 600 x\r\n",
            "HTTP/1.1 +20 x\r\n",
            "HTTP/1.1 200 OK\r\nno colon\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: \r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n",
            "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000000\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
        ] {
            let read = body(text, false).unwrap_err();
            assert!(read.starts_with("no proper answer"), "{text}: {read}");
        }
    }

    #[test]
    fn nothing_grows_beyond_its_bounds() {
        let too_long = |text: &str| body(text, true).unwrap_err().contains("more than");
        for text in [
            "HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\n123456789012345678901",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n\
             123456789012345678901",
        ] {
            assert!(too_long(text), "{text}");
        }
        for endless in ["x", "HTTP/1.1 100 OK\r\n\r\n"] {
            let mut reader = Reader::new(20);
            let text = endless.repeat(MOST_HEAD + 1);
            let read = reader.push(text.as_bytes());
            assert!(matches!(read, Err(Failure::TooLong(MOST_HEAD))), "{read:?}");
        }
        let mut reader = Reader::new(20);
        reader
            .push(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;")
            .unwrap();
        assert!(reader.push(&[b'x'; MOST_HEAD]).is_err());
    }
}
