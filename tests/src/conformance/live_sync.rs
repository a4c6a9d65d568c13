//! What trackers of a cluster tell each other. The tracker has a machine of its own, a network
//! namespace with a cable to ours, because trackers on one machine don't hear each other.

use std::net::{IpAddr, Ipv4Addr};

use super::Absent;
use super::lab::{Hash, Lab, hex};
use crate::udp_client::{Announce, STOPPED};
use cluster::Cluster;

mod cluster;

promises! { $ live_sync_probes "live_sync":
    new_peers_are_told_in_packets_of_1464_bytes("8.2", Namespace) =>
        "1464 bytes, type 0, 52 peers as announced", Absent(NONE);
    each_peer_has_these_bytes("8.2", Namespace) => "HASH0a0501feADDR03e90000", Absent(NONE);
    seeders_and_downloads_are_flags("8.2", Namespace) => "leecher 00, seeder 80, completed c0",
        Absent(NONE);
    stops_are_told("8.3", Namespace) => "flags 20", Absent(NONE);
    the_port_is_9696("8.1", Namespace) => "from 9696 to 9696", Absent(NONE);
    ipv4_peers_that_others_tell_of_are_stored("8.3", Namespace) => "1/0/1, 192.0.2.7:1001",
        Absent("opentracker 1.0 takes them for IPv6 (UPSTREAM-BUG), U21 isn't built with it");
    ipv6_peers_that_others_tell_of_are_stored("8.3", Namespace) => "0/0/1, [2001:db8::7]:1001",
        Absent(NONE);
    downloads_that_others_tell_of_count("8.3", Namespace) => "1/1/0", Absent(NONE);
    stops_that_others_tell_of_are_believed("8.3", Namespace) => "0/0/0", Absent(NONE);
    strangers_are_not_believed("8.1", Namespace) => "0/0/0, then 0/0/1", Absent(NONE);
    part_of_a_peer_at_the_end_is_left_out("8.2", Namespace) => "0/0/1", Absent(NONE);
    packets_of_another_kind_are_left_out("8.2", Namespace) => "0/0/1", Absent(NONE);
    what_others_told_is_not_told_again("8.3", Namespace) => "only its own", Absent(NONE);
    lists_hold_for_what_others_tell("8.3", Namespace) => "listed: 0/0/1, other: 0/0/0",
        Absent(NONE);
    what_others_told_is_counted("8.3", Namespace) => "2", Absent(NONE);
    twice_is_an_error("8.1") => "2", Absent(NONE);
    an_address_of_ipv6_is_an_error("8.1") => "2", Absent(NONE);
}

const NONE: &str = "it isn't compiled in";

/// A peer as it is in a packet.
fn record(hash: Hash, ip: IpAddr, port: u16, flags: u8) -> Vec<u8> {
    let mut record = hash.to_vec();
    match ip {
        IpAddr::V4(ip) => record.extend(ip.octets()),
        IpAddr::V6(ip) => record.extend(ip.octets()),
    }
    record.extend(port.to_be_bytes());
    record.extend([flags, 0]);
    record
}

const V4: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));

fn with(lab: &Lab, lines: &str, probe: impl FnOnce(&Cluster) -> String) -> String {
    match Cluster::start(lab, lines) {
        Ok(cluster) => probe(&cluster),
        Err(why) => why,
    }
}

fn new_peers_are_told_in_packets_of_1464_bytes(lab: &Lab) -> String {
    with(lab, "", |cluster| {
        let hash = lab.hash();
        let udp = cluster.udp();
        for port in 1001..=1052 {
            udp.join(hash, port, 1);
        }
        let packet = cluster.packet();
        let kind = u32::from_be_bytes(packet[4..8].try_into().expect("4 bytes"));
        let here = IpAddr::V4(Ipv4Addr::new(10, 5, cluster.number, 254));
        let mut records: Vec<_> = packet[8..].chunks(28).collect();
        records.sort_unstable();
        let right = (1001..).zip(&records).filter(|(port, record)| {
            // The age may be anything: it is not looked at.
            record[..27] == super::live_sync::record(hash, here, *port, 0)[..27]
        });
        let right = right.count();
        format!(
            "{} bytes, type {kind}, {right} peers as announced",
            packet.len()
        )
    })
}

