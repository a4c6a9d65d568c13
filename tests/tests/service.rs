//! The init script of the package, run as OpenWrt runs it: what becomes of each option, what is
//! refused, and what procd is told.
#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use wrtracker::conf;
use wrtracker::options;
use wrtracker::settings::Settings;
use wrtracker_tests::namespace::skip;
use wrtracker_tests::openwrt::{FILES, NETWORK, OUT, Record, Root, STAND_INS, quoted};
use wrtracker_tests::process::find_program;

const HASH: &str = "0123456789abcdef0123456789ABCDEF01234567";

/// The root directory for the test of that name, or the end of it.
macro_rules! root {
    ($name:literal) => {
        match Root::new($name) {
            Some(root) => root,
            None => return,
        }
    };
}

/// What is in the files of a tracker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum In {
    /// What the program takes at its start alone.
    Start,
    /// What it takes again on SIGHUP.
    Reload,
}

use In::{Reload, Start};

/// Each option of the configuration as one writes it, and the lines that come of it.
const OPTIONS: &[(&str, In, &str)] = &[
    (
        "list listen 'lan'",
        Start,
        "listen.tcp_udp [2001:db8:5::1]:6969",
    ),
    (
        "list listen 'lan'",
        Start,
        "listen.tcp_udp 192.168.1.1:6969",
    ),
    (
        "option listen 'guest'",
        Start,
        "listen.tcp_udp 192.168.3.1:6969",
    ),
    (
        "list listen '127.0.0.1'",
        Start,
        "listen.tcp_udp 127.0.0.1:6969",
    ),
    ("list listen '::1'", Start, "listen.tcp_udp [::1]:6969"),
    ("option udp_port '7070'", Start, "listen.udp [::]:7070"),
    ("option udp_port '7070'", Start, "listen.tcp [::]:6969"),
    ("option tcp_port '0'", Start, "listen.udp [::]:6969"),
    ("option memory '8M'", Start, "tracker.memory 8M"),
    (
        "option mode 'whitelist'",
        Start,
        "access.whitelist /var/etc/wrtracker/{}.whitelist",
    ),
    (
        "option mode 'blacklist'",
        Start,
        "access.blacklist /var/etc/wrtracker/{}.blacklist",
    ),
    (
        "option mode 'both'",
        Start,
        "access.whitelist /var/etc/wrtracker/{}.whitelist",
    ),
    (
        "option mode 'both'",
        Start,
        "access.blacklist /var/etc/wrtracker/{}.blacklist",
    ),
    (
        "option mode 'whitelist'\noption whitelist_file '/etc/wrtracker/list'",
        Start,
        "access.whitelist /etc/wrtracker/list",
    ),
    (
        "option mode 'blacklist'\noption blacklist_file '/etc/wrtracker/list'",
        Start,
        "access.blacklist /etc/wrtracker/list",
    ),
    (
        "option mode 'whitelist'\noption watch 'on'",
        Start,
        "access.watch on",
    ),
    ("list lan 'guest'", Reload, "lan.network 192.168.3.1/24"),
    ("list lan 'auto'", Reload, "lan.network auto"),
    (
        "list lan '10.0.0.0/8'\nlist lan 'fd00::/8'",
        Reload,
        "lan.network fd00::/8",
    ),
    (
        "list public_address 'auto'",
        Reload,
        "lan.public_address auto",
    ),
    (
        "list public_address 'wan'",
        Reload,
        "lan.public_address 203.0.113.7",
    ),
    (
        "list public_address 'wan6'",
        Reload,
        "lan.public_address 2001:db8:ffff::7",
    ),
    (
        "list public_address '203.0.113.9'",
        Reload,
        "lan.public_address 203.0.113.9",
    ),
    ("list stats 'guest'", Reload, "access.stats 192.168.3.1/24"),
    ("list stats 'guest'", Reload, "access.stats_for listed"),
    ("list stats 'guest'", Reload, "access.stats 127.0.0.1"),
    (
        "list stats 'everybody'",
        Reload,
        "access.stats_for everybody",
    ),
    ("", Reload, "access.stats_for listed"),
    (
        "option stats_path 'secret'",
        Reload,
        "access.stats_path secret",
    ),
    (
        "option fullscrape 'modest'",
        Reload,
        "tracker.fullscrape modest",
    ),
    (
        "list fullscrape_from 'guest'",
        Reload,
        "access.fullscrape 192.168.3.1/24",
    ),
    ("", Reload, "access.fullscrape ::1"),
    (
        "list proxy '192.168.1.2'",
        Reload,
        "access.proxy 192.168.1.2",
    ),
    (
        "option proxy_header 'forwarded'",
        Reload,
        "access.proxy_header forwarded",
    ),
    (
        "option redirect_url 'https://example.org/a#b'",
        Reload,
        "tracker.redirect_url https://example.org/a#b",
    ),
    ("option decoys '7'", Reload, "tracker.decoys 7"),
    ("option interval '30m'", Reload, "tracker.interval 30m"),
    (
        "option interval_most '40m'",
        Reload,
        "tracker.interval_most 40m",
    ),
    (
        "option interval_load '200'",
        Reload,
        "tracker.interval_load 200",
    ),
    (
        "option peer_timeout '1h'",
        Reload,
        "tracker.peer_timeout 1h",
    ),
    ("option numwant '30'", Reload, "tracker.numwant 30"),
    (
        "option livesync '127.0.0.1'\nlist livesync_node '127.0.0.2'",
        Start,
        "livesync.cluster.listen 127.0.0.1:9696",
    ),
    (
        "option livesync '127.0.0.1'\noption livesync_port '9697'\nlist livesync_node 'lan'",
        Start,
        "livesync.cluster.listen 127.0.0.1:9697",
    ),
    (
        "option livesync '127.0.0.1'\nlist livesync_node 'lan'",
        Reload,
        "livesync.cluster.node_ip 192.168.1.1/24",
    ),
    ("", Start, "state.peers_file /var/run/wrtracker/{}.peers"),
    (
        "option state_dir '/tmp/x'",
        Start,
        "state.peers_file /tmp/x/{}.peers",
    ),
    (
        "option completed_dir '/etc/wrtracker/'",
        Start,
        "state.file /etc/wrtracker/{}.torrents",
    ),
    ("option save_interval '1d'", Start, "state.interval 1d"),
    ("option log_level 'warning'", Reload, "log.level warning"),
    ("option log_completed '1'", Reload, "log.completed on"),
    (
        "list directive 'tracker.torrent_timeout 7d'",
        Reload,
        "tracker.torrent_timeout 7d",
    ),
    (
        "list directive 'tracker.torrent_timeout\t 7d'",
        Reload,
        "tracker.torrent_timeout 7d",
    ),
    (
        "list directive 'access.entries 9000'",
        Start,
        "access.entries 9000",
    ),
];

