//! What depends on interfaces, and what the firewall is told.

use wrtracker_tests::openwrt::{NETWORK, OUT, Record, Root};

use crate::root;

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
