//! A query string, read by the core and by a simpler reader that must agree.

use wrtracker_core::wire::query::{BadValue, Encoded, Pairs};

use super::same;

/// Runs it.
pub fn run(data: &[u8]) {
    let mut joined = Vec::new();
    for (nth, (name, value)) in Pairs::new(data).enumerate() {
        if nth > 0 {
            joined.push(b'&');
        }
        assert!(!name.0.contains(&b'='));
        joined.extend_from_slice(name.0);
        if let Some(value) = value {
            joined.push(b'=');
            joined.extend_from_slice(value.0);
        }
        check(name);
        value.into_iter().for_each(check);
    }
    assert_eq!(joined, data);
}

fn check(text: Encoded<'_>) {
    let expected = decode(text.0);
    let decoded: Result<Vec<u8>, BadValue> = text.decode().collect();
    same("bytes", decoded.ok(), expected.clone());
    let array = text.array::<20>().ok();
    same(
        "array",
        array,
        expected.clone().and_then(|bytes| bytes.try_into().ok()),
    );
    let number = text.number().ok();
    let number = number.map(|number| (number.negative, number.magnitude));
    same("number", number, expected.as_deref().and_then(parse));
    let short = expected.filter(|bytes| bytes.len() <= 16);
    let mut scratch = [0; 16];
    let plain = text.plain(&mut scratch);
    if text.0.contains(&b'%') {
        same("text", plain, &short.unwrap_or_default());
    } else {
        same("text", plain, text.0);
    }
}

/// All bytes that `text` stands for, if its encoding is right.
fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let mut parts = text.split(|&byte| byte == b'%');
    let mut bytes = parts.next().unwrap_or_default().to_vec();
    for part in parts {
        let digits = str::from_utf8(part.get(..2)?).ok()?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend_from_slice(&part[2..]);
    }
    Some(bytes)
}

fn parse(text: &[u8]) -> Option<(bool, u64)> {
    let digits = text.strip_prefix(b"-");
    let (negative, digits) = digits.map_or((false, text), |digits| (true, digits));
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = str::from_utf8(digits).ok()?.parse().ok()?;
    Some((negative, number))
}
