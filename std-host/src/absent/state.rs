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
