//! Live sync: the trackers of a cluster tell each other of their peers, as opentracker does.
//!
//! Each tells all others by multicast of the peers that announce to it: [`Outbox`] collects what is
//! to tell until a packet is full or 15 seconds old. What the others tell is stored as if the peer
//! had announced here ([`apply`]), and is never told on. There is no order, no confirmation and no
//! proof of the sender but its address: a lost packet is made good by the peers' next announces.
//!
//! Nobody tells of an address that means another machine to everybody, such as a loopback or a
//! link-local one, and nobody believes that ([`NoWay`](crate::wire::live_sync::NoWay)); private
//! addresses are told, since a cluster may serve one site. A partial seed (BEP 21) is told as a
//! leecher: the packets have no word for it.

mod apply;
mod outbox;
#[cfg(test)]
mod tests;

pub use apply::{Refused, apply};
pub use outbox::{FULL_PACKETS, MOST_AGE, Memory, Outbox, RENEWAL};
