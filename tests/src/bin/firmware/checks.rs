//! What a tracker is asked, by QEMU's own network.

use std::path::Path;

use wrtracker_tests::http_client::{HttpClient, announce_target, scrape_target};
use wrtracker_tests::udp_client::{Announce, STOPPED, UdpClient};

use crate::machine::{Machine, Network};

/// Announces without a restart.
const MANY: u32 = 10_000;

/// Names each check as it passes.
fn ok(what: &str) {
    println!("ok   {what}");
}

/// A number on a page of lines of a number and a name.
pub(crate) fn number(page: &str, name: &str) -> Result<u64, String> {
    let mut lines = page.lines().filter_map(|line| line.split_once(' '));
    let found = lines.find(|(_, of)| *of == name);
    let number = found.and_then(|(number, _)| number.parse().ok());
    number.ok_or_else(|| format!("no {name:?} in {page}"))
}

pub(crate) fn promise(kept: bool, what: &str) -> Result<(), String> {
    if kept { Ok(()) } else { Err(what.to_owned()) }
}

pub(crate) fn run(image: &Path) -> Result<(), String> {
    refused(image)?;
    listed(image)?;
    let mut machine = Machine::start(image, &Network::User, "", "")?;
    machine.wait_for("ready")?;
    let address = machine.wait_for("address 10.")?;
    ok(&format!("takes 10.{address} from DHCP"));
    asked(&machine)?;
    many(&machine)?;
    machine.is_well()?;
    let page = HttpClient::connect(machine.tcp).get("/stats?mode=network");
    let page = String::from_utf8_lossy(&page.body).into_owned();
    print!("{page}");
    let (used, most) = (
        number(&page, "bytes of stack used")?,
        number(&page, "bytes of stack")?,
    );
    promise(used + 1024 <= most, "less than 1 KiB of stack is left")?;
    ok(&format!(
        "{MANY} announces without a restart; {used} bytes of stack used of {most}"
    ));
    Ok(())
}

/// Announces, scrapes, a full scrape and statistics.
fn asked(machine: &Machine) -> Result<(), String> {
    let udp = UdpClient::connect(machine.udp);
    for port in 1..=40 {
        udp.announce(&Announce::leecher(port));
    }
    let seen = udp.announce(&Announce::seeder(99));
    promise(
        (seen.leechers, seen.seeders, seen.peers.len()) == (40, 1, 40),
        "UDP announce",
    )?;
    let scraped = udp.scrape(&[Announce::default().info_hash, [7; 20]]);
    promise(
        (scraped[0].leechers, scraped[0].seeders) == (40, 1),
        "UDP scrape",
    )?;
    ok("UDP announces and scrapes");

    let hash = Announce::default().info_hash;
    let mut http = HttpClient::connect(machine.tcp);
    let seen = http.announce(&announce_target(&hash, 100, 5, "&numwant=200"));
    promise(
        (seen.incomplete, seen.complete) == (41, 1),
        "HTTP announce: counts",
    )?;
    promise(seen.peers.len() == 41, "HTTP announce: peers")?;
    let scrape = http.get(&scrape_target(&[hash])).bencode();
    promise(format!("{scrape:?}").contains("41"), "HTTP scrape")?;
    ok("HTTP announces and scrapes on one connection");

    for nth in 0..300_u32 {
        let mut other = [0xaa; 20];
        other[..4].copy_from_slice(&nth.to_be_bytes());
        udp.announce(&Announce::leecher(1).with_hash(other));
    }
    let mut full = HttpClient::connect(machine.tcp);
    full.send(b"GET /scrape HTTP/1.0\r\n\r\n");
    let body = full.rest();
    let entries = body.windows(8).filter(|at| at == b"8:comple").count();
    promise(entries == 301, &format!("full scrape: {entries} torrents"))?;
    ok("a full scrape of 301 torrents");

    for mode in [
        "peer",
        "everything",
        "json",
        "metrics",
        "memory",
        "top10",
        "network",
        "version",
    ] {
        let mut page = HttpClient::connect(machine.tcp);
        page.send(format!("GET /stats?mode={mode} HTTP/1.0\r\n\r\n").as_bytes());
        let page = String::from_utf8_lossy(&page.rest()).into_owned();
        let body = page
            .split_once("\r\n\r\n")
            .filter(|(head, _)| head.contains(" 200 OK"));
        promise(
            body.is_some_and(|(_, body)| !body.is_empty()),
            &format!("mode={mode}: {page:?}"),
        )?;
    }
    ok("statistics");
    udp.announce(&Announce::seeder(99).with_event(STOPPED));
    let scraped = udp.scrape(&[hash]);
    promise(scraped[0].seeders == 0, "who leaves is gone")?;
    Ok(())
}

fn many(machine: &Machine) -> Result<(), String> {
    let udp = UdpClient::connect(machine.udp);
    for nth in 0..MANY {
        let hash = [(nth % 200) as u8; 20];
        let port = 1 + (nth / 200) as u16;
        let seen = udp.announce(&Announce::leecher(port).with_hash(hash));
        promise(
            seen.peers.len() >= usize::from(port).min(50) - 1,
            "peers of many",
        )?;
    }
    Ok(())
}

/// Lines that are wrong are named, and the rest holds.
fn refused(image: &Path) -> Result<(), String> {
    let config = "# a comment\n\
                  tracker.interval 10m\n\
                  tracker.intervall 10\n\
                  tracker.numwant 300\n\
                  device.address 10.0.2.77/24\n\
                  device.router 10.0.2.2\n\
                  listen.tcp_udp 192.0.2.1:80\n\
                  access.stats_for nobody\n";
    let mut machine = Machine::start(image, &Network::User, config, "")?;
    machine.wait_for("ready")?;
    for wrong in [
        "configuration, line 3: tracker.intervall: no such directive",
        "configuration, line 4: tracker.numwant: not a whole number from 0 to 200",
        "configuration, line 7: listen.tcp_udp: it listens on all its addresses",
    ] {
        machine.wait_for(wrong)?;
    }
    // QEMU's network leads to the address that it would have given.
    machine.wait_for("address 10.0.2.77")?;
    ok("a configuration is carried out, and its wrong lines are named");
    Ok(())
}

/// A list in flash is in force.
fn listed(image: &Path) -> Result<(), String> {
    let config = "access.whitelist flash\n\
                  tracker.interval 10m\n\
                  tracker.interval_jitter 0\n\
                  access.stats_for nobody\n\
                  tracker.memory 64K\n\
                  device.random 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff0011223344556677\n";
    let list = format!("# torrents\n{}\n", "ab".repeat(20));
    let mut machine = Machine::start(image, &Network::User, config, &list)?;
    machine.wait_for("1 info hashes listed")?;
    machine.wait_for("address 10.")?;
    let udp = UdpClient::connect(machine.udp);
    let seen = udp.announce(&Announce::leecher(1).with_hash([0xab; 20]));
    promise(seen.interval == 600, "tracker.interval")?;
    let refused = udp.announce_refused(&Announce::leecher(1).with_hash([0xac; 20]));
    promise(
        refused.starts_with(b"Requested download"),
        "access.whitelist",
    )?;
    let page = HttpClient::connect(machine.tcp).get("/stats");
    promise(
        page.status == 403 || page.status == 404,
        &format!("access.stats_for: {page:?}"),
    )?;
    promise(
        machine
            .said
            .iter()
            .all(|line| !line.contains("can be guessed")),
        "device.random",
    )?;
    machine.is_well()?;
    ok("an access list in flash is in force");
    Ok(())
}
