//! What is granted outlives the program, whenever it is killed and whatever the disk does.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::env;
use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::process::{Command, Stdio};

use rustix::process::Signal;
use wrtracker::state::grants::{Grants, count, is_true};
use wrtracker_core::access::{Access, Change, Origin, Terms};
use wrtracker_core::wire::InfoHash;
use wrtracker_tests::folder::Folder;
use wrtracker_tests::granted::{Map, Memory, enter, enter_in, key, told};
use wrtracker_tests::namespace::{enter_test_as_root, is_root};
use wrtracker_tests::server::Server;

/// The changes of one batch, which its number decides.
fn batch(number: u32) -> Vec<Change> {
    let change = |nth: u32| {
        let subject = (number * 7 + nth * 13) % 200;
        match (number + nth) % 5 {
            0 => Change::NoKey(key(subject as u8)),
            1 => Change::Listed(InfoHash([subject as u8; 20])),
            2 => Change::NotListed(InfoHash([(subject as u8).wrapping_add(3); 20])),
            _ => Change::Key(
                key(subject as u8),
                Terms {
                    // In another century.
                    valid_until: Some(5_000_000_000 + u64::from(number)),
                    info_hash: None,
                    most_peers: None,
                    origin: Origin::Granted,
                },
            ),
        }
    };
    (0..=number % 6).map(change).collect()
}

/// What there is after so many batches.
fn after(batches: u32) -> Map {
    let mut map = Map::new();
    let changes = (0..batches).flat_map(batch);
    changes.for_each(|change| enter(&mut map, &change));
    map
}

/// Makes a batch, and says whether it is on the disk.
fn grant(grants: &mut Grants, access: &mut Access<'_>, number: u32) -> bool {
    let changes = batch(number);
    let bytes: Vec<_> = changes.iter().map(Change::to_bytes).collect();
    let written = grants.write(&bytes).is_ok();
    if written {
        changes.iter().for_each(|change| enter_in(access, change));
    }
    grants.tick(&|entry| is_true(access, entry));
    written
}

const CHILD: &str = "WRTRACKER_TESTS_GRANTS";

/// Not a test, but what the next one starts and kills: grants batch after batch, and tells which are
/// on the disk.
#[test]
fn child() {
    let Some(path) = env::var_os(CHILD) else {
        return;
    };
    let first = env::var("WRTRACKER_TESTS_FIRST").expect("a number");
    let mut memory = Memory::new();
    let mut access = memory.access();
    let mut grants = Grants::open(path.into(), &mut access, 0);
    assert!(grants.is_writable());
    let mut out = std::io::stdout();
    for number in first.parse().expect("a number")..u32::MAX {
        assert!(grant(&mut grants, &mut access, number));
        writeln!(out, "done {number}").expect("somebody who listens");
    }
}

