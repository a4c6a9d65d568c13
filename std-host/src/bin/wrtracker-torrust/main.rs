//! Moves what Torrust Tracker has in its SQLite database into wrtracker's files, and back.
//!
//! `database` is Torrust's side, `files` is ours; nothing here runs beside a tracker that serves.
#![deny(unsafe_code)]

mod database;
mod files;

use std::env;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::database::Database;

const USAGE: &str = "\
usage: wrtracker-torrust import DATABASE WHAT FILE...
       wrtracker-torrust export DATABASE WHAT FILE...

Moves what Torrust Tracker keeps in its SQLite database, while neither tracker runs.
import writes files of wrtracker's from the database, export the database from such files.

WHAT is one or more of
  --keys FILE       keys, for access.keys
  --whitelist FILE  info hashes, for access.whitelist
  --torrents FILE   downloads of each torrent, for state.file
  --grants FILE     keys and info hashes in the form of state.grants

import adds to the last one, and makes the others, which must not be there. export makes tables that
are missing, and leaves what it isn't given as it is; of two counts the larger one stays. Torrust
knows no keys for one torrent or a few peers: those aren't exported, since they would open all.
";

/// What to move.
#[derive(Default)]
struct What {
    keys: Option<PathBuf>,
    whitelist: Option<PathBuf>,
    torrents: Option<PathBuf>,
    grants: Option<PathBuf>,
}

/// Why it ends.
#[derive(Debug)]
enum Failure {
    Usage,
    /// What is wrong, and with what.
    Told(String),
}

impl Failure {
    fn of(what: impl core::fmt::Display, error: impl core::fmt::Display) -> Self {
        Self::Told(format!("{what}: {error}"))
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::of("the database", error)
    }
}

fn main() -> ExitCode {
    let arguments: Vec<OsString> = env::args_os().skip(1).collect();
    if arguments.iter().any(|one| one == "--help" || one == "-h") {
        print!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage) => {
            eprint!("{USAGE}");
            ExitCode::from(2)
        }
        Err(Failure::Told(problem)) => {
            eprintln!("wrtracker-torrust: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[OsString]) -> Result<(), Failure> {
    let [command, path, rest @ ..] = arguments else {
        return Err(Failure::Usage);
    };
    let what = parse(rest)?;
    if command == "import" {
        import(&Database::open(path.as_ref())?, &what)
    } else if command == "export" {
        export(Database::open_to_write(path.as_ref())?, &what)
    } else {
        Err(Failure::Usage)
    }
}

fn parse(arguments: &[OsString]) -> Result<What, Failure> {
    let mut what = What::default();
    let (pairs, rest) = arguments.as_chunks::<2>();
    if pairs.is_empty() || !rest.is_empty() {
        return Err(Failure::Usage);
    }
    for [name, path] in pairs {
        let place = match name.to_str() {
            Some("--keys") => &mut what.keys,
            Some("--whitelist") => &mut what.whitelist,
            Some("--torrents") => &mut what.torrents,
            Some("--grants") => &mut what.grants,
            _ => return Err(Failure::Usage),
        };
        *place = Some(path.into());
    }
    Ok(what)
}

/// How many of something were moved, and how many can't be.
#[derive(Default)]
struct Moved {
    good: u64,
    bad: u64,
    /// What is wrong with the first of those.
    first: String,
}

impl Moved {
    /// Takes note of one that can't be moved, by its place alone: what is in it may be most of a key.
    fn refuse(&mut self, why: impl FnOnce() -> String) {
        self.bad += 1;
        if self.bad == 1 {
            self.first = why();
        }
    }

    fn tell(&self, what: &str) {
        println!("{what}: {}", self.good);
        if self.bad > 0 {
            eprintln!(
                "wrtracker-torrust: {what}: {} left out, the first: {}",
                self.bad, self.first
            );
        }
    }
}

fn import(database: &Database, what: &What) -> Result<(), Failure> {
    // Nothing is written if a table is missing.
    if what.keys.is_some() || what.grants.is_some() {
        database.must_have("keys")?;
    }
    if what.whitelist.is_some() || what.grants.is_some() {
        database.must_have("whitelist")?;
    }
    if let Some(path) = &what.torrents {
        database.must_have("torrents")?;
        files::write_torrents(path, |each| database.torrents(each))?.tell("torrents");
    }
    if let Some(path) = &what.keys {
        files::write_keys(path, |each| database.keys(each))?.tell("keys");
    }
    if let Some(path) = &what.whitelist {
        files::write_whitelist(path, |each| database.whitelist(each))?.tell("whitelist");
    }
    if let Some(path) = &what.grants {
        let mut changes = files::Changes::open(path)?;
        let keys = database.keys(&mut |key, until| changes.key(key, until))?;
        let listed = database.whitelist(&mut |hash| changes.listed(hash))?;
        changes.finish()?;
        keys.tell("granted keys");
        listed.tell("granted info hashes");
    }
    Ok(())
}

fn export(mut database: Database, what: &What) -> Result<(), Failure> {
    let told = database.write(|writer| {
        let mut told = Vec::new();
        if let Some(path) = &what.keys {
            let moved = files::read_keys(path, &mut |key, terms| writer.key(&key, &terms))?;
            told.push(("keys", moved));
        }
        if let Some(path) = &what.whitelist {
            let moved = files::read_whitelist(path, &mut |hash| writer.listed(&hash))?;
            told.push(("whitelist", moved));
        }
        if let Some(path) = &what.torrents {
            let moved = files::read_torrents(path, &mut |line| writer.torrent(&line))?;
            told.push(("torrents", moved));
        }
        if let Some(path) = &what.grants {
            let mut moved = Moved::default();
            for change in files::read_grants(path)? {
                files::note(&mut moved, writer.change(&change)?, || "a key".into());
            }
            told.push(("granted keys and info hashes", moved));
        }
        Ok(told)
    })?;
    told.iter().for_each(|(what, moved)| moved.tell(what));
    Ok(())
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Told(error.to_string())
    }
}
