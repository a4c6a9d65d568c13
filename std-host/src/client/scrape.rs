//! `wrtracker scrape`

use std::ffi::OsString;

use super::answer::Counts;
use super::arguments::{Arguments, UsageError};
use super::json::Object;
use super::output::{End, Milliseconds, Output};
use super::text::{Hex, Shown};
use super::tracker::Tracker;

/// Asks a tracker for the counts of torrents, of many in one request.
///
/// # Errors
///
/// [`UsageError`] before anybody is asked.
pub fn run(arguments: &Arguments) -> Result<End, UsageError> {
    let family = arguments.family()?;
    let timeout = arguments.timeout(45)?;
    let mut output = Output::new(arguments.json()?);
    let nothing: (&OsString, &[OsString]) = (&OsString::new(), &[]);
    let (first, operands) = arguments.operands.split_first().unwrap_or(nothing);
    let url = arguments.url(first)?;
    let torrents = arguments.torrents(operands)?;
    let hashes: Vec<_> = torrents.iter().map(|torrent| torrent.info_hash).collect();
    let tracker = Tracker {
        url: &url,
        family,
        timeout,
    };
    for hashes in hashes.chunks(tracker.most_hashes()) {
        let named = |hash: &[u8; 20]| {
            let object = Object::new().text("url", &url.text);
            object.text("info_hash", Hex(hash).to_string())
        };
        match tracker.scrape(hashes) {
            Ok(answer) => {
                if !output.json {
                    output.say(format_args!(
                        "{} ({}): {} ms",
                        Shown(url.text.as_bytes()),
                        answer.address,
                        Milliseconds(answer.took)
                    ));
                }
                for (hash, counts) in hashes.iter().zip(&answer.what) {
                    let shown = Hex(hash);
                    if output.json {
                        let counts = counts.unwrap_or_default();
                        let object = named(hash)
                            .text("address", answer.address.to_string())
                            .number("complete", counts.complete)
                            .number("downloaded", counts.downloaded)
                            .number("incomplete", counts.incomplete)
                            .raw("ms", Milliseconds(answer.took));
                        output.say(object);
                    } else if let Some(counts) = counts {
                        output.say(format_args!("  {shown}: {}", Summary(counts)));
                    } else {
                        output.say(format_args!("  {shown}: unknown to the tracker"));
                    }
                }
            }
            Err(failure) => {
                if output.json {
                    for hash in hashes {
                        output.say(named(hash).text("error", failure.to_string()));
                    }
                }
                output.fail(format_args!("{}: {failure}", Shown(url.text.as_bytes())));
            }
        }
    }
    Ok(output.end())
}

struct Summary<'a>(&'a Counts);

impl core::fmt::Display for Summary<'_> {
    fn fmt(&self, to: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        for (nth, (name, number)) in [
            ("seeders", self.0.complete),
            ("leechers", self.0.incomplete),
            ("downloads", self.0.downloaded),
        ]
        .into_iter()
        .enumerate()
        {
            let comma = if nth > 0 { ", " } else { "" };
            match number {
                Some(number) => write!(to, "{comma}{name} {number}")?,
                None => write!(to, "{comma}{name} not told")?,
            }
        }
        Ok(())
    }
}
