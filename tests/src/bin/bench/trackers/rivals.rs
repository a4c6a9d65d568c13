//! Programs of others that are in no distribution: built from the crate registry, once, into the
//! target folder.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A program of the aquatic project.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Rival {
    /// `aquatic_udp`, which waits for its sockets by epoll.
    Udp,
    /// The same, built with io_uring.
    UdpRing,
    /// `aquatic_udp_load_test`.
    LoadTest,
}

/// The last version released, of all of them.
const VERSION: &str = "0.9.0";

impl Rival {
    /// Where it is, once it's installed by [`install`](Self::install).
    pub(crate) fn file(self) -> PathBuf {
        folder().join(self.root()).join("bin").join(self.package())
    }

    /// Builds it unless it is there.
    ///
    /// # Errors
    ///
    /// Why it can't be built: the last line that cargo says.
    pub(crate) fn install(self) -> Result<(), String> {
        if self.file().exists() {
            return Ok(());
        }
        println!("{} {VERSION} is built, once.", self.package());
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        // Without the lock file that it was released with: today's compilers refuse a dependency
        // in it.
        command
            .args(["install", "--version", VERSION, self.package()])
            .args(self.features())
            .arg("--root")
            .arg(folder().join(self.root()))
            .arg("--target-dir")
            .arg(folder().join("build"))
            .stdin(Stdio::null());
        let output = command.output().map_err(|error| error.to_string())?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let mut errors = said.lines().filter(|line| line.starts_with("error"));
        let reason = errors.next_back().unwrap_or("cargo says nothing");
        Err(format!("{} can't be built: {reason}", self.package()))
    }

    const fn package(self) -> &'static str {
        match self {
            Self::Udp | Self::UdpRing => "aquatic_udp",
            Self::LoadTest => "aquatic_udp_load_test",
        }
    }

    const fn root(self) -> &'static str {
        match self {
            Self::Udp => "epoll",
            Self::UdpRing => "io_uring",
            Self::LoadTest => "load_test",
        }
    }

    const fn features(self) -> &'static [&'static str] {
        match self {
            Self::UdpRing => &["--features", "io-uring"],
            Self::Udp | Self::LoadTest => &[],
        }
    }
}

/// In the target folder, where nothing is kept in the repository.
fn folder() -> PathBuf {
    target_folder().join("rivals")
}

/// The folder that cargo builds in: two above this program.
pub(crate) fn target_folder() -> PathBuf {
    let own = env::current_exe().unwrap_or_default();
    let target = own.parent().and_then(Path::parent);
    target.map_or_else(PathBuf::new, PathBuf::from)
}
