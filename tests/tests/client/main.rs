//! The client of the program from outside: against the program itself as a tracker, against servers
//! that answer what none should, and against one that stands in for the API.
#![forbid(unsafe_code)]

mod api;
mod check;
mod hostile;
mod stubs;
mod trackers;

use std::process::{Command, Output, Stdio};

use wrtracker_tests::server::command;

/// What a client printed, and how it ended.
#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// Runs the client.
fn run(args: &[&str]) -> Ran {
    run_with(command().args(args))
}

fn run_with(command: &mut Command) -> Ran {
    let Output {
        status,
        stdout,
        stderr,
    } = command.stdin(Stdio::null()).output().expect("to start");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Ran {
        code: status.code(),
        stdout: text(stdout),
        stderr: text(stderr),
    }
}

impl Ran {
    /// What it printed if all went well.
    #[track_caller]
    fn fine(&self) -> &str {
        assert_eq!((self.code, self.stderr.as_str()), (Some(0), ""), "{self:?}");
        &self.stdout
    }

    /// What it said of a failure, which is on one line.
    #[track_caller]
    fn failure(&self, code: i32) -> &str {
        assert_eq!(self.code, Some(code), "{self:?}");
        let line = self.stderr.strip_prefix("wrtracker: ").expect("its name");
        let line = line.strip_suffix('\n').expect("a whole line");
        assert!(!line.contains(char::is_control), "{line:?}");
        line
    }

    /// The output with each time as 0.
    fn timeless(&self) -> String {
        let mut text = String::new();
        for (nth, part) in self.stdout.split("\"ms\":").enumerate() {
            let rest = part.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
            text += match nth {
                0 => part,
                _ => "\"ms\":0",
            };
            text += if nth == 0 { "" } else { rest };
        }
        text
    }
}

const HASH: &str = "0123456789abcdef0123456789abcdef01234567";
const OTHER: &str = "FEDCBA9876543210fedcba9876543210fedcba98";

#[test]
fn wrong_command_lines_have_a_status_of_their_own() {
    for (line, what) in [
        (
            "announce",
            "is missing; usage: wrtracker announce [OPTION]... [URL]",
        ),
        ("announce udp://a:1", "announce what?"),
        (
            "announce 0123",
            "neither an info hash of 40 hex digits nor a file",
        ),
        (
            &format!("announce {HASH}"),
            "without a URL there must be a torrent file",
        ),
        (&format!("announce udp://a {HASH}"), "a URL without a port"),
        (
            &format!("announce https://a/ {HASH}"),
            "there is no TLS in this program",
        ),
        (
            &format!("announce udp://a:1 {HASH} --port 65536"),
            "--port 65536: not a whole number",
        ),
        (
            &format!("announce udp://a:1 {HASH} --peer-id x"),
            "--peer-id x: not 20 bytes",
        ),
        (
            &format!("announce udp://a:1 {HASH} --key 0x123456789"),
            "--key 0x123456789: not 1 to 8",
        ),
        (
            &format!("scrape ftp://a/ {HASH}"),
            "not a URL that begins with",
        ),
        (
            &format!("scrape udp://a:1 {HASH} --event none"),
            "unknown option --event",
        ),
        ("check --format xml", "--format xml: not one of text, json"),
        (
            "check -f /nonexistent/file",
            "not a configuration that can be used",
        ),
        ("check nowhere", "neither a URL nor an address with a port"),
        ("key", "there is no such command"),
        ("key make", "there is no such command"),
        ("key new", "there is no token"),
        ("whitelist upload a b", "unknown argument b"),
    ] {
        let ran = run_with(
            command()
                .env_remove("WRTRACKER_TOKEN")
                .args(line.split(' ')),
        );
        assert_eq!(
            (ran.code, ran.stdout.as_str()),
            (Some(2), ""),
            "{line}: {ran:?}"
        );
        assert!(ran.stderr.contains(what), "{line}: {ran:?}");
    }
    // The tracker's own command line stays as it is.
    assert_eq!(run(&["unknown"]).code, Some(1));
    assert_eq!(run(&["-x", "announce"]).code, Some(1));
}

#[test]
fn help_names_the_commands_and_their_options() {
    let ran = run(&["--help"]);
    assert_eq!(ran.code, Some(0));
    for words in ["announce", "scrape", "check", "key new", "whitelist upload"] {
        let mut args: Vec<_> = words.split(' ').collect();
        assert!(ran.stderr.contains(&format!("  wrtracker {words} ")) || words == "key new");
        args.push("--help");
        let help = run(&args);
        assert_eq!(help.code, Some(0), "{help:?}");
        let usage = format!("usage: wrtracker {words} [OPTION]...");
        assert!(help.stderr.starts_with(&usage), "{help:?}");
        assert!(help.stderr.contains("--timeout seconds"), "{help:?}");
    }
    let ran = run(&["whitelist", "--help"]);
    assert_eq!(
        (ran.code, ran.stderr.lines().count()),
        (Some(0), 8),
        "{ran:?}"
    );
}
