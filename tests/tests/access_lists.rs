//! Access lists from outside: what is refused and how, and every way to change a list.
#![forbid(unsafe_code)]

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Instant;

use rustix::process::Signal;
use wrtracker_tests::folder::Folder;
use wrtracker_tests::http_client::{HttpClient, announce_target, scrape_target};
use wrtracker_tests::server::{DEADLINE, Server, emulated};
use wrtracker_tests::udp_client::{Announce, STOPPED, UdpClient, fresh_transaction};

const REFUSAL: &str = "Requested download is not authorized for use with this tracker.";

/// Writes a file under another name and gives it this one.
fn replace(folder: &Folder, name: &str, text: &str) {
    let new = folder.write(&format!("{name}.new"), text);
    fs::rename(new, folder.path(name)).expect("to rename a file");
}

/// A program with these directives, listening on IPv4.
fn start(folder: &Folder, directives: &str) -> Server {
    let conf = folder.write("conf", directives);
    let listen = ["-i", "127.0.0.1", "-p", "0", "-P", "0"];
    Server::start(&[&listen[..], &["-f", &conf]].concat())
}

fn hash(number: u32) -> [u8; 20] {
    let mut hash = [0xc3; 20];
    hash[..4].copy_from_slice(&number.to_be_bytes());
    hash
}

fn hex(hash: [u8; 20]) -> String {
    hash.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string");
        text
    })
}

/// The text of a list.
fn lines(numbers: impl IntoIterator<Item = u32>) -> String {
    let lines = numbers.into_iter().map(|number| hex(hash(number)) + "\n");
    lines.collect()
}

/// Whether the torrent is admitted, over UDP.
fn admits(client: &UdpClient, number: u32) -> bool {
    let transaction = fresh_transaction();
    let announce = Announce::leecher(6881).with_hash(hash(number));
    let reply = client.exchange(&announce.emit(client.connection, transaction));
    assert_eq!(reply[4..8], transaction.to_be_bytes());
    if reply[3] == 1 {
        return true;
    }
    let text = format!("{REFUSAL}\0");
    assert_eq!(
        reply,
        [&[0, 0, 0, 3], &reply[4..8], text.as_bytes()].concat()
    );
    false
}

fn admitted(server: &Server, numbers: &[u32]) -> Vec<bool> {
    let client = UdpClient::connect(server.udp_v4());
    numbers
        .iter()
        .map(|&number| admits(&client, number))
        .collect()
}

/// Asks until it is so. Every question is a round trip, so this never spins.
fn until(mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !so() {
        assert!(Instant::now() < deadline, "it doesn't come true");
    }
}

fn write_to(path: &str) -> File {
    OpenOptions::new()
        .write(true)
        .open(path)
        .expect("to open the FIFO")
}

#[test]
fn a_whitelist_admits_what_is_in_it() {
    let folder = Folder::open_to_all("lists");
    let list = folder.write("white", lines([1, 2]));
    let server = Server::start(&["-w", &list]);
    server.wait_for_stderr(&format!("whitelist: 2 hashes from {list}\n"));
    assert_eq!(admitted(&server, &[1, 2, 3]), [true, true, false]);
}

#[test]
fn a_blacklist_refuses_what_is_in_it() {
    let folder = Folder::open_to_all("lists");
    let list = folder.write("black", lines([1, 2]));
    let server = Server::start(&["-b", &list]);
    server.wait_for_stderr(&format!("blacklist: 2 hashes from {list}\n"));
    assert_eq!(admitted(&server, &[1, 2, 3]), [false, false, true]);
}

#[test]
fn both_lists_are_in_force_at_the_same_time() {
    let folder = Folder::open_to_all("lists");
    let white = folder.write("white", lines([1, 2]));
    let black = folder.write("black", lines([2, 3]));
    let server = Server::start(&["-w", &white, "-b", &black]);
    assert_eq!(
        admitted(&server, &[1, 2, 3, 4]),
        [true, false, false, false]
    );
}

