//! The load tool's command line.

use std::net::SocketAddr;
use std::time::Duration;

use super::work::Work;
use super::{Config, Extent, Mix, Protocol, Report};

/// What `load --help` prints.
pub const HELP: &str = "\
load: asks a tracker as fast as it answers, and checks every answer

usage: load ADDRESS:PORT [options]

  --http             ask over HTTP with connections that stay (default: over UDP)
  --http-close       ask over HTTP with one connection per request
  --seconds N        how long (default 5)
  --replies N        until N replies came, instead
  --fill             until each peer of each torrent announced once and was answered, instead
  --verify           until each torrent was scraped once, instead: tells the peers held
  --warm-up N        seconds before the counts begin (default 0)
  --torrents N       (default 1000)
  --peers N          peers of each torrent (default 100)
  --seeders N        how many of 100 peers are seeders (default 25)
  --wanted N         peers that an announce asks for (default 30; -1: as the tracker likes)
  --mix C:A:S        shares of connects, announces and scrapes (default 0:100:0)
  --window N         requests outstanding in each thread, or connections (default 192, HTTP 64)
  --threads N        (default 1)
  --core N           tie the load to a processor core
  --pid N            the tracker's process: adds its time per reply and its memory
  --seed N           other torrents (default 1)
  --key-values       print one line of key=value for programs
";

/// Parses the arguments after the program's name. Returns the load and whether to print for
/// programs.
///
/// # Errors
///
/// What is wrong, for people.
pub fn parse(args: &[String]) -> Result<(Config, bool), String> {
    let mut server = None;
    let mut work = Work {
        torrents: 1000,
        peers: 100,
        sources: 1,
        seeders: 25,
        seed: 1,
    };
    let mut config = Config {
        server: SocketAddr::from(([127, 0, 0, 1], 6969)),
        protocol: Protocol::Udp,
        work: work.clone(),
        wanted: 30,
        mix: Mix {
            connect: 0,
            announce: 100,
            scrape: 0,
        },
        extent: Extent::Time(Duration::from_secs(5)),
        warm_up: Duration::ZERO,
        window: 0,
        threads: 1,
        core: None,
        pid: None,
    };
    let mut key_values = false;
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
        match arg.as_str() {
            "--http" => config.protocol = Protocol::Http { keep_alive: true },
            "--http-close" => config.protocol = Protocol::Http { keep_alive: false },
            "--seconds" => config.extent = Extent::Time(seconds(value()?)?),
            "--replies" => config.extent = Extent::Replies(number(value()?)?),
            "--fill" => config.extent = Extent::Fill,
            "--verify" => config.extent = Extent::Verify,
            "--warm-up" => config.warm_up = seconds(value()?)?,
            "--torrents" => work.torrents = number(value()?)?,
            "--peers" => work.peers = number(value()?)?,
            "--seeders" => work.seeders = number(value()?)?,
            "--wanted" => config.wanted = number(value()?)?,
            "--mix" => config.mix = mix(value()?)?,
            "--window" => config.window = number(value()?)?,
            "--threads" => config.threads = number(value()?)?,
            "--core" => config.core = Some(number(value()?)?),
            "--pid" => config.pid = Some(number(value()?)?),
            "--seed" => work.seed = number(value()?)?,
            "--key-values" => key_values = true,
            _ if server.is_none() && !arg.starts_with('-') => server = Some(number(arg)?),
            _ => return Err(format!("what is {arg}?")),
        }
    }
    config.server = server.ok_or("which tracker? ADDRESS:PORT is missing")?;
    if work.is_empty() || config.threads == 0 {
        return Err("nothing to do: --torrents, --peers and --threads must not be 0".into());
    }
    if config.protocol != Protocol::Udp && matches!(config.extent, Extent::Fill | Extent::Verify) {
        return Err("--fill and --verify go over UDP".into());
    }
    work.sources = Work::sources_for(config.server.ip(), work.peers);
    config.work = work;
    if config.window == 0 {
        config.window = default_window(config.protocol);
    }
    Ok((config, key_values))
}

/// Requests outstanding, or connections, with which a tracker is never idle and its receive buffer
/// never overflows.
pub const fn default_window(protocol: Protocol) -> usize {
    match protocol {
        Protocol::Udp => 192,
        Protocol::Http { .. } => 64,
    }
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse()
        .map_err(|_| format!("{text} is not what belongs there"))
}

