use core::net::IpAddr;
use core::num::NonZeroU8;
use std::string::String;
use std::vec;
use std::vec::Vec;

use super::{CLOCK_IS_SET, Cursor, EXPIRED_FOR, Key, Keys, Opened, Origin, Refusal, Terms};
use crate::access::Full;
use crate::time::Secs;
use crate::wire::InfoHash;

const SECRET: &[u8; 16] = b"0123456789abcdef";
const EVER: Terms = Terms {
    valid_until: None,
    info_hash: None,
    most_peers: None,
    origin: Origin::Granted,
};
const OF_FILE: Terms = Terms {
    origin: Origin::File,
    ..EVER
};
const NOW: u64 = CLOCK_IS_SET + 1_000;

fn key(number: usize) -> Key {
    Key::parse(std::format!("{number:032}").as_bytes()).unwrap()
}

fn all(keys: &Keys<'_>) -> Vec<String> {
    let mut cursor = Cursor::default();
    let mut all: Vec<String> = core::iter::from_fn(|| keys.next(&mut cursor))
        .map(|(key, _)| key.text().trim_start_matches('0').into())
        .collect();
    all.sort();
    all
}

#[test]
fn terms_are_kept_to_the_last_bit() {
    let mut memory = vec![0; Keys::words(10)];
    let mut keys = Keys::new(&mut memory, 10, SECRET);
    let all = [
        EVER,
        OF_FILE,
        Terms {
            valid_until: Some(0),
            ..EVER
        },
        Terms {
            valid_until: Some((1 << 48) - 1),
            info_hash: Some(InfoHash([0xfe; 20])),
            most_peers: Some(NonZeroU8::MAX),
            origin: Origin::File,
        },
        Terms {
            info_hash: Some(InfoHash(*b"abcdefghijklmnopqrst")),
            most_peers: NonZeroU8::new(1),
            ..EVER
        },
    ];
    for (nth, terms) in all.iter().enumerate() {
        assert_eq!(keys.insert(&key(nth), terms), Ok(true));
    }
    for (nth, terms) in all.iter().enumerate() {
        assert_eq!(keys.get(&key(nth)), Some(*terms));
    }
    // What is changed is changed altogether.
    for (nth, terms) in all.iter().rev().enumerate() {
        assert_eq!(keys.insert(&key(nth), terms), Ok(false));
        assert_eq!(keys.get(&key(nth)), Some(*terms));
    }
    assert_eq!(keys.len(), 5);
    assert_eq!(std::format!("{keys:?}"), "5 of 10 keys");
    for nth in 0..5 {
        assert!(keys.remove(&key(nth)).is_some() && keys.remove(&key(nth)).is_none());
    }
    assert!(keys.is_empty());
    assert!(memory.iter().all(|word| *word == 0));
}

#[test]
fn there_is_room_for_as_many_as_were_asked_for() {
    for entries in [0, 1, 2, 7, 8, 100, 1_000] {
        let mut memory = vec![0; Keys::words(entries)];
        let mut keys = Keys::new(&mut memory, entries, SECRET);
        let count = keys.capacity();
        assert!(
            count >= entries && count <= entries + 1,
            "{entries} {count}"
        );
        for nth in 0..count {
            assert_eq!(keys.insert(&key(nth), &EVER), Ok(true));
        }
        assert_eq!(keys.insert(&key(count), &EVER), Err(Full));
        assert!((0..count).all(|nth| keys.insert(&key(nth), &OF_FILE) == Ok(false)));
        assert_eq!(all(&keys).len(), count);
        assert!((0..count).all(|nth| keys.remove(&key(nth)).is_some()));
        assert!(memory.iter().all(|word| *word == 0));
    }
}

#[test]
fn a_key_opens_what_it_is_good_for() {
    let mut memory = vec![0; Keys::words(10)];
    let mut keys = Keys::new(&mut memory, 10, SECRET);
    let (a, b) = (InfoHash([1; 20]), InfoHash([2; 20]));
    let bound = Terms {
        info_hash: Some(a),
        ..EVER
    };
    let two = NonZeroU8::new(2).unwrap();
    let limited = Terms {
        most_peers: Some(two),
        ..EVER
    };
    let until = Terms {
        valid_until: Some(NOW),
        ..EVER
    };
    for (nth, terms) in [EVER, bound, limited, until].iter().enumerate() {
        keys.insert(&key(nth), terms).unwrap();
    }
    assert_eq!(keys.open(&key(0), &a), Ok(Opened::Plain));
    assert_eq!(keys.open(&key(1), &a), Ok(Opened::Plain));
    assert_eq!(keys.open(&key(1), &b), Err(Refusal::OtherTorrent));
    assert_eq!(keys.open(&key(2), &b), Ok(Opened::Limited(two)));
    assert_eq!(keys.open(&key(9), &a), Err(Refusal::UnknownKey));
    // Nothing expires before the clock is set, whatever it says.
    for (clock, expected) in [
        (0, Ok(Opened::Plain)),
        (NOW, Ok(Opened::Plain)),
        (NOW + 1, Err(Refusal::ExpiredKey)),
        (CLOCK_IS_SET - 1, Ok(Opened::Plain)),
        (u64::MAX, Err(Refusal::ExpiredKey)),
        (NOW - 1, Ok(Opened::Plain)),
    ] {
        keys.set_wall_clock(clock);
        assert_eq!(keys.open(&key(3), &a), expected, "{clock}");
        assert_eq!(keys.open(&key(0), &a), Ok(Opened::Plain));
    }
    // Three addresses of which two may use it.
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    for (address, expected) in [
        ("192.0.2.1", true),
        ("2001:db8::1", true),
        ("192.0.2.2", false),
        ("2001:db8::2", true),
        ("2001:db8:0:1::1", false),
    ] {
        let taken = keys.take_place(&key(2), two, ip(address), Secs(7), 100);
        assert_eq!(taken, expected, "{address}");
    }
    keys.leave_place(&key(2), two, ip("2001:db8::3"));
    assert!(keys.take_place(&key(2), two, ip("192.0.2.2"), Secs(7), 100));
}

