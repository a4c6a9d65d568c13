//! What procd is told: to start, to restart, to signal, and in which jail.

use std::fs;
use std::path::Path;

use wrtracker::conf;
use wrtracker::options;
use wrtracker::plan::{Plan, Wanted};
use wrtracker::settings::Settings;
use wrtracker::size::Bytes;
use wrtracker_tests::openwrt::{FILES, NETWORK, OUT, Record, Root};

use crate::{HASH, root};

#[test]
fn procd_is_told_what_the_program_needs_and_no_more() {
    let root = root!("procd_is_told_what_the_program_needs_and_no_more");
    root.configure("");
    let record = root.service("start");
    let start = format!("/{OUT}/main.start.conf");
    for words in [
        &[
            "param",
            "command",
            "/usr/sbin/wrtracker",
            "-f",
            &start,
            "-f",
            &format!("/{OUT}/main.conf"),
        ][..],
        &["param", "file", "/usr/sbin/wrtracker", &start],
        &["param", "user", "wrtracker"],
        &["param", "group", "wrtracker"],
        &["param", "no_new_privs", "1"],
        &["param", "limits", "core=0 0", "nofile=2048 16384"],
        &["param", "respawn"],
        &["param", "stderr", "1"],
        &[
            "interface_trigger",
            "interface.*",
            "lan",
            "/etc/init.d/wrtracker",
            "reload",
            "interface",
        ],
    ] {
        // What isn't configured isn't watched.
        assert_eq!(
            record.has(words),
            words[0] != "interface_trigger",
            "{words:?} {}",
            record.0
        );
    }
    assert!(record.after(&["jail"]).is_empty() && record.after(&["mount_rw"]).is_empty());
}

#[test]
fn a_jail_is_made_where_it_can_be() {
    let root = root!("a_jail_is_made_where_it_can_be");
    root.write("etc/wrtracker/list", format!("{HASH}\n"));
    root.write("sbin/ujail", "");
    root.make_executable("sbin/ujail");
    let options = "option mode 'blacklist'\noption blacklist_file '/etc/wrtracker/list'";
    root.configure(options);
    // On devices with little flash the kernel has no namespaces.
    assert!(root.service("start").after(&["jail"]).is_empty());
    root.write("proc/self/ns/mnt", "");
    root.write("proc/self/ns/pid", "");
    let record = root.service("start");
    // Without a log that listens: the jail would not start if it were to have that.
    assert!(
        record.has(&["jail", "wrtracker-main", "ronly"]),
        "{}",
        record.0
    );
    assert!(record.has(&["mount_ro", "/var/etc/wrtracker"]));
    assert!(record.has(&["mount_ro", "/etc/wrtracker"]));
    assert!(record.has(&["mount_rw", "/var/run/wrtracker"]));
    let mounts = record.after(&["mount_ro"]).len() + record.after(&["mount_rw"]).len();
    assert_eq!(mounts, 3);
    assert!(record.has(&["param", "no_new_privs", "1"]));
    let _log = std::os::unix::net::UnixDatagram::bind(root.path().join("dev/log")).unwrap();
    let record = root.service("restart");
    assert!(
        record.has(&["jail", "wrtracker-main", "log", "ronly"]),
        "{}",
        record.0
    );
    assert!(root.rendered("main.start.conf").contains("log.to syslog\n"));
    root.configure(&format!("{options}\noption jail '0'"));
    assert!(root.service("start").after(&["jail"]).is_empty());
}

