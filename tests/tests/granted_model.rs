//! The torrents that are listed one at a time, against a set of the standard library.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;

use proptest::prelude::*;
use wrtracker_core::access::{Full, Granted, GrantedCursor};
use wrtracker_core::wire::InfoHash;

proptest! {
    #[test]
    fn it_is_a_set_of_bounded_size(
        entries in 0usize..12,
        steps in prop::collection::vec((any::<bool>(), 0u8..16), 0..200),
    ) {
        let mut memory = vec![0; Granted::words(entries)];
        let mut granted = Granted::new(&mut memory, &[9; 16]);
        prop_assert!(granted.capacity() >= entries);
        let mut reference = BTreeSet::new();
        for (adds, name) in steps {
            let hash = InfoHash([name; 20]);
            if adds {
                let expected = if reference.contains(&hash.0) {
                    Ok(false)
                } else if reference.len() == granted.capacity() {
                    Err(Full)
                } else {
                    reference.insert(hash.0);
                    Ok(true)
                };
                prop_assert_eq!(granted.insert(&hash), expected);
            } else {
                prop_assert_eq!(granted.remove(&hash), reference.remove(&hash.0));
            }
            prop_assert_eq!(granted.len(), reference.len());
            for name in 0..16 {
                let hash = InfoHash([name; 20]);
                prop_assert_eq!(granted.contains(&hash), reference.contains(&hash.0));
            }
            let mut cursor = GrantedCursor::default();
            let mut told = BTreeSet::new();
            while let Some(hash) = granted.next(&mut cursor) {
                prop_assert!(told.insert(hash.0));
            }
            prop_assert_eq!(&told, &reference);
        }
    }
}
