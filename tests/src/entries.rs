//! Made-up torrents, as a full scrape tells of them.

use sha1_smol::Sha1;
use wrtracker_core::body::Entry;
use wrtracker_core::random::Random;
use wrtracker_core::wire::InfoHash;

/// How large the numbers are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Counts {
    /// As on a public tracker: most swarms have one peer or two, few have thousands (the number of
    /// swarms with more than n peers falls as n^1.2), one in eight is empty; most torrents never
    /// had a download completed.
    Public,
    /// As on a private tracker, which keeps its counts: swarms are larger (the number of those with
    /// more than n peers falls as n^0.8), all have seeders, downloads are a few times the seeders.
    Private,
    /// All sizes from 1 to 10,000 equally likely on a logarithmic scale: two digits on average.
    Large,
}

/// Entries in the order of their hashes, the same for the same `count` and `counts`.
#[must_use]
pub fn entries(count: u32, counts: Counts) -> Vec<Entry> {
    let mut random = Random::new(7);
    let mut entries: Vec<_> = (0..count)
        .map(|nth| entry(nth, counts, &mut random))
        .collect();
    entries.sort_by_key(|entry| entry.hash);
    entries
}

fn entry(nth: u32, counts: Counts, random: &mut Random) -> Entry {
    let mut share = || f64::from(random.next()) / 4_294_967_296.0;
    let (seeders, leechers, completed) = match counts {
        Counts::Public => {
            let peers = (1.0 - share()).powf(-1.0 / 1.2).min(60_000.0);
            let peers = if share() < 0.125 { 0.0 } else { peers.floor() };
            let seeders = (peers * share()).round();
            let busy = share() < peers / (peers + 4.0);
            let completed = if busy {
                seeders * (share() * 4.0).exp()
            } else {
                0.0
            };
            (seeders, peers - seeders, completed)
        }
        Counts::Private => {
            let peers = (1.0 - share()).powf(-1.0 / 0.8).min(20_000.0).floor();
            let leechers = (peers * share() * share()).floor();
            let seeders = peers - leechers;
            (seeders, leechers, seeders * (share() * 4.0).exp())
        }
        Counts::Large => {
            let mut size = || 10.0_f64.powf(share() * 4.0);
            (size(), size(), size())
        }
    };
    Entry {
        hash: InfoHash(Sha1::from(nth.to_be_bytes()).digest().bytes()),
        seeders: seeders as u32,
        leechers: leechers as u32,
        completed: completed as u32,
        // The last day before some day in November 2026.
        base_minutes: 29_920_000 - (share() * 1_440.0) as u32,
    }
}
