//! What a path names, and which methods it takes.

use crate::access::Key;
use crate::wire::InfoHash;

use super::problem::Problem;

/// What a request is to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Action {
    Health,
    OpenApi,
    Stats,
    Metrics,
    Memory,
    Torrents,
    Torrent(InfoHash),
    /// A key that is good for so many seconds.
    NewKey(u64),
    /// A key, or some, as the body says.
    AddKeys,
    ListKeys,
    DeleteKey(Key),
    ReloadKeys,
    AddTorrent(InfoHash),
    /// Torrents as the body says.
    AddTorrents,
    ListTorrents,
    RemoveTorrent(InfoHash),
    ReloadWhitelist,
}

/// Who may do it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Needs {
    Nothing,
    Read,
    Admin,
}

/// Methods that a path takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Methods {
    Get,
    GetPost,
    PostDelete,
}

impl Methods {
    /// The header that tells them.
    pub(super) const fn allow(self) -> &'static str {
        match self {
            Self::Get => "Allow: GET\r\n",
            Self::GetPost => "Allow: GET, POST\r\n",
            Self::PostDelete => "Allow: POST, DELETE\r\n",
        }
    }
}

impl Action {
    /// Who may do it. Keys are passwords: who may only look doesn't see them.
    pub(super) const fn needs(self) -> Needs {
        match self {
            Self::Health | Self::OpenApi => Needs::Nothing,
            Self::Stats
            | Self::Metrics
            | Self::Memory
            | Self::Torrents
            | Self::Torrent(_)
            | Self::ListTorrents => Needs::Read,
            _ => Needs::Admin,
        }
    }
}

