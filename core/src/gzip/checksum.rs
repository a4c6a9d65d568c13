//! What the trailer tells of the plain bytes (RFC 1952 section 2.3.1).

use crc::{CRC_32_ISO_HDLC, Crc, Table};

/// The CRC-32 and the number of some bytes.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Checksum {
    crc: u32,
    /// Modulo 2^32.
    size: u32,
}

static CRC: Crc<u32, Table<1>> = Crc::<u32, Table<1>>::new(&CRC_32_ISO_HDLC);

impl Checksum {
    /// Adds some bytes.
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        // Undoes what the last `finalize` did to the register.
        let mut digest = CRC.digest_with_initial((!self.crc).reverse_bits());
        digest.update(bytes);
        self.crc = digest.finalize();
        let [a, b, c, d, ..] = bytes.len().to_le_bytes();
        self.size = self.size.wrapping_add(u32::from_le_bytes([a, b, c, d]));
    }

    /// The CRC-32 of all bytes.
    pub(crate) const fn crc(&self) -> u32 {
        self.crc
    }

    /// How many bytes, modulo 2^16.
    pub(super) fn position(&self) -> u16 {
        let [low, high, ..] = self.size.to_le_bytes();
        u16::from_le_bytes([low, high])
    }

    pub(super) fn trailer(&self) -> [u8; 8] {
        (u64::from(self.size) << 32 | u64::from(self.crc)).to_le_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::Checksum;

    #[test]
    fn the_crc_is_the_one_that_every_list_of_crcs_gives() {
        let mut sum = Checksum::default();
        for piece in [&b"1234"[..], b"", b"56789"] {
            sum.add(piece);
        }
        assert_eq!(sum.trailer(), *b"\x26\x39\xf4\xcb\x09\0\0\0");
        assert_eq!(sum.position(), 9);
    }
}
