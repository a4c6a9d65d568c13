//! The real program on a machine with many addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use wrtracker_tests::http_client::{HttpClient, leecher};
use wrtracker_tests::namespace::{enter_test, has_ipv6, skip, v4, v6};
use wrtracker_tests::server::Server;
use wrtracker_tests::udp_client::{Announce, UdpClient, parse_announced};

/// A client that asks an address of a router drops what comes from another one of its addresses.
#[test]
fn replies_come_from_the_address_that_was_asked() {
    if !enter_test("replies_come_from_the_address_that_was_asked") {
        return;
    }
    let server = Server::start(&["-p", "0", "-P", "0"]);
    for (asked, udp, tcp) in addresses(&server) {
        // Also from its own address, and from one that the way to the other doesn't begin with.
        let sources = if asked.is_ipv4() {
            vec![v4(1), v4(2), v4(3), Ipv4Addr::LOCALHOST.into()]
        } else {
            vec![v6(1), v6(2), v6(3), Ipv6Addr::LOCALHOST.into()]
        };
        for source in sources {
            let mut client = UdpClient::bound_to(source, udp);
            client.connection = client.fresh_connection();
            client.announce(&Announce::leecher(1001));
            client.scrape(&[[1; 20]]);
            let mut client = HttpClient::bound_to(source, tcp);
            client.announce(&leecher(1001));
        }
    }
}

/// The datagrams of one batch have different addresses to answer from.
#[test]
fn replies_of_a_burst_come_each_from_its_own_address() {
    if !enter_test("replies_of_a_burst_come_each_from_its_own_address") {
        return;
    }
    let server = Server::start(&["-p", "0", "-P", "0"]);
    let clients: Vec<_> = addresses(&server)
        .into_iter()
        .flat_map(|(asked, udp, _)| {
            (1..=20).map(move |host| {
                let source = if asked.is_ipv4() { v4(host) } else { v6(host) };
                let mut client = UdpClient::bound_to(source, udp);
                client.connection = client.fresh_connection();
                client
            })
        })
        .collect();
    for _ in 0..3 {
        for (transaction, client) in (1..).zip(&clients) {
            let announce = Announce::leecher(1001).with_wanted(0);
            client.send(&announce.emit(client.connection, transaction));
        }
        for (transaction, client) in (1..).zip(&clients) {
            parse_announced(&client.receive(), transaction, client.family());
        }
    }
}

#[test]
fn peers_are_handed_out_with_the_address_that_they_came_from() {
    if !enter_test("peers_are_handed_out_with_the_address_that_they_came_from") {
        return;
    }
    let server = Server::start(&["-p", "0", "-P", "0"]);
    for host in [v4 as fn(u8) -> IpAddr, v6] {
        if host(1).is_ipv6() && !has_ipv6() {
            continue;
        }
        let (udp, tcp) = (
            at(host(1), &server, Server::udp_v4, Server::udp_v6),
            at(host(1), &server, Server::tcp_v4, Server::tcp_v6),
        );
        let mut expected = Vec::new();
        for number in 10..20 {
            let announce =
                Announce::leecher(7000 + u16::from(number)).with_hash(*b"twenty bytes, no mor");
            let target = format!(
                "/announce?info_hash=twenty%20bytes%2C%20no%20mor&peer_id=12345678901234567890\
                 &left=1&port={}",
                announce.port
            );
            if number % 2 == 0 {
                let mut client = UdpClient::bound_to(host(number), udp);
                client.connection = client.fresh_connection();
                client.announce(&announce);
            } else {
                HttpClient::bound_to(host(number), tcp).announce(&target);
            }
            let mut peers = HttpClient::bound_to(host(1), tcp)
                .announce(&target.replace("&port=", "&event=stopped&port="))
                .peers;
            assert!(peers.is_empty());
            expected.push(SocketAddr::new(host(number), announce.port));
            let mut client = UdpClient::bound_to(host(1), udp);
            client.connection = client.fresh_connection();
            let asking = Announce::leecher(1).with_hash(announce.info_hash);
            peers = client.announce(&asking).peers;
            peers.sort_unstable();
            assert_eq!(peers, expected);
        }
    }
}

#[test]
fn a_connection_id_holds_for_no_other_host_over_ipv6() {
    if !enter_test("a_connection_id_holds_for_no_other_host_over_ipv6") || !has_ipv6() {
        return;
    }
    let server = Server::start(&["-p", "0", "-P", "0"]);
    let udp = at(v6(1), &server, Server::udp_v4, Server::udp_v6);
    let mut first = UdpClient::bound_to(v6(2), udp);
    first.connection = first.fresh_connection();
    let mut second = UdpClient::bound_to(v6(3), udp);
    second.connection = first.connection;
    let text = second.announce_refused(&Announce::leecher(1001));
    assert_eq!(text, b"Connection ID missmatch.\0");
    second.connection = second.fresh_connection();
    assert_eq!(second.announce(&Announce::leecher(1001)).leechers, 1);
}

#[test]
fn a_listener_on_one_address_serves_that_address() {
    if !enter_test("a_listener_on_one_address_serves_that_address") {
        return;
    }
    let two = v4(2).to_string();
    let server = Server::start(&["-i", &two, "-p", "0", "-P", "0"]);
    assert_eq!(server.udp_v4().ip(), v4(2));
    assert_eq!(server.tcp_v4().ip(), v4(2));
    UdpClient::connect(server.udp_v4()).announce(&Announce::leecher(1001));
    HttpClient::connect(server.tcp_v4()).announce(&leecher(1001));
}

/// The port is fixed, since this network is ours alone.
#[test]
fn one_port_serves_both_families_and_both_protocols() {
    if !enter_test("one_port_serves_both_families_and_both_protocols") {
        return;
    }
    let server = Server::start(&["-p", "6969", "-P", "6969"]);
    for (_, udp, tcp) in addresses(&server) {
        assert_eq!((udp.port(), tcp.port()), (6969, 6969));
        let client = UdpClient::connect(udp);
        client.announce(&Announce::leecher(1001));
        let reply = HttpClient::connect(tcp).announce(&leecher(1001));
        // Not an IPv4 address in the dress of an IPv6 one.
        let length = if tcp.is_ipv4() { 4 } else { 16 };
        assert_eq!(reply.value.string("external ip").len(), length);
    }
}

/// Some addresses of this machine, each with where to send UDP and TCP.
fn addresses(server: &Server) -> Vec<(IpAddr, SocketAddr, SocketAddr)> {
    let mut addresses = vec![v4(1), v4(2), v4(3), Ipv4Addr::LOCALHOST.into()];
    addresses.push(Ipv4Addr::new(127, 0, 0, 9).into());
    if has_ipv6() {
        addresses.extend([v6(1), v6(2), v6(3), Ipv6Addr::LOCALHOST.into()]);
    } else {
        skip("IPv6 in the namespace");
    }
    addresses
        .into_iter()
        .map(|ip| {
            let udp = at(ip, server, Server::udp_v4, Server::udp_v6);
            let tcp = at(ip, server, Server::tcp_v4, Server::tcp_v6);
            (ip, udp, tcp)
        })
        .collect()
}

/// `ip` with the port of the listener of its family.
fn at(
    ip: IpAddr,
    server: &Server,
    v4: fn(&Server) -> SocketAddr,
    v6: fn(&Server) -> SocketAddr,
) -> SocketAddr {
    let listener = if ip.is_ipv4() { v4 } else { v6 };
    SocketAddr::new(ip, listener(server).port())
}
