//! What comes back after a restart or a change, and how often it is written.

use std::fs::{self};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::MetadataExt as _;
use std::time::Instant;

use rustix::process::Signal;
use wrtracker_tests::folder::Folder;
use wrtracker_tests::server::{DEADLINE, ipv6_works};
use wrtracker_tests::udp_client::{Announce, COMPLETED, STOPPED, UdpClient};

use crate::files::*;

#[test]
fn downloads_survive_restarts_and_never_double() {
    let folder = Folder::open_to_all("state");
    let server = start(&folder, TORRENTS);
    complete(&server, hash(1), 3);
    complete(&server, hash(2), 1);
    // A torrent without downloads is none of it.
    UdpClient::connect(server.udp_v4()).announce(&Announce::leecher(1).with_hash(hash(3)));
    let said = end_and_tell(server);
    assert!(said.contains("state.file: 2 torrents written to"), "{said}");
    let mut more = 0;
    for round in 0..3 {
        let before = read(&folder, "torrents").expect("a file");
        assert_eq!(lines_of(&before).expect("a whole file").len(), 2);
        let inode = fs::metadata(folder.path("torrents")).expect("a file").ino();
        let server = start(&folder, TORRENTS);
        says(&server, "state.file: 2 torrents from");
        assert_eq!(completed(&server, hash(1)), 3 + more);
        assert_eq!(completed(&server, hash(2)), 1);
        if round == 1 {
            complete(&server, hash(1), 1);
            more = 1;
        }
        end(server);
        // What says the same isn't written again.
        let after = fs::metadata(folder.path("torrents")).expect("a file").ino();
        assert_eq!(after == inode, round != 1, "{round}");
        assert_eq!(names(&folder), ["torrents"]);
    }
    // Whatever wrote it, lists of hashes are read from such a file too.
    let whitelist = start(&folder, "access.whitelist {}/torrents\n");
    says(&whitelist, "whitelist: 2 hashes from");
    assert!(
        !whitelist.stderr().contains("skipped"),
        "{}",
        whitelist.stderr()
    );
}

#[test]
fn a_dump_of_opentracker_is_loaded_without_what_is_none() {
    let folder = Folder::open_to_all("state");
    let (a, b) = (hex(&hash(0xab)), hex(&hash(2)));
    let dump_file = format!(
        "{a}:29920000:7\nnonsense\n\n# a comment\n{}:29920000:1\n{b}:1:\n{b}:29920000:0\n\
         {}:29920000:18446744073709551616\n{}\n{a}:29920000:5\r\n{b}:0:9",
        &a[1..],
        hex(&hash(4)),
        "x".repeat(100_000),
    );
    let file = folder.write("dump", dump_file);
    let server = start_with(&folder, "", &["-l", &file]);
    says(
        &server,
        "-l: 3 torrents, 1 without downloads, 5 lines skipped, line 2 first from",
    );
    assert_eq!(completed(&server, hash(0xab)), 7);
    assert_eq!(completed(&server, hash(2)), 9);
    assert_eq!(completed(&server, hash(4)), 0);
    // What it dumps it loads, and dumps again.
    let first = dump(&server);
    end(server);
    let minutes = wall_clock() / 60;
    let mut lines: Vec<_> = first.lines().collect();
    lines.sort_unstable();
    for (line, (hash, count)) in lines.iter().zip([(&b, 9), (&a, 7)]) {
        let fields: Vec<_> = line.split(':').collect();
        assert_eq!(
            (fields[0], fields[2]),
            (hash.as_str(), count.to_string().as_str())
        );
        // Loaded now, it was last in use now.
        let base: u64 = fields[1].parse().expect("minutes");
        assert!(base.abs_diff(minutes) <= 2, "{base} {minutes}");
    }
    assert_eq!(lines.len(), 2);
    let file = folder.write("again", &first);
    let server = start_with(&folder, TORRENTS, &["-l", &file]);
    let strip = |dump: &str| {
        let counts = dump
            .lines()
            .map(|line| (line[..40].to_owned(), line[50..].to_owned()));
        let mut counts: Vec<_> = counts.collect();
        counts.sort();
        counts
    };
    assert_eq!(strip(&dump(&server)), strip(&first));
    end(server);
    // Both, and still nothing doubles.
    let server = start_with(&folder, TORRENTS, &["-l", &file]);
    assert_eq!(completed(&server, hash(2)), 9);
    end(server);
    // A dump in the place of the file does as well, if it is nothing else.
    folder.write("torrents", &first);
    let server = start(&folder, TORRENTS);
    says(&server, "state.file: 2 torrents from");
    complete(&server, hash(2), 1);
    end(server);
    let lines = lines_of(&read(&folder, "torrents").expect("a file")).expect("of ours");
    assert_eq!(lines.len(), 2);
    for bad in [&first[..first.len() - 1], &format!("{first}nonsense\n")] {
        folder.write("torrents", bad);
        let server = start(&folder, TORRENTS);
        says(&server, "not a file of this kind; nothing of it is used");
        assert_eq!(completed(&server, hash(2)), 0);
    }
}

