//! The program as a process: whose rights it has, where its root is, who is told of what, and what
//! signals do to it.
#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::fs;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::{Gid, Signal, geteuid};
use rustix::thread::set_thread_groups;
use wrtracker_tests::folder::Folder;
use wrtracker_tests::http_client::{HttpClient, leecher};
use wrtracker_tests::namespace::{enter_test, enter_test_as_root, is_root, skip, v4};
use wrtracker_tests::patience::whole_wait;
use wrtracker_tests::server::{self, DEADLINE, Server, emulated};
use wrtracker_tests::udp_client::{Announce, UdpClient};

/// Where a test listens if it doesn't matter where.
const ANYWHERE: [&str; 6] = ["-i", "127.0.0.1", "-p", "0", "-P", "0"];

/// The program with these arguments, and [`ANYWHERE`].
fn command(args: &[&str]) -> Command {
    let mut command = server::command();
    command.args(args).args(ANYWHERE).stdin(Stdio::null());
    command
}

/// What the program returns and prints if it ends at once.
fn run(mut command: Command) -> (Option<i32>, String) {
    let output = command.output().expect("to start");
    assert!(output.stdout.is_empty());
    let text = String::from_utf8(output.stderr).expect("text");
    (output.status.code(), text)
}

fn start(command: Command) -> Server {
    Server::try_start_command(command).unwrap_or_else(|exited| panic!("{exited:?}"))
}

/// The numbers after `field` in a `status` file: those of each thread, which must be the same.
fn status(server: &Server, field: &str) -> Vec<String> {
    let tasks = fs::read_dir(format!("/proc/{}/task", server.pid())).expect("a process");
    let mut tasks: Vec<PathBuf> = tasks.map(|task| task.expect("a thread").path()).collect();
    if emulated("the other threads: they are the emulator's") {
        tasks.retain(|task| task.ends_with(server.pid().to_string()));
    }
    let mut all: Vec<Vec<String>> = tasks
        .iter()
        .map(|task| {
            let text = fs::read_to_string(task.join("status"));
            let text = text.expect("a thread");
            let line = text.lines().find_map(|line| line.strip_prefix(field));
            let line = line.expect("the field").trim_start_matches(':');
            line.split_whitespace().map(String::from).collect()
        })
        .collect();
    all.dedup();
    assert_eq!(all.len(), 1, "threads differ: {all:?}");
    all.remove(0)
}

/// Real, effective, saved and file system identity are all `number`.
fn all_are(server: &Server, field: &str, number: &str) {
    assert_eq!(status(server, field), [number; 4], "{field}");
}

fn link(server: &Server, name: &str) -> PathBuf {
    fs::read_link(format!("/proc/{}/{name}", server.pid())).expect("a link")
}

/// What `id` says with these arguments, a number.
fn id(args: &[&str]) -> String {
    let output = Command::new("id").args(args).output().expect("id");
    let text = String::from_utf8(output.stdout).expect("text");
    text.trim().to_owned()
}

fn serves(server: &Server) {
    UdpClient::connect(server.udp_v4()).announce(&Announce::leecher(1));
    HttpClient::connect(server.tcp_v4()).announce(&leecher(2));
}

#[test]
fn root_becomes_nobody_and_keeps_no_groups() {
    if !is_root("root becomes nobody") {
        return;
    }
    // The groups are the thread's: other tests have none of it.
    let server = std::thread::spawn(|| {
        let groups = [0, 4, 20].map(Gid::from_raw);
        set_thread_groups(&groups).expect("root may");
        start(command(&["-m", "2M"]))
    });
    let server = server.join().expect("a server");
    all_are(&server, "Uid", &id(&["-u", "nobody"]));
    all_are(&server, "Gid", &id(&["-g", "nobody"]));
    let groups = id(&["-G", "nobody"]);
    let of_nobody: Vec<_> = groups.split(' ').skip(1).collect();
    assert_eq!(status(&server, "Groups"), of_nobody);
    for field in ["CapPrm", "CapEff", "CapAmb"] {
        let none = status(&server, field).concat();
        assert!(none.bytes().all(|digit| digit == b'0'), "{field} {none}");
    }
    // Nobody has asked for another root directory, but none is kept busy.
    assert_eq!(link(&server, "root"), Path::new("/"));
    assert_eq!(link(&server, "cwd"), Path::new("/"));
    serves(&server);
    assert!(
        server.stderr().contains("running as user 65534"),
        "{}",
        server.stderr()
    );
}

