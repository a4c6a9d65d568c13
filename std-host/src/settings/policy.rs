//! Settings as the core takes them, checked against each other.

use core::fmt;
use core::net::SocketAddr;

use wrtracker_core::access::Mode;
use wrtracker_core::policy::{Policy, Right, StatsFor};

use super::{Listen, Settings};
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
    /// A mode that lets in what is listed or signed, with neither a list nor a signer.
    NoList(Mode),
    /// One place in two modes.
    TwoModes(Listen, Mode, Mode),
    /// One place with TLS and without.
    TlsAndPlain(Listen),
    /// TLS without a certificate or its key.
    NoCertificate,
    /// What this build can't do, and who asks for it.
    LeftOut(&'static str, &'static str),
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
            Self::NoList(mode) => write!(
                to,
                "the mode is {mode}, but there is neither an access.whitelist nor an \
                 access.signed_by: no torrent could be announced"
            ),
            Self::TwoModes(place, one, other) => {
                to.write_str("one place to listen at can't have two modes: ")?;
                show(place, to)?;
                write!(to, " is {one} and {other}")
            }
            Self::TlsAndPlain(place) => {
                show(place, to)?;
                to.write_str(" can't be both with TLS and without")
            }
            Self::NoCertificate => {
                to.write_str("listen.tls and api.tls need a tls.certificate and a tls.key")
            }
            Self::LeftOut(what, directive) => {
                write!(to, "{directive}: {what} are left out of this build")
            }
        }
    }
}

