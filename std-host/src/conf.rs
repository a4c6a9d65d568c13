//! Configuration files: one directive a line, as opentracker reads them.
//!
//! Blanks at both ends of a line don't count, a line that is empty or starts with `#` says nothing,
//! and what else there is must be a keyword, blanks or tabs, and a value. A `#` after a blank ends
//! the value, in paths and URLs too; opentracker would make it a part of them. A directive that we
//! don't know is a warning, a value that we can't use an error; the whole file is read in either
//! case, so that all of them are told at once, or the first of very many.

use core::fmt;
use std::env;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::options;
use crate::settings::Settings;
use crate::sys::memory::Region;

/// Longest line that is no comment, in bytes. opentracker would cut a longer one in two.
pub const LONGEST_LINE: usize = 511;

/// Largest file, in bytes: a bound for a path that leads to a device or to some other file.
pub const LARGEST_FILE: u64 = 64 << 10;

static START: OnceLock<PathBuf> = OnceLock::new();

/// Reads the file at `path` into `settings`.
///
/// A file that can't be read is a warning, as with opentracker.
pub fn read(path: &Path, settings: &mut Settings) {
    let name = path.display();
    match load(path) {
        Ok((_, length)) if length as u64 > LARGEST_FILE => {
            settings.refuse(format_args!("{name}: more than {LARGEST_FILE} bytes"));
        }
        Ok((text, length)) => parse(
            &name,
            text.bytes().get(..length).unwrap_or_default(),
            settings,
        ),
        Err(error) => {
            settings.unread = true;
            settings.warn(format_args!("{name}: {error}; going on without this file"));
        }
    }
}

