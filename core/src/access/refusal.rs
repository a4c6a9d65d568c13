//! Why an announce is refused, in words that a client shows to its user.

use core::fmt;

/// Why an announce is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Refusal {
    /// The access lists don't admit the torrent, where no key is asked for; opentracker's words.
    Denied,
    /// The same where a key is asked for; the words that clients and scripts look for there.
    Unregistered,
    /// The URL has no key. Its owner may have taken the URL of another tracker.
    NoKey,
    /// There is no such key, or no more.
    UnknownKey,
    /// The key was good until some time ago.
    ExpiredKey,
    /// The key is good for another torrent alone.
    OtherTorrent,
    /// As many peers as the key is good for are there already.
    ManyPeers,
    /// None of the signers has signed this torrent like that.
    BadSignature,
    /// The signature can't be looked at now: others are.
    Busy,
    /// Too many wrong keys or signatures came from this address; this one was not looked at.
    Blocked,
}

/// When a refused client does well to come again (BEP 31).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Again {
    /// After the interval.
    Usual,
    /// After so many minutes.
    Minutes(u32),
    /// Never: what it said can't become right.
    Never,
}

impl Refusal {
    /// How many there are.
    pub const COUNT: usize = 10;

    /// For the client's user.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Denied => "Requested download is not authorized for use with this tracker.",
            Self::Unregistered => "Unregistered torrent.",
            Self::NoKey => "This tracker is private: the announce URL has no key.",
            Self::UnknownKey => "The key in the announce URL is not known here.",
            Self::ExpiredKey => "The key in the announce URL has expired.",
            Self::OtherTorrent => "The key in the announce URL is for another torrent.",
            Self::ManyPeers => "Too many peers use the key in the announce URL.",
            Self::BadSignature => "The signature in the announce URL is wrong.",
            Self::Busy => "The tracker is busy checking signatures. Come again in a minute.",
            Self::Blocked => "Too many wrong keys from your address. Come again in some minutes.",
        }
    }

    /// When to come again.
    pub const fn again(self) -> Again {
        match self {
            // Who is told never has to get another URL, which is another tracker to its client.
            Self::NoKey | Self::OtherTorrent | Self::BadSignature => Again::Never,
            Self::Busy => Again::Minutes(1),
            Self::Blocked => Again::Minutes(5),
            Self::Denied
            | Self::Unregistered
            | Self::UnknownKey
            | Self::ExpiredKey
            | Self::ManyPeers => Again::Usual,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(self.text())
    }
}

impl core::error::Error for Refusal {}
