//! The command line.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::Path;

use super::Settings;
use crate::conf;
use crate::options::{self, Action, Reason};

/// What a command line comes to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// Start with these settings.
    Run(Box<Settings>),
    /// Say what these settings mean.
    Check(Box<Settings>),
    /// Print the help.
    Help,
    /// Print the version.
    Version,
}

/// What was wrong with a command line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UsageError(pub String);

impl Command {
    /// Reads a command line, without the program's name, from left to right; files named in it are
    /// read on the way.
    ///
    /// # Errors
    ///
    /// [`UsageError`] at the first argument that can't be understood.
    pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, UsageError> {
        let mut settings = Box::new(Settings::default());
        let mut check = false;
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let unknown = || UsageError(format!("unknown argument {}", argument.display()));
            if let Some(entry) = options::by_long(&argument) {
                match entry.action {
                    Action::Check => check = true,
                    Action::Version => return Ok(Self::Version),
                    _ => return Ok(Self::Help),
                }
                continue;
            }
            // As with getopt: here the options end. What follows would be operands, and there are
            // none.
            if argument == "--" {
                match arguments.next() {
                    None => break,
                    Some(operand) => {
                        return Err(UsageError(format!(
                            "unknown argument {}",
                            operand.display()
                        )));
                    }
                }
            }
            let mut letters = match argument.as_bytes().split_first() {
                Some((b'-', letters)) if !letters.is_empty() => letters,
                _ => return Err(unknown()),
            };
            // As with getopt: -m5 and -m 5 are the same, and so are -hv and -h -v.
            while let Some((&letter, rest)) = letters.split_first() {
                let entry = options::by_flag(char::from(letter)).ok_or_else(unknown)?;
                letters = rest;
                let value = if entry.value.is_empty() {
                    OsString::new()
                } else if rest.is_empty() {
                    arguments
                        .next()
                        .ok_or_else(|| refused(letter, None, Reason::NoValue))?
                } else {
                    letters = &[];
                    OsString::from_vec(rest.to_vec())
                };
                match entry.action {
                    Action::ReadFile => conf::read(Path::new(&value), &mut settings),
                    Action::Check => check = true,
                    Action::Help => return Ok(Self::Help),
                    Action::Version => return Ok(Self::Version),
                    _ => entry
                        .store(&mut settings, &value)
                        .map_err(|reason| refused(letter, Some(&value), reason))?,
                }
            }
        }
        settings.warn_of_idle();
        Ok(if check {
            Self::Check(settings)
        } else {
            Self::Run(settings)
        })
    }
}

