//! Check mode from outside: it says what settings mean and what is wrong with them, and starts
//! nothing.
#![forbid(unsafe_code)]

use std::fs;
use std::path::Path;
use std::process::{Output, Stdio};

use wrtracker_tests::folder::Folder;
use wrtracker_tests::server::{Server, command};
use wrtracker_tests::udp_client::{Announce, UdpClient};

/// What the program returns, and prints to standard output and standard error.
fn check(args: &[&str]) -> (Option<i32>, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command()
        .arg("--check")
        .args(args)
        .stdin(Stdio::null())
        .output()
        .expect("to start");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (status.code(), text(stdout), text(stderr))
}

const HASH: &str = "0123456789abcdef0123456789abcdef01234567";

#[test]
fn the_defaults_are_fine() {
    let (code, said, problems) = check(&["-m", "8M"]);
    assert_eq!((code, problems.as_str()), (Some(0), ""), "{said}");
    for line in [
        "listen: tcp and udp, any address, port 6969",
        "interval: 1800 seconds, 180 more or less",
        "time-outs: peers 2700 seconds, completed torrents 86400 seconds",
        "replies: 50 peers, at most 200, over UDP and IPv6 66",
        "statistics: /stats, for everybody",
        "full scrape: for everybody, compressed where accepted",
        "log: all but details to standard error",
    ] {
        assert!(said.lines().any(|one| one == line), "{line} in {said}");
    }
    assert!(said.contains("\nmemory limit 8.0 MiB: up to "), "{said}");
    assert!(said.contains("\n  swarms: 7."), "{said}");
    assert!(!said.contains("access lists"), "{said}");
}

#[test]
fn everything_that_is_set_is_said() {
    let folder = Folder::open_to_all("all");
    let list = folder.write("list", format!("{HASH}\nnonsense\n# comment\n{HASH} why\n"));
    let state = folder.path("state");
    let text = format!(
        "listen.udp.workers 4\nlisten.udp 127.0.0.1:80\naccess.blacklist {list} # theirs\n\
         access.stats 192.0.2/24\naccess.stats_path my/stats\naccess.proxy ::1\n\
         access.proxy_header x-real-ip\naccess.fullscrape 192.0.2.9\ntracker.fullscrape modest\n\
         tracker.gzip off\naccess.udp_reject_interval 6h\ntracker.ip_from_query on\n\
         tracker.interval 1h\ntracker.interval_most 2h\ntracker.interval_swarm 100\n\
         tracker.interval_load 50\ntracker.most_peers 7\ntracker.most_peers_per_torrent 8\n\
         tracker.decoys 5\ntracker.redirect_url http://x/\nstats.woodpeckers on\n\
         lan.network 192.168.0.0/16\nlan.network auto\nlan.public_address 192.0.2.1\n\
         lan.public_address auto\nlivesync.cluster.listen 127.0.0.1\n\
         livesync.cluster.node_ip 10/8\nstate.file {state}\nstate.interval 1d\n\
         log.to syslog\nlog.level error\nlog.completed on\nlog.requests 10/8\n\
         access.fifo_add {state}.fifo\n"
    );
    let conf = folder.write("conf", &text);
    let (code, said, problems) = check(&["-m", "8M", "-f", &conf]);
    assert_eq!((code, problems.as_str()), (Some(0), ""), "{said}");
    for line in [
        "listen: udp 127.0.0.1:80",
        "UDP: answered by 4 threads",
        "live sync: 127.0.0.1:9696",
        &format!("blacklist: {list}: 2 hashes, line 2 skipped, room for 4096"),
        &format!("access.fifo_add: {state}.fifo"),
        &format!("state.file: {state}"),
        "state: written every 86400 seconds",
        "interval: 3600 seconds, 180 more or less, growing above 100 peers, growing above 50 \
         announces/s, up to 7200 seconds",
        "time-outs: peers 10800 seconds, completed torrents 86400 seconds",
        "peers: at most 7",
        "peers of one torrent and family: at most 8",
        "decoys: up to 10 in 5 % of replies",
        "refused torrents: over UDP an interval of 21600 seconds",
        "allowed: 192.0.2.0/24 statistics",
        "allowed: ::1/128 is a proxy",
        "allowed: 192.0.2.9/32 full scrape",
        "allowed: 10.0.0.0/8 live sync",
        "proxies: believed in X-Real-IP",
        "ip= of announces: believed from anybody",
        "statistics: /my/stats, for those allowed",
        "woodpeckers: counted",
        "full scrape: for those allowed, every 300 seconds, never compressed",
        "GET / is sent to: http://x/",
        "LAN: 192.168.0.0/16",
        "LAN: the networks of the interfaces",
        "LAN: outside known as 192.0.2.1",
        "LAN: outside known by the interfaces' addresses",
        "log: errors to syslog, completed downloads too",
        "logged requests: of 10.0.0.0/8",
        "  access lists: 73 KiB",
        "  live sync: 23 KiB",
        "  logged requests: 32 KiB",
    ] {
        assert!(said.lines().any(|one| one == line), "{line} in {said}");
    }
}

