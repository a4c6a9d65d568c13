//! Looking for a byte, a word at a time.

const WORD: usize = size_of::<usize>();
const LOW_BITS: usize = usize::MAX / 0xff;
const HIGH_BITS: usize = LOW_BITS << 7;

/// Where the first `wanted` is, in about one step for each four or eight bytes.
pub(super) fn position(bytes: &[u8], wanted: u8) -> Option<usize> {
    position_of_either(bytes, wanted, wanted)
}

/// Where the first byte is that is one of the two, as [`position`].
#[inline]
pub(super) fn position_of_either(bytes: &[u8], one: u8, other: u8) -> Option<usize> {
    let (one_pattern, other_pattern) = (pattern(one), pattern(other));
    let (words, rest) = bytes.as_chunks::<WORD>();
    let mut at = 0usize;
    for word in words {
        let word = usize::from_le_bytes(*word);
        let equal = zeros(word ^ one_pattern) | zeros(word ^ other_pattern);
        if equal != 0 {
            return at.checked_add((equal.trailing_zeros() / 8) as usize);
        }
        at = at.saturating_add(WORD);
    }
    let behind = rest.iter().position(|&byte| byte == one || byte == other)?;
    at.checked_add(behind)
}

/// What stands before the first `separator` and, if there is one, what stands behind it.
pub(super) fn split(bytes: &[u8], separator: u8) -> (&[u8], Option<&[u8]>) {
    position(bytes, separator)
        .and_then(|at| bytes.split_at_checked(at))
        .map_or((bytes, None), |(before, behind)| {
            (before, behind.split_first().map(|(_, behind)| behind))
        })
}

const fn pattern(byte: u8) -> usize {
    LOW_BITS.wrapping_mul(byte as usize)
}

/// The lowest bit set is the high bit of the lowest byte that is 0; those above it may be wrong.
const fn zeros(word: usize) -> usize {
    word.wrapping_sub(LOW_BITS) & !word & HIGH_BITS
}

#[cfg(test)]
mod tests {
    use super::{position, position_of_either, split};

    #[test]
    fn the_first_one_is_found_wherever_it_is() {
        for length in 0..40 {
            for at in 0..length {
                for (fill, wanted) in [(0, 1), (1, 0), (0x0b, 0x0a), (0x8a, 0x0a), (0xff, 0xfe)] {
                    let mut bytes = std::vec![fill; length];
                    assert_eq!(position(&bytes, wanted), None);
                    bytes[at] = wanted;
                    assert_eq!(position(&bytes, wanted), Some(at));
                    assert_eq!(position_of_either(&bytes, wanted, 77), Some(at));
                    assert_eq!(position_of_either(&bytes, 77, wanted), Some(at));
                    bytes[at..].fill(wanted);
                    assert_eq!(position(&bytes, wanted), Some(at));
                }
            }
        }
    }

    #[test]
    fn a_split_leaves_the_separator_out() {
        assert_eq!(split(b"ab:cd:", b':'), (&b"ab"[..], Some(&b"cd:"[..])));
        assert_eq!(split(b"ab:", b':'), (&b"ab"[..], Some(&b""[..])));
        assert_eq!(split(b"ab", b':'), (&b"ab"[..], None));
    }
}
