//! Every kind of value at the ends of its range and beyond.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use crate::options::{Action, Entry, Range, Reason, by_directive, table};
use crate::settings::Settings;

fn store(entry: &Entry, values: &[&[u8]]) -> Result<Settings, Reason> {
    let mut settings = Settings::default();
    for value in values {
        entry.store(&mut settings, OsStr::from_bytes(value))?;
    }
    Ok(settings)
}

/// That the values are refused with `reason`, and change nothing.
fn assert_refused(entry: &Entry, values: &[&str], reason: Reason) {
    for value in values {
        let mut settings = Settings::default();
        let result = entry.store(&mut settings, OsStr::new(value));
        assert_eq!(result, Err(reason), "{:?} {value}", entry.directive);
        assert_eq!(
            settings,
            Settings::default(),
            "{:?} {value}",
            entry.directive
        );
    }
}

#[test]
fn numbers_and_times_are_taken_up_to_their_ends_and_the_last_counts() {
    for entry in table() {
        let Range::Numbers(least, most) = entry.range else {
            continue;
        };
        let is_time = match entry.action {
            Action::Number(_) => false,
            Action::Time(_) => true,
            // Ports, which have tests of their own.
            _ => continue,
        };
        let (low, high) = (least.to_string(), most.to_string());
        let one = store(entry, &[low.as_bytes(), high.as_bytes()]);
        assert_eq!(
            one,
            store(entry, &[high.as_bytes()]),
            "{:?}",
            entry.directive
        );
        assert_ne!(
            one,
            store(entry, &[low.as_bytes()]),
            "{:?}",
            entry.directive
        );
        let above = (u64::from(most) + 1).to_string();
        let below = least.checked_sub(1).map(|number| number.to_string());
        let bad = [
            &above,
            "-1",
            "+1",
            "1.5",
            "x",
            "1e3",
            "0x10",
            "1 0",
            "99999999999999999999",
        ];
        let (reason, units) = if is_time {
            (Reason::NotATime(least, most), "")
        } else {
            (Reason::NotANumber(least, most), "1m")
        };
        assert_refused(entry, &bad, reason);
        assert_refused(
            entry,
            &below.as_deref().map_or(vec![], |one| vec![one]),
            reason,
        );
        if !units.is_empty() {
            assert_refused(entry, &[units], reason);
        }
        assert_refused(entry, &[""], Reason::NoValue);
    }
}

#[test]
fn times_may_have_units() {
    let entry = by_directive(b"tracker.interval").unwrap();
    for (value, seconds) in [("45m", 2_700), ("7h", 25_200), ("90s", 90), ("60", 60)] {
        let settings = store(entry, &[value.as_bytes()]).unwrap();
        assert_eq!(settings.draft.interval, seconds);
    }
    assert_refused(entry, &["8h", "1d"], Reason::NotATime(1, 25_200));
}

#[test]
fn of_choices_each_word_is_taken_and_nothing_else() {
    for entry in table() {
        let Action::Choice(choices) = entry.action else {
            continue;
        };
        let name = entry.directive;
        let mut distinct: Vec<Settings> = Vec::new();
        for (word, _) in choices {
            let alone = store(entry, &[word.as_bytes()]).unwrap();
            let last = store(entry, &[choices[0].0.as_bytes(), word.as_bytes()]).unwrap();
            assert_eq!(alone, last, "{name:?} {word}");
            assert!(!distinct.contains(&alone), "{name:?} {word}");
            distinct.push(alone);
            // What holds without it is one of the words.
        }
        let default = entry.default.contains(' ') || distinct.contains(&Settings::default());
        assert!(default, "{name:?}");
        assert_refused(
            entry,
            &["ON", "yes", "1", "o"],
            Reason::NotAChoice(entry.value),
        );
        assert_refused(entry, &[""], Reason::NoValue);
    }
}

#[test]
fn paths_are_bytes_but_zeros_up_to_a_length_and_the_last_counts() {
    for entry in table() {
        let Action::Path(place) = entry.action else {
            continue;
        };
        let longest = [b'x'; 4095];
        let mut settings = store(entry, &[b"first", b"/a b/\xff#", &longest]).unwrap();
        let path = place(&mut settings).clone().unwrap();
        assert_eq!(path.as_os_str().as_bytes(), longest);
        let mut settings = store(entry, &[b"/a b/\xff#"]).unwrap();
        let path = place(&mut settings).clone().unwrap();
        assert_eq!(path.as_os_str().as_bytes(), b"/a b/\xff#");
        let long = "x".repeat(4096);
        assert_refused(entry, &[&long], Reason::TooLong(4095));
        assert_refused(entry, &["a\0b"], Reason::Zero);
        assert_refused(entry, &[""], Reason::NoValue);
    }
}

