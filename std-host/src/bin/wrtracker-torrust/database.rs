//! Torrust's database: its three tables, read whatever is in them, and written as it makes them.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, Statement, Transaction, TransactionBehavior};
use wrtracker_core::access::{Change, Key, Terms};
use wrtracker_core::wire::InfoHash;
use wrtracker_core::wire::state_line::StateLine;

use crate::{Failure, Moved};

/// An open database.
pub(crate) struct Database(Connection);

/// As Torrust Tracker 3.0.0 makes them.
const TABLES: &str = "
CREATE TABLE IF NOT EXISTS whitelist (
    id INTEGER PRIMARY KEY AUTOINCREMENT, info_hash TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS torrents (
    id INTEGER PRIMARY KEY AUTOINCREMENT, info_hash TEXT NOT NULL UNIQUE,
    completed INTEGER DEFAULT 0 NOT NULL);
CREATE TABLE IF NOT EXISTS keys (
    id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, valid_until INTEGER);
";

impl Database {
    /// One that is there, only to be read.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        Self::with(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
    }

    /// One that is made if it isn't there.
    pub(crate) fn open_to_write(path: &Path) -> Result<Self, Failure> {
        Self::with(
            path,
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
        )
    }

    fn with(path: &Path, flags: OpenFlags) -> Result<Self, Failure> {
        let connection = Connection::open_with_flags(path, flags)
            .map_err(|error| Failure::of(path.display(), error))?;
        // Whoever made it has no say in what is done with it.
        connection.pragma_update(None, "trusted_schema", false)?;
        Ok(Self(connection))
    }

    /// That there is a table of this name, and no view that looks like one.
    pub(crate) fn must_have(&self, table: &str) -> Result<(), Failure> {
        let find = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?1";
        let count: u32 = self.0.query_row(find, [table], |row| row.get(0))?;
        match count {
            0 => Err(Failure::of(
                "the database",
                format!("there is no table {table}"),
            )),
            _ => Ok(()),
        }
    }

    /// Hands on the keys with the time until which they are good.
    pub(crate) fn keys(
        &self,
        each: &mut dyn FnMut(Key, Option<u64>) -> Result<(), Failure>,
    ) -> Result<Moved, Failure> {
        // Nothing is fetched of what is too long.
        let mut select = self.0.prepare(
            "SELECT id, CASE WHEN typeof(key) = 'text' AND octet_length(key) = 32 THEN key END,
                typeof(valid_until),
                CASE WHEN typeof(valid_until) = 'integer' THEN valid_until END FROM keys",
        )?;
        each_row(&mut select, "keys", &mut |row| {
            let key = bytes(row, 1).and_then(|text| Key::parse(&text).ok());
            let Some(key) = key else {
                return Ok(Err("no key of 32 letters and digits"));
            };
            let until = match row.get_ref(2)?.as_str() {
                Ok("null") => None,
                _ => match row.get::<_, Option<i64>>(3)?.map(u64::try_from) {
                    // No table of ours has a later time.
                    Some(Ok(until)) if until < 1 << 48 => Some(until),
                    _ => return Ok(Err("no time until which the key is good")),
                },
            };
            each(key, until).map(Ok)
        })
    }

    /// Hands on the info hashes that are listed.
    pub(crate) fn whitelist(
        &self,
        each: &mut dyn FnMut(InfoHash) -> Result<(), Failure>,
    ) -> Result<Moved, Failure> {
        let mut select = self.0.prepare(
            "SELECT id, CASE WHEN typeof(info_hash) = 'text' AND octet_length(info_hash) = 40
                THEN info_hash END FROM whitelist",
        )?;
        each_row(&mut select, "whitelist", &mut |row| match bytes(row, 1)
            .and_then(|text| info_hash(&text))
        {
            Some(hash) => each(hash).map(Ok),
            None => Ok(Err(NO_HASH)),
        })
    }

    /// Hands on the torrents with their downloads.
    pub(crate) fn torrents(
        &self,
        each: &mut dyn FnMut(InfoHash, u32) -> Result<(), Failure>,
    ) -> Result<Moved, Failure> {
        let mut select = self.0.prepare(
            "SELECT id, CASE WHEN typeof(info_hash) = 'text' AND octet_length(info_hash) = 40
                THEN info_hash END,
                CASE WHEN typeof(completed) = 'integer' THEN completed END FROM torrents",
        )?;
        each_row(&mut select, "torrents", &mut |row| {
            let Some(hash) = bytes(row, 1).and_then(|text| info_hash(&text)) else {
                return Ok(Err(NO_HASH));
            };
            match row.get::<_, Option<i64>>(2)?.map(u32::try_from) {
                Some(Ok(completed)) => each(hash, completed).map(Ok),
                _ => Ok(Err("no number of downloads from 0 to 4294967295")),
            }
        })
    }

    /// Has somebody write, all or nothing.
    pub(crate) fn write<T>(
        &mut self,
        write: impl FnOnce(&mut Writer<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let behaviour = TransactionBehavior::Immediate;
        let transaction = Transaction::new(&mut self.0, behaviour)?;
        transaction.execute_batch(TABLES)?;
        let result = write(&mut Writer {
            key: transaction.prepare(
                "INSERT INTO keys (key, valid_until) VALUES (?1, ?2)
                    ON CONFLICT (key) DO UPDATE SET valid_until = excluded.valid_until",
            )?,
            listed: transaction
                .prepare("INSERT OR IGNORE INTO whitelist (info_hash) VALUES (?1)")?,
            torrent: transaction.prepare(
                "INSERT INTO torrents (info_hash, completed) VALUES (?1, ?2) ON CONFLICT (info_hash)
                    DO UPDATE SET completed = max(completed, excluded.completed)",
            )?,
        })?;
        transaction.commit()?;
        Ok(result)
    }
}

const NO_HASH: &str = "no info hash of 40 hexadecimal digits";

/// What writes rows. Each says why one can't be.
pub(crate) struct Writer<'c> {
    key: Statement<'c>,
    listed: Statement<'c>,
    torrent: Statement<'c>,
}

