//! What a tracker has to tell besides replies: the operator, and other trackers.

use wrtracker_core::journal::Note;
use wrtracker_core::time::Secs;
use wrtracker_core::tracker::Tracker;

use crate::completed::Completed;
use crate::log;
use crate::sync::LiveSync;
use crate::sys::clock;

/// Tells the operator what there is to tell, and other trackers what is due.
///
/// To be called after each batch of datagrams and each event: no more than that can wait.
pub(crate) fn tell(tracker: &mut Tracker<'_>, sync: Option<&LiveSync>, now: Secs) {
    while let Some(note) = tracker.next_note() {
        match note {
            Note::Completed(completed) => log::info(Completed {
                time: clock::wall_seconds(),
                info_hash: &completed.info_hash.0,
                peer_id: completed.peer_id.as_ref().map(|id| &id.0),
                ip: completed.ip,
            }),
            Note::FullScrape(ip) => log::info(format_args!("full scrape by {ip}")),
        }
    }
    if let Some(sync) = sync {
        sync.flush(tracker, now);
    }
}
