//! Values in memory straight from the kernel that come one after another: room that none of them has
//! needed yet takes no memory.

use core::mem::MaybeUninit;
use core::ops::{Deref, DerefMut};
use core::ptr;
use core::slice;
use std::io;

use super::memory::reserve;

/// Room for values that stay for ever.
pub struct Room<T: 'static>(&'static mut [MaybeUninit<T>]);

impl<T: Clone> Room<T> {
    /// Room for `count` values.
    ///
    /// # Errors
    ///
    /// The kernel's, if it does not have that much to promise.
    pub fn new(count: usize) -> io::Result<Self> {
        reserve(count).map(Self)
    }

    /// The next `count` values, all of them as `value`; fewer if there is no more room.
    pub fn take(&mut self, count: usize, value: &T) -> &'static mut [T] {
        let room = core::mem::take(&mut self.0);
        let (taken, rest) = room.split_at_mut(count.min(room.len()));
        self.0 = rest;
        for place in &mut *taken {
            place.write(value.clone());
        }
        // SAFETY: all of them were written just now, and the slice is ours alone for ever.
        unsafe { slice::from_raw_parts_mut(taken.as_mut_ptr().cast(), taken.len()) }
    }
}

/// Values that are dropped with the row. Their memory is promised for good.
pub struct Row<T: 'static> {
    /// The first `len` of them are there.
    places: &'static mut [MaybeUninit<T>],
    len: usize,
}

impl<T> Row<T> {
    /// An empty row with room for `capacity` values.
    ///
    /// # Errors
    ///
    /// The kernel's, if it does not have that much to promise.
    pub fn new(capacity: usize) -> io::Result<Self> {
        let places = reserve(capacity)?;
        Ok(Self { places, len: 0 })
    }

    /// Adds a value at the end, or gives it back if there is no room.
    pub fn push(&mut self, value: T) -> Result<(), T> {
        let Some(place) = self.places.get_mut(self.len) else {
            return Err(value);
        };
        place.write(value);
        self.len += 1;
        Ok(())
    }
}

impl<T> Deref for Row<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: the first `len` places were written, and nobody changes them while we are borrowed.
        unsafe { slice::from_raw_parts(self.places.as_ptr().cast(), self.len) }
    }
}

impl<T> DerefMut for Row<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: the first `len` places were written, and they are ours alone while we are borrowed.
        unsafe { slice::from_raw_parts_mut(self.places.as_mut_ptr().cast(), self.len) }
    }
}

impl<T> Drop for Row<T> {
    fn drop(&mut self) {
        // SAFETY: these values are there, and nobody gets at them after us.
        unsafe { ptr::drop_in_place::<[T]>(&raw mut **self) };
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::{Room, Row};

    #[test]
    fn room_is_given_away_once_in_order() {
        let mut room = Room::new(5).expect("20 bytes");
        let (first, second) = (room.take(2, &7_u32), room.take(2, &8));
        first[1] = 1;
        assert_eq!(
            (&*first, &*second, room.0.len()),
            (&[7, 1][..], &[8, 8][..], 1)
        );
        assert_eq!(room.take(2, &9), [9], "no more than there is");
        assert!(room.take(1, &9).is_empty());
        assert!(Room::<u32>::new(0).expect("nothing").take(1, &9).is_empty());
    }

    #[test]
    fn a_row_takes_what_it_has_room_for_and_drops_it_once() {
        let value = Rc::new(());
        let mut row = Row::new(3).expect("24 bytes");
        for _ in 0..3 {
            row.push(Some(Rc::clone(&value))).expect("room");
        }
        assert_eq!(row.push(None), Err(None), "it is full");
        row[1] = None;
        assert_eq!((row.len(), Rc::strong_count(&value)), (3, 3));
        assert_eq!(row.iter().flatten().count(), 2);
        drop(row);
        assert_eq!(Rc::strong_count(&value), 1);
        let mut nothing = Row::new(0).expect("nothing");
        assert_eq!(nothing.push(1), Err(1));
        assert!(nothing.is_empty());
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri has less memory to refuse than a kernel")]
    fn what_nobody_has_is_refused() {
        assert!(Room::<u64>::new(usize::MAX).is_err());
        assert!(Row::<u64>::new(usize::MAX / 9).is_err());
    }
}
