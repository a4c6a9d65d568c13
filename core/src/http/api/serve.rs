//! Requests one after another, each to what carries it out.

use core::net::IpAddr;

use crate::access::{Role, role_of};
use crate::http::request::source;
use crate::http::serve::{Asker, Served, Stop};
use crate::http::streams::{StreamId, Streams};
use crate::http::{BUFFER_BYTES, LARGEST_REPLY};
use crate::time::Secs;
use crate::tracker::Tracker;
use crate::wire::Out;
use crate::wire::http::{HeadEnd, Persistence};
use crate::wire::http_message::{Length, Message};
use crate::wire::query::Pairs;

use super::problem::Problem;
use super::route::{self, Action, Needs};
use super::{keys, reply, stats, torrents, whitelist};

/// Replies to the requests at the start of `bytes`, one after another, as
/// [`serve`](crate::http::serve::serve) does for trackers' clients.
pub(in crate::http) fn serve(
    bytes: &[u8],
    remote: IpAddr,
    streams: &mut Streams,
    tracker: &mut Tracker<'_>,
    now: Secs,
    out: &mut Out<'_>,
) -> Served {
    let mut rest = bytes;
    let mut answered = false;
    let stop = loop {
        while let Some((b'\r' | b'\n', behind)) = rest.split_first() {
            rest = behind;
        }
        if rest.is_empty() {
            break Stop::Empty;
        }
        // Each may have as many changes as there is room for: the host sees to them first.
        let changes = !tracker.common.access().changes.waiting().is_empty();
        if out.room().len() < LARGEST_REPLY || answered && changes {
            break Stop::Full;
        }
        let (request, length) = match Request::take(rest, remote) {
            Taken::Whole(request, length) => (request, length),
            Taken::Part => break Stop::Incomplete(HeadEnd::default()),
            Taken::Not(problem) => {
                reply::problem(problem, Persistence::CloseSaid, tracker, out);
                (rest, answered) = (&[], true);
                break Stop::Close;
            }
        };
        let start = out.len();
        let mut closes = request.message.persistence.closes();
        let mut stream = None;
        match request.answer(streams, tracker, now, out) {
            Ok(id) => stream = id,
            Err(problem) => {
                out.truncate(start);
                let mut persistence = request.message.persistence;
                if problem.closes() && !closes {
                    (persistence, closes) = (Persistence::CloseSaid, true);
                }
                reply::problem(problem, persistence, tracker, out);
            }
        }
        debug_assert!(!out.overflowed(), "a reply longer than the longest");
        answered = true;
        rest = rest.get(length..).unwrap_or_default();
        if let Some(stream) = stream {
            break Stop::Stream(stream);
        }
        if closes {
            break Stop::Close;
        }
    };
    Served {
        consumed: bytes.len().saturating_sub(rest.len()),
        answered,
        stop,
    }
}

/// A request with its body.
pub(super) struct Request<'h> {
    pub(super) message: Message<'h>,
    pub(super) body: &'h [u8],
    asker: Asker<'h>,
}

/// What stands at the start of some bytes.
enum Taken<'h> {
    /// A request, and how many bytes it is.
    Whole(Request<'h>, usize),
    /// The beginning of one.
    Part,
    /// None that is taken.
    Not(Problem),
}

