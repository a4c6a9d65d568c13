//! The addresses of a host.

use core::net::{IpAddr, SocketAddr};
use std::net::ToSocketAddrs as _;
use std::sync::mpsc;
use std::thread;

use super::deadline::Deadline;
use super::failure::Failure;

/// A family of addresses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// Most addresses of a host that are tried.
const MOST: usize = 8;

/// The addresses of a host: the first eight, only those of a family if one is given.
///
/// # Errors
///
/// [`Failure::TimedOut`] if the name takes too long to be looked up, which goes on behind,
/// [`Failure::System`] if it can't be, [`Failure::NoAddress`] if there is none.
pub fn resolve(
    host: &str,
    port: u16,
    family: Option<Family>,
    deadline: Deadline,
) -> Result<Vec<SocketAddr>, Failure> {
    let found = match host.parse::<IpAddr>() {
        Ok(ip) => vec![SocketAddr::new(ip, port)],
        Err(_) => look_up(host, port, deadline)?,
    };
    let wanted = |address: &SocketAddr| match family {
        Some(Family::V4) => address.is_ipv4(),
        Some(Family::V6) => address.is_ipv6(),
        None => true,
    };
    let addresses: Vec<_> = found.into_iter().filter(wanted).take(MOST).collect();
    if addresses.is_empty() {
        return Err(Failure::NoAddress);
    }
    Ok(addresses)
}

/// Asks the system's resolver, which knows no time-out of ours: in a thread that may be left alone.
fn look_up(host: &str, port: u16, deadline: Deadline) -> Result<Vec<SocketAddr>, Failure> {
    let (sender, receiver) = mpsc::channel();
    let name = host.to_owned();
    thread::Builder::new().spawn(move || {
        let found = (name.as_str(), port).to_socket_addrs();
        // Nobody may be there any more.
        let _ = sender.send(found.map(Iterator::collect));
    })?;
    match receiver.recv_timeout(deadline.left()?) {
        Ok(found) => Ok(found?),
        Err(_) => Err(Failure::TimedOut(0)),
    }
}

/// Asks one address of the host after the other until one answers, each in its share of the time.
///
/// # Errors
///
/// As [`resolve`], and the last failure.
pub fn first_answer<T>(
    addresses: &[SocketAddr],
    deadline: Deadline,
    mut ask: impl FnMut(SocketAddr, Deadline) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let mut last = Failure::NoAddress;
    for (nth, address) in addresses.iter().enumerate() {
        match ask(*address, deadline.share(addresses.len() - nth)?) {
            Err(failure) if failure.is_of_the_address() => last = failure,
            done => return done,
        }
    }
    Err(last)
}
