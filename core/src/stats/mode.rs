//! The pages by name.

/// A page of statistics.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// Peers and seeders: what is shown if no mode is asked for.
    Peer,
    /// Torrents.
    Torr,
    /// Requests over both protocols.
    Conn,
    /// UDP packets.
    Udp4,
    /// TCP connections.
    Tcp4,
    /// Scrapes.
    Scrp,
    /// Full scrapes.
    Fscr,
    /// Completed downloads.
    Completed,
    /// Peers that live sync told of.
    Syncs,
    /// HTTP errors by class.
    Herr,
    /// Announces by the minutes since the announce before.
    Renew,
    /// Announces by the peers that they wanted.
    NumWants,
    /// The program's name and version.
    Version,
    /// The ten largest swarms: a [`Top`](super::Top).
    Top10,
    /// The hundred largest swarms: a [`Top`](super::Top).
    Top100,
    /// The networks with most peers: [`Networks`](super::Networks).
    S24s,
    /// The networks that announce too often.
    Woodpeckers,
    /// Known and never produced, as by opentracker: status 500.
    Busy,
    /// Requests as they came, each once: [`RequestLog::drain`](super::RequestLog::drain).
    FullLog,
    /// All counters in opentracker's XML.
    Everything,
    /// All counters as one JSON object.
    Json,
    /// All counters in the text format of Prometheus; also what `/metrics` shows.
    Metrics,
    /// Where each byte of the memory limit is.
    Memory,
    /// What the tracker's own network driver has counted.
    #[cfg(feature = "smoltcp")]
    Network,
    /// A full scrape in a format of its own choice, which is no page of [`emit`](super::emit).
    Tpbs,
    /// A full scrape of what outlives a restart, which is no page of [`emit`](super::emit).
    StateDump,
}

impl Mode {
    /// The page of a name, which must match exactly.
    pub fn parse(name: &[u8]) -> Option<Self> {
        let named = NAMES.iter().find(|(known, _)| known.as_bytes() == name);
        named.map(|&(_, mode)| mode)
    }

    /// The `Content-Type` of its reply.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Metrics => "text/plain; version=0.0.4",
            Self::Tpbs | Self::StateDump => "application/octet-stream",
            _ => "text/plain",
        }
    }

    /// Whether it must walk through the whole store, so that only one may run at a time.
    pub const fn is_survey(self) -> bool {
        matches!(self, Self::Top10 | Self::Top100 | Self::S24s)
    }
}

const NAMES: &[(&str, Mode)] = &[
    ("peer", Mode::Peer),
    ("torr", Mode::Torr),
    ("conn", Mode::Conn),
    ("udp4", Mode::Udp4),
    ("tcp4", Mode::Tcp4),
    ("scrp", Mode::Scrp),
    ("fscr", Mode::Fscr),
    ("completed", Mode::Completed),
    ("syncs", Mode::Syncs),
    ("herr", Mode::Herr),
    ("renew", Mode::Renew),
    ("numwants", Mode::NumWants),
    ("version", Mode::Version),
    ("top10", Mode::Top10),
    ("top100", Mode::Top100),
    ("s24s", Mode::S24s),
    ("woodpeckers", Mode::Woodpeckers),
    ("busy", Mode::Busy),
    ("fulllog", Mode::FullLog),
    ("everything", Mode::Everything),
    ("json", Mode::Json),
    ("metrics", Mode::Metrics),
    ("memory", Mode::Memory),
    #[cfg(feature = "smoltcp")]
    ("network", Mode::Network),
    ("tpbs", Mode::Tpbs),
    ("statedump", Mode::StateDump),
];

#[cfg(test)]
mod tests {
    use super::{Mode, NAMES};

    #[test]
    fn names_match_exactly() {
        for &(name, mode) in NAMES {
            assert_eq!(Mode::parse(name.as_bytes()), Some(mode));
            assert_eq!(Mode::parse(name.to_uppercase().as_bytes()), None);
            assert_eq!(Mode::parse(std::format!("{name} ").as_bytes()), None);
            assert_eq!(Mode::parse(&name.as_bytes()[1..]), None);
        }
        for gone in ["", "startstop", "dmem", "top5", "top", "prometheus"] {
            assert_eq!(Mode::parse(gone.as_bytes()), None, "{gone}");
        }
    }
}
