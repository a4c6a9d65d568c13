//! The file of keys: loaded at start, and loaded anew on SIGHUP or when it changes.
//!
//! As with lists, what was read is in force when the file was read whole; keys that came from
//! elsewhere stay. A line that is wrong is told and left out, by its number alone: what stands there
//! may be most of a key.

use std::path::{Path, PathBuf};

use wrtracker_core::access::{Full, KeyLines, Keys};

use super::MOST_DISTURBED;
use super::loader::{LoadError, Pieces};
use crate::log;

/// The file and what is to be done about it.
pub(super) struct KeyFile {
    path: PathBuf,
    doing: Doing,
    /// Whether it must be loaded, or loaded once more after the load that goes on.
    due: bool,
    /// How often in a row it had changed while it was read.
    disturbed: u32,
}

#[allow(clippy::large_enum_variant, reason = "there is one of it")]
enum Doing {
    Nothing,
    /// Reads it.
    Load(Load),
    /// Sweeps out what was replaced.
    Sweep,
}

struct Load {
    pieces: Pieces,
    lines: KeyLines,
    /// Lines that were wrong.
    wrong: u32,
}

/// Most wrong lines of a file that are told one by one.
const MOST_TOLD: u32 = 20;

/// Slots of the table that are looked at in a turn.
const SWEPT: usize = 1024;

impl KeyFile {
    /// One that is to be loaded.
    pub(super) const fn new(path: PathBuf) -> Self {
        Self {
            path,
            doing: Doing::Nothing,
            due: true,
            disturbed: 0,
        }
    }

    pub(super) const fn path(&self) -> &PathBuf {
        &self.path
    }

    /// Has it loaded anew.
    pub(super) const fn reload(&mut self) {
        self.due = true;
        self.disturbed = 0;
    }

    pub(super) const fn has_work(&self) -> bool {
        self.due || !matches!(self.doing, Doing::Nothing)
    }

    /// Does one turn's share: reads 32 KiB, or looks at a thousand slots of the table.
    pub(super) fn step(&mut self, keys: &mut Keys<'_>) {
        match core::mem::replace(&mut self.doing, Doing::Nothing) {
            Doing::Nothing => self.open(keys),
            Doing::Sweep => {
                keys.sweep(SWEPT);
                if !keys.is_swept() {
                    self.doing = Doing::Sweep;
                }
            }
            Doing::Load(load) => self.load(load, keys),
        }
    }

    fn open(&mut self, keys: &mut Keys<'_>) {
        if !keys.begin() {
            self.doing = Doing::Sweep;
            return;
        }
        self.due = false;
        match Pieces::open(&self.path) {
            Ok(pieces) => {
                self.doing = Doing::Load(Load {
                    pieces,
                    lines: KeyLines::new(),
                    wrong: 0,
                });
            }
            Err(error) => {
                keys.abort();
                self.complain(&error, keys);
            }
        }
    }

    fn load(&mut self, mut load: Load, keys: &mut Keys<'_>) {
        let shown = self.path.display();
        let (lines, wrong) = (&mut load.lines, &mut load.wrong);
        let mut result = Ok(());
        let mut each = |number: u32, line: Result<_, _>| match line {
            Ok((key, terms)) => {
                if result.is_ok() {
                    result = keys.load(&key, &terms);
                }
            }
            Err(problem) => {
                *wrong += 1;
                if *wrong <= MOST_TOLD {
                    log::warning(format_args!("{shown}:{number}: {problem}"));
                }
            }
        };
        let whole = load.pieces.step(&mut |piece| match piece {
            Some(bytes) => lines.push(bytes, &mut each),
            None => lines.finish(&mut each),
        });
        let end = match (whole, result) {
            (Ok(false), Ok(())) => {
                self.doing = Doing::Load(load);
                return;
            }
            (Err(error), _) => Err(error),
            (Ok(_), result) => match load.pieces.check_unchanged() {
                Ok(()) => result.map_err(|Full| LoadError::Full("keys", "access.key_entries")),
                Err(error) => Err(error),
            },
        };
        self.doing = Doing::Sweep;
        match end {
            Ok(()) => {
                self.disturbed = 0;
                let count = keys.commit();
                let wrong = load.wrong;
                match wrong {
                    0 => log::info(format_args!("keys: {count} from {shown}")),
                    _ => log::info(format_args!(
                        "keys: {count} from {shown}, {wrong} wrong lines left out"
                    )),
                }
            }
            Err(LoadError::Changed) if self.disturbed < MOST_DISTURBED => {
                keys.abort();
                self.disturbed += 1;
                self.due = true;
            }
            Err(error) => {
                keys.abort();
                self.complain(&error, keys);
            }
        }
    }

    fn complain(&self, error: &LoadError, keys: &Keys<'_>) {
        log::warning(format_args!(
            "keys: {}: {error}; they stay as they were, {} of them",
            self.path.display(),
            keys.len()
        ));
    }
}

/// The keys in a file, twice the same counted twice; one that can't be read counts as empty.
pub(super) fn count(path: &Path) -> usize {
    let mut count = 0;
    let Ok(mut pieces) = Pieces::open(path) else {
        return 0;
    };
    let mut lines = KeyLines::new();
    let mut each = |_, line: Result<_, _>| count += usize::from(line.is_ok());
    while let Ok(false) = pieces.step(&mut |piece| match piece {
        Some(bytes) => lines.push(bytes, &mut each),
        None => lines.finish(&mut each),
    }) {}
    count
}