#[test]
fn numbers_are_users_too() {
    if !is_root("numbers as users") {
        return;
    }
    for (user, uid, gid) in [
        ("54321", "54321", "65534"),
        ("54321:54322", "54321", "54322"),
    ] {
        let server = start(command(&["-u", user]));
        all_are(&server, "Uid", uid);
        all_are(&server, "Gid", gid);
        assert!(status(&server, "Groups").is_empty());
        assert!(!server.stderr().contains("warning"), "{}", server.stderr());
    }
}

#[test]
fn a_user_has_exactly_the_groups_that_list_it() {
    if !enter_test_as_root("a_user_has_exactly_the_groups_that_list_it") {
        return;
    }
    mount_proc();
    let folder = Folder::open_to_all("users");
    let passwd = "root:x:0:0::/:/bin/sh\nbad:x:-1\ntracker:x:4000:4001::/:/bin/false\n";
    let group = "root:x:0:\nadm:x:4:root\na:x:4002:tracker\nb:x:4003:other,tracker\n\
        c:x:4004:trackers\ntracker:x:4001:tracker\n";
    mount(&["--bind"], &folder.write("passwd", passwd), "/etc/passwd");
    mount(&["--bind"], &folder.write("group", group), "/etc/group");
    let server = start(command(&["-u", "tracker"]));
    all_are(&server, "Uid", "4000");
    all_are(&server, "Gid", "4001");
    assert_eq!(status(&server, "Groups"), ["4002", "4003"]);
    // There is no `nobody` here.
    let server = start(command(&[]));
    all_are(&server, "Uid", "65534");
    assert!(server.stderr().contains("warning: there is no user nobody"));
}

/// Mounts that only this test's namespace has.
fn mount(options: &[&str], from: &str, to: &str) {
    let mut command = Command::new("mount");
    command.args(options).arg(from).arg(to);
    assert!(command.status().expect("mount").success(), "{command:?}");
}

/// In a namespace the processes have other numbers than outside.
fn mount_proc() {
    mount(&["-t", "proc"], "proc", "/proc");
}

#[test]
fn running_as_root_is_refused() {
    if !is_root("refusing to run as root") {
        return;
    }
    for user in ["root", "0", "0:5", "1:0"] {
        let (code, text) = run(command(&["-u", user]));
        assert_eq!(code, Some(111), "{text}");
        assert!(
            text.contains("wrtracker: refusing to run as root"),
            "{text}"
        );
        assert!(!text.contains("ready"), "{text}");
    }
}

#[test]
fn an_unknown_user_is_a_warning() {
    if !is_root("an unknown user") {
        return;
    }
    for user in ["no-such-user", "4294967295", "-2"] {
        let server = start(command(&["-u", user]));
        all_are(&server, "Uid", "65534");
        all_are(&server, "Gid", "65534");
        let warning = format!("wrtracker: warning: there is no user {user}: becoming");
        assert!(server.stderr().contains(&warning), "{}", server.stderr());
        serves(&server);
    }
}

