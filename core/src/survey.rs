//! The place for walks over everything: one at a time, a bounded share per call.
//!
//! A page that needs to see all torrents (the full scrape, which is sorted, or the largest swarms)
//! works here: it claims the place, walks a few pages of the store per call, and keeps what it
//! found in the workspace. Whoever doesn't go on for a while loses the place to the next, and so does a full scrape
//! after some seconds, since it can go on where it was.

use crate::time::Secs;

/// The place and its memory.
pub(crate) struct Survey<'m> {
    /// Whatever the holder keeps there.
    pub(crate) workspace: &'m mut [u32],
    holder: Option<Holder>,
    next: u32,
    /// Steps left in this second for walks that anybody may cause.
    steps: u32,
}

/// Who has the place.
#[derive(Clone, Copy)]
struct Holder {
    ticket: Ticket,
    /// When it took it.
    begun: Secs,
    /// When it last went on.
    since: Secs,
    /// Whether it makes way after a while, to go on later where it was.
    takes_turns: bool,
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

/// Seconds after which who takes turns makes way for others, however busy it is: a client that
/// reads slowly keeps a full scrape busy for as long as it likes.
const TURN: u32 = 5;

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
        self.claim_as(ticket, false, now)
    }

    /// The same for a walk that can go on where it was when the place was another's for a while.
    pub(crate) fn claim_in_turns(&mut self, ticket: Ticket, now: Secs) -> Claim {
        self.claim_as(ticket, true, now)
    }

    fn claim_as(&mut self, ticket: Ticket, takes_turns: bool, now: Secs) -> Claim {
        if let Some(holder) = &mut self.holder {
            if holder.ticket == ticket {
                holder.since = now;
                return Claim::Kept;
            }
            let rests = now.since(holder.since) >= PATIENCE;
            let had_its_turn = holder.takes_turns && now.since(holder.begun) >= TURN;
            if !rests && !had_its_turn {
                return Claim::Taken;
            }
        }
        self.holder = Some(Holder {
            ticket,
            begun: now,
            since: now,
            takes_turns,
        });
        Claim::Fresh
    }

    /// Gives the place back, if it is the walk's.
    pub(crate) fn release(&mut self, ticket: Ticket) {
        if self.holder.is_some_and(|holder| holder.ticket == ticket) {
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
    fn who_takes_turns_makes_way_after_one_however_busy() {
        let mut survey = Survey::new(&mut []);
        let (one, two) = (survey.ticket(), survey.ticket());
        assert_eq!(survey.claim_in_turns(one, Secs(10)), Claim::Fresh);
        for second in 11..15 {
            assert_eq!(survey.claim_in_turns(one, Secs(second)), Claim::Kept);
            assert_eq!(survey.claim(two, Secs(second)), Claim::Taken);
        }
        // With nobody else there it goes on.
        assert_eq!(survey.claim_in_turns(one, Secs(15)), Claim::Kept);
        assert_eq!(survey.claim(two, Secs(15)), Claim::Fresh);
        for second in 15..30 {
            assert_eq!(survey.claim_in_turns(one, Secs(second)), Claim::Taken);
            assert_eq!(survey.claim(two, Secs(second)), Claim::Kept);
        }
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
