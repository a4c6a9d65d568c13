//! A network of one's own: many addresses on one loopback interface and no way out.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, ToSocketAddrs as _, UdpSocket};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::geteuid;

use crate::server::binary;

/// Where the program is after [`enter`].
#[derive(Debug)]
pub enum Place {
    /// In a network namespace that has [`v4`] and [`v6`] of 1 to [`HOSTS`] on its loopback
    /// interface.
    Inside,
    /// Outside. It has run once more, inside, and that ended so.
    Ran(ExitStatus),
    /// Outside, and this machine lets us make no namespace, for this reason.
    Impossible(String),
}

/// How many addresses of each family the namespace has, beside 127.0.0.0/8 and ::1.
pub const HOSTS: u8 = 200;

/// The IPv4 address of one host, 1 to [`HOSTS`].
pub const fn v4(host: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 9, 9, host))
}

/// The IPv6 address of one host, 1 to [`HOSTS`].
///
/// One that looks global: Transmission doesn't believe in IPv6 over others.
pub const fn v6(host: u8) -> IpAddr {
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0x99, 0, 0, 0, 0, host as u16))
}

/// A name that resolves to [`v6`] of 1 inside, if [`has_names`]: Transmission doesn't understand an
/// IPv6 address in the URL of a UDP tracker.
pub const V6_NAME: &str = "tracker6.test";

/// Runs this program once more in a new network namespace, with `args`.
///
/// All that it starts there ends with it.
///
/// # Panics
///
/// If the shell doesn't start.
pub fn enter(args: &[&str]) -> Place {
    if env::var_os(MARK).is_some() {
        if has_ipv6() {
            wait_for_ipv6();
        }
        return Place::Inside;
    }
    let own = match flags() {
        Ok(flags) => flags,
        Err(why) => return Place::Impossible(why),
    };
    let program = env::current_exe().expect("path of this program");
    // Who is root only by a namespace for users has no other user to become, which a tracker that
    // is started by root insists on. The network is made: it goes on as an ordinary user.
    let again: &[&str] = if own.contains(&"--user") {
        &["unshare", "--user", "--map-user=1000", "--map-group=1000"]
    } else {
        &[]
    };
    let status = Command::new("unshare")
        .args(own)
        .args(["sh", "-c", &setup(), "sh"])
        .args(again)
        .arg(program)
        .args(args)
        // Built outside, where a build can fetch what it needs.
        .env("WRTRACKER_BIN", binary())
        .env(MARK, "1")
        .status()
        .expect("unshare starts");
    Place::Ran(status)
}

/// For a test named `name`: whether it goes on. Otherwise it has run inside and passed, or this
/// machine lets us make no namespace, which is said on standard error.
///
/// # Panics
///
/// If the test failed inside, or has another name.
pub fn enter_test(name: &str) -> bool {
    // A wrong name would run no test inside, which is no failure. Tests that run one after another
    // have the main thread, which doesn't know.
    let thread = thread::current();
    let own = thread.name().filter(|own| *own != "main");
    assert_eq!(own.unwrap_or(name), name);
    match enter(&["--exact", name, "--nocapture"]) {
        Place::Inside => true,
        Place::Ran(status) => {
            assert!(status.success(), "{name} failed inside the namespace");
            false
        }
        Place::Impossible(why) => {
            skip(&format!("{name}: {why}"));
            false
        }
    }
}

/// As [`enter_test`], for a test that needs the rights of the machine's root inside.
///
/// # Panics
///
/// If the test failed inside.
pub fn enter_test_as_root(name: &str) -> bool {
    is_root(name) && enter_test(name)
}

/// Whether we are the machine's root, who can become any user. If not, says that `name` isn't
/// tested.
pub fn is_root(name: &str) -> bool {
    // Root by a namespace for users often has no other user to become.
    let all_users = fs::read_to_string("/proc/self/uid_map").is_ok_and(|map| {
        let mut fields = map.split_whitespace().map(str::parse::<u32>);
        matches!(
            (fields.next(), fields.nth(1)),
            (Some(Ok(0)), Some(Ok(65535..)))
        )
    });
    let root = geteuid().is_root() && all_users;
    if !root {
        skip(&format!("{name}: that needs root"));
    }
    root
}

/// Says on standard error what is not tested, even where the output of passing tests is hidden.
pub fn skip(what: &str) {
    let _ = writeln!(io::stderr(), "skipped: {what}");
}

/// Whether this namespace has IPv6.
pub fn has_ipv6() -> bool {
    UdpSocket::bind((v6(1), 0)).is_ok()
}

/// Whether [`V6_NAME`] resolves.
pub fn has_names() -> bool {
    (V6_NAME, 0).to_socket_addrs().is_ok()
}

/// Waits until each address reaches itself.
///
/// The kernel takes IPv6 addresses into use some time after it was told to, and until then it drops
/// what is sent to them.
fn wait_for_ipv6() {
    let deadline = Instant::now() + Duration::from_secs(10);
    for host in 1..=HOSTS {
        loop {
            let arrived = UdpSocket::bind((v6(host), 0)).and_then(|socket| {
                socket.set_read_timeout(Some(Duration::from_millis(20)))?;
                socket.send_to(b"hello", socket.local_addr()?)?;
                socket.recv(&mut [0; 8])
            });
            match arrived {
                Ok(_) => break,
                Err(error) => assert!(Instant::now() < deadline, "{}: {error}", v6(host)),
            }
        }
    }
}

/// Set in the environment of what runs inside.
const MARK: &str = "WRTRACKER_TESTS_INSIDE";

/// Inside is a process namespace too, so that nothing outlives the one that was started there, and
/// one for mounts, to have names of its own.
const WITH: [&str; 5] = ["--net", "--mount", "--pid", "--fork", "--kill-child"];

/// What `unshare` needs on this machine: root makes namespaces, others need one for users first.
fn flags() -> Result<Vec<&'static str>, String> {
    let mut why = String::new();
    for more in [&[][..], &["--user", "--map-root-user"]] {
        let flags = [&WITH, more].concat();
        let tried = Command::new("unshare")
            .args(&flags)
            .args(["ip", "link", "set", "lo", "up"])
            .stdin(Stdio::null())
            .output();
        match tried {
            Ok(output) if output.status.success() => return Ok(flags),
            Ok(output) => why = String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            Err(error) => why = format!("unshare: {error}"),
        }
    }
    Err(format!("no network namespace can be made here: {why}"))
}

/// The script that makes the network and becomes the program.
fn setup() -> String {
    let mut v4_lines = String::from("link set lo up\\n");
    let mut v6_lines = String::new();
    for host in 1..=HOSTS {
        let _ = write!(v4_lines, "addr add {}/24 dev lo\\n", v4(host));
        let _ = write!(v6_lines, "addr add {}/128 dev lo nodad\\n", v6(host));
    }
    v6_lines.push_str("route add default dev lo\\n");
    format!(
        "printf '{v4_lines}' | ip -batch - || exit 1\n\
         printf '{v6_lines}' | ip -6 -batch - || echo 'skipped: no IPv6 in the namespace' >&2\n\
         hosts=$(mktemp) && echo '{} {V6_NAME}' > $hosts && chmod 644 $hosts &&\
         mount --bind $hosts /etc/hosts || echo 'skipped: no names in the namespace' >&2\n\
         rm -f $hosts\n\
         exec \"$@\"",
        v6(1)
    )
}