#[test]
fn what_cannot_be_loaded_is_told() {
    let folder = Folder::open_to_all("state");
    for path in [folder.path("nowhere"), folder.path("")] {
        let server = start_with(&folder, "", &["-l", &path]);
        says(&server, &format!("warning: -l: {path}: "));
        complete(&server, hash(1), 1);
    }
}

#[test]
fn peers_survive_a_restart() {
    let folder = Folder::open_to_all("state");
    let (mine, other) = (hash(7), hash(8));
    let server = start(&folder, &[TORRENTS, PEERS].concat());
    let client = UdpClient::connect(server.udp_v4());
    client.announce(&Announce::seeder(1001).with_hash(mine).with_event(COMPLETED));
    for port in [1002, 1003] {
        client.announce(&Announce::leecher(port).with_hash(mine));
        client.announce(&Announce::leecher(port).with_hash(other));
    }
    client.announce(&Announce::leecher(1003).with_hash(mine).with_event(STOPPED));
    let said = end_and_tell(server);
    assert!(
        said.contains("state.peers_file: 4 peers written to"),
        "{said}"
    );
    let mode = fs::metadata(folder.path("peers")).expect("a file").mode();
    assert_eq!(mode & 0o777, 0o600);
    for _ in 0..3 {
        let server = start(&folder, &[TORRENTS, PEERS].concat());
        says(&server, "state.peers_file: 4 peers from");
        // They are taken once.
        assert!(!folder.join("peers").exists());
        assert_eq!(ports(&server, mine), [1001, 1002]);
        assert_eq!(ports(&server, other), [1002, 1003]);
        let client = UdpClient::connect(server.udp_v4());
        let [scraped] = client.scrape(&[mine])[..] else {
            panic!("a scrape of one")
        };
        assert_eq!(
            (scraped.seeders, scraped.leechers, scraped.completed),
            (1, 1, 1)
        );
        // Whoever has completed before isn't counted again.
        let again = Announce::seeder(1001).with_hash(mine).with_event(COMPLETED);
        client.announce(&again);
        assert_eq!(completed(&server, mine), 1);
        end(server);
    }
    // After a kill there are none, and none from before.
    let server = start(&folder, PEERS);
    server.signal(Signal::KILL);
    drop(server);
    assert_eq!(ports(&start(&folder, PEERS), mine), []);
}

#[test]
fn ipv6_peers_survive_too() {
    if !ipv6_works() {
        return;
    }
    let folder = Folder::open_to_all("state");
    let both = ["-i", "::1", "-p", "0", "-P", "0"];
    let server = start_with(&folder, PEERS, &both);
    let client = UdpClient::connect(server.udp_v6());
    client.announce(&Announce::leecher(1001));
    end(server);
    let server = start_with(&folder, PEERS, &both);
    let reply = UdpClient::connect(server.udp_v6()).announce(&Announce::leecher(1002));
    let expected = SocketAddr::new(IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]), 1001);
    assert_eq!(reply.peers, [expected]);
}

#[test]
fn peers_grow_older_while_the_program_is_down() {
    let folder = Folder::open_to_all("state");
    let ages = [
        (1001, 0),
        (1002, 1_000),
        (1003, 2_000),
        (1004, 2_699),
        (1005, 2_700),
    ];
    let now = wall_clock();
    for (saved, left, expired) in [
        // Nobody knows how long.
        (0, &[1001, 1002, 1003][..], 1),
        (1_000_000_000, &[1001, 1002, 1003], 1),
        (now + 5_000, &[1001, 1002, 1003], 1),
        (now - 500, &[1001, 1002, 1003], 2),
        (now - 1_000, &[1001, 1002], 3),
        (now - 2_000, &[1001], 4),
        (now - 3_000, &[], 5),
    ] {
        folder.write("peers", peers_file(hash(1), &ages, saved));
        let server = start(&folder, PEERS);
        says(&server, &format!("{} peer", ages.len() - expired));
        says(&server, &format!(", {expired} expired from"));
        // The one that is nearly too old goes with the next look at it.
        let deadline = Instant::now() + DEADLINE;
        while ports(&server, hash(1)) != left {
            assert!(
                Instant::now() < deadline,
                "{saved} {:?}",
                ports(&server, hash(1))
            );
        }
    }
}

