//! The feed's Makefile, run by GNU make with stand-ins for what the SDK includes, against the packages
//! that the builder makes.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Folder, builder, output, root, run, stand_in};

mod common;

/// Modes and, of files, bytes, by path.
type Files = BTreeMap<String, (u32, Option<Vec<u8>>)>;

/// Runs one goal of the Makefile in this folder, or says that there is no make.
fn make(makefile: &Path, work: &Path, variant: &str, goal: &str) -> Option<String> {
    let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk");
    let mut make = Command::new("make");
    make.arg("-s")
        .arg("-C")
        .arg(makefile)
        .arg(goal)
        .env_remove("MAKEFLAGS");
    make.arg(format!("TOPDIR={}", sdk.display()))
        .arg(format!("WORK={}", work.display()));
    make.arg(format!("BUILD_VARIANT={variant}"));
    if Command::new("make").arg("--version").output().is_err() {
        eprintln!("not tested: there is no make");
        return None;
    }
    Some(output(&mut make))
}

fn package_folder() -> PathBuf {
    root().join("openwrt/wrtracker")
}

/// What the goal `show` prints, by name.
fn shown(makefile: &Path, work: &Path, variant: &str) -> Option<BTreeMap<String, String>> {
    let text = make(makefile, work, variant, "show")?;
    let pair = |line: &str| {
        let (name, value) = line.split_once('=').unwrap();
        (name.to_owned(), value.to_owned())
    };
    Some(text.lines().map(pair).collect())
}

/// Every file and folder below a path, with its mode and, for a file, its bytes.
fn files(top: &Path) -> Files {
    let mut found = BTreeMap::new();
    let mut folders = vec![top.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let metadata = path.symlink_metadata().unwrap();
            let name = path.strip_prefix(top).unwrap().to_str().unwrap().to_owned();
            let bytes = metadata.is_file().then(|| fs::read(&path).unwrap());
            found.insert(name, (metadata.permissions().mode() & 0o7777, bytes));
            if metadata.is_dir() {
                folders.push(path);
            }
        }
    }
    found
}

/// A package of the stand-in program for this variant: its files, and its control file.
fn packed(folder: &Folder, small: bool) -> (Files, String) {
    let program = folder.write("program", stand_in());
    let out = folder.path().join("out");
    let mut command = builder(&["ipk", "mipsel_24kc", "--program"]);
    command
        .arg(program)
        .arg("--output")
        .arg(&out)
        .args(small.then_some("--small"));
    output(&mut command);
    let file = fs::read_dir(&out).unwrap().next().unwrap().unwrap().path();
    let unpack = |archive: &Path, into: &Path| {
        fs::create_dir_all(into).unwrap();
        output(
            Command::new("tar")
                .arg("-xpzf")
                .arg(archive)
                .arg("-C")
                .arg(into),
        );
    };
    unpack(&file, &out.join("outer"));
    unpack(&out.join("outer/data.tar.gz"), &out.join("data"));
    unpack(&out.join("outer/control.tar.gz"), &out.join("control"));
    (
        files(&out.join("data")),
        fs::read_to_string(out.join("control/control")).unwrap(),
    )
}

#[test]
fn the_makefile_installs_what_the_builder_packs() {
    for (package, variant, small) in [
        ("wrtracker", "full", false),
        ("wrtracker-small", "small", true),
    ] {
        let folder = Folder::new(&format!("makefile-install-{variant}"));
        let work = folder.path().join("work");
        folder.write("work/install/bin/wrtracker", stand_in());
        let goal = format!("install-{package}");
        if make(&package_folder(), &work, variant, &goal).is_none() {
            return;
        }
        let mut installed = files(&work.join(package));
        // What the SDK does with entries of conffiles that are no files.
        let kept = make(
            &package_folder(),
            &work,
            variant,
            &format!("keep-{package}"),
        )
        .unwrap();
        let is_file = |line: &str| work.join(package).join(&line[1..]).is_file();
        let rest: String = kept
            .lines()
            .filter(|line| !is_file(line))
            .map(|line| format!("{line}\n"))
            .collect();
        assert_eq!(rest, "/etc/wrtracker/\n");
        for name in ["lib", "lib/upgrade", "lib/upgrade/keep.d"] {
            installed.insert(name.to_owned(), (0o755, None));
        }
        let keep = format!("lib/upgrade/keep.d/{package}");
        installed.insert(keep, (0o644, Some(rest.into_bytes())));

        let (packed, _) = packed(&folder, small);
        let modes = |files: &Files| -> Vec<_> {
            files
                .iter()
                .map(|(name, (mode, _))| format!("{mode:04o} {name}"))
                .collect()
        };
        assert_eq!(modes(&installed), modes(&packed));
        assert!(
            installed == packed,
            "the same names and modes, but other bytes"
        );
    }
}

