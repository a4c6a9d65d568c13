//! OpenWrt in a folder: the package's files, the applets of busybox that OpenWrt has, stand-ins for
//! the rest, and the real program.
//!
//! The init script runs in there with the folder as its root directory, so that all paths are those
//! of a router.

use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Output};

use rustix::process::geteuid;

use crate::folder::Folder;
use crate::namespace::skip;
use crate::process::find_program;
use crate::server::binary;

/// The package's files.
pub const FILES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../openwrt/wrtracker/files");
/// The stand-ins.
pub const STAND_INS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/openwrt/root");
/// The user that the package makes.
pub const ACCOUNT: u32 = 6969;
/// Where the rendered files are.
pub const OUT: &str = "var/etc/wrtracker";

/// A root directory, which is gone with the value.
#[derive(Debug)]
pub struct Root(Folder);

/// What the package installs besides the init script, and where.
const INSTALLED: [(&str, &str); 4] = [
    ("wrtracker.init", "etc/init.d/wrtracker"),
    ("wrtracker.config", "etc/config/wrtracker"),
    (
        "wrtracker-notrack-in.nft",
        "usr/share/nftables.d/chain-post/raw_prerouting/50-wrtracker.nft",
    ),
    (
        "wrtracker-notrack-out.nft",
        "usr/share/nftables.d/chain-post/raw_output/50-wrtracker.nft",
    ),
];

/// Applets that OpenWrt's busybox has, of those that a script might want. It has no stat, timeout,
/// install, nproc, realpath, base64, od, xxd, getopt, shuf or tac.
const APPLETS: [&str; 53] = [
    "[",
    "ash",
    "awk",
    "basename",
    "cat",
    "chgrp",
    "chmod",
    "chown",
    "cp",
    "cut",
    "date",
    "dd",
    "df",
    "dirname",
    "du",
    "echo",
    "env",
    "expr",
    "false",
    "find",
    "grep",
    "gunzip",
    "head",
    "hexdump",
    "id",
    "kill",
    "ln",
    "ls",
    "md5sum",
    "mkdir",
    "mkfifo",
    "mktemp",
    "mv",
    "printf",
    "ps",
    "pwd",
    "readlink",
    "rm",
    "rmdir",
    "sed",
    "seq",
    "sh",
    "sha256sum",
    "sleep",
    "sort",
    "sync",
    "tail",
    "test",
    "touch",
    "tr",
    "true",
    "wc",
    "xargs",
];

/// The interfaces of a router whose LAN has a private and a global IPv6 network.
pub const NETWORK: &str = "\
lan ipaddrs 192.168.1.1
lan ipaddrs6 2001:db8:5::1 fd00:5::1
lan subnets 192.168.1.1/24
lan subnets6 2001:db8:5::1/60 fd00:5::1/60
guest ipaddrs 192.168.3.1
guest subnets 192.168.3.1/24
wan ipaddrs 203.0.113.7
wan subnets 203.0.113.7/24
wan6 ipaddrs6 2001:db8:ffff::7
shared ipaddrs 100.64.3.4
";

impl Root {
    /// A router on which the tracker has just been installed. `None` if this machine lacks what is
    /// needed for it, which is said on standard error for the test of that name.
    ///
    /// # Panics
    ///
    /// If it can't be made; so do all functions here.
    pub fn new(name: &str) -> Option<Self> {
        let busybox = find_program("busybox").or_else(|| {
            skip(&format!("{name}: there is no busybox"));
            None
        })?;
        let this = Self(Folder::new("openwrt"));
        copy_tree(Path::new(STAND_INS), &this.0);
        for folder in [
            "bin",
            "sbin",
            "dev",
            "proc/self",
            "tmp/run",
            "tmp/etc",
            "etc/wrtracker",
        ] {
            fs::create_dir_all(this.0.join(folder)).expect("a folder");
        }
        symlink("tmp", this.0.join("var")).expect("a link");
        this.install_program(&busybox, "bin/busybox");
        for applet in APPLETS {
            symlink("busybox", this.0.join("bin").join(applet)).expect("a link");
        }
        this.install_program(binary(), "usr/sbin/wrtracker");
        for (file, to) in INSTALLED {
            let text = fs::read(Path::new(FILES).join(file)).expect("a file of the package");
            this.write(to, &text);
        }
        for program in ["etc/init.d/wrtracker", "etc/rc.common", "usr/bin/logger"] {
            this.make_executable(program);
        }
        this.write(
            "etc/passwd",
            "root:x:0:0:root:/root:/bin/ash\nnobody:*:65534:65534:n:/:/x\n",
        );
        this.write("etc/group", "root:x:0:\nnogroup:x:65534:\n");
        this.add_account();
        this.write("network", NETWORK);
        this.write(
            "proc/meminfo",
            "MemTotal:         126976 kB\nMemFree: 1 kB\n",
        );
        for empty in ["record", "log", "running", "dev/null"] {
            this.write(empty, "");
        }
        fs::set_permissions(this.0.join("dev/null"), Permissions::from_mode(0o666)).expect("mode");
        if !geteuid().is_root() {
            // In a namespace for users there is one user alone, and nobody to give anything to.
            fs::remove_file(this.0.join("bin/chown")).expect("a link");
            this.write("bin/chown", "#!/bin/sh\nexit 0\n");
            this.make_executable("bin/chown");
        }
        match this.run("true") {
            output if output.status.success() => Some(this),
            output => {
                let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
                skip(&format!(
                    "{name}: no other root directory can be had: {why}"
                ));
                None
            }
        }
    }

