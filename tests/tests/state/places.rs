//! Where the files are: links, and the root that the program has.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, lchown, symlink};

use wrtracker_tests::folder::Folder;
use wrtracker_tests::namespace::is_root;
use wrtracker_tests::udp_client::{Announce, NONE, UdpClient};

use crate::files::*;

#[test]
fn a_link_stays_one() {
    let folder = Folder::open_to_all("state");
    fs::create_dir(folder.path("real")).expect("a folder");
    fs::set_permissions(folder.path("real"), Permissions::from_mode(0o777)).expect("for all");
    let bytes = torrents_file(&[(hash(1), 5)]);
    folder.write("real/file", &bytes);
    symlink("real/file", folder.path("torrents")).expect("a link");
    let server = start(&folder, TORRENTS);
    complete(&server, hash(1), 1);
    end(server);
    let link = fs::symlink_metadata(folder.path("torrents")).expect("a link");
    assert!(link.is_symlink());
    let lines = lines_of(&read(&folder, "real/file").expect("a file")).expect("a whole file");
    assert!(lines[0].ends_with(":6"), "{lines:?}");
}

#[test]
fn a_link_that_a_stranger_made_is_not_followed() {
    if !is_root("a link of another user's") {
        return;
    }
    let folder = Folder::open_to_all("state");
    folder.write("victim", "precious");
    symlink("victim", folder.path("torrents")).expect("a link");
    lchown(folder.path("torrents"), Some(1), Some(1)).expect("to give it away");
    let server = start(&folder, TORRENTS);
    says(&server, "/torrents: a link of another user's; going on");
    complete(&server, hash(1), 1);
    end(server);
    assert_eq!(read(&folder, "victim"), Some(b"precious".to_vec()));
}

#[test]
fn paths_count_from_the_root_that_the_program_has() {
    if !is_root("state inside another root directory") {
        return;
    }
    let folder = Folder::open_to_all("state");
    let jail = folder.text();
    let settings = "state.file /torrents\nstate.peers_file /peers\n";
    for expected in 1..=2 {
        let server = start_with(&folder, settings, &["-d", jail]);
        complete(&server, hash(1), 1);
        UdpClient::connect(server.udp_v4())
            .announce(&Announce::leecher(1001).with_hash(hash(1)).with_event(NONE));
        end(server);
        let lines = lines_of(&read(&folder, "torrents").expect("a file")).expect("a whole file");
        assert!(lines[0].ends_with(&format!(":{expected}")), "{lines:?}");
        assert!(folder.join("peers").exists());
        let owner = fs::metadata(folder.path("torrents")).expect("a file").uid();
        assert_ne!(owner, 0);
    }
}
