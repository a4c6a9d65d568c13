//! A router has no clock at its start, and later jumps by decades: nobody is forgotten for that.
#![forbid(unsafe_code)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use wrtracker_tests::conf::Conf;
use wrtracker_tests::folder::Folder;
use wrtracker_tests::namespace::skip;
use wrtracker_tests::server::{DEADLINE, Server, binary};
use wrtracker_tests::udp_client::{Announce, COMPLETED, UdpClient, fresh_transaction};

/// The library that gives a program a clock of its own, beside the monotonic one.
fn library() -> Option<PathBuf> {
    let mut folders = vec![
        PathBuf::from("/usr/lib/faketime"),
        PathBuf::from("/usr/lib64/faketime"),
    ];
    if let Ok(entries) = fs::read_dir("/usr/lib") {
        folders.extend(entries.flatten().map(|entry| entry.path().join("faketime")));
    }
    let files = folders.iter().map(|folder| folder.join("libfaketime.so.1"));
    files.into_iter().find(|file| file.exists())
}

/// The program with a clock that a file sets.
fn start(library: &Path, clock: &Path, conf: &Conf) -> Server {
    let mut command = Command::new(binary());
    command
        .args(["-i", "127.0.0.1", "-p", "0", "-P", "0", "-f", conf.path()])
        .env("LD_PRELOAD", library)
        .env("FAKETIME_TIMESTAMP_FILE", clock)
        .env("FAKETIME_NO_CACHE", "1")
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .env("TZ", "UTC");
    Server::try_start_command(command).unwrap_or_else(|exited| panic!("{exited:?}"))
}

/// Announces a leecher, and returns how many there are then.
fn announce(server: &Server, port: u16) -> u32 {
    let client = UdpClient::connect(server.udp_v4());
    client.announce(&Announce::leecher(port)).leechers
}

#[test]
fn a_clock_that_is_set_forgets_nobody() {
    let name = "a_clock_that_is_set_forgets_nobody";
    let Some(library) = library() else {
        skip(&format!("{name}: there is no libfaketime"));
        return;
    };
    let folder = Folder::open_to_all("clock");
    let clock = folder.join("clock");
    let set = |time: &str| fs::write(&clock, format!("@{time}\n")).expect("to set the clock");
    let peers = folder.path("peers");
    let conf = Conf::new(format!("log.completed on\nstate.peers_file {peers}\n"));

    set("1970-01-01 00:01:00");
    let server = start(&library, &clock, &conf);
    // The program says what time it has. If that is another, it doesn't use the library.
    announce(&server, 1001);
    let client = UdpClient::connect(server.udp_v4());
    client.announce(&Announce::seeder(1000).with_event(COMPLETED));
    server.wait_for_stderr("event=completed");
    if !server.stderr().contains("1970-01-01") {
        skip(&format!(
            "{name}: libfaketime has no effect on this program: {}",
            server.stderr()
        ));
        return;
    }
    assert_eq!(announce(&server, 1002), 2);
    // The network time comes.
    set("2026-11-28 12:00:00");
    assert_eq!(announce(&server, 1003), 3);
    assert_eq!(announce(&server, 1004), 4);
    // Written with a clock, read without: as after a power cut, from a disk.
    assert!(server.terminate().success());
    assert!(Path::new(&peers).exists());
    set("1970-01-01 00:01:00");
    let server = start(&library, &clock, &conf);
    assert_eq!(announce(&server, 1005), 5);
    // Written without, read with.
    assert!(server.terminate().success());
    set("2026-11-29 12:00:00");
    let server = start(&library, &clock, &conf);
    assert_eq!(announce(&server, 1006), 6);
    // Back by a month, as to the date of the newest file, which a router starts with.
    assert!(server.terminate().success());
    set("2026-10-29 12:00:00");
    let server = start(&library, &clock, &conf);
    assert_eq!(announce(&server, 1007), 7);
}

#[test]
fn keys_expire_when_the_clock_is_set_and_not_before() {
    let name = "keys_expire_when_the_clock_is_set_and_not_before";
    let Some(library) = library() else {
        skip(&format!("{name}: there is no libfaketime"));
        return;
    };
    let folder = Folder::new("keys");
    let clock = folder.join("clock");
    let set = |time: &str| fs::write(&clock, format!("@{time}\n")).expect("to set the clock");
    // Until noon of 28 November 2026.
    let key = "0123456789abcdefghijABCDEFGHIJKL";
    let keys = folder.write("keys", format!("{key} 1795867200\n"));
    let conf = Conf::new(format!(
        "tracker.mode private\naccess.keys {keys}\nlog.completed on\n"
    ));
    set("1970-01-01 00:01:00");
    let server = start(&library, &clock, &conf);
    let client = UdpClient::connect(server.udp_v4());
    let announce = Announce {
        options: [&b"\x02\x2a/announce/"[..], key.as_bytes()].concat(),
        ..Announce::seeder(1000).with_event(COMPLETED)
    };
    let expired = || {
        let transaction = fresh_transaction();
        let reply = client.exchange(&announce.emit(client.connection, transaction));
        let refused = reply[3] == 3;
        assert!(!refused || reply.ends_with(b"has expired.\0"), "{reply:?}");
        refused
    };
    let until = |wanted: bool| {
        let deadline = Instant::now() + DEADLINE;
        while expired() != wanted {
            assert!(Instant::now() < deadline, "it doesn't come true");
        }
    };
    client.announce(&Announce {
        event: 0,
        left: 1,
        ..announce.clone()
    });
    assert!(!expired());
    server.wait_for_stderr("event=completed");
    if !server.stderr().contains("1970-01-01") {
        skip(&format!(
            "{name}: libfaketime has no effect on this program"
        ));
        return;
    }
    set("2026-11-28 11:00:00");
    // What expires later hasn't, whichever second it is.
    assert!(!expired());
    set("2026-11-28 12:10:00");
    until(true);
    // The clock is wrong again, or was.
    set("2001-01-01 12:00:00");
    until(false);
    set("2026-11-28 11:00:00");
    until(false);
}
