//! Packages for apk, read by a parser of their own.
//!
//! The parser was written from the description of the format and shares nothing with the builder: it
//! follows the values from the root, checks every sum, and takes a file's bytes from its block.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use common::{Folder, TIME, builder, output, root, run, stand_in};
use container::{Package, Value};

mod common;

/// The parser.
mod container {
    use std::collections::BTreeMap;
    use std::io::Read;

    use flate2::read::DeflateDecoder;

    /// A package as it is in its file.
    pub(super) struct Package {
        /// All values, and what leads to them.
        pub(super) pool: Vec<u8>,
        pub(super) root: Value,
        /// The bytes of files, by the places of their folder and their own.
        pub(super) data: BTreeMap<(u32, u32), Vec<u8>>,
    }

    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(super) enum Value {
        Null,
        Number(u64),
        Blob(Vec<u8>),
        /// Without the count at place 0.
        List(Vec<Self>),
        Object(Vec<Self>),
    }

    fn word(bytes: &[u8], at: usize) -> u32 {
        u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
    }

    impl Package {
        pub(super) fn parse(file: &[u8]) -> Self {
            assert_eq!(&file[..4], b"ADBd", "packed by deflate");
            let mut bytes = Vec::new();
            let mut unpacked = DeflateDecoder::new(&file[4..]);
            unpacked.read_to_end(&mut bytes).unwrap();
            assert_eq!(
                unpacked.total_in() as usize,
                file.len() - 4,
                "nothing behind it"
            );
            assert_eq!(&bytes[..8], b"ADB.pckg");

            let (mut pool, mut data) = (None, BTreeMap::new());
            let mut at = 8;
            while at < bytes.len() {
                assert_eq!(at % 8, 0);
                let (kind, size) = (word(&bytes, at) >> 30, word(&bytes, at) & 0x3fff_ffff);
                let end = at + size as usize;
                let payload = bytes[at + 4..end].to_vec();
                match kind {
                    0 => assert!(
                        pool.replace(payload).is_none() && at == 8,
                        "the first, and one"
                    ),
                    2 => {
                        let place = (word(&payload, 0), word(&payload, 4));
                        let last = data.last_key_value().map(|(place, _)| *place);
                        assert!(last < Some(place), "in order");
                        data.insert(place, payload[8..].to_vec());
                    }
                    other => panic!("a block of kind {other}"),
                }
                at = end.next_multiple_of(8);
                assert!(
                    bytes[end..at].iter().all(|byte| *byte == 0),
                    "filled with zeros"
                );
            }
            let pool = pool.unwrap();
            assert_eq!(pool[..4], [0; 4], "versions and what is reserved");
            let root = Value::follow(&pool, word(&pool, 4));
            Self { pool, root, data }
        }
    }

    impl Value {
        /// A value of the pool. What it refers to must lie before it: so this ends.
        fn follow(pool: &[u8], value: u32) -> Self {
            let at = (value & 0x0fff_ffff) as usize;
            let blob = |length: usize, from: usize| Self::Blob(pool[from..from + length].to_vec());
            let values = || {
                assert_eq!(at % 4, 0);
                let count = word(pool, at) as usize;
                assert!(count > 1, "what is empty isn't written");
                let values: Vec<_> = (1..count)
                    .map(|place| {
                        let value = word(pool, at + 4 * place);
                        let direct = matches!(value >> 28, 0 | 1);
                        assert!(direct || ((value & 0x0fff_ffff) as usize) < at);
                        Self::follow(pool, value)
                    })
                    .collect();
                assert_ne!(values.last(), Some(&Self::Null));
                values
            };
            match value >> 28 {
                0 => {
                    assert_eq!(value, 0);
                    Self::Null
                }
                1 => Self::Number(at as u64),
                2 => Self::Number(word(pool, at).into()),
                3 => Self::Number(u64::from_le_bytes(pool[at..at + 8].try_into().unwrap())),
                8 => blob(pool[at].into(), at + 1),
                9 => blob(u16::from_le_bytes([pool[at], pool[at + 1]]).into(), at + 2),
                10 => blob(word(pool, at) as usize, at + 4),
                13 => Self::List(values()),
                14 => Self::Object(values()),
                kind => panic!("a value of kind {kind}"),
            }
        }

