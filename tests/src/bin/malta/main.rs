//! The tracker in a 32-bit MIPS machine with little memory, as in a router: a Linux of its own, a
//! network card, a clock that is wrong. `malta [MIB [SECONDS]]`: the tracker's memory limit, 4, and
//! how long the flood may take, 180.
//!
//! It announces from inside and outside, floods the tracker with torrents far beyond its memory
//! limit, sets the clock forward, and looks how much memory there is all the while. Times are
//! printed; memory and answers are promised, and what breaks a promise ends it.

mod initramfs;
mod machine;

use std::env;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use machine::{MEMORY, Machine};
use wrtracker_tests::cross;
use wrtracker_tests::http_client::{HttpClient, announce_target};
use wrtracker_tests::load::work::Work;
use wrtracker_tests::load::{self, Config, Extent, Mix, Protocol};
use wrtracker_tests::udp_client::{Announce, UdpClient};

/// What the control group that the tracker is alone in may take beyond the tracker's own limit, in
/// MiB: its program, and the kernel's buffers for it.
const MORE_FOR_GROUP: u64 = 2;

/// The torrent that was there before the flood.
const OLD: [u8; 20] = [0xee; 20];
/// The same in a URL.
const OLD_IN_URL: &str = "%ee%ee%ee%ee%ee%ee%ee%ee%ee%ee%ee%ee%ee%ee%ee%ee%ee%ee%ee%ee";