#[test]
fn what_was_acknowledged_outlives_a_kill_at_any_moment() {
    let folder = Folder::open_to_all("kill");
    let path = folder.join("grants");
    let program = env::current_exe().expect("this program");
    let (mut done, mut records) = (0, 0);
    let mut chance = u64::from(std::process::id());
    println!("chance begins with {chance}");
    for round in 0..25 {
        let mut child = Command::new(&program)
            .args(["--exact", "child", "--nocapture", "--test-threads=1"])
            .env(CHILD, &path)
            .env("WRTRACKER_TESTS_FIRST", done.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a child");
        let output = BufReader::new(child.stdout.take().expect("its output"));
        chance = chance
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let mut left = (chance >> 33) % 300;
        let mut acknowledged = done;
        for line in output.lines() {
            let line = line.expect("a line");
            // The first one follows what the harness says.
            if let Some((_, number)) = line.split_once("done ") {
                acknowledged = number.parse::<u32>().expect("a number") + 1;
                if left == 0 {
                    child.kill().expect("to kill it");
                }
                left = left.wrapping_sub(1);
            }
        }
        assert!(!child.wait().expect("its end").success());
        assert!(acknowledged > done, "round {round}");
        let mut memory = Memory::new();
        let mut access = memory.access();
        let grants = Grants::open(path.clone(), &mut access, 0);
        assert!(grants.is_writable());
        let found = told(&access);
        let made = [acknowledged, acknowledged + 1];
        let made = made.into_iter().find(|batches| after(*batches) == found);
        done = made.unwrap_or_else(|| panic!("round {round}: {acknowledged} were acknowledged"));
        records += 1;
    }
    let batches = done;
    assert!(records == 25 && batches > 1_000, "{batches}");
    assert_eq!(fs::metadata(&path).expect("the file").mode() & 0o777, 0o600);
    let names = fs::read_dir(&*folder).expect("the folder");
    let names = names.map(|entry| entry.expect("an entry").file_name());
    assert!(
        names.into_iter().all(|name| name == "grants"),
        "nothing was damaged"
    );
    println!("{batches} batches");
}

#[test]
fn a_full_disk_refuses_and_goes_on_when_there_is_room() {
    if !enter_test_as_root("a_full_disk_refuses_and_goes_on_when_there_is_room") {
        return;
    }
    let folder = Folder::open_to_all("full");
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"])
        .arg(folder.text())
        .status();
    assert!(mounted.expect("mount").success());
    let (path, mut made) = (folder.join("grants"), Vec::new());
    let mut memory = Memory::new();
    let mut access = memory.access();
    let mut grants = Grants::open(path.clone(), &mut access, 0);
    let mut refused = 0;
    for number in 0..3_000 {
        if number % 1_000 == 0 {
            // As much of it as there is room for.
            let _ = fs::write(folder.join("other"), vec![1; 20_000]);
        }
        match grant(&mut grants, &mut access, number) {
            true => made.push(number),
            false => {
                refused += 1;
                let _ = fs::remove_file(folder.join("other"));
            }
        }
    }
    assert!(refused > 0 && made.len() > 200, "{refused} {}", made.len());
    let mut expected = Map::new();
    for change in made.iter().copied().flat_map(batch) {
        enter(&mut expected, &change);
    }
    assert_eq!(told(&access), expected);
    drop(grants);
    let mut access = memory.access();
    let grants = Grants::open(path, &mut access, 0);
    assert!(grants.is_writable());
    assert_eq!(told(&access), expected);
    drop(grants);
    // So that the folder can go.
    let unmounted = Command::new("umount").arg(folder.text()).status();
    assert!(unmounted.expect("umount").success());
}

#[test]
fn what_can_not_be_written_is_taken_back() {
    let folder = Folder::open_to_all("back");
    let path = folder.join("grants");
    let mut memory = Memory::new();
    let mut access = memory.access();
    let mut grants = Grants::open(path.clone(), &mut access, 0);
    for number in 0..50 {
        assert!(grant(&mut grants, &mut access, number));
    }
    let before = told(&access);
    fs::rename(&path, folder.join("elsewhere")).expect("to rename");
    // It has a name still, and all is well.
    assert!(grants.write(&[batch(1)[0].to_bytes()]).is_ok());
    fs::remove_file(folder.join("elsewhere")).expect("to remove");
    let mut waiting = [[0; 64]; 16];
    access.changes = wrtracker_core::access::Changes::new(&mut waiting);
    for change in batch(53).iter().chain(&batch(1)) {
        enter_in(&mut access, change);
        assert!(access.changes.add(change));
    }
    assert_ne!(told(&access), before);
    assert!(!grants.settle(&mut access));
    let mut expected = before;
    enter(&mut expected, &batch(1)[0]);
    assert_eq!(told(&access), expected);
    assert!(access.changes.waiting().is_empty());
}

#[test]
fn two_programs_do_not_write_one_file() {
    let folder = Folder::open_to_all("two");
    let path = folder.join("grants");
    let (mut memory, mut other) = (Memory::new(), Memory::new());
    let (mut access, mut others) = (memory.access(), other.access());
    let mut one = Grants::open(path.clone(), &mut access, 0);
    assert!(one.is_writable() && one.outlives());
    let mut two = Grants::open(path.clone(), &mut others, 0);
    assert!(!two.is_writable() && !grant(&mut two, &mut others, 1));
    assert!(grant(&mut one, &mut access, 1));
    drop(one);
    let two = Grants::open(path.clone(), &mut others, 0);
    assert!(two.is_writable());
    assert_eq!(told(&others), told(&access));
    let counted = count(&path);
    assert_eq!((counted.keys, counted.torrents), (0, 1));
}

#[test]
fn a_link_stays_and_what_it_leads_to_is_written() {
    let folder = Folder::open_to_all("link");
    let (path, link) = (folder.join("there"), folder.join("link"));
    fs::write(&path, "").expect("a file");
    symlink(&path, &link).expect("a link");
    let mut memory = Memory::new();
    let mut access = memory.access();
    let mut grants = Grants::open(link.clone(), &mut access, 0);
    for number in 0..600 {
        assert!(grant(&mut grants, &mut access, number));
    }
    assert!(fs::symlink_metadata(&link).expect("the link").is_symlink());
    let length = fs::metadata(&path).expect("the file").len();
    assert!((1..100_000).contains(&length), "{length}");
}

/// A server with these directives, and the folder in which it may write.
fn start(folder: &Folder, directives: &str) -> Server {
    let conf = folder.write("conf", directives);
    Server::start(&["-i", "127.0.0.1", "-p", "0", "-P", "0", "-f", &conf])
}

#[test]
fn the_program_takes_back_what_was_granted_and_starts_whatever_the_file_has() {
    let folder = Folder::open_to_all("program");
    let path = folder.join("grants");
    let shown = path.to_str().expect("text");
    let directives =
        format!("tracker.mode private\naccess.key_entries 600\nstate.grants {shown}\n");
    let mut memory = Memory::new();
    let mut access = memory.access();
    let mut grants = Grants::open(path.clone(), &mut access, 0);
    for number in 0..100 {
        assert!(grant(&mut grants, &mut access, number));
    }
    drop(grants);
    fs::set_permissions(&path, Permissions::from_mode(0o666)).expect("a file for all");
    let keys = access.keys.as_ref().expect("keys").len();
    let server = start(&folder, &directives);
    let said = server.stderr();
    assert!(
        said.contains(&format!(
            "state.grants: {keys} keys and 0 torrents from {shown}"
        )),
        "{said}"
    );
    drop(server);
    fs::write(&path, "anything").expect("to write");
    let server = start(&folder, &directives);
    let said = server.stderr();
    assert!(
        said.contains("not a file of this kind; nothing of it is used"),
        "{said}"
    );
    drop(server);
    assert_eq!(
        fs::read(folder.join("grants.bad")).expect("it"),
        b"anything"
    );
    // A folder can't be written as a file, and the program serves all the same.
    let _ = fs::remove_file(&path);
    fs::create_dir(&path).expect("a folder");
    let server = start(&folder, &directives);
    assert!(
        server.stderr().contains("nothing can be granted"),
        "{}",
        server.stderr()
    );
}

#[test]
fn inside_another_root_directory_as_another_user_it_is_written_too() {
    if !is_root("inside_another_root_directory_as_another_user_it_is_written_too") {
        return;
    }
    let folder = Folder::open_to_all("root");
    let root = folder.text();
    let server = start(
        &folder,
        &format!("tracker.rootdir {root}\ntracker.user nobody\nstate.grants /grants\n"),
    );
    assert!(
        !server.stderr().contains("nothing can be granted"),
        "{}",
        server.stderr()
    );
    let metadata = fs::metadata(folder.join("grants")).expect("the file");
    assert!(metadata.uid() != 0 && metadata.len() == 0);
}

const TOKEN: &str = "admin-token-of-the-tests";

/// Sends a request to the interface for programs, and doesn't wait for what it says.
fn send(server: &Server, method: &str, path: &str, json: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.api()).expect("to connect");
    let length = json.len();
    let kind = match length {
        0 => "",
        _ => "Content-Type: application/json\r\n",
    };
    let request = format!(
        "{method} /api/v1/{path} HTTP/1.0\r\nAuthorization: Bearer {TOKEN}\r\n{kind}\
         Content-Length: {length}\r\n\r\n{json}"
    );
    stream.write_all(request.as_bytes()).expect("to send");
    stream
}