/// The records that tell of these announces, in the order of their ports.
fn told(lab: &Lab, cluster: &Cluster, announces: &[Announce]) -> Vec<Vec<u8>> {
    let udp = cluster.udp();
    for announce in announces {
        udp.announce(announce);
    }
    cluster.fill(lab, &udp);
    let packet = cluster.packet();
    let hash = announces[0].info_hash;
    let records = packet[8..]
        .chunks(28)
        .filter(|record| record.starts_with(&hash));
    let mut records: Vec<_> = records.map(<[u8]>::to_vec).collect();
    records.sort_by_key(|record| record[24..26].to_vec());
    records
}

fn each_peer_has_these_bytes(lab: &Lab) -> String {
    with(lab, "", |cluster| {
        let hash = lab.hash();
        let records = told(lab, cluster, &[Announce::leecher(1001).with_hash(hash)]);
        let text = hex(&records.concat())
            .replace(&hex(&hash), "HASH")
            .to_lowercase();
        text.replace("hash", "HASH").replacen(
            &format!("0a05{:02x}fe", cluster.number),
            "0a0501feADDR",
            1,
        )
    })
}

fn seeders_and_downloads_are_flags(lab: &Lab) -> String {
    with(lab, "", |cluster| {
        let hash = lab.hash();
        let announces = [
            Announce::leecher(1001),
            Announce::seeder(1002),
            Announce::seeder(1003).with_event(crate::udp_client::COMPLETED),
        ];
        let records = told(lab, cluster, &announces.map(|it| it.with_hash(hash)));
        let flags: Vec<_> = records.iter().map(|record| record[26]).collect();
        match flags[..] {
            [a, b, c] => format!("leecher {a:02x}, seeder {b:02x}, completed {c:02x}"),
            _ => format!("{flags:02x?}"),
        }
    })
}

fn stops_are_told(lab: &Lab) -> String {
    with(lab, "", |cluster| {
        let stop = Announce::leecher(1001)
            .with_hash(lab.hash())
            .with_event(STOPPED);
        let records = told(lab, cluster, &[stop]);
        let flags: Vec<_> = records
            .iter()
            .map(|record| format!("{:02x}", record[26]))
            .collect();
        format!("flags {}", flags.join(" "))
    })
}

fn the_port_is_9696(lab: &Lab) -> String {
    let cluster = match Cluster::on(lab, "", 250, 9696) {
        Ok(cluster) => cluster,
        Err(why) => return why,
    };
    cluster.fill(lab, &cluster.udp());
    // The socket that hears it is the one on 9696.
    match cluster.tap.recv_from(&mut [0; 2000]) {
        Ok((_, from)) => format!("from {} to 9696", from.port()),
        Err(error) => error.to_string(),
    }
}

/// The peers that an announce over HTTP gets.
fn peers(cluster: &Cluster, hash: Hash) -> String {
    let mut conn = super::lab::Conn::to(cluster.address());
    let reply = conn.get(&super::lab::announce(&hash, 1002, 0));
    let peers: Vec<_> = reply.peers().iter().map(ToString::to_string).collect();
    peers.join(" ")
}

fn ipv4_peers_that_others_tell_of_are_stored(lab: &Lab) -> String {
    with(lab, "", |cluster| {
        let hash = lab.hash();
        let records = [record(hash, V4, 1001, 0), record(hash, V4, 1005, 0x80)];
        cluster.tell(254, 0, &records);
        let counts = cluster.comes_to(hash, "1/0/1");
        format!("{counts}, {}", peers(cluster, hash))
    })
}

fn ipv6_peers_that_others_tell_of_are_stored(lab: &Lab) -> String {
    with(lab, "", |cluster| {
        let hash = lab.hash();
        let ip = "2001:db8::7".parse().expect("an address");
        cluster.tell(254, 1, &[record(hash, ip, 1001, 0)]);
        let counts = cluster.comes_to(hash, "0/0/1");
        format!("{counts}, {}", peers(cluster, hash))
    })
}

fn downloads_that_others_tell_of_count(lab: &Lab) -> String {
    with(lab, "", |cluster| {
        let hash = lab.hash();
        cluster.tell(254, 0, &[record(hash, V4, 1001, 0xc0)]);
        cluster.comes_to(hash, "1/1/0")
    })
}

