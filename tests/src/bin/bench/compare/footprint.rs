//! What a tracker takes before it does anything: bytes of its program, memory while idle, time to
//! start.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use wrtracker_tests::folder::Folder;
use wrtracker_tests::process;

use super::columns::Column;
use super::lines::{Better, Line};
use crate::Failure;
use crate::in_process::work;
use crate::table::median;
use crate::trackers::Program;

/// Lines of size, of idle memory and of the start. Where wrtracker has a smaller build, that is put
/// beside the others too.
pub(super) fn measure(columns: &[Column], quick: bool) -> Result<Vec<Line>, Failure> {
    let mut builds = vec![("", Program::Wrtracker(0))];
    match build_small() {
        Ok(how) => {
            println!("wrtracker's small build is the one of `cargo {how}`.");
            builds.push((", wrtracker's small build", Program::SmallWrtracker));
        }
        Err(reason) => println!("wrtracker's small build: {reason}: left out."),
    }
    let others = columns.iter().skip(1).map(|column| column.idle);
    let mut programs: Vec<_> = builds.iter().map(|(_, own)| *own).collect();
    let own = programs.len();
    programs.extend(others);

    let starts = starts(&programs, if quick { 1 } else { 15 })?;
    let mut sizes = Vec::new();
    for &program in &programs {
        sizes.push(size(program));
    }
    let mut lines = Vec::new();
    let mut add = |name: &str, decimals, figure: &dyn Fn(usize) -> Option<f64>| {
        for (nth, (build, _)) in builds.iter().enumerate() {
            let each = [nth].into_iter().chain(own..programs.len());
            let figures = each.map(figure).collect();
            lines.push(Line {
                decimals,
                ..Line::new(&format!("{name}{build}"), Better::Lower, figures)
            });
        }
    };
    add("idle memory: anonymous KiB", 0, &|nth| {
        starts[nth].median(|start| start.anonymous)
    });
    add("idle memory: resident KiB", 0, &|nth| {
        starts[nth].median(|start| start.resident)
    });
    add("start to first answer: ms", 2, &|nth| {
        starts[nth].median(|start| start.millis)
    });
    add("stripped program: bytes", 0, &|nth| {
        Some(sizes[nth].as_ref()?.program)
    });
    let with = "program and its libraries without the C library's: bytes";
    add(with, 0, &|nth| Some(sizes[nth].as_ref()?.with_libraries));
    Ok(lines)
}

/// What one start came to.
struct Start {
    millis: f64,
    anonymous: f64,
    resident: f64,
}

/// All starts of a program.
struct Starts(Vec<Start>);

impl Starts {
    fn median(&self, of: impl Fn(&Start) -> f64) -> Option<f64> {
        median(&self.0.iter().map(of).collect::<Vec<_>>())
    }
}

/// Starts all programs in turn. When another's fails, that is said and doesn't count.
fn starts(programs: &[Program], rounds: usize) -> Result<Vec<Starts>, Failure> {
    let mut all: Vec<_> = programs.iter().map(|_| Starts(Vec::new())).collect();
    for _ in 0..rounds {
        for (program, starts) in programs.iter().zip(&mut all) {
            match start(*program) {
                Ok(start) => starts.0.push(start),
                Err(error) if program.is_own() => return Err(error),
                Err(error) => println!("{}: {error}", program.name()),
            }
        }
    }
    Ok(all)
}

fn start(program: Program) -> Result<Start, Failure> {
    let running = program.start_on_port(&work(1, 1), &[])?;
    let first = running.first_answer.ok_or("no answer")?;
    Ok(Start {
        millis: first.as_secs_f64() * 1e3,
        anonymous: process::anonymous_bytes(running.pid)? as f64 / 1024.0,
        resident: process::resident_bytes(running.pid)? as f64 / 1024.0,
    })
}

/// Bytes of files.
struct Size {
    program: f64,
    with_libraries: f64,
}

fn size(program: Program) -> Option<Size> {
    let file = program.installed()?;
    let bytes = stripped(&file).unwrap_or_else(|error| {
        println!("{}: {error}: its size is not measured.", program.name());
        None
    })?;
    let libraries: u64 = libraries(&file)
        .iter()
        .filter_map(|library| Some(fs::metadata(library).ok()?.len()))
        .sum();
    Some(Size {
        program: bytes as f64,
        with_libraries: (bytes + libraries) as f64,
    })
}

/// The bytes of a program without symbols; `None` without binutils.
fn stripped(file: &Path) -> io::Result<Option<u64>> {
    if process::find_program("strip").is_none() {
        println!("strip is not installed: sizes of programs are not measured.");
        return Ok(None);
    }
    let folder = Folder::new("bench");
    let copy = folder.join("stripped");
    let status = Command::new("strip")
        .arg("-o")
        .arg(&copy)
        .arg(file)
        .status()?;
    if !status.success() {
        return Err(io::Error::other(format!("strip ended with {status}")));
    }
    Ok(Some(fs::metadata(&copy)?.len()))
}

/// The shared libraries that a program loads, but those that every program has: the C library's.
fn libraries(file: &Path) -> Vec<PathBuf> {
    const OF_THE_C_LIBRARY: [&str; 6] =
        ["libc", "libm", "libdl", "librt", "libpthread", "ld-linux"];
    let Ok(output) = Command::new("ldd").arg(file).output() else {
        return Vec::new();
    };
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let library = |line: &str| {
        let (name, rest) = line.trim().split_once(" => ")?;
        let (path, _) = rest.split_once(" (")?;
        let stem = name.split(['.']).next()?;
        let common = OF_THE_C_LIBRARY.contains(&stem);
        (!common).then(|| PathBuf::from(path))
    };
    said.lines().filter_map(library).collect()
}

/// Builds wrtracker as small as this machine can, and tells by which word of cargo's.
fn build_small() -> Result<&'static str, String> {
    const TRIPLE: &str = "x86_64-unknown-linux-musl";
    if !cfg!(target_arch = "x86_64") {
        return Err("only x86-64 is built for here".into());
    }
    let mut ways = vec![vec!["build-small"]];
    if is_set_up_for(TRIPLE) {
        ways.insert(0, vec!["router-build", "x86_64"]);
    }
    for way in ways {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .args(&way)
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
            .output();
        if output.is_ok_and(|output| output.status.success()) {
            return Ok(way[0]);
        }
    }
    Err(format!(
        "can't be built; `rustup target add {TRIPLE}` may help"
    ))
}

/// Whether `openwrt/cross/setup` was run for this target: it says so in a file.
fn is_set_up_for(triple: &str) -> bool {
    let variable = |name| env::var_os(name).filter(|value| !value.is_empty());
    let folder = variable("WRTRACKER_CROSS").map(PathBuf::from).or_else(|| {
        let cache = variable("XDG_CACHE_HOME").map(PathBuf::from);
        let cache = cache.or_else(|| Some(PathBuf::from(variable("HOME")?).join(".cache")))?;
        Some(cache.join("wrtracker-cross"))
    });
    let said = folder.and_then(|folder| fs::read_to_string(folder.join("router.toml")).ok());
    said.is_some_and(|said| said.contains(&format!("[target.{triple}]")))
}
