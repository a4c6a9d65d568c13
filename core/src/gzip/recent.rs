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
    /// The last bytes of their numbers, as [`Style::last`](super::template::Style::last) says.
    lasts: [[u8; COUNT]; MOST_FIELDS],
    /// Where they begin.
    starts: [u16; COUNT],
}

/// Which of the remembered tails are like the new one in each field: a bit for each tail.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Alike {
    /// The number is the same.
    same: [u32; MOST_FIELDS],
    /// The number ends with the same byte.
    ends: [u32; MOST_FIELDS],
}

/// A stretch of an earlier tail that is equal to one of the new tail.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Found {
    /// How many numbers are in it.
    pub(super) numbers: usize,
    /// How far back it begins, from where the new tail's stretch does; 0 if there is none.
    pub(super) distance: u16,
    /// Whether the byte before it is the same too.
    pub(super) before: bool,
}

impl Recent {
    pub(super) const EMPTY: Self = Self {
        last: None,
        count: 0,
        values: [[0; COUNT]; MOST_FIELDS],
        lasts: [[0; COUNT]; MOST_FIELDS],
        starts: [0; COUNT],
    };

    /// Compares the numbers of a new tail, which begins at `at`, with those that are remembered.
    /// Forgets what is too far back.
    pub(super) fn compare(&mut self, template: &Template, at: u16, values: &Values) -> Alike {
        while let Some(last) = self.count.checked_sub(1)
            && let Some(start) = self.starts.get(last)
            && at.wrapping_sub(*start) > OLDEST
        {
            self.count = last;
        }
        let beyond = u32::MAX.unbounded_shl(u32::try_from(self.count).unwrap_or(0));
        let mut alike = Alike::default();
        let numbers = alike.same.iter_mut().zip(values).zip(&self.values);
        for ((same, &value), olds) in numbers {
            let value = stored(value);
            if value != NONE {
                *same = equal(olds, value) & !beyond;
            }
        }
        let ends = alike.ends.iter_mut().zip(lasts(template, values));
        for ((ends, last), olds) in ends.zip(&self.lasts) {
            if let Some(last) = last {
                *ends = equal(olds, last) & !beyond;
            }
        }
        alike
    }

    /// The longest stretch that begins with the constant of field `from` and is equal to that of
    /// the new tail; the nearest of several. With the byte before it, if as long a one has that.
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
        let fields = template.fields.len();
        let (numbers, any) = alike.longest(from, fields, u32::MAX);
        let before = from.checked_sub(1).and_then(|nth| alike.ends.get(nth));
        let (with, end) = alike.longest(from, fields, before.copied().unwrap_or(0));
        let before = end != 0 && with == numbers;
        let there = if numbers == 0 && !before {
            *self.last?.get(from)?
        } else {
            let best = if before { end } else { any };
            let nth = usize::try_from(best.trailing_zeros()).ok()?;
            let mut values = Values::default();
            for (value, olds) in values.iter_mut().zip(&self.values) {
                *value = u32::from(*olds.get(nth)?);
            }
            let offset = template.offset(from, &values);
            self.starts.get(nth)?.wrapping_add(offset)
        };
        let distance = here.wrapping_sub(there);
        Some(Found {
            numbers,
            distance,
            before,
        })
    }

    /// Remembers a tail.
    pub(super) fn remember(
        &mut self,
        template: &Template,
        at: u16,
        marks: &Marks,
        values: &Values,
        alike: &Alike,
    ) {
        self.last = Some(marks.map(|mark| at.wrapping_add(mark.constant.into())));
        let lasts = lasts(template, values);
        let values = values.map(stored);
        if values.contains(&NONE) {
            return;
        }
        // The one that it takes the place of: itself, or the oldest.
        let known = alike.same.iter().fold(u32::MAX, |all, alike| all & alike);
        let mut place = usize::try_from(known.trailing_zeros()).unwrap_or(COUNT);
        if known == 0 {
            place = self.count.min(COUNT - 1);
            self.count = self.count.saturating_add(1).min(COUNT);
        }
        for (olds, value) in self.values.iter_mut().zip(values) {
            insert(olds, place, value);
        }
        for (olds, last) in self.lasts.iter_mut().zip(lasts) {
            insert(olds, place, last.unwrap_or_default());
        }
        insert(&mut self.starts, place, at);
    }
}

impl Alike {
    /// How many numbers from field `from` on are the same in one of the tails of `of`, and in which
    /// of them.
    fn longest(&self, from: usize, fields: usize, of: u32) -> (usize, u32) {
        let mut numbers = 0usize;
        let mut best = of;
        for same in self.same.iter().take(fields).skip(from) {
            if best & same == 0 {
                break;
            }
            best &= same;
            numbers = numbers.saturating_add(1);
        }
        (numbers, best)
    }
}

/// The places of `list` that hold `value`, a bit for each.
#[inline]
fn equal<T: Copy + PartialEq>(list: &[T; COUNT], value: T) -> u32 {
    let bits = (0u32..).zip(list);
    bits.fold(0, |bits, (nth, &old)| bits | u32::from(old == value) << nth)
}

fn lasts(template: &Template, values: &Values) -> [Option<u8>; MOST_FIELDS] {
    let mut lasts = [None; MOST_FIELDS];
    for ((last, &(_, style)), &value) in lasts.iter_mut().zip(template.fields).zip(values) {
        *last = style.last(value);
    }
    lasts
}

/// Puts `value` first and those before `place` one place on.
#[inline]
fn insert<T: Copy>(list: &mut [T; COUNT], place: usize, value: T) {
    list.copy_within(..place.min(COUNT - 1), 1);
    if let Some(first) = list.first_mut() {
        *first = value;
    }
}

fn stored(value: u32) -> u16 {
    u16::try_from(value).unwrap_or(NONE)
}
