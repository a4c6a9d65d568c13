//! The real program on a real router: who is told of whom, from inside, outside and the router.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use rustix::process::Signal;
use wrtracker_tests::conf::Conf;
use wrtracker_tests::http_client::{HttpClient, announce_target};
use wrtracker_tests::namespace::{enter_test, has_ipv6, skip};
use wrtracker_tests::router::{ROUTER, Side, on, set_up};
use wrtracker_tests::server::{Server, emulated_big_endian};
use wrtracker_tests::udp_client::{Announce, UdpClient};

/// From where somebody announces to the tracker on the router.
#[derive(Clone, Copy, Debug)]
enum Place {
    Host(Side, u8),
    Router,
}

use Place::{Host, Router};

const LAN: Place = Host(Side::Lan, 5);
const WORLD: Place = Host(Side::World, 5);

/// Both families of addresses, as functions.
#[derive(Clone, Copy, Debug)]
struct Family {
    of: fn(Side, u8) -> IpAddr,
    loopback: IpAddr,
    /// A torrent of its own, since HTTP replies have the peers of both.
    hash: [u8; 20],
}

const V4: Family = Family {
    of: Side::v4,
    loopback: IpAddr::V4(Ipv4Addr::LOCALHOST),
    hash: [4; 20],
};
const V6: Family = Family {
    of: Side::v6,
    loopback: IpAddr::V6(Ipv6Addr::LOCALHOST),
    hash: [6; 20],
};

impl Family {
    /// Where `from` is, and where it reaches the tracker.
    fn ends(self, from: Place, server: &Server) -> (IpAddr, SocketAddr, SocketAddr) {
        let (source, router) = match from {
            Host(side, host) => ((self.of)(side, host), (self.of)(side, ROUTER)),
            Router => (self.loopback, self.loopback),
        };
        let (udp, tcp) = if router.is_ipv4() {
            (server.udp_v4().port(), server.tcp_v4().port())
        } else {
            (server.udp_v6().port(), server.tcp_v6().port())
        };
        let at = |port| SocketAddr::new(router, port);
        (source, at(udp), at(tcp))
    }

    /// What `from` is told over both protocols when it announces `port` with that event, sorted,
    /// and its external address.
    fn told(
        self,
        from: Place,
        server: &Server,
        port: u16,
        stops: bool,
    ) -> (Vec<SocketAddr>, IpAddr) {
        let (source, udp, tcp) = self.ends(from, server);
        let ask = move || {
            let mut client = HttpClient::bound_to(source, tcp);
            let over_tcp = client.announce(&announce_target(&self.hash, port, 1000, ""));
            let mut client = UdpClient::bound_to(source, udp);
            client.connection = client.fresh_connection();
            let over_udp = client.announce(&Announce {
                info_hash: self.hash,
                ..Announce::leecher(port)
            });
            if stops {
                let mut client = HttpClient::bound_to(source, tcp);
                client.announce(&announce_target(&self.hash, port, 1000, "&event=stopped"));
            }
            let external = over_tcp.value.string("external ip").to_vec();
            (over_tcp.peers, over_udp.peers, external)
        };
        let (mut over_tcp, mut over_udp, external) = match from {
            Host(side, _) => on(side, ask),
            Router => ask(),
        };
        over_tcp.sort_unstable();
        over_udp.sort_unstable();
        assert_eq!(over_tcp, over_udp, "{from:?}");
        let external = match <[u8; 4]>::try_from(external.as_slice()) {
            Ok(octets) => octets.into(),
            Err(_) => <[u8; 16]>::try_from(external.as_slice()).unwrap().into(),
        };
        (over_tcp, external)
    }

    /// Peers everywhere, on ports that tell where they are.
    fn announce_all(self, server: &Server) {
        for (from, port) in [(LAN, 7005), (WORLD, 7009), (Router, 7001)] {
            self.told(from, server, port, false);
        }
    }

    /// What is told of those by what is told for an address of the LAN, the router and the world.
    #[track_caller]
    fn assert_told(
        self,
        server: &Server,
        from: Place,
        lan: Option<IpAddr>,
        router: Option<IpAddr>,
    ) {
        let (peers, external) = self.told(from, server, 7077, true);
        let world = Some((self.of)(Side::World, 5));
        let mut expected: Vec<_> = [(lan, 7005), (router, 7001), (world, 7009)]
            .into_iter()
            .filter_map(|(ip, port)| Some(SocketAddr::new(ip?, port)))
            .collect();
        expected.sort_unstable();
        assert_eq!(peers, expected, "{from:?}");
        let inside = !matches!(from, Host(Side::World, _));
        let (source, ..) = self.ends(from, server);
        let known = server.stderr().contains(", from outside ");
        let public = (self.of)(Side::World, ROUTER);
        assert_eq!(external, if inside && known { public } else { source });
    }

