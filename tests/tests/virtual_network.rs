//! Swarms over hours of a clock that the test sets, through a network that loses datagrams.

use wrtracker_core::http::{BUFFER_BYTES, Connections, Slot};
use wrtracker_core::policy::Policy;
use wrtracker_core::tracker::{Secrets, Tracker};
use wrtracker_tests::net::{Net, Weather};

const FAIR: Weather = Weather {
    lost: 0,
    doubled: 0,
    slowest: 0,
};
const FOUL: Weather = Weather {
    lost: 30,
    doubled: 20,
    slowest: 9,
};

/// Runs `test` on a network that begins at `now`.
fn with_net(weather: Weather, seed: u64, now: u32, test: impl FnOnce(&mut Net<'_>)) {
    let mut memory = vec![0; 1 << 18];
    let mut slots = vec![Slot::EMPTY; 8];
    let mut buffers = vec![0; 4 * BUFFER_BYTES];
    let secrets = Secrets::new(&[seed as u8; 40]);
    let tracker = Tracker::new(&mut memory, &secrets, Policy::DEFAULT).unwrap();
    let connections = Connections::new(&mut slots, &mut buffers);
    let mut net = Net::new(tracker, connections, weather, seed, now);
    test(&mut net);
    net.tracker.part(0).store().check().unwrap();
}

/// Twenty clients in each of three swarms, of both families and protocols, four of them seeders.
fn populate(net: &mut Net<'_>) {
    for number in 0..60 {
        net.join(number % 3, number < 12, number % 4 == 1, number % 5 == 0);
    }
}

fn assert_all_met(net: &Net<'_>) {
    for client in &net.clients {
        let address = client.address;
        assert!(client.answered > 0, "{address} was never answered");
        assert!(!client.known.is_empty(), "{address} met nobody");
        for known in &client.known {
            let peer = net.clients.iter().find(|other| other.address == *known);
            let peer = peer.unwrap_or_else(|| panic!("{address} was told of {known}"));
            assert_eq!(
                peer.torrent, client.torrent,
                "{address} was told of {known}"
            );
            assert!(
                !(client.seeder && peer.seeder),
                "{address}, a seeder, was told of {known}"
            );
            // Over UDP the family of the source, over HTTP both.
            assert!(client.http || known.is_ipv4() == address.is_ipv4());
        }
    }
}

#[test]
fn everybody_meets_in_fair_weather() {
    with_net(FAIR, 1, 0, |net| {
        populate(net);
        net.run(4000);
        assert_all_met(net);
        for torrent in 0..3 {
            assert_eq!(net.counts(torrent), (4, 16));
        }
    });
}

#[test]
fn everybody_meets_though_a_third_of_the_datagrams_is_lost() {
    for seed in 2..6 {
        with_net(FOUL, seed, seed as u32 * 977, |net| {
            populate(net);
            net.run(3 * 3600);
            assert_all_met(net);
        });
    }
}

#[test]
fn who_falls_silent_is_forgotten_after_the_time_out_and_not_before() {
    with_net(FAIR, 7, 500, |net| {
        populate(net);
        net.run(3000);
        for number in (0..60).step_by(2) {
            net.clients[number].alive = false;
        }
        // The last announce may have come just before: nobody is gone for the first quarter of an
        // hour.
        let before: u32 = (0..3)
            .map(|torrent| net.counts(torrent))
            .map(|(s, l)| s + l)
            .sum();
        assert_eq!(before, 60);
        net.run(600);
        let early: u32 = (0..3)
            .map(|torrent| net.counts(torrent))
            .map(|(s, l)| s + l)
            .sum();
        assert_eq!(early, 60);
        // 45 minutes, and two for the sweep to come by.
        net.run(47 * 60 - 600);
        for torrent in 0..3 {
            assert_eq!(net.counts(torrent), (2, 8), "torrent {torrent}");
        }
    });
}

#[test]
fn who_says_that_it_leaves_is_gone_at_once_and_the_torrent_with_the_last() {
    with_net(FAIR, 8, 0, |net| {
        populate(net);
        net.run(2000);
        for number in 0..60 {
            net.leave(number);
        }
        assert_eq!(
            (net.tracker.totals().peers, net.tracker.totals().torrents),
            (0, 0)
        );
    });
}

#[test]
fn a_clock_that_leaps_forward_by_days_empties_the_tracker_in_its_time() {
    // A laptop that slept, or a machine whose clock was suspended with it: all time-outs pass at
    // once, and stamps have come round several times.
    for leap in [86_400, 3 * 86_400 + 12_345, 40 * 86_400] {
        with_net(FAIR, 9, 0, |net| {
            populate(net);
            net.run(2000);
            for client in &mut net.clients {
                client.alive = false;
            }
            net.now += leap;
            net.run(50 * 60);
            assert_eq!(net.tracker.totals().peers, 0, "after a leap of {leap} s");
        });
    }
}

#[test]
fn half_open_connections_dont_keep_others_out() {
    with_net(FAIR, 10, 0, |net| {
        // Half of the HTTP clients never close, and there are eight slots.
        for _ in 0..50 {
            net.join(0, false, true, false);
        }
        net.run(4000);
        assert_all_met(net);
        assert!(net.connections.len() <= 8);
        net.run(100);
        assert!(
            net.connections.is_empty(),
            "idle connections are closed in time"
        );
    });
}
