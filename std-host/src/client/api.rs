//! The REST API of a tracker, asked.

use std::env;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::time::Duration;

use super::arguments::{Arguments, UsageError};
use super::deadline::Deadline;
use super::failure::Failure;
use super::http::{Answer, Request};
use super::json::Value;
use super::resolve::Family;
use super::url::{Scheme, Url};

/// Most bytes of a reply.
const MOST_REPLY: usize = 1 << 20;

/// Most bytes of a request, head and body together.
pub const MOST_REQUEST: usize = 8 << 10;

/// Most bytes of a token.
const MOST_TOKEN: usize = 1024;

/// Most words of a refusal that are told.
const MOST_WORDS: usize = 400;

/// How many entries of a list are asked for at once.
const PAGE: u64 = 100;

/// Where a token is if no file has it: not on the command line, which everybody on the machine sees.
const VARIABLE: &str = "WRTRACKER_TOKEN";

/// An API and what proves who asks.
#[derive(Debug)]
pub struct Api {
    url: Url,
    token: String,
    timeout: Duration,
}

impl Api {
    /// The API that the command line names.
    ///
    /// # Errors
    ///
    /// [`UsageError`] if there is no token, or none that can be sent.
    pub fn new(arguments: &Arguments) -> Result<Self, UsageError> {
        let named = arguments
            .value("api")
            .unwrap_or(OsStr::new("http://127.0.0.1:1212"));
        Ok(Self {
            url: url(arguments, named)?,
            token: token(arguments)?,
            timeout: arguments.timeout(30)?,
        })
    }

    fn request<'a>(&'a self, method: &'static str, path: &str, body: &'a str) -> Request<'a> {
        Request {
            url: &self.url,
            method,
            target: target(&self.url, path),
            token: Some(&self.token),
            body,
        }
    }

    /// Asks for a path behind `/api/`, and reads the JSON that comes.
    ///
    /// # Errors
    ///
    /// [`Failure`].
    pub fn ask(&self, method: &'static str, path: &str, body: &str) -> Result<Value, Failure> {
        let request = self.request(method, path, body);
        json(&request.send(None, MOST_REPLY, Deadline::after(self.timeout))?)
    }

    /// How many bytes the body of a request to a path may have.
    pub fn room(&self, path: &str) -> usize {
        // Four digits of Content-Length, where this has one.
        let head = self.request("POST", path, "-").emit().len() - 1 + 3;
        MOST_REQUEST.saturating_sub(head)
    }

    /// Asks for a list, a page at a time, and hands on each entry.
    ///
    /// # Errors
    ///
    /// [`Failure`]: also if there is no end of it.
    pub fn list(
        &self,
        path: &str,
        mut each: impl FnMut(Value) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut offset = 0;
        while offset < MOST_ENTRIES {
            let page = self.ask("GET", &format!("{path}?offset={offset}&limit={PAGE}"), "")?;
            let Value::Array(entries) = page else {
                return Err(Failure::Nonsense("no list"));
            };
            if entries.is_empty() {
                return Ok(());
            }
            // As many as came: the API may give fewer than were asked for.
            for entry in entries {
                each(entry)?;
                offset += 1;
            }
        }
        Err(Failure::Nonsense("a list without end"))
    }
}

/// More than any tracker has.
const MOST_ENTRIES: u64 = 200_000_000;

/// An API's URL.
///
/// # Errors
///
/// [`UsageError`] if it is none, or has a query.
pub fn url(arguments: &Arguments, text: &OsStr) -> Result<Url, UsageError> {
    let url = arguments.url(text)?;
    if url.scheme != Scheme::Http || url.query.is_some() {
        return Err(arguments.wrong_operand(text, "not the URL of an API: http:// and no query"));
    }
    Ok(url)
}

/// Asks an API how it is, and returns how long the answer took.
///
/// # Errors
///
/// [`Failure`], also if it isn't well.
pub fn health(url: &Url, family: Option<Family>, timeout: Duration) -> Result<Duration, Failure> {
    let request = Request {
        url,
        method: "GET",
        target: target(url, "health_check"),
        token: None,
        body: "",
    };
    let answer = request.send(family, MOST_REPLY, Deadline::after(timeout))?;
    match json(&answer)?.text("status") {
        Some("Ok") => Ok(answer.took),
        Some(other) => Err(Failure::Refused(other.into())),
        None => Err(Failure::Nonsense("no status")),
    }
}

fn target(url: &Url, path: &str) -> String {
    format!("{}/api/{path}", url.path.trim_end_matches('/'))
}

/// The JSON of a reply that is a success.
fn json(answer: &Answer) -> Result<Value, Failure> {
    let reply = &answer.reply;
    match reply.status {
        200..=299 => {
            Value::parse(&reply.body).map_err(|_| Failure::Nonsense("something else than JSON"))
        }
        status @ 300..=399 => Err(Failure::Status(status, reply.location.clone())),
        status => {
            let words = reply.body.trim_ascii();
            let words = words.get(..MOST_WORDS).unwrap_or(words);
            Err(Failure::Status(status, words.to_vec()))
        }
    }
}

fn token(arguments: &Arguments) -> Result<String, UsageError> {
    let (found, of) = match arguments.value("token-file") {
        Some(path) => {
            let read = read_token(Path::new(path));
            (
                read.map_err(|why| arguments.wrong("token-file", why))?,
                "--token-file",
            )
        }
        None => (env::var(VARIABLE).unwrap_or_default(), VARIABLE),
    };
    let token = found.trim();
    if token.is_empty() {
        let why = "there is no token: name a file by --token-file, or set WRTRACKER_TOKEN";
        return Err(arguments.wrong_operand(of.as_ref(), why));
    }
    // Nothing that could be a header of its own.
    if token.len() > MOST_TOKEN || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        let why = "not a token: up to 1024 printable ASCII characters without blanks";
        return Err(arguments.wrong_operand(of.as_ref(), why));
    }
    Ok(token.into())
}

fn read_token(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    // With a line end, and one byte more to see that it is too long.
    File::open(path)?
        .take(MOST_TOKEN as u64 + 3)
        .read_to_string(&mut text)?;
    Ok(text)
}
