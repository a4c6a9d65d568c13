//! The checks on HTTP replies: status, length, and well-formed bencoding (BEP 3).

use std::fmt;

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
    let entries = dictionary(body).ok_or(Wrong::Bencode)?;
    let stride = |entry: &(&[u8], &[u8])| match entry.0 {
        b"peers" => Some(6),
        b"peers6" => Some(18),
        _ => None,
    };
    let mut peers = 0;
    for entry in &entries {
        if let Some(stride) = stride(entry) {
            // A list of dictionaries is another form (BEP 3), which nobody here asks for.
            let (list, _) = string(entry.1).ok_or(Wrong::Peers)?;
            if list.len() % stride != 0 {
                return Err(Wrong::Peers);
            }
            peers += u32::try_from(list.len() / stride).unwrap_or(u32::MAX);
        }
    }
    Ok(Progress::Done {
        length: end + 4 + length,
        peers,
        refused: entries.iter().any(|(key, _)| *key == b"failure reason"),
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

/// The keys and values of a dictionary that is all of `bytes`.
fn dictionary(bytes: &[u8]) -> Option<Vec<(&[u8], &[u8])>> {
    let mut entries = Vec::new();
    let mut rest = bytes.strip_prefix(b"d")?;
    while rest != b"e" {
        let (key, value) = string(rest)?;
        rest = value_end(value, 0)?;
        if entries.last().is_some_and(|&(last, _)| last >= key) {
            return None;
        }
        entries.push((key, &value[..value.len() - rest.len()]));
    }
    Some(entries)
}

/// The string at the start of `bytes`, and what follows.
fn string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = bytes.iter().take(10).position(|&byte| byte == b':')?;
    let digits = &bytes[..colon];
    if digits.is_empty() || (digits[0] == b'0' && digits.len() > 1) {
        return None;
    }
    let length: usize = number(digits)?;
    bytes[colon + 1..].split_at_checked(length)
}

fn number(digits: &[u8]) -> Option<usize> {
    digits.iter().try_fold(0_usize, |sum, &digit| {
        let digit = digit.checked_sub(b'0').filter(|&digit| digit < 10)?;
        sum.checked_mul(10)?.checked_add(digit.into())
    })
}

/// What follows the value at the start of `bytes`.
fn value_end(bytes: &[u8], depth: u32) -> Option<&[u8]> {
    const DEEPEST: u32 = 16;
    match bytes.first()? {
        b'i' => {
            let end = bytes.iter().position(|&byte| byte == b'e')?;
            let digits = &bytes[1..end];
            let digits = digits.strip_prefix(b"-").unwrap_or(digits);
            number(digits).filter(|_| !digits.is_empty())?;
            Some(&bytes[end + 1..])
        }
        kind @ (b'l' | b'd') if depth < DEEPEST => {
            let mut rest = &bytes[1..];
            while *rest.first()? != b'e' {
                if *kind == b'd' {
                    rest = string(rest)?.1;
                }
                rest = value_end(rest, depth + 1)?;
            }
            Some(&rest[1..])
        }
        _ => string(bytes).map(|(_, rest)| rest),
    }
}
