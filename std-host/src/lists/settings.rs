//! What the operator says about access lists, and how much room they get.

use std::path::{Path, PathBuf};

use wrtracker_core::access::{AccessList, ChangeBytes, Granted, Keys, MOST_CHANGES};

use super::HAS_KEYS;
use super::key_file;
use super::loader::{Loader, Progress};
use crate::state::grants::count as count_grants;

/// What the operator says about access lists. The default is that there are none.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ListSettings {
    /// The file of the whitelist.
    pub whitelist: Option<PathBuf>,
    /// The file of the blacklist.
    pub blacklist: Option<PathBuf>,
    /// The FIFO whose hashes are added to the whitelist, or to the blacklist if that is the only
    /// one.
    pub fifo_add: Option<PathBuf>,
    /// The FIFO whose hashes are removed from the same.
    pub fifo_delete: Option<PathBuf>,
    /// Whether the files are loaded anew when they change.
    pub watch: bool,
    /// The file of keys.
    pub keys: Option<PathBuf>,
    /// Most keys; `None` is twice what their file and that of grants hold at start, at least 512.
    pub key_entries: Option<usize>,
    /// Whether keys are asked for at all.
    pub needs_keys: bool,
    /// The file of what was granted.
    pub grants: Option<PathBuf>,
    /// Most hashes in one list; `None` is twice what its file holds at start, at least 4096.
    pub entries: Option<usize>,
    /// Most hashes that programs can list, at least as many as were; 0 is no list.
    pub granted: usize,
    /// Whether programs can grant anything.
    pub has_api: bool,
}

/// How many hashes and keys there is room for; 0 where there is no list.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Entries {
    /// In the whitelist.
    pub whitelist: usize,
    /// In the blacklist.
    pub blacklist: usize,
    /// Keys.
    pub keys: usize,
    /// Hashes that programs can list.
    pub granted: usize,
    /// Changes that programs can make between two looks at them.
    pub changes: usize,
}

/// Room for hashes in a list whose file holds few.
const LEAST: usize = 4096;

/// Room for keys if their file holds few.
const LEAST_KEYS: usize = 512;

impl ListSettings {
    /// How many hashes there must be room for. Without a number from the operator the files are
    /// read, to the end; one that can't be read counts as empty.
    pub fn entries(&self) -> Entries {
        let entries = |path: &Option<PathBuf>| match (path, self.entries) {
            (None, _) => 0,
            (Some(_), Some(entries)) => entries,
            (Some(path), None) => count(path).saturating_mul(2).max(LEAST),
        };
        let in_file = self.grants.as_deref().map(count_grants).unwrap_or_default();
        let of_file = || {
            let count = self.keys.as_deref().map_or(0, key_file::count);
            count
                .saturating_add(in_file.keys)
                .saturating_mul(2)
                .max(LEAST_KEYS)
        };
        Entries {
            whitelist: entries(&self.whitelist),
            blacklist: entries(&self.blacklist),
            keys: if HAS_KEYS && self.needs_keys {
                self.key_entries.unwrap_or_else(of_file)
            } else {
                0
            },
            granted: match self.granted {
                0 => 0,
                most => most.max(in_file.torrents),
            },
            changes: if self.has_api { MOST_CHANGES } else { 0 },
        }
    }
}

impl Entries {
    /// Bytes that [`Lists::new`](super::Lists::new) reserves for them, both halves of each list.
    pub const fn bytes(self) -> usize {
        AccessList::words(self.whitelist)
            .saturating_add(AccessList::words(self.blacklist))
            .saturating_mul(size_of::<u64>())
            .saturating_add(self.key_bytes())
            .saturating_add(self.granted_bytes())
    }

    /// Bytes for what programs grant beside keys.
    pub const fn granted_bytes(self) -> usize {
        let listed = match self.granted {
            0 => 0,
            granted => Granted::words(granted).saturating_mul(size_of::<u32>()),
        };
        listed.saturating_add(self.changes.saturating_mul(size_of::<ChangeBytes>()))
    }

    /// Bytes of these for keys.
    pub const fn key_bytes(self) -> usize {
        match self.keys {
            0 => 0,
            keys => Keys::words(keys).saturating_mul(size_of::<u32>()),
        }
    }
}

/// The hashes in a file, twice the same counted twice.
fn count(path: &Path) -> usize {
    let mut count = 0usize;
    if let Ok(mut loader) = Loader::open(path) {
        let mut each = |_| {
            count += 1;
            Ok(())
        };
        while let Ok(Progress::More) = loader.step(&mut each) {}
    }
    count
}
