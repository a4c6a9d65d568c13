//! Check mode, in a build without it.

use crate::log;
use crate::settings::Settings;

/// What a check comes to: only the last, here.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Verdict {
    /// The tracker would start.
    Fine,
    /// A file, an address or the like isn't there.
    Missing,
    /// Settings can't be used.
    BadSettings,
}

/// Says that nothing is checked beyond what reading the settings has told already.
pub fn run(_: &Settings) -> Verdict {
    log::error("-c: check mode is left out of this build");
    Verdict::BadSettings
}

#[cfg(test)]
mod tests {
    use super::{Verdict, run};
    use crate::settings::Settings;

    #[test]
    fn nothing_is_called_fine_that_was_not_checked() {
        assert_eq!(run(&Settings::default()), Verdict::BadSettings);
    }
}
