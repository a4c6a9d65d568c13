//! wrtracker's files: text of keys, info hashes and counts, and the file of what is granted.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use wrtracker::state::grants::{self, Grants};
use wrtracker_core::access::{
    Access, Change, ChangeBytes, Granted, Key, KeyLines, Keys, Origin, Terms,
};
use wrtracker_core::state::{TorrentsReader, TorrentsText};
use wrtracker_core::wire::hash_line::HashLines;
use wrtracker_core::wire::state_line::{StateLine, StateLines};
use wrtracker_core::wire::{InfoHash, Out};

use crate::database::{Written, hex};
use crate::{Failure, Moved};

/// Takes one of what is moved.
type Each<'a, T> = &'a mut dyn FnMut(T) -> Result<(), Failure>;

/// Writes lines of keys.
pub(crate) fn write_keys(
    path: &Path,
    all: impl FnOnce(&mut dyn FnMut(Key, Option<u64>) -> Result<(), Failure>) -> Result<Moved, Failure>,
) -> Result<Moved, Failure> {
    let mut file = New::begin(path)?;
    let moved = all(&mut |key, until| match until {
        Some(until) => file.write(format!("{} {until}\n", key.text()).as_bytes()),
        None => file.write(format!("{}\n", key.text()).as_bytes()),
    })?;
    file.finish()?;
    Ok(moved)
}

/// Writes lines of info hashes.
pub(crate) fn write_whitelist(
    path: &Path,
    all: impl FnOnce(Each<'_, InfoHash>) -> Result<Moved, Failure>,
) -> Result<Moved, Failure> {
    let mut file = New::begin(path)?;
    let moved = all(&mut |hash| file.write(format!("{}\n", hex(&hash)).as_bytes()))?;
    file.finish()?;
    Ok(moved)
}

/// Writes a file of state. Torrents without downloads aren't in it.
pub(crate) fn write_torrents(
    path: &Path,
    all: impl FnOnce(&mut dyn FnMut(InfoHash, u32) -> Result<(), Failure>) -> Result<Moved, Failure>,
) -> Result<Moved, Failure> {
    let (mut file, mut text) = (New::begin(path)?, TorrentsText::default());
    let mut line = [0; 80];
    let mut out = Out::new(&mut line);
    text.head(&mut out);
    file.write(out.written())?;
    let moved = all(&mut |hash, completed| {
        if completed == 0 {
            return Ok(());
        }
        let mut line = [0; 80];
        let mut out = Out::new(&mut line);
        let torrent = StateLine {
            hash,
            minutes: 0,
            completed,
        };
        text.line(&torrent, &mut out);
        file.write(out.written())
    })?;
    let mut line = [0; 80];
    let mut out = Out::new(&mut line);
    text.end(&mut out);
    file.write(out.written())?;
    file.finish()?;
    Ok(moved)
}

/// A new file, which has its name when it is whole.
struct New {
    path: PathBuf,
    temp: PathBuf,
    file: io::BufWriter<File>,
}

impl New {
    fn begin(path: &Path) -> Result<Self, Failure> {
        if fs::symlink_metadata(path).is_ok() {
            return Err(Failure::of(path.display(), "it is there already"));
        }
        let mut temp = path.as_os_str().to_owned();
        temp.push(".tmp");
        let mut options = OpenOptions::new();
        let file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&temp)
            .map_err(|error| Failure::of(temp.display(), error))?;
        Ok(Self {
            path: path.into(),
            temp: temp.into(),
            file: io::BufWriter::new(file),
        })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let written = self.file.write_all(bytes);
        written.map_err(|error| Failure::of(self.temp.display(), error))
    }

    fn finish(mut self) -> Result<(), Failure> {
        let done = self.file.flush();
        let done = done.and_then(|()| self.file.get_ref().sync_all());
        let done = done.and_then(|()| fs::rename(&self.temp, &self.path));
        done.map_err(|error| Failure::of(self.path.display(), error))
    }
}

impl Drop for New {
    fn drop(&mut self) {
        // It has another name if all went well.
        let _ = fs::remove_file(&self.temp);
    }
}

/// Takes note of what became of a row.
pub(crate) fn note(
    moved: &mut Moved,
    written: Result<(), &'static str>,
    place: impl FnOnce() -> String,
) {
    match written {
        Ok(()) => moved.good += 1,
        Err(why) => moved.refuse(|| format!("{}: {why}", place())),
    }
}

/// Reads lines of keys.
pub(crate) fn read_keys(
    path: &Path,
    each: &mut dyn FnMut(Key, Terms) -> Written,
) -> Result<Moved, Failure> {
    let (mut moved, mut failed) = (Moved::default(), Ok(()));
    let mut lines = KeyLines::new();
    let mut take = |number: u32, line: Result<(Key, Terms), _>| {
        let written = match line {
            Ok((key, terms)) => each(key, terms),
            Err(problem) => {
                moved.refuse(|| format!("line {number}: {problem}"));
                return;
            }
        };
        match written {
            Ok(written) => note(&mut moved, written, || format!("line {number}")),
            Err(failure) if failed.is_ok() => failed = Err(failure),
            Err(_) => {}
        }
    };
    pieces(path, &mut |piece| lines.push(piece, &mut take))?;
    lines.finish(&mut take);
    failed.map(|()| moved)
}

