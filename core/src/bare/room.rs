//! The memory of a driver, which whoever owns the machine gives it.

use smoltcp::iface::SocketStorage;
use smoltcp::wire::DhcpOption;

use super::seat::Seat;
use crate::http::{self, Slot};

/// Places for `N` connections and one for DHCP: what isn't bytes.
///
/// A place takes about 600 bytes on a 32-bit processor, besides its [`Sizes`]. At least two; a
/// quarter of them, and at least one, is kept for handshakes.
pub struct Room<'m, const N: usize> {
    pub(super) storage: [SocketStorage<'m>; N],
    pub(super) dhcp: [SocketStorage<'m>; 1],
    /// What DHCP is told besides.
    pub(super) options: [DhcpOption<'m>; 1],
    pub(super) seats: [Seat; N],
    pub(super) slots: [Slot; N],
}

impl<const N: usize> Room<'_, N> {
    /// Empty places.
    pub const fn new() -> Self {
        Self {
            storage: [SocketStorage::EMPTY; N],
            dhcp: [SocketStorage::EMPTY; 1],
            options: [DhcpOption {
                kind: HOST_NAME,
                data: &[],
            }],
            seats: [const { Seat::FREE }; N],
            slots: [Slot::EMPTY; N],
        }
    }
}

impl<const N: usize> Default for Room<'_, N> {
    fn default() -> Self {
        Self::new()
    }
}

/// The option of DHCP for a host's name (RFC 2132 section 3.14).
const HOST_NAME: u8 = 12;

/// How many bytes each thing gets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sizes {
    /// For what a connection has received and nobody has looked at: from 256. It is what a client
    /// may send at a time.
    pub receive: usize,
    /// For what a connection is sending and its client hasn't acknowledged: from 512.
    pub send: usize,
    /// Connections that may have more to be sent than that, or an incomplete request, at the same
    /// time: from 1, each with [`http::BUFFER_BYTES`].
    pub held: usize,
}

impl Sizes {
    /// What serves most: 1 KiB to receive, 2 KiB to send, two connections that hold 8 KiB.
    pub const DEFAULT: Self = Self {
        receive: 1024,
        send: 2048,
        held: 2,
    };

    /// Bytes of memory that a driver with so many connections needs.
    pub const fn bytes(&self, connections: usize) -> usize {
        let each = self.receive.saturating_add(self.send);
        each.saturating_mul(connections)
            .saturating_add(self.held.saturating_mul(http::BUFFER_BYTES))
            .saturating_add(http::LARGEST_REPLY)
    }
}
