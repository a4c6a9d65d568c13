//! Bencode (BEP 3), read as strictly as the strictest client does, and written for torrent files.

use std::fmt::Write;

/// Any value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    /// An integer.
    Int(i64),
    /// A byte string.
    Bytes(Vec<u8>),
    /// A list.
    List(Vec<Self>),
    /// A dictionary: keys in order, each once.
    Dict(Vec<(Vec<u8>, Self)>),
}

/// What is wrong with some bencode, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Invalid(pub &'static str, pub usize);

impl Value {
    /// Parses one value that takes all of `bytes`.
    ///
    /// # Errors
    ///
    /// [`Invalid`] for whatever BEP 3 forbids: keys out of order or doubled, leading zeros, a
    /// negative zero, a value cut short, bytes after the end; and for integers beyond 64 bits or
    /// more than 32 levels.
    pub fn parse(bytes: &[u8]) -> Result<Self, Invalid> {
        let mut reader = Reader { bytes, at: 0 };
        let value = reader.value(0)?;
        if reader.at == bytes.len() {
            Ok(value)
        } else {
            Err(reader.invalid("bytes after the end"))
        }
    }

    /// A dictionary from pairs in any order.
    pub fn dict(pairs: impl IntoIterator<Item = (&'static str, Self)>) -> Self {
        let mut pairs: Vec<_> = pairs
            .into_iter()
            .map(|(key, value)| (key.as_bytes().to_vec(), value))
            .collect();
        pairs.sort_by(|a, b| a.0.cmp(&b.0));
        Self::Dict(pairs)
    }

    /// A byte string.
    pub fn bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self::Bytes(bytes.into())
    }

    /// Writes the value.
    pub fn emit(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.emit_to(&mut out);
        out
    }

    fn emit_to(&self, out: &mut Vec<u8>) {
        match self {
            Self::Int(number) => out.extend(format!("i{number}e").bytes()),
            Self::Bytes(bytes) => emit_bytes(bytes, out),
            Self::List(values) => {
                out.push(b'l');
                values.iter().for_each(|value| value.emit_to(out));
                out.push(b'e');
            }
            Self::Dict(pairs) => {
                out.push(b'd');
                for (key, value) in pairs {
                    emit_bytes(key, out);
                    value.emit_to(out);
                }
                out.push(b'e');
            }
        }
    }

    /// The value of a key, if this is a dictionary that has it.
    pub fn find(&self, key: impl AsRef<[u8]>) -> Option<&Self> {
        let Self::Dict(pairs) = self else { return None };
        let found = pairs.iter().find(|(name, _)| name == key.as_ref());
        found.map(|(_, value)| value)
    }

    /// The integer of a key.
    ///
    /// # Panics
    ///
    /// If there is none; so do the ones below.
    pub fn int(&self, key: &str) -> i64 {
        match self.find(key) {
            Some(Self::Int(number)) => *number,
            _ => panic!("no integer {key} in {}", self.show()),
        }
    }

    /// The byte string of a key.
    pub fn string(&self, key: &str) -> &[u8] {
        match self.find(key) {
            Some(Self::Bytes(bytes)) => bytes,
            _ => panic!("no string {key} in {}", self.show()),
        }
    }

    /// The list of a key.
    pub fn list(&self, key: &str) -> &[Self] {
        match self.find(key) {
            Some(Self::List(values)) => values,
            _ => panic!("no list {key} in {}", self.show()),
        }
    }

    /// The keys of a dictionary, as text.
    pub fn keys(&self) -> Vec<String> {
        let Self::Dict(pairs) = self else {
            panic!("no dictionary: {}", self.show())
        };
        let text = |key: &Vec<u8>| String::from_utf8_lossy(key).into_owned();
        pairs.iter().map(|(key, _)| text(key)).collect()
    }

    /// The value as text for a failed test.
    pub fn show(&self) -> String {
        let mut text = String::new();
        for byte in self.emit() {
            let _ = write!(text, "{}", byte.escape_ascii());
        }
        text
    }
}

fn emit_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend(format!("{}:", bytes.len()).bytes());
    out.extend(bytes);
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    const fn invalid(&self, what: &'static str) -> Invalid {
        Invalid(what, self.at)
    }

    fn peek(&self) -> Result<u8, Invalid> {
        let byte = self.bytes.get(self.at).copied();
        byte.ok_or_else(|| self.invalid("cut short"))
    }

    fn value(&mut self, depth: u8) -> Result<Value, Invalid> {
        if depth > 32 {
            return Err(self.invalid("too many levels"));
        }
        match self.peek()? {
            b'i' => {
                self.at += 1;
                let number = self.digits(b'e')?;
                Ok(Value::Int(number))
            }
            b'0'..=b'9' => Ok(Value::Bytes(self.string()?)),
            b'l' => {
                self.at += 1;
                let mut values = Vec::new();
                while self.peek()? != b'e' {
                    values.push(self.value(depth + 1)?);
                }
                self.at += 1;
                Ok(Value::List(values))
            }
            b'd' => {
                self.at += 1;
                let mut pairs: Vec<(Vec<u8>, Value)> = Vec::new();
                while self.peek()? != b'e' {
                    let key = self.string()?;
                    if pairs.last().is_some_and(|(last, _)| *last >= key) {
                        return Err(self.invalid("keys out of order"));
                    }
                    pairs.push((key, self.value(depth + 1)?));
                }
                self.at += 1;
                Ok(Value::Dict(pairs))
            }
            _ => Err(self.invalid("no value")),
        }
    }

    fn string(&mut self) -> Result<Vec<u8>, Invalid> {
        if !self.peek()?.is_ascii_digit() {
            return Err(self.invalid("no string"));
        }
        let length = usize::try_from(self.digits(b':')?).map_err(|_| self.invalid("length"))?;
        let end = self
            .at
            .checked_add(length)
            .ok_or_else(|| self.invalid("length"))?;
        let bytes = self.bytes.get(self.at..end);
        let bytes = bytes.ok_or_else(|| self.invalid("cut short"))?.to_vec();
        self.at = end;
        Ok(bytes)
    }

    /// A number and the byte that ends it.
    fn digits(&mut self, end: u8) -> Result<i64, Invalid> {
        let rest = &self.bytes[self.at..];
        let length = rest.iter().position(|&byte| byte == end);
        let digits = &rest[..length.ok_or_else(|| self.invalid("cut short"))?];
        let text = str::from_utf8(digits).map_err(|_| self.invalid("not a number"))?;
        let number: i64 = text.parse().map_err(|_| self.invalid("not a number"))?;
        // There is one way to write each number, so any other one differs from how we would.
        if number.to_string() != text {
            return Err(self.invalid("not the shortest form"));
        }
        self.at += digits.len() + 1;
        Ok(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_valid_comes_out_as_it_went_in() {
        for text in [
            "i0e",
            "i-42e",
            "0:",
            "4:spam",
            "le",
            "l4:spami7ee",
            "de",
            "d1:ai1e2:aai2e1:bl1:xee",
        ] {
            let value = Value::parse(text.as_bytes()).unwrap();
            assert_eq!(value.emit(), text.as_bytes());
        }
    }

    #[test]
    fn what_bep_3_forbids_is_refused() {
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
            "d1:bi1e1:ai1ee",
            "d1:ai1e1:ai1ee",
            "i1ei2e",
            "e",
            "x",
        ] {
            assert!(Value::parse(text.as_bytes()).is_err(), "{text}");
        }
        assert!(Value::parse(&[b'l'; 100]).is_err());
    }
}