/// Reads lines of info hashes.
pub(crate) fn read_whitelist(
    path: &Path,
    each: &mut dyn FnMut(InfoHash) -> Written,
) -> Result<Moved, Failure> {
    let (mut moved, mut failed) = (Moved::default(), Ok(()));
    let mut lines = HashLines::new();
    let mut take = |hash| match each(hash) {
        Ok(written) => note(&mut moved, written, String::new),
        Err(failure) if failed.is_ok() => failed = Err(failure),
        Err(_) => {}
    };
    pieces(path, &mut |piece| lines.push(piece, &mut take))?;
    lines.finish(&mut take);
    let skipped = lines.skipped();
    if skipped.lines > 0 {
        moved.refuse(|| format!("line {}: no info hash", skipped.first));
        moved.bad = skipped.lines.into();
    }
    failed.map(|()| moved)
}

/// Reads a file of state, whole, or a dump of opentracker's.
pub(crate) fn read_torrents(
    path: &Path,
    each: &mut dyn FnMut(StateLine) -> Written,
) -> Result<Moved, Failure> {
    let mut whole = TorrentsReader::new();
    let mut state = Ok(());
    pieces(path, &mut |piece| state = whole.push(piece, |_| ()))?;
    let state = state.and_then(|()| whole.finish());
    if let Err(damage) = state
        && damage != wrtracker_core::state::Damage::Foreign
    {
        return Err(Failure::of(path.display(), damage));
    }
    let (mut moved, mut failed) = (Moved::default(), Ok(()));
    let mut lines = StateLines::new();
    let mut take = |line| match each(line) {
        Ok(written) => note(&mut moved, written, String::new),
        Err(failure) if failed.is_ok() => failed = Err(failure),
        Err(_) => {}
    };
    pieces(path, &mut |piece| lines.push(piece, &mut take))?;
    let skipped = lines.finish(&mut take);
    if skipped.lines > 0 {
        moved.refuse(|| format!("line {}: no count", skipped.first));
        moved.bad = skipped.lines.into();
    }
    failed.map(|()| moved)
}

fn pieces(path: &Path, push: &mut dyn FnMut(&[u8])) -> Result<(), Failure> {
    let told = |error| Failure::of(path.display(), error);
    let mut file = File::open(path).map_err(told)?;
    let mut bytes = vec![0; 64 << 10];
    loop {
        match file.read(&mut bytes) {
            Ok(0) => return Ok(()),
            Ok(count) => push(bytes.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(told(error)),
        }
    }
}

/// What is granted in a file, the latest of each key and torrent.
pub(crate) fn read_grants(path: &Path) -> Result<Vec<Change>, Failure> {
    let mut all = BTreeMap::new();
    grants::read(path, &mut |change| {
        let subject = match &change {
            Change::Key(key, _) | Change::NoKey(key) => key.text().as_bytes().to_vec(),
            Change::Listed(hash) | Change::NotListed(hash) => hash.0.to_vec(),
        };
        match change {
            Change::Key(..) | Change::Listed(_) => all.insert(subject, change),
            Change::NoKey(_) | Change::NotListed(_) => all.remove(&subject),
        };
    })
    .map_err(|error| Failure::of(path.display(), error))?;
    Ok(all.into_values().collect())
}

/// What is to be granted, for the end of a file.
pub(crate) struct Changes {
    path: PathBuf,
    /// What is there.
    there: Vec<ChangeBytes>,
    new: Vec<ChangeBytes>,
}

impl Changes {
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let there = match path.exists() {
            true => read_grants(path)?,
            false => Vec::new(),
        };
        let mut there: Vec<_> = there.iter().map(Change::to_bytes).collect();
        there.sort_unstable();
        Ok(Self {
            path: path.into(),
            there,
            new: Vec::new(),
        })
    }

    #[allow(clippy::unnecessary_wraps, reason = "as the others that take a key")]
    pub(crate) fn key(&mut self, key: Key, valid_until: Option<u64>) -> Result<(), Failure> {
        let terms = Terms {
            valid_until,
            info_hash: None,
            most_peers: None,
            origin: Origin::Granted,
        };
        self.add(&Change::Key(key, terms));
        Ok(())
    }

    #[allow(clippy::unnecessary_wraps, reason = "as the others that take a hash")]
    pub(crate) fn listed(&mut self, hash: InfoHash) -> Result<(), Failure> {
        self.add(&Change::Listed(hash));
        Ok(())
    }

    fn add(&mut self, change: &Change) {
        let bytes = change.to_bytes();
        if self.there.binary_search(&bytes).is_err() {
            self.new.push(bytes);
        }
    }

    /// Writes all that isn't there yet.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        // The tables are only to know what is still so, should the file be damaged.
        let room = grants::count(&self.path);
        let mut keys = vec![0; Keys::words(room.keys + 1)];
        let mut listed = vec![0; Granted::words(room.torrents + 1)];
        let mut access = Access {
            keys: Some(Keys::new(&mut keys, room.keys + 1, &[0; 16])),
            granted: Some(Granted::new(&mut listed, &[0; 16])),
            ..Access::default()
        };
        let mut grants = Grants::open(self.path.clone(), &mut access, 0);
        grants
            .write(&self.new)
            .map_err(|error| Failure::of(self.path.display(), error))
    }
}
