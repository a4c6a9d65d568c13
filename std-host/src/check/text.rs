//! A policy in words.

use core::fmt;

use wrtracker_core::policy::{FullScrape, Gzip, Policy, ProxyHeader, Right, StatsFor};

use crate::settings::{LogLevel, LogTo, Settings};

/// What a policy, and what is beside it in the settings, means: some lines.
pub(super) struct Meaning<'s> {
    pub(super) settings: &'s Settings,
    pub(super) policy: &'s Policy,
}

impl fmt::Display for Meaning<'_> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.times(to)?;
        self.limits(to)?;
        self.rights(to)?;
        self.pages(to)?;
        self.lan(to)?;
        self.log(to)
    }
}

impl Meaning<'_> {
    fn times(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let policy = self.policy;
        let (interval, jitter) = (policy.interval, policy.interval_jitter);
        write!(to, "interval: {interval} seconds, {jitter} more or less")?;
        if policy.interval_swarm > 0 {
            write!(to, ", growing above {} peers", policy.interval_swarm)?;
        }
        if policy.interval_load > 0 {
            write!(to, ", growing above {} announces/s", policy.interval_load)?;
        }
        if policy.interval_most > interval {
            write!(to, ", up to {} seconds", policy.interval_most)?;
        }
        writeln!(
            to,
            "\ntime-outs: peers {} seconds, completed torrents {} seconds",
            policy.peer_timeout, policy.torrent_timeout
        )
    }

    fn limits(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let policy = self.policy;
        writeln!(
            to,
            "replies: {} peers, at most {}, over UDP and IPv6 {}",
            policy.default_wanted, policy.most_wanted, policy.most_wanted_udp_v6
        )?;
        if policy.most_peers > 0 {
            writeln!(to, "peers: at most {}", policy.most_peers)?;
        }
        if policy.most_peers_per_torrent > 0 {
            let most = policy.most_peers_per_torrent;
            writeln!(to, "peers of one torrent and family: at most {most}")?;
        }
        if policy.decoys > 0 {
            let (percent, most) = (policy.decoys, policy.decoys_most);
            writeln!(to, "decoys: up to {most} in {percent} % of replies")?;
        }
        if let Some(seconds) = policy.udp_refusal_interval {
            writeln!(
                to,
                "refused torrents: over UDP an interval of {seconds} seconds"
            )?;
        }
        Ok(())
    }

    fn rights(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        for signer in &self.policy.signers {
            to.write_str("signed by: ")?;
            for byte in signer.0 {
                write!(to, "{byte:02x}")?;
            }
            to.write_str("\n")?;
        }
        for grant in &self.policy.grants {
            let what = match grant.right {
                Right::All => "everything",
                Right::Stats => "statistics",
                Right::Proxy => "is a proxy",
                Right::FullScrape => "full scrape",
                Right::Sync => "live sync",
            };
            writeln!(to, "allowed: {} {what}", grant.network)?;
        }
        if self
            .policy
            .grants
            .iter()
            .any(|grant| matches!(grant.right, Right::Proxy | Right::All))
        {
            let header = match self.policy.proxy_header {
                ProxyHeader::XForwardedFor => "X-Forwarded-For",
                ProxyHeader::XRealIp => "X-Real-IP",
                ProxyHeader::CfConnectingIp => "CF-Connecting-IP",
                ProxyHeader::Forwarded => "Forwarded",
            };
            writeln!(to, "proxies: believed in {header}")?;
        }
        if self.policy.ip_from_query {
            writeln!(to, "ip= of announces: believed from anybody")?;
        }
        Ok(())
    }

    fn pages(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let policy = self.policy;
        let who = match policy.stats_for {
            StatsFor::Everybody => "for everybody",
            StatsFor::Listed => "for those allowed",
            StatsFor::Nobody => "for nobody",
        };
        writeln!(to, "statistics: /{}, {who}", policy.stats_path())?;
        if policy.woodpeckers {
            writeln!(to, "woodpeckers: counted")?;
        }
        let who = if policy.full_scrape_listed {
            "for those allowed"
        } else {
            "for everybody"
        };
        let gzip = match policy.gzip {
            Gzip::Off => "never compressed",
            Gzip::Accepted => "compressed where accepted",
            Gzip::Always => "always compressed",
        };
        match policy.full_scrape {
            FullScrape::Off => writeln!(to, "full scrape: none")?,
            FullScrape::On => writeln!(to, "full scrape: {who}, {gzip}")?,
            FullScrape::Modest => {
                let pause = policy.full_scrape_pause;
                writeln!(to, "full scrape: {who}, every {pause} seconds, {gzip}")?;
            }
        }
        if !policy.redirect.is_empty() {
            writeln!(to, "GET / is sent to: {}", policy.redirect)?;
        }
        Ok(())
    }

    fn lan(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (lan, auto) = (&self.policy.lan, self.settings.lan_auto);
        for network in &lan.networks {
            writeln!(to, "LAN: {network}")?;
        }
        if auto.networks {
            writeln!(to, "LAN: the networks of the interfaces")?;
        }
        if let Some(ip) = lan.public_v4 {
            writeln!(to, "LAN: outside known as {ip}")?;
        }
        if let Some(ip) = lan.public_v6 {
            writeln!(to, "LAN: outside known as {ip}")?;
        }
        if auto.public_address {
            writeln!(to, "LAN: outside known by the interfaces' addresses")?;
        }
        Ok(())
    }

    fn log(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings = self.settings;
        let place = match settings.log_to {
            LogTo::Stderr => "standard error",
            LogTo::Syslog => "syslog",
        };
        let level = match settings.log_level {
            LogLevel::Error => "errors",
            LogLevel::Warning => "errors and warnings",
            LogLevel::Info => "all but details",
            LogLevel::Debug => "everything",
        };
        write!(to, "log: {level} to {place}")?;
        if self.policy.tell_completed {
            to.write_str(", completed downloads too")?;
        }
        to.write_str("\n")?;
        for network in &self.policy.log_requests {
            writeln!(to, "logged requests: of {network}")?;
        }
        Ok(())
    }
}