/// The same with the status of the answer, if there is one, and its body.
fn ask(server: &Server, method: &str, path: &str, json: &str) -> (Option<u16>, String) {
    let mut text = String::new();
    let _ = send(server, method, path, json).read_to_string(&mut text);
    let status = text.get(9..12).and_then(|digits| digits.parse().ok());
    let body = text.split_once("\r\n\r\n").map(|(_, body)| body.into());
    (status, body.unwrap_or_default())
}

fn with_api(folder: &Folder, directives: &str) -> Server {
    let directives = format!(
        "tracker.mode private_listed\napi.listen 127.0.0.1:0\napi.token admin {TOKEN}\n{directives}"
    );
    start(folder, &directives)
}

#[test]
fn the_program_keeps_what_it_told_a_client_when_it_is_killed() {
    let folder = Folder::open_to_all("api");
    let directives = format!("state.grants {}\n", folder.path("grants"));
    let mut chance = u64::from(std::process::id());
    println!("chance begins with {chance}");
    let (mut keys, mut hashes) = (BTreeSet::new(), BTreeSet::new());
    let mut number = 0u32;
    for round in 0..8 {
        let server = with_api(&folder, &directives);
        let has = |path: &str, wanted: &BTreeSet<String>| {
            let (status, body) = ask(&server, "GET", path, "");
            assert_eq!(status, Some(200));
            for one in wanted {
                assert!(
                    body.contains(one.as_str()),
                    "round {round}: {one} is lost: {body}"
                );
            }
            // All, and one more at most, which was asked for last.
            let count = body.matches('"').count();
            (count, body)
        };
        has("keys?limit=1000", &keys);
        let (quotes, body) = has("whitelist?limit=1000", &hashes);
        assert!(quotes / 2 <= hashes.len() + round + 1, "{body}");
        chance = chance
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        for _ in 0..(chance >> 33) % 30 {
            number += 1;
            let (key, hash) = (format!("{number:032}"), format!("{number:040x}"));
            let json = format!("{{\"key\":\"{key}\",\"seconds_valid\":360000}}");
            assert_eq!(ask(&server, "POST", "keys", &json).0, Some(200));
            keys.insert(key);
            assert_eq!(
                ask(&server, "POST", &format!("whitelist/{hash}"), "").0,
                Some(200)
            );
            hashes.insert(hash);
            if number.is_multiple_of(3) {
                let gone = hashes.pop_first().expect("one");
                let path = format!("whitelist/{gone}");
                assert_eq!(ask(&server, "DELETE", &path, "").0, Some(200));
                let gone = keys.pop_first().expect("one");
                assert_eq!(
                    ask(&server, "DELETE", &format!("key/{gone}"), "").0,
                    Some(200)
                );
            }
        }
        number += 1;
        let last = send(&server, "POST", &format!("whitelist/{number:040x}"), "");
        server.signal(Signal::KILL);
        drop(last);
    }
    assert!(number > 8, "{number}");
}

#[test]
fn where_nothing_can_be_written_nothing_is_granted() {
    let folder = Folder::open_to_all("refuses");
    fs::create_dir(folder.join("grants")).expect("a folder in its place");
    let directives = format!("state.grants {}\n", folder.path("grants"));
    let server = with_api(&folder, &directives);
    for (path, json) in [
        ("key/100", ""),
        ("keys", "{\"key\":null,\"seconds_valid\":100}"),
        ("whitelist/0000000000000000000000000000000000000001", ""),
    ] {
        let (status, body) = ask(&server, "POST", path, json);
        assert!(
            status.is_some_and(|status| status >= 500),
            "{path}: {status:?} {body}"
        );
    }
    for path in ["keys", "whitelist"] {
        let (status, body) = ask(&server, "GET", path, "");
        assert_eq!((status, body.trim()), (Some(200), "[]"), "{path}");
    }
}
