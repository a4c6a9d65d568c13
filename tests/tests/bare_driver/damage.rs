//! Packets that are none, cables that are pulled, clocks that stand still.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use smoltcp::wire::{IpProtocol, TcpControl};
use wrtracker_core::bare::FRAMES;
use wrtracker_core::random::Random;
use wrtracker_tests::ether::{FAIR, bad};
use wrtracker_tests::http_client::request;
use wrtracker_tests::udp_client::{Announce, MAGIC, head};

use crate::floods::still_answers;
use crate::lan::{HOST_MAC, HOST_V4, Lan, MAC, PORT, V4, V6};

#[test]
fn what_is_no_proper_packet_is_dropped_and_counted() {
    let mut lan = Lan::new(FAIR, 10);
    let good = {
        let mut udp = vec![0x12, 0x34, 0x1b, 0x39, 0, 24, 0, 0];
        udp.extend_from_slice(&head(MAGIC, 0, 1));
        udp
    };
    let from = Ipv4Addr::new(192, 0, 2, 50);
    let udp = |from, change: &dyn Fn(&mut smoltcp::wire::Ipv4Packet<&mut [u8]>)| {
        bad::ipv4(HOST_MAC, MAC, from, V4, IpProtocol::Udp, &good, change)
    };
    // One that is good, so that the others are bad for their own reasons.
    let mut fragment_end = udp(from, &|packet| packet.set_frag_offset(1480));
    fragment_end[0] = MAC[0];
    let cases: Vec<(&str, Vec<Vec<u8>>)> = vec![
        ("datagrams for the tracker", vec![udp(from, &|_| {})]),
        (
            "dropped: malformed",
            vec![
                vec![],
                vec![0; 5],
                // Cut in the Ethernet, IP and UDP headers.
                udp(from, &|_| {})[..13].to_vec(),
                udp(from, &|_| {})[..20].to_vec(),
                udp(from, &|packet| packet.set_total_len(24)),
                udp(from, &|packet| packet.set_header_len(24)),
                udp(from, &|packet| packet.set_header_len(16)),
                udp(from, &|packet| packet.set_version(5)),
                udp(from, &|packet| packet.set_total_len(2000)),
                // From nobody, from all, from ourselves.
                udp(Ipv4Addr::UNSPECIFIED, &|_| {}),
                udp(Ipv4Addr::BROADCAST, &|_| {}),
                udp(Ipv4Addr::new(192, 0, 2, 255), &|_| {}),
                udp(Ipv4Addr::new(224, 0, 0, 1), &|_| {}),
                udp(Ipv4Addr::LOCALHOST, &|_| {}),
                udp(V4, &|_| {}),
                bad::ipv4(
                    [3, 0, 0, 0, 0, 1],
                    MAC,
                    from,
                    V4,
                    IpProtocol::Udp,
                    &good,
                    |_| {},
                ),
            ],
        ),
        (
            "dropped: fragments",
            vec![
                udp(from, &|packet| packet.set_more_frags(true)),
                udp(from, &|packet| packet.set_frag_offset(1480)),
                fragment_end,
            ],
        ),
        (
            "dropped: frames for others",
            vec![
                bad::ipv4(
                    HOST_MAC,
                    [2, 0, 0, 0, 0, 9],
                    from,
                    V4,
                    IpProtocol::Udp,
                    &good,
                    |_| {},
                ),
                bad::ipv4(
                    HOST_MAC,
                    MAC,
                    from,
                    Ipv4Addr::new(192, 0, 2, 9),
                    IpProtocol::Udp,
                    &good,
                    |_| {},
                ),
                bad::ipv4(
                    HOST_MAC,
                    [0xff; 6],
                    from,
                    Ipv4Addr::new(192, 0, 2, 255),
                    IpProtocol::Udp,
                    &good,
                    |_| {},
                ),
                bad::ipv4(HOST_MAC, MAC, from, V4, IpProtocol::Igmp, &good, |_| {}),
            ],
        ),
        ("dropped: oversized", vec![vec![0; 1515], vec![7; 9000]]),
    ];
    for (name, frames) in cases {
        let before = lan.stat(name);
        let more = if name == "datagrams for the tracker" {
            1
        } else {
            frames.len() as u64
        };
        for frame in &frames {
            lan.host.device.send(frame, lan.now);
        }
        (0..3).for_each(|_| lan.step());
        let after = lan.stat(name);
        assert_eq!(after - before, more, "{name}");
    }
    while lan.host.heard().is_some() {}
    still_answers(&mut lan);
}

