//! The place for walks over everything: one at a time, a bounded share per call.
//!
//! A page that needs to see all torrents (the full scrape, which is sorted, or the largest swarms)
//! works here: it claims the place, walks a few pages of the store per call, and keeps what it
//! found in the workspace. Whoever doesn't go on for a while loses the place to the next.

use crate::time::Secs;

/// The place and its memory.
pub(crate) struct Survey<'m> {
    /// Whatever the holder keeps there.
    pub(crate) workspace: &'m mut [u32],
    holder: Option<Ticket>,
    /// When the holder last went on.
    since: Secs,
    next: u32,
    /// Steps left in this second for walks that anybody may cause.
    steps: u32,
}

/// Names one walk, and no other for a long time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Ticket(u32);

/// What came of a claim.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Claim {
    /// The place is newly the caller's: nothing of it is in the workspace.
    Fresh,
    /// It was the caller's all the time.
    Kept,
    /// Somebody else is at work.
    Taken,
}

/// Seconds that a holder may do nothing before others may have the place.
const PATIENCE: u32 = 2;

/// Pages of the store that one step walks over: 6,528 torrents.
pub(crate) const PAGES_PER_STEP: u32 = 64;

/// Steps in a second for walks that anybody may cause: so many that a million torrents take one
/// second, and so few that somebody who asks all the time doesn't keep the processor busy.
const STEPS_PER_SECOND: u32 = 256;

impl<'m> Survey<'m> {
    pub(crate) const fn new(workspace: &'m mut [u32]) -> Self {
        Self {
            workspace,
            holder: None,
            since: Secs(0),
            next: 0,
            steps: STEPS_PER_SECOND,
        }
    }

    /// A name for a new walk.
    pub(crate) const fn ticket(&mut self) -> Ticket {
        self.next = self.next.wrapping_add(1);
        Ticket(self.next)
    }

    /// Takes the place for a walk, or keeps it.
    pub(crate) fn claim(&mut self, ticket: Ticket, now: Secs) -> Claim {
        let claim = match self.holder {
            Some(holder) if holder == ticket => Claim::Kept,
            Some(_) if now.since(self.since) < PATIENCE => return Claim::Taken,
            _ => Claim::Fresh,
        };
        self.holder = Some(ticket);
        self.since = now;
        claim
    }

    /// Gives the place back, if it is the walk's.
    pub(crate) fn release(&mut self, ticket: Ticket) {
        if self.holder == Some(ticket) {
            self.holder = None;
        }
    }

    /// Takes one of this second's steps.
    pub(crate) const fn step(&mut self) -> bool {
        let left = self.steps.checked_sub(1);
        if let Some(left) = left {
            self.steps = left;
        }
        left.is_some()
    }

    /// Begins a second.
    pub(crate) const fn tick(&mut self) {
        self.steps = STEPS_PER_SECOND;
    }
}

#[cfg(test)]
mod tests {
    use super::{Claim, STEPS_PER_SECOND, Survey};
    use crate::time::Secs;

    #[test]
    fn one_walk_at_a_time_and_who_rests_loses_the_place() {
        let mut survey = Survey::new(&mut []);
        let (one, two) = (survey.ticket(), survey.ticket());
        assert_eq!(survey.claim(one, Secs(10)), Claim::Fresh);
        assert_eq!(survey.claim(two, Secs(11)), Claim::Taken);
        assert_eq!(survey.claim(one, Secs(11)), Claim::Kept);
        assert_eq!(survey.claim(two, Secs(12)), Claim::Taken);
        assert_eq!(survey.claim(two, Secs(13)), Claim::Fresh);
        assert_eq!(survey.claim(one, Secs(13)), Claim::Taken);
        survey.release(one);
        assert_eq!(survey.claim(one, Secs(13)), Claim::Taken);
        survey.release(two);
        assert_eq!(survey.claim(one, Secs(13)), Claim::Fresh);
    }

    #[test]
    fn the_steps_of_a_second_come_back_with_the_next() {
        let mut survey = Survey::new(&mut []);
        assert!((0..STEPS_PER_SECOND).all(|_| survey.step()));
        assert!(!survey.step());
        survey.tick();
        assert!(survey.step());
    }
}
