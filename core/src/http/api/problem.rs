//! What can be wrong with a request.

use core::fmt;

use crate::grant::NotGranted;

use super::route::Methods;

/// Why a request isn't carried out. All but the last three are the client's fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Problem {
    /// No request that HTTP knows.
    Malformed,
    /// The head or the whole request is longer than a buffer.
    TooLarge,
    /// The length of the body isn't said beforehand.
    NoLength,
    NoToken,
    WrongToken,
    /// Too many wrong tokens from this address.
    Blocked,
    /// The token is for looking only.
    OnlyRead,
    UnknownPath,
    WrongMethod(Methods),
    BadInfoHash,
    BadKey,
    BadNumber,
    BadParameter,
    /// The body isn't said to be JSON.
    NotJson,
    /// It is, but not what was expected.
    BadJson,
    /// A time that no key can have.
    BadDuration,
    UnknownKey,
    UnknownTorrent,
    /// There is no whitelist here.
    NoList,
    /// There are no keys here.
    NoKeys,
    /// No room for what is to be granted.
    Full,
    /// The wall clock isn't set, so that no time of validity can be told.
    NoClock,
    /// Not now: too many are served.
    Busy,
}

impl Problem {
    /// The status as HTTP means it.
    pub(super) const fn status(self) -> &'static str {
        match self {
            Self::Malformed
            | Self::BadInfoHash
            | Self::BadKey
            | Self::BadNumber
            | Self::BadParameter
            | Self::BadDuration => "400 Bad Request",
            Self::NoToken | Self::WrongToken => "401 Unauthorized",
            Self::OnlyRead => "403 Forbidden",
            Self::UnknownPath | Self::UnknownKey | Self::UnknownTorrent => "404 Not Found",
            Self::WrongMethod(_) => "405 Method Not Allowed",
            Self::NoList | Self::NoKeys => "409 Conflict",
            Self::NoLength => "411 Length Required",
            Self::TooLarge => "413 Content Too Large",
            Self::NotJson => "415 Unsupported Media Type",
            Self::BadJson => "422 Unprocessable Content",
            Self::Blocked => "429 Too Many Requests",
            Self::NoClock | Self::Busy => "503 Service Unavailable",
            Self::Full => "507 Insufficient Storage",
        }
    }

    /// The status that Torrust answers with, where it is another one.
    pub(super) const fn torrust_status(self) -> &'static str {
        match self {
            Self::NoToken | Self::WrongToken | Self::UnknownKey | Self::Full | Self::NoClock => {
                "500 Internal Server Error"
            }
            _ => self.status(),
        }
    }

    /// Whether nothing more of this connection can be understood, or should be.
    pub(super) const fn closes(self) -> bool {
        matches!(
            self,
            Self::Malformed | Self::TooLarge | Self::NoLength | Self::Blocked
        )
    }

    /// Headers that belong to it.
    pub(super) const fn fields(self) -> &'static str {
        match self {
            Self::NoToken | Self::WrongToken => "WWW-Authenticate: Bearer\r\n",
            Self::Blocked => "Retry-After: 60\r\n",
            Self::Busy => "Retry-After: 5\r\n",
            Self::WrongMethod(methods) => methods.allow(),
            _ => "",
        }
    }

    /// Torrust's words for it, which its programs look for; `None` where there are none.
    pub(super) const fn torrust_text(self) -> Option<&'static str> {
        match self {
            Self::NoToken => Some(r#"Unhandled rejection: Err { reason: "unauthorized" }"#),
            Self::WrongToken => Some(r#"Unhandled rejection: Err { reason: "token not valid" }"#),
            Self::UnknownKey => {
                Some(r#"Unhandled rejection: Err { reason: "failed to delete key: no such key" }"#)
            }
            Self::Full | Self::NoClock => {
                Some(r#"Unhandled rejection: Err { reason: "failed to generate key: no room" }"#)
            }
            Self::UnknownPath | Self::WrongMethod(_) => Some(""),
            _ => None,
        }
    }
}

impl From<NotGranted> for Problem {
    fn from(why: NotGranted) -> Self {
        match why {
            NotGranted::NoKeys => Self::NoKeys,
            NotGranted::Full => Self::Full,
            NotGranted::Busy => Self::Busy,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Self::Malformed => "this is no HTTP request",
            Self::TooLarge => "the request is longer than 8192 bytes; send less at a time",
            Self::NoLength => "the request must say its Content-Length",
            Self::NoToken => "unauthorized: a token is needed, as Authorization: Bearer or token=",
            Self::WrongToken => "token not valid",
            Self::Blocked => "too many wrong tokens from this address; try again in a minute",
            Self::OnlyRead => "this token is for looking only",
            Self::UnknownPath => "there is nothing here; /api/v1/openapi.json has what there is",
            Self::WrongMethod(_) => "not with this method",
            Self::BadInfoHash => "invalid infohash param: expected a 40 character long string",
            Self::BadKey => "invalid auth key: 32 characters 0-9, a-z, A-Z",
            Self::BadNumber => "invalid digit found in string",
            Self::BadParameter => "a parameter is not what it should be",
            Self::NotJson => "Expected request with `Content-Type: application/json`",
            Self::BadJson => "Failed to deserialize the JSON body into the target type",
            Self::BadDuration => "invalid auth key duration",
            Self::UnknownKey => "no such key",
            Self::UnknownTorrent => "torrent not known",
            Self::NoList => "this tracker has no whitelist",
            Self::NoKeys => "this tracker has no keys",
            Self::Full => "no room for more: see api.whitelist_entries and access.key_entries",
            Self::NoClock => "the clock of this machine isn't set, so no key can expire",
            Self::Busy => "too many requests at a time",
        })
    }
}