pub(crate) type Written = Result<Result<(), &'static str>, Failure>;

impl Writer<'_> {
    pub(crate) fn key(&mut self, key: &Key, terms: &Terms) -> Written {
        if terms.info_hash.is_some() || terms.most_peers.is_some() {
            return Ok(Err(
                "a key for one torrent or a few peers, which Torrust doesn't know",
            ));
        }
        let until = terms.valid_until.map(i64::try_from).transpose();
        let Ok(until) = until else {
            return Ok(Err("a key with a time that is too late"));
        };
        match self.key.execute((key.text(), until)) {
            Ok(_) => Ok(Ok(())),
            // So it was in databases before 3.0.0.
            Err(error)
                if until.is_none()
                    && error.sqlite_error_code()
                        == Some(rusqlite::ErrorCode::ConstraintViolation) =>
            {
                Ok(Err("a key without end, which this database doesn't take"))
            }
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) fn listed(&mut self, hash: &InfoHash) -> Written {
        self.listed.execute([hex(hash)])?;
        Ok(Ok(()))
    }

    pub(crate) fn torrent(&mut self, line: &StateLine) -> Written {
        self.torrent.execute((hex(&line.hash), line.completed))?;
        Ok(Ok(()))
    }

    pub(crate) fn change(&mut self, change: &Change) -> Written {
        match change {
            Change::Key(key, terms) => self.key(key, terms),
            Change::Listed(hash) => self.listed(hash),
            Change::NoKey(_) | Change::NotListed(_) => Ok(Ok(())),
        }
    }
}

/// Takes each row, or notes what is wrong with it, by its number.
fn each_row(
    select: &mut Statement<'_>,
    table: &str,
    each: &mut dyn FnMut(&rusqlite::Row<'_>) -> Written,
) -> Result<Moved, Failure> {
    let (mut rows, mut moved) = (select.query([])?, Moved::default());
    while let Some(row) = rows.next()? {
        match each(row)? {
            Ok(()) => moved.good += 1,
            Err(why) => {
                let id = row.get::<_, i64>(0).unwrap_or_default();
                moved.refuse(|| format!("table {table}, id {id}: {why}"));
            }
        }
    }
    Ok(moved)
}

/// A text's bytes, whether it is UTF-8 or not.
fn bytes(row: &rusqlite::Row<'_>, column: usize) -> Option<Vec<u8>> {
    row.get_ref(column)
        .ok()?
        .as_bytes()
        .ok()
        .map(<[u8]>::to_vec)
}

fn info_hash(text: &[u8]) -> Option<InfoHash> {
    let text = str::from_utf8(text).ok()?;
    let mut hash = [0; 20];
    if text.len() != 40 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, at) in hash.iter_mut().zip((0..40).step_by(2)) {
        *byte = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
    }
    Some(InfoHash(hash))
}

/// As Torrust writes them: in small letters.
pub(crate) fn hex(hash: &InfoHash) -> String {
    hash.0.iter().map(|byte| format!("{byte:02x}")).collect()
}
