//! Pages of statistics that need a walk through everything first.

use super::Filled;
use crate::stats::{Networks, Top};
use crate::store::Progress;
use crate::survey::{Claim, PAGES_PER_STEP, Ticket};
use crate::time::Secs;
use crate::tracker::Tracker;
use crate::wire::Out;

/// Such a page on its way.
#[derive(Debug)]
pub(crate) struct Walked {
    ticket: Ticket,
    kind: Kind,
    walk: Walk,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Top(u16),
    Networks,
}

#[derive(Debug)]
enum Walk {
    /// Not begun, or to begin again.
    None,
    Top(Top),
    Networks(Networks),
    /// Done, and written up to there.
    Printing(Found, u16),
}

#[derive(Debug)]
enum Found {
    Top(Top),
    Networks(Networks),
}

impl Walked {
    /// The largest swarms, so many of each kind.
    pub(crate) const fn top(most: u16, tracker: &mut Tracker<'_>) -> Self {
        Self::new(Kind::Top(most), tracker)
    }

    /// The networks with most peers.
    pub(crate) const fn networks(tracker: &mut Tracker<'_>) -> Self {
        Self::new(Kind::Networks, tracker)
    }

    const fn new(kind: Kind, tracker: &mut Tracker<'_>) -> Self {
        Self {
            ticket: tracker.survey.ticket(),
            kind,
            walk: Walk::None,
        }
    }

    /// The name of its walk.
    pub(super) const fn ticket(&self) -> Ticket {
        self.ticket
    }

    /// Walks on, or writes what fits: see [`Body::fill`](super::Body::fill).
    pub(super) fn fill(
        &mut self,
        tracker: &mut Tracker<'_>,
        now: Secs,
        out: &mut Out<'_>,
    ) -> Filled {
        match tracker.survey.claim(self.ticket, now) {
            Claim::Kept => {}
            Claim::Taken => return Filled::Later,
            Claim::Fresh => match self.walk {
                // What was found is lost, and a part of it is sent already.
                Walk::Printing(..) => {
                    tracker.survey.release(self.ticket);
                    return Filled::Broken;
                }
                _ => self.walk = Walk::None,
            },
        }
        if !matches!(self.walk, Walk::Printing(..)) && !tracker.survey.step() {
            return Filled::Later;
        }
        let (common, workspace) = (&tracker.common, &mut *tracker.survey.workspace);
        let parts = common.parts();
        let found = match &mut self.walk {
            Walk::None => {
                self.walk = match self.kind {
                    Kind::Top(most) => Walk::Top(Top::start(most, workspace).through(parts)),
                    Kind::Networks => Walk::Networks(Networks::start(workspace).through(parts)),
                };
                return Filled::More;
            }
            Walk::Top(top) => {
                let part = common.part(top.part());
                match top.step(workspace, part.store(), PAGES_PER_STEP) {
                    Progress::More => return Filled::More,
                    Progress::Done => Found::Top(top.clone()),
                }
            }
            Walk::Networks(networks) => {
                let part = common.part(networks.part());
                match networks.step(workspace, part.store(), now, PAGES_PER_STEP) {
                    Progress::More => return Filled::More,
                    Progress::Done => Found::Networks(networks.clone()),
                }
            }
            Walk::Printing(found, cursor) => {
                let progress = match found {
                    Found::Top(top) => {
                        let hash_of = |prefix, number| common.hash_of(prefix, number);
                        top.emit(workspace, &hash_of, cursor, out)
                    }
                    Found::Networks(networks) => networks.emit(workspace, cursor, out),
                };
                if progress == Progress::More {
                    return Filled::More;
                }
                tracker.survey.release(self.ticket);
                return Filled::Done;
            }
        };
        self.walk = Walk::Printing(found, 0);
        Filled::More
    }
}
