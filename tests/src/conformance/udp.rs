//! UDP (BEP 15): one datagram in, at most one out.

use std::time::Duration;

use super::announce_parameters::fill;
use super::http_connections::V4_ONLY;
use super::lab::{Hash, Lab, Tracker, Udp, first_listed, free_port, show};
use super::{Absent, Differs, SKIPPED, Same};
use crate::server::ipv6_works;
use crate::udp_client::{Announce, COMPLETED, MAGIC, NONE, PAUSED, STARTED, STOPPED, head};

promises! { $ udp_probes "udp":
    a_connect_has_these_bytes("4.1") => "action 0, transaction 12345678, 16 bytes", Same;
    a_connect_with_another_magic_gets_silence("4.1") => "silence", Same;
    a_connect_may_be_longer("4.1") => "16 bytes", Same;
    less_than_16_bytes_get_silence("4.1") => "silence silence silence", Same;
    other_actions_get_silence("4.1") => "silence silence silence", Same;
    an_announce_of_less_than_98_bytes_gets_silence("4.1") => "silence", Same;
    an_announce_has_these_bytes("4.1") =>
        "action 1, transaction 12345678, interval 1620 to 1979, leechers 1, seeders 1, \
         \\x7f\\x00\\x00\\x01\\x03\\xe9",
        Differs("action 1, transaction 12345678, interval 1620 to 1979, leechers 1, seeders 1, \
         \\x7f\\x00\\x00\\x01\\x03\\xe9\\x7f\\x00\\x00\\x01\\x03\\xea", "the announcer is told of \
         itself; here it comes as the seeder");
    what_follows_an_announce_is_ignored("4.1") => "0/0/1", Same;
    the_address_in_the_packet_is_ignored("4.1") => "127.0.0.1", Same;
    nothing_left_is_a_seeder("4.1") => "1/0/0", Same;
    anything_left_is_a_leecher("4.1") => "0/0/3", Same;
    completed_counts_a_download("4.1") => "1/1/0", Same;
    started_paused_and_unknown_events_are_none("4.1") => "0/0/4", Same;
    stopped_removes_the_peer("4.1") => "20 bytes, 0/0/0", Same;
    stopped_of_an_unknown_torrent_gets_zeros("4.1") => "20 bytes: 0 0", Same;
    numwant_minus_1_is_200("4.1") => "200", Same;
    numwant_is_at_most_200("4.1") => "199 200 200 200", Same;
    numwant_0_is_none("4.1") => "0", Same;
    the_longest_reply_has_1220_bytes("4.1") => "1220", Same;
    over_ipv6_it_has_1208_bytes("4.1") => "1208", Absent(V4_ONLY);
    over_ipv6_peers_are_of_ipv6("4.1") => "18 bytes, leechers 2", Absent(V4_ONLY);
    leechers_come_before_seeders("4.1") => "leechers first", Same;
    seeders_get_no_seeders("4.1") => "1001",
        Differs("1001 1002 1003", "one seeder is of no use to another, and it is told of itself");
    nobody_gets_itself("4.1") => "none", Differs("1001", "its own address is of no use to a client");
    port_0_is_refused("4.1") => "error, 0/0/0",
        Differs("ok, 0/0/1", "nobody can connect to port 0, so handing it out is of no use");
    a_torrent_that_is_not_allowed_gets_an_error("4.1") => "action 3, a text",
        Differs("action 1, 8 bytes", "clients take that for a lost reply and hammer (UPSTREAM-BUG)");
    or_a_long_interval_if_so_configured("4.1") => "action 1, 20 bytes, interval 43200, 0 0",
        Absent("only a fork has access.udp_reject_interval");
    stopped_is_not_asked_for_in_lists("4.1") => "action 1, 20 bytes", Same;
    peers_of_both_protocols_meet("4.1") => "0/0/2 0/0/2", Same;
    workers_serve_the_same("4.2") => "0/0/1", Same;
    a_hangup_does_not_end_workers("4.2") => "goes on",
        Differs("signal 1", "they start before signals are masked (UPSTREAM-BUG)");
    replies_leave_from_the_address_that_was_asked("4.1", Namespace) => "10.9.9.7",
        Differs("10.9.9.1", "a socket on any address answers from the one that routing prefers");
}

/// The first word of a reply, its length, and so on, as text.
pub(super) fn answered(reply: Option<Vec<u8>>) -> String {
    reply.map_or_else(
        || "silence".to_owned(),
        |reply| format!("{} bytes", reply.len()),
    )
}

pub(super) fn word(reply: &[u8], at: usize) -> u32 {
    reply.get(at..at + 4).map_or(u32::MAX, |bytes| {
        u32::from_be_bytes(bytes.try_into().expect("4 bytes"))
    })
}

pub(super) const TRANSACTION: u32 = 0x1234_5678;