        /// What an object has at a place, counted from 1.
        pub(super) fn at(&self, place: usize) -> &Self {
            let Self::Object(values) = self else {
                panic!("{self:?} is no object")
            };
            values.get(place - 1).unwrap_or(&Self::Null)
        }

        pub(super) fn items(&self) -> &[Self] {
            match self {
                Self::Null => &[],
                Self::List(items) => items,
                other => panic!("{other:?} is no list"),
            }
        }

        pub(super) fn number(&self) -> u64 {
            match self {
                Self::Number(number) => *number,
                other => panic!("{other:?} is no number"),
            }
        }

        pub(super) fn bytes(&self) -> &[u8] {
            match self {
                Self::Null => &[],
                Self::Blob(bytes) => bytes,
                other => panic!("{other:?} is no string"),
            }
        }

        pub(super) fn text(&self) -> &str {
            str::from_utf8(self.bytes()).unwrap()
        }
    }
}

/// Makes a package of the stand-in program and returns its bytes.
fn make(test: &str, arguments: &[&str], name: &str) -> Vec<u8> {
    let folder = Folder::new(test);
    let program = folder.write("program", stand_in());
    let out = folder.path().join("out");
    let mut command = builder(&["apk", "--program"]);
    output(
        command
            .arg(program)
            .arg("--output")
            .arg(&out)
            .args(arguments),
    );
    fs::read(out.join(name)).unwrap()
}

fn mipsel(test: &str) -> Vec<u8> {
    make(
        test,
        &["mipsel_24kc"],
        &format!("mipsel_24kc/wrtracker-{}.apk", version()),
    )
}

fn version() -> String {
    let text = fs::read_to_string(root().join("openwrt/wrtracker/Makefile")).unwrap();
    let release = text
        .lines()
        .find_map(|line| line.strip_prefix("PKG_RELEASE:="))
        .unwrap();
    format!("{}-r{release}", env!("CARGO_PKG_VERSION"))
}

/// Mode and bytes of files, by path.
type Files = BTreeMap<String, (u64, Vec<u8>)>;

/// Mode and bytes of each file, and the mode of each folder, by path; with every owner, time and sum
/// checked.
fn files(package: &Package) -> (Files, BTreeMap<String, u64>) {
    let (mut files, mut folders) = (BTreeMap::new(), BTreeMap::new());
    let mut unseen = package.data.clone();
    let rights = |value: &Value| {
        assert_eq!((value.at(2).text(), value.at(3).text()), ("root", "root"));
        value.at(1).number()
    };
    for (index, folder) in package.root.at(2).items().iter().enumerate() {
        let path = folder.at(1).text();
        folders.insert(path.to_owned(), rights(folder.at(2)));
        for (place, file) in folder.at(3).items().iter().enumerate() {
            let key = (index as u32 + 1, place as u32 + 1);
            let bytes = unseen.remove(&key).unwrap_or_default();
            assert_eq!(file.at(3).number(), bytes.len() as u64);
            assert_eq!(file.at(4).number(), TIME);
            assert_eq!(file.at(5).bytes(), sha256(&bytes));
            let name = format!("/{path}/{}", file.at(1).text());
            files.insert(name, (rights(file.at(2)), bytes));
        }
    }
    assert!(unseen.is_empty(), "bytes of no file");
    (files, folders)
}

/// A SHA-256 sum by the command of that name.
fn sha256(bytes: &[u8]) -> Vec<u8> {
    let folder = Folder::new(&format!("apk-sum-{:?}", std::thread::current().id()));
    let text = output(Command::new("sha256sum").arg(folder.write("bytes", bytes)));
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..64).step_by(2).map(digit).collect()
}

