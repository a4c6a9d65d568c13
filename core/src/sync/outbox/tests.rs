use std::boxed::Box;
use std::vec::Vec;

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::num::NonZeroU16;

use super::*;
use crate::wire::live_sync::{self, MOST_V4, MOST_V6, Record};

const ID: TrackerId = TrackerId(*b"mine");
const HASH: InfoHash = InfoHash([7; 20]);
const LEECHER: Flags = Flags {
    seeder: false,
    completed: false,
    stopped: false,
};
const START: Secs = Secs(10_000);

fn v4(number: u32) -> PeerAddr {
    let ip = Ipv4Addr::from_bits(0x0a00_0000 + number);
    PeerAddr::new(IpAddr::V4(ip), NonZeroU16::MIN)
}

fn v6(number: u32) -> PeerAddr {
    let ip = Ipv6Addr::from_bits((0x2001_0db8 << 96) + u128::from(number));
    PeerAddr::new(IpAddr::V6(ip), NonZeroU16::MIN)
}

fn with_outbox(test: impl FnOnce(&mut Outbox<'_>)) {
    let mut memory = Box::new(Memory::EMPTY);
    test(&mut Outbox::new(&mut memory, ID));
}

/// Takes all that is due.
fn take(outbox: &mut Outbox<'_>, now: Secs) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    while let Some(packet) = outbox.due(now) {
        packets.push(packet.to_vec());
        outbox.done(true);
        assert!(packets.len() <= FULL_PACKETS + 2, "more than there can be");
    }
    packets
}

fn records(packet: &[u8]) -> Vec<Record> {
    let packet = live_sync::Packet::parse(packet).unwrap();
    assert_eq!(packet.from, ID);
    packet.records().map(Result::unwrap).collect()
}

fn peers(packets: &[Vec<u8>]) -> Vec<PeerAddr> {
    let of = |packet: &Vec<u8>| records(packet).into_iter().map(|record| *record.peer());
    packets.iter().flat_map(of).collect()
}

#[test]
fn a_packet_goes_when_it_is_full_as_opentrackers_does() {
    for (peer, most, bytes) in [(v4 as fn(u32) -> _, MOST_V4, 1464), (v6, MOST_V6, 1448)] {
        with_outbox(|outbox| {
            let expected: Vec<_> = (1..=most as u32).map(peer).collect();
            for peer in &expected {
                assert!(outbox.due(START).is_none());
                outbox.note(&HASH, peer, LEECHER, None, START);
            }
            let packets = take(outbox, START);
            assert_eq!(packets.len(), 1);
            assert_eq!(packets[0].len(), bytes);
            assert_eq!(peers(&packets), expected);
            assert_eq!((outbox.told(), outbox.lost()), (most as u64, 0));
            assert!(outbox.is_empty());
        });
    }
}

#[test]
fn a_packet_that_is_not_full_goes_after_15_seconds() {
    with_outbox(|outbox| {
        outbox.note(&HASH, &v4(1), LEECHER, None, START);
        outbox.note(&HASH, &v6(1), LEECHER, None, START.plus(5));
        assert!(outbox.due(START.plus(14)).is_none());
        // What comes later doesn't keep it back.
        outbox.note(&HASH, &v4(2), LEECHER, None, START.plus(14));
        assert_eq!(peers(&take(outbox, START.plus(15))), [v4(1), v4(2)]);
        assert!(outbox.due(START.plus(19)).is_none() && !outbox.is_empty());
        assert_eq!(peers(&take(outbox, START.plus(20))), [v6(1)]);
        assert!(outbox.is_empty() && outbox.due(START.plus(99)).is_none());
    });
}

#[test]
fn families_have_packets_of_their_own() {
    with_outbox(|outbox| {
        for number in 1..=3 {
            outbox.note(&HASH, &v4(number), LEECHER, None, START);
            outbox.note(&HASH, &v6(number), LEECHER, None, START);
        }
        let packets = take(outbox, START.plus(MOST_AGE));
        assert_eq!(packets.len(), 2);
        assert_eq!(packets[0].len(), 8 + 3 * 28);
        assert_eq!(packets[1].len(), 8 + 3 * 40);
    });
}

#[test]
fn a_packet_is_what_opentracker_sends() {
    with_outbox(|outbox| {
        let seeder = |completed, stopped| Flags {
            seeder: true,
            completed,
            stopped,
        };
        outbox.note(&HASH, &v4(1), seeder(false, false), None, START);
        outbox.note(&HASH, &v4(2), seeder(true, false), Some(1), START);
        outbox.note(&HASH, &v4(3), seeder(false, true), Some(1), START);
        let hash = HASH.0.escape_ascii();
        let expected = std::format!(
            "mine\\x00\\x00\\x00\\x00\
             {hash}\\n\\x00\\x00\\x01\\x00\\x01\\x80\\x00\
             {hash}\\n\\x00\\x00\\x02\\x00\\x01\\xc0\\x00\
             {hash}\\n\\x00\\x00\\x03\\x00\\x01\\xa0\\x00"
        );
        let packets = take(outbox, START.plus(MOST_AGE));
        assert_eq!(std::format!("{}", packets[0].escape_ascii()), expected);
    });
}