    /// Where the root directory is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Puts a program and the libraries it needs into place.
    pub fn install_program(&self, program: &Path, to: &str) {
        let copy = |from: &Path, to: &Path| {
            fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
            if !to.exists() {
                fs::copy(from, to).expect("to copy");
            }
        };
        copy(program, &self.0.join(to));
        // A static program has none, and ldd says so.
        let said = Command::new("ldd")
            .arg(program)
            .output()
            .expect("ldd starts");
        for word in String::from_utf8_lossy(&said.stdout).split_whitespace() {
            if let Some(inside) = word.strip_prefix('/').filter(|_| !word.ends_with(':')) {
                copy(Path::new(word), &self.0.join(inside));
            }
        }
    }

    /// Writes a file, and the folders to it.
    pub fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("to write");
    }

    /// Removes a file.
    pub fn remove(&self, path: &str) {
        fs::remove_file(self.0.join(path)).expect("to remove");
    }

    /// Lets everybody start a program.
    pub fn make_executable(&self, path: &str) {
        fs::set_permissions(self.0.join(path), Permissions::from_mode(0o755)).expect("mode");
    }

    /// Reads a file that is text; nothing if it isn't there.
    pub fn read(&self, path: &str) -> String {
        let bytes = fs::read(self.0.join(path)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Whether there is something.
    pub fn has(&self, path: &str) -> bool {
        self.0.join(path).exists()
    }

    /// Makes the tracker's user, as the package does.
    pub fn add_account(&self) {
        for (file, line) in [
            (
                "etc/passwd",
                "wrtracker:x:6969:6969:wrtracker:/var/run/wrtracker:/bin/false\n",
            ),
            ("etc/group", "wrtracker:x:6969:\n"),
        ] {
            self.write(file, self.read(file) + line);
        }
    }

    /// Replaces the configuration by this section, which is enabled, and named `main`.
    pub fn configure(&self, options: &str) {
        self.write(
            "etc/config/wrtracker",
            format!("config tracker 'main'\n\toption enabled '1'\n{options}\n"),
        );
    }

    /// Replaces the configuration by these sections, named `t0`, `t1` and so on, all enabled.
    pub fn configure_each<'o>(&self, options: impl IntoIterator<Item = &'o str>) {
        let mut text = String::new();
        for (number, options) in options.into_iter().enumerate() {
            let _ = writeln!(
                text,
                "config tracker 't{number}'\n\toption enabled '1'\n{options}"
            );
        }
        self.write("etc/config/wrtracker", text);
    }

    /// Uses the configuration of the package, but enabled.
    pub fn configure_as_shipped(&self) {
        let shipped = fs::read_to_string(format!("{FILES}/wrtracker.config")).expect("the file");
        let enabled = shipped.replacen("enabled '0'", "enabled '1'", 1);
        assert_ne!(shipped, enabled);
        self.write("etc/config/wrtracker", enabled);
    }

    /// Runs a shell script in there.
    pub fn run(&self, script: &str) -> Output {
        let mut command = Command::new("env");
        if !geteuid().is_root() {
            command.args(["unshare", "--user", "--map-root-user"]);
        }
        command.arg("chroot").arg(self.0.text());
        command.args(["/bin/env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"]);
        command.args(["/bin/sh", "-c", script]);
        command.output().expect("env starts")
    }

    /// Has the init script do something, and returns what procd was told: lines of words between
    /// tabs. Whether it succeeded is the second value.
    pub fn try_service(&self, action: &str) -> (Record, bool) {
        self.write("record", "");
        let output = self.run(&format!("/etc/init.d/wrtracker {action}"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.is_empty(), "{action}: {said}{}", self.log());
        (Record(self.read("record")), output.status.success())
    }

    /// As [`try_service`](Self::try_service), for what has to succeed without a word in the log.
    pub fn service(&self, action: &str) -> Record {
        let (record, done) = self.try_service(action);
        assert!(done && self.log().is_empty(), "{action}:\n{}", self.log());
        record
    }

    /// Has the init script do something that it must refuse, and returns what it told the log.
    pub fn refused(&self, action: &str) -> (Record, String) {
        self.write("log", "");
        let (record, _) = self.try_service(action);
        let log = self.log();
        assert!(log.contains("daemon.err "), "{action}: {log}");
        self.write("log", "");
        (record, log)
    }

    /// What the system log was told.
    pub fn log(&self) -> String {
        self.read("log")
    }

    /// One of the rendered files, its comments left out.
    pub fn rendered(&self, file: &str) -> String {
        let text = self.read(&format!("{OUT}/{file}"));
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.fold(String::new(), |mut all, line| {
            let _ = writeln!(all, "{line}");
            all
        })
    }

    /// The names of the rendered files.
    pub fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.join(OUT)).into_iter().flatten();
        let names = entries.map(|entry| entry.expect("an entry").file_name().display().to_string());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }
}

/// What procd was told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record(pub String);

impl Record {
    /// Whether it was told this, in words that tabs are between.
    pub fn has(&self, words: &[&str]) -> bool {
        let line = words.join("\t");
        self.0.lines().any(|told| told == line)
    }

    /// What follows these words, in each line that begins with them.
    pub fn after(&self, words: &[&str]) -> Vec<Vec<&str>> {
        let start = words.join("\t") + "\t";
        let lines = self.0.lines().filter_map(|line| line.strip_prefix(&start));
        lines.map(|rest| rest.split('\t').collect()).collect()
    }

    /// The instances that it was told of.
    pub fn instances(&self) -> Vec<&str> {
        let lines = self.after(&["instance"]);
        lines.into_iter().flatten().collect()
    }
}

/// A value as UCI writes it.
pub fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', "'\\''"))
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy_tree(&from, &to);
        } else {
            fs::copy(from, to).expect("to copy");
        }
    }
}
