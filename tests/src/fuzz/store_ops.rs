//! Operations on a store, against a map that does the same.
//!
//! Input: one byte that says whether there is room for everything, then any number of `operation`,
//! `torrent`, `peer` (two bytes), `detail`. With little room the store may drop peers, and then
//! nothing that it says may go beyond what the map knows.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::num::NonZeroU16;
use std::collections::{BTreeMap, BTreeSet};

use wrtracker_core::random::Random;
use wrtracker_core::store::{Selection, Status, Store};
use wrtracker_core::wire::{InfoHash, PeerAddr};

use super::{Input, START};

/// Room for all peers that an input can name, whatever the store makes of it.
const AMPLE_WORDS: usize = 1 << 16;

/// Most operations of one input.
const MOST: usize = 1_000;

/// Different torrents and, of each family, different peers.
const TORRENTS: u8 = 24;
const PEERS: u16 = 400;

type Swarms = BTreeMap<u8, BTreeMap<PeerAddr, Status>>;

/// Runs it.
pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let Some(room) = input.byte() else { return };
    let ample = room & 1 == 0;
    let words = if ample {
        AMPLE_WORDS
    } else {
        Store::LEAST_WORDS
    };
    let mut memory = vec![0; words];
    let mut store = Store::new(&mut memory, &[9; 16], 1_800).expect("enough memory");
    let mut swarms = Swarms::new();
    let mut random = Random::new(u64::from(room));
    for _ in 0..MOST {
        let &[operation, torrent, high, low, detail] = input.bytes(5) else {
            break;
        };
        let torrent = torrent % TORRENTS;
        let hash = name(torrent);
        let peer = peer(u16::from_be_bytes([high, low]));
        match operation % 8 {
            0..=4 => {
                let status = match detail % 3 {
                    0 => Status::Leecher,
                    1 => Status::Partial,
                    _ => Status::Seeder,
                };
                store.announce(&hash, &peer, status, detail & 0x80 != 0, START);
                swarms.entry(torrent).or_default().insert(peer, status);
            }
            5 => {
                store.leave(&hash, &peer, START);
                if let Some(swarm) = swarms.get_mut(&torrent) {
                    swarm.remove(&peer);
                }
            }
            _ => choose(&store, &swarms, torrent, peer, detail, ample, &mut random),
        }
        compare(&store, &swarms, torrent, ample);
    }
    for torrent in 0..TORRENTS {
        compare(&store, &swarms, torrent, ample);
    }
    let known: usize = swarms.values().map(BTreeMap::len).sum();
    let stored = usize::try_from(store.peers()).expect("small");
    assert!(if ample {
        stored == known
    } else {
        stored <= known
    });
}

fn name(torrent: u8) -> InfoHash {
    InfoHash([torrent; 20])
}

fn peer(number: u16) -> PeerAddr {
    let index = number / 2 % PEERS;
    let ip = if number.is_multiple_of(2) {
        IpAddr::V4(Ipv4Addr::from_bits(0xc000_0200 + u32::from(index)))
    } else {
        IpAddr::V6(Ipv6Addr::from_bits((0x2001_0db8 << 96) + u128::from(index)))
    };
    PeerAddr::new(ip, NonZeroU16::new(index + 1).expect("not 0"))
}

/// The counts of a torrent are those of the map, or not above them.
fn compare(store: &Store<'_>, swarms: &Swarms, torrent: u8, ample: bool) {
    let mut known = (0, 0, 0);
    let mut families = (0, 0);
    for (peer, status) in swarms.get(&torrent).into_iter().flatten() {
        known.0 += u32::from(*status == Status::Seeder);
        known.1 += u32::from(*status != Status::Seeder);
        known.2 += u32::from(*status == Status::Partial);
        families.0 += u32::from(peer.ip().is_ipv4());
        families.1 += u32::from(peer.ip().is_ipv6());
    }
    let id = store.find(&name(torrent));
    let counts = id.map(|id| store.counts(id)).unwrap_or_default();
    let stored = id.map(|id| store.families(id)).unwrap_or_default();
    assert_eq!(stored.0 + stored.1, counts.seeders + counts.leechers);
    assert!(counts.partial <= counts.leechers);
    if ample {
        assert_eq!((counts.seeders, counts.leechers, counts.partial), known);
        assert_eq!(stored, families);
    } else {
        assert!(counts.seeders <= known.0 && counts.leechers <= known.1);
        assert!(counts.partial <= known.2);
        assert!(stored.0 <= families.0 && stored.1 <= families.1);
    }
}

/// The peers chosen are in the map, once each, suit the announcer and are as many as they can be.
fn choose(
    store: &Store<'_>,
    swarms: &Swarms,
    torrent: u8,
    exclude: PeerAddr,
    wanted: u8,
    ample: bool,
    random: &mut Random,
) {
    let Some(id) = store.find(&name(torrent)) else {
        return;
    };
    let selection = Selection {
        exclude,
        seeders: wanted.is_multiple_of(2),
    };
    let wanted = usize::from(wanted / 2);
    let known = swarms.get(&torrent).cloned().unwrap_or_default();
    for v4 in [true, false] {
        let suits = |(peer, status): (&PeerAddr, &Status)| {
            peer.ip().is_ipv4() == v4
                && *peer != exclude
                && (selection.seeders || *status != Status::Seeder)
        };
        let size = if v4 { 6 } else { 18 };
        // A few bytes more than fit whole peers.
        let mut out = vec![0; wanted * size + 5];
        let used = if v4 {
            store.choose_v4(id, &selection, random, &mut out)
        } else {
            store.choose_v6(id, &selection, random, &mut out)
        };
        assert!(used % size == 0 && used / size <= wanted);
        let chosen: Vec<_> = out[..used].chunks(size).map(read).collect();
        let once: BTreeSet<_> = chosen.iter().collect();
        assert_eq!(once.len(), chosen.len(), "a peer twice");
        for peer in &chosen {
            let status = known.get(peer).expect("a peer of the swarm");
            assert!(suits((peer, status)), "{peer:?} {status:?}");
        }
        let most = known
            .iter()
            .filter(|&(peer, status)| suits((peer, status)))
            .count();
        if ample {
            assert_eq!(chosen.len(), most.min(wanted), "fewer than there are");
        }
    }
}

fn read(compact: &[u8]) -> PeerAddr {
    let (ip, port) = compact.split_last_chunk().expect("a port");
    let ip = match ip.try_into().map(|v4: [u8; 4]| v4) {
        Ok(v4) => IpAddr::from(v4),
        Err(_) => IpAddr::from(<[u8; 16]>::try_from(ip).expect("an address")),
    };
    PeerAddr::new(
        ip,
        NonZeroU16::new(u16::from_be_bytes(*port)).expect("not 0"),
    )
}