#[test]
fn refusals_say_why_and_leaving_and_scraping_are_not_refused() {
    let folder = Folder::open_to_all("lists");
    let list = folder.write("black", "");
    let server = Server::start(&["-b", &list]);
    let udp = UdpClient::connect(server.udp_v4());
    let mut http = HttpClient::connect(server.tcp_v4());
    // Somebody is there when the torrent falls from grace.
    let announce = Announce::leecher(6881).with_hash(hash(1));
    assert_eq!(udp.announce(&announce).leechers, 1);
    folder.write("black", lines([1]));
    server.signal(Signal::HUP);
    server.wait_for_stderr("blacklist: 1 hash from ");

    assert!(!admits(&udp, 1));
    let reply = http.get(&announce_target(&hash(1), 6881, 1, ""));
    assert_eq!(reply.status, 200);
    assert_eq!(reply.failure(), REFUSAL);
    let start = format!("d14:failure reason{}:{REFUSAL}", REFUSAL.len());
    assert!(reply.text().starts_with(&start), "{}", reply.text());
    assert_eq!(REFUSAL.len(), 63);

    let scraped = http.get(&scrape_target(&[hash(1)])).text();
    assert!(scraped.contains("10:incompletei1e"), "{scraped}");
    assert_eq!(udp.scrape(&[hash(1)])[0].leechers, 1);
    let left = udp.announce(&announce.clone().with_event(STOPPED));
    assert_eq!((left.leechers, left.peers.len()), (0, 0));
    let left = http.announce(&announce_target(&hash(1), 6881, 1, "&event=stopped"));
    assert_eq!(left.incomplete, 0);
}

#[test]
fn a_refusal_over_udp_may_be_a_reply_with_an_interval() {
    let folder = Folder::open_to_all("lists");
    let list = folder.write("white", "");
    let server = start(
        &folder,
        &format!("access.whitelist {list}\naccess.udp_reject_interval 7200\n"),
    );
    let udp = UdpClient::connect(server.udp_v4());
    let reply = udp.announce(&Announce::seeder(6881).with_hash(hash(1)));
    assert_eq!(
        (reply.interval, reply.seeders, reply.leechers),
        (7200, 0, 0)
    );
    assert!(reply.peers.is_empty());
    assert_eq!(udp.scrape(&[hash(1)])[0].seeders, 0, "nothing was stored");
}

#[test]
fn lines_are_read_as_opentracker_reads_them() {
    let folder = Folder::open_to_all("lists");
    let text = format!(
        "# a comment\r\n\r\n{}\r\n{} the second\n {}\n{}0\nnonsense\n{}",
        hex(hash(1)),
        hex(hash(2)).to_uppercase(),
        hex(hash(3)),
        hex(hash(4)),
        hex(hash(5)),
    );
    let list = folder.write("white", &text);
    let server = Server::start(&["-w", &list]);
    server.wait_for_stderr("whitelist: 3 hashes from ");
    server.wait_for_stderr(", 3 lines skipped that are none, the first is line 5\n");
    assert_eq!(
        admitted(&server, &[1, 2, 3, 4, 5]),
        [true, true, false, false, true]
    );
}

#[test]
fn one_hash_without_a_line_end_is_a_list() {
    let folder = Folder::open_to_all("lists");
    let list = folder.write("white", hex(hash(1)));
    let server = Server::start(&["-w", &list]);
    server.wait_for_stderr(&format!("whitelist: 1 hash from {list}\n"));
    assert_eq!(admitted(&server, &[1, 2]), [true, false]);
}

#[test]
fn a_list_that_is_missing_at_start_is_told_and_may_come_later() {
    let folder = Folder::open_to_all("lists");
    let (white, black) = (folder.path("white"), folder.path("black"));
    let server = Server::start(&["-w", &white]);
    let warning = "warning: whitelist: ";
    server.wait_for_stderr(&format!("{warning}{white}: No such file"));
    server.wait_for_stderr("; no torrent is allowed\n");
    assert_eq!(admitted(&server, &[1]), [false]);
    folder.write("white", lines([1]));
    server.signal(Signal::HUP);
    server.wait_for_stderr("whitelist: 1 hash from ");
    assert_eq!(admitted(&server, &[1, 2]), [true, false]);

    let server = Server::start(&["-b", &black]);
    server.wait_for_stderr("; no torrent is refused\n");
    assert_eq!(admitted(&server, &[1]), [true]);
}