/// The file, up to one byte more than the largest has, and how much of it there is. It goes back to
/// the kernel at once: the heap would keep what a large file took.
fn load(path: &Path) -> io::Result<(Region, usize)> {
    // Where the program was started, though it may have changed its folder since.
    let start = START.get_or_init(|| env::current_dir().unwrap_or_default());
    let mut file = File::open(start.join(path))?;
    let mut text = Region::new(LARGEST_FILE as usize + 1)?;
    let mut length = 0;
    while let Some(rest) = text.bytes_mut().get_mut(length..)
        && !rest.is_empty()
    {
        match file.read(rest) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok((text, length))
}

/// Reads `text`, calling it `name` where something is wrong with it.
pub fn parse(name: &dyn fmt::Display, text: &[u8], settings: &mut Settings) {
    for (nth, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let number = nth + 1;
        let length = line.len();
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        if length > LONGEST_LINE {
            settings.refuse(format_args!(
                "{name}:{number}: longer than {LONGEST_LINE} bytes"
            ));
            continue;
        }
        let end = line
            .iter()
            .position(u8::is_ascii_whitespace)
            .unwrap_or(line.len());
        let (keyword, value) = line.split_at(end);
        let shown = keyword.escape_ascii();
        match options::by_directive(keyword) {
            None => settings.warn(format_args!("{name}:{number}: {shown}: unknown directive")),
            Some(entry) => {
                if let Err(reason) = entry.store(settings, plain(value)) {
                    settings.refuse(format_args!("{name}:{number}: {shown}: {reason}"));
                }
            }
        }
    }
}

/// The value alone: no blanks around it and no comment behind it.
fn plain(value: &[u8]) -> &OsStr {
    let comment = value
        .windows(2)
        .position(|pair| pair[0].is_ascii_whitespace() && pair[1] == b'#');
    let value = value
        .get(..comment.unwrap_or(value.len()))
        .unwrap_or_default()
        .trim_ascii();
    OsStr::from_bytes(value)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{parse, read};
    use crate::settings::{Listen, MOST_TOLD, Settings};
    use crate::size::Bytes;

    fn settings(text: &[u8]) -> Settings {
        let mut settings = Settings::default();
        parse(&"conf", text, &mut settings);
        settings
    }

    #[test]
    fn directives_accumulate_or_replace() {
        let read = settings(
            b"# a comment\r\n\n   \t\nlisten.tcp_udp 1.2.3.4\r\n \tlisten.udp\t[::1]:80  \n\
              listen.tcp :: # either family\ntracker.memory 8M\ntracker.memory 9M",
        );
        let ip = |text: &str| text.parse().ok();
        assert_eq!(
            read.listen,
            [
                Listen {
                    tcp: true,
                    udp: true,
                    ip: ip("1.2.3.4"),
                    port: 6969,
                    mode: None,
                    tls: false,
                },
                Listen {
                    tcp: false,
                    udp: true,
                    ip: ip("::1"),
                    port: 80,
                    mode: None,
                    tls: false,
                },
                Listen {
                    tcp: true,
                    udp: false,
                    ip: None,
                    port: 6969,
                    mode: None,
                    tls: false,
                },
            ]
        );
        assert_eq!(read.memory, Some(Bytes(9 << 20)));
        assert_eq!((read.warnings.len(), read.errors.len()), (0, 0), "{read:?}");
    }

    #[test]
    fn unknown_directives_are_warnings_with_their_place() {
        let read = settings(b"\nlisten.tpc 1.2.3.4\nListen.tcp 1.2.3.4\n\xff\x00 x\nbatch");
        assert_eq!(
            read.warnings,
            [
                "conf:2: listen.tpc: unknown directive",
                "conf:3: Listen.tcp: unknown directive",
                "conf:4: \\xff\\x00: unknown directive",
                "conf:5: batch: unknown directive",
            ]
        );
        assert!(read.errors.is_empty() && read.listen.is_empty());
    }

    #[test]
    fn every_bad_value_is_told() {
        let long = [b"x ".as_slice(), &[b'x'; 510], b"\n"].concat();
        let mut text =
            b"listen.tcp nowhere\nlisten.udp 1.2.3.4:70000\ntracker.memory\nlisten.tcp \xff\n"
                .to_vec();
        text.extend(long);
        text.extend(b"tracker.memory # 8M\nlisten.tcp 1.2.3.4");
        let read = settings(&text);
        assert_eq!(read.errors.len(), 6, "{read:?}");
        assert!(read.errors[0].starts_with("conf:1: listen.tcp: not an address"));
        assert_eq!(
            read.errors[1],
            "conf:2: listen.udp: not a port from 0 to 65535"
        );
        assert_eq!(
            read.errors[2],
            "conf:3: tracker.memory: the value is missing"
        );
        assert_eq!(
            read.errors[3],
            "conf:4: listen.tcp: the value is not UTF-8 text"
        );
        assert_eq!(read.errors[4], "conf:5: longer than 511 bytes");
        assert_eq!(
            read.errors[5],
            "conf:6: tracker.memory: the value is missing"
        );
        assert_eq!(read.listen.len(), 1);
    }

    #[test]
    fn a_line_of_exactly_the_longest_length_is_read() {
        let line = [b"listen.tcp 1.2.3.4 #".as_slice(), &[b'x'; 491]].concat();
        assert_eq!(line.len(), 511);
        assert_eq!(settings(&line).listen.len(), 1);
    }

    #[test]
    fn a_long_comment_or_blank_line_is_fine() {
        let text = [b" #".as_slice(), &[b'x'; 600], b"\n", &[b' '; 600]].concat();
        assert_eq!(settings(&text), Settings::default());
    }

    #[test]
    fn of_very_many_bad_lines_only_the_first_are_told() {
        let read = settings(&b"x\nlisten.tcp x\n".repeat(4_000));
        for (told, last) in [(&read.warnings, "conf:39: x"), (&read.errors, "conf:40: l")] {
            assert_eq!(told.len(), MOST_TOLD + 1);
            assert!(told[MOST_TOLD - 1].starts_with(last), "{told:?}");
            assert_eq!(told[MOST_TOLD], "and more");
        }
        let read = settings(&b"x\n".repeat(MOST_TOLD));
        assert_eq!((read.warnings.len(), read.errors.len()), (MOST_TOLD, 0));
    }

    #[test]
    fn a_file_that_cannot_be_read_is_a_warning_and_an_endless_one_an_error() {
        let mut settings = Settings::default();
        read(Path::new("/nonexistent/file"), &mut settings);
        read(Path::new("/"), &mut settings);
        assert_eq!(
            (settings.warnings.len(), settings.errors.len()),
            (2, 0),
            "{settings:?}"
        );
        read(Path::new("/dev/zero"), &mut settings);
        assert_eq!(settings.errors, ["/dev/zero: more than 65536 bytes"]);
    }
}
