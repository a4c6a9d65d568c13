//! Bits into bytes, the lowest first (RFC 1951 section 3.1.1).

/// Bits that don't fill a byte yet: what is kept between calls.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Spare {
    bits: u8,
    /// 0 to 7.
    count: u8,
}

/// A writer into a slice that the caller has made large enough; what doesn't fit is lost.
pub(super) struct Bits<'b> {
    to: &'b mut [u8],
    used: usize,
    bits: u64,
    /// Below 32 between calls.
    count: u32,
}

impl<'b> Bits<'b> {
    pub(super) fn resume(spare: Spare, to: &'b mut [u8]) -> Self {
        Self {
            to,
            used: 0,
            bits: spare.bits.into(),
            count: spare.count.into(),
        }
    }

    /// Appends the lowest `count` bits of `bits`, at most 31; those above must be 0.
    #[inline]
    pub(super) fn put(&mut self, bits: u32, count: u32) {
        self.bits |= u64::from(bits) << self.count;
        self.count = self.count.saturating_add(count);
        if self.count >= 32 {
            let [a, b, c, d, ..] = self.bits.to_le_bytes();
            self.bytes(&[a, b, c, d]);
            self.bits >>= 32;
            self.count = self.count.saturating_sub(32);
        }
    }

    /// Fills the byte that is begun with zeros.
    pub(super) fn align(&mut self) {
        self.count = self.count.next_multiple_of(8);
    }

    /// Writes all full bytes. Returns how many were written since [`resume`](Self::resume), and the
    /// rest.
    pub(super) fn pause(mut self) -> (usize, Spare) {
        while self.count >= 8 {
            let [byte, ..] = self.bits.to_le_bytes();
            self.bytes(&[byte]);
            self.bits >>= 8;
            self.count = self.count.saturating_sub(8);
        }
        let [bits, ..] = self.bits.to_le_bytes();
        let [count, ..] = self.count.to_le_bytes();
        (self.used, Spare { bits, count })
    }

    #[inline]
    fn bytes(&mut self, bytes: &[u8]) {
        let end = self.used.saturating_add(bytes.len());
        let to = self.to.get_mut(self.used..end);
        debug_assert!(to.is_some(), "the caller made room");
        if let Some(to) = to {
            to.copy_from_slice(bytes);
            self.used = end;
        }
    }
}
