//! A key as JSON asks for it, alone or in an array.

use core::num::NonZeroU8;

use serde::Deserialize;

use crate::access::{Key, Keys, Origin, Terms};

use super::problem::Problem;
use super::route::info_hash;

/// What is asked for. Fields that aren't there are as `null`.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct KeyRequest<'j> {
    /// The key; one is made if there is none.
    key: Option<&'j str>,
    /// For how long it is good; for ever if nothing is said.
    seconds_valid: Option<u64>,
    /// The only torrent that it opens.
    info_hash: Option<&'j str>,
    /// Most peers that use it at a time.
    most_peers: Option<NonZeroU8>,
}

impl KeyRequest<'_> {
    /// The key, if one is given, and what it is to be good for.
    pub(super) fn read(&self, keys: &Keys<'_>) -> Result<(Option<Key>, Terms), Problem> {
        let key = self.key.map(|key| Key::parse(key.as_bytes()));
        let key = key.transpose().map_err(|_| Problem::BadKey)?;
        let terms = Terms {
            valid_until: self
                .seconds_valid
                .map(|seconds| until(seconds, keys))
                .transpose()?,
            info_hash: self.info_hash.map(info_hash).transpose()?,
            most_peers: self.most_peers,
            origin: Origin::Granted,
        };
        Ok((key, terms))
    }
}

/// The last second of a key that is good for so many from now on.
pub(super) fn until(seconds: u64, keys: &Keys<'_>) -> Result<u64, Problem> {
    let now = keys.wall_clock().ok_or(Problem::NoClock)?;
    if seconds > LONGEST {
        return Err(Problem::BadDuration);
    }
    now.checked_add(seconds).ok_or(Problem::BadDuration)
}

/// Most seconds that a key can be good for, if it isn't good for ever: some 31,000 years.
const LONGEST: u64 = 1_000_000_000_000;

/// Whether the body is an array.
pub(super) fn is_array(json: &[u8]) -> bool {
    json.trim_ascii_start().first() == Some(&b'[')
}

/// The value that the body is.
pub(super) fn one<'j, T: Deserialize<'j>>(json: &'j [u8]) -> Result<T, Problem> {
    // It takes nothing behind the value.
    let (value, _) = serde_json_core::from_slice(json).map_err(|_| Problem::BadJson)?;
    Ok(value)
}

/// Hands the elements of an array to `each`, one after another, so that there is never more than
/// one.
pub(super) fn elements<'j, T: Deserialize<'j>>(
    json: &'j [u8],
    each: &mut dyn FnMut(T) -> Result<(), Problem>,
) -> Result<(), Problem> {
    let json = json.trim_ascii();
    let inside = json
        .strip_prefix(b"[")
        .and_then(|json| json.strip_suffix(b"]"));
    let mut rest = inside.ok_or(Problem::BadJson)?.trim_ascii();
    while !rest.is_empty() {
        let (element, behind) = rest.split_at(length_of_first(rest));
        each(one(element)?)?;
        rest = behind;
        if let Some((_, behind)) = behind.split_first() {
            // Nothing may follow a comma but another element.
            rest = behind.trim_ascii_start();
            if rest.is_empty() {
                return Err(Problem::BadJson);
            }
        }
    }
    Ok(())
}

/// Where the comma behind the first of some elements is, or the end: outside of texts and of what
/// is in brackets.
fn length_of_first(elements: &[u8]) -> usize {
    let (mut depth, mut in_text, mut escaped) = (0u32, false, false);
    let comma = elements.iter().position(|byte| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            _ if in_text => {}
            b'{' | b'[' => depth = depth.saturating_add(1),
            b'}' | b']' => depth = depth.saturating_sub(1),
            b',' => return depth == 0,
            _ => {}
        }
        false
    });
    comma.unwrap_or(elements.len())
}

#[cfg(test)]
mod tests {
    use std::string::{String, ToString as _};
    use std::vec::Vec;

    use super::{Problem, elements, is_array, one};

    #[test]
    fn arrays_are_read_element_by_element() {
        let read = |json: &str| {
            let mut all = Vec::<String>::new();
            let read = elements(json.as_bytes(), &mut |text: &str| {
                all.push(text.to_string());
                Ok(())
            });
            read.map(|()| all.join(" "))
        };
        assert!(is_array(b" \n[") && !is_array(b"{") && !is_array(b""));
        for (json, expected) in [
            ("[]", ""),
            (" [ ] ", ""),
            (r#"["a"]"#, "a"),
            (r#"[ "a" , "b","c" ]"#, "a b c"),
        ] {
            assert_eq!(read(json), Ok(expected.to_string()), "{json}");
        }
        for json in [
            "",
            "[",
            "]",
            "[,]",
            r#"["a",]"#,
            r#"["a""b"]"#,
            r#"["a" "b"]"#,
            r#"["a"]]"#,
            "[1]",
            r#"["a"#,
        ] {
            assert_eq!(read(json), Err(Problem::BadJson), "{json}");
        }
    }

    #[test]
    fn one_value_is_all_of_the_body() {
        assert_eq!(one::<u64>(b" 7 "), Ok(7));
        for json in ["7 8", "", "x", "-7", "7.5", "99999999999999999999"] {
            assert_eq!(one::<u64>(json.as_bytes()), Err(Problem::BadJson), "{json}");
        }
    }
}
