//! TLS, in a build without it: there are no sessions, and settings that ask for some are refused.

use core::convert::Infallible;
use core::fmt;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fd::OwnedFd;
use wrtracker_core::time::Secs;

use crate::plan::Plan;
use crate::settings::Settings;
use crate::tcp::Step;

/// Bytes of memory that a session takes at rest: there is none.
pub(crate) const BYTES_PER_SESSION: usize = 0;

/// Bytes that a session can hold beyond that: there is none.
pub(crate) const MOST_HELD: usize = 0;

/// Bytes of memory that all sessions share.
pub(crate) const SCRATCH_BYTES: usize = 0;

/// A certificate with its key: never.
#[derive(Clone, Debug)]
pub struct Credentials(Infallible);

impl fmt::Display for Credentials {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {}
    }
}

impl Credentials {
    /// Nothing: no settings ask for it.
    ///
    /// # Errors
    ///
    /// None.
    pub fn load(_: &Settings, _: impl Fn(&Path) -> PathBuf) -> Result<Option<Self>, Infallible> {
        Ok(None)
    }
}

/// What sessions need: nothing.
pub(crate) struct Tls;

impl Tls {
    pub(crate) const fn new(_: &Plan) -> io::Result<Self> {
        Ok(Self)
    }

    pub(crate) const fn set_credentials(&mut self, credentials: Credentials) {
        match credentials.0 {}
    }

    pub(crate) const fn is_full(&self) -> bool {
        false
    }

    pub(crate) const fn open(&self, _: Secs) -> Option<Session> {
        None
    }
}

/// A session: never.
pub(crate) enum Session {}

impl Session {
    pub(crate) const fn last(&self) -> Secs {
        match *self {}
    }

    pub(crate) const fn held(&self) -> usize {
        match *self {}
    }

    pub(crate) const fn has_unsent(&self) -> bool {
        match *self {}
    }

    pub(crate) const fn has_input(&self) -> bool {
        match *self {}
    }

    pub(crate) const fn is_within_budget(&mut self) -> bool {
        match *self {}
    }

    pub(crate) const fn read(
        &mut self,
        _: &OwnedFd,
        _: &Tls,
        _: &mut [u8],
        _: Secs,
    ) -> Result<usize, Step> {
        match *self {}
    }

    pub(crate) const fn put(&mut self, _: &OwnedFd, _: &[u8]) -> Option<usize> {
        match *self {}
    }

    pub(crate) const fn flush(&mut self, _: &OwnedFd) -> Option<bool> {
        match *self {}
    }

    pub(crate) const fn has_said_goodbye(&self) -> bool {
        match *self {}
    }

    pub(crate) const fn say_goodbye(&mut self) {
        match *self {}
    }
}
