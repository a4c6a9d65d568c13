//! Listed torrents: granted, taken back, told.

use crate::access::{Access, Change, Granted};
use crate::body::{Body, Listing};
use crate::http::streams::{StreamId, Streams};
use crate::tracker::Tracker;
use crate::wire::{InfoHash, Out};

use super::key_request::elements;
use super::keys::put;
use super::problem::Problem;
use super::reply::{self, JSON};
use super::route::info_hash;
use super::serve::Request;
use super::torrents;

/// `POST /whitelist/HASH`. One that is listed already is no error, as with Torrust.
pub(super) fn add_one(
    request: &Request<'_>,
    hash: &InfoHash,
    tracker: &mut Tracker<'_>,
    out: &mut Out<'_>,
) -> Result<(), Problem> {
    grant(&mut tracker.common.access_mut(), hash)?;
    reply::done(request.message.persistence, out);
    Ok(())
}

/// `POST /whitelist`: all of an array, or none if there is something else in it or no room for all.
pub(super) fn add(
    request: &Request<'_>,
    tracker: &mut Tracker<'_>,
    out: &mut Out<'_>,
) -> Result<(), Problem> {
    let json = request.json()?;
    let mut added = 0u32;
    {
        let mut access = tracker.common.access_mut();
        let mut fresh = 0usize;
        let granted = table(&mut access)?;
        elements(json, &mut |text: &str| {
            if !granted.contains(&info_hash(text)?) {
                fresh = fresh.saturating_add(1);
            }
            Ok(())
        })?;
        if fresh > granted.capacity().saturating_sub(granted.len()) {
            return Err(Problem::Full);
        }
        elements(json, &mut |text: &str| {
            let new = grant(&mut access, &info_hash(text)?)?;
            added = added.saturating_add(u32::from(new));
            Ok(())
        })?;
    }
    let reply = reply::begin(JSON, request.message.persistence, out);
    put(out, format_args!(r#"{{"added":{added}}}"#));
    reply.end(out);
    Ok(())
}

/// `DELETE /whitelist/HASH`. One that isn't listed is no error, as with Torrust. What is in the file
/// stays.
pub(super) fn remove(
    request: &Request<'_>,
    hash: &InfoHash,
    tracker: &mut Tracker<'_>,
    out: &mut Out<'_>,
) -> Result<(), Problem> {
    {
        let mut access = tracker.common.access_mut();
        if table(&mut access)?.contains(hash) {
            if !access.changes.add(&Change::NotListed(*hash)) {
                return Err(Problem::Busy);
            }
            table(&mut access)?.remove(hash);
        }
    }
    reply::done(request.message.persistence, out);
    Ok(())
}

/// `GET /whitelist`: what was granted; what is in the file is the operator's to know.
pub(super) fn list(
    request: &Request<'_>,
    streams: &mut Streams,
    tracker: &mut Tracker<'_>,
    out: &mut Out<'_>,
) -> Result<Option<StreamId>, Problem> {
    let (offset, limit) = request.window()?;
    table(&mut tracker.common.access_mut())?;
    let body = Body::Listing(Listing::torrents(offset, limit));
    torrents::stream(request, JSON, body, streams, out)
}

fn table<'a, 'm>(access: &'a mut Access<'m>) -> Result<&'a mut Granted<'m>, Problem> {
    access.granted.as_mut().ok_or(Problem::NoList)
}

/// Lists a torrent; whether it wasn't.
fn grant(access: &mut Access<'_>, hash: &InfoHash) -> Result<bool, Problem> {
    let granted = table(access)?;
    if granted.contains(hash) {
        return Ok(false);
    }
    if access.changes.room() == 0 {
        return Err(Problem::Busy);
    }
    let new = table(access)?.insert(hash).map_err(|_| Problem::Full)?;
    access.changes.add(&Change::Listed(*hash));
    Ok(new)
}
