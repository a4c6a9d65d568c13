//! Values that would be something else where they are written to.

use wrtracker_tests::openwrt::{Root, quoted};

use crate::root;

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
        ("option", "peer_timeout", "60", "must be more than 1980"),
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
        ("option", "blacklist_file", "/list", "in a folder"),
        ("option", "blacklist_file", "list", "in a folder"),
        ("option", "private", "yes, please", "neither 0 nor 1"),
        ("list", "api_token", "admin short", "not read or admin"),
        ("list", "signed_by", "me", "not an Ed25519 public key"),
        (
            "option",
            "blacklist_file",
            "/etc/my list",
            "a path may have",
        ),
        (
            "option",
            "whitelist_file",
            "/etc/$(id)/x",
            "a path may have",
        ),
        ("option", "state_dir", "-rf", "not a path from /"),
        ("option", "completed_dir", "/mnt/$(id)", "a path may have"),
        ("option", "grants_dir", "/mnt/$(id)", "a path may have"),
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
        ("option", "proxy_header", "cookie", "not one of"),
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
    // Of lists it minds what is in force.
    let sections = refused.map(|(kind, option, value, _)| {
        let value = quoted(value);
        format!("option mode 'both'\n{kind} {option} {value}")
    });
    root.configure_each(sections.iter().map(String::as_str));
    let (record, log) = root.refused("start");
    assert!(
        record.instances().is_empty() && root.files().is_empty(),
        "{:?}",
        root.files()
    );
    for (number, (_, option, value, reason)) in refused.iter().enumerate() {
        // Where values don't go together, the program names them itself.
        let tracker = format!("wrtracker.t{number}: ");
        let place = format!("wrtracker.t{number}.{option}: ");
        let told = log.lines().any(|line| {
            (line.contains(&place) || line.contains(&tracker)) && line.contains(reason)
        });
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