/// Options that no directive comes of; tests of their own are below.
const OTHERS: [&str; 9] = [
    "enabled",
    "internet",
    "notrack",
    "notrack_tcp",
    "mdns",
    "keep_peers",
    "whitelist",
    "blacklist",
    "jail",
];

#[test]
fn options_become_directives_that_the_program_takes() {
    let root = root!("options_become_directives_that_the_program_takes");
    root.write("etc/wrtracker/list", format!("{HASH}\n"));
    // An address that a machine without such interfaces has: the program looks whether it is there.
    root.write(
        "network",
        NETWORK
            .replace("lan ipaddrs 192.168.1.1", "lan ipaddrs 127.0.0.1")
            .replace("ipaddrs6 2001:db8:5::1 fd00:5::1", "ipaddrs6 ::1")
            .replace("guest ipaddrs 192.168.3.1", "guest ipaddrs 127.0.0.3"),
    );
    root.configure_each(OPTIONS.iter().map(|(options, ..)| *options));
    // Nothing is in the log afterwards: the program found nothing to warn of.
    let record = root.service("start");
    assert_eq!(record.instances().len(), OPTIONS.len());
    for (number, (options, file, line)) in OPTIONS.iter().enumerate() {
        let name = format!("t{number}");
        let line = line.replace("{}", &name);
        let line = line
            .replace("[2001:db8:5::1]:", "[::1]:")
            .replace("tcp_udp 192.168.1.1:", "tcp_udp 127.0.0.1:")
            .replace("tcp_udp 192.168.3.1:", "tcp_udp 127.0.0.3:");
        let file = match file {
            Start => format!("{name}.start.conf"),
            Reload => format!("{name}.conf"),
        };
        let text = root.rendered(&file);
        assert!(
            text.lines().any(|has| has == line),
            "{options}\nnot {line} in:\n{text}"
        );
    }
}