fn main() -> ExitCode {
    let mut numbers = [4, 180];
    for (place, word) in env::args().skip(1).enumerate() {
        let number = word.parse().ok().filter(|&number| number > 0);
        let (Some(place), Some(number)) = (numbers.get_mut(place), number) else {
            eprintln!("usage: malta [MIB [SECONDS]]");
            return ExitCode::from(2);
        };
        *place = number;
    }
    let [limit, seconds] = numbers;
    match run(limit, Duration::from_secs(seconds)) {
        Ok(()) => {
            println!("the machine held");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn run(limit: u64, time: Duration) -> Result<(), String> {
    let program = cross::build("mipsel-unknown-linux-musl")?;
    let begun = Instant::now();
    let mut machine = Machine::start(&program, "1970-01-01T00:00:00")?;
    let up = begun.elapsed();
    println!(
        "{}",
        machine
            .run("uname -mrs; date; grep -E 'cpu model|MemTotal' /proc/cpuinfo /proc/meminfo")?
    );
    let before = free(&mut machine)?;
    start_tracker(&mut machine, limit, "")?;
    let outside = UdpClient::connect(machine.udp);
    outside.announce(&Announce::leecher(1).with_hash(OLD));
    println!(
        "{MEMORY} MiB: a shell after {} ms, the tracker's first answer after {} ms",
        up.as_millis(),
        begun.elapsed().as_millis()
    );
    answers(&mut machine, &outside)?;
    let idle = resident(&mut machine)?;
    let started = free(&mut machine)?;

    flood(&mut machine, time)?;
    let flooded = resident(&mut machine)?;
    let under = free(&mut machine)?;
    println!(
        "tracker's anonymous memory: {idle} KiB idle, {flooded} KiB flooded, limit {limit} MiB"
    );
    println!(
        "free memory of the machine: {before} KiB without it, {started} KiB idle, {under} KiB flooded"
    );
    promise(flooded <= limit << 10, "the memory limit was broken")?;
    promise(
        started.saturating_sub(under) <= limit << 10,
        "the flood took more of the machine than the limit",
    )?;
    let events =
        machine.run("cat /cgroup/tracker/memory.events; cat /cgroup/tracker/memory.current")?;
    promise(events.contains("oom_kill 0"), &events)?;
    answers(&mut machine, &outside)?;

    jump(&mut machine, &outside)?;
    machine.run("kill $(cat /tmp/pid); wait")?;
    println!("{}", machine.run("cat /tmp/log")?);
    let after = free(&mut machine)?;
    println!("free memory of the machine: {after} KiB after it");
    machine.power_off()?;
    late(&program)
}

/// Starts the tracker in a group of its own and waits until it is ready.
fn start_tracker(machine: &mut Machine, limit: u64, options: &str) -> Result<(), String> {
    machine.run(&format!(
        "mkdir /cgroup/tracker && echo {}M >/cgroup/tracker/memory.max",
        limit + MORE_FOR_GROUP
    ))?;
    machine.run(&format!(
        "(echo 0 >/cgroup/tracker/cgroup.procs; \
         exec /wrtracker -m {limit}M -p 6969 -P 6969 {options}) >/tmp/log 2>&1 & echo $! >/tmp/pid"
    ))?;
    machine.run("until grep -q ': ready' /tmp/log; do kill -0 $(cat /tmp/pid) || break; done; grep ': ready' /tmp/log || cat /tmp/log")
        .and_then(|text| promise(text.contains(": ready"), &text))
}

/// Announces and scrapes from outside by way of the network card, and from inside.
fn answers(machine: &mut Machine, outside: &UdpClient) -> Result<(), String> {
    for port in 1..=3 {
        let reply = outside.announce(&Announce::leecher(port).with_hash(OLD));
        promise(
            reply.leechers >= u32::from(port.min(3)),
            &format!("UDP from outside: {reply:?}"),
        )?;
    }
    let reply = HttpClient::connect(machine.tcp).announce(&announce_target(&OLD, 3, 1000, ""));
    promise(
        reply.peers.len() == 2,
        &format!("HTTP from outside: {reply:?}"),
    )?;
    let counts = outside.scrape(&[OLD]);
    promise(
        counts[0].leechers == 3,
        &format!("scrape from outside: {counts:?}"),
    )?;
    // From inside, by a program that is none of ours.
    let ask = |what: &str| {
        format!(
            "printf 'GET /%s HTTP/1.0\\r\\n\\r\\n' '{what}' | nc 127.0.0.1 6969 | tr -d '\\r' | strings"
        )
    };
    let reply = machine.run(&ask(&format!("scrape?info_hash={OLD_IN_URL}")))?;
    promise(
        reply.contains("8:completei0e10:downloadedi0e11:downloadersi3e10:incompletei3e"),
        &format!("scrape from inside: {reply}"),
    )?;
    let reply = machine.run(&ask(&format!(
        "announce?info_hash={OLD_IN_URL}&peer_id=-XX0001-000000000000&port=9&left=0&numwant=0"
    )))?;
    promise(
        reply.contains("8:completei1e") && reply.contains("10:incompletei3e"),
        &format!("announce from inside: {reply}"),
    )?;
    let stopped = machine.run(&ask(&format!(
        "announce?info_hash={OLD_IN_URL}&peer_id=-XX0001-000000000000&port=9&left=0&event=stopped"
    )))?;
    promise(
        stopped.contains("8:completei0e") && stopped.contains("10:incompletei3e"),
        &format!("stop from inside: {stopped}"),
    )
}

/// Ten times as many torrents as there is room for, or as many as can be asked in time.
fn flood(machine: &mut Machine, time: Duration) -> Result<(), String> {
    let text = machine.run("grep 'up to' /tmp/log")?;
    let room = text
        .split("up to ")
        .nth(1)
        .and_then(|text| text.split(' ').next());
    let room: u32 = room.and_then(|number| number.parse().ok()).ok_or(&text)?;
    let mut config = Config {
        server: machine.udp,
        protocol: Protocol::Udp,
        work: Work {
            torrents: 10 * room,
            peers: 1,
            sources: 1,
            seeders: 50,
            seed: 1,
        },
        wanted: 30,
        mix: Mix {
            connect: 0,
            announce: 100,
            scrape: 0,
        },
        extent: Extent::Replies(10_000),
        warm_up: Duration::ZERO,
        window: 32,
        threads: 1,
        core: None,
        pid: None,
    };
    let rate = run_load(&config)?;
    let possible = (rate * time.as_secs_f64()) as u32;
    if possible < config.work.torrents {
        println!(
            "of {} torrents that were to come, {possible} can in {time:?} at this rate",
            config.work.torrents
        );
        config.work.torrents = possible;
    }
    config.extent = Extent::Fill;
    println!("flood: {} torrents, room for {room}", config.work.torrents);
    run_load(&config)?;
    promise(
        config.work.torrents > room,
        "the flood was too small to fill the memory",
    )
}

fn run_load(config: &Config) -> Result<f64, String> {
    let report = load::run(config).map_err(|error| error.to_string())?;
    let counts = &report.counts;
    println!(
        "{} announces answered in {:.1} s, {:.0} per second, {} asked again, {} lost",
        counts.announces,
        report.elapsed.as_secs_f64(),
        report.rate(),
        counts.resent,
        counts.lost
    );
    promise(
        counts.wrong == 0 && counts.refused == 0,
        &format!("wrong answers: {:?}", counts.first_wrong),
    )?;
    Ok(report.rate())
}

/// The clock of a router that has just heard what time it is.
fn jump(machine: &mut Machine, outside: &UdpClient) -> Result<(), String> {
    for date in [
        "1970-02-01 00:00:00",
        "2026-11-28 00:00:00",
        "2026-12-31 00:00:00",
    ] {
        let text = machine.run(&format!("date -u -s '{date}'"))?;
        // A second and more, in which whatever would expire does.
        machine.run("sleep 2")?;
        let counts = outside.scrape(&[OLD]);
        promise(
            counts[0].leechers == 3,
            &format!("after {text}: {counts:?}"),
        )?;
        println!("the clock was set to {text}: all peers are there");
    }
    answers(machine, outside)
}

/// A machine whose clock no longer fits 32 bits.
fn late(program: &std::path::Path) -> Result<(), String> {
    let mut machine = Machine::start(program, "2040-02-29T12:00:00")?;
    machine.run("echo 'log.completed on' >/tmp/conf")?;
    start_tracker(&mut machine, 1, "-f /tmp/conf")?;
    let outside = UdpClient::connect(machine.udp);
    outside.announce(&Announce::leecher(1).with_hash(OLD));
    let done = Announce {
        downloaded: 1000,
        ..Announce::seeder(1)
    };
    outside.announce(
        &done
            .with_hash(OLD)
            .with_event(wrtracker_tests::udp_client::COMPLETED),
    );
    let text = machine.run("grep 'event=completed' /tmp/log || cat /tmp/log")?;
    promise(text.contains("time=2040-02-29T12:"), &text)?;
    println!("in 2040: {text}");
    machine.power_off()
}

/// Free memory in KiB: what programs can still have.
fn free(machine: &mut Machine) -> Result<u64, String> {
    number(&machine.run("grep MemAvailable /proc/meminfo")?)
}

/// The tracker's anonymous memory in KiB.
fn resident(machine: &mut Machine) -> Result<u64, String> {
    number(&machine.run("grep RssAnon /proc/$(cat /tmp/pid)/status")?)
}

/// The number in a line such as `MemFree:   1234 kB`.
fn number(line: &str) -> Result<u64, String> {
    let number = line
        .split_whitespace()
        .nth(1)
        .and_then(|number| number.parse().ok());
    number.ok_or_else(|| format!("not a number: {line}"))
}

fn promise(kept: bool, otherwise: &str) -> Result<(), String> {
    if kept {
        Ok(())
    } else {
        Err(otherwise.to_owned())
    }
}