#[test]
fn nothing_runs_as_root_for_want_of_a_user() {
    let root = root!("nothing_runs_as_root_for_want_of_a_user");
    root.configure("");
    let (passwd, group) = (root.read("etc/passwd"), root.read("etc/group"));
    let without = |text: &str| {
        let lines = text.lines().filter(|line| !line.starts_with("wrtracker:"));
        lines.map(|line| format!("{line}\n")).collect::<String>()
    };
    let forget = || {
        root.write("etc/passwd", without(&passwd));
        root.write("etc/group", without(&group));
    };
    // As after a system upgrade with apk, and as after copying the files by hand.
    forget();
    root.write(
        "lib/apk/packages/wrtracker.rusers",
        "wrtracker=6969:wrtracker=6969\n",
    );
    assert_eq!(root.service("start").instances(), ["main"]);
    assert_eq!(
        (root.read("etc/passwd"), root.read("etc/group")),
        (passwd.clone(), group.clone())
    );
    forget();
    root.remove("lib/apk/packages/wrtracker.rusers");
    assert_eq!(root.service("start").instances(), ["main"]);
    assert_eq!(
        (root.read("etc/passwd"), root.read("etc/group")),
        (passwd.clone(), group.clone())
    );
    // One that is there is left alone, also with another number.
    let others = passwd.replace("6969", "100");
    root.write("etc/passwd", &others);
    root.service("start");
    assert_eq!(root.read("etc/passwd"), others);
    // Root by another name.
    root.write("etc/passwd", passwd.replace("6969", "0"));
    let (record, log) = root.refused("start");
    assert!(
        record.instances().is_empty() && log.contains("no user and group wrtracker"),
        "{log}"
    );
}

/// The limits of open files that procd sets leave room for all that the program may open.
#[test]
fn there_are_descriptors_for_all_connections() {
    for (gib, descriptors) in [(1, 2048), (16, 16_384)] {
        let plan = Plan::new(Bytes(gib << 30), usize::MAX, &Wanted::default()).unwrap();
        // 64 places to listen at, two protocols each, and what is neither.
        assert!(plan.connections + 2 * 64 + 24 <= descriptors, "{plan}");
    }
}

/// The signal and the restart, and never both.
#[test]
fn changes_restart_only_if_they_have_to() {
    let root = root!("changes_restart_only_if_they_have_to");
    let hup = |record: &Record| record.has(&["signal", "wrtracker", "main", "HUP"]);
    let start_file = |root: &Root| root.read(&format!("{OUT}/main.start.conf"));
    let list = |more: &str| format!("option mode 'blacklist'\nlist blacklist '{HASH}'\n{more}");
    root.configure(&list(""));
    root.service("start");
    let before = start_file(&root);
    // Not running: there is nobody to tell, and whoever starts reads it all.
    assert!(!hup(&root.service("reload")));
    root.write("running", "main\n");

    for (options, restart) in [
        (list("option numwant '20'"), false),
        (
            list("list blacklist '0000000000000000000000000000000000000000'"),
            false,
        ),
        (
            list("option log_level 'debug'\nlist directive 'tracker.most_peers 1000'"),
            false,
        ),
        (list("list stats 'everybody'"), false),
        (list("option internet '1'"), false),
        (list("option memory '4M'"), true),
        (list("option udp_port '7000'"), true),
        (list("option keep_peers '0'"), true),
        (list("list directive 'access.entries 9000'"), true),
        (String::new(), true),
    ] {
        root.configure(&list(""));
        root.service("start");
        root.configure(&options);
        let record = root.service("reload");
        let changed = start_file(&root) != before;
        assert_eq!((changed, hup(&record)), (restart, !restart), "{options}");
        assert_eq!(record.instances(), ["main"]);
        assert!(
            record.has(&["close_service", "set"]),
            "others would go on: {}",
            record.0
        );
    }
    // By hand, a list's file may have changed.
    assert!(hup(&root.service("reload")));
    // A file that UCI can't read is no empty one.
    let good = root.read("etc/config/wrtracker");
    root.write("etc/config/wrtracker", good.clone() + "\toption numwant '2");
    let (record, log) = root.refused("reload");
    assert!(
        record.0.is_empty() && log.contains("can't be read"),
        "{log}"
    );
    root.write("etc/config/wrtracker", good);
    // Interfaces tell of themselves all the time.
    assert_eq!(root.service("reload interface").0, "");
    // Unless the tracker has given up, perhaps for want of an address.
    root.write("running", "");
    let record = root.service("reload interface");
    assert!(record.instances() == ["main"] && !hup(&record));
}