fn refused(letter: u8, value: Option<&OsStr>, reason: Reason) -> UsageError {
    let letter = char::from(letter);
    UsageError(match value {
        Some(value) => format!("-{letter} {}: {reason}", value.display()),
        None => format!("-{letter}: {reason}"),
    })
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt as _;

    use wrtracker_core::policy::Right;

    use super::{Command, UsageError};
    use crate::conf;
    use crate::settings::{Listen, Settings};
    use crate::size::Bytes;

    fn parse(line: &str) -> Result<Command, UsageError> {
        Command::parse(line.split_whitespace().map(OsString::from))
    }

    fn settings(line: &str) -> Settings {
        match parse(line) {
            Ok(Command::Run(settings)) => *settings,
            other => panic!("{line}: {other:?}"),
        }
    }

    fn error(line: &str) -> String {
        parse(line).expect_err(line).0
    }

    #[test]
    fn memory_is_taken_apart_or_together_and_the_last_wins() {
        assert_eq!(settings("-m5").memory, Some(Bytes(5)));
        assert_eq!(settings("-m 5").memory, Some(Bytes(5)));
        assert_eq!(settings("-m 8M").memory, Some(Bytes(8 << 20)));
        assert_eq!(settings("-m1K -m 2K -m3K").memory, Some(Bytes(3 << 10)));
        assert_eq!(settings("").memory, None);
        assert_eq!(error("-m"), "-m: the value is missing");
        assert!(error("-m 99999999999999999999").starts_with("-m 99999999999999999999: more"));
        assert!(error("-m=5").starts_with("-m =5: not a number of bytes"));
    }

    #[test]
    fn addresses_hold_for_what_follows() {
        let at = |tcp, ip: &str, port| Listen {
            tcp,
            udp: !tcp,
            ip: ip.parse().ok(),
            port,
            mode: None,
            tls: false,
        };
        assert_eq!(
            settings("-p 1 -i 127.0.0.1 -p2 -P 3 -i ::1 -P 0 -i :: -P 65535").listen,
            [
                at(true, "", 1),
                at(true, "127.0.0.1", 2),
                at(false, "127.0.0.1", 3),
                at(false, "::1", 0),
                at(false, "", 65535)
            ]
        );
        assert!(error("-i nowhere -p 1").starts_with("-i nowhere: not an address"));
    }

    #[test]
    fn nothing_said_is_both_protocols_on_the_last_address() {
        let both = |ip: &str| {
            [Listen {
                tcp: true,
                udp: true,
                ip: ip.parse().ok(),
                port: 6969,
                mode: None,
                tls: false,
            }]
        };
        assert_eq!(settings("").listeners(), both(""));
        assert_eq!(settings("-i 127.0.0.1 -i ::1").listeners(), both("::1"));
        assert_eq!(settings("-p 80").listeners().len(), 1);
        assert!(!settings("-p 80").listeners()[0].udp);
    }

    #[test]
    fn ports_outside_the_range_are_refused() {
        for line in ["-p 70000", "-P 65536", "-p -1", "-p 17050x", "-p=80"] {
            assert!(
                error(line).ends_with("not a port from 0 to 65535"),
                "{line}"
            );
        }
    }

    #[test]
    fn help_and_version_end_the_line() {
        assert_eq!(parse("-h -p 70000"), Ok(Command::Help));
        assert_eq!(parse("-p 1 --help"), Ok(Command::Help));
        assert_eq!(parse("-vh"), Ok(Command::Version));
        assert_eq!(parse("--version"), Ok(Command::Version));
    }

    #[test]
    fn a_check_is_asked_for_anywhere_and_the_rest_is_read() {
        for line in ["-c -m 8M", "--check -m 8M", "-m 8M -c", "-cm8M"] {
            match parse(line) {
                Ok(Command::Check(checked)) => assert_eq!(*checked, settings("-m 8M"), "{line}"),
                other => panic!("{line}: {other:?}"),
            }
        }
        assert_eq!(parse("-c -h"), Ok(Command::Help));
    }

    #[test]
    fn letters_of_opentracker_do_what_their_directives_do() {
        let read = settings("-A 10/8 -A::1 -u me -d /root -r http://x/ -w w -b b -l l");
        let mut same = Settings::default();
        let text = b"tracker.user me\ntracker.rootdir /root\ntracker.redirect_url http://x/\n\
                     access.whitelist w\naccess.blacklist b\n";
        conf::parse(&"conf", text, &mut same);
        same.load_file = Some("l".into());
        same.draft.grants = read.draft.grants.clone();
        assert_eq!(read, same);
        let networks = read.draft.grants.iter();
        let networks: Vec<_> = networks
            .map(|one| (one.network.to_string(), one.right))
            .collect();
        assert_eq!(
            networks,
            [
                ("10.0.0.0/8".into(), Right::All),
                ("::1/128".into(), Right::All)
            ]
        );
        for (line, problem) in [
            ("-A 10/33", "-A 10/33: more bits than the address has"),
            ("-A 192.168", "-A 192.168: not an address or network"),
            ("-r a\u{7f}b", "-r a\u{7f}b: not a URL"),
            ("-w", "-w: the value is missing"),
            ("-u a\u{e9}", "-u a\u{e9}: not a name"),
        ] {
            assert!(error(line).starts_with(problem), "{line}: {}", error(line));
        }
        let many = "-A ::1 ".repeat(65);
        assert!(error(&many).ends_with("there are 64 already, the most"));
        assert_eq!(settings(&many[..64 * 7]).draft.grants.len(), 64);
    }

    #[test]
    fn live_sync_is_on_the_address_before_it_and_once() {
        let read = settings("-i 10.0.0.1 -s 9697 -i 10.0.0.2");
        assert_eq!(read.live_sync, "10.0.0.1:9697".parse().ok());
        for (line, problem) in [
            ("-s 9696", "not the IPv4 address"),
            ("-i ::1 -s 9696", "not the IPv4 address"),
            ("-i 10.0.0.1 -s 0", "not a whole number from 1 to 65535"),
            ("-i 10.0.0.1 -s 1 -s 2", "was given before"),
        ] {
            assert!(error(line).contains(problem), "{line}: {}", error(line));
        }
    }

    #[test]
    fn settings_that_do_nothing_alone_are_warnings() {
        assert_eq!(settings("-i 10.0.0.1 -s 9696").warnings.len(), 1);
        assert_eq!(settings("-i 10.0.0.1 -s 9696 -A 10/8").warnings.len(), 0);
        assert_eq!(settings("-w list").warnings.len(), 0);
    }

    #[test]
    fn two_dashes_end_the_options() {
        assert_eq!(settings("-m5 --"), settings("-m5"));
        assert_eq!(settings("--"), settings(""));
        assert_eq!(error("-- -p 80"), "unknown argument -p");
        // Unless they are the value of one.
        assert!(error("-p --").starts_with("-p --: not a port"));
    }

    #[test]
    fn what_is_no_option_is_refused() {
        for line in ["-x", "---", "-", "6969", "--port", "-hx -x6", "-\u{b5}"] {
            if line != "-hx -x6" {
                assert_eq!(error(line), format!("unknown argument {line}"));
            }
        }
        let bytes = Command::parse([OsString::from("-i"), OsString::from_vec(vec![0xff])]);
        assert!(bytes.unwrap_err().0.ends_with("not UTF-8 text"));
    }
}