#[test]
fn an_expired_key_is_listed_for_a_day() {
    let mut memory = vec![0; Keys::words(100)];
    let mut keys = Keys::new(&mut memory, 100, SECRET);
    for nth in 0..100 {
        let valid_until = (nth % 2 == 1).then_some(NOW + nth as u64);
        let terms = Terms {
            valid_until,
            ..EVER
        };
        keys.insert(&key(nth), &terms).unwrap();
    }
    for (clock, left) in [
        (0, 100),
        (NOW + 99, 100),
        (NOW + EXPIRED_FOR, 100),
        (NOW + EXPIRED_FOR + 2, 99),
        (NOW + EXPIRED_FOR + 50, 75),
        (0, 75),
        (u64::MAX, 50),
    ] {
        keys.set_wall_clock(clock);
        keys.sweep(1_000);
        assert_eq!((keys.len(), all(&keys).len()), (left, left), "{clock}");
    }
}

#[test]
fn a_load_replaces_the_keys_of_the_file_and_no_others() {
    let mut memory = vec![0; Keys::words(100)];
    let mut keys = Keys::new(&mut memory, 100, SECRET);
    keys.insert(&key(1), &EVER).unwrap();
    assert!(keys.begin());
    for nth in [1, 2, 3, 3] {
        keys.load(&key(nth), &OF_FILE).unwrap();
    }
    // Not yet.
    assert_eq!(all(&keys), ["1"]);
    // Meanwhile somebody grants one and removes one that come in the file too.
    keys.insert(&key(3), &EVER).unwrap();
    assert_eq!(keys.remove(&key(2)), None);
    keys.load(&key(4), &OF_FILE).unwrap();
    assert_eq!(keys.commit(), 1);
    assert_eq!(all(&keys), ["1", "3", "4"]);
    assert_eq!(keys.get(&key(3)).unwrap().origin, Origin::Granted);
    // One that is given up.
    assert!(keys.begin());
    keys.load(&key(5), &OF_FILE).unwrap();
    keys.abort();
    assert_eq!(all(&keys), ["1", "3", "4"]);
    assert!(!keys.is_swept() && !keys.begin());
    keys.sweep(200);
    assert!(keys.is_swept() && keys.begin());
    // A key that was there, with other terms, and one that is gone.
    let until = Terms {
        valid_until: Some(5),
        ..OF_FILE
    };
    keys.load(&key(4), &until).unwrap();
    keys.load(&key(6), &OF_FILE).unwrap();
    assert_eq!(keys.get(&key(4)), Some(OF_FILE));
    keys.commit();
    assert_eq!(keys.get(&key(4)), Some(until));
    assert_eq!(all(&keys), ["1", "3", "4", "6"]);
    keys.sweep(200);
    assert_eq!((keys.len(), keys.is_swept()), (4, true));
    assert!(keys.begin());
    keys.commit();
    assert_eq!(all(&keys), ["1", "3"]);
    keys.sweep(200);
    keys.remove(&key(1));
    keys.remove(&key(3));
    assert!(memory.iter().all(|word| *word == 0));
}

#[test]
fn a_load_that_has_no_room_changes_nothing() {
    let mut memory = vec![0; Keys::words(10)];
    let mut keys = Keys::new(&mut memory, 10, SECRET);
    for nth in 0..6 {
        keys.insert(&key(nth), &OF_FILE).unwrap();
    }
    assert!(keys.begin());
    for nth in 0..4 {
        keys.load(&key(nth), &OF_FILE).unwrap();
    }
    assert_eq!(keys.load(&key(4), &OF_FILE), Err(Full));
    keys.abort();
    assert_eq!(keys.len(), 6);
    keys.sweep(100);
    assert!((0..6).all(|nth| keys.get(&key(nth)).is_some()));
}

#[test]
fn memory_that_is_not_zero_gives_wrong_answers_and_no_panic() {
    let mut memory = vec![u32::MAX; Keys::words(9)];
    let mut keys = Keys::new(&mut memory, 9, SECRET);
    assert_eq!(keys.insert(&key(1), &EVER), Err(Full));
    assert!(keys.get(&key(1)).is_none() && keys.remove(&key(1)).is_none());
    keys.sweep(100);
    // Less of it than there should be.
    let mut keys = Keys::new(&mut [], 9, SECRET);
    assert_eq!(keys.insert(&key(1), &EVER), Err(Full));
    assert!(keys.take_place(&key(1), NonZeroU8::MIN, [1, 2, 3, 4].into(), Secs(1), 9));
}
