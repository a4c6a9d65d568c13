//! A cluster of trackers over hours of a clock that the test sets: each has clients of its own, and
//! what they tell each other may get lost.

use std::net::{IpAddr, Ipv4Addr};

use wrtracker_core::http::{BUFFER_BYTES, Connections, Slot};
use wrtracker_core::network::Network;
use wrtracker_core::policy::{Grant, Policy, Right};
use wrtracker_core::random::Random;
use wrtracker_core::sync::{Memory, Outbox, apply};
use wrtracker_core::time::Secs;
use wrtracker_core::tracker::{Secrets, Tracker};
use wrtracker_core::wire::live_sync::TrackerId;
use wrtracker_tests::net::{Net, Weather};

const FAIR: Weather = Weather {
    lost: 0,
    doubled: 0,
    slowest: 0,
};

const TRACKERS: u8 = 3;
/// Clients of each tracker and torrent, one in four of them a seeder.
const CLIENTS: u16 = 16;
const TORRENTS: u8 = 3;

/// Where a tracker sends from.
fn address(tracker: usize) -> IpAddr {
    Ipv4Addr::new(192, 168, 7, tracker as u8 + 1).into()
}

/// Runs `test` on trackers that believe each other, each with clients of its own.
fn with_cluster(test: impl FnOnce(&mut [Net<'_>])) {
    let mut policy = Policy::DEFAULT;
    let network = Network::new(address(0), 24).unwrap();
    let right = Right::Sync;
    policy.grants.push(Grant { network, right }).unwrap();
    let all = || 0..TRACKERS;
    let mut memory: Vec<_> = all().map(|_| vec![0; 1 << 18]).collect();
    let mut slots: Vec<_> = all().map(|_| vec![Slot::EMPTY; 8]).collect();
    let mut buffers: Vec<_> = all().map(|_| vec![0; 4 * BUFFER_BYTES]).collect();
    let mut outboxes: Vec<_> = all().map(|_| Box::new(Memory::EMPTY)).collect();
    let parts = memory
        .iter_mut()
        .zip(&mut slots)
        .zip(&mut buffers)
        .zip(&mut outboxes);
    let mut nets: Vec<_> = all()
        .zip(parts)
        .map(|(number, (((memory, slots), buffers), outbox))| {
            let secrets = Secrets::new(&[number; 40]);
            let mut tracker = Tracker::new(memory, &secrets, policy.clone()).unwrap();
            tracker.set_sync(Outbox::new(outbox, TrackerId([number; 4])));
            let connections = Connections::new(slots, buffers);
            let mut net = Net::new(tracker, connections, FAIR, number.into(), 1000);
            for client in 0..CLIENTS * u16::from(TORRENTS) {
                let torrent = (client % u16::from(TORRENTS)) as u8;
                net.join(torrent, client < 12, client % 4 == 1, client % 5 == 0);
                // No two clients of the cluster are at one place.
                let last = net.clients.last_mut().unwrap();
                last.address
                    .set_port(10_000 * (1 + u16::from(number)) + client);
            }
            net
        })
        .collect();
    test(&mut nets);
    for net in &nets {
        net.tracker.part(0).store().check().unwrap();
    }
}

/// Lets time pass everywhere. Of a hundred packets `lost` don't arrive at one of the others, each
/// for itself.
fn run(nets: &mut [Net<'_>], seconds: u32, lost: u32, random: &mut Random) {
    for _ in 0..seconds {
        for net in &mut *nets {
            net.run(1);
        }
        for from in 0..nets.len() {
            let now = Secs(nets[from].now);
            while let Some(packet) = next_packet(&mut nets[from].tracker, now) {
                for (to, net) in nets.iter_mut().enumerate() {
                    if to != from && random.below(100) >= lost {
                        apply(&mut net.tracker, address(from), &packet, now).unwrap();
                    }
                }
            }
        }
    }
}

/// Takes the next packet that is due.
fn next_packet(tracker: &mut Tracker<'_>, now: Secs) -> Option<Vec<u8>> {
    let mut sync = tracker.sync_mut();
    let outbox = sync.as_mut()?;
    let packet = outbox.due(now)?.to_vec();
    outbox.done(true);
    Some(packet)
}

fn all_counts(nets: &[Net<'_>]) -> Vec<(u32, u32)> {
    let each = nets
        .iter()
        .flat_map(|net| (0..TORRENTS).map(|torrent| net.counts(torrent)));
    each.collect()
}

#[test]
fn every_tracker_knows_the_clients_of_all() {
    with_cluster(|nets| {
        let mut random = Random::new(1);
        run(nets, 100, 0, &mut random);
        let all = u32::from(CLIENTS) * u32::from(TRACKERS);
        let seeders = 4 * u32::from(TRACKERS);
        let expected = vec![(seeders, all - seeders); usize::from(TORRENTS * TRACKERS)];
        assert_eq!(all_counts(nets), expected);
        // And goes on to, past all time-outs.
        for _ in 0..20 {
            run(nets, 600, 0, &mut random);
            assert_eq!(all_counts(nets), expected);
        }
        let own = nets[0].tracker.counters.synced;
        assert!(own >= u64::from(CLIENTS * u16::from(TORRENTS)) * 2, "{own}");
        assert_eq!(nets[0].tracker.sync().as_ref().unwrap().lost(), 0);
        // Clients of one tracker are told of those of others.
        for net in &*nets {
            for client in net.clients.iter().filter(|client| !client.seeder) {
                let own = client.address.port() / 10_000;
                let foreign = client
                    .known
                    .iter()
                    .filter(|peer| peer.port() / 10_000 != own);
                assert!(foreign.count() > 0, "{}", client.address);
            }
        }
    });
}

#[test]
fn who_leaves_one_leaves_all_and_who_falls_silent_is_forgotten_by_all() {
    with_cluster(|nets| {
        let mut random = Random::new(2);
        run(nets, 3000, 0, &mut random);
        for client in 0..usize::from(CLIENTS * u16::from(TORRENTS)) {
            nets[0].leave(client);
        }
        run(nets, 20, 0, &mut random);
        let seeders = 4 * u32::from(TRACKERS - 1);
        let left = u32::from(CLIENTS) * u32::from(TRACKERS - 1);
        assert_eq!(all_counts(nets), vec![(seeders, left - seeders); 9]);
        for client in &mut nets[1].clients {
            client.alive = false;
        }
        run(nets, 50 * 60, 0, &mut random);
        assert_eq!(all_counts(nets), vec![(4, u32::from(CLIENTS) - 4); 9]);
        for client in &mut nets[2].clients {
            client.alive = false;
        }
        run(nets, 50 * 60, 0, &mut random);
        assert_eq!(all_counts(nets), vec![(0, 0); 9]);
        assert!(nets.iter().all(|net| net.tracker.totals().peers == 0));
    });
}

#[test]
fn lost_packets_are_made_good_in_time() {
    with_cluster(|nets| {
        let mut random = Random::new(3);
        run(nets, 4 * 3600, 30, &mut random);
        // At one moment somebody may be missing. Within an hour nobody is for all of it.
        let (mut most, mut least) = (vec![0; 9], vec![u32::MAX; 9]);
        for _ in 0..60 {
            run(nets, 60, 30, &mut random);
            for (nth, (seeders, leechers)) in all_counts(nets).into_iter().enumerate() {
                most[nth] = most[nth].max(seeders + leechers);
                least[nth] = least[nth].min(seeders + leechers);
            }
        }
        let own = u32::from(CLIENTS);
        let all = own * u32::from(TRACKERS);
        assert!(
            most.iter()
                .all(|&count| count <= all && count > all * 3 / 4),
            "{most:?}"
        );
        assert!(least.iter().all(|&count| count > own), "{least:?}");
    });
}