fn a_connect_has_these_bytes(lab: &Lab) -> String {
    let (_tracker, udp) = lab.open().udp_kept();
    let reply = udp.ask(&head(MAGIC, 0, TRANSACTION)).unwrap_or_default();
    let (action, transaction) = (word(&reply, 0), word(&reply, 4));
    format!(
        "action {action}, transaction {transaction:x}, {} bytes",
        reply.len()
    )
}

fn a_connect_with_another_magic_gets_silence(lab: &Lab) -> String {
    let (_tracker, udp) = lab.open().udp_kept();
    answered(udp.ask(&head(MAGIC ^ 1, 0, 1)))
}

fn a_connect_may_be_longer(lab: &Lab) -> String {
    let packet = [head(MAGIC, 0, 1), vec![0xee; 100]].concat();
    let (_tracker, udp) = lab.open().udp_kept();
    answered(udp.ask(&packet))
}

fn less_than_16_bytes_get_silence(lab: &Lab) -> String {
    let (_tracker, udp) = lab.open().udp_kept();
    [0, 1, 15]
        .map(|length| answered(udp.ask(&head(MAGIC, 0, 1)[..length])))
        .join(" ")
}

fn other_actions_get_silence(lab: &Lab) -> String {
    let (_tracker, udp) = lab.open().udp_kept();
    [3, 4, u32::MAX]
        .map(|action| answered(udp.ask(&head(udp.id, action, 1))))
        .join(" ")
}

fn an_announce_of_less_than_98_bytes_gets_silence(lab: &Lab) -> String {
    let (_tracker, udp) = lab.open().udp_kept();
    let packet = Announce::leecher(1001)
        .with_hash(lab.hash())
        .emit(udp.id, 1);
    answered(udp.ask(&packet[..97]))
}

fn an_announce_has_these_bytes(lab: &Lab) -> String {
    let (_tracker, udp) = lab.open().udp_kept();
    let hash = lab.hash();
    udp.join(hash, 1001, 1);
    let announce = Announce::seeder(1002).with_hash(hash);
    let reply = udp
        .ask(&announce.emit(udp.id, TRANSACTION))
        .unwrap_or_default();
    let interval = match word(&reply, 8) {
        1620..=1979 => "1620 to 1979".to_owned(),
        other => other.to_string(),
    };
    format!(
        "action {}, transaction {:x}, interval {interval}, leechers {}, seeders {}, {}",
        word(&reply, 0),
        word(&reply, 4),
        word(&reply, 12),
        word(&reply, 16),
        show(reply.get(20..).unwrap_or_default())
    )
}

/// What one torrent counts after some announces.
fn counts(lab: &Lab, announces: &[Announce]) -> String {
    let (_tracker, udp) = lab.open().udp_kept();
    let hash = lab.hash();
    for announce in announces {
        udp.announce(&announce.clone().with_hash(hash));
    }
    udp.counts(hash)
}

fn what_follows_an_announce_is_ignored(lab: &Lab) -> String {
    let options = b"\x02\x09/announce\x01\x00".to_vec();
    counts(
        lab,
        &[Announce {
            options,
            ..Announce::leecher(1001)
        }],
    )
}

fn the_address_in_the_packet_is_ignored(lab: &Lab) -> String {
    let (tracker, hash) = (lab.open(), lab.hash());
    let announce = Announce {
        ip: 0x0a01_0203,
        ..Announce::leecher(1001)
    };
    tracker.udp().announce(&announce.with_hash(hash));
    let peers = tracker.announce(&hash, 1002, 1, "").peers();
    let first = peers.iter().find(|peer| peer.port() == 1001);
    first.map_or_else(String::new, |peer| peer.ip().to_string())
}

fn nothing_left_is_a_seeder(lab: &Lab) -> String {
    counts(lab, &[Announce::seeder(1001)])
}

fn anything_left_is_a_leecher(lab: &Lab) -> String {
    let left = |port, left| Announce {
        left,
        ..Announce::leecher(port)
    };
    counts(lab, &[left(1, 1), left(2, 1 << 32), left(3, 1 << 63)])
}

fn completed_counts_a_download(lab: &Lab) -> String {
    counts(lab, &[Announce::seeder(1001).with_event(COMPLETED)])
}

fn started_paused_and_unknown_events_are_none(lab: &Lab) -> String {
    let events = [STARTED, PAUSED, 99, NONE];
    let announces = (1001..)
        .zip(events)
        .map(|(port, event)| Announce::leecher(port).with_event(event));
    counts(lab, &announces.collect::<Vec<_>>())
}

fn stopped_removes_the_peer(lab: &Lab) -> String {
    let (_tracker, udp) = lab.open().udp_kept();
    let announce = Announce::leecher(1001).with_hash(lab.hash());
    udp.announce(&announce);
    let hash = announce.info_hash;
    let reply = udp.ask(&announce.with_event(STOPPED).emit(udp.id, 1));
    format!("{}, {}", answered(reply), udp.counts(hash))
}