#[test]
fn the_makefile_says_of_the_package_what_the_builder_says() {
    for (package, variant, small) in [
        ("wrtracker", "full", false),
        ("wrtracker-small", "small", true),
    ] {
        let folder = Folder::new(&format!("makefile-control-{variant}"));
        let Some(shown) = shown(&package_folder(), folder.path(), variant) else {
            return;
        };
        let description = make(
            &package_folder(),
            folder.path(),
            variant,
            &format!("describe-{package}"),
        );
        // As the SDK writes it: one blank before each line, and the first behind the field's name.
        let description: Vec<_> = description
            .unwrap()
            .lines()
            .map(|line| line.trim().to_owned())
            .collect();
        let of_package = |name: &str| shown[&format!("{package}/{name}")].clone();
        let (_, control) = packed(&folder, small);
        let fields = [
            (
                "Version",
                format!("{}-r{}", shown["PKG_VERSION"], shown["PKG_RELEASE"]),
            ),
            ("Conflicts", of_package("CONFLICTS")),
            ("Provides", of_package("PROVIDES")),
            ("SourceName", shown["PKG_NAME"].clone()),
            ("License", shown["PKG_LICENSE"].clone()),
            ("LicenseFiles", shown["PKG_LICENSE_FILES"].clone()),
            ("Section", of_package("SECTION")),
            ("Require-User", of_package("USERID")),
            ("Maintainer", shown["PKG_MAINTAINER"].clone()),
            ("Description", description.join("\n ")),
        ];
        for (name, value) in fields {
            if value.is_empty() {
                assert!(
                    !control.contains(&format!("\n{name}:")),
                    "{name}: {control}"
                );
            } else {
                assert!(
                    control.contains(&format!("\n{name}: {value}\n")),
                    "{name}: {control}"
                );
            }
        }
    }
}

#[test]
fn each_variant_is_built_with_a_profile_of_its_own_and_its_features() {
    let folder = Folder::new("makefile-variants");
    let Some(full) = shown(&package_folder(), folder.path(), "full") else {
        return;
    };
    let small = shown(&package_folder(), folder.path(), "small").unwrap();
    for shown in [&full, &small] {
        assert_eq!(shown["CARGO_PKG_PROFILE"], "small");
        assert_eq!(shown["MAKE_PATH"], "std-host");
        assert_eq!(shown["PKG_BUILD_DEPENDS"], "rust/host");
        assert_eq!(shown["wrtracker/VARIANT"], "full");
        assert_eq!(shown["wrtracker-small/VARIANT"], "small");
        assert_eq!(shown["wrtracker/DEFAULT_VARIANT"], "1");
        assert_eq!(shown["wrtracker-small/DEFAULT_VARIANT"], "");
        // The processors that Rust is there for.
        assert!(shown["wrtracker/DEPENDS"].starts_with("@("));
    }
    assert_eq!(
        full["CARGO_PKG_ARGS"],
        "--locked --no-default-features --features router"
    );
    assert_eq!(small["CARGO_PKG_ARGS"], "--locked --no-default-features");
    assert_eq!(full["PKG_VERSION"], env!("CARGO_PKG_VERSION"));
}

/// OpenWrt's environment replaces keys of the profile `release`, also where others inherit them.
#[test]
fn openwrts_environment_does_not_change_the_profile() {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(root()).env("RUSTC_BOOTSTRAP", "1");
    cargo.args("build --unit-graph -Zunstable-options --locked --offline".split(' '));
    cargo.args("-p wrtracker --profile small".split(' '));
    for (key, value) in [
        ("CODEGEN_UNITS", "16"),
        ("DEBUG", "true"),
        ("DEBUG_ASSERTIONS", "false"),
        ("LTO", "thin"),
        ("OPT_LEVEL", "3"),
        ("OVERFLOW_CHECKS", "true"),
        ("PANIC", "unwind"),
        ("RPATH", "false"),
        ("STRIP", "none"),
    ] {
        cargo.env(format!("CARGO_PROFILE_RELEASE_{key}"), value);
    }
    let graph = output(&mut cargo);
    // A unit names its target first and its profile next.
    let program = graph.split("\"kind\":[\"bin\"]").nth(1).unwrap();
    let profile = program.split("\"profile\":").nth(1).unwrap();
    for expected in [
        "\"name\":\"small\"",
        "\"opt_level\":\"z\"",
        "\"lto\":\"fat\"",
        "\"codegen_units\":1",
        "\"overflow_checks\":false",
        "\"panic\":\"abort\"",
    ] {
        assert!(
            profile.split_once('}').unwrap().0.contains(expected),
            "{expected}: {profile}"
        );
    }
}

#[test]
fn in_a_checkout_all_that_cargo_needs_is_copied() {
    let folder = Folder::new("makefile-prepare");
    let Some(_) = make(&package_folder(), folder.path(), "full", "prepare") else {
        return;
    };
    let build = folder.path().join("build");
    assert!(
        !build.join(".cargo").exists(),
        "settings for builds without the SDK"
    );
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args("metadata --no-deps --offline --locked --format-version 1".split(' '));
    let metadata = output(cargo.current_dir(build.join("std-host")));
    assert!(metadata.contains("\"default_run\""), "{metadata}");
    assert!(build.join("LICENSE").exists());
}