#[test]
fn the_root_directory_changes_and_signals_end_it_well() {
    if !is_root("another root directory") {
        return;
    }
    let folder = Folder::open_to_all("root");
    let conf = folder.write("conf", "tracker.memory 2M\n");
    for signal in [Signal::INT, Signal::TERM] {
        let mut server = start(command(&["-d", folder.text(), "-f", &conf]));
        assert_eq!(link(&server, "root"), *folder);
        assert_eq!(link(&server, "cwd"), *folder);
        all_are(&server, "Uid", &id(&["-u", "nobody"]));
        // Nothing that is open leads out of it.
        let open = fs::read_dir(format!("/proc/{}/fd", server.pid())).expect("a process");
        for file in open {
            let file = fs::read_link(file.expect("a file").path()).expect("a link");
            let outside = file.is_absolute() && file != Path::new("/dev/null");
            assert!(!outside, "{}", file.display());
        }
        server.signal(Signal::HUP);
        serves(&server);
        server.signal(signal);
        assert_eq!(server.wait().code(), Some(0), "{}", server.stderr());
        server.wait_for_stderr("wrtracker: ended with ");
    }
}

#[test]
fn a_list_that_is_named_as_from_outside_the_root_directory_is_found_inside() {
    if !is_root("another root directory") {
        return;
    }
    let folder = Folder::open_to_all("list");
    let list = folder.write("whitelist.txt", "a".repeat(40));
    let server = start(command(&["-d", folder.text(), "-w", &list]));
    server.wait_for_stderr("wrtracker: whitelist: 1 hash from /whitelist.txt");
    // What opentracker would take for it comes first.
    let nested = folder.join(list.trim_start_matches('/'));
    fs::create_dir_all(nested.parent().expect("a folder")).expect("folders");
    fs::write(&nested, format!("{}\n{}\n", "b".repeat(40), "c".repeat(40))).expect("a file");
    let server = start(command(&["-d", folder.text(), "-w", &list]));
    server.wait_for_stderr(&format!("wrtracker: whitelist: 2 hashes from {list}"));
}

#[test]
fn a_directory_that_is_none_is_refused() {
    let folder = Folder::open_to_all("no-root");
    let file = folder.write("file", "");
    for path in ["/nonexistent/folder", &file] {
        let (code, text) = run(command(&["-d", path]));
        assert_eq!(code, Some(111), "{text}");
        let problem = format!("wrtracker: can't change to {path}: ");
        assert!(text.contains(&problem) && !text.contains("ready"), "{text}");
    }
}

/// As an ordinary user, whoever runs the test.
fn unprivileged(mut command: Command) -> Option<Command> {
    if geteuid().is_root() {
        command.uid(65534).gid(65534);
        let mut tried = server::command();
        tried.uid(65534).gid(65534).arg("-v").stderr(Stdio::null());
        if !tried.status().is_ok_and(|status| status.success()) {
            skip("ordinary users: they can't run the program where it is");
            return None;
        }
    }
    Some(command)
}

#[test]
fn who_is_not_root_stays_who_it_is_and_changes_only_its_folder() {
    let folder = Folder::open_to_all("cwd");
    let asked = command(&["-u", "root", "-d", folder.text()]);
    let Some(command) = unprivileged(asked) else {
        return;
    };
    let server = start(command);
    let uid = if geteuid().is_root() {
        65534
    } else {
        geteuid().as_raw()
    };
    all_are(&server, "Uid", &uid.to_string());
    assert_eq!(link(&server, "root"), Path::new("/"));
    assert_eq!(link(&server, "cwd"), *folder);
    assert!(
        !server.stderr().contains("running as"),
        "{}",
        server.stderr()
    );
    serves(&server);
}

#[test]
fn a_low_port_needs_root() {
    if !enter_test("a_low_port_needs_root") {
        return;
    }
    let low = ["-i", "127.0.0.1", "-p", "80", "-P", "80"];
    if geteuid().is_root() {
        mount_proc();
        let server = Server::start(&low);
        all_are(&server, "Uid", &id(&["-u", "nobody"]));
        assert_eq!((server.tcp_v4().port(), server.udp_v4().port()), (80, 80));
        serves(&server);
    }
    let first = fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    if first.is_ok_and(|port| port.trim().parse::<u32>().is_ok_and(|port| port <= 80)) {
        skip("low ports are everybody's here");
        return;
    }
    let mut command = server::command();
    command.args(["-i", "127.0.0.2", "-p", "80"]);
    if let Some(command) = unprivileged(command) {
        let (code, text) = run(command);
        assert_eq!(code, Some(111), "{text}");
        let problem = "wrtracker: can't listen on tcp 127.0.0.2:80: permission denied; ports below";
        assert!(text.starts_with(problem), "{text}");
    }
}