#[test]
fn any_bytes_at_all_are_survived() {
    let mut lan = Lan::new(FAIR, 11);
    let mut random = Random::new(11);
    // Frames as they come, with bytes changed: more of them pass the first looks than of noise.
    let mut frames: Vec<Vec<u8>> = vec![
        bad::arp(HOST_MAC, HOST_V4, V4),
        bad::syn(
            HOST_MAC,
            MAC,
            SocketAddrV4::new(HOST_V4, 5),
            SocketAddrV4::new(V4, PORT),
            9,
        ),
    ];
    lan.announce(V6.into(), &Announce::leecher(5));
    frames.push(lan.cable.borrow().last.clone());
    lan.body(V6.into(), "/stats");
    frames.push(lan.cable.borrow().last.clone());
    for nth in 0..60_000_u32 {
        let mut frame = frames[random.below(frames.len() as u32) as usize].clone();
        for _ in 0..=random.below(4) {
            let at = random.below(frame.len() as u32) as usize;
            frame[at] = random.next() as u8;
        }
        if random.below(4) == 0 {
            frame.truncate(random.below(frame.len() as u32 + 1) as usize);
        }
        if random.below(8) == 0 {
            frame.resize(frame.len() + random.below(200) as usize, 0);
        }
        lan.host.device.send(&frame, lan.now);
        if nth % 16 == 0 {
            lan.driver.poll(lan.now, &mut lan.device, &mut lan.tracker);
            lan.now += Duration::from_millis(1);
        }
    }
    (0..2000).for_each(|_| lan.step());
    still_answers(&mut lan);
}

#[test]
fn segments_in_any_order_are_survived() {
    let mut lan = Lan::new(FAIR, 12);
    let mut random = Random::new(12);
    let at = SocketAddrV4::new(V4, PORT);
    let controls = [
        TcpControl::Syn,
        TcpControl::Fin,
        TcpControl::Rst,
        TcpControl::None,
        TcpControl::Psh,
    ];
    for nth in 0..40_000_u32 {
        let from = SocketAddrV4::new(HOST_V4, 1 + random.below(20) as u16);
        let control = controls[random.below(5) as usize];
        let ack = (random.below(2) == 0).then(|| random.next() as i32);
        let seq = random.below(3) as i32;
        lan.host.device.send(
            &bad::segment(HOST_MAC, MAC, from, at, control, seq, ack),
            lan.now,
        );
        if nth % 8 == 0 {
            lan.driver.poll(lan.now, &mut lan.device, &mut lan.tracker);
            lan.now += Duration::from_millis(3);
        }
    }
    (0..15_000).for_each(|_| lan.step());
    still_answers(&mut lan);
}

#[test]
fn a_cable_that_is_pulled_and_put_back_is_no_end() {
    let mut lan = Lan::new(FAIR, 13);
    still_answers(&mut lan);
    let mut half = lan
        .host
        .connect(SocketAddr::new(V4.into(), PORT), b"GET /stats HT");
    for _ in 0..100 {
        lan.host.turn(&mut half);
        lan.step();
    }
    lan.cable.borrow_mut().plugged = false;
    (0..90_000).for_each(|_| lan.step());
    lan.cable.borrow_mut().plugged = true;
    lan.driver.link_up();
    still_answers(&mut lan);
}

#[test]
fn a_clock_that_stands_still_or_goes_back_stops_nothing() {
    let mut lan = Lan::new(FAIR, 14);
    lan.now = Duration::from_secs(1000);
    still_answers(&mut lan);
    let frozen = lan.now;
    for back in [Duration::ZERO, Duration::from_secs(500)] {
        let target = request("/stats?mode=version");
        let mut connection = lan
            .host
            .connect(SocketAddr::new(V4.into(), PORT), target.as_bytes());
        for _ in 0..200 {
            lan.host.poll(lan.now);
            lan.host.turn(&mut connection);
            lan.driver
                .poll(frozen - back, &mut lan.device, &mut lan.tracker);
            lan.now += Duration::from_millis(1);
        }
        assert!(
            connection.received.starts_with(b"HTTP/1.1 200"),
            "{:?}",
            connection.received
        );
        lan.host
            .ask(SocketAddr::new(V4.into(), PORT), &head(MAGIC, 0, 3));
        for _ in 0..3 {
            lan.host.poll(lan.now);
            lan.driver
                .poll(frozen - back, &mut lan.device, &mut lan.tracker);
        }
        lan.host.poll(lan.now);
        assert!(lan.host.heard().is_some());
    }
    // And one that leaps.
    lan.now += Duration::from_secs(40 * 86_400);
    still_answers(&mut lan);
}

#[test]
fn a_poll_takes_a_bounded_number_of_frames() {
    let mut lan = Lan::new(FAIR, 15);
    for _ in 0..3 * FRAMES {
        lan.host
            .device
            .send(&bad::arp(HOST_MAC, HOST_V4, V4), lan.now);
    }
    for left in [2, 1] {
        let rest = lan.driver.poll(lan.now, &mut lan.device, &mut lan.tracker);
        assert_eq!(rest, Duration::ZERO);
        assert_eq!(lan.cable.borrow().waiting(0), left * FRAMES);
    }
}
