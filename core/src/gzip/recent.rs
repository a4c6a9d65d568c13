//! The texts behind the hashes of recent records, as their numbers and where they stand.

use super::template::{Template, Values};

/// Farthest that a match reaches back (RFC 1951 section 2).
const WINDOW: u16 = 32_768;

/// How many different ones are remembered.
const COUNT: usize = 16;

/// The last tail, and some that were last seen before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Recent {
    last: Option<(u32, Values)>,
    tails: [Tail; COUNT],
}

/// A remembered tail.
#[derive(Clone, Copy, Debug)]
struct Tail {
    /// Its numbers; [`NONE`] in an empty slot.
    values: [u16; 3],
    /// Where in the plain stream it begins, modulo 2^16.
    at: u16,
}

/// No tail with this number is remembered.
const NONE: u16 = u16::MAX;

/// A stretch of an earlier tail that is equal to one of the new tail.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Found {
    /// How many numbers are in it.
    pub(super) numbers: usize,
    /// How far back it begins, from where the new tail's stretch does: 1 to 32,768.
    pub(super) distance: usize,
}

impl Recent {
    pub(super) const EMPTY: Self = Self {
        last: None,
        tails: [Tail {
            values: [NONE; 3],
            at: 0,
        }; COUNT],
    };

    /// Remembers a tail that began at `at`.
    pub(super) fn remember(&mut self, at: u32, values: &Values) {
        self.last = Some((at, *values));
        let [low, high, ..] = at.to_le_bytes();
        let at = u16::from_le_bytes([low, high]);
        let values = values.map(|value| u16::try_from(value).unwrap_or(NONE));
        let known = !values.contains(&NONE);
        let mut oldest = (0, 0);
        for (nth, tail) in self.tails.iter_mut().enumerate() {
            let age = if tail.values == values {
                u16::MAX
            } else {
                at.wrapping_sub(tail.at)
            };
            // Before its position means another one.
            if age > WINDOW - 200 {
                tail.values = [NONE; 3];
            }
            let age = if tail.values[0] == NONE {
                u16::MAX
            } else {
                age
            };
            if age >= oldest.0 {
                oldest = (age, nth);
            }
        }
        if known && let Some(tail) = self.tails.get_mut(oldest.1) {
            *tail = Tail { values, at };
        }
    }

    /// The longest stretch that begins with the constant of field `from` and is equal to that of
    /// the tail with `values`, which begins at `at`; the nearest of several.
    pub(super) fn find(
        &self,
        template: &Template,
        from: usize,
        at: u32,
        values: &Values,
    ) -> Option<Found> {
        let fields = template.fields.len();
        let (last_at, last) = self.last?;
        let mut best = (same(&last, values, from, fields), last_at, last);
        let mut distance = at.wrapping_sub(last_at);
        for tail in &self.tails {
            let old = tail.values.map(u32::from);
            let [low, high, ..] = at.to_le_bytes();
            let far = u32::from(u16::from_le_bytes([low, high]).wrapping_sub(tail.at));
            if tail.values[0] == NONE || far > u32::from(WINDOW - 100) {
                continue;
            }
            let numbers = same(&old, values, from, fields);
            if numbers > best.0 || numbers == best.0 && far < distance {
                best = (numbers, at.wrapping_sub(far), old);
                distance = far;
            }
        }
        let (numbers, _, old) = best;
        let here = template.offset(from, values);
        let there = template.offset(from, &old);
        let distance = usize::try_from(distance)
            .ok()?
            .checked_add(here)?
            .checked_sub(there)?;
        (1..=usize::from(WINDOW))
            .contains(&distance)
            .then_some(Found { numbers, distance })
    }
}

fn same(a: &Values, b: &Values, from: usize, to: usize) -> usize {
    let pairs = a.iter().zip(b).take(to).skip(from);
    pairs.take_while(|(a, b)| a == b).count()
}
