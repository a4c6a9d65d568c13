//! The largest swarms and networks against a plain count, with workspaces so small that they are
//! full most of the time.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU16;

use proptest::prelude::*;
use wrtracker_core::policy::Policy;
use wrtracker_core::stats::{LARGEST_SECTION, Networks, Top};
use wrtracker_core::store::{Progress, Status, Store};
use wrtracker_core::time::Secs;
use wrtracker_core::wire::{InfoHash, Out, PeerAddr};

const NOW: Secs = Secs(100);

/// A torrent's number, a peer's address, and what it is.
type Peer = (u8, u32, Kind);

/// A bit for IPv6 and one for seeders.
type Kind = u8;

const LEECHER: Kind = 0;
const SEEDER: Kind = 1;
const LEECHER_V6: Kind = 2;

fn filled<'m>(memory: &'m mut [u32], peers: &[Peer]) -> Store<'m> {
    let mut store = Store::new(memory, &[7; 16], &Policy::DEFAULT).unwrap();
    for &peer in peers {
        announce(&mut store, peer);
    }
    store
}

fn announce(store: &mut Store<'_>, (torrent, ip, kind): Peer) {
    let status = if kind & SEEDER == 0 {
        Status::Leecher
    } else {
        Status::Seeder
    };
    store.announce(&hash(torrent), &address(ip, kind), status, false, NOW);
}

fn leave(store: &mut Store<'_>, (torrent, ip, kind): Peer) {
    store.leave(&hash(torrent), &address(ip, kind), NOW);
}

/// Hashes of which some begin with the same bytes.
fn hash(torrent: u8) -> InfoHash {
    let mut hash = [torrent / 4; 20];
    hash[19] = torrent;
    InfoHash(hash)
}

fn address(ip: u32, kind: Kind) -> PeerAddr {
    let ip = if kind & LEECHER_V6 == 0 {
        IpAddr::V4(Ipv4Addr::from_bits(ip))
    } else {
        IpAddr::V6(Ipv6Addr::from_bits(u128::from(ip) << 64))
    };
    PeerAddr::new(ip, NonZeroU16::MIN)
}

