//! Why a value was refused.

use core::fmt;

/// Why a value was refused. The operator is to blame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Reason {
    /// The value is missing.
    NoValue,
    /// Bytes that are no UTF-8 where text is wanted.
    NotText,
    /// Neither an IPv4 nor an IPv6 address, or no address in the syntax of `listen.*`.
    NotAnAddress,
    /// Not a whole number from 0 to 65535.
    NotAPort,
    /// Not a number with K, M or G after it or nothing.
    NotASize,
    /// 2^64 bytes or more.
    SizeTooLarge,
    /// Not a whole number within these ends.
    NotANumber(u32, u32),
    /// Not a time within these ends, in seconds.
    NotATime(u32, u32),
    /// None of the words, which are given with bars between them.
    NotAChoice(&'static str),
    /// Not an address with or without a number of bits.
    NotANetwork,
    /// More bits than the address has.
    TooManyBits,
    /// More bytes than these.
    TooLong(usize),
    /// A zero byte in a path.
    Zero,
    /// There are so many already.
    TooMany(usize),
    /// No name of a user.
    NotAUser,
    /// No path under which statistics could be had.
    NotAStatsPath,
    /// No role and token.
    NotAToken,
    /// No public key.
    NotAPublicKey,
    /// Bytes that may not be in a URL.
    NotAUrl,
    /// No address by which anybody could reach a peer.
    NotPublic,
    /// No address of an IPv4 interface.
    NotIpv4,
    /// It was given before, and there can be only one.
    Twice,
}

impl fmt::Display for Reason {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Self::NoValue => "the value is missing",
            Self::NotText => "the value is not UTF-8 text",
            Self::NotAnAddress => {
                "not an address such as 192.0.2.1, 192.0.2.1:6969 or [2001:db8::1]:6969"
            }
            Self::NotAPort => "not a port from 0 to 65535",
            Self::NotASize => "not a number of bytes such as 500000, 512K, 8M or 1G",
            Self::SizeTooLarge => "more bytes than there are",
            Self::NotANumber(least, most) => {
                return write!(to, "not a whole number from {least} to {most}");
            }
            Self::NotATime(least, most) => {
                return write!(
                    to,
                    "not a time from {least} to {most} seconds, such as 1800, 30m, 8h or 1d"
                );
            }
            Self::NotAChoice(words) => return write!(to, "not one of {words}"),
            Self::NotANetwork => {
                "not an address or network such as 192.0.2.1, 192.0.2.0/24 or 2001:db8::/32"
            }
            Self::TooManyBits => "more bits than the address has: 32, for IPv6 128",
            Self::TooLong(most) => return write!(to, "longer than {most} bytes"),
            Self::Zero => "a zero byte in a path",
            Self::TooMany(most) => return write!(to, "there are {most} already, the most"),
            Self::NotAUser => "not a name, uid or uid:gid of a user",
            Self::NotAStatsPath => {
                "not a path such as stats or my/stats: printable, without / before it, without ?, \
                 # and %, not beginning with a or sc, and not metrics"
            }
            Self::NotAToken => {
                "not read or admin and a token of 8 to 64 characters 0-9, A-Z, a-z, ., _, ~ and -"
            }
            Self::NotAPublicKey => {
                "not an Ed25519 public key: 43 characters of base64url or 64 hexadecimal digits"
            }
            Self::NotAUrl => "not a URL: only printable ASCII without blanks may be in it",
            Self::NotPublic => "not an address that leads to one machine",
            Self::NotIpv4 => "not the IPv4 address of an interface",
            Self::Twice => "was given before, and there can be only one",
        })
    }
}

impl core::error::Error for Reason {}