#[test]
fn an_interface_with_another_network_restarts_nothing() {
    let root = root!("an_interface_with_another_network_restarts_nothing");
    root.configure("list lan 'lan'\nlist public_address 'wan'");
    let record = root.service("start");
    for name in ["lan", "wan"] {
        let run = ["/etc/init.d/wrtracker", "reload", "interface"];
        let words = [&["interface_trigger", "interface.*", name][..], &run].concat();
        assert!(record.has(&words), "{}", record.0);
    }
    root.write("running", "main\n");
    let start = root.read(&format!("{OUT}/main.start.conf"));
    root.write("network", NETWORK.replace("203.0.113.7", "203.0.113.8"));
    let record = root.service("reload interface");
    assert!(
        record.has(&["signal", "wrtracker", "main", "HUP"]),
        "{}",
        record.0
    );
    assert_eq!(root.read(&format!("{OUT}/main.start.conf")), start);
    let text = root.rendered("main.conf");
    assert!(text.contains("lan.public_address 203.0.113.8\n"), "{text}");
}

#[test]
fn each_tracker_is_told_what_concerns_it() {
    let root = root!("each_tracker_is_told_what_concerns_it");
    let second = "option udp_port '7000'\noption tcp_port '7000'";
    root.configure_each(["", second]);
    assert_eq!(root.service("start").instances(), ["t0", "t1"]);
    root.write("running", "t0\nt1\n");
    root.configure_each([
        "option numwant '20'",
        &format!("{second}\noption memory '4M'"),
    ]);
    let record = root.service("reload");
    assert_eq!(record.instances(), ["t0", "t1"]);
    assert_eq!(record.after(&["signal"]), [["wrtracker", "t0", "HUP"]]);
    // What is gone from the configuration, procd ends.
    root.configure_each(["option numwant '20'"]);
    let record = root.service("reload");
    assert!(record.instances() == ["t0"] && record.has(&["close_service", "set"]));
}

/// The script's idea of what needs a restart is the program's.
#[test]
fn the_program_says_what_needs_a_restart() {
    let script = fs::read_to_string(Path::new(FILES).join("wrtracker.init")).unwrap();
    let (_, rest) = script.split_once("\nfor_start() {").expect("the function");
    let (body, _) = rest.split_once("*) return 1").expect("its end");
    let patterns: Vec<_> = body
        .split(['|', ')', ';', '\n'])
        .map(str::trim)
        .filter(|word| word.contains('.'))
        .collect();
    let known = |directive: &str| {
        patterns
            .iter()
            .any(|pattern| match pattern.strip_suffix('*') {
                Some(start) => directive.starts_with(start),
                None => directive == *pattern,
            })
    };
    let values = [
        "1",
        "on",
        "127.0.0.1",
        "/x",
        "name",
        "8M",
        "syslog",
        "debug",
        "modest",
        "off",
        "auto",
        "3000",
        "everybody",
        "forwarded",
        "private",
        "admin a-token-of-the-tests",
        "torrust",
        "95d8af39c801343c8b48af6fece76a9627ffdbba41e69966f50f2ad285188396",
    ];
    for directive in options::table().filter_map(|entry| entry.directive) {
        // It has no effect at all.
        if directive == "listen.udp.workers" {
            continue;
        }
        let taken = values.iter().filter_map(|value| {
            let mut settings = Settings::default();
            conf::parse(
                &"",
                format!("{directive} {value}").as_bytes(),
                &mut settings,
            );
            let changed = settings.errors.is_empty() && settings != Settings::default();
            changed.then_some(settings)
        });
        let taken: Vec<_> = taken.collect();
        let restarts = taken
            .iter()
            .any(|settings| Settings::default().needs_restart(settings).next().is_some());
        assert!(!taken.is_empty(), "no value for {directive}");
        assert_eq!(known(directive), restarts, "{directive}");
    }
}

