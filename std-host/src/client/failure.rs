//! Why a question has no good answer.

use core::fmt;
use std::io;

use super::text::Shown;
use super::url::NotUrl;

/// Why a question has no good answer. Where the other side's words are in it, they are shown
/// without what a terminal would act on.
#[derive(Debug)]
pub enum Failure {
    /// Nothing that answers came in time, and so many datagrams that answer something else did.
    TimedOut(u32),
    /// The host has no address, or none of the family that was asked for.
    NoAddress,
    /// The system's word.
    System(io::Error),
    /// The other side refused, in its own words.
    Refused(Vec<u8>),
    /// What came is no answer: what is wrong with it.
    Nonsense(&'static str),
    /// More bytes than this came.
    TooLong(usize),
    /// An HTTP status that is no success, and what came with it, for a redirection where to.
    Status(u16, Vec<u8>),
    /// What was asked for can't be asked for there.
    Impossible(&'static str),
    /// Where it is can't be understood.
    NoUrl(NotUrl),
}

impl Failure {
    /// Whether another address of the same host may do better.
    pub(crate) const fn is_of_the_address(&self) -> bool {
        matches!(self, Self::TimedOut(_) | Self::System(_))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut(0) => to.write_str("no answer in time"),
            Self::TimedOut(others) => write!(
                to,
                "no answer in time, but {others} datagrams that answer nothing that was asked"
            ),
            Self::NoAddress => to.write_str("the host has no such address"),
            Self::System(error) => error.fmt(to),
            Self::Refused(words) => write!(to, "refused: {}", Shown(words)),
            Self::Nonsense(what) => write!(to, "no proper answer: {what}"),
            Self::TooLong(most) => {
                write!(to, "no proper answer: more than {most} bytes")
            }
            Self::Status(status, words) if words.is_empty() => write!(to, "HTTP status {status}"),
            Self::Status(status @ 300..=399, place) => {
                write!(to, "HTTP status {status}, sent to {}", Shown(place))
            }
            Self::Status(status, words) => write!(to, "HTTP status {status}: {}", Shown(words)),
            Self::Impossible(what) => to.write_str(what),
            Self::NoUrl(why) => why.fmt(to),
        }
    }
}

impl core::error::Error for Failure {}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            // What a socket with a time-out says when it is over.
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Self::TimedOut(0),
            _ => Self::System(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Failure;

    #[test]
    fn words_of_others_cannot_move_the_cursor() {
        let refused = Failure::Refused(b"no\x1b[2J".to_vec());
        assert_eq!(refused.to_string(), "refused: no\\u{1b}[2J");
        let sent = Failure::Status(302, b"http://x/\r\n".to_vec());
        assert_eq!(
            sent.to_string(),
            "HTTP status 302, sent to http://x/\\u{d}\\u{a}"
        );
        assert_eq!(Failure::Status(404, vec![]).to_string(), "HTTP status 404");
    }
}