fn stopped_of_an_unknown_torrent_gets_zeros(lab: &Lab) -> String {
    let (_tracker, udp) = lab.open().udp_kept();
    let announce = Announce::leecher(1001)
        .with_hash(lab.hash())
        .with_event(STOPPED);
    let reply = udp.ask(&announce.emit(udp.id, 1)).unwrap_or_default();
    format!(
        "{} bytes: {} {}",
        reply.len(),
        word(&reply, 12),
        word(&reply, 16)
    )
}

/// How many peers of 300 come with each of these.
fn numwants(lab: &Lab, wanted: &[i32]) -> String {
    let (tracker, hash) = (lab.open(), lab.hash());
    fill(&tracker, &hash, 300);
    let udp = tracker.udp();
    let told = wanted.iter().map(|wanted| {
        let announce = Announce::leecher(301).with_hash(hash).with_wanted(*wanted);
        let told = udp.announce(&announce);
        told.map_or_else(
            || "silence".to_owned(),
            |told| told.ports().len().to_string(),
        )
    });
    told.collect::<Vec<_>>().join(" ")
}

fn numwant_minus_1_is_200(lab: &Lab) -> String {
    numwants(lab, &[-1])
}

fn numwant_is_at_most_200(lab: &Lab) -> String {
    numwants(lab, &[199, 200, 201, i32::MAX])
}

fn numwant_0_is_none(lab: &Lab) -> String {
    numwants(lab, &[0])
}

fn the_longest_reply_has_1220_bytes(lab: &Lab) -> String {
    let (tracker, hash) = (lab.open(), lab.hash());
    fill(&tracker, &hash, 300);
    let udp = tracker.udp();
    let reply = udp.ask(&Announce::leecher(301).with_hash(hash).emit(udp.id, 1));
    reply.unwrap_or_default().len().to_string()
}

/// A tracker with a socket over IPv6, if the machine has that.
fn over_ipv6(lab: &Lab) -> Result<(Tracker, Udp), String> {
    if !ipv6_works() {
        return Err(format!("{SKIPPED}no IPv6 on this machine"));
    }
    let tracker = lab.open();
    let udp = Udp::to(tracker.udp6_address());
    Ok((tracker, udp))
}

fn over_ipv6_it_has_1208_bytes(lab: &Lab) -> String {
    let (_tracker, udp) = match over_ipv6(lab) {
        Ok(both) => both,
        Err(why) => return why,
    };
    let hash = lab.hash();
    for port in 1..=100 {
        udp.join(hash, port, 1);
    }
    let reply = udp.ask(&Announce::leecher(301).with_hash(hash).emit(udp.id, 1));
    reply.unwrap_or_default().len().to_string()
}

fn over_ipv6_peers_are_of_ipv6(lab: &Lab) -> String {
    let (tracker, udp) = match over_ipv6(lab) {
        Ok(both) => both,
        Err(why) => return why,
    };
    let hash = lab.hash();
    tracker.udp().join(hash, 1001, 1);
    udp.join(hash, 1001, 1);
    let told = udp
        .announce(&Announce::seeder(1002).with_hash(hash))
        .expect("a reply");
    format!("{} bytes, leechers {}", told.peers().len(), told.word(1))
}

fn leechers_come_before_seeders(lab: &Lab) -> String {
    let (_tracker, udp) = lab.open().udp_kept();
    let hash = lab.hash();
    for port in 1001..1031 {
        udp.join(hash, port, u64::from(port % 2));
    }
    let told = udp
        .announce(&Announce::leecher(2001).with_hash(hash))
        .expect("a reply");
    let ports = told.ports();
    let seeder = |port: &u16| *port < 2000 && port.is_multiple_of(2);
    let first_seeder = ports.iter().position(seeder);
    let last_leecher = ports.iter().rposition(|port| !seeder(port));
    if ports.len() >= 30 && last_leecher < first_seeder {
        "leechers first".to_owned()
    } else {
        format!("{ports:?}")
    }
}

/// The ports that come with an announce, in order.
fn ports_for(udp: &Udp, hash: Hash, announce: Announce) -> String {
    let Some(told) = udp.announce(&announce.with_hash(hash)) else {
        return "silence".to_owned();
    };
    let mut ports = told.ports();
    ports.sort_unstable();
    let text: Vec<_> = ports.iter().map(u16::to_string).collect();
    if text.is_empty() {
        "none".to_owned()
    } else {
        text.join(" ")
    }
}

fn seeders_get_no_seeders(lab: &Lab) -> String {
    let (_tracker, udp) = lab.open().udp_kept();
    let hash = lab.hash();
    udp.join(hash, 1001, 1);
    udp.join(hash, 1002, 0);
    ports_for(&udp, hash, Announce::seeder(1003))
}

