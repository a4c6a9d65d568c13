//! What was granted, as a JSON array: keys, or torrents.

use core::fmt::Write;

use super::Filled;
use crate::access::{Cursor, GrantedCursor};
use crate::http::KeyObject;
use crate::tracker::Tracker;
use crate::wire::{Hex, Out};

/// Such an array on its way. What is granted or taken back meanwhile may be told twice or not at
/// all.
#[derive(Clone, Debug)]
pub(crate) struct Listing {
    kind: Kind,
    /// Still to be passed over.
    skip: u32,
    /// Still to be told.
    left: u32,
    /// What stands before the next element.
    before: u8,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Keys(Cursor),
    Torrents(GrantedCursor),
}

/// More bytes than an element takes, with what stands before it and behind the last.
const LARGEST_ELEMENT: usize = 256;

/// Elements that are looked at in one call.
const STEPS: usize = 256;

impl Listing {
    pub(crate) fn keys(offset: u32, limit: u32) -> Self {
        Self::new(Kind::Keys(Cursor::default()), offset, limit)
    }

    pub(crate) fn torrents(offset: u32, limit: u32) -> Self {
        Self::new(Kind::Torrents(GrantedCursor::default()), offset, limit)
    }

    const fn new(kind: Kind, skip: u32, left: u32) -> Self {
        Self {
            kind,
            skip,
            left,
            before: b'[',
        }
    }

    /// Writes what fits, and looks at 256 elements at most.
    pub(super) fn fill(&mut self, tracker: &Tracker<'_>, out: &mut Out<'_>) -> Filled {
        let access = tracker.common.access();
        for _ in 0..STEPS {
            if out.room().len() < LARGEST_ELEMENT {
                return Filled::More;
            }
            let passed = self.skip > 0;
            let told = self.left > 0
                && match &mut self.kind {
                    Kind::Keys(cursor) => {
                        let next = access.keys.as_ref().and_then(|keys| keys.next(cursor));
                        next.is_some_and(|(key, terms)| {
                            if !passed {
                                out.put(&[self.before]);
                                let object = KeyObject {
                                    key: &key,
                                    terms: &terms,
                                    listed: true,
                                };
                                // There is room.
                                let _ = write!(out, "{object}");
                            }
                            true
                        })
                    }
                    Kind::Torrents(cursor) => {
                        let granted = access.granted.as_ref();
                        let next = granted.and_then(|granted| granted.next(cursor));
                        next.is_some_and(|hash| {
                            if !passed {
                                out.put(&[self.before]);
                                let _ = write!(out, "\"{}\"", Hex(&hash.0));
                            }
                            true
                        })
                    }
                };
            if !told {
                if self.before == b'[' {
                    out.put(b"[");
                }
                out.put(b"]");
                return Filled::Done;
            }
            if passed {
                self.skip = self.skip.saturating_sub(1);
            } else {
                self.left = self.left.saturating_sub(1);
                self.before = b',';
            }
        }
        Filled::More
    }
}
