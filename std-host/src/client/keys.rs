//! `wrtracker key`: the keys of a private tracker.

use std::ffi::OsStr;

use super::api::Api;
use super::arguments::{Arguments, UsageError};
use super::failure::Failure;
use super::json::{Object, Value};
use super::output::{End, Output};
use super::text::{Hex, Shown, hex};
use super::url::percent;

/// Has a key made.
///
/// # Errors
///
/// [`UsageError`] before anybody is asked; likewise the two below.
pub fn new(arguments: &Arguments) -> Result<End, UsageError> {
    let api = Api::new(arguments)?;
    let mut output = Output::new(arguments.json()?);
    let hash = match arguments.value("info-hash").map(OsStr::as_encoded_bytes) {
        Some(text) => {
            let hash: Option<[u8; 20]> = hex(text);
            let wrong = || arguments.wrong("info-hash", "not 40 hex digits");
            Some(Hex(&hash.ok_or_else(wrong)?).to_string())
        }
        None => None,
    };
    let wanted = Object::new()
        .maybe_text("key", arguments.text("key")?)
        .number(
            "seconds_valid",
            arguments.number("seconds", 1, u32::MAX.into())?,
        )
        .maybe_text("info_hash", hash)
        .number("most_peers", arguments.number("most-peers", 1, 255)?);
    match api
        .ask("POST", "v1/keys", &wanted.to_string())
        .and_then(Key::read)
    {
        Ok(key) if output.json => output.say(key.object()),
        Ok(key) => output.say(key.line()),
        Err(failure) => output.fail(failure),
    }
    Ok(output.end())
}

/// Prints all keys.
///
/// # Errors
///
/// [`UsageError`].
pub fn list(arguments: &Arguments) -> Result<End, UsageError> {
    let api = Api::new(arguments)?;
    let mut output = Output::new(arguments.json()?);
    let listed = api.list("v1/keys", |entry| {
        let key = Key::read(entry)?;
        if output.json {
            output.say(key.object().maybe_text("origin", key.0.text("origin")));
        } else {
            output.say(key.line());
        }
        Ok(())
    });
    if let Err(failure) = listed {
        output.fail(failure);
    }
    Ok(output.end())
}

/// Has keys forgotten.
///
/// # Errors
///
/// [`UsageError`].
pub fn delete(arguments: &Arguments) -> Result<End, UsageError> {
    let api = Api::new(arguments)?;
    let mut output = Output::new(arguments.json()?);
    for key in &arguments.operands {
        let key = key.as_encoded_bytes();
        let answer = api.ask("DELETE", &format!("v1/key/{}", percent(key)), "");
        done(&mut output, "key", key, "deleted", answer);
    }
    Ok(output.end())
}

/// Tells how it went with one key or torrent.
pub(crate) fn done(
    output: &mut Output,
    kind: &str,
    name: &[u8],
    what: &str,
    answer: Result<Value, Failure>,
) {
    let object = Object::new().text(kind, name);
    match answer {
        Ok(_) if output.json => output.say(object.text("status", "ok")),
        Ok(_) => output.say(format_args!("{what} {}", Shown(name))),
        Err(failure) => {
            if output.json {
                output.say(object.text("error", failure.to_string()));
            }
            output.fail(format_args!("{}: {failure}", Shown(name)));
        }
    }
}

/// A key as the API tells of it.
struct Key(Value);

impl Key {
    fn read(value: Value) -> Result<Self, Failure> {
        match value.text("key") {
            Some(_) => Ok(Self(value)),
            None => Err(Failure::Nonsense("something else than a key")),
        }
    }

    fn object(&self) -> Object {
        Object::new()
            .maybe_text("key", self.0.text("key"))
            .number("valid_until", self.0.whole("valid_until"))
            .maybe_text("expiry_time", self.0.text("expiry_time"))
            .maybe_text("info_hash", self.0.text("info_hash"))
            .number("most_peers", self.0.whole("most_peers"))
    }

    fn line(&self) -> String {
        let shown = |name| self.0.text(name).map(|text| Shown(text.as_bytes()));
        let mut line = shown("key").map(|key| key.to_string()).unwrap_or_default();
        match (shown("expiry_time"), self.0.whole("valid_until")) {
            (Some(time), _) => line += &format!(" until {time}"),
            (None, Some(seconds)) => line += &format!(" until second {seconds} since 1970"),
            (None, None) => line += " for ever",
        }
        if let Some(hash) = shown("info_hash") {
            line += &format!(", for {hash} alone");
        }
        if let Some(peers) = self.0.whole("most_peers") {
            line += &format!(", {peers} peers");
        }
        line
    }
}
