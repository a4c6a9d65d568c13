//! Operations on a store, against the reference of [`store_model`].
//!
//! Input: one byte for the size of the store, then any number of operations of 8 bytes: kind,
//! torrent, peer (2 bytes), count, flags, and two bytes more that only some of them use.

use wrtracker_core::store::Store;

use super::Input;
use crate::store_model::{self, Op};

/// Most operations of one input: store and reference are compared after each.
const MOST: usize = 40;

/// Words of memory in a page of the store.
const PAGE: usize = 1_024;

/// Different peers and torrents, so few that they meet again.
const PEERS: u16 = 900;
const TORRENTS: u8 = 6;

/// Runs it.
pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let Some(size) = input.byte() else { return };
    let words = Store::LEAST_WORDS + usize::from(size % 32) * PAGE;
    let mut ops = Vec::new();
    while let Ok(bytes) = input.bytes(8).try_into() {
        ops.push(op(bytes));
        if ops.len() == MOST {
            break;
        }
    }
    if let Err(reason) = store_model::run(&ops, words, 77) {
        panic!("{reason}");
    }
}

fn op(bytes: [u8; 8]) -> Op {
    let [kind, torrent, high, low, count, flags, more @ ..] = bytes;
    let torrent = torrent % TORRENTS;
    let number = u16::from_be_bytes([high, low]);
    let peer = number % PEERS;
    let count = u16::from(count % 80) + 1;
    let v6 = flags & 1 != 0;
    match kind % 10 {
        0..=3 => Op::Announce {
            torrent,
            peer,
            count,
            v6,
            kind: flags >> 1 & 3,
        },
        4 | 5 => Op::Leave {
            torrent,
            peer,
            count,
            v6,
        },
        6 => Op::Flood {
            first: number % 2_000,
            count,
        },
        7 => Op::Wait {
            seconds: number % 2_000 + 1,
            steps: u16::from_be_bytes(more) % 3_000,
        },
        _ => Op::Choose {
            torrent,
            peer,
            wanted: more[0] % 80,
            v6,
            seeders: flags & 2 != 0,
        },
    }
}