/// A place, as an operator knows it.
fn show(place: &Listen, to: &mut fmt::Formatter<'_>) -> fmt::Result {
    match place.ip {
        Some(ip) => write!(to, "{}", SocketAddr::new(ip, place.port)),
        None => write!(to, "port {} of any address", place.port),
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
        // The names of torrents are not for everybody on a private tracker.
        let private = self.modes().any(Mode::has_keys);
        let stats_for = if private { StatsFor::Listed } else { stats_for };
        policy.stats_for = self.stats_for.unwrap_or(stats_for);
        policy.full_scrape_listed = full_scrape_listed || private;
        self.check_modes(&policy)?;
        self.check_tls()?;
        policy.stored_is_signed = self.modes().all(Mode::has_list);
        Ok(policy)
    }

    /// Whether TLS can be had where it is wanted, and no place is to be both with it and without.
    fn check_tls(&self) -> Result<(), Conflict> {
        if !self.has_tls() {
            return Ok(());
        }
        if cfg!(not(feature = "tls")) {
            return Err(Conflict::LeftOut("TLS connections", "listen.tls, api.tls"));
        }
        if self.tls_certificate.is_none() || self.tls_key.is_none() {
            return Err(Conflict::NoCertificate);
        }
        let mut places = self.listeners();
        places.extend(self.api_listeners());
        for (nth, place) in places.iter().enumerate() {
            let mut others = places.iter().skip(nth + 1);
            if others.any(|other| place.meets(other) && place.tls != other.tls) {
                return Err(Conflict::TlsAndPlain(*place));
            }
        }
        Ok(())
    }

    /// Whether what each place asks for can be had, and no place is to ask for two things.
    fn check_modes(&self, policy: &Policy) -> Result<(), Conflict> {
        let signed = !policy.signers.is_empty();
        if cfg!(not(feature = "private")) && self.modes().any(Mode::has_keys) {
            return Err(Conflict::LeftOut("private trackers", "tracker.mode"));
        }
        if cfg!(not(feature = "signed")) && signed {
            return Err(Conflict::LeftOut("signatures", "access.signed_by"));
        }
        let programs = !self.api_listeners().is_empty();
        let listed = self.whitelist.is_some() || signed || programs;
        if let Some(mode) = self.modes().find(|mode| mode.has_list() && !listed) {
            return Err(Conflict::NoList(mode));
        }
        let places = self.listeners();
        for (nth, place) in places.iter().enumerate() {
            let others = places.iter().skip(nth + 1);
            for other in others.filter(|other| place.meets(other)) {
                let mode = |one: &Listen| one.mode.unwrap_or(self.mode());
                if mode(place) != mode(other) {
                    return Err(Conflict::TwoModes(*place, mode(place), mode(other)));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #[cfg(feature = "private")]
    use wrtracker_core::policy::StatsFor;

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

    #[cfg(feature = "private")]
    #[test]
    fn modes_that_do_not_go_together_are_refused() {
        for (text, expected) in [
            ("tracker.mode listed", "the mode is listed, but"),
            (
                "tracker.mode private_listed",
                "the mode is private_listed, but",
            ),
            ("listen.tcp 192.0.2.1 listed", "the mode is listed, but"),
            (
                "listen.tcp_udp 192.0.2.1 private\nlisten.udp 192.0.2.1 public",
                "one place to listen at can't have two modes: 192.0.2.1:6969 is private and public",
            ),
            (
                "listen.tcp 0.0.0.0 private\nlisten.tcp 192.0.2.1",
                "one place to listen at can't have two modes: 0.0.0.0:6969 is private and public",
            ),
            (
                "listen.udp ::1\nlisten.udp :: private",
                "one place to listen at can't have two modes: [::1]:6969 is public and private",
            ),
        ] {
            let found = conflict(text).unwrap().to_string();
            assert!(found.starts_with(expected), "{found}");
        }
        for text in [
            "tracker.mode public\naccess.whitelist w",
            "tracker.mode private_listed\naccess.whitelist w",
            "tracker.mode private\nlisten.tcp 192.0.2.1 public\nlisten.udp 192.0.2.1",
            "listen.udp 192.0.2.1:1 private\nlisten.udp 192.0.2.1:2\nlisten.udp 192.0.2.2:1",
            "listen.udp 0.0.0.0 private\nlisten.udp ::1",
            "listen.udp 0.0.0.0 private\nlisten.udp 192.0.2.1 private",
        ] {
            assert_eq!(conflict(text), None, "{text}");
        }
    }

    #[cfg(not(feature = "tls"))]
    #[test]
    fn tls_that_is_left_out_can_not_be_had() {
        for text in [
            "listen.tls 192.0.2.1\ntls.certificate c\ntls.key k",
            "listen.tls 192.0.2.1",
        ] {
            let expected = "listen.tls, api.tls: TLS connections are left out of this build";
            assert_eq!(conflict(text).unwrap().to_string(), expected);
        }
    }

    #[cfg(feature = "tls")]
    #[test]
    fn tls_needs_a_certificate_and_a_place_of_its_own() {
        let files = "tls.certificate c\ntls.key k\n";
        for text in [
            "listen.tls 192.0.2.1\ntls.certificate c",
            "listen.tls 192.0.2.1\ntls.key k",
        ] {
            assert_eq!(conflict(text), Some(Conflict::NoCertificate), "{text}");
        }
        for text in [
            "listen.tls 192.0.2.1:7\nlisten.tcp_udp 192.0.2.1:7",
            "listen.tcp 0.0.0.0:443\nlisten.tls 192.0.2.1",
            "listen.tls 192.0.2.1:7\napi.listen 192.0.2.1:7\napi.token read a-token-of-the-tests",
        ] {
            let found = conflict(&[files, text].concat()).unwrap().to_string();
            assert!(
                found.ends_with(" can't be both with TLS and without"),
                "{found}"
            );
        }
        for text in [
            "listen.tls 192.0.2.1:7\nlisten.udp 192.0.2.1:7",
            "listen.tls 192.0.2.1\nlisten.tcp 192.0.2.1",
            "listen.tls 192.0.2.1\nlisten.tls ::1",
        ] {
            assert_eq!(conflict(&[files, text].concat()), None, "{text}");
        }
    }

    #[cfg(not(feature = "private"))]
    #[test]
    fn what_is_left_out_can_not_be_had() {
        for (text, expected) in [
            (
                "tracker.mode private",
                "tracker.mode: private trackers are left out of this build",
            ),
            (
                "access.signed_by 95d8af39c801343c8b48af6fece76a9627ffdbba41e69966f50f2ad285188396",
                "access.signed_by: signatures are left out of this build",
            ),
        ] {
            assert_eq!(conflict(text).unwrap().to_string(), expected);
        }
    }

    #[cfg(feature = "private")]
    #[test]
    fn what_a_private_tracker_shows_is_not_for_everybody() {
        let policy = |text: &str| {
            let mut settings = Settings::default();
            conf::parse(&"conf", text.as_bytes(), &mut settings);
            settings.policy().unwrap()
        };
        for text in ["tracker.mode private", "listen.tcp 192.0.2.1 private"] {
            let policy = policy(text);
            assert_eq!(policy.stats_for, StatsFor::Listed);
            assert!(policy.full_scrape_listed);
        }
        let policy = policy("tracker.mode private\naccess.stats_for everybody");
        assert_eq!(policy.stats_for, StatsFor::Everybody);
    }
}