#[test]
fn a_disk_that_is_not_there_is_waited_for() {
    let root = root!("a_disk_that_is_not_there_is_waited_for");
    root.configure("option completed_dir '/mnt/disk/tracker'\noption state_dir '/mnt/disk'");
    let (record, _) = root.try_service("start");
    assert_eq!(record.instances(), ["main"]);
    assert!(record.has(&["mount_trigger", "/mnt/disk/tracker"]));
    assert_eq!(
        root.log().matches("going on without it").count(),
        2,
        "{}",
        root.log()
    );
    // Nothing was made there, on the flash, and nothing will be written there.
    assert!(!root.has("mnt") && !root.rendered("main.start.conf").contains("state."));
    root.write("log", "");
    root.write("mnt/disk/tracker/other", "");
    root.service("reload");
    let text = root.rendered("main.start.conf");
    assert!(
        text.contains("state.file /mnt/disk/tracker/main.torrents\n"),
        "{text}"
    );
}

#[test]
fn the_flash_is_left_alone() {
    let root = root!("the_flash_is_left_alone");
    root.configure_as_shipped();
    let flash = |root: &Root| {
        let output = root.run(
            "find / \\( -path /tmp -o -path /record -o -path /log -o -path /dev -o -path /proc \\) \
             -prune -o -exec ls -ldn --full-time {} +",
        );
        String::from_utf8(output.stdout).unwrap()
    };
    let before = flash(&root);
    assert!(
        before.contains("/etc/config/wrtracker") && before.lines().count() > 50,
        "{before}"
    );
    for action in [
        "start",
        "reload",
        "reload interface",
        "check",
        "stop",
        "restart",
    ] {
        root.try_service(action);
        assert!(root.log().is_empty(), "{}", root.log());
        assert_eq!(flash(&root), before, "{action}");
    }
}

/// The complaint: a start with a value that is wrong ended what ran well.
#[test]
fn a_start_with_a_wrong_value_stops_nobody() {
    let root = root!("a_start_with_a_wrong_value_stops_nobody");
    root.configure("");
    root.service("start");
    root.configure("option memory 'lots'");
    // None runs: procd hears of what may bring one.
    let (record, _) = root.refused("start");
    assert!(record.instances().is_empty() && record.has(&["reload_trigger", "wrtracker"]));
    assert!(record.has(&["close_service", "set"]), "{}", record.0);
    root.write("running", "main\n");
    let (record, log) = root.refused("start");
    assert!(!record.has(&["close_service", "set"]), "{}", record.0);
    assert!(log.contains("what runs goes on as it was"), "{log}");
}

#[test]
fn a_program_without_files_of_state_is_asked_for_none() {
    let root = root!("a_program_without_files_of_state_is_asked_for_none");
    let real = root.path().join("usr/sbin/wrtracker");
    fs::rename(&real, real.with_extension("real")).expect("to rename");
    root.write(
        "usr/sbin/wrtracker",
        "#!/bin/sh\n\
         [ \"$1\" != -v ] || { echo 'wrtracker 0.1.0, without gzip, state' >&2 && exit; }\n\
         exec /usr/sbin/wrtracker.real \"$@\"\n",
    );
    root.make_executable("usr/sbin/wrtracker");
    root.configure("");
    root.service("start");
    assert!(!root.rendered("main.start.conf").contains("state."));
    root.configure("option completed_dir '/tmp'\noption grants_dir '/tmp'");
    assert!(root.try_service("start").1);
    let log = root.log();
    for option in ["completed_dir", "grants_dir"] {
        let said = format!("{option}: this program keeps no");
        assert!(log.contains(&said), "{log}");
    }
}
