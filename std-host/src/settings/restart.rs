//! What can't change while the program runs.

use super::Settings;

impl Settings {
    /// The directives that `new` has otherwise, of those that need the program to start anew: their
    /// memory is reserved, their files and sockets opened, and the rights to do so given up.
    pub fn needs_restart(&self, new: &Self) -> impl Iterator<Item = &'static str> {
        let requests = |one: &Self| one.draft.log_requests.is_empty();
        let changed = [
            ("listen.*", self.listeners() != new.listeners()),
            (
                "api.listen, api.tls",
                self.api_listen != new.api_listen || self.api_listeners() != new.api_listeners(),
            ),
            (
                "api.whitelist_entries",
                self.api_whitelist_entries != new.api_whitelist_entries,
            ),
            ("tracker.mode", self.mode() != new.mode()),
            ("tracker.memory", self.memory != new.memory),
            ("tracker.user", self.user != new.user),
            ("tracker.rootdir", self.rootdir != new.rootdir),
            ("access.whitelist", self.whitelist != new.whitelist),
            ("access.blacklist", self.blacklist != new.blacklist),
            ("access.keys", self.keys != new.keys),
            ("access.key_entries", self.key_entries != new.key_entries),
            ("access.entries", self.access_entries != new.access_entries),
            ("access.watch", self.watch != new.watch),
            ("access.fifo_add", self.fifo_add != new.fifo_add),
            ("access.fifo_delete", self.fifo_delete != new.fifo_delete),
            ("livesync.cluster.listen", self.live_sync != new.live_sync),
            ("state.file", self.state_file != new.state_file),
            ("state.interval", self.state_interval != new.state_interval),
            ("state.peers_file", self.peers_file != new.peers_file),
            ("state.grants", self.grants_file != new.grants_file),
            ("log.to", self.log_to != new.log_to),
            // Whether there is a place to keep any; whose they are can change.
            ("log.requests", requests(self) != requests(new)),
        ];
        changed
            .into_iter()
            .filter_map(|(directive, changed)| changed.then_some(directive))
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use crate::settings::{Command, Settings};

    fn settings(line: &str) -> Settings {
        let arguments = line.split_whitespace().map(OsString::from);
        match Command::parse(arguments) {
            Ok(Command::Run(settings)) => *settings,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn what_is_reserved_or_opened_at_the_start_is_named() {
        let old = settings("-m 8M -p 1 -w list");
        let named = |line| {
            let new = settings(line);
            old.needs_restart(&new).collect::<Vec<_>>().join(" ")
        };
        for (line, expected) in [
            ("-m 8M -p 1 -w list", ""),
            ("-m 8M -p 1 -w list -A 10/8 -r http://x/", ""),
            ("-m 9M -p 2 -w list", "listen.* tracker.memory"),
            (
                "-m 8M -p 1 -b list",
                "tracker.mode access.whitelist access.blacklist",
            ),
            (
                "-m 8M -p 1 -w list -u me -d /",
                "tracker.user tracker.rootdir",
            ),
            (
                "-m 8M -p 1 -w list -i 127.0.0.1 -s 9696",
                "livesync.cluster.listen",
            ),
        ] {
            assert_eq!(named(line), expected, "{line}");
        }
    }

    #[test]
    fn of_logged_requests_only_whether_there_are_any() {
        let with = |networks: &[&str]| {
            let mut settings = Settings::default();
            for network in networks {
                let line = format!("log.requests {network}");
                crate::conf::parse(&"conf", line.as_bytes(), &mut settings);
            }
            settings
        };
        let named = |old: &[&str], new: &[&str]| with(old).needs_restart(&with(new)).count();
        assert_eq!(named(&["10/8"], &["10/8", "::1"]), 0);
        assert_eq!(named(&["10/8"], &[]), 1);
        assert_eq!(named(&[], &["10/8"]), 1);
    }
}
