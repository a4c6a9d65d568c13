//! What several tests of the builder need: folders, commands, and a program that is none.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The top of the checkout.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .unwrap()
        .to_path_buf()
}

/// A folder that goes away with the value.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// An empty one; each test names its own.
    pub(crate) fn new(name: &str) -> Self {
        let path =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file into it.
    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What a command prints; it must succeed.
pub(crate) fn output(command: &mut Command) -> String {
    let output = run(command);
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Output {
    command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// The builder, with all files as old as [`TIME`].
pub(crate) fn builder(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wrtracker-openwrt"));
    command
        .args(arguments)
        .env("SOURCE_DATE_EPOCH", TIME.to_string());
    command
}

/// 2023-11-14 22:13:20 UTC.
pub(crate) const TIME: u64 = 1_700_000_000;

/// The head of a static program for little-endian MIPS, and then nothing that runs.
pub(crate) fn stand_in() -> Vec<u8> {
    let mut bytes = b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x08\0\x01\0\0\0".to_vec();
    // No segments, no sections, no flags; the size of this head.
    bytes.resize(40, 0);
    bytes.extend([52, 0, 32, 0, 0, 0, 40, 0, 0, 0, 0, 0]);
    bytes.extend((0..2_000u32).flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes()));
    bytes
}