fn nobody_gets_itself(lab: &Lab) -> String {
    let (_tracker, udp) = lab.open().udp_kept();
    ports_for(&udp, lab.hash(), Announce::leecher(1001))
}

fn port_0_is_refused(lab: &Lab) -> String {
    let (_tracker, udp) = lab.open().udp_kept();
    let hash = lab.hash();
    let told = udp.announce(&Announce::leecher(0).with_hash(hash));
    let outcome = match told {
        Some(told) if told.action == 3 => "error",
        Some(told) if told.action == 1 => "ok",
        _ => "silence",
    };
    format!("{outcome}, {}", udp.counts(hash))
}

/// A tracker that allows one torrent, and what an announce of another gets.
fn refused(lab: &Lab, lines: &str, event: u32) -> Vec<u8> {
    let list = lab.list("white", &[lab.hash()]);
    let (_tracker, udp) = lab
        .with(&format!("access.whitelist {list}\n{lines}"))
        .udp_kept();
    let announce = Announce::leecher(1001)
        .with_hash(lab.unlisted())
        .with_event(event);
    udp.ask(&announce.emit(udp.id, 1)).unwrap_or_default()
}

fn a_torrent_that_is_not_allowed_gets_an_error(lab: &Lab) -> String {
    let reply = refused(lab, "", NONE);
    match word(&reply, 0) {
        3 if reply.len() > 12 => "action 3, a text".to_owned(),
        action => format!("action {action}, {} bytes", reply.len()),
    }
}

fn or_a_long_interval_if_so_configured(lab: &Lab) -> String {
    let reply = refused(lab, "access.udp_reject_interval 43200\n", NONE);
    let [interval, leechers, seeders] = [8, 12, 16].map(|at| word(&reply, at));
    let action = word(&reply, 0);
    format!(
        "action {action}, {} bytes, interval {interval}, {leechers} {seeders}",
        reply.len()
    )
}

fn stopped_is_not_asked_for_in_lists(lab: &Lab) -> String {
    let reply = refused(lab, "", STOPPED);
    format!("action {}, {} bytes", word(&reply, 0), reply.len())
}

fn peers_of_both_protocols_meet(lab: &Lab) -> String {
    let (tracker, hash) = (lab.open(), lab.hash());
    let udp = tracker.udp();
    udp.join(hash, 1001, 1);
    tracker.announce(&hash, 1002, 1, "");
    tracker.announce(&hash, 1001, 1, "");
    format!("{} {}", udp.counts(hash), tracker.counts(&hash))
}

/// A tracker with workers for its UDP socket, on a free port.
fn with_workers(lab: &Lab) -> Tracker {
    for _ in 0..5 {
        let port = lab.pick(0, free_port());
        let list = lab.list("white", &[]);
        let text = format!(
            "listen.udp.workers 2\nlisten.tcp_udp 127.0.0.1:{port}\n{}",
            lab.pick(String::new(), format!("access.whitelist {list}\n"))
        );
        let conf = lab.write("conf", text);
        if let Ok(tracker) = lab.start(&["-f", &conf], port) {
            return tracker;
        }
    }
    panic!("it doesn't start with workers");
}

fn workers_serve_the_same(lab: &Lab) -> String {
    let tracker = with_workers(lab);
    let hash = first_listed();
    tracker.udp().join(hash, 1001, 1);
    tracker.counts(&hash)
}

fn a_hangup_does_not_end_workers(lab: &Lab) -> String {
    let mut tracker = with_workers(lab);
    tracker.running.signal(rustix::process::Signal::HUP);
    if !lab.ours() {
        return tracker.running.wait().status;
    }
    // It answers after it has had its signal.
    tracker.udp();
    tracker
        .running
        .status()
        .map_or_else(|| "goes on".to_owned(), |status| status.to_string())
}

fn replies_leave_from_the_address_that_was_asked(lab: &Lab) -> String {
    let port = free_port();
    let args = ["-i", lab.pick("::", "0.0.0.0"), "-P", &port.to_string()];
    let mut running = lab.spawn(&args);
    running.wait_until_it_listens(lab.pick(None, Some(1)));
    let socket = std::net::UdpSocket::bind((crate::namespace::v4(3), 0)).expect("a socket");
    socket
        .set_read_timeout(Some(Duration::from_millis(500)))
        .expect("a time-out");
    socket
        .send_to(&head(MAGIC, 0, 1), (crate::namespace::v4(7), port))
        .expect("to send");
    match socket.recv_from(&mut [0; 64]) {
        Ok((_, from)) if from.ip() == crate::namespace::v4(7) => "10.9.9.7".to_owned(),
        Ok((_, from)) => from.ip().to_string(),
        Err(_) => "silence".to_owned(),
    }
}