#[test]
fn as_shipped_all_is_as_it_says() {
    let root = root!("as_shipped_all_is_as_it_says");
    root.configure_as_shipped();
    let record = root.service("start");
    assert_eq!(record.instances(), ["main"]);
    let shipped = root.rendered("main.start.conf") + &root.rendered("main.conf");
    assert_eq!(
        shipped,
        "listen.tcp_udp [::]:6969\n\
         tracker.memory 7936K\n\
         state.peers_file /var/run/wrtracker/main.peers\n\
         state.interval 0\n\
         lan.network 192.168.1.1/24\n\
         lan.network 2001:db8:5::1/60\n\
         lan.network fd00:5::1/60\n\
         lan.public_address auto\n\
         access.stats 127.0.0.1\n\
         access.stats ::1\n\
         access.stats 192.168.1.1/24\n\
         access.stats 2001:db8:5::1/60\n\
         access.stats fd00:5::1/60\n\
         access.stats_for listed\n\
         tracker.fullscrape on\n\
         access.fullscrape 127.0.0.1\n\
         access.fullscrape ::1\n\
         access.fullscrape 192.168.1.1/24\n\
         access.fullscrape 2001:db8:5::1/60\n\
         access.fullscrape fd00:5::1/60\n\
         log.level info\n"
    );
    // Without a firewall's data, and with nothing for the firewall to include.
    assert!(!record.has(&["data"]) && !record.0.contains("config_changed"));
    assert!(!root.files().iter().any(|file| file.ends_with(".nft")));
}

#[test]
fn a_tracker_that_is_not_enabled_is_not_there() {
    let root = root!("a_tracker_that_is_not_enabled_is_not_there");
    // As the package has it.
    let record = root.service("start");
    assert!(record.instances().is_empty());
    // Save & Apply starts it all the same.
    assert!(record.has(&["reload_trigger", "wrtracker"]) && record.has(&["close_service", "set"]));
}

/// The default where none is set is what the comments and the README promise.
#[test]
fn memory_is_a_share_of_the_machines() {
    let root = root!("memory_is_a_share_of_the_machines");
    root.configure("");
    for (machine, share) in [
        ("14336", "2048K"),
        ("60416", "3776K"),
        ("126976", "7936K"),
        ("254976", "15936K"),
        ("8000000", "65536K"),
    ] {
        root.write("proc/meminfo", format!("MemTotal: {machine} kB\n"));
        root.service("start");
        let text = root.rendered("main.start.conf");
        assert!(
            text.contains(&format!("tracker.memory {share}\n")),
            "{machine}: {text}"
        );
    }
}

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
        &["param", "limits", "core=0 0", "nofile=1024 1024"],
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