#[test]
fn elsewhere_a_release_is_fetched() {
    let folder = Folder::new("makefile-release");
    let inner = folder.write("a/b/Makefile", "");
    fs::copy(package_folder().join("Makefile"), &inner).unwrap();
    let Some(shown) = shown(inner.parent().unwrap(), folder.path(), "full") else {
        return;
    };
    assert_eq!(
        shown["PKG_SOURCE"],
        format!("wrtracker-{}.tar.xz", shown["PKG_VERSION"])
    );
    assert!(shown["PKG_SOURCE_URL"].starts_with("https://"));
    assert!(
        shown["PKG_HASH"].len() == 64 && shown["PKG_HASH"].chars().all(|c| c.is_ascii_hexdigit())
    );
    // There, what is fetched is unpacked by the SDK, and in a checkout nothing is fetched.
    assert_eq!(
        make(inner.parent().unwrap(), folder.path(), "full", "prepare").unwrap(),
        ""
    );
    assert!(!folder.path().join("build").exists());
    let here = self::shown(&package_folder(), folder.path(), "full").unwrap();
    assert!(here["PKG_SOURCE"].is_empty() && here["PKG_HASH"].is_empty());
}

/// What reviewers of the packages feed look at first.
#[test]
fn the_makefile_keeps_the_feeds_form() {
    let text = fs::read_to_string(package_folder().join("Makefile")).unwrap();
    let mut define: Option<&str> = None;
    for line in text.lines() {
        assert_eq!(line.trim_end(), line, "blanks at the end");
        if ["define", "call", "eval"]
            .iter()
            .any(|word| line.contains(word))
        {
            assert!(!line.contains("$(PKG_NAME)"), "{line}");
        }
        if let Some(name) = line.strip_prefix("define ") {
            define = Some(name);
        } else if line == "endef" {
            define = None;
        } else if let Some(name) = define {
            let form = if name.ends_with("/conffiles") {
                line.starts_with('/')
            } else if name.ends_with("/install") || name.starts_with("Build/") {
                line.starts_with('\t')
            } else {
                line.starts_with("  ") && !line.starts_with("   ") || line.starts_with("$(call")
            };
            assert!(form, "{name}: {line}");
        }
    }
    assert!(text.contains("\nPKG_MAINTAINER:=") && text.contains("\nPKG_LICENSE:="));
}

#[test]
fn the_feeds_tests_are_proper_shell() {
    for script in ["test.sh", "test-version.sh"] {
        let path = package_folder().join(script);
        assert_eq!(
            path.metadata().unwrap().permissions().mode() & 0o111,
            0o111,
            "{script}"
        );
        output(Command::new("sh").arg("-n").arg(&path));
        match Command::new("shellcheck").arg(&path).output() {
            Ok(told) => assert!(
                told.status.success(),
                "{}",
                String::from_utf8_lossy(&told.stdout)
            ),
            Err(_) => eprintln!("not tested: there is no shellcheck"),
        }
    }
}

/// Runs a test of the feed's CI where `wrtracker` is this program.
fn passes(script: &str, program: &Path, arguments: [&str; 2]) -> bool {
    let folder = program.parent().unwrap().display();
    let path = format!("{folder}:{}", std::env::var("PATH").unwrap_or_default());
    let mut sh = Command::new("sh");
    sh.arg(package_folder().join(script))
        .args(arguments)
        .env("PATH", path);
    run(&mut sh).status.success()
}

#[test]
fn the_feeds_tests_pass_with_the_program() {
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .current_dir(root())
        .args("build -p wrtracker --locked --offline".split(' '));
    let built = cargo.args(["--message-format", "json"]).output().unwrap();
    let messages = String::from_utf8(built.stdout).unwrap();
    let program = messages
        .split("\"executable\":\"")
        .nth(1)
        .expect("a program is built");
    let program = Path::new(program.split('"').next().unwrap());
    for script in ["test.sh", "test-version.sh"] {
        for package in ["wrtracker", "wrtracker-small"] {
            let version = env!("CARGO_PKG_VERSION");
            assert!(
                passes(script, program, [package, version]),
                "{script} {package}"
            );
        }
    }
    assert!(!passes("test-version.sh", program, ["wrtracker", "99.0.0"]));
}

#[test]
fn the_feeds_tests_can_fail() {
    let folder = Folder::new("makefile-feed");
    // Takes every option, and does nothing.
    let program = folder.write("bin/wrtracker", "#!/bin/sh\necho wrtracker 1.2.3\n");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    assert!(passes("test-version.sh", &program, ["wrtracker", "1.2.3"]));
    assert!(!passes("test-version.sh", &program, ["wrtracker", "1.2.4"]));
    assert!(!passes(
        "test-version.sh",
        &program,
        ["something-else", "1.2.3"]
    ));
    assert!(!passes("test.sh", &program, ["wrtracker", "1.2.3"]));
}