fn stops_that_others_tell_of_are_believed(lab: &Lab) -> String {
    with(lab, "", |cluster| {
        let hash = lab.hash();
        cluster.tell(254, 0, &[record(hash, V4, 1001, 0)]);
        if cluster.comes_to(hash, "0/0/1") != "0/0/1" {
            return "not stored".to_owned();
        }
        cluster.tell(254, 0, &[record(hash, V4, 1001, 0x20)]);
        cluster.comes_to(hash, "0/0/0")
    })
}

fn strangers_are_not_believed(lab: &Lab) -> String {
    with(lab, "", |cluster| {
        let (strange, known) = (lab.hash(), lab.hash());
        cluster.tell(253, 0, &[record(strange, V4, 1001, 0)]);
        cluster.tell(254, 0, &[record(known, V4, 1001, 0)]);
        // What comes later over the same way is there, so the other one was looked at.
        let then = cluster.comes_to(known, "0/0/1");
        format!("{}, then {then}", cluster.udp().counts(strange))
    })
}

fn part_of_a_peer_at_the_end_is_left_out(lab: &Lab) -> String {
    with(lab, "", |cluster| {
        let hash = lab.hash();
        let mut second = record(hash, V4, 1002, 0);
        second.pop();
        cluster.tell(254, 0, &[record(hash, V4, 1001, 0), second]);
        cluster.comes_to(hash, "0/0/1")
    })
}

fn packets_of_another_kind_are_left_out(lab: &Lab) -> String {
    with(lab, "", |cluster| {
        let hash = lab.hash();
        cluster.tell(254, 2, &[record(hash, V4, 1002, 0)]);
        cluster.tell(254, 0, &[]);
        cluster.tell(254, 0, &[record(hash, V4, 1001, 0)]);
        cluster.comes_to(hash, "0/0/1")
    })
}

fn what_others_told_is_not_told_again(lab: &Lab) -> String {
    with(lab, "", |cluster| {
        let hash = lab.hash();
        cluster.tell(254, 0, &[record(hash, V4, 1001, 0)]);
        cluster.comes_to(hash, "0/0/1");
        cluster.fill(lab, &cluster.udp());
        let packet = loop {
            // The group hears us too.
            let packet = cluster.packet();
            if !packet.starts_with(b"othr") {
                break packet;
            }
        };
        if packet[8..]
            .chunks(28)
            .any(|record| record.starts_with(&hash))
        {
            "what it was told".to_owned()
        } else {
            "only its own".to_owned()
        }
    })
}

fn lists_hold_for_what_others_tell(lab: &Lab) -> String {
    let (listed, other) = (lab.hash(), lab.hash());
    let list = lab.write("white", hex(&listed) + "\n");
    with(lab, &format!("access.whitelist {list}\n"), |cluster| {
        cluster.tell(
            254,
            0,
            &[record(other, V4, 1001, 0), record(listed, V4, 1001, 0)],
        );
        let counts = cluster.comes_to(listed, "0/0/1");
        format!("listed: {counts}, other: {}", cluster.udp().counts(other))
    })
}

fn what_others_told_is_counted(lab: &Lab) -> String {
    with(lab, "", |cluster| {
        let hash = lab.hash();
        cluster.tell(
            254,
            0,
            &[record(hash, V4, 1001, 0), record(hash, V4, 1002, 0)],
        );
        cluster.comes_to(hash, "0/0/2");
        let reply = super::lab::Conn::to(cluster.address()).get("/stats?mode=syncs");
        String::from_utf8_lossy(&reply.body)
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned()
    })
}

fn twice_is_an_error(lab: &Lab) -> String {
    let lines = "livesync.cluster.listen 127.0.0.1\nlivesync.cluster.listen 127.0.0.1\n";
    lab.try_with(lines)
        .map_or_else(|ended| ended.status, |_| "starts".to_owned())
}

fn an_address_of_ipv6_is_an_error(lab: &Lab) -> String {
    let lines = "livesync.cluster.listen ::1\n";
    lab.try_with(lines)
        .map_or_else(|ended| ended.status, |_| "starts".to_owned())
}
