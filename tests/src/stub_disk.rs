//! A disk in memory that fails when it is told to, and loses what wasn't brought to it when power is
//! cut.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use wrtracker::state::grants::Disk;
use wrtracker::sys::aio::Sync;

/// The disk. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct StubDisk(Rc<RefCell<State>>);

#[derive(Debug, Default)]
struct State {
    files: Vec<File>,
    /// Which file has a name, now and on the disk.
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    /// What was done to names since then, in order: `None` is a removal.
    name_changes: Vec<(PathBuf, Option<usize>)>,
    calls: u64,
    fails: Vec<(u64, bool)>,
    dead: bool,
    seed: u64,
}

#[derive(Debug, Default)]
struct File {
    now: Vec<u8>,
    durable: Vec<u8>,
    changes: Vec<Change>,
}

#[derive(Clone, Debug)]
enum Change {
    Write(usize, Vec<u8>),
    Cut(usize),
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Cut(length) => bytes.resize(*length, 0),
            Self::Write(at, new) => {
                bytes.resize(bytes.len().max(at + new.len()), 0);
                bytes[*at..at + new.len()].copy_from_slice(new);
            }
        }
    }
}

impl StubDisk {
    /// An empty disk, whose accidents are drawn from `seed`.
    pub fn new(seed: u64) -> Self {
        let disk = Self::default();
        disk.0.borrow_mut().seed = seed;
        disk
    }

    /// The call with this distance, 0 for the next, fails and does a part of what it was to do.
    pub fn fail_at(&self, calls: u64) {
        let mut state = self.0.borrow_mut();
        let at = state.calls + calls;
        state.fails.push((at, false));
    }

    /// At that call power is cut: it and all that follow fail until [`reboot`](Self::reboot).
    pub fn cut_power_at(&self, calls: u64) {
        let mut state = self.0.borrow_mut();
        let at = state.calls + calls;
        state.fails.push((at, true));
    }

    /// Whether power was cut.
    pub fn is_dead(&self) -> bool {
        self.0.borrow().dead
    }

    /// How many calls there were.
    pub fn calls(&self) -> u64 {
        self.0.borrow().calls
    }

    /// Power comes back: what wasn't brought to the disk may be there, or a part, in any order.
    pub fn reboot(&self) {
        let state = &mut *self.0.borrow_mut();
        state.fails.clear();
        state.dead = false;
        let changes = std::mem::take(&mut state.name_changes);
        let kept = usize::try_from(next(&mut state.seed)).expect("64 bits") % (changes.len() + 1);
        let mut names = std::mem::take(&mut state.durable_names);
        for (path, file) in &changes[..kept] {
            change_name(&mut names, path, *file);
        }
        state.durable_names.clone_from(&names);
        state.names = names;
        let seed = &mut state.seed;
        for file in &mut state.files {
            let in_order = next(seed).is_multiple_of(2);
            let mut bytes = std::mem::take(&mut file.durable);
            let many = file.changes.len() as u64 + 1;
            let kept = next(seed) % many;
            for (nth, change) in file.changes.drain(..).enumerate() {
                let nth = nth as u64;
                match change {
                    change if in_order && nth < kept => change.apply(&mut bytes),
                    Change::Write(at, new) if in_order && nth == kept => {
                        let part = new[..at_most(seed, new.len())].to_vec();
                        Change::Write(at, part).apply(&mut bytes);
                    }
                    _ if in_order => {}
                    Change::Cut(length) => {
                        if next(seed).is_multiple_of(2) {
                            bytes.resize(length, 0);
                        }
                    }
                    // Each sector for itself, and zeros or something else in between.
                    Change::Write(at, new) => {
                        for (sector, part) in new.chunks(100).enumerate() {
                            match next(seed) % 4 {
                                0 => {}
                                1 => {
                                    let odd = vec![next(seed) as u8; part.len()];
                                    Change::Write(at + sector * 100, odd).apply(&mut bytes);
                                }
                                _ => Change::Write(at + sector * 100, part.to_vec())
                                    .apply(&mut bytes),
                            }
                        }
                    }
                }
            }
            file.now.clone_from(&bytes);
            file.durable = bytes;
        }
    }

    /// What a file has.
    pub fn contents(&self, path: &Path) -> Option<Vec<u8>> {
        let state = self.0.borrow();
        let number = *state.names.get(path)?;
        Some(state.files[number].now.clone())
    }

    /// Puts a file there, on the disk.
    pub fn put(&self, path: &Path, bytes: &[u8]) {
        let state = &mut *self.0.borrow_mut();
        state.files.push(File {
            now: bytes.to_vec(),
            durable: bytes.to_vec(),
            changes: Vec::new(),
        });
        let number = state.files.len() - 1;
        state.names.insert(path.into(), number);
        state.durable_names.insert(path.into(), number);
    }