fn seconds(text: &str) -> Result<Duration, String> {
    Duration::try_from_secs_f64(number(text)?).map_err(|error| format!("{text}: {error}"))
}

fn mix(text: &str) -> Result<Mix, String> {
    let mut shares = text.split(':').map(number);
    let mut share = || {
        shares
            .next()
            .unwrap_or_else(|| Err(format!("{text} is not three shares, such as 1:98:1")))
    };
    let mix = Mix {
        connect: share()?,
        announce: share()?,
        scrape: share()?,
    };
    if shares.next().is_some() || mix.connect + mix.announce + mix.scrape == 0 {
        return Err(format!("{text} is not three shares, such as 1:98:1"));
    }
    Ok(mix)
}

/// The report for people.
pub fn describe(report: &Report, config: &Config) -> String {
    use std::fmt::Write;
    let counts = &report.counts;
    let mut out = format!(
        "{:.0} replies/s: {} in {:.2} s, {} connects, {} announces of {:.1} peers, {} scrapes\n",
        report.rate(),
        counts.replies(),
        report.elapsed.as_secs_f64(),
        counts.connects,
        counts.announces,
        report.mean_peers(),
        counts.scrapes,
    );
    let _ = writeln!(
        out,
        "{} refused, {} wrong, {} lost, {} sent again",
        counts.refused, counts.wrong, counts.lost, counts.resent
    );
    if let Some(wrong) = &counts.first_wrong {
        let _ = writeln!(out, "first wrong reply: {wrong}");
    }
    if config.extent == Extent::Verify {
        let _ = writeln!(out, "{} peers held", counts.peers_scraped);
    }
    if let (Some(time), Some(nanos)) = (report.server_time, report.nanos_per_reply()) {
        let share = 100.0 * time.as_secs_f64() / report.elapsed.as_secs_f64();
        let _ = writeln!(
            out,
            "tracker: {nanos:.0} ns of processor time per reply, {share:.0} % busy"
        );
    }
    if let Some((before, after)) = report.memory {
        let growth = after.saturating_sub(before);
        let _ = write!(
            out,
            "tracker: {} KiB anonymous, {} KiB more",
            after >> 10,
            growth >> 10
        );
        let per_peer = growth as f64 / config.work.len() as f64;
        let _ = writeln!(out, ", {per_peer:.1} bytes per peer");
    }
    out
}

/// The report for programs: one line of `key=value`.
pub fn key_values(report: &Report) -> String {
    let counts = &report.counts;
    let (before, after) = report.memory.unwrap_or_default();
    format!(
        "replies={} rate={:.0} connects={} announces={} scrapes={} refused={} wrong={} lost={} \
         resent={} peers_listed={} peers_scraped={} elapsed_ns={} server_ns={} \
         memory_before={before} memory_after={after}",
        counts.replies(),
        report.rate(),
        counts.connects,
        counts.announces,
        counts.scrapes,
        counts.refused,
        counts.wrong,
        counts.lost,
        counts.resent,
        counts.peers_listed,
        counts.peers_scraped,
        report.elapsed.as_nanos(),
        report.server_time.unwrap_or_default().as_nanos(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<(Config, bool), String> {
        let args: Vec<_> = line.split_whitespace().map(String::from).collect();
        parse(&args)
    }

    #[test]
    fn options_are_parsed() {
        let line = "127.0.0.1:80 --http-close --seconds 1.5 --mix 1:2:3 --peers 7 --key-values";
        let (config, key_values) = parsed(line).unwrap();
        assert_eq!(config.server, "127.0.0.1:80".parse().unwrap());
        assert_eq!(config.protocol, Protocol::Http { keep_alive: false });
        assert_eq!(config.extent, Extent::Time(Duration::from_millis(1500)));
        assert_eq!((config.mix.connect, config.mix.scrape), (1, 3));
        assert_eq!(
            (config.work.peers, config.work.sources, config.window),
            (7, 16, 64)
        );
        assert!(key_values);
    }

    #[test]
    fn nonsense_is_refused() {
        for line in [
            "",
            "127.0.0.1",
            "127.0.0.1:1 --peers",
            "127.0.0.1:1 --peers 0",
            "127.0.0.1:1 --mix 1:2",
            "127.0.0.1:1 --mix 0:0:0",
            "127.0.0.1:1 --seconds -1",
            "127.0.0.1:1 --http --fill",
            "127.0.0.1:1 127.0.0.1:2",
        ] {
            assert!(parsed(line).is_err(), "{line}");
        }
    }
}
