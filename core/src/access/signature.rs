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
pub struct Verifications {
    second: Secs,
    done: u8,
}

/// Most signatures that are looked at in a second: a quarter of the time of a router's processor,
/// which takes some 60 ms for one.
pub const MOST_VERIFICATIONS: u8 = 4;

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

/// Whether one of the signers has signed the torrent. Work: one verification for each.
#[cfg(feature = "signed")]
pub(crate) fn is_signed(torrent: &InfoHash, signature: &[u8; 64], signers: &[PublicKey]) -> bool {
    let signature = salty::Signature::from(signature);
    signers.iter().any(|signer| {
        let key = salty::PublicKey::try_from(&signer.0);
        key.is_ok_and(|key| key.verify(&torrent.0, &signature).is_ok())
    })
}

/// Nobody has: this build can't look at signatures.
#[cfg(not(feature = "signed"))]
pub(crate) const fn is_signed(_: &InfoHash, _: &[u8; 64], _: &[PublicKey]) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::{MOST_VERIFICATIONS, PublicKey, Verifications};
    use crate::time::Secs;

    #[test]
    fn a_public_key_is_written_in_two_ways() {
        let key = PublicKey([0xff; 32]);
        assert_eq!(PublicKey::parse(&"f".repeat(64)), Some(key));
        assert_eq!(PublicKey::parse(&"F".repeat(64)), Some(key));
        let base64 = std::format!("{}8", "_".repeat(42));
        assert_eq!(PublicKey::parse(&base64), Some(key));
        for wrong in ["", "f", &"f".repeat(63), &"_".repeat(43), &"g".repeat(64)] {
            assert_eq!(PublicKey::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn some_are_looked_at_in_a_second() {
        let mut verifications = Verifications::default();
        for second in [0, 1, 7, 5] {
            let taken = (0..1_000).filter(|_| verifications.take(Secs(second)));
            assert_eq!(taken.count(), usize::from(MOST_VERIFICATIONS));
        }
    }

    /// Made by `openssl pkeyutl -sign -rawin`.
    #[cfg(feature = "signed")]
    #[test]
    fn what_openssl_signs_is_signed() {
        use super::is_signed;
        use crate::access::given::base64url;
        use crate::wire::InfoHash;

        let signer =
            PublicKey::parse("95d8af39c801343c8b48af6fece76a9627ffdbba41e69966f50f2ad285188396")
                .unwrap();
        let torrent = InfoHash([
            0x43, 0xf9, 0x8d, 0x54, 0xb5, 0x9d, 0x60, 0x64, 0x3e, 0x10, 0xad, 0x3a, 0xcd, 0x6c,
            0xce, 0xa0, 0x1e, 0x57, 0xe2, 0x42,
        ]);
        let signature = base64url(
            b"WDpPnY--cR6Bd4hBx144VB3t705A7JK52WQMztiBu0ZwvghM-aGHfcepm-mFHGKsH1gjfs_R6BEAttQZpE8IBw",
        );
        let signature: [u8; 64] = signature.unwrap();
        let others = [PublicKey([7; 32]), signer, PublicKey([0xff; 32])];
        assert!(is_signed(&torrent, &signature, &[signer]));
        assert!(is_signed(&torrent, &signature, &others));
        assert!(!is_signed(&torrent, &signature, &[]));
        assert!(!is_signed(&torrent, &signature, &[others[0], others[2]]));
        assert!(!is_signed(&InfoHash([7; 20]), &signature, &others));
        for at in 0..64 {
            let mut wrong = signature;
            wrong[at] ^= 1;
            assert!(!is_signed(&torrent, &wrong, &others), "byte {at}");
        }
    }
}
