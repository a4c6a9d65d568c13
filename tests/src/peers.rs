//! Compact peer lists (BEP 23, BEP 7).

use std::net::{IpAddr, SocketAddr};

use crate::family::Family;

/// Takes a compact list apart: 6 bytes each of [`Family::V4`], 18 of [`Family::V6`].
///
/// # Panics
///
/// If the list isn't a whole number of peers, or one is in it twice.
pub fn parse_compact(list: &[u8], family: Family) -> Vec<SocketAddr> {
    let stride = match family {
        Family::V4 => 6,
        Family::V6 => 18,
    };
    assert_eq!(list.len() % stride, 0, "{} bytes of peers", list.len());
    let peers: Vec<_> = list
        .chunks(stride)
        .map(|peer| {
            let (ip, port) = peer.split_at(stride - 2);
            let ip = match family {
                Family::V4 => IpAddr::from(<[u8; 4]>::try_from(ip).unwrap()),
                Family::V6 => IpAddr::from(<[u8; 16]>::try_from(ip).unwrap()),
            };
            SocketAddr::new(ip, u16::from_be_bytes([port[0], port[1]]))
        })
        .collect();
    let mut sorted = peers.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(sorted.len(), peers.len(), "a peer twice in {peers:?}");
    peers
}

/// The ports of some peers, in order.
pub fn ports(peers: &[SocketAddr]) -> Vec<u16> {
    let mut ports: Vec<_> = peers.iter().map(SocketAddr::port).collect();
    ports.sort_unstable();
    ports
}
