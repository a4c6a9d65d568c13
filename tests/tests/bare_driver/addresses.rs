//! What can't be set up, and where addresses come from.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use smoltcp::wire::IpProtocol;
use wrtracker_core::bare::{Driver, Ipv4, Ipv6, Room, Setup, SetupError, Sizes};
use wrtracker_tests::ether::{Cable, FAIR, bad};
use wrtracker_tests::udp_client::Announce;

use crate::floods::still_answers;
use crate::lan::{CONNECTIONS, Lan, MAC, SETUP, V4, V6, driver};

#[test]
fn what_can_not_be_set_up_is_refused_with_its_reason() {
    let (_, mut device, _) = Cable::new(FAIR, 1);
    let mut refused = |setup: Setup| driver(&setup, &mut device).err();
    assert_eq!(refused(SETUP), None);
    assert_eq!(refused(Setup { port: 0, ..SETUP }), Some(SetupError::Port));
    for mac in [[0; 6], [1, 0, 0, 0, 0, 1], [0xff; 6]] {
        assert_eq!(refused(Setup { mac, ..SETUP }), Some(SetupError::Mac));
    }
    for (address, bits, router) in [
        ("0.0.0.0", 24, None),
        ("127.0.0.1", 8, None),
        ("224.0.0.1", 24, None),
        ("192.0.2.255", 24, None),
        ("192.0.2.0", 24, None),
        ("192.0.2.1", 0, None),
        ("192.0.2.1", 33, None),
        ("192.0.2.1", 24, Some("198.51.100.1")),
        ("192.0.2.1", 24, Some("192.0.2.255")),
    ] {
        let ipv4 = Ipv4::Static {
            address: address.parse().unwrap(),
            bits,
            router: router.map(|router| router.parse().unwrap()),
        };
        let wrong: IpAddr = router.unwrap_or(address).parse().unwrap();
        assert_eq!(
            refused(Setup { ipv4, ..SETUP }),
            Some(SetupError::Address(wrong)),
            "{address}"
        );
    }
    for (address, bits) in [
        ("::", 64),
        ("ff02::1", 64),
        ("2001:db8::1", 129),
        ("::1", 128),
    ] {
        let ipv6 = Ipv6 {
            address: Some((address.parse().unwrap(), bits)),
            ..Ipv6::OFF
        };
        let wrong = SetupError::Address(address.parse().unwrap());
        assert_eq!(refused(Setup { ipv6, ..SETUP }), Some(wrong));
    }
    for name in ["a b", "a.b", "\u{e9}", &*"x".repeat(64).leak()] {
        assert_eq!(refused(Setup { name, ..SETUP }), Some(SetupError::Name));
    }
    let bytes = vec![0; Sizes::DEFAULT.bytes(CONNECTIONS) - 1].leak();
    let room = Box::leak(Box::new(Room::<CONNECTIONS>::new()));
    let small = Driver::new(
        &SETUP,
        room,
        bytes,
        Sizes::DEFAULT,
        &mut device,
        Duration::ZERO,
    );
    assert_eq!(small.err(), Some(SetupError::Memory));
}

#[test]
fn routers_give_addresses_and_bad_ones_nothing() {
    let mut lan = Lan::new(FAIR, 16);
    let mac = [2, 0, 0, 0, 0, 99];
    let from: Ipv6Addr = "fe80::99".parse().unwrap();
    let addresses = |lan: &Lan| lan.driver.addresses().collect::<Vec<_>>();
    let before = addresses(&lan);
    assert_eq!(before.len(), 3);
    for (prefix, bits) in [
        ("ff00::", 64),
        ("ff02::1", 64),
        ("::", 64),
        ("::1", 128),
        ("::", 0),
        ("fe80::", 64),
        ("2001:db8:5::", 0),
        ("2001:db8:5::", 128),
        ("2001:db8:5::", 129),
        ("2001:db8:5::", 255),
        ("::ffff:192.0.2.1", 96),
    ] {
        for seconds in [0, 1, 1800, u64::from(u32::MAX)] {
            let frame = bad::router(mac, from, prefix.parse().unwrap(), bits, seconds);
            lan.host.device.send(&frame, lan.now);
            (0..3).for_each(|_| lan.step());
        }
    }
    assert_eq!(addresses(&lan), before);
    let frame = bad::router(mac, from, "2001:db8:5::".parse().unwrap(), 64, 100);
    lan.host.device.send(&frame, lan.now);
    (0..3).for_each(|_| lan.step());
    let own: IpAddr = "2001:db8:5::ff:fe00:1".parse().unwrap();
    assert!(addresses(&lan).contains(&own), "{:?}", addresses(&lan));
    // It goes when it isn't advertised any more.
    (0..101_000).for_each(|_| lan.step());
    assert_eq!(addresses(&lan), before);
    still_answers(&mut lan);
}

