//! JSON (RFC 8259): objects for standard output, and values that came from an API.

use core::fmt::{self, Write as _};

use super::text::acts;

/// Text as a JSON string. Bytes that are no UTF-8 become U+FFFD, and what a terminal would act on
/// is escaped.
#[derive(Clone, Copy, Debug)]
pub struct Quoted<'a>(pub &'a [u8]);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_char('"')?;
        for character in String::from_utf8_lossy(self.0).chars() {
            match character {
                '"' | '\\' => write!(to, "\\{character}")?,
                // All that act are below 2^16.
                _ if acts(character) => write!(to, "\\u{:04x}", u32::from(character))?,
                _ => to.write_char(character)?,
            }
        }
        to.write_char('"')
    }
}

/// An object in the making.
#[derive(Clone, Debug)]
pub struct Object(String);

impl Default for Object {
    fn default() -> Self {
        Self::new()
    }
}

impl Object {
    /// One without members.
    pub fn new() -> Self {
        Self("{".into())
    }

    /// Adds a member whose value is JSON already, such as a number.
    #[must_use]
    pub fn raw(mut self, key: &str, value: impl fmt::Display) -> Self {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        self.0 += &format!("{}:{value}", Quoted(key.as_bytes()));
        self
    }

    /// Adds a string.
    #[must_use]
    pub fn text(self, key: &str, value: impl AsRef<[u8]>) -> Self {
        self.raw(key, Quoted(value.as_ref()))
    }

    /// Adds a number, or `null`.
    #[must_use]
    pub fn number(self, key: &str, value: Option<impl fmt::Display>) -> Self {
        match value {
            Some(value) => self.raw(key, value),
            None => self.raw(key, "null"),
        }
    }

    /// Adds a string, or `null`.
    #[must_use]
    pub fn maybe_text(self, key: &str, value: Option<impl AsRef<[u8]>>) -> Self {
        match value {
            Some(value) => self.text(key, value),
            None => self.raw(key, "null"),
        }
    }
}

impl fmt::Display for Object {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{}}}", self.0)
    }
}

/// A value that was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, as it was written.
    Number(String),
    /// A string.
    Text(String),
    /// An array.
    Array(Vec<Self>),
    /// An object, its members in the order in which they came.
    Object(Vec<(String, Self)>),
}

/// Bytes that are no JSON.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Invalid;

/// Most levels of arrays and objects within each other.
pub const MOST_LEVELS: u8 = 16;

impl Value {
    /// Reads a value that takes all of `bytes`.
    ///
    /// # Errors
    ///
    /// [`Invalid`] for what is no JSON, and for more than [`MOST_LEVELS`] levels.
    pub fn parse(bytes: &[u8]) -> Result<Self, Invalid> {
        let text = str::from_utf8(bytes).map_err(|_| Invalid)?;
        let mut reader = Reader(text);
        let value = reader.value(0)?;
        reader.blanks();
        if reader.0.is_empty() {
            Ok(value)
        } else {
            Err(Invalid)
        }
    }

    /// The first value of a key, if this is an object that has it.
    pub fn find(&self, key: &str) -> Option<&Self> {
        let Self::Object(members) = self else {
            return None;
        };
        let found = members.iter().find(|(name, _)| name == key);
        found.map(|(_, value)| value)
    }

    /// The string of a key.
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.find(key)? {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The whole number of a key.
    pub fn whole(&self, key: &str) -> Option<u64> {
        match self.find(key)? {
            Self::Number(number) => number.parse().ok(),
            _ => None,
        }
    }
}

struct Reader<'a>(&'a str);

