//! A configuration file for one test.

use std::fs::{self, File, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

/// A configuration file that all may read, whoever the program runs as, and that is gone with the
/// value.
#[derive(Debug)]
pub struct Conf(PathBuf);

impl Conf {
    /// A file with these directives.
    ///
    /// # Panics
    ///
    /// If it can't be written; so do all functions here.
    pub fn new(directives: &str) -> Self {
        // Processes in namespaces of their own have the same number.
        let paths = (0..).map(|number: u32| {
            let name = format!("wrtracker-{}-{number}.conf", std::process::id());
            std::env::temp_dir().join(name)
        });
        let mut created = paths.filter(|path| match File::create_new(path) {
            Ok(_) => true,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => false,
            Err(error) => panic!("{}: {error}", path.display()),
        });
        let this = Self(created.next().expect("a free name"));
        this.write(directives);
        this
    }

    /// Replaces the directives.
    pub fn write(&self, directives: &str) {
        fs::write(&self.0, directives).expect("to write a file");
        fs::set_permissions(&self.0, Permissions::from_mode(0o644)).expect("a file for all");
    }

    /// For `-f`.
    pub fn path(&self) -> &str {
        self.0.to_str().expect("a path that is text")
    }
}

impl Drop for Conf {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
