//! Torrents that a signature lets in, without a list: Ed25519 (RFC 8032) over the 20 bytes of the info
//! hash.

use crate::time::Secs;
use crate::wire::InfoHash;

use super::given::base64url;

/// The public key of somebody whose signatures let torrents in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PublicKey(pub [u8; 32]);

/// Most of them.
pub const MOST_SIGNERS: usize = 4;

impl PublicKey {
    /// The key that is written as 43 characters of base64url or 64 hexadecimal digits; `None` if it
    /// is neither.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.as_bytes();
        if let Ok(text) = text.try_into() {
            return base64url::<32, 43>(text).map(Self);
        }
        let digits: &[u8; 64] = text.try_into().ok()?;
        let mut key = [0; 32];
        for (to, pair) in key.iter_mut().zip(digits.as_chunks::<2>().0) {
            let [high, low] = pair.map(|digit| char::from(digit).to_digit(16));
            *to = u8::try_from(high? << 4 | low?).ok()?;
        }
        Some(Self(key))
    }
}

/// How many signatures may still be looked at in this second, which takes a thousand times longer
/// than anything else that an announce can ask for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Verifications {
    second: Secs,
    done: u8,
}

/// Most signatures that are looked at in a second.
pub const MOST_VERIFICATIONS: u8 = 20;

impl Verifications {
    /// Takes one of this second's, if one is left.
    pub(crate) fn take(&mut self, now: Secs) -> bool {
        if self.second != now {
            *self = Self {
                second: now,
                done: 0,
            };
        }
        let left = self.done < MOST_VERIFICATIONS;
        self.done = self.done.saturating_add(u8::from(left));
        left
    }
}

/// Nobody has: this build can't look at signatures.
pub(crate) const fn is_signed(_: &InfoHash, _: &[u8; 64], _: &[PublicKey]) -> bool {
    false
}
