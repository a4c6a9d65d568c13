//! Operations on the store, and what is to be compressed.

use super::Seed;

pub(super) fn gzip() -> Vec<Seed> {
    // A format, then records: some alike, some not, with texts between.
    let records = |format: u8, kinds: &[u8]| {
        let mut bytes = vec![format];
        for (nth, &kind) in (0..).zip(kinds) {
            bytes.push(kind);
            bytes.extend((0..27).map(|at: u8| if at < 21 { (at * 11) ^ nth } else { nth % 3 }));
        }
        bytes
    };
    vec![
        ("ben", records(0, &[32, 32, 80, 32, 255, 32, 32, 96, 32])),
        ("bin", records(1, &[32, 33, 128, 129, 254])),
        ("txt", records(2, &[64, 64, 64, 64, 65])),
        ("txtp", records(3, &[255, 254, 253, 32, 32])),
        ("url", records(4, &[32, 34, 36, 240])),
        ("statedump", records(5, &[248, 248, 248, 249, 250])),
        ("texts", records(0, &[1, 32, 15, 32, 32, 7])),
    ]
}

pub(super) fn store_ops() -> Vec<Seed> {
    // A large swarm of both families, small ones beside it, questions, time, and their end.
    let operations = |size: u8, rounds: u8| {
        let mut bytes = vec![size];
        for round in 0..rounds {
            let [high, low] = (u16::from(round) * 70).to_be_bytes();
            bytes.extend([0, 1, high, low, 140, round, 0, 0]);
            bytes.extend([1, round, high, low, 3, round / 2, 0, 0]);
            bytes.extend([8, 1, high, low, 0, round, 60, 0]);
            bytes.extend([6, 0, high, low, 30, 0, 0, 0]);
            bytes.extend([7, 0, 1, low, 0, 0, 1, 0]);
            bytes.extend([4, 1, high, low, round, round, 0, 0]);
        }
        bytes
    };
    vec![
        ("ample", operations(31, 6)),
        ("tight", operations(0, 16)),
        ("few", operations(3, 1)),
    ]
}
