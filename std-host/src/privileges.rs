//! Giving up root's rights, for good.
//!
//! Root is needed for ports below 1024 and for nothing else. What comes from the network is read
//! only after [`drop()`].

use core::fmt;
use std::env;
use std::io;
use std::os::unix::fs::chroot;
use std::path::{Path, PathBuf};

use rustix::process::{Gid, Uid, getegid, geteuid, getgid, getuid};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};

use crate::log;
use crate::users::{self, Identity};

/// Who to become if nothing else is said; opentracker's choice.
pub const DEFAULT_USER: &str = "nobody";

/// Who to become, and where.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted<'s> {
    /// The user, as [`Identity::find`] takes it; `None` is [`DEFAULT_USER`]. It counts only for
    /// root.
    pub user: Option<&'s str>,
    /// For root the new root directory, for others the new working directory.
    pub rootdir: Option<&'s Path>,
}

/// Who the program is from now on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dropped {
    /// It wasn't root and is who it was.
    WasNotRoot,
    /// It was root and is now this user, of this group.
    Became(Uid, Gid),
}

/// Rights could not be given up. The program must not go on.
#[derive(Debug)]
pub enum Error {
    /// The root directory, or for others than root the working directory, can't be that.
    Directory(PathBuf, io::Error),
    /// The kernel refuses to make it another user.
    Refused(Identity, io::Error),
    /// The user that was asked for is root, or of root's group.
    Root,
    /// The kernel did as asked, and still it has rights that the user hasn't.
    Kept,
}

impl fmt::Display for Error {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path, error) => {
                write!(to, "can't change to {}: {error}", path.display())
            }
            Self::Refused(who, error) => write!(
                to,
                "can't become user {} of group {}: {error}; start the program as that user",
                who.uid.as_raw(),
                who.gid.as_raw()
            ),
            Self::Root => to.write_str("refusing to run as root: choose another user with -u"),
            Self::Kept => to.write_str("still has root's rights after giving them up"),
        }
    }
}

impl core::error::Error for Error {}

/// Gives up root's rights, if the program has them.
///
/// Root looks up the user, changes the root directory if one is wanted, and becomes that user with
/// that user's groups and no others. Who isn't root changes the working directory if one is wanted.
///
/// To be called when all sockets are bound and everything is open that is outside of the root
/// directory, and before a second thread is started: to Linux each thread has rights of its own,
/// and this changes the caller's.
///
/// An unknown user is a warning, and the program becomes [`Identity::NOBODY`].
///
/// # Errors
///
/// [`Error`]: then the program has to end.
pub fn drop(wanted: &Wanted<'_>) -> Result<Dropped, Error> {
    if !geteuid().is_root() {
        if let Some(path) = wanted.rootdir {
            env::set_current_dir(path).map_err(|error| Error::Directory(path.into(), error))?;
        }
        return Ok(Dropped::WasNotRoot);
    }
    // Once the root directory is another, these files are others too, or none.
    let who = look_up(wanted.user.unwrap_or(DEFAULT_USER));
    if who.uid.is_root() || who.gid.is_root() {
        return Err(Error::Root);
    }
    if let Some(path) = wanted.rootdir {
        chroot(path).map_err(|error| Error::Directory(path.into(), error))?;
    }
    env::set_current_dir("/").map_err(|error| Error::Directory("/".into(), error))?;
    become_user(&who).map_err(|error| Error::Refused(who.clone(), error.into()))?;
    check(&who)?;
    Ok(Dropped::Became(who.uid, who.gid))
}

fn look_up(user: &str) -> Identity {
    let file = |path| {
        users::read(path).unwrap_or_else(|error| {
            log::warning(format_args!("{path}: {error}"));
            Vec::new()
        })
    };
    Identity::find(user, &file(users::PASSWD), &file(users::GROUP)).unwrap_or_else(|| {
        log::warning(format_args!(
            "there is no user {user}: becoming user and group 65534"
        ));
        Identity::NOBODY
    })
}

/// The groups go first: who isn't root any more can't change them.
fn become_user(who: &Identity) -> rustix::io::Result<()> {
    let (uid, gid) = (who.uid, who.gid);
    set_thread_groups(&who.groups)?;
    set_thread_res_gid(gid, gid, gid)?;
    set_thread_res_uid(uid, uid, uid)
}

/// Asks the kernel whether it is so.
fn check(who: &Identity) -> Result<(), Error> {
    let user = (getuid(), geteuid()) == (who.uid, who.uid);
    let group = (getgid(), getegid()) == (who.gid, who.gid);
    // Whoever still has the capability, or root as the saved user, could do this.
    let back = set_thread_res_uid(None, Uid::ROOT, None).is_ok()
        || set_thread_res_gid(None, Gid::ROOT, None).is_ok();
    if user && group && !back {
        Ok(())
    } else {
        Err(Error::Kept)
    }
}
