//! Keys: granted, taken back, told.

use core::fmt;

use crate::access::{Change, Key, Keys, Terms};
use crate::body::{Body, Listing};
use crate::http::streams::{StreamId, Streams};
use crate::tracker::Tracker;
use crate::wire::{Hex, Out};

use super::date::Date;
use super::key_request::{self, KeyRequest};
use super::problem::Problem;
use super::reply::{self, JSON};
use super::serve::Request;
use super::torrents;

/// `POST /key/SECONDS`: makes a key that is good for so long.
pub(super) fn new(
    request: &Request<'_>,
    seconds: u64,
    tracker: &mut Tracker<'_>,
    out: &mut Out<'_>,
) -> Result<(), Problem> {
    let terms = with_keys(tracker, |keys| {
        Ok(Terms {
            valid_until: Some(key_request::until(seconds, keys)?),
            info_hash: None,
            most_peers: None,
            origin: crate::access::Origin::Granted,
        })
    })?;
    let key = tracker.grant_key(None, &terms)?.0;
    answer(request, &key, &terms, out);
    Ok(())
}

/// `POST /keys`: adds a key, given or made, or all of an array.
///
/// An array is taken whole or not at all, but for room that others take at the same time.
pub(super) fn add(
    request: &Request<'_>,
    tracker: &mut Tracker<'_>,
    out: &mut Out<'_>,
) -> Result<(), Problem> {
    let json = request.json()?;
    if !key_request::is_array(json) {
        let asked: KeyRequest<'_> = key_request::one(json)?;
        let (key, terms) = with_keys(tracker, |keys| asked.read(keys))?;
        let key = tracker.grant_key(key, &terms)?.0;
        answer(request, &key, &terms, out);
        return Ok(());
    }
    let mut fresh = 0usize;
    with_keys(tracker, |keys| {
        key_request::elements(json, &mut |asked: KeyRequest<'_>| {
            let (key, _) = asked.read(keys)?;
            if key.is_none_or(|key| keys.get(&key).is_none()) {
                fresh = fresh.saturating_add(1);
            }
            Ok(())
        })?;
        let room = keys.capacity().saturating_sub(keys.len());
        if fresh > room {
            Err(Problem::Full)
        } else {
            Ok(())
        }
    })?;
    let (mut added, mut changed) = (0u32, 0u32);
    key_request::elements(json, &mut |asked: KeyRequest<'_>| {
        let (key, terms) = with_keys(tracker, |keys| asked.read(keys))?;
        let count = if tracker.grant_key(key, &terms)?.1 {
            &mut added
        } else {
            &mut changed
        };
        *count = count.saturating_add(1);
        Ok(())
    })?;
    let reply = reply::begin(JSON, request.message.persistence, out);
    put(
        out,
        format_args!(r#"{{"added":{added},"changed":{changed}}}"#),
    );
    reply.end(out);
    Ok(())
}

/// `DELETE /key/KEY`.
pub(super) fn delete(
    request: &Request<'_>,
    key: &Key,
    tracker: &mut Tracker<'_>,
    out: &mut Out<'_>,
) -> Result<(), Problem> {
    let removed = {
        let mut access = tracker.common.access_mut();
        let access = &mut *access;
        let keys = access.keys.as_mut().ok_or(Problem::NoKeys)?;
        if keys.get(key).is_some() && !access.changes.add(&Change::NoKey(*key)) {
            return Err(Problem::Busy);
        }
        keys.remove(key)
    };
    removed.ok_or(Problem::UnknownKey)?;
    reply::done(request.message.persistence, out);
    Ok(())
}

/// `GET /keys`.
pub(super) fn list(
    request: &Request<'_>,
    streams: &mut Streams,
    tracker: &mut Tracker<'_>,
    out: &mut Out<'_>,
) -> Result<Option<StreamId>, Problem> {
    let (offset, limit) = request.window()?;
    let _ = with_keys(tracker, |keys| Ok(keys.len()))?;
    torrents::stream(
        request,
        JSON,
        Body::Listing(Listing::keys(offset, limit)),
        streams,
        out,
    )
}

/// Looks at the keys, if there are any.
fn with_keys<T>(
    tracker: &Tracker<'_>,
    look: impl FnOnce(&Keys<'_>) -> Result<T, Problem>,
) -> Result<T, Problem> {
    let access = tracker.common.access();
    look(access.keys.as_ref().ok_or(Problem::NoKeys)?)
}

fn answer(request: &Request<'_>, key: &Key, terms: &Terms, out: &mut Out<'_>) {
    let reply = reply::begin(JSON, request.message.persistence, out);
    put(
        out,
        format_args!(
            "{}",
            KeyObject {
                key,
                terms,
                listed: false
            }
        ),
    );
    reply.end(out);
}

/// Writes what there is room for, as there always is.
pub(super) fn put(out: &mut Out<'_>, text: fmt::Arguments<'_>) {
    let _ = fmt::Write::write_fmt(out, text);
}

/// A key with what it is good for, as a JSON object.
pub(crate) struct KeyObject<'k> {
    pub(crate) key: &'k Key,
    pub(crate) terms: &'k Terms,
    /// Whether it is told where it comes from.
    pub(crate) listed: bool,
}

impl fmt::Display for KeyObject<'_> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, terms, .. } = self;
        write!(to, r#"{{"key":"{}","valid_until":"#, key.text())?;
        match terms.valid_until {
            Some(until) => write!(to, r#"{until},"expiry_time":"{}""#, Date(until))?,
            None => to.write_str(r#"null,"expiry_time":null"#)?,
        }
        match terms.info_hash {
            Some(hash) => write!(to, r#","info_hash":"{}""#, Hex(&hash.0))?,
            None => to.write_str(r#","info_hash":null"#)?,
        }
        match terms.most_peers {
            Some(most) => write!(to, r#","most_peers":{most}"#)?,
            None => to.write_str(r#","most_peers":null"#)?,
        }
        if self.listed {
            let origin = match terms.origin {
                crate::access::Origin::File => "file",
                crate::access::Origin::Granted => "granted",
            };
            write!(to, r#","origin":"{origin}""#)?;
        }
        to.write_str("}")
    }
}
