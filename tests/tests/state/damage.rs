//! Files that are not what they should be, disks that are full, and sudden ends.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use wrtracker_tests::folder::Folder;
use wrtracker_tests::namespace::enter_test_as_root;
use wrtracker_tests::udp_client::{Announce, UdpClient};

use crate::files::*;

#[test]
fn files_that_are_damaged_are_moved_aside_and_not_used() {
    let folder = Folder::open_to_all("state");
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
        let server = start(&folder, &both);
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
        assert_eq!(read(&folder, "torrents.bad"), Some(bad_torrents), "{nth}");
        assert_eq!(read(&folder, "peers.bad"), Some(bad_peers), "{nth}");
        complete(&server, hash(9), 1);
        end(server);
        let lines = lines_of(&read(&folder, "torrents").expect("a file"));
        assert_eq!(lines.expect("a whole file").len(), 1);
        assert_eq!(names(&folder), ["peers.bad", "torrents", "torrents.bad"]);
    }
    // An empty one is none.
    folder.write("torrents", "");
    folder.write("peers", "");
    let server = start(&folder, &both);
    says(&server, "torrents: empty");
    says(&server, "peers: empty");
    end(server);
    assert_eq!(
        lines_of(&read(&folder, "torrents").expect("a file")),
        Some(vec![])
    );
}

#[test]
fn files_that_cannot_be_read_stay_as_they_are() {
    let folder = Folder::open_to_all("state");
    let bytes = torrents_file(&[(hash(1), 5)]);
    let path = folder.write("torrents", &bytes);
    fs::set_permissions(&path, Permissions::from_mode(0o000)).expect("to hide a file");
    fs::create_dir(folder.path("peers")).expect("a folder");
    let server = start(&folder, &[TORRENTS, PEERS].concat());
    says(
        &server,
        "Permission denied (os error 13); it is neither used nor written",
    );
    says(&server, "peers: not a file; it is neither used nor written");
    complete(&server, hash(2), 1);
    UdpClient::connect(server.udp_v4()).announce(&Announce::leecher(1));
    end(server);
    fs::set_permissions(&path, Permissions::from_mode(0o644)).expect("to show a file");
    assert_eq!(read(&folder, "torrents"), Some(bytes));
    assert_eq!(names(&folder), ["peers", "torrents"]);
}

#[test]
fn a_folder_that_cannot_be_written_keeps_nobody_from_serving() {
    let folder = Folder::open_to_all("state");
    let bytes = torrents_file(&[(hash(1), 5)]);
    folder.write("torrents", &bytes);
    fs::set_permissions(&*folder, Permissions::from_mode(0o555)).expect("to close a folder");
    let server = start(&folder, &[TORRENTS, PEERS, "state.interval 1\n"].concat());
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
    assert_eq!(read(&folder, "torrents"), Some(bytes));
    // Nor does one that isn't there.
    let server = start(&folder, "state.file {}/no/where\n");
    complete(&server, hash(1), 1);
    let said = end_and_tell(server);
    assert!(
        said.contains("no/where: can't be written: No such file"),
        "{said}"
    );
}

/// Whenever it is killed, the file is one that was written to its end.
#[test]
fn a_kill_leaves_a_whole_file() {
    let folder = Folder::open_to_all("state");
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
        let server = start(
            &folder,
            &[TORRENTS, "state.interval 1\ntracker.memory 16M\n"].concat(),
        );
        says(&server, &format!("{} torrents from", 20_000 + round.min(1)));
        complete(&server, hash(1), 1);
        let deadline = Instant::now() + Duration::from_secs(5);
        let temp = folder.join("torrents.tmp");
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
        let lines = lines_of(&read(&folder, "torrents").expect("a file")).expect("a whole file");
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
    let server = start(&folder, TORRENTS);
    assert!(!folder.join("torrents.tmp").exists());
    end(server);
    assert_eq!(names(&folder), ["torrents"]);
}

#[test]
fn a_full_disk_leaves_the_old_file() {
    if !enter_test_as_root("damage::a_full_disk_leaves_the_old_file") {
        return;
    }
    let folder = Folder::open_to_all("state");
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=64k,mode=777", "tmpfs"])
        .arg(folder.text())
        .status();
    assert!(mounted.expect("mount").success());
    let bytes = torrents_file(&[(hash(1), 5)]);
    folder.write("torrents", &bytes);
    // Beside it, so that it takes no room.
    let many = (0..5_000u32).map(|number| format!("{number:040X}:0:1\n"));
    let beside = Folder::new("dump");
    let dump = beside.write("dump", many.collect::<String>());
    let server = start_with(
        &folder,
        &[TORRENTS, "state.interval 1\n"].concat(),
        &["-l", &dump],
    );
    server.wait_for_times("torrents: can't be written: No space left on device", 2);
    complete(&server, hash(1), 1);
    assert_eq!(completed(&server, hash(1)), 6);
    let said = end_and_tell(server);
    assert!(
        said.contains("wrtracker: state.file: ") && !said.contains("written to"),
        "{said}"
    );
    assert_eq!(names(&folder), ["torrents"]);
    assert_eq!(read(&folder, "torrents"), Some(bytes));
    // So that the folder can go.
    let unmounted = Command::new("umount").arg(folder.text()).status();
    assert!(unmounted.expect("umount").success());
}
