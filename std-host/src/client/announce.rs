//! `wrtracker announce`

use super::answer::{Announced, Peer};
use super::arguments::{Arguments, UsageError};
use super::failure::Failure;
use super::json::Object;
use super::output::{End, Milliseconds, Output};
use super::question::{Announce, Event};
use super::random;
use super::text::{Hex, Shown, hex};
use super::torrent::Torrent;
use super::tracker::{Answered, Tracker};
use super::url::Url;

/// Announces each torrent to the tracker that is named, or to all that its file names.
///
/// # Errors
///
/// [`UsageError`] before anybody is asked.
pub fn run(arguments: &Arguments) -> Result<End, UsageError> {
    let announce = question(arguments)?;
    let family = arguments.family()?;
    let timeout = arguments.timeout(45)?;
    let mut output = Output::new(arguments.json()?);
    let (url, operands) = match arguments.operands.split_first() {
        Some((first, rest)) if is_url(first.as_encoded_bytes()) => {
            (Some(arguments.url(first)?), rest)
        }
        _ => (None, arguments.operands.as_slice()),
    };
    if operands.is_empty() {
        let first = arguments.operands.first().cloned().unwrap_or_default();
        return Err(arguments.wrong_operand(&first, "announce what? An info hash is missing"));
    }
    let torrents = arguments.torrents(operands)?;
    for (torrent, operand) in torrents.iter().zip(operands) {
        if url.is_none() && torrent.trackers.is_empty() {
            let why = "without a URL there must be a torrent file that names trackers";
            return Err(arguments.wrong_operand(operand, why));
        }
    }
    for Torrent {
        info_hash,
        trackers,
    } in &torrents
    {
        let mut ask = |url: Result<Url, Failure>, shown: &str| {
            let answer = url.and_then(|url| {
                let tracker = Tracker {
                    url: &url,
                    family,
                    timeout,
                };
                tracker.announce(info_hash, &announce)
            });
            print(&mut output, shown, info_hash, answer);
        };
        match &url {
            Some(url) => ask(Ok(url.clone()), &url.text),
            None => {
                for text in trackers {
                    ask(Url::parse(text).map_err(Failure::NoUrl), text);
                }
            }
        }
    }
    Ok(output.end())
}

/// Whether an operand is meant as a URL: neither hashes nor files look like that.
fn is_url(operand: &[u8]) -> bool {
    operand.windows(3).any(|part| part == b"://")
}

/// What is to be announced.
fn question(arguments: &Arguments) -> Result<Announce, UsageError> {
    let bytes = |name| arguments.number(name, 0, u64::MAX);
    let port = arguments.number("port", 0, u16::MAX.into())?;
    let wanted = arguments.number("numwant", 0, 1_000_000)?;
    Ok(Announce {
        peer_id: peer_id(arguments)?,
        downloaded: bytes("downloaded")?.unwrap_or(0),
        left: bytes("left")?.unwrap_or(1),
        uploaded: bytes("uploaded")?.unwrap_or(0),
        event: arguments
            .choice("event", &Event::NAMES)?
            .unwrap_or(Event::Started),
        ip: arguments.ip("ip")?,
        key: key(arguments)?,
        wanted: wanted.and_then(|wanted| i32::try_from(wanted).ok()),
        port: port
            .and_then(|port| u16::try_from(port).ok())
            .unwrap_or(6881),
        compact: arguments
            .choice("compact", &[("0", false), ("1", true)])?
            .unwrap_or(true),
    })
}

fn peer_id(arguments: &Arguments) -> Result<[u8; 20], UsageError> {
    match arguments
        .value("peer-id")
        .map(std::ffi::OsStr::as_encoded_bytes)
    {
        Some(bytes) => match (bytes.try_into(), hex(bytes)) {
            (Ok(id), _) | (_, Some(id)) => Ok(id),
            (Err(_), None) => Err(arguments.wrong("peer-id", "not 20 bytes or 40 hex digits")),
        },
        None => {
            let mut id = *b"-WR0001-000000000000";
            let mut random = [0; 12];
            // Without random numbers it is a name that others have too.
            let _ = random::fill(&mut random);
            for (digit, random) in id.iter_mut().skip(8).zip(random) {
                *digit = b'0' + random % 10;
            }
            Ok(id)
        }
    }
}

