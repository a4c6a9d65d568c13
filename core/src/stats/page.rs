//! A page bit by bit, through a buffer of any size.

use core::fmt;

use crate::store::Progress;
use crate::wire::Out;

/// More bytes than any section of a page has: a buffer of this size always brings a page on.
pub const LARGEST_SECTION: usize = 256;

/// Writes whole sections from `cursor` on while `out` has room for them. `section` writes one,
/// which may be empty, and says whether there was such a number.
pub(super) fn emit(
    cursor: &mut u16,
    out: &mut Out<'_>,
    section: &mut dyn FnMut(u16, &mut Out<'_>) -> Result<bool, fmt::Error>,
) -> Progress {
    let mut bytes = [0; LARGEST_SECTION];
    loop {
        let mut one = Out::new(&mut bytes);
        if !matches!(section(*cursor, &mut one), Ok(true)) {
            return Progress::Done;
        }
        debug_assert!(!one.overflowed(), "a section longer than the longest");
        if one.len() > out.room().len() {
            return Progress::More;
        }
        out.put(one.written());
        *cursor = cursor.saturating_add(1);
    }
}