/// A server of DHCP that offers what it likes.
fn serve_dhcp(lan: &mut Lan, offer: Ipv4Addr, mask: Ipv4Addr, router: Ipv4Addr) {
    use smoltcp::wire::{DhcpMessageType, DhcpPacket, DhcpRepr};
    let server = Ipv4Addr::new(192, 0, 2, 254);
    for _ in 0..15_000 {
        lan.driver.poll(lan.now, &mut lan.device, &mut lan.tracker);
        lan.now += Duration::from_millis(1);
        let mut asked = None;
        let now = wrtracker_tests::ether::instant(lan.now);
        while let Some((frame, _)) = smoltcp::phy::Device::receive(&mut lan.host.device, now) {
            smoltcp::phy::RxToken::consume(frame, |frame| {
                if frame.len() > 282 && frame[12..14] == [8, 0] && frame[23] == 17 {
                    asked = Some(frame[42..].to_vec());
                }
            });
        }
        let Some(asked) = asked else {
            continue;
        };
        let packet = DhcpPacket::new_checked(&asked[..]).unwrap();
        let name = packet.options().find(|option| option.kind == 12);
        assert_eq!(name.map(|option| option.data), Some(&b"tracker"[..]));
        let asked = DhcpRepr::parse(&packet).unwrap();
        let reply = DhcpRepr {
            message_type: match asked.message_type {
                DhcpMessageType::Discover => DhcpMessageType::Offer,
                _ => DhcpMessageType::Ack,
            },
            your_ip: offer,
            server_ip: server,
            server_identifier: Some(server),
            subnet_mask: Some(mask),
            router: Some(router),
            lease_duration: Some(60),
            parameter_request_list: None,
            client_identifier: None,
            requested_ip: None,
            max_size: None,
            ..asked
        };
        let mut udp = vec![0; 8 + reply.buffer_len()];
        let length = udp.len() as u16;
        udp[..8].copy_from_slice(&[0, 67, 0, 68, (length >> 8) as u8, length as u8, 0, 0]);
        reply
            .emit(&mut DhcpPacket::new_unchecked(&mut udp[8..]))
            .unwrap();
        let mac = [2, 0, 0, 0, 0, 254];
        let frame = bad::ipv4(mac, MAC, server, offer, IpProtocol::Udp, &udp, |_| {});
        lan.host.device.send(&frame, lan.now);
    }
}

#[test]
fn dhcp_gives_an_address_and_a_bad_server_none() {
    let mask = Ipv4Addr::new(255, 255, 255, 0);
    let router = Ipv4Addr::new(192, 0, 2, 254);
    for (offer, mask, router, taken) in [
        (V4, mask, router, true),
        (V4, mask, Ipv4Addr::BROADCAST, true),
        (V4, mask, Ipv4Addr::new(224, 0, 0, 1), true),
        (V4, mask, Ipv4Addr::new(198, 51, 100, 1), true),
        (V4, Ipv4Addr::UNSPECIFIED, router, false),
        (Ipv4Addr::new(192, 0, 2, 255), mask, router, false),
        (Ipv4Addr::new(224, 0, 0, 5), mask, router, false),
        (Ipv4Addr::LOCALHOST, mask, router, false),
        (Ipv4Addr::UNSPECIFIED, mask, router, false),
    ] {
        let mut lan = Lan::new(FAIR, 17);
        let setup = Setup {
            ipv4: Ipv4::Dhcp,
            ..SETUP
        };
        lan.driver = driver(&setup, &mut lan.device).unwrap();
        serve_dhcp(&mut lan, offer, mask, router);
        let has = lan.driver.addresses().any(|ip| ip == IpAddr::V4(offer));
        assert_eq!(has, taken, "{offer} {mask} {router}");
        if taken {
            (0..10).for_each(|_| lan.step());
            still_answers(&mut lan);
            // Nobody renews it: it goes after its minute.
            (0..70_000).for_each(|_| lan.step());
            assert!(!lan.driver.addresses().any(|ip| ip == IpAddr::V4(offer)));
            let (leechers, ..) =
                lan.announce(V6.into(), &Announce::leecher(9).with_hash([0x56; 20]));
            assert_eq!(leechers, 1);
        }
    }
}
