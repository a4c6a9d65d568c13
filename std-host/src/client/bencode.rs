//! Bencode (BEP 3) that came from others, read in place.
//!
//! Keys may be in any order, since there are trackers that don't sort them, and of a doubled key
//! the first counts; all else is read as strictly as BEP 3 has it. Nothing is allocated, and levels
//! are counted, not called: input can't exhaust the stack.

/// A value within the bytes that were read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Value<'a> {
    /// An integer of at most 64 bits with its sign.
    Int(i64),
    /// A byte string.
    Bytes(&'a [u8]),
    /// A list.
    List(List<'a>),
    /// A dictionary.
    Dict(Dict<'a>),
}

/// What lies between `l` and `e`: values, one after the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct List<'a>(&'a [u8]);

/// What lies between `d` and `e`: keys and values by turns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Dict<'a>(&'a [u8]);

/// What is wrong with some bencode. Whoever made it is to blame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Invalid(pub &'static str);

/// Most levels of lists and dictionaries within each other.
pub const MOST_LEVELS: u32 = 32;

impl<'a> Value<'a> {
    /// Reads one value that takes all of `bytes`. Work: twice a step for each byte.
    ///
    /// # Errors
    ///
    /// [`Invalid`] for what isn't bencode, for integers beyond 64 bits and for more than
    /// [`MOST_LEVELS`] levels.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Invalid> {
        let mut rest = bytes;
        skip(&mut rest)?;
        if !rest.is_empty() {
            return Err(Invalid("bytes after the end"));
        }
        let mut rest = bytes;
        value(&mut rest)
    }
}

impl<'a> List<'a> {
    /// The values, in order.
    pub fn iter(self) -> impl Iterator<Item = Value<'a>> {
        let mut rest = self.0;
        // What is read here was found to be sound before.
        core::iter::from_fn(move || {
            if rest.is_empty() {
                None
            } else {
                value(&mut rest).ok()
            }
        })
    }
}

impl<'a> Dict<'a> {
    /// The pairs, in the order in which they stand there, each with the bytes of its value.
    pub fn iter(self) -> impl Iterator<Item = (&'a [u8], Value<'a>, &'a [u8])> {
        let mut rest = self.0;
        core::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let key = string(&mut rest).ok()?;
            let before = rest;
            let value = value(&mut rest).ok()?;
            let length = before.len().checked_sub(rest.len())?;
            Some((key, value, before.get(..length)?))
        })
    }

    /// The value of a key.
    pub fn find(self, key: &[u8]) -> Option<Value<'a>> {
        let found = self.iter().find(|(name, ..)| *name == key);
        found.map(|(_, value, _)| value)
    }

    /// The byte string of a key.
    pub fn bytes(self, key: &[u8]) -> Option<&'a [u8]> {
        match self.find(key)? {
            Value::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The integer of a key.
    pub fn int(self, key: &[u8]) -> Option<i64> {
        match self.find(key)? {
            Value::Int(number) => Some(number),
            _ => None,
        }
    }
}

/// Takes one value from the start of `rest`; lists and dictionaries are only gone through.
fn value<'a>(rest: &mut &'a [u8]) -> Result<Value<'a>, Invalid> {
    match rest.first() {
        Some(b'i') => {
            *rest = rest.get(1..).unwrap_or_default();
            number(rest, b'e').map(Value::Int)
        }
        Some(b'l' | b'd') => {
            let before = *rest;
            skip(rest)?;
            let length = before.len() - rest.len();
            let inner = before.get(1..length.saturating_sub(1)).unwrap_or_default();
            Ok(if before.first() == Some(&b'l') {
                Value::List(List(inner))
            } else {
                Value::Dict(Dict(inner))
            })
        }
        _ => string(rest).map(Value::Bytes),
    }
}

/// Takes one value from the start of `rest`, all of it looked at.
fn skip(rest: &mut &[u8]) -> Result<(), Invalid> {
    // Which of the levels are dictionaries: a bit for each, the innermost the last.
    let mut dictionaries = 0_u64;
    let mut levels = 0_u32;
    loop {
        let &first = rest.first().ok_or(CUT_SHORT)?;
        if first == b'e' && levels > 0 {
            *rest = rest.get(1..).unwrap_or_default();
            dictionaries >>= 1;
            levels -= 1;
        } else {
            if levels > 0 && dictionaries & 1 == 1 {
                string(rest)?;
            }
            match *rest.first().ok_or(CUT_SHORT)? {
                kind @ (b'l' | b'd') => {
                    if levels == MOST_LEVELS {
                        return Err(Invalid("too many levels"));
                    }
                    *rest = rest.get(1..).unwrap_or_default();
                    dictionaries = dictionaries << 1 | u64::from(kind == b'd');
                    levels += 1;
                }
                b'i' => {
                    *rest = rest.get(1..).unwrap_or_default();
                    number(rest, b'e')?;
                }
                _ => drop(string(rest)?),
            }
        }
        if levels == 0 {
            return Ok(());
        }
    }
}

