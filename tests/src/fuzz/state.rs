//! Files of state: whatever is in them is read alike in pieces of any size, the text also by a
//! simpler reader that must agree, and what they have told a tracker is the same after it was
//! written and read once more.

use wrtracker_core::state::{
    Damage, PeersReader, PeersWriter, StoredPeer, TorrentsReader, TorrentsWriter,
};
use wrtracker_core::store::Progress;
use wrtracker_core::tracker::Tracker;
use wrtracker_core::wire::state_line::{Skipped, StateLine, StateLines};
use wrtracker_core::wire::{InfoHash, Out};

use super::{START, WORDS, same, tracker};

/// Runs it. The first byte is the size of the pieces and the room of the writers.
pub fn run(data: &[u8]) {
    let Some((&size, bytes)) = data.split_first() else {
        return;
    };
    let piece = usize::from(size).max(1);
    let lines = lines(bytes, piece);
    same("lines", &lines, &read(bytes));
    let torrents = torrents(bytes, piece);
    same(
        "torrents",
        &torrents,
        &self::torrents(bytes, 1 + bytes.len()),
    );
    let peers = peers(bytes, piece);
    same("peers", &peers, &self::peers(bytes, 1 + bytes.len()));

    let mut memory = vec![0; WORDS];
    let mut tracker = tracker(&mut memory);
    for line in lines.0.iter().chain(&torrents.0) {
        let _ = tracker.restore_torrent(line, START);
    }
    for peer in &peers.0 {
        let _ = tracker.restore_peer(peer, 0, START);
    }
    tracker
        .part(0)
        .store()
        .check()
        .expect("a store that fits together");
    again(&tracker, piece);
}

/// Writes what a tracker has, reads it, and has another take it, which must write the same.
pub fn again(tracker: &Tracker<'_>, room: usize) {
    let (text, bytes) = (write_torrents(tracker, room), write_peers(tracker, room));
    let (lines, whole) = torrents(&text, room.max(1));
    same("torrents written", whole, Ok(lines.len() as u32));
    let (stored, whole) = peers(&bytes, room.max(1));
    same("peers written", whole, Ok(tracker.totals().peers));
    same("peers read", stored.len() as u32, tracker.totals().peers);

    let mut memory = vec![0; 4 * WORDS + stored.len() * 16];
    let mut other = self::tracker(&mut memory);
    for line in &lines {
        let _ = other.restore_torrent(line, START);
    }
    for peer in &stored {
        let _ = other.restore_peer(peer, 0, START);
    }
    other
        .part(0)
        .store()
        .check()
        .expect("a store that fits together");
    let (lines_again, _) = torrents(&write_torrents(&other, 10_000), 10_000);
    let (stored_again, _) = peers(&write_peers(&other, 10_000), 10_000);
    same(
        "torrents again",
        sorted_lines(&lines_again),
        sorted_lines(&lines),
    );
    // Each time up to eight seconds older, and some too old by that.
    let timeout = tracker.policy().peer_timeout;
    let older: Vec<_> = stored
        .into_iter()
        .filter(|peer| peer.age < timeout)
        .map(|peer| StoredPeer {
            age: (peer.age / 8 + 1) * 8,
            ..peer
        })
        .collect();
    same("peers again", sorted(stored_again), sorted(older));
}

/// What a tracker's file of torrents is, written into buffers with so much room.
///
/// # Panics
///
/// If a writer doesn't come to an end, as below.
pub fn write_torrents(tracker: &Tracker<'_>, room: usize) -> Vec<u8> {
    let mut writer = TorrentsWriter::new();
    collect(room.max(TorrentsWriter::LEAST_ROOM), |out| {
        writer.fill(tracker, START, 3, out)
    })
}

/// The same for peers.
pub fn write_peers(tracker: &Tracker<'_>, room: usize) -> Vec<u8> {
    let mut writer = PeersWriter::new(0);
    collect(room.max(PeersWriter::LEAST_ROOM), |out| {
        writer.fill(tracker, START, 3, out)
    })
}

fn collect(room: usize, mut fill: impl FnMut(&mut Out<'_>) -> Progress) -> Vec<u8> {
    let (mut all, mut buffer) = (Vec::new(), vec![0; room]);
    for _ in 0..1 << 20 {
        let mut out = Out::new(&mut buffer);
        let progress = fill(&mut out);
        assert!(!out.overflowed());
        all.extend_from_slice(out.written());
        if progress == Progress::Done {
            return all;
        }
    }
    panic!("no end");
}

fn lines(bytes: &[u8], piece: usize) -> (Vec<StateLine>, Skipped) {
    let (mut lines, mut found) = (StateLines::new(), Vec::new());
    for piece in bytes.chunks(piece) {
        lines.push(piece, |line| found.push(line));
    }
    let skipped = lines.finish(|line| found.push(line));
    (found, skipped)
}

fn torrents(bytes: &[u8], piece: usize) -> (Vec<StateLine>, Result<u32, Damage>) {
    let (mut reader, mut found) = (TorrentsReader::new(), Vec::new());
    for piece in bytes.chunks(piece) {
        let _ = reader.push(piece, |line| found.push(line));
    }
    (found, reader.finish())
}

fn peers(bytes: &[u8], piece: usize) -> (Vec<StoredPeer>, Result<u32, Damage>) {
    let (mut reader, mut found) = (PeersReader::new(), Vec::new());
    for piece in bytes.chunks(piece) {
        let _ = reader.push(piece, |peer| found.push(peer));
    }
    (found, reader.finish())
}

fn sorted(mut peers: Vec<StoredPeer>) -> Vec<StoredPeer> {
    peers.sort_by_key(|peer| (peer.info_hash, peer.peer));
    peers
}

fn sorted_lines(lines: &[StateLine]) -> Vec<(InfoHash, u32)> {
    let mut lines: Vec<_> = lines
        .iter()
        .map(|line| (line.hash, line.completed))
        .collect();
    lines.sort();
    lines
}

/// The lines of a text, read with the standard library.
fn read(bytes: &[u8]) -> (Vec<StateLine>, Skipped) {
    let (mut found, mut skipped) = (Vec::new(), Skipped::default());
    for (nth, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
        if let Some(line) = read_line(line) {
            found.push(line);
        } else if !line.starts_with(b"#") && (line.len() > 63 || !line.trim_ascii().is_empty()) {
            skipped.lines += 1;
            if skipped.first == 0 {
                skipped.first = u32::try_from(nth + 1).expect("few lines");
            }
        }
    }
    (found, skipped)
}

fn read_line(line: &[u8]) -> Option<StateLine> {
    // Nobody writes so many zeros before a number.
    if line.len() > 63 {
        return None;
    }
    let line = str::from_utf8(line).ok()?;
    let line = line.strip_suffix('\r').unwrap_or(line);
    let fields: Vec<_> = line.split(':').collect();
    let [hash, minutes, completed] = fields[..] else {
        return None;
    };
    let hex = |at: usize| u8::from_str_radix(&hash[at..at + 2], 16).ok();
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if hash.len() != 40 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; 20];
    for (nth, byte) in bytes.iter_mut().enumerate() {
        *byte = hex(2 * nth)?;
    }
    Some(StateLine {
        hash: InfoHash(bytes),
        minutes: minutes.parse().ok().filter(|_| digits(minutes))?,
        completed: completed.parse().ok().filter(|_| digits(completed))?,
    })
}