/// Values that would be something else in the program's file, or on procd's and the jail's command
/// lines.
#[test]
fn values_that_would_come_out_otherwise_are_refused_by_name() {
    let root = root!("values_that_would_come_out_otherwise_are_refused_by_name");
    let long = "x".repeat(600);
    let fits = "y".repeat(511 - "tracker.redirect_url ".len() + 1);
    let refused = [
        (
            "option",
            "redirect_url",
            "a\ntracker.memory 1M",
            "a line end",
        ),
        ("option", "redirect_url", "a\rb", "a line end"),
        (
            "option",
            "redirect_url",
            "a\tb",
            "a line end or another control",
        ),
        ("option", "redirect_url", "a #b", "a comment"),
        ("option", "redirect_url", "#b", "a comment"),
        ("option", "redirect_url", " a", "a blank"),
        ("option", "redirect_url", "a ", "a blank"),
        ("option", "redirect_url", &long, "too long"),
        ("option", "redirect_url", &fits, "too long"),
        ("option", "stats_path", "a\n", "a line end"),
        ("option", "memory", "8M\nlisten.tcp ::", "a line end"),
        ("option", "memory", "-8", "not a number of bytes"),
        ("option", "memory", "$(echo 8M)", "not a number of bytes"),
        ("option", "memory", "1K", "memory"),
        ("option", "interval", "30x", "not a time"),
        ("option", "interval", "`echo 30`", "not a time"),
        ("option", "peer_timeout", "60", ""),
        ("option", "numwant", "*", "not a"),
        ("option", "log_level", "-v", "error"),
        ("option", "fullscrape", "maybe", "on"),
        ("option", "udp_port", "80", "1024"),
        ("option", "udp_port", "070", "not a port"),
        ("option", "udp_port", "70000", "not a port"),
        ("option", "udp_port", "6969 accept", "not a port"),
        ("option", "tcp_port", "6969;reboot", "not a port"),
        ("option", "tcp_port", "0x50", "not a port"),
        ("option", "tcp_port", "99999999999999999999", "not a port"),
        ("option", "internet", "wan", "neither 0 nor 1"),
        ("option", "notrack", "2", "neither 0 nor 1"),
        ("option", "notrack_tcp", "$(id)", "neither 0 nor 1"),
        ("option", "mdns", "yes please", "neither 0 nor 1"),
        ("option", "watch", "x", "neither 0 nor 1"),
        ("option", "keep_peers", "x", "neither 0 nor 1"),
        ("option", "log_completed", "x", "neither 0 nor 1"),
        ("option", "jail", "x", "neither 0 nor 1"),
        ("option", "enabled", "1; reboot", "neither 0 nor 1"),
        ("option", "mode", "white list", "not open"),
        ("option", "state_dir", "/tmp/a b", "a path may have"),
        ("option", "state_dir", "/tmp/*", "a path may have"),
        ("option", "state_dir", "/tmp/a:/etc", "a path may have"),
        ("option", "state_dir", "/tmp/a\nb", "a path may have"),
        ("option", "state_dir", "tmp", "not a path from /"),
        ("option", "state_dir", "-rf", "not a path from /"),
        ("option", "completed_dir", "/mnt/$(id)", "a path may have"),
        (
            "list",
            "listen",
            "lan guest",
            "neither an address nor an interface",
        ),
        (
            "list",
            "listen",
            "$(reboot)",
            "neither an address nor an interface",
        ),
        ("list", "listen", "1.2.3.4.5", "not an address"),
        ("list", "listen", "*", "neither an address nor an interface"),
        (
            "list",
            "lan",
            "lan'; reboot; '",
            "neither a network nor an interface",
        ),
        ("list", "lan", "10.0.0.0/40", "bits"),
        (
            "list",
            "stats",
            "every body",
            "neither a network nor an interface",
        ),
        (
            "list",
            "fullscrape_from",
            "-A",
            "neither a network nor an interface",
        ),
        (
            "list",
            "proxy",
            "`reboot`",
            "neither a network nor an interface",
        ),
        ("list", "public_address", "a b", "neither auto"),
        ("list", "public_address", "1.2.3", "not an"),
        ("option", "livesync", "lan;", "neither an IPv4 address"),
        ("option", "proxy_header", "cookie", ""),
        ("option", "decoys", "101", "not a"),
        ("option", "save_interval", "-1", "not a time"),
        ("list", "directive", "-m 1M", "the name of a directive"),
        ("list", "directive", "$(id) 1", "the name of a directive"),
        ("list", "directive", "tracker.interval", "no value"),
        (
            "list",
            "directive",
            "tracker.intervall 30m",
            "unknown directive",
        ),
        (
            "list",
            "directive",
            "tracker.interval 30m\nlisten.tcp ::",
            "a line end",
        ),
    ];
    let sections: Vec<_> = refused
        .iter()
        .map(|(kind, option, value, _)| format!("{kind} {option} {}", quoted(value)))
        .collect();
    let sections: Vec<_> = sections
        .into_iter()
        .map(
            |options| match options.contains(" livesync ") || !options.contains(" watch ") {
                true => options,
                false => format!("option mode 'whitelist'\n{options}"),
            },
        )
        .collect();
    root.configure_each(sections.iter().map(String::as_str));
    let (record, log) = root.refused("start");
    assert!(
        record.instances().is_empty() && root.files().is_empty(),
        "{:?}",
        root.files()
    );
    for (number, (_, option, value, reason)) in refused.iter().enumerate() {
        let place = format!("wrtracker.t{number}.{option}: ");
        let told = log
            .lines()
            .any(|line| line.contains(&place) && line.contains(reason));
        // What doesn't go together with something else is told of by the directives.
        let told = told || reason.is_empty();
        assert!(told, "{place}{value:?}: not {reason:?} in\n{log}");
    }
    assert!(!root.has("pwned"));
}

