//! A full scrape on its way out, plain or packed.

use core::fmt::Write;

use super::{Entry, Format};
use crate::gzip::{LARGEST_BEGIN, LARGEST_END, LARGEST_RECORD, NoRoom, Packer, packer};
use crate::wire::{Hex, Out};

/// Writes the records of a full scrape one after another, as they are or through gzip.
///
/// Call [`begin`](Self::begin) once, [`record`](Self::record) for each torrent, and
/// [`end`](Self::end) once. Between calls there may be any time, and the bytes are the same however
/// much room each call had. It never holds more than the rest of one record back.
#[derive(Clone, Debug)]
pub struct Sink {
    format: Format,
    gzip: Option<Packer>,
    window: Option<Window>,
}

/// Which of the records are written.
#[derive(Clone, Copy, Debug)]
struct Window {
    /// Those before them.
    skip: u32,
    /// How many.
    left: u32,
    /// What stands before the next.
    separator: &'static str,
}

impl Sink {
    /// Room that suffices for any one call.
    pub const LARGEST_PIECE: usize = {
        // The prefix and the suffix are at most 9 bytes.
        let begin = LARGEST_BEGIN + LARGEST_RECORD + 2 * 9;
        let end = LARGEST_END + LARGEST_RECORD + 2 * 9;
        if begin > end { begin } else { end }
    };

    /// A full scrape that hasn't begun, packed if that is asked for and built in.
    pub fn new(format: Format, gzip: bool) -> Self {
        let gzip = if gzip {
            packer(format.template())
        } else {
            None
        };
        Self {
            format,
            gzip,
            window: None,
        }
    }

    /// A full scrape of which only `limit` records are written, from number `offset` on; not packed.
    pub fn window(format: Format, (offset, limit): (u32, u32)) -> Self {
        Self {
            window: Some(Window {
                skip: offset,
                left: limit,
                separator: "",
            }),
            ..Self::new(format, false)
        }
    }

    /// Whether no more records are wanted.
    pub(super) const fn is_full(&self) -> bool {
        matches!(self.window, Some(Window { left: 0, .. }))
    }

    /// Writes what stands before the first record.
    ///
    /// # Errors
    ///
    /// [`NoRoom`] if there is less than [`LARGEST_PIECE`](Self::LARGEST_PIECE); nothing is written
    /// then.
    pub fn begin(&mut self, out: &mut Out<'_>) -> Result<(), NoRoom> {
        needs(Self::LARGEST_PIECE, out)?;
        let prefix = self.format.prefix();
        match &mut self.gzip {
            None => out.put(prefix),
            Some(gzip) => {
                gzip.begin(out)?;
                gzip.text(prefix, out)?;
            }
        }
        Ok(())
    }

    /// Writes a record.
    ///
    /// # Errors
    ///
    /// [`NoRoom`] if there is less than [`LARGEST_RECORD`]; nothing is written then.
    pub fn record(&mut self, entry: &Entry, out: &mut Out<'_>) -> Result<(), NoRoom> {
        if self.window.is_some() {
            return self.record_in_window(entry, out);
        }
        let values = self.format.values(entry);
        if let Some(gzip) = &mut self.gzip {
            return gzip.record(&entry.hash, &values, out);
        }
        needs(LARGEST_RECORD, out)?;
        let template = self.format.template();
        template.record(&entry.hash, &values, out);
        Ok(())
    }

    /// Writes a record if it is among those that are wanted.
    #[cold]
    fn record_in_window(&mut self, entry: &Entry, out: &mut Out<'_>) -> Result<(), NoRoom> {
        needs(Self::LARGEST_PIECE, out)?;
        let Some(window) = self.window.as_mut().filter(|window| window.left > 0) else {
            return Ok(());
        };
        if window.skip > 0 {
            window.skip = window.skip.saturating_sub(1);
            return Ok(());
        }
        window.left = window.left.saturating_sub(1);
        let separator = core::mem::replace(&mut window.separator, ",");
        let Entry {
            hash,
            seeders,
            leechers,
            completed,
            ..
        } = entry;
        // There is room.
        let _ = write!(
            out,
            "{separator}{{\"info_hash\":\"{}\",\"seeders\":{seeders},\"completed\":{completed},\
             \"leechers\":{leechers}}}",
            Hex(&hash.0)
        );
        Ok(())
    }

    /// Writes what stands behind the last record.
    ///
    /// # Errors
    ///
    /// [`NoRoom`] if there is less than [`LARGEST_PIECE`](Self::LARGEST_PIECE); nothing is written
    /// then.
    pub fn end(&mut self, out: &mut Out<'_>) -> Result<(), NoRoom> {
        needs(Self::LARGEST_PIECE, out)?;
        let suffix = self.format.suffix();
        match &mut self.gzip {
            None => out.put(suffix),
            Some(gzip) => {
                gzip.text(suffix, out)?;
                gzip.end(out)?;
            }
        }
        Ok(())
    }
}

