//! Files that outlive the program, in a build without them: each that is wanted is a warning.

use wrtracker_core::time::Secs;
use wrtracker_core::tracker::Tracker;

use crate::log;
use crate::settings::StateSettings;

/// No files, and nothing to be done about them.
#[derive(Debug, Default)]
pub struct State {
    nothing: (),
}

impl State {
    /// Reads nothing, and says so of what was to be read.
    pub fn load(settings: StateSettings, _: &mut Tracker<'_>, _: Secs) -> Self {
        for (name, path) in [
            ("state.file", settings.file),
            ("state.peers_file", settings.peers_file),
            ("-l", settings.load_file),
        ] {
            if path.is_some() {
                log::warning(format_args!(
                    "{name} does nothing: files of state are left out of this build"
                ));
            }
        }
        Self { nothing: () }
    }

    /// Whether there is something to do at once: never.
    pub const fn work_left(&self) -> bool {
        let () = self.nothing;
        false
    }

    /// Whether there will be something to do: never.
    pub const fn waits(&self, _: &Tracker<'_>) -> bool {
        false
    }

    /// Does nothing.
    pub const fn tick(&mut self, _: &mut Tracker<'_>, _: Secs) {}

    /// Does nothing.
    pub const fn step(&mut self, _: &Tracker<'_>, _: Secs) {}

    /// Does nothing.
    pub const fn save(&mut self, _: &Tracker<'_>, _: Secs) {}
}

/// What is granted while the program runs, which is good until its end.
pub mod grants {
    use std::io;
    use std::path::{Path, PathBuf};

    use wrtracker_core::access::{Access, Change, ChangeBytes};

    use crate::log;

    /// No file.
    #[derive(Debug, Default)]
    pub struct Grants {
        wanted: bool,
    }

    /// What is in a file that isn't read: nothing.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct Counted {
        /// Keys.
        pub keys: usize,
        /// Torrents.
        pub torrents: usize,
    }

    /// Nothing, whatever the file has.
    pub fn count(_: &Path) -> Counted {
        Counted::default()
    }

    /// Asked by nobody.
    pub const fn is_true(_: &Access<'_>, _: &Change) -> bool {
        true
    }

    impl Grants {
        /// Reads nothing, and says so.
        pub fn open(_: PathBuf, _: &mut Access<'_>, _: u64) -> Self {
            log::warning(
                "state.grants: files of state are left out of this build; nothing can be granted",
            );
            Self { wanted: true }
        }

        /// Whether something may be granted: not if it was to outlive the program.
        pub const fn is_writable(&self) -> bool {
            !self.wanted
        }

        /// Whether what is granted outlives the program: never.
        pub const fn outlives(&self) -> bool {
            false
        }

        /// Writes nothing.
        ///
        /// # Errors
        ///
        /// If a file was wanted.
        pub fn write(&mut self, changes: &[ChangeBytes]) -> io::Result<()> {
            match self.wanted && !changes.is_empty() {
                true => Err(io::ErrorKind::Unsupported.into()),
                false => Ok(()),
            }
        }

        /// Whether what was granted may be acknowledged.
        pub fn settle(&mut self, access: &mut Access<'_>) -> bool {
            let settled = self.write(access.changes.waiting());
            access.changes.clear();
            settled.is_ok()
        }

        /// Whether there is something to do at once: never.
        pub const fn work_left(&self) -> bool {
            false
        }

        /// Whether there will be something to do: never.
        pub const fn waits(&self) -> bool {
            false
        }

        /// Does nothing.
        pub fn tick(&mut self, _: &dyn Fn(&Change) -> bool) {}

        /// Does nothing.
        pub fn step(&mut self, _: &dyn Fn(&Change) -> bool) {}
    }
}

#[cfg(test)]
mod tests {
    use wrtracker_core::policy::Policy;
    use wrtracker_core::time::Secs;
    use wrtracker_core::tracker::{Secrets, Tracker};

    use super::{State, StateSettings};

    #[test]
    fn files_that_are_named_are_neither_read_nor_waited_for() {
        let mut memory = vec![0; 1 << 18];
        let secrets = Secrets::new(&[1; 40]);
        let mut tracker = Tracker::new(&mut memory, &secrets, Policy::default()).unwrap();
        let settings = StateSettings {
            file: Some("/proc/version".into()),
            interval: 1,
            ..StateSettings::default()
        };
        let mut state = State::load(settings, &mut tracker, Secs(1));
        state.tick(&mut tracker, Secs(100));
        state.save(&tracker, Secs(100));
        assert!(!state.work_left() && !state.waits(&tracker));
        assert_eq!(tracker.totals().torrents, 0);
    }
}
