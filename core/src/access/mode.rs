//! Who may announce what, as a listener has it.

use core::fmt;

/// What an announce must show before it is answered.
///
/// The blacklist holds in all modes. All listeners of a tracker share the swarms, whatever their
/// modes are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(u8)]
pub enum Mode {
    /// Nothing; a whitelist isn't looked at.
    Public,
    /// A torrent that is in the whitelist, if there is one, or that is signed, if there are
    /// [signers](crate::policy::Policy::signers).
    #[default]
    Listed,
    /// A [key](super::Keys).
    Private,
    /// Both.
    PrivateListed,
}

impl Mode {
    /// Whether a key is needed.
    pub const fn has_keys(self) -> bool {
        matches!(self, Self::Private | Self::PrivateListed)
    }

    /// Whether the torrent must be listed or signed.
    pub const fn has_list(self) -> bool {
        matches!(self, Self::Listed | Self::PrivateListed)
    }

    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Listed => "listed",
            Self::Private => "private",
            Self::PrivateListed => "private_listed",
        }
    }

    /// The mode of a word.
    pub fn named(word: &str) -> Option<Self> {
        [
            Self::Public,
            Self::Listed,
            Self::Private,
            Self::PrivateListed,
        ]
        .into_iter()
        .find(|mode| mode.name() == word)
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(self.name())
    }
}