fn text(files: &Files, path: &str) -> String {
    String::from_utf8(files[path].1.clone()).unwrap()
}

#[test]
fn the_package_says_what_it_is() {
    let package = Package::parse(&mipsel("apk-info"));
    let info = package.root.at(1);
    assert_eq!(info.at(1).text(), "wrtracker");
    assert_eq!(info.at(2).text(), version());
    assert!(info.at(4).text().starts_with("A BitTorrent tracker that"));
    // OpenWrt's apk cuts it there.
    assert!(info.at(4).text().len() <= 256);
    assert!(!info.at(4).text().contains('\n'));
    assert_eq!(info.at(5).text(), "mipsel_24kc");
    assert_eq!(info.at(6).text(), "MIT OR Apache-2.0");
    assert_eq!(info.at(7).text(), "openwrt/wrtracker");
    assert_eq!(
        info.at(8).text(),
        "wrtracker developers <developers@wrtracker.example>"
    );
    let size: usize = package.data.values().map(Vec::len).sum();
    assert_eq!(info.at(12).number(), size as u64);
    // It depends on nothing and takes no other's place.
    assert_eq!((info.at(15), info.at(16)), (&Value::Null, &Value::Null));
}

#[test]
fn its_identity_is_the_sum_of_all_that_it_says() {
    let package = Package::parse(&mipsel("apk-identity"));
    let identity = package.root.at(1).at(3).bytes();
    assert_eq!(identity.len(), 20);
    let mut pool = package.pool.clone();
    let at = pool
        .windows(20)
        .position(|window| window == identity)
        .unwrap();
    pool[at..at + 20].fill(0);
    assert_eq!(sha256(&pool)[..20], *identity);
}

#[test]
fn the_files_are_those_of_the_other_format() {
    let (mut files, folders) = files(&Package::parse(&mipsel("apk-files")));
    let folder = Folder::new("apk-ipk");
    let program = folder.write("program", stand_in());
    let mut ipk = builder(&["ipk", "mipsel_24kc", "--program"]);
    output(ipk.arg(program).arg("--output").arg(folder.path()));
    let name = format!("wrtracker_{}_mipsel_24kc.ipk", version());
    for archive in [name.as_str(), "data.tar.gz"] {
        let archive = folder.path().join(archive);
        output(
            Command::new("tar")
                .arg("-C")
                .arg(folder.path())
                .arg("-xpzf")
                .arg(archive),
        );
    }
    files.retain(|path, _| !path.starts_with("/lib/apk/"));
    assert_eq!(files.len(), 6);
    for (path, (mode, bytes)) in files {
        let other = folder.path().join(&path[1..]);
        assert_eq!(fs::read(&other).unwrap(), bytes, "{path}");
        let told = output(Command::new("stat").args(["-c", "%a"]).arg(other));
        assert_eq!(told.trim_end(), format!("{mode:o}"), "{path}");
    }
    // Empty ones too, each after those that it lies in.
    assert!(folders.contains_key("etc/wrtracker") && folders.contains_key(""));
    for (path, mode) in &folders {
        assert_eq!(*mode, 0o755, "{path}");
        let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        assert!(folders.contains_key(parent), "{path}");
    }
}

#[test]
fn folders_and_files_are_sorted_for_apks_search() {
    let package = Package::parse(&mipsel("apk-sorted"));
    let folders = package.root.at(2).items();
    assert!(folders.is_sorted_by(|one, other| one.at(1).bytes() < other.at(1).bytes()));
    for folder in folders {
        let files = folder.at(3).items();
        assert!(files.is_sorted_by(|one, other| one.at(1).bytes() < other.at(1).bytes()));
    }
}

