//! Why an announce or a scrape failed, told in bencode.

use core::fmt;

use crate::access::{Again, Refusal};
use crate::tracker::Tracker;
use crate::wire::Out;
use crate::wire::bencode::Dict;
use crate::wire::http::Persistence;
use crate::wire::query::BadValue;

use super::reply::Reply;

/// Why there are no peers or counts in the reply. All but refusals are the client's fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub(super) enum Failure {
    NoInfoHash,
    BadInfoHash,
    ManyInfoHashes,
    BadPeerId,
    NoPort,
    BadPort,
    BadAddress,
    BadNumber,
    NoTorrents,
    Refused(Refusal),
}

impl Failure {
    const fn text(self) -> &'static str {
        match self {
            Self::NoInfoHash => {
                "Your client forgot to send your torrent's info_hash. Please upgrade your client."
            }
            Self::BadInfoHash => "The info_hash is not 20 bytes.",
            Self::ManyInfoHashes => "More than one info_hash in one announce.",
            Self::BadPeerId => "The peer_id is not 20 bytes.",
            Self::NoPort => "Your client forgot to send its port.",
            Self::BadPort => "The port is not a number from 1 to 65535.",
            Self::BadAddress => "The ip is not an address at which others could reach a peer.",
            Self::BadNumber => "One of left and numwant is not a number.",
            Self::NoTorrents => "A scrape must name torrents by info_hash.",
            Self::Refused(refusal) => refusal.text(),
        }
    }

    /// When asking again can help: a client without a port or a public address may get one.
    const fn again(self) -> Again {
        match self {
            Self::NoPort | Self::BadPort | Self::BadAddress => Again::Usual,
            Self::Refused(refusal) => refusal.again(),
            _ => Again::Never,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl From<BadValue> for Failure {
    fn from(_: BadValue) -> Self {
        Self::BadNumber
    }
}

/// Emits the whole reply. Status 200, because libtorrent reads nothing else; `interval`, because
/// libtorrent keeps to it here too; `retry in` as BEP 31 has it.
pub(super) fn answer(
    failure: Failure,
    persistence: Persistence,
    tracker: &mut Tracker<'_>,
    out: &mut Out<'_>,
) {
    if !matches!(failure, Failure::Refused(_)) {
        tracker.counters.http_failures += 1;
    }
    let reply = Reply::begin(persistence, out);
    let mut dict = Dict::begin(out);
    dict.bytes(b"14:failure reason", failure.text().as_bytes());
    let interval = tracker.policy().interval;
    match failure.again() {
        Again::Usual => dict.integer(b"8:interval", interval),
        Again::Never => {
            dict.integer(b"8:interval", interval);
            dict.bytes(b"8:retry in", b"never");
        }
        Again::Minutes(minutes) => {
            dict.integer(b"8:interval", minutes.saturating_mul(60));
            dict.integer(b"8:retry in", minutes);
        }
    }
    dict.end();
    reply.end(out);
}
