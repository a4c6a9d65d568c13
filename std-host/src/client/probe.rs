//! `wrtracker check`: whether all listeners of a tracker answer.
//!
//! Trackers are asked for the counts of a torrent that nobody has, which changes nothing, and APIs
//! how they are. A refusal is an answer: somebody is there.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ffi::OsStr;
use std::net::UdpSocket;
use std::path::Path;
use std::time::{Duration, Instant};

use super::api;
use super::arguments::{Arguments, UsageError};
use super::failure::Failure;
use super::json::Object;
use super::output::{End, Milliseconds, Output};
use super::random;
use super::resolve::Family;
use super::text::Shown;
use super::tracker::Tracker;
use super::url::{Scheme, Url};
use crate::address::{self, DEFAULT_PORT};
use crate::conf;
use crate::log;
use crate::settings::Settings;

/// Somebody who should answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    /// Whether it is an API, and no tracker.
    pub api: bool,
    /// Where it is.
    pub url: Url,
}

impl Target {
    /// What it speaks.
    pub const fn kind(&self) -> &'static str {
        match (self.api, self.url.scheme) {
            (true, _) => "api",
            (false, Scheme::Http) => "http",
            (false, Scheme::Udp) => "udp",
        }
    }
}

/// Asks all who should answer, one after the other.
///
/// # Errors
///
/// [`UsageError`] before anybody is asked.
pub fn run(arguments: &Arguments) -> Result<End, UsageError> {
    let family = arguments.family()?;
    let timeout = arguments.timeout(5)?;
    let mut output = Output::new(arguments.json()?);
    let mut targets = Vec::new();
    for operand in &arguments.operands {
        targets.extend(named(arguments, operand)?);
    }
    if let Some(file) = arguments.value("config") {
        let mut settings = Settings::default();
        conf::read(Path::new(file), &mut settings);
        if settings.unread || !settings.errors.is_empty() {
            settings.warnings.iter().for_each(log::warning);
            settings.errors.iter().for_each(log::error);
            return Err(arguments.wrong("config", "not a configuration that can be used"));
        }
        targets.extend(configured(&settings).map_err(|why| arguments.wrong("config", why))?);
    }
    if let Some(url) = arguments.value("api") {
        targets.push(Target {
            api: true,
            url: api::url(arguments, url)?,
        });
    }
    if targets.is_empty() {
        // What a tracker without options listens at.
        let settings = Settings::default();
        targets = configured(&settings).map_err(|why| arguments.wrong("config", why))?;
    }
    for target in &targets {
        let asked = Instant::now();
        let answer = ask(target, family, timeout);
        print(&mut output, target, asked.elapsed(), answer);
    }
    Ok(output.end())
}

/// What an operand names: one listener by its URL, or both of an address.
fn named(arguments: &Arguments, operand: &OsStr) -> Result<Vec<Target>, UsageError> {
    let text = operand.to_str().unwrap_or_default();
    if text.contains("://") {
        let url = arguments.url(operand)?;
        return Ok(vec![Target { api: false, url }]);
    }
    let place = match address::parse(text) {
        Ok((ip, port)) => SocketAddr::new(ip, port.unwrap_or(DEFAULT_PORT)).to_string(),
        // A name, perhaps.
        Err(_) => text.into(),
    };
    let target = |scheme| {
        let url = Url::parse(&format!("{scheme}://{place}"));
        url.map(|url| Target { api: false, url })
    };
    let both: Result<_, _> = ["udp", "http"].into_iter().map(target).collect();
    both.map_err(|_| arguments.wrong_operand(operand, "neither a URL nor an address with a port"))
}