/// A page through buffers of `room` bytes.
fn text(room: usize, mut emit: impl FnMut(&mut u16, &mut Out<'_>) -> Progress) -> String {
    let (mut cursor, mut page) = (0, Vec::new());
    loop {
        let mut bytes = vec![0; room];
        let mut out = Out::new(&mut bytes);
        let progress = emit(&mut cursor, &mut out);
        assert!(!out.overflowed());
        page.extend_from_slice(out.written());
        match progress {
            Progress::Done => return String::from_utf8(page).unwrap(),
            Progress::More => assert!(!out.is_empty(), "doesn't come on"),
        }
    }
}

fn run_top(store: &Store<'_>, most: u16, words: usize, pages: u32, room: usize) -> String {
    let mut workspace = vec![0xdead_beef; words];
    let mut top = Top::start(most, &workspace);
    while top.step(&mut workspace, store, pages) == Progress::More {}
    text(room, |cursor, out| {
        top.emit(
            &mut workspace,
            &|prefix, id| store.hash_of(prefix, id),
            cursor,
            out,
        )
    })
}

fn run_networks(store: &Store<'_>, words: usize, pages: u32, room: usize) -> String {
    let mut workspace = vec![0xdead_beef; words];
    let mut networks = Networks::start(&mut workspace);
    while networks.step(&mut workspace, store, NOW, pages) == Progress::More {}
    text(room, |cursor, out| {
        networks.emit(&mut workspace, cursor, out)
    })
}

/// The page that [`Top`] should make.
fn plain_top(store: &Store<'_>, most: usize, places: usize) -> String {
    let mut counts = BTreeMap::<InfoHash, [u32; 3]>::new();
    store.visit(&mut |hash, _, status| {
        let [all, seeders, leechers] = counts.entry(hash).or_default();
        *all += 1;
        *if status == Status::Seeder {
            seeders
        } else {
            leechers
        } += 1;
    });
    let mut page = String::new();
    for (nth, name) in ["peers", "seeds", "leechers"].into_iter().enumerate() {
        page += &format!("Top {most} torrents by {name}:\n");
        let mut rows: Vec<_> = counts
            .iter()
            .map(|(hash, all)| (all[nth], hash.0))
            .collect();
        rows.sort();
        let rows = rows.iter().rev().filter(|row| row.0 > 0);
        for (count, hash) in rows.take(places) {
            let hex: String = hash.iter().map(|byte| format!("{byte:02X}")).collect();
            page += &format!("\t{count}\t{hex}\n");
        }
    }
    page
}

/// The peers of IPv4 by network.
fn plain_networks(store: &Store<'_>, bits: u32) -> BTreeMap<u32, u32> {
    let mut counts = BTreeMap::new();
    store.visit(&mut |_, peer, _| {
        if let IpAddr::V4(ip) = peer.ip() {
            *counts.entry(ip.to_bits() >> (32 - bits)).or_default() += 1;
        }
    });
    counts
}

/// The blocks of a page of networks: counts and first addresses.
fn blocks(page: &str) -> [Vec<(u32, u32)>; 2] {
    let rest = page.strip_prefix("Networks, limit /28:\n").unwrap();
    let (first, rest) = match rest.strip_prefix('\n') {
        Some(rest) => ("", rest),
        None => rest.split_once("\n\n").unwrap(),
    };
    let rest = rest.strip_prefix("Networks, limit /24:\n").unwrap();
    let second = rest.strip_suffix('\n').unwrap();
    [first, second].map(|block| {
        let lines = block.lines().map(|line| {
            let (count, ip) = line.split_once(": ").unwrap();
            assert!(count.len() >= 8);
            (
                count.parse().unwrap(),
                ip.parse::<Ipv4Addr>().unwrap().to_bits(),
            )
        });
        lines.collect()
    })
}

#[test]
fn a_page_of_the_largest_swarms_has_three_lists() {
    let mut memory = vec![0; 64 * 1024];
    let peers = [
        (1, 1, LEECHER),
        (1, 2, LEECHER),
        (1, 2, SEEDER | LEECHER_V6),
        (8, 3, LEECHER),
        (8, 4, LEECHER),
        (9, 4, SEEDER),
        (9, 4, LEECHER_V6),
    ];
    let mut store = filled(&mut memory, &peers);
    let hex = |torrent| {
        let bytes = hash(torrent).0;
        let text: String = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
        text
    };
    let page = run_top(&store, 10, 1024, 1, 4096);
    let expected = format!(
        "Top 10 torrents by peers:\n\t3\t{0}\n\t2\t{2}\n\t2\t{1}\n\
         Top 10 torrents by seeds:\n\t1\t{2}\n\t1\t{0}\n\
         Top 10 torrents by leechers:\n\t2\t{1}\n\t2\t{0}\n\t1\t{2}\n",
        hex(1),
        hex(8),
        hex(9)
    );
    assert_eq!(page, expected);
    peers.iter().for_each(|&peer| leave(&mut store, peer));
    assert_eq!(
        run_top(&store, 100, 1024, 1, 4096),
        "Top 100 torrents by peers:\nTop 100 torrents by seeds:\nTop 100 torrents by leechers:\n"
    );
}

#[test]
fn torrents_that_go_before_the_page_is_written_are_left_out() {
    let mut memory = vec![0; 64 * 1024];
    let peers = [
        (1, 1, LEECHER),
        (1, 2, LEECHER),
        (200, 3, LEECHER),
        (100, 4, LEECHER),
    ];
    let mut store = filled(&mut memory, &peers);
    let mut workspace = vec![0; 1024];
    let mut top = Top::start(10, &workspace);
    while top.step(&mut workspace, &store, 1) == Progress::More {}
    let lines = |workspace: &mut [u32], store: &Store<'_>| {
        let hash_of = |prefix, number| store.hash_of(prefix, number);
        let page = text(4096, |cursor, out| {
            top.emit(workspace, &hash_of, cursor, out)
        });
        page.lines().count()
    };
    assert_eq!(lines(&mut workspace, &store), 3 + 2 * 3);
    // Another one takes the place of one of them.
    leave(&mut store, peers[2]);
    leave(&mut store, peers[3]);
    announce(&mut store, (50, 5, LEECHER));
    assert_eq!(lines(&mut workspace, &store), 3 + 2);
    // The page of records becomes one of peers.
    leave(&mut store, peers[0]);
    leave(&mut store, peers[1]);
    leave(&mut store, (50, 5, LEECHER));
    for ip in 0..600 {
        announce(&mut store, (7, ip, LEECHER));
        announce(&mut store, (7, ip, LEECHER_V6));
    }
    assert_eq!(lines(&mut workspace, &store), 3);
}

