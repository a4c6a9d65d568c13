//! What outlives the program, and what becomes of files that are not what they should be.
#![forbid(unsafe_code)]

use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, lchown, symlink};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime};

use rustix::process::Signal;
use wrtracker_tests::namespace::{enter_test_as_root, is_root};
use wrtracker_tests::server::{DEADLINE, Server, ipv6_works};
use wrtracker_tests::udp_client::{Announce, COMPLETED, NONE, STOPPED, UdpClient};

/// A folder that the program may write to, whoever it runs as, and that is gone with the value.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("wrtracker-state-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a folder");
        fs::set_permissions(&path, Permissions::from_mode(0o777)).expect("a folder for all");
        Self(path)
    }

    fn path(&self, name: &str) -> String {
        let path = self.0.join(name);
        path.to_str().expect("a path that is text").into()
    }

    /// Writes a file that all may read.
    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        fs::write(&path, bytes).expect("to write a file");
        fs::set_permissions(&path, Permissions::from_mode(0o644)).expect("a file for all");
        path
    }

    fn read(&self, name: &str) -> Option<Vec<u8>> {
        fs::read(self.0.join(name)).ok()
    }

    fn has(&self, name: &str) -> bool {
        self.0.join(name).exists()
    }

    /// A program with these directives, in which `{}` is this folder, and arguments.
    fn start_with(&self, directives: &str, args: &[&str]) -> Server {
        let text = directives.replace("{}", self.0.to_str().expect("text"));
        // Beside the folder's files, which some tests count or take away.
        let conf = self.0.with_extension("conf");
        fs::write(&conf, text).expect("to write a file");
        let conf = conf.to_str().expect("text");
        let listen = ["-i", "127.0.0.1", "-p", "0", "-P", "0"];
        let server = Server::start(&[&listen[..], args, &["-f", conf]].concat());
        fs::remove_file(conf).expect("to remove a file");
        server
    }

    fn start(&self, directives: &str) -> Server {
        self.start_with(directives, &[])
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).expect("a folder");
        let names = entries.map(|entry| entry.expect("an entry").file_name().display().to_string());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::set_permissions(&self.0, Permissions::from_mode(0o777));
        let _ = fs::remove_dir_all(&self.0);
    }
}

const TORRENTS: &str = "state.file {}/torrents\n";
const PEERS: &str = "state.peers_file {}/peers\n";

/// Ends it well.
#[track_caller]
fn end(server: Server) {
    let status = server.terminate();
    assert_eq!(status.code(), Some(0));
}

/// Ends it well, and returns what it said.
fn end_and_tell(mut server: Server) -> String {
    server.signal(Signal::TERM);
    assert_eq!(server.wait().code(), Some(0));
    server.wait_for_stderr("wrtracker: ended with");
    server.stderr()
}

#[track_caller]
fn says(server: &Server, what: &str) {
    let text = server.stderr();
    assert!(text.contains(what), "{what:?} is not in:\n{text}");
}

fn hash(number: u8) -> [u8; 20] {
    [number; 20]
}

fn hex(hash: &[u8; 20]) -> String {
    hash.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// Completes so many downloads of a torrent, and leaves it.
fn complete(server: &Server, hash: [u8; 20], times: u16) {
    let client = UdpClient::connect(server.udp_v4());
    for port in 1..=times {
        let announce = Announce::seeder(port).with_hash(hash);
        client.announce(&announce.clone().with_event(COMPLETED));
        client.announce(&announce.with_event(STOPPED));
    }
}

fn completed(server: &Server, hash: [u8; 20]) -> u32 {
    let client = UdpClient::connect(server.udp_v4());
    client.scrape(&[hash])[0].completed
}

/// The ports of the peers of a torrent, and who asks is none.
fn ports(server: &Server, hash: [u8; 20]) -> Vec<u16> {
    let client = UdpClient::connect(server.udp_v4());
    let announce = Announce::leecher(65_000).with_hash(hash);
    let reply = client.announce(&announce);
    client.announce(&announce.with_event(STOPPED));
    let mut ports: Vec<_> = reply.peers.iter().map(SocketAddr::port).collect();
    ports.sort_unstable();
    ports
}

/// `mode=statedump`, whose lines are in no order.
fn dump(server: &Server) -> String {
    let mut stream = TcpStream::connect(server.tcp_v4()).expect("to connect");
    let request = b"GET /stats?mode=statedump HTTP/1.0\r\n\r\n";
    stream.write_all(request).expect("to send");
    let mut reply = String::new();
    stream.read_to_string(&mut reply).expect("a reply");
    let (head, body) = reply.split_once("\r\n\r\n").expect("a head");
    assert!(head.contains(" 200 "), "{head}");
    body.into()
}

/// CRC-32 as in gzip, bit by bit: a reader of its own.
fn crc(bytes: &[u8]) -> u32 {
    let crc = bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 }
        })
    });
    !crc
}

