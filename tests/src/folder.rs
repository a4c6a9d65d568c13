//! A folder of a test's own, that the program may read whoever it runs as.

use std::fs::{self, Permissions};
use std::io::ErrorKind;
use std::ops::Deref;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// Such a folder, which stands for its path, and is gone with the value.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// A new one, with `name` in its name.
    ///
    /// # Panics
    ///
    /// If it can't be made; so do all functions here if something can't be done.
    pub fn new(name: &str) -> Self {
        Self::with_mode(name, 0o755)
    }

    /// The same, and the program may write there too.
    pub fn open_to_all(name: &str) -> Self {
        Self::with_mode(name, 0o777)
    }

    fn with_mode(name: &str, mode: u32) -> Self {
        // As the kernel will call it, whatever links lead there.
        let parent = fs::canonicalize(std::env::temp_dir()).expect("a folder for temporary files");
        // Processes in namespaces of their own have the same number, so that alone is no name.
        let paths = (0..).map(|number: u32| {
            parent.join(format!("wrtracker-{name}-{}-{number}", std::process::id()))
        });
        let mut made = paths.filter(|path| match fs::create_dir(path) {
            Ok(()) => true,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => false,
            Err(error) => panic!("{}: {error}", path.display()),
        });
        let path = made.next().expect("a free name");
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("a folder for all");
        Self(path)
    }

    /// Its path, for a command line or a configuration.
    pub fn text(&self) -> &str {
        self.0.to_str().expect("a path that is text")
    }

    /// The same of what is in it by that name, whether or not there is anything.
    pub fn path(&self, name: &str) -> String {
        let path = self.0.join(name);
        path.to_str().expect("a path that is text").into()
    }

    /// Writes a file in it that everybody may read, and returns its path.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        let readable = Permissions::from_mode(0o644);
        fs::write(&path, bytes)
            .and_then(|()| fs::set_permissions(&path, readable))
            .unwrap_or_else(|error| panic!("{path}: {error}"));
        path
    }

    /// Leaves it to whoever wants to look into it, and tells where it is.
    pub fn keep(mut self) -> PathBuf {
        // With an empty path, the value takes nothing with it.
        std::mem::take(&mut self.0)
    }
}

impl Deref for Folder {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A test may have closed it.
        let _ = fs::set_permissions(&self.0, Permissions::from_mode(0o777));
        let _ = fs::remove_dir_all(&self.0);
    }
}