/// Each of these alone keeps the tracker from starting, and one that is wrong all of them.
#[test]
fn one_bad_value_starts_nothing_and_stops_nothing() {
    let root = root!("one_bad_value_starts_nothing_and_stops_nothing");
    let bad = "option interval '60'\noption peer_timeout '60'";
    root.configure(bad);
    let (record, log) = root.refused("start");
    assert!(record.instances().is_empty(), "{}", record.0);
    assert!(log.contains("peer_timeout"), "{log}");
    root.configure_each(["", bad, "option numwant '20'"]);
    assert!(root.refused("start").0.instances().is_empty());
    assert!(root.files().is_empty());

    root.configure("option numwant '20'");
    root.service("start");
    root.write("running", "main\n");
    let files = |root: &Root| root.rendered("main.start.conf") + &root.rendered("main.conf");
    let before = files(&root);
    for bad in [
        bad,
        "option udp_port '1'",
        "option numwant 'x y'",
        "list whitelist 'x'\noption mode 'whitelist'",
    ] {
        root.configure(bad);
        let (record, log) = root.refused("reload");
        assert_eq!(record.0, "", "procd was told something: {bad}");
        assert!(log.contains("what runs goes on as it was"));
        assert_eq!(files(&root), before);
    }
}

#[test]
fn hostile_values_that_do_no_harm_come_out_as_they_are() {
    let root = root!("hostile_values_that_do_no_harm_come_out_as_they_are");
    let values = [
        "$(touch pwned)",
        "`touch pwned`",
        "'; touch pwned; '",
        "\"; touch pwned; \"",
        "a'b\"c\\d",
        "* ? [a-z] ~ {a,b}",
        "-n",
        "--",
        "%s%n$IFS",
        "a#b;c&d|e>f<g",
        "\\",
        "\u{fc}\u{4e2d}",
        &"z".repeat(250),
    ];
    // A path may be anything.
    let sections: Vec<_> = values
        .iter()
        .map(|value| format!("access.fifo_add {value}"))
        .map(|line| format!("option mode 'whitelist'\nlist directive {}", quoted(&line)))
        .collect();
    root.configure_each(sections.iter().map(String::as_str));
    root.service("start");
    for (number, value) in values.iter().enumerate() {
        let text = root.rendered(&format!("t{number}.start.conf"));
        let line = format!("access.fifo_add {value}");
        assert!(text.lines().any(|has| has == line), "{value:?} in {text}");
    }
    assert!(!root.has("pwned"));
}

