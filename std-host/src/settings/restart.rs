//! What can't change while the program runs.

use super::Settings;

impl Settings {
    /// The directives that `new` has otherwise, of those that need the program to start anew: their
    /// memory is reserved, their files and sockets opened, and the rights to do so given up.
    pub fn needs_restart(&self, new: &Self) -> impl Iterator<Item = &'static str> {
        let requests = |one: &Self| one.draft.log_requests.is_empty();
        let changed = [
            ("listen.*", self.listeners() != new.listeners()),
            ("tracker.memory", self.memory != new.memory),
            ("tracker.user", self.user != new.user),
            ("tracker.rootdir", self.rootdir != new.rootdir),
            ("access.whitelist", self.whitelist != new.whitelist),
            ("access.blacklist", self.blacklist != new.blacklist),
            ("access.entries", self.access_entries != new.access_entries),
            ("access.watch", self.watch != new.watch),
            ("access.fifo_add", self.fifo_add != new.fifo_add),
            ("access.fifo_delete", self.fifo_delete != new.fifo_delete),
            ("livesync.cluster.listen", self.live_sync != new.live_sync),
            ("state.file", self.state_file != new.state_file),
            ("state.peers_file", self.peers_file != new.peers_file),
            ("log.to", self.log_to != new.log_to),
            // Whether there is a place to keep any; whose they are can change.
            ("log.requests", requests(self) != requests(new)),
        ];
        changed
            .into_iter()
            .filter_map(|(directive, changed)| changed.then_some(directive))
    }
}
