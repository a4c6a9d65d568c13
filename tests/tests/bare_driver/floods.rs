//! More of something than there is room for.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use smoltcp::wire::IpProtocol;
use wrtracker_core::random::Random;
use wrtracker_tests::ether::{FAIR, bad};
use wrtracker_tests::udp_client::{Announce, MAGIC, head};

use crate::lan::{CONNECTIONS, HOST_MAC, HOST_V4, Lan, MAC, PORT, V4};

/// The tracker answers a client that knows nothing of what else goes on.
pub(crate) fn still_answers(lan: &mut Lan) {
    let (leechers, ..) = lan.announce(V4.into(), &Announce::leecher(5).with_hash([0x55; 20]));
    assert_eq!(leechers, 1);
    lan.body(V4.into(), "/stats");
}

#[test]
fn a_flood_of_syns_keeps_nobody_out() {
    let mut lan = Lan::new(FAIR, 6);
    let at = SocketAddrV4::new(V4, PORT);
    let mut random = Random::new(6);
    let mut flood = |lan: &mut Lan, count: u32| {
        for _ in 0..count {
            // Addresses of the same network and of others.
            let ip = match random.below(2) {
                0 => Ipv4Addr::new(192, 0, 2, 10 + random.below(200) as u8),
                _ => Ipv4Addr::from(0x0b00_0000 | random.below(1 << 24)),
            };
            let from = SocketAddrV4::new(ip, 1024 + random.below(60_000) as u16);
            let mac = [2, 0, 0, 1, 0, random.below(256) as u8];
            let frame = bad::syn(mac, MAC, from, at, random.next() as i32);
            lan.cable
                .borrow_mut()
                .send(0, &frame, wrtracker_tests::ether::instant(lan.now));
        }
    };
    for _ in 0..50 {
        flood(&mut lan, 100);
        lan.step();
    }
    // While it goes on, UDP is as ever.
    let id = lan.connect_id(V4.into());
    for nth in 0..100 {
        flood(&mut lan, 20);
        let packet = Announce::leecher(7).emit(id, nth);
        lan.host.ask(SocketAddr::new(V4.into(), PORT), &packet);
        (0..4).for_each(|_| lan.step());
        assert!(lan.host.heard().is_some(), "announce {nth}");
    }
    // A handshake that takes less than a few of the flood's.
    flood(&mut lan, 3);
    still_answers(&mut lan);
    assert!(lan.stat("handshakes given up") > 1000);
}

#[test]
fn handshakes_that_stay_half_open_are_given_up() {
    let mut lan = Lan::new(FAIR, 7);
    let at = SocketAddrV4::new(V4, PORT);
    for nth in 0..CONNECTIONS as u16 {
        let from = SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 77), 2000 + nth);
        let frame = bad::syn([2, 0, 0, 0, 0, 77], MAC, from, at, 1);
        lan.host.device.send(&frame, lan.now);
        (0..5).for_each(|_| lan.step());
    }
    still_answers(&mut lan);
    (0..7000).for_each(|_| lan.step());
    assert_eq!(lan.stat("handshakes given up"), CONNECTIONS as u64);
}

#[test]
fn a_syn_that_comes_again_is_no_second_connection() {
    let mut lan = Lan::new(FAIR, 8);
    let (at, from) = (SocketAddrV4::new(V4, PORT), SocketAddrV4::new(HOST_V4, 999));
    for _ in 0..10 {
        lan.host
            .device
            .send(&bad::syn(HOST_MAC, MAC, from, at, 1), lan.now);
        lan.step();
    }
    assert_eq!(lan.stat("dropped: repeated SYN"), 9);
}

#[test]
fn neighbors_by_the_thousand_are_no_matter() {
    let mut lan = Lan::new(FAIR, 9);
    let mut random = Random::new(9);
    for _ in 0..200 {
        for _ in 0..30 {
            let mac = [2, 9, 9, 9, random.below(256) as u8, random.below(256) as u8];
            let ip = Ipv4Addr::new(192, 0, 2, 3 + random.below(200) as u8);
            lan.host.device.send(&bad::arp(mac, ip, V4), lan.now);
        }
        lan.step();
    }
    // Each of a hundred neighbors is answered at once, by way of itself, though the stack knows
    // sixteen; and so is one from beyond the router.
    let id = lan.connect_id(V4.into());
    assert_ne!(id, 0);
    for nth in 0..100_u8 {
        let mac = [2, 0, 0, 3, 0, nth];
        let from = match nth % 2 {
            0 => Ipv4Addr::new(192, 0, 2, 100 + nth),
            _ => Ipv4Addr::new(198, 51, 100, nth),
        };
        let mut udp = vec![0x12, 0x34, 0x1b, 0x39, 0, 24, 0, 0];
        udp.extend_from_slice(&head(MAGIC, 0, nth.into()));
        let frame = bad::ipv4(mac, MAC, from, V4, IpProtocol::Udp, &udp, |_| {});
        lan.host.device.send(&frame, lan.now);
        let wire = lan.cable.clone();
        lan.driver.poll(lan.now, &mut lan.device, &mut lan.tracker);
        assert_eq!(wire.borrow().waiting(1), 1, "neighbor {nth}");
        let mut reply = None;
        if let Some((frame, _)) = smoltcp::phy::Device::receive(
            &mut lan.host.device,
            wrtracker_tests::ether::instant(lan.now),
        ) {
            smoltcp::phy::RxToken::consume(frame, |frame| reply = Some(frame.to_vec()));
        }
        let reply = reply.unwrap();
        assert_eq!((&reply[..6], &reply[6..12]), (&mac[..], &MAC[..]));
        assert_eq!(
            (&reply[26..30], &reply[30..34]),
            (&V4.octets()[..], &from.octets()[..])
        );
        assert_eq!(reply.len(), 14 + 20 + 8 + 16);
    }
    // TCP likewise: its neighbor is the one that sent the segment.
    for nth in 0..100_u8 {
        let mac = [2, 0, 0, 4, 0, nth];
        let from = SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 100 + nth), 5000);
        let frame = bad::syn(mac, MAC, from, SocketAddrV4::new(V4, PORT), 1);
        lan.host.device.send(&frame, lan.now);
        lan.driver.poll(lan.now, &mut lan.device, &mut lan.tracker);
        let mut replies = Vec::new();
        while let Some((frame, _)) = smoltcp::phy::Device::receive(
            &mut lan.host.device,
            wrtracker_tests::ether::instant(lan.now),
        ) {
            smoltcp::phy::RxToken::consume(frame, |frame| replies.push(frame.to_vec()));
        }
        let mine = replies.iter().find(|frame| frame[..6] == mac);
        let mine = mine.unwrap_or_else(|| panic!("neighbor {nth}: {replies:?}"));
        // SYN and ACK.
        assert_eq!(mine[14 + 20 + 13], 0x12);
    }
    still_answers(&mut lan);
}
