//! Where a peer can be reached.

use core::net::{IpAddr, SocketAddr};
use core::num::NonZeroU16;

/// The address and port at which a peer takes connections: what identifies it within a swarm.
///
/// An IPv4 address mapped into IPv6 (`::ffff:a.b.c.d`) is never in here: it becomes IPv4 on the way
/// in (BEP 7).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PeerAddr {
    ip: IpAddr,
    port: NonZeroU16,
}

impl PeerAddr {
    /// The peer at `ip` and `port`, a mapped address made plain.
    pub const fn new(ip: IpAddr, port: NonZeroU16) -> Self {
        Self {
            ip: ip.to_canonical(),
            port,
        }
    }

    /// Its address.
    pub const fn ip(&self) -> IpAddr {
        self.ip
    }

    /// Its port.
    pub const fn port(&self) -> NonZeroU16 {
        self.port
    }
}

/// The 20 bytes by which a client names itself (BEP 3). They are told to the log and not stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PeerId(pub [u8; 20]);

impl From<PeerAddr> for SocketAddr {
    fn from(peer: PeerAddr) -> Self {
        Self::new(peer.ip, peer.port.get())
    }
}