#[test]
fn a_reload_takes_the_new_file_or_keeps_the_old_list() {
    let folder = Folder::open_to_all("lists");
    let list = folder.write("white", lines([1, 2]));
    let server = start(
        &folder,
        &format!("access.whitelist {list}\naccess.entries 10\n"),
    );
    assert_eq!(admitted(&server, &[1, 2, 3]), [true, true, false]);
    folder.write("white", lines([2, 3, 4]));
    server.signal(Signal::HUP);
    server.wait_for_stderr("whitelist: 3 hashes from ");
    assert_eq!(admitted(&server, &[1, 2, 3]), [false, true, true]);

    let stays = "; the list stays as it was, with 3 hashes\n";
    let refused = |why: &str| {
        server.signal(Signal::HUP);
        server.wait_for_stderr(&format!("warning: whitelist: {list}: {why}{stays}"));
        assert_eq!(admitted(&server, &[1, 2, 3]), [false, true, true]);
    };
    folder.write("white", lines(1..100));
    refused("more hashes than there is room for (see access.entries)");
    fs::remove_file(&list).expect("to remove the file");
    refused("No such file or directory (os error 2)");
    fs::create_dir(&list).expect("a folder");
    refused("not a file");
    fs::remove_dir(&list).expect("to remove the folder");
    std::os::unix::fs::symlink("white", &list).expect("a link to itself");
    // Each C library has its own words for it.
    if !emulated("a link to itself as a list") {
        refused("Too many levels of symbolic links (os error 40)");
    }
    fs::remove_file(&list).expect("to remove the link");
    rustix::fs::mkfifoat(
        rustix::fs::CWD,
        &list,
        rustix::fs::Mode::from_raw_mode(0o666),
    )
    .expect("a FIFO");
    fs::set_permissions(&list, Permissions::from_mode(0o666)).expect("a FIFO for all");
    server.signal(Signal::HUP);
    server.wait_for_times(": not a file; the list stays", 2);
    fs::remove_file(&list).expect("to remove the FIFO");

    // A file that has become empty is a list without hashes (opentracker keeps the old one).
    folder.write("white", "");
    server.signal(Signal::HUP);
    server.wait_for_stderr("whitelist: 0 hashes from ");
    assert_eq!(admitted(&server, &[1, 2, 3]), [false; 3]);
    folder.write("white", lines(0..9));
    server.signal(Signal::HUP);
    server.wait_for_stderr("whitelist: 9 hashes from ");
    assert_eq!(
        admitted(&server, &[1, 2, 3, 8, 9]),
        [true, true, true, true, false]
    );
    assert!(server.terminate().success());
}

#[test]
fn a_watched_list_follows_its_file() {
    let folder = Folder::open_to_all("lists");
    let white = folder.write("white", lines([1]));
    let black = folder.path("black");
    let server = start(
        &folder,
        &format!("access.whitelist {white}\naccess.blacklist {black}\naccess.watch on\n"),
    );
    assert_eq!(admitted(&server, &[1, 2]), [true, false]);
    // Written in place, replaced by another file, made, emptied; other files don't matter.
    folder.write("white", lines([1, 2]));
    until(|| admitted(&server, &[1, 2]) == [true, true]);
    folder.write("grey", lines([1, 2, 3]));
    replace(&folder, "white", &lines([1, 2, 3]));
    until(|| admitted(&server, &[1, 2, 3]) == [true, true, true]);
    replace(&folder, "black", &lines([2]));
    until(|| admitted(&server, &[1, 2, 3]) == [true, false, true]);
    // A file that goes away changes nothing; one that is being written doesn't either.
    fs::remove_file(&black).expect("to remove the file");
    let mut file = File::create(&white).expect("to open the file");
    file.write_all(lines([4]).as_bytes()).expect("to write");
    file.flush().expect("to write");
    assert_eq!(admitted(&server, &[1, 2, 3, 4]), [true, false, true, false]);
    drop(file);
    until(|| admitted(&server, &[1, 2, 3, 4]) == [false, false, false, true]);
    folder.write("white", "");
    until(|| admitted(&server, &[4]) == [false]);
    assert!(!server.stderr().contains("grey"));
}

