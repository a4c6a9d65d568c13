//! Torrust's database into our files and back, by the program that does it, with databases that are
//! as they should be and with others.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use rusqlite::Connection;

/// As Torrust Tracker 3.0.0 makes them.
const TABLES: &str = "
CREATE TABLE whitelist (
    id INTEGER PRIMARY KEY AUTOINCREMENT, info_hash TEXT NOT NULL UNIQUE);
CREATE TABLE torrents (
    id INTEGER PRIMARY KEY AUTOINCREMENT, info_hash TEXT NOT NULL UNIQUE,
    completed INTEGER DEFAULT 0 NOT NULL);
CREATE TABLE keys (
    id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, valid_until INTEGER);
";

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = env::temp_dir().join(format!("wrtracker-torrust-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).expect("a folder");
        Self(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("text").into()
    }

    fn database(&self, name: &str, sql: &str) -> String {
        let path = self.path(name);
        let database = Connection::open(&path).expect("a database");
        database.execute_batch(sql).expect("good SQL");
        path
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect("a file of text")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_wrtracker-torrust"))
        .args(arguments)
        .output()
        .expect("the program")
}

/// Runs it; it must go well. What it said on both streams.
fn go(arguments: &[&str]) -> String {
    let output = run(arguments);
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8(said).expect("text");
    assert!(output.status.success(), "{said}");
    said
}

/// Runs it; it must fail with this among what it says.
fn fail(arguments: &[&str], reason: &str) {
    let output = run(arguments);
    let said = String::from_utf8(output.stderr).expect("text");
    assert!(!output.status.success() && said.contains(reason), "{said}");
}

const KEY: &str = "YZSl4lMZupRuOpSRC3krIKR5BPB14nrJ";
const OTHER: &str = "0123456789abcdefghijABCDEFGHIJ01";
const HASH: &str = "3b245504cf5f11bbdbe1201cea6a6bf45aee1bc0";

fn rows(path: &str, select: &str) -> Vec<(String, Option<i64>)> {
    let database = Connection::open(path).expect("a database");
    let mut select = database.prepare(select).expect("good SQL");
    let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    rows.expect("rows").map(|row| row.expect("a row")).collect()
}

#[test]
fn everything_comes_over_and_goes_back() {
    let folder = Folder::new("all");
    let database = folder.database(
        "torrust.db",
        &format!(
            "{TABLES}
            INSERT INTO keys (key, valid_until) VALUES ('{KEY}', 1900000000), ('{OTHER}', NULL);
            INSERT INTO whitelist (info_hash) VALUES ('{HASH}');
            INSERT INTO torrents (info_hash, completed) VALUES ('{HASH}', 42), ('{}', 0);",
            "A".repeat(40),
        ),
    );
    let (keys, list) = (folder.path("keys"), folder.path("list"));
    let (torrents, grants) = (folder.path("torrents"), folder.path("grants"));
    let all = [
        "--keys",
        &keys,
        "--whitelist",
        &list,
        "--torrents",
        &torrents,
        "--grants",
        &grants,
    ];
    let said = go(&[&["import", &database][..], &all].concat());
    assert_eq!(
        said,
        "torrents: 2\nkeys: 2\nwhitelist: 1\ngranted keys: 2\ngranted info hashes: 1\n"
    );
    assert_eq!(folder.read("keys"), format!("{KEY} 1900000000\n{OTHER}\n"));
    assert_eq!(folder.read("list"), format!("{HASH}\n"));
    let text = folder.read("torrents");
    let line = format!("{}:0:42\n", HASH.to_uppercase());
    let head = "# wrtracker torrents 1\n";
    assert!(text.starts_with(&format!("{head}{line}# end 1 ")), "{text}");
    // Once more: what is granted already isn't written again, and no file is written over.
    let length = fs::metadata(&grants).expect("a file").len();
    let bytes = fs::read(&grants).expect("a file");
    go(&["import", &database, "--grants", &grants]);
    assert_eq!(fs::read(&grants).expect("a file"), bytes);
    assert_eq!(length, 4096);
    fail(
        &["import", &database, "--keys", &keys],
        "it is there already",
    );
    // And back into a database that isn't there yet, from both kinds of files.
    for from in [&all[..6], &["--grants", &grants, "--torrents", &torrents]] {
        let back = folder.path("back.db");
        let _ = fs::remove_file(&back);
        go(&[&["export", &back][..], from].concat());
        let mut keys = rows(&back, "SELECT key, valid_until FROM keys ORDER BY key");
        keys.sort();
        let expected = [(OTHER.into(), None), (KEY.into(), Some(1_900_000_000))];
        assert_eq!(keys, expected);
        let listed = rows(&back, "SELECT info_hash, NULL FROM whitelist");
        assert_eq!(listed, [(HASH.into(), None)]);
        let counts = rows(&back, "SELECT info_hash, completed FROM torrents");
        assert_eq!(counts, [(HASH.into(), Some(42))]);
    }
}

#[test]
fn a_database_keeps_what_it_has_and_the_larger_count() {
    let folder = Folder::new("keeps");
    let database = folder.database(
        "torrust.db",
        &format!(
            "{TABLES}
            INSERT INTO keys (key, valid_until) VALUES ('{KEY}', 5);
            INSERT INTO torrents (info_hash, completed) VALUES ('{HASH}', 42), ('{}', 1);",
            "b".repeat(40)
        ),
    );
    let keys = folder.path("keys");
    fs::write(
        &keys,
        format!("{KEY} 7\n{OTHER} 9 {HASH}\n{OTHER} - - 3\nshort\n"),
    )
    .expect("a file");
    let dump = folder.path("dump");
    fs::write(
        &dump,
        format!("{HASH}:0:41\n{}:9:2\nnonsense\n", "B".repeat(40)),
    )
    .expect("a file");
    let said = go(&["export", &database, "--keys", &keys, "--torrents", &dump]);
    assert!(
        said.contains("keys: 1\n") && said.contains("3 left out, the first: line 2"),
        "{said}"
    );
    assert!(
        said.contains("Torrust doesn't know") && !said.contains(OTHER),
        "{said}"
    );
    assert_eq!(
        rows(&database, "SELECT key, valid_until FROM keys"),
        [(KEY.into(), Some(7))]
    );
    assert_eq!(
        rows(&database, "SELECT info_hash, completed FROM torrents"),
        [(HASH.into(), Some(42)), ("b".repeat(40), Some(2))]
    );
}

#[test]
fn what_a_hostile_database_has_is_left_out_by_its_place_alone() {
    let folder = Folder::new("hostile");
    let database = folder.database(
        "torrust.db",
        &format!(
            "CREATE TABLE keys (id INTEGER PRIMARY KEY, key, valid_until);
            CREATE TABLE whitelist (id INTEGER PRIMARY KEY, info_hash);
            CREATE TABLE torrents (id INTEGER PRIMARY KEY, info_hash, completed);
            INSERT INTO keys (key, valid_until) VALUES
                ('{KEY}', 'soon'), ('{KEY}', -1), ('{KEY}', 1.5), ('{KEY}', x'00'),
                ('{KEY}', 9223372036854775807), (x'{}', 1), ('{KEY}x', 1), (NULL, 1), (7, 1),
                ('{}', 1), ('{KEY}' || char(0) || 'more', 1), ('0123456789abcdefghij-BCDEFGHIJ01', 1),
                (CAST(zeroblob(50000000) AS TEXT), 1), ('{OTHER}', 3);
            INSERT INTO whitelist (info_hash) VALUES
                ('{HASH}0'), (x'{HASH}'), (NULL), ('{}'), (1), ('{HASH}');
            INSERT INTO torrents (info_hash, completed) VALUES
                ('{HASH}', -1), ('{HASH}', 4294967296), ('{HASH}', 'many'), ('{HASH}', NULL),
                ('{HASH}', 2.5), ('', 1), ('{HASH}', 4294967295);",
            "41".repeat(32),
            "\u{e9}".repeat(16),
            "g".repeat(40),
        ),
    );
    let (keys, list, torrents) = (
        folder.path("keys"),
        folder.path("list"),
        folder.path("torrents"),
    );
    let said = go(&[
        "import",
        &database,
        "--keys",
        &keys,
        "--whitelist",
        &list,
        "--torrents",
        &torrents,
    ]);
    assert_eq!(folder.read("keys"), format!("{OTHER} 3\n"));
    assert_eq!(folder.read("list"), format!("{HASH}\n"));
    assert_eq!(
        folder.read("torrents").lines().nth(1),
        Some(&*format!("{}:0:4294967295", HASH.to_uppercase()))
    );
    assert!(
        said.contains("keys: 13 left out, the first: table keys, id 1: no time"),
        "{said}"
    );
    assert!(
        said.contains("whitelist: 5 left out") && said.contains("torrents: 6 left out"),
        "{said}"
    );
    assert!(!said.contains(KEY), "{said}");
}

#[test]
fn what_is_no_database_of_torrusts_is_said_and_nothing_is_written() {
    let folder = Folder::new("other");
    let keys = folder.path("keys");
    let missing = folder.database("missing.db", "CREATE TABLE other (id INTEGER);");
    fail(
        &["import", &missing, "--keys", &keys],
        "there is no table keys",
    );
    let endless = folder.database(
        "endless.db",
        "CREATE VIEW keys AS WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n)
            SELECT id, 'k' AS key, 1 AS valid_until FROM n;",
    );
    fail(
        &["import", &endless, "--keys", &keys],
        "there is no table keys",
    );
    let columns = folder.database("columns.db", "CREATE TABLE keys (id INTEGER, key TEXT);");
    fail(&["import", &columns, "--keys", &keys], "no such column");
    let text = folder.path("text");
    fs::write(
        &text,
        "no database at all, but long enough to be taken for one".repeat(100),
    )
    .expect("a file");
    fail(&["import", &text, "--keys", &keys], "not a database");
    fail(
        &["import", &folder.path("nowhere"), "--keys", &keys],
        "unable to open",
    );
    fail(&["export", &text, "--keys", &text], "not a database");
    let names = fs::read_dir(&folder.0).expect("the folder");
    let names = names.map(|entry| entry.expect("an entry").file_name());
    assert!(
        names
            .into_iter()
            .all(|name| name != "keys" && name != "keys.tmp")
    );
    // An old database takes no key without end; the others come in.
    let old = folder.database(
        "old.db",
        "CREATE TABLE keys (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE,
            valid_until INTEGER NOT NULL);",
    );
    fs::write(&keys, format!("{KEY}\n{OTHER} 5\n")).expect("a file");
    let said = go(&["export", &old, "--keys", &keys]);
    assert!(said.contains("line 1: a key without end"), "{said}");
    assert_eq!(
        rows(&old, "SELECT key, valid_until FROM keys"),
        [(OTHER.into(), Some(5))]
    );
}

#[test]
fn a_wrong_command_line_is_told_how_it_should_be() {
    for arguments in [
        &[][..],
        &["import"],
        &["import", "a"],
        &["import", "a", "--keys"],
        &["import", "a", "--other", "b"],
        &["other", "a", "--keys", "b"],
    ] {
        let output = run(arguments);
        let said = String::from_utf8(output.stderr).expect("text");
        // The path is looked at first where the rest could be right.
        assert!(!output.status.success(), "{said}");
        assert!(said.starts_with("usage: wrtracker-torrust"), "{said}");
    }
    assert!(go(&["--help"]).contains("--grants FILE"));
}
