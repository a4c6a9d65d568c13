//! Packages for opkg, taken apart by tar and gzip.
#![forbid(unsafe_code)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Folder, TIME, builder, output, root, run, stand_in};

mod common;

/// A package of the stand-in program, unpacked.
struct Package {
    folder: Folder,
    file: PathBuf,
}

impl Package {
    fn new(test: &str, arguments: &[&str], name: &str) -> Self {
        let folder = Folder::new(test);
        let program = folder.write("program", stand_in());
        let out = folder.path().join("out");
        let mut command = builder(&["ipk", "--program"]);
        let told = output(
            command
                .arg(program)
                .arg("--output")
                .arg(&out)
                .args(arguments),
        );
        let file = out.join(name);
        let size = fs::metadata(&file).unwrap().len();
        assert!(
            told.contains(&format!("{}: {size} bytes\n", file.display())),
            "{told}"
        );
        unpack(&file, &folder.path().join("outer"));
        for inner in ["control", "data"] {
            let archive = folder.path().join(format!("outer/{inner}.tar.gz"));
            unpack(&archive, &folder.path().join(inner));
        }
        Self { folder, file }
    }

    fn mipsel(test: &str) -> Self {
        Self::new(
            test,
            &["mipsel_24kc"],
            &format!("wrtracker_{}_mipsel_24kc.ipk", version()),
        )
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn text(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap()
    }
}

fn unpack(archive: &Path, into: &Path) {
    fs::create_dir_all(into).unwrap();
    output(
        Command::new("tar")
            .arg("-xzf")
            .arg(archive)
            .arg("-C")
            .arg(into),
    );
}

/// Mode, owners, time and name of each member, in the archive's order.
fn members(archive: &Path) -> Vec<String> {
    let mut tar = Command::new("tar");
    tar.args(["--numeric-owner", "--full-time", "-tvzf"])
        .arg(archive)
        .env("TZ", "UTC");
    let line = |line: &str| {
        let words: Vec<_> = line.split_whitespace().collect();
        // The third is the size.
        [&words[..2], &words[3..]].concat().join(" ")
    };
    output(&mut tar).lines().map(line).collect()
}

/// The version with the package's release, as the Makefile has it.
fn version() -> String {
    let text = fs::read_to_string(root().join("openwrt/wrtracker/Makefile")).unwrap();
    let value = |name: &str| {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .unwrap();
        line.strip_prefix(":=").unwrap().to_owned()
    };
    format!("{}-r{}", value("PKG_VERSION"), value("PKG_RELEASE"))
}

#[test]
fn the_outer_archive_has_three_members_in_order() {
    let package = Package::mipsel("ipk-outer");
    assert_eq!(
        members(&package.file),
        [
            "-rw-r--r-- 0/0 2023-11-14 22:13:20 ./debian-binary",
            "-rw-r--r-- 0/0 2023-11-14 22:13:20 ./data.tar.gz",
            "-rw-r--r-- 0/0 2023-11-14 22:13:20 ./control.tar.gz",
        ]
    );
    assert_eq!(package.text("outer/debian-binary"), "2.0\n");
}

#[test]
fn the_files_are_roots_with_their_modes_and_one_time() {
    let package = Package::mipsel("ipk-data");
    let members = members(&package.path("outer/data.tar.gz"));
    let expected = [
        "drwxr-xr-x ./",
        "drwxr-xr-x ./etc/",
        "drwxr-xr-x ./etc/config/",
        "-rw------- ./etc/config/wrtracker",
        "drwxr-xr-x ./etc/init.d/",
        "-rwxr-xr-x ./etc/init.d/wrtracker",
        "drwxr-xr-x ./etc/wrtracker/",
        "drwxr-xr-x ./lib/",
        "drwxr-xr-x ./lib/upgrade/",
        "drwxr-xr-x ./lib/upgrade/keep.d/",
        "-rw-r--r-- ./lib/upgrade/keep.d/wrtracker",
        "drwxr-xr-x ./usr/",
        "drwxr-xr-x ./usr/sbin/",
        "-rwxr-xr-x ./usr/sbin/wrtracker",
        "drwxr-xr-x ./usr/share/",
        "drwxr-xr-x ./usr/share/nftables.d/",
        "drwxr-xr-x ./usr/share/nftables.d/chain-post/",
        "drwxr-xr-x ./usr/share/nftables.d/chain-post/raw_output/",
        "-rw-r--r-- ./usr/share/nftables.d/chain-post/raw_output/50-wrtracker.nft",
        "drwxr-xr-x ./usr/share/nftables.d/chain-post/raw_prerouting/",
        "-rw-r--r-- ./usr/share/nftables.d/chain-post/raw_prerouting/50-wrtracker.nft",
    ];
    let expected: Vec<_> = expected
        .iter()
        .map(|line| line.replacen(' ', " 0/0 2023-11-14 22:13:20 ", 1))
        .collect();
    assert_eq!(members, expected);
}

#[test]
fn the_files_bytes_arrive() {
    let package = Package::mipsel("ipk-bytes");
    assert_eq!(
        fs::read(package.path("data/usr/sbin/wrtracker")).unwrap(),
        stand_in()
    );
    for (source, installed) in [
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
    ] {
        let source = fs::read_to_string(root().join("openwrt/wrtracker/files").join(source));
        assert_eq!(package.text(&format!("data/{installed}")), source.unwrap());
    }
    // What an upgrade of the firmware keeps although no package brought it.
    assert_eq!(
        package.text("data/lib/upgrade/keep.d/wrtracker"),
        "/etc/wrtracker/\n"
    );
}

#[test]
fn the_control_file_has_opkgs_fields_in_order() {
    let package = Package::mipsel("ipk-control");
    let archive = package.path("outer/control.tar.gz");
    let expected = [
        "drwxr-xr-x ./",
        "-rw-r--r-- ./conffiles",
        "-rw-r--r-- ./control",
        "-rwxr-xr-x ./postinst",
        "-rwxr-xr-x ./prerm",
    ];
    let expected: Vec<_> = expected
        .iter()
        .map(|line| line.replacen(' ', " 0/0 2023-11-14 22:13:20 ", 1))
        .collect();
    assert_eq!(members(&archive), expected);
    assert_eq!(package.text("control/conffiles"), "/etc/config/wrtracker\n");
    let data = package.path("outer/data.tar.gz");
    let unpacked = run(Command::new("gzip").arg("-dc").arg(data)).stdout.len();
    assert_eq!(
        package.text("control/control"),
        format!(
            "Package: wrtracker\n\
             Version: {}\n\
             Source: openwrt/wrtracker\n\
             SourceName: wrtracker\n\
             License: MIT OR Apache-2.0\n\
             LicenseFiles: LICENSE\n\
             Section: net\n\
             Require-User: wrtracker=6969:wrtracker=6969\n\
             SourceDateEpoch: {TIME}\n\
             Maintainer: wrtracker developers <developers@wrtracker.example>\n\
             Architecture: mipsel_24kc\n\
             Installed-Size: {unpacked}\n\
             Description: A BitTorrent tracker that never takes more memory than it was given. \
             It answers\n \
             over UDP and HTTP, IPv4 and IPv6, and takes opentracker's options.\n",
            version()
        )
    );
}

#[test]
fn the_small_package_takes_the_place_of_the_full_one() {
    let name = format!("wrtracker-small_{}_mipsel_74kc.ipk", version());
    let package = Package::new("ipk-small", &["--small", "mipsel_74kc"], &name);
    let control = package.text("control/control");
    assert!(
        control.starts_with("Package: wrtracker-small\n"),
        "{control}"
    );
    assert!(
        control.contains("\nConflicts: wrtracker\nProvides: wrtracker\nSource: "),
        "{control}"
    );
    assert!(
        control.contains("\nArchitecture: mipsel_74kc\n"),
        "{control}"
    );
    // Found by the package's name when the firmware is upgraded.
    assert!(
        package
            .path("data/lib/upgrade/keep.d/wrtracker-small")
            .exists()
    );
    assert!(package.path("data/etc/config/wrtracker").exists());
}

#[test]
fn the_same_files_give_the_same_bytes() {
    let once = Package::mipsel("ipk-once");
    let again = Package::mipsel("ipk-again");
    assert_eq!(
        fs::read(&once.file).unwrap(),
        fs::read(&again.file).unwrap()
    );
}

#[test]
fn without_a_time_the_last_commits_is_taken() {
    let mut git = Command::new("git");
    git.arg("-C")
        .arg(root())
        .args(["log", "-1", "--format=%ct"]);
    let Ok(commit) = git.output() else {
        return eprintln!("not tested: there is no git");
    };
    if !commit.status.success() {
        return eprintln!("not tested: this is no git checkout");
    }
    let folder = Folder::new("ipk-time");
    let program = folder.write("program", stand_in());
    let mut command = builder(&["ipk", "mipsel", "--output"]);
    command
        .arg(folder.path())
        .arg("--program")
        .arg(program)
        .env_remove("SOURCE_DATE_EPOCH");
    output(&mut command);
    let file = folder
        .path()
        .join(format!("wrtracker_{}_mipsel_24kc.ipk", version()));
    let outer = folder.path().join("outer");
    unpack(&file, &outer);
    let binary = outer.join("debian-binary");
    let time = output(Command::new("stat").args(["-c", "%Y"]).arg(binary));
    assert_eq!(time, String::from_utf8(commit.stdout).unwrap());
}

#[test]
fn a_program_for_another_processor_is_not_packed() {
    let folder = Folder::new("ipk-other");
    let program = folder.write("program", stand_in());
    let out = folder.path().join("out");
    let mut command = builder(&["ipk", "mips_24kc", "--output"]);
    let told = run(command.arg(&out).arg("--program").arg(program));
    assert!(!told.status.success());
    let reason = String::from_utf8(told.stderr).unwrap();
    assert!(
        reason.contains("a program for another processor"),
        "{reason}"
    );
    assert!(!out.exists());
}

#[test]
fn the_scripts_are_proper_shell() {
    let package = Package::mipsel("ipk-shell");
    for script in ["control/postinst", "control/prerm"] {
        output(Command::new("sh").arg("-n").arg(package.path(script)));
        let mut check = Command::new("shellcheck");
        // 1090, 1091: what is sourced is on the router.
        check
            .args(["-s", "sh", "-e", "SC1090,SC1091"])
            .arg(package.path(script));
        match check.output() {
            Ok(told) => assert!(
                told.status.success(),
                "{}",
                String::from_utf8_lossy(&told.stdout)
            ),
            Err(_) => eprintln!("not tested: there is no shellcheck"),
        }
    }
}

#[test]
fn the_scripts_leave_the_work_to_openwrt() {
    let package = Package::mipsel("ipk-scripts");
    let functions = "default_postinst() { echo \"postinst $*\"; return 3; }\n\
                     default_prerm() { echo \"prerm $*\"; return 4; }\n";
    package.folder.write("root dir/lib/functions.sh", functions);
    let system = package.path("root dir");
    for (script, status) in [("postinst", 3), ("prerm", 4)] {
        let path = package.path(&format!("control/{script}"));
        let mut command = Command::new("sh");
        command
            .arg(&path)
            .args(["configure", "two words"])
            .env("IPKG_INSTROOT", &system);
        let told = run(&mut command);
        let said = String::from_utf8(told.stdout).unwrap();
        assert_eq!(
            said,
            format!("{script} {} configure two words\n", path.display())
        );
        assert_eq!(told.status.code(), Some(status));
        // A root without OpenWrt's functions.
        command.env("IPKG_INSTROOT", package.path("outer"));
        assert_eq!(output(&mut command), "");
    }
    let mut command = Command::new("sh");
    command
        .arg(package.path("control/postinst"))
        .env("IPKG_INSTROOT", &system);
    assert_eq!(output(command.env("IPKG_NO_SCRIPT", "1")), "");
}
