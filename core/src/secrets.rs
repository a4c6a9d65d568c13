//! What nobody outside may guess.

use siphasher::sip::SipHasher13;

/// What nobody outside may guess, from the system's random source.
#[derive(Clone)]
pub struct Secrets {
    /// The key of the index.
    pub index: [u8; 16],
    /// The key of the connection ids.
    pub cookies: [u8; 16],
    /// Where the choice of peers starts from.
    pub choice: [u8; 8],
}

impl Secrets {
    /// Takes 40 random bytes apart.
    pub const fn new(random: &[u8; 40]) -> Self {
        let (mut index, mut cookies, mut choice) = ([0; 16], [0; 16], [0; 8]);
        let (first, rest) = random.split_at(16);
        let (second, third) = rest.split_at(16);
        index.copy_from_slice(first);
        cookies.copy_from_slice(second);
        choice.copy_from_slice(third);
        Self {
            index,
            cookies,
            choice,
        }
    }

    /// A number that anybody may know. It tells nothing about the rest.
    pub(crate) fn id(&self) -> u32 {
        let hash = SipHasher13::new_with_key(&self.index).hash(b"tracker id");
        let [_, _, _, _, id @ ..] = hash.to_be_bytes();
        u32::from_be_bytes(id)
    }
}