    /// Begins a call: `Err` is for one of which nothing is done, `Ok(true)` for one of which a part
    /// is done before it fails.
    fn call(&self) -> io::Result<bool> {
        let state = &mut *self.0.borrow_mut();
        if state.dead {
            return Err(io::Error::other("power is cut"));
        }
        let now = state.calls;
        state.calls += 1;
        let Some(&(_, power)) = state.fails.iter().find(|(at, _)| *at == now) else {
            return Ok(false);
        };
        state.dead = power;
        match next(&mut state.seed) % 2 {
            0 => Err(io::ErrorKind::StorageFull.into()),
            _ => Ok(true),
        }
    }

    /// A call of which nothing or all is done, and which may fail all the same.
    fn whole<T>(&self, act: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let fails = self.call()?;
        let result = act(&mut self.0.borrow_mut());
        if fails {
            return Err(io::ErrorKind::StorageFull.into());
        }
        result
    }

    fn make(state: &mut State, path: &Path) -> usize {
        state.files.push(File::default());
        let number = state.files.len() - 1;
        state.set_name(path, Some(number));
        number
    }
}

impl State {
    fn set_name(&mut self, path: &Path, file: Option<usize>) {
        change_name(&mut self.names, path, file);
        self.name_changes.push((path.into(), file));
    }
}

fn change_name(names: &mut BTreeMap<PathBuf, usize>, path: &Path, file: Option<usize>) {
    match file {
        Some(file) => {
            // Renaming takes the other name away in the same step.
            names.retain(|_, other| *other != file);
            names.insert(path.into(), file);
        }
        None => {
            names.remove(path);
        }
    }
}

impl Disk for StubDisk {
    type File = usize;

    fn open(&self, path: &Path) -> io::Result<usize> {
        self.whole(|state| match state.names.get(path) {
            Some(&number) => Ok(number),
            None => Ok(Self::make(state, path)),
        })
    }

    fn open_to_read(&self, path: &Path) -> io::Result<usize> {
        self.whole(|state| {
            let number = state.names.get(path).copied();
            number.ok_or_else(|| io::ErrorKind::NotFound.into())
        })
    }

    fn create(&self, path: &Path) -> io::Result<usize> {
        self.whole(|state| match state.names.contains_key(path) {
            true => Err(io::ErrorKind::AlreadyExists.into()),
            false => Ok(Self::make(state, path)),
        })
    }

    fn lock(&self, _: &usize) -> io::Result<()> {
        self.whole(|_| Ok(()))
    }

    fn has_name(&self, file: &usize) -> io::Result<bool> {
        self.whole(|state| Ok(state.names.values().any(|number| number == file)))
    }

    fn read(&self, file: &usize, bytes: &mut [u8], at: u64) -> io::Result<usize> {
        self.whole(|state| {
            let at = usize::try_from(at).expect("a small file");
            let from = state.files[*file].now.get(at..).unwrap_or_default();
            let count = from.len().min(bytes.len());
            bytes[..count].copy_from_slice(&from[..count]);
            Ok(count)
        })
    }

    fn write(&self, file: &usize, bytes: &[u8], at: u64) -> io::Result<()> {
        let fails = self.call()?;
        let state = &mut *self.0.borrow_mut();
        let count = match fails {
            true => at_most(&mut state.seed, bytes.len()),
            false => bytes.len(),
        };
        let at = usize::try_from(at).expect("a small file");
        let change = Change::Write(at, bytes[..count].to_vec());
        let file = &mut state.files[*file];
        change.apply(&mut file.now);
        file.changes.push(change);
        match fails {
            true => Err(io::ErrorKind::StorageFull.into()),
            false => Ok(()),
        }
    }

    fn cut(&self, file: &usize, length: u64) -> io::Result<()> {
        self.whole(|state| {
            let change = Change::Cut(usize::try_from(length).expect("a small file"));
            let file = &mut state.files[*file];
            change.apply(&mut file.now);
            file.changes.push(change);
            Ok(())
        })
    }

    fn sync(&self, file: &usize) -> io::Result<()> {
        self.whole(|state| {
            let file = &mut state.files[*file];
            file.durable.clone_from(&file.now);
            file.changes.clear();
            Ok(())
        })
    }

    fn begin_sync(&self, _: &usize) -> Option<Sync> {
        None
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.whole(|state| {
            let Some(&number) = state.names.get(from) else {
                return Err(io::ErrorKind::NotFound.into());
            };
            state.set_name(to, Some(number));
            Ok(())
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.whole(|state| {
            if state.names.contains_key(path) {
                state.set_name(path, None);
            }
            Ok(())
        })
    }

    fn sync_folder(&self, _: &Path) -> io::Result<()> {
        self.whole(|state| {
            state.durable_names.clone_from(&state.names);
            state.name_changes.clear();
            Ok(())
        })
    }
}

fn at_most(seed: &mut u64, most: usize) -> usize {
    usize::try_from(next(seed) % (most as u64 + 1)).expect("no more than the most")
}

/// The next number of a sequence (splitmix64).
fn next(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *seed;
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}