impl<'h> Request<'h> {
    fn take(bytes: &'h [u8], remote: IpAddr) -> Taken<'h> {
        let Ok((message, head)) = Message::parse(bytes) else {
            return match HeadEnd::default().find(bytes) {
                Some(_) => Taken::Not(Problem::Malformed),
                None if bytes.len() < BUFFER_BYTES => Taken::Part,
                None => Taken::Not(Problem::TooLarge),
            };
        };
        let Length::Bytes(body) = message.length else {
            return Taken::Not(Problem::NoLength);
        };
        let length = usize::try_from(body).map_or(usize::MAX, |body| head.saturating_add(body));
        if length > BUFFER_BYTES {
            return Taken::Not(Problem::TooLarge);
        }
        let Some(whole) = bytes.get(..length) else {
            return Taken::Part;
        };
        let (head, body) = whole.split_at(head.min(whole.len()));
        let asker = Asker {
            remote,
            head,
            path: message.path,
            query: message.query,
            persistence: message.persistence,
        };
        let request = Self {
            message,
            body,
            asker,
        };
        Taken::Whole(request, length)
    }

    /// Carries it out and emits the reply.
    fn answer(
        &self,
        streams: &mut Streams,
        tracker: &mut Tracker<'_>,
        now: Secs,
        out: &mut Out<'_>,
    ) -> Result<Option<StreamId>, Problem> {
        let action = route::action(self.message.method, self.message.path);
        let needs = match action {
            Err(problem @ Problem::UnknownPath) => return Err(problem),
            Ok(action) => action.needs(),
            Err(_) => Needs::Read,
        };
        if needs > Needs::Nothing {
            let role = self.role(tracker, now)?;
            if needs == Needs::Admin && role != Role::Admin {
                return Err(Problem::OnlyRead);
            }
        }
        let persistence = self.message.persistence;
        match action? {
            Action::Health => {
                let reply = reply::begin(reply::JSON, persistence, out);
                out.put(br#"{"status":"Ok"}"#);
                reply.end(out);
            }
            Action::OpenApi => return stats::open_api(self, streams, out),
            Action::Stats => return stats::stats(self, streams, tracker, now, out),
            Action::Metrics => return stats::metrics(self, streams, tracker, out),
            Action::Memory => stats::memory(self, tracker, out),
            Action::Torrents => return torrents::list(self, streams, tracker, out),
            Action::Torrent(hash) => torrents::one(self, &hash, tracker, out)?,
            Action::NewKey(seconds) => keys::new(self, seconds, tracker, out)?,
            Action::AddKeys => keys::add(self, tracker, out)?,
            Action::ListKeys => return keys::list(self, streams, tracker, out),
            Action::DeleteKey(key) => keys::delete(self, &key, tracker, out)?,
            Action::AddTorrent(hash) => whitelist::add_one(self, &hash, tracker, out)?,
            Action::AddTorrents => whitelist::add(self, tracker, out)?,
            Action::ListTorrents => return whitelist::list(self, streams, tracker, out),
            Action::RemoveTorrent(hash) => whitelist::remove(self, &hash, tracker, out)?,
            Action::ReloadKeys | Action::ReloadWhitelist => {
                tracker.reload_wanted = true;
                reply::done(persistence, out);
            }
        }
        Ok(None)
    }

    /// What the asker's token lets it do. A header beats the query.
    fn role(&self, tracker: &mut Tracker<'_>, now: Secs) -> Result<Role, Problem> {
        let from = source(&self.asker, tracker.policy()).unwrap_or(self.asker.remote);
        if tracker.common.access().guesses.is_blocked(from, now) {
            return Err(Problem::Blocked);
        }
        let mut scratch = [0; 192];
        let mut given = None;
        if let Some(header) = self.asker.header(b"authorization") {
            let bearer = header.split_at_checked(BEARER.len());
            given = Some(match bearer {
                Some((scheme, token)) if scheme.eq_ignore_ascii_case(BEARER) => token.trim_ascii(),
                _ => b"",
            });
        } else if let Some(value) = self.parameter(b"token") {
            given = Some(value.plain(&mut scratch));
        }
        let given = given.ok_or(Problem::NoToken)?;
        match role_of(&tracker.policy().api_tokens, given) {
            Some(role) => Ok(role),
            None => {
                let mut access = tracker.common.access_mut();
                access.guesses.note_failure(from, now);
                Err(Problem::WrongToken)
            }
        }
    }

    /// The value of a parameter of the query; an empty one is as none. The last counts.
    pub(super) fn parameter(&self, name: &[u8]) -> Option<crate::wire::query::Encoded<'h>> {
        let pairs = Pairs::new(self.message.query.unwrap_or_default());
        let named = pairs.filter(|(this, _)| this.0 == name);
        named
            .filter_map(|(_, value)| value)
            .filter(|value| !value.0.is_empty())
            .last()
    }

    /// A parameter that is a number.
    pub(super) fn number(&self, name: &[u8]) -> Result<Option<u64>, Problem> {
        let Some(value) = self.parameter(name) else {
            return Ok(None);
        };
        let number = value.number().map_err(|_| Problem::BadNumber)?;
        let number = number.value().filter(|_| !number.negative);
        number.map(Some).ok_or(Problem::BadNumber)
    }

    /// From which one on a list is told, and how many.
    pub(super) fn window(&self) -> Result<(u32, u32), Problem> {
        let short = |number: u64| u32::try_from(number).map_err(|_| Problem::BadNumber);
        let offset = self.number(b"offset")?.map_or(Ok(0), short)?;
        let limit = self.number(b"limit")?.map_or(Ok(MOST_LISTED), short)?;
        Ok((offset, limit.min(MOST_LISTED)))
    }

    /// The body, if it is JSON.
    pub(super) fn json(&self) -> Result<&'h [u8], Problem> {
        let kind = self.asker.header(b"content-type").unwrap_or_default();
        let kind = kind.split(|&byte| byte == b';').next().unwrap_or_default();
        if kind.trim_ascii().eq_ignore_ascii_case(b"application/json") {
            Ok(self.body)
        } else {
            Err(Problem::NotJson)
        }
    }

    /// How a long body is framed: see [`Asker::framing`].
    pub(super) const fn framing(&self) -> (Persistence, bool) {
        self.asker.framing()
    }

    /// The address of the connection.
    pub(super) const fn remote(&self) -> IpAddr {
        self.asker.remote
    }
}

const BEARER: &[u8] = b"bearer ";

/// Most elements of a list in one reply: Torrust's.
const MOST_LISTED: u32 = 4000;
