//! Scrapes over UDP.

use super::lab::{Hash, Lab};
use super::udp::{TRANSACTION, answered, word};
use super::{Differs, Same};
use crate::udp_client::{Announce, COMPLETED, scrape_packet};

promises! { $ udp_scrapes_probes "udp_scrapes":
    a_scrape_has_these_bytes("4.1") =>
        "action 2, transaction 12345678, seeders 1, completed 1, leechers 2", Same;
    a_scrape_tells_of_unknown_torrents_with_zeros("4.1") => "0/0/0", Same;
    a_scrape_is_answered_in_its_order("4.1") => "as asked", Same;
    a_scrape_of_75_is_answered_and_no_more("4.1") => "74 75 75 75", Same;
    a_scrape_of_nothing_gets_a_head("4.1") => "8 bytes", Same;
    part_of_a_hash_at_the_end_is_left_out("4.1") => "20 bytes",
        Differs("32 bytes", "it tells of a hash made up of old bytes (UPSTREAM-BUG)");
    lists_do_not_apply_to_scrapes("4.1") => "action 2", Same;
}

fn a_scrape_has_these_bytes(lab: &Lab) -> String {
    let (_tracker, udp) = lab.open().udp_kept();
    let hash = lab.hash();
    udp.join(hash, 1001, 1);
    udp.join(hash, 1002, 1);
    udp.announce(&Announce::seeder(1003).with_hash(hash).with_event(COMPLETED));
    let reply = udp
        .ask(&scrape_packet(udp.id, TRANSACTION, &[hash]))
        .unwrap_or_default();
    format!(
        "action {}, transaction {:x}, seeders {}, completed {}, leechers {}",
        word(&reply, 0),
        word(&reply, 4),
        word(&reply, 8),
        word(&reply, 12),
        word(&reply, 16)
    )
}

fn a_scrape_tells_of_unknown_torrents_with_zeros(lab: &Lab) -> String {
    let (_tracker, udp) = lab.open().udp_kept();
    udp.counts(lab.unlisted())
}

fn a_scrape_is_answered_in_its_order(lab: &Lab) -> String {
    let (_tracker, udp) = lab.open().udp_kept();
    let (known, other) = (lab.hash(), lab.unlisted());
    udp.join(known, 1001, 1);
    let told = udp.scrape(&[other, known, other, known]).expect("a reply");
    let leechers: Vec<_> = (0..4).map(|index| told.word(index * 3 + 2)).collect();
    if leechers == [0, 1, 0, 1] {
        "as asked".to_owned()
    } else {
        format!("{leechers:?}")
    }
}

fn a_scrape_of_75_is_answered_and_no_more(lab: &Lab) -> String {
    let (_tracker, udp) = lab.open().udp_kept();
    let hashes: Vec<Hash> = (0..100).map(|_| lab.unlisted()).collect();
    [74, 75, 76, 100]
        .map(|count| (udp.scrape(&hashes[..count]).expect("a reply").rest.len() / 12).to_string())
        .join(" ")
}

fn a_scrape_of_nothing_gets_a_head(lab: &Lab) -> String {
    let (_tracker, udp) = lab.open().udp_kept();
    answered(udp.ask(&scrape_packet(udp.id, 1, &[])))
}

fn part_of_a_hash_at_the_end_is_left_out(lab: &Lab) -> String {
    let (_tracker, udp) = lab.open().udp_kept();
    let packet = [scrape_packet(udp.id, 1, &[lab.hash()]), vec![7; 19]].concat();
    answered(udp.ask(&packet))
}

fn lists_do_not_apply_to_scrapes(lab: &Lab) -> String {
    let list = lab.list("white", &[lab.hash()]);
    let (_tracker, udp) = lab.with(&format!("access.whitelist {list}\n")).udp_kept();
    let told = udp.scrape(&[lab.unlisted()]);
    told.map_or_else(
        || "silence".to_owned(),
        |told| format!("action {}", told.action),
    )
}
