//! What an announce says.

use core::net::{IpAddr, Ipv4Addr};

/// What an announce says, beside the torrent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Announce {
    /// The client's name for itself.
    pub peer_id: [u8; 20],
    /// Bytes downloaded so far.
    pub downloaded: u64,
    /// Bytes still to download.
    pub left: u64,
    /// Bytes uploaded so far.
    pub uploaded: u64,
    /// What happened.
    pub event: Event,
    /// The address that the client says it has.
    pub ip: Option<IpAddr>,
    /// What the client proves itself by when its address changes.
    pub key: u32,
    /// Peers wanted; `None` leaves it to the tracker.
    pub wanted: Option<i32>,
    /// Where the client takes connections; 0 is nowhere.
    pub port: u16,
    /// Whether peers may come as bytes (BEP 23), over HTTP.
    pub compact: bool,
}

/// What happened. The numbers are those of BEP 15.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Event {
    /// Nothing.
    None = 0,
    /// The download was completed.
    Completed = 1,
    /// The client came.
    Started = 2,
    /// The client goes.
    Stopped = 3,
}

impl Event {
    /// All, by the names that they have in options.
    pub const NAMES: [(&'static str, Self); 4] = [
        ("started", Self::Started),
        ("stopped", Self::Stopped),
        ("completed", Self::Completed),
        ("none", Self::None),
    ];

    pub(crate) const fn number(self) -> u32 {
        self as u32
    }
}

impl Announce {
    /// The address that the client says it has, where there is room for IPv4 alone.
    pub(crate) const fn ipv4(&self) -> Option<Ipv4Addr> {
        match self.ip {
            Some(IpAddr::V4(ip)) => Some(ip),
            _ => None,
        }
    }

    /// The query of an HTTP announce (BEP 3, BEP 23).
    pub(crate) fn query(&self, info_hash: &[u8; 20]) -> String {
        use super::url::percent;
        let mut query = format!(
            "info_hash={}&peer_id={}&port={}&uploaded={}&downloaded={}&left={}&compact={}&key={:08x}",
            percent(info_hash),
            percent(&self.peer_id),
            self.port,
            self.uploaded,
            self.downloaded,
            self.left,
            u8::from(self.compact),
            self.key,
        );
        for (name, event) in Event::NAMES {
            if event == self.event && event != Event::None {
                query += &format!("&event={name}");
            }
        }
        if let Some(wanted) = self.wanted {
            query += &format!("&numwant={wanted}");
        }
        if let Some(ip) = self.ip {
            query += &format!("&ip={}", percent(ip.to_string().as_bytes()));
        }
        query
    }
}

#[cfg(test)]
impl Default for Announce {
    fn default() -> Self {
        Self {
            peer_id: *b"-WR0001-000000000000",
            downloaded: 0,
            left: 1,
            uploaded: 0,
            event: Event::None,
            ip: None,
            key: 0,
            wanted: None,
            port: 6881,
            compact: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Announce, Event};

    #[test]
    fn a_query_says_it_all() {
        let plain = Announce::default();
        let hash = *b"\x00\x01 abcdefghijklmnop\xff";
        assert_eq!(
            plain.query(&hash),
            "info_hash=%00%01%20abcdefghijklmnop%ff&peer_id=-WR0001-000000000000&port=6881\
             &uploaded=0&downloaded=0&left=1&compact=1&key=00000000"
        );
        let all = Announce {
            event: Event::Stopped,
            wanted: Some(0),
            ip: "2001:db8::1".parse().ok(),
            compact: false,
            ..plain
        };
        assert!(
            all.query(&hash)
                .ends_with("&compact=0&key=00000000&event=stopped&numwant=0&ip=2001%3adb8%3a%3a1")
        );
    }
}