#[test]
fn a_watch_survives_the_exchange_of_its_folder() {
    let folder = Folder::open_to_all("lists");
    let (lists, new) = (folder.path("lists"), folder.path("new"));
    for path in [&lists, &new] {
        fs::create_dir(path).expect("a folder");
        fs::set_permissions(path, Permissions::from_mode(0o755)).expect("a folder for all");
    }
    let list = folder.write("lists/white", lines_of(&[1]));
    folder.write("new/white", lines_of(&[2]));
    let server = start(
        &folder,
        &format!("access.whitelist {list}\naccess.watch on\n"),
    );
    assert_eq!(admitted(&server, &[1, 2]), [true, false]);
    fs::rename(&lists, folder.path("old")).expect("to rename the folder");
    fs::rename(&new, &lists).expect("to rename the folder");
    // Whether it looked between the two steps or after, a SIGHUP finds the new folder.
    server.signal(Signal::HUP);
    until(|| admitted(&server, &[1, 2]) == [false, true]);
    folder.write("lists/white", lines_of(&[3]));
    until(|| admitted(&server, &[2, 3]) == [false, true]);
}

fn lines_of(numbers: &[u32]) -> String {
    lines(numbers.iter().copied())
}

#[test]
fn fifos_add_and_delete_at_once_and_a_reload_forgets_it() {
    let folder = Folder::open_to_all("lists");
    let list = folder.write("white", lines([1, 2]));
    let (add, delete) = (folder.path("add"), folder.path("delete"));
    let server = start(
        &folder,
        &format!("access.whitelist {list}\naccess.fifo_add {add}\naccess.fifo_delete {delete}\n"),
    );
    for path in [&add, &delete] {
        let made = fs::metadata(path).expect("a FIFO");
        assert!(made.file_type().is_fifo());
        assert_eq!(made.permissions().mode() & 0o077, 0, "for its owner alone");
    }
    assert_eq!(admitted(&server, &[1, 2, 3]), [true, true, false]);
    // In any order of hashes, and of what is in the file (opentracker's lists break over that).
    fs::write(&add, lines([3, 0, 9])).expect("to write");
    until(|| admitted(&server, &[0, 1, 2, 3, 9]) == [true; 5]);
    server.wait_for_stderr(&format!("whitelist: 3 hashes added by {add}\n"));
    fs::write(&delete, lines([1, 3, 77])).expect("to write");
    until(|| admitted(&server, &[0, 1, 2, 3, 9]) == [true, false, true, false, true]);
    server.wait_for_stderr(&format!("whitelist: 2 hashes removed by {delete}\n"));
    fs::write(&add, lines([1])).expect("to write");
    until(|| admitted(&server, &[1]) == [true]);
    server.signal(Signal::HUP);
    server.wait_for_times("whitelist: 2 hashes from", 2);
    assert_eq!(
        admitted(&server, &[0, 1, 2, 3, 9]),
        [false, true, true, false, false]
    );
}

/// Found by a review: the signal's event ended the turn, and the FIFO's only one was lost.
#[test]
fn what_is_written_behind_a_reload_is_heard_and_outlives_it() {
    let folder = Folder::open_to_all("lists");
    let list = folder.write("white", lines([1]));
    let add = folder.path("add");
    let server = start(
        &folder,
        &format!("access.whitelist {list}\naccess.fifo_add {add}\n"),
    );
    server.signal(Signal::STOP);
    server.signal(Signal::HUP);
    // As much as a pipe holds, and the program doesn't read yet.
    fs::write(&add, lines(2..1500)).expect("to write");
    server.signal(Signal::CONT);
    until(|| admitted(&server, &[1, 2, 750, 1499]) == [true; 4]);
}

