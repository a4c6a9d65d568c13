//! Check mode, in a build without most of it: values are looked at, and what they mean isn't told.

use std::io::{self, Write as _};

use crate::log;
use crate::settings::Settings;

/// What a check comes to, from the best to the worst.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Verdict {
    /// No value is wrong.
    Fine,
    /// A configuration file isn't there.
    Missing,
    /// Settings can't be used.
    BadSettings,
}

/// Says on standard output how little is checked, and on standard error what is wrong.
pub fn run(settings: &Settings) -> Verdict {
    let said = b"only values are checked: the rest is left out of this build\n";
    // Who closes standard output doesn't want to know.
    let _ = io::stdout().write_all(said);
    match settings.policy() {
        _ if !settings.errors.is_empty() => Verdict::BadSettings,
        Err(conflict) => {
            log::error(conflict);
            Verdict::BadSettings
        }
        Ok(_) if settings.unread => Verdict::Missing,
        Ok(_) => Verdict::Fine,
    }
}

#[cfg(test)]
mod tests {
    use super::{Verdict, run};
    use crate::settings::Settings;

    #[test]
    fn values_are_looked_at_and_so_is_whether_they_go_together() {
        let verdict = |lines: &str| {
            let mut settings = Settings::default();
            crate::conf::parse(&"conf", lines.as_bytes(), &mut settings);
            run(&settings)
        };
        assert_eq!(verdict("tracker.memory 4M\n"), Verdict::Fine);
        assert_eq!(verdict("tracker.memory 4 pounds\n"), Verdict::BadSettings);
        let conflict = "tracker.interval 1h\ntracker.peer_timeout 1h\n";
        assert_eq!(verdict(conflict), Verdict::BadSettings);
        let unread = Settings {
            unread: true,
            ..Settings::default()
        };
        assert_eq!(run(&unread), Verdict::Missing);
    }
}