/// The listeners that a tracker with these settings has, as this machine reaches them.
///
/// # Errors
///
/// If one has a port that only the tracker knows.
pub fn configured(settings: &Settings) -> Result<Vec<Target>, &'static str> {
    let mut targets: Vec<Target> = Vec::new();
    // What has TLS can't be asked: see the module's page.
    for place in settings.listeners().into_iter().filter(|place| !place.tls) {
        if place.port == 0 {
            return Err("a listener on port 0, which only the tracker knows");
        }
        let ips: &[IpAddr] = match place.ip {
            Some(ip) if ip.is_unspecified() && ip.is_ipv4() => &[LOOPBACK_V4],
            Some(ip) if ip.is_unspecified() => &[LOOPBACK_V6],
            Some(ip) => &[ip],
            None if has_ipv6() => &[LOOPBACK_V4, LOOPBACK_V6],
            None => &[LOOPBACK_V4],
        };
        for ip in ips {
            let address = SocketAddr::new(*ip, place.port);
            for (scheme, wanted) in [("udp", place.udp), ("http", place.tcp)] {
                if let (true, Ok(url)) = (wanted, Url::parse(&format!("{scheme}://{address}"))) {
                    let target = Target { api: false, url };
                    if !targets.contains(&target) {
                        targets.push(target);
                    }
                }
            }
        }
    }
    for place in settings
        .api_listeners()
        .into_iter()
        .filter(|place| !place.tls)
    {
        if place.port == 0 {
            return Err("a listener on port 0, which only the tracker knows");
        }
        let ip = place.ip.filter(|ip| !ip.is_unspecified());
        let address = SocketAddr::new(ip.unwrap_or(LOOPBACK_V4), place.port);
        if let Ok(url) = Url::parse(&format!("http://{address}")) {
            targets.push(Target { api: true, url });
        }
    }
    Ok(targets)
}

const LOOPBACK_V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const LOOPBACK_V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

/// Whether this machine has IPv6: without it a tracker on any address is on IPv4 alone.
fn has_ipv6() -> bool {
    UdpSocket::bind((LOOPBACK_V6, 0)).is_ok()
}

/// Asks, and returns how long the answer took.
fn ask(target: &Target, family: Option<Family>, timeout: Duration) -> Result<Duration, Failure> {
    if target.api {
        return api::health(&target.url, family, timeout);
    }
    let mut hash = [0; 20];
    random::fill(&mut hash)?;
    let tracker = Tracker {
        url: &target.url,
        family,
        timeout,
    };
    Ok(tracker.scrape(&[hash])?.took)
}

fn print(output: &mut Output, target: &Target, took: Duration, answer: Result<Duration, Failure>) {
    let (good, took, reason) = match answer {
        Ok(took) => (true, Some(took), None),
        Err(Failure::Refused(words)) => {
            (true, Some(took), Some(Failure::Refused(words).to_string()))
        }
        Err(failure) => (false, None, Some(failure.to_string())),
    };
    let (kind, url) = (target.kind(), &target.url.text);
    if output.json {
        let object = Object::new()
            .text("kind", kind)
            .text("url", url)
            .raw("ok", good);
        let object = object.number("ms", took.map(Milliseconds));
        output.say(object.maybe_text("reason", reason));
    } else {
        let mut line = format!(
            "{} {kind} {}",
            if good { "ok " } else { "err" },
            Shown(url.as_bytes())
        );
        if let Some(took) = took {
            line += &format!(" {} ms", Milliseconds(took));
        }
        if let Some(reason) = reason {
            line += &format!(" ({reason})");
        }
        output.say(line);
    }
    if !good {
        output.failed();
    }
}

#[cfg(test)]
mod tests {
    use super::{Settings, Target, configured, has_ipv6};

    fn urls(conf: &str) -> Result<Vec<String>, &'static str> {
        let mut settings = Settings::default();
        crate::conf::parse(&"conf", conf.as_bytes(), &mut settings);
        let shown = |target: Target| target.url.text;
        Ok(configured(&settings)?.into_iter().map(shown).collect())
    }

    #[test]
    fn listeners_are_those_of_the_configuration() {
        assert_eq!(
            urls(
                "listen.tcp_udp 192.0.2.1:80\nlisten.udp [2001:db8::1]:81\nlisten.tcp 0.0.0.0:82\n"
            ),
            Ok(vec![
                "udp://192.0.2.1:80".into(),
                "http://192.0.2.1:80".into(),
                "udp://[2001:db8::1]:81".into(),
                "http://127.0.0.1:82".into(),
            ])
        );
        let all = urls("").unwrap();
        assert_eq!(all[..2], ["udp://127.0.0.1:6969", "http://127.0.0.1:6969"]);
        assert_eq!(all.len(), if has_ipv6() { 4 } else { 2 });
        assert!(urls("listen.udp 127.0.0.1:0\n").is_err());
    }
}