    fn assert_each_is_told_what_it_reaches(self, server: &Server) {
        let (of, loopback) = (self.of, self.loopback);
        let (public, own) = (Some(of(Side::World, ROUTER)), Some(of(Side::Lan, ROUTER)));
        let stored = Some(of(Side::Lan, 5));
        self.announce_all(server);
        self.assert_told(server, Host(Side::Lan, 6), stored, own);
        self.assert_told(server, Host(Side::World, 6), public, public);
        self.assert_told(server, Router, stored, Some(loopback));
    }
}

/// Whether the test runs, and in which families.
fn families(name: &str) -> Option<Vec<Family>> {
    if !enter_test(name) {
        return None;
    }
    if let Err(why) = set_up() {
        skip(&format!("{name}: {why}"));
        return None;
    }
    if has_ipv6() {
        Some(vec![V4, V6])
    } else {
        skip("IPv6 in the namespace");
        Some(vec![V4])
    }
}

fn start(conf: &Conf) -> Server {
    Server::start(&["-p", "0", "-P", "0", "-f", conf.path()])
}

/// QEMU 7.2 leaves the last, empty part of what the kernel says of an interface in the machine's own
/// byte order: musl goes astray in it.
fn no_interfaces(name: &str) -> bool {
    emulated_big_endian(&format!("{name}: QEMU garbles lists of interfaces"))
}

const NAMED: &str = "lan.network 192.168.77.0/24\nlan.network fd77::/64\n\
    lan.public_address 203.0.113.1\nlan.public_address 2001:db8:1::1\n";

#[test]
fn a_named_lan_and_the_world_are_told_what_each_reaches() {
    if no_interfaces("a_named_lan_and_the_world_are_told_what_each_reaches") {
        return;
    }
    let Some(families) = families("a_named_lan_and_the_world_are_told_what_each_reaches") else {
        return;
    };
    let conf = Conf::new(NAMED);
    let server = start(&conf);
    server.wait_for_stderr(
        "the LAN is 192.168.77.0/24 fd77::/64, here 192.168.77.1 fd77::1, \
         from outside 203.0.113.1 2001:db8:1::1",
    );
    for family in families {
        family.assert_each_is_told_what_it_reaches(&server);
    }
}

#[test]
fn a_lan_that_is_found_out_is_like_one_that_is_named() {
    if no_interfaces("a_lan_that_is_found_out_is_like_one_that_is_named") {
        return;
    }
    let Some(families) = families("a_lan_that_is_found_out_is_like_one_that_is_named") else {
        return;
    };
    let conf = Conf::new("lan.network auto\nlan.public_address auto\n");
    let server = start(&conf);
    server.wait_for_stderr("the LAN is 192.168.77.0/24");
    for family in families {
        family.assert_each_is_told_what_it_reaches(&server);
    }
}

/// As opentracker does, but for loopback addresses.
#[test]
fn without_a_lan_private_addresses_are_told_to_everybody() {
    let Some(families) = families("without_a_lan_private_addresses_are_told_to_everybody") else {
        return;
    };
    let server = Server::start(&["-p", "0", "-P", "0"]);
    for family in families {
        let stored = Some((family.of)(Side::Lan, 5));
        family.announce_all(&server);
        family.assert_told(&server, Host(Side::Lan, 6), stored, None);
        family.assert_told(&server, Host(Side::World, 6), stored, None);
        family.assert_told(&server, Router, stored, Some(family.loopback));
    }
}

#[test]
fn a_lan_that_is_named_later_holds_for_peers_that_are_there() {
    if no_interfaces("a_lan_that_is_named_later_holds_for_peers_that_are_there") {
        return;
    }
    let Some(families) = families("a_lan_that_is_named_later_holds_for_peers_that_are_there")
    else {
        return;
    };
    let conf = Conf::new("# nothing yet\n");
    let server = start(&conf);
    for &family in &families {
        family.announce_all(&server);
    }
    conf.write(NAMED);
    server.signal(Signal::HUP);
    server.wait_for_stderr("read the configuration again");
    for family in families {
        family.assert_each_is_told_what_it_reaches(&server);
    }
}
