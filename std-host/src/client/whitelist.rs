//! `wrtracker whitelist`: the torrents that a tracker allows.

use std::fs::File;
use std::io;

use wrtracker_core::wire::hash_line::HashLines;

use super::api::Api;
use super::arguments::{Arguments, UsageError};
use super::failure::Failure;
use super::json::{Object, Value};
use super::keys::done;
use super::output::{End, Output};
use super::text::{Hex, Shown};

/// Where the list is.
const PATH: &str = "v1/whitelist";

/// Has torrents allowed, or allowed no longer.
///
/// # Errors
///
/// [`UsageError`] before anybody is asked; likewise the two below.
pub fn change(arguments: &Arguments, method: &'static str) -> Result<End, UsageError> {
    let api = Api::new(arguments)?;
    let mut output = Output::new(arguments.json()?);
    let what = if method == "DELETE" {
        "removed"
    } else {
        "added"
    };
    for torrent in arguments.torrents(&arguments.operands)? {
        let hash = Hex(&torrent.info_hash).to_string();
        let answer = api.ask(method, &format!("{PATH}/{hash}"), "");
        done(&mut output, "info_hash", hash.as_bytes(), what, answer);
    }
    Ok(output.end())
}

/// Prints all torrents that are allowed.
///
/// # Errors
///
/// [`UsageError`].
pub fn list(arguments: &Arguments) -> Result<End, UsageError> {
    let api = Api::new(arguments)?;
    let mut output = Output::new(arguments.json()?);
    let listed = api.list(PATH, |entry| {
        let Value::Text(hash) = entry else {
            return Err(Failure::Nonsense("something else than an info hash"));
        };
        if output.json {
            output.say(Object::new().text("info_hash", hash));
        } else {
            output.say(Shown(hash.as_bytes()));
        }
        Ok(())
    });
    if let Err(failure) = listed {
        output.fail(failure);
    }
    Ok(output.end())
}

/// Has all torrents of a file allowed, in as many requests as that takes; the file is read as it
/// goes.
///
/// # Errors
///
/// [`UsageError`].
pub fn upload(arguments: &Arguments) -> Result<End, UsageError> {
    let api = Api::new(arguments)?;
    let mut output = Output::new(arguments.json()?);
    let operand = arguments.operands.first().cloned().unwrap_or_default();
    let file = File::open(&operand).map_err(|why| arguments.wrong_operand(&operand, why))?;
    let mut upload = Upload {
        api: &api,
        batch: Vec::new(),
        most: batch_size(api.room(PATH)),
        sent: 0,
        added: 0,
        requests: 0,
    };
    let mut lines = HashLines::new();
    let result = upload.file(file, &mut lines);
    let skipped = lines.skipped();
    let Upload {
        sent,
        added,
        requests,
        ..
    } = upload;
    if output.json {
        let object = Object::new().text("file", operand.as_encoded_bytes());
        let object = object.raw("sent", sent).raw("added", added);
        let object = object
            .raw("requests", requests)
            .raw("skipped_lines", skipped.lines);
        let error = result.as_ref().err().map(Failure::to_string);
        output.say(object.maybe_text("error", error));
    } else {
        output.say(format_args!(
            "{sent} sent in {requests} requests, {added} added"
        ));
        if skipped.lines > 0 {
            let (lines, first) = (skipped.lines, skipped.first);
            output.say(format_args!(
                "{lines} lines skipped, the first is line {first}"
            ));
        }
    }
    if let Err(failure) = result {
        let name = Shown(operand.as_encoded_bytes());
        output.fail(format_args!("{name}: after {sent} hashes: {failure}"));
    }
    Ok(output.end())
}

/// An upload that goes on.
struct Upload<'a> {
    api: &'a Api,
    /// What is to be sent next.
    batch: Vec<String>,
    /// Most hashes in one request.
    most: usize,
    sent: u64,
    added: u64,
    requests: u64,
}

/// How many hashes there are in a body of `room` bytes: each is in quotes, with a comma or the last
/// bracket behind it.
const fn batch_size(room: usize) -> usize {
    room.saturating_sub(1) / 43
}

impl Upload<'_> {
    fn file(&mut self, mut file: impl io::Read, lines: &mut HashLines) -> Result<(), Failure> {
        let mut buffer = vec![0; 16 << 10];
        loop {
            let length = match file.read(&mut buffer) {
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Failure::System(error)),
            };
            let batch = &mut self.batch;
            let take = |hash: wrtracker_core::wire::InfoHash| {
                batch.push(format!("\"{}\"", Hex(&hash.0)));
            };
            match buffer.get(..length) {
                Some(bytes) if length > 0 => lines.push(bytes, take),
                _ => lines.finish(take),
            }
            while self.batch.len() >= self.most.max(1) || length == 0 && !self.batch.is_empty() {
                self.send()?;
            }
            if length == 0 {
                return Ok(());
            }
        }
    }

    /// Sends what fits into a request.
    fn send(&mut self) -> Result<(), Failure> {
        let count = self.batch.len().min(self.most.max(1));
        let hashes: Vec<_> = self.batch.drain(..count).collect();
        let body = format!("[{}]", hashes.join(","));
        let answer = self.api.ask("POST", PATH, &body)?;
        let added = answer.whole("added");
        self.added += added.ok_or(Failure::Nonsense("no number of hashes that were added"))?;
        self.sent += u64::try_from(count).unwrap_or(u64::MAX);
        self.requests += 1;
        Ok(())
    }
}