/// The lines of a file of torrents, if it is whole.
fn lines_of(bytes: &[u8]) -> Option<Vec<String>> {
    let text = str::from_utf8(bytes).ok()?;
    let body = text.strip_suffix('\n')?;
    let start = body.rfind('\n')? + 1;
    let lines: Vec<_> = body[..start].lines().map(String::from).collect();
    let (head, lines) = lines.split_first()?;
    let last = format!("# end {} {:08x}", lines.len(), crc(&bytes[..start]));
    (head == "# wrtracker torrents 1" && body[start..] == last).then(|| lines.to_vec())
}

/// A file of torrents.
fn torrents_file(torrents: &[([u8; 20], u32)]) -> Vec<u8> {
    let mut text = String::from("# wrtracker torrents 1\n");
    for (hash, completed) in torrents {
        let _ = writeln!(text, "{}:29920000:{completed}", hex(hash));
    }
    let crc = crc(text.as_bytes());
    let _ = writeln!(text, "# end {} {crc:08x}", torrents.len());
    text.into_bytes()
}

/// A file of leechers at 127.0.0.1, with their ports and ages, that was written so many seconds
/// after the start of 1970.
fn peers_file(hash: [u8; 20], peers: &[(u16, u16)], saved: u64) -> Vec<u8> {
    let mut bytes = b"wrtpeers\0\0\0\x01".to_vec();
    bytes.extend(saved.to_be_bytes());
    bytes.push(0x01);
    bytes.extend(hash);
    for (port, age) in peers {
        bytes.extend(b"\x40\x7f\0\0\x01");
        bytes.extend(port.to_be_bytes());
        bytes.extend(age.to_be_bytes());
    }
    bytes.push(0);
    bytes.extend(u32::try_from(peers.len()).expect("few").to_be_bytes());
    bytes.extend(crc(&bytes).to_be_bytes());
    bytes
}

fn wall_clock() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.expect("a clock").as_secs()
}

#[test]
fn downloads_survive_restarts_and_never_double() {
    let folder = Folder::new();
    let server = folder.start(TORRENTS);
    complete(&server, hash(1), 3);
    complete(&server, hash(2), 1);
    // A torrent without downloads is none of it.
    UdpClient::connect(server.udp_v4()).announce(&Announce::leecher(1).with_hash(hash(3)));
    let said = end_and_tell(server);
    assert!(said.contains("state.file: 2 torrents written to"), "{said}");
    let mut more = 0;
    for round in 0..3 {
        let before = folder.read("torrents").expect("a file");
        assert_eq!(lines_of(&before).expect("a whole file").len(), 2);
        let inode = fs::metadata(folder.path("torrents")).expect("a file").ino();
        let server = folder.start(TORRENTS);
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
        assert_eq!(folder.names(), ["torrents"]);
    }
    // Whatever wrote it, lists of hashes are read from such a file too.
    let whitelist = folder.start("access.whitelist {}/torrents\n");
    says(&whitelist, "whitelist: 2 hashes from");
    assert!(
        !whitelist.stderr().contains("skipped"),
        "{}",
        whitelist.stderr()
    );
}

