//! Datagrams of other trackers, and what a tracker tells on its own.
//!
//! Input: any number of `flags`, `length` in two bytes, `length` bytes of datagram. Of the flags,
//! bits 0 and 1 choose the source, bit 2 puts in the tracker's own id, bit 3 lets ten seconds pass
//! first.

use core::net::IpAddr;

use wrtracker_core::network::Network;
use wrtracker_core::policy::{Grant, Policy, Right};
use wrtracker_core::sync::{FULL_PACKETS, Memory, Outbox, Refused, apply};
use wrtracker_core::time::Secs;
use wrtracker_core::wire::Out;
use wrtracker_core::wire::live_sync::{
    Kind, LARGEST, MOST_V4, MOST_V6_RECEIVED, Packet, Record, TrackerId, emit_head,
};

use super::{Input, START, WORDS, ip, same, tracker};

/// The flag that puts in the tracker's own id.
pub const OWN: u8 = 1 << 2;
/// The flag that lets time pass.
pub const LATER: u8 = 1 << 3;

/// The sources; the first two are believed.
const SOURCES: [&str; 4] = ["192.0.2.1", "2001:db8::1", "192.0.2.2", "::1"];
const BELIEVED: usize = 2;
const ID: TrackerId = TrackerId(*b"ours");

/// Runs it.
pub fn run(data: &[u8]) {
    let mut memory = vec![0; WORDS];
    let (mut unused, mut frames) = (Box::new(Memory::EMPTY), Box::new(Memory::EMPTY));
    let mut tracker = tracker(&mut memory);
    tracker.set_policy(policy());
    tracker.set_sync(Outbox::new(&mut unused, ID));
    let mut teller = Outbox::new(&mut frames, TrackerId(*b"them"));
    let mut now = START;
    let mut input = Input(data);
    while let (Some(flags), Some(high), Some(low)) = (input.byte(), input.byte(), input.byte()) {
        let mut datagram = input
            .bytes(usize::from(high) << 8 | usize::from(low))
            .to_vec();
        if flags & LATER != 0 {
            now = now.plus(10);
            tracker.tick(now);
        }
        if flags & OWN != 0 && datagram.len() >= 4 {
            datagram[..4].copy_from_slice(&ID.0);
        }
        let source = usize::from(flags & 3);
        let before = tracker.counters.synced;
        let applied = apply(&mut tracker, ip(SOURCES[source]), &datagram, now);
        let records: Vec<_> = Packet::parse(&datagram).map_or_else(
            |_| Vec::new(),
            |packet| packet.records().filter_map(Result::ok).collect(),
        );
        assert!(records.len() <= MOST_V4.max(MOST_V6_RECEIVED));
        match applied {
            Ok(count) => {
                assert!(source < BELIEVED && datagram[..4] != ID.0 && datagram.len() > 8);
                same("records applied", count as usize, records.len());
                same(
                    "records counted",
                    tracker.counters.synced,
                    before + u64::from(count),
                );
            }
            Err(Refused::Stranger) => assert!(source >= BELIEVED),
            Err(Refused::Own) => same("the id of our own packet", &datagram[..4], &ID.0[..]),
            Err(_) => assert!(Packet::parse(&datagram).is_err()),
        }
        assert!(
            tracker.sync().as_ref().is_some_and(Outbox::is_empty),
            "told on"
        );
        for record in &records {
            written_and_read(record);
            teller.note(record.info_hash(), record.peer(), record.flags(), None, now);
        }
        send(&mut teller, now, flags & LATER != 0);
    }
    tracker.part(0).store().check().expect("a sound store");
}

fn policy() -> Policy {
    let mut policy = Policy::DEFAULT;
    for source in &SOURCES[..BELIEVED] {
        let network = Network::of(ip(source));
        let grant = Grant {
            network,
            right: Right::Sync,
        };
        policy.grants.push(grant).expect("room for a grant");
    }
    policy
}

/// A record survives a way over the network.
fn written_and_read(record: &Record) {
    let mut bytes = [0; 100];
    let mut out = Out::new(&mut bytes);
    out.put(&emit_head(ID, record.kind()));
    record.emit(&mut out);
    let packet = Packet::parse(out.written()).expect("a packet");
    same("kind", packet.kind, record.kind());
    let read: Vec<_> = packet.records().collect();
    same("records", read, vec![Ok(*record)]);
}

/// Takes what is due, which must be well formed.
fn send(outbox: &mut Outbox<'_>, now: Secs, sent: bool) {
    let mut count = 0;
    while let Some(bytes) = outbox.due(now) {
        count += 1;
        assert!(count <= FULL_PACKETS + 2 && bytes.len() <= LARGEST);
        let packet = Packet::parse(bytes).expect("a packet");
        let each: Vec<_> = packet.records().map(Result::unwrap).collect();
        let stride = packet.kind.record_bytes();
        same("length", bytes.len(), 8 + each.len() * stride);
        for record in each {
            let v4 = matches!(record.peer().ip(), IpAddr::V4(_));
            assert_eq!(v4, packet.kind == Kind::V4);
        }
        outbox.done(sent);
    }
}
