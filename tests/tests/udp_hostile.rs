//! What the real program does with datagrams that it shouldn't trust or can't understand.

use wrtracker_tests::for_both_families;
use wrtracker_tests::server::Server;
use wrtracker_tests::udp_client::{
    Announce, MAGIC, Scraped, UdpClient, head, parse_error, scrape_packet,
};

const HASH: [u8; 20] = *b"abcdefghij0123456789";
const MISMATCH: &[u8] = b"Connection ID missmatch.\0";

for_both_families! {
    /// libtorrent keeps one id for all its sockets.
    fn a_connection_id_holds_for_all_ports_of_a_host(family: Family) {
        let server = Server::start(&[]);
        let first = family.udp(&server);
        let mut second = UdpClient::unconnected(family.udp_address(&server));
        assert_ne!(first.local().port(), second.local().port());
        second.connection = first.connection;
        assert_eq!(second.announce(&Announce::leecher(1001)).leechers, 1);
        assert_eq!(second.scrape(&[HASH]).len(), 1);
    }

    fn a_wrong_connection_id_is_told_in_opentrackers_words(family: Family) {
        let server = Server::start(&[]);
        let client = family.udp(&server);
        for wrong in [0, 1, !0, MAGIC, !client.connection, client.connection ^ 1,
            client.connection ^ (1 << 63), client.connection.swap_bytes()] {
            let packet = Announce::leecher(1001).emit(wrong, 0x1122_3344);
            assert_eq!(parse_error(&client.exchange(&packet), 0x1122_3344), MISMATCH);
            let packet = scrape_packet(wrong, 0x5566_7788, &[HASH]);
            assert_eq!(parse_error(&client.exchange(&packet), 0x5566_7788), MISMATCH);
        }
        let none = Scraped { seeders: 0, completed: 0, leechers: 0 };
        assert_eq!(client.scrape(&[HASH]), [none], "nobody was stored");
    }

    /// A made-up source address must not turn the tracker into an amplifier.
    fn no_reply_to_a_wrong_id_is_longer_than_its_request(family: Family) {
        let server = Server::start(&[]);
        let client = family.udp(&server);
        let wrong = !client.connection;
        // Without hashes, and with part of one that doesn't make up for the text.
        let mut packet = scrape_packet(wrong, 1, &[]);
        client.assert_silence(&packet);
        packet.resize(32, b'x');
        client.assert_silence(&packet);
        packet.resize(33, b'x');
        assert_eq!(client.exchange(&packet).len(), 33);
    }

    fn an_id_of_another_server_is_refused(family: Family) {
        let server = Server::start(&[]);
        let other = Server::start(&[]);
        let mut client = family.udp(&server);
        client.connection = family.udp(&other).connection;
        assert_eq!(client.announce_refused(&Announce::leecher(1001)), MISMATCH);
    }

    fn a_connect_request_may_be_longer(family: Family) {
        let server = Server::start(&[]);
        let client = UdpClient::unconnected(family.udp_address(&server));
        for extra in [1, 4, 82, 1000, 1456] {
            let mut packet = head(MAGIC, 0, 0x0bad_cafe);
            packet.extend(vec![0xee; extra]);
            let reply = client.exchange(&packet);
            assert_eq!(reply.len(), 16);
            assert_eq!(reply[..8], [0, 0, 0, 0, 0x0b, 0xad, 0xca, 0xfe]);
        }
    }

    fn what_is_too_short_gets_silence(family: Family) {
        let server = Server::start(&[]);
        let client = family.udp(&server);
        let connect = head(MAGIC, 0, 1);
        for length in 0..16 {
            client.assert_silence(&connect[..length]);
        }
        let announce = Announce::leecher(1001).emit(client.connection, 1);
        for length in 16..98 {
            client.assert_silence(&announce[..length]);
        }
        assert_eq!(client.scrape(&[HASH])[0].leechers, 0, "nobody was stored");
    }

    fn a_connect_request_with_another_magic_gets_silence(family: Family) {
        let server = Server::start(&[]);
        let client = family.udp(&server);
        for magic in [0, MAGIC ^ 1, MAGIC ^ (1 << 63), MAGIC.swap_bytes(), client.connection] {
            client.assert_silence(&head(magic, 0, 1));
        }
    }

    /// Among them the tracker's own replies: two trackers must not talk to each other for ever.
    fn what_is_no_request_gets_silence(family: Family) {
        let server = Server::start(&[]);
        let client = family.udp(&server);
        for action in [3, 4, 9, 255, 256, 0x0100_0000, 0x0100_0001, u32::MAX] {
            for id in [client.connection, MAGIC, 0] {
                let mut packet = head(id, action, 1);
                client.assert_silence(&packet);
                packet.extend([1; 200]);
                client.assert_silence(&packet);
            }
        }
        let reply = client.exchange(&Announce::leecher(1001).emit(client.connection, 1));
        client.assert_silence(&reply);
        let error = client.exchange(&Announce::leecher(1001).emit(!client.connection, 1));
        client.assert_silence(&error);
        client.assert_silence(&[0; 1472]);
        client.assert_silence(&[0xff; 1472]);
        client.assert_silence(b"GET /announce HTTP/1.1\r\nHost: a\r\n\r\n");
    }

    fn a_datagram_beyond_any_packet_is_survived(family: Family) {
        let server = Server::start(&[]);
        let client = family.udp(&server);
        client.assert_silence(&[0xee; 60_000]);
        // The longest scrape that a datagram can carry.
        let hashes = vec![HASH; 3000];
        assert_eq!(client.scrape(&hashes).len(), 75);
        let announce = Announce { options: vec![1; 60_000], ..Announce::leecher(1001) };
        assert_eq!(client.announce(&announce).leechers, 1);
    }

    /// The same fixed stream of random bytes each time, half of it with a valid id in front.
    fn random_datagrams_do_no_harm(family: Family) {
        let server = Server::start(&[]);
        let client = family.udp(&server);
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut random = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        for round in 0..2000 {
            let length = usize::try_from(random() % 200).unwrap();
            let mut packet: Vec<u8> = (0..length).map(|_| random().to_le_bytes()[0]).collect();
            if round % 2 == 0 && length >= 12 {
                packet[..8].copy_from_slice(&client.connection.to_be_bytes());
                let action = u32::try_from(random() % 4).unwrap();
                packet[8..12].copy_from_slice(&action.to_be_bytes());
            }
            client.send(&packet);
            if round % 50 == 49 {
                // Takes the replies to those that happened to be requests, up to the one to this.
                let last = 0xf000_0000 | u32::try_from(round).unwrap();
                client.send(&scrape_packet(client.connection, last, &[]));
                while client.receive() != scrape_reply(last) {}
            }
        }
        assert_eq!(client.announce(&Announce::leecher(1001)).leechers, 1);
    }
}

fn scrape_reply(transaction: u32) -> Vec<u8> {
    [[0, 0, 0, 2], transaction.to_be_bytes()].concat()
}

/// Over IPv6 a host has one loopback address only; the test with namespaces has more of them.
#[test]
fn a_connection_id_holds_for_no_other_host() {
    let server = Server::start(&[]);
    let first = UdpClient::connect(server.udp_v4());
    let mut second = UdpClient::bound_to([127, 0, 0, 2].into(), server.udp_v4());
    second.connection = first.connection;
    assert_eq!(second.announce_refused(&Announce::leecher(1001)), MISMATCH);
    second.connection = second.fresh_connection();
    assert_ne!(second.connection, first.connection);
    assert_eq!(second.announce(&Announce::leecher(1001)).leechers, 1);
}
