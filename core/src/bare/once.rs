//! A device that hands out one frame: what the driver has looked at and leaves to the stack.

use smoltcp::phy::{Device, DeviceCapabilities, RxToken, TxToken};
use smoltcp::time::Instant;

/// One frame, and room to answer it.
pub(super) struct Once<'f, T> {
    frame: Option<(&'f [u8], T)>,
    capabilities: DeviceCapabilities,
}

impl<'f, T> Once<'f, T> {
    pub(super) const fn new(frame: &'f [u8], room: T, capabilities: DeviceCapabilities) -> Self {
        Self {
            frame: Some((frame, room)),
            capabilities,
        }
    }
}

pub(super) struct Frame<'f>(&'f [u8]);

impl RxToken for Frame<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, look: F) -> R {
        look(self.0)
    }
}

impl<T: TxToken> Device for Once<'_, T> {
    type RxToken<'a>
        = Frame<'a>
    where
        Self: 'a;
    type TxToken<'a>
        = T
    where
        Self: 'a;

    fn receive(&mut self, _: Instant) -> Option<(Frame<'_>, T)> {
        let (frame, room) = self.frame.take()?;
        Some((Frame(frame), room))
    }

    fn transmit(&mut self, _: Instant) -> Option<T> {
        None
    }

    fn capabilities(&self) -> DeviceCapabilities {
        self.capabilities.clone()
    }
}
