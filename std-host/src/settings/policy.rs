//! Settings as the core takes them, checked against each other.

use core::fmt;

use wrtracker_core::policy::{Policy, Right, StatsFor};

use super::Settings;
use crate::options::LONGEST_TIMEOUT;

/// Two settings that can't both hold. The operator is to blame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Conflict {
    /// The jitter, and the interval that is not more.
    Jitter(u32, u32),
    /// The largest interval, and the interval that is more.
    MostInterval(u32, u32),
    /// The time after which peers are forgotten, and the longest that a client may be told to wait.
    PeerTimeout(u32, u32),
    /// The peers in a reply by default, and at most.
    Wanted(u16, u16),
    /// The peers in a UDP reply over IPv6, and in any.
    WantedUdpV6(u16, u16),
}

impl fmt::Display for Conflict {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Jitter(jitter, interval) => write!(
                to,
                "tracker.interval_jitter is {jitter}, but must be less than tracker.interval, \
                 which is {interval}"
            ),
            Self::MostInterval(most, interval) => write!(
                to,
                "tracker.interval_most is {most}, but must not be less than tracker.interval, \
                 which is {interval}"
            ),
            Self::PeerTimeout(timeout, wait) => write!(
                to,
                "tracker.peer_timeout is {timeout}, but must be more than {wait}, which is \
                 tracker.interval_most and tracker.interval_jitter together: clients would be \
                 forgotten before they come back"
            ),
            Self::Wanted(wanted, most) => write!(
                to,
                "tracker.numwant is {wanted}, but must not be more than tracker.numwant_most, \
                 which is {most}"
            ),
            Self::WantedUdpV6(wanted, most) => write!(
                to,
                "tracker.numwant_most_udp6 is {wanted}, but must not be more than \
                 tracker.numwant_most, which is {most}"
            ),
        }
    }
}

impl core::error::Error for Conflict {}

impl Settings {
    /// What the core is to know. What [`lan_auto`](Self::lan_auto) asks for is the host's to add.
    ///
    /// # Errors
    ///
    /// The first [`Conflict`].
    pub fn policy(&self) -> Result<Policy, Conflict> {
        let mut policy = self.draft.clone();
        let interval = policy.interval;
        let jitter = self
            .interval_jitter
            .unwrap_or(Policy::DEFAULT.interval_jitter.min(interval / 10));
        if jitter >= interval {
            return Err(Conflict::Jitter(jitter, interval));
        }
        let most = self.interval_most.unwrap_or(interval);
        if most < interval {
            return Err(Conflict::MostInterval(most, interval));
        }
        let usual = most.saturating_add(most / 2);
        let usual = usual.clamp(Policy::DEFAULT.peer_timeout, LONGEST_TIMEOUT);
        let (timeout, wait) = (
            self.peer_timeout.unwrap_or(usual),
            most.saturating_add(jitter),
        );
        if timeout <= wait {
            return Err(Conflict::PeerTimeout(timeout, wait));
        }
        policy.interval_jitter = jitter;
        policy.interval_most = most;
        policy.peer_timeout = timeout;

        let most = policy.most_wanted;
        let wanted = self.numwant.unwrap_or(policy.default_wanted.min(most));
        if wanted > most {
            return Err(Conflict::Wanted(wanted, most));
        }
        let over_v6 = self
            .numwant_most_udp6
            .unwrap_or(policy.most_wanted_udp_v6.min(most));
        if over_v6 > most {
            return Err(Conflict::WantedUdpV6(over_v6, most));
        }
        policy.default_wanted = wanted;
        policy.most_wanted_udp_v6 = over_v6;

        let granted = |rights: &[Right]| {
            let mut grants = policy.grants.iter();
            grants.any(|grant| rights.contains(&grant.right))
        };
        let stats_for = if granted(&[Right::Stats, Right::All]) {
            StatsFor::Listed
        } else {
            StatsFor::Everybody
        };
        let full_scrape_listed = granted(&[Right::FullScrape]);
        policy.stats_for = self.stats_for.unwrap_or(stats_for);
        policy.full_scrape_listed = full_scrape_listed;
        Ok(policy)
    }
}

#[cfg(test)]
mod tests {
    use super::Conflict;
    use crate::conf;
    use crate::settings::Settings;

    fn conflict(text: &str) -> Option<Conflict> {
        let mut settings = Settings::default();
        conf::parse(&"conf", text.as_bytes(), &mut settings);
        assert!(settings.errors.is_empty(), "{settings:?}");
        settings.policy().err()
    }

    #[test]
    fn settings_that_cannot_both_hold_are_refused() {
        for (text, expected) in [
            (
                "tracker.interval 60\ntracker.interval_jitter 60",
                Conflict::Jitter(60, 60),
            ),
            (
                "tracker.interval_most 1799",
                Conflict::MostInterval(1_799, 1_800),
            ),
            (
                "tracker.peer_timeout 1980",
                Conflict::PeerTimeout(1_980, 1_980),
            ),
            (
                "tracker.interval 7h\ntracker.interval_jitter 1h",
                Conflict::PeerTimeout(28_800, 28_800),
            ),
            (
                "tracker.numwant 51\ntracker.numwant_most 50",
                Conflict::Wanted(51, 50),
            ),
            (
                "tracker.numwant_most 50\ntracker.numwant_most_udp6 51",
                Conflict::WantedUdpV6(51, 50),
            ),
        ] {
            let found = conflict(text).unwrap();
            assert_eq!(found, expected, "{text}");
            assert!(found.to_string().contains("tracker."), "{found}");
        }
    }

    #[test]
    fn settings_next_to_a_conflict_are_taken() {
        for text in [
            "tracker.interval 60\ntracker.interval_jitter 59",
            "tracker.interval_most 1800",
            "tracker.peer_timeout 1981",
            "tracker.interval 7h\ntracker.interval_jitter 3599",
            "tracker.interval 1\ntracker.peer_timeout 2",
            "tracker.interval 7h",
            "tracker.numwant 50\ntracker.numwant_most 50\ntracker.numwant_most_udp6 50",
            "tracker.numwant_most 1",
        ] {
            assert_eq!(conflict(text), None, "{text}");
        }
    }
}