#[test]
fn a_page_of_networks_has_their_own_addresses() {
    let mut memory = vec![0; 64 * 1024];
    let store = filled(&mut memory, &[]);
    let empty = "Networks, limit /28:\n\nNetworks, limit /24:\n\n";
    assert_eq!(run_networks(&store, 1024, 1, 4096), empty);
    let mut memory = vec![0; 64 * 1024];
    let ip = |bytes: [u8; 4]| Ipv4Addr::from(bytes).to_bits();
    let peers = [
        (1, ip([80, 0, 2, 17]), LEECHER),
        (2, ip([80, 0, 2, 17]), SEEDER),
        (1, ip([80, 0, 2, 31]), LEECHER),
        (1, ip([80, 0, 2, 32]), LEECHER),
        (1, ip([0, 0, 0, 0]), LEECHER),
        (1, ip([255, 255, 255, 255]), LEECHER),
        (1, ip([80, 0, 2, 17]), LEECHER_V6),
    ];
    let store = filled(&mut memory, &peers);
    assert_eq!(
        run_networks(&store, 1024, 1, 4096),
        "Networks, limit /28:\n00000003: 80.0.2.16\n00000001: 0.0.0.0\n00000001: 80.0.2.32\n\
         00000001: 255.255.255.240\n\n\
         Networks, limit /24:\n00000004: 80.0.2.0\n00000001: 0.0.0.0\n\
         00000001: 255.255.255.0\n\n"
    );
}

#[test]
fn a_hundred_and_more_are_exact_with_a_kilobyte_of_words() {
    // 240 torrents, the nth with n peers, in 150 networks of each size.
    let mut memory = vec![0; 1 << 20];
    let peers: Vec<_> = (0..240u8)
        .flat_map(|torrent| {
            (0..u32::from(torrent)).map(move |nth| {
                let network = (nth + 7 * u32::from(torrent)) % 150;
                (torrent, (network << 8) | (nth & 0xf), (nth & 1) as Kind)
            })
        })
        .collect();
    let store = filled(&mut memory, &peers);
    for (most, room) in [(10, 8192), (100, 8192), (100, LARGEST_SECTION)] {
        let page = run_top(&store, most, 1024, 3, room);
        assert_eq!(page, plain_top(&store, most.into(), most.into()));
    }
    let page = run_networks(&store, 1024, 3, 8192);
    assert_eq!(page, run_networks(&store, 4096, 1, LARGEST_SECTION));
    for (block, bits) in blocks(&page).iter().zip([28, 24]) {
        let counts = plain_networks(&store, bits);
        let mut expected: Vec<_> = counts
            .iter()
            .map(|(&prefix, &count)| (std::cmp::Reverse(count), prefix << (32 - bits)))
            .collect();
        expected.sort();
        expected.truncate(128);
        let expected: Vec<_> = expected.iter().map(|row| (row.0.0, row.1)).collect();
        assert_eq!(block, &expected);
    }
}

fn any_peers() -> impl Strategy<Value = Vec<Peer>> {
    // Few networks often, many now and then.
    let ip = prop_oneof![
        4 => 0u32..32,
        3 => 0u32..2_000,
        2 => (0u32..300, 0u32..32).prop_map(|(network, host)| (network << 8) | host),
        1 => any::<u32>(),
    ];
    let torrent = prop_oneof![0u8..6, any::<u8>()];
    prop::collection::vec((torrent, ip, 0..=3u8), 0..700)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 1 } else { 256 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn top_lists_are_those_of_a_plain_count(
        peers in any_peers(),
        most in prop_oneof![Just(10u16), Just(100), 0u16..5],
        words in 9usize..1100,
        pages in 1u32..9,
        room in LARGEST_SECTION..3_000,
    ) {
        let mut memory = vec![0; 400 * 1024];
        let store = filled(&mut memory, &peers);
        let places = usize::from(most).min(words / 9);
        let page = run_top(&store, most, words, pages, room);
        prop_assert_eq!(page, plain_top(&store, most.into(), places));
    }

    #[test]
    fn networks_are_counted_right_and_large_ones_never_missed(
        peers in any_peers(),
        words in 4usize..600,
        pages in 1u32..9,
        room in LARGEST_SECTION..3_000,
    ) {
        let mut memory = vec![0; 400 * 1024];
        let store = filled(&mut memory, &peers);
        let page = run_networks(&store, words, pages, room);
        let places = words / 4;
        let candidates = places - places.div_ceil(4);
        for (block, bits) in blocks(&page).into_iter().zip([28, 24]) {
            let counts = plain_networks(&store, bits);
            prop_assert!(block.len() <= 128);
            for &(count, first) in &block {
                prop_assert_eq!(counts.get(&(first >> (32 - bits))), Some(&count));
            }
            let sorted = |one: &(u32, u32), other: &(u32, u32)| {
                one.0 > other.0 || one.0 == other.0 && one.1 < other.1
            };
            prop_assert!(block.is_sorted_by(sorted), "{:?}", block);
            if counts.len() <= candidates {
                prop_assert_eq!(block.len(), counts.len().min(128));
            }
            let all: u32 = counts.values().sum();
            for (&prefix, &count) in &counts {
                if u64::from(count) * (candidates as u64 + 1) > all.into() {
                    let shown = block.iter().any(|row| row.1 == prefix << (32 - bits));
                    prop_assert!(shown || block.len() == 128, "{prefix:x}: {count} of {all}");
                }
            }
        }
    }
}