#[test]
fn new_peers_completions_and_stops_are_told_and_renewals_once_in_ten_minutes() {
    let told = |flags, since, now| {
        let mut told = false;
        with_outbox(|outbox| {
            outbox.note(&HASH, &v4(1), flags, since, now);
            told = !outbox.is_empty();
        });
        told
    };
    assert!(told(LEECHER, None, Secs(0)) && told(LEECHER, None, START));
    for (flags, any) in [
        (
            Flags {
                seeder: true,
                ..LEECHER
            },
            false,
        ),
        (
            Flags {
                completed: true,
                seeder: true,
                ..LEECHER
            },
            true,
        ),
        (
            Flags {
                stopped: true,
                ..LEECHER
            },
            true,
        ),
    ] {
        assert_eq!(told(flags, Some(8), Secs(6008)), any, "{flags:?}");
        assert!(told(flags, Some(600), Secs(6008)) && told(flags, Some(u32::MAX), START));
    }
    // Whatever its interval, a peer is told of before it would be forgotten elsewhere.
    for interval in [1, 60, 299, 599, 600, 601, 1800] {
        let mut last = 0;
        for now in (0..20_000).step_by(interval as usize) {
            if told(LEECHER, Some(interval), Secs(now)) {
                assert!(now - last < RENEWAL + interval, "{interval}");
                last = now;
            }
        }
        assert!(last > 20_000 - RENEWAL - 2 * interval, "{interval}");
    }
}

#[test]
fn addresses_that_others_cant_use_are_not_told() {
    with_outbox(|outbox| {
        for ip in ["127.0.0.1", "169.254.3.4", "::1", "fe80::1", "224.0.23.5"] {
            let peer = PeerAddr::new(ip.parse().unwrap(), NonZeroU16::MIN);
            outbox.note(&HASH, &peer, LEECHER, None, START);
        }
        assert!(outbox.is_empty());
    });
}

/// A host receives up to four batches of 64 datagrams before it sends.
#[test]
fn no_record_of_a_turn_is_lost() {
    for (all_v4, all_v6) in [(256, 0), (0, 256), (128, 128)] {
        with_outbox(|outbox| {
            for number in 1..=MOST_V4 as u32 - 1 {
                outbox.note(&HASH, &v4(1000 + number), LEECHER, None, START);
            }
            for number in 1..=MOST_V6 as u32 - 1 {
                outbox.note(&HASH, &v6(1000 + number), LEECHER, None, START);
            }
            for number in 1..=all_v4 {
                outbox.note(&HASH, &v4(number), LEECHER, None, START);
            }
            for number in 1..=all_v6 {
                outbox.note(&HASH, &v6(number), LEECHER, None, START);
            }
            let packets = take(outbox, START.plus(MOST_AGE));
            let all = MOST_V4 + MOST_V6 - 2 + 256;
            assert_eq!(peers(&packets).len(), all);
            assert_eq!((outbox.told(), outbox.lost()), (all as u64, 0));
        });
    }
}

#[test]
fn when_too_much_waits_the_oldest_is_lost_and_counted() {
    with_outbox(|outbox| {
        let packet = MOST_V4 as u32;
        let all = packet * (FULL_PACKETS as u32 + 3);
        for number in 1..=all {
            outbox.note(&HASH, &v4(number), LEECHER, None, START);
        }
        let expected: Vec<_> = (3 * packet + 1..=all).map(v4).collect();
        assert_eq!(outbox.lost(), u64::from(3 * packet));
        assert_eq!(peers(&take(outbox, START)), expected);
        assert_eq!(outbox.told(), u64::from(all - 3 * packet));
        assert!(outbox.is_empty());
    });
}

#[test]
fn what_is_due_stays_until_it_is_done() {
    with_outbox(|outbox| {
        outbox.note(&HASH, &v4(1), LEECHER, None, START);
        let late = START.plus(MOST_AGE);
        let first = outbox.due(late).unwrap().to_vec();
        assert_eq!(outbox.due(late).unwrap(), first);
        // Others come behind it.
        for number in 1..=MOST_V4 as u32 {
            outbox.note(&HASH, &v4(number), LEECHER, None, late);
        }
        assert_eq!(outbox.due(late).unwrap(), first);
        outbox.done(false);
        assert_eq!(outbox.lost(), 1);
        assert_eq!(outbox.due(late).unwrap().len(), 1464);
        outbox.done(true);
        assert!(outbox.is_empty() && outbox.due(late).is_none());
        outbox.done(true);
        assert_eq!((outbox.told(), outbox.lost()), (52, 1));
    });
}
