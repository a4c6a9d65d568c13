//! The query of a request for statistics.

use super::Mode;
use crate::wire::query::{Encoded, Pairs};

/// What a request for statistics asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Asked<'q> {
    /// The page.
    pub mode: Mode,
    /// `format` as it came, which only [`Mode::Tpbs`] looks at.
    pub format: Option<Encoded<'q>>,
}

/// No such page: status 400. The client's fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BadRequest;

impl core::fmt::Display for BadRequest {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("no such page of statistics")
    }
}

impl core::error::Error for BadRequest {}

impl<'q> Asked<'q> {
    /// Parses what follows the `?`, or nothing.
    ///
    /// Names that mean nothing here are ignored. Of a doubled one the last counts, as long as none
    /// is wrong. Without `mode` it is [`Mode::Peer`].
    ///
    /// # Errors
    ///
    /// [`BadRequest`] for a mode that isn't one, and if there is an `info_hash`: whoever announces
    /// to the path of the statistics shall not get a page for it.
    pub fn parse(query: &'q [u8]) -> Result<Self, BadRequest> {
        let mut asked = Self {
            mode: Mode::Peer,
            format: None,
        };
        for (name, value) in Pairs::new(query) {
            match name.plain(&mut [0; 16]) {
                b"mode" => {
                    let value = value.ok_or(BadRequest)?;
                    asked.mode = Mode::parse(value.plain(&mut [0; 16])).ok_or(BadRequest)?;
                }
                b"format" => asked.format = value,
                b"info_hash" => return Err(BadRequest),
                _ => {}
            }
        }
        Ok(asked)
    }
}

#[cfg(test)]
mod tests {
    use super::{Asked, BadRequest};
    use crate::stats::Mode;
    use crate::wire::query::Encoded;

    #[test]
    fn a_mode_is_found_wherever_it_stands_and_however_it_is_written() {
        for (query, mode) in [
            ("", Mode::Peer),
            ("format=ben", Mode::Peer),
            ("foo=%zz&&a&=", Mode::Peer),
            ("mode=conn", Mode::Conn),
            ("mode=conn&foo", Mode::Conn),
            ("foo=bar&mode=everything", Mode::Everything),
            ("m%6fde=c%6Fnn", Mode::Conn),
            ("mode=%77oodpeckers", Mode::Woodpeckers),
            ("mode=peer&mode=conn", Mode::Conn),
            ("mode=conn&mode=peer", Mode::Peer),
            ("Mode=conn", Mode::Peer),
        ] {
            let asked = Asked::parse(query.as_bytes()).map(|asked| asked.mode);
            assert_eq!(asked, Ok(mode), "{query}");
        }
    }

    #[test]
    fn what_is_no_page_is_refused() {
        for query in [
            "mode",
            "mode=",
            "mode=Conn",
            "mode=conn ",
            "mode=%zz",
            "mode=conn%",
            "mode=&mode=peer",
            "mode=peer&info_hash=1",
            "mode=peer&info_hash",
            "info%5fhash=12345678901234567890&port=6881",
            "mode=everythingeverything",
        ] {
            assert_eq!(Asked::parse(query.as_bytes()), Err(BadRequest), "{query}");
        }
    }

    #[test]
    fn a_format_comes_as_it_is() {
        let asked = Asked::parse(b"mode=tpbs&format=t%78t").unwrap();
        assert_eq!(asked.mode, Mode::Tpbs);
        assert_eq!(asked.format, Some(Encoded(b"t%78t")));
        assert_eq!(Asked::parse(b"mode=tpbs").unwrap().format, None);
    }
}