#[test]
fn a_dump_of_opentracker_is_loaded_without_what_is_none() {
    let folder = Folder::new();
    let (a, b) = (hex(&hash(0xab)), hex(&hash(2)));
    let dump_file = format!(
        "{a}:29920000:7\nnonsense\n\n# a comment\n{}:29920000:1\n{b}:1:\n{b}:29920000:0\n\
         {}:29920000:18446744073709551616\n{}\n{a}:29920000:5\r\n{b}:0:9",
        &a[1..],
        hex(&hash(4)),
        "x".repeat(100_000),
    );
    let file = folder.write("dump", dump_file);
    let server = folder.start_with("", &["-l", &file]);
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
    let server = folder.start_with(TORRENTS, &["-l", &file]);
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
    let server = folder.start_with(TORRENTS, &["-l", &file]);
    assert_eq!(completed(&server, hash(2)), 9);
    end(server);
    // A dump in the place of the file does as well, if it is nothing else.
    folder.write("torrents", &first);
    let server = folder.start(TORRENTS);
    says(&server, "state.file: 2 torrents from");
    complete(&server, hash(2), 1);
    end(server);
    let lines = lines_of(&folder.read("torrents").expect("a file")).expect("of ours");
    assert_eq!(lines.len(), 2);
    for bad in [&first[..first.len() - 1], &format!("{first}nonsense\n")] {
        folder.write("torrents", bad);
        let server = folder.start(TORRENTS);
        says(&server, "not a file of this kind; nothing of it is used");
        assert_eq!(completed(&server, hash(2)), 0);
    }
}

#[test]
fn what_cannot_be_loaded_is_told() {
    let folder = Folder::new();
    for path in [folder.path("nowhere"), folder.path("")] {
        let server = folder.start_with("", &["-l", &path]);
        says(&server, &format!("warning: -l: {path}: "));
        complete(&server, hash(1), 1);
    }
}

#[test]
fn peers_survive_a_restart() {
    let folder = Folder::new();
    let (mine, other) = (hash(7), hash(8));
    let server = folder.start(&[TORRENTS, PEERS].concat());
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
        let server = folder.start(&[TORRENTS, PEERS].concat());
        says(&server, "state.peers_file: 4 peers from");
        // They are taken once.
        assert!(!folder.has("peers"));
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
    let server = folder.start(PEERS);
    server.signal(Signal::KILL);
    drop(server);
    assert_eq!(ports(&folder.start(PEERS), mine), []);
}

#[test]
fn ipv6_peers_survive_too() {
    if !ipv6_works() {
        return;
    }
    let folder = Folder::new();
    let both = ["-i", "::1", "-p", "0", "-P", "0"];
    let server = folder.start_with(PEERS, &both);
    let client = UdpClient::connect(server.udp_v6());
    client.announce(&Announce::leecher(1001));
    end(server);
    let server = folder.start_with(PEERS, &both);
    let reply = UdpClient::connect(server.udp_v6()).announce(&Announce::leecher(1002));
    let expected = SocketAddr::new(IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]), 1001);
    assert_eq!(reply.peers, [expected]);
}

