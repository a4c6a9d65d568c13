//! Connection ids: what proves that a source address is no invention.

use super::lab::{Lab, Udp, show};
use super::{Absent, Differs, Same};
use crate::udp_client::{Announce, scrape_packet};

promises! { $ connection_ids_probes "connection_ids":
    a_wrong_id_is_told_in_these_words("4.1") =>
        "action 3, Connection ID missmatch.\\x00, 33 bytes", Same;
    a_wrong_id_of_a_scrape_is_told_too("4.1") =>
        "action 3, Connection ID missmatch.\\x00, 33 bytes", Same;
    but_never_with_more_bytes_than_were_sent("4.1") => "silence",
        Differs("33 bytes", "nobody may use a tracker as an amplifier");
    nobody_is_stored_by_a_wrong_id("4.3") => "0/0/0", Same;
    one_id_holds_for_all_ports_of_a_host("4.3") => "0/0/1", Same;
    another_host_needs_another_id("4.3") => "refused", Same;
    it_does_not_outlive_the_process("4.3") => "refused", Same;
    two_processes_have_different_ids("4.3") => "different", Same;
    two_hosts_have_different_ids("4.3") => "different", Same;
    it_is_not_the_time("4.3") => "no pattern", Same;
    both_families_have_ids_of_their_own("4.3") => "refused",
        Absent("as Debian builds it, it knows IPv4 only");
}

/// What a packet gets.
fn told(reply: Option<Vec<u8>>) -> String {
    let Some(reply) = reply else {
        return "silence".to_owned();
    };
    let text = show(reply.get(8..).unwrap_or_default());
    format!(
        "action {}, {text}, {} bytes",
        reply.get(3).unwrap_or(&0),
        reply.len()
    )
}

/// Whether an announce with this id is taken.
fn accepted(lab: &Lab, udp: &Udp, id: u64) -> String {
    let reply = udp.ask(&Announce::leecher(1001).with_hash(lab.hash()).emit(id, 1));
    match reply.as_deref() {
        Some([0, 0, 0, 1, ..]) => "accepted".to_owned(),
        Some([0, 0, 0, 3, ..]) => "refused".to_owned(),
        other => format!("{other:02x?}"),
    }
}

fn a_wrong_id_is_told_in_these_words(lab: &Lab) -> String {
    let (_tracker, udp) = lab.open().udp_kept();
    told(
        udp.ask(
            &Announce::leecher(1001)
                .with_hash(lab.hash())
                .emit(!udp.id, 1),
        ),
    )
}

fn a_wrong_id_of_a_scrape_is_told_too(lab: &Lab) -> String {
    let (_tracker, udp) = lab.open().udp_kept();
    told(udp.ask(&scrape_packet(!udp.id, 1, &[lab.hash()])))
}

fn but_never_with_more_bytes_than_were_sent(lab: &Lab) -> String {
    let (_tracker, udp) = lab.open().udp_kept();
    match udp.ask(&scrape_packet(!udp.id, 1, &[])) {
        Some(reply) => format!("{} bytes", reply.len()),
        None => "silence".to_owned(),
    }
}

fn nobody_is_stored_by_a_wrong_id(lab: &Lab) -> String {
    let (_tracker, udp) = lab.open().udp_kept();
    let hash = lab.hash();
    udp.ask(&Announce::leecher(1001).with_hash(hash).emit(!udp.id, 1));
    udp.counts(hash)
}

fn one_id_holds_for_all_ports_of_a_host(lab: &Lab) -> String {
    let (tracker, first) = lab.open().udp_kept();
    let mut second = tracker.udp();
    second.id = first.id;
    let hash = lab.hash();
    second.announce(&Announce::leecher(1001).with_hash(hash));
    second.counts(hash)
}

fn from(host: u8, tracker: &super::lab::Tracker) -> Udp {
    Udp::from([127, 0, 0, host].into(), tracker.udp_address())
}

fn another_host_needs_another_id(lab: &Lab) -> String {
    let tracker = lab.open();
    accepted(lab, &from(3, &tracker), from(2, &tracker).id)
}

fn it_does_not_outlive_the_process(lab: &Lab) -> String {
    let (first, udp) = lab.open().udp_kept();
    // opentracker seeds its key with the second in which it starts.
    drop(first);
    if !lab.ours() {
        std::thread::sleep(std::time::Duration::from_millis(1100));
    }
    let (_second, again) = lab.open().udp_kept();
    accepted(lab, &again, udp.id)
}

fn two_processes_have_different_ids(lab: &Lab) -> String {
    let (first, one) = lab.open().udp_kept();
    drop(first);
    if !lab.ours() {
        std::thread::sleep(std::time::Duration::from_millis(1100));
    }
    let (_second, other) = lab.open().udp_kept();
    if one.id == other.id {
        "the same"
    } else {
        "different"
    }
    .to_owned()
}

fn two_hosts_have_different_ids(lab: &Lab) -> String {
    let tracker = lab.open();
    let same = from(2, &tracker).id == from(3, &tracker).id;
    if same { "the same" } else { "different" }.to_owned()
}

fn it_is_not_the_time(lab: &Lab) -> String {
    let tracker = lab.open();
    let ids: Vec<_> = (2..10).map(|host| from(host, &tracker).id).collect();
    // Bits that all eight have alike would be half as many for each host more.
    let alike = ids.iter().fold(!0, |mask, id| mask & !(id ^ ids[0]));
    if alike.count_ones() < 12 {
        "no pattern".to_owned()
    } else {
        format!("{alike:x} alike")
    }
}

fn both_families_have_ids_of_their_own(lab: &Lab) -> String {
    if !crate::server::ipv6_works() {
        return format!("{}no IPv6 on this machine", super::SKIPPED);
    }
    let (tracker, v4) = lab.open().udp_kept();
    accepted(lab, &Udp::to(tracker.udp6_address()), v4.id)
}