/// Takes a string from the start of `rest`.
fn string<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], Invalid> {
    if !rest.first().ok_or(CUT_SHORT)?.is_ascii_digit() {
        return Err(Invalid("no bencode"));
    }
    let length = usize::try_from(number(rest, b':')?).map_err(|_| CUT_SHORT)?;
    let (bytes, after) = rest.split_at_checked(length).ok_or(CUT_SHORT)?;
    *rest = after;
    Ok(bytes)
}

/// Takes a number and the byte that ends it from the start of `rest`.
fn number(rest: &mut &[u8], end: u8) -> Result<i64, Invalid> {
    // No number of 64 bits is longer.
    let digits = rest.iter().take(21).position(|&byte| byte == end);
    let digits = digits.ok_or(if rest.len() < 21 {
        CUT_SHORT
    } else {
        NO_NUMBER
    })?;
    let (digits, after) = rest.split_at_checked(digits).ok_or(CUT_SHORT)?;
    let text = str::from_utf8(digits).map_err(|_| NO_NUMBER)?;
    let shortest = matches!(digits, [b'0'] | [b'-', b'1'..=b'9', ..] | [b'1'..=b'9', ..]);
    if !shortest {
        return Err(NO_NUMBER);
    }
    let number = text.parse().map_err(|_| NO_NUMBER)?;
    *rest = after.get(1..).unwrap_or_default();
    Ok(number)
}

const CUT_SHORT: Invalid = Invalid("bencode that is cut short");
const NO_NUMBER: Invalid = Invalid("a number that is none in bencode");

#[cfg(test)]
mod tests {
    use super::{Invalid, MOST_LEVELS, Value};

    #[test]
    fn values_are_found() {
        let bytes = b"d8:intervali-42e5:peers3:abc4:listli1e2:xxdeee";
        let Ok(Value::Dict(dict)) = Value::parse(bytes) else {
            panic!("a dictionary");
        };
        assert_eq!(dict.int(b"interval"), Some(-42));
        assert_eq!(dict.bytes(b"peers"), Some(&b"abc"[..]));
        assert_eq!((dict.int(b"peers"), dict.bytes(b"interval")), (None, None));
        assert_eq!(dict.find(b"other"), None);
        let Some(Value::List(list)) = dict.find(b"list") else {
            panic!("a list");
        };
        let values: Vec<_> = list.iter().collect();
        assert_eq!(values[..2], [Value::Int(1), Value::Bytes(b"xx")]);
        assert!(matches!(values[2..], [Value::Dict(_)]));
        let spans: Vec<_> = dict.iter().map(|(_, _, span)| span).collect();
        assert_eq!(spans, [&b"i-42e"[..], b"3:abc", b"li1e2:xxdee"]);
    }

    #[test]
    fn keys_in_any_order_are_read_and_the_first_counts() {
        let Ok(Value::Dict(dict)) = Value::parse(b"d1:bi1e1:ai2e1:bi3ee") else {
            panic!("a dictionary");
        };
        assert_eq!((dict.int(b"a"), dict.int(b"b")), (Some(2), Some(1)));
    }

    #[test]
    fn the_ends_of_numbers_are_read() {
        for number in [0, i64::MIN, i64::MAX, -1, 10] {
            let text = format!("i{number}e");
            assert_eq!(Value::parse(text.as_bytes()), Ok(Value::Int(number)));
        }
    }

    #[test]
    fn what_is_none_is_refused() {
        for text in [
            "",
            "i",
            "ie",
            "i-e",
            "i-0e",
            "i01e",
            "i+1e",
            "i1",
            "i1 e",
            "01:a",
            "-1:a",
            "2:a",
            "1a",
            "l",
            "li1e",
            "d1:ae",
            "di1e1:ae",
            "d1:a",
            "d1:ai1e",
            "i1ei2e",
            "e",
            "x",
            "l1:e",
            "de1:",
            "i9223372036854775808e",
            "99999999999999999999:",
            "9223372036854775807:a",
            ":",
            "lxe",
        ] {
            assert!(Value::parse(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn levels_are_bounded() {
        let nested = |levels: usize| [b"l".repeat(levels), b"e".repeat(levels)].concat();
        let most = MOST_LEVELS as usize;
        assert!(Value::parse(&nested(most)).is_ok());
        assert_eq!(
            Value::parse(&nested(most + 1)),
            Err(Invalid("too many levels"))
        );
        assert!(Value::parse(&b"d1:a".repeat(100_000)).is_err());
    }
}