#[test]
fn a_second_tracker_is_told_that_there_is_one() {
    let first = Server::start(&["-i", "0.0.0.0", "-p", "0", "-P", "0"]);
    for (flag, address) in [("-p", first.tcp_v4()), ("-P", first.udp_v4())] {
        // The first has all addresses, so that each of them is taken.
        for ip in ["0.0.0.0", "127.0.0.1"] {
            let port = address.port().to_string();
            let mut second = server::command();
            second.args(["-i", ip, flag, &port]);
            let (code, text) = run(second);
            assert_eq!(code, Some(111), "{text}");
            let problem = "address in use; is another tracker running?";
            assert!(text.contains(problem) && !text.contains("ready"), "{text}");
        }
    }
    serves(&first);
}

/// opentracker's users write both, and it binds both.
#[test]
fn places_that_overlap_are_served_once() {
    if !enter_test("places_that_overlap_are_served_once") {
        return;
    }
    let folder = Folder::open_to_all("overlap");
    let one = v4(1);
    let lines = [
        format!("listen.udp {one}:6969\n"),
        "listen.tcp_udp 0.0.0.0\n".to_owned(),
    ];
    for (nth, text) in [lines.concat(), lines[1].clone() + &lines[0]]
        .iter()
        .enumerate()
    {
        let conf = folder.write(&nth.to_string(), text);
        let server = Server::start(&["-f", &conf]);
        let said = server.stderr();
        assert_eq!(said.matches("listening on").count(), 2, "{said}");
        let covered = format!("wrtracker: udp {one}:6969 is served by 0.0.0.0:6969\n");
        assert!(said.contains(&covered), "{said}");
        // A connected socket takes replies from that address only.
        UdpClient::connect((one, 6969).into()).announce(&Announce::leecher(1));
        serves(&server);
        assert_eq!(server.terminate().code(), Some(0));
    }
}

#[test]
fn no_common_signal_but_two_ends_it() {
    let server = Server::start(&[]);
    for signal in [
        Signal::HUP,
        Signal::PIPE,
        Signal::ALARM,
        Signal::USR1,
        Signal::USR2,
    ] {
        server.signal(signal);
        server.signal(signal);
        serves(&server);
    }
    assert_eq!(server.terminate().code(), Some(0));
}

/// The next datagram as text.
fn next(socket: &UnixDatagram) -> String {
    socket.set_read_timeout(Some(DEADLINE)).expect("a timeout");
    let mut text = [0; 2000];
    let length = whole_wait(|| socket.recv(&mut text)).expect("a datagram");
    String::from_utf8(text[..length].to_vec()).expect("text")
}

