//! How well and how fast full scrapes are compressed, against general compressors.

use std::hint::black_box;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Instant;

use miniz_oxide::deflate::compress_to_vec;
use wrtracker_core::body::{Entry, Format, Sink};
use wrtracker_core::wire::Out;
use wrtracker_tests::entries::{Counts, entries};
use wrtracker_tests::inflate;

use crate::Failure;
use crate::table::{grouped, median, print};

/// Prints a table for each mix of counts.
pub(crate) fn run(quick: bool) -> Result<(), Failure> {
    let count = if quick { 2_000 } else { 200_000 };
    for counts in [Counts::Public, Counts::Private, Counts::Large] {
        let entries = entries(count, counts);
        let mut rows = Vec::new();
        for format in Format::ALL {
            rows.push(row(format, &entries, quick)?);
        }
        println!(
            "Size and MB/s of {} torrents, {counts:?}:",
            grouped(count.into())
        );
        let head = [
            "format",
            "plain bytes",
            "ours",
            "miniz 1",
            "miniz 6",
            "miniz 7",
            "gzip -7",
        ];
        print(&head, &rows);
    }
    Ok(())
}

/// Prints the lengths of the Huffman codes that would fit best.
pub(crate) fn codes() -> Result<(), Failure> {
    use Format::{Ben, Bin, StateDump, Txt, TxtPlus, Url};
    for formats in [&[Ben][..], &[Bin], &[Txt, TxtPlus, StateDump], &[Url]] {
        let mut sum: Option<inflate::Counted> = None;
        for &format in formats {
            for counts in [Counts::Public, Counts::Private] {
                let counted = inflate::counted(&written(format, true, &entries(200_000, counts)))?;
                match &mut sum {
                    Some(sum) => sum.add(&counted),
                    None => sum = Some(counted),
                }
            }
        }
        println!("{formats:?}\n{}", sum.ok_or("no format")?.report());
    }
    Ok(())
}

fn row(format: Format, entries: &[Entry], quick: bool) -> Result<Vec<String>, Failure> {
    let plain = written(format, false, entries);
    let rounds = if quick { 1 } else { 5 };
    let cell = |compress: &mut dyn FnMut() -> Result<usize, Failure>, rounds: usize| {
        let mut times = Vec::new();
        let mut size = 0;
        for _ in 0..rounds {
            let start = Instant::now();
            size = compress()?;
            times.push(start.elapsed().as_secs_f64());
        }
        let seconds = median(&times).unwrap_or_default();
        let ratio = size as f64 / plain.len() as f64;
        let speed = plain.len() as f64 / 1e6 / seconds;
        Ok::<_, Failure>(format!("{ratio:.3}, {speed:.0}"))
    };
    Ok(vec![
        format!("{format:?}"),
        grouped(plain.len() as f64),
        cell(
            &mut || Ok(black_box(written(format, true, entries)).len()),
            rounds,
        )?,
        cell(
            &mut || Ok(black_box(compress_to_vec(&plain, 1)).len()),
            rounds.min(3),
        )?,
        cell(&mut || Ok(black_box(compress_to_vec(&plain, 6)).len()), 1)?,
        cell(&mut || Ok(black_box(compress_to_vec(&plain, 7)).len()), 1)?,
        cell(&mut || gzip(&plain), 1)?,
    ])
}

/// A whole scrape, by way of a buffer as a connection has it.
fn written(format: Format, gzip: bool, entries: &[Entry]) -> Vec<u8> {
    let mut all = Vec::with_capacity(128 * entries.len());
    let mut buffer = [0; 4_096];
    let mut out = Out::new(&mut buffer);
    let mut sink = Sink::new(format, gzip);
    let begun = sink.begin(&mut out);
    debug_assert!(begun.is_ok());
    for entry in entries {
        while sink.record(entry, &mut out).is_err() {
            all.extend_from_slice(out.written());
            out.truncate(0);
        }
    }
    all.extend_from_slice(out.written());
    out.truncate(0);
    let ended = sink.end(&mut out);
    debug_assert!(ended.is_ok());
    all.extend_from_slice(out.written());
    all
}

/// The size that gzip makes of it.
fn gzip(plain: &[u8]) -> Result<usize, Failure> {
    let mut child = Command::new("gzip")
        .args(["-7", "-c"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut stdin = child.stdin.take().ok_or("no input")?;
    let output = std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(plain));
        child.wait_with_output()
    })?;
    Ok(output.stdout.len())
}
