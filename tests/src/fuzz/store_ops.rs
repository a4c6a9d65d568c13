//! Operations on a store, against the reference of [`crate::store_model`].
//!
//! Input: a byte for the size of the store, then seven bytes for each operation.

use super::Input;
use crate::store_model::{Op, run as compare};

/// Most operations of one input.
const MOST: usize = 40;

/// Runs it.
pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let Some(size) = input.byte() else { return };
    let ops: Vec<Op> = core::iter::from_fn(|| input.bytes(7).first_chunk().map(operation))
        .take(MOST)
        .collect();
    // From the least that a store takes to enough for most inputs.
    let words = (9 + usize::from(size % 64)) * 1024;
    if let Err(reason) = compare(&ops, words, 77) {
        panic!("{reason}");
    }
}

fn operation(&[kind, torrent, high, low, count, detail, more]: &[u8; 7]) -> Op {
    let torrent = torrent % 6;
    let peer = u16::from_be_bytes([high, low]) % 1200;
    let count = u16::from(count) + 1;
    let v6 = detail & 1 != 0;
    match kind % 8 {
        0..=2 => Op::Announce {
            torrent,
            peer,
            count,
            v6,
            kind: detail >> 1 & 3,
        },
        3 | 4 => Op::Leave {
            torrent,
            peer,
            count,
            v6,
        },
        5 => Op::Flood { first: peer, count },
        6 => Op::Wait {
            seconds: u16::from_be_bytes([more % 8, low]) + 1,
            steps: count * 8,
        },
        _ => Op::Choose {
            torrent,
            peer,
            wanted: more % 80,
            v6,
            seeders: detail & 2 != 0,
        },
    }
}