#[test]
fn fifos_change_the_blacklist_if_it_is_the_only_list() {
    let folder = Folder::open_to_all("lists");
    let list = folder.write("black", lines([1]));
    let (add, delete) = (folder.path("add"), folder.path("delete"));
    let server = start(
        &folder,
        &format!("access.blacklist {list}\naccess.fifo_add {add}\naccess.fifo_delete {delete}\n"),
    );
    fs::write(&add, lines([2])).expect("to write");
    fs::write(&delete, lines([1])).expect("to write");
    until(|| admitted(&server, &[1, 2]) == [true, false]);
}

#[test]
fn lines_in_a_fifo_need_an_end_and_may_come_in_pieces() {
    let folder = Folder::open_to_all("lists");
    let list = folder.write("white", "");
    let add = folder.path("add");
    let server = start(
        &folder,
        &format!("access.whitelist {list}\naccess.fifo_add {add}\n"),
    );
    let mut writer = write_to(&add);
    for piece in lines([1, 2]).as_bytes().chunks(7) {
        writer.write_all(piece).expect("to write");
        admitted(&server, &[9]);
    }
    until(|| admitted(&server, &[1, 2]) == [true, true]);
    // A line that never ends costs nothing, and when its writer goes the next one's is whole.
    for _ in 0..100 {
        writer.write_all(&[b'a'; 4096]).expect("to write");
    }
    drop(writer);
    server.wait_for_stderr("lines that are no info hashes were skipped");
    fs::write(&add, hex(hash(3))).expect("to write");
    // That there is no line end is only known when it was read, and the writer's going with it.
    assert_eq!(admitted(&server, &[3]), [false]);
    fs::write(&add, format!("{} \n", hex(hash(4)).to_uppercase())).expect("to write");
    fs::write(&add, format!("{}\r\n", hex(hash(5)))).expect("to write");
    until(|| admitted(&server, &[5]) == [true]);
    fs::write(&add, lines([6])).expect("to write");
    until(|| admitted(&server, &[6]) == [true]);
    assert_eq!(admitted(&server, &[3]), [false]);
    let stderr = server.stderr();
    assert_eq!(stderr.matches("lines that are no").count(), 1, "{stderr}");
}

#[test]
fn many_may_write_to_a_fifo_at_once_and_are_all_heard() {
    let folder = Folder::open_to_all("lists");
    let list = folder.write("white", "");
    let add = folder.path("add");
    let server = start(
        &folder,
        &format!("access.whitelist {list}\naccess.fifo_add {add}\n"),
    );
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let add = add.clone();
            thread::spawn(move || {
                let mut fifo = write_to(&add);
                // 99 lines are 4059 bytes: the kernel doesn't mix writes of up to 4096.
                for batch in 0..8 {
                    let first = writer * 1000 + batch * 99;
                    let text = lines(first..first + 99);
                    fifo.write_all(text.as_bytes()).expect("to write");
                }
            })
        })
        .collect();
    for writer in writers {
        writer.join().expect("a writer");
    }
    let client = UdpClient::connect(server.udp_v4());
    for writer in 0..4 {
        until(|| admits(&client, writer * 1000 + 8 * 99 - 1));
        assert!((0..8 * 99).all(|nth| admits(&client, writer * 1000 + nth)));
    }
    assert!(!server.stderr().contains("skipped"), "{}", server.stderr());
}

