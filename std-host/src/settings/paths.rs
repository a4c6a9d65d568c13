//! Where paths lead before root has given up its rights, as they will lead after that.

use std::path::{Path, PathBuf};

/// Where `path` leads once root has changed its root directory to `rootdir`, or anybody else the
/// working directory.
pub(crate) fn resolve(rootdir: Option<&Path>, root: bool, path: &Path) -> PathBuf {
    let outside = path;
    let path = if root {
        path.strip_prefix("/").unwrap_or(path)
    } else {
        path
    };
    let base = match (rootdir, root) {
        (Some(rootdir), _) => rootdir,
        (None, true) => Path::new("/"),
        (None, false) => return path.into(),
    };
    let inside = base.join(path);
    // As `Settings::enter_rootdir` has it.
    if root && outside.starts_with(base) && !inside.exists() {
        return outside.into();
    }
    inside
}