#[test]
fn lists_are_files_of_hashes_alone() {
    let root = root!("lists_are_files_of_hashes_alone");
    let second = HASH.to_uppercase();
    root.configure(&format!(
        "option mode 'whitelist'\nlist whitelist '{HASH} it'\\''s $(mine) # really'\nlist whitelist '{second}'\n\
         list blacklist 'of no concern'"
    ));
    root.service("start");
    assert_eq!(
        root.read(&format!("{OUT}/main.whitelist")),
        format!("{HASH} it's $(mine) # really\n{second}\n")
    );
    assert!(!root.has(&format!("{OUT}/main.blacklist")));
    for bad in [
        &HASH[1..],
        &format!("{HASH}0"),
        &format!(" {HASH}"),
        &HASH.replace('a', "g"),
        &format!("{HASH}\n{HASH}"),
        "#",
        "-",
    ] {
        root.configure(&format!(
            "option mode 'blacklist'\nlist blacklist {}",
            quoted(bad)
        ));
        let log = root.refused("start").1;
        assert!(
            log.contains("daemon.err wrtracker.main.blacklist: "),
            "{bad}: {log}"
        );
    }
    root.configure(&format!(
        "option mode 'whitelist'\nlist whitelist '{HASH}'\noption whitelist_file '/etc/wrtracker/x'"
    ));
    let log = root.refused("start").1;
    assert!(
        log.contains("wrtracker.main.whitelist_file: there are entries"),
        "{log}"
    );
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
    // Interfaces tell of themselves all the time.
    assert_eq!(root.service("reload interface").0, "");
    // Unless the tracker has given up, perhaps for want of an address.
    root.write("running", "");
    let record = root.service("reload interface");
    assert!(record.instances() == ["main"] && !hup(&record));
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
        "everybody",
        "forwarded",
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
fn listeners_follow_interfaces_and_are_never_all_for_want_of_one() {
    let root = root!("listeners_follow_interfaces_and_are_never_all_for_want_of_one");
    root.configure("list listen 'lan'\nlist listen 'later'");
    let without_lan = NETWORK.replace("lan ", "old ");
    root.write("network", &without_lan);
    let (record, done) = root.try_service("start");
    assert!(done && record.instances().is_empty() && root.files().is_empty());
    assert!(
        root.log()
            .contains("waiting for an interface to listen at: main")
    );
    for name in ["lan", "later"] {
        let words = [
            "interface_trigger",
            "interface.*",
            name,
            "/etc/init.d/wrtracker",
            "reload",
            "interface",
        ];
        assert!(record.has(&words), "{}", record.0);
    }
    root.write("log", "");
    root.write(
        "network",
        NETWORK
            .replace("192.168.1.1", "127.0.0.1")
            .replace("2001:db8:5::1 fd00:5::1", "::1"),
    );
    let record = root.service("reload interface");
    assert_eq!(record.instances(), ["main"]);
    let listens = |root: &Root| {
        let text = root.rendered("main.start.conf");
        let lines = text.lines().filter(|line| line.starts_with("listen"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let both = ["listen.tcp_udp 127.0.0.1:6969", "listen.tcp_udp [::1]:6969"];
    assert_eq!(listens(&root), both);
    root.write("running", "main\n");
    // It goes down and will come back with its addresses: no reason to stop.
    root.write("network", &without_lan);
    assert_eq!(root.service("reload interface").0, "");
    assert_eq!(listens(&root), both);
}

#[test]
fn a_public_address_is_one_of_the_internet() {
    let root = root!("a_public_address_is_one_of_the_internet");
    root.configure("list lan 'lan'\nlist public_address 'shared'\nlist public_address 'wan6'");
    let (record, done) = root.try_service("start");
    assert!(done && record.instances() == ["main"]);
    let log = root.log();
    assert!(
        log.contains("daemon.notice wrtracker.main.public_address: shared has 100.64.3.4"),
        "{log}"
    );
    let text = root.rendered("main.conf");
    assert!(text.contains("lan.public_address 2001:db8:ffff::7\n") && !text.contains("100.64"));
    let shared = [
        "10.1.2.3",
        "192.168.0.2",
        "172.16.0.1",
        "172.31.255.1",
        "100.64.0.1",
        "100.99.0.1",
        "100.127.9.9",
    ];
    let public = [
        "11.1.2.3",
        "192.167.0.2",
        "172.15.0.1",
        "172.32.0.1",
        "100.63.0.1",
        "100.128.0.1",
        "99.64.0.1",
    ];
    root.configure("list lan 'lan'\nlist public_address 'wan'");
    for (addresses, told) in [(shared, false), (public, true)] {
        for address in addresses {
            root.write("network", NETWORK.replace("203.0.113.7", address));
            root.try_service("start");
            let line = format!("lan.public_address {address}\n");
            assert_eq!(
                root.rendered("main.conf").contains(&line),
                told,
                "{address}"
            );
        }
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

#[test]
fn the_firewall_is_told_what_is_asked_for() {
    let root = root!("the_firewall_is_told_what_is_asked_for");
    let rules = |record: &Record| {
        let all = record.0.replace("close_object", "|");
        let (_, rest) = all.split_once("data\narray\tfirewall\n").expect("rules");
        let (rules, _) = rest.split_once("close_array").expect("their end");
        rules
            .replace("object\t\n", "")
            .replace("string\t", "")
            .replace('\t', "=")
            .replace('\n', " ")
    };
    root.configure("option internet '1'");
    let record = root.service("start");
    assert_eq!(
        rules(&record),
        "type=rule name=Allow-wrtracker-main-udp src=wan proto=udp dest_port=6969 target=ACCEPT | \
         type=rule name=Allow-wrtracker-main-tcp src=wan proto=tcp dest_port=6969 target=ACCEPT | "
    );
    root.configure(
        "option internet '1'\noption tcp_port '0'\noption udp_port '7000'\noption mdns '1'",
    );
    let record = root.service("start");
    assert_eq!(
        rules(&record),
        "type=rule name=Allow-wrtracker-main-udp src=wan proto=udp dest_port=7000 target=ACCEPT | "
    );
    assert!(!record.0.contains("mdns"), "there is no HTTP to tell of");
    root.configure("option mdns '1'");
    let record = root.service("start");
    assert!(record.has(&[
        "mdns_service",
        "bittorrent-tracker",
        "tcp",
        "6969",
        "path=/announce"
    ]));
    assert!(!record.0.contains("firewall"));
}

#[test]
fn connection_tracking_is_spared_both_ways() {
    let root = root!("connection_tracking_is_spared_both_ways");
    root.write("sbin/fw4", "");
    root.make_executable("sbin/fw4");
    let rules =
        |root: &Root| ["in", "out"].map(|way| root.read(&format!("{OUT}/notrack-{way}.nft")));
    let reloads = |record: &Record| record.has(&["config_changed", "firewall"]);
    root.configure("option notrack '1'");
    assert!(reloads(&root.service("start")));
    assert_eq!(
        rules(&root),
        [
            "fib daddr type local udp dport 6969 notrack comment \"wrtracker main\"\n",
            "udp sport 6969 notrack comment \"wrtracker main\"\n"
        ]
    );
    // Once is enough.
    assert!(!reloads(&root.service("reload")) && !reloads(&root.service("start")));
    root.configure("option notrack '1'\noption notrack_tcp '1'\noption tcp_port '7000'");
    assert!(reloads(&root.service("reload")));
    assert_eq!(rules(&root).map(|text| text.lines().count()), [2, 2]);
    assert!(reloads(&root.service("stop")));
    assert_eq!(rules(&root), ["", ""]);
    assert!(!reloads(&root.service("stop")));
    root.service("start");
    root.configure("option notrack_tcp '1'\noption tcp_port '0'");
    assert!(reloads(&root.service("reload")));
    assert_eq!(rules(&root), ["", ""]);
    root.remove("sbin/fw4");
    root.configure("option notrack '1'");
    root.try_service("start");
    assert!(
        root.log().contains("there is no firewall4"),
        "{}",
        root.log()
    );
}

#[test]
fn what_the_configuration_means_can_be_asked() {
    let root = root!("what_the_configuration_means_can_be_asked");
    root.configure("option memory '4M'\nlist listen '127.0.0.1'");
    let output = root.run("/etc/init.d/wrtracker check");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("main:\nlisten: tcp and udp 127.0.0.1:6969\n"),
        "{said}"
    );
    assert!(said.contains("memory limit 4.0 MiB"), "{said}");
    root.configure("option udp_port 'x'");
    assert!(!root.run("/etc/init.d/wrtracker check").status.success());
    assert!(root.files().is_empty());
}

/// The options of the configuration that the package has, with what stands there: those in comments
/// too.
fn shipped_options() -> BTreeMap<String, (String, String)> {
    let text = fs::read_to_string(Path::new(FILES).join("wrtracker.config")).unwrap();
    let mut options = BTreeMap::new();
    let mut explained = false;
    for line in text.lines() {
        let line = line.trim();
        let (set, rest) = match line.strip_prefix('#') {
            Some(rest) => (false, rest),
            None => (true, line),
        };
        let mut words = rest.splitn(3, ' ');
        let (kind, name, value) = (words.next(), words.next(), words.next());
        match (kind, name, value) {
            (Some(kind @ ("option" | "list")), Some(name), Some(value)) => {
                assert!(explained, "{name} isn't explained");
                let value = if set { value.trim_matches('\'') } else { "" };
                options.insert(name.to_owned(), (kind.to_owned(), value.to_owned()));
            }
            _ => explained = !set,
        }
    }
    options
}

#[test]
fn every_option_is_explained_tested_and_in_the_table() {
    let shipped = shipped_options();
    let names: BTreeSet<_> = shipped.keys().map(String::as_str).collect();
    // By this file.
    let mut tested: BTreeSet<_> = OTHERS.into();
    for (options, ..) in OPTIONS {
        let named = options.lines().filter_map(|line| line.split(' ').nth(1));
        tested.extend(named);
    }
    assert_eq!(names, tested);
    // By the script.
    let script = fs::read_to_string(Path::new(FILES).join("wrtracker.init")).unwrap();
    let mut used = BTreeSet::new();
    for line in script.lines().map(str::trim) {
        let words: Vec<_> = line.split(' ').collect();
        let name = match words[..] {
            ["config_get", _, "\"$section\"", name, ..] => name,
            [
                "read_bool" | "read_port" | "plain" | "each" | "allowed",
                name,
                ..,
            ] => name,
            [_, "||" | "&&", "allowed", name, ..] => name,
            _ => continue,
        };
        used.insert(name);
    }
    used.extend([
        "fullscrape_from",
        "whitelist",
        "blacklist",
        "whitelist_file",
        "blacklist_file",
        "save_interval",
    ]);
    used.retain(|name| !name.contains(['$', '"']));
    assert_eq!(names, used);
    // The README's rows: option, kind, default.
    let readme = include_str!("../../openwrt/README.md");
    let mut rows = BTreeMap::new();
    for line in readme.lines() {
        let cells: Vec<_> = line.split(" | ").collect();
        if let [name, kind @ ("option" | "list"), default, _] = cells[..] {
            let name = name.trim_start_matches("| ").trim_matches('`');
            rows.insert(
                name.to_owned(),
                (kind.to_owned(), default.trim_matches('`').to_owned()),
            );
        }
    }
    let mut wanted = String::new();
    for (name, (kind, default)) in &shipped {
        let _ = writeln!(wanted, "| `{name}` | {kind} | `{default}` |");
    }
    assert_eq!(rows, shipped, "rows:\n{wanted}");
}

#[test]
fn scripts_are_clean() {
    if find_program("shellcheck").is_none() {
        skip("scripts_are_clean: there is no shellcheck");
        return;
    }
    let mut scripts = vec![Path::new(FILES).join("wrtracker.init")];
    for script in [
        "etc/rc.common",
        "usr/bin/logger",
        "lib/functions.sh",
        "lib/functions/network.sh",
        "lib/functions/procd.sh",
    ] {
        scripts.push(Path::new(STAND_INS).join(script));
    }
    let output = Command::new("shellcheck")
        .args(["-s", "dash"])
        .args(scripts)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
}