#[test]
fn a_full_list_takes_no_more_from_a_fifo_and_says_so_once() {
    let folder = Folder::open_to_all("lists");
    let list = folder.write("white", lines([1]));
    let (add, delete) = (folder.path("add"), folder.path("delete"));
    let server = start(
        &folder,
        &format!(
            "access.whitelist {list}\naccess.entries 7\naccess.fifo_add {add}\n\
         access.fifo_delete {delete}\n"
        ),
    );
    fs::write(&add, lines(2..50)).expect("to write");
    server.wait_for_stderr(&format!(
        "warning: whitelist: {add}: no room for more than 7 hashes (see access.entries)\n"
    ));
    until(|| admitted(&server, &[7]) == [true]);
    assert_eq!(
        admitted(&server, &[1, 6, 8, 49]),
        [true, true, false, false]
    );
    fs::write(&delete, lines([1])).expect("to write");
    until(|| admitted(&server, &[1]) == [false]);
    fs::write(&add, lines([49, 48])).expect("to write");
    until(|| admitted(&server, &[49]) == [true]);
    assert_eq!(admitted(&server, &[48]), [false]);
    assert_eq!(server.stderr().matches("no room for more").count(), 1);
}

#[test]
fn what_is_no_fifo_is_left_alone() {
    let folder = Folder::open_to_all("lists");
    let list = folder.write("white", lines([1]));
    let add = folder.write("add", "precious\n");
    let server = start(
        &folder,
        &format!("access.whitelist {list}\naccess.fifo_add {add}\n"),
    );
    server.wait_for_stderr(&format!(
        "{add}: there is something else of this name, no FIFO; going on without it\n"
    ));
    assert_eq!(fs::read_to_string(&add).expect("the file"), "precious\n");
    assert_eq!(admitted(&server, &[1, 2]), [true, false]);
}

/// Announces from a thread of its own until told to stop; returns how many were answered.
fn announce_while(address: SocketAddr, number: u32, going: impl FnOnce()) -> (u32, bool) {
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let until = stop.clone();
    let announcer = thread::spawn(move || {
        let client = UdpClient::connect(address);
        let (mut count, mut always) = (0, true);
        while !until.load(Ordering::Relaxed) {
            always &= admits(&client, number);
            count += 1;
        }
        (count, always)
    });
    going();
    stop.store(true, Ordering::Relaxed);
    announcer.join().expect("the announcer")
}

#[test]
fn a_large_list_is_loaded_while_announces_are_answered() {
    const MANY: u32 = 300_000;
    let folder = Folder::open_to_all("lists");
    let list = folder.write("white", lines(0..MANY));
    let server = Server::start(&["-w", &list, "-m", "32M"]);
    // There is no moment at which the list isn't in force.
    assert_eq!(admitted(&server, &[0, MANY - 1, MANY]), [true, true, false]);
    replace(&folder, "white", &lines(1..MANY));
    let (answered, always) = announce_while(server.udp_v4(), MANY - 1, || {
        server.signal(Signal::HUP);
        server.wait_for_stderr(&format!("whitelist: {} hashes from ", MANY - 1));
    });
    assert!(always, "refused while it was loaded");
    // A load takes 375 turns of the loop. Were it one, no more than a few would get through.
    assert!(answered > 20, "{answered}");
    assert_eq!(
        admitted(&server, &[0, 1, MANY - 1, MANY]),
        [false, true, true, false]
    );
    if let Some(anonymous) = server.anonymous_bytes() {
        assert!(anonymous < 32 << 20, "{anonymous}");
    }
    assert!(server.terminate().success());
}

#[test]
fn the_memory_of_the_old_list_is_given_back() {
    let folder = Folder::open_to_all("lists");
    let list = folder.write("white", lines(0..100_000));
    let server = Server::start(&["-w", &list, "-m", "32M"]);
    let Some(after_start) = server.anonymous_bytes() else {
        return;
    };
    for round in 1..=6 {
        replace(&folder, "white", &lines(0..100_000 + round));
        server.signal(Signal::HUP);
        server.wait_for_stderr(&format!("whitelist: {} hashes from ", 100_000 + round));
        let now = server.anonymous_bytes().expect("as after the start");
        // A half has 1.8 MB. Pages at its edges and the stack may differ.
        assert!(
            now < after_start + (128 << 10),
            "{round}: {after_start} {now}"
        );
    }
}