#[test]
fn peers_grow_older_while_the_program_is_down() {
    let folder = Folder::new();
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
        let server = folder.start(PEERS);
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
fn files_that_are_damaged_are_moved_aside_and_not_used() {
    let folder = Folder::new();
    let both = [TORRENTS, PEERS].concat();
    let torrents = torrents_file(&[(hash(1), 5), (hash(2), 6), (hash(3), 7)]);
    let peers = peers_file(hash(1), &[(1001, 0), (1002, 8)], 0);
    let flipped = |bytes: &[u8], at: usize| {
        let mut bytes = bytes.to_vec();
        bytes[at] ^= 1;
        bytes
    };
    let bad_torrents = [
        torrents[..10].to_vec(),
        torrents[..23].to_vec(),
        torrents[..100].to_vec(),
        torrents[..torrents.len() - 24].to_vec(),
        torrents[..torrents.len() - 1].to_vec(),
        flipped(&torrents, 0),
        flipped(&torrents, 21),
        flipped(&torrents, 75),
        flipped(&torrents, torrents.len() - 4),
        [&torrents[..], b"\n"].concat(),
        vec![0; 4096],
    ];
    let bad_peers = [
        peers[..1].to_vec(),
        peers[..20].to_vec(),
        peers[..41].to_vec(),
        peers[..50].to_vec(),
        peers[..peers.len() - 9].to_vec(),
        flipped(&peers, 0),
        flipped(&peers, 11),
        flipped(&peers, 30),
        flipped(&peers, peers.len() - 1),
        [&peers[..], &peers[..]].concat(),
        vec![0; 4096],
    ];
    for (nth, (bad_torrents, bad_peers)) in bad_torrents.into_iter().zip(bad_peers).enumerate() {
        folder.write("torrents", &bad_torrents);
        folder.write("peers", &bad_peers);
        let server = folder.start(&both);
        for name in ["torrents", "peers"] {
            let aside = format!("nothing of it is used, it is now {}.bad", folder.path(name));
            says(&server, &aside);
        }
        assert!(
            !server.stderr().contains(" from "),
            "{nth} {}",
            server.stderr()
        );
        assert_eq!(completed(&server, hash(1)), 0);
        assert_eq!(ports(&server, hash(1)), []);
        // What was there is there, and what comes is written.
        assert_eq!(folder.read("torrents.bad"), Some(bad_torrents), "{nth}");
        assert_eq!(folder.read("peers.bad"), Some(bad_peers), "{nth}");
        complete(&server, hash(9), 1);
        end(server);
        let lines = lines_of(&folder.read("torrents").expect("a file"));
        assert_eq!(lines.expect("a whole file").len(), 1);
        assert_eq!(folder.names(), ["peers.bad", "torrents", "torrents.bad"]);
    }
    // An empty one is none.
    folder.write("torrents", "");
    folder.write("peers", "");
    let server = folder.start(&both);
    says(&server, "torrents: empty");
    says(&server, "peers: empty");
    end(server);
    assert_eq!(
        lines_of(&folder.read("torrents").expect("a file")),
        Some(vec![])
    );
}

#[test]
fn files_that_cannot_be_read_stay_as_they_are() {
    let folder = Folder::new();
    let bytes = torrents_file(&[(hash(1), 5)]);
    let path = folder.write("torrents", &bytes);
    fs::set_permissions(&path, Permissions::from_mode(0o000)).expect("to hide a file");
    fs::create_dir(folder.path("peers")).expect("a folder");
    let server = folder.start(&[TORRENTS, PEERS].concat());
    says(
        &server,
        "Permission denied (os error 13); it is neither used nor written",
    );
    says(&server, "peers: not a file; it is neither used nor written");
    complete(&server, hash(2), 1);
    UdpClient::connect(server.udp_v4()).announce(&Announce::leecher(1));
    end(server);
    fs::set_permissions(&path, Permissions::from_mode(0o644)).expect("to show a file");
    assert_eq!(folder.read("torrents"), Some(bytes));
    assert_eq!(folder.names(), ["peers", "torrents"]);
}

#[test]
fn a_folder_that_cannot_be_written_keeps_nobody_from_serving() {
    let folder = Folder::new();
    let bytes = torrents_file(&[(hash(1), 5)]);
    folder.write("torrents", &bytes);
    fs::set_permissions(&folder.0, Permissions::from_mode(0o555)).expect("to close a folder");
    let server = folder.start(&[TORRENTS, PEERS, "state.interval 1\n"].concat());
    says(&server, "warning: state.file: nothing can be written in");
    complete(&server, hash(1), 1);
    server.wait_for_stderr("torrents: can't be written: Permission denied");
    assert_eq!(completed(&server, hash(1)), 6);
    UdpClient::connect(server.udp_v4()).announce(&Announce::leecher(1));
    let said = end_and_tell(server);
    assert!(
        said.contains("peers: can't be written: Permission denied"),
        "{said}"
    );
    assert_eq!(folder.read("torrents"), Some(bytes));
    // Nor does one that isn't there.
    let server = folder.start("state.file {}/no/where\n");
    complete(&server, hash(1), 1);
    let said = end_and_tell(server);
    assert!(
        said.contains("no/where: can't be written: No such file"),
        "{said}"
    );
}

#[test]
fn it_is_written_while_it_runs_if_it_says_something_else() {
    let folder = Folder::new();
    let settings = [TORRENTS, PEERS, "state.interval 1\nlog.level debug\n"].concat();
    let server = folder.start(&settings);
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
    let lines = lines_of(&folder.read("torrents").expect("a file")).expect("a whole file");
    assert!(lines.len() == 1 && lines[0].ends_with(":2"), "{lines:?}");
    let server = folder.start(&settings);
    assert_eq!(completed(&server, hash(1)), 2);
    assert_eq!(ports(&server, hash(1)), [1001]);
    // A file that somebody removes comes back, and one whose last peer has gone is empty.
    let path = folder.0.join("torrents");
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

/// Whenever it is killed, the file is one that was written to its end.
#[test]
fn a_kill_leaves_a_whole_file() {
    let folder = Folder::new();
    let many: Vec<_> = (0..20_000u32)
        .map(|number| {
            let mut hash = hash(9);
            hash[..4].copy_from_slice(&number.to_be_bytes());
            (hash, 1)
        })
        .collect();
    folder.write("torrents", torrents_file(&many));
    let mut caught = 0;
    for round in 0..12u32 {
        let server = folder.start(&[TORRENTS, "state.interval 1\ntracker.memory 16M\n"].concat());
        says(&server, &format!("{} torrents from", 20_000 + round.min(1)));
        complete(&server, hash(1), 1);
        let deadline = Instant::now() + Duration::from_secs(5);
        let temp = folder.0.join("torrents.tmp");
        while !temp.exists() && Instant::now() < deadline {
            std::hint::spin_loop();
        }
        // Somewhere on the way.
        let pause = Instant::now() + Duration::from_micros(300 * u64::from(round));
        while Instant::now() < pause {
            std::hint::spin_loop();
        }
        server.signal(Signal::KILL);
        drop(server);
        caught += u32::from(temp.exists());
        let lines = lines_of(&folder.read("torrents").expect("a file")).expect("a whole file");
        assert!((20_000..=20_001).contains(&lines.len()), "{}", lines.len());
        if lines.len() == 20_000 {
            // So that each round begins alike.
            folder.write(
                "torrents",
                torrents_file(&[&many[..], &[(hash(1), 1)]].concat()),
            );
        }
    }
    assert!(caught > 0, "never in the middle");
    let server = folder.start(TORRENTS);
    assert!(!folder.has("torrents.tmp"));
    end(server);
    assert_eq!(folder.names(), ["torrents"]);
}

#[test]
fn lists_are_in_force_when_state_is_loaded() {
    let folder = Folder::new();
    let bytes = torrents_file(&[(hash(1), 5), (hash(2), 6)]);
    folder.write("torrents", &bytes);
    folder.write("peers", peers_file(hash(2), &[(1001, 0)], 0));
    let dump = folder.write("dump", format!("{}:0:9\n", hex(&hash(2))));
    folder.write("white", hex(&hash(1)) + "\n");
    let settings = [TORRENTS, PEERS, "access.whitelist {}/white\n"].concat();
    let server = folder.start_with(&settings, &["-l", &dump]);
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
    assert_eq!(folder.read("torrents"), Some(bytes.clone()));
    let server = folder.start(&settings);
    complete(&server, hash(1), 1);
    end(server);
    assert_eq!(folder.read("torrents.old"), Some(bytes));
    assert_eq!(
        lines_of(&folder.read("torrents").expect("a file"))
            .expect("whole")
            .len(),
        1
    );
    let server = folder.start(&settings);
    assert_eq!(completed(&server, hash(1)), 6);
}

#[test]
fn what_finds_no_room_is_told() {
    let folder = Folder::new();
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
    let server = folder.start_with(&[TORRENTS, PEERS].concat(), &["-m", "1M"]);
    says(&server, " found no room from");
    says(&server, "state.peers_file: 1 peer from");
    // Live swarms go before old ones.
    assert_eq!(ports(&server, hash(1)), [1001]);
    end(server);
    assert_eq!(folder.read("torrents"), Some(bytes));
}

#[test]
fn a_link_stays_one() {
    let folder = Folder::new();
    fs::create_dir(folder.path("real")).expect("a folder");
    fs::set_permissions(folder.path("real"), Permissions::from_mode(0o777)).expect("for all");
    let bytes = torrents_file(&[(hash(1), 5)]);
    folder.write("real/file", &bytes);
    symlink("real/file", folder.path("torrents")).expect("a link");
    let server = folder.start(TORRENTS);
    complete(&server, hash(1), 1);
    end(server);
    let link = fs::symlink_metadata(folder.path("torrents")).expect("a link");
    assert!(link.is_symlink());
    let lines = lines_of(&folder.read("real/file").expect("a file")).expect("a whole file");
    assert!(lines[0].ends_with(":6"), "{lines:?}");
}

#[test]
fn a_link_that_a_stranger_made_is_not_followed() {
    if !is_root("a link of another user's") {
        return;
    }
    let folder = Folder::new();
    folder.write("victim", "precious");
    symlink("victim", folder.path("torrents")).expect("a link");
    lchown(folder.path("torrents"), Some(1), Some(1)).expect("to give it away");
    let server = folder.start(TORRENTS);
    says(&server, "/torrents: a link of another user's; going on");
    complete(&server, hash(1), 1);
    end(server);
    assert_eq!(folder.read("victim"), Some(b"precious".to_vec()));
}

#[test]
fn both_ends_are_well() {
    let folder = Folder::new();
    for (signal, expected) in [(Signal::INT, 1), (Signal::TERM, 2)] {
        let mut server = folder.start(TORRENTS);
        complete(&server, hash(1), 1);
        server.signal(signal);
        assert_eq!(server.wait().code(), Some(0));
        assert_eq!(completed(&folder.start(TORRENTS), hash(1)), expected);
    }
}

#[test]
fn paths_count_from_the_root_that_the_program_has() {
    if !is_root("state inside another root directory") {
        return;
    }
    let folder = Folder::new();
    let jail = folder.0.to_str().expect("text").to_owned();
    let settings = "state.file /torrents\nstate.peers_file /peers\n";
    for expected in 1..=2 {
        let server = folder.start_with(settings, &["-d", &jail]);
        complete(&server, hash(1), 1);
        UdpClient::connect(server.udp_v4())
            .announce(&Announce::leecher(1001).with_hash(hash(1)).with_event(NONE));
        end(server);
        let lines = lines_of(&folder.read("torrents").expect("a file")).expect("a whole file");
        assert!(lines[0].ends_with(&format!(":{expected}")), "{lines:?}");
        assert!(folder.has("peers"));
        let owner = fs::metadata(folder.path("torrents")).expect("a file").uid();
        assert_ne!(owner, 0);
    }
}

#[test]
fn a_full_disk_leaves_the_old_file() {
    if !enter_test_as_root("a_full_disk_leaves_the_old_file") {
        return;
    }
    let folder = Folder::new();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=64k,mode=777", "tmpfs"])
        .arg(&folder.0)
        .status();
    assert!(mounted.expect("mount").success());
    let bytes = torrents_file(&[(hash(1), 5)]);
    folder.write("torrents", &bytes);
    // Beside it, so that it takes no room.
    let many = (0..5_000u32).map(|number| format!("{number:040X}:0:1\n"));
    let dump = folder.0.with_extension("dump");
    fs::write(&dump, many.collect::<String>()).expect("to write");
    let args = ["-l", dump.to_str().expect("text")];
    let server = folder.start_with(&[TORRENTS, "state.interval 1\n"].concat(), &args);
    server.wait_for_times("torrents: can't be written: No space left on device", 2);
    complete(&server, hash(1), 1);
    assert_eq!(completed(&server, hash(1)), 6);
    let said = end_and_tell(server);
    fs::remove_file(dump).expect("to remove");
    assert!(
        said.contains("wrtracker: state.file: ") && !said.contains("written to"),
        "{said}"
    );
    assert_eq!(folder.names(), ["torrents"]);
    assert_eq!(folder.read("torrents"), Some(bytes));
}