fn key(arguments: &Arguments) -> Result<u32, UsageError> {
    match arguments.text("key")? {
        Some(text) => match text.strip_prefix("0x") {
            Some(digits) if digits.bytes().all(|digit| digit.is_ascii_hexdigit()) => {
                let wrong = |_| arguments.wrong("key", "not 1 to 8 hex digits after 0x");
                u32::from_str_radix(digits, 16).map_err(wrong)
            }
            _ => {
                let key = arguments.number("key", 0, u32::MAX.into())?;
                Ok(key.and_then(|key| u32::try_from(key).ok()).unwrap_or(0))
            }
        },
        None => Ok(random::number().unwrap_or(0)),
    }
}

fn print(
    output: &mut Output,
    url: &str,
    info_hash: &[u8; 20],
    answer: Result<Answered<Announced>, Failure>,
) {
    let hash = Hex(info_hash);
    match answer {
        Ok(answer) if output.json => output.say(object(url, info_hash, &answer)),
        Ok(answer) => {
            let Answered {
                what,
                address,
                took,
            } = answer;
            output.say(format_args!(
                "{} ({address}) {hash}: {} ms",
                Shown(url.as_bytes()),
                Milliseconds(took)
            ));
            output.say(format_args!("  {}", Summary(&what)));
            for (name, words) in [("warning", &what.warning), ("tracker id", &what.tracker_id)] {
                if let Some(words) = words {
                    output.say(format_args!("  {name}: {}", Shown(words)));
                }
            }
            for peer in &what.peers {
                output.say(format_args!("  {}", Place(peer)));
            }
        }
        Err(failure) => {
            if output.json {
                let object = Object::new()
                    .text("url", url)
                    .text("info_hash", hash.to_string());
                output.say(object.text("error", failure.to_string()));
            }
            output.fail(format_args!("{}: {hash}: {failure}", Shown(url.as_bytes())));
        }
    }
}

/// What is said of an announce in one line.
struct Summary<'a>(&'a Announced);

impl core::fmt::Display for Summary<'_> {
    fn fmt(&self, to: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let what = self.0;
        for (name, number, unit) in [
            ("seeders", what.complete, ""),
            ("leechers", what.incomplete, ""),
            ("downloads", what.downloaded, ""),
            ("interval", what.interval, " s"),
            ("least interval", what.min_interval, " s"),
        ] {
            if let Some(number) = number {
                write!(to, "{name} {number}{unit}, ")?;
            }
        }
        if let Some(ip) = &what.external_ip {
            write!(to, "seen as {ip}, ")?;
        }
        match what.peers.len() {
            1 => to.write_str("1 peer"),
            count => write!(to, "{count} peers"),
        }
    }
}

/// Where a peer is.
struct Place<'a>(&'a Peer);

impl core::fmt::Display for Place<'_> {
    fn fmt(&self, to: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Peer { ip, port, id } = self.0;
        if ip.contains(&b':') {
            write!(to, "[{}]:{port}", Shown(ip))?;
        } else {
            write!(to, "{}:{port}", Shown(ip))?;
        }
        match id {
            Some(id) => write!(to, " {}", Shown(id)),
            None => Ok(()),
        }
    }
}

fn object(url: &str, info_hash: &[u8; 20], answer: &Answered<Announced>) -> Object {
    let Answered {
        what,
        address,
        took,
    } = answer;
    let peers = what.peers.iter().map(|peer| {
        let id = peer.id.as_ref().map(|id| Hex(id).to_string());
        let object = Object::new().text("ip", &peer.ip).raw("port", peer.port);
        object.maybe_text("peer_id", id).to_string()
    });
    Object::new()
        .text("url", url)
        .text("address", address.to_string())
        .text("info_hash", Hex(info_hash).to_string())
        .number("interval", what.interval)
        .number("min_interval", what.min_interval)
        .number("complete", what.complete)
        .number("incomplete", what.incomplete)
        .number("downloaded", what.downloaded)
        .maybe_text("external_ip", what.external_ip.as_ref())
        .maybe_text("tracker_id", what.tracker_id.as_ref())
        .maybe_text("warning", what.warning.as_ref())
        .raw(
            "peers",
            format_args!("[{}]", peers.collect::<Vec<_>>().join(",")),
        )
        .raw("ms", Milliseconds(*took))
}
