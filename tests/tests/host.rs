//! The program from outside: its options, its configuration file, its signals, its limits.
#![forbid(unsafe_code)]

use std::process::{Output, Stdio};
use std::thread;

use rustix::process::{Pid, Resource, Rlimit, Signal, geteuid, getrlimit, prlimit};
use rustix::thread::{set_thread_res_gid, set_thread_res_uid};
use wrtracker_tests::conf::Conf;
use wrtracker_tests::http_client::{HttpClient, announce_target, request};
use wrtracker_tests::process::user_and_group;
use wrtracker_tests::server::{Server, command};
use wrtracker_tests::udp_client::{Announce, UdpClient};

/// What the program prints and returns with arguments that make it end at once.
fn run(args: &[&str]) -> (Option<i32>, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command()
        .args(args)
        .stdin(Stdio::null())
        .output()
        .expect("to start");
    assert!(stdout.is_empty(), "{}", stdout.escape_ascii());
    (status.code(), String::from_utf8(stderr).expect("text"))
}

fn listening(server: &Server) -> Vec<String> {
    let lines = server.stderr();
    let found = lines
        .lines()
        .filter_map(|line| line.strip_prefix("wrtracker: listening on "));
    found.map(String::from).collect()
}

#[test]
fn help_and_version_end_well() {
    for args in [["-h"], ["--help"]] {
        let (code, text) = run(&args);
        assert_eq!(code, Some(0));
        for part in [
            "usage: wrtracker",
            "-m bytes",
            "listen.tcp_udp",
            "tracker.memory",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
    let (_, text) = run(&["-h"]);
    let mut lines = text.lines();
    let mut next = || lines.next().expect("a line");
    assert!(next().starts_with("wrtracker 0.") && next().starts_with("usage: wrtracker ["));
    assert_eq!((next(), next().is_empty(), next()), ("", false, ""));
    // The commands of the client, where it is built in.
    while next() != "Options, from left to right:" {}
    // A letter, a value, what it does, what holds without it.
    assert_eq!(
        next(),
        "  -i ip             address for the -p, -P and -s that follow; :: stands for any, IPv4 \
         included (default: any)"
    );
    // A directive and its value; what it does; its range and unit, and what holds without it.
    for shape in [
        "\n  # the tracker\n  tracker.interval time\n        after which clients are to announce \
         again\n        (1 to 25200 seconds; default: 1800)\n",
        "\n  tracker.gzip on|off|always\n        compress full scrapes for those who accept it, \
         for nobody, or for everybody\n        (default: on)\n",
        "\n  listen.udp address[:port] [mode]\n        the same for UDP alone\n  listen.udp.workers",
    ] {
        assert!(text.contains(shape), "{shape} in {text}");
    }
    for args in [["-v"], ["--version"]] {
        let (code, text) = run(&args);
        assert_eq!(code, Some(0));
        assert!(
            text.starts_with("wrtracker 0.") && text.lines().count() == 1,
            "{text}"
        );
    }
}

#[test]
fn bad_command_lines_say_what_is_wrong_in_one_line() {
    for (args, part) in [
        (&["-x"][..], "unknown argument -x"),
        (&["-p"], "-p: the value is missing"),
        (&["-p", "70000"], "-p 70000: not a port from 0 to 65535"),
        (&["-P", "-1"], "-P -1: not a port"),
        (
            &["-i", "localhost", "-p", "0"],
            "-i localhost: not an address",
        ),
        (&["-m", "lots"], "-m lots: not a number of bytes"),
        (&["-A", "10.0.0.1/33"], "-A 10.0.0.1/33: more bits than the"),
        (&["-A", "192.168"], "-A 192.168: not an address or network"),
        (&["-r", "a b"], "-r a b: not a URL"),
        (&["-s", "9696"], "-s 9696: not the IPv4 address"),
        (&["-w", ""], "-w : the value is missing"),
        (&["here"], "unknown argument here"),
    ] {
        let (code, text) = run(args);
        assert_eq!(code, Some(1), "{args:?}: {text}");
        assert!(
            text.starts_with("wrtracker: ") && text.contains(part),
            "{text}"
        );
        assert!(
            text.contains("usage: wrtracker") && text.lines().count() == 1,
            "{text}"
        );
    }
}

#[test]
fn a_limit_that_is_too_small_is_refused_with_the_least() {
    let (code, text) = run(&["-m", "100K", "-p", "0"]);
    assert_eq!(code, Some(2));
    assert!(
        text.contains("100 KiB is too small: the least is 1.0 MiB"),
        "{text}"
    );
    let server = Server::start(&["-m", "1M"]);
    assert!(
        server.stderr().contains("memory limit 1.0 MiB: up to "),
        "{}",
        server.stderr()
    );
    assert_eq!(
        UdpClient::connect(server.udp_v4())
            .announce(&Announce::leecher(1))
            .leechers,
        1
    );
}

#[test]
fn memory_that_nobody_has_is_refused_with_advice() {
    let (code, text) = run(&["-m", "16000000G", "-i", "127.0.0.1", "-p", "0"]);
    assert_eq!(code, Some(111), "{text}");
    assert!(
        text.contains("can't reserve the memory") && text.contains("-m"),
        "{text}"
    );
}

#[test]
fn a_configuration_file_decides_where_to_listen() {
    let conf = Conf::new(
        "# A tracker for the LAN\r\n\r\n  listen.tcp_udp 127.0.0.1:0\n\
         listen.udp\t127.0.0.2:0 # and this\ntracker.memory 2M\n",
    );
    let server = Server::start(&["-f", conf.path()]);
    let lines = listening(&server);
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines[0].starts_with("udp 127.0.0.1:") && lines[2].starts_with("udp 127.0.0.2:"));
    // One line is one port.
    assert_eq!(lines[0].replace("udp", "tcp"), lines[1]);
    assert!(server.stderr().contains("memory limit 2.0 MiB"));
    assert!(!server.stderr().contains("warning"), "{}", server.stderr());
    UdpClient::connect(server.udp_v4()).announce(&Announce::leecher(1));
    HttpClient::connect(server.tcp_v4()).announce(&announce_target(&[1; 20], 2, 3, ""));
}

#[test]
fn unknown_directives_and_missing_files_are_warnings() {
    let conf = Conf::new("listen.tcp 127.0.0.1:0\naccess.whatlist /tmp/list\n");
    let server = Server::start(&["-f", "/nonexistent/wrtracker.conf", "-f", conf.path()]);
    let expected = [
        "wrtracker: warning: /nonexistent/wrtracker.conf: No such file".to_owned(),
        format!(
            "wrtracker: warning: {}:2: access.whatlist: unknown directive",
            conf.path()
        ),
    ];
    for line in expected {
        assert!(
            server.stderr().contains(&line),
            "{line} in {}",
            server.stderr()
        );
    }
    assert_eq!(listening(&server).len(), 1);
}

#[test]
fn every_bad_value_of_a_file_is_told_and_nothing_starts() {
    let mut text =
        b"listen.tcp 127.0.0.1:0\nlisten.udp 127.0.0.1:99999\ntracker.memory \xff\n".to_vec();
    text.extend([b'x'; 600]);
    let conf = Conf::new(text);
    let (code, text) = run(&["-f", conf.path()]);
    assert_eq!(code, Some(2), "{text}");
    let name = conf.path();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(
        lines,
        [
            format!("wrtracker: {name}:2: listen.udp: not a port from 0 to 65535"),
            format!("wrtracker: {name}:3: tracker.memory: the value is not UTF-8 text"),
            format!("wrtracker: {name}:4: longer than 511 bytes"),
        ]
    );
}

#[test]
fn settings_that_cannot_both_hold_are_refused() {
    let text = "listen.tcp 127.0.0.1:0\ntracker.interval 1h\ntracker.peer_timeout 1h\n";
    let conf = Conf::new(text);
    let (code, text) = run(&["-f", conf.path()]);
    assert_eq!(code, Some(2), "{text}");
    assert!(
        text.starts_with("wrtracker: tracker.peer_timeout is 3600, but must be more than 3780"),
        "{text}"
    );
    assert_eq!(text.lines().count(), 1, "{text}");
}

#[test]
fn signals_end_the_program_well() {
    for signal in [Signal::INT, Signal::TERM] {
        let mut server = Server::start(&[]);
        // Something to forget and a connection to close.
        UdpClient::connect(server.udp_v4()).announce(&Announce::leecher(1));
        let _client = HttpClient::connect(server.tcp_v4());
        server.signal(signal);
        assert_eq!(server.wait().code(), Some(0));
        server.wait_for_stderr("ended with 1 torrents and 1 peers; 0 peers made room");
    }
}

#[test]
fn hangups_do_not_end_it() {
    let server = Server::start(&[]);
    let client = UdpClient::connect(server.udp_v4());
    server.signal(Signal::HUP);
    server.signal(Signal::PIPE);
    client.announce(&Announce::leecher(1));
    assert_eq!(server.terminate().code(), Some(0));
}

#[test]
fn a_second_tracker_on_the_same_port_is_refused() {
    let first = Server::start(&[]);
    for (flag, address) in [("-p", first.tcp_v4()), ("-P", first.udp_v4())] {
        let port = address.port().to_string();
        let (code, text) = run(&["-i", "127.0.0.1", flag, &port]);
        assert_eq!(code, Some(111), "{text}");
        let protocol = if flag == "-p" { "tcp" } else { "udp" };
        let problem = format!("wrtracker: can't listen on {protocol} {address}: ");
        assert!(text.contains(&problem), "{text}");
    }
    // Neither did it disturb the first, nor does it take long until the port is free again.
    HttpClient::connect(first.tcp_v4()).announce(&announce_target(&[1; 20], 2, 3, ""));
    let port = first.tcp_v4().port().to_string();
    assert_eq!(first.terminate().code(), Some(0));
    Server::start(&["-i", "127.0.0.1", "-p", &port, "-P", "0"]);
}

/// Neither does the tracker die of it, nor does it stop answering what needs no descriptor.
#[test]
fn connections_wait_while_the_process_has_no_descriptors_left() {
    let server = Server::start(&[]);
    let pid = Pid::from_raw(server.pid().cast_signed());
    let udp = UdpClient::connect(server.udp_v4());
    // What is open already stays open.
    let few = Rlimit {
        current: Some(3),
        maximum: getrlimit(Resource::Nofile).maximum,
    };
    let set = |limit| {
        // Root's rights may not reach as far as another user's limits. That user's own do.
        let (uid, gid) = user_and_group(server.pid()).expect("a process");
        let setter = move || {
            if geteuid().is_root() {
                set_thread_res_gid(gid, gid, gid).expect("root may");
                set_thread_res_uid(uid, uid, uid).expect("root may");
            }
            prlimit(pid, Resource::Nofile, limit).expect("to set a limit")
        };
        thread::spawn(setter).join().expect("to set a limit")
    };
    let before = set(few);
    let mut client = HttpClient::connect(server.tcp_v4());
    client.send(request(&announce_target(&[1; 20], 2, 3, "")).as_bytes());
    for port in 1..100 {
        udp.announce(&Announce::leecher(port));
    }
    set(before);
    assert_eq!(client.receive().status, 200);
}

#[test]
fn an_address_that_the_machine_does_not_have_is_refused() {
    let (code, text) = run(&["-i", "192.0.2.1", "-p", "0"]);
    assert_eq!(code, Some(111));
    assert!(
        text.starts_with("wrtracker: can't listen on tcp 192.0.2.1:0: "),
        "{text}"
    );
}
