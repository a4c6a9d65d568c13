//! What becomes of each option of the configuration.

use wrtracker_tests::openwrt::{NETWORK, OUT, quoted};

use crate::{HASH, root};

/// What is in the files of a tracker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum In {
    /// What the program takes at its start alone.
    Start,
    /// What it takes again on SIGHUP.
    Reload,
}

use In::{Reload, Start};

/// Each option of the configuration as one writes it, and the lines that come of it.
pub(crate) const OPTIONS: &[(&str, In, &str)] = &[
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
    (
        "option private '1'\noption keys_file '/etc/wrtracker/keys'",
        Start,
        "tracker.mode private",
    ),
    (
        "option private '1'\noption keys_file '/etc/wrtracker/keys'",
        Start,
        "access.keys /etc/wrtracker/keys",
    ),
    (
        "option private '1'\noption keys_file '/etc/wrtracker/keys'\noption watch '1'",
        Start,
        "access.watch on",
    ),
    (
        "option private '1'\noption keys_file '/etc/wrtracker/keys'\noption mode 'both'",
        Start,
        "tracker.mode private_listed",
    ),
    (
        "option private '1'\noption keys_file '/etc/wrtracker/keys'\nlist signed_by '95d8af39c801343c8b48af6fece76a9627ffdbba41e69966f50f2ad285188396'",
        Start,
        "tracker.mode private_listed",
    ),
    (
        "list signed_by '95d8af39c801343c8b48af6fece76a9627ffdbba41e69966f50f2ad285188396'",
        Start,
        "access.signed_by 95d8af39c801343c8b48af6fece76a9627ffdbba41e69966f50f2ad285188396",
    ),
    (
        "list api_token 'admin a-token-of-the-tests'",
        Start,
        "api.token admin a-token-of-the-tests",
    ),
    (
        "list api_token 'admin a-token-of-the-tests'\nlist api_listen '127.0.0.1:1213'",
        Start,
        "api.listen 127.0.0.1:1213",
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
    ("option udp_workers '2'", Start, "listen.udp.workers 2"),
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
    (
        "option grants_dir '/etc/wrtracker'\nlist api_token 'admin a-token-of-the-tests'",
        Start,
        "state.grants /etc/wrtracker/{}.grants",
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
pub(crate) const OTHERS: [&str; 9] = [
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
    root.write("etc/wrtracker/keys", "0123456789abcdefghijABCDEFGHIJxz\n");
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
