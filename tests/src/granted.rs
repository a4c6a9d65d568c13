//! What is granted, as a plain map: what the journal and the tables of the core are held against.

use std::collections::BTreeMap;

use wrtracker::log::{self, Level};
use wrtracker_core::access::{
    Access, Change, ChangeBytes, Cursor, Granted, GrantedCursor, Key, Keys,
};

/// What is granted: keys with their terms, and torrents, as they would be written.
pub type Map = BTreeMap<Vec<u8>, ChangeBytes>;

/// More than are ever granted.
const ROOM: usize = 1024;

/// Memory for tables of what is granted.
#[derive(Debug)]
pub struct Memory {
    keys: Vec<u32>,
    granted: Vec<u32>,
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl Memory {
    /// Room for 1,024 of each.
    pub fn new() -> Self {
        // There are thousands of starts.
        log::set_level(Level::Error);
        Self {
            keys: vec![0; Keys::words(ROOM)],
            granted: vec![0; Granted::words(ROOM)],
        }
    }

    /// Empty tables.
    pub fn access(&mut self) -> Access<'_> {
        self.keys.fill(0);
        self.granted.fill(0);
        Access {
            keys: Some(Keys::new(&mut self.keys, ROOM, &[1; 16])),
            granted: Some(Granted::new(&mut self.granted, &[2; 16])),
            ..Access::default()
        }
    }
}

/// A key for each number.
///
/// # Panics
///
/// Never.
pub fn key(number: u8) -> Key {
    Key::parse(format!("{number:032}").as_bytes()).expect("a key")
}

/// Enters a change in a map.
pub fn enter(map: &mut Map, change: &Change) {
    let bytes = change.to_bytes();
    match change {
        Change::Key(key, _) => drop(map.insert(key.text().into(), bytes)),
        Change::NoKey(key) => drop(map.remove(key.text().as_bytes())),
        Change::Listed(hash) => drop(map.insert(hash.0.to_vec(), bytes)),
        Change::NotListed(hash) => drop(map.remove(hash.0.as_slice())),
    }
}

/// Enters a change in tables that have room for it.
///
/// # Panics
///
/// If they have not.
pub fn enter_in(access: &mut Access<'_>, change: &Change) {
    let keys = access.keys.as_mut().expect("keys");
    let granted = access.granted.as_mut().expect("torrents");
    match change {
        Change::Key(key, terms) => drop(keys.insert(key, terms).expect("room")),
        Change::NoKey(key) => drop(keys.remove(key)),
        Change::Listed(hash) => drop(granted.insert(hash).expect("room")),
        Change::NotListed(hash) => drop(granted.remove(hash)),
    }
}

/// All that tables have.
///
/// # Panics
///
/// If there are no tables.
pub fn told(access: &Access<'_>) -> Map {
    let mut map = Map::new();
    let mut cursor = Cursor::default();
    let keys = access.keys.as_ref().expect("keys");
    while let Some((key, terms)) = keys.next(&mut cursor) {
        enter(&mut map, &Change::Key(key, terms));
    }
    let mut cursor = GrantedCursor::default();
    let granted = access.granted.as_ref().expect("torrents");
    while let Some(hash) = granted.next(&mut cursor) {
        enter(&mut map, &Change::Listed(hash));
    }
    map
}
