use core::num::NonZeroU16;
use std::string::ToString as _;
use std::vec;
use std::vec::Vec;

use super::*;
use crate::access::{Access, AccessList};
use crate::policy::Policy;
use crate::store::{Progress, Status, Store, Walk};
use crate::tracker::{Announce, Event, Secrets};
use crate::wire::{InfoHash, Out, PeerAddr};

const A: InfoHash = InfoHash(*b"abcdefghij0123456789");
const B: InfoHash = InfoHash([0xff; 20]);
const NOW: Secs = Secs(6_000);

fn peer(ip: &str, port: u16) -> PeerAddr {
    PeerAddr::new(ip.parse().unwrap(), NonZeroU16::new(port).unwrap())
}

fn with_tracker<T>(test: impl FnOnce(&mut Tracker<'_>) -> T) -> T {
    let mut memory = vec![0; 3 * Store::LEAST_WORDS];
    let secrets = Secrets::new(&[7; 40]);
    let mut tracker = Tracker::new(&mut memory, &secrets, Policy::DEFAULT).unwrap();
    tracker.set_epoch(29_920_000);
    test(&mut tracker)
}

/// Two torrents, four peers, three downloads; the IPv4 peers of `A` in a run.
fn fill(tracker: &mut Tracker<'_>) {
    let store = &mut tracker.common.part_mut(0).store;
    let then = Secs(NOW.0 - 80);
    store.announce(&A, &peer("192.0.2.1", 6881), Status::Seeder, true, then);
    store.announce(&A, &peer("192.0.2.2", 0x1234), Status::Partial, false, NOW);
    store.announce(&A, &peer("2001:db8::7", 7), Status::Leecher, false, NOW);
    store.announce(&B, &peer("192.0.2.1", 6881), Status::Leecher, false, NOW);
    store.restore_torrent(&A, 3, NOW);
}

fn torrents(tracker: &Tracker<'_>, room: usize, pages: u32) -> Vec<u8> {
    let (mut writer, mut text, mut buffer) = (TorrentsWriter::new(), Vec::new(), vec![0; room]);
    loop {
        let mut out = Out::new(&mut buffer);
        let progress = writer.fill(tracker, NOW, pages, &mut out);
        assert!(!out.overflowed());
        text.extend_from_slice(out.written());
        if progress == Progress::Done {
            return text;
        }
    }
}

fn peers(tracker: &Tracker<'_>, room: usize, pages: u32) -> Vec<u8> {
    let (mut writer, mut bytes, mut buffer) = (PeersWriter::new(5), Vec::new(), vec![0; room]);
    loop {
        let mut out = Out::new(&mut buffer);
        let progress = writer.fill(tracker, NOW, pages, &mut out);
        assert!(!out.overflowed());
        bytes.extend_from_slice(out.written());
        if progress == Progress::Done {
            assert_eq!(writer.count(), tracker.totals().peers);
            return bytes;
        }
    }
}

fn read_torrents(text: &[u8], piece: usize) -> Result<Vec<StateLine>, Damage> {
    let (mut reader, mut found) = (TorrentsReader::new(), Vec::new());
    for bytes in text.chunks(piece) {
        let pushed = reader.push(bytes, |line| found.push(line));
        if pushed.is_err() {
            assert_eq!(reader.clone().finish(), pushed.map(|()| 0));
            break;
        }
    }
    let count = reader.finish()?;
    assert_eq!(count as usize, found.len());
    Ok(found)
}

fn read_peers(bytes: &[u8], piece: usize) -> Result<Vec<StoredPeer>, Damage> {
    let (mut reader, mut found) = (PeersReader::new(), Vec::new());
    for bytes in bytes.chunks(piece) {
        let pushed = reader.push(bytes, |peer| found.push(peer));
        if pushed.is_err() {
            assert_eq!(reader.clone().finish(), pushed.map(|()| 0));
            break;
        }
    }
    let count = reader.finish()?;
    assert_eq!(count as usize, found.len());
    Ok(found)
}

const TORRENTS: &str = "# wrtracker torrents 1\n\
    6162636465666768696A30313233343536373839:29920100:3\n\
    # end 1 94a86eea\n";

#[test]
fn torrents_are_these_bytes() {
    with_tracker(|tracker| {
        fill(tracker);
        let text = torrents(tracker, 100, 1);
        assert_eq!(str::from_utf8(&text), Ok(TORRENTS));
        let line = StateLine {
            hash: A,
            minutes: 29_920_100,
            completed: 3,
        };
        assert_eq!(read_torrents(&text, 1), Ok(vec![line]));
    });
    let nothing = with_tracker(|tracker| torrents(tracker, 100, 1));
    assert_eq!(nothing, b"# wrtracker torrents 1\n# end 0 fbbe5b29\n");
    assert_eq!(read_torrents(&nothing, 5), Ok(vec![]));
}

#[test]
fn peers_are_these_bytes() {
    with_tracker(|tracker| {
        fill(tracker);
        let bytes = peers(tracker, 100, 1);
        let parts: [&[u8]; 9] = [
            b"wrtpeers\0\0\0\x01\0\0\0\0\0\0\0\x05",
            b"\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\x40\xc0\0\x02\x01\x1a\xe1\0\0",
            b"\x01abcdefghij0123456789",
            b"\x46\xc0\0\x02\x01\x1a\xe1\0\x50",
            b"\x41\xc0\0\x02\x02\x12\x34\0\0",
            b"\x60\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07\0\x07\0\0",
            b"\0\0\0\0\x04",
            b"\x6e\x17\x1c\x5d",
        ];
        assert_eq!(
            bytes.escape_ascii().to_string(),
            parts.concat().escape_ascii().to_string()
        );
        let found = read_peers(&bytes, 1).unwrap();
        let first = StoredPeer {
            info_hash: A,
            peer: peer("192.0.2.1", 6881),
            status: Status::Seeder,
            completed: true,
            age: 80,
        };
        assert_eq!(found[1], first);
        let mut reader = PeersReader::new();
        reader.push(&bytes[..20], |_| ()).unwrap();
        assert_eq!(reader.saved(), 5);
    });
    let nothing = with_tracker(|tracker| peers(tracker, 100, 1));
    assert_eq!(nothing.len(), 29);
    assert_eq!(read_peers(&nothing, 29), Ok(vec![]));
}

/// Many torrents, of which some have many peers.
fn crowd(tracker: &mut Tracker<'_>) {
    for number in 0..700u16 {
        let mut hash = [0; 20];
        hash[..2].copy_from_slice(&(number % 300).to_be_bytes());
        hash[0] ^= (number % 7) as u8;
        let ip = std::format!("10.1.{}.{}", number >> 8, number & 0xff);
        let peer4 = peer(&ip, 1 + number);
        let done = number % 3 == 0;
        let announced = Secs(NOW.0 - u32::from(number) * 3);
        let store = &mut tracker.common.part_mut(0).store;
        store.announce(&InfoHash(hash), &peer4, Status::Seeder, done, announced);
        store.announce(&A, &peer4, Status::Leecher, false, announced);
        let peer6 = peer(&std::format!("2001:db8::{number:x}"), 1 + number);
        store.announce(&B, &peer6, Status::Partial, false, announced);
    }
}

#[test]
fn the_bytes_are_the_same_for_every_size_of_buffer_and_piece() {
    with_tracker(|tracker| {
        crowd(tracker);
        let text = torrents(tracker, 1 << 20, 1 << 20);
        let bytes = peers(tracker, 1 << 20, 1 << 20);
        for room in (0..200).chain([1_000, 4_096, 10_000]) {
            for pages in [1, 2, 1_000] {
                if room >= TorrentsWriter::LEAST_ROOM {
                    assert_eq!(torrents(tracker, room, pages), text, "{room}");
                }
                if room >= PeersWriter::LEAST_ROOM {
                    assert_eq!(peers(tracker, room, pages), bytes, "{room}");
                }
            }
        }
        let (lines, all) = (read_torrents(&text, 1 << 20), read_peers(&bytes, 1 << 20));
        assert_eq!(
            all.as_ref().map(Vec::len),
            Ok(tracker.totals().peers as usize)
        );
        for piece in 1..70 {
            assert_eq!(read_torrents(&text, piece), lines, "{piece}");
            assert_eq!(read_peers(&bytes, piece), all, "{piece}");
        }
    });
}

#[test]
fn too_little_room_is_no_progress_and_no_end() {
    with_tracker(|tracker| {
        fill(tracker);
        let mut buffer = [0; TorrentsWriter::LEAST_ROOM - 1];
        let mut out = Out::new(&mut buffer);
        let progress = TorrentsWriter::new().fill(tracker, NOW, 9, &mut out);
        assert_eq!((progress, out.len()), (Progress::More, 0));
        let mut buffer = [0; PeersWriter::LEAST_ROOM - 1];
        let mut out = Out::new(&mut buffer);
        let progress = PeersWriter::new(0).fill(tracker, NOW, 9, &mut out);
        assert_eq!((progress, out.len()), (Progress::More, 0));
    });
}

#[test]
fn what_was_cut_or_changed_is_known_at_every_byte() {
    with_tracker(|tracker| {
        fill(tracker);
        let text = torrents(tracker, 100, 1);
        let bytes = peers(tracker, 100, 1);
        for length in 1..text.len() {
            assert_eq!(
                read_torrents(&text[..length], 9),
                Err(Damage::Cut),
                "{length}"
            );
        }
        for length in 1..bytes.len() {
            assert_eq!(
                read_peers(&bytes[..length], 9),
                Err(Damage::Cut),
                "{length}"
            );
        }
        assert_eq!(read_torrents(b"", 9), Err(Damage::Empty));
        assert_eq!(read_peers(b"", 9), Err(Damage::Empty));
        for bit in 0..8 {
            for at in 0..text.len() {
                let mut changed = text.clone();
                changed[at] ^= 1 << bit;
                // In the checksum itself, another case is another way to write it.
                let same_number =
                    changed[at].eq_ignore_ascii_case(&text[at]) && at > text.len() - 10;
                assert_eq!(
                    read_torrents(&changed, 9).is_err(),
                    !same_number,
                    "{at} {bit}"
                );
            }
            for at in 0..bytes.len() {
                let mut changed = bytes.clone();
                changed[at] ^= 1 << bit;
                assert!(read_peers(&changed, 9).is_err(), "{at} {bit}");
            }
        }
        let behind = |bytes: &[u8], more: &[u8]| [bytes, more].concat();
        for more in [&b"\n"[..], b"x", b"# end 0 00000000\n", &text] {
            assert_eq!(read_torrents(&behind(&text, more), 9), Err(Damage::Behind));
        }
        for more in [&b"\0"[..], b"\x01", &bytes] {
            assert_eq!(read_peers(&behind(&bytes, more), 9), Err(Damage::Behind));
        }
    });
}

#[test]
fn what_is_something_else_is_named() {
    let whole = TORRENTS.as_bytes();
    let body = &whole[23..];
    for (head, damage) in [
        (&b"# wrtracker torrents 2\n"[..], Damage::Version),
        (b"# wrtracker torrents \n", Damage::Version),
        (b"# wrtracker peers 1\n", Damage::Foreign),
        (b"", Damage::Foreign),
        (&[0; 500], Damage::Foreign),
    ] {
        assert_eq!(read_torrents(&[head, body].concat(), 9), Err(damage));
    }
    assert_eq!(read_torrents(&[0; 30], 9), Err(Damage::Foreign));
    assert_eq!(read_peers(&[0; 30], 9), Err(Damage::Foreign));
    assert_eq!(read_peers(b"wrtpeerz", 9), Err(Damage::Foreign));
    let mut head = *b"wrtpeers\0\0\0\x02\0\0\0\0\0\0\0\x05";
    assert_eq!(read_peers(&head, 9), Err(Damage::Version));
    head[11] = 1;
    let with = |record: &[u8]| read_peers(&[&head, record].concat(), 9);
    // A peer of no torrent, and what no record begins with.
    assert_eq!(
        with(b"\x40\x01\x02\x03\x04\0\x01\0\0"),
        Err(Damage::Malformed)
    );
    for tag in [0x02, 0x3f, 0x48, 0x50, 0x68, 0x80, 0xc0, 0xff] {
        assert_eq!(with(&[tag]), Err(Damage::Malformed));
    }
    let torrent = [&[1][..], &A.0].concat();
    // Port 0, and a status that there isn't.
    for record in [
        b"\x40\x01\x02\x03\x04\0\0\0\0",
        b"\x43\x01\x02\x03\x04\0\x01\0\0",
    ] {
        assert_eq!(
            with(&[&torrent[..], record].concat()),
            Err(Damage::Malformed)
        );
    }
    assert_eq!(with(&torrent), Err(Damage::Cut));
}

#[test]
fn what_comes_back_is_what_was() {
    let (text, bytes, before) = with_tracker(|tracker| {
        crowd(tracker);
        let text = torrents(tracker, 4_096, 4);
        (text, peers(tracker, 4_096, 4), sorted(tracker))
    });
    with_tracker(|tracker| {
        let now = Secs(3);
        for _ in 0..2 {
            for line in read_torrents(&text, 1_000).unwrap() {
                assert_eq!(tracker.restore_torrent(&line, now), Ok(Restored::Taken));
            }
            for peer in read_peers(&bytes, 1_000).unwrap() {
                assert_eq!(tracker.restore_peer(&peer, 0, now), Ok(Restored::Taken));
            }
            assert_eq!(sorted(tracker), before);
            tracker.part(0).store().check().unwrap();
        }
        assert_eq!(tracker.counters.completed, 0);
    });
}

type Swarm = (InfoHash, u32, Vec<(PeerAddr, Status, bool)>);

fn sorted(tracker: &Tracker<'_>) -> Vec<Swarm> {
    let part = tracker.part(0);
    let store = part.store();
    let mut swarms: std::collections::BTreeMap<_, (u32, Vec<_>)> = Default::default();
    store.walk_torrents(&mut Walk::default(), 1_000, &mut |id| {
        swarms.insert(store.info_hash(id), (store.completed(id), Vec::new()));
    });
    store.walk_peers(&mut Walk::default(), 1_000, NOW, &mut |seen| {
        let swarm = swarms.get_mut(&store.info_hash(seen.torrent)).unwrap();
        swarm.1.push((seen.peer, seen.status, seen.completed));
    });
    let each = swarms.into_iter().map(|(hash, (completed, mut peers))| {
        peers.sort_by_key(|peer| peer.0);
        (hash, completed, peers)
    });
    each.collect()
}

#[test]
fn lists_and_addresses_are_looked_at() {
    with_tracker(|tracker| {
        let mut memory = [0; AccessList::words(2)];
        let mut list = AccessList::new(&mut memory, &[7; 16]);
        let _ = list.insert(&A).unwrap();
        // The list's memory must live as long as the tracker's.
        let mut arena = vec![0; Store::LEAST_WORDS];
        let secrets = Secrets::new(&[7; 40]);
        let mut listed = Tracker::new(&mut arena, &secrets, Policy::DEFAULT).unwrap();
        listed.set_access(Access {
            whitelist: Some(list),
            ..Access::default()
        });
        let line = |hash| StateLine {
            hash,
            minutes: 0,
            completed: 1,
        };
        assert_eq!(listed.restore_torrent(&line(A), NOW), Ok(Restored::Taken));
        assert_eq!(listed.restore_torrent(&line(B), NOW), Err(Denied));
        let stored = |info_hash, ip| StoredPeer {
            info_hash,
            peer: peer(ip, 1),
            status: Status::Leecher,
            completed: false,
            age: 100,
        };
        let mut back = |hash, ip, older| listed.restore_peer(&stored(hash, ip), older, NOW);
        assert_eq!(back(B, "192.0.2.1", 0), Err(Denied));
        assert_eq!(back(A, "192.0.2.1", 0), Ok(Restored::Taken));
        for nobody in ["0.0.0.0", "224.0.0.1", "255.255.255.255", "::", "ff02::1"] {
            assert_eq!(back(A, nobody, 0), Ok(Restored::Nothing), "{nobody}");
        }
        assert_eq!(back(A, "192.0.2.2", 2_600), Ok(Restored::Nothing));
        assert_eq!(back(A, "192.0.2.2", u32::MAX), Ok(Restored::Nothing));
        assert_eq!(listed.totals().peers, 1);

        // Peers that only some can reach are known as such.
        let _ = tracker.restore_peer(&stored(A, "127.0.0.1"), 0, NOW);
        let _ = tracker.restore_peer(&stored(A, "192.0.2.7"), 0, NOW);
        let announce = Announce {
            info_hash: A,
            peer: peer("192.0.2.9", 9),
            peer_id: None,
            event: Event::Started,
            left: Some(1),
            downloaded: 0,
        };
        let mut answer = tracker.announce(&announce, NOW).unwrap();
        let mut compact = [0; 60];
        let used = answer.choose_v4(&mut compact);
        assert_eq!(compact[..used], *b"\xc0\0\x02\x07\0\x01");
    });
}
