//! What comes through a cable that loses, doubles and delays.

use std::net::{IpAddr, SocketAddr};

use wrtracker_core::bare::Sizes;
use wrtracker_tests::ether::{Connection, FAIR};
use wrtracker_tests::http_client::{announce_target, request, scrape_target};
use wrtracker_tests::udp_client::Announce;

use crate::lan::{CONNECTIONS, FOUL, HOST_V4, Lan, PORT, SETUP, V4, V6, driver_of};

/// What must come through whole, whatever the weather.
fn everything(lan: &mut Lan) {
    for (nth, to) in [IpAddr::V4(V4), IpAddr::V6(V6)].into_iter().enumerate() {
        let hash = [nth as u8 + 1; 20];
        for port in 1..=60 {
            lan.announce(to, &Announce::leecher(port).with_hash(hash));
        }
        let (leechers, seeders, peers) = lan.announce(to, &Announce::seeder(99).with_hash(hash));
        let stride = if to.is_ipv4() { 6 } else { 18 };
        assert_eq!((leechers, seeders, peers.len()), (60, 1, 60 * stride));
        let reply = lan.body(to, &announce_target(&hash, 4321, 0, "&numwant=80"));
        assert!(
            reply.windows(12).any(|at| at == b"8:completei2"),
            "{}",
            reply.escape_ascii()
        );
        assert!(reply.len() > 60 * stride, "{}", reply.escape_ascii());
        let reply = lan.body(to, &scrape_target(&[hash]));
        assert!(
            reply.windows(14).any(|at| at == b"incompletei60e"),
            "{}",
            reply.escape_ascii()
        );
    }
    let page = lan.body(V6.into(), "/stats?mode=everything");
    assert!(page.ends_with(b"</stats>"), "{}", page.escape_ascii());
}

#[test]
fn all_comes_through_in_fair_weather() {
    everything(&mut Lan::new(FAIR, 1));
}

#[test]
fn all_comes_through_though_frames_are_lost_doubled_and_overtaken() {
    for seed in 2..6 {
        everything(&mut Lan::new(FOUL, seed));
    }
}

#[test]
fn all_comes_through_with_as_little_memory_as_can_be() {
    let least = Sizes {
        receive: 256,
        send: 512,
        held: 1,
    };
    for (weather, seed) in [(FAIR, 1), (FOUL, 2)] {
        let mut lan = Lan::new(weather, seed);
        lan.driver = driver_of::<2>(&SETUP, least, &mut lan.device).unwrap();
        everything(&mut lan);
    }
}

#[test]
fn a_full_scrape_comes_through_whole_in_any_weather() {
    for (weather, seed) in [(FAIR, 1), (FOUL, 2), (FOUL, 3)] {
        let mut lan = Lan::new(weather, seed);
        let id = lan.connect_id(V4.into());
        // The host's own stack would take longer than the tracker for so many.
        for nth in 0..700_u32 {
            let mut hash = [9; 20];
            hash[..4].copy_from_slice(&nth.to_be_bytes());
            let announce = Announce::leecher(1).with_hash(hash).emit(id, nth);
            let mut out = [0; 1500];
            let source = SocketAddr::new(HOST_V4.into(), 40_000);
            let now = wrtracker_core::time::Secs(5);
            assert!(
                wrtracker_core::udp::answer(&mut lan.tracker, source, &announce, now, &mut out) > 0
            );
        }
        let body = lan.body(V4.into(), "/scrape");
        assert!(body.starts_with(b"d5:filesd20:") && body.ends_with(b"ee"));
        let found = body.windows(13).filter(|at| at == b"incompletei1e").count();
        assert_eq!(found, 700);
    }
}

#[test]
fn connections_stay_open_for_more_requests_and_in_pieces() {
    let mut lan = Lan::new(FAIR, 4);
    let mut connection = lan.host.connect(SocketAddr::new(V4.into(), PORT), b"");
    let all = request("/stats?mode=version").repeat(3);
    for byte in all.as_bytes().chunks(7) {
        lan.host.send(&mut connection, byte);
        lan.host.turn(&mut connection);
        (0..5).for_each(|_| lan.step());
    }
    let done = lan.until(|host| {
        host.turn(&mut connection);
        let found = connection
            .received
            .windows(15)
            .filter(|at| at == b"HTTP/1.1 200 OK");
        (found.count() == 3).then_some(())
    });
    assert!(done.is_some() && !connection.over);
    lan.host.close(&connection);
    let over = lan.until(|host| {
        host.turn(&mut connection);
        connection.over.then_some(())
    });
    assert!(over.is_some());
}

#[test]
fn more_clients_than_places_all_have_their_turn() {
    let mut lan = Lan::new(FAIR, 5);
    for round in 0..3 {
        let target = request("/stats?mode=version");
        let mut open: Vec<Connection> = (0..5 * CONNECTIONS)
            .map(|_| {
                let to = SocketAddr::new(V4.into(), PORT);
                let mut connection = lan.host.connect(to, target.as_bytes());
                for _ in 0..10 {
                    lan.host.turn(&mut connection);
                    lan.step();
                }
                connection
            })
            .collect();
        for (nth, connection) in open.iter_mut().enumerate() {
            let done = lan.until(|host| {
                host.turn(connection);
                (!connection.received.is_empty() || connection.over).then_some(())
            });
            assert!(done.is_some(), "round {round}, client {nth}");
            assert!(
                !connection.received.is_empty(),
                "round {round}, client {nth} was reset"
            );
        }
        for connection in &open {
            lan.host.forget(connection);
        }
    }
    assert!(lan.stat("connections reset") > 0);
}
