//! The texts behind the hashes of recent records, as their numbers and where they stand.

use super::template::{MOST_FIELDS, Marks, Template, Values};

/// How many different tails are remembered.
const COUNT: usize = 16;

/// How old a tail may become. A match reaches back 32,768 bytes (RFC 1951 section 2); a record with
/// the one before it is shorter than what is left.
const OLDEST: u16 = 32_768 - 512;

/// No tail with this number is remembered.
const NONE: u16 = u16::MAX;

/// The last tail, and different ones of the last 32 KiB, the one that was seen last first.
///
/// All positions are of the plain stream, modulo 2^16.
#[derive(Clone, Copy, Debug)]
pub(super) struct Recent {
    /// Where each constant of the last tail begins, its closing text included.
    last: Option<[u16; MOST_FIELDS + 1]>,
    /// How many tails are remembered.
    count: usize,
    /// Their numbers, by field.
    values: [[u16; COUNT]; MOST_FIELDS],
    /// Where they begin.
    starts: [u16; COUNT],
}

/// Which of the remembered tails have the same number in a field: a bit for each.
type Alike = [u32; MOST_FIELDS];

/// A stretch of an earlier tail that is equal to one of the new tail.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Found {
    /// How many numbers are in it.
    pub(super) numbers: usize,
    /// How far back it begins, from where the new tail's stretch does; 0 if there is none.
    pub(super) distance: u16,
}

impl Recent {
    pub(super) const EMPTY: Self = Self {
        last: None,
        count: 0,
        values: [[0; COUNT]; MOST_FIELDS],
        starts: [0; COUNT],
    };

    /// Compares the numbers of a new tail, which begins at `at`, with those that are remembered.
    /// Forgets what is too far back.
    pub(super) fn compare(&mut self, at: u16, values: &Values) -> Alike {
        while let Some(last) = self.count.checked_sub(1)
            && let Some(start) = self.starts.get(last)
            && at.wrapping_sub(*start) > OLDEST
        {
            self.count = last;
        }
        let known = 1u32.unbounded_shl(u32::try_from(self.count).unwrap_or(0));
        let known = known.wrapping_sub(1);
        let mut alike = Alike::default();
        for ((alike, &value), olds) in alike.iter_mut().zip(values).zip(&self.values) {
            let value = stored(value);
            if value == NONE {
                continue;
            }
            let mut bits = 0;
            for (nth, &old) in (0u32..).zip(olds) {
                bits |= u32::from(old == value) << nth;
            }
            *alike = bits & known;
        }
        alike
    }

    /// The longest stretch that begins with the constant of field `from` and is equal to that of
    /// the new tail; the nearest of several.
    ///
    /// `here` is where that constant begins, and `alike` what [`compare`](Self::compare) gave.
    #[inline]
    pub(super) fn find(
        &self,
        template: &Template,
        from: usize,
        here: u16,
        alike: &Alike,
    ) -> Option<Found> {
        let mut numbers = 0usize;
        let mut best = u32::MAX;
        for alike in alike.iter().take(template.fields.len()).skip(from) {
            if best & alike == 0 {
                break;
            }
            best &= alike;
            numbers = numbers.saturating_add(1);
        }
        let there = if numbers == 0 {
            *self.last?.get(from)?
        } else {
            let nth = usize::try_from(best.trailing_zeros()).ok()?;
            let mut values = Values::default();
            for (value, olds) in values.iter_mut().zip(&self.values) {
                *value = u32::from(*olds.get(nth)?);
            }
            let offset = template.offset(from, &values);
            self.starts.get(nth)?.wrapping_add(offset)
        };
        let distance = here.wrapping_sub(there);
        Some(Found { numbers, distance })
    }

    /// Remembers a tail.
    pub(super) fn remember(&mut self, at: u16, marks: &Marks, values: &Values, alike: &Alike) {
        self.last = Some(marks.map(|mark| at.wrapping_add(mark.constant.into())));
        let values = values.map(stored);
        if values.contains(&NONE) {
            return;
        }
        // The one that it takes the place of: itself, or the oldest.
        let known = alike.iter().fold(u32::MAX, |all, alike| all & alike);
        let mut place = usize::try_from(known.trailing_zeros()).unwrap_or(COUNT);
        if known == 0 {
            place = self.count.min(COUNT - 1);
            self.count = self.count.saturating_add(1).min(COUNT);
        }
        for (olds, value) in self.values.iter_mut().zip(values) {
            insert(olds, place, value);
        }
        insert(&mut self.starts, place, at);
    }
}

/// Puts `value` first and those before `place` one place on.
#[inline]
fn insert(list: &mut [u16; COUNT], place: usize, value: u16) {
    list.copy_within(..place.min(COUNT - 1), 1);
    if let Some(first) = list.first_mut() {
        *first = value;
    }
}

fn stored(value: u32) -> u16 {
    u16::try_from(value).unwrap_or(NONE)
}
