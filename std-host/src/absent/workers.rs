//! UDP workers, in a build without them: the event loop answers all.

use std::io;
use std::sync::Arc;

use wrtracker_core::policy::Policy;
use wrtracker_core::tracker::{Secrets, Tracker};

use crate::listen::Listener;
use crate::plan::Plan;
use crate::server::StartError;
use crate::sync::LiveSync;
use crate::uptime::Uptime;

/// What a worker takes, if there were any.
pub const BYTES_EACH: usize = 0;

/// Nobody.
pub(crate) struct Crew;

impl Crew {
    /// A tracker that has the swarms in `arena` to itself.
    ///
    /// # Errors
    ///
    /// For want of memory.
    pub(crate) fn new(
        _: &Plan,
        arena: &'static mut [u32],
        secrets: &Secrets,
        policy: Policy,
    ) -> Result<(Tracker<'static>, Self), StartError> {
        let too_small = |_| StartError::Memory(io::ErrorKind::OutOfMemory.into());
        let tracker = Tracker::new(arena, secrets, policy).map_err(too_small)?;
        Ok((tracker, Self))
    }

    pub(crate) const fn is_empty(&self) -> bool {
        true
    }
}

/// None.
pub(crate) struct Workers;

impl Workers {
    pub(crate) const fn waiting(_: Crew) -> Self {
        Self
    }

    #[allow(clippy::unnecessary_wraps, reason = "as with workers")]
    pub(crate) const fn start(
        &mut self,
        _: &[Listener],
        _: Option<&Arc<LiveSync>>,
        _: Uptime,
    ) -> Result<(), StartError> {
        Ok(())
    }

    pub(crate) const fn is_empty(&self) -> bool {
        true
    }

    pub(crate) const fn end(&mut self) {}
}
