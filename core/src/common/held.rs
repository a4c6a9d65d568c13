//! What is lent to a call: owned, or locked until it ends.

use core::ops::{Deref, DerefMut};
#[cfg(feature = "threads")]
use std::sync::{RwLockReadGuard, RwLockWriteGuard};

/// Something to look at. While it is there nobody changes it.
pub enum Seen<'t, T> {
    /// The tracker's own.
    Own(&'t T),
    /// Shared with others, who wait to change it.
    #[cfg(feature = "threads")]
    Locked(RwLockReadGuard<'t, T>),
}

/// Something to change. While it is there nobody else has it.
pub enum Held<'t, T> {
    /// The tracker's own.
    Own(&'t mut T),
    /// Shared with others, who wait.
    #[cfg(feature = "threads")]
    Locked(RwLockWriteGuard<'t, T>),
}

impl<T> Deref for Seen<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        match self {
            Self::Own(it) => it,
            #[cfg(feature = "threads")]
            Self::Locked(it) => it,
        }
    }
}

impl<T> Deref for Held<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        match self {
            Self::Own(it) => it,
            #[cfg(feature = "threads")]
            Self::Locked(it) => it,
        }
    }
}

impl<T> DerefMut for Held<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        match self {
            Self::Own(it) => it,
            #[cfg(feature = "threads")]
            Self::Locked(it) => it,
        }
    }
}