#[test]
fn a_tracker_that_runs_is_not_disturbed() {
    let server = Server::start(&[]);
    let address = server.udp_v4();
    let port = address.port().to_string();
    let (code, said, problems) = check(&["-i", "127.0.0.1", "-p", &port, "-P", &port]);
    assert_eq!((code, problems.as_str()), (Some(0), ""), "{said}");
    assert!(said.contains(&format!("listen: udp {address}\n")), "{said}");
    UdpClient::connect(address).announce(&Announce::leecher(1));
}

#[test]
fn what_is_not_there_is_told_with_the_status_of_the_system() {
    let folder = Folder::open_to_all("missing");
    let plain = folder.write("plain", "");
    let nowhere = folder.path("nowhere/file");
    let place = folder.path("");
    for (text, part) in [
        (format!("access.whitelist {nowhere}"), "No such file"),
        (format!("access.whitelist {place}"), "not a file"),
        ("access.whitelist /dev/null".into(), "not a file"),
        (
            format!("access.blacklist {plain}\naccess.fifo_add {plain}"),
            "there is something else than a named pipe",
        ),
        (
            format!("access.blacklist {plain}\naccess.fifo_delete {nowhere}"),
            "there is no such folder to make it in",
        ),
        (format!("state.file {nowhere}"), "no such folder"),
        (format!("state.peers_file {place}."), "not a file"),
        (format!("tracker.rootdir {nowhere}"), "no such folder"),
        ("listen.tcp 192.0.2.1:80".into(), "192.0.2.1: "),
        (
            "livesync.cluster.listen 192.0.2.1\nlivesync.cluster.node_ip ::/0".into(),
            "192.0.2.1: ",
        ),
    ] {
        let conf = folder.write("conf", &text);
        let (code, said, problems) = check(&["-f", &conf]);
        assert_eq!(code, Some(111), "{text}: {problems}");
        assert!(problems.contains(part), "{text}: {problems}");
        assert_eq!(problems.lines().count(), 1, "{text}: {problems}");
        assert!(said.contains("memory limit"), "{said}");
    }
    for flag in ["-l", "-f"] {
        let (code, _, problems) = check(&[flag, &nowhere]);
        assert_eq!(code, Some(111));
        assert!(problems.contains("No such file"), "{problems}");
    }
}

#[test]
fn settings_that_cannot_be_used_are_all_told() {
    let folder = Folder::open_to_all("bad");
    let list = folder.write("list", format!("{HASH}\n").repeat(3));
    let text = format!(
        "no.such 1\ntracker.numwant 201\ntracker.interval 60\ntracker.interval_jitter 60\n\
         access.whitelist {list}\naccess.entries 2\n"
    );
    let conf = folder.write("conf", &text);
    let (code, said, problems) = check(&["-m", "8M", "-f", &conf]);
    assert_eq!(code, Some(2), "{problems}");
    let expected = [
        format!("wrtracker: warning: {conf}:1: no.such: unknown directive"),
        format!("wrtracker: {conf}:2: tracker.numwant: not a whole number from 0 to 200"),
        format!("wrtracker: {list}: more hashes than access.entries"),
        "wrtracker: tracker.interval_jitter is 60, but must be less than tracker.interval, which \
         is 60"
            .to_owned(),
    ];
    assert_eq!(problems.lines().collect::<Vec<_>>(), expected);
    assert!(said.contains("3 hashes, room for 2"), "{said}");
    // The program itself refuses the same.
    let Output { status, stderr, .. } = command()
        .args(["-f", &conf])
        .stdin(Stdio::null())
        .output()
        .expect("to start");
    assert_eq!(status.code(), Some(2), "{}", stderr.escape_ascii());
}

