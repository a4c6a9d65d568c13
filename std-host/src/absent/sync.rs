//! Live sync, in a build without it: who wants it is told at the start.

use core::fmt;
use core::net::SocketAddrV4;
use std::os::fd::OwnedFd;

use wrtracker_core::time::Secs;
use wrtracker_core::tracker::Tracker;

/// The sockets of live sync: there can't be any.
#[derive(Debug)]
pub struct LiveSync {
    pub(crate) incoming: OwnedFd,
    never: Never,
}

#[derive(Clone, Copy, Debug)]
enum Never {}

impl fmt::Display for LiveSync {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.never {}
    }
}

/// Live sync is left out.
#[derive(Debug)]
pub struct CannotSync;

impl fmt::Display for CannotSync {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("live sync is left out of this build")
    }
}

impl core::error::Error for CannotSync {}

impl LiveSync {
    /// Opens nothing.
    ///
    /// # Errors
    ///
    /// [`CannotSync`], always.
    pub const fn open(_: SocketAddrV4) -> Result<Self, CannotSync> {
        Err(CannotSync)
    }

    pub(crate) const fn attach(_: &mut Tracker<'static>, _: [u8; 4]) {}

    pub(crate) const fn receive(&self, _: &mut Tracker<'_>, _: Secs) {
        match self.never {}
    }

    pub(crate) const fn flush(&self, _: &mut Tracker<'_>, _: Secs) {
        match self.never {}
    }

    pub(crate) const fn finish(&self, _: &mut Tracker<'_>, _: Secs) {
        match self.never {}
    }
}

#[cfg(test)]
mod tests {
    use super::LiveSync;

    #[test]
    fn who_wants_live_sync_is_told_that_there_is_none() {
        let at = "192.0.2.1:9696".parse().unwrap();
        let problem = LiveSync::open(at).unwrap_err().to_string();
        assert_eq!(problem, "live sync is left out of this build");
    }
}
