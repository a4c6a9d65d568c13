//! The checks on HTTP replies: status, length, and well-formed bencoding (BEP 3).

use std::fmt;

use crate::bencode::Value;

/// A reply so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// More bytes must come.
    More,
    /// It is whole.
    Done {
        /// Its bytes, the head included.
        length: usize,
        /// Peers listed, of both families.
        peers: u32,
        /// Whether it is a failure reason.
        refused: bool,
    },
}

/// What is wrong with a reply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wrong {
    /// Not `HTTP/1.` and status 200.
    Status,
    /// No `Content-Length`, or no number in it.
    ContentLength,
    /// The body is not one bencoded dictionary, its keys in order, and nothing after it.
    Bencode,
    /// `peers` or `peers6` is no whole number of peers.
    Peers,
    /// The connection ended before the reply did.
    Cut,
}

impl fmt::Display for Wrong {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Status => "wrong status",
            Self::ContentLength => "wrong or missing content length",
            Self::Bencode => "no well-formed dictionary",
            Self::Peers => "broken list of peers",
            Self::Cut => "reply cut short",
        })
    }
}

/// Checks the first reply in `bytes`, which may be incomplete.
///
/// # Errors
///
/// [`Wrong`] as soon as it can't become right any more.
pub fn check(bytes: &[u8]) -> Result<Progress, Wrong> {
    let start = &bytes[..bytes.len().min(13)];
    let expected = b"HTTP/1.? 200 ";
    let right = |(&byte, &expected): (&u8, &u8)| byte == expected || expected == b'?';
    if !start.iter().zip(expected).all(right) {
        return Err(Wrong::Status);
    }
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(Progress::More);
    };
    let head = &bytes[..end];
    let length = content_length(head).ok_or(Wrong::ContentLength)?;
    let Some(body) = bytes.get(end + 4..).and_then(|rest| rest.get(..length)) else {
        return Ok(Progress::More);
    };
    let Ok(reply @ Value::Dict(_)) = Value::parse(body) else {
        return Err(Wrong::Bencode);
    };
    let mut peers = 0;
    for (key, stride) in [("peers", 6), ("peers6", 18)] {
        match reply.find(key) {
            None => {}
            Some(Value::Bytes(list)) if list.len() % stride == 0 => {
                peers += u32::try_from(list.len() / stride).unwrap_or(u32::MAX);
            }
            // A list of dictionaries is another form (BEP 3), which nobody here asks for.
            Some(_) => return Err(Wrong::Peers),
        }
    }
    Ok(Progress::Done {
        length: end + 4 + length,
        peers,
        refused: reply.find("failure reason").is_some(),
    })
}

fn content_length(head: &[u8]) -> Option<usize> {
    head.split(|&byte| byte == b'\n').find_map(|line| {
        let (name, value) = line.split_at_checked(15)?;
        if !name.eq_ignore_ascii_case(b"content-length:") {
            return None;
        }
        std::str::from_utf8(value).ok()?.trim().parse().ok()
    })
}