fn needs(room: usize, out: &mut Out<'_>) -> Result<(), NoRoom> {
    if out.room().len() < room {
        return Err(NoRoom);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Sink;
    use crate::body::{Entry, Format};
    use crate::gzip::NoRoom;
    use crate::wire::{InfoHash, Out};
    use std::string::ToString;
    use std::vec::Vec;

    const ENTRIES: [Entry; 2] = [
        Entry {
            hash: InfoHash(*b"az-._~AZ09 %/+\x00\x7f\x80\xab\xff:"),
            seeders: 0,
            leechers: 258,
            completed: 7,
            base_minutes: 29_920_003,
        },
        Entry {
            hash: InfoHash([0x11; 20]),
            seeders: u32::MAX,
            leechers: 1,
            completed: 0,
            base_minutes: 59,
        },
    ];

    fn plain(format: Format, entries: &[Entry]) -> Vec<u8> {
        let mut bytes = [0; 1_000];
        let mut out = Out::new(&mut bytes);
        let mut sink = Sink::new(format, false);
        sink.begin(&mut out).unwrap();
        for entry in entries {
            sink.record(entry, &mut out).unwrap();
        }
        sink.end(&mut out).unwrap();
        assert!(!out.overflowed());
        out.written().to_vec()
    }

    #[test]
    fn every_format_has_opentrackers_bytes() {
        let expected: [(&str, Format, &[u8]); 6] = [
            (
                "ben",
                Format::Ben,
                b"d5:filesd20:az-._~AZ09 %/+\x00\x7f\x80\xab\xff:d8:completei0e10:downloadedi7e\
                  10:incompletei258ee20:\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\
                  \x11\x11\x11\x11\x11\x11d8:completei4294967295e10:downloadedi0e10:incompletei1e\
                  eee",
            ),
            (
                "bin",
                Format::Bin,
                b"az-._~AZ09 %/+\x00\x7f\x80\xab\xff:\0\0\0\0\0\0\x01\x02\x11\x11\x11\x11\x11\x11\
                  \x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\xff\xff\xff\xff\0\0\0\
                  \x01",
            ),
            (
                "txt",
                Format::Txt,
                b"617A2D2E5F7E415A303920252F2B007F80ABFF3A:0:258\n\
                  1111111111111111111111111111111111111111:4294967295:1\n",
            ),
            (
                "txtp",
                Format::TxtPlus,
                b"617A2D2E5F7E415A303920252F2B007F80ABFF3A:0:258:7\n\
                  1111111111111111111111111111111111111111:4294967295:1:0\n",
            ),
            (
                "url",
                Format::Url,
                b"az-._~AZ09%20%25%2f%2b%00%7f%80%ab%ff%3a:0:258\n\
                  %11%11%11%11%11%11%11%11%11%11%11%11%11%11%11%11%11%11%11%11:4294967295:1\n",
            ),
            (
                "",
                Format::StateDump,
                b"617A2D2E5F7E415A303920252F2B007F80ABFF3A:29920003:7\n\
                  1111111111111111111111111111111111111111:59:0\n",
            ),
        ];
        for (name, format, bytes) in expected {
            assert_eq!(
                plain(format, &ENTRIES).escape_ascii().to_string(),
                bytes.escape_ascii().to_string()
            );
            let named = Format::named(name.as_bytes());
            assert_eq!(named, (!name.is_empty()).then_some(format));
        }
    }

    #[test]
    fn nothing_is_a_whole_scrape_too() {
        assert_eq!(plain(Format::Ben, &[]), b"d5:filesdee");
        for format in Format::ALL.into_iter().skip(1) {
            assert_eq!(plain(format, &[]), b"");
        }
    }

    #[test]
    fn a_call_without_room_changes_nothing() {
        for gzip in [false, true] {
            let mut bytes = [0; Sink::LARGEST_PIECE];
            let mut short = [0; 127];
            let mut sink = Sink::new(Format::Ben, gzip);
            assert_eq!(sink.begin(&mut Out::new(&mut short)), Err(NoRoom));
            let mut out = Out::new(&mut bytes);
            sink.begin(&mut out).unwrap();
            let mut copy = sink.clone();
            let mut none = Out::new(&mut short);
            assert_eq!(copy.record(&ENTRIES[0], &mut none), Err(NoRoom));
            assert_eq!(copy.end(&mut none), Err(NoRoom));
            assert!(none.is_empty());
            let written = [&mut sink, &mut copy].map(|sink| {
                let mut bytes = [0; 1_000];
                let mut out = Out::new(&mut bytes);
                sink.record(&ENTRIES[0], &mut out).unwrap();
                sink.end(&mut out).unwrap();
                out.written().to_vec()
            });
            assert_eq!(written[0], written[1]);
        }
    }
}