impl Reader<'_> {
    fn blanks(&mut self) {
        self.0 = self.0.trim_start_matches([' ', '\t', '\r', '\n']);
    }

    /// Takes `text` if it is next.
    fn takes(&mut self, text: &str) -> bool {
        let rest = self.0.strip_prefix(text);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn value(&mut self, level: u8) -> Result<Value, Invalid> {
        self.blanks();
        match self.0.as_bytes().first().ok_or(Invalid)? {
            b'{' | b'[' if level == MOST_LEVELS => Err(Invalid),
            b'"' => self.string().map(Value::Text),
            b'[' => {
                self.takes("[");
                let mut values = Vec::new();
                self.blanks();
                while !self.takes("]") {
                    if !values.is_empty() && !self.takes(",") {
                        return Err(Invalid);
                    }
                    values.push(self.value(level + 1)?);
                    self.blanks();
                }
                Ok(Value::Array(values))
            }
            b'{' => {
                self.takes("{");
                let mut members = Vec::new();
                self.blanks();
                while !self.takes("}") {
                    if !members.is_empty() && !self.takes(",") {
                        return Err(Invalid);
                    }
                    self.blanks();
                    let key = self.string()?;
                    self.blanks();
                    if !self.takes(":") {
                        return Err(Invalid);
                    }
                    members.push((key, self.value(level + 1)?));
                    self.blanks();
                }
                Ok(Value::Object(members))
            }
            b'-' | b'0'..=b'9' => self.number(),
            _ if self.takes("null") => Ok(Value::Null),
            _ if self.takes("true") => Ok(Value::Bool(true)),
            _ if self.takes("false") => Ok(Value::Bool(false)),
            _ => Err(Invalid),
        }
    }

    fn number(&mut self) -> Result<Value, Invalid> {
        let before = self.0;
        self.takes("-");
        if !self.takes("0") {
            self.digits()?;
        }
        if self.takes(".") {
            self.digits()?;
        }
        if self.takes("e") || self.takes("E") {
            let _ = self.takes("+") || self.takes("-");
            self.digits()?;
        }
        let number = before.strip_suffix(self.0).ok_or(Invalid)?;
        Ok(Value::Number(number.into()))
    }

    /// Takes one digit or more.
    fn digits(&mut self) -> Result<(), Invalid> {
        let rest = self
            .0
            .trim_start_matches(|digit: char| digit.is_ascii_digit());
        if rest.len() == self.0.len() {
            return Err(Invalid);
        }
        self.0 = rest;
        Ok(())
    }

    fn string(&mut self) -> Result<String, Invalid> {
        if !self.takes("\"") {
            return Err(Invalid);
        }
        let mut text = String::new();
        loop {
            let mut characters = self.0.chars();
            let next = characters.next().ok_or(Invalid)?;
            self.0 = characters.as_str();
            match next {
                '"' => return Ok(text),
                '\\' => text.push(self.escape()?),
                '\0'..' ' => return Err(Invalid),
                _ => text.push(next),
            }
        }
    }

    /// What follows a backslash.
    fn escape(&mut self) -> Result<char, Invalid> {
        let mut characters = self.0.chars();
        let next = characters.next().ok_or(Invalid)?;
        self.0 = characters.as_str();
        Ok(match next {
            '"' | '\\' | '/' => next,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let unit = self.unit()?;
                let low = match unit {
                    0xd800..=0xdbff if self.takes("\\u") => self.unit()?,
                    _ => 0,
                };
                match (unit, low) {
                    (0xd800..=0xdbff, 0xdc00..=0xdfff) => {
                        let code = 0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
                        char::from_u32(code).ok_or(Invalid)?
                    }
                    // A half alone is none.
                    _ => char::from_u32(unit).ok_or(Invalid)?,
                }
            }
            _ => return Err(Invalid),
        })
    }

    /// Four hexadecimal digits.
    fn unit(&mut self) -> Result<u32, Invalid> {
        let (digits, rest) = self.0.split_at_checked(4).ok_or(Invalid)?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(Invalid);
        }
        self.0 = rest;
        u32::from_str_radix(digits, 16).map_err(|_| Invalid)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => to.write_str("null"),
            Self::Bool(value) => value.fmt(to),
            Self::Number(number) => to.write_str(number),
            Self::Text(text) => Quoted(text.as_bytes()).fmt(to),
            Self::Array(values) => {
                to.write_char('[')?;
                for (nth, value) in values.iter().enumerate() {
                    write!(to, "{}{value}", if nth > 0 { "," } else { "" })?;
                }
                to.write_char(']')
            }
            Self::Object(members) => {
                to.write_char('{')?;
                for (nth, (key, value)) in members.iter().enumerate() {
                    let comma = if nth > 0 { "," } else { "" };
                    write!(to, "{comma}{}:{value}", Quoted(key.as_bytes()))?;
                }
                to.write_char('}')
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Invalid, MOST_LEVELS, Object, Value};

    #[test]
    fn objects_are_written() {
        let object = Object::new()
            .text("a\"", b"\x1b\\\xff\n")
            .number("b", Some(7))
            .number("c", None::<u8>)
            .maybe_text("d", None::<&str>)
            .raw("e", "[]");
        assert_eq!(
            object.to_string(),
            "{\"a\\\"\":\"\\u001b\\\\\u{fffd}\\u000a\",\"b\":7,\"c\":null,\"d\":null,\"e\":[]}"
        );
        assert_eq!(Object::new().to_string(), "{}");
    }

    #[test]
    fn values_are_read_and_written() {
        for (text, shown) in [
            ("null", "null"),
            (" true\n", "true"),
            ("-0.5e+10", "-0.5e+10"),
            ("[ ]", "[]"),
            ("[1, \"x\" ,{}]", "[1,\"x\",{}]"),
            ("{ \"a\" : [ ] , \"b\":0}", "{\"a\":[],\"b\":0}"),
            (
                "\"\\u00e4\\ud83d\\ude00\\n\\/\"",
                "\"\u{e4}\u{1f600}\\u000a/\"",
            ),
            ("\"\u{9b}\"", "\"\\u009b\""),
        ] {
            let value = Value::parse(text.as_bytes()).map(|value| value.to_string());
            assert_eq!(value.as_deref(), Ok(shown), "{text}");
        }
        let value = Value::parse(b"{\"a\":\"x\",\"b\":12,\"a\":0}").unwrap();
        assert_eq!((value.text("a"), value.whole("b")), (Some("x"), Some(12)));
        assert_eq!((value.text("b"), value.whole("a")), (None, None));
    }

    #[test]
    fn what_is_none_is_refused() {
        for text in [
            "",
            "nul",
            "[",
            "[1",
            "[1,]",
            "[,]",
            "[1 2]",
            "{",
            "{\"a\"}",
            "{\"a\":}",
            "{a:1}",
            "{\"a\":1,}",
            "01",
            "-",
            "1.",
            ".5",
            "1e",
            "+1",
            "\"",
            "\"\\",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\ud800\"",
            "\"\\udc00\"",
            "\"\\ud800\\u0041\"",
            "\"\n\"",
            "1 1",
            "NaN",
            "\"\\u+123\"",
        ] {
            assert_eq!(Value::parse(text.as_bytes()), Err(Invalid), "{text}");
        }
        assert_eq!(Value::parse(b"\"\xff\""), Err(Invalid));
        let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        let most = usize::from(MOST_LEVELS);
        assert!(Value::parse(nested(most).as_bytes()).is_ok());
        assert!(Value::parse(nested(most + 1).as_bytes()).is_err());
        assert!(Value::parse("[".repeat(1 << 20).as_bytes()).is_err());
    }
}