#[test]
fn networks_add_up_to_a_number_and_no_further() {
    let bad = ["10", "localhost", "10/x", "1.2.3.4:80", "*"];
    let mut grants = Settings::default();
    for entry in table() {
        let most = match entry.action {
            Action::Grant(_) => 64,
            Action::Network(_) => 8,
            _ => continue,
        };
        assert_refused(entry, &bad, Reason::NotANetwork);
        assert_refused(entry, &["1.2.3.4/33", "::/129"], Reason::TooManyBits);
        assert_refused(entry, &[""], Reason::NoValue);
        let full = vec![b"192.168/16".as_slice(); most];
        assert!(store(entry, &full).is_ok(), "{:?}", entry.directive);
        let over = vec![b"192.168/16".as_slice(); most + 1];
        assert_eq!(store(entry, &over), Err(Reason::TooMany(most)));
        // All kinds of grants share one number.
        if let Action::Grant(right) = entry.action {
            entry
                .store(&mut grants, OsStr::new("2001:db8::/32"))
                .unwrap();
            assert_eq!(grants.draft.grants.last().unwrap().right, right);
        }
    }
    assert_eq!(grants.draft.grants.len(), 5);
    let lan = by_directive(b"lan.network").unwrap();
    assert_eq!(
        store(lan, &[b"fd00::/8".as_slice(); 17]),
        Err(Reason::TooMany(16))
    );
    assert_refused(lan, &bad, Reason::NotANetwork);
}

#[test]
fn addresses_of_the_lan_and_of_live_sync_lead_to_one_machine() {
    let public = by_directive(b"lan.public_address").unwrap();
    assert_refused(
        public,
        &["0.0.0.0", "::", "255.255.255.255", "224.0.0.1", "ff02::1"],
        Reason::NotPublic,
    );
    assert_refused(
        public,
        &["home", "1.2.3.4/24", "AUTO"],
        Reason::NotAnAddress,
    );
    let listen = by_directive(b"livesync.cluster.listen").unwrap();
    assert_refused(listen, &["::1", "[::1]:9696"], Reason::NotIpv4);
    assert_refused(listen, &["1.2.3.4:0"], Reason::NotANumber(1, 65_535));
    assert_refused(listen, &["1.2.3.4:x"], Reason::NotAPort);
    assert_refused(listen, &["9696"], Reason::NotAnAddress);
    assert_eq!(store(listen, &[b"1.2.3.4", b"1.2.3.4"]), Err(Reason::Twice));
}

#[test]
fn text_for_the_outside_is_printable() {
    let path = by_directive(b"access.stats_path").unwrap();
    for good in ["stats", "my/stats", "S", "sta-ts_1", "metrics2", "s/c", "A"] {
        store(path, &[good.as_bytes()]).unwrap();
    }
    let bad = [
        "/stats",
        "a",
        "announce",
        "admin",
        "sc",
        "scrape",
        "metrics",
        "my stats",
        "st?ts",
        "s#x",
        "s%20",
        "caf\u{e9}",
        "x\r\ny",
    ];
    assert_refused(path, &bad, Reason::NotAStatsPath);
    assert_refused(path, &["x".repeat(65).as_str()], Reason::TooLong(64));
    store(path, &["x".repeat(64).as_bytes()]).unwrap();
    let url = by_directive(b"tracker.redirect_url").unwrap();
    let bad = [
        "http://x/\r\nSet-Cookie: a",
        "http://x/\n",
        "http://a b",
        "http://\u{e9}",
        "\t",
        "\u{7f}",
    ];
    assert_refused(url, &bad, Reason::NotAUrl);
    assert_refused(url, &["x".repeat(257).as_str()], Reason::TooLong(256));
    store(url, &["x".repeat(256).as_bytes()]).unwrap();
    let user = by_directive(b"tracker.user").unwrap();
    assert_refused(user, &["a b", "a/b", "\u{e9}", "a\nb"], Reason::NotAUser);
    assert_refused(user, &["x".repeat(65).as_str()], Reason::TooLong(64));
    for good in ["_opentracker", "1000", "1000:1000", "www-data"] {
        store(user, &[good.as_bytes()]).unwrap();
    }
    for entry in [path, url, user] {
        assert_eq!(store(entry, &[b"\xff"]), Err(Reason::NotText));
        assert_refused(entry, &[""], Reason::NoValue);
    }
}