#[test]
fn memory_that_lists_do_not_fit_in_is_told_with_what_would_do() {
    let folder = Folder::open_to_all("memory");
    let list = folder.write("list", HASH);
    let conf = folder.write("conf", "access.entries 1000000\n");
    let (code, _, problems) = check(&["-m", "8M", "-w", &list, "-f", &conf]);
    assert_eq!(code, Some(2), "{problems}");
    let (_, least) = problems.split_once("the least is ").expect(&problems);
    assert!(
        problems.contains("a memory limit of 8.0 MiB is too small"),
        "{problems}"
    );
    let least = least.split('.').next().expect(least);
    let (code, said, problems) = check(&["-m", &format!("{least}M"), "-w", &list, "-f", &conf]);
    assert_eq!((code, problems.as_str()), (Some(0), ""), "{said}");
}

#[test]
fn a_wrong_command_line_is_one_here_too() {
    let (code, said, problems) = check(&["-A", "10/33"]);
    assert_eq!((code, said.as_str()), (Some(1), ""));
    assert!(problems.contains("-A 10/33: more bits"), "{problems}");
}

/// opentracker's directives as its documentation shows them, all at once.
#[test]
fn a_configuration_of_opentracker_is_understood() {
    let folder = Folder::open_to_all("opentracker");
    let list = folder.write("list", HASH);
    let text = format!(
        "# comment\n\nlisten.udp.workers 4\nlisten.tcp_udp 127.0.0.1\nlisten.tcp 127.0.0.2\n\
         listen.udp 127.0.0.3:80\naccess.whitelist {list}\naccess.blacklist {list}\n\
         access.fifo_add {list}.adder\naccess.fifo_delete {list}.deleter\n\
         access.stats 192.168.0.23\naccess.stats_path stats\naccess.proxy 10.0.1.23\n\
         livesync.cluster.listen 127.0.0.1:9696\nlivesync.cluster.node_ip 192.168.0.4\n\
         livesync.cluster.node_ip 192.168.0.5\nbatchsync.cluster.admin_ip 10.1.1.1\n\
         tracker.user    nobody\ntracker.redirect_url https://your.tracker.local/\n"
    );
    let conf = folder.write("conf", &text);
    let (code, said, problems) = check(&["-f", &conf]);
    assert_eq!(code, Some(0), "{problems}{said}");
    let unknown =
        format!("wrtracker: warning: {conf}:17: batchsync.cluster.admin_ip: unknown directive\n");
    assert_eq!(problems, unknown);
}

/// What Debian installs, and the same without root's paths, is used as it is.
#[test]
fn the_configuration_of_debian_starts() {
    let installed = Path::new("/etc/opentracker/opentracker.conf");
    let Ok(text) = fs::read_to_string(installed) else {
        println!("skipped: opentracker is not installed here");
        return;
    };
    let (code, _, problems) = check(&["-f", installed.to_str().expect("text")]);
    assert_ne!(code, Some(2), "{problems}");
    assert!(!problems.contains("conf:"), "{problems}");
    // Its address would be in the way of other tests, so one of ours is added.
    let folder = Folder::open_to_all("debian");
    let conf = folder.write("conf", format!("{text}\nlisten.tcp_udp 127.0.0.1:0\n"));
    let server = Server::start(&["-f", &conf]);
    UdpClient::connect(server.udp_v4());
}
