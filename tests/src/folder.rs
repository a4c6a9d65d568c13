//! A folder of a test's own, that the program may read whoever it runs as.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// Such a folder, gone with the value.
pub struct Folder(PathBuf);

impl Folder {
    /// A new one, with `name` in its name.
    ///
    /// # Panics
    ///
    /// If it can't be made; so does [`write`](Self::write).
    pub fn new(name: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("wrtracker-{name}-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).expect("a folder");
        fs::set_permissions(&path, Permissions::from_mode(0o755)).expect("a folder for all");
        Self(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file in it that everybody may read, and returns its path.
    pub fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        fs::write(&path, text).expect("to write a file");
        fs::set_permissions(&path, Permissions::from_mode(0o644)).expect("a file for all");
        path.to_str().expect("a path that is text").into()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
