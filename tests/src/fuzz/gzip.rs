//! A packed full scrape, written with little room and with much, and unpacked again.
//!
//! Input: one byte for the format; then pieces, each one byte that says what it is and bytes for
//! it.

use miniz_oxide::inflate::decompress_to_vec_with_limit;
use wrtracker_core::body::{Entry, Format, Sink};
use wrtracker_core::gzip::{Encoder, LARGEST_BEGIN, LARGEST_RECORD, NoRoom, Template};
use wrtracker_core::wire::{InfoHash, Out};

use super::{Input, same};

/// Runs it.
pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let format = usize::from(input.byte().unwrap_or_default()) % Format::ALL.len();
    let mut pieces = Vec::new();
    while let Some(kind) = input.byte() {
        pieces.push(piece(kind, &mut input));
    }
    scrape(Format::ALL[format], &pieces);
    stream(&pieces);
}

/// A record or, if there is one, a text before it.
struct Piece<'d> {
    text: &'d [u8],
    entry: Entry,
}

/// Numbers of all widths, and often the same ones again.
fn piece<'d>(kind: u8, input: &mut Input<'d>) -> Piece<'d> {
    let number = |input: &mut Input<'_>, width: u8| {
        let bytes = input.bytes((width % 5).into());
        bytes
            .iter()
            .fold(0, |sum: u32, &byte| sum << 8 | u32::from(byte))
    };
    let text = if kind < 16 {
        input.bytes(kind.into())
    } else {
        b""
    };
    let fill = input.byte().unwrap_or_default();
    let mut hash = [fill; 20];
    if kind.is_multiple_of(2) {
        let bytes = input.bytes(20);
        hash[..bytes.len()].copy_from_slice(bytes);
    }
    let entry = Entry {
        hash: InfoHash(hash),
        seeders: number(input, kind / 16),
        leechers: number(input, kind / 64),
        completed: number(input, kind / 32),
        base_minutes: number(input, kind / 8),
    };
    Piece { text, entry }
}

/// The same bytes whatever the room, and what is unpacked is what would have been written plain.
fn scrape(format: Format, pieces: &[Piece<'_>]) {
    let entries: Vec<_> = pieces.iter().map(|piece| piece.entry).collect();
    let plain = written(format, false, &entries, 10_000);
    same(
        "plain",
        &written(format, false, &entries, Sink::LARGEST_PIECE),
        &plain,
    );
    let packed = written(format, true, &entries, 10_000);
    same(
        "packed",
        &written(format, true, &entries, Sink::LARGEST_PIECE),
        &packed,
    );
    same("unpacked", unpacked(&packed), Ok(plain));
}

/// Records among texts.
fn stream(pieces: &[Piece<'_>]) {
    let room = LARGEST_BEGIN + LARGEST_RECORD + 2 * 16;
    let mut packed = Vec::new();
    let mut plain = Vec::new();
    let mut encoder = Encoder::new(Template::BEN);
    let mut put = |write: &mut dyn FnMut(&mut Encoder, &mut Out<'_>) -> Result<(), NoRoom>| {
        let mut buffer = vec![0; room];
        let mut out = Out::new(&mut buffer);
        same("room", write(&mut encoder, &mut out), Ok(()));
        packed.extend_from_slice(out.written());
    };
    put(&mut Encoder::begin);
    for Piece { text, entry } in pieces {
        let values = [entry.seeders, entry.leechers, entry.completed];
        if !text.is_empty() {
            put(&mut |encoder, out| encoder.text(text, out));
        }
        put(&mut |encoder, out| encoder.record(&entry.hash, &values, out));
        let [a, b, c] = values;
        plain.extend_from_slice(text);
        plain.extend_from_slice(b"20:");
        plain.extend_from_slice(&entry.hash.0);
        let rest = format!("d8:completei{a}e10:downloadedi{b}e10:incompletei{c}ee");
        plain.extend_from_slice(rest.as_bytes());
    }
    put(&mut Encoder::end);
    same("stream", unpacked(&packed), Ok(plain));
}

/// A whole scrape, written into buffers of `room` bytes.
#[must_use]
pub fn written(format: Format, gzip: bool, entries: &[Entry], room: usize) -> Vec<u8> {
    let mut all = Vec::new();
    let mut sink = Sink::new(format, gzip);
    let mut put = |write: &mut dyn FnMut(&mut Sink, &mut Out<'_>) -> Result<(), NoRoom>| {
        let mut buffer = vec![0xaa; room];
        let mut out = Out::new(&mut buffer);
        same("room", write(&mut sink, &mut out), Ok(()));
        assert!(!out.overflowed());
        all.extend_from_slice(out.written());
    };
    put(&mut Sink::begin);
    let mut rest = entries.iter().peekable();
    while rest.peek().is_some() {
        put(&mut |sink, out| {
            // As many as fit, at least one.
            let mut fits = Err(NoRoom);
            while let Some(entry) = rest.peek()
                && sink.record(entry, out).is_ok()
            {
                fits = Ok(());
                rest.next();
            }
            fits
        });
    }
    put(&mut Sink::end);
    all
}

/// What a gzip stream holds, or what is wrong with it (RFC 1952 section 2.3).
///
/// # Errors
///
/// If it isn't one whole stream.
pub fn unpacked(stream: &[u8]) -> Result<Vec<u8>, String> {
    let body = stream.strip_prefix(b"\x1f\x8b\x08\0\0\0\0\0\0\xff");
    let (body, trailer) = body
        .and_then(<[u8]>::split_last_chunk::<8>)
        .ok_or("no gzip")?;
    let plain =
        decompress_to_vec_with_limit(body, 1 << 28).map_err(|error| format!("{error:?}"))?;
    let [crc, size] = [&trailer[..4], &trailer[4..]].map(|bytes| {
        bytes
            .iter()
            .rev()
            .fold(0, |sum: u32, &byte| sum << 8 | u32::from(byte))
    });
    if crc != crc32(&plain) {
        return Err("another CRC".into());
    }
    if size as usize != plain.len() {
        return Err("another size".into());
    }
    Ok(plain)
}

/// Bit by bit (RFC 1952 section 8), so that it owes nothing to a table.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            crc >> 1 ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 }
        })
    })
}