/// A path without what can be wrong in it: of which kind it is.
#[derive(Clone, Copy)]
enum Place<'p> {
    Health,
    OpenApi,
    Stats,
    Metrics,
    Memory,
    Torrents,
    Torrent(&'p str),
    Key(&'p str),
    Keys,
    ReloadKeys,
    Whitelist,
    ReloadWhitelist,
    Listed(&'p str),
}

impl<'p> Place<'p> {
    fn of(path: &'p str) -> Option<Self> {
        if path == "/api/health_check" {
            return Some(Self::Health);
        }
        let (name, below) = match path.strip_prefix("/api/v1/")?.split_once('/') {
            Some((name, below)) => (name, Some(below)),
            None => (path.strip_prefix("/api/v1/")?, None),
        };
        Some(match (name, below) {
            ("openapi.json", None) => Self::OpenApi,
            ("stats", None) => Self::Stats,
            ("metrics", None) => Self::Metrics,
            ("memory", None) => Self::Memory,
            ("torrents", None) => Self::Torrents,
            ("torrent", Some(hash)) if !hash.contains('/') => Self::Torrent(hash),
            ("key", Some(key)) if !key.contains('/') && !key.is_empty() => Self::Key(key),
            ("keys", None) => Self::Keys,
            ("keys", Some("reload")) => Self::ReloadKeys,
            ("whitelist", None) => Self::Whitelist,
            ("whitelist", Some("reload")) => Self::ReloadWhitelist,
            ("whitelist", Some(hash)) if !hash.contains('/') => Self::Listed(hash),
            _ => return None,
        })
    }

    const fn methods(self) -> Methods {
        match self {
            Self::Keys | Self::Whitelist => Methods::GetPost,
            Self::Key(_) | Self::Listed(_) => Methods::PostDelete,
            _ => Methods::Get,
        }
    }

    fn action(self, method: &[u8]) -> Result<Action, Problem> {
        let (get, post, delete) = (method == b"GET", method == b"POST", method == b"DELETE");
        Ok(match self {
            Self::Health if get => Action::Health,
            Self::OpenApi if get => Action::OpenApi,
            Self::Stats if get => Action::Stats,
            Self::Metrics if get => Action::Metrics,
            Self::Memory if get => Action::Memory,
            Self::Torrents if get => Action::Torrents,
            Self::Torrent(hash) if get => Action::Torrent(info_hash(hash)?),
            Self::Key(seconds) if post => Action::NewKey(number(seconds)?),
            Self::Key(key) if delete => {
                Action::DeleteKey(Key::parse(key.as_bytes()).map_err(|_| Problem::BadKey)?)
            }
            Self::Keys if get => Action::ListKeys,
            Self::Keys if post => Action::AddKeys,
            Self::ReloadKeys if get => Action::ReloadKeys,
            Self::Whitelist if get => Action::ListTorrents,
            Self::Whitelist if post => Action::AddTorrents,
            Self::ReloadWhitelist if get => Action::ReloadWhitelist,
            Self::Listed(hash) if post => Action::AddTorrent(info_hash(hash)?),
            Self::Listed(hash) if delete => Action::RemoveTorrent(info_hash(hash)?),
            _ => return Err(Problem::WrongMethod(self.methods())),
        })
    }
}

/// What is to be done; an unknown path comes before a wrong method, and that before what is wrong in
/// the path.
pub(super) fn action(method: &[u8], path: &[u8]) -> Result<Action, Problem> {
    let path = core::str::from_utf8(path).map_err(|_| Problem::UnknownPath)?;
    Place::of(path).ok_or(Problem::UnknownPath)?.action(method)
}

/// An info hash of 40 hex digits.
pub(super) fn info_hash(text: &str) -> Result<InfoHash, Problem> {
    let digits = text.as_bytes();
    if digits.len() != 40 {
        return Err(Problem::BadInfoHash);
    }
    let mut hash = [0; 20];
    for (byte, pair) in hash.iter_mut().zip(digits.as_chunks::<2>().0) {
        let [high, low] = pair.map(|digit| char::from(digit).to_digit(16));
        let value = high.zip(low).map(|(high, low)| high * 16 + low);
        let value = value.and_then(|value| u8::try_from(value).ok());
        *byte = value.ok_or(Problem::BadInfoHash)?;
    }
    Ok(InfoHash(hash))
}

/// A number without a sign.
pub(super) fn number(text: &str) -> Result<u64, Problem> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().map_err(|_| Problem::BadNumber);
    if digits {
        number
    } else {
        Err(Problem::BadNumber)
    }
}

#[cfg(test)]
mod tests {
    use super::{Action, Methods, Needs, action};
    use crate::http::api::problem::Problem;
    use crate::wire::InfoHash;

    const HASH: &str = "00112233445566778899aabbccddeeff00112233";

    #[test]
    fn paths_name_what_torrust_has_there() {
        let path = |text: &str| std::format!("/api/v1/{text}");
        let hash = InfoHash(
            *b"\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff\x00\x11\x22\x33",
        );
        for (method, text, expected) in [
            ("GET", path("stats"), Action::Stats),
            ("GET", path("torrents"), Action::Torrents),
            (
                "GET",
                path(&std::format!("torrent/{HASH}")),
                Action::Torrent(hash),
            ),
            ("POST", path("key/3600"), Action::NewKey(3600)),
            ("GET", path("keys/reload"), Action::ReloadKeys),
            (
                "POST",
                path(&std::format!("whitelist/{HASH}")),
                Action::AddTorrent(hash),
            ),
            (
                "DELETE",
                path(&std::format!("whitelist/{HASH}")),
                Action::RemoveTorrent(hash),
            ),
            ("GET", path("whitelist/reload"), Action::ReloadWhitelist),
            ("GET", "/api/health_check".into(), Action::Health),
        ] {
            assert_eq!(action(method.as_bytes(), text.as_bytes()), Ok(expected));
            let needs = expected.needs();
            assert_eq!(needs == Needs::Nothing, expected == Action::Health);
            let wrong = action(b"PUT", text.as_bytes());
            assert!(matches!(wrong, Err(Problem::WrongMethod(_))), "{text}");
        }
        assert_eq!(
            action(b"PATCH", b"/api/v1/keys"),
            Err(Problem::WrongMethod(Methods::GetPost))
        );
    }

    #[test]
    fn unknown_paths_and_bad_values_in_known_ones_are_told_apart() {
        for path in [
            "/",
            "/api",
            "/api/v1",
            "/api/v1/",
            "/api/v1/stats/",
            "/api/v1/key/",
            "/api/v1/keys/x",
            "/api/v1/torrent",
            "/api/v1/torrent/a/b",
            "/api/v2/stats",
            "//api/v1/stats",
            "/announce",
        ] {
            assert_eq!(
                action(b"GET", path.as_bytes()),
                Err(Problem::UnknownPath),
                "{path}"
            );
        }
        for (method, path, problem) in [
            ("GET", "/api/v1/torrent/x", Problem::BadInfoHash),
            ("GET", "/api/v1/torrent/", Problem::BadInfoHash),
            (
                "POST",
                "/api/v1/whitelist/zz112233445566778899aabbccddeeff00112233",
                Problem::BadInfoHash,
            ),
            ("POST", "/api/v1/key/-1", Problem::BadNumber),
            ("POST", "/api/v1/key/+1", Problem::BadNumber),
            (
                "POST",
                "/api/v1/key/99999999999999999999",
                Problem::BadNumber,
            ),
            ("DELETE", "/api/v1/key/short", Problem::BadKey),
        ] {
            assert_eq!(
                action(method.as_bytes(), path.as_bytes()),
                Err(problem),
                "{path}"
            );
        }
    }
}
