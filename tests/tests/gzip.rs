//! Full scrapes, plain and packed, held against an inflater that isn't ours.

use std::io::Write;
use std::process::{Command, Stdio};

use proptest::prelude::*;
use wrtracker_core::body::{Entry, Format, Sink};
use wrtracker_core::gzip::{Encoder, LARGEST_RECORD, NoRoom, Template};
use wrtracker_core::wire::{InfoHash, Out};
use wrtracker_tests::entries::{Counts, entries};
use wrtracker_tests::fuzz::gzip::{unpacked, written};

fn any_number() -> impl Strategy<Value = u32> {
    prop_oneof![
        4 => 0u32..3,
        2 => 0u32..300,
        1 => 65_530u32..65_540,
        1 => (0u32..10).prop_map(|power| 10u32.pow(power)),
        1 => (0u32..10).prop_map(|power| 10u32.pow(power) - 1),
        1 => any::<u32>(),
        1 => Just(u32::MAX),
    ]
}

fn any_entry() -> impl Strategy<Value = Entry> {
    (
        any::<[u8; 20]>(),
        any_number(),
        any_number(),
        any_number(),
        any_number(),
    )
        .prop_map(|(hash, seeders, leechers, completed, base_minutes)| Entry {
            hash: InfoHash(hash),
            seeders,
            leechers,
            completed,
            base_minutes,
        })
}

proptest! {
    #[test]
    fn a_packed_scrape_is_the_plain_one_whatever_the_room(
        entries in prop::collection::vec(any_entry(), 0..300),
        room in Sink::LARGEST_PIECE..5_000,
    ) {
        for format in Format::ALL {
            let packed = written(format, true, &entries, room);
            let tight = written(format, true, &entries, Sink::LARGEST_PIECE);
            prop_assert!(packed == tight);
            prop_assert_eq!(unpacked(&packed), Ok(written(format, false, &entries, room)));
        }
    }
}

#[test]
fn a_large_scrape_survives_the_window() {
    // Many times 32 KiB, so tails are forgotten and positions wrap.
    for counts in [Counts::Public, Counts::Private, Counts::Large] {
        let entries = entries(20_000, counts);
        for format in Format::ALL {
            let packed = written(format, true, &entries, 4_096);
            assert_eq!(
                unpacked(&packed),
                Ok(written(format, false, &entries, 4_096))
            );
        }
    }
}

/// A tail that was last seen just within reach of a match, or just beyond.
#[test]
fn tails_at_the_edge_of_the_window_are_right() {
    for between in 280..440 {
        let entry = |nth: u32, seeders| Entry {
            hash: InfoHash([nth as u8; 20]),
            seeders,
            leechers: 1,
            completed: 2,
            base_minutes: 3,
        };
        // Too many to be remembered come between, or few, over and over.
        for different in [1, 5, 100] {
            let mut entries = vec![entry(0, 9_999)];
            entries.extend((1..between).map(|nth| entry(nth, 10_000 + nth % different)));
            entries.extend([entry(1, 9_999), entry(2, 9_999)]);
            for format in [Format::Ben, Format::Txt, Format::StateDump] {
                let packed = written(format, true, &entries, 4_096);
                assert_eq!(
                    unpacked(&packed),
                    Ok(written(format, false, &entries, 4_096))
                );
            }
        }
    }
}

fn stream(
    template: &'static Template,
    write: impl FnOnce(&mut Encoder, &mut Out<'_>) -> Result<(), NoRoom>,
) -> Vec<u8> {
    let mut buffer = vec![0; 1 << 20];
    let mut out = Out::new(&mut buffer);
    let mut encoder = Encoder::new(template);
    encoder.begin(&mut out).unwrap();
    write(&mut encoder, &mut out).unwrap();
    encoder.end(&mut out).unwrap();
    out.written().to_vec()
}

#[test]
fn every_byte_can_be_text() {
    for template in [
        Template::BEN,
        Template::BIN,
        Template::HEX_3,
        Template::PERCENT_2,
    ] {
        let all: Vec<u8> = (0..=255).chain((0..=255).rev()).collect();
        let packed = stream(template, |encoder, out| {
            encoder.text(b"", out)?;
            encoder.text(&all, out)?;
            encoder.text(&all[3..4], out)
        });
        assert_eq!(unpacked(&packed), Ok([&all[..], &all[3..4]].concat()));
        for byte in 0..=255 {
            let packed = stream(template, |encoder, out| encoder.text(&[byte; 1_000], out));
            assert_eq!(unpacked(&packed), Ok(vec![byte; 1_000]));
        }
    }
}

/// 64 KiB of other text between two equal tails: positions are counted modulo that.
#[test]
fn text_between_records_does_not_confuse_them() {
    let filler = vec![b'x'; 65_536];
    for length in 65_536 - 100..=65_536 {
        let hash = InfoHash([1; 20]);
        let packed = stream(Template::HEX_2, |encoder, out| {
            encoder.record(&hash, &[1, 2, 0], out)?;
            encoder.record(&hash, &[1, 2, 0], out)?;
            encoder.text(&filler[..length], out)?;
            encoder.record(&hash, &[1, 2, 0], out)
        });
        let line = format!("{}:1:2\n", "01".repeat(20));
        let filler = String::from_utf8(filler[..length].to_vec()).unwrap();
        let expected = format!("{line}{line}{filler}{line}");
        assert_eq!(unpacked(&packed), Ok(expected.into_bytes()));
    }
}

#[test]
fn no_record_takes_more_room_than_it_says() {
    let mut buffer = [0; 1_000];
    for format in Format::ALL {
        let mut sink = Sink::new(format, true);
        sink.begin(&mut Out::new(&mut buffer)).unwrap();
        let mut largest = 0;
        for nth in 0..=255u8 {
            let entry = Entry {
                hash: InfoHash([nth; 20]),
                seeders: u32::MAX - u32::from(nth),
                leechers: 3_000_000_000 + u32::from(nth),
                completed: 2_999_999_999 - u32::from(nth),
                base_minutes: 4_290_000_000 - u32::from(nth),
            };
            let mut out = Out::new(&mut buffer);
            sink.record(&entry, &mut out).unwrap();
            largest = largest.max(out.len());
        }
        assert!(largest <= LARGEST_RECORD, "{format:?}: {largest}");
    }
}

/// The promise of the module: as good as a general compressor, nearly.
#[test]
fn bencode_is_packed_to_two_fifths() {
    for (counts, most) in [(Counts::Public, 0.36), (Counts::Private, 0.39)] {
        let entries = entries(20_000, counts);
        let packed = written(Format::Ben, true, &entries, 4_096).len();
        let plain = written(Format::Ben, false, &entries, 4_096).len();
        assert!(
            (packed as f64) < most * plain as f64,
            "{counts:?}: {packed} of {plain}"
        );
    }
}

#[test]
fn gzip_itself_takes_it() {
    let entries = entries(3_000, Counts::Public);
    for format in Format::ALL {
        let packed = written(format, true, &entries, 2_000);
        let spawned = Command::new("gzip")
            .args(["-d", "-c"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let Ok(mut gunzip) = spawned else {
            println!("skipped: there is no gzip");
            return;
        };
        let mut stdin = gunzip.stdin.take().unwrap();
        let writer = std::thread::spawn(move || stdin.write_all(&packed));
        let output = gunzip.wait_with_output().unwrap();
        writer.join().unwrap().unwrap();
        assert!(output.status.success(), "{format:?}");
        assert!(
            output.stdout == written(format, false, &entries, 2_000),
            "{format:?}"
        );
    }
}
