//! Where a process listens, as the kernel tells it.

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The sockets that process `pid` takes datagrams or connections on, for example
/// `udp [::1]:6969`, in order. Empty if there is no such process.
pub(crate) fn of(pid: u32) -> Vec<String> {
    let inodes = inodes(pid);
    let mut found = Vec::new();
    // A UDP socket that is connected is nobody's to write to, and so is a TCP connection.
    for (file, name, state) in [
        ("tcp", "tcp", "0A"),
        ("tcp6", "tcp", "0A"),
        ("udp", "udp", "07"),
        ("udp6", "udp", "07"),
    ] {
        let table = fs::read_to_string(format!("/proc/{pid}/net/{file}")).unwrap_or_default();
        for line in table.lines().skip(1) {
            let fields: Vec<_> = line.split_whitespace().collect();
            if let (Some(address), Some(inode)) = (fields.get(1), fields.get(9))
                && fields.get(3) == Some(&state)
                && inodes.contains(*inode)
                && let Some(address) = parse(address)
            {
                found.push(format!("{name} {address}"));
            }
        }
    }
    found.sort();
    // A table that changes while it is read may tell of a socket twice.
    found.dedup();
    found
}

/// The numbers of the sockets that a process has open.
fn inodes(pid: u32) -> BTreeSet<String> {
    let Ok(folder) = fs::read_dir(format!("/proc/{pid}/fd")) else {
        return BTreeSet::new();
    };
    let links = folder.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    links
        .filter_map(|link| {
            let inode = link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?;
            Some(inode.to_owned())
        })
        .collect()
}

/// `0100007F:1B39` or the same with 32 digits: words in the machine's byte order, then the port.
fn parse(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let mut words = Vec::new();
    for at in (0..ip.len()).step_by(8) {
        let word = u32::from_str_radix(ip.get(at..at + 8)?, 16).ok()?;
        words.extend(word.to_ne_bytes());
    }
    let ip = match (
        <[u8; 4]>::try_from(words.as_slice()),
        <[u8; 16]>::try_from(words.as_slice()),
    ) {
        (Ok(v4), _) => IpAddr::V4(Ipv4Addr::from(v4)),
        (_, Ok(v6)) => IpAddr::V6(Ipv6Addr::from(v6)),
        _ => return None,
    };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream, UdpSocket};

    #[test]
    fn our_own_sockets_are_found() {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(tcp.local_addr().unwrap()).unwrap();
        let found = super::of(std::process::id());
        for socket in [
            format!("tcp {}", tcp.local_addr().unwrap()),
            format!("udp {}", udp.local_addr().unwrap()),
        ] {
            assert!(found.contains(&socket), "{socket} in {found:?}");
        }
        let connection = format!("tcp {}", client.local_addr().unwrap());
        assert!(!found.contains(&connection), "{connection} in {found:?}");
    }
}
