//! Trusted proxies and addresses in the query, by the real program over real connections.

use std::net::{IpAddr, SocketAddr};

use wrtracker_tests::conf::Conf;
use wrtracker_tests::family::Family;
use wrtracker_tests::http_client::{Announced, HASH, HttpClient, Reply, announce_target};
use wrtracker_tests::server::{Server, ipv6_works};

/// A program with these directives, and a client for each family of this machine.
fn start(directives: &str) -> (Server, Vec<(Family, HttpClient)>) {
    let conf = Conf::new(directives);
    let mut args = vec!["-i", "127.0.0.1", "-p", "0", "-P", "0"];
    if ipv6_works() {
        args.extend(["-i", "::1", "-p", "0", "-P", "0"]);
    }
    args.extend(["-f", conf.path()]);
    let server = Server::start(&args);
    let mut clients = vec![(Family::V4, HttpClient::connect(server.tcp_v4()))];
    if ipv6_works() {
        clients.push((Family::V6, HttpClient::connect(server.tcp_v6())));
    }
    (server, clients)
}

/// Announces with header lines of its own.
fn ask(client: &mut HttpClient, port: u16, more: &str, headers: &str) -> Reply {
    let target = announce_target(&HASH, port, 1000, more);
    client.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\n{headers}\r\n").as_bytes());
    client.receive()
}

/// The peers that somebody is told of who comes by the same proxy and leaves again.
fn peers(client: &mut HttpClient) -> Vec<SocketAddr> {
    let headers = "X-Forwarded-For: 198.51.100.99\r\nX-Real-IP: 198.51.100.99\r\n\
        CF-Connecting-IP: 198.51.100.99\r\nForwarded: for=198.51.100.99\r\n";
    let mut peers = Announced::parse(&ask(client, 99, "", headers)).peers;
    ask(client, 99, "&event=stopped", headers);
    peers.sort_unstable();
    peers
}

fn at(ip: &str, port: u16) -> SocketAddr {
    SocketAddr::new(ip.parse().unwrap(), port)
}

const TRUSTED: &str = "access.proxy 127.0.0.1\naccess.proxy ::1\n";

#[test]
fn the_client_of_a_trusted_proxy_is_the_peer() {
    for (header, line) in [
        ("", "x-forwarded-FOR: 198.51.100.7:99, 10.0.0.1"),
        (
            "access.proxy_header x-forwarded-for\n",
            "X-Forwarded-For: 198.51.100.7",
        ),
        ("access.proxy_header x-real-ip\n", "X-Real-IP: 198.51.100.7"),
        (
            "access.proxy_header cf-connecting-ip\n",
            "CF-Connecting-IP: 198.51.100.7",
        ),
        (
            "access.proxy_header forwarded\n",
            "Forwarded: for=\"198.51.100.7:99\";proto=http, for=10.0.0.1",
        ),
    ] {
        let (_server, clients) = start(&format!("{TRUSTED}{header}"));
        for (family, mut client) in clients {
            let reply = ask(&mut client, 7, "", &format!("{line}\r\n"));
            let value = Announced::parse(&reply).value;
            assert_eq!(value.string("external ip"), [198, 51, 100, 7], "{line}");
            assert_eq!(
                peers(&mut client),
                [at("198.51.100.7", 7)],
                "{line} {family:?}"
            );
            // One that names nobody is itself the peer, on the machine of the tracker.
            let mut told = Announced::parse(&ask(&mut client, 8, "", "X-Client-IP: a\r\n")).peers;
            assert_eq!(told, [at("198.51.100.7", 7)], "{line}");
            told = Announced::parse(&ask(&mut client, 9, "&event=paused", "")).peers;
            assert!(told.contains(&family.peer(8)) && told.len() == 2, "{line}");
            assert_eq!(peers(&mut client), [at("198.51.100.7", 7)], "{line}");
            ask(&mut client, 9, "&event=stopped", "");
            ask(&mut client, 8, "&event=stopped", "");
        }
    }
}

#[test]
fn clients_of_either_family_come_by_a_proxy_of_either_family() {
    let (_server, clients) = start("access.proxy 127.0.0.0/8\naccess.proxy ::1\n");
    for (family, mut client) in clients {
        ask(&mut client, 7, "", "X-Forwarded-For: 2001:db8::7\r\n");
        ask(
            &mut client,
            8,
            "",
            "X-Forwarded-For: ::ffff:198.51.100.8\r\n",
        );
        let expected = [at("198.51.100.8", 8), at("2001:db8::7", 7)];
        assert_eq!(peers(&mut client), expected, "{family:?}");
    }
}

#[test]
fn a_network_with_all_rights_is_a_proxy_and_a_stranger_is_none() {
    let (server, clients) = start("access.stats 127.0.0.1\naccess.proxy 127.0.0.2\n");
    drop(clients);
    let header = "X-Forwarded-For: 198.51.100.7\r\n";
    let mut stranger = HttpClient::connect(server.tcp_v4());
    let mut proxy = HttpClient::bound_to(IpAddr::from([127, 0, 0, 2]), server.tcp_v4());
    ask(&mut stranger, 6, "", header);
    ask(&mut proxy, 7, "", header);
    let expected = [at("127.0.0.1", 6), at("198.51.100.7", 7)];
    let told = Announced::parse(&ask(&mut stranger, 9, "", ""));
    assert!(told.peers.iter().all(|peer| expected.contains(peer)) && told.peers.len() == 2);

    let conf = Conf::new("");
    let args = [
        "-A",
        "127.0.0.1",
        "-i",
        "127.0.0.1",
        "-p",
        "0",
        "-f",
        conf.path(),
    ];
    let server = Server::start(&args);
    let mut admin = HttpClient::connect(server.tcp_v4());
    ask(&mut admin, 7, "", header);
    assert_eq!(peers(&mut admin), [at("198.51.100.7", 7)]);
}

#[test]
fn an_address_in_the_query_counts_where_it_is_switched_on() {
    let (_server, clients) = start(&format!("tracker.ip_from_query on\n{TRUSTED}"));
    for (family, mut client) in clients {
        let header = "X-Forwarded-For: 198.51.100.8\r\n";
        ask(&mut client, 7, "&ip=198.51.100.7", "");
        ask(&mut client, 8, "&ip=2001%3adb8::8", header);
        ask(&mut client, 9, "", header);
        let expected = [
            at("198.51.100.7", 7),
            at("198.51.100.8", 9),
            at("2001:db8::8", 8),
        ];
        assert_eq!(peers(&mut client), expected, "{family:?}");
        for ip in [
            "",
            "tracker.example",
            "0.0.0.0",
            "224.1.1.1",
            "255.255.255.255",
            "ff02::1",
        ] {
            let reply = ask(&mut client, 10, &format!("&ip={ip}"), "");
            let text = "The ip is not an address at which others could reach a peer.";
            assert_eq!(reply.failure(), text, "{ip}");
        }
        // Who comes from afar is not on the router, whatever it says.
        let reply = ask(&mut client, 10, "&ip=127.0.0.1", header);
        assert_eq!(reply.failure().len(), 60);
        assert_eq!(peers(&mut client), expected, "{family:?}");
        for (port, ip) in [(7, "198.51.100.7"), (8, "2001:db8::8"), (9, "198.51.100.8")] {
            ask(&mut client, port, &format!("&event=stopped&ip={ip}"), "");
        }
        assert_eq!(peers(&mut client), []);
    }
}