#[test]
fn the_service_manager_is_told() {
    let folder = Folder::open_to_all("notify");
    let path = folder.join("socket");
    let name = format!("wrtracker-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).expect("a name");
    let abstract_name = format!("@{name}");
    for (variable, manager) in [
        (path.as_os_str(), UnixDatagram::bind(&path)),
        (
            OsStr::new(&abstract_name),
            UnixDatagram::bind_addr(&address),
        ),
    ] {
        let manager = manager.expect("a socket");
        // For root the socket is out of reach once it is ready.
        let jail = Folder::open_to_all("notify-root");
        let mut command = command(&["-d", jail.text()]);
        command.env("NOTIFY_SOCKET", variable);
        let server = start(command);
        assert_eq!(next(&manager), "READY=1");
        server.signal(Signal::HUP);
        let reloading = next(&manager);
        assert!(
            reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="),
            "{reloading}"
        );
        assert_eq!(next(&manager), "READY=1");
        assert_eq!(server.terminate().code(), Some(0));
        assert_eq!(next(&manager), "STOPPING=1");
    }
}

#[test]
fn a_service_manager_that_is_none_is_a_warning() {
    let long = "/".repeat(5000);
    for name in ["relative", "/nonexistent/socket", "/dev/null", "@", &long] {
        let mut command = command(&[]);
        command.env("NOTIFY_SOCKET", name);
        let server = start(command);
        let warning = "wrtracker: warning: NOTIFY_SOCKET: ";
        assert!(server.stderr().contains(warning), "{}", server.stderr());
        serves(&server);
    }
}

#[test]
fn the_machines_log_gets_every_line() {
    if !enter_test_as_root("the_machines_log_gets_every_line") {
        return;
    }
    // A `/dev` of our own.
    let dev = Folder::open_to_all("dev");
    let null = dev.write("null", "");
    mount(&["--bind"], "/dev/null", &null);
    mount(&["--rbind"], dev.text(), "/dev");
    let jail = Folder::open_to_all("log-root");
    let conf = jail.write("conf", "log.to syslog\nlog.level info\nno.such thing\n");

    let log = listen_to_log();
    let manager_path = jail.join("manager");
    let manager = UnixDatagram::bind(&manager_path).expect("a socket");
    let mut child = command(&["-f", &conf, "-d", jail.text()])
        .env("NOTIFY_SOCKET", &manager_path)
        .stderr(Stdio::piped())
        .spawn()
        .expect("to start");
    assert_eq!(next(&manager), "READY=1");
    let prefix = format!("wrtracker[{}]: ", child.id());
    let warning = next(&log);
    assert!(
        warning.starts_with(&format!("<28>{prefix}")) && warning.ends_with("unknown directive"),
        "{warning}"
    );
    let mut line = next(&log);
    while !line.ends_with("ready") {
        assert!(line.starts_with(&format!("<30>{prefix}")), "{line}");
        assert!(!line.contains('\n'), "{line}");
        line = next(&log);
    }
    // In the other root directory there is no `/dev/log`; the connection holds.
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, Signal::TERM).expect("to kill");
    assert!(child.wait().expect("to end").success());
    assert!(next(&log).contains(": ended with "));
    let output = child.wait_with_output().expect("to end");
    assert!(output.stderr.is_empty(), "{}", output.stderr.escape_ascii());

    // An error is told to whoever started it too.
    let (code, text) = run(command(&["-f", &conf, "-u", "root"]));
    assert_eq!(code, Some(111));
    assert_eq!(
        text,
        "wrtracker: refusing to run as root: choose another user with -u\n"
    );
    next(&log);
    let line = next(&log);
    assert!(
        line.starts_with("<27>wrtracker[") && line.contains("refusing"),
        "{line}"
    );

    // Who starts before the log is heard when the log is there.
    drop(log);
    fs::remove_file("/dev/log").expect("to remove");
    let mut child = command(&["-f", &conf])
        .env("NOTIFY_SOCKET", &manager_path)
        .stderr(Stdio::piped())
        .spawn()
        .expect("to start");
    while next(&manager) != "READY=1" {}
    let log = listen_to_log();
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, Signal::TERM).expect("to kill");
    assert!(child.wait().expect("to end").success());
    assert!(next(&log).contains(": ended with "));
    let output = child.wait_with_output().expect("to end");
    let text = String::from_utf8(output.stderr).expect("text");
    assert!(
        text.starts_with("wrtracker: warning: /dev/log: No such file"),
        "{text}"
    );
    assert_eq!(text.lines().count(), 1, "{text}");
    // So that the folder can go.
    for mounted in ["/dev", &null] {
        let status = Command::new("umount").args(["-l", mounted]).status();
        assert!(status.expect("umount").success());
    }
}

/// The machine's log, which everybody may write to.
fn listen_to_log() -> UnixDatagram {
    let log = UnixDatagram::bind("/dev/log").expect("a socket");
    fs::set_permissions("/dev/log", fs::Permissions::from_mode(0o666)).expect("to open it");
    log
}
