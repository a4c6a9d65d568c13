//! The fuzz targets without a fuzzer: the committed corpus, and random changes of it.

use std::fs;
use std::path::{Path, PathBuf};

use wrtracker_core::random::Random;
use wrtracker_tests::fuzz::{TARGETS, seeds};

fn corpus(target: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    folder.join("fuzz/corpus").join(target)
}

/// `UPDATE=1` writes the files anew. Inputs that a fuzzer found may lie beside them.
#[test]
fn the_corpus_holds_every_seed() {
    for (target, _) in TARGETS {
        let seeds = seeds::of(target);
        assert!(!seeds.is_empty(), "{target}");
        for (name, bytes) in seeds {
            let path = corpus(target).join(name);
            if std::env::var_os("UPDATE").is_some() {
                fs::create_dir_all(corpus(target)).unwrap();
                fs::write(&path, &bytes).unwrap();
            }
            let file = fs::read(&path).unwrap_or_default();
            assert!(file == bytes, "{}: run with UPDATE=1", path.display());
        }
    }
}

/// The committed inputs of a target, in the order of their names.
fn inputs(target: &str) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(corpus(target)).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// Runs a target on its inputs, and on so many changed ones for each.
fn run(name: &str, changes: u32) {
    let (_, run) = TARGETS.iter().find(|target| target.0 == name).unwrap();
    let inputs = inputs(name);
    assert!(!inputs.is_empty());
    let mut random = Random::new(1);
    for input in &inputs {
        run(input);
        for _ in 0..changes {
            run(&change(input, &inputs, &mut random));
        }
    }
}

/// A few bytes flipped, set, cut, doubled or taken from another input.
fn change(input: &[u8], all: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..=random.below(3) {
        let below = |random: &mut Random, bound: usize| {
            random.below(u32::try_from(bound).unwrap()) as usize
        };
        let at = below(random, bytes.len());
        let count = below(random, bytes.len() - at + 1).min(64);
        match random.below(6) {
            0 if !bytes.is_empty() => bytes[at] ^= 1 << random.below(8),
            1 if !bytes.is_empty() => bytes[at] = random.next() as u8,
            2 => drop(bytes.drain(at..at + count)),
            3 => bytes.extend_from_within(at..at + count),
            4 => bytes.truncate(at),
            _ => {
                let other = &all[below(random, all.len())];
                let from = below(random, other.len() + 1);
                let tail = other[from..].iter().take(200).copied();
                bytes.splice(at..at, tail);
            }
        }
    }
    bytes
}

#[test]
fn client_http() {
    run("client_http", 3_000);
}

#[test]
fn client_json() {
    run("client_json", 3_000);
}

#[test]
fn client_torrent() {
    run("client_torrent", 3_000);
}

#[test]
fn client_udp() {
    run("client_udp", 3_000);
}

#[test]
fn conf() {
    run("conf", 300);
}

#[test]
fn connections() {
    run("connections", 3_000);
}

#[test]
fn hash_lines() {
    run("hash_lines", 3_000);
}

#[test]
fn gzip() {
    run("gzip", 300);
}

#[test]
fn grants() {
    run("grants", 200);
}

#[test]
fn http_request() {
    run("http_request", 300);
}

#[test]
fn key_lines() {
    run("key_lines", 3_000);
}

#[test]
fn live_sync() {
    run("live_sync", 300);
}

#[test]
fn query() {
    run("query", 300);
}

#[test]
fn state() {
    run("state", 3_000);
}

#[test]
fn store_ops() {
    run("store_ops", 20);
}

#[test]
fn udp_request() {
    run("udp_request", 300);
}

#[test]
fn frames() {
    run("frames", 2_000);
}