#[test]
fn openwrts_scripts_find_their_lists() {
    let (files, _) = files(&Package::parse(&mipsel("apk-lists")));
    let list = |kind: &str| text(&files, &format!("/lib/apk/packages/wrtracker.{kind}"));
    assert_eq!(list("rusers"), "wrtracker=6969:wrtracker=6969\n");
    assert_eq!(
        list("conffiles"),
        "/etc/config/wrtracker\n/etc/wrtracker/\n"
    );
    let config = &files["/etc/config/wrtracker"].1;
    let sum: String = sha256(config)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(
        list("conffiles_static"),
        format!("/etc/config/wrtracker {sum}\n")
    );
    let named: Vec<_> = files
        .keys()
        .filter(|path| !path.contains(".conffiles"))
        .collect();
    assert_eq!(list("list").lines().collect::<Vec<_>>(), named);
    assert_eq!(
        text(&files, "/lib/upgrade/keep.d/wrtracker"),
        "/etc/wrtracker/\n"
    );
}

#[test]
fn the_scripts_leave_the_work_to_openwrt() {
    let package = Package::parse(&mipsel("apk-scripts"));
    let scripts = package.root.at(3);
    let folder = Folder::new("apk-scripts-root");
    let tell = "echo \"$pkgname $root ${PKG_UPGRADE:-0}\"";
    let functions = format!(
        "add_group_and_user() {{ echo user; {tell}; }}\n\
         default_postinst() {{ echo postinst; {tell}; return 3; }}\n\
         default_prerm() {{ echo prerm; {tell}; return 4; }}\n"
    );
    folder.write("lib/functions.sh", functions);
    let system = folder.path().to_str().unwrap();
    let told = |upgrade| format!("wrtracker {system} {upgrade}\n");
    let cases = [
        (3, format!("user\n{0}postinst\n{0}", told(0)), 3),
        (4, format!("prerm\n{}", told(0)), 4),
        (7, format!("user\n{0}postinst\n{0}", told(1)), 3),
    ];
    for (place, said, status) in cases {
        let script = folder.write("script", scripts.at(place).bytes());
        output(Command::new("sh").arg("-n").arg(&script));
        let mut check = Command::new("shellcheck");
        // 1090, 1091: what is sourced is on the router.
        check.args(["-s", "sh", "-e", "SC1090,SC1091"]).arg(&script);
        match check.output() {
            Ok(told) => assert!(
                told.status.success(),
                "{}",
                String::from_utf8_lossy(&told.stdout)
            ),
            Err(_) => eprintln!("not tested: there is no shellcheck"),
        }
        let mut sh = Command::new("sh");
        let told = run(sh.arg(&script).env("IPKG_INSTROOT", system));
        assert_eq!(String::from_utf8(told.stdout).unwrap(), said);
        assert_eq!(told.status.code(), Some(status));
        // A root without OpenWrt's functions.
        assert_eq!(
            output(sh.env("IPKG_INSTROOT", folder.path().join("none"))),
            ""
        );
    }
    // Nothing before the installation, nothing after the removal.
    for place in [1, 2, 5, 6] {
        assert_eq!(scripts.at(place), &Value::Null);
    }
}

#[test]
fn the_small_package_takes_the_place_of_the_full_one() {
    let name = format!("mipsel_74kc/wrtracker-small-{}.apk", version());
    let package = Package::parse(&make("apk-small", &["--small", "mipsel_74kc"], &name));
    let info = package.root.at(1);
    assert_eq!(info.at(1).text(), "wrtracker-small");
    assert_eq!(info.at(5).text(), "mipsel_74kc");
    let provided = info.at(16).items();
    assert_eq!(provided.len(), 1);
    assert_eq!(
        (provided[0].at(1).text(), provided[0].at(2).text()),
        ("wrtracker", &*version())
    );
    let (files, _) = files(&package);
    assert!(files.contains_key("/lib/apk/packages/wrtracker-small.rusers"));
    assert!(files.contains_key("/etc/config/wrtracker"));
}

#[test]
fn the_same_files_give_the_same_bytes() {
    assert_eq!(mipsel("apk-once"), mipsel("apk-again"));
}
