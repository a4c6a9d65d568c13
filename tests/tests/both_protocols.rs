//! One tracker, two protocols: what is announced over one is found over the other.

use wrtracker_tests::family::Family;
use wrtracker_tests::for_both_families;
use wrtracker_tests::http_client::{announce_target, scrape_target};
use wrtracker_tests::peers::ports;
use wrtracker_tests::server::{Server, ipv6_works};
use wrtracker_tests::udp_client::{Announce, COMPLETED, PAUSED, STOPPED, Scraped};

const HASH: [u8; 20] = *b"abcdefghij0123456789";

fn target(port: u16, left: u64, more: &str) -> String {
    announce_target(&HASH, port, left, more)
}

for_both_families! {
    fn peers_of_both_protocols_find_each_other(family: Family) {
        let server = Server::start(&[]);
        let udp = family.udp(&server);
        let mut http = family.http(&server);
        udp.announce(&Announce::leecher(1001));
        let reply = http.announce(&target(1002, 1000, ""));
        assert_eq!(reply.peers, [family.peer(1001)]);
        let reply = udp.announce(&Announce::leecher(1003));
        assert_eq!(ports(&reply.peers), [1001, 1002]);
        // One client that uses both is one peer.
        let reply = http.announce(&target(1003, 0, ""));
        assert_eq!((reply.complete, reply.incomplete), (1, 2));
        let reply = udp.announce(&Announce::leecher(1002).with_event(STOPPED));
        assert_eq!((reply.leechers, reply.seeders), (1, 1));
    }

    fn scrapes_of_both_protocols_tell_the_same(family: Family) {
        let server = Server::start(&[]);
        let udp = family.udp(&server);
        let mut http = family.http(&server);
        udp.announce(&Announce::leecher(1001));
        udp.announce(&Announce::leecher(1002).with_event(PAUSED));
        udp.announce(&Announce::seeder(1003).with_event(COMPLETED));
        http.announce(&target(1004, 1000, "&event=paused"));
        http.announce(&target(1005, 0, "&event=completed"));
        http.announce(&target(1006, 0, ""));
        let told = Scraped { seeders: 3, completed: 2, leechers: 3 };
        assert_eq!(udp.scrape(&[HASH]), [told]);
        let value = http.get(&scrape_target(&[HASH])).bencode();
        let file = value.find("files").unwrap().find(HASH).unwrap();
        assert_eq!(file.keys(), ["complete", "downloaded", "downloaders", "incomplete"]);
        let counts = ["complete", "downloaded", "downloaders", "incomplete"];
        assert_eq!(counts.map(|key| file.int(key)), [3, 2, 1, 3]);
    }
}

/// Counts are of both families, while a UDP reply has room for peers of one (BEP 15).
#[test]
fn over_udp_each_family_gets_its_own_peers() {
    if !ipv6_works() {
        return;
    }
    let server = Server::start(&[]);
    let v4 = Family::V4.udp(&server);
    let v6 = Family::V6.udp(&server);
    v4.announce(&Announce::leecher(1001));
    v6.announce(&Announce::leecher(1002));
    let reply = v4.announce(&Announce::seeder(1003));
    assert_eq!((reply.leechers, reply.seeders), (2, 1));
    assert_eq!(reply.peers, [Family::V4.peer(1001)]);
    let reply = v6.announce(&Announce::leecher(1004));
    assert_eq!((reply.leechers, reply.seeders), (3, 1));
    assert_eq!(reply.peers, [Family::V6.peer(1002)]);
    // The same port in both families is two peers, and a numwant is for one of them.
    let reply = v6.announce(&Announce::leecher(1001).with_wanted(1));
    assert_eq!((reply.leechers, reply.seeders), (4, 1));
    assert_eq!(reply.peers.len(), 1);
    let reply = v4.announce(&Announce::leecher(1001).with_event(STOPPED));
    assert_eq!((reply.leechers, reply.seeders), (3, 1));
}

#[test]
fn over_http_both_families_get_the_peers_that_came_over_udp() {
    if !ipv6_works() {
        return;
    }
    let server = Server::start(&[]);
    Family::V4.udp(&server).announce(&Announce::leecher(1001));
    Family::V6.udp(&server).announce(&Announce::leecher(1002));
    for family in [Family::V4, Family::V6] {
        let reply = family.http(&server).announce(&target(1003, 0, ""));
        assert_eq!(reply.peers, [Family::V4.peer(1001), Family::V6.peer(1002)]);
    }
}
