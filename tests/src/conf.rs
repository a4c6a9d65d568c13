//! A configuration file for one test.

use crate::folder::Folder;

/// A configuration file that all may read, whoever the program runs as, and that is gone with the
/// value.
#[derive(Debug)]
pub struct Conf {
    folder: Folder,
    path: String,
}

impl Conf {
    /// A file with these directives.
    ///
    /// # Panics
    ///
    /// If it can't be written; so do all functions here.
    pub fn new(directives: impl AsRef<[u8]>) -> Self {
        let folder = Folder::new("conf");
        let path = folder.write("conf", directives);
        Self { folder, path }
    }

    /// Replaces the directives.
    pub fn write(&self, directives: impl AsRef<[u8]>) {
        self.folder.write("conf", directives);
    }

    /// For `-f`.
    pub fn path(&self) -> &str {
        &self.path
    }
}