#[test]
fn it_is_written_while_it_runs_if_it_says_something_else() {
    let folder = Folder::open_to_all("state");
    let settings = [TORRENTS, PEERS, "state.interval 1\nlog.level debug\n"].concat();
    let server = start(&folder, &settings);
    complete(&server, hash(1), 2);
    let client = UdpClient::connect(server.udp_v4());
    client.announce(&Announce::leecher(1001).with_hash(hash(1)));
    // Peers grow older, downloads don't.
    server.wait_for_times("state.peers_file: 1 peer written", 3);
    let said = server.stderr();
    let whole = said.matches("state.file: 1 torrent written").count();
    assert!((1..=2).contains(&whole), "{said}");
    server.wait_for_times("state.peers_file: 1 peer written", 5);
    assert_eq!(
        server
            .stderr()
            .matches("state.file: 1 torrent written")
            .count(),
        whole
    );
    server.signal(Signal::KILL);
    drop(server);
    let lines = lines_of(&read(&folder, "torrents").expect("a file")).expect("a whole file");
    assert!(lines.len() == 1 && lines[0].ends_with(":2"), "{lines:?}");
    let server = start(&folder, &settings);
    assert_eq!(completed(&server, hash(1)), 2);
    assert_eq!(ports(&server, hash(1)), [1001]);
    // A file that somebody removes comes back, and one whose last peer has gone is empty.
    let path = folder.join("torrents");
    server.wait_for_stderr("1 peer written");
    fs::remove_file(&path).expect("to remove");
    let client = UdpClient::connect(server.udp_v4());
    client.announce(
        &Announce::leecher(1001)
            .with_hash(hash(1))
            .with_event(STOPPED),
    );
    server.wait_for_stderr("state.file: 1 torrent written");
    server.wait_for_stderr("0 peers written");
    assert!(path.exists());
}

#[test]
fn lists_are_in_force_when_state_is_loaded() {
    let folder = Folder::open_to_all("state");
    let bytes = torrents_file(&[(hash(1), 5), (hash(2), 6)]);
    folder.write("torrents", &bytes);
    folder.write("peers", peers_file(hash(2), &[(1001, 0)], 0));
    let dump = folder.write("dump", format!("{}:0:9\n", hex(&hash(2))));
    folder.write("white", hex(&hash(1)) + "\n");
    let settings = [TORRENTS, PEERS, "access.whitelist {}/white\n"].concat();
    let server = start_with(&folder, &settings, &["-l", &dump]);
    says(
        &server,
        "state.file: 1 torrent, 1 not allowed by the lists from",
    );
    says(
        &server,
        "state.peers_file: 0 peers, 1 not allowed by the lists from",
    );
    says(&server, "-l: 0 torrents, 1 not allowed by the lists from");
    end(server);
    // Nothing has changed, so nothing is lost by a list that was wrong for once.
    assert_eq!(read(&folder, "torrents"), Some(bytes.clone()));
    let server = start(&folder, &settings);
    complete(&server, hash(1), 1);
    end(server);
    assert_eq!(read(&folder, "torrents.old"), Some(bytes));
    assert_eq!(
        lines_of(&read(&folder, "torrents").expect("a file"))
            .expect("whole")
            .len(),
        1
    );
    let server = start(&folder, &settings);
    assert_eq!(completed(&server, hash(1)), 6);
}

#[test]
fn what_finds_no_room_is_told() {
    let folder = Folder::open_to_all("state");
    let torrents: Vec<_> = (0..30_000u32)
        .map(|number| {
            let mut hash = hash(9);
            hash[..4].copy_from_slice(&number.to_be_bytes());
            (hash, 1)
        })
        .collect();
    let bytes = torrents_file(&torrents);
    folder.write("torrents", &bytes);
    folder.write("peers", peers_file(hash(1), &[(1001, 0)], 0));
    let server = start_with(&folder, &[TORRENTS, PEERS].concat(), &["-m", "1M"]);
    says(&server, " found no room from");
    says(&server, "state.peers_file: 1 peer from");
    // Live swarms go before old ones.
    assert_eq!(ports(&server, hash(1)), [1001]);
    end(server);
    assert_eq!(read(&folder, "torrents"), Some(bytes));
}

#[test]
fn both_ends_are_well() {
    let folder = Folder::open_to_all("state");
    for (signal, expected) in [(Signal::INT, 1), (Signal::TERM, 2)] {
        let mut server = start(&folder, TORRENTS);
        complete(&server, hash(1), 1);
        server.signal(signal);
        assert_eq!(server.wait().code(), Some(0));
        assert_eq!(completed(&start(&folder, TORRENTS), hash(1)), expected);
    }
}
